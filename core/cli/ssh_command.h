/* SPDX-License-Identifier: Apache-2.0 */
/* ssh_command.h - the setting `ssh`, made of what ssh is to be told. */
#ifndef SLUICE_CLI_SSH_COMMAND_H
#define SLUICE_CLI_SSH_COMMAND_H

#include <sluice/sluice.h>
#include <stdio.h>

/* A word as the setting takes it: in quotes, with a blank before it. */
void sluice_ssh_command_put(FILE *command, const char *word);

typedef struct sluice_ssh_words {
    uint64_t port;   /* 0: as ssh has it */
    const char *key; /* file of a private key; NULL: as ssh has it */
    bool password;   /* one will be told, which is right or wrong: ssh need not ask again */
} sluice_ssh_words;

/* Appends them to what the setting says; nothing where there is nothing to say.  ENOMEM. */
int sluice_ssh_command_set(sluice_settings *settings, const sluice_ssh_words *words, sluice_error *error);

#endif
