/* What the catalog tells of some snapshots: every question, its end, its errors, and what
 * outlives what. Takes the path of an empty folder. */
#include "check.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const int64_t DAY = 86400;
static const int64_t START = 1767232800; /* 2026-01-01T02:00:00Z */
static const char *const FIRST = "2026-01-01T02-00-00Z";
static const char *const SECOND = "2026-01-02T02-00-00Z";
static const char *const THIRD = "2026-01-03T02-00-00Z";

/* A name that is no UTF-8. */
#define ODD "caf\xe9"

enum { MANY = 3000 };

static char path[4096], source[3000];

static void backup(const hardsnap_store *store, int64_t time)
{
    hardsnap_error *error = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    CHECK_OK(hardsnap_backup_options_new(time, &options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_backup_options_set_time(options, time, &error));
    CHECK_OK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    CHECK(hardsnap_report_status(report) == HARDSNAP_SNAPSHOT_COMPLETE);
    hardsnap_report_free(report);
    hardsnap_backup_options_free(options);
}

/* Two days: on the second a file is changed, one is new, one is moved, one is gone. */
static hardsnap_store *two_days(void)
{
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    CHECK(mkdir(source, 0755) == 0);
    CHECK(mkdir(below(source, "sub"), 0700) == 0);
    write_file(below(source, "changed"), "alpha");
    write_file(below(source, "gone"), "beta");
    write_file(below(source, "moved"), "gamma");
    write_file(below(source, "sub/" ODD), "delta");
    CHECK(symlink("sub//" ODD, below(source, "link")) == 0);
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    backup(store, START);
    write_file(below(source, "changed"), "alpha and omega");
    write_file(below(source, "new"), "epsilon");
    CHECK(unlink(below(source, "gone")) == 0);
    CHECK(rename(below(source, "moved"), below(source, "sub/moved")) == 0);
    backup(store, START + DAY);
    return store;
}

static hardsnap_catalog *open_catalog(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_catalog *catalog = NULL;
    CHECK_OK(hardsnap_store_catalog(store, NULL, &catalog, &error));
    return catalog;
}

static bool is_at(const char *found, size_t length, const char *name)
{
    const char *expected = below(source, name);
    CHECK(found != NULL && length == strlen(found));
    return strcmp(found, expected) == 0;
}

static void entries_come_in_order_with_all_that_is_known(const hardsnap_catalog *catalog)
{
    static const char *const names[] = {"", "changed", "gone", "link", "moved", "sub", "sub/" ODD};
    hardsnap_error *error = NULL;
    hardsnap_entries *entries = NULL;
    const hardsnap_entry *entry = NULL;
    size_t length = 0, count = 0;
    CHECK_OK(hardsnap_catalog_entries(catalog, FIRST, source, strlen(source), &entries, &error));
    for (;; count++) {
        CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
        if (entry == NULL)
            break;
        CHECK(count < sizeof names / sizeof *names);
        const char *found = hardsnap_entry_path(entry, &length);
        CHECK(count == 0 ? strcmp(found, source) == 0 : is_at(found, length, names[count]));
        CHECK(hardsnap_entry_is_stored(entry) && hardsnap_entry_xattr_count(entry) == 0);
        CHECK(hardsnap_entry_uid(entry) == getuid() && hardsnap_entry_gid(entry) == getgid());
        CHECK(hardsnap_entry_mtime_seconds(entry) > START - 10 * 365 * DAY);
        CHECK(hardsnap_entry_mtime_nanoseconds(entry) < 1000000000);
        CHECK(hardsnap_entry_device_number(entry) == 0);
        switch (hardsnap_entry_kind(entry)) {
        case HARDSNAP_KIND_DIRECTORY:
            CHECK(count == 0 || count == 5);
            CHECK(hardsnap_entry_mode(entry) == (count == 0 ? 0755 : 0700));
            CHECK(hardsnap_entry_stored_inode(entry) == 0);
            CHECK(hardsnap_entry_allocated_bytes(entry) == 0);
            CHECK(hardsnap_entry_blake3(entry) == NULL);
            break;
        case HARDSNAP_KIND_SYMLINK:
            CHECK(count == 3);
            CHECK(strcmp(hardsnap_entry_link_target(entry, &length), "sub//" ODD) == 0);
            CHECK(length == 5 + strlen(ODD));
            break;
        default:
            CHECK(hardsnap_entry_kind(entry) == HARDSNAP_KIND_FILE);
            CHECK(hardsnap_entry_size_bytes(entry) == (count == 2 ? 4 : 5));
            CHECK(hardsnap_entry_stored_inode(entry) != 0);
            CHECK(hardsnap_entry_blake3(entry) != NULL);
            CHECK(hardsnap_entry_link_target(entry, &length) == NULL && length == 0);
        }
        const char *json = hardsnap_entry_json(entry);
        CHECK(strncmp(json, "{\"message_type\":\"entry\",", 24) == 0);
        CHECK((strstr(json, "\"path_base64\":") != NULL) == (count == 6));
    }
    CHECK(count == sizeof names / sizeof *names);
    /* The end stays the end. */
    CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
    CHECK(entry == NULL);
    hardsnap_entries_free(entries);

    /* Without a path it is all of the snapshot; with one that it does not have, nothing. */
    CHECK_OK(hardsnap_catalog_entries(catalog, FIRST, NULL, 0, &entries, &error));
    CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
    CHECK(entry != NULL && strncmp(hardsnap_entry_path(entry, NULL), source, 2) != 0);
    hardsnap_entries_free(entries);
    CHECK_OK(hardsnap_catalog_entries(catalog, FIRST, "/nothing", 8, &entries, &error));
    CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
    CHECK(entry == NULL);
    hardsnap_entries_free(entries);
}

static void one_entry_is_given_away(const hardsnap_catalog *catalog)
{
    hardsnap_error *error = NULL;
    hardsnap_entry *entry = NULL;
    const char *at = below(source, "changed");
    CHECK_OK(hardsnap_catalog_entry(catalog, SECOND, at, strlen(at), &entry, &error));
    CHECK(hardsnap_entry_size_bytes(entry) == strlen("alpha and omega"));
    hardsnap_entry_free(entry);
    at = below(source, "gone");
    CHECK_OK(hardsnap_catalog_entry(catalog, SECOND, at, strlen(at), &entry, &error));
    CHECK(entry == NULL);
    CHECK_FAILS(HARDSNAP_INVALID_OPTION,
                hardsnap_catalog_entry(catalog, SECOND, "relative", 8, &entry, &error));
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_catalog_entry(catalog, THIRD, at, strlen(at), &entry, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_catalog_entry(catalog, "latest", at, strlen(at), &entry, &error));
}

static void versions_tell_which_snapshots_have_them(const hardsnap_catalog *catalog)
{
    hardsnap_error *error = NULL;
    hardsnap_versions *versions = NULL;
    const char *at = below(source, "changed");
    CHECK_OK(hardsnap_catalog_versions(catalog, at, strlen(at), &versions, &error));
    CHECK(hardsnap_versions_count(versions) == 2 && !hardsnap_versions_get(versions, 2));
    const hardsnap_entry_version *version = hardsnap_versions_get(versions, 1);
    CHECK(strcmp(hardsnap_entry_version_first(version), SECOND) == 0);
    CHECK(strcmp(hardsnap_entry_version_last(version), SECOND) == 0);
    CHECK(hardsnap_entry_version_snapshot_count(version) == 1);
    const hardsnap_entry *entry = hardsnap_entry_version_entry(version);
    CHECK(hardsnap_entry_size_bytes(entry) == strlen("alpha and omega"));
    CHECK(strstr(hardsnap_entry_version_json(version), "\"message_type\":\"version\"") != NULL);
    /* Made once, and lent as long as all else. */
    CHECK(hardsnap_entry_version_json(version) == hardsnap_entry_version_json(version));
    hardsnap_versions_free(versions);
    at = below(source, "sub/" ODD);
    CHECK_OK(hardsnap_catalog_versions(catalog, at, strlen(at), &versions, &error));
    CHECK(hardsnap_versions_count(versions) == 1);
    CHECK(hardsnap_entry_version_snapshot_count(hardsnap_versions_get(versions, 0)) == 2);
    hardsnap_versions_free(versions);
    CHECK_OK(hardsnap_catalog_versions(catalog, "/nothing", 8, &versions, &error));
    CHECK(hardsnap_versions_count(versions) == 0);
    hardsnap_versions_free(versions);
}

static void paths_are_found_in_all_snapshots(const hardsnap_catalog *catalog)
{
    hardsnap_error *error = NULL;
    hardsnap_found *found = NULL;
    const hardsnap_found_path *one = NULL;
    size_t length = 0;
    CHECK_OK(hardsnap_catalog_find(catalog, "gone", &found, &error));
    CHECK_OK(hardsnap_found_next(found, &one, &error));
    const char *at = hardsnap_entry_path(hardsnap_found_path_entry(one), &length);
    CHECK(is_at(at, length, "gone"));
    CHECK(strcmp(hardsnap_found_path_first(one), FIRST) == 0);
    CHECK(strcmp(hardsnap_found_path_last(one), FIRST) == 0);
    CHECK(hardsnap_found_path_snapshot_count(one) == 1);
    CHECK(strstr(hardsnap_found_path_json(one), "\"message_type\":\"found\"") != NULL);
    CHECK_OK(hardsnap_found_next(found, &one, &error));
    CHECK(one == NULL);
    hardsnap_found_free(found);
    CHECK_FAILS(HARDSNAP_INVALID_OPTION, hardsnap_catalog_find(catalog, "[a", &found, &error));
}

static void changes_lead_from_one_snapshot_to_the_other(const hardsnap_catalog *catalog)
{
    hardsnap_error *error = NULL;
    hardsnap_changes *changes = NULL;
    const hardsnap_change *change = NULL;
    size_t length = 0;
    int seen = 0;
    CHECK_OK(hardsnap_catalog_changes(catalog, FIRST, SECOND, &changes, &error));
    for (;;) {
        CHECK_OK(hardsnap_changes_next(changes, &change, &error));
        if (change == NULL)
            break;
        const char *at = hardsnap_change_path(change, &length);
        const hardsnap_entry *before = hardsnap_change_before(change);
        const hardsnap_entry *after = hardsnap_change_after(change);
        CHECK(strstr(hardsnap_change_json(change), "\"message_type\":\"change\"") != NULL);
        CHECK(!hardsnap_change_differs(change, 0) && !hardsnap_change_differs(change, 99));
        switch (hardsnap_change_kind(change)) {
        case HARDSNAP_CHANGE_MODIFIED:
            CHECK(is_at(at, length, "changed") && before != NULL && after != NULL);
            CHECK(hardsnap_change_differs(change, HARDSNAP_ASPECT_CONTENT));
            CHECK(!hardsnap_change_differs(change, HARDSNAP_ASPECT_MODE));
            CHECK(!hardsnap_change_differs(change, HARDSNAP_ASPECT_OWNER));
            CHECK(!hardsnap_change_differs(change, HARDSNAP_ASPECT_KIND));
            CHECK(!hardsnap_change_differs(change, HARDSNAP_ASPECT_XATTRS));
            CHECK(hardsnap_entry_size_bytes(before) == 5);
            CHECK(hardsnap_change_from(change, &length) == NULL && length == 0);
            break;
        case HARDSNAP_CHANGE_ADDED:
            CHECK(is_at(at, length, "new") && before == NULL && after != NULL);
            break;
        case HARDSNAP_CHANGE_REMOVED:
            CHECK(is_at(at, length, "gone") && before != NULL && after == NULL);
            break;
        case HARDSNAP_CHANGE_MOVED:
            CHECK(is_at(at, length, "sub/moved") && before != NULL && after != NULL);
            at = hardsnap_change_from(change, &length);
            CHECK(is_at(at, length, "moved"));
            break;
        default: /* Directories have other mtimes, above the source maybe, too. */
            CHECK(hardsnap_change_kind(change) == HARDSNAP_CHANGE_METADATA);
            CHECK(hardsnap_change_differs(change, HARDSNAP_ASPECT_MTIME));
            CHECK(hardsnap_entry_kind(after) == HARDSNAP_KIND_DIRECTORY);
            continue;
        }
        seen++;
    }
    CHECK(seen == 4);
    hardsnap_changes_free(changes);
}

static void sizes_are_those_of_what_no_other_snapshot_has(const hardsnap_catalog *catalog)
{
    hardsnap_error *error = NULL;
    hardsnap_sizes *sizes = NULL;
    const char *names[] = {FIRST, FIRST};
    CHECK_OK(hardsnap_catalog_sizes(catalog, names, 2, &sizes, &error));
    CHECK(hardsnap_sizes_files(sizes) == 2 && hardsnap_sizes_entries(sizes) == 2);
    CHECK(hardsnap_sizes_apparent_bytes(sizes) == strlen("alpha") + strlen("beta"));
    CHECK(hardsnap_sizes_freed_bytes(sizes) >= hardsnap_sizes_directory_bytes(sizes));
    CHECK(strstr(hardsnap_sizes_json(sizes), "\"files\":2") != NULL);
    hardsnap_sizes_free(sizes);
    CHECK_OK(hardsnap_catalog_sizes(catalog, NULL, 0, &sizes, &error));
    CHECK(hardsnap_sizes_freed_bytes(sizes) == 0);
    hardsnap_sizes_free(sizes);
    names[1] = THIRD;
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_catalog_sizes(catalog, names, 2, &sizes, &error));
}

static void a_path_of_a_user_is_found_where_the_snapshots_have_it(const hardsnap_catalog *catalog)
{
    hardsnap_error *error = NULL;
    hardsnap_path *resolved = NULL;
    size_t length = 0;
    CHECK(chdir(source) == 0);
    CHECK_OK(hardsnap_catalog_resolve(catalog, "sub/../gone", 11, &resolved, &error));
    /* The folder itself may lie behind a symlink. */
    CHECK(strstr(hardsnap_path_bytes(resolved, &length), "/gone") != NULL);
    CHECK(length == strlen(hardsnap_path_bytes(resolved, NULL)));
    hardsnap_path_free(resolved);
    CHECK(chdir("/") == 0);
}

/* A file gets its attributes as the filesystem lets it have them. */
static void attributes_come_as_bytes(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_entry *entry = NULL;
    size_t length = 0;
    const char *at = below(source, "new");
    if (setxattr(at, "user.test", "a\0b", 3, 0) != 0) {
        printf("skipped: attributes_come_as_bytes: this filesystem has none\n");
        backup(store, START + 2 * DAY);
        return;
    }
    backup(store, START + 2 * DAY);
    hardsnap_catalog *catalog = open_catalog(store);
    CHECK_OK(hardsnap_catalog_entry(catalog, THIRD, at, strlen(at), &entry, &error));
    CHECK(hardsnap_entry_xattr_count(entry) == 1);
    CHECK(strcmp(hardsnap_entry_xattr_name(entry, 0, &length), "user.test") == 0 && length == 9);
    CHECK(memcmp(hardsnap_entry_xattr_value(entry, 0, &length), "a\0b", 4) == 0 && length == 3);
    CHECK(hardsnap_entry_xattr_name(entry, 1, &length) == NULL && length == 0);
    CHECK(hardsnap_entry_xattr_value(entry, 1, &length) == NULL && length == 0);
    hardsnap_entry_free(entry);
    hardsnap_catalog_free(catalog);
}

/* Fills the source so that not all entries of it are read at once. */
static void write_many(void)
{
    CHECK(mkdir(below(source, "many"), 0755) == 0);
    for (int number = 0; number < MANY; number++) {
        char name[64];
        snprintf(name, sizeof name, "many/%04d", number);
        write_file(below(source, name), "x");
    }
}

static void answers_outlive_what_they_came_from(hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_entries *entries = NULL;
    const hardsnap_entry *entry = NULL;
    size_t count = 0;
    hardsnap_catalog *catalog = open_catalog(store);
    hardsnap_store_free(store);
    const char *at = below(source, "many");
    const char *newest =
        hardsnap_catalog_snapshot(catalog, hardsnap_catalog_snapshot_count(catalog) - 1);
    CHECK_OK(hardsnap_catalog_entries(catalog, newest, at, strlen(at), &entries, &error));
    hardsnap_catalog_free(catalog);
    do {
        CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
        count += entry != NULL;
    } while (entry != NULL);
    CHECK(count == MANY + 1);
    hardsnap_entries_free(entries);
}

static void a_snapshot_that_is_removed_ends_what_is_told_of_it(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_entries *entries = NULL;
    hardsnap_report *report = NULL;
    const hardsnap_entry *entry = NULL;
    hardsnap_status status;
    hardsnap_catalog *catalog = open_catalog(store);
    const char *names[1];
    names[0] = hardsnap_catalog_snapshot(catalog, hardsnap_catalog_snapshot_count(catalog) - 1);
    CHECK_OK(hardsnap_catalog_entries(catalog, names[0], NULL, 0, &entries, &error));
    CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
    CHECK(entry != NULL);
    CHECK_OK(hardsnap_store_delete(store, names, 1, false, NULL, NULL, NULL, &report, &error));
    hardsnap_report_free(report);
    do {
        entry = NULL;
        status = hardsnap_entries_next(entries, &entry, &error);
    } while (status == HARDSNAP_OK && entry != NULL);
    CHECK(status == HARDSNAP_UNKNOWN_SNAPSHOT && entry == NULL);
    CHECK(strstr(hardsnap_error_message(error), names[0]) != NULL);
    hardsnap_error_free(error);
    error = NULL;
    CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
    CHECK(entry == NULL);
    hardsnap_entries_free(entries);
    hardsnap_catalog_free(catalog);
}

static void a_switch_stops_questions_and_what_came_of_them(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_cancel *cancel = hardsnap_cancel_new();
    hardsnap_catalog *catalog = NULL;
    hardsnap_entries *entries = NULL;
    hardsnap_found *found = NULL;
    hardsnap_sizes *sizes = NULL;
    const hardsnap_entry *entry = NULL;
    const hardsnap_found_path *one = NULL;
    hardsnap_status status = HARDSNAP_OK;
    size_t count = 0;
    const char *names[1];
    CHECK_OK(hardsnap_store_catalog(store, cancel, &catalog, &error));
    names[0] = hardsnap_catalog_snapshot(catalog, hardsnap_catalog_snapshot_count(catalog) - 1);
    CHECK_OK(hardsnap_catalog_entries(catalog, names[0], NULL, 0, &entries, &error));
    CHECK_OK(hardsnap_catalog_find(catalog, "00*", &found, &error));
    CHECK_OK(hardsnap_entries_next(entries, &entry, &error));
    hardsnap_cancel_stop(cancel);
    for (; status == HARDSNAP_OK && entry != NULL; count++)
        status = hardsnap_entries_next(entries, &entry, &error);
    CHECK(status == HARDSNAP_CANCELLED && count < MANY);
    hardsnap_error_free(error);
    error = NULL;
    CHECK_FAILS(HARDSNAP_CANCELLED, hardsnap_found_next(found, &one, &error));
    CHECK_FAILS(HARDSNAP_CANCELLED, hardsnap_catalog_sizes(catalog, names, 1, &sizes, &error));
    hardsnap_found_free(found);
    hardsnap_entries_free(entries);
    hardsnap_catalog_free(catalog);
    hardsnap_cancel_free(cancel);
}

static void a_catalog_that_is_gone_is_told(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_catalog *catalog = NULL;
    CHECK(unlink(below(path, ".hardsnap/catalog.db")) == 0);
    CHECK(hardsnap_store_catalog(store, NULL, &catalog, &error) == HARDSNAP_CATALOG_UNUSABLE);
    CHECK(strstr(hardsnap_error_hint(error), "reindex") != NULL);
    CHECK(strstr(hardsnap_error_path(error, NULL), "catalog.db") != NULL);
    CHECK(strcmp(hardsnap_status_name(HARDSNAP_CATALOG_UNUSABLE), "catalog_unusable") == 0);
    hardsnap_error_free(error);
    error = NULL;

    /* The next backup begins one, which does not tell of the snapshots before. */
    backup(store, START + 9 * DAY);
    catalog = open_catalog(store);
    CHECK(hardsnap_catalog_snapshot_count(catalog) == 1);
    CHECK(hardsnap_catalog_unknown_count(catalog) >= 2);
    CHECK(strcmp(hardsnap_catalog_unknown(catalog, 0), FIRST) == 0);
    CHECK(hardsnap_catalog_unknown(catalog, 99) == NULL);
    hardsnap_entries *entries = NULL;
    CHECK_FAILS(HARDSNAP_CATALOG_UNUSABLE,
                hardsnap_catalog_entries(catalog, FIRST, NULL, 0, &entries, &error));
    hardsnap_catalog_free(catalog);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    snprintf(path, sizeof path, "%s/store", argv[1]);
    snprintf(source, sizeof source, "%s/source", argv[1]);
    hardsnap_store *store = two_days();
    hardsnap_catalog *catalog = open_catalog(store);
    CHECK(hardsnap_catalog_snapshot_count(catalog) == 2);
    CHECK(strcmp(hardsnap_catalog_snapshot(catalog, 0), FIRST) == 0);
    CHECK(hardsnap_catalog_snapshot(catalog, 2) == NULL);
    CHECK(hardsnap_catalog_unknown_count(catalog) == 0);
    entries_come_in_order_with_all_that_is_known(catalog);
    one_entry_is_given_away(catalog);
    versions_tell_which_snapshots_have_them(catalog);
    paths_are_found_in_all_snapshots(catalog);
    changes_lead_from_one_snapshot_to_the_other(catalog);
    sizes_are_those_of_what_no_other_snapshot_has(catalog);
    a_path_of_a_user_is_found_where_the_snapshots_have_it(catalog);
    hardsnap_catalog_free(catalog);

    hardsnap_error *error = NULL;
    attributes_come_as_bytes(store);
    write_many();
    backup(store, START + 3 * DAY);
    answers_outlive_what_they_came_from(store);
    CHECK_OK(hardsnap_store_open(path, strlen(path), &store, &error));
    a_switch_stops_questions_and_what_came_of_them(store);
    a_snapshot_that_is_removed_ends_what_is_told_of_it(store);
    a_catalog_that_is_gone_is_told(store);
    hardsnap_store_free(store);
    return 0;
}
