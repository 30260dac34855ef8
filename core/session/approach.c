/* SPDX-License-Identifier: Apache-2.0 */
#include "session/approach.h"

#include "net/secure.h"
#include "net/ssh.h"
#include "net/tls.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_NS (20 * SLUICE_SECOND)
#define ATTEMPTS 5                /* after the first, when the connection is cut before the handshake is done */
#define AGAIN_NS (50 * SLUICE_MS) /* doubled each time, and up to as much again by chance */
#define AGAIN_MOST_NS (2 * SLUICE_SECOND)
#define REACH_NS (5 * SLUICE_SECOND) /* for a connection on the way to another channel */

typedef enum aim {
    AIM_HELLO, /* to be welcomed */
    AIM_NONE,  /* welcomed; the channel may be open */
    AIM_MOVE   /* to get a channel for the session's packets */
} aim;

struct sluice_approach {
    sluice_approach_setup setup;
    sluice_hello_message hello;
    aim aim;
    sluice_channel *channel;
    sluice_timer *timer; /* the next attempt, or the end of patience */
    bool by_ssh, patient;
    /* Of the present channel: it stands; a message that wants an answer was sent; it is not the one of the set-up; it is being
     * closed. */
    bool ready, asked, fresh, finishing;
    unsigned attempts;
    sluice_time give_up; /* no further attempt after it */
    sluice_duration rtt_ns, patience_ns;
    sluice_address server;
    uint8_t session_id[SLUICE_SESSION_ID_BYTES], join[SLUICE_SECRET_BYTES];
};

static int connect_to_server(sluice_approach *approach, sluice_error *error);

/* ---- the end of a channel ---- */

static void channel_drop(sluice_approach *approach)
{
    sluice_channel_free(approach->channel);
    approach->channel = NULL;
    sluice_timer_set(approach->timer, SLUICE_NEVER);
    approach->ready = approach->asked = approach->fresh = approach->finishing = false;
}

static void fail(sluice_approach *approach, const sluice_error *error)
{
    channel_drop(approach);
    approach->aim = AIM_NONE;
    approach->setup.calls->failed(approach->setup.user, error);
}

/* With the server's name in front, unless it is there. */
static void fail_named(sluice_approach *approach, int status, const char *sentence)
{
    sluice_error named = {0};
    if (strstr(sentence, approach->setup.peer))
        sluice_fail(&named, status, "%s", sentence);
    else
        sluice_fail(&named, status, "%s: %.900s", approach->setup.peer, sentence);
    fail(approach, &named);
}

/* A server that has as many strangers from one host as it takes turns others away at once: one of many commands started
 * together comes again a moment later.  One that was there before may be restarting, or the network may be down. */
static bool try_again(sluice_approach *approach, bool reached, int status)
{
    sluice_time now = sluice_loop_now(approach->setup.loop);
    uint64_t random = 0;
    bool may = approach->aim == AIM_MOVE || approach->patient ? now < approach->give_up
                                                              : reached && approach->attempts < ATTEMPTS;
    if (approach->by_ssh || status == SLUICE_EAUTH || !may || sluice_secure_random(&random, sizeof random) != SLUICE_OK)
        return false;
    unsigned doublings = approach->attempts < 6 ? approach->attempts : 6;
    sluice_duration wait_ns = AGAIN_NS << doublings;
    wait_ns = wait_ns < AGAIN_MOST_NS ? wait_ns : AGAIN_MOST_NS;
    approach->attempts++;
    sluice_timer_set(approach->timer, now + wait_ns + random % wait_ns);
    return true;
}

static void on_closed(void *user, const sluice_error *error)
{
    sluice_approach *approach = user;
    sluice_error why = *error;
    const sluice_address *peer = sluice_channel_peer(approach->channel);
    bool early = !approach->ready;
    bool reached = early && why.status == SLUICE_ECONNECT && peer && !sluice_address_is_none(peer);
    bool waiting = approach->aim != AIM_NONE;
    channel_drop(approach);
    if (!waiting || ((early || approach->aim == AIM_MOVE) && try_again(approach, reached, why.status)))
        return;
    if (why.status == SLUICE_ECLOSED && approach->aim == AIM_HELLO)
        sluice_fail(&why, SLUICE_ECONNECT, "%s: the server closed the connection without an answer",
                    approach->setup.peer);
    fail(approach, &why);
}

/* ---- hello and move ---- */

static int send_message(sluice_approach *approach, sluice_wire_writer *writer)
{
    int status = writer->failed ? SLUICE_ENOMEM : sluice_channel_send(approach->channel, writer->bytes, writer->size);
    if (writer->bytes)
        sluice_secure_cleanse(writer->bytes, writer->size);
    sluice_wire_writer_fini(writer);
    approach->asked = status == SLUICE_OK;
    /* Through ssh a password may have to be typed before the server hears it: there its answer is waited for from ready on. */
    if (approach->asked && approach->ready)
        sluice_timer_set(approach->timer, sluice_loop_now(approach->setup.loop) + approach->setup.timeout_ns);
    return status;
}

/* The proof that a secret is known, good for this channel only. */
static int prove(sluice_approach *approach, const uint8_t *secret, uint8_t proof[SLUICE_TICKET_PROOF_BYTES])
{
    uint8_t exported[SLUICE_SHA256_BYTES];
    int status = sluice_channel_export(approach->channel, SLUICE_EXPORTER_PROOF, exported, sizeof exported);
    if (status == SLUICE_OK)
        status = sluice_hello_prove(secret, exported, proof);
    sluice_secure_cleanse(exported, sizeof exported);
    return status;
}

static int say_hello(sluice_approach *approach)
{
    sluice_wire_writer writer = {0};
    int status = SLUICE_OK;
    if (!approach->by_ssh)
        status = prove(approach, approach->setup.ticket->secret, approach->hello.proof);
    if (status != SLUICE_OK)
        return status;
    sluice_hello_put(&approach->hello, &writer);
    return send_message(approach, &writer);
}

static int ask_to_move(sluice_approach *approach)
{
    sluice_wire_writer writer = {0};
    sluice_move_message move = {.has_join = approach->fresh};
    int status = SLUICE_OK;
    if (move.has_join) {
        memcpy(move.session_id, approach->session_id, sizeof move.session_id);
        status = prove(approach, approach->join, move.proof);
    }
    if (status != SLUICE_OK)
        return status;
    sluice_move_put(&move, &writer);
    return send_message(approach, &writer);
}

static void fail_if(sluice_approach *approach, int status)
{
    if (status != SLUICE_OK)
        fail_named(approach, status, sluice_status_text(status));
}

static void on_ready(void *user)
{
    sluice_approach *approach = user;
    approach->ready = true;
    approach->rtt_ns = sluice_channel_rtt(approach->channel);
    approach->server = *sluice_channel_peer(approach->channel);
    if (approach->aim == AIM_HELLO && approach->asked)
        sluice_timer_set(approach->timer, sluice_loop_now(approach->setup.loop) + approach->setup.timeout_ns);
    else if (approach->aim == AIM_HELLO)
        fail_if(approach, say_hello(approach));
    else if (approach->aim == AIM_MOVE && approach->patience_ns > 0)
        sluice_timer_set(approach->timer, sluice_loop_now(approach->setup.loop) + approach->patience_ns);
    else if (approach->aim == AIM_MOVE)
        fail_if(approach, ask_to_move(approach));
}

/* ---- answers ---- */

static void take_refusal(sluice_approach *approach, const sluice_refuse_message *refuse)
{
    if (approach->aim == AIM_MOVE && refuse->status == SLUICE_EGONE) {
        channel_drop(approach);
        approach->aim = AIM_NONE;
        approach->setup.calls->gone(approach->setup.user);
        return;
    }
    fail_named(approach, refuse->status, refuse->sentence);
}

static void take_answer(sluice_approach *approach, sluice_hello_type type, const sluice_welcome_message *welcome,
                        const sluice_refuse_message *refuse)
{
    bool hello = approach->aim == AIM_HELLO;
    if (type == SLUICE_REFUSE) {
        take_refusal(approach, refuse);
    } else if ((type == SLUICE_WELCOME) != hello) {
        fail_named(approach, SLUICE_EPROTOCOL, "the server's answer is not the one to what was asked");
    } else {
        approach->aim = AIM_NONE;
        approach->asked = false;
        approach->attempts = 0;
        sluice_timer_set(approach->timer, SLUICE_NEVER);
        if (hello) {
            approach->setup.calls->welcomed(approach->setup.user, welcome);
        } else {
            sluice_channel *channel = approach->channel;
            approach->channel = NULL;
            approach->setup.calls->moved(approach->setup.user, &channel);
            sluice_channel_free(channel);
        }
    }
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    sluice_approach *approach = user;
    sluice_hello_type type;
    sluice_welcome_message welcome;
    sluice_refuse_message refuse;
    sluice_error error = {0};
    if (!approach->asked)
        return;
    int status = sluice_answer_get(bytes, count, &type, &welcome, &refuse, &error);
    if (status != SLUICE_OK)
        fail_named(approach, status, error.text);
    else
        take_answer(approach, type, &welcome, &refuse);
}

static const sluice_channel_calls channel_calls = {.ready = on_ready, .message = on_message, .closed = on_closed};

/* ---- connecting ---- */

static void on_said(void *user, const char *line)
{
    sluice_approach *approach = user;
    if (approach->setup.calls->said)
        approach->setup.calls->said(approach->setup.user, line);
}

/* What ssh carries is in good hands: hello leaves before the remote program has spoken. */
static int connect_by_ssh(sluice_approach *approach, sluice_error *error)
{
    sluice_ssh_setup setup = {
        .command = approach->setup.ssh,
        .target = approach->setup.target,
        .remote = approach->setup.remote,
        .said = on_said,
        .said_user = approach,
    };
    int status = sluice_ssh_start(&approach->channel, approach->setup.loop, &setup, &channel_calls, approach, error);
    if (status == SLUICE_OK && (status = say_hello(approach)) != SLUICE_OK)
        sluice_fail(error, status, "%s: cannot say hello: %s", approach->setup.peer, sluice_status_text(status));
    return status;
}

static int connect_to_server(sluice_approach *approach, sluice_error *error)
{
    approach->ready = approach->asked = approach->finishing = false;
    approach->fresh = approach->aim == AIM_MOVE;
    if (approach->by_ssh)
        return connect_by_ssh(approach, error);
    sluice_tls_connect_setup setup = {
        .host = approach->setup.host,
        .port = approach->setup.port,
        .fingerprint = approach->setup.fingerprint,
        .ciphersuites = approach->setup.ciphersuites,
        .timeout_ns = approach->aim == AIM_HELLO && !approach->patient ? CONNECT_NS : REACH_NS,
    };
    return sluice_tls_connect(&approach->channel, approach->setup.loop, &setup, &channel_calls, approach, error);
}

/* The time of another attempt, or the end of the patience with datagrams. */
static void on_timer(void *user, sluice_time now)
{
    sluice_approach *approach = user;
    sluice_error error = {0};
    (void)now;
    if (approach->channel) {
        if (approach->aim == AIM_MOVE && approach->ready && !approach->asked)
            fail_if(approach, ask_to_move(approach));
        else if (approach->aim != AIM_NONE && approach->asked)
            fail_named(approach, SLUICE_ECONNECT, "the server takes the connection, but does not answer");
        return;
    }
    if (connect_to_server(approach, &error) != SLUICE_OK)
        fail(approach, &error);
}

int sluice_approach_new(sluice_approach **out, const sluice_approach_setup *setup, const sluice_hello_message *hello,
                        bool patient, sluice_error *error)
{
    sluice_approach *approach = calloc(1, sizeof *approach);
    if (!approach)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to connect to %s", setup->peer);
    approach->setup = *setup;
    approach->hello = *hello;
    approach->by_ssh = setup->target != NULL;
    approach->patient = patient;
    approach->give_up = sluice_loop_now(setup->loop) + setup->timeout_ns;
    int status = sluice_timer_new(&approach->timer, setup->loop, on_timer, approach);
    approach->hello.has_secret = approach->by_ssh;
    if (status == SLUICE_OK && approach->by_ssh)
        status = sluice_secure_random(approach->hello.secret, sizeof approach->hello.secret);
    else if (status == SLUICE_OK)
        memcpy(approach->hello.ticket_id, setup->ticket->id, sizeof approach->hello.ticket_id);
    if (status != SLUICE_OK)
        sluice_fail(error, status, "cannot connect to %s: %s", setup->peer, sluice_status_text(status));
    else
        status = connect_to_server(approach, error);
    if (status != SLUICE_OK) {
        sluice_approach_free(approach);
        return status;
    }
    *out = approach;
    return SLUICE_OK;
}

void sluice_approach_free(sluice_approach *approach)
{
    if (!approach)
        return;
    sluice_channel_free(approach->channel);
    sluice_timer_free(approach->timer);
    sluice_secure_cleanse(approach, sizeof *approach);
    free(approach);
}

/* ---- after the welcome ---- */

int sluice_approach_secret(sluice_approach *approach, uint8_t secret[SLUICE_SECRET_BYTES], sluice_error *error)
{
    int status = SLUICE_OK;
    if (approach->by_ssh)
        memcpy(secret, approach->hello.secret, SLUICE_SECRET_BYTES);
    else
        status = sluice_channel_export(approach->channel, SLUICE_EXPORTER_LABEL, secret, SLUICE_SECRET_BYTES);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot derive the session's keys: %s", sluice_status_text(status));
    return SLUICE_OK;
}

sluice_duration sluice_approach_rtt(const sluice_approach *approach)
{
    return approach->rtt_ns;
}

const sluice_address *sluice_approach_server(const sluice_approach *approach)
{
    return &approach->server;
}

const sluice_channel *sluice_approach_channel(const sluice_approach *approach)
{
    return approach->channel;
}

sluice_channel *sluice_approach_take(sluice_approach *approach)
{
    sluice_channel *channel = approach->channel;
    approach->channel = NULL;
    return channel;
}

void sluice_approach_arrived(sluice_approach *approach)
{
    if (approach->by_ssh || !approach->channel || approach->aim != AIM_NONE)
        return;
    approach->finishing = true;
    sluice_channel_finish(approach->channel);
}

void sluice_approach_move(sluice_approach *approach, const sluice_keys *keys, sluice_duration patience_ns)
{
    sluice_error error = {0};
    int status = sluice_keys_join(keys, approach->join);
    memcpy(approach->session_id, keys->session_id, sizeof approach->session_id);
    approach->aim = AIM_MOVE;
    approach->attempts = 0;
    approach->patience_ns = patience_ns;
    approach->give_up = sluice_loop_now(approach->setup.loop) + approach->setup.timeout_ns;
    if (approach->finishing)
        channel_drop(approach);
    if (status == SLUICE_OK && approach->channel && (!approach->ready || approach->asked)) /* it will ask, or has asked */
        sluice_timer_set(approach->timer, approach->asked ? approach->give_up : SLUICE_NEVER);
    else if (status == SLUICE_OK && approach->channel && patience_ns == 0)
        status = ask_to_move(approach);
    else if (status == SLUICE_OK && approach->channel)
        sluice_timer_set(approach->timer, sluice_loop_now(approach->setup.loop) + patience_ns);
    else if (status == SLUICE_OK && approach->by_ssh)
        status = sluice_fail(&error, SLUICE_ECLOSED, "%s: the ssh connection is gone as well", approach->setup.peer);
    else if (status == SLUICE_OK)
        status = connect_to_server(approach, &error);
    if (status == SLUICE_OK)
        return;
    if (!error.text[0])
        sluice_fail(&error, status, "%s: no other way: %s", approach->setup.peer, sluice_status_text(status));
    fail(approach, &error);
}

bool sluice_approach_stay(sluice_approach *approach)
{
    if (approach->aim != AIM_MOVE)
        return true;
    if (approach->asked)
        return false;
    if (approach->fresh || !approach->ready)
        channel_drop(approach);
    sluice_timer_set(approach->timer, SLUICE_NEVER);
    approach->aim = AIM_NONE;
    return true;
}
