/* SPDX-License-Identifier: MIT */
/*
 * apic.h - the local APIC (interrupts to this CPU, and its timer) and the I/O APIC (the ISA
 * interrupt lines). Both where every PC has them.
 */
#ifndef DRIVERS_APIC_H
#define DRIVERS_APIC_H

#include "lib/types.h"

/*
 * Silence the old interrupt controllers, map both APICs and switch this CPU's on. base: of the
 * local APIC, physical. Panics where there is none. Boot, interrupts off.
 */
void apic_init(u64 base, u8 spurious_vector);

u8 lapic_id(void);
/* The interrupt has been dealt with. */
void lapic_eoi(void);

/* The timer counts down once from count (0: stop) and then raises the vector. */
void lapic_timer_init(u8 vector);
void lapic_timer_start(u32 count);
u32 lapic_timer_left(void);

/* An ISA interrupt line to a vector of the boot CPU. */
void ioapic_route(u8 line, u8 vector);

#endif
