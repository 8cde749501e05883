/* SPDX-License-Identifier: MIT */
/*
 * printk.c - the console.
 *
 * A message is formatted whole and written whole, under one lock, so that lines of different
 * threads do not mix. Lines have no prefix: those for programs (@stat, @result, KTAP) must begin
 * with what their readers look for.
 *
 * The port is written with interrupts off only for the length of one message.
 */
#include "drivers/serial.h"
#include "kernel/panic.h"
#include "lib/lock.h"
#include "lib/print.h"

#define MESSAGE_BYTES 18432 /* a @result line is the longest */

static struct {
	struct spinlock lock; /* buf, and the port */
	char buf[MESSAGE_BYTES];
} console = { .lock = SPINLOCK_INIT("console") };

void printk(const char *fmt, ...)
{
	va_list args;
	u64 flags;
	int length;

	/* In a panic the lock, if taken, is broken: see acquire() in lock.c. */
	flags = spin_lock_irqsave(&console.lock);
	va_start(args, fmt);
	length = kvsnprintf(console.buf, sizeof(console.buf), fmt, args);
	va_end(args);
	serial_write(console.buf, MIN((size_t)length, sizeof(console.buf) - 1));
	spin_unlock_irqrestore(&console.lock, flags);
}
