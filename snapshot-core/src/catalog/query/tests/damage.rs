//! A row that is not what was written is noticed, or does no harm.

use super::rows::{Rows, version};
use crate::catalog::open::Open;
use crate::catalog::query::Catalog;
use crate::entry::EntryKind;
use crate::error::{Error, ErrorKind};

/// The answers to many questions, as text.
fn answers(catalog: &Catalog) -> Vec<Result<String, Error>> {
    let names: Vec<_> = catalog.snapshots().iter().map(|known| known.name).collect();
    let mut answers = Vec::new();
    for name in &names {
        let entries = catalog
            .entries(*name, "/")
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        answers.push(entries.map(|entries| format!("{entries:?}")));
        let sizes = catalog.sizes(&[*name]);
        answers.push(sizes.map(|sizes| format!("{sizes:?}")));
        for other in &names {
            let changes = catalog.changes(*name, *other);
            let changes = changes.and_then(Iterator::collect::<Result<Vec<_>, _>>);
            answers.push(changes.map(|changes| format!("{changes:?}")));
        }
    }
    let sizes = catalog.sizes(&names);
    answers.push(sizes.map(|sizes| format!("{sizes:?}")));
    for path in ["/dir", "/dir/file", "/dir/other", "/link"] {
        let versions = catalog.versions(path);
        answers.push(versions.map(|versions| format!("{versions:?}")));
    }
    for pattern in ["file", "*", "/dir/*"] {
        let found = catalog
            .find(pattern)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        answers.push(found.map(|found| format!("{found:?}")));
    }
    answers
}

fn rows() -> Rows {
    let mut rows = Rows::new(&[1, 2, 3]);
    rows.put("/dir", 1, None, version(EntryKind::Directory, 2));
    rows.put("/dir/file", 1, Some(2), version(EntryKind::File, 3));
    rows.put("/dir/file", 2, None, version(EntryKind::File, 4));
    rows.put("/dir/moved", 2, None, version(EntryKind::File, 5));
    rows.put("/dir/other", 1, Some(2), version(EntryKind::File, 5));
    let mut link = version(EntryKind::Symlink, 6);
    link.target = Some(b"a".to_vec());
    link.xattrs = Some(b"user.a\0\0\0\0\x01x".to_vec());
    rows.put("/link", 3, None, link);
    rows
}

#[test]
fn a_row_that_is_not_what_was_written_is_no_answer() {
    let (place, catalog) = rows().done();
    let good: Vec<String> = answers(&catalog).into_iter().map(Result::unwrap).collect();
    drop(catalog);
    let (connection, _) = place.store.open_catalog(Open::Write).unwrap();
    let columns = |table: &str| -> Vec<String> {
        let mut statement = connection
            .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    };
    let mut damages = Vec::new();
    for (table, key) in [
        ("entry", "dir, name"),
        ("past", "dir, name, first"),
        ("directory", "id"),
    ] {
        let count: i64 = connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        for column in columns(table) {
            // A row with another key is missing where it was, and of these no
            // checksum tells.
            if ["dir", "name", "id", "up"].contains(&column.as_str()) {
                continue;
            }
            for place in 0..count {
                for value in [
                    format!("{column} + 1"),
                    "'x'".to_owned(),
                    "x'ff'".to_owned(),
                ] {
                    damages.push(format!(
                        "UPDATE OR REPLACE {table} SET {column} = {value} WHERE ({key}) = \
                         (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {place})"
                    ));
                }
            }
        }
    }
    drop(connection);
    let file = place.store.path().join(".hardsnap/catalog.db");
    let bytes = std::fs::read(&file).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    for damage in &damages {
        std::fs::write(&file, &bytes).unwrap();
        let (connection, _) = place.store.open_catalog(Open::Write).unwrap();
        connection
            .execute_batch("PRAGMA synchronous = OFF")
            .unwrap();
        // Not every value is let in.
        if connection.execute(damage, []).is_err() {
            continue;
        }
        drop(connection);
        let catalog = place.store.catalog().unwrap();
        for (answer, good) in answers(&catalog).into_iter().zip(&good) {
            // Nor is it found by what it is looked up by there.
            let is_looked_up = ["stored", "shared", "first", "until"]
                .iter()
                .any(|column| damage.contains(&format!("SET {column} ")));
            if is_looked_up && good.starts_with("Sizes") {
                continue;
            }
            match answer {
                Ok(answer) => {
                    assert_eq!(answer, *good, "{damage}");
                    harmless += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::CatalogUnusable, "{damage}");
                    noticed += 1;
                }
            }
        }
    }
    assert!(
        noticed > damages.len() && harmless > 0,
        "{noticed} {harmless}"
    );
}
