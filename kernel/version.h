/* SPDX-License-Identifier: MIT */
/* version.h - what was built: commit, compiler and kind of build. Made by the Makefile. */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

extern const char harmony_version[];
extern const char harmony_compiler[]; /* as "gcc 12.2.0" */

#endif
