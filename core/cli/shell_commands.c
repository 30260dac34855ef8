/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shell_commands.h"

#include "cli/help.h"
#include "cli/line.h"
#include "cli/shell.h"

#include <stdio.h>
#include <string.h>

#define JOB SLUICE_SHELL_JOB
#define PATH SLUICE_SHELL_PATH

static const sluice_shell_command commands[] = {
    {"push", "[OPTION...] SOURCE... DESTINATION", "Starts a job that copies from here to another machine.",
     "It answers with the number of the job, and does not wait for it. Addresses and options are those of `sluice copy`, with "
     "some of its own; `set` gives defaults for them. With --persistent the job takes more sources later, by `add`, and may "
     "begin without any.",
     1, SLUICE_SHELL_ANY, {PATH, PATH, PATH}, NULL, &sluice_help_push, sluice_shell_push},
    {"pull", "[OPTION...] SOURCE... DESTINATION", "Starts a job that copies from another machine to here.",
     "As push. With --persistent and no source yet, the first address names the machine alone: sluice://HOST or HOST:.",
     1, SLUICE_SHELL_ANY, {PATH, PATH, PATH}, NULL, &sluice_help_pull, sluice_shell_pull},
    {"jobs", "", "Lists the jobs, a line for each.", "", 0, 0, {0}, NULL, NULL, sluice_shell_table},
    {"stats", "[JOB...]", "Tells all that is known of a job, or of all.", "", 0, SLUICE_SHELL_ANY, {JOB, JOB, JOB}, NULL, NULL,
     sluice_shell_stats},
    {"files", "[JOB...]", "Tells the files of a job, or of all, and their sum.",
     "Files that are on their way, and the last thousand of those that are over.", 0, SLUICE_SHELL_ANY, {JOB, JOB, JOB},
     NULL, NULL, sluice_shell_files},
    {"watch", "[SECONDS]", "Shows the jobs in a live table.",
     "It is drawn anew each second, or as often as it is told. Any key ends it, and so does the end of all jobs. Where there "
     "is no terminal, one table is printed.",
     0, 1, {0}, NULL, NULL, sluice_shell_watch},
    {"pause", "JOB|all", "Stops the data of a job; its session stays.", "", 1, 1, {JOB}, " all ", NULL, sluice_shell_pause},
    {"resume", "JOB|all", "Lets a job go on that was paused.", "", 1, 1, {JOB}, " all ", NULL, sluice_shell_resume},
    {"cancel", "JOB|all", "Ends a job; the same order goes on where it was.", "", 1, 1, {JOB}, " all ", NULL,
     sluice_shell_cancel},
    {"rate", "JOB|all RATE", "Sets the target rate of a job: 250m, 1.5g; 0: none.", "", 2, 2, {JOB}, " all ", NULL,
     sluice_shell_target},
    {"minrate", "JOB|all RATE", "Sets the rate that a job keeps whatever the path does; 0: none.", "", 2, 2, {JOB}, " all ",
     NULL, sluice_shell_minimum},
    {"policy", "JOB|all POLICY", "Sets how a job shares the path: fixed, high, fair or low.", "", 2, 2,
     {JOB, SLUICE_SHELL_POLICY}, " all ", NULL, sluice_shell_policy},
    {"add", "JOB PATH [AS] [FROM:TO]", "Adds a source to a persistent job.",
     "PATH lies on the side that sends. AS is its name below the destination; without it that is the last part of PATH. "
     "FROM:TO are the bytes of it that are meant, as sizes, without the one at TO: 0:16Mi, or 1G: for all from there on.",
     2, 4, {JOB, PATH, SLUICE_SHELL_OTHER}, NULL, NULL, sluice_shell_add},
    {"drop", "JOB PATH", "Takes a source out again that was added, unless it is in place.", "", 2, 2, {JOB, PATH}, NULL, NULL,
     sluice_shell_drop},
    {"nomore", "JOB", "Tells a persistent job that no more sources come: it ends when all are in place.", "", 1, 1, {JOB},
     NULL, NULL, sluice_shell_nomore},
    {"wait", "[JOB...] [--timeout TIME]", "Waits until jobs are over; fails if one has failed.",
     "Without JOB it waits for all that no earlier wait has answered for. TIME is in seconds, or has a unit. Ctrl-C ends the "
     "waiting, and the jobs go on.",
     0, SLUICE_SHELL_ANY, {JOB, JOB, JOB}, " all --timeout ", NULL, sluice_shell_join},
    {"forget", "JOB|done", "Takes a job that is over off the list, or all of them.", "", 1, 1, {JOB}, " done ", NULL,
     sluice_shell_forget},
    {"set", "KEY VALUE", "Gives a default for the orders to come, such as `set rate 100m`.",
     "KEY is a long option of push, without its hyphens, or KIND.NAME.KEY of a plugin. Options of an order stand over it; "
     "exclude and include add up.",
     2, 2, {SLUICE_SHELL_KEY, SLUICE_SHELL_VALUE}, NULL, NULL, sluice_shell_keep},
    {"unset", "KEY", "Takes a default away.", "", 1, 1, {SLUICE_SHELL_KEY}, NULL, NULL, sluice_shell_drop_setting},
    {"show", "", "Tells the defaults.", "", 0, 0, {0}, NULL, NULL, sluice_shell_show},
    {"help", "[COMMAND]", "Tells what there is, or all about one command.", "", 0, 1, {SLUICE_SHELL_COMMAND}, NULL, NULL,
     sluice_shell_help},
    {"quit", "", "Ends the shell.",
     "While jobs run it asks first whether they are to be cancelled. In a script, where nobody can be asked, it waits for "
     "them: what is paused goes on, and persistent jobs take no more. The end of the input is the same.",
     0, 0, {0}, NULL, NULL, sluice_shell_quit},
    {"quit!", "", "Cancels what runs, and ends the shell.", "", 0, 0, {0}, NULL, NULL, sluice_shell_quit_now},
};

const sluice_shell_command *sluice_shell_commands(size_t *count)
{
    *count = SLUICE_COUNT(commands);
    return commands;
}

const sluice_shell_command *sluice_shell_commands_find(const char *name, sluice_error *error)
{
    const char *nearest = NULL;
    size_t bytes = strlen(name);
    unsigned least = (unsigned)(bytes < 9 ? bytes : 9) / 3 + 1; /* nearer than that */
    for (size_t i = 0; i < SLUICE_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
        unsigned edits = sluice_line_distance(name, bytes, commands[i].name);
        if (edits <= least && (nearest == NULL || edits < least)) {
            nearest = commands[i].name;
            least = edits;
        }
    }
    if (nearest != NULL)
        (void)sluice_fail(error, SLUICE_EUSAGE, "unknown command '%.80s'; did you mean %s?", name, nearest);
    else
        (void)sluice_fail(error, SLUICE_EUSAGE, "unknown command '%.80s'; `help` tells what there is", name);
    return NULL;
}

int sluice_shell_commands_check(const sluice_shell_command *command, int argc, sluice_error *error)
{
    unsigned given = (unsigned)argc - 1;
    if (given >= command->least && given <= command->most)
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EUSAGE, "%s arguments; write: %s%s%s", given < command->least ? "too few" : "too many",
                       command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
}
