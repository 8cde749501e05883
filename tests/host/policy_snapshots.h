/* SPDX-License-Identifier: MIT */
/* policy_snapshots.h - a machine to ask policies about. */
#ifndef TESTS_POLICY_SNAPSHOTS_H
#define TESTS_POLICY_SNAPSHOTS_H

#include "mm/policy.h"

#define MANAGED 10000 /* frames */

/* Of whatever is read from it: ns a page. */
void snapshot_set_disk(struct type_snapshot *t, u64 read_ns);
/*
 * A machine where both types have cold pages, and file pages cost more to lose: unless the policy has a
 * reason, anon pages give. pool: frames of the anon store, two zpages in each.
 */
struct mm_snapshot policy_snapshot(const struct policy *policy, u64 pool);
struct mm_decision policy_answer(const struct policy *policy, const struct mm_snapshot *s);
/* It chooses that list, and compresses its pages or not. */
void expect_choice(const struct policy *policy, const struct mm_snapshot *s, enum lru_list list,
		   bool compress);

#endif
