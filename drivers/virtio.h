/* SPDX-License-Identifier: MIT */
/*
 * virtio.h - VIRTIO 1.0 as the specification lays it out in memory: the PCI transport, the split
 * queue, the block device. Little-endian throughout, as this machine is.
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include "lib/types.h"

#define VIRTIO_PCI_VENDOR     0x1af4
#define VIRTIO_PCI_BLK_LEGACY 0x1001 /* "transitional": speaks 1.0 too */
#define VIRTIO_PCI_BLK	      0x1042

/* The vendor capabilities that say where the register blocks are. */
enum virtio_pci_cfg { VIRTIO_CFG_COMMON = 1, VIRTIO_CFG_NOTIFY, VIRTIO_CFG_ISR, VIRTIO_CFG_DEVICE };
#define VIRTIO_CAP_CFG_TYPE   3
#define VIRTIO_CAP_BAR	      4
#define VIRTIO_CAP_OFFSET     8
#define VIRTIO_CAP_LENGTH     12
#define VIRTIO_CAP_MULTIPLIER 16

struct virtio_common_cfg {
	u32 device_feature_select;
	u32 device_feature;
	u32 driver_feature_select;
	u32 driver_feature;
	u16 msix_config;
	u16 num_queues;
	u8 device_status;
	u8 config_generation;
	u16 queue_select;
	u16 queue_size;
	u16 queue_msix_vector;
	u16 queue_enable;
	u16 queue_notify_off;
	u32 queue_desc_low, queue_desc_high;
	u32 queue_driver_low, queue_driver_high;
	u32 queue_device_low, queue_device_high;
};
_Static_assert(sizeof(struct virtio_common_cfg) == 56, "layout is the specification's");

#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER	  0x02
#define VIRTIO_STATUS_DRIVER_OK	  0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED	  0x80

#define VIRTIO_BLK_F_SEG_MAX   BIT(2)
#define VIRTIO_BLK_F_RO	       BIT(5)
#define VIRTIO_BLK_F_FLUSH     BIT(9)
#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_VERSION_1     BIT(32)

struct virtio_blk_cfg {
	u32 capacity_low, capacity_high; /* sectors of 512 bytes */
	u32 size_max;
	u32 seg_max;
};

struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};
#define VIRTQ_DESC_NEXT	    1
#define VIRTQ_DESC_WRITE    2 /* the device writes */
#define VIRTQ_DESC_INDIRECT 4

/* The largest queue that we make; a smaller one uses the beginning of the rings. */
#define VIRTQ_MAX 128

struct virtq_avail {
	u16 flags;
	u16 idx;
	u16 ring[VIRTQ_MAX];
} __aligned(2);

struct virtq_used {
	u16 flags;
	u16 idx;
	struct {
		u32 id;
		u32 len;
	} ring[VIRTQ_MAX];
} __aligned(4);

enum virtio_blk_type {
	VIRTIO_BLK_IN = 0,
	VIRTIO_BLK_OUT = 1,
	VIRTIO_BLK_FLUSH = 4,
	VIRTIO_BLK_GET_ID = 8,
};
#define VIRTIO_BLK_ID_BYTES 20

struct virtio_blk_header {
	u32 type;
	u32 reserved;
	u64 sector;
};

#define VIRTIO_BLK_S_OK 0

#endif
