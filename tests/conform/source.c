/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every source must do, whatever it reads from: list to an end, tell names that the contract allows, give the
 * same bytes however they are asked for, and keep apart what is open at once.  A new source is a row in `sources`.
 */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_MOST 16
#define BYTES_MOST (4u << 20)

#define MEMORY "$MEMORY" /* stands for a name that no other run of this test has */

static const struct {
    const char *plugin, *argument, *operand;
    const char *prepare; /* run in an empty directory */
    size_t files;        /* it must tell */
} sources[] = {
    {"source_file", NULL, "in",
     "mkdir -p in/a/b && seq 100000 > in/a/seq && : > in/a/b/empty && printf x > in/x && truncate -s 1M in/hole && "
     "printf y >> in/hole",
     4},
    {"source_zero", "1000003*3", NULL, ":", 3},
    {"source_zero", "0*1", NULL, ":", 1},
    {"source_stdio", "in", NULL, "seq 200000 > in", 1},
    {"source_stdio", "in", NULL, ": > in", 1},
    {"source_stdio", "pipe", NULL, "mkfifo pipe && (seq 200000 > pipe &)", 1},
    {"source_command", "seq 200000; printf '\\0\\377'", NULL, ":", 1},
    {"source_command", ":", NULL, ":", 1},
    {"source_tar", "in", NULL, "{ printf 'File: a\\nSize: 700000\\n\\n'; seq 200000 | head -c 700000; "
                               "printf '\\nFile: b\\nSize: 0\\n\\n\\nFile: d\\0\\nSize: 1\\n\\nx'; } > in", 3},
    {"source_memory", MEMORY, NULL, "seq 200000 > \"/dev/shm$MEMORY\"", 1},
};

static size_t row; /* the one under test */
static char room[64];

typedef struct listed {
    char *name[FILES_MOST];
    uint32_t operand[FILES_MOST];
    uint64_t size[FILES_MOST];
    size_t count;
} listed;

static int start(store_fixture *fixture, void **config)
{
    const sluice_source_ops *ops = fixture->plugin->ops;
    const sluice_operand operand = {.path = sources[row].operand};
    const char *argument = sources[row].argument;
    sluice_source_spec spec = {.size = sizeof spec,
                               .argument = argument && strcmp(argument, MEMORY) == 0 ? getenv("MEMORY") : argument,
                               .operands = &operand,
                               .operand_count = sources[row].operand != NULL,
                               .operand_size = sizeof operand,
                               .threads = 1};
    *config = calloc(1, fixture->plugin->config_size + 1);
    return ops->init(fixture->state, *config, &fixture->host, &spec);
}

static bool is_known(char *const *names, size_t count, const char *name, size_t bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == bytes && memcmp(names[i], name, bytes) == 0)
            return true;
    }
    return false;
}

/* Components joined by '/', none of them empty, "." or "..". */
static bool is_good_name(const char *name)
{
    size_t length;
    for (;; name += length + 1) {
        length = strcspn(name, "/");
        if (length == 0 || strncmp(name, ".", length) == 0 || (length == 2 && strncmp(name, "..", 2) == 0))
            return false;
        if (name[length] == '\0')
            return true;
    }
}

static void list(store_fixture *fixture, listed *out)
{
    const sluice_source_ops *ops = fixture->plugin->ops;
    char *directories[FILES_MOST];
    size_t directory_count = 0;
    sluice_entry entry;
    int status;
    *out = (listed){.count = 0};
    while ((status = ops->next(fixture->state, &entry)) == SLUICE_OK) {
        CU_ASSERT(is_good_name(entry.name));
        const char *slash = strrchr(entry.name, '/');
        if (slash != NULL)
            CU_ASSERT(is_known(directories, directory_count, entry.name, (size_t)(slash - entry.name)));
        if (entry.type == SLUICE_ENTRY_DIRECTORY && directory_count < FILES_MOST)
            directories[directory_count++] = strdup(entry.name);
        if (entry.type == SLUICE_ENTRY_FILE && out->count < FILES_MOST) {
            CU_ASSERT(!is_known(out->name, out->count, entry.name, strlen(entry.name)));
            out->operand[out->count] = entry.operand;
            out->size[out->count] = entry.size;
            out->name[out->count++] = strdup(entry.name);
        }
    }
    CU_ASSERT_EQUAL(status, SLUICE_EEND);
    CU_ASSERT_EQUAL(ops->next(fixture->state, &entry), SLUICE_EEND);
    while (directory_count > 0)
        free(directories[--directory_count]);
}

static void forget(listed *files)
{
    while (files->count > 0)
        free(files->name[--files->count]);
}

/* The whole object: in one call, the end included; or a stream as it comes, whose end stays its end. */
static int64_t read_whole(store_fixture *fixture, void *object, char *to, bool stream)
{
    const sluice_source_ops *ops = fixture->plugin->ops;
    struct iovec buffer = {to, BYTES_MOST};
    int64_t got = ops->read(fixture->state, object, 0, &buffer, 1, NULL), all = got;
    while (stream && got > 0) {
        buffer = (struct iovec){to + all, BYTES_MOST - (size_t)all};
        got = ops->read(fixture->state, object, (uint64_t)all, &buffer, 1, NULL);
        all += got;
    }
    if (got >= 0)
        CU_ASSERT_EQUAL(ops->read(fixture->state, object, (uint64_t)all, &(struct iovec){to, 1}, 1, NULL), 0);
    return got < 0 ? got : all;
}

static void check_pieces(store_fixture *fixture, void *object, const char *whole, uint64_t size)
{
    const sluice_source_ops *ops = fixture->plugin->ops;
    static const uint64_t offsets[] = {0, 1, 4095, 65536, 1000000}; /* in order, for sources that cannot go back */
    static char first[1009], second[70001];
    const struct iovec buffers[2] = {{first, sizeof first}, {second, sizeof second}};
    for (size_t i = 0; i < SLUICE_COUNT(offsets); i++) {
        uint64_t left = offsets[i] < size ? size - offsets[i] : 0;
        uint64_t asked = sizeof first + sizeof second;
        int64_t bytes = ops->read(fixture->state, object, offsets[i], buffers, 2, NULL);
        CU_ASSERT_EQUAL_FATAL(bytes, (int64_t)(left < asked ? left : asked));
        size_t in_first = (size_t)bytes < sizeof first ? (size_t)bytes : sizeof first;
        CU_ASSERT(bytes == 0 || memcmp(first, whole + offsets[i], in_first) == 0);
        CU_ASSERT(bytes == 0 || memcmp(second, whole + offsets[i] + in_first, (size_t)bytes - in_first) == 0);
    }
    CU_ASSERT_EQUAL(ops->read(fixture->state, object, size, buffers, 2, NULL), 0);
    CU_ASSERT_EQUAL(ops->read(fixture->state, object, size + 12345, buffers, 2, NULL), 0);
}

/* Runs of data go forward, and what lies between them reads as zeroes. */
static void check_extents(store_fixture *fixture, void *object, const char *whole, uint64_t size)
{
    const sluice_source_ops *ops = fixture->plugin->ops;
    uint64_t at = 0;
    while (at < size) {
        uint64_t from = 0, to = 0;
        CU_ASSERT_EQUAL_FATAL(ops->extent(fixture->state, object, at, &from, &to), SLUICE_OK);
        CU_ASSERT_FATAL(from >= at && to >= from && to <= size && (to > from || from == size));
        for (uint64_t i = at; i < from; i++)
            CU_ASSERT_EQUAL_FATAL(whole[i], 0);
        at = to;
    }
}

static void lists_and_reads(void)
{
    store_fixture fixture;
    listed files;
    void *config;
    char *whole = malloc(BYTES_MOST);
    CU_ASSERT_FATAL(whole != NULL && store_fixture_init(&fixture, sources[row].plugin));
    const sluice_source_ops *ops = fixture.plugin->ops;
    CU_ASSERT_EQUAL_FATAL(start(&fixture, &config), SLUICE_OK);
    list(&fixture, &files);
    CU_ASSERT_EQUAL(files.count, sources[row].files);
    for (size_t i = 0; i < files.count; i++) {
        void *object = NULL;
        uint64_t size = 0;
        CU_ASSERT_EQUAL_FATAL(ops->open(fixture.state, files.name[i], files.operand[i], &object, &size), SLUICE_OK);
        if ((ops->capabilities & SLUICE_SOURCE_SIZE_KNOWN) != 0)
            CU_ASSERT_EQUAL(size, files.size[i]);
        int64_t bytes = read_whole(&fixture, object, whole, size == SLUICE_UNKNOWN);
        CU_ASSERT_FATAL(bytes >= 0 && (size == SLUICE_UNKNOWN || (uint64_t)bytes == size));
        if ((ops->capabilities & SLUICE_SOURCE_SEEKABLE) != 0)
            check_pieces(&fixture, object, whole, (uint64_t)bytes);
        if ((ops->capabilities & SLUICE_SOURCE_SPARSE) != 0)
            check_extents(&fixture, object, whole, (uint64_t)bytes);
        if (ops->unchanged != NULL)
            CU_ASSERT_EQUAL(ops->unchanged(fixture.state, object), SLUICE_OK);
        ops->close(fixture.state, object);
    }
    void *none = NULL;
    uint64_t nothing = 0;
    CU_ASSERT(ops->open(fixture.state, "no/such name", 0, &none, &nothing) < 0);
    CU_ASSERT(strlen(fixture.sentence) > 0);
    forget(&files);
    ops->fini(fixture.state);
    CU_ASSERT_EQUAL(fixture.live, 0);
    free(config);
    free(whole);
    store_fixture_fini(&fixture);
}

/* Two instances walk in step without seeing each other. */
static void two_side_by_side(void)
{
    store_fixture pair[2];
    void *config[2];
    sluice_entry entry[2];
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(store_fixture_init(&pair[i], sources[row].plugin));
        CU_ASSERT_EQUAL_FATAL(start(&pair[i], &config[i]), SLUICE_OK);
    }
    const sluice_source_ops *ops = pair[0].plugin->ops;
    int status;
    do {
        status = ops->next(pair[0].state, &entry[0]);
        CU_ASSERT_EQUAL(ops->next(pair[1].state, &entry[1]), status);
        if (status == SLUICE_OK)
            CU_ASSERT_STRING_EQUAL(entry[0].name, entry[1].name);
    } while (status == SLUICE_OK);
    for (size_t i = 0; i < 2; i++) {
        ops->fini(pair[i].state);
        free(config[i]);
        store_fixture_fini(&pair[i]);
    }
}

int main(void)
{
    char memory[64];
    (void)snprintf(memory, sizeof memory, "/sluice-conform-source-%ld", (long)getpid());
    (void)setenv("MEMORY", memory, 1);
    const CU_TestInfo tests[] = {
        {"lists and reads", lists_and_reads},
        {"two side by side", two_side_by_side},
        CU_TEST_INFO_NULL,
    };
    int status = 0;
    for (row = 0; row < SLUICE_COUNT(sources); row++) {
        store_room_enter(room);
        store_command(sources[row].prepare);
        status |= sluice_suite_run(sources[row].plugin, tests);
        store_room_leave(room);
    }
    store_command("rm -f \"/dev/shm$MEMORY\"");
    return status;
}
