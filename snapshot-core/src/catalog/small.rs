//! The tables with few rows: the snapshots that the others tell of, and the
//! filesystems of the sources. Where one of their rows is not what was written,
//! nothing in the catalog means what it says.

use rusqlite::Connection;

use crate::catalog::change::{Made, NewMount};
use crate::catalog::codec::Writer;
use crate::catalog::open::{Outcome, Trouble, root_id};

/// A snapshot as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) sequence: u64,
    pub(crate) name: String,
    pub(crate) rules: String,
    pub(crate) directory_bytes: u64,
}

/// The snapshots that the catalog tells of, in their order.
pub(crate) fn told(connection: &Connection) -> Outcome<Vec<Told>> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, name, rules, directory_bytes, crc32 FROM snapshot ORDER BY sequence",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let told = Told {
            sequence: row.get::<_, i64>(0)? as u64,
            name: row.get(1)?,
            rules: row.get(2)?,
            directory_bytes: row.get::<_, i64>(3)? as u64,
        };
        check(row.get(4)?, told.checksum())?;
        all.push(told);
    }
    Ok(all)
}

/// Lets the catalog tell of a snapshot.
pub(crate) fn insert_snapshot(connection: &Connection, made: &Made) -> Outcome<()> {
    let told = Told {
        sequence: made.sequence,
        name: made.name.to_string(),
        rules: made.rules.clone(),
        directory_bytes: made.directory_bytes,
    };
    let crc32 = told.checksum();
    connection.execute(
        "INSERT INTO snapshot VALUES (?1, ?2, ?3, ?4, ?5)",
        (
            told.sequence as i64,
            told.name,
            told.rules,
            told.directory_bytes as i64,
            crc32,
        ),
    )?;
    Ok(())
}

impl Told {
    fn checksum(&self) -> u32 {
        let mut bytes = Writer::with_capacity(256);
        bytes.unsigned(self.sequence);
        bytes.bytes(self.name.as_bytes());
        bytes.bytes(self.rules.as_bytes());
        bytes.unsigned(self.directory_bytes);
        crc32fast::hash(&bytes.0)
    }
}

/// The filesystems of the sources.
pub(crate) fn mounts(connection: &Connection) -> Outcome<Vec<NewMount>> {
    let mut statement = connection
        .prepare("SELECT id, inode, born, born_ns, path, crc32 FROM mount ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let mount = NewMount {
            id: row.get(0)?,
            root: root_id(row, 1)?,
            path: row.get(4)?,
        };
        check(row.get(5)?, mount.checksum())?;
        all.push(mount);
    }
    Ok(all)
}

/// Gives a filesystem its number.
pub(crate) fn insert_mount(connection: &Connection, mount: &NewMount) -> Outcome<()> {
    let born = mount.root.born;
    connection.execute(
        "INSERT INTO mount VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            mount.id,
            mount.root.inode as i64,
            born.map(|born| born.seconds),
            born.map(|born| born.nanoseconds),
            &mount.path,
            mount.checksum(),
        ),
    )?;
    Ok(())
}

impl NewMount {
    fn checksum(&self) -> u32 {
        let mut bytes = Writer::with_capacity(64 + self.path.len());
        bytes.signed(self.id);
        bytes.unsigned(self.root.inode);
        bytes.0.push(u8::from(self.root.born.is_some()));
        if let Some(born) = self.root.born {
            bytes.time(born);
        }
        bytes.bytes(&self.path);
        crc32fast::hash(&bytes.0)
    }
}

fn check(found: i64, right: u32) -> Outcome<()> {
    match found == i64::from(right) {
        true => Ok(()),
        false => Err(Trouble::Damaged("a row is not what was written".to_owned())),
    }
}
