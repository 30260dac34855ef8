/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MOST 65536
#define MUTATIONS 500 /* of each file */

/* xorshift64*: the same numbers on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Each input lies in memory of exactly its size, so that sanitizers see one byte too many. */
static int feed(const uint8_t *bytes, size_t count)
{
    uint8_t *exact = malloc(count == 0 ? 1 : count);
    if (exact == NULL)
        return 1;
    memcpy(exact, bytes, count);
    int result = LLVMFuzzerTestOneInput(exact, count);
    free(exact);
    return result;
}

static size_t mutate(uint8_t *bytes, size_t count, uint64_t *random)
{
    for (uint64_t changes = next_random(random) % 8 + 1; changes > 0 && count > 0; changes--) {
        uint64_t number = next_random(random);
        size_t at = (size_t)((number >> 16) % count);
        if (number % 4 == 0)
            count = at; /* cut short */
        else if (number % 4 == 1 && at + 1 < count)
            memmove(bytes + at, bytes + at + 1, --count - at);
        else
            bytes[at] = (uint8_t)(number % 4 == 2 ? number >> 8 : bytes[at] ^ UINT64_C(1) << (number >> 8) % 8);
    }
    return count;
}

static int replay(const char *path)
{
    static uint8_t original[INPUT_MOST], copy[INPUT_MOST];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 1;
    size_t count = fread(original, 1, sizeof(original), file);
    fclose(file);
    uint64_t random = 88172645463325252u;
    int result = feed(original, count);
    for (int i = 0; i < MUTATIONS && result == 0; i++) {
        memcpy(copy, original, count);
        result = feed(copy, mutate(copy, count, &random));
    }
    if (result != 0)
        fprintf(stderr, "%s: refused by the target\n", path);
    return result;
}

int main(int argc, char **argv)
{
    char directory[1024], path[2048];
    (void)argc;
    const char *slash = strrchr(argv[0], '/'), *name = slash == NULL ? argv[0] : slash + 1;
    /* libtool's wrapper runs lt-<name>. */
    name += strncmp(name, "lt-", 3) == 0 ? 3 : 0;
    snprintf(directory, sizeof(directory), "%s/fuzz/corpus/%s", TEST_SRCDIR, name);
    DIR *stream = opendir(directory);
    int files = 0, failures = 0;
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        files++;
        failures += replay(path) != 0;
    }
    if (stream != NULL)
        closedir(stream);
    printf("%d files of %s, %d mutations each, %d failed\n", files, directory, MUTATIONS, failures);
    return files == 0 || failures != 0;
}
