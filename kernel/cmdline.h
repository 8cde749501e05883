/* SPDX-License-Identifier: MIT */
/*
 * cmdline.h - the words of the kernel command line.
 *
 * A pure function from a string to a struct, so that it is tested on the host. Names that only others know
 * (policies, workloads, tests) are checked through callbacks.
 */
#ifndef KERNEL_CMDLINE_H
#define KERNEL_CMDLINE_H

#include "lib/types.h"

#define CMDLINE_MAX_RUNS  8
#define CMDLINE_WORD_MAX  128
#define CMDLINE_MAX_BYTES 2048

enum disk_kind { DISK_VIRTIO, DISK_RAM };

/* How anon zpages go to swap. */
enum evict_kind { EVICT_BY_POLICY, EVICT_FRAMES, EVICT_PAGES };

struct cmdline {
	u64 mem_bytes;	 /* 0: all there is */
	char policy[96]; /* with its settings */
	char store[16];	 /* how zpages are packed */
	bool checksums;	 /* of zpages */
	enum evict_kind evict;
	u64 seed;
	u64 stats_interval_ns; /* 0: no dumps while running */
	bool swap;
	bool idle_skips; /* virtual time, or halts */
	enum disk_kind disk;
	char pace[16];				       /* of the disks; given or the default */
	char test[32];				       /* in-guest tests to run; empty: none */
	char runs[CMDLINE_MAX_RUNS][CMDLINE_WORD_MAX]; /* "name args" */
	u32 nr_runs;
};

/* Lists for messages, and checks, of what the parser cannot know. Lists are comma separated. */
struct cmdline_names {
	/* error: what is wrong and what is allowed. */
	bool (*policy_check)(const char *text, char *error, size_t bytes);
	bool (*store_exists)(const char *name);
	int (*store_list)(char *buf, size_t size); /* the default first */
	bool (*workload_exists)(const char *name);
	int (*workload_list)(char *buf, size_t size);
	bool (*pace_exists)(const char *name);
	int (*pace_list)(char *buf, size_t size);
};

/*
 * Parse text. False: error holds one line that names the word and what is allowed.
 */
bool cmdline_parse(const char *text, const struct cmdline_names *names, struct cmdline *out,
		   char *error, size_t error_bytes);

/* Split "name args" at spaces in place. Returns the number of words, or max + 1 if there are more. */
int cmdline_split(char *words, char **argv, int max);

/* All words with their help, for the monitor and --help. */
int cmdline_help(char *buf, size_t size);

#endif
