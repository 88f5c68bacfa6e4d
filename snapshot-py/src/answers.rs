//! Answers of which there may be many: fetched a page at a time, detached from
//! the interpreter, and shown one by one.

use std::sync::{Mutex, TryLockError};
use std::time::{Duration, Instant};
use std::vec;

use hardsnap::{CancelToken, Error};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::raised;
use crate::run::Watch;

/// A page has so many answers at the most.
const LENGTH: usize = 1024;

/// No page takes longer once it has an answer: the first one of a search is not
/// to wait for the last.
const PATIENCE: Duration = Duration::from_millis(20);

/// Makes of an answer what Python sees.
pub(crate) type Show<T> = for<'py> fn(Python<'py>, &T) -> PyResult<Bound<'py, PyAny>>;

/// An iterator over answers of a catalog.
#[pyclass(frozen, module = "hardsnap._hardsnap")]
pub(crate) struct Answers(Mutex<Box<dyn Fetch>>);

trait Fetch: Send {
    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>>;
}

impl Answers {
    /// Shows what an iterator tells, which `stop` stops.
    pub(crate) fn new<I, T>(rest: I, stop: CancelToken, show: Show<T>) -> Answers
    where
        I: Iterator<Item = hardsnap::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        Answers(Mutex::new(Box::new(Pages {
            rest: Some(rest),
            stop,
            page: Vec::new().into_iter(),
            error: None,
            show,
        })))
    }
}

#[pymethods]
impl Answers {
    fn __iter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        // Who waited here would wait for ever for one that is interrupted by a
        // handler of signals which asks in turn.
        match self.0.try_lock() {
            Ok(mut pages) => pages.next(py),
            Err(TryLockError::Poisoned(pages)) => pages.into_inner().next(py),
            Err(TryLockError::WouldBlock) => {
                Err(PyValueError::new_err("iterator already executing"))
            }
        }
    }
}

struct Pages<I, T> {
    /// None once there is no more.
    rest: Option<I>,
    stop: CancelToken,
    page: vec::IntoIter<T>,
    /// What ended it comes after the answers before it.
    error: Option<Error>,
    show: Show<T>,
}

impl<I, T> Fetch for Pages<I, T>
where
    I: Iterator<Item = hardsnap::Result<T>> + Send,
    T: Send,
{
    fn next<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.page.as_slice().is_empty() {
            self.fetch(py)?;
        }
        if let Some(answer) = self.page.next() {
            return (self.show)(py, &answer).map(Some);
        }
        self.error
            .take()
            .map_or(Ok(None), |error| Err(raised(error)))
    }
}

impl<I, T> Pages<I, T>
where
    I: Iterator<Item = hardsnap::Result<T>> + Send,
    T: Send,
{
    fn fetch(&mut self, py: Python<'_>) -> PyResult<()> {
        // Taken, so that nothing follows what is raised meanwhile.
        let Some(mut rest) = self.rest.take() else {
            return Ok(());
        };
        let began = Instant::now();
        let fetched = Watch::default().stopping(py, &self.stop, |_| {
            let mut page = Vec::new();
            loop {
                match rest.next() {
                    Some(Ok(answer)) => page.push(answer),
                    Some(Err(error)) => return Ok((page, None, Some(error))),
                    None => return Ok((page, None, None)),
                }
                // An empty page would be taken for the end.
                if page.len() >= LENGTH || began.elapsed() >= PATIENCE {
                    return Ok((page, Some(rest), None));
                }
            }
        })?;
        let (page, rest, error) = fetched;
        (self.page, self.rest, self.error) = (page.into_iter(), rest, error);
        Ok(())
    }
}
