/* A file of a snapshot, opened and read, and what happens to the snapshot meanwhile. Takes the
 * path of an empty folder. */
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

static const int64_t DAY = 86400;
static const int64_t START = 1767232800; /* 2026-01-01T02:00:00Z */
static const char *const FIRST = "2026-01-01T02-00-00Z";
static const char *const SECOND = "2026-01-02T02-00-00Z";

/* More than one call reads. */
enum { LARGE_BYTES = 3000000 };

static char path[4096], source[4096];

static void backup(const hardsnap_store *store, int64_t time)
{
    hardsnap_error *error = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    CHECK_OK(hardsnap_backup_options_new(time, &options, &error));
    CHECK_OK(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    CHECK_OK(hardsnap_backup_options_set_time(options, time, &error));
    CHECK_OK(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    hardsnap_report_free(report);
    hardsnap_backup_options_free(options);
}

static char content_at(size_t place)
{
    return (char)(place * 31 / 7);
}

static void write_large(const char *at)
{
    FILE *file = fopen(at, "w");
    CHECK(file != NULL);
    for (size_t place = 0; place < LARGE_BYTES; place++)
        CHECK(fputc((unsigned char)content_at(place), file) != EOF);
    CHECK(fclose(file) == 0);
}

static hardsnap_stored_file *open_file(const hardsnap_store *store, const char *snapshot,
                                       const char *at)
{
    hardsnap_error *error = NULL;
    hardsnap_stored_file *file = NULL;
    CHECK_OK(hardsnap_store_open_file(store, snapshot, at, strlen(at), &file, &error));
    CHECK(file != NULL);
    return file;
}

/* Reads a file to its end, into buffers of that size. */
static void check_large(hardsnap_stored_file *file, size_t capacity)
{
    hardsnap_error *error = NULL;
    /* One byte more, which stays as it is. */
    char *buffer = (char *)malloc(capacity + 1);
    size_t seen = 0, read_bytes = 0;
    CHECK(buffer != NULL);
    do {
        buffer[capacity] = 'x';
        CHECK_OK(hardsnap_stored_file_read(file, buffer, capacity, &read_bytes, &error));
        CHECK(read_bytes <= capacity && buffer[capacity] == 'x');
        for (size_t place = 0; place < read_bytes; place++)
            CHECK(buffer[place] == content_at(seen + place));
        seen += read_bytes;
    } while (read_bytes != 0);
    CHECK(seen == LARGE_BYTES);
    /* The end stays the end. */
    read_bytes = 1;
    CHECK_OK(hardsnap_stored_file_read(file, buffer, capacity, &read_bytes, &error));
    CHECK(read_bytes == 0);
    free(buffer);
}

static void a_file_is_read_in_pieces_of_any_size(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    static const size_t capacities[] = {4093, 1 << 20, LARGE_BYTES + 1};
    const char *at = below(source, "large");
    size_t read_bytes = 1;
    for (size_t which = 0; which < sizeof capacities / sizeof *capacities; which++) {
        hardsnap_stored_file *file = open_file(store, FIRST, at);
        CHECK(hardsnap_stored_file_size_bytes(file) == LARGE_BYTES);
        check_large(file, capacities[which]);
        hardsnap_stored_file_free(file);
    }
    hardsnap_stored_file *file = open_file(store, FIRST, at);
    CHECK_OK(hardsnap_stored_file_read(file, NULL, 0, &read_bytes, &error));
    CHECK(read_bytes == 0);
    char byte = 'x';
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_stored_file_read(file, NULL, 1, &read_bytes, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_stored_file_read(file, &byte, 1, NULL, &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_stored_file_read(NULL, &byte, 1, &read_bytes, &error));
    CHECK(byte == 'x' && read_bytes == 0);
    CHECK_OK(hardsnap_stored_file_read(file, &byte, 1, &read_bytes, &error));
    CHECK(read_bytes == 1 && byte == content_at(0));
    hardsnap_stored_file_free(file);
    hardsnap_stored_file_free(NULL);
    CHECK(hardsnap_stored_file_size_bytes(NULL) == 0);
}

static void each_snapshot_has_its_own_content(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    static const char *const expected[] = {"alpha", "beta and gamma"};
    const char *const names[] = {FIRST, SECOND};
    for (int day = 0; day < 2; day++) {
        char content[64] = {0};
        size_t read_bytes = 0;
        hardsnap_stored_file *file = open_file(store, names[day], below(source, "file"));
        CHECK(hardsnap_stored_file_size_bytes(file) == strlen(expected[day]));
        CHECK_OK(hardsnap_stored_file_read(file, content, sizeof content, &read_bytes, &error));
        CHECK(read_bytes == strlen(expected[day]) && strcmp(content, expected[day]) == 0);
        hardsnap_stored_file_free(file);
    }
}

static void what_is_no_file_there_is_told(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_stored_file *file = NULL;
    static const char *const names[] = {"folder", "link", "nothing", "folder/nothing", "file/below"};
    for (size_t which = 0; which < sizeof names / sizeof *names; which++) {
        const char *at = below(source, names[which]);
        size_t length = 0;
        CHECK(hardsnap_store_open_file(store, FIRST, at, strlen(at), &file, &error)
              == HARDSNAP_NOT_IN_SNAPSHOT);
        CHECK(strcmp(hardsnap_error_path(error, &length), at) == 0 && length == strlen(at));
        hardsnap_error_free(error);
        error = NULL;
    }
    const char *at = below(source, "file");
    CHECK_FAILS(HARDSNAP_UNKNOWN_SNAPSHOT,
                hardsnap_store_open_file(store, "2020-01-01T00-00-00Z", at, strlen(at), &file,
                                         &error));
    CHECK_FAILS(HARDSNAP_INVALID_ARGUMENT,
                hardsnap_store_open_file(store, "latest", at, strlen(at), &file, &error));
    CHECK_FAILS(HARDSNAP_INVALID_OPTION,
                hardsnap_store_open_file(store, FIRST, "file", 4, &file, &error));
    CHECK(file == NULL);
}

/* Prunes to the newest. */
static hardsnap_report *prune(const hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    hardsnap_policy *policy = NULL;
    hardsnap_prune_plan *plan = NULL;
    hardsnap_report *report = NULL;
    CHECK_OK(hardsnap_policy_parse("last 1", &policy, &error));
    CHECK_OK(hardsnap_store_plan_prune(store, policy, START + 2 * DAY, &plan, &error));
    CHECK_OK(hardsnap_store_prune(store, plan, NULL, NULL, NULL, &report, &error));
    hardsnap_prune_plan_free(plan);
    hardsnap_policy_free(policy);
    return report;
}

static void a_snapshot_stays_as_long_as_a_file_of_it_is_open(hardsnap_store *store)
{
    hardsnap_error *error = NULL;
    char content[64] = {0};
    size_t read_bytes = 0;
    hardsnap_stored_file *file = open_file(store, FIRST, below(source, "file"));
    hardsnap_report *report = NULL;
    CHECK_FAILS(HARDSNAP_SNAPSHOT_IN_USE, hardsnap_store_delete(store, &FIRST, 1, false, NULL, NULL,
                                                                NULL, &report, &error));
    report = prune(store);
    CHECK(hardsnap_report_removed_count(report) == 0);
    CHECK(hardsnap_report_left_behind_count(report) == 1);
    CHECK(hardsnap_report_being_read_count(report) == 1);
    CHECK(strcmp(hardsnap_report_being_read(report, 0), FIRST) == 0);
    CHECK(hardsnap_report_being_read(report, 1) == NULL);
    hardsnap_report_free(report);

    /* Also after the store was closed. */
    hardsnap_store_free(store);
    CHECK_OK(hardsnap_store_open(path, strlen(path), &store, &error));
    report = prune(store);
    CHECK(hardsnap_report_being_read_count(report) == 1);
    hardsnap_report_free(report);
    CHECK_OK(hardsnap_stored_file_read(file, content, sizeof content, &read_bytes, &error));
    CHECK(read_bytes == 5 && strcmp(content, "alpha") == 0);
    hardsnap_stored_file_free(file);

    report = prune(store);
    CHECK(hardsnap_report_removed_count(report) == 1);
    CHECK(hardsnap_report_being_read_count(report) == 0);
    CHECK(hardsnap_report_being_read(report, 0) == NULL);
    hardsnap_report_free(report);
    CHECK(hardsnap_report_being_read_count(NULL) == 0 && !hardsnap_report_being_read(NULL, 0));
    hardsnap_store_free(store);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    snprintf(path, sizeof path, "%s", below(argv[1], "store"));
    snprintf(source, sizeof source, "%s", below(argv[1], "source"));
    CHECK(mkdir(source, 0755) == 0);
    CHECK(mkdir(below(source, "folder"), 0755) == 0);
    CHECK(symlink("file", below(source, "link")) == 0);
    write_file(below(source, "file"), "alpha");
    write_large(below(source, "large"));
    CHECK_OK(hardsnap_store_init(path, strlen(path), NULL, NULL, NULL, &store, &error));
    backup(store, START);
    write_file(below(source, "file"), "beta and gamma");
    backup(store, START + DAY);
    a_file_is_read_in_pieces_of_any_size(store);
    each_snapshot_has_its_own_content(store);
    what_is_no_file_there_is_told(store);
    a_snapshot_stays_as_long_as_a_file_of_it_is_open(store);
    return 0;
}
