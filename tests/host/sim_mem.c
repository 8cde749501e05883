/* SPDX-License-Identifier: MIT */
/* sim_mem.c - see sim_mem.h. */
#include "tests/host/sim_mem.h"

#include <stdlib.h>
#include <string.h>

#include "lib/print.h"

struct sim_area *sim_area_new(enum sim_kind kind, u64 start, u64 nr_pages, enum sim_fill fill)
{
	struct sim_area *area = calloc(1, sizeof(*area));

	ASSERT(area);
	area->kind = kind;
	area->start = start;
	area->nr_pages = nr_pages;
	area->fill = fill;
	area->words = calloc(nr_pages, PAGE_SIZE);
	area->gone = calloc(nr_pages, 1);
	area->copied = calloc(nr_pages, 1);
	area->known = calloc(nr_pages, WORDS_PER_PAGE);
	return area;
}

void sim_area_free(struct sim_area *area)
{
	free(area->words);
	free(area->gone);
	free(area->copied);
	free(area->known);
	free(area->image);
	free(area);
}

static u64 make_value(enum sim_fill fill, struct prng *rng, u64 va)
{
	switch (fill) {
	case FILL_RANDOM:
		return prng_next(rng);
	case FILL_TEXT:
		return 0x2020656d6f730000UL + (va >> 6) + prng_below(rng, 7);
	case FILL_SAME:
		return 0x5555000000000000UL + (va >> PAGE_SHIFT) % 3;
	default:
		return 0;
	}
}

void sim_image_make(struct sim_area *area, u64 bytes, struct prng *rng)
{
	area->image = malloc(bytes);
	area->image_bytes = bytes;
	for (u64 i = 0; i < bytes; i++)
		area->image[i] = (u8)(i % 4096 < 2048 ? i >> 3 : prng_next(rng));
	memcpy(area->words, area->image, bytes);
}

bool sim_lenient(const struct sim_toucher *t)
{
	return (t->breaks_before & 1) || *t->breaks != t->breaks_before;
}

/* True: go on, the access was made. */
static bool judge(struct sim_toucher *t, enum fault_result result, u64 va)
{
	if (result == FAULT_OK)
		return true;
	if (env_killed() && (result == FAULT_KILLED || result == FAULT_OOM)) {
		t->end = true;
		return false;
	}
	if (result == FAULT_IO && sim_lenient(t)) {
		t->io_errors++;
		return false;
	}
	panic("touch at %#lx: %s", va, fault_result_text(result));
}

static u64 file_word(const struct sim_area *area, u64 word)
{
	return area->file_index * WORDS_PER_PAGE + word;
}

/* A word of a mapped file; beyond its end the page is zero. */
static void check_file_word(struct sim_toucher *t, const struct sim_area *area, u64 word, u64 value)
{
	u64 index = file_word(area, word);

	if (index < area->file->nr_words)
		sim_file_check(area->file, index, value, t->slot);
	else if (value)
		panic("file %u: %#lx beyond the end of the file", area->file->number, value);
}

static void check_word(struct sim_toucher *t, struct sim_area *area, u64 word, u64 value)
{
	bool private = area->kind == SIM_PRIVATE;

	t->checked++;
	if (area->kind == SIM_SHARED || (private && !area->copied[word / WORDS_PER_PAGE])) {
		check_file_word(t, area, word, value);
		return;
	}
	if (private && !area->known[word]) {
		/* Others wrote to the file until the page was copied; from now on it must stay. */
		u64 index = file_word(area, word);

		if (index < area->file->nr_words &&
		    (value >> 32 != area->file->words[index] >> 32 ||
		     value > area->file->words[index]))
			panic("private copy of file %u: word %#lx is %#lx", area->file->number,
			      index, value);
		area->words[word] = value;
		area->known[word] = 1;
		return;
	}
	if (value != area->words[word])
		panic("%#lx: %#lx, should be %#lx", area->start + word * sizeof(u64), value,
		      area->words[word]);
}

bool sim_area_read(struct sim_toucher *t, struct sim_area *area, u64 word)
{
	u64 va = area->start + word * sizeof(u64), value = 0;
	enum fault_result result;

	if (area->gone[word / WORDS_PER_PAGE])
		return true;
	if (area->kind == SIM_ARENA && word % t->turns != t->turn)
		return true;
	result = sim_touch(t->mm, va, false, &value);
	if (judge(t, result, va))
		check_word(t, area, word, value);
	return !t->end;
}

static bool write_shared(struct sim_toucher *t, struct sim_area *area, u64 word)
{
	u64 va = area->start + word * sizeof(u64), index = file_word(area, word), before, value;

	if (index >= area->file->nr_words || !sim_file_owns(area->file, index, t->slot))
		return sim_area_read(t, area, word);
	before = area->file->words[index];
	value = sim_file_next(area->file, index);
	area->file->words[index] = value;
	if (!judge(t, sim_touch(t->mm, va, true, &value), va))
		area->file->words[index] = before;
	return !t->end;
}

static bool write_value(struct sim_toucher *t, struct sim_area *area, u64 word, u64 value)
{
	u64 va = area->start + word * sizeof(u64), page = word / WORDS_PER_PAGE;

	if (!judge(t, sim_touch(t->mm, va, true, &value), va))
		return !t->end;
	if (area->kind == SIM_PRIVATE && !area->copied[page]) {
		area->copied[page] = 1;
		memset(area->known + page * WORDS_PER_PAGE, 0, WORDS_PER_PAGE);
	}
	area->known[word] = 1;
	area->words[word] = value;
	return true;
}

bool sim_area_write(struct sim_toucher *t, struct sim_area *area, u64 word)
{
	if (area->gone[word / WORDS_PER_PAGE])
		return true;
	if (area->kind == SIM_ARENA && word % t->turns != t->turn)
		return true;
	if (area->kind == SIM_SHARED)
		return write_shared(t, area, word);
	return write_value(t, area, word,
			   make_value(area->fill, t->rng, area->start + word * sizeof(u64)));
}

bool sim_area_fill(struct sim_toucher *t, struct sim_area *area, u64 page)
{
	for (u64 i = 0; i < WORDS_PER_PAGE; i++) {
		if (!sim_area_write(t, area, page * WORDS_PER_PAGE + i))
			return false;
	}
	return true;
}

void sim_area_forget(struct sim_area *area, u64 page, u64 nr)
{
	u64 start = page << PAGE_SHIFT;

	memset(area->words + page * WORDS_PER_PAGE, 0, nr * PAGE_SIZE);
	if (area->image && start < area->image_bytes)
		memcpy((u8 *)area->words + start, area->image + start,
		       MIN(nr << PAGE_SHIFT, area->image_bytes - start));
	memset(area->copied + page, 0, nr);
	memset(area->known + page * WORDS_PER_PAGE, 0, nr * WORDS_PER_PAGE);
}

bool sim_area_check_all(struct sim_toucher *t, struct sim_area *area)
{
	for (u64 word = 0; word < area->nr_pages * WORDS_PER_PAGE; word++) {
		if (!sim_area_read(t, area, word))
			return false;
	}
	return true;
}
