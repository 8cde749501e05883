/* SPDX-License-Identifier: MIT */
/* sized.c - a page is the size of its zpage (2 bytes), random bytes up to that, and zeros. */
#include "tests/store/sized.h"

#include "lib/prng.h"
#include "lib/string.h"
#include "tests/store/contents.h"

const struct sized_law sized_laws[] = {
	{ "sizes-narrow", 1700, 1850 }, /* records of one program */
	{ "sizes-kernel2013", 0, 0 },
	{ "sizes-any", 24, 3200 }, /* beyond the limit too */
};
const u32 nr_sized_laws = ARRAY_SIZE(sized_laws);

static u32 size_of(const void *page)
{
	u16 size;

	memcpy(&size, page, sizeof(size));
	return size;
}

static u32 sized_compress(void *state, const void *page, void *out, u32 limit_bytes)
{
	u32 size = size_of(page);

	if (size > limit_bytes)
		return 0;
	memcpy(out, page, size);
	return size;
}

static bool sized_decompress(const void *in, u32 len_bytes, void *page)
{
	if (len_bytes < sizeof(u16) || len_bytes > PAGE_SIZE || size_of(in) != len_bytes)
		return false;
	memcpy(page, in, len_bytes);
	memset((u8 *)page + len_bytes, 0, PAGE_SIZE - len_bytes);
	return true;
}

const struct codec codec_sized = {
	.name = "sized",
	.state_bytes = 8,
	.compress = sized_compress,
	.decompress = sized_decompress,
};

void sized_fill(void *ctx, u64 number, void *page)
{
	const struct sized_pages *pages = ctx;
	const struct sized_law *law = pages->law;
	struct prng rng;
	u16 size;

	prng_seed(&rng, pages->seed * 0x9e3779b97f4a7c15UL + number);
	if (law->min_bytes)
		size = (u16)(law->min_bytes +
			     prng_below(&rng, law->max_bytes - law->min_bytes + 1));
	else
		size = (u16)content_kernel_size(&rng);
	clear_page(page);
	prng_fill(&rng, page, size);
	memcpy(page, &size, sizeof(size));
}
