/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/addresses.h"

#include <sluice/packet.h>
#include <string.h>

/* ---- the server's paths, as the core numbers them ---- */

static uint32_t path_of(sim_addresses *all, uint32_t address)
{
    uint32_t least = 0;

    for (uint32_t i = 0; i < SIM_ADDRESSES; i++) {
        if (all->paths[i].used && all->paths[i].address == address) {
            all->paths[i].heard = all->simulation->now;
            return i;
        }
        if (!all->paths[i].used && !least)
            least = i;
    }
    if (!least)
        sluice_sim_fail(all->simulation, "more addresses than paths");
    all->paths[least].used = true;
    all->paths[least].address = address;
    all->paths[least].heard = all->simulation->now;
    return least;
}

static bool is_attacker(const sim_addresses *all, uint32_t address)
{
    return address >= SIM_ADDRESSES - all->attack.addresses;
}

static void adopt(void *subject, const sim_endpoint *endpoint, uint32_t path)
{
    sim_addresses *all = subject;

    if (endpoint != all->server || path == 0 || path >= SIM_ADDRESSES || !all->paths[path].used) {
        sluice_sim_fail(all->simulation, "path %u is adopted by the %s", path, endpoint == all->server ? "server" : "client");
        return;
    }
    uint32_t address = all->paths[path].address;
    if (is_attacker(all, address) || address > all->client_at)
        sluice_sim_fail(all->simulation, "the session goes to address %u, the client is at %u", address, all->client_at);
    all->paths[path].address = all->paths[0].address;
    all->paths[0].address = address;
    all->known[address].validated = true;
    all->adopted++;
}

uint32_t sim_addresses_session(const sim_addresses *all)
{
    return all->paths[0].address;
}

static uint32_t path(void *subject, const sim_endpoint *to, const sluice_sim_packet *packet)
{
    sim_addresses *all = subject;

    return to == all->server ? path_of(all, packet->from) : 0;
}

static void authentic(void *subject, const sim_endpoint *to, const sluice_sim_packet *packet)
{
    sim_addresses *all = subject;

    if (to == all->server)
        all->paths[path_of(all, packet->from)].confirmed = true;
}

/* ---- packets to the client, or to the attacker ---- */

static void arrive_from_server(void *subject, sluice_sim_packet *packet)
{
    sim_addresses *all = subject;
    bool former = packet->to < all->client_at;

    if (packet->to == all->client_at || (former && all->former_lives))
        sim_endpoint_arrive(all->client, packet);
    else
        sluice_sim_packet_free(packet);
}

static void count_sent(sim_addresses *all, uint32_t address, uint32_t bytes)
{
    sim_address *to = &all->known[address];

    to->sent += bytes;
    if (!to->validated && to->sent > 3 * to->came)
        sluice_sim_fail(all->simulation, "%llu bytes are sent to address %u, from where %llu came",
                 (unsigned long long)to->sent, address, (unsigned long long)to->came);
}

/* ---- packets to the server ---- */

static void arrive_at_server(void *subject, sluice_sim_packet *packet)
{
    sim_addresses *all = subject;

    all->known[packet->from].came += packet->ip_bytes;
    sim_endpoint_arrive(all->server, packet);
}

static void arrive_copy(void *subject, uint64_t argument)
{
    sim_addresses *all = subject;

    all->held--;
    arrive_at_server(all, (sluice_sim_packet *)(uintptr_t)argument);
}

static uint32_t false_address(sim_addresses *all)
{
    if (all->attack.claims && all->client_at > 0 && sluice_sim_random_chance(&all->random, 0.2))
        return all->client_at - 1;
    return SIM_ADDRESSES - 1 - (uint32_t)sluice_sim_random_below(&all->random, all->attack.addresses);
}

static void send_false(sim_addresses *all, const void *data, uint32_t size, uint64_t number, sluice_duration after)
{
    sluice_sim_packet *copy = sluice_sim_packet_new(all->simulation, data, size);

    if (!copy)
        return;
    copy->from = false_address(all);
    copy->ip_bytes = size + 28;
    copy->number = number;
    all->held++;
    all->copies++;
    sluice_sim_at(all->simulation, all->simulation->now + after, arrive_copy, all, (uint64_t)(uintptr_t)copy);
}

static void tape(sim_addresses *all, const sluice_sim_packet *packet)
{
    sluice_sim_packet **place = &all->tape[all->taped++ % SLUICE_COUNT(all->tape)];

    sluice_sim_packet_free(*place);
    *place = sluice_sim_packet_new(all->simulation, packet->data, packet->size);
}

static void overhear(sim_addresses *all, const sluice_sim_packet *packet)
{
    sluice_duration delay = all->client->setup.out->setup.delay_ns;

    tape(all, packet);
    if (!sluice_sim_random_chance(&all->random, all->attack.copied))
        return;
    double part = sluice_sim_random_unit(&all->random);
    part = sluice_sim_random_chance(&all->random, all->attack.sooner) ? part : 1 + 3 * part;
    send_false(all, packet->data, packet->size, packet->number, (sluice_duration)((double)delay * part));
}

static void molest(void *subject, uint64_t argument)
{
    sim_addresses *all = subject;
    uint8_t garbage[1400];
    const sluice_sim_packet *old = all->tape[sluice_sim_random_below(&all->random, SLUICE_COUNT(all->tape))];

    (void)argument;
    if (!all->server->live)
        return;
    if (old && sluice_sim_random_chance(&all->random, 0.7)) {
        send_false(all, old->data, old->size, 1, 0);
    } else {
        uint32_t size = (uint32_t)sluice_sim_random_between(&all->random, 1, sizeof(garbage));

        for (uint32_t i = 0; i < size; i++)
            garbage[i] = (uint8_t)sluice_sim_random_next(&all->random);
        if (old && size >= 13)
            memcpy(garbage, old->data, sluice_sim_random_between(&all->random, 1, 13));
        send_false(all, garbage, size, 2, 0);
    }
    sluice_sim_at(all->simulation, all->simulation->now + sluice_sim_random_below(&all->random, 2 * all->attack.every) + 1, molest,
           all, 0);
}

static void address(void *subject, const sim_endpoint *from, uint32_t number, sluice_sim_packet *packet)
{
    sim_addresses *all = subject;

    if (from == all->client) {
        packet->from = all->client_at;
        packet->arrival = arrive_at_server;
        packet->subject = all;
        if (all->attack.addresses)
            overhear(all, packet);
        return;
    }
    if (number >= SIM_ADDRESSES || !all->paths[number].used) {
        sluice_sim_fail(all->simulation, "packet %llu goes to path %u, which is none", (unsigned long long)packet->number,
                 number);
        return;
    }
    packet->to = all->paths[number].address;
    packet->arrival = arrive_from_server;
    packet->subject = all;
    count_sent(all, packet->to, packet->ip_bytes);
}

void sim_addresses_change(sim_addresses *all)
{
    if (all->client_at + 1 >= SIM_ADDRESSES - all->attack.addresses)
        return;
    all->client_at++;
    sluice_sim_say(all->simulation, "the client is at address %u", all->client_at);
}

void sim_addresses_init(sim_addresses *all, sim_endpoint *client, sim_endpoint *server, const sim_attack *attack)
{
    bool former_lives = all->former_lives;

    *all = (sim_addresses){
        .simulation = client->simulation,
        .client = client,
        .server = server,
        .attack = *attack,
        .former_lives = former_lives,
        .addressing = {.subject = all, .address = address, .path = path, .authentic = authentic, .adopt = adopt}};
    all->random = sluice_sim_random_make(client->simulation->seed, 79);
    all->known[0].validated = true;
    all->paths[0].used = all->paths[0].confirmed = true;
    client->addressing = server->addressing = &all->addressing;
    if (attack->addresses && attack->every)
        sluice_sim_at(all->simulation, all->simulation->now, molest, all, 0);
}

void sim_addresses_fini(sim_addresses *all)
{
    for (size_t i = 0; i < SLUICE_COUNT(all->tape); i++)
        sluice_sim_packet_free(all->tape[i]);
    memset(all->tape, 0, sizeof(all->tape));
}
