/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h - typed, documented keys: one table, many uses.
 *
 * An option's default, minimum and maximum are text, read by the same parser as the user's value.  From one table
 * come INI validation, --set, `sluice plugins`, the manual page, the commented sample INI and run-time changes.
 *
 *     typedef struct fair_config { sluice_duration target_queue; double gain; } fair_config;
 *     static const sluice_option options[] = {
 *         SLUICE_OPTION_DURATION(fair_config, target_queue, .def = "5ms", .min = "1ms", .max = "1s",
 *                                .help = "Queueing delay that a flow aims to keep standing."),
 *         SLUICE_OPTION_REAL(fair_config, gain, .def = "0.5", .min = "0", .max = "1", .help = "..."),
 *     };
 *
 * The key of a field is its name with '_' written '-': target-queue.  The macros check the field's C type.
 */
#ifndef SLUICE_OPTION_H
#define SLUICE_OPTION_H

#include <sluice/types.h>

typedef enum sluice_option_type {
    SLUICE_OPTION_BOOL_TYPE,     /* bool; yes no true false on off 1 0 */
    SLUICE_OPTION_INT_TYPE,      /* int64_t */
    SLUICE_OPTION_REAL_TYPE,     /* double, never NaN or infinite */
    SLUICE_OPTION_SIZE_TYPE,     /* uint64_t bytes: 64Mi, 10M, 4096 */
    SLUICE_OPTION_RATE_TYPE,     /* uint64_t bit/s: 250m, 1.5 Gbit/s, 80kbit/s */
    SLUICE_OPTION_DURATION_TYPE, /* uint64_t ns: 5ms, 1.5 s, 2min; a unit is required unless the option's unit names one */
    SLUICE_OPTION_ENUM_TYPE,     /* int, index into choices */
    SLUICE_OPTION_STRING_TYPE,   /* char *, owned by the config struct; NULL only if def is NULL */
    SLUICE_OPTION_PATH_TYPE,     /* as string */
    SLUICE_OPTION_ADDRESS_TYPE,  /* as string: host, host:port, [v6]:port; checked for form */
    SLUICE_OPTION_SECRET_TYPE    /* as string; never printed or logged */
} sluice_option_type;

enum {
    SLUICE_OPTION_RUNTIME = 1, /* may be changed while an instance runs */
    SLUICE_OPTION_REPEAT = 2   /* string types: given several times, values are joined by newlines */
};

typedef struct sluice_option {
    const char *name;        /* key: [a-z0-9-]+; derived from the field by the macros: '_' stands for '-' */
    sluice_option_type type;
    size_t offset;           /* of the field in the config struct */
    const char *def;         /* default as text; NULL: false, 0 or NULL by type */
    const char *min, *max;   /* as text; NULL: the type's own limits */
    const char *choices;     /* ENUM: "a|b|c" */
    const char *unit;        /* of a bare number, for DURATION ("s"), and for help of INT and REAL ("packets") */
    const char *help;        /* one or more sentences */
    unsigned flags;
} sluice_option;

#ifndef __cplusplus
/* Fails to compile unless the field has the type that goes with the option's. */
#define SLUICE_OPTION_OFFSET(config, field, ctype)                                                                    \
    (offsetof(config, field) + 0 * sizeof(char[_Generic(&((config *)0)->field, ctype * : 1, default : -1)]))
#define SLUICE_OPTION_FIELD(kind, ctype, config, field, ...)                                                          \
    { .name = #field, .type = SLUICE_OPTION_##kind##_TYPE, .offset = SLUICE_OPTION_OFFSET(config, field, ctype),      \
      __VA_ARGS__ }
#define SLUICE_OPTION_BOOL(config, field, ...) SLUICE_OPTION_FIELD(BOOL, bool, config, field, __VA_ARGS__)
#define SLUICE_OPTION_INT(config, field, ...) SLUICE_OPTION_FIELD(INT, int64_t, config, field, __VA_ARGS__)
#define SLUICE_OPTION_REAL(config, field, ...) SLUICE_OPTION_FIELD(REAL, double, config, field, __VA_ARGS__)
#define SLUICE_OPTION_SIZE(config, field, ...) SLUICE_OPTION_FIELD(SIZE, uint64_t, config, field, __VA_ARGS__)
#define SLUICE_OPTION_RATE(config, field, ...) SLUICE_OPTION_FIELD(RATE, sluice_rate, config, field, __VA_ARGS__)
#define SLUICE_OPTION_DURATION(config, field, ...)                                                                    \
    SLUICE_OPTION_FIELD(DURATION, sluice_duration, config, field, __VA_ARGS__)
#define SLUICE_OPTION_ENUM(config, field, ...) SLUICE_OPTION_FIELD(ENUM, int, config, field, __VA_ARGS__)
#define SLUICE_OPTION_STRING(config, field, ...) SLUICE_OPTION_FIELD(STRING, char *, config, field, __VA_ARGS__)
#define SLUICE_OPTION_PATH(config, field, ...) SLUICE_OPTION_FIELD(PATH, char *, config, field, __VA_ARGS__)
#define SLUICE_OPTION_ADDRESS(config, field, ...) SLUICE_OPTION_FIELD(ADDRESS, char *, config, field, __VA_ARGS__)
#define SLUICE_OPTION_SECRET(config, field, ...) SLUICE_OPTION_FIELD(SECRET, char *, config, field, __VA_ARGS__)
#endif

#endif
