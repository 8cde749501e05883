/* SPDX-License-Identifier: MIT */
/* test_lib.c - printing against the C library's, bitmaps against a plain array, page helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/math.h"
#include "lib/print.h"
#include "lib/prng.h"
#include "lib/string.h"

/* Same text and length as snprintf, whole and cut at every length. */
#define SAME(fmt, ...)                                                                   \
	do {                                                                             \
		char _theirs[256], _ours[256];                                           \
		int _n = snprintf(_theirs, sizeof(_theirs), fmt, __VA_ARGS__);           \
		assert_int_equal(ksnprintf(_ours, sizeof(_ours), fmt, __VA_ARGS__), _n); \
		assert_string_equal(_ours, _theirs);                                     \
		for (int _i = 1; _i <= _n; _i++) {                                       \
			assert_int_equal(ksnprintf(_ours, _i, fmt, __VA_ARGS__), _n);    \
			snprintf(_theirs, _i, fmt, __VA_ARGS__);                         \
			assert_string_equal(_ours, _theirs);                             \
		}                                                                        \
	} while (0)

static void test_print_numbers(void **state)
{
	static const s64 values[] = { 0,    1,	       -1,	  9,	     10,       -10,
				      4096, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };

	for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
		int v = (int)values[i];

		SAME("%d|%5d|%-5d|%05d|%+d|% d", v, v, v, v, v, v);
		SAME("%i|%u|%x|%X|%#x|%08x|%-8x|", v, v, v, v, v, v, v);
		SAME("%.3d|%8.3d|%-8.3d|%.0d|", v, v, v, v);
		SAME("%ld|%lld|%lu|%llx|%zu", values[i], (long long)values[i], (u64)values[i],
		     (unsigned long long)values[i], (size_t)values[i]);
		SAME("%*d|%-*d|%.*d", 7, v, 7, v, 4, v);
		SAME("%*d|", -9, v);
		SAME("%#10lx|%#-10lx|%#010lx", (u64)values[i], (u64)values[i], (u64)values[i]);
	}
}

static void test_print_text(void **state)
{
	const char *volatile nothing = NULL;
	char buf[16];

	SAME("%s|%10s|%-10s|%.2s|%10.2s|%.*s", "frame", "frame", "frame", "frame", "frame", 3,
	     "frame");
	SAME("%c%c|%3c|%-3c|%%", 'a', 'b', 'c', 'd');
	SAME("%p", (void *)0x1234abcdUL);
	assert_int_equal(ksnprintf(buf, sizeof(buf), "%s", nothing), 6);
	assert_string_equal(buf, "(null)");
	assert_int_equal(ksnprintf(NULL, 0, "%d frames", 12), 9);
}

static void test_bitmap(void **state)
{
	enum { BITS = 200 };
	u64 map[BITMAP_WORDS(BITS)] = { 0 };
	bool model[BITS] = { false };
	struct prng rng;

	prng_seed(&rng, 3);
	for (u32 step = 0; step < 20000; step++) {
		u64 bit = prng_below(&rng, BITS), from = prng_below(&rng, BITS + 1);
		u64 set = from, clear = from, count = 0;

		model[bit] = prng_chance(&rng, step / 200 % 100);
		if (model[bit])
			bitmap_set(map, bit);
		else
			bitmap_clear(map, bit);
		while (set < BITS && !model[set])
			set++;
		while (clear < BITS && model[clear])
			clear++;
		for (u32 i = 0; i < BITS; i++)
			count += model[i];
		assert_int_equal(bitmap_test(map, bit), model[bit]);
		assert_int_equal(bitmap_find_next_set(map, BITS, from), set);
		assert_int_equal(bitmap_find_next_zero(map, BITS, from), clear);
		assert_int_equal(bitmap_count(map, BITS), count);
	}
}

static void test_bitmap_run(void **state)
{
	u64 map[2] = { 0 };

	bitmap_set(map, 3);
	bitmap_set(map, 70);
	assert_int_equal(bitmap_find_zero_run(map, 100, 0, 3), 0);
	assert_int_equal(bitmap_find_zero_run(map, 100, 0, 4), 4);
	assert_int_equal(bitmap_find_zero_run(map, 100, 0, 66), 4);
	assert_int_equal(bitmap_find_zero_run(map, 100, 0, 67), 100);
	assert_int_equal(bitmap_find_zero_run(map, 100, 5, 29), 5);
	assert_int_equal(bitmap_find_zero_run(map, 100, 68, 29), 71);
	assert_int_equal(bitmap_find_zero_run(map, 100, 68, 30), 100);
}

static void test_pages(void **state)
{
	u64 *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	u64 *copy = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	struct prng rng;
	u64 word = 1;

	prng_seed(&rng, 4);
	clear_page(page);
	assert_true(page_is_same_filled(page, &word));
	assert_int_equal(word, 0);
	fill_page(page, 0x1122334455667788UL);
	assert_true(page_is_same_filled(page, &word));
	assert_int_equal(word, 0x1122334455667788UL);
	for (u32 i = 0; i < PAGE_SIZE; i++) {
		((u8 *)page)[i] ^= 1;
		assert_false(page_is_same_filled(page, &word));
		((u8 *)page)[i] ^= 1;
	}
	prng_fill(&rng, page, PAGE_SIZE);
	copy_page(copy, page);
	assert_memory_equal(copy, page, PAGE_SIZE);
	free(page);
	free(copy);
}

static void test_strlcpy(void **state)
{
	char buf[4];

	assert_int_equal(kstrlcpy(buf, "ab", sizeof(buf)), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(kstrlcpy(buf, "abcdef", sizeof(buf)), 6);
	assert_string_equal(buf, "abc");
	assert_int_equal(kstrlcpy(buf, "x", 1), 1);
	assert_string_equal(buf, "");
}

static void test_prng(void **state)
{
	struct prng a, b;
	u32 seen[10] = { 0 };
	u8 bytes[13];

	prng_seed(&a, 0);
	prng_seed(&b, 0);
	for (u32 i = 0; i < 10000; i++) {
		u64 x = prng_below(&a, 10);

		assert_int_equal(x, prng_below(&b, 10));
		seen[x]++;
	}
	for (u32 i = 0; i < 10; i++)
		assert_in_range(seen[i], 850, 1150);
	prng_seed(&b, 1);
	assert_int_not_equal(prng_next(&a), prng_next(&b));
	assert_int_equal(prng_below(&a, 1), 0);
	prng_fill(&a, bytes, sizeof(bytes));
}

static void test_errno(void **state)
{
	assert_string_equal(error_name(ENOMEM), "out of memory");
	assert_string_equal(error_name(ENAMETOOLONG), "file name too long");
	assert_string_equal(error_name(12345), "unknown error");
}

static void test_square_root(void **state)
{
	for (u64 root = 0; root < 70000; root += 1 + root / 50) {
		assert_int_equal(square_root(root * root), root);
		assert_int_equal(square_root(root * root + 2 * root), root);
	}
	assert_int_equal(square_root(BIT(62)), BIT(31));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_numbers), cmocka_unit_test(test_print_text),
		cmocka_unit_test(test_bitmap),	      cmocka_unit_test(test_bitmap_run),
		cmocka_unit_test(test_pages),	      cmocka_unit_test(test_strlcpy),
		cmocka_unit_test(test_prng),	      cmocka_unit_test(test_square_root),
		cmocka_unit_test(test_errno),
	};

	return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
