/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/tcp.h"

#include <sluice/packet.h>
#include <stdlib.h>
#include <string.h>

enum { NONE, OUT, LOST, SACKED };

#define ACK_BYTES 52u
#define INITIAL_WINDOW 10
#define DELAYED_ACK_NS (40 * SLUICE_MS)
#define RTO_LEAST_NS (200 * SLUICE_MS)
#define RTO_FIRST_NS SLUICE_SECOND
#define RTO_MOST_NS (120 * SLUICE_SECOND)
#define MIN_RTT_WINDOW_NS (300 * SLUICE_SECOND) /* Linux: tcp_min_rtt_wlen */
#define DUPLICATES 3

static void send_more(sluice_sim_tcp *tcp);
static void on_timer(void *subject, uint64_t argument);

static sluice_sim_segment *segment_at(sluice_sim_tcp *tcp, uint64_t number)
{
    return &tcp->segments[number & (tcp->segment_count - 1)];
}

/* ---- memory ---- */

static bool segments_grow(sluice_sim_tcp *tcp)
{
    uint64_t count = tcp->segment_count ? 2 * tcp->segment_count : 1024;
    sluice_sim_segment *segments = calloc(count, sizeof(*segments));
    uint8_t *came = calloc(count, 1);

    if (!segments || !came) {
        free(segments);
        free(came);
        sluice_sim_fail(tcp->simulation, "out of memory for %llu segments", (unsigned long long)count);
        return false;
    }
    for (uint64_t n = tcp->una; n < tcp->next; n++) {
        segments[n & (count - 1)] = *segment_at(tcp, n);
        came[n & (count - 1)] = tcp->came[n & (tcp->segment_count - 1)];
    }
    free(tcp->segments);
    free(tcp->came);
    tcp->segments = segments;
    tcp->came = came;
    tcp->segment_count = count;
    return true;
}

static bool transmissions_grow(sluice_sim_tcp *tcp)
{
    uint64_t count = tcp->transmission_count ? 2 * tcp->transmission_count : 1024;
    sluice_sim_transmission *made = calloc(count, sizeof(*made));

    if (!made) {
        sluice_sim_fail(tcp->simulation, "out of memory for %llu transmissions", (unsigned long long)count);
        return false;
    }
    for (uint64_t n = tcp->oldest; n < tcp->newest; n++)
        made[n & (count - 1)] = tcp->transmissions[n & (tcp->transmission_count - 1)];
    free(tcp->transmissions);
    tcp->transmissions = made;
    tcp->transmission_count = count;
    return true;
}

/* The log needs to hold what came since the last acknowledgement that arrived. */
static bool log_grow(sluice_sim_tcp *tcp)
{
    uint64_t count = tcp->log_count ? 2 * tcp->log_count : 1024;
    uint64_t *log = calloc(count, sizeof(*log));

    if (!log) {
        sluice_sim_fail(tcp->simulation, "out of memory for a log of %llu", (unsigned long long)count);
        return false;
    }
    for (uint64_t n = tcp->log_seen; n < tcp->logged; n++)
        log[n & (count - 1)] = tcp->log[n & (tcp->log_count - 1)];
    free(tcp->log);
    tcp->log = log;
    tcp->log_count = count;
    return true;
}

/* ---- receiver ---- */

typedef struct told {
    uint64_t expected, logged;
    uint64_t marked;
} told;

static void ack_send(sluice_sim_tcp *tcp)
{
    told what = {tcp->expected, tcp->logged, tcp->echo};
    sluice_sim_packet *packet = sluice_sim_packet_new(tcp->simulation, &what, sizeof(what));

    tcp->unacked = 0;
    tcp->ack_timer++;
    tcp->echo = false;
    if (!packet)
        return;
    packet->ip_bytes = ACK_BYTES;
    sluice_sim_route_send(&tcp->back, packet);
}

static void ack_late(void *subject, uint64_t argument)
{
    sluice_sim_tcp *tcp = subject;

    if (argument == tcp->ack_timer && tcp->unacked)
        ack_send(tcp);
}

static void data_arrive(void *subject, sluice_sim_packet *packet)
{
    sluice_sim_tcp *tcp = subject;
    uint64_t number = packet->number;
    uint8_t *came = &tcp->came[number & (tcp->segment_count - 1)];
    bool steady = !tcp->setup.control;
    bool first = !packet->damaged && (steady || (number >= tcp->expected && number < tcp->next && !*came));
    bool in_order = number == tcp->expected, marked = packet->ecn == SLUICE_ECN_CE;

    if (tcp->setup.arrived)
        tcp->setup.arrived(tcp->setup.user, packet, first);
    if (packet->damaged || steady) {
        sluice_sim_packet_free(packet);
        return;
    }
    sluice_sim_packet_free(packet);
    if (first) {
        *came = 1;
        if (tcp->logged - tcp->log_seen == tcp->log_count && !log_grow(tcp))
            return;
        tcp->log[tcp->logged++ & (tcp->log_count - 1)] = number;
        while (tcp->expected < tcp->next && tcp->came[tcp->expected & (tcp->segment_count - 1)])
            tcp->came[tcp->expected++ & (tcp->segment_count - 1)] = 0;
    }
    tcp->echo = tcp->echo || marked;
    tcp->unacked++;
    /* What fills a gap, or leaves one, is told at once (RFC 5681, 4.2). */
    if (!first || !in_order || tcp->unacked >= 2 || tcp->logged > tcp->expected || marked)
        ack_send(tcp);
    else
        sluice_sim_at(tcp->simulation, tcp->simulation->now + DELAYED_ACK_NS, ack_late, tcp, tcp->ack_timer);
}

/* ---- sender: time-outs ---- */

static sluice_duration rto_of(const sluice_sim_tcp *tcp)
{
    sluice_duration spread = 4 * tcp->rttvar, rto;

    rto = tcp->srtt ? tcp->srtt + (spread < RTO_LEAST_NS ? RTO_LEAST_NS : spread) : RTO_FIRST_NS;
    rto <<= tcp->backoff < 10 ? tcp->backoff : 10;
    return rto > RTO_MOST_NS ? RTO_MOST_NS : rto;
}

static bool probe_allowed(const sluice_sim_tcp *tcp)
{
    return !tcp->probed && tcp->state == SLUICE_SIM_TCP_OPEN && tcp->srtt && !tcp->sacked_out && !tcp->backoff;
}

/* One event waits at most, for the earliest moment; when it comes too early it waits on. */
static void arm(sluice_sim_tcp *tcp, bool restart)
{
    sluice_time now = tcp->simulation->now, at;

    if (tcp->una == tcp->next && !tcp->in_flight) {
        tcp->timer_at = 0;
        return;
    }
    if (!restart && tcp->timer_at)
        return;
    at = now + rto_of(tcp);
    if (probe_allowed(tcp) && now + 2 * tcp->srtt + 2 * SLUICE_MS < at)
        at = now + 2 * tcp->srtt + 2 * SLUICE_MS; /* RFC 8985, 7.2 */
    if (!tcp->timer || at < tcp->timer_at || !tcp->timer_at) {
        tcp->timer++;
        sluice_sim_at(tcp->simulation, at, on_timer, tcp, tcp->timer);
    }
    tcp->timer_at = at;
}

/* ---- sender: packets out ---- */

static void transmit(sluice_sim_tcp *tcp, uint64_t number)
{
    sluice_sim_segment *segment = segment_at(tcp, number);
    sluice_time now = tcp->simulation->now;
    sluice_sim_packet *packet = sluice_sim_packet_new(tcp->simulation, NULL, 0);

    if (!packet || (tcp->newest - tcp->oldest == tcp->transmission_count && !transmissions_grow(tcp))) {
        sluice_sim_packet_free(packet);
        return;
    }
    if (!tcp->in_flight)
        tcp->first_sent = tcp->delivered_time = now;
    segment->sent = now;
    segment->delivered = tcp->delivered;
    segment->delivered_time = tcp->delivered_time;
    segment->first_sent = tcp->first_sent;
    segment->state = OUT;
    segment->transmission = tcp->newest;
    tcp->transmissions[tcp->newest & (tcp->transmission_count - 1)] = (sluice_sim_transmission){number, tcp->newest};
    tcp->newest++;
    tcp->in_flight++;
    tcp->sent_packets++;
    tcp->sent_bytes += SLUICE_SIM_TCP_IP_BYTES;
    tcp->prr_out++;
    packet->number = number;
    packet->ip_bytes = SLUICE_SIM_TCP_IP_BYTES;
    packet->ecn = tcp->setup.ecn ? SLUICE_ECN_ECT0 : SLUICE_ECN_NONE;
    sluice_sim_route_send(&tcp->out, packet);
    arm(tcp, false);
}

static void transmit_again(sluice_sim_tcp *tcp, uint64_t number)
{
    segment_at(tcp, number)->again = true;
    tcp->resent_packets++;
    transmit(tcp, number);
}

static bool transmit_lost(sluice_sim_tcp *tcp)
{
    while (tcp->lost_out && tcp->retransmit_from < tcp->next) {
        uint64_t number = tcp->retransmit_from++;

        if (segment_at(tcp, number)->state == LOST) {
            tcp->lost_out--;
            transmit_again(tcp, number);
            return true;
        }
    }
    return false;
}

static bool transmit_new(sluice_sim_tcp *tcp)
{
    if (tcp->setup.window_packets && tcp->next - tcp->expected >= tcp->setup.window_packets)
        return false;
    if (tcp->next - tcp->una == tcp->segment_count && !segments_grow(tcp))
        return false;
    *segment_at(tcp, tcp->next) = (sluice_sim_segment){.state = NONE};
    transmit(tcp, tcp->next++);
    return true;
}

static void on_pace(void *subject, uint64_t argument)
{
    sluice_sim_tcp *tcp = subject;

    (void)argument;
    tcp->pace_due = 0;
    send_more(tcp);
}

static bool paced(sluice_sim_tcp *tcp)
{
    sluice_time now = tcp->simulation->now;

    if (tcp->pacing_pps <= 0 || tcp->pace_at <= now)
        return false;
    if (!tcp->pace_due || tcp->pace_due > tcp->pace_at) {
        tcp->pace_due = tcp->pace_at;
        sluice_sim_at(tcp->simulation, tcp->pace_at, on_pace, tcp, 0);
    }
    return true;
}

static void send_more(sluice_sim_tcp *tcp)
{
    while (tcp->active && !tcp->simulation->failed && (double)tcp->in_flight + 1 <= tcp->cwnd && !paced(tcp)) {
        sluice_time now = tcp->simulation->now;

        if (!transmit_lost(tcp) && !transmit_new(tcp))
            return;
        if (tcp->pacing_pps > 0)
            tcp->pace_at = (tcp->pace_at > now - SLUICE_MS ? tcp->pace_at : now) + (sluice_duration)(1e9 / tcp->pacing_pps);
    }
}

/* ---- sender: what an acknowledgement tells ---- */

typedef struct news {
    sluice_sim_tcp_ack ack;
    sluice_sim_segment newest;
    bool any;
} news;

static void delivered(sluice_sim_tcp *tcp, uint64_t number, news *got)
{
    sluice_sim_segment *segment = segment_at(tcp, number);
    sluice_time now = tcp->simulation->now;

    if (number < tcp->una || number >= tcp->next || segment->state == SACKED || segment->state == NONE)
        return;
    if (segment->state == OUT)
        tcp->in_flight--;
    else
        tcp->lost_out--;
    segment->state = SACKED;
    tcp->sacked_out++;
    tcp->delivered++;
    got->ack.delivered++;
    if (number > tcp->highest_sacked)
        tcp->highest_sacked = number;
    else if (!segment->again)
        tcp->reordered = true; /* RFC 8985: one that was sent once comes after a later one */
    /* Of one that was sent twice it is not known which came, unless it took a round trip. */
    if (segment->again && now - segment->sent < tcp->min_rtt)
        return;
    if (segment->sent >= tcp->rack_sent) {
        tcp->rack_sent = segment->sent;
        tcp->rack_rtt = now - segment->sent;
    }
    if (!segment->again) {
        got->ack.rtt_ns = now - segment->sent;
        if (!got->ack.oldest_rtt_ns)
            got->ack.oldest_rtt_ns = got->ack.rtt_ns;
    }
    if (!got->any || segment->delivered > got->newest.delivered ||
        (segment->delivered == got->newest.delivered && segment->sent > got->newest.sent)) {
        got->newest = *segment;
        got->any = true;
    }
}

/* The smoothed one is of the oldest packet that is acknowledged, the least of the newest (Linux: seq_rtt_us, ca_rtt_us). */
static void measure_rtt(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    sluice_time now = tcp->simulation->now;
    sluice_duration rtt = ack->oldest_rtt_ns;
    sluice_duration off = rtt > tcp->srtt ? rtt - tcp->srtt : tcp->srtt - rtt;

    tcp->rtt_sum_ns += (double)rtt;
    tcp->rtt_count++;
    tcp->rttvar = tcp->srtt ? (3 * tcp->rttvar + off) / 4 : rtt / 2;
    tcp->srtt = tcp->srtt ? (7 * tcp->srtt + rtt) / 8 : rtt;
    if (!tcp->min_rtt || ack->rtt_ns <= tcp->min_rtt || now > tcp->min_rtt_at + MIN_RTT_WINDOW_NS) {
        tcp->min_rtt = ack->rtt_ns;
        tcp->min_rtt_at = now;
    }
}

static void measure_rate(sluice_sim_tcp *tcp, news *got)
{
    const sluice_sim_segment *newest = &got->newest;
    sluice_time now = tcp->simulation->now;
    sluice_duration sending, acking, interval;

    tcp->delivered_time = now;
    if (!got->any)
        return;
    sending = newest->sent - newest->first_sent;
    acking = now - newest->delivered_time;
    interval = sending > acking ? sending : acking;
    tcp->first_sent = newest->sent;
    got->ack.prior_delivered = newest->delivered;
    if (interval > 0 && interval >= tcp->min_rtt)
        got->ack.rate_pps = (double)(tcp->delivered - newest->delivered) / ((double)interval / 1e9);
}

/* RFC 8985, 6.2, with Linux's conditions for no window at all. */
static sluice_duration reordering_window(const sluice_sim_tcp *tcp)
{
    sluice_duration window = tcp->min_rtt / 4;

    if (!tcp->reordered && (tcp->state >= SLUICE_SIM_TCP_RECOVERY || tcp->sacked_out >= DUPLICATES))
        return 0;
    return window < tcp->srtt ? window : tcp->srtt;
}

static void mark_lost(sluice_sim_tcp *tcp, uint64_t number, news *got)
{
    segment_at(tcp, number)->state = LOST;
    tcp->in_flight--;
    tcp->lost_out++;
    tcp->lost_packets++;
    got->ack.lost++;
    if (number < tcp->retransmit_from)
        tcp->retransmit_from = number;
}

static void on_reordering(void *subject, uint64_t argument);

static void detect_losses(sluice_sim_tcp *tcp, news *got)
{
    sluice_duration window = reordering_window(tcp);
    sluice_time now = tcp->simulation->now;

    while (tcp->oldest < tcp->newest) {
        const sluice_sim_transmission *first = &tcp->transmissions[tcp->oldest & (tcp->transmission_count - 1)];
        sluice_sim_segment *segment = segment_at(tcp, first->segment);

        if (first->segment < tcp->una || segment->state != OUT || segment->transmission != first->number) {
            tcp->oldest++;
            continue;
        }
        if (segment->sent >= tcp->rack_sent)
            return;
        if (segment->sent + tcp->rack_rtt + window > now) {
            sluice_time at = segment->sent + tcp->rack_rtt + window;

            if (tcp->reorder_at <= now || at < tcp->reorder_at) {
                tcp->reorder_at = at;
                sluice_sim_at(tcp->simulation, at, on_reordering, tcp, 0);
            }
            return;
        }
        mark_lost(tcp, first->segment, got);
        tcp->oldest++;
    }
}

static void recovery_begin(sluice_sim_tcp *tcp)
{
    tcp->state = SLUICE_SIM_TCP_RECOVERY;
    tcp->high = tcp->next;
    tcp->prior_cwnd = tcp->cwnd;
    tcp->prr_delivered = tcp->prr_out = 0;
    tcp->ssthresh = tcp->setup.control->ssthresh(tcp);
}

/* RFC 6937 with the slow-start reduction bound where the lost is being filled in. */
static void prr(sluice_sim_tcp *tcp, const sluice_sim_tcp_ack *ack)
{
    double flight = (double)tcp->in_flight, allowed;

    tcp->prr_delivered += ack->delivered;
    if (flight > tcp->ssthresh) {
        allowed = (double)tcp->prr_delivered * tcp->ssthresh / tcp->prior_cwnd - (double)tcp->prr_out;
        allowed = (double)(uint64_t)(allowed > 0 ? allowed + 0.999 : 0);
    } else {
        double limit = (double)tcp->prr_delivered - (double)tcp->prr_out;

        limit = (limit > (double)ack->delivered ? limit : (double)ack->delivered) + 1;
        allowed = tcp->ssthresh - flight < limit ? tcp->ssthresh - flight : limit;
    }
    if (allowed < 1 && tcp->prr_out == 0)
        allowed = 1; /* the fast retransmission */
    tcp->cwnd = flight + (allowed > 0 ? allowed : 0);
}

static void react(sluice_sim_tcp *tcp, news *got)
{
    const sluice_sim_tcp_control *control = tcp->setup.control;

    if (tcp->state != SLUICE_SIM_TCP_OPEN && tcp->una >= tcp->high) {
        if (tcp->state == SLUICE_SIM_TCP_RECOVERY && !control->governs)
            tcp->cwnd = tcp->ssthresh;
        tcp->state = SLUICE_SIM_TCP_OPEN;
    }
    if (got->ack.lost && tcp->state == SLUICE_SIM_TCP_OPEN)
        recovery_begin(tcp);
    else if (got->ack.marked && tcp->state == SLUICE_SIM_TCP_OPEN && tcp->una >= tcp->marked_until && !control->governs) {
        tcp->marked_until = tcp->next; /* once a round trip (RFC 3168, 6.1.2) */
        tcp->ssthresh = tcp->cwnd = control->ssthresh(tcp);
    }
    if (control->governs || tcp->state != SLUICE_SIM_TCP_RECOVERY)
        control->acked(tcp, &got->ack);
    else
        prr(tcp, &got->ack);
}

static void digest(sluice_sim_tcp *tcp, news *got)
{
    if (got->ack.rtt_ns)
        measure_rtt(tcp, &got->ack);
    if (got->ack.delivered)
        measure_rate(tcp, got);
    detect_losses(tcp, got);
    react(tcp, got);
    if (got->ack.delivered) {
        tcp->backoff = 0;
        tcp->probed = false;
    }
    arm(tcp, got->ack.delivered > 0);
    send_more(tcp);
}

static void on_reordering(void *subject, uint64_t argument)
{
    sluice_sim_tcp *tcp = subject;
    news got = {.any = false};

    (void)argument;
    if (!tcp->active || tcp->simulation->now < tcp->reorder_at)
        return;
    got.ack.prior_in_flight = tcp->in_flight;
    digest(tcp, &got);
}

static void ack_arrive(void *subject, sluice_sim_packet *packet)
{
    sluice_sim_tcp *tcp = subject;
    news got = {.any = false};
    told what;

    memcpy(&what, packet->data, sizeof(what));
    sluice_sim_packet_free(packet);
    if (!tcp->active)
        return;
    got.ack.prior_in_flight = tcp->in_flight;
    got.ack.marked = what.marked;
    for (; tcp->log_seen < what.logged; tcp->log_seen++)
        delivered(tcp, tcp->log[tcp->log_seen & (tcp->log_count - 1)], &got);
    for (; tcp->una < what.expected; tcp->una++) {
        segment_at(tcp, tcp->una)->state = NONE;
        tcp->sacked_out--;
        got.ack.acked++;
    }
    if (tcp->retransmit_from < tcp->una)
        tcp->retransmit_from = tcp->una;
    /* What SACK has told before is not counted again when the gap is filled in (Linux: acked_sacked). */
    got.ack.grows = got.ack.acked ? got.ack.delivered : 0;
    digest(tcp, &got);
}

/* Everything that was not acknowledged counts as lost (RFC 6298, 5.4). */
static void time_out(sluice_sim_tcp *tcp)
{
    news got = {.any = false};

    for (uint64_t n = tcp->una; n < tcp->next; n++)
        if (segment_at(tcp, n)->state == OUT)
            mark_lost(tcp, n, &got);
    tcp->retransmit_from = tcp->una;
    tcp->oldest = tcp->newest;
    if (tcp->state != SLUICE_SIM_TCP_LOSS) {
        tcp->prior_cwnd = tcp->cwnd;
        tcp->ssthresh = tcp->setup.control->ssthresh(tcp);
    }
    tcp->state = SLUICE_SIM_TCP_LOSS;
    tcp->high = tcp->next;
    tcp->cwnd = 1;
    tcp->backoff++;
    tcp->pace_at = tcp->simulation->now;
}

static void on_timer(void *subject, uint64_t argument)
{
    sluice_sim_tcp *tcp = subject;
    sluice_time now = tcp->simulation->now;

    if (argument != tcp->timer || !tcp->active || !tcp->timer_at)
        return;
    if (now < tcp->timer_at) {
        tcp->timer++;
        sluice_sim_at(tcp->simulation, tcp->timer_at, on_timer, tcp, tcp->timer);
        return;
    }
    tcp->timer_at = 0;
    if (probe_allowed(tcp)) {
        tcp->probed = true;
        if (!transmit_new(tcp) && segment_at(tcp, tcp->next - 1)->state == OUT) {
            tcp->in_flight--;
            transmit_again(tcp, tcp->next - 1);
        }
        arm(tcp, true);
        return;
    }
    time_out(tcp);
    send_more(tcp);
    arm(tcp, true);
}

/* ---- steady ---- */

static void steady_send(void *subject, uint64_t argument)
{
    sluice_sim_tcp *tcp = subject;
    sluice_sim_packet *packet;

    (void)argument;
    if (!tcp->active)
        return;
    packet = sluice_sim_packet_new(tcp->simulation, NULL, 0);
    if (!packet)
        return;
    packet->number = tcp->sent_packets++;
    packet->ip_bytes = SLUICE_SIM_TCP_IP_BYTES;
    tcp->sent_bytes += SLUICE_SIM_TCP_IP_BYTES;
    sluice_sim_route_send(&tcp->out, packet);
    sluice_sim_at(tcp->simulation,
                  tcp->simulation->now +
                      (sluice_duration)(SLUICE_SIM_TCP_IP_BYTES * 8e9 / (double)tcp->setup.rate_bps),
                  steady_send, tcp, 0);
}

/* ---- life ---- */

static void begin(void *subject, uint64_t argument)
{
    sluice_sim_tcp *tcp = subject;

    (void)argument;
    if (tcp->over)
        return;
    tcp->active = true;
    if (!tcp->setup.control) {
        if (tcp->setup.rate_bps)
            steady_send(tcp, 0);
        return;
    }
    tcp->first_sent = tcp->delivered_time = tcp->simulation->now;
    tcp->setup.control->init(tcp);
    send_more(tcp);
}

static void end(void *subject, uint64_t argument)
{
    (void)argument;
    sluice_sim_tcp_stop(subject);
}

void sluice_sim_tcp_init(sluice_sim_tcp *tcp, sluice_sim *simulation, const sluice_sim_tcp_setup *setup, uint64_t label)
{
    *tcp = (sluice_sim_tcp){.simulation = simulation,
                            .setup = *setup,
                            .random = sluice_sim_random_make(simulation->seed, label),
                            .cwnd = INITIAL_WINDOW,
                            .ssthresh = 1e15};
    sluice_sim_route_init(&tcp->out, simulation, setup->out, setup->out_count, setup->own_ns, data_arrive, tcp);
    sluice_sim_route_init(&tcp->back, simulation, setup->back, setup->back_count, setup->own_ns, ack_arrive, tcp);
    if (!segments_grow(tcp) || !transmissions_grow(tcp) || !log_grow(tcp))
        return;
    sluice_sim_at(simulation, setup->start, begin, tcp, 0);
    if (setup->stop)
        sluice_sim_at(simulation, setup->stop, end, tcp, 0);
}

void sluice_sim_tcp_stop(sluice_sim_tcp *tcp)
{
    tcp->active = false;
    tcp->over = true;
}

void sluice_sim_tcp_fini(sluice_sim_tcp *tcp)
{
    sluice_sim_route_fini(&tcp->out);
    sluice_sim_route_fini(&tcp->back);
    free(tcp->segments);
    free(tcp->transmissions);
    free(tcp->came);
    free(tcp->log);
    *tcp = (sluice_sim_tcp){.simulation = NULL};
}
