/* SPDX-License-Identifier: MIT */
/*
 * sched.c - who runs next.
 *
 * Round robin with a quantum that a thread keeps across its sleeps. A thread that wakes while it
 * has some of its quantum left goes to the front and preempts: a reader whose disk answers, or
 * kswapd, need not wait for a computing thread's full turn. When the quantum is used up it goes
 * to the back with a new one. So two threads that wake each other all the time cannot keep a third
 * from its turn for longer than two quanta.
 *
 * Sleeping is two steps (lib/lock.h): a thread marks itself SLEEPING, tests its condition once
 * more, then sleeps. Preempted between the two it must stay on the queue, or a condition that had
 * come true before would never be seen; that is what SCHED_PREEMPT means.
 *
 * The run queue's lock is held across the switch and released by the thread that comes in
 * (schedule_tail), so that no other CPU can pick a thread whose stack is still in use.
 *
 * Address spaces are switched lazily: a kernel thread runs on the tables of whoever was there.
 * The SSE registers too: they stay in the CPU until another workload's thread needs them.
 */
#include "kernel/sched.h"

#include "kernel/paging.h"
#include "kernel/proc.h"
#include "kernel/time.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "mm/mm.h"

static inline void fpu_save(void *area)
{
	__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

static inline void fpu_load(const void *area)
{
	__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

static void switch_fpu(struct cpu *cpu, struct thread *next)
{
	if (!next->fpu || cpu->fpu_owner == next)
		return;
	if (cpu->fpu_owner)
		fpu_save(cpu->fpu_owner->fpu);
	fpu_load(next->fpu);
	cpu->fpu_owner = next;
}

static void load_root(struct cpu *cpu, u64 root)
{
	if (cpu->loaded_root == root)
		return;
	write_cr3(root);
	cpu->loaded_root = root;
}

void sched_leave_mm(void)
{
	u64 flags = irq_save();
	struct cpu *cpu = this_cpu();

	cpu->current->mmc.mm = NULL;
	load_root(cpu, paging_kernel_root());
	irq_restore(flags);
}

/* Front or back, by what is left of its quantum. Queue lock held. */
static void enqueue(struct cpu *cpu, struct thread *thread)
{
	if (thread->quantum_left_ns) {
		list_add(&thread->run_link, &cpu->rq.ready);
	} else {
		thread->quantum_left_ns = QUANTUM_NS;
		list_add_tail(&thread->run_link, &cpu->rq.ready);
	}
	cpu->rq.nr_ready++;
}

static struct thread *pick_next(struct cpu *cpu)
{
	struct thread *next;

	if (list_empty(&cpu->rq.ready))
		return NULL;
	next = list_first_entry(&cpu->rq.ready, struct thread, run_link);
	list_del(&next->run_link);
	cpu->rq.nr_ready--;
	return next;
}

/* Charge the time since it was switched in. */
static void account(struct cpu *cpu, struct thread *thread)
{
	u64 now = time_now_ns(), ran = now - cpu->switched_ns;

	cpu->switched_ns = now;
	thread->cpu_ns += ran;
	thread->quantum_left_ns -= MIN(ran, thread->quantum_left_ns);
}

/* A quantum ends only where somebody waits for it. */
static void set_quantum(struct cpu *cpu, const struct thread *thread)
{
	bool limited = cpu->rq.nr_ready && thread != cpu->idle;

	cpu->quantum_end_ns = limited ? cpu->switched_ns + thread->quantum_left_ns : UINT64_MAX;
	time_quantum_changed(cpu);
}

static bool stays_runnable(const struct thread *thread, enum sched_reason reason)
{
	return reason == SCHED_YIELD || reason == SCHED_PREEMPT ||
	       (reason == SCHED_SLEEP && thread->state == THREAD_RUNNABLE);
}

static void switch_to(struct cpu *cpu, struct thread *prev, struct thread *next)
{
	cpu->current = next;
	cpu->kernel_stack_top = next->stack_top;
	cpu->tss.rsp[0] = next->stack_top;
	if (next->mmc.mm)
		load_root(cpu, virt_to_phys(next->mmc.mm->root));
	switch_fpu(cpu, next);
	context_switch(&prev->rsp, next->rsp);
}

void schedule(enum sched_reason reason)
{
	u64 flags = irq_save();
	struct cpu *cpu = this_cpu();
	struct thread *prev = cpu->current, *next;

	ASSERT(!cpu->preempt_count && !cpu->irq_nesting);
	spin_lock_irqsave(&cpu->rq.lock);
	cpu->need_resched = false;
	account(cpu, prev);
	if (reason == SCHED_YIELD)
		prev->quantum_left_ns = 0;
	next = pick_next(cpu);
	if (stays_runnable(prev, reason) && prev != cpu->idle) {
		if (!next)
			next = prev;
		else
			enqueue(cpu, prev);
	} else if (reason == SCHED_EXIT) {
		prev->state = THREAD_DEAD;
		cpu->dead = prev;
	}
	if (!next)
		next = cpu->idle;
	if (!next->quantum_left_ns)
		next->quantum_left_ns = QUANTUM_NS;
	set_quantum(cpu, next);
	if (next != prev)
		switch_to(cpu, prev, next);
	schedule_tail();
	irq_restore(flags);
}

void schedule_tail(void)
{
	struct cpu *cpu = this_cpu();
	struct thread *dead = cpu->dead;

	cpu->dead = NULL;
	if (dead && cpu->fpu_owner == dead)
		cpu->fpu_owner = NULL;
	/* Interrupts stay off until the caller, or the new thread, turns them on. */
	spin_unlock_irqrestore(&cpu->rq.lock, 0);
	if (dead)
		thread_free(dead);
}

void sched_add(struct thread *thread)
{
	struct cpu *cpu = this_cpu();
	u64 flags = spin_lock_irqsave(&cpu->rq.lock);

	thread->state = THREAD_RUNNABLE;
	thread->quantum_left_ns = 0; /* a new one waits for its turn */
	enqueue(cpu, thread);
	if (cpu->current == cpu->idle)
		cpu->need_resched = true;
	account(cpu, cpu->current);
	set_quantum(cpu, cpu->current);
	spin_unlock_irqrestore(&cpu->rq.lock, flags);
}

void thread_wake(struct thread *thread)
{
	struct cpu *cpu = &cpus[thread->cpu];
	u64 flags = spin_lock_irqsave(&cpu->rq.lock);

	if (thread->state == THREAD_SLEEPING) {
		thread->state = THREAD_RUNNABLE;
		if (thread != cpu->current && list_empty(&thread->run_link)) {
			if (thread->quantum_left_ns || cpu->current == cpu->idle)
				cpu->need_resched = true;
			enqueue(cpu, thread);
			account(cpu, cpu->current);
			set_quantum(cpu, cpu->current);
		}
	}
	spin_unlock_irqrestore(&cpu->rq.lock, flags);
}

u64 sched_thread_ns(void)
{
	struct cpu *cpu = this_cpu();
	u64 flags = spin_lock_irqsave(&cpu->rq.lock), ns;

	account(cpu, cpu->current);
	ns = cpu->current->cpu_ns;
	spin_unlock_irqrestore(&cpu->rq.lock, flags);
	return ns;
}

void sched_quantum_over(struct cpu *cpu)
{
	cpu->quantum_end_ns = UINT64_MAX;
	cpu->need_resched = true;
}

void sched_preempt_point(void)
{
	struct cpu *cpu = this_cpu();

	if (unlikely(cpu->need_resched) && !cpu->preempt_count && !cpu->irq_nesting && cpu->idle &&
	    irqs_enabled())
		schedule(SCHED_PREEMPT);
}

void preempt_disable(void)
{
	cpu_preempt_disable();
}

void preempt_enable(void)
{
	ASSERT(this_cpu()->preempt_count);
	if (cpu_preempt_enable())
		sched_preempt_point();
}

void __cold_path must_not_sleep(const char *what)
{
	const struct cpu *cpu = this_cpu();

	if (cpu->nr_held)
		panic("%s: may sleep, but spinlock \"%s\" is held", what,
		      cpu->held[cpu->nr_held]->name);
	if (cpu->irq_nesting)
		panic("%s: may sleep, but this is an interrupt", what);
	panic("%s: may sleep, but preemption is off", what);
}

void thread_yield(void)
{
	assert_may_sleep("thread_yield");
	schedule(SCHED_YIELD);
}
