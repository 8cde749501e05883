/* SPDX-License-Identifier: MIT */
/*
 * syscall.c - what ring 3 may ask for: the table of system calls and the check of every argument.
 *
 * A handler gets six words that may be anything at all. It checks ranges before it passes them on,
 * so that the functions behind it may assert what they are told. A user address is checked to lie
 * in the lower half here; whether anything is mapped there shows when it is copied.
 */
#include "fs/fs.h"
#include "kernel/file.h"
#include "kernel/proc.h"
#include "kernel/thread.h"
#include "lib/assert.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"

#define MAX_PATH_BYTES	512
#define MAX_IO_BYTES	GIB
#define MAX_DIRENTS	1024
#define MAX_FILE_OFFSET (BIT(48))

struct syscall_args {
	u64 a[6];
};

static struct proc *self(void)
{
	return current()->proc;
}

static bool user_range(u64 addr, u64 bytes)
{
	return addr >= USER_BASE && addr < USER_TOP && bytes <= USER_TOP - addr;
}

/* Whole pages within the lower half, at least one. */
static bool user_pages(u64 addr, u64 bytes)
{
	return addr % PAGE_SIZE == 0 && bytes && user_range(addr, bytes);
}

/*
 * A path into buf. Copied up to the end of a page at a time: what lies beyond the string
 * may not be mapped. 0, -EFAULT or -ENAMETOOLONG.
 */
static int path_from_user(char *buf, u64 addr)
{
	u64 done = 0;

	while (done < MAX_PATH_BYTES) {
		u64 bytes = MIN(PAGE_SIZE - (addr + done) % PAGE_SIZE, MAX_PATH_BYTES - done);

		if (!user_range(addr + done, bytes) ||
		    !copy_from_user(buf + done, (void *)(addr + done), bytes))
			return -EFAULT;
		if (memchr(buf + done, 0, bytes))
			return 0;
		done += bytes;
	}
	return -ENAMETOOLONG;
}

static s64 sys_exit(const struct syscall_args *args)
{
	proc_exit(self(), (int)args->a[0]);
}

static s64 sys_write(const struct syscall_args *args)
{
	struct file *file = file_get(self(), args->a[0]);
	u64 bytes = MIN(args->a[2], MAX_IO_BYTES);
	s64 result;

	if (!file)
		return -EBADF;
	result = user_range(args->a[1], bytes) ? file_do_write(file, args->a[1], bytes) : -EFAULT;
	file_put(file);
	return result;
}

static s64 sys_read(const struct syscall_args *args)
{
	struct file *file = file_get(self(), args->a[0]);
	u64 bytes = MIN(args->a[2], MAX_IO_BYTES);
	s64 result;

	if (!file)
		return -EBADF;
	result = user_range(args->a[1], bytes) ? file_do_read(file, args->a[1], bytes) : -EFAULT;
	file_put(file);
	return result;
}

static s64 sys_open(const struct syscall_args *args)
{
	char path[MAX_PATH_BYTES];
	int err = path_from_user(path, args->a[0]);

	if (err)
		return err;
	if (args->a[1] > SYS_O_RDWR)
		return -EINVAL;
	return files_open(self(), path, (u32)args->a[1]);
}

static s64 sys_close(const struct syscall_args *args)
{
	return files_close(self(), args->a[0]);
}

static s64 sys_lseek(const struct syscall_args *args)
{
	struct file *file = file_get(self(), args->a[0]);
	s64 result;

	if (!file)
		return -EBADF;
	result = file_do_lseek(file, (s64)args->a[1], args->a[2]);
	file_put(file);
	return result;
}

static s64 sys_fstat(const struct syscall_args *args)
{
	struct file *file = file_get(self(), args->a[0]);
	struct sys_stat stat;
	s64 result;

	if (!file)
		return -EBADF;
	result = file_do_stat(file, &stat);
	file_put(file);
	if (!result && (!user_range(args->a[1], sizeof(stat)) ||
			!copy_to_user((void *)args->a[1], &stat, sizeof(stat))))
		result = -EFAULT;
	return result;
}

static s64 sys_getdents(const struct syscall_args *args)
{
	struct file *file = file_get(self(), args->a[0]);
	u64 count = MIN(args->a[2], (u64)MAX_DIRENTS);
	s64 result = -EFAULT;

	if (!file)
		return -EBADF;
	if (user_range(args->a[1], count * sizeof(struct sys_dirent)))
		result = file_do_getdents(file, args->a[1], count);
	file_put(file);
	return result;
}

static s64 sys_fsync(const struct syscall_args *args)
{
	struct file *file = file_get(self(), args->a[0]);
	s64 result;

	if (!file)
		return -EBADF;
	result = file_do_fsync(file);
	file_put(file);
	return result;
}

static s64 sys_sbrk(const struct syscall_args *args)
{
	s64 increment = (s64)args->a[0];
	s64 most = (s64)(USER_HEAP_TOP - USER_HEAP_BASE);

	if (increment > most || increment < -most)
		return -ENOMEM;
	return mm_brk(self()->mm, increment);
}

/* PROT_* and MAP_* to area flags; 0: not allowed. Data is never executable. */
static u32 area_flags_of(u64 prot, u64 flags)
{
	u32 area = AREA_READ;

	if (!(prot & SYS_PROT_READ) || prot & ~(u64)(SYS_PROT_READ | SYS_PROT_WRITE))
		return 0;
	if (prot & SYS_PROT_WRITE)
		area |= AREA_WRITE;
	switch (flags) {
	case SYS_MAP_SHARED:
		return area | AREA_SHARED;
	case SYS_MAP_PRIVATE:
	case SYS_MAP_PRIVATE | SYS_MAP_ANON:
		return area;
	default:
		return 0;
	}
}

/* Stores to a shared mapping cannot be refused one by one: all of it must be writable. */
static s64 check_shared_write(const struct file *file, u64 offset, u64 bytes)
{
	return file->flags == SYS_O_RDWR ? fs_check_write(file->inode, offset, bytes) : -EACCES;
}

static s64 mmap_file(struct file *file, u64 addr, u64 bytes, u32 flags, u64 offset)
{
	s64 result = 0;

	if (file->kind != FILE_REGULAR || file->flags == SYS_O_WRONLY)
		return -EACCES;
	if (offset % PAGE_SIZE || offset > MAX_FILE_OFFSET)
		return -EINVAL;
	if ((flags & AREA_SHARED) && (flags & AREA_WRITE))
		result = check_shared_write(file, offset, bytes);
	if (result)
		return result;
	result = mm_mmap(self()->mm, addr, bytes, flags, &file->inode->mapping,
			 offset >> PAGE_SHIFT, "file");
	if (result >= 0)
		files_hold_mapped(self(), file);
	return result;
}

static s64 sys_mmap(const struct syscall_args *args)
{
	u64 addr = args->a[0], bytes = args->a[1];
	u32 flags = area_flags_of(args->a[2], args->a[3]);
	struct file *file;
	s64 result;

	if (!flags || !bytes || bytes > USER_MMAP_TOP - USER_MMAP_BASE)
		return -EINVAL;
	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	if (addr && (!user_pages(addr, bytes) || addr < USER_MMAP_BASE || addr >= USER_MMAP_TOP ||
		     bytes > USER_MMAP_TOP - addr))
		return -EINVAL;
	if (args->a[3] & SYS_MAP_ANON)
		return mm_mmap(self()->mm, addr, bytes, flags, NULL, 0, "mmap");
	file = file_get(self(), args->a[4]);
	if (!file)
		return -EBADF;
	result = mmap_file(file, addr, bytes, flags, args->a[5]);
	file_put(file);
	return result;
}

/* Only what mmap() handed out may be taken back: not the program, the heap or a stack. */
static s64 sys_munmap(const struct syscall_args *args)
{
	u64 addr = args->a[0], bytes = args->a[1];
	s64 result;

	if (addr % PAGE_SIZE || !bytes || addr < USER_MMAP_BASE || addr >= USER_MMAP_TOP ||
	    bytes > USER_MMAP_TOP - addr)
		return -EINVAL;
	result = mm_munmap(self()->mm, addr, ALIGN_UP(bytes, PAGE_SIZE));
	files_release_unmapped(self());
	return result;
}

static s64 sys_madvise(const struct syscall_args *args)
{
	_Static_assert(SYS_MADV_DONTNEED == MADV_DONTNEED && SYS_MADV_COLD == MADV_COLD &&
			       SYS_MADV_WILLNEED == MADV_WILLNEED,
		       "mm's advice is the system interface's");
	u64 addr = args->a[0], bytes = args->a[1];

	if (!user_pages(addr, bytes) || args->a[2] >= NR_MADVICES)
		return -EINVAL;
	return mm_madvise(self()->mm, addr, ALIGN_UP(bytes, PAGE_SIZE), (enum madvice)args->a[2]);
}

static s64 sys_msync(const struct syscall_args *args)
{
	u64 addr = args->a[0], bytes = args->a[1];

	if (!user_pages(addr, bytes))
		return -EINVAL;
	return mm_msync(self()->mm, addr, ALIGN_UP(bytes, PAGE_SIZE));
}

static s64 sys_clock_ns(const struct syscall_args *args)
{
	return (s64)env_now_ns();
}

/* In slices, so that a kill does not wait for a long sleeper. */
static s64 sys_sleep_ns(const struct syscall_args *args)
{
	const u64 slice_ns = 100 * NSEC_PER_MSEC;
	u64 now = env_now_ns(), until = now + args->a[0];

	if (until < now)
		return -EINVAL;
	while (now < until && !READ_ONCE(self()->killed)) {
		thread_sleep_ns(MIN(until - now, slice_ns));
		now = env_now_ns();
	}
	return now < until ? -EINTR : 0;
}

static s64 sys_yield(const struct syscall_args *args)
{
	thread_yield();
	return 0;
}

static s64 sys_thread_create(const struct syscall_args *args)
{
	if (!user_range(args->a[0], 1) || args->a[3] >= USER_TOP)
		return -EINVAL;
	return proc_thread_create(self(), args->a[0], args->a[1], args->a[2], args->a[3]);
}

static s64 sys_thread_exit(const struct syscall_args *args)
{
	proc_thread_leave(self());
}

static s64 sys_thread_join(const struct syscall_args *args)
{
	return proc_thread_join(self(), args->a[0]);
}

static s64 sys_set_tls(const struct syscall_args *args)
{
	if (args->a[0] >= USER_TOP)
		return -EINVAL;
	proc_set_tls(args->a[0]);
	return 0;
}

/* By way of the heap: the copy may fault and reclaim, which is deep enough without a report on the stack. */
static s64 sys_report(const struct syscall_args *args)
{
	struct sys_report *report;
	struct proc *proc = self();
	s64 result = -EFAULT;

	if (!user_range(args->a[0], sizeof(*report)))
		return -EFAULT;
	report = kmalloc(sizeof(*report), ALLOC_WAIT);
	if (!report)
		return -ENOMEM;
	if (copy_from_user(report, (void *)args->a[0], sizeof(*report))) {
		spin_lock(&proc->lock);
		proc->report = *report;
		spin_unlock(&proc->lock);
		result = 0;
	}
	kfree(report);
	return result;
}

static s64 sys_sysinfo(const struct syscall_args *args)
{
	struct sys_info info = { .managed_bytes = mem_layout.nr_frames * PAGE_SIZE,
				 .seed = proc_seed,
				 .running = procs_running(),
				 .faults = atomic_read(&self()->mm->nr_faults),
				 .major_faults = atomic_read(&self()->mm->nr_major_faults) };

	if (!user_range(args->a[0], sizeof(info)) ||
	    !copy_to_user((void *)args->a[0], &info, sizeof(info)))
		return -EFAULT;
	return 0;
}

static s64 (*const syscall_table[NR_SYSCALLS])(const struct syscall_args *args) = {
#define X(nr, fn, text) [nr] = fn,
	SYSCALL_TABLE(X)
#undef X
};

s64 syscall_dispatch(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	const struct syscall_args args = { { a0, a1, a2, a3, a4, a5 } };

	ASSERT(self());
	if (nr >= NR_SYSCALLS)
		return -ENOSYS;
	return syscall_table[nr](&args);
}
