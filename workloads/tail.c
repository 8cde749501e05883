/* SPDX-License-Identifier: MIT */
/*
 * tail.c - how long somebody waits who touches a page now and then, while a batch job comes and goes.
 *
 * The interactive thread has a quarter of the footprint, touches one page at a time by a zipfian law
 * and pauses. The batch thread brings a load step: it comes after a quarter of the operations with three
 * quarters of the footprint, works on them as fast as it can, and gives them back after three quarters
 * of the operations.
 *
 * A latency is the first access to the page, between two looks at the clock. The page is checked after
 * that, which is work of the workload's own.
 */
#include "workloads/pages.h"
#include "workloads/workloads.h"

#define WRITES_PCT	  10
#define PAUSE_NS	  (200 * 1000UL)
#define BATCH_UPDATES_PCT 25
#define BATCH_MAX_STEP	  32

struct batch {
	struct page_set set;
	uint32_t stop;
};

static uint64_t nr_ops(const struct options *options)
{
	return 12288 + 256 * (options->footprint_bytes / MIB);
}

static bool told_to_stop(const struct batch *batch)
{
	return __atomic_load_n(&batch->stop, __ATOMIC_ACQUIRE);
}

static void batch_tell_to_stop(struct batch *batch)
{
	__atomic_store_n(&batch->stop, 1, __ATOMIC_RELEASE);
}

/* Written once in order, then a random walk up to BATCH_MAX_STEP pages to either side. */
static void batch_run(void *arg)
{
	struct batch *batch = arg;
	struct page_set *set = &batch->set;
	struct rng rng = { mix64(set->options->seed + 7) };
	uint64_t page = 0;

	for (uint64_t i = 0; i < set->nr_pages && !told_to_stop(batch); i++)
		page_set_write(set, i);
	while (!told_to_stop(batch)) {
		uint64_t step = rng_below(&rng, 2 * BATCH_MAX_STEP + 1);

		page = (page + set->nr_pages + step - BATCH_MAX_STEP) % set->nr_pages;
		page_set_check(set, page);
		if (rng_below(&rng, 100) < BATCH_UPDATES_PCT)
			page_set_write(set, page);
	}
	page_set_unmap(set);
}

static void touch(const struct page_set *set, uint64_t page)
{
	const volatile uint64_t *word = page_set_words(set, page);
	uint64_t start_ns = clock_ns();

	(void)*word;
	tally_latency(clock_ns() - start_ns);
}

static void interactive_op(struct page_set *set, struct popularity *popularity)
{
	uint64_t page = popularity_next(popularity);

	touch(set, page);
	page_set_check(set, page);
	if (rng_below(&popularity->rng, 100) < WRITES_PCT)
		page_set_write(set, page);
	sleep_ns(PAUSE_NS);
}

static void interactive_run(struct page_set *set, struct batch *batch)
{
	const struct options *options = set->options;
	uint64_t ops = nr_ops(options);
	struct popularity popularity;
	struct progress progress;
	struct thread *thread = NULL;

	popularity_init(&popularity, set, 8);
	progress_start(&progress, options, "interactive", ops);
	for (uint64_t op = 0; op < ops; op++) {
		if (op == ops / 4) {
			thread = thread_create(batch_run, batch);
			if (!thread)
				fail(options, "thread_create");
		}
		if (op == ops / 4 * 3)
			batch_tell_to_stop(batch);
		interactive_op(set, &popularity);
		progress_at(&progress, op + 1);
	}
	if (thread_join(thread) < 0)
		fail(options, "thread_join");
}

int tail_main(int argc, char **argv)
{
	struct options options;
	struct batch batch = { .stop = 0 };
	struct page_set set;

	options_parse(&options, argc, argv);
	page_set_map(&set, &options, 0, options.footprint_bytes / 4);
	page_set_map(&batch.set, &options, set.nr_pages, options.footprint_bytes / 4 * 3);
	page_set_write_all(&set, "write");
	page_set_corrupt(&set);
	interactive_run(&set, &batch);
	page_set_check_all(&set, "verify");
	return finish(&options);
}
