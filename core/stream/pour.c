/* SPDX-License-Identifier: Apache-2.0 */
/* pour.c - a stream joined to a source or a sink: everything from the one into the other, on the caller's thread. */
#include "plugin/library.h"
#include "plugin/place.h"
#include "session/store.h"
#include "stream/stream_state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE_BYTES (256u << 10) /* moved at a time, at most */

/* A stream and what is at the other end of it. */
typedef struct joint {
    sluice_stream *stream;
    sluice_log *log;
    const char *place;
    sluice_request request; /* what the plugin was made from, which it may refer to */
    sluice_store store;
    sluice_mover_store plugin;
    void *object;
    uint64_t at, size;      /* bytes moved; sources: SLUICE_UNKNOWN */
    uint64_t skips;         /* of a live stream */
    sluice_error cause;     /* why the stream was broken meanwhile; guarded by the stream's lock */
    uint8_t *bytes;
} joint;

/* ---- SIGPIPE ---- */

/* A pipe that nobody reads any more is an error of the sink, and no reason for the program to end. */
typedef struct pipe_guard {
    sigset_t before;
    bool was_pending;
} pipe_guard;

static void pipe_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

static void guard_begin(pipe_guard *guard)
{
    sigset_t pending, pipe;
    pipe_set(&pipe);
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->before);
}

static void guard_end(const pipe_guard *guard)
{
    sigset_t pipe;
    pipe_set(&pipe);
    while (!guard->was_pending && sigtimedwait(&pipe, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
        continue;
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

/* ---- the plugin's side ---- */

/* Takes a failed call's status and sentence. */
static int failed(const joint *at, int64_t status, sluice_error *error)
{
    at->plugin.sentence(at->plugin.user, (int)status, error);
    return (int)status;
}

static int64_t answer(const joint *at, sluice_completion *completion, int64_t result)
{
    result = at->plugin.completion_end(at->plugin.user, completion, result);
    return result == SLUICE_EPENDING ? SLUICE_EPLUGIN : result;
}

static int no_memory(sluice_error *error)
{
    return sluice_fail(error, SLUICE_ENOMEM, "out of memory for what a stream is joined to");
}

static int joint_begin(joint *at, sluice *instance, sluice_stream *stream, const char *text, sluice_error *error)
{
    *at = (joint){.stream = stream, .log = sluice_library_log(instance), .place = text, .bytes = malloc(PIECE_BYTES)};
    sluice_request_init(&at->request);
    at->request.single = true;
    at->request.overwrite = SLUICE_OVERWRITE_ALWAYS;
    at->request.resume = SLUICE_RESUME_NONE;
    at->request.preserve = 0;
    at->request.named_symlinks = SLUICE_SYMLINKS_FOLLOW;
    sluice_stream_blocking(stream, true);
    return at->bytes ? SLUICE_OK : no_memory(error);
}

static void joint_end(joint *at)
{
    if (at->object && at->plugin.source)
        at->plugin.source->close(at->plugin.state, at->object);
    if (at->object && at->plugin.sink)
        at->plugin.sink->abandon(at->plugin.state, at->object, false);
    sluice_store_fini(&at->store);
    sluice_request_fini(&at->request);
    free(at->bytes);
}

/* What both programs are told: a status that would speak of the peer's command line or connection says nothing to it. */
static void settle(sluice_error *why)
{
    if (sluice_status_exit(why->status) != 1)
        why->status = SLUICE_EFAILED;
}

/* ---- the stream's side ---- */

/* On the session's loop: a plugin that waits for something outside must not wait any longer. */
static void on_broken(void *user, bool out, bool in, const sluice_error *why)
{
    joint *at = user;
    const sluice_mover_store *plugin = &at->plugin;
    if (!(plugin->source ? out : in) || at->cause.status != SLUICE_OK)
        return;
    sluice_fail(&at->cause, why->status, "%s", why->text);
    if (plugin->source && plugin->source->interrupt)
        plugin->source->interrupt(plugin->state);
    if (plugin->sink && plugin->sink->interrupt)
        plugin->sink->interrupt(plugin->state);
}

static void watch(joint *at, bool on)
{
    sluice_stream *stream = at->stream;
    pthread_mutex_lock(&stream->lock);
    stream->broken = on ? on_broken : NULL;
    stream->broken_user = at;
    const sluice_error *why = at->plugin.source ? &stream->out_error : &stream->in_error;
    if (on && why->status != SLUICE_OK)
        on_broken(at, true, true, why);
    pthread_mutex_unlock(&stream->lock);
}

/* Why the stream is broken, which is why its plugin was interrupted.  False: it is not. */
static bool is_broken(joint *at, sluice_error *error)
{
    pthread_mutex_lock(&at->stream->lock);
    bool broken = at->cause.status != SLUICE_OK;
    if (broken)
        sluice_fail(error, at->cause.status, "%s", at->cause.text);
    pthread_mutex_unlock(&at->stream->lock);
    return broken;
}

static int stream_failed(const joint *at, sluice_error *error)
{
    const sluice_error *why = sluice_stream_error(at->stream, at->plugin.source == NULL);
    return sluice_fail(error, why->status, "%s", why->text);
}

/* ---- pouring ---- */

static int not_one(const joint *at, sluice_error *error)
{
    return sluice_fail(error, SLUICE_EUSAGE, "%s: comes to several files; a stream is made of one", at->place);
}

/* The only entry of the source, opened.  What comes behind it is looked for before, while it can still be refused. */
static int source_open(joint *at, sluice_error *error)
{
    const sluice_source_ops *ops = at->plugin.source;
    sluice_entry entry = {0};
    int status = ops->next(at->plugin.state, &entry);
    if (status == SLUICE_EEND)
        return sluice_fail(error, SLUICE_ENOENT, "%s: there is nothing to read", at->place);
    if (status != SLUICE_OK)
        return failed(at, status, error);
    if (entry.type != SLUICE_ENTRY_FILE)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: is no file; a stream is made of one", at->place);
    uint32_t operand = entry.operand;
    char *name = strdup(entry.name);
    if (!name)
        return no_memory(error);
    status = ops->next(at->plugin.state, &entry);
    if (status == SLUICE_OK)
        status = not_one(at, error);
    else if (status != SLUICE_EEND)
        failed(at, status, error);
    if (status == SLUICE_EEND) {
        status = ops->open(at->plugin.state, name, operand, &at->object, &at->size);
        if (status != SLUICE_OK)
            failed(at, status, error);
    }
    free(name);
    return status;
}

static int source_make(joint *at, sluice *instance, sluice_error *error)
{
    sluice_place place;
    int status = sluice_place_parse(instance->registry, SLUICE_SOURCE, at->place, &place, error);
    if (status != SLUICE_OK)
        return status;
    status = place.file ? sluice_request_operand_add(&at->request, &(sluice_operand){.path = place.argument})
                        : sluice_request_argument_set(&at->request, place.argument);
    if (status != SLUICE_OK)
        return no_memory(error);
    status = sluice_store_source(instance, place.plugin, NULL, &at->request, 1, at->stream->drop_behind, &at->store,
                                 error);
    if (status == SLUICE_OK)
        at->plugin = sluice_store_open(&at->store);
    return status;
}

static int64_t source_read(const joint *at)
{
    struct iovec buffer = {.iov_base = at->bytes, .iov_len = PIECE_BYTES};
    sluice_completion *completion = at->plugin.completion_new(at->plugin.user);
    if (!completion)
        return SLUICE_ENOMEM;
    int64_t got = at->plugin.source->read(at->plugin.state, at->object, at->at, &buffer, 1, completion);
    got = answer(at, completion, got);
    return got > PIECE_BYTES ? SLUICE_EPLUGIN : got;
}

/* As much as the source has at a time, so that nothing waits for more. */
static int pour_all(joint *at, sluice_error *error)
{
    const sluice_source_ops *ops = at->plugin.source;
    int64_t got;
    while ((got = source_read(at)) > 0) {
        if (sluice_stream_write(at->stream, at->bytes, (size_t)got) != got)
            return stream_failed(at, error);
        at->at += (uint64_t)got;
    }
    if (got < 0)
        return failed(at, got, error);
    int status = ops->unchanged ? ops->unchanged(at->plugin.state, at->object) : SLUICE_OK;
    return status == SLUICE_OK ? SLUICE_OK : failed(at, status, error);
}

static int pour(joint *at, sluice *instance, sluice_error *error)
{
    int status = source_make(at, instance, error);
    if (status != SLUICE_OK)
        return status;
    watch(at, true);
    status = source_open(at, error);
    if (status == SLUICE_OK)
        status = pour_all(at, error);
    watch(at, false);
    if (status == SLUICE_OK &&
        (sluice_stream_finish(at->stream) != SLUICE_OK || sluice_stream_verify(at->stream) != SLUICE_OK))
        status = stream_failed(at, error);
    return status;
}

int sluice_stream_pour(sluice *instance, const char *source, sluice_stream *stream, sluice_error *error)
{
    joint at;
    pipe_guard guard;
    sluice_error why = {0};
    if (!stream->writes)
        return sluice_fail(error, SLUICE_EINVAL, "a stream that is for reading only cannot take what a source has");
    guard_begin(&guard);
    int status = joint_begin(&at, instance, stream, source, &why);
    if (status == SLUICE_OK)
        status = pour(&at, instance, &why);
    if (status != SLUICE_OK) {
        if (!is_broken(&at, &why))
            settle(&why);
        sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_OUT, why.status, why.text);
    }
    joint_end(&at);
    guard_end(&guard);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, why.status, "%s", why.text);
}

/* ---- filling ---- */

static int sink_make(joint *at, sluice *instance, sluice_error *error)
{
    sluice_place place;
    int status = sluice_place_parse(instance->registry, SLUICE_SINK, at->place, &place, error);
    if (status == SLUICE_OK)
        status = sluice_store_sink(instance, place.plugin, NULL, place.argument, &at->request, 1, at->stream->drop_behind,
                                   &at->store, error);
    if (status == SLUICE_OK)
        at->plugin = sluice_store_open(&at->store);
    return status;
}

/* The stream's name where it can be a file's: for a sink that is a directory. */
static const char *entry_name(const sluice_stream *stream)
{
    const char *name = stream->name;
    bool plain = name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    return plain ? name : "stream";
}

/* A sink is opened when there is something to be written, or the end: a stream that is refused leaves no traces. */
static int sink_open(joint *at, sluice_error *error)
{
    const sluice_entry entry = {
        .type = SLUICE_ENTRY_FILE,
        .name = entry_name(at->stream),
        .size = SLUICE_UNKNOWN,
        .mode = UINT32_MAX,
        .mtime_ns = INT64_MIN,
        .atime_ns = INT64_MIN,
        .uid = UINT32_MAX,
        .gid = UINT32_MAX,
    };
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    uint64_t have = 0;
    if (at->object)
        return SLUICE_OK;
    int status = at->plugin.sink->prepare(at->plugin.state, &entry, false, &verdict, &at->object, &have);
    if (status != SLUICE_OK) {
        at->object = NULL;
        return failed(at, status, error);
    }
    return verdict == SLUICE_SINK_WRITE ? SLUICE_OK
                                        : sluice_fail(error, SLUICE_EPLUGIN, "%s: takes no stream", at->place);
}

static int sink_write(joint *at, size_t count, sluice_error *error)
{
    struct iovec buffer = {.iov_base = at->bytes, .iov_len = count};
    sluice_completion *completion = at->plugin.completion_new(at->plugin.user);
    if (!completion)
        return no_memory(error);
    int64_t put = at->plugin.sink->write(at->plugin.state, at->object, at->at, &buffer, 1, completion);
    put = answer(at, completion, put);
    if (put >= 0 && put != (int64_t)count)
        return sluice_fail(error, SLUICE_EPLUGIN, "%s: took a part of what was written", at->place);
    at->at += count;
    return put >= 0 ? SLUICE_OK : failed(at, put, error);
}

static int sink_commit(joint *at, sluice_error *error)
{
    sluice_completion *completion = at->plugin.completion_new(at->plugin.user);
    if (!completion)
        return no_memory(error);
    int64_t status = at->plugin.sink->commit(at->plugin.state, at->object, at->at, completion);
    status = answer(at, completion, status);
    at->object = NULL;
    if (status >= 0)
        status = at->plugin.sink->finish(at->plugin.state, NULL, NULL);
    return status >= 0 ? SLUICE_OK : failed(at, status, error);
}

static int fill_all(joint *at, sluice_error *error)
{
    for (;;) {
        int64_t got = sluice_stream_read(at->stream, at->bytes, PIECE_BYTES);
        int status = SLUICE_OK;
        if (got == SLUICE_ESKIPPED) {
            at->skips++;
            continue;
        }
        if (got < 0)
            return stream_failed(at, error);
        status = sink_open(at, error);
        if (status == SLUICE_OK && got > 0)
            status = sink_write(at, (size_t)got, error);
        if (status != SLUICE_OK || got == 0)
            return status != SLUICE_OK ? status : sink_commit(at, error);
    }
}

static void tell_skips(const joint *at)
{
    sluice_stream_statistics figures = {.size = sizeof figures};
    sluice_stream_statistics_get(at->stream, &figures);
    if (at->skips > 0)
        sluice_log_say(at->log, SLUICE_LOG_WARNING, "%s: %llu bytes in %llu places came too late and were left out",
                       at->stream->name[0] ? at->stream->name : "stream", (unsigned long long)figures.skipped_bytes,
                       (unsigned long long)at->skips);
}

static void verdict_wait(sluice_stream *stream, bool waits)
{
    pthread_mutex_lock(&stream->lock);
    stream->verdict_waits = waits;
    pthread_mutex_unlock(&stream->lock);
}

static int fill(joint *at, sluice *instance, sluice_error *error)
{
    int status = sink_make(at, instance, error);
    if (status != SLUICE_OK)
        return status;
    watch(at, true);
    status = fill_all(at, error);
    watch(at, false);
    tell_skips(at);
    return status;
}

/* The writer's verify returns after this. */
static void fill_end(joint *at, int status, sluice_error *why)
{
    sluice_stream *stream = at->stream;
    pthread_mutex_lock(&stream->lock);
    bool judged = stream->judged && stream->verdict == SLUICE_OK;
    pthread_mutex_unlock(&stream->lock);
    if (status != SLUICE_OK && !is_broken(at, why))
        settle(why);
    if (judged)
        sluice_stream_conclude(stream, why->status, why->text);
    else if (status != SLUICE_OK)
        sluice_stream_give_up(stream, SLUICE_STREAM_ABORT_IN, why->status, why->text);
}

int sluice_stream_fill(sluice *instance, sluice_stream *stream, const char *sink, sluice_error *error)
{
    joint at;
    pipe_guard guard;
    sluice_error why = {0};
    if (!stream->reads)
        return sluice_fail(error, SLUICE_EINVAL, "a stream that is for writing only has nothing for a sink");
    guard_begin(&guard);
    verdict_wait(stream, true);
    int status = joint_begin(&at, instance, stream, sink, &why);
    if (status == SLUICE_OK)
        status = fill(&at, instance, &why);
    fill_end(&at, status, &why);
    verdict_wait(stream, false);
    joint_end(&at);
    guard_end(&guard);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, why.status, "%s", why.text);
}

int sluice_stream_place_check(sluice *instance, sluice_kind kind, const char *place, sluice_error *error)
{
    sluice_place found;
    return sluice_place_parse(instance->registry, kind, place, &found, error);
}
