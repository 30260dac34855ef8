/* SPDX-License-Identifier: Apache-2.0 */
#include "cubic_curve.h"

#include <math.h>

static double at(const cubic_curve *curve, const cubic_shape *shape, double t)
{
    double off = t - curve->k;

    return shape->c * off * off * off + curve->w_max;
}

static void begin(cubic_curve *curve, const cubic_shape *shape, sluice_time now, double window)
{
    curve->began = now;
    if (curve->w_max < window)
        curve->w_max = window;
    curve->k = cbrt((curve->w_max - window) / shape->c);
    curve->w_est = window;
}

/* The window that Reno would have with this beta: alpha makes both lose as often (4.3). */
static double reno_alpha(const cubic_curve *curve, const cubic_shape *shape)
{
    return curve->w_est < curve->prior ? 3 * (1 - shape->beta) / (1 + shape->beta) : 1;
}

void cubic_curve_flat(cubic_curve *curve, double window)
{
    *curve = (cubic_curve){.w_max = window, .prior = window};
}

double cubic_curve_grow(cubic_curve *curve, const cubic_shape *shape, sluice_time now, double srtt, double window, double acked)
{
    double t, target;

    if (!curve->began)
        begin(curve, shape, now, window);
    t = (double)(now - curve->began) / 1e9;
    curve->w_est += reno_alpha(curve, shape) * acked / window;
    if (at(curve, shape, t) < curve->w_est)
        return fmax(window, curve->w_est);
    /* What the curve asks for in a round trip, at most half as much again, in steps by what comes in. */
    target = fmax(window, fmin(at(curve, shape, t + srtt), 1.5 * window));
    return window + (target - window) * fmin(1, acked / window);
}

double cubic_curve_decrease(cubic_curve *curve, const cubic_shape *shape, double window, double beta)
{
    /* Fast convergence (4.7). */
    curve->w_max = window < curve->w_max ? window * (1 + shape->beta) / 2 : window;
    curve->prior = window;
    curve->began = 0;
    return beta * window;
}
