/* SPDX-License-Identifier: MIT */
/* bench.c - stores to measure, rows, gates and the table. */
#include "tests/store/bench.h"

#include "lib/assert.h"
#include "lib/print.h"
#include "lib/string.h"
#include "tests/store/shrink.h"

/* So many pages at most for each frame to be filled: sparse pages shall not take for ever. */
#define PAGES_PER_FRAME	    12
/* Frames a store may take: a kind that packs two to a frame needs half of the pages. */
#define POOL_FRAMES(frames) ((frames) * (PAGES_PER_FRAME / 2) + (frames) / 2 + 64)

u32 bench_max_pages(u32 frames)
{
	return frames * PAGES_PER_FRAME;
}

static void fill_page_of(void *ctx, u64 number, void *page)
{
	const struct bench *b = ctx;

	content_page(b->content, b->source, b->seed, number, page);
}

static struct rig_config rig_config_of(struct bench *b, u32 frames, const struct zstore_kind *kind)
{
	struct rig_config config = {
		.store = { .kind = kind, .codec = &codec_lz4, .nr_cpus = 1 },
		.nr_frames = POOL_FRAMES(frames),
		.nr_refs = bench_max_pages(frames),
		.nr_blocks = bench_max_pages(frames), /* each may be evicted alone */
		.fill = fill_page_of,
		.fill_ctx = b,
	};

	return config;
}

size_t bench_bytes(u32 frames, const struct zstore_kind *const *kinds, u32 nr_kinds)
{
	size_t most = 0;

	for (u32 i = 0; i < nr_kinds; i++) {
		struct rig_config config = rig_config_of(NULL, frames, kinds[i]);

		config.store.evict_pages = true; /* takes more */
		most = MAX(most, rig_bytes(&config));
		most = MAX(most, shrink_bytes(kinds[i]));
	}
	return most;
}

u32 bench_all_kinds(const struct zstore_kind **kinds)
{
	static const char *const names[BENCH_MAX_KINDS] = { "log", "zbud", "zsmalloc" };
	u32 nr = 0;

	for (u32 i = 0; i < BENCH_MAX_KINDS; i++) {
		kinds[nr] = zstore_kind_find(names[i]);
		nr += kinds[nr] != NULL;
	}
	return nr;
}

void bench_start(struct bench *b, bool evict_pages)
{
	struct rig_config config = rig_config_of(b, b->frames, b->kind);

	config.store.checksums = b->checksums;
	config.store.evict_pages = evict_pages;
	rig_init(&b->rig, b->memory, &config);
	prng_seed(&b->rng, b->seed);
}

void bench_start_timed(struct bench *b, const struct codec *codec)
{
	struct rig_config config = rig_config_of(b, b->frames, b->kind);

	config.store.codec = codec;
	config.store.checksums = b->checksums;
	rig_init(&b->rig, b->memory, &config);
	prng_seed(&b->rng, b->seed);
}

u32 bench_fill(struct bench *b)
{
	u64 bytes = 0;
	u32 key = 1, size;

	for (u32 i = 0; i < bench_max_pages(b->frames) && bytes < b->frames * PAGE_SIZE; i++) {
		if (rig_store(&b->rig, Z_ANON, key, &size) != ZS_OK)
			continue;
		bytes += size;
		key++;
	}
	return key - 1;
}

void bench_end(struct bench *b)
{
	rig_census(&b->rig);
	bench_must(b, !b->rig.mismatches, b->content->name, "every page comes back as it was");
}

/* --- Rows --- */

static void add(struct bench *b, const char *fmt, ...) __printf(2, 3);
static void add(struct bench *b, const char *fmt, ...)
{
	va_list args;
	int bytes;

	va_start(args, fmt);
	bytes = kvsnprintf(b->line + b->line_bytes, BENCH_LINE - b->line_bytes, fmt, args);
	va_end(args);
	ASSERT(bytes >= 0 && b->line_bytes + (u32)bytes < BENCH_LINE);
	b->line_bytes += (u32)bytes;
}

void row_begin(struct bench *b, const char *content, const char *phase)
{
	b->line_bytes = 0;
	add(b, "{\"where\":\"%s\",\"store\":\"%s\",\"content\":\"%s\",\"phase\":\"%s\"", b->where,
	    zstore_kind_name(b->kind), content, phase);
}

void row_number(struct bench *b, const char *name, u64 value)
{
	add(b, ",\"%s\":%lu", name, value);
}

void row_text(struct bench *b, const char *name, const char *value)
{
	add(b, ",\"%s\":\"%s\"", name, value);
}

void row_ratio(struct bench *b, const char *name, u64 value, u64 by)
{
	if (!by) {
		add(b, ",\"%s\":null", name);
		return;
	}
	value = (value * 10000 + by / 2) / by;
	add(b, ",\"%s\":%lu.%04lu", name, value / 10000, value % 10000);
}

void row_end(struct bench *b)
{
	printk("@store %s}\n", b->line);
}

static struct bench_cell *new_cell(struct bench *b, const char *content, const char *phase)
{
	struct bench_cell *cell = &b->cells[b->nr_cells++];

	ASSERT(b->nr_cells <= BENCH_MAX_CELLS);
	*cell = (struct bench_cell){ b->kind, content, phase, UINT32_MAX, UINT32_MAX };
	return cell;
}

void row_no_density(struct bench *b)
{
	row_ratio(b, "density", 0, 0);
	row_ratio(b, "zpages_per_frame", 0, 0);
}

void row_density(struct bench *b, const char *content, const char *phase)
{
	struct bench_cell *cell = new_cell(b, content, phase);
	struct zstore_type_stats stats;
	u64 bytes;

	zstore_get_stats(b->rig.zs, Z_ANON, &stats);
	bytes = (stats.backing_frames + rig_fixed_frames(&b->rig)) * PAGE_SIZE;
	row_number(b, "stored_pages", stats.stored_pages);
	row_number(b, "backing_frames", stats.backing_frames);
	row_number(b, "fixed_frames", rig_fixed_frames(&b->rig));
	row_number(b, "compressed_bytes", stats.compressed_bytes);
	if (!stats.backing_frames) {
		row_no_density(b);
		return;
	}
	row_ratio(b, "density", stats.compressed_bytes, bytes);
	row_ratio(b, "zpages_per_frame", stats.stored_pages, stats.backing_frames);
	cell->density_e4 = (u32)(stats.compressed_bytes * 10000 / bytes);
	cell->zpages_per_frame_e2 = (u32)(stats.stored_pages * 100 / stats.backing_frames);
}

/* --- Gates --- */

bool ratio_at_least_e4(u64 value, u64 by, u32 least_e4)
{
	return !by || value * 10000 >= by * least_e4;
}

bool bench_density_at_least(const struct bench *b, u32 least_e4)
{
	struct zstore_type_stats stats;
	u64 frames;

	zstore_get_stats(b->rig.zs, Z_ANON, &stats);
	frames = stats.backing_frames;
	if (frames && b->frames >= BENCH_FULL_FRAMES)
		frames += rig_fixed_frames(&b->rig);
	return ratio_at_least_e4(stats.compressed_bytes, frames * PAGE_SIZE, least_e4);
}

void bench_must(struct bench *b, bool reached, const char *content, const char *what)
{
	if (reached)
		return;
	b->nr_failed++;
	printk("MISSED: store %s, content %s: %s\n", zstore_kind_name(b->kind), content, what);
}

void bench_gate(struct bench *b, bool reached, const char *content, const char *what)
{
	if (!strcmp(zstore_kind_name(b->kind), "log"))
		bench_must(b, reached, content, what);
}

/* --- The table --- */

static const struct bench_cell *find_cell(const struct bench *b, const struct zstore_kind *kind,
					  const struct bench_cell *like)
{
	for (u32 i = 0; i < b->nr_cells; i++) {
		const struct bench_cell *cell = &b->cells[i];

		if (cell->kind == kind && cell->content == like->content &&
		    !strcmp(cell->phase, like->phase))
			return cell;
	}
	return NULL;
}

static void print_cell(const struct bench_cell *cell)
{
	if (!cell || cell->density_e4 == UINT32_MAX)
		printk("          -      -");
	else
		printk("     %u.%04u %3u.%02u", cell->density_e4 / 10000, cell->density_e4 % 10000,
		       cell->zpages_per_frame_e2 / 100, cell->zpages_per_frame_e2 % 100);
}

void bench_table(const struct bench *b)
{
	const struct zstore_kind *kinds[BENCH_MAX_KINDS];
	u32 nr = 0;

	for (u32 i = 0; i < b->nr_cells; i++) {
		u32 k = 0;

		while (k < nr && kinds[k] != b->cells[i].kind)
			k++;
		if (k == nr && nr < ARRAY_SIZE(kinds))
			kinds[nr++] = b->cells[i].kind;
	}
	printk("%-26s", "density, zpages a frame");
	for (u32 k = 0; k < nr; k++)
		printk("%18s", zstore_kind_name(kinds[k]));
	printk("\n");
	for (u32 i = 0; i < b->nr_cells; i++) {
		if (find_cell(b, b->cells[i].kind, &b->cells[i]) != &b->cells[i] ||
		    b->cells[i].kind != kinds[0])
			continue;
		printk("%-12s%-14s", b->cells[i].content, b->cells[i].phase);
		for (u32 k = 0; k < nr; k++)
			print_cell(find_cell(b, kinds[k], &b->cells[i]));
		printk("\n");
	}
}
