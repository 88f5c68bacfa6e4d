//! Retention policies.

use hardsnap::retention::{self, Anchor, Policy, Zone};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::error::raised;
use crate::given::Given;
use crate::instant::instant;
use crate::plan;
use crate::schedule::Schedule;

/// Which snapshots to keep: a line of rules, the zone of their days, and what
/// their ages count from.
///
/// Args:
///     rules: Such as "daily for 2 weeks min 14, weekly for 6 months, all
///         monthly" (str). None: "all for 1 day, daily for 2 weeks min 14,
///         weekly for 6 months min 26, all monthly".
///     zone: The time zone whose days, weeks and months count: an IANA name
///         such as "Europe/Berlin" (str), or a zoneinfo.ZoneInfo.
///     anchor: "newest": ages count back from the newest snapshot, so that
///         without a new one nothing expires. "now": from now.
///
/// Raises:
///     InvalidOptionError: The rules or the zone cannot be read; the message
///         points at the word.
#[pyclass(frozen, eq, hash, module = "hardsnap")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RetentionPolicy(pub(crate) Policy);

#[pymethods]
impl RetentionPolicy {
    #[new]
    #[pyo3(
        signature = (rules=None, *, zone=None, anchor="newest"),
        text_signature = "(rules=None, *, zone='UTC', anchor='newest')"
    )]
    fn new(
        rules: Option<&str>,
        zone: Option<Bound<'_, PyAny>>,
        anchor: &str,
    ) -> PyResult<RetentionPolicy> {
        let mut policy = match rules {
            Some(rules) => rules.parse::<Policy>().map_err(raised)?,
            None => Policy::default(),
        };
        if let Some(zone) = zone {
            policy = policy.with_zone(self::zone(&zone)?);
        }
        let anchor = match anchor {
            "newest" => Anchor::Newest,
            "now" => Anchor::Now,
            other => {
                let message = format!("anchor has to be 'newest' or 'now', not {other:?}");
                return Err(PyValueError::new_err(message));
            }
        };
        Ok(RetentionPolicy(policy.with_anchor(anchor)))
    }

    /// The rules, each as text (tuple[str, ...]).
    #[getter]
    fn rules<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let rules = self.0.rules().iter().map(ToString::to_string);
        PyTuple::new(py, rules.collect::<Vec<_>>())
    }

    /// The IANA name of the time zone whose days, weeks and months count (str).
    #[getter]
    fn zone(&self) -> &'static str {
        self.0.zone().name()
    }

    /// What ages count from: "newest" or "now" (str).
    #[getter]
    fn anchor(&self) -> String {
        self.0.anchor().to_string()
    }

    /// What is allowed and yet hardly meant, such as a rule that adds next to
    /// nothing (tuple[str, ...]).
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let warnings = self
            .0
            .warnings()
            .into_iter()
            .map(|warning| warning.to_string());
        PyTuple::new(py, warnings.collect::<Vec<_>>())
    }

    /// Decides what to keep and what to remove. Nothing is removed here; no
    /// clock is read, no file and no environment.
    ///
    /// Args:
    ///     snapshots: An iterable of Snapshot; of pairs (id, instant); of
    ///         SnapshotInfo, known by their names; or of instants alone, known
    ///         by their places from 0. An instant is an aware datetime, or
    ///         seconds since 1970 as int. A buffer of 64 or 32 bit integers, such
    ///         as array.array("q") or a NumPy array, is the quickest.
    ///     now: The instant that counts as now.
    ///
    /// Returns:
    ///     RetentionPlan: What is kept and what is removed, and why, each oldest
    ///     first.
    ///
    /// Raises:
    ///     ValueError: A datetime is naive, or an instant is not in the years 1
    ///         to 9999.
    ///     TypeError: Something is none of the above, or the ids of two
    ///         snapshots of the same instant have no order.
    fn plan<'py>(
        &self,
        py: Python<'py>,
        snapshots: &Bound<'py, PyAny>,
        now: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let now = instant("now", now)?;
        let given = Given::read(snapshots)?;
        let plan = py.detach(|| retention::plan(&given.snapshots, &self.0, now));
        plan::plan(py, plan, given.ids, self, now)
    }

    /// Decides what would be there at an instant to come if, besides existing
    /// snapshots, those of a schedule were made and the policy were followed.
    ///
    /// Args:
    ///     schedule: When snapshots are imagined to be made.
    ///     at: The instant to come (aware datetime, or seconds since 1970).
    ///     existing: Snapshots that are there, as those of `plan`.
    ///
    /// Returns:
    ///     RetentionPlan: What would be kept and removed. Imagined ones are known
    ///     by their instants (datetime).
    ///
    /// Raises:
    ///     ValueError, TypeError: As `plan`; or the schedule has more than a
    ///     million snapshots.
    #[pyo3(
        signature = (schedule, at, *, existing=None),
        text_signature = "($self, schedule, at, *, existing=())"
    )]
    fn preview<'py>(
        &self,
        py: Python<'py>,
        schedule: &Schedule,
        at: &Bound<'py, PyAny>,
        existing: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let at = instant("at", at)?;
        let existing = existing.unwrap_or_else(|| PyTuple::empty(py).into_any());
        let given = Given::read(&existing)?;
        let imagined = py.detach(|| schedule.times(self.0.zone()))?;
        let plan = py.detach(|| retention::preview(&given.snapshots, imagined, &self.0, at));
        plan::preview(py, plan, given.ids, self, at)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let rules = PyString::new(py, &self.0.to_string()).repr()?;
        let (zone, anchor) = (self.zone(), self.anchor());
        Ok(format!(
            "RetentionPolicy({rules}, zone='{zone}', anchor='{anchor}')"
        ))
    }

    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((String,), Bound<'py, PyDict>)> {
        let named = PyDict::new(py);
        named.set_item("zone", self.zone())?;
        named.set_item("anchor", self.anchor())?;
        Ok(((self.0.to_string(),), named))
    }
}

/// Reads a zone that is given by its IANA name, or as a `ZoneInfo`.
pub(crate) fn zone(object: &Bound<'_, PyAny>) -> PyResult<Zone> {
    let name = match object.cast::<PyString>() {
        Ok(name) => Some(name.clone()),
        Err(_) => {
            let key = object.getattr_opt(intern!(object.py(), "key"))?;
            key.and_then(|key| key.cast_into::<PyString>().ok())
        }
    };
    match name {
        Some(name) => name.to_str()?.parse::<Zone>().map_err(raised),
        None => Err(PyTypeError::new_err(format!(
            "zone has to be an IANA name or a ZoneInfo that has one, not {}",
            object.repr()?
        ))),
    }
}
