/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - kind `source`: where objects come from.
 *
 * A source lists entries, opens those that hold bytes, and reads them at offsets.  It may block: the core calls it
 * on pool threads, one call at a time per open object, other objects in parallel where PARALLEL is declared; `next`
 * never runs in parallel with itself.  ABI history: 1.0 first; 1.1 interrupt, ONCE, reads of a stream that are short; 1.2
 * add, RANGES, settled, IN_TURN; 1.3 sparse, drop_behind.
 */
#ifndef SLUICE_SOURCE_H
#define SLUICE_SOURCE_H

#include <sluice/plugin.h>
#include <sys/uio.h>

#define SLUICE_SOURCE_ABI SLUICE_ABI(1, 3)

typedef enum sluice_entry_type {
    SLUICE_ENTRY_FILE,      /* bytes; size may be SLUICE_UNKNOWN (a stream) */
    SLUICE_ENTRY_DIRECTORY,
    SLUICE_ENTRY_SYMLINK
} sluice_entry_type;

enum { /* --preserve: what of an entry is kept besides its bytes */
    SLUICE_PRESERVE_TIMES = 1,
    SLUICE_PRESERVE_MODE = 2,
    SLUICE_PRESERVE_LINKS = 4,
    SLUICE_PRESERVE_OWNER = 8,
    SLUICE_PRESERVE_XATTR = 16, /* extended attributes of the name space user */
    SLUICE_PRESERVE_ACL = 32    /* POSIX ACLs: system.posix_acl_access and, of directories, system.posix_acl_default */
};

#define SLUICE_ATTRIBUTES_MAX 65536u   /* bytes of an entry's list of extended attributes */
#define SLUICE_ATTRIBUTE_NAME_MAX 255u /* bytes of one's name */

/* One line of the catalogue.  Names are bytes: components joined by '/', relative, no empty, "." or ".." component,
 * no NUL.  One exception: an operand without a name of its own (`.`, `dir/.`, `/`, the root itself) is listed as a
 * directory called "."; what lies in it has names that begin below the destination.  It stands before them. */
typedef struct sluice_entry {
    sluice_entry_type type;
    const char *name;          /* NUL-terminated; as it will be called below the destination */
    uint32_t operand;          /* which operand of the list it came from */
    uint64_t size;             /* bytes; SLUICE_UNKNOWN; 0 for directories and links */
    uint32_t mode;             /* permission bits and setuid, setgid, sticky: 07777; UINT32_MAX: unknown */
    int64_t mtime_ns, atime_ns; /* since 1970, UTC; INT64_MIN: unknown */
    uint32_t uid, gid;         /* UINT32_MAX: unknown */
    const char *user, *group;  /* names; NULL: unknown */
    const char *target;        /* of a symbolic link, as stored */
    const void *handle;        /* the source's own, for open; not sent */
    /* Extended attributes and ACLs, one after the other: length of the name (2 bytes, big endian), length of the
     * value (4 bytes, big endian), name (without NUL), value as the system stores it.  At most SLUICE_ATTRIBUTES_MAX
     * bytes.  NULL: unknown, or not asked for; not NULL with 0 bytes: it has none. */
    const void *attributes;
    size_t attribute_bytes;
    bool sparse; /* since 1.3: it has holes, or is kept compressed: it takes less room than its size says */
} sluice_entry;

enum {
    SLUICE_SOURCE_SIZE_KNOWN = 1, /* entries carry their true size */
    SLUICE_SOURCE_SEEKABLE = 2,   /* read takes any offset, any number of times */
    SLUICE_SOURCE_PARALLEL = 4,   /* several objects may be open and read at once */
    SLUICE_SOURCE_SPARSE = 8,     /* extent tells holes */
    SLUICE_SOURCE_ONCE = 16,      /* since 1.1: what was read is gone for a second instance too (standard input): a transfer
                                     that would begin anew, because the server was restarted, fails in place of that */
    SLUICE_SOURCE_RANGES = 32,    /* since 1.2: operands may be ranges; the core refuses them elsewhere */
    SLUICE_SOURCE_IN_TURN = 64    /* since 1.2: its argument stands for several objects, one behind the other in a stream.
                                     The receiver is told of each entry before `next` is called again, which so may wait
                                     until earlier ones were read or are settled.  Goes with PARALLEL */
};

typedef enum sluice_symlinks { SLUICE_SYMLINKS_COPY, SLUICE_SYMLINKS_FOLLOW, SLUICE_SYMLINKS_SKIP } sluice_symlinks;

/* One thing asked for.  `as` is the name below the destination; NULL: the last component of `path`. */
typedef struct sluice_operand {
    const char *path;
    const char *as;
    /* Since 1.2.  Of a file the bytes [from, to) are an object of their own, whose first byte has offset 0; where the file
     * ends before `to`, so does the object.  Both 0: all of it; to SLUICE_UNKNOWN: to its end. */
    uint64_t from, to;
} sluice_operand;

typedef struct sluice_source_spec {
    uint32_t size;
    const char *root;     /* NULL: paths are the local user's own; else they are a peer's and are resolved below it */
    const char *argument; /* KIND:ARGUMENT of the address, where there are no operands (command:pg_dump db); or NULL */
    const sluice_operand *operands;
    size_t operand_count, operand_size;
    sluice_symlinks tree_symlinks;  /* inside trees */
    sluice_symlinks named_symlinks; /* operands themselves */
    /* --exclude and --include; NULL: everything.  False leaves an entry (and what lies below it) out. */
    bool (*wanted)(void *user, const char *name, bool directory);
    void *wanted_user;
    uint32_t threads;  /* how many calls may come at once */
    unsigned preserve; /* SLUICE_PRESERVE_*: XATTR and ACL say which attributes entries are to carry */
    bool open;         /* since 1.2: operands may come later, by add; so there may be none yet */
    bool drop_behind;  /* since 1.3, --drop-behind: what was read is not to stay in the page cache */
} sluice_source_spec;

typedef struct sluice_source_ops {
    unsigned capabilities;

    /* Required.  spec is borrowed for the call, but `wanted` stays valid until fini. */
    int (*init)(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec);
    void (*fini)(void *state);

    /* Required.  The next entry; directories before what lies in them; SLUICE_EEND after the last.  What out points
     * to is the source's until the next call.  An entry that cannot be listed (unreadable directory, socket, name
     * gone) fails the call with its sentence, out->name tells which, and the walk goes on with the next call:
     * out->type is then meaningless.  Any other failure of the whole: out->name is NULL. */
    int (*next)(void *state, sluice_entry *out);

    /* Required.  Opens what an entry holds.  *size is the size now (or SLUICE_UNKNOWN). */
    int (*open)(void *state, const char *name, uint32_t operand, void **object, uint64_t *size);

    /* Required.  Fills the buffers from offset on and returns the bytes read; fewer than asked only at the end, 0 at
     * the end; or a negative status.  SLUICE_EPENDING: done later through host->complete.
     * Of an object whose size was SLUICE_UNKNOWN when it was opened, since 1.1: waits for the first byte only and
     * returns what there is, so that bytes which trickle in travel at once; 0, and 0 alone, is the end.  It is asked in
     * order, each byte once. */
    int64_t (*read)(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                    sluice_completion *completion);

    /* Optional (SPARSE).  The first run of data at or after offset: [*from, *to); both the size if only a hole is left. */
    int (*extent)(void *state, void *object, uint64_t offset, uint64_t *from, uint64_t *to);

    /* Optional.  SLUICE_ECHANGED with a sentence if the object is not what it was when opened (size, mtime, inode). */
    int (*unchanged)(void *state, void *object);

    /* Required. */
    void (*close)(void *state, void *object);

    /* Optional, since 1.1.  Nothing more is wanted of this source, whatever the reason (success too): open and read that
     * wait for something outside, a pipe or a peer, end now with SLUICE_ECANCELLED, and so do those that are called
     * later.  Comes once, from another thread than theirs, while they may be under way; must not block.  close and fini
     * still come.  NULL: no call of this source waits long. */
    void (*interrupt)(void *state);

    /* Optional, since 1.2.  One operand more, behind those that there are; `next` tells its entries, also when it has said
     * SLUICE_EEND before.  The operand is borrowed for the call.  Never in parallel with next, but with reads.  Fails only
     * when the whole source cannot go on, for want of memory: what is wrong with an operand is told by next in its turn.
     * NULL: a session whose sources come while it runs cannot have this source. */
    int (*add)(void *state, const sluice_operand *operand);

    /* Optional, since 1.2.  This entry has its result, whatever that is: nobody will open it any more.  While it is
     * open, close comes later.  From any thread, while other calls may be under way; must not block. */
    void (*settled)(void *state, const char *name, uint32_t operand);
} sluice_source_ops;

#endif
