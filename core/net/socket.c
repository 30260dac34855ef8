/* SPDX-License-Identifier: Apache-2.0 */
#include "net/socket.h"

#include "base/clock.h"
#include "net/batch.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define ARRIVAL_BYTES 65536      /* the most that UDP_GRO joins */
#define ARRIVALS_WHEN_JOINED 4   /* as much as stays in the processor's cache until it is opened */
#define JOINED_BYTES 16384       /* an arrival of this size is taken for a sign that the kernel joins */
#define OLDEST_NS SLUICE_SECOND  /* nothing waits longer in the kernel; older stamps come from a clock that was set */

typedef struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[256];
} control;

struct sluice_inbox {
    struct mmsghdr messages[SLUICE_SOCKET_ARRIVALS];
    struct iovec buffers[SLUICE_SOCKET_ARRIVALS];
    struct sockaddr_in6 from[SLUICE_SOCKET_ARRIVALS];
    control controls[SLUICE_SOCKET_ARRIVALS];
    sluice_arrival arrivals[SLUICE_SOCKET_ARRIVALS];
    uint8_t bytes[SLUICE_SOCKET_ARRIVALS][ARRIVAL_BYTES];
};

/* ---- opening ---- */

static bool option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static uint64_t option_get(int fd, int level, int name)
{
    int value = 0;
    socklen_t bytes = sizeof(value);
    return getsockopt(fd, level, name, &value, &bytes) == 0 && value > 0 ? (uint64_t)value : 0;
}

/* Beyond the system's limit if we may, else up to it: the kernel cuts what is too much. */
static void buffers_set(sluice_socket *udp, uint64_t wanted)
{
    int bytes = (int)(wanted == 0 ? SLUICE_DATAGRAM_BUFFER_BYTES : wanted > INT32_MAX / 2 ? INT32_MAX / 2 : wanted);
    if (!option_set(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes))
        (void)option_set(udp->fd, SOL_SOCKET, SO_RCVBUF, bytes);
    if (!option_set(udp->fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes))
        (void)option_set(udp->fd, SOL_SOCKET, SO_SNDBUF, bytes);
    udp->statistics.receive_buffer_bytes = option_get(udp->fd, SOL_SOCKET, SO_RCVBUF);
    udp->statistics.send_buffer_bytes = option_get(udp->fd, SOL_SOCKET, SO_SNDBUF);
}

/* What is missing here costs accuracy or speed, never correctness; only don't-fragment is a must. */
static int options_set(sluice_socket *udp, const sluice_datagram_setup *setup)
{
    int fd = udp->fd;
    bool v6 = udp->family == AF_INET6;
    if (v6 && !option_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE))
        return -errno;
    /* On an IPv6 socket this is for its IPv4 peers. */
    if (!option_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) && !v6)
        return -errno;
    (void)option_set(fd, IPPROTO_IP, IP_RECVTOS, 1);
    if (v6)
        (void)option_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
    if (!udp->connected && v6)
        (void)option_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    if (!udp->connected && !v6)
        (void)option_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
    (void)option_set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    (void)option_set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    udp->statistics.coalescing = !setup->coalesce_off && option_set(fd, IPPROTO_UDP, UDP_GRO, 1);
    /* A kernel that does not know UDP_SEGMENT would send the whole batch as one datagram. */
    int value = 0;
    socklen_t bytes = sizeof(value);
    udp->statistics.segmenting = !setup->segment_off && getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &value, &bytes) == 0;
    buffers_set(udp, setup->buffer_bytes);
    return 0;
}

static int bind_one(sluice_socket *udp, const sluice_address *local, uint16_t port)
{
    sluice_address address = *local;
    sluice_address_port_set(&address, port);
    struct sockaddr_in6 raw;
    socklen_t bytes = sluice_address_give(&address, udp->family, &raw);
    return bind(udp->fd, (const struct sockaddr *)&raw, bytes) == 0 ? 0 : -errno;
}

static int bind_any(sluice_socket *udp, const sluice_address *local, const sluice_datagram_setup *setup)
{
    if (!setup->port_least && !setup->port_most)
        return bind_one(udp, local, sluice_address_port(local));
    int failed = -EADDRINUSE;
    for (unsigned port = setup->port_least; port <= setup->port_most && failed == -EADDRINUSE; port++)
        failed = bind_one(udp, local, (uint16_t)port);
    return failed;
}

static int open_family(sluice_socket *udp, const sluice_address *local, const sluice_datagram_setup *setup)
{
    udp->fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (udp->fd < 0)
        return -errno;
    if (udp->family == AF_INET6)
        (void)option_set(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (setup->share_port)
        (void)option_set(udp->fd, SOL_SOCKET, SO_REUSEPORT, 1);
    int failed = options_set(udp, setup);
    if (!failed)
        failed = bind_any(udp, local, setup);
    struct sockaddr_in6 raw;
    if (!failed && udp->connected) {
        socklen_t bytes = sluice_address_give(&udp->peer, udp->family, &raw);
        failed = connect(udp->fd, (const struct sockaddr *)&raw, bytes) == 0 ? 0 : -errno;
    }
    socklen_t bytes = sizeof(raw);
    if (!failed && getsockname(udp->fd, (struct sockaddr *)&raw, &bytes) < 0)
        failed = -errno;
    if (!failed)
        (void)sluice_address_take((const struct sockaddr *)&raw, bytes, &udp->local);
    if (failed) {
        close(udp->fd);
        udp->fd = -1;
    }
    return failed;
}

static int open_failed(const sluice_socket *udp, const sluice_address *local, int errnum, sluice_error *error)
{
    char text[SLUICE_ADDRESS_TEXT];
    if (errnum == ENOMEM || errnum == ENOBUFS)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a UDP socket");
    if (errnum == EMFILE || errnum == ENFILE)
        return sluice_fail(error, SLUICE_EIO, "cannot open a UDP socket: %s", strerror(errnum));
    if (errnum == EADDRINUSE || errnum == EADDRNOTAVAIL || !udp->connected)
        return sluice_fail(error, errnum == EACCES ? SLUICE_EACCESS : SLUICE_ECONNECT, "cannot use UDP address %s: %s",
                           sluice_address_text(local, text), strerror(errnum));
    return sluice_fail(error, SLUICE_ECONNECT, "no way to %s for UDP: %s", sluice_address_text(&udp->peer, text),
                       strerror(errnum));
}

static void inbox_init(struct sluice_inbox *inbox)
{
    for (size_t i = 0; i < SLUICE_SOCKET_ARRIVALS; i++) {
        inbox->buffers[i].iov_base = inbox->bytes[i];
        inbox->buffers[i].iov_len = ARRIVAL_BYTES;
        inbox->messages[i].msg_hdr.msg_iov = &inbox->buffers[i];
        inbox->messages[i].msg_hdr.msg_iovlen = 1;
    }
}

int sluice_socket_init(sluice_socket *udp, const sluice_datagram_setup *setup, sluice_error *error)
{
    memset(udp, 0, sizeof(*udp));
    udp->fd = -1;
    udp->connected = setup->peer != NULL;
    if (setup->peer)
        udp->peer = *setup->peer;
    sluice_address local = {0};
    if (setup->local)
        local = *setup->local;
    udp->wished = local;
    udp->setup = *setup;
    udp->setup.local = udp->setup.peer = NULL; /* they may be gone before us */
    udp->family = setup->peer ? setup->peer->of.any.sa_family : local.of.any.sa_family;
    bool either = udp->family == AF_UNSPEC;
    if (either)
        udp->family = AF_INET6;
    bool wild = sluice_address_is_none(&local);
    uint16_t port = sluice_address_port(&local);
    if (wild)
        (void)sluice_address_numeric(udp->family == AF_INET ? "0.0.0.0" : "::", port, &local);

    /* Not calloc: its pages would all be touched here. */
    udp->inbox = malloc(sizeof(*udp->inbox));
    if (!udp->inbox)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a UDP socket");
    memset(udp->inbox->messages, 0, sizeof(udp->inbox->messages));
    inbox_init(udp->inbox);

    int failed = open_family(udp, &local, setup);
    if (either && (failed == -EAFNOSUPPORT || failed == -EADDRNOTAVAIL)) {
        /* A machine without IPv6. */
        udp->family = AF_INET;
        (void)sluice_address_numeric("0.0.0.0", port, &local);
        failed = open_family(udp, &local, setup);
    }
    if (failed) {
        int status = open_failed(udp, &local, -failed, error);
        sluice_socket_fini(udp);
        return status;
    }
    return SLUICE_OK;
}

int sluice_socket_reopen(sluice_socket *udp, int *before)
{
    sluice_socket old = *udp;
    sluice_address local = udp->wished;
    if (sluice_address_is_none(&local))
        (void)sluice_address_numeric(udp->family == AF_INET ? "0.0.0.0" : "::", 0, &local);
    sluice_address_port_set(&local, 0); /* the old one is still taken, by us */
    int failed = open_family(udp, &local, &udp->setup);
    if (failed) {
        *udp = old;
        return failed;
    }
    udp->overflow = 0; /* the kernel counts anew */
    *before = old.fd;
    return 0;
}

void sluice_socket_fini(sluice_socket *udp)
{
    /* The inbox tells an open socket from a zeroed struct, whose descriptor would be 0. */
    if (udp->inbox && udp->fd >= 0)
        close(udp->fd);
    free(udp->inbox);
    memset(udp, 0, sizeof(*udp));
    udp->fd = -1;
}

/* ---- receiving ---- */

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * SLUICE_SECOND + (uint64_t)time->tv_nsec;
}

/* The kernel stamps by the clock of the day; the difference of both clocks at this moment turns that into ours. */
typedef struct moment {
    sluice_time now;
    uint64_t day;
} moment;

static sluice_time stamp_convert(const moment *at, const struct timespec *stamp)
{
    uint64_t day = nanoseconds(stamp);
    if (day > at->day || at->day - day > OLDEST_NS)
        return at->now;
    return at->now - (at->day - day);
}

static void pktinfo_read(sluice_arrival *arrival, const struct cmsghdr *part)
{
    if (part->cmsg_level == IPPROTO_IP) {
        struct in_pktinfo info;
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        memcpy(&info, CMSG_DATA(part), sizeof(info));
        v4.sin_addr = info.ipi_addr;
        (void)sluice_address_take((const struct sockaddr *)&v4, sizeof(v4), &arrival->to);
    } else {
        struct in6_pktinfo info;
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        memcpy(&info, CMSG_DATA(part), sizeof(info));
        v6.sin6_addr = info.ipi6_addr;
        if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr))
            v6.sin6_scope_id = info.ipi6_ifindex;
        (void)sluice_address_take((const struct sockaddr *)&v6, sizeof(v6), &arrival->to);
    }
}

static int number_read(const struct cmsghdr *part)
{
    int value = 0;
    size_t bytes = part->cmsg_len - CMSG_LEN(0);
    memcpy(&value, CMSG_DATA(part), bytes < sizeof(value) ? bytes : sizeof(value));
    return value;
}

static void drops_note(sluice_socket *udp, uint32_t overflow)
{
    udp->statistics.dropped_packets += (uint32_t)(overflow - udp->overflow);
    udp->overflow = overflow;
}

static void control_read(sluice_socket *udp, struct msghdr *header, const moment *at, sluice_arrival *arrival)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        int level = part->cmsg_level, type = part->cmsg_type;
        if (level == SOL_SOCKET && type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
            arrival->received = stamp_convert(at, &stamp);
        } else if (level == SOL_SOCKET && type == SO_RXQ_OVFL) {
            drops_note(udp, (uint32_t)number_read(part));
        } else if (level == IPPROTO_UDP && type == UDP_GRO) {
            int segment = number_read(part);
            if (segment > 0 && (size_t)segment < arrival->count)
                arrival->segment_bytes = (size_t)segment;
        } else if (level == IPPROTO_IP && type == IP_TOS) {
            arrival->ecn = CMSG_DATA(part)[0] & IPTOS_ECN_MASK;
        } else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) {
            arrival->ecn = (uint8_t)(number_read(part) & IPTOS_ECN_MASK);
        } else if ((level == IPPROTO_IP && type == IP_PKTINFO) || (level == IPPROTO_IPV6 && type == IPV6_PKTINFO)) {
            pktinfo_read(arrival, part);
        }
    }
}

static void arrival_read(sluice_socket *udp, struct mmsghdr *message, const moment *at, sluice_arrival *arrival)
{
    struct msghdr *header = &message->msg_hdr;
    memset(arrival, 0, sizeof(*arrival));
    arrival->bytes = header->msg_iov->iov_base;
    arrival->count = message->msg_len;
    arrival->segment_bytes = message->msg_len;
    arrival->received = at->now;
    if (!udp->connected)
        (void)sluice_address_take(header->msg_name, header->msg_namelen, &arrival->from);
    control_read(udp, header, at, arrival);
    size_t packets = arrival->segment_bytes ? (arrival->count - 1) / arrival->segment_bytes + 1 : 1;
    udp->statistics.received_packets += packets;
    udp->statistics.received_bytes += arrival->count;
}

int sluice_socket_receive(sluice_socket *udp, sluice_arrival **arrivals)
{
    struct sluice_inbox *inbox = udp->inbox;
    unsigned most = udp->joined_lately ? ARRIVALS_WHEN_JOINED : SLUICE_SOCKET_ARRIVALS;
    for (unsigned i = 0; i < most; i++) {
        struct msghdr *header = &inbox->messages[i].msg_hdr;
        header->msg_name = udp->connected ? NULL : &inbox->from[i];
        header->msg_namelen = udp->connected ? 0 : sizeof(inbox->from[i]);
        header->msg_control = inbox->controls[i].bytes;
        header->msg_controllen = sizeof(inbox->controls[i].bytes);
    }
    int got;
    do
        got = recvmmsg(udp->fd, inbox->messages, most, MSG_DONTWAIT, NULL);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -errno;

    udp->statistics.receive_calls++;
    struct timespec day;
    clock_gettime(CLOCK_REALTIME, &day);
    const moment at = {.now = sluice_clock_now(), .day = nanoseconds(&day)};
    udp->joined_lately = false;
    for (int i = 0; i < got; i++) {
        arrival_read(udp, &inbox->messages[i], &at, &inbox->arrivals[i]);
        udp->joined_lately |= inbox->arrivals[i].count >= JOINED_BYTES;
    }
    *arrivals = inbox->arrivals;
    return got;
}

/* ---- sending ---- */

typedef struct outbox {
    struct mmsghdr messages[SLUICE_BATCH_PACKETS];
    struct iovec buffers[SLUICE_BATCH_PACKETS];
    uint16_t packets[SLUICE_BATCH_PACKETS]; /* in each message */
    control controls[SLUICE_BATCH_PACKETS];
    unsigned count;
    size_t buffers_used;
} outbox;

/* How many packets from the first on can leave as segments of one message: equal in size, the last may be shorter. */
static size_t segments_count(const sluice_packet *packets, size_t count)
{
    size_t bytes = packets[0].size, segments = 1;
    if (packets[0].flags & SLUICE_PACKET_ALONE)
        return 1;
    for (; segments < count && segments < SLUICE_BATCH_PACKETS; segments++) {
        const sluice_packet *next = &packets[segments];
        if ((next->flags & SLUICE_PACKET_ALONE) || next->size > packets[0].size
            || packets[segments - 1].size < packets[0].size || bytes + next->size > SLUICE_SOCKET_PAYLOAD_MAX)
            break;
        bytes += next->size;
    }
    return segments;
}

static void control_add(struct msghdr *header, control *room, int level, int type, const void *value, size_t bytes)
{
    struct cmsghdr *part = (struct cmsghdr *)(void *)(room->bytes + header->msg_controllen);
    memset(part, 0, CMSG_SPACE(bytes));
    part->cmsg_level = level;
    part->cmsg_type = type;
    part->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(part), value, bytes);
    header->msg_control = room->bytes;
    header->msg_controllen += CMSG_SPACE(bytes);
}

/* The answer leaves from the address that the peer wrote to, else a machine with several of them confuses it. */
static void pktinfo_add(const sluice_socket *udp, struct msghdr *header, control *room, const sluice_address *from)
{
    struct sockaddr_in6 raw;
    if (!sluice_address_give(from, udp->family, &raw))
        return;
    if (udp->family == AF_INET) {
        struct in_pktinfo info = {.ipi_spec_dst = from->of.v4.sin_addr};
        control_add(header, room, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else {
        struct in6_pktinfo info = {.ipi6_addr = raw.sin6_addr, .ipi6_ifindex = raw.sin6_scope_id};
        control_add(header, room, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
}

/* One message of the packets; buffers that lie end to end become one. */
static void outbox_add(const sluice_socket *udp, outbox *box, const sluice_packet *packets, size_t count,
                       const sluice_address *from)
{
    struct msghdr *header = &box->messages[box->count].msg_hdr;
    control *room = &box->controls[box->count];
    memset(header, 0, sizeof(*header));
    header->msg_iov = &box->buffers[box->buffers_used];
    struct iovec *last = NULL;
    for (size_t i = 0; i < count; i++) {
        if (last && (uint8_t *)last->iov_base + last->iov_len == packets[i].data) {
            last->iov_len += packets[i].size;
            continue;
        }
        last = &box->buffers[box->buffers_used++];
        last->iov_base = packets[i].data;
        last->iov_len = packets[i].size;
        header->msg_iovlen++;
    }
    if (from && !sluice_address_is_none(from))
        pktinfo_add(udp, header, room, from);
    if (count > 1) {
        uint16_t segment = (uint16_t)packets[0].size;
        control_add(header, room, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    }
    box->packets[box->count++] = (uint16_t)count;
}

/* Sends what the outbox holds; *sent grows by the packets that left.  0, or the errno value of the first message that
 * did not. */
static int outbox_flush(sluice_socket *udp, outbox *box, size_t *sent, const sluice_packet *packets)
{
    for (unsigned done = 0; done < box->count;) {
        int got = sendmmsg(udp->fd, box->messages + done, box->count - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        udp->statistics.send_calls++;
        for (int i = 0; i < got; i++, done++)
            for (size_t n = box->packets[done]; n; n--) {
                udp->statistics.sent_packets++;
                udp->statistics.sent_bytes += packets[(*sent)++].size;
            }
    }
    return 0;
}

static int send_some(sluice_socket *udp, const sluice_address *to, const sluice_address *from,
                     const sluice_packet *packets, size_t count, bool segmenting, size_t *sent, size_t *tried)
{
    outbox box;
    struct sockaddr_in6 raw;
    box.count = 0;
    box.buffers_used = 0;
    socklen_t raw_bytes = to ? sluice_address_give(to, udp->family, &raw) : 0;
    if (to && !raw_bytes)
        return EAFNOSUPPORT;
    for (size_t at = *sent; at < count && at - *sent < SLUICE_BATCH_PACKETS;) {
        size_t left = SLUICE_BATCH_PACKETS - (at - *sent);
        size_t most = count - at < left ? count - at : left;
        size_t group = segmenting ? segments_count(packets + at, most) : 1;
        outbox_add(udp, &box, packets + at, group, from);
        struct msghdr *header = &box.messages[box.count - 1].msg_hdr;
        header->msg_name = to ? &raw : NULL;
        header->msg_namelen = raw_bytes;
        at += group;
    }
    size_t before = *sent;
    int failed = outbox_flush(udp, &box, sent, packets);
    /* How many packets the refused message held. */
    size_t passed = *sent - before;
    *tried = 0;
    for (unsigned i = 0; failed && i < box.count; i++) {
        if (passed == 0) {
            *tried = box.packets[i];
            break;
        }
        passed -= box.packets[i];
    }
    return failed;
}

/* Errors by which a kernel says that it cannot segment (or that a segment is too large: single packets will tell). */
static bool may_be_segmenting(int errnum)
{
    return errnum == EIO || errnum == EINVAL || errnum == EMSGSIZE || errnum == EOPNOTSUPP;
}

int sluice_socket_send(sluice_socket *udp, const sluice_address *to, const sluice_address *from,
                       const sluice_packet *packets, size_t count, size_t *sent)
{
    size_t done = 0, tried = 0;
    int failed = 0;
    while (done < count && !failed) {
        failed = send_some(udp, to, from, packets, count, udp->statistics.segmenting, &done, &tried);
        if (!failed || tried < 2 || !may_be_segmenting(failed))
            continue;
        size_t end = done + tried;
        failed = 0;
        while (done < end && !failed)
            failed = send_some(udp, to, from, packets, end, false, &done, &tried);
        if (!failed)
            udp->statistics.segmenting = false;
    }
    *sent = done;
    return failed;
}
