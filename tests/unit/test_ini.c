/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/suite.h"

#include "plugin/ini.h"
#include <sluice/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that was read, as one string: "[section]key=value|" and "!sentence|". */
static int note_section(void *user, const char *name, sluice_error *error)
{
    if (strcmp(name, "refused") == 0)
        return sluice_fail(error, SLUICE_EINVAL, "section refused");
    sluice_text_addf(user, "[%s]", name);
    return SLUICE_OK;
}

static int note_value(void *user, const char *key, const char *value, sluice_error *error)
{
    if (strcmp(key, "refused") == 0)
        return sluice_fail(error, SLUICE_EINVAL, "value refused");
    sluice_text_addf(user, "%s=%s|", key, value);
    return SLUICE_OK;
}

static void note_complaint(void *user, const char *sentence)
{
    sluice_text_addf(user, "!%s|", sentence);
}

typedef struct ini_row {
    const char *text;
    const char *read; /* all of it; or, if it begins with '~', a part */
    bool good;
} ini_row;

static void run(const char *text, size_t bytes, const char *read, bool good)
{
    sluice_text out = {0};
    sluice_error error = {0};
    sluice_ini_handler handler = {&out, note_section, note_value, note_complaint, NULL};
    int status = sluice_ini_parse("f", text, bytes, &handler, &error);
    bool found = read[0] == '~' ? strstr(sluice_text_string(&out), read + 1) != NULL
                                : strcmp(sluice_text_string(&out), read) == 0;
    CU_ASSERT_EQUAL(status, good ? SLUICE_OK : SLUICE_ECONFIG);
    CU_ASSERT(found);
    if (!found)
        printf("\n    wanted: %s\n    read:   %s\n", read, sluice_text_string(&out));
    sluice_text_fini(&out);
}

static void files_are_read(void)
{
    static const ini_row rows[] = {
        {"", "", true},
        {"; only\n# comments\n\n  \t\n   ; indented\n", "", true},
        {"[a]\nb = c\n", "[a]b=c|", true},
        {"[a]\r\nb=c\r\n[ d ]", "[a]b=c|[d]", true},
        {"\xef\xbb\xbf[a]\nb=c", "[a]b=c|", true},
        {"[a b]\nb =\n", "[a b]b=|", true},
        {"[a] ; why\nb = c ; comment\n", "[a]b=c|", true},
        {"[a]\nb = c;d\n", "[a]b=c;d|", true},
        {"[a]\nb = ; nothing\n", "[a]b=|", true},
        {"[a]\nb = x # y\n", "[a]b=x # y|", true},
        {"[a]\nb = x = y : z\n", "[a]b=x = y : z|", true},
        {"[a]\nb = \"c ; d\"\n", "[a]b=c ; d|", true},
        {"[a]\nb = \"  c  \" ; comment\n", "[a]b=  c  |", true},
        {"[a]\nb = \"\\\"\\\\\\n\\t]=\"\n", "[a]b=\"\\\n\t]=|", true},
        {"[a]\nb = say \"hi\"\n", "[a]b=say \"hi\"|", true},
        {"[a]\nb = gr\xfc\xc3\xbc\n", "[a]b=gr\xfc\xc3\xbc|", true}, /* names of files need not be UTF-8 */
        {"[a]\nb=1\nb=2\n", "[a]b=1|b=2|", true},                   /* whether this may be is for the handler */
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        run(rows[i].text, strlen(rows[i].text), rows[i].read, rows[i].good);
}

static void traps_are_told_with_their_line(void)
{
    static const ini_row rows[] = {
        {"a = b\n", "!f:1: key 'a' stands before the first section|", false},
        {"[a\nb = c\n", "!f:1: a section's header has no ']'|", false},
        {"[a] b\n", "~!f:1: something stands behind", false},
        {"[]\n", "~!f:1: ", false},
        {"[a]\n\nnonsense\n", "~!f:3: neither", false},
        {"[a]\nb : c\n", "~!f:2: neither", false},
        {"[a]\n= c\n", "~!f:2: ", false},
        {"[a]\nb = c\n  d = e\n", "~!f:3: an indented line", false},
        {"[a]\nb = c\n\tcontinued\n", "~!f:3: an indented line", false},
        {"[a]\nb = \"c\n", "~!f:2: the closing quote is missing", false},
        {"[a]\nb = \"c\" d\n", "~!f:2: something stands behind the closing quote", false},
        {"[a]\nb = \"\\x\"\n", "~!f:2: in quotes a backslash", false},
        {"[a]\nb = \"c\\", "~!f:2: ", false},
        {"[a]\nb = \x01\n", "~!f:2: byte 0x01", false},
        {"[a]\nb = \x1b[2J\n", "~!f:2: byte 0x1b", false},
        {"[a]\nb c = d\n", "~!f:2: 'b c' is not the name of a key", false},
        {"[a]\n\xff = d\n", "~!f:2: '?' is not the name of a key", false},
        {"[refused]\nb = c\nd = e\n[a]\nf = g\n", "!f:1: section refused|[a]f=g|", false},
        {"[a]\nrefused = 1\nb = 2\nrefused = 3\n", "[a]!f:2: value refused|b=2|!f:4: value refused|", false},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        run(rows[i].text, strlen(rows[i].text), rows[i].read, rows[i].good);
    run("[a]\nb = c\0d\n", 12, "[a]!f:2: byte 0x00 does not belong in an INI file|", false);
}

/* inih would cut all of these without a word. */
static void nothing_is_cut(void)
{
    char text[SLUICE_INI_LINE_MOST + 200], read[SLUICE_INI_LINE_MOST + 200];
    char row[SLUICE_INI_LINE_MOST + 2];
    memset(row, 'x', sizeof(row));
    snprintf(text, sizeof(text), "[a]\nb = %.3000s\n", row);
    snprintf(read, sizeof(read), "[a]b=%.3000s|", row);
    run(text, strlen(text), read, true);
    snprintf(text, sizeof(text), "[a]\nb = %.*s\nc = d\n", SLUICE_INI_LINE_MOST - 3, row);
    run(text, strlen(text), "[a]!f:2: the line is longer than 4096 bytes|c=d|", false);
    snprintf(text, sizeof(text), "[%.49s]\n%.49s = y\n", row, row);
    snprintf(read, sizeof(read), "[%.49s]%.49s=y|", row, row);
    run(text, strlen(text), read, true);
    snprintf(text, sizeof(text), "[%.50s]\nb = c\n", row);
    run(text, strlen(text), "~is longer than 49 bytes", false);
    snprintf(text, sizeof(text), "[a]\n%.50s = c\n", row);
    run(text, strlen(text), "~is longer than 49 bytes", false);
}

static void quoted_values_read_back(void)
{
    static const char *const values[] = {
        "", "plain", "two words", " blank", "blank ", "a ; b", "; a", "# a", "\"", "\\", "a\\b", "a\nb", "\t", "a\"b", "'",
        "\xc3\xa9", "=", "[x]",
    };
    for (size_t i = 0; i < SLUICE_COUNT(values); i++) {
        sluice_text text = {0}, read = {0};
        sluice_text_add(&text, "[a]\nb = ");
        sluice_ini_quote(values[i], &text);
        sluice_text_addf(&read, "[a]b=%s|", values[i]);
        run(text.bytes, text.length, read.bytes, true);
        sluice_text_fini(&text);
        sluice_text_fini(&read);
    }
}

/* The parser gets every prefix and many mutations of a file that has everything; sanitizers watch. */
static void broken_files_do_no_harm(void)
{
    static const char file[] = "\xef\xbb\xbf; c\n[a b] ; x\nk = \"v\\n\\\"\" ; y\nl = z ; q\r\n\n[c]\nm=\n";
    size_t bytes = sizeof(file) - 1;
    unsigned random = 1;
    for (int round = 0; round < 20000; round++) {
        char copy[sizeof(file)];
        memcpy(copy, file, sizeof(file));
        for (int i = 0; i < 3; i++) {
            random = random * 1103515245u + 12345u;
            copy[(random >> 8) % bytes] = (char)(random >> 20);
        }
        sluice_text out = {0};
        sluice_ini_handler handler = {&out, note_section, note_value, note_complaint, NULL};
        int status = sluice_ini_parse("f", copy, (random >> 4) % (bytes + 1), &handler, NULL);
        bool complained = strstr(sluice_text_string(&out), "!f:") != NULL;
        if ((status == SLUICE_OK) == complained)
            CU_FAIL("status and complaints disagree");
        sluice_text_fini(&out);
    }
    CU_PASS("survived");
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"files are read", files_are_read},
        {"traps are told with their line", traps_are_told_with_their_line},
        {"nothing is cut", nothing_is_cut},
        {"quoted values read back", quoted_values_read_back},
        {"broken files do no harm", broken_files_do_no_harm},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("ini", tests);
}
