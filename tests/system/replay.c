/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - an attacker who sees the way and sends what he sees again from an address of his own.
 *
 *     replay NETNS DEVICE ADDRESS PORT
 *
 * Listens on DEVICE in the network namespace NETNS (a path such as /proc/PID/ns/net) and sends the contents of every
 * datagram to ADDRESS:PORT (IPv4) that passes there again to the same place, from an ordinary socket where it was
 * started: at once, then an earlier one once more, then a third one with one bit turned.  Says "ready" when it listens,
 * ends with its stdin, and then says how many packets and bytes (IP headers and all) it has sent and how many came back
 * to it:
 *
 *     {"sent_packets":N,"sent_bytes":N,"received_packets":N,"received_bytes":N}
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MOST 65536
#define KEPT 64
#define HEADERS 28 /* of IP and UDP */
#define ETHERTYPE 0x0800

typedef struct kept_packet {
    size_t bytes;
    uint8_t contents[2048];
} kept_packet;

typedef struct attack_state {
    struct sockaddr_in target;
    int tap, out;
    uint64_t sent_packets, sent_bytes, received_packets, received_bytes, seen;
    kept_packet kept[KEPT];
} attack_state;

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

/* A socket that sees every IPv4 packet on the device in the other namespace. */
static int tap_open(const char *space, const char *device)
{
    int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), theirs = open(space, O_RDONLY | O_CLOEXEC);
    check(ours, "/proc/self/ns/net");
    check(theirs, space);
    check(setns(theirs, CLONE_NEWNET), space);
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETHERTYPE));
    check(fd, "packet socket");
    struct sockaddr_ll here = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE), .sll_ifindex = (int)if_nametoindex(device)};
    check(here.sll_ifindex == 0 ? -1 : 0, device);
    check(bind(fd, (struct sockaddr *)&here, sizeof here), device);
    check(setns(ours, CLONE_NEWNET), "/proc/self/ns/net");
    close(ours);
    close(theirs);
    return fd;
}

static void send_again(attack_state *attack, const uint8_t *contents, size_t bytes)
{
    if (sendto(attack->out, contents, bytes, MSG_DONTWAIT, (struct sockaddr *)&attack->target, sizeof attack->target) !=
        (ssize_t)bytes)
        return;
    attack->sent_packets++;
    attack->sent_bytes += bytes + HEADERS;
}

/* What a datagram to the target has in it, or NULL: it is something else. */
static const uint8_t *contents_of(const attack_state *attack, const uint8_t *packet, size_t bytes, size_t *count)
{
    struct iphdr ip;
    struct udphdr udp;
    if (bytes < sizeof ip)
        return NULL;
    memcpy(&ip, packet, sizeof ip);
    size_t header = (size_t)ip.ihl * 4;
    if (ip.protocol != IPPROTO_UDP || ip.daddr != attack->target.sin_addr.s_addr || bytes < header + sizeof udp)
        return NULL;
    memcpy(&udp, packet + header, sizeof udp);
    size_t length = ntohs(udp.len);
    if (udp.dest != attack->target.sin_port || length < sizeof udp || bytes < header + length)
        return NULL;
    *count = length - sizeof udp;
    return packet + header + sizeof udp;
}

static void replay(attack_state *attack, const uint8_t *contents, size_t bytes)
{
    kept_packet *place = &attack->kept[attack->seen % KEPT];
    const kept_packet *early = &attack->kept[(attack->seen + 1) % KEPT];
    if (bytes == 0 || bytes > sizeof place->contents)
        return;
    send_again(attack, contents, bytes);
    if (early->bytes > 0)
        send_again(attack, early->contents, early->bytes);
    place->bytes = bytes;
    memcpy(place->contents, contents, bytes);
    place->contents[attack->seen % bytes] ^= 4;
    send_again(attack, place->contents, bytes);
    place->contents[attack->seen % bytes] ^= 4;
    attack->seen++;
}

static void take_packet(attack_state *attack)
{
    uint8_t packet[PACKET_MOST];
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    size_t count;
    ssize_t bytes = recvfrom(attack->tap, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (bytes <= 0)
        return;
    const uint8_t *contents = contents_of(attack, packet, (size_t)bytes, &count);
    /* His own come by here as well, if the device is on their way. */
    if (contents != NULL && from.sll_pkttype != PACKET_OUTGOING)
        replay(attack, contents, count);
}

static void take_answer(attack_state *attack)
{
    uint8_t packet[PACKET_MOST];
    ssize_t bytes = recv(attack->out, packet, sizeof packet, MSG_DONTWAIT);
    if (bytes < 0)
        return;
    attack->received_packets++;
    attack->received_bytes += (uint64_t)bytes + HEADERS;
}

int main(int argc, char **argv)
{
    static attack_state attack;
    if (argc != 5) {
        fprintf(stderr, "usage: replay NETNS DEVICE ADDRESS PORT\n");
        return 2;
    }
    attack.target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[4]))};
    if (inet_pton(AF_INET, argv[3], &attack.target.sin_addr) != 1) {
        fprintf(stderr, "replay: %s: not an IPv4 address\n", argv[3]);
        return 2;
    }
    attack.tap = tap_open(argv[1], argv[2]);
    attack.out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(attack.out, "socket");
    puts("ready");
    fflush(stdout);
    bool watched = true;
    while (watched) {
        struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = attack.tap, .events = POLLIN},
                                {.fd = attack.out, .events = POLLIN}};
        check(poll(ends, sizeof ends / sizeof ends[0], -1), "poll");
        watched = ends[0].revents == 0;
        if (ends[1].revents)
            take_packet(&attack);
        if (ends[2].revents)
            take_answer(&attack);
    }
    printf("{\"sent_packets\":%" PRIu64 ",\"sent_bytes\":%" PRIu64 ",\"received_packets\":%" PRIu64
           ",\"received_bytes\":%" PRIu64 "}\n",
           attack.sent_packets, attack.sent_bytes, attack.received_packets, attack.received_bytes);
    return 0;
}
