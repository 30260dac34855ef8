/* SPDX-License-Identifier: Apache-2.0 */
#include "udp_pair.h"

#include "../../plugins/transport/engine/wire.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SEAL 16
#define SPIN_MOST 4096

extern const sluice_plugin transport_tcp_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

uint64_t pair_random(pair *p)
{
    uint64_t z = p->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static bool chance(pair *p, double probability)
{
    return probability > 0 && (double)(pair_random(p) >> 11) / 9007199254740992.0 < probability;
}

uint8_t pair_byte(uint64_t id, uint64_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 8) * 7 + id * 101 + 3);
}

/* ---- host ---- */

static void host_log(const sluice_host *host, sluice_log_level level, const char *format, ...)
{
    (void)host, (void)level, (void)format;
}

static int host_fail(const sluice_host *host, int status, const char *format, ...)
{
    (void)host, (void)format;
    return status;
}

/* Each block carries its size in front, so that the sum of memory is known. */
static void *host_resize(const sluice_host *host, void *memory, size_t bytes)
{
    pair *p = host->owner;
    size_t *head = memory ? (size_t *)memory - 2 : NULL;
    size_t old = head ? head[0] : 0;
    if (bytes == 0) {
        p->memory -= old;
        free(head);
        return NULL;
    }
    p->calls++;
    if (p->fail_after >= 0 && p->fail_after-- == 0)
        return NULL;
    size_t *grown = realloc(head, bytes + 2 * sizeof(size_t));
    if (!grown)
        return NULL;
    if (bytes > old)
        memset((char *)(grown + 2) + old, 0xa5, bytes - old);
    grown[0] = bytes;
    p->memory += bytes - old;
    return grown + 2;
}

static void host_random(const sluice_host *host, void *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)out)[i] = (uint8_t)pair_random(host->owner);
}

/* ---- the user of an engine ---- */

/* What the test itself remembers is not meant to run out of memory. */
static uint64_t note(pair *p, engine_ranges *set, uint64_t from, uint64_t to)
{
    int64_t fail_after = p->fail_after;
    uint64_t calls = p->calls, fresh = 0;
    p->fail_after = -1;
    engine_ranges_add(set, &p->host, from, to, &fresh);
    p->fail_after = fail_after;
    p->calls = calls;
    return fresh;
}

static pair_object *object_of(pair_end *end, uint64_t id)
{
    if (id >= PAIR_OBJECTS && !end->pair->recycle) {
        end->pair->faults++;
        id = PAIR_OBJECTS - 1;
    }
    return &end->objects[id % PAIR_OBJECTS];
}

static size_t user_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    pair_end *end = user;
    size_t sum = 0;
    end->pair->faults += offset < object_of(end, id)->floor;
    if (end->withheld > 0) {
        end->withheld--;
        return 0;
    }
    for (int i = 0; i < count; i++) {
        for (size_t j = 0; j < buffers[i].iov_len; j++)
            ((uint8_t *)buffers[i].iov_base)[j] = pair_byte(id, offset++);
        sum += buffers[i].iov_len;
    }
    return sum;
}

static void user_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    pair_end *end = user;
    uint64_t fresh = note(end->pair, &object_of(end, id)->acked, from, to);
    end->pair->faults += fresh != to - from || from < object_of(end, id)->floor;
}

static void user_completed(void *user, sluice_object_id id)
{
    pair_end *end = user;
    end->pair->faults += object_of(end, id)->completed;
    object_of(end, id)->completed = true;
    end->completed++;
}

static int user_opened(void *user, sluice_object_id id, unsigned flags)
{
    pair_end *end = user;
    pair_object *object = object_of(end, id);
    if (end->pair->recycle && object->ended) {
        engine_ranges_fini(&object->got, &end->pair->host);
        object->next = 0;
        object->opened = object->ended = false;
    }
    end->pair->faults += object->opened;
    object->opened = true;
    object->ordered = flags & SLUICE_OBJECT_ORDERED;
    if (end->widening)
        end->pair->ops->widen(end->state, id, end->widening);
    return end->refuse_open;
}

static void consume(pair_end *end, uint64_t id, uint64_t bytes)
{
    if (!end->auto_consume)
        end->unconsumed += bytes;
    else if (id == 0 || object_of(end, id)->ordered)
        end->pair->ops->consumed_ordered(end->state, id, bytes);
    else
        end->pair->ops->consumed(end->state, bytes);
}

static void user_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    pair_end *end = user;
    pair *p = end->pair;
    pair_object *object = object_of(end, id);
    uint64_t fresh = note(p, &object->got, offset, offset + bytes);
    p->faults += fresh != bytes || (id != 0 && !object->opened) || (object->ended && offset + bytes > object->size);
    if (id == 0 || object->ordered) {
        p->faults += offset != object->next;
        object->next = offset + bytes;
    }
    for (size_t i = 0; i < bytes; i++)
        p->faults += data[i] != pair_byte(id, offset + i);
    consume(end, id, bytes);
}

static void user_ended(void *user, sluice_object_id id, uint64_t size)
{
    pair_end *end = user;
    pair_object *object = object_of(end, id);
    end->pair->faults += object->ended || (object->ordered && object->next != size);
    object->ended = true;
    object->size = size;
    end->ended++;
}

static void user_aborted(void *user, sluice_object_id id, uint64_t code)
{
    pair_end *end = user;
    end->pair->faults += object_of(end, id)->aborted;
    object_of(end, id)->aborted = true;
    object_of(end, id)->abort_code = code;
}

static void user_stopped(void *user, sluice_object_id id, uint64_t code)
{
    pair_end *end = user;
    end->pair->faults += object_of(end, id)->stopped;
    object_of(end, id)->stopped = true;
    object_of(end, id)->stop_code = code;
}

static void user_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    pair_end *end = user;
    pair_object *object = object_of(end, id);
    uint64_t fresh = note(end->pair, &object->got, from, to);
    end->pair->faults += fresh != to - from;
    object->skipped += to - from;
    if (object->ordered) {
        end->pair->faults += from != object->next;
        object->next = to;
    }
}

static void user_sample(void *user, const sluice_sample *sample, sluice_control *control)
{
    pair_end *end = user;
    end->samples++;
    end->lost_sampled += sample->lost_packets;
    end->acked_sampled += sample->acked_packets;
    end->persistent += sample->persistent;
    end->last_sample = *sample;
    if (end->answer)
        *control = *end->answer;
}

static void user_sent(void *user, sluice_time now, uint64_t bytes, uint64_t in_flight, sluice_control *control)
{
    (void)user, (void)now, (void)bytes, (void)in_flight, (void)control;
}

static void user_restart(void *user, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    (void)control;
    ((pair_end *)user)->pair->faults += idle_since > now;
}

static void user_event(void *user, const sluice_transport_event *event)
{
    pair_end *end = user;
    end->events[event->type]++;
    if (event->type == SLUICE_TRANSPORT_PATH) {
        uint32_t former = end->pair->session;
        end->pair->faults += event->value != 1 || end->index != 1;
        end->pair->session = end->pair->other;
        end->pair->other = former;
    }
    if (event->type == SLUICE_TRANSPORT_CLOSED) {
        end->closed = *event;
        end->closed.reason = NULL;
    }
}

static const sluice_transport_calls calls = {.size = sizeof(calls),
                                             .fetch = user_fetch,
                                             .acked = user_acked,
                                             .completed = user_completed,
                                             .opened = user_opened,
                                             .deliver = user_deliver,
                                             .ended = user_ended,
                                             .aborted = user_aborted,
                                             .stopped = user_stopped,
                                             .skipped = user_skipped,
                                             .sample = user_sample,
                                             .sent = user_sent,
                                             .restart = user_restart,
                                             .event = user_event};

/* ---- seal ---- */

static void seal_of(const sluice_packet *packet, uint32_t size, uint8_t out[SEAL])
{
    uint64_t sum = UINT64_C(1469598103934665603);
    for (uint32_t i = 0; i < size; i++)
        sum = (sum ^ packet->data[i]) * UINT64_C(1099511628211);
    sum += packet->number * 77 + packet->phase;
    uint64_t head = (packet->number & 0xffffffffffff) << 16 | (packet->phase & 0xffff);
    memcpy(out, &head, 8);
    memcpy(out + 8, &sum, 8);
}

static void seal(sluice_packet *packet)
{
    seal_of(packet, packet->size, packet->data + packet->size);
    packet->size += SEAL;
}

static void unseal(sluice_packet *packet)
{
    uint8_t expected[SEAL];
    if (packet->status != SLUICE_OK)
        return;
    packet->size -= SEAL;
    seal_of(packet, packet->size, expected);
    if (memcmp(expected, packet->data + packet->size, SEAL) != 0)
        packet->status = SLUICE_EAUTH;
}

/* ---- the path: a heap of packets by arrival ---- */

static bool before(const pair_flying *a, const pair_flying *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

/* The server has two paths: 0 is the session's, 1 the other address that it heard of last. */
static uint32_t address_of(const pair_end *end, const sluice_packet *packet)
{
    const pair *p = end->pair;
    return end->index == 0 ? p->address : packet->path ? p->other : p->session;
}

void pair_change_address(pair *p)
{
    p->address++;
}

static void push(pair_end *end, sluice_time at, const sluice_packet *packet)
{
    if (end->count == end->room) {
        end->room = end->room ? end->room * 2 : 64;
        end->flying = realloc(end->flying, end->room * sizeof(*end->flying));
    }
    pair_flying item = {at, end->pair->order++, end->bytes, address_of(end, packet), *packet};
    item.packet.data = malloc(packet->size + 1);
    memcpy(item.packet.data, packet->data, packet->size);
    size_t i = end->count++;
    for (; i > 0 && before(&item, &end->flying[(i - 1) / 2]); i = (i - 1) / 2)
        end->flying[i] = end->flying[(i - 1) / 2];
    end->flying[i] = item;
}

static pair_flying pop(pair_end *end)
{
    pair_flying top = end->flying[0], item = end->flying[--end->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= end->count)
            break;
        if (child + 1 < end->count && before(&end->flying[child + 1], &end->flying[child]))
            child++;
        if (!before(&end->flying[child], &item))
            break;
        end->flying[i] = end->flying[child];
        i = child;
    }
    end->flying[i] = item;
    return top;
}

static void transmit_bytes(pair_end *end, const sluice_packet *packet)
{
    pair *p = end->pair;
    pair_path *path = &end->path;
    sluice_time at = end->link_free > p->now ? end->link_free : p->now;
    end->largest = packet->size > end->largest ? packet->size : end->largest;
    if (path->out) {
        end->drops++;
        return;
    }
    if (path->rate)
        at += packet->size * 8 * SLUICE_SECOND / path->rate;
    end->link_free = at;
    push(end, at + path->delay, packet);
}

static void dropped_at_the_peer(pair_end *end)
{
    end->pair->ops->dropped(end->pair->end[1 - end->index].state, ++end->overflown);
}

/* It has come at `at`, and lies in the socket until it is read; then it has that time. */
static void push_unread(pair_end *end, sluice_time at, sluice_packet *packet)
{
    const pair_path *path = &end->path;
    sluice_time read = end->reader_free > at ? end->reader_free : at;
    if ((read - at) * (path->read_rate / 8) / SLUICE_SECOND > path->socket) {
        dropped_at_the_peer(end);
        return;
    }
    end->reader_free = read + packet->size * 8 * SLUICE_SECOND / path->read_rate;
    packet->received = at;
    push(end, end->reader_free, packet);
}

static void transmit(pair_end *end, sluice_packet *packet)
{
    pair *p = end->pair;
    pair_path *path = &end->path;
    bool data = packet->flags & SLUICE_PACKET_DATA;
    end->packets++;
    end->probes += (packet->flags & SLUICE_PACKET_ALONE) != 0;
    p->faults += end->last_number != UINT64_MAX && packet->number <= end->last_number;
    end->last_number = packet->number;
    if (end->bytes) {
        p->faults += packet->size > PAIR_BYTES_PACKET || (packet->flags & SLUICE_PACKET_ALONE) || packet->path != 0;
        transmit_bytes(end, packet);
        return;
    }
    seal(packet);
    end->largest = packet->size > end->largest ? packet->size : end->largest;
    if (path->out || (path->mtu && packet->size > path->mtu) || chance(p, path->loss) ||
        (path->reports_lost && !data)) {
        end->drops++;
        return;
    }
    if (chance(p, path->overflow)) {
        dropped_at_the_peer(end);
        return;
    }
    sluice_time at = p->now;
    if (path->rate) {
        at = end->link_free > at ? end->link_free : at;
        at += (packet->size + 28) * 8 * SLUICE_SECOND / path->rate;
        end->link_free = at;
    }
    at += path->delay;
    if (chance(p, path->corrupt))
        packet->data[pair_random(p) % packet->size] ^= (uint8_t)(1u << pair_random(p) % 8);
    if (path->read_rate) {
        push_unread(end, at, packet);
        return;
    }
    push(end, chance(p, path->reorder) ? at + pair_random(p) % (path->reorder_by + 1) : at, packet);
    if (chance(p, path->duplicate))
        push(end, at + pair_random(p) % SLUICE_MS, packet);
}

static size_t produce(pair_end *end)
{
    static uint8_t memory[64][SLUICE_PACKET_MAX];
    sluice_packet packets[64];
    pair *p = end->pair;
    size_t want = 1 + pair_random(p) % 64;
    for (size_t i = 0; i < want; i++)
        packets[i] = (sluice_packet){.data = memory[i], .capacity = end->bytes ? PAIR_BYTES_PACKET : SLUICE_PACKET_MAX};
    size_t made = p->ops->produce(end->state, p->now, packets, want);
    end->batch_most = made > end->batch_most ? made : end->batch_most;
    for (size_t i = 0; i + 1 < made && !end->bytes; i++)
        p->faults += packets[i].size != packets[0].size;
    for (size_t i = 0; i < made; i++)
        transmit(end, &packets[i]);
    return made;
}

static void arrive(pair_end *end, sluice_packet *packet, bool plain)
{
    pair *p = end->pair;
    packet->status = SLUICE_OK;
    packet->capacity = packet->size;
    if (packet->received == 0)
        packet->received = p->now;
    p->ops->inspect(end->state, packet, 1);
    if (!plain)
        unseal(packet);
    p->faults += plain && packet->status != SLUICE_OK;
    p->ops->receive(end->state, p->now, packet, 1);
}

void pair_inject(pair *p, int end, uint64_t number, const void *body, size_t bytes)
{
    uint8_t memory[SLUICE_PACKET_MAX + SEAL];
    sluice_packet packet = {.data = memory, .number = number, .capacity = sizeof(memory)};
    engine_header_put(memory, false, (uint64_t)(end + 1), number);
    memcpy(memory + ENGINE_HEADER_BYTES, body, bytes);
    packet.size = (uint32_t)(ENGINE_HEADER_BYTES + bytes);
    if (!p->end[end].bytes)
        seal(&packet);
    arrive(&p->end[end], &packet, p->end[end].bytes);
}

/* ---- the pair ---- */

void pair_setup(sluice_transport_setup setup[2])
{
    for (int i = 0; i < 2; i++) {
        setup[i] = (sluice_transport_setup){.size = sizeof(setup[i]),
                                            .role = i == 0 ? SLUICE_CLIENT : SLUICE_SERVER,
                                            .now = SLUICE_SECOND,
                                            .local_id = (uint64_t)(i + 1),
                                            .remote_id = (uint64_t)(2 - i),
                                            .seal_bytes = SEAL,
                                            .ip_bytes = 28,
                                            .datagram_least = 1200,
                                            .datagram_most = 1472,
                                            .address_validated = true,
                                            .packets_per_phase = 1000,
                                            .receive_bytes = 4 << 20,
                                            .ordered_bytes = 1 << 20,
                                            .peer_receive_bytes = 4 << 20,
                                            .peer_ordered_bytes = 1 << 20,
                                            .in_flight_most = 64 << 20,
                                            .timeout_ns = 60 * SLUICE_SECOND,
                                            .keepalive_ns = 15 * SLUICE_SECOND,
                                            .control = {.pacing_bps = 100000000}};
    }
}

static pair *make(const sluice_transport_setup setup[2], int64_t fail_after, const sluice_plugin *plugin)
{
    pair *p = calloc(1, sizeof(*p));
    p->now = setup[0].now;
    p->seed = 1;
    p->fail_after = fail_after;
    p->host = (sluice_host){.size = sizeof(p->host),
                            .owner = p,
                            .log = host_log,
                            .fail = host_fail,
                            .resize = host_resize,
                            .random = host_random};
    p->ops = plugin->ops;
    for (int i = 0; i < 2; i++) {
        pair_end *end = &p->end[i];
        sluice_transport_setup own = setup[i];
        *end = (pair_end){.pair = p, .index = i, .auto_consume = true, .last_number = UINT64_MAX};
        end->path.delay = 20 * SLUICE_MS;
        end->bytes = p->ops->carriage == SLUICE_CARRIAGE_BYTES;
        end->state = calloc(1, plugin->state_size);
        own.calls = &calls;
        own.user = end;
        if (p->ops->init(end->state, NULL, &p->host, &own) != SLUICE_OK) {
            free(end->state);
            end->state = NULL;
            pair_free(p);
            return NULL;
        }
    }
    return p;
}

void pair_setup_bytes(sluice_transport_setup setup[2])
{
    pair_setup(setup);
    for (int i = 0; i < 2; i++) {
        setup[i].seal_bytes = 0;
        setup[i].datagram_most = PAIR_BYTES_PACKET;
        setup[i].control.pacing_bps = 0;
    }
}

pair *pair_new(const sluice_transport_setup setup[2])
{
    return pair_new_failing(setup, -1);
}

pair *pair_new_failing(const sluice_transport_setup setup[2], int64_t fail_after)
{
    return make(setup, fail_after, &transport_udp_LTX_sluice_plugin);
}

pair *pair_new_bytes(const sluice_transport_setup setup[2])
{
    return make(setup, -1, &transport_tcp_LTX_sluice_plugin);
}

int pair_move(pair *p, int end)
{
    p->end[end].path = (pair_path){.delay = p->end[end].path.delay};
    p->end[end].link_free = 0;
    p->end[end].bytes = true;
    return p->ops->move(p->end[end].state, p->now, PAIR_BYTES_PACKET);
}

void pair_free(pair *p)
{
    for (int i = 0; i < 2; i++) {
        pair_end *end = &p->end[i];
        if (!end->state)
            continue;
        p->ops->fini(end->state);
        free(end->state);
        while (end->count > 0)
            free(pop(end).packet.data);
        free(end->flying);
        for (int j = 0; j < PAIR_OBJECTS; j++) {
            engine_ranges_fini(&end->objects[j].got, &p->host);
            engine_ranges_fini(&end->objects[j].acked, &p->host);
        }
    }
    if (p->memory != 0)
        abort(); /* An engine leaked. */
    free(p);
}

void pair_send(pair *p, int end, uint64_t id, unsigned flags, uint64_t size)
{
    void *state = p->end[end].state;
    pair_object *object = object_of(&p->end[end], id);
    if (p->recycle && object->completed) {
        engine_ranges_fini(&object->acked, &p->host);
        object->completed = false;
    }
    p->faults += p->ops->open(state, id, flags, 1 + (unsigned)(id % 3)) != SLUICE_OK;
    if (size > 0)
        p->faults += p->ops->offer(state, id, 0, size) != SLUICE_OK;
    p->faults += p->ops->finish(state, id, size) != SLUICE_OK;
}

static sluice_time next_time(const pair *p)
{
    sluice_time at = SLUICE_NEVER;
    for (int i = 0; i < 2; i++) {
        sluice_time wake = p->ops->next_wake(p->end[i].state);
        at = wake < at ? wake : at;
        if (p->end[i].count > 0 && p->end[i].flying[0].at < at)
            at = p->end[i].flying[0].at;
    }
    return at > p->now ? at : p->now;
}

static uint32_t path_of(pair *p, const pair_end *to, const pair_flying *item)
{
    if (to->index == 0 || item->plain || item->address == p->session)
        return 0;
    p->other = item->address;
    return 1;
}

static void step(pair *p)
{
    for (int i = 0; i < 2; i++) {
        pair_end *from = &p->end[i], *to = &p->end[1 - i];
        while (from->count > 0 && from->flying[0].at <= p->now) {
            pair_flying item = pop(from);
            if (to->index == 1 || item.address == p->address || item.plain) {
                item.packet.path = path_of(p, to, &item);
                arrive(to, &item.packet, item.plain);
            }
            free(item.packet.data);
        }
    }
    for (int i = 0; i < 2; i++) {
        unsigned spins = 0;
        while (produce(&p->end[i]) > 0 && ++spins < SPIN_MOST)
            continue;
        p->faults += spins >= SPIN_MOST;
        /* After nothing was produced, the next wake-up must lie in the future. */
        p->faults += p->ops->next_wake(p->end[i].state) <= p->now;
    }
}

bool pair_run(pair *p, sluice_time until, bool (*done)(const pair *p))
{
    for (unsigned stuck = 0;;) {
        step(p);
        if (done && done(p))
            return true;
        sluice_time next = next_time(p);
        if (next > until || next == SLUICE_NEVER) {
            p->now = until;
            return done ? done(p) : false;
        }
        stuck = next == p->now ? stuck + 1 : 0;
        if (stuck > SPIN_MOST) {
            p->faults++;
            return false;
        }
        p->now = next;
    }
}

void pair_statistics(const pair *p, int end, sluice_transport_statistics *out)
{
    out->size = sizeof(*out);
    p->ops->statistics(p->end[end].state, p->now, out);
}

bool pair_complete(const pair *p, int end, uint64_t id, uint64_t size)
{
    const pair_object *sent = &p->end[end].objects[id], *got = &p->end[1 - end].objects[id];
    return sent->completed && got->ended && got->size == size && got->got.covered == size;
}
