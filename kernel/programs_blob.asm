; SPDX-License-Identifier: MIT
;
; programs_blob.asm - the bundled workloads, one statically linked ELF image, as read-only bytes.
;
; The Makefile links the programs first and names the image; it starts on a page so that the
; loader can fill pages of text from it one to one.

section .programs progbits alloc noexec nowrite align=4096

global programs_elf_start, programs_elf_end

programs_elf_start:
	incbin PROGRAMS_ELF
programs_elf_end:
