/* SPDX-License-Identifier: MIT */
/* test_boot.c - the command line and boot information: what is accepted, and each refusal's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/bootinfo.h"
#include "kernel/cmdline.h"
#include "lib/prng.h"
#include "lib/print.h"

static bool one_of(const char *name, const char *a, const char *b)
{
	return !strcmp(name, a) || !strcmp(name, b);
}

static bool policy_check(const char *text, char *error, size_t bytes)
{
	ksnprintf(error, bytes, "policy=%s: no such policy; allowed: integrated, none", text);
	return one_of(text, "integrated", "none");
}

static bool store_known(const char *name)
{
	return one_of(name, "log", "zbud");
}

static int store_names(char *buf, size_t size)
{
	return ksnprintf(buf, size, "log, zbud");
}

static bool workload_known(const char *name)
{
	return one_of(name, "kv", "mix");
}

static int workload_names(char *buf, size_t size)
{
	return ksnprintf(buf, size, "kv, mix");
}

static bool pace_known(const char *name)
{
	return one_of(name, "ssd", "nvme") || !strcmp(name, "none");
}

static int pace_names(char *buf, size_t size)
{
	return ksnprintf(buf, size, "none, nvme, ssd");
}

static const struct cmdline_names names = {
	policy_check,	store_known, store_names, workload_known,
	workload_names, pace_known,  pace_names,
};

static void test_good_line(void **state)
{
	struct cmdline c;
	char error[256] = "";

	assert_true(cmdline_parse(
		"mem=64M policy=none seed=18446744073709551615 stats=500ms "
		"swap=off disk=ram pace=nvme store=zbud check=on evict=pages run=\"kv 128\" run=mix",
		&names, &c, error, sizeof(error)));
	assert_int_equal(c.mem_bytes, 64 * MIB);
	assert_string_equal(c.policy, "none");
	assert_true(c.seed == UINT64_MAX);
	assert_int_equal(c.stats_interval_ns, 500 * NSEC_PER_MSEC);
	assert_false(c.swap);
	assert_int_equal(c.disk, DISK_RAM);
	assert_string_equal(c.pace, "nvme");
	assert_string_equal(c.store, "zbud");
	assert_true(c.checksums);
	assert_int_equal(c.evict, EVICT_PAGES);
	assert_int_equal(c.nr_runs, 2);
	assert_string_equal(c.runs[0], "kv 128");
	assert_string_equal(c.runs[1], "mix");
}

static void test_defaults(void **state)
{
	struct cmdline c;
	char error[256];

	assert_true(cmdline_parse("", &names, &c, error, sizeof(error)));
	assert_string_equal(c.policy, "integrated");
	assert_true(c.swap && !c.mem_bytes && c.seed == 1 && !c.nr_runs && !c.stats_interval_ns);
	assert_int_equal(c.disk, DISK_VIRTIO);
	assert_string_equal(c.pace, "none");
	assert_string_equal(c.store, "log");
	assert_true(c.checksums); /* a debug build */
	assert_int_equal(c.evict, EVICT_BY_POLICY);
	assert_true(cmdline_parse("check=off evict=frames", &names, &c, error, sizeof(error)));
	assert_false(c.checksums);
	assert_int_equal(c.evict, EVICT_FRAMES);
}

/* Each of the two words stands for itself; only the default of pace= looks at disk=. */
static void test_disk_and_pace(void **state)
{
	static const struct {
		const char *line;
		enum disk_kind disk;
		const char *pace;
	} cases[] = {
		{ "disk=virtio", DISK_VIRTIO, "none" },
		{ "disk=ram", DISK_RAM, "ssd" },
		{ "pace=nvme", DISK_VIRTIO, "nvme" },
		{ "pace=none disk=ram", DISK_RAM, "none" },
		{ "pace=nvme disk=ram", DISK_RAM, "nvme" },
		{ "disk=virtio pace=ssd", DISK_VIRTIO, "ssd" },
		{ "disk=ram pace=none disk=virtio", DISK_VIRTIO, "none" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cmdline c;
		char error[256] = "";

		if (!cmdline_parse(cases[i].line, &names, &c, error, sizeof(error)))
			fail_msg("%s", error);
		assert_int_equal(c.disk, cases[i].disk);
		assert_string_equal(c.pace, cases[i].pace);
	}
}

/* Each bad word is refused, and the message names it and what is allowed. */
static void test_bad_words(void **state)
{
	static const struct {
		const char *line, *must_say;
	} cases[] = {
		{ "polcy=none", "unknown word \"polcy\"" },
		{ "quiet", "unknown word \"quiet\"" },
		{ "mem=1M", "too small; at least 4M" },
		{ "mem=99999999999G", "too large" },
		{ "mem=18446744073709551616K", "not a size" },
		{ "mem=lots", "not a size" },
		{ "mem=64", "not a size" },
		{ "mem=64Mx", "not a size" },
		{ "mem=", "not a size" },
		{ "policy=zram", "no such policy; allowed: integrated, none" },
		{ "store=zram", "store=zram: no such store; allowed: log, zbud" },
		{ "store=", "no such store" },
		{ "check=maybe", "check=maybe: allowed: on, off" },
		{ "evict=all", "evict=all: allowed: frames, pages" },
		{ "seed=-1", "not a number" },
		{ "seed=18446744073709551616", "not a number" },
		{ "stats=fast", "not an interval" },
		{ "stats=500", "not an interval" },
		{ "stats=0ms", "not an interval" },
		{ "swap=maybe", "allowed: on, off" },
		{ "disk=tape", "no such disk; allowed: virtio, ram" },
		{ "disk=ssd", "pace=" },
		{ "disk=", "no such disk" },
		{ "pace=tape", "no such pace; allowed: none, nvme, ssd" },
		{ "pace=", "no such pace" },
		{ "run=\"doom 128\"", "no such workload \"doom\"; allowed: kv, mix" },
		{ "run=\"kv many\"", "footprint \"many\"" },
		{ "run=\"kv 0\"", "footprint \"0\"" },
		{ "run=\"kv 99999999\"", "footprint" },
		{ "run=\"\"", "give a workload" },
		{ "run=\"kv 1", "ends inside a quote" },
		{ "test=", "give the name of a test" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cmdline c;
		char error[512] = "";

		if (cmdline_parse(cases[i].line, &names, &c, error, sizeof(error)))
			fail_msg("accepted: %s", cases[i].line);
		if (!strstr(error, cases[i].must_say))
			fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].line, error,
				 cases[i].must_say);
	}
}

static void test_long_words(void **state)
{
	static char line[1 << 16];
	struct cmdline c;
	char error[64];

	memset(line, 'x', sizeof(line) - 1);
	assert_false(cmdline_parse(line, &names, &c, error, sizeof(error)));
	assert_non_null(strstr(error, "longer than"));
	line[0] = '\0';
	for (u32 i = 0; i < CMDLINE_MAX_RUNS + 1; i++)
		strcat(line, "run=kv ");
	assert_false(cmdline_parse(line, &names, &c, error, sizeof(error)));
	assert_non_null(strstr(error, "more than 8"));
}

/* Bytes of every kind: never outside the buffers (ASan), always an answer. */
static void test_random_lines(void **state)
{
	struct prng rng;

	prng_seed(&rng, 1);
	for (u32 round = 0; round < 20000; round++) {
		static const char alphabet[] = "mem=policyrunseed\" 0123456789KMG=,kv";
		char line[200], error[80];
		struct cmdline c;
		u32 length = (u32)prng_below(&rng, sizeof(line));

		for (u32 i = 0; i < length; i++)
			line[i] = alphabet[prng_below(&rng, sizeof(alphabet) - 1)];
		line[length ? length - 1 : 0] = '\0';
		cmdline_parse(line, &names, &c, error, sizeof(error));
	}
}

static void test_split(void **state)
{
	char words[] = "  kv 128  --corrupt ";
	char *argv[4];

	assert_int_equal(cmdline_split(words, argv, 4), 3);
	assert_string_equal(argv[0], "kv");
	assert_string_equal(argv[2], "--corrupt");
	assert_int_equal(cmdline_split(argv[0], argv, 0), 1); /* more than allowed */
}

/* --- multiboot2, built tag by tag --- */

#define INFO_AT 4096

static struct {
	u8 bytes[16384] __aligned(8);
	u32 used;
} memory;

static void put32(u32 v)
{
	memcpy(memory.bytes + memory.used, &v, 4);
	memory.used += 4;
}

static void put64(u64 v)
{
	memcpy(memory.bytes + memory.used, &v, 8);
	memory.used += 8;
}

static void align8(void)
{
	memory.used = ALIGN_UP(memory.used, 8U);
}

static void put_cmdline(const char *text)
{
	put32(1);
	put32(8 + (u32)strlen(text) + 1);
	strcpy((char *)memory.bytes + memory.used, text);
	memory.used += (u32)strlen(text) + 1;
	align8();
}

static void put_map(u64 base, u64 length)
{
	put32(6);
	put32(16 + 24);
	put32(24);
	put32(0);
	put64(base);
	put64(length);
	put32(1);
	put32(0);
}

static void finish_info(void)
{
	u32 total;

	put32(0);
	put32(8);
	total = memory.used - INFO_AT;
	memcpy(memory.bytes + INFO_AT, &total, 4);
}

static void start_info(void)
{
	memset(&memory, 0, sizeof(memory));
	memory.used = INFO_AT;
	put32(0);
	put32(0);
}

static bool parse(struct boot_info *info)
{
	struct boot_view view = { memory.bytes, sizeof(memory.bytes) };

	return bootinfo_parse(&view, BOOT_MULTIBOOT2, INFO_AT, info);
}

static void test_multiboot2(void **state)
{
	static struct boot_info info;

	start_info();
	put_cmdline("mem=64M run=mix");
	put_map(1 * MIB, 127 * MIB);
	finish_info();
	assert_true(parse(&info));
	assert_string_equal(info.cmdline, "mem=64M run=mix");
	assert_int_equal(info.ram.nr, 1);
	assert_int_equal(info.ram.range[0].start, 1 * MIB);
	assert_int_equal(info.ram.range[0].end, 128 * MIB);
}

static void test_multiboot2_missing_map(void **state)
{
	static struct boot_info info;

	start_info();
	put_cmdline("mem=64M");
	finish_info();
	assert_false(parse(&info));
	assert_non_null(strstr(info.error, "memory map"));
}

static void test_wrong_protocol(void **state)
{
	static struct boot_info info;
	struct boot_view view = { memory.bytes, sizeof(memory.bytes) };

	assert_false(bootinfo_parse(&view, 0x2badb002, INFO_AT, &info));
	assert_true(info.error[0]);
	assert_false(bootinfo_parse(&view, BOOT_MULTIBOOT2, sizeof(memory.bytes) + 4096, &info));
	assert_true(info.error[0]);
	assert_false(bootinfo_parse(&view, BOOT_PVH, INFO_AT, &info));
	assert_true(info.error[0]);
}

/* Damage of every kind: an answer, an error text with each refusal, and no access outside the view (ASan). */
static void test_damaged(void **state)
{
	static struct boot_info info;
	struct prng rng;

	prng_seed(&rng, 2);
	for (u32 round = 0; round < 50000; round++) {
		start_info();
		put_cmdline("run=kv");
		put_map(1 * MIB, 64 * MIB);
		finish_info();
		for (u32 i = 0; i < 1 + prng_below(&rng, 4); i++) {
			u64 at = INFO_AT + prng_below(&rng, memory.used - INFO_AT);

			memory.bytes[at] = (u8)prng_below(&rng, 256);
		}
		if (!parse(&info))
			assert_true(info.error[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_line),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_disk_and_pace),
		cmocka_unit_test(test_bad_words),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_random_lines),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_multiboot2),
		cmocka_unit_test(test_multiboot2_missing_map),
		cmocka_unit_test(test_wrong_protocol),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
