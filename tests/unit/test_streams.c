/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources and sinks of one object, with real pipes and processes: what waits can be ended, what fails says why, and
 * nothing is left behind.
 */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LARGE (4u << 20) /* more than any pipe holds */
#define PROMPT_MS 1500   /* ends within; far below what a test waits for in vain */

typedef struct stage {
    store_fixture fixture;
    void *config;
    size_t descriptors; /* before */
} stage;

static const sluice_source_ops *source_of(const stage *at)
{
    return at->fixture.plugin->ops;
}

static const sluice_sink_ops *sink_of(const stage *at)
{
    return at->fixture.plugin->ops;
}

static void stage_load(stage *at, const char *plugin)
{
    *at = (stage){.descriptors = store_descriptors()};
    CU_ASSERT_FATAL(store_fixture_init(&at->fixture, plugin));
    at->config = calloc(1, at->fixture.plugin->config_size + 1);
}

static void stage_unload(stage *at)
{
    CU_ASSERT_EQUAL(at->fixture.live, 0);
    store_fixture_fini(&at->fixture);
    free(at->config);
    CU_ASSERT_EQUAL(store_descriptors(), at->descriptors);
    CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static int source_init(stage *at, const char *argument, const char *root)
{
    const sluice_source_spec spec = {.size = sizeof spec, .root = root, .argument = argument, .threads = 1};
    memset(at->fixture.state, 0, at->fixture.plugin->state_size); /* an earlier one may have failed */
    return source_of(at)->init(at->fixture.state, at->config, &at->fixture.host, &spec);
}

static int sink_init(stage *at, const char *destination, const char *root)
{
    const sluice_sink_spec spec = {.size = sizeof spec,
                                   .root = root,
                                   .destination = destination,
                                   .single = true,
                                   .overwrite = SLUICE_OVERWRITE_ALWAYS,
                                   .threads = 1};
    return sink_of(at)->init(at->fixture.state, at->config, &at->fixture.host, &spec);
}

/* A source whose object is open. */
static void source_begin(stage *at, const char *plugin, const char *argument, void **object, uint64_t *size)
{
    sluice_entry entry;
    stage_load(at, plugin);
    CU_ASSERT_EQUAL_FATAL(source_init(at, argument, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(source_of(at)->next(at->fixture.state, &entry), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(source_of(at)->open(at->fixture.state, entry.name, 0, object, size), SLUICE_OK);
}

static void source_end(stage *at, void *object)
{
    if (object != NULL)
        source_of(at)->close(at->fixture.state, object);
    source_of(at)->fini(at->fixture.state);
    stage_unload(at);
}

static int64_t get(stage *at, void *object, uint64_t offset, char *out, size_t bytes)
{
    const struct iovec buffer = {out, bytes};
    return source_of(at)->read(at->fixture.state, object, offset, &buffer, 1, NULL);
}

static int take(stage *at, void **object)
{
    const sluice_entry entry = {.type = SLUICE_ENTRY_FILE, .name = "some", .size = SLUICE_UNKNOWN};
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    uint64_t have = 0;
    int status = sink_of(at)->prepare(at->fixture.state, &entry, false, &verdict, object, &have);
    if (status == SLUICE_OK)
        CU_ASSERT_EQUAL(verdict, SLUICE_SINK_WRITE);
    return status;
}

static void sink_begin(stage *at, const char *plugin, const char *destination, void **object)
{
    stage_load(at, plugin);
    CU_ASSERT_EQUAL_FATAL(sink_init(at, destination, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(take(at, object), SLUICE_OK);
}

static void sink_end(stage *at, void *object)
{
    if (object != NULL)
        sink_of(at)->abandon(at->fixture.state, object, false);
    sink_of(at)->fini(at->fixture.state);
    stage_unload(at);
}

static int64_t put(stage *at, void *object, uint64_t offset, const char *bytes, size_t count)
{
    const struct iovec buffer = {(void *)(uintptr_t)bytes, count};
    return sink_of(at)->write(at->fixture.state, object, offset, &buffer, 1, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool says(const stage *at, const char *part)
{
    bool found = strstr(at->fixture.sentence, part) != NULL;
    if (!found)
        printf("\n    said '%s', not '%s'\n", at->fixture.sentence, part);
    return found;
}

/* ---- what there is ---- */

static void reads_come_as_they_come(void)
{
    stage at;
    void *object;
    uint64_t size;
    char out[65536];
    store_command("mkfifo pipe");
    source_begin(&at, "source_stdio", "pipe", &object, &size);
    CU_ASSERT_EQUAL(size, SLUICE_UNKNOWN);
    int writer = open("pipe", O_WRONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(write(writer, "abc", 3), 3);
    CU_ASSERT_EQUAL(get(&at, object, 0, out, sizeof out), 3);
    CU_ASSERT_EQUAL(write(writer, "de", 2), 2);
    CU_ASSERT_EQUAL(get(&at, object, 3, out + 3, sizeof out - 3), 2);
    CU_ASSERT_EQUAL(memcmp(out, "abcde", 5), 0);
    CU_ASSERT_EQUAL(get(&at, object, 0, out, sizeof out), SLUICE_EINVAL); /* it cannot go back */
    (void)close(writer);
    CU_ASSERT_EQUAL(get(&at, object, 5, out, sizeof out), 0);
    source_end(&at, object);
}

static void size_of_a_regular_input(void)
{
    static const struct {
        const char *file;
        off_t from;
        uint64_t size;
    } cases[] = {{"numbers", 0, 48894}, {"numbers", 48000, 894}, {"numbers", 50000, SLUICE_UNKNOWN},
                 {"/proc/self/status", 0, SLUICE_UNKNOWN}, {"/sys/kernel/mm/transparent_hugepage/enabled", 0, SLUICE_UNKNOWN}};
    store_command("seq 10000 > numbers");
    int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        stage at;
        void *object;
        uint64_t size;
        char out[65536];
        int fd = open(cases[i].file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue; /* not every kernel has it */
        CU_ASSERT(lseek(fd, cases[i].from, SEEK_SET) == cases[i].from && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
        source_begin(&at, "source_stdio", "", &object, &size);
        CU_ASSERT_EQUAL(size, cases[i].size);
        int64_t got = get(&at, object, 0, out, sizeof out);
        CU_ASSERT(got >= 0 && (size == SLUICE_UNKNOWN || (uint64_t)got == size));
        CU_ASSERT_EQUAL(lseek(STDIN_FILENO, 0, SEEK_CUR), cases[i].from + got);
        source_end(&at, object);
        (void)close(fd);
    }
    CU_ASSERT_EQUAL(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    (void)close(kept);
}

/* ---- interruptions ---- */

typedef struct waiter {
    stage *at;
    void *object;
    char what; /* r w c(ommit) p(repare) */
    int64_t result, took_ms;
} waiter;

static void *wait_in_call(void *argument)
{
    static char bytes[LARGE];
    waiter *self = argument;
    int64_t begun = now_ms();
    switch (self->what) {
    case 'r':
        self->result = get(self->at, self->object, 0, bytes, sizeof bytes);
        break;
    case 'w':
        self->result = put(self->at, self->object, 0, bytes, sizeof bytes);
        break;
    case 'c':
        self->result = sink_of(self->at)->commit(self->at->fixture.state, self->object, 0, NULL);
        break;
    default:
        self->result = take(self->at, &self->object);
        break;
    }
    self->took_ms = now_ms() - begun;
    return NULL;
}

/* A call that would wait for ever is interrupted, and fails so; and so does the next one. */
static void interrupted(stage *at, void *object, char what, void (*interrupt)(void *state))
{
    waiter self = {.at = at, .object = object, .what = what};
    pthread_t thread;
    const struct timespec soon = {.tv_nsec = 30000000}; /* it ought to wait by then; it need not */
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, wait_in_call, &self), 0);
    (void)nanosleep(&soon, NULL);
    interrupt(at->fixture.state);
    (void)pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(self.result, SLUICE_ECANCELLED);
    CU_ASSERT(self.took_ms < PROMPT_MS);
    CU_ASSERT(says(at, "interrupted"));
}

static void waiting_is_interrupted(void)
{
    stage at;
    void *object = NULL;
    uint64_t size;
    char byte;
    store_command("rm -f pipe && mkfifo pipe");
    source_begin(&at, "source_stdio", "pipe", &object, &size); /* without a writer */
    interrupted(&at, object, 'r', source_of(&at)->interrupt);
    CU_ASSERT_EQUAL(get(&at, object, 0, &byte, 1), SLUICE_ECANCELLED);
    source_end(&at, object);

    source_begin(&at, "source_command", "sleep 1000 | cat", &object, &size);
    interrupted(&at, object, 'r', source_of(&at)->interrupt);
    source_end(&at, object);

    source_begin(&at, "source_command", "exec >&-; sleep 1000", &object, &size); /* silent, but not over */
    interrupted(&at, object, 'r', source_of(&at)->interrupt);
    source_end(&at, object);

    stage_load(&at, "sink_stdio"); /* without a reader */
    CU_ASSERT_EQUAL(sink_init(&at, "pipe", NULL), SLUICE_OK);
    interrupted(&at, NULL, 'p', sink_of(&at)->interrupt);
    sink_end(&at, NULL);

    int reader = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    sink_begin(&at, "sink_stdio", "pipe", &object); /* with one that reads nothing */
    interrupted(&at, object, 'w', sink_of(&at)->interrupt);
    sink_end(&at, object);
    (void)close(reader);

    sink_begin(&at, "sink_command", "sleep 1000", &object);
    interrupted(&at, object, 'w', sink_of(&at)->interrupt);
    sink_end(&at, object);

    sink_begin(&at, "sink_command", "cat >/dev/null; sleep 1000", &object);
    interrupted(&at, object, 'c', sink_of(&at)->interrupt);
    sink_end(&at, NULL);
}

/* ---- standard input and output as they were inherited ---- */

static void inherited_flags(void)
{
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        stage at;
        void *object;
        uint64_t size;
        int ends[2], flags = nonblocking ? O_NONBLOCK : 0;
        int in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | flags), 0);
        CU_ASSERT_EQUAL(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
        source_begin(&at, "source_stdio", "", &object, &size);
        interrupted(&at, object, 'r', source_of(&at)->interrupt);
        CU_ASSERT_EQUAL(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, flags);
        source_end(&at, object);
        CU_ASSERT_EQUAL(dup2(in, STDIN_FILENO), STDIN_FILENO);

        /* Nobody reads, and what poll calls writable is less than what is to be written. */
        (void)fflush(stdout);
        sink_begin(&at, "sink_stdio", "", &object);
        sink_end(&at, object);
        CU_ASSERT_EQUAL(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
        sink_begin(&at, "sink_stdio", "", &object);
        interrupted(&at, object, 'w', sink_of(&at)->interrupt);
        CU_ASSERT_EQUAL(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, flags);
        sink_end(&at, object);
        CU_ASSERT_EQUAL(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)close(in);
        (void)close(out);
    }
}

static void reader_has_gone(void)
{
    static const char bytes[LARGE];
    stage at;
    void *object;
    store_command("rm -f pipe && mkfifo pipe");
    int reader = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    sink_begin(&at, "sink_stdio", "pipe", &object);
    CU_ASSERT_EQUAL(put(&at, object, 0, bytes, 1000), 1000);
    (void)close(reader);
    at.descriptors--;
    CU_ASSERT_EQUAL(put(&at, object, 1000, bytes, sizeof bytes), SLUICE_EIO);
    CU_ASSERT(says(&at, "pipe: who read it has gone, after 1000 bytes"));
    sink_end(&at, object);
    sink_begin(&at, "sink_stdio", "/dev/full", &object);
    CU_ASSERT_EQUAL(put(&at, object, 0, bytes, 10), SLUICE_ENOSPACE);
    CU_ASSERT(says(&at, "/dev/full"));
    sink_end(&at, object);
}

/* ---- commands ---- */

static void commands_that_fail(void)
{
    static const struct {
        const char *command, *words;
    } cases[] = {{"echo some; exit 3", "ended with status 3, after 5 bytes"},
                 {"kill -9 $$", "was ended by signal 9 (Killed), after 0 bytes"},
                 {"sluice-has-no-such-program 2>/dev/null", "ended with status 127 (the shell found no such program)"}};
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        stage at;
        void *object;
        uint64_t size;
        char out[64];
        source_begin(&at, "source_command", cases[i].command, &object, &size);
        int64_t all = 0, got;
        while ((got = get(&at, object, (uint64_t)all, out, sizeof out)) > 0)
            all += got;
        CU_ASSERT_EQUAL(got, SLUICE_EFAILED);
        CU_ASSERT(says(&at, cases[i].command) && says(&at, cases[i].words));
        source_end(&at, object);
        sink_begin(&at, "sink_command", cases[i].command, &object);
        CU_ASSERT_EQUAL(sink_of(&at)->commit(at.fixture.state, object, 0, NULL), SLUICE_EFAILED);
        CU_ASSERT(says(&at, cases[i].command));
        sink_end(&at, NULL);
    }
}

static void await_child(void)
{
    siginfo_t about;
    CU_ASSERT_EQUAL(waitid(P_ALL, 0, &about, WEXITED | WNOWAIT), 0);
}

/* A command that ends well before the stream does has not taken the stream. */
static void commands_that_end_early(void)
{
    static const char bytes[LARGE];
    stage at;
    void *object;
    sink_begin(&at, "sink_command", "head -c 1000 >/dev/null", &object);
    CU_ASSERT_EQUAL(put(&at, object, 0, bytes, sizeof bytes), SLUICE_EFAILED);
    CU_ASSERT(says(&at, "command 'head -c 1000 >/dev/null': ended with status 0 before it had read all"));
    sink_end(&at, object);

    sink_begin(&at, "sink_command", "exit 0", &object); /* what it left lies in the pipe */
    int64_t written = put(&at, object, 0, bytes, 10);
    if (written == 10) { /* or it was too fast for us */
        await_child();
        CU_ASSERT_EQUAL(sink_of(&at)->commit(at.fixture.state, object, 10, NULL), SLUICE_EFAILED);
    }
    CU_ASSERT(says(&at, "ended with status 0 before it had read all"));
    sink_end(&at, written == 10 ? NULL : object);

    sink_begin(&at, "sink_command", "head -c 10 >/dev/null", &object); /* it has read all there was */
    CU_ASSERT_EQUAL(put(&at, object, 0, bytes, 10), 10);
    await_child();
    CU_ASSERT_EQUAL(sink_of(&at)->commit(at.fixture.state, object, 10, NULL), SLUICE_OK);
    sink_end(&at, NULL);
}

static size_t sleepers(const char *mark)
{
    char command[300];
    (void)snprintf(command, sizeof command,
                   "(for at in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $at; echo; done) 2>/dev/null | "
                   "grep -c '^sleep %s' > found || :",
                   mark);
    store_command(command);
    FILE *file = fopen("found", "re");
    unsigned long count = 0;
    CU_ASSERT_EQUAL(fscanf(file, "%lu", &count), 1);
    (void)fclose(file);
    return count;
}

static bool soon_sleepers(const char *mark, size_t count)
{
    for (int64_t due = now_ms() + 10000; now_ms() < due;) {
        if (sleepers(mark) == count)
            return true;
    }
    return false;
}

/* All that a command has started ends with it, what is deaf to SIGTERM as well; and its input never seems to end. */
static void commands_are_ended(void)
{
    char mark[32], command[200];
    stage at;
    void *object;
    uint64_t size;
    (void)snprintf(mark, sizeof mark, "1234.%ld", (long)getpid());
    (void)snprintf(command, sizeof command, "sleep %s | sh -c 'trap \"\" TERM; sleep %s; sleep %s' | cat", mark, mark, mark);
    source_begin(&at, "source_command", command, &object, &size);
    CU_ASSERT(soon_sleepers(mark, 2));
    source_end(&at, object);
    CU_ASSERT(soon_sleepers(mark, 0));
    sink_begin(&at, "sink_command", "cat > taken && touch whole", &object);
    CU_ASSERT_EQUAL(put(&at, object, 0, "part", 4), 4);
    sink_end(&at, object);
    CU_ASSERT_NOT_EQUAL(access("whole", F_OK), 0);
}

/* Nothing of ours is there but 0, 1 and 2, no signal is blocked, and SIGPIPE does what it ought to. */
static void what_a_command_inherits(void)
{
    stage at;
    void *object;
    uint64_t size;
    char out[200];
    sigset_t blocked, before;
    int leak = dup2(STDERR_FILENO, 77); /* as an application may have left it */
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, &before);
    source_begin(&at, "source_command", "cd /proc/self/fd && echo *; readlink 0", &object, &size);
    int64_t all = 0, got;
    while ((got = get(&at, object, (uint64_t)all, out + all, sizeof out - 1 - (size_t)all)) > 0)
        all += got;
    CU_ASSERT_EQUAL(got, 0);
    out[all] = '\0';
    CU_ASSERT_PTR_NULL(strstr(out, "77"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "/dev/null"));
    source_end(&at, object);
    for (int i = 0; i < 2; i++) {
        source_begin(&at, "source_command", i ? "kill -TERM $$; exit 0" : "kill -PIPE $$; exit 0", &object, &size);
        CU_ASSERT_EQUAL(get(&at, object, 0, out, sizeof out), SLUICE_EFAILED);
        CU_ASSERT(says(&at, i ? "signal 15" : "signal 13"));
        source_end(&at, object);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(leak);
}

/* ---- memory by its number ---- */

static void memory_of_this_process(void)
{
    stage at;
    void *object;
    uint64_t size;
    char number[16], out[16], hole[100000] = "";
    int memory = memfd_create("test", MFD_CLOEXEC);
    (void)snprintf(number, sizeof number, "%d", memory);
    CU_ASSERT_EQUAL(write(memory, "what was there before", 21), 21);
    sink_begin(&at, "sink_memory", number, &object);
    CU_ASSERT_EQUAL(put(&at, object, sizeof hole, "end", 3), 3);
    CU_ASSERT_EQUAL(put(&at, object, 0, "begin", 5), 5);
    CU_ASSERT_EQUAL(sink_of(&at)->commit(at.fixture.state, object, sizeof hole + 3, NULL), SLUICE_OK);
    sink_end(&at, NULL);
    source_begin(&at, "source_memory", number, &object, &size);
    CU_ASSERT_EQUAL(size, sizeof hole + 3);
    CU_ASSERT_EQUAL(get(&at, object, sizeof hole, out, sizeof out), 3);
    CU_ASSERT_EQUAL(memcmp(out, "end", 3), 0);
    CU_ASSERT_EQUAL(get(&at, object, 0, out, sizeof out), sizeof out);
    CU_ASSERT_EQUAL(memcmp(out, "begin\0\0\0", 8), 0);
    CU_ASSERT_EQUAL(ftruncate(memory, 5), 0);
    CU_ASSERT_EQUAL(source_of(&at)->unchanged(at.fixture.state, object), SLUICE_ECHANGED);
    source_end(&at, object);
    (void)close(memory);
}

static void memory_that_is_none(void)
{
    static const char *const arguments[] = {"", "name", "/a/b", "/..", "12x", "-1", "99999999999999999999"};
    stage at;
    stage_load(&at, "source_memory");
    for (size_t i = 0; i < SLUICE_COUNT(arguments); i++) {
        CU_ASSERT_EQUAL(source_init(&at, arguments[i], NULL), SLUICE_EUSAGE);
        CU_ASSERT(says(&at, "memory:3"));
    }
    CU_ASSERT_EQUAL(source_init(&at, "/sluice-nobody-has-this", NULL), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(source_init(&at, "777", NULL), SLUICE_EIO);
    CU_ASSERT(says(&at, "777"));
    stage_unload(&at);
}

/* ---- who may not, and what is not there ---- */

static void peers_are_refused(void)
{
    static const char *const sources[] = {"source_command", "source_memory", "source_stdio"};
    static const char *const sinks[] = {"sink_command", "sink_memory", "sink_stdio"};
    for (size_t i = 0; i < SLUICE_COUNT(sources); i++) {
        stage at;
        stage_load(&at, sources[i]);
        CU_ASSERT_EQUAL(source_init(&at, "/etc/passwd", "/"), SLUICE_EACCESS);
        CU_ASSERT(says(&at, "local user"));
        stage_unload(&at);
        stage_load(&at, sinks[i]);
        CU_ASSERT_EQUAL(sink_init(&at, "/stolen", "/"), SLUICE_EACCESS);
        CU_ASSERT(says(&at, "local user"));
        stage_unload(&at);
    }
}

static void places_that_are_wrong(void)
{
    stage at;
    stage_load(&at, "source_stdio");
    CU_ASSERT_EQUAL(source_init(&at, "not-there", NULL), SLUICE_ENOENT);
    CU_ASSERT_EQUAL(source_init(&at, "/", NULL), SLUICE_ECONFIG);
    CU_ASSERT_EQUAL(source_init(&at, "/tmp", NULL), SLUICE_EUSAGE);
    stage_unload(&at);
    stage_load(&at, "source_command");
    CU_ASSERT_EQUAL(source_init(&at, " ", NULL), SLUICE_EUSAGE);
    stage_unload(&at);
    stage_load(&at, "sink_command");
    CU_ASSERT_EQUAL(sink_init(&at, "", NULL), SLUICE_EUSAGE);
    stage_unload(&at);
    stage_load(&at, "sink_stdio");
    void *object;
    CU_ASSERT_EQUAL(sink_init(&at, "not/there", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(take(&at, &object), SLUICE_ENOENT);
    sink_end(&at, NULL);
}

int main(void)
{
    const CU_TestInfo tests[] = {
        {"reads come as they come", reads_come_as_they_come},
        {"size of a regular input", size_of_a_regular_input},
        {"waiting is interrupted", waiting_is_interrupted},
        {"inherited flags", inherited_flags},
        {"reader has gone", reader_has_gone},
        {"commands that fail", commands_that_fail},
        {"commands that end early", commands_that_end_early},
        {"commands are ended", commands_are_ended},
        {"what a command inherits", what_a_command_inherits},
        {"memory of this process", memory_of_this_process},
        {"memory that is none", memory_that_is_none},
        {"peers are refused", peers_are_refused},
        {"places that are wrong", places_that_are_wrong},
        CU_TEST_INFO_NULL,
    };
    char room[64];
    (void)signal(SIGPIPE, SIG_IGN); /* the core's pool threads block it */
    store_room_enter(room);
    int status = sluice_suite_run("streams", tests);
    store_room_leave(room);
    return status;
}
