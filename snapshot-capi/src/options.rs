//! What a caller may choose.

use std::ffi::c_char;
use std::num::NonZeroUsize;

use engine::{
    BackupOptions, BasisCheck, FullCopies, Hashes, InitOptions, Jobs, Mode, Mounts, Pruning,
    Reading, Recycling, Series, Spare,
};

use crate::argument::{Out, free, handle, handle_mut, one_of, path, text, time};
use crate::error::{Failure, hardsnap_error};
use crate::filter::hardsnap_filter;
use crate::guard::{guard, look};
use crate::policy::hardsnap_policy;
use crate::status::hardsnap_status;

/// Local disks below the source are entered; network, FUSE and autofs mounts
/// become empty directories. The default.
pub const HARDSNAP_MOUNTS_LOCAL: i32 = 0;
/// Every mount point becomes an empty directory.
pub const HARDSNAP_MOUNTS_ONE_FILE_SYSTEM: i32 = 1;
/// Network, FUSE and autofs mounts are entered, too. A server that does not
/// answer can then stop the run.
pub const HARDSNAP_MOUNTS_ALL: i32 = 2;

/// Acts. The default.
pub const HARDSNAP_MODE_ACT: i32 = 0;
/// Writes nothing, takes no lock, and reports what would be done.
pub const HARDSNAP_MODE_DRY_RUN: i32 = 1;

/// Files that may have changed, by what is known of them, are read. The default.
pub const HARDSNAP_READING_CHANGED: i32 = 0;
/// Every file is read, to compare its content by its hash with what was
/// recorded. A file without a recorded hash is copied.
pub const HARDSNAP_READING_EVERYTHING: i32 = 1;

/// An entry of the basis is looked at where the record of it is not enough. The
/// default.
pub const HARDSNAP_BASIS_CHECK_AS_NEEDED: i32 = 0;
/// Every entry of the basis is looked at.
pub const HARDSNAP_BASIS_CHECK_EVERY_ENTRY: i32 = 1;

/// A hash (BLAKE3) is computed of each file while it is copied, and recorded.
/// The default.
pub const HARDSNAP_HASHES_KEPT: i32 = 0;
/// No hash of copied files is computed.
pub const HARDSNAP_HASHES_OFF: i32 = 1;

/// The newest tree that retention gives up is kept, for the next snapshot to be
/// made of it, while a tenth of the filesystem is free. The default.
pub const HARDSNAP_SPARE_KEPT: i32 = 0;
/// What retention gives up is removed at once.
pub const HARDSNAP_SPARE_OFF: i32 = 1;

/// The snapshot is made of the spare, or of what a run has left that was cut
/// short, if there is one. The default.
pub const HARDSNAP_RECYCLING_IF_POSSIBLE: i32 = 0;
/// A new tree is made. The spare stays for the next run.
pub const HARDSNAP_RECYCLING_OFF: i32 = 1;

pub(crate) fn mounts(number: i32) -> Result<Mounts, Failure> {
    let values = [
        (HARDSNAP_MOUNTS_LOCAL, Mounts::Local),
        (HARDSNAP_MOUNTS_ONE_FILE_SYSTEM, Mounts::OneFileSystem),
        (HARDSNAP_MOUNTS_ALL, Mounts::All),
    ];
    one_of("mounts", number, &values)
}

pub(crate) fn mode(number: i32) -> Result<Mode, Failure> {
    let values = [
        (HARDSNAP_MODE_ACT, Mode::Act),
        (HARDSNAP_MODE_DRY_RUN, Mode::DryRun),
    ];
    one_of("mode", number, &values)
}

fn reading(number: i32) -> Result<Reading, Failure> {
    let values = [
        (HARDSNAP_READING_CHANGED, Reading::Changed),
        (HARDSNAP_READING_EVERYTHING, Reading::Everything),
    ];
    one_of("reading", number, &values)
}

fn basis_check(number: i32) -> Result<BasisCheck, Failure> {
    let values = [
        (HARDSNAP_BASIS_CHECK_AS_NEEDED, BasisCheck::AsNeeded),
        (HARDSNAP_BASIS_CHECK_EVERY_ENTRY, BasisCheck::EveryEntry),
    ];
    one_of("basis check", number, &values)
}

fn hashes(number: i32) -> Result<Hashes, Failure> {
    let values = [
        (HARDSNAP_HASHES_KEPT, Hashes::Kept),
        (HARDSNAP_HASHES_OFF, Hashes::Off),
    ];
    one_of("hashes", number, &values)
}

fn spare(number: i32) -> Result<Spare, Failure> {
    let values = [
        (HARDSNAP_SPARE_KEPT, Spare::Kept),
        (HARDSNAP_SPARE_OFF, Spare::Off),
    ];
    one_of("spare", number, &values)
}

fn recycling(number: i32) -> Result<Recycling, Failure> {
    let values = [
        (HARDSNAP_RECYCLING_IF_POSSIBLE, Recycling::IfPossible),
        (HARDSNAP_RECYCLING_OFF, Recycling::Off),
    ];
    one_of("recycling", number, &values)
}

pub(crate) fn jobs(number: u32) -> Jobs {
    NonZeroUsize::new(number as usize).map_or(Jobs::Auto, Jobs::Exactly)
}

/// How a store is made.
#[derive(Debug)]
pub struct hardsnap_init_options(pub(crate) InitOptions);

/// Makes options: the default policy, and refused where there are no hard
/// links. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn hardsnap_init_options_new() -> *mut hardsnap_init_options {
    Box::into_raw(Box::new(hardsnap_init_options(InitOptions::new())))
}

/// Frees options. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_init_options_free(options: *mut hardsnap_init_options) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(options) });
}

/// Sets the retention policy that the store keeps; it is copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_init_options_set_policy(
    options: *mut hardsnap_init_options,
    policy: *const hardsnap_policy,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let policy = handle("policy", policy)?.policy.clone();
            options.0 = options.0.clone().policy(policy);
            Ok(())
        })
    }
}

/// Allows a store on a destination without hard links: each snapshot then
/// takes as much room as the sources.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_init_options_allow_full_copies(
    options: *mut hardsnap_init_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.0 = options.0.clone().full_copies(FullCopies::Allowed);
            Ok(())
        })
    }
}

/// Sets whether the store keeps a spare: HARDSNAP_SPARE_KEPT or
/// HARDSNAP_SPARE_OFF.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_init_options_set_spare(
    options: *mut hardsnap_init_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            options.0 = options.0.clone().spare(spare(number)?);
            Ok(())
        })
    }
}

/// What a backup does.
#[derive(Debug)]
pub struct hardsnap_backup_options(pub(crate) BackupOptions);

impl hardsnap_backup_options {
    fn change(&mut self, with: impl FnOnce(BackupOptions) -> BackupOptions) {
        self.0 = with(self.0.clone());
    }
}

/// Makes the options of a backup at `now`, in seconds since 1970, as time(NULL)
/// tells it: at least one source has to be added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_new(
    now: i64,
    options: *mut *mut hardsnap_backup_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let out = Out::new("options", options)?;
            let no_sources: [&str; 0] = [];
            let options = BackupOptions::new(no_sources, time("now", now)?);
            out.put(hardsnap_backup_options(options));
            Ok(())
        })
    }
}

/// Frees options. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_free(options: *mut hardsnap_backup_options) {
    // SAFETY: stated in the header.
    look((), || unsafe { free(options) });
}

/// Adds a source. It is resolved to its absolute path, symlinks in it followed,
/// and lands at that path inside the snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_add_source(
    options: *mut hardsnap_backup_options,
    source: *const c_char,
    length: usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let source = path("source", source, length)?;
            options.change(|options| options.source(source));
            Ok(())
        })
    }
}

/// Sets what of the sources is taken; the filter is copied. Default:
/// everything.
///
/// Errors: HARDSNAP_INVALID_OPTION for a pattern that cannot be used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_filter(
    options: *mut hardsnap_backup_options,
    filter: *const hardsnap_filter,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let filter = handle("filter", filter)?.build()?;
            options.change(|options| options.filter(filter));
            Ok(())
        })
    }
}

/// Dates the snapshot exactly, in seconds since 1970; that is then also the now
/// of pruning. The run is refused if there is a snapshot of that second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_time(
    options: *mut hardsnap_backup_options,
    seconds: i64,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let time = time("seconds", seconds)?;
            options.change(|options| options.time(time));
            Ok(())
        })
    }
}

/// Sets the number of worker threads. 0, the default: as many as there are
/// processors, and at least two.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_jobs(
    options: *mut hardsnap_backup_options,
    threads: u32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("options", options)?.change(|options| options.jobs(jobs(threads)));
            Ok(())
        })
    }
}

/// Sets whether to act: HARDSNAP_MODE_ACT or HARDSNAP_MODE_DRY_RUN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_mode(
    options: *mut hardsnap_backup_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let mode = mode(number)?;
            options.change(|options| options.mode(mode));
            Ok(())
        })
    }
}

/// Sets which mounts below the sources are entered: HARDSNAP_MOUNTS_LOCAL or
/// another of these.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_mounts(
    options: *mut hardsnap_backup_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let mounts = mounts(number)?;
            options.change(|options| options.mounts(mounts));
            Ok(())
        })
    }
}

/// Sets which files are read to find out whether they have changed:
/// HARDSNAP_READING_CHANGED or HARDSNAP_READING_EVERYTHING.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_reading(
    options: *mut hardsnap_backup_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let reading = reading(number)?;
            options.change(|options| options.reading(reading));
            Ok(())
        })
    }
}

/// Sets whether each entry of the basis is looked at:
/// HARDSNAP_BASIS_CHECK_AS_NEEDED or HARDSNAP_BASIS_CHECK_EVERY_ENTRY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_basis_check(
    options: *mut hardsnap_backup_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let basis_check = basis_check(number)?;
            options.change(|options| options.basis_check(basis_check));
            Ok(())
        })
    }
}

/// Sets whether the hashes of copied files are kept: HARDSNAP_HASHES_KEPT or
/// HARDSNAP_HASHES_OFF.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_hashes(
    options: *mut hardsnap_backup_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let hashes = hashes(number)?;
            options.change(|options| options.hashes(hashes));
            Ok(())
        })
    }
}

/// Sets whether the snapshot may be made of an expired one:
/// HARDSNAP_RECYCLING_IF_POSSIBLE or HARDSNAP_RECYCLING_OFF.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_recycling(
    options: *mut hardsnap_backup_options,
    number: i32,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let recycling = recycling(number)?;
            options.change(|options| options.recycling(recycling));
            Ok(())
        })
    }
}

/// Allows other sources than those that the store holds snapshots of.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_change_sources(
    options: *mut hardsnap_backup_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("options", options)?.change(|options| options.series(Series::Change));
            Ok(())
        })
    }
}

/// Goes on where the destination has lost its hard links: each snapshot then
/// takes as much room as the sources.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_allow_full_copies(
    options: *mut hardsnap_backup_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("options", options)?
                .change(|options| options.full_copies(FullCopies::Allowed));
            Ok(())
        })
    }
}

/// Lets this policy, which is copied, decide which expired snapshots are
/// removed afterwards. Default: the store's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_prune_by(
    options: *mut hardsnap_backup_options,
    policy: *const hardsnap_policy,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let policy = handle("policy", policy)?.policy.clone();
            options.change(|options| options.pruning(Pruning::By(policy)));
            Ok(())
        })
    }
}

/// Removes nothing afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_prune_nothing(
    options: *mut hardsnap_backup_options,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            handle_mut("options", options)?.change(|options| options.pruning(Pruning::Off));
            Ok(())
        })
    }
}

/// Sets a note that the snapshot's record keeps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_note(
    options: *mut hardsnap_backup_options,
    note: *const c_char,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let note = text("note", note)?;
            options.change(|options| options.note(note));
            Ok(())
        })
    }
}

/// Sets a folder, `length` bytes, for a copy of the catalog, which is kept there for the next run
/// if the store is on a file server. It takes some 200 bytes a file, may be lost,
/// and is made if it is missing. There is none by default.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hardsnap_backup_options_set_cache(
    options: *mut hardsnap_backup_options,
    folder: *const c_char,
    length: usize,
    error: *mut *mut hardsnap_error,
) -> hardsnap_status {
    // SAFETY: stated in the header.
    unsafe {
        guard(error, || {
            let options = handle_mut("options", options)?;
            let folder = path("folder", folder, length)?;
            options.change(|options| options.cache(folder));
            Ok(())
        })
    }
}
