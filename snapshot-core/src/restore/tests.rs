use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::cancel::CancelToken;
use crate::event::{Event, Observer};
use crate::options::{BackupOptions, InitOptions};
use crate::report::Counts;
use crate::restore::{RestoreOptions, RestoreReport};
use crate::store::Store;
use crate::verify::{VerifyContent, VerifyOptions};

/// So large that it is told of as it is written.
const LARGE_BYTES: usize = 40_000_001;

/// What an observer hears of the progress of a run.
#[derive(Default)]
struct Heard(Mutex<Vec<Counts>>);

impl Observer for Heard {
    fn on_event(&self, event: &Event<'_>) {
        if let Event::Progress(news) = event {
            self.0.lock().unwrap().push(**news);
        }
    }
}

impl Heard {
    fn bytes(&self) -> u64 {
        let heard = self.0.lock().unwrap();
        heard.iter().map(Counts::bytes).sum()
    }

    /// How often it heard of bytes of a file that was not done.
    fn times(&self) -> usize {
        let heard = self.0.lock().unwrap();
        let is_within = |news: &&Counts| news.bytes() > 0 && news.files() == 0;
        heard.iter().filter(is_within).count()
    }
}

/// Backs a folder up in which there are a large file and small ones, lets the
/// store be changed, verifies and restores: what was heard of each.
fn watch(change: impl FnOnce(&Path)) -> ([Heard; 3], RestoreReport) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let source = path.join("source");
    fs::create_dir(&source).unwrap();
    // Not all zeros, which might be a hole.
    fs::write(source.join("large"), vec![b'x'; LARGE_BYTES]).unwrap();
    for number in 0..50 {
        fs::write(source.join(number.to_string()), vec![b'y'; 100_000]).unwrap();
    }
    let store = Store::init(path.join("store"), &InitOptions::new(), &()).unwrap();
    let options = BackupOptions::new([&source], "2026-11-22T12:00:00Z".parse().unwrap());
    let backup = Heard::default();
    let name = store.backup(&options, &backup, &CancelToken::new());
    let name = name.unwrap().snapshot;
    let tree = path.join("store").join(name.to_string());
    change(&tree.join(source.strip_prefix("/").unwrap()));
    let verify = Heard::default();
    let options = VerifyOptions::new().content(VerifyContent::Full);
    let verified = store.verify(&options, &verify, &CancelToken::new());
    assert_eq!(verified.unwrap().checked_files, 51);
    let options = RestoreOptions::into_directory(path.join("target"));
    let restore = Heard::default();
    let report = store.restore(name, &options, &restore, &CancelToken::new());
    ([backup, verify, restore], report.unwrap())
}

#[test]
fn a_large_file_is_told_of_before_it_is_done_and_no_byte_twice() {
    let (heard, report) = watch(|_| {});
    let all = LARGE_BYTES as u64 + 50 * 100_000;
    assert_eq!(report.counts.bytes_written, all);
    for heard in heard {
        assert_eq!(heard.bytes(), all);
        assert!(heard.times() >= 4, "{}", heard.times());
    }
}

#[test]
fn what_was_told_of_a_damaged_file_is_made_up_for() {
    let ([_, _, restore], report) = watch(|tree| {
        let mut content = fs::read(tree.join("large")).unwrap();
        content[LARGE_BYTES - 1] = b'z';
        let mtime = fs::metadata(tree.join("large"))
            .unwrap()
            .modified()
            .unwrap();
        fs::write(tree.join("large"), content).unwrap();
        let file = fs::File::options().write(true).open(tree.join("large"));
        file.unwrap().set_modified(mtime).unwrap();
    });
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.counts.bytes_written, 50 * 100_000);
    // It may have been the last one, and then nothing was left to make up.
    let told = restore.bytes();
    assert!(
        told >= 50 * 100_000 && told < LARGE_BYTES as u64 + 50 * 100_000,
        "{told}"
    );
}
