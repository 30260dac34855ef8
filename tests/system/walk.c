/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk.c - a walk through all that can be asked of jobs, in an order that a seed determines, with real workers.
 *
 *     walk SEED STEPS HOST PORT TICKET
 *
 * Runs where `src` holds the sources of pushes, `root` is the server's root with the same in `root/src`, and `back` takes
 * pulls.  What is done next never depends on the time nor on what jobs do, only what must come of it does.  In the end
 * witnesses compare what was said with what lies on disk.  Its exit status is 0 if all agrees.
 */
#include "witness.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 6
#define LARGE 3
#define MIDDLE 8
#define SMALL 6
#define ENTRIES_MOST 6 /* of one launch */
#define END_S 120

typedef struct slot {
    witness *now;     /* NULL: none was launched, or it was forgotten */
    sluice_job last;  /* the last one that was forgotten */
    bool judged;
    unsigned names;   /* that were made up */
    char lane[32];    /* where it goes: the destination of a job that follows a cancelled one is the same */
    sluice_order *order;
} slot;

typedef struct walk {
    sluice_manager *manager;
    sluice_remote remote;
    uint64_t seed;
    unsigned step, lanes;
    pthread_mutex_t roll; /* guards slots' `now` against callbacks */
    slot slots[SLOTS];
    witness *all[4096];
    unsigned count;
} walk;

/* xorshift64* (Vigna 2016). */
static uint64_t draw(walk *self)
{
    self->seed ^= self->seed >> 12;
    self->seed ^= self->seed << 25;
    self->seed ^= self->seed >> 27;
    return self->seed * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static void demand(int status, const char *what, const sluice_error *error)
{
    if (status == SLUICE_OK)
        return;
    fprintf(stderr, "walk: %s: %s: %s\n", what, sluice_status_name(status), error != NULL ? error->text : "");
    exit(99);
}

/* Control and what came of it must go together. */
static void wants_status(const walk *self, const slot *at, const char *what, int is, bool right)
{
    if (!right)
        witness_fail("step %u: %s of job %" PRIu64 " gives %s", self->step, what,
                     at->now != NULL ? at->now->job : at->last, sluice_status_name(is));
}

/* ---- sources ---- */

static uint64_t size_of(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        demand(SLUICE_ENOENT, path, NULL);
    return (uint64_t)about.st_size;
}

typedef struct source {
    char path[64], as[64];
    bool named, ranged, folder, absent;
    uint64_t from, to;
} source;

/* What a draw stands for; each has a name of its own at the destination. */
static source source_of(slot *at, uint64_t a, uint64_t b)
{
    source out = {.to = SLUICE_UNKNOWN};
    unsigned kind = (unsigned)(a % 12);
    at->names++;
    snprintf(out.as, sizeof out.as, "in/%u", at->names);
    out.named = true;
    if (kind < 3) {
        snprintf(out.path, sizeof out.path, "src/large%u", (unsigned)(b % LARGE));
    } else if (kind < 7)
        snprintf(out.path, sizeof out.path, "src/middle%u", (unsigned)(b % MIDDLE));
    else if (kind < 9) {
        snprintf(out.path, sizeof out.path, "src/large%u", (unsigned)(b % LARGE));
        uint64_t bytes = size_of(out.path);
        out.ranged = true;
        out.from = b % bytes;
        out.to = b % 3 == 0 ? SLUICE_UNKNOWN : out.from + 1 + b % (bytes - out.from);
    } else if (kind < 11) {
        snprintf(out.path, sizeof out.path, "src/small");
        out.folder = true;
    } else {
        snprintf(out.path, sizeof out.path, "src/%s", b % 4 == 0 ? "absent" : "empty");
        out.absent = b % 4 == 0;
    }
    return out;
}

/* How many files it brings. */
static unsigned expect(witness *job, const source *what)
{
    char name[96], original[WITNESS_PATH];
    if (what->absent) {
        /* It fails by the name that it was asked for by. */
        witness_expect(job, what->as, what->path, NULL, 0, 0);
        return 1;
    }
    if (!what->folder) {
        uint64_t bytes = what->ranged && what->to != SLUICE_UNKNOWN ? what->to - what->from : size_of(what->path) - what->from;
        witness_expect(job, what->as, what->path, what->path, what->from, bytes);
        return 1;
    }
    for (unsigned i = 0; i < SMALL; i++) {
        snprintf(name, sizeof name, "%s/%u", what->as, i);
        snprintf(original, sizeof original, "%s/%u", what->path, i);
        witness_expect(job, name, what->path, original, 0, size_of(original));
    }
    return SMALL;
}

/* Into the order, or into the list that becomes a part of it. */
static void order_take(sluice_order *order, const source *what, FILE *list)
{
    sluice_error error = {0};
    if (list != NULL && !what->ranged) {
        fprintf(list, "%s\n%s\n", what->path, what->as);
        return;
    }
    demand(what->ranged ? sluice_order_range(order, what->path, what->as, what->from, what->to, &error)
                        : sluice_order_source(order, what->path, what->as, &error),
           "a source", &error);
}

/* ---- launching ---- */

/* Finds the job's witness, once launch has said which it is. */
static void watch(void *user, const sluice_job_event *event)
{
    walk *self = user;
    witness *found = NULL;
    pthread_mutex_lock(&self->roll);
    for (unsigned i = 0; i < self->count; i++)
        if (self->all[i]->job == event->job)
            found = self->all[i];
    pthread_mutex_unlock(&self->roll);
    if (found != NULL)
        witness_watch(found, event);
    else
        witness_fail("an event of job %" PRIu64 ", which nobody has launched", event->job);
}

static void launch_order(walk *self, slot *at, witness *job)
{
    sluice_error error = {0};
    pthread_mutex_lock(&self->roll);
    demand(sluice_manager_launch(self->manager, at->order, witness_callback, job, &job->job, &error), "launch", &error);
    self->all[self->count++] = job;
    pthread_mutex_unlock(&self->roll);
    at->now = job;
    at->judged = false;
    printf("%u: launch of job %" PRIu64 " to %s, %s, %u files\n", self->step, job->job, at->lane,
           job->persistent ? "persistent" : "as it is", job->count);
}

static witness *witness_make(const walk *self, const slot *at, bool push, bool fresh)
{
    char destination[128];
    witness *job = malloc(sizeof *job);
    if (job == NULL)
        demand(SLUICE_ENOMEM, "a witness", NULL);
    snprintf(destination, sizeof destination, "%s/%s", push ? "root" : "back", at->lane);
    witness_init(job, self->manager, destination, fresh);
    return job;
}

static void order_fill(slot *at, witness *job, unsigned entries, bool listed, uint64_t b)
{
    sluice_error error = {0};
    FILE *list = listed ? fopen("list", "we") : NULL;
    for (unsigned i = 0; i < entries; i++) {
        source what = source_of(at, b >> (4 * i), b >> (3 * i));
        order_take(at->order, &what, list);
        expect(job, &what);
    }
    long bytes = list != NULL ? ftell(list) : 0;
    if (list != NULL)
        fclose(list);
    if (bytes > 0)
        demand(sluice_order_list(at->order, "list", true, &error), "a list", &error);
}

static void launch(walk *self, slot *at, uint64_t a, uint64_t b)
{
    static const char *const rates[] = {"8m", "40m", "200m", "40m"};
    sluice_error error = {0};
    char destination[64];
    bool push = a % 2 == 0, persistent = a / 2 % 2 == 0;
    sluice_order_free(at->order);
    demand(sluice_order_new(push ? SLUICE_PUSH : SLUICE_PULL, &at->order, &error), "an order", &error);
    demand(sluice_order_remote(at->order, &self->remote, &error), "remote", &error);
    snprintf(at->lane, sizeof at->lane, "lane%u", ++self->lanes);
    snprintf(destination, sizeof destination, "%s%s/", push ? "" : "back/", at->lane);
    demand(sluice_order_destination(at->order, destination, &error), "destination", &error);
    demand(sluice_order_set(at->order, "mkdir", "yes", &error), "mkdir", &error);
    demand(sluice_order_set(at->order, "rate", rates[a / 4 % 4], &error), "rate", &error);
    sluice_order_retry(at->order, 1000, 20 * SLUICE_MS, 200 * SLUICE_MS);
    sluice_order_persistent(at->order, persistent);
    witness *job = witness_make(self, at, push, true);
    job->persistent = persistent;
    order_fill(at, job, (persistent ? 0 : 1) + (unsigned)(a / 16 % ENTRIES_MOST), a / 128 % 2 == 0, b);
    job->launched = job->count;
    launch_order(self, at, job);
}

/* The same order once more, to where the last job of it has left something. */
static void launch_again(walk *self, slot *at, const witness *before)
{
    bool push = strncmp(before->destination, "root", 4) == 0;
    witness *job = witness_make(self, at, push, false);
    job->persistent = before->persistent;
    memcpy(job->files, before->files, sizeof job->files);
    job->count = before->count;
    job->launched = before->launched;
    for (unsigned i = 0; i < job->count; i++) {
        job->files[i].dropped = i >= job->launched; /* what was added while it ran may lie there */
        job->files[i].told = WITNESS_NOTHING;
    }
    launch_order(self, at, job);
}

/* ---- what is asked for ---- */

/* What a job says of itself before a call and after it. */
typedef struct looks {
    sluice_job_statistics before, after;
} looks;

static bool over_before(const slot *at, const looks *seen)
{
    return witness_is_over(&seen->before) || at->now->cancelled;
}

/* OK while it is not over, EEND once it is, and either if it ends in between. */
static bool control_fits(const slot *at, const looks *seen, int is)
{
    if (over_before(at, seen))
        return is == SLUICE_EEND;
    return is == SLUICE_OK || (is == SLUICE_EEND && witness_is_over(&seen->after));
}

/* Looks again after each event until what was asked for is in force, or the attempt that was asked is over. */
static void await_answer(const walk *self, slot *at, const looks *seen, bool (*holds)(const sluice_job_statistics *now, uint64_t wish),
                         uint64_t wish, const char *what)
{
    sluice_job_statistics now;
    time_t until = time(NULL) + END_S;
    for (;;) {
        pthread_mutex_lock(&at->now->lock);
        unsigned events = at->now->events;
        pthread_mutex_unlock(&at->now->lock);
        if (!witness_poll(at->now, &now) || (now.state != SLUICE_JOB_RUNNING && now.state != SLUICE_JOB_PAUSED) ||
            now.attempts != seen->before.attempts || holds(&now, wish))
            return;
        if (time(NULL) > until) {
            witness_fail("step %u: job %" PRIu64 " does not answer %s", self->step, now.job, what);
            return;
        }
        witness_await(at->now, what, witness_has_more_events, events);
    }
}

static bool is_in(const sluice_job_statistics *now, uint64_t wish)
{
    return now->state == (sluice_job_state)wish;
}

/* What is asked for in a pause, which is a rate of nothing, comes when it ends. */
static bool has_target(const sluice_job_statistics *now, uint64_t wish)
{
    return now->state == SLUICE_JOB_PAUSED || now->target_bps == wish;
}

static bool has_minimum(const sluice_job_statistics *now, uint64_t wish)
{
    return now->state == SLUICE_JOB_PAUSED || now->minimum_bps == wish;
}

/* Fixed keeps a rate, and so it is not taken without one. */
static bool has_policy(const sluice_job_statistics *now, uint64_t fixed)
{
    return now->state == SLUICE_JOB_PAUSED || (strcmp(now->policy, "fixed") == 0) == (fixed != 0) ||
           (fixed && now->target_bps == 0);
}

/* ---- steps: a and b are drawn before anybody knows what they are for ---- */

typedef void step(walk *self, slot *at, uint64_t a, uint64_t b);

static void look(slot *at, sluice_job_statistics *out)
{
    if (!witness_poll(at->now, out))
        witness_fail("there is no job %" PRIu64, at->now->job);
}

#define CONTROL(call)                \
    looks seen;                      \
    look(at, &seen.before);          \
    int status = (call);             \
    look(at, &seen.after)

static void step_pause(walk *self, slot *at, uint64_t a, uint64_t b)
{
    (void)b;
    CONTROL(sluice_job_pause(self->manager, at->now->job));
    wants_status(self, at, "pause", status, control_fits(at, &seen, status));
    if (status == SLUICE_OK && a % 2 == 0)
        await_answer(self, at, &seen, is_in, SLUICE_JOB_PAUSED, "a pause");
}

static void step_resume(walk *self, slot *at, uint64_t a, uint64_t b)
{
    (void)b;
    CONTROL(sluice_job_resume(self->manager, at->now->job));
    wants_status(self, at, "resume", status, control_fits(at, &seen, status));
    if (status == SLUICE_OK && a % 2 == 0)
        await_answer(self, at, &seen, is_in, SLUICE_JOB_RUNNING, "going on");
}

static void step_rate(walk *self, slot *at, uint64_t a, uint64_t b)
{
    static const sluice_rate rates[] = {4000000, 16000000, 80000000, 400000000, 0};
    sluice_rate wish = rates[b % 5];
    CONTROL(sluice_job_rate(self->manager, at->now->job, wish));
    wants_status(self, at, "rate", status, control_fits(at, &seen, status));
    if (status == SLUICE_OK && a % 2 == 0)
        await_answer(self, at, &seen, has_target, wish, "a rate");
}

static void step_minimum(walk *self, slot *at, uint64_t a, uint64_t b)
{
    static const sluice_rate rates[] = {0, 1000000, 3000000};
    sluice_rate wish = rates[b % 3];
    CONTROL(sluice_job_minimum_rate(self->manager, at->now->job, wish));
    wants_status(self, at, "minimum", status, control_fits(at, &seen, status));
    if (status == SLUICE_OK && a % 2 == 0)
        await_answer(self, at, &seen, has_minimum, wish, "a minimum");
}

/* Those that are not installed are names nonetheless, and change nothing or have another take their place. */
static void step_policy(walk *self, slot *at, uint64_t a, uint64_t b)
{
    static const char *const policies[] = {"fixed", "fair", "high", "low", "fast", ""};
    unsigned which = (unsigned)(b % 6);
    CONTROL(sluice_job_policy(self->manager, at->now->job, policies[which]));
    wants_status(self, at, "policy", status, which > 3 ? status == SLUICE_EINVAL : control_fits(at, &seen, status));
    if (status == SLUICE_OK && which < 3 && a % 2 == 0)
        await_answer(self, at, &seen, has_policy, which == 0, "a policy");
}

static void step_cancel(walk *self, slot *at, uint64_t a, uint64_t b)
{
    looks seen;
    (void)b;
    look(at, &seen.before);
    pthread_mutex_lock(&at->now->lock);
    at->now->cancelled = at->now->cancelled || !witness_is_over(&seen.before);
    pthread_mutex_unlock(&at->now->lock);
    int status = sluice_job_cancel(self->manager, at->now->job);
    look(at, &seen.after);
    wants_status(self, at, "cancel", status, witness_is_over(&seen.before) ? status == SLUICE_EEND
                 : status == SLUICE_OK || (status == SLUICE_EEND && witness_is_over(&seen.after)));
    if (a % 2 == 0)
        witness_await(at->now, "its end", witness_has_ended, 0);
}

/* Whether a call about sources gives what it must. */
static bool sources_fit(const slot *at, const looks *seen, int is)
{
    if (!at->now->persistent)
        return is == SLUICE_EUNSUPPORTED;
    if (over_before(at, seen))
        return is == SLUICE_EEND;
    return is == SLUICE_OK || (is == SLUICE_EEND && (at->now->no_more || witness_is_over(&seen->after)));
}

static void step_add(walk *self, slot *at, uint64_t a, uint64_t b)
{
    source what = source_of(at, a, b);
    unsigned files = expect(at->now, &what);
    CONTROL(sluice_job_add(self->manager, at->now->job, what.path, what.as, what.ranged ? what.from : 0, what.to));
    wants_status(self, at, "add", status, sources_fit(at, &seen, status) && !(at->now->no_more && status == SLUICE_OK));
    if (status != SLUICE_OK)
        witness_expect_not(at->now, files);
}

static void step_drop(walk *self, slot *at, uint64_t a, uint64_t b)
{
    source what = source_of(at, a, b);
    bool could = at->now->persistent;
    bool found = could && witness_drop(at->now, what.path);
    CONTROL(sluice_job_drop(self->manager, at->now->job, what.path));
    wants_status(self, at, "drop", status, sources_fit(at, &seen, status) || (!found && status == SLUICE_ENOENT) ||
                 (found && status == SLUICE_ENOENT)); /* dropped twice */
    if (!found && status == SLUICE_OK)
        witness_fail("step %u: job %" PRIu64 " drops %s, which it never had", self->step, at->now->job, what.path);
}

static void step_no_more(walk *self, slot *at, uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    CONTROL(sluice_job_no_more(self->manager, at->now->job));
    wants_status(self, at, "no-more", status, !at->now->persistent ? status == SLUICE_EUNSUPPORTED : control_fits(at, &seen, status));
    if (status != SLUICE_OK)
        return;
    at->now->no_more = true;
    if (seen.after.open)
        witness_fail("step %u: job %" PRIu64 " takes no more, and is open", self->step, at->now->job);
}

static void each_file(void *user, const sluice_job_file *file)
{
    unsigned *moving = user;
    *moving += file->state == SLUICE_FILE_MOVING;
    if (file->written_bytes > file->file_bytes)
        witness_fail("%s has %" PRIu64 " bytes of %" PRIu64, file->name, file->written_bytes, file->file_bytes);
}

static void step_files(walk *self, slot *at, uint64_t a, uint64_t b)
{
    unsigned moving = 0;
    (void)a;
    (void)b;
    looks seen;
    look(at, &seen.before);
    int status = sluice_job_files(self->manager, at->now->job, each_file, &moving);
    wants_status(self, at, "files", status, status == SLUICE_OK);
    if (moving > 0 && witness_is_over(&seen.before))
        witness_fail("step %u: job %" PRIu64 " is over, and %u files move", self->step, at->now->job, moving);
}

/* Each id that is not forgotten, oldest first. */
static void step_jobs(walk *self, slot *at, uint64_t a, uint64_t b)
{
    sluice_job ids[SLOTS + 1];
    unsigned mine = 0;
    (void)at;
    (void)a;
    (void)b;
    size_t count = sluice_manager_jobs(self->manager, ids, SLOTS);
    for (unsigned i = 0; i < SLOTS; i++)
        mine += self->slots[i].now != NULL;
    if (count != mine)
        witness_fail("step %u: there are %zu jobs, not %u", self->step, count, mine);
    for (size_t i = 1; i < count && i < SLOTS; i++)
        if (ids[i] <= ids[i - 1])
            witness_fail("step %u: job %" PRIu64 " stands behind job %" PRIu64, self->step, ids[i], ids[i - 1]);
}

static void step_wait(walk *self, slot *at, uint64_t a, uint64_t b)
{
    sluice_job_statistics end = {.size = sizeof end};
    sluice_duration patience = b % 3 * 100 * SLUICE_MS;
    bool session = a % 2 == 0;
    int status = session ? sluice_job_wait_session(self->manager, at->now->job, patience, &end)
                         : sluice_job_wait(self->manager, at->now->job, patience, &end);
    wants_status(self, at, "wait", status,
                 status == SLUICE_ETIMEOUT || (status == SLUICE_OK && (session || witness_is_over(&end))));
    if (status == SLUICE_ETIMEOUT && session && end.session[0] != '\0' && end.state == SLUICE_JOB_RUNNING && end.attempts == 1)
        witness_fail("step %u: job %" PRIu64 " runs, and has no session", self->step, at->now->job);
}

/* If it is where events come from. */
static void step_event(walk *self, slot *at, uint64_t a, uint64_t b)
{
    sluice_job_statistics now;
    (void)self;
    for (uint64_t i = 0; i <= a % 3; i++) {
        pthread_mutex_lock(&at->now->lock);
        unsigned events = at->now->events;
        pthread_mutex_unlock(&at->now->lock);
        look(at, &now);
        if (now.state == SLUICE_JOB_SUBMITTED || now.state == SLUICE_JOB_RETRYING)
            return;
        witness_await(at->now, "an event", witness_has_more_events, events);
    }
    (void)b;
}

static void step_kill(walk *self, slot *at, uint64_t a, uint64_t b)
{
    sluice_job_statistics now;
    (void)self;
    (void)a;
    (void)b;
    look(at, &now);
    if (now.worker <= 1)
        return;
    pthread_mutex_lock(&at->now->lock);
    at->now->kills++;
    pthread_mutex_unlock(&at->now->lock);
    kill(now.worker, SIGKILL);
}

/* ---- ends ---- */

static void judge(walk *self, slot *at)
{
    if (at->judged)
        return;
    int status = sluice_job_wait(self->manager, at->now->job, END_S * SLUICE_SECOND, NULL);
    wants_status(self, at, "wait to the end", status, status == SLUICE_OK);
    witness_judge(at->now, true);
    at->judged = true;
}

static void step_forget(walk *self, slot *at, uint64_t a, uint64_t b)
{
    sluice_job_statistics before, after;
    sluice_job id = at->now->job;
    (void)b;
    look(at, &before);
    if (witness_is_over(&before) && a % 2 == 0)
        judge(self, at);
    int status = sluice_job_forget(self->manager, id);
    if (status == SLUICE_EBUSY) {
        wants_status(self, at, "forget", status, !witness_is_over(&before));
        return;
    }
    wants_status(self, at, "forget", status, status == SLUICE_OK);
    after.size = sizeof after;
    status = sluice_job_statistics_get(self->manager, id, &after);
    wants_status(self, at, "statistics of what was forgotten", status, status == SLUICE_ENOENT);
    status = sluice_job_pause(self->manager, id);
    wants_status(self, at, "pause of what was forgotten", status, status == SLUICE_ENOENT);
    status = sluice_job_wait(self->manager, id, 0, NULL);
    wants_status(self, at, "wait for what was forgotten", status, status == SLUICE_ENOENT);
    /* Its last callbacks come nonetheless. */
    if (!at->judged && witness_await(at->now, "the end of what was forgotten", witness_has_ended, 0))
        witness_judge(at->now, false);
    at->last = id;
    at->now = NULL;
}

/* Only one that is over makes room for another. */
static void step_launch(walk *self, slot *at, uint64_t a, uint64_t b)
{
    sluice_job_statistics now;
    look(at, &now);
    if (!witness_is_over(&now))
        return;
    judge(self, at);
    const witness *before = at->now;
    step_forget(self, at, a, b);
    if (at->now != NULL)
        return;
    if (a % 3 == 0)
        launch_again(self, at, before);
    else
        launch(self, at, a, b);
}

static const struct {
    const char *name;
    unsigned weight;
    step *what;
} steps[] = {
    {"pause", 8, step_pause},   {"resume", 10, step_resume}, {"rate", 10, step_rate},       {"minimum", 4, step_minimum},
    {"policy", 6, step_policy}, {"cancel", 3, step_cancel},  {"add", 14, step_add},         {"drop", 4, step_drop},
    {"no-more", 4, step_no_more}, {"files", 4, step_files},  {"jobs", 2, step_jobs},        {"wait", 6, step_wait},
    {"event", 10, step_event},  {"kill", 4, step_kill},      {"forget", 4, step_forget},    {"launch", 12, step_launch},
};

static void go(walk *self)
{
    unsigned total = 0, at = 0;
    uint64_t which = draw(self), place = draw(self), a = draw(self), b = draw(self);
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++)
        total += steps[i].weight;
    for (which %= total; which >= steps[at].weight; at++)
        which -= steps[at].weight;
    slot *chosen = &self->slots[place % SLOTS];
    if (chosen->now == NULL) {
        launch(self, chosen, a, b);
        return;
    }
    printf("%u: %s job %" PRIu64 " (%s) %u %u\n", self->step, steps[at].name, chosen->now->job,
           sluice_job_state_name(chosen->now->polled.state), (unsigned)(a % 2), (unsigned)(b % 60));
    steps[at].what(self, chosen, a, b);
}

/* All that still goes is let go on to its end. */
static void finish(walk *self)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        slot *at = &self->slots[i];
        if (at->now == NULL)
            continue;
        (void)sluice_job_resume(self->manager, at->now->job);
        (void)sluice_job_rate(self->manager, at->now->job, 0);
        (void)sluice_job_no_more(self->manager, at->now->job);
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (self->slots[i].now != NULL)
            judge(self, &self->slots[i]);
}

/* ---- what is left behind ---- */

static unsigned entries_of(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    while (folder != NULL && readdir(folder) != NULL)
        count++;
    if (folder != NULL)
        closedir(folder);
    return count;
}

static void judge_process(unsigned descriptors, unsigned threads)
{
    unsigned now = entries_of("/proc/self/fd");
    if (now != descriptors)
        witness_fail("there were %u descriptors, and are %u", descriptors, now);
    if ((now = entries_of("/proc/self/task")) != threads)
        witness_fail("there were %u threads, and are %u", threads, now);
    if (waitpid(-1, NULL, WNOHANG) != -1)
        witness_fail("a child is left");
}

static void release(walk *self)
{
    for (unsigned i = 0; i < SLOTS; i++)
        sluice_order_free(self->slots[i].order);
    for (unsigned i = 0; i < self->count; i++) {
        witness *job = self->all[i];
        if (job->ends != 1 || job->events != job->watched)
            witness_fail("job %" PRIu64 " has %u ends, and a watcher heard %u events of %u", job->job, job->ends, job->watched,
                         job->events);
        witness_fini(job);
        free(job);
    }
}

int main(int argc, char **argv)
{
    static walk self;
    sluice_error error = {0};
    if (argc != 6)
        return 98;
    setvbuf(stdout, NULL, _IOLBF, 0);
    unsigned descriptors = entries_of("/proc/self/fd"), threads = entries_of("/proc/self/task");
    const uint64_t seed = strtoull(argv[1], NULL, 10);
    self.seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    self.remote = (sluice_remote){.size = sizeof self.remote, .host = argv[3], .port = (uint16_t)atoi(argv[4]),
                                  .ticket_file = argv[5]};
    /* Every other walk has room for a few workers only, so that jobs wait for one another. */
    const sluice_manager_setup setup = {.size = sizeof setup, .workers_most = seed % 2 == 0 ? 3 : 0};
    pthread_mutex_init(&self.roll, NULL);
    demand(sluice_manager_new(&setup, &self.manager, &error), "a manager", &error);
    demand(sluice_manager_watch(self.manager, watch, &self, &error), "a watcher", &error);
    for (unsigned most = (unsigned)atoi(argv[2]); self.step < most; self.step++)
        go(&self);
    finish(&self);
    sluice_manager_free(self.manager);
    release(&self);
    pthread_mutex_destroy(&self.roll);
    judge_process(descriptors, threads);
    printf("%u jobs\n", self.count);
    return witness_failures() == 0 ? 0 : 1;
}
