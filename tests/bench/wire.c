/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire DEVICE WINDOW-MS SECONDS
 *
 * Reads every IP packet with UDP that leaves by a device, with the kernel's own time for each, and tells after SECONDS, or at
 * SIGTERM, the most bytes of IP that any window of so many milliseconds holds.  A packet that the kernel cuts up later counts
 * with the headers of one.  Prints one JSON object.  Needs CAP_NET_RAW.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEPT 65536 /* packets of one window at most: a power of two */

typedef struct seen {
    uint64_t at, bytes;
} seen;

typedef struct window {
    seen packets[KEPT];
    uint64_t first, next, bytes, most, total, span_ns;
} window;

static volatile sig_atomic_t over;

static void stop(int number)
{
    (void)number;
    over = 1;
}

static void check(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void note(window *w, uint64_t at, uint64_t bytes)
{
    while (w->first < w->next && (w->packets[w->first % KEPT].at + w->span_ns <= at || w->next - w->first == KEPT))
        w->bytes -= w->packets[w->first++ % KEPT].bytes;
    w->packets[w->next++ % KEPT] = (seen){at, bytes};
    w->bytes += bytes;
    w->total += bytes;
    if (w->bytes > w->most)
        w->most = w->bytes;
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int device_open(const char *device)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL)), yes = 1, room = 8 << 20;
    check(fd >= 0, "packet socket");
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = (int)if_nametoindex(device);
    check(address.sll_ifindex > 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0, device);
    check(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) == 0, "timestamps");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    struct timeval patience = {.tv_usec = 100000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static bool is_udp(const uint8_t *head, ssize_t bytes)
{
    return bytes >= 40 && ((head[0] >> 4 == 4 && head[9] == IPPROTO_UDP) || (head[0] >> 4 == 6 && head[6] == IPPROTO_UDP));
}

/* One packet; nothing when none came for a while. */
static void take(int fd, window *w)
{
    uint8_t head[64];
    _Alignas(struct cmsghdr) uint8_t control[128];
    struct sockaddr_ll from;
    struct iovec buffer = {head, sizeof head};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &buffer,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t bytes = recvmsg(fd, &message, MSG_TRUNC);
    if (bytes < 0) {
        check(errno == EAGAIN || errno == EINTR, "recvmsg");
        return;
    }
    if (from.sll_pkttype != PACKET_OUTGOING || !is_udp(head, bytes))
        return;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        struct timespec stamp;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
        note(w, (uint64_t)stamp.tv_sec * 1000000000 + (uint64_t)stamp.tv_nsec, (uint64_t)bytes);
    }
}

int main(int argc, char **argv)
{
    static window w;
    if (argc != 4) {
        fprintf(stderr, "usage: wire DEVICE WINDOW-MS SECONDS\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    w.span_ns = strtoull(argv[2], NULL, 10) * 1000000;
    uint64_t end = now_ns() + strtoull(argv[3], NULL, 10) * 1000000000;
    int fd = device_open(argv[1]);
    while (!over && now_ns() < end)
        take(fd, &w);
    printf("{\"packets\":%llu,\"bytes\":%llu,\"most_bytes\":%llu}\n", (unsigned long long)w.next, (unsigned long long)w.total,
           (unsigned long long)w.most);
    return 0;
}
