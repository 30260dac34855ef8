/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ascp_secrets.h - what ascp takes by its environment and hands to others: files that lie in memory only, and the answer
 * to ssh when it asks for a password.  No secret stands in an argument list or on a disk.
 */
#ifndef SLUICE_CLI_ASCP_SECRETS_H
#define SLUICE_CLI_ASCP_SECRETS_H

#include <sluice/sluice.h>

#define SLUICE_ASCP_PATH 64 /* room for the path of such a file and a NUL */

/* A file in memory, mode 0600, that lives as long as the process; children of the same user may open it by its path.  EIO. */
int sluice_ascp_hold(const char *what, const char *bytes, size_t count, char path[SLUICE_ASCP_PATH], sluice_error *error);

/* From here on ssh asks this program for passwords and passphrases, which answers with this one: children find it in their
 * environment as ASPERA_SCP_PASS.  Before threads. */
int sluice_ascp_ask_us(const char *password, sluice_error *error);

/* Whether this process was started by ssh to answer; and its answer to that question, as the exit status of the process. */
bool sluice_ascp_is_asked(int argc);
int sluice_ascp_answer(const char *question);

#endif
