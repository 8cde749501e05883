/* SPDX-License-Identifier: MIT */
/*
 * usercopy.c - the kernel's only way to touch user memory.
 *
 * The copy itself is one loop in entry.asm. It may fault like the workload itself would: the trap
 * handler brings the page in and the copy goes on, or it continues at user_copy_failed. So nobody
 * who holds a spinlock may copy.
 */
#include "kernel/usercopy.h"

#include "kernel/sched.h"
#include "kernel/thread.h"
#include "mm/mm.h"

static bool is_user_range(u64 start, size_t bytes)
{
	return start >= USER_BASE && start < USER_TOP && bytes <= USER_TOP - start;
}

bool user_copy_covers(u64 rip)
{
	return rip >= (u64)user_copy_begin && rip < (u64)user_copy_end;
}

bool copy_to_user(void *to, const void *from, size_t bytes)
{
	assert_may_sleep("copy_to_user");
	return !bytes || (is_user_range((u64)to, bytes) && user_copy(to, from, bytes));
}

bool copy_from_user(void *to, const void *from, size_t bytes)
{
	assert_may_sleep("copy_from_user");
	return !bytes || (is_user_range((u64)from, bytes) && user_copy(to, from, bytes));
}
