/* SPDX-License-Identifier: Apache-2.0 */
/* The report plugin manifest: the form of a receipt, its names before and at the end, and what hinders it. */
#include "unit/report_feed.h"
#include "unit/suite.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct config {
    const char *inprogress_suffix;
} config;

static const config plain = {.inprogress_suffix = ".part"};

typedef struct room {
    char directory[64], path[96], unfinished[96];
} room;

static room enter(void)
{
    room made = {.directory = "/tmp/sluice-manifest-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(made.directory));
    snprintf(made.path, sizeof made.path, "%s/receipt", made.directory);
    snprintf(made.unfinished, sizeof made.unfinished, "%s/receipt.part", made.directory);
    return made;
}

static void leave(const room *made)
{
    unlink(made->path);
    unlink(made->unfinished);
    CU_ASSERT_EQUAL(rmdir(made->directory), 0);
}

static sluice_report_spec spec_of(const room *made)
{
    return (sluice_report_spec){
        .direction = "push", .source = "a\tb", .destination = "host:in/", .manifest = made->path};
}

static bool is_there(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

/* The file from its second line's end on: before that stands the time. */
static char *behind_start(const char *path)
{
    FILE *file = fopen(path, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    char *text = feed_text(file);
    fclose(file);
    static const char head[] = "sluice-manifest\t1\nstart\t2";
    CU_ASSERT_NSTRING_EQUAL(text, head, sizeof head - 1);
    char *line = strchr(strchr(text, '\n') + 1, '\n');
    CU_ASSERT_PTR_NOT_NULL_FATAL(line);
    CU_ASSERT_EQUAL(line[-1], 'Z');
    memmove(text, line + 1, strlen(line));
    return text;
}

static const sluice_event begun = {.type = SLUICE_EVENT_SESSION, .session = "0123", .peer = "[::1]:33001"};

static void file(report_feed *feed, const char *state, const char *path)
{
    bool failed = strcmp(state, "failed") == 0, done = strcmp(state, "done") == 0;
    feed_event(feed, (sluice_event){.type = SLUICE_EVENT_FILE,
                                    .path = path,
                                    .state = state,
                                    .file_bytes = failed ? 0 : 18446744073709551615u,
                                    .digest = done ? "sha-256:00ff" : NULL,
                                    .status = failed ? SLUICE_ENOSPACE : SLUICE_OK,
                                    .message = failed ? "b\\c: the disk\nis full" : ""});
}

static void end(report_feed *feed, int status, uint64_t files, uint64_t skipped, uint64_t failed)
{
    const sluice_statistics counted = {.size = sizeof counted,
                                       .files = files,
                                       .skipped = skipped,
                                       .failed = failed,
                                       .bytes = 77,
                                       .duration_ns = 1234567890};
    feed_event(feed, (sluice_event){.type = SLUICE_EVENT_DONE,
                                    .status = status,
                                    .message = status != SLUICE_OK ? "some\twords" : "",
                                    .statistics = &counted});
}

static void every_file_has_its_line(void)
{
    char expected[2048];
    room made = enter();
    report_feed feed;
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "manifest", &plain, spec_of(&made)), SLUICE_OK);
    CU_ASSERT(feed.ops->wants(feed.state) == SLUICE_REPORT_EVERY_FILE);
    feed_event(&feed, begun);
    file(&feed, "done", "dir/\xc3\xa4 b");
    file(&feed, "skipped", "line\nend\ttab\x1b\x7f\\\xff");
    feed_event(&feed, (sluice_event){.type = SLUICE_EVENT_WARNING, .message = "not of a file"});
    file(&feed, "failed", "b\\c");
    CU_ASSERT(is_there(made.unfinished));
    CU_ASSERT_FALSE(is_there(made.path));
    end(&feed, SLUICE_EPARTIAL, 1, 1, 1);
    CU_ASSERT_FALSE(is_there(made.unfinished));
    char *text = behind_start(made.path), *time = strstr(text, "\ttime=2");
    CU_ASSERT_PTR_NOT_NULL_FATAL(time);
    snprintf(expected, sizeof expected,
             "direction\tpush\nsource\ta\\tb\ndestination\thost:in/\nsession\t0123\t[::1]:33001\n"
             "file\tdone\t18446744073709551615\tsha-256:00ff\tdir/\xc3\xa4 b\n"
             "file\tskipped\t18446744073709551615\t-\tline\\nend\\ttab\\x1b\\x7f\\\\\\xff\n"
             "file\tfailed\t0\t-\tb\\\\c\t%d\tb\\\\c: the disk\\nis full\n"
             "end\tstatus=failed\tcode=%d\tfiles=1\tskipped=1\tfailed=1\tbytes=77\tseconds=1.234\tcomplete=yes",
             SLUICE_ENOSPACE, SLUICE_EPARTIAL);
    CU_ASSERT_STRING_EQUAL(strchr(time + 1, '\t'), "\tmessage=some\\twords\n");
    *time = '\0';
    CU_ASSERT_STRING_EQUAL(text, expected);
    free(text);
    feed_end(&feed);
    leave(&made);
}

/* What was counted and is not here was lost on the way; and a second session counts anew. */
static void what_is_missing_is_told(void)
{
    room made = enter();
    for (int lost = 0; lost < 2; lost++) {
        report_feed feed;
        CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "manifest", &plain, spec_of(&made)), SLUICE_OK);
        feed_event(&feed, begun);
        file(&feed, "done", "a");
        feed_event(&feed, begun);
        file(&feed, "skipped", "a");
        end(&feed, SLUICE_OK, (unsigned)lost, 1, 0);
        char *text = behind_start(made.path);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, lost ? "\tcomplete=no\t" : "\tcomplete=yes\t"));
        CU_ASSERT_PTR_NULL(strstr(text, "message="));
        free(text);
        feed_end(&feed);
    }
    leave(&made);
}

/* The longest name that there is, of bytes that all need an escape. */
static void no_name_is_cut(void)
{
    static char name[4096], expected[4 * 4095 + 2];
    room made = enter();
    report_feed feed;
    memset(name, '\x01', 4095);
    for (int i = 0; i < 4095; i++)
        memcpy(expected + 4 * i, "\\x01", 4);
    memcpy(expected + 4 * 4095, "\n", 2);
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "manifest", &plain, spec_of(&made)), SLUICE_OK);
    file(&feed, "done", name);
    end(&feed, SLUICE_OK, 1, 0, 0);
    char *text = behind_start(made.path);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, expected));
    free(text);
    feed_end(&feed);
    leave(&made);
}

static void what_hinders_it_is_told_before_it_begins(void)
{
    room made = enter();
    report_feed feed, other;
    sluice_report_spec spec = spec_of(&made);
    spec.manifest = NULL;
    CU_ASSERT_EQUAL(feed_begin(&feed, "manifest", &plain, spec), SLUICE_EUSAGE);
    free(feed.state);
    spec.manifest = "/no-such-directory/receipt";
    CU_ASSERT_EQUAL(feed_begin(&feed, "manifest", &plain, spec), SLUICE_ECONFIG);
    free(feed.state);
    spec.manifest = made.directory;
    CU_ASSERT_EQUAL(feed_begin(&feed, "manifest", &plain, spec), SLUICE_ECONFIG);
    free(feed.state);
    spec = spec_of(&made);
    CU_ASSERT_EQUAL(feed_begin(&feed, "manifest", &(config){.inprogress_suffix = "/x"}, spec), SLUICE_ECONFIG);
    free(feed.state);
    CU_ASSERT_EQUAL(symlink("elsewhere", made.unfinished), 0);
    CU_ASSERT_EQUAL(feed_begin(&feed, "manifest", &plain, spec), SLUICE_ECONFIG);
    free(feed.state);
    unlink(made.unfinished);
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "manifest", &plain, spec), SLUICE_OK);
    CU_ASSERT_EQUAL(feed_begin(&other, "manifest", &plain, spec), SLUICE_ECONFIG);
    free(other.state);
    CU_ASSERT(is_there(made.unfinished));
    feed_end(&feed); /* nothing has begun: nothing stays */
    CU_ASSERT_FALSE(is_there(made.unfinished));
    leave(&made);
}

/* Of one that was killed something is left, which the next one takes over. */
static void what_is_left_is_begun_anew(void)
{
    room made = enter();
    report_feed feed;
    int fd = open(made.unfinished, O_WRONLY | O_CREAT, 0600);
    CU_ASSERT_EQUAL(write(fd, "left", 4), 4);
    close(fd);
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "manifest", &plain, spec_of(&made)), SLUICE_OK);
    end(&feed, SLUICE_OK, 0, 0, 0);
    char *text = behind_start(made.path);
    CU_ASSERT_PTR_NULL(strstr(text, "left"));
    free(text);
    feed_end(&feed);
    leave(&made);
}

static void a_full_disk_leaves_the_name_of_an_unfinished_one(void)
{
    room made = enter();
    report_feed feed;
    CU_ASSERT_EQUAL_FATAL(feed_begin(&feed, "manifest", &plain, spec_of(&made)), SLUICE_OK);
    int full = open("/dev/full", O_WRONLY), found = -1;
    struct stat there, about;
    CU_ASSERT_EQUAL_FATAL(stat(made.unfinished, &there), 0);
    for (int fd = 3; fd < 64; fd++)
        if (fstat(fd, &about) == 0 && about.st_dev == there.st_dev && about.st_ino == there.st_ino)
            found = fd;
    CU_ASSERT_FATAL(full >= 0 && found >= 0);
    dup2(full, found);
    close(full);
    file(&feed, "done", "a");
    end(&feed, SLUICE_OK, 1, 0, 0);
    CU_ASSERT(is_there(made.unfinished));
    CU_ASSERT_FALSE(is_there(made.path));
    feed_end(&feed);
    leave(&made);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"every file has its line", every_file_has_its_line},
        {"what is missing is told", what_is_missing_is_told},
        {"no name is cut", no_name_is_cut},
        {"what hinders it is told before it begins", what_hinders_it_is_told_before_it_begins},
        {"what is left is begun anew", what_is_left_is_begun_anew},
        {"a full disk leaves the name of an unfinished one", a_full_disk_leaves_the_name_of_an_unfinished_one},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("report manifest", tests);
}
