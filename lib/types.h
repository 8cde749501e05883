/* SPDX-License-Identifier: MIT */
/*
 * types.h - the words everything else is written in.
 *
 * Freestanding in the kernel, and equally at home in a host program: lib/,
 * mm/ and compress/ compile unchanged on both sides.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* The most CPUs that per-CPU arrays provide for. One is started today. */
#define MAX_CPUS 8

#define KIB (1UL << 10)
#define MIB (1UL << 20)
#define GIB (1UL << 30)

#define NSEC_PER_USEC 1000UL
#define NSEC_PER_MSEC 1000000UL
#define NSEC_PER_SEC  1000000000UL

#define BIT(n)		   (1UL << (n))
#define ARRAY_SIZE(a)	   (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)	   (((x) + ((a)-1)) & ~((typeof(x))(a)-1))
#define ALIGN_DOWN(x, a)   ((x) & ~((typeof(x))(a)-1))
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))

#define MIN(a, b)                   \
	({                          \
		typeof(a) _a = (a); \
		typeof(b) _b = (b); \
		_a < _b ? _a : _b;  \
	})
#define MAX(a, b)                   \
	({                          \
		typeof(a) _a = (a); \
		typeof(b) _b = (b); \
		_a > _b ? _a : _b;  \
	})

#define container_of(ptr, type, member) ((type *)((u8 *)(ptr)-offsetof(type, member)))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define READ_ONCE(x)	 (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

/* The compiler forgets what it knows of x, so that it makes no other path, behind a branch, for a case where less is to do. */
#define OPAQUE(x) asm("" : "+r"(x))

#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
#define __noreturn	    __attribute__((noreturn))
#define __noinline	    __attribute__((noinline))
#define __inlined	    inline __attribute__((always_inline))
#define __cold_path	    __attribute__((noinline, cold))
#define __packed	    __attribute__((packed))
#define __aligned(n)	    __attribute__((aligned(n)))
#define __must_check	    __attribute__((warn_unused_result))
#define __maybe_unused	    __attribute__((unused))

/* Atomics: one spelling everywhere. Relaxed where only the count matters. */
#define atomic_add(p, v)	((void)__atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define atomic_sub(p, v)	((void)__atomic_fetch_sub((p), (v), __ATOMIC_RELAXED))
#define atomic_read(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_add_return(p, v) __atomic_add_fetch((p), (v), __ATOMIC_ACQ_REL)
#define atomic_sub_return(p, v) __atomic_sub_fetch((p), (v), __ATOMIC_ACQ_REL)
#define atomic_fetch_or(p, v)	__atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define atomic_fetch_and(p, v)	__atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define atomic_xchg(p, v)	__atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

#endif
