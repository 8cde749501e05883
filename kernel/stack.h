/* SPDX-License-Identifier: MIT */
/*
 * stack.h - kernel stacks, each with unmapped pages on both sides.
 *
 * They lie in a region of their own, so that an overflow hits nothing but a guard and the address
 * of the fault tells what it was.
 */
#ifndef KERNEL_STACK_H
#define KERNEL_STACK_H

#include "kernel/thread.h"
#include "lib/types.h"

#define STACK_REGION 0xffffc00000000000UL
#define STACK_MAX    1024 /* threads at a time */

/* The slot of a stack: guard, stack, guard; the guards are the same size. */
#define STACK_SLOT_PAGES  (2 * KERNEL_STACK_FRAMES)
#define STACK_GUARD_PAGES ((STACK_SLOT_PAGES - KERNEL_STACK_FRAMES) / 2)

/* The boot thread's, in boot.asm. */
extern u8 boot_stack_guard_low[], boot_stack_base[], boot_stack_top[], boot_stack_guard_end[];

/* A new stack's [base, top). False: no memory, or STACK_MAX are there. Thread context, sleeps. */
bool stack_alloc(u64 *base, u64 *top);
/* Nobody stands on it any more. Thread context, also with interrupts off. */
void stack_free(u64 base);

/* Is the address in the guard of any stack, the boot thread's too? Any context. */
bool stack_is_guard(u64 addr);

#endif
