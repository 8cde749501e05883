/* SPDX-License-Identifier: MIT */
/*
 * sim_file.h - files of the simulator: a mapping over the simulated disk, and beside it the plain
 * copy of what it should hold.
 *
 * A file is an array of 64-bit words. Each group of FILE_GRANULE words belongs to one worker, the
 * only one who writes it, so that workers can use one file at the same time and each still knows
 * exactly what its own words are. Of the words of others a reader knows that they are well
 * formed: the upper half says which word of which file it is, the lower half is a version that is
 * at most the copy's.
 */
#ifndef TESTS_HOST_SIM_FILE_H
#define TESTS_HOST_SIM_FILE_H

#include "mm/pagecache.h"
#include "tests/host/disk.h"

#define FILE_GRANULE   8
#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(u64))

struct sim_file {
	struct address_space mapping;
	struct host_disk *disk;
	u64 first_sector;
	u32 number;
	u64 nr_words;
	u32 nr_workers;
	u64 *words; /* what each word should be; a worker writes its own only */
};

/* The file's bytes lie at first_sector of the disk, initially all version 0. */
void sim_file_create(struct sim_file *file, u32 number, struct host_disk *disk, u64 first_sector,
		     u64 bytes, u32 nr_workers);
/* Writes all back and compares the disk with the copy. No error injection by now. */
void sim_file_destroy(struct sim_file *file);

u64 sim_file_word(u32 number, u64 index, u32 version);
bool sim_file_owns(const struct sim_file *file, u64 index, u32 worker);
/* Panics unless value is one that worker may find at that word. */
void sim_file_check(const struct sim_file *file, u64 index, u64 value, u32 worker);
/* The next value of a word of one's own. */
u64 sim_file_next(const struct sim_file *file, u64 index);
/* Read with read() and check. Returns what file_read() said. */
s64 sim_file_read(struct sim_file *file, u64 first_word, u64 nr, u32 worker, struct file_ra *ra);
/* Write the granule of one's own that contains word index, with write(); what file_write() said. */
s64 sim_file_write(struct sim_file *file, u64 index, u32 worker);

#endif
