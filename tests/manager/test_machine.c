/* SPDX-License-Identifier: Apache-2.0 */
/* A job as a machine, in virtual time: its stages, retries, controls and figures, and walks through all of them. */
#include "faspmgr/codes.h"
#include "manager/process.h"
#include "manager/stage.h"
#include "unit/suite.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sluice_job_state state_of(const stage *play)
{
    return stage_figures(play).state;
}

/* ---- stages ---- */

static void test_life(void)
{
    stage *play = stage_new(false, false, 10);
    CU_ASSERT_EQUAL(play->starts, 1);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_SUBMITTED);
    play->now += 5 * SLUICE_SECOND;
    stage_start(play);
    CU_ASSERT_EQUAL(stage_figures(play).worker, 4711);
    CU_ASSERT_EQUAL(stage_figures(play).attempts, 1);
    stage_hear(play, "SESSION", "Host", "early", NULL); /* nothing counts before INIT */
    CU_ASSERT_EQUAL(play->event_count, 0);
    stage_hear(play, "INIT", "SessionId", "abc", NULL);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CONNECTING);
    CU_ASSERT_EQUAL(play->machine.wake, SLUICE_NEVER);
    stage_hear(play, "SESSION", "Host", "::1", "TCPPort", "22", "Cipher", "aes-128-gcm", NULL);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RUNNING);
    CU_ASSERT_STRING_EQUAL(stage_figures(play).peer, "[::1]:22");
    CU_ASSERT_STRING_EQUAL(stage_figures(play).session, "abc");
    stage_hear(play, "SESSION", "Host", "h", NULL); /* twice is told once */
    stage_hear(play, "INIT", "SessionId", "abc", NULL);
    stage_hear(play, "NOTIFICATION", "Rate", "40000", "MinRate", "8", "Adaptive", "Trickle", "PMTU", "1500", NULL);
    CU_ASSERT_STRING_EQUAL(stage_figures(play).policy, "low");
    CU_ASSERT_EQUAL(stage_figures(play).target_bps, 40000000);
    CU_ASSERT_EQUAL(stage_figures(play).minimum_bps, 8000);
    stage_hear(play, "NOTIFICATION", "PreTransferFiles", "2", "PreTransferBytes", "20", NULL);
    stage_hear(play, "NOP", NULL);
    stage_hear(play, "VLINK", "VlinkID", "1", NULL);
    stage_hear(play, "DONE", "TransferBytes", "20", "FileBytes", "25", NULL);
    CU_ASSERT_EQUAL(play->ends, 0); /* its process still runs */
    stage_hear(play, "ERROR", "Code", "1", NULL); /* behind the last word nothing counts */
    play->now += SLUICE_SECOND;
    stage_exit(play, 0, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FINISHED);
    CU_ASSERT_EQUAL(stage_figures(play).elapsed_ns, 6 * SLUICE_SECOND);
    play->now += SLUICE_SECOND;
    CU_ASSERT_EQUAL(stage_figures(play).elapsed_ns, 6 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(stage_figures(play).transferred_bytes, 20);
    CU_ASSERT_EQUAL(stage_figures(play).present_bytes, 25);
    static const sluice_job_event_type wanted[] = {
        SLUICE_JOB_EVENT_CONNECTING, SLUICE_JOB_EVENT_SESSION_START, SLUICE_JOB_EVENT_RATE, SLUICE_JOB_EVENT_SCAN,
        SLUICE_JOB_EVENT_SESSION_STOP,
    };
    CU_ASSERT_EQUAL_FATAL(play->event_count, SLUICE_COUNT(wanted));
    CU_ASSERT_EQUAL(memcmp(play->events, wanted, sizeof wanted), 0);
    CU_ASSERT_EQUAL(play->signals, 0);
    stage_free(play);
}

static void test_silence(void)
{
    /* It says nothing at all: SIGTERM after 30 s, SIGKILL 2 s later, and another attempt. */
    stage *play = stage_new(false, false, 10);
    stage_start(play);
    stage_pass(play, 30 * SLUICE_SECOND - 1);
    CU_ASSERT_EQUAL(play->signals, 0);
    stage_pass(play, 1);
    CU_ASSERT_EQUAL(play->last_signal, SIGTERM);
    stage_pass(play, 2 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->last_signal, SIGKILL);
    CU_ASSERT_EQUAL(play->signals, 2);
    stage_exit(play, -SIGKILL, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RETRYING);
    CU_ASSERT_EQUAL(stage_figures(play).status, SLUICE_ETIMEOUT);
    stage_free(play);

    /* It has said its last word, and stays: 5 s, SIGTERM, 2 s, SIGKILL; that it succeeded stays true. */
    play = stage_new(false, false, 10);
    stage_session(play);
    stage_hear(play, "DONE", NULL);
    stage_pass(play, 5 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->last_signal, SIGTERM);
    stage_pass(play, 2 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->last_signal, SIGKILL);
    stage_exit(play, -SIGKILL, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FINISHED);
    stage_free(play);

    /* Its connection has ended, and it stays. */
    play = stage_new(false, false, 10);
    stage_session(play);
    sluice_machine_silent(&play->machine, play->now);
    stage_pass(play, 5 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->last_signal, SIGTERM);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(stage_figures(play).message, "without its last word"));
    stage_free(play);
}

static void test_garbled(void)
{
    stage *play = stage_new(false, false, 10);
    stage_session(play);
    sluice_machine_garbled(&play->machine, play->now);
    CU_ASSERT_EQUAL(play->last_signal, SIGKILL);
    stage_exit(play, -SIGKILL, "Segmentation fault");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(stage_figures(play).status, SLUICE_EPROTOCOL);
    CU_ASSERT_EQUAL(stage_figures(play).code, 1);
    stage_free(play);
}

/* ---- how attempts end ---- */

static void test_exits(void)
{
    static const struct {
        int result;
        const char *line;
        bool ascp;
        sluice_job_state state;
        int status;
        unsigned code;
        const char *message;
    } rows[] = {
        {2, "no such option", false, SLUICE_JOB_FAILED, SLUICE_EUSAGE, 8, "no such option"},
        {3, "sluice: bad plugin", false, SLUICE_JOB_FAILED, SLUICE_ECONFIG, 50, "bad plugin"},
        {4, "bad ticket", false, SLUICE_JOB_FAILED, SLUICE_EAUTH, 19, "bad ticket"},
        {5, "refused", false, SLUICE_JOB_RETRYING, SLUICE_ECONNECT, 12, "refused"},
        {130, "interrupted", false, SLUICE_JOB_CANCELLED, SLUICE_EINTERRUPTED, 28, "interrupted"},
        {1, "out of luck", false, SLUICE_JOB_FAILED, SLUICE_EFAILED, 2, "out of luck"},
        {1, "", false, SLUICE_JOB_FAILED, SLUICE_EFAILED, 2, "the worker has ended with status 1, and without its last word"},
        {0, "", false, SLUICE_JOB_FAILED, SLUICE_EFAILED, 2, "the worker has ended with status 0, and without its last word"},
        {5, "whatever", true, SLUICE_JOB_FAILED, SLUICE_EFAILED, 2, "whatever"},
        {-9, "", false, SLUICE_JOB_RETRYING, SLUICE_EFAILED, 2, "the worker was killed by signal 9"},
        {-11, "ouch", true, SLUICE_JOB_RETRYING, SLUICE_EFAILED, 2, "the worker was killed by signal 11: ouch"},
        {SLUICE_PROCESS_UNKNOWN, "", false, SLUICE_JOB_RETRYING, SLUICE_EFAILED, 2, "the worker has ended, nobody knows how"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        stage *play = stage_new(false, rows[i].ascp, 10);
        stage_start(play);
        stage_exit(play, rows[i].result, rows[i].line);
        CU_ASSERT_EQUAL(state_of(play), rows[i].state);
        CU_ASSERT_EQUAL(stage_figures(play).status, rows[i].status);
        CU_ASSERT_EQUAL(stage_figures(play).code, rows[i].code);
        CU_ASSERT_STRING_EQUAL(stage_figures(play).message, rows[i].message);
        CU_ASSERT_STRING_EQUAL(play->text, rows[i].message);
        stage_free(play);
    }
}

/* Which numbers are tried again: facts of the clients of ascp. */
static void test_codes(void)
{
    static const unsigned again[] = {12, 13, 14, 15, 16, 17, 18, 23, 32, 33, 35, 36, 37, 39, 40, 44, 45, 47, 61, 69};
    size_t next = 0;
    for (unsigned code = 0; code <= 100; code++) {
        bool wanted = next < SLUICE_COUNT(again) && again[next] == code;
        char digits[8];
        next += wanted;
        stage *play = stage_new(false, true, 10);
        stage_session(play);
        snprintf(digits, sizeof digits, "%u", code);
        stage_hear(play, "ERROR", "Code", digits, "Description", "why", NULL);
        stage_exit(play, 1, "something else");
        CU_ASSERT_EQUAL(state_of(play), wanted       ? SLUICE_JOB_RETRYING
                                        : code == 28 ? SLUICE_JOB_CANCELLED
                                                     : SLUICE_JOB_FAILED);
        CU_ASSERT_EQUAL(stage_figures(play).code, code);
        CU_ASSERT_NOT_EQUAL(stage_figures(play).status, SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(stage_figures(play).message, "why");
        stage_free(play);
    }
    stage *play = stage_new(false, true, 10);
    stage_session(play);
    stage_hear(play, "ERROR", "Code", "14", "Description", "Target address not available", NULL);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(stage_figures(play).status, SLUICE_ECONNECT);
    stage_free(play);
    /* A worker that is sluice tells its status as well. */
    play = stage_new(false, false, 10);
    stage_session(play);
    stage_hear(play, "ERROR", "Code", "35", "Status", "25", "Description", "changed", NULL);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(stage_figures(play).status, SLUICE_ECHANGED);
    stage_free(play);
    /* Without a sentence there is the number's. */
    play = stage_new(false, true, 10);
    stage_session(play);
    stage_hear(play, "ERROR", "Code", "25", NULL);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(stage_figures(play).status, SLUICE_ENOSPACE);
    CU_ASSERT_STRING_EQUAL(stage_figures(play).message, "no space left");
    stage_free(play);
}

/* One attempt that fails by a lost connection. */
static void fail_once(stage *play, const char *transferred)
{
    stage_session(play);
    if (transferred != NULL)
        stage_hear(play, "STATS", "File", "f", "TransferBytes", transferred, NULL);
    stage_hear(play, "ERROR", "Code", "16", "Description", "lost", NULL);
    stage_exit(play, 1, "");
}

static void test_schedule(void)
{
    /* As it is made: 2, 4, 8, 16, 32, 60, 60 s, and then the end. */
    static const unsigned seconds[] = {2, 4, 8, 16, 32, 60, 60};
    stage *play = stage_new(false, false, 10);
    for (size_t i = 0; i < SLUICE_COUNT(seconds); i++) {
        fail_once(play, NULL);
        CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RETRYING);
        CU_ASSERT_EQUAL(play->retry_ns, seconds[i] * SLUICE_SECOND);
        CU_ASSERT_STRING_EQUAL(play->text, "lost");
        stage_pass(play, seconds[i] * SLUICE_SECOND - 1);
        CU_ASSERT_EQUAL(play->starts, 0);
        stage_pass(play, 1);
        CU_ASSERT_EQUAL(play->starts, 1);
        CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_SUBMITTED);
    }
    fail_once(play, NULL);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(stage_figures(play).attempts, 8);
    CU_ASSERT_EQUAL(play->ends, 1);
    stage_free(play);

    /* An attempt by which something arrived begins the count anew. */
    play = stage_new(false, false, 10);
    sluice_order_retry(play->machine.order, 2, SLUICE_SECOND, 10 * SLUICE_SECOND);
    for (unsigned i = 0; i < 20; i++) {
        fail_once(play, i % 2 == 0 ? "1000" : NULL);
        CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RETRYING);
        CU_ASSERT_EQUAL(play->retry_ns, (i % 2 == 0 ? 1 : 2) * SLUICE_SECOND);
        stage_pass(play, 2 * SLUICE_SECOND);
    }
    CU_ASSERT_EQUAL(stage_figures(play).transferred_bytes, 10000);
    fail_once(play, NULL);
    stage_pass(play, 10 * SLUICE_SECOND);
    fail_once(play, NULL);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    stage_free(play);

    /* None. */
    play = stage_new(false, false, 10);
    sluice_order_retry(play->machine.order, 0, SLUICE_SECOND, SLUICE_SECOND);
    fail_once(play, "5");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    stage_free(play);
}

static void test_unable(void)
{
    stage *play = stage_new(false, false, 10);
    play->starts--;
    sluice_machine_unable(&play->machine, SLUICE_ECONFIG, "cannot start it", play->now);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(stage_figures(play).attempts, 0);
    CU_ASSERT_STRING_EQUAL(stage_figures(play).message, "cannot start it");
    stage_free(play);
    play = stage_new(false, false, 10);
    play->starts--;
    sluice_machine_unable(&play->machine, SLUICE_ELIMIT, "too many files are open", play->now);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RETRYING);
    stage_pass(play, 2 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->starts, 1);
    stage_free(play);
}

/* ---- controls ---- */

static void test_rates(void)
{
    stage *play = stage_new(false, false, 10);
    stage_session(play);
    stage_hear(play, "NOTIFICATION", "Rate", "40000", "MinRate", "100", "Adaptive", "Adaptive", "Priority", "2", NULL);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    sluice_machine_pause(&play->machine, true, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=0 MinRate=100 Adaptive=Adaptive Priority=2;");
    stage_hear(play, "NOTIFICATION", "Rate", "0", "MinRate", "100", NULL);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_PAUSED);
    /* What was measured in the moment before it is no rate any more. */
    stage_hear(play, "PROGRESS", "rate_bps", "1026662", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).rate_bps, 0);
    /* A rate that is asked for in a pause does not end it. */
    sluice_machine_rate(&play->machine, 5000000, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=0 MinRate=100 Adaptive=Adaptive Priority=2;");
    sluice_machine_pause(&play->machine, false, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=5000 MinRate=100 Adaptive=Adaptive Priority=2;");
    stage_hear(play, "NOTIFICATION", "Rate", "5000", "MinRate", "100", NULL);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RUNNING);
    sluice_machine_policy(&play->machine, "high", play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=5000 MinRate=100 Adaptive=Adaptive Priority=1;");
    sluice_machine_policy(&play->machine, "fixed", play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=5000 MinRate=100 Adaptive=Fixed Priority=2;");
    sluice_machine_minimum(&play->machine, 0, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=5000 MinRate=0 Adaptive=Fixed Priority=2;");
    sluice_machine_rate(&play->machine, 0, play->now); /* none is not a pause */
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=10000000 MinRate=0 Adaptive=Fixed Priority=2;");
    sluice_machine_rate(&play->machine, 1, play->now); /* nor is little */
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=1 MinRate=0 Adaptive=Fixed Priority=2;");
    /* A worker that takes nothing hears the last one, once. */
    play->full = true;
    for (unsigned i = 0; i < 100; i++)
        sluice_machine_rate(&play->machine, 1000 * (i + 1), play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    play->full = false;
    sluice_machine_feed(&play->machine, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=100 MinRate=0 Adaptive=Fixed Priority=2;");
    stage_free(play);

    /* One that is asked too often cuts its manager off: the rest waits for the next second, and only the last of it counts. */
    play = stage_new(true, false, 10);
    stage_session(play);
    for (unsigned i = 1; i <= 500; i++)
        sluice_machine_rate(&play->machine, 1000 * i, play->now);
    CU_ASSERT_EQUAL(play->says, SLUICE_MACHINE_SAYS_MOST);
    (void)stage_said(play);
    stage_pass(play, SLUICE_SECOND - 1);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    stage_pass(play, 1);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=500 MinRate=0 Adaptive=Adaptive Priority=2;");
    CU_ASSERT_EQUAL(sluice_machine_wake(&play->machine), SLUICE_NEVER);
    stage_free(play);
}

/* What is asked for before there is a worker that hears is in its order; a pause, and a policy that might not be there, it is
 * told as soon as it hears. */
static void test_remembered(void)
{
    stage *play = stage_new(false, false, 10);
    sluice_machine_rate(&play->machine, 3000000, play->now);
    CU_ASSERT(play->machine.wishes.rate_set && play->machine.wishes.rate_bps == 3000000);
    stage_start(play);
    stage_hear(play, "INIT", NULL);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    stage_free(play);

    play = stage_new(false, false, 10);
    sluice_machine_pause(&play->machine, true, play->now);
    stage_start(play);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    sluice_machine_minimum(&play->machine, 2000, play->now); /* its order was made before */
    stage_hear(play, "INIT", NULL);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=0 MinRate=2 Adaptive=Adaptive Priority=2;");
    stage_hear(play, "SESSION", NULL);
    stage_hear(play, "NOTIFICATION", "Rate", "0", NULL);
    stage_hear(play, "ERROR", "Code", "16", NULL);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_RETRYING);
    stage_pass(play, 2 * SLUICE_SECOND);
    stage_start(play);
    stage_hear(play, "INIT", NULL); /* it is still paused */
    CU_ASSERT_STRING_EQUAL(stage_said(play), "RATE Rate=0 MinRate=2 Adaptive=Adaptive Priority=2;");
    stage_free(play);
}

static void test_cancels(void)
{
    /* Without a worker: at once. */
    stage *play = stage_new(false, false, 10);
    CU_ASSERT_EQUAL(sluice_machine_cancel(&play->machine, play->now), SLUICE_OK);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CANCELLED);
    CU_ASSERT_EQUAL(play->starts, 0);
    CU_ASSERT_EQUAL(play->ends, 1);
    CU_ASSERT_EQUAL(sluice_machine_cancel(&play->machine, play->now), SLUICE_EEND);
    stage_free(play);
    play = stage_new(false, false, 10);
    fail_once(play, NULL);
    CU_ASSERT_EQUAL(sluice_machine_cancel(&play->machine, play->now), SLUICE_OK);
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CANCELLED);
    stage_pass(play, 100 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->all_starts, 1);
    stage_free(play);

    /* Before INIT it hears nothing: then it is told. */
    play = stage_new(false, false, 10);
    stage_start(play);
    (void)sluice_machine_cancel(&play->machine, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    stage_hear(play, "INIT", NULL);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "CANCEL;");
    CU_ASSERT_EQUAL(sluice_machine_pause(&play->machine, true, play->now), SLUICE_EEND);
    stage_hear(play, "ERROR", "Code", "28", NULL);
    stage_exit(play, 130, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CANCELLED);
    CU_ASSERT_EQUAL(stage_figures(play).code, 28);
    stage_free(play);

    /* It does not listen: 10 s, SIGINT, 5 s, SIGKILL; and no other attempt, whatever it dies of. */
    play = stage_new(false, false, 10);
    stage_session(play);
    (void)sluice_machine_cancel(&play->machine, play->now);
    (void)sluice_machine_cancel(&play->machine, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "CANCEL;");
    stage_pass(play, 10 * SLUICE_SECOND - 1);
    CU_ASSERT_EQUAL(play->signals, 0);
    stage_pass(play, 1);
    CU_ASSERT_EQUAL(play->last_signal, SIGINT);
    stage_pass(play, 5 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(play->last_signal, SIGKILL);
    stage_exit(play, -SIGKILL, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CANCELLED);
    stage_free(play);

    /* It was done before it heard of it. */
    play = stage_new(false, false, 10);
    stage_session(play);
    (void)sluice_machine_cancel(&play->machine, play->now);
    stage_hear(play, "DONE", NULL);
    stage_exit(play, 0, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_FINISHED);
    stage_free(play);

    /* After its last word, which would have been worth another try. */
    play = stage_new(false, false, 10);
    stage_session(play);
    stage_hear(play, "ERROR", "Code", "16", NULL);
    CU_ASSERT_EQUAL(sluice_machine_cancel(&play->machine, play->now), SLUICE_OK);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CANCELLED);
    stage_free(play);

    /* Another program's session that waits for sources is shut down. */
    play = stage_new(true, true, 10);
    stage_session(play);
    (void)sluice_machine_cancel(&play->machine, play->now);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "DONE Operation=Shutdown;");
    stage_hear(play, "DONE", NULL);
    stage_exit(play, 0, "");
    CU_ASSERT_EQUAL(state_of(play), SLUICE_JOB_CANCELLED);
    stage_free(play);
}

static void test_sources(void)
{
    stage *play = stage_new(false, false, 10);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "b", NULL, 0, SLUICE_UNKNOWN, play->now), SLUICE_EUNSUPPORTED);
    CU_ASSERT_EQUAL(sluice_machine_drop(&play->machine, "a", play->now), SLUICE_EUNSUPPORTED);
    CU_ASSERT_EQUAL(sluice_machine_no_more(&play->machine, play->now), SLUICE_EUNSUPPORTED);
    stage_free(play);

    play = stage_new(true, false, 10);
    CU_ASSERT(stage_figures(play).persistent && stage_figures(play).open);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "b", NULL, 0, SLUICE_UNKNOWN, play->now), SLUICE_OK); /* in its order */
    stage_start(play);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "c", "x/c", 10, 20, play->now), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "d", NULL, 10, SLUICE_UNKNOWN, play->now), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "");
    stage_hear(play, "INIT", NULL);
    CU_ASSERT_STRING_EQUAL(stage_said(play),
                           "START Source=c Destination=x/c FileBytes=10:19;START Source=d FileBytes=10:;");
    CU_ASSERT_EQUAL(sluice_machine_drop(&play->machine, NULL, play->now), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_machine_drop(&play->machine, "c", play->now), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "STOP Source=c;");
    CU_ASSERT_EQUAL(sluice_machine_drop(&play->machine, "c", play->now), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "", NULL, 0, SLUICE_UNKNOWN, play->now), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "c", "../c", 0, SLUICE_UNKNOWN, play->now), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_machine_no_more(&play->machine, play->now), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_machine_no_more(&play->machine, play->now), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "DONE Operation=Linger;");
    CU_ASSERT_FALSE(stage_figures(play).open);
    CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "e", NULL, 0, SLUICE_UNKNOWN, play->now), SLUICE_EEND);
    /* The next attempt's order has what was added and not dropped, and it is told that there is no more. */
    stage_hear(play, "ERROR", "Code", "16", NULL);
    stage_exit(play, 1, "");
    stage_pass(play, 2 * SLUICE_SECOND);
    stage_start(play);
    stage_hear(play, "INIT", NULL);
    CU_ASSERT_STRING_EQUAL(stage_said(play), "DONE Operation=Linger;");
    static const bool dropped[] = {false, false, true, false};
    CU_ASSERT_EQUAL_FATAL(play->machine.order->count, 4);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(play->machine.order->entries[i].dropped, dropped[i]);
    stage_free(play);
}

/* Bytes that are no UTF-8 go as they are to a worker that is sluice, and line ends go to all, escaped. */
static void test_odd_sources(void)
{
    for (int ascp = 0; ascp < 2; ascp++) {
        stage *play = stage_new(true, ascp, 10);
        stage_session(play);
        CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, "a\xff\nb", "c\xff", 0, SLUICE_UNKNOWN, play->now), SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(stage_said(play), ascp ? "START Source=a\xef\xbf\xbd\x1bnb Destination=c\xef\xbf\xbd;"
                                                      : "START Source=a\xff\x1bnb Destination=c\xff;");
        stage_free(play);
    }
}

/* Many sources for a worker that takes little at a time: in order, and no more before the last of them. */
static void test_feeding(void)
{
    stage *play = stage_new(true, false, 10);
    char name[16], wanted[64];
    stage_session(play);
    play->full = true;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "s%u", i);
        CU_ASSERT_EQUAL(sluice_machine_add(&play->machine, name, NULL, 0, SLUICE_UNKNOWN, play->now), SLUICE_OK);
    }
    (void)sluice_machine_no_more(&play->machine, play->now);
    CU_ASSERT_EQUAL(play->says, 0);
    play->full = false;
    sluice_machine_feed(&play->machine, play->now);
    CU_ASSERT_EQUAL(play->says, 1001);
    const char *said = stage_said(play);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(wanted, sizeof wanted, "START Source=s%u;", i);
        CU_ASSERT_EQUAL_FATAL(strncmp(said, wanted, strlen(wanted)), 0);
        said += strlen(wanted);
    }
    CU_ASSERT_STRING_EQUAL(said, "DONE Operation=Linger;");
    stage_free(play);
}

/* ---- figures ---- */

static void hear_stop(stage *play, const char *name)
{
    stage_hear(play, "STOP", "File", name, "Size", "10", NULL);
}

/* A file that was moved by one attempt and is skipped by the next counts once, as moved. */
static void test_counts(void)
{
    stage *play = stage_new(false, false, 2);
    stage_session(play);
    hear_stop(play, "a");
    hear_stop(play, "b");
    stage_hear(play, "SKIP", "File", "s", "Size", "10", NULL);
    stage_hear(play, "FILEERROR", "File", "f", "Code", "4", "Description", "gone", NULL);
    stage_hear(play, "STATS", "File", "c", "Size", "10", "Written", "4", "TransferBytes", "24", "FileBytes", "34",
               "Loss", "3", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).active, 1);
    stage_hear(play, "ERROR", "Code", "16", NULL);
    stage_exit(play, 1, "");
    CU_ASSERT_EQUAL(stage_figures(play).active, 0);
    stage_pass(play, 2 * SLUICE_SECOND);
    stage_session(play);
    static const char *const names[] = {"a", "b", "s"};
    for (size_t i = 0; i < 3; i++)
        stage_hear(play, "SKIP", "File", names[i], "Size", "10", NULL);
    hear_stop(play, "f");
    hear_stop(play, "c");
    stage_hear(play, "DONE", "TransferBytes", "16", "FileBytes", "50", "Loss", "4", "TransfersPassed", "2", "TransfersSkipped", "3", NULL);
    stage_exit(play, 0, "");
    sluice_job_statistics end = stage_figures(play);
    CU_ASSERT_EQUAL(end.files, 4);
    CU_ASSERT_EQUAL(end.skipped, 1);
    CU_ASSERT_EQUAL(end.failed, 0);
    CU_ASSERT_EQUAL(end.transferred_bytes, 40);
    CU_ASSERT_EQUAL(end.present_bytes, 50);
    CU_ASSERT_EQUAL(end.lost_bytes, 7);
    CU_ASSERT_EQUAL(play->machine.ledger.files.over, 2); /* the last ones */
    stage_free(play);
}

/* A worker with more to tell than is heard counts right all the same. */
static void test_untold(void)
{
    stage *play = stage_new(false, false, 2);
    stage_session(play);
    hear_stop(play, "a");
    stage_hear(play, "PROGRESS", "files", "5", "skipped", "2", "failed", "1", NULL);
    sluice_job_statistics now = stage_figures(play);
    CU_ASSERT(now.files == 5 && now.skipped == 2 && now.failed == 1);
    stage_hear(play, "ERROR", "Code", "16", NULL);
    stage_exit(play, 1, "");
    stage_pass(play, 2 * SLUICE_SECOND);
    stage_session(play);
    stage_hear(play, "SKIP", "File", "a", NULL);
    stage_hear(play, "SKIP", "File", "s", NULL);
    stage_hear(play, "DONE", "TransfersPassed", "3", "TransfersFailed", "0", "TransfersSkipped", "8", NULL);
    stage_exit(play, 0, "");
    now = stage_figures(play);
    CU_ASSERT(now.files == 10 && now.skipped == 1 && now.failed == 0); /* of 11, one was there before the job */
    stage_free(play);
}

static void test_figures(void)
{
    stage *play = stage_new(false, false, 10);
    stage_session(play);
    stage_hear(play, "FILESTART", "File", "a", "Size", "1000000", NULL);
    CU_ASSERT_EQUAL(play->counts[SLUICE_JOB_EVENT_FILE_START], 1);
    stage_hear(play, "PROGRESS", "files", "3", "failed", "1", "skipped", "2", "total_files", "9", "total_bytes", "900",
               "rate_bps", "77", "srtt_ns", "5", "mtu", "1400", "target_bps", "88", "minimum_bps", "9", "resent_bytes", "6",
               "moved_bytes", "500", "cipher", "none", "limited_by", "sink", NULL);
    sluice_job_statistics now = stage_figures(play);
    CU_ASSERT_EQUAL(play->counts[SLUICE_JOB_EVENT_PROGRESS], 1);
    CU_ASSERT(now.files == 3 && now.failed == 1 && now.skipped == 2 && now.total_files == 9 && now.total_bytes == 900);
    CU_ASSERT(now.rate_bps == 77 && now.rtt_ns == 5 && now.mtu == 1400 && now.target_bps == 88 && now.minimum_bps == 9);
    CU_ASSERT(now.lost_bytes == 6 && now.present_bytes == 500 && now.active == 1);
    CU_ASSERT_STRING_EQUAL(now.limited_by, "sink");
    stage_hear(play, "PROGRESS", NULL); /* nothing limits, as far as it knows */
    CU_ASSERT_STRING_EQUAL(stage_figures(play).limited_by, "");
    CU_ASSERT_EQUAL(stage_figures(play).files, 3);
    /* Numbers that are none, or make no sense, are passed over. */
    stage_hear(play, "PROGRESS", "files", "-1", "rate_bps", "50%", "mtu", "0x10", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).mtu, 1400);
    stage_hear(play, "STATS", "File", "a", "Written", "5", "TransferBytes", "999999999999999999", "Delay",
               "999999999999999999", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).rtt_ns, 5);
    stage_free(play);

    /* The rate of a worker that does not tell it: what came in the time between. */
    play = stage_new(false, true, 10);
    stage_session(play);
    stage_pass(play, 2 * SLUICE_SECOND);
    stage_hear(play, "STATS", "File", "a", "TransferBytes", "1000000", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).rate_bps, 4000000);
    CU_ASSERT_EQUAL(play->counts[SLUICE_JOB_EVENT_PROGRESS], 2); /* of the file, and of the job */
    stage_hear(play, "STATS", "File", "b", "TransferBytes", "1000100", NULL);
    CU_ASSERT_EQUAL(play->counts[SLUICE_JOB_EVENT_PROGRESS], 3); /* of the file alone: it is no second later */
    stage_pass(play, SLUICE_SECOND);
    stage_hear(play, "STATS", "File", "a", "TransferBytes", "2000000", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).rate_bps, 8000000);
    CU_ASSERT_EQUAL(stage_figures(play).active, 2);
    stage_free(play);
}

static void test_names(void)
{
    stage *play = stage_new(false, false, 10);
    stage_session(play);
    stage_hear(play, "STOP", "File", "\x1bnline", NULL); /* an escaped line end; faspmgr_text makes the ESC a blank */
    hear_stop(play, "");
    stage_hear(play, "STOP", "Size", "10", NULL);
    CU_ASSERT_EQUAL(stage_figures(play).files, 1);
    stage_hear(play, "STOP", "File", "d", "Size", "10", "FileChecksum", "00ff", "FileChecksumType", "sha-256", NULL);
    CU_ASSERT_STRING_EQUAL(play->machine.ledger.files.over_last->file.digest, "sha-256:00ff");
    CU_ASSERT_EQUAL(play->machine.ledger.files.over_last->file.contiguous_bytes, 10);
    stage_free(play);
}

/* ---- walks ---- */

#define NAMES 12
#define STEPS 20000

typedef struct model {
    sluice_tally_state names[NAMES];
    bool moving[NAMES];
    uint64_t transferred_before, transferred;
} model;

static uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static bool hears(const stage *play)
{
    return play->machine.stage == SLUICE_MACHINE_HEARD || play->machine.stage == SLUICE_MACHINE_SESSION;
}

static bool has_worker(const stage *play)
{
    return play->machine.stage >= SLUICE_MACHINE_STARTED && play->machine.stage <= SLUICE_MACHINE_ENDING;
}

static void model_end_attempt(model *all)
{
    all->transferred_before += all->transferred;
    all->transferred = 0;
    memset(all->moving, 0, sizeof all->moving);
}

static void model_over(model *all, unsigned name, sluice_tally_state state)
{
    all->moving[name] = false;
    if (!(all->names[name] == SLUICE_TALLY_DONE && state == SLUICE_TALLY_SKIPPED))
        all->names[name] = state;
}

static void walk_file(stage *play, model *all, uint64_t *random)
{
    static const char *const types[] = {"STATS", "FILESTART", "STOP", "SKIP", "FILEERROR"};
    static const sluice_tally_state states[] = {SLUICE_TALLY_NONE, SLUICE_TALLY_NONE, SLUICE_TALLY_DONE,
                                                SLUICE_TALLY_SKIPPED, SLUICE_TALLY_FAILED};
    unsigned name = next_random(random) % NAMES, type = next_random(random) % 5;
    uint64_t bytes = next_random(random) % 100000;
    char file[8], digits[24];
    snprintf(file, sizeof file, "f%u", name);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)bytes);
    if (hears(play)) {
        if (bytes > all->transferred)
            all->transferred = bytes;
        if (type < 2)
            all->moving[name] = true;
        else
            model_over(all, name, states[type]);
    }
    stage_hear(play, types[type], "File", file, "TransferBytes", digits, "Code", "4", NULL);
}

static void walk_message(stage *play, model *all, uint64_t *random)
{
    char digits[8];
    switch (next_random(random) % 9) {
    case 0:
        stage_hear(play, "INIT", "SessionId", "x", NULL);
        break;
    case 1:
        stage_hear(play, "SESSION", "Host", "h", NULL);
        break;
    case 2:
        snprintf(digits, sizeof digits, "%u", next_random(random) % 2 * 1000);
        stage_hear(play, "NOTIFICATION", "Rate", digits, NULL);
        break;
    case 3:
        if (next_random(random) % 20 == 0)
            stage_hear(play, "DONE", NULL);
        break;
    case 4:
        if (next_random(random) % 4 == 0) {
            snprintf(digits, sizeof digits, "%u", next_random(random) % 70);
            stage_hear(play, "ERROR", "Code", next_random(random) % 3 ? "16" : digits, NULL);
        }
        break;
    default:
        walk_file(play, all, random);
    }
}

static void walk_control(stage *play, uint64_t *random)
{
    static const char *const policies[] = {"fixed", "high", "fair", "low"};
    char name[8];
    snprintf(name, sizeof name, "n%u", next_random(random) % 5);
    switch (next_random(random) % 8) {
    case 0:
        (void)sluice_machine_pause(&play->machine, next_random(random) % 2, play->now);
        break;
    case 1:
        (void)sluice_machine_rate(&play->machine, next_random(random) % 10 * 1000, play->now);
        break;
    case 2:
        (void)sluice_machine_minimum(&play->machine, next_random(random) % 10 * 1000, play->now);
        break;
    case 3:
        (void)sluice_machine_policy(&play->machine, policies[next_random(random) % 4], play->now);
        break;
    case 4:
        (void)sluice_machine_add(&play->machine, name, NULL, 0, SLUICE_UNKNOWN, play->now);
        break;
    case 5:
        (void)sluice_machine_drop(&play->machine, name, play->now);
        break;
    case 6:
        if (next_random(random) % 10 == 0)
            (void)sluice_machine_no_more(&play->machine, play->now);
        break;
    default:
        if (next_random(random) % 100 == 0)
            (void)sluice_machine_cancel(&play->machine, play->now);
    }
}

static void walk_worker(stage *play, model *all, uint64_t *random)
{
    static const int results[] = {0, 1, 5, -9, -11, 130};
    if (has_worker(play) && next_random(random) % 4 == 0) {
        model_end_attempt(all);
        stage_exit(play, results[next_random(random) % SLUICE_COUNT(results)], "");
    } else if (play->starts > 0) {
        if (next_random(random) % 10 == 0) {
            play->starts--;
            sluice_machine_unable(&play->machine, SLUICE_ELIMIT, "full", play->now);
        } else
            stage_start(play);
    } else if (next_random(random) % 20 == 0)
        sluice_machine_silent(&play->machine, play->now);
    else if (next_random(random) % 200 == 0)
        sluice_machine_garbled(&play->machine, play->now);
}

static void check_figures(const stage *play, const model *all)
{
    uint64_t counts[SLUICE_TALLY_STATES] = {0}, active = 0;
    sluice_job_statistics now = stage_figures(play);
    for (unsigned i = 0; i < NAMES; i++) {
        counts[all->names[i]]++;
        active += all->moving[i];
    }
    CU_ASSERT_EQUAL_FATAL(now.files, counts[SLUICE_TALLY_DONE]);
    CU_ASSERT_EQUAL_FATAL(now.skipped, counts[SLUICE_TALLY_SKIPPED]);
    CU_ASSERT_EQUAL_FATAL(now.failed, counts[SLUICE_TALLY_FAILED]);
    CU_ASSERT_EQUAL_FATAL(now.active, active);
    CU_ASSERT_EQUAL_FATAL(now.transferred_bytes, all->transferred_before + all->transferred);
    CU_ASSERT_EQUAL_FATAL(now.worker != 0, has_worker(play));
}

static void check_stage(const stage *play, unsigned says_before, bool heard_before)
{
    sluice_machine_stage at = play->machine.stage;
    CU_ASSERT_EQUAL_FATAL(play->ends, at == SLUICE_MACHINE_OVER);
    CU_ASSERT_EQUAL_FATAL(play->starts, at == SLUICE_MACHINE_WAITING);
    /* Whatever cannot last has its end in time. */
    bool timed = at == SLUICE_MACHINE_STARTED || at == SLUICE_MACHINE_ENDING || at == SLUICE_MACHINE_RESTING;
    CU_ASSERT_FATAL(!timed || play->machine.wake != SLUICE_NEVER);
    CU_ASSERT_FATAL(at != SLUICE_MACHINE_OVER || play->machine.wake == SLUICE_NEVER);
    CU_ASSERT_FATAL(play->says == says_before || heard_before || hears(play));
    sluice_job_state state = stage_figures(play).state;
    CU_ASSERT_EQUAL_FATAL(state >= SLUICE_JOB_FINISHED, at == SLUICE_MACHINE_OVER);
    CU_ASSERT_EQUAL_FATAL(state == SLUICE_JOB_RETRYING, at == SLUICE_MACHINE_RESTING);
}

static void walk(uint64_t seed, unsigned *ends)
{
    uint64_t random = seed;
    stage *play = stage_new(seed % 2, seed % 3 == 0, 4);
    model all = {0};
    for (unsigned i = 0; i < STEPS && play->machine.stage != SLUICE_MACHINE_OVER; i++) {
        unsigned says = play->says, what = next_random(&random) % 100;
        bool heard = hears(play);
        if (what < 60)
            walk_message(play, &all, &random);
        else if (what < 75)
            walk_control(play, &random);
        else if (what < 77)
            walk_worker(play, &all, &random);
        else if (what < 90)
            stage_pass(play, next_random(&random) % 1000 * SLUICE_MS);
        else if (play->starts > 0)
            walk_worker(play, &all, &random);
        else {
            play->full = next_random(&random) % 2;
            sluice_machine_feed(&play->machine, play->now);
        }
        check_figures(play, &all);
        check_stage(play, says, heard);
    }
    *ends += play->ends;
    unsigned events = play->event_count;
    if (play->ends > 0) { /* behind the end nothing happens any more */
        for (unsigned i = 0; i < 50; i++) {
            walk_message(play, &all, &random);
            walk_control(play, &random);
            stage_pass(play, SLUICE_SECOND);
        }
        CU_ASSERT_EQUAL(play->event_count, events);
        CU_ASSERT_EQUAL(play->ends, 1);
    }
    stage_free(play);
}

static void test_walks(void)
{
    unsigned ends = 0;
    for (uint64_t seed = 1; seed <= 60; seed++)
        walk(seed, &ends);
    CU_ASSERT(ends > 10); /* else they do not walk far */
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a life", test_life},
        {"workers that say nothing, or do not end", test_silence},
        {"a worker that cannot be understood", test_garbled},
        {"exit statuses", test_exits},
        {"numbers that are tried again", test_codes},
        {"the schedule of retries", test_schedule},
        {"no worker can be started", test_unable},
        {"rates, pause and policy", test_rates},
        {"what is asked for before", test_remembered},
        {"cancel in every stage", test_cancels},
        {"sources that are added and dropped", test_sources},
        {"sources with odd names", test_odd_sources},
        {"more sources than are taken at once", test_feeding},
        {"counts over attempts", test_counts},
        {"counts of what was not told", test_untold},
        {"figures", test_figures},
        {"names and digests", test_names},
        {"random walks", test_walks},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("machine", tests);
}
