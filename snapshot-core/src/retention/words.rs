//! Words of a policy, each with its place, and the parts that all its forms share.

use super::error::{PolicyError, Trouble};
use super::policy::Pick;
use super::span::{Span, Unit};

/// Reads a text word by word. A comma is a word of its own.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    text: &'a str,
    position: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) position: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// Returns the next word without taking it.
    pub(super) fn peek(&self) -> Option<Word<'a>> {
        let rest = &self.text[self.position..];
        let start = rest.find(|c: char| !c.is_whitespace())?;
        let rest = &rest[start..];
        let length = match rest.find(|c: char| c == ',' || c.is_whitespace()) {
            // The comma itself.
            Some(0) => 1,
            Some(end) => end,
            None => rest.len(),
        };
        Some(Word {
            text: &rest[..length],
            position: self.position + start,
        })
    }

    /// Takes the next word.
    pub(super) fn next(&mut self, expected: &'static str) -> Result<Word<'a>, PolicyError> {
        let word = self.peek().ok_or_else(|| PolicyError::Unfinished {
            text: self.text.trim().to_owned(),
            expected,
        })?;
        self.position = word.position + word.text.len();
        Ok(word)
    }

    /// Takes the next word if it is this one.
    pub(super) fn accept(&mut self, wanted: &str) -> bool {
        match self.peek() {
            Some(word) if word.is(wanted) => {
                self.position = word.position + word.text.len();
                true
            }
            _ => false,
        }
    }

    /// Refuses whatever is left.
    pub(super) fn end(&self, expected: &'static str) -> Result<(), PolicyError> {
        match self.peek() {
            Some(word) => Err(word.refuse(Trouble::Expected(expected))),
            None => Ok(()),
        }
    }

    /// Takes a whole number.
    pub(super) fn count(&mut self) -> Result<u32, PolicyError> {
        let word = self.next("a number")?;
        word.number(word.text)
    }

    /// Takes a span: `2w`, or `2 weeks`.
    pub(super) fn span(&mut self) -> Result<Span, PolicyError> {
        let expected = "a span such as `2 weeks`";
        let word = self.next(expected)?;
        if word.text.starts_with('-') {
            return Err(word.refuse(Trouble::Negative));
        }
        let end = word.text.find(|c: char| !c.is_ascii_digit());
        let (digits, unit) = word.text.split_at(end.unwrap_or(word.text.len()));
        if digits.is_empty() {
            return Err(word.refuse(Trouble::Expected(expected)));
        }
        let count = word.number(digits)?;
        if !unit.is_empty() {
            return Ok(Span::new(count, word.unit(unit)?));
        }
        match self.peek() {
            Some(next) if next.text != "," => {
                let unit = next.unit(next.text)?;
                self.position = next.position + next.text.len();
                Ok(Span::new(count, unit))
            }
            _ => Err(word.refuse(Trouble::MissingUnit)),
        }
    }
}

impl Word<'_> {
    pub(super) fn is(&self, wanted: &str) -> bool {
        self.text.eq_ignore_ascii_case(wanted)
    }

    pub(super) fn refuse(&self, trouble: Trouble) -> PolicyError {
        PolicyError::word(self.text, self.position, trouble)
    }

    fn number(&self, digits: &str) -> Result<u32, PolicyError> {
        if digits.starts_with('-') {
            return Err(self.refuse(Trouble::Negative));
        }
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.refuse(Trouble::Expected("a number")));
        }
        let number = digits.parse();
        number.map_err(|_| self.refuse(Trouble::TooLarge))
    }

    fn unit(&self, name: &str) -> Result<Unit, PolicyError> {
        let unit = match name.to_ascii_lowercase().as_str() {
            "h" | "hour" | "hours" => Unit::Hour,
            "d" | "day" | "days" => Unit::Day,
            "w" | "week" | "weeks" => Unit::Week,
            "mo" | "month" | "months" => Unit::Month,
            "y" | "year" | "years" => Unit::Year,
            "m" => return Err(self.refuse(Trouble::MinuteOrMonth)),
            _ => return Err(self.refuse(Trouble::UnknownUnit)),
        };
        Ok(unit)
    }

    /// Reads `first` or `last`.
    pub(super) fn pick(&self) -> Option<Pick> {
        self.text.parse().ok()
    }
}
