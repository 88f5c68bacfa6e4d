/* The right values that the made program uses, and what it does with what it is given. */
#ifndef GARBAGE_H
#define GARBAGE_H

#include "check.h"

#include <limits.h>
#include <math.h>

extern char path[4096], source[4096], file[4200], target[9000], buffer[64];
extern const char *const names[1];
extern const int64_t times[1];
extern const uint8_t flags[1];
extern size_t length;
extern int64_t seconds;

#define HANDLES(DO)                                                                           \
    DO(backup_options) DO(cancel) DO(capabilities) DO(catalog) DO(changes) DO(decisions)      \
    DO(entries) DO(entry) DO(error) DO(filter) DO(found) DO(init_options) DO(path) DO(policy) \
    DO(prune_plan) DO(report) DO(restore_options) DO(sizes) DO(snapshot) DO(snapshots)        \
    DO(store) DO(stored_file) DO(tree_options) DO(verify_options) DO(verify_report)           \
    DO(versions)
/* What functions lend that end in _next. */
#define LENT(DO) DO(change) DO(entry) DO(found_path)
#define DECLARE(name) extern hardsnap_##name *a_##name, *out_##name;
HANDLES(DECLARE)
#undef DECLARE
#define DECLARE(name) extern const hardsnap_##name *lent_##name;
LENT(DECLARE)
#undef DECLARE
extern const hardsnap_change *a_change;
extern const hardsnap_damaged *a_damaged;
extern const hardsnap_entry_version *a_entry_version;
extern const hardsnap_event *a_event;
extern const hardsnap_found_path *a_found_path;
extern const hardsnap_problem *a_problem;

int on_event(const hardsnap_event *event, void *user_data);
/* Checks the status of a call; one with nothing wrong in it may fail for other reasons. */
void judge(hardsnap_status status, bool is_right, const char *function);
/* Frees what the last call gave away, and makes its target new. */
void release(void);
void all_positions(void);

#endif
