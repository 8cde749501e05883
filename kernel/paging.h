/* SPDX-License-Identifier: MIT */
/*
 * paging.h - the kernel's half of every address space.
 *
 *   0xffff800000000000  direct map of RAM		root entry 256
 *   0xffffc00000000000  kernel stacks			root entry 384
 *   0xffffd00000000000  device registers		root entry 416
 *   0xffffffff80000000  kernel image			root entry 511
 *
 * Those four root entries are made at boot and never change, so a new address space copies them
 * once. Nothing is both writable and executable, through any of its addresses; the kernel's text
 * and constants are read-only in the direct map as well.
 */
#ifndef KERNEL_PAGING_H
#define KERNEL_PAGING_H

#include "boot/bootinfo.h"
#include "lib/types.h"

#define KERNEL_VMA  0xffffffff80000000UL
#define MMIO_REGION 0xffffd00000000000UL
#define MMIO_BYTES  GIB

/* From linker.ld. The physical ones are addresses as they stand. */
extern u8 __text_start[], __text_end[], __rodata_start[], __rodata_end[];
extern u8 __data_start[], __data_end[], __bss_start[], __bss_end[];
extern u8 __kernel_phys_start[], __kernel_phys_end[];

enum paging_flags {
	PAGING_WRITE = BIT(0),
	PAGING_EXEC = BIT(1),
	PAGING_UNCACHED = BIT(2),
};

/* Build the kernel's tables and load them. Boot, once; bootmem is there. */
void paging_init(const struct boot_info *info);

/* Physical address of the root that has the kernel's half alone. */
u64 paging_kernel_root(void);
/* Enter the kernel's half into a root table. */
void paging_copy_kernel_half(u64 *root);

/*
 * Map one page of the stack or MMIO region. False: no memory for a table. Thread context or
 * boot; sleeps. unmap: the physical address it had; any context where this CPU alone knows it.
 */
bool paging_map(u64 va, u64 phys, u32 flags);
u64 paging_unmap(u64 va);

/* The entry that translates va, 0 if there is none; and the bytes that it covers. For tests. */
u64 paging_lookup(u64 va, u64 *bytes);
/* Call fn for each translation of the kernel's half, in order. For tests. */
void paging_for_each(void (*fn)(u64 va, u64 entry, u64 bytes, void *arg), void *arg);

/* Device registers, uncached; NULL: no room. Boot. */
volatile void *paging_map_mmio(u64 phys, u64 bytes);

#endif
