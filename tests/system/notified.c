/* SPDX-License-Identifier: Apache-2.0 */
/* notified SOCKET: listens where $NOTIFY_SOCKET points (a path, or @NAME), and prints what comes, a line each, until
 * its standard input ends.  "ready" comes first. */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bytes >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, name, bytes);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
    return bind(fd, (const struct sockaddr *)&address, size) == 0 ? fd : -1;
}

/* A state may have several lines; here it is one, with blanks between. */
static void print_state(int fd)
{
    char state[1024];
    ssize_t bytes = recv(fd, state, sizeof state - 1, 0);
    if (bytes < 0)
        return;
    state[bytes] = '\0';
    for (char *at = state; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    puts(state);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int fd = argc == 2 ? listen_at(argv[1]) : -1;
    if (fd < 0) {
        perror("notified");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    struct pollfd ends[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (poll(ends, 2, -1) > 0) {
        if (ends[0].revents)
            print_state(fd);
        else if (ends[1].revents)
            break;
    }
    return 0;
}
