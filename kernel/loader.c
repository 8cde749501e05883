/* SPDX-License-Identifier: MIT */
/*
 * loader.c - the embedded program image: its segments, and its own table of workloads.
 *
 * All workloads are one ELF file inside the kernel. Nothing is copied here: each segment becomes
 * an area that is filled from the image page by page as it is touched, privately, so that text is
 * paid for like any other memory of the workload.
 *
 * Which workloads exist is known only to the image: it says so in an ELF note
 * (kernel/uapi.h). The image is built with the kernel, yet every offset in it is checked: a
 * build gone wrong should say so rather than map nonsense.
 */
#include "kernel/loader.h"

#include "kernel/ksyms.h"
#include "kernel/proc.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"
#include "mm/mm.h"

#define ELF_MAGIC      0x464c457fU /* "\177ELF", little end first */
#define ELF_CLASS_64   2
#define ELF_TYPE_EXEC  2
#define ELF_MACHINE_64 62
#define PT_LOAD	       1
#define PT_NOTE	       4
#define PF_X	       1
#define PF_W	       2
#define PF_R	       4

struct elf_header {
	u32 magic;
	u8 class, data, version, abi, pad[8];
	u16 type, machine;
	u32 version2;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	u32 name_bytes, desc_bytes, type;
};

static u64 image_bytes(void)
{
	return (u64)(programs_elf_end - programs_elf_start);
}

static bool in_image(u64 offset, u64 bytes)
{
	return offset <= image_bytes() && bytes <= image_bytes() - offset;
}

/* The header when it and its table of segments lie within the image, else NULL. */
static const struct elf_header *image_header(void)
{
	const struct elf_header *header = (const void *)programs_elf_start;

	if (!in_image(0, sizeof(*header)) || header->magic != ELF_MAGIC ||
	    header->class != ELF_CLASS_64 || header->type != ELF_TYPE_EXEC ||
	    header->machine != ELF_MACHINE_64 || header->phentsize != sizeof(struct elf_segment) ||
	    header->phoff % sizeof(u64) ||
	    !in_image(header->phoff, (u64)header->phnum * sizeof(struct elf_segment)))
		return NULL;
	return header;
}

static const struct elf_segment *image_segment(const struct elf_header *header, u32 i)
{
	return (const struct elf_segment *)(programs_elf_start + header->phoff) + i;
}

static bool segment_valid(const struct elf_segment *seg)
{
	return seg->vaddr % PAGE_SIZE == 0 && seg->vaddr >= USER_BASE &&
	       seg->vaddr < USER_HEAP_BASE && seg->memsz <= USER_HEAP_BASE - seg->vaddr &&
	       seg->filesz <= seg->memsz && in_image(seg->offset, seg->filesz) &&
	       !((seg->flags & PF_W) && (seg->flags & PF_X));
}

static int segment_map(struct mm *mm, const struct elf_segment *seg)
{
	u32 flags = 0;

	if (seg->flags & PF_R)
		flags |= AREA_READ;
	if (seg->flags & PF_W)
		flags |= AREA_WRITE;
	if (seg->flags & PF_X)
		flags |= AREA_EXEC;
	return mm_map_image(mm, seg->vaddr, ALIGN_UP(seg->memsz, PAGE_SIZE), flags,
			    programs_elf_start + seg->offset, seg->filesz);
}

int loader_map(struct mm *mm, u64 *entry)
{
	const struct elf_header *header = image_header();

	if (!header) {
		printk("loader: the embedded program image is not an ELF file for this machine\n");
		return -EINVAL;
	}
	for (u32 i = 0; i < header->phnum; i++) {
		const struct elf_segment *seg = image_segment(header, i);
		int err;

		if (seg->type != PT_LOAD || !seg->memsz)
			continue;
		if (!segment_valid(seg)) {
			printk("loader: segment %u of the program image is damaged: 0x%lx bytes at 0x%lx\n",
			       i, seg->memsz, seg->vaddr);
			return -EINVAL;
		}
		err = segment_map(mm, seg);
		if (err)
			return err;
	}
	*entry = header->entry;
	return 0;
}

/* The table in the note of one segment, or NULL. */
static const struct sys_workload *note_table(const struct elf_segment *seg, u32 *count)
{
	const struct elf_note *note = (const void *)(programs_elf_start + seg->offset);
	u64 name_bytes;

	if (!in_image(seg->offset, seg->filesz) || seg->filesz < sizeof(*note))
		return NULL;
	name_bytes = ALIGN_UP((u64)note->name_bytes, 4);
	if (note->type != SYS_NOTE_WORKLOADS || note->name_bytes != sizeof(SYS_NOTE_NAME) ||
	    sizeof(*note) + name_bytes + note->desc_bytes > seg->filesz ||
	    memcmp(note + 1, SYS_NOTE_NAME, sizeof(SYS_NOTE_NAME)))
		return NULL;
	*count = note->desc_bytes / sizeof(struct sys_workload);
	return (const void *)((const u8 *)(note + 1) + name_bytes);
}

const struct sys_workload *workload_at(u32 i)
{
	const struct elf_header *header = image_header();
	const struct sys_workload *table;
	u32 count = 0;

	for (u32 s = 0; header && s < header->phnum; s++) {
		const struct elf_segment *seg = image_segment(header, s);

		table = seg->type == PT_NOTE ? note_table(seg, &count) : NULL;
		if (table)
			return i < count ? &table[i] : NULL;
	}
	return NULL;
}

bool workload_exists(const char *name)
{
	const struct sys_workload *workload;

	for (u32 i = 0; (workload = workload_at(i)) != NULL; i++)
		if (!strcmp(name, workload->name))
			return true;
	return false;
}

int workload_list(char *buf, size_t size)
{
	const struct sys_workload *workload;
	size_t used = 0;

	if (size)
		buf[0] = '\0';
	for (u32 i = 0; (workload = workload_at(i)) != NULL && used < size; i++)
		if (!(workload->flags & SYS_WORKLOAD_HIDDEN))
			used += (size_t)ksnprintf(buf + used, size - used, "%s%s", used ? ", " : "",
						  workload->name);
	return (int)MIN(used, size);
}
