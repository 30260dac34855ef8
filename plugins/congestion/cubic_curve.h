/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cubic_curve.h - CUBIC's window between two losses (RFC 9438, sections 4.2 to 4.7), for every control that follows it.
 *
 * Windows are in segments, times in seconds.  The curve goes by the time since the first growth after a decrease; a flow that does
 * not use its window stops that clock (5.8) by setting `began` to 0.
 */
#ifndef CONGESTION_CUBIC_CURVE_H
#define CONGESTION_CUBIC_CURVE_H

#include <sluice/congestion.h>

typedef struct cubic_shape {
    double c, beta; /* how steep, in segments per second cubed; what loss multiplies the window by */
} cubic_shape;

typedef struct cubic_curve {
    double w_max, k, w_est, prior; /* prior: the window when the loss came */
    sluice_time began;             /* 0: with the next growth */
} cubic_curve;

/* No loss was met: the curve begins at its flat middle (4.10). */
void cubic_curve_flat(cubic_curve *curve, double window);

/* The window after `acked` segments. */
double cubic_curve_grow(cubic_curve *curve, const cubic_shape *shape, sluice_time now, double srtt, double window, double acked);

/* The window after a loss, or a mark, that multiplies it by `beta`. */
double cubic_curve_decrease(cubic_curve *curve, const cubic_shape *shape, double window, double beta);

#endif
