/* SPDX-License-Identifier: MIT */
/*
 * file.c - open files of workloads.
 *
 * A file is counted: the descriptor table, each system call in progress and the set of mapped
 * files hold it. So one thread may close a descriptor while another reads from it, and a
 * mapping outlives its descriptor. The count reaching zero gives the inode back.
 *
 * The console: a workload's lines must not be torn apart by another's. newlib hands over
 * whole lines; a write is printed in pieces that end at a newline where they can, all under one
 * lock.
 */
#include "kernel/file.h"

#include "fs/fs.h"
#include "kernel/proc.h"
#include "kernel/thread.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"

#define CONSOLE_PIECE_BYTES 256

static struct mutex console_mutex = { .wq = WAITQUEUE_INIT(console_mutex.wq, "console") };

static struct file *file_alloc(enum file_kind kind, u32 flags, struct inode *inode)
{
	struct file *file = kzalloc(sizeof(*file), ALLOC_WAIT);

	if (!file)
		return NULL;
	file->kind = kind;
	file->flags = flags;
	file->inode = inode;
	file->users = 1;
	mutex_init(&file->lock, "file");
	list_init(&file->mapped_link);
	return file;
}

void file_put(struct file *file)
{
	if (atomic_sub_return(&file->users, 1))
		return;
	if (file->inode)
		fs_close(file->inode);
	kfree(file);
}

struct file *file_get(struct proc *proc, u64 fd)
{
	struct file *file = NULL;

	if (fd >= PROC_MAX_FILES)
		return NULL;
	mutex_lock(&proc->files_lock);
	file = proc->files[fd];
	if (file)
		atomic_add(&file->users, 1);
	mutex_unlock(&proc->files_lock);
	return file;
}

int files_init(struct proc *proc)
{
	struct file *console;

	mutex_init(&proc->files_lock, "files");
	list_init(&proc->mapped_files);
	console = file_alloc(FILE_CONSOLE, SYS_O_RDWR, NULL);
	if (!console)
		return -ENOMEM;
	console->users = 3;
	for (int fd = 0; fd < 3; fd++)
		proc->files[fd] = console;
	return 0;
}

void files_close_all(struct proc *proc)
{
	struct file *file, *next;

	for (u64 fd = 0; fd < PROC_MAX_FILES; fd++)
		files_close(proc, fd);
	list_for_each_entry_safe(file, next, &proc->mapped_files, mapped_link) {
		list_del(&file->mapped_link);
		file_put(file);
	}
}

/* The lowest free descriptor for file, whose count passes to the table. */
static s64 table_add(struct proc *proc, struct file *file)
{
	s64 fd = -EMFILE;

	mutex_lock(&proc->files_lock);
	for (int i = 0; i < PROC_MAX_FILES && fd < 0; i++) {
		if (proc->files[i])
			continue;
		proc->files[i] = file;
		fd = i;
	}
	mutex_unlock(&proc->files_lock);
	return fd;
}

s64 files_open(struct proc *proc, const char *path, u32 flags)
{
	struct inode *inode;
	struct file *file;
	s64 fd = fs_open(path, &inode);

	if (fd < 0)
		return fd;
	if (inode->is_dir && flags != SYS_O_RDONLY) {
		fs_close(inode);
		return -EISDIR;
	}
	file = file_alloc(inode->is_dir ? FILE_DIRECTORY : FILE_REGULAR, flags, inode);
	if (!file) {
		fs_close(inode);
		return -ENOMEM;
	}
	fd = table_add(proc, file);
	if (fd < 0)
		file_put(file);
	return fd;
}

s64 files_close(struct proc *proc, u64 fd)
{
	struct file *file = NULL;

	if (fd >= PROC_MAX_FILES)
		return -EBADF;
	mutex_lock(&proc->files_lock);
	file = proc->files[fd];
	proc->files[fd] = NULL;
	mutex_unlock(&proc->files_lock);
	if (!file)
		return -EBADF;
	file_put(file);
	return 0;
}

/* How much of a piece to print now: to its last newline, or all of it when it has none. */
static u32 whole_lines(const char *piece, u32 bytes)
{
	for (u32 i = bytes; i > 0; i--)
		if (piece[i - 1] == '\n')
			return i;
	return bytes;
}

static s64 console_write(u64 buf, u64 bytes)
{
	char piece[CONSOLE_PIECE_BYTES];
	u64 done = 0;
	s64 result = 0;

	mutex_lock(&console_mutex);
	while (done < bytes) {
		u32 part = (u32)MIN(bytes - done, (u64)sizeof(piece));

		if (!copy_from_user(piece, (void *)(buf + done), part)) {
			result = -EFAULT;
			break;
		}
		part = whole_lines(piece, part);
		printk("%.*s", (int)part, piece);
		done += part;
	}
	mutex_unlock(&console_mutex);
	return done ? (s64)done : result;
}

s64 file_do_read(struct file *file, u64 buf, u64 bytes)
{
	s64 done;

	if (file->flags == SYS_O_WRONLY)
		return -EBADF;
	if (file->kind == FILE_DIRECTORY)
		return -EISDIR;
	/* What is typed goes to the monitor: a workload reads an empty file. */
	if (file->kind == FILE_CONSOLE)
		return 0;
	mutex_lock(&file->lock);
	done = file_read(&file->inode->mapping, file->offset, (void *)buf, bytes, &file->ra,
			 copy_to_user);
	if (done > 0)
		file->offset += (u64)done;
	mutex_unlock(&file->lock);
	return done;
}

s64 file_do_write(struct file *file, u64 buf, u64 bytes)
{
	s64 done;

	if (file->flags == SYS_O_RDONLY)
		return -EBADF;
	if (file->kind == FILE_CONSOLE)
		return console_write(buf, bytes);
	mutex_lock(&file->lock);
	done = fs_check_write(file->inode, file->offset, bytes);
	if (bytes && file->offset >= file->inode->size_bytes)
		done = -EFBIG; /* files keep their size */
	else if (!done)
		done = file_write(&file->inode->mapping, file->offset, (const void *)buf, bytes,
				  copy_from_user);
	if (done > 0)
		file->offset += (u64)done;
	mutex_unlock(&file->lock);
	return done;
}

/* A directory can only be read again from the start. */
s64 file_do_lseek(struct file *file, s64 offset, u64 whence)
{
	enum { FROM_START, FROM_HERE, FROM_END };
	s64 base = 0, result = -EINVAL;

	if (file->kind == FILE_CONSOLE)
		return -ESPIPE;
	if (whence > FROM_END)
		return -EINVAL;
	mutex_lock(&file->lock);
	if (whence == FROM_HERE)
		base = (s64)file->offset;
	if (whence == FROM_END)
		base = (s64)file->inode->size_bytes;
	if (!__builtin_add_overflow(base, offset, &result) && result >= 0 &&
	    (file->kind == FILE_REGULAR || result == 0))
		file->offset = (u64)result;
	else
		result = -EINVAL;
	mutex_unlock(&file->lock);
	return result;
}

s64 file_do_stat(struct file *file, struct sys_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	stat->block_bytes = file->kind == FILE_CONSOLE ? 1024 : PAGE_SIZE;
	if (file->inode) {
		stat->ino = file->inode->ino;
		stat->size_bytes = file->inode->size_bytes;
		stat->is_dir = file->inode->is_dir;
	}
	return 0;
}

/* One entry at a time, because they are large and kernel stacks are not. */
static s64 getdents_one(struct file *file, u64 to)
{
	struct fs_dirent *entry = kmalloc(sizeof(*entry), ALLOC_WAIT);
	struct sys_dirent *out = kzalloc(sizeof(*out), ALLOC_WAIT);
	u64 position = file->offset;
	s64 result = -ENOMEM;

	if (entry && out)
		result = fs_readdir(file->inode, &position, entry);
	if (result > 0) {
		out->ino = entry->ino;
		out->is_dir = entry->is_dir;
		memcpy(out->name, entry->name, MIN(sizeof(out->name), sizeof(entry->name)));
		if (copy_to_user((void *)to, out, sizeof(*out)))
			file->offset = position;
		else
			result = -EFAULT;
	}
	kfree(out);
	kfree(entry);
	return result;
}

s64 file_do_getdents(struct file *file, u64 entries, u64 count)
{
	s64 done = 0, result = 0;

	if (file->kind != FILE_DIRECTORY)
		return -ENOTDIR;
	mutex_lock(&file->lock);
	while ((u64)done < count) {
		result = getdents_one(file, entries + (u64)done * sizeof(struct sys_dirent));
		if (result <= 0)
			break;
		done++;
	}
	mutex_unlock(&file->lock);
	return done ? done : result;
}

s64 file_do_fsync(struct file *file)
{
	return file->kind == FILE_REGULAR ? file_sync(&file->inode->mapping) : -EINVAL;
}

void files_hold_mapped(struct proc *proc, struct file *file)
{
	mutex_lock(&proc->files_lock);
	if (list_empty(&file->mapped_link)) {
		atomic_add(&file->users, 1);
		list_add_tail(&file->mapped_link, &proc->mapped_files);
	}
	mutex_unlock(&proc->files_lock);
}

static bool is_mapped(struct mm *mm, const struct address_space *mapping)
{
	struct area *area;
	bool found = false;

	down_read(&mm->areas_lock);
	list_for_each_entry(area, &mm->areas, link)
		if (area->mapping == mapping)
			found = true;
	up_read(&mm->areas_lock);
	return found;
}

void files_release_unmapped(struct proc *proc)
{
	struct file *file, *next;

	mutex_lock(&proc->files_lock);
	list_for_each_entry_safe(file, next, &proc->mapped_files, mapped_link) {
		if (is_mapped(proc->mm, &file->inode->mapping))
			continue;
		list_del(&file->mapped_link);
		file_put(file);
	}
	mutex_unlock(&proc->files_lock);
}
