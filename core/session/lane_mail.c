/* SPDX-License-Identifier: Apache-2.0 */
#include "session/lane_mail.h"
#include <stdlib.h>
#include <string.h>

#define NOTES_FIRST 64

static int room_make(sluice_lane_notes *notes, size_t count)
{
    size_t room = notes->room ? notes->room : NOTES_FIRST;
    while (room < count)
        room *= 2;
    if (room == notes->room)
        return SLUICE_OK;
    sluice_lane_note *grown = reallocarray(notes->at, room, sizeof *grown);
    if (!grown)
        return SLUICE_ENOMEM;
    notes->at = grown;
    notes->room = room;
    return SLUICE_OK;
}

int sluice_lane_notes_add(sluice_lane_notes *notes, const sluice_lane_note *note)
{
    int status = room_make(notes, notes->count + 1);
    if (status == SLUICE_OK)
        notes->at[notes->count++] = *note;
    return status;
}

void sluice_lane_notes_fini(sluice_lane_notes *notes)
{
    free(notes->at);
    *notes = (sluice_lane_notes){0};
}

void sluice_lane_mail_init(sluice_lane_mail *mail, sluice_loop *loop, void (*run)(sluice_post *post))
{
    *mail = (sluice_lane_mail){.loop = loop, .post = {.run = run}};
    pthread_mutex_init(&mail->lock, NULL);
}

void sluice_lane_mail_fini(sluice_lane_mail *mail)
{
    sluice_lane_notes_fini(&mail->waiting);
    pthread_mutex_destroy(&mail->lock);
}

static void swap(sluice_lane_notes *a, sluice_lane_notes *b)
{
    sluice_lane_notes kept = *a;
    *a = *b;
    *b = kept;
}

static int hand_over(sluice_lane_notes *to, sluice_lane_notes *from)
{
    if (from->count == 0)
        return SLUICE_OK;
    if (to->count == 0) {
        swap(to, from);
        return SLUICE_OK;
    }
    if (to->count + from->count > SLUICE_LANE_NOTES_MOST)
        return SLUICE_ELIMIT;
    int status = room_make(to, to->count + from->count);
    if (status != SLUICE_OK)
        return status;
    memcpy(to->at + to->count, from->at, from->count * sizeof *from->at);
    to->count += from->count;
    from->count = 0;
    return SLUICE_OK;
}

int sluice_lane_mail_send(sluice_lane_mail *mail, sluice_lane_notes *notes, bool wake)
{
    pthread_mutex_lock(&mail->lock);
    int status = hand_over(&mail->waiting, notes);
    bool post = (wake || mail->waiting.count > 0) && !mail->posted;
    mail->posted = mail->posted || post;
    pthread_mutex_unlock(&mail->lock);
    if (post)
        sluice_loop_post(mail->loop, &mail->post);
    return status;
}

void sluice_lane_mail_take(sluice_lane_mail *mail, sluice_lane_notes *notes)
{
    pthread_mutex_lock(&mail->lock);
    swap(&mail->waiting, notes);
    mail->posted = false;
    pthread_mutex_unlock(&mail->lock);
}
