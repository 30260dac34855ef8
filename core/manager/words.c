/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/words.h"

#include <sluice/manager.h>
#include <string.h>

typedef struct policy {
    const char *word, *adaptive;
    unsigned priority;
} policy;

static const policy policies[] = {
    {"fixed", "Fixed", 2},
    {"high", "Adaptive", 1},
    {"fair", "Adaptive", 2},
    {"low", "Trickle", 2},
};

static const policy *find(const char *word)
{
    for (size_t i = 0; i < SLUICE_COUNT(policies); i++)
        if (strcmp(policies[i].word, word) == 0)
            return &policies[i];
    return NULL;
}

bool sluice_words_policy(const char *word)
{
    return find(word) != NULL;
}

const char *sluice_words_adaptive(const char *word)
{
    const policy *row = find(word);
    return row != NULL ? row->adaptive : NULL;
}

unsigned sluice_words_priority(const char *word)
{
    const policy *row = find(word);
    return row != NULL ? row->priority : 2;
}

const char *sluice_words_policy_of(const char *adaptive, uint64_t priority)
{
    if (strcmp(adaptive, "Adaptive") == 0)
        return priority == 1 ? "high" : "fair";
    for (size_t i = 0; i < SLUICE_COUNT(policies); i++)
        if (strcmp(policies[i].adaptive, adaptive) == 0)
            return policies[i].word;
    return "";
}

bool sluice_words_below(const char *name)
{
    bool any = false;
    if (name[0] == '/')
        return false;
    while (*name != '\0') {
        size_t bytes = strcspn(name, "/");
        if (bytes == 2 && memcmp(name, "..", 2) == 0)
            return false;
        any = any || (bytes > 0 && !(bytes == 1 && name[0] == '.'));
        name += bytes;
        name += *name == '/';
    }
    return any;
}

const char *sluice_job_state_name(sluice_job_state state)
{
    switch (state) {
    case SLUICE_JOB_SUBMITTED:
        return "submitted";
    case SLUICE_JOB_CONNECTING:
        return "connecting";
    case SLUICE_JOB_RUNNING:
        return "running";
    case SLUICE_JOB_PAUSED:
        return "paused";
    case SLUICE_JOB_RETRYING:
        return "retrying";
    case SLUICE_JOB_FINISHED:
        return "finished";
    case SLUICE_JOB_FAILED:
        return "failed";
    case SLUICE_JOB_CANCELLED:
        return "cancelled";
    }
    return "unknown";
}

const char *sluice_job_file_state_name(sluice_job_file_state state)
{
    switch (state) {
    case SLUICE_FILE_MOVING:
        return "moving";
    case SLUICE_FILE_DONE:
        return "done";
    case SLUICE_FILE_SKIPPED:
        return "skipped";
    case SLUICE_FILE_FAILED:
        return "failed";
    }
    return "unknown";
}

const char *sluice_job_event_name(sluice_job_event_type type)
{
    switch (type) {
#define EVENT_CASE(name, word, help) \
    case SLUICE_JOB_EVENT_##name:    \
        return word;
        SLUICE_JOB_EVENT_MAP(EVENT_CASE)
#undef EVENT_CASE
    }
    return "unknown";
}
