/* SPDX-License-Identifier: Apache-2.0 */
#include "net/channel_state.h"

#include "net/secure.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FINISH_NS (2 * SLUICE_SECOND)
#define QUEUE_BYTES_MOST ((size_t)1 << 20)
#define QUEUE_ROOM_FIRST 4096
#define LENGTH_BYTES 4
#define ROUNDS 4 /* of writing, before others get their turn */

/* ---- the end ---- */

void sluice_channel_end(sluice_channel *channel, const sluice_error *error)
{
    sluice_error copy = *error; /* it may lie inside the channel */
    bool claimed = channel->calls != NULL;
    channel->ops->hang_up(channel);
    channel->stage = SLUICE_CHANNEL_CLOSED;
    sluice_timer_set(channel->deadline, SLUICE_NEVER);
    sluice_timer_set(channel->soon, SLUICE_NEVER);
    if (channel->ops->hold && channel->ops->hold(channel, &copy))
        return;
    if (channel->ops->ended)
        channel->ops->ended(channel);
    if (claimed)
        channel->calls->closed(channel->user, &copy);
}

void sluice_channel_end_with(sluice_channel *channel, int status, const char *format, ...)
{
    sluice_error error = {0};
    va_list args;
    va_start(args, format);
    sluice_vfail(&error, status, format, args);
    va_end(args);
    sluice_channel_end(channel, &error);
}

void sluice_channel_free(sluice_channel *channel)
{
    if (!channel)
        return;
    if (channel->gone)
        *channel->gone = true;
    if (channel->ops->leaving)
        channel->ops->leaving(channel);
    if (channel->stage != SLUICE_CHANNEL_CLOSED)
        channel->ops->hang_up(channel);
    sluice_timer_free(channel->deadline);
    sluice_timer_free(channel->soon);
    if (channel->queue)
        sluice_secure_cleanse(channel->queue, channel->queue_room);
    free(channel->queue);
    /* What the owner holds at this moment is freed when he lets go of it. */
    if (channel->in && !channel->in_message) {
        sluice_secure_cleanse(channel->in, channel->in_room);
        free(channel->in);
    }
    channel->ops->fini(channel);
}

/* ---- messages in ---- */

static size_t length_read(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

/* Bytes of the frame that is on its way in, as far as that is known. */
static size_t frame_bytes(const sluice_channel *channel)
{
    size_t got = channel->in_to - channel->in_from;
    return LENGTH_BYTES + (got < LENGTH_BYTES ? 0 : length_read(channel->in + channel->in_from));
}

uint8_t *sluice_channel_room(sluice_channel *channel, size_t *room)
{
    size_t got = channel->in_to - channel->in_from, wanted = frame_bytes(channel) + channel->in_piece;
    if (channel->in_from && channel->in_room - channel->in_to < channel->in_piece) {
        memmove(channel->in, channel->in + channel->in_from, got);
        channel->in_from = 0;
        channel->in_to = got;
    }
    if (channel->in_room < wanted) {
        /* Rounded up, so that a peer who begins with small messages makes us grow once. */
        size_t bytes = (wanted + channel->in_piece - 1) / channel->in_piece * channel->in_piece;
        uint8_t *in = realloc(channel->in, bytes);
        if (!in) {
            sluice_channel_end_with(channel, SLUICE_ENOMEM, "%s: out of memory for a message", channel->label);
            return NULL;
        }
        channel->in = in;
        channel->in_room = bytes;
    }
    *room = channel->in_room - channel->in_to;
    return channel->in + channel->in_to;
}

/* False: the channel is gone. */
static bool message_give(sluice_channel *channel, uint8_t *bytes, size_t count)
{
    bool gone = false;
    uint8_t *in = channel->in;
    size_t room = channel->in_room;
    if (!channel->calls)
        return true;
    channel->gone = &gone;
    channel->in_message = channel->heard = true;
    channel->calls->message(channel->user, bytes, count);
    if (gone) {
        sluice_secure_cleanse(in, room);
        free(in);
        return false;
    }
    channel->gone = NULL;
    channel->in_message = false;
    return true;
}

bool sluice_channel_took(sluice_channel *channel, size_t count)
{
    channel->in_to += count;
    assert(channel->in_to <= channel->in_room);
    for (size_t got; (got = channel->in_to - channel->in_from) >= LENGTH_BYTES;) {
        uint8_t *frame = channel->in + channel->in_from;
        size_t bytes = length_read(frame);
        if (bytes == 0 || bytes > SLUICE_MESSAGE_MAX) {
            sluice_channel_end_with(channel, SLUICE_EPROTOCOL,
                                    "%s: a message of %zu bytes was announced; 1 to %d are allowed", channel->label,
                                    bytes, SLUICE_MESSAGE_MAX);
            return false;
        }
        if (got < LENGTH_BYTES + bytes)
            return true;
        if (!message_give(channel, frame + LENGTH_BYTES, bytes))
            return false;
        channel->in_from += LENGTH_BYTES + bytes;
    }
    if (channel->in_from == channel->in_to)
        channel->in_from = channel->in_to = 0;
    return true;
}

/* ---- the queue ---- */

static uint8_t queue_at(const sluice_channel *channel, size_t offset)
{
    return channel->queue[(channel->queue_from + offset) & (channel->queue_room - 1)];
}

static size_t queue_frame(const sluice_channel *channel, size_t offset)
{
    uint8_t length[LENGTH_BYTES];
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        length[i] = queue_at(channel, offset + i);
    return LENGTH_BYTES + length_read(length);
}

static int queue_grow(sluice_channel *channel, size_t more)
{
    size_t room = channel->queue_room ? channel->queue_room : QUEUE_ROOM_FIRST;
    while (room - channel->queue_used < more)
        room *= 2;
    if (room == channel->queue_room)
        return SLUICE_OK;
    uint8_t *queue = malloc(room);
    if (!queue)
        return SLUICE_ENOMEM;
    size_t first = channel->queue_room - channel->queue_from;
    if (first > channel->queue_used)
        first = channel->queue_used;
    if (channel->queue) {
        memcpy(queue, channel->queue + channel->queue_from, first);
        memcpy(queue + first, channel->queue, channel->queue_used - first);
        sluice_secure_cleanse(channel->queue, channel->queue_room);
    }
    free(channel->queue);
    channel->queue = queue;
    channel->queue_room = room;
    channel->queue_from = 0;
    return SLUICE_OK;
}

/* There is room. */
static void queue_put(sluice_channel *channel, const uint8_t *bytes, size_t count)
{
    size_t to = (channel->queue_from + channel->queue_used) & (channel->queue_room - 1);
    size_t first = channel->queue_room - to < count ? channel->queue_room - to : count;
    memcpy(channel->queue + to, bytes, first);
    memcpy(channel->queue, bytes + first, count - first);
    channel->queue_used += count;
}

size_t sluice_channel_next(const sluice_channel *channel, size_t most, const uint8_t **bytes)
{
    size_t whole = channel->queue_room - channel->queue_from, count = channel->split;
    if (whole > channel->queue_used)
        whole = channel->queue_used;
    *bytes = channel->queue + channel->queue_from;
    if (whole <= most)
        return whole;
    while (count < whole) {
        size_t frame = queue_frame(channel, count);
        if (count + frame > most)
            break;
        count += frame;
    }
    if (count == 0 || count > most)
        count = most;
    return count < whole ? count : whole;
}

void sluice_channel_sent(sluice_channel *channel, size_t count)
{
    assert(count <= channel->queue_used);
    while (count) {
        if (!channel->split)
            channel->split = queue_frame(channel, 0);
        size_t part = count < channel->split ? count : channel->split;
        channel->queue_from = (channel->queue_from + part) & (channel->queue_room - 1);
        channel->queue_used -= part;
        channel->split -= part;
        count -= part;
    }
    /* From the start again: fewer pieces at the ring's end, and less memory that is touched. */
    if (channel->queue_used == 0)
        channel->queue_from = 0;
}

int sluice_channel_preface(sluice_channel *channel, const void *bytes, size_t count)
{
    assert(channel->queue_used == 0);
    int status = queue_grow(channel, count);
    if (status != SLUICE_OK)
        return status;
    queue_put(channel, bytes, count);
    channel->split = count;
    return SLUICE_OK;
}

/* ---- turns of the loop ---- */

/* False: the channel is gone. */
static bool tell(sluice_channel *channel, void (*call)(void *user))
{
    bool gone = false;
    channel->gone = &gone;
    call(channel->user);
    if (gone)
        return false;
    channel->gone = NULL;
    return true;
}

/* False: the channel has ended. */
static bool write_some(sluice_channel *channel)
{
    int failed = channel->ops->write(channel);
    if (!failed)
        return true;
    if (channel->why.status != SLUICE_OK)
        sluice_channel_end(channel, &channel->why);
    else
        sluice_channel_end_with(channel, SLUICE_EIO, "%s: the connection failed: %s", channel->label,
                                strerror(-failed));
    return false;
}

static void write_soon(sluice_channel *channel)
{
    sluice_timer_set(channel->soon, sluice_loop_now(channel->loop));
}

/* Writes and has the queue filled again for as long as nothing has to be waited for. */
static bool pump(sluice_channel *channel)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!write_some(channel))
            return false;
        if (!channel->starved || channel->queue_used > channel->queue_most / 2 ||
            channel->stage >= SLUICE_CHANNEL_FINISHING)
            return true;
        channel->starved = false;
        if (channel->calls && channel->calls->writable && !tell(channel, channel->calls->writable))
            return false;
        if (channel->queue_used == 0)
            return true;
    }
    write_soon(channel);
    return true;
}

void sluice_channel_turn_begin(sluice_channel *channel)
{
    channel->turning = true;
}

bool sluice_channel_turn_end(sluice_channel *channel)
{
    if (channel->heard) {
        channel->heard = false;
        if (channel->calls && channel->calls->settled && !tell(channel, channel->calls->settled))
            return false;
    }
    if (!pump(channel))
        return false;
    if (channel->stage == SLUICE_CHANNEL_FINISHING && channel->queue_used == 0)
        channel->ops->shut(channel);
    channel->turning = false;
    return true;
}

bool sluice_channel_ready(sluice_channel *channel)
{
    channel->stage = SLUICE_CHANNEL_READY;
    sluice_timer_set(channel->deadline, SLUICE_NEVER);
    /* First of all, what was queued: over TLS it travels with the end of the handshake. */
    if (!write_some(channel))
        return false;
    return !channel->calls || !channel->calls->ready || tell(channel, channel->calls->ready);
}

static void soon_came(void *user, sluice_time now)
{
    (void)now;
    sluice_channel *channel = user;
    sluice_channel_turn_begin(channel);
    (void)sluice_channel_turn_end(channel);
}

static void deadline_came(void *user, sluice_time now)
{
    (void)now;
    sluice_channel *channel = user;
    channel->ops->late(channel);
}

void sluice_channel_deadline(sluice_channel *channel, sluice_duration timeout_ns)
{
    channel->timeout_ns = timeout_ns;
    sluice_timer_set(channel->deadline, sluice_loop_now(channel->loop) + timeout_ns);
}

int sluice_channel_init(sluice_channel *channel, const sluice_channel_ops *ops, sluice_loop *loop, size_t in_piece)
{
    if (sluice_timer_new(&channel->deadline, loop, deadline_came, channel) != SLUICE_OK)
        return SLUICE_ENOMEM;
    if (sluice_timer_new(&channel->soon, loop, soon_came, channel) != SLUICE_OK) {
        sluice_timer_free(channel->deadline);
        channel->deadline = NULL;
        return SLUICE_ENOMEM;
    }
    channel->ops = ops;
    channel->loop = loop;
    channel->in_piece = in_piece;
    channel->queue_most = QUEUE_BYTES_MOST;
    return SLUICE_OK;
}

/* ---- for its owner ---- */

void sluice_channel_calls_set(sluice_channel *channel, const sluice_channel_calls *calls, void *user)
{
    channel->calls = calls;
    channel->user = user;
}

int sluice_channel_send(sluice_channel *channel, const void *bytes, size_t count)
{
    uint8_t length[LENGTH_BYTES];
    if (channel->stage >= SLUICE_CHANNEL_FINISHING)
        return SLUICE_ECLOSED;
    if (count == 0 || count > SLUICE_MESSAGE_MAX)
        return SLUICE_EINVAL;
    if (channel->queue_used && channel->queue_used + LENGTH_BYTES + count > channel->queue_most) {
        channel->starved = true;
        return SLUICE_EAGAIN;
    }
    if (channel->queue_room - channel->queue_used < LENGTH_BYTES + count) {
        int status = queue_grow(channel, LENGTH_BYTES + count);
        if (status != SLUICE_OK)
            return status;
    }
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        length[i] = (uint8_t)(count >> (24 - 8 * i));
    queue_put(channel, length, LENGTH_BYTES);
    queue_put(channel, bytes, count);
    if (!channel->turning)
        write_soon(channel);
    return SLUICE_OK;
}

void sluice_channel_queue_most(sluice_channel *channel, size_t bytes)
{
    channel->queue_most = bytes;
}

void sluice_channel_finish(sluice_channel *channel)
{
    if (channel->stage != SLUICE_CHANNEL_READY)
        return;
    channel->stage = SLUICE_CHANNEL_FINISHING;
    sluice_channel_deadline(channel, FINISH_NS);
    if (!channel->turning)
        write_soon(channel);
}

int sluice_channel_export(sluice_channel *channel, const char *label, uint8_t *out, size_t count)
{
    if (channel->stage < SLUICE_CHANNEL_READY || !channel->ops->keying)
        return SLUICE_EINVAL;
    return channel->ops->keying(channel, label, out, count);
}

const sluice_address *sluice_channel_peer(const sluice_channel *channel)
{
    return &channel->peer;
}

const sluice_address *sluice_channel_local(const sluice_channel *channel)
{
    return &channel->local;
}

sluice_duration sluice_channel_rtt(const sluice_channel *channel)
{
    return channel->ops->rtt ? channel->ops->rtt(channel) : 0;
}

const char *sluice_channel_cipher(const sluice_channel *channel)
{
    return channel->ops->cipher ? channel->ops->cipher(channel) : channel->ops->guard;
}

const char *sluice_channel_guard(const sluice_channel *channel)
{
    return channel->ops->guard;
}

bool sluice_channel_is_tls(const sluice_channel *channel)
{
    return channel->ops->keying != NULL;
}
