/* SPDX-License-Identifier: MIT */
/*
 * kv.c - a key-value store in memory, as a cache server would keep it.
 *
 * Records are JSON-like text of some hundred bytes, in a chained hash table on the heap. They are
 * loaded; then 95 % reads and 5 % updates follow a zipfian law (theta 0.99) whose popular keys
 * are scattered over all keys, and so over memory: a few warm records on nearly every page, the
 * hardest case for a memory manager that thinks in pages.
 *
 * The text of a record follows from seed, key and version alone. The version each key should
 * have is kept apart, so that a lost update is found as surely as a damaged byte. A last
 * pass reads every record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

#define MAX_RECORD_BYTES 768
#define MALLOC_OVERHEAD	 16
#define MIN_OPS		 20000
#define MAX_OPS		 60000
#define UPDATES_PCT	 5
#define ZIPF_THETA	 0.99

struct record {
	struct record *next;
	uint32_t key;
	uint32_t length;
	char text[];
};

struct kv {
	const struct options *options;
	struct record **buckets;
	uint64_t nr_buckets; /* a power of two */
	uint32_t *versions;  /* what each key should hold */
	uint64_t nr_keys, max_keys;
	uint64_t bytes; /* of records and tables */
};

static char *put_text(char *out, const char *text)
{
	size_t length = strlen(text);

	memcpy(out, text, length);
	return out + length;
}

static char *put_number(char *out, uint64_t number)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	while (n)
		*out++ = digits[--n];
	return out;
}

static char *put_field(char *out, const char *name, const char *value)
{
	out = put_text(out, ",\"");
	out = put_text(out, name);
	out = put_text(out, "\":\"");
	out = put_text(out, value);
	return put_text(out, "\"");
}

/*
 * The record that key has at version; its length. As records are: long field names that repeat, values
 * from small sets, numbers and a token that do not, a note of some words. A page of them compresses to
 * about 45 % with LZ4.
 */
static uint32_t record_text(uint64_t seed, uint32_t key, uint32_t version, char *buf)
{
	struct rng rng = { mix64(seed ^ mix64((uint64_t)key << 32 | version)) };
	uint64_t nr_words = 6 + rng_below(&rng, 12), day = rng_below(&rng, 28);
	char *out = buf;

	out = put_text(out, "{\"customer_key\":");
	out = put_number(out, key);
	out = put_text(out, ",\"record_version\":");
	out = put_number(out, version);
	out = put_text(out, ",\"access_token\":");
	out = put_number(out, rng_next(&rng));
	out = put_text(out, ",\"created_at\":\"2024-03-");
	out = put_number(out, 10 + day % 18);
	out = put_text(out, "T08:30:00Z\",\"updated_at\":\"2024-04-");
	out = put_number(out, 10 + day % 20);
	out = put_text(out, "T17:45:00Z\"");
	out = put_field(out, "delivery_status", vocabulary(rng_next(&rng) >> 40));
	out = put_field(out, "delivery_city", vocabulary(rng_next(&rng) >> 40));
	out = put_text(out, ",\"currency\":\"EUR\",\"payment_method\":\"credit card\"");
	out = put_text(out, ",\"newsletter\":false,\"amounts\":[");
	for (int i = 0; i < 4; i++) {
		out = put_number(out, rng_below(&rng, 10000));
		out = put_text(out, i < 3 ? "," : "]");
	}
	out = put_text(out, ",\"customer_note\":\"");
	while (nr_words--) {
		out = put_text(out, vocabulary(rng_next(&rng) >> 40));
		*out++ = nr_words ? ' ' : '"';
	}
	*out++ = '}';
	return (uint32_t)(out - buf);
}

static struct record **bucket_of(struct kv *kv, uint32_t key)
{
	return &kv->buckets[mix64(key) & (kv->nr_buckets - 1)];
}

/* The link that points at the record of key, or at the chain's end. */
static struct record **record_link(struct kv *kv, uint32_t key)
{
	struct record **link = bucket_of(kv, key);

	while (*link && (*link)->key != key)
		link = &(*link)->next;
	return link;
}

static void kv_put(struct kv *kv, uint32_t key, uint32_t version)
{
	char text[MAX_RECORD_BYTES];
	uint32_t length = record_text(kv->options->seed, key, version, text);
	struct record **link = record_link(kv, key), *old = *link;
	struct record *record = malloc(sizeof(*record) + length);

	if (!record)
		fail(kv->options, "malloc");
	record->next = old ? old->next : NULL;
	record->key = key;
	record->length = length;
	memcpy(record->text, text, length);
	*link = record;
	if (old) {
		kv->bytes -= sizeof(*old) + old->length + MALLOC_OVERHEAD;
		free(old);
	}
	kv->bytes += sizeof(*record) + length + MALLOC_OVERHEAD;
	kv->versions[key] = version;
}

static void kv_check(struct kv *kv, uint32_t key)
{
	char expected[MAX_RECORD_BYTES];
	uint32_t length = record_text(kv->options->seed, key, kv->versions[key], expected);
	struct record *record = *record_link(kv, key);

	if (!record) {
		mismatch(kv->options, "record %u is gone (expected version %u)", key,
			 kv->versions[key]);
		return;
	}
	if (record->length != length) {
		mismatch(kv->options, "record %u at %p: expected %u bytes (version %u), got %u",
			 key, (void *)record, length, kv->versions[key], record->length);
		return;
	}
	check_bytes(kv->options, "record", key, expected, record->text, length);
}

static void kv_create(struct kv *kv, const struct options *options)
{
	memset(kv, 0, sizeof(*kv));
	kv->options = options;
	/* No record is shorter than 192 bytes; one bucket for each 512 bytes keeps chains near one. */
	kv->max_keys = options->footprint_bytes / 192;
	kv->nr_buckets = 1;
	while (kv->nr_buckets * 512 < options->footprint_bytes)
		kv->nr_buckets *= 2;
	kv->buckets = calloc(kv->nr_buckets, sizeof(*kv->buckets));
	kv->versions = map_anon(options, kv->max_keys * sizeof(*kv->versions));
	if (!kv->buckets)
		fail(options, "calloc");
	kv->bytes = kv->nr_buckets * sizeof(*kv->buckets);
}

static void kv_load(struct kv *kv)
{
	struct progress progress;
	uint64_t target = kv->options->footprint_bytes;

	progress_start(&progress, kv->options, "load", target);
	while (kv->bytes + kv->nr_keys * sizeof(*kv->versions) < target &&
	       kv->nr_keys < kv->max_keys) {
		kv_put(kv, (uint32_t)kv->nr_keys++, 1);
		progress_at(&progress, kv->bytes);
	}
	tally_add(kv->nr_keys, 0);
}

static void kv_serve(struct kv *kv)
{
	struct rng rng = { mix64(kv->options->seed + 1) };
	struct progress progress;
	struct zipf zipf;
	uint64_t ops = kv->nr_keys / 4;

	ops = ops < MIN_OPS ? MIN_OPS : ops > MAX_OPS ? MAX_OPS : ops;
	zipf_init(&zipf, kv->nr_keys, ZIPF_THETA);
	progress_start(&progress, kv->options, "serve", ops);
	for (uint64_t op = 0; op < ops; op++) {
		/* Scatter the popular ranks over the keys, and so over memory. */
		uint32_t key = (uint32_t)(mix64(zipf_next(&zipf, &rng)) % kv->nr_keys);

		kv_check(kv, key);
		if (rng_below(&rng, 100) < UPDATES_PCT)
			kv_put(kv, key, kv->versions[key] + 1);
		tally_add(1, 0);
		progress_at(&progress, op + 1);
	}
}

static void kv_corrupt(struct kv *kv)
{
	struct record *record = *record_link(kv, (uint32_t)(kv->nr_keys / 2));

	record->text[record->length / 2] ^= 0x20;
}

void kv_run(const struct options *options)
{
	struct progress progress;
	struct kv kv;

	kv_create(&kv, options);
	kv_load(&kv);
	if (options->corrupt)
		kv_corrupt(&kv);
	kv_serve(&kv);
	progress_start(&progress, options, "verify", kv.nr_keys);
	for (uint64_t key = 0; key < kv.nr_keys; key++) {
		kv_check(&kv, (uint32_t)key);
		progress_at(&progress, key + 1);
	}
	tally_add(kv.nr_keys, 0);
}

int kv_main(int argc, char **argv)
{
	struct options options;

	options_parse(&options, argc, argv);
	kv_run(&options);
	return finish(&options);
}
