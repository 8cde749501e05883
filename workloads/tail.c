/* SPDX-License-Identifier: MIT */
/*
 * tail.c - how long somebody waits who touches a page now and then, while a batch job comes and goes.
 *
 * The interactive thread has a quarter of the footprint, touches one page at a time by a zipfian law
 * and pauses. The batch thread brings a load step: it comes after a quarter of the operations with three
 * quarters of the footprint, works on them as fast as it can, and gives them back when its work is done.
 * The last quarter of the operations waits for that. So both do the same work however fast they are.
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
/* For each page of its set: longer than half the operations, where memory is short. */
#define BATCH_STEPS	  32

static uint64_t nr_ops(const struct options *options)
{
	return 12288 + 256 * (options->footprint_bytes / MIB);
}

/* Written once in order, then a random walk up to BATCH_MAX_STEP pages to either side. */
static void batch_run(void *arg)
{
	struct page_set *set = arg;
	struct rng rng = { mix64(set->options->seed + 7) };
	uint64_t page = 0;

	for (uint64_t i = 0; i < set->nr_pages; i++)
		page_set_write(set, i);
	for (uint64_t i = 0; i < BATCH_STEPS * set->nr_pages; i++) {
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

static void interactive_run(struct page_set *set, struct page_set *batch)
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
		if (op == ops / 4 * 3 && thread_join(thread) < 0)
			fail(options, "thread_join");
		interactive_op(set, &popularity);
		progress_at(&progress, op + 1);
	}
}

int tail_main(int argc, char **argv)
{
	struct options options;
	struct page_set set, batch;

	options_parse(&options, argc, argv);
	page_set_map(&set, &options, 0, options.footprint_bytes / 4);
	page_set_map(&batch, &options, set.nr_pages, options.footprint_bytes / 4 * 3);
	page_set_write_all(&set, "write");
	page_set_corrupt(&set);
	interactive_run(&set, &batch);
	page_set_check_all(&set, "verify");
	return finish(&options);
}
