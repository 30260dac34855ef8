/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - what a run tells of its senders and links, from differences of their counts. */
#ifndef SLUICE_SIMULATE_FIGURES_H
#define SLUICE_SIMULATE_FIGURES_H

#include "simulate/run.h"

/* Tells each track, by calls->interval, or calls->result over the judged time; from, to: seconds.  An interval's counts begin
 * anew. */
void sluice_figures_tell(sluice_run *run, double from, double to, bool result);

/* The judged time begins. */
void sluice_figures_judge(sluice_run *run);

#endif
