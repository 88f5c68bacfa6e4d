/* A store from its making to the removal of a snapshot, all that a report tells, and the
 * ways in which it is refused. Takes the path of an empty folder. */
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

static const int64_t DAY = 86400;
static const int64_t START = 1767232800; /* 2026-01-01T02:00:00Z */

struct heard {
    int kinds[8];
    int stop_at;
    int calls;
};

static int listen(const hardsnap_event *event, void *user_data)
{
    struct heard *heard = (struct heard *)user_data;
    int kind = hardsnap_event_kind(event);
    CHECK(kind >= HARDSNAP_EVENT_STARTED && kind <= HARDSNAP_EVENT_EXPECTED);
    heard->kinds[kind]++;
    if (kind == HARDSNAP_EVENT_PHASE)
        CHECK(hardsnap_event_phase(event) != 0);
    if (kind == HARDSNAP_EVENT_EXPECTED)
        CHECK(hardsnap_event_count(event, HARDSNAP_DIRECTORIES) > 0);
    if (kind == HARDSNAP_EVENT_STARTED)
        CHECK(strlen(hardsnap_event_snapshot(event)) == 20);
    heard->calls++;
    return heard->stop_at != 0 && heard->calls >= heard->stop_at;
}

static hardsnap_report *backup(const hardsnap_store *store, const char *source, int64_t time,
                               struct heard *heard)
{
    hardsnap_error *error = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    CHECK_OK(hardsnap_backup_options_new(time, &options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_backup_options_set_time(options, time, &error));
    CHECK_OK(hardsnap_backup_options_set_note(options, "made by C", &error));
    CHECK_OK(hardsnap_store_backup(store, options, NULL, heard ? listen : NULL, heard, &report,
                                   &error));
    hardsnap_backup_options_free(options);
    return report;
}

static void snapshots_are_made_listed_and_removed(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_init_options *init = hardsnap_init_options_new();
    hardsnap_policy *policy = NULL;
    struct heard heard = {{0}, 0, 0};
    char path[4096], source[4096];
    size_t length = 0;
    snprintf(path, sizeof path, "%s", below(folder, "store"));
    snprintf(source, sizeof source, "%s", below(folder, "source"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "a"), "alpha");
    write_file(below(source, "b"), "beta");

    CHECK_FAILS(HARDSNAP_NOT_A_STORE, hardsnap_store_open(path, strlen(path), &store, &error));
    CHECK(store == NULL);
    CHECK_OK(hardsnap_policy_parse("2 daily", &policy, &error));
    CHECK_OK(hardsnap_policy_set_zone(policy, "Europe/Berlin", &error));
    CHECK_OK(hardsnap_init_options_set_policy(init, policy, &error));
    hardsnap_policy_free(policy);
    CHECK_OK(hardsnap_store_init(path, strlen(path), init, NULL, NULL, &store, &error));
    hardsnap_init_options_free(init);
    CHECK(strlen(hardsnap_store_id(store)) == 36);
    CHECK(strstr(hardsnap_store_path(store, &length), "/store") != NULL);
    CHECK(length == strlen(hardsnap_store_path(store, NULL)));
    hardsnap_store *again = NULL;
    CHECK_FAILS(HARDSNAP_ALREADY_A_STORE,
                hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &again, &error));
    CHECK(again == NULL);
    CHECK_OK(hardsnap_store_open(path, strlen(path), &again, &error));
    CHECK(strcmp(hardsnap_store_id(again), hardsnap_store_id(store)) == 0);
    hardsnap_store_free(again);
    hardsnap_capabilities *can = NULL;
    CHECK_OK(hardsnap_store_probe(store, &can, &error));
    CHECK(hardsnap_capabilities_get(can, HARDSNAP_HARD_LINKS) == 1);
    CHECK(hardsnap_capabilities_get(can, HARDSNAP_LOCKS) == 1);
    CHECK(hardsnap_capabilities_get(can, HARDSNAP_MTIME_NANOSECONDS) > 0);
    CHECK(hardsnap_capabilities_get(can, HARDSNAP_FREE_BYTES) > 0);
    CHECK(hardsnap_capabilities_get(can, 99) == 0);
    CHECK(strstr(hardsnap_capabilities_json(can), "\"hard_links\":true") != NULL);
    hardsnap_capabilities_free(can);
    CHECK_OK(hardsnap_store_policy(store, &policy, &error));
    CHECK(strcmp(hardsnap_policy_line(policy), "2 daily") == 0);
    CHECK(strcmp(hardsnap_policy_zone(policy), "Europe/Berlin") == 0);
    hardsnap_policy_free(policy);

    hardsnap_report *report = backup(store, source, START, &heard);
    CHECK(strcmp(hardsnap_report_snapshot(report), "2026-01-01T02-00-00Z") == 0);
    CHECK(hardsnap_report_status(report) == HARDSNAP_SNAPSHOT_COMPLETE);
    CHECK(hardsnap_report_basis(report) == NULL);
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_COPIED) == 2);
    CHECK(hardsnap_report_count(report, HARDSNAP_BYTES_COPIED) == 9);
    CHECK(hardsnap_report_count(report, 99) == 0);
    CHECK(hardsnap_report_skipped_count(report) == 0 && !hardsnap_report_skipped(report, 0));
    CHECK(hardsnap_report_left_behind_count(report) == 0);
    CHECK(hardsnap_report_prune_paused(report) == NULL);
    CHECK(hardsnap_report_elapsed_seconds(report) > 0);
    CHECK(heard.kinds[HARDSNAP_EVENT_STARTED] == 1);
    CHECK(heard.kinds[HARDSNAP_EVENT_PHASE] >= 2);
    CHECK(heard.kinds[HARDSNAP_EVENT_PROGRESS] >= 1);
    hardsnap_report_free(report);

    write_file(below(source, "b"), "gamma!");
    report = backup(store, source, START + DAY, NULL);
    CHECK(strcmp(hardsnap_report_basis(report), "2026-01-01T02-00-00Z") == 0);
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_LINKED) == 1);
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_COPIED) == 1);
    hardsnap_report_free(report);
    report = backup(store, source, START + 2 * DAY, NULL);
    CHECK(hardsnap_report_removed_count(report) == 1);
    CHECK(strcmp(hardsnap_report_removed(report, 0), "2026-01-01T02-00-00Z") == 0);
    CHECK(hardsnap_report_removed(report, 1) == NULL);
    hardsnap_report_free(report);

    hardsnap_snapshots *list = NULL;
    CHECK_OK(hardsnap_store_snapshots(store, &list, &error));
    CHECK(hardsnap_snapshots_count(list) == 2 && hardsnap_snapshots_get(list, 2) == NULL);
    const hardsnap_snapshot *second = hardsnap_snapshots_get(list, 0);
    CHECK(strcmp(hardsnap_snapshot_name(second), "2026-01-02T02-00-00Z") == 0);
    CHECK(hardsnap_snapshot_time(second) == START + DAY);
    CHECK(hardsnap_snapshot_sequence(second) == 2);
    CHECK(hardsnap_snapshot_status(second) == HARDSNAP_SNAPSHOT_COMPLETE);
    CHECK(!hardsnap_snapshot_is_held(second));
    CHECK(strcmp(hardsnap_snapshot_note(second), "made by C") == 0);
    CHECK(strlen(hardsnap_snapshot_host(second)) > 0);
    CHECK(hardsnap_snapshot_source_count(second) == 1);
    CHECK(strstr(hardsnap_snapshot_source(second, 0, &length), "/source") != NULL);
    CHECK(hardsnap_snapshot_source(second, 1, &length) == NULL && length == 0);
    CHECK(hardsnap_snapshot_count(second, HARDSNAP_FILES_LINKED) == 1);

    hardsnap_snapshot *latest = NULL;
    CHECK_OK(hardsnap_store_resolve(store, "latest", &latest, &error));
    CHECK(strcmp(hardsnap_snapshot_name(latest), "2026-01-03T02-00-00Z") == 0);
    hardsnap_snapshot_free(latest);
    CHECK_FAILS(HARDSNAP_AMBIGUOUS_SNAPSHOT,
                hardsnap_store_resolve(store, "2026", &latest, &error));
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_store_resolve(store, "1999", &latest, &error));

    hardsnap_prune_plan *plan = NULL;
    CHECK_OK(hardsnap_policy_parse("last 1", &policy, &error));
    CHECK_OK(hardsnap_store_plan_prune(store, policy, START + 3 * DAY, &plan, &error));
    CHECK(hardsnap_prune_plan_keep_count(plan) == 1);
    CHECK(strcmp(hardsnap_prune_plan_keep_name(plan, 0), "2026-01-03T02-00-00Z") == 0);
    CHECK(strstr(hardsnap_prune_plan_keep_reasons(plan, 0), "newest") != NULL);
    CHECK(hardsnap_prune_plan_keep_name(plan, 1) == NULL);
    CHECK(hardsnap_prune_plan_remove_count(plan) == 1);
    CHECK(strcmp(hardsnap_prune_plan_remove_name(plan, 0), "2026-01-02T02-00-00Z") == 0);
    CHECK(strlen(hardsnap_prune_plan_remove_why(plan, 0)) > 0);
    report = NULL;
    CHECK_OK(hardsnap_store_prune(store, plan, NULL, listen, &heard, &report, &error));
    CHECK(hardsnap_report_removed_count(report) == 1);
    CHECK(heard.kinds[HARDSNAP_EVENT_REMOVED] == 1);
    CHECK(hardsnap_report_status(report) == HARDSNAP_SNAPSHOT_NONE);
    hardsnap_report_free(report);
    hardsnap_prune_plan_free(plan);
    hardsnap_policy_free(policy);

    const char *names[] = {"2026-01-03T02-00-00Z"};
    CHECK_FAILS(HARDSNAP_LAST_SNAPSHOT,
                hardsnap_store_delete(store, names, 1, false, NULL, NULL, NULL, &report,
                                      &error));
    hardsnap_report_free(backup(store, source, START + 4 * DAY, NULL));
    hardsnap_snapshot *held = NULL;
    CHECK_OK(hardsnap_store_hold(store, names[0], "for ever", &held, &error));
    CHECK(hardsnap_snapshot_is_held(held));
    CHECK(strcmp(hardsnap_snapshot_note(held), "for ever") == 0);
    hardsnap_snapshot_free(held);
    CHECK_FAILS(HARDSNAP_SNAPSHOT_HELD,
                hardsnap_store_delete(store, names, 1, false, NULL, NULL, NULL, &report, &error));
    CHECK_OK(hardsnap_store_release(store, names[0], NULL, &error));
    CHECK_OK(hardsnap_store_delete(store, names, 1, false, NULL, NULL, NULL, &report, &error));
    CHECK(strstr(hardsnap_report_json(report), "\"removed_snapshots\":[\"2026-01-03T02") != NULL);
    CHECK(hardsnap_report_removed_count(report) == 1);
    hardsnap_report_free(report);
    CHECK(access(below(path, "2026-01-03T02-00-00Z"), F_OK) != 0);
    /* What a list lends is a copy of what was there. */
    CHECK(strcmp(hardsnap_snapshot_name(second), "2026-01-02T02-00-00Z") == 0);
    hardsnap_snapshots_free(list);
    hardsnap_store_free(store);
}

static void the_catalog_is_made_anew(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_report *report = NULL;
    hardsnap_cancel *cancel = hardsnap_cancel_new();
    struct heard heard = {{0}, 0, 0};
    char path[4096], source[4096];
    snprintf(path, sizeof path, "%s", below(folder, "anew"));
    snprintf(source, sizeof source, "%s", below(folder, "catalogued"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "a"), "alpha");
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    hardsnap_report_free(backup(store, source, START, NULL));

    CHECK_OK(hardsnap_store_reindex(store, NULL, listen, &heard, &report, &error));
    CHECK(hardsnap_report_skipped_count(report) == 0);
    CHECK(hardsnap_report_warning_count(report) == 0);
    CHECK(hardsnap_report_elapsed_seconds(report) > 0);
    CHECK(strstr(hardsnap_report_json(report), "\"snapshots\":[\"2026-01-01T02") != NULL);
    CHECK(strstr(hardsnap_report_json(report), "\"versions_without_ctime\":0") != NULL);
    CHECK(heard.kinds[HARDSNAP_EVENT_EXPECTED] == 1);
    hardsnap_report_free(report);

    /* What only the catalog knew is lost with it. */
    CHECK(remove(below(path, ".hardsnap/catalog.db")) == 0);
    CHECK_OK(hardsnap_store_reindex(store, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_report_warning_count(report) == 1);
    CHECK(strstr(hardsnap_report_warning(report, 0), "is lost") != NULL);
    CHECK(strstr(hardsnap_report_json(report), "\"versions_without_ctime\":0") == NULL);
    hardsnap_report_free(report);

    report = NULL;
    hardsnap_cancel_stop(cancel);
    CHECK_FAILS(HARDSNAP_CANCELLED,
                hardsnap_store_reindex(store, cancel, NULL, NULL, &report, &error));
    CHECK(report == NULL);
    hardsnap_cancel_free(cancel);
    hardsnap_store_free(store);
}

static void a_run_is_stopped_by_a_switch_and_by_a_callback(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    hardsnap_cancel *cancel = hardsnap_cancel_new();
    struct heard heard = {{0}, 1, 0};
    char path[4096], source[4096];
    snprintf(path, sizeof path, "%s", below(folder, "store"));
    snprintf(source, sizeof source, "%s", below(folder, "source"));
    CHECK_OK(hardsnap_store_open(path, strlen(path), &store, &error));
    CHECK_OK(hardsnap_backup_options_new(START + 10 * DAY, &options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_preview_first_backup(options, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_COPIED) == 2);
    hardsnap_report_free(report);
    report = NULL;

    CHECK(!hardsnap_cancel_is_stopped(cancel));
    hardsnap_cancel_stop(cancel);
    CHECK(hardsnap_cancel_is_stopped(cancel));
    CHECK_FAILS(HARDSNAP_CANCELLED,
                hardsnap_store_backup(store, options, cancel, NULL, NULL, &report, &error));
    CHECK(report == NULL);
    hardsnap_cancel_free(cancel);

    /* Thousands of files, so that the first event comes before the last of them. */
    CHECK(mkdir(below(source, "many"), 0755) == 0);
    for (int i = 0; i < 3000; i++) {
        char name[64];
        snprintf(name, sizeof name, "many/%d", i);
        write_file(below(source, name), "x");
    }
    cancel = hardsnap_cancel_new();
    CHECK_FAILS(HARDSNAP_CANCELLED,
                hardsnap_store_backup(store, options, cancel, listen, &heard, &report, &error));
    CHECK(hardsnap_cancel_is_stopped(cancel));
    hardsnap_cancel_free(cancel);

    /* The lock is free again, and the next run does what the stopped ones did not. */
    CHECK_OK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_COPIED) == 3000);
    hardsnap_report_free(report);
    hardsnap_backup_options_free(options);
    hardsnap_store_free(store);
}

static void what_is_read_and_hashed_can_be_chosen(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    char path[4096], source[4096];
    snprintf(path, sizeof path, "%s", below(folder, "chosen"));
    snprintf(source, sizeof source, "%s", below(folder, "read"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "a"), "alpha");
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    CHECK_OK(hardsnap_backup_options_new(START, &options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_backup_options_set_reading(options, HARDSNAP_READING_CHANGED, &error));
    CHECK_OK(hardsnap_backup_options_set_reading(options, HARDSNAP_READING_EVERYTHING, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_backup_options_set_reading(options, 2, &error));
    CHECK_OK(hardsnap_backup_options_set_basis_check(options, HARDSNAP_BASIS_CHECK_AS_NEEDED,
                                                     &error));
    CHECK_OK(hardsnap_backup_options_set_basis_check(options, HARDSNAP_BASIS_CHECK_EVERY_ENTRY,
                                                     &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_backup_options_set_basis_check(options, 2, &error));
    CHECK_OK(hardsnap_backup_options_set_hashes(options, HARDSNAP_HASHES_KEPT, &error));
    CHECK_OK(hardsnap_backup_options_set_hashes(options, HARDSNAP_HASHES_OFF, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_backup_options_set_hashes(options, 2, &error));
    CHECK_OK(hardsnap_backup_options_set_recycling(options, HARDSNAP_RECYCLING_IF_POSSIBLE,
                                                   &error));
    CHECK_OK(hardsnap_backup_options_set_recycling(options, HARDSNAP_RECYCLING_OFF, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_backup_options_set_recycling(options, 2, &error));
    CHECK_OK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_COPIED) == 1);
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_MOVED) == 0);
    hardsnap_report_free(report);
    hardsnap_backup_options_free(options);
    hardsnap_store_free(store);
}

/* Makes four backups of which one or two are kept, and gives the last. */
static hardsnap_report *four_days(hardsnap_store *store, const char *source, int32_t recycling)
{
    hardsnap_error *error = NULL;
    hardsnap_report *report = NULL;
    for (int day = 0; day < 4; day++) {
        hardsnap_backup_options *options = NULL;
        hardsnap_report_free(report);
        CHECK_OK(hardsnap_backup_options_new(START + day * DAY, &options, &error));
        CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
        CHECK_OK(hardsnap_backup_options_set_recycling(options, recycling, &error));
        CHECK_OK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
        hardsnap_backup_options_free(options);
    }
    return report;
}

static void an_expired_snapshot_becomes_the_next_if_that_is_wanted(const char *folder)
{
    char path[4096], source[4096];
    snprintf(source, sizeof source, "%s", below(folder, "recycled"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "a"), "alpha");
    for (int kept = 0; kept < 2; kept++) {
        hardsnap_error *error = NULL;
        hardsnap_store *store = NULL;
        hardsnap_catalog *catalog = NULL;
        hardsnap_sizes *sizes = NULL;
        hardsnap_policy *policy = NULL;
        hardsnap_init_options *init = hardsnap_init_options_new();
        snprintf(path, sizeof path, "%s%d", below(folder, "spare"), kept);
        CHECK_OK(hardsnap_policy_parse("last 2", &policy, &error));
        CHECK_OK(hardsnap_init_options_set_policy(init, policy, &error));
        CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT, hardsnap_init_options_set_spare(init, 2, &error));
        CHECK_OK(hardsnap_init_options_set_spare(
            init, kept ? HARDSNAP_SPARE_KEPT : HARDSNAP_SPARE_OFF, &error));
        CHECK_OK(hardsnap_store_init(path, strlen(path), init, NULL, NULL, &store, &error));
        hardsnap_init_options_free(init);
        hardsnap_policy_free(policy);

        hardsnap_report *report = four_days(store, source, HARDSNAP_RECYCLING_IF_POSSIBLE);
        const char *recycled = hardsnap_report_recycled(report);
        CHECK(kept ? strcmp(recycled, "2026-01-01T02-00-00Z") == 0 : recycled == NULL);
        hardsnap_report_free(report);
        CHECK_OK(hardsnap_store_catalog(store, NULL, &catalog, &error));
        CHECK_OK(hardsnap_catalog_spare_sizes(catalog, &sizes, &error));
        CHECK((sizes != NULL) == kept);
        if (kept) {
            CHECK(strcmp(hardsnap_sizes_spare(sizes), "2026-01-02T02-00-00Z") == 0);
            CHECK(hardsnap_sizes_files(sizes) == 0);
        }
        hardsnap_sizes_free(sizes);
        hardsnap_catalog_free(catalog);
        hardsnap_store_free(store);
    }
}

static void an_emptied_source_is_suspect_until_accepted(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_prune_plan *plan = NULL;
    hardsnap_policy *policy = NULL;
    hardsnap_snapshot *snapshot = NULL;
    char path[4096], source[4096];
    snprintf(path, sizeof path, "%s", below(folder, "doubted"));
    snprintf(source, sizeof source, "%s", below(folder, "emptied"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "only"), "one");
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    hardsnap_report_free(backup(store, source, START, NULL));
    CHECK(unlink(below(source, "only")) == 0);

    hardsnap_report *report = backup(store, source, START + DAY, NULL);
    CHECK(hardsnap_report_status(report) == HARDSNAP_SNAPSHOT_SUSPECT);
    CHECK(hardsnap_report_suspicion_count(report) == 1);
    CHECK(strstr(hardsnap_report_suspicion(report, 0), "is empty") != NULL);
    CHECK(hardsnap_report_prune_paused(report) != NULL);
    CHECK(strstr(hardsnap_report_json(report), "\"status\":\"suspect\"") != NULL);
    hardsnap_report_free(report);

    CHECK_OK(hardsnap_policy_parse("last 1", &policy, &error));
    CHECK_OK(hardsnap_store_plan_prune(store, policy, START + DAY, &plan, &error));
    CHECK(hardsnap_prune_plan_pause(plan) != NULL);
    CHECK_FAILS(HARDSNAP_INVALID_OPTION, hardsnap_prune_plan_set_min_free(plan, "lots", &error));
    CHECK_OK(hardsnap_prune_plan_set_min_free(plan, "1", &error));
    CHECK_OK(hardsnap_prune_plan_force(plan, &error));
    CHECK(hardsnap_prune_plan_pause(plan) == NULL);
    CHECK(strstr(hardsnap_prune_plan_json(plan), "\"keep\":[{\"name\":") != NULL);
    hardsnap_prune_plan_free(plan);
    hardsnap_policy_free(policy);

    CHECK_OK(hardsnap_store_accept(store, "2026-01-02", &snapshot, &error));
    CHECK(hardsnap_snapshot_status(snapshot) == HARDSNAP_SNAPSHOT_COMPLETE);
    CHECK(hardsnap_snapshot_suspicion_count(snapshot) == 0);
    hardsnap_snapshot_free(snapshot);
    hardsnap_store_free(store);
}

static void errors_name_the_path_and_the_number(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    char path[4096];
    size_t length = 0;
    snprintf(path, sizeof path, "%s", below(folder, "store"));
    CHECK_OK(hardsnap_store_open(path, strlen(path), &store, &error));
    CHECK_OK(hardsnap_backup_options_new(START, &options, &error));
    CHECK_FAILS(HARDSNAP_NO_SOURCES,
                hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    const char *missing = "/nonexistent/\xff";
    CHECK_OK(hardsnap_backup_options_add_source(options, missing, strlen(missing), &error));
    CHECK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error)
          == HARDSNAP_SOURCE_UNAVAILABLE);
    CHECK(strcmp(hardsnap_error_path(error, &length), missing) == 0);
    CHECK(length == strlen(missing));
    CHECK(hardsnap_error_second_path(error, &length) == NULL && length == 0);
    CHECK(hardsnap_error_os_error(error) == 2);
    hardsnap_error_free(error);
    /* Nobody has to take the error. */
    CHECK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, NULL)
          == HARDSNAP_SOURCE_UNAVAILABLE);
    error = NULL;
    hardsnap_backup_options_free(options);
    hardsnap_store_free(store);
}

static void a_tree_is_linked_to_its_basis_and_filtered(const char *folder)
{
    hardsnap_error *error = NULL;
    hardsnap_report *report = NULL;
    hardsnap_tree_options *options = hardsnap_tree_options_new();
    hardsnap_filter *filter = hardsnap_filter_new();
    char source[4096], first[4096], second[4096];
    struct stat one, two;
    snprintf(source, sizeof source, "%s", below(folder, "tree"));
    snprintf(first, sizeof first, "%s", below(folder, "first"));
    snprintf(second, sizeof second, "%s", below(folder, "second"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "kept.c"), "int x;");
    write_file(below(source, "left.o"), "object");
    write_file(below(source, "back.o"), "object");
    CHECK_OK(hardsnap_filter_exclude(filter, "*.o", &error));
    CHECK_OK(hardsnap_filter_include(filter, "/back.o", &error));
    CHECK_OK(hardsnap_filter_add_lines(filter, "list", 4, "# none\n*.tmp\n", 13, &error));
    CHECK_OK(hardsnap_filter_exclude_if_present(filter, ".nobackup", &error));
    CHECK_OK(hardsnap_filter_exclude_nodump(filter, &error));
    CHECK_OK(hardsnap_filter_exclude_larger_than(filter, 1 << 20, &error));
    CHECK_OK(hardsnap_tree_options_set_filter(options, filter, &error));
    CHECK_OK(hardsnap_tree_options_set_jobs(options, 2, &error));
    CHECK_OK(hardsnap_tree_options_set_mounts(options, HARDSNAP_MOUNTS_ONE_FILE_SYSTEM, &error));
    CHECK_OK(hardsnap_replicate_tree(source, strlen(source), NULL, 0, first, strlen(first),
                                     options, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_report_count(report, HARDSNAP_FILES_COPIED) == 2);
    CHECK(hardsnap_report_count(report, HARDSNAP_EXCLUDED) == 1);
    hardsnap_report_free(report);
    CHECK_OK(hardsnap_replicate_tree(source, strlen(source), first, strlen(first), second,
                                     strlen(second), options, NULL, NULL, NULL, &report,
                                     &error));
    hardsnap_report_free(report);
    CHECK(stat(below(first, "kept.c"), &one) == 0 && stat(below(second, "kept.c"), &two) == 0);
    CHECK(one.st_ino == two.st_ino && one.st_nlink == 2);
    CHECK_FAILS(HARDSNAP_TARGET_NOT_EMPTY,
                hardsnap_replicate_tree(source, strlen(source), NULL, 0, second, strlen(second),
                                        NULL, NULL, NULL, NULL, &report, &error));
    CHECK_OK(hardsnap_filter_exclude(filter, "a[", &error));
    CHECK_FAILS(HARDSNAP_INVALID_OPTION,
                hardsnap_tree_options_set_filter(options, filter, &error));
    hardsnap_filter_free(filter);
    hardsnap_tree_options_free(options);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK(strcmp(hardsnap_version(), HARDSNAP_VERSION) == 0);
    snapshots_are_made_listed_and_removed(argv[1]);
    a_run_is_stopped_by_a_switch_and_by_a_callback(argv[1]);
    what_is_read_and_hashed_can_be_chosen(argv[1]);
    the_catalog_is_made_anew(argv[1]);
    an_emptied_source_is_suspect_until_accepted(argv[1]);
    errors_name_the_path_and_the_number(argv[1]);
    an_expired_snapshot_becomes_the_next_if_that_is_wanted(argv[1]);
    a_tree_is_linked_to_its_basis_and_filtered(argv[1]);
    return 0;
}
