/* SPDX-License-Identifier: MIT */
/*
 * env.c (host) - threads, time, RAM and panic of the simulated machine.
 *
 * Every thread is a host thread, but only the holder of the baton runs; the others wait for their
 * condition variable. So the code between two scheduling points is atomic, the sanitizers see
 * ordinary stacks, and the order of everything is a function of the seed.
 *
 * Scheduling points are the lock operations, yields and sleeps. At each one, interrupts (events
 * that are due) may strike and, by chance, another thread goes on. Time passes a little at
 * each; when all threads sleep it jumps to what comes next.
 */
#include "tests/host/env_internal.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/print.h"
#include "mm/page.h"

#define MAX_THREADS 64
#define LOG_BYTES   (64 * 1024)
#define STEP_NS	    50 /* virtual time from one scheduling point to the next */

u8 *env_ram;
struct prng host_rng;
bool host_verbose;
const char *host_replay_hint;
jmp_buf *host_panic_jump;
char host_panic_text[512];

static struct {
	pthread_mutex_t baton;
	struct thread *running;
	struct thread *threads[MAX_THREADS];
	u32 nr_threads;
	u32 next_id;
	struct thread *newest; /* of all there ever were */
	u64 now_ns, idle_ns;
	struct list_head events; /* by due time */
	u32 preempt_percent;
	bool smp;
	u64 ram_bytes;
	struct page *memmap;
	char log[LOG_BYTES]; /* the end of what printk() said */
	u64 log_end;
} machine = { .baton = PTHREAD_MUTEX_INITIALIZER };

static __thread struct thread *self;

static struct thread *thread_new(const char *name);

/* A test that needs only locks need not boot: the first use makes it the main thread. */
struct thread *host_self(void)
{
	if (!self) {
		pthread_mutex_lock(&machine.baton);
		list_init(&machine.events);
		prng_seed(&host_rng, 0);
		self = thread_new("main");
		machine.running = self;
	}
	return self;
}

/* ------------------------------------------------------------- console */

static void log_text(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		machine.log[machine.log_end++ % LOG_BYTES] = text[i];
}

void printk(const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	len = MIN(len, (int)sizeof(line) - 1);
	log_text(line, (size_t)len);
	if (host_verbose)
		fputs(line, stderr);
}

static void show_log(void)
{
	u64 at = machine.log_end > LOG_BYTES ? machine.log_end - LOG_BYTES : 0;

	for (; !host_verbose && at < machine.log_end; at++)
		fputc(machine.log[at % LOG_BYTES], stderr);
}

static const char *const thread_state_names[] = { "can run", "sleeps", "has ended" };

static void show_threads(void)
{
	for (u32 i = 0; i < machine.nr_threads; i++) {
		const struct thread *t = machine.threads[i];

		fprintf(stderr, "thread %u %s%s: %s", t->id, t->name,
			t == self ? " (this one)" : "", thread_state_names[t->state]);
		if (t->state == THREAD_SLEEPING)
			fprintf(stderr, " on %s", t->waits_on ? t->waits_on : "the clock");
		for (u32 l = 0; l < t->nr_held; l++)
			fprintf(stderr, ", holds %s", t->held[l]->name);
		fprintf(stderr, "\n");
	}
}

void panic(const char *fmt, ...)
{
	static bool twice;
	va_list args;

	va_start(args, fmt);
	vsnprintf(host_panic_text, sizeof(host_panic_text), fmt, args);
	va_end(args);
	if (host_panic_jump)
		longjmp(*host_panic_jump, 1);
	if (!twice) {
		twice = true;
		show_log();
		fprintf(stderr, "at %lu ns\n", machine.now_ns);
		show_threads();
	}
	fprintf(stderr, "panic: %s\n", host_panic_text);
	if (host_replay_hint)
		fprintf(stderr, "again with: %s\n", host_replay_hint);
	abort();
}

/* ------------------------------------------------------------- threads */

static struct thread *thread_new(const char *name)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (!t || machine.nr_threads == MAX_THREADS)
		panic("host: too many threads");
	/* Never freed: the host thread of an earlier machine goes on waiting for its turn. */
	t->older = machine.newest;
	machine.newest = t;
	t->id = machine.next_id++;
	t->name = name;
	t->deadline_ns = UINT64_MAX;
	pthread_cond_init(&t->turn, NULL);
	machine.threads[machine.nr_threads++] = t;
	return t;
}

/* Hand the baton to t and wait until it comes back. */
static void hand_to(struct thread *t)
{
	struct thread *me = self;

	if (t == me)
		return;
	machine.running = t;
	pthread_cond_signal(&t->turn);
	while (machine.running != me)
		pthread_cond_wait(&me->turn, &machine.baton);
}

static bool can_run(const struct thread *t)
{
	return t->state == THREAD_RUNNABLE;
}

/* A random thread that can run; the others before the caller. NULL: none. */
static struct thread *pick(bool not_self)
{
	u32 nr = machine.nr_threads;
	u32 first = (u32)prng_below(&host_rng, nr);

	for (u32 i = 0; i < nr; i++) {
		struct thread *t = machine.threads[(first + i) % nr];

		if (can_run(t) && !(not_self && t == self))
			return t;
	}
	return NULL;
}

/*
 * Run the events that are due: interrupt context on the stack of the current thread, which may
 * be asleep, but counts as running meanwhile (a handler can have to wait for a lock).
 */
static void run_due_events(void)
{
	enum thread_state before = self->state;

	while (!list_empty(&machine.events)) {
		struct host_event *event =
			list_first_entry(&machine.events, struct host_event, link);
		u32 held = self->nr_held;

		if (event->due_ns > machine.now_ns)
			return;
		list_del(&event->link);
		self->state = THREAD_RUNNABLE;
		self->in_irq++;
		self->irq_off++;
		event->fn(event->arg);
		self->irq_off--;
		self->in_irq--;
		ASSERT(self->nr_held == held);
		if (before == THREAD_ENDED || !self->woken)
			self->state = before;
	}
}

static void wake_sleepers(void)
{
	for (u32 i = 0; i < machine.nr_threads; i++) {
		struct thread *t = machine.threads[i];

		if (t->state == THREAD_SLEEPING && t->deadline_ns <= machine.now_ns) {
			t->timed_out = true;
			t->state = THREAD_RUNNABLE;
		}
	}
}

/* Nobody can run: on to the next event or deadline. */
static void jump_time(void)
{
	u64 next = UINT64_MAX;

	if (!list_empty(&machine.events))
		next = list_first_entry(&machine.events, struct host_event, link)->due_ns;
	for (u32 i = 0; i < machine.nr_threads; i++) {
		if (machine.threads[i]->state == THREAD_SLEEPING)
			next = MIN(next, machine.threads[i]->deadline_ns);
	}
	if (next == UINT64_MAX)
		panic("deadlock: every thread sleeps and no event is pending");
	if (next > machine.now_ns) {
		machine.idle_ns += next - machine.now_ns;
		machine.now_ns = next;
	}
}

/* Who goes on. Time passes until somebody can. */
static struct thread *next_thread(bool not_self)
{
	struct thread *t;

	machine.now_ns += STEP_NS;
	for (;;) {
		if (self->irq_off == 0)
			run_due_events();
		wake_sleepers();
		t = pick(not_self);
		if (!t && not_self && can_run(self))
			t = self;
		if (t)
			return t;
		if (self->irq_off)
			panic("deadlock: all sleep, and interrupts are off");
		jump_time();
	}
}

void host_schedule(bool not_self)
{
	hand_to(next_thread(not_self));
}

void host_preempt_point(void)
{
	bool inside = self->nr_held > 0 || self->irq_off > 0;

	machine.now_ns += STEP_NS;
	if (machine.preempt_percent == 0 || self->no_preempt ||
	    !prng_chance(&host_rng, machine.preempt_percent))
		return;
	if (self->irq_off == 0)
		run_due_events();
	wake_sleepers();
	if (!inside || machine.smp)
		hand_to(pick(false));
}

/* Off the table, and the baton to another for good. */
static void thread_end(struct thread *t)
{
	struct thread *next;
	u32 i = 0;

	ASSERT(t->nr_held == 0 && !t->irq_off && !t->no_preempt);
	t->state = THREAD_ENDED;
	next = next_thread(true);
	while (machine.threads[i] != t)
		i++;
	for (machine.nr_threads--; i < machine.nr_threads; i++)
		machine.threads[i] = machine.threads[i + 1];
	machine.running = next;
	pthread_cond_signal(&next->turn);
	pthread_mutex_unlock(&machine.baton);
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	pthread_mutex_lock(&machine.baton);
	self = t;
	while (machine.running != t)
		pthread_cond_wait(&t->turn, &machine.baton);
	t->fn(t->arg);
	thread_end(t);
	return NULL;
}

void env_start_thread(const char *name, void (*fn)(void *arg), void *arg)
{
	struct thread *t = thread_new(name);
	pthread_attr_t attr;
	pthread_t id;

	t->fn = fn;
	t->arg = arg;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, thread_main, t))
		panic("host: cannot create a thread");
	pthread_attr_destroy(&attr);
}

u32 host_nr_threads(void)
{
	return machine.nr_threads - 1;
}

/* ------------------------------------------------------------- events, time */

void host_event_add(struct host_event *event, u64 due_ns, void (*fn)(void *arg), void *arg)
{
	struct list_head *at = &machine.events;
	struct host_event *other;

	event->due_ns = due_ns;
	event->fn = fn;
	event->arg = arg;
	list_for_each_entry(other, &machine.events, link) {
		if (other->due_ns > due_ns) {
			at = &other->link;
			break;
		}
	}
	list_add_tail(&event->link, at);
}

void host_drain_events(void)
{
	while (!list_empty(&machine.events))
		env_sleep_ns(NSEC_PER_MSEC);
}

u64 env_now_ns(void)
{
	return machine.now_ns;
}

u32 env_cpu(void)
{
	return host_self()->id % MAX_CPUS;
}

struct mm_context *env_context(void)
{
	return &host_self()->context;
}

/* Threads of the host are not timed one by one. */
u64 env_thread_ns(void)
{
	return env_now_ns();
}

u64 env_idle_ns(void)
{
	return machine.idle_ns;
}

void env_sleep_ns(u64 ns)
{
	host_may_sleep("env_sleep_ns");
	self->woken = false;
	self->deadline_ns = machine.now_ns + ns;
	self->state = THREAD_SLEEPING;
	host_schedule(true);
	self->deadline_ns = UINT64_MAX;
}

void env_yield(void)
{
	host_may_sleep("env_yield");
	host_schedule(true);
}

void env_exclusive(void (*fn)(void *arg), void *arg)
{
	bool busy = true;

	host_may_sleep("env_exclusive");
	while (busy) {
		busy = false;
		for (u32 i = 0; i < machine.nr_threads; i++) {
			if (machine.threads[i]->nr_held && machine.threads[i] != self)
				busy = true;
		}
		if (busy)
			host_schedule(true);
	}
	self->no_preempt++;
	self->irq_off++;
	fn(arg);
	self->irq_off--;
	self->no_preempt--;
}

/* ------------------------------------------------------------- workloads */

static struct host_proc *proc_of(const struct mm *mm)
{
	return mm ? mm->owner : NULL;
}

void env_kill(struct mm *mm, const char *reason)
{
	struct host_proc *proc = proc_of(mm);

	ASSERT(proc);
	if (!proc->killed)
		proc->reason = reason;
	proc->killed = true;
}

bool env_killed(void)
{
	const struct host_proc *proc = proc_of(host_self()->context.mm);

	return proc && proc->killed;
}

/* ------------------------------------------------------------- boot */

static void arena_create(u64 nr_frames)
{
	u64 low = HOST_FIRST_PFN << PAGE_SHIFT;

	if (env_ram) {
		munmap(env_ram, machine.ram_bytes);
		free(machine.memmap);
	}
	machine.ram_bytes = low + (nr_frames << PAGE_SHIFT);
	env_ram = mmap(NULL, machine.ram_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (env_ram == MAP_FAILED)
		panic("host: no memory for the arena");
	/* Nothing of the machine lies below 1 MiB. */
	if (mprotect(env_ram, low, PROT_NONE))
		panic("host: mprotect failed");
	machine.memmap = calloc(nr_frames, sizeof(*machine.memmap));
	if (!machine.memmap)
		panic("host: no memory for the memmap");
}

/* Threads of an earlier machine stay where they wait; what they hold or wait on must not. */
static void abandon_threads(void)
{
	for (u32 i = 0; i < machine.nr_threads; i++) {
		struct thread *t = machine.threads[i];

		if (t->entry)
			list_del(&t->entry->link);
		while (t->nr_held)
			t->held[--t->nr_held]->locked = 0;
	}
	machine.nr_threads = 0;
	machine.next_id = 0;
}

void host_boot(u64 nr_frames, u64 seed)
{
	if (!self)
		pthread_mutex_lock(&machine.baton);
	else
		abandon_threads();
	prng_seed(&host_rng, seed);
	machine.now_ns = 0;
	machine.idle_ns = 0;
	list_init(&machine.events);
	machine.preempt_percent = 0;
	machine.smp = false;
	machine.log_end = 0;
	self = thread_new("main");
	machine.running = self;
	arena_create(nr_frames);
	sim_tlb_flush_all();
}

struct page *host_memmap(void)
{
	return machine.memmap;
}

void host_set_preemption(u32 percent, bool smp)
{
	machine.preempt_percent = percent;
	machine.smp = smp;
}
