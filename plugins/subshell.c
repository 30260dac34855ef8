/* SPDX-License-Identifier: Apache-2.0 */
#include "subshell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MOST_MS 20
#define KILL_MS 1000 /* for what the kernel does after SIGKILL; one that it holds fast stays a zombie until we end */

/* ---- making ---- */

/* A pipe, close-on-exec, neither end of which is 0, 1 or 2, because the child's are put there. */
static int make_pipe(int ends[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) != 0)
        return errno;
    for (int i = 0; i < 2; i++)
        ends[i] = low[i] > 2 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 3);
    int errnum = ends[0] < 0 || ends[1] < 0 ? errno : 0;
    for (int i = 0; i < 2; i++) {
        if (ends[i] != low[i])
            (void)close(low[i]);
        if (errnum != 0 && ends[i] >= 0)
            (void)close(ends[i]);
    }
    return errnum;
}

static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, expected;
    sigemptyset(&none);
    sigemptyset(&expected);
    sigaddset(&expected, SIGPIPE);
    sigaddset(&expected, SIGCHLD);
    int errnum = posix_spawnattr_setsigmask(attributes, &none);
    if (errnum == 0)
        errnum = posix_spawnattr_setsigdefault(attributes, &expected);
    if (errnum == 0)
        errnum = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                          POSIX_SPAWN_SETSIGDEF);
    return errnum;
}

static int set_descriptors(posix_spawn_file_actions_t *actions, int end, int far)
{
    int errnum = posix_spawn_file_actions_adddup2(actions, far, end);
    /* A source's command must not wait for a terminal that we were started from. */
    if (errnum == 0 && end == 1)
        errnum = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
    /* The application need not have marked its own as close-on-exec. */
    if (errnum == 0)
        errnum = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
    return errnum;
}

static int spawn(sluice_subshell *shell, const char *command, int end, int far)
{
    char shell_name[] = "sh", option[] = "-c", last[] = "--";
    char *const words[] = {shell_name, option, last, (char *)(uintptr_t)command, NULL};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int errnum = posix_spawnattr_init(&attributes);
    if (errnum != 0)
        return errnum;
    errnum = posix_spawn_file_actions_init(&actions);
    if (errnum == 0) {
        errnum = set_signals(&attributes);
        if (errnum == 0)
            errnum = set_descriptors(&actions, end, far);
        if (errnum == 0)
            errnum = posix_spawn(&shell->pid, "/bin/sh", &actions, &attributes, words, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    (void)posix_spawnattr_destroy(&attributes);
    return errnum;
}

int sluice_subshell_run(sluice_subshell *shell, const char *command, int end, int *fd)
{
    int ends[2];
    *shell = (sluice_subshell){.pid = 0};
    int errnum = make_pipe(ends);
    if (errnum != 0)
        return errnum;
    int near = ends[1 - end], far = ends[end];
    sluice_flow_widen(near);
    if (fcntl(near, F_SETFL, O_NONBLOCK) != 0)
        errnum = errno;
    if (errnum == 0)
        errnum = spawn(shell, command, end, far);
    (void)close(far);
    if (errnum != 0) {
        (void)close(near);
        shell->pid = 0;
        return errnum;
    }
    *fd = near;
    return 0;
}

/* ---- the end ---- */

/* True: it has ended, and was waited for. */
static bool reap(sluice_subshell *shell)
{
    pid_t got;
    do
        got = waitpid(shell->pid, &shell->status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    shell->lost = got < 0;
    shell->pid = 0;
    return true;
}

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A little longer each time; false: the bell was rung.  NULL: there is no bell. */
static bool pause_for(const sluice_bell *bell, int *milliseconds)
{
    bool rung = bell != NULL && sluice_bell_wait(bell, *milliseconds);
    if (bell == NULL)
        (void)poll(NULL, 0, *milliseconds);
    if (*milliseconds < PAUSE_MOST_MS)
        ++*milliseconds;
    return !rung;
}

int sluice_subshell_wait(sluice_subshell *shell, const sluice_bell *bell, int milliseconds)
{
    int64_t due = now_ms() + milliseconds;
    int pause = 1;
    while (shell->pid != 0 && !reap(shell)) {
        if (milliseconds >= 0 && now_ms() >= due)
            return ETIMEDOUT;
        if (!pause_for(bell, &pause))
            return ECANCELED;
    }
    return 0;
}

bool sluice_subshell_is_good(const sluice_subshell *shell)
{
    return shell->pid == 0 && !shell->lost && WIFEXITED(shell->status) && WEXITSTATUS(shell->status) == 0;
}

void sluice_subshell_words(const sluice_subshell *shell, char out[SLUICE_SUBSHELL_WORDS])
{
    int status = shell->status;
    if (shell->pid != 0)
        strcpy(out, "still runs");
    else if (shell->lost)
        strcpy(out, "ended, but its status was taken by somebody else");
    else if (WIFSIGNALED(status))
        (void)snprintf(out, SLUICE_SUBSHELL_WORDS, "was ended by signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, SLUICE_SUBSHELL_WORDS, "ended with status %d%s", WEXITSTATUS(status),
                       WEXITSTATUS(status) == 127   ? " (the shell found no such program)"
                       : WEXITSTATUS(status) == 126 ? " (the shell could not run it)"
                                                    : "");
}

/* It has ended, but keeps its number until it is waited for: nobody else is signalled in its place. */
static bool has_ended(pid_t pid)
{
    siginfo_t about = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &about, WEXITED | WNOHANG | WNOWAIT) == 0 ? about.si_pid != 0 : errno != EINTR;
}

/* Somebody has the other end of the pipe, be it the command or what it has started. */
static bool is_held(int fd)
{
    struct pollfd end = {.fd = fd};
    return fd >= 0 && (poll(&end, 1, 0) <= 0 || (end.revents & (POLLHUP | POLLERR)) == 0);
}

void sluice_subshell_end(sluice_subshell *shell, int fd, uint64_t grace_ns)
{
    if (shell->pid == 0)
        return;
    int64_t due = now_ms() + (int64_t)(grace_ns / 1000000);
    int pause = 1;
    (void)kill(-shell->pid, SIGTERM);
    (void)kill(-shell->pid, SIGCONT); /* of one that was stopped */
    while ((!has_ended(shell->pid) || is_held(fd)) && now_ms() < due)
        (void)pause_for(NULL, &pause);
    (void)kill(-shell->pid, SIGKILL);
    (void)sluice_subshell_wait(shell, NULL, KILL_MS);
}
