/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A path, or a name in the abstract space, which '@' stands for. */
static socklen_t take_address(struct sockaddr_un *out)
{
    const char *name = secure_getenv("NOTIFY_SOCKET");
    size_t bytes = name != NULL ? strlen(name) : 0;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (bytes < 2 || bytes >= sizeof out->sun_path || (name[0] != '/' && name[0] != '@'))
        return 0;
    memcpy(out->sun_path, name, bytes);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
}

static void notify(const char *state)
{
    struct sockaddr_un address;
    socklen_t bytes = take_address(&address);
    int fd = bytes > 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, bytes);
    close(fd);
}

void sluice_notify_ready(void)
{
    notify("READY=1");
}

void sluice_notify_reloading(void)
{
    char state[64];
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    notify(state);
}

void sluice_notify_stopping(void)
{
    notify("STOPPING=1");
}
