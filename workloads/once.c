/* SPDX-License-Identifier: MIT */
/*
 * once.c - a stream of files that are read once, beside anon memory that is in use: a backup, or a copy.
 *
 * The stream will never come back, so every frame it holds longer than a moment is lost to the set
 * beside it, and compressing its pages is lost work.
 *
 * What was read can be known only by reading it again, which would make it another workload. So one
 * piece in 64 is, at the end. The sum of the hashes of all pieces is printed: it depends on the disk
 * alone, not on the order in which the seed has the files read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "workloads/pages.h"
#include "workloads/workloads.h"

#define UPDATES_PCT  5
#define OPS_A_PAGE   2
#define SAMPLE_EVERY 64

struct stream {
	const struct options *options;
	struct file_list files;
	uint64_t *sample_hashes; /* of each SAMPLE_EVERY-th piece */
	uint8_t *buffer;	 /* FILE_READ_BYTES */
	uint64_t hash_sum;	 /* of all pieces */
	uint64_t piece;		 /* the next one; counted over all files */
	uint64_t done_bytes;
	struct progress progress;
};

static void check_sample(struct stream *stream, const char *path, uint64_t at, uint64_t bytes)
{
	uint64_t hash = hash_bytes(0, stream->buffer, bytes);
	uint64_t known = stream->sample_hashes[stream->piece / SAMPLE_EVERY];

	tally_add(1, bytes);
	if (hash != known)
		mismatch(stream->options, "%s, %lu bytes at %lu: hash was %016lx, is %016lx", path,
			 bytes, at, known, hash);
}

static void note_piece(struct stream *stream, uint64_t bytes)
{
	uint64_t hash = hash_bytes(0, stream->buffer, bytes);

	if (stream->piece % SAMPLE_EVERY == 0)
		stream->sample_hashes[stream->piece / SAMPLE_EVERY] = hash;
	stream->hash_sum += hash;
	stream->done_bytes += bytes;
	tally_add(1, 0);
	progress_at(&stream->progress, stream->done_bytes);
}

/* again: only the samples, to be compared. */
static void stream_file(struct stream *stream, const struct file_entry *file, bool again)
{
	int fd = open(file->path, O_RDONLY);

	if (fd < 0)
		fail(stream->options, file->path);
	for (uint64_t at = 0; at < file->bytes; at += FILE_READ_BYTES, stream->piece++) {
		uint64_t left = file->bytes - at;
		uint64_t bytes = left < FILE_READ_BYTES ? left : FILE_READ_BYTES;

		if (again && stream->piece % SAMPLE_EVERY)
			continue;
		if (again && lseek(fd, (off_t)at, SEEK_SET) < 0)
			fail(stream->options, file->path);
		file_read_fully(stream->options, file->path, fd, stream->buffer, bytes);
		if (again)
			check_sample(stream, file->path, at, bytes);
		else
			note_piece(stream, bytes);
	}
	close(fd);
}

static void stream_files(struct stream *stream, bool again)
{
	stream->piece = 0;
	for (uint64_t i = 0; i < stream->files.count; i++)
		stream_file(stream, &stream->files.entries[i], again);
}

static void run_stream(void *arg)
{
	stream_files(arg, false);
}

static void stream_open(struct stream *stream, const struct options *options)
{
	uint64_t pieces = 0;

	*stream = (struct stream){ .options = options };
	if (!files_walk(&stream->files, options, "/", options->footprint_bytes))
		fail(options, "/");
	if (!stream->files.count) {
		printf("%s: there are no files on the disk to read\n", options->name);
		exit(EXIT_CHECK_FAILED);
	}
	for (uint64_t i = 0; i < stream->files.count; i++)
		pieces += stream->files.entries[i].bytes / FILE_READ_BYTES + 1;
	stream->sample_hashes =
		map_anon(options, (pieces / SAMPLE_EVERY + 1) * sizeof(*stream->sample_hashes));
	stream->buffer = map_anon(options, FILE_READ_BYTES);
	printf("%s: streams %lu files, %lu bytes%s\n", options->name, stream->files.count,
	       stream->files.bytes,
	       stream->files.bytes < options->footprint_bytes ? " (all there are)" : "");
	progress_start(&stream->progress, options, "stream", stream->files.bytes);
}

int once_main(int argc, char **argv)
{
	struct options options;
	struct stream stream;
	struct page_set set;
	struct thread *thread;

	options_parse(&options, argc, argv);
	page_set_map(&set, &options, 0, options.footprint_bytes / 2);
	page_set_write_all(&set, "write");
	page_set_corrupt(&set);
	stream_open(&stream, &options);

	thread = thread_create(run_stream, &stream);
	if (!thread)
		fail(&options, "thread_create");
	page_set_serve(&set, 4, set.nr_pages * OPS_A_PAGE, UPDATES_PCT, "serve");
	if (thread_join(thread) < 0)
		fail(&options, "thread_join");
	printf("%s: content hash %016lx\n", options.name, stream.hash_sum);

	page_set_check_all(&set, "verify");
	if (options.corrupt)
		stream.sample_hashes[0] ^= 1;
	stream_files(&stream, true);
	files_free(&stream.files);
	return finish(&options);
}
