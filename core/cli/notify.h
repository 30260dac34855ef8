/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - tells systemd how the service is (sd_notify(3), Type=notify), without its library.
 *
 * Where nobody asked to be told ($NOTIFY_SOCKET is not set) nothing happens; what cannot be told is not missed.
 */
#ifndef SLUICE_CLI_NOTIFY_H
#define SLUICE_CLI_NOTIFY_H

void sluice_notify_ready(void); /* after the start, and after each reload */
void sluice_notify_reloading(void);
void sluice_notify_stopping(void);

#endif
