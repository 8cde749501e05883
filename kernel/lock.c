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
	return READ_ONCE(lock->locked) == this_cpu()->lock_word;
}

/*
 * Taking and releasing happens a dozen times for each page that moves. So the usual case is straight, and
 * everything else is a jump at its end to a function that starts anew. Preemption is off.
 */

static inline bool try_acquire(struct cpu *cpu, struct spinlock *lock)
{
	u32 place = cpu->nr_held + 1, expected = 0;

	if (unlikely(place > CPU_MAX_HELD_LOCKS))
		return false;
	if (unlikely(!__atomic_compare_exchange_n(&lock->locked, &expected, cpu->lock_word, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		return false;
	/* In this order: an interrupt in between has the next place for its own locks. */
	cpu->nr_held = place;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	cpu->held[place] = lock;
	return true;
}

static __cold_path void acquire_slowly(struct cpu *cpu, struct spinlock *lock)
{
	while (!try_acquire(cpu, lock)) {
		if (panic_in_progress())
			return;
		if (spin_is_held(lock))
			panic("spinlock \"%s\": taken a second time by the same CPU", lock->name);
		if (cpu->nr_held == CPU_MAX_HELD_LOCKS)
			panic("spinlock \"%s\": this CPU holds %u others", lock->name,
			      cpu->nr_held);
		cpu_relax();
	}
}

/* Not in an interrupt. */
static __cold_path void lock_slowly(struct cpu *cpu, struct spinlock *lock)
{
	if (cpu->irq_nesting && !panic_in_progress())
		panic("spinlock \"%s\": taken in an interrupt without _irqsave", lock->name);
	acquire_slowly(cpu, lock);
}

static inline bool is_last_held(const struct cpu *cpu, const struct spinlock *lock)
{
	return cpu->held[cpu->nr_held] == lock;
}

static inline void release_last(struct cpu *cpu, struct spinlock *lock)
{
	cpu->nr_held--;
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

/* Not the one taken last, or not held at all. */
static __cold_path void release_slowly(struct cpu *cpu, struct spinlock *lock)
{
	u32 i = cpu->nr_held;

	if (!spin_is_held(lock) && !panic_in_progress())
		panic("spinlock \"%s\": released but not held", lock->name);
	while (i && cpu->held[i] != lock)
		i--;
	if (i) {
		for (; i < cpu->nr_held; i++)
			cpu->held[i] = cpu->held[i + 1];
		cpu->nr_held--;
	}
	__atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

static __cold_path void unlock_slowly(struct cpu *cpu, struct spinlock *lock)
{
	release_slowly(cpu, lock);
	preempt_enable();
}

void spin_lock(struct spinlock *lock)
{
	struct cpu *cpu;

	cpu_preempt_disable();
	cpu = this_cpu();
	if (unlikely(cpu->irq_nesting || !try_acquire(cpu, lock)))
		lock_slowly(cpu, lock);
}

bool spin_trylock(struct spinlock *lock)
{
	cpu_preempt_disable();
	if (try_acquire(this_cpu(), lock))
		return true;
	preempt_enable();
	return false;
}

void spin_unlock(struct spinlock *lock)
{
	struct cpu *cpu = this_cpu();

	if (unlikely(!is_last_held(cpu, lock))) {
		unlock_slowly(cpu, lock);
		return;
	}
	release_last(cpu, lock);
	if (unlikely(cpu_preempt_enable()))
		sched_preempt_point();
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
	u64 flags = irq_save();
	struct cpu *cpu;

	cpu_preempt_disable();
	cpu = this_cpu();
	if (unlikely(!try_acquire(cpu, lock)))
		acquire_slowly(cpu, lock);
	return flags;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
	struct cpu *cpu = this_cpu();
	bool wanted;

	if (likely(is_last_held(cpu, lock)))
		release_last(cpu, lock);
	else
		release_slowly(cpu, lock);
	wanted = cpu_preempt_enable();
	irq_restore(flags);
	if (unlikely(wanted))
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
	sem->state = 0;
	waitqueue_init(&sem->wq, name);
}

static bool try_read(struct rwsem *sem)
{
	u32 state = atomic_read(&sem->state);

	while (state < RWSEM_READERS) {
		if (__atomic_compare_exchange_n(&sem->state, &state, state + 1, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

/* The caller's RWSEM_WAITING becomes RWSEM_WRITER. */
static bool try_write(struct rwsem *sem)
{
	u32 state = atomic_read(&sem->state);

	while (!(state & (RWSEM_WRITER | RWSEM_READERS))) {
		if (__atomic_compare_exchange_n(&sem->state, &state,
						state - RWSEM_WAITING + RWSEM_WRITER, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static __cold_path void wait_to_read(struct rwsem *sem)
{
	wait_event(&sem->wq, try_read(sem));
}

void down_read(struct rwsem *sem)
{
	assert_may_sleep(sem->wq.lock.name);
	if (unlikely(!try_read(sem)))
		wait_to_read(sem);
}

/* Only writers wait for readers, and each has said so in the word that the last reader changes. */
void up_read(struct rwsem *sem)
{
	u32 now = atomic_sub_return(&sem->state, 1U);

	if (unlikely((now & (RWSEM_WRITER | RWSEM_READERS)) >= RWSEM_READERS))
		panic("rwsem \"%s\": up_read without a reader", sem->wq.lock.name);
	if (unlikely(now >= RWSEM_WAITING && !(now & RWSEM_READERS)))
		wake_all(&sem->wq);
}

void down_write(struct rwsem *sem)
{
	assert_may_sleep(sem->wq.lock.name);
	atomic_add(&sem->state, (u32)RWSEM_WAITING);
	wait_event(&sem->wq, try_write(sem));
}

void up_write(struct rwsem *sem)
{
	u32 was = __atomic_fetch_sub(&sem->state, (u32)RWSEM_WRITER, __ATOMIC_RELEASE);

	if (unlikely(!(was & RWSEM_WRITER)))
		panic("rwsem \"%s\": up_write without a writer", sem->wq.lock.name);
	wake_all(&sem->wq);
}
