; SPDX-License-Identifier: MIT
;
; entry.asm - the border between the rings, and between threads.
;
; Every way into the kernel leaves a struct trap_frame (kernel/trap.h) on the kernel stack and GS
; pointing to struct cpu; every way out takes it back. All traps come through interrupt gates, so
; interrupts are off until C turns them on.
;
; Traps that may strike anywhere, between SWAPGS and its neighbour too (double fault, NMI, machine
; check), have stacks of their own and look at the GS base itself instead of asking which ring it
; was.

CPU_KERNEL_STACK   equ 8  ; struct cpu
CPU_USER_RSP	   equ 16
FRAME_VECTOR	   equ 15 * 8 ; struct trap_frame
FRAME_RIP	   equ 17 * 8
FRAME_CS	   equ 18 * 8
FRAME_RFLAGS	   equ 19 * 8
FRAME_RSP	   equ 20 * 8

SEG_USER_DATA	   equ 0x1b
SEG_USER_CODE	   equ 0x23
RFLAGS_USER_START  equ 0x202 ; IF, and the bit that is always set
TRAP_SYSCALL	   equ 0x100
MSR_GS_BASE	   equ 0xc0000101
CANONICAL_BITS	   equ 47

extern trap_handle, trap_syscall, trap_prepare_user
extern thread_first, cpu_has_smap

%macro push_registers 0
	push	rax
	push	rbx
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	rbp
	push	r8
	push	r9
	push	r10
	push	r11
	push	r12
	push	r13
	push	r14
	push	r15
%endmacro

%macro pop_registers 0
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rbp
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rbx
	pop	rax
%endmacro

section .text

; ------------------------------------------------------------------ traps

; One entry a vector, 16 bytes each. Only these exceptions come with an error code.
global trap_stubs
align 16
trap_stubs:
%assign vector 0
%rep 256
	align 16
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
%else
	push	qword 0
%endif
	push	qword vector
%if vector == 2 || vector == 8 || vector == 18
	jmp	strict near trap_anywhere
%else
	jmp	strict near trap_common
%endif
%assign vector vector + 1
%endrep

align 16
trap_common:
	test	byte [rsp + 3 * 8], 3 ; CS, behind vector, error, rip
	jz	.ring0
	swapgs
.ring0:
	push_registers
	cld
	cmp	byte [rel cpu_has_smap], 0
	je	.no_smap
	clac ; the interrupted code may have been copying
.no_smap:
	mov	rdi, rsp
	call	trap_handle
	test	byte [rsp + FRAME_CS], 3
	jz	trap_leave
trap_leave_user:
	swapgs
trap_leave:
	pop_registers
	add	rsp, 16 ; vector, error
	iretq

; GS may be either. The kernel's base is a high address.
align 16
trap_anywhere:
	push_registers
	cld
	mov	ecx, MSR_GS_BASE
	rdmsr
	xor	ebx, ebx
	test	edx, edx
	js	.kernel_gs
	swapgs
	inc	ebx
.kernel_gs:
	cmp	byte [rel cpu_has_smap], 0
	je	.no_smap
	clac
.no_smap:
	mov	rdi, rsp
	call	trap_handle
	test	ebx, ebx
	jnz	trap_leave_user
	jmp	trap_leave

; ------------------------------------------------------------------ system calls

; rcx: return address, r11: flags; interrupts are off by SFMASK, the stack is still the user's.
global syscall_entry
align 16
syscall_entry:
	swapgs
	mov	[gs:CPU_USER_RSP], rsp
	mov	rsp, [gs:CPU_KERNEL_STACK]
	push	qword SEG_USER_DATA
	push	qword [gs:CPU_USER_RSP]
	push	r11
	push	qword SEG_USER_CODE
	push	rcx
	push	qword 0
	push	qword TRAP_SYSCALL
	push_registers
	mov	rdi, rsp
	call	trap_syscall

	; SYSRET to an address that is not canonical faults in ring 0 on the user's stack: such
	; a frame, which a system call at the top of the lower half could give, leaves by IRET.
	mov	rcx, [rsp + FRAME_RIP]
	mov	rax, rcx
	shr	rax, CANONICAL_BITS
	jnz	trap_leave_user
	pop_registers
	mov	rcx, [rsp + 16]
	mov	r11, [rsp + 32]
	mov	rsp, [rsp + 40]
	swapgs
	o64 sysret

; ------------------------------------------------------------------ to ring 3 for the first time

; enter_user(rip, rsp, arg0, arg1)
global enter_user
align 16
enter_user:
	push	qword SEG_USER_DATA
	push	rsi
	push	qword RFLAGS_USER_START
	push	qword SEG_USER_CODE
	push	rdi
	push	rdx
	push	rcx
	call	trap_prepare_user ; returns with interrupts off
	pop	rsi
	pop	rdi
	xor	eax, eax
	xor	ebx, ebx
	xor	ecx, ecx
	xor	edx, edx
	xor	ebp, ebp
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r14d, r14d
	xor	r15d, r15d
	swapgs
	iretq

; ------------------------------------------------------------------ threads

; context_switch(u64 *save_rsp, u64 load_rsp): what C expects to survive a call changes with the
; stack; everything else it has saved itself.
global context_switch
align 16
context_switch:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi], rsp
	mov	rsp, rsi
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

; Where a new thread's first switch returns to: rbp is 0, so backtraces end here.
global thread_trampoline
align 16
thread_trampoline:
	call	thread_first
	ud2

; ------------------------------------------------------------------ user memory

; bool user_copy(void *to, const void *from, size_t bytes): words, then bytes. A fault between
; user_copy_begin and user_copy_end that cannot be handled continues at user_copy_failed.
global user_copy, user_copy_begin, user_copy_end, user_copy_failed
align 16
user_copy:
	cmp	byte [rel cpu_has_smap], 0
	je	.open
	stac
.open:
	mov	rcx, rdx
	shr	rcx, 3
user_copy_begin:
	rep movsq
	mov	ecx, edx
	and	ecx, 7
	rep movsb
user_copy_end:
	mov	eax, 1
	jmp	user_copy_close
user_copy_failed:
	xor	eax, eax
user_copy_close:
	cmp	byte [rel cpu_has_smap], 0
	je	.closed
	clac
.closed:
	ret
