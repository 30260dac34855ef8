/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

size_t sluice_figures_decode(const char *text, uint32_t *character, bool *valid)
{
    const unsigned char *at = (const unsigned char *)text;
    unsigned char first = at[0], least = 0x80, most = 0xbf;
    *valid = first < 0x80;
    *character = first;
    if (first < 0xc2 || first > 0xf4)
        return 1;
    size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first == 0xe0 || first == 0xf0) /* shorter forms are the only ones */
        least = first == 0xe0 ? 0xa0 : 0x90;
    if (first == 0xed || first == 0xf4) /* surrogates; beyond U+10FFFF */
        most = first == 0xed ? 0x9f : 0x8f;
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

static bool is_harmful(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character <= 0x9f) || character == '\\' ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

typedef struct piece {
    char text[20];
    size_t bytes, columns;
} piece;

/* One character, or what stands for it.  Returns how many bytes of text that was. */
static size_t take_piece(const char *text, piece *out)
{
    uint32_t character = 0;
    bool valid;
    size_t bytes = sluice_figures_decode(text, &character, &valid);
    out->bytes = 0;
    if (valid && !is_harmful(character)) {
        memcpy(out->text, text, bytes);
        out->bytes = bytes;
        out->columns = bytes > 1 ? 2 : 1;
        return bytes;
    }
    if (character == '\n' || character == '\t' || character == '\\') {
        out->text[out->bytes++] = '\\';
        out->text[out->bytes++] = character == '\n' ? 'n' : character == '\t' ? 't' : '\\';
    } else {
        for (size_t i = 0; i < bytes; i++)
            out->bytes += (size_t)snprintf(out->text + out->bytes, sizeof out->text - out->bytes, "\\x%02x",
                                           (unsigned char)text[i]);
    }
    out->columns = out->bytes;
    return bytes;
}

size_t sluice_figures_name(char *out, size_t size, size_t columns, const char *text)
{
    size_t n = 0, width = 0, cut = 0, cut_width = 0;
    while (*text != '\0') {
        piece next;
        text += take_piece(text, &next);
        if (n + 3 < size && width + 3 <= columns) { /* "..." would still fit from here */
            cut = n;
            cut_width = width;
        }
        if (n + next.bytes >= size || width + next.columns > columns) {
            memcpy(out + cut, "...", 4);
            return cut_width + 3;
        }
        memcpy(out + n, next.text, next.bytes);
        n += next.bytes;
        width += next.columns;
    }
    out[n] = '\0';
    return width;
}

const char *sluice_figures_quantity(char out[SLUICE_FIGURE], uint64_t value, const char *unit)
{
    static const char prefixes[] = "\0kMGTPE";
    unsigned prefix = 0;
    uint64_t whole = value, rest = 0;
    for (; whole >= 1000; whole /= 1000, prefix++)
        rest = whole % 1000;
    if (value == SLUICE_UNKNOWN)
        snprintf(out, SLUICE_FIGURE, "?");
    else if (prefix == 0)
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 " %s", whole, unit);
    else if (whole < 10)
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 ".%02" PRIu64 " %c%s", whole, rest / 10, prefixes[prefix], unit);
    else if (whole < 100)
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 ".%" PRIu64 " %c%s", whole, rest / 100, prefixes[prefix], unit);
    else
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 " %c%s", whole, prefixes[prefix], unit);
    return out;
}

const char *sluice_figures_duration(char out[SLUICE_FIGURE], sluice_duration ns)
{
    uint64_t seconds = ns / SLUICE_SECOND;
    if (ns == SLUICE_UNKNOWN)
        snprintf(out, SLUICE_FIGURE, "?");
    else if (seconds < 60)
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 ".%02" PRIu64 " s", seconds, ns % SLUICE_SECOND / 10000000);
    else if (seconds < 3600)
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 ":%02" PRIu64 " min", seconds / 60, seconds % 60);
    else
        snprintf(out, SLUICE_FIGURE, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64 " h", seconds / 3600, seconds / 60 % 60,
                 seconds % 60);
    return out;
}
