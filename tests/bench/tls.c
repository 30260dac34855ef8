/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls CERTIFICATE KEY CIPHERSUITE BYTES
 *
 * What one TLS 1.3 connection of OpenSSL carries over TCP on loopback when nothing stands in its way: two processes,
 * blocking sockets, one full record a call, zeroes in and nothing done with what comes out.  Prints one JSON object.
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORD 16384

static void check(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static SSL_CTX *context_new(const SSL_METHOD *method, const char *suite)
{
    SSL_CTX *context = SSL_CTX_new(method);
    check(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1, "context");
    check(SSL_CTX_set_ciphersuites(context, suite) == 1, "no such cipher suite");
    return context;
}

static void receive_all(int listener, char **argv)
{
    static uint8_t bytes[RECORD];
    SSL_CTX *context = context_new(TLS_server_method(), argv[3]);
    check(SSL_CTX_use_certificate_file(context, argv[1], SSL_FILETYPE_PEM) == 1, argv[1]);
    check(SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) == 1, argv[2]);
    int fd = accept(listener, NULL, NULL);
    check(fd >= 0, "accept");
    SSL *tls = SSL_new(context);
    check(SSL_set_fd(tls, fd) == 1 && SSL_accept(tls) == 1, "accept of TLS");
    while (SSL_read(tls, bytes, sizeof bytes) > 0)
        continue;
    SSL_shutdown(tls);
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The seconds from the first byte until the other side has read the last one. */
static double send_all(const struct sockaddr_in *there, const char *suite, uint64_t left)
{
    static uint8_t bytes[RECORD];
    SSL_CTX *context = context_new(TLS_client_method(), suite);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && connect(fd, (const struct sockaddr *)there, sizeof *there) == 0, "connect");
    SSL *tls = SSL_new(context);
    check(SSL_set_fd(tls, fd) == 1 && SSL_connect(tls) == 1, "connect of TLS");
    double start = now_s();
    while (left > 0) {
        int count = SSL_write(tls, bytes, left < RECORD ? (int)left : RECORD);
        check(count > 0, "write");
        left -= (uint64_t)count;
    }
    SSL_shutdown(tls);
    while (SSL_read(tls, bytes, sizeof bytes) > 0)
        continue;
    return now_s() - start;
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    if (argc != 5) {
        fprintf(stderr, "usage: tls CERTIFICATE KEY CIPHERSUITE BYTES\n");
        return 2;
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(listener >= 0 && bind(listener, (struct sockaddr *)&here, size) == 0 && listen(listener, 1) == 0, "listen");
    check(getsockname(listener, (struct sockaddr *)&here, &size) == 0, "getsockname");
    pid_t receiver = fork();
    check(receiver >= 0, "fork");
    if (receiver == 0) {
        receive_all(listener, argv);
        _exit(0);
    }
    uint64_t bytes = strtoull(argv[4], NULL, 10);
    double seconds = send_all(&here, argv[3], bytes);
    printf("{\"bytes\":%llu,\"seconds\":%.3f,\"mbps\":%.1f}\n", (unsigned long long)bytes, seconds,
           (double)bytes * 8 / seconds / 1e6);
    waitpid(receiver, NULL, 0);
    return 0;
}
