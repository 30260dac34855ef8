/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - how a worker is started for an order: its arguments, what is added to its environment, and the bytes that it finds
 * at descriptor 3.  Pure: an order in, bytes out.
 *
 * A worker that is sluice gets its whole order there, as a sequence of NUL-terminated strings: the word of a record, and as
 * many others as that record has.
 *
 *     set KEY VALUE              a long option of sluice copy
 *     assign KIND.NAME.KEY=VALUE one of a plugin
 *     plugin-path LIST           where plugins are, too
 *     destination ADDRESS
 *     base ADDRESS               where sources are: the remote side, or "."
 *     path PATH AS FROM TO       a source there; AS "": by the last component; the bytes [FROM, TO), TO "": to the end
 *     persistent
 *     ticket TEXT                in place of a file
 *     password TEXT, ssh-port N, ssh-key FILE
 *
 * A program that takes ascp's arguments gets secrets by its environment, and lists at /dev/fd/3.
 */
#ifndef SLUICE_MANAGER_PLAN_H
#define SLUICE_MANAGER_PLAN_H

#include "manager/order.h"

#define SLUICE_PLAN_INPUT 3      /* descriptor of input in the worker, */
#define SLUICE_PLAN_MANAGEMENT 4 /* and of its end of the management connection, where it has one */

/* Strings that are the row's; the last one is NULL where there are any. */
typedef struct sluice_strings {
    char **items;
    size_t count, capacity;
    bool failed; /* memory ran out */
} sluice_strings;

void sluice_strings_add(sluice_strings *strings, const char *text);
void sluice_strings_addf(sluice_strings *strings, const char *format, ...) SLUICE_PRINTF(2, 3);
void sluice_strings_fini(sluice_strings *strings); /* wipes them */

/* What was asked for since the launch and goes over what the order says. */
typedef struct sluice_wishes {
    bool rate_set, minimum_set, policy_set;
    sluice_rate rate_bps, minimum_bps;
    char policy[16];
} sluice_wishes;

typedef struct sluice_plan_spec {
    const sluice_order *order;
    const sluice_wishes *wishes;
    const char *program, *plugin_path; /* plugin_path: NULL: none */
    const char *user;                  /* by which the worker's messages are known */
    uint16_t port;                     /* of the management socket, for ascp */
} sluice_plan_spec;

typedef struct sluice_plan {
    sluice_strings words, environment; /* words[0]: the program */
    sluice_text input;
    bool has_input;
} sluice_plan;

/* Fills a zeroed plan; fini is needed in any case.  SLUICE_EUSAGE: the order says what cannot be told that worker. */
int sluice_plan_sluice(sluice_plan *plan, const sluice_plan_spec *spec, sluice_error *error);
int sluice_plan_ascp(sluice_plan *plan, const sluice_plan_spec *spec, sluice_error *error);
void sluice_plan_fini(sluice_plan *plan); /* wipes what it held */

/* The remote side of an order, with a path there, as sluice copy takes it. */
void sluice_plan_remote(sluice_text *out, const sluice_order *order, const char *path);
/* A path here, which is taken for no address. */
void sluice_plan_local(sluice_text *out, const char *path);

#endif
