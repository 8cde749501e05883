/* SPDX-License-Identifier: MIT */
/* sys.h - libc's own: the system call and the thread control block. */
#ifndef WORKLOADS_LIBC_SYS_H
#define WORKLOADS_LIBC_SYS_H

#include <reent.h>
#include <stdint.h>

#include "kernel/uapi.h"

/* The raw result: a negative error number on failure. */
long sys_call(enum sys_nr nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
	      uint64_t a5);

#define SYS0(nr)	  sys_call((nr), 0, 0, 0, 0, 0, 0)
#define SYS1(nr, a)	  sys_call((nr), (uint64_t)(a), 0, 0, 0, 0, 0)
#define SYS2(nr, a, b)	  sys_call((nr), (uint64_t)(a), (uint64_t)(b), 0, 0, 0, 0)
#define SYS3(nr, a, b, c) sys_call((nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), 0, 0, 0)
#define SYS4(nr, a, b, c, d) \
	sys_call((nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), 0, 0)
#define SYS6(nr, a, b, c, d, e, f)                                                                \
	sys_call((nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), \
		 (uint64_t)(f))

/* Set errno from a raw result and turn it into -1. */
long sys_result(long raw);

/*
 * One a thread, at the FS base. self comes first: the code of a thread finds its block
 * by reading %fs:0.
 */
struct thread {
	struct thread *self;
	long tid; /* the kernel's */
	void (*fn)(void *arg);
	void *arg;
	struct _reent reent; /* newlib's errno, stdio and so on for this thread */
};

struct thread *thread_self(void);

/* Called by crt0.asm. */
void libc_start(int argc, char **argv) __attribute__((noreturn));
void libc_thread_start(struct thread *thread) __attribute__((noreturn));
void libc_thread_entry(struct thread *thread);

#endif
