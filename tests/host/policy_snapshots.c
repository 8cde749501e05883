/* SPDX-License-Identifier: MIT */
/* policy_snapshots.c - a machine to ask policies about. */
#include "tests/host/policy_snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void snapshot_set_disk(struct type_snapshot *t, u64 read_ns)
{
	t->disk_read_ns = read_ns;
	t->swap_read_ns = read_ns;
	t->evict_back_ns = read_ns;
}

struct mm_snapshot policy_snapshot(const struct policy *policy, u64 pool)
{
	struct mm_snapshot s = { .managed_frames = MANAGED, .priority = 12 };

	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		struct type_snapshot *t = &s.type[type];

		t->active_frames = 1000;
		t->inactive_frames = 1000;
		t->compress_ns = 40000;
		t->decompress_ns = 12000;
		snapshot_set_disk(t, 200000);
		t->disk_write_ns = 20000;
		t->evict_write_ns = 20000;
		t->zpage_bytes = PAGE_SIZE / 2;
		t->stored_share = STORED_SHARE_ONE;
		t->can_evict = true;
	}
	for (u32 i = 0; i < policy->nr_settings; i++)
		s.setting[i] = policy->settings[i].initial;
	s.type[TYPE_ANON].compressed_frames = pool;
	s.type[TYPE_ANON].stored_pages = 2 * pool;
	s.type[TYPE_FILE].left[LEFT_TO_DISK] = 1000;
	s.type[TYPE_FILE].came_back[LEFT_TO_DISK] = 900 * COMEBACK_ONE;
	return s;
}

struct mm_decision policy_answer(const struct policy *policy, const struct mm_snapshot *s)
{
	struct mm_decision d;

	memset(&d, 0, sizeof(d));
	policy->decide(s, &d);
	return d;
}

void expect_choice(const struct policy *policy, const struct mm_snapshot *s, enum lru_list list,
		   bool compress)
{
	struct mm_decision d = policy_answer(policy, s);

	if (d.list != list || d.compress != compress)
		fail_msg("%s chose list %d, %s; not %d, %s", policy->name, d.list,
			 d.compress ? "compresses" : "does not", list,
			 compress ? "compresses" : "does not");
}
