/* SPDX-License-Identifier: MIT */
/*
 * touch.c - one touch of each page, counted: ring 3's part of tests/guest/bench_paths.c.
 *
 * It reports where its memory is and waits in the first page of it for an order. Where the TSC counts instructions
 * (QEMU's -icount shift=0), the difference between the touch of a page and another one right after it is what the fault
 * took, trap and return included.
 */
#include <stdint.h>
#include <stdio.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

/* Seldom: while it looks, the kernel is measuring its own part. */
#define POLL_NS	  200000000
#define WARM_UPS  4
#define MAX_POLLS 300 /* without an order */

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* From one read of the TSC to the next with a touch between them. */
static inline uint64_t touch(const volatile uint64_t *word)
{
	uint64_t start = rdtsc();

	(void)*word;
	return rdtsc() - start;
}

static uint64_t fault_insns(const volatile uint64_t *word)
{
	uint64_t first = touch(word);

	return first - touch(word);
}

static void touch_all(struct sys_touch *box)
{
	const volatile uint64_t *words = (const volatile uint64_t *)box;
	uint64_t insns = 0;

	/* This code and the stack may have been reclaimed too. */
	for (int i = 0; i < WARM_UPS; i++)
		fault_insns(words);
	for (uint64_t page = 1; page <= SYS_TOUCH_PAGES; page++)
		insns += fault_insns(words + page * PAGE_WORDS);
	box->insns = insns;
}

int touch_main(int argc, char **argv)
{
	struct sys_report report = { 0 };
	struct options options;
	struct sys_touch *box;

	options_parse(&options, argc, argv);
	box = map_anon(&options, (1 + SYS_TOUCH_PAGES) * PAGE_BYTES);
	box->order = SYS_TOUCH_WAIT;
	report.ops = (uintptr_t)box;
	system_report(&report);
	for (int polls = 0; polls < MAX_POLLS; polls++) {
		uint64_t order = *(volatile uint64_t *)&box->order;

		if (order == SYS_TOUCH_END)
			return 0;
		if (order == SYS_TOUCH_GO) {
			touch_all(box);
			box->order = SYS_TOUCH_WAIT;
			polls = 0;
		}
		sleep_ns(POLL_NS);
	}
	printf("touch: nobody gives orders: it serves the kernel's test=bench-paths\n");
	return EXIT_CHECK_FAILED;
}
