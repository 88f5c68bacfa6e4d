/* Snapshots compared with what was recorded of them, damaged and repaired. */

#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

#define START INT64_C(1767232800)

struct heard {
    int damaged;
    int verifying;
};

static int listen(const hardsnap_event *event, void *user_data)
{
    struct heard *heard = (struct heard *)user_data;
    if (hardsnap_event_kind(event) == HARDSNAP_EVENT_DAMAGED) {
        CHECK(hardsnap_damaged_problem(hardsnap_event_damaged(event)) != NULL);
        heard->damaged++;
    } else {
        CHECK(hardsnap_event_damaged(event) == NULL);
    }
    heard->verifying += hardsnap_event_phase(event) == HARDSNAP_PHASE_VERIFYING;
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_backup_options *backup = NULL;
    hardsnap_report *made = NULL;
    hardsnap_verify_report *report = NULL;
    hardsnap_verify_options *options = hardsnap_verify_options_new();
    struct heard heard = {0, 0};
    char path[4096], source[4096], stored[9000];
    snprintf(path, sizeof path, "%s", below(argv[1], "verified"));
    snprintf(source, sizeof source, "%s", below(argv[1], "verified source"));
    CHECK(mkdir(source, 0755) == 0);
    write_file(below(source, "a"), "alpha");
    write_file(below(source, "b"), "beta");
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    CHECK_OK(hardsnap_backup_options_new(START, &backup, &error));
    CHECK_OK(hardsnap_backup_options_add_source(backup, source, strlen(source), &error));
    CHECK_OK(hardsnap_store_backup(store, backup, NULL, NULL, NULL, &made, &error));

    CHECK_OK(hardsnap_verify_options_set_content(options, HARDSNAP_VERIFY_FULL, &error));
    CHECK_OK(hardsnap_verify_options_set_jobs(options, 2, &error));
    CHECK_OK(hardsnap_store_verify(store, options, NULL, listen, &heard, &report, &error));
    CHECK(hardsnap_verify_report_checked_files(report) == 2);
    CHECK(hardsnap_verify_report_checked_bytes(report) == 9);
    CHECK(hardsnap_verify_report_unhashed_files(report) == 0);
    CHECK(hardsnap_verify_report_damaged_entries(report) == 0);
    CHECK(hardsnap_verify_report_damaged_count(report) == 0);
    CHECK(hardsnap_verify_report_damaged(report, 0) == NULL);
    CHECK(heard.verifying == 1 && heard.damaged == 0);
    hardsnap_verify_report_free(report);

    /* A stored file is lost. */
    const char *name = hardsnap_report_snapshot(made);
    snprintf(stored, sizeof stored, "%s/%s%s/a", path, name, source);
    CHECK(unlink(stored) == 0);
    CHECK_OK(hardsnap_store_verify(store, NULL, NULL, listen, &heard, &report, &error));
    /* Its directory has another mtime now. */
    CHECK(heard.damaged == 2);
    CHECK(hardsnap_verify_report_damaged_count(report) == 2);
    const hardsnap_damaged *damaged = hardsnap_verify_report_damaged(report, 1);
    size_t length = 0;
    CHECK(strcmp(hardsnap_damaged_problem(damaged), "missing") == 0);
    const char *lost = hardsnap_damaged_path(damaged, &length);
    CHECK(length == strlen(source) + 2 && strcmp(lost + strlen(source), "/a") == 0);
    CHECK(hardsnap_damaged_snapshot_count(damaged) == 1);
    CHECK(strcmp(hardsnap_damaged_snapshot(damaged, 0), name) == 0);
    CHECK(hardsnap_damaged_snapshot(damaged, 1) == NULL);
    CHECK(hardsnap_damaged_good_copy(damaged) == HARDSNAP_GOOD_COPY_SOURCE);
    CHECK(!hardsnap_damaged_is_repaired(damaged));
    CHECK(hardsnap_damaged_reason(damaged) == NULL);
    CHECK(strstr(hardsnap_verify_report_json(report), "\"problem\":\"missing\"") != NULL);
    hardsnap_verify_report_free(report);

    CHECK_OK(hardsnap_verify_options_set_snapshots(options, &name, 1, &error));
    CHECK_OK(hardsnap_verify_options_set_sample(options, 5.0, &error));
    CHECK_OK(hardsnap_verify_options_set_repair(options, true, &error));
    CHECK_OK(hardsnap_store_verify(store, options, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_verify_report_damaged_entries(report) == 2);
    CHECK(hardsnap_verify_report_unrepaired_entries(report) == 0);
    CHECK(hardsnap_damaged_is_repaired(hardsnap_verify_report_damaged(report, 1)));
    CHECK(access(stored, F_OK) == 0);
    hardsnap_verify_report_free(report);
    CHECK_OK(hardsnap_store_verify(store, NULL, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_verify_report_damaged_entries(report) == 0);
    hardsnap_verify_report_free(report);

    /* What means nothing is refused, and NULL is looked at without harm. */
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_verify_options_set_content(options, 3, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_verify_options_set_sample(options, 0.0, &error));
    const char *unknown = "2001-01-01T00-00-00Z";
    CHECK_OK(hardsnap_verify_options_set_snapshots(options, &unknown, 1, &error));
    report = NULL;
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_store_verify(store, options, NULL, NULL, NULL, &report, &error));
    CHECK(report == NULL);
    CHECK(hardsnap_damaged_path(NULL, NULL) == NULL);
    CHECK(hardsnap_damaged_problem(NULL) == NULL);
    CHECK(hardsnap_damaged_good_copy(NULL) == HARDSNAP_GOOD_COPY_NONE);
    CHECK(hardsnap_verify_report_json(NULL) == NULL);
    CHECK(hardsnap_verify_report_unrepaired_entries(NULL) == 0);
    hardsnap_verify_report_free(NULL);
    hardsnap_verify_options_free(NULL);
    hardsnap_verify_options_free(options);
    hardsnap_report_free(made);
    hardsnap_backup_options_free(backup);
    hardsnap_store_free(store);
    return 0;
}
