/* SPDX-License-Identifier: Apache-2.0 */
/* Facts in, findings out: each threshold on both sides of it, and what is advised. */
#include "session/diagnosis.h"

#include "unit/suite.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct told {
    sluice_finding_level level;
    char topic[16], where[8], sentence[900], remedy[900];
} told;

typedef struct notebook {
    told rows[64];
    size_t count;
} notebook;

static void found(void *user, const sluice_finding *finding)
{
    notebook *book = user;
    CU_ASSERT_FATAL(book->count < SLUICE_COUNT(book->rows));
    CU_ASSERT_EQUAL(finding->size, sizeof *finding);
    told *row = &book->rows[book->count++];
    row->level = finding->level;
    snprintf(row->topic, sizeof row->topic, "%s", finding->topic);
    snprintf(row->where, sizeof row->where, "%s", finding->where);
    snprintf(row->sentence, sizeof row->sentence, "%s", finding->sentence);
    snprintf(row->remedy, sizeof row->remedy, "%s", finding->remedy);
    /* What is good needs nothing to be done. */
    CU_ASSERT(finding->level != SLUICE_FINDING_GOOD || finding->remedy[0] == '\0');
    CU_ASSERT(finding->sentence[0] != '\0');
}

/* ---- a healthy path, and what may be wrong with it ---- */

typedef struct patient {
    sluice_diagnosis diagnosis;
    sluice_probe pull, push;
    bool no_pull, no_push;
    sluice_facts disk;
} patient;

static void host_make(sluice_facts *facts)
{
    *facts = (sluice_facts){.wall_ns = 1,
                            .cores = 4,
                            .receive_buffer_bytes = 8 << 20,
                            .send_buffer_bytes = 8 << 20,
                            .receive_limit_bytes = 8 << 20,
                            .send_limit_bytes = 8 << 20,
                            .segmenting = 1,
                            .coalescing = 1,
                            .datagrams = 10,
                            .cipher_count = 2};
    /* 10 and 5 Gbit/s of 1408 bytes. */
    snprintf(facts->ciphers[0].name, SLUICE_CIPHER_NAME, "aes-128-gcm");
    facts->ciphers[0].packets_per_second = 887784;
    snprintf(facts->ciphers[1].name, SLUICE_CIPHER_NAME, "chacha20-poly1305");
    facts->ciphers[1].packets_per_second = 443892;
}

static void probe_make(sluice_probe *probe, bool push)
{
    *probe = (sluice_probe){.push = push,
                            .welcome_ns = 30 * SLUICE_MS,
                            .reached = true,
                            .port = 33001,
                            .live = true,
                            .live_ns = 11 * SLUICE_MS,
                            .enough = true,
                            .has_facts = true,
                            .min_rtt_ns = 10 * SLUICE_MS,
                            .srtt_ns = 12 * SLUICE_MS,
                            .data_packets = 100000,
                            .mtu = 1500,
                            .rate_bps = 200000000};
    snprintf(probe->software, sizeof probe->software, "sluice %s", sluice_version());
    snprintf(probe->transport, sizeof probe->transport, "udp");
    snprintf(probe->cipher, sizeof probe->cipher, "aes-128-gcm");
    snprintf(probe->limited_by, sizeof probe->limited_by, "network");
    host_make(&probe->here);
    host_make(&probe->there);
    probe->there.disk_write_bps = probe->there.disk_read_bps = 4000000000;
}

static void patient_make(patient *one, notebook *book)
{
    memset(one, 0, sizeof *one);
    one->diagnosis = (sluice_diagnosis){
        .found = found, .user = book, .server = "h.example:33001", .host = "h.example", .udp_ports = "33001-33100"};
    probe_make(&one->pull, false);
    probe_make(&one->push, true);
    one->disk = (sluice_facts){.disk_write_bps = 4000000000, .disk_read_bps = 4000000000};
}

static void examine(patient *one)
{
    const sluice_probe *pull = one->no_pull ? NULL : &one->pull, *push = one->no_push ? NULL : &one->push;
    sluice_diagnose_welcome(&one->diagnosis, &one->pull);
    sluice_diagnose_udp(&one->diagnosis, &one->pull);
    sluice_diagnose_path(&one->diagnosis, pull, push);
    sluice_diagnose_hosts(&one->diagnosis, pull, push, &one->disk, "/work");
}

static void test_healthy(void)
{
    static const char *const topics[] = {"tls",    "udp",  "rtt",     "loss",   "mtu",  "rate",
                                         "buffer", "disk", "offload", "cipher", "clock"};
    notebook book = {.count = 0};
    patient one;
    patient_make(&one, &book);
    examine(&one);
    CU_ASSERT_EQUAL(one.diagnosis.counts[SLUICE_FINDING_GOOD], book.count);
    CU_ASSERT_STRING_EQUAL(one.diagnosis.options, "");
    for (size_t i = 0; i < SLUICE_COUNT(topics); i++) {
        bool there = false;
        for (size_t k = 0; k < book.count; k++)
            there = there || strcmp(book.rows[k].topic, topics[i]) == 0;
        if (!there)
            printf("no word of %s\n", topics[i]);
        CU_ASSERT(there);
    }
}

/* ---- one thing wrong at a time ---- */

/* By 1400-byte packets, about. */
#define GBIT UINT64_C(1000000000)

static void queue_below(patient *one)
{
    one->pull.srtt_ns = one->push.srtt_ns = 110 * SLUICE_MS;
}
static void queue_above(patient *one)
{
    one->push.srtt_ns = 111 * SLUICE_MS;
}
static void far(patient *one)
{
    one->pull.min_rtt_ns = one->push.min_rtt_ns = one->pull.srtt_ns = one->push.srtt_ns = 501 * SLUICE_MS;
}
static void lost_99(patient *one)
{
    one->pull.lost_packets = 99;
}
static void lost_100(patient *one)
{
    one->pull.lost_packets = 100;
}
static void lost_1999(patient *one)
{
    one->push.lost_packets = 1999;
}
static void lost_2000(patient *one)
{
    one->push.lost_packets = 2000;
}
static void lost_most(patient *one)
{
    one->push.lost_packets = 25000;
}
static void lost_of_few(patient *one)
{
    one->pull.data_packets = 199;
    one->pull.lost_packets = 190;
}
static void lost_by_target(patient *one)
{
    one->diagnosis.target_bps = one->push.target_bps = GBIT / 5;
    snprintf(one->push.limited_by, sizeof one->push.limited_by, "target");
    one->push.lost_packets = 5000;
}
static void dropped_here(patient *one)
{
    one->pull.lost_packets = one->pull.receiver_drops = 5000;
}
static void dropped_there(patient *one)
{
    one->push.lost_packets = one->push.receiver_drops = 100;
    one->pull.there.receive_buffer_bytes = 212992;
}
static void mtu_1279(patient *one)
{
    one->pull.mtu = 1279;
}
static void mtu_1280(patient *one)
{
    one->pull.mtu = 1280;
}
static void mtu_1399(patient *one)
{
    one->push.mtu = 1399;
}
static void mtu_1400(patient *one)
{
    one->push.mtu = 1400;
}

/* 200 Mbit/s of payload are 214 with headers. */
static void target_251(patient *one)
{
    one->diagnosis.target_bps = 251000000;
}
static void target_252(patient *one)
{
    one->diagnosis.target_bps = 252000000;
}
static void target_429(patient *one)
{
    one->diagnosis.target_bps = 429000000;
}
static void target_2_15(patient *one)
{
    one->diagnosis.target_bps = 2150000000;
}
static void target_held(patient *one)
{
    target_429(one);
    snprintf(one->pull.limited_by, sizeof one->pull.limited_by, "target");
    snprintf(one->push.limited_by, sizeof one->push.limited_by, "target");
}
static void capped(patient *one)
{
    one->push.target_bps = 50000000;
}
static void slow(patient *one)
{
    one->pull.rate_bps = 999999;
}
static void not_so_slow(patient *one)
{
    one->pull.rate_bps = 1000000;
}
static void crawls(patient *one)
{
    one->pull.rate_bps = 99999;
}
static void by_loss(patient *one)
{
    target_429(one);
    snprintf(one->push.limited_by, sizeof one->push.limited_by, "loss");
}

/* 10 ms of 200 Mbit/s are 250000 bytes. */
static void buffer_249k(patient *one)
{
    one->pull.here.receive_buffer_bytes = 249999;
}
static void buffer_250k(patient *one)
{
    one->pull.here.receive_buffer_bytes = 250000;
}
static void buffer_there(patient *one)
{
    one->pull.there.send_buffer_bytes = 212992;
}
static void no_segments(patient *one)
{
    one->pull.here.segmenting = 0;
}
static void no_segments_fast(patient *one)
{
    no_segments(one);
    one->push.rate_bps = GBIT / 2;
}
static void no_joining(patient *one)
{
    one->pull.there.coalescing = 0;
}

static void cipher_enough(patient *one)
{
    one->diagnosis.target_bps = 9 * GBIT;
}
static void cipher_short(patient *one)
{
    one->diagnosis.target_bps = 11 * GBIT;
}
static void cipher_wrong(patient *one)
{
    one->diagnosis.target_bps = 6 * GBIT;
    snprintf(one->pull.cipher, sizeof one->pull.cipher, "chacha20-poly1305");
}
static void disk_slow_here(patient *one)
{
    one->disk.disk_write_bps = 199999999;
}
static void disk_slow_there(patient *one)
{
    one->pull.there.disk_read_bps = 1000;
}
static void disk_unknown(patient *one)
{
    one->pull.there.disk_write_bps = one->push.there.disk_write_bps = 0;
    snprintf(one->pull.there.disk_why, SLUICE_FACTS_WHY, "it was measured a moment ago");
}
static void disk_of_push(patient *one)
{
    one->pull.there.disk_write_bps = one->pull.there.disk_read_bps = 0;
    one->push.there.disk_write_bps = one->push.there.disk_read_bps = 7000000;
}
/* Half of a round trip of 10 ms belongs to the way. */
static void clock_ahead(patient *one)
{
    one->pull.clock_ns = 996 * (int64_t)SLUICE_MS;
}
static void clock_nearly(patient *one)
{
    one->pull.clock_ns = 995 * (int64_t)SLUICE_MS;
}
static void clock_behind(patient *one)
{
    one->pull.clock_ns = one->push.clock_ns = -7 * (int64_t)SLUICE_SECOND;
}
static void clock_late_word(patient *one)
{
    one->pull.clock_ns = -3 * (int64_t)SLUICE_SECOND;
}

static void udp_dead_there(patient *one)
{
    one->pull.live = false;
    one->pull.moved = true;
    one->pull.there.datagrams = 0;
}
static void udp_dead_here(patient *one)
{
    udp_dead_there(one);
    one->pull.there.datagrams = 7;
}
static void udp_dead_somewhere(patient *one)
{
    udp_dead_there(one);
    one->pull.has_facts = false;
}
static void udp_dead_by_ssh(patient *one)
{
    udp_dead_there(one);
    one->diagnosis.by_ssh = true;
}
static void udp_died(patient *one)
{
    one->pull.moved = true;
}
static void udp_unknown(patient *one)
{
    snprintf(one->pull.transport, sizeof one->pull.transport, "tcp");
}
static void older(patient *one)
{
    snprintf(one->pull.software, sizeof one->pull.software, "sluice 0.0.9");
}

#define GOOD SLUICE_FINDING_GOOD
#define NOTE SLUICE_FINDING_NOTE
#define WARNING SLUICE_FINDING_WARNING
#define BAD SLUICE_FINDING_BAD

static const struct {
    const char *name;
    void (*change)(patient *one);
    const char *topic, *where;
    sluice_finding_level level; /* the worst of that topic and place */
    const char *said, *remedy;  /* parts of it; NULL: not looked at */
} rows[] = {
    {"a queue that is no trouble", queue_below, "rtt", "path", GOOD, "110 ms", NULL},
    {"a queue of more than 100 ms", queue_above, "rtt", "path", WARNING, "111 ms", "--rate below 200 Mbit/s"},
    {"a satellite", far, "rtt", "path", NOTE, "501 ms", "mtr h.example"},
    {"loss below one of a thousand", lost_99, "loss", "path", GOOD, NULL, NULL},
    {"loss of one of a thousand", lost_100, "loss", "path", NOTE, "0.10 % of 100000 packets from h.example", "mtr"},
    {"loss below 2 %", lost_1999, "loss", "path", NOTE, NULL, NULL},
    {"loss of 2 %", lost_2000, "loss", "path", WARNING, "2.00 % of 100000 packets to", "ethtool -S"},
    {"loss of a quarter", lost_most, "loss", "path", BAD, NULL, NULL},
    {"loss of few packets", lost_of_few, "loss", "path", GOOD, "too few", NULL},
    {"loss at the user's own target", lost_by_target, "loss", "path", WARNING, NULL, "lower --rate"},
    {"what the socket drops is no loss", dropped_here, "loss", "path", GOOD, NULL, NULL},
    {"what the socket drops here", dropped_here, "buffer", "here", WARNING, "5.00 %", "processor"},
    {"what the socket drops there", dropped_there, "buffer", "there", WARNING, "208 KiB",
     "sysctl -w net.core.rmem_max=8388608"},
    {"smallest packets only", mtu_1279, "mtu", "path", WARNING, "1279 bytes pass from", "tracepath h.example"},
    {"a narrow tunnel", mtu_1280, "mtu", "path", NOTE, NULL, "tunnel"},
    {"a tunnel", mtu_1399, "mtu", "path", NOTE, "pass to", NULL},
    {"a usual tunnel", mtu_1400, "mtu", "path", GOOD, NULL, NULL},
    {"85 % of the target", target_251, "rate", "path", GOOD, "of a target of 251 Mbit/s", NULL},
    {"less than 85 % of it", target_252, "rate", "path", NOTE, NULL, "--rate '200 Mbit/s'"},
    {"less than half of it", target_429, "rate", "path", WARNING, "limited by network", NULL},
    {"less than a tenth of it", target_2_15, "rate", "path", BAD, NULL, NULL},
    {"held by the target itself", target_held, "rate", "path", GOOD, "limited by target", NULL},
    {"held by loss", by_loss, "rate", "path", WARNING, NULL, NULL},
    {"the server allows less", capped, "rate", "path", NOTE, NULL, "no more than 50 Mbit/s (serve --max-rate"},
    {"slow without a target", slow, "rate", "path", WARNING, NULL, NULL},
    {"not so slow", not_so_slow, "rate", "path", GOOD, "1 Mbit/s", NULL},
    {"crawls", crawls, "rate", "path", BAD, NULL, NULL},
    {"a buffer of less than 10 ms", buffer_249k, "buffer", "here", WARNING, NULL, "net.core.rmem_max=8388608"},
    {"a buffer of 10 ms", buffer_250k, "buffer", "here", NOTE, "10 ms", "net.core.wmem_max=8388608"},
    {"a small buffer there", buffer_there, "buffer", "there", NOTE, "208 KiB", "there"},
    {"no segmentation at a low rate", no_segments, "offload", "here", NOTE, "UDP_SEGMENT", "4.18"},
    {"no segmentation at a high one", no_segments_fast, "offload", "here", WARNING, NULL, "ethtool -K"},
    {"no joining there", no_joining, "offload", "there", NOTE, "UDP_GRO", "5.0"},
    {"a cipher that is fast enough", cipher_enough, "cipher", "path", GOOD, "10 Gbit/s", NULL},
    {"a cipher that is not", cipher_short, "cipher", "here", WARNING, NULL, "AES"},
    {"the wrong cipher", cipher_wrong, "cipher", "here", WARNING, "chacha20", "--cipher aes-128-gcm"},
    {"a slow disk here", disk_slow_here, "disk", "here", WARNING, "/work writes 200 Mbit/s", "iostat"},
    {"a slow disk there", disk_slow_there, "disk", "there", WARNING, "reads 1 kbit/s", NULL},
    {"a disk that was not measured", disk_unknown, "disk", "there", NOTE, "a moment ago", NULL},
    {"a disk that was measured the second time", disk_of_push, "disk", "there", WARNING, "7 Mbit/s", NULL},
    {"clocks a second apart", clock_nearly, "clock", "path", GOOD, "within 1 s", NULL},
    {"a clock that is ahead", clock_ahead, "clock", "path", WARNING, "ahead", "chrony"},
    {"a clock that is behind", clock_behind, "clock", "path", WARNING, "7 s behind", "chrony"},
    {"a word that took its time", clock_late_word, "clock", "path", GOOD, NULL, NULL},
    {"none of our datagrams arrives", udp_dead_there, "udp", "there", BAD, "none of our datagrams",
     "UDP port 33001 of h.example"},
    {"no answer arrives", udp_dead_here, "udp", "here", BAD, "(7 came)", "sport 33001"},
    {"no datagram, and nobody tells why", udp_dead_somewhere, "udp", "path", BAD, NULL, "--transport tcp"},
    {"no datagram beside ssh", udp_dead_by_ssh, "udp", "there", BAD, NULL, "33001-33100"},
    {"datagrams that stop", udp_died, "udp", "path", WARNING, NULL, "NAT"},
    {"a server without UDP", udp_unknown, "udp", "there", WARNING, NULL, "serve --transport udp,tcp"},
    {"another version", older, "tls", "there", NOTE, "0.0.9", NULL},
};

static const told *worst(const notebook *book, const char *topic, const char *where)
{
    const told *found_row = NULL;
    for (size_t i = 0; i < book->count; i++)
        if (strcmp(book->rows[i].topic, topic) == 0 && strcmp(book->rows[i].where, where) == 0 &&
            (!found_row || book->rows[i].level > found_row->level))
            found_row = &book->rows[i];
    return found_row;
}

static void test_each(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        notebook book = {.count = 0};
        patient one;
        patient_make(&one, &book);
        rows[i].change(&one);
        examine(&one);
        const told *row = worst(&book, rows[i].topic, rows[i].where);
        bool good = row && row->level == rows[i].level && (!rows[i].said || strstr(row->sentence, rows[i].said)) &&
                    (!rows[i].remedy || strstr(row->remedy, rows[i].remedy));
        if (!good)
            printf("%s: %d '%s' '%s'\n", rows[i].name, row ? (int)row->level : -1, row ? row->sentence : "",
                   row ? row->remedy : "");
        CU_ASSERT(good);
        /* Whatever asks for something says what. */
        for (size_t k = 0; k < book.count; k++)
            CU_ASSERT(book.rows[k].level < WARNING || book.rows[k].remedy[0] != '\0');
    }
}

/* What one fact touches: nothing else. */
static void test_alone(void)
{
    notebook book = {.count = 0};
    patient one;
    patient_make(&one, &book);
    lost_most(&one);
    examine(&one);
    CU_ASSERT_EQUAL(one.diagnosis.counts[BAD], 1);
    CU_ASSERT_EQUAL(one.diagnosis.counts[GOOD], book.count - 1);
}

static void test_options(void)
{
    notebook book = {.count = 0};
    patient one;
    patient_make(&one, &book);
    udp_dead_there(&one);
    examine(&one);
    CU_ASSERT_STRING_EQUAL(one.diagnosis.options, "--transport tcp");
    /* Of datagrams that did not go there is nothing to say. */
    CU_ASSERT_PTR_NULL(strstr(worst(&book, "loss", "path")->sentence, "from h.example"));
    CU_ASSERT_PTR_NOT_NULL(strstr(worst(&book, "rate", "path")->sentence, "over TCP"));
}

/* A server may say what it likes of itself. */
static void test_absurd(void)
{
    static const int64_t clocks[] = {INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < SLUICE_COUNT(clocks); i++) {
        notebook book = {.count = 0};
        patient one;
        patient_make(&one, &book);
#define ABSURD(field, tag) one.pull.there.field = UINT64_MAX;
        SLUICE_FACTS_MAP(ABSURD)
#undef ABSURD
        one.pull.there.ciphers[0].packets_per_second = UINT64_MAX;
        one.pull.clock_ns = one.push.clock_ns = clocks[i];
        one.pull.min_rtt_ns = i == 0 ? UINT64_MAX : 1;
        memset(one.pull.software, 'x', sizeof one.pull.software - 1);
        examine(&one);
        CU_ASSERT_EQUAL(worst(&book, "buffer", "there")->level, GOOD);
        CU_ASSERT_EQUAL(worst(&book, "clock", "path")->level, WARNING);
    }
}

/* One of the probes alone, and none. */
static void test_halves(void)
{
    for (int which = 0; which < 3; which++) {
        notebook book = {.count = 0};
        patient one;
        patient_make(&one, &book);
        one.no_pull = which != 0;
        one.no_push = which != 1;
        examine(&one);
        CU_ASSERT_EQUAL(one.diagnosis.counts[GOOD], book.count);
        CU_ASSERT_EQUAL(worst(&book, "rate", "path") != NULL, which < 2);
        CU_ASSERT_EQUAL(worst(&book, "clock", "path") != NULL, which < 2);
    }
}

/* ---- on the way there ---- */

static void address_make(sluice_address *out, const char *host)
{
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric(host, 33001, out), SLUICE_OK);
}

static void test_name(void)
{
    notebook book = {.count = 0};
    patient one;
    sluice_address addresses[2];
    patient_make(&one, &book);
    address_make(&addresses[0], "192.0.2.7");
    address_make(&addresses[1], "2001:db8::7");
    sluice_diagnose_name(&one.diagnosis, "h.example", addresses, 2, 12 * SLUICE_MS);
    CU_ASSERT_EQUAL(book.rows[0].level, GOOD);
    CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[0].sentence, "192.0.2.7, 2001:db8::7 (12 ms)"));
    sluice_diagnose_name(&one.diagnosis, "h.example", addresses, 2, SLUICE_SECOND + 1);
    CU_ASSERT_EQUAL(book.rows[1].level, WARNING);
    CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[1].remedy, "resolv"));
    sluice_diagnose_no_name(&one.diagnosis, "h.example", "no such name");
    CU_ASSERT_EQUAL(book.rows[2].level, BAD);
}

static void test_tcp(void)
{
    notebook book = {.count = 0};
    patient one;
    sluice_reach_result results[3] = {
        {.errnum = 0, .took_ns = SLUICE_MS}, {.errnum = ETIMEDOUT}, {.errnum = ECONNREFUSED}};
    patient_make(&one, &book);
    address_make(&results[0].address, "192.0.2.7");
    address_make(&results[1].address, "2001:db8::7");
    address_make(&results[2].address, "192.0.2.8");
    CU_ASSERT_EQUAL(sluice_diagnose_tcp(&one.diagnosis, results, 3), 1);
    CU_ASSERT_EQUAL(book.rows[0].level, GOOD);
    /* Others stand: these two only cost time. */
    CU_ASSERT_EQUAL(book.rows[1].level, WARNING);
    CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[1].remedy, "tcp dport 33001"));
    CU_ASSERT_STRING_EQUAL(book.rows[1].where, "path");
    CU_ASSERT_EQUAL(book.rows[2].level, WARNING);
    CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[2].remedy, "sluice serve"));
    CU_ASSERT_STRING_EQUAL(book.rows[2].where, "there");
    results[0].errnum = EHOSTUNREACH;
    CU_ASSERT_EQUAL(sluice_diagnose_tcp(&one.diagnosis, results, 3), 0);
    for (size_t i = 3; i < 6; i++)
        CU_ASSERT_EQUAL(book.rows[i].level, BAD);
}

static void test_ticket(void)
{
    notebook book = {.count = 0};
    patient one;
    sluice_ticket ticket = {.expiry_s = 0};
    patient_make(&one, &book);
    sluice_diagnose_ticket(&one.diagnosis, &ticket, 1000);
    ticket.expiry_s = 1000 + 7 * 86400;
    sluice_diagnose_ticket(&one.diagnosis, &ticket, 1000);
    CU_ASSERT_EQUAL(book.count, 0);
    sluice_diagnose_ticket(&one.diagnosis, &ticket, 1001);
    CU_ASSERT_EQUAL(book.count, 1);
    CU_ASSERT_EQUAL(book.rows[0].level, WARNING);
    CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[0].sentence, "6 days"));
}

/* Who is not welcomed learns at what it failed. */
static void test_no_welcome(void)
{
    static const struct {
        bool reached, by_ssh;
        int status;
        const char *topic, *remedy;
    } cases[] = {
        {true, false, SLUICE_EAUTH, "ticket", "ticket file anew"},
        {false, false, SLUICE_EAUTH, "tls", "new key"},
        {true, false, SLUICE_ELIMIT, "ticket", "--max-sessions"},
        {false, false, SLUICE_ECONNECT, "tls", "sluice serve"},
        {true, false, SLUICE_ECIPHER, "tls", "same release"},
        {false, true, SLUICE_EAUTH, "ssh", "ssh h.example:33001 true"},
        {false, true, SLUICE_ECONNECT, "ssh", "--remote-command"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        notebook book = {.count = 0};
        patient one;
        sluice_error why = {.status = cases[i].status, .text = "why"};
        patient_make(&one, &book);
        one.diagnosis.by_ssh = cases[i].by_ssh;
        one.pull = (sluice_probe){.reached = cases[i].reached};
        sluice_diagnose_no_welcome(&one.diagnosis, &one.pull, &why);
        CU_ASSERT_EQUAL_FATAL(book.count, 1);
        CU_ASSERT_EQUAL(book.rows[0].level, BAD);
        CU_ASSERT_STRING_EQUAL(book.rows[0].topic, cases[i].topic);
        CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[0].remedy, cases[i].remedy));
    }
}

static void test_failure(void)
{
    static const struct {
        int status;
        sluice_finding_level level;
        const char *topic;
    } cases[] = {
        {SLUICE_EACCESS, NOTE, "ticket"}, {SLUICE_EUNSUPPORTED, WARNING, "rate"}, {SLUICE_ETIMEOUT, BAD, "rate"}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        notebook book = {.count = 0};
        patient one;
        sluice_error why = {.status = cases[i].status, .text = "why"};
        patient_make(&one, &book);
        sluice_diagnose_failure(&one.diagnosis, &one.push, &why);
        CU_ASSERT_EQUAL_FATAL(book.count, 1);
        CU_ASSERT_EQUAL(book.rows[0].level, cases[i].level);
        CU_ASSERT_STRING_EQUAL(book.rows[0].topic, cases[i].topic);
        CU_ASSERT_PTR_NOT_NULL(strstr(book.rows[0].sentence, "why"));
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a healthy path has good findings only", test_healthy},
        {"every threshold, and its remedy", test_each},
        {"one fault makes one finding", test_alone},
        {"dead UDP speaks for TCP", test_options},
        {"absurd figures", test_absurd},
        {"one way alone, or none", test_halves},
        {"a name", test_name},
        {"addresses that do not answer", test_tcp},
        {"a ticket that ends soon", test_ticket},
        {"no welcome", test_no_welcome},
        {"a probe that fails", test_failure},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("diagnosis", tests);
}
