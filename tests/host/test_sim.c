/* SPDX-License-Identifier: MIT */
/*
 * test_sim.c - a fixed set of seeds of the simulator, and the same seed twice. Each run is a
 * process of its own: a machine leaves threads behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mm/stats.h"
#include "tests/host/env.h"
#include "tests/host/sim_run.h"

#define NR_SEEDS    20
#define STEPS	    500
#define MAX_SECONDS 300

/* What must be equal when the same seed runs again. */
struct outcome {
	u64 now_ns;
	struct sim_report report;
	u64 events[NR_VM_EVENTS];
};

static void run_seed(u64 seed, int to)
{
	struct outcome out;

	memset(&out, 0, sizeof(out));
	alarm(MAX_SECONDS);
	sim_run(seed, STEPS, &out.report);
	out.now_ns = env_now_ns();
	for (u32 event = 0; event < NR_VM_EVENTS; event++)
		out.events[event] = vm_event_total((enum vm_event)event);
	if (write(to, &out, sizeof(out)) != sizeof(out))
		_exit(2);
	_exit(0);
}

static void run_in_child(u64 seed, struct outcome *out)
{
	int fds[2], status;
	pid_t child;
	ssize_t got;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_seed(seed, fds[1]);
	close(fds[1]);
	got = read(fds[0], out, sizeof(*out));
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (status || got != sizeof(*out))
		fail_msg("simulator failed: make sim SEED=%lu STEPS=%d", seed, STEPS);
}

static void test_seeds(void **state)
{
	for (u64 seed = 1; seed <= NR_SEEDS; seed++) {
		struct outcome out;

		run_in_child(seed, &out);
		assert_true(out.report.verifies >= STEPS);
	}
}

static void test_same_seed_same_run(void **state)
{
	for (u64 seed = 100; seed < 104; seed++) {
		struct outcome first, second;

		run_in_child(seed, &first);
		run_in_child(seed, &second);
		assert_memory_equal(&first, &second, sizeof(first));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_same_seed_same_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
