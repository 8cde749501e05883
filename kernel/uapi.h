/* SPDX-License-Identifier: MIT */
/*
 * uapi.h - the system interface: all that a workload and the kernel know of each other.
 *
 * A system call is the SYSCALL instruction: number in rax, arguments in
 * rdi, rsi, rdx, r10, r8, r9; the result comes back in rax, errors as negative numbers
 * (lib/errno.h, which are newlib's). rcx and r11 are lost.
 */
#ifndef KERNEL_UAPI_H
#define KERNEL_UAPI_H

#include "lib/latency.h"

/* X(number name, handler, what it does) */
#define SYSCALL_TABLE(X)                                                                    \
	X(SYS_EXIT, sys_exit, "exit(status): end the workload")                             \
	X(SYS_WRITE, sys_write, "write(fd, buf, bytes)")                                    \
	X(SYS_READ, sys_read, "read(fd, buf, bytes)")                                       \
	X(SYS_OPEN, sys_open, "open(path, flags)")                                          \
	X(SYS_CLOSE, sys_close, "close(fd)")                                                \
	X(SYS_LSEEK, sys_lseek, "lseek(fd, offset, whence)")                                \
	X(SYS_FSTAT, sys_fstat, "fstat(fd, struct sys_stat *)")                             \
	X(SYS_GETDENTS, sys_getdents, "getdents(fd, struct sys_dirent *, count): entries")  \
	X(SYS_FSYNC, sys_fsync, "fsync(fd)")                                                \
	X(SYS_SBRK, sys_sbrk, "sbrk(increment): the old end of the heap")                   \
	X(SYS_MMAP, sys_mmap, "mmap(addr, bytes, prot, flags, fd, offset)")                 \
	X(SYS_MUNMAP, sys_munmap, "munmap(addr, bytes)")                                    \
	X(SYS_MADVISE, sys_madvise, "madvise(addr, bytes, advice)")                         \
	X(SYS_MSYNC, sys_msync, "msync(addr, bytes)")                                       \
	X(SYS_CLOCK_NS, sys_clock_ns, "clock_ns(): virtual ns since boot")                  \
	X(SYS_SLEEP_NS, sys_sleep_ns, "sleep_ns(ns)")                                       \
	X(SYS_YIELD, sys_yield, "yield()")                                                  \
	X(SYS_THREAD_CREATE, sys_thread_create,                                             \
	  "thread_create(entry, arg, stack_bytes, tls): tid")                               \
	X(SYS_THREAD_EXIT, sys_thread_exit, "thread_exit()")                                \
	X(SYS_THREAD_JOIN, sys_thread_join, "thread_join(tid): wait for it; frees the tid") \
	X(SYS_SET_TLS, sys_set_tls, "set_tls(base): the FS base of this thread")            \
	X(SYS_REPORT, sys_report, "report(struct sys_report *): figures for @result")       \
	X(SYS_SYSINFO, sys_sysinfo, "sysinfo(struct sys_info *)")

#define X(nr, fn, text) nr,
enum sys_nr { SYSCALL_TABLE(X) NR_SYSCALLS };
#undef X

/* open(): files exist already and keep their size. */
#define SYS_O_RDONLY 0
#define SYS_O_WRONLY 1
#define SYS_O_RDWR   2

#define SYS_PROT_READ	1
#define SYS_PROT_WRITE	2
#define SYS_PROT_EXEC	4
#define SYS_MAP_SHARED	1
#define SYS_MAP_PRIVATE 2
#define SYS_MAP_ANON	32

#define SYS_MADV_DONTNEED 0
#define SYS_MADV_COLD	  1
#define SYS_MADV_WILLNEED 2

struct sys_stat {
	unsigned long ino;
	unsigned long size_bytes;
	unsigned int is_dir;
	unsigned int block_bytes;
};

struct sys_dirent {
	unsigned long ino;
	unsigned int is_dir;
	char name[256];
};

/* What a workload says of itself; the last report before exit goes into @result. */
struct sys_report {
	unsigned long ops;	     /* operations done */
	unsigned long checked_bytes; /* bytes read back and compared */
	unsigned long mismatches;    /* bytes or records that were wrong: must be 0 */
	struct latency latency;	     /* of operations, where the workload measures it */
};

/*
 * The first page of the memory of the workload "touch", which says in its report (ops) where that is. SYS_TOUCH_PAGES
 * pages follow, which it touches at SYS_TOUCH_GO; then it waits again.
 */
enum sys_touch_order { SYS_TOUCH_WAIT, SYS_TOUCH_GO, SYS_TOUCH_END };
#define SYS_TOUCH_PAGES 256
struct sys_touch {
	unsigned long order; /* enum sys_touch_order */
	unsigned long insns; /* that the faults took, all together */
};

struct sys_info {
	unsigned long managed_bytes;
	unsigned long seed;
	unsigned long running; /* workloads of this boot that have not ended, with the caller */
	unsigned long faults;  /* the caller's page faults */
	unsigned long major_faults; /* those of them that waited for a disk */
};

/*
 * How a program starts: _start(argc, argv) on its main stack, argv[0] the workload's name, rsp
 * aligned to 16 bytes. A thread: entry(arg) on a stack of its own that the kernel makes and
 * frees, rsp aligned likewise, FS base tls.
 */

/*
 * What the image of all workloads says it holds: the descriptor of an ELF note with this name and
 * type is an array of these.
 */
#define SYS_NOTE_NAME	   "Harmony"
#define SYS_NOTE_WORKLOADS 1

#define SYS_WORKLOAD_HIDDEN 1 /* not in lists for people */

struct sys_workload {
	char name[16];
	unsigned int default_mib; /* footprint when none is given; 0: takes none */
	unsigned int flags;
	char text[72];
};

#endif
