//! The calculator's answer: what to keep and what to remove.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use hardsnap::SnapshotName;
use hardsnap::retention::{Kept, Plan, PreviewId, Reason, Removed, RuleReason, Until, Why};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyList, PyTuple};

use crate::given::{Ids, Place};
use crate::policy::RetentionPolicy;
use crate::report::object;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// An id of a plan, as the caller knows it.
pub(crate) trait PlanId {
    fn object<'py>(&self, py: Python<'py>, ids: &Ids) -> Object<'py>;

    /// As it stands in reasons.
    fn text(&self, py: Python<'_>, ids: &Ids) -> PyResult<String> {
        Ok(self.object(py, ids)?.str()?.to_string_lossy().into_owned())
    }
}

impl PlanId for Place {
    fn object<'py>(&self, py: Python<'py>, ids: &Ids) -> Object<'py> {
        Ok(match ids {
            Ids::Places => PyInt::new(py, self.place).into_any(),
            Ids::Own(ids) => ids[self.place as usize].bind(py).clone(),
        })
    }
}

impl PlanId for PreviewId<Place> {
    fn object<'py>(&self, py: Python<'py>, ids: &Ids) -> Object<'py> {
        match self {
            PreviewId::Existing(place) => place.object(py, ids),
            PreviewId::Imagined(time) => time.into_bound_py_any(py),
        }
    }

    fn text(&self, py: Python<'_>, ids: &Ids) -> PyResult<String> {
        match self {
            PreviewId::Existing(place) => place.text(py, ids),
            PreviewId::Imagined(time) => Ok(PreviewId::<u32>::Imagined(*time).to_string()),
        }
    }
}

impl PlanId for SnapshotName {
    fn object<'py>(&self, py: Python<'py>, _: &Ids) -> Object<'py> {
        self.to_string().into_bound_py_any(py)
    }
}

/// A plan whose parts are made when they are looked at.
#[pyclass(frozen, module = "hardsnap._hardsnap")]
struct Decided {
    plan: Answer,
    ids: Ids,
}

enum Answer {
    Plan(Plan<Place>),
    Preview(Plan<PreviewId<Place>>),
}

#[pymethods]
impl Decided {
    fn keep<'py>(&self, py: Python<'py>, index: usize) -> Object<'py> {
        match &self.plan {
            Answer::Plan(plan) => kept(py, at(&plan.keep, index)?, &self.ids),
            Answer::Preview(plan) => kept(py, at(&plan.keep, index)?, &self.ids),
        }
    }

    fn keep_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match &self.plan {
            Answer::Plan(plan) => ids_of(py, plan.keep.iter().map(|kept| &kept.id), &self.ids),
            Answer::Preview(plan) => ids_of(py, plan.keep.iter().map(|kept| &kept.id), &self.ids),
        }
    }

    fn remove_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        match &self.plan {
            Answer::Plan(plan) => ids_of(py, plan.remove.iter().map(|gone| &gone.id), &self.ids),
            Answer::Preview(plan) => ids_of(py, plan.remove.iter().map(|gone| &gone.id), &self.ids),
        }
    }

    fn remove<'py>(&self, py: Python<'py>, index: usize) -> Object<'py> {
        match &self.plan {
            Answer::Plan(plan) => removed(py, at(&plan.remove, index)?, &self.ids),
            Answer::Preview(plan) => removed(py, at(&plan.remove, index)?, &self.ids),
        }
    }
}

fn ids_of<'a, 'py, Id: PlanId + 'a>(
    py: Python<'py>,
    ids: impl Iterator<Item = &'a Id>,
    known: &Ids,
) -> PyResult<Bound<'py, PyList>> {
    let objects = ids.map(|id| id.object(py, known));
    PyList::new(py, objects.collect::<PyResult<Vec<_>>>()?)
}

fn at<T>(list: &[T], index: usize) -> PyResult<&T> {
    list.get(index)
        .ok_or_else(|| PyIndexError::new_err("index out of range"))
}

/// Makes the plan as Python sees it.
pub(crate) fn plan<'py>(
    py: Python<'py>,
    plan: Plan<Place>,
    ids: Ids,
    policy: &RetentionPolicy,
    now: DateTime<Utc>,
) -> Object<'py> {
    let lengths = (plan.keep.len(), plan.remove.len());
    let plan = Answer::Plan(plan);
    shown(py, Decided { plan, ids }, lengths, policy, now)
}

/// Makes a preview's plan as Python sees it.
pub(crate) fn preview<'py>(
    py: Python<'py>,
    plan: Plan<PreviewId<Place>>,
    ids: Ids,
    policy: &RetentionPolicy,
    now: DateTime<Utc>,
) -> Object<'py> {
    let lengths = (plan.keep.len(), plan.remove.len());
    let plan = Answer::Preview(plan);
    shown(py, Decided { plan, ids }, lengths, policy, now)
}

fn shown<'py>(
    py: Python<'py>,
    decided: Decided,
    (keep, remove): (usize, usize),
    policy: &RetentionPolicy,
    now: DateTime<Utc>,
) -> Object<'py> {
    static LAZY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let lazy = LAZY.import(py, "hardsnap._retention", "Lazy")?;
    let decided = Bound::new(py, decided)?;
    object!(py, "_retention", "RetentionPlan", {
        keep: lazy.call1((keep, decided.getattr("keep")?, decided.getattr("keep_ids")?))?,
        remove: lazy.call1((remove, decided.getattr("remove")?, decided.getattr("remove_ids")?))?,
        policy: policy.clone(),
        now: now,
    })
}

pub(crate) fn kept<'py, Id: PlanId>(py: Python<'py>, kept: &Kept<Id>, ids: &Ids) -> Object<'py> {
    let reasons = kept.reasons.iter().map(|one| reason(py, one));
    object!(py, "_retention", "Kept", {
        id: kept.id.object(py, ids)?,
        time: kept.time,
        reasons: PyTuple::new(py, reasons.collect::<PyResult<Vec<_>>>()?)?,
    })
}

pub(crate) fn removed<'py, Id: PlanId>(
    py: Python<'py>,
    removed: &Removed<Id>,
    ids: &Ids,
) -> Object<'py> {
    object!(py, "_retention", "Removed", {
        id: removed.id.object(py, ids)?,
        time: removed.time,
        why: why(py, &removed.why, ids)?,
    })
}

fn reason<'py>(py: Python<'py>, reason: &Reason) -> Object<'py> {
    let kind = match reason {
        Reason::Rule(rule) => return rule_reason(py, rule, &reason),
        Reason::Newest => "newest",
        Reason::Future => "future",
        Reason::Held => "held",
        Reason::Suspect => "suspect",
        Reason::Basis => "basis",
        _ => "other",
    };
    object!(py, "_retention", "Reason", {
        kind: kind,
        text: reason.to_string(),
    })
}

fn rule_reason<'py>(py: Python<'py>, reason: &RuleReason, text: &dyn Display) -> Object<'py> {
    let until = match reason.until {
        // What Python's calendar cannot say is beyond the year 9999.
        Until::Time(time) => Some(match time.into_bound_py_any(py) {
            Ok(time) => time,
            Err(_) => "forever".into_bound_py_any(py)?,
        }),
        Until::Forever => Some("forever".into_bound_py_any(py)?),
        _ => None,
    };
    object!(py, "_retention", "Reason", {
        kind: "rule",
        text: text.to_string(),
        rule: reason.rule.to_string(),
        every: reason.rule.every.noun(),
        bucket: reason.bucket.to_string(),
        rank: reason.rank,
        until: until,
    })
}

fn why<'py, Id: PlanId>(py: Python<'py>, why: &Why<Id>, ids: &Ids) -> Object<'py> {
    match why {
        Why::Represented {
            bucket,
            represented_by,
        } => {
            let told = Why::Represented {
                bucket: *bucket,
                represented_by: represented_by.text(py, ids)?,
            };
            object!(py, "_retention", "Why", {
                kind: "represented",
                text: told.to_string(),
                bucket: bucket.to_string(),
                represented_by: represented_by.object(py, ids)?,
            })
        }
        Why::Expired { bucket, since } => {
            let told = Why::<String>::Expired {
                bucket: *bucket,
                since: *since,
            };
            object!(py, "_retention", "Why", {
                kind: "expired",
                text: told.to_string(),
                bucket: bucket.to_string(),
                since: *since,
            })
        }
        Why::Outnumbered { bucket, count } => {
            let told = Why::<String>::Outnumbered {
                bucket: *bucket,
                count: *count,
            };
            object!(py, "_retention", "Why", {
                kind: "outnumbered",
                text: told.to_string(),
                bucket: bucket.to_string(),
                count: *count,
            })
        }
        Why::Superseded { newer } => {
            let told = Why::Superseded {
                newer: newer.text(py, ids)?,
            };
            object!(py, "_retention", "Why", {
                kind: "superseded",
                text: told.to_string(),
                newer: newer.object(py, ids)?,
            })
        }
        _ => Err(pyo3::exceptions::PyNotImplementedError::new_err(
            "an unknown cause",
        )),
    }
}
