//! Tidying up after a run that did not end well. Under the lock.

use std::ffi::CString;

use crate::cancel::CancelToken;
use crate::error::Result;
use crate::event::{Event, Observer, Phase};
use crate::fs::remove;
use crate::fs::scan::Batch;
use crate::fs::smallfile;
use crate::layout;
use crate::report::{Problem, Warning};
use crate::store::Store;

/// What tidying up came to.
#[derive(Default)]
pub(crate) struct Tidied {
    /// What to say of it.
    pub(crate) warning: Option<Warning>,
    /// What resisted.
    pub(crate) left_behind: Vec<Problem>,
}

/// Removes what is in `work` and `trash` and the records without a tree, and
/// lets `latest` name what it should.
pub(crate) fn tidy(store: &Store, observer: &dyn Observer, cancel: &CancelToken) -> Result<Tidied> {
    let mut leftovers = 0;
    let mut left_behind = Vec::new();
    let remove_record = |file: &str| {
        smallfile::remove(&store.records, file)
            .map_err(|error| store.failed("remove", &format!("{}/{file}", layout::RECORDS), error))
    };
    for name in store.recorded_names()? {
        if !store.has_tree(name)? {
            leftovers += 1;
            remove_record(&layout::record(name))?;
        }
    }
    for draft in store.drafts()? {
        remove_record(&draft)?;
    }
    // Of a new catalog that was not completed nothing is of use.
    smallfile::remove(&store.control, layout::CATALOG_DRAFT)
        .map_err(|error| store.failed("remove", layout::CATALOG_DRAFT, error))?;
    for place in [layout::WORK, layout::TRASH] {
        let dir = store.open_control(place)?;
        let failed = |error| store.failed("tidy", place, error);
        let handle = dir.reopen().map_err(failed)?;
        let mut names: Vec<CString> = Vec::new();
        while let Some(batch) = Batch::read(&handle).map_err(failed)? {
            names.extend(batch.iter().map(|(name, _)| name.to_owned()));
        }
        if !names.is_empty() {
            observer.on_event(&Event::Phase(Phase::TidyingUp));
        }
        for name in names {
            cancel.check()?;
            // What resists stays where it harms nobody, and is tried again
            // by the next run.
            let left = remove::tree(
                &dir,
                &name,
                &store.path().join(layout::CONTROL).join(place),
                cancel,
            );
            let left = left.map_err(failed)?;
            left_behind.extend(left);
            if place == layout::WORK {
                leftovers += 1;
            }
        }
    }
    cancel.check()?;
    store.repair_latest(&store.snapshots()?)?;
    let warning = (leftovers > 0).then_some(Warning::TidiedUp { leftovers });
    Ok(Tidied {
        warning,
        left_behind,
    })
}
