/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interrupter.c - a manager of one transfer that sends it SIGINT behind a message, as some send it behind the last one.
 *
 *     interrupter TYPE PROGRAM ARGUMENT...
 *
 * An argument that is PORT becomes the port at which it listens.  Where there is none it is the manager of a worker: what
 * ORDER of the environment names is its order, on descriptor 3, and the messages come on descriptor 4.  Writes the types of
 * all messages, one a line, and ends as PROGRAM did; 128 and the number of a signal if it was killed by one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
    fprintf(stderr, "interrupter: %s: %s\n", what, strerror(errno));
    exit(99);
}

/* Puts the port into the arguments; -1: none of them is for it. */
static int listen_for(char **arguments, char port[16])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &bytes) != 0)
        fail("listen");
    snprintf(port, 16, "%u", ntohs(at.sin_port));
    for (char **word = arguments; *word != NULL; word++)
        if (strcmp(*word, "PORT") == 0) {
            *word = port;
            return listener;
        }
    close(listener);
    return -1;
}

static void be_worker(int order, int management)
{
    /* Neither is in the way of the other. */
    int from = fcntl(order, F_DUPFD, 10), to = fcntl(management, F_DUPFD, 10);
    if (from < 0 || to < 0 || dup2(from, 3) != 3 || dup2(to, 4) != 4)
        fail("descriptors");
    close(from);
    close(to);
}

static pid_t begin(char **arguments, int management)
{
    const char *name = getenv("ORDER");
    int order = management >= 0 && name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    pid_t child = fork();
    if (child != 0)
        return child;
    signal(SIGINT, SIG_DFL);
    if (management >= 0)
        be_worker(order, management);
    execvp(arguments[0], arguments);
    fail(arguments[0]);
    return -1;
}

/* Until the other side has ended. */
static void hear(FILE *peer, const char *type, pid_t child)
{
    char line[8192];
    bool sent = false;
    while (fgets(line, sizeof line, peer) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "Type: ", 6) != 0)
            continue;
        if (!sent && strcmp(line + 6, type) == 0)
            sent = kill(child, SIGINT) == 0;
        puts(line + 6);
    }
}

int main(int argc, char **argv)
{
    char port[16];
    int ends[2] = {-1, -1}, status;
    if (argc < 3)
        return 98;
    int listener = listen_for(argv + 2, port);
    if (listener < 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail("socketpair");
    pid_t child = begin(argv + 2, ends[1]);
    if (child < 0)
        fail("fork");
    if (ends[1] >= 0)
        close(ends[1]);
    int peer = listener >= 0 ? accept(listener, NULL, NULL) : ends[0];
    FILE *messages = peer >= 0 ? fdopen(peer, "r") : NULL;
    if (messages == NULL)
        fail("messages");
    hear(messages, argv[1], child);
    /* As some clients do behind the end of the messages, too. */
    kill(child, SIGINT);
    if (waitpid(child, &status, 0) != child)
        fail("wait");
    fclose(messages);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
