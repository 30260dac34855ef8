/* SPDX-License-Identifier: Apache-2.0 */
#include "session/report.h"

#include "unit/suite.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

/* A report plugin that writes down what it sees, and can be held up. */
typedef struct watcher_state {
    char seen[4096];
    size_t bytes;
    sem_t arrived, go;
    bool held;
    int finis, releases;
    pthread_t thread;
} watcher_state;

static void watcher_event(void *state, const sluice_event *event)
{
    watcher_state *watcher = state;
    int length = snprintf(
        watcher->seen + watcher->bytes, sizeof watcher->seen - watcher->bytes, "%d:%s:%s:%s ", (int)event->type,
        event->path != NULL ? event->path : "-", event->message != NULL ? event->message : "-",
        event->statistics != NULL && event->statistics->limited_by != NULL ? event->statistics->limited_by : "-");
    watcher->bytes += (size_t)length;
    watcher->thread = pthread_self();
    sem_post(&watcher->arrived);
    if (watcher->held)
        sem_wait(&watcher->go);
}

static void watcher_tick(void *state, sluice_time now)
{
    (void)now;
    sem_post(&((watcher_state *)state)->arrived);
}

static void watcher_fini(void *state)
{
    ((watcher_state *)state)->finis++;
}

static void watcher_release(void *owner)
{
    watcher_state *watcher = owner;
    CU_ASSERT_EQUAL(watcher->finis, 1);
    watcher->releases++;
}

static const sluice_report_ops plain = {.event = watcher_event, .fini = watcher_fini};
static const sluice_report_ops ticking = {.event = watcher_event, .tick = watcher_tick};

static sluice_report *begin(watcher_state *watcher, const sluice_report_ops *ops, size_t queue)
{
    memset(watcher, 0, sizeof *watcher);
    sem_init(&watcher->arrived, 0, 0);
    sem_init(&watcher->go, 0, 0);
    sluice_report_watcher one = {
        .ops = ops, .state = watcher, .release = ops == &plain ? watcher_release : NULL, .owner = watcher};
    sluice_report *report = NULL;
    CU_ASSERT_EQUAL_FATAL(
        sluice_report_new(&(sluice_report_setup){.watchers = &one, .watcher_count = 1, .queue = queue}, &report, NULL),
        SLUICE_OK);
    return report;
}

static void tell(sluice_report *report, sluice_event_type type, const char *path)
{
    sluice_report_tell(report, &(sluice_event){.type = type, .path = path, .message = ""});
}

static void events_are_copied_and_come_in_order(void)
{
    watcher_state watcher;
    sluice_report *report = begin(&watcher, &plain, 0);
    char expected[4096] = "";
    size_t bytes = 0;
    for (int i = 0; i < 100; i++) {
        char path[16], limit[16];
        snprintf(path, sizeof path, "p%d", i);
        snprintf(limit, sizeof limit, "l%d", i);
        sluice_statistics statistics = {.size = sizeof statistics, .limited_by = limit};
        sluice_report_tell(
            report,
            &(sluice_event){.type = SLUICE_EVENT_FILE, .path = path, .message = "m", .statistics = &statistics});
        memset(path, 'X', sizeof path - 1); /* what was told is the teller's again */
        memset(limit, 'X', sizeof limit - 1);
        bytes += (size_t)snprintf(expected + bytes, sizeof expected - bytes, "%d:p%d:m:l%d ", SLUICE_EVENT_FILE, i, i);
    }
    CU_ASSERT_EQUAL(sluice_report_dropped(report), 0);
    sluice_report_free(report); /* hands over what is still queued */
    CU_ASSERT_STRING_EQUAL(watcher.seen, expected);
    CU_ASSERT_FALSE(pthread_equal(watcher.thread, pthread_self()));
    CU_ASSERT_EQUAL(watcher.releases, 1);
}

static void a_slow_watcher_loses_events_but_never_the_end(void)
{
    watcher_state watcher;
    sluice_report *report = begin(&watcher, &plain, 3);
    watcher.held = true;
    tell(report, SLUICE_EVENT_FILE, "a");
    sem_wait(&watcher.arrived); /* the watcher has a in its hands: the queue is empty */
    const char *const names[] = {"b", "c", "d", "e", "f"};
    for (size_t i = 0; i < SLUICE_COUNT(names); i++)
        tell(report, SLUICE_EVENT_FILE, names[i]);
    tell(report, SLUICE_EVENT_ERROR, "x");
    tell(report, SLUICE_EVENT_DONE, "y");
    CU_ASSERT_EQUAL(sluice_report_dropped(report), 2);
    watcher.held = false;
    sem_post(&watcher.go);
    sluice_report_free(report);
    char expected[256];
    snprintf(expected, sizeof expected,
             "%d:a::- %d:-:2 events were left out: the reports could not keep up:- %d:b::- %d:c::- %d:d::- %d:x::- "
             "%d:y::- ",
             SLUICE_EVENT_FILE, SLUICE_EVENT_WARNING, SLUICE_EVENT_FILE, SLUICE_EVENT_FILE, SLUICE_EVENT_FILE,
             SLUICE_EVENT_ERROR, SLUICE_EVENT_DONE);
    CU_ASSERT_STRING_EQUAL(watcher.seen, expected);
}

static void ticks_come_while_nothing_happens(void)
{
    watcher_state watcher;
    sluice_report *report = begin(&watcher, &ticking, 0);
    for (int i = 0; i < 2; i++)
        sem_wait(&watcher.arrived);
    sluice_report_free(report);
    CU_ASSERT_STRING_EQUAL(watcher.seen, "");
}

static void note_thread(void *user, const sluice_event *event)
{
    CU_ASSERT_EQUAL(event->type, SLUICE_EVENT_SCAN);
    *(pthread_t *)user = pthread_self();
}

static void the_callback_runs_on_the_tellers_thread(void)
{
    pthread_t called = 0;
    sluice_report *report = NULL;
    CU_ASSERT_EQUAL_FATAL(
        sluice_report_new(&(sluice_report_setup){.event = note_thread, .user = &called}, &report, NULL), SLUICE_OK);
    tell(report, SLUICE_EVENT_SCAN, NULL);
    CU_ASSERT(pthread_equal(called, pthread_self()));
    sluice_report_free(report);
    sluice_report_free(NULL);
}

static unsigned watcher_wants(void *state)
{
    (void)state;
    return SLUICE_REPORT_FILE_PROGRESS;
}

/* Costly events reach those alone that want them, and nobody makes them where nobody does. */
static void costly_events_go_to_those_who_want_them(void)
{
    static const sluice_report_ops wanting = {.event = watcher_event, .wants = watcher_wants};
    watcher_state one, other;
    sluice_report *report = begin(&one, &plain, 0);
    CU_ASSERT_FALSE(sluice_report_wants(report, SLUICE_REPORT_FILE_PROGRESS));
    sluice_report_free(report);
    memset(&one, 0, sizeof one);
    memset(&other, 0, sizeof other);
    sem_init(&one.arrived, 0, 0);
    sem_init(&other.arrived, 0, 0);
    const sluice_report_watcher watchers[] = {{.ops = &plain, .state = &one}, {.ops = &wanting, .state = &other}};
    CU_ASSERT_EQUAL_FATAL(sluice_report_new(&(sluice_report_setup){.watchers = watchers, .watcher_count = 2}, &report, NULL),
                          SLUICE_OK);
    CU_ASSERT(sluice_report_wants(report, SLUICE_REPORT_FILE_PROGRESS));
    sluice_report_tell(report, &(sluice_event){.type = SLUICE_EVENT_FILE_PROGRESS, .path = "p"});
    sluice_report_tell(report, &(sluice_event){.type = SLUICE_EVENT_FILE, .path = "f"});
    sluice_report_free(report);
    CU_ASSERT_PTR_NULL(strstr(one.seen, ":p:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(one.seen, ":f:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(other.seen, ":p:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(other.seen, ":f:"));
}

static unsigned watcher_wants_files(void *state)
{
    (void)state;
    return SLUICE_REPORT_EVERY_FILE;
}

/* Of files, what a report wants all of waits far behind the end of the queue; other events do not. */
static void no_file_is_lost_to_who_wants_them_all(void)
{
    static const sluice_report_ops wanting = {.event = watcher_event, .wants = watcher_wants_files};
    watcher_state watcher;
    sluice_report *report = begin(&watcher, &wanting, 2);
    watcher.held = true;
    tell(report, SLUICE_EVENT_FILE, "a");
    sem_wait(&watcher.arrived);
    char expected[64], name[8];
    for (int i = 0; i < 2 * SLUICE_REPORT_EVERY_TIMES + 1; i++) {
        snprintf(name, sizeof name, "%d", i);
        tell(report, SLUICE_EVENT_FILE, name);
        tell(report, SLUICE_EVENT_PROGRESS, NULL);
    }
    /* Of the others the first found room, of the files the last two did not. */
    CU_ASSERT_EQUAL(sluice_report_dropped(report), 2 * SLUICE_REPORT_EVERY_TIMES + 2);
    watcher.held = false;
    sem_post(&watcher.go);
    sluice_report_free(report);
    snprintf(expected, sizeof expected, "%d:%d::- ", SLUICE_EVENT_FILE, 2 * SLUICE_REPORT_EVERY_TIMES - 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(watcher.seen, expected));
    snprintf(expected, sizeof expected, "%d:%d::- ", SLUICE_EVENT_FILE, 2 * SLUICE_REPORT_EVERY_TIMES - 1);
    CU_ASSERT_PTR_NULL(strstr(watcher.seen, expected));
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"events are copied and come in order", events_are_copied_and_come_in_order},
        {"a slow watcher loses events but never the end", a_slow_watcher_loses_events_but_never_the_end},
        {"ticks come while nothing happens", ticks_come_while_nothing_happens},
        {"the callback runs on the teller's thread", the_callback_runs_on_the_tellers_thread},
        {"costly events go to those who want them", costly_events_go_to_those_who_want_them},
        {"no file is lost to who wants them all", no_file_is_lost_to_who_wants_them_all},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("report", tests);
}
