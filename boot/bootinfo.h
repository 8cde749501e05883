/* SPDX-License-Identifier: MIT */
/*
 * bootinfo.h - what the boot loader says of the machine, whichever loader it was.
 *
 * Two parsers, one result. Both are pure functions over a view of physical memory, so that the
 * host tests can feed them anything; neither reads outside that view.
 */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include "lib/types.h"

#define BOOT_MAX_RANGES	   64
#define BOOT_MAX_MODULES   8
#define BOOT_CMDLINE_BYTES 2048

/* What boot.asm passes to kmain(). */
#define BOOT_MULTIBOOT2 0x36d76289UL
#define BOOT_PVH	0x336ec578UL

/* Bytes of physical memory, [start, end). */
struct boot_range {
	u64 start, end;
};

/* Ascending, apart from each other. */
struct boot_ranges {
	u32 nr;
	struct boot_range range[BOOT_MAX_RANGES];
};

struct boot_module {
	u64 start, bytes;
	char name[32]; /* its own command line, cut short */
};

struct boot_info {
	const char *protocol;	/* for messages */
	struct boot_ranges ram; /* usable, in whole pages; nothing else claims any of it */
	char cmdline[BOOT_CMDLINE_BYTES];
	u32 nr_modules;
	struct boot_module modules[BOOT_MAX_MODULES];
	char error[160]; /* of a parse that failed */
};

/* Physical memory as the parser may see it: address p is at base + p, for p < bytes. */
struct boot_view {
	const u8 *base;
	u64 bytes;
};

/*
 * Parse the information at physical address info of the protocol with that number. False:
 * out->error says in one line what is wrong with it.
 */
bool bootinfo_parse(const struct boot_view *view, u64 protocol, u64 info, struct boot_info *out);

/* Take [start, end) out; false when a range would be split and there is no room for one more. */
bool boot_ranges_remove(struct boot_ranges *ranges, u64 start, u64 end);
/* The largest, no larger than what lies below limit; NULL: none. */
const struct boot_range *boot_ranges_largest(const struct boot_ranges *ranges, u64 limit);

#endif
