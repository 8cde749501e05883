/* SPDX-License-Identifier: MIT */
/*
 * ksyms.h - names for code addresses, in the kernel and in the bundled programs.
 *
 * The tables are made by tools/ksyms between the two links of the kernel and never change.
 */
#ifndef KERNEL_KSYMS_H
#define KERNEL_KSYMS_H

#include "lib/types.h"

/*
 * The function that contains addr, and how far into it addr points. A low address is looked up
 * among the programs, a kernel address in the kernel. NULL (and *offset 0) when no function can
 * contain it. Any context; takes no locks, touches nothing but constants.
 */
const char *ksym_lookup(u64 addr, u64 *offset);

/* The bytes of the bundled programs' ELF image (kernel/programs_blob.asm). */
extern const u8 programs_elf_start[], programs_elf_end[];

/* Made by tools/ksyms: ascending offsets from the base, and for each its place in the strings. */
extern const u32 ksyms_count, ksyms_offsets[], ksyms_names[];
extern const char ksyms_strings[];
extern const u32 usyms_count, usyms_offsets[], usyms_names[];
extern const char usyms_strings[];

#endif
