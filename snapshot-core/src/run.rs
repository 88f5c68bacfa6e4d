//! What every kind of run needs: threads, a stop-watch, and what is taken for
//! granted when nothing is touched.

use std::num::NonZeroUsize;
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::compare::{Modes, Names, Ownership, Rules};
use crate::error::{Error, ErrorKind, Result};
use crate::fs::xattr;
use crate::node::open_files_limit;
use crate::options::Jobs;
use crate::xattr::Namespaces;

/// The engine's own threads; never the global pool, which belongs to others.
pub(crate) fn pool(jobs: Jobs) -> Result<ThreadPool> {
    let wanted = match jobs {
        Jobs::Exactly(jobs) => jobs.get(),
        Jobs::Auto => std::thread::available_parallelism()
            .map_or(2, NonZeroUsize::get)
            .max(2),
    };
    // Each worker needs some open files.
    let threads = wanted.min(open_files_limit() / 64).max(1);
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .start_handler(|_| xattr::own_directory())
        .thread_name(|number| format!("hardsnap-{number}"))
        .build()
        .map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("cannot start {threads} threads: {error}"),
            )
        })
}

#[allow(
    clippy::disallowed_methods,
    reason = "for telling how long a run took; decides nothing"
)]
pub(crate) fn now_monotonic() -> Instant {
    Instant::now()
}

/// What a dry run takes for granted of a destination that it does not touch.
pub(crate) fn dry_rules() -> Rules {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let (uid, gid) = (uid.as_raw(), gid.as_raw());
    let ownership = if uid == 0 {
        Ownership::Kept {
            made_as: (uid, gid),
        }
    } else {
        Ownership::Fixed { uid, gid }
    };
    Rules {
        ownership,
        modes: Modes::Kept,
        mtime_granularity_nanoseconds: 1,
        xattrs: Namespaces::all(),
        names: Names::Exact,
    }
}
