//! Files of snapshots, open for reading.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;

use crate::argument::{FsPath, snapshot_name};
use crate::error::{Failure, raised};
use crate::store::Store;

/// A call reads no more, so that Ctrl-C is seen in between.
const MOST_BYTES: usize = 1 << 20;

/// What `hardsnap.StoredFile` reads from.
#[pyclass(frozen, module = "hardsnap._hardsnap")]
pub(crate) struct Content {
    path: PathBuf,
    size_bytes: u64,
    /// Closed ones have none. Held only while the interpreter is let go.
    open: Mutex<Option<hardsnap::StoredFile>>,
}

impl Content {
    fn lock(&self) -> MutexGuard<'_, Option<hardsnap::StoredFile>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Content {
    #[getter]
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Reads up to `count` bytes, perhaps fewer; none at the end.
    fn read<'py>(&self, py: Python<'py>, count: usize) -> PyResult<Bound<'py, PyBytes>> {
        loop {
            let read = py.detach(|| {
                let mut buffer = vec![0; count.min(MOST_BYTES)];
                let mut open = self.lock();
                let file = open.as_mut()?;
                Some(file.read(&mut buffer).map(|bytes| {
                    buffer.truncate(bytes);
                    buffer
                }))
            });
            match read {
                Some(Ok(bytes)) => return Ok(PyBytes::new(py, &bytes)),
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                    py.check_signals()?;
                }
                Some(Err(error)) => {
                    return Err(Failure::Unreadable(self.path.clone(), error).into());
                }
                None => return Err(PyValueError::new_err("I/O operation on closed file.")),
            }
        }
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.lock().take()));
    }
}

#[pymethods]
impl Store {
    /// Opens a file of a snapshot. As long as it is open, the snapshot is not
    /// removed. Symlinks are never followed.
    ///
    /// What is read is what the store's disk has: `verify` tells whether that is
    /// what was stored.
    ///
    /// Args:
    ///     snapshot: Its full name, or what `snapshots` or `resolve` tells (str,
    ///         SnapshotInfo or CatalogSnapshot).
    ///     path: The file's absolute path in the source (str, bytes or
    ///         os.PathLike).
    ///
    /// Returns:
    ///     StoredFile: The file, in binary mode and unbuffered.
    ///
    /// Raises:
    ///     UnknownSnapshotError: There is no such snapshot.
    ///     NotInSnapshotError: It has nothing at the path, or no file.
    ///     InvalidOptionError: The path is not absolute.
    ///     SnapshotInUseError: The snapshot is being removed.
    ///     OperationError: A call of the system failed.
    fn open_file<'py>(
        &self,
        py: Python<'py>,
        snapshot: &Bound<'py, PyAny>,
        path: FsPath,
    ) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let store = self.engine()?;
        let snapshot = snapshot_name(snapshot)?;
        let file = py
            .detach(|| store.open_file(snapshot, &path.0))
            .map_err(raised)?;
        let content = Content {
            path: path.0,
            size_bytes: file.size_bytes(),
            open: Mutex::new(Some(file)),
        };
        CLASS
            .import(py, "hardsnap._files", "StoredFile")?
            .call1((content,))
    }
}
