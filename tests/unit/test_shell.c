/* SPDX-License-Identifier: Apache-2.0 */
/* The interactive manager without its terminal: words, the table of commands, completion, answers. */
#include "unit/suite.h"

#include "cli/figures.h"
#include "cli/help.h"
#include "cli/shell.h"
#include "cli/shell_commands.h"
#include "cli/shell_complete.h"
#include "cli/shell_list.h"
#include "cli/shell_order.h"
#include "cli/shell_print.h"
#include "cli/shell_words.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- words ---- */

static void join(const sluice_shell_words *words, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < words->count; i++)
        n += (size_t)snprintf(out + n, size - n, "%s<%s>", i > 0 ? " " : "", words->list[i]);
}

static void lines_become_words(void)
{
    static const struct {
        const char *line, *words;
        int status;
    } rows[] = {
        {"", "", SLUICE_OK},
        {"  \t ", "", SLUICE_OK},
        {"jobs", "<jobs>", SLUICE_OK},
        {" push  a\tb ", "<push> <a> <b>", SLUICE_OK},
        {"push 'a b' c", "<push> <a b> <c>", SLUICE_OK},
        {"push \"a b\"c", "<push> <a bc>", SLUICE_OK},
        {"a\\ b", "<a b>", SLUICE_OK},
        {"''", "<>", SLUICE_OK},
        {"\"\" x", "<> <x>", SLUICE_OK},
        {"'a\\b' \"a\\b\" \"a\\\\b\" \"a\\\"b\" a\\\\b", "<a\\b> <a\\b> <a\\b> <a\"b> <a\\b>", SLUICE_OK},
        {"'it'\\''s'", "<it's>", SLUICE_OK},
        {"# all of it", "", SLUICE_OK},
        {"jobs # the rest 'open", "<jobs>", SLUICE_OK},
        {"a#b", "<a#b>", SLUICE_OK},
        {"\\#a", "<#a>", SLUICE_OK},
        {"'#a'", "<#a>", SLUICE_OK},
        {"a\r", "<a>", SLUICE_OK},
        {"*.c $HOME ~", "<*.c> <$HOME> <~>", SLUICE_OK},
        {"push 'a", "<push> <a>", SLUICE_EUSAGE},
        {"push \"a b", "<push> <a b>", SLUICE_EUSAGE},
        {"push a\\", "<push> <a>", SLUICE_EUSAGE},
        {"\xff\xfe", "<\xff\xfe>", SLUICE_OK},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_shell_words words;
        sluice_error error = {0};
        char got[256];
        int status = sluice_shell_words_split(&words, rows[i].line, &error);
        join(&words, got, sizeof got);
        CU_ASSERT_EQUAL(status, rows[i].status);
        CU_ASSERT_EQUAL(status == SLUICE_OK, error.text[0] == '\0');
        CU_ASSERT_STRING_EQUAL(got, rows[i].words);
        CU_ASSERT_PTR_NULL(words.list[words.count]);
        sluice_shell_words_fini(&words);
    }
}

static void ends_of_lines_are_known(void)
{
    static const struct {
        const char *line;
        size_t count;
        bool within;
        size_t start;
        char quote;
        bool goes_on;
    } rows[] = {
        {"", 0, false, 0, 0, false},       {"pa", 1, true, 0, 0, false},        {"pause ", 1, false, 6, 0, false},
        {"pause 1", 2, true, 6, 0, false}, {"push 'a b", 2, true, 5, '\'', false}, {"push \"", 2, true, 5, '"', false},
        {"push 'a'", 2, true, 5, 0, false}, {"push a \\", 3, true, 7, 0, true},  {"push a\\", 2, true, 5, 0, true},
        {"push a\\\\", 2, true, 5, 0, false}, {"# a\\", 0, false, 0, 0, false},   {"push 'a\\", 2, true, 5, '\'', false},
        {"push \"a\\", 2, true, 5, '"', true}, {"\\", 1, true, 0, 0, true},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_shell_words words;
        (void)sluice_shell_words_split(&words, rows[i].line, NULL);
        CU_ASSERT_EQUAL(words.count, rows[i].count);
        CU_ASSERT_EQUAL(words.within, rows[i].within);
        CU_ASSERT_EQUAL(words.start, rows[i].start);
        CU_ASSERT_EQUAL(words.quote, rows[i].quote);
        CU_ASSERT_EQUAL(sluice_shell_words_continue(rows[i].line), rows[i].goes_on);
        sluice_shell_words_fini(&words);
    }
}

/* Whatever the name is, quoted it is one word and the same. */
static void quoted_words_read_back(void)
{
    static const char *const names[] = {"a", "a b", "it's", "\"x\"", "a\\b", "#x", "x#", "\t", "'", "a' \"b\\ c", "\xff\xc3\xa9"};
    static const char quotes[] = {0, '\'', '"'};
    for (size_t i = 0; i < SLUICE_COUNT(names); i++) {
        for (size_t q = 0; q < sizeof quotes; q++) {
            char quoted[64], line[80];
            sluice_shell_words words;
            size_t bytes = sluice_shell_words_quote(quoted, sizeof quoted, names[i], quotes[q]);
            CU_ASSERT_EQUAL(bytes, strlen(quoted));
            snprintf(line, sizeof line, "%s%s%s", quotes[q] != 0 ? (char[]){quotes[q], 0} : "", quoted,
                     quotes[q] != 0 ? (char[]){quotes[q], 0} : "");
            CU_ASSERT_EQUAL(sluice_shell_words_split(&words, line, NULL), SLUICE_OK);
            CU_ASSERT_EQUAL_FATAL(words.count, 1);
            CU_ASSERT_STRING_EQUAL(words.list[0], names[i]);
            sluice_shell_words_fini(&words);
        }
    }
    char little[4];
    CU_ASSERT_EQUAL(sluice_shell_words_quote(little, sizeof little, "a b c", 0), 7);
    CU_ASSERT_STRING_EQUAL(little, "a\\ ");
}

/* ---- numbers ---- */

static void numbers_have_units(void)
{
    uint64_t value = 0, to = 0;
    CU_ASSERT_EQUAL(sluice_shell_seconds("5", &value, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(value, 5 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(sluice_shell_seconds("0.5", &value, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(value, SLUICE_SECOND / 2);
    CU_ASSERT_EQUAL(sluice_shell_seconds("200 ms", &value, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(value, 200 * SLUICE_MS);
    CU_ASSERT_EQUAL(sluice_shell_seconds("2min", &value, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(value, 120 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(sluice_shell_size("16Mi", &value, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(value, 16777216);
    CU_ASSERT_EQUAL(sluice_shell_size("1.5k", &value, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(value, 1500);
    CU_ASSERT_EQUAL(sluice_shell_size("9223372036854775807", &value, NULL), SLUICE_OK);
    static const char *const bad[] = {"", "x", "-1", "5q", "1..5", "1.5.5", ".5", "99999999999999999999", "5 s s", "ms"};
    for (size_t i = 0; i < SLUICE_COUNT(bad); i++) {
        sluice_error error = {0};
        CU_ASSERT_EQUAL(sluice_shell_seconds(bad[i], &value, &error), SLUICE_EUSAGE);
        CU_ASSERT_EQUAL(sluice_shell_size(bad[i], &value, NULL), SLUICE_EUSAGE);
        CU_ASSERT(strstr(error.text, "no time") != NULL);
    }
    CU_ASSERT(sluice_shell_range("1k:2k", &value, &to) && value == 1000 && to == 2000);
    CU_ASSERT(sluice_shell_range(":5", &value, &to) && value == 0 && to == 5);
    CU_ASSERT(sluice_shell_range("5:", &value, &to) && value == 5 && to == SLUICE_UNKNOWN);
    CU_ASSERT_FALSE(sluice_shell_range(":", &value, &to));
    CU_ASSERT_FALSE(sluice_shell_range("5:4", &value, &to));
    CU_ASSERT_FALSE(sluice_shell_range("a:b", &value, &to));
    CU_ASSERT_FALSE(sluice_shell_range("1:2:3", &value, &to));
    CU_ASSERT_FALSE(sluice_shell_range("name", &value, &to));
}

/* ---- the table ---- */

static void every_command_is_told(void)
{
    size_t count;
    const sluice_shell_command *commands = sluice_shell_commands(&count);
    static const char *const promised[] = {"push", "pull",    "jobs", "stats",  "files", "watch", "pause", "resume", "cancel",
                                           "rate", "minrate", "policy", "add", "wait", "help", "quit"};
    for (size_t i = 0; i < count; i++) {
        const sluice_shell_command *one = &commands[i];
        CU_ASSERT(one->name[0] != '\0' && one->run != NULL);
        CU_ASSERT(strlen(one->help) > 10 && one->help[strlen(one->help) - 1] == '.');
        CU_ASSERT(one->detail[0] == '\0' || one->detail[strlen(one->detail) - 1] == '.');
        CU_ASSERT(one->least <= one->most);
        CU_ASSERT_EQUAL(one->most == 0, one->arguments[0] == '\0');
        CU_ASSERT_PTR_EQUAL(sluice_shell_commands_find(one->name, NULL), one);
    }
    for (size_t i = 0; i < SLUICE_COUNT(promised); i++)
        CU_ASSERT_PTR_NOT_NULL(sluice_shell_commands_find(promised[i], NULL));
}

static void wrong_commands_are_told_so(void)
{
    sluice_error error = {0};
    CU_ASSERT_PTR_NULL(sluice_shell_commands_find("raet", &error));
    CU_ASSERT_STRING_EQUAL(error.text, "unknown command 'raet'; did you mean rate?");
    CU_ASSERT_PTR_NULL(sluice_shell_commands_find("frobnicate", &error));
    CU_ASSERT_STRING_EQUAL(error.text, "unknown command 'frobnicate'; `help` tells what there is");
    const sluice_shell_command *rate = sluice_shell_commands_find("rate", NULL);
    CU_ASSERT_EQUAL(sluice_shell_commands_check(rate, 2, &error), SLUICE_EUSAGE);
    CU_ASSERT_STRING_EQUAL(error.text, "too few arguments; write: rate JOB|all RATE");
    CU_ASSERT_EQUAL(sluice_shell_commands_check(rate, 4, &error), SLUICE_EUSAGE);
    CU_ASSERT_STRING_EQUAL(error.text, "too many arguments; write: rate JOB|all RATE");
    CU_ASSERT_EQUAL(sluice_shell_commands_check(rate, 3, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_shell_commands_check(sluice_shell_commands_find("jobs", NULL), 2, &error), SLUICE_EUSAGE);
    CU_ASSERT_STRING_EQUAL(error.text, "too many arguments; write: jobs");
}

/* What help tells of orders is what they take. */
static void try_option(void *user, const sluice_help_row *row)
{
    static const char *const fitting[] = {"yes", "5", "fixed", "fair", "full", "auto", "none", "different", "times", "copy", "udp",
                                          "33001-33002", "xxh3-128", "64Mi",
                                          "0000000000000000000000000000000000000000000000000000000000000000"};
    size_t *tried = user;
    sluice_shell_draft draft;
    bool taken = false;
    if (row->option == NULL)
        return;
    CU_ASSERT_EQUAL_FATAL(sluice_shell_draft_begin(&draft, SLUICE_PUSH, NULL), SLUICE_OK);
    for (size_t i = 0; i < SLUICE_COUNT(fitting) && !taken; i++)
        taken = sluice_shell_draft_set(&draft, row->name, fitting[i], NULL) == SLUICE_OK;
    if (!taken)
        fprintf(stderr, "--%s is told of, and not taken\n", row->name);
    CU_ASSERT(taken);
    sluice_shell_draft_end(&draft);
    ++*tried;
}

static void options_of_orders_are_taken(void)
{
    size_t tried = 0;
    sluice_help_each(&sluice_help_push, try_option, &tried);
    CU_ASSERT(tried > 20);
}

static void wrong_options_are_told_so(void)
{
    static const struct {
        const char *key, *value, *word;
    } rows[] = {
        {"raet", "5m", "rate"},          {"rate", "5x", "rate"},           {"policy", "rude", "policy"},
        {"persistent", "perhaps", "yes"}, {"attempts", "many", "attempts"}, {"json", "yes", "json"},
        {"management", "5", "management"}, {"config", "x", "config"},       {"fish.x.y", "1", "fish"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_shell_draft draft;
        sluice_error error = {0};
        CU_ASSERT_EQUAL_FATAL(sluice_shell_draft_begin(&draft, SLUICE_PULL, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_shell_draft_set(&draft, rows[i].key, rows[i].value, &error), SLUICE_EUSAGE);
        CU_ASSERT(strstr(error.text, rows[i].word) != NULL);
        sluice_shell_draft_end(&draft);
    }
}

/* ---- completion ---- */

static char folder[] = "/tmp/sluice-shell.XXXXXX";

static void touch(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void words_are_completed(void)
{
    static const sluice_job jobs[] = {7, 12};
    static const struct {
        const char *line, *insert, *list; /* list: with a blank between; NULL: not looked at */
    } rows[] = {
        {"jo", "bs ", "jobs"},
        {"p", "", "pause policy pull push"},
        {"pu", "", "pull push"},
        {"qui", "t", "quit quit!"},
        {"zz", "", ""},
        {"zz ", "", ""},
        {"pause ", "", "12 7 all last"},
        {"pause 1", "2 ", "12"},
        {"pause 12 ", "", ""},
        {"forget d", "one ", "done"},
        {"policy 7 fa", "ir ", "fair"},
        {"policy 7 ", "", "fair fixed high low"},
        {"rate 7 ", "", ""},
        {"help wat", "ch ", "watch"},
        {"set polic", "y ", "policy"},
        {"set persistent ", "", "no yes"},
        {"set resume at", "tributes ", "attributes"},
        {"push --persis", "tent ", "--persistent"},
        {"push --resume sp", "arse ", "sparse"},
        {"push --resume=sp", "arse ", "--resume=sparse"},
        {"push --progre", "", ""},
        {"wait --t", "imeout ", "--timeout"},
        {"push al", "pha\\ one ", "alpha one"},
        {"push 'al", "pha one' ", "alpha one"},
        {"push \"al", "pha one\" ", "alpha one"},
        {"push be", "ta", "beta1 beta2"},
        {"push di", "r/", "dir/"},
        {"push dir/", "inner ", "dir/inner"},
        {"push .", "hidden ", ".hidden"},
        {"push nothing", "", ""},
        {"push --ticket-file be", "ta", "beta1 beta2"},
        {"push --ticket-file=dir/i", "nner ", "--ticket-file=dir/inner"},
        {"add 7 di", "r/", "dir/"},
        {"push a\\", "", ""},
    };
    char before[256];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(before, sizeof before));
    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);
    CU_ASSERT_EQUAL_FATAL(mkdir("dir", 0700), 0);
    touch("alpha one");
    touch("beta1");
    touch("beta2");
    touch(".hidden");
    touch("dir/inner");
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_shell_choices choices;
        char list[512] = "";
        size_t n = 0;
        sluice_shell_complete(&choices, rows[i].line, jobs, SLUICE_COUNT(jobs));
        for (size_t k = 0; k < choices.count; k++)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", k > 0 ? " " : "", choices.list[k]);
        if (strcmp(choices.insert, rows[i].insert) != 0 || strcmp(list, rows[i].list) != 0)
            fprintf(stderr, "'%s' completes by '%s' of: %s\n", rows[i].line, choices.insert, list);
        CU_ASSERT_STRING_EQUAL(choices.insert, rows[i].insert);
        CU_ASSERT_STRING_EQUAL(list, rows[i].list);
        CU_ASSERT_FALSE(choices.failed);
        sluice_shell_choices_fini(&choices);
    }
    CU_ASSERT_EQUAL(chdir(before), 0);
    snprintf(before, sizeof before, "rm -r '%s'", folder);
    CU_ASSERT_EQUAL(system(before), 0);
}

/* ---- what is told ---- */

static sluice_job_statistics running(void)
{
    return (sluice_job_statistics){
        .size = sizeof(sluice_job_statistics),
        .job = 3,
        .state = SLUICE_JOB_RUNNING,
        .direction = SLUICE_PUSH,
        .attempts = 1,
        .worker = 4711,
        .files = 1,
        .skipped = 1,
        .active = 1,
        .total_files = 4,
        .total_bytes = 1000000000,
        .scanned = true,
        .transferred_bytes = 240000000,
        .present_bytes = 250000000,
        .lost_bytes = 1500,
        .elapsed_ns = 20 * SLUICE_SECOND + 250 * SLUICE_MS,
        .rtt_ns = 12345678,
        .rate_bps = 100000000,
        .target_bps = 100000000,
        .mtu = 1500,
        .policy = "fair",
        .cipher = "aes-128-gcm",
        .limited_by = "target",
        .session = "0123456789abcdef0123456789abcdef",
        .peer = "archive.example:33001",
    };
}

typedef struct paper {
    char *text;
    size_t bytes;
    FILE *out;
} paper;

static void paper_begin(paper *sheet)
{
    sheet->text = NULL;
    sheet->out = open_memstream(&sheet->text, &sheet->bytes);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sheet->out);
}

static void paper_wants(paper *sheet, const char *text)
{
    CU_ASSERT_EQUAL(fclose(sheet->out), 0);
    if (strcmp(sheet->text, text) != 0)
        fprintf(stderr, "got:    %s\nwanted: %s\n", sheet->text, text);
    CU_ASSERT_STRING_EQUAL(sheet->text, text);
    free(sheet->text);
}

static void tables_have_columns(void)
{
    paper sheet;
    sluice_job_statistics job = running();
    paper_begin(&sheet);
    sluice_shell_print_heading(sheet.out);
    sluice_shell_print_row(sheet.out, &job, 0);
    job.state = SLUICE_JOB_FINISHED;
    job.job = 12;
    job.direction = SLUICE_PULL;
    job.files = 3;
    job.present_bytes = job.total_bytes;
    sluice_shell_print_row(sheet.out, &job, 0);
    job = (sluice_job_statistics){.job = 13, .total_bytes = SLUICE_UNKNOWN, .peer = "a\033[31m.example.of.a.long.name"};
    sluice_shell_print_row(sheet.out, &job, 92);
    paper_wants(&sheet,
                " JOB  STATE      WAY   DONE     BYTES         RATE       LEFT       FILES  PEER\n"
                "   3  running    push  25 %    250 MB   100 Mbit/s   1:00 min         2/4  archive.example:33001\n"
                "  12  finished   pull 100 %   1.00 GB                                 4/4  archive.example:33001\n"
                "  13  submitted  push             0 B            -                   0/0+  a\\x1b[31m.exa...\n");
}

/* A row is never wider than the place. */
static void rows_fit(void)
{
    sluice_job_statistics job = running();
    memset(job.peer, 'x', sizeof job.peer - 1);
    for (size_t columns = 90; columns < 200; columns += 13) {
        char *text = NULL;
        size_t bytes;
        FILE *out = open_memstream(&text, &bytes);
        CU_ASSERT_PTR_NOT_NULL_FATAL(out);
        sluice_shell_print_row(out, &job, columns);
        CU_ASSERT_EQUAL(fclose(out), 0);
        CU_ASSERT_EQUAL(bytes, columns); /* one column is left free, and there is the newline */
        free(text);
    }
}

static void a_job_is_told_whole(void)
{
    paper sheet;
    sluice_job_statistics job = running();
    paper_begin(&sheet);
    sluice_shell_print_job(sheet.out, &job);
    paper_wants(&sheet, "job 3    push to archive.example:33001: running, process 4711, attempt 1\n"
                        "  files    1 of 4 in place, 1 there already, 0 failed, 1 on their way\n"
                        "  bytes    250 MB of 1.00 GB there; 240 MB sent, 1.50 kB lost and sent again\n"
                        "  rate     100 Mbit/s; target 100 Mbit/s, minimum none, policy fair, limited by target\n"
                        "  time     20.25 s, left about 1:00 min\n"
                        "  path     round trip 12.3 ms, packets of 1500 bytes, aes-128-gcm\n");
    job = (sluice_job_statistics){.job = 4, .state = SLUICE_JOB_FAILED, .direction = SLUICE_PULL, .status = SLUICE_EAUTH,
                                  .attempts = 2, .policy = "fair", .message = "bad\nticket"};
    paper_begin(&sheet);
    sluice_shell_print_job(sheet.out, &job);
    paper_wants(&sheet, "job 4    pull from nobody yet: failed, attempt 2\n"
                        "  files    0 of 0 or more in place, 0 there already, 0 failed, 0 on their way\n"
                        "  bytes    0 B of 0 B or more there; 0 B sent, 0 B lost and sent again\n"
                        "  rate     none; target none, minimum none, policy fair\n"
                        "  time     0.00 s\n"
                        "  message  bad\\nticket\n");
}

static void files_are_told(void)
{
    paper sheet;
    sluice_job_statistics job = running();
    const sluice_job_file moving = {.name = "dir/a\x1b]0;x\a", .file_bytes = 2000, .written_bytes = 500};
    const sluice_job_file failed = {.name = "b\xff", .state = SLUICE_FILE_FAILED, .file_bytes = 10, .message = "no\r room"};
    const sluice_job_file empty = {.name = "c", .state = SLUICE_FILE_DONE};
    paper_begin(&sheet);
    sluice_shell_print_file_heading(sheet.out);
    sluice_shell_print_file(sheet.out, &moving, 0);
    sluice_shell_print_file(sheet.out, &failed, 0);
    sluice_shell_print_file(sheet.out, &empty, 0);
    sluice_shell_print_sum(sheet.out, &job);
    paper_wants(&sheet, "STATE         SIZE  DONE  NAME\n"
                        "moving     2.00 kB  25 %  dir/a\\x1b]0;x\\x07\n"
                        "failed        10 B   0 %  b\\xff\n"
                        "                          no\\x0d room\n"
                        "done           0 B 100 %  c\n"
                        "job 3: running; 1 of 4 files in place, 1 there already, 0 failed; 250 MB of 1.00 GB\n");
}

#define JOB_JSON                                                                                                          \
    "\"job\":3,\"state\":\"running\",\"direction\":\"push\",\"exit\":0,\"code\":0,\"ascp_code\":0,\"message\":\"\","       \
    "\"attempts\":1,\"worker\":4711,\"persistent\":false,\"open\":false,\"scanned\":true,\"files\":1,\"failed\":0,"        \
    "\"skipped\":1,\"active\":1,\"total_files\":4,\"total_bytes\":1000000000,\"transferred_bytes\":240000000,"             \
    "\"present_bytes\":250000000,\"lost_bytes\":1500,\"rate_bps\":100000000,\"target_bps\":100000000,\"minimum_bps\":0,"   \
    "\"mtu\":1500,\"events_dropped\":0,\"seconds\":20.250,\"rtt_ms\":12.346,\"policy\":\"fair\","                          \
    "\"cipher\":\"aes-128-gcm\",\"limited_by\":\"target\",\"session\":\"0123456789abcdef0123456789abcdef\","               \
    "\"peer\":\"archive.example:33001\""

static void json_is_exact(void)
{
    paper sheet;
    sluice_job_statistics job = running();
    const sluice_job_file file = {.name = "a\"\n\xff\xc3\xa9", .file_bytes = 5, .written_bytes = 3, .start_byte = 1,
                                  .contiguous_bytes = 2, .digest = "xxh3-128:00", .message = ""};
    sluice_job_event event = {.type = SLUICE_JOB_EVENT_PROGRESS, .job = 3, .statistics = &job, .message = ""};
    paper_begin(&sheet);
    sluice_shell_print_event_json(sheet.out, &event);
    paper_wants(&sheet, "{\"event\":\"progress\"," JOB_JSON "}");

    event.type = SLUICE_JOB_EVENT_FILE_STOP;
    event.file = &file;
    paper_begin(&sheet);
    sluice_shell_print_event_json(sheet.out, &event);
    paper_wants(&sheet, "{\"event\":\"file-stop\",\"job\":3,\"path\":\"a\\\"\\u000a\xef\xbf\xbd\xc3\xa9\","
                        "\"path_base64\":\"YSIK/8Op\",\"state\":\"moving\",\"bytes\":5,\"start_byte\":1,\"written_bytes\":3,"
                        "\"contiguous_bytes\":2,\"digest\":\"xxh3-128:00\",\"code\":0,\"ascp_code\":0,\"message\":\"\"}");

    event = (sluice_job_event){.type = SLUICE_JOB_EVENT_WARNING, .job = 3, .statistics = &job, .message = "late"};
    paper_begin(&sheet);
    sluice_shell_print_event_json(sheet.out, &event);
    paper_wants(&sheet, "{\"event\":\"warning\",\"job\":3,\"message\":\"late\"}");

    job = (sluice_job_statistics){.job = 9, .total_bytes = SLUICE_UNKNOWN};
    sluice_json json = {0};
    paper_begin(&sheet);
    json.out = sheet.out;
    sluice_json_open(&json, NULL, '[');
    sluice_json_open(&json, NULL, '{');
    sluice_json_close(&json, '}');
    sluice_json_number(&json, NULL, SLUICE_UNKNOWN);
    sluice_json_bool(&json, NULL, false);
    sluice_json_decimal(&json, NULL, 1999600000, SLUICE_SECOND);
    sluice_json_close(&json, ']');
    paper_wants(&sheet, "[{},null,false,2.000]");
}

static void events_are_lines(void)
{
    paper sheet;
    sluice_job_statistics job = running();
    const sluice_job_file file = {.name = "a\tb", .message = "gone"};
    const sluice_job_file said = {.name = "dir/c", .message = "dir/c: no such file"};
    const struct {
        sluice_job_event event;
        sluice_job_state state;
        const char *line;
    } rows[] = {
        {{.type = SLUICE_JOB_EVENT_SESSION_START}, SLUICE_JOB_RUNNING, "[3] session with archive.example:33001"},
        {{.type = SLUICE_JOB_EVENT_PROGRESS}, SLUICE_JOB_RUNNING, ""},
        {{.type = SLUICE_JOB_EVENT_FILE_STOP, .file = &file}, SLUICE_JOB_RUNNING, ""},
        {{.type = SLUICE_JOB_EVENT_FILE_ERROR, .file = &file}, SLUICE_JOB_RUNNING, "[3] a\\tb: gone"},
        {{.type = SLUICE_JOB_EVENT_FILE_ERROR, .file = &said}, SLUICE_JOB_RUNNING, "[3] dir/c: no such file"},
        {{.type = SLUICE_JOB_EVENT_WARNING, .message = "x\033y"}, SLUICE_JOB_RUNNING, "[3] warning: x\\x1by"},
        {{.type = SLUICE_JOB_EVENT_RETRY, .message = "refused", .retry_ns = 4 * SLUICE_SECOND}, SLUICE_JOB_RETRYING,
         "[3] refused; tried again in 4.00 s"},
        {{.type = SLUICE_JOB_EVENT_SESSION_STOP}, SLUICE_JOB_FINISHED,
         "[3] finished: 1 file, 1 there already, 250 MB in 20.25 s"},
        {{.type = SLUICE_JOB_EVENT_SESSION_ERROR, .message = "no room"}, SLUICE_JOB_FAILED, "[3] failed: no room"},
        {{.type = SLUICE_JOB_EVENT_SESSION_ERROR, .message = "cancelled"}, SLUICE_JOB_CANCELLED, "[3] cancelled"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_job_event event = rows[i].event;
        event.job = 3;
        event.statistics = &job;
        job.state = rows[i].state;
        paper_begin(&sheet);
        sluice_shell_print_event(sheet.out, &event);
        paper_wants(&sheet, rows[i].line);
    }
}

static void names_are_cut(void)
{
    char name[16];
    CU_ASSERT_EQUAL(sluice_figures_name(name, sizeof name, 10, "0123456789"), 10);
    CU_ASSERT_STRING_EQUAL(name, "0123456789");
    CU_ASSERT_EQUAL(sluice_figures_name(name, sizeof name, 10, "0123456789a"), 10);
    CU_ASSERT_STRING_EQUAL(name, "0123456...");
    CU_ASSERT_EQUAL(sluice_figures_name(name, sizeof name, 100, "0123456789abcdefghi"), 15);
    CU_ASSERT_STRING_EQUAL(name, "0123456789ab...");
    /* U+009B is an escape by itself, U+202E turns the line round; an overlong slash is none. */
    CU_ASSERT_EQUAL(sluice_figures_name(name, sizeof name, 100, "\xc2\x9b"), 8);
    CU_ASSERT_STRING_EQUAL(name, "\\xc2\\x9b");
    CU_ASSERT_EQUAL(sluice_figures_name(name, sizeof name, 100, "\xe2\x80\xae"), 12);
    CU_ASSERT_EQUAL(sluice_figures_name(name, sizeof name, 100, "\xc0\xaf"), 8);
}

/* ---- lines, as they are carried out ---- */

typedef struct stage {
    sluice *library;
    sluice_shell shell;
    int out, err, kept_out, kept_err;
} stage;

static void stage_begin(stage *set, bool json)
{
    *set = (stage){.shell = {.json = json, .where = "test:1"}};
    CU_ASSERT_EQUAL_FATAL(sluice_new(&set->library, NULL), SLUICE_OK);
    set->shell.library = set->library;
    CU_ASSERT_EQUAL_FATAL(sluice_shell_events_begin(&set->shell.events, json, false, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_manager_new(NULL, &set->shell.manager, NULL), SLUICE_OK);
    set->out = memfd_create("out", MFD_CLOEXEC);
    set->err = memfd_create("err", MFD_CLOEXEC);
    CU_ASSERT_FATAL(set->out >= 0 && set->err >= 0);
}

static void stage_end(stage *set)
{
    sluice_shell_settings_fini(&set->shell);
    free(set->shell.waited);
    sluice_manager_free(set->shell.manager);
    sluice_shell_events_end(&set->shell.events);
    sluice_free(set->library);
    close(set->out);
    close(set->err);
}

/* Carries out a line; returns what it wrote, until the next call. */
static void stage_run(stage *set, const char *line, char *out, char *err, size_t size)
{
    fflush(stdout);
    fflush(stderr);
    set->kept_out = dup(STDOUT_FILENO);
    set->kept_err = dup(STDERR_FILENO);
    CU_ASSERT_EQUAL_FATAL(ftruncate(set->out, 0) | ftruncate(set->err, 0), 0);
    lseek(set->out, 0, SEEK_SET);
    lseek(set->err, 0, SEEK_SET);
    dup2(set->out, STDOUT_FILENO);
    dup2(set->err, STDERR_FILENO);
    set->shell.failure = 0;
    sluice_shell_obey(&set->shell, line);
    fflush(stdout);
    dup2(set->kept_out, STDOUT_FILENO);
    dup2(set->kept_err, STDERR_FILENO);
    close(set->kept_out);
    close(set->kept_err);
    ssize_t bytes = pread(set->out, out, size - 1, 0);
    out[bytes > 0 ? bytes : 0] = '\0';
    bytes = pread(set->err, err, size - 1, 0);
    err[bytes > 0 ? bytes : 0] = '\0';
}

static void answers_are_objects(void)
{
    static const struct {
        const char *line, *answer;
        int exit_status;
    } rows[] = {
        {"", "", 0},
        {"# nothing", "", 0},
        {"jobs", "{\"command\":\"jobs\",\"jobs\":[],\"status\":\"ok\"}\n", 0},
        {"stats", "{\"command\":\"stats\",\"jobs\":[],\"status\":\"ok\"}\n", 0},
        {"wait", "{\"command\":\"wait\",\"jobs\":[],\"status\":\"ok\"}\n", 0},
        {"cancel all", "{\"command\":\"cancel\",\"jobs\":[],\"status\":\"ok\"}\n", 0},
        {"set rate 5m", "{\"command\":\"set\",\"status\":\"ok\"}\n", 0},
        {"set exclude '*.o'", "{\"command\":\"set\",\"status\":\"ok\"}\n", 0},
        {"set exclude '*.a'", "{\"command\":\"set\",\"status\":\"ok\"}\n", 0},
        {"set rate 6m", "{\"command\":\"set\",\"status\":\"ok\"}\n", 0},
        {"show",
         "{\"command\":\"show\",\"settings\":[{\"key\":\"exclude\",\"value\":\"*.o\"},{\"key\":\"exclude\",\"value\":\"*.a\"},"
         "{\"key\":\"rate\",\"value\":\"6m\"}],\"status\":\"ok\"}\n",
         0},
        {"unset exclude", "{\"command\":\"unset\",\"status\":\"ok\"}\n", 0},
        {"unset exclude",
         "{\"command\":\"unset\",\"status\":\"failed\",\"exit\":2,\"message\":\"exclude: not set; `show` tells what is\","
         "\"where\":\"test:1\"}\n",
         2},
        {"pause 7",
         "{\"command\":\"pause\",\"job\":7,\"status\":\"failed\",\"exit\":1,\"message\":\"there is no job 7\","
         "\"where\":\"test:1\"}\n",
         1},
        {"raet 7 5m",
         "{\"command\":\"raet\",\"status\":\"failed\",\"exit\":2,\"message\":\"unknown command 'raet'; did you mean rate?\","
         "\"where\":\"test:1\"}\n",
         2},
        {"jobs 'x",
         "{\"command\":\"jobs\",\"status\":\"failed\",\"exit\":2,\"message\":\"a quote ' is not closed\",\"where\":\"test:1\"}\n",
         2},
    };
    char out[16384], err[4096];
    stage set;
    stage_begin(&set, true);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        stage_run(&set, rows[i].line, out, err, sizeof err);
        CU_ASSERT_STRING_EQUAL(out, rows[i].answer);
        CU_ASSERT_EQUAL(set.shell.failure, rows[i].exit_status);
        CU_ASSERT_EQUAL(err[0] != '\0', rows[i].exit_status != 0);
    }
    stage_end(&set);
}

static void failures_are_sentences(void)
{
    static const struct {
        const char *line, *sentence;
        int exit_status;
    } rows[] = {
        {"pause", "too few arguments; write: pause JOB|all", 2},
        {"pause x", "'x' is no number of a job; `jobs` lists them", 2},
        {"pause last", "last: no job was started yet", 2},
        {"pause 99999999999999999999", "'99999999999999999999' is no number of a job; `jobs` lists them", 2},
        {"rate 1 5x", "rate: '5x' is not a rate in bits per second such as 250m or 1.5 Gbit/s", 2},
        {"policy 1 rude", "'rude' is none of fixed, high, fair, low", 2},
        {"add 1 a b c", "'c' is no range of bytes; write FROM:TO, such as 0:16Mi or 1G:", 2},
        {"wait --timeout", "--timeout: a value is missing", 2},
        {"wait --timeout soon", "'soon' is no time; write 5, 5s, 200ms, 2min or 1h", 2},
        {"wait 5", "there is no job 5", 1},
        {"stats 5", "there is no job 5", 1},
        {"watch 0", "0: a table is drawn every 0.1 to 3600 seconds", 2},
        {"push a", "no source; say what to copy, and where to", 2},
        {"push --ratte 5 a h:", "--ratte: unknown option; did you mean --rate?", 2},
        {"push --bananas a h:", "--bananas: unknown option; see `help push`", 2},
        {"push --config x a h:", "--config: unknown option; see `help push`", 2},
        {"push --set rate=5 a h:", "--set rate=5: write KIND.NAME.KEY=VALUE", 2},
        {"push a b", "b: is here, and not [user@]host:path or sluice://host[:port]/path; push goes from here to another machine",
         2},
        {"push h:a h:b",
         "h:a: is on another machine; push goes from here to another machine; a file here with a colon in its name is ./NAME", 2},
        {"pull a b", "a: is here, and not [user@]host:path or sluice://host[:port]/path; pull goes from another machine to here",
         2},
        {"pull h:a i:b .", "i:b: not on the same machine as what stands before it", 2},
        {"push - h:", "'-': a job has no standard input or output; `sluice copy` has", 2},
        {"push --password a h:", "--password: there is no terminal to ask at; put it into the environment variable "
                                 "SLUICE_PASSWORD", 2},
        {"push --file-list /nowhere h:", "/nowhere: list cannot be read: No such file or directory", 1},
        {"help frobnicate", "unknown command 'frobnicate'; `help` tells what there is", 2},
        {"set rate 5x", "rate: '5x' is not a rate in bits per second such as 250m or 1.5 Gbit/s", 2},
    };
    char out[4096], err[4096], wanted[1024];
    stage set;
    stage_begin(&set, false);
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        stage_run(&set, rows[i].line, out, err, sizeof err);
        snprintf(wanted, sizeof wanted, "sluice: test:1: %s\n", rows[i].sentence);
        if (strcmp(err, wanted) != 0)
            fprintf(stderr, "%s:\ngot    %swanted %s", rows[i].line, err, wanted);
        CU_ASSERT_STRING_EQUAL(err, wanted);
        CU_ASSERT_EQUAL(set.shell.failure, rows[i].exit_status);
        CU_ASSERT_EQUAL(sluice_manager_jobs(set.shell.manager, NULL, 0), 0);
    }
    stage_end(&set);
}

/* Every command's help is there, and says how the command is written. */
static void help_tells_each(void)
{
    static char out[65536], err[65536];
    size_t count;
    const sluice_shell_command *commands = sluice_shell_commands(&count);
    stage set;
    stage_begin(&set, false);
    stage_run(&set, "help", out, err, sizeof out);
    for (size_t i = 0; i < count; i++) {
        char form[128];
        snprintf(form, sizeof form, "\n  %s %s", commands[i].name, commands[i].arguments);
        CU_ASSERT(i == 0 ? strncmp(out, form + 1, strlen(form + 1)) == 0 : strstr(out, form) != NULL);
    }
    for (size_t i = 0; i < count; i++) {
        char line[64], form[128];
        snprintf(line, sizeof line, "help %s", commands[i].name);
        snprintf(form, sizeof form, "%s %s\n\n", commands[i].name, commands[i].arguments);
        stage_run(&set, line, out, err, sizeof out);
        CU_ASSERT_EQUAL(strncmp(out, form, strlen(form)), 0);
        CU_ASSERT_STRING_EQUAL(err, "");
    }
    stage_run(&set, "push --help", out, err, sizeof out);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "--persistent"));
    CU_ASSERT_PTR_NULL(strstr(out, "--plugin-dir"));
    stage_end(&set);
}

/* ---- lists ---- */

static int resolve(void *user, const char *text, char **out, sluice_error *error)
{
    (void)error;
    snprintf(user, 64, "%s", text);
    *out = strdup("resolved");
    return SLUICE_OK;
}

static int read_list(const char *bytes, size_t count, sluice_shell_list list, sluice_error *error)
{
    char path[64];
    sluice_order *order;
    int descriptor = memfd_create("list", MFD_CLOEXEC);
    CU_ASSERT_EQUAL(write(descriptor, bytes, count), (ssize_t)count);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    list.file = path;
    CU_ASSERT_EQUAL_FATAL(sluice_order_new(SLUICE_PUSH, &order, NULL), SLUICE_OK);
    int status = sluice_shell_list_read(&list, order, error);
    sluice_order_free(order);
    close(descriptor);
    return status;
}

static void lists_are_read(void)
{
    char seen[64] = "";
    sluice_error error = {0};
    const sluice_shell_list plain = {.resolve = resolve, .user = seen};
    const sluice_shell_list pairs = {.pairs = true}, below = {.base = "dir", .resolve = resolve, .user = seen};
    CU_ASSERT_EQUAL(read_list("a\n\nb\nc", 6, plain, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(seen, "c");
    CU_ASSERT_EQUAL(read_list("a\0b\nc\0", 6, (sluice_shell_list){.nul = true, .resolve = resolve, .user = seen}, NULL),
                    SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(seen, "b\nc");
    CU_ASSERT_EQUAL(read_list("a\nb\n", 4, pairs, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(read_list("a\nb\nc\n", 6, pairs, &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ":3: the last source has no destination"));
    CU_ASSERT_EQUAL(read_list("a\n../b\n", 7, pairs, &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ":2: "));
    CU_ASSERT_EQUAL(read_list("", 0, plain, &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "names nothing"));
    CU_ASSERT_EQUAL(read_list("a\0b\n", 4, plain, &error), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(read_list("x/y\n", 4, below, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(read_list("../y\n", 5, below, &error), SLUICE_EUSAGE);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"lines become words", lines_become_words},
        {"ends of lines are known", ends_of_lines_are_known},
        {"quoted words read back", quoted_words_read_back},
        {"numbers have units", numbers_have_units},
        {"every command is told", every_command_is_told},
        {"wrong commands are told so", wrong_commands_are_told_so},
        {"options of orders are taken", options_of_orders_are_taken},
        {"wrong options are told so", wrong_options_are_told_so},
        {"words are completed", words_are_completed},
        {"tables have columns", tables_have_columns},
        {"rows fit", rows_fit},
        {"a job is told whole", a_job_is_told_whole},
        {"files are told", files_are_told},
        {"JSON is exact", json_is_exact},
        {"events are lines", events_are_lines},
        {"names are cut", names_are_cut},
        {"answers are objects", answers_are_objects},
        {"failures are sentences", failures_are_sentences},
        {"help tells each", help_tells_each},
        {"lists are read", lists_are_read},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("shell", tests);
}
