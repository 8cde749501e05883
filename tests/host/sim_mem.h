/* SPDX-License-Identifier: MIT */
/*
 * sim_mem.h - the memory of a simulated workload: areas and the plain copy of what each word holds.
 *
 * An area belongs to one worker, or (the arena) to all of its process by turns of words. Its owner
 * alone changes its copy, so a word that differs is the memory manager's fault.
 */
#ifndef TESTS_HOST_SIM_MEM_H
#define TESTS_HOST_SIM_MEM_H

#include "lib/prng.h"
#include "tests/host/env.h"
#include "tests/host/sim_file.h"

enum sim_kind { SIM_ANON, SIM_HEAP, SIM_IMAGE, SIM_ARENA, SIM_SHARED, SIM_PRIVATE };

/* What one writes into a page decides how it compresses. */
enum sim_fill { FILL_RANDOM, FILL_TEXT, FILL_SAME, FILL_ZERO, NR_SIM_FILLS };

struct sim_area {
	enum sim_kind kind;
	u64 start, nr_pages;
	enum sim_fill fill;
	u64 *words; /* the copy; private file areas: of pages that were written to */
	u8 *gone;   /* by page: unmapped */
	u8 *copied; /* private: by page, was written to */
	u8 *known;  /* private: by word of a copied page, the copy's word is right */
	struct sim_file *file;
	u64 file_index; /* of the area's first page */
	u8 *image;	/* what its pages hold at first; the area's */
	u64 image_bytes;
	struct sim_area *next;
};

/* What a touch needs to know of its worker. */
struct sim_toucher {
	struct mm *mm;
	struct prng *rng;
	u32 slot;	 /* worker number: owner of words in files */
	u32 turn, turns; /* of the arena's words: those with index % turns == turn */
	/* Odd while disks are being broken, one more at each change; and as it was at the step's start. */
	const u64 *breaks;
	u64 breaks_before;
	u64 checked, io_errors;
	bool end; /* the workload is to end */
};

/* May the disk have failed during this step? */
bool sim_lenient(const struct sim_toucher *t);

struct sim_area *sim_area_new(enum sim_kind kind, u64 start, u64 nr_pages, enum sim_fill fill);
void sim_area_free(struct sim_area *area);
/* Contents for an image area, entered into its copy. */
void sim_image_make(struct sim_area *area, u64 bytes, struct prng *rng);

/* One word, random or given: read and check, or write. False: the workload is to end. */
bool sim_area_read(struct sim_toucher *t, struct sim_area *area, u64 word);
bool sim_area_write(struct sim_toucher *t, struct sim_area *area, u64 word);
/* Every word of a page. */
bool sim_area_fill(struct sim_toucher *t, struct sim_area *area, u64 page);
/* The copy after the pages were dropped (DONTNEED, a shrunk heap). */
void sim_area_forget(struct sim_area *area, u64 page, u64 nr);
/* Read everything. */
bool sim_area_check_all(struct sim_toucher *t, struct sim_area *area);

#endif
