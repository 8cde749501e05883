/* SPDX-License-Identifier: MIT */
/* policy.c - the table of policies, and which one is in force. */
#include "mm/policy.h"

#include "lib/print.h"
#include "lib/string.h"

static const struct policy *const policies[] = {
	&policy_integrated,
	&policy_none,
	&policy_zswap,
};

static const struct policy *current_policy = &policy_integrated; /* atomic */

const struct policy *policy_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	return NULL;
}

int policy_list(char *buf, size_t size)
{
	int length = 0;

	if (size)
		buf[0] = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(policies); i++) {
		size_t used = MIN((size_t)length, size);

		length += ksnprintf(buf + used, size - used, "%s%s", i ? ", " : "",
				    policies[i]->name);
	}
	return length;
}

void policy_set(const struct policy *policy)
{
	WRITE_ONCE(current_policy, policy);
}

const struct policy *policy_current(void)
{
	return READ_ONCE(current_policy);
}
