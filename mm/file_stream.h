/* SPDX-License-Identifier: MIT */
/* file_stream.h - a file's page that came in a stream of others: does it go to the store? */
#ifndef MM_FILE_STREAM_H
#define MM_FILE_STREAM_H

#include "mm/entry.h"
#include "mm/page.h"
#include "mm/zpage.h"

/*
 * zpage_compress() of a file's page, its slot BUSY, for policies that may leave out those of a stream. One that is left out gets
 * ZS_NO_FRAME; nothing has been done to it. May sleep; the page is locked.
 */
enum zresult file_compress(struct page *page, entry_t *entry, bool *donated);

#endif
