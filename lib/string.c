/* SPDX-License-Identifier: MIT */
/*
 * string.c - memory and strings by the word.
 *
 * Unaligned 64-bit loads and stores are cheap on this machine, so copies do
 * not align first: they move words, then the odd bytes. A
 * compiler that recognised memcpy's own loop would replace it by a call to
 * memcpy; the barrier in each turn prevents that.
 */
#include "lib/string.h"

/* May alias anything and need not be aligned. */
typedef u64 __attribute__((may_alias, aligned(1))) word_t;

#define WORD	     sizeof(word_t)
#define WORDS_A_PAGE (PAGE_SIZE / sizeof(u64))

/* Keeps the compiler from turning a loop back into a library call. */
#define barrier() __asm__ volatile("" ::: "memory")

/*
 * Forward, by words. One iteration of rep movsq is one instruction to a machine that counts time in
 * instructions; a loop needs several. The direction flag is clear at every call.
 */
static inline void copy_words(void *dst, const void *src, size_t words)
{
	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
}

static inline void fill_words(void *dst, u64 word, size_t words)
{
	__asm__ volatile("rep stosq" : "+D"(dst), "+c"(words) : "a"(word) : "memory");
}

void copy_page(void *dst, const void *src)
{
	copy_words(dst, src, WORDS_A_PAGE);
}

void fill_page(void *page, u64 word)
{
	fill_words(page, word, WORDS_A_PAGE);
}

void clear_page(void *page)
{
	fill_page(page, 0);
}

bool page_is_same_filled(const void *page, u64 *word)
{
	const word_t *p = page;
	u64 first = p[0];

	/* One look at the far end settles most pages. */
	if (p[WORDS_A_PAGE - 1] != first)
		return false;
	for (u32 i = 0; i < WORDS_A_PAGE; i += 8) {
		u64 differ = (p[i] ^ first) | (p[i + 1] ^ first) | (p[i + 2] ^ first) |
			     (p[i + 3] ^ first) | (p[i + 4] ^ first) | (p[i + 5] ^ first) |
			     (p[i + 6] ^ first) | (p[i + 7] ^ first);

		if (differ)
			return false;
	}
	*word = first;
	return true;
}

size_t kstrlcpy(char *dst, const char *src, size_t size)
{
	size_t len = 0;

	for (; src[len]; len++)
		if (len + 1 < size)
			dst[len] = src[len];
	dst[MIN(len, size - 1)] = '\0';
	return len;
}

#ifndef HARMONY_HOST

/* Beneath so many words a loop is as fast, and starting rep is not free. */
#define REP_WORDS 8

static inline void copy_bytes(u8 *d, const u8 *s, size_t bytes)
{
	for (; bytes; bytes--) {
		*d++ = *s++;
		barrier();
	}
}

/*
 * The odd bytes behind the last whole word are the end of a word that overlaps it; it is loaded first, because the copy
 * may overwrite it.
 */
static inline void copy_forward(u8 *d, const u8 *s, size_t bytes)
{
	size_t words = bytes / WORD;

	if (likely(words >= REP_WORDS)) {
		u64 last = *(const word_t *)(s + bytes - WORD);

		copy_words(d, s, words);
		*(word_t *)(d + bytes - WORD) = last;
		return;
	}
	for (; bytes >= WORD; bytes -= WORD, d += WORD, s += WORD) {
		*(word_t *)d = *(const word_t *)s;
		barrier();
	}
	copy_bytes(d, s, bytes);
}

static void copy_backward(u8 *d, const u8 *s, size_t bytes)
{
	for (; bytes >= 2 * WORD; bytes -= 2 * WORD) {
		u64 a = *(const word_t *)(s + bytes - WORD);
		u64 b = *(const word_t *)(s + bytes - 2 * WORD);

		*(word_t *)(d + bytes - WORD) = a;
		*(word_t *)(d + bytes - 2 * WORD) = b;
		barrier();
	}
	for (; bytes; bytes--) {
		d[bytes - 1] = s[bytes - 1];
		barrier();
	}
}

void *memcpy(void *dst, const void *src, size_t bytes)
{
	copy_forward(dst, src, bytes);
	return dst;
}

/*
 * Forward is safe when dst lies before src, however near: each word is stored before the next is
 * loaded, and lies before it.
 */
void *memmove(void *dst, const void *src, size_t bytes)
{
	if ((uintptr_t)dst - (uintptr_t)src >= bytes)
		copy_forward(dst, src, bytes);
	else
		copy_backward(dst, src, bytes);
	return dst;
}

void *memset(void *dst, int c, size_t bytes)
{
	u8 *d = dst;
	u64 word = 0x0101010101010101UL * (u8)c;

	size_t words = bytes / WORD;

	if (words >= REP_WORDS) {
		fill_words(d, word, words);
		d += words * WORD;
		bytes -= words * WORD;
	}
	for (; bytes >= WORD; bytes -= WORD, d += WORD) {
		*(word_t *)d = word;
		barrier();
	}
	for (; bytes; bytes--) {
		*d++ = (u8)c;
		barrier();
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const u8 *x = a, *y = b;

	while (bytes >= WORD && *(const word_t *)x == *(const word_t *)y) {
		x += WORD;
		y += WORD;
		bytes -= WORD;
	}
	for (; bytes; bytes--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t bytes)
{
	const u8 *p = s;

	for (; bytes; bytes--, p++)
		if (*p == (u8)c)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t len = 0;

	while (s[len]) {
		len++;
		barrier();
	}
	return len;
}

size_t strnlen(const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len])
		len++;
	return len;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t max)
{
	for (; max; max--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)(uintptr_t)last;
	}
}

char *strstr(const char *s, const char *needle)
{
	size_t len = strlen(needle);

	for (;; s++) {
		if (!strncmp(s, needle, len))
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

#endif /* !HARMONY_HOST */
