/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue.h - the records of object 1: entries, what could not be listed, totals.
 *
 * A record is type, length, fields.  Names come from a peer and are checked here, whatever the sink checks later.
 * Any thread; no state.
 */
#ifndef SLUICE_SESSION_CATALOGUE_H
#define SLUICE_SESSION_CATALOGUE_H

#include "session/request.h"
#include "session/wire.h"
#include <sluice/source.h>

#define SLUICE_CATALOGUE_RECORD_MAX (32768u + SLUICE_ATTRIBUTES_MAX)
#define SLUICE_CATALOGUE_NAME_MAX 4095u /* bytes of a name; of a component 255 */

typedef enum sluice_catalogue_type {
    SLUICE_CATALOGUE_ENTRY = 1, /* takes the next index */
    SLUICE_CATALOGUE_FAULT = 3, /* something could not be listed; takes no index */
    SLUICE_CATALOGUE_TOTALS = 5 /* the last record */
} sluice_catalogue_type;

/* Components joined by '/', none empty, "." or ".."; at most 4095 bytes, 255 a component. */
bool sluice_catalogue_name_valid(const char *name);

/* True when a pulled entry's name is, or lies under, what the request asked for. */
bool sluice_catalogue_name_asked(const sluice_request *request, const sluice_entry *entry);

/* True if the bytes are a list of attributes as source.h says.  What names it holds is the sink's affair. */
bool sluice_catalogue_attributes_valid(const void *attributes, size_t bytes);

/* Whole records are appended. */
void sluice_catalogue_put_entry(sluice_wire_writer *writer, const sluice_entry *entry);
void sluice_catalogue_put_fault(sluice_wire_writer *writer, const char *name, int status, const char *sentence);
void sluice_catalogue_put_totals(sluice_wire_writer *writer, uint64_t files, uint64_t bytes);

/* Reads the body of an ENTRY record.  *memory holds the strings and attributes, is freed by the caller after its last use of out.
 * EOUTSIDE (all is read, but the name is not valid), EPROTOCOL (malformed), EUNSUPPORTED (an unknown field that must be
 * understood) or ENOMEM. */
int sluice_catalogue_get_entry(sluice_wire_reader *body, sluice_entry *out, char **memory);

#endif
