/* SPDX-License-Identifier: MIT */
/* policy.c - the table of policies, and which one is in force with which settings. */
#include "mm/policy.h"

#include "lib/assert.h"
#include "lib/lock.h"
#include "lib/print.h"
#include "lib/string.h"

static const struct policy *const policies[] = {
	&policy_integrated, &policy_none,   &policy_zram,     &policy_zswap,
	&policy_zcache,	    &policy_parity, &policy_twoqueue,
};

static struct {
	struct spinlock lock;
	struct policy_choice choice; /* under lock; .policy alone may be read without */
} current = { SPINLOCK_INIT("policy"), { &policy_integrated, { 0 } } };

static const struct policy *find(const char *name, size_t length)
{
	for (u32 i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strncmp(policies[i]->name, name, length) && !policies[i]->name[length])
			return policies[i];
	return NULL;
}

static size_t append(char *buf, size_t size, size_t n, const char *separator, const char *text)
{
	size_t used = MIN(n, size);

	return n + (size_t)ksnprintf(buf + used, size - used, "%s%s", n ? separator : "", text);
}

static bool unknown_policy(const char *text, char *error, size_t bytes)
{
	char list[256];
	size_t n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(policies); i++)
		n = append(list, sizeof(list), n, ", ", policies[i]->name);
	ksnprintf(error, bytes, "policy=%s: no such policy; allowed: %s", text, list);
	return false;
}

static bool unknown_setting(const char *text, const struct policy *policy, char *error,
			    size_t bytes)
{
	char list[256] = "none";
	size_t n = 0;

	for (u32 i = 0; i < policy->nr_settings; i++)
		n = append(list, sizeof(list), n, ", ", policy->settings[i].name);
	ksnprintf(error, bytes, "policy=%s: a setting is name=number; settings of %s: %s", text,
		  policy->name, list);
	return false;
}

/* "name=number" up to a comma or the end; *rest: behind it. */
static bool parse_setting(const char *text, const struct policy *policy, u64 *settings,
			  const char **rest, char *error, size_t bytes)
{
	const char *at = *rest;
	u64 value = 0;

	for (u32 i = 0; i < policy->nr_settings; i++) {
		const struct policy_setting *setting = &policy->settings[i];
		size_t length = strlen(setting->name);

		if (strncmp(at, setting->name, length) || at[length] != '=')
			continue;
		for (at += length + 1; *at >= '0' && *at <= '9'; at++)
			value = MIN(value * 10 + (u64)(*at - '0'), BIT(32));
		if (at == *rest + length + 1 || (*at && *at != ','))
			break;
		if (value < setting->min || value > setting->max) {
			ksnprintf(error, bytes, "policy=%s: %s is from %lu to %lu: %s", text,
				  setting->name, setting->min, setting->max, setting->help);
			return false;
		}
		settings[i] = value;
		*rest = at;
		return true;
	}
	return unknown_setting(text, policy, error, bytes);
}

bool policy_parse(const char *text, struct policy_choice *choice, char *error, size_t bytes)
{
	const char *rest = text;

	while (*rest && *rest != ',')
		rest++;
	choice->policy = find(text, (size_t)(rest - text));
	if (!choice->policy)
		return unknown_policy(text, error, bytes);
	ASSERT(choice->policy->nr_settings <= POLICY_MAX_SETTINGS);
	memset(choice->setting, 0, sizeof(choice->setting));
	for (u32 i = 0; i < choice->policy->nr_settings; i++)
		choice->setting[i] = choice->policy->settings[i].initial;
	while (*rest) {
		rest++;
		if (!parse_setting(text, choice->policy, choice->setting, &rest, error, bytes))
			return false;
	}
	return true;
}

void policy_use(const struct policy_choice *choice)
{
	spin_lock(&current.lock);
	current.choice = *choice;
	spin_unlock(&current.lock);
}

void policy_use_name(const char *name)
{
	struct policy_choice choice;
	char error[256];

	if (!policy_parse(name, &choice, error, sizeof(error)))
		panic("%s", error);
	policy_use(&choice);
}

const struct policy *policy_current(void)
{
	return READ_ONCE(current.choice.policy);
}

static void get_choice(struct policy_choice *choice)
{
	spin_lock(&current.lock);
	*choice = current.choice;
	spin_unlock(&current.lock);
}

void policy_settings_text(char *buf, size_t size)
{
	struct policy_choice choice;
	size_t n = 0;

	get_choice(&choice);
	buf[0] = '\0';
	for (u32 i = 0; i < choice.policy->nr_settings; i++) {
		char one[64];

		ksnprintf(one, sizeof(one), "%s=%lu", choice.policy->settings[i].name,
			  choice.setting[i]);
		n = append(buf, size, n, ",", one);
	}
}

void policy_decide(struct mm_snapshot *snapshot, struct mm_decision *decision)
{
	struct policy_choice choice;

	get_choice(&choice);
	memcpy(snapshot->setting, choice.setting, sizeof(choice.setting));
	choice.policy->decide(snapshot, decision);
}
