/* SPDX-License-Identifier: MIT */
/* usercopy.h - between the copies to and from user memory and the page-fault handler. */
#ifndef KERNEL_USERCOPY_H
#define KERNEL_USERCOPY_H

#include "lib/types.h"

/* entry.asm */
bool user_copy(void *to, const void *from, size_t bytes);
extern const u8 user_copy_begin[], user_copy_end[], user_copy_failed[];

/* May an access by the instruction at rip fault on a user address? */
bool user_copy_covers(u64 rip);

#endif
