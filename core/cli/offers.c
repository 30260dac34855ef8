/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offers.h"

#include <sluice/stream.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_BYTES 600 /* of what there is, in a sentence */

bool sluice_offer_is_once(const char *place)
{
    return strcmp(place, "-") == 0 || strcmp(place, "stdio:") == 0;
}

/* ---- making ---- */

static bool keep(const char *text, const char **out)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL;
}

static int add(sluice_offers *offers, sluice *library, const sluice_offer *offer, sluice_error *error)
{
    int status = SLUICE_OK;
    if (offer->source != NULL)
        status = sluice_stream_place_check(library, SLUICE_SOURCE, offer->source, error);
    if (status == SLUICE_OK && offer->sink != NULL)
        status = sluice_stream_place_check(library, SLUICE_SINK, offer->sink, error);
    if (status != SLUICE_OK)
        return status;
    sluice_offer *rows = reallocarray(offers->rows, offers->count + 1, sizeof *rows);
    if (rows == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for streams");
    offers->rows = rows;
    sluice_offer *row = &rows[offers->count++];
    *row = (sluice_offer){.name = NULL};
    if (!keep(offer->name, &row->name) || !keep(offer->source, &row->source) || !keep(offer->sink, &row->sink))
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for streams");
    return SLUICE_OK;
}

static int add_section(sluice_offers *offers, sluice *library, const char *name, sluice_error *error)
{
    sluice_settings *settings;
    sluice_error why = {0};
    int status = sluice_settings_new(library, SLUICE_SETTINGS_STREAM, name, &settings, error);
    if (status != SLUICE_OK)
        return status;
    const sluice_offer offer = {
        .name = name,
        .source = sluice_settings_get(settings, "source"),
        .sink = sluice_settings_get(settings, "sink"),
    };
    status = add(offers, library, &offer, &why);
    sluice_settings_free(settings);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "stream %s: %s", name, why.text);
}

int sluice_offers_new(sluice *library, const sluice_settings *settings, const sluice_offer *own, sluice_offers **out,
                      sluice_error *error)
{
    sluice_offers *offers = calloc(1, sizeof *offers);
    const char *name;
    if (offers == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for streams");
    (void)sluice_settings_number(settings, "gather", &offers->gather_ns);
    int status = own != NULL ? add(offers, library, own, error) : SLUICE_OK;
    for (size_t i = 0; status == SLUICE_OK && (name = sluice_config_stream(library, i)) != NULL; i++)
        status = add_section(offers, library, name, error);
    if (status != SLUICE_OK) {
        sluice_offers_free(offers);
        return status;
    }
    *out = offers;
    return SLUICE_OK;
}

void sluice_offers_free(sluice_offers *offers)
{
    if (offers == NULL)
        return;
    for (size_t i = 0; i < offers->count; i++) {
        free((char *)offers->rows[i].name);
        free((char *)offers->rows[i].source);
        free((char *)offers->rows[i].sink);
    }
    free(offers->rows);
    free(offers);
}

/* ---- finding ---- */

static const char *place_of(const sluice_offer *offer, bool push)
{
    return push ? offer->sink : offer->source;
}

/* "a, b and c", or as much of that as there is room for. */
static void print_names(const sluice_offers *offers, bool push, char out[NAMES_BYTES])
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < offers->count; i++) {
        const sluice_offer *row = &offers->rows[i];
        if (place_of(row, push) == NULL || row->name == NULL)
            continue;
        if (n + strlen(row->name) + 8 > NAMES_BYTES) {
            snprintf(out + n, NAMES_BYTES - n, ", ...");
            return;
        }
        n += (size_t)snprintf(out + n, NAMES_BYTES - n, "%s%s", n > 0 ? ", " : "", row->name);
    }
}

static int refuse(const sluice_offers *offers, const char *name, bool push, sluice_error *error)
{
    char here[NAMES_BYTES], there[NAMES_BYTES];
    const char *verb = push ? "takes" : "gives";
    bool any = false;
    print_names(offers, push, here);
    print_names(offers, !push, there);
    for (size_t i = 0; i < offers->count; i++)
        any = any || place_of(&offers->rows[i], !push) != NULL;
    if (offers->count == 0)
        return sluice_fail(error, SLUICE_EACCESS, "this server has files, and no streams: use sluice copy");
    if (here[0] != '\0' && name[0] != '\0')
        return sluice_fail(error, SLUICE_ENOENT, "the server %s no stream called %s; it %s: %s", verb, name, verb, here);
    if (here[0] != '\0')
        return sluice_fail(error, SLUICE_ENOENT, "no stream was named; the server %s: %s", verb, here);
    return sluice_fail(error, SLUICE_EACCESS, "the server %s no streams%s%s%s", verb,
                       any ? push ? ": it gives them, use sluice recv" : ": it takes them, use sluice send" : "",
                       there[0] != '\0' ? "; there is: " : "", there);
}

int sluice_offers_find(const sluice_offers *offers, const char *name, bool push, const char **place,
                       sluice_error *error)
{
    const sluice_offer *best = NULL;
    for (size_t i = 0; i < offers->count; i++) {
        const sluice_offer *row = &offers->rows[i];
        bool fits = row->name == NULL || strcmp(row->name, name) == 0;
        if (fits && place_of(row, push) != NULL && (best == NULL || best->name == NULL))
            best = row;
    }
    if (best == NULL)
        return refuse(offers, name, push, error);
    *place = place_of(best, push);
    return SLUICE_OK;
}
