/* SPDX-License-Identifier: Apache-2.0 */
/*
 * typist.c - runs a program at a terminal and types for it, by the lines of its standard input:
 *
 *     typist FILE COMMAND [ARGUMENT...]      what the terminal shows goes to FILE
 *
 *     type TEXT       with \n, \r, \t, \e (escape), \^C (that control character) and \\ in it
 *     await TEXT      until it is shown, behind what was awaited before; the same escapes
 *     columns N       how wide the terminal is; the program is told
 *     signal NAME     TERM, HUP, STOP or CONT, to the program
 *
 * At the end of the input it waits for the program's end, and has its exit status.  What is awaited in vain for 20 s
 * ends it with 99, and is said.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define SHOWN_MOST ((size_t)16 << 20)

typedef struct typist {
    int terminal, file;
    pid_t program;
    char shown[SHOWN_MOST];
    size_t bytes, seen; /* seen: up to here things were awaited */
} typist;

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "typist: %s %s\n", what, text);
    exit(99);
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In place; returns the bytes. */
static size_t unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '\\' || from[1] == '\0') {
            *to++ = *from;
            continue;
        }
        from++;
        if (*from == '^' && from[1] != '\0')
            *to++ = (char)(*++from & 0x1f);
        else
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from == 'r' ? '\r' : *from == 'e' ? 27 : *from;
    }
    *to = '\0';
    return (size_t)(to - text);
}

static void resize(const typist *self, unsigned columns)
{
    const struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    if (ioctl(self->terminal, TIOCSWINSZ, &size) != 0)
        fail("no size of the terminal:", strerror(errno));
}

static void begin(typist *self, char **command)
{
    self->terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (self->terminal < 0 || grantpt(self->terminal) != 0 || unlockpt(self->terminal) != 0)
        fail("no terminal:", strerror(errno));
    resize(self, 80);
    const char *name = ptsname(self->terminal);
    self->program = fork();
    if (self->program != 0)
        return;
    setsid();
    int end = open(name, O_RDWR); /* becomes the controlling terminal */
    for (int i = 0; i < 3; i++)
        dup2(end, i);
    close(end);
    close(self->terminal);
    execvp(command[0], command);
    _exit(127);
}

/* What is shown within that time; false: nothing, or the terminal is closed. */
static bool look(typist *self, int ms)
{
    struct pollfd ready = {.fd = self->terminal, .events = POLLIN};
    if (poll(&ready, 1, ms) <= 0 || self->bytes == SHOWN_MOST)
        return false;
    ssize_t got = read(self->terminal, self->shown + self->bytes, SHOWN_MOST - self->bytes);
    if (got <= 0)
        return false;
    (void)!write(self->file, self->shown + self->bytes, (size_t)got);
    self->bytes += (size_t)got;
    return true;
}

static void await(typist *self, const char *text, size_t bytes)
{
    for (long end = now_ms() + PATIENCE_MS; now_ms() < end;) {
        const char *found = memmem(self->shown + self->seen, self->bytes - self->seen, text, bytes);
        if (found != NULL) {
            self->seen = (size_t)(found - self->shown) + bytes;
            return;
        }
        look(self, 100);
    }
    fail("waited in vain for", text);
}

/* Its end; what it still shows is read, so that it does not wait for us. */
static int end(typist *self)
{
    int status = 0;
    for (long last = now_ms() + PATIENCE_MS; now_ms() < last;) {
        while (look(self, 50))
            ;
        if (waitpid(self->program, &status, WNOHANG) == self->program)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    kill(self->program, SIGKILL);
    fail("the program", "does not end");
    return 99;
}

static void carry_out(typist *self, char *line)
{
    char *text = strchr(line, ' ');
    if (text == NULL)
        fail("no such line:", line);
    *text++ = '\0';
    size_t bytes = unescape(text);
    if (strcmp(line, "type") == 0 && write(self->terminal, text, bytes) != (ssize_t)bytes)
        fail("cannot type", text);
    else if (strcmp(line, "await") == 0)
        await(self, text, bytes);
    else if (strcmp(line, "columns") == 0)
        resize(self, (unsigned)atoi(text));
    else if (strcmp(line, "signal") == 0)
        kill(self->program, strcmp(text, "TERM") == 0   ? SIGTERM
                            : strcmp(text, "HUP") == 0  ? SIGHUP
                            : strcmp(text, "STOP") == 0 ? SIGSTOP
                                                        : SIGCONT);
}

int main(int argc, char **argv)
{
    static char line[65536];
    static typist self;
    if (argc < 3)
        fail("usage:", "typist FILE COMMAND [ARGUMENT...]");
    self.file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (self.file < 0)
        fail("no file:", argv[1]);
    begin(&self, argv + 2);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            carry_out(&self, line);
    }
    return end(&self);
}
