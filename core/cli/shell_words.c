/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_words.h"

#include <stdlib.h>
#include <string.h>

/* A line while it is read. */
typedef struct reading {
    const char *at;
    char *to;
    char quote;
    bool escape; /* it ends in a backslash */
} reading;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One step within a word: a character, a quote, or a backslash with what it takes. */
static void step(reading *line)
{
    char c = *line->at++;
    if (line->quote != 0 && c == line->quote) {
        line->quote = 0;
    } else if (line->quote == 0 && (c == '\'' || c == '"')) {
        line->quote = c;
    } else if (c == '\\' && line->quote != '\'') {
        char next = *line->at;
        if (next == '\0')
            line->escape = true;
        else if (line->quote == 0 || next == '"' || next == '\\')
            *line->to++ = *line->at++;
        else
            *line->to++ = c;
    } else {
        *line->to++ = c;
    }
}

/* One word, from where it begins. */
static void take_word(reading *line)
{
    while (*line->at != '\0' && (line->quote != 0 || !is_blank(*line->at)))
        step(line);
}

int sluice_shell_words_split(sluice_shell_words *words, const char *line, sluice_error *error)
{
    size_t bytes = strlen(line);
    *words = (sluice_shell_words){.text = malloc(bytes + 2), .list = calloc(bytes / 2 + 2, sizeof *words->list)};
    if (words->text == NULL || words->list == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a line of %zu bytes", bytes);
    reading in = {.at = line, .to = words->text};
    while (!words->within) {
        while (is_blank(*in.at))
            in.at++;
        words->start = (size_t)(in.at - line);
        if (*in.at == '\0' || *in.at == '#')
            break;
        words->list[words->count++] = in.to;
        take_word(&in);
        *in.to++ = '\0';
        words->within = *in.at == '\0';
    }
    words->quote = in.quote;
    words->escape = in.escape;
    if (in.quote != 0)
        return sluice_fail(error, SLUICE_EUSAGE, "a quote %c is not closed", in.quote);
    if (in.escape)
        return sluice_fail(error, SLUICE_EUSAGE, "the line ends in a backslash");
    return SLUICE_OK;
}

void sluice_shell_words_fini(sluice_shell_words *words)
{
    free(words->text);
    free(words->list);
    *words = (sluice_shell_words){.list = NULL};
}

/* What a character needs before it. */
static bool needs_backslash(char c, char quote, bool first)
{
    if (quote != 0)
        return quote == '"' && (c == '"' || c == '\\');
    return is_blank(c) || c == '\'' || c == '"' || c == '\\' || (c == '#' && first);
}

size_t sluice_shell_words_quote(char *out, size_t size, const char *text, char quote)
{
    size_t n = 0;
    for (const char *at = text; *at != '\0'; at++) {
        /* There is no ' within '...': the quote is left for it. */
        const char *piece = quote == '\'' && *at == '\'' ? "'\\''" : (char[]){'\\', *at, '\0'};
        if (piece[0] == '\\' && !needs_backslash(*at, quote, at == text))
            piece++;
        for (; *piece != '\0'; piece++, n++)
            if (n + 1 < size)
                out[n] = *piece;
    }
    if (size > 0)
        out[n < size ? n : size - 1] = '\0';
    return n;
}

bool sluice_shell_words_continue(const char *line)
{
    sluice_shell_words words;
    (void)sluice_shell_words_split(&words, line, NULL);
    bool goes_on = words.escape;
    sluice_shell_words_fini(&words);
    return goes_on;
}
