/* SPDX-License-Identifier: MIT */
/*
 * codec_lz4.c - LZ4 as a codec.
 *
 * The state is the caller's and is there before any pressure is. The limit is
 * passed on, so that LZ4 gives up on a poor page as soon as it has written too much.
 * Decompression uses the bounds-checked decoder: bytes from a disk must not lead
 * outside the page, and anything but exactly one page is corrupt.
 */
#include "compress/lz4_config.h"

#include <lz4.h>

#include "compress/codec.h"
#include "lib/assert.h"

/* Speed over ratio: LZ4's default. */
#define ACCELERATION 1

static u32 lz4_compress(void *state, const void *page, void *out, u32 limit_bytes)
{
	/* lz4.c built with another LZ4_MEMORY_USAGE would write beyond the state. */
	ASSERT(LZ4_sizeofState() == sizeof(LZ4_stream_t));
	return (u32)LZ4_compress_fast_extState(state, page, out, PAGE_SIZE, (int)limit_bytes,
					       ACCELERATION);
}

static bool lz4_decompress(const void *in, u32 len_bytes, void *page)
{
	return LZ4_decompress_safe(in, page, (int)len_bytes, PAGE_SIZE) == (int)PAGE_SIZE;
}

const struct codec codec_lz4 = {
	.name = "lz4",
	.state_bytes = sizeof(LZ4_stream_t),
	.compress = lz4_compress,
	.decompress = lz4_decompress,
};
