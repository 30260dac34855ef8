/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/files.h"

#include <stdlib.h>
#include <string.h>

void sluice_files_keep(const char **field, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    free((char *)*field);
    *field = copy;
}

static sluice_files_entry **bucket_of(const sluice_files *files, uint64_t hash)
{
    return (sluice_files_entry **)&files->buckets[(hash >> 8) % SLUICE_FILES_BUCKETS];
}

sluice_files_entry *sluice_files_find(const sluice_files *files, const char *name, uint64_t hash)
{
    for (sluice_files_entry *at = *bucket_of(files, hash); at != NULL; at = at->next)
        if (at->hash == hash && strcmp(at->file.name, name) == 0)
            return at;
    return NULL;
}

sluice_files_entry *sluice_files_begin(sluice_files *files, const char *name, uint64_t hash)
{
    sluice_files_entry *entry = files->moving < SLUICE_FILES_MOVING_MOST ? calloc(1, sizeof *entry) : NULL;
    if (entry != NULL)
        sluice_files_keep(&entry->file.name, name);
    if (entry == NULL || entry->file.name == NULL) {
        free(entry);
        return NULL;
    }
    entry->file.size = sizeof entry->file;
    entry->hash = hash;
    entry->next = *bucket_of(files, hash);
    *bucket_of(files, hash) = entry;
    entry->before = files->last;
    if (files->last != NULL)
        files->last->after = entry;
    else
        files->first = entry;
    files->last = entry;
    files->moving++;
    return entry;
}

static void drop(sluice_files *files, sluice_files_entry *entry)
{
    if (files->gone != NULL)
        files->gone(files->user, entry);
    if (entry->before != NULL)
        entry->before->after = entry->after;
    else
        files->first = entry->after;
    if (entry->after != NULL)
        entry->after->before = entry->before;
    else
        files->last = entry->before;
    free((char *)entry->file.name);
    free((char *)entry->file.digest);
    free((char *)entry->file.message);
    free(entry);
}

static void bucket_leave(sluice_files *files, sluice_files_entry *entry)
{
    sluice_files_entry **at = bucket_of(files, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    entry->next = NULL;
    files->moving--;
}

static void over_drop_first(sluice_files *files)
{
    sluice_files_entry *oldest = files->over_first;
    files->over_first = oldest->next;
    if (files->over_first == NULL)
        files->over_last = NULL;
    files->over--;
    drop(files, oldest);
}

void sluice_files_end(sluice_files *files, sluice_files_entry *entry)
{
    bucket_leave(files, entry);
    if (files->over_last != NULL)
        files->over_last->next = entry;
    else
        files->over_first = entry;
    files->over_last = entry;
    files->over++;
    while (files->over > files->over_most)
        over_drop_first(files);
}

void sluice_files_abandon(sluice_files *files)
{
    for (size_t i = 0; i < SLUICE_FILES_BUCKETS && files->moving > 0; i++)
        while (files->buckets[i] != NULL) {
            sluice_files_entry *entry = files->buckets[i];
            bucket_leave(files, entry);
            drop(files, entry);
        }
}

void sluice_files_fini(sluice_files *files)
{
    sluice_files_abandon(files);
    while (files->over_first != NULL)
        over_drop_first(files);
}
