//! Snapshots as a caller of the calculator gives them.

use chrono::{DateTime, Utc};
use hardsnap::retention::{Snapshot, Status};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyByteArray, PyBytes, PyDateTime, PyInt, PyList, PyMemoryView, PyString, PyTuple,
};

use crate::instant::{instant, of_datetime, of_seconds, seconds};

/// Knows a snapshot by its place among those that were given. Between those of
/// the same instant the rank of the caller's id decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    rank: u32,
    pub(crate) place: u32,
}

/// What the caller knows the snapshots by.
#[derive(Debug)]
pub(crate) enum Ids {
    /// Instants alone: by their places.
    Places,
    Own(Vec<Py<PyAny>>),
}

/// Snapshots and their ids.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) snapshots: Vec<Snapshot<Place>>,
    pub(crate) ids: Ids,
}

impl Given {
    /// Reads any iterable of snapshots, and a buffer of integers at once.
    pub(crate) fn read(object: &Bound<'_, PyAny>) -> PyResult<Given> {
        let refused = object.is_instance_of::<PyString>()
            || object.is_instance_of::<PyBytes>()
            || object.is_instance_of::<PyByteArray>();
        if refused {
            return Err(PyTypeError::new_err(format!(
                "expected an iterable of snapshots, not {}",
                object.get_type().name()?
            )));
        }
        let mut given = Given {
            snapshots: Vec::new(),
            ids: Ids::Places,
        };
        match integers(object)? {
            Some(numbers) => {
                given.snapshots.reserve(numbers.len());
                for number in numbers {
                    given.push(of_seconds(given.name(), number)?)?;
                }
            }
            None => {
                for item in object.try_iter()? {
                    given.add(&item?)?;
                }
                given.rank(object.py())?;
            }
        }
        Ok(given)
    }

    /// What messages call the next one.
    fn name(&self) -> impl std::fmt::Display + use<> {
        Name(self.snapshots.len())
    }

    fn add(&mut self, item: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Ok(time) = item.cast::<PyDateTime>() {
            return self.push(of_datetime(self.name(), time)?);
        }
        if let Ok(pair) = item.cast::<PyTuple>() {
            if pair.len() != 2 {
                return Err(PyValueError::new_err(format!(
                    "{} has to be a pair of an id and an instant",
                    self.name()
                )));
            }
            let time = instant(self.name(), &pair.get_item(1)?)?;
            self.push_own(pair.get_item(0)?, time)?;
        } else if let Some(described) = Described::of(item)? {
            let time = instant(self.name(), &item.getattr(intern!(item.py(), "time"))?)?;
            let status = item.getattr(intern!(item.py(), "status"))?;
            let held = item.getattr(intern!(item.py(), "held"))?.extract()?;
            let status = status_of(&status)?;
            self.push_own(item.getattr(described.id_name())?, time)?;
            if let Some(last) = self.snapshots.last_mut() {
                last.status = status;
                last.held = held;
            }
        } else if let Some(seconds) = seconds(item)? {
            self.push(of_seconds(self.name(), seconds)?)?;
        } else {
            return Err(PyTypeError::new_err(format!(
                "{} has to be an aware datetime, seconds since 1970 as int, a pair of an id and \
                 one of these, a Snapshot or a SnapshotInfo, not {}",
                self.name(),
                item.get_type().name()?
            )));
        }
        Ok(())
    }

    /// Adds one that is known by its place.
    fn push(&mut self, time: DateTime<Utc>) -> PyResult<()> {
        let place = u32::try_from(self.snapshots.len())
            .map_err(|_| PyOverflowError::new_err("more snapshots than 4,294,967,295"))?;
        self.snapshots
            .push(Snapshot::new(Place { rank: 0, place }, time));
        Ok(())
    }

    fn push_own(&mut self, id: Bound<'_, PyAny>, time: DateTime<Utc>) -> PyResult<()> {
        let py = id.py();
        if let Ids::Places = self.ids {
            self.ids = Ids::Own(Vec::new());
        }
        let known = self.snapshots.len();
        self.push(time)?;
        if let Ids::Own(ids) = &mut self.ids {
            // Those before it that have no other id than their places.
            for place in ids.len()..known {
                ids.push(PyInt::new(py, place).into_any().unbind());
            }
            ids.push(id.unbind());
        }
        Ok(())
    }

    /// Lets the order of the callers' ids decide between snapshots of the same
    /// instant.
    fn rank(&mut self, py: Python<'_>) -> PyResult<()> {
        let Ids::Own(ids) = &mut self.ids else {
            return Ok(());
        };
        for place in ids.len()..self.snapshots.len() {
            ids.push(PyInt::new(py, place).into_any().unbind());
        }
        let mut by_time: Vec<usize> = (0..self.snapshots.len()).collect();
        by_time.sort_unstable_by_key(|place| self.snapshots[*place].time);
        let times = |a: &usize, b: &usize| self.snapshots[*a].time == self.snapshots[*b].time;
        let mut ranks = Vec::new();
        for tied in by_time.chunk_by(times).filter(|tied| tied.len() > 1) {
            let pairs = tied.iter().map(|place| (ids[*place].bind(py), *place));
            let sorted = PyList::new(py, pairs.collect::<Vec<_>>())?;
            sorted.sort()?;
            for (rank, pair) in (0..).zip(sorted) {
                ranks.push((pair.get_item(1)?.extract::<usize>()?, rank));
            }
        }
        for (place, rank) in ranks {
            self.snapshots[place].id.rank = rank;
        }
        Ok(())
    }
}

struct Name(usize);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot {}", self.0)
    }
}

/// The classes that describe a snapshot.
#[derive(Clone, Copy, Debug)]
enum Described {
    Foreign,
    Stored,
}

impl Described {
    fn of(item: &Bound<'_, PyAny>) -> PyResult<Option<Described>> {
        static FOREIGN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = item.py();
        if item.is_instance(FOREIGN.import(py, "hardsnap._retention", "Snapshot")?)? {
            return Ok(Some(Described::Foreign));
        }
        Ok(is_stored(item)?.then_some(Described::Stored))
    }

    fn id_name(self) -> &'static str {
        match self {
            Described::Foreign => "id",
            Described::Stored => "name",
        }
    }
}

/// Tells whether it is one of a store's snapshots.
pub(crate) fn is_stored(item: &Bound<'_, PyAny>) -> PyResult<bool> {
    static STORED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    item.is_instance(STORED.import(item.py(), "hardsnap._reports", "SnapshotInfo")?)
}

fn status_of(object: &Bound<'_, PyAny>) -> PyResult<Status> {
    match object.cast::<PyString>()?.to_str()? {
        "complete" => Ok(Status::Complete),
        "partial" => Ok(Status::Partial),
        "suspect" => Ok(Status::Suspect),
        other => Err(PyValueError::new_err(format!(
            "status has to be 'complete', 'partial' or 'suspect', not {other:?}"
        ))),
    }
}

/// The numbers of an `array.array`, a NumPy array or whatever else is a buffer
/// of whole numbers of 64 or 32 bits in the machine's order.
///
/// The stable ABI of Python 3.10 has no buffers, so they are read as bytes.
fn integers(object: &Bound<'_, PyAny>) -> PyResult<Option<Vec<i64>>> {
    let py = object.py();
    let Ok(view) = PyMemoryView::from(object) else {
        return Ok(None);
    };
    let format: String = view.getattr(intern!(py, "format"))?.extract()?;
    let width: usize = view.getattr(intern!(py, "itemsize"))?.extract()?;
    let dimensions: usize = view.getattr(intern!(py, "ndim"))?.extract()?;
    let is_signed = matches!(format.as_str(), "i" | "l" | "q" | "n");
    let is_unsigned = matches!(format.as_str(), "I" | "L" | "Q" | "N");
    if dimensions != 1 || !(is_signed || is_unsigned) {
        return Ok(None);
    }
    let bytes = view
        .call_method0(intern!(py, "tobytes"))?
        .cast_into::<PyBytes>()?;
    let bytes = bytes.as_bytes();
    let numbers = match (width, is_signed) {
        (8, true) => words(bytes, |word| Ok(i64::from_ne_bytes(word))),
        (8, false) => words(bytes, |word| i64::try_from(u64::from_ne_bytes(word))),
        (4, true) => words(bytes, |word| Ok(i32::from_ne_bytes(word).into())),
        (4, false) => words(bytes, |word| Ok(u32::from_ne_bytes(word).into())),
        _ => return Ok(None),
    };
    let numbers = numbers.map_err(|_| PyValueError::new_err("seconds beyond the year 9999"))?;
    Ok(Some(numbers))
}

fn words<const WIDTH: usize>(
    bytes: &[u8],
    read: impl Fn([u8; WIDTH]) -> Result<i64, std::num::TryFromIntError>,
) -> Result<Vec<i64>, std::num::TryFromIntError> {
    let words = bytes.chunks_exact(WIDTH);
    let words = words.filter_map(|word| <[u8; WIDTH]>::try_from(word).ok());
    words.map(read).collect()
}
