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
        ErrorKind::SnapshotInUse,
        ErrorKind::TargetIsStore,
        ErrorKind::InTheWay,
        ErrorKind::NotInSnapshot,
        ErrorKind::CatalogUnusable,
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

/// Everything that needs no file, through pointers as C would use them: what
/// Miri can watch.
#[test]
fn handles_are_made_used_and_freed_once() {
    use crate::error::{hardsnap_error_free, hardsnap_error_status};
    use crate::filter::*;
    use crate::options::*;
    use crate::policy::*;
    use crate::retention::*;
    use crate::status::{HARDSNAP_INVALID_ARGUMENT, HARDSNAP_INVALID_OPTION, HARDSNAP_OK};
    use std::ptr::{null, null_mut};

    let times = [1_767_232_800_i64, 1_767_236_400, 1_767_319_200];
    let flags = [0_u8, 0, HARDSNAP_FLAG_HELD];
    // SAFETY: as the header says, except where a NULL is the point.
    unsafe {
        let (mut policy, mut error, mut decisions) = (null_mut(), null_mut(), null_mut());
        let line = c"daily for 2 weeks".as_ptr();
        let ok = hardsnap_policy_parse(line, &mut policy, &mut error);
        assert_eq!(ok, HARDSNAP_OK);
        let ok = hardsnap_policy_set_zone(policy, c"Asia/Kathmandu".as_ptr(), &mut error);
        assert_eq!(ok, HARDSNAP_OK);
        let line = CStr::from_ptr(hardsnap_policy_line(policy));
        assert_eq!(line, c"daily for 2 weeks");
        let bad = hardsnap_policy_set_zone(policy, c"Mars".as_ptr(), &mut error);
        assert_eq!(bad, HARDSNAP_INVALID_OPTION);
        assert_eq!(hardsnap_error_status(error), bad);
        hardsnap_error_free(error);

        let decide = |times, count, policy, decisions| {
            let now = 1_767_319_200;
            let flags = flags.as_ptr();
            hardsnap_retention_decide(times, flags, count, policy, now, decisions, null_mut())
        };
        let times = times.as_ptr();
        assert_eq!(decide(times, 3, policy, &mut decisions), HARDSNAP_OK);
        assert_eq!(
            decide(null(), 3, policy, &mut decisions),
            HARDSNAP_INVALID_ARGUMENT
        );
        assert_eq!(
            decide(times, 3, null(), &mut decisions),
            HARDSNAP_INVALID_ARGUMENT
        );
        assert_eq!(
            decide(times, 3, policy, null_mut()),
            HARDSNAP_INVALID_ARGUMENT
        );
        let kept = [0, 1, 2].map(|index| hardsnap_decisions_keep(decisions, index));
        assert_eq!(kept, [true, false, true]);
        let mut representative = 9;
        assert!(hardsnap_decisions_represented_by(
            decisions,
            1,
            &mut representative
        ));
        assert_eq!(representative, 0);
        let mut buffer = [1; 8];
        let length = hardsnap_decisions_explain(decisions, 1, buffer.as_mut_ptr(), 8);
        assert_eq!(length, "2026-01-01 is represented by 0".len());
        assert_eq!(CStr::from_ptr(buffer.as_ptr()), c"2026-01");
        hardsnap_decisions_free(decisions);
        hardsnap_decisions_free(null_mut());

        let filter = hardsnap_filter_new();
        let lines = b"*.o\n!keep.o\n";
        let ok = hardsnap_filter_add_lines(
            filter,
            c"list".as_ptr(),
            4,
            lines.as_ptr().cast(),
            lines.len(),
            null_mut(),
        );
        assert_eq!(ok, HARDSNAP_OK);
        let mut options = null_mut();
        let ok = hardsnap_backup_options_new(0, &mut options, null_mut());
        assert_eq!(ok, HARDSNAP_OK);
        let bytes = [b'/', 0xff];
        let ok = hardsnap_backup_options_add_source(
            options,
            bytes.as_ptr().cast(),
            bytes.len(),
            null_mut(),
        );
        assert_eq!(ok, HARDSNAP_OK);
        let ok =
            hardsnap_backup_options_set_reading(options, HARDSNAP_READING_EVERYTHING, null_mut());
        assert_eq!(ok, HARDSNAP_OK);
        let ok = hardsnap_backup_options_set_basis_check(
            options,
            HARDSNAP_BASIS_CHECK_EVERY_ENTRY,
            null_mut(),
        );
        assert_eq!(ok, HARDSNAP_OK);
        let ok = hardsnap_backup_options_set_hashes(options, HARDSNAP_HASHES_OFF, null_mut());
        assert_eq!(ok, HARDSNAP_OK);
        let ok = hardsnap_backup_options_set_recycling(options, HARDSNAP_RECYCLING_OFF, null_mut());
        assert_eq!(ok, HARDSNAP_OK);
        let ok = hardsnap_backup_options_set_cache(
            options,
            bytes.as_ptr().cast(),
            bytes.len(),
            null_mut(),
        );
        assert_eq!(ok, HARDSNAP_OK);
        let told = format!("{:?}", *options);
        let expected = r#"recycling: Off, cache: Some("/\xFF"), hashes: Off"#;
        assert!(told.contains(expected), "{told}");
        let expected = "reading: Everything, basis_check: EveryEntry";
        assert!(told.contains(expected), "{told}");
        let ok = hardsnap_backup_options_prune_by(options, policy, null_mut());
        assert_eq!(ok, HARDSNAP_OK);
        // What options were given is theirs, and not looked at again.
        hardsnap_policy_free(policy);
        hardsnap_backup_options_free(options);
        hardsnap_filter_free(filter);
    }
}
