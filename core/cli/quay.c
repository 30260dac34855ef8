/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quay.h"

#include "cli/screen.h"

#include <stdlib.h>
#include <string.h>

/* One stream on its way. */
typedef struct lading {
    sluice_quay *quay;
    sluice_stream *stream;
    char *place;
    bool push; /* by the client */
    bool last;
} lading;

/* ---- life ---- */

void sluice_quay_init(sluice_quay *quay, sluice *library, sluice_offers *offers)
{
    *quay = (sluice_quay){.library = library, .offers = offers};
    pthread_mutex_init(&quay->lock, NULL);
    pthread_cond_init(&quay->changed, NULL);
}

void sluice_quay_fini(sluice_quay *quay)
{
    sluice_stream_listener_free(quay->listener);
    sluice_offers_free(quay->offers);
    pthread_mutex_destroy(&quay->lock);
    pthread_cond_destroy(&quay->changed);
}

void sluice_quay_offers(sluice_quay *quay, sluice_offers *offers)
{
    pthread_mutex_lock(&quay->lock);
    sluice_offers *before = quay->offers;
    quay->offers = offers;
    pthread_mutex_unlock(&quay->lock);
    sluice_offers_free(before);
}

/* ---- who gets what ---- */

/* Standard input is given once, and output taken once.  With the lock held. */
static int check_once(const sluice_quay *quay, const char *place, bool push, sluice_error *error)
{
    if (sluice_offer_is_once(place) && (push ? quay->output_taken : quay->input_taken))
        return sluice_fail(error, SLUICE_EBUSY, "the stream is %s once, and another client %s it",
                           push ? "taken" : "given", push ? "sends" : "gets");
    return SLUICE_OK;
}

/* On the server's loop. */
static int requested(void *user, const sluice_stream_request *request, void **stream_user, sluice_error *error)
{
    sluice_quay *quay = user;
    const char *place;
    bool push = request->mode == SLUICE_STREAM_PUSH;
    (void)stream_user;
    if (request->mode == SLUICE_STREAM_BOTH)
        return sluice_fail(error, SLUICE_EUNSUPPORTED, "the streams of this server go one way each: push or pull");
    pthread_mutex_lock(&quay->lock);
    int status = sluice_offers_find(quay->offers, request->name, push, &place, error);
    if (status == SLUICE_OK)
        status = check_once(quay, place, push, error);
    pthread_mutex_unlock(&quay->lock);
    if (status != SLUICE_OK && !quay->quiet)
        sluice_screen_note(SLUICE_LOG_WARNING, "refused %s, ticket %s, stream '%s': %s", request->peer, request->ticket,
                           request->name, error->text);
    return status;
}

/* The offers may have changed since the request, and another stream may have been faster.  With the lock held. */
static int claim(sluice_quay *quay, lading *load, sluice_error *error)
{
    const char *place;
    int status = sluice_offers_find(quay->offers, sluice_stream_name(load->stream), load->push, &place, error);
    if (status == SLUICE_OK)
        status = check_once(quay, place, load->push, error);
    if (status != SLUICE_OK)
        return status;
    load->place = strdup(place);
    if (load->place == NULL)
        return sluice_fail(error, SLUICE_ENOMEM, "the server is out of memory");
    load->last = sluice_offer_is_once(place);
    quay->output_taken = quay->output_taken || (load->last && load->push);
    quay->input_taken = quay->input_taken || (load->last && !load->push);
    quay->last_taken = quay->last_taken || load->last;
    sluice_stream_gather(load->stream, quay->offers->gather_ns);
    quay->under_way++;
    return SLUICE_OK;
}

/* ---- carrying ---- */

static int carry(const lading *load, sluice_error *error)
{
    int status = load->push ? sluice_stream_fill(load->quay->library, load->stream, load->place, error)
                            : sluice_stream_pour(load->quay->library, load->place, load->stream, error);
    if (status != SLUICE_OK)
        sluice_screen_note(SLUICE_LOG_WARNING, "stream '%s': %s", sluice_stream_name(load->stream), error->text);
    sluice_stream_close(load->stream, NULL);
    return status;
}

static void *run(void *user)
{
    lading *load = user;
    sluice_quay *quay = load->quay;
    sluice_error error = {0};
    int exit_status = sluice_status_exit(carry(load, &error));
    bool last = load->last;
    free(load->place);
    free(load);
    if (last)
        sluice_server_drain(sluice_stream_listener_server(quay->listener));
    pthread_mutex_lock(&quay->lock);
    quay->worst = exit_status > quay->worst ? exit_status : quay->worst;
    quay->done++;
    quay->under_way--;
    pthread_cond_broadcast(&quay->changed);
    pthread_mutex_unlock(&quay->lock);
    return NULL;
}

/* Signals are for the thread that waits for them, which is there already: the mask is inherited. */
static int begin(lading *load, sluice_error *error)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int reason = pthread_create(&thread, &detached, run, load);
    pthread_attr_destroy(&detached);
    return reason == 0 ? SLUICE_OK
                       : sluice_fail(error, SLUICE_ELIMIT, "the server has no thread for the stream: %s", strerror(reason));
}

static void take(sluice_quay *quay, sluice_stream *stream)
{
    sluice_error error = {0};
    lading *load = calloc(1, sizeof *load);
    if (load == NULL) {
        sluice_stream_abort(stream, SLUICE_ENOMEM, "the server is out of memory");
        return;
    }
    load->quay = quay;
    load->stream = stream;
    load->push = sluice_stream_mode_of(stream) == SLUICE_STREAM_PUSH;
    pthread_mutex_lock(&quay->lock);
    int status = claim(quay, load, &error);
    pthread_mutex_unlock(&quay->lock);
    bool claimed = status == SLUICE_OK;
    if (claimed)
        status = begin(load, &error);
    if (status == SLUICE_OK)
        return;
    sluice_screen_note(SLUICE_LOG_WARNING, "stream '%s': %s", sluice_stream_name(stream), error.text);
    sluice_stream_abort(stream, status, error.text);
    pthread_mutex_lock(&quay->lock);
    quay->under_way -= claimed;
    pthread_mutex_unlock(&quay->lock);
    free(load->place);
    free(load);
}

int sluice_quay_open(sluice_quay *quay, sluice_stream_listen_order *order, sluice_error *error)
{
    order->requested = requested;
    order->user = quay;
    return sluice_stream_listen(quay->library, order, &quay->listener, error);
}

void sluice_quay_run(sluice_quay *quay)
{
    sluice_stream *stream;
    while (sluice_stream_accept(quay->listener, SLUICE_NEVER, &stream, NULL) == SLUICE_OK)
        take(quay, stream);
    pthread_mutex_lock(&quay->lock);
    while (quay->under_way > 0)
        pthread_cond_wait(&quay->changed, &quay->lock);
    pthread_mutex_unlock(&quay->lock);
}

int sluice_quay_outcome(sluice_quay *quay, bool *any)
{
    pthread_mutex_lock(&quay->lock);
    int worst = quay->worst;
    *any = quay->done > 0;
    pthread_mutex_unlock(&quay->lock);
    return worst;
}
