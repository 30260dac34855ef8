/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker may say: whatever the bytes, and however they are cut, the same figures and events come of them; texts end,
 * counts agree with each other, and a job ends once.  The first byte says what kind of job it is.
 */
#include "fuzz/replay.h"

#include "manager/stage.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void insist(bool true_always)
{
    if (!true_always)
        abort();
}

static void check(const stage *play)
{
    sluice_job_statistics now = stage_figures(play);
    insist(memchr(now.message, '\0', sizeof now.message) != NULL && memchr(now.peer, '\0', sizeof now.peer) != NULL);
    insist(memchr(now.session, '\0', sizeof now.session) != NULL && memchr(now.cipher, '\0', sizeof now.cipher) != NULL);
    insist(memchr(now.policy, '\0', sizeof now.policy) != NULL && memchr(now.limited_by, '\0', sizeof now.limited_by) != NULL);
    insist(now.active == play->machine.ledger.files.moving && now.active <= SLUICE_FILES_MOVING_MOST);
    insist(play->machine.ledger.files.over <= play->machine.ledger.files.over_most);
    insist(play->ends <= 1);
}

/* The whole of a job: what it says in pieces of at most so many bytes, and its end. */
static stage *hear(const char *bytes, size_t count, size_t piece, uint8_t kind)
{
    stage *play = stage_new(kind & 1, kind & 2, 3);
    bool malformed = false;
    stage_start(play);
    if (kind & 4)
        (void)sluice_machine_pause(&play->machine, true, play->now);
    while (count > 0 && !malformed) {
        size_t taken, most = count < piece ? count : piece;
        faspmgr_verdict verdict = faspmgr_read(&play->reader, bytes, most, &taken, &play->message);
        bytes += taken;
        count -= taken;
        malformed = verdict == FASPMGR_MALFORMED;
        if (verdict == FASPMGR_WHOLE) {
            play->now += 300 * SLUICE_MS;
            sluice_machine_hear(&play->machine, &play->message, play->now);
        }
        check(play);
    }
    if (malformed)
        sluice_machine_garbled(&play->machine, play->now);
    else
        sluice_machine_silent(&play->machine, play->now);
    stage_exit(play, kind & 8 ? 0 : -SIGKILL, "");
    check(play);
    return play;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count < 2)
        return 0;
    const char *text = (const char *)bytes + 1;
    stage *whole = hear(text, count - 1, count, bytes[0]), *pieces = hear(text, count - 1, 1 + count % 7, bytes[0]);
    sluice_job_statistics one = stage_figures(whole), other = stage_figures(pieces);
    insist(memcmp(&one, &other, sizeof one) == 0);
    insist(whole->event_count == pieces->event_count && memcmp(whole->counts, pieces->counts, sizeof whole->counts) == 0);
    insist(whole->says == pieces->says && whole->signals == pieces->signals);
    stage_free(whole);
    stage_free(pieces);
    return 0;
}
