/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small messages on ordered objects, as live streams send them: how long each is under way, with the real engine and
 * the real controls in virtual time.
 *
 * Every message must come within the path's own time and
 *
 *     0.5 ms                                       if no packet with a part of it was lost,
 *     sum of (1.5 rtt + 5 ms) x 2^i, i < k         more if k packets with parts of it were lost;
 *
 * in order, so it may wait for those before it.  The path's own time is propagation, jitter, and the sending of what
 * may lie in the bottleneck before it: a burst of the pacer.  rtt includes the jitter of both ways.
 *
 *     test_latency                 all of them
 *     test_latency FIRST COUNT     these seeds
 *     test_latency SEED            one, with every event on stderr
 */
#include "../../plugins/transport/engine/wire.h"
#include "sim/application.h"
#include "sim/endpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const sluice_plugin congestion_fair_LTX_sluice_plugin;
extern const sluice_plugin congestion_fixed_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

#define CASES 6000
#define TWICE_EVERY 50 /* each so many-th seed runs twice: the same seed must do the same */
#define STREAM 1       /* the object that carries messages */
#define MESSAGES 64
#define STREAM_BYTES (64 * 1024)
#define ALLOWED (SLUICE_MS / 2)
#define RECOVERY(rtt) ((rtt) + (rtt) / 2 + 5 * SLUICE_MS)
#define FULL_PACKET 1500u

typedef struct message {
    uint64_t end; /* in the object */
    sluice_time said, heard;
    unsigned lost; /* packets that carried a part of it */
    bool blind;    /* the round trip was not known when it was said */
} message;

typedef struct talk talk;

typedef struct family {
    const char *name;
    void (*run)(talk *t);
} family;

/* One direction. */
typedef struct voice {
    talk *talk;
    int side; /* of the speaker */
    sluice_sim_link link;
    sluice_sim_link_setup path;
    sim_endpoint end; /* the speaker */
    sim_endpoint_setup setup;
    sim_object_setup objects[STREAM + 1];
    message messages[MESSAGES];
    unsigned said, heard;
    sluice_time expected; /* of the last message heard: none after it may come earlier */
    unsigned doom;        /* so many packets with a part of the last message are lost */
    double loss;          /* of packets with messages */
    double owed;          /* what the pacer's bucket lacks at most */
    sluice_time owed_at;
} voice;

struct talk {
    sluice_sim simulation;
    sluice_sim_random random;
    const family *family;
    voice voices[2];
    sluice_duration rtt; /* with all jitter */
    bool rtt_known;      /* to the speakers */
    bool chatty;         /* there is a message each way in every round trip */
    bool answers;        /* each message is answered by the other side */
    uint64_t answered;
    uint64_t sent, again; /* packets with data on paths without loss, jitter and surprise */
    double worst;         /* of what was allowed beyond the path's own time, the part that was used */
};

static double log_uniform(sluice_sim_random *random, double least, double most)
{
    return least * pow(most / least, sluice_sim_random_unit(random));
}

/* ---- what is lost ---- */

static unsigned carried(voice *v, const sluice_sim_packet *packet, bool count)
{
    const uint8_t *at = packet->data + ENGINE_HEADER_BYTES, *end = packet->data + packet->size - 16;
    engine_frame frame;
    unsigned last = 0;

    while (engine_frame_get(&at, end, &frame) == ENGINE_FRAME_READ) {
        bool data = frame.type == ENGINE_FRAME_DATA || frame.type == ENGINE_FRAME_DATA_LAST;
        uint64_t from = data ? frame.field[2] : 0, to = data ? from + frame.rest_bytes : 0;

        if (!data || frame.field[0] != STREAM)
            continue;
        for (unsigned i = 0; i < v->said; i++) {
            uint64_t begin = i ? v->messages[i - 1].end : 0;

            if (from >= v->messages[i].end || to <= begin)
                continue;
            v->messages[i].lost += count;
            last = i + 1;
        }
    }
    return last;
}

static bool picks(void *picker, const sluice_sim_packet *packet)
{
    voice *v = picker;
    unsigned last = carried(v, packet, false);
    bool lost = last && v->loss > 0 && sluice_sim_random_chance(&v->talk->random, v->loss);

    if (last && last == v->said && v->doom) {
        v->doom--;
        lost = true;
    }
    if (lost)
        carried(v, packet, true);
    sluice_sim_say(&v->talk->simulation, "side %d: packet %llu of %u bytes%s, message %u of %u%s", v->side,
            (unsigned long long)packet->number, packet->ip_bytes, last ? "" : " without messages", last, v->said,
            lost ? ", is lost" : "");
    return lost;
}

/* ---- what is said and heard ---- */

static void say(voice *v, uint64_t bytes)
{
    sim_object *object = &v->end.objects[STREAM];
    sluice_sim *simulation = &v->talk->simulation;
    sluice_transport_statistics statistics;
    int status = SLUICE_OK;

    if (!object->open)
        status = v->end.ops->open(v->end.transport.state, STREAM, SLUICE_OBJECT_ORDERED, 1);
    object->open = true;
    sim_endpoint_statistics(&v->end, &statistics);
    v->messages[v->said++] = (message){.end = object->offered + bytes,
                                       .said = simulation->now,
                                       .blind = !v->talk->rtt_known && statistics.srtt_ns == 0};
    object->offered += bytes;
    object->wanted += bytes;
    if (!status)
        status = v->end.ops->offer(v->end.transport.state, STREAM, object->offered - bytes, object->offered);
    if (status)
        sluice_sim_fail(simulation, "a message cannot be said: %s", sluice_status_text(status));
    sluice_sim_at(simulation, simulation->now, sim_endpoint_work, &v->end, UINT64_MAX);
}

/* What the path itself takes: a message may find two packets of the pacer's burst in the bottleneck before it. */
static sluice_duration own_time(const voice *v)
{
    double bits = 3.0 * FULL_PACKET * 8;

    return v->path.delay_ns + v->path.jitter_ns +
           (v->path.rate_bps ? (sluice_duration)(bits / (double)v->path.rate_bps * 1e9) : 0);
}

/* A speaker who has not measured the round trip yet goes by what it was told, or 200 ms. */
static sluice_duration recovery(const talk *t, const message *m)
{
    sluice_duration rtt = m->blind && t->rtt < 200 * SLUICE_MS ? 200 * SLUICE_MS : t->rtt, sum = 0;

    for (unsigned i = 0; i < m->lost; i++)
        sum += RECOVERY(rtt) << i;
    return sum;
}

static void judge(voice *v, message *m)
{
    talk *t = v->talk;
    sluice_time earliest = m->said + own_time(v), expected = earliest + ALLOWED + recovery(t, m);

    v->expected = expected > v->expected ? expected : v->expected;
    m->heard = t->simulation.now;
    if (m->heard > earliest && v->expected > earliest) {
        double used = (double)(m->heard - earliest) / (double)(v->expected - earliest);

        t->worst = used > t->worst ? used : t->worst;
    }
    sluice_transport_statistics statistics;
    sim_endpoint_statistics(&v->end, &statistics);
    if (m->heard > v->expected)
        sluice_sim_fail(
            &t->simulation,
            "message %u of side %d, said at %.6f s, came %.3f ms later, %.3f ms were allowed; the path takes %.3f, "
            "rtt %.3f ms, lost %u times; pacing %.3f Mbit/s, srtt %.3f ms, rttvar %.3f ms",
            (unsigned)(m - v->messages), v->side, (double)(m->said - SLUICE_SIM_START) / 1e9,
            (double)(m->heard - m->said) / 1e6, (double)(v->expected - m->said) / 1e6, (double)own_time(v) / 1e6,
            (double)t->rtt / 1e6, m->lost, (double)statistics.control.pacing_bps / 1e6,
            (double)statistics.srtt_ns / 1e6, (double)statistics.rttvar_ns / 1e6);
}

static void hear(void *hearer, sluice_object_id id, uint64_t upto)
{
    voice *v = hearer;
    voice *other = &v->talk->voices[1 - v->side];

    if (id != STREAM)
        return;
    while (v->heard < v->said && v->messages[v->heard].end <= upto) {
        judge(v, &v->messages[v->heard++]);
        if (v->talk->answers && other->said < MESSAGES) {
            v->talk->answered++;
            say(other, 1 + sluice_sim_random_below(&v->talk->random, 600));
        }
    }
}

/* ---- families ---- */

static void wait(talk *t, sluice_duration duration)
{
    if (!t->simulation.failed)
        sluice_sim_run(&t->simulation, t->simulation.now + duration);
}

static void wait_until_heard(talk *t, voice *v)
{
    sluice_time limit = t->simulation.now + 60 * SLUICE_SECOND;

    while (v->heard < v->said && !t->simulation.failed && t->simulation.now < limit)
        wait(t, SLUICE_MS);
    if (v->heard < v->said)
        sluice_sim_fail(&t->simulation, "message %u of side %d does not come", v->heard, v->side);
}

/* Whether the pacer has room for so much on top of what was said, however it was disturbed by packets of the engine's
 * own: half of its rate and a third of its least burst are left for those. */
static bool affordable(voice *v, uint64_t bytes)
{
    sluice_transport_statistics statistics;
    sluice_time now = v->talk->simulation.now;

    sim_endpoint_statistics(&v->end, &statistics);
    /* Until the client has heard something, each of its packets is padded: nothing beside the first message fits. */
    if (v->side == 0 && !v->end.ready) {
        v->owed = 3 * FULL_PACKET;
        return v->said == 0 && now == SLUICE_SIM_START;
    }
    v->owed -= (double)statistics.control.pacing_bps / 16 * (double)(now - v->owed_at) / 1e9;
    v->owed_at = now;
    if (v->owed < 0 || statistics.control.pacing_bps == 0)
        v->owed = 0;
    if (v->owed + (double)bytes + 80 > 800)
        return false;
    v->owed += (double)bytes + 80;
    v->talk->voices[1 - v->side].owed += 90; /* for the report */
    return true;
}

static void say_when_affordable(voice *v, uint64_t bytes)
{
    while (!affordable(v, bytes) && !v->talk->simulation.failed)
        wait(v->talk, SLUICE_MS);
    say(v, bytes);
}

/* Nothing is lost: whenever something is said, from the very start on, it leaves at once. */
static void at_any_time(talk *t)
{
    if (sluice_sim_random_chance(&t->random, 0.5))
        wait(t, (sluice_duration)log_uniform(&t->random, 1e3, 1e9));
    for (unsigned i = 0; i < MESSAGES; i++) {
        voice *v = &t->voices[sluice_sim_random_below(&t->random, 2)];
        uint64_t bytes = 1 + sluice_sim_random_below(&t->random, 600);

        if (affordable(v, bytes))
            say(v, bytes);
        if (sluice_sim_random_chance(&t->random, 0.7))
            wait(t, (sluice_duration)log_uniform(&t->random, 1e3, sluice_sim_random_chance(&t->random, 0.1) ? 20e9 : 50e6));
    }
    wait_until_heard(t, &t->voices[0]);
    wait_until_heard(t, &t->voices[1]);
    for (int side = 0; side < 2; side++) {
        sluice_transport_statistics statistics;

        sim_endpoint_statistics(&t->voices[side].end, &statistics);
        if (!t->rtt_known || t->rtt > 200 * SLUICE_MS || t->voices[0].path.jitter_ns)
            continue;
        t->sent += statistics.data_packets_sent;
        t->again += statistics.resent_packets;
    }
}

/* A message that is alone on the path is lost, once or several times. */
static void alone_and_lost(talk *t)
{
    for (unsigned i = 0; i < MESSAGES && !t->simulation.failed; i++) {
        voice *v = &t->voices[sluice_sim_random_below(&t->random, 2)];

        v->doom = i > 4 && sluice_sim_random_chance(&t->random, 0.4) ? 1 + (unsigned)sluice_sim_random_below(&t->random, 3) : 0;
        say_when_affordable(v, 1 + sluice_sim_random_below(&t->random, 600));
        wait_until_heard(t, v);
        wait(t, t->rtt + (sluice_duration)log_uniform(&t->random, 1e3, 1e9));
    }
}

/* Each message is answered at once, and each answer is a new question. */
static void questions_and_answers(talk *t)
{
    t->answers = true;
    while (!(t->voices[0].end.ready && t->voices[1].end.ready) && !t->simulation.failed)
        wait(t, SLUICE_MS);
    for (int side = 0; side < 2; side++)
        t->voices[side].loss = 0.2 * sluice_sim_random_unit(&t->random);
    say(&t->voices[sluice_sim_random_below(&t->random, 2)], 100);
    for (sluice_time limit = t->simulation.now + 300 * SLUICE_SECOND;
         t->answered < 2 * MESSAGES - 1 && t->simulation.now < limit && !t->simulation.failed;)
        wait(t, 100 * SLUICE_MS);
    if (t->answered < 2 * MESSAGES - 1)
        sluice_sim_fail(&t->simulation, "%" PRIu64 " answers came", t->answered);
}

/* A message every so often, in one direction or both, some of them lost. */
static void at_intervals(talk *t)
{
    sluice_duration interval = (sluice_duration)log_uniform(&t->random, 1e6, 100e6);
    bool both = sluice_sim_random_chance(&t->random, 0.5);

    for (int side = 0; side < 2; side++)
        t->voices[side].loss = 0.1 * sluice_sim_random_unit(&t->random);
    for (unsigned i = 0; i < MESSAGES && !t->simulation.failed; i++) {
        for (int side = 0; side <= both; side++) {
            uint64_t bytes = 1 + sluice_sim_random_below(&t->random, 300);

            if (affordable(&t->voices[side], bytes))
                say(&t->voices[side], bytes);
        }
        wait(t, interval);
    }
    wait_until_heard(t, &t->voices[0]);
    wait_until_heard(t, &t->voices[1]);
}

static const family families[] = {
    {"at any time", at_any_time},
    {"alone and lost", alone_and_lost},
    {"questions and answers", questions_and_answers},
    {"at intervals", at_intervals},
};

/* ---- a talk ---- */

static void path_draw(talk *t)
{
    double rtt = log_uniform(&t->random, 1e6, 600e6), part = sluice_sim_random_chance(&t->random, 0.5) ? 0.5 : 0.2;
    sluice_rate rate = sluice_sim_random_chance(&t->random, 0.5) ? (sluice_rate)log_uniform(&t->random, 20e6, 1e9) : 0;
    sluice_duration jitter =
        sluice_sim_random_chance(&t->random, 0.4) ? (sluice_duration)log_uniform(&t->random, 10e3, 5e6) : 0;

    for (int side = 0; side < 2; side++) {
        sluice_duration delay = (sluice_duration)(rtt * (side ? 1 - part : part));

        t->voices[side].path = (sluice_sim_link_setup){.rate_bps = rate,
                                                .delay_ns = delay,
                                                .queue_bytes = 100000,
                                                .mtu = 1500,
                                                .jitter_ns = jitter,
                                                .jitter_reorders = sluice_sim_random_chance(&t->random, 0.5),
                                                .picks = picks,
                                                .picker = &t->voices[side]};
    }
    t->rtt = own_time(&t->voices[0]) + own_time(&t->voices[1]);
}

/* Questions and answers follow each other every round trip: there must be room for two full packets in it, and for one
 * in the half millisecond that is allowed. */
static void ends_draw(talk *t)
{
    bool fixed = sluice_sim_random_chance(&t->random, 0.5);
    sluice_rate link = t->voices[0].path.rate_bps;
    double least = fmax(0.5e6, FULL_PACKET * 8 * fmax(2e9 / (double)t->rtt, 2e3)),
           most = fmax(least, link ? (double)link : 1e9);

    for (int side = 0; side < 2; side++) {
        voice *v = &t->voices[side];

        v->objects[0] = (sim_object_setup){.flags = SLUICE_OBJECT_ORDERED};
        v->objects[STREAM] = (sim_object_setup){
            .flags = SLUICE_OBJECT_ORDERED, .priority = 1, .bytes = STREAM_BYTES, .start = SLUICE_SECOND << 30};
        v->setup = (sim_endpoint_setup){
            .role = side ? SLUICE_SERVER : SLUICE_CLIENT,
            .transport = &transport_udp_LTX_sluice_plugin,
            .congestion = fixed ? &congestion_fixed_LTX_sluice_plugin : &congestion_fair_LTX_sluice_plugin,
            .limits = {.target_bps = fixed ? (sluice_rate)log_uniform(&t->random, t->chatty ? least : 0.5e6, most) : 0},
            .out = &v->link,
            .objects = v->objects,
            .object_count = STREAM + 1,
            .ordered_bytes = 64 << 10,
            .heard = hear,
            .hearer = &t->voices[1 - side]};
    }
}

static void begin(talk *t, uint64_t seed, bool verbose)
{
    memset(t, 0, sizeof(*t));
    sluice_sim_init(&t->simulation, seed);
    t->simulation.verbose = verbose;
    t->random = sluice_sim_random_make(seed, 99);
    for (int side = 0; side < 2; side++) {
        t->voices[side].talk = t;
        t->voices[side].side = side;
        t->voices[side].owed_at = SLUICE_SIM_START;
    }
    t->family = &families[seed % SLUICE_COUNT(families)];
    path_draw(t);
    t->chatty = t->family->run == questions_and_answers;
    ends_draw(t);
    for (int side = 0; side < 2; side++)
        sluice_sim_link_init(&t->voices[side].link, &t->simulation, &t->voices[side].path, 1 + (uint64_t)side);
    t->rtt_known = sluice_sim_random_chance(&t->random, 0.7);
    sim_endpoint_pair(&t->voices[0].end, &t->voices[1].end, &t->simulation, &t->voices[0].setup, &t->voices[1].setup,
                      t->rtt_known);
}

/* Whatever lies on the wire arrives; then nothing may be left. */
static void end(talk *t)
{
    t->voices[0].end.live = t->voices[1].end.live = false;
    if (!t->simulation.failed)
        sluice_sim_run(&t->simulation, SLUICE_NEVER);
    for (int side = 0; side < 2; side++) {
        sluice_sim_note(&t->simulation, t->voices[side].end.delivered_bytes);
        sim_endpoint_fini(&t->voices[side].end);
    }
    for (int side = 0; side < 2; side++)
        sluice_sim_link_fini(&t->voices[side].link);
    sluice_sim_fini(&t->simulation);
}

static uint64_t run(talk *t, uint64_t seed, bool verbose, unsigned *failures)
{
    begin(t, seed, verbose);
    if (!t->simulation.failed)
        t->family->run(t);
    end(t);
    if (t->simulation.failed) {
        (*failures)++;
        printf("FAIL %s: %s\n  again, with all events: test_latency %" PRIu64 "\n", t->family->name,
               t->simulation.failure, seed);
    }
    return t->simulation.trace;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : CASES;
    talk *t = malloc(sizeof(*t));
    unsigned failures = 0;
    uint64_t sent = 0, again = 0;
    double worst[SLUICE_COUNT(families)] = {0};

    if (!t)
        return 1;
    for (uint64_t seed = first; seed < first + count && failures < 20; seed++) {
        uint64_t trace = run(t, seed, argc == 2, &failures);
        double *at = &worst[seed % SLUICE_COUNT(families)];

        *at = t->worst > *at ? t->worst : *at;
        sent += t->sent;
        again += t->again;
        if (seed % TWICE_EVERY == 0 && run(t, seed, false, &failures) != trace) {
            failures++;
            printf("FAIL %s: seed %" PRIu64 " does not do the same twice\n", t->family->name, seed);
        }
    }
    for (size_t i = 0; i < SLUICE_COUNT(families); i++)
        printf("%s: at most %.0f %% of what was allowed\n", families[i].name, 100 * worst[i]);
    printf("%" PRIu64 " of %" PRIu64 " packets were sent again though nothing was lost%s\n", again, sent,
           again > sent / 1000 ? ": FAIL" : "");
    failures += again > sent / 1000;
    printf("latency: %" PRIu64 " seeds from %" PRIu64 ", %u failures\n", count, first, failures);
    free(t);
    return failures ? 1 : 0;
}
