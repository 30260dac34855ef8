/* SPDX-License-Identifier: Apache-2.0 */
/* types.h - quantities that carry their unit in their type. */
#ifndef SLUICE_TYPES_H
#define SLUICE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t sluice_time;     /* nanoseconds of a monotonic clock with an arbitrary origin */
typedef uint64_t sluice_duration; /* nanoseconds */
typedef uint64_t sluice_rate;     /* bits per second of IP packets, IP and UDP headers included; 0: none set */

#define SLUICE_NEVER UINT64_MAX /* a time that does not come */
#define SLUICE_US UINT64_C(1000)
#define SLUICE_MS UINT64_C(1000000)
#define SLUICE_SECOND UINT64_C(1000000000)

#define SLUICE_UNKNOWN UINT64_MAX /* a size or a count that is not known (yet) */

#define SLUICE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ABI numbers are major.minor; majors must be equal, and a plugin's minor not newer than the core's. */
#define SLUICE_ABI(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
#define SLUICE_ABI_MAJOR(abi) ((unsigned)((abi) >> 16))
#define SLUICE_ABI_MINOR(abi) ((unsigned)((abi)&0xffffu))

#endif
