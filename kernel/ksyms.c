// SPDX-License-Identifier: MIT
/*
 * ksyms.c - from an address to the name of a function.
 *
 * A panic must not depend on anything that may be broken, so the tables are constants inside the
 * image and the search is a bisection: no memory, no locks. One lookup serves both rings, since
 * an address tells by itself whether it is the kernel's or a program's.
 */
#include "kernel/ksyms.h"

#define KERNEL_BASE 0xffffffff80000000UL

/* Beyond the last function this far is not inside it any more. */
#define MAX_FUNCTION_BYTES (256 * KIB)

struct symbol_table {
	const u32 *offsets;
	const u32 *names;
	const char *strings;
	u32 count;
};

/* The last symbol at or below offset; the table's count when there is none. */
static u32 find_symbol(const struct symbol_table *table, u64 offset)
{
	u32 low = 0, high = table->count;

	while (low < high) {
		u32 mid = low + (high - low) / 2;

		if (table->offsets[mid] <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : table->count;
}

const char *ksym_lookup(u64 addr, u64 *offset)
{
	const struct symbol_table kernel = { ksyms_offsets, ksyms_names, ksyms_strings,
					     ksyms_count };
	const struct symbol_table programs = { usyms_offsets, usyms_names, usyms_strings,
					       usyms_count };
	bool in_kernel = addr >= KERNEL_BASE;
	const struct symbol_table *table = in_kernel ? &kernel : &programs;
	u64 wanted = in_kernel ? addr - KERNEL_BASE : addr;
	u32 i = find_symbol(table, wanted);

	*offset = 0;
	if (i == table->count || wanted - table->offsets[i] > MAX_FUNCTION_BYTES)
		return NULL;
	/* The end of all functions is a symbol without a name. */
	if (!table->strings[table->names[i]])
		return NULL;
	*offset = wanted - table->offsets[i];
	return table->strings + table->names[i];
}
