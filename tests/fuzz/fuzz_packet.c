/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_packet.c - opened packets of a hostile peer, fed to an engine in mid-session.
 *
 * The input is a row of packets: two bytes of length, one of time that passes (ms), then the body.  As a fuzz target
 * it is linked with libFuzzer; as a test it replays the files of the directories that it is given (without any: of its own
 * corpus).
 */
#include "../unit/udp_pair.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    setup[1].receive_bytes = 1 << 20;
    setup[1].ordered_bytes = 1 << 17;
    pair *p = pair_new(setup);
    p->end[0].path.out = true; /* The honest peer is silenced: the input speaks in its place. */
    pair_send(p, 1, 2, 0, 300000);
    pair_send(p, 1, 3, SLUICE_OBJECT_ORDERED, 300000);
    pair_run(p, p->now + 200 * SLUICE_MS, NULL);
    uint64_t number = 0;
    while (size > 3) {
        size_t bytes = ((size_t)input[0] << 8 | input[1]) % 1500;
        sluice_duration pause = input[2] * SLUICE_MS;
        input += 3;
        size -= 3;
        bytes = bytes < size ? bytes : size;
        pair_inject(p, 1, number++, input, bytes);
        input += bytes;
        size -= bytes;
        pair_run(p, p->now + pause, NULL);
    }
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    if (p->memory > 64u << 20)
        abort();
    pair_free(p);
    return 0;
}

#ifndef SLUICE_LIBFUZZER
static bool replay(const char *path)
{
    static uint8_t bytes[INPUT_MOST];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    return true;
}

/* Replays the files of a directory; returns how many there were, or -1. */
static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    if (!directory)
        return -1;
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char name[4096];
        if (entry->d_name[0] == '.' || snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) >= (int)sizeof(name))
            continue;
        count += replay(name);
    }
    closedir(directory);
    return count;
}

/* Bodies made of frames with random fields: no corpus is needed to reach every frame's reader. */
static void random_frames(uint64_t seed)
{
    static const uint8_t types[] = {1, 3, 5, 7, 9, 0x0b, 0x0d, 0x0f, 0x11, 0x13, 0x15, 0x17, 0x19, 0x3e};
    uint8_t bytes[2048];
    size_t at = 0;
    while (at + 64 < sizeof(bytes)) {
        size_t head = at;
        at += 3;
        for (unsigned frames = 1 + (unsigned)(seed % 4); frames > 0; frames--) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t length = (seed >> 20) % 12;
            bytes[at++] = types[(seed >> 40) % sizeof(types)];
            bytes[at++] = (uint8_t)length;
            for (size_t i = 0; i < length; i++) {
                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                bytes[at++] = (uint8_t)((seed >> 33) % 3 ? (seed >> 40) % 8 : seed >> 50);
            }
        }
        bytes[head] = 0;
        bytes[head + 1] = (uint8_t)(at - head - 3);
        bytes[head + 2] = (uint8_t)(seed >> 60);
    }
    LLVMFuzzerTestOneInput(bytes, at);
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = argc > 1 ? 1 : 0; i < argc; i++) {
        const char *path = i == 0 ? TEST_SRCDIR "/fuzz/corpus/packet" : argv[i];
        int found = replay_directory(path);
        if (found < 1) {
            fprintf(stderr, "%s: no corpus there\n", path);
            return 1;
        }
        count += found;
    }
    for (uint64_t seed = 1; seed <= 500; seed++)
        random_frames(seed);
    printf("fuzz_packet: %d files and 500 random inputs\n", count);
    return 0;
}
#endif
