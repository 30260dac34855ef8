/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units.h - numbers with units, as users write them, and back.
 *
 * A number is digits with at most one decimal point; spaces may stand between it and its unit.  No sign, no
 * exponent, independent of the locale.  Prefixes are taken in either case.  What is finer than the base unit is cut
 * off, but a value above zero never becomes zero: that is refused.
 *
 * All of these: any thread, no allocation.  Failures are SLUICE_EINVAL with a sentence about the value alone; the
 * caller knows whose value it is.
 */
#ifndef SLUICE_BASE_UNITS_H
#define SLUICE_BASE_UNITS_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_UNITS_TEXT 32 /* room that any formatted value fits in */

/* 250m, 1.5 Gbit/s, 80kbit/s, 1000: decimal prefixes k m g t, then nothing, bit/s, bit or bps. */
int sluice_units_rate_parse(const char *text, sluice_rate *out_bps, sluice_error *error);
/* 4096, 10M, 64Mi, 64MiB: decimal k M G T, binary Ki Mi Gi Ti, then nothing or B. */
int sluice_units_size_parse(const char *text, uint64_t *out_bytes, sluice_error *error);
/* 5ms, 1.5 s, 2min: ns us ms s min h.  default_unit: of a bare number; NULL: a bare number but 0 is refused. */
int sluice_units_duration_parse(const char *text, const char *default_unit, sluice_duration *out_ns,
                                sluice_error *error);

/* The shortest text that reads back as exactly the same value: 250m, 64Mi, 5ms. */
void sluice_units_rate_format(sluice_rate bps, char out[SLUICE_UNITS_TEXT]);
void sluice_units_size_format(uint64_t bytes, char out[SLUICE_UNITS_TEXT]);
void sluice_units_duration_format(sluice_duration ns, char out[SLUICE_UNITS_TEXT]);

#endif
