//! The checksums of rows, computed once more.

use crate::catalog::ledger::{Directory, Version};

/// The checksum that the row of a version should have.
pub(crate) fn of_version(version: &Version) -> u32 {
    let mut text = Vec::new();
    let mut number = |bytes: &[u8]| text.extend_from_slice(bytes);
    number(&version.dir.to_le_bytes());
    number(&version.first.to_le_bytes());
    number(&version.until.unwrap_or(0).to_le_bytes());
    number(&(version.name.len() as u64).to_le_bytes());
    number(&version.name);
    for word in [version.mode, version.owner.0, version.owner.1] {
        number(&word.to_le_bytes());
    }
    number(&version.size.to_le_bytes());
    for (seconds, nanoseconds) in [version.mtime, version.ctime] {
        number(&seconds.to_le_bytes());
        number(&nanoseconds.to_le_bytes());
    }
    number(&version.inode.to_le_bytes());
    number(&version.mount.to_le_bytes());
    let flags = [version.stored.is_some(), version.racy, version.shared];
    let flags = flags
        .iter()
        .enumerate()
        .map(|(bit, flag)| u8::from(*flag) << bit);
    number(&[flags.sum()]);
    for word in [
        version.stored.unwrap_or(0),
        version.allocated,
        version.device,
    ] {
        number(&word.to_le_bytes());
    }
    for part in [&version.target, &version.raw_xattrs, &version.blake3] {
        number(&[u8::from(part.is_some())]);
        if let Some(bytes) = part {
            number(&(bytes.len() as u64).to_le_bytes());
            number(bytes);
        }
    }
    crc32fast::hash(&text)
}

/// The checksum that the row of a directory should have.
pub(crate) fn of_directory(id: i64, directory: &Directory) -> u32 {
    let mut text = Vec::new();
    text.extend_from_slice(&id.to_le_bytes());
    text.extend_from_slice(&directory.up.to_le_bytes());
    text.extend_from_slice(&(directory.name.len() as u64).to_le_bytes());
    text.extend_from_slice(&directory.name);
    text.extend_from_slice(&directory.changed.to_le_bytes());
    crc32fast::hash(&text)
}
