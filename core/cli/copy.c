/* SPDX-License-Identifier: Apache-2.0 */
/* sluice copy: one transfer, from the command line. */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/line.h"
#include "cli/order.h"
#include "cli/screen.h"
#include "cli/undertaking.h"

/* The last operand is the destination; the others, of which a list may stand in place, are sources. */
static int copy(const sluice_line *line, sluice *library)
{
    sluice_error error = {0};
    sluice_settings *settings;
    int status = sluice_line_settings(line, library, NULL, &settings, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    sluice_orders orders;
    status = sluice_orders_begin(&orders, library, &error);
    if (status != SLUICE_OK) {
        sluice_settings_free(settings);
        return sluice_screen_fail(NULL, status, &error);
    }
    size_t sources = line->operand_count - 1;
    int exit_status = sluice_order_run(&orders, settings, NULL, line->operands, sources, line->operands[sources]);
    sluice_orders_end(&orders);
    sluice_settings_free(settings);
    return exit_status;
}

static int check_operands(sluice_line *line, sluice_error *error)
{
    bool listed = sluice_line_value(line, "file-list") != NULL || sluice_line_value(line, "pair-list") != NULL ||
                  line->config != NULL;
    if (line->operand_count == 0 || (line->operand_count == 1 && !listed))
        return sluice_fail(error, SLUICE_EUSAGE, "copy needs a source and a destination; see `sluice copy --help`");
    return SLUICE_OK;
}

int sluice_command_copy(int argc, char **argv)
{
    static const sluice_undertaking undertaking = {
        .help = &sluice_help_copy, .check = check_operands, .run = copy};
    return sluice_undertaking_run(&undertaking, argc, argv);
}
