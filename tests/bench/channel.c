/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much a message channel carries over TLS on loopback: one process sends messages as large as one record for some
 * seconds, another one counts what comes.  Beside it, one can lay `openssl s_client` and `s_server`:
 *
 *     channel [SECONDS [BYTES [SUITES]]]
 *
 * Prints Gbit/s of message bytes, and the processor time of each side as a share of one core.
 */
#include "net/tls.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct party {
    sluice_loop *loop;
    sluice_channel *channel;
    uint8_t message[SLUICE_MESSAGE_MAX];
    size_t bytes;
    sluice_time until;
    uint64_t got, count;
    bool over;
} party;

static void fill(void *user)
{
    party *p = user;
    if (sluice_loop_refresh(p->loop) >= p->until) {
        sluice_channel_finish(p->channel);
        return;
    }
    while (sluice_channel_send(p->channel, p->message, p->bytes) == SLUICE_OK)
        continue;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    party *p = user;
    (void)bytes;
    p->got += count;
    p->count++;
}

static void on_closed(void *user, const sluice_error *error)
{
    party *p = user;
    if (error->status != SLUICE_ECLOSED)
        fprintf(stderr, "%s\n", error->text);
    p->over = true;
}

static const sluice_channel_calls calls = {.ready = fill, .message = on_message, .writable = fill, .closed = on_closed};

static void on_accepted(void *user, sluice_channel *channel)
{
    party *p = user;
    p->channel = channel;
    sluice_channel_calls_set(channel, &calls, p);
    sluice_tls_admit(channel);
}

static double used(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int run(party *p, const char *name)
{
    sluice_time from = sluice_loop_refresh(p->loop);
    double before = used();
    while (!p->over)
        if (sluice_loop_step(p->loop, SLUICE_SECOND, NULL) != SLUICE_OK)
            return 1;
    double seconds = (double)(sluice_loop_refresh(p->loop) - from) / SLUICE_SECOND;
    if (p->got)
        printf("%s: %.2f Gbit/s in %llu messages, ", name, (double)p->got * 8 / seconds / 1e9,
               (unsigned long long)p->count);
    else
        printf("%s: cipher %s, ", name, sluice_channel_cipher(p->channel));
    printf("%.0f %% of a core\n", (used() - before) / seconds * 100);
    fflush(stdout);
    sluice_channel_free(p->channel);
    return 0;
}

static int client(uint16_t port, const uint8_t *fingerprint, unsigned seconds, size_t bytes, const char *suites)
{
    static party p;
    sluice_tls_connect_setup setup = {
        .host = "127.0.0.1", .port = port, .fingerprint = fingerprint, .ciphersuites = suites};
    if (sluice_loop_new(&p.loop, NULL) != SLUICE_OK)
        return 1;
    p.bytes = bytes;
    p.until = sluice_loop_refresh(p.loop) + seconds * SLUICE_SECOND;
    sluice_error error = {0};
    if (sluice_tls_connect(&p.channel, p.loop, &setup, &calls, &p, &error) != SLUICE_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    int result = run(&p, "sender");
    sluice_loop_free(p.loop);
    return result;
}

int main(int count, char **arguments)
{
    static party p;
    sluice_identity *identity;
    sluice_tls_listener *listener;
    sluice_address local;
    unsigned seconds = count > 1 ? (unsigned)atoi(arguments[1]) : 5;
    size_t bytes = count > 2 ? (size_t)atol(arguments[2]) : SLUICE_CHANNEL_PACKET;
    const char *suites = count > 3 ? arguments[3] : "TLS_AES_128_GCM_SHA256";
    if (sluice_loop_new(&p.loop, NULL) != SLUICE_OK || sluice_identity_new(&identity, NULL) != SLUICE_OK ||
        sluice_address_numeric("127.0.0.1", 0, &local) != SLUICE_OK)
        return 1;
    sluice_tls_listener_setup setup = {.local = &local, .identity = identity, .accepted = on_accepted, .user = &p};
    if (sluice_tls_listen(&listener, p.loop, &setup, NULL) != SLUICE_OK)
        return 1;
    uint16_t port = sluice_address_port(sluice_tls_listener_local(listener));
    pid_t child = fork();
    if (child == 0)
        _exit(client(port, sluice_identity_fingerprint(identity), seconds, bytes, suites));
    p.until = 0; /* it only listens */
    int result = run(&p, "receiver"), status = 1;
    waitpid(child, &status, 0);
    sluice_tls_listener_free(listener);
    sluice_identity_free(identity);
    sluice_loop_free(p.loop);
    return result || status;
}
