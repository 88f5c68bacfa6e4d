//! Character classes of patterns: `[a-z]`, `[!0-9]`, `[[:digit:]_]`.
//!
//! The matcher's own classes know neither escapes nor names and let a class
//! match a slash. So a class is read here, as gitignore has it, into the set of
//! its characters, which is then written so that the matcher reads just that.

use std::str::Chars;

use super::error::PatternTrouble;
use super::pattern::literal;

/// ASCII characters, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Set(u128);

/// Reads the class whose `[` was just taken from `chars`, and writes it as the
/// matcher reads it.
pub(super) fn translate(chars: &mut Chars<'_>) -> Result<String, PatternTrouble> {
    let negated = next_if(chars, '!') || next_if(chars, '^');
    let mut set = read(chars)?;
    // No wildcard but `**` reaches from one name into the next.
    if negated {
        set.add('/');
        return Ok(format!("[!{}]", members(set)));
    }
    set.remove('/');
    let marks = Set(bit('!') | bit('^'));
    match set.0.count_ones() {
        0 => Err(PatternTrouble::NeverMatches),
        1 => Ok(set.iter().flat_map(literal).collect()),
        // Either one in the first place would negate the class.
        _ if set == marks => Ok("{!,^}".to_owned()),
        _ => Ok(format!("[{}]", members(set))),
    }
}

fn read(chars: &mut Chars<'_>) -> Result<Set, PatternTrouble> {
    let mut set = Set::default();
    // What a `-` would make the beginning of a range.
    let mut begin = None;
    let mut is_first = true;
    loop {
        let rest = chars.as_str();
        if rest.starts_with(']') && !is_first {
            chars.next();
            return Ok(set);
        }
        let is_range = rest.starts_with('-') && !rest.starts_with("-]");
        if let Some(name) = class_name(rest) {
            set.add_named(name)?;
            *chars = rest["[::]".len() + name.len()..].chars();
            begin = None;
        } else if let (Some(first), true) = (begin, is_range) {
            chars.next();
            let range = first..=member(chars)?;
            if range.is_empty() {
                return Err(PatternTrouble::BackwardsRange);
            }
            range.for_each(|c| set.add(c));
            begin = None;
        } else {
            let member = member(chars)?;
            set.add(member);
            begin = Some(member);
        }
        is_first = false;
    }
}

/// Takes one member, which may be escaped.
fn member(chars: &mut Chars<'_>) -> Result<char, PatternTrouble> {
    next_if(chars, '\\');
    match chars.next() {
        None => Err(PatternTrouble::UnclosedClass),
        Some(c) if c.is_ascii() => Ok(c),
        // Names are bytes, and one byte would match half a character.
        Some(_) => Err(PatternTrouble::NotAsciiInClass),
    }
}

fn next_if(chars: &mut Chars<'_>, expected: char) -> bool {
    let is_next = chars.as_str().starts_with(expected);
    if is_next {
        chars.next();
    }
    is_next
}

/// The name, if the text begins with `[:NAME:]`.
fn class_name(text: &str) -> Option<&str> {
    let (inner, _) = text.strip_prefix("[:")?.split_once(']')?;
    inner.strip_suffix(':')
}

/// Writes the members so that none of them means anything but itself.
fn members(mut set: Set) -> String {
    let (bracket, dash) = (set.remove(']'), set.remove('-'));
    let (caret, mark) = (set.remove('^'), set.remove('!'));
    let mut text = String::new();
    if bracket {
        text.push(']');
    } else if dash {
        text.push('-');
    }
    let mut rest = set.iter().peekable();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) = rest.next_if(|next| u32::from(*next) == u32::from(last) + 1) {
            last = next;
        }
        text.push(first);
        if last > first {
            text.extend(['-', last]);
        }
    }
    let tail = [('^', caret), ('!', mark), ('-', bracket && dash)];
    text.extend(tail.iter().filter(|(_, is_in)| *is_in).map(|(c, _)| c));
    text
}

impl Set {
    fn add(&mut self, c: char) {
        self.0 |= bit(c);
    }

    /// Takes a character out, and tells whether it was there.
    fn remove(&mut self, c: char) -> bool {
        let was_in = self.has(c);
        self.0 &= !bit(c);
        was_in
    }

    fn has(self, c: char) -> bool {
        self.0 & bit(c) != 0
    }

    fn iter(self) -> impl Iterator<Item = char> {
        ('\0'..='\x7f').filter(move |c| self.has(*c))
    }

    fn add_named(&mut self, name: &str) -> Result<(), PatternTrouble> {
        let is_member: fn(&char) -> bool = match name {
            "alnum" => char::is_ascii_alphanumeric,
            "alpha" => char::is_ascii_alphabetic,
            "blank" => |c| matches!(c, ' ' | '\t'),
            "cntrl" => char::is_ascii_control,
            "digit" => char::is_ascii_digit,
            "graph" => char::is_ascii_graphic,
            "lower" => char::is_ascii_lowercase,
            "print" => |c| *c == ' ' || c.is_ascii_graphic(),
            "punct" => char::is_ascii_punctuation,
            "space" => |c| matches!(c, ' ' | '\t'..='\r'),
            "upper" => char::is_ascii_uppercase,
            "xdigit" => char::is_ascii_hexdigit,
            _ => return Err(PatternTrouble::UnknownClass),
        };
        let named = ('\0'..='\x7f').filter(is_member);
        named.for_each(|c| self.add(c));
        Ok(())
    }
}

fn bit(c: char) -> u128 {
    if c.is_ascii() { 1 << u32::from(c) } else { 0 }
}
