/* The right values that the made program uses, and what it does with what it is given. */
#ifndef GARBAGE_H
#define GARBAGE_H

#include "check.h"

#include <limits.h>

extern char path[4096], source[4096], target[4096], buffer[64];
extern const char *const names[1];
extern const int64_t times[1];
extern const uint8_t flags[1];
extern size_t length;
extern int64_t seconds;

#define HANDLES(DO)                                                                           \
    DO(backup_options) DO(cancel) DO(capabilities) DO(decisions) DO(error) DO(filter) DO(init_options)         \
    DO(policy) DO(prune_plan) DO(report) DO(snapshot) DO(snapshots) DO(store) DO(tree_options)
#define DECLARE(name) extern hardsnap_##name *a_##name, *out_##name;
HANDLES(DECLARE)
#undef DECLARE
extern const hardsnap_event *a_event;
extern const hardsnap_problem *a_problem;

int on_event(const hardsnap_event *event, void *user_data);
/* Checks the status of a call; one with nothing wrong in it may fail for other reasons. */
void judge(hardsnap_status status, bool is_right, const char *function);
/* Frees what the last call gave away, and makes its target new. */
void release(void);
void all_positions(void);

#endif
