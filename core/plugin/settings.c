/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/settings.h"

#include "plugin/settings_table.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MOST 64

/* Both exclude and include go to one field, in order; this row is the field. */
#define FILTERS_ROW "filters"

struct sluice_settings {
    sluice_settings_table table;
    sluice_settings_rows rows;
    union {
        sluice_transfer_settings transfer;
        sluice_serve_settings serve;
        sluice_ticket_settings ticket;
        sluice_stream_settings stream;
    } values;
    sluice_layer layers[ROWS_MOST];
    char *texts[ROWS_MOST]; /* each value as text, for sluice_settings_get; NULL: not set */
};

const sluice_option *sluice_settings_options(sluice_settings_table table, size_t *count)
{
    sluice_settings_rows rows = sluice_settings_rows_of(table);
    *count = rows.public_count;
    return rows.options;
}

sluice_option_table sluice_settings_session_options(void)
{
    sluice_settings_rows rows = sluice_settings_rows_of(SLUICE_SETTINGS_TRANSFER);
    return (sluice_option_table){rows.options, rows.session_count};
}

const sluice_transfer_settings *sluice_settings_transfer(const sluice_settings *settings)
{
    assert(settings->table == SLUICE_SETTINGS_TRANSFER);
    return &settings->values.transfer;
}

const sluice_serve_settings *sluice_settings_serve(const sluice_settings *settings)
{
    assert(settings->table == SLUICE_SETTINGS_SERVE);
    return &settings->values.serve;
}

const sluice_ticket_settings *sluice_settings_ticket(const sluice_settings *settings)
{
    assert(settings->table == SLUICE_SETTINGS_TICKET);
    return &settings->values.ticket;
}

const sluice_stream_settings *sluice_settings_stream(const sluice_settings *settings)
{
    assert(settings->table == SLUICE_SETTINGS_STREAM);
    return &settings->values.stream;
}

/* 0: the row has a field of its own; else it is a view of FILTERS_ROW, whose lines begin with this byte. */
static char filter_tag(const sluice_option *option)
{
    if (strcmp(option->name, "exclude") == 0)
        return '-';
    return strcmp(option->name, "include") == 0 ? '+' : '\0';
}

static size_t row_index(const sluice_settings *settings, const sluice_option *option)
{
    return (size_t)(option - settings->rows.options);
}

static sluice_option_table all_rows(const sluice_settings *settings)
{
    return (sluice_option_table){settings->rows.options, settings->rows.count};
}

/* ---- values as text ---- */

/* The lines with that tag, without it. */
static bool print_filters(const char *filters, char tag, sluice_text *out)
{
    bool any = false;
    for (const char *at = filters; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "\n");
        if (*at == tag) {
            sluice_text_add(out, any ? "\n" : "");
            sluice_text_add_bytes(out, at + 1, length - 1);
            any = true;
        }
        at += length + (at[length] == '\n');
    }
    return any;
}

static int print_row(sluice_settings *settings, size_t row, sluice_error *error)
{
    const sluice_option *option = &settings->rows.options[row];
    char tag = filter_tag(option);
    sluice_text text = {0};
    bool there = tag != '\0' ? print_filters(settings->values.transfer.filters, tag, &text)
                             : sluice_option_print(option, &settings->values, &text);
    char *string = there ? sluice_text_take(&text) : NULL;
    sluice_text_fini(&text);
    if (there && string == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    free(settings->texts[row]);
    settings->texts[row] = string;
    return SLUICE_OK;
}

static int print_rows(sluice_settings *settings, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t row = 0; row < settings->rows.count && status == SLUICE_OK; row++)
        status = print_row(settings, row, error);
    return status;
}

/* The rows that are views of FILTERS_ROW. */
static int print_filter_rows(sluice_settings *settings, sluice_error *error)
{
    int status = SLUICE_OK;
    for (size_t row = 0; row < settings->rows.count && status == SLUICE_OK; row++) {
        if (filter_tag(&settings->rows.options[row]) != '\0')
            status = print_row(settings, row, error);
    }
    return status;
}

/* ---- making ---- */

int sluice_settings_make(sluice_settings_table table, sluice_settings **out, sluice_error *error)
{
    sluice_settings *settings = calloc(1, sizeof(*settings));
    if (settings == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    settings->table = table;
    settings->rows = sluice_settings_rows_of(table);
    assert(settings->rows.count <= ROWS_MOST);
    int status = sluice_option_defaults(all_rows(settings), &settings->values, error);
    if (status == SLUICE_OK)
        status = print_rows(settings, error);
    if (status != SLUICE_OK) {
        sluice_settings_free(settings);
        return status;
    }
    *out = settings;
    return SLUICE_OK;
}

void sluice_settings_free(sluice_settings *settings)
{
    if (settings == NULL)
        return;
    sluice_option_fini(all_rows(settings), &settings->values);
    for (size_t row = 0; row < settings->rows.count; row++)
        free(settings->texts[row]);
    free(settings);
}

/* Gives a struct that was copied bytewise strings of its own.  Every string field is either replaced or NULL. */
static int own_strings(sluice_settings *copy)
{
    int status = SLUICE_OK;
    for (size_t row = 0; row < copy->rows.count; row++) {
        const sluice_option *option = &copy->rows.options[row];
        copy->texts[row] = NULL;
        if (!sluice_option_is_string(option) || filter_tag(option) != '\0')
            continue;
        char **field = (char **)((char *)&copy->values + option->offset);
        char *string = *field == NULL ? NULL : strdup(*field);
        if (string == NULL && *field != NULL)
            status = SLUICE_ENOMEM;
        *field = string;
    }
    return status;
}

int sluice_settings_copy(const sluice_settings *settings, sluice_settings **out, sluice_error *error)
{
    sluice_settings *copy = malloc(sizeof(*copy));
    if (copy == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory");
    *copy = *settings;
    int status = own_strings(copy);
    if (status != SLUICE_OK)
        sluice_fail(error, status, "out of memory");
    else
        status = print_rows(copy, error);
    if (status != SLUICE_OK) {
        sluice_settings_free(copy);
        return status;
    }
    *out = copy;
    return SLUICE_OK;
}

/* ---- setting and getting ---- */

static int unknown_key(sluice_option_table table, const char *key, sluice_error *error)
{
    char nearest[SLUICE_OPTION_KEY_BYTES];
    if (sluice_option_nearest(table, key, nearest))
        return sluice_fail(error, SLUICE_EINVAL, "unknown key '%s'; did you mean '%s'?", key, nearest);
    return sluice_fail(error, SLUICE_EINVAL, "unknown key '%s'", key);
}

/* Keeps a checked value in the row's field, which for exclude and include is the one of FILTERS_ROW. */
static int assign_row(sluice_settings *settings, sluice_layer layer, const sluice_option *option,
                      const sluice_text *value, sluice_error *error)
{
    const sluice_option *field = option;
    sluice_text tagged = {0};
    char tag = filter_tag(option);
    if (tag != '\0') {
        field = sluice_option_find(all_rows(settings), FILTERS_ROW);
        sluice_text_add_bytes(&tagged, &tag, 1);
    }
    sluice_text_add(&tagged, sluice_text_string(value));
    bool append = settings->layers[row_index(settings, field)] == layer;
    int status = tagged.failed ? sluice_fail(error, SLUICE_ENOMEM, "out of memory")
                               : sluice_option_set(field, &settings->values, tagged.bytes, append, error);
    sluice_text_fini(&tagged);
    if (status != SLUICE_OK)
        return status;
    settings->layers[row_index(settings, field)] = layer;
    settings->layers[row_index(settings, option)] = layer;
    return tag == '\0' ? print_row(settings, row_index(settings, option), error) : print_filter_rows(settings, error);
}

int sluice_settings_assign(sluice_settings *settings, sluice_layer layer, bool session, const char *key,
                           const char *value, sluice_error *error)
{
    sluice_option_table table = {
        settings->rows.options,
        session ? settings->rows.session_count : settings->rows.public_count,
    };
    const sluice_option *option = sluice_option_find(table, key);
    if (option == NULL)
        return unknown_key(table, key, error);
    sluice_text canonical = {0};
    sluice_error why = {0};
    int status = sluice_settings_value_check(option, value, &canonical, &why);
    if (status == SLUICE_OK && canonical.failed)
        status = sluice_fail(&why, SLUICE_ENOMEM, "out of memory");
    if (status == SLUICE_OK)
        status = assign_row(settings, layer, option, &canonical, error);
    else
        sluice_fail(error, status, "%s: %s", key, why.text);
    sluice_text_fini(&canonical);
    return status;
}

int sluice_settings_set(sluice_settings *settings, const char *key, const char *value, sluice_error *error)
{
    sluice_error why = {0};
    int status = sluice_settings_assign(settings, SLUICE_LAYER_OPTION, false, key, value, &why);
    if (status == SLUICE_OK)
        return SLUICE_OK;
    return sluice_fail(error, status == SLUICE_EINVAL ? SLUICE_EUSAGE : status, "%s", why.text);
}

static const sluice_option *find_row(const sluice_settings *settings, const char *key)
{
    return sluice_option_find((sluice_option_table){settings->rows.options, settings->rows.session_count}, key);
}

const char *sluice_settings_get(const sluice_settings *settings, const char *key)
{
    const sluice_option *option = find_row(settings, key);
    return option == NULL ? NULL : settings->texts[row_index(settings, option)];
}

bool sluice_settings_number(const sluice_settings *settings, const char *key, uint64_t *out)
{
    const sluice_option *option = find_row(settings, key);
    const void *field = option == NULL ? NULL : (const char *)&settings->values + option->offset;
    if (option == NULL)
        return false;
    switch (option->type) {
    case SLUICE_OPTION_BOOL_TYPE:
        *out = *(const bool *)field;
        return true;
    case SLUICE_OPTION_INT_TYPE:
    case SLUICE_OPTION_SIZE_TYPE:
    case SLUICE_OPTION_RATE_TYPE:
    case SLUICE_OPTION_DURATION_TYPE:
        memcpy(out, field, sizeof *out);
        return true;
    default:
        return false;
    }
}

sluice_layer sluice_settings_layer(const sluice_settings *settings, const char *key)
{
    const sluice_option *option = find_row(settings, key);
    assert(option != NULL);
    return settings->layers[row_index(settings, option)];
}

/* ---- what values mean together ---- */

static const char *policy_name(const sluice_settings *settings)
{
    return sluice_settings_get(settings, "policy");
}

const char *sluice_settings_congestion(const sluice_settings *settings)
{
    const char *congestion = sluice_settings_transfer(settings)->congestion;
    if (congestion == NULL || sluice_settings_layer(settings, "policy") > sluice_settings_layer(settings, "congestion"))
        return policy_name(settings);
    return congestion;
}

/* A session is about one or the other. */
static int check_stream(const sluice_settings *settings, sluice_error *error)
{
    const sluice_transfer_settings *transfer = &settings->values.transfer;
    bool timed = transfer->exclude_newer_than != NULL || transfer->exclude_older_than != NULL;
    if (transfer->file_list != NULL || transfer->pair_list != NULL || transfer->filters != NULL || timed)
        return sluice_fail(error, SLUICE_EUSAGE, "stream and %s contradict each other: a stream has no files",
                           transfer->file_list != NULL   ? "file-list"
                           : transfer->pair_list != NULL ? "pair-list"
                                                         : "exclude and include");
    if (transfer->source != NULL && strchr(transfer->source, '\n') != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "a stream has one source");
    if (transfer->management != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "stream and management contradict each other: managers are told of files");
    if (transfer->manifest != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "stream and manifest contradict each other: a receipt is one of files");
    return SLUICE_OK;
}

/* Either nothing, or what every path takes and the engine needs. */
static int check_datagram(uint64_t bytes, sluice_error *error)
{
    if (bytes == 0 || bytes >= SLUICE_SETTINGS_DATAGRAM_LEAST)
        return SLUICE_OK;
    return sluice_fail(error, SLUICE_EUSAGE, "datagram-size %llu is below %d, the least that can be used",
                       (unsigned long long)bytes, SLUICE_SETTINGS_DATAGRAM_LEAST);
}

static int check_transfer(const sluice_settings *settings, sluice_error *error)
{
    const sluice_transfer_settings *transfer = &settings->values.transfer;
    int status = check_datagram(transfer->datagram_size, error);
    if (status != SLUICE_OK)
        return status;
    if (transfer->congestion != NULL &&
        sluice_settings_layer(settings, "policy") == sluice_settings_layer(settings, "congestion") &&
        strcmp(transfer->congestion, policy_name(settings)) != 0)
        return sluice_fail(error, SLUICE_EUSAGE, "policy %s and congestion %s contradict each other; give one of them",
                           policy_name(settings), transfer->congestion);
    if (transfer->rate != 0 && transfer->min_rate > transfer->rate)
        return sluice_fail(error, SLUICE_EUSAGE, "min-rate %s is above rate %s",
                           sluice_settings_get(settings, "min-rate"), sluice_settings_get(settings, "rate"));
    if (transfer->file_list != NULL && transfer->pair_list != NULL)
        return sluice_fail(error, SLUICE_EUSAGE, "file-list and pair-list cannot be used together");
    return transfer->stream != NULL ? check_stream(settings, error) : SLUICE_OK;
}

int sluice_settings_check(const sluice_settings *settings, sluice_error *error)
{
    if (settings->table == SLUICE_SETTINGS_TRANSFER)
        return check_transfer(settings, error);
    if (settings->table == SLUICE_SETTINGS_TICKET) {
        if (settings->values.ticket.ticket_file == NULL)
            return sluice_fail(error, SLUICE_EUSAGE, "ticket-file is missing: where the ticket lies, or is made");
        return SLUICE_OK;
    }
    if (settings->table == SLUICE_SETTINGS_STREAM) {
        if (settings->values.stream.source == NULL && settings->values.stream.sink == NULL)
            return sluice_fail(error, SLUICE_EUSAGE,
                               "source and sink are missing: what clients get, or where goes what they send");
        return SLUICE_OK;
    }
    const sluice_serve_settings *serve = &settings->values.serve;
    if (serve->read_only && serve->write_only)
        return sluice_fail(error, SLUICE_EUSAGE, "read-only and write-only contradict each other");
    return check_datagram(serve->datagram_size, error);
}

unsigned sluice_settings_preserve(const sluice_settings *settings)
{
    unsigned flags = 0;
    char word[32];
    for (const char *list = sluice_settings_transfer(settings)->preserve; sluice_settings_list(&list, word,
                                                                                              sizeof(word));) {
        int flag = sluice_settings_preserve_flag(word);
        flags = flag <= 0 ? 0 : flags | (unsigned)flag;
    }
    return flags;
}

bool sluice_settings_list(const char **list, char *word, size_t bytes)
{
    static const char blanks[] = " \t,";
    if (*list == NULL)
        return false;
    const char *begin = *list + strspn(*list, blanks);
    size_t length = strcspn(begin, ",");
    *list = begin + length;
    while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
        length--;
    if (length == 0)
        return false;
    size_t kept = length < bytes ? length : bytes - 1;
    memcpy(word, begin, kept);
    word[kept] = '\0';
    return true;
}
