/* SPDX-License-Identifier: Apache-2.0 */
#include "session/survey.h"

#include "session/disk.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t number_in(const char *path)
{
    unsigned long long number = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &number) != 1)
        number = 0;
    fclose(file);
    return number;
}

void sluice_survey_system(sluice_facts *facts)
{
    struct timespec day;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        facts->cores = (uint64_t)CPU_COUNT(&allowed);
    facts->receive_limit_bytes = number_in("/proc/sys/net/core/rmem_max");
    facts->send_limit_bytes = number_in("/proc/sys/net/core/wmem_max");
    if (clock_gettime(CLOCK_REALTIME, &day) == 0)
        facts->wall_ns = (uint64_t)day.tv_sec * SLUICE_SECOND + (uint64_t)day.tv_nsec;
}

/* The kernel counts its own administration as well, and grants twice of what is asked for it. */
#define KERNEL_SHARE 2

void sluice_survey_socket(sluice_facts *facts, const sluice_datagram *datagram)
{
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(datagram, &statistics);
    facts->receive_buffer_bytes = statistics.receive_buffer_bytes / KERNEL_SHARE;
    facts->send_buffer_bytes = statistics.send_buffer_bytes / KERNEL_SHARE;
    facts->segmenting = statistics.segmenting;
    facts->coalescing = statistics.coalescing;
}

void sluice_survey_suite(sluice_facts *facts, const sluice_suite *suite)
{
    memcpy(facts->ciphers, suite->offers, sizeof facts->ciphers);
    facts->cipher_count = suite->count;
}

void sluice_survey_disk(sluice_facts *facts, const char *directory, const char *why_not)
{
    sluice_disk_speed speed = {0};
    sluice_error error = {0};
    facts->disk_write_bps = facts->disk_read_bps = 0;
    snprintf(facts->disk_why, sizeof facts->disk_why, "%s", why_not ? why_not : "");
    if (!directory)
        return;
    if (sluice_disk_measure(directory, &speed, &error) != SLUICE_OK) {
        snprintf(facts->disk_why, sizeof facts->disk_why, "%.*s", SLUICE_FACTS_WHY - 1, error.text);
        return;
    }
    facts->disk_write_bps = speed.write_bps;
    facts->disk_read_bps = speed.read_bps;
}
