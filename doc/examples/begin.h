/* SPDX-License-Identifier: Apache-2.0 */
/* begin.h - what every example begins with: the library, and its settings from KEY=VALUE arguments. */
#include <sluice/stream.h>
#include <stdlib.h>
#include <string.h>

static sluice_stream_session *session; /* a client's; NULL: none */

/* An example that cannot go on says why, and ends with the runner's exit status for that.  The server is told: it would
 * wait for its time-out else. */
static inline void must(int status, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return;
    fprintf(stderr, "%s\n", error->text);
    if (session)
        sluice_stream_session_cancel(session);
    sluice_stream_session_close(session, NULL);
    exit(sluice_status_exit(status));
}

/* table: SLUICE_SETTINGS_TRANSFER of a client, _SERVE of a server; pairs end with NULL.  The keys are the long options of
 * `sluice copy` and `sluice serve`: rate=50m, ticket-file=/etc/sluice/ticket. */
static inline void begin(sluice_settings_table table, char **pairs, sluice **library, sluice_settings **settings)
{
    sluice_error error = {0};
    must(sluice_new(library, &error), &error);
    /* Searched before the directory that sluice was installed with. */
    must(sluice_plugin_path(*library, getenv("SLUICE_PLUGIN_PATH"), &error), &error);
    must(sluice_settings_new(*library, table, NULL, settings, &error), &error);
    for (; *pairs; pairs++) {
        char *value = strchr(*pairs, '=');
        if (value)
            *value++ = '\0';
        must(sluice_settings_set(*settings, *pairs, value ? value : "yes", &error), &error);
    }
}

/* What a client does next.  address: host:port, or "" for the ticket's. */
static inline void connect_to(sluice *library, const sluice_settings *settings, const char *address)
{
    sluice_error error = {0};
    const sluice_stream_connect_order order = {.size = sizeof order,
                                               .settings = settings,
                                               .address = address,
                                               .report = {.output = -1, .screen = -1, .quiet = true}};
    must(sluice_stream_connect(library, &order, &session, &error), &error);
}

/* And at its end.  status: of what came before, with its sentence in error. */
static inline void disconnect(int status, sluice_error *error)
{
    sluice_stream_session *over = session;
    session = NULL;
    int end = sluice_stream_session_close(over, status == SLUICE_OK ? error : NULL);
    must(status == SLUICE_OK ? end : status, error);
}

/* And a server. */
static inline sluice_stream_listener *
listen_on(sluice *library, sluice_settings *settings, const char *address,
          int (*requested)(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error))
{
    sluice_stream_listener *listener;
    sluice_error error = {0};
    must(sluice_settings_set(settings, "listen", address, &error), &error);
    const sluice_stream_listen_order order = {
        .size = sizeof order, .settings = settings, .requested = requested, .report = {.output = -1, .screen = -1}};
    must(sluice_stream_listen(library, &order, &listener, &error), &error);
    sluice_server *server = sluice_stream_listener_server(listener);
    fprintf(stderr, "port %d, ticket %s\n", sluice_server_port(server), sluice_server_ticket_file(server));
    return listener;
}
