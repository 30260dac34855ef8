/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtt.h - what is known of the path's delays: round trip (RFC 6298), its least, and the queue on the way out.
 *
 * The one-way delay is the receiver's clock minus ours: only its changes mean something.  The queue is the delay
 * above the least one seen, after the clocks' skew has been taken out.  A small packet is faster on the line: on 10 Mbit/s by a
 * millisecond, which a control that keeps a short queue would take for one.  So as long as full ones come, only these tell.
 *
 * There are two round trips.  That of the path ends when the kernel has the report, and the peer's hold is taken out of
 * it: the rate control goes by it, since waits in sockets are no queue of the path.  But time-outs run until a report is
 * *read*.  So they go by a round trip that has in it how long the packet lay unread at the peer, and the report here.  With
 * the path's, a busy host took every packet for lost whose report lay in its own socket.
 */
#ifndef ENGINE_RTT_H
#define ENGINE_RTT_H

#include <sluice/types.h>

#define ENGINE_LEAST_SLOTS 10
#define ENGINE_SKEW_POINTS 32

/* The least value of the last ten slots of one second or so. */
typedef struct engine_least {
    int64_t slot[ENGINE_LEAST_SLOTS];
    uint64_t epoch; /* number of the newest slot, plus one; 0: empty */
    int64_t least;
} engine_least;

typedef struct engine_rtt {
    sluice_duration srtt, rttvar, min_rtt; /* of the path; srtt 0: none measured */
    sluice_duration initial;               /* assumed until then */
    sluice_duration answer_latest, answer, answer_var; /* until a report is read: what time-outs go by */
    engine_least least_rtt;
    engine_least least_oneway; /* of skew-corrected one-way delays of full packets */
    engine_least least_small;  /* the same of small ones, while no others come */
    sluice_time full_at;       /* when the last full packet that told was sent; 0: none yet */
    engine_least least_return; /* report's arrival here minus the packet's arrival there */
    struct {
        sluice_time time;
        int64_t delay;
    } points[ENGINE_SKEW_POINTS]; /* least raw one-way delay of each stretch of time */
    uint32_t point_count;
    sluice_duration stretch; /* length of a stretch; doubles when the table is full */
    sluice_time skew_origin;
    double skew; /* receiver's clock gains that many seconds per second */
    bool around_known;
    int64_t around_least; /* least of one way and least way back together: what tells an empty path */
} engine_rtt;

void engine_least_add(engine_least *least, sluice_time now, sluice_duration slot, int64_t value);

void engine_rtt_init(engine_rtt *rtt, sluice_duration initial);
void engine_rtt_sample(engine_rtt *rtt, sluice_time now, sluice_duration sample);

/* From when that packet was sent until its report was read, but for what the peer held the report back on purpose. */
void engine_rtt_answered(engine_rtt *rtt, sluice_duration sample);

/* srtt, or what is assumed before the first measurement. */
sluice_duration engine_rtt_smoothed(const engine_rtt *rtt);

/* How long reports take to be read, the smoothed and the latest, whichever is longer. */
sluice_duration engine_rtt_answer_most(const engine_rtt *rtt);

/* Probe time-out without backoff: RFC 9002, 6.2.1, with the peer's greatest report delay. */
sluice_duration engine_rtt_pto(const engine_rtt *rtt);

/* The same for what is answered at once: a report that is asked for leaves within 1 ms. */
sluice_duration engine_rtt_answer(const engine_rtt *rtt);

/* How long a receiver holds its report back at most: a quarter of the round trip, 1 to 20 ms. */
sluice_duration engine_rtt_report_delay(const engine_rtt *rtt);

/* Notes one packet's one-way delay; *queue: what it saw.  False: it is small, and full ones have told of late. */
bool engine_rtt_oneway(engine_rtt *rtt, sluice_time sent, sluice_time arrived, bool small, sluice_duration *queue);

/* The least one-way delay of full packets that were sent of late; 0: there were none. */
int64_t engine_rtt_base(const engine_rtt *rtt, sluice_time now);

/* When the report would have been here with an empty way back: what delivery rates are measured with, so that a queue
 * on the way back does not disturb them. */
sluice_time engine_rtt_arrival(engine_rtt *rtt, sluice_time now, sluice_time arrived);

#endif
