/* What the C tests share: a check that says what did not hold, and where. */
#ifndef CHECK_H
#define CHECK_H

#include <hardsnap.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

/* Checks that a call was made, or prints the error. */
#define CHECK_OK(call)                                                             \
    do {                                                                           \
        hardsnap_status check_status = (call);                                     \
        if (check_status != HARDSNAP_OK) {                                         \
            fprintf(stderr, "%s:%d: %s: status %d: %s\n", __FILE__, __LINE__, #call, \
                    (int)check_status, hardsnap_error_message(error));             \
            exit(1);                                                               \
        }                                                                          \
    } while (0)

/* Checks that a call failed as it should, with a message, and frees the error. */
#define CHECK_FAILS(status, call)                          \
    do {                                                   \
        CHECK((call) == (status));                         \
        CHECK(hardsnap_error_status(error) == (status));   \
        CHECK(hardsnap_error_message(error) != NULL);      \
        CHECK(strlen(hardsnap_error_message(error)) > 0);  \
        hardsnap_error_free(error);                        \
        error = NULL;                                      \
    } while (0)

/* The path of something in the folder that the test may fill. */
static inline const char *below(const char *folder, const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];
    int length = snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    CHECK(length > 0 && (size_t)length < sizeof paths[0]);
    return path;
}

static inline void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK(fclose(file) == 0);
}

#endif
