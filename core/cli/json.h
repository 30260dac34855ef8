/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON (RFC 8259) as the runner writes it: one object a line, into any FILE.
 *
 * Whatever the bytes of a text are, what is written is valid: U+FFFD stands for what is not UTF-8.  No locale has a say.
 */
#ifndef SLUICE_CLI_JSON_H
#define SLUICE_CLI_JSON_H

#include <sluice/types.h>
#include <stdio.h>

typedef struct sluice_json {
    FILE *out;   /* borrowed */
    bool filled; /* the object or list that is open has a member already */
} sluice_json;

/* '{' or '[', as a member of what is open (key NULL: as an element, or as the whole), and its end, '}' or ']'. */
void sluice_json_open(sluice_json *json, const char *key, char bracket);
void sluice_json_close(sluice_json *json, char bracket);

/* Members; key NULL: elements of a list.  text NULL: null. */
void sluice_json_text(sluice_json *json, const char *key, const char *text);
void sluice_json_number(sluice_json *json, const char *key, uint64_t value); /* SLUICE_UNKNOWN: null */
void sluice_json_int(sluice_json *json, const char *key, int value);
void sluice_json_bool(sluice_json *json, const char *key, bool value);
/* Three decimals of value / unit, rounded. */
void sluice_json_decimal(sluice_json *json, const char *key, uint64_t value, uint64_t unit);
/* The name of a file: as KEY, and if it is not UTF-8 as KEY_base64 too, which has its bytes. */
void sluice_json_path(sluice_json *json, const char *key, const char *path);

#endif
