//! What was done, added up by each worker for itself and for each source.

use std::sync::Mutex;

use crate::report::Counts;
use crate::walk::state::locked;

/// Which source an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// It lies above all sources, on the way to one.
    Above,
    /// To the source of this place in the list.
    To(usize),
}

/// The sums of each worker, so that none waits for another: of what lies above
/// the sources, then of each source.
pub(crate) struct Totals {
    workers: Box<[Mutex<Vec<Counts>>]>,
    sources: usize,
}

impl Totals {
    pub(crate) fn new(workers: usize, sources: usize) -> Totals {
        let zeros = || Mutex::new(vec![Counts::default(); sources + 1]);
        Totals {
            workers: (0..workers.max(1)).map(|_| zeros()).collect(),
            sources,
        }
    }

    /// Adds to the sums of the worker that calls.
    pub(crate) fn add(&self, belongs: Belongs, counts: &Counts) {
        let worker = rayon::current_thread_index().unwrap_or_default() % self.workers.len();
        let place = match belongs {
            Belongs::Above => 0,
            Belongs::To(source) => source + 1,
        };
        locked(&self.workers[worker])[place].add(counts);
    }

    /// Adds up all workers: everything, and each source.
    pub(crate) fn sums(&self) -> (Counts, Vec<Counts>) {
        let mut all = Counts::default();
        let mut sources = vec![Counts::default(); self.sources];
        for worker in &self.workers {
            let worker = locked(worker);
            worker.iter().for_each(|counts| all.add(counts));
            for (source, counts) in sources.iter_mut().zip(&worker[1..]) {
                source.add(counts);
            }
        }
        (all, sources)
    }
}
