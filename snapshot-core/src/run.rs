//! What every kind of run needs: threads, a stop-watch, and what is taken for
//! granted when nothing is touched.

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::thread::{Builder, JoinHandle};
use std::time::{Instant, SystemTime};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::compare::{Modes, Names, Ownership, Rules};
use crate::entry::FileTime;
use crate::error::{Error, ErrorKind, Result};
use crate::fs::dir::Dir;
use crate::fs::publish::{Filesystem, InodeNumbers};
use crate::fs::xattr;
use crate::node::open_files_limit;
use crate::options::Jobs;
use crate::xattr::Namespaces;

/// The engine's own threads. When this is dropped they have ended: rayon lets
/// its own go on, and whoever forks or unmounts after a run must not meet them.
pub(crate) struct Pool {
    // In this order: threads end once nobody has work for them.
    threads: ThreadPool,
    _ended: Joined,
}

/// Waits for threads when it is dropped.
struct Joined(Vec<JoinHandle<()>>);

impl Deref for Pool {
    type Target = ThreadPool;

    fn deref(&self) -> &ThreadPool {
        &self.threads
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        for handle in self.0.drain(..) {
            // What panicked on a thread was passed on to whoever waited for it.
            drop(handle.join());
        }
    }
}

/// Starts threads for work in these places; never the global pool, which belongs
/// to others.
pub(crate) fn pool(jobs: Jobs, places: &[&Dir]) -> Result<Pool> {
    let wanted = match jobs {
        Jobs::Exactly(jobs) => jobs.get(),
        Jobs::Auto => std::thread::available_parallelism()
            .map_or(2, NonZeroUsize::get)
            .max(2)
            .max(
                places
                    .iter()
                    .map(|place| in_flight(place))
                    .max()
                    .unwrap_or(0),
            ),
    };
    // Each worker needs some open files.
    let count = wanted.min(open_files_limit() / 64).max(1);
    let mut handles = Vec::with_capacity(count);
    let started = ThreadPoolBuilder::new()
        .num_threads(count)
        .start_handler(|_| xattr::own_directory())
        .spawn_handler(|thread| {
            let builder = Builder::new().name(format!("hardsnap-{}", thread.index()));
            handles.push(builder.spawn(|| thread.run())?);
            Ok(())
        })
        .build();
    match started {
        Ok(threads) => Ok(Pool {
            threads,
            _ended: Joined(handles),
        }),
        Err(error) => Err(Error::new(
            ErrorKind::Io,
            format!("cannot start {count} threads: {error}"),
        )),
    }
}

/// How many calls should be under way at once to keep what is here busy. A disk
/// needs no more than the processors can give it; a file server is waited for,
/// the longer the farther away it is.
fn in_flight(place: &Dir) -> usize {
    const FEW: usize = 4;
    /// NFS 4.2 has about so many calls under way at the most.
    const MANY: usize = 32;
    /// A server that is so near answers before there is something else to do.
    const NEAR_MICROSECONDS: u128 = 250;
    let asked = now_monotonic();
    let Ok(numbers) = Filesystem::numbers_of(place) else {
        return 0;
    };
    let call_microseconds = asked.elapsed().as_micros();
    match numbers {
        InodeNumbers::Told => {
            let times = usize::try_from(call_microseconds / NEAR_MICROSECONDS);
            times.unwrap_or(MANY).saturating_mul(2).clamp(FEW, MANY)
        }
        InodeNumbers::Listed | InodeNumbers::Passing => 0,
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "for telling how long a run took, and how far away a file server is"
)]
pub(crate) fn now_monotonic() -> Instant {
    Instant::now()
}

#[allow(
    clippy::disallowed_methods,
    reason = "for telling how long ago a file was changed, which no argument can tell"
)]
pub(crate) fn now_wall() -> FileTime {
    // A clock before 1970 is behind all files, and nothing is taken for old.
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    FileTime {
        seconds: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: now.subsec_nanos(),
    }
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
