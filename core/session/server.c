/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - a server: one TCP port for set-up, one UDP port for all sessions, one loop thread.
 */
#include "base/clock.h"
#include "session/guest.h"
#include "session/reload.h"
#include "session/watchers.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_PORT 33001
#define ROUND_NS SLUICE_SECOND
#define TURNED_AWAY_NS (10 * SLUICE_SECOND) /* between two lines about it */
#define PORT_TRIES 16 /* to find a number that is free for TCP and UDP, when any will do */

/* ---- ticket and key ---- */

static int directory_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 1;
    int made = snprintf(out, size, "%.*s", slash ? (length ? length : 1) : 1, slash ? path : ".");
    return made < 0 || (size_t)made >= size ? SLUICE_EINVAL : SLUICE_OK;
}

/* The key and certificate lie beside the ticket. */
static int load_identity(sluice_server *server, sluice_error *error)
{
    char directory[PATH_MAX], key[PATH_MAX + 32], certificate[PATH_MAX + 32];
    if (directory_of(server->ticket_file, directory, sizeof directory) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the path is too long", server->ticket_file);
    snprintf(key, sizeof key, "%s/server.key", directory);
    snprintf(certificate, sizeof certificate, "%s/server.crt", directory);
    return sluice_identity_load(&server->identity, key, certificate, error);
}

static int make_directories(const char *path, sluice_error *error)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: the path is too long", path);
    for (size_t i = 1; i < length; i++) {
        if (path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot make the directory: %s", part,
                               strerror(errno));
    }
    return SLUICE_OK;
}

static int open_ticket_file(sluice_server *server, sluice_error *error)
{
    int status = SLUICE_OK;
    if (server->serve->ticket_file)
        snprintf(server->ticket_file, sizeof server->ticket_file, "%s", server->serve->ticket_file);
    else
        status = sluice_ticket_default_path(server->ticket_file, sizeof server->ticket_file, error);
    if (status == SLUICE_OK)
        status = make_directories(server->ticket_file, error);
    if (status == SLUICE_OK)
        status = load_identity(server, error);
    if (status == SLUICE_OK)
        sluice_fingerprint_text(sluice_identity_fingerprint(server->identity), server->fingerprint);
    return status;
}

/* ---- ports ---- */

static int listen_address(const sluice_server *server, sluice_address *out, sluice_error *error)
{
    char host[SLUICE_ADDRESS_HOST];
    uint16_t port;
    int status = sluice_address_split(server->serve->listen, DEFAULT_PORT, host, &port, error);
    if (status != SLUICE_OK)
        return status;
    if (sluice_address_numeric(host, port, out) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EUSAGE,
                           "%s: --listen wants a numeric address, such as [::]:%d, 0.0.0.0:%d or 127.0.0.1:0",
                           server->serve->listen, DEFAULT_PORT, DEFAULT_PORT);
    return SLUICE_OK;
}

static int open_ports(sluice_server *server, const sluice_address *local, sluice_error *error)
{
    sluice_tls_listener_setup listener = {
        .local = local,
        .identity = server->identity,
        .limits = {.strangers = (unsigned)server->serve->max_handshakes,
                   .strangers_per_host = (unsigned)server->serve->max_handshakes_per_host},
        .accepted = sluice_guest_accept,
        .user = server};
    int status = sluice_tls_listen(&server->listener, server->loop, &listener, error);
    if (status != SLUICE_OK)
        return status;
    sluice_address udp = *local;
    server->port = sluice_address_port(sluice_tls_listener_local(server->listener));
    sluice_address_port_set(&udp, server->port);
    /* Not shared with another process: a server that still drains would lose datagrams to it. */
    sluice_datagram_setup datagram = {.local = &udp,
                                      .sieve = true,
                                      .buffer_bytes = server->serve->udp_buffer,
                                      .segment_off = !server->serve->udp_offload,
                                      .coalesce_off = !server->serve->udp_offload};
    status = sluice_datagram_new(&server->datagram, server->loop, &datagram, error);
    if (status != SLUICE_OK) {
        sluice_tls_listener_free(server->listener);
        server->listener = NULL;
    }
    return status;
}

static int open_any_ports(sluice_server *server, sluice_error *error)
{
    sluice_address local;
    int status = listen_address(server, &local, error);
    if (status != SLUICE_OK)
        return status;
    int tries = sluice_address_port(&local) == 0 ? PORT_TRIES : 1;
    do {
        status = open_ports(server, &local, error);
    } while (status == SLUICE_ECONNECT && --tries > 0);
    return status;
}

/* ---- lanes ---- */

/* All of them at once: which socket a packet goes to is told by the order in which they were opened. */
static void open_strands(sluice_server *server)
{
    const sluice_serve_settings *serve = sluice_settings_serve(server->first);
    const sluice_datagram_setup beside = {.beside = server->datagram,
                                          .buffer_bytes = serve->udp_buffer,
                                          .segment_off = !serve->udp_offload,
                                          .coalesce_off = !serve->udp_offload};
    uint32_t most = (uint32_t)serve->max_lanes;
    server->strand_count = 1;
    while (sluice_datagram_sieves(server->datagram) && server->strand_count < most) {
        sluice_error error = {0};
        char name[24];
        snprintf(name, sizeof name, "sluice-lane%u", (unsigned)server->strand_count);
        if (sluice_strand_new(&server->strands[server->strand_count], &beside, name, &error) != SLUICE_OK) {
            sluice_log_say(server->log, SLUICE_LOG_WARNING, "no more than %u lanes for a session: %s",
                           (unsigned)server->strand_count, error.text);
            break;
        }
        server->strand_count++;
    }
}

uint32_t sluice_server_lanes(sluice_server *server, uint32_t asked)
{
    uint32_t most = (uint32_t)server->serve->max_lanes;
    if (!server->datagram || asked < 2 || most < 2)
        return 1;
    if (server->strand_count == 0)
        open_strands(server);
    most = most < server->strand_count ? most : server->strand_count;
    return asked < most ? asked : most;
}

/* ---- life ---- */

static void tell_what_is_left(sluice_server *server)
{
    if (server->left_told == server->session_count)
        return;
    server->left_told = server->session_count;
    sluice_log_say(server->log, SLUICE_LOG_INFO, "draining: %lld session%s left", (long long)server->session_count,
                   server->session_count == 1 ? "" : "s");
}

void sluice_server_settle(sluice_server *server)
{
    if (server->serve->stdio && server->guests == NULL)
        sluice_loop_stop(server->loop);
    if (!server->draining)
        return;
    tell_what_is_left(server);
    if (server->session_count > 0)
        return;
    /* Until now a session that runs could be moved, or come back, over a new connection. */
    sluice_tls_listener_free(server->listener);
    server->listener = NULL;
    sluice_guests_turn_away(server);
    if (server->guests == NULL)
        sluice_loop_stop(server->loop);
}

static void begin_drain(sluice_server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    sluice_server_settle(server);
}

void sluice_server_once_served(sluice_server *server)
{
    if (server->serve->once)
        begin_drain(server);
}

static void on_wake(void *user, unsigned directions)
{
    sluice_server *server = user;
    uint64_t count;
    (void)directions;
    while (read(server->wake_fd, &count, sizeof count) == (ssize_t)sizeof count)
        continue;
    sluice_reload_take(server);
    if (atomic_load(&server->drain) || atomic_load(&server->cancel))
        begin_drain(server);
    if (atomic_load(&server->cancel))
        sluice_guests_cancel(server);
}

void sluice_server_wake(sluice_server *server)
{
    uint64_t one = 1;
    int kept = errno;
    ssize_t written = write(server->wake_fd, &one, sizeof one);
    (void)written; /* a full counter wakes as well */
    errno = kept;
}

/* Clients that were turned away before anything was known of them: how many, not who. */
static void tell_of_turned_away(sluice_server *server, sluice_time now)
{
    sluice_tls_listener_statistics figures;
    sluice_tls_listener_statistics_get(server->listener, &figures);
    uint64_t count = figures.turned_away - server->turned_away_told;
    if (count == 0 || (server->turned_away_when && now < server->turned_away_when + TURNED_AWAY_NS))
        return;
    const sluice_serve_settings *limits = sluice_settings_serve(server->first);
    server->turned_away_told = figures.turned_away;
    server->turned_away_when = now;
    sluice_log_say(server->log, SLUICE_LOG_WARNING,
                   "turned away %llu client%s before admission: max-handshakes is %lld, max-handshakes-per-host %lld",
                   (unsigned long long)count, count == 1 ? "" : "s", (long long)limits->max_handshakes,
                   (long long)limits->max_handshakes_per_host);
}

static void on_round(void *user, sluice_time now)
{
    sluice_server *server = user;
    if (server->listener)
        tell_of_turned_away(server, now);
    sluice_guests_measure(server, now);
    sluice_timer_set(server->rounds, now + ROUND_NS);
}

static int start_threads(sluice_server *server, sluice_error *error)
{
    int status = sluice_loop_new(&server->loop, error);
    if (status == SLUICE_OK)
        status = sluice_crew_begin(&server->crew, server->loop, SLUICE_CREW_MOST, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_timer_new(&server->contention, server->loop, sluice_guests_contend, server);
    if (status == SLUICE_OK)
        status = sluice_timer_new(&server->rounds, server->loop, on_round, server);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "out of memory for a server");
    server->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (server->wake_fd < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot make an eventfd: %s", strerror(errno));
    status = sluice_watch_new(&server->wake_watch, server->loop, server->wake_fd, on_wake, server);
    if (status == SLUICE_OK)
        status = sluice_watch_set(server->wake_watch, SLUICE_WATCH_READ);
    return status;
}

bool sluice_server_rootless(const sluice_server *server, const sluice *configuration)
{
    return server->streams && (!server->streams->sections || sluice_config_stream(configuration, 0));
}

/* What everybody forgets once is told before anything is made. */
static int check_root(const sluice_server *server, sluice_error *error)
{
    if (!server->serve->root && server->serve->default_ticket && !sluice_server_rootless(server, server->library))
        return sluice_fail(error, SLUICE_EUSAGE, "serve needs --root DIR: the directory that clients see as /");
    return SLUICE_OK;
}

static int open_watchers(sluice_server *server, const sluice_server_order *order, sluice_error *error)
{
    const sluice_report_spec spec = sluice_watchers_spec(&order->report);
    const sluice_watchers_named named = {.list = server->serve->report, .json = server->serve->json};
    return sluice_watchers_open(server->library, &named, &spec, order->event, order->user, &server->report, error);
}

static int server_init(sluice_server *server, const sluice_server_order *order, sluice_error *error)
{
    int status = sluice_settings_copy(order->settings, &server->first, error);
    if (status == SLUICE_OK)
        status = sluice_settings_copy(order->settings, &server->settings, error);
    if (status != SLUICE_OK)
        return status;
    server->serve = sluice_settings_serve(server->settings);
    status = sluice_settings_check(server->settings, error);
    if (status == SLUICE_OK && !server->serve->stdio)
        status = check_root(server, error);
    if (status == SLUICE_OK && !server->serve->stdio)
        status = open_ticket_file(server, error);
    if (status == SLUICE_OK)
        status = sluice_suite_gather(server->library, server->serve->crypto, server->serve->cipher, &server->suite,
                                     error);
    if (status == SLUICE_OK)
        status = open_watchers(server, order, error);
    if (status == SLUICE_OK)
        status = start_threads(server, error);
    if (status == SLUICE_OK)
        status = server->serve->stdio ? sluice_server_stdio_open(server, error) : open_any_ports(server, error);
    if (status == SLUICE_OK && !server->serve->stdio)
        status = sluice_reload_admission(server, server->library, server->serve, &server->admission, error);
    if (status != SLUICE_OK)
        return status;
    if (!server->serve->stdio)
        sluice_reload_describe(server);
    sluice_timer_set(server->rounds, sluice_loop_refresh(server->loop) + ROUND_NS);
    return sluice_loop_thread(&server->thread, server->loop, "sluice-serve", error);
}

int sluice_server_start(sluice *instance, const sluice_server_order *order, sluice_server **out, sluice_error *error)
{
    return sluice_server_start_with(instance, order, NULL, out, error);
}

int sluice_server_start_with(sluice *instance, const sluice_server_order *order, const sluice_stream_host *streams,
                             sluice_server **out, sluice_error *error)
{
    sluice_server *server = calloc(1, sizeof *server);
    if (!server)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a server");
    server->library = instance;
    server->streams = streams;
    server->log = sluice_library_log(instance);
    server->wake_fd = -1;
    server->left_told = -1;
    pthread_mutex_init(&server->reload_lock, NULL);
    int status = server_init(server, order, error);
    if (status != SLUICE_OK) {
        sluice_server_free(server);
        return status;
    }
    *out = server;
    return SLUICE_OK;
}

int sluice_server_port(const sluice_server *server)
{
    return server->port;
}

const char *sluice_server_ticket_file(const sluice_server *server)
{
    return sluice_settings_serve(server->first)->default_ticket ? server->ticket_file : NULL;
}

const char *sluice_server_fingerprint(const sluice_server *server)
{
    return server->fingerprint;
}

void sluice_server_drain(sluice_server *server)
{
    atomic_store(&server->drain, true);
    sluice_server_wake(server);
}

void sluice_server_cancel(sluice_server *server)
{
    atomic_store(&server->cancel, true);
    sluice_server_wake(server);
}

int sluice_server_wait(sluice_server *server, sluice_error *error)
{
    if (server->thread) {
        sluice_thread_free(server->thread);
        server->thread = NULL;
    }
    int status = sluice_loop_status(server->loop);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "the server's event loop failed: %s", sluice_status_text(status));
    return SLUICE_OK;
}

void sluice_server_free(sluice_server *server)
{
    if (!server)
        return;
    if (server->thread) {
        sluice_server_cancel(server);
        sluice_server_wait(server, NULL);
    }
    sluice_tls_listener_free(server->listener);
    for (uint32_t i = 0; i < SLUICE_LANES_MOST; i++)
        sluice_strand_free(server->strands[i]);
    sluice_datagram_free(server->datagram);
    sluice_watch_free(server->wake_watch);
    sluice_timer_free(server->contention);
    sluice_timer_free(server->rounds);
    sluice_crew_end(&server->crew);
    if (server->loop)
        sluice_loop_free(server->loop);
    if (server->wake_fd >= 0)
        close(server->wake_fd);
    sluice_report_free(server->report);
    sluice_identity_free(server->identity);
    sluice_reload_free(server->reload);
    sluice_admission_free(server->admission);
    sluice_settings_free(server->settings);
    sluice_settings_free(server->first);
    pthread_mutex_destroy(&server->reload_lock);
    free(server);
}
