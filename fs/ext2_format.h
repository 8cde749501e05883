/* SPDX-License-Identifier: MIT */
/*
 * ext2_format.h - ext2 as it lies on the disk. Little-endian, as this machine is.
 *
 * Block 0 is the first block of the disk. The superblock is always at byte 1024; with blocks of
 * 1 KiB that is block 1, so that is where the first group begins (first_data_block). The group
 * descriptors fill the blocks behind the superblock.
 */
#ifndef FS_EXT2_FORMAT_H
#define FS_EXT2_FORMAT_H

#include "lib/types.h"

#define EXT2_SUPER_OFFSET 1024
#define EXT2_SUPER_BYTES  1024
#define EXT2_MAGIC	  0xef53
#define EXT2_MAGIC_OFFSET 1080

#define EXT2_ROOT_INO	     2
#define EXT2_OLD_FIRST_INO   11
#define EXT2_OLD_INODE_BYTES 128

#define EXT2_MIN_BLOCK_SHIFT 10
#define EXT2_MAX_BLOCK_SHIFT 12 /* that this kernel reads: a block lies in a page */

struct ext2_super {
	u32 inodes_count;
	u32 blocks_count;
	u32 reserved_blocks;
	u32 free_blocks;
	u32 free_inodes;
	u32 first_data_block;
	u32 log_block_size; /* block size = 1024 << this */
	u32 log_frag_size;
	u32 blocks_per_group;
	u32 frags_per_group;
	u32 inodes_per_group;
	u32 mount_time;
	u32 write_time;
	u16 mount_count;
	u16 max_mount_count;
	u16 magic;
	u16 state;
	u16 errors;
	u16 minor_revision;
	u32 last_check;
	u32 check_interval;
	u32 creator_os;
	u32 revision;
	u16 reserved_uid;
	u16 reserved_gid;
	/* Revision 1 only from here on. */
	u32 first_ino;
	u16 inode_bytes;
	u16 block_group;
	u32 feature_compat;
	u32 feature_incompat;
	u32 feature_ro_compat;
	u8 rest[EXT2_SUPER_BYTES - 104];
};
_Static_assert(sizeof(struct ext2_super) == EXT2_SUPER_BYTES, "layout is the disk's");
_Static_assert(offsetof(struct ext2_super, magic) == EXT2_MAGIC_OFFSET - EXT2_SUPER_OFFSET,
	       "layout is the disk's");

/* Features that a reader must understand. */
#define EXT2_INCOMPAT_FILETYPE	    0x0002
/* Features that a writer of the structure must understand; we write only the bytes of files. */
#define EXT2_RO_COMPAT_SPARSE_SUPER 0x0001
#define EXT2_RO_COMPAT_LARGE_FILE   0x0002

struct ext2_group_desc {
	u32 block_bitmap;
	u32 inode_bitmap;
	u32 inode_table;
	u16 free_blocks;
	u16 free_inodes;
	u16 used_dirs;
	u16 pad;
	u8 reserved[12];
};
_Static_assert(sizeof(struct ext2_group_desc) == 32, "layout is the disk's");

#define EXT2_NR_DIRECT	 12
#define EXT2_NR_LEVELS	 3 /* of indirect blocks */
#define EXT2_NR_POINTERS (EXT2_NR_DIRECT + EXT2_NR_LEVELS)

struct ext2_inode {
	u16 mode;
	u16 uid;
	u32 size_low;
	u32 atime, ctime, mtime, dtime;
	u16 gid;
	u16 links;
	u32 sectors; /* of 512 bytes: data and indirect blocks */
	u32 flags;
	u32 osd1;
	u32 block[EXT2_NR_POINTERS];
	u32 generation;
	u32 file_acl;
	u32 size_high; /* regular files of revision 1 */
	u32 fragment;
	u8 osd2[12];
};
_Static_assert(sizeof(struct ext2_inode) == EXT2_OLD_INODE_BYTES, "layout is the disk's");

#define EXT2_MODE_TYPE 0xf000
#define EXT2_MODE_FILE 0x8000
#define EXT2_MODE_DIR  0x4000

/* Flags of an inode whose block pointers are not what they are in ext2. */
#define EXT2_INODE_COMPRESSED 0x00000004
#define EXT2_INODE_ENCRYPTED  0x00000800
#define EXT2_INODE_EXTENTS    0x00080000
#define EXT2_INODE_INLINE     0x10000000

/* Entries do not cross blocks; the last one of a block reaches to its end. */
struct ext2_dirent {
	u32 inode; /* 0: unused */
	u16 bytes; /* to the next entry; a multiple of 4 */
	u8 name_bytes;
	u8 type; /* with EXT2_INCOMPAT_FILETYPE; otherwise the high byte of the name's length */
	char name[];
};
#define EXT2_DIRENT_HEADER 8
#define EXT2_NAME_MAX	   255

#define EXT2_TYPE_FILE 1
#define EXT2_TYPE_DIR  2

#endif
