/* SPDX-License-Identifier: Apache-2.0 */
/* ascp_options.h - the options of ascp in one table: spellings, argument, what becomes of them, help.  Parser, --help, the
 * manual page and the tests are made from it. */
#ifndef SLUICE_CLI_ASCP_OPTIONS_H
#define SLUICE_CLI_ASCP_OPTIONS_H

#include "cli/ascp_line.h"

typedef enum sluice_ascp_argument {
    SLUICE_ASCP_PLAIN, /* takes none */
    SLUICE_ASCP_VALUE, /* -lV, -l V, --name V, --name=V */
    SLUICE_ASCP_DIGIT  /* may be followed by 0 or 1, of its own or not */
} sluice_ascp_argument;

typedef enum sluice_ascp_effect {
    SLUICE_ASCP_DOES,    /* what it says */
    SLUICE_ASCP_HOLDS,   /* nothing has to be done: it is so anyhow, or it only describes */
    SLUICE_ASCP_WARNS,   /* goes on without, and says so */
    SLUICE_ASCP_REFUSES  /* going on without would harm: it is a usage error */
} sluice_ascp_effect;

typedef struct sluice_ascp_option {
    const char *group;    /* heading */
    char letter;          /* 0: it has a long name only */
    const char *name;     /* NULL: it has a letter only */
    bool two_dashes;      /* the long name is never written with one dash, for the letter has another meaning */
    sluice_ascp_argument takes;
    const char *argument; /* what its value is called */
    sluice_ascp_effect effect;
    int (*take)(sluice_ascp_line *line, const struct sluice_ascp_option *option, const char *spelling, const char *value,
                sluice_error *error); /* of DOES */
    const char *key;      /* of DOES: the setting that it becomes */
    const char *words;    /* of DOES: "theirs=ours" with blanks between; nothing behind '=': as it is; '!': goes on without */
    size_t member;        /* of DOES: offset in the line */
    const char *help;     /* a sentence; of REFUSES the reason */
} sluice_ascp_option;

const sluice_ascp_option *sluice_ascp_options(size_t *count);
const sluice_ascp_option *sluice_ascp_option_named(const char *name, size_t bytes);
const sluice_ascp_option *sluice_ascp_option_lettered(char letter);

/* The settings that hold where no option says otherwise, before and after all options were taken. */
int sluice_ascp_options_begin(sluice_ascp_line *line, sluice_error *error);
int sluice_ascp_options_end(sluice_ascp_line *line, sluice_error *error);

/* Standard and URL alphabet, with or without padding.  EUSAGE: it is none, or holds a NUL. */
int sluice_ascp_base64(sluice_ascp_line *line, const char *what, const char *text, const char **out, sluice_error *error);

/* A fingerprint of a key of ssh as people write it: hex with colons or without, of MD5, SHA-1 or SHA-256, or SHA256: and
 * base64.  As lower-case hex, or as the latter without padding.  EUSAGE: it is none. */
int sluice_ascp_fingerprint(sluice_ascp_line *line, const char *text, const char **out, sluice_error *error);

#endif
