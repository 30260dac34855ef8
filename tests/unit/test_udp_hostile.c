/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that lies, and a machine without memory: the session ends with the right status, and nothing else breaks. */
#include "../../plugins/transport/engine/wire.h"

#include "unit/suite.h"
#include "unit/udp_pair.h"

#include <string.h>

static const char *const lies[] = {
    /* REPORT of number 2^30 - 1, never sent. */
    "\x11\x0d\xbf\xff\xff\xff\x01\x01\x00\x00\x00\x00\x01\x00\x01\x00\x01",
    "\x11\x01\x00",
    /* DATA of object 2 beyond any credit, and at the end of all offsets. */
    "\x01\x0b\x02\x01\xc0\x00\x00\x00\x40\x00\x00\x00zz",
    "\x01\x0b\x02\x00\xff\xff\xff\xff\xff\xff\xff\xffz",
    /* Object 0 as unordered, ended, given up, skipped. */
    "\x01\x04\x01\x00\x01z\x01\x04\x00\x00\x01z",
    "\x05\x04\x00\x01\x05\x05",
    "\x07\x04\x00\x01\x05\x05",
    "\x0b\x05\x00\x01\x05\x05\x05",
    /* END with more bytes than size; an ordered one with holes; two that differ; data beyond it. */
    "\x05\x04\x02\x00\x05\x06",
    "\x05\x04\x02\x01\x05\x04",
    "\x05\x04\x02\x00\x05\x05\x05\x04\x02\x00\x06\x05",
    "\x05\x04\x02\x00\x05\x05\x01\x04\x02\x00\x05z",
    /* ABORT that claims more than the credit; SKIP that offers less than it sent. */
    "\x07\x0b\x02\x00\x01\xc0\x00\x00\x10\x00\x00\x00\x00",
    "\x0b\x05\x02\x00\x05\x05\x04",
    /* SKIP of an ordered object beyond its end, told before or after. */
    "\x05\x04\x02\x01\x05\x05\x0b\x05\x02\x01\x06\x05\x05",
    "\x0b\x05\x02\x01\x06\x05\x05\x05\x04\x02\x01\x05\x05",
    /* STOP and credit of an object that was never opened; a type that must be understood; a cut frame. */
    "\x09\x02\x20\x01",
    "\x0f\x02\x20\x01",
    "\x3f\x01z",
    "\x15\x02zz",
    "\x05\x20\x01",
};
/* C strings end at a zero byte, so each has its size here. */
static const size_t lie_sizes[] = {17, 3, 14, 13, 12, 6, 6, 7, 6, 6, 12, 12, 13, 7, 13, 13, 4, 4, 3, 4, 3};

static void lies_end_the_session(void)
{
    CU_ASSERT_EQUAL_FATAL(SLUICE_COUNT(lies), SLUICE_COUNT(lie_sizes));
    for (size_t i = 0; i < SLUICE_COUNT(lies); i++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        pair_inject(p, 1, 100, lies[i], lie_sizes[i]);
        CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_EPROTOCOL);
        if (p->end[1].closed.status != SLUICE_EPROTOCOL)
            printf("lie %zu passed\n", i);
        /* The peer is told. */
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        CU_ASSERT_EQUAL(p->end[0].closed.status, SLUICE_EPROTOCOL);
        pair_free(p);
    }
}

static void optional_novelties_are_skipped(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    pair_inject(p, 1, 100, "\x3e\x02zz\x13\x03new", 9);
    CU_ASSERT_EQUAL(p->end[1].events[SLUICE_TRANSPORT_CLOSED], 0);
    pair_free(p);
}

/* A peer that opens objects and leaves gaps as fast as it can costs a bounded amount of memory. */
static void floods_are_bounded(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    setup[1].receive_bytes = 1 << 30;
    pair *p = pair_new(setup);
    uint64_t number = 100;
    uint8_t body[1400];
    for (uint64_t offset = 0; p->end[1].closed.status == SLUICE_OK && offset < UINT64_C(1) << 30;) {
        uint8_t *at = body;
        while (at + 24 < body + sizeof(body)) {
            at = engine_data_put(at, 2, 0, offset, 1, false);
            *at++ = pair_byte(2, offset);
            offset += 2;
        }
        pair_inject(p, 1, number++, body, (size_t)(at - body));
    }
    CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_ELIMIT);
    CU_ASSERT(p->memory < 64 << 20);
    pair_free(p);
}

static void damaged_packets_are_counted_and_limited(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics got;
    pair_setup(setup);
    setup[1].forgery_limit = 50;
    pair *p = pair_new(setup);
    p->end[0].path.corrupt = 1;
    pair_send(p, 0, 2, 0, 10000000);
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    pair_statistics(p, 1, &got);
    CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_ELIMIT);
    CU_ASSERT(got.forged_packets >= 50);
    CU_ASSERT_EQUAL(got.packets_received, 0);
    pair_free(p);
}

static bool either_closed(const pair *p)
{
    return p->end[0].events[SLUICE_TRANSPORT_CLOSED] || p->end[1].events[SLUICE_TRANSPORT_CLOSED] ||
           pair_complete(p, 0, 2, 600000);
}

/* Every allocation fails once: the session cannot begin, or ends with ENOMEM, or did without.  pair_free checks that
 * nothing is left behind. */
static void out_of_memory_ends_the_session(void)
{
    uint64_t total = 10000;
    unsigned refused = 0;
    for (int64_t fail = -1; fail < (int64_t)total; fail++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new_failing(setup, fail);
        if (!p) {
            refused++;
            continue;
        }
        p->seed = 3;
        p->end[0].path.loss = 0.1;
        void *state = p->end[0].state;
        int status = SLUICE_OK;
        for (uint64_t id = 2; id < 6 && status == SLUICE_OK; id++) {
            status = p->ops->open(state, id, id & SLUICE_OBJECT_ORDERED, 1);
            if (status == SLUICE_OK)
                status = p->ops->offer(state, id, 0, 600000);
            if (status == SLUICE_OK)
                status = p->ops->finish(state, id, 600000);
        }
        CU_ASSERT(status == SLUICE_OK || (status == SLUICE_ENOMEM && fail >= 0));
        if (status == SLUICE_OK)
            CU_ASSERT(pair_run(p, p->now + 30 * SLUICE_SECOND, either_closed));
        if (fail < 0)
            total = p->calls;
        for (int end = 0; end < 2; end++) {
            int closed = p->end[end].closed.status;
            CU_ASSERT(closed == SLUICE_OK || closed == SLUICE_ENOMEM);
        }
        pair_free(p);
    }
    CU_ASSERT(total > 20 && total < 5000);
    CU_ASSERT(refused > 4);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"lies end the session", lies_end_the_session},
        {"optional novelties are skipped", optional_novelties_are_skipped},
        {"floods are bounded", floods_are_bounded},
        {"damaged packets are counted and limited", damaged_packets_are_counted_and_limited},
        {"out of memory ends the session", out_of_memory_ends_the_session},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_hostile", tests);
}
