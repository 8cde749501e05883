/* SPDX-License-Identifier: MIT */
/*
 * test_zshrink.c - orders to give frames back, over thousands of random states of every kind of store.
 *
 * What must hold is in tests/store/shrink.h. Frames that were given back are poisoned, so a store that
 * writes to one is found out when it is handed out again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "compress/zstore_impl.h"
#include "lib/string.h"
#include "tests/host/env.h"
#include "tests/store/bench.h"
#include "tests/store/shrink.h"

/* For each law of sizes. */
#define SEEDS 700

static struct rig rig;

static void run_law(const struct zstore_kind *kind, const struct sized_law *law, void *memory,
		    struct shrink_tally *tally)
{
	static char hint[128];

	host_replay_hint = hint;

	for (u64 seed = 1; seed <= SEEDS; seed++) {
		struct shrink_case c = { .kind = kind,
					 .law = law,
					 .seed = seed,
					 .checksums = seed & 1,
					 .evict_pages = seed % 8 >= 6,
					 .memory = memory };

		snprintf(hint, sizeof(hint), "shrink_case_run(), store %s, %s, seed %lu",
			 zstore_kind_name(kind), law->name, seed);
		shrink_case_run(&rig, &c, tally);
		if (tally->wrong)
			fail_msg("store %s, %s, seed %lu: %s", zstore_kind_name(kind), law->name,
				 tally->wrong_seed, tally->wrong);
	}
}

static void check_kind(const char *name)
{
	const struct zstore_kind *kind = zstore_kind_find(name);
	void *memory;

	assert_non_null(kind);
	host_boot(16, 1);
	host_set_preemption(0, false);
	memory = aligned_alloc(PAGE_SIZE, shrink_bytes(kind));
	for (u32 i = 0; i < nr_sized_laws; i++) {
		struct shrink_tally tally = { 0 };

		run_law(kind, &sized_laws[i], memory, &tally);
		assert_true(tally.freed_frames > SEEDS);
		if (strcmp(name, "log"))
			continue;
		if (!ratio_at_least_e4(tally.old_pages, tally.judged_pages, SHRINK_OLD_E4))
			fail_msg("%s: of %lu zpages evicted %lu were old", sized_laws[i].name,
				 tally.judged_pages, tally.old_pages);
		assert_true(tally.max_work_e2 <= SHRINK_MAX_WORK * 100);
	}
	host_replay_hint = NULL;
	free(memory);
}

static void test_log(void **state)
{
	check_kind("log");
}

static void test_zbud(void **state)
{
	check_kind("zbud");
}

static void test_zsmalloc(void **state)
{
	check_kind("zsmalloc");
}

/* An order for all frames once left two that one zpage spanned: blocks on swap had come apart. */
static void test_blocks_apart(void **state)
{
	static const struct {
		u32 law;
		u64 seed;
	} cases[] = { { 0, 2000600 }, { 0, 3000635 }, { 2, 1001688 },
		      { 2, 1002999 }, { 2, 2000897 }, { 2, 3003004 } };
	void *memory;

	host_boot(16, 1);
	host_set_preemption(0, false);
	memory = aligned_alloc(PAGE_SIZE, shrink_bytes(&zstore_log));
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shrink_tally tally = { 0 };
		struct shrink_case c = { .kind = &zstore_log,
					 .law = &sized_laws[cases[i].law],
					 .seed = cases[i].seed,
					 .memory = memory };

		shrink_case_run(&rig, &c, &tally);
		if (tally.wrong)
			fail_msg("seed %lu: %s", cases[i].seed, tally.wrong);
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_apart),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_zbud),
		cmocka_unit_test(test_zsmalloc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
