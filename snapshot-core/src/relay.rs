//! Watching a run from the thread that asked for it.

use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::event::{Event, Observer, Phase};
use crate::name::SnapshotName;
use crate::report::{Counts, Problem, Warning};
use crate::restore::Obstacle;
use crate::run::now_monotonic;
use crate::verify::Damaged;

/// What [`relay`] hands on: an [`Event`] that can be kept, and sums instead of
/// differences.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// The run has the lock and knows what it compares with.
    Started {
        /// The snapshot in the making.
        snapshot: SnapshotName,
        /// The snapshot it is compared with.
        basis: Option<SnapshotName>,
        /// What the basis holds: an estimate of what is to come.
        expected: Option<Counts>,
    },
    /// A part of the run begins.
    Phase(Phase),
    /// What all snapshots that are read again hold together: an estimate of
    /// what is to come.
    Expected(Counts),
    /// All that was done so far. Comes at even distances, also when nothing
    /// happened in between, and once more at the end.
    Progress(Counts),
    /// Trouble with one entry.
    Problem(Problem),
    /// Something that keeps a restore from beginning.
    InTheWay(Obstacle),
    /// An entry of a snapshot is not as it was recorded.
    Damaged(Box<Damaged>),
    /// Something to know.
    Warning(Warning),
    /// A snapshot has left the store.
    Removed(SnapshotName),
}

/// Runs `work` on a thread of its own and hands what it tells to `watch`, on
/// the thread that called.
///
/// `watch` is called at least once in each `interval`, so that it is also the
/// place to look for what should stop the run, such as a signal, and then to
/// use its [`CancelToken`](crate::CancelToken). A slow `watch` delays nothing
/// but itself.
///
/// # Panics
///
/// If `work` or `watch` does; the former's panic is passed on when it is over.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> hardsnap::Result<()> {
/// use std::time::Duration;
/// use hardsnap::{CancelToken, News, TreeOptions, relay, replicate_tree};
///
/// let cancel = CancelToken::new();
/// let report = relay(
///     Duration::from_millis(100),
///     |observer| {
///         let options = TreeOptions::new();
///         replicate_tree("/home", None, "/mnt/copy", &options, observer, &cancel)
///     },
///     |news| {
///         if let News::Progress(sums) = news {
///             println!("{} bytes", sums.bytes());
///         }
///     },
/// )?;
/// # Ok(())
/// # }
/// ```
pub fn relay<T: Send>(
    interval: Duration,
    work: impl FnOnce(&dyn Observer) -> T + Send,
    mut watch: impl FnMut(&News),
) -> T {
    let sums = Mutex::new(Counts::default());
    let read = || *sums.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        let (sender, news) = mpsc::channel();
        let teller = Teller {
            sender,
            sums: &sums,
        };
        let working = scope.spawn(move || work(&teller));
        let mut told = now_monotonic();
        loop {
            let left = interval.saturating_sub(told.elapsed());
            match news.recv_timeout(left) {
                Ok(news) => watch(&news),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if told.elapsed() >= interval {
                watch(&News::Progress(read()));
                told = now_monotonic();
            }
        }
        watch(&News::Progress(read()));
        working
            .join()
            .unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    })
}

/// Puts events on the way to the other thread.
struct Teller<'a> {
    sender: Sender<News>,
    sums: &'a Mutex<Counts>,
}

impl Observer for Teller<'_> {
    fn on_event(&self, event: &Event<'_>) {
        let news = match *event {
            Event::Progress(counts) => {
                let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
                return sums.add(counts);
            }
            Event::Started {
                snapshot,
                basis,
                expected,
            } => News::Started {
                snapshot,
                basis,
                expected,
            },
            Event::Phase(phase) => News::Phase(phase),
            Event::Expected(counts) => News::Expected(*counts),
            Event::Problem(problem) => News::Problem(problem.clone()),
            Event::InTheWay(obstacle) => News::InTheWay(obstacle.clone()),
            Event::Damaged(damaged) => News::Damaged(Box::new(damaged.clone())),
            Event::Warning(warning) => News::Warning(warning.clone()),
            Event::Removed(name) => News::Removed(name),
            Event::Entry { .. } | Event::LeftOut { .. } => return,
        };
        // Nobody listens any more if the watcher panicked; the run goes on.
        drop(self.sender.send(news));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_file() -> Counts {
        Counts {
            files_copied: 1,
            ..Counts::default()
        }
    }

    #[test]
    fn everything_is_told_on_the_calling_thread_and_summed_up() {
        let caller = thread::current().id();
        let mut heard = Vec::new();
        let result = relay(
            Duration::from_secs(60),
            |observer| {
                assert_ne!(thread::current().id(), caller);
                observer.on_event(&Event::Phase(Phase::Walking));
                for _ in 0..3 {
                    observer.on_event(&Event::Progress(&one_file()));
                }
                7
            },
            |news| {
                assert_eq!(thread::current().id(), caller);
                heard.push(news.clone());
            },
        );
        assert_eq!(result, 7);
        let sums = Counts {
            files_copied: 3,
            ..Counts::default()
        };
        assert_eq!(heard, [News::Phase(Phase::Walking), News::Progress(sums)]);
    }

    #[test]
    fn the_watcher_is_asked_while_nothing_happens() {
        let (stop, stopped) = mpsc::channel();
        let mut asked = 0;
        relay(
            Duration::from_millis(1),
            move |_| stopped.recv(),
            |_| {
                asked += 1;
                if asked == 3 {
                    stop.send(()).unwrap();
                }
            },
        )
        .unwrap();
        assert!(asked >= 3);
    }

    #[test]
    fn a_panic_of_the_work_is_passed_on() {
        let caught = panic::catch_unwind(|| {
            relay(Duration::from_secs(60), |_| panic!("on purpose"), |_| {});
        });
        let payload = caught.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"on purpose"));
    }
}
