/* SPDX-License-Identifier: Apache-2.0 */
#include "net/identity_handles.h"
#include "net/tls_keeper.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STRANGERS 256
#define STRANGERS_PER_HOST 8
#define STRANGER_BYTES 65536
#define STRANGER_NS (30 * SLUICE_SECOND) /* TCP repeats after 1, 3, 7 s: where a second of path loses a third, ten are too few */
#define BACKLOG 1024
#define ACCEPTS 64                  /* at once, before others get their turn */
#define PAUSE_NS (100 * SLUICE_MS)  /* when there are no descriptors left */

struct sluice_tls_listener {
    sluice_loop *loop;
    int fd, family;
    sluice_watch *watch;
    sluice_timer *pause;
    SSL_CTX *settings;
    sluice_address local;
    sluice_tls_limits limits;
    uint64_t key_records;
    void (*accepted)(void *user, sluice_channel *channel);
    void *user;
    sluice_tls_listener_statistics statistics;
    sluice_channel **strangers; /* statistics.strangers of them */
};

/* ---- what the channels tell ---- */

static void stranger_ready(void *user, sluice_channel *channel)
{
    sluice_tls_listener *listener = user;
    listener->statistics.ready++;
    listener->accepted(listener->user, channel);
}

static void stranger_left(void *user, sluice_channel *channel)
{
    sluice_tls_listener *listener = user;
    unsigned at = 0;
    while (at < listener->statistics.strangers && listener->strangers[at] != channel)
        at++;
    if (at < listener->statistics.strangers)
        listener->strangers[at] = listener->strangers[--listener->statistics.strangers];
}

static void stranger_failed(void *user, sluice_channel *channel)
{
    sluice_tls_listener *listener = user;
    listener->statistics.failed++;
    stranger_left(listener, channel);
    /* Once it was handed over, it is its owner's, who is told. */
    bool ours = !sluice_tls_is_claimed(channel);
    sluice_tls_keeper_forget(channel);
    if (ours)
        sluice_channel_free(channel);
}

static const sluice_tls_keeper keeper = {.ready = stranger_ready, .failed = stranger_failed, .left = stranger_left};

/* ---- accepting ---- */

/* An IPv6 host has a whole /64 to speak from. */
static bool same_neighbourhood(const sluice_address *a, const sluice_address *b)
{
    if (a->of.any.sa_family == AF_INET6 && b->of.any.sa_family == AF_INET6)
        return memcmp(&a->of.v6.sin6_addr, &b->of.v6.sin6_addr, 8) == 0;
    return sluice_address_same_host(a, b);
}

static bool is_crowded(const sluice_tls_listener *listener, const sluice_address *peer)
{
    unsigned neighbours = 0;
    for (unsigned i = 0; i < listener->statistics.strangers; i++)
        neighbours += same_neighbourhood(sluice_channel_peer(listener->strangers[i]), peer);
    return neighbours >= listener->limits.strangers_per_host;
}

/* When all places are taken, one whose handshake is not done goes, so that half-open connections from many hosts keep
 * nobody out.  Which one, the count of connections decides: whoever is quick is hardly ever met. */
static bool make_room(sluice_tls_listener *listener)
{
    unsigned count = listener->statistics.strangers;
    for (unsigned i = 0; count >= listener->limits.strangers && i < count; i++) {
        sluice_channel *channel = listener->strangers[(listener->statistics.accepted + i) % count];
        if (sluice_tls_is_claimed(channel))
            continue;
        listener->statistics.turned_away++;
        stranger_left(listener, channel);
        sluice_tls_keeper_forget(channel);
        sluice_channel_free(channel);
        break;
    }
    return listener->statistics.strangers < listener->limits.strangers;
}

static void admit_stranger(sluice_tls_listener *listener, int fd, const sluice_address *peer)
{
    listener->statistics.accepted++;
    if (is_crowded(listener, peer) || !make_room(listener)) {
        listener->statistics.turned_away++;
        close(fd);
        return;
    }
    sluice_channel *channel;
    if (sluice_tls_accept(&channel, listener->loop, listener->settings, fd, peer, &listener->limits,
                          listener->key_records, &keeper, listener)
        != SLUICE_OK) {
        listener->statistics.failed++;
        return;
    }
    listener->strangers[listener->statistics.strangers++] = channel;
}

static void accept_some(void *user, unsigned directions)
{
    (void)directions;
    sluice_tls_listener *listener = user;
    for (unsigned i = 0; i < ACCEPTS; i++) {
        struct sockaddr_in6 raw;
        socklen_t bytes = sizeof(raw);
        int fd = accept4(listener->fd, (struct sockaddr *)&raw, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        sluice_address peer = {0};
        if (fd >= 0) {
            (void)sluice_address_take((const struct sockaddr *)&raw, bytes, &peer);
            admit_stranger(listener, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            (void)sluice_watch_set(listener->watch, 0);
            sluice_timer_set(listener->pause, sluice_loop_now(listener->loop) + PAUSE_NS);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
        /* Other errors are those of one connection that is already over. */
    }
}

static void pause_over(void *user, sluice_time now)
{
    (void)now;
    sluice_tls_listener *listener = user;
    (void)sluice_watch_set(listener->watch, SLUICE_WATCH_READ);
}

/* ---- opening ---- */

/* 0, or a negative errno value. */
static int socket_listen(sluice_tls_listener *listener, int family, const sluice_address *local)
{
    int on = 1, off = 0;
    struct sockaddr_in6 raw;
    socklen_t bytes = sluice_address_give(local, family, &raw);
    listener->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (listener->fd < 0)
        return -errno;
    (void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (family == AF_INET6)
        (void)setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    int failed = 0;
    if (bind(listener->fd, (const struct sockaddr *)&raw, bytes) < 0 || listen(listener->fd, BACKLOG) < 0)
        failed = -errno;
    bytes = sizeof(raw);
    if (!failed && getsockname(listener->fd, (struct sockaddr *)&raw, &bytes) < 0)
        failed = -errno;
    if (failed) {
        close(listener->fd);
        listener->fd = -1;
        return failed;
    }
    return sluice_address_take((const struct sockaddr *)&raw, bytes, &listener->local) == SLUICE_OK ? 0 : -EAFNOSUPPORT;
}

static int listener_open(sluice_tls_listener *listener, const sluice_address *wanted, sluice_error *error)
{
    sluice_address local = {0};
    char text[SLUICE_ADDRESS_TEXT];
    if (wanted)
        local = *wanted;
    uint16_t port = sluice_address_port(&local);
    if (sluice_address_is_none(&local))
        (void)sluice_address_numeric("::", port, &local);
    int failed = socket_listen(listener, local.of.any.sa_family, &local);
    bool either = local.of.any.sa_family == AF_INET6 && sluice_address_is_any(&local);
    if (either && (failed == -EAFNOSUPPORT || failed == -EADDRNOTAVAIL)) {
        /* A machine without IPv6. */
        (void)sluice_address_numeric("0.0.0.0", port, &local);
        failed = socket_listen(listener, AF_INET, &local);
    }
    if (!failed)
        return SLUICE_OK;
    int status = failed == -EACCES                              ? SLUICE_EACCESS
                 : failed == -EMFILE || failed == -ENFILE       ? SLUICE_EIO
                 : failed == -ENOMEM || failed == -ENOBUFS      ? SLUICE_ENOMEM
                                                                : SLUICE_ECONNECT;
    return sluice_fail(error, status, "cannot listen on %s: %s%s", sluice_address_text(&local, text),
                       strerror(-failed), failed == -EADDRINUSE ? " - does another server run there?" : "");
}

static int settings_open(sluice_tls_listener *listener, const sluice_identity *identity, sluice_error *error)
{
    listener->settings = sluice_tls_settings_new(TLS_server_method());
    if (!listener->settings)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for TLS");
    if (SSL_CTX_use_certificate(listener->settings, sluice_identity_certificate(identity)) != 1
        || SSL_CTX_use_PrivateKey(listener->settings, sluice_identity_key(identity)) != 1) {
        const char *reason = ERR_reason_error_string(ERR_peek_error());
        int status = sluice_fail(error, SLUICE_EFAILED, "TLS refuses the server's key: %s", reason ? reason : "unknown");
        ERR_clear_error();
        return status;
    }
    return SLUICE_OK;
}

static void limits_default(sluice_tls_limits *limits)
{
    if (!limits->strangers)
        limits->strangers = STRANGERS;
    if (!limits->strangers_per_host)
        limits->strangers_per_host = STRANGERS_PER_HOST;
    if (!limits->stranger_bytes)
        limits->stranger_bytes = STRANGER_BYTES;
    if (!limits->stranger_ns)
        limits->stranger_ns = STRANGER_NS;
}

static int listener_watch(sluice_tls_listener *listener, sluice_error *error)
{
    listener->strangers = calloc(listener->limits.strangers, sizeof(sluice_channel *));
    if (!listener->strangers
        || sluice_watch_new(&listener->watch, listener->loop, listener->fd, accept_some, listener) != SLUICE_OK
        || sluice_timer_new(&listener->pause, listener->loop, pause_over, listener) != SLUICE_OK)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a listener");
    if (sluice_watch_set(listener->watch, SLUICE_WATCH_READ) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EIO, "a listening socket cannot be watched");
    return SLUICE_OK;
}

int sluice_tls_listen(sluice_tls_listener **out, sluice_loop *loop, const sluice_tls_listener_setup *setup,
                      sluice_error *error)
{
    sluice_tls_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a listener");
    listener->loop = loop;
    listener->fd = -1;
    listener->limits = setup->limits;
    limits_default(&listener->limits);
    listener->key_records = setup->key_records;
    listener->accepted = setup->accepted;
    listener->user = setup->user;
    int status = settings_open(listener, setup->identity, error);
    if (status == SLUICE_OK)
        status = listener_open(listener, setup->local, error);
    if (status == SLUICE_OK)
        status = listener_watch(listener, error);
    if (status != SLUICE_OK) {
        sluice_tls_listener_free(listener);
        return status;
    }
    *out = listener;
    return SLUICE_OK;
}

void sluice_tls_listener_free(sluice_tls_listener *listener)
{
    if (!listener)
        return;
    while (listener->statistics.strangers) {
        sluice_channel *channel = listener->strangers[--listener->statistics.strangers];
        bool ours = !sluice_tls_is_claimed(channel);
        sluice_tls_keeper_forget(channel);
        if (ours)
            sluice_channel_free(channel);
    }
    sluice_watch_free(listener->watch);
    sluice_timer_free(listener->pause);
    if (listener->fd >= 0)
        close(listener->fd);
    SSL_CTX_free(listener->settings);
    free(listener->strangers);
    free(listener);
}

const sluice_address *sluice_tls_listener_local(const sluice_tls_listener *listener)
{
    return &listener->local;
}

void sluice_tls_listener_statistics_get(const sluice_tls_listener *listener, sluice_tls_listener_statistics *out)
{
    *out = listener->statistics;
}
