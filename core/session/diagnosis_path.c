/* SPDX-License-Identifier: Apache-2.0 */
/* diagnosis_path.c - what a path is like: round trip, loss, packet size, rate. */
#include "session/telling.h"

#include "session/words.h"
#include <inttypes.h>
#include <string.h>
#include <sys/param.h>

/* A standing queue delays everything else on the line; 100 ms are noticed by people who type. */
#define QUEUE_NS (100 * SLUICE_MS)
#define RTT_LONG_NS (500 * SLUICE_MS) /* no way on the earth's surface is so long: a satellite, or a detour */

#define LOSS_WARNING 0.02 /* as of `limited_by`: random loss of a good path stays below */
#define LOSS_BAD 0.25     /* most of the rate goes into repeats, and other programs do not get through at all */

#define MTU_WARNING 1280 /* every IPv6 link takes that much; less means that only the smallest size passed */
#define MTU_NOTE 1400    /* less than a common tunnel leaves of 1500 */

/* Of the target, headers counted.  Half of it is what two transfers at once would get; a tenth is another order of
 * size. */
#define HEADER_SHARE 1.07 /* IP, UDP, seal and frames on 1500 bytes, and less on more */
#define SHARE_GOOD 0.85   /* two seconds hold a start as well */
#define SHARE_NOTE 0.5
#define SHARE_WARNING 0.1
#define RATE_WARNING 1000000 /* without a target: 1 Mbit/s needs over two hours for a GB */
#define RATE_BAD 100000      /* 100 kbit/s needs a day */

static const char *direction(const sluice_probe *probe)
{
    return probe->push ? "to" : "from";
}

static sluice_duration least_rtt(const sluice_probe *pull, const sluice_probe *push)
{
    sluice_duration a = pull ? pull->min_rtt_ns : 0, b = push ? push->min_rtt_ns : 0;
    return a && b ? MIN(a, b) : MAX(a, b);
}

static void rtt(sluice_diagnosis *diagnosis, const sluice_probe *pull, const sluice_probe *push)
{
    sluice_duration least = least_rtt(pull, push), loaded = MAX(pull ? pull->srtt_ns : 0, push ? push->srtt_ns : 0);
    sluice_duration queue = loaded > least ? loaded - least : 0;
    sluice_rate rate = MAX(pull ? pull->rate_bps : 0, push ? push->rate_bps : 0);
    sluice_sentence sentence =
        sluice_say("round trip %s, %s while data flows", sluice_words_time(MAX(least, SLUICE_US)).text,
                   sluice_words_time(MAX(loaded, SLUICE_US)).text);
    if (least == 0)
        return;
    if (queue > QUEUE_NS)
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "rtt", SLUICE_AT_PATH, sentence,
                    sluice_say("a queue of %s stands on the path: --rate below %s leaves it empty",
                               sluice_words_time(queue).text, sluice_words_rate(rate).text));
    else if (least > RTT_LONG_NS)
        sluice_tell(diagnosis, SLUICE_FINDING_NOTE, "rtt", SLUICE_AT_PATH, sentence,
                    sluice_say("a satellite, or a detour: `mtr %s` shows where the time goes", diagnosis->host));
    else
        sluice_tell_good(diagnosis, "rtt", SLUICE_AT_PATH, sentence);
}

/* What the receiver's own socket has dropped is not the path's doing. */
static void loss(sluice_diagnosis *diagnosis, const sluice_probe *probe)
{
    uint64_t lost = probe->lost_packets > probe->receiver_drops ? probe->lost_packets - probe->receiver_drops : 0;
    double part = sluice_share(lost, probe->data_packets);
    sluice_finding_level level = part >= LOSS_BAD           ? SLUICE_FINDING_BAD
                                 : part >= LOSS_WARNING     ? SLUICE_FINDING_WARNING
                                 : part >= SLUICE_LOSS_NOTE ? SLUICE_FINDING_NOTE
                                                            : SLUICE_FINDING_GOOD;
    sluice_sentence sentence = sluice_say("%.2f %% of %" PRIu64 " packets %s %s were lost", part * 100,
                                          probe->data_packets, direction(probe), diagnosis->server);
    bool pushed = probe->target_bps && strcmp(probe->limited_by, "target") == 0;
    if (probe->data_packets < SLUICE_PACKETS_LEAST)
        sluice_tell_good(diagnosis, "loss", SLUICE_AT_PATH,
                         sluice_say("%" PRIu64 " packets %s %s are too few to tell", probe->data_packets,
                                    direction(probe), diagnosis->server));
    else
        sluice_tell(
            diagnosis, level, "loss", SLUICE_AT_PATH, sentence,
            pushed ? sluice_say(
                         "more is asked for than the path carries? A lower --rate; with --policy fair it is found out")
                   : sluice_say("look for the link: `mtr -u -P 33434 %s`, `ethtool -S DEV | grep -iE 'drop|err'`; "
                                "sluice repeats what is lost, "
                                "other programs suffer more",
                                diagnosis->host));
}

static void mtu(sluice_diagnosis *diagnosis, const sluice_probe *probe)
{
    sluice_sentence sentence =
        sluice_say("packets of up to %" PRIu64 " bytes pass %s %s", probe->mtu, direction(probe), diagnosis->server);
    if (probe->mtu == 0 || probe->data_packets < SLUICE_PACKETS_LEAST)
        return;
    if (probe->mtu < MTU_WARNING)
        sluice_tell(diagnosis, SLUICE_FINDING_WARNING, "mtu", SLUICE_AT_PATH, sentence,
                    sluice_say("more work for the same data: find the narrow link with `tracepath %s`, or see whether "
                               "large packets are "
                               "filtered: `ping -M do -s 1400 %s`",
                               diagnosis->host, diagnosis->host));
    else if (probe->mtu < MTU_NOTE)
        sluice_tell(diagnosis, SLUICE_FINDING_NOTE, "mtu", SLUICE_AT_PATH, sentence,
                    sluice_say("a tunnel lies on the path; nothing needs to be done, sluice finds the size by itself"));
    else
        sluice_tell_good(diagnosis, "mtu", SLUICE_AT_PATH, sentence);
}

/* Who is held by a target has reached it, whatever the figure of so short a time says. */
static sluice_finding_level rate_level(const sluice_probe *probe, sluice_rate target_bps)
{
    double part = target_bps ? (double)probe->rate_bps * HEADER_SHARE / (double)target_bps : 0;
    if (target_bps == 0)
        return probe->rate_bps < RATE_BAD       ? SLUICE_FINDING_BAD
               : probe->rate_bps < RATE_WARNING ? SLUICE_FINDING_WARNING
                                                : SLUICE_FINDING_GOOD;
    return part >= SHARE_GOOD || strcmp(probe->limited_by, "target") == 0 ? SLUICE_FINDING_GOOD
           : part >= SHARE_NOTE                                           ? SLUICE_FINDING_NOTE
           : part >= SHARE_WARNING                                        ? SLUICE_FINDING_WARNING
                                                                          : SLUICE_FINDING_BAD;
}

static sluice_sentence rate_remedy(const sluice_probe *probe)
{
    static const struct {
        const char *word, *remedy;
    } rows[] = {
        {"loss", "see the loss; it is what holds the rate"},
        {"receiver_cpu", "see buffer, offload and cipher of the receiving side: its processor is what holds the rate"},
        {"sender_cpu", "see offload and cipher of the sending side: its processor is what holds the rate"},
        {"window", "give both sides more memory: --memory"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (strcmp(rows[i].word, probe->limited_by) == 0)
            return sluice_say("%s", rows[i].remedy);
    return sluice_say("the path carries no more at present: --rate '%s' asks for what it gives",
                      sluice_words_rate(probe->rate_bps).text);
}

static void rate(sluice_diagnosis *diagnosis, const sluice_probe *probe)
{
    sluice_rate target_bps = diagnosis->target_bps;
    bool capped = probe->target_bps && (target_bps == 0 || probe->target_bps < target_bps);
    sluice_sentence sentence =
        sluice_say("%s of payload %s %s%s%s%s%s%s", sluice_words_rate(probe->rate_bps).text, direction(probe),
                   diagnosis->server, sluice_by_udp(probe) ? "" : " over TCP", target_bps ? ", of a target of " : "",
                   target_bps ? sluice_words_rate(target_bps).text : "", probe->limited_by[0] ? ", limited by " : "",
                   probe->limited_by);
    if (capped)
        sluice_tell(diagnosis, SLUICE_FINDING_NOTE, "rate", SLUICE_AT_PATH, sentence,
                    sluice_say("the server allows no more than %s (serve --max-rate, or max-rate of the ticket)",
                               sluice_words_rate(probe->target_bps).text));
    else
        sluice_tell(diagnosis, rate_level(probe, target_bps), "rate", SLUICE_AT_PATH, sentence, rate_remedy(probe));
}

void sluice_diagnose_path(sluice_diagnosis *diagnosis, const sluice_probe *pull, const sluice_probe *push)
{
    const sluice_probe *both[] = {pull, push};
    rtt(diagnosis, pull, push);
    for (size_t i = 0; i < SLUICE_COUNT(both); i++)
        if (sluice_by_udp(both[i]))
            loss(diagnosis, both[i]);
    for (size_t i = 0; i < SLUICE_COUNT(both); i++)
        if (sluice_by_udp(both[i]))
            mtu(diagnosis, both[i]);
    for (size_t i = 0; i < SLUICE_COUNT(both); i++)
        if (both[i])
            rate(diagnosis, both[i]);
}
