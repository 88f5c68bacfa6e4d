//! What the catalog answers.

use std::path::Path;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use super::{PathFields, base64, exactly};
use crate::catalog::query::{
    Aspect, CatalogEntry, CatalogSnapshot, EntryChange, EntryVersion, FoundPath, Sizes,
};
use crate::entry::{EntryKind, FileTime};
use crate::name::SnapshotName;

/// An entry without its path.
#[derive(Serialize)]
struct EntryFields<'a> {
    kind: &'static str,
    /// Four octal digits, as `chmod` takes them.
    mode: String,
    uid: u32,
    gid: u32,
    bytes: u64,
    allocated_bytes: u64,
    #[serde(flatten)]
    mtime: TimeFields,
    #[serde(flatten)]
    target: Option<TargetFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_number: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    xattrs: Vec<XattrFields<'a>>,
    blake3: Option<String>,
    stored: bool,
    stored_inode: Option<u64>,
}

/// A time, and its seconds where no calendar has it.
#[derive(Serialize)]
struct TimeFields {
    mtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime_seconds: Option<i64>,
}

#[derive(Serialize)]
struct TargetFields {
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_base64: Option<String>,
}

#[derive(Serialize)]
struct XattrFields<'a> {
    #[serde(serialize_with = "lossily")]
    name: &'a Path,
    value_base64: String,
}

fn lossily<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl From<FileTime> for TimeFields {
    fn from(time: FileTime) -> TimeFields {
        // RFC 3339 has years of four digits.
        let is_written = |utc: &DateTime<Utc>| (0..=9999).contains(&utc.year());
        match time.to_utc().filter(is_written) {
            Some(utc) => TimeFields {
                mtime: Some(utc.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
                mtime_seconds: None,
            },
            None => TimeFields {
                mtime: None,
                mtime_seconds: Some(time.seconds()),
            },
        }
    }
}

impl<'a> From<&'a CatalogEntry> for EntryFields<'a> {
    fn from(entry: &'a CatalogEntry) -> EntryFields<'a> {
        let is_device = matches!(entry.kind, EntryKind::CharDevice | EntryKind::BlockDevice);
        let target = entry.link_target.as_deref().map(|target| TargetFields {
            target: target.to_string_lossy().into_owned(),
            target_base64: exactly(target),
        });
        let xattrs = entry.xattrs.iter().map(|(name, value)| XattrFields {
            name: Path::new(name),
            value_base64: base64(value),
        });
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        EntryFields {
            kind: entry.kind.as_str(),
            mode: format!("{:04o}", entry.mode),
            uid: entry.uid,
            gid: entry.gid,
            bytes: entry.size_bytes,
            allocated_bytes: entry.allocated_bytes,
            mtime: entry.mtime.into(),
            target,
            device_number: is_device.then_some(entry.device_number),
            xattrs: xattrs.collect(),
            blake3: entry.blake3.map(hex),
            stored: entry.is_stored(),
            stored_inode: entry.stored_inode,
        }
    }
}

#[derive(Serialize)]
struct WithPath<'a> {
    #[serde(flatten)]
    path: PathFields,
    #[serde(flatten)]
    entry: EntryFields<'a>,
}

impl<'a> From<&'a CatalogEntry> for WithPath<'a> {
    fn from(entry: &'a CatalogEntry) -> WithPath<'a> {
        WithPath {
            path: entry.path.as_path().into(),
            entry: entry.into(),
        }
    }
}

/// An entry and the snapshots that have it.
#[derive(Serialize)]
struct RangeFields<'a> {
    #[serde(flatten)]
    entry: WithPath<'a>,
    first: SnapshotName,
    last: SnapshotName,
    snapshots: usize,
}

impl<'a> From<&'a EntryVersion> for RangeFields<'a> {
    fn from(version: &'a EntryVersion) -> RangeFields<'a> {
        RangeFields {
            entry: (&version.entry).into(),
            first: version.first,
            last: version.last,
            snapshots: version.snapshots,
        }
    }
}

impl<'a> From<&'a FoundPath> for RangeFields<'a> {
    fn from(found: &'a FoundPath) -> RangeFields<'a> {
        RangeFields {
            entry: (&found.entry).into(),
            first: found.first,
            last: found.last,
            snapshots: found.snapshots,
        }
    }
}

#[derive(Serialize)]
struct ChangeFields<'a> {
    #[serde(flatten)]
    path: PathFields,
    change: &'static str,
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_base64: Option<String>,
    differs: Vec<&'static str>,
    before: Option<EntryFields<'a>>,
    after: Option<EntryFields<'a>>,
}

impl<'a> From<&'a EntryChange> for ChangeFields<'a> {
    fn from(change: &'a EntryChange) -> ChangeFields<'a> {
        let from = change.from.as_deref();
        ChangeFields {
            path: change.path.as_path().into(),
            change: change.kind.as_str(),
            from: from.map(|from| from.to_string_lossy().into_owned()),
            from_base64: from.and_then(exactly),
            differs: change.differs.iter().copied().map(Aspect::as_str).collect(),
            before: change.before.as_ref().map(EntryFields::from),
            after: change.after.as_ref().map(EntryFields::from),
        }
    }
}

#[derive(Serialize)]
struct SizesFields {
    freed_bytes: u64,
    directory_bytes: u64,
    entries: u64,
    files: u64,
    apparent_bytes: u64,
}

impl From<&Sizes> for SizesFields {
    fn from(sizes: &Sizes) -> SizesFields {
        SizesFields {
            freed_bytes: sizes.freed_bytes,
            directory_bytes: sizes.directory_bytes,
            entries: sizes.entries,
            files: sizes.files,
            apparent_bytes: sizes.apparent_bytes,
        }
    }
}

#[derive(Serialize)]
struct SnapshotFields {
    name: SnapshotName,
    sequence: u64,
}

impl From<&CatalogSnapshot> for SnapshotFields {
    fn from(snapshot: &CatalogSnapshot) -> SnapshotFields {
        SnapshotFields {
            name: snapshot.name,
            sequence: snapshot.sequence,
        }
    }
}

super::serialize_as! {
    CatalogEntry => WithPath,
    CatalogSnapshot => SnapshotFields,
    EntryChange => ChangeFields,
    EntryVersion => RangeFields,
    FoundPath => RangeFields,
    Sizes => SizesFields,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(seconds: i64) -> String {
        let time = FileTime {
            seconds,
            nanoseconds: 5_000_000,
        };
        serde_json::to_string(&TimeFields::from(time)).unwrap()
    }

    #[test]
    fn a_time_that_no_calendar_has_is_written_in_seconds() {
        assert_eq!(written(0), r#"{"mtime":"1970-01-01T00:00:00.005Z"}"#);
        assert_eq!(written(-1), r#"{"mtime":"1969-12-31T23:59:59.005Z"}"#);
        for seconds in [i64::MIN, -62_167_219_201, 253_402_300_800, i64::MAX] {
            let expected = format!(r#"{{"mtime":null,"mtime_seconds":{seconds}}}"#);
            assert_eq!(written(seconds), expected);
        }
        let last = r#"{"mtime":"9999-12-31T23:59:59.005Z"}"#;
        assert_eq!(written(253_402_300_799), last);
    }
}
