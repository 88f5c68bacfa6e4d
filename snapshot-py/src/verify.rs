//! Comparing a store's snapshots with what was recorded of them.

use hardsnap::{Repair, VerifyOptions};
use pyo3::prelude::*;

use crate::argument::{self, snapshot_names};
use crate::cancel::CancelToken;
use crate::options;
use crate::report;
use crate::run::Watch;
use crate::store::Store;

#[pymethods]
impl Store {
    /// Compares snapshots with what was recorded of them.
    ///
    /// Structure and metadata are compared always, as far as the destination can
    /// hold them. Files are read as `content` or `sample` say, and compared by
    /// their hashes; each one once, however many snapshots share it. A run that
    /// was stopped is gone on with by the next one of the same choice. A backup
    /// may run meanwhile, but for a repair.
    ///
    /// Args:
    ///     snapshots: A full name, or several of them, or what else tells (str,
    ///         SnapshotInfo or CatalogSnapshot); None for all.
    ///     content: Which files are read: "unread" for none, "since-last" for
    ///         those that were stored since such a run, or one of all, came to
    ///         its end, "full" for all.
    ///     sample: Have this part of all files read, and the next part the next
    ///         time: "5%", or a number of percent.
    ///     repair: Whether to put good copies in the place of what is damaged.
    ///     jobs: Number of worker threads; None for one a processor.
    ///     progress, notify, cancel: As those of `backup`.
    ///
    /// Returns:
    ///     VerifyReport: What was found. Damage raises nothing.
    ///
    /// Raises:
    ///     CatalogUnusableError: There is no catalog, or it is damaged.
    ///     UnknownSnapshotError: One is not there.
    ///     StoreLockedError: Another verification is under way, or for a repair
    ///         another run.
    ///     UnsupportedFormatError, CancelledError, OperationError.
    #[pyo3(signature = (snapshots=None, *, content="unread", sample=None, repair=false, jobs=None, progress=None, notify=None, cancel=None))]
    #[allow(clippy::too_many_arguments, reason = "keywords of Python")]
    fn verify<'py>(
        &self,
        py: Python<'py>,
        snapshots: Option<&Bound<'py, PyAny>>,
        content: &str,
        sample: Option<&Bound<'py, PyAny>>,
        repair: bool,
        jobs: Option<i64>,
        progress: Option<Bound<'py, PyAny>>,
        notify: Option<Bound<'py, PyAny>>,
        cancel: Option<&CancelToken>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let names = snapshots.map(snapshot_names).transpose()?;
        let repair = match repair {
            true => Repair::FromGoodCopies,
            false => Repair::Off,
        };
        let options = VerifyOptions::new()
            .snapshots(names.unwrap_or_default())
            .content(options::content(content, sample)?)
            .repair(repair)
            .jobs(argument::jobs(jobs)?);
        let watch = Watch::new(progress, notify, cancel)?;
        let report = watch.over(py, |observer, cancel| {
            store.verify(&options, observer, cancel)
        })?;
        report::verify(py, &report)
    }
}
