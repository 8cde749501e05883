/* SPDX-License-Identifier: MIT */
/*
 * platform.h - what drivers ask of the kernel beyond lib/. The kernel
 * implements it in kernel/platform.c.
 */
#ifndef DRIVERS_PLATFORM_H
#define DRIVERS_PLATFORM_H

#include "lib/types.h"

/* 2^order zeroed frames for a device's use; physical address in *phys. NULL: none. Boot time. */
void *platform_dma_alloc(u32 order, u64 *phys);
/* Physical address of direct-map memory that a device may read or write. */
u64 platform_phys(const void *addr);
/* Map device registers, uncached. NULL: no room. Boot time. */
volatile void *platform_map_mmio(u64 phys, u64 bytes);

/*
 * A free interrupt vector for handler(arg), called with interrupts off. 0: none left. The address
 * and data are for an MSI or MSI-X table entry that interrupts the boot CPU.
 */
u8 platform_irq_alloc(void (*handler)(void *arg), void *arg, const char *name);
void platform_msi_message(u8 vector, u64 *address, u32 *data);
/* Route an ISA interrupt line (serial: 4) to that vector. */
void platform_isa_route(u8 line, u8 vector);

u64 platform_now_ns(void);
/* Call fn(arg) from the timer interrupt at an absolute time; timer memory is the caller's. */
struct platform_timer {
	u64 expires_ns;
	void (*fn)(void *arg);
	void *arg;
	struct platform_timer *next;
	bool armed;
};
void platform_timer_start(struct platform_timer *timer, u64 expires_ns);

static inline u8 inb(u16 port)
{
	u8 v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline void outb(u16 port, u8 v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}
static inline u32 inl(u16 port)
{
	u32 v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}
static inline void outl(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

#endif
