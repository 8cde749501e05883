/* SPDX-License-Identifier: MIT */
/*
 * scan.c - real files of the disk read from end to end, again and again.
 *
 * The classic opponent of every cache: with more files than memory, each page is gone before it
 * is wanted again. The first pass reads by read() and remembers a hash of every 4 KiB; later
 * passes, by mmap and by read in turn, must find the same. The sum of the hashes is printed: it
 * depends on the files alone, not on the order in which the seed has them read.
 *
 * After each pass a part of the scratch file is written by write() and another through a shared
 * mapping, brought to disk by fsync() and msync(), and read back by the other way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

#define NR_PASSES     3
#define PATTERN_BYTES (256 * 1024UL)

struct scan {
	const struct options *options;
	struct file_list files;
	uint64_t *hashes; /* of each 4 KiB of each file, in order */
	uint64_t nr_blocks;
	uint8_t *buffer; /* FILE_READ_BYTES */
	int pass;
	bool by_mmap;	/* this pass */
	uint64_t block; /* the next one of this pass */
	struct progress progress;
	uint64_t done_bytes;
};

static uint64_t blocks_of(uint64_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* Blocks of one file from data, which starts at offset: learn them in pass 0, then compare. */
static void scan_blocks(struct scan *scan, const struct file_entry *file, uint64_t offset,
			const uint8_t *data, uint64_t bytes)
{
	for (uint64_t at = 0; at < bytes; at += PAGE_BYTES) {
		uint64_t length = bytes - at < PAGE_BYTES ? bytes - at : PAGE_BYTES;
		uint64_t hash = hash_bytes(0, data + at, length);
		uint64_t *known = &scan->hashes[scan->block++];

		if (scan->pass == 0)
			*known = hash;
		else if (*known != hash)
			mismatch(
				scan->options,
				"%s, 4 KiB at byte %lu, pass %d (%s): expected hash %016lx, got %016lx",
				file->path, offset + at, scan->pass,
				scan->by_mmap ? "mmap" : "read", *known, hash);
	}
	tally_add((bytes + PAGE_BYTES - 1) / PAGE_BYTES, scan->pass ? bytes : 0);
	scan->done_bytes += bytes;
	progress_at(&scan->progress, scan->done_bytes);
}

static void scan_by_read(struct scan *scan, const struct file_entry *file)
{
	int fd = open(file->path, O_RDONLY);

	if (fd < 0)
		fail(scan->options, file->path);
	for (uint64_t at = 0; at < file->bytes; at += FILE_READ_BYTES) {
		uint64_t bytes =
			file->bytes - at < FILE_READ_BYTES ? file->bytes - at : FILE_READ_BYTES;

		file_read_fully(scan->options, file->path, fd, scan->buffer, bytes);
		scan_blocks(scan, file, at, scan->buffer, bytes);
	}
	close(fd);
}

static void scan_by_mmap(struct scan *scan, const struct file_entry *file)
{
	int fd = open(file->path, O_RDONLY);
	uint8_t *data;

	if (fd < 0)
		fail(scan->options, file->path);
	data = mmap(NULL, file->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		fail(scan->options, file->path);
	scan_blocks(scan, file, 0, data, file->bytes);
	if (munmap(data, file->bytes) < 0)
		fail(scan->options, "munmap");
	close(fd);
}

static void pattern_fill(uint8_t *buf, uint64_t seed, int pass, int part)
{
	struct rng rng = { mix64(seed + (uint64_t)pass * 2 + (uint64_t)part + 77) };
	uint64_t word;

	for (size_t at = 0; at < PATTERN_BYTES; at += sizeof(word)) {
		/* Halfway compressible: every other word is a counter. */
		word = at % 16 ? at : rng_next(&rng);
		memcpy(buf + at, &word, sizeof(word));
	}
}

/* One region by write(), one through the mapping; each is read back the other way. */
static void scratch_update(struct scan *scan, int fd, uint8_t *map, uint8_t *expected, uint8_t *got)
{
	const struct options *options = scan->options;
	uint64_t regions = SCRATCH_BYTES / 2 / PATTERN_BYTES;
	uint64_t written = (uint64_t)scan->pass % regions * PATTERN_BYTES;
	uint64_t mapped = SCRATCH_BYTES / 2 + written;

	pattern_fill(expected, options->seed, scan->pass, 0);
	if (lseek(fd, (off_t)written, SEEK_SET) < 0 ||
	    write(fd, expected, PATTERN_BYTES) != (ssize_t)PATTERN_BYTES || fsync(fd) < 0)
		fail(options, SCRATCH_PATH ": write");
	check_bytes(options, SCRATCH_PATH " written, read by mmap: byte", written, expected,
		    map + written, PATTERN_BYTES);

	pattern_fill(expected, options->seed, scan->pass, 1);
	memcpy(map + mapped, expected, PATTERN_BYTES);
	if (msync(map + mapped, PATTERN_BYTES) < 0)
		fail(options, SCRATCH_PATH ": msync");
	if (lseek(fd, (off_t)mapped, SEEK_SET) < 0)
		fail(options, SCRATCH_PATH ": lseek");
	file_read_fully(options, SCRATCH_PATH, fd, got, PATTERN_BYTES);
	check_bytes(options, SCRATCH_PATH " mapped, read by read: byte", mapped, expected, got,
		    PATTERN_BYTES);
}

/* What earlier passes wrote must still be there when the memory has been through much since. */
static void scratch_recheck(struct scan *scan, const uint8_t *map, uint8_t *expected)
{
	for (int pass = 0; pass < scan->pass; pass++)
		for (int part = 0; part < 2; part++) {
			uint64_t at =
				(uint64_t)pass * PATTERN_BYTES + (uint64_t)part * SCRATCH_BYTES / 2;

			pattern_fill(expected, scan->options->seed, pass, part);
			check_bytes(scan->options, SCRATCH_PATH " of an earlier pass: byte", at,
				    expected, map + at, PATTERN_BYTES);
		}
}

static void scratch_pass(struct scan *scan)
{
	const struct options *options = scan->options;
	int fd = open(SCRATCH_PATH, O_RDWR);
	uint8_t *expected, *map;

	if (fd < 0) {
		if (!scan->pass)
			printf("%s: no writing in place: " SCRATCH_PATH ": %s\n", options->name,
			       strerror(errno));
		return;
	}
	if (lseek(fd, 0, SEEK_END) < (off_t)SCRATCH_BYTES) {
		printf("%s: no writing in place: " SCRATCH_PATH " has less than %lu MiB\n",
		       options->name, SCRATCH_BYTES / MIB);
		close(fd);
		return;
	}
	map = mmap(NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fail(options, SCRATCH_PATH ": mmap");
	expected = map_anon(options, 2 * PATTERN_BYTES);
	scratch_recheck(scan, map, expected);
	scratch_update(scan, fd, map, expected, expected + PATTERN_BYTES);
	munmap(expected, 2 * PATTERN_BYTES);
	munmap(map, SCRATCH_BYTES);
	close(fd);
}

static void scan_open(struct scan *scan, const struct options *options)
{
	memset(scan, 0, sizeof(*scan));
	scan->options = options;
	if (!files_walk(&scan->files, options, "/", options->footprint_bytes))
		fail(options, "/");
	if (!scan->files.count) {
		printf("%s: there are no files on the disk to read\n", options->name);
		exit(EXIT_CHECK_FAILED);
	}
	for (uint64_t i = 0; i < scan->files.count; i++)
		scan->nr_blocks += blocks_of(scan->files.entries[i].bytes);
	scan->hashes = map_anon(options, scan->nr_blocks * sizeof(*scan->hashes));
	scan->buffer = map_anon(options, FILE_READ_BYTES);
	printf("%s: scans %lu files, %lu bytes%s\n", options->name, scan->files.count,
	       scan->files.bytes,
	       scan->files.bytes < options->footprint_bytes ? " (all there are)" : "");
}

/* read_only: by read() in every pass, and nothing is written. */
static void scan_passes(const struct options *options, bool read_only)
{
	struct scan scan;
	uint64_t hash_sum = 0;

	scan_open(&scan, options);
	progress_start(&scan.progress, options, "scan", scan.files.bytes * NR_PASSES);
	for (scan.pass = 0; scan.pass < NR_PASSES; scan.pass++) {
		scan.by_mmap = scan.pass % 2 && !read_only;
		scan.block = 0;
		for (uint64_t i = 0; i < scan.files.count; i++) {
			if (scan.by_mmap)
				scan_by_mmap(&scan, &scan.files.entries[i]);
			else
				scan_by_read(&scan, &scan.files.entries[i]);
		}
		if (!read_only)
			scratch_pass(&scan);
		if (options->corrupt && scan.pass == 0)
			scan.hashes[scan.nr_blocks / 2] ^= 1;
	}
	for (uint64_t i = 0; i < scan.nr_blocks; i++)
		hash_sum += scan.hashes[i];
	printf("%s: content hash %016lx\n", options->name, hash_sum);
	files_free(&scan.files);
}

void scan_run(const struct options *options)
{
	scan_passes(options, false);
}

void scan_read_run(const struct options *options)
{
	scan_passes(options, true);
}

int scan_main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	scan_run(&options);
	return finish(&options);
}
