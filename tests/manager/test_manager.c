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

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a push from its launch to its end", test_push},
        {"a program that takes ascp's arguments", test_ascp},
        {"cancel", test_cancel},
        {"pause, resume, rates and policy", test_pause},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("manager", tests);
}
