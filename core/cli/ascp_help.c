/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ascp_help.h"

#include "cli/ascp_options.h"

#include <stdio.h>

/* What is said of an option, with what becomes of it where that is not what it says. */
static void describe(const sluice_ascp_option *option, char *out, size_t size)
{
    const char *help = option->help;
    if (option->effect == SLUICE_ASCP_REFUSES)
        (void)snprintf(out, size, "Refused: %s.", help);
    else if (option->effect == SLUICE_ASCP_WARNS)
        (void)snprintf(out, size, "%s Accepted with a warning: it is not done.", help);
    else if (option->effect == SLUICE_ASCP_HOLDS)
        (void)snprintf(out, size, "%s Accepted, and nothing has to be done.", help);
    else
        (void)snprintf(out, size, "%s", help);
}

void sluice_ascp_help_each(void (*each)(void *user, const sluice_help_row *row), void *user)
{
    size_t count;
    const sluice_ascp_option *options = sluice_ascp_options(&count);
    for (size_t i = 0; i < count; i++) {
        char text[512];
        describe(&options[i], text, sizeof text);
        each(user, &(sluice_help_row){.group = options[i].group,
                                      .letter = options[i].letter,
                                      .name = options[i].name,
                                      .argument = options[i].argument,
                                      .help = text});
    }
}
