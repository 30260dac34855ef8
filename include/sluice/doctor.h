/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what would hurt a transfer, told before there is one.
 *
 * An examination looks a server's name up, tries its addresses, is admitted as a transfer would be, and then moves
 * nothing (zeroes, that are thrown away) for about two seconds each way: so name, TCP, TLS or ssh, ticket, UDP both
 * ways, packet size, round trip, loss and rate are those of the real engine on the real path.  The server adds what it
 * knows of itself.  No file of either side is read or changed; the disks are measured with files without a name that
 * are gone at once.
 */
#ifndef SLUICE_DOCTOR_H
#define SLUICE_DOCTOR_H

#include <sluice/sluice.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum sluice_finding_level {
    SLUICE_FINDING_GOOD,    /* as it should be */
    SLUICE_FINDING_NOTE,    /* worth to know */
    SLUICE_FINDING_WARNING, /* a transfer will be slower than it could be, or less safe to rely on */
    SLUICE_FINDING_BAD      /* a transfer will fail or crawl */
} sluice_finding_level;
#define SLUICE_FINDING_LEVELS 4

/* Strings are valid during the call only, but for topic and where, which are static. */
typedef struct sluice_finding {
    uint32_t size;
    sluice_finding_level level;
    const char *topic;    /* name tcp ssh tls ticket udp rtt loss mtu rate buffer offload cipher disk clock */
    const char *where;    /* "here", "there" or "path" */
    const char *sentence; /* what was found, with the figures */
    const char *remedy;   /* what to do about it; "": nothing */
} sluice_finding;

typedef struct sluice_doctor sluice_doctor;

typedef struct sluice_doctor_order {
    uint32_t size;
    const sluice_settings *settings; /* of table TRANSFER; borrowed for the call */
    /* host, host:port, [v6]:port, sluice://[host[:port]]; or through ssh: what has an '@', or a colon that no port
     * number follows, such as [user@]host: */
    const char *host;
    void (*found)(void *user, const sluice_finding *finding); /* from inside run, as soon as it is found */
    void *user;
} sluice_doctor_order;

/* SLUICE_EUSAGE: what host says makes no sense.  The instance must outlive the doctor. */
SLUICE_API int sluice_doctor_new(sluice *instance, const sluice_doctor_order *order, sluice_doctor **out,
                                 sluice_error *error);
/* Once.  Blocks for about ten seconds, longer where a user is asked by ssh; bounded where something does not answer.
 * SLUICE_OK: the examination could be made, whatever it has found.  Else why it could not go on, after the findings
 * made so far: ECONNECT, EAUTH, ... as of a transfer; EINTERRUPTED after cancel. */
SLUICE_API int sluice_doctor_run(sluice_doctor *doctor, sluice_error *error);
/* run returns soon.  Any thread and signal handlers. */
SLUICE_API void sluice_doctor_cancel(sluice_doctor *doctor);
/* After run: how many findings of that level there were. */
SLUICE_API unsigned sluice_doctor_count(const sluice_doctor *doctor, sluice_finding_level level);
/* After run: options of copy that its findings speak for, such as "--transport tcp"; "": none.  And the server as the
 * beginning of an address for copy: "sluice://host:port/", "user@host:".  Both live as long as the doctor. */
SLUICE_API const char *sluice_doctor_options(const sluice_doctor *doctor);
SLUICE_API const char *sluice_doctor_address(const sluice_doctor *doctor);
SLUICE_API void sluice_doctor_free(sluice_doctor *doctor);

#ifdef __cplusplus
}
#endif
#endif
