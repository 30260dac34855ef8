/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ssh way, with a shell script in place of ssh: what it is given, what it may do wrong, and that nothing of it
 * stays.
 */
#include "net/complaints.h"
#include "net/ssh.h"
#include "net/words.h"
#include "unit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct net {
    sluice_loop *loop;
    sluice_channel *channel;
    char directory[64], script[128], command[512];
    unsigned ready, messages, closed, lines, answered;
    size_t line_longest;
    char message[4096], line[600], host[300];
    bool free_in_said, no_host;
    sluice_error error;
    unsigned descriptors; /* before */
} net;

/* ---- what the processes and descriptors say ---- */

static unsigned descriptor_count(void)
{
    unsigned count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

/* Written by the script as its first act. */
static pid_t pid_of(const net *n)
{
    char name[200];
    int pid = 0;
    snprintf(name, sizeof(name), "%s/pid", n->directory);
    FILE *file = fopen(name, "r");
    if (file && fscanf(file, "%d", &pid) != 1)
        pid = 0;
    if (file)
        fclose(file);
    return pid;
}

static bool text_read(const net *n, const char *which, char *out, size_t room)
{
    char name[200];
    snprintf(name, sizeof(name), "%s/%s", n->directory, which);
    FILE *file = fopen(name, "r");
    size_t got = file ? fread(out, 1, room - 1, file) : 0;
    out[got] = '\0';
    if (file)
        fclose(file);
    return file != NULL;
}

/* ---- calls ---- */

static void on_ready(void *user)
{
    ((net *)user)->ready++;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    net *n = user;
    n->messages++;
    snprintf(n->message, sizeof(n->message), "%.*s", (int)count, (char *)bytes);
}

static void on_closed(void *user, const sluice_error *error)
{
    net *n = user;
    n->closed++;
    n->error = *error;
}

static const sluice_channel_calls calls = {.ready = on_ready, .message = on_message, .closed = on_closed};

static void on_said(void *user, const char *line)
{
    net *n = user;
    size_t bytes = strlen(line);
    n->lines++;
    n->line_longest = bytes > n->line_longest ? bytes : n->line_longest;
    snprintf(n->line, sizeof(n->line), "%s", line);
    if (n->free_in_said) {
        sluice_channel_free(n->channel);
        n->channel = NULL;
    }
}

static void on_answered(void *user, const char *host)
{
    net *n = user;
    n->answered++;
    n->no_host = !host;
    snprintf(n->host, sizeof(n->host), "%s", host ? host : "");
}

/* ---- a script in place of ssh ---- */

/* name: what the program is called, which decides what it is taken for. */
static void net_open(net *n, const char *name, const char *body)
{
    memset(n, 0, sizeof(*n));
    snprintf(n->directory, sizeof(n->directory), "/tmp/sluice ssh XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(n->directory));
    snprintf(n->script, sizeof(n->script), "%s/%s", n->directory, name);
    snprintf(n->command, sizeof(n->command), "'%s'", n->script);
    FILE *file = fopen(n->script, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fprintf(file,
            "#!/bin/sh\n"
            "here='%s'\n"
            "echo $$ > \"$here/pid\"\n"
            "marker() { printf '",
            n->directory);
    for (size_t i = 0; i < SLUICE_PIPE_MARKER_BYTES; i++)
        fprintf(file, "\\%03o", sluice_pipe_marker[i]);
    fprintf(file, "'; }\n%s\n", body);
    fclose(file);
    CU_ASSERT_EQUAL_FATAL(chmod(n->script, 0700), 0);
    n->descriptors = descriptor_count();
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&n->loop, NULL), SLUICE_OK);
}

static void start_with(net *n, const sluice_ssh_setup *setup)
{
    sluice_error error = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_ssh_start(&n->channel, n->loop, setup, &calls, n, &error), SLUICE_OK);
}

static void start(net *n)
{
    sluice_ssh_setup setup = {.command = n->command, .target = "host", .said = on_said, .said_user = n};
    start_with(n, &setup);
}

/* Nothing is left: no descriptor, no process, no zombie. */
static void net_close(net *n)
{
    pid_t pid = pid_of(n);
    sluice_channel_free(n->channel);
    sluice_loop_free(n->loop);
    CU_ASSERT_EQUAL(descriptor_count(), n->descriptors);
    CU_ASSERT(pid == 0 || (kill(pid, 0) < 0 && errno == ESRCH));
    CU_ASSERT_EQUAL(waitpid(-1, NULL, WNOHANG), -1);
    CU_ASSERT_EQUAL(errno, ECHILD);
    DIR *list = opendir(n->directory);
    for (struct dirent *entry; (entry = readdir(list));)
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    closedir(list);
    CU_ASSERT_EQUAL(rmdir(n->directory), 0);
}

static void until(net *n, const unsigned *counter, unsigned value)
{
    for (sluice_time latest = sluice_loop_refresh(n->loop) + 20 * SLUICE_SECOND;
         *counter < value && sluice_loop_refresh(n->loop) < latest;)
        CU_ASSERT_EQUAL(sluice_loop_step(n->loop, SLUICE_SECOND, NULL), SLUICE_OK);
    CU_ASSERT(*counter >= value);
}

/* ---- what goes well ---- */

static void remote_sluice_speaks(void)
{
    net n;
    net_open(&n, "remote",
             "echo 'Welcome to this host'\n"
             "marker\n"
             "exec cat"); /* what we send comes back, frames and all */
    start(&n);
    CU_ASSERT_EQUAL(sluice_channel_send(n.channel, "hello", 5), SLUICE_OK);
    until(&n, &n.messages, 1);
    CU_ASSERT_EQUAL(n.ready, 1);
    CU_ASSERT_STRING_EQUAL(n.message, "hello");
    CU_ASSERT_STRING_EQUAL(sluice_channel_guard(n.channel), "ssh");
    sluice_channel_finish(n.channel);
    until(&n, &n.closed, 1);
    CU_ASSERT_EQUAL(n.error.status, SLUICE_ECLOSED);
    net_close(&n);
}

/* One argument a line, as the program got them. */
#define NOTE_ARGUMENTS "for word; do echo \"<$word>\"; done > \"$here/words\"; marker; exec cat >/dev/null"

static void program_gets_words_and_nothing_else(void)
{
    net n;
    char words[1000], command[600];
    net_open(&n, "remote", NOTE_ARGUMENTS);
    snprintf(command, sizeof(command), "%s -p 22 -i '/a key/of mine' -o \"User=a b\"c  ''", n.command);
    sluice_ssh_setup setup = {.command = command, .target = "user@host", .remote = "/opt/it's here/sluice"};
    start_with(&n, &setup);
    until(&n, &n.ready, 1);
    CU_ASSERT(text_read(&n, "words", words, sizeof(words)));
    CU_ASSERT_STRING_EQUAL(words, "<-p>\n<22>\n<-i>\n</a key/of mine>\n<-o>\n<User=a bc>\n<>\n<-->\n<user@host>\n"
                                  "</opt/it's here/sluice>\n<serve>\n<--stdio>\n");
    net_close(&n);

    net_open(&n, "ssh", NOTE_ARGUMENTS); /* ssh itself is kept from meddling */
    start(&n);
    until(&n, &n.ready, 1);
    CU_ASSERT(text_read(&n, "words", words, sizeof(words)));
    CU_ASSERT_STRING_EQUAL(words, "<-T>\n<-x>\n<-oClearAllForwardings=yes>\n<-oRemoteCommand=none>\n<-->\n<host>\n"
                                  "<sluice>\n<serve>\n<--stdio>\n");
    net_close(&n);
}

static void process_read(pid_t pid, const char *which, char *out, size_t room)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/%s", (int)pid, which);
    FILE *file = fopen(name, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    out[fread(out, 1, room - 1, file)] = '\0';
    fclose(file);
}

/* The signals that a process ignores; bit 0 is signal 1. */
static unsigned long long ignored_by(pid_t pid)
{
    char text[4096];
    process_read(pid, "status", text, sizeof(text));
    const char *line = strstr(text, "SigIgn:");
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    return strtoull(line + 7, NULL, 16);
}

static void child_has_three_descriptors_and_plain_signals(void)
{
    net n;
    char text[4096], name[64];
    sigset_t blocked, before;
    int leaky = open("/dev/null", O_RDONLY); /* without close-on-exec, as applications have them */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGPIPE);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN); /* as many applications have it */
    net_open(&n, "remote", "marker; exec cat");
    start(&n);
    sigprocmask(SIG_SETMASK, &before, NULL);
    CU_ASSERT_EQUAL(sluice_channel_send(n.channel, "hello", 5), SLUICE_OK);
    until(&n, &n.messages, 1); /* so it is cat by now, and the shell's own descriptors are gone */
    snprintf(name, sizeof(name), "/proc/%d/fd", (int)pid_of(&n));
    DIR *list = opendir(name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        count += entry->d_name[0] != '.';
    closedir(list);
    CU_ASSERT_EQUAL(count, 3);
    process_read(pid_of(&n), "status", text, sizeof(text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "SigBlk:\t0000000000000000"));
    /* SIGINT is ignored, because Ctrl-C at the terminal is for us, and SIGPIPE is not; the rest is inherited (nohup).
     */
    unsigned long long expected = ignored_by(getpid()) | 1ULL << (SIGINT - 1);
    CU_ASSERT_EQUAL(ignored_by(pid_of(&n)), expected & ~(1ULL << (SIGPIPE - 1)));
    signal(SIGPIPE, SIG_DFL);
    net_close(&n);
    close(leaky);
}

static void query_tells_the_host(void)
{
    net n;
    sluice_ssh_query *query;
    char words[300], command[600];
    net_open(&n, "ssh",
             "for word; do echo \"<$word>\"; done > \"$here/words\"\n"
             "printf 'user me\\nhostname 192.0.2.7\\nport 22\\n'");
    snprintf(command, sizeof(command), "%s -F file", n.command);
    CU_ASSERT_EQUAL_FATAL(sluice_ssh_query_new(&query, n.loop, command, "alias", on_answered, &n, NULL), SLUICE_OK);
    until(&n, &n.answered, 1);
    CU_ASSERT_STRING_EQUAL(n.host, "192.0.2.7");
    CU_ASSERT(text_read(&n, "words", words, sizeof(words)));
    CU_ASSERT_STRING_EQUAL(words, "<-F>\n<file>\n<-G>\n<-->\n<alias>\n");
    sluice_ssh_query_free(query);
    net_close(&n);

    net_open(&n, "ssh", "echo 'nothing of use'; exit 1");
    CU_ASSERT_EQUAL_FATAL(sluice_ssh_query_new(&query, n.loop, n.command, "alias", on_answered, &n, NULL), SLUICE_OK);
    until(&n, &n.answered, 1);
    CU_ASSERT(n.no_host);
    sluice_ssh_query_free(query);
    net_close(&n);

    net_open(&n, "other", "echo hostname wrong"); /* who knows what this makes of -G: it is not run */
    CU_ASSERT_EQUAL_FATAL(sluice_ssh_query_new(&query, n.loop, n.command, "alias", on_answered, &n, NULL), SLUICE_OK);
    until(&n, &n.answered, 1);
    CU_ASSERT(n.no_host);
    CU_ASSERT_EQUAL(pid_of(&n), 0);
    sluice_ssh_query_free(query);
    net_close(&n);

    net_open(&n, "ssh", "exec sleep 1000"); /* given up in mid-way */
    CU_ASSERT_EQUAL_FATAL(sluice_ssh_query_new(&query, n.loop, n.command, "alias", on_answered, &n, NULL), SLUICE_OK);
    sluice_ssh_query_free(query);
    CU_ASSERT_EQUAL(n.answered, 0);
    net_close(&n);
}

/* ---- what goes wrong ---- */

typedef struct failure {
    const char *body;
    int status;
    const char *parts[3]; /* of the sentence */
} failure;

static void failures_are_explained(void)
{
    static const failure rows[] = {
        {"echo 'sh: 1: sluice: not found' >&2; exit 127",
         SLUICE_ECONNECT,
         {"sluice was not found on host", "sh: 1: sluice: not found", "--remote-command"}},
        {"echo 'sh: 1: sluice: Permission denied' >&2; exit 126",
         SLUICE_ECONNECT,
         {"sluice cannot be run on host", "Permission denied", "--remote-command"}},
        {"exit 127", SLUICE_ECONNECT, {"sluice was not found on host", "(the remote shell said: nothing)"}},
        {"echo 'banner' >&2; echo 'me@host: Permission denied (publickey,password).' >&2; exit 255",
         SLUICE_EAUTH,
         {"host", "me@host: Permission denied (publickey,password).", "`ssh host`"}},
        {"echo 'Host key verification failed.' >&2; exit 255", SLUICE_EAUTH, {"host", "Host key verification failed."}},
        {"echo 'ssh: Could not resolve hostname host: Name or service not known' >&2; exit 255",
         SLUICE_ECONNECT,
         {"ssh does not reach host", "Could not resolve hostname host"}},
        {"echo 'ssh: connect to host host port 22: Connection refused' >&2; exit 255",
         SLUICE_ECONNECT,
         {"ssh does not reach host", "Connection refused"}},
        {"echo 'ssh: connect to host host port 22: Connection timed out' >&2; echo 'bye' >&2; exit 255",
         SLUICE_ECONNECT,
         {"ssh does not reach host", "Connection timed out"}},
        {"exit 255", SLUICE_ECONNECT, {"ssh does not reach host", "does not say why"}},
        {"echo 'out of paper' >&2; exit 3",
         SLUICE_ECONNECT,
         {"exit status 3", "before sluice answered", "out of paper"}},
        {"echo 'This account is not available.'; exit 1",
         SLUICE_ECONNECT,
         {"exit status 1", "This account is not available."}},
        {"kill -9 $$", SLUICE_ECONNECT, {"ended by signal 9"}},
        {"marker; echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255",
         SLUICE_EIO,
         {"the ssh connection to host ended", "Broken pipe"}},
        {"marker; exit 6", SLUICE_ECLOSED, {"host"}},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        net n;
        net_open(&n, "remote", rows[i].body);
        start(&n);
        until(&n, &n.closed, 1);
        CU_ASSERT_EQUAL(n.error.status, rows[i].status);
        for (size_t part = 0; part < 3 && rows[i].parts[part]; part++) {
            bool found = strstr(n.error.text, rows[i].parts[part]) != NULL;
            CU_ASSERT(found);
            if (!found)
                fprintf(stderr, "row %zu: \"%s\" has no \"%s\"\n", i, n.error.text, rows[i].parts[part]);
        }
        net_close(&n);
    }
}

static void wrong_use_is_told_before_anything_runs(void)
{
    static const struct {
        const char *command, *target;
        int status;
        const char *part;
    } rows[] = {
        {NULL, "-oProxyCommand=touch /tmp/x", SLUICE_EUSAGE, "begin with '-'"},
        {NULL, "user@-oProxyCommand=x", SLUICE_EUSAGE, "begin with '-'"},
        {NULL, "", SLUICE_EUSAGE, "empty"},
        {NULL, "user@", SLUICE_EUSAGE, "empty"},
        {NULL, "a b", SLUICE_EUSAGE, "blanks"},
        {NULL, "a\nb", SLUICE_EUSAGE, "blanks"},
        {"ssh -i 'key", "host", SLUICE_EUSAGE, "quote"},
        {"  ", "host", SLUICE_EUSAGE, "no program"},
        {"'' x", "host", SLUICE_EUSAGE, "no program"},
        {"/nonexistent/ssh", "host", SLUICE_ECONNECT, "cannot run /nonexistent/ssh"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        net n;
        sluice_error error = {0};
        net_open(&n, "unused", "");
        sluice_ssh_setup setup = {.command = rows[i].command, .target = rows[i].target};
        CU_ASSERT_EQUAL(sluice_ssh_start(&n.channel, n.loop, &setup, &calls, &n, &error), rows[i].status);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i].part));
        net_close(&n);
    }
}

static void hanging_remote_runs_into_the_time_limit(void)
{
    net n;
    net_open(&n, "remote", "exec sleep 1000");
    sluice_ssh_setup setup = {.command = n.command, .target = "host", .timeout_ns = 100 * SLUICE_MS};
    start_with(&n, &setup);
    until(&n, &n.closed, 1);
    CU_ASSERT_EQUAL(n.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.error.text, "ssh host: sluice did not answer"));
    net_close(&n); /* which also sees that the sleeper is gone */
}

static void child_is_ended_with_the_channel(void)
{
    net n;
    net_open(&n, "remote", "marker; exec sleep 1000");
    start(&n);
    until(&n, &n.ready, 1);
    CU_ASSERT(pid_of(&n) > 0);
    net_close(&n);

    net_open(&n, "remote", "trap '' TERM; marker; while :; do sleep 1; done"); /* it takes more than a word */
    start(&n);
    until(&n, &n.ready, 1);
    net_close(&n);

    net_open(&n, "remote", "exec sleep 1000"); /* at once */
    start(&n);
    net_close(&n);
}

/* What ssh leaves behind may hold its stdout and stderr open; the end of ssh itself is what counts. */
static void what_ssh_leaves_behind_is_not_waited_for(void)
{
    net n;
    char text[32];
    net_open(&n, "remote", "sleep 1000 & echo $! > \"$here/sleeper\"; echo 'me@host: Permission denied' >&2; exit 255");
    start(&n);
    until(&n, &n.closed, 1);
    CU_ASSERT_EQUAL(n.error.status, SLUICE_EAUTH);
    CU_ASSERT(text_read(&n, "sleeper", text, sizeof(text)));
    CU_ASSERT(atoi(text) > 1 && kill(atoi(text), SIGTERM) == 0);
    net_close(&n);
}

static void what_ssh_says_is_passed_on(void)
{
    net n;
    net_open(&n, "remote",
             "printf 'one\\ntwo\\r\\nth\\033[31mree\\tx\\302\\233y\\303\\251\\n\\nno newline' >&2; marker; exec cat "
             ">/dev/null");
    start(&n);
    until(&n, &n.lines, 3);
    CU_ASSERT_STRING_EQUAL(n.line, "th?[31mree x??y\303\251");
    until(&n, &n.ready, 1);
    sluice_channel_finish(n.channel);
    until(&n, &n.closed, 1);
    CU_ASSERT_EQUAL(n.lines, 4);
    CU_ASSERT_STRING_EQUAL(n.line, "no newline");
    net_close(&n);

    net_open(&n, "remote", "echo one >&2; exec sleep 1000");
    n.free_in_said = true;
    start(&n);
    until(&n, &n.lines, 1);
    CU_ASSERT_PTR_NULL(n.channel);
    net_close(&n);
}

static void flood_of_words_is_bounded(void)
{
    net n;
    net_open(&n, "remote",
             "marker; head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2\n"
             "i=0; while [ $i -lt 3000 ]; do echo line $i >&2; i=$((i+1)); done\n"
             "exec cat"); /* it answers only when all was read */
    start(&n);
    CU_ASSERT_EQUAL(sluice_channel_send(n.channel, "hello", 5), SLUICE_OK);
    until(&n, &n.messages, 1);
    CU_ASSERT_EQUAL(n.line_longest, 511);
    sluice_channel_finish(n.channel);
    until(&n, &n.closed, 1);
    CU_ASSERT_EQUAL(n.lines, 3001);
    CU_ASSERT_STRING_EQUAL(n.line, "line 2999");
    net_close(&n);
}

/* ---- words ---- */

static void words_are_cut_at_blanks(void)
{
    static const struct {
        const char *command;
        const char *words[5];
    } rows[] = {
        {"ssh", {"ssh"}},        {"  ssh\t-v  ", {"ssh", "-v"}},
        {"a'b c'd", {"ab cd"}},  {"\"a 'b\" 'c \"d'", {"a 'b", "c \"d"}},
        {"a\\ b", {"a\\", "b"}}, {"a ''", {"a", ""}},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_words words = {0};
        size_t count = 0;
        CU_ASSERT_EQUAL(sluice_words_split(&words, rows[i].command, NULL), SLUICE_OK);
        for (; rows[i].words[count] && count < words.count; count++)
            CU_ASSERT_STRING_EQUAL(words.list[count], rows[i].words[count]);
        CU_ASSERT_EQUAL(words.count, count);
        CU_ASSERT_PTR_NULL(rows[i].words[count]);
        CU_ASSERT_PTR_NULL(words.list[count]);
        sluice_words_fini(&words);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"remote sluice speaks", remote_sluice_speaks},
        {"program gets words and nothing else", program_gets_words_and_nothing_else},
        {"child has three descriptors and plain signals", child_has_three_descriptors_and_plain_signals},
        {"query tells the host", query_tells_the_host},
        {"failures are explained", failures_are_explained},
        {"wrong use is told before anything runs", wrong_use_is_told_before_anything_runs},
        {"hanging remote runs into the time limit", hanging_remote_runs_into_the_time_limit},
        {"child is ended with the channel", child_is_ended_with_the_channel},
        {"what ssh leaves behind is not waited for", what_ssh_leaves_behind_is_not_waited_for},
        {"what ssh says is passed on", what_ssh_says_is_passed_on},
        {"flood of words is bounded", flood_of_words_is_bounded},
        {"words are cut at blanks", words_are_cut_at_blanks},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_ssh", tests);
}
