/* SPDX-License-Identifier: MIT */
/* test_kmalloc.c - small objects against a model; what is refused; frames come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/alloc.h"
#include "mm/lru.h"
#include "mm/vmscan.h"
#include "tests/host/env.h"

#define NR_FRAMES   2048
#define MAX_LIVE    1500
#define NR_CLASSES  11 /* at most one empty slab of each stays */
#define LARGE_BYTES (5 * PAGE_SIZE)

static int boot(void **state)
{
	host_boot(NR_FRAMES, 7);
	mem_layout = (struct mem_layout){ HOST_FIRST_PFN, NR_FRAMES, host_memmap() };
	vmscan_init();
	page_alloc_init();
	kmalloc_init();
	lru_init();
	alloc_fail_every = 0;
	return 0;
}

struct object {
	u8 *bytes;
	size_t size;
	u8 stamp;
};

static void object_check(const struct object *object)
{
	for (size_t i = 0; i < object->size; i++)
		assert_int_equal(object->bytes[i], (u8)(object->stamp + i));
}

static void model_step(struct prng *rng, struct object *object)
{
	if (object->bytes) {
		object_check(object);
		kfree(object->bytes);
		object->bytes = NULL;
		return;
	}
	object->size = 1 + prng_below(rng, prng_chance(rng, 5) ? LARGE_BYTES : 300);
	object->stamp = (u8)prng_next(rng);
	object->bytes = kmalloc(object->size, ALLOC_ATOMIC);
	assert_non_null(object->bytes);
	assert_int_equal((u64)object->bytes % 16, 0);
	for (size_t i = 0; i < object->size; i++)
		object->bytes[i] = (u8)(object->stamp + i);
}

static void test_random_against_model(void **state)
{
	for (u64 seed = 1; seed <= 5; seed++) {
		struct object live[MAX_LIVE] = { 0 };
		struct prng rng;

		prng_seed(&rng, seed);
		for (u32 step = 0; step < 20000; step++) {
			model_step(&rng, &live[prng_below(&rng, MAX_LIVE)]);
			if (step % 500 == 0)
				kmalloc_verify();
		}
		for (u32 i = 0; i < MAX_LIVE; i++) {
			if (live[i].bytes)
				model_step(&rng, &live[i]);
		}
		kmalloc_verify();
		page_alloc_verify();
		assert_int_equal(kmalloc_bytes(), 0);
		assert_true(frame_count(FRAME_SLAB) <= NR_CLASSES);
		assert_int_equal(frame_count(FRAME_KERNEL), 0);
	}
}

static void test_every_size(void **state)
{
	for (size_t size = 1; size <= 2 * PAGE_SIZE + 1; size++) {
		u8 *bytes = kzalloc(size, ALLOC_ATOMIC);

		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		assert_true(kmalloc_bytes() >= size);
		memset(bytes, 0xff, size);
		kfree(bytes);
	}
	assert_int_equal(kmalloc_bytes(), 0);
	kfree(NULL);
	assert_null(kmalloc((PAGE_SIZE << MAX_ORDER) + 1, ALLOC_ATOMIC));
}

static void test_no_memory(void **state)
{
	u32 got = 0;

	while (kmalloc(2048, ALLOC_ATOMIC))
		got++;
	assert_int_equal(nr_free_frames(), watermark_frames(WMARK_MIN));
	assert_int_equal(got, 2 * (NR_FRAMES - watermark_frames(WMARK_MIN)));
	kmalloc_verify();
}

static void test_late_write_is_found(void **state)
{
	u8 *a = kmalloc(100, ALLOC_ATOMIC);

	kfree(a);
	a[50] = 1;
	EXPECT_PANIC(kmalloc_verify(), "byte 50 is 0x1");
	EXPECT_PANIC(kmalloc(100, ALLOC_ATOMIC), "written to while free");
}

static void test_late_link_write_is_found(void **state)
{
	u64 *a = kmalloc(64, ALLOC_ATOMIC);

	kfree(a);
	a[0] = 0;
	EXPECT_PANIC(kmalloc(64, ALLOC_ATOMIC), "first word 0");
}

static void test_bad_frees_are_refused(void **state)
{
	u8 *a = kmalloc(100, ALLOC_ATOMIC), *b = kmalloc(100, ALLOC_ATOMIC);
	u8 *large = kmalloc(LARGE_BYTES, ALLOC_ATOMIC);
	u64 local;

	kfree(a);
	EXPECT_PANIC(kfree(a), "already free");
	EXPECT_PANIC(kfree(b + 16), "not the start of an object");
	EXPECT_PANIC(kfree(large + 64), "not the start of an object");
	EXPECT_PANIC(kfree(&local), "not in managed memory");
	kfree(b);
	kfree(large);
	kmalloc_verify();
}

/* An owner may write the very word that marks free objects. */
static void test_magic_in_live_object(void **state)
{
	u64 *a = kmalloc(64, ALLOC_ATOMIC), *b = kmalloc(64, ALLOC_ATOMIC);
	u64 magic;

	kfree(a);
	magic = *a;
	*b = magic;
	kfree(b);
	kmalloc_verify();
	assert_int_equal(kmalloc_bytes(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_random_against_model, boot),
		cmocka_unit_test_setup(test_every_size, boot),
		cmocka_unit_test_setup(test_no_memory, boot),
		cmocka_unit_test_setup(test_late_write_is_found, boot),
		cmocka_unit_test_setup(test_late_link_write_is_found, boot),
		cmocka_unit_test_setup(test_bad_frees_are_refused, boot),
		cmocka_unit_test_setup(test_magic_in_live_object, boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
