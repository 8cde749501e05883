/* SPDX-License-Identifier: MIT */
/*
 * content.c - memory whose bytes can be derived again, and the vocabulary of its text.
 *
 * A page begins with its own number and version, so that a page in the wrong place or an old copy
 * is told from a damaged one.
 */
#include <string.h>

#include "workloads/util.h"

#define WORD_BYTES 16

/* In room of one size, which is copied whole, and faster than a length that has to be found. */
struct word {
	char text[WORD_BYTES];
	uint64_t length;
};

#define WORD(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct word words_table[VOCABULARY_WORDS] = {
	WORD("memory"),	  WORD("frame"),	 WORD("page"),	     WORD("store"),
	WORD("active"),	  WORD("inactive"),	 WORD("compressed"), WORD("balance"),
	WORD("harbour"),  WORD("river"),	 WORD("mountain"),   WORD("village"),
	WORD("garden"),	  WORD("window"),	 WORD("letter"),     WORD("market"),
	WORD("morning"),  WORD("evening"),	 WORD("winter"),     WORD("summer"),
	WORD("silver"),	  WORD("copper"),	 WORD("marble"),     WORD("timber"),
	WORD("account"),  WORD("balance sheet"), WORD("invoice"),    WORD("customer"),
	WORD("delivery"), WORD("warehouse"),	 WORD("quantity"),   WORD("discount"),
	WORD("travel"),	  WORD("ticket"),	 WORD("station"),    WORD("platform"),
	WORD("arrival"),  WORD("departure"),	 WORD("journey"),    WORD("luggage"),
	WORD("violin"),	  WORD("cello"),	 WORD("trumpet"),    WORD("chorus"),
	WORD("melody"),	  WORD("rhythm"),	 WORD("concert"),    WORD("audience"),
	WORD("north"),	  WORD("south"),	 WORD("east"),	     WORD("west"),
	WORD("first"),	  WORD("second"),	 WORD("third"),	     WORD("fourth"),
	WORD("open"),	  WORD("closed"),	 WORD("pending"),    WORD("shipped"),
	WORD("paid"),	  WORD("cancelled"),	 WORD("returned"),   WORD("archived"),
};

const char *vocabulary(uint64_t i)
{
	return words_table[i % VOCABULARY_WORDS].text;
}

/* Words with a space after each, the last one cut. */
static void fill_text(char *out, size_t bytes, struct rng *rng)
{
	size_t at = 0;

	while (at < bytes) {
		const struct word *word = &words_table[(rng_next(rng) >> 32) % VOCABULARY_WORDS];

		if (bytes - at <= WORD_BYTES) {
			size_t length = word->length < bytes - at ? word->length : bytes - at;

			memcpy(out + at, word->text, length);
			at += length;
			if (at < bytes)
				out[at++] = ' ';
			continue;
		}
		memcpy(out + at, word->text, WORD_BYTES);
		at += word->length;
		out[at++] = ' ';
	}
}

static void fill_random(uint64_t *words, size_t count, struct rng *rng)
{
	for (size_t i = 0; i < count; i++)
		words[i] = rng_next(rng);
}

void page_fill(uint64_t *words, enum page_kind kind, uint64_t seed, uint64_t page, uint64_t version)
{
	struct rng rng = { mix64(seed) ^ mix64(page * 0x9e3779b97f4a7c15UL + version) };
	const size_t header = 2;

	if (kind == PAGE_SAME) {
		uint64_t value = version % 2 ? rng_next(&rng) : 0;

		for (size_t i = 0; i < PAGE_WORDS; i++)
			words[i] = value;
		return;
	}
	words[0] = page;
	words[1] = version;
	if (kind == PAGE_TEXT) {
		fill_text((char *)(words + header), PAGE_BYTES - header * sizeof(*words), &rng);
	} else if (kind == PAGE_HALF) {
		fill_random(words + header, PAGE_WORDS / 2 - header, &rng);
		fill_text((char *)(words + PAGE_WORDS / 2), PAGE_BYTES / 2, &rng);
	} else {
		fill_random(words + header, PAGE_WORDS - header, &rng);
	}
}

bool page_check(const struct options *options, const uint64_t *words, enum page_kind kind,
		uint64_t page, uint64_t version)
{
	uint64_t expected[PAGE_WORDS];

	page_fill(expected, kind, options->seed, page, version);
	return check_bytes(options, "page", page, expected, words, PAGE_BYTES);
}
