/* SPDX-License-Identifier: Apache-2.0 */
/* A client that pulls from a server which means no good, into real files: nothing outside of the destination is
 * touched, the client is told why, and what was honest is there. */
#include "unit/store_fixture.h"
#include "unit/suite.h"
#include "unit/transfer_fixture.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTENT "what the server sends"
#define OUTSIDE "what lies outside of the destination"

typedef struct hostile_host {
    const char *what;
    const char *before;        /* a command for the destination */
    item items[4];
    const char *said;          /* a part of the sentence */
    int exit_status;
    const char *there, *not_there; /* paths in the room, after it; NULL: not looked at */
} hostile_host;

#define FILE_ITEM(path)                                                                                               \
    {                                                                                                                 \
        .type = SLUICE_ENTRY_FILE, .name = path, .size = sizeof CONTENT - 1, .mtime_ns = 1700000000000000000          \
    }
#define LINK_ITEM(path, to)                                                                                           \
    {                                                                                                                 \
        .type = SLUICE_ENTRY_SYMLINK, .name = path, .target = to                                                      \
    }
#define DIRECTORY_ITEM(path)                                                                                          \
    {                                                                                                                 \
        .type = SLUICE_ENTRY_DIRECTORY, .name = path                                                                  \
    }

static const hostile_host hosts[] = {
    {"a name with ..", "true", {FILE_ITEM("t/ok"), FILE_ITEM("t/@@/@@/outside/f")}, "t/../../outside/f: refused", 1, NULL,
     "dest/outside"},
    {"only ..", "true", {FILE_ITEM("@@")}, "..: refused", 1, NULL, NULL},
    {"an absolute name", "true", {FILE_ITEM("%%-sluice-hostile")}, "/x-sluice-hostile: refused", 1, NULL,
     "/x-sluice-hostile"},
    {"a name that was not asked for", "true", {FILE_ITEM("other")}, "other", 1, NULL, "dest/other"},
    {"a name that begins like it", "true", {FILE_ITEM("tt")}, "tt", 1, NULL, "dest/tt"},
    {"a link, then a file through it",
     "true",
     {DIRECTORY_ITEM("t"), LINK_ITEM("t/l", "../../outside"), FILE_ITEM("t/l/f"), FILE_ITEM("t/ok")},
     "t/l",
     6,
     "dest/t/ok",
     "outside/f"},
    {"the top as a link, then a file below it",
     "true",
     {LINK_ITEM("t", "../outside"), FILE_ITEM("t/f"), FILE_ITEM("t/ok")},
     "t",
     6,
     "dest/t/ok",
     "outside/f"},
    {"a link that lay there",
     "ln -s ../outside dest/t",
     {FILE_ITEM("t/f"), FILE_ITEM("t/keep")},
     "t",
     1,
     NULL,
     "outside/f"},
    {"a partial file's name", "true", {FILE_ITEM("t/ok"), FILE_ITEM("t/.ok.sluice-part")}, "sluice-part", 6, "dest/t/ok",
     NULL},
    {"a file, then a directory of its name",
     "true",
     {FILE_ITEM("t/a"), FILE_ITEM("t/a/b"), FILE_ITEM("t/ok")},
     "t/a",
     6,
     "dest/t/ok",
     NULL},
};

static store_fixture file_sink;

static void sink_sentence(void *user, int status, sluice_error *out)
{
    const store_fixture *from = user;
    sluice_fail(out, status, "%s", from->sentence);
}

static void sink_start(void)
{
    static const max_align_t settings[16]; /* all zeroes */
    sluice_sink_spec spec = {.size = sizeof spec,
                             .destination = "dest/",
                             .single = true,
                             .preserve = SLUICE_PRESERVE_TIMES,
                             .overwrite = SLUICE_OVERWRITE_DIFFERENT,
                             .resume = SLUICE_RESUME_FULL,
                             .threads = 1};
    CU_ASSERT_TRUE_FATAL(store_fixture_init(&file_sink, "sink_file"));
    const sluice_sink_ops *ops = file_sink.plugin->ops;
    CU_ASSERT_EQUAL_FATAL(ops->init(file_sink.state, settings, &file_sink.host, &spec), SLUICE_OK);
}

static bool exists(const char *path)
{
    char command[256];
    snprintf(command, sizeof command, "test -e %s || test -L %s", path, path);
    return system(command) == 0;
}

static void room_check(const hostile_host *host)
{
    CU_ASSERT(store_file_is("outside/keep", OUTSIDE));
    store_command("test \"$(ls -A outside)\" = keep && test \"$(ls)\" = \"$(printf 'dest\\noutside')\"");
    if (host->there)
        CU_ASSERT(store_file_is(host->there, CONTENT));
    if (host->not_there)
        CU_ASSERT_FALSE(exists(host->not_there));
}

static void pull_from(const hostile_host *host, uint64_t seed)
{
    char room[64];
    item items[SLUICE_COUNT(host->items)];
    size_t count = 0;
    store_room_enter(room);
    store_command("mkdir dest outside");
    store_file_write("outside/keep", OUTSIDE);
    store_command(host->before);
    for (; count < SLUICE_COUNT(items) && host->items[count].name; count++) {
        items[count] = host->items[count];
        items[count].data = (uint8_t *)(uintptr_t)CONTENT;
    }
    sink_start();
    sluice_mover_store store = {
        .sink = file_sink.plugin->ops, .state = file_sink.state, .sentence = sink_sentence, .user = &file_sink};
    fixture *f = malloc(sizeof *f);
    fixture_init(f, false, seed, items, count);
    f->request.single = true;
    f->forged = true;
    f->sink = &store;
    fixture_run(f);
    int exit_status = sluice_status_exit(f->client.status);
    CU_ASSERT_EQUAL(exit_status, host->exit_status);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->client.sentence, host->said));
    if (exit_status != host->exit_status || !strstr(f->client.sentence, host->said))
        printf("%s: exit status %d, '%s'\n", host->what, exit_status, f->client.sentence);
    fixture_fini(f);
    free(f);
    store.sink->fini(file_sink.state);
    store_fixture_fini(&file_sink);
    room_check(host);
    store_room_leave(room);
}

static void hostile_hosts(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(hosts); i++)
        for (uint64_t seed = 1; seed <= 4; seed++)
            pull_from(&hosts[i], seed);
}

int main(void)
{
    static const CU_TestInfo tests[] = {{"hostile hosts", hostile_hosts}, CU_TEST_INFO_NULL};
    return sluice_suite_run("host", tests);
}
