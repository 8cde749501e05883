// SPDX-License-Identifier: MIT
/*
 * test_fs.c - ext2 and the block layer, against images that mke2fs makes.
 *
 * What the file system reads is compared with the files that went into the image, what it writes is
 * read again and judged by e2fsck. Then images are damaged, at random but where it hurts: in the
 * superblock, the descriptors, the inodes, the directories and the indirect blocks. A damaged image
 * may be refused or read with errors, but the disk must never be asked for what it does not have,
 * and everything must end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/ext2.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "tests/host/disk.h"
#include "tests/host/env.h"

#define SIM_FRAMES  16384UL
#define IMAGE_BYTES (16 * MIB)
#define CHUNK	    (64 * KIB)
#define MUTATIONS   4000

static struct host_disk disk;
static struct prng rng;
static char dir[64];

/* The files of every image: path, bytes, and whether there is a hole at the start. */
static const struct sample {
	const char *path;
	u64 bytes;
	u64 hole_bytes;
} samples[] = {
	{ "empty", 0, 0 },
	{ "one", 1, 0 },
	{ "short", 777, 0 },
	{ "page", 4096, 0 },
	{ "page-and-a-bit", 4097, 0 },
	{ "direct", 12 * 1024, 0 },
	{ "indirect", 200 * 1024 + 13, 0 },
	{ "double", 3 * 1024 * 1024 + 511, 0 },
	{ "triple-for-1k", 70 * 1024 * 1024 + 5, 70 * 1024 * 1024 - 100 * 1024 },
	{ "sparse", 500 * 1024, 64 * 1024 },
	{ "a/deep", 5000, 0 },
	{ "a/b/c/d/e/deeper", 100 * 1024, 0 },
	{ "a/name-that-is-rather-long-but-still-well-below-the-limit-of-255-bytes-for-one-name",
	  2048, 0 },
};

/* --- the host's side --- */

static void run(const char *fmt, ...) __printf(1, 2);
static void run(const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	if (system(command))
		fail_msg("failed: %s", command);
}

static FILE *open_at(const char *name, const char *mode)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, mode);
	if (!file)
		fail_msg("cannot open %s", path);
	return file;
}

static void make_sample(const struct sample *sample)
{
	char name[512];
	u8 *data = malloc(sample->bytes - sample->hole_bytes + 1);
	FILE *file;

	snprintf(name, sizeof(name), "files/%s", sample->path);
	file = open_at(name, "w");
	prng_fill(&rng, data, sample->bytes - sample->hole_bytes);
	fseek(file, (long)sample->hole_bytes, SEEK_SET);
	fwrite(data, 1, sample->bytes - sample->hole_bytes, file);
	fclose(file);
	free(data);
}

/* An image of the files in the directory, on the disk. */
static void make_image(const char *options, u64 bytes)
{
	FILE *file;

	run("cd %s && rm -f image && truncate -s %lu image && "
	    "mke2fs -q -F %s -d files image >mke2fs.log 2>&1",
	    dir, bytes, options);
	if (disk.data)
		host_disk_destroy(&disk);
	host_disk_create(&disk, "data", bytes);
	file = open_at("image", "r");
	assert_int_equal(fread(disk.data, 1, bytes, file), bytes);
	fclose(file);
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), P_tmpdir "/harmony-fs-%d", getpid());
	assert_int_equal(mkdir(dir, 0700), 0);
	run("mkdir -p %s/files/a/b/c/d/e %s/files/many %s/files/none", dir, dir, dir);
	prng_seed(&rng, 1);
	for (u32 i = 0; i < ARRAY_SIZE(samples); i++)
		make_sample(&samples[i]);
	run("cd %s/files/many && for i in $(seq 1000); do echo $i >number-$i; done", dir);
	run("ln -s one %s/files/link", dir);
	return 0;
}

static int teardown(void **state)
{
	host_disk_destroy(&disk);
	run("rm -rf %s", dir);
	return 0;
}

/* --- reading --- */

static bool plain_copy(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return true;
}

static void compare_range(struct inode *inode, FILE *file, u64 offset, u64 bytes,
			  struct file_ra *ra)
{
	static u8 ours[CHUNK], theirs[CHUNK];
	s64 got = file_read(&inode->mapping, offset, ours, bytes, ra, plain_copy);
	u64 want;

	fseek(file, (long)offset, SEEK_SET);
	want = fread(theirs, 1, bytes, file);
	assert_int_equal(got, want);
	assert_memory_equal(ours, theirs, want);
}

static void compare_sample(const struct sample *sample)
{
	struct file_ra ra = { 0 };
	char name[512];
	struct inode *inode;
	FILE *file;

	snprintf(name, sizeof(name), "files/%s", sample->path);
	file = open_at(name, "r");
	snprintf(name, sizeof(name), "/%s", sample->path);
	assert_int_equal(fs_open(name, &inode), 0);
	assert_false(inode->is_dir);
	assert_int_equal(inode->size_bytes, sample->bytes);
	for (u64 at = sample->hole_bytes ? sample->hole_bytes - MIN(sample->hole_bytes, CHUNK) : 0;
	     at <= sample->bytes; at += CHUNK)
		compare_range(inode, file, at, CHUNK, &ra);
	for (u32 i = 0; i < 20 && sample->bytes; i++)
		compare_range(inode, file, prng_below(&rng, sample->bytes),
			      1 + prng_below(&rng, CHUNK), NULL);
	fs_close(inode);
	fclose(file);
}

static void compare_all(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(samples); i++)
		compare_sample(&samples[i]);
}

static u32 count_entries(const char *path)
{
	struct fs_dirent entry;
	struct inode *inode;
	u64 position = 0;
	u32 nr = 0;
	int err;

	assert_int_equal(fs_open(path, &inode), 0);
	while ((err = fs_readdir(inode, &position, &entry)) == 1)
		nr++;
	assert_int_equal(err, 0);
	fs_close(inode);
	return nr;
}

static const char *const flavours[] = {
	"-t ext2 -b 1024",	"-t ext2 -b 2048",	  "-t ext2 -b 4096",
	"-t ext2 -b 1024 -r 0", "-t ext2 -b 4096 -I 128", "-t ext2 -b 1024 -g 512 -N 3000",
};

static void test_contents(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(flavours); i++) {
		sim_boot(SIM_FRAMES, i);
		make_image(flavours[i], IMAGE_BYTES);
		assert_int_equal(fs_mount(&disk.dev), 0);
		compare_all();
		assert_int_equal(count_entries("/many"), 1002);
		assert_int_equal(count_entries("/a/b/c"), 3);
		assert_int_equal(disk.dev.errors, 0);
		fs_unmount();
	}
}

static void test_paths(void **state)
{
	struct inode *inode, *again;
	static const struct {
		const char *path;
		int err;
	} paths[] = {
		{ "", -ENOENT },
		{ "one", -ENOENT },
		{ "/nothing", -ENOENT },
		{ "/one/two", -ENOTDIR },
		{ "/link", -EINVAL },
		{ "/a/b/../../one", 0 },
		{ "/../..//./one", 0 },
		{ "/", 0 },
		{ "/none", 0 },
		{ "/a/b/c/d/e/deeper", 0 },
		{ "/many/number-1000", 0 },
		{ "/many/number-1001", -ENOENT },
	};

	sim_boot(SIM_FRAMES, 1);
	assert_int_equal(fs_open("/one", &inode), -ENODEV);
	make_image(flavours[0], IMAGE_BYTES);
	assert_int_equal(fs_mount(&disk.dev), 0);
	assert_int_equal(fs_mount(&disk.dev), -EBUSY);
	for (u32 i = 0; i < ARRAY_SIZE(paths); i++) {
		int err = fs_open(paths[i].path, &inode);

		if (err != paths[i].err)
			fail_msg("\"%s\": %d, expected %d", paths[i].path, err, paths[i].err);
		if (!err)
			fs_close(inode);
	}
	assert_int_equal(fs_open("/one", &inode), 0);
	assert_int_equal(fs_open("/a/../one", &again), 0);
	assert_ptr_equal(inode, again);
	fs_close(again);
	fs_close(inode);
	fs_unmount();
}

/* More files than the table holds: the oldest go, and come back with the same content. */
static void test_table(void **state)
{
	char path[64], text[16], expected[16];
	struct inode *inode;

	sim_boot(SIM_FRAMES, 2);
	make_image(flavours[2], IMAGE_BYTES);
	assert_int_equal(fs_mount(&disk.dev), 0);
	for (u32 i = 0; i < 2000; i++) {
		u32 number = i % 1000 + 1;
		s64 bytes;

		snprintf(path, sizeof(path), "/many/number-%u", number);
		snprintf(expected, sizeof(expected), "%u\n", number);
		assert_int_equal(fs_open(path, &inode), 0);
		bytes = file_read(&inode->mapping, 0, text, sizeof(text), NULL, plain_copy);
		assert_int_equal(bytes, strlen(expected));
		assert_memory_equal(text, expected, bytes);
		fs_close(inode);
	}
	fs_unmount();
}

/* Leave every second frame of the upper half free, and no others: no two in a row. */
static void take_memory_apart(void)
{
	static struct page *taken[SIM_FRAMES];
	u32 nr = 0;

	while ((taken[nr] = alloc_page(ALLOC_RESERVE, FRAME_KERNEL)))
		nr++;
	for (u32 i = 0; i < nr; i++)
		if (page_to_pfn(taken[i]) % 2 &&
		    page_to_pfn(taken[i]) >= HOST_FIRST_PFN + SIM_FRAMES / 2)
			free_page(taken[i]);
	assert_int_equal(largest_free_order(), 0);
}

/* Under memory pressure frames are free here and there, and that has to do. */
static void test_open_in_pieces(void **state)
{
	sim_boot(SIM_FRAMES, 3);
	make_image(flavours[2], IMAGE_BYTES);
	assert_int_equal(fs_mount(&disk.dev), 0);
	take_memory_apart();
	for (u32 i = 0; i < ARRAY_SIZE(samples); i++) {
		char name[512];
		struct inode *inode;

		snprintf(name, sizeof(name), "/%s", samples[i].path);
		assert_int_equal(fs_open(name, &inode), 0);
		fs_close(inode);
	}
	fs_unmount();
}

/* --- writing --- */

static void write_sample(const struct sample *sample)
{
	static u8 data[CHUNK];
	u64 offset = sample->hole_bytes + prng_below(&rng, sample->bytes - sample->hole_bytes);
	u64 bytes = MIN(1 + prng_below(&rng, CHUNK), sample->bytes - offset);
	char name[512];
	struct inode *inode;
	FILE *file;

	/* A hole can reach to the end of a block. */
	if (sample->hole_bytes && offset < ALIGN_UP(sample->hole_bytes, 4096UL))
		return;
	prng_fill(&rng, data, bytes);
	snprintf(name, sizeof(name), "/%s", sample->path);
	assert_int_equal(fs_open(name, &inode), 0);
	assert_int_equal(fs_check_write(inode, offset, bytes), 0);
	assert_int_equal(file_write(&inode->mapping, offset, data, bytes, plain_copy), bytes);
	fs_close(inode);
	snprintf(name, sizeof(name), "files/%s", sample->path);
	file = open_at(name, "r+");
	fseek(file, (long)offset, SEEK_SET);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	fclose(file);
}

static void check_image(void)
{
	FILE *file = open_at("image", "w");

	assert_int_equal(fwrite(disk.data, 1, IMAGE_BYTES, file), IMAGE_BYTES);
	fclose(file);
	run("cd %s && e2fsck -fn image >e2fsck.log 2>&1", dir);
}

static void test_writes(void **state)
{
	for (u32 flavour = 0; flavour < 3; flavour++) {
		sim_boot(SIM_FRAMES, flavour);
		make_image(flavours[flavour], IMAGE_BYTES);
		assert_int_equal(fs_mount(&disk.dev), 0);
		for (u32 i = 0; i < 300; i++) {
			const struct sample *sample =
				&samples[prng_below(&rng, ARRAY_SIZE(samples))];

			if (sample->bytes)
				write_sample(sample);
			if (prng_chance(&rng, 5))
				assert_int_equal(fs_sync(), 0);
		}
		assert_int_equal(fs_sync(), 0);
		fs_unmount();
		check_image();
		assert_int_equal(fs_mount(&disk.dev), 0);
		compare_all();
		fs_unmount();
	}
}

static void test_holes(void **state)
{
	static u8 data[PAGE_SIZE];
	struct inode *inode;

	sim_boot(SIM_FRAMES, 3);
	make_image(flavours[0], IMAGE_BYTES);
	assert_int_equal(fs_mount(&disk.dev), 0);
	assert_int_equal(fs_open("/sparse", &inode), 0);
	assert_int_equal(fs_check_write(inode, 0, 1), -ENOSPC);
	assert_int_equal(fs_check_write(inode, 64 * KIB - 1, 2), -ENOSPC);
	assert_int_equal(fs_check_write(inode, 64 * KIB, 1 * MIB), 0);
	assert_int_equal(fs_check_write(inode, 10 * MIB, 1), 0);
	/* Who does not ask hears of it at the next sync. */
	assert_int_equal(file_write(&inode->mapping, 0, data, PAGE_SIZE, plain_copy), PAGE_SIZE);
	assert_int_equal(file_sync(&inode->mapping), -EIO);
	disk.dev.read_only = true;
	assert_int_equal(fs_check_write(inode, 64 * KIB, 1), -EROFS);
	fs_close(inode);
	/* The page cannot be written, so the machine is left as it is. */
}

static void test_io_errors(void **state)
{
	static u8 data[CHUNK];
	struct inode *inode;
	u32 failed = 0;

	sim_boot(SIM_FRAMES, 4);
	ext2.dev = NULL; /* the machine before this one is gone */
	make_image(flavours[0], IMAGE_BYTES);
	disk.fail_read_percent = 100;
	assert_int_equal(fs_mount(&disk.dev), -EIO);
	disk.fail_read_percent = 0;
	assert_int_equal(fs_mount(&disk.dev), 0);
	disk.fail_read_percent = 30;
	for (u32 i = 0; i < 200; i++) {
		s64 err = fs_open("/double", &inode);

		if (!err) {
			err = file_read(&inode->mapping, prng_below(&rng, 3 * MIB), data, CHUNK,
					NULL, plain_copy);
			fs_close(inode);
		}
		assert_true(err > 0 || err == -EIO);
		failed += err == -EIO;
	}
	assert_true(failed);
	disk.fail_read_percent = 0;
	compare_all();
	fs_unmount();
}

/* --- what cannot be mounted --- */

/* Mount; what was printed. */
static const char *refusal(void)
{
	static char text[4096];
	int saved = dup(STDERR_FILENO), err;
	FILE *file = open_at("stderr", "w+");
	size_t bytes;

	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	host_verbose = true;
	err = fs_mount(&disk.dev);
	host_verbose = false;
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	bytes = fread(text, 1, sizeof(text) - 1, file);
	text[bytes] = '\0';
	fclose(file);
	if (!err)
		fs_unmount();
	return err ? text : "mounted";
}

static void expect_refusal(const char *text)
{
	const char *said = refusal();

	if (!strstr(said, text))
		fail_msg("said \"%s\", expected \"%s\"", said, text);
}

static struct ext2_super *super(void)
{
	return (struct ext2_super *)(disk.data + EXT2_SUPER_OFFSET);
}

#define SPOIL(field, value, text)           \
	do {                                \
		typeof(field) _old = field; \
		field = value;              \
		expect_refusal(text);       \
		field = _old;               \
	} while (0)

static void test_refusals(void **state)
{
	struct ext2_group_desc *desc;

	sim_boot(SIM_FRAMES, 5);
	make_image("-t ext4 -b 4096", IMAGE_BYTES);
	expect_refusal("make the image with mke2fs -t ext2");
	expect_refusal("extents, 64bit, flex_bg");
	make_image(flavours[0], IMAGE_BYTES);
	SPOIL(super()->magic, 0x1234,
	      "disk \"data\" is not an ext2 file system: magic 0x1234 at "
	      "byte 1080, expected 0xef53");
	SPOIL(disk.dev.nr_sectors, 2 * 1000,
	      "is cut short: has 1000 blocks, the superblock says 16384");
	SPOIL(disk.dev.nr_sectors, 3, "is cut short: has 1536 bytes");
	SPOIL(super()->log_block_size, 3, "block size of 2^13");
	SPOIL(super()->log_block_size, 0xffffffff, "block size of 2^4294967305");
	SPOIL(super()->log_block_size, 2, "first block is 1");
	SPOIL(super()->revision, 2, "revision 2");
	SPOIL(super()->inode_bytes, 100, "inodes have 100 bytes");
	SPOIL(super()->inode_bytes, 0, "inodes have 0 bytes");
	SPOIL(super()->inode_bytes, 8192, "inodes have 8192 bytes");
	SPOIL(super()->blocks_per_group, 0, "a group has 0 blocks");
	SPOIL(super()->inodes_per_group, 0, "a group has 0 inodes");
	SPOIL(super()->inodes_count, 7, "says that it has 7 inodes");
	SPOIL(super()->first_ino, 0, "ordinary inodes begin with 0");
	SPOIL(super()->blocks_count, 0, "says that it has 0 blocks");
	SPOIL(super()->feature_incompat, 0x80000000, "unknown 0x80000000");
	desc = (struct ext2_group_desc *)(disk.data + 2048);
	SPOIL(desc->inode_table, 16380, "the inode table of group 0");
	SPOIL(desc->inode_table, 1, "the inode table of group 0");
	SPOIL(desc->block_bitmap, 0xffffffff, "the block bitmap of group 0");
	assert_int_equal(disk.dev.errors, 0);
	assert_string_equal(refusal(), "mounted");
}

/* --- damage --- */

struct region {
	u64 offset, bytes;
};

static u32 nr_regions;
static struct region regions[64];

static void add_region(u64 offset, u64 bytes)
{
	if (nr_regions < ARRAY_SIZE(regions))
		regions[nr_regions++] = (struct region){ offset, bytes };
}

static void add_directory(const char *path)
{
	struct inode *inode;

	assert_int_equal(fs_open(path, &inode), 0);
	for (u32 i = 0; i < inode->extents->nr; i++)
		add_region((u64)inode->extents->e[i].disk_block * ext2.block_bytes,
			   MIN(inode->extents->e[i].nr, 2U) * ext2.block_bytes);
	fs_close(inode);
}

/* Where a block of the file does not follow the last one lies an indirect block. */
static void add_indirect(const char *path)
{
	struct inode *inode;

	assert_int_equal(fs_open(path, &inode), 0);
	for (u32 i = 1; i < MIN(inode->extents->nr, 4U); i++)
		add_region(((u64)inode->extents->e[i].disk_block - 1) * ext2.block_bytes,
			   ext2.block_bytes);
	fs_close(inode);
}

static void find_regions(void)
{
	nr_regions = 0;
	assert_int_equal(fs_mount(&disk.dev), 0);
	for (u32 i = 0; i < 3; i++) {
		add_region(EXT2_SUPER_OFFSET, 104);
		add_region((u64)(ext2.first_data_block + 1) * ext2.block_bytes,
			   ext2.nr_groups * sizeof(struct ext2_group_desc));
		/* Those in use come first. */
		add_region((u64)ext2.groups[0].inode_table * ext2.block_bytes,
			   48 * ext2.inode_bytes);
	}
	add_directory("/");
	add_directory("/a");
	add_directory("/a/b/c");
	add_directory("/many");
	add_indirect("/double");
	add_indirect("/indirect");
	add_indirect("/triple-for-1k");
	fs_unmount();
}

static void damage_once(void)
{
	static const u32 bad[] = { 0, 1, 2, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff };
	const struct region *region = &regions[prng_below(&rng, nr_regions)];
	u8 *at = disk.data + region->offset + prng_below(&rng, region->bytes);
	u32 value = bad[prng_below(&rng, ARRAY_SIZE(bad))];

	switch (prng_below(&rng, 4)) {
	case 0:
		*at ^= (u8)BIT(prng_below(&rng, 8));
		break;
	case 1:
		*at = (u8)prng_next(&rng);
		break;
	case 2: /* a plausible block or inode number */
		value = (u32)prng_below(&rng, prng_chance(&rng, 50) ? 64 : 20000);
		/* fall through */
	default:
		memcpy((u8 *)((u64)at & ~3UL), &value, sizeof(value));
		break;
	}
}

static bool is_clean_error(s64 err)
{
	return err >= 0 || err == -EIO || err == -EINVAL || err == -ENOENT || err == -ENOTDIR ||
	       err == -ENOMEM || err == -ENAMETOOLONG || err == -EBUSY;
}

static void read_somewhere(struct inode *inode)
{
	static u8 data[CHUNK];
	s64 err = file_read(&inode->mapping,
			    inode->size_bytes ? prng_below(&rng, inode->size_bytes) : 0, data, 9000,
			    NULL, plain_copy);

	if (!is_clean_error(err))
		fail_msg("read: %ld", err);
}

/* Visit what can be reached; budget bounds a tree with circles, as any visitor's must. */
static void visit(const char *path, u32 depth, u32 *budget)
{
	struct fs_dirent entry;
	struct inode *inode;
	char child[1200];
	u64 position = 0;
	int err = fs_open(path, &inode);

	if (!is_clean_error(err))
		fail_msg("open %s: %d", path, err);
	if (err)
		return;
	if (!inode->is_dir)
		read_somewhere(inode);
	while (inode->is_dir && (err = fs_readdir(inode, &position, &entry)) == 1 && *budget) {
		(*budget)--;
		if (!strcmp(entry.name, ".") || !strcmp(entry.name, "..") || depth > 6)
			continue;
		snprintf(child, sizeof(child), "%s/%s", depth ? path : "", entry.name);
		if (strlen(child) < 1000)
			visit(child, depth + 1, budget);
	}
	if (!is_clean_error(err))
		fail_msg("readdir %s: %d", path, err);
	fs_close(inode);
}

static void damage_flavour(u32 flavour, u32 rounds, u32 *mounted)
{
	u8 *pristine = malloc(IMAGE_BYTES);

	sim_boot(SIM_FRAMES, flavour);
	make_image(flavours[flavour], IMAGE_BYTES);
	disk.min_latency_ns = disk.max_latency_ns = 0;
	memcpy(pristine, disk.data, IMAGE_BYTES);
	find_regions();
	for (u32 round = 0; round < rounds; round++) {
		u32 nr = 1 + (u32)prng_below(&rng, 3), budget = 60;

		prng_seed(&rng, round);
		while (nr--)
			damage_once();
		if (!fs_mount(&disk.dev)) {
			(*mounted)++;
			visit("/", 0, &budget);
			fs_unmount();
		}
		assert_int_equal(disk.dev.errors, 0);
		for (u32 i = 0; i < nr_regions; i++)
			memcpy(disk.data + regions[i].offset - regions[i].offset % 4,
			       pristine + regions[i].offset - regions[i].offset % 4,
			       regions[i].bytes + 8);
	}
	assert_memory_equal(disk.data, pristine, IMAGE_BYTES);
	free(pristine);
}

static void test_damage(void **state)
{
	u32 mounted = 0;

	for (u32 flavour = 0; flavour < ARRAY_SIZE(flavours); flavour++)
		damage_flavour(flavour, MUTATIONS / ARRAY_SIZE(flavours), &mounted);
	assert_in_range(mounted, MUTATIONS / 10, MUTATIONS * 19 / 20);
}

/* --- the block layer --- */

static u32 nr_done;

static void count_done(struct bio *bio)
{
	nr_done++;
	bio_free(bio);
}

static struct bio *make_bio(enum bio_op op, u64 sector, void *addr, u32 bytes)
{
	struct bio *bio = bio_alloc();

	bio->op = op;
	bio->sector = sector;
	bio->done = count_done;
	assert_true(bio_add(bio, addr, bytes));
	return bio;
}

static void test_block_rw(void **state)
{
	u64 bytes = 1 * MIB + SECTOR_SIZE;
	u8 *out = malloc(bytes), *in = malloc(bytes);

	sim_boot(SIM_FRAMES, 6);
	host_disk_destroy(&disk);
	host_disk_create(&disk, "data", 4 * MIB);
	assert_ptr_equal(block_find("data"), &disk.dev);
	assert_null(block_find("dat"));
	prng_fill(&rng, out, bytes);
	assert_int_equal(block_rw(&disk.dev, BIO_WRITE, 3, out, (u32)bytes), 0);
	assert_int_equal(block_rw(&disk.dev, BIO_FLUSH, 0, NULL, 0), 0);
	assert_int_equal(block_rw(&disk.dev, BIO_READ, 3, in, (u32)bytes), 0);
	assert_memory_equal(in, out, bytes);
	assert_int_equal(disk.dev.read_sectors, bytes / SECTOR_SIZE);
	assert_int_equal(disk.dev.write_sectors, bytes / SECTOR_SIZE);
	assert_int_equal(disk.dev.flushes, 1);
	assert_true(disk.dev.read_ns > 0);
	assert_int_equal(block_rw(&disk.dev, BIO_READ, 8192, in, SECTOR_SIZE), -EIO);
	assert_int_equal(block_rw(&disk.dev, BIO_READ, 8191, in, 2 * SECTOR_SIZE), -EIO);
	assert_int_equal(block_rw(&disk.dev, BIO_READ, UINT64_MAX, in, 2 * SECTOR_SIZE), -EIO);
	assert_int_equal(block_rw(&disk.dev, BIO_READ, 0, in, 100), -EIO);
	disk.dev.read_only = true;
	assert_int_equal(block_rw(&disk.dev, BIO_WRITE, 0, out, SECTOR_SIZE), -EIO);
	assert_int_equal(disk.dev.errors, 5);
	free(out);
	free(in);
}

#define NR_WRITERS 6
#define PER_WRITER 200
static u8 scratch[NR_WRITERS][SECTOR_SIZE];

static void writer(void *arg)
{
	u64 number = (u64)arg;

	for (u32 i = 0; i < PER_WRITER; i++)
		bio_submit(&disk.dev, make_bio(BIO_WRITE, number, scratch[number], SECTOR_SIZE));
}

/* Many more requests than the pool has, by several threads: all are done, none is lost. */
static void test_pool(void **state)
{
	sim_boot(SIM_FRAMES, 7);
	host_set_preemption(20, true);
	host_disk_destroy(&disk);
	host_disk_create(&disk, "data", 1 * MIB);
	nr_done = 0;
	for (u64 i = 0; i < NR_WRITERS; i++)
		env_start_thread("writer", writer, (void *)i);
	while (nr_done < NR_WRITERS * PER_WRITER)
		env_sleep_ns(NSEC_PER_MSEC);
	host_drain_events();
	assert_int_equal(nr_done, NR_WRITERS * PER_WRITER);
	assert_int_equal(disk.dev.writes, NR_WRITERS * PER_WRITER);
}

static void test_bio_full(void **state)
{
	struct bio *bio;

	sim_boot(SIM_FRAMES, 8);
	bio = bio_alloc();
	for (u32 i = 0; i < BIO_MAX_SEGS; i++)
		assert_true(bio_add(bio, scratch[0], SECTOR_SIZE));
	assert_false(bio_add(bio, scratch[0], SECTOR_SIZE));
	assert_int_equal(bio_bytes(bio), BIO_MAX_SEGS * SECTOR_SIZE);
	bio_free(bio);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents),  cmocka_unit_test(test_paths),
		cmocka_unit_test(test_table),	  cmocka_unit_test(test_open_in_pieces),
		cmocka_unit_test(test_writes),	  cmocka_unit_test(test_holes),
		cmocka_unit_test(test_io_errors), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_damage),	  cmocka_unit_test(test_block_rw),
		cmocka_unit_test(test_pool),	  cmocka_unit_test(test_bio_full),
	};

	return cmocka_run_group_tests_name("fs", tests, setup, teardown);
}
