/* SPDX-License-Identifier: MIT */
/* test_zadopt.c - blocks that were read back from swap become frames of the log again, several at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "compress/zstore_impl.h"
#include "lib/string.h"
#include "tests/host/env.h"
#include "tests/host/zstore_model.h"

/* Keys from 2 on, the even ones: anon pages. */
#define NR_STORED 24

static void store_and_evict(void)
{
	for (u64 key = 2; key <= NR_STORED; key += 2) {
		struct model_ref *ref = &m.ref[key];
		u32 size;

		fill_kind(ref->copy, (enum kind)(SPARSE + key / 2 % 4));
		ref->stamp = (u32)key;
		assert_int_equal(zstore_store(m.zs, Z_ANON, ref->copy, key, ref->stamp,
					      &ref->handle, &size),
				 ZS_OK);
		ref->where = IN_STORE;
	}
	zstore_shrink(m.zs, Z_ANON, 1000);
}

/* Those in the store, as they were or found corrupt. Returns how many are whole. */
static u32 load_all(void)
{
	u8 page[PAGE_SIZE] __aligned(8);
	u32 whole = 0, stamp;

	for (u64 key = 2; key <= NR_STORED; key += 2) {
		struct model_ref *ref = &m.ref[key];

		if (ref->where != IN_STORE)
			continue;
		ref->transit = true;
		if (zstore_load(m.zs, Z_ANON, ref->handle, key, page, &stamp) == ZS_OK) {
			assert_true(!memcmp(page, ref->copy, PAGE_SIZE));
			whole++;
		}
		ref->transit = false;
		ref->where = RESIDENT;
	}
	return whole;
}

/* Blocks that were damaged on disk, adopted: what is still whole comes back, the rest is found corrupt. */
static void adopt_damaged(u32 *adopted_pages)
{
	struct zstore_type_stats z;
	void *blocks[3];
	u32 kept, first = m.ref[2].block.slot;

	for (u32 i = 0; i < ARRAY_SIZE(blocks); i++) {
		u8 *block = blocks[i] = model_take_frame(Z_ANON);

		copy_page(block, m.block[first + i]);
		block[prng_below(&m.rng, 120)] ^= 1 << prng_below(&m.rng, 8);
	}
	kept = zstore_adopt(m.zs, Z_ANON, blocks, ARRAY_SIZE(blocks), first, 0);
	for (u32 i = 0; i < ARRAY_SIZE(blocks); i++)
		if (!(kept & BIT(i)))
			model_return_frame(blocks[i]);
	zstore_verify(m.zs, NULL);
	zstore_get_stats(m.zs, Z_ANON, &z);
	assert_int_equal(z.adopted_pages, z.stored_pages);
	*adopted_pages += z.adopted_pages;
	load_all();
	zstore_get_stats(m.zs, Z_ANON, &z);
	assert_int_equal(z.stored_pages, 0);
	zstore_verify(m.zs, NULL);
}

static void test_damaged_blocks_adopted(void **state)
{
	u32 adopted_pages = 0;

	for (u64 seed = 1; seed <= 300; seed++) {
		model_init(seed);
		store_and_evict();
		assert_int_equal(m.ref[2].where, ON_SWAP);
		if (m.ref[2].block.slot + 2 <= NR_BLOCKS)
			adopt_damaged(&adopted_pages);
		model_exit();
	}
	assert_true(adopted_pages > 300);
}

/* Blocks as they were written, read together: all of their zpages come back, those that span too, but the one taken. */
static void test_spanning_adopted(void **state)
{
	struct zstore_type_stats z;
	u32 spanning = 0, first, kept, nr = 0;
	void *blocks[ZSTORE_ADOPT_BLOCKS];

	model_init(1);
	store_and_evict();
	first = m.ref[2].block.slot;
	for (u64 key = 2; key <= NR_STORED; key += 2) {
		assert_int_equal(m.ref[key].where, ON_SWAP);
		spanning += m.ref[key].block.spans;
		nr = MAX(nr, m.ref[key].block.slot + m.ref[key].block.spans - first + 1);
	}
	assert_true(spanning >= 2 && nr >= 3 && nr <= ARRAY_SIZE(blocks));
	for (u32 i = 0; i < nr; i++) {
		blocks[i] = model_take_frame(Z_ANON);
		copy_page(blocks[i], m.block[first + i]);
	}
	kept = zstore_adopt(m.zs, Z_ANON, blocks, nr, first, 6);
	assert_int_equal(kept, BIT(nr) - 1);
	zstore_get_stats(m.zs, Z_ANON, &z);
	assert_int_equal(z.stored_pages, NR_STORED / 2 - 1);
	assert_int_equal(z.adopted_frames, nr);
	assert_int_equal(m.ref[6].where, ON_SWAP);
	model_ref_put(&m.ref[6]);
	m.ref[6].where = RESIDENT;
	zstore_verify(m.zs, NULL);
	assert_int_equal(load_all(), NR_STORED / 2 - 1);
	assert_int_equal(m.held[Z_ANON], 0);
	for (u32 slot = 1; slot <= NR_BLOCKS; slot++)
		assert_int_equal(m.uses[slot], 0);
	model_exit();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged_blocks_adopted),
		cmocka_unit_test(test_spanning_adopted),
	};

	model_next_config(0); /* the log, with checksums */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
