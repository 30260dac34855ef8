/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ascp_line.h - the command line of ascp, read: what was asked for, in words that settings and addresses can be made of.
 *
 * Pure: arguments and environment in, a struct out.  Nothing is opened, looked up or said.
 */
#ifndef SLUICE_CLI_ASCP_LINE_H
#define SLUICE_CLI_ASCP_LINE_H

#include <sluice/sluice.h>

#define SLUICE_ASCP_SPELLING 64 /* room for an option as it was written, without its value, and a NUL */

/* Grows at its end; the strings belong to whoever put them there. */
typedef struct sluice_ascp_texts {
    const char **list;
    size_t count, capacity;
} sluice_ascp_texts;

typedef enum sluice_ascp_mode { SLUICE_ASCP_ANY, SLUICE_ASCP_SEND, SLUICE_ASCP_RECV } sluice_ascp_mode;

/* NULL, 0, false: not given.  Strings live as long as the line, argv and the environment do. */
typedef struct sluice_ascp_line {
    bool help, version, quiet, verbose;
    bool into;                  /* -d: the destination is a directory, and made */
    bool destination64;         /* the last operand is base64 */
    bool ipv6, any_host_key;
    sluice_ascp_mode mode;
    const char *host, *user;
    const char *source_prefix, *source_base;
    const char *file_list, *pair_list;
    const char *log;            /* directory, or "-" for stderr */
    const char *token;          /* the text itself, or '@' and a file */
    const char *host_key;       /* fingerprint that the host's key must have, canonical: see ascp_options.h */
    const char *password, *key_text; /* of the environment */
    const char *user_string, *tags, *cookie;
    bool skip_special; /* what is no file, directory or link is left out */
    bool remove_files, remove_skipped;                /* what has arrived, or was there, is removed here */
    bool remove_directories, remove_source_directory; /* and so are directories that are empty then: in sources, or sources */
    const char *move_to;                              /* what has arrived is moved into this directory */
    bool manifest; /* a receipt is written */
    const char *manifest_path, *manifest_suffix; /* its directory, and what is behind its name until the end */
    uint64_t port;              /* of the control connection */
    bool keepalive;             /* sources come later, from a manager */
    bool ranged;                /* -@: of one source the bytes [range_from, range_to) */
    uint64_t range_from, range_to;
    uint64_t part, parts;       /* of several processes that share a job */
    unsigned preserve;          /* bits of sluice_ascp_preserve */
    sluice_ascp_texts settings; /* keys and values in turn: later ones stand over earlier ones, or add to them */
    sluice_ascp_texts warnings; /* sentences, to be said before anything is done */
    sluice_ascp_texts keys;     /* files of private keys, for ssh */
    sluice_ascp_texts ssh_arguments;
    sluice_ascp_texts management; /* [HOST:]PORT */
    sluice_ascp_texts operands;
    sluice_ascp_texts owned; /* what was made while reading */
} sluice_ascp_line;

enum sluice_ascp_preserve {
    SLUICE_ASCP_TIMES = 1,
    SLUICE_ASCP_OWNER = 2,
    SLUICE_ASCP_ACL = 4,
    SLUICE_ASCP_XATTR = 8
};

/* A variable of the environment, or NULL. */
typedef const char *sluice_ascp_environment(const char *name);

/* argv[0] is not looked at.  EUSAGE: one sentence; ENOMEM.  To be ended by fini, on failure too. */
int sluice_ascp_line_read(sluice_ascp_line *line, int argc, char **argv, sluice_ascp_environment *environment,
                          sluice_error *error);
void sluice_ascp_line_fini(sluice_ascp_line *line);

/* The value that a setting has at last; NULL: none was given. */
const char *sluice_ascp_line_setting(const sluice_ascp_line *line, const char *key);

/* For what reads and plans: all answer ENOMEM, with its sentence.  text_own makes a string that lives as long as the line. */
int sluice_ascp_texts_add(sluice_ascp_texts *texts, const char *text, sluice_error *error);
int sluice_ascp_text_own(sluice_ascp_line *line, const char **out, sluice_error *error, const char *format, ...)
    SLUICE_PRINTF(4, 5);

#endif
