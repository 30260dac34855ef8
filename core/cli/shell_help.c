/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's command `help`. */
#include "cli/help.h"
#include "cli/shell.h"
#include "cli/shell_commands.h"

#include <string.h>

#define INDENT 30

static void list_all(sluice_shell *shell)
{
    size_t count;
    const sluice_shell_command *commands = sluice_shell_commands(&count);
    if (shell->json)
        sluice_json_open(&shell->object, "commands", '[');
    for (size_t i = 0; i < count; i++) {
        char form[128];
        (void)snprintf(form, sizeof form, "%s %s", commands[i].name, commands[i].arguments);
        if (!shell->json) {
            bool wide = strlen(form) + 3 > INDENT;
            printf("  %-*s%s%*s", wide ? 0 : INDENT - 2, form, wide ? "\n" : "", wide ? INDENT : 0, "");
            sluice_help_wrap(commands[i].help, INDENT, INDENT);
            continue;
        }
        sluice_json_open(&shell->object, NULL, '{');
        sluice_json_text(&shell->object, "name", commands[i].name);
        sluice_json_text(&shell->object, "arguments", commands[i].arguments);
        sluice_json_text(&shell->object, "help", commands[i].help);
        sluice_json_close(&shell->object, '}');
    }
    if (shell->json)
        sluice_json_close(&shell->object, ']');
    else
        puts("\nJOB is a number, or `last`. `help COMMAND` tells more; words with blanks stand in quotes.");
}

static void tell_one(sluice_shell *shell, const sluice_shell_command *command)
{
    if (shell->json) {
        sluice_json_text(&shell->object, "name", command->name);
        sluice_json_text(&shell->object, "arguments", command->arguments);
        sluice_json_text(&shell->object, "help", command->help);
        sluice_json_text(&shell->object, "detail", command->detail);
        return;
    }
    const char *heading = NULL;
    printf("%s %s\n\n", command->name, command->arguments);
    sluice_help_wrap(command->help, 0, 0);
    if (command->detail[0] != '\0')
        sluice_help_wrap(command->detail, 0, 0);
    if (command->options != NULL)
        sluice_help_each(command->options, sluice_help_row_print, &heading);
}

int sluice_shell_help(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    if (argc < 2) {
        list_all(shell);
        return SLUICE_OK;
    }
    const sluice_shell_command *command = sluice_shell_commands_find(argv[1], error);
    if (command == NULL)
        return SLUICE_EUSAGE;
    tell_one(shell, command);
    return SLUICE_OK;
}
