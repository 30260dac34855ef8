/* SPDX-License-Identifier: Apache-2.0 */
#include "session/outbox.h"
#include "unit/suite.h"
#include <stdlib.h>
#include <string.h>

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8));
}

static void append(sluice_outbox *outbox, size_t count)
{
    uint8_t *bytes = malloc(count);
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(outbox->to + i);
    CU_ASSERT_EQUAL(sluice_outbox_append(outbox, bytes, count), SLUICE_OK);
    free(bytes);
}

static void check(const sluice_outbox *outbox, uint64_t offset, size_t expected)
{
    uint8_t first[700], second[900];
    struct iovec buffers[2] = {{first, sizeof(first)}, {second, sizeof(second)}};
    size_t got = sluice_outbox_fetch(outbox, offset, buffers, 2);
    CU_ASSERT_EQUAL(got, expected);
    bool same = true;
    for (size_t i = 0; i < got; i++)
        same = same && (i < 700 ? first[i] : second[i - 700]) == byte_at(offset + i);
    CU_ASSERT(same);
}

/* Bytes stay until they are acknowledged, in whatever order that happens; the ring wraps and grows. */
static void test_order(void)
{
    sluice_outbox outbox = {0};
    append(&outbox, 3000);
    check(&outbox, 0, 1600);
    check(&outbox, 2900, 100);
    check(&outbox, 3000, 0);
    CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, 1000, 2000), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_outbox_kept(&outbox), 3000);
    check(&outbox, 500, 1600);
    CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, 0, 1000), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_outbox_kept(&outbox), 1000);
    check(&outbox, 1999, 0);
    append(&outbox, 2500); /* wraps */
    check(&outbox, 4000, 1500);
    append(&outbox, 6000); /* grows while it is wrapped */
    check(&outbox, 2000, 1600);
    check(&outbox, 10000, 1500);
    CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, 0, 1000000), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_outbox_kept(&outbox), 0);
    sluice_outbox_fini(&outbox);
}

/* Every second byte first, then the others: ranges join; nothing is given back twice. */
static void test_ranges(void)
{
    sluice_outbox outbox = {0};
    append(&outbox, 2000);
    for (uint64_t i = 1; i < 2000; i += 2)
        CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, i, i + 1), SLUICE_OK);
    CU_ASSERT_EQUAL(outbox.acked.count, 1000);
    CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, 500, 1500), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, 600, 700), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_outbox_kept(&outbox), 2000);
    for (uint64_t i = 0; i < 2000; i += 2)
        CU_ASSERT_EQUAL(sluice_outbox_acked(&outbox, i, i + 1), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_outbox_kept(&outbox), 0);
    CU_ASSERT_EQUAL(outbox.acked.count, 0);
    sluice_outbox_fini(&outbox);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"order", test_order}, {"ranges", test_ranges}, CU_TEST_INFO_NULL};
    return sluice_suite_run("outbox", tests);
}
