/* SPDX-License-Identifier: MIT */
/*
 * inode.c - inodes: from a number to a file whose blocks are all known.
 *
 * The block map is read once, when the inode enters the table, into an array of runs. Reading and
 * writing the file back then need neither metadata I/O nor memory, which matters most when memory
 * has run out and write-back is what makes some.
 *
 * The walk over a block map that may be damaged ends because it is paid for: every block pointer
 * that is not zero, to data and to indirect blocks alike, costs one of the blocks that the inode
 * says it has, and those are no more than the disk has. A circle of indirect blocks is out of money
 * soon. Zero pointers are passed by in steps as large as what they stand for.
 *
 * An inode stays in the table after its last close, so that its pages stay cached. When the table
 * is full, the one closed longest ago and not mapped by anybody is dropped.
 */
#include "fs/ext2.h"
#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"

/* Fewer than mm/ has numbers for file mappings (MAX_OWNERS). */
#define MAX_INODES 960

#define SECTORS_PER_BLOCK (ext2.block_bytes / SECTOR_SIZE)

/* What the table adds to the public part. */
struct ext2_file {
	struct inode inode;
	char name[24]; /* for reports */
};

/* lock: the list, the count, and opens of every inode. Sleeping: the holder does I/O. */
static struct {
	struct mutex lock;
	struct list_head inodes; /* the last to be opened first */
	u32 nr;
} table;

void inode_table_init(void)
{
	mutex_init(&table.lock, "inode table");
	list_init(&table.inodes);
	table.nr = 0;
}

/* --- reading an inode from the disk --- */

bool ino_is_valid(u32 ino)
{
	return ino == EXT2_ROOT_INO || (ino >= ext2.first_ino && ino <= ext2.inodes_count);
}

static int check_inode(u32 ino, const struct ext2_inode *raw)
{
	const u32 foreign = EXT2_INODE_COMPRESSED | EXT2_INODE_ENCRYPTED | EXT2_INODE_EXTENTS |
			    EXT2_INODE_INLINE;

	if (!raw->links)
		return damaged("inode %u is used but has no links", ino);
	if (raw->flags & foreign)
		return damaged("inode %u has flags 0x%x, which ext2 does not know", ino,
			       raw->flags & foreign);
	return 0;
}

static int read_inode(u32 ino, struct ext2_inode *raw)
{
	u32 index = (ino - 1) % ext2.inodes_per_group;
	u32 per_block = ext2.block_bytes / ext2.inode_bytes;
	u8 *buf;
	int err;

	if (!ino_is_valid(ino))
		return damaged("inode %u is out of range", ino);
	buf = kmalloc(ext2.block_bytes, ALLOC_WAIT);
	if (!buf)
		return -ENOMEM;
	err = read_block(ext2.groups[(ino - 1) / ext2.inodes_per_group].inode_table +
				 index / per_block,
			 buf, "an inode");
	if (!err) {
		memcpy(raw, buf + index % per_block * ext2.inode_bytes, sizeof(*raw));
		err = check_inode(ino, raw);
	}
	kfree(buf);
	return err;
}

static bool mode_is(const struct ext2_inode *raw, u16 type)
{
	return (raw->mode & EXT2_MODE_TYPE) == type;
}

int inode_kind(u32 ino, bool *is_dir)
{
	struct ext2_inode raw;
	int err = read_inode(ino, &raw);

	if (err)
		return err;
	*is_dir = mode_is(&raw, EXT2_MODE_DIR);
	return *is_dir || mode_is(&raw, EXT2_MODE_FILE);
}

/* --- the block map --- */

struct map_walk {
	u32 ino;
	u32 nr_blocks;	/* of the file, holes included */
	u32 file_block; /* next to be mapped */
	u32 budget;	/* blocks that it may still have */
	struct fs_extents *extents;
	/* A block for each level from 1, once there is need of it. */
	u32 *pointers[EXT2_NR_LEVELS + 1];
};

const struct fs_extent *extent_find(const struct fs_extents *extents, u32 file_block)
{
	u32 low = 0, high = extents->nr;

	while (low < high) {
		u32 middle = low + (high - low) / 2;
		const struct fs_extent *e = &extents->e[middle];

		if (file_block < e->file_block)
			high = middle;
		else if (file_block - e->file_block >= e->nr)
			low = middle + 1;
		else
			return e;
	}
	return NULL;
}

static struct fs_extents *extents_alloc(u32 room)
{
	struct fs_extents *extents =
		kmalloc(sizeof(*extents) + room * sizeof(struct fs_extent), ALLOC_WAIT);

	if (extents)
		*extents = (struct fs_extents){ .room = room };
	return extents;
}

/* Room for one run more; afterwards, with room equal to nr, for exactly what there is. */
static int extents_resize(struct map_walk *walk, u32 room)
{
	struct fs_extents *old = walk->extents, *new = extents_alloc(room);

	if (!new)
		return -ENOMEM;
	new->nr = old->nr;
	memcpy(new->e, old->e, old->nr * sizeof(struct fs_extent));
	walk->extents = new;
	kfree(old);
	return 0;
}

static int spend_block(struct map_walk *walk)
{
	if (!walk->budget)
		return damaged("inode %u has more blocks than it says", walk->ino);
	walk->budget--;
	return 0;
}

static int map_data(struct map_walk *walk, u32 disk_block)
{
	struct fs_extents *extents = walk->extents;
	struct fs_extent *last = extents->nr ? &extents->e[extents->nr - 1] : NULL;
	int err = spend_block(walk);

	if (err)
		return err;
	if (disk_block >= ext2.blocks_count)
		return damaged("block %u of inode %u is said to be at %u, but the last block is %u",
			       walk->file_block, walk->ino, disk_block, ext2.blocks_count - 1);
	if (last && last->file_block + last->nr == walk->file_block &&
	    last->disk_block + last->nr == disk_block) {
		last->nr++;
		return 0;
	}
	if (extents->nr == extents->room) {
		err = extents_resize(walk, extents->room * 2);
		if (err)
			return err;
		extents = walk->extents;
	}
	extents->e[extents->nr++] = (struct fs_extent){ walk->file_block, disk_block, 1 };
	return 0;
}

/* What a pointer of this level stands for, in blocks; beyond any file for what does not fit. */
static u64 level_span(u32 level)
{
	return 1UL << level * (ext2.block_shift - 2);
}

/* A frame for each level by itself: under memory pressure there are no two in a row. */
static int read_pointers(struct map_walk *walk, u32 disk_block, u32 level)
{
	u32 **pointers = &walk->pointers[level];

	if (!*pointers)
		*pointers = kmalloc(ext2.block_bytes, ALLOC_WAIT);
	return *pointers ? read_block(disk_block, *pointers, "an indirect block") : -ENOMEM;
}

/*
 * Map what one pointer stands for: level 0 is data, above are indirect blocks. Recursion ends at level 0, so it is
 * at most three deep.
 */
static int map_pointer(struct map_walk *walk, u32 pointer, u32 level)
{
	u32 pointers = ext2.block_bytes / sizeof(u32);
	int err = 0;

	if (!pointer || level == 0) {
		u64 next = walk->file_block + level_span(level);

		if (pointer)
			err = map_data(walk, pointer);
		walk->file_block = (u32)MIN(next, (u64)walk->nr_blocks);
		return err;
	}
	err = spend_block(walk);
	if (!err && !blocks_are_data(pointer, 1))
		err = damaged("an indirect block of inode %u is said to be at %u", walk->ino,
			      pointer);
	if (!err)
		err = read_pointers(walk, pointer, level);
	for (u32 i = 0; i < pointers && !err && walk->file_block < walk->nr_blocks; i++)
		err = map_pointer(walk, walk->pointers[level][i], level - 1);
	return err;
}

static int walk_map(struct map_walk *walk, const struct ext2_inode *raw)
{
	int err = 0;

	for (u32 i = 0; i < EXT2_NR_POINTERS && !err && walk->file_block < walk->nr_blocks; i++) {
		u32 level = i < EXT2_NR_DIRECT ? 0 : i - EXT2_NR_DIRECT + 1;

		err = map_pointer(walk, raw->block[i], level);
	}
	for (u32 level = 1; level <= EXT2_NR_LEVELS; level++)
		kfree(walk->pointers[level]);
	return err;
}

static int check_runs(const struct map_walk *walk)
{
	for (u32 i = 0; i < walk->extents->nr; i++) {
		const struct fs_extent *e = &walk->extents->e[i];

		if (!blocks_are_data(e->disk_block, e->nr))
			return damaged(
				"blocks %u to %u of inode %u are said to be at %u, where the "
				"file system keeps its own tables",
				e->file_block, e->file_block + e->nr - 1, walk->ino, e->disk_block);
	}
	return 0;
}

/* All runs of an inode of that size, in *out. */
static int read_map(u32 ino, const struct ext2_inode *raw, u64 size_bytes, struct fs_extents **out)
{
	struct map_walk walk = {
		.ino = ino,
		.nr_blocks = (u32)DIV_ROUND_UP(size_bytes, (u64)ext2.block_bytes),
		.budget = raw->sectors / SECTORS_PER_BLOCK,
		.extents = extents_alloc(4),
	};
	int err = walk.extents ? 0 : -ENOMEM;

	if (!err && walk.budget > ext2.blocks_count)
		err = damaged("inode %u is said to have %u blocks, the disk has %u", ino,
			      walk.budget, ext2.blocks_count);
	if (!err)
		err = walk_map(&walk, raw);
	if (!err)
		err = check_runs(&walk);
	if (!err && walk.extents->nr && walk.extents->nr < walk.extents->room)
		extents_resize(&walk, walk.extents->nr); /* or it stays too large */
	if (err == -ENOMEM)
		printk("disk \"%s\": no memory for the block map of inode %u\n", ext2.dev->name,
		       ino);
	if (err)
		kfree(walk.extents);
	else
		*out = walk.extents;
	return err;
}

/* --- the table --- */

static int inode_size(u32 ino, const struct ext2_inode *raw, u64 *size_bytes)
{
	u64 max_blocks = EXT2_NR_DIRECT;
	bool is_dir = mode_is(raw, EXT2_MODE_DIR);

	*size_bytes = raw->size_low;
	if (!is_dir && ext2.has_large_files)
		*size_bytes |= (u64)raw->size_high << 32;
	for (u32 level = 1; level <= EXT2_NR_LEVELS; level++)
		max_blocks += level_span(level);
	if (*size_bytes > MIN(max_blocks, (u64)UINT32_MAX) << ext2.block_shift)
		return damaged("inode %u is said to have %lu bytes, more than a block map holds",
			       ino, *size_bytes);
	if (is_dir && (!*size_bytes || *size_bytes % ext2.block_bytes))
		return damaged("directory inode %u is said to have %lu bytes: not whole blocks",
			       ino, *size_bytes);
	if (is_dir && *size_bytes >> ext2.block_shift > ext2.blocks_count)
		return damaged("directory inode %u is said to have %lu bytes: more than the disk",
			       ino, *size_bytes);
	return 0;
}

/* Read everything there is to know of an inode. */
static int inode_fill(struct ext2_file *file, u32 ino)
{
	struct inode *inode = &file->inode;
	struct ext2_inode raw;
	int err = read_inode(ino, &raw);

	if (err)
		return err;
	inode->ino = ino;
	inode->is_dir = mode_is(&raw, EXT2_MODE_DIR);
	if (!inode->is_dir && !mode_is(&raw, EXT2_MODE_FILE))
		return -EINVAL; /* a link or a device: not damage, but nothing to open */
	err = inode_size(ino, &raw, &inode->size_bytes);
	if (!err)
		err = read_map(ino, &raw, inode->size_bytes, &inode->extents);
	if (err || inode->is_dir)
		return err;
	ksnprintf(file->name, sizeof(file->name), "%s:%u", ext2.dev->name, ino);
	err = mapping_init(&inode->mapping, file->name, inode->size_bytes, &ext2_mapping_ops,
			   inode);
	if (err)
		kfree(inode->extents);
	return err;
}

static void inode_drop(struct inode *inode)
{
	list_del(&inode->link);
	table.nr--;
	if (!inode->is_dir)
		mapping_destroy(&inode->mapping);
	kfree(inode->extents);
	kfree(container_of(inode, struct ext2_file, inode));
}

/* Closed, and nobody has it mapped. Only who has it open can map it anew. */
static bool is_droppable(struct inode *inode)
{
	bool mapped = false;

	if (inode->opens)
		return false;
	if (!inode->is_dir) {
		down_read(&inode->mapping.areas_lock);
		mapped = !list_empty(&inode->mapping.areas);
		up_read(&inode->mapping.areas_lock);
	}
	return !mapped;
}

/* Make room in a full table: false if everything in it is in use. table.lock held. */
static bool drop_oldest(void)
{
	struct list_head *at;

	for (at = table.inodes.prev; at != &table.inodes; at = at->prev) {
		struct inode *inode = list_entry(at, struct inode, link);

		if (!is_droppable(inode))
			continue;
		inode_drop(inode);
		return true;
	}
	return false;
}

static struct inode *find_cached(u32 ino)
{
	struct inode *inode;

	list_for_each_entry(inode, &table.inodes, link)
		if (inode->ino == ino)
			return inode;
	return NULL;
}

/* Read an inode into the table. table.lock held. */
static int inode_load(u32 ino, struct inode **inode)
{
	struct ext2_file *file;
	int err;

	if (table.nr >= MAX_INODES && !drop_oldest())
		return -EMFILE;
	file = kzalloc(sizeof(*file), ALLOC_WAIT);
	if (!file)
		return -ENOMEM;
	err = inode_fill(file, ino);
	if (err) {
		kfree(file);
		return err;
	}
	list_add(&file->inode.link, &table.inodes);
	table.nr++;
	*inode = &file->inode;
	return 0;
}

int inode_get(u32 ino, struct inode **inode)
{
	int err = 0;

	mutex_lock(&table.lock);
	*inode = find_cached(ino);
	if (!*inode)
		err = inode_load(ino, inode);
	if (!err) {
		(*inode)->opens++;
		list_del(&(*inode)->link);
		list_add(&(*inode)->link, &table.inodes);
	}
	mutex_unlock(&table.lock);
	return err;
}

void fs_close(struct inode *inode)
{
	mutex_lock(&table.lock);
	ASSERT(inode->opens > 0);
	inode->opens--;
	mutex_unlock(&table.lock);
}

void inode_forget_all(void)
{
	mutex_lock(&table.lock);
	while (!list_empty(&table.inodes)) {
		struct inode *inode = list_first_entry(&table.inodes, struct inode, link);

		ASSERT(!inode->opens);
		inode_drop(inode);
	}
	mutex_unlock(&table.lock);
}
