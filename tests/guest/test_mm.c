/* SPDX-License-Identifier: MIT */
/* test_mm.c - memory on the real machine: frames, faults, reclaim, disk, files, workloads. */
#include "fs/fs.h"
#include "kernel/proc.h"
#include "lib/blockdev.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"
#include "mm/lru.h"
#include "mm/mm.h"
#include "mm/pagecache.h"
#include "mm/policy.h"
#include "mm/vmscan.h"
#include "tests/guest/guest_mm.h"
#include "tests/guest/ktap.h"

const char *test_alloc_pages(void)
{
	u64 free = nr_free_frames();
	struct page *pages[MAX_ORDER + 1];

	for (u32 order = 0; order <= 6; order++) {
		pages[order] = alloc_pages(ALLOC_ZERO, order, FRAME_KERNEL);
		EXPECT(pages[order]);
		EXPECT(!(page_to_pfn(pages[order]) & (BIT(order) - 1)));
		EXPECT(!*(u64 *)page_address(pages[order]));
	}
	for (u32 order = 0; order <= 6; order++)
		free_pages(pages[order], order);
	EXPECT(nr_free_frames() == free);
	return NULL;
}

const char *test_kmalloc(void)
{
	static void *objects[64];
	u64 bytes = kmalloc_bytes();

	for (u32 i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = kmalloc(16 + i * 61, ALLOC_WAIT);
		EXPECT(objects[i]);
		memset(objects[i], (int)i, 16 + i * 61);
	}
	for (u32 i = 0; i < ARRAY_SIZE(objects); i++) {
		const u8 *object = objects[i];

		EXPECT(object[0] == (u8)i && object[15 + i * 61] == (u8)i);
		kfree(objects[i]);
	}
	EXPECT(kmalloc_bytes() == bytes);
	return NULL;
}

/* The last block of the swap disk: written, read back, and several requests at once. */
const char *test_block_io(void)
{
	struct block_device *dev = block_find("swap");
	u64 *out = kmalloc(PAGE_SIZE, ALLOC_WAIT), *in = kzalloc(PAGE_SIZE, ALLOC_WAIT);
	u64 sector;

	EXPECT(dev && out && in);
	sector = dev->nr_sectors - PAGE_SIZE / SECTOR_SIZE;
	for (u32 round = 0; round < 8; round++) {
		for (u32 i = 0; i < PAGE_SIZE / sizeof(u64); i++)
			out[i] = round * 1000003 + i;
		EXPECT(!block_rw(dev, BIO_WRITE, sector, out, PAGE_SIZE));
		EXPECT(!block_rw(dev, BIO_READ, sector, in, PAGE_SIZE));
		EXPECT(!memcmp(in, out, PAGE_SIZE));
	}
	EXPECT(block_rw(dev, BIO_READ, dev->nr_sectors, in, PAGE_SIZE) < 0);
	kfree(out);
	kfree(in);
	return NULL;
}

static bool copy_plain(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return true;
}

static const char *check_root(struct inode *root, u32 *files)
{
	struct fs_dirent entry;
	u64 position = 0;
	int got;

	while ((got = fs_readdir(root, &position, &entry)) > 0)
		*files += 1;
	EXPECT(got == 0);
	return NULL;
}

const char *test_files(void)
{
	struct inode *root, *file;
	struct file_ra ra = { 0 };
	u8 *once = kmalloc(PAGE_SIZE, ALLOC_WAIT), *again = kmalloc(PAGE_SIZE, ALLOC_WAIT);
	const char *wrong;
	u32 files = 0;

	EXPECT(once && again);
	EXPECT(!fs_open("/", &root));
	EXPECT(root->is_dir);
	wrong = check_root(root, &files);
	fs_close(root);
	if (wrong)
		return wrong;
	EXPECT(files > 2);
	EXPECT(fs_open("/there/is/no/such/file", &file) < 0);
	EXPECT(!fs_open("/scratch.dat", &file));
	EXPECT(file_read(&file->mapping, 0, once, PAGE_SIZE, &ra, copy_plain) == PAGE_SIZE);
	once[7] ^= 0x5a;
	EXPECT(file_write(&file->mapping, 0, once, PAGE_SIZE, copy_plain) == PAGE_SIZE);
	EXPECT(!file_sync(&file->mapping));
	EXPECT(file_read(&file->mapping, 0, again, PAGE_SIZE, &ra, copy_plain) == PAGE_SIZE);
	EXPECT(!memcmp(once, again, PAGE_SIZE));
	fs_close(file);
	kfree(once);
	kfree(again);
	return NULL;
}

const char *test_fault_paths(void)
{
	struct mm *mm = mm_create("test", NULL);
	s64 va;
	u64 *word;

	EXPECT(mm);
	va = mm_mmap(mm, 0, 4 * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0, "test");
	EXPECT(va > 0);
	EXPECT(mm_fault(mm, 0, 0) == FAULT_NULL);
	EXPECT(mm_fault(mm, (u64)va + 4 * PAGE_SIZE, 0) == FAULT_NO_AREA);
	EXPECT(mm_fault(mm, (u64)va, FAULT_EXEC) == FAULT_NO_EXEC);
	word = guest_touch(mm, (u64)va, true);
	EXPECT(word && !*word);
	EXPECT(mm->nr_resident == 1);
	EXPECT(!mm_munmap(mm, (u64)va, 2 * PAGE_SIZE));
	EXPECT(mm->nr_resident == 0);
	EXPECT(mm_fault(mm, (u64)va, 0) == FAULT_NO_AREA);
	mm_destroy(mm);
	return NULL;
}

/* Fill, have the pages reclaimed under a policy, say what was seen, read back. */
static const char *reclaim_under(const char *policy, u64 *compressed, u64 *swapped)
{
	const char *was = policy_current()->name;
	struct mm *mm = mm_create("test", NULL);
	const char *wrong;
	s64 va;

	EXPECT(mm);
	va = mm_mmap(mm, 0, TEST_PAGES * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0, "test");
	EXPECT(va > 0);
	policy_use_name(policy);
	wrong = guest_fill(mm, (u64)va, TEST_PAGES);
	if (wrong)
		return wrong;
	for (u32 i = 0; i < 4; i++)
		reclaim_list(LRU_INACTIVE_ANON, TEST_PAGES);
	*compressed = mm->nr_compressed;
	*swapped = mm->nr_swapped;
	wrong = guest_check(mm, (u64)va, TEST_PAGES);
	mm_destroy(mm);
	policy_use_name(was);
	return wrong;
}

const char *test_reclaim_compress(void)
{
	u64 compressed, swapped;
	const char *wrong = reclaim_under("integrated", &compressed, &swapped);

	if (wrong)
		return wrong;
	EXPECT(compressed > TEST_PAGES / 2);
	return NULL;
}

const char *test_reclaim_none(void)
{
	u64 compressed, swapped;
	const char *wrong = reclaim_under("none", &compressed, &swapped);

	if (wrong)
		return wrong;
	EXPECT(!compressed);
	EXPECT(swapped > TEST_PAGES / 2);
	return NULL;
}

/* Real workloads, small: a good one is ok, a bad one is caught, and both give everything back. */
static const char *run_workload(const char *name, const char *footprint, enum proc_status expected)
{
	char words[2][16];
	char *argv[] = { words[0], words[1] };
	struct proc *proc;
	enum proc_status status;

	memcpy(words[0], name, strlen(name) + 1);
	memcpy(words[1], footprint, strlen(footprint) + 1);
	proc = proc_start(2, argv);
	EXPECT(proc);
	proc_wait(proc);
	status = proc->status;
	proc_free(proc);
	EXPECT(status == expected);
	return NULL;
}

const char *test_workload_verdicts(void)
{
	const char *wrong = run_workload("rand", "2", PROC_OK);

	if (!wrong)
		wrong = run_workload("bad-null", "1", PROC_FAULT);
	if (!wrong)
		wrong = run_workload("bad-stack", "1", PROC_FAULT);
	if (!wrong)
		wrong = run_workload("bad-exec", "1", PROC_FAULT);
	if (!wrong)
		wrong = run_workload("phase", "2", PROC_OK);
	return wrong;
}
