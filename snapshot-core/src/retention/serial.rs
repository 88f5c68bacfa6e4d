//! Plans as data for other programs: snake-case keys, instants as RFC 3339 in UTC.

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::bucket::Bucket;
use super::reason::{RuleReason, Until};

/// Writes an instant of any zone in UTC.
pub(super) fn utc<Z: TimeZone, S: Serializer>(
    time: &DateTime<Z>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&utc_text(time))
}

/// Writes an instant of any zone in UTC, as text.
pub(super) fn utc_text<Z: TimeZone>(time: &DateTime<Z>) -> String {
    let time = time.with_timezone(&Utc);
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Written as its text.
impl Serialize for Bucket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Written as an instant, as `"forever"`, or as null where a count decides.
impl Serialize for Until {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Time(time) => utc(time, serializer),
            Self::Forever => serializer.serialize_str("forever"),
            Self::Count => serializer.serialize_none(),
        }
    }
}

/// Written with the period's kind beside its name.
impl Serialize for RuleReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("RuleReason", 5)?;
        fields.serialize_field("rule", &self.rule)?;
        fields.serialize_field("every", &self.rule.every)?;
        fields.serialize_field("bucket", &self.bucket)?;
        fields.serialize_field("rank", &self.rank)?;
        fields.serialize_field("until", &self.until)?;
        fields.end()
    }
}
