/* SPDX-License-Identifier: MIT */
/*
 * dir.c - names: looking one up, listing them, and from a path to an inode.
 *
 * A directory is read block by block into a temporary buffer and trusted entry by entry: each must
 * lie in its block, be long enough for its name, and move the reader on, so that a walk over a
 * block always ends. The same iterator serves lookup, listing and the check at mount.
 *
 * A path is taken word by word. "." and ".." are resolved by the list of directories passed on the
 * way, not by what the disk says; that list also shows a directory that contains itself.
 */
#include "fs/ext2.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"

#define MAX_DEPTH      32
#define MAX_PATH_BYTES 1024

/* --- entries --- */

/* A place in a directory. */
struct dir_walk {
	const struct inode *dir;
	u8 *buf;
	u64 offset;	/* of the next entry */
	u64 buf_offset; /* of the block in buf; UINT64_MAX: none */
	u32 in_block;	/* where the next entry is in it */
};

static int walk_begin(struct dir_walk *walk, const struct inode *dir)
{
	*walk = (struct dir_walk){ .dir = dir, .buf_offset = UINT64_MAX };
	walk->buf = kmalloc(ext2.block_bytes, ALLOC_WAIT);
	return walk->buf ? 0 : -ENOMEM;
}

static int load_block(struct dir_walk *walk)
{
	u32 file_block = (u32)(walk->offset >> ext2.block_shift);
	const struct fs_extent *e = extent_find(walk->dir->extents, file_block);
	int err;

	if (!e)
		return damaged("directory inode %u has a hole at block %u", walk->dir->ino,
			       file_block);
	err = read_block(e->disk_block + (file_block - e->file_block), walk->buf, "a directory");
	if (err)
		return err;
	walk->buf_offset = ALIGN_DOWN(walk->offset, (u64)ext2.block_bytes);
	walk->in_block = 0;
	return 0;
}

static bool name_is_sane(const struct ext2_dirent *entry)
{
	return entry->name_bytes && !memchr(entry->name, '\0', entry->name_bytes) &&
	       !memchr(entry->name, '/', entry->name_bytes);
}

/* What is wrong with the entry at in_block; NULL: nothing. */
static const char *entry_fault(const struct dir_walk *walk, const struct ext2_dirent *entry)
{
	u32 room = ext2.block_bytes - walk->in_block;

	if (room < EXT2_DIRENT_HEADER + 4)
		return "begins too close to the end of its block";
	if (entry->bytes < EXT2_DIRENT_HEADER + 4 || entry->bytes % 4)
		return "has an impossible length";
	if (entry->bytes > room)
		return "reaches beyond its block";
	if (!entry->inode)
		return NULL;
	if (EXT2_DIRENT_HEADER + entry->name_bytes > entry->bytes)
		return "is shorter than its name";
	if (!ext2.has_filetype && entry->type)
		return "has a name of more than 255 bytes";
	if (!name_is_sane(entry))
		return "has an impossible name";
	if (!ino_is_valid(entry->inode))
		return "names an inode that cannot be";
	return NULL;
}

/*
 * The next used entry: 1 and *entry (valid until the next call), 0 at the end, or an error. Starts
 * at the first entry that begins at walk->offset or behind it, even if none begins there.
 */
static int walk_next(struct dir_walk *walk, const struct ext2_dirent **entry)
{
	while (walk->offset < walk->dir->size_bytes) {
		const struct ext2_dirent *at;
		const char *fault;
		bool started_before;
		u64 here;

		if (walk->buf_offset != ALIGN_DOWN(walk->offset, (u64)ext2.block_bytes)) {
			int err = load_block(walk);

			if (err)
				return err;
		}
		at = (const struct ext2_dirent *)(walk->buf + walk->in_block);
		fault = entry_fault(walk, at);
		if (fault)
			return damaged("the entry at byte %lu of directory inode %u %s",
				       walk->buf_offset + walk->in_block, walk->dir->ino, fault);
		here = walk->buf_offset + walk->in_block;
		walk->in_block += at->bytes;
		if (here + at->bytes <= walk->offset)
			continue; /* still on the way from the block's beginning */
		started_before = here < walk->offset;
		walk->offset = here + at->bytes;
		if (started_before || !at->inode)
			continue;
		*entry = at;
		return 1;
	}
	return 0;
}

static void walk_end(struct dir_walk *walk)
{
	kfree(walk->buf);
}

int dir_lookup(const struct inode *dir, const char *name, u32 name_bytes, u32 *ino)
{
	const struct ext2_dirent *entry;
	struct dir_walk walk;
	int err = walk_begin(&walk, dir);

	if (err)
		return err;
	while ((err = walk_next(&walk, &entry)) == 1)
		if (entry->name_bytes == name_bytes && !memcmp(entry->name, name, name_bytes))
			break;
	if (err == 1)
		*ino = entry->inode;
	walk_end(&walk);
	return err == 1 ? 0 : err ? err : -ENOENT;
}

int dir_check(const struct inode *dir)
{
	const struct ext2_dirent *entry;
	struct dir_walk walk;
	int err = walk_begin(&walk, dir);

	if (err)
		return err;
	while ((err = walk_next(&walk, &entry)) == 1)
		;
	walk_end(&walk);
	return err;
}

/* 1: a file or directory; 0: something else; or an error. */
static int entry_kind(const struct ext2_dirent *entry, bool *is_dir)
{
	if (!ext2.has_filetype || !entry->type)
		return inode_kind(entry->inode, is_dir);
	*is_dir = entry->type == EXT2_TYPE_DIR;
	return *is_dir || entry->type == EXT2_TYPE_FILE;
}

int fs_readdir(struct inode *dir, u64 *position, struct fs_dirent *out)
{
	const struct ext2_dirent *entry;
	struct dir_walk walk;
	int err;

	if (!dir->is_dir)
		return -ENOTDIR;
	err = walk_begin(&walk, dir);
	if (err)
		return err;
	walk.offset = *position;
	while ((err = walk_next(&walk, &entry)) == 1) {
		err = entry_kind(entry, &out->is_dir);
		if (err)
			break;
	}
	if (err == 1) {
		out->ino = entry->inode;
		memcpy(out->name, entry->name, entry->name_bytes);
		out->name[entry->name_bytes] = '\0';
	}
	*position = walk.offset;
	walk_end(&walk);
	return err;
}

/* --- paths --- */

/* The directories from the root to where we are, by number. */
struct path_walk {
	u32 inos[MAX_DEPTH + 1];
	u32 depth; /* inos[depth] is where we are */
};

/* One word further. 0, or an error when it does not exist or is not below a directory. */
static int path_step(struct path_walk *path, const char *word, u32 bytes)
{
	struct inode *dir;
	u32 ino = 0;
	int err;

	err = inode_get(path->inos[path->depth], &dir);
	if (err)
		return err;
	if (!dir->is_dir) {
		fs_close(dir);
		return -ENOTDIR;
	}
	if (bytes == 1 && word[0] == '.') {
		fs_close(dir);
		return 0;
	}
	if (bytes == 2 && word[0] == '.' && word[1] == '.') {
		fs_close(dir);
		path->depth -= path->depth > 0;
		return 0;
	}
	err = dir_lookup(dir, word, bytes, &ino);
	fs_close(dir);
	if (err)
		return err;
	if (path->depth == MAX_DEPTH)
		return -ENAMETOOLONG;
	for (u32 i = 0; i <= path->depth; i++)
		if (path->inos[i] == ino)
			return damaged("directory inode %u contains itself as \"%.*s\"", ino,
				       (int)bytes, word);
	path->inos[++path->depth] = ino;
	return 0;
}

int fs_open(const char *path, struct inode **inode)
{
	struct path_walk walk = { .inos = { EXT2_ROOT_INO } };
	u32 word_bytes;
	int err;

	if (!ext2.dev)
		return -ENODEV;
	if (path[0] != '/')
		return -ENOENT;
	if (strnlen(path, MAX_PATH_BYTES) == MAX_PATH_BYTES)
		return -ENAMETOOLONG;
	while (*path) {
		while (*path == '/')
			path++;
		for (word_bytes = 0; path[word_bytes] && path[word_bytes] != '/'; word_bytes++)
			;
		if (word_bytes > EXT2_NAME_MAX)
			return -ENAMETOOLONG;
		err = word_bytes ? path_step(&walk, path, word_bytes) : 0;
		if (err)
			return err;
		path += word_bytes;
	}
	return inode_get(walk.inos[walk.depth], inode);
}
