/* SPDX-License-Identifier: Apache-2.0 */
/* Streams joined to sources and sinks: who learns what, and when. */
#include "stream/pier.h"
#include "unit/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const pier_setup plain = {0};

/* One end of a stream and its place, on a thread of its own. */
typedef struct job {
    sluice *library;
    sluice_stream *stream;
    char place[256];
    bool pours;
    int status;
    sluice_error error;
    pthread_t thread;
} job;

static void *work(void *user)
{
    job *self = user;
    self->status = self->pours ? sluice_stream_pour(self->library, self->place, self->stream, &self->error)
                             : sluice_stream_fill(self->library, self->stream, self->place, &self->error);
    return NULL;
}

static void job_begin(job *out, pier *at, sluice_stream *stream, bool pours, const char *place)
{
    *out = (job){.library = at->library, .stream = stream, .pours = pours};
    snprintf(out->place, sizeof out->place, "%s", place);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&out->thread, NULL, work, out), 0);
}

static int job_end(job *self)
{
    pthread_join(self->thread, NULL);
    return self->status;
}

static void begin(pier *at)
{
    sluice_error error = {0};
    pier_begin(at, &plain);
    CU_ASSERT_EQUAL_FATAL(sluice_plugin_dir(at->library, TEST_MODULE_DIR, &error), SLUICE_OK);
}

/* Pours and fills a stream, and wants both to end so; the sentence of either holds `words`. */
static void run(pier *at, const char *source, const char *sink, int poured, int filled, const char *words)
{
    sluice_stream *client, *server;
    job from, to;
    sluice_error error = {0};
    pier_pair(at, "run", SLUICE_STREAM_PUSH, &client, &server);
    job_begin(&to, at, server, false, sink);
    job_begin(&from, at, client, true, source);
    CU_ASSERT_EQUAL(job_end(&from), poured);
    CU_ASSERT_EQUAL(job_end(&to), filled);
    CU_ASSERT(strstr(from.error.text, words) != NULL);
    CU_ASSERT(strstr(to.error.text, words) != NULL);
    if (from.status != poured || to.status != filled || !strstr(from.error.text, words) || !strstr(to.error.text, words))
        fprintf(stderr, "%s -> %s: %d '%s', %d '%s'\n", source, sink, from.status, from.error.text, to.status,
                to.error.text);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), poured);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), filled);
}

static off_t size_of(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 ? about.st_size : -1;
}

static void test_files(void)
{
    pier at;
    char file[128], copy[128];
    begin(&at);
    snprintf(file, sizeof file, "%s/file", at.room);
    snprintf(copy, sizeof copy, "%s/copy", at.room);
    run(&at, "zero:3000001", file, SLUICE_OK, SLUICE_OK, "");
    CU_ASSERT_EQUAL(size_of(file), 3000001);
    run(&at, file, copy, SLUICE_OK, SLUICE_OK, "");
    CU_ASSERT_EQUAL(size_of(copy), 3000001);
    run(&at, "zero:0", copy, SLUICE_OK, SLUICE_OK, "");
    CU_ASSERT_EQUAL(size_of(copy), 0);
    run(&at, "zero:10", "null:", SLUICE_OK, SLUICE_OK, "");
    run(&at, "zero:10", at.room, SLUICE_OK, SLUICE_OK, "");
    snprintf(file, sizeof file, "%s/run", at.room); /* into a directory by the stream's name */
    CU_ASSERT_EQUAL(size_of(file), 10);
    pier_end(&at);
}

/* Answers that come later, of both kinds. */
static void test_later(void)
{
    pier at;
    char file[128];
    begin(&at);
    snprintf(file, sizeof file, "%s/file", at.room);
    run(&at, "later:", file, SLUICE_OK, SLUICE_OK, "");
    CU_ASSERT_EQUAL(size_of(file), 300000);
    run(&at, file, "later:", SLUICE_OK, SLUICE_OK, "");
    run(&at, file, "later:fail", SLUICE_ENOSPACE, SLUICE_ENOSPACE, "later: failed later");
    pier_end(&at);
}

/* What one side suffers, the other one hears. */
static void test_failures(void)
{
    pier at;
    char file[128];
    begin(&at);
    snprintf(file, sizeof file, "%s/file", at.room);
    run(&at, "failing:", file, SLUICE_EACCESS, SLUICE_EACCESS, "failing");
    run(&at, "zero:1k*2", file, SLUICE_EFAILED, SLUICE_EFAILED, "several files");
    run(&at, at.room, file, SLUICE_EFAILED, SLUICE_EFAILED, "is no file");
    run(&at, "command:echo part; exit 3", file, SLUICE_EFAILED, SLUICE_EFAILED, "status 3");
    CU_ASSERT_EQUAL(size_of(file), -1);
    run(&at, "zero:100M", "command:exit 4", SLUICE_EFAILED, SLUICE_EFAILED, "status 4");
    run(&at, "zero:10", "command:cat >/dev/null; exit 5", SLUICE_EFAILED, SLUICE_EFAILED, "status 5");
    run(&at, "zero:10", "nosuch:x", SLUICE_EFAILED, SLUICE_EFAILED, "nosuch");
    pier_end(&at);
}

/* The writer's verify returns after the sink has its own end. */
static void test_verdict(void)
{
    pier at;
    sluice_stream *client, *server;
    char command[256], done[128];
    job to;
    sluice_error error = {0};
    begin(&at);
    snprintf(done, sizeof done, "%s/done", at.room);
    snprintf(command, sizeof command, "command:cat >/dev/null; sleep 0.2; touch %s", done);
    pier_pair(&at, "verdict", SLUICE_STREAM_PUSH, &client, &server);
    job_begin(&to, &at, server, false, command);
    CU_ASSERT_EQUAL(sluice_stream_write(client, "hello", 5), 5);
    CU_ASSERT_EQUAL(sluice_stream_flush(client), SLUICE_OK);
    CU_ASSERT_EQUAL(size_of(done), -1);
    CU_ASSERT_EQUAL(sluice_stream_close(client, &error), SLUICE_OK);
    CU_ASSERT_EQUAL(size_of(done), 0);
    CU_ASSERT_EQUAL(job_end(&to), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_close(server, &error), SLUICE_OK);
    pier_end(&at);
}

/* A source, and a sink, that wait for something outside are woken when the stream is given up. */
static void test_woken(void)
{
    pier at;
    sluice_stream *client, *server;
    job waiting;
    char place[128];
    begin(&at);
    snprintf(place, sizeof place, "stdio:%s/pipe", at.room);
    CU_ASSERT_EQUAL_FATAL(mkfifo(place + 6, 0600), 0);
    pier_pair(&at, "silent", SLUICE_STREAM_PUSH, &client, &server);
    job_begin(&waiting, &at, client, true, place);
    usleep(50000);
    sluice_stream_abort(server, SLUICE_ENOSPACE, "the reader has no space");
    CU_ASSERT_EQUAL(job_end(&waiting), SLUICE_ENOSPACE);
    CU_ASSERT(strstr(waiting.error.text, "the reader has no space") != NULL);
    sluice_stream_close(client, NULL);
    pier_pair(&at, "unread", SLUICE_STREAM_PULL, &client, &server);
    job_begin(&waiting, &at, client, false, place); /* no reader of the pipe comes */
    CU_ASSERT_EQUAL(sluice_stream_write(server, "hello", 5), 5);
    usleep(50000);
    sluice_stream_abort(server, SLUICE_EFAILED, "the writer has given up");
    CU_ASSERT_EQUAL(job_end(&waiting), SLUICE_EFAILED);
    CU_ASSERT(strstr(waiting.error.text, "the writer has given up") != NULL);
    sluice_stream_close(client, NULL);
    pier_end(&at);
}

static void test_usage(void)
{
    pier at;
    sluice_stream *client, *server;
    sluice_error error = {0};
    begin(&at);
    CU_ASSERT_EQUAL(sluice_stream_place_check(at.library, SLUICE_SOURCE, "-", &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_place_check(at.library, SLUICE_SINK, "command:cat", &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_place_check(at.library, SLUICE_SOURCE, "/tmp/a:b", &error), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_stream_place_check(at.library, SLUICE_SOURCE, "", &error), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_stream_place_check(at.library, SLUICE_SOURCE, "sluice://a/b", &error), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_stream_place_check(at.library, SLUICE_SOURCE, "null:", &error), SLUICE_EPLUGIN);
    pier_pair(&at, "", SLUICE_STREAM_PUSH, &client, &server);
    CU_ASSERT_EQUAL(sluice_stream_fill(at.library, client, "null:", &error), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_stream_pour(at.library, "zero:1", server, &error), SLUICE_EINVAL);
    sluice_stream_abort(client, SLUICE_ECANCELLED, "enough");
    sluice_stream_close(server, NULL);
    pier_end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"files", test_files},       {"answers later", test_later},     {"failures", test_failures},
        {"the verdict", test_verdict}, {"whoever waits is woken", test_woken}, {"usage", test_usage},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("pour", tests);
}
