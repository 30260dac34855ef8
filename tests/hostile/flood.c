/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flood.c - a port scan, half-open connections and stray datagrams.
 *
 *     flood PORT CONNECTIONS DATAGRAMS
 *
 * Opens so many TCP connections to 127.0.0.1:PORT, each from an address of its own in 127.1.0.0/16: some say nothing,
 * some begin a TLS record that never ends, some speak another protocol, some send noise.  Then sends so many datagrams
 * to the same UDP port: empty, short, of all sizes, with random and with likely headers.  Says "ready" and holds the
 * connections open until its stdin ends.  The bytes come from a fixed seed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MOST 9000
#define BREATH 64 /* datagrams at once: more would only fill the socket's buffer */

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t random_next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(random_next() >> 32);
}

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static struct sockaddr_in address_of(uint32_t host, int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(host)};
}

/* The beginning of a ClientHello of 16 KB of which nothing more comes. */
static size_t half_hello(uint8_t *bytes)
{
    static const uint8_t begin[] = {0x16, 0x03, 0x01, 0x3f, 0xff, 0x01, 0x00, 0x3f, 0xfb, 0x03, 0x03};
    memcpy(bytes, begin, sizeof begin);
    fill(bytes + sizeof begin, 500);
    return sizeof begin + 500;
}

static void say_something(int fd, int number)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    uint8_t bytes[8192];
    size_t count = 0;
    switch (number % 5) {
    case 0:
    case 1:
        return;
    case 2:
        count = half_hello(bytes);
        break;
    case 3:
        count = sizeof http - 1;
        memcpy(bytes, http, count);
        break;
    default:
        count = sizeof bytes;
        fill(bytes, count);
    }
    /* The server may have hung up already: that is its right. */
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
    (void)sent;
}

static void open_connections(int port, int count)
{
    struct sockaddr_in there = address_of(INADDR_LOOPBACK, port);
    for (int i = 0; i < count; i++) {
        struct sockaddr_in here = address_of(0x7f010001u + (uint32_t)i, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(fd, "socket");
        check(bind(fd, (struct sockaddr *)&here, sizeof here), "bind");
        if (connect(fd, (struct sockaddr *)&there, sizeof there) < 0 && errno != ECONNRESET)
            check(-1, "connect");
        say_something(fd, i);
    }
}

static void send_datagrams(int port, int count)
{
    struct sockaddr_in there = address_of(INADDR_LOOPBACK, port);
    uint8_t bytes[DATAGRAM_MOST];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(fd, "socket");
    for (int i = 0; i < count; i++) {
        size_t size = i % 3 == 0 ? random_next() % 40 : random_next() % DATAGRAM_MOST;
        fill(bytes, size);
        if (size > 0 && i % 2 == 0)
            bytes[1] = 0; /* the worker's number in the connection id */
        (void)sendto(fd, bytes, size, 0, (struct sockaddr *)&there, sizeof there);
        if (i % BREATH == 0)
            usleep(1000);
    }
    close(fd);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 4) {
        fprintf(stderr, "usage: flood PORT CONNECTIONS DATAGRAMS\n");
        return 2;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    open_connections(atoi(argv[1]), atoi(argv[2]));
    send_datagrams(atoi(argv[1]), atoi(argv[3]));
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
