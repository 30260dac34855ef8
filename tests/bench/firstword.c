/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firstword FILE COMMAND ARGUMENT...
 *
 * Runs the command with its stdin and stderr untouched, passes its stdout on, and writes to FILE when (CLOCK_MONOTONIC,
 * in nanoseconds) it was started and the first byte of its stdout came.  Stands in the place of ssh.  Exits as the
 * command did.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void note(const char *path, uint64_t started, uint64_t spoke)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return;
    fprintf(out, "{\"started_ns\":%" PRIu64 ",\"first_word_ns\":%" PRIu64 "}\n", started, spoke);
    fclose(out);
}

static void pass_on(int from, const char *path, uint64_t started)
{
    char bytes[65536];
    uint64_t spoke = 0;
    ssize_t count;
    while ((count = read(from, bytes, sizeof bytes)) > 0) {
        if (spoke == 0)
            note(path, started, spoke = now_ns());
        for (ssize_t done = 0; done < count;) {
            ssize_t put = write(STDOUT_FILENO, bytes + done, (size_t)(count - done));
            if (put < 0)
                return;
            done += put;
        }
    }
}

int main(int argc, char **argv)
{
    int ends[2], status = 0;
    uint64_t started = now_ns();
    if (argc < 3) {
        fprintf(stderr, "usage: firstword FILE COMMAND ARGUMENT...\n");
        return 2;
    }
    /* Questions about the configuration are none to the remote host. */
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], "-G") == 0)
            execvp(argv[2], argv + 2);
    if (pipe(ends) < 0)
        return 2;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[2], argv + 2);
        fprintf(stderr, "firstword: %s: %s\n", argv[2], strerror(errno));
        _exit(127);
    }
    close(ends[1]);
    close(STDIN_FILENO);
    pass_on(ends[0], argv[1], started);
    close(ends[0]);
    close(STDOUT_FILENO);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
