/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that come in pieces of any size, those that must wait, and how much may. */
#include "session/mailbox.h"
#include "unit/suite.h"

#include <stdlib.h>
#include <string.h>

/* A carrier that notes what it was offered. */
typedef struct shelf {
    uint64_t offered, consumed;
    bool gap;
} shelf;

static int offer(void *state, sluice_object_id id, uint64_t from, uint64_t to)
{
    shelf *self = state;
    self->gap = self->gap || id != SLUICE_OBJECT_CONTROL || from != self->offered || to <= from;
    self->offered = to;
    return SLUICE_OK;
}

static void consumed_ordered(void *state, sluice_object_id id, uint64_t bytes)
{
    shelf *self = state;
    self->gap = self->gap || id != SLUICE_OBJECT_CONTROL;
    self->consumed += bytes;
}

static const sluice_transport_ops shelf_ops = {.offer = offer, .consumed_ordered = consumed_ordered};

static void mailbox_on(sluice_mailbox *mailbox, shelf *on)
{
    *on = (shelf){0};
    sluice_mailbox_init(mailbox, &(sluice_carrier){.ops = &shelf_ops, .state = on});
}

/* What message number n says: its type is even, its body is told from its place. */
static size_t body_bytes(unsigned n)
{
    return n % 7 == 3 ? 0 : n % 11 == 5 ? SLUICE_MESSAGE_BODY_MAX : n * 37 % 3000;
}

static void message_send(sluice_mailbox *mailbox, unsigned n)
{
    sluice_wire_writer *body = sluice_mailbox_begin(mailbox);
    for (size_t i = 0; i < body_bytes(n); i++) {
        uint8_t byte = (uint8_t)(n * 31 + i);
        sluice_wire_put_bytes(body, &byte, 1);
    }
    CU_ASSERT_EQUAL(sluice_mailbox_send(mailbox, 100 + 2 * n), SLUICE_OK);
}

typedef struct reader {
    unsigned next;
    bool wrong;
    sluice_mailbox_verdict verdict; /* of each third */
    sluice_mailbox *inside;         /* take is called again from inside */
} reader;

static sluice_mailbox_verdict take(void *user, uint64_t type, sluice_wire_reader *body, int *status, sluice_error *error)
{
    reader *self = user;
    unsigned n = self->next;
    if (n % 3 == 0 && self->verdict != SLUICE_MAILBOX_TAKEN)
        return self->verdict;
    size_t bytes = body_bytes(n);
    const uint8_t *data = sluice_wire_get_bytes(body, bytes);
    self->wrong = self->wrong || type != 100 + 2 * n || body->bad;
    for (size_t i = 0; i < bytes && !self->wrong; i++)
        self->wrong = data[i] != (uint8_t)(n * 31 + i);
    self->next++;
    if (self->inside)
        self->wrong = self->wrong || sluice_mailbox_take(self->inside, take, user, error) != SLUICE_OK;
    *status = SLUICE_OK;
    return SLUICE_MAILBOX_TAKEN;
}

/* From one to the other in pieces of up to `most` bytes. */
static void test_split(void)
{
    enum { MESSAGES = 60 };
    static const size_t sizes[] = {1, 2, 3, 17, 1200, 100000};
    sluice_error error = {0};
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
        sluice_mailbox one, two;
        shelf on_one, on_two;
        reader read = {.inside = i % 2 ? NULL : &two};
        uint8_t *piece = malloc(sizes[i]);
        uint64_t at = 0;
        mailbox_on(&one, &on_one);
        mailbox_on(&two, &on_two);
        for (unsigned n = 0; n < MESSAGES; n++)
            message_send(&one, n);
        CU_ASSERT_FALSE(sluice_mailbox_heard(&one));
        while (at < on_one.offered) {
            size_t got = sluice_mailbox_fetch(&one, at, &(struct iovec){piece, sizes[i]}, 1);
            CU_ASSERT_FATAL(got > 0);
            at += got;
            if (sluice_mailbox_deliver(&two, piece, got) != SLUICE_OK ||
                sluice_mailbox_take(&two, take, &read, &error) != SLUICE_OK)
                read.wrong = true;
        }
        CU_ASSERT_EQUAL(read.next, MESSAGES);
        CU_ASSERT_FALSE(read.wrong || on_one.gap || on_two.gap);
        CU_ASSERT_EQUAL(on_two.consumed, on_one.offered);
        CU_ASSERT_EQUAL(two.in.size, 0);
        sluice_mailbox_acked(&one, 0, at - 1);
        CU_ASSERT_FALSE(sluice_mailbox_heard(&one));
        sluice_mailbox_acked(&one, at - 1, at);
        CU_ASSERT(sluice_mailbox_heard(&one));
        free(piece);
        sluice_mailbox_fini(&one);
        sluice_mailbox_fini(&two);
    }
}

static uint64_t hand_over(sluice_mailbox *from, sluice_mailbox *to, uint64_t at, uint64_t upto)
{
    uint8_t bytes[4096];
    while (at < upto) {
        size_t got = sluice_mailbox_fetch(from, at, &(struct iovec){bytes, sizeof bytes}, 1);
        CU_ASSERT_EQUAL(sluice_mailbox_deliver(to, bytes, got), SLUICE_OK);
        at += got;
    }
    return at;
}

/* A message that is to wait stays, with all that follow; when it is over, the rest is dropped. */
static void test_later_and_over(void)
{
    sluice_mailbox one, two;
    shelf on_one, on_two;
    sluice_error error = {0};
    reader read = {.verdict = SLUICE_MAILBOX_LATER, .next = 1};
    mailbox_on(&one, &on_one);
    mailbox_on(&two, &on_two);
    for (unsigned n = 1; n < 9; n++)
        message_send(&one, n);
    hand_over(&one, &two, 0, on_one.offered);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(sluice_mailbox_take(&two, take, &read, &error), SLUICE_OK);
        CU_ASSERT_EQUAL(read.next, 3);
    }
    read.verdict = SLUICE_MAILBOX_TAKEN;
    CU_ASSERT_EQUAL(sluice_mailbox_take(&two, take, &read, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(read.next, 9);
    CU_ASSERT_FALSE(read.wrong);
    uint64_t at = on_one.offered;
    message_send(&one, 9);
    message_send(&one, 10);
    hand_over(&one, &two, at, on_one.offered);
    read.verdict = SLUICE_MAILBOX_OVER;
    CU_ASSERT_EQUAL(sluice_mailbox_take(&two, take, &read, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(read.next, 9);
    CU_ASSERT_EQUAL(two.in.size, 0);
    sluice_mailbox_fini(&one);
    sluice_mailbox_fini(&two);
}

/* A body of exactly the most that is allowed passes; one that says it is longer does not, whatever comes of it. */
static void test_limits(void)
{
    sluice_mailbox mailbox;
    shelf on;
    sluice_error error = {0};
    reader read = {0};
    sluice_wire_writer bytes = {0};
    static uint8_t filler[100000];
    mailbox_on(&mailbox, &on);
    sluice_wire_put_number(&bytes, 2);
    sluice_wire_put_number(&bytes, SLUICE_MESSAGE_BODY_MAX + 1);
    CU_ASSERT_EQUAL(sluice_mailbox_deliver(&mailbox, bytes.bytes, bytes.size), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_mailbox_take(&mailbox, take, &read, &error), SLUICE_EPROTOCOL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "65536"));
    CU_ASSERT_EQUAL(read.next, 0);
    sluice_mailbox_fini(&mailbox);

    /* What nobody takes may be a megabyte. */
    mailbox_on(&mailbox, &on);
    int status = SLUICE_OK;
    size_t total = 0;
    for (; status == SLUICE_OK; total += sizeof filler)
        status = sluice_mailbox_deliver(&mailbox, filler, sizeof filler);
    CU_ASSERT_EQUAL(status, SLUICE_EPROTOCOL);
    CU_ASSERT(total > 1 << 20 && total <= (1 << 20) + sizeof filler);
    sluice_mailbox_fini(&mailbox);

    /* What the peer does not acknowledge may be 64 MiB. */
    mailbox_on(&mailbox, &on);
    status = SLUICE_OK;
    for (total = 0; status == SLUICE_OK; total += 60000) {
        sluice_wire_put_bytes(sluice_mailbox_begin(&mailbox), filler, 60000);
        status = sluice_mailbox_send(&mailbox, 2);
    }
    CU_ASSERT_EQUAL(status, SLUICE_ELIMIT);
    CU_ASSERT(total >= 64 << 20 && total < (64 << 20) + 120000);
    sluice_mailbox_fini(&mailbox);
    sluice_wire_writer_fini(&bytes);
}

static void test_rate(void)
{
    sluice_wire_writer bytes = {0};
    sluice_rate target, minimum;
    char policy[64], name[70];
    sluice_error error = {0};
    memset(name, 'n', sizeof name);
    for (size_t length = 60; length < 70; length++) {
        sluice_wire_clear(&bytes);
        sluice_wire_put_u64(&bytes, 5);
        sluice_wire_put_u64(&bytes, 4);
        sluice_wire_put_string(&bytes, name, length);
        sluice_wire_reader body;
        sluice_wire_reader_init(&body, bytes.bytes, bytes.size);
        int status = sluice_mailbox_get_rate(&body, &target, &minimum, policy, &error);
        CU_ASSERT_EQUAL(status, length < 64 ? SLUICE_OK : SLUICE_EPROTOCOL);
        if (status == SLUICE_OK)
            CU_ASSERT(target == 5 && minimum == 4 && strlen(policy) == length);
    }
    name[3] = '\0';
    sluice_wire_clear(&bytes);
    sluice_wire_put_u64(&bytes, 5);
    sluice_wire_put_u64(&bytes, 4);
    sluice_wire_put_string(&bytes, name, 10);
    sluice_wire_reader body;
    sluice_wire_reader_init(&body, bytes.bytes, bytes.size);
    CU_ASSERT_EQUAL(sluice_mailbox_get_rate(&body, &target, &minimum, policy, &error), SLUICE_EPROTOCOL);
    sluice_wire_reader_init(&body, bytes.bytes, 10);
    CU_ASSERT_EQUAL(sluice_mailbox_get_rate(&body, &target, &minimum, policy, &error), SLUICE_EPROTOCOL);
    sluice_wire_writer_fini(&bytes);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"messages in pieces", test_split},
        {"later, and over", test_later_and_over},
        {"limits", test_limits},
        {"rates", test_rate},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("mailbox", tests);
}
