/* Getting data back: to a directory, in place, and what is in the way. Takes the path of an
 * empty folder. */
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

static const int64_t START = 1767232800; /* 2026-01-01T02:00:00Z */
#define NAME "2026-01-01T02-00-00Z"

struct heard {
    int obstacles;
    char path[4096];
    bool was_restoring;
};

static int listen(const hardsnap_event *event, void *user_data)
{
    struct heard *heard = (struct heard *)user_data;
    size_t length = 0;
    if (hardsnap_event_kind(event) == HARDSNAP_EVENT_IN_THE_WAY) {
        const char *path = hardsnap_event_path(event, &length);
        CHECK(strlen(path) == length && length < sizeof heard->path);
        strcpy(heard->path, path);
        heard->obstacles++;
    } else {
        CHECK(hardsnap_event_path(event, NULL) == NULL);
    }
    if (hardsnap_event_phase(event) == HARDSNAP_PHASE_RESTORING)
        heard->was_restoring = true;
    return 0;
}

static void check_content(const char *path, const char *expected)
{
    char content[64] = {0};
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    CHECK(fread(content, 1, sizeof content - 1, file) == strlen(expected));
    CHECK(fclose(file) == 0);
    CHECK(strcmp(content, expected) == 0);
}

static hardsnap_report *restore(const hardsnap_store *store,
                                const hardsnap_restore_options *options, struct heard *heard)
{
    hardsnap_error *error = NULL;
    hardsnap_report *report = NULL;
    CHECK_OK(hardsnap_store_restore(store, NAME, options, NULL, heard ? listen : NULL, heard,
                                    &report, &error));
    CHECK(strcmp(hardsnap_report_snapshot(report), NAME) == 0);
    CHECK(strstr(hardsnap_report_json(report), "\"bytes_written\"") != NULL);
    return report;
}

static void paths_come_back_below_a_directory(const hardsnap_store *store, const char *folder,
                                              const char *source)
{
    hardsnap_error *error = NULL;
    hardsnap_restore_options *options = NULL;
    hardsnap_report *report = NULL;
    struct heard heard = {0, "", false};
    char to[4096], restored[8300];
    snprintf(to, sizeof to, "%s", below(folder, "to"));
    CHECK_OK(hardsnap_restore_options_into(to, strlen(to), &options, &error));
    CHECK_OK(hardsnap_restore_options_add_path(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_restore_options_set_jobs(options, 1, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_restore_options_set_overwrite(options, 9, &error));
    report = restore(store, options, &heard);
    CHECK(heard.was_restoring && heard.obstacles == 0);
    CHECK(hardsnap_report_count(report, HARDSNAP_ENTRIES_WRITTEN) >= 3);
    CHECK(hardsnap_report_count(report, HARDSNAP_ENTRIES_REPLACED) == 0);
    CHECK(hardsnap_report_count(report, HARDSNAP_BYTES_WRITTEN) == 9);
    CHECK(hardsnap_report_in_the_way_count(report) == 0);
    CHECK(hardsnap_report_damaged_count(report) == 0);
    hardsnap_report_free(report);
    snprintf(restored, sizeof restored, "%s%s/file", to, source);
    check_content(restored, "alpha");
    /* What is there and differs is in the way. */
    write_file(restored, "mine now");
    CHECK_FAILS(HARDSNAP_IN_THE_WAY, hardsnap_store_restore(store, NAME, options, NULL, listen,
                                                            &heard, &report, &error));
    CHECK(heard.obstacles == 1 && strcmp(heard.path, restored) == 0);
    CHECK_OK(hardsnap_restore_options_set_mode(options, HARDSNAP_MODE_DRY_RUN, &error));
    report = restore(store, options, NULL);
    size_t length = 0;
    CHECK(hardsnap_report_in_the_way_count(report) == 1);
    CHECK(strcmp(hardsnap_report_in_the_way(report, 0, &length), restored) == 0);
    CHECK(length == strlen(restored));
    CHECK(hardsnap_report_in_the_way(report, 1, NULL) == NULL);
    hardsnap_report_free(report);
    check_content(restored, "mine now");
    CHECK_OK(hardsnap_restore_options_set_mode(options, HARDSNAP_MODE_ACT, &error));
    CHECK_OK(hardsnap_restore_options_set_overwrite(options, HARDSNAP_OVERWRITE_CHANGED, &error));
    report = restore(store, options, NULL);
    CHECK(hardsnap_report_count(report, HARDSNAP_ENTRIES_REPLACED) >= 1);
    CHECK(hardsnap_report_count(report, HARDSNAP_ENTRIES_LEFT) >= 1);
    hardsnap_report_free(report);
    check_content(restored, "alpha");
    /* Deleting is for who restores in place. */
    CHECK_OK(hardsnap_restore_options_delete_extraneous(options, &error));
    CHECK_FAILS(HARDSNAP_INVALID_OPTION, hardsnap_store_restore(store, NAME, options, NULL, NULL,
                                                                NULL, &report, &error));
    hardsnap_restore_options_free(options);
}

static void what_the_snapshot_does_not_have_goes_if_it_is_named(const hardsnap_store *store,
                                                                const char *source)
{
    hardsnap_error *error = NULL;
    hardsnap_report *report = NULL;
    hardsnap_restore_options *options = NULL;
    const char *kept = below(source, "kept"), *gone = below(source, "gone");
    CHECK_OK(hardsnap_restore_options_in_place(&options, &error));
    write_file(kept, "k");
    write_file(gone, "g");
    CHECK(unlink(below(source, "file")) == 0);
    CHECK_OK(hardsnap_restore_options_add_path(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_restore_options_add_deleted(options, gone, strlen(gone), &error));
    report = restore(store, options, NULL);
    CHECK(hardsnap_report_deleted_count(report) == 1);
    CHECK(strcmp(hardsnap_report_deleted(report, 0, NULL), gone) == 0);
    hardsnap_report_free(report);
    CHECK(access(gone, F_OK) != 0 && access(kept, F_OK) == 0);
    check_content(below(source, "file"), "alpha");
    CHECK_OK(hardsnap_restore_options_add_path(options, "/no/such", 8, &error));
    CHECK_FAILS(HARDSNAP_NOT_IN_SNAPSHOT, hardsnap_store_restore(store, NAME, options, NULL, NULL,
                                                                 NULL, &report, &error));
    hardsnap_restore_options_free(options);
}

static void a_store_is_no_place_to_restore_to(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_restore_options *options = NULL;
    hardsnap_report *report = NULL;
    const char *path = hardsnap_store_path(store, NULL);
    CHECK_OK(hardsnap_restore_options_into(path, strlen(path), &options, &error));
    CHECK_FAILS(HARDSNAP_TARGET_IS_STORE, hardsnap_store_restore(store, NAME, options, NULL, NULL,
                                                                 NULL, &report, &error));
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_store_restore(store, "2020-01-01T00-00-00Z", options, NULL, NULL, NULL,
                                       &report, &error));
    hardsnap_restore_options_free(options);
    hardsnap_restore_options_free(NULL);
}

static void a_snapshot_is_found_by_an_instant(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_snapshot *snapshot = NULL;
    CHECK_OK(hardsnap_store_resolve_before(store, START + 5, &snapshot, &error));
    CHECK(strcmp(hardsnap_snapshot_name(snapshot), NAME) == 0);
    hardsnap_snapshot_free(snapshot);
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_store_resolve_before(store, START - 1, &snapshot, &error));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    char path[4096], source[4096];
    snprintf(path, sizeof path, "%s", below(argv[1], "store"));
    snprintf(source, sizeof source, "%s", below(argv[1], "source"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "file"), "alpha");
    write_file(below(source, "other"), "beta");
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    CHECK_OK(hardsnap_backup_options_new(START, &options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    hardsnap_report_free(report);
    hardsnap_backup_options_free(options);
    paths_come_back_below_a_directory(store, argv[1], source);
    what_the_snapshot_does_not_have_goes_if_it_is_named(store, source);
    a_store_is_no_place_to_restore_to(store);
    a_snapshot_is_found_by_an_instant(store);
    hardsnap_store_free(store);
    return 0;
}
