/* SPDX-License-Identifier: MIT */
/*
 * proc_fault.c - what is said of a workload that did what it must not.
 *
 * The report is for whoever wrote the workload: what it did, to which address, where in the
 * program, by which calls it got there, and what is mapped nearby. Its stack is read with
 * copy_from_user(): it may be as wrong as everything else, and the report must end all the same.
 */
#include "kernel/ksyms.h"
#include "kernel/proc.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/print.h"
#include "mm/mm.h"

#define MAX_BACKTRACE	 24
#define VECTOR_PAGE	 14
#define PAGE_ERROR_WRITE BIT(1)
#define PAGE_ERROR_FETCH BIT(4)

/* "0x401234 (kv_main+0x45)"; the plain number where no symbol is known. */
static const char *describe_code(char *buf, size_t size, u64 addr)
{
	u64 offset;
	const char *name = ksym_lookup(addr, &offset);

	if (name)
		ksnprintf(buf, size, "0x%lx (%s+0x%lx)", addr, name, offset);
	else
		ksnprintf(buf, size, "0x%lx", addr);
	return buf;
}

static const char *access_of(const struct trap_frame *frame)
{
	if (frame->error & PAGE_ERROR_FETCH)
		return "execution";
	return frame->error & PAGE_ERROR_WRITE ? "write" : "read";
}

static void print_registers(const struct trap_frame *f)
{
	printk("  rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx, f->rcx, f->rdx);
	printk("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", f->rsi, f->rdi, f->rbp, f->rsp);
	printk("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", f->r8, f->r9, f->r10, f->r11);
	printk("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", f->r12, f->r13, f->r14, f->r15);
}

static const char *area_name(const struct area *area)
{
	return area->name ? area->name : "program";
}

/* The area that holds addr, or the nearest above and below. */
static void print_area(struct mm *mm, u64 addr)
{
	struct area *area, *below = NULL, *above = NULL, *inside = NULL;

	down_read(&mm->areas_lock);
	list_for_each_entry(area, &mm->areas, link) {
		if (area->end <= addr)
			below = area;
		else if (area->start <= addr)
			inside = area;
		else if (!above)
			above = area;
	}
	if (inside)
		printk("  in \"%s\" [0x%lx, 0x%lx)%s%s%s\n", area_name(inside), inside->start,
		       inside->end, inside->flags & AREA_READ ? " read" : "",
		       inside->flags & AREA_WRITE ? " write" : "",
		       inside->flags & AREA_EXEC ? " execute" : "");
	else
		printk("  nothing is mapped there: \"%s\" ends at 0x%lx, \"%s\" starts at 0x%lx\n",
		       below ? area_name(below) : "nothing", below ? below->end : 0,
		       above ? area_name(above) : "the kernel", above ? above->start : USER_TOP);
	up_read(&mm->areas_lock);
}

/* Frame pointers, each above the last: a loop or a wild one ends the walk. */
static void print_backtrace(const struct trap_frame *frame)
{
	u64 fp = frame->rbp, last = 0, link[2]; /* the caller's rbp, the return address */
	char code[80];

	printk("  at %s\n", describe_code(code, sizeof(code), frame->rip));
	for (int i = 0; i < MAX_BACKTRACE; i++) {
		if (fp <= last || fp % sizeof(u64) || fp < USER_BASE ||
		    fp >= USER_TOP - sizeof(link) ||
		    !copy_from_user(link, (void *)fp, sizeof(link)) || !link[1])
			return;
		printk("  by %s\n", describe_code(code, sizeof(code), link[1]));
		last = fp;
		fp = link[0];
	}
	printk("  by more, not shown\n");
}

void proc_fault(struct trap_frame *frame, const char *what, u64 address)
{
	struct proc *proc = current()->proc;
	char code[80];

	/* Told to end already: that is why the fault was not handled. */
	if (READ_ONCE(proc->killed))
		return;
	describe_code(code, sizeof(code), frame->rip);
	if (frame->vector == VECTOR_PAGE)
		printk("workload \"%s\": %s: %s of 0x%lx at rip %s\n", proc->name, what,
		       access_of(frame), address, code);
	else
		printk("workload \"%s\": %s at rip %s\n", proc->name, what, code);
	print_registers(frame);
	if (frame->vector == VECTOR_PAGE && address < USER_TOP)
		print_area(proc->mm, address);
	print_backtrace(frame);
	if (frame->vector == VECTOR_PAGE)
		proc_kill(proc, PROC_FAULT, "%s (address 0x%lx) at %s", what, address, code);
	else
		proc_kill(proc, PROC_FAULT, "%s at %s", what, code);
}
