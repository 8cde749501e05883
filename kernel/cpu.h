/* SPDX-License-Identifier: MIT */
/*
 * cpu.h - all that a CPU has to itself, found through GS.
 *
 * In ring 0, GS's base is this CPU's struct cpu; SWAPGS changes it at every crossing of the
 * border to ring 3. One CPU is started today; nothing here knows that.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "kernel/thread.h"
#include "lib/lock.h"
#include "lib/types.h"

/* Locks that one CPU may hold at a time: the depth of the lock order. */
#define CPU_MAX_HELD_LOCKS 8

#define IST_DOUBLE_FAULT  1
#define IST_NMI		  2
#define IST_MACHINE_CHECK 3
#define NR_IST		  3
#define IST_BYTES	  8192

struct tss {
	u32 reserved0;
	u64 rsp[3]; /* [0]: the stack for a trap from ring 3 */
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap_base;
} __packed;

/* Threads that could run but do not. */
struct runqueue {
	struct spinlock lock;	/* the fields here; thread state and links; cpu->dead */
	struct list_head ready; /* the next one first */
	u32 nr_ready;
};

/*
 * Locks: C this CPU with interrupts off, or with preemption off where no interrupt handler
 * writes it; R the run queue's lock; 0 constant after boot.
 */
struct cpu {
	/* Offsets known to entry.asm: see CPU_* there and below. */
	struct cpu *self;     /* 0 */
	u64 kernel_stack_top; /* C: of the running thread */
	u64 user_rsp;	      /* C: scratch of the system-call entry */

	struct thread *current; /* C */
	struct thread *idle;	/* 0 */
	u32 id;			/* 0 */
	u32 lock_word;		/* 0: what a spinlock says that this CPU holds */
	u32 preempt_count;	/* C: spinlocks held, and preempt_disable() */
	u32 irq_nesting;	/* C: handling an interrupt */
	bool need_resched;	/* C: schedule() at the next chance */
	struct runqueue rq;
	struct thread *dead;	  /* R: gave up this CPU for ever; freed by the next one */
	u64 switched_ns;	  /* C: when current began to run */
	u64 quantum_end_ns;	  /* C: when it must make room; UINT64_MAX: nobody waits */
	u64 loaded_root;	  /* C: physical, what CR3 holds */
	u64 loaded_fs_base;	  /* C: what the MSR holds; trap_prepare_user() alone writes both */
	struct thread *fpu_owner; /* C: whose SSE registers are in the CPU; NULL: nobody's */

	/* C: for the assertions and their messages. */
	u32 nr_held;
	const struct spinlock
		*held[1 + CPU_MAX_HELD_LOCKS]; /* the last one at nr_held; [0] is NULL */

	struct tss tss; /* 0 but rsp[0]: C */
	u64 gdt[7];	/* 0 */
	u8 ist_stacks[NR_IST][IST_BYTES] __aligned(16);
} __aligned(64);

extern struct cpu cpus[MAX_CPUS];

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* preempt_count up and down. True: the CPU has been asked to reschedule, so look for a chance (sched.h). */
static inline void cpu_preempt_disable(void)
{
	__asm__ volatile("incl %%gs:%c0" : : "i"(offsetof(struct cpu, preempt_count)) : "memory");
}

static inline bool cpu_preempt_enable(void)
{
	bool wanted;

	__asm__ volatile("decl %%gs:%c0" : : "i"(offsetof(struct cpu, preempt_count)) : "memory");
	__asm__ volatile("movb %%gs:%c1, %0"
			 : "=r"(wanted)
			 : "i"(offsetof(struct cpu, need_resched))
			 : "memory");
	return wanted;
}

/* CPU features that are used where there. 0. Read by entry.asm. */
extern u8 cpu_has_smap;
extern bool cpu_has_smep;

/* The boot CPU's struct, with the boot thread on it: before anything else. */
void cpu_init_early(void);
/* Segments, task state, system-call registers, protection bits of CR0 and CR4. */
void cpu_init(void);

/* "SMEP SMAP", for the boot message. */
const char *cpu_features_text(void);

#endif
