/* SPDX-License-Identifier: MIT */
/*
 * guest_mm.h - address spaces without a workload, touched by tests through their entries as the CPU
 * would, except that no dirty bit is set but by faults.
 */
#ifndef TESTS_GUEST_GUEST_MM_H
#define TESTS_GUEST_GUEST_MM_H

#include "mm/mm.h"

#define TEST_PAGES 256

/* The bytes at va, after whatever fault they take; NULL if a fault failed. */
u64 *guest_touch(struct mm *mm, u64 va, bool write);
enum fault_result guest_fault(struct mm *mm, u64 va, bool write, u64 **word);

/* An address space with that many anon pages at *start; NULL: no memory. */
struct mm *guest_mm(u64 pages, u64 *start);
/* Write so many pages, each its own, which compress to a third; read them back. NULL: good. */
const char *guest_fill(struct mm *mm, u64 start, u64 pages);
const char *guest_check(struct mm *mm, u64 start, u64 pages);
/* Does one page hold what guest_fill() wrote? */
bool guest_page_is_good(const u64 *words, u64 page);

#endif
