/* SPDX-License-Identifier: MIT */
/* main.h - where the kernel begins. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "lib/types.h"

/*
 * Called by boot.asm with paging on, interrupts off, on the boot stack. protocol: BOOT_MULTIBOOT2
 * or BOOT_PVH; info: the physical address of what the loader left.
 */
void kmain(u64 protocol, u64 info) __noreturn;

#endif
