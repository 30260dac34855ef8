/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/haul.h"

#include "cli/screen.h"

#include <sluice/stream.h>
#include <stdio.h>
#include <string.h>

static void cancel_session(void *session)
{
    sluice_stream_session_cancel(session);
}

/* What is said of the settings' numbers: 0 where they say nothing. */
static uint64_t number(const sluice_settings *settings, const char *key)
{
    uint64_t value = 0;
    (void)sluice_settings_number(settings, key, &value);
    return value;
}

/* In the background, so that signals end the waiting too. */
static int connect_to(sluice_orders *orders, const sluice_settings *settings, const char *name,
                      const sluice_haul *haul, sluice_stream_session **out, sluice_error *error)
{
    bool data = !haul->push && sluice_order_takes_output(haul->place);
    const sluice_stream_connect_order order = {
        .size = sizeof order,
        .settings = settings,
        .address = haul->address,
        .background = true,
        .name = name,
        .event = sluice_order_warnings(settings),
        .report = sluice_screen_spec(data, sluice_settings_get(settings, "progress"),
                                     sluice_screen_is_on(settings, "quiet"), sluice_screen_is_on(settings, "verbose")),
    };
    return sluice_stream_connect(orders->library, &order, out, error);
}

static int move(sluice_orders *orders, const sluice_settings *settings, const sluice_haul *haul,
                sluice_stream_session *session, sluice_error *error)
{
    sluice_stream *stream;
    const sluice_stream_order order = {
        .size = sizeof order,
        .name = haul->stream,
        .mode = haul->push ? SLUICE_STREAM_PUSH : SLUICE_STREAM_PULL,
        .gather_ns = number(settings, "gather"),
        .deadline_ns = number(settings, "deadline"),
    };
    int status = sluice_stream_session_ready(session, SLUICE_NEVER, error);
    if (status == SLUICE_OK)
        status = sluice_stream_open(session, &order, &stream, error);
    if (status != SLUICE_OK)
        return status;
    status = haul->push ? sluice_stream_pour(orders->library, haul->place, stream, error)
                        : sluice_stream_fill(orders->library, stream, haul->place, error);
    sluice_stream_close(stream, status == SLUICE_OK ? error : NULL);
    return status;
}

int sluice_haul_run(sluice_orders *orders, const sluice_settings *settings, const char *name, const sluice_haul *haul)
{
    sluice_error error = {0}, why = {0};
    sluice_stream_session *session;
    int status = sluice_stream_place_check(orders->library, haul->push ? SLUICE_SOURCE : SLUICE_SINK, haul->place, &error);
    if (status == SLUICE_OK)
        status = connect_to(orders, settings, name, haul, &session, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(name, status, &error);
    sluice_orders_current(orders, session, cancel_session, "");
    status = move(orders, settings, haul, session, &error);
    sluice_orders_current(orders, NULL, NULL, "");
    int ended = sluice_stream_session_close(session, &why);
    if (status == SLUICE_OK && ended != SLUICE_OK) {
        status = ended;
        error = why;
    }
    if (status == SLUICE_OK)
        return 0;
    int exit_status = sluice_screen_fail(name, status, &error);
    return sluice_orders_interrupted(orders) ? sluice_status_exit(SLUICE_EINTERRUPTED) : exit_status;
}
