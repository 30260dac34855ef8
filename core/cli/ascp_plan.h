/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ascp_plan.h - where things come from and go to: operands and lists of ascp's command line as the addresses that
 * sluice copies between.  Pure: nothing is opened or asked.
 *
 *     [[user@]host:]path     through ssh, or to the server of a ticket; with --host all operands are paths
 *     faux:///name?SIZE      zeroes that do not exist, as a source here: zero:SIZE
 *     faux:///dir?count=N&size=SIZE[&file=NAME]   N such files
 *     faux://                nothing is kept, as a destination here: null:
 *     stdio:///name          standard input as a source here, to its end; stdio:///name?SIZE exactly so much of it
 *     stdio:///path          a named pipe here, where one lies at that path, as either
 *     stdio://               standard output as a destination here
 *     stdio-tar://           several files, behind heads or in a tar, on standard input as a source here; behind heads on
 *                            standard output as a destination here; stdio-tar:///path the same of a named pipe or file
 *     file:///path           a path here
 */
#ifndef SLUICE_CLI_ASCP_PLAN_H
#define SLUICE_CLI_ASCP_PLAN_H

#include "cli/ascp_line.h"

typedef struct sluice_ascp_plan {
    bool push;
    const char *host;          /* of the other side */
    sluice_ascp_texts sources; /* addresses, as copy takes them; of a pull with pairs the one that they lie below */
    const char *destination;
    sluice_ascp_texts pairs; /* sources and their names in turn, for a pair list; none: sources say it all */
    const char *base;        /* of sources that come later, of a pull: what says which machine they are on; NULL elsewhere */
    const char *assignment;  /* to the configuration, of a source or destination that is no file; NULL: none */
    uint64_t input;          /* bytes of standard input that are meant; 0: it goes to its end */
    bool output;             /* standard output carries the data */
} sluice_ascp_plan;

/* What has to be known beside the command line. */
typedef struct sluice_ascp_facts {
    sluice_ascp_texts list;            /* the lines of the list, if one is named; borrowed */
    bool ticket;                       /* it goes to a running server, with a ticket */
    bool (*is_pipe)(const char *path); /* whether a named pipe lies there */
} sluice_ascp_facts;

/* Makes a plan.  Its strings are the line's own.  EUSAGE, with one sentence; ENOMEM.  fini on failure too. */
int sluice_ascp_plan_make(sluice_ascp_plan *plan, sluice_ascp_line *line, const sluice_ascp_facts *facts,
                          sluice_error *error);
void sluice_ascp_plan_fini(sluice_ascp_plan *plan);

#endif
