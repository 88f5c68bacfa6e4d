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

#[cfg(test)]
mod tests {
    use ignore::gitignore::GitignoreBuilder;

    use super::*;

    /// All bytes that the matcher takes for this class as a whole name.
    fn matched(class: &str) -> Vec<u8> {
        let mut chars = class[1..].chars();
        let line = translate(&mut chars).unwrap();
        assert_eq!(chars.as_str(), "", "{class} is read to its end");
        let mut builder = GitignoreBuilder::new(".");
        builder.add_line(None, &format!("/{line}")).unwrap();
        let matcher = builder.build().unwrap();
        let is_in = |byte: &u8| {
            use std::os::unix::ffi::OsStrExt;
            let name = std::ffi::OsStr::from_bytes(std::slice::from_ref(byte));
            matcher.matched(name, false).is_ignore()
        };
        (1..=255).filter(is_in).collect()
    }

    #[test]
    fn classes_hold_what_they_say() {
        for (class, members) in [
            ("[a]", "a"),
            ("[abc]", "abc"),
            ("[a-c]", "abc"),
            ("[a-cx-z]", "abcxyz"),
            ("[a-c-e]", "-abce"),
            ("[-a]", "-a"),
            ("[a-]", "-a"),
            ("[--0]", "-.0"),
            ("[]a]", "]a"),
            ("[]-a]", "]^_`a"),
            (r"[\]-]", "-]"),
            (r"[a\-c]", "-ac"),
            (r"[\!a]", "!a"),
            ("[a!^]", "!^a"),
            (r"[\!^]", "!^"),
            (r"[\^\!-]", "!-^"),
            (r"[\\]", r"\"),
            ("[[]", "["),
            ("[[:]", ":["),
            ("[{,}*?&~]", "&*,?{}~"),
            ("[[:digit:]_]", "0123456789_"),
            ("[[:xdigit:]g-]", "-0123456789ABCDEFabcdefg"),
            ("[.-0]", ".0"),
        ] {
            let mut expected = members.as_bytes().to_vec();
            expected.sort_unstable();
            assert_eq!(matched(class), expected, "{class}");
            // The opposite holds all else, but never a slash.
            let negated = format!("[!{}", &class[1..]);
            let rest = (1..=255).filter(|byte| !expected.contains(byte) && *byte != b'/');
            assert_eq!(matched(&negated), rest.collect::<Vec<u8>>(), "{negated}");
        }
    }

    #[test]
    fn every_set_of_punctuation_is_written_so_that_it_is_read_again() {
        let special: Vec<char> = "!^-][\\ab".chars().collect();
        for bits in 1..1_u32 << special.len() {
            let members = special
                .iter()
                .enumerate()
                .filter(|(index, _)| bits >> index & 1 == 1);
            let members: Vec<char> = members.map(|(_, c)| *c).collect();
            let escaped = members.iter().flat_map(|c| ['\\', *c]).collect::<String>();
            let mut expected: Vec<u8> = members.iter().map(|c| *c as u8).collect();
            expected.sort_unstable();
            assert_eq!(matched(&format!("[{escaped}]")), expected, "{escaped}");
        }
    }

    #[test]
    fn named_classes_hold_the_ascii_characters_of_posix() {
        let ascii = |is_in: fn(&u8) -> bool| (1..128).filter(is_in).collect::<Vec<u8>>();
        let members = |name: &str| matched(&format!("[[:{name}:]]"));
        assert_eq!(members("alnum"), ascii(u8::is_ascii_alphanumeric));
        assert_eq!(members("alpha"), ascii(u8::is_ascii_alphabetic));
        assert_eq!(members("blank"), b"\t ");
        assert_eq!(members("cntrl"), ascii(u8::is_ascii_control));
        assert_eq!(members("lower"), ascii(u8::is_ascii_lowercase));
        assert_eq!(members("upper"), ascii(u8::is_ascii_uppercase));
        assert_eq!(members("space"), b"\t\n\x0b\x0c\r ");
        // No slash, which they hold in other places.
        let but_slash = |mut bytes: Vec<u8>| {
            bytes.retain(|byte| *byte != b'/');
            bytes
        };
        assert_eq!(members("graph"), but_slash(ascii(u8::is_ascii_graphic)));
        assert_eq!(members("punct"), but_slash(ascii(u8::is_ascii_punctuation)));
        let print = ascii(|byte| (b' '..=b'~').contains(byte));
        assert_eq!(members("print"), but_slash(print));
    }

    #[test]
    fn classes_that_cannot_be_meant_are_refused() {
        for (class, trouble) in [
            ("[", PatternTrouble::UnclosedClass),
            ("[]", PatternTrouble::UnclosedClass),
            ("[!]", PatternTrouble::UnclosedClass),
            ("[a", PatternTrouble::UnclosedClass),
            ("[a-", PatternTrouble::UnclosedClass),
            (r"[a\", PatternTrouble::UnclosedClass),
            (r"[a\]", PatternTrouble::UnclosedClass),
            ("[[:alpha:]", PatternTrouble::UnclosedClass),
            ("[z-a]", PatternTrouble::BackwardsRange),
            ("[ä]", PatternTrouble::NotAsciiInClass),
            ("[a-ä]", PatternTrouble::NotAsciiInClass),
            ("[[:Alpha:]]", PatternTrouble::UnknownClass),
            ("[[::]]", PatternTrouble::UnknownClass),
            ("[/]", PatternTrouble::NeverMatches),
        ] {
            assert_eq!(translate(&mut class[1..].chars()), Err(trouble), "{class}");
        }
    }
}
