/* SPDX-License-Identifier: MIT */
/* sim_file.c - see sim_file.h. The file system is as small as one can be: consecutive sectors. */
#include "tests/host/sim_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/errno.h"
#include "lib/print.h"
#include "tests/host/env.h"

/* Bytes of the file in the page at index; the rest of the page lies beyond its end. */
static u64 bytes_in_page(const struct address_space *mapping, u64 index)
{
	u64 start = index << PAGE_SHIFT;

	return start >= mapping->size_bytes ? 0 : MIN(PAGE_SIZE, mapping->size_bytes - start);
}

/* The pages of a request, kept with it. */
struct file_io {
	struct address_space *mapping;
	struct page *pages[BIO_MAX_SEGS];
	u32 nr;
};

static void read_over(struct bio *bio)
{
	struct file_io *io = bio->private;

	for (u32 i = 0; i < io->nr; i++) {
		u64 used = bytes_in_page(io->mapping, page_index(io->pages[i]));

		memset((u8 *)page_address(io->pages[i]) + used, 0, PAGE_SIZE - used);
		page_read_done(io->pages[i], bio->error);
	}
	free(io);
	bio_free(bio);
}

static void write_over(struct bio *bio)
{
	struct file_io *io = bio->private;

	for (u32 i = 0; i < io->nr; i++)
		page_write_done(io->pages[i], bio->error);
	free(io);
	bio_free(bio);
}

static void start_io(struct address_space *mapping, struct page **pages, u32 nr, enum bio_op op)
{
	struct sim_file *file = mapping->host;
	struct file_io *io = calloc(1, sizeof(*io));
	struct bio *bio = bio_alloc();

	if (!io)
		panic("host: no memory for a request");
	ASSERT(nr && nr <= BIO_MAX_SEGS);
	io->mapping = mapping;
	io->nr = nr;
	bio->op = op;
	bio->sector = file->first_sector + page_index(pages[0]) * (PAGE_SIZE / SECTOR_SIZE);
	bio->done = op == BIO_READ ? read_over : write_over;
	bio->private = io;
	for (u32 i = 0; i < nr; i++) {
		struct page *page = pages[i];

		ASSERT_PAGE(page_index(page) == page_index(pages[0]) + i, page);
		ASSERT_PAGE(op == BIO_READ ? page_test(page, PG_LOCKED)
					   : page_test(page, PG_WRITEBACK),
			    page);
		io->pages[i] = page;
		bio_add(bio, page_address(page), PAGE_SIZE);
	}
	bio_submit(&file->disk->dev, bio);
}

static void read_pages(struct address_space *mapping, struct page **pages, u32 nr)
{
	start_io(mapping, pages, nr, BIO_READ);
}

static void write_pages(struct address_space *mapping, struct page **pages, u32 nr)
{
	start_io(mapping, pages, nr, BIO_WRITE);
}

static const struct mapping_ops sim_file_ops = { read_pages, write_pages };

u64 sim_file_word(u32 number, u64 index, u32 version)
{
	return (u64)(number << 24 | (u32)index) << 32 | version;
}

void sim_file_create(struct sim_file *file, u32 number, struct host_disk *disk, u64 first_sector,
		     u64 bytes, u32 nr_workers)
{
	int err;

	memset(file, 0, sizeof(*file));
	file->disk = disk;
	file->first_sector = first_sector;
	file->number = number;
	file->nr_words = bytes / sizeof(u64);
	file->nr_workers = nr_workers;
	file->words = calloc(file->nr_words, sizeof(u64));
	for (u64 i = 0; i < file->nr_words; i++)
		file->words[i] = sim_file_word(number, i, 0);
	memcpy(disk->data + first_sector * SECTOR_SIZE, file->words, file->nr_words * sizeof(u64));
	err = mapping_init(&file->mapping, "sim file", file->nr_words * sizeof(u64), &sim_file_ops,
			   file);
	ASSERT(!err);
}

void sim_file_destroy(struct sim_file *file)
{
	const u64 *disk = (const u64 *)(file->disk->data + file->first_sector * SECTOR_SIZE);
	int err = file_sync(&file->mapping);

	/* An error of the past may still be reported, once. */
	if (err && file_sync(&file->mapping))
		panic("file %u: fsync fails though the disk works", file->number);
	ASSERT(file->mapping.nr_dirty == 0);
	mapping_destroy(&file->mapping);
	for (u64 i = 0; i < file->nr_words; i++) {
		if (disk[i] != file->words[i])
			panic("file %u: word %#lx on disk is %#lx, should be %#lx", file->number, i,
			      disk[i], file->words[i]);
	}
	free(file->words);
}

bool sim_file_owns(const struct sim_file *file, u64 index, u32 worker)
{
	return index / FILE_GRANULE % file->nr_workers == worker;
}

void sim_file_check(const struct sim_file *file, u64 index, u64 value, u32 worker)
{
	u64 newest = file->words[index];

	if (sim_file_owns(file, index, worker) ? value == newest
					       : value >> 32 == newest >> 32 && value <= newest)
		return;
	panic("file %u: word %#lx (page %#lx) is %#lx, should be %s %#lx", file->number, index,
	      index / WORDS_PER_PAGE, value,
	      sim_file_owns(file, index, worker) ? "exactly" : "at most", newest);
}

u64 sim_file_next(const struct sim_file *file, u64 index)
{
	return file->words[index] + 1;
}

static bool plain_copy(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return true;
}

s64 sim_file_read(struct sim_file *file, u64 first_word, u64 nr, u32 worker, struct file_ra *ra)
{
	u64 *buf = malloc(nr * sizeof(u64));
	s64 got = file_read(&file->mapping, first_word * sizeof(u64), buf, nr * sizeof(u64), ra,
			    plain_copy);

	for (s64 i = 0; i < got / (s64)sizeof(u64); i++)
		sim_file_check(file, first_word + (u64)i, buf[i], worker);
	free(buf);
	return got;
}

s64 sim_file_write(struct sim_file *file, u64 index, u32 worker)
{
	u64 first = index / FILE_GRANULE * FILE_GRANULE;
	u64 nr = MIN((u64)FILE_GRANULE, file->nr_words - first);
	u64 *copy = &file->words[first], before[FILE_GRANULE], after[FILE_GRANULE];
	s64 done;

	ASSERT(sim_file_owns(file, index, worker));
	memcpy(before, copy, nr * sizeof(u64));
	for (u64 i = 0; i < nr; i++)
		after[i] = sim_file_next(file, first + i);
	/* Others may see the new words from here on. */
	memcpy(copy, after, nr * sizeof(u64));
	done = file_write(&file->mapping, first * sizeof(u64), after, nr * sizeof(u64), plain_copy);
	/* A granule lies in one page, so it was written whole or not at all. */
	if (done != (s64)(nr * sizeof(u64)))
		memcpy(copy, before, nr * sizeof(u64));
	return done;
}
