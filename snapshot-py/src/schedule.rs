//! Imagined backups at even distances.

use chrono::{DateTime, Utc};
use hardsnap::retention::{self, Span, Zone};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::error::raised;
use crate::instant::aware;

/// More imagined backups than this, every hour for a century, are a slip of the
/// keyboard.
const MOST: usize = 1_000_000;

/// Describes imagined backups at even distances.
///
/// Hours are real; days and longer units keep the time of day in the policy's
/// zone.
///
/// Args:
///     every: The distance from one to the next: a number and a unit, such as
///         "1 day", "6h" or "2 weeks" (str).
///     start: The first (aware datetime).
///     end: The end (aware datetime); one that falls on it is made.
///
/// Raises:
///     InvalidOptionError: The distance cannot be read.
///     ValueError: A datetime is naive.
#[pyclass(frozen, eq, module = "hardsnap")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule(retention::Schedule);

impl Schedule {
    pub(crate) fn times(&self, zone: Zone) -> PyResult<Vec<DateTime<Utc>>> {
        let times: Vec<_> = self.0.instants(zone).take(MOST + 1).collect();
        if times.len() > MOST {
            return Err(PyValueError::new_err(format!(
                "the schedule has more than {MOST} backups"
            )));
        }
        Ok(times)
    }
}

#[pymethods]
impl Schedule {
    #[new]
    fn new(every: &str, start: &Bound<'_, PyAny>, end: &Bound<'_, PyAny>) -> PyResult<Schedule> {
        let every: Span = every.parse().map_err(raised)?;
        let (start, end) = (aware("start", start)?, aware("end", end)?);
        Ok(Schedule(retention::Schedule::new(every, start, end)))
    }

    /// The distance from one to the next (str).
    #[getter]
    fn every(&self) -> String {
        self.0.every.to_string()
    }

    /// The first, in UTC (datetime).
    #[getter]
    fn start(&self) -> DateTime<Utc> {
        self.0.from
    }

    /// The end, in UTC (datetime).
    #[getter]
    fn end(&self) -> DateTime<Utc> {
        self.0.to
    }

    /// Lists the instants, in UTC and in order.
    ///
    /// Args:
    ///     zone: The zone whose time of day is kept, as that of a policy.
    ///
    /// Returns:
    ///     list[datetime]: The instants.
    ///
    /// Raises:
    ///     ValueError: They are more than a million.
    #[pyo3(signature = (zone=None), text_signature = "($self, zone='UTC')")]
    fn instants<'py>(
        &self,
        py: Python<'py>,
        zone: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let zone = match zone {
            Some(zone) => crate::policy::zone(&zone)?,
            None => Zone::UTC,
        };
        PyList::new(py, py.detach(|| self.times(zone))?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.__getnewargs__(py)?.hash()
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (self.every(), self.start(), self.end()).into_pyobject(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Schedule{}", self.__getnewargs__(py)?.repr()?))
    }
}
