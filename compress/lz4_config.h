/* SPDX-License-Identifier: MIT */
/*
 * lz4_config.h - how LZ4 is built here. Included before lz4.c (-include) and
 * before lz4.h, in the kernel and on the host alike: both must agree on the
 * size of the state, and figures measured on the host must be the kernel's.
 *
 * LZ4_MEMORY_USAGE 12: a hash table of 4 KiB, 2048 entries of 16 bits, instead of 16 KiB. LZ4
 * clears the whole table for each page, which has at most 4096 positions to enter. Mean zpage
 * of C headers with 10, 11, 12, 13, 14: 1792, 1761, 1749, 1745, 1742 bytes; of JSON: 933, 923, 919,
 * 914, 913. The clearing costs 128 words at 10, 512 at 12, 2048 at 14, so beyond 12 it grows
 * by hundreds of instructions a page and gains 0.4 %.
 */
#ifndef COMPRESS_LZ4_CONFIG_H
#define COMPRESS_LZ4_CONFIG_H

#define LZ4_MEMORY_USAGE 12

/* No libc; copies of constant size are inlined by the compiler, others go to lib/string.c. */
#ifndef LZ4_FREESTANDING
#define LZ4_FREESTANDING 1
#endif
#include "lib/string.h"
#define LZ4_memcpy(dst, src, bytes)  __builtin_memcpy(dst, src, bytes)
#define LZ4_memmove(dst, src, bytes) __builtin_memmove(dst, src, bytes)
#define LZ4_memset(dst, c, bytes)    __builtin_memset(dst, c, bytes)

#endif
