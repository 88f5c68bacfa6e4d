//! The native half of the Python package `hardsnap`: stores, runs and the
//! calculator.
//!
//! It holds no logic: it turns Python's arguments into the engine's options,
//! runs them detached from the interpreter, and turns reports into the plain
//! classes of `python/hardsnap`.

#![deny(unsafe_code)]

mod answers;
mod argument;
mod cancel;
mod catalog;
mod entry;
mod error;
mod given;
mod instant;
mod mark;
mod options;
mod plan;
mod policy;
mod prune;
mod report;
mod restore;
mod run;
mod schedule;
mod store;
mod stored_file;
mod tree;
mod verify;

use pyo3::prelude::*;

/// The native half of `hardsnap`. Import that instead.
#[pymodule(gil_used = false)]
mod _hardsnap {
    use std::ffi::OsString;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::cancel::CancelToken;
    #[pymodule_export]
    use crate::catalog::Catalog;
    #[pymodule_export]
    use crate::policy::RetentionPolicy;
    #[pymodule_export]
    use crate::prune::PrunePlan;
    #[pymodule_export]
    use crate::schedule::Schedule;
    #[pymodule_export]
    use crate::store::Store;
    #[pymodule_export]
    use crate::tree::replicate_tree;

    #[pymodule_export]
    #[expect(
        non_upper_case_globals,
        reason = "the name that Python packages have it under"
    )]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Does what the arguments of a command line say and returns the exit code.
    ///
    /// While a command runs, the first SIGINT, SIGTERM or SIGHUP stops it; then
    /// the process ends by that signal, and this does not return.
    #[pyfunction]
    fn run_command_line(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        let name = OsString::from("hardsnap");
        py.detach(|| hardsnap_cli::run(std::iter::once(name).chain(arguments)))
    }
}
