/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rivals sink ADDRESS                        takes TCP connections and throws away what comes, until it is ended
 * rivals send ADDRESS FROM SECONDS KIND...   sends as fast as TCP lets it, with one connection for each KIND of congestion control
 *                                            (TCP_CONGESTION), and prints a line for each: kind, Mbit/s of payload acknowledged from
 *                                            FROM to SECONDS, share of segments sent again, mean of the round trips in ms,
 *                                            mean of the congestion window in packets
 *
 * The kernel's own TCPs, for the models of `sluice simulate` to be compared with.  Port 9.  With RIVALS_VERBOSE in the environment
 * `send` also says on standard error which of the namespace's counters of TCP (/proc/net/netstat, /proc/net/snmp) moved, and by
 * how much: those tell how often there was a time-out, a probe, a recovery.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 9
#define RIVALS_MOST 16
#define SAMPLE_S 0.05
#define BUFFER_BYTES (32 << 20)

static char block[1 << 16];

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in place(const char *address)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        fail(address);
    return at;
}

/* Buffers that hold no sender up: with Linux's defaults a TCP of 100 Mbit/s and 200 ms waits for its receiver when anything is
 * lost, whatever its congestion control.  More than the sysctls allow takes root; else it is what they allow. */
static void widen(int socket, int forced, int plain)
{
    int bytes = BUFFER_BYTES;
    if (setsockopt(socket, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0 &&
        setsockopt(socket, SOL_SOCKET, plain, &bytes, sizeof bytes) < 0)
        fail("buffer");
}

static _Noreturn void sink(const char *address)
{
    struct sockaddr_in at = place(address);
    struct pollfd all[RIVALS_MOST + 1] = {{.fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN}};
    nfds_t count = 1;
    int on = 1;
    setsockopt(all[0].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    widen(all[0].fd, SO_RCVBUFFORCE, SO_RCVBUF);
    if (bind(all[0].fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(all[0].fd, RIVALS_MOST) < 0)
        fail("listen");
    for (;;) {
        if (poll(all, count, -1) < 0)
            fail("poll");
        if ((all[0].revents & POLLIN) && count <= RIVALS_MOST)
            all[count++] = (struct pollfd){.fd = accept(all[0].fd, NULL, NULL), .events = POLLIN};
        for (nfds_t i = 1; i < count; i++)
            if (all[i].revents && read(all[i].fd, block, sizeof block) <= 0)
                all[i].fd = -1;
    }
}

typedef struct rival {
    const char *kind;
    struct tcp_info before, after;
    double rtt_sum, cwnd_sum;
    unsigned rtt_count;
} rival;

#define COUNTERS_MOST 512

typedef struct counters {
    char names[COUNTERS_MOST][40];
    long long values[COUNTERS_MOST];
    size_t count;
} counters;

/* A file of pairs of lines: the names of a group, then their values. */
static void counters_read(counters *to, const char *path)
{
    static char names[1 << 14], values[1 << 14];
    FILE *file = fopen(path, "r");
    if (!file)
        fail(path);
    while (fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
        char *name_rest, *value_rest, *name = strtok_r(names, " \n", &name_rest);
        char *value = strtok_r(values, " \n", &value_rest);
        bool tcp = name && strncmp(name, "Tcp", 3) == 0;
        while (tcp && (name = strtok_r(NULL, " \n", &name_rest)) && (value = strtok_r(NULL, " \n", &value_rest)) &&
               to->count < COUNTERS_MOST) {
            snprintf(to->names[to->count], sizeof to->names[0], "%s", name);
            to->values[to->count++] = atoll(value);
        }
    }
    fclose(file);
}

static void counters_all(counters *to)
{
    to->count = 0;
    counters_read(to, "/proc/self/net/snmp");
    counters_read(to, "/proc/self/net/netstat");
}

static struct tcp_info look(int socket)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        fail("TCP_INFO");
    return info;
}

static int begin(const char *address, const char *kind)
{
    struct sockaddr_in at = place(address);
    int made = socket(AF_INET, SOCK_STREAM, 0);
    if (setsockopt(made, IPPROTO_TCP, TCP_CONGESTION, kind, (socklen_t)strlen(kind)) < 0)
        fail(kind);
    widen(made, SO_SNDBUFFORCE, SO_SNDBUF);
    if (connect(made, (struct sockaddr *)&at, sizeof at) < 0)
        fail("connect");
    return made;
}

static int send_all(const char *address, double from, double until, char **kinds, int count)
{
    struct pollfd all[RIVALS_MOST];
    rival rivals[RIVALS_MOST] = {{.kind = NULL}};
    double start = seconds_now(), sampled = 0;
    bool judged = false, verbose = getenv("RIVALS_VERBOSE") != NULL;
    static counters then, now_counters;
    for (int i = 0; i < count; i++) {
        rivals[i].kind = kinds[i];
        all[i] = (struct pollfd){.fd = begin(address, kinds[i]), .events = POLLOUT};
    }
    for (double now = 0; now < until; now = seconds_now() - start) {
        if (poll(all, (nfds_t)count, 20) < 0)
            fail("poll");
        for (int i = 0; i < count; i++)
            if (all[i].revents && send(all[i].fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
                fail("send");
        if (now < from || now < sampled + SAMPLE_S)
            continue;
        sampled = now;
        for (int i = 0; i < count; i++) {
            rivals[i].after = look(all[i].fd);
            if (!judged)
                rivals[i].before = rivals[i].after;
            rivals[i].rtt_sum += rivals[i].after.tcpi_rtt / 1e3;
            rivals[i].cwnd_sum += rivals[i].after.tcpi_snd_cwnd;
            rivals[i].rtt_count++;
        }
        if (!judged) {
            from = now;
            counters_all(&then);
        }
        judged = true;
        until = until > now ? until : now;
    }
    for (int i = 0; i < count; i++) {
        const rival *r = &rivals[i];
        double segments = (double)(r->after.tcpi_segs_out - r->before.tcpi_segs_out);
        printf("%s %.3f %.5f %.2f %.2f\n", r->kind,
               (double)(r->after.tcpi_bytes_acked - r->before.tcpi_bytes_acked) * 8e-6 / (sampled - from),
               segments > 0 ? (double)(r->after.tcpi_total_retrans - r->before.tcpi_total_retrans) / segments : 0,
               r->rtt_count ? r->rtt_sum / r->rtt_count : 0, r->rtt_count ? r->cwnd_sum / r->rtt_count : 0);
    }
    for (int i = 0; verbose && i < count; i++)
        fprintf(stderr, "  %s: ms held up by the receiver's window %.0f, by its own buffer %.0f\n", rivals[i].kind,
                (double)(rivals[i].after.tcpi_rwnd_limited - rivals[i].before.tcpi_rwnd_limited) / 1e3,
                (double)(rivals[i].after.tcpi_sndbuf_limited - rivals[i].before.tcpi_sndbuf_limited) / 1e3);
    counters_all(&now_counters);
    for (size_t i = 0; verbose && i < now_counters.count && i < then.count; i++)
        if (now_counters.values[i] != then.values[i])
            fprintf(stderr, "  %s %lld\n", now_counters.names[i], now_counters.values[i] - then.values[i]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sink") == 0)
        sink(argv[2]);
    if (argc > 5 && argc - 5 <= RIVALS_MOST && strcmp(argv[1], "send") == 0)
        return send_all(argv[2], atof(argv[3]), atof(argv[4]), argv + 5, argc - 5);
    fputs("usage: rivals sink ADDRESS | rivals send ADDRESS FROM SECONDS KIND...\n", stderr);
    return 2;
}
