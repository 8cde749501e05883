/* SPDX-License-Identifier: MIT */
/*
 * lock.c - locks and waiting (lib/lock.h) over threads and interrupts.
 *
 * Mistakes with locks are found where they are made and not where they hurt: taking a lock twice,
 * sleeping while holding one, releasing another's and taking a plain spinlock in an interrupt all
 * panic with the lock's name, contended or not. A CPU remembers the spinlocks it holds for that.
 *
 * Once the machine is in panic, the rules are off: the message must get out.
 */
#include "lib/lock.h"

#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/time.h"
#include "kernel/x86.h"
#include "lib/assert.h"

/* ------------------------------------------------------------------ spinlocks */

void spin_lock_init(struct spinlock *lock, const char *name)
{
	*lock = (struct spinlock)SPINLOCK_INIT(name);
}

bool spin_is_held(const struct spinlock *lock)
{
	return READ_ONCE(lock->locked) && READ_ONCE(lock->cpu) == this_cpu()->id + 1;
}

static __cold_path void too_many_held(const struct cpu *cpu, const struct spinlock *lock)
{
	if (!panic_in_progress())
		panic("spinlock \"%s\": this CPU holds %u others", lock->name, cpu->nr_held);
}

static inline void note_held(struct cpu *cpu, struct spinlock *lock)
{
	lock->cpu = cpu->id + 1;
	if (unlikely(cpu->nr_held == CPU_MAX_HELD_LOCKS))
		too_many_held(cpu, lock);
	else
		cpu->held[cpu->nr_held++] = lock;
}

/* Not the one taken last, or not held at all. */
static __cold_path void note_released_slowly(struct cpu *cpu, struct spinlock *lock)
{
	u32 i = cpu->nr_held;

	if (!spin_is_held(lock) && !panic_in_progress())
		panic("spinlock \"%s\": released but not held", lock->name);
	while (i && cpu->held[i - 1] != lock)
		i--;
	if (!i)
		return;
	for (cpu->nr_held--; i <= cpu->nr_held; i++)
		cpu->held[i - 1] = cpu->held[i];
}

static __cold_path void acquire_slowly(struct spinlock *lock)
{
	do {
		if (panic_in_progress())
			return;
		if (spin_is_held(lock))
			panic("spinlock \"%s\": taken a second time by the same CPU", lock->name);
		cpu_relax();
	} while (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE));
}

/* These four run a few times for each page that moves, so the usual case is straight and inline. */

/* Preemption is off. */
static inline void acquire(struct spinlock *lock)
{
	if (unlikely(__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)))
		acquire_slowly(lock);
	note_held(this_cpu(), lock);
}

static inline void release(struct spinlock *lock)
{
	struct cpu *cpu = this_cpu();

	if (likely(cpu->nr_held && cpu->held[cpu->nr_held - 1] == lock))
		cpu->nr_held--;
	else
		note_released_slowly(cpu, lock);
	lock->cpu = 0;
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

static __cold_path void forbid_in_interrupt(const struct spinlock *lock)
{
	if (!panic_in_progress())
		panic("spinlock \"%s\": taken in an interrupt without _irqsave", lock->name);
}

void spin_lock(struct spinlock *lock)
{
	cpu_preempt_disable();
	if (unlikely(this_cpu()->irq_nesting))
		forbid_in_interrupt(lock);
	acquire(lock);
}

bool spin_trylock(struct spinlock *lock)
{
	cpu_preempt_disable();
	if (__atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE)) {
		preempt_enable();
		return false;
	}
	note_held(this_cpu(), lock);
	return true;
}

void spin_unlock(struct spinlock *lock)
{
	release(lock);
	if (unlikely(cpu_preempt_enable()))
		sched_preempt_point();
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
	u64 flags = irq_save();

	cpu_preempt_disable();
	acquire(lock);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
	release(lock);
	this_cpu()->preempt_count--;
	irq_restore(flags);
	sched_preempt_point();
}

/* ------------------------------------------------------------------ wait queues */

void waitqueue_init(struct waitqueue *wq, const char *name)
{
	spin_lock_init(&wq->lock, name);
	list_init(&wq->waiters);
}

/* The waker has made the condition true before it looks, the waiter the reverse. */
static bool nobody_waits(const struct waitqueue *wq)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return list_empty(&wq->waiters);
}

static void wake_first(struct waitqueue *wq)
{
	struct wait_entry *entry = list_first_entry(&wq->waiters, struct wait_entry, link);

	list_del(&entry->link);
	thread_wake(entry->thread);
}

void wake_all(struct waitqueue *wq)
{
	u64 flags;

	if (nobody_waits(wq))
		return;
	flags = spin_lock_irqsave(&wq->lock);
	while (!list_empty(&wq->waiters))
		wake_first(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void wake_one(struct waitqueue *wq)
{
	u64 flags;

	if (nobody_waits(wq))
		return;
	flags = spin_lock_irqsave(&wq->lock);
	if (!list_empty(&wq->waiters))
		wake_first(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
}

void wait_prepare(struct waitqueue *wq, struct wait_entry *entry)
{
	struct thread *thread = current();
	u64 flags = spin_lock_irqsave(&wq->lock);

	entry->thread = thread;
	list_add_tail(&entry->link, &wq->waiters);
	thread->state = THREAD_SLEEPING;
	spin_unlock_irqrestore(&wq->lock, flags);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void wait_timeout(void *arg)
{
	thread_wake(arg);
}

bool wait_sleep(struct waitqueue *wq, u64 deadline_ns)
{
	struct thread *thread = current();
	struct platform_timer timer = { .fn = wait_timeout, .arg = thread };

	assert_may_sleep(wq->lock.name);
	if (deadline_ns == UINT64_MAX) {
		schedule(SCHED_SLEEP);
		return true;
	}
	if (time_now_ns() >= deadline_ns)
		return false;
	platform_timer_start(&timer, deadline_ns);
	schedule(SCHED_SLEEP);
	time_timer_cancel(&timer);
	return time_now_ns() < deadline_ns;
}

void wait_finish(struct waitqueue *wq, struct wait_entry *entry)
{
	u64 flags = spin_lock_irqsave(&wq->lock);

	list_del(&entry->link);
	entry->thread->state = THREAD_RUNNABLE;
	spin_unlock_irqrestore(&wq->lock, flags);
}

/* ------------------------------------------------------------------ sleeping locks */

void mutex_init(struct mutex *m, const char *name)
{
	m->locked = 0;
	m->owner = NULL;
	waitqueue_init(&m->wq, name);
}

bool mutex_trylock(struct mutex *m)
{
	if (__atomic_exchange_n(&m->locked, 1, __ATOMIC_ACQUIRE))
		return false;
	WRITE_ONCE(m->owner, current());
	return true;
}

void mutex_lock(struct mutex *m)
{
	assert_may_sleep(m->wq.lock.name);
	if (unlikely(mutex_is_held(m)))
		panic("mutex \"%s\": taken a second time by the same thread", m->wq.lock.name);
	wait_event(&m->wq, mutex_trylock(m));
}

void mutex_unlock(struct mutex *m)
{
	if (unlikely(!mutex_is_held(m)))
		panic("mutex \"%s\": released by a thread that does not hold it", m->wq.lock.name);
	WRITE_ONCE(m->owner, NULL);
	__atomic_store_n(&m->locked, 0, __ATOMIC_RELEASE);
	wake_one(&m->wq);
}

bool mutex_is_held(const struct mutex *m)
{
	return READ_ONCE(m->locked) && READ_ONCE(m->owner) == current();
}

void rwsem_init(struct rwsem *sem, const char *name)
{
	spin_lock_init(&sem->lock, name);
	sem->readers = 0;
	sem->writers_waiting = 0;
	waitqueue_init(&sem->wq, name);
}

static bool try_read(struct rwsem *sem)
{
	bool ok;

	spin_lock(&sem->lock);
	ok = sem->readers >= 0 && !sem->writers_waiting;
	if (ok)
		sem->readers++;
	spin_unlock(&sem->lock);
	return ok;
}

static bool try_write(struct rwsem *sem)
{
	bool ok;

	spin_lock(&sem->lock);
	ok = !sem->readers;
	if (ok) {
		sem->readers = -1;
		sem->writers_waiting--;
	}
	spin_unlock(&sem->lock);
	return ok;
}

void down_read(struct rwsem *sem)
{
	assert_may_sleep(sem->lock.name);
	wait_event(&sem->wq, try_read(sem));
}

void up_read(struct rwsem *sem)
{
	spin_lock(&sem->lock);
	if (unlikely(sem->readers <= 0))
		panic("rwsem \"%s\": up_read without a reader", sem->lock.name);
	sem->readers--;
	spin_unlock(&sem->lock);
	wake_all(&sem->wq);
}

void down_write(struct rwsem *sem)
{
	assert_may_sleep(sem->lock.name);
	spin_lock(&sem->lock);
	sem->writers_waiting++;
	spin_unlock(&sem->lock);
	wait_event(&sem->wq, try_write(sem));
}

void up_write(struct rwsem *sem)
{
	spin_lock(&sem->lock);
	if (unlikely(sem->readers != -1))
		panic("rwsem \"%s\": up_write without a writer", sem->lock.name);
	sem->readers = 0;
	spin_unlock(&sem->lock);
	wake_all(&sem->wq);
}
