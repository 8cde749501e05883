/* SPDX-License-Identifier: MIT */
/*
 * traps.c - what is to be done about an exception depends on who caused it.
 *
 *   ring 3		a page fault is mm/'s to handle; what it cannot handle, and every other
 *			exception, ends the workload with a report
 *   user copies	a page fault likewise; what cannot be handled fails the copy
 *   the kernel		panics, and says what kind of mistake it was
 *
 * Interrupts are off on entry. They are turned on to handle a page fault, which may sleep, and on
 * the way back to ring 3 to end a thread that is to die; preemption happens there and at the end
 * of interrupts that hit preemptible kernel code.
 */
#include "kernel/trap.h"

#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/panic.h"
#include "kernel/proc.h"
#include "kernel/sched.h"
#include "kernel/stack.h"
#include "kernel/usercopy.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "mm/mm.h"

#define STUB_BYTES 16

#define GATE_PRESENT   0x8000
#define GATE_INTERRUPT 0x0e00

struct gate {
	u16 offset_low, selector, flags, offset_middle;
	u32 offset_high, reserved;
};

static struct gate idt[NR_VECTORS] __aligned(16); /* 0 */

static const char *const exception_names[NR_EXCEPTIONS] = {
	[0] = "division by zero",
	[1] = "debug exception",
	[2] = "non-maskable interrupt",
	[3] = "breakpoint",
	[4] = "overflow",
	[5] = "bound range exceeded",
	[6] = "invalid instruction",
	[7] = "no floating-point unit",
	[8] = "double fault",
	[10] = "invalid task state",
	[11] = "segment not present",
	[12] = "stack segment fault",
	[13] = "general protection fault",
	[14] = "page fault",
	[16] = "floating-point error",
	[17] = "misaligned access",
	[18] = "machine check",
	[19] = "SIMD floating-point error",
	[21] = "control protection fault",
};

static const char *exception_name(u64 vector)
{
	const char *name = vector < NR_EXCEPTIONS ? exception_names[vector] : NULL;

	return name ? name : "unknown exception";
}

void trap_init(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed pointer = { sizeof(idt) - 1, (u64)idt };

	for (u32 i = 0; i < NR_VECTORS; i++) {
		u64 stub = (u64)trap_stubs + i * STUB_BYTES;

		idt[i].offset_low = (u16)stub;
		idt[i].offset_middle = (u16)(stub >> 16);
		idt[i].offset_high = (u32)(stub >> 32);
		idt[i].selector = SEG_KERNEL_CODE;
		idt[i].flags = GATE_PRESENT | GATE_INTERRUPT;
	}
	idt[TRAP_DOUBLE_FAULT].flags |= IST_DOUBLE_FAULT;
	idt[TRAP_NMI].flags |= IST_NMI;
	idt[TRAP_MACHINE_CHECK].flags |= IST_MACHINE_CHECK;
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

/* ------------------------------------------------------------------ page faults */

static void kernel_page_fault(const struct trap_frame *frame, u64 addr) __noreturn;
static void kernel_page_fault(const struct trap_frame *frame, u64 addr)
{
	const char *reason = "nothing is mapped there";

	if (frame->error & PAGE_ERROR_RESERVED)
		reason = "a page-table entry is corrupt";
	else if (stack_is_guard(addr))
		reason = "the guard page of a kernel stack";
	else if (addr < PAGE_SIZE)
		reason = "null pointer dereference";
	else if (addr < USER_TOP)
		reason = "user memory, but not by a copy";
	else if (frame->error & PAGE_ERROR_FETCH)
		reason = "execution of data";
	else if (frame->error & PAGE_ERROR_PRESENT)
		reason = "write to read-only memory";
	panic_trap(frame, "BUG: page fault in the kernel at 0x%lx: %s", addr, reason);
}

static u32 fault_access(const struct trap_frame *frame)
{
	u32 access = 0;

	if (frame->error & PAGE_ERROR_WRITE)
		access |= FAULT_WRITE;
	if (frame->error & PAGE_ERROR_FETCH)
		access |= FAULT_EXEC;
	if (frame->error & PAGE_ERROR_PRESENT)
		access |= FAULT_PRESENT;
	return access;
}

/* The workload's own access could not be made good. */
static void user_page_fault(struct trap_frame *frame, u64 addr, enum fault_result result)
{
	if (result == FAULT_KILLED)
		return;
	if (result == FAULT_OOM)
		proc_kill(current()->proc, PROC_OOM, "no memory for the page at 0x%lx", addr);
	else
		proc_fault(frame,
			   addr < USER_TOP ? fault_result_text(result) : "access to kernel memory",
			   addr);
}

static void page_fault(struct trap_frame *frame)
{
	enum fault_result result = FAULT_NO_AREA;
	struct mm *mm = current()->mmc.mm;
	u64 addr = read_cr2();
	bool from_user = trap_from_user(frame);

	if ((!from_user && !user_copy_covers(frame->rip)) || frame->error & PAGE_ERROR_RESERVED)
		kernel_page_fault(frame, addr);
	irq_enable();
	if (mm && addr < USER_TOP)
		result = mm_fault(mm, addr, fault_access(frame));
	if (unlikely(result != FAULT_OK)) {
		if (from_user)
			user_page_fault(frame, addr, result);
		else
			frame->rip = (u64)user_copy_failed;
	}
	irq_disable();
}

/* ------------------------------------------------------------------ the rest */

static void exception(struct trap_frame *frame)
{
	u64 addr = read_cr2();

	if (frame->vector == TRAP_DOUBLE_FAULT && stack_is_guard(addr))
		panic_trap(frame, "kernel stack overflow at 0x%lx", addr);
	if (!trap_from_user(frame) || frame->vector == TRAP_DOUBLE_FAULT ||
	    frame->vector == TRAP_NMI || frame->vector == TRAP_MACHINE_CHECK)
		panic_trap(frame, "%s, error code 0x%lx", exception_name(frame->vector),
			   frame->error);
	irq_enable();
	proc_fault(frame, exception_name(frame->vector), frame->rip);
	irq_disable();
}

void trap_prepare_user(void)
{
	struct cpu *cpu;

	for (;;) {
		irq_disable();
		cpu = this_cpu();
		if (unlikely(READ_ONCE(cpu->current->proc->killed))) {
			irq_enable();
			proc_check_killed(); /* does not return */
		}
		ASSERT(!cpu->preempt_count && !cpu->nr_held);
		if (!cpu->need_resched)
			break;
		schedule(SCHED_PREEMPT);
	}
	if (cpu->loaded_fs_base != cpu->current->fs_base) {
		cpu->loaded_fs_base = cpu->current->fs_base;
		wrmsr(MSR_FS_BASE, cpu->loaded_fs_base);
	}
}

void trap_handle(struct trap_frame *frame)
{
	struct cpu *cpu;

	if (likely(frame->vector == TRAP_PAGE))
		page_fault(frame);
	else if (frame->vector < NR_EXCEPTIONS)
		exception(frame);
	else
		irq_handle(frame);
	if (trap_from_user(frame)) {
		trap_prepare_user();
		return;
	}
	cpu = this_cpu();
	if (frame->rflags & RFLAGS_IF && cpu->need_resched && !cpu->preempt_count &&
	    !cpu->irq_nesting && cpu->idle)
		schedule(SCHED_PREEMPT);
}

void trap_syscall(struct trap_frame *frame)
{
	irq_enable();
	frame->rax = (u64)syscall_dispatch(frame->rax, frame->rdi, frame->rsi, frame->rdx,
					   frame->r10, frame->r8, frame->r9);
	trap_prepare_user();
}
