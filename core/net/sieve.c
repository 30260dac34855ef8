/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sieve.h"

#include "net/secure.h"
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sluice/packet.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

/* Where the parts of an id lie in a packet. */
#define HIGH_AT SLUICE_PACKET_ID_AT
#define MIDDLE_AT (HIGH_AT + 4)
#define MARK_AT (HIGH_AT + 6)
#define LEAST (HIGH_AT + SLUICE_PACKET_ID_BYTES)

static bool option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* Multiply and shift (Dietzfelbinger et al., 1997): what the program below does as well. */
static uint16_t mark_of(const sluice_sieve *sieve, uint64_t id)
{
    uint32_t high = (uint32_t)(id >> 32), middle = (uint32_t)(id >> 16) & 0xffff;
    return (uint16_t)((high * sieve->keys[0] + middle * sieve->keys[1] + sieve->keys[2]) >> 16);
}

/* Answers with the place in the group: 0 is the server's socket, 1 the one that takes nothing, 2 and up those that joined
 * later, whose numbers in ids are one less.  For a place that is not taken the kernel chooses as without a program. */
static bool program_attach(const sluice_sieve *sieve, int fd)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, LEAST, 0, 11),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HIGH_AT),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, sieve->keys[0]),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, MIDDLE_AT),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, sieve->keys[1]),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, sieve->keys[2]),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, MARK_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 1),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, HIGH_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = {.len = sizeof(steps) / sizeof(*steps), .filter = steps};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) == 0;
}

static bool take_nothing(int fd)
{
    struct sock_filter step = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &step};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

static bool second_open(sluice_sieve *sieve, int family, const sluice_address *local, bool coalesce)
{
    struct sockaddr_in6 raw;
    socklen_t bytes = sluice_address_give(local, family, &raw);
    sieve->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (sieve->fd < 0)
        return false;
    if (family == AF_INET6 && !option_set(sieve->fd, IPPROTO_IPV6, IPV6_V6ONLY, 0))
        return false;
    /* Packets are joined before the program is asked, by what either socket of the group wants. */
    if (coalesce)
        (void)option_set(sieve->fd, IPPROTO_UDP, UDP_GRO, 1);
    return take_nothing(sieve->fd) && option_set(sieve->fd, SOL_SOCKET, SO_REUSEPORT, 1) &&
           bind(sieve->fd, (const struct sockaddr *)&raw, bytes) == 0;
}

void sluice_sieve_init(sluice_sieve *sieve, int fd, int family, const sluice_address *local, bool coalesce)
{
    *sieve = (sluice_sieve){.fd = -1};
    if (sluice_secure_random(sieve->keys, sizeof(sieve->keys)) != SLUICE_OK)
        return;
    sieve->keys[0] |= 1;
    sieve->keys[1] |= 1;
    /* The first one was bound without this option: so nobody else had the port.  It makes the group that the second
     * joins. */
    if (option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1) && second_open(sieve, family, local, coalesce) &&
        program_attach(sieve, fd))
        return;
    sluice_sieve_fini(sieve);
    (void)option_set(fd, SOL_SOCKET, SO_REUSEPORT, 0);
}

void sluice_sieve_fini(sluice_sieve *sieve)
{
    if (sieve->fd >= 0)
        close(sieve->fd);
    sieve->fd = -1;
}

uint64_t sluice_sieve_mark(const sluice_sieve *sieve, uint64_t id)
{
    return sieve->fd < 0 ? id : (id & ~UINT64_C(0xffff)) | mark_of(sieve, id);
}

uint64_t sluice_sieve_count(const sluice_sieve *sieve)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t bytes = sizeof(memory);
    if (sieve->fd < 0 || getsockopt(sieve->fd, SOL_SOCKET, SO_MEMINFO, memory, &bytes) < 0)
        return 0;
    return memory[SK_MEMINFO_DROPS];
}
