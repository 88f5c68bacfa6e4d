//! Text and paths as C reads them: bytes with a NUL behind them.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use engine::json::Line;
use serde::Serialize;

/// Text that a handle owns and lends.
#[derive(Clone, Debug)]
pub(crate) struct Text(CString);

impl Text {
    #[allow(
        clippy::needless_pass_by_value,
        reason = "what is shown comes by value and by reference"
    )]
    pub(crate) fn new(text: impl ToString) -> Text {
        Text::of_bytes(text.to_string().into_bytes())
    }

    /// Paths have no NUL; a message that quotes one loses what follows it.
    fn of_bytes(mut bytes: Vec<u8>) -> Text {
        if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
            bytes.truncate(end);
        }
        Text(CString::new(bytes).unwrap_or_default())
    }

    /// Something as the command line's JSON has it.
    pub(crate) fn json(body: impl Serialize) -> Text {
        Text::line(&Line::summary(body))
    }

    pub(crate) fn line(line: &Line<impl Serialize>) -> Text {
        // Writing data to memory fails only if the data says so, and none does.
        Text::of_bytes(serde_json::to_vec(line).unwrap_or_default())
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr()
    }
}

/// The JSON of something of which there may be many: made when it is asked for.
#[derive(Debug)]
pub(crate) struct Json<T> {
    message_type: &'static str,
    told: T,
    text: OnceLock<Text>,
}

impl<T: Serialize> Json<T> {
    /// A line of that type, as the command line prints it.
    pub(crate) fn new(message_type: &'static str, told: T) -> Json<T> {
        Json {
            message_type,
            told,
            text: OnceLock::new(),
        }
    }

    /// What it tells of.
    pub(crate) fn told(&self) -> &T {
        &self.told
    }

    pub(crate) fn text(&self) -> &Text {
        self.text
            .get_or_init(|| Text::line(&Line::new(self.message_type, &self.told)))
    }
}

impl From<&Path> for Text {
    fn from(path: &Path) -> Text {
        Text::of_bytes(path.as_os_str().as_bytes().to_vec())
    }
}

/// Lends text; NULL where there is none.
pub(crate) fn lend(text: Option<&Text>) -> *const c_char {
    text.map_or(ptr::null(), Text::as_ptr)
}

/// Lends a path, and tells its length to whom it matters.
///
/// # Safety
///
/// `length` is NULL or can be written.
pub(crate) unsafe fn lend_path(path: Option<&Text>, length: *mut usize) -> *const c_char {
    if !length.is_null() {
        let bytes = path.map_or(0, |path| path.0.as_bytes().len());
        // SAFETY: the caller's promise.
        unsafe { length.write(bytes) };
    }
    lend(path)
}
