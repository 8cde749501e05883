/* SPDX-License-Identifier: MIT */
/*
 * zsame.c - the table of words of same-filled pages.
 *
 * Most such pages are zero, and a few other patterns cover nearly all the rest
 * (0xff, a poison, one pixel), so 256 words are plenty; a program that fills
 * pages with thousands of different words finds its set full, and its pages are
 * compressed like any other (to about 30 bytes). No chain, no growth, nothing to attack.
 */
#include "compress/zsame.h"

#include "lib/assert.h"

static u32 first_way(u64 word)
{
	return (u32)(word * 0x9e3779b97f4a7c15UL >> 32) % ZSAME_SETS * ZSAME_WAYS;
}

int zsame_get(struct zsame_table *table, u64 word)
{
	u32 first = first_way(word);
	int free = -1;

	for (u32 i = first; i < first + ZSAME_WAYS; i++) {
		if (!table->entry[i].uses) {
			free = free < 0 ? (int)i : free;
		} else if (table->entry[i].word == word) {
			free = (int)i;
			break;
		}
	}
	if (free < 0)
		return -1;
	table->entry[free].word = word;
	table->entry[free].uses++;
	table->uses++;
	return free;
}

u64 zsame_word(const struct zsame_table *table, u32 index)
{
	ASSERT(index < ZSAME_ENTRIES && table->entry[index].uses);
	return table->entry[index].word;
}

void zsame_put(struct zsame_table *table, u32 index)
{
	ASSERT(index < ZSAME_ENTRIES && table->entry[index].uses && table->uses);
	table->entry[index].uses--;
	table->uses--;
}

void zsame_verify(const struct zsame_table *table, u64 expect)
{
	u64 uses = 0;

	for (u32 i = 0; i < ZSAME_ENTRIES; i++)
		uses += table->entry[i].uses;
	ASSERT(uses == table->uses && uses == expect);
}
