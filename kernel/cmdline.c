/* SPDX-License-Identifier: MIT */
/*
 * cmdline.c - each word is declared once, in the table at the end: name, what is allowed, how it is read.
 *
 * A word is name=value; a value with spaces stands in double quotes. Whatever GRUB and QEMU put there beside
 * (GRUB passes only what follows the path) is not ours, so an unknown word is an error and not ignored: a
 * misspelt policy= must not silently run the default.
 */
#include "kernel/cmdline.h"

#include "lib/print.h"
#include "lib/string.h"

#define MEM_MIN_BYTES	  (4 * MIB)
#define STATS_MIN_NS	  NSEC_PER_MSEC
#define FOOTPRINT_MAX_MIB 65536

/* What a reader of one word works with. */
struct parse {
	const struct cmdline_names *names;
	struct cmdline *out;
	char *error;
	size_t error_bytes;
};

static bool fail(struct parse *p, const char *fmt, ...) __printf(2, 3);
static bool fail(struct parse *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	kvsnprintf(p->error, p->error_bytes, fmt, args);
	va_end(args);
	return false;
}

/* Digits, then whatever is left in *rest. False: no digit, or beyond 64 bits. */
static bool read_number(const char *text, u64 *value, const char **rest)
{
	*value = 0;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		u64 digit = (u64)(*text - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	*rest = text;
	return true;
}

static bool read_mem(struct parse *p, const char *value)
{
	const char *suffix;
	u64 n, unit = 0;

	if (read_number(value, &n, &suffix)) {
		if (!strcmp(suffix, "K"))
			unit = KIB;
		else if (!strcmp(suffix, "M"))
			unit = MIB;
		else if (!strcmp(suffix, "G"))
			unit = GIB;
	}
	if (!unit)
		return fail(p, "mem=%s: not a size; give a number with K, M or G, as in mem=64M",
			    value);
	if (n > UINT64_MAX / unit || n * unit > BIT(46))
		return fail(p, "mem=%s: too large; at most %luG can be addressed", value,
			    BIT(46) / GIB);
	if (n * unit < MEM_MIN_BYTES)
		return fail(p, "mem=%s: too small; at least %luM are needed", value,
			    MEM_MIN_BYTES / MIB);
	p->out->mem_bytes = ALIGN_DOWN(n * unit, PAGE_SIZE);
	return true;
}

static bool read_policy(struct parse *p, const char *value)
{
	if (strlen(value) >= sizeof(p->out->policy))
		return fail(p, "policy=%s: too long", value);
	ksnprintf(p->out->policy, sizeof(p->out->policy), "%s", value);
	return p->names->policy_check(value, p->error, p->error_bytes);
}

static bool read_store(struct parse *p, const char *value)
{
	char list[256];

	if (p->names->store_exists(value) && strlen(value) < sizeof(p->out->store)) {
		ksnprintf(p->out->store, sizeof(p->out->store), "%s", value);
		return true;
	}
	p->names->store_list(list, sizeof(list));
	return fail(p, "store=%s: no such store; allowed: %s", value, list);
}

static bool read_check(struct parse *p, const char *value)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return fail(p, "check=%s: allowed: on, off", value);
	p->out->checksums = !strcmp(value, "on");
	return true;
}

static bool read_evict(struct parse *p, const char *value)
{
	if (strcmp(value, "frames") && strcmp(value, "pages"))
		return fail(p, "evict=%s: allowed: frames, pages", value);
	p->out->evict = strcmp(value, "pages") ? EVICT_FRAMES : EVICT_PAGES;
	return true;
}

static bool read_seed(struct parse *p, const char *value)
{
	const char *rest;

	if (!read_number(value, &p->out->seed, &rest) || *rest)
		return fail(p, "seed=%s: not a number from 0 to 18446744073709551615", value);
	return true;
}

static bool read_stats(struct parse *p, const char *value)
{
	const char *suffix;
	u64 n, unit = 0;

	if (!strcmp(value, "0") || !strcmp(value, "off")) {
		p->out->stats_interval_ns = 0;
		return true;
	}
	if (read_number(value, &n, &suffix)) {
		if (!strcmp(suffix, "ms"))
			unit = NSEC_PER_MSEC;
		else if (!strcmp(suffix, "s"))
			unit = NSEC_PER_SEC;
	}
	if (!unit || n > UINT64_MAX / unit || n * unit < STATS_MIN_NS)
		return fail(p,
			    "stats=%s: not an interval; allowed: off, or a number with ms or s, "
			    "as in stats=500ms",
			    value);
	p->out->stats_interval_ns = n * unit;
	return true;
}

static bool read_swap(struct parse *p, const char *value)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return fail(p, "swap=%s: allowed: on, off", value);
	p->out->swap = !strcmp(value, "on");
	return true;
}

/* Which disks, and how fast they answer (read_pace), are two questions. */
static bool read_disk(struct parse *p, const char *value)
{
	if (strcmp(value, "virtio") && strcmp(value, "ram"))
		return fail(p, "disk=%s: no such disk; allowed: virtio, ram (how fast: pace=)",
			    value);
	p->out->disk = strcmp(value, "ram") ? DISK_VIRTIO : DISK_RAM;
	return true;
}

static bool read_pace(struct parse *p, const char *value)
{
	char list[256];

	if (p->names->pace_exists(value)) {
		ksnprintf(p->out->pace, sizeof(p->out->pace), "%s", value);
		return true;
	}
	p->names->pace_list(list, sizeof(list));
	return fail(p, "pace=%s: no such pace; allowed: %s", value, list);
}

static bool read_idle(struct parse *p, const char *value)
{
	if (strcmp(value, "halt") && strcmp(value, "skip"))
		return fail(p, "idle=%s: allowed: halt, skip", value);
	p->out->idle_skips = !strcmp(value, "skip");
	return true;
}

static bool read_test(struct parse *p, const char *value)
{
	if (!*value || strlen(value) >= sizeof(p->out->test))
		return fail(p, "test=%s: give the name of a test, or all", value);
	ksnprintf(p->out->test, sizeof(p->out->test), "%s", value);
	return true;
}

int cmdline_split(char *words, char **argv, int max)
{
	int argc = 0;

	for (;;) {
		while (*words == ' ')
			*words++ = '\0';
		if (!*words)
			return argc;
		if (argc == max)
			return max + 1;
		argv[argc++] = words;
		while (*words && *words != ' ')
			words++;
	}
}

/* The footprint, which is every workload's first argument, may be left out; it may not be wrong. */
static bool check_footprint(struct parse *p, const char *value, const char *footprint)
{
	const char *rest;
	u64 mib;

	if (!read_number(footprint, &mib, &rest) || *rest || mib < 1 || mib > FOOTPRINT_MAX_MIB)
		return fail(p, "run=\"%s\": footprint \"%s\" is not a number of MiB from 1 to %u",
			    value, footprint, FOOTPRINT_MAX_MIB);
	return true;
}

static bool read_run(struct parse *p, const char *value)
{
	char copy[CMDLINE_WORD_MAX], list[256], *argv[8];
	int argc;

	if (p->out->nr_runs == CMDLINE_MAX_RUNS)
		return fail(p, "run=\"%s\": more than %u workloads at once", value,
			    CMDLINE_MAX_RUNS);
	ksnprintf(copy, sizeof(copy), "%s", value);
	argc = cmdline_split(copy, argv, ARRAY_SIZE(argv));
	if (argc < 1 || argc > (int)ARRAY_SIZE(argv))
		return fail(p, "run=\"%s\": give a workload and at most %lu arguments", value,
			    ARRAY_SIZE(argv) - 1);
	if (!p->names->workload_exists(argv[0])) {
		p->names->workload_list(list, sizeof(list));
		return fail(p, "run=\"%s\": no such workload \"%s\"; allowed: %s", value, argv[0],
			    list);
	}
	if (argc > 1 && !check_footprint(p, value, argv[1]))
		return false;
	ksnprintf(p->out->runs[p->out->nr_runs++], CMDLINE_WORD_MAX, "%s", value);
	return true;
}

static const struct word {
	const char *name;
	bool (*read)(struct parse *p, const char *value);
	const char *help;
} words[] = {
	{ "mem", read_mem, "memory to manage, as 64M; default: all there is" },
	{ "policy", read_policy,
	  "how memory is balanced, as zswap,max_pool_pct=35; default integrated" },
	{ "store", read_store, "how zpages are packed: log (default), zbud, zsmalloc" },
	{ "check", read_check, "on or off: checksums of zpages; default on in debug builds" },
	{ "evict", read_evict,
	  "zpages go to swap as whole frames, or as pages; default as the policy says" },
	{ "seed", read_seed, "seed of the workloads' random numbers; default 1" },
	{ "stats", read_stats, "interval of stats dumps, as 500ms, or off; default off" },
	{ "swap", read_swap, "on or off; default on" },
	{ "disk", read_disk, "virtio, or ram for deterministic disks; default virtio" },
	{ "pace", read_pace,
	  "disks no faster than none, nvme, ssd, hdd; default none, for ram ssd" },
	{ "idle", read_idle, "halt, or skip virtual time (QEMU -icount, disk=ram); default halt" },
	{ "run", read_run, "\"workload MiB\" to run; may stand several times" },
	{ "test", read_test, "in-guest tests to run instead: all, or a name" },
};

int cmdline_help(char *buf, size_t size)
{
	int n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		size_t used = MIN((size_t)n, size);

		n += ksnprintf(buf + used, size - used, "  %-8s %s\n", words[i].name,
			       words[i].help);
	}
	return n;
}

static bool unknown_word(struct parse *p, const char *name)
{
	char list[256];
	int n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		n += ksnprintf(list + n, sizeof(list) - (size_t)n, "%s%s=", i ? ", " : "",
			       words[i].name);
	return fail(p, "unknown word \"%s\" on the command line; allowed: %s", name, list);
}

static bool read_word(struct parse *p, char *word)
{
	char *value = word;

	while (*value && *value != '=')
		value++;
	if (!*value)
		return unknown_word(p, word);
	*value++ = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].name, word))
			return words[i].read(p, value);
	return unknown_word(p, word);
}

/*
 * The next word, without its quotes, copied to word. 1, 0 at the end, -1: a quote is not
 * closed, -2: too long.
 */
static int next_word(const char **text, char *word)
{
	bool quoted = false;
	u32 n = 0;

	while (**text == ' ' || **text == '\t' || **text == '\n')
		(*text)++;
	if (!**text)
		return 0;
	for (; **text && (quoted || (**text != ' ' && **text != '\t' && **text != '\n'));
	     (*text)++) {
		if (**text == '"') {
			quoted = !quoted;
			continue;
		}
		if (n == CMDLINE_WORD_MAX - 1)
			return -2;
		word[n++] = **text;
	}
	word[n] = '\0';
	return quoted ? -1 : 1;
}

bool cmdline_parse(const char *text, const struct cmdline_names *names, struct cmdline *out,
		   char *error, size_t error_bytes)
{
	struct parse p = { names, out, error, error_bytes };
	char word[CMDLINE_WORD_MAX];
	int got;

	memset(out, 0, sizeof(*out));
	memset(word, 0, sizeof(word));
	out->seed = 1;
	out->swap = true;
	out->disk = DISK_VIRTIO;
	out->checksums = CONFIG_DEBUG;
	out->evict = EVICT_BY_POLICY;
	ksnprintf(out->store, sizeof(out->store), "log");
	ksnprintf(out->policy, sizeof(out->policy), "integrated");
	while ((got = next_word(&text, word)) > 0)
		if (!read_word(&p, word))
			return false;
	if (!out->pace[0])
		ksnprintf(out->pace, sizeof(out->pace), "%s",
			  out->disk == DISK_RAM ? "ssd" : "none");
	if (got == -1)
		return fail(&p, "the command line ends inside a quote: \"%s", word);
	if (got == -2)
		return fail(&p, "a word on the command line is longer than %u characters",
			    CMDLINE_WORD_MAX - 1);
	return true;
}
