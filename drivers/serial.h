/* SPDX-License-Identifier: MIT */
/* serial.h - the first serial port, a 16550: the console. */
#ifndef DRIVERS_SERIAL_H
#define DRIVERS_SERIAL_H

#include "lib/types.h"

/* Set the port up for polled output. First of all. */
void serial_init(void);
/* Let input come by interrupt. After platform_irq_alloc() works. */
void serial_init_input(void);

/* Write all of it, waiting for the port; any context. The caller keeps writers apart. */
void serial_write(const char *text, size_t bytes);

/* The next character typed. Sleeps. */
int serial_read_char(void);
/* The same without waiting: -1 if there is none. Any context. */
int serial_try_read_char(void);
/* Characters lost because nobody read them. */
u64 serial_overruns(void);

#endif
