/* SPDX-License-Identifier: Apache-2.0 */
#include "session/places.h"

#include "net/resolver.h"
#include "net/ssh.h"
#include <stdlib.h>
#include <string.h>

struct sluice_places {
    sluice_loop *loop;
    sluice_ssh_query *query;
    sluice_resolver *resolver;
    void (*settled_call)(void *user);
    void *user;
    bool named, settled;
    size_t count;
    sluice_address known[SLUICE_PLACES];
};

static void settle(sluice_places *places)
{
    places->settled = true;
    places->settled_call(places->user);
}

static void add(sluice_places *places, const sluice_address *address)
{
    for (size_t i = 0; i < places->count; i++)
        if (sluice_address_same_host(&places->known[i], address))
            return;
    if (places->count < SLUICE_PLACES)
        places->known[places->count++] = *address;
}

void sluice_places_add(sluice_places *places, const sluice_address *address)
{
    if (!places->named)
        add(places, address);
}

static void on_resolved(void *user, int failed, const char *why, const sluice_address *addresses, size_t count)
{
    sluice_places *places = user;
    (void)why; /* there may be another place */
    for (size_t i = 0; !failed && i < count; i++)
        add(places, &addresses[i]);
    settle(places);
}

static int resolve(sluice_places *places, const char *host, sluice_error *error)
{
    return sluice_resolver_new(&places->resolver, places->loop, host, 0, on_resolved, places, error);
}

static void on_host(void *user, const char *host)
{
    sluice_places *places = user;
    if (!host || resolve(places, host, NULL) != SLUICE_OK)
        settle(places);
}

int sluice_places_new(sluice_places **out, sluice_loop *loop, const char *host, const char *ssh, const char *target,
                      void (*settled)(void *user), void *user, sluice_error *error)
{
    sluice_places *places = calloc(1, sizeof *places);
    if (!places)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory to look for %s", target);
    places->loop = loop;
    places->settled_call = settled;
    places->user = user;
    places->named = host != NULL;
    int status = host ? resolve(places, host, error)
                      : sluice_ssh_query_new(&places->query, loop, ssh, target, on_host, places, error);
    if (status != SLUICE_OK) {
        sluice_places_free(places);
        return status;
    }
    *out = places;
    return SLUICE_OK;
}

void sluice_places_free(sluice_places *places)
{
    if (!places)
        return;
    sluice_ssh_query_free(places->query);
    sluice_resolver_free(places->resolver);
    free(places);
}

const sluice_address *sluice_places_known(const sluice_places *places, size_t *count)
{
    *count = places->count;
    return places->known;
}

bool sluice_places_settled(const sluice_places *places)
{
    return places->settled;
}
