/* SPDX-License-Identifier: MIT */
/*
 * env.c - the seam between mm/ and this kernel (mm/env.h).
 *
 * There is one CPU, and a CPU reloads its translations whenever it changes address space. So
 * forgetting a translation means doing it here and now if the address space is loaded, and nothing
 * otherwise. The functions that will have to interrupt other CPUs are the two env_tlb_flush_*()
 * and env_exclusive().
 */
#include "mm/env.h"

#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/proc.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "mm/mm.h"

u64 env_now_ns(void)
{
	return time_now_ns();
}

u64 env_thread_ns(void)
{
	return sched_thread_ns();
}

void env_sleep_ns(u64 ns)
{
	thread_sleep_ns(ns);
}

void env_yield(void)
{
	thread_yield();
}

static bool is_loaded(const struct mm *mm)
{
	return this_cpu()->loaded_root == virt_to_phys(mm->root);
}

void env_tlb_flush_page(struct mm *mm, u64 va)
{
	if (is_loaded(mm))
		invlpg(va);
}

void env_init_root_table(u64 *root)
{
	paging_copy_kernel_half(root);
}

void env_kill(struct mm *mm, const char *reason)
{
	proc_kill(mm->owner, PROC_OOM, "%s", reason);
}

bool env_killed(void)
{
	const struct proc *proc = current()->proc;

	return proc && READ_ONCE(proc->killed);
}

/* Spinlock holders are not preempted, so on one CPU keeping the CPU is enough. */
void env_exclusive(void (*fn)(void *arg), void *arg)
{
	assert_may_sleep("env_exclusive");
	preempt_disable();
	fn(arg);
	preempt_enable();
}

u64 env_idle_ns(void)
{
	const struct thread *idle = this_cpu()->idle;

	return idle ? READ_ONCE(idle->cpu_ns) : 0;
}

void env_start_thread(const char *name, void (*fn)(void *arg), void *arg)
{
	if (!thread_start(name, fn, arg, NULL))
		panic("no memory for the thread \"%s\"", name);
}
