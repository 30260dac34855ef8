/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/process.h"

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define LOOK_NS (50 * SLUICE_MS) /* where there is no pidfd */
#define FIRST_FREE 5             /* descriptors from here on are not the worker's */

extern char **environ;

struct sluice_process {
    sluice_loop *loop;
    pid_t pid;  /* 0: has been waited for */
    int handle; /* pidfd, or -1 */
    int said;   /* of its standard error, or -1 */
    sluice_watch *watch, *said_watch;
    sluice_timer *look;
    sluice_process_ended *ended;
    void *user;
    char line[SLUICE_PROCESS_LINE]; /* the last one that has ended and is not empty */
    char begun[SLUICE_PROCESS_LINE]; /* what stands behind it */
    size_t begun_bytes;
};

/* ---- its last words ---- */

static void line_end(sluice_process *process)
{
    process->begun[process->begun_bytes] = '\0';
    if (process->begun[strspn(process->begun, " \t\r")] != '\0')
        memcpy(process->line, process->begun, process->begun_bytes + 1);
    process->begun_bytes = 0;
}

static void line_take(sluice_process *process, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char next = bytes[i];
        if (next == '\n')
            line_end(process);
        else if (process->begun_bytes + 1 < sizeof process->begun)
            process->begun[process->begun_bytes++] = (unsigned char)next < ' ' || next == 0x7f ? ' ' : next;
    }
}

static void said_close(sluice_process *process)
{
    sluice_watch_free(process->said_watch);
    process->said_watch = NULL;
    if (process->said >= 0)
        close(process->said);
    process->said = -1;
}

/* As much as is there, within bounds: a worker that says a lot must not keep the loop. */
static void said_read(sluice_process *process)
{
    char bytes[4096];
    for (int i = 0; i < 32 && process->said >= 0; i++) {
        ssize_t got = read(process->said, bytes, sizeof bytes);
        if (got > 0)
            line_take(process, bytes, (size_t)got);
        else if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        else
            said_close(process);
    }
}

static void said_ready(void *user, unsigned directions)
{
    (void)directions;
    said_read(user);
}

/* ---- its end ---- */

static int result_of(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

/* True: it has ended, and was waited for. */
static bool reap(sluice_process *process, int *result)
{
    siginfo_t info = {0};
    int failed;
    do
        failed = process->handle >= 0 ? waitid((idtype_t)P_PIDFD, (id_t)process->handle, &info, WEXITED | WNOHANG) : -1;
    while (failed < 0 && errno == EINTR);
    if (failed < 0 && (process->handle < 0 || errno == EINVAL))
        do
            failed = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG);
        while (failed < 0 && errno == EINTR);
    if (failed == 0 && info.si_pid == 0)
        return false;
    process->pid = 0;
    *result = failed == 0 ? result_of(&info) : SLUICE_PROCESS_UNKNOWN;
    return true;
}

static void look(void *user, sluice_time now)
{
    sluice_process *process = user;
    int result;
    if (!reap(process, &result)) {
        if (process->handle < 0)
            sluice_timer_set(process->look, now + LOOK_NS);
        return;
    }
    sluice_watch_free(process->watch);
    process->watch = NULL;
    sluice_timer_set(process->look, SLUICE_NEVER);
    said_read(process);
    line_end(process);
    process->ended(process->user, result, process->line);
}

static void handle_ready(void *user, unsigned directions)
{
    (void)directions;
    sluice_process *process = user;
    look(process, sluice_loop_now(process->loop));
}

int sluice_process_pid(const sluice_process *process)
{
    return (int)process->pid;
}

/* The handle names the process even if somebody else has waited for it and its number was given away. */
void sluice_process_signal(sluice_process *process, int number)
{
    if (process->pid == 0)
        return;
    if (process->handle >= 0)
        (void)syscall(SYS_pidfd_send_signal, process->handle, number, NULL, 0U);
    else
        (void)kill(process->pid, number);
}

void sluice_process_free(sluice_process *process)
{
    int result;
    if (process == NULL)
        return;
    if (process->pid != 0 && !reap(process, &result)) {
        sluice_process_signal(process, SIGKILL);
        struct pollfd end = {.fd = process->handle, .events = POLLIN};
        for (int i = 0; i < 20 && !reap(process, &result); i++) /* one that the kernel holds fast stays a zombie */
            (void)poll(&end, process->handle >= 0, 50);
    }
    said_close(process);
    sluice_watch_free(process->watch);
    sluice_timer_free(process->look);
    if (process->handle >= 0)
        close(process->handle);
    free(process);
}

/* ---- its beginning ---- */

/* Descriptors in the way of those that the worker gets are moved out of it. */
static int lift(int fd)
{
    if (fd < 0 || fd >= FIRST_FREE)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE), failed = errno;
    close(fd);
    errno = failed;
    return higher;
}

static int input_make(const sluice_plan *plan)
{
    size_t at = 0;
    int fd = lift(memfd_create("sluice-order", MFD_CLOEXEC));
    while (fd >= 0 && at < plan->input.length) {
        ssize_t put = write(fd, plan->input.bytes + at, plan->input.length - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            close(fd);
            return -1;
        }
        at += (size_t)put;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

/* What is ours and what is added; an addition replaces one of ours of the same name.  Only the row is to be freed. */
static char **environment_make(const sluice_strings *added)
{
    size_t count = 0, made = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    char **row = calloc(count + added->count + 1, sizeof *row);
    if (row == NULL)
        return NULL;
    for (size_t i = 0; i < added->count; i++)
        row[made++] = added->items[i];
    for (size_t i = 0; i < count; i++) {
        bool replaced = false;
        for (size_t a = 0; a < added->count && !replaced; a++)
            replaced = strncmp(added->items[a], environ[i], strcspn(added->items[a], "=") + 1) == 0;
        if (!replaced)
            row[made++] = environ[i];
    }
    return row;
}

/* All descriptors that are not the worker's, those too that the application has not marked. */
static int actions_close_others(posix_spawn_file_actions_t *actions)
{
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
    return posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FREE);
#else
    DIR *open_ones = opendir("/proc/self/fd");
    int failed = 0;
    for (struct dirent *entry; failed == 0 && open_ones != NULL && (entry = readdir(open_ones)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (fd >= FIRST_FREE)
            failed = posix_spawn_file_actions_addclose(actions, fd);
    }
    if (open_ones != NULL)
        closedir(open_ones);
    return failed;
#endif
}

static int actions_make(posix_spawn_file_actions_t *actions, int said, int input, int management)
{
    int failed = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(actions, said, 2);
    if (failed == 0)
        failed = input >= 0 ? posix_spawn_file_actions_adddup2(actions, input, SLUICE_PLAN_INPUT)
                            : posix_spawn_file_actions_addopen(actions, SLUICE_PLAN_INPUT, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = management >= 0 ? posix_spawn_file_actions_adddup2(actions, management, SLUICE_PLAN_MANAGEMENT)
                                 : posix_spawn_file_actions_addopen(actions, SLUICE_PLAN_MANAGEMENT, "/dev/null", O_RDONLY, 0);
    return failed == 0 ? actions_close_others(actions) : failed;
}

static int attributes_make(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int failed = posix_spawnattr_setflags(attributes,
                                          POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (failed == 0)
        failed = posix_spawnattr_setpgroup(attributes, 0);
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(attributes, &none);
    return failed == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : failed;
}

/* An errno value; 0: it runs. */
static int spawn(sluice_process *process, const sluice_plan *plan, int said, int input, int management)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char **environment = environment_make(&plan->environment);
    if (environment == NULL)
        return ENOMEM;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed == 0) {
        failed = posix_spawnattr_init(&attributes);
        if (failed == 0) {
            failed = attributes_make(&attributes);
            if (failed == 0)
                failed = actions_make(&actions, said, input, management);
            if (failed == 0)
                failed = posix_spawnp(&process->pid, plan->words.items[0], &actions, &attributes, plan->words.items,
                                      environment);
            posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    if (failed != 0)
        process->pid = 0;
    free(environment);
    return failed;
}

static int watches_make(sluice_process *process)
{
    int status = sluice_timer_new(&process->look, process->loop, look, process);
    if (status == SLUICE_OK)
        status = sluice_watch_new(&process->said_watch, process->loop, process->said, said_ready, process);
    return status == SLUICE_OK ? sluice_watch_set(process->said_watch, SLUICE_WATCH_READ) : status;
}

static int end_watch(sluice_process *process)
{
    process->handle = (int)syscall(SYS_pidfd_open, process->pid, 0U);
    if (process->handle < 0) {
        sluice_timer_set(process->look, sluice_loop_refresh(process->loop) + LOOK_NS);
        return SLUICE_OK;
    }
    int status = sluice_watch_new(&process->watch, process->loop, process->handle, handle_ready, process);
    return status == SLUICE_OK ? sluice_watch_set(process->watch, SLUICE_WATCH_READ) : status;
}

static int fail_spawn(const char *program, int failed, sluice_error *error)
{
    int status = failed == ENOMEM                                            ? SLUICE_ENOMEM
                 : failed == EAGAIN || failed == EMFILE || failed == ENFILE ? SLUICE_ELIMIT
                                                                             : SLUICE_ECONFIG;
    return sluice_fail(error, status, "cannot start the worker %s: %s%s", program, strerror(failed),
                       failed == ENOENT ? " - is it installed?" : "");
}

static int begin(sluice_process *process, const sluice_plan *plan, int management, int said, sluice_error *error)
{
    const char *program = plan->words.items[0];
    int input = plan->has_input ? input_make(plan) : -1;
    if (plan->has_input && input < 0)
        return fail_spawn(program, errno, error);
    int status = watches_make(process);
    if (status != SLUICE_OK)
        (void)sluice_fail(error, status, "cannot start the worker %s: out of memory or descriptors", program);
    int failed = status == SLUICE_OK ? spawn(process, plan, said, input, management) : 0;
    if (input >= 0)
        close(input);
    if (failed != 0)
        return fail_spawn(program, failed, error);
    if (status == SLUICE_OK && (status = end_watch(process)) != SLUICE_OK)
        (void)sluice_fail(error, status, "cannot watch the worker %s", program);
    return status;
}

int sluice_process_new(sluice_process **out, sluice_loop *loop, const sluice_plan *plan, int management,
                       sluice_process_ended *ended, void *user, sluice_error *error)
{
    int ends[2];
    sluice_process *process = calloc(1, sizeof *process);
    if (process == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a worker");
    *process = (sluice_process){.loop = loop, .handle = -1, .said = -1, .ended = ended, .user = user};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        free(process);
        return fail_spawn(plan->words.items[0], errno, error);
    }
    process->said = ends[0];
    int said = lift(ends[1]), status = SLUICE_ELIMIT;
    if (said < 0)
        status = fail_spawn(plan->words.items[0], errno, error);
    else {
        (void)fcntl(process->said, F_SETFL, O_NONBLOCK);
        status = begin(process, plan, management, said, error);
        close(said);
    }
    if (status != SLUICE_OK) {
        sluice_process_free(process);
        return status;
    }
    *out = process;
    return SLUICE_OK;
}
