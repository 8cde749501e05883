/* SPDX-License-Identifier: MIT */
/*
 * assert.h - three levels of checks.
 *
 *   ASSERT        O(1), in every build.
 *   DEBUG_ASSERT  per-object checks, in debug builds (CONFIG_DEBUG=1).
 *   full walks    functions named *_verify(), called by tests and dumps.
 */
#ifndef LIB_ASSERT_H
#define LIB_ASSERT_H

#include "lib/types.h"

#ifndef CONFIG_DEBUG
#define CONFIG_DEBUG 0
#endif

/*
 * Stop the machine (kernel: reason, registers, backtrace, QEMU exits
 * non-zero; host: message and abort). Any context.
 */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

#define ASSERT(cond)                                                                         \
	do {                                                                                 \
		if (unlikely(!(cond)))                                                       \
			panic("%s:%d: %s: failed: %s", __FILE__, __LINE__, __func__, #cond); \
	} while (0)

#define DEBUG_ASSERT(cond)            \
	do {                          \
		if (CONFIG_DEBUG)     \
			ASSERT(cond); \
	} while (0)

#endif
