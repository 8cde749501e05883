/* SPDX-License-Identifier: MIT */
/*
 * file.h - open files of a workload: the table from small numbers to consoles, files and
 * directories. All in thread context; all may sleep. Results are as of the system calls.
 */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#include "kernel/uapi.h"
#include "lib/types.h"
#include "mm/pagecache.h"

struct proc;
struct inode;

enum file_kind { FILE_CONSOLE, FILE_REGULAR, FILE_DIRECTORY };

struct file {
	enum file_kind kind; /* constant, as the next two */
	u32 flags;	     /* SYS_O_* */
	struct inode *inode; /* NULL for the console */
	u32 users;	     /* A: table entries, system calls in progress, mappings */
	struct mutex lock;   /* offset, ra */
	u64 offset;	     /* bytes; a directory's: fs_readdir()'s position */
	struct file_ra ra;
	struct list_head mapped_link; /* proc->mapped_files, under files_lock; empty: not there */
};

/* Descriptors 0, 1 and 2 on the console. 0 or -ENOMEM. */
int files_init(struct proc *proc);
/* Close everything. Its memory is gone, so nothing is mapped any more. */
void files_close_all(struct proc *proc);

s64 files_open(struct proc *proc, const char *path, u32 flags);
s64 files_close(struct proc *proc, u64 fd);
/* The open file, one more user; or NULL. file_put() ends it. */
struct file *file_get(struct proc *proc, u64 fd);
void file_put(struct file *file);

/* buf is the workload's; checked by the caller to lie in the lower half. */
s64 file_do_read(struct file *file, u64 buf, u64 bytes);
s64 file_do_write(struct file *file, u64 buf, u64 bytes);
s64 file_do_lseek(struct file *file, s64 offset, u64 whence);
s64 file_do_stat(struct file *file, struct sys_stat *stat);
s64 file_do_getdents(struct file *file, u64 entries, u64 count);
s64 file_do_fsync(struct file *file);

/*
 * A mapping needs its file open even when the descriptor is closed. After mapping: hold (the
 * caller still has its own use of the file). After unmapping: let go of
 * those that no area of the workload maps any more.
 */
void files_hold_mapped(struct proc *proc, struct file *file);
void files_release_unmapped(struct proc *proc);

#endif
