/* SPDX-License-Identifier: MIT */
/*
 * apic.c - few registers of two interrupt controllers.
 *
 * The 8259 pair is still what a PC starts with: it is masked for good, after its vectors have been
 * moved away from the exceptions, because it may yet raise a spurious one. The I/O APIC is taken
 * to be at its customary address with line n at input n, which holds for all the lines we route.
 */
#include "drivers/apic.h"

#include "drivers/platform.h"
#include "lib/assert.h"

#define LAPIC_ID	   0x020
#define LAPIC_PRIORITY	   0x080
#define LAPIC_EOI	   0x0b0
#define LAPIC_SPURIOUS	   0x0f0
#define LAPIC_TIMER	   0x320
#define LAPIC_LINT0	   0x350
#define LAPIC_LINT1	   0x360
#define LAPIC_ERROR	   0x370
#define LAPIC_TIMER_COUNT  0x380
#define LAPIC_TIMER_LEFT   0x390
#define LAPIC_TIMER_DIVIDE 0x3e0

#define LAPIC_ENABLE   0x100
#define LAPIC_MASKED   0x10000
#define LAPIC_DIVIDE_1 0x0b

#define IOAPIC_PHYS	      0xfec00000UL
#define IOAPIC_SELECT	      0x00
#define IOAPIC_WINDOW	      0x10
#define IOAPIC_VERSION	      1
#define IOAPIC_REDIRECTION(n) (0x10 + 2 * (n))
#define IOAPIC_MASKED	      0x10000

#define PIC1	    0x20
#define PIC2	    0xa0
#define PIC_INIT    0x11
#define PIC_8086    0x01
#define PIC_VECTOR  0x20 /* spurious ones only */
#define PIC_ALL_OFF 0xff

/* Mapped at boot, constant afterwards. */
static volatile u8 *lapic, *ioapic;

static u32 lapic_read(u32 reg)
{
	return *(volatile u32 *)(lapic + reg);
}

static void lapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(lapic + reg) = value;
}

static u32 ioapic_read(u32 reg)
{
	*(volatile u32 *)(ioapic + IOAPIC_SELECT) = reg;
	return *(volatile u32 *)(ioapic + IOAPIC_WINDOW);
}

static void ioapic_write(u32 reg, u32 value)
{
	*(volatile u32 *)(ioapic + IOAPIC_SELECT) = reg;
	*(volatile u32 *)(ioapic + IOAPIC_WINDOW) = value;
}

static void silence_pic(void)
{
	outb(PIC1, PIC_INIT);
	outb(PIC2, PIC_INIT);
	outb(PIC1 + 1, PIC_VECTOR);
	outb(PIC2 + 1, PIC_VECTOR + 8);
	outb(PIC1 + 1, 1 << 2); /* the second hangs on line 2 */
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, PIC_8086);
	outb(PIC2 + 1, PIC_8086);
	outb(PIC1 + 1, PIC_ALL_OFF);
	outb(PIC2 + 1, PIC_ALL_OFF);
}

void apic_init(u64 base, u8 spurious_vector)
{
	u32 lines;

	silence_pic();
	lapic = platform_map_mmio(base, PAGE_SIZE);
	ioapic = platform_map_mmio(IOAPIC_PHYS, PAGE_SIZE);
	if (!lapic || !ioapic)
		panic("the interrupt controllers cannot be mapped");
	lapic_write(LAPIC_PRIORITY, 0);
	lapic_write(LAPIC_TIMER, LAPIC_MASKED);
	lapic_write(LAPIC_LINT0, LAPIC_MASKED);
	lapic_write(LAPIC_LINT1, LAPIC_MASKED);
	lapic_write(LAPIC_ERROR, LAPIC_MASKED);
	lapic_write(LAPIC_SPURIOUS, LAPIC_ENABLE | spurious_vector);
	lines = (ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (u32 i = 0; i < lines; i++)
		ioapic_write(IOAPIC_REDIRECTION(i), IOAPIC_MASKED);
}

u8 lapic_id(void)
{
	return (u8)(lapic_read(LAPIC_ID) >> 24);
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

void lapic_timer_init(u8 vector)
{
	lapic_write(LAPIC_TIMER_DIVIDE, LAPIC_DIVIDE_1);
	lapic_write(LAPIC_TIMER, vector);
}

void lapic_timer_start(u32 count)
{
	lapic_write(LAPIC_TIMER_COUNT, count);
}

u32 lapic_timer_left(void)
{
	return lapic_read(LAPIC_TIMER_LEFT);
}

void ioapic_route(u8 line, u8 vector)
{
	ioapic_write(IOAPIC_REDIRECTION(line) + 1, (u32)lapic_id() << 24);
	ioapic_write(IOAPIC_REDIRECTION(line), vector); /* edge, active high, fixed */
}
