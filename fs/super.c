/* SPDX-License-Identifier: MIT */
/*
 * super.c - mounting, which is mostly mistrust.
 *
 * Whatever a later part computes with is checked here once against the size of the disk: the
 * geometry, so that no quotient or shift of it can overflow; the group descriptors, so that every
 * table lies on the disk and not on top of the superblock. After that an inode number or a block
 * pointer needs one comparison to be safe. Each check says what it found, what it expected and,
 * where the user can do something about it, what.
 *
 * Nothing of the structure is ever written, so a mount leaves no mark and needs no unmount to be
 * consistent; only the bytes of files change, in place.
 */
#include <stdarg.h>

#include "fs/ext2.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/mm.h"

/* mke2fs makes no smaller ones, and a number of groups is a number of steps. */
#define MIN_GROUP_BLOCKS 256

struct ext2 ext2;

/* A damaged directory can be asked for again and again; after so many lines the rest is silence. */
#define MAX_REPORTS 20
static u32 nr_reports; /* atomic */

int damaged(const char *fmt, ...)
{
	u32 nr = atomic_add_return(&nr_reports, 1);
	char text[160];
	va_list args;

	if (nr > MAX_REPORTS)
		return -EIO;
	va_start(args, fmt);
	kvsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printk("disk \"%s\" is damaged: %s\n", ext2.dev->name, text);
	if (nr == MAX_REPORTS)
		printk("disk \"%s\": no more damage will be reported\n", ext2.dev->name);
	return -EIO;
}

/* For what cannot be mounted: the message, and the answer. */
#define REFUSE(fmt, ...)                                                        \
	({                                                                      \
		printk("disk \"%s\" " fmt "\n", ext2.dev->name, ##__VA_ARGS__); \
		-EINVAL;                                                        \
	})

int read_block(u32 block, void *buf, const char *what)
{
	int err = block_rw(ext2.dev, BIO_READ, block_to_sector(block), buf, ext2.block_bytes);

	if (err)
		printk("disk \"%s\": cannot read %s in block %u: %s\n", ext2.dev->name, what, block,
		       error_name(-err));
	return err;
}

/* --- features --- */

struct feature {
	u32 bit;
	const char *name;
};

static const struct feature incompat_names[] = {
	{ 0x00001, "compression" },
	{ 0x00004, "journal to be replayed" },
	{ 0x00008, "journal device" },
	{ 0x00010, "meta_bg" },
	{ 0x00040, "extents" },
	{ 0x00080, "64bit" },
	{ 0x00100, "mmp" },
	{ 0x00200, "flex_bg" },
	{ 0x00400, "ea_inode" },
	{ 0x01000, "dirdata" },
	{ 0x02000, "metadata_csum_seed" },
	{ 0x04000, "large_dir" },
	{ 0x08000, "inline_data" },
	{ 0x10000, "encrypt" },
	{ 0x20000, "casefold" },
};

static const struct feature ro_compat_names[] = {
	{ 0x0004, "btree_dir" }, { 0x0008, "huge_file" },    { 0x0010, "uninit_bg" },
	{ 0x0020, "dir_nlink" }, { 0x0040, "extra_isize" },  { 0x0080, "snapshot" },
	{ 0x0100, "quota" },	 { 0x0200, "bigalloc" },     { 0x0400, "metadata_csum" },
	{ 0x0800, "replica" },	 { 0x1000, "read-only" },    { 0x2000, "project" },
	{ 0x8000, "verity" },	 { 0x10000, "orphan_file" },
};

static void add_text(char *text, size_t size, const char *fmt, ...) __printf(3, 4);
static void add_text(char *text, size_t size, const char *fmt, ...)
{
	size_t length = strlen(text);
	va_list args;

	va_start(args, fmt);
	kvsnprintf(text + length, size - length, fmt, args);
	va_end(args);
}

/* Append the names of the features in set; those without a name as one number. */
static void add_features(char *text, size_t size, u32 set, const struct feature *names, u32 nr)
{
	for (u32 i = 0; i < nr; i++) {
		if (set & names[i].bit)
			add_text(text, size, "%s%s", text[0] ? ", " : "", names[i].name);
		set &= ~names[i].bit;
	}
	if (set)
		add_text(text, size, "%sunknown 0x%x", text[0] ? ", " : "", set);
}

static int check_features(const struct ext2_super *super)
{
	u32 incompat = super->feature_incompat & ~(u32)EXT2_INCOMPAT_FILETYPE;
	u32 ro_compat = super->feature_ro_compat &
			~(u32)(EXT2_RO_COMPAT_SPARSE_SUPER | EXT2_RO_COMPAT_LARGE_FILE);
	char text[320] = "";

	if (super->revision > 1)
		return REFUSE("has ext2 revision %u, supported are 0 and 1", super->revision);
	if (super->revision == 0)
		return 0;
	add_features(text, sizeof(text), incompat, incompat_names, ARRAY_SIZE(incompat_names));
	add_features(text, sizeof(text), ro_compat, ro_compat_names, ARRAY_SIZE(ro_compat_names));
	if (text[0])
		return REFUSE("uses features that are not ext2's (%s): make the image with "
			      "mke2fs -t ext2",
			      text);
	ext2.has_filetype = super->feature_incompat & EXT2_INCOMPAT_FILETYPE;
	ext2.has_large_files = super->feature_ro_compat & EXT2_RO_COMPAT_LARGE_FILE;
	return 0;
}

/* --- geometry --- */

static int check_inode_geometry(const struct ext2_super *super)
{
	ext2.inode_bytes = super->revision ? super->inode_bytes : EXT2_OLD_INODE_BYTES;
	ext2.first_ino = super->revision ? super->first_ino : EXT2_OLD_FIRST_INO;
	ext2.inodes_per_group = super->inodes_per_group;
	ext2.inodes_count = super->inodes_count;
	if (ext2.inode_bytes < EXT2_OLD_INODE_BYTES || ext2.inode_bytes > ext2.block_bytes ||
	    ext2.inode_bytes & (ext2.inode_bytes - 1))
		return REFUSE("says that inodes have %u bytes: not a power of two from %u to %u",
			      ext2.inode_bytes, EXT2_OLD_INODE_BYTES, ext2.block_bytes);
	if (!super->inodes_per_group || super->inodes_per_group > 8 * ext2.block_bytes)
		return REFUSE("says that a group has %u inodes: not from 1 to %u",
			      super->inodes_per_group, 8 * ext2.block_bytes);
	if ((u64)super->inodes_count != (u64)ext2.nr_groups * super->inodes_per_group)
		return REFUSE("says that it has %u inodes, but %u groups of %u make %lu",
			      super->inodes_count, ext2.nr_groups, super->inodes_per_group,
			      (u64)ext2.nr_groups * super->inodes_per_group);
	if (ext2.first_ino <= EXT2_ROOT_INO || ext2.first_ino > ext2.inodes_count)
		return REFUSE("says that ordinary inodes begin with %u, of %u", ext2.first_ino,
			      ext2.inodes_count);
	ext2.inode_table_blocks =
		DIV_ROUND_UP(ext2.inodes_per_group * ext2.inode_bytes, ext2.block_bytes);
	return 0;
}

static int check_geometry(const struct ext2_super *super)
{
	u32 first = super->log_block_size == 0;
	u64 there, desc_bytes, desc_blocks;

	if (super->log_block_size > EXT2_MAX_BLOCK_SHIFT - EXT2_MIN_BLOCK_SHIFT)
		return REFUSE("has a block size of 2^%lu bytes, supported are 1024, 2048 and 4096",
			      (u64)super->log_block_size + EXT2_MIN_BLOCK_SHIFT);
	ext2.block_shift = EXT2_MIN_BLOCK_SHIFT + super->log_block_size;
	ext2.block_bytes = 1U << ext2.block_shift;
	if (super->first_data_block != first)
		return REFUSE("says that its first block is %u: with blocks of %u bytes it is %u",
			      super->first_data_block, ext2.block_bytes, first);
	ext2.first_data_block = first;
	there = ext2.dev->nr_sectors >> (ext2.block_shift - SECTOR_SHIFT);
	if (super->blocks_count > there)
		return REFUSE("is cut short: has %lu blocks, the superblock says %u", there,
			      super->blocks_count);
	ext2.blocks_count = super->blocks_count;
	ext2.blocks_per_group = super->blocks_per_group;
	if (super->blocks_per_group < MIN_GROUP_BLOCKS ||
	    super->blocks_per_group > 8 * ext2.block_bytes)
		return REFUSE("says that a group has %u blocks: not from %u to %u",
			      super->blocks_per_group, MIN_GROUP_BLOCKS, 8 * ext2.block_bytes);
	if (super->blocks_count <= first)
		return REFUSE("says that it has %u blocks", super->blocks_count);
	ext2.nr_groups = DIV_ROUND_UP(ext2.blocks_count - first, ext2.blocks_per_group);
	desc_bytes = (u64)ext2.nr_groups * sizeof(struct ext2_group_desc);
	desc_blocks = DIV_ROUND_UP(desc_bytes, (u64)ext2.block_bytes);
	if (first + 1 + desc_blocks >= ext2.blocks_count)
		return REFUSE(
			"says that it has %u groups: their descriptors do not fit into its %u "
			"blocks",
			ext2.nr_groups, ext2.blocks_count);
	ext2.first_free_block = (u32)(first + 1 + desc_blocks);
	return check_inode_geometry(super);
}

static int check_super(const struct ext2_super *super)
{
	int err;

	if (super->magic != EXT2_MAGIC)
		return REFUSE(
			"is not an ext2 file system: magic 0x%04x at byte %u, expected 0x%04x",
			super->magic, EXT2_MAGIC_OFFSET, EXT2_MAGIC);
	err = check_features(super);
	return err ? err : check_geometry(super);
}

/* --- group descriptors --- */

static bool table_fits(u32 block, u32 nr)
{
	return block >= ext2.first_free_block && block < ext2.blocks_count &&
	       nr <= ext2.blocks_count - block;
}

static int check_group(u32 number, const struct ext2_group_desc *desc)
{
	const struct {
		const char *name;
		u32 block, nr;
	} tables[] = {
		{ "block bitmap", desc->block_bitmap, 1 },
		{ "inode bitmap", desc->inode_bitmap, 1 },
		{ "inode table", desc->inode_table, ext2.inode_table_blocks },
	};

	for (u32 i = 0; i < ARRAY_SIZE(tables); i++)
		if (!table_fits(tables[i].block, tables[i].nr))
			return damaged("the %s of group %u is said to be at block %u (%u blocks), "
				       "not within %u to %u",
				       tables[i].name, number, tables[i].block, tables[i].nr,
				       ext2.first_free_block, ext2.blocks_count - 1);
	ext2.groups[number] =
		(struct ext2_group){ desc->block_bitmap, desc->inode_bitmap, desc->inode_table };
	return 0;
}

static int read_groups(void)
{
	u32 per_block = ext2.block_bytes / sizeof(struct ext2_group_desc);
	struct ext2_group_desc *descs = kmalloc(ext2.block_bytes, ALLOC_WAIT);
	int err = 0;

	ext2.groups = kzalloc(ext2.nr_groups * sizeof(*ext2.groups), ALLOC_WAIT);
	if (!descs || !ext2.groups) {
		printk("disk \"%s\": no memory for its %u groups\n", ext2.dev->name,
		       ext2.nr_groups);
		err = -ENOMEM;
	}
	for (u32 i = 0; i < ext2.nr_groups && !err; i++) {
		if (i % per_block == 0)
			err = read_block(ext2.first_data_block + 1 + i / per_block, descs,
					 "group descriptors");
		if (!err)
			err = check_group(i, &descs[i % per_block]);
	}
	kfree(descs);
	return err;
}

static bool overlap(u32 block, u32 nr, u32 table, u32 table_nr)
{
	return block < table + table_nr && table < block + nr;
}

bool blocks_are_data(u32 block, u32 nr)
{
	if (!table_fits(block, nr))
		return false;
	for (u32 i = 0; i < ext2.nr_groups; i++) {
		const struct ext2_group *group = &ext2.groups[i];

		if (overlap(block, nr, group->inode_table, ext2.inode_table_blocks) ||
		    overlap(block, nr, group->block_bitmap, 1) ||
		    overlap(block, nr, group->inode_bitmap, 1))
			return false;
	}
	return true;
}

/* --- mount --- */

static int read_super(void)
{
	struct ext2_super *super;
	int err;

	if (ext2.dev->nr_sectors << SECTOR_SHIFT < EXT2_SUPER_OFFSET + EXT2_SUPER_BYTES)
		return REFUSE("is cut short: has %lu bytes, a superblock ends at byte %u",
			      ext2.dev->nr_sectors << SECTOR_SHIFT,
			      EXT2_SUPER_OFFSET + EXT2_SUPER_BYTES);
	super = kmalloc(sizeof(*super), ALLOC_WAIT);
	if (!super)
		return -ENOMEM;
	err = block_rw(ext2.dev, BIO_READ, EXT2_SUPER_OFFSET / SECTOR_SIZE, super, sizeof(*super));
	if (err)
		printk("disk \"%s\": cannot read the superblock: %s\n", ext2.dev->name,
		       error_name(-err));
	else
		err = check_super(super);
	kfree(super);
	return err;
}

static int check_root(void)
{
	struct inode *root;
	int err = inode_get(EXT2_ROOT_INO, &root);

	if (err)
		return err;
	err = root->is_dir ? dir_check(root) : damaged("its root is not a directory");
	fs_close(root);
	return err;
}

int fs_mount(struct block_device *dev)
{
	int err;

	if (ext2.dev) {
		printk("disk \"%s\": disk \"%s\" is mounted already\n", dev->name, ext2.dev->name);
		return -EBUSY;
	}
	ext2 = (struct ext2){ .dev = dev };
	nr_reports = 0;
	inode_table_init();
	err = read_super();
	if (!err)
		err = read_groups();
	if (!err)
		err = check_root();
	if (err) {
		fs_unmount();
		return err;
	}
	printk("fs: ext2 on disk \"%s\": %u blocks of %u bytes, %u inodes%s\n", dev->name,
	       ext2.blocks_count, ext2.block_bytes, ext2.inodes_count,
	       dev->read_only ? ", read-only" : "");
	return 0;
}

int fs_sync(void)
{
	int err = mm_sync();
	int flush_err = ext2.dev ? block_rw(ext2.dev, BIO_FLUSH, 0, NULL, 0) : 0;

	return err ? err : flush_err;
}

void fs_unmount(void)
{
	if (!ext2.dev)
		return;
	inode_forget_all();
	kfree(ext2.groups);
	ext2.groups = NULL;
	ext2.dev = NULL;
}
