/*
 * What changed between two snapshots: changes STORE [FROM [TO]]
 *
 *     cc -o changes changes.c $(pkg-config --cflags --libs hardsnap)
 *
 * Asks the store's catalog, and no tree. Snapshots are named as for the command `hardsnap`;
 * without names it is the last one and the one before it. Prints a line for each change, and
 * what deleting FROM would free. Ctrl-C stops it. Exits with 0, 1 failed, 2 usage, 10 no store
 * there, 130 stopped.
 */
#include <hardsnap.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static hardsnap_cancel *stop;

static void on_signal(int number)
{
    (void)number;
    hardsnap_cancel_stop(stop);
}

static const char *word(int32_t kind)
{
    switch (kind) {
    case HARDSNAP_CHANGE_ADDED:
        return "added";
    case HARDSNAP_CHANGE_REMOVED:
        return "removed";
    case HARDSNAP_CHANGE_MODIFIED:
        return "modified";
    case HARDSNAP_CHANGE_METADATA:
        return "metadata";
    case HARDSNAP_CHANGE_MOVED:
        return "moved";
    default: /* Others may be added. */
        return "changed";
    }
}

/* A path is bytes; it is written as it is. */
static void print_path(const char *path, size_t length)
{
    fwrite(path, 1, length, stdout);
}

static void print_change(const hardsnap_change *change)
{
    size_t length;
    const char *path = hardsnap_change_path(change, &length);
    printf("%-8s  ", word(hardsnap_change_kind(change)));
    print_path(path, length);
    path = hardsnap_change_from(change, &length);
    if (path != NULL) {
        printf(" < ");
        print_path(path, length);
    }
    putchar('\n');
}

/* Prints every change; the one that is lent lives until the next call. */
static hardsnap_status print_changes(const hardsnap_catalog *catalog, const char *from,
                                     const char *to, hardsnap_error **error)
{
    hardsnap_changes *changes = NULL;
    const hardsnap_change *change = NULL;
    hardsnap_status status = hardsnap_catalog_changes(catalog, from, to, &changes, error);
    while (status == HARDSNAP_OK) {
        status = hardsnap_changes_next(changes, &change, error);
        if (status != HARDSNAP_OK || change == NULL)
            break;
        print_change(change);
    }
    hardsnap_changes_free(changes);
    return status;
}

static hardsnap_status print_sizes(const hardsnap_catalog *catalog, const char *name,
                                   hardsnap_error **error)
{
    hardsnap_sizes *sizes = NULL;
    hardsnap_status status = hardsnap_catalog_sizes(catalog, &name, 1, &sizes, error);
    if (status == HARDSNAP_OK)
        printf("%" PRIu64 " files, %" PRIu64 " bytes are in %s alone\n",
               hardsnap_sizes_files(sizes), hardsnap_sizes_freed_bytes(sizes), name);
    hardsnap_sizes_free(sizes);
    return status;
}

/* Prints what failed and what to do about it, and picks the exit code. */
static int fail(hardsnap_error *error)
{
    hardsnap_status status = hardsnap_error_status(error);
    const char *hint = hardsnap_error_hint(error);
    fprintf(stderr, "changes: %s\n", hardsnap_error_message(error));
    if (hint != NULL)
        fprintf(stderr, "changes: %s\n", hint);
    hardsnap_error_free(error);
    switch (status) {
    case HARDSNAP_NOT_A_STORE:
        return 10;
    case HARDSNAP_CANCELLED:
        return 128 + SIGINT;
    default:
        return 1;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fprintf(stderr, "usage: changes STORE [FROM [TO]]\n");
        return 2;
    }
    const char *path = argv[1];
    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_catalog *catalog = NULL;
    hardsnap_snapshot *from = NULL, *to = NULL;

    stop = hardsnap_cancel_new();
    signal(SIGINT, on_signal);
    hardsnap_status status = hardsnap_store_open(path, strlen(path), &store, &error);
    if (status == HARDSNAP_OK)
        status = hardsnap_store_resolve(store, argc > 2 ? argv[2] : "latest~1", &from, &error);
    if (status == HARDSNAP_OK)
        status = hardsnap_store_resolve(store, argc > 3 ? argv[3] : "latest", &to, &error);
    if (status == HARDSNAP_OK)
        status = hardsnap_store_catalog(store, stop, &catalog, &error);
    if (status == HARDSNAP_OK)
        status = print_changes(catalog, hardsnap_snapshot_name(from), hardsnap_snapshot_name(to),
                               &error);
    if (status == HARDSNAP_OK)
        status = print_sizes(catalog, hardsnap_snapshot_name(from), &error);
    int code = status == HARDSNAP_OK ? 0 : fail(error);

    hardsnap_catalog_free(catalog);
    hardsnap_snapshot_free(to);
    hardsnap_snapshot_free(from);
    hardsnap_store_free(store);
    /* The handler must not find a switch that is gone. */
    signal(SIGINT, SIG_DFL);
    hardsnap_cancel_free(stop);
    return code;
}
