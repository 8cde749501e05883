/* SPDX-License-Identifier: MIT */
/*
 * cpu.c - the registers that make a CPU ours.
 *
 * Long mode asks for segments only as a formality, but the formality is exact: SYSRET computes
 * both user selectors from one number, so their order is fixed (x86.h). What matters is the task
 * state: the stack for traps from ring 3, which changes with the thread, and three stacks of their
 * own for traps that must work when the current stack does not.
 *
 * Protection on top of the page tables: WP (ring 0 cannot write read-only pages), and where the
 * CPU has them SMEP (ring 0 cannot execute user pages) and SMAP (nor touch them by accident).
 */
#include "kernel/cpu.h"

#include "kernel/trap.h"
#include "kernel/x86.h"
#include "lib/string.h"
#include "mm/env.h"

_Static_assert(offsetof(struct cpu, self) == 0, "this_cpu()");
_Static_assert(offsetof(struct cpu, kernel_stack_top) == 8, "CPU_KERNEL_STACK in entry.asm");
_Static_assert(offsetof(struct cpu, user_rsp) == 16, "CPU_USER_RSP in entry.asm");
_Static_assert(offsetof(struct cpu, current) == ENV_GS_THREAD, "env_context()");
_Static_assert(offsetof(struct cpu, id) == ENV_GS_CPU, "env_cpu()");
_Static_assert(offsetof(struct thread, mmc) == ENV_THREAD_CONTEXT, "env_context()");

#define CPUID_FEATURES	7
#define CPUID7_EBX_SMEP BIT(7)
#define CPUID7_EBX_SMAP BIT(20)
#define CPUID7_ECX_UMIP BIT(2)
#define MXCSR_DEFAULT	0x1f80
#define GDT_KERNEL_CODE 0x00209a0000000000UL
#define GDT_KERNEL_DATA 0x0000920000000000UL
#define GDT_USER_DATA	0x0000f20000000000UL
#define GDT_USER_CODE	0x0020fa0000000000UL
#define GDT_TSS_PRESENT 0x0000890000000000UL

struct cpu cpus[MAX_CPUS];
u8 cpu_has_smap;
bool cpu_has_smep;

struct descriptor_pointer {
	u16 limit;
	u64 base;
} __packed;

void cpu_init_early(void)
{
	struct cpu *cpu = &cpus[0];

	cpu->self = cpu;
	cpu->lock_word = cpu->id + 1;
	cpu->quantum_end_ns = UINT64_MAX;
	cpu->loaded_root = read_cr3();
	spin_lock_init(&cpu->rq.lock, "runqueue");
	list_init(&cpu->rq.ready);
	wrmsr(MSR_GS_BASE, (u64)cpu);
	thread_init_boot();
}

static void init_tss(struct cpu *cpu)
{
	for (u32 i = 0; i < NR_IST; i++)
		cpu->tss.ist[i] = (u64)cpu->ist_stacks[i] + IST_BYTES;
	cpu->tss.rsp[0] = cpu->kernel_stack_top;
	cpu->tss.iomap_base = sizeof(cpu->tss);
}

static void load_segments(struct cpu *cpu)
{
	struct descriptor_pointer pointer = { sizeof(cpu->gdt) - 1, (u64)cpu->gdt };
	u64 tss = (u64)&cpu->tss;

	cpu->gdt[1] = GDT_KERNEL_CODE;
	cpu->gdt[2] = GDT_KERNEL_DATA;
	cpu->gdt[3] = GDT_USER_DATA;
	cpu->gdt[4] = GDT_USER_CODE;
	cpu->gdt[5] = GDT_TSS_PRESENT | (sizeof(cpu->tss) - 1) | (tss & 0xffffff) << 16 |
		      (tss >> 24 & 0xff) << 56;
	cpu->gdt[6] = tss >> 32;
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "movl %2, %%eax\n\t"
			 "movl %%eax, %%ds\n\t"
			 "movl %%eax, %%es\n\t"
			 "movl %%eax, %%ss\n\t"
			 "ltr %w3"
			 :
			 : "m"(pointer), "i"(SEG_KERNEL_CODE), "i"(SEG_KERNEL_DATA), "r"(SEG_TSS)
			 : "rax", "memory");
}

static void init_protection(void)
{
	u32 regs[4];
	u64 cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	cpuid(0, 0, regs);
	if (regs[0] >= CPUID_FEATURES) {
		cpuid(CPUID_FEATURES, 0, regs);
		cpu_has_smep = regs[1] & CPUID7_EBX_SMEP;
		cpu_has_smap = regs[1] & CPUID7_EBX_SMAP ? 1 : 0;
		if (regs[2] & CPUID7_ECX_UMIP)
			cr4 |= CR4_UMIP;
	}
	if (cpu_has_smep)
		cr4 |= CR4_SMEP;
	if (cpu_has_smap)
		cr4 |= CR4_SMAP;
	write_cr4(cr4);
	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_WP | CR0_NE | CR0_MP);
}

static void init_syscall(void)
{
	/* SYSRET takes its selectors at 16 (code) and 8 (stack) above this base. */
	u64 sysret_base = SEG_USER_DATA - 8;

	wrmsr(MSR_STAR, sysret_base << 48 | (u64)SEG_KERNEL_CODE << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

void cpu_init(void)
{
	struct cpu *cpu = this_cpu();
	u32 mxcsr = MXCSR_DEFAULT;

	init_tss(cpu);
	load_segments(cpu);
	wrmsr(MSR_GS_BASE, (u64)cpu);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_FS_BASE, 0);
	init_protection();
	init_syscall();
	__asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}

const char *cpu_features_text(void)
{
	if (cpu_has_smep && cpu_has_smap)
		return "SMEP, SMAP";
	if (cpu_has_smep)
		return "SMEP";
	return cpu_has_smap ? "SMAP" : "neither SMEP nor SMAP";
}
