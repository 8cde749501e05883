/* SPDX-License-Identifier: MIT */
/*
 * time.c - one clock, one timer.
 *
 * The clock is the TSC. Its rate is measured against the PIT and rounded to a whole MHz: under
 * QEMU's -icount shift=0 it advances once an instruction, a virtual ns, and rounding makes it
 * exactly that, in every run; elsewhere it makes an error below one part in a thousand.
 *
 * The timer is the local APIC's, started for the next event only, so that an idle machine is
 * idle: the first of the armed timers, or the end of the running thread's quantum.
 *
 * In virtual time an idle machine need not wait at all: time_skip() sets the clock to that event.
 */
#include "kernel/time.h"

#include "drivers/apic.h"
#include "kernel/sched.h"
#include "kernel/trap.h"
#include "kernel/x86.h"
#include "lib/assert.h"
#include "lib/lock.h"

#define PIT_HZ		 1193182UL
#define PIT_CHANNEL2	 0x42
#define PIT_COMMAND	 0x43
#define PIT_CH2_ONE_SHOT 0xb0 /* channel 2, both bytes, mode 0 */
#define PIT_GATE_PORT	 0x61
#define PIT_GATE	 BIT(0)
#define PIT_SPEAKER	 BIT(1)
#define PIT_OUT		 BIT(5)
#define MEASURE_COUNT	 11932UL /* 10 ms */
#define MEASURE_TIMES	 3

#define MEASURE_USEC (MEASURE_COUNT * 1000000UL / PIT_HZ)

static struct {
	bool running;		       /* 0 */
	u64 tsc_start;		       /* 0 */
	u64 tsc_mhz, lapic_mhz;	       /* 0 */
	u64 ns_per_tick_32;	       /* 0: ns a TSC tick, 32 bits of fraction */
	u64 skipped_ns;		       /* atomic: time that passed without the TSC */
	struct spinlock lock;	       /* the rest; irq-safe */
	struct platform_timer *timers; /* by expiry */
	u64 programmed_ns;	       /* what the local APIC waits for */
} clock = { .lock = SPINLOCK_INIT("timers"), .programmed_ns = UINT64_MAX };

/* Wait 10 ms by the PIT and say how far the two others came. */
static void measure(u64 *tsc, u64 *lapic)
{
	u64 tsc_start;
	u8 gate = inb(PIT_GATE_PORT) & ~PIT_SPEAKER;

	outb(PIT_GATE_PORT, gate & ~PIT_GATE);
	outb(PIT_COMMAND, PIT_CH2_ONE_SHOT);
	outb(PIT_CHANNEL2, MEASURE_COUNT & 0xff);
	outb(PIT_CHANNEL2, MEASURE_COUNT >> 8);
	lapic_timer_start(UINT32_MAX);
	outb(PIT_GATE_PORT, gate | PIT_GATE);
	tsc_start = rdtsc();
	/* Half a us between looks: emulating a port costs the host far more than a row of nops. */
	while (!(inb(PIT_GATE_PORT) & PIT_OUT))
		__asm__ volatile(".fill 480, 1, 0x90");
	*tsc = rdtsc() - tsc_start;
	*lapic = UINT32_MAX - lapic_timer_left();
	lapic_timer_start(0);
}

/* A disturbance only ever makes a measurement longer, so the shortest is the best. */
static void calibrate(void)
{
	u64 best_tsc = UINT64_MAX, best_lapic = UINT64_MAX;

	for (u32 i = 0; i < MEASURE_TIMES; i++) {
		u64 tsc, lapic;

		measure(&tsc, &lapic);
		best_tsc = MIN(best_tsc, tsc);
		best_lapic = MIN(best_lapic, lapic);
	}
	clock.tsc_mhz = (best_tsc + MEASURE_USEC / 2) / MEASURE_USEC;
	clock.lapic_mhz = (best_lapic + MEASURE_USEC / 2) / MEASURE_USEC;
	if (!clock.tsc_mhz || !clock.lapic_mhz)
		panic("the clock stands still: TSC %lu, timer %lu ticks in %lu us", best_tsc,
		      best_lapic, MEASURE_USEC);
	clock.ns_per_tick_32 = (1000UL << 32) / clock.tsc_mhz;
}

void time_init(void)
{
	lapic_timer_init(IRQ_TIMER);
	calibrate();
	clock.tsc_start = rdtsc();
	clock.running = true;
}

u64 time_now_ns(void)
{
	if (!clock.running)
		return 0;
	return (u64)((unsigned __int128)(rdtsc() - clock.tsc_start) * clock.ns_per_tick_32 >> 32) +
	       READ_ONCE(clock.skipped_ns);
}

u64 time_tsc_mhz(void)
{
	return clock.tsc_mhz;
}

/* Start the local APIC's timer for the next event. clock.lock held. */
static void program(const struct cpu *cpu)
{
	u64 next = cpu->quantum_end_ns, now, ticks;

	if (clock.timers)
		next = MIN(next, clock.timers->expires_ns);
	if (next == clock.programmed_ns)
		return;
	clock.programmed_ns = next;
	if (next == UINT64_MAX) {
		lapic_timer_start(0);
		return;
	}
	now = time_now_ns();
	ticks = next > now ? (next - now) / 1000 * clock.lapic_mhz +
				     (next - now) % 1000 * clock.lapic_mhz / 1000
			   : 0;
	/* Too far for the counter: it interrupts early and is started again. */
	lapic_timer_start((u32)MIN(ticks + 1, (u64)UINT32_MAX));
}

static void timer_unlink(struct platform_timer *timer)
{
	struct platform_timer **link = &clock.timers;

	while (*link && *link != timer)
		link = &(*link)->next;
	if (*link)
		*link = timer->next;
	timer->armed = false;
}

void platform_timer_start(struct platform_timer *timer, u64 expires_ns)
{
	u64 flags = spin_lock_irqsave(&clock.lock);
	struct platform_timer **link = &clock.timers;

	if (timer->armed)
		timer_unlink(timer);
	timer->expires_ns = expires_ns;
	timer->armed = true;
	while (*link && (*link)->expires_ns <= expires_ns)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
	program(this_cpu());
	spin_unlock_irqrestore(&clock.lock, flags);
}

void time_timer_cancel(struct platform_timer *timer)
{
	u64 flags = spin_lock_irqsave(&clock.lock);

	if (timer->armed)
		timer_unlink(timer);
	program(this_cpu());
	spin_unlock_irqrestore(&clock.lock, flags);
}

void time_quantum_changed(struct cpu *cpu)
{
	u64 flags;

	if (!clock.running)
		return;
	flags = spin_lock_irqsave(&clock.lock);
	program(cpu);
	spin_unlock_irqrestore(&clock.lock, flags);
}

void time_interrupt(void)
{
	struct cpu *cpu = this_cpu();
	u64 now = time_now_ns(), flags = spin_lock_irqsave(&clock.lock);

	clock.programmed_ns = 0; /* whatever it was, it has passed */
	while (clock.timers && clock.timers->expires_ns <= now) {
		struct platform_timer *timer = clock.timers;

		timer_unlink(timer);
		spin_unlock_irqrestore(&clock.lock, flags);
		timer->fn(timer->arg);
		flags = spin_lock_irqsave(&clock.lock);
		now = time_now_ns();
	}
	if (cpu->quantum_end_ns <= now)
		sched_quantum_over(cpu);
	program(cpu);
	spin_unlock_irqrestore(&clock.lock, flags);
}

void time_skip(void)
{
	u64 now = time_now_ns();

	spin_lock(&clock.lock);
	if (clock.timers && clock.timers->expires_ns > now)
		clock.skipped_ns += clock.timers->expires_ns - now;
	if (clock.timers) {
		clock.programmed_ns = 0;
		program(this_cpu());
	}
	spin_unlock(&clock.lock);
}

bool time_is_due(void)
{
	u64 flags = spin_lock_irqsave(&clock.lock);
	bool due = clock.timers && clock.timers->expires_ns <= time_now_ns();

	spin_unlock_irqrestore(&clock.lock, flags);
	return due;
}
