/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run as a picture: rate, rtt, queue, loss and window over time, one line for each flow (of the queue, for each link), with the
 * events as dashed lines.  SVG 1.1, without scripts and fonts of its own, so that every browser shows it.
 */
#include "cli/simulate_record.h"

#include <math.h>
#include <string.h>

#define WIDTH 1000
#define PANEL 170
#define GAP 34
#define LEFT 74
#define RIGHT 34
#define HEAD 34
#define LEGEND_LINE 20
#define LEGEND_COLUMNS 4
#define TICKS 5

/* Okabe and Ito's colours, which colour-blind people can tell apart. */
static const char *const colours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a00"};

typedef struct panel {
    const char *title;
    double (*value)(const sluice_figures *figures);
    bool links; /* of links, else of senders */
    bool gaps;  /* 0 means that it is not known: no line is drawn there */
} panel;

static double rate_of(const sluice_figures *f)
{
    return f->rate_bps / 1e6;
}

static double rtt_of(const sluice_figures *f)
{
    return f->rtt_ms;
}

static double queue_of(const sluice_figures *f)
{
    return f->queue_ms;
}

static double loss_of(const sluice_figures *f)
{
    return f->loss * 100;
}

static double window_of(const sluice_figures *f)
{
    return f->window_bytes / 1e3;
}

static const panel panels[] = {
    {"rate that arrives, Mbit/s", rate_of, false, false}, {"round trip, ms", rtt_of, false, true},
    {"queue, ms", queue_of, true, false},                 {"packets lost, %", loss_of, false, false},
    {"window, kB", window_of, false, false},
};

typedef struct picture {
    sluice_record *record;
    FILE *out;
    double legend; /* its height */
} picture;

static void put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if ((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f)
            putc(*text, out);
        else
            putc('?', out);
    }
}

static const char *colour_of(size_t track)
{
    return colours[track % SLUICE_COUNT(colours)];
}

/* The least of 1, 2 and 5 times a power of ten that leaves so many steps at most. */
static double step_of(double range, int steps)
{
    double raw = range / steps, power = pow(10, floor(log10(raw)));
    double times = raw / power;
    return (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10) * power;
}

static double x_of(const picture *p, double seconds)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / p->record->end;
}

static bool shown(const picture *p, const panel *of, unsigned track)
{
    return (p->record->tracks[track].about.type == SLUICE_TRACK_LINK) == of->links;
}

static double largest(const picture *p, const panel *of)
{
    double most = 0;
    for (size_t i = 0; i < p->record->point_count; i++) {
        const sluice_figures *f = &p->record->points[i].figures;
        if (shown(p, of, f->track))
            most = fmax(most, of->value(f));
    }
    return most > 0 ? most : 1;
}

static void put_axes(const picture *p, const panel *of, double top, double most, double step)
{
    double bottom = top + PANEL, time = step_of(p->record->end, 10);
    fprintf(p->out, "<text x=\"%d\" y=\"%.1f\" class=\"title\">", LEFT, top - 6);
    put_text(p->out, of->title);
    fputs("</text>\n", p->out);
    for (double value = 0; value <= most * 1.0001; value += step) {
        double y = bottom - PANEL * value / most;
        fprintf(p->out, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" class=\"grid\"/>\n", LEFT, y, WIDTH - RIGHT, y);
        fprintf(p->out, "<text x=\"%d\" y=\"%.1f\" class=\"right\">%.6g</text>\n", LEFT - 6, y + 4, value);
    }
    for (double at = 0; at <= p->record->end * 1.0001; at += time) {
        fprintf(p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>\n", x_of(p, at), top, x_of(p, at),
                bottom);
        fprintf(p->out, "<text x=\"%.1f\" y=\"%.1f\" class=\"middle\">%.6g s</text>\n", x_of(p, at), bottom + 14, at);
    }
    fprintf(p->out, "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%d\" class=\"frame\"/>\n", LEFT, top,
            WIDTH - LEFT - RIGHT, PANEL);
}

static void put_events(const picture *p, double top)
{
    for (size_t i = 0; i < p->record->track_count; i++) {
        const sluice_record_track *track = &p->record->tracks[i];
        double x = x_of(p, track->about.start), to = x_of(p, fmin(track->about.stop, p->record->end));
        if (track->about.type != SLUICE_TRACK_EVENT || track->about.start > p->record->end)
            continue;
        if (to > x)
            fprintf(p->out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" class=\"outage\"/>\n", x, top, to - x, PANEL);
        fprintf(p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"event\"><title>", x, top, x, top + PANEL);
        put_text(p->out, track->name);
        fputs(": ", p->out);
        put_text(p->out, track->kind);
        fputs("</title></line>\n", p->out);
    }
}

static bool lives(const sluice_record_track *track, const sluice_figures *f)
{
    return f->to > track->about.start && f->from < track->about.stop;
}

static void put_line(const picture *p, const panel *of, unsigned track, double top, double most)
{
    bool any = false;
    for (size_t i = 0; i < p->record->point_count; i++) {
        const sluice_figures *f = &p->record->points[i].figures;
        if (f->track != track)
            continue;
        if (!lives(&p->record->tracks[track], f) || (of->gaps && of->value(f) <= 0)) {
            if (any)
                fputs("\"/>\n", p->out);
            any = false;
            continue;
        }
        if (!any)
            fprintf(p->out, "<polyline stroke=\"%s\" class=\"line\" points=\"", colour_of(track));
        fprintf(p->out, "%s%.1f,%.1f", any ? " " : "", x_of(p, (f->from + f->to) / 2), top + PANEL * (1 - of->value(f) / most));
        any = true;
    }
    if (any)
        fputs("\"/>\n", p->out);
}

static void put_panel(const picture *p, const panel *of, double top)
{
    double most = largest(p, of), step = step_of(most, TICKS);
    most = step * ceil(most / step * 0.9999);
    put_axes(p, of, top, most, step);
    put_events(p, top);
    for (unsigned track = 0; track < p->record->track_count; track++)
        if (p->record->tracks[track].about.type != SLUICE_TRACK_EVENT && shown(p, of, track))
            put_line(p, of, track, top, most);
}

static void put_legend(const picture *p)
{
    double column = (double)(WIDTH - LEFT - RIGHT) / LEGEND_COLUMNS;
    for (size_t i = 0, n = 0; i < p->record->track_count; i++) {
        const sluice_record_track *track = &p->record->tracks[i];
        double x = LEFT + column * (double)(n % LEGEND_COLUMNS), y = HEAD + LEGEND_LINE * (double)(n / LEGEND_COLUMNS) + 10;
        if (track->about.type == SLUICE_TRACK_EVENT)
            continue;
        fprintf(p->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" class=\"line\"/>\n", x, y, x + 24, y,
                colour_of(i));
        fprintf(p->out, "<text x=\"%.1f\" y=\"%.1f\">", x + 30, y + 4);
        put_text(p->out, track->name);
        fputs(" (", p->out);
        put_text(p->out, track->kind);
        fputs(")</text>\n", p->out);
        n++;
    }
}

static double legend_height(const sluice_record *record)
{
    size_t count = 0;
    for (size_t i = 0; i < record->track_count; i++)
        count += record->tracks[i].about.type != SLUICE_TRACK_EVENT;
    return LEGEND_LINE * (double)((count + LEGEND_COLUMNS - 1) / LEGEND_COLUMNS);
}

void sluice_record_svg(sluice_record *record, const char *title, FILE *out)
{
    picture p = {.record = record, .out = out, .legend = legend_height(record)};
    double top = HEAD + p.legend + GAP, height = top + SLUICE_COUNT(panels) * (PANEL + GAP + 6);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<style>.line{fill:none;stroke-width:1.5}.grid{stroke:#e0e0e0}.frame{fill:none;stroke:#606060}"
            ".event{stroke:#606060;stroke-dasharray:4 3}.outage{fill:#d0d0d0;fill-opacity:0.5}"
            ".title{font-weight:bold}.right{text-anchor:end}.middle{text-anchor:middle}</style>\n"
            "<rect width=\"%d\" height=\"%.0f\" fill=\"#ffffff\"/>\n<text x=\"%d\" y=\"22\" font-size=\"16\">",
            WIDTH, height, WIDTH, height, WIDTH, height, LEFT);
    put_text(out, title);
    fputs("</text>\n", out);
    put_legend(&p);
    for (size_t i = 0; i < SLUICE_COUNT(panels); i++)
        put_panel(&p, &panels[i], top + (double)i * (PANEL + GAP + 6));
    fputs("</svg>\n", out);
}
