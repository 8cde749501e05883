/* SPDX-License-Identifier: MIT */
/*
 * main.c - kmain(), the kernel's table of contents.
 *
 * Each line brings up one subsystem, in the only order that works: each needs those above it. The
 * code that runs here becomes the thread "main", which then does what the command line asks for
 * and ends the machine with a verdict.
 */
#include "boot/bootinfo.h"
#include "compress/zstore.h"
#include "drivers/disk_model.h"
#include "drivers/qemu.h"
#include "drivers/serial.h"
#include "kernel/bootmem.h"
#include "kernel/cmdline.h"
#include "kernel/cpu.h"
#include "kernel/disks.h"
#include "kernel/irq.h"
#include "kernel/main.h"
#include "kernel/paging.h"
#include "kernel/proc.h"
#include "kernel/session.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/version.h"
#include "kernel/x86.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/env.h"
#include "mm/mm.h"
#include "mm/policy.h"
#include "tests/guest/ktap.h"

/* What boot.asm maps at the direct map. */
#define BOOT_VIEW_BYTES (4 * GIB)

static struct boot_info boot_info; /* constant once parsed */
static struct cmdline cmdline;	   /* the same */

/* The machine or its command line will not do: say why, and end. */
static void refuse(const char *why) __noreturn;
static void refuse(const char *why)
{
	printk("error: %s\n", why);
	qemu_exit(QEMU_EXIT_FAILED);
}

static void parse_boot_info(u64 protocol, u64 info)
{
	const struct boot_view view = { phys_to_virt(0), BOOT_VIEW_BYTES };
	u64 bytes = 0;

	if (!bootinfo_parse(&view, protocol, info, &boot_info))
		refuse(boot_info.error);
	for (u32 i = 0; i < boot_info.ram.nr; i++)
		bytes += boot_info.ram.range[i].end - boot_info.ram.range[i].start;
	printk("boot: by %s, %lu MiB of RAM in %u ranges, %u modules\n", boot_info.protocol,
	       bytes / MIB, boot_info.ram.nr, boot_info.nr_modules);
	printk("boot: command line: %s\n", boot_info.cmdline);
}

static bool check_policy(const char *text, char *error, size_t bytes)
{
	struct policy_choice choice;

	return policy_parse(text, &choice, error, bytes);
}

static bool known_store(const char *name)
{
	return zstore_kind_find(name);
}

static bool known_pace(const char *name)
{
	return disk_pace_find(name);
}

static void parse_cmdline(void)
{
	static const struct cmdline_names names = {
		.policy_check = check_policy,
		.store_exists = known_store,
		.store_list = zstore_kind_list,
		.workload_exists = workload_exists,
		.workload_list = workload_list,
		.pace_exists = known_pace,
		.pace_list = disk_pace_list,
	};
	static char error[512];
	struct policy_choice choice;

	if (!cmdline_parse(boot_info.cmdline, &names, &cmdline, error, sizeof(error))) {
		static char help[2048];

		cmdline_help(help, sizeof(help));
		printk("The command line takes:\n%s", help);
		refuse(error);
	}
	if (!cmdline.nr_runs && !cmdline.test[0])
		refuse("nothing to do: the command line has neither run=\"WORKLOAD MIB\" nor test=all");
	if (!policy_parse(cmdline.policy, &choice, error, sizeof(error)))
		refuse(error);
	policy_use(&choice);
}

/* Give mm/ its frames. */
static void start_mm(void)
{
	static char error[256];
	struct mm_config config = {
		.nr_cpus = 1,
		.store_kind = zstore_kind_find(cmdline.store),
		.store_checksums = cmdline.checksums,
		.store_evicts_pages = cmdline.evict == EVICT_BY_POLICY
					      ? policy_current()->evicts_pages
					      : cmdline.evict == EVICT_PAGES,
	};

	if (!bootmem_plan(cmdline.mem_bytes, &config, error, sizeof(error)))
		refuse(error);
	mm_init(&config);
}

static void start_time(void)
{
	time_init();
	irq_enable();
	printk("time: TSC at %lu MHz; CPU has %s\n", time_tsc_mhz(), cpu_features_text());
}

static void start_disks(void)
{
	if (!disks_init(&cmdline, &boot_info))
		qemu_exit(QEMU_EXIT_FAILED);
}

void kmain(u64 protocol, u64 info)
{
	bool ok;

	cpu_init_early(); /* struct cpu and the boot thread: printk locks */
	serial_init();	  /* the console */
	printk("Harmony %s\n", harmony_version);
	parse_boot_info(protocol, info);      /* RAM, command line, modules */
	cpu_init();			      /* segments, system-call entry, protection bits */
	trap_init();			      /* exceptions are reported from here on */
	parse_cmdline();		      /* what this boot is for */
	bootmem_init(&boot_info);	      /* memory before there is an allocator */
	paging_init(&boot_info);	      /* direct map, image W^X, guards */
	start_mm();			      /* frames, allocators, lists, the store */
	irq_init();			      /* interrupt controllers */
	start_time();			      /* clock and timer; interrupts on */
	thread_init_idle(cmdline.idle_skips); /* from here on this code may sleep */
	serial_init_input();		      /* characters by interrupt */
	mm_start_threads();		      /* kswapd, flusher */
	start_disks();			      /* PCI, virtio or RAM disks, swap, file system */

	ok = cmdline.test[0] ? ktap_run(cmdline.test) : session_run(&cmdline);
	printk("Harmony ends: %s\n", ok ? "ok" : "failed");
	qemu_exit(ok ? QEMU_EXIT_OK : QEMU_EXIT_FAILED);
}
