/* SPDX-License-Identifier: MIT */
/* env_internal.h - what the parts of the simulated machine share; not for tests. */
#ifndef TESTS_HOST_ENV_INTERNAL_H
#define TESTS_HOST_ENV_INTERNAL_H

#include <pthread.h>

#include "tests/host/env.h"

enum thread_state { THREAD_RUNNABLE, THREAD_SLEEPING, THREAD_ENDED };

#define MAX_HELD 16

/* Guarded by the baton. */
struct thread {
	u32 id;
	const char *name;
	enum thread_state state;
	pthread_cond_t turn; /* signalled when the baton is handed to it */
	void (*fn)(void *arg);
	void *arg;
	struct mm_context context;
	struct spinlock *held[MAX_HELD];
	u32 nr_held;
	u32 irq_off;	/* depth of interrupts-off sections */
	u32 in_irq;	/* depth of interrupt handlers on its stack */
	u32 no_preempt; /* depth of env_exclusive() */
	u64 deadline_ns;
	bool woken, timed_out;
	const char *waits_on;
	struct thread *older;	  /* list of all threads of all machines */
	struct wait_entry *entry; /* in a wait queue, or NULL */
};

struct thread *host_self(void);
/* Let another thread that can run go on; without one, time passes until there is. */
void host_schedule(bool not_self);
/* A lock operation: by chance, interrupts strike and another thread goes on. */
void host_preempt_point(void);
/* Panic unless the caller may sleep here. */
void host_may_sleep(const char *what);

#endif
