/* SPDX-License-Identifier: Apache-2.0 */
#include "witness.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define PATIENCE_S 60

static atomic_uint failures;

void witness_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(arguments);
    failures++;
}

unsigned witness_failures(void)
{
    return failures;
}

/* ---- files ---- */

bool witness_same(const char *path, const char *original, uint64_t from, uint64_t bytes)
{
    static _Thread_local char mine[65536], theirs[65536];
    FILE *a = fopen(path, "re"), *b = fopen(original, "re");
    bool same = a != NULL && b != NULL && fseeko(b, (off_t)from, SEEK_SET) == 0;
    while (same && bytes > 0) {
        size_t piece = bytes < sizeof mine ? (size_t)bytes : sizeof mine;
        same = fread(mine, 1, piece, a) == piece && fread(theirs, 1, piece, b) == piece && memcmp(mine, theirs, piece) == 0;
        bytes -= piece;
    }
    same = same && fgetc(a) == EOF;
    if (a != NULL)
        fclose(a);
    if (b != NULL)
        fclose(b);
    return same;
}

static witness_file *find(witness *self, const char *name)
{
    for (unsigned i = 0; i < self->count; i++)
        if (strcmp(self->files[i].name, name) == 0)
            return &self->files[i];
    return NULL;
}

void witness_expect(witness *self, const char *name, const char *source, const char *original, uint64_t from, uint64_t bytes)
{
    pthread_mutex_lock(&self->lock);
    if (self->count == WITNESS_FILES)
        abort(); /* the test asks for more than it has room for */
    witness_file *file = &self->files[self->count++];
    *file = (witness_file){.from = from, .bytes = bytes};
    snprintf(file->name, sizeof file->name, "%s", name);
    snprintf(file->source, sizeof file->source, "%s", source);
    snprintf(file->original, sizeof file->original, "%s", original != NULL ? original : "");
    pthread_mutex_unlock(&self->lock);
}

void witness_expect_not(witness *self, unsigned count)
{
    pthread_mutex_lock(&self->lock);
    self->count -= count;
    pthread_mutex_unlock(&self->lock);
}

bool witness_drop(witness *self, const char *source)
{
    bool found = false;
    pthread_mutex_lock(&self->lock);
    for (unsigned i = 0; i < self->count; i++)
        if (strcmp(self->files[i].source, source) == 0)
            found = self->files[i].dropped = true;
    pthread_mutex_unlock(&self->lock);
    return found;
}

static bool in_place(const witness *self, const witness_file *file)
{
    char path[2 * WITNESS_PATH];
    snprintf(path, sizeof path, "%s/%s", self->destination, file->name);
    return file->original[0] != '\0' && witness_same(path, file->original, file->from, file->bytes);
}

void witness_init(witness *self, sluice_manager *manager, const char *destination, bool fresh)
{
    pthread_condattr_t attributes;
    *self = (witness){.manager = manager, .fresh = fresh};
    snprintf(self->destination, sizeof self->destination, "%s", destination);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void witness_fini(witness *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
}

/* ---- figures ---- */

bool witness_is_over(const sluice_job_statistics *statistics)
{
    return statistics->state >= SLUICE_JOB_FINISHED;
}

static void never_falls(const witness *self, const char *who, const char *what, uint64_t before, uint64_t now)
{
    if (now < before)
        witness_fail("job %" PRIu64 ": %s: %s falls from %" PRIu64 " to %" PRIu64, self->job, who, what, before, now);
}

/* Whether a job may be seen in this state after that one; quick: it may have been in others between. */
static bool may_follow(sluice_job_state before, sluice_job_state now)
{
    static const unsigned rows[] = {
#define BIT(state) (1u << SLUICE_JOB_##state)
#define ENDS (BIT(FINISHED) | BIT(FAILED) | BIT(CANCELLED))
        [SLUICE_JOB_SUBMITTED] = BIT(SUBMITTED) | BIT(CONNECTING) | BIT(RETRYING) | BIT(FAILED) | BIT(CANCELLED),
        [SLUICE_JOB_CONNECTING] = BIT(CONNECTING) | BIT(RUNNING) | BIT(PAUSED) | BIT(RETRYING) | BIT(FAILED) | BIT(CANCELLED),
        [SLUICE_JOB_RUNNING] = BIT(RUNNING) | BIT(PAUSED) | BIT(RETRYING) | ENDS,
        [SLUICE_JOB_PAUSED] = BIT(PAUSED) | BIT(RUNNING) | BIT(RETRYING) | ENDS,
        /* What is submitted again is told by no event. */
        [SLUICE_JOB_RETRYING] = BIT(RETRYING) | BIT(SUBMITTED) | BIT(CONNECTING) | BIT(FAILED) | BIT(CANCELLED),
        [SLUICE_JOB_FINISHED] = BIT(FINISHED), [SLUICE_JOB_FAILED] = BIT(FAILED), [SLUICE_JOB_CANCELLED] = BIT(CANCELLED),
    };
    return (rows[before] >> now & 1) != 0;
}

/* What holds of any two looks at a job, one after the other. */
static void compare(const witness *self, const char *who, const sluice_job_statistics *before, const sluice_job_statistics *now)
{
    if (now->job != self->job)
        witness_fail("job %" PRIu64 ": %s speaks of job %" PRIu64, self->job, who, now->job);
    never_falls(self, who, "transferred", before->transferred_bytes, now->transferred_bytes);
    never_falls(self, who, "present", before->present_bytes, now->present_bytes);
    never_falls(self, who, "lost", before->lost_bytes, now->lost_bytes);
    never_falls(self, who, "elapsed", before->elapsed_ns, now->elapsed_ns);
    never_falls(self, who, "attempts", before->attempts, now->attempts);
    never_falls(self, who, "files", before->files, now->files);
    never_falls(self, who, "dropped events", before->events_dropped, now->events_dropped);
    if (now->open && (!now->persistent || witness_is_over(now)))
        witness_fail("job %" PRIu64 ": %s: %s, and open", self->job, who, sluice_job_state_name(now->state));
    if (now->state == SLUICE_JOB_PAUSED && now->rate_bps != 0)
        witness_fail("job %" PRIu64 ": %s: paused, at a rate of %" PRIu64, self->job, who, now->rate_bps);
    if ((now->worker == 0) != (now->state == SLUICE_JOB_SUBMITTED || now->state == SLUICE_JOB_RETRYING || witness_is_over(now)) &&
        now->state != SLUICE_JOB_SUBMITTED)
        witness_fail("job %" PRIu64 ": %s: %s with worker %d", self->job, who, sluice_job_state_name(now->state), now->worker);
}

bool witness_poll(witness *self, sluice_job_statistics *out)
{
    sluice_job_statistics now = {.size = sizeof now};
    int status = sluice_job_statistics_get(self->manager, self->job, &now);
    if (status != SLUICE_OK)
        return false;
    if (self->polled.size != 0) {
        compare(self, "a poll", &self->polled, &now);
        if (witness_is_over(&self->polled) && (self->polled.state != now.state || self->polled.elapsed_ns != now.elapsed_ns))
            witness_fail("job %" PRIu64 ": changes after its end", self->job);
    }
    self->polled = now;
    if (out != NULL)
        *out = now;
    return true;
}

/* ---- callbacks ---- */

/* A file that has been done once counts as that. */
static void mark(witness_file *file, witness_told told)
{
    if (!(file->told == WITNESS_DONE && told == WITNESS_SKIPPED))
        file->told = told;
}

static void file_told(witness *self, const sluice_job_event *event)
{
    const sluice_job_file *said = event->file;
    witness_file *file = find(self, said->name);
    if (file == NULL) {
        witness_fail("job %" PRIu64 ": %s of '%s', which nobody has asked for", self->job, sluice_job_event_name(event->type),
                     said->name);
        return;
    }
    if (said->written_bytes > said->file_bytes || said->contiguous_bytes > said->written_bytes ||
        said->start_byte > said->file_bytes)
        witness_fail("job %" PRIu64 ": %s: %" PRIu64 " from %" PRIu64 ", %" PRIu64 " without a gap, of %" PRIu64, self->job,
                     said->name, said->written_bytes, said->start_byte, said->contiguous_bytes, said->file_bytes);
    if (event->type == SLUICE_JOB_EVENT_FILE_STOP) {
        mark(file, WITNESS_DONE);
        if (said->written_bytes != file->bytes || said->state != SLUICE_FILE_DONE || said->digest == NULL)
            witness_fail("job %" PRIu64 ": %s is done with %" PRIu64 " bytes", self->job, said->name, said->written_bytes);
        if (!in_place(self, file))
            witness_fail("job %" PRIu64 ": %s is told done, and is not there", self->job, said->name);
    } else if (event->type == SLUICE_JOB_EVENT_FILE_SKIP) {
        mark(file, WITNESS_SKIPPED);
        if (!file->dropped && !in_place(self, file))
            witness_fail("job %" PRIu64 ": %s is told to be there, and is not", self->job, said->name);
    } else if (event->type == SLUICE_JOB_EVENT_FILE_ERROR) {
        mark(file, WITNESS_FAILED);
        if (said->status == SLUICE_OK || said->message[0] == '\0')
            witness_fail("job %" PRIu64 ": %s fails for no reason", self->job, said->name);
        if (file->original[0] != '\0')
            witness_fail("job %" PRIu64 ": %s fails: %s", self->job, said->name, said->message);
    }
}

/* The states that go with an event. */
static bool state_fits(const sluice_job_event *event)
{
    sluice_job_state state = event->statistics->state;
    switch (event->type) {
    case SLUICE_JOB_EVENT_CONNECTING:
        return state == SLUICE_JOB_CONNECTING;
    case SLUICE_JOB_EVENT_RETRY:
        return state == SLUICE_JOB_RETRYING;
    case SLUICE_JOB_EVENT_SESSION_STOP:
        return state == SLUICE_JOB_FINISHED;
    case SLUICE_JOB_EVENT_SESSION_ERROR:
        return state == SLUICE_JOB_FAILED || state == SLUICE_JOB_CANCELLED;
    case SLUICE_JOB_EVENT_SESSION_START:
        return state == SLUICE_JOB_RUNNING || state == SLUICE_JOB_PAUSED;
    default:
        return !witness_is_over(event->statistics) && state != SLUICE_JOB_SUBMITTED && state != SLUICE_JOB_RETRYING;
    }
}

/* What a poll says during a callback is not older than what the callback says. */
static void compare_with_poll(const witness *self, const sluice_job_event *event)
{
    sluice_job_statistics now = {.size = sizeof now};
    if (sluice_job_statistics_get(self->manager, self->job, &now) == SLUICE_OK)
        compare(self, "a poll in a callback", event->statistics, &now);
}

void witness_callback(void *user, const sluice_job_event *event)
{
    witness *self = user;
    pthread_mutex_lock(&self->lock);
    if (self->ends > 0)
        witness_fail("job %" PRIu64 ": %s after its end", self->job, sluice_job_event_name(event->type));
    compare(self, "an event", &self->told, event->statistics);
    compare_with_poll(self, event);
    if (!may_follow(self->told.state, event->statistics->state) || !state_fits(event))
        witness_fail("job %" PRIu64 ": %s: %s after %s", self->job, sluice_job_event_name(event->type),
                     sluice_job_state_name(event->statistics->state), sluice_job_state_name(self->told.state));
    printf("    job %" PRIu64 ", attempt %u: %s, %s, %s, target %" PRIu64 " %s%s\n", self->job, event->statistics->attempts,
           sluice_job_event_name(event->type), sluice_job_state_name(event->statistics->state), event->statistics->policy,
           event->statistics->target_bps, event->file != NULL ? event->file->name : "", event->message);
    if (event->file != NULL)
        file_told(self, event);
    self->events++;
    self->retries += event->type == SLUICE_JOB_EVENT_RETRY;
    self->ends += event->type == SLUICE_JOB_EVENT_SESSION_STOP || event->type == SLUICE_JOB_EVENT_SESSION_ERROR;
    self->told = *event->statistics;
    if (self->watched != self->events)
        witness_fail("job %" PRIu64 ": a watcher heard %u events of %u", self->job, self->watched, self->events);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void witness_watch(witness *self, const sluice_job_event *event)
{
    pthread_mutex_lock(&self->lock);
    self->watched++;
    if (event->job != self->job)
        witness_fail("job %" PRIu64 ": a watcher is told of job %" PRIu64, self->job, event->job);
    pthread_mutex_unlock(&self->lock);
}

bool witness_has_ended(const witness *self, uint64_t than)
{
    return self->ends > than;
}

bool witness_has_more_events(const witness *self, uint64_t than)
{
    return self->events > than || self->ends > 0;
}

bool witness_await(witness *self, const char *what, bool (*holds)(const witness *self, uint64_t than), uint64_t than)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&self->lock);
    bool in_time = true, held;
    while (!(held = holds(self, than)) && in_time)
        in_time = pthread_cond_timedwait(&self->changed, &self->lock, &until) != ETIMEDOUT;
    sluice_job_state state = self->told.state;
    pthread_mutex_unlock(&self->lock);
    if (!held)
        witness_fail("job %" PRIu64 ": waited in vain for %s; it is %s", self->job, what, sluice_job_state_name(state));
    return held;
}

/* ---- the judgement ---- */

static void wants(const witness *self, const char *what, uint64_t is, uint64_t least, uint64_t most)
{
    if (is < least || is > most)
        witness_fail("job %" PRIu64 " (%s): %s is %" PRIu64 ", not %" PRIu64 "%s%" PRIu64, self->job,
                     sluice_job_state_name(self->told.state), what, is, least, least == most ? " = " : " to ", most);
}

/* What was given up may leave the part that was there. */
static bool may_be_left(witness *self, const char *below, const char *partial)
{
    char name[WITNESS_PATH];
    int bytes = (int)(strstr(partial, ".sluice-part") - partial) - 1;
    snprintf(name, sizeof name, "%s%s%.*s", below, below[0] != '\0' ? "/" : "", bytes, partial + 1);
    const witness_file *file = find(self, name);
    return self->told.state != SLUICE_JOB_FINISHED || (file != NULL && file->dropped);
}

/* No name at the destination holds what it should not. */
static void judge_folder(witness *self, const char *below)
{
    char path[2 * WITNESS_PATH], name[WITNESS_PATH];
    snprintf(path, sizeof path, "%s/%s", self->destination, below);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s%s%s", below, below[0] != '\0' ? "/" : "", entry->d_name);
        if (entry->d_type == DT_DIR) {
            judge_folder(self, name);
            continue;
        }
        const witness_file *file = find(self, name);
        bool partial = strstr(entry->d_name, ".sluice-part") != NULL;
        if (partial && !may_be_left(self, below, entry->d_name))
            witness_fail("job %" PRIu64 " is finished, and leaves %s", self->job, name);
        else if (!partial && file == NULL)
            witness_fail("job %" PRIu64 ": nobody has asked for %s", self->job, name);
        else if (!partial && !in_place(self, file))
            witness_fail("job %" PRIu64 ": %s differs", self->job, name);
    }
    if (folder != NULL)
        closedir(folder);
}

typedef struct sums {
    uint64_t told[4];        /* files by witness_told */
    uint64_t all, all_bytes; /* that there are */
    uint64_t wanted, wanted_bytes; /* that were never dropped */
    uint64_t there_bytes;    /* told done, or there already, of those */
    uint64_t absent, absent_dropped;
} sums;

static sums add_up(const witness *self)
{
    sums out = {0};
    for (unsigned i = 0; i < self->count; i++) {
        const witness_file *file = &self->files[i];
        out.told[file->told]++;
        if (file->original[0] == '\0') {
            out.absent++;
            out.absent_dropped += file->dropped;
            continue;
        }
        out.all++;
        out.all_bytes += file->bytes;
        out.wanted += !file->dropped;
        out.wanted_bytes += file->dropped ? 0 : file->bytes;
        out.there_bytes += !file->dropped && (file->told == WITNESS_DONE || file->told == WITNESS_SKIPPED) ? file->bytes : 0;
    }
    return out;
}

/* All that was not given up is there. */
static void judge_whole(const witness *self, const sums *sum)
{
    const sluice_job_statistics *end = &self->told;
    for (unsigned i = 0; i < self->count; i++) {
        const witness_file *file = &self->files[i];
        if (file->dropped || file->original[0] == '\0')
            continue;
        if (!in_place(self, file))
            witness_fail("job %" PRIu64 " is over, and %s is not in place", self->job, file->name);
        if (file->told != WITNESS_DONE && file->told != WITNESS_SKIPPED)
            witness_fail("job %" PRIu64 " is over, and %s was not told done", self->job, file->name);
    }
    wants(self, "files + skipped", end->files + end->skipped, sum->wanted, sum->all);
    wants(self, "present", end->present_bytes, sum->wanted_bytes, sum->all_bytes);
    if (!end->scanned)
        witness_fail("job %" PRIu64 " is over, and was not scanned", self->job);
    if (sum->wanted < sum->all)
        return;
    wants(self, "files in all", end->total_files, sum->all, sum->all);
    wants(self, "bytes in all", end->total_bytes, sum->all_bytes, sum->all_bytes);
    if (self->fresh && self->kills == 0)
        wants(self, "transferred", end->transferred_bytes, sum->all_bytes, sum->all_bytes);
}

static void judge_state(const witness *self, const sums *sum)
{
    const sluice_job_statistics *end = &self->told;
    switch (end->state) {
    case SLUICE_JOB_FINISHED:
        if (sum->absent > sum->absent_dropped || end->status != SLUICE_OK || end->code != 0 || end->message[0] != '\0')
            witness_fail("job %" PRIu64 " is finished with %s, code %u: %s", self->job, sluice_status_name(end->status), end->code,
                         end->message);
        wants(self, "failed", end->failed, 0, 0);
        break;
    case SLUICE_JOB_CANCELLED:
        if (!self->cancelled || end->status != SLUICE_EINTERRUPTED || end->code != 28)
            witness_fail("job %" PRIu64 " is cancelled by %s, code %u: %s", self->job, sluice_status_name(end->status), end->code,
                         end->message);
        break;
    default:
        if (sum->absent == 0 || end->code != 27)
            witness_fail("job %" PRIu64 " has failed by %s, code %u: %s", self->job, sluice_status_name(end->status), end->code,
                         end->message);
        break;
    }
    if (end->state != SLUICE_JOB_CANCELLED)
        judge_whole(self, sum);
}

static void judge_polled(witness *self)
{
    const sluice_job_statistics *told = &self->told, *now = &self->polled;
    if (!witness_poll(self, NULL))
        witness_fail("job %" PRIu64 ": there is none", self->job);
    wants(self, "state polled", now->state, told->state, told->state);
    wants(self, "attempts polled", now->attempts, told->attempts, told->attempts);
    wants(self, "files polled", now->files, told->files, told->files);
    wants(self, "skipped polled", now->skipped, told->skipped, told->skipped);
    wants(self, "failed polled", now->failed, told->failed, told->failed);
    wants(self, "transferred polled", now->transferred_bytes, told->transferred_bytes, told->transferred_bytes);
    wants(self, "present polled", now->present_bytes, told->present_bytes, told->present_bytes);
    wants(self, "elapsed polled", now->elapsed_ns, told->elapsed_ns, told->elapsed_ns);
    if (now->status != told->status || now->code != told->code || strcmp(now->message, told->message) != 0)
        witness_fail("job %" PRIu64 ": polls and events differ in why", self->job);
}

/* One for all files of a job that is over. */
static void listed(void *user, const sluice_job_file *file)
{
    witness *self = user;
    const witness_file *mine = find(self, file->name);
    if (mine == NULL || file->state == SLUICE_FILE_MOVING)
        witness_fail("job %" PRIu64 " is over, and %s is listed as %d", self->job, file->name, (int)file->state);
}

void witness_judge(witness *self, bool polled)
{
    pthread_mutex_lock(&self->lock);
    const sluice_job_statistics *end = &self->told;
    sums sum = add_up(self);
    if (self->ends != 1 || !witness_is_over(end))
        witness_fail("job %" PRIu64 " has %u ends, and is %s", self->job, self->ends, sluice_job_state_name(end->state));
    judge_state(self, &sum);
    wants(self, "done", end->files, sum.told[WITNESS_DONE], sum.told[WITNESS_DONE]);
    wants(self, "skipped", end->skipped, sum.told[WITNESS_SKIPPED], sum.told[WITNESS_SKIPPED]);
    wants(self, "failed", end->failed, sum.told[WITNESS_FAILED], sum.told[WITNESS_FAILED]);
    wants(self, "active", end->active, 0, 0);
    /* A worker that is killed has no last word of what it has done in its last second. */
    wants(self, "present", end->present_bytes, self->kills == 0 ? sum.there_bytes : 0, sum.all_bytes);
    wants(self, "attempts", end->attempts, end->state != SLUICE_JOB_CANCELLED, self->kills + 1);
    wants(self, "retries", self->retries, end->attempts > 0 ? end->attempts - 1 : 0, end->attempts);
    wants(self, "transferred", end->transferred_bytes, 0, sum.all_bytes * (self->kills + 1));
    wants(self, "events left out", end->events_dropped, 0, 0);
    judge_folder(self, "");
    if (polled) {
        judge_polled(self);
        if (sluice_job_files(self->manager, self->job, listed, self) != SLUICE_OK)
            witness_fail("job %" PRIu64 ": no files", self->job);
    }
    pthread_mutex_unlock(&self->lock);
}
