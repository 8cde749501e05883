/* SPDX-License-Identifier: MIT */
/* version.h - what was built: commit, compiler and kind of build. Made by the Makefile. */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

/* The version has a section of its own and is always as long: see linker.ld. */
#define HARMONY_VERSION_BYTES 96

extern const char harmony_version[HARMONY_VERSION_BYTES];
extern const char harmony_compiler[]; /* as "gcc 12.2.0" */

#endif
