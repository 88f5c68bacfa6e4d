//! Instants: Python's aware datetimes, and seconds since 1970.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDateTime, PyFloat};

/// What Python's datetime can say: from the year 1 to 9999, in seconds.
const CALENDAR: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Reads the argument `name`, which has to be an aware datetime.
pub(crate) fn aware(name: impl Display, object: &Bound<'_, PyAny>) -> PyResult<DateTime<Utc>> {
    match object.cast::<PyDateTime>() {
        Ok(time) => of_datetime(name, time),
        Err(_) => Err(PyTypeError::new_err(format!(
            "{name} has to be an aware datetime, not {}",
            object.get_type().name()?
        ))),
    }
}

/// Reads the argument `name`, an aware datetime or seconds since 1970.
pub(crate) fn instant(name: impl Display, object: &Bound<'_, PyAny>) -> PyResult<DateTime<Utc>> {
    if let Ok(time) = object.cast::<PyDateTime>() {
        return of_datetime(name, time);
    }
    match seconds(object)? {
        Some(seconds) => of_seconds(name, seconds),
        None => Err(PyTypeError::new_err(format!(
            "{name} has to be an aware datetime or seconds since 1970 as int, not {}",
            object.get_type().name()?
        ))),
    }
}

/// The number, if the object is an integer of whatever library.
pub(crate) fn seconds(object: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if object.is_instance_of::<PyBool>() || object.is_instance_of::<PyFloat>() {
        return Ok(None);
    }
    match object.extract::<i64>() {
        Ok(seconds) => Ok(Some(seconds)),
        Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn of_seconds(name: impl Display, seconds: i64) -> PyResult<DateTime<Utc>> {
    CALENDAR
        .contains(&seconds)
        .then(|| DateTime::from_timestamp(seconds, 0))
        .flatten()
        .ok_or_else(|| {
            PyValueError::new_err(format!(
                "{name} is {seconds} seconds since 1970, and that is not in the years 1 to 9999"
            ))
        })
}

/// Takes the distance from 1970, which is exact in any time zone; the fields of
/// a datetime would have to be read one by one.
pub(crate) fn of_datetime(
    name: impl Display,
    time: &Bound<'_, PyDateTime>,
) -> PyResult<DateTime<Utc>> {
    let py = time.py();
    let since = match time.sub(epoch(py)?) {
        Ok(since) => since,
        Err(_) if is_naive(time)? => {
            return Err(PyValueError::new_err(format!(
                "{name} is the naive datetime {}: give it a time zone, such as \
                 .astimezone() for that of the system or .replace(tzinfo=timezone.utc)",
                time.str()?
            )));
        }
        Err(error) => return Err(error),
    };
    let part = |part| -> PyResult<i64> { since.getattr(part)?.extract() };
    let seconds = part(intern!(py, "days"))? * 86_400 + part(intern!(py, "seconds"))?;
    let nanoseconds = u32::try_from(part(intern!(py, "microseconds"))? * 1_000).ok();
    nanoseconds
        .filter(|_| CALENDAR.contains(&seconds))
        .and_then(|nanoseconds| DateTime::from_timestamp(seconds, nanoseconds))
        .ok_or_else(|| {
            let message = format!("{name} is not in the years 1 to 9999 of UTC: {time}");
            PyValueError::new_err(message)
        })
}

fn is_naive(time: &Bound<'_, PyDateTime>) -> PyResult<bool> {
    Ok(time
        .call_method0(intern!(time.py(), "utcoffset"))?
        .is_none())
}

fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let epoch = EPOCH.get_or_try_init(py, || -> PyResult<_> {
        let epoch = DateTime::UNIX_EPOCH.into_pyobject(py)?;
        Ok(epoch.into_any().unbind())
    })?;
    Ok(epoch.bind(py))
}
