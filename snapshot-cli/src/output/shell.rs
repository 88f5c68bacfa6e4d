//! Words for a shell.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use super::text::Escaped;

/// A word as a shell takes it, in quotes if it needs any, and harmless for a
/// terminal.
///
/// What is not plain text is written as `$'…'`, with octal numbers of three
/// digits: all shells that know this form read them alike.
pub(crate) fn word(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match std::str::from_utf8(bytes) {
        // What is shown otherwise than it is cannot be copied from the screen.
        Ok(text) if Escaped::new(text).to_string() == text => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => format!("${}", numbered(bytes, '\'')),
    }
}

/// Bytes between quotes, those that are not plain text as octal numbers.
pub(super) fn numbered(bytes: &[u8], quote: char) -> String {
    let mut text = String::from(quote);
    for byte in bytes {
        let character = char::from(*byte);
        if character == quote || character == '\\' {
            text.push('\\');
            text.push(character);
        } else if matches!(character, ' '..='~') {
            text.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\{byte:03o}");
        }
    }
    text.push(quote);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_where_it_needs_to_be() {
        let cases: [(&[u8], &str); 9] = [
            (b"/home/alice/a-b_c.txt", "/home/alice/a-b_c.txt"),
            (b"", "''"),
            (b"a b", "'a b'"),
            (b"$HOME `x` \"y\" *", "'$HOME `x` \"y\" *'"),
            (b"it's", r"'it'\''s'"),
            ("Grüße".as_bytes(), "'Grüße'"),
            (b"a\nb'\\", r"$'a\012b\'\\'"),
            (b"\xff0", r"$'\3770'"),
            ("exe\u{202e}gpj".as_bytes(), r"$'exe\342\200\256gpj'"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(word(OsStr::from_bytes(bytes)), expected);
        }
    }
}
