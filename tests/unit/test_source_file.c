/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEEP_LEVELS 1200

static store_fixture fixture;
static char room[64];
static const sluice_source_ops *ops;

static void begin(void)
{
    store_room_enter(room);
    CU_ASSERT_FATAL(store_fixture_init(&fixture, "source_file"));
    ops = fixture.plugin->ops;
}

static void end(void)
{
    CU_ASSERT_EQUAL(fixture.live, 0);
    store_fixture_fini(&fixture);
    store_room_leave(room);
}

static sluice_source_spec spec_of(const char *root, const sluice_operand *operands, size_t count)
{
    return (sluice_source_spec){.size = sizeof(sluice_source_spec),
                                .root = root,
                                .operands = operands,
                                .operand_count = count,
                                .operand_size = sizeof *operands,
                                .tree_symlinks = SLUICE_SYMLINKS_COPY,
                                .named_symlinks = SLUICE_SYMLINKS_FOLLOW,
                                .threads = 1};
}

static int start(const sluice_source_spec *spec)
{
    static const max_align_t settings[16]; /* zeroes: special = fail */
    CU_ASSERT_FATAL(fixture.plugin->config_size <= sizeof settings);
    return ops->init(fixture.state, settings, &fixture.host, spec);
}

static void restart(void)
{
    ops->fini(fixture.state);
    memset(fixture.state, 0, fixture.plugin->state_size);
}

/* The walk as text: one line an entry, "d NAME", "f NAME SIZE", "l NAME TARGET" or "! NAME STATUS", in the order it
 * came; sorted by the test that needs it. */
typedef struct lines {
    char *line[64];
    size_t count;
} lines;

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void walk(lines *out)
{
    sluice_entry entry;
    int status;
    out->count = 0;
    while ((status = ops->next(fixture.state, &entry)) != SLUICE_EEND && out->count < 64) {
        char text[1024];
        if (status != SLUICE_OK)
            (void)snprintf(text, sizeof text, "! %s %s", entry.name, sluice_status_name(status));
        else if (entry.type == SLUICE_ENTRY_DIRECTORY)
            (void)snprintf(text, sizeof text, "d %s", entry.name);
        else if (entry.type == SLUICE_ENTRY_SYMLINK)
            (void)snprintf(text, sizeof text, "l %s %s", entry.name, entry.target);
        else
            (void)snprintf(text, sizeof text, "f %s %llu", entry.name, (unsigned long long)entry.size);
        out->line[out->count++] = strdup(text);
    }
    CU_ASSERT_EQUAL(status, SLUICE_EEND);
}

static void expect(const char *const *expected, size_t count)
{
    lines found;
    walk(&found);
    qsort(found.line, found.count, sizeof found.line[0], by_text);
    CU_ASSERT_EQUAL(found.count, count);
    for (size_t i = 0; i < found.count; i++) {
        if (i >= count || strcmp(found.line[i], expected[i]) != 0) {
            printf("  found \"%s\", expected \"%s\"\n", found.line[i], i < count ? expected[i] : "nothing");
            CU_FAIL("an entry differs");
        }
        free(found.line[i]);
    }
}
#define EXPECT(...)                                          \
    do {                                                     \
        static const char *const expected[] = {__VA_ARGS__}; \
        expect(expected, SLUICE_COUNT(expected));            \
    } while (0)

static void tree_with_any_names(void)
{
    char longest[256];
    char made[300];
    char line[300];
    begin();
    memset(longest, 'n', 255);
    longest[255] = '\0';
    CU_ASSERT_EQUAL_FATAL(mkdir("in", 0755) | mkdir("in/empty", 0755) | mkdir("in/a b", 0755), 0);
    store_file_write("in/a b/new\nline", "12345");
    store_file_write("in/\xff\x01", "");
    (void)snprintf(made, sizeof made, "in/%s", longest);
    store_file_write(made, "x");
    CU_ASSERT_EQUAL(symlink("nowhere/at all", "in/link"), 0);
    CU_ASSERT_EQUAL(mkfifo("in/pipe", 0600), 0);
    const sluice_operand operand = {.path = "in/"};
    sluice_source_spec spec = spec_of(NULL, &operand, 1);
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    (void)snprintf(line, sizeof line, "f in/%s 1", longest);
    const char *const expected[] = {"! in/pipe EUNSUPPORTED", "d in", "d in/a b",        "d in/empty",
                                    "f in/a b/new\nline 5",   line,   "f in/\xff\x01 0", "l in/link nowhere/at all"};
    expect(expected, SLUICE_COUNT(expected));
    ops->fini(fixture.state);
    end();
}

static void deep_tree_in_few_descriptors(void)
{
    begin();
    int at = AT_FDCWD;
    for (int i = 0; i < DEEP_LEVELS; i++) {
        CU_ASSERT_EQUAL_FATAL(mkdirat(at, "a-directory-of-the-deep", 0755), 0);
        int below = openat(at, "a-directory-of-the-deep", O_PATH | O_DIRECTORY);
        int file = openat(below, "file", O_CREAT | O_WRONLY, 0644);
        CU_ASSERT_EQUAL(write(file, "deep", 4), 4);
        (void)close(file);
        if (at != AT_FDCWD)
            (void)close(at);
        at = below;
    }
    (void)close(at);
    const sluice_operand operand = {.path = "a-directory-of-the-deep"};
    sluice_source_spec spec = spec_of(NULL, &operand, 1);
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    size_t before = store_descriptors(), most = before, directories = 0, files = 0;
    char *deepest = NULL;
    size_t depth = 0;
    sluice_entry entry;
    int status;
    while ((status = ops->next(fixture.state, &entry)) == SLUICE_OK) {
        size_t now = store_descriptors();
        most = now > most ? now : most;
        directories += entry.type == SLUICE_ENTRY_DIRECTORY;
        files += entry.type == SLUICE_ENTRY_FILE;
        if (entry.type == SLUICE_ENTRY_FILE && strlen(entry.name) > depth) {
            depth = strlen(entry.name);
            free(deepest);
            deepest = strdup(entry.name);
        }
    }
    CU_ASSERT_EQUAL(status, SLUICE_EEND);
    CU_ASSERT_EQUAL(directories, DEEP_LEVELS);
    CU_ASSERT_EQUAL(files, DEEP_LEVELS);
    CU_ASSERT(most <= before + 40);
    void *object = NULL;
    uint64_t size = 0;
    char bytes[8] = "";
    const struct iovec buffer = {bytes, sizeof bytes};
    CU_ASSERT_EQUAL_FATAL(ops->open(fixture.state, deepest, 0, &object, &size), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->read(fixture.state, object, 0, &buffer, 1, NULL), 4);
    CU_ASSERT_STRING_EQUAL(bytes, "deep");
    ops->close(fixture.state, object);
    free(deepest);
    ops->fini(fixture.state);
    end();
}

static void operands_and_their_names(void)
{
    static const struct {
        const char *root, *path, *as, *line;
    } cases[] = {
        {NULL, "in/f", NULL, "f f 1"},
        {NULL, "./in//f", NULL, "f f 1"},
        {NULL, "in/f", "other/name", "f other/name 1"},
        {NULL, "in/f", "../name", "! ../name EINVAL"},
        {NULL, "in/none", NULL, "! none ENOENT"},
        {NULL, "in/to-f", NULL, "f to-f 1"},
        {"in", "f", NULL, "f f 1"},
        {"in", "sub/../f", NULL, "f f 1"},
        {"in", "../secret", NULL, "! secret EOUTSIDE"},
        {"in", "/etc/passwd", NULL, "! passwd EOUTSIDE"},
        {"in", "sub/../../secret", NULL, "! secret EOUTSIDE"},
        {"in", "out", NULL, "! out EOUTSIDE"},
        {"in", "out-of/secret", NULL, "! secret EOUTSIDE"},
    };
    begin();
    store_command("mkdir -p in/sub && printf x > in/f && printf s > secret && ln -s f in/to-f && "
                  "ln -s ../secret in/out && ln -s .. in/out-of");
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        const sluice_operand operand = {.path = cases[i].path, .as = cases[i].as};
        sluice_source_spec spec = spec_of(cases[i].root, &operand, 1);
        CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
        expect(&cases[i].line, 1);
        restart();
    }
    end();
}

static void operand_without_a_name(void)
{
    begin();
    store_command("mkdir -p in/sub && printf x > in/f");
    static const char *const roots[] = {NULL, NULL, "in", "in"};
    static const char *const paths[] = {"in/.", "in/sub/..", "", "."};
    for (size_t i = 0; i < SLUICE_COUNT(paths); i++) {
        const sluice_operand operand = {.path = paths[i]};
        sluice_source_spec spec = spec_of(roots[i], &operand, 1);
        CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
        EXPECT("d .", "d sub", "f f 1");
        void *object = NULL;
        uint64_t size = 0;
        CU_ASSERT_EQUAL_FATAL(ops->open(fixture.state, "f", 0, &object, &size), SLUICE_OK);
        CU_ASSERT_EQUAL(size, 1);
        ops->close(fixture.state, object);
        restart();
    }
    end();
}

static void same_name_twice(void)
{
    begin();
    store_command("mkdir a b && printf 1 > a/x && printf 22 > b/x && printf 333 > y");
    const sluice_operand operands[] = {{.path = "a/x"}, {.path = "b/x"}, {.path = "y"}};
    sluice_source_spec spec = spec_of(NULL, operands, 3);
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("! x EEXIST", "f x 1", "f y 3");
    ops->fini(fixture.state);
    end();
}

static void links_by_policy(void)
{
    begin();
    store_command("mkdir -p in/d && printf x > in/d/f && ln -s d in/to-d && ln -s .. in/d/up && ln -s none in/gone");
    const sluice_operand operand = {.path = "in"};
    sluice_source_spec spec = spec_of(NULL, &operand, 1);
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("d in", "d in/d", "f in/d/f 1", "l in/d/up ..", "l in/gone none", "l in/to-d d");
    restart();
    spec.tree_symlinks = SLUICE_SYMLINKS_SKIP;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("d in", "d in/d", "f in/d/f 1");
    restart();
    /* Each way that leads round in a circle is told and ends there. */
    spec.tree_symlinks = SLUICE_SYMLINKS_FOLLOW;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("! in/d/up EUNSUPPORTED", "! in/gone ENOENT", "! in/to-d/up EUNSUPPORTED", "d in", "d in/d", "d in/d/up",
           "d in/to-d", "d in/to-d/up", "f in/d/f 1", "f in/to-d/f 1");
    restart();
    spec.named_symlinks = SLUICE_SYMLINKS_COPY;
    const sluice_operand link = {.path = "in/to-d"};
    spec.operands = &link;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("l to-d d");
    ops->fini(fixture.state);
    end();
}

static void links_out_of_the_root(void)
{
    begin();
    store_command("mkdir -p root/in secret && printf s > secret/f && ln -s ../../secret root/in/dir && "
                  "ln -s ../../secret/f root/in/file && printf x > root/in/ok");
    const sluice_operand operand = {.path = "in"};
    sluice_source_spec spec = spec_of("root", &operand, 1);
    spec.tree_symlinks = SLUICE_SYMLINKS_FOLLOW;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("! in/dir EOUTSIDE", "! in/file EOUTSIDE", "d in", "f in/ok 1");
    void *object = NULL;
    uint64_t size = 0;
    static const char *const names[] = {"in/file", "in/dir/f", "in/../../secret/f", "in//etc/passwd", "/etc/passwd",
                                        "..",      "other"};
    for (size_t i = 0; i < SLUICE_COUNT(names); i++)
        CU_ASSERT_EQUAL(ops->open(fixture.state, names[i], 0, &object, &size), SLUICE_EOUTSIDE);
    CU_ASSERT_EQUAL(ops->open(fixture.state, "in/ok", 1, &object, &size), SLUICE_EOUTSIDE);
    ops->fini(fixture.state);
    end();
}

/* What happens between the listing and the opening. */
static void swapped_after_listing(void)
{
    begin();
    store_command("mkdir -p root/in/d secret && printf s > secret/f && printf x > root/in/d/f && printf x > root/in/p");
    const sluice_operand operand = {.path = "in"};
    sluice_source_spec spec = spec_of("root", &operand, 1);
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("d in", "d in/d", "f in/d/f 1", "f in/p 1");
    store_command("mv root/in/d root/in/e && ln -s ../../secret root/in/d && rm root/in/p && mkfifo root/in/p");
    void *object = NULL;
    uint64_t size = 0;
    CU_ASSERT_EQUAL(ops->open(fixture.state, "in/d/f", 0, &object, &size), SLUICE_ECHANGED);
    CU_ASSERT_EQUAL(ops->open(fixture.state, "in/p", 0, &object, &size), SLUICE_ECHANGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture.sentence, "in/p"));
    ops->fini(fixture.state);
    end();
}

static bool wanted(void *user, const char *name, bool directory)
{
    (void)user;
    return !(directory && strcmp(name, "in/no") == 0) && strcmp(name, "in/yes/no") != 0;
}

static void left_out(void)
{
    begin();
    store_command("mkdir -p in/no in/yes && printf x > in/no/f && printf x > in/yes/no && printf x > in/yes/f");
    const sluice_operand operand = {.path = "in"};
    sluice_source_spec spec = spec_of(NULL, &operand, 1);
    spec.wanted = wanted;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    EXPECT("d in", "d in/yes", "f in/yes/f 1");
    ops->fini(fixture.state);
    end();
}

static void *open_one(const char *path, uint64_t *size)
{
    const sluice_operand operand = {.path = path};
    sluice_source_spec spec = spec_of(NULL, &operand, 1);
    void *object = NULL;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(ops->open(fixture.state, path, 0, &object, size), SLUICE_OK);
    return object;
}

static void reading(void)
{
    begin();
    store_file_write("f", "0123456789");
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    struct stat status;
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, "f", old, 0), 0);
    uint64_t size = 0;
    void *object = open_one("f", &size);
    CU_ASSERT_EQUAL(size, 10);
    char a[4];
    char b[4];
    const struct iovec buffers[2] = {{a, 4}, {b, 4}};
    CU_ASSERT_EQUAL(ops->read(fixture.state, object, 1, buffers, 2, NULL), 8);
    CU_ASSERT(memcmp(a, "1234", 4) == 0 && memcmp(b, "5678", 4) == 0);
    CU_ASSERT_EQUAL(ops->read(fixture.state, object, 5, buffers, 2, NULL), 5);
    CU_ASSERT(memcmp(a, "5678", 4) == 0 && b[0] == '9');
    CU_ASSERT_EQUAL(ops->read(fixture.state, object, 10, buffers, 2, NULL), 0);
    CU_ASSERT_EQUAL(ops->unchanged(fixture.state, object), SLUICE_OK);
    CU_ASSERT_EQUAL(stat("f", &status), 0);
    CU_ASSERT_EQUAL(status.st_atim.tv_sec, 1000);
    ops->close(fixture.state, object);
    ops->fini(fixture.state);
    end();
}

static void changed_while_read(void)
{
    static const char *const changes[] = {"printf 1 >> f", "truncate -s 2 f", "touch -d @5 f"};
    begin();
    for (size_t i = 0; i < SLUICE_COUNT(changes); i++) {
        store_file_write("f", "0123456789");
        uint64_t size = 0;
        void *object = open_one("f", &size);
        CU_ASSERT_EQUAL(ops->unchanged(fixture.state, object), SLUICE_OK);
        store_command(changes[i]);
        CU_ASSERT_EQUAL(ops->unchanged(fixture.state, object), SLUICE_ECHANGED);
        CU_ASSERT_EQUAL(strncmp(fixture.sentence, "f: changed while it was read", 28), 0);
        ops->close(fixture.state, object);
        restart();
    }
    end();
}

static void holes(void)
{
    begin();
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    CU_ASSERT_EQUAL(ftruncate(fd, 8 << 20), 0);
    CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 4 << 20), 1);
    uint64_t size = 0;
    void *object = open_one("f", &size);
    uint64_t from = 0;
    uint64_t to = 0;
    CU_ASSERT_EQUAL(ops->extent(fixture.state, object, 0, &from, &to), SLUICE_OK);
    /* A file system without holes tells one run; both must cover the byte and stay in the file. */
    CU_ASSERT(from <= 4 << 20 && to > 4 << 20 && to <= size);
    CU_ASSERT_EQUAL(ops->extent(fixture.state, object, size, &from, &to), SLUICE_OK);
    CU_ASSERT(from == size && to == size);
    off_t end_of_data = lseek(fd, 5 << 20, SEEK_DATA);
    if (end_of_data < 0) {
        CU_ASSERT_EQUAL(ops->extent(fixture.state, object, 5 << 20, &from, &to), SLUICE_OK);
        CU_ASSERT(from == size && to == size);
    }
    (void)close(fd);
    ops->close(fixture.state, object);
    ops->fini(fixture.state);
    end();
}

static bool see_unreadable(void)
{
    const sluice_operand operand = {.path = "in"};
    sluice_source_spec spec = spec_of(NULL, &operand, 1);
    if (start(&spec) != SLUICE_OK)
        return false;
    lines found;
    walk(&found);
    qsort(found.line, found.count, sizeof found.line[0], by_text);
    void *object = NULL;
    uint64_t size = 0;
    bool good = found.count == 4 && strcmp(found.line[0], "! in/closed EACCESS") == 0 &&
                strcmp(found.line[3], "f in/f 1") == 0 &&
                ops->open(fixture.state, "in/f", 0, &object, &size) == SLUICE_EACCESS &&
                strstr(fixture.sentence, "in/f") != NULL;
    ops->fini(fixture.state);
    return good;
}

static void unreadable(void)
{
    begin();
    store_command("chmod 755 . && mkdir -p in/closed && printf x > in/f && chmod 0 in/f in/closed");
    int result = store_as_nobody(see_unreadable);
    if (result < 0)
        printf("skipped: unreadable files: another user cannot be had here\n");
    else
        CU_ASSERT_EQUAL(result, 1);
    end();
}

/* Each allocation fails in turn: the walk tells it or goes on, and all memory comes back. */
static void out_of_memory(void)
{
    begin();
    store_command("mkdir -p in/d/e/f && printf x > in/d/e/f/g && ln -s g in/d/e/f/l && printf y > z");
    const sluice_operand operands[] = {{.path = "in"}, {.path = "z"}};
    sluice_source_spec spec = spec_of(NULL, operands, 2);
    bool whole = false;
    for (size_t n = 1; !whole && n < 100; n++) {
        fixture.allocations = 0;
        fixture.fail_at = n;
        sluice_entry entry;
        int status = start(&spec);
        if (status == SLUICE_OK) {
            for (int i = 0; i < 50 && (status = ops->next(fixture.state, &entry)) != SLUICE_EEND; i++)
                CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
            CU_ASSERT_EQUAL(status, SLUICE_EEND);
            void *object = NULL;
            uint64_t size = 0;
            status = ops->open(fixture.state, "z", 1, &object, &size);
            CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
            if (status == SLUICE_OK)
                ops->close(fixture.state, object);
            restart();
        } else {
            CU_ASSERT_EQUAL(status, SLUICE_ENOMEM);
        }
        memset(fixture.state, 0, fixture.plugin->state_size);
        CU_ASSERT_EQUAL(fixture.live, 0);
        whole = fixture.allocations < n;
    }
    CU_ASSERT(whole);
    end();
}

/* ---- extended attributes ---- */

static void attributes(void)
{
    static const char expected[] = "\0\6\0\0\0\2user.a\0\1";
    begin();
    store_file_write("file", "");
    store_file_write("bare", "");
    CU_ASSERT_EQUAL_FATAL(symlink("file", "link"), 0);
    bool supported = setxattr("file", "user.a", "\0\1", 2, 0) == 0;
    if (!supported)
        printf("  skipped: no extended attributes here: %s\n", strerror(errno));
    const sluice_operand operands[] = {{.path = "file"}, {.path = "bare"}, {.path = "link"}};
    sluice_source_spec spec = spec_of(NULL, operands, SLUICE_COUNT(operands));
    sluice_entry entry;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->next(fixture.state, &entry), SLUICE_OK);
    CU_ASSERT_PTR_NULL(entry.attributes);
    restart();
    spec.preserve = SLUICE_PRESERVE_XATTR;
    spec.named_symlinks = SLUICE_SYMLINKS_COPY;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->next(fixture.state, &entry), SLUICE_OK);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry.attributes);
    if (supported) {
        CU_ASSERT_EQUAL_FATAL(entry.attribute_bytes, sizeof expected - 1);
        CU_ASSERT_EQUAL(memcmp(entry.attributes, expected, sizeof expected - 1), 0);
    }
    CU_ASSERT_EQUAL(ops->next(fixture.state, &entry), SLUICE_OK);
    CU_ASSERT_PTR_NOT_NULL(entry.attributes);
    CU_ASSERT_EQUAL(entry.attribute_bytes, 0);
    CU_ASSERT_EQUAL(ops->next(fixture.state, &entry), SLUICE_OK);
    CU_ASSERT_EQUAL(entry.type, SLUICE_ENTRY_SYMLINK);
    CU_ASSERT_PTR_NULL(entry.attributes);
    ops->fini(fixture.state);
    end();
}

/* They fail their directory, not what lies in it.  With their names and lengths, 32 values of 2048 bytes are more than
 * a list may hold; most file systems on disks do not take as much, the one in memory does. */
static void too_many_attributes(void)
{
    static const char value[2048];
    char place[] = "/dev/shm/sluice-source-XXXXXX";
    char name[16];
    begin();
    bool supported = mkdtemp(place) != NULL;
    if (supported) {
        CU_ASSERT_EQUAL(symlink(place, "there"), 0);
        CU_ASSERT_EQUAL(mkdir("there/in", 0755), 0);
        store_file_write("there/in/file", "");
    }
    for (unsigned i = 0; i < 32 && supported; i++) {
        (void)snprintf(name, sizeof name, "user.%u", i);
        supported = setxattr("there/in", name, value, sizeof value, 0) == 0;
    }
    if (supported) {
        const sluice_operand operand = {.path = "there/in"};
        sluice_source_spec spec = spec_of(NULL, &operand, 1);
        spec.preserve = SLUICE_PRESERVE_XATTR;
        CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
        EXPECT("! in ELIMIT", "f in/file 0");
        ops->fini(fixture.state);
    } else {
        printf("  skipped: no 64 KiB of attributes in /dev/shm: %s\n", strerror(errno));
    }
    store_command("rm -rf there/in");
    (void)rmdir(place);
    end();
}

int main(void)
{
    const CU_TestInfo tests[] = {
        {"a tree with any names", tree_with_any_names},
        {"a deep tree in few descriptors", deep_tree_in_few_descriptors},
        {"operands and their names", operands_and_their_names},
        {"an operand without a name", operand_without_a_name},
        {"the same name twice", same_name_twice},
        {"links by policy", links_by_policy},
        {"links out of the root", links_out_of_the_root},
        {"swapped after the listing", swapped_after_listing},
        {"left out by the filter", left_out},
        {"reading", reading},
        {"changed while read", changed_while_read},
        {"holes", holes},
        {"unreadable", unreadable},
        {"attributes", attributes},
        {"too many attributes", too_many_attributes},
        {"out of memory", out_of_memory},
        CU_TEST_INFO_NULL,
    };
    return store_run_twice("source file", tests);
}
