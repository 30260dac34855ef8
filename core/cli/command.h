/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h - the subcommands: one function and one file each.  argv[0] is the subcommand's name; the result is the
 * exit status of the process.  The runner is an embedder: it sees the installed headers only.
 */
#ifndef SLUICE_CLI_COMMAND_H
#define SLUICE_CLI_COMMAND_H

int sluice_command_copy(int argc, char **argv);
int sluice_command_serve(int argc, char **argv);
int sluice_command_send(int argc, char **argv);
int sluice_command_recv(int argc, char **argv);
int sluice_command_run(int argc, char **argv);
int sluice_command_doctor(int argc, char **argv);
int sluice_command_check(int argc, char **argv);
int sluice_command_shell(int argc, char **argv);
int sluice_command_simulate(int argc, char **argv);
int sluice_command_plugins(int argc, char **argv);
int sluice_command_worker(int argc, char **argv); /* for managers */
int sluice_command_ascp(int argc, char **argv); /* 0 or 1, as ascp has it */

#endif
