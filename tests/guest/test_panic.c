/* SPDX-License-Identifier: MIT */
/*
 * test_panic.c - mistakes of the kernel's own, made on purpose. Each must end in a panic that
 * names it; a test that returns has failed.
 */
#include "kernel/paging.h"
#include "kernel/thread.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "mm/env.h"
#include "tests/guest/ktap.h"

static struct spinlock test_lock = SPINLOCK_INIT("test");

/* Deep enough for any stack; the array keeps it from becoming a loop. */
static u64 recurse(u64 depth)
{
	volatile u64 eaten[64];

	eaten[depth % 64] = depth;
	return depth ? recurse(depth - 1) + eaten[depth % 64] : 0;
}

static void overflow(void *arg)
{
	*(volatile u64 *)arg = recurse(1 << 20);
}

const char *panic_stack(void)
{
	static u64 result;

	EXPECT(thread_start("overflow", overflow, &result, NULL));
	env_sleep_ns(NSEC_PER_SEC);
	return "the thread's stack has no end";
}

const char *panic_boot_stack(void)
{
	return recurse(1 << 20) ? "the boot stack has no end" : NULL;
}

const char *panic_null(void)
{
	volatile u64 *null = NULL;

	__asm__("" : "+r"(null));
	return *null ? "page 0 is mapped" : "page 0 is mapped and holds 0";
}

const char *panic_text(void)
{
	*(volatile u8 *)__text_start = 0;
	return "text can be written";
}

/* The same bytes at their other address. */
const char *panic_alias(void)
{
	*(volatile u8 *)phys_to_virt((u64)__text_start - KERNEL_VMA) = 0;
	return "text can be written through the direct map";
}

const char *panic_exec(void)
{
	static u8 code[] = { 0xc3 }; /* ret */

	((void (*)(void))(u64)code)();
	return "data can be executed";
}

const char *panic_sleep(void)
{
	spin_lock(&test_lock);
	env_sleep_ns(1);
	spin_unlock(&test_lock);
	return "slept with a spinlock held";
}

const char *panic_lock(void)
{
	spin_lock(&test_lock);
	spin_lock(&test_lock);
	return "took a spinlock twice";
}

const char *panic_mutex(void)
{
	static struct mutex mutex;

	mutex_init(&mutex, "test");
	mutex_lock(&mutex);
	mutex_lock(&mutex);
	return "took a mutex twice";
}
