//! Sizes as people write them: `512k`, `10M`, `1.5 GiB`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A number of bytes, written with the units of powers of 1,024.
///
/// As text it is a number, perhaps with a fraction, and a unit: `k`, `M`, `G`,
/// `T`, `P` or `E` in either case, or the same with `iB`; `B`, or none, is
/// bytes. `10MB` is refused: to some it is a power of 1,000, to others of 1,024.
///
/// # Examples
///
/// ```
/// use hardsnap::ByteSize;
///
/// assert_eq!("1.5G".parse(), Ok(ByteSize::from_bytes(1_610_612_736)));
/// assert_eq!("2 GiB".parse(), Ok(ByteSize::from_bytes(2 << 30)));
/// assert_eq!(ByteSize::from_bytes(10 << 20).to_string(), "10M");
/// assert!("10MB".parse::<ByteSize>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// The text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not a size: {trouble}")]
pub struct InvalidByteSize {
    text: String,
    trouble: SizeTrouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
enum SizeTrouble {
    #[error("a number and a unit are needed, such as 512k, 10M or 1.5G")]
    NoNumber,
    #[error(
        "the unit has to be k, M, G, T, P or E, or the same with iB; each is 1,024 of the one before"
    )]
    UnknownUnit,
    #[error("write M or MiB, and so on: others count in powers of 1,000 with this unit")]
    TwoMeanings,
    #[error("there is no fraction of a byte")]
    FractionOfByte,
    #[error("it is more than 16 EiB")]
    TooLarge,
}

const UNITS: &[u8] = b"kmgtpe";
/// More digits than any unit has bytes.
const MOST_FRACTION_DIGITS: usize = 18;

impl ByteSize {
    /// A size in bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> ByteSize {
        ByteSize(bytes)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The size as a person reads it, rounded to two to four digits.
    ///
    /// # Examples
    ///
    /// ```
    /// use hardsnap::ByteSize;
    ///
    /// assert_eq!(ByteSize::from_bytes(999).rounded(), "999 B");
    /// assert_eq!(ByteSize::from_bytes(3_600_000).rounded(), "3.4 MiB");
    /// ```
    #[must_use]
    pub fn rounded(self) -> String {
        const NAMES: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let ByteSize(bytes) = self;
        if bytes < 1024 {
            return format!("{bytes} B");
        }
        let bytes = u128::from(bytes);
        let rounded = |tenths: u128, unit: u128| (bytes * tenths + unit / 2) / unit;
        // One byte less than 1 MiB is that, and not 1024 KiB.
        let (mut name, mut unit) = (0, 1 << 10);
        while rounded(1, unit) >= 1024 && name + 1 < NAMES.len() {
            name += 1;
            unit <<= 10;
        }
        let name = NAMES[name];
        let tenths = rounded(10, unit);
        if tenths < 1000 {
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        } else {
            format!("{} {name}", rounded(1, unit))
        }
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<ByteSize, InvalidByteSize> {
        read(text).map(ByteSize).map_err(|trouble| InvalidByteSize {
            text: text.to_owned(),
            trouble,
        })
    }
}

fn read(text: &str) -> Result<u64, SizeTrouble> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = match unit.strip_prefix(' ') {
        Some("") => return Err(SizeTrouble::UnknownUnit),
        Some(unit) => unit,
        None => unit,
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let is_number = |digits: &str| !digits.is_empty() && !digits.contains('.');
    if !is_number(whole) || !fraction.is_none_or(is_number) {
        return Err(SizeTrouble::NoNumber);
    }
    let power = power(unit)?;
    let whole: u64 = whole.parse().map_err(|_| SizeTrouble::TooLarge)?;
    let mut bytes = u128::from(whole) << (10 * power);
    if let Some(digits) = fraction {
        if power == 0 {
            return Err(SizeTrouble::FractionOfByte);
        }
        let digits = &digits[..digits.len().min(MOST_FRACTION_DIGITS)];
        let parts: u64 = digits.parse().map_err(|_| SizeTrouble::NoNumber)?;
        let of = 10_u128.pow(u32::try_from(digits.len()).unwrap_or(0));
        bytes += (u128::from(parts) << (10 * power)) / of;
    }
    u64::try_from(bytes).map_err(|_| SizeTrouble::TooLarge)
}

/// Of which power of 1,024 a unit is.
fn power(unit: &str) -> Result<usize, SizeTrouble> {
    let unit = unit.to_ascii_lowercase();
    let (first, rest) = match unit.as_bytes() {
        [] | [b'b'] => return Ok(0),
        [first, rest @ ..] => (first, rest),
    };
    let power = UNITS.iter().position(|unit| unit == first);
    let power = power.ok_or(SizeTrouble::UnknownUnit)? + 1;
    match rest {
        b"" | b"ib" => Ok(power),
        b"b" => Err(SizeTrouble::TwoMeanings),
        _ => Err(SizeTrouble::UnknownUnit),
    }
}

/// In the largest unit that needs no fraction: `10M`, `1536k`, `1000`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
        let power = match self.0 {
            0 => 0,
            bytes => (bytes.trailing_zeros() / 10) as usize,
        };
        write!(f, "{}{}", self.0 >> (10 * power), NAMES[power])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_to_four_digits() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (3_617_587, "3.4 MiB"),
            (3_617_588, "3.5 MiB"),
            (102_348, "99.9 KiB"),
            (102_349, "100 KiB"),
            (1_048_063, "1023 KiB"),
            (1_048_064, "1.0 MiB"),
            (120 << 30, "120 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(ByteSize::from_bytes(bytes).rounded(), expected, "{bytes}");
        }
    }

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("12B", 12),
            ("12 b", 12),
            ("512k", 512 << 10),
            ("512K", 512 << 10),
            ("10M", 10 << 20),
            ("10m", 10 << 20),
            ("10 MiB", 10 << 20),
            ("2GiB", 2 << 30),
            ("2gib", 2 << 30),
            ("1.5G", 3 << 29),
            ("0.5k", 512),
            ("0.001k", 1),
            ("1.999999999999999999999M", (2 << 20) - 1),
            ("3T", 3 << 40),
            ("4P", 4 << 50),
            ("15E", 15 << 60),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_size() {
        for (text, trouble) in [
            ("", SizeTrouble::NoNumber),
            (" 1", SizeTrouble::NoNumber),
            ("-1", SizeTrouble::NoNumber),
            ("+1", SizeTrouble::NoNumber),
            ("M", SizeTrouble::NoNumber),
            (".5M", SizeTrouble::NoNumber),
            ("5.M", SizeTrouble::NoNumber),
            ("1.2.3M", SizeTrouble::NoNumber),
            ("1,5M", SizeTrouble::UnknownUnit),
            ("1 ", SizeTrouble::UnknownUnit),
            ("1  M", SizeTrouble::UnknownUnit),
            ("1M ", SizeTrouble::UnknownUnit),
            ("1e6", SizeTrouble::UnknownUnit),
            ("0x10", SizeTrouble::UnknownUnit),
            ("1Z", SizeTrouble::UnknownUnit),
            ("1Mi", SizeTrouble::UnknownUnit),
            ("1µ", SizeTrouble::UnknownUnit),
            ("all", SizeTrouble::NoNumber),
            ("10MB", SizeTrouble::TwoMeanings),
            ("10kb", SizeTrouble::TwoMeanings),
            ("1.5", SizeTrouble::FractionOfByte),
            ("1.5B", SizeTrouble::FractionOfByte),
            ("16E", SizeTrouble::TooLarge),
            ("18446744073709551616", SizeTrouble::TooLarge),
            (
                "99999999999999999999999999999999999999999E",
                SizeTrouble::TooLarge,
            ),
        ] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(error.trouble, trouble, "{text}");
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_size_is_written_as_it_is_read() {
        for (bytes, text) in [
            (0, "0"),
            (1000, "1000"),
            (1024, "1k"),
            (1536 << 10, "1536k"),
            (10 << 20, "10M"),
            (1 << 60, "1E"),
            (u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
    }
}
