/* SPDX-License-Identifier: MIT */
/* proc.h - a running workload: its memory, threads, files, and how it ended. */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include "kernel/uapi.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/types.h"
#include "mm/mm.h"

#define PROC_MAX_FILES	 32
#define PROC_MAX_ARGS	 16
#define PROC_MAX_THREADS 64

/*
 * Stacks of ring 3 lie above everything mmap() hands out, one to a slot; a slot is far larger than
 * a stack, so below each stack there is always unmapped room.
 */
#define STACK_SLOT_BYTES     (64 * MIB)
#define STACK_MAX_BYTES	     (16 * MIB)
#define STACK_MAIN_BYTES     (1 * MIB)
#define STACK_SLOT_TOP(slot) (USER_TOP - PAGE_SIZE - (slot)*STACK_SLOT_BYTES)

struct file; /* kernel/file.h */
struct thread;

/* How a workload ended. The name is @result's status; anything but "ok" fails the run. */
#define PROC_STATUS_TABLE(X)                                         \
	X(PROC_RUNNING, "running")                                   \
	X(PROC_OK, "ok")                                             \
	X(PROC_FAILED, "failed") /* non-zero exit: a check failed */ \
	X(PROC_FAULT, "fault")	 /* wild access */                   \
	X(PROC_OOM, "oom")                                           \
	X(PROC_KILLED, "killed")
#define X(name, text) name,
enum proc_status { PROC_STATUS_TABLE(X) NR_PROC_STATUSES };
#undef X

/* A thread's number (its tid in ring 3) and stack slot. EXITED until it is joined. */
enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_EXITED };

struct proc {
	u32 id;
	char name[32];
	char args[96]; /* as given, for reports */
	struct mm *mm; /* NULL once it has been freed */
	struct spinlock
		lock; /* threads, nr_threads, slot*, killed, status, exit_code, reason, report */
	struct list_head threads;		       /* each links itself in when it first runs */
	u32 nr_threads;				       /* counted from before thread_start() */
	u8 slots[PROC_MAX_THREADS];		       /* enum slot_state */
	struct thread *slot_threads[PROC_MAX_THREADS]; /* while RUNNING, from its first moment */
	bool killed; /* set once; every thread leaves at its next return to ring 3 */
	enum proc_status status;
	int exit_code;
	char reason[96]; /* why it was killed */
	struct sys_report report;
	struct mutex files_lock; /* files, mapped_files */
	struct file *files[PROC_MAX_FILES];
	struct list_head mapped_files; /* kept open because they are mapped */
	u64 start_ns, end_ns;	       /* end: 0 while it runs */
	struct waitqueue joiners;      /* woken when a slot becomes EXITED, and by a kill */
	bool done;		    /* all threads gone and memory freed; the reaper's last write */
	struct list_head link;	    /* all workloads, under procs_lock */
	struct list_head reap_link; /* the reaper's queue, under its lock */
};

/* The seed that sysinfo() tells workloads: 1, or what kmain() sets before the first one starts. */
extern u64 proc_seed;

/*
 * How many workloads have not ended. Those that are announced (session.c) and not yet started
 * count: the first one must not think that it is alone.
 */
u32 procs_running(void);
void procs_announce(s32 change);

/*
 * Start the bundled workload argv[0] with these arguments. NULL with a message printed that
 * lists what is allowed when there is no such workload. Thread context; sleeps.
 */
struct proc *proc_start(int argc, char **argv);
/* Wait until it is gone, its memory freed. */
void proc_wait(struct proc *proc);
/* Forget a workload that is done. Nobody else may hold the pointer. */
void proc_free(struct proc *proc);
/* Tell every thread of it to end. The first reason stays. Any thread context. */
void proc_kill(struct proc *proc, enum proc_status status, const char *fmt, ...) __printf(3, 4);
/* exit(): like a kill, with the workload's own verdict. The caller is one of its threads. */
void proc_exit(struct proc *proc, int code) __noreturn;
/* A trap of ring 3 that nothing can handle: report (registers, backtrace with symbols) and kill. */
struct trap_frame;
void proc_fault(struct trap_frame *frame, const char *what, u64 address);
/* Called by traps and system calls on the way back to ring 3: ends the thread if it is to die. */
void proc_check_killed(void);
/*
 * thread_exit() of a workload's thread, on its kernel stack: takes it out of the workload and
 * clears its proc and mmc.mm. The caller has left the workload's page tables before, for the last
 * thread's call hands the workload to the reaper, which frees everything.
 */
void proc_thread_gone(struct proc *proc, struct thread *thread);

/*
 * Threads of ring 3, for the system calls; the current thread is one of the workload's.
 * A number from 1, or -EAGAIN (too many), -ENOMEM, -EINVAL.
 */
s64 proc_thread_create(struct proc *proc, u64 entry, u64 arg, u64 stack_bytes, u64 tls);
/* Wait for a thread and free its number. 0, -ESRCH, -EINVAL (itself), -EINTR (killed). */
s64 proc_thread_join(struct proc *proc, u64 tid);
/* End this thread; its stack goes at once. When it is the last, the workload has ended ok. */
void proc_thread_leave(struct proc *proc) __noreturn;

/* The FS base of the current thread, below USER_TOP. */
void proc_set_tls(u64 base);

const char *proc_status_name(enum proc_status status);
/* Is there a bundled workload of that name? And all of them, for messages, comma separated. */
bool workload_exists(const char *name);
int workload_list(char *buf, size_t size);
/* Entry i of the image's own table, or NULL: for help. */
const struct sys_workload *workload_at(u32 i);

/* System-call entry from trap code: the handler's result. */
s64 syscall_dispatch(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);

#endif
