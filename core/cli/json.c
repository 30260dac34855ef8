/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json.h"

#include "cli/figures.h"

#include <inttypes.h>
#include <string.h>

/* True if all of the text was UTF-8. */
static bool put_string(FILE *out, const char *text)
{
    bool whole = true;
    putc('"', out);
    while (*text != '\0') {
        uint32_t character = 0;
        bool valid;
        size_t bytes = sluice_figures_decode(text, &character, &valid);
        if (!valid)
            fputs("\xef\xbf\xbd", out);
        else if (character == '"' || character == '\\')
            fprintf(out, "\\%c", *text);
        else if (character < 0x20 || character == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)character);
        else
            fwrite(text, 1, bytes, out);
        whole = whole && valid;
        text += bytes;
    }
    putc('"', out);
    return whole;
}

static void put_key(sluice_json *json, const char *key)
{
    if (json->filled)
        putc(',', json->out);
    json->filled = true;
    if (key != NULL)
        fprintf(json->out, "\"%s\":", key);
}

void sluice_json_open(sluice_json *json, const char *key, char bracket)
{
    put_key(json, key);
    putc(bracket, json->out);
    json->filled = false;
}

void sluice_json_close(sluice_json *json, char bracket)
{
    putc(bracket, json->out);
    json->filled = true; /* what it was a member of has one now */
}

void sluice_json_text(sluice_json *json, const char *key, const char *text)
{
    put_key(json, key);
    if (text == NULL)
        fputs("null", json->out);
    else
        put_string(json->out, text);
}

void sluice_json_number(sluice_json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    if (value == SLUICE_UNKNOWN)
        fputs("null", json->out);
    else
        fprintf(json->out, "%" PRIu64, value);
}

void sluice_json_int(sluice_json *json, const char *key, int value)
{
    put_key(json, key);
    fprintf(json->out, "%d", value);
}

void sluice_json_bool(sluice_json *json, const char *key, bool value)
{
    put_key(json, key);
    fputs(value ? "true" : "false", json->out);
}

/* Of integers only, so that no locale puts a comma there. */
void sluice_json_decimal(sluice_json *json, const char *key, uint64_t value, uint64_t unit)
{
    if (value == SLUICE_UNKNOWN) {
        sluice_json_number(json, key, value);
        return;
    }
    uint64_t step = unit / 1000, thousandths = value / step + (value % step >= step / 2);
    put_key(json, key);
    fprintf(json->out, "%" PRIu64 ".%03" PRIu64, thousandths / 1000, thousandths % 1000);
}

static void put_base64(FILE *out, const char *text)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)text;
    for (size_t left = strlen(text); left > 0; in += 3) {
        unsigned bits = (unsigned)in[0] << 16 | (left > 1 ? (unsigned)in[1] << 8 : 0) | (left > 2 ? in[2] : 0u);
        char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], left > 1 ? alphabet[bits >> 6 & 63] : '=',
                         left > 2 ? alphabet[bits & 63] : '='};
        fwrite(group, 1, sizeof group, out);
        left -= left < 3 ? left : 3;
    }
}

void sluice_json_path(sluice_json *json, const char *key, const char *path)
{
    put_key(json, key);
    if (put_string(json->out, path))
        return;
    fprintf(json->out, ",\"%s_base64\":\"", key);
    put_base64(json->out, path);
    putc('"', json->out);
}
