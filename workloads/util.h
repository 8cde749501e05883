/* SPDX-License-Identifier: MIT */
/*
 * util.h - what all workloads share: their options, random numbers from the seed, checking,
 * progress, and memory whose content can be derived again.
 */
#ifndef WORKLOADS_UTIL_H
#define WORKLOADS_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workloads/libc/harmony.h"

#define MIB	   (1024UL * 1024)
#define PAGE_BYTES 4096UL
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))

#define MIN_FOOTPRINT_MIB 1
#define MAX_FOOTPRINT_MIB 16384

/* Exit codes. The kernel calls anything but 0 "failed". */
#define EXIT_CHECK_FAILED 1
#define EXIT_BAD_OPTIONS  2

struct options {
	const char *name; /* of the workload, for messages */
	uint64_t footprint_bytes;
	uint64_t seed;
	/* Change one byte behind the workload's back: its checks must notice. */
	bool corrupt;
};

/*
 * From the command line: NAME [FOOTPRINT_MIB] [--corrupt]. Anything else: a message and exit with
 * EXIT_BAD_OPTIONS.
 */
void options_parse(struct options *options, int argc, char **argv);
/* The same for a workload that knows one more argument; given: whether it is there. */
void options_parse_with(struct options *options, int argc, char **argv, const char *flag,
			bool *given);

/* What has been done and checked so far; any thread. */
void tally_add(uint64_t ops, uint64_t checked_bytes);
/* How long one operation took, for the histogram in @result. */
void tally_latency(uint64_t ns);
/* Something read back is wrong: say what, where, expected and got. Counts all, prints the first. */
void mismatch(const struct options *options, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Compare, and report the first byte that differs. what and where name it. */
bool check_bytes(const struct options *options, const char *what, uint64_t where,
		 const void *expected, const void *got, size_t bytes);
/* Memory or a file could not be had: a message with errno, and exit. */
void fail(const struct options *options, const char *what) __attribute__((noreturn));
/* The final report to the kernel and the verdict; returns main's exit code. */
int finish(const struct options *options);

/* A line at the start and each quarter of the way. One of these a loop. */
struct progress {
	const struct options *options;
	const char *what;
	uint64_t total, next;
};
void progress_start(struct progress *progress, const struct options *options, const char *what,
		    uint64_t total);
void progress_at(struct progress *progress, uint64_t done);

/* splitmix64: small, fast, good enough, and every state is a good seed. */
struct rng {
	uint64_t state;
};
static inline uint64_t mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return x ^ (x >> 31);
}
static inline uint64_t rng_next(struct rng *rng)
{
	return mix64(rng->state += 0x9e3779b97f4a7c15UL);
}
/* Uniform in [0, n); n > 0. */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)rng_next(rng) * n) >> 64);
}

/*
 * Ranks 0 .. n-1 with P(rank) ~ 1 / (rank+1)^theta, by the method of Gray et al., "Quickly
 * generating billion-record synthetic databases" (SIGMOD 1994).
 */
struct zipf {
	uint64_t n;
	double theta, alpha, zeta_n, eta, half_pow;
};
void zipf_init(struct zipf *zipf, uint64_t n, double theta);
uint64_t zipf_next(const struct zipf *zipf, struct rng *rng);

/* 64 bits that depend on every byte; the words in order, the rest of a word zero. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t bytes);

/* A word of a small vocabulary, for text that compresses as text does. */
const char *vocabulary(uint64_t i);
#define VOCABULARY_WORDS 64

/* How hard a page is to compress. */
enum page_kind { PAGE_SAME, PAGE_TEXT, PAGE_HALF, PAGE_RANDOM, NR_PAGE_KINDS };
/* The content of a page, from its number and version alone. */
void page_fill(uint64_t *words, enum page_kind kind, uint64_t seed, uint64_t page,
	       uint64_t version);
/* Compare with that, report the first difference, and count. */
bool page_check(const struct options *options, const uint64_t *words, enum page_kind kind,
		uint64_t page, uint64_t version);

/* Anonymous memory, page aligned; fail() if there is none. */
void *map_anon(const struct options *options, size_t bytes);

/* A regular file of the image, found by walking. */
struct file_entry {
	char *path;
	uint64_t bytes;
};
struct file_list {
	struct file_entry *entries;
	uint64_t count, capacity;
	uint64_t bytes; /* of all */
};
/* A file of the image that is there to be written: at least SCRATCH_BYTES, any content. */
#define SCRATCH_PATH  "/scratch.dat"
#define SCRATCH_BYTES (4 * MIB)
/*
 * Regular files under root in sorted order until their sizes reach limit_bytes, then shuffled by
 * the seed; empty ones and the scratch file left out. False: there is no such directory.
 */
bool files_walk(struct file_list *list, const struct options *options, const char *root,
		uint64_t limit_bytes);
void files_free(struct file_list *list);
/* Exactly bytes from fd, or the end of the workload: files keep their size. */
void file_read_fully(const struct options *options, const char *path, int fd, uint8_t *buf,
		     uint64_t bytes);
/* How much workloads read at a time. */
#define FILE_READ_BYTES (64 * 1024UL)

/* The bodies of kv and scan, which mix runs in two threads. */
void kv_run(const struct options *options);
void scan_run(const struct options *options);
/* The reading part of scan alone, by read() in every pass. */
void scan_read_run(const struct options *options);

#endif
