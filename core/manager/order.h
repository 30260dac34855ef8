/* SPDX-License-Identifier: Apache-2.0 */
/*
 * order.h - what a sluice_order holds.  Strings are the order's, NULL where nothing was said.
 *
 * A launch copies it, and the copy does not change any more but in its sources, which persistent jobs add and drop.
 */
#ifndef SLUICE_MANAGER_ORDER_H
#define SLUICE_MANAGER_ORDER_H

#include "base/text.h"
#include "plugin/settings.h"
#include <sluice/manager.h>

typedef struct sluice_order_entry {
    char *path, *as;   /* as: NULL: the last component of path */
    uint64_t from, to; /* to: SLUICE_UNKNOWN: to the end */
    bool ranged;
    bool dropped; /* of a persistent job: it was taken out again */
} sluice_order_entry;

/* An option as it was given; key holds dots where it is one of a plugin. */
typedef struct sluice_order_option {
    char *key, *value;
} sluice_order_option;

struct sluice_order {
    sluice_direction direction;
    struct {
        char *host, *user, *password, *key_file, *ticket_file, *ticket, *fingerprint;
        uint16_t port; /* 0: not said */
        bool ssh, set;
    } remote;
    char *destination;
    sluice_order_entry *entries;
    size_t count, capacity;
    sluice_order_option *options;
    size_t option_count, option_capacity;
    sluice_settings *settings; /* the options of sluice copy that were given, for what they mean together */
    char policy[16];           /* "": not given */
    char *cookie, *tags, *ascp;
    bool persistent, outlive;
    unsigned retries;
    sluice_duration retry_first_ns, retry_most_ns;
};

int sluice_order_copy(const sluice_order *order, sluice_order **out, sluice_error *error);

/* One source more. */
int sluice_order_entry_add(sluice_order *order, const char *path, const char *as, uint64_t from, uint64_t to, bool ranged,
                           sluice_error *error);

/* Nothing of it will be carried out any more: forgets its secrets and its sources. */
void sluice_order_spend(sluice_order *order);

/* Whether it says all that is needed, and what goes together, whoever carries it out.  SLUICE_EUSAGE. */
int sluice_order_check(const sluice_order *order, sluice_error *error);

/* The last value given for a key of sluice copy; NULL: none. */
const char *sluice_order_option_get(const sluice_order *order, const char *key);

#endif
