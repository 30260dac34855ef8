/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a peer does to a session of streams, and its program meanwhile.  The first byte chooses the side; then each byte is
 * something that happens, with the bytes behind it: a message, bytes of an object, gaps, acknowledgements, time, calls.
 * Whatever comes: memory is bounded, what is asked of the transport is in order, and every stream comes to an end.
 */
#include "fuzz/replay.h"

#include "session/message.h"
#include "stream/dock.h"
#include <stdlib.h>
#include <string.h>

#define MEMORY (1u << 20)
#define STREAMS 4 /* there is room for */
#define HANDLES 64

static uint8_t many[70000];

typedef struct input {
    const uint8_t *at, *end;
    dock dock;
    sluice_stream *own[HANDLES]; /* the client's */
    size_t own_count;
} input;

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

static uint8_t next(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* Small ids and sizes above all, and some that are not. */
static uint64_t number(input *in)
{
    uint64_t first = next(in);
    return first < 224 ? first : first < 248 ? (first - 224) << 8 | next(in) : (first - 247) << 61 | next(in);
}

static uint64_t object(input *in)
{
    return next(in) % DOCK_OBJECTS;
}

/* ---- the peer ---- */

static void say_message(input *in)
{
    uint64_t type = next(in);
    size_t count = next(in) % 64;
    sluice_wire_writer *body = dock_begin();
    count = count < (size_t)(in->end - in->at) ? count : (size_t)(in->end - in->at);
    sluice_wire_put_bytes(body, in->at, count);
    in->at += count;
    dock_say(&in->dock, type);
}

static void say_about_stream(input *in)
{
    static const sluice_message types[] = {SLUICE_MESSAGE_STREAM_ANSWER, SLUICE_MESSAGE_STREAM_END,
                                           SLUICE_MESSAGE_STREAM_FLUSH,  SLUICE_MESSAGE_STREAM_TAKEN,
                                           SLUICE_MESSAGE_STREAM_DONE,   SLUICE_MESSAGE_STREAM_ABORT};
    uint64_t type = types[next(in) % SLUICE_COUNT(types)];
    sluice_wire_writer *body = dock_begin();
    sluice_wire_put_number(body, object(in));
    sluice_wire_put_number(body, number(in) & SLUICE_WIRE_NUMBER_MAX);
    if (type != SLUICE_MESSAGE_STREAM_END)
        sluice_message_put_status(body, -(int)(next(in) % 33), "why");
    dock_say(&in->dock, type);
}

static uint64_t opened;

static void say_open(input *in)
{
    static const char *const names[] = {"", "a", "no", "a name of some length"};
    uint8_t what = next(in);
    dock_say_open(&in->dock, opened++, (sluice_stream_mode)(1 + what % 3), names[what / 4 % 4],
                  what & 64 ? 20 * SLUICE_MS : 0);
}

static void deliver(input *in)
{
    uint64_t id = object(in);
    dock_deliver(&in->dock, id, many, 1 + number(in) % sizeof many);
}

/* ---- the program ---- */

static sluice_stream *pick(input *in)
{
    size_t count = in->dock.session->client ? in->own_count : in->dock.accepted_count;
    sluice_stream **row = in->dock.session->client ? in->own : in->dock.accepted;
    return count ? row[next(in) % count] : NULL;
}

static void let_go(input *in, sluice_stream *stream)
{
    size_t *count = in->dock.session->client ? &in->own_count : &in->dock.accepted_count;
    sluice_stream **row = in->dock.session->client ? in->own : in->dock.accepted;
    for (size_t i = 0; i < *count; i++)
        if (row[i] == stream) {
            row[i] = row[--*count];
            return;
        }
}

static void open_own(input *in)
{
    uint8_t what = next(in);
    sluice_error error = {0};
    const sluice_stream_order order = {
        .size = sizeof order,
        .mode = (sluice_stream_mode)(1 + what % 3),
        .deadline_ns = what & 64 ? 20 * SLUICE_MS : 0,
        .gather_ns = what & 32 ? SLUICE_MS : 0,
        .announced_bytes = what & 16 ? 100 : 0,
    };
    if (in->own_count == HANDLES || !in->dock.session->client)
        return;
    int status = sluice_stream_open(in->dock.session, &order, &in->own[in->own_count], &error);
    insist(status == SLUICE_OK || error.text[0] != '\0');
    if (status == SLUICE_OK)
        sluice_stream_blocking(in->own[in->own_count++], false);
}

static void call(input *in)
{
    static uint8_t room[70000];
    sluice_stream *stream = pick(in);
    uint8_t what = next(in);
    int64_t status = 0;
    if (!stream)
        return;
    switch (what % 6) {
    case 0:
        status = sluice_stream_write(stream, many, number(in) % sizeof many);
        break;
    case 1:
    case 2:
        status = sluice_stream_read(stream, room, number(in) % sizeof room);
        insist(status <= 0 || memcmp(room, many, (size_t)status) == 0);
        break;
    case 3:
        status = sluice_stream_flush(stream);
        break;
    case 4:
        status = sluice_stream_finish(stream);
        break;
    default:
        let_go(in, stream);
        sluice_stream_abort(stream, -(int)(what / 6 % 33), "as it likes");
    }
    insist(status >= 0 || sluice_status_text((int)status)[0] != '\0');
}

/* ---- what must hold ---- */

static uint64_t held(const sluice_stream *stream)
{
    uint64_t out = stream->out.written - sluice_fifo_released(&stream->out);
    uint64_t in = stream->in.written - sluice_fifo_released(&stream->in);
    return out > in ? out : in;
}

static void check(const input *in)
{
    uint64_t sum = 0;
    insist(!in->dock.broken);
    for (size_t i = 0; i < in->own_count; i++)
        sum += held(in->own[i]);
    for (size_t i = 0; i < in->dock.accepted_count; i++)
        sum += held(in->dock.accepted[i]);
    insist(sum <= 2 * MEMORY);
    insist(in->dock.accepted_count <= 2 * STREAMS);
    for (uint64_t i = 0; i < DOCK_OBJECTS; i++)
        insist(in->dock.in[i].credit - in->dock.in[i].arrived <= MEMORY);
}

static void step(input *in)
{
    switch (next(in) % 16) {
    case 0:
        say_message(in);
        break;
    case 1:
    case 2:
        say_open(in);
        break;
    case 3:
    case 4:
        say_about_stream(in);
        break;
    case 5:
    case 6:
        deliver(in);
        break;
    case 7:
        dock_skipped(&in->dock, object(in), number(in) % 100000);
        break;
    case 8:
        dock_ack(&in->dock, object(in), 1 + number(in) % 100000);
        break;
    case 9:
        in->dock.now += number(in) % 256 * SLUICE_MS;
        dock_pump(&in->dock);
        break;
    case 10:
        open_own(in);
        break;
    case 11:
        dock_say_bytes(&in->dock, in->at, in->at < in->end);
        in->at += in->at < in->end;
        break;
    case 12:
        dock_pump(&in->dock);
        break;
    default:
        call(in);
    }
}

static int requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    (void)user;
    (void)stream_user;
    return request->name[0] == 'n' ? sluice_fail(error, SLUICE_EACCESS, "no") : SLUICE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static input in;
    if (count == 0)
        return 0;
    in.at = bytes + 1;
    in.end = bytes + count;
    in.own_count = 0;
    opened = 0;
    dock_init(&in.dock, bytes[0] & 1, MEMORY);
    in.dock.requested = requested;
    while (in.at < in.end) {
        step(&in);
        check(&in);
    }
    /* Whatever has come: the session ends when it is told to, and then every call does. */
    in.dock.cargo.ops->closed(in.dock.cargo.state, SLUICE_ETIMEOUT, "silence", in.dock.now);
    dock_pump(&in.dock);
    insist(in.dock.finished);
    for (size_t i = 0; i < in.own_count; i++) {
        uint8_t byte;
        insist(sluice_stream_read(in.own[i], &byte, 1) != SLUICE_EAGAIN);
        insist(sluice_stream_write(in.own[i], &byte, 1) != SLUICE_EAGAIN);
        sluice_stream_abort(in.own[i], SLUICE_ECANCELLED, "the end");
    }
    dock_fini(&in.dock);
    return 0;
}
