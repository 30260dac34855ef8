/* SPDX-License-Identifier: Apache-2.0 */
/* connect.c - a client's session of streams: from the order to its end. */
#include "session/client.h"
#include "session/watchers.h"
#include "stream/moorage.h"
#include "stream/patience.h"

#include <stdio.h>
#include <string.h>

static int name_from(sluice_stream_session *session, const char *address, sluice_error *error)
{
    sluice_operands server = {0};
    int status = sluice_operands_server(&server, address, error);
    if (status == SLUICE_OK && strlen(server.destination) > SLUICE_STREAM_NAME_MAX)
        status = sluice_fail(error, SLUICE_EUSAGE, "%s: the name of a stream has at most %d bytes", address,
                             SLUICE_STREAM_NAME_MAX);
    if (status == SLUICE_OK)
        snprintf(session->name, sizeof session->name, "%s", server.destination);
    sluice_operands_fini(&server);
    return status;
}

static int prepare(sluice_stream_session *session, const sluice_stream_connect_order *order, sluice_error *error)
{
    int status = name_from(session, order->address, error);
    snprintf(session->peer, sizeof session->peer, "%s", order->address ? order->address : "server");
    if (status == SLUICE_OK)
        status = sluice_settings_copy(order->settings, &session->settings, error);
    if (status != SLUICE_OK)
        return status;
    session->checksum = (sluice_checksum)sluice_settings_transfer(session->settings)->checksum;
    session->drop_behind = sluice_settings_transfer(session->settings)->drop_behind;
    return SLUICE_OK;
}

static int start(sluice *instance, const sluice_stream_connect_order *order, sluice_stream_session *session,
                 sluice_error *error)
{
    sluice_cargo_maker maker;
    sluice_moorage_setup moorage = {.session = session};
    sluice_transfer_order transfer = {
        .size = sizeof transfer,
        .settings = order->settings,
        .destination = order->address,
        .name = order->name ? order->name : session->name[0] ? session->name : NULL,
        .event = order->event,
        .user = order->user,
        .report = sluice_watchers_spec(&order->report),
    };
    int status = sluice_moorage_new(&moorage, &maker, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_client_start_streams(instance, &transfer, &maker, &session->transfer, error);
    if (status != SLUICE_OK)
        sluice_moorage_free(&maker);
    return status;
}

int sluice_stream_connect(sluice *instance, const sluice_stream_connect_order *order, sluice_stream_session **out,
                          sluice_error *error)
{
    sluice_stream_session *session;
    int status =
        sluice_stream_session_new(true, sluice_settings_transfer(order->settings)->memory, &session, error);
    if (status != SLUICE_OK)
        return status;
    session->library = instance;
    status = prepare(session, order, error);
    if (status == SLUICE_OK)
        status = start(instance, order, session, error);
    if (status != SLUICE_OK) {
        sluice_stream_session_leave(session);
        return status;
    }
    if (!order->background) {
        status = sluice_stream_session_ready(session, SLUICE_NEVER, error);
        if (status != SLUICE_OK) {
            sluice_stream_session_close(session, NULL);
            return status;
        }
    }
    *out = session;
    return SLUICE_OK;
}

/* What is left of closed streams goes its way; a server that does not answer is given up after the time-out. */
static void wait_for_end(sluice_stream_session *session)
{
    pthread_mutex_lock(&session->lock);
    bool stands = session->stage == SLUICE_STREAM_STANDS;
    if (stands && !atomic_load(&session->transfer->cancel)) { /* which would come second, and say something else */
        session->close_asked = true;
        sluice_stream_session_wake_locked(session);
    }
    while (stands && session->stage != SLUICE_STREAM_OVER)
        sluice_patience_wait(&session->changed, &session->lock, SLUICE_NEVER);
    pthread_mutex_unlock(&session->lock);
}

int sluice_stream_session_close(sluice_stream_session *session, sluice_error *error)
{
    sluice_error why = {0};
    sluice_statistics figures;
    if (!session)
        return SLUICE_OK;
    wait_for_end(session);
    sluice_transfer_cancel(session->transfer);
    int status = sluice_transfer_wait(session->transfer, &figures, &why);
    sluice_transfer_free(session->transfer);
    if (session->in_order) /* what became of its streams was told with them */
        status = SLUICE_OK;
    sluice_stream_session_leave(session);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "%s", why.text);
}
