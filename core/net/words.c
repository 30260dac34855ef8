/* SPDX-License-Identifier: Apache-2.0 */
#include "net/words.h"

#include <stdlib.h>
#include <string.h>

/* Takes over the word. */
static void word_take(sluice_words *words, char *word)
{
    char **list = word ? realloc(words->list, (words->count + 2) * sizeof(char *)) : NULL;
    if (!list) {
        words->failed = true;
        free(word);
        return;
    }
    words->list = list;
    list[words->count++] = word;
    list[words->count] = NULL;
}

void sluice_words_add(sluice_words *words, const char *word)
{
    word_take(words, strdup(word));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* One word, without its quotes, from `from` on, where one begins.  Where it ends; NULL: in a quote. */
static const char *word_cut(const char *from, char *out)
{
    char quote = '\0';
    for (; *from && (quote || !is_blank(*from)); from++) {
        if (quote ? *from == quote : *from == '\'' || *from == '"')
            quote = quote ? '\0' : *from;
        else
            *out++ = *from;
    }
    *out = '\0';
    return quote ? NULL : from;
}

int sluice_words_split(sluice_words *words, const char *command, sluice_error *error)
{
    const char *from = command;
    while (from && !words->failed) {
        while (is_blank(*from))
            from++;
        if (!*from)
            break;
        char *word = malloc(strlen(from) + 1);
        if (word)
            from = word_cut(from, word);
        word_take(words, word);
    }
    if (words->failed)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a command");
    if (!from)
        return sluice_fail(error, SLUICE_EUSAGE, "a quote does not end in the command \"%s\"", command);
    if (!words->count || !*words->list[0])
        return sluice_fail(error, SLUICE_EUSAGE, "the command \"%s\" names no program", command);
    return SLUICE_OK;
}

void sluice_words_fini(sluice_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    memset(words, 0, sizeof(*words));
}
