//! Stopping a run from outside.

use pyo3::prelude::*;

/// A switch that stops runs.
///
/// Give the same one to several runs to stop them together. It can be used from
/// any thread, and stays on.
#[pyclass(frozen, module = "hardsnap")]
#[derive(Debug)]
pub(crate) struct CancelToken(pub(crate) hardsnap::CancelToken);

#[pymethods]
impl CancelToken {
    #[new]
    fn new() -> CancelToken {
        CancelToken(hardsnap::CancelToken::new())
    }

    /// Asks the runs to stop, which they do well within a second, by raising
    /// `CancelledError`.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked (bool).
    #[getter]
    fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn __repr__(&self) -> String {
        let is = if self.0.is_cancelled() {
            "cancelled"
        } else {
            "not cancelled"
        };
        format!("<CancelToken {is}>")
    }
}
