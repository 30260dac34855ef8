/* SPDX-License-Identifier: Apache-2.0 */
#include <sluice/sluice.h>
#include <stdio.h>

int main(void)
{
    fputs("sluice: usage: sluice COMMAND\n", stderr);
    return sluice_status_exit(SLUICE_EUSAGE);
}
