/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit BYTES DATAGRAM CIPHER [digest] [FROM TO]
 *
 * What this machine can do at best: two processes, one thread each, move BYTES over UDP on loopback in datagrams of DATAGRAM
 * bytes, by the calls and the cipher that sluice uses and with nothing else: sendmsg(2) with UDP_SEGMENT, recvmmsg(2) with
 * UDP_GRO, AES-128-GCM of CIPHER (openssl, ipsecmb, none).  digest: either side makes XXH3-128 of each MiB as well.  FROM and
 * TO: the sender reads a file by the MiB and seals it out of that buffer; the receiver opens into one, and writes it to a new
 * file.  There is no rate control: the sender waits when so much is under way that the receiver's socket might overflow, which
 * both see in memory that they share.
 *
 * Prints one JSON object: payload in Mbit/s, CPU seconds per GB of payload of either side, and the receiver's drops.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#ifdef WITH_IPSECMB
#include <intel-ipsec-mb.h>
#endif

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define HEADER_BYTES 20
#define TAG_BYTES 16
#define CHUNK ((size_t)1 << 20)
#define CALL_BYTES 65507      /* of payload of UDP, the most of one call */
#define CALL_PACKETS 64       /* the kernel's limit */
#define ARRIVALS 4
#define WINDOW (2 * CHUNK)    /* under way at most */
#define SOCKET_BYTES (8 << 20)

typedef struct shared {
    atomic_uint_fast64_t received; /* payload that has arrived */
} shared;

typedef struct cipher {
    EVP_CIPHER_CTX *evp; /* of openssl */
#ifdef WITH_IPSECMB
    IMB_MGR *manager; /* of ipsecmb */
    struct gcm_key_data key;
#endif
    uint64_t number;
} cipher;

typedef struct limit {
    uint64_t bytes;
    size_t datagram, payload, packets; /* packets: of one call */
    const char *cipher;
    bool digest;
    const char *from, *to;
    shared *shared;
} limit;

static void check(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- the cipher ---- */

static void cipher_init(cipher *c, const limit *l, int seals)
{
    static const uint8_t key[16] = {1, 2, 3};
    memset(c, 0, sizeof *c);
    if (strcmp(l->cipher, "openssl") == 0) {
        c->evp = EVP_CIPHER_CTX_new();
        check(c->evp && EVP_CipherInit_ex2(c->evp, EVP_aes_128_gcm(), key, NULL, seals, NULL) == 1, "OpenSSL");
        return;
    }
#ifdef WITH_IPSECMB
    if (strcmp(l->cipher, "ipsecmb") == 0) {
        c->manager = alloc_mb_mgr(0);
        check(c->manager != NULL, "libipsec-mb");
        init_mb_mgr_auto(c->manager, NULL);
        IMB_AES128_GCM_PRE(c->manager, key, &c->key);
        return;
    }
#endif
    if (strcmp(l->cipher, "none") != 0) {
        fprintf(stderr, "limit: this build has no cipher of %s\n", l->cipher);
        exit(3);
    }
}

static void nonce_make(cipher *c, uint8_t nonce[12])
{
    memset(nonce, 7, 12);
    memcpy(nonce, &c->number, sizeof c->number);
    c->number++;
}

/* A packet: header, body, tag.  The body comes from `from`, which may be where it lies already. */
static void seal(cipher *c, uint8_t *packet, const uint8_t *from, size_t bytes)
{
    uint8_t nonce[12], *body = packet + HEADER_BYTES;
    nonce_make(c, nonce);
    if (c->evp) {
        int moved;
        check(EVP_CipherInit_ex2(c->evp, NULL, NULL, nonce, -1, NULL) == 1 &&
                  EVP_CipherUpdate(c->evp, NULL, &moved, packet, HEADER_BYTES) == 1 &&
                  EVP_CipherUpdate(c->evp, body, &moved, from, (int)bytes) == 1 &&
                  EVP_CipherFinal_ex(c->evp, body + bytes, &moved) == 1 &&
                  EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, body + bytes) == 1,
              "seal");
        return;
    }
#ifdef WITH_IPSECMB
    if (c->manager) {
        struct gcm_context_data context;
        IMB_AES128_GCM_ENC(c->manager, &c->key, &context, body, from, bytes, nonce, packet, HEADER_BYTES, body + bytes,
                           TAG_BYTES);
        return;
    }
#endif
    if (body != from)
        memcpy(body, from, bytes);
}

static bool open_packet(cipher *c, uint8_t *packet, uint8_t *into, size_t bytes)
{
    uint8_t nonce[12], *body = packet + HEADER_BYTES;
    nonce_make(c, nonce);
    if (c->evp) {
        int moved;
        return EVP_CipherInit_ex2(c->evp, NULL, NULL, nonce, -1, NULL) == 1 &&
               EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, body + bytes) == 1 &&
               EVP_CipherUpdate(c->evp, NULL, &moved, packet, HEADER_BYTES) == 1 &&
               EVP_CipherUpdate(c->evp, into, &moved, body, (int)bytes) == 1 &&
               EVP_CipherFinal_ex(c->evp, into + bytes, &moved) == 1;
    }
#ifdef WITH_IPSECMB
    if (c->manager) {
        struct gcm_context_data context;
        uint8_t tag[TAG_BYTES];
        IMB_AES128_GCM_DEC(c->manager, &c->key, &context, into, body, bytes, nonce, packet, HEADER_BYTES, tag, TAG_BYTES);
        return memcmp(tag, body + bytes, TAG_BYTES) == 0;
    }
#endif
    if (body != into)
        memcpy(into, body, bytes);
    return true;
}

/* ---- the two sides ---- */

static void digest(const uint8_t *chunk, size_t bytes)
{
    volatile uint64_t kept = XXH3_128bits(chunk, bytes).low64;
    (void)kept;
}

static size_t least(uint64_t a, uint64_t b)
{
    return (size_t)(a < b ? a : b);
}

/* One call's worth of packets out of a chunk.  Returns the payload. */
static size_t send_call(int fd, const limit *l, cipher *c, uint8_t *arena, const uint8_t *from, size_t bytes)
{
    size_t done = 0, wire = 0;
    for (size_t i = 0; i < l->packets && done < bytes; i++) {
        size_t part = least(bytes - done, l->payload);
        uint8_t *packet = arena + i * l->datagram;
        seal(c, packet, l->from ? from + done : packet + HEADER_BYTES, part);
        done += part;
        wire += HEADER_BYTES + part + TAG_BYTES;
    }
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct iovec buffer = {arena, wire};
    struct msghdr message = {.msg_iov = &buffer, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    uint16_t segment = (uint16_t)l->datagram;
    part->cmsg_level = IPPROTO_UDP;
    part->cmsg_type = UDP_SEGMENT;
    part->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(part), &segment, sizeof segment);
    check(sendmsg(fd, &message, 0) == (ssize_t)wire, "sendmsg");
    return done;
}

static void send_all(int fd, const limit *l)
{
    uint8_t *chunk = aligned_alloc(4096, CHUNK), *arena = aligned_alloc(4096, 65536);
    cipher c;
    check(chunk && arena, "memory");
    memset(arena, 1, 65536);
    memset(chunk, 1, CHUNK);
    cipher_init(&c, l, 1);
    int file = l->from ? open(l->from, O_RDONLY) : -1;
    check(!l->from || file >= 0, l->from);
    for (uint64_t sent = 0; sent < l->bytes;) {
        size_t bytes = least(l->bytes - sent, CHUNK);
        if (l->from)
            check(pread(file, chunk, bytes, (off_t)sent) == (ssize_t)bytes, "read");
        if (l->digest)
            digest(chunk, bytes);
        for (size_t at = 0; at < bytes;) {
            while (sent + at - atomic_load(&l->shared->received) > WINDOW)
                nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
            at += send_call(fd, l, &c, arena, chunk + at, bytes - at);
        }
        sent += bytes;
    }
}

typedef struct landing {
    cipher c;
    uint8_t *chunk;
    int file;
    uint64_t received;
} landing;

static void chunk_write(const limit *l, landing *to, size_t bytes)
{
    if (l->digest)
        digest(to->chunk, bytes);
    if (l->to)
        check(pwrite(to->file, to->chunk, bytes, (off_t)(to->received - bytes)) == (ssize_t)bytes, "write");
}

static void packet_take(const limit *l, landing *to, uint8_t *packet, size_t wire)
{
    size_t at = (size_t)(to->received % CHUNK), bytes = wire - HEADER_BYTES - TAG_BYTES;
    check(wire > HEADER_BYTES + TAG_BYTES && at + bytes <= CHUNK, "a packet was lost");
    check(open_packet(&to->c, packet, l->to ? to->chunk + at : packet + HEADER_BYTES, bytes), "open");
    to->received += bytes;
    if (at + bytes == CHUNK || to->received == l->bytes)
        chunk_write(l, to, at + bytes);
}

static void receive_all(int fd, const limit *l)
{
    static _Alignas(struct cmsghdr) uint8_t controls[ARRIVALS][256];
    struct mmsghdr messages[ARRIVALS] = {0};
    struct iovec buffers[ARRIVALS];
    landing to = {.chunk = aligned_alloc(4096, CHUNK), .file = -1};
    check(to.chunk != NULL, "memory");
    memset(to.chunk, 1, CHUNK);
    cipher_init(&to.c, l, 0);
    if (l->to)
        to.file = open(l->to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(!l->to || to.file >= 0, l->to);
    for (size_t i = 0; i < ARRIVALS; i++) {
        buffers[i] = (struct iovec){malloc(65536), 65536};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &buffers[i], .msg_iovlen = 1, .msg_control = controls[i]};
    }
    while (to.received < l->bytes) {
        for (size_t i = 0; i < ARRIVALS; i++)
            messages[i].msg_hdr.msg_controllen = sizeof controls[i];
        int got = recvmmsg(fd, messages, ARRIVALS, MSG_WAITFORONE, NULL);
        check(got > 0, "recvmmsg");
        for (int i = 0; i < got; i++) {
            size_t bytes = messages[i].msg_len, segment = bytes;
            for (struct cmsghdr *part = CMSG_FIRSTHDR(&messages[i].msg_hdr); part;
                 part = CMSG_NXTHDR(&messages[i].msg_hdr, part))
                if (part->cmsg_level == IPPROTO_UDP && part->cmsg_type == UDP_GRO) {
                    int value;
                    memcpy(&value, CMSG_DATA(part), sizeof value);
                    segment = (size_t)value;
                }
            for (size_t at = 0; at < bytes; at += segment)
                packet_take(l, &to, (uint8_t *)buffers[i].iov_base + at, least(bytes - at, segment));
        }
        atomic_store(&l->shared->received, to.received);
    }
}

/* ---- the whole ---- */

static int socket_new(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = SOCKET_BYTES, yes = 1;
    socklen_t length = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    check(fd >= 0 && bind(fd, (struct sockaddr *)address, length) == 0, "socket");
    check(getsockname(fd, (struct sockaddr *)address, &length) == 0, "getsockname");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    check(setsockopt(fd, IPPROTO_UDP, UDP_GRO, &yes, sizeof yes) == 0, "UDP_GRO");
    return fd;
}

static double cpu_of(const struct rusage *usage)
{
    return (double)usage->ru_utime.tv_sec + (double)usage->ru_utime.tv_usec / 1e6 + (double)usage->ru_stime.tv_sec +
           (double)usage->ru_stime.tv_usec / 1e6;
}

static pid_t side_start(const limit *l, int fd, void (*side)(int fd, const limit *l))
{
    pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        side(fd, l);
        _exit(0);
    }
    return pid;
}

/* CPU seconds; the other side is ended when one fails. */
static double side_end(pid_t pid, pid_t other)
{
    int status;
    struct rusage usage;
    check(wait4(pid, &status, 0, &usage) == pid, "wait4");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        kill(other, SIGKILL);
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    return cpu_of(&usage);
}

static void arguments_take(limit *l, int argc, char **argv)
{
    int next = 4;
    if (argc < 4) {
        fprintf(stderr, "usage: limit BYTES DATAGRAM CIPHER [digest] [FROM TO]\n");
        exit(2);
    }
    l->bytes = strtoull(argv[1], NULL, 10);
    l->datagram = strtoul(argv[2], NULL, 10);
    l->cipher = argv[3];
    l->digest = argc > next && strcmp(argv[next], "digest") == 0;
    next += l->digest;
    if (argc == next + 2) {
        l->from = argv[next];
        l->to = argv[next + 1];
    }
    if (l->bytes == 0 || l->datagram < 100 || l->datagram > CALL_BYTES) {
        fprintf(stderr, "limit: '%s' bytes in datagrams of '%s'?\n", argv[1], argv[2]);
        exit(2);
    }
    l->payload = l->datagram - HEADER_BYTES - TAG_BYTES;
    l->packets = CALL_BYTES / l->datagram < CALL_PACKETS ? CALL_BYTES / l->datagram : CALL_PACKETS;
}

int main(int argc, char **argv)
{
    limit l = {0};
    struct sockaddr_in address;
    arguments_take(&l, argc, argv);
    l.shared = mmap(NULL, sizeof *l.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(l.shared != MAP_FAILED, "mmap");
    int in = socket_new(&address), out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    check(out >= 0 && connect(out, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    double start = now_s();
    pid_t receiver = side_start(&l, in, receive_all), sender = side_start(&l, out, send_all);
    double sent = side_end(sender, receiver), received = side_end(receiver, sender);
    double seconds = now_s() - start, gb = (double)l.bytes / 1e9;
    printf("{\"mbps\":%.0f,\"seconds\":%.3f,\"sender_cpu_per_gb\":%.3f,\"receiver_cpu_per_gb\":%.3f}\n",
           gb * 8000 / seconds, seconds, sent / gb, received / gb);
    return 0;
}
