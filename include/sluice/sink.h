/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - kind `sink`: where objects go.
 *
 * A sink is told of entries, takes bytes at offsets, and gives an object its name only when it is committed.  It
 * may block: the core calls it on pool threads, one call at a time per open object (several where PARALLEL_WRITES
 * is declared), other objects in parallel where PARALLEL is declared.  Entries come from a peer: a sink trusts
 * nothing in them.  An entry "." (see source.h) is prepared before all others; a directory and what lies in it may
 * come in any order, parents that are missing are made.  ABI history: 1.0 first; 1.1 interrupt, ONCE; 1.2
 * drop_behind; 1.3 look, put.
 */
#ifndef SLUICE_SINK_H
#define SLUICE_SINK_H

#include <sluice/source.h>

#define SLUICE_SINK_ABI SLUICE_ABI(1, 3)

enum {
    SLUICE_SINK_SEEKABLE = 1,        /* write takes any offset; else only in order, without gaps */
    SLUICE_SINK_PARALLEL = 2,        /* several objects at once */
    SLUICE_SINK_PARALLEL_WRITES = 4, /* several writes to one object at once */
    SLUICE_SINK_READABLE = 8,        /* read gives back what lies there: resume and read-back are possible */
    SLUICE_SINK_ATOMIC = 16,         /* nothing under its final name before commit */
    SLUICE_SINK_ONCE = 32            /* since 1.1: what was written cannot be taken back (standard output): a transfer
                                        that would begin anew, because the server was restarted, fails in place of that */
};

typedef enum sluice_overwrite {
    SLUICE_OVERWRITE_NEVER,
    SLUICE_OVERWRITE_ALWAYS,
    SLUICE_OVERWRITE_DIFFERENT,
    SLUICE_OVERWRITE_OLDER
} sluice_overwrite;
typedef enum sluice_resume {
    SLUICE_RESUME_NONE,
    SLUICE_RESUME_ATTRIBUTES,
    SLUICE_RESUME_SPARSE,
    SLUICE_RESUME_FULL
} sluice_resume;
typedef enum sluice_sync { SLUICE_SYNC_NONE, SLUICE_SYNC_FILE, SLUICE_SYNC_END } sluice_sync;

typedef struct sluice_sink_spec {
    uint32_t size;
    const char *root;        /* NULL: the destination is the local user's own; else a peer's, resolved below it */
    const char *destination; /* path as the user gave it, a trailing '/' included */
    bool single;             /* one operand: if nothing is at the destination it gets that very name */
    bool explicit_names;     /* a pair list: entry names are destinations below `destination`, parents are made */
    bool make_parents;       /* --mkdir */
    unsigned preserve;
    sluice_overwrite overwrite;
    sluice_resume resume;
    sluice_sync sync;
    uint32_t threads;        /* how many calls may come at once */
    bool drop_behind;        /* since 1.2, --drop-behind: what was written is not to stay in the page cache */
} sluice_sink_spec;

typedef enum sluice_sink_verdict {
    SLUICE_SINK_DONE,    /* nothing to send: a directory was made, a link noted */
    SLUICE_SINK_SKIP,    /* a complete file is there and stays as it is, its attributes included (never, older, or size
                            and mtime agree) */
    SLUICE_SINK_COMPARE, /* size and mtime agree, but the policy wants digests: object opened for reading only.  If
                            they agree: abandon(keep = true); else prepare is called again with `compared` */
    SLUICE_SINK_WRITE    /* object opened for writing; *have bytes of a partial file lie there.  With RESUME_ATTRIBUTES
                            they come from a source of the same size and mtime (else *have is 0); with SPARSE and FULL
                            the core compares digests; with NONE *have is 0.  Among them may be gaps: chunks are written
                            in any order */
} sluice_sink_verdict;

typedef struct sluice_sink_ops {
    unsigned capabilities;

    /* Required.  Looks at the destination: fails for a missing parent, a file where a directory must be, a path that
     * leaves the root, a read-only file system. */
    int (*init)(void *state, const void *config, const sluice_host *host, const sluice_sink_spec *spec);
    void (*fini)(void *state);

    /* Required.  Decides about an entry and opens it where bytes are needed.  compared: an earlier COMPARE found
     * different bytes, so SKIP and COMPARE are no longer answers.  *have: bytes of a partial file that lie there
     * (0: none).  SLUICE_EBUSY: another writer holds it. */
    int (*prepare)(void *state, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict, void **object,
                   uint64_t *have);

    /* Required.  Writes all of the buffers at offset: returns the bytes or a negative status, or SLUICE_EPENDING.  A
     * sink that is not SEEKABLE gets bytes as they come, in pieces of any size, and before they are verified: only commit
     * says that they were good. */
    int64_t (*write)(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                     sluice_completion *completion);

    /* Optional.  [from, to) reads as zeroes and takes no space where the sink can do that.  NULL: zeroes are written. */
    int (*hole)(void *state, void *object, uint64_t from, uint64_t to);

    /* Required if READABLE.  Returns bytes read, fewer only at the end, or a negative status. */
    int64_t (*read)(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count);

    /* Required.  All size bytes are there and verified: cut to size, set metadata, give it its final name.  The
     * object is closed whatever the result.  Extended attributes and ACLs that cannot be set do not hold the name back:
     * the file is in place, and the call fails with a sentence that says so. */
    int (*commit)(void *state, void *object, uint64_t size, sluice_completion *completion);

    /* Required.  Closes an object without giving it its name; keep: leave what is there for a resume. */
    void (*abandon)(void *state, void *object, bool keep);

    /* Required.  No more entries: makes links, sets times, modes and attributes of directories, syncs if asked.  Every failure is
     * told through failed (which may be NULL); returns the first one's status or SLUICE_OK. */
    int (*finish)(void *state, void (*failed)(void *user, const char *name, int status, const char *sentence),
                  void *user);

    /* Optional, since 1.1.  As of a source: prepare, write and commit that wait for something outside end now with
     * SLUICE_ECANCELLED.  abandon and fini still come. */
    void (*interrupt)(void *state);

    /* Optional, since 1.3, both or neither, and only of a sink that is SEEKABLE, PARALLEL and ATOMIC: small files without
     * keeping them open.  look: what prepare would say of a file, but nothing is opened, made or changed.  SKIP: as of
     * prepare.  WRITE: nothing of it lies there, and nobody else writes it: put may follow, or prepare with `compared`, or
     * nothing at all.  COMPARE: prepare has to decide, whatever it will say. */
    int (*look)(void *state, const sluice_entry *entry, sluice_sink_verdict *verdict);

    /* A whole file, of which all size bytes are here and verified: prepare with `compared`, write and commit in one.  size
     * may be another one than the entry says.  SLUICE_EBUSY: as of prepare. */
    int (*put)(void *state, const sluice_entry *entry, const void *bytes, uint64_t size, sluice_completion *completion);
} sluice_sink_ops;

#endif
