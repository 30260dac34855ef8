/* SPDX-License-Identifier: Apache-2.0 */
/* Events that wait to be told: which take each other's place, which are left out, and that they say what was so then; and the
 * memory for names of files. */
#include "manager/ledger.h"
#include "manager/notes.h"
#include "manager/tally.h"
#include "unit/suite.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
    sluice_notes notes;
    sluice_notes_of of;
    sluice_job_statistics statistics;
    sluice_job_file file;
} row;

static int add(row *all, sluice_job_event_type type, const char *name, sluice_files_entry *entry, const char *message)
{
    sluice_notes_spec spec = {.owner = all, .of = &all->of, .statistics = &all->statistics, .entry = entry,
                              .message = message, .type = type};
    all->file = (sluice_job_file){.size = sizeof all->file, .name = name, .digest = "xxh3-128:00", .file_bytes = 7};
    if (name != NULL)
        spec.file = &all->file;
    return sluice_notes_add(&all->notes, &spec);
}

static sluice_job_event_type take(row *all, sluice_job_statistics *statistics, char *message, size_t size)
{
    sluice_note *note = sluice_notes_take(&all->notes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(note);
    sluice_note_open(note, statistics);
    snprintf(message, size, "%s|%s", note->event.message, note->event.file != NULL ? note->event.file->name : "");
    sluice_job_event_type type = note->event.type;
    sluice_note_free(note);
    return type;
}

static void expect(row *all, sluice_job_event_type type, uint64_t files, const char *message)
{
    sluice_job_statistics statistics;
    char text[256];
    CU_ASSERT_EQUAL(take(all, &statistics, text, sizeof text), type);
    CU_ASSERT_EQUAL(statistics.files, files);
    CU_ASSERT_STRING_EQUAL(text, message);
}

static void test_places(void)
{
    row all = {.statistics = {.size = sizeof all.statistics, .job = 5, .files = 1}};
    sluice_files_entry file = {0}, other = {0};
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, NULL, NULL, "first"), 1);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, "a", &file, ""), 1);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_RATE, NULL, NULL, "slow"), 1);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_FILE_STOP, "b", NULL, ""), 1);
    all.statistics.files = 2;
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, "c", &other, ""), 1);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, "a", &file, ""), 0);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, NULL, NULL, "second"), 0);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_RATE, NULL, NULL, "fast"), 0);
    /* The later one stands where it happened: behind what was then told already. */
    expect(&all, SLUICE_JOB_EVENT_FILE_STOP, 1, "|b");
    expect(&all, SLUICE_JOB_EVENT_PROGRESS, 2, "|c");
    expect(&all, SLUICE_JOB_EVENT_PROGRESS, 2, "|a");
    CU_ASSERT_PTR_NULL(file.queued);
    expect(&all, SLUICE_JOB_EVENT_PROGRESS, 2, "second|");
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, NULL, NULL, "third"), 1); /* none waits any more */
    expect(&all, SLUICE_JOB_EVENT_RATE, 2, "fast|");
    expect(&all, SLUICE_JOB_EVENT_PROGRESS, 2, "third|");
    CU_ASSERT_PTR_NULL(sluice_notes_take(&all.notes));
    /* An entry that goes leaves its note behind. */
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, "a", &file, ""), 1);
    sluice_notes_forget_entry(&file);
    expect(&all, SLUICE_JOB_EVENT_PROGRESS, 2, "|a");
    sluice_notes_of_fini(&all.of);
}

static void test_texts(void)
{
    row all = {.statistics = {.size = sizeof all.statistics, .job = 5}};
    sluice_job_statistics then;
    char text[64];
    strcpy(all.statistics.peer, "one:1");
    strcpy(all.statistics.message, "because");
    (void)add(&all, SLUICE_JOB_EVENT_RETRY, NULL, NULL, "because");
    (void)add(&all, SLUICE_JOB_EVENT_FILE_STOP, "f", NULL, "");
    strcpy(all.statistics.peer, "two:2");
    memset(all.statistics.message, 0, sizeof all.statistics.message);
    (void)add(&all, SLUICE_JOB_EVENT_SESSION_STOP, NULL, NULL, "");
    sluice_notes_of_fini(&all.of); /* the job may go before its notes */
    CU_ASSERT_EQUAL(take(&all, &then, text, sizeof text), SLUICE_JOB_EVENT_RETRY);
    CU_ASSERT_STRING_EQUAL(then.peer, "one:1");
    CU_ASSERT_STRING_EQUAL(then.message, "because");
    (void)take(&all, &then, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(then.peer, "one:1");
    (void)take(&all, &then, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(then.peer, "two:2");
    CU_ASSERT_STRING_EQUAL(then.message, "");
    CU_ASSERT_EQUAL(then.job, 5);
}

static void test_limit(void)
{
    row all = {.statistics = {.size = sizeof all.statistics}};
    unsigned left_out = 0;
    for (unsigned i = 0; i < SLUICE_NOTES_MOST + 100; i++)
        left_out += add(&all, SLUICE_JOB_EVENT_FILE_STOP, "f", NULL, "") < 0;
    CU_ASSERT_EQUAL(left_out, 100);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_WARNING, NULL, NULL, "w"), -1);
    /* How a job is doing, and that it is over, is told whatever waits. */
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_PROGRESS, NULL, NULL, ""), 1);
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_SESSION_STOP, NULL, NULL, ""), 1);
    sluice_note_free(sluice_notes_take(&all.notes));
    CU_ASSERT_EQUAL(add(&all, SLUICE_JOB_EVENT_FILE_STOP, "f", NULL, ""), 1);
    unsigned count = 0;
    for (sluice_note *note; (note = sluice_notes_take(&all.notes)) != NULL; count++)
        sluice_note_free(note);
    CU_ASSERT_EQUAL(count, SLUICE_NOTES_MOST + 2);
    CU_ASSERT_EQUAL(all.notes.limited, 0);
    sluice_notes_of_fini(&all.of);
}

#define NAMES 100000

static void test_tally(void)
{
    sluice_tally tally = {.slots = NULL};
    char name[32];
    static const sluice_tally_state states[] = {SLUICE_TALLY_DONE, SLUICE_TALLY_SKIPPED, SLUICE_TALLY_FAILED};
    for (unsigned round = 0; round < 2; round++) /* a second attempt says the same again */
        for (unsigned i = 0; i < NAMES; i++) {
            snprintf(name, sizeof name, "dir/file-%u", i);
            sluice_tally_mark(&tally, sluice_tally_hash(name), round == 0 ? states[i % 3] : SLUICE_TALLY_SKIPPED);
        }
    /* What was done stays so; what failed is there now. */
    CU_ASSERT_EQUAL(tally.counts[SLUICE_TALLY_DONE], (NAMES + 2) / 3);
    CU_ASSERT_EQUAL(tally.counts[SLUICE_TALLY_SKIPPED], NAMES - (NAMES + 2) / 3);
    CU_ASSERT_EQUAL(tally.counts[SLUICE_TALLY_FAILED], 0);
    CU_ASSERT(tally.capacity * 8 <= 24 * NAMES);
    tally.full = true; /* then names are not remembered, and those that are still are */
    sluice_tally_mark(&tally, sluice_tally_hash("dir/file-0"), SLUICE_TALLY_FAILED);
    CU_ASSERT_EQUAL(tally.counts[SLUICE_TALLY_FAILED], 1);
    for (unsigned i = 0; i < 2; i++)
        sluice_tally_mark(&tally, sluice_tally_hash("another"), SLUICE_TALLY_FAILED);
    CU_ASSERT_EQUAL(tally.counts[SLUICE_TALLY_FAILED], 3);
    sluice_tally_fini(&tally);
}

static void test_cut(void)
{
    char text[6];
    sluice_ledger_text(text, sizeof text, "abcdefgh");
    CU_ASSERT_STRING_EQUAL(text, "abcde");
    sluice_ledger_text(text, sizeof text, "abcd\xc3\xa4");
    CU_ASSERT_STRING_EQUAL(text, "abcd"); /* never within a character */
    sluice_ledger_text(text, sizeof text, "abc\xc3\xa4");
    CU_ASSERT_STRING_EQUAL(text, "abc\xc3\xa4");
    sluice_ledger_text(text, sizeof text, "");
    CU_ASSERT_STRING_EQUAL(text, "");
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"notes that take each other's place", test_places},
        {"texts as they were", test_texts},
        {"the limit", test_limit},
        {"names of files", test_tally},
        {"texts that are cut", test_cut},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("notes", tests);
}
