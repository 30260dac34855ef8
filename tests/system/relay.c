/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - a path that takes TCP and swallows UDP, as a firewall does.
 *
 *     relay LISTEN-ADDRESS TO-ADDRESS PORT
 *
 * IPv4 only.  TCP connections to LISTEN-ADDRESS:PORT are carried on to TO-ADDRESS:PORT, one at a time; datagrams to the
 * same address and port are taken and never answered.  Says "ready" when both are open, and ends with its stdin.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in address_of(const char *host, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        fprintf(stderr, "%s: not an IPv4 address\n", host);
        exit(2);
    }
    return address;
}

static void check(int result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static int bound(int type, const struct sockaddr_in *address)
{
    int one = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    check(fd, "socket");
    check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "setsockopt");
    check(bind(fd, (const struct sockaddr *)address, sizeof *address), "bind");
    return fd;
}

/* Carries what lies at one end to the other; false when that end is closed. */
static bool carry(int from, int to)
{
    char bytes[16384];
    ssize_t count = read(from, bytes, sizeof bytes);
    for (ssize_t done = 0; done < count;) {
        ssize_t put = send(to, bytes + done, (size_t)(count - done), MSG_NOSIGNAL);
        if (put < 0)
            return false;
        done += put;
    }
    return count > 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: relay LISTEN-ADDRESS TO-ADDRESS PORT\n");
        return 2;
    }
    struct sockaddr_in here = address_of(argv[1], atoi(argv[3])), there = address_of(argv[2], atoi(argv[3]));
    int listener = bound(SOCK_STREAM, &here), near = -1, far = -1;
    (void)bound(SOCK_DGRAM, &here); /* kept to the end, never read */
    check(listen(listener, 8), "listen");
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd ends[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = near < 0 ? listener : -1, .events = POLLIN},
                                {.fd = near, .events = POLLIN},
                                {.fd = far, .events = POLLIN}};
        check(poll(ends, sizeof ends / sizeof ends[0], -1), "poll");
        if (ends[0].revents)
            return 0;
        if (ends[1].revents) {
            near = accept(listener, NULL, NULL);
            far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            check(connect(far, (struct sockaddr *)&there, sizeof there), "connect");
        }
        if ((ends[2].revents && !carry(near, far)) || (ends[3].revents && !carry(far, near))) {
            close(near);
            close(far);
            near = far = -1;
        }
    }
}
