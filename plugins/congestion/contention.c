/* SPDX-License-Identifier: Apache-2.0 */
#include "contention.h"

#include <math.h>

/* Entering.  Newcomers of the own kind overshoot for a second or two, on a long path for some ten round trips. */
#define CROWD_TARGETS 2
#define CROWD_PACKETS 6
#define CROWD_TARGET_MOST 0.013 /* s, of 1 Mbit/s: a flow that others have left nothing wants any queue, and takes as long for a packet */
#define CROWD_TIME 3 /* s */
#define CROWD_RTTS 24
#define CROWD_TIME_MOST 8 /* s */
#define CROWD_GAP 1 /* s, or */
#define CROWD_GAP_RTTS 8 /* without a round: the queue was not watched */
#define CROWD_GIVES 0.5   /* of what the path holds of the flow: less would leave nothing to come back with */
#define CROWD_SHOWN_RTTS 4
#define BEST_TIME 60      /* s, in which a better rate is forgotten */
#define USUAL_TIME 10     /* s, over which the window is averaged */

/* Entering again, when it was left a moment ago. */
#define AGAIN_WITHIN (20 * SLUICE_SECOND)
#define AGAIN_TARGETS 1.5
#define AGAIN_TIME 1 /* s */
#define AGAIN_RTTS 8

/* Leaving. */
#define DIP_AFTER 1 /* s after an event: its decreases have shown by then, and it is one time for all round trips */
#define DIP_INTERVAL 3
#define DIP_INTERVAL_MOST 20 /* s, without events */
#define DIP_QUEUE 0.25       /* of the longest queue: in a shorter one little can be seen */
#define DIP_ALONE 0.85       /* of the fall that is expected */
#define QUIET_TIME 2         /* s, or */
#define QUIET_RTTS 20        /* without a queue beyond what is wanted */
#define SPAN_LEAST 30
#define SPAN_MOST 240 /* s */

/* Events. */
#define TOP_TIME 10  /* s, in which the longest queue is forgotten */
#define LONG 0.5     /* of the longest queue */
#define FELL 0.75    /* of the queue of the round before: a CUBIC with a third of it has lost */
#define FELL_RTTS 5  /* after an own decrease, which makes it fall as well */
#define EVENT_RTTS 2 /* of one event */
#define CALM_PACKETS 1000

/* Flows that do not give way. */
#define PRESSURE 3
#define PRESSURE_MOST 10
#define PRESSURE_EVENTS 4
#define FAIR_SHARE 0.5
#define IGNORES 4 /* times what is lacking: a flow with a quarter ignores what comes before it has grown back */
#define IGNORES_MOST 1.5
#define LOSS_ROUNDS 16
#define LOSS_MOST 0.04
#define LOSS_LACKING 0.2 /* more for what is lacking */
#define BOOST_POWER 1.5
#define BOOST_MOST 4 /* beside flows that give way, to meet them sooner */
#define BOOST_UNYIELDING 10

static const cubic_shape shape = {.c = 0.4, .beta = 0.7};

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

static double since(const contention_round *round, sluice_time then)
{
    return seconds(round->now - then);
}

/* ---- entering ---- */

static void remember(contention_memory *memory, const contention_round *round)
{
    double forgets = fmin(1, round->rtt / BEST_TIME);

    if (memory->target <= 0) {
        memory->target = round->best_target;
        memory->packet_time = round->best_packet_time;
        memory->window = round->holds;
        memory->span = SPAN_LEAST;
        return;
    }
    memory->target = fmin(round->best_target, memory->target + forgets * (round->best_target - memory->target));
    memory->packet_time =
        fmin(round->best_packet_time, memory->packet_time + forgets * (round->best_packet_time - memory->packet_time));
    memory->window += fmin(1, round->rtt / USUAL_TIME) * (round->holds - memory->window);
}

static bool left_of_late(const contention_memory *memory, sluice_time now)
{
    return memory->kept > 0 && now < memory->left_at + AGAIN_WITHIN;
}

static void begin(contention *c, contention_round *round)
{
    contention_memory memory = c->memory;

    round->window = c->crowd_window;
    if (left_of_late(&memory, round->now)) {
        round->window = fmax(round->window, memory.kept);
        memory.span = fmin(2 * memory.span, SPAN_MOST);
    } else {
        memory.span = SPAN_LEAST;
    }
    *c = (contention){.on = true,
                      .memory = memory,
                      .began = round->now,
                      .decreased_at = round->now,
                      .dipped_at = round->now,
                      .top = round->queue,
                      .last_queue = round->queue,
                      .share = FAIR_SHARE};
    cubic_curve_flat(&c->curve, round->window / round->segment);
}

static void end(contention *c, sluice_time now, double window)
{
    *c = (contention){.memory = c->memory};
    c->memory.kept = window;
    c->memory.left_at = now;
}

static bool crowd_begins(contention *c, const contention_round *round, bool again)
{
    double bound = (again ? AGAIN_TARGETS : CROWD_TARGETS) * fmin(c->memory.target, CROWD_TARGET_MOST);

    bound += fmin(CROWD_PACKETS * c->memory.packet_time, CROWD_TARGET_MOST);
    if (round->queue <= bound)
        return false;
    c->crowd_at = round->now;
    c->crowd_bound = bound;
    c->crowd_window = fmin(round->window, fmax(round->holds, c->memory.window));
    c->crowd_holds = round->holds;
    c->memory.calm = round->calm;
    return true;
}

bool contention_begins(contention *c, contention_round *round)
{
    bool again = left_of_late(&c->memory, round->now);
    double time = again ? fmax(AGAIN_TIME, AGAIN_RTTS * round->rtt) : fmax(CROWD_TIME, CROWD_RTTS * round->rtt);

    remember(&c->memory, round);
    /* Silence, or a source that had nothing, is no giving way. */
    if (c->crowd_at && since(round, c->crowd_seen) > fmax(CROWD_GAP, CROWD_GAP_RTTS * round->rtt))
        c->crowd_at = 0;
    c->crowd_seen = round->now;
    if (!c->crowd_at && !crowd_begins(c, round, again))
        return false;
    if (round->queue <= c->crowd_bound) {
        c->crowd_at = 0;
        return false;
    }
    /* If the path has become narrower, the first round trips show what it holds now. */
    if (since(round, c->crowd_at) < CROWD_SHOWN_RTTS * round->rtt)
        c->crowd_holds = fmin(c->crowd_holds, round->holds);
    if (since(round, c->crowd_at) < fmin(CROWD_TIME_MOST, time))
        return false;
    begin(c, round);
    return true;
}

double contention_best_target(const contention *c)
{
    return c->memory.target;
}

double contention_floor(const contention *c)
{
    return c->crowd_at ? CROWD_GIVES * c->crowd_holds : 0;
}

/* ---- events: a loss of the queue's ---- */

static void calm_note(contention *c, const contention_round *round)
{
    c->calm_acked += round->acked;
    c->calm_lost += round->lost;
    if (c->calm_acked < CALM_PACKETS)
        return;
    c->memory.calm = c->calm_lost / (c->calm_acked + c->calm_lost);
    c->calm_acked = c->calm_lost = 0;
}

/* More than chance makes of what is lost when the queue is short. */
static bool loses(const contention *c, const contention_round *round)
{
    double expected = c->memory.calm * (round->acked + round->lost);

    return round->lost > expected + 2 * sqrt(expected);
}

/* The queue has gone without this flow's doing: somebody else has lost. */
static bool queue_fell(const contention *c, const contention_round *round)
{
    return round->queue < FELL * c->last_queue && c->last_queue > LONG * c->top &&
           since(round, c->decreased_at) > FELL_RTTS * round->rtt;
}

/* How long the curve takes to bring back what a decrease takes (RFC 9438, 4.2 and 4.3). */
static double regain_time(const contention_round *round)
{
    double lost = (1 - shape.beta) * round->window / round->segment, alpha = 3 * (1 - shape.beta) / (1 + shape.beta);

    return fmin(cbrt(lost / shape.c), lost / alpha * round->rtt);
}

static bool event_comes(contention *c, const contention_round *round)
{
    double sooner;
    bool fell = queue_fell(c, round), queued;

    c->last_queue = round->queue;
    c->top = fmax(round->queue, c->top * (1 - fmin(1, round->rtt / TOP_TIME)));
    queued = round->queue > LONG * c->top;
    if (!queued)
        calm_note(c, round);
    if (!fell && round->marked <= 0 && !(queued && loses(c, round)))
        return false;
    if (c->event_at && since(round, c->event_at) < EVENT_RTTS * round->rtt)
        return false;
    sooner = regain_time(round) / fmax(1e-3, since(round, c->event_at ? c->event_at : c->decreased_at));
    c->pressure += (fmin(PRESSURE_MOST, sooner) - c->pressure) / PRESSURE_EVENTS;
    c->event_at = round->now;
    return true;
}

/* ---- the window ---- */

static double lacking(const contention *c)
{
    return c->pressure > PRESSURE ? fmax(0, FAIR_SHARE - c->share) : 0;
}

static bool answers(const contention *c, const contention_round *round)
{
    double part = fmin(IGNORES_MOST, IGNORES * lacking(c));

    return c->loss > LOSS_MOST + LOSS_LACKING * lacking(c) || since(round, c->decreased_at) >= part * regain_time(round);
}

static double grown(contention *c, const contention_round *round, double window)
{
    double acked = round->acked * round->packet / round->segment;
    double boost = pow(FAIR_SHARE / fmax(c->share, 0.01), BOOST_POWER), next;

    if (!round->used) {
        c->curve.began = 0;
        return window;
    }
    boost = fmax(1, fmin(boost, c->pressure > PRESSURE ? BOOST_UNYIELDING : BOOST_MOST));
    next = cubic_curve_grow(&c->curve, &shape, round->now, round->rtt, window, acked);
    return window + boost * (next - window);
}

/* No queue beyond what is wanted, for long. */
static bool quiet(contention *c, const contention_round *round)
{
    if (round->queue > round->target)
        c->quiet_at = 0;
    else if (!c->quiet_at)
        c->quiet_at = round->now;
    return c->quiet_at && since(round, c->quiet_at) > fmax(QUIET_TIME, QUIET_RTTS * round->rtt);
}

double contention_window(contention *c, const contention_round *round)
{
    double window = round->window / round->segment, packets = fmax(1, round->lost + round->acked);

    remember(&c->memory, round);
    if (quiet(c, round)) {
        end(c, round->now, round->window);
        return round->window;
    }
    if (since(round, c->began) > c->memory.span) {
        end(c, round->now, round->window);
        return fmin(round->window, round->holds);
    }
    c->loss += (fmax(0, round->lost / packets - c->memory.calm) - c->loss) / LOSS_ROUNDS;
    if (event_comes(c, round) && answers(c, round)) {
        c->decreased_at = round->now;
        window = cubic_curve_decrease(&c->curve, &shape, window, shape.beta);
    } else {
        window = grown(c, round, window);
    }
    return window * round->segment;
}

/* ---- whose is the queue? ---- */

bool contention_dips(contention *c, const contention_round *round, double *window)
{
    double waited = since(round, c->dipped_at), queue = fmin(round->recent_queue, 0.9 * round->rtt);
    bool due = c->event_at > c->dipped_at && since(round, c->event_at) >= DIP_AFTER;

    if ((!due || waited < DIP_INTERVAL) && waited < DIP_INTERVAL_MOST)
        return false;
    if (queue < round->target || round->queue < DIP_QUEUE * c->top)
        return false;
    *window = round->window * (1 - queue / round->rtt);
    c->dip = (contention_dip){.queue = round->queue, .expected = queue, .window = round->window};
    return true;
}

void contention_dipped(contention *c, sluice_time now, double queue)
{
    double fell = c->dip.queue - queue;

    c->dipped_at = now;
    c->share = fmax(0, fmin(1, fell / fmax(c->dip.expected, 1e-6)));
    c->curve.began = 0;
    c->last_queue = queue;
    if (fell > DIP_ALONE * c->dip.expected)
        end(c, now, c->dip.window);
}
