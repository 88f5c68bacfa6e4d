//! What the store keeps of itself and of each snapshot, as text.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::capabilities::Probed;
use crate::name::SnapshotName;
use crate::report::{Counts, Operation, Problem};
use crate::retention::{Anchor, Policy, Status};
use crate::suspicion::{Extent, SeenSource, Suspicion};

/// The version of the store's layout and of its records.
pub(crate) const FORMAT: u32 = 1;

/// Where the marker tells of the destination.
const DESTINATION: &str = "destination";

/// The marker, `store.toml`: the proof that this is the right directory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) format: u32,
    /// Tells this store from others: a random UUID.
    pub(crate) id: String,
    /// The policy, in one line.
    pub(crate) keep: String,
    /// The time zone of its days, weeks and months.
    pub(crate) zone: String,
    /// What its ages count back from: `newest` or `now`.
    pub(crate) anchor: String,
    /// Whether the newest tree that retention gives up is kept, for the next
    /// snapshot to be made of it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(crate) spare: bool,
    /// What the destination can hold, and under what circumstances that was
    /// found out. What another version wrote may not be understood, and is
    /// found out anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination: Option<toml::Table>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_yes(value: &bool) -> bool {
    *value
}

impl Marker {
    pub(crate) fn new(
        id: String,
        policy: &Policy,
        spare: bool,
        destination: Option<&Probed>,
    ) -> Marker {
        let anchor = match policy.anchor() {
            Anchor::Now => "now",
            _ => "newest",
        };
        Marker {
            format: FORMAT,
            id,
            keep: policy.to_string(),
            zone: policy.zone().name().to_owned(),
            anchor: anchor.to_owned(),
            spare,
            destination: destination.and_then(|probed| toml::Table::try_from(probed).ok()),
        }
    }

    /// What the destination could hold when it was last probed, as far as this
    /// version understands it.
    pub(crate) fn probed(&self) -> Option<Probed> {
        self.destination.clone()?.try_into().ok()
    }

    /// Puts what was found out into a marker's text; all else stays as it is,
    /// what users and later versions wrote there too. None if that cannot be.
    pub(crate) fn with_probed(text: &str, probed: &Probed) -> Option<String> {
        let mut table = toml::Table::new();
        table.insert(
            DESTINATION.to_owned(),
            toml::Table::try_from(probed).ok()?.into(),
        );
        let mut is_ours = false;
        let mut lines: String = text
            .split_inclusive('\n')
            .filter(|line| {
                let line = line.trim();
                if line.starts_with('[') {
                    let name = line.trim_start_matches('[').split([']', '.']).next();
                    is_ours = name.is_some_and(|name| name.trim() == DESTINATION);
                }
                // A comment may belong to what follows.
                !is_ours || line.starts_with('#')
            })
            .collect();
        if !lines.ends_with("\n\n") {
            lines.push('\n');
        }
        lines.push_str(&toml::to_string(&table).ok()?);
        // TOML has more ways to write a table than are looked for here.
        let mut before: toml::Table = toml::from_str(text).ok()?;
        before.extend(table);
        (toml::from_str::<toml::Table>(&lines).ok()? == before).then_some(lines)
    }

    /// Puts the policy together again; the text says what is wrong.
    pub(crate) fn policy(&self) -> Result<Policy, String> {
        let policy: Policy = self
            .keep
            .parse()
            .map_err(|error| format!("keep: {error}"))?;
        let zone = self
            .zone
            .parse()
            .map_err(|_| format!("zone: {:?} is not a time zone", self.zone))?;
        let anchor = match self.anchor.as_str() {
            "newest" => Anchor::Newest,
            "now" => Anchor::Now,
            other => {
                return Err(format!(
                    "anchor: {other:?} is neither \"newest\" nor \"now\""
                ));
            }
        };
        Ok(policy.with_zone(zone).with_anchor(anchor))
    }
}

/// The record of a snapshot, `snapshots/NAME.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    /// The id of the store that it belongs to.
    pub(crate) store: String,
    pub(crate) name: String,
    /// Counts the snapshots of the store in the order they were made.
    pub(crate) sequence: u64,
    pub(crate) status: RecordedStatus,
    #[serde(default)]
    pub(crate) held: bool,
    #[serde(default)]
    pub(crate) note: Option<String>,
    pub(crate) host: String,
    pub(crate) sources: Vec<PathText>,
    /// The filter that was in force, a rule a line.
    #[serde(default)]
    pub(crate) filters: Vec<String>,
    #[serde(default)]
    pub(crate) basis: Option<String>,
    pub(crate) counts: Counts,
    #[serde(default)]
    pub(crate) skipped: Vec<RecordedProblem>,
    /// Which mounts below the sources were entered.
    #[serde(default)]
    pub(crate) mounts: Option<String>,
    /// How much was found of each source; none in records of the first version.
    #[serde(default)]
    pub(crate) extents: Vec<RecordedSource>,
    /// Why it is suspect.
    #[serde(default)]
    pub(crate) suspicions: Vec<RecordedSuspicion>,
    /// What the destination could not hold of the sources.
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
}

/// A source as it was found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordedSource {
    pub(crate) source: PathText,
    #[serde(flatten)]
    pub(crate) extent: Extent,
    #[serde(default)]
    pub(crate) is_mount_point: bool,
}

impl From<&SeenSource> for RecordedSource {
    fn from(seen: &SeenSource) -> RecordedSource {
        RecordedSource {
            source: PathText::from(seen.path.as_path()),
            extent: seen.extent,
            is_mount_point: seen.is_mount_point,
        }
    }
}

impl From<&RecordedSource> for SeenSource {
    fn from(recorded: &RecordedSource) -> SeenSource {
        SeenSource {
            path: PathBuf::from(&recorded.source),
            extent: recorded.extent,
            is_mount_point: recorded.is_mount_point,
        }
    }
}

/// A [`Suspicion`] as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "lowercase")]
pub(crate) enum RecordedSuspicion {
    Shrank {
        source: PathText,
        before: Extent,
        now: Extent,
    },
    Unmounted {
        source: PathText,
    },
    /// Written by a newer version, and kept as it is.
    #[serde(untagged)]
    Other(serde_json::Value),
}

impl From<&Suspicion> for RecordedSuspicion {
    fn from(suspicion: &Suspicion) -> RecordedSuspicion {
        let source = PathText::from(suspicion.source());
        match *suspicion {
            Suspicion::Shrank { before, now, .. } => RecordedSuspicion::Shrank {
                source,
                before,
                now,
            },
            Suspicion::Unmounted { .. } => RecordedSuspicion::Unmounted { source },
        }
    }
}

impl RecordedSuspicion {
    fn read(&self) -> Option<Suspicion> {
        match self {
            RecordedSuspicion::Shrank {
                source,
                before,
                now,
            } => Some(Suspicion::Shrank {
                source: source.into(),
                before: *before,
                now: *now,
            }),
            RecordedSuspicion::Unmounted { source } => Some(Suspicion::Unmounted {
                source: source.into(),
            }),
            RecordedSuspicion::Other(_) => None,
        }
    }
}

/// [`Status`] as it is written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RecordedStatus {
    Complete,
    Partial,
    Suspect,
}

impl From<Status> for RecordedStatus {
    fn from(status: Status) -> RecordedStatus {
        match status {
            Status::Complete => RecordedStatus::Complete,
            Status::Partial => RecordedStatus::Partial,
            Status::Suspect => RecordedStatus::Suspect,
        }
    }
}

impl From<RecordedStatus> for Status {
    fn from(status: RecordedStatus) -> Status {
        match status {
            RecordedStatus::Complete => Status::Complete,
            RecordedStatus::Partial => Status::Partial,
            RecordedStatus::Suspect => Status::Suspect,
        }
    }
}

/// A [`Problem`] as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordedProblem {
    pub(crate) path: PathText,
    pub(crate) operation: Operation,
    pub(crate) error: String,
}

impl From<&Problem> for RecordedProblem {
    fn from(problem: &Problem) -> RecordedProblem {
        RecordedProblem {
            path: PathText::from(problem.path.as_path()),
            operation: problem.operation,
            error: problem.error.clone(),
        }
    }
}

/// A path: its text, or its bytes where they are no UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum PathText {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for PathText {
    fn from(path: &Path) -> PathText {
        match path.to_str() {
            Some(text) => PathText::Text(text.to_owned()),
            None => PathText::Bytes(path.as_os_str().as_bytes().to_vec()),
        }
    }
}

impl From<&PathText> for PathBuf {
    fn from(path: &PathText) -> PathBuf {
        match path {
            PathText::Text(text) => PathBuf::from(text),
            PathText::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes.clone())),
        }
    }
}

/// A published snapshot, as its record tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// Its name, which is its time.
    pub name: SnapshotName,
    /// Its place in the order in which the store's snapshots were made.
    pub sequence: u64,
    /// Whether all of the sources is in it.
    pub status: Status,
    /// Whether it is kept whatever the policy says.
    pub held: bool,
    /// What the user wrote about it.
    pub note: Option<String>,
    /// The machine it was made on.
    pub host: String,
    /// The absolute paths that it holds.
    pub sources: Vec<PathBuf>,
    /// What was linked and copied when it was made.
    pub counts: Counts,
    /// Why it is suspect; empty unless it is.
    pub suspicions: Vec<Suspicion>,
    /// What the destination could not hold of the sources: `owners`, `modes`,
    /// `symlinks`, `case`, `normalization`, `mtimes` (finer than the
    /// destination's), `xattrs:user` and the like.
    pub lacks: Vec<String>,
    /// What the sources were when it was made, as far as that is recorded.
    pub(crate) seen: Vec<SeenSource>,
    pub(crate) filters: Vec<String>,
    pub(crate) mounts: Option<String>,
    /// Files that would not hold still; none of them is linked to.
    pub(crate) unstable: Vec<PathBuf>,
    /// Everything that is missing in it or unstable.
    pub(crate) skipped: Vec<PathBuf>,
}

impl SnapshotInfo {
    /// Reads a record; none if it is not one of this store under this name.
    pub(crate) fn of_record(
        record: &Record,
        name: SnapshotName,
        store: &str,
    ) -> Option<SnapshotInfo> {
        if record.format != FORMAT || record.store != store || record.name != name.to_string() {
            return None;
        }
        let unstable = record
            .skipped
            .iter()
            .filter(|problem| problem.operation == Operation::Unstable);
        Some(SnapshotInfo {
            name,
            sequence: record.sequence,
            status: record.status.into(),
            held: record.held,
            note: record.note.clone(),
            host: record.host.clone(),
            sources: record.sources.iter().map(PathBuf::from).collect(),
            counts: record.counts,
            suspicions: record
                .suspicions
                .iter()
                .filter_map(RecordedSuspicion::read)
                .collect(),
            lacks: record.lacks.clone(),
            seen: record.extents.iter().map(SeenSource::from).collect(),
            filters: record.filters.clone(),
            mounts: record.mounts.clone(),
            unstable: unstable
                .map(|problem| PathBuf::from(&problem.path))
                .collect(),
            skipped: record
                .skipped
                .iter()
                .map(|problem| PathBuf::from(&problem.path))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capabilities::{Capabilities, Circumstances};

    #[test]
    fn every_path_comes_back_from_its_text_to_the_byte() {
        for bytes in [
            b"/home/alice".as_slice(),
            b"/a\nb",
            b"/\xff\xfe",
            "/übung".as_bytes(),
            b"/[1,2]",
        ] {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            let text = serde_json::to_string(&PathText::from(path.as_path())).unwrap();
            let back: PathText = serde_json::from_str(&text).unwrap();
            assert_eq!(PathBuf::from(&back), path, "{text}");
        }
    }

    #[test]
    fn the_policy_comes_back_from_the_marker() {
        let zone = "Australia/Lord_Howe".parse().unwrap();
        let policy = Policy::default().with_zone(zone).with_anchor(Anchor::Now);
        let text = toml::to_string(&Marker::new("x".into(), &policy, true, None)).unwrap();
        let marker: Marker = toml::from_str(&text).unwrap();
        assert_eq!(marker.policy().unwrap(), policy);
    }

    #[test]
    fn a_marker_is_changed_in_what_was_probed_and_in_nothing_else() {
        let capabilities: Capabilities = toml::from_str(
            "hard_links = true\nsymlink_links = true\nsymlinks = true\nowners = true\n\
             made_as = [0, 0]\nmodes = true\nxattrs = [\"user\", \"acl\"]\n\
             mtime_granularity_nanoseconds = 1\ncase_sensitive = true\n\
             normalization_sensitive = true\nreflinks = false\nexclusive_rename = true\n\
             exchanging_rename = true\nlocks = true\nwhole_flush = true\n",
        )
        .unwrap();
        let probed = Probed {
            capabilities,
            circumstances: Circumstances {
                filesystem_type: -7,
                filesystem_id: "00ff".into(),
                mount: "rw \"quoted\" \\040\n".into(),
                caller: 1,
                caller_capabilities: "0".into(),
                made_as: (0, 0),
            },
        };
        let plain =
            toml::to_string(&Marker::new("x".into(), &Policy::default(), true, None)).unwrap();
        let old = "[destination]\na = 1\n[destination.b]\nc = 2\n";
        let own = "# mine\n[own]\nd = 3\n";
        for text in [
            plain.clone(),
            format!("{plain}{old}"),
            format!("{plain}{old}{own}"),
            format!("{plain}{own}{old}"),
            format!("{plain}[ destination ] # theirs\na = 1\n"),
        ] {
            let changed = Marker::with_probed(&text, &probed).unwrap();
            let marker: Marker = toml::from_str(&changed).unwrap();
            assert_eq!(marker.probed().as_ref(), Some(&probed), "{changed}");
            assert_eq!(changed.contains(own), text.contains(own), "{changed}");
            let again = Marker::with_probed(&changed, &probed).unwrap();
            assert_eq!(again.trim(), changed.trim());
        }
        // Rather not at all than wrong.
        for text in [
            format!("destination = {{ a = 1 }}\n{plain}"),
            format!("{plain}e = \"\"\"\n[destination]\n\"\"\"\n"),
            "no = TOML".to_owned(),
        ] {
            assert_eq!(Marker::with_probed(&text, &probed), None, "{text}");
        }
    }
}
