/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads of a workload, locks, and what newlib needs to be safe with both.
 *
 * The kernel makes a thread's stack (with nothing mapped below it); this file gives each
 * thread a control block, reached through the FS base, with newlib's per-thread state in it.
 * newlib asks for its own locks through __retarget_lock_*.
 *
 * There is no futex: a waiter yields. Critical sections here are short, and on one CPU
 * yielding is the quickest way to let the holder finish.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>

#include "workloads/libc/harmony.h"
#include "workloads/libc/sys.h"

int main(int argc, char **argv);
struct _reent *__getreent(void);

static struct thread main_thread;

struct thread *thread_self(void)
{
	struct thread *self;

	__asm__("movq %%fs:0, %0" : "=r"(self));
	return self;
}

struct _reent *__getreent(void)
{
	return &thread_self()->reent;
}

void libc_start(int argc, char **argv)
{
	main_thread.self = &main_thread;
	_REENT_INIT_PTR(&main_thread.reent);
	SYS1(SYS_SET_TLS, &main_thread);
	exit(main(argc, argv));
}

void libc_thread_start(struct thread *thread)
{
	thread->fn(thread->arg);
	/* Its streams are its own: nobody else would flush them and free their buffers. */
	fflush(stdout);
	setvbuf(stdout, NULL, _IONBF, 0);
	for (;;)
		SYS0(SYS_THREAD_EXIT);
}

struct thread *thread_create(void (*fn)(void *arg), void *arg)
{
	struct thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	thread->self = thread;
	thread->fn = fn;
	thread->arg = arg;
	_REENT_INIT_PTR(&thread->reent);
	thread->tid =
		SYS4(SYS_THREAD_CREATE, libc_thread_entry, thread, THREAD_STACK_BYTES, thread);
	if (thread->tid < 0) {
		sys_result(thread->tid);
		free(thread);
		return NULL;
	}
	return thread;
}

/*
 * What newlib allocated for a thread that is gone. Its own clean-up would also close
 * descriptors 0 to 2, which are everybody's.
 */
static void reent_free(struct _reent *reent)
{
	if (reent->__sdidinit)
		for (size_t i = 0; i < sizeof(reent->__sf) / sizeof(reent->__sf[0]); i++)
			free(reent->__sf[i]._lock);
	reent->__sdidinit = 0;
	_reclaim_reent(reent);
}

int thread_join(struct thread *thread)
{
	if (sys_result(SYS1(SYS_THREAD_JOIN, thread->tid)) < 0)
		return -1;
	reent_free(&thread->reent);
	free(thread);
	return 0;
}

bool mutex_trylock(struct mutex *mutex)
{
	return __atomic_exchange_n(&mutex->locked, 1, __ATOMIC_ACQUIRE) == 0;
}

void mutex_lock(struct mutex *mutex)
{
	while (!mutex_trylock(mutex))
		yield();
}

void mutex_unlock(struct mutex *mutex)
{
	__atomic_store_n(&mutex->locked, 0, __ATOMIC_RELEASE);
}

/* newlib's lock object. Only the holder changes owner and depth. */
struct __lock {
	struct mutex mutex;
	struct thread *owner;
	uint32_t depth;
};

/* The locks newlib names itself. */
#define NEWLIB_LOCK_TABLE(X)        \
	X(__sinit_recursive_mutex)  \
	X(__sfp_recursive_mutex)    \
	X(__atexit_recursive_mutex) \
	X(__at_quick_exit_mutex)    \
	X(__malloc_recursive_mutex) \
	X(__env_recursive_mutex)    \
	X(__tz_mutex)               \
	X(__dd_hash_mutex)          \
	X(__arc4random_mutex)
#define X(name) struct __lock __lock_##name;
NEWLIB_LOCK_TABLE(X)
#undef X

void __retarget_lock_init(_LOCK_T *lock)
{
	*lock = calloc(1, sizeof(struct __lock));
	if (!*lock)
		abort();
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
	__retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
	free(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
	mutex_lock(&lock->mutex);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
	return mutex_trylock(&lock->mutex);
}

void __retarget_lock_release(_LOCK_T lock)
{
	mutex_unlock(&lock->mutex);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
	struct thread *self = thread_self();

	if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == self) {
		lock->depth++;
		return 1;
	}
	if (!mutex_trylock(&lock->mutex))
		return 0;
	__atomic_store_n(&lock->owner, self, __ATOMIC_RELAXED);
	lock->depth = 1;
	return 1;
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
	while (!__retarget_lock_try_acquire_recursive(lock))
		yield();
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
	if (--lock->depth)
		return;
	__atomic_store_n(&lock->owner, NULL, __ATOMIC_RELAXED);
	mutex_unlock(&lock->mutex);
}
