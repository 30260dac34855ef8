/* SPDX-License-Identifier: Apache-2.0 */
#include "fair_loss.h"

#include <math.h>

#define LOSS_MOST 0.25 /* more is never taken for calm loss: the pacing rate is divided by 1 - loss */

/* The receiver's ceiling. */
#define RECEIVER_TIME (100 * SLUICE_MS)
#define RECEIVER_LOWER 0.85
/* After so many periods without a drop the receiver has more room than was thought, and the part by which the ceiling rises
 * doubles from one to the next: one flow alone is back at ten times its rate within three seconds.  Where many flows share a
 * receiver there are drops more often than that. */
#define RECEIVER_DROPLESS 10
#define RECEIVER_RAISE_MOST 0.25
#define RECEIVER_RAISE_BPS 4e6
#define RECEIVER_RAISE_PART 0.01

/* The path's. */
#define TRIAL_EPOCHS 2 /* until what is sent at the trial's rate comes to be reported */
/* Under a ceiling that was hit.  On short paths 16 rounds are less than it takes to tell what is lost at the next try. */
#define HOLD_EPOCHS 16
#define HOLD_TIME 0.5 /* s */
#define RAISE_EPOCHS 4 /* between raises of a ceiling that was not */

static bool holds_nothing(const fair_loss *loss, const fair_loss_epoch *epoch)
{
    return loss->ceiling > 1.5 * epoch->most / (1 - loss->calm);
}

static void period_begin(fair_loss *loss, sluice_time now, uint64_t delivered)
{
    loss->receiver.began = now;
    loss->receiver.delivered = delivered;
    loss->receiver.sum = (fair_loss_sum){0};
}

void fair_loss_begin(fair_loss *loss, sluice_time now, uint64_t delivered)
{
    loss->judged = (fair_loss_sum){0};
    period_begin(loss, now, delivered);
}

void fair_loss_found(fair_loss *loss, double calm)
{
    loss->calm = fmin(LOSS_MOST, calm);
    loss->judged = (fair_loss_sum){0};
}

void fair_loss_dropped(fair_loss *loss, double drops)
{
    loss->judged.drops += drops;
    loss->receiver.sum.drops += drops;
}

void fair_loss_leave(fair_loss *loss)
{
    loss->trial = 0;
    if (!loss->receiver.rules)
        loss->ceiling = 0;
}

/* ---- the receiver's CPU ---- */

/* A drop for a hundred packets of ours is no accident. */
static bool receiver_met(const fair_loss_sum *sum)
{
    return sum->drops > 0.01 * (sum->acked + sum->lost);
}

static void receiver_lower(fair_loss *loss, const fair_loss_epoch *epoch)
{
    fair_loss_receiver *receiver = &loss->receiver;
    double length = (double)(epoch->now - receiver->began) / 1e9;
    double delivered = (double)(epoch->delivered - receiver->delivered) * 8 / fmax(length, 1e-3);
    double sent = delivered * (1 + receiver->sum.lost / fmax(1, receiver->sum.acked));

    /* A period in which the sender had little to send, or had hardly begun, says little of what the receiver can take. */
    sent = fmax(sent, 0.5 * (loss->ceiling > 0 ? loss->ceiling : epoch->most));
    loss->ceiling = RECEIVER_LOWER * sent;
    receiver->rules = true;
    receiver->dropless = 0;
    loss->trial = 0;
    loss->judged = (fair_loss_sum){0};
}

static void receiver_raise(fair_loss *loss, const fair_loss_epoch *epoch)
{
    fair_loss_receiver *receiver = &loss->receiver;
    double part = RECEIVER_RAISE_PART;

    if (++receiver->dropless > RECEIVER_DROPLESS)
        part = fmin(ldexp(part, (int)(receiver->dropless - RECEIVER_DROPLESS)), RECEIVER_RAISE_MOST);
    loss->ceiling += fmin(0.5 * loss->ceiling, RECEIVER_RAISE_BPS + part * loss->ceiling);
    if (!holds_nothing(loss, epoch))
        return;
    loss->ceiling = 0;
    receiver->rules = false;
}

void fair_loss_watch_receiver(fair_loss *loss, const fair_loss_epoch *epoch)
{
    fair_loss_receiver *receiver = &loss->receiver;

    receiver->sum.acked += epoch->acked;
    receiver->sum.lost += epoch->lost;
    if (epoch->now < receiver->began + RECEIVER_TIME)
        return;
    if (receiver_met(&receiver->sum))
        receiver_lower(loss, epoch);
    else if (receiver->rules && loss->ceiling > 0)
        receiver_raise(loss, epoch);
    period_begin(loss, epoch->now, epoch->delivered);
}

bool fair_loss_meets_receiver(fair_loss *loss, const fair_loss_epoch *epoch)
{
    const fair_loss_sum *sum = &loss->receiver.sum;

    if (sum->acked + sum->lost < 20 || !receiver_met(sum))
        return false;
    receiver_lower(loss, epoch);
    period_begin(loss, epoch->now, epoch->delivered);
    return true;
}

/* ---- the path ---- */

static unsigned hold_epochs(const fair_loss_epoch *epoch)
{
    return (unsigned)fmax(HOLD_EPOCHS, HOLD_TIME / epoch->length);
}

/* The trial is over: what it sent lay below what the path had delivered, so its loss is no queue's. */
static void trial_end(fair_loss *loss, const fair_loss_epoch *epoch, double part, double noise)
{
    loss->calm = fmin(part, LOSS_MOST);
    if (loss->trial_loss - part > 0.01 + noise || part > LOSS_MOST + noise) {
        loss->ceiling = 0.98 * loss->trial_rate / (1 - loss->calm);
        loss->receiver.rules = false;
        loss->hold = hold_epochs(epoch);
    } else {
        loss->ceiling = 0;
    }
}

/* Under a ceiling the rate comes down by the excess, once; when that does not help, the loss is tried again. */
static void excess_met(fair_loss *loss, const fair_loss_epoch *epoch, double part)
{
    if (loss->ceiling > 0 && !loss->hit) {
        loss->ceiling *= 1 - (part - loss->calm);
        loss->hold = hold_epochs(epoch);
        loss->hit = true;
        return;
    }
    loss->trial_loss = part;
    loss->trial_rate = epoch->rate;
    loss->trial = TRIAL_EPOCHS + 1;
    loss->ceiling = 0.9 * epoch->rate;
    loss->receiver.rules = false;
}

/* No excess: the calm loss follows, and a ceiling that was not hit for long enough rises by a twentieth.  It goes when
 * it no longer holds anything back.  Under a ceiling calm loss does not rise, lest it follow the ceiling's own. */
static void calm_met(fair_loss *loss, const fair_loss_epoch *epoch, double part)
{
    loss->hit = false;
    if (loss->ceiling <= 0 || part < loss->calm)
        loss->calm = fmin(LOSS_MOST, loss->calm + 0.1 * (part - loss->calm));
    if (loss->ceiling <= 0 || loss->hold > 0 || loss->receiver.rules)
        return;
    loss->hold = RAISE_EPOCHS;
    loss->ceiling *= 1.05;
    if (holds_nothing(loss, epoch))
        loss->ceiling = 0;
}

void fair_loss_judge(fair_loss *loss, const fair_loss_epoch *epoch)
{
    fair_loss_sum *sum = &loss->judged;
    double n, part, noise;

    if (loss->trial > 1) {
        loss->trial--;
        *sum = (fair_loss_sum){0};
        return;
    }
    loss->hold -= loss->hold > 0;
    sum->acked += epoch->acked;
    sum->lost += epoch->lost;
    n = sum->acked + sum->lost;
    if (n < 50)
        return;
    part = fmax(0, sum->lost - sum->drops) / n;
    noise = 3 * sqrt(fmax(loss->trial ? part : fmax(part, loss->calm), 0.002) / n);
    if (loss->trial) {
        if (noise > 0.025)
            return;
        loss->trial = 0;
        trial_end(loss, epoch, part, noise);
    } else if (part > loss->calm + 0.01 + noise) {
        excess_met(loss, epoch, part);
    } else if (noise > 0.025) {
        return;
    } else {
        calm_met(loss, epoch, part);
    }
    *sum = (fair_loss_sum){0};
}
