/* SPDX-License-Identifier: MIT */
/*
 * mmu.c (host) - the CPU's part of an address space: page walks, accessed and dirty bits, a TLB.
 *
 * The TLB is there to be stale. A translation stays until it is flushed (or pushed out by
 * chance), so an unmap without its flush lets an access reach a frame that belongs to somebody
 * else, and the comparison of contents, or the poison of free frames, tells. As on the CPU, the
 * dirty bit is set by a walk on the first write; later writes do not look at the table again.
 */
#include "lib/blockdev.h"
#include "lib/print.h"
#include "mm/pagetable.h"
#include "mm/sequence.h"
#include "tests/host/env_internal.h"

#define TLB_ENTRIES 128
#define MAX_FAULTS  1000 /* for one access, before it counts as a livelock */

static struct {
	const struct mm *mm; /* NULL: empty */
	u64 page;	     /* va >> PAGE_SHIFT */
	entry_t pte;	     /* as it was when last walked */
} tlb[TLB_ENTRIES];

void sim_tlb_flush_all(void)
{
	for (u32 i = 0; i < TLB_ENTRIES; i++)
		tlb[i].mm = NULL;
}

void env_tlb_flush_page(struct mm *mm, u64 va)
{
	u32 slot = (va >> PAGE_SHIFT) % TLB_ENTRIES;

	if (tlb[slot].mm == mm && tlb[slot].page == va >> PAGE_SHIFT)
		tlb[slot].mm = NULL;
}

void env_init_root_table(u64 *root)
{
	/* The simulated kernel has no half of its own; what the CPU would find there is a marker. */
	for (u32 i = 256; i < 512; i++)
		root[i] = 0;
}

/* What the CPU says of a fault, or that there is none and the entry to use. */
static bool translate(struct mm *mm, u64 va, bool write, entry_t *out, u32 *access)
{
	u32 slot = (va >> PAGE_SHIFT) % TLB_ENTRIES;
	const entry_t need = PTE_USER | (write ? PTE_WRITE | PTE_DIRTY : 0);
	entry_t *pte;
	entry_t old;

	if (tlb[slot].mm == mm && tlb[slot].page == va >> PAGE_SHIFT &&
	    (tlb[slot].pte & need) == need) {
		*out = tlb[slot].pte;
		return true;
	}
	pte = pt_find(mm, va);
	if (!pte || !entry_present(*pte))
		return false;
	*access |= FAULT_PRESENT;
	if (!(*pte & PTE_USER) || (write && !(*pte & PTE_WRITE)))
		return false;
	old = atomic_fetch_or(pte, PTE_ACCESSED | (write ? PTE_DIRTY : 0));
	ASSERT(entry_present(old));
	tlb[slot].mm = mm;
	tlb[slot].page = va >> PAGE_SHIFT;
	tlb[slot].pte = *pte;
	*out = *pte;
	return true;
}

enum fault_result sim_touch(struct mm *mm, u64 va, bool write, u64 *value)
{
	host_preempt_point();
	for (u32 faults = 0; faults < MAX_FAULTS; faults++) {
		enum fault_result result;
		entry_t pte;
		u32 access = write ? FAULT_WRITE : 0;

		if (va < USER_TOP && translate(mm, va, write, &pte, &access)) {
			u64 pfn = entry_pfn(pte);
			u64 *word = phys_to_virt((pfn << PAGE_SHIFT) + (va & ~PAGE_MASK));

			/* A translation names a frame that a page can be in. */
			ASSERT(pfn_is_managed(pfn));
			ASSERT_PAGE(pfn_to_page(pfn)->state != FRAME_FREE, pfn_to_page(pfn));
			if (write)
				*word = *value;
			else
				*value = *word;
			return FAULT_OK;
		}
		result = mm_fault(mm, va, access);
		if (result != FAULT_OK)
			return result;
	}
	panic("%u faults at %#lx without getting on", MAX_FAULTS, va);
}

void sim_boot_store(u64 nr_frames, u64 seed, const struct sim_store *store)
{
	struct mm_config config = {
		.first_pfn = HOST_FIRST_PFN,
		.nr_frames = nr_frames,
		.store_kind = zstore_kind_find(store->kind),
		.store_checksums = store->checksums,
		.store_evicts_pages = store->evicts_pages,
	};

	host_boot(nr_frames, seed);
	block_reset();
	config.memmap = host_memmap();
	config.nr_cpus = 2;
	mm_init(&config);
}

void sim_boot(u64 nr_frames, u64 seed)
{
	sim_boot_store(nr_frames, seed, &(struct sim_store){ "log", true, false });
}

void sim_come_back(u64 nr, u64 apart)
{
	for (u64 i = 1; i <= nr; i++) {
		sequence_comeback(i * apart);
		if (i % 32 == 0)
			sequence_look();
	}
}
