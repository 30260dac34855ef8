/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the shell: its words, its command, and the answer. */
#include "cli/screen.h"
#include "cli/shell.h"
#include "cli/shell_commands.h"
#include "cli/shell_words.h"

#include <stdlib.h>

void sluice_shell_failed(sluice_shell *shell, int exit_status)
{
    if (shell->failure == 0)
        shell->failure = exit_status;
}

void sluice_shell_complain(const sluice_shell *shell, const char *sentence)
{
    if (shell->where != NULL)
        sluice_screen_say("%s: %s", shell->where, sentence);
    else
        sluice_screen_say("%s", sentence);
}

/* The end of the answer: how it went. */
static void close_answer(sluice_shell *shell, int status, const sluice_error *error)
{
    const char *message = error->text[0] != '\0' ? error->text : sluice_status_text(status);
    sluice_json_text(&shell->object, "status", status == SLUICE_OK ? "ok" : "failed");
    if (status != SLUICE_OK) {
        sluice_json_int(&shell->object, "exit", sluice_status_exit(status));
        sluice_json_text(&shell->object, "message", message);
    }
    if (status != SLUICE_OK && shell->where != NULL)
        sluice_json_text(&shell->object, "where", shell->where);
    sluice_json_close(&shell->object, '}');
    putc('\n', shell->answer);
}

static int carry_out(sluice_shell *shell, const sluice_shell_words *words, sluice_error *error)
{
    const sluice_shell_command *command = sluice_shell_commands_find(words->list[0], error);
    if (command == NULL)
        return SLUICE_EUSAGE;
    int argc = (int)words->count, status = sluice_shell_commands_check(command, argc, error);
    return status == SLUICE_OK ? command->run(shell, argc, words->list, error) : status;
}

/* The answer is made apart, so that it is one line, and comes after the events before it. */
static void answer(sluice_shell *shell, const sluice_shell_words *words, int status, sluice_error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    shell->answer = open_memstream(&text, &bytes);
    if (shell->answer == NULL) {
        sluice_shell_failed(shell, 1);
        sluice_shell_complain(shell, "out of memory for an answer");
        return;
    }
    shell->object = (sluice_json){.out = shell->answer};
    if (shell->json) {
        sluice_json_open(&shell->object, NULL, '{');
        sluice_json_text(&shell->object, "command", words->count > 0 ? words->list[0] : NULL);
    }
    if (status == SLUICE_OK)
        status = carry_out(shell, words, error);
    if (shell->json)
        close_answer(shell, status, error);
    (void)fclose(shell->answer);
    shell->answer = NULL;
    sluice_shell_tell(shell);
    if (text != NULL)
        fwrite(text, 1, bytes, stdout);
    fflush(stdout);
    free(text);
    if (status == SLUICE_OK)
        return;
    sluice_shell_complain(shell, error->text[0] != '\0' ? error->text : sluice_status_text(status));
    if (!(status == SLUICE_EINTERRUPTED && shell->interactive))
        sluice_shell_failed(shell, sluice_status_exit(status));
}

void sluice_shell_obey(sluice_shell *shell, const char *line)
{
    sluice_error error = {0};
    sluice_shell_words words;
    int status = sluice_shell_words_split(&words, line, &error);
    if (words.count > 0 || status != SLUICE_OK)
        answer(shell, &words, status, &error);
    sluice_shell_words_fini(&words);
}
