//! What is written down of a snapshot: its record, and what the store has to
//! remember beside it.

use std::path::PathBuf;

use crate::engine::Run;
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind, Result};
use crate::guard::{Made, Newest};
use crate::name::SnapshotName;
use crate::prune;
use crate::record::{
    FORMAT, PathText, Record, RecordedProblem, RecordedSource, RecordedSuspicion, SnapshotInfo,
};
use crate::report::{Counts, Warning};
use crate::retention::Status;
use crate::store::{State, newest};
use crate::suspicion::{Extent, Scope, SeenSource, suspicions};
use crate::walk::Replicated;

impl Run<'_> {
    /// Remembers that the record's number is given, and whether the clock
    /// jumped: both are on the disk before the snapshot appears.
    pub(super) fn count_on(
        &self,
        work: &Work<'_>,
        record: &Record,
        snapshots: &[SnapshotInfo],
        before: &State,
    ) -> Result<State> {
        let mut made = prune::made(snapshots);
        made.push(Made::from(&self.info(record, work.name)?));
        let now = work.name.time();
        let judged = prune::judge(&made, Newest::JustMade, now, None, before.jump.as_ref());
        let state = before
            .clone()
            .counted_to(record.sequence.saturating_add(1))
            .with_jump(judged.jump);
        // The record tells the number, until it is removed.
        if state.jump != before.jump {
            self.store.remember(before, &state, work.flush())?;
            return Ok(state);
        }
        Ok(before.clone())
    }

    pub(super) fn info(&self, record: &Record, name: SnapshotName) -> Result<SnapshotInfo> {
        SnapshotInfo::of_record(record, name, self.store.id())
            .ok_or_else(|| Error::new(ErrorKind::Io, "the new record does not read back"))
    }

    pub(super) fn record(
        &self,
        name: SnapshotName,
        snapshots: &[SnapshotInfo],
        state: &State,
        replicated: &Replicated,
    ) -> Record {
        let mounts = self.options.mounts.as_str();
        let filters = self.options.filter.description();
        let basis = newest(snapshots);
        let seen = self.seen(replicated);
        let suspicions = basis.map_or_else(Vec::new, |basis| {
            let same = basis.filters == filters && basis.mounts.as_deref() == Some(mounts);
            let scope = if same { Scope::Same } else { Scope::Different };
            suspicions(&basis.seen, &seen, scope)
        });
        let status = match (suspicions.is_empty(), replicated.problems.is_empty()) {
            (false, _) => Status::Suspect,
            (true, false) => Status::Partial,
            (true, true) => Status::Complete,
        };
        Record {
            format: FORMAT,
            store: self.store.id().to_owned(),
            name: name.to_string(),
            sequence: state.next_sequence(snapshots),
            status: status.into(),
            held: false,
            note: self.options.note.clone(),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            sources: self
                .sources
                .paths
                .iter()
                .map(|path| PathText::from(path.as_path()))
                .collect(),
            filters,
            basis: basis.map(|basis| basis.name.to_string()),
            counts: replicated.counts,
            skipped: replicated
                .problems
                .iter()
                .map(RecordedProblem::from)
                .collect(),
            mounts: Some(mounts.to_owned()),
            extents: seen.iter().map(RecordedSource::from).collect(),
            suspicions: suspicions.iter().map(RecordedSuspicion::from).collect(),
            lacks: replicated
                .warnings
                .iter()
                .flat_map(Warning::lacks)
                .collect(),
        }
    }

    /// What the sources were found to be.
    fn seen(&self, replicated: &Replicated) -> Vec<SeenSource> {
        let sources = self.sources.paths.iter().zip(&replicated.sources);
        let one = |(path, counts): (&PathBuf, &Counts)| SeenSource {
            path: path.clone(),
            extent: Extent::of(counts),
            is_mount_point: self.sources.mount_points.contains(path),
        };
        sources.map(one).collect()
    }
}
