/* SPDX-License-Identifier: Apache-2.0 */
/* simulate_record.h - all that a run has told, kept for what is written when it is over. */
#ifndef SLUICE_CLI_SIMULATE_RECORD_H
#define SLUICE_CLI_SIMULATE_RECORD_H

#include <sluice/simulate.h>
#include <stdio.h>

typedef struct sluice_record_track {
    sluice_track about; /* its strings are the record's */
    char name[80], kind[80];
    sluice_figures result; /* phase: "" */
} sluice_record_track;

typedef struct sluice_record_point {
    sluice_figures figures; /* phase: the record's */
    char phase[24];
} sluice_record_point;

typedef struct sluice_record {
    sluice_record_track *tracks;
    sluice_record_point *points; /* in the order of time, and of tracks at the same time */
    size_t track_count, point_count, point_room;
    double end; /* of the last interval */
    bool failed; /* memory ran out */
} sluice_record;

/* What sluice_simulate is to be called with; the record, zeroed, is the user. */
void sluice_record_calls(sluice_record *record, sluice_simulation_calls *out);
void sluice_record_fini(sluice_record *record);

/* The point's figures, with its phase. */
const sluice_figures *sluice_record_figures(sluice_record_point *point);

/* Jain's index of the goodput of all flows: (sum x)^2 / (n sum x^2), 1 when all have the same.  0: there are not two. */
double sluice_record_jain(const sluice_record *record, size_t *flows);

/* Results of one scenario with several seeds, for their medians and worst. */
typedef struct sluice_record_runs {
    sluice_record *runs;
    size_t count;
    int64_t first; /* seed of the first; the others follow it */
} sluice_record_runs;
void sluice_record_median(const sluice_record_runs *runs);

/* What there is to be read from it, in a table on stdout, as one value a line, or as a picture. */
void sluice_record_table(const sluice_record *record);
void sluice_record_csv(sluice_record *record, FILE *out);
/* intervals: those as well. */
void sluice_record_json(sluice_record *record, bool intervals, FILE *out);
/* title: what stands above. */
void sluice_record_svg(sluice_record *record, const char *title, FILE *out);

#endif
