/* SPDX-License-Identifier: Apache-2.0 */
#include "session/filter.h"

#include <ctype.h>
#include <string.h>

/* How much work one comparison may be: patterns come from a peer, and stars multiply. */
#define FILTER_STEPS 1000000

/* The named class [:name:] */
static bool class_has(const char *name, size_t length, unsigned char byte)
{
    static const struct {
        const char *name;
        int (*is)(int);
    } classes[] = {{"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
                   {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
                   {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit}};
    for (size_t i = 0; i < SLUICE_COUNT(classes); i++)
        if (strlen(classes[i].name) == length && memcmp(classes[i].name, name, length) == 0)
            return classes[i].is(byte) != 0;
    return false;
}

/* Reads one [...] at *pattern (behind the '['); false in *closed when there is no ']'. */
static bool bracket_match(const char **pattern, unsigned char byte, bool *closed)
{
    const char *at = *pattern;
    bool negated = *at == '!' || *at == '^', found = false;
    if (negated)
        at++;
    for (bool first = true; *at && (first || *at != ']'); first = false) {
        if (at[0] == '[' && at[1] == ':') {
            const char *end = strstr(at + 2, ":]");
            if (end) {
                found = found || class_has(at + 2, (size_t)(end - at - 2), byte);
                at = end + 2;
                continue;
            }
        }
        if (*at == '\\' && at[1])
            at++;
        unsigned char low = (unsigned char)*at++, high = low;
        if (at[0] == '-' && at[1] && at[1] != ']') {
            at++;
            if (*at == '\\' && at[1])
                at++;
            high = (unsigned char)*at++;
        }
        found = found || (low <= byte && byte <= high);
    }
    *closed = *at == ']';
    *pattern = *closed ? at + 1 : at;
    return found != negated;
}

/* Glob match of a whole text; steps guards against patterns made to be slow. */
static bool glob(const char *pattern, const char *text, int *steps)
{
    for (; *pattern; text++) {
        if (--*steps < 0)
            return false;
        if (*pattern == '*') {
            bool across = pattern[1] == '*';
            while (*pattern == '*')
                pattern++;
            if (!*pattern)
                return across || !strchr(text, '/');
            for (;; text++) {
                if (glob(pattern, text, steps))
                    return true;
                if (!*text || (*text == '/' && !across) || *steps < 0)
                    return false;
            }
        }
        if (!*text)
            return false;
        if (*pattern == '?') {
            if (*text == '/')
                return false;
            pattern++;
        } else if (*pattern == '[') {
            bool closed;
            pattern++;
            if (!bracket_match(&pattern, (unsigned char)*text, &closed) || !closed || *text == '/')
                return false;
        } else {
            if (*pattern == '\\' && pattern[1])
                pattern++;
            if (*pattern++ != *text)
                return false;
        }
    }
    return !*text;
}

/* Equal, byte for byte: patterns without wildcards take a backslash as it is. */
static bool same(const char *pattern, const char *text, int *steps)
{
    (void)steps;
    return strcmp(pattern, text) == 0;
}

/* Matches at the top or, unless anchored, after any '/'. */
static bool match_from(const char *pattern, const char *name, bool anchored, bool wild)
{
    bool (*compare)(const char *, const char *, int *) = wild ? glob : same;
    int steps = FILTER_STEPS;
    for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        if (compare(pattern, at, &steps))
            return true;
        if (anchored)
            return false;
    }
    return false;
}

bool sluice_filter_match(const char *pattern, const char *name, bool directory)
{
    char text[4096];
    size_t length = strlen(pattern);
    bool anchored = *pattern == '/';
    if (anchored) {
        pattern++;
        length--;
    }
    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, pattern, length + 1);
    bool subtree = length > 4 && strcmp(text + length - 4, "/***") == 0;
    if (subtree) {
        text[length - 4] = 0;
        bool wild_top = strpbrk(text, "*?[") != NULL;
        if (directory && match_from(text, name, anchored, wild_top))
            return true;
        text[length - 4] = '/';
        text[length - 1] = 0;
    } else if (text[length - 1] == '/') {
        if (!directory)
            return false;
        text[length - 1] = 0;
    }
    bool wild = strpbrk(text, "*?[") != NULL;
    bool whole = anchored || strchr(text, '/') || strstr(text, "**");
    const char *last = strrchr(name, '/');
    if (!whole)
        return match_from(text, last ? last + 1 : name, true, wild);
    return match_from(text, name, anchored, wild);
}

bool sluice_filter_wanted(void *request, const char *name, bool directory)
{
    const sluice_request *asked = request;
    for (size_t i = 0; i < asked->rule_count; i++)
        if (sluice_filter_match(asked->rules[i].pattern, name, directory))
            return asked->rules[i].include;
    return true;
}

bool sluice_filter_untimely(const sluice_request *request, const sluice_entry *entry)
{
    if (entry->type == SLUICE_ENTRY_DIRECTORY || entry->mtime_ns == INT64_MIN)
        return false;
    return (request->has_newest && entry->mtime_ns > request->newest_ns) ||
           (request->has_oldest && entry->mtime_ns < request->oldest_ns);
}
