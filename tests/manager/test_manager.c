/* SPDX-License-Identifier: Apache-2.0 */
/* Managers as programs use them, over workers that play what a script says (actor.c). */
#include "unit/suite.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sluice/manager.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACTOR TEST_BUILDDIR "/manager/actor"
#define LIMIT (60 * SLUICE_SECOND) /* only a test that fails waits for it */

/* ---- what callbacks have told ---- */

typedef struct diary {
    pthread_mutex_t lock;
    pthread_cond_t written;
    char words[8192]; /* of events, in order */
    unsigned counts[32];
    uint64_t files_seen;
    char last_message[1024], warning[1024];
    sluice_duration retry_ns;
    char file[256], file_message[256], digest[64];
} diary;

static void write_down(void *user, const sluice_job_event *event)
{
    diary *book = user;
    pthread_mutex_lock(&book->lock);
    size_t bytes = strlen(book->words);
    snprintf(book->words + bytes, sizeof book->words - bytes, "%s ", sluice_job_event_name(event->type));
    book->counts[event->type]++;
    book->files_seen = event->statistics->files;
    snprintf(book->last_message, sizeof book->last_message, "%s", event->message);
    if (event->type == SLUICE_JOB_EVENT_WARNING)
        snprintf(book->warning, sizeof book->warning, "%s", event->message);
    if (event->type == SLUICE_JOB_EVENT_RETRY)
        book->retry_ns = event->retry_ns;
    if (event->file != NULL) {
        snprintf(book->file, sizeof book->file, "%s", event->file->name);
        snprintf(book->file_message, sizeof book->file_message, "%s", event->file->message);
        snprintf(book->digest, sizeof book->digest, "%s", event->file->digest != NULL ? event->file->digest : "");
    }
    pthread_cond_broadcast(&book->written);
    pthread_mutex_unlock(&book->lock);
}

static void diary_init(diary *book)
{
    memset(book, 0, sizeof *book);
    pthread_mutex_init(&book->lock, NULL);
    pthread_cond_init(&book->written, NULL);
}

/* Until so many events of that type were told. */
static void diary_await(diary *book, sluice_job_event_type type, unsigned count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    int failed = 0;
    pthread_mutex_lock(&book->lock);
    while (book->counts[type] < count && failed == 0)
        failed = pthread_cond_timedwait(&book->written, &book->lock, &until);
    CU_ASSERT(book->counts[type] >= count);
    pthread_mutex_unlock(&book->lock);
}

/* ---- setting up ---- */

static sluice_manager *manager_make(void)
{
    const sluice_manager_setup setup = {.size = sizeof setup, .program = ACTOR};
    sluice_manager *manager = NULL;
    sluice_error error = {0};
    int status = sluice_manager_new(&setup, &manager, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, SLUICE_OK);
    return manager;
}

static sluice_order *order_make(const char *script)
{
    const sluice_remote remote = {.size = sizeof remote, .host = "archive.example"};
    sluice_order *order = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_order_new(SLUICE_PUSH, &order, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_order_remote(order, &remote, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_order_source(order, "a", NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_order_destination(order, "in/", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_order_cookie(order, script, NULL), SLUICE_OK);
    sluice_order_retry(order, 3, SLUICE_MS, 4 * SLUICE_MS);
    return order;
}

static sluice_job launch(sluice_manager *manager, sluice_order *order, diary *book)
{
    sluice_job job = 0;
    sluice_error error = {0};
    int status = sluice_manager_launch(manager, order, book != NULL ? write_down : NULL, book, &job, &error);
    if (status != SLUICE_OK)
        fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(status, SLUICE_OK);
    CU_ASSERT(job != 0);
    return job;
}

static sluice_job_statistics wait_for(sluice_manager *manager, sluice_job job)
{
    sluice_job_statistics end = {.size = sizeof end};
    CU_ASSERT_EQUAL(sluice_job_wait(manager, job, LIMIT, &end), SLUICE_OK);
    return end;
}

/* One job by that script, from launch to end. */
static sluice_job_statistics play(const char *script, const char *ascp, diary *book)
{
    sluice_manager *manager = manager_make();
    sluice_order *order = order_make(script);
    diary_init(book);
    if (ascp != NULL)
        CU_ASSERT_EQUAL(sluice_order_ascp(order, ascp, NULL), SLUICE_OK);
    sluice_job job = launch(manager, order, book);
    sluice_order_free(order);
    sluice_job_statistics end = wait_for(manager, job);
    sluice_manager_free(manager);
    return end;
}

#define SCRIPT                                                                                                       \
    "init session rates scan:3:30 start:a:10 stats:a:10:5:5 stop:a:10:10 skip:b:10 fail:c:4 warn:beware_of_it done:10"

static void test_push(void)
{
    diary book;
    sluice_job_statistics end = play(SCRIPT, NULL, &book);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
    CU_ASSERT_EQUAL(end.status, SLUICE_OK);
    CU_ASSERT_EQUAL(end.files, 1);
    CU_ASSERT_EQUAL(end.skipped, 1);
    CU_ASSERT_EQUAL(end.failed, 1);
    CU_ASSERT_EQUAL(end.active, 0);
    CU_ASSERT_EQUAL(end.total_files, 3);
    CU_ASSERT_EQUAL(end.total_bytes, 30);
    CU_ASSERT(end.scanned);
    CU_ASSERT_EQUAL(end.transferred_bytes, 10);
    CU_ASSERT_EQUAL(end.lost_bytes, 7);
    CU_ASSERT_EQUAL(end.rtt_ns, 25 * SLUICE_MS);
    CU_ASSERT_EQUAL(end.target_bps, 100000000);
    CU_ASSERT_EQUAL(end.mtu, 1492);
    CU_ASSERT_EQUAL(end.attempts, 1);
    CU_ASSERT_EQUAL(end.worker, 0);
    CU_ASSERT_STRING_EQUAL(end.policy, "fair");
    CU_ASSERT_STRING_EQUAL(end.cipher, "aes-128-gcm");
    CU_ASSERT_STRING_EQUAL(end.peer, "archive.example:33001");
    CU_ASSERT_STRING_EQUAL(end.session, "00112233-4455-4677-8899-aabbccddeeff");
    CU_ASSERT_STRING_EQUAL(end.message, "");
    CU_ASSERT_STRING_EQUAL(end.cookie, SCRIPT);
    CU_ASSERT_STRING_EQUAL(book.warning, "beware of it");
    CU_ASSERT_STRING_EQUAL(book.file_message, "it cannot be read");
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_SESSION_STOP], 1);
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_FILE_START], 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(book.words, "connecting session-start "));
}

/* The same, as told by a program that takes ascp's arguments. */
static void test_ascp(void)
{
    diary book;
    sluice_job_statistics end =
        play("init session rates scan:3:30 stats:a:10:5:5 stop:a:10:10 skip:b:10 fail:c:4 done:10", ACTOR, &book);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
    CU_ASSERT_EQUAL(end.files, 1);
    CU_ASSERT_EQUAL(end.skipped, 1);
    CU_ASSERT_EQUAL(end.failed, 1);
    CU_ASSERT_EQUAL(end.transferred_bytes, 10);
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_FILE_START], 1);
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_SESSION_STOP], 1);
}

static void test_cancel(void)
{
    for (int ascp = 0; ascp < 2; ascp++) {
        diary book;
        diary_init(&book);
        sluice_manager *manager = manager_make();
        sluice_order *order = order_make("init session rates obey");
        if (ascp)
            CU_ASSERT_EQUAL(sluice_order_ascp(order, ACTOR, NULL), SLUICE_OK);
        sluice_job job = launch(manager, order, &book);
        sluice_order_free(order);
        CU_ASSERT_EQUAL(sluice_job_wait_session(manager, job, LIMIT, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_job_cancel(manager, job), SLUICE_OK);
        sluice_job_statistics end = wait_for(manager, job);
        CU_ASSERT_EQUAL(end.state, SLUICE_JOB_CANCELLED);
        CU_ASSERT_EQUAL(end.status, SLUICE_EINTERRUPTED);
        CU_ASSERT_EQUAL(end.code, 28);
        CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_SESSION_ERROR], 1);
        CU_ASSERT_EQUAL(sluice_job_cancel(manager, job), SLUICE_EEND);
        CU_ASSERT_EQUAL(sluice_job_forget(manager, job), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_job_cancel(manager, job), SLUICE_ENOENT);
        sluice_manager_free(manager);
    }
}

static sluice_job_statistics look(sluice_manager *manager, sluice_job job)
{
    sluice_job_statistics now = {.size = sizeof now};
    CU_ASSERT_EQUAL(sluice_job_statistics_get(manager, job, &now), SLUICE_OK);
    return now;
}

static void test_pause(void)
{
    diary book;
    diary_init(&book);
    sluice_manager *manager = manager_make();
    sluice_order *order = order_make("init session rates obey");
    sluice_job job = launch(manager, order, &book);
    sluice_order_free(order);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 1);
    CU_ASSERT_EQUAL(look(manager, job).state, SLUICE_JOB_RUNNING);
    CU_ASSERT_EQUAL(look(manager, job).target_bps, 100000000);
    CU_ASSERT_EQUAL(sluice_job_pause(manager, job), SLUICE_OK);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 2);
    CU_ASSERT_EQUAL(look(manager, job).state, SLUICE_JOB_PAUSED);
    CU_ASSERT_EQUAL(look(manager, job).target_bps, 100000000);
    CU_ASSERT_EQUAL(sluice_job_resume(manager, job), SLUICE_OK);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 3);
    CU_ASSERT_EQUAL(look(manager, job).state, SLUICE_JOB_RUNNING);
    CU_ASSERT_EQUAL(look(manager, job).target_bps, 100000000);
    CU_ASSERT_EQUAL(sluice_job_rate(manager, job, 7000000), SLUICE_OK);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 4);
    CU_ASSERT_EQUAL(look(manager, job).target_bps, 7000000);
    CU_ASSERT_EQUAL(sluice_job_minimum_rate(manager, job, 1000000), SLUICE_OK);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 5);
    CU_ASSERT_EQUAL(look(manager, job).minimum_bps, 1000000);
    CU_ASSERT_EQUAL(sluice_job_policy(manager, job, "high"), SLUICE_OK);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 6);
    CU_ASSERT_STRING_EQUAL(look(manager, job).policy, "high");
    CU_ASSERT_EQUAL(sluice_job_policy(manager, job, "greedy"), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_job_rate(manager, job, 0), SLUICE_OK);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 7);
    CU_ASSERT_EQUAL(look(manager, job).target_bps, 0);
    CU_ASSERT_EQUAL(look(manager, job).state, SLUICE_JOB_RUNNING);
    sluice_manager_free(manager);
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_SESSION_ERROR], 1);
}

/* ---- files for scripts ---- */

/* A file of its own in the build tree, which is not there. */
static const char *fresh(char *out, size_t size, const char *name)
{
    snprintf(out, size, TEST_BUILDDIR "/manager/%s.%ld", name, (long)getpid());
    unlink(out);
    return out;
}

static void read_file(const char *name, char *out, size_t size)
{
    FILE *from = fopen(name, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    size_t bytes = fread(out, 1, size - 1, from);
    out[bytes] = '\0';
    fclose(from);
    unlink(name);
}

/* ---- workers ---- */

static void test_descriptors(void)
{
    char name[256], script[512], list[256];
    fresh(name, sizeof name, "descriptors");
    /* What the application has open and has not marked is not a worker's. */
    int leak = open("/dev/null", O_RDONLY);
    CU_ASSERT_FATAL(leak >= 0);
    diary book;
    snprintf(script, sizeof script, "descriptors:%s init session done", name);
    (void)play(script, NULL, &book);
    read_file(name, list, sizeof list);
    CU_ASSERT_STRING_EQUAL(list, "0 1 2 3 4 ");
    (void)play(script, ACTOR, &book);
    read_file(name, list, sizeof list);
    CU_ASSERT_STRING_EQUAL(list, "0 1 2 3 4 5 "); /* 5: its own connection */
    close(leak);
}

/* What the application ignores or blocks a worker does not, and one that has no children to wait for has jobs all the same. */
static void test_signals(void)
{
    sigset_t some, before;
    diary book;
    diary_init(&book);
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &some, &before);
    signal(SIGINT, SIG_IGN);
    sluice_manager *manager = manager_make();
    sluice_order *order = order_make("init session rates hang");
    sluice_order_retry(order, 0, SLUICE_MS, SLUICE_MS);
    static const int numbers[] = {SIGINT, SIGTERM};
    for (unsigned i = 0; i < 2; i++) {
        sluice_job job = launch(manager, order, &book);
        diary_await(&book, SLUICE_JOB_EVENT_RATE, i + 1);
        kill(look(manager, job).worker, numbers[i]);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "the worker was killed by signal %d", numbers[i]);
        CU_ASSERT_STRING_EQUAL(wait_for(manager, job).message, wanted);
    }
    sluice_order_free(order);
    sluice_manager_free(manager);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    signal(SIGCHLD, SIG_IGN);
    CU_ASSERT_EQUAL(play("init session stop:a:10:10 done:10", NULL, &book).state, SLUICE_JOB_FINISHED);
    signal(SIGCHLD, SIG_DFL);
}

static void test_secrets(void)
{
    char name[256], script[512], text[4096];
    fresh(name, sizeof name, "args");
    const sluice_remote remote = {.size = sizeof remote, .host = "h", .user = "me", .password = "hunter2", .ticket = "sesame"};
    sluice_manager *manager = manager_make();
    snprintf(script, sizeof script, "args:%s init session done", name);
    sluice_order *order = order_make(script);
    CU_ASSERT_EQUAL(sluice_order_remote(order, &remote, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_ascp(order, ACTOR, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_order_source(order, "b", "as", NULL), SLUICE_OK);
    sluice_job job = launch(manager, order, NULL);
    CU_ASSERT_EQUAL(wait_for(manager, job).state, SLUICE_JOB_FINISHED);
    read_file(name, text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nASPERA_SCP_PASS=hunter2\nASPERA_SCP_TOKEN=sesame\na\na\nb\nas\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n--file-pair-list=/dev/fd/3\n"));
    sluice_order_free(order);
    sluice_manager_free(manager);
}

static void test_killed(void)
{
    char name[256], script[512];
    fresh(name, sizeof name, "count");
    snprintf(script, sizeof script,
             "count:%s init session 1=stop:a:10:10 1=start:b:10 1=kill:9 skip:a:10 stop:b:10:10 done:10", name);
    diary book;
    sluice_job_statistics end = play(script, NULL, &book);
    unlink(name);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
    CU_ASSERT_EQUAL(end.attempts, 2);
    CU_ASSERT_EQUAL(end.files, 2);
    CU_ASSERT_EQUAL(end.skipped, 0);
    CU_ASSERT_EQUAL(end.transferred_bytes, 20);
    CU_ASSERT_EQUAL(end.status, SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(end.message, "");
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_RETRY], 1);
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_SESSION_START], 2);
    CU_ASSERT_EQUAL(book.retry_ns, SLUICE_MS);
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_SESSION_STOP], 1);
}

/* Until no retry is left: 3 of them. */
static void test_tried(void)
{
    diary book;
    sluice_job_statistics end = play("init session error:16:it_broke", NULL, &book);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(end.attempts, 4);
    CU_ASSERT_EQUAL(end.code, 16);
    CU_ASSERT_STRING_EQUAL(end.message, "it broke");
    CU_ASSERT_EQUAL(book.counts[SLUICE_JOB_EVENT_RETRY], 3);
    CU_ASSERT_EQUAL(book.retry_ns, 4 * SLUICE_MS);
    CU_ASSERT_STRING_EQUAL(book.last_message, "it broke");
}

static void test_wordless(void)
{
    diary book;
    sluice_job_statistics end = play("write:noise write:the_configuration_is_wrong exit:3", NULL, &book);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(end.status, SLUICE_ECONFIG);
    CU_ASSERT_EQUAL(end.code, 50);
    CU_ASSERT_STRING_EQUAL(end.message, "the configuration is wrong");
    CU_ASSERT_EQUAL(end.attempts, 1);
    /* Messages that were said before an end without a last word count. */
    end = play("init session stop:a:10:10 write:oops exit:1", NULL, &book);
    CU_ASSERT_EQUAL(end.files, 1);
    CU_ASSERT_EQUAL(end.status, SLUICE_EFAILED);
    CU_ASSERT_STRING_EQUAL(end.message, "oops");
    /* One that takes ascp's arguments and does not even connect. */
    end = play("close exit:1", ACTOR, &book);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FAILED);
    end = play("init session garbage hang", NULL, &book);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(end.status, SLUICE_EPROTOCOL);
    CU_ASSERT_EQUAL(end.attempts, 1);
}

static void test_missing(void)
{
    const sluice_manager_setup setup = {.size = sizeof setup, .program = "/no/such/worker"};
    sluice_manager *manager;
    diary book;
    diary_init(&book);
    CU_ASSERT_EQUAL_FATAL(sluice_manager_new(&setup, &manager, NULL), SLUICE_OK);
    sluice_order *order = order_make("");
    sluice_job job = launch(manager, order, &book);
    sluice_job_statistics end = wait_for(manager, job);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FAILED);
    CU_ASSERT_EQUAL(end.status, SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(end.message, "/no/such/worker"));
    CU_ASSERT_EQUAL(end.attempts, 0);
    CU_ASSERT_STRING_EQUAL(book.words, "session-error ");
    sluice_order_free(order);
    sluice_manager_free(manager);
}

/* One that says nothing more and hears nothing is killed by the end of its manager; its test waits for SIGINT, and so ten
 * seconds are not needed: SIGKILL from outside is what would come in the end. */
static void test_hanging(void)
{
    diary book;
    diary_init(&book);
    sluice_manager *manager = manager_make();
    sluice_order *order = order_make("init session deaf rates hang");
    sluice_job job = launch(manager, order, &book);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 1);
    CU_ASSERT_EQUAL(sluice_job_wait(manager, job, SLUICE_MS, NULL), SLUICE_ETIMEOUT);
    CU_ASSERT_EQUAL(sluice_job_forget(manager, job), SLUICE_EBUSY);
    CU_ASSERT_EQUAL(sluice_job_cancel(manager, job), SLUICE_OK);
    int worker = look(manager, job).worker;
    CU_ASSERT_FATAL(worker > 1);
    kill(worker, SIGKILL);
    sluice_job_statistics end = wait_for(manager, job);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_CANCELLED);
    CU_ASSERT_EQUAL(end.attempts, 1);
    sluice_order_free(order);
    sluice_manager_free(manager);
}

static void test_persistent(void)
{
    for (int ascp = 0; ascp < 2; ascp++) {
        diary book;
        char name[32];
        diary_init(&book);
        sluice_manager *manager = manager_make();
        sluice_order *order = order_make("init session sources obey");
        sluice_order_persistent(order, true);
        if (ascp)
            CU_ASSERT_EQUAL(sluice_order_ascp(order, ACTOR, NULL), SLUICE_OK);
        sluice_job job = launch(manager, order, &book);
        for (unsigned i = 0; i < 3000; i++) { /* many more than a socket holds */
            if (i == 1500)
                CU_ASSERT_EQUAL(sluice_job_wait_session(manager, job, LIMIT, NULL), SLUICE_OK);
            snprintf(name, sizeof name, "added-%u", i);
            CU_ASSERT_EQUAL(sluice_job_add(manager, job, name, NULL, 0, SLUICE_UNKNOWN), SLUICE_OK);
        }
        CU_ASSERT_EQUAL(sluice_job_drop(manager, job, "added-7"), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_job_drop(manager, job, "never"), SLUICE_ENOENT);
        CU_ASSERT(look(manager, job).open);
        CU_ASSERT_EQUAL(sluice_job_no_more(manager, job), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_job_add(manager, job, "late", NULL, 0, SLUICE_UNKNOWN), SLUICE_EEND);
        sluice_job_statistics end = wait_for(manager, job);
        CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
        CU_ASSERT(end.persistent && !end.open);
        /* Those that went into the order are played by ours alone; the one that was dropped only if it was dropped too late. */
        CU_ASSERT(end.files <= 3001 && end.files >= (ascp ? 1500 : 3000));
        sluice_order_free(order);
        sluice_manager_free(manager);
    }
}

/* ---- callbacks ---- */

typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open, reached;
    unsigned calls, ends, progress;
    uint64_t dropped, files;
} gate;

static void gate_init(gate *self)
{
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
}

/* Stands in its first call until somebody opens it. */
static void stand(void *user, const sluice_job_event *event)
{
    gate *self = user;
    pthread_mutex_lock(&self->lock);
    self->reached = true;
    pthread_cond_broadcast(&self->changed);
    while (!self->open)
        pthread_cond_wait(&self->changed, &self->lock);
    self->calls++;
    self->progress += event->type == SLUICE_JOB_EVENT_PROGRESS && event->file == NULL;
    self->ends += event->type == SLUICE_JOB_EVENT_SESSION_STOP;
    self->dropped = event->statistics->events_dropped;
    self->files = event->statistics->files;
    pthread_mutex_unlock(&self->lock);
}

static void gate_await(gate *self)
{
    pthread_mutex_lock(&self->lock);
    while (!self->reached)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

static void gate_open(gate *self)
{
    pthread_mutex_lock(&self->lock);
    self->open = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static bool over(sluice_job_state state)
{
    return state >= SLUICE_JOB_FINISHED;
}

/* Its worker comes to its end while the application is still busy with the first event. */
static void test_slow(void)
{
    char script[8192] = "init session";
    gate slow;
    gate_init(&slow);
    for (int i = 0; i < 300; i++)
        strcat(script, " progress:0:0:0 rates");
    strcat(script, " stop:a:10:10 done:10");
    sluice_manager *manager = manager_make();
    sluice_order *order = order_make(script);
    sluice_job job = 0;
    CU_ASSERT_EQUAL_FATAL(sluice_manager_launch(manager, order, stand, &slow, &job, NULL), SLUICE_OK);
    gate_await(&slow);
    while (!over(look(manager, job).state))
        CU_ASSERT_EQUAL(sluice_job_wait(manager, job, 5 * SLUICE_MS, NULL), SLUICE_ETIMEOUT);
    gate_open(&slow);
    sluice_job_statistics end = wait_for(manager, job);
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
    CU_ASSERT_EQUAL(slow.ends, 1);
    /* connecting, session-start, one rate, one progress, file-stop, session-stop: at most the first of them came before the rest. */
    CU_ASSERT_EQUAL(slow.progress, 1);
    CU_ASSERT_EQUAL(slow.calls, 6);
    CU_ASSERT_EQUAL(end.events_dropped, 0);
    sluice_order_free(order);
    sluice_manager_free(manager);
}

typedef struct remover {
    sluice_manager *manager;
    unsigned calls;
} remover;

static void remove_itself(void *user, const sluice_job_event *event)
{
    remover *self = user;
    (void)event;
    self->calls++;
    sluice_manager_unwatch(self->manager, remove_itself, self);
}

static void test_watchers(void)
{
    diary all;
    diary_init(&all);
    remover once = {.manager = manager_make()};
    CU_ASSERT_EQUAL(sluice_manager_watch(once.manager, remove_itself, &once, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_manager_watch(once.manager, write_down, &all, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_manager_watch(once.manager, write_down, &all, NULL), SLUICE_OK); /* counts once */
    sluice_order *order = order_make("init session done");
    for (int i = 0; i < 2; i++) {
        sluice_job_statistics end = wait_for(once.manager, launch(once.manager, order, NULL));
        CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
    }
    CU_ASSERT_EQUAL(once.calls, 1);
    CU_ASSERT_STRING_EQUAL(all.words, "connecting session-start session-stop connecting session-start session-stop ");
    sluice_manager_unwatch(once.manager, write_down, &all);
    (void)wait_for(once.manager, launch(once.manager, order, NULL));
    CU_ASSERT_EQUAL(all.counts[SLUICE_JOB_EVENT_SESSION_STOP], 2);
    sluice_order_free(order);
    sluice_manager_free(once.manager);
}

typedef struct chain {
    sluice_manager *manager;
    const sluice_order *order;
    unsigned left;
    int waited;
    pthread_mutex_t lock;
    pthread_cond_t done;
} chain;

/* Launches the next job from the callback of the last one, and forgets that one. */
static void next_link(void *user, const sluice_job_event *event)
{
    chain *self = user;
    if (event->type == SLUICE_JOB_EVENT_CONNECTING)
        self->waited = sluice_job_wait(self->manager, event->job, SLUICE_NEVER, NULL);
    if (event->type != SLUICE_JOB_EVENT_SESSION_STOP)
        return;
    CU_ASSERT_EQUAL(sluice_job_forget(self->manager, event->job), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_job_pause(self->manager, event->job), SLUICE_ENOENT);
    pthread_mutex_lock(&self->lock);
    if (--self->left > 0)
        CU_ASSERT_EQUAL(sluice_manager_launch(self->manager, self->order, next_link, self, NULL, NULL), SLUICE_OK);
    pthread_cond_broadcast(&self->done);
    pthread_mutex_unlock(&self->lock);
}

static void test_calls_from_callbacks(void)
{
    sluice_order *order = order_make("init session done");
    chain all = {.manager = manager_make(), .order = order, .left = 10, .lock = PTHREAD_MUTEX_INITIALIZER,
                 .done = PTHREAD_COND_INITIALIZER};
    pthread_mutex_lock(&all.lock);
    CU_ASSERT_EQUAL(sluice_manager_launch(all.manager, order, next_link, &all, NULL, NULL), SLUICE_OK);
    while (all.left > 0)
        pthread_cond_wait(&all.done, &all.lock);
    pthread_mutex_unlock(&all.lock);
    CU_ASSERT_EQUAL(all.waited, SLUICE_EBUSY);
    sluice_manager_free(all.manager);
    sluice_order_free(order);
}

/* ---- many ---- */

#define MANY 100

static void test_many(void)
{
    diary all;
    diary_init(&all);
    sluice_job jobs[MANY], listed[MANY + 1];
    sluice_manager *manager = manager_make();
    CU_ASSERT_EQUAL(sluice_manager_watch(manager, write_down, &all, NULL), SLUICE_OK);
    sluice_order *order = order_make("init session rates obey");
    sluice_order *other = order_make("init session rates obey");
    CU_ASSERT_EQUAL(sluice_order_ascp(other, ACTOR, NULL), SLUICE_OK);
    for (int i = 0; i < MANY; i++)
        jobs[i] = launch(manager, i % 2 ? order : other, NULL);
    /* All of them run at once. */
    diary_await(&all, SLUICE_JOB_EVENT_SESSION_START, MANY);
    CU_ASSERT_EQUAL(sluice_manager_jobs(manager, listed, MANY + 1), MANY);
    CU_ASSERT_EQUAL(memcmp(listed, jobs, sizeof jobs), 0);
    for (int i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(sluice_job_cancel(manager, jobs[i]), SLUICE_OK);
    for (int i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(wait_for(manager, jobs[i]).state, SLUICE_JOB_CANCELLED);
        CU_ASSERT_EQUAL(sluice_job_forget(manager, jobs[i]), SLUICE_OK);
    }
    CU_ASSERT_EQUAL(sluice_manager_jobs(manager, NULL, 0), 0);
    CU_ASSERT_EQUAL(all.counts[SLUICE_JOB_EVENT_SESSION_ERROR], MANY);
    sluice_order_free(order);
    sluice_order_free(other);
    sluice_manager_free(manager);
}

/* More than may run at once wait for their turn, in order. */
static void test_turns(void)
{
    const sluice_manager_setup setup = {.size = sizeof setup, .program = ACTOR, .workers_most = 1};
    sluice_manager *manager;
    sluice_job jobs[3];
    diary book;
    diary_init(&book);
    CU_ASSERT_EQUAL_FATAL(sluice_manager_new(&setup, &manager, NULL), SLUICE_OK);
    sluice_order *order = order_make("init session rates obey");
    for (int i = 0; i < 3; i++)
        jobs[i] = launch(manager, order, i == 0 ? &book : NULL);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 1);
    CU_ASSERT_EQUAL(look(manager, jobs[1]).state, SLUICE_JOB_SUBMITTED);
    CU_ASSERT_EQUAL(sluice_job_cancel(manager, jobs[1]), SLUICE_OK); /* without a worker it is over at once */
    CU_ASSERT_EQUAL(wait_for(manager, jobs[1]).state, SLUICE_JOB_CANCELLED);
    CU_ASSERT_EQUAL(look(manager, jobs[2]).state, SLUICE_JOB_SUBMITTED);
    CU_ASSERT_EQUAL(sluice_job_cancel(manager, jobs[0]), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_job_wait_session(manager, jobs[2], LIMIT, NULL), SLUICE_OK);
    sluice_order_free(order);
    sluice_manager_free(manager); /* and what runs is cancelled */
}

static void test_default(void)
{
    sluice_manager *one, *two, *other = manager_make();
    CU_ASSERT_EQUAL_FATAL(sluice_manager_default(&one, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_manager_default(&two, NULL), SLUICE_OK);
    CU_ASSERT_PTR_EQUAL(one, two);
    CU_ASSERT_PTR_NOT_EQUAL(one, other);
    sluice_manager_free(one);
    CU_ASSERT_EQUAL(sluice_manager_jobs(two, NULL, 0), 0); /* it is still there */
    sluice_order *order = order_make("init session done");
    sluice_job_statistics end = wait_for(other, launch(other, order, NULL));
    CU_ASSERT_EQUAL(end.state, SLUICE_JOB_FINISHED);
    sluice_order_free(order);
    sluice_manager_free(two);
    sluice_manager_free(other);
    sluice_manager_free(NULL);
}

/* ---- polling ---- */

typedef struct listing {
    char words[512];
} listing;

static void list_file(void *user, const sluice_job_file *file)
{
    listing *all = user;
    size_t bytes = strlen(all->words);
    snprintf(all->words + bytes, sizeof all->words - bytes, "%s=%d%s ", file->name, (int)file->state, file->message);
}

static void test_files(void)
{
    const sluice_manager_setup setup = {.size = sizeof setup, .program = ACTOR, .files_most = 3};
    sluice_manager *manager;
    listing all = {""};
    CU_ASSERT_EQUAL_FATAL(sluice_manager_new(&setup, &manager, NULL), SLUICE_OK);
    sluice_order *order =
        order_make("init session start:a:1 start:b:1 start:c:1 stop:c:1 skip:d:1 fail:b:4 stop:e:1 rates obey");
    diary book;
    diary_init(&book);
    sluice_job job = launch(manager, order, &book);
    diary_await(&book, SLUICE_JOB_EVENT_RATE, 1);
    CU_ASSERT_EQUAL(sluice_job_files(manager, job, list_file, &all), SLUICE_OK);
    /* In the order in which they began; c was the first to end, and only three are kept. */
    CU_ASSERT_STRING_EQUAL(all.words, "a=0 b=3it cannot be read d=2 e=1 ");
    CU_ASSERT_EQUAL(sluice_job_files(manager, job + 1, list_file, &all), SLUICE_ENOENT);
    /* A caller of another time knows less of the struct. */
    sluice_job_statistics part;
    memset(&part, 0x55, sizeof part);
    part.size = offsetof(sluice_job_statistics, code);
    CU_ASSERT_EQUAL(sluice_job_statistics_get(manager, job, &part), SLUICE_OK);
    CU_ASSERT_EQUAL(part.size, offsetof(sluice_job_statistics, code));
    CU_ASSERT_EQUAL(part.code, 0x55555555);
    CU_ASSERT_EQUAL(part.state, SLUICE_JOB_RUNNING);
    sluice_order_free(order);
    sluice_manager_free(manager);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a push from its launch to its end", test_push},
        {"a program that takes ascp's arguments", test_ascp},
        {"cancel", test_cancel},
        {"pause, resume, rates and policy", test_pause},
        {"descriptors of workers", test_descriptors},
        {"signals of the application", test_signals},
        {"secrets and lists of ascp", test_secrets},
        {"a worker that is killed is tried again", test_killed},
        {"retries come to an end", test_tried},
        {"workers without a last word", test_wordless},
        {"no such worker", test_missing},
        {"a worker that hangs", test_hanging},
        {"persistent jobs", test_persistent},
        {"a callback that takes its time", test_slow},
        {"watchers", test_watchers},
        {"calls from callbacks", test_calls_from_callbacks},
        {"many at once", test_many},
        {"turns", test_turns},
        {"two managers, and the one of the process", test_default},
        {"files, and structs of another time", test_files},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("manager", tests);
}
