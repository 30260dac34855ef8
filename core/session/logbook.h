/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logbook.h - what a server's log says of its clients: one line when a client is admitted, one when its session is
 * over, one for each refusal.  Lines of one session begin with the same "session 1a2b3c4d:".
 */
#ifndef SLUICE_SESSION_LOGBOOK_H
#define SLUICE_SESSION_LOGBOOK_H

#include "base/log.h"
#include "net/keys.h"
#include <sluice/report.h>
#include <sluice/status.h>

#define SLUICE_LOGBOOK_ID 9 /* the first 8 digits of a session's id, and a NUL */

/* Who is written about. */
typedef struct sluice_logbook_guest {
    char id[SLUICE_LOGBOOK_ID];
    const char *peer;   /* host:port */
    const char *ticket; /* name of its section; NULL: not known */
    bool push;
    bool streams;       /* and neither push nor pull */
} sluice_logbook_guest;

/* All of these: any thread. */

void sluice_logbook_id(const uint8_t session_id[SLUICE_SESSION_ID_BYTES], char out[SLUICE_LOGBOOK_ID]);

void sluice_logbook_admitted(sluice_log *log, const sluice_logbook_guest *guest, const char *transport,
                             const char *cipher, const char *crypto);
void sluice_logbook_refused(sluice_log *log, const sluice_logbook_guest *guest, const sluice_error *why);
void sluice_logbook_over(sluice_log *log, const sluice_logbook_guest *guest, const sluice_statistics *figures,
                         const sluice_error *why);

#endif
