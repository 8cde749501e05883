/* SPDX-License-Identifier: MIT */
/*
 * content.c - memory whose bytes can be derived again, and the vocabulary of its text.
 *
 * A page begins with its own number and version, so that a page in the wrong place or an old copy
 * is told from a damaged one.
 */
#include <string.h>

#include "workloads/util.h"

static const char *const words_table[VOCABULARY_WORDS] = {
	"memory",     "frame",	       "page",	   "store",    "active",   "inactive",
	"compressed", "balance",       "harbour",  "river",    "mountain", "village",
	"garden",     "window",	       "letter",   "market",   "morning",  "evening",
	"winter",     "summer",	       "silver",   "copper",   "marble",   "timber",
	"account",    "balance sheet", "invoice",  "customer", "delivery", "warehouse",
	"quantity",   "discount",      "travel",   "ticket",   "station",  "platform",
	"arrival",    "departure",     "journey",  "luggage",  "violin",   "cello",
	"trumpet",    "chorus",	       "melody",   "rhythm",   "concert",  "audience",
	"north",      "south",	       "east",	   "west",     "first",	   "second",
	"third",      "fourth",	       "open",	   "closed",   "pending",  "shipped",
	"paid",	      "cancelled",     "returned", "archived",
};

const char *vocabulary(uint64_t i)
{
	return words_table[i % VOCABULARY_WORDS];
}

static void fill_text(char *out, size_t bytes, struct rng *rng)
{
	size_t at = 0;

	while (at < bytes) {
		const char *word = vocabulary(rng_next(rng) >> 32);
		size_t length = strlen(word);

		if (length > bytes - at)
			length = bytes - at;
		memcpy(out + at, word, length);
		at += length;
		if (at < bytes)
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
