/* SPDX-License-Identifier: MIT */
/*
 * codec.h - what the store asks of a compressor. One page in, at most
 * limit bytes out; the same page back.
 */
#ifndef COMPRESS_CODEC_H
#define COMPRESS_CODEC_H

#include "lib/types.h"

struct codec {
	const char *name;
	u32 state_bytes; /* scratch memory for one compression, 8-byte aligned */
	/*
	 * Compress one page. Returns the size in bytes, or 0 if it would take more
	 * than limit bytes. Writes at most limit bytes. Any context.
	 */
	u32 (*compress)(void *state, const void *page, void *out, u32 limit_bytes);
	/* True when exactly one page came out. Never writes beyond it. */
	bool (*decompress)(const void *in, u32 len_bytes, void *page);
};

extern const struct codec codec_lz4;

#endif
