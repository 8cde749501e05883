/* SPDX-License-Identifier: MIT */
/*
 * serial.c - 16550 at COM1: output polled, input by interrupt.
 *
 * Output is polled because it must work in a panic, and because a dump then takes the same time
 * in every deterministic run. The FIFO takes 16 bytes for each look at the status.
 *
 * Input goes from the interrupt into a ring, from the ring to whoever sleeps on it.
 */
#include "drivers/serial.h"

#include "drivers/platform.h"
#include "lib/lock.h"
#include "lib/print.h"

#define COM1	 0x3f8
#define COM1_IRQ 4

#define REG_DATA	0 /* divisor, low byte, while LCR_DIVISOR is set */
#define REG_INTERRUPTS	1 /* divisor, high byte */
#define REG_FIFO	2
#define REG_LINE	3
#define REG_MODEM	4
#define REG_LINE_STATUS 5

#define INTERRUPT_RECEIVED    0x01
#define FIFO_ENABLE_AND_CLEAR 0x07
#define LINE_8N1	      0x03
#define LINE_DIVISOR	      0x80
#define MODEM_READY	      0x0b /* DTR, RTS, and OUT2, which lets interrupts through */
#define STATUS_RECEIVED	      0x01
#define STATUS_SEND_EMPTY     0x20
#define DIVISOR_115200	      1
#define FIFO_BYTES	      16

#define RING_BYTES 256 /* a power of two */

static struct {
	struct spinlock lock; /* the ring; taken by the interrupt */
	struct waitqueue wq;
	u8 ring[RING_BYTES];
	u32 head, tail; /* head: next to write, tail: next to read; both run on */
	u64 overruns;
} input = {
	.lock = SPINLOCK_INIT("serial input"),
	.wq = WAITQUEUE_INIT(input.wq, "serial reader"),
};

void serial_init(void)
{
	outb(COM1 + REG_INTERRUPTS, 0);
	outb(COM1 + REG_LINE, LINE_DIVISOR);
	outb(COM1 + REG_DATA, DIVISOR_115200);
	outb(COM1 + REG_INTERRUPTS, 0);
	outb(COM1 + REG_LINE, LINE_8N1);
	outb(COM1 + REG_FIFO, FIFO_ENABLE_AND_CLEAR);
	outb(COM1 + REG_MODEM, MODEM_READY);
}

void serial_write(const char *text, size_t bytes)
{
	while (bytes) {
		size_t chunk = MIN(bytes, (size_t)FIFO_BYTES);

		while (!(inb(COM1 + REG_LINE_STATUS) & STATUS_SEND_EMPTY))
			;
		for (size_t i = 0; i < chunk; i++)
			outb(COM1 + REG_DATA, (u8)text[i]);
		text += chunk;
		bytes -= chunk;
	}
}

static void receive(void *arg)
{
	u64 flags = spin_lock_irqsave(&input.lock);

	while (inb(COM1 + REG_LINE_STATUS) & STATUS_RECEIVED) {
		u8 c = inb(COM1 + REG_DATA);

		if (input.head - input.tail == RING_BYTES)
			input.overruns++;
		else
			input.ring[input.head++ % RING_BYTES] = c;
	}
	spin_unlock_irqrestore(&input.lock, flags);
	wake_one(&input.wq);
}

void serial_init_input(void)
{
	u8 vector = platform_irq_alloc(receive, NULL, "serial");

	if (!vector) {
		printk("serial: no interrupt vector left; there will be no input\n");
		return;
	}
	platform_isa_route(COM1_IRQ, vector);
	outb(COM1 + REG_INTERRUPTS, INTERRUPT_RECEIVED);
}

int serial_try_read_char(void)
{
	u64 flags = spin_lock_irqsave(&input.lock);
	int c = -1;

	if (input.head != input.tail)
		c = input.ring[input.tail++ % RING_BYTES];
	spin_unlock_irqrestore(&input.lock, flags);
	return c;
}

int serial_read_char(void)
{
	int c;

	wait_event(&input.wq, (c = serial_try_read_char()) >= 0);
	return c;
}

u64 serial_overruns(void)
{
	return READ_ONCE(input.overruns);
}
