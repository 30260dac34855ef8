/* SPDX-License-Identifier: Apache-2.0 */
#include "session/logbook.h"

#include "net/secure.h"
#include <inttypes.h>
#include <stdio.h>

void sluice_logbook_id(const uint8_t session_id[SLUICE_SESSION_ID_BYTES], char out[SLUICE_LOGBOOK_ID])
{
    sluice_hex_text(session_id, (SLUICE_LOGBOOK_ID - 1) / 2, out);
}

static const char *ticket_of(const sluice_logbook_guest *guest)
{
    return guest->ticket ? guest->ticket : "unknown";
}

static const char *direction_of(const sluice_logbook_guest *guest)
{
    return guest->streams ? "streams" : guest->push ? "push" : "pull";
}

void sluice_logbook_admitted(sluice_log *log, const sluice_logbook_guest *guest, const char *transport,
                             const char *cipher, const char *crypto)
{
    sluice_log_say(log, SLUICE_LOG_INFO, "session %s: admitted %s, ticket %s, %s, transport %s, %s (%s)", guest->id,
                   guest->peer, ticket_of(guest), direction_of(guest), transport, cipher, crypto);
}

void sluice_logbook_refused(sluice_log *log, const sluice_logbook_guest *guest, const sluice_error *why)
{
    sluice_log_say(log, SLUICE_LOG_WARNING, "refused %s, ticket %s: %s", guest->peer, ticket_of(guest), why->text);
}

void sluice_logbook_over(sluice_log *log, const sluice_logbook_guest *guest, const sluice_statistics *figures,
                         const sluice_error *why)
{
    bool good = why->status == SLUICE_OK;
    char others[64] = "";
    double resent = figures->data_packets ? 100.0 * (double)figures->resent_packets / (double)figures->data_packets : 0;
    if (figures->failed || figures->skipped)
        snprintf(others, sizeof others, " (%" PRIu64 " failed, %" PRIu64 " skipped)", figures->failed,
                 figures->skipped);
    sluice_log_say(log, good ? SLUICE_LOG_INFO : SLUICE_LOG_WARNING,
                   "session %s: %s %s, ticket %s, %s, %" PRIu64 " files%s, %" PRIu64
                   " bytes, %.1f s, %.1f Mbit/s, resent %.1f %%%s%s",
                   guest->id, good ? "done" : "failed", guest->peer, ticket_of(guest), direction_of(guest),
                   figures->files, others, figures->bytes, (double)figures->duration_ns / SLUICE_SECOND,
                   (double)figures->goodput_bps / 1e6, resent, good ? "" : ": ", good ? "" : why->text);
}
