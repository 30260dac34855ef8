/* SPDX-License-Identifier: Apache-2.0 */
/*
 * date.h - moments as users write them: 2027-01-31 or 2027-01-31T12:00:00Z (ISO 8601, always UTC), and "never".
 *
 * A date alone is its first moment.  Years 1970 to 9999; there are no leap seconds.  All of these: any thread.
 */
#ifndef SLUICE_BASE_DATE_H
#define SLUICE_BASE_DATE_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_DATE_TEXT 24 /* room for any text of format with its NUL */

/* Seconds since 1970; 0 for "never", so the first second of 1970 is refused.  SLUICE_EINVAL with what is wrong. */
int sluice_date_parse(const char *text, uint64_t *out_s, sluice_error *error);

/* 2027-01-31T12:00:00Z, or "never" for 0 and for what lies behind the year 9999. */
void sluice_date_format(uint64_t seconds, char out[SLUICE_DATE_TEXT]);

#endif
