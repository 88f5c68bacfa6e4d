//! Measures the matching of a million paths against fifty patterns, on one
//! thread, and the making of the filter: `cargo run --release --package
//! hardsnap-benches --example filter_million`.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use hardsnap::{EntryKind, Filter, FilterError, Verdict};

const PATHS: usize = 1_000_000;

/// Fifty patterns as people write them: names, endings, anchored paths.
const USUAL: &str = "\
*.o\n*.pyc\n*.tmp\n*.swp\n*~\n.cache\n.DS_Store\nThumbs.db\nnode_modules/\n__pycache__/\n\
target/\nbuild/\n.venv/\n.tox/\n.gradle/\n.m2/repository/\n/Downloads\n/.local/share/Trash\n\
/.thumbnails\n*.iso\n*.img\n*.qcow2\n*.vmdk\n*.part\n*.crdownload\n*.bak\n.#*\n\\#*#\n*.class\n\
*.log\n*.log.[0-9]\n*.log.[0-9].gz\ncore.[0-9]*\n/var/tmp/*\n/var/cache/**\n**/cache/*.bin\n\
.mozilla/**/cache2/\n.config/*/Cache/\n.config/**/GPUCache/\n*.sock\nlost+found/\n.gvfs\n\
.Trash-*/\n!keep.o\n!/important/*.log\n/media/*/films/*.mkv\nphotos/**/raw/*.dng\n*.[Oo][Bb][Jj]\n\
dist/**/*.map\n.git/objects/pack/tmp_*\n";

fn main() -> Result<(), FilterError> {
    let paths: Vec<PathBuf> = (0..PATHS).map(path).collect();
    measure("usual patterns", USUAL, &paths)?;
    // None of these can be looked up by a name or an ending.
    let awkward: String = (0..50)
        .map(|index| format!("d{index}?/**/*[!a-z]{index}*x*/\n"))
        .collect();
    measure("awkward patterns", &awkward, &paths)
}

fn measure(what: &str, text: &str, paths: &[PathBuf]) -> Result<(), FilterError> {
    let started = Instant::now();
    let filter = Filter::builder().patterns_from("patterns", text).build()?;
    let made = started.elapsed();
    let patterns = filter.description().len();
    let started = Instant::now();
    let left_out = paths
        .iter()
        .filter(|path| filter.verdict(black_box(path), EntryKind::File, 1) != Verdict::Take)
        .count();
    println!(
        "{what}: {patterns} made in {made:.1?}; {} paths matched in {:.2?}, {left_out} left out",
        paths.len(),
        started.elapsed()
    );
    Ok(())
}

/// Paths of a home directory: five levels, ten kinds of names.
fn path(index: usize) -> PathBuf {
    const ENDINGS: [&str; 10] = [
        "txt", "rs", "o", "log", "jpg", "html", "log.1", "json", "dng", "bin",
    ];
    let ending = ENDINGS[index % ENDINGS.len()];
    PathBuf::from(format!(
        "d{:02}/project-{:03}/src/module_{:02}/file_{index:07}.{ending}",
        index / 50_000,
        index / 1_000 % 1_000,
        index / 50 % 20,
    ))
}
