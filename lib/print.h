/* SPDX-License-Identifier: MIT */
/* print.h - formatted printing without a libc. */
#ifndef LIB_PRINT_H
#define LIB_PRINT_H

#include <stdarg.h>

#include "lib/types.h"

/*
 * The useful part of printf: d i u x X p s c %, flags '-' '0' ' ' '+' '#', width and
 * precision (also '*'), l ll z. No floating point. Returns the length that
 * the whole text would have; writes at most size bytes, always terminated.
 */
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* Print to the console (kernel: serial; host: stderr). Any context. */
void printk(const char *fmt, ...) __printf(1, 2);

#endif
