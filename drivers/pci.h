/* SPDX-License-Identifier: MIT */
/*
 * pci.h - PCI devices: found by one scan at boot, then known.
 *
 * Everything here runs at boot, in thread or boot context; configuration accesses may come from
 * anywhere.
 */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include "lib/types.h"

#define PCI_NR_BARS 6
#define PCI_ANY_ID  0xffff

/* Capability numbers. */
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

/* One MSI-X table entry, as the device sees it. */
struct pci_msix_entry {
	u32 address_low, address_high;
	u32 data;
	u32 control; /* bit 0: masked */
};

/* Set by the scan and constant afterwards, but for the mappings (boot only). */
struct pci_device {
	u8 bus, slot, function;
	u16 vendor, device;
	u8 class_code, subclass;
	struct {
		u64 phys; /* 0: none, an I/O port range, or never given an address */
		u64 bytes;
		volatile u8 *map; /* NULL until pci_map_bar() */
	} bars[PCI_NR_BARS];
	volatile struct pci_msix_entry *msix_table; /* NULL until pci_msix_enable() */
	u32 nr_msix;
};

/* Find all devices behind all bridges. Once, before any driver. */
void pci_init(void);

/* The next device after prev (NULL: the first) with these numbers (PCI_ANY_ID: any). Or NULL. */
struct pci_device *pci_find(u16 vendor, u16 device, struct pci_device *prev);

/* Configuration space; offset below 256, aligned to the width. */
u32 pci_read32(const struct pci_device *dev, u32 offset);
u16 pci_read16(const struct pci_device *dev, u32 offset);
u8 pci_read8(const struct pci_device *dev, u32 offset);
void pci_write32(const struct pci_device *dev, u32 offset, u32 value);
void pci_write16(const struct pci_device *dev, u32 offset, u16 value);

/* A capability takes at least 4 of the 192 bytes behind the header: a longer list is a circle. */
#define PCI_MAX_CAPABILITIES 48

/* Offset of the next capability with this number after prev (0: the first); 0: none. */
u32 pci_find_capability(const struct pci_device *dev, u8 id, u32 prev);

/* Let the device be a bus master and answer to its memory BARs. */
void pci_enable(struct pci_device *dev);

/* bytes of a memory BAR from offset, mapped; NULL: there is no such memory. */
volatile u8 *pci_map_bar(struct pci_device *dev, u32 bar, u64 offset, u64 bytes);

/* Switch on MSI-X with all entries masked: the number of entries, 0: it has none. */
u32 pci_msix_enable(struct pci_device *dev);
/* Entry index raises this interrupt vector on the boot CPU from now on. */
void pci_msix_set(struct pci_device *dev, u32 index, u8 vector);

#endif
