/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card.h - the rows of the report card, and one of them tried on one path.
 *
 * A row's scenario is made of its path, which comes from a grid of rates, round trips and so on, and of what stands on it: text
 * with '@' for the plugin's name and $words for the path's figures.
 */
#ifndef SLUICE_SIMULATE_CARD_H
#define SLUICE_SIMULATE_CARD_H

#include <sluice/simulate.h>

typedef enum sluice_card_measure {
    SLUICE_CARD_NOTHING,
    SLUICE_CARD_SHARE,     /* of the path, by the first sender */
    SLUICE_CARD_RESENT,    /* % */
    SLUICE_CARD_REDUNDANT, /* % */
    SLUICE_CARD_QUEUE,     /* ms, mean, of the link */
    SLUICE_CARD_MINIMUM,   /* rate of the first sender, of its minimum */
    SLUICE_CARD_RATIO,     /* what the slower of the first two has, of what the faster has */
    SLUICE_CARD_PART,      /* what the first has of what the first two have: % */
    SLUICE_CARD_JAIN,
    SLUICE_CARD_KEEPS,     /* what the sender `kept` has, of what it has in the scenario `alone` */
    SLUICE_CARD_YIELDED,   /* s until the first sender has under a fifth of the path */
    SLUICE_CARD_BACK,      /* s until the first sender has 90 % of the path */
    SLUICE_CARD_FILLED,    /* round trips until the link carries 90 % of what it can */
    SLUICE_CARD_DRAINED,   /* s until the queue is under 10 ms, or a tenth of the round trip */
    SLUICE_CARD_OVERSHOT   /* the longest queue, in bandwidth-delay products */
} sluice_card_measure;

/* Limits of 0 are none.  The upper one may grow with the round trip: whichever is more, or (`added`) the sum. */
typedef struct sluice_card_check {
    sluice_card_measure what;
    double least, most, most_rtts; /* most_rtts: in round trips */
    bool added;
    double since, window; /* s: a wait begins; over so long it is meant, 0: over a round trip */
} sluice_card_check;

/* A path's figures.  late: the second sender starts so much later than the first (s; below 0: the first is late), or of several
 * each later than the one before. */
typedef struct sluice_card_path {
    double rate, rtt, loss, queue, count, late, back; /* Mbit/s, ms, -, BDP, -, s, part of rate */
} sluice_card_path;

/* Lists of numbers with blanks between; every combination is a case.  NULL: the default, which is not told. */
typedef struct sluice_card_grid {
    const char *rates, *rtts, *losses, *queues, *counts, *lates, *backs;
} sluice_card_grid;

#define SLUICE_CARD_GRIDS 3
#define SLUICE_CARD_MINIMUM_PART 0.4 /* of the path: what $min stands for */
typedef struct sluice_card_row {
    const char *word, *what;
    const char *link, *senders; /* lines of the link's section, and the sections behind it */
    const char *alone;          /* in place of `senders`, for KEEPS; NULL: none */
    const char *only, *spares;  /* the one policy that is judged by it; the one that is not */
    unsigned kept;              /* the sender that KEEPS is about; it is the first in `alone` */
    double from, until;         /* s; what is judged */
    bool target;                /* the plugin is given a rate: also a control that needs one is tried */
    bool settles;               /* 60 s are judged, from max(20 s, 100 round trips) after the last start */
    sluice_card_check checks[SLUICE_CARD_FIGURES];
    sluice_card_grid grids[SLUICE_CARD_GRIDS];
} sluice_card_row;

/* A row on one path; from and until may be others than the row's. */
typedef struct sluice_card_trial {
    const sluice_card_row *row;
    sluice_card_path path;
    char words[160]; /* the path in words */
    double from, until;
} sluice_card_trial;

const sluice_card_row *sluice_card_row_of(const char *word);

/* The case of a row at the given place of one of its grids; false: there are fewer. */
bool sluice_card_trial_at(const sluice_card_row *row, const sluice_card_grid *grid, size_t place, sluice_card_trial *out);

const char *sluice_card_name(const sluice_card_check *check);
void sluice_card_limits(const sluice_card_check *check, const sluice_card_path *path, double *least, double *most);
size_t sluice_card_checks(const sluice_card_row *row);

/* As sluice_card_run. */
int sluice_card_try(sluice *instance, const char *plugin, const sluice_card_trial *trial, int64_t seed,
                    double values[SLUICE_CARD_FIGURES], sluice_error *error);

#endif
