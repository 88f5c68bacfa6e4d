/*
 * A daily backup: daily [--init] SOURCE... STORE
 *
 *     cc -o daily daily.c $(pkg-config --cflags --libs hardsnap)
 *
 * Makes a snapshot, removes the expired ones and tells what it did. Ctrl-C stops it; the
 * store is then as it was. Exits as the command `hardsnap` does: 0 done, 1 failed, 2 usage,
 * 3 published but some entries are missing, 4 published but expired snapshots are still
 * there, 10 no store, 11 locked, 130 stopped.
 */
#include <hardsnap.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static hardsnap_cancel *stop;

static void on_signal(int number)
{
    (void)number;
    hardsnap_cancel_stop(stop);
}

/* Prints what failed and what to do about it, and picks the exit code. */
static int fail(hardsnap_error *error)
{
    hardsnap_status status = hardsnap_error_status(error);
    const char *hint = hardsnap_error_hint(error);
    fprintf(stderr, "daily: %s\n", hardsnap_error_message(error));
    if (hint != NULL)
        fprintf(stderr, "daily: %s\n", hint);
    hardsnap_error_free(error);
    switch (status) {
    case HARDSNAP_INVALID_ARGUMENT:
    case HARDSNAP_INVALID_OPTION:
    case HARDSNAP_NO_SOURCES:
        return 2;
    case HARDSNAP_NOT_A_STORE:
        return 10;
    case HARDSNAP_STORE_LOCKED:
        return 11;
    case HARDSNAP_CANCELLED:
        return 128 + SIGINT;
    default:
        return 1;
    }
}

/* Is told what happens, on this thread; a result other than 0 would stop the run. */
static int on_event(const hardsnap_event *event, void *user_data)
{
    bool is_terminal = *(const bool *)user_data;
    switch (hardsnap_event_kind(event)) {
    case HARDSNAP_EVENT_PROGRESS:
        if (is_terminal)
            fprintf(stderr, "\r%" PRIu64 " linked, %" PRIu64 " copied ",
                    hardsnap_event_count(event, HARDSNAP_FILES_LINKED),
                    hardsnap_event_count(event, HARDSNAP_FILES_COPIED));
        break;
    case HARDSNAP_EVENT_PROBLEM:
        fprintf(stderr, "daily: %s\n", hardsnap_problem_message(hardsnap_event_problem(event)));
        break;
    case HARDSNAP_EVENT_WARNING:
        fprintf(stderr, "daily: %s\n", hardsnap_event_warning(event));
        break;
    default: /* Others may be added. */
        break;
    }
    return 0;
}

/* Tells what a backup did, and picks the exit code. */
static int tell(const hardsnap_report *report)
{
    const char *paused = hardsnap_report_prune_paused(report);
    printf("%s: %" PRIu64 " files linked, %" PRIu64 " copied (%" PRIu64 " bytes), %.1f s\n",
           hardsnap_report_snapshot(report),
           hardsnap_report_count(report, HARDSNAP_FILES_LINKED),
           hardsnap_report_count(report, HARDSNAP_FILES_COPIED),
           hardsnap_report_count(report, HARDSNAP_BYTES_COPIED),
           hardsnap_report_elapsed_seconds(report));
    for (size_t i = 0; i < hardsnap_report_removed_count(report); i++)
        printf("removed %s\n", hardsnap_report_removed(report, i));
    if (paused != NULL)
        fprintf(stderr, "daily: nothing was removed: %s\n", paused);
    if (hardsnap_report_status(report) == HARDSNAP_SNAPSHOT_PARTIAL)
        return 3;
    if (paused != NULL || hardsnap_report_left_behind_count(report) > 0)
        return 4;
    return 0;
}

int main(int argc, char **argv)
{
    bool init = argc > 1 && strcmp(argv[1], "--init") == 0;
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    int first = init ? 2 : 1;
    if (argc < first + 2) {
        fprintf(stderr, "usage: daily [--init] SOURCE... STORE\n");
        return 2;
    }
    const char *path = argv[argc - 1];

    hardsnap_error *error = NULL;
    hardsnap_store *store = NULL;
    hardsnap_backup_options *options = NULL;
    hardsnap_filter *filter = hardsnap_filter_new();
    hardsnap_report *report = NULL;
    int code = 0;

    stop = hardsnap_cancel_new();
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);

    hardsnap_status status = hardsnap_store_open(path, strlen(path), &store, &error);
    if (status == HARDSNAP_NOT_A_STORE && init) {
        hardsnap_error_free(error);
        error = NULL;
        status = hardsnap_store_init(path, strlen(path), NULL, on_event, &is_terminal, &store,
                                     &error);
    }
    /* A library that never forgets a failure: each call is made only if all went well. */
    if (status == HARDSNAP_OK)
        status = hardsnap_filter_exclude_caches(filter, &error);
    if (status == HARDSNAP_OK)
        status = hardsnap_backup_options_new(time(NULL), &options, &error);
    for (int i = first; status == HARDSNAP_OK && i < argc - 1; i++)
        status = hardsnap_backup_options_add_source(options, argv[i], strlen(argv[i]), &error);
    if (status == HARDSNAP_OK)
        status = hardsnap_backup_options_set_filter(options, filter, &error);
    if (status == HARDSNAP_OK)
        status = hardsnap_store_backup(store, options, stop, on_event, &is_terminal, &report,
                                       &error);
    if (is_terminal)
        fputs("\r\x1b[K", stderr);
    code = status == HARDSNAP_OK ? tell(report) : fail(error);

    hardsnap_report_free(report);
    hardsnap_backup_options_free(options);
    hardsnap_filter_free(filter);
    hardsnap_store_free(store);
    /* The handler must not find a switch that is gone. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    hardsnap_cancel_free(stop);
    return code;
}
