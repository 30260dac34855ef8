/* SPDX-License-Identifier: Apache-2.0 */
#include "session/catalogue.h"

#include "session/message.h"
#include <stdlib.h>
#include <string.h>

/* Fields of ENTRY; odd ones must be understood. */
enum {
    FIELD_TYPE = 1,
    FIELD_NAME = 3,
    FIELD_OPERAND = 5,
    FIELD_SIZE = 7, /* of a file; without it the size is not known */
    FIELD_TARGET = 9,
    FIELD_MODE = 10,
    FIELD_MTIME = 12,
    FIELD_ATIME = 14,
    FIELD_UID = 16,
    FIELD_GID = 18,
    FIELD_USER = 20,
    FIELD_GROUP = 22,
    FIELD_ATTRIBUTES = 24, /* empty: known to have none */
    FIELD_SPARSE = 26      /* there where it is */
};

bool sluice_catalogue_name_valid(const char *name)
{
    if (strlen(name) > SLUICE_CATALOGUE_NAME_MAX)
        return false;
    for (const char *at = name;; at++) {
        size_t length = strcspn(at, "/");
        if (length == 0 || length > 255 || (length == 1 && at[0] == '.') ||
            (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += length;
        if (!*at)
            return true;
    }
}

bool sluice_catalogue_attributes_valid(const void *attributes, size_t bytes)
{
    const uint8_t *at = attributes;
    if (bytes > SLUICE_ATTRIBUTES_MAX)
        return false;
    while (bytes > 0) {
        if (bytes < 6)
            return false;
        size_t name = (size_t)at[0] << 8 | at[1];
        size_t value = (size_t)at[2] << 24 | (size_t)at[3] << 16 | (size_t)at[4] << 8 | at[5];
        at += 6;
        bytes -= 6;
        if (name == 0 || name > SLUICE_ATTRIBUTE_NAME_MAX || name > bytes || value > bytes - name ||
            memchr(at, 0, name))
            return false;
        at += name + value;
        bytes -= name + value;
    }
    return true;
}

/* The last component of a path, slashes at its end left out: where it begins and how long it is. */
static const char *last_component(const char *path, size_t *length)
{
    const char *end = path + strlen(path);
    while (end > path && end[-1] == '/')
        end--;
    const char *from = end;
    while (from > path && from[-1] != '/')
        from--;
    *length = (size_t)(end - from);
    return from;
}

bool sluice_catalogue_name_asked(const sluice_request *request, const sluice_entry *entry)
{
    if (request->operand_count == 0)
        return request->argument != NULL;
    if (entry->operand >= request->operand_count)
        return false;
    const sluice_operand *operand = &request->operands[entry->operand];
    size_t length;
    const char *top = last_component(operand->path, &length);
    if (operand->as) {
        top = operand->as;
        length = strlen(top);
        while (length && top[length - 1] == '/')
            length--;
    } else if (length == 0 || (length == 1 && top[0] == '.') || (length == 2 && top[0] == '.' && top[1] == '.')) {
        return true; /* all that lies in the root, or in a directory that the path does not name */
    }
    return strncmp(entry->name, top, length) == 0 && (entry->name[length] == 0 || entry->name[length] == '/');
}

static void record_put(sluice_wire_writer *writer, sluice_catalogue_type type, sluice_wire_writer *body)
{
    sluice_wire_put_number(writer, type);
    sluice_wire_put_string(writer, body->bytes, body->size);
    writer->failed = writer->failed || body->failed;
    sluice_wire_writer_fini(body);
}

void sluice_catalogue_put_entry(sluice_wire_writer *writer, const sluice_entry *entry)
{
    sluice_wire_writer body = {0};
    sluice_wire_put_field_number(&body, FIELD_TYPE, entry->type);
    sluice_wire_put_field(&body, FIELD_NAME, entry->name, strlen(entry->name));
    sluice_wire_put_field_number(&body, FIELD_OPERAND, entry->operand);
    if (entry->type == SLUICE_ENTRY_FILE && entry->size <= SLUICE_WIRE_NUMBER_MAX)
        sluice_wire_put_field_number(&body, FIELD_SIZE, entry->size);
    if (entry->type == SLUICE_ENTRY_SYMLINK && entry->target)
        sluice_wire_put_field(&body, FIELD_TARGET, entry->target, strlen(entry->target));
    if (entry->mode != UINT32_MAX)
        sluice_wire_put_field_number(&body, FIELD_MODE, entry->mode & 07777);
    if (entry->mtime_ns != INT64_MIN)
        sluice_wire_put_field_u64(&body, FIELD_MTIME, (uint64_t)entry->mtime_ns);
    if (entry->atime_ns != INT64_MIN)
        sluice_wire_put_field_u64(&body, FIELD_ATIME, (uint64_t)entry->atime_ns);
    if (entry->uid != UINT32_MAX)
        sluice_wire_put_field_number(&body, FIELD_UID, entry->uid);
    if (entry->gid != UINT32_MAX)
        sluice_wire_put_field_number(&body, FIELD_GID, entry->gid);
    if (entry->user)
        sluice_wire_put_field(&body, FIELD_USER, entry->user, strlen(entry->user));
    if (entry->group)
        sluice_wire_put_field(&body, FIELD_GROUP, entry->group, strlen(entry->group));
    if (entry->attributes)
        sluice_wire_put_field(&body, FIELD_ATTRIBUTES, entry->attributes, entry->attribute_bytes);
    if (entry->sparse)
        sluice_wire_put_field_number(&body, FIELD_SPARSE, 1);
    record_put(writer, SLUICE_CATALOGUE_ENTRY, &body);
}

void sluice_catalogue_put_fault(sluice_wire_writer *writer, const char *name, int status, const char *sentence)
{
    sluice_wire_writer body = {0};
    size_t length = strlen(name);
    sluice_wire_put_string(&body, name, length < SLUICE_CATALOGUE_NAME_MAX ? length : SLUICE_CATALOGUE_NAME_MAX);
    sluice_message_put_status(&body, status, sentence);
    record_put(writer, SLUICE_CATALOGUE_FAULT, &body);
}

void sluice_catalogue_put_totals(sluice_wire_writer *writer, uint64_t files, uint64_t bytes)
{
    sluice_wire_writer body = {0};
    sluice_wire_put_number(&body, files);
    sluice_wire_put_number(&body, bytes <= SLUICE_WIRE_NUMBER_MAX ? bytes : SLUICE_WIRE_NUMBER_MAX);
    record_put(writer, SLUICE_CATALOGUE_TOTALS, &body);
}

/* The strings of an entry while they are read: all go into one piece of memory, as long as the record (each is shorter
 * than its field by the tag and the length, which leaves room for a NUL). */
struct strings {
    char *memory, *at;
    size_t left;
};

static const char *string_take(struct strings *strings, sluice_wire_reader *field, size_t most, int *status)
{
    size_t count = sluice_wire_left(field);
    if (count == 0 || count > most || count + 1 > strings->left || memchr(field->at, 0, count)) {
        *status = SLUICE_EPROTOCOL;
        return NULL;
    }
    char *text = strings->at;
    memcpy(text, field->at, count);
    text[count] = 0;
    strings->at += count + 1;
    strings->left -= count + 1;
    return text;
}

static void attributes_take(struct strings *strings, sluice_wire_reader *field, sluice_entry *out, int *status)
{
    size_t count = sluice_wire_left(field);
    if (count > strings->left || !sluice_catalogue_attributes_valid(field->at, count)) {
        *status = SLUICE_EPROTOCOL;
        return;
    }
    out->attributes = strings->at;
    out->attribute_bytes = count;
    if (count)
        memcpy(strings->at, field->at, count);
    strings->at += count;
    strings->left -= count;
}

static uint32_t u32_take(sluice_wire_reader *field, uint32_t most, int *status)
{
    uint64_t number = sluice_wire_get_number(field);
    if (number > most)
        *status = SLUICE_EPROTOCOL;
    return (uint32_t)number;
}

static int field_take(struct strings *strings, uint64_t tag, sluice_wire_reader *field, sluice_entry *out)
{
    int status = SLUICE_OK;
    switch (tag) {
    case FIELD_TYPE:
        out->type = (sluice_entry_type)u32_take(field, SLUICE_ENTRY_SYMLINK, &status);
        break;
    case FIELD_NAME:
        out->name = string_take(strings, field, SLUICE_CATALOGUE_NAME_MAX, &status);
        break;
    case FIELD_OPERAND:
        out->operand = u32_take(field, UINT32_MAX, &status);
        break;
    case FIELD_SIZE:
        out->size = sluice_wire_get_number(field);
        break;
    case FIELD_TARGET:
        out->target = string_take(strings, field, SLUICE_CATALOGUE_NAME_MAX, &status);
        break;
    case FIELD_MODE:
        out->mode = u32_take(field, 07777, &status);
        break;
    case FIELD_MTIME:
        out->mtime_ns = (int64_t)sluice_wire_get_u64(field);
        break;
    case FIELD_ATIME:
        out->atime_ns = (int64_t)sluice_wire_get_u64(field);
        break;
    case FIELD_UID:
        out->uid = u32_take(field, UINT32_MAX, &status);
        break;
    case FIELD_GID:
        out->gid = u32_take(field, UINT32_MAX, &status);
        break;
    case FIELD_USER:
        out->user = string_take(strings, field, 255, &status);
        break;
    case FIELD_GROUP:
        out->group = string_take(strings, field, 255, &status);
        break;
    case FIELD_ATTRIBUTES:
        attributes_take(strings, field, out, &status);
        break;
    case FIELD_SPARSE:
        out->sparse = sluice_wire_get_number(field) != 0;
        break;
    default:
        return tag & 1 ? SLUICE_EUNSUPPORTED : SLUICE_OK;
    }
    return field->bad ? SLUICE_EPROTOCOL : status;
}

/* "." is the name of a directory without a name of its own (source.h), and of nothing else. */
static bool name_of_entry_valid(const sluice_entry *entry)
{
    if (strcmp(entry->name, ".") == 0)
        return entry->type == SLUICE_ENTRY_DIRECTORY;
    return sluice_catalogue_name_valid(entry->name);
}

int sluice_catalogue_get_entry(sluice_wire_reader *body, sluice_entry *out, char **memory)
{
    sluice_entry entry = {.type = SLUICE_ENTRY_FILE, .size = SLUICE_UNKNOWN, .mode = UINT32_MAX,
                          .mtime_ns = INT64_MIN, .atime_ns = INT64_MIN, .uid = UINT32_MAX, .gid = UINT32_MAX};
    struct strings strings = {.left = sluice_wire_left(body) + 1};
    strings.at = strings.memory = malloc(strings.left);
    if (!strings.memory)
        return SLUICE_ENOMEM;
    sluice_wire_reader field;
    uint64_t tag;
    int status = SLUICE_OK;
    while (!status && sluice_wire_get_field(body, &tag, &field))
        status = field_take(&strings, tag, &field, &entry);
    if (!status && (body->bad || !entry.name ||
                    (entry.type == SLUICE_ENTRY_SYMLINK) != (entry.target != NULL)))
        status = SLUICE_EPROTOCOL;
    if (status) {
        free(strings.memory);
        return status;
    }
    if (entry.type != SLUICE_ENTRY_FILE)
        entry.size = 0;
    *out = entry;
    *memory = strings.memory;
    return name_of_entry_valid(&entry) ? SLUICE_OK : SLUICE_EOUTSIDE;
}
