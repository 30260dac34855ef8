/* SPDX-License-Identifier: Apache-2.0 */
/* offers.h - the streams that a server has: of its [stream NAME] sections, and of the command line. */
#ifndef SLUICE_CLI_OFFERS_H
#define SLUICE_CLI_OFFERS_H

#include "cli/line.h"

/* A place is as of sluice_stream_pour; NULL: there is none for that direction. */
typedef struct sluice_offer {
    const char *name; /* NULL: whatever a client calls it */
    const char *source, *sink;
} sluice_offer;

typedef struct sluice_offers {
    sluice_offer *rows; /* strings are owned */
    size_t count;
    uint64_t gather_ns; /* of what is given */
} sluice_offers;

/* own: of the command line; NULL: none.  settings: of table SERVE.  Places whose words name none are refused. */
int sluice_offers_new(sluice *library, const sluice_settings *settings, const sluice_offer *own, sluice_offers **out,
                      sluice_error *error);
void sluice_offers_free(sluice_offers *offers); /* NULL is fine */

/* The place of a stream that a client wants to push (false: pull).  SLUICE_ENOENT with a sentence that says what there is. */
int sluice_offers_find(const sluice_offers *offers, const char *name, bool push, const char **place,
                       sluice_error *error);

/* Whether it is standard input or output, which there is once. */
bool sluice_offer_is_once(const char *place);

#endif
