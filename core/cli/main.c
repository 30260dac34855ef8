/* SPDX-License-Identifier: Apache-2.0 */
/* The runner: picks the subcommand.  One file each; all else is libsluice. */
#include "cli/ascp_secrets.h"
#include "cli/command.h"

#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define DESCRIPTORS_MOST 65536

typedef struct command_row {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} command_row;

static const command_row commands[] = {
    {"copy", "copy files to or from a server", sluice_command_copy},
    {"serve", "let clients copy to and from a directory here", sluice_command_serve},
    {"send", "send standard input to another machine", sluice_command_send},
    {"recv", "receive a stream into standard output", sluice_command_recv},
    {"run", "run the sessions that an INI file describes", sluice_command_run},
    {"shell", "start, watch and change copies, by commands", sluice_command_shell},
    {"doctor", "tell what will hurt a transfer, before there is one", sluice_command_doctor},
    {"simulate", "run congestion controls in virtual time", sluice_command_simulate},
    {"check", "validate an INI file and print the effective settings", sluice_command_check},
    {"ascp", "copy by the options of ascp", sluice_command_ascp},
    {"plugins", "list what is installed, with every option", sluice_command_plugins},
};

static int print_help(void)
{
    puts("Usage: sluice COMMAND [ARGUMENT...]\n\n"
         "Moves files and byte streams over encrypted, rate-controlled UDP.\n");
    for (size_t i = 0; i < SLUICE_COUNT(commands); i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    puts("\nsluice COMMAND --help tells more. sluice --version prints the version.");
    return fflush(stdout) == 0 ? 0 : 1;
}

static int print_version(void)
{
    printf("sluice %s\n", sluice_version());
    return fflush(stdout) == 0 ? 0 : 1;
}

static int refuse(const char *word)
{
    if (word == NULL)
        fputs("sluice: no command; try sluice --help\n", stderr);
    else
        fprintf(stderr, "sluice: unknown command '%.40s'; try sluice --help\n", word);
    return sluice_status_exit(SLUICE_EUSAGE);
}

/* Many small files are open at once, in several sessions of a server: the usual soft limit of 1024 descriptors is for
 * programs that use select, which this one does not. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MOST ? limit.rlim_max : DESCRIPTORS_MOST;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Installed under the name of a command, it is that command. */
static bool is_called(const char *program, const char *name)
{
    const char *slash = strrchr(program, '/');
    return strcmp(slash != NULL ? slash + 1 : program, name) == 0;
}

int main(int argc, char **argv)
{
    raise_descriptor_limit();
    if (sluice_ascp_is_asked(argc))
        return sluice_ascp_answer(argv[1]);
    if (argc > 0 && is_called(argv[0], "ascp"))
        return sluice_command_ascp(argc, argv);
    if (argc < 2)
        return refuse(NULL);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0)
        return print_version();
    if (strcmp(argv[1], "worker") == 0)
        return sluice_command_worker(argc - 1, argv + 1);
    for (size_t i = 0; i < SLUICE_COUNT(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return refuse(argv[1]);
}
