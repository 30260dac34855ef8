/* SPDX-License-Identifier: Apache-2.0 */
#include "session/bundle_share.h"
#include "session/lane_mail.h"
#include "session/lane_pieces.h"
#include "unit/suite.h"
#include <sluice/types.h>
#include <string.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

/* ---- which lane gets what ---- */

static void bytes_go_where_least_lies_ready(void)
{
    sluice_lane_account lanes[3] = {
        {.live = true, .wants = 4000 * KIB, .given = 2900 * KIB, .fetched = 900 * KIB},
        {.live = true, .wants = 100 * KIB, .given = 70 * KIB, .fetched = 30 * KIB},
        {.live = false, .wants = 1000 * KIB},
    };
    /* Forty of a hundred are less than two thousand of four, though there is less room: a slow lane is not forgotten. */
    CU_ASSERT_EQUAL(sluice_share_next(lanes, 3, 0, MIB), 1);
    lanes[1].given += 20 * KIB;
    CU_ASSERT_EQUAL(sluice_share_next(lanes, 3, 1, MIB), 0);
    lanes[0].given += 2000 * KIB;
    CU_ASSERT_EQUAL(sluice_share_next(lanes, 3, 0, MIB), 1);
    lanes[1].given += 40 * KIB;
    CU_ASSERT_EQUAL(sluice_share_next(lanes, 3, 1, MIB), -1); /* full, and the third has not been heard */
    lanes[2].live = true;
    CU_ASSERT_EQUAL(sluice_share_next(lanes, 3, 1, MIB), 2);
}

static void all_are_used_where_one_would_do(void)
{
    sluice_lane_account lanes[3] = {
        {.live = true, .wants = 4 * MIB}, {.live = true, .wants = 128 * KIB}, {.live = true, .wants = 128 * KIB}};
    int last = 0;
    for (unsigned i = 0; i < 30; i++) { /* each has sent what it got before more comes */
        last = sluice_share_next(lanes, 3, last, MIB);
        CU_ASSERT_FATAL(last >= 0);
        lanes[last].given += 64 * KIB;
        lanes[last].fetched = lanes[last].given;
    }
    for (unsigned i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(lanes[i].given, 640 * KIB);
}

static void small_objects_stay_together(void)
{
    sluice_lane_account lanes[2] = {{.live = true, .wants = 100 * KIB}, {.live = true, .wants = 100 * KIB}};
    int last = -1;
    lanes[0].given = 10 * KIB; /* so it is not the first */
    for (unsigned i = 0; i < 25; i++) {
        int lane = sluice_share_next(lanes, 2, last, 4 * KIB);
        CU_ASSERT_EQUAL(lane, 1);
        last = lane;
        lanes[1].given += 4 * KIB;
    }
    CU_ASSERT_EQUAL(sluice_share_next(lanes, 2, last, 4 * KIB), 0);
}

/* What each lane sends is as its rate, whatever the order in which they come for more. */
static void lanes_are_used_by_their_rates(void)
{
    sluice_lane_account lanes[2] = {{.live = true, .wants = 4 * MIB}, {.live = true, .wants = MIB}};
    uint64_t left = 200 * MIB, ticks = 0;
    for (; left > 0; ticks++) {
        int lane;
        while (left > 0 && (lane = sluice_share_next(lanes, 2, -1, left)) >= 0) {
            uint64_t bytes = sluice_share_piece(&lanes[lane], 0, left);
            lanes[lane].given += bytes;
            left -= bytes;
        }
        for (unsigned i = 0; i < 2; i++) {
            uint64_t sent = (i ? 256 : 1024) * KIB, ready = lanes[i].given - lanes[i].fetched;
            lanes[i].fetched += sent < ready ? sent : ready;
        }
    }
    /* Four to one, and what lies ready at the end. */
    CU_ASSERT_TRUE(lanes[0].given >= 157 * MIB && lanes[0].given <= 163 * MIB);
    CU_ASSERT_TRUE(ticks >= 156 && ticks <= 162);
}

static void pieces_end_where_chunks_do(void)
{
    sluice_lane_account fast = {.wants = 4 * MIB}, slow = {.wants = 128 * KIB};
    CU_ASSERT_EQUAL(sluice_share_piece(&fast, 0, 10 * MIB), MIB);
    CU_ASSERT_EQUAL(sluice_share_piece(&fast, 3 * MIB + 100, 10 * MIB), MIB - 100);
    CU_ASSERT_EQUAL(sluice_share_piece(&fast, 0, 5000), 5000);
    CU_ASSERT_EQUAL(sluice_share_piece(&slow, 0, 10 * MIB), 64 * KIB);
    CU_ASSERT_EQUAL(sluice_share_piece(&slow, 65000, 10 * MIB), 536);
}

/* ---- credit ---- */

/* Lanes that share some credit, and what came by them and is in memory. */
typedef struct purse {
    sluice_lane_account lanes[4];
    size_t count;
    uint64_t whole, spare, held;
    bool reserved;
} purse;

static uint64_t open_of(const purse *at, size_t lane)
{
    return at->lanes[lane].credit - at->lanes[lane].delivered;
}

/* No byte of credit is lost, and none is made. */
static void share(purse *at)
{
    uint64_t open = sluice_share_open(at->lanes, at->count, at->whole, at->reserved), sum = 0, part;
    size_t which;
    while ((part = sluice_share_credit(at->lanes, at->count, at->spare, open, &which)) > 0) {
        CU_ASSERT_FATAL(part <= at->spare && at->lanes[which].live);
        at->spare -= part;
    }
    for (size_t i = 0; i < at->count; i++)
        sum += open_of(at, i);
    CU_ASSERT_EQUAL(sum + at->held + at->spare, at->whole);
}

static void come(purse *at, size_t lane, uint64_t bytes)
{
    CU_ASSERT_FATAL(bytes <= open_of(at, lane));
    at->lanes[lane].delivered += bytes;
    at->held += bytes;
}

static void leave(purse *at, uint64_t bytes)
{
    at->held -= bytes;
    at->spare += bytes;
    share(at);
}

/* Whichever lane brought it, what leaves memory goes to the one that has least. */
static void credit_goes_where_it_is_missed(void)
{
    purse at = {.count = 3, .whole = 300};
    for (size_t i = 0; i < 3; i++)
        at.lanes[i] = (sluice_lane_account){.live = true, .credit = 100};
    come(&at, 0, 10);
    come(&at, 1, 80);
    come(&at, 2, 50);
    leave(&at, 30);
    CU_ASSERT(open_of(&at, 0) == 90 && open_of(&at, 1) == 50 && open_of(&at, 2) == 50);
    leave(&at, 60);
    CU_ASSERT(open_of(&at, 0) == 90 && open_of(&at, 1) + open_of(&at, 2) == 160);
    leave(&at, 50);
    for (size_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(open_of(&at, i), 100);
}

/* The first lane has the whole when the others never come about, but not while they still may; and who comes late gets its part as
 * soon as bytes leave memory, so that all together never have more than one would. */
static void lanes_that_are_not_live_hold_no_credit(void)
{
    purse at = {.count = 3, .whole = 900, .spare = 580, .reserved = true};
    at.lanes[0] = (sluice_lane_account){.live = true, .credit = 300};
    at.lanes[1] = at.lanes[2] = (sluice_lane_account){.credit = 10};
    come(&at, 0, 200);
    leave(&at, 200);
    CU_ASSERT_EQUAL(open_of(&at, 0), 300);
    at.reserved = false;
    share(&at);
    CU_ASSERT_EQUAL(open_of(&at, 0), 880);
    at.lanes[2].live = true;
    share(&at);
    CU_ASSERT_EQUAL(open_of(&at, 2), 10);
    come(&at, 0, 300);
    leave(&at, 300);
    CU_ASSERT(open_of(&at, 0) == 580 && open_of(&at, 2) == 310);
    come(&at, 0, 300);
    leave(&at, 300);
    CU_ASSERT(open_of(&at, 0) == 445 && open_of(&at, 2) == 445);
    at.spare += 10; /* it is given up for good, with the little that it had */
    at.lanes[1].credit = 0;
    share(&at);
    CU_ASSERT(open_of(&at, 0) == 450 && open_of(&at, 2) == 450);
}

/* Bytes come and leave by chance, and lanes come about: who is live never starves when all has left, and has its part then. */
static void credit_is_kept_by_chance(void)
{
    uint64_t random = 1;
    for (unsigned run = 0; run < 200; run++) {
        purse at = {.count = 4, .whole = 4000, .spare = 2970, .reserved = run % 2};
        at.lanes[0] = (sluice_lane_account){.live = true, .credit = 1000};
        for (size_t i = 1; i < 4; i++)
            at.lanes[i].credit = 10;
        for (unsigned step = 0; step < 300; step++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint64_t part = random >> 40;
            size_t lane = (size_t)(random >> 33) % 4;
            at.lanes[lane].live = at.lanes[lane].live || part % 50 == 0;
            at.reserved = at.reserved && step < 100;
            if (at.lanes[lane].live)
                come(&at, lane, part % (open_of(&at, lane) + 1));
            leave(&at, part % (at.held + 1));
        }
        uint64_t live = 0;
        for (size_t i = 0; i < 4; i++)
            live += at.lanes[i].live;
        for (unsigned turn = 0; turn < 2; turn++) { /* what one had too much is used up, and then all has its place */
            for (size_t i = 0; i < 4; i++)
                if (at.lanes[i].live)
                    come(&at, i, open_of(&at, i));
            leave(&at, at.held);
        }
        for (size_t i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(open_of(&at, i), at.lanes[i].live ? (4000 - 10 * (4 - live)) / live : 10);
    }
}

/* ---- pieces ---- */

typedef struct bench {
    sluice_lane_notes news;
    sluice_pieces pieces;
    uint8_t bytes[4096];
    int owners[8];
} bench;

static void bench_begin(bench *at, uint64_t held_most)
{
    memset(at, 0, sizeof *at);
    for (size_t i = 0; i < sizeof at->bytes; i++)
        at->bytes[i] = (uint8_t)(i * 7 + i / 256);
    sluice_pieces_init(&at->pieces, held_most, &at->news);
}

static bool add(bench *at, sluice_object_id id, uint64_t from, uint64_t to, unsigned owner)
{
    bool fresh = false;
    const sluice_lane_note note = {
        .type = SLUICE_NOTE_OFFER, .id = id, .from = from, .to = to, .bytes = at->bytes + from, .owner = &at->owners[owner]};
    CU_ASSERT_EQUAL(sluice_pieces_add(&at->pieces, &note, &fresh), SLUICE_OK);
    return fresh;
}

static size_t fetch(bench *at, sluice_object_id id, uint64_t offset, size_t bytes)
{
    uint8_t out[2][600];
    struct iovec parts[2] = {{.iov_base = out[0], .iov_len = bytes / 2}, {.iov_base = out[1], .iov_len = bytes - bytes / 2}};
    size_t got = sluice_pieces_fetch(&at->pieces, id, offset, parts, 2);
    for (size_t i = 0; i < got; i++) {
        uint8_t byte = i < bytes / 2 ? out[0][i] : out[1][i - bytes / 2];
        CU_ASSERT_EQUAL(byte, at->bytes[offset + i]);
    }
    return got;
}

/* How often each owner was given back; and how many other notes there were. */
static unsigned returned(const bench *at, unsigned owner)
{
    unsigned count = 0;
    for (size_t i = 0; i < at->news.count; i++)
        count += at->news.at[i].type == SLUICE_NOTE_RELEASED && at->news.at[i].owner == &at->owners[owner];
    return count;
}

static unsigned asked(const bench *at, uint64_t from, uint64_t to)
{
    unsigned count = 0;
    for (size_t i = 0; i < at->news.count; i++)
        count += at->news.at[i].type == SLUICE_NOTE_NEED && at->news.at[i].from == from && at->news.at[i].to == to;
    return count;
}

static void pieces_are_read_across_their_borders(void)
{
    bench at;
    bench_begin(&at, 1 << 20);
    CU_ASSERT_TRUE(add(&at, 6, 0, 1000, 0));
    CU_ASSERT_FALSE(add(&at, 6, 1000, 1500, 1));
    CU_ASSERT_FALSE(add(&at, 6, 2000, 3000, 2)); /* what lies between is another lane's */
    CU_ASSERT_EQUAL(at.pieces.unsent, 2500);
    CU_ASSERT_EQUAL(fetch(&at, 6, 0, 900), 900);
    CU_ASSERT_EQUAL(fetch(&at, 6, 900, 1000), 600);
    CU_ASSERT_EQUAL(fetch(&at, 6, 1500, 100), 0);
    CU_ASSERT_EQUAL(fetch(&at, 6, 2000, 1000), 1000);
    CU_ASSERT_EQUAL(at.pieces.unsent, 0);
    CU_ASSERT_EQUAL(fetch(&at, 6, 100, 1000), 1000); /* lost: it is there still, and counts no second time */
    CU_ASSERT_EQUAL(at.pieces.fetched, 2500);
    CU_ASSERT_EQUAL(fetch(&at, 8, 0, 100), 0);
    sluice_pieces_acked(&at.pieces, 6, 1000, 1400);
    CU_ASSERT_EQUAL(returned(&at, 1), 0);
    sluice_pieces_acked(&at.pieces, 6, 400, 1000);
    sluice_pieces_acked(&at.pieces, 6, 1400, 1500);
    CU_ASSERT_EQUAL(returned(&at, 1), 1);
    sluice_pieces_acked(&at.pieces, 6, 0, 400);
    CU_ASSERT_EQUAL(returned(&at, 0), 1);
    sluice_pieces_fini(&at.pieces);
    for (unsigned owner = 0; owner < 3; owner++)
        CU_ASSERT_EQUAL(returned(&at, owner), 1);
    sluice_lane_notes_fini(&at.news);
}

static void what_is_too_much_comes_back_when_it_is_lost(void)
{
    bench at;
    bench_begin(&at, 2000);
    add(&at, 4, 0, 1000, 0);
    CU_ASSERT_EQUAL(fetch(&at, 4, 0, 1000), 1000);
    add(&at, 4, 1000, 2000, 1);
    add(&at, 4, 2000, 3000, 2);
    CU_ASSERT_EQUAL(returned(&at, 0), 1); /* the oldest that was sent */
    CU_ASSERT_EQUAL(returned(&at, 1), 0); /* nothing goes before it was sent */
    CU_ASSERT_EQUAL(fetch(&at, 4, 500, 100), 0);
    CU_ASSERT_EQUAL(fetch(&at, 4, 700, 100), 0);
    CU_ASSERT_EQUAL(asked(&at, 0, 1000), 1);
    sluice_lane_note stow = {.type = SLUICE_NOTE_STOW, .id = 4, .from = 0, .to = 1000, .bytes = at.bytes, .owner = &at.owners[3]};
    CU_ASSERT_TRUE(sluice_pieces_stow(&at.pieces, &stow));
    CU_ASSERT_EQUAL(fetch(&at, 4, 500, 100), 100);
    stow.owner = &at.owners[4];
    CU_ASSERT_FALSE(sluice_pieces_stow(&at.pieces, &stow)); /* it is there: not wanted twice */
    CU_ASSERT_EQUAL(returned(&at, 4), 1);
    sluice_pieces_drop(&at.pieces, 4);
    stow.owner = &at.owners[5];
    CU_ASSERT_FALSE(sluice_pieces_stow(&at.pieces, &stow)); /* too late */
    for (unsigned owner = 0; owner < 6; owner++)
        CU_ASSERT_EQUAL(returned(&at, owner), 1);
    CU_ASSERT_EQUAL(at.pieces.unsent, 0);
    CU_ASSERT_EQUAL(at.pieces.held_bytes, 0);
    sluice_pieces_fini(&at.pieces);
    sluice_lane_notes_fini(&at.news);
}

static unsigned readied;

static void ready(void *user, sluice_object_id id)
{
    (void)user;
    readied += (unsigned)id;
}

static void whoever_was_refused_is_told_once(void)
{
    bench at;
    bench_begin(&at, 2000);
    add(&at, 4, 0, 100, 0);
    add(&at, 10, 0, 100, 1);
    sluice_pieces_refuse(&at.pieces, 10);
    readied = 0;
    sluice_pieces_refused_take(&at.pieces, ready, NULL);
    sluice_pieces_refused_take(&at.pieces, ready, NULL);
    CU_ASSERT_EQUAL(readied, 10);
    sluice_pieces_fini(&at.pieces);
    sluice_lane_notes_fini(&at.news);
}

/* ---- mail ---- */

static unsigned ran;

static void run(sluice_post *post)
{
    (void)post;
    ran++;
}

static void mail_wakes_once_for_all_that_waits(void)
{
    sluice_loop *loop;
    sluice_lane_mail mail;
    sluice_lane_notes out = {0}, in = {0};
    sluice_error error;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, &error), SLUICE_OK);
    sluice_lane_mail_init(&mail, loop, run);
    ran = 0;
    for (uint64_t i = 0; i < 300; i++) {
        CU_ASSERT_EQUAL(sluice_lane_notes_add(&out, &(sluice_lane_note){.type = SLUICE_NOTE_ACKED, .id = i}), SLUICE_OK);
        if (i % 100 == 99)
            CU_ASSERT_EQUAL(sluice_lane_mail_send(&mail, &out, false), SLUICE_OK);
    }
    CU_ASSERT_EQUAL(out.count, 0);
    CU_ASSERT_EQUAL(sluice_loop_step(loop, 0, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_loop_step(loop, 0, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(ran, 1);
    sluice_lane_mail_take(&mail, &in);
    CU_ASSERT_EQUAL_FATAL(in.count, 300);
    for (uint64_t i = 0; i < 300; i++)
        CU_ASSERT_EQUAL(in.at[i].id, i);
    in.count = 0;
    CU_ASSERT_EQUAL(sluice_lane_mail_send(&mail, &out, false), SLUICE_OK); /* nothing: nobody is woken */
    CU_ASSERT_EQUAL(sluice_loop_step(loop, 0, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(ran, 1);
    /* A reader that does not come has so much in store, and no more. */
    int status = SLUICE_OK;
    uint64_t sent = 0;
    while (status == SLUICE_OK && sent <= SLUICE_LANE_NOTES_MOST) {
        for (unsigned i = 0; i < 4096; i++)
            (void)sluice_lane_notes_add(&out, &(sluice_lane_note){.type = SLUICE_NOTE_ACKED});
        status = sluice_lane_mail_send(&mail, &out, false);
        sent += status == SLUICE_OK ? 4096 : 0;
    }
    CU_ASSERT_EQUAL(status, SLUICE_ELIMIT);
    CU_ASSERT_EQUAL(sent, SLUICE_LANE_NOTES_MOST);
    sluice_lane_mail_take(&mail, &in);
    sluice_loop_unpost(loop, &mail.post);
    sluice_lane_mail_fini(&mail);
    sluice_lane_notes_fini(&in);
    sluice_lane_notes_fini(&out);
    sluice_loop_free(loop);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"bytes go where least lies ready", bytes_go_where_least_lies_ready},
        {"all are used where one would do", all_are_used_where_one_would_do},
        {"small objects stay together", small_objects_stay_together},
        {"lanes are used by their rates", lanes_are_used_by_their_rates},
        {"pieces end where chunks do", pieces_end_where_chunks_do},
        {"credit goes where it is missed", credit_goes_where_it_is_missed},
        {"lanes that are not live hold no credit", lanes_that_are_not_live_hold_no_credit},
        {"credit is kept, by chance", credit_is_kept_by_chance},
        {"pieces are read across their borders", pieces_are_read_across_their_borders},
        {"what is too much comes back when it is lost", what_is_too_much_comes_back_when_it_is_lost},
        {"whoever was refused is told once", whoever_was_refused_is_told_once},
        {"mail wakes once for all that waits", mail_wakes_once_for_all_that_waits},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("lanes", tests);
}
