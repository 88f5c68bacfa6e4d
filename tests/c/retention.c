/* The retention calculator without a store. Takes the path of an empty folder, for the sake
 * of the others. */
#include "check.h"

static const int64_t DAY = 86400;
static const int64_t START = 1767232800; /* 2026-01-01T02:00:00Z */

static void each_decision_has_its_reason(void)
{
    hardsnap_error *error = NULL;
    hardsnap_policy *policy = NULL;
    hardsnap_decisions *decisions = NULL;
    char text[256];
    int64_t until = 0;
    size_t representative = 0;
    const int64_t times[] = {START + DAY, START, START + 3600, START + 900 * DAY, START - DAY};
    const uint8_t flags[] = {0, 0, 0, 0, HARDSNAP_FLAG_HELD};
    CHECK_OK(hardsnap_policy_parse("daily for 2 weeks", &policy, &error));
    CHECK_OK(hardsnap_retention_decide(times, flags, 5, policy, START + DAY, &decisions, &error));

    CHECK(hardsnap_decisions_keep(decisions, 0) && hardsnap_decisions_keep(decisions, 1));
    CHECK(!hardsnap_decisions_keep(decisions, 2));
    CHECK(hardsnap_decisions_represented_by(decisions, 2, &representative));
    CHECK(representative == 1);
    CHECK(!hardsnap_decisions_represented_by(decisions, 1, &representative));
    CHECK(hardsnap_decisions_reason_count(decisions, 0) == 2);
    CHECK(hardsnap_decisions_reason(decisions, 0, 0) == HARDSNAP_REASON_NEWEST);
    CHECK(hardsnap_decisions_reason(decisions, 0, 1) == HARDSNAP_REASON_RULE);
    CHECK(hardsnap_decisions_reason(decisions, 0, 2) == 0);
    CHECK(!hardsnap_decisions_reason_until(decisions, 0, 0, &until));
    CHECK(hardsnap_decisions_reason_until(decisions, 0, 1, &until));
    CHECK(until == 1768521600); /* 2026-01-16T00:00:00Z */
    CHECK(hardsnap_decisions_reason(decisions, 3, 0) == HARDSNAP_REASON_FUTURE);
    CHECK(hardsnap_decisions_reason(decisions, 4, 0) == HARDSNAP_REASON_HELD);
    CHECK(hardsnap_decisions_reason_count(decisions, 2) == 0);
    CHECK(hardsnap_decisions_keep(decisions, 5) && !hardsnap_decisions_reason(decisions, 5, 0));

    const char *whole = "2026-01-01 is represented by 1";
    CHECK(hardsnap_decisions_explain(decisions, 2, text, sizeof text) == strlen(whole));
    CHECK(strcmp(text, whole) == 0);
    CHECK(hardsnap_decisions_explain(decisions, 2, text, 5) == strlen(whole));
    CHECK(strcmp(text, "2026") == 0);
    CHECK(hardsnap_decisions_explain(decisions, 2, NULL, 0) == strlen(whole));
    hardsnap_decisions_free(decisions);

    CHECK_OK(hardsnap_retention_decide(NULL, NULL, 0, policy, START, &decisions, &error));
    hardsnap_decisions_free(decisions);
    const uint8_t unknown[] = {0x80};
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_retention_decide(times, unknown, 1, policy, START, &decisions, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_retention_decide(times, NULL, SIZE_MAX, policy, START, &decisions,
                                          &error));
    const int64_t beyond[] = {INT64_MAX};
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_retention_decide(beyond, NULL, 1, policy, START, &decisions, &error));
    hardsnap_policy_free(policy);
}

static void what_a_schedule_leaves_is_told_beforehand(void)
{
    hardsnap_error *error = NULL;
    hardsnap_policy *policy = NULL;
    hardsnap_decisions *decisions = NULL;
    int64_t times[32];
    size_t count = 0, kept = 0;
    CHECK_OK(hardsnap_policy_parse("7 daily, 2 weekly", &policy, &error));
    CHECK_OK(hardsnap_retention_schedule("1 day", START, START + 29 * DAY, policy, NULL, 0, &count,
                                         &error));
    CHECK(count == 30);
    times[30] = -1;
    CHECK_OK(hardsnap_retention_schedule("1 day", START, START + 29 * DAY, policy, times, 30,
                                         &count, &error));
    CHECK(times[0] == START && times[29] == START + 29 * DAY && times[30] == -1);
    CHECK_OK(hardsnap_retention_decide(times, NULL, count, policy, times[29], &decisions, &error));
    for (size_t i = 0; i < count; i++)
        kept += hardsnap_decisions_keep(decisions, i);
    CHECK(kept >= 7 && kept <= 9);
    hardsnap_decisions_free(decisions);
    CHECK_FAILS(HARDSNAP_INVALID_OPTION,
                hardsnap_retention_schedule("3m", START, START, policy, times, 30, &count, &error));
    hardsnap_policy_free(policy);
    CHECK_OK(hardsnap_policy_parse("daily for 2 months, weekly for 1 month", &policy, &error));
    CHECK(hardsnap_policy_warning_count(policy) == 1);
    CHECK(strlen(hardsnap_policy_warning(policy, 0)) > 0);
    CHECK(hardsnap_policy_warning(policy, 1) == NULL);
    hardsnap_policy_free(policy);
}

static void policies_print_as_they_were_written(void)
{
    hardsnap_error *error = NULL;
    hardsnap_policy *policy = hardsnap_policy_new();
    CHECK(strcmp(hardsnap_policy_line(policy),
                 "all for 1 day, daily for 2 weeks min 14, weekly for 6 months min 26, all monthly")
          == 0);
    CHECK(strcmp(hardsnap_policy_zone(policy), "UTC") == 0);
    CHECK_OK(hardsnap_policy_set_anchor(policy, HARDSNAP_ANCHOR_NOW, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT, hardsnap_policy_set_anchor(policy, 7, &error));
    CHECK_FAILS(HARDSNAP_INVALID_OPTION, hardsnap_policy_set_zone(policy, "Mars", &error));
    CHECK(strcmp(hardsnap_policy_zone(policy), "UTC") == 0);
    hardsnap_policy_free(policy);
    policy = NULL;
    CHECK_FAILS(HARDSNAP_INVALID_OPTION, hardsnap_policy_parse("daily for 3m", &policy, &error));
    CHECK(policy == NULL);
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT, hardsnap_policy_parse("\xff", &policy, &error));
}

#ifdef HARDSNAP_PROVOKE_PANIC
static void a_panic_comes_back_as_a_status(void)
{
    hardsnap_error *error = NULL;
    CHECK_FAILS(HARDSNAP_PANIC, hardsnap_provoke_panic(&error));
    CHECK(hardsnap_provoke_panic(NULL) == HARDSNAP_PANIC);
}
#endif

int main(void)
{
    each_decision_has_its_reason();
    what_a_schedule_leaves_is_told_beforehand();
    policies_print_as_they_were_written();
#ifdef HARDSNAP_PROVOKE_PANIC
    a_panic_comes_back_as_a_status();
#endif
    return 0;
}
