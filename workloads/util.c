/* SPDX-License-Identifier: MIT */
/*
 * util.c - options, checking and progress of the workloads.
 *
 * Nothing here depends on time: from the seed alone follows every byte a workload
 * writes and the order of all it does.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/util.h"
#include "workloads/workloads.h"

#define MAX_PRINTED_MISMATCHES 8

/* Added to by any thread; sent by the kernel's report() call. */
static struct sys_report tally;
static struct mutex tally_mutex = MUTEX_INIT;

static unsigned int default_footprint_mib(const char *workload)
{
#define X(name, main, mib, text)     \
	if (!strcmp(workload, name)) \
		return mib;
	WORKLOAD_TABLE(X)
#undef X
	return 0;
}

static uint64_t footprint_parse(const char *name, const char *text)
{
	char *end;
	unsigned long mib;

	errno = 0;
	mib = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || mib < MIN_FOOTPRINT_MIB ||
	    mib > MAX_FOOTPRINT_MIB) {
		printf("%s: footprint \"%s\" is not a whole number of MiB from %d to %d\n", name,
		       text, MIN_FOOTPRINT_MIB, MAX_FOOTPRINT_MIB);
		exit(EXIT_BAD_OPTIONS);
	}
	return mib * MIB;
}

void options_parse(struct options *options, int argc, char **argv)
{
	options_parse_with(options, argc, argv, NULL, NULL);
}

void options_parse_with(struct options *options, int argc, char **argv, const char *flag,
			bool *given)
{
	struct sys_info info;
	int next = 1;

	memset(options, 0, sizeof(*options));
	options->name = argv[0];
	options->footprint_bytes = default_footprint_mib(argv[0]) * MIB;
	if (next < argc && argv[next][0] != '-')
		options->footprint_bytes = footprint_parse(argv[0], argv[next++]);
	for (; next < argc; next++) {
		if (!strcmp(argv[next], "--corrupt")) {
			options->corrupt = true;
		} else if (flag && !strcmp(argv[next], flag)) {
			*given = true;
		} else {
			printf("%s: unknown argument \"%s\"; allowed: [FOOTPRINT_MIB] [--corrupt]%s%s%s\n",
			       argv[0], argv[next], flag ? " [" : "", flag ? flag : "",
			       flag ? "]" : "");
			exit(EXIT_BAD_OPTIONS);
		}
	}
	if (system_info(&info) < 0)
		fail(options, "sysinfo");
	options->seed = info.seed;
	printf("%s: footprint %lu MiB, %lu MiB of RAM managed, seed %lu\n", options->name,
	       (unsigned long)(options->footprint_bytes / MIB), info.managed_bytes / MIB,
	       info.seed);
}

void tally_add(uint64_t ops, uint64_t checked_bytes)
{
	mutex_lock(&tally_mutex);
	tally.ops += ops;
	tally.checked_bytes += checked_bytes;
	mutex_unlock(&tally_mutex);
}

void tally_latency(uint64_t ns)
{
	mutex_lock(&tally_mutex);
	latency_add(&tally.latency, ns);
	mutex_unlock(&tally_mutex);
}

void mismatch(const struct options *options, const char *fmt, ...)
{
	va_list args;
	uint64_t nr;

	mutex_lock(&tally_mutex);
	nr = ++tally.mismatches;
	mutex_unlock(&tally_mutex);
	if (nr > MAX_PRINTED_MISMATCHES)
		return;
	va_start(args, fmt);
	printf("%s: MISMATCH %lu: ", options->name, (unsigned long)nr);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

bool check_bytes(const struct options *options, const char *what, uint64_t where,
		 const void *expected, const void *got, size_t bytes)
{
	const uint8_t *e = expected, *g = got;
	size_t at = 0;

	tally_add(0, bytes);
	if (!memcmp(e, g, bytes))
		return true;
	while (at < bytes - 1 && e[at] == g[at])
		at++;
	mismatch(options, "%s %lu at %p, byte %lu of %lu: expected 0x%02x, got 0x%02x", what,
		 (unsigned long)where, (const void *)(g + at), (unsigned long)at,
		 (unsigned long)bytes, e[at], g[at]);
	return false;
}

void fail(const struct options *options, const char *what)
{
	printf("%s: %s: %s\n", options->name, what, strerror(errno));
	system_report(&tally);
	exit(EXIT_CHECK_FAILED);
}

int finish(const struct options *options)
{
	system_report(&tally);
	printf("%s: %lu operations, %lu bytes checked, %lu mismatches: %s\n", options->name,
	       tally.ops, tally.checked_bytes, tally.mismatches,
	       tally.mismatches ? "FAILED" : "ok");
	return tally.mismatches ? EXIT_CHECK_FAILED : 0;
}

void progress_start(struct progress *progress, const struct options *options, const char *what,
		    uint64_t total)
{
	progress->options = options;
	progress->what = what;
	progress->total = total ? total : 1;
	progress->next = 0;
	progress_at(progress, 0);
}

void progress_at(struct progress *progress, uint64_t done)
{
	struct sys_report now;

	if (done < progress->next)
		return;
	mutex_lock(&tally_mutex);
	now = tally;
	mutex_unlock(&tally_mutex);
	system_report(&now);
	printf("%s: %s %lu %%\n", progress->options->name, progress->what,
	       (unsigned long)(done * 100 / progress->total));
	/* Where the next quarter is full. */
	progress->next = ((done * 4 / progress->total + 1) * progress->total + 3) / 4;
}

void zipf_init(struct zipf *zipf, uint64_t n, double theta)
{
	zipf->n = n;
	zipf->theta = theta;
	zipf->alpha = 1.0 / (1.0 - theta);
	zipf->half_pow = pow(0.5, theta);
	zipf->zeta_n = 0;
	for (uint64_t i = 1; i <= n; i++)
		zipf->zeta_n += pow((double)i, -theta);
	zipf->eta = (1.0 - pow(2.0 / (double)n, 1.0 - theta)) /
		    (1.0 - (1.0 + zipf->half_pow) / zipf->zeta_n);
}

uint64_t zipf_next(const struct zipf *zipf, struct rng *rng)
{
	double u = (double)(rng_next(rng) >> 11) * 0x1p-53;
	double uz = u * zipf->zeta_n;
	uint64_t rank;

	if (uz < 1.0 || zipf->n < 3)
		return 0;
	if (uz < 1.0 + zipf->half_pow)
		return 1;
	rank = (uint64_t)((double)zipf->n * pow(zipf->eta * u - zipf->eta + 1.0, zipf->alpha));
	return rank < zipf->n ? rank : zipf->n - 1;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint64_t h = seed ^ (bytes * 0x9e3779b97f4a7c15UL), word;

	for (; bytes >= sizeof(word); p += sizeof(word), bytes -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * 0xbf58476d1ce4e5b9UL;
		h ^= h >> 29;
	}
	if (bytes) {
		word = 0;
		memcpy(&word, p, bytes);
		h = (h ^ word) * 0xbf58476d1ce4e5b9UL;
	}
	return mix64(h);
}

void *map_anon(const struct options *options, size_t bytes)
{
	void *memory;

	bytes = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail(options, "mmap");
	return memory;
}
