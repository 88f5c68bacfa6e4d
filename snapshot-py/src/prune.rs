//! What a policy keeps and gives up of a store.

use hardsnap::MinFree;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::given::Ids;
use crate::plan::{kept, removed};
use crate::policy::RetentionPolicy;
use crate::report::{self, to_dict};

/// What a policy keeps and gives up of a store, at one instant.
///
/// Only `Store.plan_prune` makes one, and only `Store.prune` carries it out.
#[pyclass(frozen, module = "hardsnap")]
#[derive(Debug)]
pub(crate) struct PrunePlan {
    plan: hardsnap::PrunePlan,
    min_free: Option<MinFree>,
}

impl PrunePlan {
    pub(crate) fn new(
        mut plan: hardsnap::PrunePlan,
        force: bool,
        min_free: Option<MinFree>,
    ) -> PrunePlan {
        if force {
            plan = plan.forced();
        }
        if let Some(min_free) = min_free {
            plan = plan.min_free(min_free);
        }
        PrunePlan { plan, min_free }
    }

    pub(crate) fn engine(&self) -> &hardsnap::PrunePlan {
        &self.plan
    }
}

#[pymethods]
impl PrunePlan {
    /// What is kept and why, oldest first (tuple[Kept[str], ...]).
    #[getter]
    fn keep<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let made = self
            .plan
            .keep()
            .iter()
            .map(|one| kept(py, one, &Ids::Places));
        PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
    }

    /// What is given up and why, oldest first (tuple[Removed[str], ...]).
    #[getter]
    fn remove<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let made = self
            .plan
            .remove()
            .iter()
            .map(|one| removed(py, one, &Ids::Places));
        PyTuple::new(py, made.collect::<PyResult<Vec<_>>>()?)
    }

    /// The policy that decided (RetentionPolicy).
    #[getter]
    fn policy(&self) -> RetentionPolicy {
        RetentionPolicy(self.plan.policy().clone())
    }

    /// The instant that the plan is for, in UTC (datetime).
    #[getter]
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.plan.now()
    }

    /// Why `prune` will remove nothing, if something looks wrong (Pause), or
    /// None.
    #[getter]
    fn pause<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        report::pause(py, self.plan.pause())
    }

    /// What may go beyond the plan to make room, oldest first (tuple[str, ...]).
    #[getter]
    fn candidates_for_room<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let names = self
            .plan
            .candidates_for_room()
            .iter()
            .map(ToString::to_string);
        PyTuple::new(py, names.collect::<Vec<_>>())
    }

    /// What the command line prints of it with `--json` (dict).
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, &self.plan)
    }

    fn __eq__(&self, other: &PrunePlan) -> bool {
        let (mine, its) = (&self.plan, &other.plan);
        mine.now() == its.now()
            && mine.policy() == its.policy()
            && mine.keep() == its.keep()
            && mine.pause() == its.pause()
            && mine.candidates_for_room() == its.candidates_for_room()
            && self.min_free == other.min_free
            && mine.remove() == its.remove()
    }

    fn __repr__(&self) -> String {
        let (keep, remove) = (self.plan.keep().len(), self.plan.remove().len());
        format!("<PrunePlan keeps {keep}, removes {remove}>")
    }
}
