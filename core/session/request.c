/* SPDX-License-Identifier: Apache-2.0 */
#include "session/request.h"

#include "session/message.h"
#include <stdlib.h>
#include <string.h>

#define REQUEST_BATCH_BYTES 32768u /* an OPERANDS message is closed when it has grown past this */
#define REQUEST_NAME_MAX 16384u    /* of one path, name or pattern */

/* Fields of REQUEST; odd ones must be understood. */
enum {
    FIELD_PUSH = 1,
    FIELD_DESTINATION = 3,
    FIELD_ARGUMENT = 5,
    FIELD_FLAGS = 7,
    FIELD_PRESERVE = 9,
    FIELD_OVERWRITE = 11,
    FIELD_RESUME = 13,
    FIELD_SYNC = 15,
    FIELD_CHECKSUM = 17,
    FIELD_TREE_SYMLINKS = 19,
    FIELD_NAMED_SYMLINKS = 21,
    FIELD_TARGET = 22,
    FIELD_MINIMUM = 24,
    FIELD_CONGESTION = 26,
    FIELD_SEED = 27,
    FIELD_MORE = 29,
    FIELD_PROBE = 31,
    FIELD_OPEN = 33,
    FIELD_NEWEST = 37,
    FIELD_OLDEST = 39,
    FIELD_DROP_BEHIND = 40
};
enum { FLAG_SINGLE = 1, FLAG_EXPLICIT_NAMES = 2, FLAG_MAKE_PARENTS = 4 };

/* Fields of OPERANDS. */
enum {
    OPERAND_PATH = 1,
    OPERAND_AS = 3,
    OPERAND_EXCLUDE = 5,
    OPERAND_INCLUDE = 7,
    OPERAND_LAST = 9,
    OPERAND_RANGE = 11, /* of the last path: two u64 */
    OPERAND_DROP = 13   /* SOURCES alone */
};

void sluice_request_init(sluice_request *request)
{
    memset(request, 0, sizeof(*request));
    request->preserve = SLUICE_PRESERVE_TIMES | SLUICE_PRESERVE_MODE;
    request->overwrite = SLUICE_OVERWRITE_DIFFERENT;
    request->resume = SLUICE_RESUME_FULL;
    request->tree_symlinks = SLUICE_SYMLINKS_COPY;
    request->named_symlinks = SLUICE_SYMLINKS_FOLLOW;
}

static void owned_free(const char *text)
{
    free((void *)(uintptr_t)text);
}

void sluice_request_operands_clear(sluice_request *request)
{
    for (size_t i = 0; i < request->operand_count; i++) {
        const sluice_operand *operand = &request->operands[i];
        request->text_bytes -= strlen(operand->path) + 1 + (operand->as ? strlen(operand->as) + 1 : 0);
        owned_free(operand->path);
        owned_free(operand->as);
    }
    request->operand_count = 0;
}

void sluice_request_fini(sluice_request *request)
{
    sluice_request_operands_clear(request);
    for (size_t i = 0; i < request->rule_count; i++)
        free(request->rules[i].pattern);
    free(request->operands);
    free(request->rules);
    free(request->destination);
    free(request->argument);
    free(request->congestion);
    memset(request, 0, sizeof(*request));
}

/* A copy of text on the request's account. */
static int text_copy(sluice_request *request, const char *text, char **out)
{
    size_t bytes = strlen(text) + 1;
    if (bytes > SLUICE_REQUEST_BYTES_MAX - request->text_bytes)
        return SLUICE_ELIMIT;
    char *copy = strdup(text);
    if (!copy)
        return SLUICE_ENOMEM;
    request->text_bytes += bytes;
    *out = copy;
    return SLUICE_OK;
}

static int text_set(sluice_request *request, char **field, const char *text)
{
    char *copy = NULL;
    if (text) {
        int status = text_copy(request, text, &copy);
        if (status)
            return status;
    }
    free(*field);
    *field = copy;
    return SLUICE_OK;
}

int sluice_request_destination_set(sluice_request *request, const char *path)
{
    return text_set(request, &request->destination, path);
}

int sluice_request_argument_set(sluice_request *request, const char *argument)
{
    return text_set(request, &request->argument, argument);
}

int sluice_request_congestion_set(sluice_request *request, const char *name)
{
    return text_set(request, &request->congestion, name);
}

/* Room for one more element; *list and *capacity grow. */
static int room_make(void **list, size_t count, size_t *capacity, size_t bytes)
{
    if (count < *capacity)
        return SLUICE_OK;
    size_t grown = *capacity ? *capacity * 2 : 8;
    void *memory = reallocarray(*list, grown, bytes);
    if (!memory)
        return SLUICE_ENOMEM;
    *list = memory;
    *capacity = grown;
    return SLUICE_OK;
}

int sluice_request_operand_add(sluice_request *request, const sluice_operand *operand)
{
    void *list = request->operands;
    int status = room_make(&list, request->operand_count, &request->operand_capacity, sizeof(*request->operands));
    request->operands = list;
    char *path_copy = NULL, *as_copy = NULL;
    if (!status)
        status = text_copy(request, operand->path, &path_copy);
    if (!status && operand->as)
        status = text_copy(request, operand->as, &as_copy);
    if (status) {
        free(path_copy);
        return status;
    }
    request->operands[request->operand_count++] =
        (sluice_operand){.path = path_copy, .as = as_copy, .from = operand->from, .to = operand->to};
    return SLUICE_OK;
}

int sluice_request_rule_add(sluice_request *request, bool include, const char *pattern)
{
    void *list = request->rules;
    int status = room_make(&list, request->rule_count, &request->rule_capacity, sizeof(*request->rules));
    request->rules = list;
    char *copy = NULL;
    if (!status)
        status = text_copy(request, pattern, &copy);
    if (status)
        return status;
    request->rules[request->rule_count++] = (sluice_rule){.include = include, .pattern = copy};
    return SLUICE_OK;
}

/* ---- encoding ---- */

static void message_put(sluice_wire_writer *writer, sluice_message type, const sluice_wire_writer *body)
{
    sluice_wire_put_number(writer, type);
    sluice_wire_put_string(writer, body->bytes, body->size);
    writer->failed = writer->failed || body->failed;
}

static void text_put(sluice_wire_writer *body, uint64_t tag, const char *text)
{
    if (text)
        sluice_wire_put_field(body, tag, text, strlen(text));
}

static uint64_t rate_most(sluice_rate rate)
{
    return rate < SLUICE_WIRE_NUMBER_MAX ? rate : SLUICE_WIRE_NUMBER_MAX;
}

static void head_put(const sluice_request *request, bool more, sluice_wire_writer *body)
{
    unsigned flags = (request->single ? FLAG_SINGLE : 0u) | (request->explicit_names ? FLAG_EXPLICIT_NAMES : 0u) |
                     (request->make_parents ? FLAG_MAKE_PARENTS : 0u);
    sluice_wire_put_field_number(body, FIELD_PUSH, request->push);
    if (request->push)
        text_put(body, FIELD_DESTINATION, request->destination);
    else
        text_put(body, FIELD_ARGUMENT, request->argument);
    sluice_wire_put_field_number(body, FIELD_FLAGS, flags);
    sluice_wire_put_field_number(body, FIELD_PRESERVE, request->preserve);
    sluice_wire_put_field_number(body, FIELD_OVERWRITE, request->overwrite);
    sluice_wire_put_field_number(body, FIELD_RESUME, request->resume);
    sluice_wire_put_field_number(body, FIELD_SYNC, request->sync);
    sluice_wire_put_field_number(body, FIELD_CHECKSUM, request->checksum);
    sluice_wire_put_field_number(body, FIELD_TREE_SYMLINKS, request->tree_symlinks);
    sluice_wire_put_field_number(body, FIELD_NAMED_SYMLINKS, request->named_symlinks);
    sluice_wire_put_field_number(body, FIELD_TARGET, rate_most(request->target_bps));
    sluice_wire_put_field_number(body, FIELD_MINIMUM, rate_most(request->minimum_bps));
    text_put(body, FIELD_CONGESTION, request->congestion);
    sluice_wire_put_field_u64(body, FIELD_SEED, request->seed);
    sluice_wire_put_field_number(body, FIELD_MORE, more);
    if (request->probe) /* older servers refuse it */
        sluice_wire_put_field_number(body, FIELD_PROBE, 1);
    if (!request->push && request->has_newest)
        sluice_wire_put_field_u64(body, FIELD_NEWEST, (uint64_t)request->newest_ns);
    if (!request->push && request->has_oldest)
        sluice_wire_put_field_u64(body, FIELD_OLDEST, (uint64_t)request->oldest_ns);
    if (request->open)
        sluice_wire_put_field_number(body, FIELD_OPEN, 1);
    if (request->drop_behind)
        sluice_wire_put_field_number(body, FIELD_DROP_BEHIND, 1);
}

/* Servers that know no ranges refuse them: the field is only there where it says something. */
static void operand_put(const sluice_operand *operand, sluice_wire_writer *body)
{
    text_put(body, OPERAND_PATH, operand->path);
    text_put(body, OPERAND_AS, operand->as);
    if (operand->from == 0 && (operand->to == 0 || operand->to == SLUICE_UNKNOWN))
        return;
    sluice_wire_writer range = {0};
    sluice_wire_put_u64(&range, operand->from);
    sluice_wire_put_u64(&range, operand->to ? operand->to : SLUICE_UNKNOWN);
    sluice_wire_put_field(body, OPERAND_RANGE, range.bytes, range.size);
    body->failed = body->failed || range.failed;
    sluice_wire_writer_fini(&range);
}

/* Operands and rules, a batch a message, the last one marked. */
static void lists_put(const sluice_request *request, sluice_wire_writer *writer, sluice_wire_writer *body)
{
    sluice_wire_clear(body);
    for (size_t i = 0; i < request->operand_count + request->rule_count; i++) {
        if (body->size > REQUEST_BATCH_BYTES) {
            message_put(writer, SLUICE_MESSAGE_OPERANDS, body);
            sluice_wire_clear(body);
        }
        if (i < request->operand_count) {
            operand_put(&request->operands[i], body);
        } else {
            const sluice_rule *rule = &request->rules[i - request->operand_count];
            text_put(body, rule->include ? OPERAND_INCLUDE : OPERAND_EXCLUDE, rule->pattern);
        }
    }
    sluice_wire_put_field(body, OPERAND_LAST, NULL, 0);
    message_put(writer, SLUICE_MESSAGE_OPERANDS, body);
}

static int length_check(const char *text, sluice_error *error)
{
    if (text && strlen(text) > REQUEST_NAME_MAX)
        return sluice_fail(error, SLUICE_EINVAL, "%.60s...: longer than %u bytes", text, REQUEST_NAME_MAX);
    return SLUICE_OK;
}

int sluice_request_operand_check(const sluice_operand *operand, sluice_error *error)
{
    int status = length_check(operand->path, error);
    return status ? status : length_check(operand->as, error);
}

static int lengths_check(const sluice_request *request, sluice_error *error)
{
    int status = length_check(request->destination, error);
    if (!status)
        status = length_check(request->argument, error);
    if (!status)
        status = length_check(request->congestion, error);
    for (size_t i = 0; i < request->operand_count && !status; i++)
        status = sluice_request_operand_check(&request->operands[i], error);
    for (size_t i = 0; i < request->rule_count && !status; i++)
        status = length_check(request->rules[i].pattern, error);
    return status;
}

int sluice_request_encode(const sluice_request *request, sluice_wire_writer *writer, sluice_error *error)
{
    int status = lengths_check(request, error);
    if (status)
        return status;
    bool more = !request->push && request->operand_count + request->rule_count > 0;
    sluice_wire_writer body = {0};
    head_put(request, more, &body);
    message_put(writer, SLUICE_MESSAGE_REQUEST, &body);
    if (more)
        lists_put(request, writer, &body);
    sluice_wire_writer_fini(&body);
    return writer->failed ? sluice_fail(error, SLUICE_ENOMEM, "out of memory for the request") : SLUICE_OK;
}

/* ---- decoding ---- */

/* A number of the peer's that must be at most `most`. */
static int number_read(sluice_wire_reader *body, uint64_t most, uint64_t *out)
{
    uint64_t number = sluice_wire_get_number(body);
    if (body->bad || number > most)
        return SLUICE_EPROTOCOL;
    *out = number;
    return SLUICE_OK;
}

static int text_read(sluice_request *request, sluice_wire_reader *body, char **field)
{
    if (sluice_wire_left(body) > REQUEST_NAME_MAX)
        return SLUICE_ELIMIT;
    int status = SLUICE_OK;
    char *text = sluice_wire_text(body->at, sluice_wire_left(body), &status);
    if (!text)
        return status;
    status = text_set(request, field, text);
    free(text);
    return status;
}

static int field_read(sluice_request *request, uint64_t tag, sluice_wire_reader *body, bool *more)
{
    uint64_t number = 0;
    int status = SLUICE_OK;
    switch (tag) {
#define REQUEST_NUMBER(field_tag, most, assignment)                                                                   \
    case field_tag:                                                                                                   \
        status = number_read(body, most, &number);                                                                    \
        if (!status)                                                                                                  \
            assignment;                                                                                               \
        return status;
        REQUEST_NUMBER(FIELD_PUSH, 1, request->push = number)
        REQUEST_NUMBER(FIELD_PRESERVE, 63, request->preserve = (unsigned)number)
        REQUEST_NUMBER(FIELD_OVERWRITE, SLUICE_OVERWRITE_OLDER, request->overwrite = (sluice_overwrite)number)
        REQUEST_NUMBER(FIELD_RESUME, SLUICE_RESUME_FULL, request->resume = (sluice_resume)number)
        REQUEST_NUMBER(FIELD_SYNC, SLUICE_SYNC_END, request->sync = (sluice_sync)number)
        REQUEST_NUMBER(FIELD_CHECKSUM, SLUICE_CHECKSUM_NONE, request->checksum = (sluice_checksum)number)
        REQUEST_NUMBER(FIELD_TREE_SYMLINKS, SLUICE_SYMLINKS_SKIP, request->tree_symlinks = (sluice_symlinks)number)
        REQUEST_NUMBER(FIELD_NAMED_SYMLINKS, SLUICE_SYMLINKS_SKIP, request->named_symlinks = (sluice_symlinks)number)
        REQUEST_NUMBER(FIELD_TARGET, SLUICE_WIRE_NUMBER_MAX, request->target_bps = number)
        REQUEST_NUMBER(FIELD_MINIMUM, SLUICE_WIRE_NUMBER_MAX, request->minimum_bps = number)
        REQUEST_NUMBER(FIELD_MORE, 1, *more = number)
        REQUEST_NUMBER(FIELD_PROBE, 1, request->probe = number)
        REQUEST_NUMBER(FIELD_OPEN, 1, request->open = number)
        REQUEST_NUMBER(FIELD_DROP_BEHIND, 1, request->drop_behind = number)
#undef REQUEST_NUMBER
    case FIELD_FLAGS:
        status = number_read(body, SLUICE_WIRE_NUMBER_MAX, &number);
        request->single = number & FLAG_SINGLE;
        request->explicit_names = number & FLAG_EXPLICIT_NAMES;
        request->make_parents = number & FLAG_MAKE_PARENTS;
        return status;
    case FIELD_SEED:
        request->seed = sluice_wire_get_u64(body);
        return body->bad ? SLUICE_EPROTOCOL : SLUICE_OK;
    case FIELD_NEWEST:
        request->has_newest = true;
        request->newest_ns = (int64_t)sluice_wire_get_u64(body);
        return body->bad ? SLUICE_EPROTOCOL : SLUICE_OK;
    case FIELD_OLDEST:
        request->has_oldest = true;
        request->oldest_ns = (int64_t)sluice_wire_get_u64(body);
        return body->bad ? SLUICE_EPROTOCOL : SLUICE_OK;
    case FIELD_DESTINATION:
        return text_read(request, body, &request->destination);
    case FIELD_ARGUMENT:
        return text_read(request, body, &request->argument);
    case FIELD_CONGESTION:
        return text_read(request, body, &request->congestion);
    default:
        return tag & 1 ? SLUICE_EUNSUPPORTED : SLUICE_OK;
    }
}

static int decode_fail(int status, const char *what, uint64_t tag, sluice_error *error)
{
    switch (status) {
    case SLUICE_ENOMEM:
        return sluice_fail(error, status, "out of memory for the %s", what);
    case SLUICE_ELIMIT:
        return sluice_fail(error, status, "%s: more than %u bytes of names; copy fewer at once", what,
                           SLUICE_REQUEST_BYTES_MAX);
    case SLUICE_EUNSUPPORTED:
        return sluice_fail(error, status, "%s: field %llu is not known here; is the other side newer?", what,
                           (unsigned long long)tag);
    default:
        return sluice_fail(error, SLUICE_EPROTOCOL, "%s: field %llu is malformed", what, (unsigned long long)tag);
    }
}

int sluice_request_decode(sluice_request *request, sluice_wire_reader *body, bool *more, sluice_error *error)
{
    sluice_wire_reader field;
    uint64_t tag = 0;
    *more = false;
    while (sluice_wire_get_field(body, &tag, &field)) {
        int status = field_read(request, tag, &field, more);
        if (status)
            return decode_fail(status, "request", tag, error);
    }
    if (body->bad || (request->push && !request->destination) || (request->push && *more))
        return decode_fail(SLUICE_EPROTOCOL, "request", tag, error);
    return SLUICE_OK;
}

/* A second one of the same operand would say something else. */
static int range_read(sluice_request *request, sluice_wire_reader *field)
{
    sluice_operand *last = request->operand_count ? &request->operands[request->operand_count - 1] : NULL;
    uint64_t from = sluice_wire_get_u64(field), to = sluice_wire_get_u64(field);
    if (field->bad || !last || last->from || last->to || to <= from)
        return SLUICE_EPROTOCOL;
    last->from = from;
    last->to = to;
    return SLUICE_OK;
}

/* One field of OPERANDS. */
static int operand_read(sluice_request *request, uint64_t tag, sluice_wire_reader *field, bool *more)
{
    if (tag == OPERAND_LAST) {
        *more = false;
        return SLUICE_OK;
    }
    if (tag == OPERAND_RANGE)
        return range_read(request, field);
    if (tag > OPERAND_LAST || !(tag & 1))
        return tag & 1 ? SLUICE_EUNSUPPORTED : SLUICE_OK;
    if (sluice_wire_left(field) > REQUEST_NAME_MAX)
        return SLUICE_ELIMIT;
    int status = SLUICE_OK;
    char *text = sluice_wire_text(field->at, sluice_wire_left(field), &status);
    if (!text)
        return status;
    if (tag == OPERAND_PATH) {
        status = sluice_request_operand_add(request, &(sluice_operand){.path = text});
    } else if (tag == OPERAND_AS) {
        sluice_operand *last = request->operand_count ? &request->operands[request->operand_count - 1] : NULL;
        char *as = NULL;
        status = last && !last->as ? text_copy(request, text, &as) : SLUICE_EPROTOCOL;
        if (!status)
            last->as = as;
    } else {
        status = sluice_request_rule_add(request, tag == OPERAND_INCLUDE, text);
    }
    free(text);
    return status;
}

int sluice_request_decode_operands(sluice_request *request, sluice_wire_reader *body, bool *more,
                                   sluice_error *error)
{
    sluice_wire_reader field;
    uint64_t tag = 0;
    *more = true;
    while (sluice_wire_get_field(body, &tag, &field)) {
        int status = operand_read(request, tag, &field, more);
        if (status)
            return decode_fail(status, "list of names", tag, error);
    }
    return body->bad ? decode_fail(SLUICE_EPROTOCOL, "list of names", tag, error) : SLUICE_OK;
}

/* ---- while it is open ---- */

void sluice_request_put_change(sluice_wire_writer *body, const sluice_request_change *change)
{
    if (change->add)
        operand_put(change->add, body);
    if (change->drop != UINT32_MAX)
        sluice_wire_put_field_number(body, OPERAND_DROP, change->drop);
    if (change->last)
        sluice_wire_put_field(body, OPERAND_LAST, NULL, 0);
}

/* Rules are those of the beginning. */
static int change_read(sluice_request *request, uint64_t tag, sluice_wire_reader *field, uint32_t *drop)
{
    uint64_t number = 0;
    bool more = true;
    if (tag == OPERAND_EXCLUDE || tag == OPERAND_INCLUDE)
        return SLUICE_EPROTOCOL;
    if (tag != OPERAND_DROP) {
        int status = operand_read(request, tag, field, &more);
        request->open = request->open && more;
        return status;
    }
    if (request->operand_count == 0 || *drop != UINT32_MAX)
        return SLUICE_EPROTOCOL;
    int status = number_read(field, request->operand_count - 1, &number);
    *drop = status ? UINT32_MAX : (uint32_t)number;
    return status;
}

int sluice_request_take_change(sluice_request *request, sluice_wire_reader *body, uint32_t *drop, sluice_error *error)
{
    sluice_wire_reader field;
    uint64_t tag = 0;
    *drop = UINT32_MAX;
    while (sluice_wire_get_field(body, &tag, &field)) {
        if (!request->open && tag != OPERAND_DROP)
            return sluice_fail(error, SLUICE_EPROTOCOL, "sources came for a session that takes no more");
        int status = change_read(request, tag, &field, drop);
        if (status)
            return decode_fail(status, "list of sources", tag, error);
    }
    return body->bad ? decode_fail(SLUICE_EPROTOCOL, "list of sources", tag, error) : SLUICE_OK;
}
