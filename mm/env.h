/* SPDX-License-Identifier: MIT */
/*
 * env.h - the seam: what mm/ asks of the machine beneath it, apart from locks and
 * waiting (lib/lock.h), disks (lib/blockdev.h) and the console (lib/print.h).
 *
 * Implemented twice: kernel/env.c on the machine, tests/host/env.c in the
 * host simulator.
 */
#ifndef MM_ENV_H
#define MM_ENV_H

#include "lib/clock.h" /* env_now_ns() */
#include "lib/types.h"

struct mm;

/* The physical address space, as mm/ sees it. */
#ifdef HARMONY_HOST
extern u8 *env_ram; /* physical address 0 of the simulated machine */
#define DIRECT_MAP_BASE ((u64)env_ram)
#else
#define DIRECT_MAP_BASE 0xffff800000000000UL
#endif

static inline void *phys_to_virt(u64 phys)
{
	return (void *)(DIRECT_MAP_BASE + phys);
}

/* addr must be a direct-map address. */
static inline u64 virt_to_phys(const void *addr)
{
	return (u64)addr - DIRECT_MAP_BASE;
}

/* What mm/ keeps for each thread; embedded in struct thread. Only that thread writes it. */
struct mm_context {
	u32 flags;     /* MMC_* */
	struct mm *mm; /* address space of a workload's thread; NULL for the kernel's */
	/* The page being compressed, whose frame may become the store's; and the same once it has. */
	struct page *donor, *donated; /* zpage.c */
	s64 store_frames; /* free frames the store took less frames it freed, by this thread */
};
#define MMC_RECLAIM BIT(0) /* is reclaiming: may use the reserve, must not recurse */
#define MMC_KSWAPD  BIT(1) /* is kswapd */

/*
 * The running thread's; and the CPU's number, 0 .. MAX_CPUS-1, which is stable only while preemption is off, but good
 * enough for counting. Both are asked for with every event that is counted, so on the machine they are at known places
 * behind GS (struct cpu, struct thread: kernel/cpu.c).
 */
#ifdef HARMONY_HOST
struct mm_context *env_context(void);
u32 env_cpu(void);
#else
#define ENV_GS_THREAD	   24
#define ENV_GS_CPU	   40
#define ENV_THREAD_CONTEXT 32

static inline struct mm_context *env_context(void)
{
	u8 *thread;

	__asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(ENV_GS_THREAD));
	return (struct mm_context *)(thread + ENV_THREAD_CONTEXT);
}

static inline u32 env_cpu(void)
{
	u32 id;

	__asm__ volatile("movl %%gs:%c1, %0" : "=r"(id) : "i"(ENV_GS_CPU));
	return id;
}
#endif

/* Sleep at least ns. Thread context. */
void env_sleep_ns(u64 ns);
/* How long the current thread has run: waiting and the time of others do not count. Thread context. */
u64 env_thread_ns(void);
/* Let others run; called in long loops. Thread context, no spinlock held. */
void env_yield(void);

/*
 * Forget a translation, on every CPU that may hold it, before returning. Any context
 * where a spinlock may be held.
 */
void env_tlb_flush_page(struct mm *mm, u64 va);

/*
 * The CPU's part of an address space: enter the kernel's half into a new
 * root table. Called once for each mm.
 */
void env_init_root_table(u64 *root);

/* End the workload that owns mm, soon (it may be the caller's own). Any thread context. */
void env_kill(struct mm *mm, const char *reason);
/* The workload of the current thread has been told to end: long waits should give up. */
bool env_killed(void);

/*
 * Run fn(arg) while no other thread, on any CPU, is inside a spinlock section: what fn sees is a
 * state between critical sections. fn may take spinlocks but not sleep. Thread context.
 */
void env_exclusive(void (*fn)(void *arg), void *arg);

/* How long this CPU has had nothing to do so far. Thread context. */
u64 env_idle_ns(void);

/* Run fn(arg) in a new kernel thread. */
void env_start_thread(const char *name, void (*fn)(void *arg), void *arg);

#endif
