/* SPDX-License-Identifier: MIT */
/* ktap.c - the table of in-guest tests, and running them. */
#include "tests/guest/ktap.h"

#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"
#include "mm/stats.h"

static const struct ktap_test {
	const char *name;
	const char *(*run)(void);
} tests[] = {
	{ "threads", test_threads },
	{ "preemption", test_preemption },
	{ "spinlocks", test_spinlocks },
	{ "mutex", test_mutex },
	{ "wait_timeout", test_wait_timeout },
	{ "sleep", test_sleep },
	{ "alloc_pages", test_alloc_pages },
	{ "kmalloc", test_kmalloc },
	{ "wxorx", test_wxorx },
	{ "kernel_unmapped", test_kernel_unmapped },
	{ "block_io", test_block_io },
	{ "files", test_files },
	{ "fault_paths", test_fault_paths },
	{ "reclaim_compress", test_reclaim_compress },
	{ "store_target", test_store_target },
	{ "store_exit", test_store_exit },
	{ "store_swap", test_store_swap },
	{ "store_figures", test_store_figures },
	{ "corrupt_memory", test_corrupt_memory },
	{ "corrupt_swap", test_corrupt_swap },
	{ "corrupt_owner", test_corrupt_owner },
	{ "incompressible", test_incompressible },
	{ "string", test_string },
	{ "reclaim_none", test_reclaim_none },
	{ "workload_verdicts", test_workload_verdicts },
};

/* Not part of "all": each is a run of its own and ends in a panic. */
static const struct ktap_test panics[] = {
	{ "panic-stack", panic_stack }, { "panic-boot-stack", panic_boot_stack },
	{ "panic-null", panic_null },	{ "panic-text", panic_text },
	{ "panic-alias", panic_alias }, { "panic-exec", panic_exec },
	{ "panic-sleep", panic_sleep }, { "panic-lock", panic_lock },
	{ "panic-mutex", panic_mutex },
};

/* Nor are these: they measure. */
static const struct ktap_test benches[] = {
	{ "bench-store", bench_store },
	{ "bench-paths", bench_paths },
};

static u64 kernel_frames(void)
{
	return frame_count(FRAME_KERNEL_STACK) + frame_count(FRAME_PAGE_TABLE) +
	       frame_count(FRAME_KERNEL) + frame_count(FRAME_ISOLATED_ANON) +
	       frame_count(FRAME_INACTIVE_ANON) + frame_count(FRAME_ACTIVE_ANON) +
	       frame_count(FRAME_COMPRESSED_ANON);
}

/* Ended threads give their stacks back a moment later. */
static bool frames_returned(u64 before)
{
	for (u32 i = 0; i < 100 && kernel_frames() > before; i++)
		env_sleep_ns(NSEC_PER_MSEC);
	return kernel_frames() <= before;
}

static bool run_one(u32 number, const struct ktap_test *test)
{
	u64 before = kernel_frames();
	const char *wrong = test->run();

	/* What a first time leaves behind for good (a thread that serves all later ones) a second does not. */
	if (!wrong && !frames_returned(before)) {
		before = kernel_frames();
		wrong = test->run();
		if (!wrong && !frames_returned(before))
			wrong = "frames were not given back";
	}
	mm_verify();
	if (wrong)
		printk("# %s: %s\n", test->name, wrong);
	printk("%sok %u %s\n", wrong ? "not " : "", number, test->name);
	return !wrong;
}

/* A test that must panic: to come back is to fail. */
static bool run_panic(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(panics); i++) {
		if (strcmp(name, panics[i].name))
			continue;
		printk("KTAP version 1\n1..1\n# a panic follows\n");
		printk("# %s\nnot ok 1 %s\n", panics[i].run(), name);
		return true;
	}
	return false;
}

/* True: there is one of that name; *good says how it went. */
static bool run_bench(const char *name, bool *good)
{
	for (u32 i = 0; i < ARRAY_SIZE(benches); i++) {
		if (strcmp(name, benches[i].name))
			continue;
		printk("KTAP version 1\n1..1\n");
		*good = run_one(1, &benches[i]);
		return true;
	}
	return false;
}

static void list_tests(const char *name)
{
	printk("test=%s: no such test; allowed: all", name);
	for (u32 i = 0; i < ARRAY_SIZE(tests); i++)
		printk(", %s", tests[i].name);
	for (u32 i = 0; i < ARRAY_SIZE(panics); i++)
		printk(", %s", panics[i].name);
	for (u32 i = 0; i < ARRAY_SIZE(benches); i++)
		printk(", %s", benches[i].name);
	printk("\n");
}

bool ktap_run(const char *name)
{
	bool all = !strcmp(name, "all"), good = false;
	u32 number = 0, failed = 0, chosen = 0;

	for (u32 i = 0; i < ARRAY_SIZE(tests); i++)
		chosen += all || !strcmp(name, tests[i].name);
	if (!chosen) {
		if (!run_bench(name, &good) && !run_panic(name))
			list_tests(name);
		return good;
	}
	printk("KTAP version 1\n1..%u\n", chosen);
	for (u32 i = 0; i < ARRAY_SIZE(tests); i++)
		if (all || !strcmp(name, tests[i].name))
			failed += !run_one(++number, &tests[i]);
	printk("# pass:%u fail:%u\n", chosen - failed, failed);
	return !failed;
}
