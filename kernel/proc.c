/* SPDX-License-Identifier: MIT */
/*
 * proc.c - the life of a workload.
 *
 *	proc_start()		address space, descriptors, first thread
 *	user_thread()		each thread links itself in, then leaves for ring 3
 *	proc_kill(), _exit()	killed is set and sleepers are woken; each thread ends when
 *				it next passes proc_check_killed() on its way to ring 3
 *	proc_thread_gone()	a thread has left for good; the last one queues the workload
 *	reaper			frees memory and files, then sets done
 *
 * Why a reaper: the last thread runs on the very page tables that must go, and nobody may
 * be waiting for the workload, yet its memory is wanted at once (an OOM victim's most of all).
 */
#include "kernel/proc.h"

#include <stdarg.h>

#include "kernel/file.h"
#include "kernel/loader.h"
#include "kernel/thread.h"
#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"

#define MAX_ARG_BYTES 1024

u64 proc_seed = 1;

/* procs, next_id, reaper_started, announced */
static struct spinlock procs_lock = SPINLOCK_INIT("procs");
static struct list_head procs = LIST_HEAD_INIT(procs);
static u32 next_id = 1;
static bool reaper_started;
static u32 announced; /* workloads that are yet to start */

/* Those whose last thread has gone. */
static struct spinlock reap_lock = SPINLOCK_INIT("reap");
static struct list_head reap_list = LIST_HEAD_INIT(reap_list);
static struct waitqueue reap_wait = WAITQUEUE_INIT(reap_wait, "reaper");
/* Woken when one is done. Not in struct proc: a waiter may free that as soon as done is set. */
static struct waitqueue done_wait = WAITQUEUE_INIT(done_wait, "workload done");

/* How a thread of ring 3 begins; made by its creator, freed by itself. */
struct user_start {
	struct proc *proc;
	u32 slot;
	u64 entry, arg, tls;
	/* The main thread's: strings one after the other, each with its zero. */
	int argc;
	u32 arg_bytes;
	char args[MAX_ARG_BYTES];
};

const char *proc_status_name(enum proc_status status)
{
	static const char *const names[] = {
#define X(name, text) [name] = text,
		PROC_STATUS_TABLE(X)
#undef X
	};

	return status < NR_PROC_STATUSES ? names[status] : "unknown";
}

u32 procs_running(void)
{
	const struct proc *proc;
	u32 nr;

	spin_lock(&procs_lock);
	nr = announced;
	list_for_each_entry(proc, &procs, link)
		nr += !READ_ONCE(proc->done);
	spin_unlock(&procs_lock);
	return nr;
}

void procs_announce(s32 change)
{
	spin_lock(&procs_lock);
	announced += (u32)change;
	spin_unlock(&procs_lock);
}

static struct proc *reap_next(void)
{
	struct proc *proc = NULL;

	spin_lock(&reap_lock);
	if (!list_empty(&reap_list)) {
		proc = list_first_entry(&reap_list, struct proc, reap_link);
		list_del(&proc->reap_link);
	}
	spin_unlock(&reap_lock);
	return proc;
}

/* Free its memory, and say how much came back and how soon: an exit is a frame source too. */
static void reap_memory(struct proc *proc)
{
	u64 before = nr_free_frames(), freed_ns;

	mm_destroy(proc->mm);
	freed_ns = env_now_ns();
	printk("workload \"%s\" ended after %lu ns: %s; free frames %lu at %lu ns, %lu at %lu ns\n",
	       proc->name, proc->end_ns - proc->start_ns, proc_status_name(proc->status), before,
	       proc->end_ns, nr_free_frames(), freed_ns);
	WRITE_ONCE(proc->mm, NULL);
}

static void reaper(void *arg)
{
	for (;;) {
		struct proc *proc;

		wait_event(&reap_wait, (proc = reap_next()) != NULL);
		reap_memory(proc);
		files_close_all(proc);
		WRITE_ONCE(proc->done, true);
		wake_all(&done_wait);
	}
}

/* Started with the first workload; nobody needs it before. */
static void reaper_start(void)
{
	bool start;

	spin_lock(&procs_lock);
	start = !reaper_started;
	reaper_started = true;
	spin_unlock(&procs_lock);
	if (start)
		env_start_thread("reaper", reaper, NULL);
}

/* Copy the strings and the array of pointers to the main stack; false: no memory. */
static bool args_to_stack(const struct user_start *start, u64 *rsp, u64 *argv)
{
	u64 pointers[PROC_MAX_ARGS + 1] = { 0 };
	u64 strings = *rsp - ALIGN_UP((u64)start->arg_bytes, 16);
	u32 at = 0;

	for (int i = 0; i < start->argc; i++) {
		pointers[i] = strings + at;
		at += (u32)strlen(start->args + at) + 1;
	}
	*argv = ALIGN_DOWN(strings - sizeof(pointers), 16UL);
	*rsp = *argv;
	return copy_to_user((void *)strings, start->args, start->arg_bytes) &&
	       copy_to_user((void *)*argv, pointers, sizeof(pointers));
}

static void user_thread(void *arg)
{
	struct user_start *start = arg;
	struct proc *proc = start->proc;
	u64 entry = start->entry, arg0 = start->arg, arg1 = 0;
	u64 rsp = STACK_SLOT_TOP((u64)start->slot);

	spin_lock(&proc->lock);
	list_add_tail(&current()->proc_link, &proc->threads);
	proc->slot_threads[start->slot] = current();
	spin_unlock(&proc->lock);
	proc_set_tls(start->tls);
	if (start->argc) {
		arg0 = (u64)start->argc;
		if (!args_to_stack(start, &rsp, &arg1))
			proc_kill(proc, PROC_OOM, "no memory for its main stack");
	}
	kfree(start);
	proc_check_killed();
	enter_user(entry, rsp, arg0, arg1);
}

/* Map the slot's stack and start the thread; takes start over. The slot is the caller's. */
static int user_thread_start(struct user_start *start, u64 stack_bytes)
{
	struct proc *proc = start->proc;
	u64 bottom = STACK_SLOT_TOP((u64)start->slot) - stack_bytes;
	s64 mapped = mm_mmap(proc->mm, bottom, stack_bytes, AREA_READ | AREA_WRITE | AREA_STACK,
			     NULL, 0, "stack");

	if (mapped < 0) {
		kfree(start);
		return (int)mapped;
	}
	spin_lock(&proc->lock);
	proc->nr_threads++;
	spin_unlock(&proc->lock);
	if (thread_start(proc->name, user_thread, start, proc))
		return 0;
	spin_lock(&proc->lock);
	proc->nr_threads--;
	spin_unlock(&proc->lock);
	mm_munmap(proc->mm, bottom, stack_bytes);
	kfree(start);
	return -ENOMEM;
}

static int thread_slot_take(struct proc *proc)
{
	int slot = -EAGAIN;

	spin_lock(&proc->lock);
	for (int i = 0; i < PROC_MAX_THREADS && slot < 0; i++)
		if (proc->slots[i] == SLOT_FREE)
			slot = i;
	if (slot >= 0)
		proc->slots[slot] = SLOT_RUNNING;
	spin_unlock(&proc->lock);
	return slot;
}

static void thread_slot_set(struct proc *proc, u32 slot, enum slot_state state)
{
	spin_lock(&proc->lock);
	proc->slots[slot] = (u8)state;
	if (state != SLOT_RUNNING)
		proc->slot_threads[slot] = NULL;
	spin_unlock(&proc->lock);
	wake_all(&proc->joiners);
}

void proc_set_tls(u64 base)
{
	current()->fs_base = base; /* the way back to ring 3 loads the register */
}

s64 proc_thread_create(struct proc *proc, u64 entry, u64 arg, u64 stack_bytes, u64 tls)
{
	struct user_start *start;
	int slot, err;

	if (!stack_bytes || stack_bytes % PAGE_SIZE || stack_bytes > STACK_MAX_BYTES)
		return -EINVAL;
	start = kzalloc(sizeof(*start), ALLOC_WAIT);
	if (!start)
		return -ENOMEM;
	slot = thread_slot_take(proc);
	if (slot < 0) {
		kfree(start);
		return slot;
	}
	start->proc = proc;
	start->slot = (u32)slot;
	start->entry = entry;
	start->arg = arg;
	start->tls = tls;
	err = user_thread_start(start, stack_bytes);
	if (err) {
		thread_slot_set(proc, (u32)slot, SLOT_FREE);
		return err;
	}
	return slot;
}

static enum slot_state slot_state(struct proc *proc, u64 tid)
{
	enum slot_state state;

	spin_lock(&proc->lock);
	state = (enum slot_state)proc->slots[tid];
	spin_unlock(&proc->lock);
	return state;
}

s64 proc_thread_join(struct proc *proc, u64 tid)
{
	if (tid >= PROC_MAX_THREADS || slot_state(proc, tid) == SLOT_FREE)
		return -ESRCH;
	if (proc->slot_threads[tid] == current())
		return -EINVAL;
	wait_event(&proc->joiners,
		   slot_state(proc, tid) != SLOT_RUNNING || READ_ONCE(proc->killed));
	if (slot_state(proc, tid) == SLOT_RUNNING)
		return -EINTR;
	thread_slot_set(proc, (u32)tid, SLOT_FREE);
	return 0;
}

void proc_thread_leave(struct proc *proc)
{
	for (u32 slot = 0; slot < PROC_MAX_THREADS; slot++) {
		if (proc->slot_threads[slot] != current())
			continue;
		mm_munmap(proc->mm, STACK_SLOT_TOP((u64)slot) - STACK_MAX_BYTES, STACK_MAX_BYTES);
		thread_slot_set(proc, slot, SLOT_EXITED);
		break;
	}
	thread_exit();
}

/* The strings of argv and where they are meant to run. -E2BIG, -ENOMEM. */
static int main_start_make(struct proc *proc, int argc, char **argv, struct user_start **out)
{
	struct user_start *start;

	if (argc > PROC_MAX_ARGS)
		return -E2BIG;
	start = kzalloc(sizeof(*start), ALLOC_WAIT);
	if (!start)
		return -ENOMEM;
	start->proc = proc;
	start->argc = argc;
	for (int i = 0; i < argc; i++) {
		size_t bytes = strlen(argv[i]) + 1;

		if (bytes > sizeof(start->args) - start->arg_bytes) {
			kfree(start);
			return -E2BIG;
		}
		memcpy(start->args + start->arg_bytes, argv[i], bytes);
		start->arg_bytes += (u32)bytes;
	}
	*out = start;
	return 0;
}

/* From an empty struct proc to a running main thread. On failure what was made is freed. */
static int proc_launch(struct proc *proc, int argc, char **argv)
{
	struct user_start *start;
	int err = main_start_make(proc, argc, argv, &start);

	if (err)
		return err;
	err = -ENOMEM;
	proc->mm = mm_create(proc->name, proc);
	if (!proc->mm)
		goto free_start;
	err = files_init(proc);
	if (err)
		goto free_mm;
	err = loader_map(proc->mm, &start->entry);
	if (err)
		goto free_files;
	proc->slots[0] = SLOT_RUNNING;
	err = user_thread_start(start, STACK_MAIN_BYTES);
	if (!err)
		return 0;
	start = NULL; /* user_thread_start() freed it */
free_files:
	files_close_all(proc);
free_mm:
	mm_destroy(proc->mm);
free_start:
	kfree(start);
	return err;
}

static void proc_describe(struct proc *proc, int argc, char **argv)
{
	size_t used = 0;

	kstrlcpy(proc->name, argv[0], sizeof(proc->name));
	for (int i = 0; i < argc && used < sizeof(proc->args); i++)
		used += (size_t)ksnprintf(proc->args + used, sizeof(proc->args) - used, "%s%s",
					  i ? " " : "", argv[i]);
}

static struct proc *proc_alloc(int argc, char **argv)
{
	struct proc *proc = kzalloc(sizeof(*proc), ALLOC_WAIT);

	if (!proc)
		return NULL;
	proc_describe(proc, argc, argv);
	spin_lock_init(&proc->lock, "proc");
	list_init(&proc->threads);
	list_init(&proc->reap_link);
	waitqueue_init(&proc->joiners, "join");
	proc->status = PROC_RUNNING;
	proc->start_ns = env_now_ns();
	spin_lock(&procs_lock);
	proc->id = next_id++;
	list_add_tail(&proc->link, &procs);
	spin_unlock(&procs_lock);
	return proc;
}

struct proc *proc_start(int argc, char **argv)
{
	struct proc *proc;
	int err;

	if (argc < 1 || !workload_exists(argv[0])) {
		char names[256];

		workload_list(names, sizeof(names));
		printk("unknown workload \"%s\"; allowed: %s\n", argc < 1 ? "" : argv[0], names);
		return NULL;
	}
	proc = proc_alloc(argc, argv);
	err = proc ? proc_launch(proc, argc, argv) : -ENOMEM;
	if (!err) {
		reaper_start();
		return proc;
	}
	printk("cannot start workload \"%s\": %s\n", argv[0], error_name(-err));
	if (proc) {
		proc->done = true;
		proc_free(proc);
	}
	return NULL;
}

void proc_wait(struct proc *proc)
{
	wait_event(&done_wait, READ_ONCE(proc->done));
}

void proc_free(struct proc *proc)
{
	ASSERT(proc->done);
	spin_lock(&procs_lock);
	list_del(&proc->link);
	spin_unlock(&procs_lock);
	kfree(proc);
}

/* Set the verdict unless there is one; true: it is ours. Wakes every thread that sleeps. */
static bool proc_condemn(struct proc *proc, enum proc_status status, int code, const char *reason)
{
	struct thread *thread;
	bool first;

	spin_lock(&proc->lock);
	first = !proc->killed;
	if (first) {
		proc->status = status;
		proc->exit_code = code;
		kstrlcpy(proc->reason, reason, sizeof(proc->reason));
		WRITE_ONCE(proc->killed, true);
	}
	list_for_each_entry(thread, &proc->threads, proc_link)
		if (thread != current())
			thread_wake(thread);
	spin_unlock(&proc->lock);
	wake_all(&proc->joiners);
	return first;
}

void proc_kill(struct proc *proc, enum proc_status status, const char *fmt, ...)
{
	char reason[sizeof(proc->reason)];
	va_list args;

	va_start(args, fmt);
	kvsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	if (proc_condemn(proc, status, -1, reason))
		printk("workload \"%s\" is ended (%s): %s\n", proc->name, proc_status_name(status),
		       reason);
}

void proc_exit(struct proc *proc, int code)
{
	proc_condemn(proc, code ? PROC_FAILED : PROC_OK, code, code ? "its own verdict" : "");
	thread_exit();
}

void proc_check_killed(void)
{
	struct proc *proc = current()->proc;

	if (proc && READ_ONCE(proc->killed))
		thread_exit();
}

void proc_thread_gone(struct proc *proc, struct thread *thread)
{
	bool last;

	thread->proc = NULL;
	thread->mmc.mm = NULL;
	spin_lock(&proc->lock);
	list_del(&thread->proc_link);
	last = --proc->nr_threads == 0;
	if (last && proc->status == PROC_RUNNING)
		proc->status = PROC_OK; /* all left by thread_exit() */
	spin_unlock(&proc->lock);
	if (!last)
		return;
	proc->end_ns = env_now_ns();
	spin_lock(&reap_lock);
	list_add_tail(&proc->reap_link, &reap_list);
	spin_unlock(&reap_lock);
	wake_all(&reap_wait);
}
