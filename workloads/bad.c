/* SPDX-License-Identifier: MIT */
/*
 * bad.c - workloads that do wrong on purpose. The kernel must end each with a report that says
 * what it did and where, and go on itself. Whoever gets past the deed returns 0: a
 * test then sees "ok" where it expects "fault".
 */
#include <stdio.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

#define KERNEL_ADDRESS 0xffffffff80100000UL

/* The compiler may not know what is behind it, or it would warn, rightly. */
static void *volatile target;

int bad_null_main(int argc, char **argv)
{
	int *null = target;

	printf("bad-null: reading through a null pointer\n");
	printf("bad-null: got %d\n", *(volatile int *)null);
	return 0;
}

/* Not a tail call, and every frame is used. */
static unsigned long recurse(unsigned long depth)
{
	volatile char frame[256];

	frame[depth % sizeof(frame)] = (char)depth;
	if (target == (void *)depth)
		return depth;
	return recurse(depth + 1) + (unsigned long)frame[depth % sizeof(frame)];
}

int bad_stack_main(int argc, char **argv)
{
	printf("bad-stack: recursing\n");
	printf("bad-stack: got %lu\n", recurse(1));
	return 0;
}

int bad_exec_main(int argc, char **argv)
{
	static unsigned char code[16] = { 0xc3 }; /* ret */
	union {
		void *data;
		void (*call)(void);
	} pointer = { code };

	printf("bad-exec: calling data at %p\n", (void *)code);
	pointer.call();
	return 0;
}

int bad_text_main(int argc, char **argv)
{
	union {
		int (*call)(int argc, char **argv);
		volatile unsigned char *bytes;
	} pointer = { bad_text_main };

	printf("bad-text: writing to code at %p\n", (void *)pointer.bytes);
	pointer.bytes[0] = 0xc3;
	return 0;
}

int bad_kernel_main(int argc, char **argv)
{
	target = (void *)KERNEL_ADDRESS;
	printf("bad-kernel: writing to the kernel at %p\n", target);
	*(volatile unsigned long *)target = 0;
	return 0;
}

int bad_div_main(int argc, char **argv)
{
	unsigned long result, zero = (unsigned long)target;

	printf("bad-div: dividing by zero\n");
	__asm__ volatile("divq %1" : "=a"(result) : "r"(zero), "a"(1UL), "d"(0UL));
	printf("bad-div: got %lu\n", result);
	return 0;
}

int bad_priv_main(int argc, char **argv)
{
	printf("bad-priv: turning interrupts off\n");
	__asm__ volatile("cli");
	return 0;
}

int bad_exit_main(int argc, char **argv)
{
	printf("bad-exit: ending with status 3\n");
	return 3;
}
