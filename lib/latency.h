/* SPDX-License-Identifier: MIT */
/*
 * latency.h - a histogram of times: four buckets to each doubling, so a bucket is at most a quarter wide.
 *
 * Workloads fill one and the kernel prints it (kernel/uapi.h). So it uses no types but the language's:
 * lib/types.h and newlib do not go together.
 */
#ifndef LIB_LATENCY_H
#define LIB_LATENCY_H

#define LATENCY_STEP_BITS 2
#define LATENCY_STEPS	  (1U << LATENCY_STEP_BITS)
#define LATENCY_BUCKETS	  160U /* the last one begins at 32 minutes and takes all that is longer */

struct latency {
	unsigned long max_ns;
	unsigned int counts[LATENCY_BUCKETS];
};

/* Times below LATENCY_STEPS have a bucket each; then come LATENCY_STEPS of equal width an octave. */
static inline unsigned int latency_bucket(unsigned long ns)
{
	unsigned int octave, bucket;

	if (ns < LATENCY_STEPS)
		return (unsigned int)ns;
	octave = 63 - (unsigned int)__builtin_clzl(ns) - LATENCY_STEP_BITS;
	bucket = octave * LATENCY_STEPS + (unsigned int)(ns >> octave);
	return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The shortest time that falls into the bucket. */
static inline unsigned long latency_bucket_ns(unsigned int bucket)
{
	unsigned int octave;

	if (bucket < LATENCY_STEPS)
		return bucket;
	octave = bucket / LATENCY_STEPS - 1;
	return (unsigned long)(bucket % LATENCY_STEPS + LATENCY_STEPS) << octave;
}

static inline void latency_add(struct latency *latency, unsigned long ns)
{
	latency->counts[latency_bucket(ns)]++;
	if (ns > latency->max_ns)
		latency->max_ns = ns;
}

static inline unsigned long latency_ops(const struct latency *latency)
{
	unsigned long ops = 0;

	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++)
		ops += latency->counts[i];
	return ops;
}

/*
 * The time that permille of all operations did not exceed, or 0 when there are none. Those of a bucket
 * are taken to lie evenly in it; no answer is above the longest time there was.
 */
static inline unsigned long latency_quantile_ns(const struct latency *latency,
						unsigned long permille)
{
	unsigned long rank = (latency_ops(latency) * permille + 999) / 1000;

	if (!rank)
		return 0;
	for (unsigned int i = 0; i < LATENCY_BUCKETS - 1; i++) {
		unsigned long halves = 2UL * latency->counts[i], place, ns;
		unsigned long width = latency_bucket_ns(i + 1) - latency_bucket_ns(i);

		if (rank > latency->counts[i]) {
			rank -= latency->counts[i];
			continue;
		}
		place = 2 * rank - 1;
		ns = latency_bucket_ns(i) + width / halves * place +
		     width % halves * place / halves;
		return ns < latency->max_ns ? ns : latency->max_ns;
	}
	return latency->max_ns;
}

#endif
