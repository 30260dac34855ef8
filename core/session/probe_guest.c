/* SPDX-License-Identifier: Apache-2.0 */
#include "session/probe_guest.h"

#include "session/survey.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the disk's turn ---- */

static const char *why_not(const sluice_server *server, bool may_write)
{
    if (!may_write)
        return "the client may not write there";
    if (server->disk_busy)
        return "it is being measured for another client";
    if (server->disk_when && sluice_loop_now(server->loop) < server->disk_when + SLUICE_PROBE_DISK_PAUSE_NS)
        return "it was measured a moment ago";
    return NULL;
}

void sluice_probed_begin(sluice_probed *probed, sluice_server *server, bool may_write)
{
    const char *why = why_not(server, may_write);
    memset(probed, 0, sizeof *probed);
    probed->disk = why == NULL;
    if (why)
        sluice_survey_disk(&probed->facts, NULL, why);
    else
        server->disk_busy = true;
}

void sluice_probed_made(sluice_probed *probed, sluice_server *server)
{
    if (!probed->disk)
        return;
    probed->disk = false;
    server->disk_busy = false;
    server->disk_when = sluice_loop_now(server->loop);
}

/* ---- the store ---- */

/* As much as the client asks for, within bounds. */
static int make_source(sluice *library, const sluice_request *request, uint32_t threads, sluice_store *out,
                       sluice_error *error)
{
    char argument[32];
    uint64_t bytes = request->argument ? strtoull(request->argument, NULL, 10) : 0;
    snprintf(argument, sizeof argument, "%" PRIu64 "*1", bytes < SLUICE_PROBE_BYTES ? bytes : SLUICE_PROBE_BYTES);
    sluice_request own = *request;
    own.argument = argument;
    own.operand_count = own.rule_count = 0;
    return sluice_store_source(library, "zero", NULL, &own, threads, false, out, error);
}

int sluice_probed_make(sluice_probed *probed, sluice *library, const char *root, const sluice_request *request,
                       uint32_t threads, sluice_store *out, sluice_error *error)
{
    if (probed->disk)
        sluice_survey_disk(&probed->facts, root ? root : ".", NULL);
    return request->push ? sluice_store_sink(library, "null", NULL, "", request, threads, false, out, error)
                         : make_source(library, request, threads, out, error);
}

/* ---- the facts ---- */

void sluice_probed_tell(sluice_probed *probed, const sluice_server *server, sluice_session *session)
{
    sluice_facts *facts = &probed->facts;
    sluice_survey_system(facts);
    sluice_survey_suite(facts, &server->suite);
    if (server->datagram)
        sluice_survey_socket(facts, server->datagram);
    facts->datagrams = sluice_session_datagrams(session);
    sluice_session_facts(session, facts);
}
