/*
 * hardsnap: incremental hard-link snapshots, from C and C++.
 *
 * Made from the sources by `make header`; not to be edited.
 *
 * CONVENTIONS
 *
 * Status. Functions that can fail return a hardsnap_status; 0 is HARDSNAP_OK. Their last
 * argument is a place for an error, which may be NULL. It is written only if they fail, and
 * what is written there is freed with hardsnap_error_free(). Numbers are never reused.
 *
 * Handles. All structs are opaque. A function whose name ends in _new, or that writes a
 * handle to its argument before the last, gives a handle away, which its _free function
 * takes back; NULL is allowed there. Such results are written only on success. What an
 * accessor returns is lent: it lives as long as the handle that it was asked of. Accessors
 * given NULL, or a place beyond the last, return NULL, 0 or false. A function whose name ends
 * in _next lends, too: what it writes lives until it is called again with the same handle.
 *
 * Text is UTF-8 with a NUL at its end. Paths are bytes, of no encoding: going in as a pointer
 * and a number of bytes, no NUL needed; coming out with a NUL at their end, and their length
 * written to `length` if that is not NULL. Instants are seconds since 1970-01-01T00:00:00Z.
 *
 * Numbers that stand for a choice and mean nothing are refused (HARDSNAP_INVALID_ARGUMENT).
 *
 * Threads. A handle may be used by any thread, by several at once as long as none of them
 * changes (_set_, _add_, _next, _read, ...) or frees it. A hardsnap_cancel may be stopped at any
 * time. The library makes threads of its own for the time of a call; callbacks come on the
 * caller's. After fork() the child may use handles, too, but for a catalog and what came of
 * it; during a run it may only exec or exit.
 *
 * The library reads no environment and no clock for its decisions, and prints nothing (but
 * for the note that a bug leaves on standard error). It never calls exit() or abort().
 */

#ifndef HARDSNAP_H
#define HARDSNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The version that this header belongs to. */
#define HARDSNAP_VERSION "0.1.0"

/**
 * Files can have several names.
 */
#define HARDSNAP_HARD_LINKS 0

/**
 * Symlinks can have several names too.
 */
#define HARDSNAP_SYMLINK_LINKS 1

/**
 * The most names a file can have; 0 where nothing tells.
 */
#define HARDSNAP_LINK_LIMIT 2

/**
 * There are symlinks.
 */
#define HARDSNAP_HAS_SYMLINKS 3

/**
 * Files can be given to other owners, by this caller.
 */
#define HARDSNAP_OWNERS 4

/**
 * Permission bits stay as they were set.
 */
#define HARDSNAP_MODES 5

/**
 * Attributes of the namespace `user` can be set, by this caller.
 */
#define HARDSNAP_XATTRS_USER 6

/**
 * Attributes of the namespace `trusted` can be set, by this caller.
 */
#define HARDSNAP_XATTRS_TRUSTED 7

/**
 * Attributes of the namespace `security` can be set, by this caller.
 */
#define HARDSNAP_XATTRS_SECURITY 8

/**
 * POSIX ACLs can be set, by this caller.
 */
#define HARDSNAP_ACLS 9

/**
 * How fine mtimes are, in nanoseconds.
 */
#define HARDSNAP_MTIME_NANOSECONDS 10

/**
 * Names that differ in upper and lower case are different names.
 */
#define HARDSNAP_CASE_SENSITIVE 11

/**
 * Names that differ in how accents are encoded are different names.
 */
#define HARDSNAP_NORMALIZATION_SENSITIVE 12

/**
 * Data can be shared between files.
 */
#define HARDSNAP_REFLINKS 13

/**
 * A rename can be told not to replace anything.
 */
#define HARDSNAP_EXCLUSIVE_RENAME 14

/**
 * A rename can exchange two names.
 */
#define HARDSNAP_EXCHANGING_RENAME 15

/**
 * Files can be locked.
 */
#define HARDSNAP_LOCKS 16

/**
 * One flush of the whole filesystem reaches the disk.
 */
#define HARDSNAP_WHOLE_FLUSH 17

/**
 * What is free for the caller, in bytes.
 */
#define HARDSNAP_FREE_BYTES 18

/**
 * How many files can still be made; the largest number where they are made as
 * they are needed.
 */
#define HARDSNAP_FREE_INODES 19

/**
 * The path is only in the later one of the two.
 */
#define HARDSNAP_CHANGE_ADDED 1

/**
 * The path is only in the earlier one of the two.
 */
#define HARDSNAP_CHANGE_REMOVED 2

/**
 * It is another kind of entry or has other content.
 */
#define HARDSNAP_CHANGE_MODIFIED 3

/**
 * Only metadata differ.
 */
#define HARDSNAP_CHANGE_METADATA 4

/**
 * What was at a path that is gone is at a path that is new, as it was or
 * altered.
 */
#define HARDSNAP_CHANGE_MOVED 5

/**
 * What it is: a file became a directory.
 */
#define HARDSNAP_ASPECT_KIND 1

/**
 * The data of a file, the target of a symlink, the number of a device.
 */
#define HARDSNAP_ASPECT_CONTENT 2

/**
 * Permission bits.
 */
#define HARDSNAP_ASPECT_MODE 3

/**
 * Owner or group.
 */
#define HARDSNAP_ASPECT_OWNER 4

/**
 * When it was last modified.
 */
#define HARDSNAP_ASPECT_MTIME 5

/**
 * Extended attributes or ACLs.
 */
#define HARDSNAP_ASPECT_XATTRS 6

/**
 * A regular file.
 */
#define HARDSNAP_KIND_FILE 1

/**
 * A directory.
 */
#define HARDSNAP_KIND_DIRECTORY 2

/**
 * A symbolic link.
 */
#define HARDSNAP_KIND_SYMLINK 3

/**
 * A named pipe.
 */
#define HARDSNAP_KIND_FIFO 4

/**
 * A Unix domain socket.
 */
#define HARDSNAP_KIND_SOCKET 5

/**
 * A character device.
 */
#define HARDSNAP_KIND_CHAR_DEVICE 6

/**
 * A block device.
 */
#define HARDSNAP_KIND_BLOCK_DEVICE 7

/**
 * The run has the lock. There are a snapshot's name and, if there is a basis,
 * the counts of that, an estimate of what is to come.
 */
#define HARDSNAP_EVENT_STARTED 1

/**
 * A part of the run begins.
 */
#define HARDSNAP_EVENT_PHASE 2

/**
 * All that was done so far. Comes ten times a second, also when nothing
 * happened in between, and once more at the end.
 */
#define HARDSNAP_EVENT_PROGRESS 3

/**
 * Trouble with one entry.
 */
#define HARDSNAP_EVENT_PROBLEM 4

/**
 * Something to know.
 */
#define HARDSNAP_EVENT_WARNING 5

/**
 * A snapshot has left the store.
 */
#define HARDSNAP_EVENT_REMOVED 6

/**
 * Snapshots are about to be read again. There are the counts of all of them
 * together, an estimate of what is to come.
 */
#define HARDSNAP_EVENT_EXPECTED 7

/**
 * Something keeps a restore from beginning. There is its path.
 */
#define HARDSNAP_EVENT_IN_THE_WAY 8

/**
 * An entry of a snapshot is not as it was recorded (hardsnap_event_damaged).
 */
#define HARDSNAP_EVENT_DAMAGED 9

/**
 * Leftovers of a run that did not end well are removed.
 */
#define HARDSNAP_PHASE_TIDYING_UP 1

/**
 * Sources are walked, compared, linked and copied.
 */
#define HARDSNAP_PHASE_WALKING 2

/**
 * What was written is flushed to the destination.
 */
#define HARDSNAP_PHASE_FLUSHING 3

/**
 * Expired snapshots are removed.
 */
#define HARDSNAP_PHASE_REMOVING 4

/**
 * The trees of the snapshots are read, for a new catalog.
 */
#define HARDSNAP_PHASE_REINDEXING 5

/**
 * What is where entries are to be restored is looked at.
 */
#define HARDSNAP_PHASE_LOOKING 6

/**
 * Entries are restored.
 */
#define HARDSNAP_PHASE_RESTORING 7

/**
 * The trees of the snapshots are compared with what was recorded.
 */
#define HARDSNAP_PHASE_VERIFYING 8

/**
 * Good copies of what is damaged are looked for, and put in its place if that
 * is wanted.
 */
#define HARDSNAP_PHASE_REPAIRING 9

/**
 * Local disks below the source are entered; network, FUSE and autofs mounts
 * become empty directories. The default.
 */
#define HARDSNAP_MOUNTS_LOCAL 0

/**
 * Every mount point becomes an empty directory.
 */
#define HARDSNAP_MOUNTS_ONE_FILE_SYSTEM 1

/**
 * Network, FUSE and autofs mounts are entered, too. A server that does not
 * answer can then stop the run.
 */
#define HARDSNAP_MOUNTS_ALL 2

/**
 * Acts. The default.
 */
#define HARDSNAP_MODE_ACT 0

/**
 * Writes nothing, takes no lock, and reports what would be done.
 */
#define HARDSNAP_MODE_DRY_RUN 1

/**
 * Files that may have changed, by what is known of them, are read. The default.
 */
#define HARDSNAP_READING_CHANGED 0

/**
 * Every file is read, to compare its content by its hash with what was
 * recorded. A file without a recorded hash is copied.
 */
#define HARDSNAP_READING_EVERYTHING 1

/**
 * An entry of the basis is looked at where the record of it is not enough. The
 * default.
 */
#define HARDSNAP_BASIS_CHECK_AS_NEEDED 0

/**
 * Every entry of the basis is looked at.
 */
#define HARDSNAP_BASIS_CHECK_EVERY_ENTRY 1

/**
 * A hash (BLAKE3) is computed of each file while it is copied, and recorded.
 * The default.
 */
#define HARDSNAP_HASHES_KEPT 0

/**
 * No hash of copied files is computed.
 */
#define HARDSNAP_HASHES_OFF 1

/**
 * The newest tree that retention gives up is kept, for the next snapshot to be
 * made of it, while a tenth of the filesystem is free. The default.
 */
#define HARDSNAP_SPARE_KEPT 0

/**
 * What retention gives up is removed at once.
 */
#define HARDSNAP_SPARE_OFF 1

/**
 * The snapshot is made of the spare, or of what a run has left that was cut
 * short, if there is one. The default.
 */
#define HARDSNAP_RECYCLING_IF_POSSIBLE 0

/**
 * A new tree is made. The spare stays for the next run.
 */
#define HARDSNAP_RECYCLING_OFF 1

/**
 * Ages count back from the newest snapshot: no backup, nothing expires.
 */
#define HARDSNAP_ANCHOR_NEWEST 0

/**
 * Ages count back from now.
 */
#define HARDSNAP_ANCHOR_NOW 1

/**
 * Names of regular files that were made hard links, moved ones not included.
 */
#define HARDSNAP_FILES_LINKED 0

/**
 * Regular files whose data was copied.
 */
#define HARDSNAP_FILES_COPIED 1

/**
 * Sizes of the files that were linked, moved ones included, in bytes.
 */
#define HARDSNAP_BYTES_LINKED 2

/**
 * Sizes of the files that were copied, in bytes.
 */
#define HARDSNAP_BYTES_COPIED 3

/**
 * Directories.
 */
#define HARDSNAP_DIRECTORIES 4

/**
 * Symlinks.
 */
#define HARDSNAP_SYMLINKS 5

/**
 * FIFOs, sockets and devices.
 */
#define HARDSNAP_SPECIALS 6

/**
 * Entries that were left out on purpose.
 */
#define HARDSNAP_EXCLUDED 7

/**
 * Regular files that were linked to an entry that the basis has under another
 * name.
 */
#define HARDSNAP_FILES_MOVED 8

/**
 * Of a restore: entries of every kind that were not there before.
 */
#define HARDSNAP_ENTRIES_WRITTEN 9

/**
 * Of a restore: entries that took the place of others.
 */
#define HARDSNAP_ENTRIES_REPLACED 10

/**
 * Of a restore: entries that stayed as they were.
 */
#define HARDSNAP_ENTRIES_LEFT 11

/**
 * Of a restore: sizes of the files that were written or replaced, in bytes.
 */
#define HARDSNAP_BYTES_WRITTEN 12

/**
 * There is no snapshot to speak of.
 */
#define HARDSNAP_SNAPSHOT_NONE 0

/**
 * Everything is in it.
 */
#define HARDSNAP_SNAPSHOT_COMPLETE 1

/**
 * Some entries are missing or unstable.
 */
#define HARDSNAP_SNAPSHOT_PARTIAL 2

/**
 * It looks wrong, and counts for nothing until somebody accepts it.
 */
#define HARDSNAP_SNAPSHOT_SUSPECT 3

/**
 * What differs is in the way: nothing is written then, and each is told by
 * HARDSNAP_EVENT_IN_THE_WAY. The default.
 */
#define HARDSNAP_OVERWRITE_NEVER 0

/**
 * What is there is replaced, whatever it is.
 */
#define HARDSNAP_OVERWRITE_ALWAYS 1

/**
 * What is there is replaced if anything about it differs.
 */
#define HARDSNAP_OVERWRITE_CHANGED 2

/**
 * What is there is replaced if the snapshot's mtime is the later one.
 */
#define HARDSNAP_OVERWRITE_NEWER 3

/**
 * Flag of a snapshot: something is missing in it.
 */
#define HARDSNAP_FLAG_PARTIAL 1

/**
 * Flag of a snapshot: it looks wrong, and no rule counts it.
 */
#define HARDSNAP_FLAG_SUSPECT 2

/**
 * Flag of a snapshot: it is kept whatever the policy says.
 */
#define HARDSNAP_FLAG_HELD 4

/**
 * It is the newest, or the newest complete one.
 */
#define HARDSNAP_REASON_NEWEST 1

/**
 * It is dated after now, so that no rule can tell its age.
 */
#define HARDSNAP_REASON_FUTURE 2

/**
 * Somebody holds it.
 */
#define HARDSNAP_REASON_HELD 3

/**
 * It is suspect, and no other is newer.
 */
#define HARDSNAP_REASON_SUSPECT 4

/**
 * A rule of the policy keeps it.
 */
#define HARDSNAP_REASON_RULE 5

/**
 * A reason that this version of the C interface has no number for.
 */
#define HARDSNAP_REASON_OTHER 6

/**
 * No file is read: structure and metadata are compared. The default.
 */
#define HARDSNAP_VERIFY_UNREAD 0

/**
 * Files are read that were stored since a run with this choice or with
 * HARDSNAP_VERIFY_FULL came to its end.
 */
#define HARDSNAP_VERIFY_SINCE_LAST 1

/**
 * All files are read.
 */
#define HARDSNAP_VERIFY_FULL 2

/**
 * There is no good copy, or none was looked for.
 */
#define HARDSNAP_GOOD_COPY_NONE 0

/**
 * The file that was backed up: it has the recorded size, mtime and hash.
 */
#define HARDSNAP_GOOD_COPY_SOURCE 1

/**
 * Another stored file.
 */
#define HARDSNAP_GOOD_COPY_STORED 2

/**
 * The catalog: all that is wrong is recorded there.
 */
#define HARDSNAP_GOOD_COPY_CATALOG 3

/**
 * What a backup does.
 */
typedef struct hardsnap_backup_options hardsnap_backup_options;

/**
 * A switch that stops runs. It may be used by any number of threads at once
 * and has to live until the runs that were given it are over.
 */
typedef struct hardsnap_cancel hardsnap_cancel;

/**
 * What a destination can hold, found out by trying.
 */
typedef struct hardsnap_capabilities hardsnap_capabilities;

/**
 * What a store remembers of all its snapshots: every version of every entry,
 * with the snapshots that have it. It tells of the snapshots that there were
 * when it was opened. It may be used by several threads at once, and while a
 * backup runs; neither it nor what it answers needs the store any more. A
 * process that forks leaves all of them to its parent, and opens its own.
 */
typedef struct hardsnap_catalog hardsnap_catalog;

/**
 * An entry that differs between two snapshots.
 */
typedef struct hardsnap_change hardsnap_change;

/**
 * What differs between two snapshots, in the order of the paths.
 */
typedef struct hardsnap_changes hardsnap_changes;

/**
 * An entry that is not as it was recorded. Lent by what lists it.
 */
typedef struct hardsnap_damaged hardsnap_damaged;

/**
 * What the calculator decided of each snapshot. Snapshots are told apart by
 * their place in the array that was given.
 */
typedef struct hardsnap_decisions hardsnap_decisions;

/**
 * The entries of a snapshot, in the order of their paths: names in the order
 * of their bytes, and a directory before what is in it.
 */
typedef struct hardsnap_entries hardsnap_entries;

/**
 * An entry of a snapshot, as it was in the source, also where the destination
 * could not hold all of it.
 */
typedef struct hardsnap_entry hardsnap_entry;

/**
 * A version of a path, and the snapshots that have it. Lent by what lists it.
 */
typedef struct hardsnap_entry_version hardsnap_entry_version;

/**
 * Why a call failed: made by a function that returns a status other than
 * HARDSNAP_OK, if its last argument is not NULL; freed by the caller.
 */
typedef struct hardsnap_error hardsnap_error;

/**
 * What a run tells; lent for the time of one call.
 */
typedef struct hardsnap_event hardsnap_event;

/**
 * What of a source is taken and what is left out. Patterns have the syntax of
 * .gitignore, seen from the root of the source; the last one that matches
 * counts. A pattern that cannot be used is told when the filter is set.
 */
typedef struct hardsnap_filter hardsnap_filter;

/**
 * The paths that match a pattern, in their order.
 */
typedef struct hardsnap_found hardsnap_found;

/**
 * A path that was found, and the snapshots that have it.
 */
typedef struct hardsnap_found_path hardsnap_found_path;

/**
 * How a store is made.
 */
typedef struct hardsnap_init_options hardsnap_init_options;

/**
 * A path that hardsnap_catalog_resolve() found.
 */
typedef struct hardsnap_path hardsnap_path;

/**
 * Which snapshots to keep.
 */
typedef struct hardsnap_policy hardsnap_policy;

/**
 * Trouble with one entry; the others went on. Lent by what lists it.
 */
typedef struct hardsnap_problem hardsnap_problem;

/**
 * What a policy keeps and gives up of a store at one instant, each with its
 * reason: oldest first.
 */
typedef struct hardsnap_prune_plan hardsnap_prune_plan;

/**
 * What a run did: a backup, a removal, a tree, or a new catalog. What does not
 * concern such a run is NULL, 0 or empty.
 */
typedef struct hardsnap_report hardsnap_report;

/**
 * What is restored, to where, and what becomes of what is there.
 */
typedef struct hardsnap_restore_options hardsnap_restore_options;

/**
 * What deleting a set of snapshots would free.
 */
typedef struct hardsnap_sizes hardsnap_sizes;

/**
 * A published snapshot, as its record tells it.
 */
typedef struct hardsnap_snapshot hardsnap_snapshot;

/**
 * The snapshots of a store, in the order in which they were made.
 */
typedef struct hardsnap_snapshots hardsnap_snapshots;

/**
 * A store: the destination of backups. It may be used by several threads at
 * once; of runs that write, one has the lock, and the others come back with
 * HARDSNAP_STORE_LOCKED.
 */
typedef struct hardsnap_store hardsnap_store;

/**
 * A file of a snapshot, open for reading. As long as it is, its snapshot is not
 * removed. It does not need the store any more.
 */
typedef struct hardsnap_stored_file hardsnap_stored_file;

/**
 * How one tree is replicated.
 */
typedef struct hardsnap_tree_options hardsnap_tree_options;

/**
 * What a verification does.
 */
typedef struct hardsnap_verify_options hardsnap_verify_options;

/**
 * What a verification found.
 */
typedef struct hardsnap_verify_report hardsnap_verify_report;

/**
 * The versions of a path, oldest first.
 */
typedef struct hardsnap_versions hardsnap_versions;

/**
 * What a call came to: HARDSNAP_OK, or why its work was not done. The numbers
 * from 1 are about the call itself, those from 100 about the store, from 200
 * about the sources, from 300 about the destination, from 400 about snapshots.
 * Others may be added.
 */
typedef int32_t hardsnap_status;

/**
 * Is told what happens, always on the thread that called the function it was
 * given to. A result other than 0 stops the run as hardsnap_cancel_stop()
 * does. It must return: not by longjmp, nor by a C++ exception.
 */
typedef int (*hardsnap_callback)(const struct hardsnap_event *event, void *user_data);

/**
 * Done. What could not be read is listed in the report.
 */
#define HARDSNAP_OK 0

/**
 * A system call failed; see hardsnap_error_os_error().
 */
#define HARDSNAP_IO 1

/**
 * An argument is NULL where it must not be, too long, not UTF-8, or a number
 * that means nothing. Nothing was done.
 */
#define HARDSNAP_INVALID_ARGUMENT 2

/**
 * An option, a pattern or a policy is not one that can be used.
 */
#define HARDSNAP_INVALID_OPTION 3

/**
 * The run was stopped, by hardsnap_cancel() or by a callback.
 */
#define HARDSNAP_CANCELLED 4

/**
 * A bug in hardsnap. Nothing was published; the store is as after a run that
 * was killed, which the next one tidies up.
 */
#define HARDSNAP_PANIC 5

/**
 * Something that this version of the C interface has no number for.
 */
#define HARDSNAP_FAILED 6

/**
 * The directory holds no store. Is the disk mounted?
 */
#define HARDSNAP_NOT_A_STORE 100

/**
 * There is a store already where one was to be made.
 */
#define HARDSNAP_ALREADY_A_STORE 101

/**
 * The store was made by a newer version, or its marker cannot be read.
 */
#define HARDSNAP_UNSUPPORTED_FORMAT 102

/**
 * Others than its owner can write the store, so nothing in it can be trusted.
 */
#define HARDSNAP_UNSAFE_STORE 103

/**
 * Another run holds the store's lock.
 */
#define HARDSNAP_STORE_LOCKED 104

/**
 * `latest` exists and is not a symlink.
 */
#define HARDSNAP_LATEST_OCCUPIED 105

/**
 * The catalog is missing or damaged, or does not tell of what was asked.
 */
#define HARDSNAP_CATALOG_UNUSABLE 106

/**
 * No source was given.
 */
#define HARDSNAP_NO_SOURCES 200

/**
 * A source does not exist or cannot be read at all.
 */
#define HARDSNAP_SOURCE_UNAVAILABLE 201

/**
 * A source is the store itself, or lies inside it.
 */
#define HARDSNAP_SOURCE_IS_STORE 202

/**
 * The sources are not those of the series that the store holds.
 */
#define HARDSNAP_SOURCES_CHANGED 203

/**
 * The destination's filesystem cannot lock files.
 */
#define HARDSNAP_LOCK_UNSUPPORTED 300

/**
 * The destination's filesystem has no hard links.
 */
#define HARDSNAP_LINKS_UNSUPPORTED 301

/**
 * The destination is a mount point that is not mounted.
 */
#define HARDSNAP_NOT_MOUNTED 302

/**
 * The destination is full: bytes, inodes or quota.
 */
#define HARDSNAP_NO_SPACE 303

/**
 * What was written could not be flushed; nothing was published.
 */
#define HARDSNAP_FLUSH_FAILED 304

/**
 * The target of a tree exists and is not empty.
 */
#define HARDSNAP_TARGET_NOT_EMPTY 305

/**
 * The target of a restore lies in the store.
 */
#define HARDSNAP_TARGET_IS_STORE 306

/**
 * Something is where an entry was to be restored; nothing was written.
 */
#define HARDSNAP_IN_THE_WAY 307

/**
 * There is a snapshot of that time already.
 */
#define HARDSNAP_TIME_TAKEN 400

/**
 * No snapshot matches the name that was given.
 */
#define HARDSNAP_UNKNOWN_SNAPSHOT 401

/**
 * More than one snapshot matches the name that was given.
 */
#define HARDSNAP_AMBIGUOUS_SNAPSHOT 402

/**
 * Removing would take the last complete snapshot.
 */
#define HARDSNAP_LAST_SNAPSHOT 403

/**
 * A snapshot that is held was to be deleted.
 */
#define HARDSNAP_SNAPSHOT_HELD 404

/**
 * A snapshot that is being read was to be deleted, or one that is being
 * removed was to be read.
 */
#define HARDSNAP_SNAPSHOT_IN_USE 405

/**
 * The snapshot does not have a path that was to be restored, or has no file
 * there that could be opened.
 */
#define HARDSNAP_NOT_IN_SNAPSHOT 406

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a switch that is off. Never NULL.
 */
struct hardsnap_cancel *hardsnap_cancel_new(void);

/**
 * Frees a switch. NULL is allowed.
 */
void hardsnap_cancel_free(struct hardsnap_cancel *cancel);

/**
 * Asks the runs that have this switch to stop, which they do within a second:
 * nothing is published, and the store's lock is freed. Once on, it stays on.
 * May be called in a signal handler. NULL is allowed.
 */
void hardsnap_cancel_stop(const struct hardsnap_cancel *cancel);

/**
 * Tells whether somebody asked; 0 for NULL.
 */
bool hardsnap_cancel_is_stopped(const struct hardsnap_cancel *cancel);

/**
 * Finds out anew, by trying, what the destination of a store can hold.
 *
 * Errors: HARDSNAP_STORE_LOCKED, HARDSNAP_NO_SPACE, HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_probe(const struct hardsnap_store *store,
                                     struct hardsnap_capabilities **capabilities,
                                     struct hardsnap_error **error);

/**
 * Frees capabilities. NULL is allowed.
 */
void hardsnap_capabilities_free(struct hardsnap_capabilities *capabilities);

/**
 * One of them, HARDSNAP_HARD_LINKS and so on: 1 or 0 for what is there or not,
 * else a number. 0 for what is none of them.
 */
uint64_t hardsnap_capabilities_get(const struct hardsnap_capabilities *capabilities,
                                   int32_t which);

/**
 * All of them as a line of JSON, but for what is free.
 */
const char *hardsnap_capabilities_json(const struct hardsnap_capabilities *capabilities);

/**
 * Opens the catalog, to be asked about the snapshots that there are now. It is
 * only read. Once `cancel` is on, which may be NULL, each question, and what
 * came of one, fails with HARDSNAP_CANCELLED, within a tenth of a second.
 *
 * Errors: HARDSNAP_CATALOG_UNUSABLE if there is none, or it is damaged;
 * HARDSNAP_UNSUPPORTED_FORMAT if a newer version wrote it;
 * HARDSNAP_STORE_LOCKED if a run writes to it all the time; HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_catalog(const struct hardsnap_store *store,
                                       const struct hardsnap_cancel *cancel,
                                       struct hardsnap_catalog **catalog,
                                       struct hardsnap_error **error);

/**
 * Frees a catalog; what came of its questions stays. NULL is allowed.
 */
void hardsnap_catalog_free(struct hardsnap_catalog *catalog);

/**
 * How many snapshots the catalog tells of.
 */
size_t hardsnap_catalog_snapshot_count(const struct hardsnap_catalog *catalog);

/**
 * The name of one of them, in the order in which they were made; NULL beyond
 * the last.
 */
const char *hardsnap_catalog_snapshot(const struct hardsnap_catalog *catalog,
                                      size_t index);

/**
 * How many snapshots of the store it does not tell of, because they were made
 * before there was one. `hardsnap reindex` reads them in.
 */
size_t hardsnap_catalog_unknown_count(const struct hardsnap_catalog *catalog);

/**
 * The name of one of these; NULL beyond the last.
 */
const char *hardsnap_catalog_unknown(const struct hardsnap_catalog *catalog,
                                     size_t index);

/**
 * The entry that a snapshot, given by its full name, has at a path; NULL is
 * written if it has none there.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT; HARDSNAP_INVALID_OPTION if the path is
 * not an absolute one; HARDSNAP_CATALOG_UNUSABLE if the catalog is damaged or
 * does not tell of the snapshot; HARDSNAP_STORE_LOCKED if a run writes to it
 * all the time; HARDSNAP_CANCELLED.
 */
hardsnap_status hardsnap_catalog_entry(const struct hardsnap_catalog *catalog,
                                       const char *snapshot,
                                       const char *entry_path,
                                       size_t length,
                                       struct hardsnap_entry **entry,
                                       struct hardsnap_error **error);

/**
 * The entries of a snapshot, given by its full name: the one at the path
 * `below`, then all that is below it. There is none if the snapshot does not
 * have the path; NULL stands for all of it. Errors as those of
 * hardsnap_catalog_entry().
 */
hardsnap_status hardsnap_catalog_entries(const struct hardsnap_catalog *catalog,
                                         const char *snapshot,
                                         const char *below,
                                         size_t length,
                                         struct hardsnap_entries **entries,
                                         struct hardsnap_error **error);

/**
 * The versions of a path. Neighbouring snapshots between which nothing changed
 * that a user could see have the same version; there are several equal ones if
 * the path was gone in between, and none if no snapshot has it. Errors as those
 * of hardsnap_catalog_entry().
 */
hardsnap_status hardsnap_catalog_versions(const struct hardsnap_catalog *catalog,
                                          const char *entry_path,
                                          size_t length,
                                          struct hardsnap_versions **versions,
                                          struct hardsnap_error **error);

/**
 * Finds the paths that match a pattern, in any snapshot. Patterns have the
 * syntax of .gitignore: one without a slash is matched with names, wherever
 * they are; one with a slash with whole paths, from / on; one that ends with a
 * slash with directories only. If snapshots are removed meanwhile, what was
 * only in them may be missing.
 *
 * Errors: HARDSNAP_INVALID_OPTION if the pattern cannot be read or could never
 * match anything.
 */
hardsnap_status hardsnap_catalog_find(const struct hardsnap_catalog *catalog,
                                      const char *pattern,
                                      struct hardsnap_found **found,
                                      struct hardsnap_error **error);

/**
 * What differs between two snapshots, given by their full names: the changes
 * that lead from `a` to `b`. Either may be the older one. A path that is new is
 * moved, and not added, if it has what was at one that is gone. Errors as those
 * of hardsnap_catalog_entry().
 */
hardsnap_status hardsnap_catalog_changes(const struct hardsnap_catalog *catalog,
                                         const char *a,
                                         const char *b,
                                         struct hardsnap_changes **changes,
                                         struct hardsnap_error **error);

/**
 * What deleting exactly the snapshots would free that are named by `count`
 * full names. One that is named twice counts once.
 *
 * Errors: as those of hardsnap_catalog_entry(); HARDSNAP_CATALOG_UNUSABLE also
 * if there is any snapshot that the catalog does not tell of, or if the store
 * was moved to another disk since it was written: then nobody knows what they
 * share.
 */
hardsnap_status hardsnap_catalog_sizes(const struct hardsnap_catalog *catalog,
                                       const char *const *names,
                                       size_t count,
                                       struct hardsnap_sizes **sizes,
                                       struct hardsnap_error **error);

/**
 * What only the spare takes: the tree of an expired snapshot that is kept for
 * the next one to be made of it. NULL is written if there is none, or if the
 * catalog does not tell of it. Errors as those of hardsnap_catalog_sizes().
 */
hardsnap_status hardsnap_catalog_spare_sizes(const struct hardsnap_catalog *catalog,
                                             struct hardsnap_sizes **sizes,
                                             struct hardsnap_error **error);

/**
 * Finds the path that the snapshots have for one that a user gives. A path that
 * is in any snapshot just as it is given, is that. Any other is taken from the
 * current directory if it is relative, and symlinks on the way to it are
 * followed, and if it is itself one that no snapshot has, that too.
 *
 * Errors: HARDSNAP_IO if the current directory is needed and is gone; as those
 * of hardsnap_catalog_entry().
 */
hardsnap_status hardsnap_catalog_resolve(const struct hardsnap_catalog *catalog,
                                         const char *given,
                                         size_t length,
                                         struct hardsnap_path **resolved,
                                         struct hardsnap_error **error);

/**
 * Frees a path. NULL is allowed.
 */
void hardsnap_path_free(struct hardsnap_path *path);

/**
 * The path itself.
 */
const char *hardsnap_path_bytes(const struct hardsnap_path *path, size_t *length);

/**
 * Frees them, and with them the one that is lent. NULL is allowed.
 */
void hardsnap_changes_free(struct hardsnap_changes *changes);

/**
 * Lends the next change, or NULL when there is no more, also after an error.
 * Errors as those of hardsnap_entries_next().
 */
hardsnap_status hardsnap_changes_next(struct hardsnap_changes *changes,
                                      const struct hardsnap_change **change,
                                      struct hardsnap_error **error);

/**
 * How it differs, HARDSNAP_CHANGE_ADDED and so on; 0 for NULL. Others may be
 * added.
 */
int32_t hardsnap_change_kind(const struct hardsnap_change *change);

/**
 * The path; of what was moved, the new one.
 */
const char *hardsnap_change_path(const struct hardsnap_change *change, size_t *length);

/**
 * Where it was, if it was moved; else NULL.
 */
const char *hardsnap_change_from(const struct hardsnap_change *change, size_t *length);

/**
 * The entry before; NULL if it was added.
 */
const struct hardsnap_entry *hardsnap_change_before(const struct hardsnap_change *change);

/**
 * The entry after; NULL if it was removed.
 */
const struct hardsnap_entry *hardsnap_change_after(const struct hardsnap_change *change);

/**
 * Whether the two differ in something, HARDSNAP_ASPECT_CONTENT and so on.
 * False if only one of them is there, and for what is none of these.
 */
bool hardsnap_change_differs(const struct hardsnap_change *change, int32_t aspect);

/**
 * All of it as a line of JSON, such as the command line prints.
 */
const char *hardsnap_change_json(const struct hardsnap_change *change);

/**
 * Frees them, and with them the one that is lent. NULL is allowed.
 */
void hardsnap_entries_free(struct hardsnap_entries *entries);

/**
 * Lends the next entry, or NULL when there is no more, also after an error.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT if the snapshot was removed meanwhile;
 * HARDSNAP_CATALOG_UNUSABLE, HARDSNAP_STORE_LOCKED, HARDSNAP_CANCELLED.
 */
hardsnap_status hardsnap_entries_next(struct hardsnap_entries *entries,
                                      const struct hardsnap_entry **entry,
                                      struct hardsnap_error **error);

/**
 * Frees an entry that hardsnap_catalog_entry() made; never one that is lent.
 * NULL is allowed.
 */
void hardsnap_entry_free(struct hardsnap_entry *entry);

/**
 * Its absolute path in the source, which is the one below the snapshot.
 */
const char *hardsnap_entry_path(const struct hardsnap_entry *entry, size_t *length);

/**
 * What it is, HARDSNAP_KIND_FILE and so on; 0 for NULL. Others may be added.
 */
int32_t hardsnap_entry_kind(const struct hardsnap_entry *entry);

/**
 * Permission bits with setuid, setgid and sticky: 12 bits.
 */
uint32_t hardsnap_entry_mode(const struct hardsnap_entry *entry);

/**
 * Number of the owner.
 */
uint32_t hardsnap_entry_uid(const struct hardsnap_entry *entry);

/**
 * Number of the group.
 */
uint32_t hardsnap_entry_gid(const struct hardsnap_entry *entry);

/**
 * The size of a file, in bytes; of other kinds what the source told.
 */
uint64_t hardsnap_entry_size_bytes(const struct hardsnap_entry *entry);

/**
 * What it takes in the store, in bytes; names of one file take it once. 0 for
 * directories, of which each snapshot has its own: hardsnap_catalog_sizes()
 * counts them.
 */
uint64_t hardsnap_entry_allocated_bytes(const struct hardsnap_entry *entry);

/**
 * When it was last modified, in whole seconds since 1970, rounded down.
 */
int64_t hardsnap_entry_mtime_seconds(const struct hardsnap_entry *entry);

/**
 * The nanoseconds after these seconds, below 1,000,000,000.
 */
uint32_t hardsnap_entry_mtime_nanoseconds(const struct hardsnap_entry *entry);

/**
 * What a symlink points to; NULL for other kinds.
 */
const char *hardsnap_entry_link_target(const struct hardsnap_entry *entry,
                                       size_t *length);

/**
 * Number of the device that it is, as `stat` has it in `st_rdev`; 0 for other
 * kinds.
 */
uint64_t hardsnap_entry_device_number(const struct hardsnap_entry *entry);

/**
 * How many extended attributes it has, ACLs among them.
 */
size_t hardsnap_entry_xattr_count(const struct hardsnap_entry *entry);

/**
 * The full name of one of them, such as "user.comment", in the order of names
 * and in bytes as a path; NULL beyond the last.
 */
const char *hardsnap_entry_xattr_name(const struct hardsnap_entry *entry,
                                      size_t index,
                                      size_t *length);

/**
 * The value of one of them, `length` bytes of any kind; NULL beyond the last.
 */
const char *hardsnap_entry_xattr_value(const struct hardsnap_entry *entry,
                                       size_t index,
                                       size_t *length);

/**
 * BLAKE3 of a file's content, 32 bytes; NULL if it was not read.
 */
const uint8_t *hardsnap_entry_blake3(const struct hardsnap_entry *entry);

/**
 * Whether the snapshot's tree has it, and not the catalog alone: some
 * destinations hold no devices or symlinks.
 */
bool hardsnap_entry_is_stored(const struct hardsnap_entry *entry);

/**
 * Its inode in the store: entries of one snapshot with the same one are names
 * of one file. 0 for directories, of which each snapshot has its own, and for
 * what the destination could not hold.
 */
uint64_t hardsnap_entry_stored_inode(const struct hardsnap_entry *entry);

/**
 * All of it as a line of JSON.
 */
const char *hardsnap_entry_json(const struct hardsnap_entry *entry);

/**
 * Frees an error. NULL is allowed.
 */
void hardsnap_error_free(struct hardsnap_error *error);

/**
 * The status that came with the error; HARDSNAP_OK for NULL.
 */
hardsnap_status hardsnap_error_status(const struct hardsnap_error *error);

/**
 * What failed, on what, and why, as one line of text without a full stop;
 * NULL for NULL.
 */
const char *hardsnap_error_message(const struct hardsnap_error *error);

/**
 * What the user can do about it, or NULL.
 */
const char *hardsnap_error_hint(const struct hardsnap_error *error);

/**
 * The path that it failed on, or NULL.
 */
const char *hardsnap_error_path(const struct hardsnap_error *error, size_t *length);

/**
 * The second path of an operation on two, or NULL.
 */
const char *hardsnap_error_second_path(const struct hardsnap_error *error,
                                       size_t *length);

/**
 * The system's error number (errno), or 0.
 */
int hardsnap_error_os_error(const struct hardsnap_error *error);

#if defined(HARDSNAP_PROVOKE_PANIC)
/**
 * Panics, to prove that a panic comes back as HARDSNAP_PANIC.
 */
hardsnap_status hardsnap_provoke_panic(struct hardsnap_error **error);
#endif

/**
 * What kind of event it is, HARDSNAP_EVENT_…; 0 for NULL. Others may be
 * added.
 */
int32_t hardsnap_event_kind(const struct hardsnap_event *event);

/**
 * The part of the run, HARDSNAP_PHASE_…; 0 if the event is another one.
 */
int32_t hardsnap_event_phase(const struct hardsnap_event *event);

/**
 * One of the counts of the run so far, HARDSNAP_FILES_LINKED and so on.
 */
uint64_t hardsnap_event_count(const struct hardsnap_event *event, int32_t which);

/**
 * The snapshot's name, or NULL.
 */
const char *hardsnap_event_snapshot(const struct hardsnap_event *event);

/**
 * The trouble, or NULL.
 */
const struct hardsnap_problem *hardsnap_event_problem(const struct hardsnap_event *event);

/**
 * The warning as a line of text, or NULL.
 */
const char *hardsnap_event_warning(const struct hardsnap_event *event);

/**
 * The path of what is in the way, or NULL.
 */
const char *hardsnap_event_path(const struct hardsnap_event *event, size_t *length);

/**
 * The damaged entry, or NULL.
 */
const struct hardsnap_damaged *hardsnap_event_damaged(const struct hardsnap_event *event);

/**
 * Makes a filter that takes everything. Never NULL.
 */
struct hardsnap_filter *hardsnap_filter_new(void);

/**
 * Frees a filter. NULL is allowed.
 */
void hardsnap_filter_free(struct hardsnap_filter *filter);

/**
 * Leaves out what matches a pattern.
 */
hardsnap_status hardsnap_filter_exclude(struct hardsnap_filter *filter,
                                        const char *pattern,
                                        struct hardsnap_error **error);

/**
 * Takes in again what matches a pattern and was left out by one before.
 */
hardsnap_status hardsnap_filter_include(struct hardsnap_filter *filter,
                                        const char *pattern,
                                        struct hardsnap_error **error);

/**
 * Adds the lines of a .gitignore file, given as `length` bytes at `lines`.
 * `name` names them in messages; no file is read.
 */
hardsnap_status hardsnap_filter_add_lines(struct hardsnap_filter *filter,
                                          const char *name,
                                          size_t name_length,
                                          const char *lines,
                                          size_t length,
                                          struct hardsnap_error **error);

/**
 * Leaves out the content of each directory that holds an entry of this name,
 * except for that entry.
 */
hardsnap_status hardsnap_filter_exclude_if_present(struct hardsnap_filter *filter,
                                                   const char *name,
                                                   struct hardsnap_error **error);

/**
 * Leaves out the content of each directory that is tagged as a cache
 * (CACHEDIR.TAG with its signature), except for the tag.
 */
hardsnap_status hardsnap_filter_exclude_caches(struct hardsnap_filter *filter,
                                               struct hardsnap_error **error);

/**
 * Leaves out what has the attribute `nodump` (chattr +d).
 */
hardsnap_status hardsnap_filter_exclude_nodump(struct hardsnap_filter *filter,
                                               struct hardsnap_error **error);

/**
 * Leaves out regular files larger than this, in bytes; at least 1. The last
 * limit counts.
 */
hardsnap_status hardsnap_filter_exclude_larger_than(struct hardsnap_filter *filter,
                                                    uint64_t bytes,
                                                    struct hardsnap_error **error);

/**
 * Holds a snapshot, named as for hardsnap_store_resolve(): no policy and no
 * lack of room removes it, and hardsnap_store_delete() refuses to. A `note`
 * replaces the one that it has; it may be NULL, and so may `snapshot`, which
 * is the snapshot as it is then.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_STORE_LOCKED, HARDSNAP_NO_SPACE,
 * HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_hold(const struct hardsnap_store *store,
                                    const char *name,
                                    const char *note,
                                    struct hardsnap_snapshot **snapshot,
                                    struct hardsnap_error **error);

/**
 * Lets a held snapshot go the way of all others; its note stays. `snapshot`
 * may be NULL. Errors as those of hardsnap_store_hold().
 */
hardsnap_status hardsnap_store_release(const struct hardsnap_store *store,
                                       const char *name,
                                       struct hardsnap_snapshot **snapshot,
                                       struct hardsnap_error **error);

/**
 * Lets a suspect snapshot count: it becomes complete, or partial if entries
 * are missing in it, and if it is the newest, `latest` and the next basis.
 * `snapshot` may be NULL. Errors as those of hardsnap_store_hold().
 */
hardsnap_status hardsnap_store_accept(const struct hardsnap_store *store,
                                      const char *name,
                                      struct hardsnap_snapshot **snapshot,
                                      struct hardsnap_error **error);

/**
 * Makes options: the default policy, and refused where there are no hard
 * links. Never NULL.
 */
struct hardsnap_init_options *hardsnap_init_options_new(void);

/**
 * Frees options. NULL is allowed.
 */
void hardsnap_init_options_free(struct hardsnap_init_options *options);

/**
 * Sets the retention policy that the store keeps; it is copied.
 */
hardsnap_status hardsnap_init_options_set_policy(struct hardsnap_init_options *options,
                                                 const struct hardsnap_policy *policy,
                                                 struct hardsnap_error **error);

/**
 * Allows a store on a destination without hard links: each snapshot then
 * takes as much room as the sources.
 */
hardsnap_status hardsnap_init_options_allow_full_copies(struct hardsnap_init_options *options,
                                                        struct hardsnap_error **error);

/**
 * Sets whether the store keeps a spare: HARDSNAP_SPARE_KEPT or
 * HARDSNAP_SPARE_OFF.
 */
hardsnap_status hardsnap_init_options_set_spare(struct hardsnap_init_options *options,
                                                int32_t number,
                                                struct hardsnap_error **error);

/**
 * Makes the options of a backup at `now`, in seconds since 1970, as time(NULL)
 * tells it: at least one source has to be added.
 */
hardsnap_status hardsnap_backup_options_new(int64_t now,
                                            struct hardsnap_backup_options **options,
                                            struct hardsnap_error **error);

/**
 * Frees options. NULL is allowed.
 */
void hardsnap_backup_options_free(struct hardsnap_backup_options *options);

/**
 * Adds a source. It is resolved to its absolute path, symlinks in it followed,
 * and lands at that path inside the snapshot.
 */
hardsnap_status hardsnap_backup_options_add_source(struct hardsnap_backup_options *options,
                                                   const char *source,
                                                   size_t length,
                                                   struct hardsnap_error **error);

/**
 * Sets what of the sources is taken; the filter is copied. Default:
 * everything.
 *
 * Errors: HARDSNAP_INVALID_OPTION for a pattern that cannot be used.
 */
hardsnap_status hardsnap_backup_options_set_filter(struct hardsnap_backup_options *options,
                                                   const struct hardsnap_filter *filter,
                                                   struct hardsnap_error **error);

/**
 * Dates the snapshot exactly, in seconds since 1970; that is then also the now
 * of pruning. The run is refused if there is a snapshot of that second.
 */
hardsnap_status hardsnap_backup_options_set_time(struct hardsnap_backup_options *options,
                                                 int64_t seconds,
                                                 struct hardsnap_error **error);

/**
 * Sets the number of worker threads. 0, the default: as many as there are
 * processors, and at least two.
 */
hardsnap_status hardsnap_backup_options_set_jobs(struct hardsnap_backup_options *options,
                                                 uint32_t threads,
                                                 struct hardsnap_error **error);

/**
 * Sets whether to act: HARDSNAP_MODE_ACT or HARDSNAP_MODE_DRY_RUN.
 */
hardsnap_status hardsnap_backup_options_set_mode(struct hardsnap_backup_options *options,
                                                 int32_t number,
                                                 struct hardsnap_error **error);

/**
 * Sets which mounts below the sources are entered: HARDSNAP_MOUNTS_LOCAL or
 * another of these.
 */
hardsnap_status hardsnap_backup_options_set_mounts(struct hardsnap_backup_options *options,
                                                   int32_t number,
                                                   struct hardsnap_error **error);

/**
 * Sets which files are read to find out whether they have changed:
 * HARDSNAP_READING_CHANGED or HARDSNAP_READING_EVERYTHING.
 */
hardsnap_status hardsnap_backup_options_set_reading(struct hardsnap_backup_options *options,
                                                    int32_t number,
                                                    struct hardsnap_error **error);

/**
 * Sets whether each entry of the basis is looked at:
 * HARDSNAP_BASIS_CHECK_AS_NEEDED or HARDSNAP_BASIS_CHECK_EVERY_ENTRY.
 */
hardsnap_status hardsnap_backup_options_set_basis_check(struct hardsnap_backup_options *options,
                                                        int32_t number,
                                                        struct hardsnap_error **error);

/**
 * Sets whether the hashes of copied files are kept: HARDSNAP_HASHES_KEPT or
 * HARDSNAP_HASHES_OFF.
 */
hardsnap_status hardsnap_backup_options_set_hashes(struct hardsnap_backup_options *options,
                                                   int32_t number,
                                                   struct hardsnap_error **error);

/**
 * Sets whether the snapshot may be made of an expired one:
 * HARDSNAP_RECYCLING_IF_POSSIBLE or HARDSNAP_RECYCLING_OFF.
 */
hardsnap_status hardsnap_backup_options_set_recycling(struct hardsnap_backup_options *options,
                                                      int32_t number,
                                                      struct hardsnap_error **error);

/**
 * Allows other sources than those that the store holds snapshots of.
 */
hardsnap_status hardsnap_backup_options_change_sources(struct hardsnap_backup_options *options,
                                                       struct hardsnap_error **error);

/**
 * Goes on where the destination has lost its hard links: each snapshot then
 * takes as much room as the sources.
 */
hardsnap_status hardsnap_backup_options_allow_full_copies(struct hardsnap_backup_options *options,
                                                          struct hardsnap_error **error);

/**
 * Lets this policy, which is copied, decide which expired snapshots are
 * removed afterwards. Default: the store's own.
 */
hardsnap_status hardsnap_backup_options_prune_by(struct hardsnap_backup_options *options,
                                                 const struct hardsnap_policy *policy,
                                                 struct hardsnap_error **error);

/**
 * Removes nothing afterwards.
 */
hardsnap_status hardsnap_backup_options_prune_nothing(struct hardsnap_backup_options *options,
                                                      struct hardsnap_error **error);

/**
 * Sets a note that the snapshot's record keeps.
 */
hardsnap_status hardsnap_backup_options_set_note(struct hardsnap_backup_options *options,
                                                 const char *note,
                                                 struct hardsnap_error **error);

/**
 * Sets a folder, `length` bytes, for a copy of the catalog, which is kept there for the next run
 * if the store is on a file server. It takes some 200 bytes a file, may be lost,
 * and is made if it is missing. There is none by default.
 */
hardsnap_status hardsnap_backup_options_set_cache(struct hardsnap_backup_options *options,
                                                  const char *folder,
                                                  size_t length,
                                                  struct hardsnap_error **error);

/**
 * Frees a plan. NULL is allowed.
 */
void hardsnap_prune_plan_free(struct hardsnap_prune_plan *plan);

/**
 * Why hardsnap_store_prune() will remove nothing, because something looks
 * wrong; or NULL.
 */
const char *hardsnap_prune_plan_pause(const struct hardsnap_prune_plan *plan);

/**
 * Has the plan carried out even if something looks wrong.
 */
hardsnap_status hardsnap_prune_plan_force(struct hardsnap_prune_plan *plan,
                                          struct hardsnap_error **error);

/**
 * Has so much free afterwards, given as "50G" or "10%": if it is not, more
 * snapshots go, oldest first, but never one that is held, suspect or dated in
 * the future, nor the newest complete one, nor the newest three.
 *
 * Errors: HARDSNAP_INVALID_OPTION.
 */
hardsnap_status hardsnap_prune_plan_set_min_free(struct hardsnap_prune_plan *plan,
                                                 const char *min_free,
                                                 struct hardsnap_error **error);

/**
 * All of it as a line of JSON, such as the command line prints.
 */
const char *hardsnap_prune_plan_json(const struct hardsnap_prune_plan *plan);

/**
 * How many snapshots are kept.
 */
size_t hardsnap_prune_plan_keep_count(const struct hardsnap_prune_plan *plan);

/**
 * The name of one that is kept; NULL beyond the last.
 */
const char *hardsnap_prune_plan_keep_name(const struct hardsnap_prune_plan *plan,
                                          size_t index);

/**
 * Why it is kept, and until when; NULL beyond the last.
 */
const char *hardsnap_prune_plan_keep_reasons(const struct hardsnap_prune_plan *plan,
                                             size_t index);

/**
 * How many snapshots are given up.
 */
size_t hardsnap_prune_plan_remove_count(const struct hardsnap_prune_plan *plan);

/**
 * The name of one that is given up; NULL beyond the last.
 */
const char *hardsnap_prune_plan_remove_name(const struct hardsnap_prune_plan *plan,
                                            size_t index);

/**
 * Why it is given up; NULL beyond the last.
 */
const char *hardsnap_prune_plan_remove_why(const struct hardsnap_prune_plan *plan,
                                           size_t index);

/**
 * Makes the default policy, its days those of UTC. Never NULL.
 */
struct hardsnap_policy *hardsnap_policy_new(void);

/**
 * Reads a policy from one line, such as
 * "daily for 2 weeks min 14, weekly for 6 months min 26, all monthly".
 * Its days are those of UTC.
 *
 * Errors: HARDSNAP_INVALID_OPTION, whose message points at the word.
 */
hardsnap_status hardsnap_policy_parse(const char *line,
                                      struct hardsnap_policy **policy,
                                      struct hardsnap_error **error);

/**
 * Frees a policy. NULL is allowed.
 */
void hardsnap_policy_free(struct hardsnap_policy *policy);

/**
 * Sets the time zone whose days, weeks and months count, by its IANA name
 * such as "Europe/Berlin".
 */
hardsnap_status hardsnap_policy_set_zone(struct hardsnap_policy *policy,
                                         const char *zone,
                                         struct hardsnap_error **error);

/**
 * Sets what ages count back from: HARDSNAP_ANCHOR_NEWEST, the default, or
 * HARDSNAP_ANCHOR_NOW.
 */
hardsnap_status hardsnap_policy_set_anchor(struct hardsnap_policy *policy,
                                           int32_t anchor,
                                           struct hardsnap_error **error);

/**
 * The policy in one line, which hardsnap_policy_parse() reads to the same
 * rules; until the policy is changed or freed.
 */
const char *hardsnap_policy_line(const struct hardsnap_policy *policy);

/**
 * The IANA name of its time zone; until the policy is changed or freed.
 */
const char *hardsnap_policy_zone(const struct hardsnap_policy *policy);

/**
 * How many rules do nothing of use, such as a window for weeks that ends
 * before that for days does.
 */
size_t hardsnap_policy_warning_count(const struct hardsnap_policy *policy);

/**
 * What is wrong with one of them, as a line of text; NULL beyond the last.
 */
const char *hardsnap_policy_warning(const struct hardsnap_policy *policy, size_t index);

/**
 * The path in the source; for removals, in the store.
 */
const char *hardsnap_problem_path(const struct hardsnap_problem *problem, size_t *length);

/**
 * What was being done: "stat", "open", "read", "list", "unstable", "create",
 * "set-metadata" or "remove". Others may be added.
 */
const char *hardsnap_problem_operation(const struct hardsnap_problem *problem);

/**
 * What the system said, such as "Permission denied".
 */
const char *hardsnap_problem_reason(const struct hardsnap_problem *problem);

/**
 * All of it in one line of text.
 */
const char *hardsnap_problem_message(const struct hardsnap_problem *problem);

/**
 * The system's error number (errno), or 0.
 */
int hardsnap_problem_os_error(const struct hardsnap_problem *problem);

/**
 * Frees a report. NULL is allowed.
 */
void hardsnap_report_free(struct hardsnap_report *report);

/**
 * The name of the snapshot that was published (in a dry run: would be), or
 * NULL.
 */
const char *hardsnap_report_snapshot(const struct hardsnap_report *report);

/**
 * One of HARDSNAP_SNAPSHOT_NONE, _COMPLETE, _PARTIAL, _SUSPECT.
 */
int32_t hardsnap_report_status(const struct hardsnap_report *report);

/**
 * The name of the snapshot that it was compared with and linked to, or NULL.
 */
const char *hardsnap_report_basis(const struct hardsnap_report *report);

/**
 * The name of the expired snapshot whose tree it was made of, or NULL.
 */
const char *hardsnap_report_recycled(const struct hardsnap_report *report);

/**
 * One of the counts of the run; `which` is HARDSNAP_FILES_LINKED or another
 * of these. 0 for what is none of them.
 */
uint64_t hardsnap_report_count(const struct hardsnap_report *report, int32_t which);

/**
 * How many sources look as if they had been lost.
 */
size_t hardsnap_report_suspicion_count(const struct hardsnap_report *report);

/**
 * What is suspect about one of the sources, as a line of text; NULL beyond the
 * last.
 */
const char *hardsnap_report_suspicion(const struct hardsnap_report *report, size_t index);

/**
 * All of it as a line of JSON, such as the command line prints as its summary.
 */
const char *hardsnap_report_json(const struct hardsnap_report *report);

/**
 * How many entries are missing or unstable.
 */
size_t hardsnap_report_skipped_count(const struct hardsnap_report *report);

/**
 * One of the entries that are missing or unstable, by path; NULL beyond the
 * last.
 */
const struct hardsnap_problem *hardsnap_report_skipped(const struct hardsnap_report *report,
                                                       size_t index);

/**
 * How many warnings there are.
 */
size_t hardsnap_report_warning_count(const struct hardsnap_report *report);

/**
 * One of the warnings, as a line of text; NULL beyond the last.
 */
const char *hardsnap_report_warning(const struct hardsnap_report *report, size_t index);

/**
 * How many snapshots were removed.
 */
size_t hardsnap_report_removed_count(const struct hardsnap_report *report);

/**
 * The name of one of the removed snapshots, oldest first; NULL beyond the
 * last.
 */
const char *hardsnap_report_removed(const struct hardsnap_report *report, size_t index);

/**
 * Why expired snapshots were not removed, or NULL.
 */
const char *hardsnap_report_prune_paused(const struct hardsnap_report *report);

/**
 * How many expired entries could not be removed. The next run tries again.
 */
size_t hardsnap_report_left_behind_count(const struct hardsnap_report *report);

/**
 * One of the entries that could not be removed; NULL beyond the last.
 */
const struct hardsnap_problem *hardsnap_report_left_behind(const struct hardsnap_report *report,
                                                           size_t index);

/**
 * How many snapshots a removal left where they are because they are being
 * read. Each is among the entries that could not be removed, too.
 */
size_t hardsnap_report_being_read_count(const struct hardsnap_report *report);

/**
 * The name of one of the snapshots that are being read; NULL beyond the last.
 */
const char *hardsnap_report_being_read(const struct hardsnap_report *report,
                                       size_t index);

/**
 * How long it took, in seconds.
 */
double hardsnap_report_elapsed_seconds(const struct hardsnap_report *report);

/**
 * How many things are in the way of a restore; only of a dry run.
 */
size_t hardsnap_report_in_the_way_count(const struct hardsnap_report *report);

/**
 * The path of one of the things that are in the way of a restore; NULL beyond the last.
 */
const char *hardsnap_report_in_the_way(const struct hardsnap_report *report,
                                       size_t index,
                                       size_t *length);

/**
 * How many paths a restore deleted because the snapshot does not have them.
 */
size_t hardsnap_report_deleted_count(const struct hardsnap_report *report);

/**
 * The path of one of the paths that a restore deleted; NULL beyond the last.
 */
const char *hardsnap_report_deleted(const struct hardsnap_report *report,
                                    size_t index,
                                    size_t *length);

/**
 * How many files a restore left out because they are damaged in the store.
 */
size_t hardsnap_report_damaged_count(const struct hardsnap_report *report);

/**
 * The path of one of the files that a restore left out because they are damaged in the store; NULL beyond the last.
 */
const char *hardsnap_report_damaged(const struct hardsnap_report *report,
                                    size_t index,
                                    size_t *length);

/**
 * Makes options that restore everything below a directory, each path at its
 * whole length. The directory is made if it is missing, but not those above it.
 */
hardsnap_status hardsnap_restore_options_into(const char *directory,
                                              size_t length,
                                              struct hardsnap_restore_options **options,
                                              struct hardsnap_error **error);

/**
 * Makes options that restore everything to where it came from.
 */
hardsnap_status hardsnap_restore_options_in_place(struct hardsnap_restore_options **options,
                                                  struct hardsnap_error **error);

/**
 * Frees options. NULL is allowed.
 */
void hardsnap_restore_options_free(struct hardsnap_restore_options *options);

/**
 * Restores this path, with all that is in it and the way to it, and others
 * that are added, in place of everything.
 */
hardsnap_status hardsnap_restore_options_add_path(struct hardsnap_restore_options *options,
                                                  const char *restored_path,
                                                  size_t length,
                                                  struct hardsnap_error **error);

/**
 * Sets what becomes of what is there and differs: HARDSNAP_OVERWRITE_NEVER or
 * another of these.
 */
hardsnap_status hardsnap_restore_options_set_overwrite(struct hardsnap_restore_options *options,
                                                       int32_t number,
                                                       struct hardsnap_error **error);

/**
 * Deletes what is in restored directories and not in the snapshot, in place
 * only. A dry run tells which paths these are (hardsnap_report_deleted).
 */
hardsnap_status hardsnap_restore_options_delete_extraneous(struct hardsnap_restore_options *options,
                                                           struct hardsnap_error **error);

/**
 * Deletes this path, and others that are added, if it is in a restored
 * directory and not in the snapshot; of what else is like that nothing.
 */
hardsnap_status hardsnap_restore_options_add_deleted(struct hardsnap_restore_options *options,
                                                     const char *deleted_path,
                                                     size_t length,
                                                     struct hardsnap_error **error);

/**
 * Sets whether to act: HARDSNAP_MODE_ACT or HARDSNAP_MODE_DRY_RUN.
 */
hardsnap_status hardsnap_restore_options_set_mode(struct hardsnap_restore_options *options,
                                                  int32_t number,
                                                  struct hardsnap_error **error);

/**
 * Sets the number of worker threads; 0 for as many as there are processors.
 */
hardsnap_status hardsnap_restore_options_set_jobs(struct hardsnap_restore_options *options,
                                                  uint32_t threads,
                                                  struct hardsnap_error **error);

/**
 * Restores paths of the snapshot with this full name, with all their metadata.
 * What could not be restored, or not with all that it has in the snapshot, is
 * in the report (hardsnap_report_skipped). `cancel` and `callback` may be NULL.
 *
 * Errors: HARDSNAP_IN_THE_WAY, and nothing was written;
 * HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_NOT_IN_SNAPSHOT,
 * HARDSNAP_TARGET_IS_STORE, HARDSNAP_NO_SPACE, HARDSNAP_FLUSH_FAILED and
 * others. A restore that was cut short goes on when it is done again.
 */
hardsnap_status hardsnap_store_restore(const struct hardsnap_store *store,
                                       const char *name,
                                       const struct hardsnap_restore_options *options,
                                       const struct hardsnap_cancel *cancel,
                                       hardsnap_callback callback,
                                       void *user_data,
                                       struct hardsnap_report **report,
                                       struct hardsnap_error **error);

/**
 * Finds the newest snapshot that is not later than an instant, in seconds since
 * 1970. One that is suspect does not count.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_resolve_before(const struct hardsnap_store *store,
                                              int64_t instant,
                                              struct hardsnap_snapshot **snapshot,
                                              struct hardsnap_error **error);

/**
 * Decides which of `count` snapshots to keep at `now`: a pure function of its
 * arguments. `times` are in seconds since 1970, in any order. `flags` are
 * HARDSNAP_FLAG_… or'ed, one for each; NULL stands for none.
 */
hardsnap_status hardsnap_retention_decide(const int64_t *times,
                                          const uint8_t *flags,
                                          size_t count,
                                          const struct hardsnap_policy *policy,
                                          int64_t now,
                                          struct hardsnap_decisions **decisions,
                                          struct hardsnap_error **error);

/**
 * Lists the instants of backups by a schedule, so that
 * hardsnap_retention_decide() can tell what would be there at its end: `every`
 * is a span such as "1 day" or "6 hours", `from` and `to` are the first and
 * the end. Days and longer spans keep the time of day in the policy's zone.
 *
 * Writes no more than `capacity` of them to `times`, which may be NULL if that
 * is 0, and how many there are to `count`; more than 10,000,000 are refused.
 */
hardsnap_status hardsnap_retention_schedule(const char *every,
                                            int64_t from,
                                            int64_t to,
                                            const struct hardsnap_policy *policy,
                                            int64_t *times,
                                            size_t capacity,
                                            size_t *count,
                                            struct hardsnap_error **error);

/**
 * Frees decisions. NULL is allowed.
 */
void hardsnap_decisions_free(struct hardsnap_decisions *decisions);

/**
 * Tells whether a snapshot is kept. True beyond the last: nobody decided to
 * remove it.
 */
bool hardsnap_decisions_keep(const struct hardsnap_decisions *decisions, size_t index);

/**
 * How many reasons there are to keep a snapshot; 0 if it is not kept.
 */
size_t hardsnap_decisions_reason_count(const struct hardsnap_decisions *decisions,
                                       size_t index);

/**
 * One of the reasons, HARDSNAP_REASON_…; 0 beyond the last.
 */
int32_t hardsnap_decisions_reason(const struct hardsnap_decisions *decisions,
                                  size_t index,
                                  size_t number);

/**
 * Tells until when a rule keeps a snapshot, in seconds since 1970: true, and
 * `seconds` is written, if that is known. False if the reason is no rule, or
 * if the rule keeps it for ever, or as long as there are not enough newer ones.
 */
bool hardsnap_decisions_reason_until(const struct hardsnap_decisions *decisions,
                                     size_t index,
                                     size_t number,
                                     int64_t *seconds);

/**
 * Tells which snapshot represents the period of one that is removed: true,
 * and `representative` is written, if there is one.
 */
bool hardsnap_decisions_represented_by(const struct hardsnap_decisions *decisions,
                                       size_t index,
                                       size_t *representative);

/**
 * Writes why a snapshot is kept or removed, as a line of text in UTF-8 with a
 * NUL behind it, cut off where `capacity` bytes end, as snprintf() does.
 * Returns the length of the whole text without the NUL; 0 beyond the last.
 * `buffer` may be NULL if `capacity` is 0.
 */
size_t hardsnap_decisions_explain(const struct hardsnap_decisions *decisions,
                                  size_t index,
                                  char *buffer,
                                  size_t capacity);

/**
 * Frees sizes. NULL is allowed.
 */
void hardsnap_sizes_free(struct hardsnap_sizes *sizes);

/**
 * The name that the spare had as a snapshot, if hardsnap_catalog_spare_sizes()
 * told its sizes; otherwise NULL.
 */
const char *hardsnap_sizes_spare(const struct hardsnap_sizes *sizes);

/**
 * All that would be free, in bytes: what files and other entries take that no
 * other snapshot has, and the directories. The records, a few KiB each, are
 * not counted.
 */
uint64_t hardsnap_sizes_freed_bytes(const struct hardsnap_sizes *sizes);

/**
 * What of this the directories take, in bytes. Every snapshot has its own.
 */
uint64_t hardsnap_sizes_directory_bytes(const struct hardsnap_sizes *sizes);

/**
 * The number of files and other entries that would be gone, directories left
 * out. Several names of one file count once.
 */
uint64_t hardsnap_sizes_entries(const struct hardsnap_sizes *sizes);

/**
 * The number of regular files among them.
 */
uint64_t hardsnap_sizes_files(const struct hardsnap_sizes *sizes);

/**
 * The sizes of these files, in bytes. They may take less, if they have holes,
 * or more.
 */
uint64_t hardsnap_sizes_apparent_bytes(const struct hardsnap_sizes *sizes);

/**
 * All of them as a line of JSON.
 */
const char *hardsnap_sizes_json(const struct hardsnap_sizes *sizes);

/**
 * Frees a list, and with it the snapshots that it lends. NULL is allowed.
 */
void hardsnap_snapshots_free(struct hardsnap_snapshots *snapshots);

/**
 * How many snapshots there are.
 */
size_t hardsnap_snapshots_count(const struct hardsnap_snapshots *snapshots);

/**
 * One of them, lent by the list; NULL beyond the last. 0 is the oldest.
 */
const struct hardsnap_snapshot *hardsnap_snapshots_get(const struct hardsnap_snapshots *snapshots,
                                                       size_t index);

/**
 * All of them as a line of JSON, such as the command line prints.
 */
const char *hardsnap_snapshots_json(const struct hardsnap_snapshots *snapshots);

/**
 * Frees a snapshot that hardsnap_store_resolve() made; never one that a list
 * lends. NULL is allowed.
 */
void hardsnap_snapshot_free(struct hardsnap_snapshot *snapshot);

/**
 * Its name, such as "2026-11-22T19-20-00Z": also that of its directory in the
 * store.
 */
const char *hardsnap_snapshot_name(const struct hardsnap_snapshot *snapshot);

/**
 * When it was begun, in seconds since 1970.
 */
int64_t hardsnap_snapshot_time(const struct hardsnap_snapshot *snapshot);

/**
 * Its place in the order in which the store's snapshots were made, from 1.
 */
uint64_t hardsnap_snapshot_sequence(const struct hardsnap_snapshot *snapshot);

/**
 * HARDSNAP_SNAPSHOT_COMPLETE, _PARTIAL or _SUSPECT.
 */
int32_t hardsnap_snapshot_status(const struct hardsnap_snapshot *snapshot);

/**
 * How many reasons there are why it is suspect.
 */
size_t hardsnap_snapshot_suspicion_count(const struct hardsnap_snapshot *snapshot);

/**
 * One of them, as a line of text; NULL beyond the last.
 */
const char *hardsnap_snapshot_suspicion(const struct hardsnap_snapshot *snapshot,
                                        size_t index);

/**
 * How many things the destination could not hold of the sources.
 */
size_t hardsnap_snapshot_lack_count(const struct hardsnap_snapshot *snapshot);

/**
 * One of them: "owners", "modes", "symlinks", "case", "normalization",
 * "mtimes", or "xattrs:user" and the like; NULL beyond the last. Others may be
 * added.
 */
const char *hardsnap_snapshot_lack(const struct hardsnap_snapshot *snapshot,
                                   size_t index);

/**
 * Whether it is kept whatever the policy says.
 */
bool hardsnap_snapshot_is_held(const struct hardsnap_snapshot *snapshot);

/**
 * Its note, or NULL.
 */
const char *hardsnap_snapshot_note(const struct hardsnap_snapshot *snapshot);

/**
 * The name of the machine that it was made on.
 */
const char *hardsnap_snapshot_host(const struct hardsnap_snapshot *snapshot);

/**
 * How many sources it has.
 */
size_t hardsnap_snapshot_source_count(const struct hardsnap_snapshot *snapshot);

/**
 * One of its sources, as an absolute path; NULL beyond the last.
 */
const char *hardsnap_snapshot_source(const struct hardsnap_snapshot *snapshot,
                                     size_t index,
                                     size_t *length);

/**
 * One of the counts of the run that made it, HARDSNAP_FILES_LINKED and so on.
 */
uint64_t hardsnap_snapshot_count(const struct hardsnap_snapshot *snapshot, int32_t which);

/**
 * The version of the library, such as "0.1.0"; HARDSNAP_VERSION is that of the
 * header.
 */
const char *hardsnap_version(void);

/**
 * A status as a word for programs, such as "not_a_store": what the command
 * line's JSON has as `code`.
 */
const char *hardsnap_status_name(hardsnap_status status);

/**
 * Makes a store: finds out what the destination can hold and writes the
 * marker. The last component of the path is created if it is missing. `options`
 * may be NULL for the defaults, `callback` if nobody wants to know.
 *
 * Errors: HARDSNAP_ALREADY_A_STORE, HARDSNAP_NOT_MOUNTED,
 * HARDSNAP_LINKS_UNSUPPORTED, HARDSNAP_LOCK_UNSUPPORTED and others.
 */
hardsnap_status hardsnap_store_init(const char *store_path,
                                    size_t length,
                                    const struct hardsnap_init_options *options,
                                    hardsnap_callback callback,
                                    void *user_data,
                                    struct hardsnap_store **store,
                                    struct hardsnap_error **error);

/**
 * Opens a store.
 *
 * Errors: HARDSNAP_NOT_A_STORE, HARDSNAP_UNSUPPORTED_FORMAT,
 * HARDSNAP_UNSAFE_STORE, HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_open(const char *store_path,
                                    size_t length,
                                    struct hardsnap_store **store,
                                    struct hardsnap_error **error);

/**
 * Closes a store. NULL is allowed.
 */
void hardsnap_store_free(struct hardsnap_store *store);

/**
 * The absolute path that it was opened at.
 */
const char *hardsnap_store_path(const struct hardsnap_store *store, size_t *length);

/**
 * Its own id, a UUID that the records of its snapshots carry.
 */
const char *hardsnap_store_id(const struct hardsnap_store *store);

/**
 * Makes a copy of the retention policy that it keeps.
 */
hardsnap_status hardsnap_store_policy(const struct hardsnap_store *store,
                                      struct hardsnap_policy **policy,
                                      struct hardsnap_error **error);

/**
 * Lists the published snapshots.
 */
hardsnap_status hardsnap_store_snapshots(const struct hardsnap_store *store,
                                         struct hardsnap_snapshots **snapshots,
                                         struct hardsnap_error **error);

/**
 * Finds a snapshot by its full name, by a beginning of one that no other has,
 * by "latest", or by "latest~N", the N-th before it.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT, HARDSNAP_AMBIGUOUS_SNAPSHOT, HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_resolve(const struct hardsnap_store *store,
                                       const char *name,
                                       struct hardsnap_snapshot **snapshot,
                                       struct hardsnap_error **error);

/**
 * Makes a snapshot, publishes it, moves `latest` and removes what expired.
 *
 * HARDSNAP_OK means that the snapshot is there and flushed; what could not be
 * read is in the report (hardsnap_report_skipped), and so is why expired
 * snapshots were not removed (hardsnap_report_prune_paused). With any other
 * status nothing was published. `cancel` and `callback` may be NULL.
 */
hardsnap_status hardsnap_store_backup(const struct hardsnap_store *store,
                                      const struct hardsnap_backup_options *options,
                                      const struct hardsnap_cancel *cancel,
                                      hardsnap_callback callback,
                                      void *user_data,
                                      struct hardsnap_report **report,
                                      struct hardsnap_error **error);

/**
 * Tells what a first backup would do where there is no store yet, and writes
 * nothing. `cancel` and `callback` may be NULL.
 */
hardsnap_status hardsnap_preview_first_backup(const struct hardsnap_backup_options *options,
                                              const struct hardsnap_cancel *cancel,
                                              hardsnap_callback callback,
                                              void *user_data,
                                              struct hardsnap_report **report,
                                              struct hardsnap_error **error);

/**
 * Tells what would be kept and given up at `now`, in seconds since 1970.
 * `policy` may be NULL for the store's own.
 */
hardsnap_status hardsnap_store_plan_prune(const struct hardsnap_store *store,
                                          const struct hardsnap_policy *policy,
                                          int64_t now,
                                          struct hardsnap_prune_plan **plan,
                                          struct hardsnap_error **error);

/**
 * Removes what a plan gives up. The plan is made again under the lock, and
 * what has come to be kept meanwhile stays. `cancel` and `callback` may be
 * NULL. What could not be removed is in the report, and why nothing was, if
 * something looks wrong (hardsnap_report_prune_paused).
 */
hardsnap_status hardsnap_store_prune(const struct hardsnap_store *store,
                                     const struct hardsnap_prune_plan *plan,
                                     const struct hardsnap_cancel *cancel,
                                     hardsnap_callback callback,
                                     void *user_data,
                                     struct hardsnap_report **report,
                                     struct hardsnap_error **error);

/**
 * Removes the snapshots named by `count` full names. Either all of them are
 * there and may go, or nothing is removed. The last complete one goes only if
 * `even_the_last` is true.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT; HARDSNAP_SNAPSHOT_HELD;
 * HARDSNAP_SNAPSHOT_IN_USE;
 * HARDSNAP_LAST_SNAPSHOT if no complete one would remain;
 * HARDSNAP_STORE_LOCKED and others.
 */
hardsnap_status hardsnap_store_delete(const struct hardsnap_store *store,
                                      const char *const *names,
                                      size_t count,
                                      bool even_the_last,
                                      const struct hardsnap_cancel *cancel,
                                      hardsnap_callback callback,
                                      void *user_data,
                                      struct hardsnap_report **report,
                                      struct hardsnap_error **error);

/**
 * Makes the catalog anew from the trees of the snapshots and their records.
 * What trees cannot hold is taken over from the catalog there is, as far as the
 * trees confirm it. `cancel` and `callback` may be NULL.
 *
 * Entries that cannot be read are in the report (hardsnap_report_skipped); their
 * snapshots are left out of the catalog. The report's JSON tells how much is in
 * it, and what is lost. With any other status than HARDSNAP_OK the catalog is as
 * it was.
 *
 * Errors: HARDSNAP_STORE_LOCKED, HARDSNAP_UNSUPPORTED_FORMAT if a newer version
 * wrote the catalog, HARDSNAP_NO_SPACE, HARDSNAP_CANCELLED, HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_reindex(const struct hardsnap_store *store,
                                       const struct hardsnap_cancel *cancel,
                                       hardsnap_callback callback,
                                       void *user_data,
                                       struct hardsnap_report **report,
                                       struct hardsnap_error **error);

/**
 * Opens a file of a snapshot, given by its full name, by its absolute path in
 * the source. Symlinks are never followed. What is read is what the store's
 * disk has: hardsnap_store_verify() tells whether that is what was stored.
 *
 * Errors: HARDSNAP_UNKNOWN_SNAPSHOT; HARDSNAP_NOT_IN_SNAPSHOT if it has nothing
 * at the path, or no file; HARDSNAP_INVALID_OPTION if the path is not an
 * absolute one; HARDSNAP_SNAPSHOT_IN_USE if the snapshot is being removed;
 * HARDSNAP_IO.
 */
hardsnap_status hardsnap_store_open_file(const struct hardsnap_store *store,
                                         const char *snapshot,
                                         const char *entry_path,
                                         size_t length,
                                         struct hardsnap_stored_file **file,
                                         struct hardsnap_error **error);

/**
 * Closes a file. NULL is allowed.
 */
void hardsnap_stored_file_free(struct hardsnap_stored_file *file);

/**
 * Its size in bytes.
 */
uint64_t hardsnap_stored_file_size_bytes(const struct hardsnap_stored_file *file);

/**
 * Reads the bytes that come next into `buffer`, which has room for `capacity`,
 * and writes to `read_bytes` how many there were: perhaps fewer than there is
 * room for, and 0 only at the end of the file, or if `capacity` is 0. What of
 * the buffer is behind them is of no value.
 *
 * Errors: HARDSNAP_IO.
 */
hardsnap_status hardsnap_stored_file_read(struct hardsnap_stored_file *file,
                                          void *buffer,
                                          size_t capacity,
                                          size_t *read_bytes,
                                          struct hardsnap_error **error);

/**
 * Makes options as every default says. Never NULL.
 */
struct hardsnap_tree_options *hardsnap_tree_options_new(void);

/**
 * Frees options. NULL is allowed.
 */
void hardsnap_tree_options_free(struct hardsnap_tree_options *options);

/**
 * Sets what of the source is taken; the filter is copied. Default: everything.
 *
 * Errors: HARDSNAP_INVALID_OPTION for a pattern that cannot be used.
 */
hardsnap_status hardsnap_tree_options_set_filter(struct hardsnap_tree_options *options,
                                                 const struct hardsnap_filter *filter,
                                                 struct hardsnap_error **error);

/**
 * Sets the number of worker threads, as hardsnap_backup_options_set_jobs().
 */
hardsnap_status hardsnap_tree_options_set_jobs(struct hardsnap_tree_options *options,
                                               uint32_t threads,
                                               struct hardsnap_error **error);

/**
 * Sets whether to act: HARDSNAP_MODE_ACT or HARDSNAP_MODE_DRY_RUN.
 */
hardsnap_status hardsnap_tree_options_set_mode(struct hardsnap_tree_options *options,
                                               int32_t number,
                                               struct hardsnap_error **error);

/**
 * Sets which mounts below the source are entered: HARDSNAP_MOUNTS_LOCAL or
 * another of these.
 */
hardsnap_status hardsnap_tree_options_set_mounts(struct hardsnap_tree_options *options,
                                                 int32_t number,
                                                 struct hardsnap_error **error);

/**
 * Replicates the content of `source` into `target`, which is created, or
 * empty; what did not change is linked to `basis`, a tree on the same
 * filesystem that may be NULL. `options`, `cancel` and `callback` may be NULL.
 *
 * Errors: HARDSNAP_TARGET_NOT_EMPTY, HARDSNAP_SOURCE_UNAVAILABLE,
 * HARDSNAP_NO_SPACE, HARDSNAP_CANCELLED, HARDSNAP_IO.
 */
hardsnap_status hardsnap_replicate_tree(const char *source,
                                        size_t source_length,
                                        const char *basis,
                                        size_t basis_length,
                                        const char *target,
                                        size_t target_length,
                                        const struct hardsnap_tree_options *options,
                                        const struct hardsnap_cancel *cancel,
                                        hardsnap_callback callback,
                                        void *user_data,
                                        struct hardsnap_report **report,
                                        struct hardsnap_error **error);

/**
 * Makes options: structure and metadata of all snapshots. Never NULL.
 */
struct hardsnap_verify_options *hardsnap_verify_options_new(void);

/**
 * Frees options. NULL is allowed.
 */
void hardsnap_verify_options_free(struct hardsnap_verify_options *options);

/**
 * Sets which snapshots are verified, by `count` full names; with a count of 0
 * all are, which is the default.
 */
hardsnap_status hardsnap_verify_options_set_snapshots(struct hardsnap_verify_options *options,
                                                      const char *const *names,
                                                      size_t count,
                                                      struct hardsnap_error **error);

/**
 * Sets which files are read: one of HARDSNAP_VERIFY_UNREAD, _SINCE_LAST, _FULL.
 */
hardsnap_status hardsnap_verify_options_set_content(struct hardsnap_verify_options *options,
                                                    int32_t content,
                                                    struct hardsnap_error **error);

/**
 * Has a part of all files read, more than 0 and at most 100 percent, and the
 * next time the part that follows.
 */
hardsnap_status hardsnap_verify_options_set_sample(struct hardsnap_verify_options *options,
                                                   double percent,
                                                   struct hardsnap_error **error);

/**
 * Sets whether what there is a good copy of is replaced by it.
 */
hardsnap_status hardsnap_verify_options_set_repair(struct hardsnap_verify_options *options,
                                                   bool repair,
                                                   struct hardsnap_error **error);

/**
 * Sets the number of worker threads; 0, the default, for one a processor, and
 * at least two.
 */
hardsnap_status hardsnap_verify_options_set_jobs(struct hardsnap_verify_options *options,
                                                 uint32_t jobs,
                                                 struct hardsnap_error **error);

/**
 * Compares snapshots with what was recorded of them: structure and metadata
 * always, content as the options say; `options` may be NULL for the defaults.
 * A backup may run meanwhile. A run that was stopped is gone on with by the next
 * one of the same choice. `cancel` and `callback` may be NULL.
 *
 * HARDSNAP_OK means that all was compared, whatever was found: the report tells.
 *
 * Errors: HARDSNAP_CATALOG_UNUSABLE, HARDSNAP_UNKNOWN_SNAPSHOT,
 * HARDSNAP_STORE_LOCKED if another verification is under way, or for a repair
 * another run, and others.
 */
hardsnap_status hardsnap_store_verify(const struct hardsnap_store *store,
                                      const struct hardsnap_verify_options *options,
                                      const struct hardsnap_cancel *cancel,
                                      hardsnap_callback callback,
                                      void *user_data,
                                      struct hardsnap_verify_report **report,
                                      struct hardsnap_error **error);

/**
 * Frees a report. NULL is allowed.
 */
void hardsnap_verify_report_free(struct hardsnap_verify_report *report);

/**
 * The number of files whose content was read and compared. Several names of
 * one file count once.
 */
uint64_t hardsnap_verify_report_checked_files(const struct hardsnap_verify_report *report);

/**
 * The sizes of these files, in bytes.
 */
uint64_t hardsnap_verify_report_checked_bytes(const struct hardsnap_verify_report *report);

/**
 * The number of files that would have been read, if their hashes were
 * recorded.
 */
uint64_t hardsnap_verify_report_unhashed_files(const struct hardsnap_verify_report *report);

/**
 * The number of damaged entries, also of those that are too many to be listed.
 */
uint64_t hardsnap_verify_report_damaged_entries(const struct hardsnap_verify_report *report);

/**
 * The number of those that are not as they were recorded now.
 */
uint64_t hardsnap_verify_report_unrepaired_entries(const struct hardsnap_verify_report *report);

/**
 * How many damaged entries are listed: 10,000 at the most.
 */
size_t hardsnap_verify_report_damaged_count(const struct hardsnap_verify_report *report);

/**
 * One of the damaged entries, by path; NULL beyond the last.
 */
const struct hardsnap_damaged *hardsnap_verify_report_damaged(const struct hardsnap_verify_report *report,
                                                              size_t index);

/**
 * All of it as a line of JSON, such as the command line prints as its summary.
 */
const char *hardsnap_verify_report_json(const struct hardsnap_verify_report *report);

/**
 * The path in the source, which is the one below the snapshot.
 */
const char *hardsnap_damaged_path(const struct hardsnap_damaged *damaged, size_t *length);

/**
 * What is wrong: "missing", "unexpected", "replaced", "altered", "unreadable"
 * or "miscounted". Others may be added.
 */
const char *hardsnap_damaged_problem(const struct hardsnap_damaged *damaged);

/**
 * The number of snapshots that share what is damaged.
 */
size_t hardsnap_damaged_snapshot_count(const struct hardsnap_damaged *damaged);

/**
 * The name of one of these snapshots, oldest first; NULL beyond the last.
 */
const char *hardsnap_damaged_snapshot(const struct hardsnap_damaged *damaged,
                                      size_t index);

/**
 * Where it is to be had as it was: one of HARDSNAP_GOOD_COPY_NONE, _SOURCE,
 * _STORED, _CATALOG. Others may be added.
 */
int32_t hardsnap_damaged_good_copy(const struct hardsnap_damaged *damaged);

/**
 * Whether it was repaired.
 */
bool hardsnap_damaged_is_repaired(const struct hardsnap_damaged *damaged);

/**
 * Why it could not be repaired; NULL if it was, or if that was not wanted.
 */
const char *hardsnap_damaged_reason(const struct hardsnap_damaged *damaged);

/**
 * Frees a list, and with it the versions that it lends. NULL is allowed.
 */
void hardsnap_versions_free(struct hardsnap_versions *versions);

/**
 * How many versions there are.
 */
size_t hardsnap_versions_count(const struct hardsnap_versions *versions);

/**
 * One of them; NULL beyond the last. 0 is the oldest.
 */
const struct hardsnap_entry_version *hardsnap_versions_get(const struct hardsnap_versions *versions,
                                                           size_t index);

/**
 * The entry.
 */
const struct hardsnap_entry *hardsnap_entry_version_entry(const struct hardsnap_entry_version *version);

/**
 * The name of the first snapshot that has it.
 */
const char *hardsnap_entry_version_first(const struct hardsnap_entry_version *version);

/**
 * The name of the last one.
 */
const char *hardsnap_entry_version_last(const struct hardsnap_entry_version *version);

/**
 * The number of snapshots that have it: the first, the last, and all between
 * them.
 */
size_t hardsnap_entry_version_snapshot_count(const struct hardsnap_entry_version *version);

/**
 * All of it as a line of JSON, such as the command line prints.
 */
const char *hardsnap_entry_version_json(const struct hardsnap_entry_version *version);

/**
 * Frees them, and with them the one that is lent. NULL is allowed.
 */
void hardsnap_found_free(struct hardsnap_found *found);

/**
 * Lends the next path, or NULL when there is no more, also after an error.
 *
 * Errors: HARDSNAP_CATALOG_UNUSABLE, HARDSNAP_STORE_LOCKED,
 * HARDSNAP_CANCELLED.
 */
hardsnap_status hardsnap_found_next(struct hardsnap_found *found,
                                    const struct hardsnap_found_path **path,
                                    struct hardsnap_error **error);

/**
 * The entry, as the last snapshot has it.
 */
const struct hardsnap_entry *hardsnap_found_path_entry(const struct hardsnap_found_path *found);

/**
 * The name of the first snapshot that has the path.
 */
const char *hardsnap_found_path_first(const struct hardsnap_found_path *found);

/**
 * The name of the last one.
 */
const char *hardsnap_found_path_last(const struct hardsnap_found_path *found);

/**
 * The number of snapshots that have it. Not all between the first and the last
 * need to.
 */
size_t hardsnap_found_path_snapshot_count(const struct hardsnap_found_path *found);

/**
 * All of it as a line of JSON, such as the command line prints.
 */
const char *hardsnap_found_path_json(const struct hardsnap_found_path *found);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HARDSNAP_H */
