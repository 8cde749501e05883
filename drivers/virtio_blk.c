/* SPDX-License-Identifier: MIT */
/*
 * virtio_blk.c - disks offered by the hypervisor.
 *
 * A request to the device is a chain of descriptors: a header, the segments, one byte of status.
 * Chains are not assembled from a pool of single descriptors. Instead there is a fixed number of
 * slots, each of which owns everything that the longest possible request needs: header, status
 * byte, and a chain of BIO_MAX_SEGS + 2 descriptors. A request takes a slot, or sleeps until there
 * is one; there is nothing to run out of half-way. With indirect descriptors the chain lies in the
 * slot and takes a single place in the ring; without, the slot owns a stretch of the ring itself.
 * The two differ in one stride:
 *
 *     indirect     slot i: ring descriptor i          -> slot's own table of 34
 *     direct       slot i: ring descriptors 34i .. 34i + 33
 *
 * Memory order. The chain is written before the avail index is stored with release; the used index
 * is loaded with acquire before a used element is read. Between storing the avail index and reading
 * whether the device wants to be told lies a full barrier: both sides store one word and then load
 * the other's, and without it each could miss the other.
 *
 * A device that answers nonsense, or asks to be reset, is broken: it is reset, so that it
 * writes to memory no more, every request in flight ends with -EIO, and so does every later one.
 */
#include "drivers/virtio_blk.h"

#include "drivers/pci.h"
#include "drivers/platform.h"
#include "drivers/virtio.h"
#include "lib/assert.h"
#include "lib/blockdev.h"
#include "lib/errno.h"
#include "lib/print.h"
#include "lib/string.h"

#define MAX_DISKS   8
#define SLOTS_MAX   64 /* there are only so many bios */
#define CHAIN_MAX   (BIO_MAX_SEGS + 2)
#define DMA_ORDER   4
#define ANSWER_NS   (10 * NSEC_PER_SEC) /* patience at boot */
#define MSIX_QUEUE  0
#define MSIX_CONFIG 1

/* The part of a slot that the device sees. */
struct slot_dma {
	struct virtq_desc chain[CHAIN_MAX];
	struct virtio_blk_header header;
	char id[VIRTIO_BLK_ID_BYTES];
	u8 status;
} __aligned(64);

/* The rings, then the slots. */
struct disk_dma {
	struct virtq_desc desc[VIRTQ_MAX];
	struct virtq_used used;
	struct virtq_avail avail;
	struct slot_dma slots[SLOTS_MAX] __aligned(64);
};
_Static_assert(sizeof(struct disk_dma) <= PAGE_SIZE << DMA_ORDER, "rings and slots fit");

enum slot_use { SLOT_FREE, SLOT_BIO, SLOT_OWN };

struct slot {
	enum slot_use use;
	struct bio *bio; /* SLOT_BIO */
};

struct virtio_disk {
	/* Set at boot, constant afterwards. */
	struct pci_device *pci;
	volatile struct virtio_common_cfg *common;
	volatile struct virtio_blk_cfg *config;
	volatile u8 *notify_base;
	volatile u16 *notify;
	u32 notify_bytes, notify_multiplier;
	u64 features;
	u16 ring_size; /* a power of two */
	u16 nr_slots;
	u16 stride; /* ring descriptors to a slot */
	struct disk_dma *dma;
	u64 dma_phys;
	char name[VIRTIO_BLK_ID_BYTES + 12];
	struct block_device blk;

	struct spinlock lock; /* all below; irq-safe */
	struct slot slots[SLOTS_MAX];
	u16 free[SLOTS_MAX]; /* a stack of free slots */
	u16 nr_free;
	u16 avail_idx; /* next to be filled */
	u16 used_idx;  /* next to be looked at */
	bool broken;
	u8 own_status; /* of the last SLOT_OWN request */
	bool own_done;

	struct waitqueue slot_wq; /* for a free slot, or the end */
};

static struct virtio_disk disks[MAX_DISKS];
static u32 nr_disks;

/* --- the queue --- */

static u64 dma_phys(const struct virtio_disk *disk, const void *addr)
{
	return disk->dma_phys + (u64)((const u8 *)addr - (const u8 *)disk->dma);
}

static struct virtq_desc *slot_chain(struct virtio_disk *disk, u16 index)
{
	return disk->stride == 1 ? disk->dma->slots[index].chain
				 : &disk->dma->desc[index * disk->stride];
}

static void chain_put(struct virtio_disk *disk, u16 index, u32 at, u64 phys, u32 len, u16 flags)
{
	u16 first = disk->stride == 1 ? 0 : (u16)(index * disk->stride);

	slot_chain(disk, index)[at] =
		(struct virtq_desc){ phys, len, flags, (u16)(first + at + 1) };
}

/* Describe a request in a slot; returns the number of descriptors. */
static u32 fill_slot(struct virtio_disk *disk, u16 index, const struct bio *bio)
{
	static const u32 types[] = { [BIO_READ] = VIRTIO_BLK_IN,
				     [BIO_WRITE] = VIRTIO_BLK_OUT,
				     [BIO_FLUSH] = VIRTIO_BLK_FLUSH };
	struct slot_dma *dma = &disk->dma->slots[index];
	u16 flags = VIRTQ_DESC_NEXT | (bio && bio->op != BIO_READ ? 0 : VIRTQ_DESC_WRITE);
	u32 at = 1;

	dma->status = 0xff;
	dma->header = (struct virtio_blk_header){ .type = VIRTIO_BLK_GET_ID };
	if (bio) {
		dma->header.type = types[bio->op];
		dma->header.sector = bio->op == BIO_FLUSH ? 0 : bio->sector;
		for (; at <= bio->nr_segs; at++)
			chain_put(disk, index, at, platform_phys(bio->segs[at - 1].addr),
				  bio->segs[at - 1].len_bytes, flags);
	} else {
		chain_put(disk, index, at++, dma_phys(disk, dma->id), VIRTIO_BLK_ID_BYTES, flags);
	}
	chain_put(disk, index, 0, dma_phys(disk, &dma->header), sizeof(dma->header),
		  VIRTQ_DESC_NEXT);
	chain_put(disk, index, at, dma_phys(disk, &dma->status), 1, VIRTQ_DESC_WRITE);
	return at + 1;
}

/*
 * Start a request (bio NULL: ask for the serial) if there is a slot. disk->lock held. The caller
 * has made sure that the device is not broken.
 */
static bool try_start(struct virtio_disk *disk, struct bio *bio)
{
	struct disk_dma *dma = disk->dma;
	u32 length;
	u16 index, head;

	ASSERT_HELD(&disk->lock);
	if (!disk->nr_free)
		return false;
	index = disk->free[--disk->nr_free];
	disk->slots[index] = (struct slot){ bio ? SLOT_BIO : SLOT_OWN, bio };
	length = fill_slot(disk, index, bio);
	head = (u16)(index * disk->stride);
	if (disk->stride == 1)
		dma->desc[head] = (struct virtq_desc){ dma_phys(disk, slot_chain(disk, index)),
						       length * (u32)sizeof(struct virtq_desc),
						       VIRTQ_DESC_INDIRECT, 0 };
	dma->avail.ring[disk->avail_idx++ % disk->ring_size] = head;
	__atomic_store_n(&dma->avail.idx, disk->avail_idx, __ATOMIC_RELEASE);
	/*
	 * Always ring: the device's wish not to be told (used.flags) may only be heeded behind a full
	 * barrier, and QEMU's TCG makes none for a machine with one CPU, though its disks run in
	 * another thread. A bell withheld on a stale wish is a request that never ends.
	 */
	*disk->notify = 0; /* the queue's number */
	return true;
}

static void free_slot(struct virtio_disk *disk, u16 index)
{
	disk->slots[index] = (struct slot){ SLOT_FREE, NULL };
	disk->free[disk->nr_free++] = index;
}

/*
 * The end of a device: it is reset, and everything in flight goes to the list to be failed. lock
 * held. Said once.
 */
static void give_up(struct virtio_disk *disk, const char *why, struct list_head *failed)
{
	if (disk->broken)
		return;
	disk->broken = true;
	disk->common->device_status = 0;
	printk("disk \"%s\" is broken: %s; all further requests to it fail\n", disk->name, why);
	for (u16 i = 0; i < disk->nr_slots; i++) {
		if (disk->slots[i].use == SLOT_BIO) {
			disk->slots[i].bio->error = -EIO;
			list_add_tail(&disk->slots[i].bio->link, failed);
		}
		if (disk->slots[i].use != SLOT_FREE)
			free_slot(disk, i);
	}
}

/* Take back one slot that the device says it has finished. lock held. */
static void finish_slot(struct virtio_disk *disk, u32 id, struct list_head *finished)
{
	u32 index = id / disk->stride;
	struct slot *slot = &disk->slots[index];
	u8 status;

	if (id % disk->stride || index >= disk->nr_slots || slot->use == SLOT_FREE) {
		give_up(disk, "it finished a request that it was not given", finished);
		return;
	}
	status = READ_ONCE(disk->dma->slots[index].status);
	if (slot->use == SLOT_OWN) {
		disk->own_status = status;
		disk->own_done = true;
	} else {
		slot->bio->error = status == VIRTIO_BLK_S_OK ? 0 : -EIO;
		list_add_tail(&slot->bio->link, finished);
	}
	free_slot(disk, (u16)index);
}

/* Done callbacks run without the lock: they may do anything but sleep. */
static void complete_all(struct virtio_disk *disk, struct list_head *finished)
{
	struct bio *bio, *next;
	bool any = !list_empty(finished);

	list_for_each_entry_safe(bio, next, finished, link) {
		list_del(&bio->link);
		bio_complete(bio, bio->error);
	}
	if (any || READ_ONCE(disk->broken))
		wake_all(&disk->slot_wq);
}

/* Take back all that is finished. Any context. */
static void reap(struct virtio_disk *disk)
{
	struct disk_dma *dma = disk->dma;
	struct list_head finished = LIST_HEAD_INIT(finished);
	u64 flags = spin_lock_irqsave(&disk->lock);

	while (!disk->broken &&
	       disk->used_idx != __atomic_load_n(&dma->used.idx, __ATOMIC_ACQUIRE)) {
		u32 id = READ_ONCE(dma->used.ring[disk->used_idx % disk->ring_size].id);

		disk->used_idx++;
		finish_slot(disk, id, &finished);
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	complete_all(disk, &finished);
}

static void queue_interrupt(void *arg)
{
	reap(arg);
}

/* The device's configuration or status has changed. */
static void config_interrupt(void *arg)
{
	struct virtio_disk *disk = arg;
	struct list_head failed = LIST_HEAD_INIT(failed);
	u64 flags = spin_lock_irqsave(&disk->lock);

	if (disk->common->device_status & VIRTIO_STATUS_NEEDS_RESET)
		give_up(disk, "it asks to be reset", &failed);
	spin_unlock_irqrestore(&disk->lock, flags);
	complete_all(disk, &failed);
}

static void virtio_submit(struct block_device *dev, struct bio *bio)
{
	struct virtio_disk *disk = dev->driver;

	if (bio->op == BIO_FLUSH && !(disk->features & VIRTIO_BLK_F_FLUSH)) {
		bio_complete(bio, 0); /* such a device has no cache to flush */
		return;
	}
	for (;;) {
		u64 flags = spin_lock_irqsave(&disk->lock);
		bool broken = disk->broken;
		bool started = !broken && try_start(disk, bio);

		spin_unlock_irqrestore(&disk->lock, flags);
		if (started)
			return;
		if (broken)
			break;
		wait_event(&disk->slot_wq, READ_ONCE(disk->nr_free) || READ_ONCE(disk->broken));
	}
	bio_complete(bio, -EIO);
}

static const struct block_device_ops virtio_ops = { .submit = virtio_submit };

/* --- setting a device up; each step says what is wrong, or returns NULL --- */

static const char *map_region(struct virtio_disk *disk, u32 cap)
{
	struct pci_device *pci = disk->pci;
	u8 type = pci_read8(pci, cap + VIRTIO_CAP_CFG_TYPE);
	u8 bar = pci_read8(pci, cap + VIRTIO_CAP_BAR);
	u32 offset = pci_read32(pci, cap + VIRTIO_CAP_OFFSET);
	u32 bytes = pci_read32(pci, cap + VIRTIO_CAP_LENGTH);
	volatile u8 *at;

	if (type != VIRTIO_CFG_COMMON && type != VIRTIO_CFG_NOTIFY && type != VIRTIO_CFG_DEVICE)
		return NULL;
	at = pci_map_bar(pci, bar, offset, bytes);
	if (!at)
		return "a capability names registers outside the device's memory";
	if (type == VIRTIO_CFG_COMMON && !disk->common) {
		if (bytes < sizeof(*disk->common))
			return "its common registers are cut short";
		disk->common = (volatile struct virtio_common_cfg *)at;
	} else if (type == VIRTIO_CFG_DEVICE && !disk->config) {
		if (bytes < sizeof(*disk->config))
			return "its block registers are cut short";
		disk->config = (volatile struct virtio_blk_cfg *)at;
	} else if (type == VIRTIO_CFG_NOTIFY && !disk->notify_base) {
		disk->notify_base = at;
		disk->notify_bytes = bytes;
		disk->notify_multiplier = pci_read32(pci, cap + VIRTIO_CAP_MULTIPLIER);
	}
	return NULL;
}

static const char *map_registers(struct virtio_disk *disk)
{
	u32 cap = pci_find_capability(disk->pci, PCI_CAP_VENDOR, 0);
	const char *fault = NULL;

	for (u32 i = 0; cap && !fault && i < PCI_MAX_CAPABILITIES; i++) {
		fault = map_region(disk, cap);
		cap = pci_find_capability(disk->pci, PCI_CAP_VENDOR, cap);
	}
	if (!fault && !(disk->common && disk->config && disk->notify_base))
		fault = "it does not speak VIRTIO 1.0 (a capability is missing)";
	return fault;
}

static void add_status(struct virtio_disk *disk, u8 bits)
{
	disk->common->device_status = disk->common->device_status | bits;
}

static const char *reset(struct virtio_disk *disk)
{
	u64 deadline_ns = platform_now_ns() + ANSWER_NS;

	disk->common->device_status = 0;
	while (disk->common->device_status)
		if (platform_now_ns() > deadline_ns)
			return "it does not reset";
	add_status(disk, VIRTIO_STATUS_ACKNOWLEDGE);
	add_status(disk, VIRTIO_STATUS_DRIVER);
	return NULL;
}

static const char *negotiate(struct virtio_disk *disk)
{
	const u64 wanted = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_FLUSH |
			   VIRTIO_F_INDIRECT_DESC | VIRTIO_F_VERSION_1;
	volatile struct virtio_common_cfg *common = disk->common;
	u64 offered;

	common->device_feature_select = 0;
	offered = common->device_feature;
	common->device_feature_select = 1;
	offered |= (u64)common->device_feature << 32;
	disk->features = offered & wanted;
	if (!(offered & VIRTIO_F_VERSION_1))
		return "it does not offer VIRTIO 1.0";
	common->driver_feature_select = 0;
	common->driver_feature = (u32)disk->features;
	common->driver_feature_select = 1;
	common->driver_feature = (u32)(disk->features >> 32);
	add_status(disk, VIRTIO_STATUS_FEATURES_OK);
	if (!(common->device_status & VIRTIO_STATUS_FEATURES_OK))
		return "it does not accept the features that it offers";
	if ((disk->features & VIRTIO_BLK_F_SEG_MAX) && disk->config->seg_max < BIO_MAX_SEGS)
		return "it takes fewer segments a request than the 32 needed";
	return NULL;
}

static const char *setup_interrupts(struct virtio_disk *disk)
{
	volatile struct virtio_common_cfg *common = disk->common;
	u8 queue_vector, config_vector;

	if (pci_msix_enable(disk->pci) < 2)
		return "it has no two MSI-X interrupts (QEMU: vectors=2 or more)";
	queue_vector = platform_irq_alloc(queue_interrupt, disk, "virtio-blk");
	config_vector = platform_irq_alloc(config_interrupt, disk, "virtio-blk config");
	if (!queue_vector || !config_vector)
		return "no interrupt vector is left for it";
	pci_msix_set(disk->pci, MSIX_QUEUE, queue_vector);
	pci_msix_set(disk->pci, MSIX_CONFIG, config_vector);
	common->msix_config = MSIX_CONFIG;
	common->queue_select = 0;
	common->queue_msix_vector = MSIX_QUEUE;
	if (common->msix_config != MSIX_CONFIG || common->queue_msix_vector != MSIX_QUEUE)
		return "it has no room for its interrupts";
	return NULL;
}

static const char *size_queue(struct virtio_disk *disk)
{
	u16 size = disk->common->queue_size;

	if (!size || size & (size - 1))
		return "its queue's size is not a power of two";
	disk->ring_size = MIN(size, (u16)VIRTQ_MAX);
	disk->stride = disk->features & VIRTIO_F_INDIRECT_DESC ? 1 : CHAIN_MAX;
	disk->nr_slots = MIN((u16)(disk->ring_size / disk->stride), (u16)SLOTS_MAX);
	if (!disk->nr_slots)
		return "its queue is too small for one request";
	for (u16 i = 0; i < disk->nr_slots; i++)
		free_slot(disk, (u16)(disk->nr_slots - 1 - i));
	return NULL;
}

static const char *setup_queue(struct virtio_disk *disk)
{
	volatile struct virtio_common_cfg *common = disk->common;
	u64 notify_offset, desc, driver, device;
	const char *fault;

	common->queue_select = 0;
	fault = size_queue(disk);
	if (fault)
		return fault;
	notify_offset = (u64)common->queue_notify_off * disk->notify_multiplier;
	if (notify_offset + sizeof(u16) > disk->notify_bytes)
		return "its doorbell lies outside its registers";
	disk->notify = (volatile u16 *)(disk->notify_base + notify_offset);
	disk->dma = platform_dma_alloc(DMA_ORDER, &disk->dma_phys);
	if (!disk->dma)
		return "no memory is left for its queue";
	desc = dma_phys(disk, disk->dma->desc);
	driver = dma_phys(disk, &disk->dma->avail);
	device = dma_phys(disk, &disk->dma->used);
	common->queue_size = disk->ring_size;
	common->queue_desc_low = (u32)desc;
	common->queue_desc_high = (u32)(desc >> 32);
	common->queue_driver_low = (u32)driver;
	common->queue_driver_high = (u32)(driver >> 32);
	common->queue_device_low = (u32)device;
	common->queue_device_high = (u32)(device >> 32);
	common->queue_enable = 1;
	return NULL;
}

/* Ask for the serial and wait, with interrupts on or off; the name when there is none: disk<n>. */
static const char *read_name(struct virtio_disk *disk)
{
	u64 deadline_ns = platform_now_ns() + ANSWER_NS, flags;
	const char *id = disk->dma->slots[disk->free[disk->nr_free - 1]].id;

	ksnprintf(disk->name, sizeof(disk->name), "disk%u", nr_disks);
	flags = spin_lock_irqsave(&disk->lock);
	try_start(disk, NULL);
	spin_unlock_irqrestore(&disk->lock, flags);
	while (!READ_ONCE(disk->own_done)) {
		reap(disk);
		if (READ_ONCE(disk->broken))
			return "it broke while it was asked for its serial";
		if (platform_now_ns() > deadline_ns)
			return "it does not answer";
	}
	if (disk->own_status == VIRTIO_BLK_S_OK && id[0])
		ksnprintf(disk->name, sizeof(disk->name), "%.*s", VIRTIO_BLK_ID_BYTES, id);
	if (block_find(disk->name))
		return "another disk has the same serial";
	return NULL;
}

static u64 read_capacity(struct virtio_disk *disk)
{
	u64 sectors;
	u8 generation;

	do {
		generation = disk->common->config_generation;
		sectors = (u64)disk->config->capacity_high << 32 | disk->config->capacity_low;
	} while (generation != disk->common->config_generation);
	return sectors;
}

static const char *start_device(struct virtio_disk *disk)
{
	const char *(*const steps[])(struct virtio_disk *) = { map_registers, reset, negotiate,
							       setup_interrupts, setup_queue };
	const char *fault = NULL;

	for (u32 i = 0; i < ARRAY_SIZE(steps) && !fault; i++)
		fault = steps[i](disk);
	if (fault)
		return fault;
	add_status(disk, VIRTIO_STATUS_DRIVER_OK);
	return read_name(disk);
}

static void probe(struct virtio_disk *disk, struct pci_device *pci)
{
	const char *fault;

	memset(disk, 0, sizeof(*disk));
	disk->pci = pci;
	spin_lock_init(&disk->lock, "virtio-blk");
	waitqueue_init(&disk->slot_wq, "virtio-blk slots");
	pci_enable(pci);
	fault = start_device(disk);
	if (fault) {
		if (disk->common)
			disk->common->device_status =
				0; /* it must not interrupt or write any more */
		printk("virtio disk at %02x:%02x.%u is not used: %s\n", pci->bus, pci->slot,
		       pci->function, fault);
		return;
	}
	disk->blk = (struct block_device){
		.name = disk->name,
		.ops = &virtio_ops,
		.driver = disk,
		.nr_sectors = read_capacity(disk),
		.read_only = disk->features & VIRTIO_BLK_F_RO,
	};
	block_register(&disk->blk);
	printk("disk \"%s\": %lu MiB%s, virtio, %u requests at once\n", disk->name,
	       disk->blk.nr_sectors * SECTOR_SIZE / MIB, disk->blk.read_only ? ", read-only" : "",
	       disk->nr_slots);
	nr_disks++;
}

void virtio_blk_init(void)
{
	static const u16 ids[] = { VIRTIO_PCI_BLK_LEGACY, VIRTIO_PCI_BLK };

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
		struct pci_device *pci = pci_find(VIRTIO_PCI_VENDOR, ids[i], NULL);

		for (; pci && nr_disks < MAX_DISKS; pci = pci_find(VIRTIO_PCI_VENDOR, ids[i], pci))
			probe(&disks[nr_disks], pci);
		if (pci)
			printk("virtio: more than %u disks: the rest is not used\n", MAX_DISKS);
	}
}
