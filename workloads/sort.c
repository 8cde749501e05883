/* SPDX-License-Identifier: MIT */
/*
 * sort.c - lines of real text files sorted in memory.
 *
 * Half the footprint takes the lines as read, the other half the result. Sorting pointers to
 * lines all over memory would touch a random page for every comparison; as any sort meant
 * for more data than fast memory, this one sorts runs of 1 MiB by pointer and then merges all runs
 * at once, moving the lines themselves: one cursor in each run, so each page is read once and in
 * order.
 *
 * Files are repeated, with the number of the repeat appended to each line, until there is enough.
 * Checked at the end: as many lines as went in, the same sum of line hashes, each not smaller
 * than the one before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

#define TEXT_PATH     "/text" /* where there is no such directory, any text of the disk */
#define RUN_BYTES     MIB
#define READ_BYTES    (64 * 1024UL)
#define MAX_LINE      4096
#define SUFFIX_BYTES  24
#define MAX_RUN_LINES (RUN_BYTES / 2)

struct line {
	uint64_t prefix; /* the first 8 bytes, big end first: most comparisons end here */
	uint32_t offset; /* in the run */
	uint32_t length; /* without the newline */
};

struct run {
	const char *next, *end;
	uint64_t prefix; /* of the line at next */
	uint32_t length;
};

struct sort {
	const struct options *options;
	char *input, *output;
	uint64_t bytes;	   /* used of each */
	uint64_t capacity; /* of each */
	uint64_t nr_lines, hash_sum;
	uint64_t run_start; /* lines of the current run begin here */
	struct line *lines; /* of the current run */
	uint32_t nr_run_lines;
	struct run *runs, **heap;
	uint32_t nr_runs, max_runs;
	struct progress progress;
	char pending[MAX_LINE + SUFFIX_BYTES];
	uint32_t pending_bytes;
};

static uint64_t prefix_of(const char *text, uint32_t length)
{
	uint64_t word = 0;

	memcpy(&word, text, length < sizeof(word) ? length : sizeof(word));
	return __builtin_bswap64(word);
}

static int compare_text(const char *a, uint32_t a_length, const char *b, uint32_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	if (order)
		return order;
	return a_length < b_length ? -1 : a_length > b_length;
}

/* qsort() passes no argument; one workload sorts at a time. */
static const char *run_text;

static int compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return compare_text(run_text + x->offset, x->length, run_text + y->offset, y->length);
}

/* Sort the lines of the current run in place, by way of the output area, which is still free. */
static void run_close(struct sort *sort)
{
	struct run *run = &sort->runs[sort->nr_runs++];
	uint64_t bytes = sort->bytes - sort->run_start;
	char *out = sort->output;

	run_text = sort->input + sort->run_start;
	qsort(sort->lines, sort->nr_run_lines, sizeof(*sort->lines), compare_lines);
	for (uint32_t i = 0; i < sort->nr_run_lines; i++) {
		memcpy(out, run_text + sort->lines[i].offset, sort->lines[i].length + 1);
		out += sort->lines[i].length + 1;
	}
	memcpy(sort->input + sort->run_start, sort->output, bytes);
	run->next = sort->input + sort->run_start;
	run->end = sort->input + sort->bytes;
	sort->run_start = sort->bytes;
	sort->nr_run_lines = 0;
}

/* Take the pending line. False when the footprint is full. */
static bool line_add(struct sort *sort, uint32_t repeat)
{
	uint32_t length = sort->pending_bytes;
	char *text = sort->input + sort->bytes;

	if (repeat)
		length += (uint32_t)snprintf(sort->pending + length, SUFFIX_BYTES, " #%u", repeat);
	if (sort->bytes + length + 1 > sort->capacity)
		return false;
	memcpy(text, sort->pending, length);
	text[length] = '\n';
	sort->lines[sort->nr_run_lines++] =
		(struct line){ prefix_of(text, length), (uint32_t)(sort->bytes - sort->run_start),
			       length };
	sort->bytes += length + 1;
	sort->nr_lines++;
	sort->hash_sum += hash_bytes(0, text, length);
	sort->pending_bytes = 0;
	if (sort->bytes - sort->run_start > RUN_BYTES - MAX_LINE - SUFFIX_BYTES ||
	    sort->nr_run_lines == MAX_RUN_LINES) {
		run_close(sort);
		progress_at(&sort->progress, sort->bytes);
	}
	return true;
}

static bool is_text(const char *data, ssize_t bytes)
{
	/* gzip, bzip2 and anything with a zero byte is not. */
	return !memchr(data, 0, (size_t)bytes) && (uint8_t)data[0] != 0x1f &&
	       !(bytes > 3 && !memcmp(data, "BZh", 3));
}

/* False when the footprint is full. An over-long line is cut into several. */
static bool file_add(struct sort *sort, const struct file_entry *file, char *buf, uint32_t repeat)
{
	int fd = open(file->path, O_RDONLY);
	bool first = true, more = true;
	ssize_t got;

	if (fd < 0)
		fail(sort->options, file->path);
	while (more && (got = read(fd, buf, READ_BYTES)) != 0) {
		if (got < 0)
			fail(sort->options, file->path);
		if (first && !is_text(buf, got))
			break;
		first = false;
		for (ssize_t i = 0; i < got && more; i++) {
			if (buf[i] != '\n')
				sort->pending[sort->pending_bytes++] = buf[i];
			if (buf[i] == '\n' || sort->pending_bytes == MAX_LINE)
				more = line_add(sort, repeat);
		}
	}
	if (more && sort->pending_bytes)
		more = line_add(sort, repeat);
	close(fd);
	return more;
}

static void load(struct sort *sort)
{
	const struct options *options = sort->options;
	char *buf = map_anon(options, READ_BYTES);
	struct file_list files;
	bool more = true;

	if (!files_walk(&files, options, TEXT_PATH, UINT64_MAX) &&
	    !files_walk(&files, options, "/", UINT64_MAX))
		fail(options, "/");
	progress_start(&sort->progress, options, "load", sort->capacity);
	for (uint32_t repeat = 0; more; repeat++) {
		uint64_t before = sort->nr_lines;

		for (uint64_t i = 0; i < files.count && more; i++)
			more = file_add(sort, &files.entries[i], buf, repeat);
		if (more && sort->nr_lines == before) {
			printf("%s: there is no text on the disk to sort\n", options->name);
			exit(EXIT_CHECK_FAILED);
		}
	}
	run_close(sort);
	files_free(&files);
	munmap(buf, READ_BYTES);
	tally_add(sort->nr_lines, 0);
}

/* Look at the line at run->next. */
static void run_peek(struct run *run)
{
	const char *end = memchr(run->next, '\n', (size_t)(run->end - run->next));

	run->length = (uint32_t)((end ? end : run->end) - run->next);
	run->prefix = prefix_of(run->next, run->length);
}

static bool run_less(const struct run *a, const struct run *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix;
	return compare_text(a->next, a->length, b->next, b->length) < 0;
}

static void heap_sink(struct run **heap, uint32_t count, uint32_t at)
{
	struct run *run = heap[at];

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= count)
			break;
		if (child + 1 < count && run_less(heap[child + 1], heap[child]))
			child++;
		if (!run_less(heap[child], run))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = run;
}

static void merge(struct sort *sort)
{
	uint32_t count = 0;
	char *out = sort->output;

	for (uint32_t i = 0; i < sort->nr_runs; i++) {
		if (sort->runs[i].next == sort->runs[i].end)
			continue;
		run_peek(&sort->runs[i]);
		sort->heap[count++] = &sort->runs[i];
	}
	for (uint32_t i = count / 2; i-- > 0;)
		heap_sink(sort->heap, count, i);
	progress_start(&sort->progress, sort->options, "merge", sort->bytes);
	while (count) {
		struct run *run = sort->heap[0];

		memcpy(out, run->next, run->length + 1);
		out += run->length + 1;
		run->next += run->length + 1;
		if (run->next < run->end)
			run_peek(run);
		else
			sort->heap[0] = sort->heap[--count];
		if (count)
			heap_sink(sort->heap, count, 0);
		progress_at(&sort->progress, (uint64_t)(out - sort->output));
	}
	tally_add(sort->nr_lines, 0);
}

static void verify(struct sort *sort)
{
	const char *text = sort->output, *end = text + sort->bytes, *last = NULL;
	uint64_t nr_lines = 0, hash_sum = 0;
	uint32_t last_length = 0;

	progress_start(&sort->progress, sort->options, "verify", sort->bytes);
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		uint32_t length = (uint32_t)((newline ? newline : end) - text);

		if (last && compare_text(last, last_length, text, length) > 0)
			mismatch(sort->options,
				 "line %lu at byte %lu is out of order: \"%.*s\" after \"%.*s\"",
				 nr_lines, (uint64_t)(text - sort->output), (int)length, text,
				 (int)last_length, last);
		hash_sum += hash_bytes(0, text, length);
		nr_lines++;
		last = text;
		last_length = length;
		text += length + 1;
		progress_at(&sort->progress, (uint64_t)(text - sort->output));
	}
	tally_add(nr_lines, sort->bytes);
	if (nr_lines != sort->nr_lines)
		mismatch(sort->options, "number of lines: expected %lu, got %lu", sort->nr_lines,
			 nr_lines);
	if (hash_sum != sort->hash_sum)
		mismatch(sort->options, "sum of line hashes: expected %016lx, got %016lx",
			 sort->hash_sum, hash_sum);
	printf("%s: %lu lines, sum of hashes %016lx\n", sort->options->name, nr_lines, hash_sum);
}

int sort_main(int argc, char **argv)
{
	static struct sort sort;
	static struct options options;

	options_parse(&options, argc, argv);
	sort.options = &options;
	sort.capacity = options.footprint_bytes / 2;
	/* A run is closed when less than a line is free, so it is at least half full. */
	sort.max_runs = (uint32_t)(sort.capacity / (RUN_BYTES / 2)) + 2;
	sort.input = map_anon(&options, sort.capacity);
	sort.output = map_anon(&options, sort.capacity > RUN_BYTES ? sort.capacity : RUN_BYTES);
	sort.lines = map_anon(&options, MAX_RUN_LINES * sizeof(*sort.lines));
	sort.runs = map_anon(&options, sort.max_runs * sizeof(*sort.runs));
	sort.heap = map_anon(&options, sort.max_runs * sizeof(struct run *));

	load(&sort);
	if (options.corrupt)
		sort.input[sort.bytes / 3] ^= 1;
	merge(&sort);
	verify(&sort);
	return finish(&options);
}
