/* SPDX-License-Identifier: MIT */
/*
 * string.h - memory and strings, and the operations on whole pages.
 *
 * The machine counts time in instructions (QEMU -icount), where a byte loop
 * costs a thousand times what it costs natively and SIMD is not available to
 * a kernel built with -mgeneral-regs-only. So everything that touches pages
 * moves 64-bit words.
 *
 * On the host (HARMONY_HOST) the C library provides the standard functions and
 * only the page helpers are ours. Any context; nothing here sleeps or fails.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

#ifdef HARMONY_HOST
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t bytes);
void *memmove(void *dst, const void *src, size_t bytes);
void *memset(void *dst, int c, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *s, int c, size_t bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
#endif

/*
 * Copy src into dst of the given size, cut short if need be, always
 * terminated (size > 0). Returns strlen(src): a value >= size says it was cut.
 */
size_t kstrlcpy(char *dst, const char *src, size_t size);

/* One page; both addresses aligned to 8 bytes, no overlap. */
void copy_page(void *dst, const void *src);
void clear_page(void *page);

/*
 * Is the page one 64-bit word repeated? Then *word is that word. page is
 * aligned to 8 bytes.
 */
bool page_is_same_filled(const void *page, u64 *word);
/* Fill a page with one word. */
void fill_page(void *page, u64 word);

#endif
