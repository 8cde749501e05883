/* SPDX-License-Identifier: MIT */
/*
 * oom.c - when nothing more can be reclaimed, the largest workload ends.
 *
 * Size is what ending it would give back: resident pages, the frames of its zpages (by the store's mean), and
 * its swap. A workload that is already dying, told to or of itself, is waited for before another is chosen; how
 * long is bounded, because its threads need memory at most to be told so.
 */
#include "mm/oom.h"

#include "lib/print.h"
#include "mm/alloc.h"
#include "mm/mm.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/zpage.h"

/* How long one that ends may take to go before the next one is chosen. */
#define OOM_PATIENCE_NS (5 * NSEC_PER_SEC)

struct oom_choice {
	struct mm *victim;
	u64 most;
	bool dying;
};

static u64 size_of(const struct mm *mm)
{
	return READ_ONCE(mm->nr_resident) + READ_ONCE(mm->nr_compressed) / 2 +
	       READ_ONCE(mm->nr_swapped);
}

static void consider(struct mm *mm, void *arg)
{
	struct oom_choice *choice = arg;
	u64 size = size_of(mm);

	if (READ_ONCE(mm->dying_since_ns)) {
		choice->dying = true;
		return;
	}
	printk("  %-12s %8lu resident %8lu compressed %8lu swapped pages\n", mm->name,
	       mm->nr_resident, mm->nr_compressed, mm->nr_swapped);
	if (size > choice->most) {
		choice->most = size;
		choice->victim = mm;
	}
}

static void is_worth_waiting_for(struct mm *mm, void *arg)
{
	u64 since = READ_ONCE(mm->dying_since_ns);

	*(bool *)arg |= since && env_now_ns() - since < OOM_PATIENCE_NS;
}

/* Found under the list's lock, so that the victim cannot go away before it is told. */
static void kill_if_chosen(struct mm *mm, void *arg)
{
	struct oom_choice *choice = arg;

	if (mm != choice->victim || mm->dying_since_ns)
		return;
	printk("out of memory: ending the largest workload, \"%s\"\n", mm->name);
	WRITE_ONCE(mm->dying_since_ns, env_now_ns());
	count_vm_event(EV_oom_kill);
	env_kill(mm, "out of memory");
}

bool oom_kill(void)
{
	struct oom_choice choice = { .victim = NULL };
	bool wait = false;

	mm_for_each(is_worth_waiting_for, &wait);
	if (wait)
		return true;
	/* While we found nothing, the memory of one that was ended earlier has become free. */
	if (nr_free_frames() > watermark_frames(WMARK_LOW))
		return true;
	printk("out of memory: %lu of %lu frames free, swap %lu of %lu blocks used\n",
	       nr_free_frames(), mem_layout.nr_frames, swap_used_blocks(), swap_total_blocks());
	for (u32 state = 0; state < NR_FRAME_STATES; state++)
		printk("  %-22s %8lu frames\n", frame_state_gauge((enum frame_state)state),
		       frame_count((enum frame_state)state));
	mm_for_each(consider, &choice);
	if (!choice.victim)
		return choice.dying;
	mm_for_each(kill_if_chosen, &choice);
	return true;
}
