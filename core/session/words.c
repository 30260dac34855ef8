/* SPDX-License-Identifier: Apache-2.0 */
#include "session/words.h"

#include <stdio.h>
#include <string.h>

/* By steps of `step` through the units; three digits, without zeroes behind the point. */
static sluice_words scaled(double value, double step, const char *const *units, size_t count)
{
    sluice_words out;
    size_t unit = 0;
    while (value >= step * 0.9995 && unit + 1 < count) {
        value /= step;
        unit++;
    }
    int length = snprintf(out.text, sizeof out.text - 8, "%.*f", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value);
    while (strchr(out.text, '.') && (out.text[length - 1] == '0' || out.text[length - 1] == '.'))
        out.text[--length] = '\0';
    snprintf(out.text + length, sizeof out.text - (size_t)length, " %s", units[unit]);
    return out;
}

sluice_words sluice_words_rate(sluice_rate bps)
{
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
    return scaled((double)bps, 1000, units, SLUICE_COUNT(units));
}

sluice_words sluice_words_time(sluice_duration ns)
{
    static const char *const units[] = {"us", "ms", "s"};
    return scaled((double)ns / 1000, 1000, units, SLUICE_COUNT(units));
}

sluice_words sluice_words_bytes(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    return scaled((double)bytes, 1024, units, SLUICE_COUNT(units));
}
