/* Calls every function with NULL and garbage in every position (garbage.py writes the calls).
 * Takes the path of an empty folder. */
#include "garbage.h"

#include <sys/stat.h>

char path[4096], source[4096], file[4200], target[9000], buffer[64];
const char *const names[1] = {"2026-01-01T02-00-00Z"};
const int64_t times[1] = {1767232800};
const uint8_t flags[1] = {0};
size_t length;
int64_t seconds;

#define DEFINE(name) hardsnap_##name *a_##name, *out_##name;
HANDLES(DEFINE)
#undef DEFINE
#define DEFINE(name) const hardsnap_##name *lent_##name;
LENT(DEFINE)
#undef DEFINE
const hardsnap_change *a_change;
const hardsnap_damaged *a_damaged;
const hardsnap_entry_version *a_entry_version;
const hardsnap_event *a_event;
const hardsnap_found_path *a_found_path;
const hardsnap_problem *a_problem;

static unsigned refused, accepted, targets;
static char folder[4000];

int on_event(const hardsnap_event *event, void *user_data)
{
    (void)user_data;
    if (a_event != NULL)
        return 0;
    /* An event lives as long as this call, and so does the test of what is asked of one. */
    a_event = event;
    if (hardsnap_event_kind(event) == 0)
        exit(1);
    a_event = NULL;
    return 0;
}

void judge(hardsnap_status status, bool is_right, const char *function)
{
    if (status == HARDSNAP_OK)
        accepted++;
    else
        refused++;
    if (status == HARDSNAP_PANIC
        || (!is_right && status != HARDSNAP_OK && status != HARDSNAP_INVALID_ARGUMENT
            && status != HARDSNAP_INVALID_OPTION && status < 100)) {
        fprintf(stderr, "%s: status %d: %s\n", function, (int)status,
                hardsnap_error_message(out_error));
        exit(1);
    }
    if (status == HARDSNAP_OK)
        CHECK(out_error == NULL);
}

void release(void)
{
#define RELEASE(name)                    \
    hardsnap_##name##_free(out_##name); \
    out_##name = NULL;
    HANDLES(RELEASE)
#undef RELEASE
    /* One of the calls stopped it for good. */
    hardsnap_cancel_free(a_cancel);
    a_cancel = hardsnap_cancel_new();
    snprintf(target, sizeof target, "%s/target-%u", folder, targets++);
}

int main(int argc, char **argv)
{
    hardsnap_error *error = NULL;
    hardsnap_report *report = NULL;
    hardsnap_backup_options *next_day = NULL;
    hardsnap_changes *changes = NULL;
    hardsnap_found *found = NULL;
    CHECK(argc == 2);
    snprintf(folder, sizeof folder, "%s", argv[1]);
    snprintf(path, sizeof path, "%s/store", folder);
    snprintf(source, sizeof source, "%s/source", folder);
    CHECK(mkdir(source, 0755) == 0);
    snprintf(file, sizeof file, "%s/file", source);
    write_file(file, "text");
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &a_store, &error));
    CHECK_OK(hardsnap_backup_options_new(times[0], &a_backup_options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(a_backup_options, source, strlen(source), &error));
    CHECK_OK(hardsnap_store_backup(a_store, a_backup_options, NULL, NULL, NULL, &report, &error));
    a_report = report;
    report = NULL;
    write_file(file, "another text");
    CHECK_OK(hardsnap_backup_options_new(times[0] + 86400, &next_day, &error));
    CHECK_OK(hardsnap_backup_options_add_source(next_day, source, strlen(source), &error));
    CHECK_OK(hardsnap_store_backup(a_store, next_day, NULL, NULL, NULL, &report, &error));
    hardsnap_report_free(report);
    hardsnap_backup_options_free(next_day);
    a_filter = hardsnap_filter_new();
    a_policy = hardsnap_policy_new();
    a_init_options = hardsnap_init_options_new();
    a_tree_options = hardsnap_tree_options_new();
    /* Never in place: this is about arguments. */
    const char *restored = below(folder, "restored");
    CHECK_OK(hardsnap_restore_options_into(restored, strlen(restored), &a_restore_options,
                                           &error));
    CHECK_OK(hardsnap_store_probe(a_store, &a_capabilities, &error));
    CHECK_OK(hardsnap_store_snapshots(a_store, &a_snapshots, &error));
    CHECK_OK(hardsnap_store_resolve(a_store, "latest", &a_snapshot, &error));
    CHECK_OK(hardsnap_store_open_file(a_store, hardsnap_snapshot_name(a_snapshot), file,
                                      strlen(file), &a_stored_file, &error));
    CHECK_OK(hardsnap_store_plan_prune(a_store, NULL, times[0], &a_prune_plan, &error));
    CHECK_OK(hardsnap_retention_decide(times, flags, 1, a_policy, times[0], &a_decisions, &error));
    CHECK_OK(hardsnap_store_catalog(a_store, NULL, &a_catalog, &error));
    CHECK_OK(hardsnap_catalog_entry(a_catalog, names[0], source, strlen(source), &a_entry, &error));
    CHECK_OK(hardsnap_catalog_entries(a_catalog, names[0], NULL, 0, &a_entries, &error));
    CHECK_OK(hardsnap_catalog_versions(a_catalog, source, strlen(source), &a_versions, &error));
    a_entry_version = hardsnap_versions_get(a_versions, 0);
    CHECK_OK(hardsnap_catalog_find(a_catalog, "file", &a_found, &error));
    CHECK_OK(hardsnap_catalog_changes(a_catalog, names[0], names[0], &a_changes, &error));
    CHECK_OK(hardsnap_catalog_sizes(a_catalog, names, 1, &a_sizes, &error));
    CHECK_OK(hardsnap_catalog_resolve(a_catalog, "/", 1, &a_path, &error));
    /* What is asked of these stays what it is. */
    const char *later = hardsnap_catalog_snapshot(a_catalog, 1);
    CHECK_OK(hardsnap_catalog_changes(a_catalog, names[0], later, &changes, &error));
    CHECK_OK(hardsnap_changes_next(changes, &a_change, &error));
    CHECK_OK(hardsnap_catalog_find(a_catalog, "file", &found, &error));
    CHECK_OK(hardsnap_found_next(found, &a_found_path, &error));
    CHECK(a_entry != NULL && a_entry_version != NULL && a_change != NULL && a_found_path != NULL);
    snprintf(target, sizeof target, "%s/%s%s/file", path, names[0], source);
    CHECK(remove(target) == 0);
    a_verify_options = hardsnap_verify_options_new();
    CHECK_OK(hardsnap_store_verify(a_store, NULL, NULL, NULL, NULL, &a_verify_report, &error));
    a_damaged = hardsnap_verify_report_damaged(a_verify_report, 0);
    CHECK(a_damaged != NULL);
    CHECK(hardsnap_store_open("/nonexistent", 12, &out_store, &a_error) == HARDSNAP_NOT_A_STORE);

    release();
    all_positions();
    CHECK(refused > 100 && accepted > 50);

    hardsnap_changes_free(changes);
    hardsnap_found_free(found);
#define RELEASE(name) hardsnap_##name##_free(a_##name);
    HANDLES(RELEASE)
#undef RELEASE
    return 0;
}
