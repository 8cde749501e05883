/* SPDX-License-Identifier: MIT */
/*
 * session.c - the workloads of one boot, from start to verdict.
 *
 * Workloads start in the order of the command line and run together. A dump at the interval shows the six
 * quantities on the way; one at the end follows a full verification (mm_verify), after all their memory has been
 * freed, so a leak shows there.
 */
#include "kernel/session.h"

#include "fs/fs.h"
#include "kernel/proc.h"
#include "kernel/version.h"
#include "lib/blockdev.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/alloc.h"
#include "mm/env.h"
#include "mm/policy.h"
#include "mm/stats.h"
#include "mm/zpage.h"

/* How often to look whether the workloads have ended. */
#define POLL_NS (50 * NSEC_PER_MSEC)

#define RESULT_BYTES	   16384
/* Enough for any report: [13 digits,10 digits] and a comma a bucket, and five figures of 20 digits. */
#define LATENCY_JSON_BYTES (LATENCY_BUCKETS * 27 + 256)

struct disk_figures {
	u64 reads, writes, read_bytes, write_bytes;
};

static void add_disk(const char *name, struct disk_figures *sum)
{
	const struct block_device *dev = block_find(name);

	if (!dev)
		return;
	sum->reads += atomic_read(&dev->reads);
	sum->writes += atomic_read(&dev->writes);
	sum->read_bytes += atomic_read(&dev->read_sectors) * SECTOR_SIZE;
	sum->write_bytes += atomic_read(&dev->write_sectors) * SECTOR_SIZE;
}

/* The footprint given, or 0 for the workload's default. */
static u64 footprint_mib(const char *run)
{
	u64 mib = 0;

	while (*run && *run != ' ')
		run++;
	while (*run == ' ')
		run++;
	for (; *run >= '0' && *run <= '9'; run++)
		mib = mib * 10 + (u64)(*run - '0');
	return mib;
}

/* Reasons are our own text, but may quote a name: keep the JSON whole. */
static void json_escape(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; *from && n + 2 < size; from++) {
		if (*from == '"' || *from == '\\')
			to[n++] = '\\';
		to[n++] = *from < ' ' ? ' ' : *from;
	}
	to[n] = '\0';
}

/* Appended to the members in buf, without braces. The buckets as [shortest ns, count], those that have any. */
static int latency_json(const struct latency *latency, char *buf, size_t size, int length)
{
	u64 ops = latency_ops(latency);
	const char *before = ",\"latency\":[";

	length +=
		ksnprintf(buf + length, size - (size_t)length,
			  ",\"latency_ops\":%lu,\"latency_p50_ns\":%lu,\"latency_p99_ns\":%lu,"
			  "\"latency_p999_ns\":%lu,\"latency_max_ns\":%lu",
			  ops, latency_quantile_ns(latency, 500), latency_quantile_ns(latency, 990),
			  latency_quantile_ns(latency, 999), latency->max_ns);
	for (u32 i = 0; i < LATENCY_BUCKETS; i++) {
		if (!latency->counts[i])
			continue;
		length += ksnprintf(buf + length, size - (size_t)length, "%s[%lu,%u]", before,
				    latency_bucket_ns(i), latency->counts[i]);
		before = ",";
	}
	if (ops)
		length += ksnprintf(buf + length, size - (size_t)length, "]");
	return length;
}

static void print_result(const struct cmdline *cmdline, const char *run, const struct proc *proc,
			 char *buf)
{
	struct disk_figures disks = { 0 };
	char reason[160], args[2 * CMDLINE_WORD_MAX], settings[128];
	int length;

	add_disk("data", &disks);
	add_disk("swap", &disks);
	json_escape(proc->reason, reason, sizeof(reason));
	json_escape(run, args, sizeof(args));
	policy_settings_text(settings, sizeof(settings));
	length = stats_json(buf, RESULT_BYTES - LATENCY_JSON_BYTES);
	ASSERT((size_t)length < RESULT_BYTES - LATENCY_JSON_BYTES);
	latency_json(&proc->report.latency, buf, RESULT_BYTES, length);
	printk("@result {\"workload\":\"%s\",\"args\":\"%s\",\"footprint_mib\":%lu,"
	       "\"policy\":\"%s\",\"settings\":\"%s\",\"compiler\":\"%s\",\"store\":\"%s\",\"mem_mib\":%lu,\"seed\":%lu,\"status\":\"%s\",\"reason\":\"%s\","
	       "\"exit_code\":%d,\"virtual_ns\":%lu,\"ops\":%lu,\"checked_bytes\":%lu,"
	       "\"mismatches\":%lu,\"disk_reads\":%lu,\"disk_writes\":%lu,"
	       "\"disk_read_bytes\":%lu,\"disk_write_bytes\":%lu,%s}\n",
	       proc->name, args, footprint_mib(run), policy_current()->name, settings,
	       harmony_compiler, zpage_store_name(), mem_layout.nr_frames * PAGE_SIZE / MIB,
	       cmdline->seed, proc_status_name(proc->status), reason, proc->exit_code,
	       proc->end_ns - proc->start_ns, proc->report.ops, proc->report.checked_bytes,
	       proc->report.mismatches, disks.reads, disks.writes, disks.read_bytes,
	       disks.write_bytes, buf);
}

static bool start_all(const struct cmdline *cmdline, struct proc **procs)
{
	procs_announce((s32)cmdline->nr_runs);
	for (u32 i = 0; i < cmdline->nr_runs; i++) {
		char words[CMDLINE_WORD_MAX], *argv[PROC_MAX_ARGS];
		int argc;

		memcpy(words, cmdline->runs[i], sizeof(words));
		argc = cmdline_split(words, argv, PROC_MAX_ARGS);
		procs[i] = proc_start(argc, argv);
		procs_announce(-1);
		if (!procs[i])
			return false;
		printk("run: %s, policy %s, seed %lu\n", cmdline->runs[i], cmdline->policy,
		       cmdline->seed);
	}
	return true;
}

static bool all_done(struct proc **procs, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		if (procs[i] && !READ_ONCE(procs[i]->done))
			return false;
	return true;
}

/* Until all have ended, with dumps on the way. */
static void watch(const struct cmdline *cmdline, struct proc **procs)
{
	u64 interval = cmdline->stats_interval_ns;
	u64 next = env_now_ns() + interval;

	while (!all_done(procs, cmdline->nr_runs)) {
		env_sleep_ns(interval ? MIN(interval, POLL_NS) : POLL_NS);
		if (interval && env_now_ns() >= next) {
			stats_dump("interval");
			next += interval * ((env_now_ns() - next) / interval + 1);
		}
	}
}

bool session_run(const struct cmdline *cmdline)
{
	struct proc *procs[CMDLINE_MAX_RUNS] = { NULL };
	char *buf = kmalloc(RESULT_BYTES, ALLOC_WAIT);
	bool ok;
	int err;

	proc_seed = cmdline->seed;
	ok = buf && start_all(cmdline, procs);

	if (!ok)
		return false;
	watch(cmdline, procs);
	err = fs_sync();
	if (err)
		printk("error: writing files back failed: %s\n", error_name(-err));
	mm_verify();
	stats_dump("end");
	for (u32 i = 0; i < cmdline->nr_runs; i++) {
		proc_wait(procs[i]);
		print_result(cmdline, cmdline->runs[i], procs[i], buf);
		ok &= procs[i]->status == PROC_OK && !procs[i]->report.mismatches;
		proc_free(procs[i]);
	}
	kfree(buf);
	return ok && !err;
}
