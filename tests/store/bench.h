/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what a store is measured by: phases, each with rows of figures and with gates.
 *
 * A row is printed as one line "@store {json}". A gate is what the default store must reach; others
 * are only measured. Nothing depends on time but the phase "cost", which is for a
 * machine whose clock counts instructions.
 */
#ifndef TESTS_STORE_BENCH_H
#define TESTS_STORE_BENCH_H

#include "lib/prng.h"
#include "tests/store/contents.h"
#include "tests/store/rig.h"

#define BENCH_MAX_CELLS	  256
#define BENCH_LINE	  768
#define BENCH_FULL_FRAMES 4096

/* A figure for the table; hundredths or ten-thousandths, UINT32_MAX: none. */
struct bench_cell {
	const struct zstore_kind *kind;
	const char *content, *phase;
	u32 density_e4, zpages_per_frame_e2;
};

struct bench {
	/* Given. */
	const char *where; /* "host" or "guest" */
	const struct block_source *source;
	u64 seed;
	u32 frames; /* how many frames of zpages a store is filled with */
	u32 shrink_seeds;
	bool checksums;
	void *memory; /* page aligned, bench_bytes() of it */
	/* The bench's. */
	struct rig rig;
	const struct zstore_kind *kind;
	const struct content *content; /* of the row at hand */
	struct prng rng;
	u32 nr_failed; /* gates missed and pages that came back wrong */
	struct bench_cell cells[BENCH_MAX_CELLS];
	u32 nr_cells;
	char line[BENCH_LINE];
	u32 line_bytes;
};

#define BENCH_MAX_KINDS 3

/* All kinds that there are, BENCH_MAX_KINDS at most; how many. */
u32 bench_all_kinds(const struct zstore_kind **kinds);

/* Memory for stores of these kinds that are filled with so many frames of zpages. */
size_t bench_bytes(u32 frames, const struct zstore_kind *const *kinds, u32 nr_kinds);

/* Every phase for one kind and content; source is only looked at for "file". */
void bench_packing(struct bench *b, const struct zstore_kind *kind, const struct content *content);
/* The order to give frames back, over random states. One row a law of sizes. */
void bench_shrink(struct bench *b, const struct zstore_kind *kind);
/* Instructions a page. The clock must count them. */
void bench_cost(struct bench *b, const struct zstore_kind *kind, const struct content *content);

/* All cells side by side. */
void bench_table(const struct bench *b);

/* --- For the phases --- */

/* A rig with an empty store, filled from b->content. */
void bench_start(struct bench *b, bool evict_pages);
/* The same with another codec. */
void bench_start_timed(struct bench *b, const struct codec *codec);
/* Store new anon pages until the store is as full as b->frames says; keys from 1. Pages stored. */
u32 bench_fill(struct bench *b);
/* The end of a rig: a census, and whether every page that came back was right. */
void bench_end(struct bench *b);
/* Most pages that a store is filled with. */
u32 bench_max_pages(u32 frames);

/* A row: begin, figures, end. */
void row_begin(struct bench *b, const char *content, const char *phase);
void row_number(struct bench *b, const char *name, u64 value);
void row_text(struct bench *b, const char *name, const char *value);
/* The quotient with four decimals; null if there is nothing to divide by. */
void row_ratio(struct bench *b, const char *name, u64 value, u64 by);
void row_end(struct bench *b);
/* Density and zpages a frame of the anon zpages now, into the row and the table. */
void row_density(struct bench *b, const char *content, const char *phase);
/* The same where there is none. */
void row_no_density(struct bench *b);

/* Every store must. */
void bench_must(struct bench *b, bool reached, const char *content, const char *what);
/* The default store must; the others are measured. */
void bench_gate(struct bench *b, bool reached, const char *content, const char *what);
/*
 * The density of the anon zpages now, for a gate. The store's own memory is the same however much
 * it holds, so it counts from BENCH_FULL_FRAMES on; smaller runs gate the frames alone.
 */
bool bench_density_at_least(const struct bench *b, u32 least_e4);
/* value / by >= least / 10000; nothing to divide by: reached. */
bool ratio_at_least_e4(u64 value, u64 by, u32 least_e4);

/* --- The phases --- */

void phase_exit(struct bench *b);
void phase_orders(struct bench *b);
void phase_swap(struct bench *b, bool evict_pages);

#endif
