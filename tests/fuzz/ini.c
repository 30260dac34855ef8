/* SPDX-License-Identifier: Apache-2.0 */
/* The INI reader: whatever the bytes, values come whole, names short, and status and complaints agree. */
#include "fuzz/replay.h"

#include "plugin/ini.h"
#include <stdlib.h>
#include <string.h>

typedef struct account {
    unsigned complaints;
    bool in_section;
} account;

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

static int take_section(void *user, const char *name, sluice_error *error)
{
    account *a = user;
    insist(name[0] != '\0' && strlen(name) <= SLUICE_INI_NAME_MOST);
    a->in_section = true;
    return name[0] == 'x' ? sluice_fail(error, SLUICE_EINVAL, "refused") : SLUICE_OK;
}

static int take_value(void *user, const char *key, const char *value, sluice_error *error)
{
    account *a = user;
    insist(a->in_section && key[0] != '\0' && strlen(key) <= SLUICE_INI_NAME_MOST);
    insist(strlen(value) <= SLUICE_INI_LINE_MOST);
    return key[0] == 'x' ? sluice_fail(error, SLUICE_EINVAL, "refused") : SLUICE_OK;
}

static void complain(void *user, const char *sentence)
{
    account *a = user;
    a->complaints++;
    insist(strncmp(sentence, "f:", 2) == 0);
    for (const char *at = sentence; *at != '\0'; at++)
        insist((unsigned char)*at >= 0x20 && *at != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    account a = {0};
    sluice_ini_handler handler = {&a, take_section, take_value, complain, NULL};
    int status = sluice_ini_parse("f", (const char *)bytes, count, &handler, NULL);
    insist((status == SLUICE_OK) == (a.complaints == 0));
    return 0;
}
