/* SPDX-License-Identifier: Apache-2.0 */
/*
 * siege KIND ADDRESS PORT CONNECTIONS PACKETS
 *
 * Besieges ADDRESS:PORT (IPv4) until its stdin ends: so many half-open connections, and so many random datagrams a
 * second.  KIND is `silent`: TCP connections that never say anything, from addresses of their own (--local
 * route needed: 10.81.128.0/17), opened again when the server closes them, at most a thousand a second;
 * `syn`: SYNs alone from 10.82.0.0/16, which nobody answers for, again and again; or `none`.  Says "ready" when all
 * stand, and at the end what it did, as one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS 1000000 /* what is due is sent every millisecond */
#define OPENINGS 10     /* a step, at first */
#define REOPENINGS 1    /* a step, later */
#define BATCH 256
#define SIZE_MOST 1400
#define SILENT_NET 0x0a518000u /* 10.81.128.0 */
#define SYN_NET 0x0a520000u    /* 10.82.0.0 */

typedef struct siege_state {
    struct sockaddr_in target;
    int wanted, *fds, *idle; /* idle: numbers of connections that are to be opened */
    int idle_count, next, watcher, raw, datagrams;
    bool syn, stood;
    uint64_t random, opened, closed, syns, packets;
    double allowance; /* packets that are due */
} siege_state;

static uint64_t random_next(siege_state *siege)
{
    siege->random ^= siege->random << 13;
    siege->random ^= siege->random >> 7;
    siege->random ^= siege->random << 17;
    return siege->random;
}

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ---- connections that say nothing ---- */

static void open_silent(siege_state *siege, int number)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(SILENT_NET + 1 + (uint32_t)number % 0x7ffe)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = (uint32_t)number};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    check(fd, "socket");
    check(bind(fd, (struct sockaddr *)&here, sizeof here), "bind to an address of 10.81.128.0/17");
    if (connect(fd, (struct sockaddr *)&siege->target, sizeof siege->target) < 0 && errno != EINPROGRESS)
        check(-1, "connect");
    check(epoll_ctl(siege->watcher, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    siege->fds[number] = fd;
    siege->opened++;
}

static void reap_closed(siege_state *siege)
{
    struct epoll_event events[BATCH];
    int count = epoll_wait(siege->watcher, events, BATCH, 0);
    for (int i = 0; i < count; i++) {
        int number = (int)events[i].data.u32;
        close(siege->fds[number]);
        siege->idle[siege->idle_count++] = number;
        siege->closed++;
    }
}

static void keep_silent(siege_state *siege)
{
    reap_closed(siege);
    if (siege->next == siege->wanted)
        siege->stood = true;
    for (int i = 0; i < OPENINGS && siege->next < siege->wanted; i++)
        open_silent(siege, siege->next++);
    for (int i = 0; i < REOPENINGS && siege->stood && siege->idle_count > 0; i++)
        open_silent(siege, siege->idle[--siege->idle_count]);
}

/* ---- SYNs without anything behind them ---- */

static uint32_t sum_of(const void *bytes, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count / 2; i++) {
        uint16_t word;
        memcpy(&word, (const uint8_t *)bytes + 2 * i, 2);
        sum += ntohs(word);
    }
    return sum;
}

static void send_syn(siege_state *siege, int number)
{
    struct {
        struct iphdr ip;
        struct tcphdr tcp;
    } packet = {
        .ip = {.version = 4,
               .ihl = 5,
               .ttl = 64,
               .protocol = IPPROTO_TCP,
               .saddr = htonl(SYN_NET + 1 + (uint32_t)number % 0xfffe),
               .daddr = siege->target.sin_addr.s_addr},
        .tcp = {.source = htons((uint16_t)(1024 + random_next(siege) % 60000)),
                .dest = siege->target.sin_port,
                .seq = htonl((uint32_t)random_next(siege)),
                .doff = 5,
                .syn = 1,
                .window = htons(64240)},
    };
    uint32_t sum = sum_of(&packet.ip.saddr, 8) + IPPROTO_TCP + (uint32_t)sizeof packet.tcp +
                   sum_of(&packet.tcp, sizeof packet.tcp);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    packet.tcp.check = htons((uint16_t)~sum);
    packet.ip.tot_len = htons(sizeof packet);
    if (sendto(siege->raw, &packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&siege->target,
               sizeof siege->target) > 0)
        siege->syns++;
}

/* The kernel forgets a SYN after some retries: so all are sent again and again, ten a step. */
static void keep_syns(siege_state *siege)
{
    for (int i = 0; i < OPENINGS; i++) {
        send_syn(siege, siege->next++);
        siege->stood = siege->stood || siege->next == siege->wanted;
        siege->next %= siege->wanted;
    }
}

/* ---- random datagrams ---- */

static void send_datagrams(siege_state *siege)
{
    static uint8_t noise[65536 + SIZE_MOST];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    if (noise[0] == 0 && noise[1] == 0)
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)(random_next(siege) >> 32);
    while (siege->allowance >= 1) {
        unsigned count = siege->allowance < BATCH ? (unsigned)siege->allowance : BATCH;
        memset(messages, 0, sizeof messages);
        for (unsigned i = 0; i < count; i++) {
            uint64_t random = random_next(siege);
            parts[i] = (struct iovec){noise + (random & 0xffff), 1 + (random >> 16) % SIZE_MOST};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        int sent = sendmmsg(siege->datagrams, messages, count, 0);
        siege->packets += sent > 0 ? (uint64_t)sent : 0;
        siege->allowance -= count;
    }
}

/* ---- */

static void set_up(siege_state *siege, char **argv)
{
    struct rlimit files;
    siege->random = UINT64_C(0x9e3779b97f4a7c15);
    siege->syn = strcmp(argv[1], "syn") == 0;
    siege->wanted = strcmp(argv[1], "none") == 0 ? 0 : atoi(argv[4]);
    siege->stood = siege->wanted == 0;
    siege->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    check(inet_pton(AF_INET, argv[2], &siege->target.sin_addr) == 1 ? 0 : -1, argv[2]);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    siege->fds = calloc((size_t)siege->wanted + 1, sizeof *siege->fds);
    siege->idle = calloc((size_t)siege->wanted + 1, sizeof *siege->idle);
    check(siege->fds == NULL || siege->idle == NULL ? -1 : 0, "memory");
    check(siege->watcher = epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    if (siege->syn)
        check(siege->raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), "raw socket");
    check(siege->datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    check(connect(siege->datagrams, (struct sockaddr *)&siege->target, sizeof siege->target), "connect");
}

int main(int argc, char **argv)
{
    static siege_state siege;
    bool told = false;
    if (argc != 6) {
        fprintf(stderr, "usage: siege silent|syn|none ADDRESS PORT CONNECTIONS PACKETS\n");
        return 2;
    }
    set_up(&siege, argv);
    double rate = atof(argv[5]);
    uint64_t before = now_ns();
    for (struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN}; input.revents == 0;) {
        struct timespec step = {0, STEP_NS};
        ppoll(&input, 1, &step, NULL);
        uint64_t now = now_ns();
        /* After a stall at most 10 ms are made up for. */
        uint64_t passed = now - before < 10 * STEP_NS ? now - before : 10 * STEP_NS;
        before = now;
        if (siege.wanted > 0 && siege.syn)
            keep_syns(&siege);
        else if (siege.wanted > 0)
            keep_silent(&siege);
        if (siege.stood)
            siege.allowance += rate * (double)passed / 1e9;
        send_datagrams(&siege);
        if (siege.stood && !told) {
            puts("ready");
            fflush(stdout);
            told = true;
        }
    }
    printf("{\"opened\":%" PRIu64 ",\"closed_by_server\":%" PRIu64 ",\"syns\":%" PRIu64 ",\"packets\":%" PRIu64 "}\n",
           siege.opened, siege.closed, siege.syns, siege.packets);
    return 0;
}
