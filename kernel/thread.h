/* SPDX-License-Identifier: MIT */
/*
 * thread.h - kernel threads: preemptive, round robin, one run queue a CPU.
 *
 * A workload's thread is a kernel thread that has left for ring 3 by enter_user() and comes
 * back through traps and system calls, always onto its own kernel stack.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "mm/env.h"

struct proc;

#define KERNEL_STACK_FRAMES 4 /* 16 KiB, with an unmapped guard on both sides */

enum thread_state { THREAD_RUNNABLE, THREAD_SLEEPING, THREAD_DEAD };

struct thread {
	u64 rsp;		   /* kernel stack pointer while switched out */
	u64 stack_base, stack_top; /* mapped part of the kernel stack */
	u64 fs_base;		   /* ring 3 thread pointer; loaded on the way to ring 3 */
	struct mm_context mmc;	   /* what mm/ keeps for a thread; found by env_context() */
	void *fpu; /* FXSAVE area of ring 3 state (kmalloc, 16-byte aligned); NULL for kernel threads */
	enum thread_state state; /* run queue lock */
	u32 id;
	char name[24];
	struct list_head run_link; /* run queue, under its lock */
	u64 wake_deadline_ns;
	struct proc *proc;	    /* NULL for kernel threads */
	struct list_head proc_link; /* proc->threads, under proc->lock */
	u64 cpu_ns;		    /* virtual time spent running */
	u64 quantum_left_ns;	    /* before it goes to the back of the queue; run queue lock */
	u32 cpu;		    /* whose run queue; constant */
	struct list_head all_link;  /* every thread, under a lock of thread.c */
	void (*fn)(void *arg);	    /* what it runs, and with what; constant */
	void *arg;
};

/*
 * Make the code that runs at boot a thread; then give each CPU an idle thread, which halts
 * or skips time (time_skip()). Boot time.
 */
void thread_init_boot(void);
void thread_init_idle(bool skips);

/* The running thread. */
static inline struct thread *current(void)
{
	struct thread *thread;

	__asm__ volatile("movq %%gs:%c1, %0" : "=r"(thread) : "i"(ENV_GS_THREAD));
	return thread;
}

/*
 * Make a thread and start it. proc: NULL, or the workload it belongs to (its mm is loaded
 * when it runs; an FPU area is allocated). fn returning ends the thread. NULL: no memory.
 */
struct thread *thread_start(const char *name, void (*fn)(void *arg), void *arg, struct proc *proc);
/* End the current thread; its stack is freed by the next one. proc_thread_gone(proc, t) is called last for workload threads. */
void thread_exit(void) __noreturn;
void thread_yield(void);
void thread_sleep_ns(u64 ns);
/* Wake a thread from any wait (it re-tests its condition): used to kill. */
void thread_wake(struct thread *thread);

/*
 * Leave for ring 3 at rip with this stack and first two arguments, interrupts on; never
 * returns here.
 */
void enter_user(u64 rip, u64 rsp, u64 arg0, u64 arg1) __noreturn;

/* Preemption: nests; spinlocks use it. */
void preempt_disable(void);
void preempt_enable(void);

/* User memory. May fault and sleep. False: the address is bad or memory ran out. */
bool copy_to_user(void *to, const void *from, size_t bytes);
bool copy_from_user(void *to, const void *from, size_t bytes);

#endif
