/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/streaming.h"

#include "cli/haul.h"
#include "cli/screen.h"
#include "cli/service.h"

#include <string.h>

static bool is_send(const sluice_line *line)
{
    return strcmp(line->command, "send") == 0;
}

/* The source of send, the sink of recv. */
static const char *place_of(const sluice_line *line)
{
    const char *place = sluice_line_value(line, is_send(line) ? "source" : "sink");
    return place != NULL ? place : "-";
}

/* ---- as a client ---- */

static int check_client(sluice_line *line, sluice_error *error)
{
    if (line->operand_count == 0)
        return sluice_fail(error, SLUICE_EUSAGE,
                           "%s needs the address of a server, sluice://HOST[:PORT][/NAME], or --listen ADDRESS:PORT",
                           line->command);
    if (line->operand_count > 1)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: %s takes one address; what to %s is --%s PLACE", line->operands[1],
                           line->command, is_send(line) ? "send" : "receive into", is_send(line) ? "source" : "sink");
    return SLUICE_OK;
}

static int run_client(const sluice_line *line, sluice *library)
{
    sluice_error error = {0};
    sluice_settings *settings;
    sluice_orders orders;
    const sluice_haul haul = {
        .push = is_send(line),
        .place = place_of(line),
        .address = line->operands[0],
        .stream = sluice_line_value(line, "name"),
    };
    int status = sluice_line_settings(line, library, NULL, &settings, &error);
    if (status != SLUICE_OK)
        return sluice_screen_fail(NULL, status, &error);
    status = sluice_orders_begin(&orders, library, &error);
    if (status != SLUICE_OK) {
        sluice_settings_free(settings);
        return sluice_screen_fail(NULL, status, &error);
    }
    int exit_status = sluice_haul_run(&orders, settings, NULL, &haul);
    sluice_orders_end(&orders);
    sluice_settings_free(settings);
    return exit_status;
}

/* ---- as a server ---- */

static int check_server(sluice_line *line, sluice_error *error)
{
    if (line->operand_count > 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: with --listen %s takes options only", line->operands[0],
                           line->command);
    return SLUICE_OK;
}

/* A configuration with streams says enough, unless the line says more. */
static int run_server(const sluice_line *line, sluice *library)
{
    const char *name = sluice_line_value(line, "name"), *place = sluice_line_value(line, is_send(line) ? "source" : "sink");
    const sluice_offer own = {
        .name = name,
        .source = is_send(line) ? place_of(line) : NULL,
        .sink = is_send(line) ? NULL : place_of(line),
    };
    bool enough = sluice_config_stream(library, 0) != NULL && name == NULL && place == NULL;
    return sluice_service_run(line, library, enough ? NULL : &own);
}

static bool listens(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--listen") == 0 || strncmp(argv[i], "--listen=", 9) == 0)
            return true;
    return false;
}

int sluice_streaming_run(const sluice_help *help, int argc, char **argv)
{
    const sluice_undertaking client = {.help = help, .check = check_client, .run = run_client};
    const sluice_undertaking server = {.help = help->listening, .check = check_server, .run = run_server};
    return sluice_undertaking_run(listens(argc, argv) ? &server : &client, argc, argv);
}
