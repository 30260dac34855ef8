/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - UTF-8 told from other bytes.  Inline, so that a report plugin stays one object without shared symbols. */
#ifndef SLUICE_FASPMGR_UTF8_H
#define SLUICE_FASPMGR_UTF8_H

#include <sluice/types.h>

/* Reads one character of UTF-8 (RFC 3629: shortest form, no surrogates, at most U+10FFFF) at text, which ends with a
 * NUL.  Returns its bytes and sets *valid; where it is none, returns how many bytes one U+FFFD stands for (Unicode
 * 15, section 3.9, maximal subpart).  At least 1. */
static inline size_t text_decode(const char *text, uint32_t *character, bool *valid)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char first = at[0], least = 0x80, most = 0xbf;
    size_t bytes;
    *valid = false;
    if (first < 0x80) {
        *character = first;
        *valid = true;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf)
        bytes = 2;
    else if (first >= 0xe0 && first <= 0xef)
        bytes = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        bytes = 4;
    else
        return 1;
    if (first == 0xe0)
        least = 0xa0;
    else if (first == 0xed)
        most = 0x9f;
    else if (first == 0xf0)
        least = 0x90;
    else if (first == 0xf4)
        most = 0x8f;
    uint32_t value = first & (0xffu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++) {
        if (at[i] < least || at[i] > most)
            return i;
        value = value << 6 | (at[i] & 0x3fu);
        least = 0x80;
        most = 0xbf;
    }
    *character = value;
    *valid = true;
    return bytes;
}

#endif
