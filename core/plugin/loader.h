/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.h - the door to libltdl: a file in, the address of its descriptor out.
 *
 * libltdl keeps one state per process and is not safe for threads; a lock in loader.c, the only global of the
 * library, guards every call.  Other users of libltdl in the same process are outside of it: such an application
 * must not load modules of its own while it calls us.
 */
#ifndef SLUICE_PLUGIN_LOADER_H
#define SLUICE_PLUGIN_LOADER_H

#include <sluice/status.h>

/* Each user of the loader begins and ends once. */
int sluice_loader_begin(sluice_error *error);
void sluice_loader_end(void);

/* Opens the shared object at a full path, with everything bound, and finds `symbol` (of which libltdl makes
 * <file name>_LTX_<symbol>).  SLUICE_EPLUGIN with the dynamic linker's own reason: which file lacks which symbol. */
int sluice_loader_open(const char *path, const char *symbol, void **handle, const void **address,
                       sluice_error *error);

/* The plugins that are linked into the program (libtool -dlpreopen): <kind>_<name>.a each. */
void sluice_loader_each_linked(void (*each)(void *user, const char *file), void *user);

/* The same for one of those.  SLUICE_ENOENT if it is not there. */
int sluice_loader_open_linked(const char *file, const char *symbol, void **handle, const void **address,
                              sluice_error *error);

void sluice_loader_close(void *handle);

#endif
