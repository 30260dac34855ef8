/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sluice_text_fini(sluice_text *text)
{
    free(text->bytes);
    *text = (sluice_text){0};
}

void sluice_text_clear(sluice_text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->bytes != NULL)
        text->bytes[0] = '\0';
}

/* Room for count more bytes and a NUL. */
static bool reserve(sluice_text *text, size_t count)
{
    if (text->failed)
        return false;
    if (count < text->capacity - text->length && text->capacity != 0)
        return true;
    size_t capacity = text->capacity == 0 ? 64 : text->capacity;
    while (capacity - text->length <= count && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    char *bytes = capacity - text->length > count ? realloc(text->bytes, capacity) : NULL;
    if (bytes == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void sluice_text_add_bytes(sluice_text *text, const void *bytes, size_t count)
{
    if (!reserve(text, count))
        return;
    if (count != 0)
        memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = '\0';
}

void sluice_text_add(sluice_text *text, const char *string)
{
    sluice_text_add_bytes(text, string, strlen(string));
}

void sluice_text_addf(sluice_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int count = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (count < 0 || !reserve(text, (size_t)count))
        return;
    va_start(args, format);
    vsnprintf(text->bytes + text->length, (size_t)count + 1, format, args);
    va_end(args);
    text->length += (size_t)count;
}

const char *sluice_text_string(const sluice_text *text)
{
    return text->bytes == NULL ? "" : text->bytes;
}

char *sluice_text_take(sluice_text *text)
{
    sluice_text_add_bytes(text, "", 0);
    if (text->failed) {
        sluice_text_fini(text);
        return NULL;
    }
    char *bytes = text->bytes;
    *text = (sluice_text){0};
    return bytes;
}
