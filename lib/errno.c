/* SPDX-License-Identifier: MIT */
/*
 * errno.c - texts of error numbers, from the same table as the numbers, for
 * messages that a person reads.
 */
#include "lib/errno.h"

#define X(name, value, text) \
	case name:           \
		return text;

const char *error_name(int err)
{
	switch (err) {
		ERRNO_TABLE(X)
	default:
		return "unknown error";
	}
}
#undef X
