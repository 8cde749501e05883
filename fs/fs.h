/* SPDX-License-Identifier: MIT */
/*
 * fs.h - the file system as the kernel uses it: ext2 on one block device, mounted at "/".
 *
 * Files are read and written in place; they are made with ordinary tools (mke2fs -d DIR).
 */
#ifndef FS_FS_H
#define FS_FS_H

#include "lib/blockdev.h"
#include "lib/types.h"
#include "mm/pagecache.h"

/* An open file or directory. Shared by all who open the same inode; counted. */
struct inode {
	u32 ino;
	bool is_dir;
	u64 size_bytes;
	struct address_space mapping; /* regular files */
	struct fs_extents *extents;   /* where its blocks are; read once */
	u32 opens;		      /* under the inode table's lock */
	struct list_head link;
};

/*
 * Mount. On failure prints what is wrong with the disk, by name and value, and returns a negative
 * error. Every field that is used is checked first: a damaged or short image never reads
 * outside itself.
 */
int fs_mount(struct block_device *dev);
/* Absolute path to an inode, one more open. Or a negative error. Sleeps. */
int fs_open(const char *path, struct inode **inode);
void fs_close(struct inode *inode);

/*
 * May this range be written? Files are written in place, so a part of a file that has no block on
 * the disk cannot be: -ENOSPC. -EROFS: the disk is read-only. Called before file_write(), and for
 * the whole range of a shared writable mapping before it is made. What lies beyond the end of the
 * file is ignored.
 */
int fs_check_write(const struct inode *inode, u64 offset, u64 bytes);

struct fs_dirent {
	u32 ino;
	bool is_dir;
	char name[256];
};
/*
 * The entry at *position (0: the first), which moves on. 1, 0 at the end, or an error. Only files
 * and directories, "." and ".." among them: links and devices cannot be opened here. Sleeps.
 */
int fs_readdir(struct inode *dir, u64 *position, struct fs_dirent *out);

/* Write everything, what the disk caches included, and wait. 0 or the first error. Sleeps. */
int fs_sync(void);

/* Write everything and forget the file system. No inode is open. Sleeps. */
void fs_unmount(void);

#endif
