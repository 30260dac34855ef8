/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - the file source's state, shared by the walk over operands (walk.c), the operands themselves (operand.c),
 * extended attributes (attributes.c) and the operations (file.c).
 */
#ifndef SLUICE_SOURCE_FILE_H
#define SLUICE_SOURCE_FILE_H

#include <dirent.h>
#include <sluice/source.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* Why an operand will not be walked; told by next when its turn comes. */
typedef enum sluice_file_problem {
    SLUICE_FILE_FINE,
    SLUICE_FILE_OUTSIDE,  /* leaves the root by its path alone */
    SLUICE_FILE_BAD_NAME, /* `as` is no name */
    SLUICE_FILE_BAD_RANGE, /* holds nothing */
    SLUICE_FILE_DUPLICATE /* an earlier operand has the same name below the destination */
} sluice_file_problem;

typedef struct sluice_file_operand {
    char *given; /* path as it was given, for sentences */
    char *path;  /* where it is, seen from base; part of the same allocation, as is name */
    char *name;  /* below the destination; "." if it has none of its own */
    sluice_file_problem problem;
    uint64_t from, to; /* the range of a file that is meant; to SLUICE_UNKNOWN: to its end */
} sluice_file_operand;

/* Operands lie in blocks, each twice as long as the one before, and never move: some are read while others come. */
#define SLUICE_FILE_BLOCKS 26
#define SLUICE_FILE_BLOCK_FIRST 64u

/* A directory that is being listed.  The streams of shallow ones are closed while the walk is deep below. */
typedef struct sluice_file_level {
    DIR *stream; /* NULL: closed, goes on at position */
    long position;
    dev_t device;
    ino_t inode;
    size_t name_bytes; /* of its name in the walk's buffer */
} sluice_file_level;

#define SLUICE_FILE_OWNERS 8
#define SLUICE_FILE_OWNER_BYTES 64
typedef struct sluice_file_owner { /* a user's or group's name that was looked up; "": has none */
    bool known;
    uint32_t id;
    char name[SLUICE_FILE_OWNER_BYTES];
} sluice_file_owner;

#define SLUICE_FILE_TARGET_BYTES 4096 /* of a symbolic link, with its NUL: no Linux file system has longer ones */

typedef struct sluice_file_walk {
    size_t operand; /* the next one, or the present one + 1 */
    bool descend;   /* the entry told last is a directory, to be listed next */
    sluice_file_level *levels;
    size_t depth, level_capacity;
    char *name; /* of the entry told last, or under work */
    size_t name_bytes, name_capacity;
    struct stat status;
    char target[SLUICE_FILE_TARGET_BYTES];
    uint8_t *attributes; /* list of the entry told last, with room for names behind it; NULL: none were asked for */
    sluice_file_owner users[SLUICE_FILE_OWNERS], groups[SLUICE_FILE_OWNERS];
} sluice_file_walk;

typedef struct sluice_file_source {
    const sluice_host *host;
    int base;    /* directory that paths are seen from */
    bool rooted; /* base is a root that nothing may leave */
    bool drop_behind;  /* what was read does not stay in the page cache */
    bool skip_special; /* what is no file, directory or link is left out, and no failure */
    sluice_symlinks tree_symlinks, named_symlinks;
    unsigned preserve;
    bool (*wanted)(void *user, const char *name, bool directory);
    void *wanted_user;
    sluice_file_operand *blocks[SLUICE_FILE_BLOCKS];
    atomic_size_t operand_count; /* read by those who open, while others come */
    sluice_file_walk walk;
} sluice_file_source;

/* Takes the operands over into the source.  ENOMEM. */
int sluice_file_operands_init(sluice_file_source *source, const sluice_source_spec *spec);
/* One more; ENOMEM. */
int sluice_file_operands_add(sluice_file_source *source, const sluice_operand *asked);
void sluice_file_operands_fini(sluice_file_source *source);

sluice_file_operand *sluice_file_operand_at(const sluice_file_source *source, size_t index);

/* The range of a file that has so many bytes now. */
void sluice_file_operand_range(const sluice_file_operand *operand, uint64_t bytes, uint64_t *from, uint64_t *to);

/* Opens what is called name and came from the operand, by the policies for links; below a root nothing outside is
 * reached.  -1 and errno. */
int sluice_file_operand_open(const sluice_file_source *source, const sluice_file_operand *operand, const char *name,
                             int flags);

/* The same without touching the access time, where that is allowed. */
int sluice_file_operand_open_quietly(const sluice_file_source *source, const sluice_file_operand *operand,
                                     const char *name, int flags);

/* Lists the extended attributes and ACLs that preserve asks for, as source.h says, into the walk's buffer.  fd may be
 * one of O_PATH.  False: *errnum says why, E2BIG that they are too many. */
bool sluice_file_attributes_list(sluice_file_source *source, int fd, bool directory, size_t *bytes, int *errnum);
void sluice_file_attributes_fini(sluice_file_source *source);

/* As of sluice_source_ops.next. */
int sluice_file_walk_next(sluice_file_source *source, sluice_entry *out);
void sluice_file_walk_fini(sluice_file_source *source);

#endif
