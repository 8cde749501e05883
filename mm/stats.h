/* SPDX-License-Identifier: MIT */
/*
 * stats.h - one table declares every gauge and event; dumps, JSON and help
 * come from it. Names are those of /proc/vmstat where the meaning is the same.
 */
#ifndef MM_STATS_H
#define MM_STATS_H

#include "lib/types.h"
#include "mm/env.h"
#include "mm/vm_events.h"

#define X(name, text) EV_##name,
enum vm_event { VM_EVENT_TABLE(X) NR_VM_EVENTS };
#undef X

/* A power of two of bytes, so that a CPU's own are found by a shift. */
struct vm_events {
	u64 count[NR_VM_EVENTS];
} __aligned(512);
extern struct vm_events vm_events[MAX_CPUS];

static inline void count_vm_events(enum vm_event event, u64 n)
{
	atomic_add(&vm_events[env_cpu()].count[event], n);
}

static inline void count_vm_event(enum vm_event event)
{
	count_vm_events(event, 1);
}

u64 vm_event_total(enum vm_event event);

/*
 * One dump: census of all frames against the counters (a difference is a
 * panic), the table with bars, and one line "@stat {json}". label says when
 * ("interval", "end", "monitor"). Thread context.
 */
void stats_dump(const char *label);

/* The same figures as JSON members without braces, for "@result {json}": returns the length. */
int stats_json(char *buf, size_t size);

/*
 * Census: walk every struct page, check each and compare all sums. Panics with the
 * frame and both figures on a difference. Thread context. Also checks I-numbered
 * invariants of lists, owners, swap and store: docs/invariants.md.
 */
void mm_verify(void);

/* The census alone, for dumps: under env_exclusive(). */
void stats_census(void);
void stats_init(void);

#endif
