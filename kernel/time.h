/* SPDX-License-Identifier: MIT */
/* time.h - the clock, timers, and the end of a quantum. */
#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include "drivers/platform.h"
#include "kernel/cpu.h"
#include "lib/types.h"

/* Measure the clock and the timer and start them. Boot, interrupts off; the local APIC is on. */
void time_init(void);

/* Ns since time_init(); 0 before. Monotonic, any context. */
u64 time_now_ns(void);
u64 time_tsc_mhz(void);

/* The timer will not run, or has run, when this returns. platform_timer_start() starts one. */
void time_timer_cancel(struct platform_timer *timer);

/* cpu->quantum_end_ns is another one now. Interrupts off. */
void time_quantum_changed(struct cpu *cpu);

/*
 * Nothing can happen before the first timer is due: let it be due now. For an idle CPU with no
 * device but timers (disk=ram); interrupts off.
 */
void time_skip(void);
/* The first timer's time has come; its interrupt may not have. Any context. */
bool time_is_due(void);

/* The timer's interrupt. */
void time_interrupt(void);

#endif
