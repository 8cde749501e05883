/* SPDX-License-Identifier: MIT */
/* ext2.h - what the parts of the file system share; the outside is fs.h. */
#ifndef FS_EXT2_H
#define FS_EXT2_H

#include "fs/ext2_format.h"
#include "fs/fs.h"
#include "lib/lock.h"
#include "lib/types.h"

/* Where a group keeps its tables. */
struct ext2_group {
	u32 block_bitmap, inode_bitmap, inode_table; /* blocks */
};

/* The mounted file system. Set by fs_mount(), constant until fs_unmount(). */
struct ext2 {
	struct block_device *dev; /* NULL: nothing is mounted */
	u32 block_bytes, block_shift;
	u32 blocks_count, first_data_block;
	u32 blocks_per_group;
	u32 inodes_count, inodes_per_group, inode_bytes;
	u32 first_ino; /* of ordinary files */
	u32 nr_groups;
	u32 inode_table_blocks; /* in each group */
	u32 first_free_block;	/* behind the superblock and the group descriptors */
	bool has_filetype, has_large_files;
	struct ext2_group *groups;
};
extern struct ext2 ext2;

/* A run of blocks of a file. Holes lie between runs. */
struct fs_extent {
	u32 file_block, disk_block, nr;
};

/* All runs of a file, ascending by file_block. */
struct fs_extents {
	u32 nr, room;
	struct fs_extent e[];
};

/*
 * The run that holds a file block, or NULL for a hole. Any context: needs no memory, no lock and
 * no I/O.
 */
const struct fs_extent *extent_find(const struct fs_extents *extents, u32 file_block);

static inline u64 block_to_sector(u32 block)
{
	return (u64)block << (ext2.block_shift - SECTOR_SHIFT);
}

/*
 * super.c. Read one block of metadata into a buffer of block_bytes: 0 or -EIO, reported with what
 * it was to be. Sleeps.
 */
int read_block(u32 block, void *buf, const char *what);
/* Do nr blocks from block lie on the disk, and in no table of the file system itself? */
bool blocks_are_data(u32 block, u32 nr);

/*
 * Report damage, beginning with the disk's name: always -EIO. Counted rather than printed when a
 * damaged file system is asked too often.
 */
int damaged(const char *fmt, ...) __printf(1, 2);

/* inode.c. The inode, one more open, or an error. Sleeps. */
int inode_get(u32 ino, struct inode **inode);
/* Forget every inode; none is open. Sleeps. */
void inode_forget_all(void);
void inode_table_init(void);
/* Is it a file or directory that inode_get() would give? 1, 0 or an error. Sleeps. */
int inode_kind(u32 ino, bool *is_dir);
/* May a directory name this inode? */
bool ino_is_valid(u32 ino);

/* dir.c. The number of a name in a directory: 0, -ENOENT or -EIO. Sleeps. */
int dir_lookup(const struct inode *dir, const char *name, u32 name_bytes, u32 *ino);
/* Check every entry of a directory: 0 or -EIO. Sleeps. */
int dir_check(const struct inode *dir);

/* file.c */
extern const struct mapping_ops ext2_mapping_ops;

#endif
