//! What can stop a measurement.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Says why nothing was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// The verb, as it stands after "cannot".
        operation: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended with anything but success.
    #[error("{program} failed: {said}")]
    Program {
        /// The program and its arguments.
        program: String,
        /// Its status and the end of its output.
        said: String,
    },
    /// A finished tree is not what it should be.
    #[error("{program} made a wrong tree, so its time means nothing: {difference}")]
    Different {
        /// Who made it.
        program: String,
        /// The first difference that was found.
        difference: String,
    },
    /// Something that the measurement needs is not there.
    #[error("{0}")]
    Missing(String),
    /// A signal asked the measurement to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Returns the message and its causes on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

/// Adds the operation and the path to a system call's error.
pub(crate) trait At<T> {
    /// Wraps the error as "cannot OPERATION PATH".
    fn at(self, operation: &'static str, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, operation: &'static str, path: &Path) -> Result<T> {
        self.map_err(|error| Error::Io {
            operation,
            path: path.to_owned(),
            source: error.into(),
        })
    }
}
