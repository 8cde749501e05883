/* SPDX-License-Identifier: MIT */
/*
 * stats.c - gauges, events, and the dump for two readers: a table for people, one JSON line for programs.
 *
 * Every dump is a census: the figures are taken under env_exclusive() after a walk over all frames has
 * agreed with the counters, so they are of one moment and they add up.
 */
#include "mm/stats.h"

#include "lib/blockdev.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/leisure.h"
#include "mm/lru.h"
#include "mm/pagecache.h"
#include "mm/policy.h"
#include "mm/stats_store.h"
#include "mm/swap.h"
#include "mm/vmscan.h"
#include "mm/workingset.h"
#include "mm/zpage.h"

struct vm_events vm_events[MAX_CPUS];

u64 vm_event_total(enum vm_event event)
{
	u64 total = 0;

	for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
		total += atomic_read(&vm_events[cpu].count[event]);
	return total;
}

#define X(name, text) #name,
static const char *const event_names[NR_VM_EVENTS] = { VM_EVENT_TABLE(X) };
#undef X

struct sample {
	u64 time_ns;
	u64 frames[NR_FRAME_STATES];
	struct zstore_type_stats z[NR_PAGE_TYPES];
	struct type_snapshot t[NR_PAGE_TYPES]; /* measured costs and rates only */
	u64 events[NR_VM_EVENTS];
	u64 swap_used, swap_total;
	u64 dirty;
	struct reclaim_choice choice;
};

/* Gauges beside the frame states. X(name, expression over struct sample *s, what it is) */
#define GAUGE_TABLE(X)                                                                             \
	X(nr_managed, mem_layout.nr_frames, "frames managed")                                      \
	X(nr_dirty, s->dirty, "file pages dirty")                                                  \
	X(nr_zpages_anon, s->z[TYPE_ANON].stored_pages, "anon zpages that take room")              \
	X(nr_zsame_anon, s->z[TYPE_ANON].same_pages, "same-filled anon pages, no frame")           \
	X(zbytes_anon, s->z[TYPE_ANON].compressed_bytes, "bytes of anon zpages")                   \
	X(nr_zpages_file, s->z[TYPE_FILE].stored_pages, "file zpages that take room")              \
	X(nr_zsame_file, s->z[TYPE_FILE].same_pages, "same-filled file pages, no frame")           \
	X(zbytes_file, s->z[TYPE_FILE].compressed_bytes, "bytes of file zpages")                   \
	X(swap_used, s->swap_used, "swap blocks in use")                                           \
	X(swap_total, s->swap_total, "swap blocks in all")                                         \
	X(max_inactive_anon, lru_most_frames(LRU_INACTIVE_ANON), "most frames so far")             \
	X(max_active_anon, lru_most_frames(LRU_ACTIVE_ANON), "")                                   \
	X(max_compressed_anon, lru_most_frames(LRU_COMPRESSED_ANON), "")                           \
	X(max_inactive_file, lru_most_frames(LRU_INACTIVE_FILE), "")                               \
	X(max_active_file, lru_most_frames(LRU_ACTIVE_FILE), "")                                   \
	X(max_compressed_file, lru_most_frames(LRU_COMPRESSED_FILE), "")                           \
	X(compress_ns_anon, s->t[TYPE_ANON].compress_ns,                                           \
	  "measured, ns a page, averages from here")                                               \
	X(decompress_ns_anon, s->t[TYPE_ANON].decompress_ns, "")                                   \
	X(disk_read_ns_anon, s->t[TYPE_ANON].disk_read_ns, "")                                     \
	X(swap_read_ns, s->t[TYPE_ANON].swap_read_ns, "")                                          \
	X(evict_back_ns_anon, s->t[TYPE_ANON].evict_back_ns, "")                                   \
	X(in_sequence_anon, s->t[TYPE_ANON].in_sequence, "")                                       \
	X(disk_write_ns_anon, s->t[TYPE_ANON].disk_write_ns, "")                                   \
	X(zpage_bytes_anon, s->t[TYPE_ANON].zpage_bytes, "bytes a page takes compressed")          \
	X(compress_ns_file, s->t[TYPE_FILE].compress_ns, "the same for file pages")                \
	X(decompress_ns_file, s->t[TYPE_FILE].decompress_ns, "")                                   \
	X(disk_read_ns_file, s->t[TYPE_FILE].disk_read_ns, "")                                     \
	X(zpage_bytes_file, s->t[TYPE_FILE].zpage_bytes, "")                                       \
	X(stored_pct_anon, s->t[TYPE_ANON].stored_share * 100 / STORED_SHARE_ONE,                  \
	  "of those tried")                                                                        \
	X(stored_pct_file, s->t[TYPE_FILE].stored_share * 100 / STORED_SHARE_ONE, "")              \
	X(left_disk_anon, s->t[TYPE_ANON].left[LEFT_TO_DISK], "departures, decayed")               \
	X(back_disk_anon, s->t[TYPE_ANON].came_back[LEFT_TO_DISK] / COMEBACK_ONE, "and comebacks") \
	X(left_store_anon, s->t[TYPE_ANON].left[LEFT_TO_STORE], "to the store")                    \
	X(back_store_anon, s->t[TYPE_ANON].came_back[LEFT_TO_STORE] / COMEBACK_ONE, "")            \
	X(left_evict_anon, s->t[TYPE_ANON].left[LEFT_STORE], "from the store to disk")             \
	X(back_evict_anon, s->t[TYPE_ANON].came_back[LEFT_STORE] / COMEBACK_ONE, "")               \
	X(cost_active_anon, s->choice.cost_ns[LRU_ACTIVE_ANON],                                    \
	  "ns a frame, as the last decision saw it; 2^64-1: cannot give")                          \
	X(cost_inactive_anon, s->choice.cost_ns[LRU_INACTIVE_ANON], "")                            \
	X(cost_compressed_anon, s->choice.cost_ns[LRU_COMPRESSED_ANON], "")                        \
	X(cost_active_file, s->choice.cost_ns[LRU_ACTIVE_FILE], "")                                \
	X(cost_inactive_file, s->choice.cost_ns[LRU_INACTIVE_FILE], "")                            \
	X(cost_compressed_file, s->choice.cost_ns[LRU_COMPRESSED_FILE], "")                        \
	X(leisure_ns, leisure_ns(), "CPU time nobody else wanted, a departure")                    \
	X(data_reads, disk_count("data", 'r'), "requests read from the data disk")                 \
	X(data_writes, disk_count("data", 'w'), "requests written to the data disk")               \
	X(swap_reads, disk_count("swap", 'r'), "requests read from the swap disk")                 \
	X(swap_writes, disk_count("swap", 'w'), "requests written to the swap disk")

static u64 disk_count(const char *name, char what)
{
	const struct block_device *dev = block_find(name);

	if (!dev)
		return 0;
	return what == 'r' ? atomic_read(&dev->reads) : atomic_read(&dev->writes);
}

static struct {
	struct mutex lock; /* all below */
	struct sample sample;
	char json[12288];
} dump;

void stats_init(void)
{
	memset(vm_events, 0, sizeof(vm_events));
	mutex_init(&dump.lock, "stats");
}

static void add_dirty(struct address_space *mapping, void *arg)
{
	*(u64 *)arg += mapping->nr_dirty;
}

static void take_sample(void *arg)
{
	struct sample *s = arg;

	stats_census();
	s->time_ns = env_now_ns();
	for (u32 state = 0; state < NR_FRAME_STATES; state++)
		s->frames[state] = frame_count((enum frame_state)state);
	for (u32 event = 0; event < NR_VM_EVENTS; event++)
		s->events[event] = vm_event_total((enum vm_event)event);
	zpage_stats(TYPE_ANON, &s->z[TYPE_ANON]);
	zpage_stats(TYPE_FILE, &s->z[TYPE_FILE]);
	workingset_snapshot(TYPE_ANON, &s->t[TYPE_ANON]);
	workingset_snapshot(TYPE_FILE, &s->t[TYPE_FILE]);
	s->swap_used = swap_used_blocks();
	s->swap_total = swap_total_blocks();
	reclaim_last_choice(&s->choice);
	s->dirty = 0;
	mapping_for_each_exclusive(add_dirty, &s->dirty);
}

/* Append, never beyond the end; the length is what the whole would have. */
static int append(char *buf, size_t size, int length, const char *name, u64 value)
{
	size_t used = MIN((size_t)length, size);

	return length +
	       ksnprintf(buf + used, size - used, "%s\"%s\":%lu", length ? "," : "", name, value);
}

static int sample_json(const struct sample *s, char *buf, size_t size)
{
	int n = 0;

	for (u32 state = 0; state < NR_FRAME_STATES; state++)
		n = append(buf, size, n, frame_state_gauge((enum frame_state)state),
			   s->frames[state]);
#define X(name, expression, text) n = append(buf, size, n, #name, expression);
	GAUGE_TABLE(X)
#undef X
	for (u32 event = 0; event < NR_VM_EVENTS; event++)
		n = append(buf, size, n, event_names[event], s->events[event]);
	n = store_json(&s->z[TYPE_ANON], "anon", buf, size, n);
	return store_json(&s->z[TYPE_FILE], "file", buf, size, n);
}

int stats_json(char *buf, size_t size)
{
	int n;

	mutex_lock(&dump.lock);
	env_exclusive(take_sample, &dump.sample);
	n = sample_json(&dump.sample, buf, size);
	mutex_unlock(&dump.lock);
	return n;
}

/* "anon inactive 41 us" for each of the six; what cannot give has no price. */
static void print_choice(const struct reclaim_choice *choice)
{
	static const char *const names[NR_LRU_LISTS] = {
		[LRU_INACTIVE_ANON] = "anon inactive",
		[LRU_ACTIVE_ANON] = "anon active",
		[LRU_COMPRESSED_ANON] = "anon compressed",
		[LRU_INACTIVE_FILE] = "file inactive",
		[LRU_ACTIVE_FILE] = "file active",
		[LRU_COMPRESSED_FILE] = "file compressed",
	};
	char costs[256] = "";
	int n = 0;

	if (choice->list == NR_LRU_LISTS)
		return;
	for (u32 list = 0; list < NR_LRU_LISTS; list++) {
		if (choice->cost_ns[list] == UINT64_MAX)
			continue;
		n += ksnprintf(costs + n, sizeof(costs) - (size_t)n, "%s%s %lu", n ? ", " : "",
			       names[list], choice->cost_ns[list] / NSEC_PER_USEC);
	}
	printk("  gave last: %s%s%s%s; us a frame: %s\n", names[choice->list],
	       choice->compress ? ", to the store" : "", choice->why ? ": " : "",
	       choice->why ? choice->why : "", costs);
}

#define BAR_WIDTH 40

static void print_bar(const struct sample *s, const char *label, enum frame_state state)
{
	char bar[BAR_WIDTH + 1];
	u64 frames = s->frames[state];
	u64 filled = DIV_ROUND_UP(frames * BAR_WIDTH, mem_layout.nr_frames);

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', MIN(filled, (u64)BAR_WIDTH));
	bar[BAR_WIDTH] = '\0';
	printk("  %-17s %7lu |%s|\n", label, frames, bar);
}

static void print_table(const struct sample *s, const char *label)
{
	bool complete = strcmp(label, "interval");
	u64 other = mem_layout.nr_frames - s->frames[FRAME_FREE];
	const u64 *e = s->events;

	for (u32 list = 0; list < NR_LRU_LISTS; list++)
		other -= s->frames[lru_state((enum lru_list)list)];
	printk("---- %lu.%03lu s, %s, policy %s, store %s: %lu frames managed, %lu free, %lu in other use\n",
	       s->time_ns / NSEC_PER_SEC, s->time_ns / NSEC_PER_MSEC % 1000, label,
	       policy_current()->name, zpage_store_name(), mem_layout.nr_frames,
	       s->frames[FRAME_FREE], other);
	print_bar(s, "anon active", FRAME_ACTIVE_ANON);
	print_bar(s, "anon inactive", FRAME_INACTIVE_ANON);
	print_bar(s, "anon compressed", FRAME_COMPRESSED_ANON);
	print_bar(s, "file active", FRAME_ACTIVE_FILE);
	print_bar(s, "file inactive", FRAME_INACTIVE_FILE);
	print_bar(s, "file compressed", FRAME_COMPRESSED_FILE);
	store_print(&s->z[TYPE_ANON], "anon", complete);
	store_print(&s->z[TYPE_FILE], "file", complete);
	printk("  faults %lu, of disk %lu; decompressed %lu anon %lu file; refaults %lu anon %lu "
	       "file\n",
	       e[EV_pgfault], e[EV_pgmajfault], e[EV_zswpin], e[EV_zfilein],
	       e[EV_workingset_refault_anon], e[EV_workingset_refault_file]);
	printk("  disk requests: data %lu read %lu written; swap %lu read %lu written; swap used "
	       "%lu of %lu\n",
	       disk_count("data", 'r'), disk_count("data", 'w'), disk_count("swap", 'r'),
	       disk_count("swap", 'w'), s->swap_used, s->swap_total);
	printk("  reclaimed %lu by kswapd, %lu directly; scanned %lu and %lu; workloads ended %lu\n",
	       e[EV_pgsteal_kswapd], e[EV_pgsteal_direct], e[EV_pgscan_kswapd], e[EV_pgscan_direct],
	       e[EV_oom_kill]);
	print_choice(&s->choice);
}

void stats_dump(const char *label)
{
	int n;

	mutex_lock(&dump.lock);
	env_exclusive(take_sample, &dump.sample);
	n = sample_json(&dump.sample, dump.json, sizeof(dump.json));
	ASSERT((size_t)n < sizeof(dump.json));
	print_table(&dump.sample, label);
	printk("@stat {\"label\":\"%s\",\"time_ns\":%lu,\"policy\":\"%s\",%s}\n", label,
	       dump.sample.time_ns, policy_current()->name, dump.json);
	mutex_unlock(&dump.lock);
}
