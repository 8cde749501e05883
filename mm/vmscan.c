/* SPDX-License-Identifier: MIT */
/*
 * vmscan.c - reclaim: asking the policy, and doing what it says.
 *
 * A request (struct scan_control) is served in rounds. Each round takes a snapshot of the six classes,
 * lets the policy choose one, and asks that class for a batch:
 *
 *   inactive list     shrink_inactive_list(): cold pages are compressed or go to disk
 *   compressed list   shrink_compressed_list(): the store gives back its oldest frames
 *
 * and first moves pages from the active to the inactive list where the policy finds that short.
 * Before that the store is asked for the frames that its holes hold (compaction): few of them only where the policy finds
 * that no class gives a frame cheaper.
 * Frames of anon zpages leave in whole orders, whatever is missing: a disk writes thirty for little more than one.
 * Progress is counted net: frames that reached the free list, less free frames the store took to get there.
 *
 * A class that gives nothing is barren for the rest of the priority; when all that the policy would choose
 * are barren, the priority sinks (dirty pages that were being written are clean by then; in the end second chances end);
 * below 0 the request has failed. Fruitless rounds: at most NR_LRU_LISTS a priority, and one for 32 pages newly refused.
 *
 * kswapd serves the difference to the high watermark whenever free frames sink below the low one, or sooner if the CPU
 * has nothing else to do (leisure.c). A thread that finds no frame above the min watermark reclaims a batch itself (direct
 * reclaim).
 */
#include "mm/vmscan.h"

#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/leisure.h"
#include "mm/policy.h"
#include "mm/reclaim_page.h"
#include "mm/sequence.h"
#include "mm/stats.h"
#include "mm/swap.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

/*
 * A program takes no step unless all pages of an instruction are there at once: code, stack, and what it copies from and
 * to, each of which may lie across two. With a store that takes all other frames they would drive each other out for ever.
 * Enough for two threads. Below it a policy must find its frames in the store, or the largest workload ends.
 */
#define KEEP_PAGES 16

/* Most batches of pages that become inactive in one round. */
#define AGE_BATCHES 4

/*
 * Pages that the store refuses leave for want of others when so many were passed over, and as many as the list is long: it has been gone
 * through once then. With a short list that is soon, while the active one has others. (128: kv 2x hdd +35 %; 512: loop 3x hdd +4.)
 */
#define MANY_TOO_YOUNG 256

/* The price of a frame follows those that were given lately, over so many decisions. */
#define PRICE_DECISIONS 16
#define PRICE_MAX_NS	BIT(36)

static struct {
	struct waitqueue wq;
	bool wanted; /* atomic: somebody has asked */
} kswapd;

/* What was decided last, by whichever thread. All fields: atomic. */
static struct {
	u64 rounds;   /* decisions made */
	u64 price_ns; /* what frames cost of late: policy.h */
	struct reclaim_choice last;
	u32 refusing;	 /* of its types, as the policy said */
	u32 leave_holes; /* the same */
} decided;

static void snapshot_type(enum page_type type, struct type_snapshot *t)
{
	struct zstore_type_stats z;

	zpage_stats(type, &z);
	t->active_frames = lru_frames(lru_of(type, LRU_ACTIVE_ANON));
	t->inactive_frames = lru_frames(lru_of(type, LRU_INACTIVE_ANON));
	t->compressed_frames = lru_frames(lru_of(type, LRU_COMPRESSED_ANON));
	t->stored_pages = z.stored_pages;
	t->same_pages = z.same_pages;
	t->store_age = z.has_oldest ? workingset_distance(z.oldest_stamp) : 0;
	t->can_evict = type == TYPE_FILE || swap_used_blocks() < swap_total_blocks();
	workingset_snapshot(type, t);
}

static void take_snapshot(const struct scan_control *sc, struct mm_snapshot *s)
{
	s->managed_frames = mem_layout.nr_frames;
	s->free_frames = nr_free_frames();
	s->low_frames = watermark_frames(WMARK_LOW);
	s->high_frames = watermark_frames(WMARK_HIGH);
	for (u32 type = 0; type < NR_PAGE_TYPES; type++)
		snapshot_type((enum page_type)type, &s->type[type]);
	s->priority = sc->priority;
	s->leisure_ns = sc->kswapd ? leisure_ns() : 0;
	s->barren = sc->barren;
	s->round = atomic_add_return(&decided.rounds, 1);
	s->was_refusing = READ_ONCE(decided.refusing);
	s->price_ns = READ_ONCE(decided.price_ns);
}

static void count_scanned(struct scan_control *sc, u64 nr)
{
	sc->nr_scanned += nr;
	count_vm_events(sc->kswapd ? EV_pgscan_kswapd : EV_pgscan_direct, nr);
}

/*
 * From the old end of the active list to the inactive list, used or not: there a page that was used
 * needs one more use to come back, and another two. So the inactive list has pages to choose from even
 * when all pages are used all the time, and the active list is in the order in which it was joined.
 */
static void shrink_active_list(struct scan_control *sc, enum page_type type)
{
	enum lru_list active = lru_of(type, LRU_ACTIVE_ANON);
	enum lru_list inactive = lru_of(type, LRU_INACTIVE_ANON);
	struct page *pages[SWAP_CLUSTER];
	u32 nr = lru_isolate(active, pages, SWAP_CLUSTER);

	count_scanned(sc, nr);
	for (u32 i = 0; i < nr; i++) {
		bool locked = trylock_page(pages[i]);
		bool used = !locked || page_accessed(pages[i], type) ||
			    page_test_and_clear(pages[i], PG_REFERENCED);

		if (used)
			page_set(pages[i], PG_REFERENCED);
		lru_add(pages[i], inactive);
		count_vm_event(EV_pgdeactivate);
		if (locked)
			unlock_page(pages[i]);
		put_page(pages[i]);
	}
}

/* Some batches, until the inactive list is as long as the active one. */
static void age_list(struct scan_control *sc, enum page_type type)
{
	for (u32 i = 0; i < AGE_BATCHES; i++) {
		shrink_active_list(sc, type);
		if (lru_frames(lru_of(type, LRU_INACTIVE_ANON)) >=
		    lru_frames(lru_of(type, LRU_ACTIVE_ANON)))
			break;
	}
}

/*
 * In the order of addresses: pages that grew cold together belong to several streams as often as not. So those of one lie
 * together in the store and on disk, and come back together.
 */
static void sort_by_key(struct page **pages, u32 nr)
{
	for (u32 i = 1; i < nr; i++) {
		struct page *page = pages[i];
		u32 at = i;

		for (; at && pages[at - 1]->key > page->key; at--)
			pages[at] = pages[at - 1];
		pages[at] = page;
	}
}

/* Resident pages that may be taken. */
static u64 spare_pages(const struct scan_control *sc)
{
	u64 resident = lru_frames(LRU_ACTIVE_ANON) + lru_frames(LRU_INACTIVE_ANON) +
		       lru_frames(LRU_ACTIVE_FILE) + lru_frames(LRU_INACTIVE_FILE);

	return resident - MIN(resident, sc->keep_pages);
}

static s64 shrink_inactive_list(struct scan_control *sc, enum page_type type,
				const struct mm_decision *d)
{
	enum lru_list list = lru_of(type, LRU_INACTIVE_ANON);
	s64 store_before = env_context()->store_frames, freed = 0;
	/* Written together, though the pages are met one here and one there. */
	struct swap_batch batch = { .nr = 0 };
	s64 want = (s64)MIN(spare_pages(sc), (u64)SWAP_CLUSTER);
	/* Twice round: a page that was used is passed over once. */
	u64 left = 2 * lru_frames(list);

	sc->many_too_young = (u32)MAX(left / 2, (u64)MANY_TOO_YOUNG);

	workingset_note_inactive(type, left / 2);
	/* So many that the store refuses tell the policy something: it is asked again. */
	while (left && freed + batch.nr < want && sc->nr_refused < SWAP_CLUSTER) {
		struct page *pages[SWAP_CLUSTER];
		u32 nr = lru_isolate(list, pages, (u32)MIN(left, (u64)want));

		if (!nr)
			break;
		count_scanned(sc, nr);
		sort_by_key(pages, nr);
		for (u32 i = 0; i < nr; i++) {
			freed += reclaim_page(sc, pages[i], type, d, &batch);
			if (batch.nr == SWAP_CLUSTER)
				freed += swap_batch_finish(&batch);
		}
		left -= nr;
		env_yield();
	}
	freed += swap_batch_finish(&batch);
	return freed - (env_context()->store_frames - store_before);
}

/* The third class gives: the store's oldest frames, by compaction or eviction. */
static s64 shrink_compressed_list(struct scan_control *sc, enum page_type type)
{
	s64 missing = MAX(sc->nr_to_reclaim - sc->nr_reclaimed, (s64)1);
	u64 want = type == TYPE_ANON ? ZSTORE_EVICT_FRAMES
				     : (u64)MIN(missing, (s64)ZSTORE_EVICT_FRAMES);

	count_scanned(sc, want);
	return (s64)zpage_shrink(type, want);
}

static s64 shrink_list(struct scan_control *sc, const struct mm_decision *d)
{
	static const enum vm_event chosen[NR_LRU_LISTS] = {
		[LRU_INACTIVE_ANON] = EV_choose_inactive_anon,
		[LRU_COMPRESSED_ANON] = EV_choose_compressed_anon,
		[LRU_INACTIVE_FILE] = EV_choose_inactive_file,
		[LRU_COMPRESSED_FILE] = EV_choose_compressed_file,
	};

	sc->nr_refused = 0;
	sc->nr_too_young = 0;
	count_vm_event(chosen[d->list]);
	if (d->compress && (d->list == LRU_INACTIVE_ANON || d->list == LRU_INACTIVE_FILE))
		count_vm_event(lru_type(d->list) == TYPE_ANON ? EV_choose_store_anon
							      : EV_choose_store_file);
	switch (d->list) {
	case LRU_INACTIVE_ANON:
		return shrink_inactive_list(sc, TYPE_ANON, d);
	case LRU_INACTIVE_FILE:
		return shrink_inactive_list(sc, TYPE_FILE, d);
	case LRU_COMPRESSED_ANON:
		return shrink_compressed_list(sc, TYPE_ANON);
	case LRU_COMPRESSED_FILE:
		return shrink_compressed_list(sc, TYPE_FILE);
	default:
		panic("policy %s chose list %d", policy_current()->name, d->list);
	}
}

/* A page was refused because its type is at its target: make room in age order, not around it. */
static s64 serve_target(struct scan_control *sc)
{
	s64 freed = 0;

	for (u32 type = 0; type < NR_PAGE_TYPES; type++) {
		if (!sc->store_at_target[type])
			continue;
		sc->store_at_target[type] = false;
		freed += (s64)zpage_shrink((enum page_type)type, 1);
	}
	return freed;
}

/* Frames that holes in the store hold cost some copies and nobody's page. */
static s64 reclaim_holes(const struct scan_control *sc)
{
	u32 leave = sc->priority == DEF_PRIORITY ? READ_ONCE(decided.leave_holes) : 0;
	u64 freed = 0;

	for (u32 type = 0; type < NR_PAGE_TYPES; type++)
		freed += zpage_compact((enum page_type)type, SWAP_CLUSTER,
				       leave & BIT(type) ? ZCOMPACT_LOOSELY : ZCOMPACT_CLOSELY);
	return (s64)freed;
}

/* For the log and for whoever weighs a frame; each field by itself. */
static void note_choice(const struct mm_decision *d)
{
	bool store = d->list == LRU_COMPRESSED_ANON || d->list == LRU_COMPRESSED_FILE;
	u64 price = READ_ONCE(decided.price_ns),
	    cost_ns = d->paid_ns ? d->paid_ns : d->cost_ns[d->list];

	price += MIN(cost_ns, PRICE_MAX_NS) / PRICE_DECISIONS - price / PRICE_DECISIONS;
	for (u32 list = 0; list < NR_LRU_LISTS; list++)
		WRITE_ONCE(decided.last.cost_ns[list], d->cost_ns[list]);
	WRITE_ONCE(decided.last.list, d->list);
	WRITE_ONCE(decided.last.compress, d->compress);
	WRITE_ONCE(decided.last.why, d->why);
	WRITE_ONCE(decided.price_ns, store ? MAX(price, cost_ns) : price);
}

/* One round. False: nothing can give at this priority. */
static bool reclaim_round(struct scan_control *sc)
{
	struct mm_decision d = { .list = NR_LRU_LISTS };
	struct mm_snapshot s;
	s64 freed = reclaim_holes(sc);

	count_vm_events(EV_zcompact, (u64)freed);
	sc->nr_reclaimed += freed;
	if (freed > 0)
		return true;
	sequence_look();
	leisure_look();
	take_snapshot(sc, &s);
	policy_decide(&s, &d);
	WRITE_ONCE(decided.refusing, d.refusing);
	WRITE_ONCE(decided.leave_holes, d.leave_holes);
	if (d.list != NR_LRU_LISTS)
		note_choice(&d);
	if (d.age_anon)
		age_list(sc, TYPE_ANON);
	if (d.age_file)
		age_list(sc, TYPE_FILE);
	if (d.list == NR_LRU_LISTS)
		return false;
	freed = shrink_list(sc, &d) + serve_target(sc);
	sc->nr_reclaimed += freed;
	if (freed <= 0 && sc->nr_refused < SWAP_CLUSTER)
		sc->barren |= BIT(d.list);
	return true;
}

static bool more_wanted(const struct scan_control *sc)
{
	if (sc->nr_reclaimed >= sc->nr_to_reclaim)
		return false;
	/* Others free frames too: kswapd may rest when there are enough. */
	return !sc->kswapd || nr_free_frames() < watermark_frames(WMARK_HIGH);
}

static void reclaim(struct scan_control *sc)
{
	struct mm_context *context = env_context();

	ASSERT(!(context->flags & MMC_RECLAIM));
	context->flags |= MMC_RECLAIM;
	for (sc->priority = DEF_PRIORITY; sc->priority >= 0 && more_wanted(sc); sc->priority--) {
		sc->barren = 0;
		while (more_wanted(sc) && reclaim_round(sc))
			;
		/* Dirty file pages are on their way to disk: the next look finds them clean. */
		if (more_wanted(sc) && sc->written) {
			wait_on_page_writeback(sc->written);
			sc->written = NULL;
		}
	}
	context->flags &= ~MMC_RECLAIM;
	if (sc->nr_reclaimed > 0)
		count_vm_events(sc->kswapd ? EV_pgsteal_kswapd : EV_pgsteal_direct,
				(u64)sc->nr_reclaimed);
}

u64 reclaim_direct(u32 order)
{
	struct scan_control sc = {
		.nr_to_reclaim = MAX((s64)SWAP_CLUSTER, (s64)(2UL << order)),
		.keep_pages = KEEP_PAGES,
	};

	if (env_context()->flags & MMC_RECLAIM)
		return 0;
	reclaim(&sc);
	return sc.nr_reclaimed > 0 ? (u64)sc.nr_reclaimed : 0;
}

u64 reclaim_frame_cost_ns(void)
{
	enum lru_list list = READ_ONCE(decided.last.list);

	return list == NR_LRU_LISTS ? 0 : READ_ONCE(decided.last.cost_ns[list]);
}

void reclaim_last_choice(struct reclaim_choice *out)
{
	*out = decided.last;
}

u64 reclaim_list(enum lru_list list, u64 nr_frames)
{
	struct scan_control sc = { .nr_to_reclaim = (s64)nr_frames, .priority = 0 };
	enum page_type type = lru_type(list);
	struct mm_decision d = { .list = list,
				 .compress = policy_current()->compresses[type],
				 .spill = true };
	struct mm_context *context = env_context();
	s64 freed = 1;

	context->flags |= MMC_RECLAIM;
	while (sc.nr_reclaimed < sc.nr_to_reclaim && freed > 0) {
		freed = shrink_list(&sc, &d);
		sc.nr_reclaimed += freed;
	}
	context->flags &= ~MMC_RECLAIM;
	return sc.nr_reclaimed > 0 ? (u64)sc.nr_reclaimed : 0;
}

bool kswapd_balance(void)
{
	u64 free = nr_free_frames(), high = watermark_frames(WMARK_HIGH);
	struct scan_control sc = { .kswapd = true, .keep_pages = KEEP_PAGES };

	if (free >= high)
		return true;
	sc.nr_to_reclaim = (s64)(high - free);
	reclaim(&sc);
	return nr_free_frames() >= high;
}

void kswapd_wake(void)
{
	if (atomic_xchg(&kswapd.wanted, true))
		return;
	count_vm_event(EV_kswapd_wake);
	wake_all(&kswapd.wq);
}

void kswapd_idle(void)
{
	if (leisure_wants_frames())
		kswapd_wake();
}

/* When nothing can be reclaimed, trying again at once only burns the CPU that could free something. */
#define KSWAPD_REST_NS (10 * NSEC_PER_MSEC)

static void kswapd_thread(void *arg)
{
	env_context()->flags |= MMC_KSWAPD;
	for (;;) {
		bool balanced;
		u64 start_ns;

		wait_event(&kswapd.wq, READ_ONCE(kswapd.wanted));
		/* There are frames above the min watermark: whoever took one goes on, most often to wait for a disk. */
		env_yield();
		start_ns = env_thread_ns();
		balanced = kswapd_balance();
		count_vm_events(EV_kswapd_ns, env_thread_ns() - start_ns);
		if (!balanced)
			env_sleep_ns(KSWAPD_REST_NS);
		WRITE_ONCE(kswapd.wanted, false);
	}
}

void vmscan_init(void)
{
	memset(&kswapd, 0, sizeof(kswapd));
	memset(&decided, 0, sizeof(decided));
	decided.last.list = NR_LRU_LISTS;
	waitqueue_init(&kswapd.wq, "kswapd");
}

void kswapd_start(void)
{
	env_start_thread("kswapd", kswapd_thread, NULL);
}
