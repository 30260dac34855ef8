/* SPDX-License-Identifier: Apache-2.0 */
#include "session/reload.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct sluice_reload {
    sluice_settings *settings;
    sluice_admission *admission;
    sluice_log_level level;
    bool other_plugins; /* options of plugins are not what they were */
};

/* Keys of [serve] that are looked at when a server starts, and never again. */
static const char *const lasting[] = {"listen", "ticket-file", "cipher",         "crypto",
                                      "report", "json",        "max-handshakes", "max-handshakes-per-host"};

static void tell(void *user, sluice_log_level level, const char *sentence)
{
    sluice_log_say(user, level, "%s", sentence);
}

/* ---- preparing ---- */

int sluice_reload_admission(const sluice_server *server, sluice *configuration, const sluice_serve_settings *serve,
                            sluice_admission **out, sluice_error *error)
{
    char host[256] = "localhost", address[SLUICE_TICKET_ADDRESS_BYTES + 1];
    gethostname(host, sizeof host - 1);
    snprintf(address, sizeof address, "%.240s:%u", host, (unsigned)server->port);
    sluice_admission_setup setup = {.library = configuration,
                                    .serve = serve,
                                    .ticket_file = server->ticket_file,
                                    .key = sluice_identity_fingerprint(server->identity),
                                    .address = address,
                                    .now_s = (uint64_t)time(NULL),
                                    .rootless = sluice_server_rootless(server, configuration),
                                    .tell = tell,
                                    .user = server->log};
    return sluice_admission_new(&setup, out, error);
}

static int prepare(const sluice_server *server, sluice *configuration, const sluice_settings *settings,
                   sluice_reload *reload, sluice_error *error)
{
    int status = sluice_settings_check(settings, error);
    if (status == SLUICE_OK)
        status = sluice_settings_copy(settings, &reload->settings, error);
    if (status == SLUICE_OK)
        status = sluice_reload_admission(server, configuration, sluice_settings_serve(reload->settings),
                                         &reload->admission, error);
    reload->level = (sluice_log_level)atomic_load(&sluice_library_log(configuration)->level);
    reload->other_plugins =
        !sluice_configuration_same_plugins(&server->library->configuration, &configuration->configuration);
    return status;
}

int sluice_server_reload(sluice_server *server, sluice *configuration, const sluice_settings *settings,
                         sluice_error *error)
{
    sluice_reload *reload = calloc(1, sizeof *reload);
    if (!reload)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a configuration");
    int status = prepare(server, configuration, settings, reload, error);
    if (status != SLUICE_OK) {
        sluice_reload_free(reload);
        return status;
    }
    pthread_mutex_lock(&server->reload_lock);
    sluice_reload *before = server->reload;
    server->reload = reload;
    pthread_mutex_unlock(&server->reload_lock);
    sluice_reload_free(before); /* came too late for the loop to see it */
    sluice_server_wake(server);
    return SLUICE_OK;
}

void sluice_reload_free(sluice_reload *reload)
{
    if (!reload)
        return;
    sluice_settings_free(reload->settings);
    sluice_admission_free(reload->admission);
    free(reload);
}

/* ---- taking over ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static void warn_of_lasting(const sluice_server *server, const sluice_reload *reload)
{
    for (size_t i = 0; i < SLUICE_COUNT(lasting); i++) {
        const char *was = sluice_settings_get(server->first, lasting[i]);
        if (!same_text(was, sluice_settings_get(reload->settings, lasting[i])))
            sluice_log_say(server->log, SLUICE_LOG_WARNING, "reload: %s stays %s until the server is started again",
                           lasting[i], was ? was : "as it is");
    }
    if (reload->other_plugins)
        sluice_log_say(server->log, SLUICE_LOG_WARNING,
                       "reload: options of plugins stay as they are until the server is started again");
}

void sluice_reload_describe(const sluice_server *server)
{
    /* One that everybody has goes without saying. */
    if (server->serve->default_ticket && sluice_admission_count(server->admission) == 1)
        return;
    sluice_admission_describe(server->admission, (uint64_t)time(NULL), tell, server->log);
}

static void swap_in(sluice_server *server, sluice_reload *reload)
{
    sluice_settings *settings = server->settings;
    sluice_admission *admission = server->admission;
    server->settings = reload->settings;
    server->serve = sluice_settings_serve(server->settings);
    server->admission = reload->admission;
    reload->settings = settings;
    reload->admission = admission;
}

void sluice_reload_take(sluice_server *server)
{
    pthread_mutex_lock(&server->reload_lock);
    sluice_reload *reload = server->reload;
    server->reload = NULL;
    pthread_mutex_unlock(&server->reload_lock);
    if (!reload)
        return;
    sluice_log_level_is(server->log, reload->level);
    warn_of_lasting(server, reload);
    swap_in(server, reload);
    sluice_log_say(server->log, SLUICE_LOG_INFO, "reloaded: the new configuration is in force, %zu tickets",
                   sluice_admission_count(server->admission));
    sluice_reload_describe(server);
    sluice_guests_renew(server);
    sluice_reload_free(reload);
}
