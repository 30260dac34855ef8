/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include <string.h>

#define RANGE_DIGITS 18

static management_type type_of(const char *word)
{
    static const struct {
        const char *word;
        management_type type;
    } rows[] = {{"NOP", MANAGEMENT_NOP},     {"RATE", MANAGEMENT_RATE}, {"CANCEL", MANAGEMENT_CANCEL},
                {"START", MANAGEMENT_START}, {"STOP", MANAGEMENT_STOP}, {"DONE", MANAGEMENT_DONE}};
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++)
        if (strcmp(rows[i].word, word) == 0)
            return rows[i].type;
    return MANAGEMENT_OTHER;
}

static management_policy policy_of(const char *word)
{
    if (word == NULL)
        return MANAGEMENT_POLICY_NONE;
    return strcmp(word, "Adaptive") == 0  ? MANAGEMENT_POLICY_ADAPTIVE
           : strcmp(word, "Fixed") == 0   ? MANAGEMENT_POLICY_FIXED
           : strcmp(word, "Trickle") == 0 ? MANAGEMENT_POLICY_TRICKLE
                                          : MANAGEMENT_POLICY_NONE;
}

/* Digits up to `end`; none at all: otherwise. */
static bool bound_read(const char *text, const char *end, uint64_t otherwise, uint64_t *out)
{
    uint64_t value = 0;
    size_t count = (size_t)(end - text);
    if (count > RANGE_DIGITS || strspn(text, "0123456789") < count)
        return false;
    for (; text < end; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    *out = count > 0 ? value : otherwise;
    return true;
}

/* first:last, both of which are in it, as in ascp's -@; either may be missing. */
static bool range_read(const char *text, uint64_t *from, uint64_t *to)
{
    const char *colon = text != NULL ? strchr(text, ':') : NULL;
    uint64_t last;
    *from = 0;
    *to = SLUICE_UNKNOWN;
    if (text == NULL || text[0] == '\0')
        return true;
    if (colon == NULL || !bound_read(text, colon, 0, from) ||
        !bound_read(colon + 1, colon + strlen(colon), SLUICE_UNKNOWN, &last))
        return false;
    *to = last == SLUICE_UNKNOWN ? last : last + 1;
    return *to > *from;
}

void management_understand(const faspmgr_message *message, management_ask *out)
{
    const char *operation = faspmgr_value(message, "Operation");
    memset(out, 0, sizeof *out);
    out->type = type_of(message->type);
    out->rate_kbps = faspmgr_value_number(message, "Rate");
    out->minimum_kbps = faspmgr_value_number(message, "MinRate");
    out->priority = faspmgr_value_number(message, "Priority");
    out->policy = policy_of(faspmgr_value(message, "Adaptive"));
    out->named = faspmgr_value_path(message, "Source", out->source, sizeof out->source) && out->source[0] != '\0';
    if (faspmgr_value(message, "Destination") != NULL &&
        !faspmgr_value_path(message, "Destination", out->destination, sizeof out->destination))
        out->named = false;
    out->ranged = range_read(faspmgr_value(message, "FileBytes"), &out->from, &out->to);
    out->linger = operation != NULL && strcmp(operation, "Linger") == 0;
}
