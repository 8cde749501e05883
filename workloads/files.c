/* SPDX-License-Identifier: MIT */
/*
 * files.c - which real files a workload reads, and in what order: a walk over the disk's directories.
 *
 * Entries are sorted by name, so that the choice depends on the names and sizes alone, not
 * on the order in which a tool happened to write the directory. The files chosen are then shuffled
 * by the seed: another seed reads the same files in another order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workloads/util.h"

#define MAX_PATH_BYTES	512
#define MAX_DEPTH	16
#define DIRENTS_AT_ONCE 16
/* Apart from what else a workload draws from its seed. */
#define FILES_STREAM	131

struct name {
	char *text;
	bool is_dir;
};

struct name_list {
	struct name *names;
	size_t count, capacity;
};

static void *grow(const struct options *options, void *array, size_t count, size_t item_bytes)
{
	array = realloc(array, count * item_bytes);
	if (!array)
		fail(options, "realloc");
	return array;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void names_add(struct name_list *list, const struct options *options,
		      const struct sys_dirent *entry)
{
	char *text;

	if (!strcmp(entry->name, ".") || !strcmp(entry->name, "..") ||
	    !strcmp(entry->name, "lost+found"))
		return;
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 32;
		list->names = grow(options, list->names, list->capacity, sizeof(*list->names));
	}
	text = strdup(entry->name);
	if (!text)
		fail(options, "strdup");
	list->names[list->count++] = (struct name){ text, entry->is_dir };
}

/* All names in a directory, sorted. False when there is none of that name. */
static bool names_read(struct name_list *list, const struct options *options, const char *path)
{
	struct sys_dirent *entries;
	int fd = open(path, O_RDONLY), count;

	if (fd < 0 && errno == ENOENT)
		return false;
	if (fd < 0)
		fail(options, path);
	entries = calloc(DIRENTS_AT_ONCE, sizeof(*entries));
	if (!entries)
		fail(options, "calloc");
	while ((count = getdents(fd, entries, DIRENTS_AT_ONCE)) > 0)
		for (int i = 0; i < count; i++)
			names_add(list, options, &entries[i]);
	if (count < 0)
		fail(options, path);
	free(entries);
	close(fd);
	if (list->count)
		qsort(list->names, list->count, sizeof(*list->names), compare_names);
	return true;
}

static void add_file(struct file_list *list, const struct options *options, const char *path)
{
	struct stat st;
	char *copy;

	if (!strcmp(path, SCRATCH_PATH))
		return;
	if (stat(path, &st) < 0)
		fail(options, path);
	if (!st.st_size)
		return;
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 64;
		list->entries =
			grow(options, list->entries, list->capacity, sizeof(*list->entries));
	}
	copy = strdup(path);
	if (!copy)
		fail(options, "strdup");
	list->entries[list->count++] = (struct file_entry){ copy, (uint64_t)st.st_size };
	list->bytes += (uint64_t)st.st_size;
}

static bool walk(struct file_list *list, const struct options *options, const char *path,
		 uint64_t limit_bytes, int depth)
{
	struct name_list names = { 0 };
	char child[MAX_PATH_BYTES];

	if (depth > MAX_DEPTH)
		return true;
	if (!names_read(&names, options, path))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		int length = snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") ? path : "",
				      names.names[i].text);

		if (length < (int)sizeof(child) && list->bytes < limit_bytes) {
			if (!names.names[i].is_dir)
				add_file(list, options, child);
			else if (!walk(list, options, child, limit_bytes, depth + 1))
				fail(options, child);
		}
		free(names.names[i].text);
	}
	free(names.names);
	return true;
}

/* Fisher and Yates's shuffle. */
static void shuffle(struct file_list *list, uint64_t seed)
{
	struct rng rng = { mix64(seed + FILES_STREAM) };

	for (uint64_t i = list->count; i > 1; i--) {
		uint64_t other = rng_below(&rng, i);
		struct file_entry entry = list->entries[i - 1];

		list->entries[i - 1] = list->entries[other];
		list->entries[other] = entry;
	}
}

bool files_walk(struct file_list *list, const struct options *options, const char *root,
		uint64_t limit_bytes)
{
	memset(list, 0, sizeof(*list));
	if (!walk(list, options, root, limit_bytes, 0))
		return false;
	shuffle(list, options->seed);
	return true;
}

void files_free(struct file_list *list)
{
	for (uint64_t i = 0; i < list->count; i++)
		free(list->entries[i].path);
	free(list->entries);
}

void file_read_fully(const struct options *options, const char *path, int fd, uint8_t *buf,
		     uint64_t bytes)
{
	while (bytes) {
		ssize_t got = read(fd, buf, bytes);

		if (got < 0)
			fail(options, path);
		if (got == 0) {
			printf("%s: %s ends %lu bytes early\n", options->name, path, bytes);
			exit(EXIT_CHECK_FAILED);
		}
		buf += got;
		bytes -= (uint64_t)got;
	}
}
