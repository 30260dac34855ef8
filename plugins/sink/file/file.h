/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - the file sink's state, shared by its rooms:
 *
 *     destination.c  where names lie, and the way to their directories
 *     unfinished.c   the mark in a tree that is not complete
 *     entry.c        what prepare decides; small files, which are put whole
 *     partial.c      the partial file beside the final one
 *     reserve.c      room for a file before its bytes come
 *     object.c       bytes in and out
 *     behind.c       bytes out of the page cache
 *     commit.c       commit, abandon
 *     attributes.c   modes, owners, times
 *     extended.c     extended attributes and ACLs
 *     notes.c        what finish has to do, in bounded memory
 *     finish.c       links, then directories
 *
 * A file being received is a partial file, mode 0600 and locked, in the directory of the final one; see
 * sluice_file_partial_open.  Nothing is reached through a symbolic link below the destination.
 */
#ifndef SLUICE_SINK_FILE_H
#define SLUICE_SINK_FILE_H

#include <pthread.h>
#include <sluice/sink.h>
#include <sys/stat.h>

#define SLUICE_LEAF_BYTES 256 /* one component with its NUL */

/* What an object or directory gets in the end. */
typedef struct sluice_file_attributes {
    uint32_t mode;              /* UINT32_MAX: as it is.  Above 0777 only if the owner is set too */
    uint32_t uid, gid;          /* UINT32_MAX: as it is */
    int64_t mtime_ns, atime_ns; /* INT64_MIN: as it is */
} sluice_file_attributes;

/* Extended attributes and ACLs as source.h lists them, checked; list NULL: they stay as they are.  Borrowed. */
typedef struct sluice_file_extended {
    const uint8_t *list;
    size_t bytes;
} sluice_file_extended;

/* The attribute that could not be set, the first of them; errnum 0: none. */
typedef struct sluice_file_trouble {
    int errnum;
    char name[SLUICE_ATTRIBUTE_NAME_MAX + 1];
} sluice_file_trouble;

/* What became of an access ACL.  The group's bits of a mode with an ACL are no rights of the group but the most that
 * the ACL gives to anybody it names. */
typedef enum sluice_file_acl {
    SLUICE_FILE_ACL_ALONE, /* nothing was done */
    SLUICE_FILE_ACL_SET,   /* set: the permissions are the ACL's */
    SLUICE_FILE_ACL_NONE,  /* taken away */
    SLUICE_FILE_ACL_LOST   /* there should be one, or should be none, and it could not be set */
} sluice_file_acl;

/* One thing for finish: a directory, or a link to be made.  Strings are borrowed. */
typedef struct sluice_file_note {
    sluice_entry_type type;
    bool made; /* a directory that was not there before */
    sluice_file_attributes attributes;
    sluice_file_extended extended;
    const char *path, *target;
} sluice_file_note;

/* A stack of notes: beyond a fixed memory it goes to a file without a name in the destination. */
typedef struct sluice_file_notes {
    char *memory;
    size_t used;
    int fd; /* 0: none yet */
    uint64_t spooled_bytes;
} sluice_file_notes;

#define SLUICE_OWNERS 8
typedef struct sluice_file_owner { /* a name that was looked up */
    char name[64];
    uint32_t id; /* UINT32_MAX: unknown here */
} sluice_file_owner;

#define SLUICE_FILE_PIECES 32 /* of 1 MiB at most, as the core writes */
typedef struct sluice_file_piece { /* of what was written and is still in the page cache */
    int fd;
    uint64_t from, to;
} sluice_file_piece;
typedef struct sluice_file_behind { /* a ring, oldest first */
    sluice_file_piece pieces[SLUICE_FILE_PIECES];
    unsigned first, count;
} sluice_file_behind;

typedef struct sluice_file_sink {
    const sluice_host *host;
    int base;      /* directory that names lie below */
    bool confined; /* below a root: a server's sink */
    char *top;     /* single, and no directory there but an unfinished one: takes the place of the first component; else NULL */
    bool nameless; /* the operand has no name: top goes before all names */
    char operand[SLUICE_LEAF_BYTES]; /* whose place top takes, "" until it is known */
    bool unfinished; /* top is a directory that was made for operand: what is not that goes into it */
    bool placed;     /* something has come that top takes the place of */
    bool partials;   /* partial files were left */
    unsigned preserve;
    sluice_overwrite overwrite;
    sluice_resume resume;
    sluice_sync sync;
    bool preallocate, drop_behind;
    mode_t umask;
    uint32_t self;        /* our user id */
    pthread_mutex_t lock; /* of all that follows, and of nameless to partials */
    sluice_file_owner users[SLUICE_OWNERS], groups[SLUICE_OWNERS];
    sluice_file_notes directories, links;
    sluice_file_behind behind;
} sluice_file_sink;

typedef struct sluice_file_object {
    int fd;
    bool comparing;      /* a complete file, opened for reading only */
    bool reserved;       /* it may have room beyond its size */
    dev_t parent_device; /* which directory it was opened in */
    ino_t parent_inode;
    sluice_file_attributes attributes;
    sluice_file_extended extended; /* lies behind path */
    pthread_rwlock_t growth;       /* held for writing while the file is grown by a hole */
    char *leaf;                    /* last component of path */
    char path[];                   /* below base */
} sluice_file_object;

/* ---- destination.c ---- */

/* Finds or makes what spec->destination says; sets base and top. */
int sluice_file_destination_open(sluice_file_sink *sink, const sluice_sink_spec *spec);

/* Where an entry lies below base, "" for base itself; *out is to be freed with the host's resize.  EOUTSIDE or EINVAL
 * for what is no name, a name of a partial file included. */
int sluice_file_destination_path(sluice_file_sink *sink, const sluice_entry *entry, char **out);

/* The directory that path lies in, for *at calls only, and path's last component in *leaf.  make: directories that are
 * missing are made.  A sentence and a status, or the descriptor. */
int sluice_file_destination_parent(sluice_file_sink *sink, const char *path, bool make, const char **leaf);

/* The sentence for a call that failed with errnum over path. */
int sluice_file_destination_fail(const sluice_file_sink *sink, const char *path, int errnum, const char *what);

/* The same as text only. */
int sluice_file_destination_explain(const sluice_file_sink *sink, const char *path, int errnum, const char *what,
                                    char *out, size_t bytes);

/* ---- unfinished.c ---- */

/* The directory top was made, to take the operand's place. */
void sluice_file_unfinished_mark(sluice_file_sink *sink);

/* Whose place the directory takes that an earlier run did not complete.  False: it is an ordinary one. */
bool sluice_file_unfinished_find(const sluice_file_sink *sink, int directory, char operand[SLUICE_LEAF_BYTES]);

/* All is there. */
void sluice_file_unfinished_end(const sluice_file_sink *sink);

/* ---- entry.c: as of sluice_sink_ops ---- */

int sluice_file_prepare(sluice_file_sink *sink, const sluice_entry *entry, bool compared, sluice_sink_verdict *verdict,
                        void **object, uint64_t *have);
int sluice_file_look(sluice_file_sink *sink, const sluice_entry *entry, sluice_sink_verdict *verdict);
int sluice_file_put(sluice_file_sink *sink, const sluice_entry *entry, const void *bytes, uint64_t size);

/* ---- partial.c ---- */

/* The name of the partial file for leaf: ".LEAF.sluice-part", or a digest of the leaf where that would be too long. */
void sluice_file_partial_name(const char *leaf, char out[SLUICE_LEAF_BYTES]);
bool sluice_file_partial_is_name(const char *leaf, size_t bytes);

/* Opens and locks the partial file of leaf in parent, making it if it is not there; *have as of prepare.  One that is
 * no regular file, not ours, or has other links is refused.  EBUSY: another writer holds it. */
int sluice_file_partial_open(sluice_file_sink *sink, int parent, const char *path, const char *leaf,
                             const sluice_entry *entry, int *fd, uint64_t *have);

/* The same for one that is written at once: what lies there of an earlier run is not looked at.  SLUICE_EAGAIN: there is
 * something under the partial's name. */
int sluice_file_partial_make(sluice_file_sink *sink, int parent, const char *path, const char *leaf, int *fd);

/* True if the name still means what fd is. */
bool sluice_file_partial_is(int parent, const char *name, int fd);

/* ---- reserve.c ---- */

/* Room for all of entry, where the file system can do that and the user wants it: ENOSPACE, ELIMIT. */
int sluice_file_reserve(const sluice_file_sink *sink, sluice_file_object *object, const sluice_entry *entry);

/* Gives back what lies beyond the file's size. */
void sluice_file_reserve_return(sluice_file_object *object);

/* ---- behind.c ---- */

/* With --drop-behind: these bytes, just written or read back, leave the page cache when they are on disk.  May wait for the
 * disk. */
void sluice_file_behind_put(sluice_file_sink *sink, const sluice_file_object *object, uint64_t from, uint64_t bytes);

/* Waits for all of them; no other call may be under way. */
void sluice_file_behind_flush(sluice_file_sink *sink);

/* ---- object.c: as of sluice_sink_ops ---- */

int64_t sluice_file_object_write(sluice_file_sink *sink, sluice_file_object *object, uint64_t offset,
                                 const struct iovec *buffers, int count);
int64_t sluice_file_object_read(sluice_file_sink *sink, sluice_file_object *object, uint64_t offset,
                                const struct iovec *buffers, int count);
int sluice_file_object_hole(sluice_file_sink *sink, sluice_file_object *object, uint64_t from, uint64_t to);

/* ---- commit.c: as of sluice_sink_ops; all but discard free the object ---- */

int sluice_file_object_commit(sluice_file_sink *sink, sluice_file_object *object, uint64_t size);
/* The same in parent, where the object was opened just now. */
int sluice_file_object_commit_in(sluice_file_sink *sink, int parent, sluice_file_object *object, uint64_t size);
void sluice_file_object_abandon(sluice_file_sink *sink, sluice_file_object *object, bool keep);
/* In parent, where the object was opened just now. */
void sluice_file_object_abandon_in(sluice_file_sink *sink, int parent, sluice_file_object *object);

/* ---- attributes.c ---- */

mode_t sluice_file_attributes_umask(void);

/* What an entry's attributes come to by the policies.  existing: what lies there, or NULL. */
sluice_file_attributes sluice_file_attributes_of(sluice_file_sink *sink, const sluice_entry *entry,
                                                 const struct stat *existing);

/* Sets them on an open file or directory; what an unprivileged user may not set of an owner is left.  -1 and errno.
 * Extended attributes and ACLs that cannot be set are only told in *trouble, which begins as zeroes. */
int sluice_file_attributes_apply(const sluice_file_sink *sink, const sluice_file_attributes *attributes,
                                 const sluice_file_extended *extended, int fd, bool directory,
                                 sluice_file_trouble *trouble);

void sluice_file_attributes_times(const sluice_file_attributes *attributes, struct timespec out[2]);

/* ---- extended.c ---- */

/* What of the entry's list is to be set, checked: EINVAL, with a sentence, for one that is malformed or holds what was
 * not asked for. */
int sluice_file_extended_take(const sluice_file_sink *sink, const sluice_entry *entry, sluice_file_extended *out);

/* Attributes of the name space user, while the mode still lets us write. */
void sluice_file_extended_user(const sluice_file_sink *sink, const sluice_file_extended *extended, int fd,
                               sluice_file_trouble *trouble);

/* ACLs; after the owner and before the mode. */
sluice_file_acl sluice_file_extended_acl(const sluice_file_sink *sink, const sluice_file_extended *extended, int fd,
                                         bool directory, sluice_file_trouble *trouble);

/* The status and the sentence for what is in place, with trouble. */
int sluice_file_extended_explain(const sluice_file_trouble *trouble, const char *path, char *out, size_t bytes);

/* ---- notes.c ---- */

/* Caller holds the sink's lock.  -1 and errno. */
int sluice_file_notes_push(sluice_file_sink *sink, sluice_file_notes *notes, const sluice_file_note *note);

/* Takes the last note off: 1, 0 when there is none, -1 and errno.  *room holds the strings and is the caller's to free
 * with the host's resize; it is used again by the next call. */
int sluice_file_notes_pop(sluice_file_sink *sink, sluice_file_notes *notes, sluice_file_note *out, char **room);
void sluice_file_notes_fini(sluice_file_sink *sink, sluice_file_notes *notes);

/* ---- finish.c ---- */

int sluice_file_finish(sluice_file_sink *sink,
                       void (*failed)(void *user, const char *name, int status, const char *sentence), void *user);

#endif
