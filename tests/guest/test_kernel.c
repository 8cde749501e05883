/* SPDX-License-Identifier: MIT */
/* test_kernel.c - threads, locks, waiting, and what the kernel's page tables allow. */
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "mm/entry.h"
#include "mm/env.h"
#include "tests/guest/ktap.h"

#define NR_THREADS 8

static struct {
	struct mutex lock;
	struct waitqueue done_wq;
	u32 done;    /* atomic */
	u64 counter; /* lock */
	volatile bool stop;
	u64 spins[2];
} shared;

static void reset_shared(void)
{
	memset(&shared, 0, sizeof(shared));
	mutex_init(&shared.lock, "test");
	waitqueue_init(&shared.done_wq, "test");
}

static void finish(void)
{
	atomic_add(&shared.done, 1);
	wake_all(&shared.done_wq);
}

static bool wait_done(u32 nr)
{
	return wait_event_until(&shared.done_wq, atomic_read(&shared.done) == nr,
				env_now_ns() + 10 * NSEC_PER_SEC);
}

static void just_finish(void *arg)
{
	finish();
}

const char *test_threads(void)
{
	for (u32 round = 0; round < 4; round++) {
		reset_shared();
		for (u32 i = 0; i < NR_THREADS; i++)
			EXPECT(thread_start("test", just_finish, NULL, NULL));
		EXPECT(wait_done(NR_THREADS));
	}
	return NULL;
}

/* Never yields: only a timer interrupt lets the other one run. */
static void spin(void *arg)
{
	u64 *spins = arg;

	while (!shared.stop)
		(*(volatile u64 *)spins)++;
	finish();
}

const char *test_preemption(void)
{
	reset_shared();
	EXPECT(thread_start("spin0", spin, &shared.spins[0], NULL));
	EXPECT(thread_start("spin1", spin, &shared.spins[1], NULL));
	env_sleep_ns(60 * NSEC_PER_MSEC);
	shared.stop = true;
	EXPECT(wait_done(2));
	EXPECT(shared.spins[0] && shared.spins[1]);
	return NULL;
}

#define SPINLOCK_NS (50 * NSEC_PER_MSEC)
#define TICK_NS	    (7 * NSEC_PER_USEC)

/* Many timers, each an interrupt that takes locks of its own. */
static void tick(void *arg)
{
	/* Of many lengths, so that they do not keep in step with what they interrupt. */
	for (u64 i = 0; !shared.stop; i++)
		env_sleep_ns(TICK_NS + i * 61 % 997);
	finish();
}

/*
 * Interrupts strike at every instruction of taking and releasing, when a run is deterministic (--det). What the CPU
 * knows of its locks must be right after each.
 */
const char *test_spinlocks(void)
{
	u64 end = env_now_ns() + SPINLOCK_NS;
	struct spinlock lock;
	bool clean = true;

	reset_shared();
	spin_lock_init(&lock, "test");
	EXPECT(thread_start("tick", tick, NULL, NULL));
	while (env_now_ns() < end && clean) {
		spin_lock(&lock);
		clean = spin_is_held(&lock) && this_cpu()->nr_held == 1;
		spin_unlock(&lock);
		clean = clean && !this_cpu()->nr_held;
	}
	shared.stop = true;
	EXPECT(wait_done(1));
	EXPECT(clean);
	return NULL;
}

#define MUTEX_ROUNDS 200

static void add_under_mutex(void *arg)
{
	for (u32 i = 0; i < MUTEX_ROUNDS; i++) {
		u64 seen;

		mutex_lock(&shared.lock);
		seen = shared.counter;
		thread_yield(); /* whoever ignores the mutex would lose this update */
		shared.counter = seen + 1;
		mutex_unlock(&shared.lock);
	}
	finish();
}

const char *test_mutex(void)
{
	reset_shared();
	for (u32 i = 0; i < NR_THREADS; i++)
		EXPECT(thread_start("test", add_under_mutex, NULL, NULL));
	EXPECT(wait_done(NR_THREADS));
	EXPECT(shared.counter == NR_THREADS * MUTEX_ROUNDS);
	EXPECT(mutex_trylock(&shared.lock));
	EXPECT(mutex_is_held(&shared.lock));
	mutex_unlock(&shared.lock);
	return NULL;
}

const char *test_wait_timeout(void)
{
	u64 start = env_now_ns();

	reset_shared();
	EXPECT(!wait_event_until(&shared.done_wq, shared.stop, start + 20 * NSEC_PER_MSEC));
	EXPECT(env_now_ns() - start >= 20 * NSEC_PER_MSEC);
	EXPECT(env_now_ns() - start < 5 * NSEC_PER_SEC);
	return NULL;
}

const char *test_sleep(void)
{
	u64 last = env_now_ns();

	for (u32 i = 0; i < 5; i++) {
		u64 now;

		env_sleep_ns(3 * NSEC_PER_MSEC);
		now = env_now_ns();
		EXPECT(now - last >= 3 * NSEC_PER_MSEC);
		last = now;
	}
	return NULL;
}

struct walk {
	u64 writable_and_executable; /* mappings */
	u64 text_writable;	     /* mappings that could change kernel text */
	u64 text_mappings;
	u64 text_first_pfn, text_end_pfn;
};

static void check_leaf(struct walk *w, u64 e, u32 level, bool writable, bool executable)
{
	u64 pfn = entry_pfn(e) & ~((1UL << (9 * (level - 1))) - 1);
	u64 pages = 1UL << (9 * (level - 1));

	if (writable && executable)
		w->writable_and_executable++;
	if (pfn < w->text_end_pfn && pfn + pages > w->text_first_pfn) {
		w->text_mappings++;
		w->text_writable += writable;
	}
}

#define PTE_HUGE BIT(7)

static void walk_table(struct walk *w, const u64 *table, u32 level, u32 from, bool writable,
		       bool executable)
{
	for (u32 i = from; i < 512; i++) {
		u64 e = table[i];
		bool can_write = writable && (e & PTE_WRITE);
		bool can_run = executable && !(e & PTE_NX);

		if (!(e & PTE_PRESENT))
			continue;
		if (level == 1 || (e & PTE_HUGE))
			check_leaf(w, e, level, can_write, can_run);
		else
			walk_table(w, phys_to_virt(e & PTE_PFN_MASK), level - 1, 0, can_write,
				   can_run);
	}
}

static u64 *loaded_root(void)
{
	u64 cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	return phys_to_virt(cr3 & PTE_PFN_MASK);
}

/* The frame behind a kernel address, by the tables the CPU uses. 0: unmapped. */
static u64 pfn_of(u64 va)
{
	const u64 *table = loaded_root();

	for (u32 level = 4;; level--) {
		u64 e = table[(va >> (PAGE_SHIFT + 9 * (level - 1))) & 511];
		u64 inside = (1UL << (9 * (level - 1))) - 1;

		if (!(e & PTE_PRESENT))
			return 0;
		if (level == 1 || (e & PTE_HUGE))
			return (entry_pfn(e) & ~inside) | ((va >> PAGE_SHIFT) & inside);
		table = phys_to_virt(e & PTE_PFN_MASK);
	}
}

/* I9: no page is writable and executable, and kernel text is read-only in every mapping. */
const char *test_wxorx(void)
{
	struct walk w = { 0 };

	w.text_first_pfn = pfn_of((u64)test_wxorx);
	w.text_end_pfn = w.text_first_pfn + 1;
	EXPECT(w.text_first_pfn);
	walk_table(&w, loaded_root(), 4, 256, true, true);
	EXPECT(!w.writable_and_executable);
	EXPECT(w.text_mappings >= 1);
	EXPECT(!w.text_writable);
	return NULL;
}

/* I9: page 0 is unmapped, and so are the surroundings of this thread's stack. */
const char *test_kernel_unmapped(void)
{
	struct thread *me = current();

	EXPECT(!pfn_of(0));
	EXPECT(pfn_of(me->stack_base) && pfn_of(me->stack_top - 1));
	EXPECT(!pfn_of(me->stack_base - 1));
	EXPECT(!pfn_of(me->stack_top));
	return NULL;
}
