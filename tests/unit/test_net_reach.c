/* SPDX-License-Identifier: Apache-2.0 */
#include "net/reach.h"

#include "unit/suite.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct outcome {
    sluice_reach_result results[SLUICE_REACH_ADDRESSES];
    size_t count;
    unsigned calls;
} outcome;

static void done(void *user, const sluice_reach_result *results, size_t count)
{
    outcome *out = user;
    out->calls++;
    out->count = count;
    memcpy(out->results, results, count * sizeof *results);
}

/* A listener on a free port of 127.0.0.1. */
static int listener(sluice_address *address, int backlog)
{
    struct sockaddr_in6 raw;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("127.0.0.1", 0, address), SLUICE_OK);
    socklen_t bytes = sluice_address_give(address, AF_INET, &raw);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&raw, bytes), 0);
    if (backlog >= 0)
        CU_ASSERT_EQUAL_FATAL(listen(fd, backlog), 0);
    bytes = sizeof raw;
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&raw, &bytes), 0);
    CU_ASSERT_EQUAL_FATAL(sluice_address_take((const struct sockaddr *)&raw, bytes, address), SLUICE_OK);
    return fd;
}

static void run(sluice_loop *loop, outcome *out)
{
    for (int i = 0; i < 100 && out->calls == 0; i++)
        CU_ASSERT_EQUAL_FATAL(sluice_loop_step(loop, SLUICE_SECOND, NULL), SLUICE_OK);
}

/* Each address is told apart, in the order given. */
static void test_apart(void)
{
    sluice_loop *loop;
    sluice_reach *reach;
    outcome out = {.calls = 0};
    sluice_address addresses[2];
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    int refusing = listener(&addresses[0], -1), standing = listener(&addresses[1], 4);
    CU_ASSERT_EQUAL_FATAL(sluice_reach_new(&reach, loop, addresses, 2, 60 * SLUICE_SECOND, done, &out, NULL),
                          SLUICE_OK);
    CU_ASSERT_EQUAL(out.calls, 0);
    run(loop, &out);
    CU_ASSERT_EQUAL(out.calls, 1);
    CU_ASSERT_EQUAL_FATAL(out.count, 2);
    CU_ASSERT_EQUAL(out.results[0].errnum, ECONNREFUSED);
    CU_ASSERT_EQUAL(out.results[1].errnum, 0);
    CU_ASSERT(sluice_address_equal(&out.results[1].address, &addresses[1]));
    sluice_reach_free(reach);
    close(refusing);
    close(standing);
    sluice_loop_free(loop);
}

/* A listener whose queue is full does not answer: patience ends it. */
static void test_silent(void)
{
    sluice_loop *loop;
    sluice_reach *reach;
    outcome out = {.calls = 0};
    sluice_address address, same[8];
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    int fd = listener(&address, 0);
    for (size_t i = 0; i < SLUICE_COUNT(same); i++)
        same[i] = address;
    CU_ASSERT_EQUAL_FATAL(sluice_reach_new(&reach, loop, same, 8, 50 * SLUICE_MS, done, &out, NULL), SLUICE_OK);
    run(loop, &out);
    CU_ASSERT_EQUAL(out.calls, 1);
    size_t stood = 0, late = 0;
    for (size_t i = 0; i < out.count; i++) {
        stood += out.results[i].errnum == 0;
        late += out.results[i].errnum == ETIMEDOUT;
    }
    CU_ASSERT_EQUAL(stood + late, 8);
    CU_ASSERT(late > 0);
    sluice_reach_free(reach);
    close(fd);
    sluice_loop_free(loop);
}

/* What cannot even be begun is told from the loop as well; and freed in mid-way nothing is told. */
static void test_begin(void)
{
    sluice_loop *loop;
    sluice_reach *reach;
    outcome out = {.calls = 0};
    sluice_address address;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("255.255.255.255", 9, &address), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_reach_new(&reach, loop, &address, 1, 60 * SLUICE_SECOND, done, &out, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(out.calls, 0);
    run(loop, &out);
    CU_ASSERT_EQUAL(out.calls, 1);
    CU_ASSERT_NOT_EQUAL(out.results[0].errnum, 0);
    sluice_reach_free(reach);
    out.calls = 0;
    int fd = listener(&address, 4);
    CU_ASSERT_EQUAL_FATAL(sluice_reach_new(&reach, loop, &address, 1, 60 * SLUICE_SECOND, done, &out, NULL), SLUICE_OK);
    sluice_reach_free(reach);
    CU_ASSERT_EQUAL(sluice_loop_step(loop, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(out.calls, 0);
    close(fd);
    sluice_loop_free(loop);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"each address apart", test_apart},
        {"one that does not answer", test_silent},
        {"one that cannot be begun, and the end in mid-way", test_begin},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_reach", tests);
}
