/* SPDX-License-Identifier: MIT */
/*
 * ktap.h - tests that run inside the kernel, reporting in KTAP (version 1).
 *
 * A test is a function that returns NULL, or a text that says what was wrong. All are in one table
 * (ktap.c). After each, the free frames are what they were before, or it has leaked.
 */
#ifndef TESTS_GUEST_KTAP_H
#define TESTS_GUEST_KTAP_H

#include "lib/types.h"

/* Run one test or "all". True if all passed; a name that does not exist is reported. Thread context. */
bool ktap_run(const char *name);

/* Leave the test with a text when something does not hold. */
#define KTAP_STRING(x)	#x
#define KTAP_LINE(line) KTAP_STRING(line)
#define EXPECT(cond)                                                        \
	do {                                                                \
		if (!(cond))                                                \
			return __FILE__ ":" KTAP_LINE(__LINE__) ": " #cond; \
	} while (0)

/* Each file of tests offers its own. */
const char *test_threads(void);
const char *test_preemption(void);
const char *test_spinlocks(void);
const char *test_mutex(void);
const char *test_wait_timeout(void);
const char *test_sleep(void);
const char *test_alloc_pages(void);
const char *test_kmalloc(void);
const char *test_wxorx(void);
const char *test_kernel_unmapped(void);
const char *test_block_io(void);
const char *test_files(void);
const char *test_fault_paths(void);
const char *test_reclaim_compress(void);
const char *test_store_target(void);
const char *test_store_exit(void);
const char *test_store_swap(void);
const char *test_store_figures(void);
const char *test_corrupt_memory(void);
const char *test_corrupt_swap(void);
const char *test_corrupt_owner(void);
const char *test_incompressible(void);
const char *test_string(void);
const char *test_reclaim_none(void);
const char *test_workload_verdicts(void);

/* Measure; run by name only. */
const char *bench_store(void);
const char *bench_paths(void);

/* The data disk as a source of contents. False: there is none. */
struct block_source;
bool bench_data_blocks(struct block_source *source);

/* These must panic; one that returns has failed. Run by name only. */
const char *panic_stack(void);
const char *panic_boot_stack(void);
const char *panic_null(void);
const char *panic_text(void);
const char *panic_alias(void);
const char *panic_exec(void);
const char *panic_sleep(void);
const char *panic_lock(void);
const char *panic_mutex(void);

#endif
