//! Random changes to a tree, for property tests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use filetime::FileTime;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, XattrFlags, mknodat};
use walkdir::WalkDir;

use crate::naive::naive_copy;
use crate::skip::is_root;

/// A name for something new; a few of them, so that they meet again.
const NAMES: [&str; 6] = ["a", "b", "longer name.txt", "-dash", "new\nline", "é"];

/// The extended attribute that changes give.
const ATTRIBUTE: &str = "user.changed";

/// Modes that leave a file readable by its owner.
const MODES: [u32; 6] = [0o644, 0o600, 0o755, 0o4711, 0o444, 0o2640];

/// One change that somebody may make to a tree within a day.
///
/// Entries are chosen by an [`Index`] into what is there; a change for which
/// there is nothing suitable does nothing. Each change but the last few gives
/// what it touches a time of its own, so that it shows without a look at the
/// content or the ctime.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Edit {
    /// A new file of so many bytes in a directory.
    Create(Index, &'static str, usize),
    /// A new directory in a directory.
    MakeDirectory(Index, &'static str),
    /// A new symlink in a directory.
    MakeSymlink(Index, &'static str),
    /// A new named pipe in a directory.
    MakeFifo(Index, &'static str),
    /// A file, or a directory with all below it, goes.
    Delete(Index),
    /// A file is written anew, in place, with so many bytes.
    Rewrite(Index, usize),
    /// A file's bytes change, its size does not.
    EditSameSize(Index),
    /// A file grows.
    Append(Index),
    /// A file is emptied.
    Truncate(Index),
    /// A file gets another mode.
    ChangeMode(Index, u32),
    /// A directory gets another mode.
    ChangeDirectoryMode(Index),
    /// A file gets another time, the content being the same.
    Touch(Index),
    /// A file's time moves by nanoseconds.
    TouchNanoseconds(Index),
    /// Something is moved to another directory.
    Rename(Index, Index, &'static str),
    /// Two files change places.
    Exchange(Index, Index),
    /// A file is replaced by a directory that holds one.
    FileToDirectory(Index),
    /// A directory is replaced by a file.
    DirectoryToFile(Index),
    /// A file gets another name.
    HardLink(Index, Index, &'static str),
    /// A name is taken out of its hard links: copied with its attributes, and
    /// the copy moved over it.
    BreakHardLink(Index),
    /// A symlink gets another target.
    Retarget(Index, &'static str),
    /// A file takes the place of another one.
    RenameOver(Index, Index),
    /// A file or directory gets an extended attribute, or another value of it.
    SetAttribute(Index, u8),
    /// A file or directory loses its extended attribute.
    RemoveAttribute(Index),
    /// A file or symlink gets another owner; nothing happens as an ordinary
    /// user.
    ChangeOwner(Index, u32),
    /// A file's mode changes, and is put back.
    ChangeModeAndBack(Index),
    /// A file has another name for a moment.
    RenameAndBack(Index),
    /// A file's bytes change, its size and mtime do not.
    EditQuietly(Index),
    /// A file is replaced by another one of the same size and mtime.
    ReplaceQuietly(Index),
}

/// Returns the settings of a property test: so many cases unless
/// `PROPTEST_CASES` says otherwise, and no file of failures left behind.
#[must_use]
pub fn cases(count: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(count),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Gives random changes for a day, twelve at most.
pub fn day_of_edits() -> impl Strategy<Value = Vec<Edit>> {
    proptest::collection::vec(edit(), 0..12)
}

/// Gives random changes for a day, of extended attributes too.
pub fn day_of_all_edits() -> impl Strategy<Value = Vec<Edit>> {
    proptest::collection::vec(prop_oneof![9 => edit(), 1 => attribute_edit()], 0..12)
}

/// Gives random changes for a day, some of which do not show in size and mtime.
pub fn day_of_hidden_edits() -> impl Strategy<Value = Vec<Edit>> {
    let hidden = prop_oneof![
        any::<Index>().prop_map(Edit::EditQuietly),
        any::<Index>().prop_map(Edit::ReplaceQuietly),
    ];
    let any = prop_oneof![9 => edit(), 1 => attribute_edit(), 2 => hidden];
    proptest::collection::vec(any, 0..12)
}

fn attribute_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(i, v)| Edit::SetAttribute(i, v)),
        1 => any::<Index>().prop_map(Edit::RemoveAttribute),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let name = || select(&NAMES[..]);
    // Sizes round the sizes of pages and of small buffers.
    let size = || select(&[0_usize, 1, 100, 4095, 4096, 4097, 70_000][..]);
    prop_oneof![
        4 => (at(), name(), size()).prop_map(|(i, n, s)| Edit::Create(i, n, s)),
        2 => (at(), name()).prop_map(|(i, n)| Edit::MakeDirectory(i, n)),
        1 => (at(), name()).prop_map(|(i, n)| Edit::MakeSymlink(i, n)),
        1 => (at(), name()).prop_map(|(i, n)| Edit::MakeFifo(i, n)),
        2 => at().prop_map(Edit::Delete),
        2 => (at(), size()).prop_map(|(i, s)| Edit::Rewrite(i, s)),
        2 => at().prop_map(Edit::EditSameSize),
        1 => at().prop_map(Edit::Append),
        1 => at().prop_map(Edit::Truncate),
        2 => (at(), select(&MODES[..])).prop_map(|(i, m)| Edit::ChangeMode(i, m)),
        1 => at().prop_map(Edit::ChangeDirectoryMode),
        1 => at().prop_map(Edit::Touch),
        1 => at().prop_map(Edit::TouchNanoseconds),
        2 => (at(), at(), name()).prop_map(|(i, j, n)| Edit::Rename(i, j, n)),
        1 => (at(), at()).prop_map(|(i, j)| Edit::Exchange(i, j)),
        1 => at().prop_map(Edit::FileToDirectory),
        1 => at().prop_map(Edit::DirectoryToFile),
        3 => (at(), at(), name()).prop_map(|(i, j, n)| Edit::HardLink(i, j, n)),
        2 => at().prop_map(Edit::BreakHardLink),
        1 => (at(), prop_oneof![Just("a"), Just("/nowhere"), Just("..")]).prop_map(|(i, t)| Edit::Retarget(i, t)),
        1 => (at(), at()).prop_map(|(i, j)| Edit::RenameOver(i, j)),
        1 => (at(), 0..3_u32).prop_map(|(i, o)| Edit::ChangeOwner(i, o)),
        1 => at().prop_map(Edit::ChangeModeAndBack),
        1 => at().prop_map(Edit::RenameAndBack),
    ]
}

/// The source of times and contents: none comes twice, and the same changes
/// get the same.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    ticks: u32,
}

impl Clock {
    fn tick(&mut self) -> FileTime {
        self.ticks += 1;
        FileTime::from_unix_time(
            1_650_000_000 + i64::from(self.ticks) * 7,
            self.ticks * 1_001,
        )
    }

    fn content(&mut self, length: usize) -> Vec<u8> {
        self.ticks += 1;
        let words = (0..).map(|word: u32| word.wrapping_mul(2_654_435_761) ^ self.ticks);
        words.flat_map(u32::to_le_bytes).take(length).collect()
    }
}

/// Makes one change to the tree at `root`.
///
/// # Panics
///
/// If the system refuses it.
#[track_caller]
pub fn apply(edit: &Edit, root: &Path, clock: &mut Clock) {
    if let Some(Err(error)) = change(edit, root, clock) {
        panic!("cannot do {edit:?} in {}: {error}", root.display());
    }
}

/// Makes the change, or gives `None` where there is nothing suitable.
fn change(edit: &Edit, root: &Path, clock: &mut Clock) -> Option<std::io::Result<()>> {
    let directory = |index: &Index| choose(root, index, |path| path.is_dir() && !path.is_symlink());
    let file = |index: &Index| choose(root, index, |path| path.is_file() && !path.is_symlink());
    let below = |index: &Index| choose(root, index, |path| path != root);
    let fresh = |index: &Index, name: &str| {
        directory(index)
            .map(|directory| directory.join(name))
            .filter(|path| !path.exists() && !path.is_symlink())
    };
    let dated = |path: &Path, time| filetime::set_symlink_file_times(path, time, time);
    Some(match edit {
        Edit::Create(index, name, size) => {
            let path = fresh(index, name)?;
            write(&path, &clock.content(*size), clock.tick())
        }
        Edit::MakeDirectory(index, name) => fs::create_dir(fresh(index, name)?),
        Edit::MakeSymlink(index, name) => {
            let path = fresh(index, name)?;
            symlink("some/target", &path).and_then(|()| dated(&path, clock.tick()))
        }
        Edit::MakeFifo(index, name) => {
            let path = fresh(index, name)?;
            let made = mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o644), 0);
            made.map_err(Into::into)
                .and_then(|()| dated(&path, clock.tick()))
        }
        Edit::Delete(index) => remove(&below(index)?),
        Edit::Rewrite(index, size) => write(&file(index)?, &clock.content(*size), clock.tick()),
        Edit::EditSameSize(index) => {
            let path = file(index)?;
            let size = usize::try_from(path.metadata().ok()?.len()).ok()?;
            write(&path, &clock.content(size), clock.tick())
        }
        Edit::Append(index) => {
            let path = file(index)?;
            let mut content = fs::read(&path).ok()?;
            content.extend(clock.content(10));
            write(&path, &content, clock.tick())
        }
        Edit::Truncate(index) => write(&file(index)?, b"", clock.tick()),
        Edit::ChangeMode(index, mode) => {
            fs::set_permissions(file(index)?, PermissionsExt::from_mode(*mode))
        }
        Edit::ChangeDirectoryMode(index) => {
            let path = directory(index)?;
            let mode = if path.metadata().ok()?.permissions().mode() & 0o5 == 0 {
                0o755
            } else {
                0o3710
            };
            fs::set_permissions(&path, PermissionsExt::from_mode(mode))
        }
        Edit::Touch(index) => dated(&file(index)?, clock.tick()),
        Edit::TouchNanoseconds(index) => {
            let path = file(index)?;
            let before = FileTime::from_last_modification_time(&path.metadata().ok()?);
            let nanoseconds = (before.nanoseconds() + clock.ticks + 1) % 1_000_000_000;
            clock.ticks += 1;
            let time = FileTime::from_unix_time(before.unix_seconds(), nanoseconds);
            filetime::set_file_times(&path, time, time)
        }
        Edit::Rename(from, to, name) => {
            let from = below(from)?;
            let to = fresh(to, name).filter(|to| !to.starts_with(&from))?;
            fs::rename(from, to)
        }
        Edit::Exchange(one, other) => {
            let (one, other) = (file(one)?, file(other)?);
            rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE)
                .map_err(Into::into)
        }
        Edit::FileToDirectory(index) => {
            let path = file(index)?;
            let content = clock.content(50);
            fs::remove_file(&path)
                .and_then(|()| fs::create_dir(&path))
                .and_then(|()| write(&path.join("was a file"), &content, clock.tick()))
        }
        Edit::DirectoryToFile(index) => {
            let path = directory(index).filter(|path| path != root)?;
            let content = clock.content(60);
            remove(&path).and_then(|()| write(&path, &content, clock.tick()))
        }
        Edit::HardLink(of, index, name) => fs::hard_link(file(of)?, fresh(index, name)?),
        Edit::BreakHardLink(index) => {
            let path = file(index)?;
            let copy = path.with_file_name("copy being made");
            naive_copy(&path, &copy);
            fs::rename(copy, path)
        }
        Edit::Retarget(index, target) => {
            let path = choose(root, index, Path::is_symlink)?;
            fs::remove_file(&path)
                .and_then(|()| symlink(target, &path))
                .and_then(|()| dated(&path, clock.tick()))
        }
        Edit::RenameOver(one, other) => fs::rename(file(one)?, file(other)?),
        Edit::SetAttribute(index, value) => {
            let path = choose(root, index, |path| !path.is_symlink() && is_plain(path))?;
            writable(&path, || {
                rustix::fs::setxattr(&path, ATTRIBUTE, &[*value], XattrFlags::empty())
                    .map_err(Into::into)
            })
        }
        Edit::RemoveAttribute(index) => {
            let has_one = |path: &Path| rustix::fs::lgetxattr(path, ATTRIBUTE, &mut [0; 1]).is_ok();
            let path = choose(root, index, has_one)?;
            writable(&path, || {
                rustix::fs::removexattr(&path, ATTRIBUTE).map_err(Into::into)
            })
        }
        Edit::ChangeOwner(index, owner) => {
            let path = choose(root, index, |path| path.is_symlink() || path.is_file())?;
            match is_root() {
                true => lchown(path, Some(*owner), None),
                false => Ok(()),
            }
        }
        Edit::ChangeModeAndBack(index) => {
            let path = file(index)?;
            let mode = path.metadata().ok()?.permissions();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o640))
                .and_then(|()| fs::set_permissions(&path, mode))
        }
        Edit::RenameAndBack(index) => {
            let path = file(index)?;
            let away = path.with_file_name("for a moment");
            fs::rename(&path, &away).and_then(|()| fs::rename(&away, &path))
        }
        Edit::EditQuietly(index) => {
            let path = file(index)?;
            let metadata = path.metadata().ok()?;
            let size = usize::try_from(metadata.len()).ok()?;
            let mtime = FileTime::from_last_modification_time(&metadata);
            write(&path, &clock.content(size), mtime)
        }
        Edit::ReplaceQuietly(index) => {
            let path = file(index)?;
            let metadata = path.metadata().ok()?;
            let size = usize::try_from(metadata.len()).ok()?;
            let mtime = FileTime::from_last_modification_time(&metadata);
            let content = clock.content(size);
            // The new one may get the inode's number.
            fs::remove_file(&path).and_then(|()| write(&path, &content, mtime))
        }
    })
}

/// Tells whether an entry may have attributes of its owner's.
fn is_plain(path: &Path) -> bool {
    path.is_file() || path.is_dir()
}

/// Does something that an ordinary user has to have the right to write for.
fn writable(path: &Path, act: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
    let mode = path.metadata()?.permissions();
    fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
    act()?;
    fs::set_permissions(path, mode)
}

fn choose(root: &Path, index: &Index, suits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let all = WalkDir::new(root).sort_by_file_name().into_iter();
    let suitable: Vec<PathBuf> = all
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| suits(path))
        .collect();
    (!suitable.is_empty()).then(|| index.get(&suitable).clone())
}

/// Writes in place, so that other names of the file see it.
fn write(path: &Path, content: &[u8], mtime: FileTime) -> std::io::Result<()> {
    if path.exists() {
        // Root may write what its mode forbids; an ordinary user may not.
        let mode = path.metadata()?.permissions();
        fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
        fs::write(path, content)?;
        fs::set_permissions(path, mode)?;
    } else {
        fs::write(path, content)?;
    }
    filetime::set_file_times(path, mtime, mtime)
}

fn remove(path: &Path) -> std::io::Result<()> {
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}
