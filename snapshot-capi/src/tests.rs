//! What needs no C to be told.

use std::ffi::CStr;

use engine::ErrorKind;

use crate::status::{HARDSNAP_FAILED, hardsnap_status_name, of_kind};

#[test]
fn statuses_have_the_words_of_the_errors_that_they_stand_for() {
    let kinds = [
        ErrorKind::NotAStore,
        ErrorKind::StoreLocked,
        ErrorKind::SourcesChanged,
        ErrorKind::NoSpace,
        ErrorKind::LastSnapshot,
        ErrorKind::SnapshotHeld,
        ErrorKind::Cancelled,
        ErrorKind::InvalidOption,
        ErrorKind::Io,
    ];
    for kind in kinds {
        let status = of_kind(kind);
        assert_ne!(status, HARDSNAP_FAILED, "{kind:?}");
        // SAFETY: the names are static.
        let name = unsafe { CStr::from_ptr(hardsnap_status_name(status)) };
        assert_eq!(name.to_str().unwrap(), kind.as_str());
    }
}

#[test]
fn a_panic_becomes_a_status_with_its_message() {
    use crate::error::{hardsnap_error_free, hardsnap_error_message};
    use crate::guard::{guard, look};
    use crate::status::{HARDSNAP_OK, HARDSNAP_PANIC};

    let mut error = std::ptr::null_mut();
    // SAFETY: the error is written, read and freed as the header says.
    unsafe {
        let status = guard(&mut error, || panic!("on purpose {}", 7));
        assert_eq!(status, HARDSNAP_PANIC);
        let message = CStr::from_ptr(hardsnap_error_message(error));
        assert!(message.to_str().unwrap().ends_with("on purpose 7"));
        hardsnap_error_free(error);
        assert_eq!(guard(std::ptr::null_mut(), || Ok(())), HARDSNAP_OK);
    }
    assert_eq!(look(3, || panic!("again")), 3);
}
