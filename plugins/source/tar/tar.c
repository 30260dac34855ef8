/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source `tar`: the files in a stream: standard input (tar:-), or a file, named pipe or device (tar:PATH).
 *
 * The stream is read once, from its beginning to its end.  Core lists ahead of reading, and a stream cannot be read
 * out of its turn; so files of up to MEMBER_MOST bytes are taken into memory when they are listed, HELD_MOST bytes in
 * all, and a larger one is read where it lies: until it was read, or the receiver does not want it (`settled`), `next`
 * waits.  That cannot go on for ever, since entries are listed one at a time (SLUICE_SOURCE_IN_TURN): whatever is waited
 * for is known to the receiver.
 */
#include "sole.h"
#include "tar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define MEMBER_MOST (UINT64_C(1) << 20)
#define HELD_MOST (UINT64_C(32) << 20)

typedef struct tar_config {
    int form;
} tar_config;

enum { FORM_AUTO, FORM_TAR, FORM_HEADS };

static const sluice_option options[] = {
    SLUICE_OPTION_ENUM(tar_config, form, .def = "auto", .choices = "auto|tar|heads",
                       .help = "What the stream is: tar, or heads, files that each stand behind lines with their name and "
                               "size, as ascp has it. auto: it is looked at."),
};

/* A file that core knows of. */
typedef struct member {
    TAILQ_ENTRY(member) link;
    uint64_t size, at; /* at: so much was read of the stream */
    uint8_t *bytes;    /* NULL: it lies in the stream, or is empty */
    bool open, settled, used;
    char name[];
} member;

typedef struct tar_source {
    const sluice_host *host;
    char *path; /* NULL: standard input */
    int wanted_form;
    bool (*wanted)(void *user, const char *name, bool directory);
    void *wanted_user;
    bool skip_links;
    tar_input input;
    const tar_form *form;
    void *form_state;
    tar_head head; /* of next alone, so that it is no burden on a stack */
    char name[TAR_NAME_MAX + 1];

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t moved;
    TAILQ_HEAD(, member) members;
    member *streaming; /* the one that is read where it lies */
    uint64_t held;     /* bytes in memory */
    bool stopped;
} tar_source;

/* ---- names ---- */

/* Components without "." and empty ones, as core takes them; "." for what has none.  NULL: why it cannot be. */
static const char *clean(const char *written, char out[TAR_NAME_MAX + 1])
{
    size_t n = 0;
    if (written[0] == '/')
        return "is an absolute name";
    for (const char *at = written; *at != '\0'; at += strspn(at, "/")) {
        size_t bytes = strcspn(at, "/");
        if (bytes == 2 && at[0] == '.' && at[1] == '.')
            return "leads out of the archive";
        if (bytes > TAR_COMPONENT_MAX)
            return "has a component that is too long";
        if (bytes != 1 || at[0] != '.') {
            if (n > 0)
                out[n++] = '/';
            memcpy(out + n, at, bytes); /* no longer than what is written */
            n += bytes;
        }
        at += bytes;
    }
    if (n == 0)
        out[n++] = '.';
    out[n] = '\0';
    return NULL;
}

/* A directory that is left out takes along what lies below it. */
static bool is_wanted(tar_source *source, bool directory)
{
    if (source->wanted == NULL || strcmp(source->name, ".") == 0)
        return true;
    for (char *slash = strchr(source->name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool above = source->wanted(source->wanted_user, source->name, true);
        *slash = '/';
        if (!above)
            return false;
    }
    return source->wanted(source->wanted_user, source->name, directory);
}

/* ---- members ---- */

static int stopped(const tar_source *source)
{
    return source->host->fail(source->host, SLUICE_ECANCELLED, "%.700s: interrupted", source->input.place);
}

/* With the lock held. */
static void release(tar_source *source, member *gone)
{
    if (source->streaming == gone)
        source->streaming = NULL;
    TAILQ_REMOVE(&source->members, gone, link);
    if (gone->bytes != NULL) {
        source->held -= gone->size;
        source->host->resize(source->host, gone->bytes, 0);
    }
    source->host->resize(source->host, gone, 0);
    pthread_cond_signal(&source->moved);
}

/* Of one name there is one at a time.  With the lock held. */
static member *find(tar_source *source, const char *name)
{
    member *each;
    TAILQ_FOREACH(each, &source->members, link)
    if (strcmp(each->name, name) == 0)
        return each;
    return NULL;
}

/* Whether the stream may be read on; with a name, whether a member of it may be added. */
static bool may_go_on(tar_source *source, const char *name, uint64_t size)
{
    if (name == NULL)
        return source->streaming == NULL;
    return find(source, name) == NULL && (size > MEMBER_MOST || source->held + size <= HELD_MOST);
}

static int wait_for(tar_source *source, const char *name, uint64_t size)
{
    pthread_mutex_lock(&source->lock);
    while (!source->stopped && !may_go_on(source, name, size))
        pthread_cond_wait(&source->moved, &source->lock);
    bool over = source->stopped;
    pthread_mutex_unlock(&source->lock);
    return over ? stopped(source) : SLUICE_OK;
}

/* Reads all bytes of a member into memory. */
static int fetch(tar_source *source, member *added)
{
    uint64_t at = 0;
    added->bytes = source->host->resize(source->host, NULL, (size_t)added->size);
    if (added->bytes == NULL)
        return source->host->fail(source->host, SLUICE_ENOMEM, "%.700s: out of memory", added->name);
    while (at < added->size) {
        int64_t got = source->form->read(source->form_state, added->bytes + at, (size_t)(added->size - at));
        if (got < 0)
            return (int)got;
        if (got == 0)
            return source->host->fail(source->host, SLUICE_EIO, "%.700s: has less bytes than its head says", added->name);
        at += (uint64_t)got;
    }
    return SLUICE_OK;
}

static int add(tar_source *source, const char *name, uint64_t size)
{
    const sluice_host *host = source->host;
    size_t bytes = strlen(name) + 1;
    int status = wait_for(source, name, size);
    if (status != SLUICE_OK)
        return status;
    member *added = host->resize(host, NULL, sizeof *added + bytes);
    if (added == NULL)
        return host->fail(host, SLUICE_ENOMEM, "%.700s: out of memory", name);
    *added = (member){.size = size};
    memcpy(added->name, name, bytes);
    if (size > 0 && size <= MEMBER_MOST)
        status = fetch(source, added);
    if (status != SLUICE_OK) {
        host->resize(host, added->bytes, 0);
        host->resize(host, added, 0);
        return status;
    }
    pthread_mutex_lock(&source->lock);
    TAILQ_INSERT_TAIL(&source->members, added, link);
    if (added->bytes != NULL)
        source->held += size;
    else if (size > 0)
        source->streaming = added;
    pthread_mutex_unlock(&source->lock);
    return SLUICE_OK;
}

/* ---- the stream ---- */

static int open_input(tar_source *source)
{
    tar_input *input = &source->input;
    /* Without waiting for a named pipe's writer: reading does that. */
    input->fd = source->path == NULL ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                     : open(source->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (input->fd < 0)
        return source->host->fail(source->host, errno == ENOENT ? SLUICE_ENOENT : SLUICE_EIO, "%.700s: %s: %s",
                                  input->place, source->path != NULL ? "cannot be opened" : "is closed", strerror(errno));
    sluice_flow_widen(input->fd);
    return SLUICE_OK;
}

/* A tar begins with a name, and no name that tar writes begins with a line's end. */
static int choose_form(tar_source *source)
{
    static const char head[] = "File:";
    tar_input *input = &source->input;
    int64_t there = tar_input_peek(input, sizeof head);
    if (there < 0)
        return (int)there;
    const char *bytes = (const char *)input->bytes;
    bool heads = there >= 6 && (memcmp(bytes, head, 5) == 0 || (bytes[0] == '\n' && memcmp(bytes + 1, head, 5) == 0));
    if (source->wanted_form == FORM_HEADS || (source->wanted_form == FORM_AUTO && heads) || there == 0) {
        source->form = &tar_heads;
        return SLUICE_OK;
    }
#ifdef SLUICE_HAVE_LIBARCHIVE
    source->form = &tar_archive;
    return SLUICE_OK;
#else
    return source->host->fail(source->host, SLUICE_EUNSUPPORTED,
                              "%.700s: this build of sluice reads no tars (it was made without libarchive)", input->place);
#endif
}

static int begin(tar_source *source)
{
    int status = choose_form(source);
    return status == SLUICE_OK ? source->form->begin(&source->input, &source->form_state) : status;
}

/* ---- the plugin ---- */

static void fill_entry(const tar_source *source, sluice_entry *out)
{
    const tar_head *head = &source->head;
    *out = (sluice_entry){
        .type = head->type,
        .name = source->name,
        .size = head->size,
        .mode = head->mode,
        .mtime_ns = head->mtime_ns,
        .atime_ns = head->atime_ns,
        .uid = head->uid,
        .gid = head->gid,
        .user = head->user[0] != '\0' ? head->user : NULL,
        .group = head->group[0] != '\0' ? head->group : NULL,
        .target = head->type == SLUICE_ENTRY_SYMLINK ? head->target : NULL,
    };
}

/* One member of the stream; SLUICE_EAGAIN: it is left out. */
static int next_member(tar_source *source, sluice_entry *out)
{
    tar_head *head = &source->head;
    int status = source->form->next(source->form_state, head);
    const char *why = status == SLUICE_OK ? clean(head->name, source->name) : NULL;
    if (status == SLUICE_OK && why == NULL && head->type != SLUICE_ENTRY_DIRECTORY && strcmp(source->name, ".") == 0)
        why = "is no name of a file";
    if (why != NULL)
        status = source->host->fail(source->host, SLUICE_EOUTSIDE, "%.700s: %s, and is not sent", head->name, why);
    if (status != SLUICE_OK) {
        out->name = status != SLUICE_EEND && head->name[0] != '\0' ? head->name : NULL;
        return status;
    }
    if (!is_wanted(source, head->type == SLUICE_ENTRY_DIRECTORY) ||
        (source->skip_links && head->type == SLUICE_ENTRY_SYMLINK))
        return SLUICE_EAGAIN;
    fill_entry(source, out);
    if (head->type != SLUICE_ENTRY_FILE)
        return SLUICE_OK;
    status = add(source, source->name, head->size);
    if (status != SLUICE_OK)
        out->name = NULL; /* nothing that follows could be read either */
    return status;
}

static int next(void *state, sluice_entry *out)
{
    tar_source *source = state;
    out->name = NULL;
    int status = wait_for(source, NULL, 0);
    if (status == SLUICE_OK && source->form_state == NULL)
        status = begin(source);
    if (status != SLUICE_OK)
        return status;
    do
        status = next_member(source, out);
    while (status == SLUICE_EAGAIN);
    return status;
}

static int open_object(void *state, const char *name, uint32_t operand, void **object, uint64_t *size)
{
    tar_source *source = state;
    (void)operand;
    pthread_mutex_lock(&source->lock);
    member *found = find(source, name);
    if (found != NULL && (found->open || found->used || found->settled))
        found = NULL;
    if (found != NULL)
        found->open = found->used = true;
    pthread_mutex_unlock(&source->lock);
    if (found == NULL)
        return source->host->fail(source->host, SLUICE_ENOENT, "%.700s: is not there any more: a stream is read once", name);
    *object = found;
    *size = found->size;
    return SLUICE_OK;
}

/* What was read of the one in the stream; when that is all, next goes on. */
static void advance(tar_source *source, member *from, uint64_t bytes)
{
    pthread_mutex_lock(&source->lock);
    from->at += bytes;
    if (from->at == from->size && source->streaming == from) {
        source->streaming = NULL;
        pthread_cond_signal(&source->moved);
    }
    pthread_mutex_unlock(&source->lock);
}

static int64_t read_object(void *state, void *object, uint64_t offset, const struct iovec *buffers, int count,
                           sluice_completion *completion)
{
    tar_source *source = state;
    member *from = object;
    (void)completion;
    if (count < 1 || offset >= from->size)
        return 0;
    size_t room = buffers[0].iov_len;
    if (room > from->size - offset)
        room = (size_t)(from->size - offset);
    if (from->bytes != NULL) {
        memcpy(buffers[0].iov_base, from->bytes + offset, room);
        return (int64_t)room;
    }
    if (offset != from->at)
        return source->host->fail(source->host, SLUICE_EINVAL, "%.700s: cannot be read again from byte %" PRIu64, from->name,
                                  offset);
    int64_t got = source->form->read(source->form_state, buffers[0].iov_base, room);
    if (got == 0)
        return source->host->fail(source->host, SLUICE_EIO, "%.700s: has less bytes than its head says", from->name);
    if (got > 0)
        advance(source, from, (uint64_t)got);
    return got;
}

static void close_object(void *state, void *object)
{
    tar_source *source = state;
    member *closed = object;
    pthread_mutex_lock(&source->lock);
    closed->open = false;
    if (source->streaming == closed) {
        source->streaming = NULL;
        pthread_cond_signal(&source->moved);
    }
    if (closed->settled)
        release(source, closed);
    pthread_mutex_unlock(&source->lock);
}

static void settled(void *state, const char *name, uint32_t operand)
{
    tar_source *source = state;
    (void)operand;
    pthread_mutex_lock(&source->lock);
    member *found = find(source, name);
    if (found != NULL) {
        found->settled = true;
        if (!found->open)
            release(source, found);
    }
    pthread_mutex_unlock(&source->lock);
}

static void interrupt(void *state)
{
    tar_source *source = state;
    pthread_mutex_lock(&source->lock);
    source->stopped = true;
    pthread_cond_signal(&source->moved);
    pthread_mutex_unlock(&source->lock);
    sluice_bell_ring(&source->input.bell);
}

static void fini(void *state)
{
    tar_source *source = state;
    if (source->form != NULL)
        source->form->end(source->form_state);
    pthread_mutex_lock(&source->lock);
    while (!TAILQ_EMPTY(&source->members))
        release(source, TAILQ_FIRST(&source->members));
    pthread_mutex_unlock(&source->lock);
    if (source->input.fd >= 0)
        (void)close(source->input.fd);
    sluice_bell_fini(&source->input.bell);
    pthread_cond_destroy(&source->moved);
    pthread_mutex_destroy(&source->lock);
    if (source->path != NULL)
        source->host->resize(source->host, source->path, 0);
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_source_spec *spec)
{
    tar_source *source = state;
    bool named = spec->argument != NULL && spec->argument[0] != '\0' && strcmp(spec->argument, "-") != 0;
    source->host = host;
    source->wanted_form = ((const tar_config *)config)->form;
    source->wanted = spec->wanted;
    source->wanted_user = spec->wanted_user;
    source->skip_links = spec->tree_symlinks == SLUICE_SYMLINKS_SKIP;
    source->input.host = host;
    source->input.fd = -1;
    TAILQ_INIT(&source->members);
    int status = sluice_sole_own(host, "tar", spec->root);
    if (status == SLUICE_OK && named && (source->path = sluice_sole_copy(host, spec->argument)) == NULL)
        status = SLUICE_ENOMEM;
    source->input.place = source->path != NULL ? source->path : "standard input";
    if (status == SLUICE_OK && (errno = sluice_bell_init(&source->input.bell)) != 0)
        status = host->fail(host, SLUICE_EIO, "tar: cannot make an eventfd: %s", strerror(errno));
    else if (status == SLUICE_OK && (status = open_input(source)) != SLUICE_OK)
        sluice_bell_fini(&source->input.bell);
    if (status != SLUICE_OK) {
        if (source->path != NULL)
            host->resize(host, source->path, 0);
        return status;
    }
    pthread_mutex_init(&source->lock, NULL);
    pthread_cond_init(&source->moved, NULL);
    return SLUICE_OK;
}

static const sluice_source_ops ops = {
    .capabilities = SLUICE_SOURCE_SIZE_KNOWN | SLUICE_SOURCE_PARALLEL | SLUICE_SOURCE_ONCE | SLUICE_SOURCE_IN_TURN,
    .init = init,
    .fini = fini,
    .next = next,
    .open = open_object,
    .read = read_object,
    .close = close_object,
    .interrupt = interrupt,
    .settled = settled,
};

SLUICE_PLUGIN_DEFINE(source, tar, SLUICE_SOURCE, SLUICE_SOURCE_ABI, .name = "tar", .version = "1.0",
                     .summary = "the files in a tar, or behind heads as ascp has them, of standard input or a file",
                     .options = options, .option_count = SLUICE_COUNT(options), .config_size = sizeof(tar_config),
                     .state_size = sizeof(tar_source), .ops = &ops, .ops_size = sizeof ops);
