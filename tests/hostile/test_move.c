/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that are to be moved to another channel, by those who may and by those who may not. */
#include "hostile/scene.h"
#include "session/message.h"
#include "unit/suite.h"
#include <stdlib.h>
#include <string.h>

static uint16_t port_of(const scene *at)
{
    return (uint16_t)sluice_server_port(at->server);
}

static void move_bytes(sluice_wire_writer *writer)
{
    sluice_move_message move = {.has_join = false};
    sluice_move_put(&move, writer);
}

/* A stranger with a session of its own, over UDP. */
static void settle_in(stranger *s, const scene *at)
{
    scene_arrive(s, at);
    s->hello.features = SLUICE_FEATURE_MOVE;
    scene_meet(s, at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->lane);
}

/* The server hears it by datagrams: an empty RATE message is an offence that it answers. */
static void is_heard(stranger *s)
{
    char sentence[1024];
    stranger_message(s, SLUICE_MESSAGE_RATE, "", 0);
    CU_ASSERT(stranger_wait(s, SLUICE_MESSAGE_ERROR, SCENE_SOON));
    CU_ASSERT_EQUAL(stranger_error(s, sentence, sizeof sentence), SLUICE_EPROTOCOL);
}

/* Without the keys nothing is told, not even whether there is such a session, and it stays where it is. */
static void others_cannot_move_it(void)
{
    scene at;
    stranger owner, thief;
    sluice_keys keys;
    scene_begin(&at);
    settle_in(&owner, &at);

    scene_arrive(&thief, &at);
    stranger_join(&thief, port_of(&at), &owner.keys, true); /* a proof for another connection */
    CU_ASSERT_EQUAL(thief.refused, SLUICE_EGONE);
    CU_ASSERT_FALSE(thief.moved);
    stranger_fini(&thief);

    keys = owner.keys;
    keys.secret[0] ^= 1;
    scene_arrive(&thief, &at);
    stranger_join(&thief, port_of(&at), &keys, false); /* the id is known, the secret is not */
    CU_ASSERT_EQUAL(thief.refused, SLUICE_EGONE);
    stranger_fini(&thief);

    keys = owner.keys;
    keys.session_id[3] ^= 1;
    scene_arrive(&thief, &at);
    stranger_join(&thief, port_of(&at), &keys, false); /* there is no such session */
    CU_ASSERT_EQUAL(thief.refused, SLUICE_EGONE);
    stranger_fini(&thief);

    is_heard(&owner);
    stranger_fini(&owner);
    scene_end(&at);
}

static void owner_moves_it(void)
{
    scene at;
    stranger owner, again, third;
    scene_begin(&at);
    settle_in(&owner, &at);
    scene_arrive(&again, &at);
    stranger_join(&again, port_of(&at), &owner.keys, false);
    CU_ASSERT_TRUE(again.moved);
    /* And once more, from there. */
    scene_arrive(&third, &at);
    stranger_join(&third, port_of(&at), &owner.keys, false);
    CU_ASSERT_TRUE(third.moved);
    stranger_fini(&third);
    stranger_fini(&again);
    stranger_fini(&owner);
    scene_end(&at);
}

static void out_of_turn(void)
{
    scene at;
    stranger s;
    sluice_wire_writer move = {0};
    scene_begin(&at);
    move_bytes(&move);

    /* Before any session, without a proof. */
    scene_arrive(&s, &at);
    stranger_meet(&s, port_of(&at), move.bytes, move.size);
    CU_ASSERT_EQUAL(s.refused, SLUICE_EPROTOCOL);
    stranger_fini(&s);

    /* A hello after the welcome is not looked at, a move is. */
    settle_in(&s, &at);
    CU_ASSERT_EQUAL(sluice_channel_send(s.tls, "\x01", 1), SLUICE_OK);
    stranger_tell(&s, move.bytes, move.size);
    CU_ASSERT_TRUE(s.moved);
    stranger_fini(&s);
    sluice_wire_writer_fini(&move);
    scene_end(&at);
}

/* Bytes that are no packets, on the channel of a session: they are counted and forgotten, or end that session. */
static void noise_for_packets(void)
{
    scene at;
    scene_begin(&at);
    for (unsigned seed = 1; seed <= 20; seed++) {
        static uint8_t noise[60000];
        stranger s;
        sluice_wire_writer move = {0};
        srandom(seed);
        move_bytes(&move);
        settle_in(&s, &at);
        stranger_tell(&s, move.bytes, move.size);
        CU_ASSERT_TRUE_FATAL(s.moved);
        for (unsigned n = 0; n < 20 && !s.hung_up; n++) {
            size_t bytes = 1 + (size_t)random() % (seed % 4 ? 2000 : sizeof noise);
            for (size_t i = 0; i < bytes; i++)
                noise[i] = (uint8_t)random();
            if (seed % 2 && bytes > 13) { /* a header as it should be */
                noise[0] = 0x40;
                memset(noise + 1, 0, 8);
            }
            if (sluice_channel_send(s.tls, noise, bytes) != SLUICE_OK)
                break;
        }
        (void)stranger_wait(&s, 0, 0);
        sluice_wire_writer_fini(&move);
        stranger_fini(&s);
    }
    scene_end(&at);
}

/* A secret in the hello counts over ssh only: by TLS it is the exporter's that makes the keys. */
static void secret_by_tls(void)
{
    scene at;
    stranger s;
    scene_begin(&at);
    scene_arrive(&s, &at);
    s.hello.has_secret = true;
    scene_meet(&s, &at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.lane);
    is_heard(&s);
    stranger_fini(&s);

    scene_arrive(&s, &at);
    s.hello.has_secret = true;
    s.ticket.secret[0] ^= 1;
    scene_meet(&s, &at);
    CU_ASSERT_EQUAL(s.refused, SLUICE_EAUTH);
    stranger_fini(&s);
    scene_end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"others cannot move a session", others_cannot_move_it},
                                        {"its owner moves it, and again", owner_moves_it},
                                        {"moves out of turn", out_of_turn},
                                        {"noise in place of packets", noise_for_packets},
                                        {"a secret by TLS is no ticket", secret_by_tls},
                                        CU_TEST_INFO_NULL};
    return sluice_suite_run("move", tests);
}
