/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/service.h"

#include "cli/interrupt.h"
#include "cli/notify.h"
#include "cli/order.h"
#include "cli/quay.h"
#include "cli/screen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors: what a session may have open when it carries many small files at once, what it can do with, and what the
 * server needs besides. */
#define SESSION_MOST 520
#define SESSION_LEAST 64
#define SERVER_OWN 128

/* SIGTERM: no new sessions, those that run may finish.  SIGINT, or any second signal: all end soon.  SIGHUP: the
 * configuration is read again. */
typedef struct service {
    pthread_mutex_t lock; /* guards server, without which nothing else here is touched by a reload */
    sluice_server *server;
    const sluice_line *line; /* from which everything is made */
    const sluice_offer *own; /* of the line; NULL: none */
    sluice_quay quay;
    bool terminal;           /* the log is read on one */
    bool quiet;
    sluice_interrupt interrupt;
} service;

/* ---- reload ---- */

static void complain_of_reload(const char *sentence)
{
    sluice_screen_note(SLUICE_LOG_ERROR, "reload: %s", sentence);
}

/* Hands the server what a new reading of file and options says. */
static int take_over(service *self, sluice *library, sluice_error *error)
{
    sluice_settings *settings;
    sluice_offers *offers = NULL;
    int status = sluice_line_settings(self->line, library, NULL, &settings, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_offers_new(library, settings, self->own, &offers, error);
    pthread_mutex_lock(&self->lock);
    if (status == SLUICE_OK && self->server != NULL)
        status = sluice_server_reload(self->server, library, settings, error);
    if (status == SLUICE_OK && self->server != NULL && self->quay.listener != NULL) {
        sluice_quay_offers(&self->quay, offers);
        offers = NULL;
    }
    pthread_mutex_unlock(&self->lock);
    sluice_offers_free(offers);
    sluice_settings_free(settings);
    return status;
}

static void note(const service *self, const char *sentence)
{
    if (!self->quiet)
        sluice_screen_note(SLUICE_LOG_INFO, "%s", sentence);
}

static void reload(service *self)
{
    sluice_error error = {0};
    sluice *library;
    sluice_notify_reloading();
    note(self, "reload: SIGHUP came");
    int status = sluice_line_library(self->line, complain_of_reload, &library, &error);
    if (status == SLUICE_OK) {
        status = take_over(self, library, &error);
        sluice_free(library);
    }
    if (status != SLUICE_OK && error.text[0] != '\0')
        complain_of_reload(error.text);
    if (status != SLUICE_OK)
        sluice_screen_note(SLUICE_LOG_ERROR, "reload: failed; the old configuration stays in force");
    sluice_notify_ready();
}

/* ---- the end ---- */

static void end(service *self, bool drain)
{
    note(self, drain ? "no new sessions; ending when those that run are done"
                        : "interrupted: ending all sessions; once more ends at once");
    sluice_notify_stopping();
    pthread_mutex_lock(&self->lock);
    if (self->server != NULL && drain)
        sluice_server_drain(self->server);
    else if (self->server != NULL)
        sluice_server_cancel(self->server);
    pthread_mutex_unlock(&self->lock);
}

static void came(void *user, int signal, unsigned count)
{
    service *self = user;
    /* A terminal that goes away says SIGHUP too, and leaves nobody to follow the log. */
    if (signal == SIGHUP && self->terminal && !isatty(STDERR_FILENO))
        end(self, true);
    else if (signal == SIGHUP)
        reload(self);
    else
        end(self, signal == SIGTERM && count == 1);
}

static void set_server(service *self, sluice_server *server)
{
    pthread_mutex_lock(&self->lock);
    self->server = server;
    if (server != NULL && sluice_interrupt_last(&self->interrupt) != 0)
        sluice_server_cancel(server);
    pthread_mutex_unlock(&self->lock);
}

/* ---- what it says of itself ---- */

/* A word as a shell takes it: as it is, or in single quotes. */
static void quote(const char *word, char *out, size_t size)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+:@%,=";
    size_t n = 0;
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        snprintf(out, size, "%s", word);
        return;
    }
    out[n++] = '\'';
    for (; *word != '\0' && n + 6 < size; word++) {
        if (*word == '\'') {
            memcpy(out + n, "'\\''", 4);
            n += 4;
        } else {
            out[n++] = *word;
        }
    }
    out[n++] = '\'';
    out[n] = '\0';
}

/* The host that clients should name: the one that is listened on, or this machine's name where that is any. */
static void host_name(const char *listen, char *out, size_t size)
{
    char name[256] = "";
    const char *colon = strrchr(listen, ':');
    size_t bytes = colon != NULL ? (size_t)(colon - listen) : strlen(listen);
    bool any = bytes == 0 || (bytes == 4 && memcmp(listen, "[::]", 4) == 0) ||
               (bytes == 7 && memcmp(listen, "0.0.0.0", 7) == 0) || (bytes == 1 && listen[0] == '*');
    if (!any)
        snprintf(out, size, "%.*s", (int)bytes, listen);
    else if (gethostname(name, sizeof name - 1) == 0 && name[0] != '\0')
        snprintf(out, size, "%s", name);
    else
        snprintf(out, size, "localhost");
}

/* Where clients find the server, and what lets them in. */
typedef struct whereabouts {
    char host[300], ticket[4200];
    int port;
} whereabouts;

static void find_out(const sluice_server *server, const sluice_settings *settings, whereabouts *out)
{
    const char *listen = sluice_settings_get(settings, "listen"), *ticket = sluice_server_ticket_file(server);
    host_name(listen != NULL ? listen : "", out->host, sizeof out->host);
    quote(ticket != NULL ? ticket : "TICKET", out->ticket, sizeof out->ticket);
    out->port = sluice_server_port(server);
}

static void tell_how_to_copy(const whereabouts *at, bool takes, bool gives)
{
    if (takes)
        dprintf(STDERR_FILENO, "To send here:\n    sluice copy --ticket-file %s FILE... sluice://%s:%d/\n", at->ticket,
                at->host, at->port);
    if (gives)
        dprintf(STDERR_FILENO, "To fetch from here:\n    sluice copy --ticket-file %s sluice://%s:%d/FILE .\n",
                at->ticket, at->host, at->port);
}

/* A name in a URL that a shell takes as it is. */
static void escape(const char *name, char *out, size_t size)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = 0;
    for (; *name != '\0' && n + 4 < size; name++)
        n += (size_t)snprintf(out + n, size - n, strchr(plain, *name) != NULL ? "%c" : "%%%02X", (unsigned char)*name);
    out[n] = '\0';
}

static void tell_how_to_stream(const whereabouts *at, const sluice_offer *offer, bool takes, bool gives)
{
    char name[800];
    escape(offer->name != NULL ? offer->name : "", name, sizeof name);
    if (offer->sink != NULL && takes)
        dprintf(STDERR_FILENO, "To send %s here:\n    sluice send --ticket-file %s sluice://%s:%d/%s\n",
                offer->name != NULL ? offer->name : "a stream", at->ticket, at->host, at->port, name);
    if (offer->source != NULL && gives)
        dprintf(STDERR_FILENO, "To receive %s from here:\n    sluice recv --ticket-file %s sluice://%s:%d/%s\n",
                offer->name != NULL ? offer->name : "the stream", at->ticket, at->host, at->port, name);
}

/* What is served, in a word or two. */
static void name_cargo(const sluice_settings *settings, const sluice_offers *offers, char *out, size_t size)
{
    const char *root = sluice_settings_get(settings, "root");
    size_t n = 0;
    if (root != NULL || offers->count == 0)
        n = (size_t)snprintf(out, size, "%s", root != NULL ? root : "tickets' roots");
    if (offers->count > 0 && n < size)
        snprintf(out + n, size - n, "%s%zu stream%s", n > 0 ? " and " : "", offers->count, offers->count == 1 ? "" : "s");
}

static void introduce(const service *self, const sluice_server *server, const sluice_settings *settings)
{
    const sluice_offers *offers = self->quay.offers; /* signals are not heeded yet */
    const char *listen = sluice_settings_get(settings, "listen");
    bool takes = !sluice_screen_is_on(settings, "read-only"), gives = !sluice_screen_is_on(settings, "write-only");
    char cargo[4200];
    whereabouts at;
    find_out(server, settings, &at);
    name_cargo(settings, offers, cargo, sizeof cargo);
    /* Without its port, which may have been 0: the true one follows. */
    int address = listen != NULL && strrchr(listen, ':') != NULL ? (int)(strrchr(listen, ':') - listen) : 0;
    sluice_screen_say("serving %s on %.*s, TCP and UDP port %d, key sha256:%s", cargo, address,
                      listen != NULL ? listen : "", at.port, sluice_server_fingerprint(server));
    if (sluice_settings_get(settings, "root") != NULL || offers->count == 0)
        tell_how_to_copy(&at, takes, gives);
    for (size_t i = 0; i < offers->count; i++)
        tell_how_to_stream(&at, &offers->rows[i], takes, gives);
    dprintf(STDERR_FILENO, "On another machine name a copy of the ticket there (mode 600). Who has it is let in.\n");
}

/* ---- the start and the end ---- */

/* Whoever has started us may end before the session does, and nobody listens on stderr then. */
static void outlive_ssh(void)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static uint64_t number(const sluice_settings *settings, const char *key)
{
    const char *value = sluice_settings_get(settings, key);
    return value != NULL ? strtoull(value, NULL, 10) : 0;
}

/* As many descriptors as all sessions together may need, if the system gives them. */
static void raise_descriptor_limit(const sluice_settings *settings)
{
    struct rlimit limit;
    uint64_t sessions = number(settings, "max-sessions"), own = number(settings, "max-handshakes") + SERVER_OWN;
    uint64_t most = sessions * SESSION_MOST + own, least = sessions * SESSION_LEAST + own;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= most)
        return;
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : (rlim_t)most;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < least)
        sluice_screen_note(SLUICE_LOG_WARNING,
                           "%llu open files are few for %llu sessions, each of which may have hundreds open: raise the "
                           "limit (ulimit -n, LimitNOFILE=) or lower max-sessions",
                           (unsigned long long)limit.rlim_cur, (unsigned long long)sessions);
}

/* Behind ssh there are no streams. */
static int serve_stdio(sluice *library, const sluice_settings *settings, service *self)
{
    sluice_error error = {0};
    sluice_server *server;
    const sluice_server_order order = {
        .size = sizeof order,
        .settings = settings,
        .report = sluice_screen_spec(true, NULL, true, sluice_screen_is_on(settings, "verbose")),
    };
    outlive_ssh();
    int status = sluice_server_start(library, &order, &server, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    set_server(self, server);
    sluice_notify_ready();
    status = sluice_server_wait(server, &error);
    set_server(self, NULL);
    sluice_server_free(server);
    return status == SLUICE_OK ? 0 : sluice_screen_fail(NULL, status, &error);
}

/* With a stream of the command line that ends the server, the server has come to what its streams have. */
static int outcome(service *self, const sluice_settings *settings)
{
    bool any, ends = self->quay.last_taken || sluice_screen_is_on(settings, "once");
    int worst = sluice_quay_outcome(&self->quay, &any);
    if (self->own == NULL || !ends || sluice_interrupt_last(&self->interrupt) == SIGTERM)
        return any && ends ? worst : 0;
    if (any)
        return worst;
    sluice_screen_complain("the session has asked for no stream that is here");
    return sluice_status_exit(SLUICE_EFAILED);
}

static int serve_network(sluice *library, const sluice_settings *settings, service *self)
{
    sluice_error error = {0};
    bool data = self->own != NULL && self->own->sink != NULL && sluice_order_takes_output(self->own->sink);
    sluice_stream_listen_order order = {
        .size = sizeof order,
        .settings = settings,
        .sections = self->own == NULL,
        .report = sluice_screen_spec(data, NULL, self->quiet, sluice_screen_is_on(settings, "verbose")),
    };
    sluice_offers *offers;
    int status = sluice_offers_new(library, settings, self->own, &offers, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    raise_descriptor_limit(settings);
    sluice_quay_init(&self->quay, library, offers);
    self->quay.quiet = self->quiet;
    status = sluice_quay_open(&self->quay, &order, &error);
    if (status == SLUICE_OK) {
        sluice_server *server = sluice_stream_listener_server(self->quay.listener);
        if (!self->quiet)
            introduce(self, server, settings);
        set_server(self, server);
        sluice_notify_ready();
        sluice_quay_run(&self->quay);
        set_server(self, NULL);
    }
    int exit_status = status == SLUICE_OK ? outcome(self, settings) : sluice_screen_fail(NULL, status, &error);
    sluice_quay_fini(&self->quay);
    return exit_status;
}

static int serve(sluice *library, const sluice_settings *settings, service *self)
{
    int exit_status = sluice_screen_is_on(settings, "stdio") ? serve_stdio(library, settings, self)
                                                             : serve_network(library, settings, self);
    if (sluice_interrupt_last(&self->interrupt) == SIGINT)
        return sluice_status_exit(SLUICE_EINTERRUPTED);
    return exit_status;
}

int sluice_service_run(const sluice_line *line, sluice *library, const sluice_offer *own)
{
    sluice_error error = {0};
    sluice_settings *settings;
    service self = {.line = line, .own = own, .terminal = isatty(STDERR_FILENO) == 1};
    int exit_status, status = sluice_line_settings(line, library, NULL, &settings, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    self.quiet = sluice_screen_is_on(settings, "quiet");
    pthread_mutex_init(&self.lock, NULL);
    status = sluice_interrupt_begin(&self.interrupt, SLUICE_HANGUP_RELOADS, came, &self, &error);
    if (status == SLUICE_OK) {
        exit_status = serve(library, settings, &self);
        sluice_interrupt_end(&self.interrupt);
    } else {
        exit_status = sluice_screen_fail(NULL, status, &error);
    }
    pthread_mutex_destroy(&self.lock);
    sluice_settings_free(settings);
    return exit_status;
}
