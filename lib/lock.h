/* SPDX-License-Identifier: MIT */
/*
 * lock.h - locks and waiting, as declarations.
 *
 * kernel/lock.c implements them with threads and interrupts. The host
 * simulator implements them for one thread and checks the rules instead:
 * never sleep with a spinlock held, never take a lock twice, never wait
 * for something that nothing can bring about.
 *
 * Rules
 *   - A spinlock holder does not sleep, fault or allocate with ALLOC_WAIT.
 *   - A lock that an interrupt handler takes is taken with _irqsave by all.
 *   - The order of locks is docs/invariants.md's; a lock's comment says what
 *     it guards.
 */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include "lib/list.h"
#include "lib/types.h"

struct thread; /* the kernel's; opaque to everyone else */

struct spinlock {
	u32 locked; /* 0: free; else the holder's number + 1, for the assertions */
	const char *name;
};
#define SPINLOCK_INIT(n)    \
	{                   \
		.name = (n) \
	}

void spin_lock_init(struct spinlock *lock, const char *name);
/* Disables preemption; may be taken in thread context only. */
void spin_lock(struct spinlock *lock);
bool spin_trylock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);
/* Also disables interrupts; any context. Returns the flags to restore. */
u64 spin_lock_irqsave(struct spinlock *lock);
void spin_unlock_irqrestore(struct spinlock *lock, u64 flags);
bool spin_is_held(const struct spinlock *lock); /* by this CPU */

#define ASSERT_HELD(lock) ASSERT(spin_is_held(lock))

/* A set of sleeping threads. Guarded by its own lock (irq-safe). */
struct waitqueue {
	struct spinlock lock;
	struct list_head waiters;
};
#define WAITQUEUE_INIT(n, nm)                                  \
	{                                                      \
		SPINLOCK_INIT(nm), LIST_HEAD_INIT((n).waiters) \
	}

void waitqueue_init(struct waitqueue *wq, const char *name);
/* Wake all / the longest waiting. Any context. */
void wake_all(struct waitqueue *wq);
void wake_one(struct waitqueue *wq);

/*
 * The pieces of wait_event(): prepare enqueues the current thread and marks
 * it sleeping, so that a wake-up between the test of the condition and the
 * sleep is not lost. wait_sleep() returns true when woken, false on timeout
 * (deadline_ns is absolute, U64_MAX waits for ever).
 */
struct wait_entry {
	struct list_head link; /* guarded by the queue's lock */
	struct thread *thread;
};
void wait_prepare(struct waitqueue *wq, struct wait_entry *entry);
bool wait_sleep(struct waitqueue *wq, u64 deadline_ns);
void wait_finish(struct waitqueue *wq, struct wait_entry *entry);

/*
 * Sleep until cond holds. Thread context, no spinlock held. cond is never evaluated again once it has been
 * true, so it may take what it tests for: wait_event(&wq, trylock(x)).
 */
#define wait_event(wq, cond) ((void)wait_event_until(wq, cond, UINT64_MAX))

/* The same with an absolute deadline; whether cond held. */
#define wait_event_until(wq, cond, deadline_ns)                            \
	({                                                                 \
		struct wait_entry _entry;                                  \
		bool _held = (cond), _timely = true;                       \
		while (!_held && _timely) {                                \
			wait_prepare((wq), &_entry);                       \
			_held = (cond);                                    \
			if (!_held)                                        \
				_timely = wait_sleep((wq), (deadline_ns)); \
			wait_finish((wq), &_entry);                        \
			if (!_held)                                        \
				_held = (cond);                            \
		}                                                          \
		_held;                                                     \
	})

/* Sleeping locks. Thread context only. */
struct mutex {
	u32 locked;
	struct thread *owner;
	struct waitqueue wq;
};
void mutex_init(struct mutex *m, const char *name);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_held(const struct mutex *m); /* by this thread */

/* Many readers or one writer; a waiting writer holds back new readers. */
struct rwsem {
	u32 state; /* the number of readers, or RWSEM_WRITER; RWSEM_WAITING for each writer that waits */
	struct waitqueue wq; /* has the name */
};
#define RWSEM_WAITING BIT(16)
#define RWSEM_WRITER  BIT(15)
#define RWSEM_READERS (RWSEM_WRITER - 1)
void rwsem_init(struct rwsem *sem, const char *name);
void down_read(struct rwsem *sem);
void up_read(struct rwsem *sem);
void down_write(struct rwsem *sem);
void up_write(struct rwsem *sem);

#endif
