/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows of strings ---- */

static void take(sluice_strings *strings, char *text)
{
    if (text != NULL && strings->count + 1 >= strings->capacity) {
        size_t capacity = strings->capacity > 0 ? strings->capacity * 2 : 16;
        char **grown = realloc(strings->items, capacity * sizeof *grown);
        if (grown != NULL) {
            strings->items = grown;
            strings->capacity = capacity;
        }
    }
    if (text == NULL || strings->count + 1 >= strings->capacity) {
        strings->failed = true;
        free(text);
        return;
    }
    strings->items[strings->count++] = text;
    strings->items[strings->count] = NULL;
}

void sluice_strings_add(sluice_strings *strings, const char *text)
{
    take(strings, strdup(text));
}

void sluice_strings_addf(sluice_strings *strings, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    take(strings, text);
}

void sluice_strings_fini(sluice_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        explicit_bzero(strings->items[i], strlen(strings->items[i]));
        free(strings->items[i]);
    }
    free(strings->items);
    *strings = (sluice_strings){0};
}

void sluice_plan_fini(sluice_plan *plan)
{
    if (plan->input.bytes != NULL)
        explicit_bzero(plan->input.bytes, plan->input.capacity);
    sluice_text_fini(&plan->input);
    sluice_strings_fini(&plan->words);
    sluice_strings_fini(&plan->environment);
    *plan = (sluice_plan){0};
}

/* ---- addresses ---- */

/* A colon before the first '/' would make it one of another machine or of a plugin, and "-" is the standard input. */
void sluice_plan_local(sluice_text *out, const char *path)
{
    bool plain = path[0] == '/' || strncmp(path, "./", 2) == 0;
    if (!plain && (strchr(path, ':') != NULL || path[0] == '-'))
        sluice_text_add(out, "./");
    sluice_text_add(out, path);
}

/* What need not be written %XX in the path of a URL (RFC 3986, section 2.3), and '/'. */
static bool plain_in_url(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~/", c));
}

static void add_url(sluice_text *out, const sluice_order *order, const char *path)
{
    const char *host = order->remote.host;
    bool bracket = host != NULL && strchr(host, ':') != NULL;
    sluice_text_add(out, "sluice://");
    if (host != NULL)
        sluice_text_addf(out, "%s%s%s", bracket ? "[" : "", host, bracket ? "]" : "");
    if (host != NULL && order->remote.port != 0)
        sluice_text_addf(out, ":%u", order->remote.port);
    if (path[0] != '/')
        sluice_text_add(out, "/");
    for (; *path != '\0'; path++) {
        if (plain_in_url((unsigned char)*path))
            sluice_text_add_bytes(out, path, 1);
        else
            sluice_text_addf(out, "%%%02X", (unsigned char)*path);
    }
}

void sluice_plan_remote(sluice_text *out, const sluice_order *order, const char *path)
{
    if (!order->remote.ssh) {
        add_url(out, order, path);
        return;
    }
    bool bracket = strchr(order->remote.host, ':') != NULL;
    if (order->remote.user != NULL)
        sluice_text_addf(out, "%s@", order->remote.user);
    sluice_text_addf(out, bracket ? "[%s]:" : "%s:", order->remote.host);
    sluice_text_add(out, path);
}
