/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of ascp: what each option becomes, in every way that it is written. */
#include "unit/suite.h"

#include "cli/ascp_options.h"
#include "cli/ascp_plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MOST 40

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

/* Words with blanks between; '~' stands for a blank within one. */
typedef struct words {
    char text[1024];
    char *list[WORDS_MOST];
    int count;
} words;

static void split(words *out, const char *text)
{
    *out = (words){.count = 0};
    (void)snprintf(out->text, sizeof out->text, "ascp %s", text);
    for (char *word = strtok(out->text, " "); word != NULL && out->count < WORDS_MOST - 1; word = strtok(NULL, " ")) {
        for (char *at = word; *at != '\0'; at++)
            *at = *at == '~' ? ' ' : *at;
        out->list[out->count++] = word;
    }
}

static int read_with(sluice_ascp_line *line, words *held, const char *text, sluice_ascp_environment *environment,
                     sluice_error *error)
{
    split(held, text);
    return sluice_ascp_line_read(line, held->count, held->list, environment, error);
}

/* Options before a source and a destination. */
static int read_options(sluice_ascp_line *line, words *held, const char *text, sluice_error *error)
{
    char whole[900];
    (void)snprintf(whole, sizeof whole, "%s src host:dst", text);
    return read_with(line, held, whole, nothing, error);
}

static void options_become_settings(void)
{
    static const struct {
        const char *text, *key, *value;
    } rows[] = {
        /* A bare number is kbit/s; suffixes are decimal. */
        {"", "rate", "10000000"},
        {"-l 100000", "rate", "100000000"},
        {"-l10m", "rate", "10000000"},
        {"-l 10m", "rate", "10000000"},
        {"-l 300M", "rate", "300000000"},
        {"-l 1.5G", "rate", "1500000000"},
        {"-l 0.5g", "rate", "500000000"},
        {"-l 2500K", "rate", "2500000"},
        {"-l .5m", "rate", "500000"},
        {"-l 64.5", "rate", "64500"},
        {"-l 1m -l 2m", "rate", "2000000"},
        {"-m 0", "min-rate", "0"},
        {"-m 500", "min-rate", "500000"},
        {"-m2M", "min-rate", "2000000"},
        {"--policy=fixed", "policy", "fixed"},
        {"--policy fair", "policy", "fair"},
        {"-policy=high", "policy", "high"},
        {"--policy=low", "policy", "low"},
        {"-QT -l 300m -P33001", "rate", "300000000"},
        {"-c aes128", "cipher", "aes-128-gcm"},
        {"-caes256gcm", "cipher", "aes-256-gcm"},
        {"-c aes192cfb", "cipher", "aes-256-gcm"},
        {"-c aes-128-gcm", "cipher", "aes-128-gcm"},
        {"-O 33001", "udp-ports", "33001-33100"},
        {"-O40000", "udp-ports", "40000-40099"},
        {"-O 65500", "udp-ports", "65500-65535"},
        {"-Z 1500", "datagram-size", "1452"},
        {"-Z296", "datagram-size", "508"},
        {"-Z 10000", "datagram-size", "9952"},
        {"", "datagram-size", NULL},
        {"-y 0", "transport", NULL},
        {"-y 1", "transport", NULL},
        {"-y F", "transport", "tcp"},
        {"", "resume", "none"},
        {"-k 0", "resume", "none"},
        {"-k1", "resume", "attributes"},
        {"-k 2", "resume", "sparse"},
        {"-k3", "resume", "full"},
        {"", "overwrite", "different"},
        {"--overwrite=never", "overwrite", "never"},
        {"--overwrite always", "overwrite", "always"},
        {"--overwrite=diff", "overwrite", "different"},
        {"--overwrite=older", "overwrite", "older"},
        {"--overwrite=diff+older", "overwrite", "older"},
        {"", "symlinks", "follow"},
        {"--symbolic-links=copy", "symlinks", "copy"},
        {"--symbolic-links=copy+force", "symlinks", "copy"},
        {"--symbolic-links skip", "symlinks", "skip"},
        {"--symbolic-links=follow", "symlinks", "follow"},
        {"", "preserve", "mode"},
        {"-k 0", "preserve", "mode"},
        {"-k 1", "preserve", "mode,times"},
        {"-p", "preserve", "mode,times"},
        {"--preserve-modification-time", "preserve", "mode,times"},
        {"-preserve-access-time", "preserve", "mode,times"},
        {"--preserve-file-owner-uid --preserve-file-owner-gid", "preserve", "mode,owner"},
        {"-p --preserve-acls=native --preserve-xattrs native", "preserve", "mode,times,acl,xattr"},
        {"--preserve-acls=none", "preserve", "mode"},
        {"", "mkdir", NULL},
        {"-d", "mkdir", "yes"},
        {"-dpq", "mkdir", "yes"},
        {"-dpq", "preserve", "mode,times"},
        {"-E *.o", "exclude", "*.o"},
        {"-E*.o", "exclude", "*.o"},
        {"-N keep.o -E *.o", "include", "keep.o"},
        {"--exclude-newer-than=-60", "exclude-newer-than", "-60"},
        {"-exclude-older-than 1700000000", "exclude-older-than", "1700000000"},
        {"--file-checksum=sha-256", "checksum", "sha-256"},
        {"--file-checksum=none", "checksum", NULL},
        {"-S /opt/sluice/bin/sluice", "remote-command", "/opt/sluice/bin/sluice"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line;
        sluice_error error = {0};
        words held;
        int status = read_options(&line, &held, rows[i].text, &error);
        const char *value = status == SLUICE_OK ? sluice_ascp_line_setting(&line, rows[i].key) : "(failed)";
        bool good = rows[i].value == NULL ? value == NULL : value != NULL && strcmp(value, rows[i].value) == 0;
        if (!good)
            printf("%s: %s is %s, not %s %s\n", rows[i].text, rows[i].key, value, rows[i].value, error.text);
        CU_ASSERT_TRUE(good);
        CU_ASSERT_EQUAL(line.operands.count, 2);
        sluice_ascp_line_fini(&line);
    }
}

static void patterns_keep_their_order(void)
{
    static const char *const wanted[] = {"exclude", "a*", "include", "b*", "exclude", "*"};
    sluice_ascp_line line;
    words held;
    size_t at = 0;
    CU_ASSERT_EQUAL(read_options(&line, &held, "-E a* -N b* -E *", NULL), SLUICE_OK);
    for (size_t i = 0; i + 1 < line.settings.count; i += 2)
        if (strcmp(line.settings.list[i] + 2, "clude") == 0)
            for (size_t j = 0; j < 2 && at < SLUICE_COUNT(wanted); j++, at++)
                CU_ASSERT_STRING_EQUAL(line.settings.list[i + j], wanted[at]);
    CU_ASSERT_EQUAL(at, SLUICE_COUNT(wanted));
    sluice_ascp_line_fini(&line);
}

static void other_options_become_members(void)
{
    sluice_ascp_line line;
    words held;
    CU_ASSERT_EQUAL(read_options(&line, &held,
                                 "--skip-special-files --remove-after-transfer -remove-skipped --remove-empty-directories "
                                 "--remove-empty-source-directory --file-manifest=text -file-manifest-path /m --file-manifest-inprogress-suffix=.s "
                                 "-P 33001 -i key1 -ikey2 -W tok --ignore-host-key --ssh-arg=-v -SSH -6 --user me "
                                 "--source-prefix=/a --src-base /b -dq -u text --tags={} -L- -DD -C2:3 -M 4000 -Mhost:4001 -no-mgmt-port-files",
                                 NULL),
                    SLUICE_OK);
    CU_ASSERT_EQUAL(line.port, 33001);
    CU_ASSERT_EQUAL_FATAL(line.keys.count, 2);
    CU_ASSERT_STRING_EQUAL(line.keys.list[0], "key1");
    CU_ASSERT_STRING_EQUAL(line.keys.list[1], "key2");
    CU_ASSERT_STRING_EQUAL(line.token, "tok");
    CU_ASSERT_TRUE(line.manifest);
    CU_ASSERT_TRUE(line.skip_special);
    CU_ASSERT_TRUE(line.remove_files && line.remove_skipped && line.remove_directories && line.remove_source_directory);
    CU_ASSERT_STRING_EQUAL(sluice_ascp_line_setting(&line, "sync"), "end");
    CU_ASSERT_STRING_EQUAL(line.manifest_path, "/m");
    CU_ASSERT_STRING_EQUAL(line.manifest_suffix, ".s");
    CU_ASSERT_TRUE(line.any_host_key && line.ipv6 && line.into && line.quiet && line.verbose);
    CU_ASSERT_EQUAL_FATAL(line.ssh_arguments.count, 1);
    CU_ASSERT_STRING_EQUAL(line.ssh_arguments.list[0], "-v");
    CU_ASSERT_STRING_EQUAL(line.user, "me");
    CU_ASSERT_STRING_EQUAL(line.source_prefix, "/a");
    CU_ASSERT_STRING_EQUAL(line.source_base, "/b");
    CU_ASSERT_STRING_EQUAL(line.user_string, "text");
    CU_ASSERT_STRING_EQUAL(line.tags, "{}");
    CU_ASSERT_STRING_EQUAL(line.log, "-");
    CU_ASSERT_EQUAL(line.part, 2);
    CU_ASSERT_EQUAL(line.parts, 3);
    CU_ASSERT_EQUAL_FATAL(line.management.count, 2);
    CU_ASSERT_STRING_EQUAL(line.management.list[0], "4000");
    CU_ASSERT_STRING_EQUAL(line.management.list[1], "host:4001");
    CU_ASSERT_EQUAL(line.warnings.count, 0);
    CU_ASSERT_EQUAL(line.operands.count, 2);
    sluice_ascp_line_fini(&line);
}

static void shapes_of_one_option(void)
{
    static const char *const rows[] = {"-C2:2", "-C 2:2", "-qC2:2", "-dC 2:2"};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line;
        words held;
        CU_ASSERT_EQUAL(read_options(&line, &held, rows[i], NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(line.part, 2);
        CU_ASSERT_EQUAL(line.parts, 2);
        sluice_ascp_line_fini(&line);
    }
    static const char *const modes[] = {"--mode send", "--mode=send", "-mode=send", "-mode send"};
    for (size_t i = 0; i < SLUICE_COUNT(modes); i++) {
        sluice_ascp_line line;
        words held;
        CU_ASSERT_EQUAL(read_options(&line, &held, modes[i], NULL), SLUICE_OK);
        CU_ASSERT_EQUAL(line.mode, SLUICE_ASCP_SEND);
        CU_ASSERT_PTR_NULL(sluice_ascp_line_setting(&line, "min-rate"));
        sluice_ascp_line_fini(&line);
    }
    static const struct {
        const char *text, *log;
    } logs[] = {{"-L-", "-"}, {"-L -", "-"}, {"-DDL-", "-"}, {"-L/var/log", "/var/log"}, {"-L /var/log:10", "/var/log"},
                {"-L /var:10/log", "/var:10/log"}};
    for (size_t i = 0; i < SLUICE_COUNT(logs); i++) {
        sluice_ascp_line line;
        words held;
        CU_ASSERT_EQUAL(read_options(&line, &held, logs[i].text, NULL), SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(line.log, logs[i].log);
        sluice_ascp_line_fini(&line);
    }
    /* -user is -u with the value "ser"; an option may stand behind operands, and "--" ends them. */
    sluice_ascp_line line;
    words held;
    CU_ASSERT_EQUAL(read_with(&line, &held, "-user src host:dst -d -- -q", nothing, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(line.user_string, "ser");
    CU_ASSERT_PTR_NULL(line.user);
    CU_ASSERT_TRUE(line.into && !line.quiet);
    CU_ASSERT_EQUAL_FATAL(line.operands.count, 3);
    CU_ASSERT_STRING_EQUAL(line.operands.list[2], "-q");
    sluice_ascp_line_fini(&line);
}

/* The value that each row of the table is tried with, where any text would not do. */
static const char *value_for(const sluice_ascp_option *option, char *room, size_t size)
{
    if (option->words != NULL) {
        (void)snprintf(room, size, "%.*s", (int)strcspn(option->words, "="), option->words);
        return room;
    }
    const char *argument = option->argument;
    return strcmp(argument, "RATE") == 0        ? "10m"
           : strcmp(argument, "PORT") == 0      ? "33001"
           : strcmp(argument, "send|recv") == 0 ? "recv"
           : strcmp(argument, "HOW") == 0       ? "native"
           : strcmp(argument, "BASE64") == 0    ? "L2RzdA=="
           : strcmp(argument, "FINGERPRINT") == 0 ? "0123456789abcdef0123456789ABCDEF01234567"
           : strcmp(argument, "BYTES") == 0     ? "1400"
           : strcmp(argument, "ID:COUNT") == 0  ? "1:2"
           : strcmp(argument, "LOW:HIGH") == 0  ? "5:"
                                                : "text";
}

/* Reads one option, and wants what its row says of its effect. */
static void wants_effect(const sluice_ascp_option *option, const char *text)
{
    char whole[256];
    sluice_ascp_line line;
    sluice_error error = {0};
    words held;
    bool alone = option->name != NULL && strcmp(option->name, "host") == 0;
    bool list = option->name != NULL && strstr(option->name, "-list") != NULL;
    bool later = option->name != NULL && strcmp(option->name, "keepalive") == 0;
    (void)snprintf(whole, sizeof whole, "%s %s %s", alone ? "--mode=send" : later ? "-M 1" : "", text, list ? "dst" : "src host:L2RzdA==");
    if (option->name != NULL && strcmp(option->name, "dest64") == 0)
        (void)snprintf(whole, sizeof whole, "src %s L2RzdA==", text);
    int status = read_with(&line, &held, whole, nothing, &error);
    bool refused = option->effect == SLUICE_ASCP_REFUSES;
    if (status != (refused ? SLUICE_EUSAGE : SLUICE_OK))
        printf("%s: %s\n", whole, error.text);
    CU_ASSERT_EQUAL(status, refused ? SLUICE_EUSAGE : SLUICE_OK);
    if (option->effect == SLUICE_ASCP_WARNS)
        CU_ASSERT_EQUAL(line.warnings.count, 1);
    if (option->effect == SLUICE_ASCP_HOLDS)
        CU_ASSERT_EQUAL(line.warnings.count, 0);
    if (status == SLUICE_OK)
        CU_ASSERT_EQUAL(line.operands.count, list ? 1 : 2);
    sluice_ascp_line_fini(&line);
}

static void every_row_in_every_spelling(void)
{
    size_t count;
    const sluice_ascp_option *options = sluice_ascp_options(&count);
    for (size_t i = 0; i < count; i++) {
        char text[160], room[64];
        const sluice_ascp_option *option = &options[i];
        bool takes = option->takes == SLUICE_ASCP_VALUE;
        const char *value = takes ? value_for(option, room, sizeof room) : "";
        if (option->letter != '\0') {
            (void)snprintf(text, sizeof text, "-%c%s", option->letter, value);
            wants_effect(option, text);
            (void)snprintf(text, sizeof text, "-%c %s", option->letter, value);
            wants_effect(option, text);
        }
        if (option->name == NULL)
            continue;
        for (size_t dashes = option->two_dashes ? 2 : 1; dashes <= 2; dashes++) {
            const char *row = &"--"[2 - dashes];
            (void)snprintf(text, sizeof text, "%s%s %s", row, option->name, value);
            wants_effect(option, text);
            (void)snprintf(text, sizeof text, "%s%s=%s", row, option->name, value);
            if (takes)
                wants_effect(option, text);
        }
    }
}

/* What ascp's own page lists, letter by letter and name by name, so that no row can be lost. */
static void nothing_is_missing(void)
{
    static const char letters[] = "lmQTwcOPZXgGiWytxIYj6d E N@kp CMuqLRDAfeS";
    static const char *const names[] = {
        "policy", "check-sshfp", "ignore-host-key", "SSH", "ssh-arg", "ws-connect", "proxy", "retry-timeout", "mode", "host",
        "user", "file-list", "file-pair-list", "source-prefix", "source-prefix64", "src-base", "src-base64", "dest64",
        "exclude-newer-than", "exclude-older-than", "overwrite", "save-before-overwrite", "partial-file-suffix",
        "symbolic-links", "skip-special-files", "skip-dir-traversal-dupes", "preserve-access-time",
        "preserve-creation-time", "preserve-modification-time", "preserve-source-access-time", "preserve-file-owner-uid",
        "preserve-file-owner-gid", "preserve-acls", "preserve-xattrs", "remote-preserve-acls", "remote-preserve-xattrs",
        "remove-after-transfer", "remove-empty-directories", "remove-empty-source-directory", "remove-skipped",
        "move-after-transfer", "delete-before-transfer", "file-checksum", "file-manifest", "file-manifest-path",
        "file-manifest-inprogress-suffix", "file-crypt", "fail-bad-filepass", "precalculate-job-size",
        "precalculate-disable", "multi-session-threshold", "keepalive", "apply-local-docroot", "tags", "tags64",
        "no-mgmt-port-files", "read-threads", "write-threads", "scan-threads", "meta-threads", "compression", "chunk-size",
        "faspmgr-io", "memory", "no-open", "no-read", "no-write",
    };
    for (const char *at = letters; *at != '\0'; at++)
        if (*at != ' ')
            CU_ASSERT_PTR_NOT_NULL(sluice_ascp_option_lettered(*at));
    for (size_t i = 0; i < SLUICE_COUNT(names); i++)
        CU_ASSERT_PTR_NOT_NULL(sluice_ascp_option_named(names[i], strlen(names[i])));
}

static void warnings_name_what_is_not_done(void)
{
    static const struct {
        const char *text, *named;
    } rows[] = {
        {"-T", "-T"},           {"-c none", "none"},   {"-l 50%", "50%"},         {"-l 50P", "50P"},
        {"-wr", "-w"},          {"-X 1440", "-X"},     {"--proxy=dnat://p", "--proxy"},
        {"-S /opt/aspera/bin/ascp", "/opt/aspera/bin/ascp"}, {"--file-checksum=md5", "md5"},
        {"--preserve-acls=metafile", "metafile"}, {"-j 1", "-j"}, {"-j0", "-j"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line;
        words held;
        CU_ASSERT_EQUAL(read_options(&line, &held, rows[i].text, NULL), SLUICE_OK);
        CU_ASSERT_EQUAL_FATAL(line.warnings.count, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(line.warnings.list[0], rows[i].named));
        CU_ASSERT_EQUAL(line.operands.count, 2);
        sluice_ascp_line_fini(&line);
    }
}

static void what_is_wrong_is_named(void)
{
    static const struct {
        const char *text, *named;
    } rows[] = {
        {"--no-such-option a b", "--no-such-option: unknown"}, {"-z a b", "-z: unknown"}, {"-dz a b", "-z: unknown"},
        {"--=x a b", "unknown"},
        {"-l fast a b", "-l fast"},   {"-l 10x a b", "10x"},        {"-l -5 a b", "-5"},     {"-l 0 a b", "-l 0"},
        {"-l 1e3 a b", "1e3"},        {"-l . a b", "-l ."},         {"-l 99999999999999999999 a b", "9999"},
        {"-m 3mm a b", "3mm"},        {"-l", "a value is missing"}, {"a b --host", "--host: a value is missing"},
        {"--policy=best a b", "fixed, high, fair, low"},            {"-k 4 a b", "0, 1, 2, 3"},
        {"-P 0 a b", "-P 0"},         {"-P 65536 a b", "65536"},    {"-P 22x a b", "22x"},   {"-O 0 a b", "-O 0"},
        {"-Z 295 a b", "296"},        {"-Z 10001 a b", "10000"},    {"-Z 1k a b", "1k"},
        {"-c des a b", "des"},        {"-C 3:2 a b", "3:2"},        {"-C 0:2 a b", "0:2"},   {"-C 1:129 a b", "1:129"},
        {"-C 2 a b", "-C 2"},         {"-@ 7 a b", "LOW:HIGH"},   {"-@ 9:7 a b", "9:7"},   {"-@ a:b a b", "a:b"},
                {"--mode=up a b", "send, recv"}, {"--dest64=x a b", "takes no value"},
        {"--dest64 a b!", "b!"},      {"--src-base64=A a b", "base64"}, {"--src-base64=AAAA a b", "base64"},
        {"--host=h a b", "--mode"},   {"--file-list=x --file-pair-list=y d", "do not go together"},
        {"--file-list=x a b", "no other sources"}, {"a", "a source and a destination"}, {"-d", "a source and a destination"},
        {"--save-before-overwrite a b", "set old files aside"},    {"--file-crypt=encrypt a b", "at rest"},
        {"--keepalive a", "--keepalive"}, {"--user= a b", "empty"},
        {"--file-pair-list=x --src-base=/a d", "--src-base"},
        {"--move-after-transfer=/m --remove-after-transfer a b", "do not go together"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line;
        sluice_error error = {0};
        words held;
        CU_ASSERT_EQUAL(read_with(&line, &held, rows[i].text, nothing, &error), SLUICE_EUSAGE);
        if (strstr(error.text, rows[i].named) == NULL)
            printf("%s: '%s' has no '%s'\n", rows[i].text, error.text, rows[i].named);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i].named));
        sluice_ascp_line_fini(&line);
    }
}

static void fingerprints_in_every_form(void)
{
    static const struct {
        const char *text, *canonical; /* NULL: it is none */
    } rows[] = {
        {"f74e5de9ed0d62feaf0616ed1e851133c42a0082", "f74e5de9ed0d62feaf0616ed1e851133c42a0082"},
        {"F7:4E:5D:E9:ED:0D:62:FE:AF:06:16:ED:1E:85:11:33:C4:2A:00:82", "f74e5de9ed0d62feaf0616ed1e851133c42a0082"},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
         "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
        {"00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff"},
        {"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"},
        {"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"},
        {"", NULL},
        {"f74e", NULL},
        {"f74e5de9ed0d62feaf0616ed1e851133c42a008g", NULL},
        {"f74e5de9ed0d62feaf0616ed1e851133c42a0082 ]", NULL},
        {"SHA256:47DEQpj8HBSa", NULL},
        {"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu$U", NULL},
        {"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;x", NULL},
        {"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00", NULL},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line = {.help = false};
        const char *canonical = "";
        CU_ASSERT_EQUAL(sluice_ascp_fingerprint(&line, rows[i].text, &canonical, NULL),
                        rows[i].canonical != NULL ? SLUICE_OK : SLUICE_EUSAGE);
        if (rows[i].canonical != NULL)
            CU_ASSERT_STRING_EQUAL(canonical, rows[i].canonical);
        sluice_ascp_line_fini(&line);
    }
}

/* RFC 4648, section 10, and its alphabets. */
static void base64_as_the_rfc_has_it(void)
{
    static const struct {
        const char *text, *plain;
    } rows[] = {{"Zg==", "f"},         {"Zm8=", "fo"},          {"Zm9v", "foo"},         {"Zm9vYg==", "foob"},
                {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"},  {"Zg", "f"},             {"Zm8", "fo"},
                {"/+8=", "\xff\xef"},  {"_-8", "\xff\xef"},     {"L2RzdA==", "/dst"}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line = {.help = false};
        const char *plain = "";
        CU_ASSERT_EQUAL(sluice_ascp_base64(&line, "x", rows[i].text, &plain, NULL), SLUICE_OK);
        CU_ASSERT_STRING_EQUAL(plain, rows[i].plain);
        sluice_ascp_line_fini(&line);
    }
}

static const char *given(const char *name)
{
    static const char *const rows[][2] = {{"ASPERA_SCP_PASS", "secret"}, {"ASPERA_SCP_TOKEN", "of the environment"},
                                          {"ASPERA_SCP_COOKIE", "cake"}, {"ASPERA_SCP_KEY", "PEM"}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (strcmp(rows[i][0], name) == 0)
            return rows[i][1];
    return NULL;
}

static const char *empty(const char *name)
{
    (void)name;
    return "";
}

static void the_environment_is_heard(void)
{
    sluice_ascp_line line;
    words held;
    CU_ASSERT_EQUAL(read_with(&line, &held, "a h:b", given, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(line.password, "secret");
    CU_ASSERT_STRING_EQUAL(line.token, "of the environment");
    CU_ASSERT_STRING_EQUAL(line.cookie, "cake");
    CU_ASSERT_STRING_EQUAL(line.key_text, "PEM");
    sluice_ascp_line_fini(&line);
    CU_ASSERT_EQUAL(read_with(&line, &held, "-W mine a h:b", given, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(line.token, "mine");
    sluice_ascp_line_fini(&line);
    CU_ASSERT_EQUAL(read_with(&line, &held, "a h:b", empty, NULL), SLUICE_OK);
    CU_ASSERT_TRUE(line.password == NULL && line.token == NULL && line.key_text == NULL);
    sluice_ascp_line_fini(&line);
}

/* As a well-known client writes it. */
static void a_whole_line_of_automation(void)
{
    sluice_ascp_line line;
    words held;
    CU_ASSERT_EQUAL(read_with(&line, &held,
                              "-M 12345 -q -c aes128 -d --mode send -O 33001 --policy fair --host localhost --user me -k 2 "
                              "-P 33001 -l 100000 -m 0 --dest64 --file-list=list L2RzdA==",
                              nothing, NULL),
                    SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(line.management.list[0], "12345");
    CU_ASSERT_EQUAL(line.mode, SLUICE_ASCP_SEND);
    CU_ASSERT_STRING_EQUAL(line.host, "localhost");
    CU_ASSERT_STRING_EQUAL(line.user, "me");
    CU_ASSERT_STRING_EQUAL(line.file_list, "list");
    CU_ASSERT_EQUAL_FATAL(line.operands.count, 1);
    CU_ASSERT_STRING_EQUAL(line.operands.list[0], "/dst");
    CU_ASSERT_STRING_EQUAL(sluice_ascp_line_setting(&line, "rate"), "100000000");
    CU_ASSERT_STRING_EQUAL(sluice_ascp_line_setting(&line, "resume"), "sparse");
    CU_ASSERT_EQUAL(line.warnings.count, 0);
    sluice_ascp_line_fini(&line);
}

/* ---- plans ---- */

/* Texts with blanks between, in one string. */
static void join(const sluice_ascp_texts *texts, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < texts->count && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? " " : "", texts->list[i]);
}

static bool is_pipe(const char *path)
{
    return strcmp(path, "/run/pipe") == 0;
}

static int plan_of(sluice_ascp_plan *plan, sluice_ascp_line *line, words *held, words *list, const char *text,
                   const char *lines, bool ticket, sluice_error *error)
{
    sluice_ascp_texts all = {.count = 0};
    int status = read_with(line, held, text, nothing, error);
    CU_ASSERT_EQUAL(status, SLUICE_OK);
    split(list, lines);
    for (int i = 1; i < list->count; i++)
        CU_ASSERT_EQUAL(sluice_ascp_texts_add(&all, list->list[i], NULL), SLUICE_OK);
    const sluice_ascp_facts facts = {.list = all, .ticket = ticket, .is_pipe = is_pipe};
    status = sluice_ascp_plan_make(plan, line, &facts, error);
    free(all.list);
    return status;
}

static void operands_become_addresses(void)
{
    static const struct {
        const char *text, *list;
        bool ticket;
        const char *sources, *destination, *pairs, *assignment;
    } rows[] = {
        /* Through ssh; a host in brackets is no plugin, and a path here no address. */
        {"a me@host:b", "", false, "./a", "me@[host]:b", "", NULL},
        {"/a b host:", "", false, "/a ./b", "[host]:.", "", NULL},
        {"command:rm x", "", false, "[command]:rm", "./x", "", NULL},
        {"a me@[::1]:b", "", false, "./a", "me@[::1]:b", "", NULL},
        {"me@host:/a me@host:b .", "", false, "me@[host]:/a me@[host]:b", "./.", "", NULL},
        {"--user=me host:a .", "", false, "me@[host]:a", "./.", "", NULL},
        {"--user=me you@host:a .", "", false, "you@[host]:a", "./.", "", NULL},
        {"./a:b host:c", "", false, "././a:b", "[host]:c", "", NULL},
        {"-d a host:b", "", false, "./a", "[host]:b/", "", NULL},
        {"-d a host:", "", false, "./a", "[host]:./", "", NULL},
        {"-d host:a out/", "", false, "[host]:a", "./out/", "", NULL},
        {"--mode=send --host=h --user=u a:b c:d", "", false, "./a:b", "u@[h]:c:d", "", NULL},
        {"--mode=recv --host=h a:b c:d", "", false, "[h]:a:b", "./c:d", "", NULL},
        {"--mode=recv --host=::1 a b", "", false, "[::1]:a", "./b", "", NULL},
        {"--source-prefix=/data a /b host:c", "", false, "/data/a /data/b", "[host]:c", "", NULL},
        {"--source-prefix=/data/ a /b host:c", "", false, "/data/a /data/b", "[host]:c", "", NULL},
        /* To a server. */
        {"a host:b/c~d%e", "", true, "./a", "sluice://host/b/c%20d%25e", "", NULL},
        {"-P 4000 host:/a .", "", true, "sluice://host:4000/a", "./.", "", NULL},
        {"-P 4000 --mode=send --host=::1 a /", "", true, "./a", "sluice://[::1]:4000/", "", NULL},
        /* Lists, and names of their own. */
        {"--mode=send --host=h --file-list=f /d", "a /b c:d", false, "./a /b ./c:d", "[h]:/d", "", NULL},
        {"--mode=recv --host=h --file-list=f d", "a /b", false, "[h]:a [h]:/b", "./d", "", NULL},
        {"--file-list=f h:/d", "a", false, "./a", "[h]:/d", "", NULL},
        {"--mode=send --host=h --file-pair-list=f /d", "a x/y /b /z", false, "", "[h]:/d", "./a x/y /b z", NULL},
        {"--mode=recv --host=h --file-pair-list=f d", "/a x /b/c y/z", false, "[h]:/", "./d", "a x b/c y/z", NULL},
        {"--mode=recv --host=h --file-pair-list=f d", "a x", false, "[h]:.", "./d", "a x", NULL},
        {"--src-base=/a/b /a/b/c /a/b/d/e h:x", "", false, "", "[h]:x", "/a/b/c c /a/b/d/e d/e", NULL},
        {"--src-base=/a/ h:/a/b x", "", false, "[h]:/", "./x", "a/b b", NULL},
        {"--src-base=/ h:/a/b x", "", true, "sluice://h/", "./x", "a/b a/b", NULL},
        /* What is no file. */
        {"faux:///name?4k h:x", "", false, "zero:4096*1", "[h]:x", "", "source.zero.name=name"},
        {"faux:///deep/name?2G h:x", "", false, "zero:2147483648*1", "[h]:x", "", "source.zero.name=name"},
        {"faux:///d?count=10&size=1m&file=F h:x", "", false, "zero:1048576*10", "[h]:x", "", "source.zero.name=F"},
        {"faux:///d?size=5&count=2&inc=0 h:x", "", false, "zero:5*2", "[h]:x", "", "source.zero.name=FILE"},
        {"h:x faux://", "", false, "[h]:x", "null:", "", NULL},
        {"stdio:///name h:x", "", false, "-", "[h]:x", "", "source.stdio.name=name"},
        {"stdio:///deep/name?100 h:x", "", false, "-", "[h]:x", "", "source.stdio.name=name"},
        {"--mode=send --host=h stdio:// x", "", false, "-", "[h]:x", "", NULL},
        {"h:x stdio://", "", false, "[h]:x", "-", "", NULL},
        {"stdio:///run/pipe h:x", "", false, "stdio:/run/pipe", "[h]:x", "", NULL},
        {"h:x stdio:///run/pipe", "", false, "[h]:x", "stdio:/run/pipe", "", NULL},
        {"stdio-tar:// h:x", "", false, "tar:-", "[h]:x", "", NULL},
        {"stdio-tar:///run/pipe h:x", "", false, "tar:/run/pipe", "[h]:x", "", NULL},
        {"h:x stdio-tar://", "", false, "[h]:x", "tar:-", "", "sink.tar.form=heads"},
        {"h:x stdio-tar:///run/pipe", "", false, "[h]:x", "tar:/run/pipe", "", "sink.tar.form=heads"},
        {"file:////a/b h:x", "", false, "/a/b", "[h]:x", "", NULL},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line;
        sluice_ascp_plan plan;
        sluice_error error = {0};
        words held, list;
        char sources[512], pairs[512];
        int status = plan_of(&plan, &line, &held, &list, rows[i].text, rows[i].list, rows[i].ticket, &error);
        CU_ASSERT_EQUAL(status, SLUICE_OK);
        join(&plan.sources, sources, sizeof sources);
        join(&plan.pairs, pairs, sizeof pairs);
        if (status != SLUICE_OK || strcmp(sources, rows[i].sources) != 0 || strcmp(pairs, rows[i].pairs) != 0)
            printf("%s: %s | %s | %s\n", rows[i].text, error.text, sources, pairs);
        CU_ASSERT_STRING_EQUAL(sources, rows[i].sources);
        CU_ASSERT_STRING_EQUAL(plan.destination, rows[i].destination);
        CU_ASSERT_STRING_EQUAL(pairs, rows[i].pairs);
        CU_ASSERT_EQUAL(plan.assignment == NULL, rows[i].assignment == NULL);
        if (rows[i].assignment != NULL && plan.assignment != NULL)
            CU_ASSERT_STRING_EQUAL(plan.assignment, rows[i].assignment);
        sluice_ascp_plan_fini(&plan);
        sluice_ascp_line_fini(&line);
    }
}

static void plans_that_cannot_be(void)
{
    static const struct {
        const char *text, *list, *named;
    } rows[] = {
        {"a b", "", "both sides are here"},
        {"h:a h:b", "", "both sides are remote"},
        {"h:a b c", "", "both sides are here"},
        {"h:a g:b c", "", "g:b: all sources must be on one machine"},
        {"me@h:a you@h:b c", "", "one user"},
        {"a :b", "", "both sides are here"},
        {"a @h:b", "", "no user"},
        {"--mode=recv a h:b", "", "--mode recv"},
        {"--mode=send h:a b", "", "--mode send"},
        {"--file-list=f here", "a", "--mode recv and --host"},
        {"--file-list=f h:b", "", "names nothing"},
        {"--file-pair-list=f h:b", "a", "no destination"},
        {"--mode=recv --host=h --file-pair-list=f d", "/a x b y", "all begin with a slash"},
        {"--src-base=/a /b/c h:x", "", "/b/c: does not lie below /a"},
        {"--src-base=/a /ab h:x", "", "does not lie below"},
        {"--src-base=/a /a/ h:x", "", "name what is in it"},
        {"stdio:///name?0 h:x", "", "a size"},
        {"stdio:///run/pipe?5 h:x", "", "goes to its end"},
        {"stdio:///name? h:x", "", "a size"},
        {"stdio:///name?1x h:x", "", "a size"},
        {"stdio-tar://?5 h:x", "", "stdio-tar:///PATH"},
        {"h:x stdio-tar://there", "", "stdio-tar:///PATH"},
        {"stdio-tar:// a h:x", "", "alone"},
        {"h:x stdio:///there", "", "only stdio://"},
        {"stdio:// a h:x", "", "alone"},
        {"faux:///name h:x", "", "SIZE"},
        {"faux:///name?x h:x", "", "SIZE"},
        {"faux:///d?count=2&size=1&inc=5 h:x", "", "one size"},
        {"faux:///name?16e h:x", "", "SIZE"},
        {"a h:faux://", "", "only files are written"},
        {"h:stdio:// a", "", "only files are fetched"},
        {"file:////a?grow=5 h:x", "", "grow"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        sluice_ascp_line line;
        sluice_ascp_plan plan;
        sluice_error error = {0};
        words held, list;
        CU_ASSERT_EQUAL(plan_of(&plan, &line, &held, &list, rows[i].text, rows[i].list, false, &error), SLUICE_EUSAGE);
        if (strstr(error.text, rows[i].named) == NULL)
            printf("%s: '%s' has no '%s'\n", rows[i].text, error.text, rows[i].named);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, rows[i].named));
        sluice_ascp_plan_fini(&plan);
        sluice_ascp_line_fini(&line);
    }
}

/* Whether there is a plan; else there is a sentence. */
static bool plan_strange(sluice_ascp_line *line, bool ticket)
{
    static const char *lines[] = {"a", "/b", "faux:///c", ""};
    const sluice_ascp_facts facts = {
        .list = {.list = lines, .count = SLUICE_COUNT(lines)}, .ticket = ticket, .is_pipe = is_pipe};
    sluice_ascp_plan plan;
    sluice_error error = {0};
    int status = sluice_ascp_plan_make(&plan, line, &facts, &error);
    CU_ASSERT_TRUE(status == SLUICE_OK ? plan.destination != NULL : status == SLUICE_EUSAGE && error.text[0] != '\0');
    sluice_ascp_plan_fini(&plan);
    return status == SLUICE_OK;
}

/* Lines made of pieces by a fixed sequence of numbers: whatever they are, they are read or refused with a sentence. */
static void no_line_is_too_strange(void)
{
    static const char *const pieces[] = {
        "-", "--", "-l", "10m", "=", "-C", "2:2", "--dest64", "L2RzdA==", "-E", "", "-DDL-", "-@", "--mode", "send",
        "--host=", "--host=h", "--mode=recv", "faux:///d?", "count=2&size=1k", "file=&inc=", "stdio://", "u@[::1]:/x", "\xff", "-\xff", "a", "h:b", "-j", "0", "--tags64=", "-QTdpq6", "--file-list", "--src-base64=//",
        "-P", "65535",
    };
    uint64_t state = 1;
    unsigned read = 0, planned = 0;
    for (int round = 0; round < 20000; round++) {
        char joined[8][64];
        char program[] = "ascp", *list[9] = {program};
        int count = 1 + (int)(state >> 33) % 8;
        for (int i = 1; i < count + 1; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            const char *first = pieces[(state >> 33) % SLUICE_COUNT(pieces)];
            const char *second = (state >> 60) == 0 ? pieces[(state >> 40) % SLUICE_COUNT(pieces)] : "";
            (void)snprintf(joined[i - 1], sizeof joined[0], "%s%s", first, second);
            list[i] = joined[i - 1];
        }
        sluice_ascp_line line;
        sluice_error error = {0};
        int status = sluice_ascp_line_read(&line, count + 1, list, nothing, &error);
        CU_ASSERT_TRUE(status == SLUICE_OK || (status == SLUICE_EUSAGE && error.text[0] != '\0'));
        read += status == SLUICE_OK;
        if (status == SLUICE_OK && !line.help && !line.version)
            planned += plan_strange(&line, round % 2 != 0);
        sluice_ascp_line_fini(&line);
    }
    CU_ASSERT_TRUE(read > 0 && planned > 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"options become settings", options_become_settings},
        {"patterns keep their order", patterns_keep_their_order},
        {"other options become members", other_options_become_members},
        {"shapes of one option", shapes_of_one_option},
        {"every row in every spelling", every_row_in_every_spelling},
        {"nothing is missing", nothing_is_missing},
        {"warnings name what is not done", warnings_name_what_is_not_done},
        {"what is wrong is named", what_is_wrong_is_named},
        {"base64 as the RFC has it", base64_as_the_rfc_has_it},
        {"fingerprints in every form", fingerprints_in_every_form},
        {"the environment is heard", the_environment_is_heard},
        {"a whole line of automation", a_whole_line_of_automation},
        {"operands become addresses", operands_become_addresses},
        {"plans that cannot be", plans_that_cannot_be},
        {"no line is too strange", no_line_is_too_strange},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("ascp", tests);
}
