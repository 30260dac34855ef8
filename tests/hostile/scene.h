/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scene.h - a server on loopback that strangers come to, and what must hold for it afterwards.
 */
#ifndef SLUICE_TEST_SCENE_H
#define SLUICE_TEST_SCENE_H

#include "hostile/stranger.h"
#include <sluice/sluice.h>

#define SCENE_SECRET "what lies outside of the root"
#define SCENE_INSIDE "what lies inside of the root"
#define SCENE_SOON 5 /* seconds: more than anything takes */

typedef struct scene {
    char room[64];
    sluice *library;
    sluice_server *server;
    sluice_loop *loop; /* of all strangers */
} scene;

void scene_begin(scene *at);
/* max_rate: of each session; NULL: any. */
void scene_begin_at(scene *at, const char *max_rate);
/* An honest client still gets its file, what lies outside was not touched, and the server ends when it is told to. */
void scene_end(scene *at);
void scene_still_serves(scene *at);

/* A name in the scene's room; root/ is the server's root. */
void scene_path(const scene *at, const char *name, char *out, size_t size);

/* A stranger with the server's ticket; then its hello and the answer. */
void scene_arrive(stranger *s, const scene *at);
void scene_meet(stranger *s, const scene *at);

#endif
