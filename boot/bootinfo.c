/* SPDX-License-Identifier: MIT */
/*
 * bootinfo.c - multiboot2's tags and Xen's start info, read with distrust.
 *
 * The information comes from outside and decides which memory the kernel believes it owns, so
 * each length is checked against the bytes that are there before it is used, and what does not
 * fit is refused with a line that names it; the kernel has no better source to fall back on.
 *
 * Firmware maps may overlap and come in any order. What one entry calls RAM and another claims
 * for itself is not RAM: all that is usable is entered first, then everything else taken out,
 * then what is left is cut to whole pages.
 */
#include "boot/bootinfo.h"

#include "lib/print.h"
#include "lib/string.h"

#define RAM_TYPE 1 /* in both protocols: E820's number */

#define MB2_TAG_END	0
#define MB2_TAG_CMDLINE 1
#define MB2_TAG_MODULE	3
#define MB2_TAG_MMAP	6
#define MB2_MAX_BYTES	(16 * MIB) /* a larger one is garbage */
#define MB2_TAG_HEADER	8UL

#define PVH_MAX_ENTRIES 1024

struct mb2_header {
	u32 total_size, reserved;
};

struct mb2_tag {
	u32 type, size;
};

struct mb2_mmap {
	struct mb2_tag tag;
	u32 entry_size, entry_version;
};

struct mb2_mmap_entry {
	u64 base, length;
	u32 type, reserved;
};

struct mb2_module {
	struct mb2_tag tag;
	u32 start, end;
	char name[];
};

struct pvh_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modules, cmdline, rsdp;
	u64 memmap; /* from version 1 on */
	u32 memmap_entries, reserved;
};

struct pvh_module {
	u64 start, bytes, cmdline, reserved;
};

struct pvh_memmap_entry {
	u64 base, length;
	u32 type, reserved;
};

static bool fail(struct boot_info *info, const char *fmt, ...) __printf(2, 3);
static bool fail(struct boot_info *info, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	kvsnprintf(info->error, sizeof(info->error), fmt, args);
	va_end(args);
	return false;
}

/* ------------------------------------------------------------------ ranges */

static void ranges_delete(struct boot_ranges *ranges, u32 at)
{
	ranges->nr--;
	for (u32 i = at; i < ranges->nr; i++)
		ranges->range[i] = ranges->range[i + 1];
}

static bool ranges_insert(struct boot_ranges *ranges, u32 at, u64 start, u64 end)
{
	if (ranges->nr == BOOT_MAX_RANGES)
		return false;
	for (u32 i = ranges->nr; i > at; i--)
		ranges->range[i] = ranges->range[i - 1];
	ranges->range[at] = (struct boot_range){ start, end };
	ranges->nr++;
	return true;
}

bool boot_ranges_remove(struct boot_ranges *ranges, u64 start, u64 end)
{
	for (u32 i = 0; i < ranges->nr;) {
		struct boot_range *r = &ranges->range[i];
		u64 old_end = r->end;

		if (end <= r->start || start >= r->end) {
			i++;
		} else if (start <= r->start && end >= r->end) {
			ranges_delete(ranges, i);
		} else if (start <= r->start) {
			r->start = end;
			i++;
		} else {
			r->end = start;
			if (end < old_end && !ranges_insert(ranges, i + 1, end, old_end))
				return false;
			i++;
		}
	}
	return true;
}

/* Add, merging with all that it touches. */
static bool ranges_add(struct boot_ranges *ranges, u64 start, u64 end)
{
	u32 i = 0;

	while (i < ranges->nr && ranges->range[i].end < start)
		i++;
	while (i < ranges->nr && ranges->range[i].start <= end) {
		start = MIN(start, ranges->range[i].start);
		end = MAX(end, ranges->range[i].end);
		ranges_delete(ranges, i);
	}
	return ranges_insert(ranges, i, start, end);
}

static void ranges_to_pages(struct boot_ranges *ranges)
{
	for (u32 i = 0; i < ranges->nr;) {
		struct boot_range *r = &ranges->range[i];

		r->start = ALIGN_UP(r->start, PAGE_SIZE);
		r->end = ALIGN_DOWN(r->end, PAGE_SIZE);
		if (r->start >= r->end)
			ranges_delete(ranges, i);
		else
			i++;
	}
}

const struct boot_range *boot_ranges_largest(const struct boot_ranges *ranges, u64 limit)
{
	const struct boot_range *best = NULL;
	u64 best_bytes = 0;

	for (u32 i = 0; i < ranges->nr; i++) {
		const struct boot_range *r = &ranges->range[i];
		u64 end = MIN(r->end, limit);

		if (end > r->start && end - r->start > best_bytes) {
			best_bytes = end - r->start;
			best = r;
		}
	}
	return best;
}

/* ------------------------------------------------------------------ what both share */

/* One entry of a memory map. The first pass adds RAM, the second takes out the rest. */
static bool take_entry(struct boot_info *info, u32 index, u64 base, u64 length, u32 type,
		       bool adding)
{
	bool ok = true;

	if (!length)
		return true;
	if (base + length < base)
		return fail(info, "memory map entry %u: 0x%lx bytes at 0x%lx wrap around", index,
			    length, base);
	if (adding && type == RAM_TYPE)
		ok = ranges_add(&info->ram, base, base + length);
	else if (!adding && type != RAM_TYPE)
		ok = boot_ranges_remove(&info->ram, ALIGN_DOWN(base, PAGE_SIZE), base + length);
	if (!ok)
		return fail(info, "memory map: more than %u separate ranges of RAM",
			    BOOT_MAX_RANGES);
	return true;
}

static bool take_module(struct boot_info *info, u64 start, u64 bytes, const char *name)
{
	struct boot_module *module = &info->modules[info->nr_modules];

	if (info->nr_modules == BOOT_MAX_MODULES)
		return fail(info, "more than %u boot modules", BOOT_MAX_MODULES);
	if (start + bytes < start)
		return fail(info, "boot module %u: 0x%lx bytes at 0x%lx wrap around",
			    info->nr_modules, bytes, start);
	module->start = start;
	module->bytes = bytes;
	kstrlcpy(module->name, name, sizeof(module->name));
	info->nr_modules++;
	return true;
}

static bool take_cmdline(struct boot_info *info, const char *text, u64 room)
{
	u64 length = strnlen(text, room);

	if (length == room)
		return fail(info, "the command line is not terminated within its %lu bytes", room);
	if (length >= sizeof(info->cmdline))
		return fail(info, "the command line has %lu characters, more than %lu", length,
			    sizeof(info->cmdline) - 1);
	memcpy(info->cmdline, text, length + 1);
	return true;
}

/* ------------------------------------------------------------------ multiboot2 */

static bool mb2_take_mmap(struct boot_info *info, const struct mb2_mmap *mmap)
{
	u32 nr, bytes = mmap->tag.size - sizeof(*mmap);

	if (mmap->tag.size < sizeof(*mmap) || mmap->entry_size < sizeof(struct mb2_mmap_entry))
		return fail(info, "multiboot2 memory map: tag of %u bytes with entries of %u",
			    mmap->tag.size, mmap->tag.size < sizeof(*mmap) ? 0 : mmap->entry_size);
	if (bytes % mmap->entry_size)
		return fail(info,
			    "multiboot2 memory map: %u bytes are not a number of entries of %u",
			    bytes, mmap->entry_size);
	nr = bytes / mmap->entry_size;
	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < nr; i++) {
			struct mb2_mmap_entry e;

			memcpy(&e, (const u8 *)(mmap + 1) + (u64)i * mmap->entry_size, sizeof(e));
			if (!take_entry(info, i, e.base, e.length, e.type, pass == 0))
				return false;
		}
	}
	return true;
}

static bool mb2_take_module(struct boot_info *info, const struct mb2_module *module)
{
	if (module->tag.size <= sizeof(*module) || module->end < module->start)
		return fail(info, "multiboot2 module %u: malformed tag of %u bytes",
			    info->nr_modules, module->tag.size);
	if (strnlen(module->name, module->tag.size - sizeof(*module)) ==
	    module->tag.size - sizeof(*module))
		return fail(info, "multiboot2 module %u: its name is not terminated",
			    info->nr_modules);
	return take_module(info, module->start, module->end - module->start, module->name);
}

static bool mb2_take_tag(struct boot_info *info, const struct mb2_tag *tag, u32 *seen)
{
	if (tag->type < 32 && tag->type != MB2_TAG_MODULE) {
		if (*seen & BIT(tag->type) & (BIT(MB2_TAG_CMDLINE) | BIT(MB2_TAG_MMAP)))
			return fail(info, "multiboot2: a second tag of type %u", tag->type);
		*seen |= (u32)BIT(tag->type);
	}
	switch (tag->type) {
	case MB2_TAG_CMDLINE:
		return take_cmdline(info, (const char *)(tag + 1), tag->size - MB2_TAG_HEADER);
	case MB2_TAG_MODULE:
		return mb2_take_module(info, (const struct mb2_module *)tag);
	case MB2_TAG_MMAP:
		return mb2_take_mmap(info, (const struct mb2_mmap *)tag);
	default:
		return true;
	}
}

static bool parse_multiboot2(const struct boot_view *view, u64 at, struct boot_info *info)
{
	const struct mb2_header *header = (const struct mb2_header *)(view->base + at);
	u32 offset = sizeof(*header), seen = 0, total;

	info->protocol = "multiboot2";
	if (at % 8 || at > view->bytes || view->bytes - at < sizeof(*header))
		return fail(info, "multiboot2: no information can be at address 0x%lx", at);
	total = header->total_size;
	if (total < sizeof(*header) || total > MB2_MAX_BYTES || total > view->bytes - at)
		return fail(info, "multiboot2: a total size of %u bytes cannot be", total);
	for (;;) {
		const struct mb2_tag *tag = (const struct mb2_tag *)(view->base + at + offset);

		if (total - offset < MB2_TAG_HEADER)
			return fail(info, "multiboot2: the tags end at byte %u without an end tag",
				    offset);
		if (tag->size < MB2_TAG_HEADER || tag->size > total - offset)
			return fail(info,
				    "multiboot2: tag of type %u at byte %u claims %u of %u bytes",
				    tag->type, offset, tag->size, total - offset);
		if (tag->type == MB2_TAG_END)
			break;
		if (!mb2_take_tag(info, tag, &seen))
			return false;
		offset = MIN(ALIGN_UP(offset + tag->size, 8U), total);
	}
	if (!(seen & BIT(MB2_TAG_MMAP)))
		return fail(info, "multiboot2: the boot loader gave no memory map");
	return true;
}

/* ------------------------------------------------------------------ PVH */

/* nr elements of size bytes at an address given by the loader: are they there to be read? */
static bool pvh_array_fits(const struct boot_view *view, u64 address, u64 nr, u64 size)
{
	return address && address % 4 == 0 && nr <= PVH_MAX_ENTRIES && address < view->bytes &&
	       nr * size <= view->bytes - address;
}

static bool pvh_take_modules(const struct boot_view *view, const struct pvh_start_info *start,
			     struct boot_info *info)
{
	if (start->nr_modules &&
	    !pvh_array_fits(view, start->modules, start->nr_modules, sizeof(struct pvh_module)))
		return fail(info, "PVH: no list of %u modules can be at 0x%lx", start->nr_modules,
			    start->modules);
	for (u32 i = 0; i < start->nr_modules; i++) {
		struct pvh_module module;

		memcpy(&module, view->base + start->modules + i * sizeof(module), sizeof(module));
		if (!take_module(info, module.start, module.bytes, "module"))
			return false;
	}
	return true;
}

static bool parse_pvh(const struct boot_view *view, u64 at, struct boot_info *info)
{
	struct pvh_start_info start;

	info->protocol = "PVH";
	if (at % 4 || at > view->bytes || view->bytes - at < sizeof(start))
		return fail(info, "PVH: no start info can be at address 0x%lx", at);
	memcpy(&start, view->base + at, sizeof(start));
	if (start.magic != BOOT_PVH)
		return fail(info, "PVH: the start info's magic is 0x%x, not 0x%lx", start.magic,
			    BOOT_PVH);
	if (start.version < 1)
		return fail(info, "PVH: start info of version 0 has no memory map");
	if (!start.memmap_entries)
		return fail(info, "PVH: the boot loader gave no memory map");
	if (!pvh_array_fits(view, start.memmap, start.memmap_entries,
			    sizeof(struct pvh_memmap_entry)))
		return fail(info, "PVH: no memory map of %u entries can be at 0x%lx",
			    start.memmap_entries, start.memmap);
	for (u32 pass = 0; pass < 2; pass++) {
		for (u32 i = 0; i < start.memmap_entries; i++) {
			struct pvh_memmap_entry e;

			memcpy(&e, view->base + start.memmap + i * sizeof(e), sizeof(e));
			if (!take_entry(info, i, e.base, e.length, e.type, pass == 0))
				return false;
		}
	}
	if (start.cmdline >= view->bytes)
		return fail(info, "PVH: no command line can be at 0x%lx", start.cmdline);
	if (start.cmdline && !take_cmdline(info, (const char *)view->base + start.cmdline,
					   MIN(view->bytes - start.cmdline, 64 * KIB)))
		return false;
	return pvh_take_modules(view, &start, info);
}

bool bootinfo_parse(const struct boot_view *view, u64 protocol, u64 info, struct boot_info *out)
{
	bool ok;

	memset(out, 0, sizeof(*out));
	if (protocol == BOOT_MULTIBOOT2)
		ok = parse_multiboot2(view, info, out);
	else if (protocol == BOOT_PVH)
		ok = parse_pvh(view, info, out);
	else
		return fail(
			out,
			"no boot protocol is known by the number 0x%lx: neither multiboot2 nor PVH",
			protocol);
	if (!ok)
		return false;
	ranges_to_pages(&out->ram);
	if (!out->ram.nr)
		return fail(out, "%s: the memory map has no usable RAM", out->protocol);
	return true;
}
