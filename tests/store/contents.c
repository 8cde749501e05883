/* SPDX-License-Identifier: MIT */
/*
 * contents.c - pages as programs have them, made from a seed.
 *
 * What matters to a store is the law of compressed sizes: narrow (records of one program), wide
 * (a kernel build), tiny (sparse), or beyond the limit. Each content aims at what was
 * measured of its kind; what a page really compresses to is the bench's to measure.
 */
#include "tests/store/contents.h"

#include "lib/assert.h"
#include "lib/prng.h"
#include "lib/string.h"

static void seed_page(struct prng *rng, u64 seed, u64 number)
{
	prng_seed(rng, seed * 0x9e3779b97f4a7c15UL ^ number);
}

/* --- Words --- */

/* From frequent to rare: a text takes the first more often. */
static const char *const words[] = {
	"the",	    "of",	 "and",	     "to",	  "a",	       "in",	   "that",
	"is",	    "was",	 "he",	     "for",	  "it",	       "with",	   "as",
	"his",	    "on",	 "be",	     "at",	  "by",	       "had",	   "not",
	"are",	    "but",	 "from",     "or",	  "have",      "they",	   "which",
	"one",	    "you",	 "were",     "all",	  "her",       "she",	   "there",
	"would",    "their",	 "we",	     "him",	  "been",      "has",	   "when",
	"who",	    "will",	 "no",	     "more",	  "if",	       "out",	   "memory",
	"frame",    "page",	 "store",    "active",	  "balance",   "harbour",  "river",
	"mountain", "village",	 "garden",   "window",	  "letter",    "market",   "morning",
	"evening",  "winter",	 "summer",   "silver",	  "copper",    "marble",   "timber",
	"account",  "invoice",	 "customer", "delivery",  "warehouse", "quantity", "discount",
	"travel",   "ticket",	 "station",  "platform",  "arrival",   "journey",  "luggage",
	"violin",   "cello",	 "trumpet",  "chorus",	  "melody",    "rhythm",   "concert",
	"audience", "north",	 "south",    "east",	  "west",      "first",	   "second",
	"third",    "fourth",	 "open",     "closed",	  "pending",   "shipped",  "paid",
	"returned", "cancelled", "archived", "departure", "inactive",  "question", "history",
	"language", "weather",	 "distance", "evidence",  "machine",   "kitchen",  "practice",
};

/* What a record's fields are taken from: words that mean something. */
#define FIRST_NOUN 48

/* Text that runs on into the next page of its kind: what does not fit is left out. */
struct writer {
	u8 *page;
	u32 at;
};

static void put_text(struct writer *w, const char *text)
{
	while (*text && w->at < PAGE_SIZE)
		w->page[w->at++] = (u8)*text++;
}

static void put_number(struct writer *w, u64 number)
{
	char digits[21];
	u32 n = sizeof(digits) - 1;

	digits[n] = '\0';
	do {
		digits[--n] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put_text(w, digits + n);
}

static const char *noun(struct prng *rng)
{
	return words[FIRST_NOUN + prng_below(rng, ARRAY_SIZE(words) - FIRST_NOUN)];
}

/* The smaller of two draws, twice over: frequent words are frequent. */
static const char *common_word(struct prng *rng)
{
	u64 a = prng_below(rng, ARRAY_SIZE(words)), b = prng_below(rng, ARRAY_SIZE(words));

	return words[MIN(a, b)];
}

/* --- The contents --- */

static void fill_zero(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	clear_page(page);
}

/* Scattered words in zeros, as in large tables hardly used. */
static void fill_sparse(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct prng rng;
	u64 *word = (u64 *)page;
	u32 nr;

	seed_page(&rng, seed, number);
	nr = 17 + (u32)prng_below(&rng, 16);
	clear_page(page);
	for (u32 i = 0; i < nr; i++)
		word[prng_below(&rng, PAGE_SIZE / sizeof(u64))] = prng_next(&rng);
}

/* Objects of 64 bytes on a heap: a type's pointer, two neighbours, counters, flags. */
static void fill_struct(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct prng rng;
	u64 heap, *word = (u64 *)page;

	seed_page(&rng, seed, number);
	heap = 0x7f3a00000000UL + prng_below(&rng, 1 << 12) * PAGE_SIZE;
	for (u32 i = 0; i < PAGE_SIZE / sizeof(u64); i += 8) {
		word[i] = 0x561d4a0c3b00UL + prng_below(&rng, 4) * 0x60;
		word[i + 1] = heap + prng_below(&rng, 1 << 16) * 64;
		word[i + 2] = heap + prng_below(&rng, 1 << 10) * 64;
		word[i + 3] = 1 + prng_below(&rng, 3);
		word[i + 4] = prng_below(&rng, 1 << 16);
		word[i + 5] = 0;
		word[i + 6] = prng_chance(&rng, 30) ? heap + prng_below(&rng, 1 << 16) * 64 : 0;
		word[i + 7] = 0x41;
	}
}

static void put_field(struct writer *w, const char *name, const char *value)
{
	put_text(w, ",\"");
	put_text(w, name);
	put_text(w, "\":\"");
	put_text(w, value);
	put_text(w, "\"");
}

/* A record like those of the workload kv. */
static void put_record(struct writer *w, struct prng *rng)
{
	u64 nr_words = 6 + prng_below(rng, 12), day = prng_below(rng, 28);

	put_text(w, "{\"customer_key\":");
	put_number(w, prng_below(rng, BIT(30)));
	put_text(w, ",\"record_version\":");
	put_number(w, prng_below(rng, 100000));
	put_text(w, ",\"access_token\":");
	put_number(w, prng_next(rng));
	put_text(w, ",\"created_at\":\"2024-03-");
	put_number(w, 10 + day % 18);
	put_text(w, "T08:30:00Z\",\"updated_at\":\"2024-04-");
	put_number(w, 10 + day % 20);
	put_text(w, "T17:45:00Z\"");
	put_field(w, "delivery_status", noun(rng));
	put_field(w, "delivery_city", noun(rng));
	put_text(w, ",\"currency\":\"EUR\",\"payment_method\":\"credit card\"");
	put_text(w, ",\"newsletter\":false,\"amounts\":[");
	for (u32 i = 0; i < 4; i++) {
		put_number(w, prng_below(rng, 10000));
		put_text(w, i < 3 ? "," : "]");
	}
	put_text(w, ",\"customer_note\":\"");
	while (nr_words--) {
		put_text(w, noun(rng));
		put_text(w, nr_words ? " " : "\"");
	}
	put_text(w, "}");
}

/* What malloc() and a hash table put before each record: size, next, key and length. */
static void put_header(struct writer *w, struct prng *rng)
{
	u64 header[3] = { 0x211, 0x10000000UL + prng_below(rng, 1 << 20) * 16,
			  prng_below(rng, 1 << 20) | 0x1f0UL << 32 };
	u32 bytes;

	w->at = MIN((u32)ALIGN_UP(w->at, 16U), (u32)PAGE_SIZE);
	bytes = MIN((u32)sizeof(header), (u32)PAGE_SIZE - w->at);
	memcpy(w->page + w->at, header, bytes);
	w->at += bytes;
}

static void fill_json(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct writer w = { page, 0 };
	struct prng rng;

	seed_page(&rng, seed, number);
	clear_page(page);
	while (w.at < PAGE_SIZE) {
		put_header(&w, &rng);
		put_record(&w, &rng);
	}
}

static void fill_text(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct writer w = { page, 0 };
	struct prng rng;

	seed_page(&rng, seed, number);
	while (w.at < PAGE_SIZE) {
		u64 nr_words = 5 + prng_below(&rng, 14);

		for (u64 i = 0; i < nr_words; i++) {
			put_text(&w, common_word(&rng));
			put_text(&w, i + 1 == nr_words ? ". " : prng_chance(&rng, 8) ? ", " : " ");
		}
	}
}

static void fill_random(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct prng rng;

	seed_page(&rng, seed, number);
	prng_fill(&rng, page, PAGE_SIZE);
}

static void fill_mix(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	static void (*const fills[])(const struct block_source *, u64, u64, u8 *) = {
		fill_zero, fill_sparse, fill_struct, fill_json, fill_text, fill_random,
	};
	struct prng rng;

	seed_page(&rng, ~seed, number);
	fills[prng_below(&rng, ARRAY_SIZE(fills))](source, seed, number, page);
}

/* A block of the disk that is not one word repeated; the same one wherever the disk is the same. */
static void fill_file(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct prng rng;
	u64 word;

	ASSERT(source && source->nr_blocks);
	seed_page(&rng, seed, number);
	do {
		if (!source->read(source->ctx, prng_below(&rng, source->nr_blocks), page))
			panic("content file: the data disk cannot be read");
	} while (page_is_same_filled(page, &word));
}

/*
 * Kernel builds in 2013: compressed sizes of mean 694 and standard deviation 474 bytes (as reported by Seth
 * Jennings for zswap), 11 % zero pages. A gamma law of that mean and deviation (shape 2.144, scale
 * 323.7) by its quantiles, at every 64th; the tail ends below the acceptance limit, and the
 * table was scaled by 0.999 to make up for that.
 */
static const u16 kernel_quantiles[] = {
	40,   74,   105,  130,	151,  171,  189,  207,	224,  240,  256,  271,	286,
	301,  316,  331,  345,	360,  374,  389,  404,	418,  433,  448,  463,	478,
	493,  508,  524,  540,	556,  572,  589,  606,	623,  641,  659,  678,	697,
	717,  737,  758,  779,	802,  825,  849,  875,	901,  929,  958,  989,	1023,
	1058, 1096, 1138, 1183, 1233, 1289, 1353, 1429, 1519, 1635, 1795, 2063, 2850,
};

#define KERNEL_ZERO_PCT 11
#define KERNEL_DRAWS	((ARRAY_SIZE(kernel_quantiles) - 1) << 8)

/* The size at a place of the law, below KERNEL_DRAWS. */
static u32 kernel_size_at(u64 draw)
{
	const u16 *quantile = &kernel_quantiles[draw >> 8];

	return (u32)(quantile[0] + ((u32)(quantile[1] - quantile[0]) * (draw & 255) >> 8));
}

u32 content_kernel_size(struct prng *rng)
{
	return kernel_size_at(prng_below(rng, KERNEL_DRAWS));
}

/*
 * Each 256 pages in a row take each 256th part of the law once, in an order of their own, so that
 * a few hundred pages have its mean and deviation already.
 */
static u64 kernel_draw(u64 seed, u64 number, struct prng *rng)
{
	struct prng order;
	u64 keys;
	u8 part = (u8)number;

	seed_page(&order, ~seed, number >> 8);
	keys = prng_next(&order);
	part = (u8)((u8)(part + keys) * (u8)(keys >> 8 | 1));
	part ^= part >> 4;
	part = (u8)(part * (u8)(keys >> 16 | 1));
	part ^= part >> 3;
	return part * (KERNEL_DRAWS / 256) + prng_below(rng, KERNEL_DRAWS / 256);
}

/*
 * What LZ4 adds to random bytes with zeros behind them: the first zero, the last five, two tokens, an offset,
 * and a byte for each 255 of a page, whether literal or match.
 */
#define LZ4_AROUND_BYTES 28

/* As many random bytes as make LZ4's output that long. */
static void fill_kernel(const struct block_source *source, u64 seed, u64 number, u8 *page)
{
	struct prng rng;
	u32 size;

	seed_page(&rng, seed, number);
	clear_page(page);
	if (prng_chance(&rng, KERNEL_ZERO_PCT))
		return;
	size = kernel_size_at(kernel_draw(seed, number, &rng));
	prng_fill(&rng, page, size - LZ4_AROUND_BYTES);
}

const struct content contents[] = {
	{ "zero", "zero pages", fill_zero },
	{ "sparse", "a few words in zeros", fill_sparse },
	{ "struct", "small objects that point at each other", fill_struct },
	{ "json", "records, as those of kv", fill_json },
	{ "text", "prose", fill_text },
	{ "random", "random bytes", fill_random },
	{ "mix", "each of the above in turn, at random", fill_mix },
	{ "file", "blocks of the data disk", fill_file },
	{ "kernel2013", "the sizes reported for kernel builds in 2013", fill_kernel },
};
const u32 nr_contents = ARRAY_SIZE(contents);

const struct content *content_find(const char *name)
{
	for (u32 i = 0; i < nr_contents; i++)
		if (!strcmp(contents[i].name, name))
			return &contents[i];
	return NULL;
}
