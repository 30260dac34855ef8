/* SPDX-License-Identifier: Apache-2.0 */
/* Where workers connect to that are not sluice: who is taken, and who is not. */
#include "manager/listener.h"
#include "unit/suite.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "0123456789abcdef0123456789abcdef"
#define GREETING(name) "FASPMGR 2\nType: INIT\nUserStr: " name "\n\n"
#define STRANGER 65534 /* a user who is nobody */

typedef struct office {
    sluice_loop *loop;
    sluice_listener *listener;
    sluice_link *claimed;
    unsigned asked, messages;
} office;

static void heard(void *user, sluice_link *link, const faspmgr_message *message)
{
    office *all = user;
    (void)link;
    (void)message;
    all->messages++;
}

static void ended(void *user, sluice_link *link, bool garbled)
{
    (void)user;
    (void)link;
    (void)garbled;
}

static void nothing(void *user)
{
    (void)user;
}

static const sluice_link_ports link_ports = {.heard = heard, .ended = ended, .roomy = nothing, .enter = nothing,
                                             .leave = nothing};

static bool claim(void *user, sluice_link *link, const char *name, const faspmgr_message *message)
{
    office *all = user;
    all->asked++;
    if (strcmp(name, NAME) != 0)
        return false;
    all->claimed = link;
    sluice_link_rebind(link, &link_ports, all);
    heard(all, link, message);
    return true;
}

static const sluice_listener_ports ports = {.claim = claim, .enter = nothing, .leave = nothing};

static void open_office(office *all)
{
    memset(all, 0, sizeof *all);
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&all->loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_listener_new(&all->listener, all->loop, &ports, all, NULL), SLUICE_OK);
}

static void close_office(office *all)
{
    sluice_link_free(all->claimed);
    sluice_listener_free(all->listener);
    sluice_loop_free(all->loop);
}

static int call(uint16_t port, const char *words)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof there) != 0 ||
        send(fd, words, strlen(words), MSG_NOSIGNAL) != (ssize_t)strlen(words))
        abort();
    return fd;
}

static bool closed(int fd)
{
    char byte;
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1 && recv(fd, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* Until the office has closed it; a second is far more than that takes, and far less than what the silent are given. */
static bool is_closed(office *all, int fd)
{
    for (int i = 0; i < 100 && !closed(fd); i++)
        CU_ASSERT_EQUAL(sluice_loop_step(all->loop, 10 * SLUICE_MS, NULL), SLUICE_OK);
    return closed(fd);
}

static void test_claim(void)
{
    office all;
    open_office(&all);
    int ours = call(sluice_listener_port(all.listener), GREETING(NAME) GREETING("of no account"));
    for (int i = 0; i < 100 && all.messages < 2; i++)
        CU_ASSERT_EQUAL(sluice_loop_step(all.loop, 10 * SLUICE_MS, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(all.messages, 2); /* what came with the first message is heard as well */
    CU_ASSERT_EQUAL(all.asked, 1);
    CU_ASSERT_PTR_NOT_NULL(all.claimed);
    CU_ASSERT_FALSE(closed(ours));
    close(ours);
    close_office(&all);
}

static void test_refused(void)
{
    static const char *const words[] = {
        GREETING("0123456789abcdef0123456789abcdee"), GREETING(""), "FASPMGR 2\nType: INIT\n\n", "GET / HTTP/1.1\r\n\r\n",
    };
    office all;
    open_office(&all);
    for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
        int fd = call(sluice_listener_port(all.listener), words[i]);
        CU_ASSERT(is_closed(&all, fd));
        close(fd);
    }
    CU_ASSERT_PTR_NULL(all.claimed);
    close_office(&all);
}

/* Those that say nothing make room, the oldest first. */
static void test_silent(void)
{
    int silent[SLUICE_LISTENER_PENDING];
    office all;
    open_office(&all);
    for (size_t i = 0; i < SLUICE_COUNT(silent); i++) {
        silent[i] = call(sluice_listener_port(all.listener), "FASPMGR 2\n");
        CU_ASSERT_EQUAL(sluice_loop_step(all.loop, SLUICE_MS, NULL), SLUICE_OK);
    }
    CU_ASSERT_FALSE(closed(silent[0]));
    int ours = call(sluice_listener_port(all.listener), GREETING(NAME));
    for (int i = 0; i < 100 && all.messages == 0; i++)
        CU_ASSERT_EQUAL(sluice_loop_step(all.loop, 10 * SLUICE_MS, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(all.messages, 1);
    CU_ASSERT(closed(silent[0]));
    CU_ASSERT_FALSE(closed(silent[SLUICE_LISTENER_PENDING - 1]));
    for (size_t i = 0; i < SLUICE_COUNT(silent); i++)
        close(silent[i]);
    close(ours);
    close_office(&all);
}

/* Another user who has read the name in our worker's arguments.  Only root can be somebody else for a test. */
static void test_stranger(void)
{
    office all;
    if (geteuid() != 0)
        return;
    open_office(&all);
    pid_t child = fork();
    if (child == 0) {
        if (setuid(STRANGER) != 0)
            _exit(2);
        int fd = call(sluice_listener_port(all.listener), GREETING(NAME));
        struct pollfd look = {.fd = fd, .events = POLLIN};
        char byte;
        _exit(poll(&look, 1, 10000) == 1 && recv(fd, &byte, 1, 0) <= 0 ? 0 : 1);
    }
    int status = -1;
    for (int i = 0; i < 200 && waitpid(child, &status, WNOHANG) == 0; i++)
        CU_ASSERT_EQUAL(sluice_loop_step(all.loop, 10 * SLUICE_MS, NULL), SLUICE_OK);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CU_ASSERT_PTR_NULL(all.claimed);
    CU_ASSERT_EQUAL(all.asked, 0);
    close_office(&all);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"a worker is taken", test_claim},
        {"others are not", test_refused},
        {"those that say nothing make room", test_silent},
        {"another user is not taken", test_stranger},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("listener", tests);
}
