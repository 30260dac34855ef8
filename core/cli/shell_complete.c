/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_complete.h"

#include "cli/help.h"
#include "cli/line.h"
#include "cli/shell.h"
#include "cli/shell_commands.h"
#include "cli/shell_words.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The word at the cursor, and what it completes to. */
typedef struct search {
    sluice_shell_choices *choices;
    sluice_shell_words words;
    size_t index;       /* of the word, among them */
    const char *prefix; /* of it, what is there */
    const char *before; /* a part of it that belongs to all: "--key=" */
    const sluice_job *jobs;
    size_t job_count;
} search;

/* ---- gathering ---- */

static void add(search *in, const char *before, const char *word, const char *after)
{
    sluice_shell_choices *all = in->choices;
    size_t bytes = strlen(before) + strlen(word) + strlen(after) + 1;
    if (all->count == all->room) {
        size_t room = all->room > 0 ? 2 * all->room : 16;
        char **more = realloc(all->list, room * sizeof *more);
        all->failed = all->failed || more == NULL;
        if (more == NULL)
            return;
        all->list = more;
        all->room = room;
    }
    char *text = malloc(bytes);
    all->failed = all->failed || text == NULL;
    if (text == NULL)
        return;
    snprintf(text, bytes, "%s%s%s", before, word, after);
    all->list[all->count++] = text;
}

/* A word that begins as the one at the cursor does. */
static void offer(search *in, const char *word)
{
    if (strncmp(word, in->prefix, strlen(in->prefix)) == 0)
        add(in, in->before, word, "");
}

/* Words of a list, with one of these characters between them. */
static void offer_list(search *in, const char *list, const char *between)
{
    char word[64];
    while (list != NULL && *list != '\0') {
        list += strspn(list, between);
        size_t bytes = strcspn(list, between);
        snprintf(word, sizeof word, "%.*s", (int)bytes, list);
        if (bytes > 0)
            offer(in, word);
        list += bytes;
    }
}

static void offer_commands(search *in)
{
    size_t count;
    const sluice_shell_command *commands = sluice_shell_commands(&count);
    for (size_t i = 0; i < count; i++)
        offer(in, commands[i].name);
}

static void offer_jobs(search *in, const sluice_shell_command *command)
{
    char number[24];
    for (size_t i = 0; i < in->job_count; i++) {
        snprintf(number, sizeof number, "%" PRIu64, in->jobs[i]);
        offer(in, number);
    }
    if (in->job_count > 0)
        offer(in, "last");
    offer_list(in, command->words, " ");
}

/* ---- paths ---- */

static bool is_directory(const char *folder, const char *name)
{
    char path[4096];
    struct stat about;
    int bytes = snprintf(path, sizeof path, "%s/%s", folder, name);
    return bytes > 0 && (size_t)bytes < sizeof path && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static void offer_paths(search *in)
{
    char folder[4096], before[4200];
    const char *slash = strrchr(in->prefix, '/'), *name = slash != NULL ? slash + 1 : in->prefix;
    int bytes = (int)(name - in->prefix);
    if ((size_t)bytes >= sizeof folder)
        return;
    snprintf(folder, sizeof folder, "%.*s", bytes, in->prefix);
    snprintf(before, sizeof before, "%s%s", in->before, folder);
    DIR *directory = opendir(bytes > 0 ? folder : ".");
    for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        const char *found = entry->d_name;
        if (strncmp(found, name, strlen(name)) != 0 || strcmp(found, ".") == 0 || strcmp(found, "..") == 0 ||
            (found[0] == '.' && name[0] != '.'))
            continue;
        add(in, before, found, is_directory(bytes > 0 ? folder : ".", found) ? "/" : "");
    }
    if (directory != NULL)
        closedir(directory);
}

/* ---- options ---- */

/* Calls for each option that orders have: key and option; NULL ends it early. */
static const sluice_option *next_option(const sluice_help *help, size_t *at, char key[SLUICE_LINE_KEY])
{
    size_t count;
    const sluice_option *options = sluice_settings_options(help->table, &count);
    while (*at < count + help->own_count) {
        const sluice_option *option = *at < count ? &options[*at] : &help->own[*at - count];
        ++*at;
        sluice_line_key(option, key);
        if (sluice_help_takes(help, key))
            return option;
    }
    return NULL;
}

static const sluice_option *option_of(const sluice_help *help, const char *wanted, size_t bytes)
{
    char key[SLUICE_LINE_KEY];
    size_t at = 0;
    for (const sluice_option *option; (option = next_option(help, &at, key)) != NULL;)
        if (strlen(key) == bytes && memcmp(key, wanted, bytes) == 0)
            return option;
    return NULL;
}

static void offer_keys(search *in, const sluice_help *help, const char *dashes)
{
    char key[SLUICE_LINE_KEY], word[SLUICE_LINE_KEY + 4];
    size_t at = 0;
    while (next_option(help, &at, key) != NULL) {
        snprintf(word, sizeof word, "%s%s", dashes, key);
        offer(in, word);
    }
}

static void offer_values(search *in, const sluice_option *option)
{
    if (option == NULL)
        return;
    if (option->type == SLUICE_OPTION_BOOL_TYPE)
        offer_list(in, "yes no", " ");
    else if (option->choices != NULL)
        offer_list(in, option->choices, "|");
    else if (option->type == SLUICE_OPTION_PATH_TYPE)
        offer_paths(in);
}

/* A word of an order: an option, its value, or a path. */
static void offer_of_order(search *in, const sluice_help *help)
{
    const char *previous = in->words.list[in->index - 1], *equals = strchr(in->prefix, '=');
    const sluice_option *option = NULL;
    if (in->index > 1 && strncmp(previous, "--", 2) == 0)
        option = option_of(help, previous + 2, strlen(previous + 2));
    if (option != NULL && option->type != SLUICE_OPTION_BOOL_TYPE) {
        offer_values(in, option);
    } else if (strncmp(in->prefix, "--", 2) == 0 && equals != NULL) {
        char key[2 * SLUICE_LINE_KEY];
        size_t bytes = (size_t)(equals + 1 - in->prefix);
        if (bytes >= sizeof key)
            return;
        option = option_of(help, in->prefix + 2, bytes - 3);
        snprintf(key, sizeof key, "%.*s", (int)bytes, in->prefix);
        in->before = key;
        in->prefix = equals + 1;
        offer_values(in, option);
        in->before = "";
        in->prefix -= bytes;
    } else if (in->prefix[0] == '-') {
        offer_keys(in, help, "--");
    } else {
        offer_paths(in);
    }
}

/* ---- which of them ---- */

static void offer_argument(search *in, const sluice_shell_command *command)
{
    size_t at = in->index - 1;
    switch (command->kinds[at < SLUICE_COUNT(command->kinds) ? at : SLUICE_COUNT(command->kinds) - 1]) {
    case SLUICE_SHELL_COMMAND:
        offer_commands(in);
        break;
    case SLUICE_SHELL_JOB:
        offer_jobs(in, command);
        break;
    case SLUICE_SHELL_KEY:
        offer_keys(in, &sluice_help_push, "");
        break;
    case SLUICE_SHELL_VALUE:
        offer_values(in, option_of(&sluice_help_push, in->words.list[at], strlen(in->words.list[at])));
        break;
    case SLUICE_SHELL_POLICY:
        offer_list(in, "fixed high fair low", " ");
        break;
    case SLUICE_SHELL_PATH:
        offer_paths(in);
        break;
    case SLUICE_SHELL_OTHER:
        break;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Bytes that all choices have in common. */
static size_t common(const sluice_shell_choices *choices)
{
    size_t bytes = strlen(choices->list[0]);
    for (size_t i = 1; i < choices->count; i++) {
        size_t same = 0;
        while (same < bytes && choices->list[i][same] == choices->list[0][same])
            same++;
        bytes = same;
    }
    while (bytes > 0 && ((unsigned char)choices->list[0][bytes] & 0xc0) == 0x80)
        bytes--; /* no half of a character */
    return bytes;
}

/* The rest of the word: quoted as its beginning is. */
static void make_insert(search *in)
{
    sluice_shell_choices *all = in->choices;
    if (all->count == 0)
        return;
    size_t bytes = common(all), there = strlen(in->prefix), room = 4 * bytes + 4, n;
    char *rest = strndup(all->list[0], bytes);
    all->insert = malloc(room);
    all->failed = all->failed || rest == NULL || all->insert == NULL;
    if (rest != NULL && all->insert != NULL) {
        n = sluice_shell_words_quote(all->insert, room, rest + (there < bytes ? there : bytes), in->words.quote);
        bool whole = all->count == 1 && bytes > 0 && rest[bytes - 1] != '/';
        snprintf(all->insert + n, room - n, "%s%s", whole && in->words.quote != 0 ? (char[]){in->words.quote, 0} : "",
                 whole ? " " : "");
    }
    free(rest);
}

void sluice_shell_complete(sluice_shell_choices *choices, const char *line, const sluice_job *jobs, size_t job_count)
{
    search in = {.choices = choices, .before = "", .jobs = jobs, .job_count = job_count};
    *choices = (sluice_shell_choices){.list = NULL};
    if (sluice_shell_words_split(&in.words, line, NULL) != SLUICE_ENOMEM && !in.words.escape) {
        in.index = in.words.within ? in.words.count - 1 : in.words.count;
        in.prefix = in.words.within ? in.words.list[in.index] : "";
        const sluice_shell_command *command = in.index > 0 ? sluice_shell_commands_find(in.words.list[0], NULL) : NULL;
        if (in.index == 0)
            offer_commands(&in);
        else if (command != NULL && command->options != NULL)
            offer_of_order(&in, command->options);
        else if (command != NULL)
            offer_argument(&in, command);
        if (choices->count > 0)
            qsort(choices->list, choices->count, sizeof *choices->list, by_name);
        make_insert(&in);
    }
    if (choices->insert == NULL)
        choices->insert = calloc(1, 1);
    sluice_shell_words_fini(&in.words);
}

void sluice_shell_choices_fini(sluice_shell_choices *choices)
{
    for (size_t i = 0; i < choices->count; i++)
        free(choices->list[i]);
    free(choices->list);
    free(choices->insert);
    *choices = (sluice_shell_choices){.list = NULL};
}
