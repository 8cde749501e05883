/* SPDX-License-Identifier: MIT */
/*
 * errno.h - error numbers, with newlib's values so that a system call can
 * hand them straight to a workload. Functions return them negated.
 */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

/* A table, so that error_name() and the enum cannot disagree. */
#define ERRNO_TABLE(X)                            \
	X(EPERM, 1, "operation not permitted")    \
	X(ENOENT, 2, "no such file or directory") \
	X(ESRCH, 3, "no such workload")           \
	X(EINTR, 4, "interrupted")                \
	X(EIO, 5, "I/O error")                    \
	X(E2BIG, 7, "argument list too long")     \
	X(EBADF, 9, "bad file descriptor")        \
	X(EAGAIN, 11, "try again")                \
	X(ENOMEM, 12, "out of memory")            \
	X(EACCES, 13, "permission denied")        \
	X(EFAULT, 14, "bad address")              \
	X(EBUSY, 16, "busy")                      \
	X(EEXIST, 17, "already exists")           \
	X(ENODEV, 19, "no such device")           \
	X(ENOTDIR, 20, "not a directory")         \
	X(EISDIR, 21, "is a directory")           \
	X(EINVAL, 22, "invalid argument")         \
	X(EMFILE, 24, "too many open files")      \
	X(EFBIG, 27, "file too large")            \
	X(ENOSPC, 28, "no space left on device")  \
	X(ESPIPE, 29, "illegal seek")             \
	X(EROFS, 30, "read-only file system")     \
	X(ERANGE, 34, "out of range")             \
	X(ENOSYS, 88, "not implemented")          \
	X(ENAMETOOLONG, 91, "file name too long")

#define X(name, value, text) name = value,
enum harmony_errno { ERRNO_TABLE(X) };
#undef X

/* The text for a positive error number, "unknown error" otherwise. */
const char *error_name(int err);

#endif
