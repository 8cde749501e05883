/* SPDX-License-Identifier: MIT */
/* virtio_blk.h - disks offered by the hypervisor (VIRTIO 1.0 block devices on PCI). */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

/*
 * Start every virtio disk and register it under its serial ("data", "swap"; "disk0" and so on for
 * one without). A disk that cannot be used is reported by its PCI address and left out.
 * After pci_init() and block devices' users' memory exist, interrupts on or off. Boot time.
 */
void virtio_blk_init(void);

#endif
