/* SPDX-License-Identifier: Apache-2.0 */
#include "session/report.h"

#include "base/clock.h"
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_NS (100 * SLUICE_MS)
#define SPARE_BYTES 2048 /* of texts */

/* An event with all that it points to, in one piece of memory. */
typedef struct note note;
struct note {
    note *next;
    sluice_event event;
    sluice_statistics statistics;
    char text[];
};

struct sluice_report {
    sluice_report_watcher *watchers;
    size_t watcher_count;
    void (*event)(void *user, const sluice_event *event);
    void *user;
    sluice_thread *thread;
    bool ticking; /* a watcher wants ticks */
    unsigned wants; /* what one at least of them wants */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t moved;
    note *first, **end;
    size_t count, most;
    uint64_t dropped;
    uint64_t dropped_told;
    bool closing;
    note *spare; /* for a DONE or ERROR that no memory is left for */
};

/* ---- copying ---- */

/* The first are the ones that must not be missing. */
#define EVENT_TEXTS(X) X(state) X(message) X(session) X(name) X(direction) X(peer) X(path) X(digest)

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

/* Where copies of texts go; what does not fit becomes NULL. */
typedef struct room {
    char *at;
    size_t bytes;
} room;

static const char *text_copy(room *left, const char *text)
{
    size_t bytes = text_bytes(text);
    if (bytes == 0 || bytes > left->bytes)
        return NULL;
    char *copy = memcpy(left->at, text, bytes);
    left->at += bytes;
    left->bytes -= bytes;
    return copy;
}

/* Statistics' fields are numbers but for a few texts; these make one expression for both kinds. */
#define AS_TEXT(field) _Generic((field), const char * : (field), default : (const char *)NULL)
#define TEXT_FIELD(field) _Generic((field), const char * : &(field), default : (const char **)NULL)

static size_t note_texts(const sluice_event *event)
{
    size_t bytes = 0;
#define ADD(field) bytes += text_bytes(event->field);
    EVENT_TEXTS(ADD)
#undef ADD
    if (event->statistics != NULL) {
#define ADD(ctype, name, key, format, unit, help) bytes += text_bytes(AS_TEXT(event->statistics->name));
        SLUICE_STATISTICS_MAP(ADD)
#undef ADD
    }
    return bytes;
}

static void note_fill(note *out, size_t bytes, const sluice_event *event)
{
    room left = {.at = out->text, .bytes = bytes};
    out->next = NULL;
    out->event = *event;
    out->event.size = sizeof out->event;
#define COPY(field) out->event.field = text_copy(&left, event->field);
    EVENT_TEXTS(COPY)
#undef COPY
    if (event->statistics == NULL)
        return;
    out->statistics = *event->statistics;
    out->event.statistics = &out->statistics;
#define COPY(ctype, name, key, format, unit, help) \
    if (TEXT_FIELD(out->statistics.name) != NULL)  \
        *TEXT_FIELD(out->statistics.name) = text_copy(&left, AS_TEXT(event->statistics->name));
    SLUICE_STATISTICS_MAP(COPY)
#undef COPY
}

static note *note_new(const sluice_event *event)
{
    size_t bytes = note_texts(event);
    note *made = malloc(sizeof *made + bytes);
    if (made != NULL)
        note_fill(made, bytes, event);
    return made;
}

/* ---- telling ---- */

static bool is_essential(sluice_event_type type)
{
    return type == SLUICE_EVENT_DONE || type == SLUICE_EVENT_ERROR;
}

/* How many events may wait already when one of that type is still taken. */
static size_t queue_most(const sluice_report *report, sluice_event_type type)
{
    if (is_essential(type))
        return SIZE_MAX;
    bool every = type == SLUICE_EVENT_FILE && sluice_report_wants(report, SLUICE_REPORT_EVERY_FILE);
    return every ? report->most * SLUICE_REPORT_EVERY_TIMES : report->most;
}

static unsigned wants_of(const sluice_report_watcher *watcher)
{
    return watcher->ops->wants != NULL ? watcher->ops->wants(watcher->state) : 0;
}

bool sluice_report_wants(const sluice_report *report, unsigned kind)
{
    return (report->wants & kind) != 0;
}

void sluice_report_tell(sluice_report *report, const sluice_event *event)
{
    if (report->event != NULL && event->type != SLUICE_EVENT_FILE_PROGRESS)
        report->event(report->user, event);
    if (report->watcher_count == 0)
        return;
    note *copy = note_new(event);
    pthread_mutex_lock(&report->lock);
    if (copy == NULL && is_essential(event->type) && report->spare != NULL) {
        copy = report->spare;
        report->spare = NULL;
        note_fill(copy, SPARE_BYTES, event);
    }
    if (copy == NULL || report->count >= queue_most(report, event->type)) {
        report->dropped++;
    } else {
        *report->end = copy;
        report->end = &copy->next;
        report->count++;
        copy = NULL;
        pthread_cond_signal(&report->moved);
    }
    pthread_mutex_unlock(&report->lock);
    free(copy);
}

uint64_t sluice_report_dropped(sluice_report *report)
{
    pthread_mutex_lock(&report->lock);
    uint64_t dropped = report->dropped;
    pthread_mutex_unlock(&report->lock);
    return dropped;
}

/* ---- the thread ---- */

static void hand_over(sluice_report *report, const sluice_event *event)
{
    unsigned kind = event->type == SLUICE_EVENT_FILE_PROGRESS ? SLUICE_REPORT_FILE_PROGRESS : 0;
    for (size_t i = 0; i < report->watcher_count; i++)
        if (kind == 0 || (wants_of(&report->watchers[i]) & kind) != 0)
            report->watchers[i].ops->event(report->watchers[i].state, event);
}

static void warn_of_dropped(sluice_report *report, const sluice_event *like, uint64_t count)
{
    char message[96];
    snprintf(message, sizeof message, "%llu events were left out: the reports could not keep up",
             (unsigned long long)count);
    hand_over(report, &(sluice_event){.size = sizeof(sluice_event),
                                      .type = SLUICE_EVENT_WARNING,
                                      .now = like->now,
                                      .session = like->session,
                                      .name = like->name,
                                      .message = message});
}

static void tick(sluice_report *report)
{
    sluice_time now = sluice_clock_now();
    for (size_t i = 0; i < report->watcher_count; i++)
        if (report->watchers[i].ops->tick != NULL)
            report->watchers[i].ops->tick(report->watchers[i].state, now);
}

/* Waits for an event or the end; false when a tick's time has passed first.  With the lock held. */
static bool wait_for_event(sluice_report *report)
{
    if (!report->ticking) {
        pthread_cond_wait(&report->moved, &report->lock);
        return true;
    }
    sluice_time until = sluice_clock_now() + TICK_NS;
    struct timespec at = {.tv_sec = (time_t)(until / SLUICE_SECOND), .tv_nsec = (long)(until % SLUICE_SECOND)};
    return pthread_cond_timedwait(&report->moved, &report->lock, &at) != ETIMEDOUT;
}

/* Takes the first event off the queue, and how many were dropped since the last one; NULL: the end, or a tick. */
static note *next_note(sluice_report *report, uint64_t *dropped, bool *ended)
{
    pthread_mutex_lock(&report->lock);
    bool in_time = true;
    while (report->first == NULL && !report->closing && in_time)
        in_time = wait_for_event(report);
    note *taken = report->first;
    if (taken != NULL) {
        report->first = taken->next;
        if (report->first == NULL)
            report->end = &report->first;
        report->count--;
        *dropped = report->dropped - report->dropped_told;
        report->dropped_told = report->dropped;
    }
    *ended = taken == NULL && report->closing;
    pthread_mutex_unlock(&report->lock);
    return taken;
}

static void body(void *user)
{
    sluice_report *report = user;
    for (;;) {
        uint64_t dropped = 0;
        bool ended;
        note *taken = next_note(report, &dropped, &ended);
        if (ended)
            break;
        if (taken == NULL) {
            tick(report);
            continue;
        }
        if (dropped > 0)
            warn_of_dropped(report, &taken->event, dropped);
        hand_over(report, &taken->event);
        free(taken);
    }
}

/* ---- life ---- */

static int start(sluice_report *report, sluice_error *error)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&report->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&report->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    report->end = &report->first;
    if (report->watcher_count == 0)
        return SLUICE_OK; /* nobody to call, so no thread to call from */
    int status = sluice_thread_new(&report->thread, "sluice-report", body, report, error);
    if (status != SLUICE_OK) {
        pthread_cond_destroy(&report->moved);
        pthread_mutex_destroy(&report->lock);
    }
    return status;
}

int sluice_report_new(const sluice_report_setup *setup, sluice_report **out, sluice_error *error)
{
    sluice_report *report = calloc(1, sizeof *report);
    sluice_report_watcher *watchers = calloc(setup->watcher_count + 1, sizeof *watchers);
    note *spare = malloc(sizeof *spare + SPARE_BYTES);
    if (report == NULL || watchers == NULL || spare == NULL) {
        free(spare);
        free(report);
        free(watchers);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the reports");
    }
    report->spare = spare;
    report->watchers = watchers;
    report->watcher_count = setup->watcher_count;
    report->most = setup->queue != 0 ? setup->queue : SLUICE_REPORT_QUEUE;
    report->event = setup->event;
    report->user = setup->user;
    for (size_t i = 0; i < setup->watcher_count; i++) {
        watchers[i] = setup->watchers[i];
        report->ticking |= watchers[i].ops->tick != NULL;
        report->wants |= wants_of(&watchers[i]);
    }
    int status = start(report, error);
    if (status != SLUICE_OK) {
        free(spare);
        free(watchers);
        free(report);
        return status;
    }
    *out = report;
    return SLUICE_OK;
}

void sluice_report_free(sluice_report *report)
{
    if (report == NULL)
        return;
    pthread_mutex_lock(&report->lock);
    report->closing = true;
    pthread_cond_signal(&report->moved);
    pthread_mutex_unlock(&report->lock);
    if (report->thread != NULL)
        sluice_thread_free(report->thread);
    assert(report->first == NULL);
    for (size_t i = 0; i < report->watcher_count; i++) {
        const sluice_report_watcher *watcher = &report->watchers[i];
        if (watcher->ops->fini != NULL)
            watcher->ops->fini(watcher->state);
        if (watcher->release != NULL)
            watcher->release(watcher->owner);
    }
    pthread_cond_destroy(&report->moved);
    pthread_mutex_destroy(&report->lock);
    free(report->spare);
    free(report->watchers);
    free(report);
}
