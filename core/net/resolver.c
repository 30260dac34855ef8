/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolver.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Who lets go of it last frees it: the owner, after the post was run; the post, when the owner went before; or the
 * thread, when it comes back and nobody is there. */
struct sluice_resolver {
    sluice_post post; /* first: the post is the resolver */
    sluice_loop *loop;
    sluice_resolver_done *done;
    void *user;
    pthread_mutex_t lock;
    bool asking, given_up; /* under the lock: the thread is on its way; the owner is gone */
    bool posted;           /* loop's thread, or the resolver's before it posts */
    char host[SLUICE_ADDRESS_HOST];
    uint16_t port;
    int failed;
    const char *why;
    size_t count;
    sluice_address addresses[SLUICE_RESOLVER_ADDRESSES];
};

static void destroy(sluice_resolver *resolver)
{
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* Takes the next address of the family that is on turn, or any, when that family has no more. */
static const struct addrinfo *next_of(const struct addrinfo **heads, unsigned turn)
{
    static const int families[2] = {AF_INET6, AF_INET};
    for (unsigned i = 0; i < 2; i++) {
        const struct addrinfo **head = &heads[(turn + i) % 2];
        while (*head && (*head)->ai_family != families[(turn + i) % 2])
            *head = (*head)->ai_next;
        if (*head) {
            const struct addrinfo *found = *head;
            *head = found->ai_next;
            return found;
        }
    }
    return NULL;
}

size_t sluice_resolver_order(const struct addrinfo *list, uint16_t port, sluice_address *out)
{
    const struct addrinfo *heads[2] = {list, list}, *info;
    size_t count = 0;
    unsigned first = list && list->ai_family == AF_INET ? 1 : 0;
    for (unsigned turn = first; count < SLUICE_RESOLVER_ADDRESSES && (info = next_of(heads, turn)); turn++)
        if (sluice_address_take(info->ai_addr, info->ai_addrlen, &out[count]) == SLUICE_OK)
            sluice_address_port_set(&out[count++], port);
    return count;
}

static void ask(void *user)
{
    sluice_resolver *resolver = user;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(resolver->host, NULL, &hints, &list);
    if (!failed) {
        resolver->count = sluice_resolver_order(list, resolver->port, resolver->addresses);
        freeaddrinfo(list);
    }
    resolver->failed = failed ? failed : resolver->count ? 0 : EAI_NONAME;
    resolver->why = resolver->failed ? gai_strerror(resolver->failed) : NULL;

    pthread_mutex_lock(&resolver->lock);
    bool given_up = resolver->given_up;
    resolver->asking = false;
    /* Under the lock: before it is open, nobody can free the loop, because the owner cannot give up. */
    if (!given_up) {
        resolver->posted = true;
        sluice_loop_post(resolver->loop, &resolver->post);
    }
    pthread_mutex_unlock(&resolver->lock);
    if (given_up)
        destroy(resolver);
}

static void answered(sluice_post *post)
{
    sluice_resolver *resolver = (sluice_resolver *)(void *)post;
    pthread_mutex_lock(&resolver->lock); /* the thread has left it */
    bool given_up = resolver->given_up;
    resolver->posted = false;
    pthread_mutex_unlock(&resolver->lock);
    if (given_up)
        destroy(resolver);
    else
        resolver->done(resolver->user, resolver->failed, resolver->why, resolver->addresses, resolver->count);
}

int sluice_resolver_new(sluice_resolver **out, sluice_loop *loop, const char *host, uint16_t port,
                        sluice_resolver_done *done, void *user, sluice_error *error)
{
    size_t bytes = strlen(host);
    if (bytes >= SLUICE_ADDRESS_HOST)
        return sluice_fail(error, SLUICE_EINVAL, "the host name is longer than %d bytes", SLUICE_ADDRESS_HOST - 1);
    sluice_resolver *resolver = calloc(1, sizeof(*resolver));
    if (!resolver)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to look up %s", host);
    pthread_mutex_init(&resolver->lock, NULL);
    resolver->post.run = answered;
    resolver->loop = loop;
    resolver->done = done;
    resolver->user = user;
    resolver->port = port;
    memcpy(resolver->host, host, bytes + 1);
    if (sluice_address_numeric(host, port, &resolver->addresses[0]) == SLUICE_OK) {
        resolver->count = 1;
        resolver->posted = true;
        sluice_loop_post(loop, &resolver->post);
    } else {
        resolver->asking = true;
        int status = sluice_thread_new(NULL, "sluice-resolve", ask, resolver, error);
        if (status != SLUICE_OK) {
            destroy(resolver);
            return status;
        }
    }
    *out = resolver;
    return SLUICE_OK;
}

void sluice_resolver_free(sluice_resolver *resolver)
{
    if (!resolver)
        return;
    pthread_mutex_lock(&resolver->lock);
    resolver->given_up = true;
    bool last = !resolver->asking && !resolver->posted;
    pthread_mutex_unlock(&resolver->lock);
    if (last)
        destroy(resolver);
}
