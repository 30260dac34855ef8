/* SPDX-License-Identifier: Apache-2.0 */
#include "links.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_NS (5 * SLUICE_SECOND)
#define AGAIN_NS (50 * SLUICE_MS) /* between one refusal and the next try */
#define STALL_NS (2 * SLUICE_SECOND) /* a manager may let us wait so long in a row, all messages together */
#define ASKED_MOST 200               /* messages of a manager in a second, sources aside, which have a limit of their own */
#define INHERITED "fd:"

static uint64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SLUICE_SECOND + (uint64_t)now.tv_nsec;
}

static int wait_ms(uint64_t until)
{
    uint64_t now = clock_now();
    return until > now ? (int)((until - now + SLUICE_MS - 1) / SLUICE_MS) : 0;
}

/* ---- connecting ---- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* The error of a connect that was begun, 0, or ETIMEDOUT. */
static int connect_end(int fd, uint64_t until)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = 0, count;
    socklen_t bytes = sizeof error;
    do
        count = poll(&ready, 1, wait_ms(until));
    while (count < 0 && errno == EINTR);
    if (count == 0)
        return ETIMEDOUT;
    if (count < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0)
        return errno;
    return error;
}

/* The connected socket, or a negative errno. */
static int connect_one(const struct addrinfo *to, uint64_t until)
{
    const int on = 1;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int error = connect(fd, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS)
        error = connect_end(fd, until);
    if (error != 0) {
        close(fd);
        return -error;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Tries the addresses one after the other.  The answer is that of a connection, else a refusal, else the last one;
 * -EPERM: none of them is allowed. */
static int connect_any(const struct addrinfo *addresses, bool insecure, uint64_t until)
{
    int answer = -EPERM;
    for (const struct addrinfo *one = addresses; one != NULL; one = one->ai_next) {
        if (!insecure && !is_loopback(one->ai_addr))
            continue;
        int fd = connect_one(one, until);
        if (fd >= 0)
            return fd;
        answer = answer == -ECONNREFUSED ? answer : fd;
    }
    return answer;
}

/* Whoever starts us may listen only when that is done. */
static int connect_patiently(const struct addrinfo *addresses, bool insecure, uint64_t until)
{
    const struct timespec pause = {.tv_nsec = (long)AGAIN_NS};
    int fd = connect_any(addresses, insecure, until);
    while (fd == -ECONNREFUSED && clock_now() < until) {
        nanosleep(&pause, NULL);
        fd = connect_any(addresses, insecure, until);
    }
    return fd;
}

/* place is [HOST:]PORT, HOST perhaps in brackets. */
static void split(const char *place, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(place, ':'), *from = place;
    size_t bytes = colon != NULL ? (size_t)(colon - place) : 0;
    *port = colon != NULL ? colon + 1 : place;
    if (bytes >= 2 && from[0] == '[' && from[bytes - 1] == ']') {
        from++;
        bytes -= 2;
    }
    snprintf(host, size, "%.*s", (int)(bytes < size ? bytes : size - 1), from);
    if (host[0] == '\0')
        snprintf(host, size, "localhost");
}

/* A socket that whoever started us has left open: nobody else can be at its other end. */
static int link_inherit(management_link *link, const sluice_host *host, const char *place)
{
    struct stat about;
    int fd = atoi(place + strlen(INHERITED));
    snprintf(link->name, sizeof link->name, "%s", place);
    if (fd <= STDERR_FILENO || fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode))
        return host->fail(host, SLUICE_EUSAGE, "the required management connection %s is no socket that was inherited", place);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return host->fail(host, SLUICE_EFAILED, "the required management connection %s failed: %s", place, strerror(errno));
    link->socket = fd;
    atomic_store(&link->hears, true);
    link->speaks = true;
    return SLUICE_OK;
}

static int link_open(management_link *link, const sluice_host *host, const char *place, bool insecure, uint64_t until)
{
    if (strncmp(place, INHERITED, strlen(INHERITED)) == 0)
        return link_inherit(link, host, place);
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    char name[256];
    const char *port;
    split(place, name, sizeof name, &port);
    snprintf(link->name, sizeof link->name, strchr(name, ':') != NULL ? "[%s]:%s" : "%s:%s", name, port);
    int problem = getaddrinfo(name, port, &hints, &addresses);
    if (problem != 0)
        return host->fail(host, SLUICE_EFAILED, "the required management connection to %s failed: %s", link->name,
                          gai_strerror(problem));
    link->socket = connect_patiently(addresses, insecure, until);
    freeaddrinfo(addresses);
    if (link->socket == -EPERM)
        return host->fail(host, SLUICE_EUSAGE,
                          "%s is not on this machine, and managers are talked to in the clear: see --management-insecure",
                          link->name);
    if (link->socket < 0)
        return host->fail(host, SLUICE_EFAILED, "the required management connection to %s failed: %s", link->name,
                          strerror(-link->socket));
    atomic_store(&link->hears, true);
    link->speaks = true;
    return SLUICE_OK;
}

static size_t lines_of(const char *list)
{
    size_t lines = 1;
    for (; *list != '\0'; list++)
        lines += *list == '\n';
    return lines;
}

int management_links_open(management_links *links, const sluice_host *host, const char *list, bool insecure)
{
    uint64_t until = clock_now() + CONNECT_NS;
    size_t lines = lines_of(list);
    links->host = host;
    links->wake = -1;
    if (lines > MANAGEMENT_LINKS_MOST)
        return host->fail(host, SLUICE_EUSAGE, "management: %zu managers are too many; there may be %d", lines,
                          MANAGEMENT_LINKS_MOST);
    links->links = host->resize(host, NULL, lines * sizeof *links->links);
    if (links->links == NULL)
        return host->fail(host, SLUICE_ENOMEM, "out of memory for managers");
    memset(links->links, 0, lines * sizeof *links->links);
    int status = SLUICE_OK;
    while (status == SLUICE_OK && links->count < lines) {
        char place[300];
        size_t bytes = strcspn(list, "\n");
        snprintf(place, sizeof place, "%.*s", (int)(bytes < sizeof place ? bytes : sizeof place - 1), list);
        list += bytes + (list[bytes] != '\0');
        status = link_open(&links->links[links->count], host, place, insecure, until);
        links->count += status == SLUICE_OK;
    }
    return status;
}

/* ---- writing ---- */

static void cut(management_links *links, management_link *link, const char *why)
{
    if (!atomic_exchange(&link->hears, false))
        return;
    links->host->log(links->host, SLUICE_LOG_WARNING, "manager %s is cut off: %s", link->name, why);
    shutdown(link->socket, SHUT_RDWR); /* the number is not free before close: the other thread may be using it */
}

/* False: its patience is at an end. */
static bool wait_for_room(management_link *link)
{
    struct pollfd ready = {.fd = link->socket, .events = POLLOUT};
    uint64_t from = clock_now();
    if (link->waited_ns >= STALL_NS)
        return false;
    link->stalled = true;
    (void)poll(&ready, 1, wait_ms(from + STALL_NS - link->waited_ns));
    link->waited_ns += clock_now() - from;
    return true;
}

static void link_say(management_links *links, management_link *link, const faspmgr_writer *message)
{
    size_t sent = 0;
    link->stalled = false;
    while (sent < message->bytes && atomic_load(&link->hears)) {
        ssize_t count = send(link->socket, message->text + sent, message->bytes - sent, MSG_NOSIGNAL);
        if (count >= 0)
            sent += (size_t)count;
        else if (errno == EAGAIN && !wait_for_room(link))
            cut(links, link, "it does not read what it is told");
        else if (errno != EAGAIN && errno != EINTR)
            cut(links, link, strerror(errno));
    }
    if (!link->stalled)
        link->waited_ns = 0;
}

void management_links_say(management_links *links, const faspmgr_writer *message)
{
    for (size_t i = 0; i < links->count; i++)
        link_say(links, &links->links[i], message);
}

/* ---- reading ---- */

static bool asks_too_much(management_link *link, const faspmgr_message *message)
{
    if (strcmp(message->type, "START") == 0)
        return false;
    uint64_t second = clock_now() / SLUICE_SECOND;
    link->asked = second == link->second ? link->asked + 1 : 1;
    link->second = second;
    return link->asked > ASKED_MOST;
}

static void ask(management_links *links, const management_link *link)
{
    management_understand(&links->message, &links->ask);
    links->asked(links->user, &links->ask, link->name);
}

static void take(management_links *links, management_link *link, const char *bytes, size_t count)
{
    while (count > 0) {
        size_t taken;
        faspmgr_verdict verdict = faspmgr_read(&link->reader, bytes, count, &taken, &links->message);
        bytes += taken;
        count -= taken;
        if (verdict == FASPMGR_MALFORMED || (verdict == FASPMGR_WHOLE && asks_too_much(link, &links->message))) {
            link->speaks = false;
            links->gone(links->user, link->name);
            cut(links, link, verdict == FASPMGR_WHOLE ? "it asks without end" : "what it says is not FASPMGR 2");
            return;
        }
        if (verdict == FASPMGR_WHOLE)
            ask(links, link);
    }
}

/* A manager that says nothing more may still listen. */
static void link_read(management_links *links, management_link *link)
{
    char bytes[4096];
    ssize_t count = recv(link->socket, bytes, sizeof bytes, 0);
    if (count > 0)
        take(links, link, bytes, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        link->speaks = false;
        links->gone(links->user, link->name);
    }
}

static void *body(void *argument)
{
    management_links *links = argument;
    for (;;) {
        struct pollfd ready[MANAGEMENT_LINKS_MOST + 1] = {{.fd = links->wake, .events = POLLIN}};
        for (size_t i = 0; i < links->count; i++)
            ready[i + 1] = (struct pollfd){.fd = links->links[i].speaks ? links->links[i].socket : -1, .events = POLLIN};
        if (poll(ready, links->count + 1, -1) < 0)
            continue;
        if (ready[0].revents != 0)
            return NULL;
        for (size_t i = 0; i < links->count; i++)
            if (ready[i + 1].revents != 0)
                link_read(links, &links->links[i]);
    }
}

int management_links_read(management_links *links,
                          void (*asked)(void *user, const management_ask *ask, const char *manager),
                          void (*gone)(void *user, const char *manager), void *user)
{
    sigset_t all, before;
    links->asked = asked;
    links->gone = gone;
    links->user = user;
    links->wake = eventfd(0, EFD_CLOEXEC);
    if (links->wake < 0)
        return links->host->fail(links->host, SLUICE_EIO, "cannot make an eventfd: %s", strerror(errno));
    /* Signals are the program's own affair. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_create(&links->thread, NULL, body, links);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    links->reading = problem == 0;
    if (problem != 0)
        return links->host->fail(links->host, SLUICE_EIO, "no thread to read what managers say: %s", strerror(problem));
    return SLUICE_OK;
}

/* ---- the end ---- */

/* What a manager said last and nobody will read would make the kernel take back what it was told last. */
static void link_close(management_link *link)
{
    char bytes[4096];
    shutdown(link->socket, SHUT_WR);
    for (int turn = 0; turn < 16 && recv(link->socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0; turn++)
        continue;
    close(link->socket);
}

void management_links_close(management_links *links)
{
    if (links->host == NULL)
        return;
    if (links->reading) {
        const uint64_t one = 1;
        while (write(links->wake, &one, sizeof one) < 0 && errno == EINTR)
            continue;
        pthread_join(links->thread, NULL);
    }
    if (links->wake >= 0)
        close(links->wake);
    for (size_t i = 0; i < links->count; i++)
        link_close(&links->links[i]);
    links->host->resize(links->host, links->links, 0);
    *links = (management_links){.host = NULL};
}
