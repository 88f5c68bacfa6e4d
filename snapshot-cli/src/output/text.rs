//! Names, numbers and times as a person reads them.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hardsnap::ByteSize;
use hardsnap::retention::Zone;

use crate::args::system_zone;

/// A name or a message made harmless for a terminal: control characters and
/// bytes that are not UTF-8 are escaped, everything else is as it is.
pub(crate) struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    pub(crate) fn new(text: &'a (impl AsRef<OsStr> + ?Sized)) -> Escaped<'a> {
        Escaped(text.as_ref().as_bytes())
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' => f.write_str("\\n")?,
                    '\r' => f.write_str("\\r")?,
                    '\t' => f.write_str("\\t")?,
                    '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02x}", u32::from(character))?,
                    _ if turns_text(character) || character.is_control() => {
                        write!(f, "\\u{{{:x}}}", u32::from(character))?;
                    }
                    _ => f.write_char(character)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Characters that make a terminal show a name in another order than it has,
/// or break its line.
fn turns_text(character: char) -> bool {
    matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// A whole number with its thousands set apart: `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 directory`, `2 directories`.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number of bytes in powers of 1,024, as sizes are given too.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::from_bytes(bytes).rounded()
}

/// The zone of the clocks here: what `TZ` names, else the system's.
pub(crate) fn local_zone() -> Zone {
    let named = std::env::var("TZ").ok();
    let named = named.and_then(|name| name.strip_prefix(':').unwrap_or(&name).parse().ok());
    named.unwrap_or_else(system_zone)
}

/// An instant as the clocks of `zone` show it.
pub(crate) fn clock(instant: DateTime<Utc>, zone: Zone) -> String {
    let time = zone.wall_time(instant);
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A length of time in its two largest units: `0.9 s`, `1 min 5 s`, `2 h 3 min`.
pub(crate) fn duration(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    if tenths < 100 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = (time.as_millis() + 500) / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days} d {} h", hours % 24)
    } else if hours > 0 {
        format!("{hours} h {} min", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_command_the_terminal() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain name ", "plain name "),
            ("Grüße/雪/🦀".as_bytes(), "Grüße/雪/🦀"),
            (b"two\nlines\r\t", "two\\nlines\\r\\t"),
            (b"\x1b[31mred\x07\x7f\x00", "\\x1b[31mred\\x07\\x7f\\x00"),
            (b"\xff\xfe ok \xc3", "\\xff\\xfe ok \\xc3"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("exe\u{202e}gpj".as_bytes(), "exe\\u{202e}gpj"),
            (b"back\\slash", "back\\slash"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                Escaped::new(OsStr::from_bytes(bytes)).to_string(),
                *expected
            );
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12345, "12,345"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(plural(1, "file", "files"), "1 file");
        assert_eq!(plural(0, "file", "files"), "0 files");
    }

    #[test]
    fn times_have_two_units_at_the_most() {
        for (milliseconds, expected) in [
            (0, "0.0 s"),
            (940, "0.9 s"),
            (9_949, "9.9 s"),
            (9_950, "10 s"),
            (59_499, "59 s"),
            (65_000, "1 min 5 s"),
            (7_380_000, "2 h 3 min"),
            (200_000_000, "2 d 7 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), expected);
        }
    }
}
