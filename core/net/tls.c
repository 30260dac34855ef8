/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "net/channel_state.h"
#include "net/dialer.h"
#include "net/identity_handles.h"
#include "net/secure.h"
#include "net/tls_keeper.h"
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_NS (15 * SLUICE_SECOND)
#define STAGGER_NS (250 * SLUICE_MS)
#define IN_BYTES_FIRST ((size_t)16384)
#define IN_BYTES_MOST ((size_t)256 << 10) /* taken by one call */
#define OUT_BYTES_FIRST ((size_t)16384)
#define OUT_BYTES_MOST ((size_t)256 << 10) /* given by one call */
#define OVERHEAD_MOST 256                  /* of a record, and of a key update before it */
#define UNSENT_BYTES (256 << 10) /* may wait in the kernel: what is queued behind more of it would come too late */
#define KEY_RECORDS ((uint64_t)1 << 23) /* sealed with one key; AES-GCM bears 2^24.5 (RFC 8446 section 5.5) */
#define ROUNDS 4                        /* of receiving, before others get their turn */

typedef struct tls {
    sluice_channel channel;      /* first: a channel over TLS is one of these */
    bool shaking, server, ended; /* ended: the peer has closed its side of TCP */
    int fd;
    sluice_watch *watch;
    sluice_dialer *dialer;
    SSL_CTX *settings; /* a client's own */
    SSL *ssl;          /* reads and writes memory; the socket is ours, so that no write can raise SIGPIPE */
    BIO_METHOD *memory;
    uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES];
    uint64_t key_records, records; /* after so many a new key; sealed with this one */

    const sluice_tls_keeper *keeper; /* NULL: admitted, or a client */
    void *keeper_user;
    uint64_t stranger_bytes, received_bytes;

    uint8_t *in; /* from the socket, for TLS, which always takes all of it */
    size_t in_from, in_to, in_room;
    uint8_t *out; /* records, not yet given to the socket */
    size_t out_from, out_to, out_room;
} tls;

static tls *tls_of(sluice_channel *channel)
{
    return (tls *)channel;
}

/* ---- memory in place of a socket ---- */

static int memory_read(BIO *bio, char *to, size_t room, size_t *got)
{
    tls *t = BIO_get_data(bio);
    size_t left = t->in_to - t->in_from;
    BIO_clear_retry_flags(bio);
    if (!left) {
        BIO_set_retry_read(bio);
        return -1;
    }
    *got = left < room ? left : room;
    memcpy(to, t->in + t->in_from, *got);
    t->in_from += *got;
    return 1;
}

static int memory_write(BIO *bio, const char *bytes, size_t count, size_t *took)
{
    tls *t = BIO_get_data(bio);
    size_t room = t->out_room ? t->out_room : OUT_BYTES_FIRST;
    BIO_clear_retry_flags(bio);
    while (room - t->out_to < count)
        room *= 2;
    if (room != t->out_room) {
        uint8_t *out = realloc(t->out, room);
        if (!out)
            return -1;
        t->out = out;
        t->out_room = room;
    }
    memcpy(t->out + t->out_to, bytes, count);
    t->out_to += count;
    *took = count;
    return 1;
}

static long memory_control(BIO *bio, int what, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

static int memory_open(tls *t)
{
    /* A type without a number of its own: there are only 127 of those in a process. */
    t->memory = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sluice");
    if (!t->memory || BIO_meth_set_read_ex(t->memory, memory_read) != 1 ||
        BIO_meth_set_write_ex(t->memory, memory_write) != 1 || BIO_meth_set_ctrl(t->memory, memory_control) != 1)
        return SLUICE_ENOMEM;
    BIO *bio = BIO_new(t->memory);
    if (!bio)
        return SLUICE_ENOMEM;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return SLUICE_OK;
}

/* ---- settings ---- */

SSL_CTX *sluice_tls_settings_new(const SSL_METHOD *method)
{
    SSL_CTX *settings = SSL_CTX_new(method);
    if (settings && (SSL_CTX_set_min_proto_version(settings, TLS1_3_VERSION) != 1 ||
                     SSL_CTX_set_max_proto_version(settings, TLS1_3_VERSION) != 1 ||
                     SSL_CTX_set_num_tickets(settings, 0) != 1 || SSL_CTX_set_max_early_data(settings, 0) != 1)) {
        SSL_CTX_free(settings);
        settings = NULL;
    }
    if (settings) {
        SSL_CTX_set_session_cache_mode(settings, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(settings, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    }
    ERR_clear_error();
    return settings;
}

/* Nothing in the certificate counts but its public key. */
static int certificate_check(X509_STORE_CTX *store, void *user)
{
    tls *t = user;
    uint8_t found[SLUICE_FINGERPRINT_BYTES];
    char found_text[SLUICE_FINGERPRINT_TEXT], wanted_text[SLUICE_FINGERPRINT_TEXT];
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    if (certificate && sluice_certificate_fingerprint(certificate, found) == SLUICE_OK &&
        sluice_secure_equal(found, t->fingerprint, SLUICE_FINGERPRINT_BYTES)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    sluice_fail(&t->channel.why, SLUICE_EAUTH,
                "%s: the server's key is %s, but %s was expected: the ticket or pin is of another server, or somebody "
                "stands in between",
                t->channel.label, certificate ? sluice_fingerprint_text(found, found_text) : "missing",
                sluice_fingerprint_text(t->fingerprint, wanted_text));
    return 0;
}

/* ---- the socket's side ---- */

/* Gives records to the socket until it is full.  0, or a negative errno value. */
static int records_send(tls *t)
{
    while (t->out_from < t->out_to) {
        ssize_t sent = send(t->fd, t->out + t->out_from, t->out_to - t->out_from, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? 0 : -errno;
        t->out_from += (size_t)sent;
    }
    t->out_from = t->out_to = 0;
    return 0;
}

static int wants_set(tls *t)
{
    unsigned directions = t->ended ? 0 : SLUICE_WATCH_READ;
    if (t->out_to)
        directions |= SLUICE_WATCH_WRITE;
    return sluice_watch_set(t->watch, directions) == SLUICE_OK ? 0 : -EIO;
}

/* Seals one record. */
static int record_write(tls *t)
{
    const uint8_t *bytes;
    size_t count = sluice_channel_next(&t->channel, SLUICE_CHANNEL_RECORD, &bytes), wrote = 0;
    if (t->records++ == t->key_records) {
        t->records = 1;
        if (SSL_key_update(t->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1)
            return -EPROTO;
    }
    if (SSL_write_ex(t->ssl, bytes, count, &wrote) != 1)
        return -EPROTO;
    sluice_channel_sent(&t->channel, wrote);
    return 0;
}

/* Records are gathered up to what one call takes; so the end of the handshake and the first message leave as one, too.
 * Nothing is sealed as long as the socket is full, so that a slow peer does not have it in memory twice. */
static int tls_write(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    if (channel->stage < SLUICE_CHANNEL_READY)
        return 0;
    ERR_clear_error();
    int failed = records_send(t);
    while (!failed && channel->queue_used && !t->out_to) {
        while (!failed && channel->queue_used && t->out_to + SLUICE_CHANNEL_RECORD + OVERHEAD_MOST <= OUT_BYTES_MOST)
            failed = record_write(t);
        if (!failed)
            failed = records_send(t);
    }
    return failed ? failed : wants_set(t);
}

static void tls_shut(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    if (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    (void)records_send(t);
    (void)wants_set(t);
}

/* ---- records in ---- */

/* False, always: the channel has ended. */
static bool peer_closed(tls *t)
{
    if (t->channel.stage == SLUICE_CHANNEL_READY) {
        (void)SSL_shutdown(t->ssl);
        (void)records_send(t);
    }
    sluice_channel_end_with(&t->channel, SLUICE_ECLOSED, "%s closed the connection", t->channel.label);
    return false;
}

/* Something other than bytes came out of TLS.  True: nothing more for now. */
static bool read_failed(tls *t, int result)
{
    int kind = SSL_get_error(t->ssl, result);
    if (kind == SSL_ERROR_ZERO_RETURN)
        return peer_closed(t);
    if (kind == SSL_ERROR_WANT_READ) {
        if (!t->ended)
            return true;
        if (t->channel.stage ==
            SLUICE_CHANNEL_FINISHING) /* we said that it is over; how the peer leaves is his thing */
            return peer_closed(t);
        sluice_channel_end_with(&t->channel, SLUICE_EIO, "%s: the connection was cut", t->channel.label);
        return false;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    sluice_channel_end_with(&t->channel, SLUICE_EPROTOCOL, "%s: TLS failed: %s", t->channel.label,
                            reason ? reason : "broken record");
    return false;
}

/* False: the channel is gone or has ended. */
static bool records_read(tls *t)
{
    for (;;) {
        size_t room, got = 0;
        uint8_t *to = sluice_channel_room(&t->channel, &room);
        if (!to)
            return false;
        ERR_clear_error();
        int result = SSL_read_ex(t->ssl, to, room, &got);
        if (result != 1)
            return read_failed(t, result);
        if (!sluice_channel_took(&t->channel, got))
            return false;
    }
}

/* ---- the handshake ---- */

static void handshake_failed(tls *t)
{
    const char *label = t->channel.label, *reason = ERR_reason_error_string(ERR_peek_error());
    (void)records_send(t); /* the alert that says why */
    if (t->channel.why.status != SLUICE_OK)
        sluice_channel_end(&t->channel, &t->channel.why);
    else if (t->ended)
        sluice_channel_end_with(
            &t->channel, SLUICE_ECONNECT,
            "%s closed the connection during the TLS handshake - is it a sluice server, and not overloaded?", label);
    else
        sluice_channel_end_with(&t->channel, SLUICE_ECONNECT,
                                "%s: the TLS handshake failed (%s) - is it a sluice server?", label,
                                reason ? reason : "no reason given");
}

/* False: the channel is gone. */
static bool handshake_done(tls *t)
{
    t->shaking = false;
    if (!t->keeper)
        return sluice_channel_ready(&t->channel);
    bool gone = false;
    t->channel.stage = SLUICE_CHANNEL_READY;
    t->channel.gone = &gone;
    t->keeper->ready(t->keeper_user, &t->channel);
    if (gone)
        return false;
    t->channel.gone = NULL;
    return true;
}

/* One round of everything that does not wait.  False: the channel is gone or has ended. */
static bool step(tls *t)
{
    if (!t->shaking)
        return records_read(t);
    ERR_clear_error();
    int result = SSL_do_handshake(t->ssl);
    int kind = result == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, result);
    if (kind == SSL_ERROR_NONE)
        return handshake_done(t) && records_read(t);
    if (kind != SSL_ERROR_WANT_READ || t->ended) {
        handshake_failed(t);
        return false;
    }
    int failed = records_send(t);
    if (!failed)
        failed = wants_set(t);
    if (failed)
        sluice_channel_end_with(&t->channel, SLUICE_ECONNECT, "%s: the connection failed during the TLS handshake: %s",
                                t->channel.label, strerror(-failed));
    return !failed;
}

/* What one call takes follows what there is; of strangers little is wanted. */
static int in_grow(tls *t)
{
    if (t->in_room && (t->in_to < t->in_room || t->in_room == IN_BYTES_MOST || t->keeper))
        return SLUICE_OK;
    size_t room = t->in_room ? 2 * t->in_room : IN_BYTES_FIRST;
    uint8_t *in = malloc(room);
    if (!in)
        return t->in_room ? SLUICE_OK : SLUICE_ENOMEM;
    free(t->in);
    t->in = in;
    t->in_room = room;
    return SLUICE_OK;
}

/* Bytes from the socket for TLS.  1: some, or the end; 0: none for now; -1: the channel has ended. */
static int bytes_take(tls *t)
{
    ssize_t got;
    assert(t->in_from == t->in_to);
    if (in_grow(t) != SLUICE_OK) {
        sluice_channel_end_with(&t->channel, SLUICE_ENOMEM, "%s: out of memory", t->channel.label);
        return -1;
    }
    t->in_from = t->in_to = 0;
    do
        got = recv(t->fd, t->in, t->in_room, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got < 0 && !t->shaking) {
        sluice_channel_end_with(&t->channel, SLUICE_EIO, "%s: the connection failed: %s", t->channel.label,
                                strerror(errno));
        return -1;
    }
    /* A reset during the handshake tells as much as a close. */
    if (got <= 0) {
        t->ended = true;
        return 1;
    }
    t->in_to = (size_t)got;
    t->received_bytes += (uint64_t)got;
    if (t->keeper && t->received_bytes > t->stranger_bytes) {
        sluice_channel_end_with(&t->channel, SLUICE_EPROTOCOL,
                                "%s: sent more than %llu bytes before it was authenticated", t->channel.label,
                                (unsigned long long)t->stranger_bytes);
        return -1;
    }
    return 1;
}

static void ready(void *user, unsigned directions)
{
    tls *t = user;
    sluice_channel_turn_begin(&t->channel);
    if (directions & SLUICE_WATCH_READ)
        for (unsigned round = 0; round < ROUNDS && !t->ended; round++) {
            int took = bytes_take(t);
            if (took < 0 || (took > 0 && !step(t)))
                return;
            /* Less than there was room for: that was all, and the loop tells when there is more. */
            if (took == 0 || t->in_to < t->in_room)
                break;
        }
    if (t->shaking && records_send(t) == 0)
        (void)wants_set(t);
    (void)sluice_channel_turn_end(&t->channel);
}

static void tls_late(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    unsigned long long seconds = (channel->timeout_ns + SLUICE_SECOND - 1) / SLUICE_SECOND;
    if (channel->stage == SLUICE_CHANNEL_FINISHING)
        sluice_channel_end_with(channel, SLUICE_ECLOSED, "%s does not close the connection", channel->label);
    else if (t->keeper)
        sluice_channel_end_with(channel, SLUICE_ETIMEOUT, "%s was not authenticated within %llu s", channel->label,
                                seconds);
    else if (!t->shaking)
        sluice_channel_end_with(
            channel, SLUICE_ECONNECT,
            "cannot connect to %s: no answer within %llu s - is the host up, and does a firewall let TCP through?",
            channel->label, seconds);
    else
        sluice_channel_end_with(channel, SLUICE_ECONNECT,
                                "%s: the TLS handshake took longer than %llu s - is it a sluice server?",
                                channel->label, seconds);
}

/* ---- the end ---- */

static void tls_hang_up(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    sluice_dialer_free(t->dialer);
    t->dialer = NULL;
    sluice_watch_free(t->watch);
    t->watch = NULL;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
}

static void tls_ended(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    if (t->keeper)
        t->keeper->failed(t->keeper_user, channel);
}

static void tls_leaving(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    if (t->keeper)
        t->keeper->left(t->keeper_user, channel);
    if (t->fd >= 0 && channel->stage == SLUICE_CHANNEL_READY) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        (void)records_send(t);
    }
}

static void tls_fini(sluice_channel *channel)
{
    tls *t = tls_of(channel);
    SSL_free(t->ssl);
    SSL_CTX_free(t->settings);
    BIO_meth_free(t->memory);
    ERR_clear_error();
    free(t->in);
    free(t->out);
    free(t);
}

/* ---- what there is to know ---- */

static int tls_keying(sluice_channel *channel, const char *label, uint8_t *out, size_t count)
{
    tls *t = tls_of(channel);
    int ok = SSL_export_keying_material(t->ssl, out, count, label, strlen(label), NULL, 0, 0);
    return ok == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

static sluice_duration tls_rtt(const sluice_channel *channel)
{
    const tls *t = (const tls *)channel;
    struct tcp_info info;
    socklen_t bytes = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (t->fd < 0 || getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) < 0)
        return 0;
    return info.tcpi_rtt * SLUICE_US;
}

static const char *tls_cipher(const sluice_channel *channel)
{
    static const struct {
        uint16_t suite;
        const char *name;
    } names[] = {{0x1301, "aes-128-gcm"}, {0x1302, "aes-256-gcm"}, {0x1303, "chacha20-poly1305"}};
    const tls *t = (const tls *)channel;
    const SSL_CIPHER *cipher = t->ssl ? SSL_get_current_cipher(t->ssl) : NULL;
    if (!cipher)
        return "none";
    for (size_t i = 0; i < SLUICE_COUNT(names); i++)
        if (SSL_CIPHER_get_protocol_id(cipher) == names[i].suite)
            return names[i].name;
    return SSL_CIPHER_get_name(cipher);
}

static const sluice_channel_ops tls_ops = {
    .write = tls_write,
    .shut = tls_shut,
    .late = tls_late,
    .hang_up = tls_hang_up,
    .ended = tls_ended,
    .leaving = tls_leaving,
    .fini = tls_fini,
    .keying = tls_keying,
    .rtt = tls_rtt,
    .cipher = tls_cipher,
    .guard = "tls",
};

/* ---- making ---- */

static tls *tls_new(sluice_loop *loop, uint64_t key_records)
{
    tls *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    if (sluice_channel_init(&t->channel, &tls_ops, loop, SLUICE_CHANNEL_RECORD) != SLUICE_OK) {
        free(t);
        return NULL;
    }
    t->fd = -1;
    t->key_records = key_records ? key_records : KEY_RECORDS;
    return t;
}

static void socket_set_up(tls *t)
{
    int on = 1, unsent = UNSENT_BYTES;
    struct sockaddr_in6 raw;
    socklen_t bytes = sizeof(raw);
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    if (getsockname(t->fd, (struct sockaddr *)&raw, &bytes) == 0)
        (void)sluice_address_take((const struct sockaddr *)&raw, bytes, &t->channel.local);
}

/* The socket is connected: from here on TLS talks. */
static int shake(tls *t, SSL_CTX *settings, int fd)
{
    t->fd = fd;
    t->shaking = true;
    socket_set_up(t);
    t->ssl = SSL_new(settings);
    if (!t->ssl || memory_open(t) != SLUICE_OK)
        return SLUICE_ENOMEM;
    SSL_set_mode(t->ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (t->server)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    int status = sluice_watch_new(&t->watch, t->channel.loop, fd, ready, t);
    return status == SLUICE_OK ? sluice_watch_set(t->watch, SLUICE_WATCH_READ) : status;
}

static void dialed(void *user, int fd, const sluice_address *peer, const sluice_error *error)
{
    tls *t = user;
    if (fd < 0) {
        sluice_channel_end(&t->channel, error);
        return;
    }
    t->channel.peer = *peer;
    int status = shake(t, t->settings, fd);
    sluice_dialer_free(t->dialer);
    t->dialer = NULL;
    if (status != SLUICE_OK)
        sluice_channel_end_with(&t->channel, status, "cannot connect to %s: %s", t->channel.label,
                                sluice_status_text(status));
    else
        (void)step(t);
}

static int client_settings(tls *t, const sluice_tls_connect_setup *setup, sluice_error *error)
{
    memcpy(t->fingerprint, setup->fingerprint, SLUICE_FINGERPRINT_BYTES);
    t->settings = sluice_tls_settings_new(TLS_client_method());
    if (!t->settings)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect to %s", setup->host);
    if (setup->ciphersuites && SSL_CTX_set_ciphersuites(t->settings, setup->ciphersuites) != 1) {
        ERR_clear_error();
        return sluice_fail(error, SLUICE_EINVAL, "TLS knows not all of the cipher suites %s", setup->ciphersuites);
    }
    SSL_CTX_set_verify(t->settings, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(t->settings, certificate_check, t);
    return SLUICE_OK;
}

int sluice_tls_connect(sluice_channel **out, sluice_loop *loop, const sluice_tls_connect_setup *setup,
                       const sluice_channel_calls *calls, void *user, sluice_error *error)
{
    tls *t = tls_new(loop, setup->key_records);
    if (!t)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect to %s", setup->host);
    sluice_channel_calls_set(&t->channel, calls, user);
    bool bare = strchr(setup->host, ':') != NULL; /* an IPv6 address */
    snprintf(t->channel.label, sizeof(t->channel.label), "%s%.255s%s:%u", bare ? "[" : "", setup->host, bare ? "]" : "",
             setup->port);
    sluice_duration stagger_ns = setup->stagger_ns ? setup->stagger_ns : STAGGER_NS;
    int status = client_settings(t, setup, error);
    if (status == SLUICE_OK)
        status = sluice_dialer_new(&t->dialer, loop, setup->host, setup->port, stagger_ns, dialed, t, error);
    if (status != SLUICE_OK) {
        sluice_channel_free(&t->channel);
        return status;
    }
    (void)sluice_loop_refresh(loop); /* it may not have run for long */
    sluice_channel_deadline(&t->channel, setup->timeout_ns ? setup->timeout_ns : TIMEOUT_NS);
    *out = &t->channel;
    return SLUICE_OK;
}

int sluice_tls_accept(sluice_channel **out, sluice_loop *loop, SSL_CTX *settings, int fd, const sluice_address *peer,
                      const sluice_tls_limits *limits, uint64_t key_records, const sluice_tls_keeper *keeper,
                      void *keeper_user)
{
    tls *t = tls_new(loop, key_records);
    if (!t) {
        close(fd);
        return SLUICE_ENOMEM;
    }
    t->server = true;
    t->channel.peer = *peer;
    t->stranger_bytes = limits->stranger_bytes;
    (void)sluice_address_text(peer, t->channel.label);
    int status = shake(t, settings, fd);
    if (status != SLUICE_OK) {
        sluice_channel_free(&t->channel);
        return status;
    }
    t->keeper = keeper;
    t->keeper_user = keeper_user;
    sluice_channel_deadline(&t->channel, limits->stranger_ns);
    *out = &t->channel;
    return SLUICE_OK;
}

/* ---- admission ---- */

void sluice_tls_admit(sluice_channel *channel)
{
    if (channel->ops != &tls_ops || !tls_of(channel)->keeper)
        return;
    tls *t = tls_of(channel);
    t->keeper->left(t->keeper_user, channel);
    sluice_tls_keeper_forget(channel);
}

void sluice_tls_keeper_forget(sluice_channel *channel)
{
    tls_of(channel)->keeper = NULL;
    if (channel->stage != SLUICE_CHANNEL_FINISHING)
        sluice_timer_set(channel->deadline, SLUICE_NEVER);
}

bool sluice_tls_is_claimed(const sluice_channel *channel)
{
    return channel->calls != NULL;
}
