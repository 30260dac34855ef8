/* SPDX-License-Identifier: Apache-2.0 */
/* shell_order.h - an order of the shell while its options are read: some are the manager's own, all others are of copy. */
#ifndef SLUICE_CLI_SHELL_ORDER_H
#define SLUICE_CLI_SHELL_ORDER_H

#include <sluice/manager.h>

typedef struct sluice_shell_draft {
    sluice_order *order;
    sluice_direction direction;
    bool persistent, password, nul;
    const char *file_list, *pair_list, *ticket_file, *pin, *key_file, *ssh; /* borrowed */
} sluice_shell_draft;

int sluice_shell_draft_begin(sluice_shell_draft *draft, sluice_direction direction, sluice_error *error);
/* key: a long option, or KIND.NAME.KEY.  value is borrowed until the end.  EUSAGE. */
int sluice_shell_draft_set(sluice_shell_draft *draft, const char *key, const char *value, sluice_error *error);
void sluice_shell_draft_end(sluice_shell_draft *draft);

#endif
