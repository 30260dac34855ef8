/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bbr - BBRv3 (draft-ietf-ccwg-bbr-06): a model of the path, its bandwidth and its round trip, probed in turn.
 *
 * The names of states, variables and constants are the draft's, so that both can be read side by side; numbers in
 * parentheses are its sections.  bw is the least of max_bw (the greatest delivery rate of two probing cycles) and what
 * the short-term model allows after loss; min_rtt is the least of ten seconds; bdp their product.
 *
 *     Startup  2.77 bw until three rounds bring less than a quarter more, or a round loses more than 2 % in six places
 *     Drain    0.5 bw until no more than bdp is in flight
 *     Down     0.9 bw until the queue and some headroom are free        Cruise   1.0 bw for 2 to 3 s or 63 rounds
 *     Refill   1.0 bw for a round, the short-term model forgotten       Up       1.25 bw until it brings nothing more
 *     ProbeRTT half of bdp for 200 ms, where no lower round trip was seen for 5 s
 *
 * What differs from the draft, since a sample tells of a whole report and not of packets:
 *   - What was lost since the newest acknowledged packet was sent (RS.lost) is looked up in a table of the last samples.
 *   - A report's losses are taken as one burst, of which the draft's InflightAtLoss finds the part that fits.
 *   - The window is that of "fast recovery" all the time; only silence takes it to its least (5.6.4.4).
 *   - Random waits (5.3.3.8) come from the facts of the samples: the same samples give the same answers.
 *
 * The draft says nothing of ECN.  Where packets come back marked, the answer is that of BBRv2 (Cardwell et al., IETF 104
 * to 106), which DCTCP (RFC 8257) gave its average: inflight_shortterm falls by a third of the marked part (averaged
 * with 1/16) in each marked round, and more than half marked while probing counts as too much in flight.
 *
 * BBR has no place for weights; a lane's weight changes nothing.
 */
#include <sluice/congestion.h>

#include <math.h>

#define STARTUP_PACING_GAIN 2.77 /* 4 ln 2: the least that doubles the rate each round */
#define DEFAULT_CWND_GAIN 2
#define DRAIN_PACING_GAIN 0.5
#define DOWN_PACING_GAIN 0.9
#define UP_PACING_GAIN 1.25
#define UP_CWND_GAIN 2.25
#define PROBE_RTT_CWND_GAIN 0.5
#define PROBE_RTT_DURATION (200 * SLUICE_MS)
#define PROBE_RTT_INTERVAL (5 * SLUICE_SECOND) /* the same for all flows, so that they do it together (5.3.4.2) */
#define MIN_RTT_FILTER (10 * SLUICE_SECOND)
#define PACING_MARGIN 0.99 /* a little below bw, so that queues empty */
#define LOSS_THRESHOLD 0.02
#define STARTUP_LOSS_EVENTS 6
#define BETA 0.7 /* never more dramatic than CUBIC's */
#define HEADROOM 0.15
#define PIPE_LEAST 4 /* packets */
#define FULL_BW_GROWTH 1.25
#define FULL_BW_ROUNDS 3
#define DRAIN_ROUNDS 3
#define RENO_ROUNDS 63
#define PROBE_WAIT (2 * SLUICE_SECOND)
#define EXTRA_ROUNDS 10
#define ECN_GAIN (1.0 / 16)
#define ECN_FACTOR (1.0 / 3)
#define ECN_THRESHOLD 0.5
#define TABLE 64 /* samples: more than any report rate makes in a round trip, so that RS.lost is found */
#define RTT_UNKNOWN 0.1 /* s; the draft's 1 ms would burst where the set-up did not measure */

typedef struct bbr_config {
    int64_t initial_packets;
} bbr_config;

static const sluice_option bbr_options[] = {
    SLUICE_OPTION_INT(bbr_config, initial_packets, .def = "10", .min = "4", .max = "1000", .unit = "packets",
                      .help = "Window of the first round trip (RFC 6928)."),
};

typedef enum bbr_phase { STARTUP, DRAIN, PROBE_DOWN, PROBE_CRUISE, PROBE_REFILL, PROBE_UP, PROBE_RTT } bbr_phase;

typedef enum bbr_acks { ACKS_INIT, ACKS_REFILLING, ACKS_STARTING, ACKS_FEEDBACK, ACKS_STOPPING } bbr_acks;

/* RS of the draft: what this sample says of the flight of its newest acknowledged packet. */
typedef struct bbr_rate {
    double rate, delivered, prior_delivered; /* bytes/s, bytes */
    double tx_in_flight, lost;               /* bytes: in flight when it was sent, lost since then */
    bool limited;
} bbr_rate;

/* Of a loss that may turn out to be reordering (5.5.11). */
typedef struct bbr_undo {
    bool startup, up;
    double bw_shortterm, inflight_shortterm, inflight_longterm;
    double lost, spurious; /* packets */
} bbr_undo;

/* Rates are in bytes per second, volumes in bytes.  HUGE_VAL: no bound. */
typedef struct bbr_state {
    bbr_config config;
    double packet_bytes, srtt;
    bbr_phase phase;
    bbr_rate rs;
    double cwnd, prior_cwnd, pacing;
    uint64_t noise;

    double next_round_delivered;
    bool round_start;
    uint64_t round, rounds_since_probe_up, drain_start_round;

    double max_bw[2], bw; /* of the last cycle and of this one */
    double min_rtt;       /* s; HUGE_VAL: none */
    sluice_time min_rtt_stamp;
    double probe_rtt_min_delay;
    sluice_time probe_rtt_min_stamp, probe_rtt_done_stamp;
    bool probe_rtt_round_done, idle_restart;
    double limited_until; /* samples of packets sent before as much was delivered tell of ProbeRTT */

    double full_bw;
    unsigned full_bw_count;
    bool full_bw_now, full_bw_reached;

    double bw_shortterm, inflight_shortterm, inflight_longterm;
    double bw_latest, inflight_latest;
    double loss_round_delivered;
    bool loss_round_start, loss_in_round, marks_in_round;
    unsigned loss_events; /* in this round */
    bbr_undo undo;

    bbr_acks acks;
    bool is_probe_sample, probe_too_high, probe_precautionary;
    double probe_up_acked_per_inc, probe_up_acked;
    unsigned probe_up_rounds;
    sluice_time cycle_stamp;
    sluice_duration probe_wait;
    uint64_t cwnd_limited_round; /* the last one in which the window held the sender back, plus one */

    double extra_acked[EXTRA_ROUNDS]; /* most of each round */
    unsigned extra_at;
    sluice_time extra_began;
    double extra_delivered;

    double ecn_alpha, round_acked, round_marked; /* packets of this round */

    double lost; /* all, and what it was at the last samples */
    struct {
        double delivered, lost;
    } table[TABLE];
    unsigned table_at;
    unsigned silent;
} bbr_state;

static double seconds(sluice_duration duration)
{
    return (double)duration / 1e9;
}

static double max_bw(const bbr_state *bbr)
{
    return fmax(bbr->max_bw[0], bbr->max_bw[1]);
}

static double initial_cwnd(const bbr_state *bbr)
{
    return (double)bbr->config.initial_packets * bbr->packet_bytes;
}

static double pipe_least(const bbr_state *bbr)
{
    return PIPE_LEAST * bbr->packet_bytes;
}

static bool in_probe_bw(const bbr_state *bbr)
{
    return bbr->phase >= PROBE_DOWN && bbr->phase <= PROBE_UP;
}

static bool is_probing_bw(const bbr_state *bbr)
{
    return bbr->phase == STARTUP || bbr->phase == PROBE_REFILL || bbr->phase == PROBE_UP;
}

/* ---- 5.6: pacing rate and window ---- */

static double bdp_multiple(const bbr_state *bbr, double bw, double gain)
{
    return isfinite(bbr->min_rtt) ? gain * bw * bbr->min_rtt : initial_cwnd(bbr);
}

/* The offload budget is what the pacer lets go at once: half a millisecond, at most 64 KB. */
static double quantized(const bbr_state *bbr, double inflight)
{
    inflight = fmax(inflight, fmax(2 * bbr->packet_bytes, fmin(bbr->pacing * 0.0005, 65536)));
    inflight = fmax(inflight, pipe_least(bbr));
    return bbr->phase == PROBE_UP ? inflight + 2 * bbr->packet_bytes : inflight;
}

static double inflight_of(const bbr_state *bbr, double bw, double gain)
{
    return quantized(bbr, bdp_multiple(bbr, bw, gain));
}

static double inflight_with_headroom(const bbr_state *bbr)
{
    double headroom = fmax(bbr->packet_bytes, HEADROOM * bbr->inflight_longterm);

    return isinf(bbr->inflight_longterm) ? HUGE_VAL : fmax(bbr->inflight_longterm - headroom, pipe_least(bbr));
}

static double target_inflight(const bbr_state *bbr)
{
    return fmin(bdp_multiple(bbr, bbr->bw, 1), bbr->cwnd);
}

static double probe_rtt_cwnd(const bbr_state *bbr)
{
    return fmax(bdp_multiple(bbr, bbr->bw, PROBE_RTT_CWND_GAIN), pipe_least(bbr));
}

static double pacing_gain(const bbr_state *bbr)
{
    static const double gains[] = {STARTUP_PACING_GAIN, DRAIN_PACING_GAIN, DOWN_PACING_GAIN, 1, 1, UP_PACING_GAIN, 1};

    return gains[bbr->phase];
}

static double extra_acked(const bbr_state *bbr)
{
    double most = bbr->extra_acked[bbr->extra_at];

    for (unsigned i = 0; bbr->full_bw_reached && i < EXTRA_ROUNDS; i++)
        most = fmax(most, bbr->extra_acked[i]);
    return most;
}

static void set_pacing(bbr_state *bbr, double gain)
{
    double rate = gain * bbr->bw * PACING_MARGIN;

    if (bbr->full_bw_reached || rate > bbr->pacing)
        bbr->pacing = rate;
}

static void bound_cwnd(bbr_state *bbr)
{
    double cap = HUGE_VAL;

    if (bbr->phase == PROBE_RTT)
        bbr->cwnd = fmin(bbr->cwnd, probe_rtt_cwnd(bbr));
    if (bbr->phase == PROBE_RTT || bbr->phase == PROBE_CRUISE)
        cap = inflight_with_headroom(bbr);
    else if (in_probe_bw(bbr))
        cap = bbr->inflight_longterm;
    cap = fmax(fmin(cap, bbr->inflight_shortterm), pipe_least(bbr));
    bbr->cwnd = fmin(bbr->cwnd, cap);
}

static void set_cwnd(bbr_state *bbr, double acked)
{
    double gain = bbr->phase == PROBE_UP ? UP_CWND_GAIN : DEFAULT_CWND_GAIN;
    double most = quantized(bbr, bdp_multiple(bbr, bbr->bw, gain) + extra_acked(bbr));

    if (bbr->full_bw_reached)
        bbr->cwnd = fmin(bbr->cwnd + acked, most);
    else if (bbr->cwnd < most || bbr->rs.prior_delivered < initial_cwnd(bbr))
        bbr->cwnd += acked;
    bbr->cwnd = fmax(bbr->cwnd, pipe_least(bbr));
    bound_cwnd(bbr);
}

static void save_cwnd(bbr_state *bbr)
{
    if (bbr->silent || bbr->phase == PROBE_RTT)
        bbr->prior_cwnd = fmax(bbr->prior_cwnd, bbr->cwnd);
    else
        bbr->prior_cwnd = bbr->cwnd;
}

static void answer(bbr_state *bbr, sluice_control *control)
{
    bbr->cwnd = fmin(bbr->cwnd, 1e15);
    bbr->pacing = fmin(bbr->pacing, 1e14);
    control->cwnd_bytes = (uint64_t)fmax(bbr->cwnd, pipe_least(bbr));
    /* Never so slow that a window would take longer than a second: the rate of an empty model is not one. */
    control->pacing_bps = (sluice_rate)fmax(bbr->pacing * 8, pipe_least(bbr) * 8);
}

/* ---- 5.3: phases ---- */

static void start_round(bbr_state *bbr, const sluice_sample *sample)
{
    bbr->next_round_delivered = (double)sample->delivered_bytes;
}

static void reset_full_bw(bbr_state *bbr, double rate)
{
    bbr->full_bw = rate;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

static void reset_congestion_signals(bbr_state *bbr)
{
    bbr->loss_in_round = bbr->marks_in_round = false;
    bbr->bw_latest = bbr->inflight_latest = 0;
}

static void reset_short_term(bbr_state *bbr)
{
    bbr->bw_shortterm = bbr->inflight_shortterm = HUGE_VAL;
}

/* splitmix64 (Steele, Lea, Flood 2014) over what the samples say. */
static double noise(bbr_state *bbr, const sluice_sample *sample)
{
    uint64_t z = bbr->noise += UINT64_C(0x9e3779b97f4a7c15) ^ sample->now ^ sample->rtt_ns << 20;

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static void down_begin(bbr_state *bbr, const sluice_sample *sample)
{
    reset_congestion_signals(bbr);
    bbr->probe_up_acked_per_inc = HUGE_VAL;
    bbr->rounds_since_probe_up = noise(bbr, sample) < 0.5;
    bbr->probe_wait = PROBE_WAIT + (sluice_duration)(noise(bbr, sample) * 1e9);
    bbr->cycle_stamp = sample->now;
    bbr->acks = ACKS_STOPPING;
    start_round(bbr, sample);
    bbr->phase = PROBE_DOWN;
}

static void refill_begin(bbr_state *bbr, const sluice_sample *sample)
{
    reset_short_term(bbr);
    bbr->probe_up_rounds = 0;
    bbr->probe_up_acked = 0;
    bbr->probe_precautionary = false;
    bbr->acks = ACKS_REFILLING;
    start_round(bbr, sample);
    bbr->phase = PROBE_REFILL;
}

/* By 1, 2, 4, ... packets in the rounds of a probe (5.3.3.5). */
static void raise_slope(bbr_state *bbr)
{
    double growth = ldexp(1, (int)bbr->probe_up_rounds);

    bbr->probe_up_rounds = bbr->probe_up_rounds < 30 ? bbr->probe_up_rounds + 1 : 30;
    bbr->probe_up_acked_per_inc = fmax(bbr->cwnd / growth, bbr->packet_bytes);
}

static void up_begin(bbr_state *bbr, const sluice_sample *sample)
{
    bbr->acks = ACKS_STARTING;
    start_round(bbr, sample);
    reset_full_bw(bbr, bbr->rs.rate);
    bbr->phase = PROBE_UP;
    raise_slope(bbr);
}

static void drain_begin(bbr_state *bbr)
{
    bbr->phase = DRAIN;
    bbr->drain_start_round = bbr->round;
}

static bool time_to_probe(const bbr_state *bbr, sluice_time now)
{
    double rounds = fmin(target_inflight(bbr) / bbr->packet_bytes, RENO_ROUNDS);

    return now > bbr->cycle_stamp + bbr->probe_wait || (double)bbr->rounds_since_probe_up >= rounds;
}

static bool time_to_cruise(const bbr_state *bbr, const sluice_sample *sample)
{
    double in_flight = (double)sample->in_flight_bytes;

    return in_flight <= inflight_with_headroom(bbr) && in_flight <= inflight_of(bbr, max_bw(bbr), 1);
}

static bool cwnd_limited(const bbr_state *bbr)
{
    return bbr->cwnd_limited_round && bbr->cwnd_limited_round + 1 >= bbr->round;
}

static bool time_to_go_down(bbr_state *bbr, const sluice_sample *sample)
{
    if (bbr->probe_too_high && (double)sample->in_flight_bytes >= bbr->inflight_longterm) {
        bbr->probe_precautionary = true;
        return true;
    }
    if (cwnd_limited(bbr) && bbr->cwnd >= bbr->inflight_longterm) {
        reset_full_bw(bbr, bbr->rs.rate);
        return false;
    }
    return bbr->full_bw_now;
}

static bool inflight_too_high(const bbr_state *bbr)
{
    return bbr->rs.lost > bbr->rs.tx_in_flight * LOSS_THRESHOLD ||
           (bbr->round_acked > 0 && bbr->round_marked > ECN_THRESHOLD * bbr->round_acked);
}

static void probe_longterm_upward(bbr_state *bbr, double acked)
{
    if (!cwnd_limited(bbr) || bbr->cwnd < bbr->inflight_longterm)
        return;
    bbr->probe_up_acked += acked;
    if (bbr->probe_up_acked >= bbr->probe_up_acked_per_inc) {
        double delta = floor(bbr->probe_up_acked / bbr->probe_up_acked_per_inc);

        bbr->probe_up_acked -= delta * bbr->probe_up_acked_per_inc;
        bbr->inflight_longterm += delta * bbr->packet_bytes;
    }
    if (bbr->round_start)
        raise_slope(bbr);
}

/* True: it decided the next phase. */
static bool adapt_long_term(bbr_state *bbr, const sluice_sample *sample)
{
    if (bbr->acks == ACKS_STARTING && bbr->round_start)
        bbr->acks = ACKS_FEEDBACK;
    if (bbr->acks == ACKS_STOPPING && bbr->round_start) {
        bbr->is_probe_sample = false;
        bbr->acks = ACKS_INIT;
        if (in_probe_bw(bbr) && !bbr->rs.limited) {
            bbr->max_bw[0] = bbr->max_bw[1];
            bbr->max_bw[1] = 0;
        }
        if (in_probe_bw(bbr) && bbr->probe_precautionary && !bbr->probe_too_high) {
            refill_begin(bbr, sample);
            return true;
        }
    }
    if (inflight_too_high(bbr) || isinf(bbr->inflight_longterm))
        return false;
    bbr->inflight_longterm = fmax(bbr->inflight_longterm, bbr->rs.tx_in_flight);
    if (bbr->phase == PROBE_UP)
        probe_longterm_upward(bbr, (double)sample->acked_bytes);
    return false;
}

static void update_cycle(bbr_state *bbr, const sluice_sample *sample)
{
    if (!bbr->full_bw_reached || adapt_long_term(bbr, sample))
        return;
    switch (bbr->phase) {
    case PROBE_DOWN:
        if (time_to_probe(bbr, sample->now))
            refill_begin(bbr, sample);
        else if (time_to_cruise(bbr, sample))
            bbr->phase = PROBE_CRUISE;
        break;
    case PROBE_CRUISE:
        if (time_to_probe(bbr, sample->now))
            refill_begin(bbr, sample);
        break;
    case PROBE_REFILL:
        if (bbr->round_start) {
            bbr->is_probe_sample = true;
            up_begin(bbr, sample);
        }
        break;
    case PROBE_UP:
        if (time_to_go_down(bbr, sample)) {
            bbr->probe_too_high = false;
            down_begin(bbr, sample);
        }
        break;
    case STARTUP:
    case DRAIN:
    case PROBE_RTT:
        break;
    }
}

static void check_full_bw(bbr_state *bbr)
{
    if (bbr->full_bw_now || !bbr->round_start || bbr->rs.limited)
        return;
    if (bbr->rs.rate >= bbr->full_bw * FULL_BW_GROWTH) {
        reset_full_bw(bbr, bbr->rs.rate);
        return;
    }
    if (++bbr->full_bw_count >= FULL_BW_ROUNDS)
        bbr->full_bw_now = bbr->full_bw_reached = true;
}

/* 5.3.1.3; loss events stand for its discontiguous ranges. */
static void check_startup(bbr_state *bbr)
{
    if (bbr->phase != STARTUP)
        return;
    if (bbr->loss_round_start && bbr->loss_events >= STARTUP_LOSS_EVENTS && inflight_too_high(bbr)) {
        bbr->undo.startup = true;
        bbr->full_bw_reached = true;
        bbr->inflight_longterm = fmax(bdp_multiple(bbr, max_bw(bbr), 1), bbr->inflight_latest);
    }
    if (bbr->full_bw_reached)
        drain_begin(bbr);
}

static void check_drain(bbr_state *bbr, const sluice_sample *sample)
{
    if (bbr->phase == DRAIN && ((double)sample->in_flight_bytes <= inflight_of(bbr, bbr->bw, 1) ||
                                bbr->round > bbr->drain_start_round + DRAIN_ROUNDS))
        down_begin(bbr, sample);
}

/* ---- 5.3.4: ProbeRTT ---- */

/* True: the least round trip is old. */
static bool update_min_rtt(bbr_state *bbr, const sluice_sample *sample)
{
    bool expired = sample->now > bbr->probe_rtt_min_stamp + PROBE_RTT_INTERVAL;

    if (sample->rtt_ns && (seconds(sample->rtt_ns) < bbr->probe_rtt_min_delay || expired)) {
        bbr->probe_rtt_min_delay = seconds(sample->rtt_ns);
        bbr->probe_rtt_min_stamp = sample->now;
    }
    if (bbr->probe_rtt_min_delay < bbr->min_rtt || sample->now > bbr->min_rtt_stamp + MIN_RTT_FILTER) {
        bbr->min_rtt = bbr->probe_rtt_min_delay;
        bbr->min_rtt_stamp = bbr->probe_rtt_min_stamp;
    }
    return expired;
}

static void probe_rtt_end(bbr_state *bbr, const sluice_sample *sample)
{
    bbr->probe_rtt_min_stamp = sample->now;
    bbr->cwnd = fmax(bbr->cwnd, bbr->prior_cwnd);
    reset_short_term(bbr);
    if (bbr->full_bw_reached) {
        down_begin(bbr, sample);
        bbr->phase = PROBE_CRUISE;
    } else {
        bbr->phase = STARTUP;
    }
}

static void probe_rtt_handle(bbr_state *bbr, const sluice_sample *sample)
{
    bbr->limited_until = (double)sample->delivered_bytes + (double)sample->in_flight_bytes;
    if (!bbr->probe_rtt_done_stamp) {
        if ((double)sample->in_flight_bytes > probe_rtt_cwnd(bbr))
            return;
        bbr->probe_rtt_done_stamp = sample->now + PROBE_RTT_DURATION;
        bbr->probe_rtt_round_done = false;
        start_round(bbr, sample);
        return;
    }
    if (bbr->round_start)
        bbr->probe_rtt_round_done = true;
    if (bbr->probe_rtt_round_done && sample->now > bbr->probe_rtt_done_stamp)
        probe_rtt_end(bbr, sample);
}

static void check_probe_rtt(bbr_state *bbr, const sluice_sample *sample, bool expired)
{
    if (bbr->phase != PROBE_RTT && expired && !bbr->idle_restart) {
        save_cwnd(bbr);
        bbr->phase = PROBE_RTT;
        bbr->probe_rtt_done_stamp = 0;
        bbr->acks = ACKS_STOPPING;
        start_round(bbr, sample);
    }
    if (bbr->phase == PROBE_RTT)
        probe_rtt_handle(bbr, sample);
    bbr->idle_restart = false;
}

/* ---- 5.5: the model ---- */

/* What was lost when so much was delivered. */
static double lost_at(const bbr_state *bbr, double delivered)
{
    double found = 0;

    for (unsigned i = 1; i <= TABLE; i++) {
        unsigned at = (bbr->table_at + TABLE - i) % TABLE;

        found = bbr->table[at].lost;
        if (bbr->table[at].delivered <= delivered)
            break;
    }
    return found;
}

static void rate_read(bbr_state *bbr, const sluice_sample *sample)
{
    bbr_rate *rs = &bbr->rs;
    double delivered = (double)sample->delivered_bytes;

    rs->rate = (double)sample->delivery_rate_bps / 8;
    rs->delivered = fmin(delivered, rs->rate * seconds(sample->delivery_interval_ns));
    rs->prior_delivered = delivered - rs->delivered;
    rs->tx_in_flight = (double)sample->prior_in_flight_bytes;
    rs->limited = sample->app_limited || rs->prior_delivered < bbr->limited_until;
    bbr->lost += (double)sample->lost_bytes;
    rs->lost = bbr->lost - lost_at(bbr, rs->prior_delivered);
    bbr->table[bbr->table_at].delivered = delivered;
    bbr->table[bbr->table_at].lost = bbr->lost;
    bbr->table_at = (bbr->table_at + 1) % TABLE;
}

static void update_round(bbr_state *bbr, const sluice_sample *sample)
{
    /* A packet's worth of slack, as prior_delivered was calculated back from a rounded rate. */
    bbr->round_start = bbr->rs.rate > 0 ? bbr->rs.prior_delivered + bbr->packet_bytes / 2 >= bbr->next_round_delivered
                                        : sample->round_start;
    if (!bbr->round_start)
        return;
    start_round(bbr, sample);
    bbr->round++;
    bbr->rounds_since_probe_up++;
    bbr->extra_at = (bbr->extra_at + 1) % EXTRA_ROUNDS;
    bbr->extra_acked[bbr->extra_at] = 0;
}

static void update_latest(bbr_state *bbr, const sluice_sample *sample)
{
    bbr->loss_round_start = false;
    bbr->bw_latest = fmax(bbr->bw_latest, bbr->rs.rate);
    bbr->inflight_latest = fmax(bbr->inflight_latest, bbr->rs.delivered);
    if (bbr->rs.prior_delivered + bbr->packet_bytes / 2 < bbr->loss_round_delivered)
        return;
    bbr->loss_round_delivered = (double)sample->delivered_bytes;
    bbr->loss_round_start = true;
}

static void adapt_lower_bounds(bbr_state *bbr)
{
    if (is_probing_bw(bbr) || !(bbr->loss_in_round || bbr->marks_in_round))
        return;
    if (isinf(bbr->inflight_shortterm))
        bbr->inflight_shortterm = bbr->cwnd;
    if (bbr->marks_in_round)
        bbr->inflight_shortterm *= 1 - ECN_FACTOR * bbr->ecn_alpha;
    if (!bbr->loss_in_round)
        return;
    if (isinf(bbr->bw_shortterm))
        bbr->bw_shortterm = max_bw(bbr);
    bbr->bw_shortterm = fmax(bbr->bw_latest, BETA * bbr->bw_shortterm);
    bbr->inflight_shortterm = fmax(bbr->inflight_latest, BETA * bbr->inflight_shortterm);
}

static void update_congestion(bbr_state *bbr, const sluice_sample *sample)
{
    update_round(bbr, sample);
    if (bbr->rs.rate > 0 && (bbr->rs.rate >= max_bw(bbr) || !bbr->rs.limited))
        bbr->max_bw[1] = fmax(bbr->max_bw[1], bbr->rs.rate);
    if (bbr->loss_round_start)
        adapt_lower_bounds(bbr);
}

/* The end of a sample that ended a loss round. */
static void loss_round_next(bbr_state *bbr)
{
    if (!bbr->loss_round_start)
        return;
    bbr->ecn_alpha += ECN_GAIN * (bbr->round_marked / fmax(bbr->round_acked, 1) - bbr->ecn_alpha);
    bbr->round_acked = bbr->round_marked = 0;
    bbr->loss_in_round = bbr->marks_in_round = false;
    bbr->loss_events = 0;
    bbr->bw_latest = bbr->rs.rate;
    bbr->inflight_latest = bbr->rs.delivered;
}

static void update_aggregation(bbr_state *bbr, const sluice_sample *sample)
{
    double expected = bbr->bw * seconds(sample->now - bbr->extra_began), extra;

    if (bbr->extra_delivered <= expected) {
        bbr->extra_delivered = expected = 0;
        bbr->extra_began = sample->now;
    }
    bbr->extra_delivered += (double)sample->acked_bytes;
    extra = fmin(bbr->extra_delivered - expected, bbr->cwnd);
    bbr->extra_acked[bbr->extra_at] = fmax(bbr->extra_acked[bbr->extra_at], extra);
}

/* What was in flight when the part lost reached the threshold, with this report's losses as the last burst (5.5.10.2). */
static double inflight_at_loss(const bbr_state *bbr, double size)
{
    double before = fmax(0, bbr->rs.tx_in_flight - size), lost = fmax(0, bbr->rs.lost - size);

    return before + fmax(0, (LOSS_THRESHOLD * before - lost) / (1 - LOSS_THRESHOLD));
}

static void losses_met(bbr_state *bbr, const sluice_sample *sample)
{
    if (sample->lost_packets) {
        if (!bbr->loss_in_round) {
            bbr->loss_round_delivered = (double)sample->delivered_bytes;
            bbr->undo = (bbr_undo){.bw_shortterm = bbr->bw_shortterm,
                                   .inflight_shortterm = bbr->inflight_shortterm,
                                   .inflight_longterm = bbr->inflight_longterm};
            save_cwnd(bbr);
        }
        bbr->loss_in_round = true;
        bbr->loss_events++;
        bbr->undo.lost += (double)sample->lost_packets;
    }
    if (!(sample->lost_packets || sample->ce_packets) || !bbr->is_probe_sample || !inflight_too_high(bbr))
        return;
    bbr->probe_too_high = true;
    bbr->is_probe_sample = false;
    if (!bbr->rs.limited)
        bbr->inflight_longterm =
            fmax(inflight_at_loss(bbr, (double)sample->lost_bytes), target_inflight(bbr) * BETA);
    if (bbr->phase == PROBE_UP) {
        bbr->undo.up = true;
        down_begin(bbr, sample);
    }
}

/* 5.5.11 */
static void spurious_met(bbr_state *bbr, const sluice_sample *sample)
{
    bbr_undo *undo = &bbr->undo;

    undo->spurious += (double)sample->spurious_packets;
    if (undo->lost <= 0 || undo->spurious < undo->lost)
        return;
    bbr->cwnd = fmax(bbr->cwnd, bbr->prior_cwnd);
    bbr->loss_in_round = false;
    reset_full_bw(bbr, 0);
    bbr->bw_shortterm = fmax(bbr->bw_shortterm, undo->bw_shortterm);
    bbr->inflight_shortterm = fmax(bbr->inflight_shortterm, undo->inflight_shortterm);
    bbr->inflight_longterm = fmax(bbr->inflight_longterm, undo->inflight_longterm);
    if (undo->startup && bbr->phase != STARTUP) {
        bbr->full_bw_reached = false;
        if (bbr->phase != PROBE_RTT)
            bbr->phase = STARTUP;
    } else if (undo->up && bbr->phase != PROBE_UP && bbr->phase != PROBE_RTT) {
        refill_begin(bbr, sample);
    }
    *undo = (bbr_undo){0};
}

/* ---- calls ---- */

static int bbr_init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    bbr_state *bbr = state;
    double rtt = start->srtt_ns ? seconds(start->srtt_ns) : RTT_UNKNOWN;

    bbr->config = *(const bbr_config *)config;
    bbr->packet_bytes = start->packet_bytes;
    bbr->srtt = seconds(start->srtt_ns);
    bbr->cwnd = initial_cwnd(bbr);
    bbr->pacing = STARTUP_PACING_GAIN * bbr->cwnd / rtt;
    bbr->min_rtt = bbr->probe_rtt_min_delay = start->min_rtt_ns ? seconds(start->min_rtt_ns) : HUGE_VAL;
    bbr->min_rtt_stamp = bbr->probe_rtt_min_stamp = bbr->extra_began = bbr->cycle_stamp = start->now;
    bbr->inflight_longterm = bbr->probe_up_acked_per_inc = HUGE_VAL;
    bbr->noise = start->now ^ start->srtt_ns << 32;
    reset_short_term(bbr);
    if (start->delivery_rate_bps && start->min_rtt_ns) {
        /* Another control has found out what the path carries. */
        bbr->bw = bbr->max_bw[1] = (double)start->delivery_rate_bps / 8;
        bbr->full_bw_reached = true;
        bbr->cwnd = DEFAULT_CWND_GAIN * bdp_multiple(bbr, bbr->bw, 1);
        bbr->phase = PROBE_CRUISE;
        bbr->probe_wait = PROBE_WAIT;
        set_pacing(bbr, 1);
    }
    answer(bbr, control);
    return SLUICE_OK;
}

/* The second probe time-out in a row stands for the draft's RTO. */
static void silence(bbr_state *bbr, const sluice_sample *sample)
{
    if (++bbr->silent != 2)
        return;
    bbr->prior_cwnd = fmax(bbr->prior_cwnd, bbr->cwnd);
    bbr->cwnd = fmin(bbr->cwnd, (double)sample->in_flight_bytes + bbr->packet_bytes);
}

static void bbr_sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    bbr_state *bbr = state;

    bbr->packet_bytes = sample->packet_bytes;
    bbr->srtt = seconds(sample->srtt_ns);
    if (sample->persistent) {
        bbr->lost += (double)sample->lost_bytes;
        silence(bbr, sample);
        answer(bbr, control);
        return;
    }
    rate_read(bbr, sample);
    bbr->round_acked += (double)sample->acked_packets;
    bbr->round_marked += (double)sample->ce_packets;
    bbr->marks_in_round |= sample->ce_packets > 0;
    if (bbr->silent > 1 && sample->acked_packets)
        bbr->cwnd = fmax(bbr->cwnd, bbr->prior_cwnd);
    bbr->silent = sample->acked_packets ? 0 : bbr->silent;
    losses_met(bbr, sample);
    spurious_met(bbr, sample);
    if (sample->acked_packets) {
        bool expired;

        update_latest(bbr, sample);
        update_congestion(bbr, sample);
        update_aggregation(bbr, sample);
        check_full_bw(bbr);
        check_startup(bbr);
        check_drain(bbr, sample);
        update_cycle(bbr, sample);
        expired = update_min_rtt(bbr, sample);
        check_probe_rtt(bbr, sample, expired);
        loss_round_next(bbr);
    }
    bbr->bw = fmin(max_bw(bbr), bbr->bw_shortterm);
    set_pacing(bbr, pacing_gain(bbr));
    set_cwnd(bbr, (double)sample->acked_bytes);
    answer(bbr, control);
}

static void bbr_sent(void *state, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control)
{
    bbr_state *bbr = state;

    (void)now;
    (void)bytes;
    if ((double)in_flight_bytes + bbr->packet_bytes > (double)control->cwnd_bytes)
        bbr->cwnd_limited_round = bbr->round + 1;
}

/* 5.4 */
static void bbr_restart(void *state, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    bbr_state *bbr = state;

    (void)idle_since;
    bbr->idle_restart = true;
    bbr->extra_began = now;
    bbr->extra_delivered = 0;
    if (in_probe_bw(bbr))
        set_pacing(bbr, 1);
    answer(bbr, control);
}

static void bbr_view(const void *state, sluice_congestion_view *out)
{
    static const char *const names[] = {"startup", "drain", "down", "cruise", "refill", "up", "probe rtt"};
    const bbr_state *bbr = state;

    out->phase = names[bbr->phase];
    out->estimate_bps = (sluice_rate)fmin(bbr->bw * 8, 1e15);
    out->queue_target_ns = 0;
}

static const sluice_congestion_ops bbr_ops = {
    .init = bbr_init, .sample = bbr_sample, .sent = bbr_sent, .restart = bbr_restart, .view = bbr_view};

SLUICE_PLUGIN_DEFINE(congestion, bbr, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = "bbr", .version = "3.0",
                     .summary = "BBRv3, a model of the path's bandwidth and round trip", .options = bbr_options,
                     .option_count = SLUICE_COUNT(bbr_options), .config_size = sizeof(bbr_config),
                     .state_size = sizeof(bbr_state), .ops = &bbr_ops, .ops_size = sizeof(bbr_ops));
