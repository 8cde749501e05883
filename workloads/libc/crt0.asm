; SPDX-License-Identifier: MIT
;
; crt0.asm - the first instructions of a workload, and of each of its threads.
;
; The kernel enters with rdi = argc, rsi = argv and rsp aligned to 16 bytes. A call
; pushes eight, which is what the ABI wants at a function's entry. rbp is zeroed so
; that whoever walks the frame pointers knows where to stop.

bits 64
default rel

extern libc_start
extern libc_thread_start

section .text

global _start:function
_start:
	xor ebp, ebp
	call libc_start		; does not return
	ud2

; rdi = the struct thread that thread_create() made.
global libc_thread_entry:function
libc_thread_entry:
	xor ebp, ebp
	call libc_thread_start	; does not return
	ud2

section .note.GNU-stack noalloc noexec nowrite progbits
