/* SPDX-License-Identifier: Apache-2.0 */
/* sluice run: the sessions that an INI file describes, one after the other. */
#include "cli/command.h"
#include "cli/haul.h"
#include "cli/help.h"
#include "cli/line.h"
#include "cli/order.h"
#include "cli/screen.h"
#include "cli/undertaking.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the lines of a value in place; returns how many there are. */
static size_t cut_lines(char *text, const char **lines)
{
    size_t count = 0;
    for (char *at = text; at != NULL && *at != '\0';) {
        lines[count++] = at;
        at = strchr(at, '\n');
        if (at != NULL)
            *at++ = '\0';
    }
    return count;
}

static size_t count_lines(const char *text)
{
    size_t count = 1;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static int run_settings(sluice_orders *orders, const sluice_settings *settings, const char *name)
{
    const char *source = sluice_settings_get(settings, "source");
    char *text = strdup(source != NULL ? source : "");
    const char **sources = text != NULL ? calloc(count_lines(text), sizeof *sources) : NULL;
    int exit_status;
    if (sources == NULL) {
        sluice_error error = {.status = SLUICE_ENOMEM, .text = "out of memory"};
        exit_status = sluice_screen_fail(name, SLUICE_ENOMEM, &error);
    } else {
        exit_status = sluice_order_run(orders, settings, name, sources, cut_lines(text, sources),
                                       sluice_settings_get(settings, "destination"));
    }
    free(sources);
    free(text);
    return exit_status;
}

/* With `stream` it is one: what is remote says which way it goes. */
static int run_stream(sluice_orders *orders, const sluice_settings *settings, const char *name, const char *stream)
{
    const char *source = sluice_settings_get(settings, "source");
    const char *destination = sluice_settings_get(settings, "destination");
    bool push = destination != NULL && strncmp(destination, "sluice://", 9) == 0;
    bool pull = source != NULL && strncmp(source, "sluice://", 9) == 0;
    const sluice_haul haul = {
        .push = push,
        .place = push ? source : destination,
        .address = push ? destination : source,
        .stream = stream[0] != '\0' ? stream : NULL,
    };
    if (push != pull && haul.place != NULL)
        return sluice_haul_run(orders, settings, name, &haul);
    sluice_error error = {0};
    int status = sluice_fail(&error, SLUICE_EUSAGE,
                             "a stream goes from a source here to sluice://HOST[:PORT], or from there to a destination here");
    return sluice_screen_fail(name, status, &error);
}

static int run_session(const sluice_line *line, sluice_orders *orders, const char *name)
{
    sluice_error error = {0};
    sluice_settings *settings;
    int status = sluice_line_settings(line, orders->library, name, &settings, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(name, status, &error);
    const char *stream = sluice_settings_get(settings, "stream");
    int exit_status = stream != NULL ? run_stream(orders, settings, name, stream) : run_settings(orders, settings, name);
    sluice_settings_free(settings);
    return exit_status;
}

static int worse(int a, int b)
{
    return a > b ? a : b;
}

/* The sessions that the line names, or all of the file. */
static int run_all(const sluice_line *line, sluice_orders *orders)
{
    int worst = 0;
    if (sluice_config_session(orders->library, 0) == NULL) {
        sluice_error error = {0};
        int status = sluice_fail(&error, SLUICE_ECONFIG, "no [session NAME] section to run");
        return sluice_screen_fail(line->config, status, &error);
    }
    for (size_t i = 0; !sluice_orders_interrupted(orders); i++) {
        const char *name = line->operand_count == 0  ? sluice_config_session(orders->library, i)
                           : i < line->operand_count ? line->operands[i]
                                                     : NULL;
        if (name == NULL)
            return worst;
        worst = worse(worst, run_session(line, orders, name));
    }
    return worse(worst, sluice_status_exit(SLUICE_EINTERRUPTED));
}

/* A name that is not in the file is told before anything starts. */
static int check_names(const sluice_line *line, const sluice *library, sluice_error *error)
{
    for (size_t i = 0; i < line->operand_count; i++) {
        size_t at = 0;
        const char *name = sluice_config_session(library, at);
        while (name != NULL && strcmp(name, line->operands[i]) != 0)
            name = sluice_config_session(library, ++at);
        if (name == NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "%s: no section [session %s] there", line->config,
                               line->operands[i]);
    }
    return SLUICE_OK;
}

static int run_file(const sluice_line *line, sluice *library)
{
    sluice_error error = {0};
    sluice_orders orders;
    int status = check_names(line, library, &error);
    if (status == SLUICE_OK)
        status = sluice_orders_begin(&orders, library, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    int exit_status = run_all(line, &orders);
    sluice_orders_end(&orders);
    return exit_status;
}

/* The first operand is the configuration. */
static int take_file(sluice_line *line, sluice_error *error)
{
    if (line->config != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "--config: run takes its file as `sluice run FILE.ini`");
    if (line->operand_count == 0)
        return sluice_fail(error, SLUICE_EUSAGE, "run needs an INI file; see `sluice run --help`");
    line->config = line->operands[0];
    memmove(line->operands, line->operands + 1, --line->operand_count * sizeof *line->operands);
    return SLUICE_OK;
}

int sluice_command_run(int argc, char **argv)
{
    static const sluice_undertaking undertaking = {
        .help = &sluice_help_run, .check = take_file, .run = run_file};
    return sluice_undertaking_run(&undertaking, argc, argv);
}
