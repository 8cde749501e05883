/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads from start to end.
 *
 * A thread is a struct and a guarded stack. A new one is given a stack that looks as if it had been
 * switched out in thread_trampoline(), so that there is one way in for all. The last thing a
 * thread does is to give up the CPU for ever; it cannot free the stack it stands on, so the
 * thread that follows it does (schedule_tail).
 *
 * The code that runs from boot is a thread like the others, but for its memory, which is static.
 */
#include "kernel/thread.h"

#include "kernel/paging.h"
#include "kernel/proc.h"
#include "kernel/sched.h"
#include "kernel/stack.h"
#include "kernel/time.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/vmscan.h"

#define FPU_AREA_BYTES	512
#define FPU_CONTROL	0x37f  /* all exceptions masked, 64-bit precision */
#define FPU_MXCSR	0x1f80 /* the same for SSE */
#define FPU_MXCSR_PLACE 24

static struct thread boot_thread;
static u32 last_id;

/* Every thread. */
static struct spinlock threads_lock = SPINLOCK_INIT("threads");
static struct list_head threads = LIST_HEAD_INIT(threads);

void thread_init_boot(void)
{
	struct thread *t = &boot_thread;

	ksnprintf(t->name, sizeof(t->name), "main");
	t->state = THREAD_RUNNABLE;
	t->stack_base = (u64)boot_stack_base;
	t->stack_top = (u64)boot_stack_top;
	t->quantum_left_ns = QUANTUM_NS;
	list_init(&t->run_link);
	list_init(&t->proc_link);
	list_add_tail(&t->all_link, &threads);
	cpus[0].kernel_stack_top = t->stack_top;
	cpus[0].current = t;
}

static bool make_fpu_area(struct thread *t)
{
	u8 *area = kzalloc(FPU_AREA_BYTES, ALLOC_WAIT);
	const u16 control = FPU_CONTROL;
	const u32 mxcsr = FPU_MXCSR;

	if (!area)
		return false;
	memcpy(area, &control, sizeof(control));
	memcpy(area + FPU_MXCSR_PLACE, &mxcsr, sizeof(mxcsr));
	t->fpu = area;
	return true;
}

/* As context_switch() would have left it: six registers, then where to return to. */
static void make_first_frame(struct thread *t)
{
	u64 *sp = (u64 *)t->stack_top - 9;

	memset(sp, 0, 9 * sizeof(*sp));
	sp[6] = (u64)thread_trampoline;
	t->rsp = (u64)sp;
}

void thread_free(struct thread *thread)
{
	ASSERT(thread != &boot_thread && thread != current());
	spin_lock(&threads_lock);
	list_del(&thread->all_link);
	spin_unlock(&threads_lock);
	if (thread->stack_base)
		stack_free(thread->stack_base);
	kfree(thread->fpu);
	kfree(thread);
}

static struct thread *thread_make(const char *name, void (*fn)(void *arg), void *arg,
				  struct proc *proc)
{
	struct thread *t = kzalloc(sizeof(*t), ALLOC_WAIT);

	if (!t)
		return NULL;
	kstrlcpy(t->name, name, sizeof(t->name));
	t->id = atomic_add_return(&last_id, 1);
	t->fn = fn;
	t->arg = arg;
	t->proc = proc;
	t->cpu = this_cpu()->id;
	list_init(&t->run_link);
	list_init(&t->proc_link);
	list_init(&t->all_link);
	if (proc)
		t->mmc.mm = proc->mm;
	if (!stack_alloc(&t->stack_base, &t->stack_top) || (proc && !make_fpu_area(t))) {
		thread_free(t);
		return NULL;
	}
	make_first_frame(t);
	spin_lock(&threads_lock);
	list_add_tail(&t->all_link, &threads);
	spin_unlock(&threads_lock);
	return t;
}

struct thread *thread_start(const char *name, void (*fn)(void *arg), void *arg, struct proc *proc)
{
	struct thread *t;

	assert_may_sleep("thread_start");
	t = thread_make(name, fn, arg, proc);
	if (t)
		sched_add(t);
	return t;
}

void thread_first(void)
{
	struct thread *t = current();

	schedule_tail();
	irq_enable();
	t->fn(t->arg);
	thread_exit();
}

void thread_exit(void)
{
	struct thread *t = current();
	struct proc *proc = t->proc;

	assert_may_sleep("thread_exit");
	ASSERT(t != &boot_thread);
	if (proc) {
		sched_leave_mm();
		proc_thread_gone(proc, t);
	}
	schedule(SCHED_EXIT);
	panic("a dead thread runs");
}

void thread_sleep_ns(u64 ns)
{
	struct waitqueue wq = WAITQUEUE_INIT(wq, "sleep");
	struct wait_entry entry;

	wait_prepare(&wq, &entry);
	wait_sleep(&wq, time_now_ns() + ns);
	wait_finish(&wq, &entry);
}

void thread_for_each(void (*fn)(const struct thread *thread))
{
	const struct thread *t;

	list_for_each_entry(t, &threads, all_link)
		fn(t);
}

/*
 * Virtual time (QEMU's -icount) is a count of instructions, and the emulator moves it on by itself
 * while the CPU is halted. It does so in another thread of the host, which may look before the last
 * few instructions are counted: about one run in thirty then differs by some ns. So this CPU never
 * halts. When nothing but our own timers can wake anybody it sets the clock to the first of them:
 * a wait for a slow disk costs the host no time at all.
 */
static void idle_skipping(void *arg)
{
	for (;;) {
		irq_disable();
		if (!this_cpu()->rq.nr_ready)
			kswapd_idle();
		if (!this_cpu()->rq.nr_ready)
			time_skip();
		irq_enable();
		while (!READ_ONCE(this_cpu()->rq.nr_ready) && time_is_due())
			cpu_relax();
		if (READ_ONCE(this_cpu()->rq.nr_ready))
			schedule(SCHED_YIELD);
	}
}

static void idle(void *arg)
{
	for (;;) {
		irq_disable();
		if (!this_cpu()->rq.nr_ready)
			kswapd_idle();
		if (this_cpu()->rq.nr_ready) {
			irq_enable();
			schedule(SCHED_YIELD);
		} else {
			irq_enable_and_halt();
		}
	}
}

void thread_init_idle(bool skips)
{
	struct thread *t = thread_make("idle", skips ? idle_skipping : idle, NULL, NULL);

	if (!t)
		panic("no memory for the idle thread");
	this_cpu()->idle = t;
}
