/* SPDX-License-Identifier: MIT */
/*
 * panic.c - say what is known, and leave with a status that a script can read.
 *
 * Everything here may be called when anything may be broken. It takes no lock, allocates nothing
 * and checks each address of the stack before reading it; should it fail all the same, the second
 * panic says so and leaves at once.
 */
#include "kernel/panic.h"

#include "drivers/qemu.h"
#include "drivers/serial.h"
#include "kernel/cpu.h"
#include "kernel/ksyms.h"
#include "kernel/paging.h"
#include "kernel/proc.h"
#include "kernel/sched.h"
#include "kernel/stack.h"
#include "kernel/time.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "lib/print.h"
#include "lib/string.h"

#define MAX_BACKTRACE	    32
#define MAX_OTHER_BACKTRACE 12
#define SWITCH_FRAME_FP	    40 /* entry.asm, context_switch */

static u32 panics; /* how many, at most two */

bool panic_in_progress(void)
{
	return READ_ONCE(panics);
}

static void print_code(const char *label, u64 addr)
{
	u64 offset;
	const char *name = ksym_lookup(addr, &offset);

	if (name)
		printk("  %s 0x%lx %s+0x%lx\n", label, addr, name, offset);
	else
		printk("  %s 0x%lx\n", label, addr);
}

/* Two words at fp can be read: on a kernel stack, or in the image's data (boot, IST stacks). */
static bool frame_is_readable(u64 fp)
{
	u64 bytes;

	if (fp % sizeof(u64) || fp < STACK_REGION)
		return false;
	return paging_lookup(fp, &bytes) && paging_lookup(fp + sizeof(u64), &bytes);
}

static void print_backtrace(u64 fp, u32 max)
{
	for (u32 i = 0; i < max && frame_is_readable(fp); i++) {
		const u64 *link = (const u64 *)fp;

		if (!link[1])
			return;
		print_code("by", link[1]);
		if (link[0] <= fp)
			return;
		fp = link[0];
	}
}

static void print_registers(const struct trap_frame *f)
{
	printk("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	printk("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	printk("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	printk("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
	printk("  vector %lu error 0x%lx cs 0x%lx rflags 0x%lx\n", f->vector, f->error, f->cs,
	       f->rflags);
}

static void print_place(void)
{
	const struct cpu *cpu = this_cpu();
	const struct thread *t = cpu->current;

	printk("  cpu %u, thread %u \"%s\"%s%s, time %lu ns, preempt count %u, in interrupt %u\n",
	       cpu->id, t->id, t->name, t->proc ? " of workload " : "",
	       t->proc ? t->proc->name : "", time_now_ns(), cpu->preempt_count, cpu->irq_nesting);
	printk("  cr2 %016lx cr3 %016lx cr4 %016lx\n", read_cr2(), read_cr3(), read_cr4());
	for (u32 i = 1; i <= cpu->nr_held; i++)
		printk("  holds spinlock \"%s\"\n", cpu->held[i]->name);
}

/* Where a thread that does not run is: what it waits for, mostly. */
static void print_other(const struct thread *t)
{
	static const char *const states[] = {
		[THREAD_RUNNABLE] = "runnable",
		[THREAD_SLEEPING] = "sleeping",
		[THREAD_DEAD] = "dead",
	};

	if (t == this_cpu()->current)
		return;
	printk("thread %u \"%s\": %s\n", t->id, t->name, states[t->state]);
	/* context_switch() left six registers, the frame pointer last. */
	if (frame_is_readable(t->rsp + SWITCH_FRAME_FP))
		print_backtrace(*(const u64 *)(t->rsp + SWITCH_FRAME_FP), MAX_OTHER_BACKTRACE);
}

/* The second time, get out. */
static void enter_panic(void)
{
	static const char text[] = "\npanic inside panic\n";

	irq_disable();
	if (atomic_add_return(&panics, 1) > 1) {
		serial_write(text, sizeof(text) - 1);
		qemu_exit(QEMU_EXIT_PANIC);
	}
}

static void print_reason(const char *fmt, va_list args)
{
	char reason[256];

	kvsnprintf(reason, sizeof(reason), fmt, args);
	printk("\npanic: %s\n", reason);
}

void panic(const char *fmt, ...)
{
	va_list args;
	u64 fp = (u64)__builtin_frame_address(0);

	enter_panic();
	va_start(args, fmt);
	print_reason(fmt, args);
	va_end(args);
	print_place();
	print_code("in", (u64)__builtin_return_address(0));
	print_backtrace(*(const u64 *)fp, MAX_BACKTRACE);
	thread_for_each(print_other);
	qemu_exit(QEMU_EXIT_PANIC);
}

void panic_trap(const struct trap_frame *frame, const char *fmt, ...)
{
	va_list args;

	enter_panic();
	va_start(args, fmt);
	print_reason(fmt, args);
	va_end(args);
	print_place();
	print_registers(frame);
	print_code("at", frame->rip);
	print_backtrace(frame->rbp, MAX_BACKTRACE);
	thread_for_each(print_other);
	qemu_exit(QEMU_EXIT_PANIC);
}
