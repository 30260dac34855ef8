/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segmentation offload that fails while a socket is in use: a route through another device, or a driver that is changed, makes
 * the kernel refuse with EIO what it took before.  The kernel's call is stood in for here, so that it refuses when it is told.
 */
#include "net/batch.h"
#include "net/socket.h"
#include "unit/suite.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PACKETS 40
#define BYTES 1440

static struct {
    int errnum;     /* what the kernel says of a message with several segments; 0: it takes it */
    unsigned takes; /* so many of them it takes before */
    unsigned calls;
} kernel;

static bool is_segmented(const struct msghdr *header)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR((struct msghdr *)(uintptr_t)header, part))
        if (part->cmsg_level == IPPROTO_UDP)
            return true;
    return false;
}

/* In the place of libc's. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned good = 0;
    kernel.calls++;
    for (; good < count; good++) {
        if (!kernel.errnum || !is_segmented(&messages[good].msg_hdr))
            continue;
        if (kernel.takes == 0)
            break;
        kernel.takes--;
    }
    if (good > 0)
        return (int)syscall(SYS_sendmmsg, fd, messages, good, flags);
    errno = kernel.errnum;
    return -1;
}

typedef struct pair {
    sluice_socket from, to;
    sluice_batch batch;
    unsigned seen[PACKETS];
} pair;

static void pair_open(pair *p)
{
    sluice_address local;
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("127.0.0.1", 0, &local), SLUICE_OK);
    sluice_datagram_setup server = {.local = &local};
    CU_ASSERT_EQUAL_FATAL(sluice_socket_init(&p->to, &server, NULL), SLUICE_OK);
    sluice_datagram_setup client = {.peer = &p->to.local};
    CU_ASSERT_EQUAL_FATAL(sluice_socket_init(&p->from, &client, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_batch_init(&p->batch), SLUICE_OK);
    memset(p->seen, 0, sizeof p->seen);
    memset(&kernel, 0, sizeof kernel);
}

static void pair_close(pair *p)
{
    sluice_batch_fini(&p->batch);
    sluice_socket_fini(&p->from);
    sluice_socket_fini(&p->to);
    memset(&kernel, 0, sizeof kernel);
}

/* Packets of equal size, but for what the test makes of them; each begins with its number. */
static sluice_packet *packets_make(pair *p)
{
    CU_ASSERT_EQUAL(sluice_batch_lay(&p->batch, BYTES), SLUICE_BATCH_BYTES / BYTES);
    for (unsigned i = 0; i < PACKETS; i++) {
        p->batch.packets[i].size = BYTES;
        memset(p->batch.packets[i].data, (int)i, BYTES);
    }
    return p->batch.packets;
}

static void receive(pair *p)
{
    sluice_arrival *arrivals;
    for (int count; (count = sluice_socket_receive(&p->to, &arrivals)) != 0;)
        for (int i = 0; i < count; i++)
            for (size_t at = 0; at < arrivals[i].count; at += arrivals[i].segment_bytes) {
                unsigned number = arrivals[i].bytes[at];
                CU_ASSERT_FATAL(number < PACKETS);
                p->seen[number]++;
            }
}

static void all_came_once(const pair *p)
{
    for (unsigned i = 0; i < PACKETS; i++)
        CU_ASSERT_EQUAL(p->seen[i], 1);
}

static void a_failing_offload_is_done_without(void)
{
    static const int errors[] = {EIO, EINVAL, EMSGSIZE, EOPNOTSUPP};
    for (size_t e = 0; e < SLUICE_COUNT(errors); e++) {
        pair p;
        size_t sent = 0;
        pair_open(&p);
        if (p.from.statistics.segmenting) {
            CU_ASSERT_EQUAL(sluice_socket_send(&p.from, NULL, NULL, packets_make(&p), PACKETS, &sent), 0);
            receive(&p);
            all_came_once(&p);
            CU_ASSERT_EQUAL(kernel.calls, 1);
            memset(p.seen, 0, sizeof p.seen);
        }
        kernel.errnum = errors[e];
        CU_ASSERT_EQUAL(sluice_socket_send(&p.from, NULL, NULL, packets_make(&p), PACKETS, &sent), 0);
        CU_ASSERT_EQUAL(sent, PACKETS);
        CU_ASSERT_FALSE(p.from.statistics.segmenting);
        receive(&p);
        all_came_once(&p);
        /* From then on it is not tried any more, and all of them still leave in one call. */
        memset(p.seen, 0, sizeof p.seen);
        kernel.calls = 0;
        CU_ASSERT_EQUAL(sluice_socket_send(&p.from, NULL, NULL, packets_make(&p), PACKETS, &sent), 0);
        CU_ASSERT_EQUAL(kernel.calls, 1);
        receive(&p);
        all_came_once(&p);
        pair_close(&p);
    }
}

/* The first message of a call leaves, the next one does not. */
static void what_has_left_is_not_sent_again(void)
{
    pair p;
    size_t sent = 0;
    pair_open(&p);
    sluice_packet *packets = packets_make(&p);
    packets[9].size = BYTES / 2; /* ends a message */
    kernel.errnum = EIO;
    kernel.takes = 1;
    CU_ASSERT_EQUAL(sluice_socket_send(&p.from, NULL, NULL, packets, PACKETS, &sent), 0);
    CU_ASSERT_EQUAL(sent, PACKETS);
    CU_ASSERT_EQUAL(p.from.statistics.sent_packets, PACKETS);
    receive(&p);
    all_came_once(&p);
    pair_close(&p);
}

/* An error that says nothing of the offload leaves it on. */
static void other_errors_leave_it_on(void)
{
    pair p;
    size_t sent = 0;
    pair_open(&p);
    bool segmenting = p.from.statistics.segmenting;
    kernel.errnum = ENOBUFS;
    int failed = sluice_socket_send(&p.from, NULL, NULL, packets_make(&p), PACKETS, &sent);
    CU_ASSERT_EQUAL(failed, segmenting ? ENOBUFS : 0);
    CU_ASSERT_EQUAL(p.from.statistics.segmenting, segmenting);
    pair_close(&p);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a failing offload is done without", a_failing_offload_is_done_without},
        {"what has left is not sent again", what_has_left_is_not_sent_again},
        {"other errors leave it on", other_errors_leave_it_on},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_offload", tests);
}
