//! Runs: the work detached from the interpreter, and the calling thread awake
//! for signals and callbacks.

use std::time::Duration;

use hardsnap::{CancelToken, Counts, News, Observer, Phase, SnapshotName, relay};
use pyo3::prelude::*;

use crate::argument::callback;
use crate::cancel;
use crate::error::raised;
use crate::report;

/// How long Ctrl-C waits at most until it is seen.
const INTERVAL: Duration = Duration::from_millis(100);

/// Who watches a run, as its arguments say; by default nobody.
#[derive(Default)]
pub(crate) struct Watch {
    progress: Option<Py<PyAny>>,
    notify: Option<Py<PyAny>>,
    cancel: Option<CancelToken>,
}

impl Watch {
    pub(crate) fn new(
        progress: Option<Bound<'_, PyAny>>,
        notify: Option<Bound<'_, PyAny>>,
        cancel: Option<&cancel::CancelToken>,
    ) -> PyResult<Watch> {
        Ok(Watch {
            progress: callback("progress", progress)?.map(Bound::unbind),
            notify: callback("notify", notify)?.map(Bound::unbind),
            cancel: cancel.map(|token| token.0.clone()),
        })
    }

    /// Does `work` on a thread of its own, and meanwhile calls whoever watches,
    /// here. What is raised there, or by a signal, stops the run and is raised
    /// once it has stopped.
    pub(crate) fn over<T: Send>(
        self,
        py: Python<'_>,
        work: impl FnOnce(&dyn Observer, &CancelToken) -> hardsnap::Result<T> + Send,
    ) -> PyResult<T> {
        // The caller's own may be that of other runs, too.
        let stop = CancelToken::new();
        self.stopping(py, &stop, |observer| work(observer, &stop))
    }

    /// Does the same with what `stop` stops, and nobody else's.
    pub(crate) fn stopping<T: Send>(
        self,
        py: Python<'_>,
        stop: &CancelToken,
        work: impl FnOnce(&dyn Observer) -> hardsnap::Result<T> + Send,
    ) -> PyResult<T> {
        let mut watcher = Watcher {
            watch: self,
            stop: stop.clone(),
            state: State::default(),
            raised: None,
        };
        watcher.pass_on_cancel();
        let result = py.detach(|| relay(INTERVAL, work, |news| watcher.hear(news)));
        match watcher.raised {
            Some(error) => Err(error),
            None => result.map_err(raised),
        }
    }
}

/// What the run has told so far.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) phase: Option<Phase>,
    pub(crate) counts: Counts,
    pub(crate) expected: Option<Counts>,
    pub(crate) problems: u64,
    pub(crate) snapshot: Option<SnapshotName>,
    pub(crate) basis: Option<SnapshotName>,
    pub(crate) removed: u64,
}

struct Watcher {
    watch: Watch,
    stop: CancelToken,
    state: State,
    raised: Option<PyErr>,
}

impl Watcher {
    fn pass_on_cancel(&self) {
        if self
            .watch
            .cancel
            .as_ref()
            .is_some_and(CancelToken::is_cancelled)
        {
            self.stop.cancel();
        }
    }

    fn hear(&mut self, news: &News) {
        self.pass_on_cancel();
        self.state.hear(news);
        if self.raised.is_some() {
            return;
        }
        let told = match news {
            News::Progress(_) => Python::try_attach(|py| self.tick(py)),
            News::Problem(problem) => self.notify(|py| report::problem(py, problem)),
            News::Warning(warning) => self.notify(|py| report::notice(py, warning)),
            _ => return,
        };
        match told {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                self.raised = Some(error);
                self.stop.cancel();
            }
            // The interpreter ends, and nobody is left to wait.
            None => self.stop.cancel(),
        }
    }

    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals()?;
        if let Some(progress) = &self.watch.progress {
            progress.call1(py, (report::progress(py, &self.state)?,))?;
        }
        Ok(())
    }

    fn notify(
        &self,
        make: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>>,
    ) -> Option<PyResult<()>> {
        let Some(notify) = &self.watch.notify else {
            return Some(Ok(()));
        };
        Python::try_attach(|py| notify.call1(py, (make(py)?,)).map(drop))
    }
}

impl State {
    fn hear(&mut self, news: &News) {
        match news {
            News::Started {
                snapshot,
                basis,
                expected,
            } => {
                self.snapshot = Some(*snapshot);
                self.basis = *basis;
                self.expected = *expected;
            }
            News::Phase(phase) => self.phase = Some(*phase),
            News::Expected(expected) => self.expected = Some(*expected),
            News::Progress(counts) => self.counts = *counts,
            News::Problem(_) => self.problems += 1,
            News::Removed(_) => self.removed += 1,
            _ => {}
        }
    }
}
