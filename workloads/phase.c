/* SPDX-License-Identifier: MIT */
/*
 * phase.c - a working set that grows, moves and shrinks, with memory given back on the way.
 *
 * A manager that has settled on a balance must let go of it: what was hot turns cold at once and
 * what is dead must cost nothing. Memory comes in regions of 1 MiB; pages are of all kinds,
 * from same-filled to incompressible. A region given back by madvise must read as zeros.
 *
 *   grow    regions are made and written one after the other; a recent one is re-read
 *   move    a window of a quarter of the footprint slides over it, read and updated
 *   shrink  three quarters go: the coldest advised away, the next unmapped, one of four kept
 *   regrow  what went is mapped and written anew
 *   verify  every page
 */
#include <string.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

#define REGION_BYTES MIB
#define REGION_PAGES (REGION_BYTES / PAGE_BYTES)
#define MOVE_STEPS   8
#define UPDATES_PCT  10
#define SAMPLE_PAGES 16

struct phase {
	const struct options *options;
	uint64_t **regions; /* NULL: unmapped */
	uint32_t *versions; /* of each page */
	uint64_t nr_regions;
	struct rng rng;
};

static enum page_kind kind_of(uint64_t page)
{
	/* One in eight the same all over, four text, two half random, one random. */
	static const enum page_kind kinds[8] = { PAGE_TEXT, PAGE_HALF,	 PAGE_TEXT, PAGE_SAME,
						 PAGE_TEXT, PAGE_RANDOM, PAGE_TEXT, PAGE_HALF };

	return kinds[mix64(page) % 8];
}

static uint64_t *words_of(struct phase *phase, uint64_t page)
{
	return phase->regions[page / REGION_PAGES] + page % REGION_PAGES * PAGE_WORDS;
}

static void write_page(struct phase *phase, uint64_t page)
{
	page_fill(words_of(phase, page), kind_of(page), phase->options->seed, page,
		  ++phase->versions[page]);
	tally_add(1, 0);
}

static void read_page(struct phase *phase, uint64_t page)
{
	page_check(phase->options, words_of(phase, page), kind_of(page), page,
		   phase->versions[page]);
	tally_add(1, 0);
}

static void region_make(struct phase *phase, uint64_t region)
{
	if (!phase->regions[region])
		phase->regions[region] = map_anon(phase->options, REGION_BYTES);
	for (uint64_t i = 0; i < REGION_PAGES; i++)
		write_page(phase, region * REGION_PAGES + i);
}

static void grow(struct phase *phase)
{
	struct progress progress;

	progress_start(&progress, phase->options, "grow", phase->nr_regions);
	for (uint64_t region = 0; region < phase->nr_regions; region++) {
		uint64_t recent = region > 4 ? region - 4 : 0;

		region_make(phase, region);
		for (int i = 0; i < SAMPLE_PAGES; i++)
			read_page(phase, (recent + rng_below(&phase->rng, region - recent + 1)) *
							 REGION_PAGES +
						 rng_below(&phase->rng, REGION_PAGES));
		progress_at(&progress, region + 1);
	}
}

static void move(struct phase *phase)
{
	uint64_t nr_pages = phase->nr_regions * REGION_PAGES, window = nr_pages / 4;
	struct progress progress;

	progress_start(&progress, phase->options, "move", MOVE_STEPS);
	for (uint64_t step = 0; step < MOVE_STEPS; step++) {
		uint64_t start = (nr_pages - window) * step / (MOVE_STEPS - 1);

		/* Each page of the window about twice. */
		for (uint64_t i = 0; i < window * 2; i++) {
			uint64_t page = start + rng_below(&phase->rng, window);

			read_page(phase, page);
			if (rng_below(&phase->rng, 100) < UPDATES_PCT)
				write_page(phase, page);
		}
		progress_at(&progress, step + 1);
	}
}

static void region_drop(struct phase *phase, uint64_t region)
{
	const struct options *options = phase->options;
	static const uint8_t zeros[PAGE_BYTES];

	if (region % 4 == 1) {
		if (munmap(phase->regions[region], REGION_BYTES) < 0)
			fail(options, "munmap");
		phase->regions[region] = NULL;
		return;
	}
	if (madvise(phase->regions[region], REGION_BYTES, MADV_DONTNEED) < 0)
		fail(options, "madvise");
	for (int i = 0; i < SAMPLE_PAGES; i++) {
		uint64_t page = region * REGION_PAGES + rng_below(&phase->rng, REGION_PAGES);

		check_bytes(options, "page given back", page, zeros, words_of(phase, page),
			    PAGE_BYTES);
	}
}

static void shrink(struct phase *phase)
{
	struct progress progress;

	progress_start(&progress, phase->options, "shrink", phase->nr_regions);
	for (uint64_t region = 0; region < phase->nr_regions; region++) {
		if (region % 4 == 0) {
			if (madvise(phase->regions[region], REGION_BYTES, MADV_COLD) < 0)
				fail(phase->options, "madvise");
		} else {
			region_drop(phase, region);
		}
		progress_at(&progress, region + 1);
	}
	for (uint64_t region = 0; region < phase->nr_regions; region += 4)
		for (uint64_t i = 0; i < REGION_PAGES; i++)
			read_page(phase, region * REGION_PAGES + i);
}

static void regrow(struct phase *phase)
{
	struct progress progress;

	progress_start(&progress, phase->options, "regrow", phase->nr_regions);
	for (uint64_t region = 0; region < phase->nr_regions; region++) {
		if (region % 4)
			region_make(phase, region);
		progress_at(&progress, region + 1);
	}
}

int phase_main(int argc, char **argv)
{
	struct options options;
	struct phase phase = { .options = &options };
	struct progress progress;
	uint64_t nr_pages;

	options_parse(&options, argc, argv);
	phase.nr_regions = options.footprint_bytes / REGION_BYTES;
	phase.rng.state = mix64(options.seed + 3);
	nr_pages = phase.nr_regions * REGION_PAGES;
	phase.regions = map_anon(&options, phase.nr_regions * sizeof(*phase.regions));
	phase.versions = map_anon(&options, nr_pages * sizeof(*phase.versions));

	grow(&phase);
	move(&phase);
	shrink(&phase);
	regrow(&phase);
	if (options.corrupt)
		words_of(&phase, nr_pages / 2)[PAGE_WORDS / 2] ^= 1UL << 40;
	progress_start(&progress, &options, "verify", nr_pages);
	for (uint64_t page = 0; page < nr_pages; page++) {
		read_page(&phase, page);
		progress_at(&progress, page + 1);
	}
	return finish(&options);
}
