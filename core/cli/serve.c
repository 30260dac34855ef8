/* SPDX-License-Identifier: Apache-2.0 */
/* sluice serve: a server in the foreground. */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/notify.h"
#include "cli/screen.h"
#include "cli/undertaking.h"

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
typedef struct server_signals {
    pthread_mutex_t lock; /* guards server */
    sluice_server *server;
    const sluice_line *line; /* from which everything is made */
    bool terminal;           /* the log is read on one */
    bool quiet;
    sluice_interrupt interrupt;
} server_signals;

/* ---- reload ---- */

static void complain_of_reload(const char *sentence)
{
    sluice_screen_note(SLUICE_LOG_ERROR, "reload: %s", sentence);
}

/* Hands the server what a new reading of file and options says. */
static int take_over(server_signals *signals, sluice *library, sluice_error *error)
{
    sluice_settings *settings;
    int status = sluice_line_settings(signals->line, library, NULL, &settings, error);
    if (status != SLUICE_OK)
        return status;
    pthread_mutex_lock(&signals->lock);
    if (signals->server != NULL)
        status = sluice_server_reload(signals->server, library, settings, error);
    pthread_mutex_unlock(&signals->lock);
    sluice_settings_free(settings);
    return status;
}

static void note(const server_signals *signals, const char *sentence)
{
    if (!signals->quiet)
        sluice_screen_note(SLUICE_LOG_INFO, "%s", sentence);
}

static void reload(server_signals *signals)
{
    sluice_error error = {0};
    sluice *library;
    sluice_notify_reloading();
    note(signals, "reload: SIGHUP came");
    int status = sluice_line_library(signals->line, complain_of_reload, &library, &error);
    if (status == SLUICE_OK) {
        status = take_over(signals, library, &error);
        sluice_free(library);
    }
    if (status != SLUICE_OK && error.text[0] != '\0')
        complain_of_reload(error.text);
    if (status != SLUICE_OK)
        sluice_screen_note(SLUICE_LOG_ERROR, "reload: failed; the old configuration stays in force");
    sluice_notify_ready();
}

/* ---- the end ---- */

static void end(server_signals *signals, bool drain)
{
    note(signals, drain ? "no new sessions; ending when those that run are done"
                        : "interrupted: ending all sessions; once more ends at once");
    sluice_notify_stopping();
    pthread_mutex_lock(&signals->lock);
    if (signals->server != NULL && drain)
        sluice_server_drain(signals->server);
    else if (signals->server != NULL)
        sluice_server_cancel(signals->server);
    pthread_mutex_unlock(&signals->lock);
}

static void came(void *user, int signal, unsigned count)
{
    server_signals *signals = user;
    /* A terminal that goes away says SIGHUP too, and leaves nobody to follow the log. */
    if (signal == SIGHUP && signals->terminal && !isatty(STDERR_FILENO))
        end(signals, true);
    else if (signal == SIGHUP)
        reload(signals);
    else
        end(signals, signal == SIGTERM && count == 1);
}

static void set_server(server_signals *signals, sluice_server *server)
{
    pthread_mutex_lock(&signals->lock);
    signals->server = server;
    if (server != NULL && sluice_interrupt_last(&signals->interrupt) != 0)
        sluice_server_cancel(server);
    pthread_mutex_unlock(&signals->lock);
}

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

static void tell_how_to_copy(const sluice_server *server, const sluice_settings *settings)
{
    const char *listen = sluice_settings_get(settings, "listen"), *root = sluice_settings_get(settings, "root");
    const char *ticket = sluice_server_ticket_file(server);
    char host[300], file[4200];
    host_name(listen != NULL ? listen : "", host, sizeof host);
    quote(ticket != NULL ? ticket : "TICKET", file, sizeof file);
    int port = sluice_server_port(server);
    /* Without its port, which may have been 0: the true one follows. */
    int address = listen != NULL && strrchr(listen, ':') != NULL ? (int)(strrchr(listen, ':') - listen) : 0;
    sluice_screen_say("serving %s on %.*s, TCP and UDP port %d, key sha256:%s", root != NULL ? root : "tickets' roots",
                      address, listen != NULL ? listen : "", port, sluice_server_fingerprint(server));
    if (!sluice_screen_is_on(settings, "read-only"))
        dprintf(STDERR_FILENO, "To send here:\n    sluice copy --ticket-file %s FILE... sluice://%s:%d/\n", file, host,
                port);
    if (!sluice_screen_is_on(settings, "write-only"))
        dprintf(STDERR_FILENO, "To fetch from here:\n    sluice copy --ticket-file %s sluice://%s:%d/FILE .\n", file,
                host, port);
    dprintf(STDERR_FILENO, "On another machine name a copy of the ticket there (mode 600). Who has it is let in.\n");
}

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

static int serve_settings(sluice *library, const sluice_settings *settings, server_signals *signals)
{
    sluice_error error = {0};
    sluice_server *server;
    bool stdio = sluice_screen_is_on(settings, "stdio"), quiet = stdio || sluice_screen_is_on(settings, "quiet");
    const sluice_server_order order = {
        .size = sizeof order,
        .settings = settings,
        .report = sluice_screen_spec(stdio, NULL, quiet, sluice_screen_is_on(settings, "verbose")),
    };
    if (stdio)
        outlive_ssh();
    else
        raise_descriptor_limit(settings);
    int status = sluice_server_start(library, &order, &server, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    if (!quiet)
        tell_how_to_copy(server, settings);
    set_server(signals, server);
    sluice_notify_ready();
    status = sluice_server_wait(server, &error);
    set_server(signals, NULL);
    sluice_server_free(server);
    if (sluice_interrupt_last(&signals->interrupt) == SIGINT)
        return sluice_status_exit(SLUICE_EINTERRUPTED);
    return status == SLUICE_OK ? 0 : sluice_screen_fail(NULL, status, &error);
}

static int serve(const sluice_line *line, sluice *library)
{
    sluice_error error = {0};
    sluice_settings *settings;
    server_signals signals = {.line = line, .terminal = isatty(STDERR_FILENO) == 1};
    int status = sluice_line_settings(line, library, NULL, &settings, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    signals.quiet = sluice_screen_is_on(settings, "quiet");
    pthread_mutex_init(&signals.lock, NULL);
    status = sluice_interrupt_begin(&signals.interrupt, SLUICE_HANGUP_RELOADS, came, &signals, &error);
    int exit_status;
    if (status == SLUICE_OK) {
        exit_status = serve_settings(library, settings, &signals);
        sluice_interrupt_end(&signals.interrupt);
    } else {
        exit_status = sluice_screen_fail(NULL, status, &error);
    }
    pthread_mutex_destroy(&signals.lock);
    sluice_settings_free(settings);
    return exit_status;
}

static int check_line(sluice_line *line, sluice_error *error)
{
    if (line->operand_count > 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: serve takes options only; the directory is --root DIR",
                           line->operands[0]);
    return SLUICE_OK;
}

int sluice_command_serve(int argc, char **argv)
{
    static const sluice_undertaking undertaking = {
        .table = SLUICE_SETTINGS_SERVE, .help = &sluice_help_serve, .check = check_line, .run = serve};
    return sluice_undertaking_run(&undertaking, argc, argv);
}
