/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ssh_command.h"

#include <inttypes.h>
#include <stdlib.h>

/* A quote of the kind goes in quotes of the other one. */
void sluice_ssh_command_put(FILE *command, const char *word)
{
    fputs(" '", command);
    for (; *word != '\0'; word++)
        if (*word == '\'')
            fputs("'\"'\"'", command);
        else
            putc(*word, command);
    putc('\'', command);
}

static void put_words(FILE *command, const sluice_settings *settings, const sluice_ssh_words *words)
{
    fputs(sluice_settings_get(settings, "ssh"), command);
    if (words->port != 0)
        fprintf(command, " -p %" PRIu64, words->port);
    if (words->key != NULL) {
        fputs(" -oIdentitiesOnly=yes -i", command);
        sluice_ssh_command_put(command, words->key);
    }
    if (words->password)
        fputs(" -oBatchMode=no -oNumberOfPasswordPrompts=1", command);
}

int sluice_ssh_command_set(sluice_settings *settings, const sluice_ssh_words *words, sluice_error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    if (words->port == 0 && words->key == NULL && !words->password)
        return SLUICE_OK;
    FILE *command = open_memstream(&text, &bytes);
    if (command != NULL)
        put_words(command, settings, words);
    int status = command != NULL && fclose(command) == 0
                     ? sluice_settings_set(settings, "ssh", text, error)
                     : sluice_fail(error, SLUICE_ENOMEM, "out of memory for the command of ssh");
    free(text);
    return status;
}
