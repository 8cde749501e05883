; SPDX-License-Identifier: MIT
;
; boot.asm - from a boot loader's 32-bit hand-over to kmain() in 64-bit mode.
;
; Two loaders are served. GRUB finds the multiboot2 header and jumps to _start with eax = its
; magic and ebx = the boot information. QEMU's -kernel finds the PVH note and jumps to pvh_start
; with ebx = a struct hvm_start_info. From there the way is the same: refuse a CPU that lacks what
; the kernel's promises rest on (long mode, no-execute pages), build page tables that are just
; good enough, and leave for the linked addresses.
;
; The tables made here show the first 4 GiB three times: one to one (where this code runs), at the
; direct map (so that phys_to_virt() works from the first line of C), and the first 2 GiB at the
; image. paging_init() replaces them; nothing of this file is mapped afterwards, except the stack.

MB2_MAGIC_HEADER   equ 0xe85250d6
PVH_PROTOCOL	   equ 0x336ec578 ; what kmain() is told; also the start info's own magic
XEN_PHYS32_ENTRY   equ 18
EXIT_FAILED	   equ 0x11
EXIT_PORT	   equ 0xf4
COM1		   equ 0x3f8

PAGE_PRESENT_WRITE equ 0x03
PAGE_LARGE	   equ 0x83

extern kmain

section .multiboot2 progbits alloc noexec nowrite align=8

mb2_header:
	dd MB2_MAGIC_HEADER
	dd 0 ; i386, protected mode
	dd mb2_header_end - mb2_header
	dd 0x100000000 - (MB2_MAGIC_HEADER + (mb2_header_end - mb2_header))
	; information wanted: command line, modules, memory map
	dw 1, 0
	dd 20
	dd 1, 3, 6
	align 8, db 0
	; modules on page boundaries
	dw 6, 0
	dd 8
	; end
	dw 0, 0
	dd 8
mb2_header_end:

section .note.pvh note alloc noexec nowrite align=4

	dd 4, 8, XEN_PHYS32_ENTRY ; lengths of name and value, type
	db "Xen", 0
	dq pvh_start

section .boot.text progbits alloc exec nowrite align=16
bits 32

global _start
_start:
	mov	edi, eax ; the protocol's magic
	jmp	enter
pvh_start:
	mov	edi, PVH_PROTOCOL
enter:
	cli
	cld
	mov	esi, ebx ; the boot information
	mov	esp, boot_stack32_top
	call	check_cpu
	call	make_tables

	mov	eax, cr4
	or	eax, 1 << 5 ; PAE
	mov	cr4, eax
	mov	eax, boot_pml4
	mov	cr3, eax
	mov	ecx, 0xc0000080 ; EFER
	rdmsr
	or	eax, 1 << 8 | 1 << 11 ; LME, NXE
	wrmsr
	mov	eax, cr0
	and	eax, ~(1 << 2) ; not EM
	or	eax, 1 << 31 | 1 << 16 | 1 << 5 | 1 << 1 | 1 << 0 ; PG, WP, NE, MP, PE
	mov	cr0, eax
	lgdt	[boot_gdt_pointer]
	jmp	0x08:enter64

; Stops with a message unless the CPU has CPUID, long mode and no-execute pages. Keeps edi, esi.
check_cpu:
	pushfd
	pop	eax
	mov	ecx, eax
	xor	eax, 1 << 21 ; ID
	push	eax
	popfd
	pushfd
	pop	eax
	cmp	eax, ecx
	je	.no_long_mode
	mov	eax, 0x80000000
	cpuid
	cmp	eax, 0x80000001
	jb	.no_long_mode
	mov	eax, 0x80000001
	cpuid
	bt	edx, 29
	jnc	.no_long_mode
	bt	edx, 20
	jnc	.no_nx
	ret
.no_long_mode:
	mov	ebx, text_no_long_mode
	jmp	fail
.no_nx:
	mov	ebx, text_no_nx

; Print ebx on the serial port and leave. There is no more to be had yet.
fail:
	mov	dx, COM1 + 5
.wait:
	in	al, dx
	test	al, 0x20
	jz	.wait
	mov	al, [ebx]
	inc	ebx
	test	al, al
	jz	.end
	mov	dx, COM1
	out	dx, al
	jmp	fail
.end:
	mov	al, EXIT_FAILED
	out	EXIT_PORT, al
.halt:
	hlt
	jmp	.halt

; Fill the tables; .boot.bss is zero already.
make_tables:
	mov	eax, boot_pdpt_low + PAGE_PRESENT_WRITE
	mov	[boot_pml4], eax
	mov	[boot_pml4 + 256 * 8], eax
	mov	dword [boot_pml4 + 511 * 8], boot_pdpt_high + PAGE_PRESENT_WRITE
	mov	eax, boot_pds + PAGE_PRESENT_WRITE
	mov	[boot_pdpt_low], eax
	mov	[boot_pdpt_high + 510 * 8], eax
	add	eax, 4096
	mov	[boot_pdpt_low + 1 * 8], eax
	mov	[boot_pdpt_high + 511 * 8], eax
	add	eax, 4096
	mov	[boot_pdpt_low + 2 * 8], eax
	add	eax, 4096
	mov	[boot_pdpt_low + 3 * 8], eax
	mov	eax, PAGE_LARGE
	xor	ecx, ecx
.next:
	mov	[boot_pds + ecx * 8], eax
	add	eax, 1 << 21
	inc	ecx
	cmp	ecx, 4 * 512
	jb	.next
	ret

bits 64
enter64:
	xor	eax, eax
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	fs, eax
	mov	gs, eax
	mov	edi, edi ; the upper halves are undefined after the change of mode
	mov	esi, esi
	mov	rsp, boot_stack_top
	xor	ebp, ebp ; where backtraces end
	mov	rax, kmain
	call	rax
	ud2

section .boot.rodata progbits alloc noexec nowrite align=8

boot_gdt:
	dq 0
	dq 0x00209a0000000000 ; code, ring 0, 64 bits
boot_gdt_pointer:
	dw boot_gdt_pointer - boot_gdt - 1
	dd boot_gdt
text_no_long_mode:
	db "Harmony: this CPU has no 64-bit long mode", 10, 0
text_no_nx:
	db "Harmony: this CPU has no no-execute pages (NX), which W^X needs", 10, 0

section .boot.bss nobits alloc noexec write align=4096

boot_pml4:	resb 4096
boot_pdpt_low:	resb 4096
boot_pdpt_high:	resb 4096
boot_pds:	resb 4 * 4096
boot_stack32:	resb 256
boot_stack32_top:

; The stack of the boot thread, which lives as long as the kernel. paging_init() does not map the
; guards.
section .bss nobits alloc noexec write align=4096

global boot_stack_guard_low, boot_stack_base, boot_stack_top, boot_stack_guard_end

boot_stack_guard_low:
	resb 4096
boot_stack_base:
	resb 4 * 4096
boot_stack_top:
	resb 4096
boot_stack_guard_end:
