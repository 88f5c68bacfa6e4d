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
