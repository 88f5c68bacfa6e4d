//! What the user says about a snapshot: held, released, accepted.

use hardsnap::{MarkReport, SnapshotName};
use pyo3::prelude::*;

use crate::argument::snapshot_name;
use crate::error::raised;
use crate::report;
use crate::store::Store;

impl Store {
    fn mark<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        act: impl FnOnce(&hardsnap::Store, SnapshotName) -> hardsnap::Result<MarkReport> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let store = self.engine()?;
        let name = snapshot_name(name)?;
        let report = py.detach(|| act(&store, name)).map_err(raised)?;
        report::mark(py, &self.path, &report)
    }
}

#[pymethods]
impl Store {
    /// Holds a snapshot: no policy and no lack of room removes it, and `delete`
    /// refuses to.
    ///
    /// Args:
    ///     name: Its full name, or what `resolve` tells (str, SnapshotInfo or
    ///         CatalogSnapshot).
    ///     note: A text that replaces the one that it has. None: it stays.
    ///
    /// Returns:
    ///     MarkReport: The snapshot as it is now.
    ///
    /// Raises:
    ///     UnknownSnapshotError, StoreLockedError, NoSpaceError, OperationError.
    #[pyo3(signature = (name, *, note=None))]
    fn hold<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        note: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.mark(py, name, |store, name| store.hold(name, note))
    }

    /// Lets a held snapshot go the way of all others. Its note stays.
    ///
    /// Args, returns, raises: As `hold`.
    fn release<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.mark(py, name, hardsnap::Store::release)
    }

    /// Lets a suspect snapshot count: it becomes complete, or partial if entries
    /// are missing in it, and if it is the newest, `latest` and the next basis.
    ///
    /// Args, returns, raises: As `hold`.
    fn accept<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.mark(py, name, hardsnap::Store::accept)
    }
}
