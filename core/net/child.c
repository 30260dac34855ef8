/* SPDX-License-Identifier: Apache-2.0 */
#include "net/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define LOOK_NS (50 * SLUICE_MS) /* where there is no pidfd */
#define TERM_MS 200
#define KILL_MS 1000
#define DESCRIPTORS_MOST 65536 /* that are closed one by one, where the kernel cannot close a range */

struct sluice_child {
    sluice_loop *loop;
    pid_t pid;  /* 0: has been waited for */
    int handle; /* pidfd, or -1 */
    sluice_watch *watch;
    sluice_timer *look;
    sluice_child_ended *ended;
    void *user;
};

/* ---- between fork and exec: only what is safe there ---- */

/* Handlers are the application's, and must not run here once nothing is blocked; what is ignored (nohup) stays so, but
 * for SIGPIPE, of which programs expect to die. */
static void signals_reset(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN}, present;
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &present) == 0 && present.sa_handler != SIG_IGN)
            (void)sigaction(number, &plain, NULL);
    (void)sigaction(SIGPIPE, &plain, NULL);
    (void)sigaction(SIGINT, &ignored, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* All but 0, 1, 2 and `but`, which is close-on-exec: the application need not have marked its own so. */
static void descriptors_close(int but, unsigned most)
{
    bool below = but == 3 || syscall(SYS_close_range, 3U, (unsigned)but - 1, 0U) == 0;
    if (below && syscall(SYS_close_range, (unsigned)but + 1, ~0U, 0U) == 0)
        return;
    for (unsigned fd = 3; fd < most; fd++)
        if (fd != (unsigned)but)
            close((int)fd);
}

static void become(char *const *words, const int descriptors[3], int failure, unsigned most)
{
    bool placed = true;
    for (int fd = 0; fd < 3; fd++)
        placed = placed && dup2(descriptors[fd], fd) == fd;
    if (placed) {
        descriptors_close(failure, most);
        signals_reset();
        execvp(words[0], words);
    }
    int failed = errno;
    ssize_t told = write(failure, &failed, sizeof(failed));
    _exit(told == sizeof(failed) ? 127 : 126);
}

/* ---- the end ---- */

/* True: it has ended, and was waited for. */
static bool reap(sluice_child *child, int *result)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(child->pid, &status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    child->pid = 0;
    *result = got < 0               ? SLUICE_CHILD_UNKNOWN
              : WIFEXITED(status)   ? WEXITSTATUS(status)
              : WIFSIGNALED(status) ? -WTERMSIG(status)
                                    : SLUICE_CHILD_UNKNOWN;
    return true;
}

static void watch_end(sluice_child *child)
{
    sluice_watch_free(child->watch);
    child->watch = NULL;
    sluice_timer_set(child->look, SLUICE_NEVER);
}

static void look(void *user, sluice_time now)
{
    sluice_child *child = user;
    int result;
    if (!reap(child, &result)) {
        sluice_timer_set(child->look, now + LOOK_NS);
        return;
    }
    watch_end(child);
    child->ended(child->user, result);
}

static void handle_ready(void *user, unsigned directions)
{
    (void)directions;
    sluice_child *child = user;
    look(child, sluice_loop_now(child->loop));
}

/* The handle names the process even if somebody else has waited for it and its number was given away. */
static void signal_send(const sluice_child *child, int number)
{
    if (child->handle >= 0)
        (void)syscall(SYS_pidfd_send_signal, child->handle, number, NULL, 0U);
    else
        (void)kill(child->pid, number);
}

/* Waits for at most so long.  True: it has ended. */
static bool wait_bounded(sluice_child *child, int milliseconds)
{
    int result;
    if (child->handle >= 0) {
        struct pollfd end = {.fd = child->handle, .events = POLLIN};
        (void)poll(&end, 1, milliseconds);
        return reap(child, &result);
    }
    for (; !reap(child, &result); milliseconds -= 5) {
        if (milliseconds <= 0)
            return false;
        (void)poll(NULL, 0, 5);
    }
    return true;
}

void sluice_child_free(sluice_child *child)
{
    int result;
    if (!child)
        return;
    if (child->pid && !reap(child, &result)) {
        signal_send(child, SIGTERM);
        if (!wait_bounded(child, TERM_MS)) {
            signal_send(child, SIGKILL);
            (void)wait_bounded(child, KILL_MS); /* one that the kernel holds fast stays a zombie until we end */
        }
    }
    sluice_watch_free(child->watch);
    sluice_timer_free(child->look);
    if (child->handle >= 0)
        close(child->handle);
    free(child);
}

/* ---- making ---- */

int sluice_child_pipe(int ends[2], sluice_error *error)
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) < 0)
        return sluice_fail(error, SLUICE_EIO, "cannot make a pipe: %s", strerror(errno));
    ends[0] = ends[1] = -1;
    for (unsigned i = 0; i < 2; i++)
        ends[i] = low[i] > 2 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 3);
    int failed = errno;
    for (unsigned i = 0; i < 2; i++)
        if (ends[i] != low[i])
            close(low[i]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return SLUICE_OK;
    for (unsigned i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    return sluice_fail(error, SLUICE_EIO, "cannot make a pipe: %s", strerror(failed));
}

/* 0: the program runs; else the errno value why it does not. */
static int failure_read(int fd)
{
    int failed = 0;
    ssize_t got;
    do
        got = read(fd, &failed, sizeof(failed));
    while (got < 0 && errno == EINTR);
    return got == sizeof(failed) ? failed : 0;
}

static int spawn(sluice_child *child, char *const *words, const int descriptors[3], sluice_error *error)
{
    int failure[2];
    struct rlimit limit = {.rlim_cur = DESCRIPTORS_MOST};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    unsigned most = limit.rlim_cur < DESCRIPTORS_MOST ? (unsigned)limit.rlim_cur : DESCRIPTORS_MOST;
    int status = sluice_child_pipe(failure, error);
    if (status != SLUICE_OK)
        return status;
    /* No handler of the application may run in the child. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child->pid = fork();
    if (child->pid == 0)
        become(words, descriptors, failure[1], most);
    int failed = child->pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(failure[1]);
    /* Until the program has replaced us there, which takes no longer than finding it. */
    if (child->pid > 0)
        failed = failure_read(failure[0]);
    else
        child->pid = 0;
    close(failure[0]);
    if (!failed)
        return SLUICE_OK;
    bool ours = child->pid == 0; /* for want of processes or memory, not for what it is that was to be run */
    return sluice_fail(error, ours ? SLUICE_EIO : SLUICE_ECONNECT, "cannot run %s: %s%s", words[0], strerror(failed),
                       failed == ENOENT ? " - is it installed?" : "");
}

static int watch_begin(sluice_child *child)
{
    child->handle = (int)syscall(SYS_pidfd_open, child->pid, 0U);
    if (child->handle < 0) {
        sluice_timer_set(child->look, sluice_loop_refresh(child->loop) + LOOK_NS);
        return SLUICE_OK;
    }
    int status = sluice_watch_new(&child->watch, child->loop, child->handle, handle_ready, child);
    return status == SLUICE_OK ? sluice_watch_set(child->watch, SLUICE_WATCH_READ) : status;
}

int sluice_child_new(sluice_child **out, sluice_loop *loop, char *const *words, const int descriptors[3],
                     sluice_child_ended *ended, void *user, sluice_error *error)
{
    sluice_child *child = calloc(1, sizeof(*child));
    if (!child)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to run %s", words[0]);
    child->loop = loop;
    child->handle = -1;
    child->ended = ended;
    child->user = user;
    int status = sluice_timer_new(&child->look, loop, look, child);
    if (status != SLUICE_OK) {
        free(child);
        return sluice_fail(error, status, "out of memory to run %s", words[0]);
    }
    status = spawn(child, words, descriptors, error);
    if (status == SLUICE_OK) {
        status = watch_begin(child);
        if (status != SLUICE_OK)
            (void)sluice_fail(error, status, "cannot watch %s", words[0]);
    }
    if (status != SLUICE_OK) {
        sluice_child_free(child);
        return status;
    }
    *out = child;
    return SLUICE_OK;
}
