/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/store_fixture.h"
#include "unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define MTIME_NS (1500000000 * SECOND + 123456789)

static store_fixture fixture;
static max_align_t settings[16]; /* zeroes, unless a test wants room to be reserved */
static char room[64];
static const sluice_sink_ops *ops;
static bool at_once; /* small files are put whole wherever that may be */

static void begin(void)
{
    store_room_enter(room);
    CU_ASSERT_FATAL(store_fixture_init(&fixture, "sink_file"));
    ops = fixture.plugin->ops;
    CU_ASSERT_FATAL(fixture.plugin->config_size <= sizeof settings);
    memset(settings, 0, sizeof settings);
}

static void end(void)
{
    CU_ASSERT_EQUAL(fixture.live, 0);
    store_fixture_fini(&fixture);
    store_room_leave(room);
}

static sluice_sink_spec spec_of(const char *root, const char *destination)
{
    return (sluice_sink_spec){.size = sizeof(sluice_sink_spec),
                              .root = root,
                              .destination = destination,
                              .preserve = SLUICE_PRESERVE_TIMES | SLUICE_PRESERVE_MODE,
                              .overwrite = SLUICE_OVERWRITE_DIFFERENT,
                              .resume = SLUICE_RESUME_FULL,
                              .threads = 1};
}

static int start(const sluice_sink_spec *spec)
{
    return ops->init(fixture.state, settings, &fixture.host, spec);
}

/* A sink into the directory "out", which is made. */
static sluice_sink_spec start_in_out(void)
{
    sluice_sink_spec spec = spec_of(NULL, "out");
    (void)mkdir("out", 0755);
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    return spec;
}

static void restart(void)
{
    ops->fini(fixture.state);
    memset(fixture.state, 0, fixture.plugin->state_size);
}

static sluice_entry file_of(const char *name, uint64_t size)
{
    return (sluice_entry){.type = SLUICE_ENTRY_FILE,
                          .name = name,
                          .size = size,
                          .mode = 0640,
                          .mtime_ns = MTIME_NS,
                          .atime_ns = INT64_MIN,
                          .uid = UINT32_MAX,
                          .gid = UINT32_MAX};
}

static sluice_entry directory_of(const char *name, uint32_t mode)
{
    sluice_entry entry = file_of(name, 0);
    entry.type = SLUICE_ENTRY_DIRECTORY;
    entry.mode = mode;
    return entry;
}

static sluice_entry link_of(const char *name, const char *target)
{
    sluice_entry entry = file_of(name, 0);
    entry.type = SLUICE_ENTRY_SYMLINK;
    entry.target = target;
    return entry;
}

static void *opened; /* by the last prepare_only */
static uint64_t lying;

static int prepare_only(const sluice_entry *entry, sluice_sink_verdict *verdict)
{
    opened = NULL;
    lying = 77;
    return ops->prepare(fixture.state, entry, false, verdict, &opened, &lying);
}

static int write_text(const char *text, uint64_t offset)
{
    const struct iovec buffer = {(void *)(uintptr_t)text, strlen(text)};
    int64_t result = ops->write(fixture.state, opened, offset, &buffer, 1, NULL);
    if (result < 0)
        return (int)result;
    CU_ASSERT_EQUAL(result, (int64_t)strlen(text));
    return SLUICE_OK;
}

static int look(const sluice_entry *entry, sluice_sink_verdict *verdict)
{
    *verdict = SLUICE_SINK_DONE;
    return ops->look(fixture.state, entry, verdict);
}

/* A whole file; the first failure's status. */
static int put(const char *name, const char *text)
{
    sluice_entry entry = file_of(name, strlen(text));
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    int status = at_once ? look(&entry, &verdict) : SLUICE_OK;
    if (status == SLUICE_OK && verdict == SLUICE_SINK_WRITE)
        return ops->put(fixture.state, &entry, text, strlen(text), NULL);
    if (status == SLUICE_OK)
        status = prepare_only(&entry, &verdict);
    if (status != SLUICE_OK)
        return status;
    CU_ASSERT_EQUAL_FATAL(verdict, SLUICE_SINK_WRITE);
    status = write_text(text, 0);
    CU_ASSERT_EQUAL(status, SLUICE_OK);
    return ops->commit(fixture.state, opened, strlen(text), NULL);
}

static int put_entry(const sluice_entry *entry)
{
    sluice_sink_verdict verdict = SLUICE_SINK_WRITE;
    int status = prepare_only(entry, &verdict);
    if (status == SLUICE_OK)
        CU_ASSERT(verdict == SLUICE_SINK_DONE || verdict == SLUICE_SINK_SKIP);
    return status;
}

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

static int64_t mtime_of(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ? status.st_mtim.tv_sec * SECOND + status.st_mtim.tv_nsec : 0;
}

/* ---- files ---- */

static void name_only_when_complete(void)
{
    begin();
    (void)start_in_out();
    sluice_entry entry = file_of("f", 10);
    sluice_sink_verdict verdict = SLUICE_SINK_DONE;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(verdict, SLUICE_SINK_WRITE);
    CU_ASSERT_EQUAL(lying, 0);
    CU_ASSERT_EQUAL(write_text("56789", 5), SLUICE_OK);
    CU_ASSERT(!exists("out/f"));
    CU_ASSERT_EQUAL(mode_of("out/.f.sluice-part"), 0600);
    CU_ASSERT_EQUAL(write_text("01234", 0), SLUICE_OK);
    char back[16] = "";
    const struct iovec buffer = {back, sizeof back};
    CU_ASSERT_EQUAL(ops->read(fixture.state, opened, 3, &buffer, 1), 7);
    CU_ASSERT_STRING_EQUAL(back, "3456789");
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 10, NULL), SLUICE_OK);
    CU_ASSERT(store_file_is("out/f", "0123456789"));
    CU_ASSERT_EQUAL(mode_of("out/f"), 0640);
    CU_ASSERT_EQUAL(mtime_of("out/f"), MTIME_NS);
    CU_ASSERT(!exists("out/.f.sluice-part"));
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    ops->fini(fixture.state);
    end();
}

static void where_things_go(void)
{
    static const struct {
        const char *root, *destination;
        bool single, mkdir, pairs;
        const char *name, *path; /* path: where it must lie; NULL: init fails with */
        int status;
    } cases[] = {
        {NULL, "there", true, false, false, "f", "there/f", 0},
        {NULL, "there/", true, false, false, "f", "there/f", 0},
        {NULL, "there", false, false, false, "f", "there/f", 0},
        {NULL, "to-there", true, false, false, "f", "there/f", 0},
        {NULL, ".", true, false, false, "f", "f", 0},
        {NULL, "new", true, false, false, "f", "new", 0},
        {NULL, "new", true, false, false, "d/f", "new/f", 0},
        {NULL, "new/", true, false, false, "f", NULL, SLUICE_ENOENT},
        {NULL, "new/", true, true, false, "f", "new/f", 0},
        {NULL, "new", false, false, false, "f", NULL, SLUICE_ENOENT},
        {NULL, "new/a/b", false, true, false, "f", "new/a/b/f", 0},
        {NULL, "none/new", true, false, false, "f", NULL, SLUICE_ENOENT},
        {NULL, "none/a/new", true, true, false, "f", "none/a/new", 0},
        {NULL, "file", true, false, false, "f", "file", 0},
        {NULL, "file/", true, false, false, "f", NULL, SLUICE_EEXIST},
        {NULL, "file", false, false, false, "f", NULL, SLUICE_EEXIST},
        {NULL, "file/below", true, true, false, "f", NULL, SLUICE_EEXIST},
        {NULL, "there", false, false, true, "p/q/f", "there/p/q/f", 0},
        {"there", "", true, false, false, "f", "there/f", 0},
        {"there", "new", true, false, false, "f", "there/new", 0},
        {"there", "a/../new", true, false, false, "f", "there/new", 0},
        {"there", "a/b/", true, true, false, "f", "there/a/b/f", 0},
        {"there", "..", true, false, false, "f", NULL, SLUICE_EOUTSIDE},
        {"there", "/tmp", true, false, false, "f", NULL, SLUICE_EOUTSIDE},
        {"there", "a/../../x", true, true, false, "f", NULL, SLUICE_EOUTSIDE},
        {"there", "up", true, false, false, "f", NULL, SLUICE_EOUTSIDE},
        {"there", "up/x", true, true, false, "f", NULL, SLUICE_EOUTSIDE},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        begin();
        store_command("mkdir there && printf old > file && ln -s there to-there && ln -s .. there/up");
        sluice_sink_spec spec = spec_of(cases[i].root, cases[i].destination);
        spec.single = cases[i].single;
        spec.make_parents = cases[i].mkdir;
        spec.explicit_names = cases[i].pairs;
        int status = start(&spec);
        if (status != cases[i].status)
            printf("  case %zu: %s: %s\n", i, cases[i].destination, fixture.sentence);
        CU_ASSERT_EQUAL(status, cases[i].status);
        if (status == SLUICE_OK) {
            CU_ASSERT_EQUAL(put(cases[i].name, "bytes"), SLUICE_OK);
            CU_ASSERT(cases[i].path != NULL && store_file_is(cases[i].path, "bytes"));
            ops->fini(fixture.state);
        } else {
            CU_ASSERT(strlen(fixture.sentence) > 0);
        }
        end();
    }
}

static void operand_without_a_name(void)
{
    begin();
    sluice_sink_spec spec = spec_of(NULL, "new");
    spec.single = true;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    sluice_entry top = directory_of(".", 0750);
    CU_ASSERT_EQUAL(put_entry(&top), SLUICE_OK);
    CU_ASSERT_EQUAL(put("a", "1"), SLUICE_OK);
    CU_ASSERT_EQUAL(put("d/b", "2"), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    CU_ASSERT(store_file_is("new/a", "1") && store_file_is("new/d/b", "2"));
    CU_ASSERT_EQUAL(mode_of("new"), 0750);
    restart();
    /* A directory that was there keeps its mode. */
    top.mode = 0700;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    CU_ASSERT_EQUAL(put_entry(&top), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(mode_of("new"), 0750);
    ops->fini(fixture.state);
    end();
}

/* ---- hostile peers ---- */

#define MARK "...sluice-part"

static void start_single(const char *root, const char *destination)
{
    sluice_sink_spec spec = spec_of(root, destination);
    spec.single = true;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
}

/* A directory with a file in it, which is what an operand of that name comes to. */
static void put_tree(const char *operand, const char *file)
{
    char name[64];
    sluice_entry entry = directory_of(operand, 0755);
    CU_ASSERT_EQUAL(put_entry(&entry), SLUICE_OK);
    (void)snprintf(name, sizeof name, "%s/%s", operand, file);
    CU_ASSERT_EQUAL(put(name, file), SLUICE_OK);
}

/* A directory that was made in an operand's place is something to go into only when it is complete. */
static void unfinished(void)
{
    begin();
    (void)mkdir("root", 0755);
    for (int confined = 0; confined < 2; confined++) {
        const char *root = confined ? "root" : NULL, *into = confined ? "new" : "root/new";
        start_single(root, into);
        put_tree("tree", "first");
        CU_ASSERT(exists("root/new/" MARK));
        restart(); /* without finish */
        start_single(root, into);
        put_tree("other", "file");
        CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
        CU_ASSERT(store_file_is("root/new/other/file", "file"));
        restart();
        start_single(root, into);
        CU_ASSERT_EQUAL(put("tree", "a file"), SLUICE_OK);
        CU_ASSERT(store_file_is("root/new/tree", "a file"));
        store_command("rm root/new/tree");
        restart();
        start_single(root, confined ? "new/" : "root/new/");
        put_tree("tree", "below");
        CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
        CU_ASSERT(store_file_is("root/new/tree/below", "below"));
        restart();
        if (!confined) { /* where the kernel has no openat2 no link is followed below a root */
            (void)symlink("new", "root/link");
            start_single(root, "root/link");
            put_tree("tree", "linked");
            CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
            CU_ASSERT(store_file_is("root/new/tree/linked", "linked"));
            restart();
        }
        CU_ASSERT(exists("root/new/" MARK));
        /* An end with something left for another run is none. */
        start_single(root, into);
        put_tree("tree", "second");
        sluice_entry partial = file_of("tree/partial", 10);
        sluice_sink_verdict verdict = SLUICE_SINK_DONE;
        CU_ASSERT_EQUAL_FATAL(prepare_only(&partial, &verdict), SLUICE_OK);
        CU_ASSERT_EQUAL(write_text("01234", 0), SLUICE_OK);
        ops->abandon(fixture.state, opened, true);
        CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
        CU_ASSERT(exists("root/new/" MARK));
        restart();
        start_single(root, into);
        put_tree("tree", "third");
        CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
        CU_ASSERT(store_file_is("root/new/first", "first"));
        CU_ASSERT(store_file_is("root/new/second", "second"));
        CU_ASSERT(store_file_is("root/new/third", "third"));
        CU_ASSERT(!exists("root/new/" MARK));
        CU_ASSERT_EQUAL(mode_of("root/new"), 0755);
        CU_ASSERT_EQUAL(mtime_of("root/new"), MTIME_NS);
        restart();
        start_single(root, into);
        put_tree("tree", "fourth");
        CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
        CU_ASSERT(store_file_is("root/new/tree/fourth", "fourth"));
        restart();
        /* What says nothing of an operand is no mark. */
        static const char *const words[] = {"", "tree/..", "..", "a/b"};
        for (size_t i = 0; i < SLUICE_COUNT(words); i++) {
            store_command("rm -rf root/odd && mkdir root/odd");
            store_file_write("root/odd/" MARK, words[i]);
            start_single(root, confined ? "odd" : "root/odd");
            put_tree("tree", "x");
            CU_ASSERT(store_file_is("root/odd/tree/x", "x"));
            restart();
        }
        store_command("rm -rf root/*");
    }
    end();
}

static void hostile_names(void)
{
    static const char *const names[] = {"",     ".",    "..", "/",   "/f",    "../f",           "a/../../f",
                                        "a/..", "a//b", "a/", "./f", "a/./b", ".x.sluice-part", "a/.x.sluice-part/b"};
    char long_name[258];
    begin();
    memset(long_name, 'n', 256);
    long_name[256] = '\0';
    (void)start_in_out();
    sluice_sink_verdict verdict;
    for (size_t i = 0; i <= SLUICE_COUNT(names); i++) {
        const char *name = i < SLUICE_COUNT(names) ? names[i] : long_name;
        sluice_entry entries[] = {file_of(name, 1), directory_of(name, 0755), link_of(name, "x")};
        for (size_t j = 0; j < SLUICE_COUNT(entries); j++) {
            if (j == 1 && strcmp(name, ".") == 0)
                continue;
            int status = prepare_only(&entries[j], &verdict);
            CU_ASSERT(status == SLUICE_EOUTSIDE || status == SLUICE_EUNSUPPORTED);
            CU_ASSERT_PTR_NULL(opened);
        }
    }
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    store_command("test -z \"$(ls -A out)\" && test \"$(ls -A)\" = out");
    ops->fini(fixture.state);
    end();
}

static void links_are_never_followed(void)
{
    begin();
    store_command("mkdir -p out/d outside && printf keep > outside/f && ln -s ../outside out/dir && "
                  "ln -s ../outside/f out/f && ln -s d out/inside");
    (void)start_in_out();
    CU_ASSERT_EQUAL(put("dir/f", "evil"), SLUICE_EOUTSIDE);
    CU_ASSERT_EQUAL(put("dir/new", "evil"), SLUICE_EOUTSIDE);
    CU_ASSERT_EQUAL(put("dir/deep/new", "evil"), SLUICE_EOUTSIDE);
    CU_ASSERT_EQUAL(put("inside/f", "evil"), SLUICE_EOUTSIDE);
    sluice_entry entry = directory_of("dir", 0700);
    CU_ASSERT_EQUAL(put_entry(&entry), SLUICE_EEXIST);
    /* A link at the final name is replaced itself. */
    CU_ASSERT_EQUAL(put("f", "good"), SLUICE_OK);
    CU_ASSERT(store_file_is("out/f", "good"));
    CU_ASSERT(store_file_is("outside/f", "keep"));
    store_command("test ! -L out/f && test \"$(ls -A outside)\" = f && test -z \"$(ls -A out/d)\"");
    ops->fini(fixture.state);
    end();
}

static void directory_swapped_for_a_link(void)
{
    begin();
    store_command("mkdir -p out/d outside");
    (void)start_in_out();
    sluice_entry entry = file_of("d/f", 5);
    sluice_sink_verdict verdict;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    store_command("mv out/d out/e && ln -s ../outside out/d");
    CU_ASSERT_EQUAL(write_text("bytes", 0), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 5, NULL), SLUICE_EOUTSIDE);
    CU_ASSERT(!exists("out/e/f"));
    store_command("test -z \"$(ls -A outside)\" && rm out/d && mv out/e out/d");
    /* The same with another directory in its place. */
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    store_command("mv out/d out/e && mkdir out/d && cp out/e/.f.sluice-part out/d");
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 5, NULL), SLUICE_EOUTSIDE);
    CU_ASSERT(!exists("out/d/f"));
    ops->fini(fixture.state);
    end();
}

static void partial_swapped_for_another(void)
{
    begin();
    (void)start_in_out();
    sluice_entry entry = file_of("f", 5);
    sluice_sink_verdict verdict;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    store_command("mv out/.f.sluice-part out/away && printf other > out/.f.sluice-part");
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 5, NULL), SLUICE_EBUSY);
    CU_ASSERT(!exists("out/f"));
    CU_ASSERT(store_file_is("out/.f.sluice-part", "other"));
    ops->fini(fixture.state);
    end();
}

static void partials_of_strangers(void)
{
    static const struct {
        const char *command;
        bool root;
    } cases[] = {
        {"ln -s ../target out/.f.sluice-part", false},
        {"ln -s none out/.f.sluice-part", false},
        {"ln target out/.f.sluice-part", false},
        {"mkfifo out/.f.sluice-part", false},
        {"mkdir out/.f.sluice-part", false},
        {"printf x > out/.f.sluice-part && chown 65534 out/.f.sluice-part", true},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        if (cases[i].root && geteuid() != 0) {
            printf("skipped: a partial file of another user: needs root\n");
            continue;
        }
        begin();
        store_command("mkdir out && printf keep > target");
        store_command(cases[i].command);
        (void)start_in_out();
        sluice_entry entry = file_of("f", 5);
        sluice_sink_verdict verdict;
        CU_ASSERT_EQUAL(prepare_only(&entry, &verdict), SLUICE_EEXIST);
        CU_ASSERT_PTR_NOT_NULL(strstr(fixture.sentence, ".f.sluice-part"));
        CU_ASSERT_EQUAL(look(&entry, &verdict), SLUICE_OK);
        CU_ASSERT_EQUAL(verdict, SLUICE_SINK_COMPARE);
        CU_ASSERT_EQUAL(ops->put(fixture.state, &entry, "bytes", 5, NULL), SLUICE_EEXIST);
        CU_ASSERT(!exists("out/f"));
        CU_ASSERT(store_file_is("target", "keep") && !exists("none") && !exists("out/none"));
        ops->fini(fixture.state);
        end();
    }
}

static void second_writer(void)
{
    store_fixture other;
    begin();
    CU_ASSERT_FATAL(store_fixture_init(&other, "sink_file"));
    sluice_sink_spec spec = start_in_out();
    CU_ASSERT_EQUAL_FATAL(ops->init(other.state, settings, &other.host, &spec), SLUICE_OK);
    sluice_entry entry = file_of("f", 5);
    sluice_sink_verdict verdict;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    void *second = NULL;
    uint64_t have = 0;
    CU_ASSERT_EQUAL(ops->prepare(other.state, &entry, false, &verdict, &second, &have), SLUICE_EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(other.sentence, "f: another transfer"));
    CU_ASSERT_EQUAL(ops->look(other.state, &entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(verdict, SLUICE_SINK_COMPARE);
    CU_ASSERT_EQUAL(ops->put(other.state, &entry, "other", 5, NULL), SLUICE_EBUSY);
    CU_ASSERT(!exists("out/f"));
    CU_ASSERT_EQUAL(write_text("bytes", 0), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 5, NULL), SLUICE_OK);
    entry.size = 6;
    CU_ASSERT_EQUAL(ops->prepare(other.state, &entry, false, &verdict, &second, &have), SLUICE_OK);
    ops->abandon(other.state, second, false);
    ops->fini(other.state);
    CU_ASSERT_EQUAL(other.live, 0);
    store_fixture_fini(&other);
    CU_ASSERT(store_file_is("out/f", "bytes"));
    ops->fini(fixture.state);
    end();
}

/* ---- resume, overwrite ---- */

static void resume_by_policy(void)
{
    static const struct {
        sluice_resume resume;
        uint64_t size;
        int64_t mtime_ns;
        uint64_t have;
    } cases[] = {
        {SLUICE_RESUME_NONE, 10, MTIME_NS, 0},        {SLUICE_RESUME_ATTRIBUTES, 10, MTIME_NS, 5},
        {SLUICE_RESUME_ATTRIBUTES, 11, MTIME_NS, 0},  {SLUICE_RESUME_ATTRIBUTES, 10, MTIME_NS + 1, 0},
        {SLUICE_RESUME_ATTRIBUTES, 10, INT64_MIN, 0}, {SLUICE_RESUME_SPARSE, 11, MTIME_NS + 1, 5},
        {SLUICE_RESUME_FULL, 11, MTIME_NS + 1, 5},    {SLUICE_RESUME_FULL, 3, MTIME_NS, 3},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        begin();
        sluice_sink_spec spec = start_in_out();
        sluice_entry entry = file_of("f", 10);
        sluice_sink_verdict verdict;
        CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
        CU_ASSERT_EQUAL(write_text("01234", 0), SLUICE_OK);
        /* A run that is killed does nothing more: no abandon, and then the lock goes with the process. */
        store_command("cp -p out/.f.sluice-part kept");
        ops->abandon(fixture.state, opened, true);
        store_command("mv kept out/.f.sluice-part");
        restart();
        spec.resume = cases[i].resume;
        CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
        entry.size = cases[i].size;
        entry.mtime_ns = cases[i].mtime_ns;
        CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
        CU_ASSERT_EQUAL(verdict, SLUICE_SINK_WRITE);
        CU_ASSERT_EQUAL(lying, cases[i].have);
        char back[16];
        const struct iovec buffer = {back, cases[i].have};
        CU_ASSERT_EQUAL(ops->read(fixture.state, opened, 0, &buffer, 1), (int64_t)cases[i].have);
        CU_ASSERT_EQUAL(memcmp(back, "01234", cases[i].have), 0);
        ops->abandon(fixture.state, opened, false);
        CU_ASSERT(!exists("out/.f.sluice-part"));
        ops->fini(fixture.state);
        end();
    }
}

static void overwrite_by_policy(void)
{
    enum { NOTHING, SAME, SIZE, OLDER, NEWER };
    static const struct {
        sluice_overwrite overwrite;
        sluice_resume resume;
        int there;
        bool compared;
        sluice_sink_verdict verdict;
    } cases[] = {
        {SLUICE_OVERWRITE_NEVER, SLUICE_RESUME_FULL, NOTHING, false, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_NEVER, SLUICE_RESUME_FULL, SIZE, false, SLUICE_SINK_SKIP},
        {SLUICE_OVERWRITE_NEVER, SLUICE_RESUME_FULL, OLDER, false, SLUICE_SINK_SKIP},
        {SLUICE_OVERWRITE_ALWAYS, SLUICE_RESUME_FULL, SAME, false, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_DIFFERENT, SLUICE_RESUME_FULL, SAME, false, SLUICE_SINK_COMPARE},
        {SLUICE_OVERWRITE_DIFFERENT, SLUICE_RESUME_FULL, SAME, true, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_DIFFERENT, SLUICE_RESUME_ATTRIBUTES, SAME, false, SLUICE_SINK_SKIP},
        {SLUICE_OVERWRITE_DIFFERENT, SLUICE_RESUME_FULL, SIZE, false, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_DIFFERENT, SLUICE_RESUME_FULL, OLDER, false, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_DIFFERENT, SLUICE_RESUME_FULL, NEWER, false, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_OLDER, SLUICE_RESUME_FULL, OLDER, false, SLUICE_SINK_WRITE},
        {SLUICE_OVERWRITE_OLDER, SLUICE_RESUME_FULL, SAME, false, SLUICE_SINK_SKIP},
        {SLUICE_OVERWRITE_OLDER, SLUICE_RESUME_FULL, NEWER, false, SLUICE_SINK_SKIP},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        begin();
        CU_ASSERT_EQUAL(mkdir("out", 0755), 0);
        int64_t mtime = MTIME_NS + (cases[i].there == OLDER ? -1 : cases[i].there == NEWER ? 1 : 0);
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {mtime / SECOND, mtime % SECOND}};
        if (cases[i].there != NOTHING) {
            store_file_write("out/f", cases[i].there == SIZE ? "lying" : "lies");
            CU_ASSERT_EQUAL(utimensat(AT_FDCWD, "out/f", times, 0), 0);
        }
        sluice_sink_spec spec = spec_of(NULL, "out");
        spec.overwrite = cases[i].overwrite;
        spec.resume = cases[i].resume;
        CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
        sluice_entry entry = file_of("f", 4);
        sluice_sink_verdict verdict = SLUICE_SINK_DONE;
        opened = NULL;
        CU_ASSERT_EQUAL(ops->prepare(fixture.state, &entry, cases[i].compared, &verdict, &opened, &lying), SLUICE_OK);
        CU_ASSERT_EQUAL(verdict, cases[i].verdict);
        if (verdict == SLUICE_SINK_COMPARE) {
            char back[8] = "";
            const struct iovec buffer = {back, sizeof back};
            CU_ASSERT_EQUAL(ops->read(fixture.state, opened, 0, &buffer, 1), 4);
            CU_ASSERT_STRING_EQUAL(back, "lies");
            ops->abandon(fixture.state, opened, true);
        } else if (verdict == SLUICE_SINK_WRITE) {
            CU_ASSERT_EQUAL(write_text("came", 0), SLUICE_OK);
            CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 4, NULL), SLUICE_OK);
            CU_ASSERT(store_file_is("out/f", "came"));
        } else {
            CU_ASSERT_PTR_NULL(opened);
        }
        ops->fini(fixture.state);
        end();
    }
}

/* What comes to lie at the final name while the file is received. */
static void something_at_the_name_at_commit(void)
{
    static const struct {
        sluice_overwrite overwrite;
        const char *command;
        int status;
    } cases[] = {
        {SLUICE_OVERWRITE_NEVER, "printf keep > out/f", SLUICE_EEXIST},
        {SLUICE_OVERWRITE_ALWAYS, "mkdir out/f", SLUICE_EEXIST},
        {SLUICE_OVERWRITE_ALWAYS, "mkfifo out/f", SLUICE_EEXIST},
        {SLUICE_OVERWRITE_ALWAYS, "printf old > out/f", SLUICE_OK},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        begin();
        CU_ASSERT_EQUAL(mkdir("out", 0755), 0);
        sluice_sink_spec spec = spec_of(NULL, "out");
        spec.overwrite = cases[i].overwrite;
        CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
        sluice_entry entry = file_of("f", 4);
        sluice_sink_verdict verdict;
        CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
        CU_ASSERT_EQUAL(write_text("came", 0), SLUICE_OK);
        store_command(cases[i].command);
        CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 4, NULL), cases[i].status);
        /* Nothing is lost: what arrived lies under one name or the other. */
        CU_ASSERT(store_file_is(cases[i].status == SLUICE_OK ? "out/f" : "out/.f.sluice-part", "came"));
        if (cases[i].overwrite == SLUICE_OVERWRITE_NEVER)
            CU_ASSERT(store_file_is("out/f", "keep"));
        ops->fini(fixture.state);
        end();
    }
}

static void device_is_not_replaced(void)
{
    begin();
    CU_ASSERT_EQUAL(mkdir("out", 0755) | mkfifo("out/f", 0600), 0);
    (void)start_in_out();
    CU_ASSERT_EQUAL(put("f", "x"), SLUICE_EEXIST);
    ops->fini(fixture.state);
    end();
}

static void holes(void)
{
    begin();
    (void)start_in_out();
    sluice_entry entry = file_of("f", 8 << 20);
    sluice_sink_verdict verdict;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("early", 0), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("wrong", 1 << 20), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->hole(fixture.state, opened, 4096, 4 << 20), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("late", 4 << 20), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->hole(fixture.state, opened, (4 << 20) + 4096, 8 << 20), SLUICE_OK);
    char back[8];
    const struct iovec buffer = {back, sizeof back};
    CU_ASSERT_EQUAL(ops->read(fixture.state, opened, 1 << 20, &buffer, 1), 8);
    CU_ASSERT_EQUAL(memcmp(back, "\0\0\0\0\0\0\0", 8), 0);
    CU_ASSERT_EQUAL(ops->read(fixture.state, opened, (8 << 20) - 8, &buffer, 1), 8);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 8 << 20, NULL), SLUICE_OK);
    struct stat status;
    CU_ASSERT_EQUAL_FATAL(stat("out/f", &status), 0);
    CU_ASSERT_EQUAL(status.st_size, 8 << 20);
    /* Two blocks hold bytes; a mebibyte leaves room for how a file system counts. */
    CU_ASSERT(status.st_blocks * 512 <= 1 << 20);
    ops->fini(fixture.state);
    end();
}

/* Whether room can be reserved where we are. */
static bool reserving(void)
{
    int fd = open("probe", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct statfs system;
    CU_ASSERT_FATAL(fd >= 0);
    bool able = fstatfs(fd, &system) == 0 && system.f_type != TMPFS_MAGIC && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
    (void)close(fd);
    (void)unlink("probe");
    if (!able)
        printf("no room can be reserved in %s: not tried\n", room);
    return able;
}

static bool begin_reserving(void)
{
    begin();
    CU_ASSERT_STRING_EQUAL_FATAL(fixture.plugin->options[0].name, "preallocate");
    *(bool *)((char *)settings + fixture.plugin->options[0].offset) = true;
    (void)start_in_out();
    return reserving();
}

static void end_reserving(void)
{
    ops->fini(fixture.state);
    end();
}

static int64_t taken(const char *path, off_t *size)
{
    struct stat status;
    CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
    *size = status.st_size;
    return status.st_blocks * 512;
}

#define LARGE (8 << 20)

/* What is reserved does not count as there, and no more of it stays than the file needs. */
static void reserved(void)
{
    off_t size;
    sluice_sink_verdict verdict;
    sluice_entry entry = file_of("f", LARGE);
    bool able = begin_reserving();
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT(!able || taken("out/.f.sluice-part", &size) >= LARGE);
    CU_ASSERT(taken("out/.f.sluice-part", &size) >= 0 && size == 0);
    CU_ASSERT_EQUAL(write_text("bytes", 0), SLUICE_OK);
    ops->abandon(fixture.state, opened, true);
    CU_ASSERT(taken("out/.f.sluice-part", &size) <= 1 << 20);
    CU_ASSERT_EQUAL(size, 5);
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(lying, 5);
    CU_ASSERT(!able || taken("out/.f.sluice-part", &size) >= LARGE);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 5, NULL), SLUICE_OK); /* it is shorter than was thought */
    CU_ASSERT(taken("out/f", &size) <= 1 << 20);
    CU_ASSERT_EQUAL(size, 5);
    end_reserving();
}

/* Holes stay holes, whether they were known of beforehand or not. */
static void reserved_holes(void)
{
    off_t size;
    sluice_sink_verdict verdict;
    sluice_entry entry = file_of("told", LARGE);
    (void)begin_reserving();
    entry.sparse = true;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT(taken("out/.told.sluice-part", &size) <= 1 << 20);
    ops->abandon(fixture.state, opened, false);
    entry = file_of("untold", LARGE);
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("early", 0), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->hole(fixture.state, opened, 4096, LARGE - 4096), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("late", LARGE - 4096), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->hole(fixture.state, opened, LARGE - 4096 + 4, LARGE), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, LARGE, NULL), SLUICE_OK);
    CU_ASSERT(taken("out/untold", &size) <= 1 << 20);
    CU_ASSERT_EQUAL(size, LARGE);
    end_reserving();
}

/* A file that cannot fit is refused before its first byte, and leaves nothing. */
static void reserved_full(void)
{
    struct statfs system;
    sluice_sink_verdict verdict;
    bool able = begin_reserving();
    CU_ASSERT_EQUAL_FATAL(statfs("out", &system), 0);
    uint64_t room_bytes = (uint64_t)system.f_bfree * (uint64_t)system.f_bsize;
    sluice_entry entry = file_of("f", room_bytes + (UINT64_C(1) << 30));
    if (able || (system.f_type == TMPFS_MAGIC && system.f_blocks != 0)) {
        CU_ASSERT_EQUAL(prepare_only(&entry, &verdict), SLUICE_ENOSPACE);
        CU_ASSERT_PTR_NOT_NULL(strstr(fixture.sentence, "bytes more cannot be written: no space left"));
        CU_ASSERT_NOT_EQUAL(access("out/.f.sluice-part", F_OK), 0);
    }
    end_reserving();
}

static void longest_names(void)
{
    char first[256];
    char second[256];
    char path[300];
    void *one;
    begin();
    memset(first, 'n', 255);
    first[255] = '\0';
    strcpy(second, first);
    second[254] = 'm';
    (void)start_in_out();
    sluice_entry entry = file_of(first, 3);
    sluice_sink_verdict verdict;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("one", 0), SLUICE_OK);
    one = opened;
    entry.name = second;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(write_text("two", 0), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 3, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, one, 3, NULL), SLUICE_OK);
    (void)snprintf(path, sizeof path, "out/%s", first);
    CU_ASSERT(store_file_is(path, "one"));
    (void)snprintf(path, sizeof path, "out/%s", second);
    CU_ASSERT(store_file_is(path, "two"));
    ops->fini(fixture.state);
    end();
}

static void modes(void)
{
    begin();
    mode_t mask = umask(027);
    sluice_sink_spec spec = start_in_out();
    sluice_entry entry = file_of("set", 0);
    entry.mode = 06755;
    sluice_sink_verdict verdict;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(mode_of("out/set"), 0755);
    restart();
    spec.preserve = 0;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    entry = file_of("masked", 0);
    entry.mode = 04777;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 0, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(mode_of("out/masked"), 0750);
    CU_ASSERT_NOT_EQUAL(mtime_of("out/masked"), MTIME_NS);
    restart();
    spec.preserve = SLUICE_PRESERVE_MODE | SLUICE_PRESERVE_OWNER;
    CU_ASSERT_EQUAL_FATAL(start(&spec), SLUICE_OK);
    entry = file_of("owned", 0);
    entry.mode = 06755;
    entry.uid = entry.gid = 54321;
    CU_ASSERT_EQUAL_FATAL(prepare_only(&entry, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->commit(fixture.state, opened, 0, NULL), SLUICE_OK);
    struct stat status;
    CU_ASSERT_EQUAL_FATAL(stat("out/owned", &status), 0);
    /* Set-user-id only for the user that was meant. */
    CU_ASSERT_EQUAL(status.st_mode & 07777, status.st_uid == 54321 ? 06755 : 0755);
    CU_ASSERT_EQUAL(status.st_uid, geteuid() == 0 ? 54321 : geteuid());
    ops->fini(fixture.state);
    (void)umask(mask);
    end();
}

/* ---- directories and links ---- */

static void directories_in_the_end(void)
{
    begin();
    (void)start_in_out();
    sluice_entry outer = directory_of("d", 0555);
    sluice_entry inner = directory_of("d/e", 0500);
    inner.mtime_ns = 7 * SECOND;
    CU_ASSERT_EQUAL(put_entry(&outer), SLUICE_OK);
    CU_ASSERT_EQUAL(mode_of("out/d"), 0700);
    CU_ASSERT_EQUAL(put_entry(&inner), SLUICE_OK);
    sluice_entry link = link_of("d/e/l", "../../../etc");
    CU_ASSERT_EQUAL(put_entry(&link), SLUICE_OK);
    CU_ASSERT(!exists("out/d/e/l"));
    CU_ASSERT_EQUAL(put("d/e/f", "x"), SLUICE_OK);
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(mode_of("out/d"), 0555);
    CU_ASSERT_EQUAL(mode_of("out/d/e"), 0500);
    CU_ASSERT_EQUAL(mtime_of("out/d"), MTIME_NS);
    CU_ASSERT_EQUAL(mtime_of("out/d/e"), 7 * SECOND);
    CU_ASSERT_EQUAL(mtime_of("out/d/e/l"), MTIME_NS);
    ops->fini(fixture.state);
    end();
}

static bool write_again(void)
{
    sluice_sink_spec spec = spec_of(NULL, "out");
    sluice_entry entry = directory_of("d", 0555);
    bool good = start(&spec) == SLUICE_OK && put_entry(&entry) == SLUICE_OK && put("d/f", "x") == SLUICE_OK &&
                ops->finish(fixture.state, NULL, NULL) == SLUICE_OK && mode_of("out/d") == 0555;
    ops->fini(fixture.state);
    return good;
}

/* Without root's rights: a directory that may not be written is opened up for the time of the transfer. */
static void closed_directory_again(void)
{
    begin();
    store_command("mkdir -p out/d && chmod 555 out/d && chmod 755 .");
    if (geteuid() == 0)
        store_command("chown -R 65534:65534 out");
    int result = store_as_nobody(write_again);
    if (result < 0)
        printf("skipped: a closed directory: another user cannot be had here\n");
    else
        CU_ASSERT_EQUAL(result, 1);
    end();
}

static unsigned told;

static void count_failed(void *user, const char *name, int status, const char *sentence)
{
    (void)user;
    CU_ASSERT(status < 0 && strlen(sentence) > 0 && strlen(name) > 0);
    told++;
}

static void links(void)
{
    begin();
    store_command("mkdir -p out/was-dir out/sub && printf keep > target && ln -s ../target out/same && "
                  "ln -s elsewhere out/differs && printf x > out/was-file");
    (void)start_in_out();
    sluice_sink_verdict verdict;
    sluice_entry same = link_of("same", "../target");
    CU_ASSERT_EQUAL(prepare_only(&same, &verdict), SLUICE_OK);
    CU_ASSERT_EQUAL(verdict, SLUICE_SINK_SKIP);
    sluice_entry made[] = {link_of("differs", "new\ntarget"), link_of("was-file", "a"), link_of("fresh/l", "/etc"),
                           link_of("taken", "x"), link_of("sub/l", "x")};
    for (size_t i = 0; i < SLUICE_COUNT(made); i++)
        CU_ASSERT_EQUAL(put_entry(&made[i]), SLUICE_OK);
    sluice_entry bad[] = {link_of("e", ""), link_of("n", NULL), link_of("was-dir", "x")};
    CU_ASSERT_EQUAL(put_entry(&bad[0]), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(put_entry(&bad[1]), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(put_entry(&bad[2]), SLUICE_EEXIST);
    /* Two of them cannot be made in the end, and both are told. */
    store_command("mkdir out/taken && rmdir out/sub && ln -s . out/sub");
    told = 0;
    CU_ASSERT_NOT_EQUAL(ops->finish(fixture.state, count_failed, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(told, 2);
    store_command(
        "test \"$(readlink out/differs)\" = \"$(printf 'new\\ntarget')\" && test \"$(readlink out/was-file)\" = a "
        "&& test \"$(readlink out/fresh/l)\" = /etc && test ! -e out/l && test ! -L out/l");
    CU_ASSERT(store_file_is("target", "keep"));
    ops->fini(fixture.state);
    end();
}

/* More notes than are kept in memory; each directory gets what it was to get. */
static void very_many_directories(void)
{
    char name[128];
    char path[160];
    unsigned wrong = 0;
    begin();
    (void)start_in_out();
    for (unsigned i = 0; i < 4000; i++) {
        (void)snprintf(name, sizeof name, "%0100u", i);
        sluice_entry entry = directory_of(name, 0700 + i % 64);
        entry.mtime_ns = (1000 + (int64_t)i) * SECOND;
        CU_ASSERT_EQUAL_FATAL(put_entry(&entry), SLUICE_OK);
    }
    CU_ASSERT_EQUAL(ops->finish(fixture.state, NULL, NULL), SLUICE_OK);
    for (unsigned i = 0; i < 4000; i++) {
        (void)snprintf(path, sizeof path, "out/%0100u", i);
        wrong += mode_of(path) != 0700 + i % 64 || mtime_of(path) != (1000 + (int64_t)i) * SECOND;
    }
    CU_ASSERT_EQUAL(wrong, 0);
    store_command("test $(ls -A out | wc -l) -eq 4000");
    ops->fini(fixture.state);
    end();
}

/* ---- environment ---- */

static bool fill_disk(void)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "out", "tmpfs", 0, "size=1m") != 0)
        _exit(2);
    static char chunk[1 << 16];
    sluice_sink_spec spec = spec_of(NULL, "out");
    sluice_entry entry = file_of("f", 4 << 20);
    sluice_sink_verdict verdict;
    const struct iovec buffer = {chunk, sizeof chunk};
    if (start(&spec) != SLUICE_OK || prepare_only(&entry, &verdict) != SLUICE_OK)
        return false;
    int64_t result = 0;
    memset(chunk, 'x', sizeof chunk);
    for (uint64_t offset = 0; offset < 4 << 20 && result >= 0; offset += sizeof chunk)
        result = ops->write(fixture.state, opened, offset, &buffer, 1, NULL);
    bool good = result == SLUICE_ENOSPACE && strstr(fixture.sentence, "f: cannot be written") != NULL &&
                strstr(fixture.sentence, "bytes free") != NULL;
    ops->abandon(fixture.state, opened, true);
    good = good && !exists("out/f") && exists("out/.f.sluice-part");
    ops->fini(fixture.state);
    return good;
}

static void disk_full(void)
{
    begin();
    CU_ASSERT_EQUAL(mkdir("out", 0755), 0);
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(fill_disk() ? 0 : 1);
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        printf("skipped: a full disk: mounting a small one needs root\n");
    else
        CU_ASSERT_EQUAL(status, 0);
    end();
}

static void out_of_memory(void)
{
    begin();
    bool whole = false;
    for (size_t n = 1; !whole && n < 200; n++) {
        store_command("rm -rf new");
        sluice_sink_spec spec = spec_of(NULL, "new");
        spec.single = true;
        fixture.allocations = 0;
        fixture.fail_at = n;
        int status = start(&spec);
        if (status == SLUICE_OK) {
            sluice_entry directory = directory_of("d", 0755);
            sluice_entry link = link_of("d/l", "x");
            status = put_entry(&directory);
            CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
            status = put_entry(&link);
            CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
            status = put("d/e/f", "x");
            CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
            CU_ASSERT_EQUAL(status == SLUICE_OK, exists("new/e/f"));
            status = ops->finish(fixture.state, NULL, NULL);
            CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
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

int main(void)
{
    const CU_TestInfo tests[] = {
        {"a name only when complete", name_only_when_complete},
        {"where things go", where_things_go},
        {"an operand without a name", operand_without_a_name},
        {"unfinished trees", unfinished},
        {"hostile names", hostile_names},
        {"links are never followed", links_are_never_followed},
        {"a directory swapped for a link", directory_swapped_for_a_link},
        {"a partial file swapped for another", partial_swapped_for_another},
        {"partial files of strangers", partials_of_strangers},
        {"a second writer", second_writer},
        {"resume by policy", resume_by_policy},
        {"overwrite by policy", overwrite_by_policy},
        {"something at the name at commit", something_at_the_name_at_commit},
        {"a device is not replaced", device_is_not_replaced},
        {"holes", holes},
        {"room is reserved before bytes come", reserved},
        {"holes stay holes where room was reserved", reserved_holes},
        {"what cannot fit is refused at once", reserved_full},
        {"longest names", longest_names},
        {"modes", modes},
        {"directories in the end", directories_in_the_end},
        {"a closed directory again", closed_directory_again},
        {"links", links},
        {"very many directories", very_many_directories},
        {"disk full", disk_full},
        {"out of memory", out_of_memory},
        CU_TEST_INFO_NULL,
    };
    int status = store_run_twice("sink file", tests);
    at_once = true;
    return status | store_run_twice("sink file, small files whole", tests);
}
