/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - names and figures as people read them, and UTF-8 told from other bytes.
 *
 * Names of files come from anywhere: they may hold any byte but NUL.  On a terminal or in a log a control byte of a
 * name could do harm or forge a line, so it is written as an escape.  Inline, so that each report plugin stays one
 * object without shared symbols.
 */
#ifndef SLUICE_PLUGINS_REPORT_TEXT_H
#define SLUICE_PLUGINS_REPORT_TEXT_H

#include "faspmgr/utf8.h"
#include <inttypes.h>
#include <sluice/types.h>
#include <stdio.h>
#include <string.h>

/* Characters that move the cursor, end a line or turn the writing direction round. */
static inline bool text_is_harmful(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) || character == '\\' ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

/* Writes text into out with harmful characters, backslashes and bytes that are not UTF-8 as \xNN (newline as \n, tab
 * as \t, backslash as \\).  What does not fit in size bytes or in `columns` columns ends in "..." (characters beyond
 * ASCII are taken for two columns wide).  size is at least 8.  Returns the columns. */
static inline size_t text_printable(char *out, size_t size, size_t columns, const char *text)
{
    size_t n = 0, width = 0, cut = 0, cut_width = 0;
    while (*text != '\0') {
        char piece[20];
        uint32_t character = 0;
        bool valid;
        size_t bytes = text_decode(text, &character, &valid), length = bytes, wide = valid && bytes > 1 ? 2 : 1;
        if (valid && !text_is_harmful(character)) {
            memcpy(piece, text, bytes);
        } else if (character == '\n' || character == '\t' || character == '\\') {
            piece[0] = '\\';
            piece[1] = character == '\n' ? 'n' : character == '\t' ? 't' : '\\';
            wide = length = 2;
        } else {
            length = 0;
            for (size_t i = 0; i < bytes; i++)
                length += (size_t)snprintf(piece + length, sizeof piece - length, "\\x%02x", (unsigned char)text[i]);
            wide = length;
        }
        if (n + 3 < size && width + 3 <= columns) {
            cut = n;
            cut_width = width;
        }
        if (n + length >= size || width + wide > columns) {
            memcpy(out + cut, "...", 4);
            return cut_width + 3;
        }
        memcpy(out + n, piece, length);
        n += length;
        width += wide;
        text += bytes;
    }
    out[n] = '\0';
    return width;
}

/* "812.4 Mbit/s", "1.23 GB": three or four digits and a decimal prefix.  No locale has a say in it. */
static inline void text_quantity(char *out, size_t size, uint64_t value, const char *unit)
{
    static const char prefixes[] = "\0kMGTPE";
    unsigned prefix = 0;
    uint64_t whole = value, rest = 0;
    while (whole >= 1000) {
        rest = whole % 1000;
        whole /= 1000;
        prefix++;
    }
    if (prefix == 0)
        snprintf(out, size, "%" PRIu64 " %s", whole, unit);
    else if (whole < 10)
        snprintf(out, size, "%" PRIu64 ".%02" PRIu64 " %c%s", whole, rest / 10, prefixes[prefix], unit);
    else if (whole < 100)
        snprintf(out, size, "%" PRIu64 ".%" PRIu64 " %c%s", whole, rest / 100, prefixes[prefix], unit);
    else
        snprintf(out, size, "%" PRIu64 " %c%s", whole, prefixes[prefix], unit);
}

/* "3.81 s", "4:07 min", "2:04:07 h". */
static inline void text_duration(char *out, size_t size, sluice_duration ns)
{
    uint64_t seconds = ns / SLUICE_SECOND;
    if (seconds < 60)
        snprintf(out, size, "%" PRIu64 ".%02" PRIu64 " s", seconds, ns % SLUICE_SECOND / 10000000);
    else if (seconds < 3600)
        snprintf(out, size, "%" PRIu64 ":%02" PRIu64 " min", seconds / 60, seconds % 60);
    else
        snprintf(out, size, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " h", seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
}

#endif
