/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice check FILE.ini`: validates a file and prints the effective settings; starts nothing. */
#include "cli/command.h"
#include "cli/inspection.h"
#include "cli/screen.h"

#include <stdio.h>

static const char usage[] =
    "Usage: sluice check [--plugin-dir D] [--set KIND.NAME.KEY=VALUE] FILE.ini\n"
    "       sluice check --sample\n\n"
    "Validates an INI file and prints the effective settings; starts nothing. All errors are told at once, each\n"
    "with its line. Values that are built in are shown as comments.\n\n"
    "  --plugin-dir D     search this directory for plugins first\n"
    "  --set NAME=VALUE   a value over the file's, as transfer.rate=500m or congestion.fair.target-queue=5ms\n"
    "  --sample           print an INI file with every section and key, their help and built-in values";

/* A pipe that was closed is no news: the caller looks at the stream. */
static void write_out(void *user, const char *text, size_t bytes)
{
    fwrite(text, 1, bytes, user);
}

static void complain(void *user, const char *sentence)
{
    (void)user;
    sluice_screen_complain(sentence);
}

/* Errors of the file have been told line by line; then error stays empty. */
static int check_file(sluice *library, const sluice_inspection *inspection, sluice_error *error)
{
    int status = sluice_config_read(library, inspection->operand, complain, NULL, NULL);
    for (size_t i = 0; i < inspection->set_count && status == SLUICE_OK; i++)
        status = sluice_config_set(library, inspection->sets[i], error);
    if (status == SLUICE_OK)
        status = sluice_config_print(library, write_out, stdout, error);
    return status;
}

static int check(const sluice_inspection *inspection, sluice_error *error)
{
    sluice *library;
    if (inspection->sample == (inspection->operand != NULL))
        return sluice_fail(error, SLUICE_EUSAGE, "check: which file? try sluice check --help");
    int status = sluice_inspection_library(inspection, &library, error);
    if (status != SLUICE_OK)
        return status;
    if (inspection->sample)
        status = sluice_config_sample(library, write_out, stdout, error);
    else
        status = check_file(library, inspection, error);
    sluice_free(library);
    if (status == SLUICE_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = sluice_fail(error, SLUICE_EIO, "standard output cannot be written");
    return status;
}

int sluice_command_check(int argc, char **argv)
{
    sluice_inspection inspection = {0};
    sluice_error error = {0};
    int status = sluice_inspection_parse(&inspection, argc, argv, true, &error);
    if (status == SLUICE_OK && inspection.help)
        puts(usage);
    else if (status == SLUICE_OK)
        status = check(&inspection, &error);
    sluice_inspection_fini(&inspection);
    if (error.status != SLUICE_OK)
        sluice_screen_fail(NULL, error.status, &error);
    return sluice_status_exit(status);
}
