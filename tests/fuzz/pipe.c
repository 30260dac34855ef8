/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes out of the other end of a pipe: noise, the marker, frames.  However the bytes are cut into reads, the same
 * messages come out and the same end; and they are those that a plain reading of the format gives.
 *
 * The first byte says how the others are cut.
 */
#include "fuzz/replay.h"

#include "net/pipe.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct outcome {
    unsigned ready, messages, closed;
    size_t bytes;
    uint32_t sum; /* over the messages and where they end */
    int status;
} outcome;

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

static void message_note(outcome *o, const uint8_t *bytes, size_t count)
{
    o->messages++;
    o->bytes += count;
    for (size_t i = 0; i < count; i++)
        o->sum = o->sum * 31 + bytes[i];
    o->sum = o->sum * 31 + 256;
}

static void on_ready(void *user)
{
    outcome *o = user;
    o->ready++;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    outcome *o = user;
    insist(o->ready == 1 && !o->closed && count >= 1 && count <= SLUICE_MESSAGE_MAX);
    message_note(o, bytes, count);
    memset(bytes, 0xee, count); /* it is ours */
}

static void on_closed(void *user, const sluice_error *error)
{
    outcome *o = user;
    insist(!o->closed && error->text[0]);
    for (const char *c = error->text; *c; c++)
        insist((unsigned char)*c >= ' ' && *c != 0x7f);
    o->closed++;
    o->status = error->status;
}

static const sluice_channel_calls calls = {.ready = on_ready, .message = on_message, .closed = on_closed};

/* What the format means, read in one go. */
static outcome plain_read(const uint8_t *bytes, size_t count)
{
    outcome o = {.closed = 1, .status = SLUICE_ECONNECT};
    const uint8_t *marker = count ? memmem(bytes, count, sluice_pipe_marker, SLUICE_PIPE_MARKER_BYTES) : NULL;
    if (!marker || marker - bytes > SLUICE_PIPE_NOISE)
        return o;
    o.ready = 1;
    const uint8_t *from = marker + SLUICE_PIPE_MARKER_BYTES, *end = bytes + count;
    for (; end - from >= 4;) {
        size_t length = (size_t)from[0] << 24 | (size_t)from[1] << 16 | (size_t)from[2] << 8 | from[3];
        if (length == 0 || length > SLUICE_MESSAGE_MAX) {
            o.status = SLUICE_EPROTOCOL;
            return o;
        }
        if ((size_t)(end - from) < 4 + length)
            break;
        message_note(&o, from + 4, length);
        from += 4 + length;
    }
    o.status = from == end ? SLUICE_ECLOSED : SLUICE_EIO;
    return o;
}

static outcome channel_read(const uint8_t *bytes, size_t count, size_t stride)
{
    outcome o = {0};
    sluice_loop *loop;
    sluice_channel *channel;
    int in[2], out[2];
    insist(sluice_loop_new(&loop, NULL) == SLUICE_OK && pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    sluice_pipe_setup setup = {.in = in[0], .out = out[1], .label = "peer"};
    insist(sluice_pipe_new(&channel, loop, &setup, &calls, &o, NULL) == SLUICE_OK);
    for (size_t at = 0, part; at < count && !o.closed; at += part) {
        part = count - at < stride ? count - at : stride;
        insist(write(in[1], bytes + at, part) == (ssize_t)part);
        insist(sluice_loop_step(loop, 0, NULL) == SLUICE_OK && sluice_loop_step(loop, 0, NULL) == SLUICE_OK);
    }
    close(in[1]);
    for (unsigned i = 0; i < 1000 && !o.closed; i++)
        insist(sluice_loop_step(loop, SLUICE_SECOND, NULL) == SLUICE_OK);
    sluice_channel_free(channel);
    close(out[0]);
    sluice_loop_free(loop);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (!count)
        return 0;
    size_t stride = (size_t)bytes[0] * 16 + 1;
    outcome plain = plain_read(bytes + 1, count - 1), read = channel_read(bytes + 1, count - 1, stride);
    insist(read.ready == plain.ready && read.messages == plain.messages && read.bytes == plain.bytes);
    insist(read.sum == plain.sum && read.closed == 1 && read.status == plain.status);
    return 0;
}
