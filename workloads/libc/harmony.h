/* SPDX-License-Identifier: MIT */
/*
 * harmony.h - what a workload may use beyond newlib: memory mappings, threads, the clock.
 *
 * Names and meanings are POSIX's where POSIX has the thing; functions that return int
 * return -1 and set errno on failure.
 */
#ifndef WORKLOADS_LIBC_HARMONY_H
#define WORKLOADS_LIBC_HARMONY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/uapi.h"

#define PROT_READ  SYS_PROT_READ
#define PROT_WRITE SYS_PROT_WRITE

#define MAP_SHARED    SYS_MAP_SHARED
#define MAP_PRIVATE   SYS_MAP_PRIVATE
#define MAP_ANONYMOUS SYS_MAP_ANON
#define MAP_FAILED    ((void *)-1)

#define MADV_DONTNEED SYS_MADV_DONTNEED
#define MADV_COLD     SYS_MADV_COLD
#define MADV_WILLNEED SYS_MADV_WILLNEED

void *mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset);
int munmap(void *addr, size_t bytes);
int madvise(void *addr, size_t bytes, int advice);
/* Write the changed pages of shared file mappings in the range and wait. */
int msync(void *addr, size_t bytes);
int fsync(int fd);

/* Up to count entries of an open directory; 0 at its end. */
int getdents(int fd, struct sys_dirent *entries, int count);

/* Virtual nanoseconds since the machine started. */
uint64_t clock_ns(void);
void sleep_ns(uint64_t ns);
void yield(void);

/*
 * Threads. Each has its own stack (STACK_BYTES, nothing mapped below it), errno and stdio
 * state. A thread must be joined: that frees what it used. exit() ends all of them.
 */
#define THREAD_STACK_BYTES (256 * 1024)
struct thread;
struct thread *thread_create(void (*fn)(void *arg), void *arg); /* NULL: errno says why */
int thread_join(struct thread *thread);

/* A lock for short critical sections: waiting yields the CPU. Not recursive. */
struct mutex {
	uint32_t locked;
};
#define MUTEX_INIT \
	{          \
		0  \
	}
void mutex_lock(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

int system_info(struct sys_info *info);
/* Tell the kernel how far this workload is; the last report goes into @result. */
int system_report(const struct sys_report *report);

#endif
