/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate.h - the laboratory: congestion plugins on the real transport engine, in virtual time.
 *
 * A scenario is an INI file of links, flows, competitors and events, and of options of the plugins ([congestion NAME]).  It is
 * checked by option tables, all errors at once.  What a run gives follows from the scenario and its seed alone.  No thread, no
 * socket, no clock: a call runs on the thread that makes it.  An instance (sluice) serves one call at a time.
 */
#ifndef SLUICE_SIMULATE_H
#define SLUICE_SIMULATE_H

#include <sluice/sluice.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_scenario sluice_scenario;

/* Reads a scenario; the options of plugins in it become those of the instance.  Errors as of sluice_config_read.  The instance
 * outlives the scenario. */
SLUICE_API int sluice_scenario_read(sluice *instance, const char *path, void (*each)(void *user, const char *sentence),
                                    void *user, sluice_scenario **out, sluice_error *error);
SLUICE_API void sluice_scenario_free(sluice_scenario *scenario);

/* One value over the file's: "simulation.seed=3", "link.wan.loss=0.01", "congestion.fair.target-queue=5ms". */
SLUICE_API int sluice_scenario_set(sluice_scenario *scenario, const char *assignment, sluice_error *error);

/* The option table of a section: simulation, link, flow, competitor or event.  NULL: there is no such section. */
SLUICE_API const sluice_option *sluice_scenario_options(const char *section, size_t *count);

/* ---- a run ---- */

typedef enum sluice_track_type {
    SLUICE_TRACK_FLOW,       /* of sluice */
    SLUICE_TRACK_COMPETITOR, /* a TCP, or a steady sender */
    SLUICE_TRACK_LINK,       /* one direction of a link that has a rate */
    SLUICE_TRACK_EVENT       /* only told; has no figures */
} sluice_track_type;

/* What figures are about.  Valid during the run. */
typedef struct sluice_track {
    uint32_t size;
    unsigned index;
    sluice_track_type type;
    const char *name;  /* of the section; "wan/back" of a link's other direction, "f.2" of the second of several */
    const char *kind;  /* the congestion plugin, the competitor's kind, "link", or what an event changes */
    double start, stop; /* seconds; of events when it happens and when it is over */
} sluice_track;

/* Over [from, to), in seconds of virtual time since the start.  Means, where it is not said; what cannot be told is 0. */
typedef struct sluice_figures {
    uint32_t size;
    unsigned track;
    double from, to;
    double rate_bps;    /* IP packets that arrived; of links, that left the bottleneck */
    double goodput_bps; /* payload that arrived, each byte once */
    double sent_bps;    /* IP packets sent; of links, that entered */
    double share;       /* goodput as a share of what the path can carry (rate x (1 - loss) x payload share); of links, in use */
    double rtt_ms, queue_ms; /* round trip; of it the wait in queues on the way out.  Of links, the wait of a packet */
    double loss;        /* packets declared lost, of those sent; of links, dropped by the queue, the policer or the wire */
    double resent;      /* data packets sent again, of all data packets */
    double redundant;   /* payload received twice, of the payload */
    double marked;      /* packets with CE, of those that arrived */
    double window_bytes, pacing_bps, in_flight_bytes, estimate_bps; /* at the end; window and pacing 0: none */
    double queue_bytes; /* of links */
    const char *phase;  /* what the control says that it does, at the end; "" */
} sluice_figures;

typedef struct sluice_simulation_calls {
    uint32_t size;
    void *user;
    void (*track)(void *user, const sluice_track *track);      /* each, before the run; may be NULL */
    void (*interval)(void *user, const sluice_figures *figures); /* each track, after each interval; may be NULL */
    void (*result)(void *user, const sluice_figures *figures); /* each track, over what is judged; may be NULL */
} sluice_simulation_calls;

/* Runs the scenario.  SLUICE_EFAILED and the like with a sentence that has the seed and the time. */
SLUICE_API int sluice_simulate(const sluice_scenario *scenario, const sluice_simulation_calls *calls, sluice_error *error);

/* ---- conformance ---- */

/* One thing that a congestion control must do, or a row of its report card. */
typedef struct sluice_verdict {
    uint32_t size;
    bool required;        /* every control must; else it is a goal of the policy `fair`, and tells what this control is good for */
    bool passed;
    const char *what;     /* what was tried */
    const char *sentence; /* how it went, with figures and the seed */
} sluice_verdict;

/* Tries a congestion plugin of the instance, with the options that it has there.  SLUICE_EFAILED when something that is required
 * failed; other errors when it cannot be loaded. */
SLUICE_API int sluice_conformance(sluice *instance, const char *name, void (*each)(void *user, const sluice_verdict *verdict),
                                  void *user, sluice_error *error);

/* ---- report card ---- */

/*
 * The table of goals in doc/rate-control.md.  A row has one goal; a case is a row on one path.  What a case gives follows from
 * the plugin, its options and the seed alone; medians over seeds are for who calls.
 */
#define SLUICE_CARD_FIGURES 4

/* A goal: the figure lies from least to most.  Infinite, or -infinite: no such limit. */
typedef struct sluice_card_figure {
    const char *name; /* with its unit: "queue ms" */
    double least, most;
} sluice_card_figure;

typedef struct sluice_card_case {
    uint32_t size;
    size_t index;
    const char *row;  /* a word: "one-flow" */
    const char *what; /* the row in words */
    const char *path; /* "100 Mbit/s, 20 ms, 1 BDP" */
    bool concerned;   /* the row is one by which the plugin is judged */
    double seconds;   /* of virtual time that a run takes */
    size_t figure_count;
    sluice_card_figure figures[SLUICE_CARD_FIGURES];
} sluice_card_case;

/* Tells every case, row by row; the case is valid during the call.  plugin: the name of a congestion plugin, for `concerned`:
 * high and low have rows of their own, all others the general ones.  Errors: it cannot be loaded. */
SLUICE_API int sluice_card_cases(sluice *instance, const char *plugin, void (*each)(void *user, const sluice_card_case *about),
                                 void *user, sluice_error *error);

/* Runs a case with one seed, with the options that the plugin has in the instance.  values: its figures, in their order;
 * infinite: what was waited for never came.  Errors as of sluice_simulate; SLUICE_EINVAL: there is no such case. */
SLUICE_API int sluice_card_run(sluice *instance, const char *plugin, size_t index, int64_t seed,
                               double values[SLUICE_CARD_FIGURES], sluice_error *error);

#ifdef __cplusplus
}
#endif

#endif
