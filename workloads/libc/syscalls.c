/* SPDX-License-Identifier: MIT */
/*
 * syscalls.c - the system interface as newlib and the workloads call it.
 *
 * newlib is built without system calls of its own, so every function it expects of an
 * operating system is here, under its POSIX name. What this kernel does not have (creating,
 * renaming and removing files, signals, other processes) fails with the errno POSIX gives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workloads/libc/harmony.h"
#include "workloads/libc/sys.h"

long sys_call(enum sys_nr nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
	      uint64_t a5)
{
	register uint64_t r10 __asm__("r10") = a3;
	register uint64_t r8 __asm__("r8") = a4;
	register uint64_t r9 __asm__("r9") = a5;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"((uint64_t)nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

long sys_result(long raw)
{
	if (raw >= 0)
		return raw;
	errno = (int)-raw;
	return -1;
}

void _exit(int status)
{
	for (;;)
		SYS1(SYS_EXIT, status);
}

int read(int fd, void *buf, size_t bytes)
{
	return (int)sys_result(SYS3(SYS_READ, fd, buf, bytes));
}

int write(int fd, const void *buf, size_t bytes)
{
	return (int)sys_result(SYS3(SYS_WRITE, fd, buf, bytes));
}

/* Files exist already and keep their size, so a call that must create or truncate cannot work. */
int open(const char *path, int flags, ...)
{
	if (flags & O_TRUNC) {
		errno = EROFS;
		return -1;
	}
	return (int)sys_result(SYS2(SYS_OPEN, path, flags & O_ACCMODE));
}

int close(int fd)
{
	return (int)sys_result(SYS1(SYS_CLOSE, fd));
}

off_t lseek(int fd, off_t offset, int whence)
{
	return (off_t)sys_result(SYS3(SYS_LSEEK, fd, offset, whence));
}

int fstat(int fd, struct stat *st)
{
	struct sys_stat ks;

	if (sys_result(SYS2(SYS_FSTAT, fd, &ks)) < 0)
		return -1;
	memset(st, 0, sizeof(*st));
	st->st_ino = (ino_t)ks.ino;
	st->st_size = (off_t)ks.size_bytes;
	st->st_blksize = (blksize_t)ks.block_bytes;
	st->st_nlink = 1;
	/* Inode 0 is no file: the console. newlib then buffers by the line. */
	st->st_mode = ks.ino == 0 ? S_IFCHR | 0600 : ks.is_dir ? S_IFDIR | 0555 : S_IFREG | 0644;
	return 0;
}

int stat(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY);
	int result, saved;

	if (fd < 0)
		return -1;
	result = fstat(fd, st);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

int isatty(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return 0;
	if (S_ISCHR(st.st_mode))
		return 1;
	errno = ENOTTY;
	return 0;
}

void *sbrk(ptrdiff_t increment)
{
	return (void *)sys_result(SYS1(SYS_SBRK, increment));
}

/* A workload can only signal itself, and every signal that it would send (abort) is deadly. */
int kill(int pid, int sig)
{
	if (pid != getpid()) {
		errno = ESRCH;
		return -1;
	}
	_exit(128 + sig);
	return 0;
}

int getpid(void)
{
	return 1;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	uint64_t now_us = clock_ns() / 1000;

	tv->tv_sec = (time_t)(now_us / 1000000);
	tv->tv_usec = (suseconds_t)(now_us % 1000000);
	return 0;
}

clock_t times(struct tms *buf)
{
	clock_t ticks = (clock_t)(clock_ns() / (1000000000UL / CLOCKS_PER_SEC));

	memset(buf, 0, sizeof(*buf));
	buf->tms_utime = ticks;
	return ticks;
}

int unlink(const char *path)
{
	errno = EROFS;
	return -1;
}

int link(const char *from, const char *to)
{
	errno = EROFS;
	return -1;
}

int fork(void)
{
	errno = ENOSYS;
	return -1;
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	errno = ENOSYS;
	return -1;
}

int wait(int *status)
{
	errno = ECHILD;
	return -1;
}

void *mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t offset)
{
	return (void *)sys_result(SYS6(SYS_MMAP, addr, bytes, prot, flags, fd, offset));
}

int munmap(void *addr, size_t bytes)
{
	return (int)sys_result(SYS2(SYS_MUNMAP, addr, bytes));
}

int madvise(void *addr, size_t bytes, int advice)
{
	return (int)sys_result(SYS3(SYS_MADVISE, addr, bytes, advice));
}

int msync(void *addr, size_t bytes)
{
	return (int)sys_result(SYS2(SYS_MSYNC, addr, bytes));
}

int fsync(int fd)
{
	return (int)sys_result(SYS1(SYS_FSYNC, fd));
}

int getdents(int fd, struct sys_dirent *entries, int count)
{
	return (int)sys_result(SYS3(SYS_GETDENTS, fd, entries, count));
}

uint64_t clock_ns(void)
{
	return (uint64_t)SYS0(SYS_CLOCK_NS);
}

void sleep_ns(uint64_t ns)
{
	SYS1(SYS_SLEEP_NS, ns);
}

void yield(void)
{
	SYS0(SYS_YIELD);
}

int system_info(struct sys_info *info)
{
	return (int)sys_result(SYS1(SYS_SYSINFO, info));
}

int system_report(const struct sys_report *report)
{
	return (int)sys_result(SYS1(SYS_REPORT, report));
}
