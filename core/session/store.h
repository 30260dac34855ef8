/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - a source or a sink made ready from what a request says.
 *
 * Making one may block (it looks at the disk): a server does it on its pool.
 */
#ifndef SLUICE_SESSION_STORE_H
#define SLUICE_SESSION_STORE_H

#include "plugin/instance.h"
#include "session/request.h"
#include "session/transfer.h"

/* One of them is set; its init has succeeded. */
typedef struct sluice_store {
    sluice_instance *source, *sink;
} sluice_store;

/* plugin: "file", ...; root NULL: paths are the local user's own.  The request's rules filter the source and must
 * outlive it.  drop_behind: the request's, or the server's own. The plugin's own errors and sentences. */
int sluice_store_source(sluice *library, const char *plugin, const char *root, const sluice_request *request,
                        uint32_t threads, bool drop_behind, sluice_store *out, sluice_error *error);
int sluice_store_sink(sluice *library, const char *plugin, const char *root, const char *destination,
                      const sluice_request *request, uint32_t threads, bool drop_behind, sluice_store *out,
                      sluice_error *error);

/* True: another one, made of the same request, could not begin where this one began (SLUICE_SOURCE_ONCE). */
bool sluice_store_once(const sluice_store *store);

/* True: a source whose argument stands for any number of files (SLUICE_SOURCE_IN_TURN). */
bool sluice_store_several(const sluice_store *store);

/* What a mover needs of it; borrows the store's instance. */
sluice_mover_store sluice_store_open(const sluice_store *store);

/* Calls fini and frees; safe on a zeroed struct. */
void sluice_store_fini(sluice_store *store);

#endif
