/* Does one act of the scenario; tests/scenario/README.md says which and how. */
#include "check.h"

#include <inttypes.h>

static hardsnap_error *error;

/* Prints the word for the error, and ends. */
static void require(hardsnap_status status)
{
    if (status == HARDSNAP_OK)
        return;
    fprintf(stderr, "%s\n", hardsnap_error_message(error));
    printf("{\"code\": \"%s\"}\n", hardsnap_status_name(status));
    exit(0);
}

static void print_snapshot(const hardsnap_snapshot *snapshot)
{
    const char *note = hardsnap_snapshot_note(snapshot);
    const char *const statuses[] = {"", "complete", "partial", "suspect"};
    printf("{\"name\": \"%s\", \"status\": \"%s\", \"held\": %s, \"note\": %s%s%s}\n",
           hardsnap_snapshot_name(snapshot), statuses[hardsnap_snapshot_status(snapshot)],
           hardsnap_snapshot_is_held(snapshot) ? "true" : "false", note ? "\"" : "",
           note ? note : "null", note ? "\"" : "");
}

static void init(const char *path, const char *line)
{
    hardsnap_init_options *options = hardsnap_init_options_new();
    hardsnap_policy *policy = NULL;
    hardsnap_store *store = NULL;
    require(hardsnap_policy_parse(line, &policy, &error));
    require(hardsnap_init_options_set_policy(options, policy, &error));
    require(hardsnap_store_init(path, strlen(path), options, NULL, NULL, &store, &error));
    printf("{\"id\": \"%s\"}\n", hardsnap_store_id(store));
    hardsnap_store_free(store);
    hardsnap_policy_free(policy);
    hardsnap_init_options_free(options);
}

static hardsnap_report *backup(const hardsnap_store *store, const char *source, int64_t now)
{
    hardsnap_backup_options *options = NULL;
    hardsnap_report *report = NULL;
    require(hardsnap_backup_options_new(now, &options, &error));
    require(hardsnap_backup_options_add_source(options, source, strlen(source), &error));
    require(hardsnap_backup_options_set_time(options, now, &error));
    require(hardsnap_store_backup(store, options, NULL, NULL, NULL, &report, &error));
    hardsnap_backup_options_free(options);
    return report;
}

static hardsnap_report *delete_one(const hardsnap_store *store, const char *text)
{
    hardsnap_snapshot *snapshot = NULL;
    hardsnap_report *report = NULL;
    require(hardsnap_store_resolve(store, text, &snapshot, &error));
    const char *name = hardsnap_snapshot_name(snapshot);
    require(hardsnap_store_delete(store, &name, 1, false, NULL, NULL, NULL, &report, &error));
    hardsnap_snapshot_free(snapshot);
    return report;
}

static hardsnap_catalog *open_catalog(const hardsnap_store *store)
{
    hardsnap_catalog *catalog = NULL;
    require(hardsnap_store_catalog(store, NULL, &catalog, &error));
    return catalog;
}

static void print_answer(const char *json)
{
    static int printed;
    printf("%s%s", printed++ == 0 ? "" : ", ", json);
}

static void find(const hardsnap_store *store, const char *pattern)
{
    hardsnap_catalog *catalog = open_catalog(store);
    hardsnap_found *found = NULL;
    const hardsnap_found_path *path = NULL;
    require(hardsnap_catalog_find(catalog, pattern, &found, &error));
    printf("{\"answers\": [");
    for (;;) {
        require(hardsnap_found_next(found, &path, &error));
        if (path == NULL)
            break;
        print_answer(hardsnap_found_path_json(path));
    }
    printf("]}\n");
    hardsnap_found_free(found);
    hardsnap_catalog_free(catalog);
}

static void versions(const hardsnap_store *store, const char *path)
{
    hardsnap_catalog *catalog = open_catalog(store);
    hardsnap_versions *list = NULL;
    require(hardsnap_catalog_versions(catalog, path, strlen(path), &list, &error));
    printf("{\"answers\": [");
    for (size_t i = 0; i < hardsnap_versions_count(list); i++)
        print_answer(hardsnap_entry_version_json(hardsnap_versions_get(list, i)));
    printf("]}\n");
    hardsnap_versions_free(list);
    hardsnap_catalog_free(catalog);
}

static void changes(const hardsnap_store *store, const char *a, const char *b)
{
    hardsnap_catalog *catalog = open_catalog(store);
    hardsnap_snapshot *first = NULL, *second = NULL;
    hardsnap_changes *list = NULL;
    const hardsnap_change *change = NULL;
    require(hardsnap_store_resolve(store, a, &first, &error));
    require(hardsnap_store_resolve(store, b, &second, &error));
    require(hardsnap_catalog_changes(catalog, hardsnap_snapshot_name(first),
                                     hardsnap_snapshot_name(second), &list, &error));
    printf("{\"answers\": [");
    for (;;) {
        require(hardsnap_changes_next(list, &change, &error));
        if (change == NULL)
            break;
        print_answer(hardsnap_change_json(change));
    }
    printf("]}\n");
    hardsnap_changes_free(list);
    hardsnap_snapshot_free(first);
    hardsnap_snapshot_free(second);
    hardsnap_catalog_free(catalog);
}

static void sizes(const hardsnap_store *store, const char *text)
{
    hardsnap_catalog *catalog = open_catalog(store);
    hardsnap_snapshot *snapshot = NULL;
    hardsnap_sizes *found = NULL;
    require(hardsnap_store_resolve(store, text, &snapshot, &error));
    const char *name = hardsnap_snapshot_name(snapshot);
    require(hardsnap_catalog_sizes(catalog, &name, 1, &found, &error));
    printf("%s\n", hardsnap_sizes_json(found));
    hardsnap_sizes_free(found);
    hardsnap_snapshot_free(snapshot);
    hardsnap_catalog_free(catalog);
}

int main(int argc, char **argv)
{
    CHECK(argc == 6 || argc == 7);
    const char *verb = argv[1], *path = argv[2], *source = argv[3], *words = argv[5];
    int64_t now = strtoll(argv[4], NULL, 10);
    hardsnap_store *store = NULL;
    hardsnap_report *report = NULL;
    hardsnap_snapshot *snapshot = NULL;
    hardsnap_snapshots *snapshots = NULL;
    hardsnap_prune_plan *plan = NULL;

    if (strcmp(verb, "init") == 0) {
        init(path, words);
        return 0;
    }
    require(hardsnap_store_open(path, strlen(path), &store, &error));
    if (strcmp(verb, "backup") == 0) {
        report = backup(store, source, now);
    } else if (strcmp(verb, "plan") == 0 || strcmp(verb, "prune") == 0) {
        require(hardsnap_store_plan_prune(store, NULL, now, &plan, &error));
        if (verb[1] == 'l')
            printf("%s\n", hardsnap_prune_plan_json(plan));
        else
            require(hardsnap_store_prune(store, plan, NULL, NULL, NULL, &report, &error));
    } else if (strcmp(verb, "list") == 0) {
        require(hardsnap_store_snapshots(store, &snapshots, &error));
        printf("%s\n", hardsnap_snapshots_json(snapshots));
    } else if (strcmp(verb, "hold") == 0) {
        CHECK(argc == 7);
        require(hardsnap_store_hold(store, words, argv[6], &snapshot, &error));
    } else if (strcmp(verb, "release") == 0) {
        require(hardsnap_store_release(store, words, &snapshot, &error));
    } else if (strcmp(verb, "accept") == 0) {
        require(hardsnap_store_accept(store, words, &snapshot, &error));
    } else if (strcmp(verb, "delete") == 0) {
        report = delete_one(store, words);
    } else if (strcmp(verb, "find") == 0) {
        find(store, words);
    } else if (strcmp(verb, "versions") == 0) {
        versions(store, below(source, words));
    } else if (strcmp(verb, "changes") == 0) {
        CHECK(argc == 7);
        changes(store, words, argv[6]);
    } else if (strcmp(verb, "sizes") == 0) {
        sizes(store, words);
    } else {
        fprintf(stderr, "%s: no such act\n", verb);
        return 2;
    }
    if (report != NULL)
        printf("%s\n", hardsnap_report_json(report));
    if (snapshot != NULL)
        print_snapshot(snapshot);
    hardsnap_report_free(report);
    hardsnap_snapshot_free(snapshot);
    hardsnap_snapshots_free(snapshots);
    hardsnap_prune_plan_free(plan);
    hardsnap_store_free(store);
    return 0;
}
