//! A catalog that is damaged somewhere: it is noticed, or does no harm.

use std::fs;
use std::path::Path;

use hardsnap_tests::{Invariant, Outcome, Scratch, TreeImage, assert_same, noon, snapshot_name};
use proptest::prelude::RngCore;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::attributes::chmod;
use crate::catalog::{Days, Ledger, aged, edit_quietly, file, unsound_in};

/// SQLite's page size in catalogs.
const PAGE: usize = 4096;

/// Plays damage after damage on a store.
struct Patient<'a> {
    days: Days<'a>,
    /// The catalog as it was.
    good: Vec<u8>,
    failures: Vec<String>,
    harmless: usize,
    noticed: usize,
}

/// How a catalog stands to the trees.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Right,
    /// Whoever reads what is damaged notices.
    Noticeable,
    Wrong(Vec<String>),
}

impl<'a> Patient<'a> {
    fn new(scratch: &'a Scratch) -> Self {
        let mut tree = scratch
            .tree("source")
            .file("changing", b"changing")
            .file("quiet", b"quiet")
            .file("chmodded", vec![b'c'; 5000])
            .file("down/below/file", b"f")
            .xattr("user.a", b"1")
            .directory("down")
            .xattr("user.b", b"2")
            .hard_link("down/linked", "chmodded")
            .symlink("link", "changing")
            .fifo("fifo");
        for number in 0..5 {
            tree = tree.file(format!("moving/{number}"), format!("{number}"));
        }
        let mut days = Days::begin(scratch, tree.build());
        edit_quietly(&days.path("quiet"));
        fs::rename(days.path("moving/0"), days.path("moved")).unwrap();
        days.next();
        fs::rename(days.path("moving"), days.path("down/moving")).unwrap();
        chmod(&days.path("chmodded"), 0o600);
        days.next();
        fs::remove_dir_all(days.path("down/below")).unwrap();
        days.next();
        Self {
            good: fs::read(file(&days.store)).unwrap(),
            days,
            failures: Vec::new(),
            harmless: 0,
            noticed: 0,
        }
    }

    /// Damages the catalog and makes two backups.
    fn suffer(&mut self, what: &str, damage: impl FnOnce(&Path)) {
        let catalog = file(&self.days.store);
        fs::write(&catalog, &self.good).unwrap();
        damage(&catalog);
        fs::write(self.days.path("changing"), what).unwrap();
        let first = self.back_up(what);
        if first.code() == Some(1) {
            // That of a newer version looks the same.
            let is_refused = first.stderr().contains("its schema is");
            self.note(is_refused, what, &first);
            return;
        }
        let mut said = says(&first);
        self.judge(what, &first, said);
        fs::write(self.days.path("quiet"), what).unwrap();
        let second = self.back_up(what);
        said |= says(&second);
        self.judge(what, &second, says(&second));
        if said {
            self.noticed += 1;
            // As it is told to, somebody has it made anew.
            let reindex = self.days.scratch.hardsnap("reindex").arg(&self.days.store);
            reindex.run().expect(0);
            let third = self.back_up(what);
            let standing = self.standing();
            self.note(standing == Standing::Right && !says(&third), what, &third);
        } else {
            self.harmless += 1;
        }
        let delete = self.days.scratch.hardsnap("delete").arg(&self.days.store);
        let made = self.days.view.names().split_off(4);
        delete.args(made).arg("--yes").run().expect(0);
    }

    /// Makes a backup, which is right whatever the catalog is.
    fn back_up(&mut self, what: &str) -> Outcome {
        let time = noon(self.days.day);
        self.days.day += 1;
        let invariant = Invariant::new(&self.days.store, &self.days.canary);
        let command = self
            .days
            .scratch
            .hardsnap("backup")
            .args(["--no-prune", "--json"]);
        let command = command.args(["--time", &time]).arg(&self.days.source);
        let outcome = aged(command.arg(&self.days.store)).run();
        invariant.check();
        if outcome.code() != Some(1) {
            assert_eq!(outcome.code(), Some(0), "{what}: {outcome}");
            let made = self
                .days
                .view
                .image(&snapshot_name(&time), &self.days.source);
            assert_same(&TreeImage::of(&self.days.source), &made);
        }
        outcome
    }

    /// What is said of a catalog may be wrong; what is not must not be.
    fn judge(&mut self, what: &str, outcome: &Outcome, is_said: bool) {
        match self.standing() {
            Standing::Right | Standing::Noticeable => {}
            Standing::Wrong(_) if is_said => {}
            Standing::Wrong(wrong) => {
                let wrong = &wrong[..wrong.len().min(3)];
                let codes = outcome.surprises();
                self.failures
                    .push(format!("{what}: {wrong:?} after {codes:?}"));
            }
        }
    }

    fn standing(&mut self) -> Standing {
        let newest = self.days.view.names().pop().unwrap();
        let Ok(ledger) = Ledger::try_of(&self.days.store) else {
            return Standing::Noticeable;
        };
        let mut wrong = self.days.agreement.wrong_in(&ledger);
        if ledger
            .snapshots
            .last()
            .is_none_or(|told| told.name != newest)
        {
            wrong.push(format!("{newest} is not told"));
        }
        match wrong.is_empty() {
            true => Standing::Right,
            false if unsound_in(&ledger).is_empty() => Standing::Wrong(wrong),
            false => Standing::Noticeable,
        }
    }

    fn note(&mut self, is_right: bool, what: &str, outcome: &Outcome) {
        if !is_right {
            let standing = self.standing();
            let codes = outcome.surprises();
            self.failures
                .push(format!("{what}: {standing:?} after {codes:?}"));
        }
    }

    #[track_caller]
    fn end(self) {
        println!("{} were noticed, {} harmless", self.noticed, self.harmless);
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n\n"));
    }
}

fn says(outcome: &Outcome) -> bool {
    let codes = outcome.surprises();
    codes.iter().any(|code| code.starts_with("catalog"))
}

/// How often something is damaged at a place of its own: `HARDSNAP_DAMAGES`.
fn times(count: usize) -> usize {
    let asked = std::env::var("HARDSNAP_DAMAGES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(count)
}

fn random(test: u8) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[test; 32])
}

fn change(catalog: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(catalog).unwrap();
    change(&mut bytes);
    fs::write(catalog, bytes).unwrap();
}

#[test]
fn a_page_of_zeros_is_noticed() {
    let scratch = Scratch::new();
    let mut patient = Patient::new(&scratch);
    for page in 0..patient.good.len() / PAGE {
        patient.suffer(&format!("page {page} zeroed"), |catalog| {
            change(catalog, |bytes| bytes[page * PAGE..][..PAGE].fill(0));
        });
    }
    patient.end();
}

#[test]
fn a_flipped_byte_is_noticed_or_harmless() {
    let scratch = Scratch::new();
    let mut patient = Patient::new(&scratch);
    let mut random = random(1);
    for page in 0..patient.good.len() / PAGE {
        // What is used of a page: its head, with the places of the cells, and
        // the cells at its end.
        let bytes = &patient.good[page * PAGE..][..PAGE];
        let used: Vec<usize> = (0..PAGE)
            .filter(|place| *place < 24 || bytes[*place] != 0)
            .collect();
        for _ in 0..times(4) {
            let pick = |random: &mut TestRng, count| random.next_u64() as usize % count;
            let place = match pick(&mut random, 3) {
                0 => pick(&mut random, 24),
                _ => used[pick(&mut random, used.len())],
            };
            let bit = 1 << pick(&mut random, 8);
            patient.suffer(&format!("page {page}, byte {place} ^ {bit}"), |catalog| {
                change(catalog, |bytes| bytes[page * PAGE + place] ^= bit);
            });
        }
    }
    patient.end();
}

#[test]
fn a_changed_value_is_noticed_or_harmless() {
    let scratch = Scratch::new();
    let mut patient = Patient::new(&scratch);
    let mut random = random(2);
    let tables = ["store", "snapshot", "mount", "directory", "entry", "past"];
    let catalog = Connection::open(file(&patient.days.store)).unwrap();
    let mut columns = Vec::new();
    for table in tables {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let mut statement = catalog.prepare(&sql).unwrap();
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        columns.extend(names.map(|name| (table, name.unwrap())));
    }
    drop(catalog);
    for (table, column) in columns {
        for _ in 0..times(2) {
            let (row, bit) = (random.next_u64(), random.next_u64());
            let what = format!("{table}.{column} of row {} ^ {}", row % 97, bit % 8);
            patient.suffer(&what, |catalog| {
                spoil(catalog, table, &column, row % 97, bit % 8);
            });
        }
    }
    patient.end();
}

/// Changes one value of a row.
fn spoil(catalog: &Path, table: &str, column: &str, row: u64, bit: u64) {
    let catalog = Connection::open(catalog).unwrap();
    let read = |sql: &str| catalog.query_row(sql, [], |row| row.get::<_, Value>(0));
    let count = read(&format!("SELECT count(*) FROM {table}"));
    let Ok(Value::Integer(count)) = count else {
        return;
    };
    if count == 0 {
        return;
    }
    // Rows are told by their keys, since two tables have no numbers of rows.
    let keys = match table {
        "snapshot" => "sequence",
        "store" | "mount" | "directory" => "id",
        "entry" => "dir, name",
        _ => "dir, name, first",
    };
    let offset = row % count as u64;
    let sql =
        format!("SELECT {column}, {keys} FROM {table} ORDER BY {keys} LIMIT 1 OFFSET {offset}");
    let values: Vec<Value> = catalog
        .query_row(&sql, [], |row| {
            let columns = 1 + keys.split(',').count();
            (0..columns).map(|column| row.get(column)).collect()
        })
        .unwrap();
    let spoiled = match values[0].clone() {
        Value::Integer(number) => Value::Integer(number ^ (1 << bit)),
        Value::Blob(mut bytes) if !bytes.is_empty() => {
            bytes[0] ^= 1 << bit;
            Value::Blob(bytes)
        }
        Value::Text(text) => Value::Text(format!("{text}{bit}")),
        _ => Value::Blob(vec![bit as u8]),
    };
    let condition: Vec<String> = keys
        .split(", ")
        .enumerate()
        .map(|(place, key)| format!("{key} = ?{}", place + 2))
        .collect();
    let sql = format!(
        "UPDATE OR REPLACE {table} SET {column} = ?1 WHERE {}",
        condition.join(" AND ")
    );
    let values = std::iter::once(spoiled).chain(values.into_iter().skip(1));
    catalog.execute(&sql, params_from_iter(values)).unwrap();
}
