/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pipe.h"
#include "unit/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct end {
    sluice_channel *channel;
    unsigned ready, messages, closed, writable;
    size_t bytes;
    uint32_t sequence, next;
    int sent;
    bool early; /* a message came before it was ready */
    char last[16];
    sluice_error error;
} end;

/* A channel on the one side, and on the other a channel as well, or the bare ends of its pipes. */
typedef struct net {
    sluice_loop *loop;
    end server, client;
    int to_client, from_client; /* bare ends; -1: in the server's channel */
} net;

static void fill(end *e)
{
    uint8_t message[5000] = {0};
    while (e->sent > 0) {
        memcpy(message, &e->next, sizeof(e->next));
        if (sluice_channel_send(e->channel, message, 4 + e->next * 37 % 4900) != SLUICE_OK)
            return;
        e->next++;
        e->sent--;
    }
}

static void on_ready(void *user)
{
    ((end *)user)->ready++;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    end *e = user;
    uint32_t number = 0;
    e->messages++;
    e->bytes += count;
    e->early |= !e->ready;
    snprintf(e->last, sizeof(e->last), "%.*s", (int)(count < 15 ? count : 15), (char *)bytes);
    if (count >= 4)
        memcpy(&number, bytes, 4);
    if (e->next || e->sequence) {
        CU_ASSERT_EQUAL(number, e->sequence);
        CU_ASSERT_EQUAL(count, 4 + number * 37 % 4900);
    }
    e->sequence++;
}

static void on_writable(void *user)
{
    end *e = user;
    e->writable++;
    fill(e);
}

static void on_closed(void *user, const sluice_error *error)
{
    end *e = user;
    e->closed++;
    e->error = *error;
}

static const sluice_channel_calls calls = {
    .ready = on_ready, .message = on_message, .writable = on_writable, .closed = on_closed};

static void client_open(net *n, sluice_duration timeout_ns)
{
    int in[2], out[2];
    memset(n, 0, sizeof(*n));
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&n->loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(pipe2(in, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL_FATAL(pipe2(out, O_CLOEXEC), 0);
    n->to_client = in[1];
    n->from_client = out[0];
    sluice_pipe_setup setup = {.in = in[0], .out = out[1], .timeout_ns = timeout_ns, .label = "ssh there"};
    CU_ASSERT_EQUAL_FATAL(sluice_pipe_new(&n->client.channel, n->loop, &setup, &calls, &n->client, NULL), SLUICE_OK);
}

static void server_open(net *n)
{
    sluice_pipe_setup setup = {.in = n->from_client, .out = n->to_client, .speaks_first = true, .label = "client"};
    CU_ASSERT_EQUAL_FATAL(sluice_pipe_new(&n->server.channel, n->loop, &setup, &calls, &n->server, NULL), SLUICE_OK);
    n->from_client = n->to_client = -1;
}

static void net_close(net *n)
{
    sluice_channel_free(n->client.channel);
    sluice_channel_free(n->server.channel);
    if (n->to_client >= 0)
        close(n->to_client);
    if (n->from_client >= 0)
        close(n->from_client);
    sluice_loop_free(n->loop);
}

static void step(net *n)
{
    CU_ASSERT_EQUAL(sluice_loop_step(n->loop, SLUICE_SECOND, NULL), SLUICE_OK);
}

/* Whatever is ready, without waiting. */
static void steps(net *n)
{
    for (unsigned i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(sluice_loop_step(n->loop, 0, NULL), SLUICE_OK);
}

static void until(net *n, const unsigned *counter, unsigned value)
{
    for (sluice_time latest = sluice_loop_refresh(n->loop) + 20 * SLUICE_SECOND;
         *counter < value && sluice_loop_refresh(n->loop) < latest;)
        step(n);
    CU_ASSERT_EQUAL(*counter, value);
}

static void write_all(int fd, const void *bytes, size_t count)
{
    CU_ASSERT_EQUAL(write(fd, bytes, count), (ssize_t)count);
}

/* What the server says first, and one message. */
static size_t greeting_make(uint8_t *out, const char *message)
{
    size_t bytes = strlen(message);
    memcpy(out, sluice_pipe_marker, SLUICE_PIPE_MARKER_BYTES);
    out += SLUICE_PIPE_MARKER_BYTES;
    out[0] = out[1] = out[2] = 0;
    out[3] = (uint8_t)bytes;
    memcpy(out + 4, message, bytes);
    return SLUICE_PIPE_MARKER_BYTES + 4 + bytes;
}

static void messages_go_both_ways(void)
{
    net n;
    uint8_t exported[32];
    client_open(&n, 0);
    /* Over pipes they leave before the other end has spoken, and nothing comes before `ready`. */
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, "hello", 5), SLUICE_OK);
    steps(&n);
    CU_ASSERT_EQUAL(n.client.ready, 0);
    server_open(&n);
    until(&n, &n.server.messages, 1);
    CU_ASSERT_STRING_EQUAL(n.server.last, "hello");
    CU_ASSERT_EQUAL(n.server.ready, 1);
    CU_ASSERT_FALSE(n.server.early);
    CU_ASSERT_EQUAL(sluice_channel_send(n.server.channel, "welcome", 7), SLUICE_OK);
    until(&n, &n.client.messages, 1);
    CU_ASSERT_STRING_EQUAL(n.client.last, "welcome");
    CU_ASSERT_EQUAL(n.client.ready, 1);
    CU_ASSERT_FALSE(n.client.early);

    CU_ASSERT_STRING_EQUAL(sluice_channel_cipher(n.client.channel), "ssh");
    CU_ASSERT_STRING_EQUAL(sluice_channel_guard(n.client.channel), "ssh");
    CU_ASSERT_FALSE(sluice_channel_is_tls(n.client.channel));
    CU_ASSERT_EQUAL(sluice_channel_rtt(n.client.channel), 0);
    CU_ASSERT(sluice_address_is_none(sluice_channel_peer(n.client.channel)));
    CU_ASSERT_EQUAL(sluice_channel_export(n.client.channel, "EXPORTER-x", exported, 32), SLUICE_EINVAL);

    sluice_channel_finish(n.client.channel);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, "late", 4), SLUICE_ECLOSED);
    until(&n, &n.server.closed, 1);
    CU_ASSERT_EQUAL(n.server.error.status, SLUICE_ECLOSED);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECLOSED);
    net_close(&n);
}

static void bulk_goes_both_ways_at_once(void)
{
    net n;
    client_open(&n, 0);
    server_open(&n);
    n.client.sent = n.server.sent = 3000;
    fill(&n.client);
    fill(&n.server);
    CU_ASSERT(n.client.sent > 0);
    until(&n, &n.server.messages, 3000);
    until(&n, &n.client.messages, 3000);
    CU_ASSERT(n.client.writable > 0);
    net_close(&n);
}

static void one_socket_may_be_both_ways(void)
{
    net n;
    int ends[2];
    memset(&n, 0, sizeof(n));
    n.to_client = n.from_client = -1;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&n.loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    sluice_pipe_setup client = {.in = ends[0], .out = ends[0], .label = "ssh there"};
    /* As sshd does it: stdin and stdout are two descriptors of one socket. */
    sluice_pipe_setup server = {.in = ends[1], .out = dup(ends[1]), .speaks_first = true, .label = "client"};
    CU_ASSERT_EQUAL_FATAL(sluice_pipe_new(&n.client.channel, n.loop, &client, &calls, &n.client, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_pipe_new(&n.server.channel, n.loop, &server, &calls, &n.server, NULL), SLUICE_OK);
    n.client.sent = n.server.sent = 1000;
    fill(&n.client);
    fill(&n.server);
    until(&n, &n.server.messages, 1000);
    until(&n, &n.client.messages, 1000);
    sluice_channel_finish(n.server.channel);
    until(&n, &n.client.closed, 1);
    until(&n, &n.server.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(n.server.error.status, SLUICE_ECLOSED);
    net_close(&n);
}

/* The marker after noise of every kind, cut at every place. */
static void noise_is_skipped(void)
{
    char long_noise[1000];
    char with_half[64], with_two[64];
    memset(long_noise, 'n', sizeof(long_noise) - 1);
    long_noise[sizeof(long_noise) - 1] = '\0';
    snprintf(with_half, sizeof(with_half), "Welcome!\nsluice1\n\nsluice1 ");
    snprintf(with_two, sizeof(with_two), "\n\n\n\nsl\nslu\n");
    const char *const noises[] = {"", "Welcome to the machine!\n", with_half, with_two, long_noise};
    for (size_t i = 0; i < SLUICE_COUNT(noises); i++) {
        uint8_t bytes[2048];
        size_t noise = strlen(noises[i]);
        memcpy(bytes, noises[i], noise);
        size_t whole = noise + greeting_make(bytes + noise, "ok");
        size_t stride = whole > 200 ? 97 : 1;
        for (size_t cut = 0; cut <= whole; cut += stride) {
            net n;
            client_open(&n, 0);
            write_all(n.to_client, bytes, cut);
            steps(&n);
            CU_ASSERT_EQUAL(n.client.ready, cut >= noise + SLUICE_PIPE_MARKER_BYTES);
            write_all(n.to_client, bytes + cut, whole - cut);
            until(&n, &n.client.messages, 1);
            CU_ASSERT_EQUAL(n.client.ready, 1);
            CU_ASSERT_STRING_EQUAL(n.client.last, "ok");
            net_close(&n);
        }
    }
}

/* Byte by byte, with all but the last byte of the marker as noise before it. */
static void almost_the_marker_is_noise(void)
{
    net n;
    uint8_t bytes[128];
    size_t almost = SLUICE_PIPE_MARKER_BYTES - 1;
    memcpy(bytes, sluice_pipe_marker, almost);
    memcpy(bytes + almost, sluice_pipe_marker, almost);
    size_t whole = 2 * almost + greeting_make(bytes + 2 * almost, "ok");
    client_open(&n, 0);
    for (size_t i = 0; i < whole; i++) {
        write_all(n.to_client, &bytes[i], 1);
        steps(&n);
    }
    until(&n, &n.client.messages, 1);
    CU_ASSERT_STRING_EQUAL(n.client.last, "ok");
    net_close(&n);
}

static void marker_has_its_first_byte_once(void)
{
    CU_ASSERT_EQUAL(memcmp(sluice_pipe_marker, "\nsluice1 ", 9), 0);
    CU_ASSERT_PTR_NULL(memchr(sluice_pipe_marker + 1, sluice_pipe_marker[0], SLUICE_PIPE_MARKER_BYTES - 1));
}

static void too_much_noise_is_told(void)
{
    net n;
    static char noise[SLUICE_PIPE_NOISE];
    uint8_t greeting[64];
    size_t whole = greeting_make(greeting, "ok");
    memset(noise, '.', sizeof(noise));
    memcpy(noise, "Hi\x1b[31m \r\nthere", 15);

    client_open(&n, 0); /* as much as is allowed */
    for (size_t at = 0; at < sizeof(noise); at += 4096) {
        write_all(n.to_client, noise + at, 4096);
        steps(&n);
    }
    write_all(n.to_client, greeting, whole);
    until(&n, &n.client.messages, 1);
    net_close(&n);

    client_open(&n, 0); /* one more */
    for (size_t at = 0; at < sizeof(noise); at += 4096) {
        write_all(n.to_client, noise + at, 4096);
        steps(&n);
    }
    CU_ASSERT_EQUAL(n.client.closed, 0);
    write_all(n.to_client, ".", 1);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "ssh there"));
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "\"Hi?[31m ? there...."));
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "startup files"));
    net_close(&n);
}

static void end_before_the_marker_is_told(void)
{
    net n;
    client_open(&n, 0);
    write_all(n.to_client, "This account is not available.\n", 31);
    close(n.to_client);
    n.to_client = -1;
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "\"This account is not available.\""));
    net_close(&n);

    client_open(&n, 50 * SLUICE_MS); /* nobody says anything */
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "did not answer"));
    net_close(&n);
}

static void broken_frames_are_refused(void)
{
    static const uint8_t lengths[][4] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {'H', 'e', 'l', 'l'}};
    for (size_t i = 0; i < SLUICE_COUNT(lengths); i++) {
        net n;
        client_open(&n, 0);
        write_all(n.to_client, sluice_pipe_marker, SLUICE_PIPE_MARKER_BYTES);
        write_all(n.to_client, lengths[i], 4);
        until(&n, &n.client.closed, 1);
        CU_ASSERT_EQUAL(n.client.error.status, SLUICE_EPROTOCOL);
        CU_ASSERT_EQUAL(n.client.messages, 0);
        net_close(&n);
    }
    net n;
    uint8_t bytes[64];
    size_t whole = greeting_make(bytes, "not all of it");
    client_open(&n, 0);
    write_all(n.to_client, bytes, whole - 1);
    close(n.to_client);
    n.to_client = -1;
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_EIO);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "cut"));
    net_close(&n);
}

/* The thread of this test has SIGPIPE neither blocked nor ignored: were it raised, the test would die. */
static void peer_that_reads_no_more_is_survived(void)
{
    net n;
    uint8_t bytes[64];
    sigset_t pending;
    client_open(&n, 0);
    size_t whole = greeting_make(bytes, "farewell");
    close(n.from_client);
    n.from_client = -1;
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, "hello", 5), SLUICE_OK);
    steps(&n);
    CU_ASSERT_EQUAL(n.client.closed, 0); /* it may have said why */
    write_all(n.to_client, bytes, whole);
    close(n.to_client);
    n.to_client = -1;
    until(&n, &n.client.closed, 1);
    CU_ASSERT_STRING_EQUAL(n.client.last, "farewell");
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECLOSED);
    sigpending(&pending);
    CU_ASSERT_EQUAL(sigismember(&pending, SIGPIPE), 0);
    net_close(&n);

    client_open(&n, 0); /* and if it stays but is deaf */
    write_all(n.to_client, bytes, whole);
    until(&n, &n.client.messages, 1);
    close(n.from_client);
    n.from_client = -1;
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, "hello", 5), SLUICE_OK);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_EIO);
    net_close(&n);
}

static void files_are_refused_in_place_of_pipes(void)
{
    sluice_loop *loop;
    sluice_channel *channel = NULL;
    sluice_error error = {0};
    char name[] = "/tmp/sluice-pipe-XXXXXX";
    int in = mkstemp(name), out = open(name, O_WRONLY);
    unlink(name);
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    sluice_pipe_setup setup = {.in = in, .out = out, .label = "stdin and stdout"};
    CU_ASSERT_EQUAL(sluice_pipe_new(&channel, loop, &setup, &calls, NULL, &error), SLUICE_EIO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "stdin and stdout"));
    CU_ASSERT_EQUAL(fcntl(in, F_GETFD), -1); /* owned whatever came of it */
    CU_ASSERT_EQUAL(fcntl(out, F_GETFD), -1);
    sluice_loop_free(loop);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"messages go both ways", messages_go_both_ways},
        {"bulk goes both ways at once", bulk_goes_both_ways_at_once},
        {"one socket may be both ways", one_socket_may_be_both_ways},
        {"noise is skipped", noise_is_skipped},
        {"almost the marker is noise", almost_the_marker_is_noise},
        {"marker has its first byte once", marker_has_its_first_byte_once},
        {"too much noise is told", too_much_noise_is_told},
        {"end before the marker is told", end_before_the_marker_is_told},
        {"broken frames are refused", broken_frames_are_refused},
        {"peer that reads no more is survived", peer_that_reads_no_more_is_survived},
        {"files are refused in place of pipes", files_are_refused_in_place_of_pipes},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_pipe", tests);
}
