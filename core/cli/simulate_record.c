/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/simulate_record.h"

#include "cli/json.h"

#include <stdlib.h>
#include <string.h>

static void take_track(void *user, const sluice_track *track)
{
    sluice_record *record = user;
    sluice_record_track *tracks = realloc(record->tracks, (record->track_count + 1) * sizeof *tracks);
    if (tracks == NULL) {
        record->failed = true;
        return;
    }
    record->tracks = tracks;
    sluice_record_track *added = &tracks[record->track_count++];
    *added = (sluice_record_track){.about = *track};
    snprintf(added->name, sizeof added->name, "%s", track->name);
    snprintf(added->kind, sizeof added->kind, "%s", track->kind);
    added->about.name = added->about.kind = NULL; /* the array moves */
}

static void take_interval(void *user, const sluice_figures *figures)
{
    sluice_record *record = user;
    if (record->point_count == record->point_room) {
        size_t room = record->point_room == 0 ? 1024 : 2 * record->point_room;
        sluice_record_point *points = realloc(record->points, room * sizeof *points);
        if (points == NULL) {
            record->failed = true;
            return;
        }
        record->points = points;
        record->point_room = room;
    }
    sluice_record_point *point = &record->points[record->point_count++];
    point->figures = *figures;
    snprintf(point->phase, sizeof point->phase, "%s", figures->phase);
    record->end = figures->to;
}

static void take_result(void *user, const sluice_figures *figures)
{
    sluice_record *record = user;
    if (figures->track >= record->track_count)
        return;
    record->tracks[figures->track].result = *figures;
    record->tracks[figures->track].result.phase = "";
}

void sluice_record_calls(sluice_record *record, sluice_simulation_calls *out)
{
    *out = (sluice_simulation_calls){
        .size = sizeof *out, .user = record, .track = take_track, .interval = take_interval, .result = take_result};
}

void sluice_record_fini(sluice_record *record)
{
    free(record->tracks);
    free(record->points);
    *record = (sluice_record){.tracks = NULL};
}

const sluice_figures *sluice_record_figures(sluice_record_point *point)
{
    point->figures.phase = point->phase;
    return &point->figures;
}

double sluice_record_jain(const sluice_record *record, size_t *flows)
{
    double sum = 0, squares = 0;
    *flows = 0;
    for (size_t i = 0; i < record->track_count; i++) {
        double rate = record->tracks[i].result.goodput_bps;
        if (record->tracks[i].about.type != SLUICE_TRACK_FLOW)
            continue;
        sum += rate;
        squares += rate * rate;
        ++*flows;
    }
    return *flows < 2 || squares <= 0 ? 0 : sum * sum / ((double)*flows * squares);
}

/* ---- table ---- */

void sluice_record_table(const sluice_record *record)
{
    size_t flows;
    double jain = sluice_record_jain(record, &flows);
    printf("%-16s %-8s %12s %12s %6s %8s %9s %7s %8s %10s\n", "name", "control", "rate Mbit/s", "payload", "share", "rtt ms",
           "queue ms", "loss %", "resent %", "redundant %");
    for (size_t i = 0; i < record->track_count; i++) {
        const sluice_record_track *track = &record->tracks[i];
        const sluice_figures *f = &track->result;
        if (track->about.type == SLUICE_TRACK_EVENT)
            continue;
        printf("%-16s %-8s %12.3f", track->name, track->kind, f->rate_bps / 1e6);
        if (track->about.type == SLUICE_TRACK_LINK)
            printf(" %12s %6.3f %8s %9.2f %7.3f\n", "", f->share, "", f->queue_ms, f->loss * 100);
        else
            printf(" %12.3f %6.3f %8.2f %9.2f %7.3f %8.3f %10.3f\n", f->goodput_bps / 1e6, f->share, f->rtt_ms, f->queue_ms,
                   f->loss * 100, f->resent * 100, f->redundant * 100);
    }
    if (flows > 1)
        printf("Jain's index of the %zu flows: %.3f\n", flows, jain);
}

/* ---- medians ---- */

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double share_of(const sluice_figures *f)
{
    return f->share;
}

static double rate_of(const sluice_figures *f)
{
    return f->rate_bps / 1e6;
}

static double queue_of(const sluice_figures *f)
{
    return f->queue_ms;
}

static double loss_of(const sluice_figures *f)
{
    return f->loss * 100;
}

static double resent_of(const sluice_figures *f)
{
    return f->resent * 100;
}

static double redundant_of(const sluice_figures *f)
{
    return f->redundant * 100;
}

/* The lower of two in the middle, and the worst: the least where more is better, else the most. */
static void put_median(const sluice_record_runs *runs, size_t track, double (*value)(const sluice_figures *), bool more,
                       double *sorted)
{
    for (size_t i = 0; i < runs->count; i++)
        sorted[i] = value(&runs->runs[i].tracks[track].result);
    qsort(sorted, runs->count, sizeof *sorted, ascending);
    printf(" %9.3f %9.3f", sorted[(runs->count - 1) / 2], sorted[more ? 0 : runs->count - 1]);
}

void sluice_record_median(const sluice_record_runs *runs)
{
    double *sorted = calloc(runs->count, sizeof *sorted);
    const sluice_record *first = &runs->runs[0];
    size_t flows = 0;
    if (sorted == NULL)
        return;
    printf("%-16s %-8s %19s %19s %19s %19s %19s %19s\n%-16s %-8s", "", "", "rate Mbit/s", "share", "queue ms", "loss %", "resent %",
           "redundant %", "name", "control");
    for (int i = 0; i < 6; i++)
        printf(" %9s %9s", "median", "worst");
    putchar('\n');
    for (size_t i = 0; i < first->track_count; i++) {
        if (first->tracks[i].about.type == SLUICE_TRACK_EVENT)
            continue;
        printf("%-16s %-8s", first->tracks[i].name, first->tracks[i].kind);
        put_median(runs, i, rate_of, true, sorted);
        put_median(runs, i, share_of, true, sorted);
        put_median(runs, i, queue_of, false, sorted);
        put_median(runs, i, loss_of, false, sorted);
        if (first->tracks[i].about.type != SLUICE_TRACK_LINK) {
            put_median(runs, i, resent_of, false, sorted);
            put_median(runs, i, redundant_of, false, sorted);
        }
        putchar('\n');
    }
    for (size_t i = 0; i < runs->count; i++)
        sorted[i] = sluice_record_jain(&runs->runs[i], &flows);
    qsort(sorted, runs->count, sizeof *sorted, ascending);
    if (flows > 1)
        printf("Jain's index of the %zu flows: median %.3f, worst %.3f\n", flows, sorted[(runs->count - 1) / 2], sorted[0]);
    free(sorted);
}

/* ---- CSV ---- */

static const char *const types[] = {"flow", "competitor", "link", "event"};

void sluice_record_csv(sluice_record *record, FILE *out)
{
    fputs("from,to,type,name,control,rate_bps,goodput_bps,sent_bps,share,rtt_ms,queue_ms,loss,resent,redundant,marked,"
          "window_bytes,pacing_bps,in_flight_bytes,estimate_bps,queue_bytes,phase\n", out);
    for (size_t i = 0; i < record->point_count; i++) {
        const sluice_figures *f = sluice_record_figures(&record->points[i]);
        const sluice_record_track *track = &record->tracks[f->track];
        fprintf(out, "%.6f,%.6f,%s,%s,%s,%.0f,%.0f,%.0f,%.5f,%.4f,%.4f,%.6f,%.6f,%.6f,%.6f,%.0f,%.0f,%.0f,%.0f,%.0f,%s\n",
                f->from, f->to, types[track->about.type], track->name, track->kind, f->rate_bps, f->goodput_bps, f->sent_bps,
                f->share, f->rtt_ms, f->queue_ms, f->loss, f->resent, f->redundant, f->marked, f->window_bytes, f->pacing_bps,
                f->in_flight_bytes, f->estimate_bps, f->queue_bytes, f->phase);
    }
}

/* ---- JSON ---- */

static void put_decimal(sluice_json *json, const char *key, double value)
{
    sluice_json_decimal(json, key, value > 0 ? (uint64_t)(value * 1e6 + 0.5) : 0, 1000000);
}

static void put_number(sluice_json *json, const char *key, double value)
{
    sluice_json_number(json, key, value > 0 ? (uint64_t)(value + 0.5) : 0);
}

static void put_figures(FILE *out, const char *event, const sluice_record_track *track, const sluice_figures *f)
{
    sluice_json json = {.out = out};
    bool link = track->about.type == SLUICE_TRACK_LINK;
    sluice_json_open(&json, NULL, '{');
    sluice_json_text(&json, "event", event);
    sluice_json_text(&json, "type", types[track->about.type]);
    sluice_json_text(&json, "name", track->name);
    sluice_json_text(&json, "control", track->kind);
    put_decimal(&json, "from", f->from);
    put_decimal(&json, "to", f->to);
    put_number(&json, "rate_bps", f->rate_bps);
    put_decimal(&json, "share", f->share);
    put_decimal(&json, "queue_ms", f->queue_ms);
    put_decimal(&json, "loss_percent", f->loss * 100);
    put_decimal(&json, "marked_percent", f->marked * 100);
    if (link) {
        put_number(&json, "queue_bytes", f->queue_bytes);
    } else {
        put_number(&json, "goodput_bps", f->goodput_bps);
        put_number(&json, "sent_bps", f->sent_bps);
        put_decimal(&json, "rtt_ms", f->rtt_ms);
        put_decimal(&json, "resent_percent", f->resent * 100);
        put_decimal(&json, "redundant_percent", f->redundant * 100);
        put_number(&json, "window_bytes", f->window_bytes);
        put_number(&json, "pacing_bps", f->pacing_bps);
        put_number(&json, "in_flight_bytes", f->in_flight_bytes);
        put_number(&json, "estimate_bps", f->estimate_bps);
        sluice_json_text(&json, "phase", f->phase);
    }
    sluice_json_close(&json, '}');
    putc('\n', out);
}

void sluice_record_json(sluice_record *record, bool intervals, FILE *out)
{
    for (size_t i = 0; intervals && i < record->point_count; i++) {
        const sluice_figures *f = sluice_record_figures(&record->points[i]);
        put_figures(out, "interval", &record->tracks[f->track], f);
    }
    for (size_t i = 0; i < record->track_count; i++)
        if (record->tracks[i].about.type != SLUICE_TRACK_EVENT)
            put_figures(out, "result", &record->tracks[i], &record->tracks[i].result);
}
