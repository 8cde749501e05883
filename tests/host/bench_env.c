/* SPDX-License-Identifier: MIT */
/*
 * bench_env.c - locks, clock and console for a program of one thread: bench_store.
 *
 * A lock that is taken twice would never be had, and a wait never ends: both are bugs here, and
 * said. The clock goes on by a microsecond a look, so that figures do not depend on the machine.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/assert.h"
#include "lib/clock.h"
#include "lib/lock.h"
#include "lib/print.h"

void panic(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "panic: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	abort();
}

void printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
}

u64 env_now_ns(void)
{
	static u64 now_ns;

	return now_ns += NSEC_PER_USEC;
}

void spin_lock_init(struct spinlock *lock, const char *name)
{
	*lock = (struct spinlock){ .name = name };
}

void spin_lock(struct spinlock *lock)
{
	ASSERT(!lock->locked);
	lock->locked = 1;
}

bool spin_trylock(struct spinlock *lock)
{
	bool free = !lock->locked;

	lock->locked = 1;
	return free;
}

void spin_unlock(struct spinlock *lock)
{
	ASSERT(lock->locked);
	lock->locked = 0;
}

bool spin_is_held(const struct spinlock *lock)
{
	return lock->locked;
}

void mutex_init(struct mutex *m, const char *name)
{
	*m = (struct mutex){ 0 };
	waitqueue_init(&m->wq, name);
}

void mutex_lock(struct mutex *m)
{
	ASSERT(!m->locked);
	m->locked = 1;
}

bool mutex_trylock(struct mutex *m)
{
	bool free = !m->locked;

	m->locked = 1;
	return free;
}

void mutex_unlock(struct mutex *m)
{
	ASSERT(m->locked);
	m->locked = 0;
}

void waitqueue_init(struct waitqueue *wq, const char *name)
{
	spin_lock_init(&wq->lock, name);
	list_init(&wq->waiters);
}

void wake_all(struct waitqueue *wq)
{
	ASSERT(list_empty(&wq->waiters));
}

void wake_one(struct waitqueue *wq)
{
	ASSERT(list_empty(&wq->waiters));
}

void wait_prepare(struct waitqueue *wq, struct wait_entry *entry)
{
	panic("%s: nobody would end this wait", wq->lock.name);
}

bool wait_sleep(struct waitqueue *wq, u64 deadline_ns)
{
	panic("%s: nobody would end this wait", wq->lock.name);
}

void wait_finish(struct waitqueue *wq, struct wait_entry *entry)
{
}
