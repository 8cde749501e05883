/* SPDX-License-Identifier: MIT */
/* sched.h - the scheduler's inside: between thread.c, sched.c, lock.c, time.c and the traps. */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include "kernel/cpu.h"
#include "kernel/thread.h"

#define QUANTUM_NS (4 * NSEC_PER_MSEC) /* virtual time before another thread has its turn */

enum sched_reason {
	SCHED_SLEEP,   /* leave the run queue, unless somebody has made us runnable already */
	SCHED_YIELD,   /* to the end of the queue */
	SCHED_PREEMPT, /* stay runnable whatever the state says: a sleeper not yet asleep */
	SCHED_EXIT,    /* for ever */
};

/* Give the CPU to the next thread. No spinlock held. Interrupts are as before on return. */
void schedule(enum sched_reason reason);

/* The end of every switch, on the new thread's stack. */
void schedule_tail(void);

/* Put a new thread on this CPU's queue. */
void sched_add(struct thread *thread);

/* Called by the timer interrupt when quantum_end_ns has passed. */
void sched_quantum_over(struct cpu *cpu);

/* Virtual time that the current thread has spent running until now. */
u64 sched_thread_ns(void);

/* Switch if somebody asked for it and this is a place for it: preemption and interrupts on. */
void sched_preempt_point(void);

/* Panic unless the caller may sleep. what: for the message. */
void must_not_sleep(const char *what);
static inline void assert_may_sleep(const char *what)
{
	const struct cpu *cpu = this_cpu();

	/* Whoever holds a spinlock has preemption off. */
	if (unlikely(cpu->preempt_count | cpu->irq_nesting))
		must_not_sleep(what);
}

/*
 * The CPU stops using the address space of the current thread, which is about to be destroyed, and
 * goes on with the kernel's own tables.
 */
void sched_leave_mm(void);

/* entry.asm */
void context_switch(u64 *save_rsp, u64 load_rsp);
void thread_trampoline(void);

/* thread.c: run by the trampoline on a new stack; gives back a dead thread's memory. */
void thread_first(void) __noreturn;
void thread_free(struct thread *thread);

/*
 * Call fn for every thread. Takes no lock: for a panic, and for others with preemption off.
 */
void thread_for_each(void (*fn)(const struct thread *thread));

#endif
