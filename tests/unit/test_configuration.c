/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "base/text.h"
#include "plugin/instance.h"
#include "plugin/library.h"
#include "plugin/settings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sluice *open_library(void)
{
    sluice *library = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_new(&library, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_plugin_dir(library, TEST_MODULE_DIR, NULL), SLUICE_OK);
    return library;
}

static void note(void *user, const char *sentence)
{
    sluice_text_addf(user, "%s\n", sentence);
}

/* Reads text as a file; complaints without the file's name go to *told (to be finished), which may be NULL. */
static int read_text(sluice *library, const char *text, sluice_text *told, sluice_error *error)
{
    char path[] = "/tmp/sluice-test-XXXXXX";
    int file = mkstemp(path);
    CU_ASSERT_FATAL(file >= 0);
    CU_ASSERT_EQUAL_FATAL(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    int status = sluice_config_read(library, path, told == NULL ? NULL : note, told, error);
    unlink(path);
    return status;
}

static const char *setting(sluice *library, const char *session, const char *key)
{
    static char text[1024];
    sluice_settings *settings = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, session, &settings, NULL), SLUICE_OK);
    const char *value = sluice_settings_get(settings, key);
    snprintf(text, sizeof(text), "%s", value == NULL ? "(null)" : value);
    sluice_settings_free(settings);
    return text;
}

static const char whole[] = "[transfer]\n"
                            "rate = 500m\n"
                            "report = progress, json\n"
                            "[congestion good]\n"
                            "target-queue = 7ms\n"
                            "[session nightly]\n"
                            "rate = 1g\n"
                            "source = /data/out\n"
                            "source = \"/a ; b\"\n"
                            "destination = sluice://archive.example:33001/in/\n"
                            "[session other]\n"
                            "[serve]\n"
                            "listen = 127.0.0.1:4000\n"
                            "root = /srv\n"
                            "[log]\n"
                            "level = debug\n";

static void built_in_then_file_then_set_then_option(void)
{
    sluice *library = open_library();
    CU_ASSERT_STRING_EQUAL(setting(library, NULL, "rate"), "0");
    CU_ASSERT_EQUAL_FATAL(read_text(library, whole, NULL, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(setting(library, NULL, "rate"), "500m");
    CU_ASSERT_STRING_EQUAL(setting(library, "nightly", "rate"), "1g");
    CU_ASSERT_STRING_EQUAL(setting(library, "other", "rate"), "500m");
    CU_ASSERT_STRING_EQUAL(setting(library, "nightly", "source"), "/data/out\n/a ; b");
    CU_ASSERT_STRING_EQUAL(setting(library, "nightly", "timeout"), "1min");
    CU_ASSERT_EQUAL(sluice_config_set(library, "transfer.rate=2g", NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(setting(library, NULL, "rate"), "2g");
    CU_ASSERT_STRING_EQUAL(setting(library, "nightly", "rate"), "2g");
    CU_ASSERT_EQUAL(sluice_config_set(library, "session.nightly.rate=3g", NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(setting(library, "nightly", "rate"), "3g");
    CU_ASSERT_STRING_EQUAL(setting(library, "other", "rate"), "2g");
    sluice_settings *settings = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, "nightly", &settings, NULL),
                          SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "rate", "4g", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_transfer(settings)->rate, UINT64_C(4000000000));
    sluice_settings_free(settings);
    CU_ASSERT_STRING_EQUAL(sluice_config_session(library, 0), "nightly");
    CU_ASSERT_STRING_EQUAL(sluice_config_session(library, 1), "other");
    CU_ASSERT_PTR_NULL(sluice_config_session(library, 2));
    /* --set outlives another reading of the file. */
    CU_ASSERT_EQUAL_FATAL(read_text(library, whole, NULL, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(setting(library, NULL, "rate"), "2g");
    sluice_free(library);
}

static void all_errors_of_a_file_are_told(void)
{
    static const char text[] = "[transfer]\n"                /* 1 */
                               "ratee = 5m\n"                /* 2 */
                               "rate = 5 MB\n"               /* 3 */
                               "rate = 5m\n"                 /* 4 */
                               "rate = 6m\n"                 /* 5 */
                               "timeout = 10ms\n"            /* 6 */
                               "ticket_file = x\n"           /* 7 */
                               "source = x\n"                /* 8: of sessions only */
                               "[transfer]\n"                /* 9 */
                               "memory = 1Mi\n"              /* 10: passed over */
                               "[trasnfer]\n"                /* 11 */
                               "[congestion godo]\n"         /* 12 */
                               "[congestion abi]\n"          /* 13 */
                               "[congestion good]\n"         /* 14 */
                               "packets = 1001\n"            /* 15 */
                               "[congestion]\n"              /* 16 */
                               "[log]\n"                     /* 17 */
                               "level = chatty\n"            /* 18 */
                               "[session a.b]\n"             /* 19 */
                               "[serve]\n"                   /* 20 */
                               "read-only = yes\n"           /* 21 */
                               "write-only = yes\n"          /* 22 */
                               "[session x]\n"               /* 23 */
                               "policy = fixed\n"            /* 24 */
                               "congestion = good\n";        /* 25 */
    static const char *const expected[] = {
        ":2: unknown key 'ratee'; did you mean 'rate'?\n",
        ":3: rate: '5 MB' is not a rate",
        ":5: key 'rate' is there twice\n",
        ":6: timeout: 10ms is below the minimum of 1s\n",
        ":7: unknown key 'ticket_file'; did you mean 'ticket-file'?\n",
        ":8: unknown key 'source'",
        ":9: section 'transfer' is there twice\n",
        ":11: unknown section 'trasnfer'; did you mean 'transfer'?\n",
        ":12: no congestion plugin 'godo'",
        ":13: " TEST_MODULE_DIR "/congestion_abi.so: it was built for plugin ABI 9.3, this is 1.0",
        ":15: packets: 1001 is above the maximum of 1000\n",
        ":16: section 'congestion' needs a name behind it\n",
        ":18: level: 'chatty' is none of error, warning, info, debug\n",
        ":19: 'a.b' cannot be a name",
        ": [serve]: read-only and write-only contradict each other\n",
        ": [session x]: policy fixed and congestion good contradict each other",
    };
    sluice *library = open_library();
    sluice_text told = {0};
    sluice_error error = {0};
    CU_ASSERT_EQUAL(read_text(library, text, &told, &error), SLUICE_ECONFIG);
    size_t lines = 0;
    for (const char *at = sluice_text_string(&told); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    CU_ASSERT_EQUAL(lines, SLUICE_COUNT(expected));
    for (size_t i = 0; i < SLUICE_COUNT(expected); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(sluice_text_string(&told), expected[i]));
        if (strstr(sluice_text_string(&told), expected[i]) == NULL)
            printf("\n    not told: %s", expected[i]);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, ":2: unknown key"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "(and 15 more)"));
    CU_ASSERT_STRING_EQUAL(setting(library, NULL, "rate"), "0"); /* nothing of it was taken */
    sluice_text_fini(&told);
    sluice_free(library);
}

static void files_that_cannot_be_read(void)
{
    sluice *library = open_library();
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_config_read(library, "/nonexistent/x.ini", NULL, NULL, &error), SLUICE_ECONFIG);
    CU_ASSERT_STRING_EQUAL(error.text, "/nonexistent/x.ini: cannot be opened: No such file or directory");
    CU_ASSERT_EQUAL(sluice_config_read(library, "/", NULL, NULL, &error), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "directory"));
    CU_ASSERT_EQUAL(sluice_config_read(library, "/dev/zero", NULL, NULL, &error), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "larger"));
    sluice_free(library);
}

typedef struct assignment_row {
    const char *assignment, *words; /* words NULL: accepted */
} assignment_row;

static void set_is_checked(void)
{
    static const assignment_row rows[] = {
        {"transfer.rate=1m", NULL},
        {"log.level=error", NULL},
        {"congestion.good.target-queue=9ms", NULL},
        {"source.failing.password=a=b", NULL},
        {"transfer.rate", "is not KIND.NAME.KEY=VALUE"},
        {"rate=5m", "is not SECTION.KEY"},
        {"transfer.rat=5m", "did you mean 'rate'?"},
        {"transfer.rate=x", "rate: 'x' is not a rate"},
        {"transfr.rate=5m", "did you mean 'transfer'?"},
        {"congestion.good.queue=5m", "unknown key 'queue'"},
        {"congestion.nope.queue=5m", "no congestion plugin 'nope'"},
        {"congestion.target-queue=5ms", "needs a name behind it"},
        {"session.nope.rate=5m", "no session 'nope'"},
        {"=", "is not SECTION.KEY"},
        {".=", "unknown section"},
    };
    sluice *library = open_library();
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_error error = {0};
        int status = sluice_config_set(library, rows[i].assignment, &error);
        CU_ASSERT_EQUAL(status == SLUICE_OK, rows[i].words == NULL);
        CU_ASSERT(rows[i].words == NULL || strstr(error.text, rows[i].words) != NULL);
        if (rows[i].words != NULL && strstr(error.text, rows[i].words) == NULL)
            printf("\n    no '%s' in: %s\n", rows[i].words, error.text);
        CU_ASSERT(status == SLUICE_OK || sluice_status_exit(status) == 3);
    }
    sluice_free(library);
}

static void collect(void *user, const char *text, size_t bytes)
{
    sluice_text_add_bytes(user, text, bytes);
}

static void what_is_printed_reads_back(void)
{
    static const char text[] = "[transfer]\nexclude = *.o\ninclude = \"a ; b\"\nexclude = *\nsymlinks = \"\"\n"
                               "congestion = good\n"
                               "[source failing]\nwords = a\nwords = \" b\"\npassword = hunter2\n"
                               "[session s]\ninclude = x\nexclude = y\nsource = z\nrate = 1m\n";
    sluice *first = open_library(), *second = open_library();
    sluice_text printed = {0}, again = {0};
    CU_ASSERT_EQUAL_FATAL(read_text(first, text, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_config_print(first, collect, &printed, NULL), SLUICE_OK);
    CU_ASSERT_PTR_NULL(strstr(printed.bytes, "hunter2"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed.bytes, "\npassword = (secret)\n"));
    CU_ASSERT_EQUAL_FATAL(read_text(second, printed.bytes, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_config_print(second, collect, &again, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(printed.bytes, again.bytes);
    sluice_settings *settings = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(second, SLUICE_SETTINGS_TRANSFER, NULL, &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_transfer(settings)->filters, "-*.o\n+a ; b\n-*");
    sluice_settings_free(settings);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(second, SLUICE_SETTINGS_TRANSFER, "s", &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_transfer(settings)->filters, "+x\n-y");
    CU_ASSERT_STRING_EQUAL(sluice_settings_get(settings, "exclude"), "y");
    sluice_settings_free(settings);
    sluice_text_fini(&printed);
    sluice_text_fini(&again);
    sluice_free(first);
    sluice_free(second);
}

/* The sample holds nothing but comments and headers, and is itself a valid file that changes nothing. */
static void sample_is_valid_and_changes_nothing(void)
{
    sluice *library = open_library();
    sluice_text sample = {0}, before = {0}, after = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_config_sample(library, collect, &sample, NULL), SLUICE_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.bytes, "\n[congestion good]\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.bytes, "\n;target-queue = 5ms\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(sample.bytes, "\n;listen = [::]:33001\n"));
    size_t count;
    const sluice_option *options = sluice_settings_options(SLUICE_SETTINGS_TRANSFER, &count);
    for (size_t i = 0; i < count; i++) {
        char key[SLUICE_OPTION_KEY_BYTES], line[SLUICE_OPTION_KEY_BYTES + 8];
        sluice_option_key(&options[i], key);
        snprintf(line, sizeof(line), "\n;%s =", key);
        CU_ASSERT_PTR_NOT_NULL(strstr(sample.bytes, line));
    }
    CU_ASSERT_EQUAL(sluice_config_print(library, collect, &before, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(read_text(library, sample.bytes, NULL, NULL), SLUICE_OK);
    for (size_t i = 0; i < count; i++) {
        char key[SLUICE_OPTION_KEY_BYTES];
        sluice_option_key(&options[i], key);
        sluice_settings *settings = NULL;
        CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, NULL, &settings, NULL),
                              SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_settings_layer(settings, key), SLUICE_LAYER_BUILT_IN);
        sluice_settings_free(settings);
    }
    sluice_text_fini(&sample);
    sluice_text_fini(&before);
    sluice_text_fini(&after);
    sluice_free(library);
}

static void policy_and_congestion(void)
{
    sluice *library = open_library();
    sluice_settings *settings = NULL;
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, NULL, &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_congestion(settings), "fair");
    sluice_settings_set(settings, "congestion", "good", NULL);
    CU_ASSERT_STRING_EQUAL(sluice_settings_congestion(settings), "good");
    CU_ASSERT_EQUAL(sluice_settings_check(settings, NULL), SLUICE_OK);
    sluice_settings_set(settings, "policy", "fixed", NULL);
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_settings_check(settings, &error), SLUICE_EUSAGE);
    sluice_settings_set(settings, "congestion", "fixed", NULL);
    CU_ASSERT_EQUAL(sluice_settings_check(settings, NULL), SLUICE_OK);
    sluice_settings_free(settings);
    /* An option is stronger than the file, whichever of the two keys it is. */
    CU_ASSERT_EQUAL_FATAL(read_text(library, "[transfer]\ncongestion = good\n", NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, NULL, &settings, NULL), SLUICE_OK);
    sluice_settings_set(settings, "policy", "fixed", NULL);
    CU_ASSERT_EQUAL(sluice_settings_check(settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_congestion(settings), "fixed");
    sluice_settings_free(settings);
    sluice_free(library);
}

static void settings_check_their_values(void)
{
    static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    sluice *library = open_library();
    sluice_settings *settings = NULL, *copy = NULL;
    sluice_error error = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, NULL, &settings, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "pin", hex + 2, &error), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "pin", "sha256:00112233445566778899AABBCCDDEEFF00:11:22:33"
                                                         "445566778899aabbccddeeff", &error), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_get(settings, "pin"), hex);
    CU_ASSERT_EQUAL(sluice_settings_preserve(settings), SLUICE_PRESERVE_TIMES | SLUICE_PRESERVE_MODE);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "preserve", "links, owner", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_preserve(settings), SLUICE_PRESERVE_LINKS | SLUICE_PRESERVE_OWNER);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "preserve", "none", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_preserve(settings), 0);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "preserve", "times,modes", &error), SLUICE_EUSAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "preserve: 'modes' is none of"));
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "symlinks", "folow", &error), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "exclude", "a", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "include", "b", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "timeout", "90", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_transfer(settings)->timeout, 90 * SLUICE_SECOND);
    CU_ASSERT_PTR_NULL(sluice_settings_get(settings, "filters")); /* not a key */
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "filters", "x", NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL(sluice_settings_set(settings, "source", "x", NULL), SLUICE_EUSAGE);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_copy(settings, &copy, NULL), SLUICE_OK);
    sluice_settings_free(settings);
    CU_ASSERT_STRING_EQUAL(sluice_settings_transfer(copy)->filters, "-a\n+b");
    CU_ASSERT_STRING_EQUAL(sluice_settings_get(copy, "include"), "b");
    CU_ASSERT_EQUAL(sluice_settings_set(copy, "include", "c", NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_transfer(copy)->filters, "-a\n+b\n+c");
    sluice_settings_free(copy);
    sluice_free(library);
}

static void lists_are_cut_at_commas(void)
{
    const char *list = " progress ,, json\t,";
    char word[8];
    CU_ASSERT(sluice_settings_list(&list, word, sizeof(word)));
    CU_ASSERT_STRING_EQUAL(word, "progres"); /* cut, never overrun */
    CU_ASSERT(sluice_settings_list(&list, word, sizeof(word)));
    CU_ASSERT_STRING_EQUAL(word, "json");
    CU_ASSERT_FALSE(sluice_settings_list(&list, word, sizeof(word)));
    list = NULL;
    CU_ASSERT_FALSE(sluice_settings_list(&list, word, sizeof(word)));
}

static void log_level_comes_from_the_file(void)
{
    sluice *library = open_library();
    CU_ASSERT_FALSE(sluice_log_wants(sluice_library_log(library), SLUICE_LOG_DEBUG));
    CU_ASSERT_EQUAL(read_text(library, whole, NULL, NULL), SLUICE_OK);
    CU_ASSERT(sluice_log_wants(sluice_library_log(library), SLUICE_LOG_DEBUG));
    sluice_log_level_set(library, SLUICE_LOG_ERROR);
    CU_ASSERT_EQUAL(read_text(library, whole, NULL, NULL), SLUICE_OK);
    CU_ASSERT_FALSE(sluice_log_wants(sluice_library_log(library), SLUICE_LOG_WARNING));
    sluice_free(library);
}

static const char tickets[] = "[serve]\n"
                              "max-handshakes = 10\n"
                              "[ticket partner]\n"
                              "ticket-file = /etc/sluice/partner.ticket\n"
                              "rights = read\n"
                              "expires = 2027-01-31\n"
                              "[ticket own]\n"
                              "ticket-file = /etc/sluice/own.ticket\n"
                              "max-rate = 10m\n"
                              "revoked = yes\n";

static void tickets_are_sections(void)
{
    sluice *library = open_library();
    sluice_settings *settings = NULL;
    sluice_error error = {0};
    CU_ASSERT_EQUAL_FATAL(read_text(library, tickets, NULL, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_config_ticket(library, 0), "partner");
    CU_ASSERT_STRING_EQUAL(sluice_config_ticket(library, 1), "own");
    CU_ASSERT_PTR_NULL(sluice_config_ticket(library, 2));
    CU_ASSERT_PTR_NULL(sluice_config_session(library, 0));
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TICKET, "own", &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_ticket(settings)->ticket_file, "/etc/sluice/own.ticket");
    CU_ASSERT_STRING_EQUAL(sluice_settings_ticket(settings)->rights, "read,write");
    CU_ASSERT_STRING_EQUAL(sluice_settings_ticket(settings)->expires, "never");
    CU_ASSERT_PTR_NULL(sluice_settings_ticket(settings)->root);
    CU_ASSERT_EQUAL(sluice_settings_ticket(settings)->max_rate, 10000000);
    CU_ASSERT(sluice_settings_ticket(settings)->revoked);
    sluice_settings_free(settings);
    CU_ASSERT_EQUAL(sluice_settings_new(library, SLUICE_SETTINGS_TICKET, "owm", &settings, &error), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no ticket 'owm'; did you mean 'own'?"));
    CU_ASSERT_EQUAL(sluice_config_set(library, "ticket.partner.rights=write", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_config_set(library, "ticket.partnr.rights=write", &error), SLUICE_ECONFIG);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TICKET, "partner", &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_ticket(settings)->rights, "write");
    sluice_settings_free(settings);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_SERVE, NULL, &settings, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_settings_serve(settings)->max_handshakes, 10);
    CU_ASSERT_EQUAL(sluice_settings_serve(settings)->max_handshakes_per_host, 8);
    CU_ASSERT(sluice_settings_serve(settings)->default_ticket);
    sluice_settings_free(settings);
    sluice_free(library);
}

static void streams_are_sections(void)
{
    static const char text[] = "[serve]\ngather = 2ms\n"
                               "[stream dump]\nsource = later:dump\n"
                               "[session s]\nstream = dump\nsource = sluice://h\ndestination = /tmp/d\ndeadline = 1.5 s\n";
    sluice *library = open_library();
    sluice_settings *settings = NULL;
    sluice_error error = {0};
    uint64_t number = 7;
    CU_ASSERT_EQUAL_FATAL(read_text(library, text, NULL, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_config_stream(library, 0), "dump");
    CU_ASSERT_PTR_NULL(sluice_config_stream(library, 1));
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_STREAM, "dump", &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_stream(settings)->source, "later:dump");
    CU_ASSERT_PTR_NULL(sluice_settings_stream(settings)->sink);
    sluice_settings_free(settings);
    CU_ASSERT_EQUAL(sluice_settings_new(library, SLUICE_SETTINGS_STREAM, "dumb", &settings, &error), SLUICE_ECONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no stream 'dumb'; did you mean 'dump'?"));
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_TRANSFER, "s", &settings, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(sluice_settings_get(settings, "stream"), "dump");
    CU_ASSERT(sluice_settings_number(settings, "deadline", &number));
    CU_ASSERT_EQUAL(number, 1500000000);
    CU_ASSERT(sluice_settings_number(settings, "memory", &number));
    CU_ASSERT_EQUAL(number, 64u << 20);
    CU_ASSERT(!sluice_settings_number(settings, "stream", &number));
    CU_ASSERT(!sluice_settings_number(settings, "nosuch", &number));
    sluice_settings_free(settings);
    CU_ASSERT_EQUAL_FATAL(sluice_settings_new(library, SLUICE_SETTINGS_SERVE, NULL, &settings, NULL), SLUICE_OK);
    CU_ASSERT(sluice_settings_number(settings, "gather", &number));
    CU_ASSERT_EQUAL(number, 2000000);
    sluice_settings_free(settings);
    sluice_free(library);
}

static void errors_of_tickets_are_told(void)
{
    static const char text[] = "[serve]\n"                       /* 1 */
                               "ticket-file = /a\n"              /* 2 */
                               "[ticket a]\n"                    /* 3: without a file */
                               "rights = reed\n"                 /* 4 */
                               "expires = 2027-02-30\n"          /* 5 */
                               "max-sessions = -1\n"             /* 6 */
                               "right = read\n"                  /* 7 */
                               "[ticket]\n"                      /* 8 */
                               "[ticket default]\n"              /* 9 */
                               "[ticket b]\n"                    /* 10 */
                               "ticket-file = /b\n"              /* 11 */
                               "rights = ,\n"                    /* 12 */
                               "[ticket c]\n"                    /* 13 */
                               "ticket-file = /b\n"              /* 14 */
                               "[ticket d]\n"                    /* 15 */
                               "ticket-file = /a\n"              /* 16 */
                               "[tickets e]\n"                   /* 17 */
                               "[ticket b]\n";                   /* 18 */
    static const char *const expected[] = {
        ":4: rights: 'reed' is none of read, write\n",
        ":5: expires: '2027-02-30' is not in the calendar\n",
        ":6: max-sessions: -1 is below the minimum of 0\n",
        ":7: unknown key 'right'; did you mean 'rights'?\n",
        ":8: section 'ticket' needs a name behind it\n",
        ":9: 'default' is the ticket of section 'serve'; call it something else\n",
        ":12: rights: may not be empty; to shut it out: revoked = yes\n",
        ":17: unknown section 'tickets e'; did you mean 'ticket'?\n",
        ":18: section 'ticket b' is there twice\n",
        ": [ticket a]: ticket-file is missing: where the ticket lies, or is made\n",
        ": [ticket c]: its ticket-file is another section's too; each needs one of its own\n",
        ": [ticket d]: its ticket-file is another section's too; each needs one of its own\n",
    };
    sluice *library = open_library();
    sluice_text told = {0};
    CU_ASSERT_EQUAL(read_text(library, text, &told, NULL), SLUICE_ECONFIG);
    size_t lines = 0;
    for (const char *at = sluice_text_string(&told); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    CU_ASSERT_EQUAL(lines, SLUICE_COUNT(expected));
    for (size_t i = 0; i < SLUICE_COUNT(expected); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(sluice_text_string(&told), expected[i]));
        if (strstr(sluice_text_string(&told), expected[i]) == NULL)
            printf("\n    not told: %s", expected[i]);
    }
    sluice_text_fini(&told);
    sluice_free(library);
}

static void printed_tickets_read_back(void)
{
    sluice *first = open_library(), *second = open_library();
    sluice_text printed = {0}, again = {0};
    CU_ASSERT_EQUAL_FATAL(read_text(first, tickets, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_config_set(first, "ticket.own.max-rate=5m", NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_config_print(first, collect, &printed, NULL), SLUICE_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(printed.bytes, "\n[ticket partner]\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed.bytes, "\nexpires = 2027-01-31\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed.bytes, "\nmax-rate = 5m\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(printed.bytes, "\n;rights = read,write\n"));
    CU_ASSERT_EQUAL_FATAL(read_text(second, printed.bytes, NULL, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_config_print(second, collect, &again, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(printed.bytes, again.bytes);
    sluice_text_fini(&printed);
    sluice_text_fini(&again);
    sluice_free(first);
    sluice_free(second);
}

static void plugin_options_are_compared(void)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"[congestion good]\npackets = 7\n", "[congestion good]\npackets = 7\n[transfer]\nrate = 1m\n", true},
        {"[congestion good]\n", "[log]\nlevel = debug\n", true},
        {"[congestion good]\npackets = 7\n", "[congestion good]\npackets = 8\n", false},
        {"[congestion good]\npackets = 7\n", "", false},
        {"", "[congestion good]\npackets = 7\n", false},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice *a = open_library(), *b = open_library();
        CU_ASSERT_EQUAL(read_text(a, rows[i].a, NULL, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(read_text(b, rows[i].b, NULL, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_configuration_same_plugins(&a->configuration, &b->configuration), rows[i].same);
        sluice_free(a);
        sluice_free(b);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"built in, file, set, option", built_in_then_file_then_set_then_option},
        {"all errors of a file are told", all_errors_of_a_file_are_told},
        {"files that cannot be read", files_that_cannot_be_read},
        {"set is checked", set_is_checked},
        {"what is printed reads back", what_is_printed_reads_back},
        {"sample is valid and changes nothing", sample_is_valid_and_changes_nothing},
        {"policy and congestion", policy_and_congestion},
        {"settings check their values", settings_check_their_values},
        {"lists are cut at commas", lists_are_cut_at_commas},
        {"log level comes from the file", log_level_comes_from_the_file},
        {"tickets are sections", tickets_are_sections},
        {"streams are sections", streams_are_sections},
        {"errors of tickets are told", errors_of_tickets_are_told},
        {"printed tickets read back", printed_tickets_read_back},
        {"plugin options are compared", plugin_options_are_compared},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("configuration", tests);
}
