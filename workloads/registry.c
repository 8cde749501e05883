/* SPDX-License-Identifier: MIT */
/*
 * registry.c - from the table of workloads: main(), and the note the kernel reads.
 *
 * The kernel must know which names exist before it starts one, and must not include
 * anything of the workloads. So the image says it itself, in an ELF note.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "kernel/uapi.h"
#include "workloads/workloads.h"

int main(int argc, char **argv);

#define COUNT(name, main, mib, text) +1
#define NR_WORKLOADS		     (0 WORKLOAD_TABLE(COUNT) HIDDEN_WORKLOAD_TABLE(COUNT))

struct workload_note {
	uint32_t name_bytes, desc_bytes, type;
	char name[sizeof(SYS_NOTE_NAME)];
	struct sys_workload workloads[NR_WORKLOADS];
};

#define ENTRY(name, main, mib, text)	    { name, mib, 0, text },
#define HIDDEN_ENTRY(name, main, mib, text) { name, mib, SYS_WORKLOAD_HIDDEN, text },

static const struct workload_note workload_note
	__attribute__((section(".note.harmony"), used, aligned(4))) = {
		.name_bytes = sizeof(SYS_NOTE_NAME),
		.desc_bytes = sizeof(workload_note.workloads),
		.type = SYS_NOTE_WORKLOADS,
		.name = SYS_NOTE_NAME,
		.workloads = { WORKLOAD_TABLE(ENTRY) HIDDEN_WORKLOAD_TABLE(HIDDEN_ENTRY) },
	};

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} mains[] = {
#define MAIN(name, main, mib, text) { name, main },
	WORKLOAD_TABLE(MAIN) HIDDEN_WORKLOAD_TABLE(MAIN)
};

int main(int argc, char **argv)
{
	for (int i = 0; argc > 0 && i < NR_WORKLOADS; i++)
		if (!strcmp(argv[0], mains[i].name))
			return mains[i].main(argc, argv);
	printf("no workload is called \"%s\"\n", argc > 0 ? argv[0] : "");
	return 2;
}
