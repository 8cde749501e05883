/* SPDX-License-Identifier: MIT */
/*
 * vm_events.h - every event that is counted, once. Past things; units are in
 * the text. Names are those of /proc/vmstat where the meaning is the same.
 */
#ifndef MM_VM_EVENTS_H
#define MM_VM_EVENTS_H

/* X(name, what one count is) */
#define VM_EVENT_TABLE(X)                                                                    \
	X(pgalloc, "frames allocated")                                                       \
	X(pgfree, "frames freed")                                                            \
	X(allocstall, "allocations that had to reclaim themselves")                          \
	X(alloc_failed, "allocations that may wait and failed all the same")                 \
	X(alloc_declined, "allocations that may not wait, refused because memory was short") \
	X(alloc_reserve, "frames taken from below the min watermark, by design")             \
	X(pgfault, "faults handled")                                                         \
	X(pgmajfault, "faults that waited for a disk")                                       \
	X(pgzerofill, "pages made by filling with zero")                                     \
	X(pgcow, "private copies made of file pages")                                        \
	X(zswpin, "anon pages decompressed by a fault")                                      \
	X(zfilein, "file pages decompressed by a fault or a read")                           \
	X(pgfilehit, "file pages found resident by a read or a fault")                       \
	X(pgfilein, "file pages read from disk")                                             \
	X(pgfileout, "file pages written to disk")                                           \
	X(pswpin, "anon pages read from swap")                                               \
	X(swap_ra, "of these, read ahead of their use")                                      \
	X(swap_ra_hit, "of those, found used by reclaim")                                    \
	X(pswpout, "anon pages written to swap decompressed, one block each")                \
	X(zpswpin, "blocks of zpages read from swap")                                        \
	X(zpswpout, "blocks of zpages written to swap")                                      \
	X(pgactivate, "pages moved to an active list")                                       \
	X(pgdeactivate, "pages moved to an inactive list")                                   \
	X(pgrotated, "reclaim candidates put back: locked, in use or under I/O")             \
	X(pgscan_kswapd, "pages looked at by kswapd")                                        \
	X(pgscan_direct, "pages looked at by direct reclaim")                                \
	X(pgsteal_kswapd, "frames that kswapd brought to the free list, net")                \
	X(pgsteal_direct, "frames that direct reclaim brought to the free list, net")        \
	X(kswapd_wake, "times kswapd was woken")                                             \
	X(kswapd_ns, "ns that kswapd ran")                                                   \
	X(zstore_anon, "anon pages compressed")                                              \
	X(zstore_file, "file pages compressed")                                              \
	X(zreject_poor, "pages refused by the store: they compress too poorly")              \
	X(zreject_no_frame, "pages refused by the store: no frame")                          \
	X(zreject_target, "pages refused by the store: its type is at its target")           \
	X(ztry, "pages sent past the store that were compressed to learn what that costs")   \
	X(zskip_incompressible, "pages known to be incompressible sent straight to disk")    \
	X(zevict_anon, "anon zpages evicted to swap, still compressed")                      \
	X(zevict_file, "clean file zpages dropped")                                          \
	X(zwriteback, "anon zpages written to swap decompressed")                            \
	X(zadopt, "zpages kept in memory because they were read with another one")           \
	X(zadopt_hit, "such zpages decompressed by a fault before they left again")          \
	X(zcompact, "store frames freed by closing holes, for reclaim")                      \
	X(zdonated, "store frames that were the frame of the page being compressed")         \
	X(pgdrop_file, "clean file pages dropped from the inactive list")                    \
	X(swap_full, "pages kept because swap was full")                                     \
	X(swap_write_failed, "pages kept because the write to swap failed")                  \
	X(reclaim_rescued, "pages touched while they were being written out, and kept")      \
	X(workingset_refault_anon, "refaults of anon pages evicted earlier")                 \
	X(workingset_refault_file, "refaults of file pages evicted earlier")                 \
	X(workingset_activate_anon, "refaults close enough to activate, anon")               \
	X(workingset_activate_file, "refaults close enough to activate, file")               \
	X(choose_inactive_file, "reclaim rounds given to the inactive file list")            \
	X(choose_inactive_anon, "reclaim rounds given to the inactive anon list")            \
	X(choose_compressed_file, "reclaim rounds given to the compressed file list")        \
	X(choose_compressed_anon, "reclaim rounds given to the compressed anon list")        \
	X(choose_store_file, "of the rounds of inactive file, those that compress")          \
	X(choose_store_anon, "of the rounds of inactive anon, those that compress")          \
	X(oom_kill, "workloads ended for want of memory")

#endif
