/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manager.c - a manager for the tests of the management protocol: takes one connection, writes down what comes, and says
 * what its standard input tells it to.
 *
 *     manager FILE [DELAY_MS]     says its port on standard output; listens there only after the delay
 *
 * Lines of the standard input:
 *     say TYPE [KEY=VALUE...]     a message of FASPMGR 2
 *     raw TEXT                    bytes as they are, with \n, \r and \0 for what a line cannot hold
 *     flood COUNT                 so many messages of type NOP at once
 *     deaf                        reads nothing any more
 *     quit                        ends, and with it the connection
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct manager {
    int peer, file;
    bool deaf;
    char line[8192];
    size_t bytes;
} manager;

static void fail(const char *what)
{
    fprintf(stderr, "manager: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int begin(long delay_ms)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timespec delay = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, size) != 0 || getsockname(fd, (struct sockaddr *)&here, &size) != 0)
        fail("no port");
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    nanosleep(&delay, NULL);
    if (listen(fd, 1) != 0)
        fail("listen");
    return fd;
}

static void say_bytes(manager *self, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t sent = send(self->peer, bytes, count, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* cut off, which a test may be about */
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void say_message(manager *self, char *words)
{
    char text[8192];
    char *word = strtok(words, " ");
    size_t n = (size_t)snprintf(text, sizeof text, "FASPMGR 2\nType: %s\n", word != NULL ? word : "");
    while ((word = strtok(NULL, " ")) != NULL && n < sizeof text) {
        char *value = strchr(word, '=');
        if (value != NULL)
            *value++ = '\0';
        n += (size_t)snprintf(text + n, sizeof text - n, "%s: %s\n", word, value != NULL ? value : "");
    }
    text[n++] = '\n';
    say_bytes(self, text, n);
}

static void say_raw(manager *self, const char *escaped)
{
    char text[8192];
    size_t n = 0;
    for (const char *at = escaped; *at != '\0'; at++) {
        bool escape = at[0] == '\\' && (at[1] == 'n' || at[1] == 'r' || at[1] == '0');
        if (escape)
            at++;
        text[n++] = !escape ? *at : (char)(*at == 'n' ? '\n' : *at == 'r' ? '\r' : '\0');
    }
    say_bytes(self, text, n);
}

static void flood(manager *self, long count)
{
    static const char message[] = "FASPMGR 2\nType: NOP\n\n";
    while (count-- > 0)
        say_bytes(self, message, sizeof message - 1);
}

static void obey(manager *self, char *line)
{
    char *rest = line + strcspn(line, " ");
    if (*rest != '\0')
        *rest++ = '\0';
    if (strcmp(line, "say") == 0)
        say_message(self, rest);
    else if (strcmp(line, "raw") == 0)
        say_raw(self, rest);
    else if (strcmp(line, "flood") == 0)
        flood(self, strtol(rest, NULL, 10));
    else if (strcmp(line, "deaf") == 0)
        self->deaf = true;
    else if (strcmp(line, "quit") == 0)
        exit(0);
}

/* False: there will be no more to obey. */
static bool listen_to_input(manager *self)
{
    ssize_t count = read(STDIN_FILENO, self->line + self->bytes, sizeof self->line - 1 - self->bytes);
    if (count <= 0)
        return false;
    self->bytes += (size_t)count;
    self->line[self->bytes] = '\0';
    char *at = self->line, *end;
    while ((end = strchr(at, '\n')) != NULL) {
        *end = '\0';
        obey(self, at);
        at = end + 1;
    }
    self->bytes -= (size_t)(at - self->line);
    memmove(self->line, at, self->bytes);
    return true;
}

/* False: the other side has ended. */
static bool write_down(manager *self)
{
    char bytes[65536];
    ssize_t count = recv(self->peer, bytes, sizeof bytes, 0);
    return count > 0 && write(self->file, bytes, (size_t)count) == count;
}

int main(int argc, char **argv)
{
    manager self = {.peer = -1};
    if (argc < 2)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    self.file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (self.file < 0)
        fail(argv[1]);
    int listener = begin(argc > 2 ? strtol(argv[2], NULL, 10) : 0);
    self.peer = accept(listener, NULL, NULL);
    if (self.peer < 0)
        fail("accept");
    close(listener);
    for (bool input = true;;) {
        struct pollfd ready[2] = {{.fd = input ? STDIN_FILENO : -1, .events = POLLIN},
                                  {.fd = self.deaf ? -1 : self.peer, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0)
            continue;
        if (ready[0].revents != 0)
            input = listen_to_input(&self);
        if (ready[1].revents != 0 && !write_down(&self))
            return 0;
    }
}
