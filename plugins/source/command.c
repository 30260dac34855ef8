/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source `command`: what a command writes to its standard output (command:pg_dump db), run by /bin/sh.
 *
 * Its end is the stream's end only if its exit status is 0: else the stream has failed, and nothing gets its name at the
 * other side.  Standard error is ours; standard input is empty.
 */
#include "flow.h"
#include "subshell.h"
#include "sole.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct command_config {
    char *name;
    sluice_duration grace;
} command_config;

static const sluice_option options[] = {
    SLUICE_OPTION_STRING(command_config, name, .def = "command",
                         .help = "Name of the file where the destination is a directory."),
    SLUICE_OPTION_DURATION(command_config, grace, .def = "2s", .max = "1min",
                           .help = "What the command and all that it has started are given to end after SIGTERM, before "
                                   "SIGKILL, when the transfer ends before they do."),
};

typedef struct command_source {
    const sluice_host *host;
    char *command;
    char name[SLUICE_SOLE_NAME];
    sluice_duration grace;
    sluice_bell bell;
    sluice_subshell shell;
    int fd;
    uint64_t at;
    bool listed, opened, ended;
} command_source;

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    const command_config *settings = config;
    command_source *source = state;
    source->host = host;
    source->fd = -1;
    source->grace = settings->grace;
    int status = sluice_sole_own(host, "command", spec->root);
    if (status == SLUICE_OK && (spec->argument == NULL || strspn(spec->argument, " \t") == strlen(spec->argument)))
        return host->fail(host, SLUICE_EUSAGE, "command: says no command; write it behind the colon, as in "
                                               "'command:pg_dump db'");
    if (status == SLUICE_OK)
        status = sluice_sole_name(host, "command", settings->name, "command", source->name);
    if (status == SLUICE_OK && (source->command = sluice_sole_copy(host, spec->argument)) == NULL)
        status = SLUICE_ENOMEM;
    int errnum = status == SLUICE_OK ? sluice_bell_init(&source->bell) : 0;
    if (errnum == 0)
        return status;
    (void)host->resize(host, source->command, 0);
    return host->fail(host, SLUICE_EIO, "command: cannot make an eventfd: %s", strerror(errnum));
}

static void close_object(void *state, void *object)
{
    command_source *source = state;
    (void)object;
    sluice_subshell_end(&source->shell, source->fd, source->grace);
    if (source->fd >= 0)
        (void)close(source->fd);
    source->fd = -1;
}

static void fini(void *state)
{
    command_source *source = state;
    close_object(state, NULL);
    sluice_bell_fini(&source->bell);
    (void)source->host->resize(source->host, source->command, 0);
}

static int next(void *state, sluice_entry *out)
{
    command_source *source = state;
    return sluice_sole_next(&source->listed, source->name, SLUICE_UNKNOWN, out);
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    command_source *source = state;
    const sluice_host *host = source->host;
    (void)operand;
    if (strcmp(name, source->name) != 0 || source->opened)
        return host->fail(host, SLUICE_ENOENT, "command: there is no %.700s, or not any more", name);
    int errnum = sluice_subshell_run(&source->shell, source->command, STDOUT_FILENO, &source->fd);
    if (errnum != 0)
        return host->fail(host, SLUICE_EIO, "command '%.500s': cannot be run: %s", source->command, strerror(errnum));
    source->opened = true;
    *object = source;
    *size = SLUICE_UNKNOWN;
    return SLUICE_OK;
}

static int fail_interrupted(const command_source *source)
{
    return source->host->fail(source->host, SLUICE_ECANCELLED, "command '%.500s': interrupted", source->command);
}

/* It has closed its standard output: only its status says whether that was all. */
static int64_t end(command_source *source)
{
    char words[SLUICE_SUBSHELL_WORDS];
    if (sluice_subshell_wait(&source->shell, &source->bell, -1) != 0)
        return fail_interrupted(source);
    source->ended = sluice_subshell_is_good(&source->shell);
    if (source->ended)
        return 0;
    sluice_subshell_words(&source->shell, words);
    return source->host->fail(source->host, SLUICE_EFAILED, "command '%.500s': %s, after %" PRIu64 " bytes",
                              source->command, words, source->at);
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    command_source *source = state;
    const sluice_host *host = source->host;
    (void)object, (void)completion;
    if (offset != source->at)
        return host->fail(host, SLUICE_EINVAL, "command '%.500s': cannot be read again from byte %" PRIu64,
                          source->command, offset);
    if (source->ended)
        return 0;
    int64_t got = sluice_flow_read(source->fd, &source->bell, buffers, count);
    if (got == -ECANCELED)
        return fail_interrupted(source);
    if (got < 0)
        return host->fail(host, SLUICE_EIO, "command '%.500s': its output cannot be read: %s", source->command,
                          strerror((int)-got));
    source->at += (uint64_t)got;
    return got > 0 ? got : end(source);
}

static void interrupt(void *state)
{
    sluice_bell_ring(&((command_source *)state)->bell);
}

static const sluice_source_ops ops = {
    .init = init,
    .fini = fini,
    .next = next,
    .open = open_object,
    .read = read_object,
    .close = close_object,
    .interrupt = interrupt,
};

SLUICE_PLUGIN_DEFINE(source, command, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "command", .version = "1.0",
                     .summary = "the standard output of a command, which /bin/sh runs", .options = options,
                     .option_count = SLUICE_COUNT(options), .config_size = sizeof(command_config),
                     .state_size = sizeof(command_source), .ops = &ops, .ops_size = sizeof ops);
