/* SPDX-License-Identifier: MIT */
/*
 * workloads.h - the one table of bundled workloads.
 *
 * X(name, main, default footprint in MiB (0: takes none), what it does)
 *
 * Those in HIDDEN_WORKLOAD_TABLE do something wrong on purpose, to show how the
 * kernel answers, or serve a test; lists for people leave them out.
 */
#ifndef WORKLOADS_WORKLOADS_H
#define WORKLOADS_WORKLOADS_H

#define WORKLOAD_TABLE(X)                                                                       \
	X("kv", kv_main, 128, "a store of JSON-like records: zipfian reads and updates")        \
	X("scan", scan_main, 32, "real files read again and again, by read and by mmap")        \
	X("mix", mix_main, 128, "kv and scan at once, in two threads, half the footprint each") \
	X("sort", sort_main, 128, "lines of real text files sorted in memory")                  \
	X("phase", phase_main, 128, "a working set that grows, moves and shrinks")              \
	X("rand", rand_main, 128, "incompressible data, read and updated at random")            \
	X("loop", loop_main, 128, "the same pages in the same order, again and again")          \
	X("once", once_main, 128, "files read once beside a warm set of half the footprint")    \
	X("anonfile", anonfile_main, 64, "anon memory, then files, then the anon memory again") \
	X("tail", tail_main, 128, "how long touches take, before, beside and after a hog")      \
	X("ageing", ageing_main, 64, "a hot set after cold data has filled the memory")         \
	X("sleeper", sleeper_main, 64, "writes, sleeps until it is alone, verifies")

#define HIDDEN_WORKLOAD_TABLE(X)                                                \
	X("touch", touch_main, 0, "touches pages when a test tells it to")      \
	X("bad-null", bad_null_main, 0, "reads through a null pointer")         \
	X("bad-stack", bad_stack_main, 0, "recurses until its stack overflows") \
	X("bad-exec", bad_exec_main, 0, "executes data")                        \
	X("bad-text", bad_text_main, 0, "writes to its own code")               \
	X("bad-kernel", bad_kernel_main, 0, "writes to the kernel's memory")    \
	X("bad-div", bad_div_main, 0, "divides by zero")                        \
	X("bad-priv", bad_priv_main, 0, "executes a privileged instruction")    \
	X("bad-exit", bad_exit_main, 0, "ends with a non-zero status")

#define X(name, main, mib, text) int main(int argc, char **argv);
WORKLOAD_TABLE(X)
HIDDEN_WORKLOAD_TABLE(X)
#undef X

#endif
