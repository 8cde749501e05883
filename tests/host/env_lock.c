/* SPDX-License-Identifier: MIT */
/*
 * env_lock.c (host) - lib/lock.h for the simulated machine: the rules, checked.
 *
 * Since one thread runs at a time, a lock is a word; what matters here is what is refused:
 * taking twice, releasing what is not held, sleeping inside, waiting for ever.
 */
#include <string.h>

#include "lib/print.h"
#include "tests/host/env_internal.h"

#define MAX_SPINS 1000000

void host_may_sleep(const char *what)
{
	const struct thread *t = host_self();

	if (t->nr_held)
		panic("%s: would sleep with spinlock %s held", what, t->held[t->nr_held - 1]->name);
	if (t->in_irq || t->irq_off)
		panic("%s: would sleep with interrupts off", what);
}

void host_release_locks(void)
{
	struct thread *t = host_self();

	while (t->nr_held)
		t->held[--t->nr_held]->locked = 0;
	t->irq_off = 0;
	t->in_irq = 0;
	t->no_preempt = 0;
}

void spin_lock_init(struct spinlock *lock, const char *name)
{
	*lock = (struct spinlock){ .name = name };
}

static void lock_taken(struct spinlock *lock)
{
	struct thread *t = host_self();

	ASSERT(t->nr_held < MAX_HELD);
	lock->locked = t->id + 1;
	t->held[t->nr_held++] = lock;
}

static void lock_acquire(struct spinlock *lock)
{
	const struct thread *t = host_self();

	for (u32 spins = 0; lock->locked; spins++) {
		if (lock->locked == t->id + 1)
			panic("spinlock %s: taken twice by thread %s%s", lock->name, t->name,
			      t->in_irq ? ", by an interrupt the second time" : "");
		if (spins == MAX_SPINS)
			panic("spinlock %s: deadlock, held by thread %u", lock->name,
			      lock->locked - 1);
		host_schedule(true);
	}
	lock_taken(lock);
}

static void lock_release(struct spinlock *lock)
{
	struct thread *t = host_self();
	u32 i = t->nr_held;

	if (!spin_is_held(lock))
		panic("spinlock %s: released by thread %s, which does not hold it", lock->name,
		      t->name);
	while (t->held[--i] != lock)
		;
	for (t->nr_held--; i < t->nr_held; i++)
		t->held[i] = t->held[i + 1];
	lock->locked = 0;
}

void spin_lock(struct spinlock *lock)
{
	if (host_self()->in_irq)
		panic("spinlock %s: taken without irqsave in an interrupt", lock->name);
	host_preempt_point();
	lock_acquire(lock);
	host_preempt_point();
}

bool spin_trylock(struct spinlock *lock)
{
	host_preempt_point();
	if (lock->locked)
		return false;
	lock_taken(lock);
	return true;
}

void spin_unlock(struct spinlock *lock)
{
	host_preempt_point();
	lock_release(lock);
	host_preempt_point();
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
	host_preempt_point();
	host_self()->irq_off++;
	lock_acquire(lock);
	return host_self()->irq_off - 1;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
	struct thread *t = host_self();

	lock_release(lock);
	if (flags != t->irq_off - 1)
		panic("spinlock %s: interrupt flags restored out of order", lock->name);
	t->irq_off--;
	host_preempt_point();
}

bool spin_is_held(const struct spinlock *lock)
{
	return lock->locked == host_self()->id + 1;
}

/* ------------------------------------------------------------- waiting */

void waitqueue_init(struct waitqueue *wq, const char *name)
{
	spin_lock_init(&wq->lock, name);
	list_init(&wq->waiters);
}

static void wake_entry(struct wait_entry *entry)
{
	struct thread *t = entry->thread;

	list_del(&entry->link);
	t->woken = true;
	if (t->state == THREAD_SLEEPING)
		t->state = THREAD_RUNNABLE;
}

void wake_all(struct waitqueue *wq)
{
	while (!list_empty(&wq->waiters))
		wake_entry(list_first_entry(&wq->waiters, struct wait_entry, link));
}

void wake_one(struct waitqueue *wq)
{
	if (!list_empty(&wq->waiters))
		wake_entry(list_first_entry(&wq->waiters, struct wait_entry, link));
}

void wait_prepare(struct waitqueue *wq, struct wait_entry *entry)
{
	struct thread *t = host_self();

	host_may_sleep(wq->lock.name);
	entry->thread = t;
	t->entry = entry;
	t->woken = false;
	list_add_tail(&entry->link, &wq->waiters);
	host_preempt_point();
}

bool wait_sleep(struct waitqueue *wq, u64 deadline_ns)
{
	struct thread *t = host_self();

	host_may_sleep(wq->lock.name);
	if (t->woken)
		return true;
	t->deadline_ns = deadline_ns;
	t->timed_out = false;
	t->waits_on = wq->lock.name;
	t->state = THREAD_SLEEPING;
	host_schedule(true);
	t->waits_on = NULL;
	t->deadline_ns = UINT64_MAX;
	return t->woken;
}

void wait_finish(struct waitqueue *wq, struct wait_entry *entry)
{
	list_del(&entry->link);
	host_self()->entry = NULL;
}

/* ------------------------------------------------------------- sleeping locks */

void mutex_init(struct mutex *m, const char *name)
{
	m->locked = 0;
	m->owner = NULL;
	waitqueue_init(&m->wq, name);
}

bool mutex_trylock(struct mutex *m)
{
	host_preempt_point();
	if (m->locked)
		return false;
	m->locked = 1;
	m->owner = host_self();
	return true;
}

void mutex_lock(struct mutex *m)
{
	host_may_sleep(m->wq.lock.name);
	if (m->owner == host_self())
		panic("mutex %s: taken twice by thread %s", m->wq.lock.name, host_self()->name);
	/* A condition may be tried twice, so it only looks. */
	while (!mutex_trylock(m))
		wait_event(&m->wq, !m->locked);
}

void mutex_unlock(struct mutex *m)
{
	if (!mutex_is_held(m))
		panic("mutex %s: released by thread %s, which does not hold it", m->wq.lock.name,
		      host_self()->name);
	m->locked = 0;
	m->owner = NULL;
	wake_one(&m->wq);
	host_preempt_point();
}

bool mutex_is_held(const struct mutex *m)
{
	return m->locked && m->owner == host_self();
}

void rwsem_init(struct rwsem *sem, const char *name)
{
	waitqueue_init(&sem->wq, name);
	sem->state = 0;
}

static bool can_read(const struct rwsem *sem)
{
	return sem->state < RWSEM_READERS;
}

static bool can_write(const struct rwsem *sem)
{
	return !(sem->state & (RWSEM_WRITER | RWSEM_READERS));
}

void down_read(struct rwsem *sem)
{
	host_may_sleep(sem->wq.lock.name);
	host_preempt_point();
	while (!can_read(sem))
		wait_event(&sem->wq, can_read(sem));
	sem->state++;
}

void up_read(struct rwsem *sem)
{
	ASSERT(sem->state & RWSEM_READERS);
	sem->state--;
	if (!(sem->state & RWSEM_READERS))
		wake_all(&sem->wq);
	host_preempt_point();
}

void down_write(struct rwsem *sem)
{
	host_may_sleep(sem->wq.lock.name);
	host_preempt_point();
	sem->state += RWSEM_WAITING;
	while (!can_write(sem))
		wait_event(&sem->wq, can_write(sem));
	/* Readers that were held back by our waiting wait for up_write() now. */
	sem->state += RWSEM_WRITER - RWSEM_WAITING;
}

void up_write(struct rwsem *sem)
{
	ASSERT(sem->state & RWSEM_WRITER);
	sem->state -= RWSEM_WRITER;
	wake_all(&sem->wq);
	host_preempt_point();
}
