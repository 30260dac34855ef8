/* SPDX-License-Identifier: Apache-2.0 */
/* A mux whose peer means no good: each fault ends the session or the stream with its reason, and memory stays bounded. */
#include "stream/dock.h"
#include "session/message.h"
#include "unit/suite.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY (4u << 20)
#define STREAMS 16 /* that there is room for */

static size_t memory(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* The session has ended with this, the peer was told, and nothing was asked of the transport that it would refuse. */
static void ended_with(dock *at, int status, const char *word)
{
    sluice_wire_reader body;
    char sentence[SLUICE_MESSAGE_SENTENCE_MAX + 1];
    CU_ASSERT(at->finished);
    CU_ASSERT_EQUAL(at->status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(at->sentence, word));
    CU_ASSERT(dock_hears(at, SLUICE_MESSAGE_ERROR, &body));
    CU_ASSERT_EQUAL(sluice_message_get_status(&body, sentence, sizeof sentence), status);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, word));
    dock_pump(at);
    CU_ASSERT_FALSE(at->broken);
    dock_fini(at);
}

static void goes_on(dock *at)
{
    dock_pump(at);
    CU_ASSERT_FALSE(at->finished);
    CU_ASSERT_FALSE(at->broken);
    dock_fini(at);
}

static int refuse(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    (void)user;
    (void)stream_user;
    return strncmp(request->name, "no", 2) == 0 ? sluice_fail(error, SLUICE_EACCESS, "not you") : SLUICE_OK;
}

/* ---- out of turn ---- */

static void streams_out_of_turn(void)
{
    dock at;
    dock_init(&at, false, MEMORY);
    dock_say_open(&at, 1, SLUICE_STREAM_PUSH, "", 0);
    ended_with(&at, SLUICE_EPROTOCOL, "out of turn");

    dock_init(&at, false, MEMORY);
    dock_say_open(&at, 0, SLUICE_STREAM_PUSH, "", 0);
    dock_say_open(&at, 0, SLUICE_STREAM_PUSH, "", 0);
    ended_with(&at, SLUICE_EPROTOCOL, "out of turn");

    dock_init(&at, true, MEMORY); /* a server that opens */
    dock_say_open(&at, 0, SLUICE_STREAM_PUSH, "", 0);
    ended_with(&at, SLUICE_EPROTOCOL, "out of turn");
}

/* Bytes before their OPEN are kept within a limit, far ahead they are a fault; what is turned away is refused later. */
static void bytes_far_ahead(void)
{
    static const uint8_t bytes[100000];
    dock at;
    sluice_wire_reader body;
    size_t before = memory();
    dock_init(&at, false, MEMORY);
    uint64_t held = 0;
    for (uint64_t id = 0; id < DOCK_OBJECTS; id++)
        held += dock_deliver(&at, id, bytes, sizeof bytes);
    CU_ASSERT(held <= MEMORY);
    CU_ASSERT(memory() - before < 2 * MEMORY);
    CU_ASSERT_FALSE(at.finished);
    uint64_t accepted = 0;
    for (uint64_t id = 0; id < DOCK_OBJECTS; id++) {
        char sentence[100];
        dock_say_open(&at, id, SLUICE_STREAM_PUSH, "", 0);
        CU_ASSERT_FATAL(dock_hears(&at, SLUICE_MESSAGE_STREAM_ANSWER, &body));
        CU_ASSERT_EQUAL(sluice_wire_get_number(&body), id);
        int status = sluice_message_get_status(&body, sentence, sizeof sentence);
        CU_ASSERT(status == SLUICE_OK || status == SLUICE_ELIMIT);
        accepted += status == SLUICE_OK;
        /* Whoever was accepted has what came, and no other is waited for. */
        CU_ASSERT(status != SLUICE_OK || !at.in[id].refused);
    }
    CU_ASSERT_EQUAL(accepted, STREAMS);
    goes_on(&at);

    dock_init(&at, false, MEMORY);
    CU_ASSERT_EQUAL(at.cargo.ops->opened(at.cargo.state, 2 + 5000, SLUICE_OBJECT_ORDERED), SLUICE_EPROTOCOL);
    ended_with(&at, SLUICE_EPROTOCOL, "not opened");

    dock_init(&at, false, MEMORY); /* files' objects, and such that are not in order */
    CU_ASSERT_EQUAL(at.cargo.ops->opened(at.cargo.state, 1, SLUICE_OBJECT_ORDERED), SLUICE_EPROTOCOL);
    CU_ASSERT_EQUAL(at.cargo.ops->opened(at.cargo.state, 2, 0), SLUICE_EPROTOCOL);
    goes_on(&at);
}

static void bytes_that_nobody_asked_for(void)
{
    dock at;
    char text[8];
    dock_init(&at, false, MEMORY); /* on a stream that the client only reads, and before it was opened so */
    dock_say_open(&at, 0, SLUICE_STREAM_PULL, "", 0);
    CU_ASSERT_EQUAL(dock_deliver(&at, 0, (const uint8_t *)"bytes", 5), 0);
    CU_ASSERT_EQUAL(dock_deliver(&at, 1, (const uint8_t *)"bytes", 5), 5);
    dock_say_open(&at, 1, SLUICE_STREAM_PULL, "", 0);
    ended_with(&at, SLUICE_EPROTOCOL, "only reads");

    dock_init(&at, false, MEMORY); /* on a refused one, before and after it was */
    at.requested = refuse;
    CU_ASSERT_EQUAL(dock_deliver(&at, 0, (const uint8_t *)"bytes", 5), 5);
    dock_say_open(&at, 0, SLUICE_STREAM_PUSH, "no", 0);
    CU_ASSERT(at.in[0].stopped);
    dock_say_open(&at, 1, SLUICE_STREAM_PUSH, "no", 0);
    CU_ASSERT_EQUAL(dock_deliver(&at, 1, (const uint8_t *)"bytes", 5), 0);
    CU_ASSERT(at.in[1].refused);
    dock_say_number(&at, SLUICE_MESSAGE_STREAM_END, 1, 5);
    dock_say_number(&at, SLUICE_MESSAGE_STREAM_FLUSH, 1, 5);
    goes_on(&at);

    dock_init(&at, true, MEMORY); /* from a server, of streams that there are not */
    CU_ASSERT_EQUAL(dock_deliver(&at, 3, (const uint8_t *)"bytes", 5), 0);
    goes_on(&at);

    dock_init(&at, false, MEMORY); /* after its end */
    dock_say_open(&at, 0, SLUICE_STREAM_PUSH, "", 0);
    CU_ASSERT_EQUAL(dock_deliver(&at, 0, (const uint8_t *)"bytes", 5), 5);
    dock_say_number(&at, SLUICE_MESSAGE_STREAM_END, 0, 5);
    dock_pump(&at);
    CU_ASSERT_EQUAL(sluice_stream_read(at.accepted[0], text, sizeof text), 5);
    CU_ASSERT_EQUAL(dock_deliver(&at, 0, (const uint8_t *)"more", 4), 4);
    dock_pump(&at);
    CU_ASSERT_EQUAL(sluice_stream_read(at.accepted[0], text, sizeof text), 4);
    CU_ASSERT_EQUAL(sluice_stream_read(at.accepted[0], text, sizeof text), 0);
    goes_on(&at);
}

/* ---- words that are not true ---- */

typedef struct lie {
    sluice_stream_mode mode;
    uint64_t type, number;
    int times;
} lie;

static void lies(void)
{
    static const lie lies[] = {
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_STREAM_END, 0, 2},     /* twice */
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_STREAM_END, 3, 1},     /* less than has come */
        {SLUICE_STREAM_PULL, SLUICE_MESSAGE_STREAM_END, 10, 1},    /* of what it does not write */
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_STREAM_FLUSH, 0, 1},   /* of nothing */
        {SLUICE_STREAM_PULL, SLUICE_MESSAGE_STREAM_FLUSH, 5, 1},
        {SLUICE_STREAM_PULL, SLUICE_MESSAGE_STREAM_TAKEN, 1, 1},   /* what was not written */
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_STREAM_TAKEN, 1, 1},
        {SLUICE_STREAM_PULL, SLUICE_MESSAGE_STREAM_DONE, 0, 1},    /* before the end */
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_STREAM_DONE, 0, 1},
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_STREAM_ANSWER, 0, 1},  /* the server's word */
        {SLUICE_STREAM_PUSH, SLUICE_MESSAGE_FINISHED, 0, 1},
        {SLUICE_STREAM_PUSH, 79, 0, 1},                            /* must be understood */
    };
    for (size_t i = 0; i < SLUICE_COUNT(lies); i++) {
        dock at;
        dock_init(&at, false, MEMORY);
        dock_say_open(&at, 0, lies[i].mode, "lie", 0);
        if (lies[i].number == 3)
            dock_deliver(&at, 0, (const uint8_t *)"bytes", 5);
        for (int j = 0; j < lies[i].times; j++) {
            CU_ASSERT_FALSE(at.finished);
            /* A DONE and an ANSWER are a stream, a status and a sentence. */
            sluice_wire_writer *body = dock_begin();
            sluice_wire_put_number(body, 0);
            sluice_wire_put_number(body, lies[i].number);
            sluice_wire_put_string(body, "", 0);
            dock_say(&at, lies[i].type);
        }
        ended_with(&at, SLUICE_EPROTOCOL, "");
    }
}

static void words_to_a_client(void)
{
    dock at;
    dock_init(&at, true, MEMORY);
    dock_begin();
    dock_say(&at, SLUICE_MESSAGE_FINISH);
    ended_with(&at, SLUICE_EPROTOCOL, "");
    dock_init(&at, true, MEMORY);
    dock_begin();
    dock_say(&at, SLUICE_MESSAGE_FINISHED);
    ended_with(&at, SLUICE_EPROTOCOL, "");
    dock_init(&at, true, MEMORY); /* of streams that there are not, and such as need not be understood */
    dock_say_number(&at, SLUICE_MESSAGE_STREAM_ANSWER, 7, 0);
    dock_say_number(&at, SLUICE_MESSAGE_STREAM_DONE, 7, 0);
    dock_say_number(&at, SLUICE_MESSAGE_STREAM_ABORT, 7, 3);
    dock_say_number(&at, 1000, 1, 2);
    goes_on(&at);
}

/* Every message, cut off everywhere. */
static void cut_off(void)
{
    static const sluice_message types[] = {
        SLUICE_MESSAGE_STREAM_OPEN,  SLUICE_MESSAGE_STREAM_ANSWER, SLUICE_MESSAGE_STREAM_END,   SLUICE_MESSAGE_STREAM_FLUSH,
        SLUICE_MESSAGE_STREAM_TAKEN, SLUICE_MESSAGE_STREAM_DONE,   SLUICE_MESSAGE_STREAM_ABORT, SLUICE_MESSAGE_RATE,
        SLUICE_MESSAGE_PAUSE,        SLUICE_MESSAGE_ERROR,         SLUICE_MESSAGE_PROGRESS,
    };
    for (size_t i = 0; i < SLUICE_COUNT(types); i++)
        for (size_t length = 0; length < 40; length++)
            for (int client = 0; client < 2; client++) {
                dock at;
                dock_init(&at, client, MEMORY);
                sluice_wire_writer *body = dock_begin();
                for (size_t j = 0; j < length; j++)
                    sluice_wire_put_byte(body, (uint8_t)(j == 0 ? 0 : j == 1 ? 3 : j));
                dock_say(&at, types[i]);
                CU_ASSERT_FALSE(at.broken);
                dock_pump(&at);
                dock_fini(&at);
            }
}

/* ---- how much it may cost ---- */

static void thousands_of_refusals(void)
{
    dock at;
    sluice_wire_reader body;
    dock_init(&at, false, MEMORY);
    at.requested = refuse;
    size_t before = memory();
    for (uint64_t id = 0; id < 20000; id++) {
        dock_say_open(&at, id, SLUICE_STREAM_BOTH, "no", 0);
        if (id % 100 == 0)
            dock_pump(&at);
        while (dock_hears(&at, SLUICE_MESSAGE_STREAM_ANSWER, &body))
            continue;
    }
    CU_ASSERT(memory() - before < 1u << 20);
    goes_on(&at);

    /* Whoever hears none of the answers is ended when they are too many. */
    dock_init(&at, false, MEMORY);
    at.requested = refuse;
    before = memory();
    uint64_t id = 0;
    while (!at.finished && id < 20000000) {
        dock_say_open(&at, id++, SLUICE_STREAM_BOTH, "no", 0);
    }
    CU_ASSERT(at.finished);
    CU_ASSERT_EQUAL(at.status, SLUICE_ELIMIT);
    CU_ASSERT(memory() - before < 300u << 20);
    CU_ASSERT_FALSE(at.broken);
    dock_fini(&at);
}

/* Streams that are opened, filled and given up, while the program has not got to accepting the first of them. */
static void streams_that_nobody_has_accepted_yet(void)
{
    static const uint8_t bytes[SLUICE_STREAM_FIRST_BYTES];
    dock at;
    sluice_wire_reader body;
    dock_init(&at, false, MEMORY);
    size_t before = memory();
    uint64_t refused = 0;
    for (uint64_t id = 0; id < DOCK_OBJECTS; id++) {
        char sentence[100];
        dock_say_open(&at, id, SLUICE_STREAM_PUSH, "", 0);
        CU_ASSERT_FATAL(dock_hears(&at, SLUICE_MESSAGE_STREAM_ANSWER, &body));
        sluice_wire_get_number(&body);
        refused += sluice_message_get_status(&body, sentence, sizeof sentence) == SLUICE_ELIMIT;
        dock_deliver(&at, id, bytes, sizeof bytes);
        sluice_wire_writer *why = dock_begin();
        sluice_wire_put_number(why, id);
        sluice_wire_put_number(why, 1);
        sluice_message_put_status(why, SLUICE_EFAILED, "again");
        dock_say(&at, SLUICE_MESSAGE_STREAM_ABORT);
        dock_pump(&at);
    }
    CU_ASSERT_EQUAL(at.accepted_count, STREAMS);
    CU_ASSERT_EQUAL(refused, DOCK_OBJECTS - STREAMS);
    CU_ASSERT(memory() - before < 2 * MEMORY);
    /* When they are let go of there is room again. */
    for (size_t i = 0; i < at.accepted_count; i++)
        sluice_stream_abort(at.accepted[i], SLUICE_ECANCELLED, "seen");
    at.accepted_count = 0;
    dock_pump(&at);
    dock_say_open(&at, DOCK_OBJECTS, SLUICE_STREAM_PUSH, "", 0);
    CU_ASSERT_EQUAL(at.accepted_count, 1);
    goes_on(&at);
}

/* More is never held than was given credit for, whatever is said and read; and credit is given for what was read. */
static void windows(void)
{
    static uint8_t bytes[MEMORY];
    dock at;
    dock_init(&at, false, MEMORY);
    dock_say_open(&at, 0, SLUICE_STREAM_PUSH, "", 0);
    dock_pump(&at);
    for (int i = 0; i < 200; i++) {
        uint64_t got = dock_deliver(&at, 0, bytes, sizeof bytes), sum = 0;
        int64_t count;
        dock_pump(&at);
        CU_ASSERT(got > 0 && got <= MEMORY);
        at.now += 10 * SLUICE_MS;
        while ((count = sluice_stream_read(at.accepted[0], bytes, 100000)) > 0) {
            sum += (uint64_t)count;
            dock_pump(&at);
        }
        CU_ASSERT(sum >= got);
        CU_ASSERT(at.in[0].credit - at.in[0].arrived <= MEMORY);
    }
    /* 10/11 of seven eighths of it. */
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(at.accepted[0], &figures);
    CU_ASSERT_EQUAL(figures.window_bytes, (uint64_t)MEMORY / 8 * 7 * 10 / 11);
    CU_ASSERT(at.in[0].credit - at.in[0].arrived >= figures.window_bytes / 4 * 3);
    goes_on(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"streams out of turn", streams_out_of_turn},
        {"bytes far ahead", bytes_far_ahead},
        {"bytes that nobody asked for", bytes_that_nobody_asked_for},
        {"lies", lies},
        {"words to a client", words_to_a_client},
        {"cut off", cut_off},
        {"thousands of refusals", thousands_of_refusals},
        {"streams that nobody has accepted yet", streams_that_nobody_has_accepted_yet},
        {"windows", windows},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("hostile peers of a mux", tests);
}
