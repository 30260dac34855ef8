/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults of the orders to come: set, unset, show. */
#include "cli/figures.h"
#include "cli/help.h"
#include "cli/line.h"
#include "cli/shell.h"
#include "cli/shell_order.h"

#include <stdlib.h>
#include <string.h>

/* Of those several values may stand, in the order given. */
static bool adds_up(const char *key)
{
    return strcmp(key, "exclude") == 0 || strcmp(key, "include") == 0;
}

/* Tried on an order that nobody launches: a wrong key or value fails here, not later. */
static int check(const char *key, const char *value, sluice_error *error)
{
    sluice_shell_draft draft;
    int status = sluice_shell_draft_begin(&draft, SLUICE_PUSH, error);
    if (status == SLUICE_OK)
        status = sluice_shell_draft_set(&draft, key, value, error);
    sluice_shell_draft_end(&draft);
    return status;
}

static void free_setting(sluice_shell_setting *setting)
{
    free(setting->key);
    free(setting->value);
}

/* key is none of the shell's own. */
bool sluice_shell_unset(sluice_shell *shell, const char *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < shell->setting_count; i++) {
        if (strcmp(shell->settings[i].key, key) != 0)
            shell->settings[kept++] = shell->settings[i];
        else
            free_setting(&shell->settings[i]);
    }
    bool some = kept < shell->setting_count;
    shell->setting_count = kept;
    return some;
}

void sluice_shell_settings_fini(sluice_shell *shell)
{
    for (size_t i = 0; i < shell->setting_count; i++)
        free_setting(&shell->settings[i]);
    free(shell->settings);
    shell->settings = NULL;
    shell->setting_count = 0;
}

int sluice_shell_set(sluice_shell *shell, const char *key, const char *value, sluice_error *error)
{
    int status = check(key, value, error);
    if (status != SLUICE_OK)
        return status;
    sluice_shell_setting *more = realloc(shell->settings, (shell->setting_count + 1) * sizeof *more);
    sluice_shell_setting setting = {.key = strdup(key), .value = strdup(value)};
    if (more != NULL)
        shell->settings = more;
    if (more == NULL || setting.key == NULL || setting.value == NULL) {
        free_setting(&setting);
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a setting");
    }
    if (!adds_up(key))
        (void)sluice_shell_unset(shell, key);
    shell->settings[shell->setting_count++] = setting;
    return SLUICE_OK;
}

int sluice_shell_keep(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    return sluice_shell_set(shell, argv[1], argv[2], error);
}

int sluice_shell_drop_setting(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    if (!sluice_shell_unset(shell, argv[1]))
        return sluice_fail(error, SLUICE_EUSAGE, "%s: not set; `show` tells what is", argv[1]);
    return SLUICE_OK;
}

int sluice_shell_show(sluice_shell *shell, int argc, char **argv, sluice_error *error)
{
    (void)argc;
    (void)argv;
    (void)error;
    if (shell->json)
        sluice_json_open(&shell->object, "settings", '[');
    for (size_t i = 0; i < shell->setting_count; i++) {
        char value[1024];
        const sluice_shell_setting *setting = &shell->settings[i];
        if (!shell->json) {
            sluice_figures_name(value, sizeof value, sizeof value, setting->value);
            fprintf(shell->answer, "%-16s %s\n", setting->key, value);
            continue;
        }
        sluice_json_open(&shell->object, NULL, '{');
        sluice_json_text(&shell->object, "key", setting->key);
        sluice_json_path(&shell->object, "value", setting->value);
        sluice_json_close(&shell->object, '}');
    }
    if (shell->json)
        sluice_json_close(&shell->object, ']');
    return SLUICE_OK;
}
