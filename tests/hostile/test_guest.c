/* SPDX-License-Identifier: Apache-2.0 */
/* A server among clients that hold its ticket and mean no good: each is told, and the server goes on serving. */
#include "hostile/scene.h"
#include "session/message.h"
#include "session/request.h"
#include "unit/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the set-up ---- */

static void refused_with(const scene *at, stranger *s, int status, const char *word)
{
    scene_meet(s, at);
    CU_ASSERT_EQUAL(s->refused, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->sentence, word));
    CU_ASSERT_PTR_NULL(s->lane);
    stranger_fini(s);
}

static void hellos_of_another_kind(void)
{
    scene at;
    stranger s;
    scene_begin(&at);

    scene_arrive(&s, &at);
    s.hello.version_least = 2;
    s.hello.version_most = 9;
    refused_with(&at, &s, SLUICE_EVERSION, "2 to 9");

    scene_arrive(&s, &at);
    sluice_wire_put_field(&s.extra, 9999, "must be understood", 18);
    refused_with(&at, &s, SLUICE_EVERSION, "9999");

    scene_arrive(&s, &at);
    s.ticket.secret[0] ^= 1;
    refused_with(&at, &s, SLUICE_EAUTH, "ticket");

    scene_arrive(&s, &at);
    snprintf(s.hello.ciphers[0].name, sizeof s.hello.ciphers[0].name, "rot-13");
    refused_with(&at, &s, SLUICE_ECIPHER, "rot-13");

    scene_arrive(&s, &at);
    snprintf(s.hello.transport, sizeof s.hello.transport, "pigeon");
    refused_with(&at, &s, SLUICE_EVERSION, "pigeon");

    scene_arrive(&s, &at);
    s.hello.push = false;
    snprintf(s.hello.congestion, sizeof s.hello.congestion, "../../evil");
    refused_with(&at, &s, SLUICE_EACCESS, "../../evil");

    /* Known versions among others, and a field that need not be understood. */
    scene_arrive(&s, &at);
    s.hello.version_least = 0;
    s.hello.version_most = 9;
    sluice_wire_put_field(&s.extra, 9998, "may be skipped", 14);
    scene_meet(&s, &at);
    CU_ASSERT_EQUAL(s.refused, SLUICE_OK);
    CU_ASSERT_PTR_NOT_NULL(s.lane);
    stranger_fini(&s);
    scene_end(&at);
}

static void hellos_of_noise(void)
{
    scene at;
    scene_begin(&at);
    for (unsigned seed = 1; seed <= 40; seed++) {
        stranger s;
        uint8_t noise[300];
        srandom(seed);
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)random();
        noise[0] = seed % 2 ? SLUICE_HELLO : noise[0];
        scene_arrive(&s, &at);
        stranger_meet(&s, (uint16_t)sluice_server_port(at.server), noise, 1 + seed * 7);
        CU_ASSERT_NOT_EQUAL(s.refused, SLUICE_OK);
        CU_ASSERT_PTR_NULL(s.lane);
        stranger_fini(&s);
    }
    scene_end(&at);
}

/* ---- requests ---- */

typedef struct ask {
    bool push;
    const char *path;
    size_t bytes; /* of path; 0: up to its NUL */
    int status;   /* of the refusal, or of the one fault in the catalogue: then SLUICE_OK */
    const char *argument; /* of a source; NULL: none */
} ask;

/* A REQUEST and, for a pull, OPERANDS with one path, whatever its bytes are. */
static void say_request(stranger *s, const ask *asked)
{
    enum { PUSH = 1, DESTINATION = 3, ARGUMENT = 5, MORE = 29, PATH = 1, LAST = 9 };
    size_t bytes = asked->bytes ? asked->bytes : strlen(asked->path);
    sluice_wire_writer body = {0};
    sluice_wire_put_field_number(&body, PUSH, asked->push);
    if (asked->push)
        sluice_wire_put_field(&body, DESTINATION, asked->path, bytes);
    if (asked->argument)
        sluice_wire_put_field(&body, ARGUMENT, asked->argument, strlen(asked->argument));
    sluice_wire_put_field_number(&body, MORE, !asked->push);
    stranger_message(s, SLUICE_MESSAGE_REQUEST, body.bytes, body.size);
    sluice_wire_clear(&body);
    sluice_wire_put_field(&body, PATH, asked->path, bytes);
    sluice_wire_put_field(&body, LAST, NULL, 0);
    if (!asked->push)
        stranger_message(s, SLUICE_MESSAGE_OPERANDS, body.bytes, body.size);
    sluice_wire_writer_fini(&body);
}

static void paths_that_lead_out(void)
{
    static const ask asks[] = {
        {.push = true, .path = "../stolen", .status = SLUICE_EOUTSIDE},
        {.push = true, .path = "a/../../stolen/", .status = SLUICE_EOUTSIDE},
        {.push = true, .path = "out/stolen", .status = SLUICE_EOUTSIDE},
        {.push = true, .path = "file\0/../..", .bytes = 11, .status = SLUICE_EPROTOCOL},
        {.path = "fi\0le", .bytes = 5, .status = SLUICE_EPROTOCOL},
        {.path = "../secret"},
        {.path = "/../secret"},
        {.path = "out/secret"},
        {.path = "/etc/passwd"},
    };
    scene at;
    char link[128];
    scene_begin(&at);
    scene_path(&at, "root/out", link, sizeof link);
    CU_ASSERT_EQUAL(symlink(at.room, link), 0);
    for (size_t i = 0; i < SLUICE_COUNT(asks); i++) {
        stranger s;
        char sentence[1024] = "";
        scene_arrive(&s, &at);
        s.hello.push = asks[i].push;
        scene_meet(&s, &at);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.lane);
        say_request(&s, &asks[i]);
        /* A pull is accepted before its operands are looked at: then nothing comes but a fault. */
        CU_ASSERT(stranger_wait(&s, asks[i].status ? SLUICE_MESSAGE_REFUSE : SLUICE_MESSAGE_FINISH, SCENE_SOON));
        CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), asks[i].status);
        if (asks[i].status == SLUICE_OK)
            CU_ASSERT_FALSE(s.heard.size > 0 && memmem(s.heard.bytes, s.heard.size, SCENE_SECRET, strlen(SCENE_SECRET)));
        stranger_fini(&s);
    }
    scene_path(&at, "stolen", link, sizeof link);
    CU_ASSERT_NOT_EQUAL(access(link, F_OK), 0);
    scene_end(&at);
}

/* A peer names files below the root and nothing else: no plugin, and no command for one. */
static void commands_of_a_peer(void)
{
    scene at;
    char command[200], plain[160], stolen[128];
    scene_begin(&at);
    scene_path(&at, "stolen", stolen, sizeof stolen);
    snprintf(plain, sizeof plain, "touch %s", stolen);
    snprintf(command, sizeof command, "command:%s", plain);
    const ask asks[] = {
        {.path = command},
        {.path = "file", .argument = command},
        {.path = "file", .argument = plain},
        {.path = "-", .argument = "stdio:"},
        {.push = true, .path = command, .status = SLUICE_ENOENT}, /* a directory that is not there */
        {.push = true, .path = "./", .argument = command},
    };
    for (size_t i = 0; i < SLUICE_COUNT(asks); i++) {
        stranger s;
        char sentence[1024] = "";
        scene_arrive(&s, &at);
        s.hello.push = asks[i].push;
        scene_meet(&s, &at);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.lane);
        say_request(&s, &asks[i]);
        /* The source or sink is made before either. */
        CU_ASSERT(stranger_wait(&s, asks[i].status ? SLUICE_MESSAGE_REFUSE : SLUICE_MESSAGE_ACCEPT, SCENE_SOON));
        CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), asks[i].status);
        CU_ASSERT_NOT_EQUAL(access(stolen, F_OK), 0);
        stranger_fini(&s);
    }
    scene_end(&at);
}

/* ---- control messages ---- */

/* What must be understood and is not, what is too long, what makes no sense: ERROR, and then the end of the session
 * though the client does not close it. */
static void messages_that_are_none(void)
{
    static const struct {
        const char *bytes;
        size_t count;
        int status;
    } rows[] = {
        {"\x3f\x00", 2, SLUICE_EPROTOCOL},                 /* an odd type that nobody knows */
        {"\x01\x00", 2, SLUICE_EINVAL},                 /* an empty request, for which */
        {"\x29\x00", 2, SLUICE_OK},             /* a cancel: no error, but an end */
        {"\x01\x80\xff\xff\xff", 5, SLUICE_EPROTOCOL},     /* a request of 16 MB */
        {"\x01\x02\xc1\xff", 4, SLUICE_EPROTOCOL},         /* a field that is not whole */
        {"\x25\x01\x00", 3, SLUICE_EPROTOCOL},             /* half a rate */
        {"\x03\x02\x01\x00", 4, SLUICE_EPROTOCOL},         /* operands before the request */
    };
    scene at;
    stranger strangers[SLUICE_COUNT(rows)];
    char sentence[1024];
    scene_begin(&at);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        scene_arrive(&strangers[i], &at);
        strangers[i].hello.push = false;
        scene_meet(&strangers[i], &at);
        CU_ASSERT_PTR_NOT_NULL_FATAL(strangers[i].lane);
        stranger_say(&strangers[i], rows[i].bytes, rows[i].count);
    }
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        CU_ASSERT(stranger_wait(&strangers[i], 0, SCENE_SOON));

        CU_ASSERT_EQUAL(stranger_error(&strangers[i], sentence, sizeof sentence), rows[i].status);
        stranger_fini(&strangers[i]);
    }
    scene_end(&at);
}

static void say_noise(stranger *s, unsigned seed)
{
    uint8_t body[200];
    srandom(seed);
    for (unsigned n = 0; n < 30; n++) {
        size_t count = (size_t)random() % sizeof body;
        for (size_t i = 0; i < count; i++)
            body[i] = (uint8_t)(random() % 3 ? random() % 8 : random());
        stranger_message(s, SLUICE_MESSAGE_WANT + (uint64_t)(random() % 19) * 2, body, count);
    }
}

/* Well-formed messages with senseless bodies, in pulls and pushes that are under way: each ends with an ERROR or with
 * the end of the session (noise may happen to be a CANCEL). */
static void messages_of_noise(void)
{
    enum { COUNT = 40 };
    static const ask push = {.push = true, .path = "./"}, pull = {.path = "file"};
    static stranger strangers[COUNT];
    scene at;
    scene_begin(&at);
    for (unsigned i = 0; i < COUNT; i++) {
        stranger *s = &strangers[i];
        scene_arrive(s, &at);
        s->hello.push = i % 2;
        s->hello.target_bps = s->hello.minimum_bps = UINT64_MAX;
        s->hello.receive_bytes = s->hello.ordered_bytes = i % 4 < 2 ? UINT64_MAX : 0;
        scene_meet(s, &at);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s->lane);
        say_request(s, i % 2 ? &push : &pull);
        if (i % 3)
            (void)stranger_wait(s, SLUICE_MESSAGE_ACCEPT, SCENE_SOON);
        say_noise(s, i + 1);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        CU_ASSERT(stranger_wait(&strangers[i], SLUICE_MESSAGE_ERROR, SCENE_SOON));
        stranger_fini(&strangers[i]);
    }
    scene_end(&at);
}

/* ---- rates ---- */

/* The rates of a session were settled for the direction that the hello said. */
static void another_direction_than_the_hello(void)
{
    static const ask push = {.push = true, .path = "./"}, pull = {.path = "file"};
    scene at;
    char sentence[1024];
    scene_begin(&at);
    for (unsigned i = 0; i < 2; i++) {
        stranger s;
        scene_arrive(&s, &at);
        s.hello.push = i == 0;
        scene_meet(&s, &at);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.lane);
        say_request(&s, i == 0 ? &pull : &push);
        CU_ASSERT(stranger_wait(&s, SLUICE_MESSAGE_REFUSE, SCENE_SOON));
        CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), SLUICE_EPROTOCOL);
        stranger_fini(&s);
    }
    scene_end(&at);
}

/* A client that pushes is asked to keep to a rate; this one sends at a hundred times that. */
static void faster_than_allowed(void)
{
    enum { MAY_BE_SKIPPED = 1000, COUNT = 50, BYTES = 60000 };
    static const ask push = {.push = true, .path = "./"};
    static uint8_t body[BYTES];
    scene at;
    stranger s;
    char sentence[1024] = "";
    scene_begin_at(&at, "1m");
    scene_arrive(&s, &at);
    scene_meet(&s, &at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.lane);
    say_request(&s, &push);
    CU_ASSERT(stranger_wait(&s, SLUICE_MESSAGE_ACCEPT, SCENE_SOON));
    for (unsigned i = 0; i < COUNT; i++)
        stranger_message(&s, MAY_BE_SKIPPED, body, sizeof body);
    CU_ASSERT(stranger_wait(&s, SLUICE_MESSAGE_ERROR, SCENE_SOON));
    CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), SLUICE_ELIMIT);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "faster than its ticket allows"));
    stranger_fini(&s);
    scene_end(&at);
}

static void meet_with_lanes(stranger *s, const scene *at, size_t count)
{
    static const ask push = {.push = true, .path = "./"};
    scene_arrive(s, at);
    s->hello.receive_bytes = UINT64_C(256) << 20; /* none of which it has; room for as many lanes as it likes */
    s->hello.lanes.count = count;
    for (size_t i = 0; i < count; i++)
        s->hello.lanes.ids[i] = 1000 + i;
    scene_meet(s, at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->lane);
    say_request(s, &push);
    CU_ASSERT(stranger_wait(s, SLUICE_MESSAGE_ACCEPT, SCENE_SOON));
}

/* Lanes beyond what the server takes, lanes with keys of others, and what does not belong on a lane. */
static void lanes_that_are_none(void)
{
    scene at;
    stranger s;
    char sentence[1024] = "";
    sluice_transport_statistics side = {0};
    scene_begin(&at);

    meet_with_lanes(&s, &at, 15);
    CU_ASSERT_EQUAL(s.welcome.lanes.count, 7); /* max-lanes is 8 */
    /* An id of the session with the keys of another lane of the session: nothing of it opens, nothing of it is answered. */
    stranger_side(&s, 1, 2);
    CU_ASSERT_FALSE(stranger_wait(&s, 0, 1));
    sluice_lane_statistics(s.side, &side);
    CU_ASSERT(side.packets_sent > 0);
    CU_ASSERT_EQUAL(side.packets_received, 0);
    CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), SLUICE_OK);
    stranger_fini(&s);

    /* The right keys, and a control stream where none belongs: it must not come between the messages of the first lane. */
    meet_with_lanes(&s, &at, 1);
    stranger_side(&s, 1, 1);
    CU_ASSERT_EQUAL(sluice_lane_ops(s.side)->offer(sluice_lane_state(s.side), SLUICE_OBJECT_CONTROL, 0, s.said.size), SLUICE_OK);
    sluice_lane_wake(s.side);
    CU_ASSERT(stranger_wait(&s, SLUICE_MESSAGE_ERROR, SCENE_SOON));
    CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), SLUICE_EPROTOCOL);
    stranger_fini(&s);

    /* An ordered object, though the sink takes bytes in any order. */
    meet_with_lanes(&s, &at, 1);
    stranger_side(&s, 1, 1);
    CU_ASSERT_EQUAL(sluice_lane_ops(s.side)->open(sluice_lane_state(s.side), 2, SLUICE_OBJECT_ORDERED, 1), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_lane_ops(s.side)->finish(sluice_lane_state(s.side), 2, 0), SLUICE_OK);
    sluice_lane_wake(s.side);
    CU_ASSERT(stranger_wait(&s, SLUICE_MESSAGE_ERROR, SCENE_SOON));
    CU_ASSERT_EQUAL(stranger_error(&s, sentence, sizeof sentence), SLUICE_EPROTOCOL);
    stranger_fini(&s);
    scene_end(&at);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"hellos of another kind", hellos_of_another_kind},
                                        {"hellos of noise", hellos_of_noise},
                                        {"paths that lead out", paths_that_lead_out},
                                        {"commands of a peer", commands_of_a_peer},
                                        {"messages that are none", messages_that_are_none},
                                        {"messages of noise", messages_of_noise},
                                        {"another direction than the hello", another_direction_than_the_hello},
                                        {"faster than allowed", faster_than_allowed},
                                        {"lanes that are none", lanes_that_are_none},
                                        CU_TEST_INFO_NULL};
    return sluice_suite_run("guest", tests);
}
