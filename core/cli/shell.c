/* SPDX-License-Identifier: Apache-2.0 */
/* sluice shell: jobs of a manager, by commands that are typed or read. */
#include "cli/shell.h"

#include "cli/command.h"
#include "cli/help.h"
#include "cli/line.h"
#include "cli/screen.h"
#include "cli/shell_edit.h"
#include "cli/shell_script.h"
#include "cli/shell_terminal.h"
#include "cli/undertaking.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWORD "SLUICE_PASSWORD"

/* ---- beginning and end ---- */

/* It goes no further: neither to workers nor to ssh. */
static char *take_password(void)
{
    const char *password = secure_getenv(PASSWORD);
    char *taken = password != NULL ? strdup(password) : NULL;
    unsetenv(PASSWORD);
    return taken;
}

/* --plugin-dir, then SLUICE_PLUGIN_PATH, as one list; to be freed. */
static char *plugin_path(const sluice_line *line)
{
    const char *path = secure_getenv("SLUICE_PLUGIN_PATH");
    size_t bytes = path != NULL ? strlen(path) + 2 : 2;
    for (size_t i = 0; i < line->plugin_dir_count; i++)
        bytes += strlen(line->plugin_dirs[i]) + 1;
    char *list = calloc(1, bytes), *at = list;
    for (size_t i = 0; i < line->plugin_dir_count && list != NULL; i++)
        at += sprintf(at, "%s%s", at != list ? ":" : "", line->plugin_dirs[i]);
    if (list != NULL && path != NULL)
        (void)sprintf(at, "%s%s", at != list ? ":" : "", path);
    return list;
}

/* Workers are this very program, wherever it lies, unless SLUICE_PROGRAM names another.  NULL: the manager knows one. */
static const char *worker_program(char *out, size_t size)
{
    ssize_t bytes = secure_getenv("SLUICE_PROGRAM") == NULL ? readlink("/proc/self/exe", out, size - 1) : -1;
    out[bytes > 0 ? bytes : 0] = '\0';
    return bytes > 0 && access(out, X_OK) == 0 ? out : NULL;
}

/* --set of the command line. */
static int take_assignments(sluice_shell *shell, const sluice_line *line, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t i = 0; i < line->set_count && status == SLUICE_OK; i++) {
        const char *equals = strchr(line->sets[i], '=');
        char *key = equals != NULL ? strndup(line->sets[i], (size_t)(equals - line->sets[i])) : NULL;
        const char *word = key != NULL && strncmp(key, "transfer.", 9) == 0 ? key + 9 : key;
        if (key == NULL)
            return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the settings");
        status = sluice_shell_set(shell, word, equals + 1, error);
        free(key);
    }
    return status;
}

static bool given(const sluice_line *line, const char *key)
{
    const char *value = sluice_line_value(line, key);
    return value != NULL && strcmp(value, "no") != 0;
}

static int begin(sluice_shell *shell, const sluice_line *line, sluice_error *error)
{
    char *path = plugin_path(line), program[PATH_MAX];
    const sluice_manager_setup setup = {
        .size = sizeof setup,
        .program = worker_program(program, sizeof program),
        .plugin_path = path != NULL && path[0] != '\0' ? path : NULL,
    };
    shell->json = given(line, "json");
    shell->quiet = given(line, "quiet");
    shell->stop_on_error = given(line, "stop-on-error");
    shell->interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && line->operand_count == 0 && !given(line, "command");
    shell->password = take_password();
    int status = sluice_shell_events_begin(&shell->events, shell->json, shell->quiet, error);
    if (status == SLUICE_OK)
        status = take_assignments(shell, line, error);
    if (status == SLUICE_OK)
        status = sluice_manager_new(&setup, &shell->manager, error);
    if (status == SLUICE_OK)
        status = sluice_manager_watch(shell->manager, sluice_shell_events_take, &shell->events, error);
    free(path);
    return status;
}

static void end(sluice_shell *shell)
{
    if (shell->manager != NULL)
        sluice_manager_unwatch(shell->manager, sluice_shell_events_take, &shell->events);
    sluice_manager_free(shell->manager);
    sluice_shell_settings_fini(shell);
    free(shell->waited);
    sluice_shell_terminal_wipe(shell->password);
    sluice_shell_events_end(&shell->events);
}

/* ---- lines ---- */

static void after_line(sluice_shell *shell)
{
    sluice_shell_tell(shell);
    if (shell->stop_on_error && shell->failure != 0)
        shell->over = shell->abandon = true;
}

static void run_script(sluice_shell *shell, sluice_shell_script *script)
{
    char where[512];
    while (!shell->over) {
        sluice_error error = {0};
        char *line;
        int status = sluice_shell_script_next(script, shell, &line, &error);
        (void)snprintf(where, sizeof where, "%.400s:%lu", script->name, script->line);
        shell->where = where;
        if (status == SLUICE_EEND)
            break;
        if (status == SLUICE_OK) {
            sluice_shell_obey(shell, line);
            free(line);
        } else {
            sluice_shell_complain(shell, error.text);
            sluice_shell_failed(shell, sluice_status_exit(status));
        }
        after_line(shell);
        if (status == SLUICE_EIO || status == SLUICE_ENOMEM)
            break;
    }
    shell->where = NULL;
    sluice_shell_script_fini(script);
}

static void run_commands(sluice_shell *shell, const sluice_line *line)
{
    unsigned number = 0;
    for (size_t i = 0; i < line->option_count && !shell->over; i++) {
        char where[32];
        if (strcmp(line->options[i].option->name, "command") != 0)
            continue;
        (void)snprintf(where, sizeof where, "command %u", ++number);
        shell->where = where;
        sluice_shell_obey(shell, line->options[i].value);
        after_line(shell);
        shell->where = NULL;
    }
}

static int run_file(sluice_shell *shell, const char *file, sluice_error *error)
{
    sluice_shell_script script = {.name = file, .descriptor = open(file, O_RDONLY | O_CLOEXEC)};
    if (script.descriptor < 0)
        return sluice_fail(error, sluice_status_from_errno(errno), "%s: cannot be read: %s", file, strerror(errno));
    run_script(shell, &script);
    close(script.descriptor);
    return SLUICE_OK;
}

static int run_prompt(sluice_shell *shell, sluice_error *error)
{
    sluice_shell_edit *edit;
    int status = sluice_shell_edit_new(shell, &edit, error);
    if (status != SLUICE_OK)
        return status;
    while (!shell->over) {
        sluice_shell_tell(shell);
        char *line = sluice_shell_edit_line(edit);
        if (line != NULL)
            sluice_shell_obey(shell, line);
        else if (!shell->over) /* Ctrl-D */
            sluice_shell_obey(shell, "quit");
        free(line);
        after_line(shell);
    }
    sluice_shell_edit_free(edit);
    return SLUICE_OK;
}

/* ---- the command ---- */

static int run_all(sluice_shell *shell, const sluice_line *line, sluice_error *error)
{
    int status = SLUICE_OK;
    run_commands(shell, line);
    if (line->operand_count > 0 && !shell->over)
        status = run_file(shell, line->operands[0], error);
    else if (shell->interactive)
        status = run_prompt(shell, error);
    else if (!given(line, "command"))
        run_script(shell, &(sluice_shell_script){.name = "standard input", .descriptor = STDIN_FILENO});
    if (status != SLUICE_OK)
        shell->abandon = true;
    sluice_shell_finish(shell);
    return status;
}

static int run(const sluice_line *line, sluice *library)
{
    sluice_error error = {0};
    sluice_shell shell = {.library = library, .events = {.wake = -1, .signals = -1}};
    int status = begin(&shell, line, &error);
    if (status == SLUICE_OK)
        status = run_all(&shell, line, &error);
    if (status == SLUICE_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = sluice_fail(&error, SLUICE_EIO, "standard output cannot be written");
    int failure = shell.failure;
    end(&shell);
    if (status != SLUICE_OK)
        failure = sluice_screen_fail(NULL, status, &error);
    return failure;
}

static int check_line(sluice_line *line, sluice_error *error)
{
    if (line->operand_count > 1)
        return sluice_fail(error, SLUICE_EUSAGE, "shell takes one file at most; '%.200s' is too many", line->operands[1]);
    if (line->operand_count == 1 && strcmp(line->operands[0], "-") == 0)
        line->operand_count = 0;
    return SLUICE_OK;
}

int sluice_command_shell(int argc, char **argv)
{
    static const sluice_undertaking undertaking = {.help = &sluice_help_shell, .check = check_line, .run = run};
    return sluice_undertaking_run(&undertaking, argc, argv);
}
