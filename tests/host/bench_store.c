/* SPDX-License-Identifier: MIT */
/*
 * bench_store.c - the stores side by side, on the host: packing, giving back, swap.
 *
 * All figures are counts, so they are the same on every machine; instructions are counted in the guest
 * (tests/guest/bench_store.c), by the same code. Exit status 1: a gate was missed, or a page
 * came back wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "compress/zstore.h"
#include "lib/print.h"
#include "lib/string.h"
#include "tests/store/bench.h"

#define MAX_CONTENTS 16

static struct options {
	u64 seed, frames, shrink_seeds;
	bool checksums;
	const char *disk;
	const struct zstore_kind *kinds[BENCH_MAX_KINDS];
	u32 nr_kinds;
	const struct content *contents[MAX_CONTENTS];
	u32 nr_contents;
} options = { .seed = 1, .frames = 4096, .shrink_seeds = 1000, .disk = "build/disk.img" };

static void usage(FILE *out)
{
	fprintf(out, "usage: bench_store [options]\n\n"
		     "  --kinds LIST     of log,zbud,zsmalloc (default: all)\n"
		     "  --contents LIST  of ");
	for (u32 i = 0; i < nr_contents; i++)
		fprintf(out, "%s%s", contents[i].name, i + 1 < nr_contents ? "," : "");
	fprintf(out,
		" (default: all)\n"
		"  --frames N       frames of zpages to fill a store with (default 4096)\n"
		"  --seeds N        random states for each law of sizes in \"shrink\" (default 1000)\n"
		"  --seed N         of all random numbers (default 1)\n"
		"  --disk PATH      where the content \"file\" is from (default build/disk.img)\n"
		"  --check          each zpage carries a checksum\n"
		"  --quick          --frames 1024 --seeds 100\n"
		"  --help\n");
}

static void refuse(const char *what, const char *value) __noreturn;
static void refuse(const char *what, const char *value)
{
	fprintf(stderr, "bench_store: %s '%s'\n\n", what, value);
	usage(stderr);
	exit(2);
}

static u64 number(const char *option, const char *text, u64 least, u64 most)
{
	char *end;
	u64 value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < least || value > most)
		refuse(option, text);
	return value;
}

static void read_kinds(char *list)
{
	options.nr_kinds = 0;
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		const struct zstore_kind *kind = zstore_kind_find(name);

		if (!kind || options.nr_kinds == BENCH_MAX_KINDS)
			refuse("--kinds: no such store", name);
		options.kinds[options.nr_kinds++] = kind;
	}
}

static void read_contents(char *list)
{
	options.nr_contents = 0;
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		const struct content *content = content_find(name);

		if (!content || options.nr_contents == MAX_CONTENTS)
			refuse("--contents: no such content", name);
		options.contents[options.nr_contents++] = content;
	}
}

static void read_option(const char *name, char *value)
{
	if (!strcmp(name, "--kinds"))
		read_kinds(value);
	else if (!strcmp(name, "--contents"))
		read_contents(value);
	else if (!strcmp(name, "--frames"))
		options.frames = number("--frames", value, 16, 65536);
	else if (!strcmp(name, "--seeds"))
		options.shrink_seeds = number("--seeds", value, 0, 1000000);
	else if (!strcmp(name, "--seed"))
		options.seed = number("--seed", value, 0, UINT32_MAX);
	else if (!strcmp(name, "--disk"))
		options.disk = value;
	else
		refuse("unknown option", name);
}

static void read_options(int argc, char **argv)
{
	options.nr_kinds = bench_all_kinds(options.kinds);
	for (u32 i = 0; i < nr_contents; i++)
		options.contents[options.nr_contents++] = &contents[i];
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help")) {
			usage(stdout);
			exit(0);
		} else if (!strcmp(argv[i], "--quick")) {
			options.frames = 1024;
			options.shrink_seeds = 100;
		} else if (!strcmp(argv[i], "--check")) {
			options.checksums = true;
		} else if (i + 1 < argc) {
			read_option(argv[i], argv[i + 1]);
			i++;
		} else {
			refuse("unknown option, or no value for", argv[i]);
		}
	}
}

static bool read_block(void *ctx, u64 block, void *page)
{
	return !fseek(ctx, (long)(block * PAGE_SIZE), SEEK_SET) && fread(page, PAGE_SIZE, 1, ctx);
}

static void open_disk(struct block_source *source)
{
	FILE *file = fopen(options.disk, "rb");
	struct stat stat;

	if (!file || fstat(fileno(file), &stat) || stat.st_size < (long)PAGE_SIZE)
		refuse("--disk: cannot read", options.disk);
	*source = (struct block_source){ (u64)stat.st_size / PAGE_SIZE, read_block, file };
}

int main(int argc, char **argv)
{
	static struct bench bench = { .where = "host" };
	struct block_source source;

	read_options(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_disk(&source);
	bench.source = &source;
	bench.seed = options.seed;
	bench.frames = (u32)options.frames;
	bench.shrink_seeds = (u32)options.shrink_seeds;
	bench.checksums = options.checksums;
	bench.memory = aligned_alloc(PAGE_SIZE,
				     bench_bytes(bench.frames, options.kinds, options.nr_kinds));
	if (!bench.memory)
		refuse("not enough memory for", "--frames");
	for (u32 k = 0; k < options.nr_kinds; k++) {
		for (u32 i = 0; i < options.nr_contents; i++)
			bench_packing(&bench, options.kinds[k], options.contents[i]);
		bench_shrink(&bench, options.kinds[k]);
	}
	bench_table(&bench);
	printf("bench_store: %lu frames, seed %lu, checksums %s: %u gates missed\n", options.frames,
	       options.seed, options.checksums ? "on" : "off", bench.nr_failed);
	return bench.nr_failed ? 1 : 0;
}
