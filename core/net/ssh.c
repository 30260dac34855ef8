/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ssh.h"

#include "net/child.h"
#include "net/complaints.h"
#include "net/pipe_keeper.h"
#include "net/words.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS (2 * SLUICE_SECOND) /* for what is still to come, once one of pipes and process has ended */
#define QUERY_NS (10 * SLUICE_SECOND)
#define QUERY_BYTES 65536
#define NOT_FOUND 127 /* exit status of a shell */
#define NOT_RUN 126
#define OWN_FAILURE 255 /* of ssh */

typedef struct ssh {
    sluice_loop *loop;
    sluice_channel *channel;
    sluice_child *child;
    sluice_complaints *complaints; /* its stderr */
    sluice_timer *patience;
    char target[SLUICE_ADDRESS_HOST];
    bool exited, held, told; /* held: the pipes have ended, their owner was not told yet */
    int result;
    sluice_error why; /* what the pipes know */
} ssh;

/* ---- why it ended ---- */

static void explain_own_failure(const ssh *s, const char *line, sluice_error *out)
{
    if (sluice_complaints_is_denial(line))
        sluice_fail(out, SLUICE_EAUTH, "ssh does not get in at %s: %s - does `ssh %s` work?", s->target, line,
                    s->target);
    else
        sluice_fail(out, SLUICE_ECONNECT, "ssh does not reach %s: %s", s->target, *line ? line : "it does not say why");
}

static void explain_silence(const ssh *s, const char *line, sluice_error *out)
{
    char noise[SLUICE_PIPE_NOISE_TEXT];
    if (!*line)
        line = sluice_pipe_noise(s->channel, noise);
    if (s->result == NOT_FOUND || s->result == NOT_RUN)
        sluice_fail(out, SLUICE_ECONNECT,
                    "sluice %s on %s (the remote shell said: %s): install it there, or name it with --remote-command",
                    s->result == NOT_FOUND ? "was not found" : "cannot be run", s->target, *line ? line : "nothing");
    else if (s->result == OWN_FAILURE)
        explain_own_failure(s, line, out);
    else if (s->result < 0)
        sluice_fail(out, SLUICE_ECONNECT, "ssh %s was ended by signal %d before sluice answered there", s->target,
                    -s->result);
    else
        sluice_fail(out, SLUICE_ECONNECT, "ssh %s: exit status %d before sluice answered there%s%s", s->target,
                    s->result, *line ? ": " : "", line);
}

/* What the pipes know, or better.  Of a program that sluice was it is the session that says how it ended. */
static void explain(const ssh *s, sluice_error *out)
{
    const char *line = sluice_complaints_last(s->complaints);
    *out = s->why;
    if (!s->exited || s->result == SLUICE_CHILD_UNKNOWN)
        return;
    if (!sluice_pipe_has_spoken(s->channel))
        explain_silence(s, line, out);
    else if (s->result == OWN_FAILURE || s->result < 0)
        sluice_fail(out, SLUICE_EIO, "the ssh connection to %s ended: %s", s->target,
                    *line ? line : "it does not say why");
}

/* The last thing that is done: the owner may free the channel. */
static void conclude(ssh *s)
{
    sluice_error error;
    if (s->told)
        return;
    s->told = true;
    explain(s, &error);
    sluice_timer_set(s->patience, SLUICE_NEVER);
    sluice_pipe_end(s->channel, &error);
}

static void patience_over(void *user, sluice_time now)
{
    (void)now;
    ssh *s = user;
    if (s->held)
        conclude(s);
    else
        sluice_pipe_cut(s->channel); /* somebody that ssh has left behind holds its stdout open */
}

static bool pipe_ended(void *user, const sluice_error *error, bool by_peer)
{
    ssh *s = user;
    if (s->told || !by_peer)
        return false;
    s->held = true;
    s->why = *error;
    sluice_timer_set(s->patience, sluice_loop_now(s->loop) + (s->exited ? 0 : PATIENCE_NS));
    return true;
}

static void child_ended(void *user, int result)
{
    ssh *s = user;
    s->exited = true;
    s->result = result;
    /* What it said last; its end may never come, because a connection that ssh shares with later ones holds it open. */
    if (!sluice_complaints_drain(s->complaints))
        return;
    if (s->held)
        conclude(s);
    else
        sluice_timer_set(s->patience, sluice_loop_now(s->loop) + PATIENCE_NS);
}

static void ssh_free(ssh *s)
{
    sluice_child_free(s->child);
    sluice_complaints_free(s->complaints);
    sluice_timer_free(s->patience);
    free(s);
}

static void pipe_left(void *user)
{
    ssh_free(user);
}

static const sluice_pipe_keeper keeper = {.ended = pipe_ended, .left = pipe_left};

/* ---- the command ---- */

static bool is_ssh(const char *program)
{
    const char *slash = strrchr(program, '/');
    return strcmp(slash ? slash + 1 : program, "ssh") == 0;
}

static int check_target(const char *target, sluice_error *error)
{
    const char *at = strrchr(target, '@');
    if (!*target || *target == '-' || (at && (!at[1] || at[1] == '-')))
        return sluice_fail(error, SLUICE_EUSAGE, "\"%s\": the name of a host that ssh connects to must not %s", target,
                           *target && !(at && !at[1]) ? "begin with '-'" : "be empty");
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return sluice_fail(error, SLUICE_EUSAGE,
                               "the name of a host that ssh connects to has no blanks and control characters");
    return SLUICE_OK;
}

static int command_make(sluice_words *words, const char *command, const char *target, sluice_error *error)
{
    int status = check_target(target, error);
    if (status == SLUICE_OK)
        status = sluice_words_split(words, command ? command : "ssh", error);
    return status;
}

static int words_for_start(sluice_words *words, const sluice_ssh_setup *setup, sluice_error *error)
{
    /* Behind the user's own: ssh takes the first of two. */
    static const char *const options[] = {"-T", "-x", "-oClearAllForwardings=yes", "-oRemoteCommand=none"};
    int status = command_make(words, setup->command, setup->target, error);
    if (status != SLUICE_OK)
        return status;
    for (size_t i = 0; i < SLUICE_COUNT(options) && is_ssh(words->list[0]); i++)
        sluice_words_add(words, options[i]);
    sluice_words_add(words, "--");
    sluice_words_add(words, setup->target);
    sluice_words_add(words, setup->remote ? setup->remote : "sluice");
    sluice_words_add(words, "serve");
    sluice_words_add(words, "--stdio");
    return words->failed ? sluice_fail(error, SLUICE_ENOMEM, "out of memory to run ssh") : SLUICE_OK;
}

/* ---- the start ---- */

/* The ends of three pipes: [way][0] is ours, [way][1] the child's. */
typedef struct plumbing {
    int ends[3][2];
} plumbing;

static int plumbing_open(plumbing *pipes, sluice_error *error)
{
    int status = SLUICE_OK;
    memset(pipes, 0xff, sizeof(*pipes));
    for (int way = 0; way < 3 && status == SLUICE_OK; way++) {
        int ends[2];
        status = sluice_child_pipe(ends, error);
        if (status != SLUICE_OK)
            break;
        pipes->ends[way][0] = ends[way == 0];
        pipes->ends[way][1] = ends[way != 0];
    }
    return status;
}

static void plumbing_close(plumbing *pipes, int side)
{
    for (int way = 0; way < 3; way++) {
        if (pipes->ends[way][side] >= 0)
            close(pipes->ends[way][side]);
        pipes->ends[way][side] = -1;
    }
}

static int take(int *end)
{
    int fd = *end;
    *end = -1;
    return fd;
}

static int child_start(ssh *s, char *const *words, plumbing *pipes, const sluice_ssh_setup *setup, sluice_error *error)
{
    const int descriptors[3] = {pipes->ends[0][1], pipes->ends[1][1], pipes->ends[2][1]};
    int status = sluice_child_new(&s->child, s->loop, words, descriptors, child_ended, s, error);
    plumbing_close(pipes, 1);
    if (status == SLUICE_OK)
        status = sluice_complaints_new(&s->complaints, s->loop, take(&pipes->ends[2][0]), setup->said, setup->said_user,
                                       error);
    return status;
}

static int channel_start(ssh *s, plumbing *pipes, const sluice_ssh_setup *setup, const sluice_channel_calls *calls,
                         void *user, sluice_error *error)
{
    char label[SLUICE_ADDRESS_HOST + 8];
    snprintf(label, sizeof(label), "ssh %s", s->target);
    sluice_pipe_setup channel = {.in = take(&pipes->ends[1][0]),
                                 .out = take(&pipes->ends[0][0]),
                                 .timeout_ns = setup->timeout_ns,
                                 .label = label};
    int status = sluice_pipe_new(&s->channel, s->loop, &channel, calls, user, error);
    if (status == SLUICE_OK)
        sluice_pipe_keep(s->channel, &keeper, s);
    return status;
}

int sluice_ssh_start(sluice_channel **out, sluice_loop *loop, const sluice_ssh_setup *setup,
                     const sluice_channel_calls *calls, void *user, sluice_error *error)
{
    sluice_words words = {0};
    plumbing pipes;
    ssh *s = calloc(1, sizeof(*s));
    if (!s || sluice_timer_new(&s->patience, loop, patience_over, s) != SLUICE_OK) {
        free(s);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to run ssh");
    }
    s->loop = loop;
    snprintf(s->target, sizeof(s->target), "%s", setup->target);
    int status = words_for_start(&words, setup, error);
    memset(&pipes, 0xff, sizeof(pipes));
    if (status == SLUICE_OK)
        status = plumbing_open(&pipes, error);
    if (status == SLUICE_OK)
        status = child_start(s, words.list, &pipes, setup, error);
    if (status == SLUICE_OK)
        status = channel_start(s, &pipes, setup, calls, user, error);
    plumbing_close(&pipes, 0);
    plumbing_close(&pipes, 1);
    sluice_words_fini(&words);
    if (status != SLUICE_OK) {
        ssh_free(s);
        return status;
    }
    *out = s->channel;
    return SLUICE_OK;
}

/* ---- where ssh would connect to ---- */

struct sluice_ssh_query {
    sluice_loop *loop;
    sluice_child *child;
    sluice_watch *watch;
    sluice_timer *timer;
    int fd;
    void (*done)(void *user, const char *host);
    void *user;
    size_t got;
    char bytes[QUERY_BYTES + 1];
};

static void query_answer(sluice_ssh_query *query, const char *host)
{
    sluice_watch_free(query->watch);
    query->watch = NULL;
    sluice_timer_set(query->timer, SLUICE_NEVER);
    query->done(query->user, host);
}

/* The line "hostname NAME" of what ssh prints.  NULL: there is none. */
static char *query_parse(char *bytes)
{
    static const char key[] = "hostname ";
    for (char *line = bytes; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, sizeof(key) - 1) != 0)
            continue;
        char *host = line + sizeof(key) - 1;
        host[strcspn(host, "\r\n")] = '\0';
        return *host ? host : NULL;
    }
    return NULL;
}

static void query_readable(void *user, unsigned directions)
{
    (void)directions;
    sluice_ssh_query *query = user;
    ssize_t got = read(query->fd, query->bytes + query->got, QUERY_BYTES - query->got);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        query->got += (size_t)got;
    if (got > 0 && query->got < QUERY_BYTES)
        return;
    query->bytes[query->got] = '\0';
    query_answer(query, query_parse(query->bytes));
}

static void query_late(void *user, sluice_time now)
{
    (void)now;
    query_answer(user, NULL);
}

/* How it ended does not matter: what it has said is read until the end. */
static void query_child_ended(void *user, int result)
{
    (void)user;
    (void)result;
}

static int query_run(sluice_ssh_query *query, char *const *words, sluice_error *error)
{
    int ends[2], nothing = open("/dev/null", O_RDWR | O_CLOEXEC), low = nothing;
    if (nothing >= 0 && nothing < 3) {
        nothing = fcntl(low, F_DUPFD_CLOEXEC, 3);
        close(low);
    }
    if (nothing < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot open /dev/null: %s", strerror(errno));
    int status = sluice_child_pipe(ends, error);
    if (status == SLUICE_OK) {
        const int descriptors[3] = {nothing, ends[1], nothing};
        query->fd = ends[0];
        status = sluice_child_new(&query->child, query->loop, words, descriptors, query_child_ended, query, error);
        close(ends[1]);
    }
    close(nothing);
    if (status != SLUICE_OK)
        return status;
    if (fcntl(query->fd, F_SETFL, O_NONBLOCK) < 0 ||
        sluice_watch_new(&query->watch, query->loop, query->fd, query_readable, query) != SLUICE_OK ||
        sluice_watch_set(query->watch, SLUICE_WATCH_READ) != SLUICE_OK)
        return sluice_fail(error, SLUICE_EIO, "cannot watch ssh");
    return SLUICE_OK;
}

static int query_start(sluice_ssh_query *query, const char *command, const char *target, sluice_error *error)
{
    sluice_words words = {0};
    sluice_time now = sluice_loop_refresh(query->loop);
    int status = command_make(&words, command, target, error);
    if (status == SLUICE_OK && is_ssh(words.list[0])) {
        sluice_words_add(&words, "-G");
        sluice_words_add(&words, "--");
        sluice_words_add(&words, target);
        status = words.failed ? sluice_fail(error, SLUICE_ENOMEM, "out of memory to run ssh")
                              : query_run(query, words.list, error);
        sluice_timer_set(query->timer, now + QUERY_NS);
    } else {
        sluice_timer_set(query->timer, now);
    }
    sluice_words_fini(&words);
    return status;
}

int sluice_ssh_query_new(sluice_ssh_query **out, sluice_loop *loop, const char *command, const char *target,
                         void (*done)(void *user, const char *host), void *user, sluice_error *error)
{
    sluice_ssh_query *query = calloc(1, sizeof(*query));
    if (!query || sluice_timer_new(&query->timer, loop, query_late, query) != SLUICE_OK) {
        free(query);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to run ssh");
    }
    query->loop = loop;
    query->fd = -1;
    query->done = done;
    query->user = user;
    int status = query_start(query, command, target, error);
    if (status != SLUICE_OK) {
        sluice_ssh_query_free(query);
        return status;
    }
    *out = query;
    return SLUICE_OK;
}

void sluice_ssh_query_free(sluice_ssh_query *query)
{
    if (!query)
        return;
    sluice_watch_free(query->watch);
    if (query->fd >= 0)
        close(query->fd);
    sluice_child_free(query->child);
    sluice_timer_free(query->timer);
    free(query);
}
