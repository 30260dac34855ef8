/* SPDX-License-Identifier: Apache-2.0 */
#include "session/side_lane.h"
#include "session/lane_pieces.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define PARCEL_BYTES ((size_t)128 << 10)
#define TICK_NS (100 * SLUICE_MS)
/* What lies ready is what goes out while news travel and the session's loop is at something else. */
#define WANTS_NS (50 * SLUICE_MS)
#define WANTS_LEAST ((uint64_t)128 << 10)
/* As of the session's own lane (session_way.c): silence after which a client's socket takes another port.  What is unanswered
 * meanwhile is no whim of the peer: reports come within milliseconds. */
#define SILENCE_NS (2500 * SLUICE_MS)
#define SILENCE_ROUNDS 4

/* Bytes that came, copied out of the packets; the lane fills it while the session reads what was told of it before. */
typedef struct parcel {
    atomic_uint holders; /* the lane, and every note that points into it */
    size_t used;
    uint8_t bytes[PARCEL_BYTES];
} parcel;

struct sluice_side_lane {
    sluice_strand *strand;
    sluice_lane_mail orders, news;
    void (*on_news)(void *user, sluice_side_lane *lane);
    void *user;

    /* The session's loop. */
    sluice_lane_notes ordered;

    /* The strand's thread. */
    sluice_lane *lane;
    sluice_lane_notes taken, told; /* orders being carried out; news not handed over yet */
    sluice_pieces pieces;
    parcel *parcel;
    sluice_timer *tick;
    sluice_post settle;
    bool settle_posted, held;
    int broken;            /* a status: news were lost, the lane is over */
    sluice_role role;
    uint64_t wants_most, fetched_told;
    sluice_time reconnected;
    sluice_busy busy;      /* the strand */

    /* Guarded by news.lock. */
    sluice_side_lane_view view;
};

/* ---- on the strand: news ---- */

static void settle_soon(sluice_side_lane *lane)
{
    if (lane->settle_posted)
        return;
    lane->settle_posted = true;
    sluice_loop_post(sluice_strand_loop(lane->strand), &lane->settle);
}

static int tell(sluice_side_lane *lane, const sluice_lane_note *note)
{
    int status = lane->broken ? lane->broken : sluice_lane_notes_add(&lane->told, note);
    lane->broken = status;
    settle_soon(lane);
    return status;
}

static uint64_t wants(const sluice_side_lane *lane, const sluice_transport_statistics *statistics)
{
    double bytes = (double)statistics->control.pacing_bps / 8 * WANTS_NS / SLUICE_SECOND;
    bool unlimited = statistics->control.pacing_bps == 0 || bytes > (double)lane->wants_most;
    return unlimited ? lane->wants_most : MAX((uint64_t)bytes, MIN(WANTS_LEAST, lane->wants_most));
}

static void look(sluice_side_lane *lane)
{
    sluice_transport_statistics statistics;
    sluice_lane_statistics(lane->lane, &statistics);
    pthread_mutex_lock(&lane->news.lock);
    lane->view.statistics = statistics;
    lane->view.fetched = lane->pieces.fetched;
    lane->view.wants = wants(lane, &statistics);
    lane->view.busy = lane->busy;
    pthread_mutex_unlock(&lane->news.lock);
}

/* When news are lost the session would wait for what it is never told. */
static void fail_for_good(sluice_side_lane *lane)
{
    const sluice_lane_note closed = {.type = SLUICE_NOTE_CLOSED, .to = (uint64_t)-lane->broken};
    if (lane->told.count > 0)
        lane->told.at[lane->told.count - 1] = closed; /* what that one owned is lost: the session ends */
    else
        (void)sluice_lane_notes_add(&lane->told, &closed);
}

/* Hands over what this round of the loop has brought.  News that only say that something was sent wait for more of it. */
static void on_settle(sluice_post *post)
{
    sluice_side_lane *lane = (sluice_side_lane *)(void *)((char *)post - offsetof(sluice_side_lane, settle));
    lane->settle_posted = false;
    look(lane);
    bool hungry = lane->pieces.fetched - lane->fetched_told >= lane->view.wants / 8 + 1;
    if (lane->pieces.short_of_memory)
        lane->broken = SLUICE_ENOMEM;
    if (lane->broken)
        fail_for_good(lane);
    if (lane->told.count == 0 && !hungry)
        return;
    lane->fetched_told = lane->pieces.fetched;
    int status = sluice_lane_mail_send(&lane->news, &lane->told, hungry);
    if (status != SLUICE_OK)
        lane->broken = status; /* and tries again at the next tick */
}

/* ---- on the strand: calls of the transport ---- */

static size_t on_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sluice_side_lane *lane = user;
    settle_soon(lane);
    if (!lane->held)
        return sluice_pieces_fetch(&lane->pieces, id, offset, buffers, count);
    sluice_pieces_refuse(&lane->pieces, id);
    return 0;
}

/* Neighbours become one note. */
static void on_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_side_lane *lane = user;
    sluice_lane_note *last = lane->told.count > 0 ? &lane->told.at[lane->told.count - 1] : NULL;
    if (last && last->type == SLUICE_NOTE_ACKED && last->id == id && last->to == from)
        last->to = to;
    else
        (void)tell(lane, &(sluice_lane_note){.type = SLUICE_NOTE_ACKED, .id = id, .from = from, .to = to});
    sluice_pieces_acked(&lane->pieces, id, from, to);
    settle_soon(lane);
}

static void on_completed(void *user, sluice_object_id id)
{
    sluice_side_lane *lane = user;
    sluice_pieces_drop(&lane->pieces, id);
    (void)tell(lane, &(sluice_lane_note){.type = SLUICE_NOTE_COMPLETED, .id = id});
}

static int on_opened(void *user, sluice_object_id id, unsigned flags)
{
    return tell(user, &(sluice_lane_note){.type = SLUICE_NOTE_OPENED, .id = id, .to = flags});
}

static void parcel_put(parcel *at)
{
    if (at && atomic_fetch_sub(&at->holders, 1) == 1)
        free(at);
}

static parcel *parcel_get(sluice_side_lane *lane)
{
    if (lane->parcel && lane->parcel->used < PARCEL_BYTES)
        return lane->parcel;
    parcel_put(lane->parcel);
    lane->parcel = malloc(sizeof *lane->parcel);
    if (!lane->parcel)
        return NULL;
    atomic_init(&lane->parcel->holders, 1);
    lane->parcel->used = 0;
    return lane->parcel;
}

/* What lies behind what the last note told, in the file and in the parcel, becomes part of it: so the session is handed runs,
 * not packets. */
static void deliver_tell(sluice_side_lane *lane, sluice_object_id id, uint64_t offset, parcel *in, size_t bytes)
{
    sluice_lane_note *last = lane->told.count > 0 ? &lane->told.at[lane->told.count - 1] : NULL;
    if (last && last->type == SLUICE_NOTE_DELIVER && last->id == id && last->to == offset && last->owner == in) {
        last->to = offset + bytes;
        return;
    }
    const sluice_lane_note note = {.type = SLUICE_NOTE_DELIVER,
                                   .id = id,
                                   .from = offset,
                                   .to = offset + bytes,
                                   .bytes = in->bytes + in->used,
                                   .owner = in};
    if (tell(lane, &note) == SLUICE_OK)
        atomic_fetch_add(&in->holders, 1);
}

static void on_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_side_lane *lane = user;
    settle_soon(lane);
    while (bytes > 0) {
        parcel *in = parcel_get(lane);
        if (!in) {
            lane->broken = SLUICE_ENOMEM;
            return;
        }
        size_t part = MIN(bytes, PARCEL_BYTES - in->used);
        memcpy(in->bytes + in->used, data, part);
        deliver_tell(lane, id, offset, in, part);
        in->used += part;
        offset += part;
        data += part;
        bytes -= part;
    }
}

static void on_ended(void *user, sluice_object_id id, uint64_t size)
{
    (void)user; /* the session's messages say what the whole is */
    (void)id;
    (void)size;
}

static void on_aborted(void *user, sluice_object_id id, uint64_t code)
{
    (void)tell(user, &(sluice_lane_note){.type = SLUICE_NOTE_ABORTED, .id = id, .to = code});
}

static void on_stopped(void *user, sluice_object_id id, uint64_t code)
{
    sluice_side_lane *lane = user;
    sluice_pieces_drop(&lane->pieces, id);
    (void)tell(lane, &(sluice_lane_note){.type = SLUICE_NOTE_STOPPED, .id = id, .to = code});
}

static void on_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    (void)tell(user, &(sluice_lane_note){.type = SLUICE_NOTE_SKIPPED, .id = id, .from = from, .to = to});
}

static void on_event(void *user, const sluice_transport_event *event)
{
    sluice_side_lane *lane = user;
    if (event->type == SLUICE_TRANSPORT_READY)
        (void)tell(lane, &(sluice_lane_note){.type = SLUICE_NOTE_READY});
    else if (event->type == SLUICE_TRANSPORT_CLOSED)
        (void)tell(lane, &(sluice_lane_note){.type = SLUICE_NOTE_CLOSED,
                                             .to = (uint64_t)-event->status,
                                             .owner = strdup(event->reason)});
}

static const sluice_transport_calls lane_calls = {
    .size = sizeof(sluice_transport_calls),
    .fetch = on_fetch,
    .acked = on_acked,
    .completed = on_completed,
    .opened = on_opened,
    .deliver = on_deliver,
    .ended = on_ended,
    .aborted = on_aborted,
    .stopped = on_stopped,
    .skipped = on_skipped,
    .event = on_event,
};

/* ---- on the strand: time ---- */

/* Something is unanswered for longer than a live way takes: the flow's way may be dead where those of others live, by a NAT
 * that has forgotten it or a router that spreads flows over several ways.  Another port makes it another flow. */
static void reconnect_if_silent(sluice_side_lane *lane, sluice_time now)
{
    sluice_transport_statistics statistics;
    sluice_lane_statistics(lane->lane, &statistics);
    sluice_duration most = MAX(SILENCE_NS, SILENCE_ROUNDS * statistics.srtt_ns);
    sluice_time since = MAX(statistics.last_received, lane->reconnected);
    if (lane->role != SLUICE_CLIENT || statistics.in_flight_bytes == 0 || now < since + most)
        return;
    lane->reconnected = now;
    (void)sluice_lane_reconnect(lane->lane, NULL);
}

static void on_tick(void *user, sluice_time now)
{
    sluice_side_lane *lane = user;
    sluice_clock_work work = sluice_clock_thread();
    sluice_busy_feed(&lane->busy, now, &work);
    reconnect_if_silent(lane, now);
    settle_soon(lane);
    sluice_timer_set(lane->tick, now + TICK_NS);
}

/* ---- on the strand: orders ---- */

static const sluice_transport_ops *ops_of(const sluice_side_lane *lane)
{
    return sluice_lane_ops(lane->lane);
}

static void *state_of(const sluice_side_lane *lane)
{
    return sluice_lane_state(lane->lane);
}

static void offer(sluice_side_lane *lane, const sluice_lane_note *order)
{
    bool fresh;
    int status = sluice_pieces_add(&lane->pieces, order, &fresh);
    if (status == SLUICE_OK && fresh)
        status = ops_of(lane)->open(state_of(lane), order->id, 0, order->priority);
    if (status == SLUICE_OK)
        status = ops_of(lane)->offer(state_of(lane), order->id, order->from, order->to);
    /* A transport that is over takes nothing, and has said so. */
    if (status != SLUICE_OK && status != SLUICE_ECLOSED)
        lane->broken = status;
}

static void ready(void *user, sluice_object_id id)
{
    const sluice_side_lane *lane = user;
    ops_of(lane)->ready(state_of(lane), id);
}

static void hold(sluice_side_lane *lane, bool held)
{
    lane->held = held;
    if (!held)
        sluice_pieces_refused_take(&lane->pieces, ready, lane);
}

static void congestion(sluice_side_lane *lane, char *name)
{
    (void)sluice_lane_congestion(lane->lane, name, NULL); /* the session's own lane has taken it, and tells of errors */
    free(name);
}

static void limits(sluice_side_lane *lane, sluice_limits *set)
{
    sluice_lane_limits(lane->lane, set);
    free(set);
}

static void carry_out(sluice_side_lane *lane, const sluice_lane_note *order)
{
    const sluice_transport_ops *ops = ops_of(lane);
    void *state = state_of(lane);
    switch (order->type) {
    case SLUICE_NOTE_OFFER:
        offer(lane, order);
        break;
    case SLUICE_NOTE_STOW:
        if (sluice_pieces_stow(&lane->pieces, order))
            ops->ready(state, order->id);
        break;
    case SLUICE_NOTE_FINISH:
        (void)ops->finish(state, order->id, order->to);
        break;
    case SLUICE_NOTE_PASSED:
        ops->passed(state, order->id);
        break;
    case SLUICE_NOTE_ABORT:
        sluice_pieces_drop(&lane->pieces, order->id);
        (void)ops->abort(state, order->id, order->to);
        break;
    case SLUICE_NOTE_STOP:
        if (ops->knows(state, order->id))
            (void)ops->stop(state, order->id, order->to);
        break;
    case SLUICE_NOTE_CONSUMED:
        ops->consumed(state, order->to);
        break;
    case SLUICE_NOTE_HOLD:
        hold(lane, order->to);
        break;
    case SLUICE_NOTE_LIMITS:
        limits(lane, order->owner);
        break;
    case SLUICE_NOTE_CONGESTION:
        congestion(lane, order->owner);
        break;
    default:
        assert(false); /* the session sends no others */
    }
}

static sluice_side_lane *of_orders(sluice_post *post)
{
    return (sluice_side_lane *)(void *)((char *)post - offsetof(sluice_side_lane, orders) -
                                        offsetof(sluice_lane_mail, post));
}

static void on_orders(sluice_post *post)
{
    sluice_side_lane *lane = of_orders(post);
    sluice_lane_mail_take(&lane->orders, &lane->taken);
    for (size_t i = 0; i < lane->taken.count; i++)
        carry_out(lane, &lane->taken.at[i]);
    lane->taken.count = 0;
    sluice_lane_wake(lane->lane);
    settle_soon(lane);
}

/* ---- life ---- */

static void on_home(sluice_post *post)
{
    sluice_side_lane *lane = (sluice_side_lane *)(void *)((char *)post - offsetof(sluice_side_lane, news) -
                                                          offsetof(sluice_lane_mail, post));
    lane->on_news(lane->user, lane);
}

typedef struct beginning {
    sluice_side_lane *lane;
    const sluice_side_lane_setup *setup;
    sluice_error *error;
    int status;
} beginning;

static void begin(void *user)
{
    beginning *at = user;
    sluice_side_lane *lane = at->lane;
    sluice_loop *loop = sluice_strand_loop(lane->strand);
    sluice_lane_setup setup = *at->setup->lane;
    setup.loop = loop;
    setup.datagram = sluice_strand_datagram(lane->strand);
    setup.channel = NULL;
    setup.calls = &lane_calls;
    setup.cut = NULL;
    setup.user = lane;
    at->status = sluice_timer_new(&lane->tick, loop, on_tick, lane);
    if (at->status != SLUICE_OK)
        sluice_fail(at->error, at->status, "out of memory for a lane");
    if (at->status == SLUICE_OK)
        at->status = sluice_lane_new(&setup, &lane->lane, at->error);
    if (at->status == SLUICE_OK && !sluice_side_lane_serves(ops_of(lane)))
        at->status = sluice_fail(at->error, SLUICE_EUNSUPPORTED, "transport %s has no lanes", setup.transport);
    if (at->status != SLUICE_OK)
        return;
    look(lane);
    sluice_timer_set(lane->tick, sluice_loop_now(loop) + TICK_NS);
    sluice_lane_wake(lane->lane);
}

/* What was ordered and not carried out gives back what it owns. */
static void order_drop(sluice_side_lane *lane, const sluice_lane_note *order)
{
    if (order->type == SLUICE_NOTE_OFFER || order->type == SLUICE_NOTE_STOW)
        (void)sluice_lane_notes_add(&lane->told,
                                    &(sluice_lane_note){.type = SLUICE_NOTE_RELEASED, .owner = order->owner});
    else if (order->type == SLUICE_NOTE_LIMITS || order->type == SLUICE_NOTE_CONGESTION)
        free(order->owner);
}

static void orders_drop(sluice_side_lane *lane, sluice_lane_notes *orders)
{
    for (size_t i = 0; i < orders->count; i++)
        order_drop(lane, &orders->at[i]);
    sluice_lane_notes_fini(orders);
}

static void end(void *user)
{
    sluice_side_lane *lane = user;
    sluice_loop *loop = sluice_strand_loop(lane->strand);
    sluice_timer_free(lane->tick);
    sluice_lane_free(lane->lane);
    lane->tick = NULL;
    lane->lane = NULL;
    sluice_loop_unpost(loop, &lane->settle);
    sluice_loop_unpost(loop, &lane->orders.post);
    sluice_pieces_fini(&lane->pieces);
    parcel_put(lane->parcel);
    lane->parcel = NULL;
}

static void end_at_home(sluice_side_lane *lane)
{
    sluice_lane_notes waiting = {0};
    sluice_lane_mail_take(&lane->orders, &waiting);
    orders_drop(lane, &waiting);
    orders_drop(lane, &lane->taken);
    orders_drop(lane, &lane->ordered);
    (void)sluice_lane_mail_send(&lane->news, &lane->told, false);
    sluice_loop_unpost(lane->news.loop, &lane->news.post);
}

int sluice_side_lane_new(sluice_side_lane **out, const sluice_side_lane_setup *setup, sluice_error *error)
{
    sluice_side_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a lane");
    lane->strand = setup->strand;
    lane->on_news = setup->news;
    lane->user = setup->user;
    lane->role = setup->lane->transport_setup.role;
    lane->wants_most = setup->wants_most;
    lane->settle.run = on_settle;
    sluice_pieces_init(&lane->pieces, setup->held_most, &lane->told);
    sluice_lane_mail_init(&lane->orders, sluice_strand_loop(setup->strand), on_orders);
    sluice_lane_mail_init(&lane->news, setup->home, on_home);
    beginning at = {.lane = lane, .setup = setup, .error = error};
    sluice_strand_call(setup->strand, begin, &at);
    if (at.status != SLUICE_OK) {
        sluice_side_lane_end(lane);
        sluice_side_lane_free(lane);
        return at.status;
    }
    *out = lane;
    return SLUICE_OK;
}

void sluice_side_lane_end(sluice_side_lane *lane)
{
    sluice_strand_call(lane->strand, end, lane);
    end_at_home(lane);
}

void sluice_side_lane_free(sluice_side_lane *lane)
{
    if (!lane)
        return;
    sluice_lane_mail_fini(&lane->orders);
    sluice_lane_mail_fini(&lane->news);
    sluice_lane_notes_fini(&lane->told);
    free(lane);
}

/* ---- for the session ---- */

int sluice_side_lane_order(sluice_side_lane *lane, const sluice_lane_note *order)
{
    return sluice_lane_notes_add(&lane->ordered, order);
}

int sluice_side_lane_dispatch(sluice_side_lane *lane)
{
    return lane->ordered.count > 0 ? sluice_lane_mail_send(&lane->orders, &lane->ordered, false) : SLUICE_OK;
}

void sluice_side_lane_news_take(sluice_side_lane *lane, sluice_lane_notes *news)
{
    sluice_lane_mail_take(&lane->news, news);
}

void sluice_side_lane_parcel_free(const sluice_lane_note *delivered)
{
    parcel_put(delivered->owner);
}

void sluice_side_lane_look(sluice_side_lane *lane, sluice_side_lane_view *out)
{
    pthread_mutex_lock(&lane->news.lock);
    *out = lane->view;
    pthread_mutex_unlock(&lane->news.lock);
}
