/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - the part of a server's configuration that it can change while it runs: prepared by whoever asks for it, so
 * that files are read and errors found before anything is changed, and taken over by the loop's thread in one step.
 */
#ifndef SLUICE_SESSION_RELOAD_H
#define SLUICE_SESSION_RELOAD_H

#include "session/guest.h"

/* The tickets that a configuration gives this server.  Any thread, once the ports are open. */
int sluice_reload_admission(const sluice_server *server, sluice *configuration, const sluice_serve_settings *serve,
                            sluice_admission **out, sluice_error *error);

/* Says in the log which tickets there are.  The loop's thread, or before it runs. */
void sluice_reload_describe(const sluice_server *server);

/* Takes over what was prepared, if something was.  The loop's thread. */
void sluice_reload_take(sluice_server *server);

void sluice_reload_free(sluice_reload *reload); /* NULL is fine */

#endif
