/* SPDX-License-Identifier: MIT */
/* init.c - the order in which mm/ comes up; each step needs those before it. */
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/fault.h"
#include "mm/leisure.h"
#include "mm/lru.h"
#include "mm/mm.h"
#include "mm/owner.h"
#include "mm/pagecache.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/sequence.h"
#include "mm/swap_stream.h"
#include "mm/swapin.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

void mm_init(const struct mm_config *config)
{
	mem_layout.first_pfn = config->first_pfn;
	mem_layout.nr_frames = config->nr_frames;
	mem_layout.memmap = config->memmap;
	stats_init();	    /* counters, which all that follows increments */
	lru_init();	    /* six empty lists */
	vmscan_init();	    /* kswapd's bell, which the allocator rings */
	page_alloc_init();  /* every managed frame on the free lists */
	kmalloc_init();	    /* small objects on top of frames */
	owner_init();	    /* keys to references */
	workingset_init();  /* the refault clock and measured costs */
	pagecache_init();   /* the list of files in memory */
	area_init();	    /* the list of address spaces */
	swap_init();	    /* no swap disk yet */
	swap_stream_init(); /* in what order it is read */
	leisure_init();	    /* the time that nobody wants */
	sequence_init();    /* in what order pages come back, whence ever */
	swapin_init();	    /* what is known of neighbours on swap */
	zpage_init(config); /* the compressed store, its memory reserved now */
	printk("mm: %lu frames managed (%lu MiB), watermarks %lu/%lu/%lu, struct page %lu bytes\n",
	       config->nr_frames, config->nr_frames * PAGE_SIZE / MIB, watermark_frames(WMARK_MIN),
	       watermark_frames(WMARK_LOW), watermark_frames(WMARK_HIGH), sizeof(struct page));
}

void mm_start_threads(void)
{
	kswapd_start();
	flusher_start();
}
