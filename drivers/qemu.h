/* SPDX-License-Identifier: MIT */
/* qemu.h - the way out: QEMU's isa-debug-exit device. */
#ifndef DRIVERS_QEMU_H
#define DRIVERS_QEMU_H

#include "lib/types.h"

/* QEMU's own exit status is then twice this, plus one. */
#define QEMU_EXIT_OK	 0x10
#define QEMU_EXIT_FAILED 0x11 /* a check failed, or the machine or command line will not do */
#define QEMU_EXIT_PANIC	 0x12

/* End the machine with a verdict; without the device, stop. Any context. */
void qemu_exit(u8 code) __noreturn;

#endif
