/* SPDX-License-Identifier: MIT */
/*
 * env.h (host) - the simulated machine under mm/ and compress/: what tests use of it.
 *
 * It stands in for kernel/: RAM is an arena, threads hand a baton round so that exactly one runs,
 * time is virtual, and every choice (who runs next, when a lock operation is a preemption, when a
 * disk answers) comes from one seed. A failure happens again with the same seed.
 *
 * Locks check their rules: no lock twice, no unlock of what is not held, no sleep with
 * a spinlock held, no interrupt handler waiting for the thread it interrupted. When no thread can
 * run, time jumps to the next event; when there is none either, that is a deadlock.
 */
#ifndef TESTS_HOST_ENV_H
#define TESTS_HOST_ENV_H

#include <setjmp.h>

#include "lib/blockdev.h"
#include "lib/lock.h"
#include "lib/prng.h"
#include "lib/types.h"
#include "mm/env.h"
#include "mm/mm.h"

#define HOST_FIRST_PFN 256UL /* physical addresses begin at 1 MiB */

/*
 * A new machine: RAM for nr_frames from HOST_FIRST_PFN, one thread (the caller), time 0. Threads of
 * an earlier machine never run again. Call first. memmap is for mm_config.
 */
void host_boot(u64 nr_frames, u64 seed);
struct page *host_memmap(void);
/* The same and then mm_init(): everything of mm/ works, but kswapd and flusher do not run yet. */
void sim_boot(u64 nr_frames, u64 seed);
/* With another store than log, checksums, whole frames to swap. Fields as in mm_config. */
struct sim_store {
	const char *kind;
	bool checksums, evicts_pages;
};
void sim_boot_store(u64 nr_frames, u64 seed, const struct sim_store *store);

/*
 * How often a lock operation lets another thread run, in percent; 0: only sleeping does. With
 * smp, also inside spinlock sections, as if each thread had a CPU of its own.
 */
void host_set_preemption(u32 percent, bool smp);

/* The machine's own random choices; tests use their own generator. */
extern struct prng host_rng;

/* printk() goes to standard error at once; otherwise its end is shown by a panic. */
extern bool host_verbose;
/* Shown by a panic: what to type to see it again. */
extern const char *host_replay_hint;

/* Run fn(arg) at time_ns or soon after, as an interrupt. The event is the caller's. */
struct host_event {
	u64 due_ns;
	void (*fn)(void *arg);
	void *arg;
	struct list_head link;
};
void host_event_add(struct host_event *event, u64 due_ns, void (*fn)(void *arg), void *arg);
/* Sleep until no event is pending. */
void host_drain_events(void);
/* Number of threads that are neither finished nor the first. */
u32 host_nr_threads(void);

/* What mm->owner points to here. */
struct host_proc {
	struct mm *mm;
	bool killed;
	const char *reason;
};

/*
 * The CPU. Access one aligned word at va of the current context's mm as a workload does: through
 * the TLB or the page tables (setting accessed and dirty bits), calling mm_fault() on a miss.
 * Returns what mm_fault() said; *value is read or written on FAULT_OK.
 */
enum fault_result sim_touch(struct mm *mm, u64 va, bool write, u64 *value);
/* Reclaim has seen nr pages come back that far from each other: 1: in order. */
void sim_come_back(u64 nr, u64 apart);
/* Switch to another address space: no translation survives. Before mm_destroy(). */
void sim_tlb_flush_all(void);

/* A panic that a test wants: EXPECT_PANIC(kfree(p), "already free"). */
extern jmp_buf *host_panic_jump;
extern char host_panic_text[512];
void host_release_locks(void); /* those that the failed code held */

#define EXPECT_PANIC(statement, text)                                                     \
	do {                                                                              \
		jmp_buf _jump;                                                            \
		host_panic_jump = &_jump;                                                 \
		if (setjmp(_jump) == 0) {                                                 \
			statement;                                                        \
			host_panic_jump = NULL;                                           \
			fail_msg("no panic: %s", #statement);                             \
		}                                                                         \
		host_panic_jump = NULL;                                                   \
		host_release_locks();                                                     \
		if (!strstr(host_panic_text, text))                                       \
			fail_msg("panic \"%s\", expected \"%s\"", host_panic_text, text); \
	} while (0)

#endif
