/* SPDX-License-Identifier: MIT */
/*
 * platform.c - what drivers ask of the kernel (drivers/platform.h), and interrupts to handlers.
 *
 * Vectors are handed out at boot and never taken back. All interrupts go to the boot CPU.
 * Timers and the clock are in time.c.
 */
#include "drivers/platform.h"

#include "drivers/apic.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/paging.h"
#include "kernel/time.h"
#include "kernel/x86.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"

#define MSR_APIC_BASE	  0x1b
#define APIC_BASE_MASK	  0x000ffffffffff000UL
#define MSI_ADDRESS	  0xfee00000UL
#define NR_DEVICE_VECTORS 32

/* Written at boot with interrupts off or the vector unused, constant afterwards. */
static struct {
	void (*handler)(void *arg);
	void *arg;
	const char *name;
} devices[NR_DEVICE_VECTORS];
static u32 nr_devices;

void irq_init(void)
{
	apic_init(rdmsr(MSR_APIC_BASE) & APIC_BASE_MASK, IRQ_SPURIOUS);
}

void irq_handle(const struct trap_frame *frame)
{
	struct cpu *cpu = this_cpu();
	u64 index = frame->vector - IRQ_FIRST_DEVICE;

	cpu->irq_nesting++;
	if (frame->vector == IRQ_TIMER) {
		lapic_eoi();
		time_interrupt();
	} else if (index < nr_devices) {
		devices[index].handler(devices[index].arg);
		lapic_eoi();
	} else if (frame->vector != IRQ_SPURIOUS) {
		printk("interrupt: nobody asked for vector 0x%lx\n", frame->vector);
		lapic_eoi();
	}
	cpu->irq_nesting--;
}

u8 platform_irq_alloc(void (*handler)(void *arg), void *arg, const char *name)
{
	u64 flags = irq_save();
	u8 vector = 0;

	if (nr_devices < NR_DEVICE_VECTORS) {
		devices[nr_devices].handler = handler;
		devices[nr_devices].arg = arg;
		devices[nr_devices].name = name;
		vector = (u8)(IRQ_FIRST_DEVICE + nr_devices++);
	}
	irq_restore(flags);
	return vector;
}

void platform_msi_message(u8 vector, u64 *address, u32 *data)
{
	*address = MSI_ADDRESS | (u64)lapic_id() << 12;
	*data = vector;
}

void platform_isa_route(u8 line, u8 vector)
{
	ioapic_route(line, vector);
}

void *platform_dma_alloc(u32 order, u64 *phys)
{
	struct page *page = alloc_pages(ALLOC_WAIT | ALLOC_ZERO, order, FRAME_KERNEL);

	if (!page)
		return NULL;
	*phys = page_to_pfn(page) << PAGE_SHIFT;
	return page_address(page);
}

u64 platform_phys(const void *addr)
{
	return virt_to_phys(addr);
}

volatile void *platform_map_mmio(u64 phys, u64 bytes)
{
	return paging_map_mmio(phys, bytes);
}

u64 platform_now_ns(void)
{
	return time_now_ns();
}
