/* SPDX-License-Identifier: MIT */
/* stats_store.h - the compressed store's part of a stats dump. */
#ifndef MM_STATS_STORE_H
#define MM_STATS_STORE_H

#include "compress/zstore.h"
#include "lib/types.h"

/*
 * All figures of one type as a JSON member, ,"TYPE_store":{...}, appended at length; the new length
 * is returned, which is beyond size if there was no room.
 */
int store_json(const struct zstore_type_stats *z, const char *type, char *buf, size_t size,
	       int length);
/* A line or two for people; with histograms where there is something in them. */
void store_print(const struct zstore_type_stats *z, const char *type, bool histograms);

#endif
