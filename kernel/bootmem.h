/* SPDX-License-Identifier: MIT */
/*
 * bootmem.h - memory before there is an allocator, and the choice of what that allocator gets.
 *
 * All of it is called at boot by the boot thread, in the order below.
 */
#ifndef KERNEL_BOOTMEM_H
#define KERNEL_BOOTMEM_H

#include "boot/bootinfo.h"
#include "lib/types.h"
#include "mm/mm.h"

#define BOOTMEM_MIN_MANAGED (4 * MIB)

/* Find out what is free: RAM above 1 MiB less the kernel image and the modules. */
void bootmem_init(const struct boot_info *info);

/* Whole pages, zeroed, never given back; reachable through the boot page tables. Panics if none. */
void *bootmem_alloc(u64 bytes);

/*
 * Choose the managed run: mem_bytes of it, or all there is if 0, and memory for its struct pages
 * from outside of it. False: error says in one line why not. Page tables for all RAM must be
 * in place; no bootmem_alloc() afterwards.
 */
bool bootmem_plan(u64 mem_bytes, struct mm_config *config, char *error, size_t error_bytes);

/* The largest run of RAM that nobody uses now; 0 bytes if there is none. It is then taken. */
u64 bootmem_take_rest(u64 *phys);

#endif
