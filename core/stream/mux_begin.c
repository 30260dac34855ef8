/* SPDX-License-Identifier: Apache-2.0 */
/* mux_begin.c - how a stream begins, at either side. */
#include "stream/mux_state.h"

#include <string.h>

enum { OPEN_ANNOUNCED = 2, OPEN_DEADLINE = 3, OPEN_DROP_BEHIND = 4 }; /* fields of OPEN; an odd one must be understood */

static void open_message(sluice_mux *mux, const sluice_stream *stream)
{
    sluice_wire_writer *body = mux_message(mux, stream);
    sluice_wire_put_number(body, stream->mode);
    sluice_wire_put_number(body, stream->checksum);
    sluice_wire_put_string(body, stream->name, strlen(stream->name));
    if (stream->announced_own != SLUICE_UNKNOWN)
        sluice_wire_put_field_u64(body, OPEN_ANNOUNCED, stream->announced_own);
    if (stream->deadline_ns)
        sluice_wire_put_field_u64(body, OPEN_DEADLINE, stream->deadline_ns);
    if (stream->drop_behind)
        sluice_wire_put_field_u64(body, OPEN_DROP_BEHIND, 1);
    mux_send(mux, SLUICE_MESSAGE_STREAM_OPEN);
}

static void begin(sluice_mux *mux, sluice_stream *stream)
{
    if (mux->statistics.total_files == 0)
        mux->writes_first = stream->writes;
    stream->known = true;
    if (stream->writes)
        mux_out_open(mux, stream);
    if (stream->reads)
        mux_in_open(mux, stream);
    mux_tell_start(mux, stream);
}

/* Client: the program has made one. */
void mux_introduce(sluice_mux *mux, sluice_stream *stream)
{
    sluice_error why = {0};
    if (!mux_running(mux) || !mux_add(mux, stream)) {
        sluice_fail(&why, mux_running(mux) ? SLUICE_ELIMIT : SLUICE_ECLOSED, "%s",
                    mux_running(mux) ? "more streams than there is memory for" : "the session is over");
        mux_break(mux, stream, &why);
        mux_uncount(mux);
        return;
    }
    open_message(mux, stream);
    begin(mux, stream);
}

typedef struct opening {
    uint64_t id;
    sluice_stream_mode mode;
    sluice_checksum checksum;
    char name[SLUICE_STREAM_NAME_MAX + 1];
    uint64_t announced;
    sluice_duration deadline_ns;
    bool drop_behind;
} opening;

static int opening_get(opening *out, sluice_wire_reader *body, sluice_error *error)
{
    sluice_wire_reader field;
    uint64_t tag, mode = sluice_wire_get_number(body), checksum = sluice_wire_get_number(body);
    size_t length;
    const uint8_t *name = sluice_wire_get_string(body, &length);
    if (body->bad || mode < SLUICE_STREAM_PUSH || mode > SLUICE_STREAM_BOTH || checksum > SLUICE_CHECKSUM_NONE ||
        length > SLUICE_STREAM_NAME_MAX || (length && memchr(name, 0, length)))
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client asked for a stream in a malformed way");
    out->mode = (sluice_stream_mode)mode;
    out->checksum = (sluice_checksum)checksum;
    if (length)
        memcpy(out->name, name, length);
    out->name[length] = '\0';
    out->announced = SLUICE_UNKNOWN;
    while (sluice_wire_get_field(body, &tag, &field)) {
        if (tag == OPEN_ANNOUNCED)
            out->announced = sluice_wire_get_u64(&field);
        else if (tag == OPEN_DEADLINE)
            out->deadline_ns = sluice_wire_get_u64(&field);
        else if (tag == OPEN_DROP_BEHIND)
            out->drop_behind = sluice_wire_get_u64(&field) == 1;
        else if (tag & 1)
            return sluice_fail(error, SLUICE_EVERSION, "the client asks something of a stream that is not known here");
    }
    if (body->bad || out->deadline_ns > SLUICE_NEVER / 4)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client asked for a stream in a malformed way");
    return SLUICE_OK;
}

static int decide(sluice_mux *mux, const opening *want, void **stream_user, sluice_error *error)
{
    const sluice_stream_session *session = mux->session;
    const sluice_stream_request request = {
        .size = sizeof request,
        .name = want->name,
        .mode = want->mode,
        .announced_bytes = want->announced,
        .deadline_ns = want->deadline_ns,
        .peer = session->peer,
        .ticket = session->ticket,
    };
    if ((want->mode & SLUICE_STREAM_PUSH) && !session->may_write)
        return sluice_fail(error, SLUICE_EACCESS, "the server takes nothing from this ticket: it has no right to write");
    if ((want->mode & SLUICE_STREAM_PULL) && !session->may_read)
        return sluice_fail(error, SLUICE_EACCESS, "the server gives nothing to this ticket: it has no right to read");
    if (!mux->setup.requested)
        return SLUICE_OK;
    int status = mux->setup.requested(mux->setup.requested_user, &request, stream_user, error);
    if (status != SLUICE_OK && error->text[0] == '\0')
        sluice_fail(error, status, "%s", sluice_status_text(status));
    return status;
}

static void answer(sluice_mux *mux, const sluice_stream *stream, int status, const char *sentence)
{
    sluice_message_put_status(mux_message(mux, stream), status, sentence);
    mux_send(mux, SLUICE_MESSAGE_STREAM_ANSWER);
}

static void refuse(sluice_mux *mux, sluice_stream *stream, const sluice_error *why)
{
    answer(mux, stream, why->status, why->text);
    stream->known = true;
    mux_tell_start(mux, stream);
    mux_note_failure(stream, why->status, why->text);
    mux_tell_end(mux, stream);
    if (!stream->previous)
        return; /* should bytes of it come, `opened` will know nothing of it */
    if (stream->open_in)
        (void)mux->setup.carrier.ops->stop(mux->setup.carrier.state, mux_object(stream), (uint64_t)-why->status);
    mux_remove(mux, stream);
}

/* The stream of an OPEN whose bytes have come before it, or a new one. */
static int stream_for(sluice_mux *mux, const opening *want, sluice_stream **out)
{
    sluice_stream *early = mux_find(mux, want->id);
    if (early) {
        *out = early;
        sluice_stream_use(early);
        mux->early--;
        return SLUICE_OK;
    }
    return sluice_stream_new(mux->session, want->id, want->name, 0, want->checksum, want->deadline_ns, out);
}

/* What it wrote was not taken, and will not come again. */
static bool turned_away(sluice_mux *mux, uint64_t id)
{
    uint64_t *word = &mux->turned_away[id % MUX_AHEAD_MOST / 64], bit = UINT64_C(1) << id % 64;
    bool was = *word & bit;
    *word &= ~bit;
    return was;
}

static int accept_stream(sluice_stream *stream, const opening *want, void *stream_user)
{
    stream->mode = want->mode;
    stream->writes = want->mode & SLUICE_STREAM_PULL;
    stream->reads = want->mode & SLUICE_STREAM_PUSH;
    stream->deadline_ns = want->deadline_ns;
    stream->checksum = want->checksum;
    stream->drop_behind = want->drop_behind || stream->session->drop_behind;
    stream->announced_peer = want->announced;
    atomic_store(&stream->user, stream_user);
    memcpy(stream->name, want->name, sizeof stream->name);
    return sluice_stream_digests(stream);
}

/* Before the program is asked: whether there is a place for it.  Those that came early do not count: word of those that have
 * made room for them may be on its way.  Nor do those that are over, unless there are as many again. */
static bool has_place(sluice_mux *mux, sluice_stream *stream)
{
    bool early = stream->previous != NULL, away = turned_away(mux, stream->id);
    uint64_t others = mux->out_budget.shares - mux->early - mux->resting - early;
    uint64_t most = sluice_budget_most(&mux->out_budget);
    return !away && others < most && mux->resting < most && (early || mux_add(mux, stream));
}

int mux_opening_take(sluice_mux *mux, uint64_t id, sluice_wire_reader *body, sluice_error *error)
{
    opening want = {.id = id};
    sluice_stream *stream;
    sluice_error why = {0};
    void *stream_user = NULL;
    if (mux->session->client || id != mux->next_id)
        return sluice_fail(error, SLUICE_EPROTOCOL, "a stream was opened out of turn");
    int status = opening_get(&want, body, error);
    if (status == SLUICE_OK)
        status = stream_for(mux, &want, &stream);
    if (status != SLUICE_OK)
        return status;
    if (stream->arrived > 0 && !(want.mode & SLUICE_STREAM_PUSH)) {
        sluice_stream_leave(stream);
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client writes to a stream that it only reads");
    }
    mux->next_id++;
    if (!has_place(mux, stream))
        status = sluice_fail(&why, SLUICE_ELIMIT, "the server has as many streams as it has memory for");
    else
        status = decide(mux, &want, &stream_user, &why);
    if (status == SLUICE_OK) {
        status = accept_stream(stream, &want, stream_user);
        if (status != SLUICE_OK)
            sluice_fail(&why, status, "%s", sluice_status_text(status));
    }
    if (status != SLUICE_OK) {
        stream->writes = stream->reads = false;
        memcpy(stream->name, want.name, sizeof stream->name);
        refuse(mux, stream, &why);
        sluice_stream_leave(stream);
        return SLUICE_OK;
    }
    answer(mux, stream, SLUICE_OK, "");
    begin(mux, stream);
    mux_touch(mux, stream);
    mux->setup.accepted(mux->setup.requested_user, stream);
    return SLUICE_OK;
}

/* Bytes that come before their OPEN wait for it. */
int mux_early(sluice_mux *mux, uint64_t id)
{
    sluice_stream *stream;
    if (id - mux->next_id >= MUX_AHEAD_MOST) {
        mux_fail(mux, SLUICE_EPROTOCOL, "the client writes to streams that it has not opened");
        return SLUICE_EPROTOCOL;
    }
    int status = sluice_stream_new(mux->session, id, "", 0, SLUICE_CHECKSUM_NONE, 0, &stream);
    if (status != SLUICE_OK)
        return status;
    stream->open_in = true;
    if (mux_add(mux, stream)) {
        mux->early++;
    } else {
        status = SLUICE_ELIMIT;
        mux->turned_away[id % MUX_AHEAD_MOST / 64] |= UINT64_C(1) << id % 64;
    }
    sluice_stream_leave(stream);
    return status;
}
