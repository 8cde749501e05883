/* SPDX-License-Identifier: MIT */
/*
 * disks.c - which disks this boot uses.
 *
 * disk=virtio takes what the hypervisor offers. disk=ram is the deterministic disk: memory outside
 * the managed run. Its data are the first boot module's bytes where they lie; without a module
 * they are copied from the virtio disk "data", whose place it then takes. Its swap is the RAM that
 * is left. Either way pace= may put a disk in front that is slow on purpose.
 */
#include "kernel/disks.h"

#include "drivers/disk_model.h"
#include "drivers/paced.h"
#include "drivers/pci.h"
#include "drivers/ramdisk.h"
#include "drivers/virtio_blk.h"
#include "fs/fs.h"
#include "kernel/bootmem.h"
#include "lib/blockdev.h"
#include "lib/print.h"
#include "mm/env.h"
#include "mm/swap.h"

static struct paced_disk paced_data, paced_swap; /* used if pace= asks for it */

/* RAM beside the managed run that nobody uses. */
struct spare {
	u64 phys, bytes;
};

static bool make_data_disk(const struct boot_info *info, struct spare *spare)
{
	struct block_device *source = block_find("data");
	void *base;
	u64 bytes;

	if (info->nr_modules) {
		base = phys_to_virt(info->modules[0].start);
		bytes = ALIGN_DOWN(info->modules[0].bytes, SECTOR_SIZE);
		return ramdisk_init("data", base, bytes) == 0;
	}
	if (!source) {
		printk("no data disk: disk=ram needs a boot module, or a virtio disk with the serial "
		       "\"data\" to copy\n");
		return false;
	}
	bytes = source->nr_sectors * SECTOR_SIZE;
	if (bytes > spare->bytes) {
		printk("no data disk: disk=ram needs %lu MiB of RAM outside mem=, there are %lu MiB\n",
		       DIV_ROUND_UP(bytes, MIB), spare->bytes / MIB);
		return false;
	}
	base = phys_to_virt(spare->phys);
	if (ramdisk_load(base, bytes, source)) {
		printk("no data disk: reading the virtio disk \"data\" failed\n");
		return false;
	}
	spare->phys += ALIGN_UP(bytes, PAGE_SIZE);
	spare->bytes -= MIN(spare->bytes, ALIGN_UP(bytes, PAGE_SIZE));
	return ramdisk_init("data", base, bytes) == 0;
}

static bool make_swap_disk(const struct spare *spare)
{
	void *base = phys_to_virt(spare->phys);

	if (spare->bytes < SWAP_MIN_BYTES) {
		printk("no swap disk: disk=ram needs %lu MiB of RAM outside mem= for it, there are %lu "
		       "KiB; or say swap=off\n",
		       SWAP_MIN_BYTES / MIB, spare->bytes / KIB);
		return false;
	}
	ramdisk_format_swap(base, spare->bytes);
	return ramdisk_init("swap", base, spare->bytes) == 0;
}

static bool make_ram_disks(const struct cmdline *cmdline, const struct boot_info *info)
{
	struct spare spare = { 0 };

	spare.bytes = bootmem_take_rest(&spare.phys);
	return make_data_disk(info, &spare) && (!cmdline->swap || make_swap_disk(&spare));
}

/* The disk to use in place of dev: itself, or one in front of it. */
static struct block_device *at_pace(struct paced_disk *front, struct block_device *dev,
				    const char *name)
{
	const struct disk_pace *pace = disk_pace_find(name);

	if (disk_pace_is_none(pace))
		return dev;
	paced_init(front, dev, pace);
	return &front->blk;
}

static bool use_disks(const struct cmdline *cmdline)
{
	struct block_device *data = block_find("data"), *swap = block_find("swap");

	if (!data) {
		printk("no data disk: none of the virtio disks has the serial \"data\"\n");
		return false;
	}
	if (cmdline->swap && !swap) {
		printk("no swap disk: none of the virtio disks has the serial \"swap\"; "
		       "or say swap=off\n");
		return false;
	}
	if (!cmdline->swap)
		printk("no swap (swap=off): what does not fit into memory ends a workload\n");
	data = at_pace(&paced_data, data, cmdline->pace);
	if (cmdline->swap)
		swap = at_pace(&paced_swap, swap, cmdline->pace);
	return fs_mount(data) == 0 && (!cmdline->swap || swap_attach(swap) == 0);
}

bool disks_init(const struct cmdline *cmdline, const struct boot_info *info)
{
	pci_init();
	virtio_blk_init();
	if (cmdline->disk == DISK_RAM && !make_ram_disks(cmdline, info))
		return false;
	return use_disks(cmdline);
}
