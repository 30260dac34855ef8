/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "net/dialer.h"
#include "net/identity_handles.h"
#include "net/secure.h"
#include "net/tls_keeper.h"
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
#define FINISH_NS (2 * SLUICE_SECOND)
#define QUEUE_BYTES_MAX ((size_t)1 << 20)
#define LENGTH_BYTES 4
#define CHUNK_BYTES 16384
#define ROUNDS 8 /* of receiving, before others get their turn */

typedef enum stage { DIALING, SHAKING, READY, FINISHING, CLOSED } stage;

struct sluice_tls {
    sluice_loop *loop;
    const sluice_tls_calls *calls;
    void *user;
    stage stage;
    bool server, ended; /* ended: the peer has closed its side of TCP */
    int fd;
    sluice_watch *watch;
    sluice_timer *deadline;
    sluice_dialer *dialer;
    SSL_CTX *settings; /* a client's own */
    SSL *ssl;          /* reads and writes memory; the socket is ours, so that no write can raise SIGPIPE */
    char label[SLUICE_ADDRESS_HOST + 16];
    sluice_address peer, local;
    uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES];
    sluice_duration timeout_ns;
    sluice_error why; /* known before OpenSSL reports a failure: a wrong key */

    const sluice_tls_keeper *keeper; /* NULL: admitted, or a client */
    void *keeper_user;
    uint64_t stranger_bytes, received_bytes;

    uint8_t length[LENGTH_BYTES]; /* of the message that comes in */
    size_t length_got, body_bytes, body_got;
    uint8_t *body;

    uint8_t *queue; /* framed messages, not yet given to TLS */
    size_t queue_from, queue_to, queue_room;
    uint8_t out[CHUNK_BYTES]; /* records, not yet given to the socket */
    size_t out_from, out_to;

    bool *gone; /* set when the channel is freed inside a callback */
};

/* ---- the end ---- */

static void hang_up(sluice_tls *tls)
{
    sluice_dialer_free(tls->dialer);
    tls->dialer = NULL;
    sluice_watch_free(tls->watch);
    tls->watch = NULL;
    if (tls->fd >= 0)
        close(tls->fd);
    tls->fd = -1;
    sluice_timer_set(tls->deadline, SLUICE_NEVER);
}

/* The last thing that is done to a channel in any call from the loop: it may be gone afterwards. */
static void end(sluice_tls *tls, const sluice_error *error)
{
    sluice_error copy = *error; /* it may lie inside the channel */
    bool claimed = sluice_tls_is_claimed(tls);
    hang_up(tls);
    tls->stage = CLOSED;
    if (tls->keeper)
        tls->keeper->failed(tls->keeper_user, tls);
    if (claimed)
        tls->calls->closed(tls->user, &copy);
}

static void end_with(sluice_tls *tls, int status, const char *format, ...) SLUICE_PRINTF(3, 4);
static void end_with(sluice_tls *tls, int status, const char *format, ...)
{
    sluice_error error = {0};
    va_list args;
    va_start(args, format);
    sluice_vfail(&error, status, format, args);
    va_end(args);
    end(tls, &error);
}

/* ---- settings ---- */

SSL_CTX *sluice_tls_settings_new(const SSL_METHOD *method)
{
    SSL_CTX *settings = SSL_CTX_new(method);
    if (settings
        && (SSL_CTX_set_min_proto_version(settings, TLS1_3_VERSION) != 1
            || SSL_CTX_set_max_proto_version(settings, TLS1_3_VERSION) != 1
            || SSL_CTX_set_num_tickets(settings, 0) != 1 || SSL_CTX_set_max_early_data(settings, 0) != 1)) {
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
    sluice_tls *tls = user;
    uint8_t found[SLUICE_FINGERPRINT_BYTES];
    char found_text[SLUICE_FINGERPRINT_TEXT], wanted_text[SLUICE_FINGERPRINT_TEXT];
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    if (certificate && sluice_certificate_fingerprint(certificate, found) == SLUICE_OK
        && sluice_secure_equal(found, tls->fingerprint, SLUICE_FINGERPRINT_BYTES)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    sluice_fail(&tls->why, SLUICE_EAUTH,
                "%s: the server's key is %s, but %s was expected: the ticket or pin is of another server, or somebody "
                "stands in between",
                tls->label, certificate ? sluice_fingerprint_text(found, found_text) : "missing",
                sluice_fingerprint_text(tls->fingerprint, wanted_text));
    return 0;
}

/* ---- the socket's side ---- */

/* Gives records to the socket until it is full.  0, or a negative errno value. */
static int records_send(sluice_tls *tls)
{
    for (;;) {
        if (tls->out_from == tls->out_to) {
            int bytes = BIO_read(SSL_get_wbio(tls->ssl), tls->out, CHUNK_BYTES);
            if (bytes <= 0)
                return 0;
            tls->out_from = 0;
            tls->out_to = (size_t)bytes;
        }
        ssize_t sent = send(tls->fd, tls->out + tls->out_from, tls->out_to - tls->out_from, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? 0 : -errno;
        tls->out_from += (size_t)sent;
    }
}

static bool out_is_empty(const sluice_tls *tls)
{
    return tls->out_from == tls->out_to && BIO_ctrl_pending(SSL_get_wbio(tls->ssl)) == 0;
}

/* Encrypts what is queued, a piece at a time, so that a slow peer does not have it in memory twice. */
static int queue_send(sluice_tls *tls)
{
    int failed = records_send(tls);
    while (!failed && tls->queue_from < tls->queue_to && BIO_ctrl_pending(SSL_get_wbio(tls->ssl)) < CHUNK_BYTES) {
        size_t left = tls->queue_to - tls->queue_from, wrote = 0;
        if (SSL_write_ex(tls->ssl, tls->queue + tls->queue_from, left < CHUNK_BYTES ? left : CHUNK_BYTES, &wrote) != 1)
            return -EPROTO;
        tls->queue_from += wrote;
        /* Not before there is a record's worth: the end of the handshake and the first message leave as one. */
        if (tls->queue_from == tls->queue_to || BIO_ctrl_pending(SSL_get_wbio(tls->ssl)) >= CHUNK_BYTES)
            failed = records_send(tls);
    }
    if (tls->queue_from == tls->queue_to)
        tls->queue_from = tls->queue_to = 0;
    return failed;
}

static int wants_set(sluice_tls *tls)
{
    unsigned directions = tls->ended ? 0 : SLUICE_WATCH_READ;
    if (!out_is_empty(tls) || (tls->stage >= READY && tls->queue_from < tls->queue_to))
        directions |= SLUICE_WATCH_WRITE;
    return sluice_watch_set(tls->watch, directions);
}

/* ---- messages in ---- */

/* One message is complete.  False: the channel is gone or has ended. */
static bool message_done(sluice_tls *tls)
{
    bool gone = false;
    uint8_t *body = tls->body;
    size_t bytes = tls->body_bytes;
    tls->body = NULL;
    tls->length_got = tls->body_got = tls->body_bytes = 0;
    tls->gone = &gone;
    if (tls->calls)
        tls->calls->message(tls->user, body, bytes);
    free(body);
    if (gone)
        return false;
    tls->gone = NULL;
    return tls->stage == READY || tls->stage == FINISHING;
}

static bool length_done(sluice_tls *tls)
{
    uint32_t bytes = 0;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        bytes = bytes << 8 | tls->length[i];
    if (bytes == 0 || bytes > SLUICE_MESSAGE_MAX) {
        end_with(tls, SLUICE_EPROTOCOL, "%s: a message of %u bytes was announced; 1 to %d are allowed", tls->label,
                 (unsigned)bytes, SLUICE_MESSAGE_MAX);
        return false;
    }
    tls->body = malloc(bytes);
    if (!tls->body) {
        end_with(tls, SLUICE_ENOMEM, "%s: out of memory for a message of %u bytes", tls->label, (unsigned)bytes);
        return false;
    }
    tls->body_bytes = bytes;
    return true;
}

static bool peer_closed(sluice_tls *tls)
{
    if (tls->stage == READY) {
        (void)SSL_shutdown(tls->ssl);
        (void)records_send(tls);
    }
    end_with(tls, SLUICE_ECLOSED, "%s closed the connection", tls->label);
    return false;
}

/* Something other than bytes came out of TLS.  True: nothing more for now. */
static bool read_failed(sluice_tls *tls, int result)
{
    int kind = SSL_get_error(tls->ssl, result);
    if (kind == SSL_ERROR_ZERO_RETURN)
        return peer_closed(tls);
    if (kind == SSL_ERROR_WANT_READ) {
        if (!tls->ended)
            return true;
        if (tls->stage == FINISHING) /* we have said that it is over; how the peer leaves does not matter */
            return peer_closed(tls);
        end_with(tls, SLUICE_EIO, "%s: the connection was cut", tls->label);
        return false;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    end_with(tls, SLUICE_EPROTOCOL, "%s: TLS failed: %s", tls->label, reason ? reason : "broken record");
    return false;
}

/* False: the channel is gone or has ended. */
static bool messages_read(sluice_tls *tls)
{
    for (;;) {
        bool in_length = tls->length_got < LENGTH_BYTES;
        uint8_t *to = in_length ? tls->length + tls->length_got : tls->body + tls->body_got;
        size_t wanted = in_length ? LENGTH_BYTES - tls->length_got : tls->body_bytes - tls->body_got, got = 0;
        ERR_clear_error();
        int result = SSL_read_ex(tls->ssl, to, wanted, &got);
        if (result != 1)
            return read_failed(tls, result);
        if (in_length) {
            tls->length_got += got;
            if (tls->length_got == LENGTH_BYTES && !length_done(tls))
                return false;
        } else {
            tls->body_got += got;
            if (tls->body_got == tls->body_bytes && !message_done(tls))
                return false;
        }
    }
}

/* ---- the handshake ---- */

static void handshake_failed(sluice_tls *tls)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    (void)records_send(tls); /* the alert that says why */
    if (tls->why.status != SLUICE_OK)
        end(tls, &tls->why);
    else if (tls->ended)
        end_with(tls, SLUICE_ECONNECT,
                 "%s closed the connection during the TLS handshake - is it a sluice server, and not overloaded?",
                 tls->label);
    else
        end_with(tls, SLUICE_ECONNECT, "%s: the TLS handshake failed (%s) - is it a sluice server?", tls->label,
                 reason ? reason : "no reason given");
}

/* False: the channel is gone or has ended. */
static bool handshake_done(sluice_tls *tls)
{
    tls->stage = READY;
    /* First of all, what was queued: it travels with the end of the handshake. */
    int failed = queue_send(tls);
    if (failed) {
        end_with(tls, SLUICE_EIO, "%s: the connection failed: %s", tls->label, strerror(-failed));
        return false;
    }
    bool gone = false;
    tls->gone = &gone;
    if (tls->keeper) {
        tls->keeper->ready(tls->keeper_user, tls);
    } else {
        sluice_timer_set(tls->deadline, SLUICE_NEVER);
        if (tls->calls && tls->calls->ready)
            tls->calls->ready(tls->user);
    }
    if (gone)
        return false;
    tls->gone = NULL;
    return tls->stage == READY || tls->stage == FINISHING;
}

/* One round of everything that does not wait.  False: the channel is gone or has ended. */
static bool step(sluice_tls *tls)
{
    if (tls->stage == SHAKING) {
        ERR_clear_error();
        int result = SSL_do_handshake(tls->ssl);
        int kind = result == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, result);
        if ((kind != SSL_ERROR_NONE && kind != SSL_ERROR_WANT_READ) || (kind == SSL_ERROR_WANT_READ && tls->ended)) {
            handshake_failed(tls);
            return false;
        }
        if (kind == SSL_ERROR_NONE && !handshake_done(tls))
            return false;
    }
    if (tls->stage == SHAKING) {
        int failed = records_send(tls);
        if (failed)
            end_with(tls, SLUICE_ECONNECT, "%s: the connection failed during the TLS handshake: %s", tls->label,
                     strerror(-failed));
        return !failed;
    }
    return messages_read(tls);
}

/* Nothing is left to be written: says so to the peer. */
static void finish_if_empty(sluice_tls *tls)
{
    if (tls->stage != FINISHING || tls->queue_from < tls->queue_to)
        return;
    if (!(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN)) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        (void)records_send(tls);
    }
}

static void settle(sluice_tls *tls)
{
    if (tls->stage >= READY) {
        int failed = queue_send(tls);
        if (failed) {
            end_with(tls, SLUICE_EIO, "%s: the connection failed: %s", tls->label, strerror(-failed));
            return;
        }
        finish_if_empty(tls);
    }
    if (wants_set(tls) != SLUICE_OK)
        end_with(tls, SLUICE_EIO, "%s: the connection cannot be watched", tls->label);
}

/* Bytes from the socket into TLS.  1: some; 0: none for now; -1: the channel has ended. */
static int bytes_take(sluice_tls *tls)
{
    uint8_t chunk[CHUNK_BYTES];
    ssize_t got;
    do
        got = recv(tls->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got < 0 && tls->stage != SHAKING) {
        end_with(tls, SLUICE_EIO, "%s: the connection failed: %s", tls->label, strerror(errno));
        return -1;
    }
    /* A reset during the handshake tells as much as a close. */
    if (got <= 0) {
        tls->ended = true;
        return 1;
    }
    tls->received_bytes += (uint64_t)got;
    if (tls->keeper && tls->received_bytes > tls->stranger_bytes) {
        end_with(tls, SLUICE_EPROTOCOL, "%s: sent more than %llu bytes before it was authenticated", tls->label,
                 (unsigned long long)tls->stranger_bytes);
        return -1;
    }
    if (BIO_write(SSL_get_rbio(tls->ssl), chunk, (int)got) != got) {
        end_with(tls, SLUICE_ENOMEM, "%s: out of memory", tls->label);
        return -1;
    }
    return 1;
}

static void ready(void *user, unsigned directions)
{
    sluice_tls *tls = user;
    if (directions & SLUICE_WATCH_READ)
        for (unsigned round = 0; round < ROUNDS && !tls->ended; round++) {
            int took = bytes_take(tls);
            if (took < 0 || (took > 0 && !step(tls)))
                return;
            if (took == 0)
                break;
        }
    settle(tls);
}

static void deadline_passed(void *user, sluice_time now)
{
    (void)now;
    sluice_tls *tls = user;
    unsigned long long seconds = (tls->timeout_ns + SLUICE_SECOND - 1) / SLUICE_SECOND;
    if (tls->stage == FINISHING)
        end_with(tls, SLUICE_ECLOSED, "%s does not close the connection", tls->label);
    else if (tls->keeper)
        end_with(tls, SLUICE_ETIMEOUT, "%s was not authenticated within %llu s", tls->label, seconds);
    else if (tls->stage == DIALING)
        end_with(tls, SLUICE_ECONNECT,
                 "cannot connect to %s: no answer within %llu s - is the host up, and does a firewall let TCP through?",
                 tls->label, seconds);
    else
        end_with(tls, SLUICE_ECONNECT, "%s: the TLS handshake took longer than %llu s - is it a sluice server?",
                 tls->label, seconds);
}

/* ---- making and freeing ---- */

static sluice_tls *channel_new(sluice_loop *loop)
{
    sluice_tls *tls = calloc(1, sizeof(*tls));
    if (!tls)
        return NULL;
    tls->loop = loop;
    tls->fd = -1;
    if (sluice_timer_new(&tls->deadline, loop, deadline_passed, tls) != SLUICE_OK) {
        free(tls);
        return NULL;
    }
    return tls;
}

/* The socket is connected: from here on TLS talks. */
static int shake(sluice_tls *tls, SSL_CTX *settings, int fd)
{
    int on = 1;
    struct sockaddr_in6 raw;
    socklen_t bytes = sizeof(raw);
    tls->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (getsockname(fd, (struct sockaddr *)&raw, &bytes) == 0)
        (void)sluice_address_take((const struct sockaddr *)&raw, bytes, &tls->local);
    tls->ssl = SSL_new(settings);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!tls->ssl || !in || !out) {
        BIO_free(in);
        BIO_free(out);
        return SLUICE_ENOMEM;
    }
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(tls->ssl, in, out);
    SSL_set_mode(tls->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (tls->server)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    int status = sluice_watch_new(&tls->watch, tls->loop, fd, ready, tls);
    tls->stage = SHAKING;
    return status == SLUICE_OK ? sluice_watch_set(tls->watch, SLUICE_WATCH_READ) : status;
}

static void dialed(void *user, int fd, const sluice_address *peer, const sluice_error *error)
{
    sluice_tls *tls = user;
    if (fd < 0) {
        end(tls, error);
        return;
    }
    tls->peer = *peer;
    int status = shake(tls, tls->settings, fd);
    sluice_dialer_free(tls->dialer);
    tls->dialer = NULL;
    if (status != SLUICE_OK)
        end_with(tls, status, "cannot connect to %s: %s", tls->label, sluice_status_text(status));
    else if (step(tls))
        settle(tls);
}

static int client_settings(sluice_tls *tls, const uint8_t *fingerprint)
{
    memcpy(tls->fingerprint, fingerprint, SLUICE_FINGERPRINT_BYTES);
    tls->settings = sluice_tls_settings_new(TLS_client_method());
    if (!tls->settings)
        return SLUICE_ENOMEM;
    SSL_CTX_set_verify(tls->settings, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls->settings, certificate_check, tls);
    return SLUICE_OK;
}

int sluice_tls_connect(sluice_tls **out, sluice_loop *loop, const sluice_tls_connect_setup *setup,
                       const sluice_tls_calls *calls, void *user, sluice_error *error)
{
    sluice_tls *tls = channel_new(loop);
    if (!tls || client_settings(tls, setup->fingerprint) != SLUICE_OK) {
        sluice_tls_free(tls);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect to %s", setup->host);
    }
    tls->calls = calls;
    tls->user = user;
    bool bare = strchr(setup->host, ':') != NULL; /* an IPv6 address */
    snprintf(tls->label, sizeof(tls->label), "%s%.255s%s:%u", bare ? "[" : "", setup->host, bare ? "]" : "",
             setup->port);
    tls->timeout_ns = setup->timeout_ns ? setup->timeout_ns : TIMEOUT_NS;
    sluice_duration stagger_ns = setup->stagger_ns ? setup->stagger_ns : STAGGER_NS;
    int status = sluice_dialer_new(&tls->dialer, loop, setup->host, setup->port, stagger_ns, dialed, tls, error);
    if (status != SLUICE_OK) {
        sluice_tls_free(tls);
        return status;
    }
    sluice_timer_set(tls->deadline, sluice_loop_refresh(loop) + tls->timeout_ns);
    *out = tls;
    return SLUICE_OK;
}

int sluice_tls_accept(sluice_tls **out, sluice_loop *loop, SSL_CTX *settings, int fd, const sluice_address *peer,
                      const sluice_tls_limits *limits, const sluice_tls_keeper *keeper, void *keeper_user)
{
    sluice_tls *tls = channel_new(loop);
    if (!tls) {
        close(fd);
        return SLUICE_ENOMEM;
    }
    tls->server = true;
    tls->peer = *peer;
    tls->stranger_bytes = limits->stranger_bytes;
    tls->timeout_ns = limits->stranger_ns;
    sluice_address_text(peer, tls->label);
    int status = shake(tls, settings, fd);
    if (status != SLUICE_OK) {
        sluice_tls_free(tls);
        return status;
    }
    tls->keeper = keeper;
    tls->keeper_user = keeper_user;
    sluice_timer_set(tls->deadline, sluice_loop_now(loop) + tls->timeout_ns);
    *out = tls;
    return SLUICE_OK;
}

void sluice_tls_free(sluice_tls *tls)
{
    if (!tls)
        return;
    if (tls->gone)
        *tls->gone = true;
    if (tls->keeper)
        tls->keeper->left(tls->keeper_user, tls);
    if (tls->fd >= 0 && tls->stage == READY) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        (void)records_send(tls);
    }
    hang_up(tls);
    sluice_timer_free(tls->deadline);
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->settings);
    ERR_clear_error();
    free(tls->body);
    if (tls->queue)
        sluice_secure_cleanse(tls->queue, tls->queue_room);
    free(tls->queue);
    free(tls);
}

/* ---- for its owner ---- */

void sluice_tls_calls_set(sluice_tls *tls, const sluice_tls_calls *calls, void *user)
{
    tls->calls = calls;
    tls->user = user;
}

static int queue_grow(sluice_tls *tls, size_t more)
{
    size_t used = tls->queue_to - tls->queue_from;
    if (tls->queue_room - tls->queue_to >= more)
        return SLUICE_OK;
    if (tls->queue_from)
        memmove(tls->queue, tls->queue + tls->queue_from, used);
    tls->queue_from = 0;
    tls->queue_to = used;
    size_t room = tls->queue_room ? tls->queue_room : 4096;
    while (room - used < more)
        room *= 2;
    uint8_t *queue = room == tls->queue_room ? tls->queue : realloc(tls->queue, room);
    if (!queue)
        return SLUICE_ENOMEM;
    tls->queue = queue;
    tls->queue_room = room;
    return SLUICE_OK;
}

int sluice_tls_send(sluice_tls *tls, const void *bytes, size_t count)
{
    if (tls->stage == FINISHING || tls->stage == CLOSED)
        return SLUICE_ECLOSED;
    if (count == 0 || count > SLUICE_MESSAGE_MAX)
        return SLUICE_EINVAL;
    if (tls->queue_to - tls->queue_from + LENGTH_BYTES + count > QUEUE_BYTES_MAX)
        return SLUICE_ELIMIT;
    int status = queue_grow(tls, LENGTH_BYTES + count);
    if (status != SLUICE_OK)
        return status;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        tls->queue[tls->queue_to++] = (uint8_t)(count >> (24 - 8 * i));
    memcpy(tls->queue + tls->queue_to, bytes, count);
    tls->queue_to += count;
    return tls->stage == READY ? wants_set(tls) : SLUICE_OK;
}

void sluice_tls_finish(sluice_tls *tls)
{
    if (tls->stage != READY)
        return;
    tls->stage = FINISHING;
    tls->timeout_ns = FINISH_NS;
    sluice_timer_set(tls->deadline, sluice_loop_now(tls->loop) + FINISH_NS);
    /* A socket is as good as always writable, so what remains to be done is done from the loop. */
    (void)sluice_watch_set(tls->watch, SLUICE_WATCH_READ | SLUICE_WATCH_WRITE);
}

int sluice_tls_export(sluice_tls *tls, const char *label, uint8_t *out, size_t count)
{
    if (tls->stage < READY || !tls->ssl)
        return SLUICE_EINVAL;
    int ok = SSL_export_keying_material(tls->ssl, out, count, label, strlen(label), NULL, 0, 0);
    return ok == 1 ? SLUICE_OK : SLUICE_EFAILED;
}

const sluice_address *sluice_tls_peer(const sluice_tls *tls)
{
    return &tls->peer;
}

const sluice_address *sluice_tls_local(const sluice_tls *tls)
{
    return &tls->local;
}

sluice_duration sluice_tls_rtt(const sluice_tls *tls)
{
    struct tcp_info info;
    socklen_t bytes = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (tls->fd < 0 || getsockopt(tls->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) < 0)
        return 0;
    return info.tcpi_rtt * SLUICE_US;
}

void sluice_tls_admit(sluice_tls *tls)
{
    if (!tls->keeper)
        return;
    tls->keeper->left(tls->keeper_user, tls);
    sluice_tls_keeper_forget(tls);
}

void sluice_tls_keeper_forget(sluice_tls *tls)
{
    tls->keeper = NULL;
    if (tls->stage != FINISHING)
        sluice_timer_set(tls->deadline, SLUICE_NEVER);
}

bool sluice_tls_is_claimed(const sluice_tls *tls)
{
    return tls->calls != NULL;
}
