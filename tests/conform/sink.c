/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every sink must do, whatever it writes to: take a whole object and commit it, give back what it took where it
 * says that it can, let go of what is abandoned, and keep apart what is open at once.  A new sink is a row in `sinks`.
 */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 200000u
#define PIECE 7001u

#define MEMORY "$MEMORY" /* stands for a name that no other run of this test has */

static const struct {
    const char *plugin, *destination;
    const char *verify; /* true if the objects "one" and "two" are there and "gone" is not; run where the sink ran */
} sinks[] = {
    {"sink_file", "out/",
     "test $(wc -c < out/one) -eq 200000 && cmp out/one out/two && test $(ls -A out | wc -l) -eq 6 && "
     "test -d out/directory && test $(wc -c < out/small) -eq 5000 && cmp -n 5000 out/small out/one && test ! -s out/empty && test $(wc -c < out/hole) -eq 200000"},
    {"sink_null", "", ":"},
};

/* Sinks of one object, which is found as a file. */
static const struct {
    const char *plugin, *destination, *file;
    bool atomic; /* what was there stays until another one is committed */
} soles[] = {
    {"sink_stdio", "out", "out", false},
    {"sink_command", "cat > out", "out", false},
    {"sink_memory", MEMORY, "/dev/shm$MEMORY", true},
};
static bool sole; /* the one under test stands there */

static size_t row; /* the one under test */
static char pattern[SIZE];

static int start(store_fixture *fixture)
{
    static const max_align_t settings[256]; /* zeroes: no sink keeps more */
    const sluice_sink_ops *ops = fixture->plugin->ops;
    const char *destination = sole ? soles[row].destination : sinks[row].destination;
    const sluice_sink_spec spec = {.size = sizeof spec,
                                   .destination = strcmp(destination, MEMORY) == 0 ? getenv("MEMORY") : destination,
                                   .single = sole,
                                   .make_parents = true,
                                   .overwrite = SLUICE_OVERWRITE_ALWAYS,
                                   .threads = 2};
    CU_ASSERT_FATAL(fixture->plugin->config_size <= sizeof settings);
    return ops->init(fixture->state, settings, &fixture->host, &spec);
}

static void *open_file(store_fixture *fixture, const char *name, uint64_t size)
{
    const sluice_sink_ops *ops = fixture->plugin->ops;
    const sluice_entry entry = {.type = SLUICE_ENTRY_FILE,
                                .name = name,
                                .size = size,
                                .mode = 0644,
                                .mtime_ns = INT64_MIN,
                                .atime_ns = INT64_MIN,
                                .uid = UINT32_MAX,
                                .gid = UINT32_MAX};
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    void *object = NULL;
    uint64_t have = 77;
    CU_ASSERT_EQUAL_FATAL(ops->prepare(fixture->state, &entry, false, &verdict, &object, &have), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(verdict, SLUICE_SINK_WRITE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    CU_ASSERT_EQUAL(have, 0);
    return object;
}

static void write_piece(store_fixture *fixture, void *object, uint32_t offset)
{
    const sluice_sink_ops *ops = fixture->plugin->ops;
    uint32_t bytes = SIZE - offset < PIECE ? SIZE - offset : PIECE;
    uint32_t half = bytes / 2;
    const struct iovec buffers[2] = {{pattern + offset, half}, {pattern + offset + half, bytes - half}};
    CU_ASSERT_EQUAL(ops->write(fixture->state, object, offset, buffers, 2, NULL), bytes);
}

/* From the end to the start where any offset will do. */
static void write_all(store_fixture *fixture, void *object)
{
    const sluice_sink_ops *ops = fixture->plugin->ops;
    uint32_t pieces = (SIZE + PIECE - 1) / PIECE;
    for (uint32_t i = 0; i < pieces; i++)
        write_piece(fixture, object, ((ops->capabilities & SLUICE_SINK_SEEKABLE) != 0 ? pieces - 1 - i : i) * PIECE);
}

static void read_back(store_fixture *fixture, void *object, const char *expected)
{
    static char back[SIZE + 1];
    const sluice_sink_ops *ops = fixture->plugin->ops;
    const struct iovec buffer = {back, sizeof back};
    if ((ops->capabilities & SLUICE_SINK_READABLE) == 0)
        return;
    CU_ASSERT_EQUAL(ops->read(fixture->state, object, 0, &buffer, 1), SIZE);
    CU_ASSERT_EQUAL(memcmp(back, expected, SIZE), 0);
    CU_ASSERT_EQUAL(ops->read(fixture->state, object, SIZE, &buffer, 1), 0);
}

static void check_hole(store_fixture *fixture)
{
    static char expected[SIZE];
    const sluice_sink_ops *ops = fixture->plugin->ops;
    if (ops->hole == NULL || (ops->capabilities & SLUICE_SINK_SEEKABLE) == 0)
        return;
    void *object = open_file(fixture, "hole", SIZE);
    write_all(fixture, object);
    CU_ASSERT_EQUAL(ops->hole(fixture->state, object, 5000, SIZE), SLUICE_OK);
    memcpy(expected, pattern, 5000);
    read_back(fixture, object, expected);
    CU_ASSERT_EQUAL(ops->commit(fixture->state, object, SIZE, NULL), SLUICE_OK);
}

/* Two calls for a small file, and nothing of it is open between them. */
static void check_whole(store_fixture *fixture)
{
    const sluice_sink_ops *ops = fixture->plugin->ops;
    const sluice_entry entry = {.type = SLUICE_ENTRY_FILE,
                                .name = "small",
                                .size = 4000, /* it has grown since */
                                .mode = 0644,
                                .mtime_ns = INT64_MIN,
                                .atime_ns = INT64_MIN,
                                .uid = UINT32_MAX,
                                .gid = UINT32_MAX};
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    CU_ASSERT_EQUAL(ops->look == NULL, ops->put == NULL);
    if (ops->look == NULL)
        return;
    CU_ASSERT_EQUAL(ops->look(fixture->state, &entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(verdict, SLUICE_SINK_WRITE);
    CU_ASSERT_EQUAL(ops->put(fixture->state, &entry, pattern, 5000, NULL), SLUICE_OK);
}

static void takes_and_commits(void)
{
    store_fixture fixture;
    CU_ASSERT_FATAL(store_fixture_init(&fixture, sinks[row].plugin));
    const sluice_sink_ops *ops = fixture.plugin->ops;
    CU_ASSERT_EQUAL_FATAL(start(&fixture), SLUICE_OK);
    const sluice_entry directory = {.type = SLUICE_ENTRY_DIRECTORY,
                                    .name = "directory",
                                    .mode = 0755,
                                    .mtime_ns = INT64_MIN,
                                    .atime_ns = INT64_MIN,
                                    .uid = UINT32_MAX,
                                    .gid = UINT32_MAX};
    sluice_sink_verdict verdict = SLUICE_SINK_WRITE;
    void *none = NULL;
    uint64_t have = 0;
    CU_ASSERT_EQUAL(ops->prepare(fixture.state, &directory, false, &verdict, &none, &have), SLUICE_OK);
    CU_ASSERT_EQUAL(verdict, SLUICE_SINK_DONE);
    void *one = open_file(&fixture, "one", SIZE);
    void *two = one;
    if ((ops->capabilities & SLUICE_SINK_PARALLEL) != 0)
        two = open_file(&fixture, "two", SIZE);
    write_all(&fixture, one);
    if (two != one)
        write_all(&fixture, two);
    read_back(&fixture, one, pattern);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, one, SIZE, NULL), SLUICE_OK);
    if ((ops->capabilities & SLUICE_SINK_PARALLEL) != 0)
        CU_ASSERT_EQUAL(ops->commit(fixture.state, two, SIZE, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, open_file(&fixture, "empty", 0), 0, NULL), SLUICE_OK);
    void *gone = open_file(&fixture, "gone", SIZE);
    write_all(&fixture, gone);
    ops->abandon(fixture.state, gone, false);
    check_hole(&fixture);
    check_whole(&fixture);
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    ops->fini(fixture.state);
    CU_ASSERT_EQUAL(fixture.live, 0);
    store_fixture_fini(&fixture);
    store_command(sinks[row].verify);
}

static void has_bytes(unsigned bytes)
{
    char command[200];
    (void)snprintf(command, sizeof command, "test $(wc -c < \"%s\") -eq %u", soles[row].file, bytes);
    store_command(command);
}

static void sole_begin(store_fixture *fixture)
{
    CU_ASSERT_FATAL(store_fixture_init(fixture, soles[row].plugin));
    CU_ASSERT_EQUAL_FATAL(start(fixture), SLUICE_OK);
}

static void sole_end(store_fixture *fixture)
{
    const sluice_sink_ops *ops = fixture->plugin->ops;
    ops->fini(fixture->state);
    CU_ASSERT_EQUAL(fixture->live, 0);
    store_fixture_fini(fixture);
}

/* Whatever comes besides the one object is refused with a sentence. */
static void refuses(store_fixture *fixture, sluice_entry_type type)
{
    const sluice_sink_ops *ops = fixture->plugin->ops;
    const sluice_entry entry = {.type = type, .name = "another", .size = 5, .target = "x"};
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    void *object = NULL;
    uint64_t have = 0;
    fixture->sentence[0] = '\0';
    CU_ASSERT_EQUAL(ops->prepare(fixture->state, &entry, false, &verdict, &object, &have), SLUICE_EUNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture->sentence, "another"));
}

static void takes_one_object(void)
{
    store_fixture fixture;
    sole_begin(&fixture);
    const sluice_sink_ops *ops = fixture.plugin->ops;
    void *one = open_file(&fixture, "one", SIZE);
    refuses(&fixture, SLUICE_ENTRY_FILE);
    write_all(&fixture, one);
    read_back(&fixture, one, pattern);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, one, SIZE, NULL), SLUICE_OK);
    refuses(&fixture, SLUICE_ENTRY_FILE);
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    sole_end(&fixture);
    has_bytes(SIZE);
    sole_begin(&fixture);
    void *gone = open_file(&fixture, "gone", SIZE);
    write_piece(&fixture, gone, 0);
    ops->abandon(fixture.state, gone, true);
    sole_end(&fixture);
    if (soles[row].atomic)
        has_bytes(SIZE);
    sole_begin(&fixture);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, open_file(&fixture, "empty", 0), 0, NULL), SLUICE_OK);
    sole_end(&fixture);
    has_bytes(0);
    sole_begin(&fixture);
    check_hole(&fixture);
    sole_end(&fixture);
    sole_begin(&fixture);
    refuses(&fixture, SLUICE_ENTRY_DIRECTORY);
    refuses(&fixture, SLUICE_ENTRY_FILE); /* which may lie in it */
    sole_end(&fixture);
}

/* What one instance does not finish is nothing to another. */
static void two_side_by_side(void)
{
    store_fixture pair[2];
    void *object[2];
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(store_fixture_init(&pair[i], sole ? soles[row].plugin : sinks[row].plugin));
        CU_ASSERT_EQUAL_FATAL(start(&pair[i]), SLUICE_OK);
        object[i] = open_file(&pair[i], i == 0 ? "one" : "two", SIZE);
    }
    const sluice_sink_ops *ops = pair[0].plugin->ops;
    ops->abandon(pair[0].state, object[0], false);
    ops->fini(pair[0].state);
    write_all(&pair[1], object[1]);
    read_back(&pair[1], object[1], pattern);
    CU_ASSERT_EQUAL(ops->commit(pair[1].state, object[1], SIZE, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->finish(pair[1].state, NULL, NULL), SLUICE_OK);
    ops->fini(pair[1].state);
    for (size_t i = 0; i < 2; i++)
        store_fixture_fini(&pair[i]);
}

int main(void)
{
    const CU_TestInfo tests[] = {
        {"takes and commits", takes_and_commits},
        {"two side by side", two_side_by_side},
        CU_TEST_INFO_NULL,
    };
    const CU_TestInfo sole_tests[] = {
        {"takes one object", takes_one_object},
        {"two side by side", two_side_by_side},
        CU_TEST_INFO_NULL,
    };
    char room[64], memory[64];
    int status = 0;
    (void)snprintf(memory, sizeof memory, "/sluice-conform-sink-%ld", (long)getpid());
    (void)setenv("MEMORY", memory, 1);
    for (size_t i = 0; i < SIZE; i++)
        pattern[i] = (char)(i * 31 + i / 251);
    for (row = 0; row < SLUICE_COUNT(sinks); row++) {
        store_room_enter(room);
        status |= sluice_suite_run(sinks[row].plugin, tests);
        store_room_leave(room);
    }
    sole = true;
    for (row = 0; row < SLUICE_COUNT(soles); row++) {
        store_room_enter(room);
        status |= sluice_suite_run(soles[row].plugin, sole_tests);
        store_room_leave(room);
    }
    store_command("rm -f \"/dev/shm$MEMORY\"");
    return status;
}
