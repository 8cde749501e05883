/* SPDX-License-Identifier: MIT */
/* irq.h - interrupts to their handlers. */
#ifndef KERNEL_IRQ_H
#define KERNEL_IRQ_H

#include "kernel/trap.h"
#include "lib/types.h"

/* Interrupt controllers on. Boot, interrupts off; MMIO can be mapped. */
void irq_init(void);
/* Deal with the interrupt in frame. Interrupts off. */
void irq_handle(const struct trap_frame *frame);

#endif
