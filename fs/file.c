/* SPDX-License-Identifier: MIT */
/*
 * file.c - pages of a file to and from the disk.
 *
 * A run of pages becomes as few requests as its blocks allow: pieces go into one request as long as
 * they follow each other on the disk. A page can lie in up to four pieces (blocks of 1 KiB), and
 * those in several requests that end in any order; so page->private counts the pieces that are not
 * back yet, plus one that the builder holds while it may still add some. Who brings the count to
 * zero finishes the page. Bit 32 remembers that a piece failed.
 *
 * No memory is needed but a request from the pool, and each request is started before the next is
 * taken.
 *
 * Holes. They read as zeros. Writing one would need a block from the disk's bitmap, and this file
 * system never changes its structure; so fs_check_write() refuses such a range with -ENOSPC before
 * anything is written, and write-back, which comes too late to refuse, meets a hole
 * only if a caller did not ask. It then fails the page with -EIO rather than lose data silently.
 */
#include "fs/ext2.h"
#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/page.h"

#define IO_FAILED BIT(32)

/* A request being filled. */
struct build {
	struct address_space *mapping;
	enum bio_op op;
	struct bio *bio; /* NULL: none yet */
	u64 next_sector; /* where it goes on */
};

/* Bytes behind the end of the file are not the file's: whoever maps the page shall see zeros. */
static void zero_tail(const struct address_space *mapping, struct page *page)
{
	u64 start = page_index(page) * PAGE_SIZE;

	if (mapping->size_bytes - start < PAGE_SIZE)
		memset((u8 *)page_address(page) + (mapping->size_bytes - start), 0,
		       PAGE_SIZE - (mapping->size_bytes - start));
}

/* One piece is back, or the builder has no more. Any context. */
static void piece_done(struct address_space *mapping, struct page *page, enum bio_op op, int error)
{
	u64 left;

	if (error)
		atomic_fetch_or(&page->private, IO_FAILED);
	left = atomic_sub_return(&page->private, 1UL);
	if ((u32)left)
		return;
	page->private = 0;
	error = left & IO_FAILED ? -EIO : 0;
	if (op == BIO_WRITE) {
		page_write_done(page, error);
		return;
	}
	if (!error)
		zero_tail(mapping, page);
	page_read_done(page, error);
}

static void request_done(struct bio *bio)
{
	for (u32 i = 0; i < bio->nr_segs; i++)
		piece_done(bio->private, virt_to_page(bio->segs[i].addr), bio->op, bio->error);
	bio_free(bio);
}

static void build_flush(struct build *build)
{
	if (build->bio)
		bio_submit(ext2.dev, build->bio);
	build->bio = NULL;
}

/* Add memory within one page. */
static void build_add(struct build *build, struct page *page, u64 sector, void *addr, u32 bytes)
{
	if (build->bio && (sector != build->next_sector || build->bio->nr_segs == BIO_MAX_SEGS))
		build_flush(build);
	if (!build->bio) {
		build->bio = bio_alloc();
		build->bio->op = build->op;
		build->bio->sector = sector;
		build->bio->done = request_done;
		build->bio->private = build->mapping;
	}
	atomic_add(&page->private, 1UL);
	bio_add(build->bio, addr, bytes);
	build->next_sector = sector + (bytes >> SECTOR_SHIFT);
}

static void hole_written(const struct address_space *mapping, u64 index)
{
	static u32 said; /* atomic */

	if (!atomic_xchg(&said, 1))
		printk("file %s: page %lu has no place on the disk and cannot be written\n",
		       mapping->name, index);
}

/* All pieces of one page. Returns -EIO for a hole that should be written. */
static int build_page(struct build *build, struct page *page)
{
	const struct inode *inode = build->mapping->host;
	u32 per_page = (u32)PAGE_SIZE >> ext2.block_shift;
	u32 block = (u32)(page_index(page) * per_page), end = block + per_page;
	u32 nr_blocks = (u32)DIV_ROUND_UP(inode->size_bytes, (u64)ext2.block_bytes);
	u8 *addr = page_address(page);
	int err = 0;

	while (block < end) {
		const struct fs_extent *e =
			block < nr_blocks ? extent_find(inode->extents, block) : NULL;
		u32 nr = e ? MIN(end - block, e->file_block + e->nr - block) : 1;

		if (e) {
			build_add(build, page,
				  block_to_sector(e->disk_block + (block - e->file_block)), addr,
				  nr << ext2.block_shift);
		} else if (build->op == BIO_READ) {
			memset(addr, 0, ext2.block_bytes);
		} else if (block < nr_blocks) {
			hole_written(build->mapping, page_index(page));
			err = -EIO;
		}
		block += nr;
		addr += nr << ext2.block_shift;
	}
	return err;
}

static void do_pages(struct address_space *mapping, struct page **pages, u32 nr, enum bio_op op)
{
	struct build build = { .mapping = mapping, .op = op };
	int errors[BIO_MAX_SEGS];

	ASSERT(nr <= BIO_MAX_SEGS);
	for (u32 i = 0; i < nr; i++)
		pages[i]->private = 1;
	for (u32 i = 0; i < nr; i++)
		errors[i] = build_page(&build, pages[i]);
	build_flush(&build);
	for (u32 i = 0; i < nr; i++)
		piece_done(mapping, pages[i], op, errors[i]);
}

static void ext2_read_pages(struct address_space *mapping, struct page **pages, u32 nr)
{
	do_pages(mapping, pages, nr, BIO_READ);
}

static void ext2_write_pages(struct address_space *mapping, struct page **pages, u32 nr)
{
	do_pages(mapping, pages, nr, BIO_WRITE);
}

const struct mapping_ops ext2_mapping_ops = {
	.read_pages = ext2_read_pages,
	.write_pages = ext2_write_pages,
};

int fs_check_write(const struct inode *inode, u64 offset, u64 bytes)
{
	u64 end = offset < inode->size_bytes ? offset + MIN(bytes, inode->size_bytes - offset) : 0;
	u64 block = offset >> ext2.block_shift;

	if (ext2.dev->read_only)
		return -EROFS;
	while (block << ext2.block_shift < end) {
		const struct fs_extent *e = extent_find(inode->extents, (u32)block);

		if (!e)
			return -ENOSPC;
		block = (u64)e->file_block + e->nr;
	}
	return 0;
}
