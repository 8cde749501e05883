/* SPDX-License-Identifier: MIT */
/*
 * pci.c - which devices there are, and how to reach their registers.
 *
 * Configuration space is reached by the two I/O ports that every PC has had since 1993; no driver
 * needs the extended space behind the first 256 bytes. The firmware has numbered the buses and
 * given every BAR an address before we run (under GRUB and under a direct boot alike), so the scan
 * believes the bridges' bus numbers and only reads. It visits a bus once, whatever the bridges say.
 *
 * Interrupts are MSI-X only: a write to memory that names a vector, without line sharing and
 * without the tables of ACPI.
 */
#include "drivers/pci.h"

#include "drivers/platform.h"
#include "lib/assert.h"
#include "lib/bitmap.h"
#include "lib/lock.h"
#include "lib/print.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000U

#define NR_BUSES    256U
#define NR_SLOTS    32
#define NR_FUNCS    8
#define MAX_DEVICES 64

/* Offsets in configuration space. */
#define PCI_VENDOR_ID	   0x00
#define PCI_COMMAND	   0x04
#define PCI_STATUS	   0x06
#define PCI_CLASS_REVISION 0x08
#define PCI_HEADER_TYPE	   0x0e
#define PCI_BAR0	   0x10
#define PCI_BUS_NUMBERS	   0x18
#define PCI_CAPABILITIES   0x34

#define COMMAND_MEMORY	     BIT(1)
#define COMMAND_MASTER	     BIT(2)
#define COMMAND_INTX_DISABLE BIT(10)
#define STATUS_HAS_CAPS	     BIT(4)
#define HEADER_MULTIFUNCTION 0x80
#define HEADER_TYPE_MASK     0x7f
#define HEADER_DEVICE	     0
#define HEADER_BRIDGE	     1

#define BAR_IO	     BIT(0)
#define BAR_TYPE     (3U << 1)
#define BAR_TYPE_64  (2U << 1)
#define BAR_MEM_MASK 0xfffffff0U

#define MSIX_CONTROL	    2
#define MSIX_TABLE	    4
#define MSIX_CONTROL_ENABLE BIT(15)
#define MSIX_CONTROL_MASK   BIT(14)
#define MSIX_NR_MASK	    0x7ff
#define MSIX_ENTRY_MASKED   1

/* The address port and the data port are used as a pair. */
static struct spinlock config_lock = SPINLOCK_INIT("pci config");

/* Filled by pci_init(), constant afterwards. */
static struct pci_device devices[MAX_DEVICES];
static u32 nr_devices;

static u32 config_address(const struct pci_device *dev, u32 offset)
{
	return CONFIG_ENABLE | (u32)dev->bus << 16 | (u32)dev->slot << 11 |
	       (u32)dev->function << 8 | (offset & 0xfc);
}

u32 pci_read32(const struct pci_device *dev, u32 offset)
{
	u64 flags = spin_lock_irqsave(&config_lock);
	u32 value;

	outl(CONFIG_ADDRESS, config_address(dev, offset));
	value = inl(CONFIG_DATA);
	spin_unlock_irqrestore(&config_lock, flags);
	return value;
}

void pci_write32(const struct pci_device *dev, u32 offset, u32 value)
{
	u64 flags = spin_lock_irqsave(&config_lock);

	outl(CONFIG_ADDRESS, config_address(dev, offset));
	outl(CONFIG_DATA, value);
	spin_unlock_irqrestore(&config_lock, flags);
}

u16 pci_read16(const struct pci_device *dev, u32 offset)
{
	return (u16)(pci_read32(dev, offset) >> (offset & 2) * 8);
}

u8 pci_read8(const struct pci_device *dev, u32 offset)
{
	return (u8)(pci_read32(dev, offset) >> (offset & 3) * 8);
}

/*
 * The other half is written back as read. Of the registers written here only PCI_STATUS has bits
 * that a one clears, so that half is written as zero.
 */
void pci_write16(const struct pci_device *dev, u32 offset, u16 value)
{
	u32 shift = (offset & 2) * 8;
	u32 other = offset == PCI_COMMAND ? 0 : pci_read32(dev, offset) & ~(0xffffU << shift);

	pci_write32(dev, offset, other | (u32)value << shift);
}

/* --- capabilities --- */

static u32 next_capability(const struct pci_device *dev, u32 from)
{
	u32 at = pci_read8(dev, from ? from + 1 : PCI_CAPABILITIES) & 0xfc;

	return at >= 0x40 ? at : 0;
}

u32 pci_find_capability(const struct pci_device *dev, u8 id, u32 prev)
{
	u32 at = prev;

	if (!(pci_read16(dev, PCI_STATUS) & STATUS_HAS_CAPS))
		return 0;
	for (u32 seen = 0; seen < PCI_MAX_CAPABILITIES; seen++) {
		at = next_capability(dev, at);
		if (!at)
			return 0;
		if (pci_read8(dev, at) == id)
			return at;
	}
	return 0;
}

/* --- BARs --- */

/* Write all ones to a BAR and see which bits stick: its size. The device must not decode. */
static u32 probe_bar(const struct pci_device *dev, u32 offset)
{
	u32 old = pci_read32(dev, offset), mask;

	pci_write32(dev, offset, 0xffffffff);
	mask = pci_read32(dev, offset);
	pci_write32(dev, offset, old);
	return mask;
}

static void read_bars(struct pci_device *dev)
{
	u16 command = pci_read16(dev, PCI_COMMAND);

	pci_write16(dev, PCI_COMMAND, command & (u16)~COMMAND_MEMORY);
	for (u32 i = 0; i < PCI_NR_BARS; i++) {
		u32 offset = PCI_BAR0 + 4 * i, bar = i;
		u32 low = pci_read32(dev, offset);
		u64 mask, phys;

		if (low & BAR_IO)
			continue;
		phys = low & BAR_MEM_MASK;
		mask = (probe_bar(dev, offset) & BAR_MEM_MASK) | 0xffffffff00000000UL;
		if ((low & BAR_TYPE) == BAR_TYPE_64 && ++i < PCI_NR_BARS) {
			phys |= (u64)pci_read32(dev, offset + 4) << 32;
			mask &= (u64)probe_bar(dev, offset + 4) << 32 | 0xffffffffU;
		}
		if ((u32)mask || mask >> 32 != 0xffffffffU) {
			dev->bars[bar].phys = phys;
			dev->bars[bar].bytes = ~mask + 1;
		}
	}
	pci_write16(dev, PCI_COMMAND, command);
}

volatile u8 *pci_map_bar(struct pci_device *dev, u32 bar, u64 offset, u64 bytes)
{
	if (bar >= PCI_NR_BARS || !dev->bars[bar].phys || !bytes || offset > dev->bars[bar].bytes ||
	    bytes > dev->bars[bar].bytes - offset)
		return NULL;
	if (!dev->bars[bar].map)
		dev->bars[bar].map = platform_map_mmio(dev->bars[bar].phys, dev->bars[bar].bytes);
	return dev->bars[bar].map ? dev->bars[bar].map + offset : NULL;
}

void pci_enable(struct pci_device *dev)
{
	u16 command = pci_read16(dev, PCI_COMMAND);

	pci_write16(dev, PCI_COMMAND,
		    command | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_DISABLE);
}

/* --- MSI-X --- */

u32 pci_msix_enable(struct pci_device *dev)
{
	u32 cap = pci_find_capability(dev, PCI_CAP_MSIX, 0), table, nr;
	u16 control;

	if (!cap)
		return 0;
	control = pci_read16(dev, cap + MSIX_CONTROL);
	table = pci_read32(dev, cap + MSIX_TABLE);
	nr = (control & MSIX_NR_MASK) + 1U;
	dev->msix_table = (volatile struct pci_msix_entry *)pci_map_bar(
		dev, table & 7, table & ~7U, nr * sizeof(struct pci_msix_entry));
	if (!dev->msix_table)
		return 0;
	/* Enabled but masked as a whole while the entries are still what they were. */
	pci_write16(dev, cap + MSIX_CONTROL, control | MSIX_CONTROL_ENABLE | MSIX_CONTROL_MASK);
	for (u32 i = 0; i < nr; i++)
		dev->msix_table[i].control = MSIX_ENTRY_MASKED;
	pci_write16(dev, cap + MSIX_CONTROL,
		    (control | MSIX_CONTROL_ENABLE) & (u16)~MSIX_CONTROL_MASK);
	dev->nr_msix = nr;
	return nr;
}

void pci_msix_set(struct pci_device *dev, u32 index, u8 vector)
{
	volatile struct pci_msix_entry *entry = &dev->msix_table[index];
	u64 address;
	u32 data;

	ASSERT(index < dev->nr_msix);
	platform_msi_message(vector, &address, &data);
	entry->control = MSIX_ENTRY_MASKED;
	entry->address_low = (u32)address;
	entry->address_high = (u32)(address >> 32);
	entry->data = data;
	entry->control = 0;
}

/* --- the scan --- */

static bool function_exists(struct pci_device *dev)
{
	u32 id = pci_read32(dev, PCI_VENDOR_ID);

	dev->vendor = (u16)id;
	dev->device = (u16)(id >> 16);
	return dev->vendor != 0xffff;
}

static void add_device(const struct pci_device *found)
{
	u32 class_revision = pci_read32(found, PCI_CLASS_REVISION);
	struct pci_device *dev;

	if (nr_devices == MAX_DEVICES) {
		printk("pci: more than %u devices: %02x:%02x.%u and later ones are not used\n",
		       MAX_DEVICES, found->bus, found->slot, found->function);
		return;
	}
	dev = &devices[nr_devices++];
	*dev = *found;
	dev->class_code = (u8)(class_revision >> 24);
	dev->subclass = (u8)(class_revision >> 16);
	read_bars(dev);
}

/* Looks at one function; a bridge's bus is added to those still to be visited. */
static u8 scan_function(struct pci_device *dev, u64 *todo)
{
	u8 type = pci_read8(dev, PCI_HEADER_TYPE);

	if ((type & HEADER_TYPE_MASK) == HEADER_BRIDGE)
		bitmap_set(todo, pci_read32(dev, PCI_BUS_NUMBERS) >> 8 & 0xff);
	else if ((type & HEADER_TYPE_MASK) == HEADER_DEVICE)
		add_device(dev);
	return type;
}

static void scan_bus(u8 bus, u64 *todo)
{
	for (u8 slot = 0; slot < NR_SLOTS; slot++) {
		u32 nr_functions = 1;

		for (u8 function = 0; function < nr_functions; function++) {
			struct pci_device dev = { .bus = bus, .slot = slot, .function = function };

			if (!function_exists(&dev))
				continue;
			if (scan_function(&dev, todo) & HEADER_MULTIFUNCTION)
				nr_functions = NR_FUNCS;
		}
	}
}

void pci_init(void)
{
	u64 todo[BITMAP_WORDS(NR_BUSES)] = { 0 }, done[BITMAP_WORDS(NR_BUSES)] = { 0 };
	u64 bus = 0;

	nr_devices = 0;
	bitmap_set(todo, 0);
	while (bus < NR_BUSES) {
		if (!bitmap_test(done, bus)) {
			bitmap_set(done, bus);
			scan_bus((u8)bus, todo);
		}
		bitmap_clear(todo, bus);
		bus = bitmap_find_next_set(todo, NR_BUSES, 0);
	}
}

struct pci_device *pci_find(u16 vendor, u16 device, struct pci_device *prev)
{
	for (struct pci_device *dev = prev ? prev + 1 : devices; dev < devices + nr_devices; dev++)
		if ((vendor == PCI_ANY_ID || dev->vendor == vendor) &&
		    (device == PCI_ANY_ID || dev->device == device))
			return dev;
	return NULL;
}
