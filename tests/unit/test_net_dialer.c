/* SPDX-License-Identifier: Apache-2.0 */
/* A host with several addresses (RFC 8305): which is tried first, when the next one is, and which one wins. */
#include "net/dialer.h"
#include "unit/suite.h"

#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEVER_NS (1000 * SLUICE_SECOND) /* a stagger that no test waits for */

typedef struct net {
    sluice_loop *loop;
    sluice_dialer *dialer;
    unsigned done;
    int fd;
    sluice_address peer;
    sluice_error error;
    uint16_t port;
    int listener, filler[2]; /* the good address; what fills the queue of the one that hangs */
    int hanging;
} net;

static void on_done(void *user, int fd, const sluice_address *peer, const sluice_error *error)
{
    net *n = user;
    n->done++;
    n->fd = fd;
    if (fd >= 0)
        n->peer = *peer;
    else
        n->error = *error;
}

static sluice_address at(const char *host, uint16_t port)
{
    sluice_address address;
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric(host, port, &address), SLUICE_OK);
    return address;
}

static int socket_listen(const char *host, uint16_t *port, int backlog)
{
    sluice_address address = at(host, *port);
    struct sockaddr_in6 raw;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t bytes = sluice_address_give(&address, AF_INET, &raw);
    CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&raw, bytes), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, backlog), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&raw, &bytes), 0);
    CU_ASSERT_EQUAL(sluice_address_take((struct sockaddr *)&raw, bytes, &address), SLUICE_OK);
    *port = sluice_address_port(&address);
    return fd;
}

/* 127.0.0.9 answers; 127.0.0.3 does not, because its queue of connections is full; at all other addresses of loopback
 * the port is closed. */
static void net_open(net *n)
{
    memset(n, 0, sizeof(*n));
    n->fd = -1;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&n->loop, NULL), SLUICE_OK);
    n->listener = socket_listen("127.0.0.9", &n->port, 8);
    n->hanging = socket_listen("127.0.0.3", &n->port, 0);
    sluice_address address = at("127.0.0.3", n->port);
    struct sockaddr_in6 raw;
    socklen_t bytes = sluice_address_give(&address, AF_INET, &raw);
    for (unsigned i = 0; i < 2; i++) {
        n->filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(n->filler[i], (struct sockaddr *)&raw, bytes);
    }
}

static void net_close(net *n)
{
    sluice_dialer_free(n->dialer);
    if (n->fd >= 0)
        close(n->fd);
    close(n->listener);
    close(n->hanging);
    for (unsigned i = 0; i < 2; i++)
        if (n->filler[i] >= 0)
            close(n->filler[i]);
    sluice_loop_free(n->loop);
}

static void dial(net *n, const char *const *hosts, size_t count, sluice_duration stagger_ns)
{
    sluice_address addresses[SLUICE_RESOLVER_ADDRESSES];
    for (size_t i = 0; i < count; i++)
        addresses[i] = at(hosts[i], n->port);
    CU_ASSERT_EQUAL_FATAL(
        sluice_dialer_to(&n->dialer, n->loop, "host:1", addresses, count, stagger_ns, on_done, n, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(n->done, 0);
}

static void until_done(net *n)
{
    for (sluice_time latest = sluice_loop_refresh(n->loop) + 20 * SLUICE_SECOND;
         !n->done && sluice_loop_refresh(n->loop) < latest;)
        CU_ASSERT_EQUAL(sluice_loop_step(n->loop, SLUICE_SECOND, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(n->done, 1);
}

static unsigned descriptor_count(void)
{
    unsigned count = 0;
    DIR *list = opendir("/proc/self/fd");
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

static void next_one_follows_a_failure_at_once(void)
{
    net n;
    char text[SLUICE_ADDRESS_TEXT];
    static const char *const hosts[] = {"127.0.0.4", "127.0.0.5", "255.255.255.255", "127.0.0.9"};
    net_open(&n);
    dial(&n, hosts, 4, NEVER_NS);
    until_done(&n);
    CU_ASSERT(n.fd >= 0);
    CU_ASSERT_STRING_EQUAL(sluice_address_host(&n.peer, text), "127.0.0.9");
    net_close(&n);
}

static void next_one_follows_a_silence_after_the_stagger(void)
{
    net n;
    char text[SLUICE_ADDRESS_TEXT];
    static const char *const hosts[] = {"127.0.0.3", "127.0.0.9"};
    net_open(&n);
    sluice_time start = sluice_loop_refresh(n.loop);
    unsigned before = descriptor_count();
    dial(&n, hosts, 2, 60 * SLUICE_MS);
    until_done(&n);
    CU_ASSERT(sluice_loop_refresh(n.loop) - start >= 60 * SLUICE_MS);
    CU_ASSERT_STRING_EQUAL(sluice_address_host(&n.peer, text), "127.0.0.9");
    CU_ASSERT_EQUAL(descriptor_count(), before + 1); /* the loser is closed */
    CU_ASSERT_EQUAL(sluice_loop_step(n.loop, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(n.done, 1); /* and nobody is told of it */
    net_close(&n);
}

/* The one after a silent one fails: the third follows at once, not after another stagger. */
static void failure_counts_while_another_is_silent(void)
{
    net n;
    char text[SLUICE_ADDRESS_TEXT];
    static const char *const hosts[] = {"127.0.0.3", "127.0.0.4", "127.0.0.9"};
    net_open(&n);
    sluice_time start = sluice_loop_refresh(n.loop);
    dial(&n, hosts, 3, SLUICE_SECOND);
    until_done(&n);
    sluice_duration took = sluice_loop_refresh(n.loop) - start;
    CU_ASSERT(took >= SLUICE_SECOND && took < 2 * SLUICE_SECOND);
    CU_ASSERT_STRING_EQUAL(sluice_address_host(&n.peer, text), "127.0.0.9");
    net_close(&n);
}

static void silent_one_may_still_win(void)
{
    net n;
    char text[SLUICE_ADDRESS_TEXT];
    static const char *const hosts[] = {"127.0.0.3", "127.0.0.4"};
    net_open(&n);
    dial(&n, hosts, 2, 10 * SLUICE_MS);
    for (sluice_time until = sluice_loop_refresh(n.loop) + 50 * SLUICE_MS; sluice_loop_refresh(n.loop) < until;)
        CU_ASSERT_EQUAL(sluice_loop_step(n.loop, 10 * SLUICE_MS, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(n.done, 0); /* the second was refused, the first is waited for */
    /* Its queue gets room: the kernel's next SYN, a second later, is taken. */
    close(accept(n.hanging, NULL, NULL));
    for (unsigned i = 0; i < 2; i++) {
        close(n.filler[i]);
        n.filler[i] = -1;
    }
    until_done(&n);
    CU_ASSERT(n.fd >= 0);
    CU_ASSERT_STRING_EQUAL(sluice_address_host(&n.peer, text), "127.0.0.3");
    net_close(&n);
}

static void all_failures_make_one(void)
{
    net n;
    static const char *const hosts[] = {"127.0.0.4", "255.255.255.255", "127.0.0.5"};
    net_open(&n);
    dial(&n, hosts, 3, NEVER_NS);
    until_done(&n);
    CU_ASSERT_EQUAL(n.fd, -1);
    CU_ASSERT_EQUAL(n.error.status, SLUICE_ECONNECT);
    /* The refusal tells more than what came of the broadcast address. */
    CU_ASSERT_STRING_EQUAL(n.error.text,
                           "cannot connect to host:1: Connection refused - is `sluice serve` running there?");
    net_close(&n);
}

static void giving_up_leaves_nothing(void)
{
    net n;
    static const char *const hosts[] = {"127.0.0.3", "127.0.0.3", "127.0.0.3"};
    net_open(&n);
    unsigned before = descriptor_count();
    dial(&n, hosts, 3, SLUICE_MS);
    while (descriptor_count() < before + 3)
        CU_ASSERT_EQUAL(sluice_loop_step(n.loop, SLUICE_SECOND, NULL), SLUICE_OK);
    sluice_dialer_free(n.dialer);
    n.dialer = NULL;
    CU_ASSERT_EQUAL(descriptor_count(), before);
    CU_ASSERT_EQUAL(n.done, 0);
    net_close(&n);
}

/* ---- the order (RFC 8305 section 4) ---- */

typedef struct entry {
    struct addrinfo info;
    struct sockaddr_in6 raw;
} entry;

static void order_check(const char *const *given, size_t count, const char *const *wanted, size_t wanted_count)
{
    entry entries[24] = {0};
    sluice_address ordered[SLUICE_RESOLVER_ADDRESSES];
    char text[SLUICE_ADDRESS_TEXT];
    for (size_t i = 0; i < count; i++) {
        sluice_address address = at(given[i], 0);
        entries[i].info.ai_family = address.of.any.sa_family;
        entries[i].info.ai_addrlen = sluice_address_give(&address, address.of.any.sa_family, &entries[i].raw);
        entries[i].info.ai_addr = (struct sockaddr *)&entries[i].raw;
        entries[i].info.ai_next = i + 1 < count ? &entries[i + 1].info : NULL;
    }
    CU_ASSERT_EQUAL(sluice_resolver_order(&entries[0].info, 33001, ordered), wanted_count);
    for (size_t i = 0; i < wanted_count; i++) {
        CU_ASSERT_STRING_EQUAL(sluice_address_host(&ordered[i], text), wanted[i]);
        CU_ASSERT_EQUAL(sluice_address_port(&ordered[i]), 33001);
    }
}

static void families_take_turns(void)
{
    order_check((const char *[]){"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"}, 5,
                (const char *[]){"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"}, 5);
    /* The system prefers IPv4 here. */
    order_check((const char *[]){"192.0.2.1", "192.0.2.2", "2001:db8::1"}, 3,
                (const char *[]){"192.0.2.1", "2001:db8::1", "192.0.2.2"}, 3);
    order_check((const char *[]){"192.0.2.1"}, 1, (const char *[]){"192.0.2.1"}, 1);
    /* Of more than can be kept, both families are. */
    const char *given[20], *wanted[16];
    char names[20][32];
    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), i < 18 ? "2001:db8::%zx" : "192.0.2.%zu", i + 1);
        given[i] = names[i];
    }
    for (size_t i = 0; i < 16; i++)
        wanted[i] = i == 1 ? names[18] : i == 3 ? names[19] : names[i == 0 ? 0 : i == 2 ? 1 : i - 2];
    order_check(given, 20, wanted, 16);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"next one follows a failure at once", next_one_follows_a_failure_at_once},
        {"next one follows a silence after the stagger", next_one_follows_a_silence_after_the_stagger},
        {"failure counts while another is silent", failure_counts_while_another_is_silent},
        {"silent one may still win", silent_one_may_still_win},
        {"all failures make one", all_failures_make_one},
        {"giving up leaves nothing", giving_up_leaves_nothing},
        {"families take turns", families_take_turns},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_dialer", tests);
}
