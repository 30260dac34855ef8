/* SPDX-License-Identifier: Apache-2.0 */
/* diagnosis_hosts.c - what both hosts are like: socket buffers, offloads, ciphers, disks, clocks. */
#include "session/telling.h"

#include "session/words.h"
#include <inttypes.h>
#include <string.h>
#include <sys/param.h>

/* What a socket's buffer should hold of the rate: Linux lets a thread wait that long for its processor when others want
 * it. */
#define BUFFER_HOLDS_NS (10 * SLUICE_MS)

/* Without segmentation one call sends one packet: 1.7 Gbit/s of a core, measured without cipher and reports. */
#define OFFLOAD_MATTERS_BPS 500000000

#define CIPHER_PACKET_BYTES 1408 /* of sluice_cipher_measure */

#define CLOCK_NS SLUICE_SECOND /* tickets end, and files are compared, by the second */

/* A host, and what goes through it. */
typedef struct host {
    const char *where;
    sluice_facts facts;
    const char *place;       /* of its disk */
    sluice_rate in, out;     /* what it is to take and to give */
    uint64_t drops, packets; /* of packets to it */
} host;

/* A peer may say anything. */
static uint64_t whole(double value)
{
    return value < 1e18 ? (uint64_t)value : UINT64_C(1000000000000000000);
}

static void buffer(sluice_diagnosis *diagnosis, const host *one)
{
    const sluice_facts *facts = &one->facts;
    uint64_t receive = facts->receive_buffer_bytes, send = facts->send_buffer_bytes;
    sluice_rate rate = MAX(one->in, one->out);
    sluice_duration holds_ns = rate ? whole((double)receive * 8 / (double)rate * SLUICE_SECOND) : SLUICE_NEVER;
    bool drops = one->packets >= SLUICE_PACKETS_LEAST && sluice_share(one->drops, one->packets) >= SLUICE_LOSS_NOTE;
    sluice_sentence remedy = sluice_say("sysctl -w net.core.rmem_max=%" PRIu64 " net.core.wmem_max=%" PRIu64
                                        " %s, and the same in /etc/sysctl.d/ to keep it",
                                        SLUICE_DATAGRAM_BUFFER_BYTES, SLUICE_DATAGRAM_BUFFER_BYTES, one->where);
    if (receive == 0)
        return;
    if (drops)
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "buffer", one->where,
                    sluice_say("%.2f %% of the packets were dropped by the receiving socket, whose buffer has %s",
                               sluice_share(one->drops, one->packets) * 100, sluice_words_bytes(receive).text),
                    receive < SLUICE_DATAGRAM_BUFFER_BYTES
                        ? remedy
                        : sluice_say("the processor does not keep up: a lower --rate, or fewer "
                                     "other programs"));
    else if (receive >= SLUICE_DATAGRAM_BUFFER_BYTES && send >= SLUICE_DATAGRAM_BUFFER_BYTES)
        sluice_tell_good(diagnosis, "buffer", one->where,
                         sluice_say("socket buffers have the %s that are asked for", sluice_words_bytes(receive).text));
    else
        sluice_tell(diagnosis, holds_ns < BUFFER_HOLDS_NS ? SLUICE_FINDING_WARNING : SLUICE_FINDING_NOTE, "buffer",
                    one->where,
                    sluice_say("socket buffers have %s (receiving) and %s (sending) in place of %s; %s%s%s",
                               sluice_words_bytes(receive).text, sluice_words_bytes(send).text,
                               sluice_words_bytes(SLUICE_DATAGRAM_BUFFER_BYTES).text, rate ? "that holds " : "",
                               rate ? sluice_words_time(holds_ns).text : "the kernel allows no more",
                               rate ? " of the rate" : ""),
                    remedy);
}

static void offload(sluice_diagnosis *diagnosis, const host *one)
{
    bool segmenting = one->facts.segmenting, coalescing = one->facts.coalescing;
    bool matters = MAX(one->in, one->out) >= OFFLOAD_MATTERS_BPS;
    if (one->facts.receive_buffer_bytes == 0)
        return;
    if (segmenting && coalescing) {
        sluice_tell_good(diagnosis, "offload", one->where, sluice_say("UDP_SEGMENT and UDP_GRO are in use"));
        return;
    }
    sluice_tell(
        diagnosis, matters ? SLUICE_FINDING_WARNING : SLUICE_FINDING_NOTE, "offload", one->where,
        sluice_say("%s not in use: each packet costs a call", segmenting   ? "UDP_GRO is"
                                                              : coalescing ? "UDP_SEGMENT is"
                                                                           : "UDP_SEGMENT and UDP_GRO are"),
        segmenting
            ? sluice_say("Linux 5.0 or later there; then `ethtool -K DEV gro on`")
            : sluice_say("Linux 4.18 or later there; then `ethtool -K DEV tx-checksumming on tx-udp-segmentation on`"));
}

static sluice_rate cipher_bps(const sluice_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->cipher_count; i++)
        if (strcmp(facts->ciphers[i].name, name) == 0)
            return whole((double)facts->ciphers[i].packets_per_second * CIPHER_PACKET_BYTES * 8);
    return 0;
}

/* Another one that both have and whose slower side is faster; NULL: the one in use is the best. */
static const char *better_cipher(const host *here, const host *there, sluice_rate least)
{
    const char *best = NULL;
    for (size_t i = 0; i < here->facts.cipher_count; i++) {
        const char *name = here->facts.ciphers[i].name;
        sluice_rate slower = MIN(cipher_bps(&here->facts, name), cipher_bps(&there->facts, name));
        if (slower > least && strcmp(name, SLUICE_CIPHER_NONE) != 0) {
            least = slower;
            best = name;
        }
    }
    return best;
}

static void cipher(sluice_diagnosis *diagnosis, const host *here, const host *there, const char *name)
{
    sluice_rate own = cipher_bps(&here->facts, name), other = cipher_bps(&there->facts, name), least = MIN(own, other);
    const host *slower = own <= other ? here : there;
    if (own == 0 || other == 0)
        return;
    sluice_sentence sentence =
        sluice_say("%s: %s on one of %" PRIu64 " cores here, %s on one of %" PRIu64 " there", name,
                   sluice_words_rate(own).text, here->facts.cores, sluice_words_rate(other).text, there->facts.cores);
    const char *better = better_cipher(here, there, least);
    if (least < diagnosis->target_bps)
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "cipher", slower->where, sentence,
                    better ? sluice_say("--cipher %s is faster for both", better)
                           : sluice_say("that is less than %s: a processor with AES instructions, or a lower --rate",
                                        sluice_words_rate(diagnosis->target_bps).text));
    else
        sluice_tell_good(diagnosis, "cipher", SLUICE_AT_PATH, sentence);
}

static void disk(sluice_diagnosis *diagnosis, const host *one)
{
    const sluice_facts *facts = &one->facts;
    if (facts->disk_write_bps == 0 || facts->disk_read_bps == 0) {
        if (facts->disk_why[0])
            sluice_tell(diagnosis, SLUICE_FINDING_NOTE, "disk", one->where,
                        sluice_say("not measured (%s): %s", one->place, facts->disk_why), sluice_say("%s", ""));
        return;
    }
    bool slow_in = facts->disk_write_bps < one->in, slow_out = facts->disk_read_bps < one->out;
    sluice_sentence sentence =
        sluice_say("%s writes %s, reads %s", one->place, sluice_words_rate(facts->disk_write_bps).text,
                   sluice_words_rate(facts->disk_read_bps).text);
    if (!slow_in && !slow_out)
        sluice_tell_good(diagnosis, "disk", one->where, sentence);
    else
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "disk", one->where, sentence,
                    sluice_say("slower than the path, which carries %s: a faster disk, or other programs that keep it "
                               "busy (`iostat -x 1`)",
                               sluice_words_rate(slow_in ? one->in : one->out).text));
}

static int64_t later(int64_t clock_ns, sluice_duration ns)
{
    int64_t out;
    return ns > INT64_MAX || __builtin_add_overflow(clock_ns, (int64_t)ns, &out) ? INT64_MAX : out;
}

/* Half a round trip lies between the server's word and ours; what it took longer only makes its clock look late, so the
 * largest value is nearest to the truth. */
static void clocks(sluice_diagnosis *diagnosis, const sluice_probe *pull, const sluice_probe *push)
{
    const sluice_probe *both[] = {pull, push};
    int64_t ahead = INT64_MIN;
    for (size_t i = 0; i < SLUICE_COUNT(both); i++)
        if (both[i] && both[i]->has_facts && both[i]->there.wall_ns)
            ahead = MAX(ahead, later(both[i]->clock_ns, both[i]->min_rtt_ns / 2));
    if (ahead == INT64_MIN)
        return;
    sluice_duration apart = ahead < 0 ? -(uint64_t)ahead : (uint64_t)ahead;
    if (apart <= CLOCK_NS)
        sluice_tell_good(diagnosis, "clock", SLUICE_AT_PATH,
                         sluice_say("both clocks agree within %s", sluice_words_time(MAX(apart, SLUICE_MS)).text));
    else
        sluice_tell(
            diagnosis, SLUICE_FINDING_WARNING, "clock", SLUICE_AT_PATH,
            sluice_say("the clock of %s is %s %s ours: tickets expire at the wrong time, and newer files look older",
                       diagnosis->server, sluice_words_time(apart).text, ahead < 0 ? "behind" : "ahead of"),
            sluice_say("let both follow the time: `systemctl enable --now chrony`, then `chronyc tracking`"));
}

static const sluice_probe *best_of(const sluice_probe *a, const sluice_probe *b, bool a_is_better)
{
    return a && (a_is_better || !b) ? a : b;
}

/* Both probes have told of both hosts, but the disk there is measured for one of them only, and a socket is there only
 * with UDP. */
static void hosts_fill(const sluice_probe *pull, const sluice_probe *push, host *here, host *there)
{
    const sluice_probe *heard = best_of(pull, push, pull && pull->has_facts);
    const sluice_probe *sockets = best_of(pull, push, pull && pull->here.receive_buffer_bytes > 0);
    const sluice_probe *other = heard == pull ? push : pull;
    here->facts = sockets->here;
    there->facts = heard->there;
    if (there->facts.disk_write_bps == 0 && other && other->there.disk_write_bps > 0) {
        there->facts.disk_write_bps = other->there.disk_write_bps;
        there->facts.disk_read_bps = other->there.disk_read_bps;
    }
    here->drops = pull ? pull->receiver_drops : 0;
    here->packets = pull ? pull->data_packets : 0;
    there->drops = push ? push->receiver_drops : 0;
    there->packets = push ? push->data_packets : 0;
}

void sluice_diagnose_hosts(sluice_diagnosis *diagnosis, const sluice_probe *pull, const sluice_probe *push,
                           const sluice_facts *disk_here, const char *place)
{
    host here = {.where = SLUICE_AT_HERE, .place = place};
    host there = {.where = SLUICE_AT_THERE,
                  .place = diagnosis->by_ssh ? "the home directory" : "the root of the server"};
    const sluice_probe *any = best_of(pull, push, sluice_by_udp(pull));
    if (!any)
        return;
    hosts_fill(pull, push, &here, &there);
    here.facts.disk_write_bps = disk_here->disk_write_bps;
    here.facts.disk_read_bps = disk_here->disk_read_bps;
    memcpy(here.facts.disk_why, disk_here->disk_why, sizeof here.facts.disk_why);
    here.in = there.out = MAX(pull ? pull->rate_bps : 0, diagnosis->target_bps);
    here.out = there.in = MAX(push ? push->rate_bps : 0, diagnosis->target_bps);
    buffer(diagnosis, &here);
    buffer(diagnosis, &there);
    offload(diagnosis, &here);
    offload(diagnosis, &there);
    cipher(diagnosis, &here, &there, any->cipher);
    disk(diagnosis, &here);
    disk(diagnosis, &there);
    clocks(diagnosis, pull, push);
}
