/* SPDX-License-Identifier: MIT */
/* trap.h - the state of whoever was interrupted, as entry.asm lays it on the kernel stack. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "lib/types.h"

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error; /* error: 0 where the CPU gives none */
	u64 rip, cs, rflags, rsp, ss;
};

#define TRAP_DIVIDE	   0
#define TRAP_NMI	   2
#define TRAP_INVALID_OP	   6
#define TRAP_DOUBLE_FAULT  8
#define TRAP_PROTECTION	   13
#define TRAP_PAGE	   14
#define TRAP_MACHINE_CHECK 18
#define NR_EXCEPTIONS	   32

/* Interrupts. Device vectors are handed out from IRQ_FIRST_DEVICE on. */
#define IRQ_TIMER	 0x20
#define IRQ_FIRST_DEVICE 0x30
#define IRQ_SPURIOUS	 0xff
#define TRAP_SYSCALL	 0x100 /* in frames only */
#define NR_VECTORS	 256

#define PAGE_ERROR_PRESENT  BIT(0)
#define PAGE_ERROR_WRITE    BIT(1)
#define PAGE_ERROR_USER	    BIT(2)
#define PAGE_ERROR_RESERVED BIT(3)
#define PAGE_ERROR_FETCH    BIT(4)

static inline bool trap_from_user(const struct trap_frame *frame)
{
	return frame->cs & 3;
}

/* Load the interrupt table. Boot, interrupts off. */
void trap_init(void);

/* Called by entry.asm with interrupts off; return with interrupts off, ready to leave. */
void trap_handle(struct trap_frame *frame);
void trap_syscall(struct trap_frame *frame);

/*
 * Everything that must be done before ring 3 goes on: dying, making room for others, the thread
 * pointer. Interrupts off at the end; may not return.
 */
void trap_prepare_user(void);

/* In entry.asm: the vectors' entries, 16 bytes apart, and the system-call entry. */
extern const u8 trap_stubs[];
void syscall_entry(void);

#endif
