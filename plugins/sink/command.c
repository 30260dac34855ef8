/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink `command`: a stream becomes the standard input of a command (command:psql db), run by /bin/sh.
 *
 * It has taken the stream when it ends with status 0 after the stream's end.  A stream that fails is never ended before it:
 * the command is ended, and sees no end of its input.  Its output and standard error are ours.
 */
#include "flow.h"
#include "subshell.h"
#include "sole.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EARLY_MS 1000 /* what one that has closed its input is given to end by itself, and so to say why */

typedef struct command_config {
    sluice_duration grace;
} command_config;

static const sluice_option options[] = {
    SLUICE_OPTION_DURATION(command_config, grace, .def = "2s", .max = "1min",
                           .help = "What the command and all that it has started are given to end after SIGTERM, before "
                                   "SIGKILL, when the transfer fails or is ended."),
};

typedef struct command_sink {
    const sluice_host *host;
    char *command;
    sluice_duration grace;
    sluice_sole sole;
    sluice_bell bell;
    sluice_subshell shell;
    int fd;
    uint64_t at;
} command_sink;

static int init(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec)
{
    const command_config *settings = config;
    command_sink *sink = state;
    sink->host = host;
    sink->fd = -1;
    sink->grace = settings->grace;
    int status = sluice_sole_own(host, "command", spec->root);
    if (status == SLUICE_OK && strspn(spec->destination, " \t") == strlen(spec->destination))
        return host->fail(host, SLUICE_EUSAGE, "command: says no command; write it behind the colon, as in "
                                               "'command:psql db'");
    if (status == SLUICE_OK)
        status = sluice_sole_check(host, "command", spec);
    if (status == SLUICE_OK && (sink->command = sluice_sole_copy(host, spec->destination)) == NULL)
        status = SLUICE_ENOMEM;
    int errnum = status == SLUICE_OK ? sluice_bell_init(&sink->bell) : 0;
    if (errnum == 0)
        return status;
    (void)host->resize(host, sink->command, 0);
    return host->fail(host, SLUICE_EIO, "command: cannot make an eventfd: %s", strerror(errnum));
}

/* The command goes before its input ends, or it would take that for the end of a whole stream. */
static void abandon(void *state, void *object, bool keep)
{
    command_sink *sink = state;
    (void)object, (void)keep;
    sluice_subshell_end(&sink->shell, sink->fd, sink->grace);
    if (sink->fd >= 0)
        (void)close(sink->fd);
    sink->fd = -1;
}

static void fini(void *state)
{
    command_sink *sink = state;
    abandon(state, NULL, false);
    sluice_bell_fini(&sink->bell);
    (void)sink->host->resize(sink->host, sink->command, 0);
}

static int prepare(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have)
{
    command_sink *sink = state;
    const sluice_host *host = sink->host;
    char place[340];
    (void)compared;
    (void)snprintf(place, sizeof place, "command '%.300s'", sink->command);
    int status = sluice_sole_take(&sink->sole, host, place, entry);
    if (status != SLUICE_OK)
        return status;
    int errnum = sluice_subshell_run(&sink->shell, sink->command, STDIN_FILENO, &sink->fd);
    if (errnum != 0)
        return host->fail(host, SLUICE_EIO, "command '%.500s': cannot be run: %s", sink->command, strerror(errnum));
    *verdict = SLUICE_SINK_WRITE;
    *object = sink;
    *have = 0;
    return SLUICE_OK;
}

static int fail_interrupted(const command_sink *sink)
{
    return sink->host->fail(sink->host, SLUICE_ECANCELLED, "command '%.500s': interrupted", sink->command);
}

/* It reads no more, though there is more. */
static int fail_early(command_sink *sink)
{
    char words[SLUICE_SUBSHELL_WORDS];
    int errnum = sluice_subshell_wait(&sink->shell, &sink->bell, EARLY_MS);
    if (errnum == ECANCELED)
        return fail_interrupted(sink);
    sluice_subshell_words(&sink->shell, words);
    return sink->host->fail(sink->host, SLUICE_EFAILED, "command '%.500s': %s before it had read all, after %" PRIu64
                                                        " bytes", sink->command, words, sink->at);
}

static int64_t write_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                            sluice_completion *completion)
{
    command_sink *sink = state;
    const sluice_host *host = sink->host;
    (void)object, (void)completion;
    if (offset != sink->at)
        return host->fail(host, SLUICE_EINVAL, "command '%.500s': byte %" PRIu64 " came when byte %" PRIu64 " was due",
                          sink->command, offset, sink->at);
    int64_t put = sluice_flow_write(sink->fd, &sink->bell, buffers, count, &sink->at);
    if (put == -ECANCELED)
        return fail_interrupted(sink);
    if (put == -EPIPE)
        return fail_early(sink);
    return put >= 0 ? put
                    : host->fail(host, SLUICE_EIO, "command '%.500s': its input cannot be written: %s", sink->command,
                                 strerror((int)-put));
}

/* Nobody reads the pipe any more, and something lies in it. */
static bool has_left_some(const command_sink *sink)
{
    struct pollfd end = {.fd = sink->fd};
    int bytes = 0;
    return poll(&end, 1, 0) > 0 && (end.revents & POLLERR) != 0 && ioctl(sink->fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

/* The command learns that this was all; its status is the stream's. */
static int end(command_sink *sink)
{
    char words[SLUICE_SUBSHELL_WORDS];
    if (has_left_some(sink))
        return fail_early(sink);
    (void)close(sink->fd);
    sink->fd = -1;
    if (sluice_subshell_wait(&sink->shell, &sink->bell, -1) != 0)
        return fail_interrupted(sink);
    if (sluice_subshell_is_good(&sink->shell))
        return SLUICE_OK;
    sluice_subshell_words(&sink->shell, words);
    return sink->host->fail(sink->host, SLUICE_EFAILED, "command '%.500s': %s, after all %" PRIu64 " bytes",
                            sink->command, words, sink->at);
}

static int commit(void *state, void *object, uint64_t size, sluice_completion *completion)
{
    (void)size, (void)completion;
    int status = end(state);
    if (status != SLUICE_OK)
        abandon(state, object, false);
    return status;
}

static int finish(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user)
{
    (void)state, (void)failed, (void)user;
    return SLUICE_OK;
}

static void interrupt(void *state)
{
    sluice_bell_ring(&((command_sink *)state)->bell);
}

static const sluice_sink_ops ops = {
    .init = init,
    .fini = fini,
    .prepare = prepare,
    .write = write_object,
    .commit = commit,
    .abandon = abandon,
    .finish = finish,
    .interrupt = interrupt,
};

SLUICE_PLUGIN_DEFINE(sink, command, SLUICE_SINK, SLUICE_SINK_ABI, .name = "command", .version = "1.0",
                     .summary = "the standard input of a command, which /bin/sh runs", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(command_config),
                     .state_size = sizeof(command_sink), .ops = &ops, .ops_size = sizeof ops);
