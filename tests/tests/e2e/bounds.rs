//! Any depth and any number of names, with few open files.

use hardsnap_tests::{
    Canary, Chain, Hardsnap, Invariant, Kind, Scratch, StoreView, TreeImage, assert_same,
    hardsnap_binary, noon, snapshot_name,
};

const OPEN_FILES: u32 = 256;

/// Makes two snapshots of the tree at `source`, checks them, and has the first
/// removed, all with few open files.
fn survives(scratch: &Scratch, files: usize) {
    let canary = Canary::new(scratch);
    let (source, store) = (scratch.join("source"), scratch.join("store"));
    let view = StoreView::new(&store);
    let image = TreeImage::of(&source);
    assert_eq!(image.count(Kind::File), files);
    let run = |command: Hardsnap| command.with_open_files(OPEN_FILES).json().expect(0);
    for day in 0..2 {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--no-prune", "--time", &noon(day)]);
        let outcome = run(command.arg(&source).arg(&store));
        let linked = if day == 0 { 0 } else { files };
        assert_eq!(
            outcome.number("files_linked"),
            u64::try_from(linked).unwrap()
        );
    }
    let [one, two] = [0, 1].map(|day| view.image(&snapshot_name(&noon(day)), &source));
    assert_same(&image, &one);
    assert_same(&image, &two);
    assert_eq!(one.count_shared_with(&two), files);
    drop((one, two));
    let invariant = Invariant::new(&store, &canary);
    run(scratch
        .hardsnap("prune")
        .arg(&store)
        .args(["--keep-last", "1", "--now", &noon(1)]));
    assert_eq!(view.names(), [snapshot_name(&noon(1))]);
    invariant.check_without(&[snapshot_name(&noon(0))].into());
    view.assert_tidy();
}

#[test]
fn ten_thousand_levels() {
    let scratch = Scratch::new();
    Chain::new(10_000).build(scratch.join("source"));
    survives(&scratch, 10_000);
}

#[test]
fn a_comb_of_ten_thousand_levels() {
    let scratch = Scratch::new();
    Chain::new(10_000).comb().build(scratch.join("source"));
    survives(&scratch, 20_000);
}

#[test]
fn a_path_longer_than_any_call_takes() {
    let scratch = Scratch::new();
    Chain::new(60)
        .comb()
        .named([b'\xfe'; 255])
        .build(scratch.join("source"));
    survives(&scratch, 120);
}

#[test]
fn filtered_paths_take_no_room_by_the_square_of_the_depth() {
    let scratch = Scratch::new();
    let levels = 4_000;
    let source = Chain::new(levels)
        .named([b'n'; 255])
        .build(scratch.join("source"));
    // The paths of all levels together are 2 GB.
    let script = "ulimit -v 1000000; exec \"$@\"";
    let status = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(hardsnap_binary())
        .args(["tree", "--jobs", "2", "--exclude", "/no/such/*"])
        .arg(source)
        .arg(scratch.join("target"))
        .status();
    assert!(status.unwrap().success());
    let made = TreeImage::of(scratch.join("target"));
    assert_eq!(made.count(Kind::File), levels);
}

#[test]
fn a_directory_of_twenty_thousand_entries() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    let name = |number: u32| source.join(format!("{number:x} {}", "long name ".repeat(10)));
    for number in 0..20_000 {
        std::fs::write(name(number), number.to_le_bytes()).unwrap();
    }
    survives(&scratch, 20_000);
}

#[test]
fn many_directories_side_by_side() {
    let scratch = Scratch::new();
    let source = scratch.tree("source").build();
    for number in 0..3_000 {
        let directory = source.join(number.to_string());
        std::fs::create_dir_all(directory.join("below")).unwrap();
        std::fs::write(directory.join("below/file"), b"x").unwrap();
    }
    survives(&scratch, 3_000);
}

#[test]
fn one_worker_goes_as_deep_as_many() {
    let scratch = Scratch::new();
    let source = Chain::new(2_000).comb().build(scratch.join("source"));
    let (store, view) = (scratch.join("store"), StoreView::new(scratch.join("store")));
    let image = TreeImage::of(&source);
    for (day, jobs) in [(0, "1"), (1, "16")] {
        let command =
            scratch
                .hardsnap("backup")
                .args(["--init", "--jobs", jobs, "--time", &noon(day)]);
        command
            .arg(&source)
            .arg(&store)
            .with_open_files(64)
            .json()
            .expect(0);
        assert_same(&image, &view.image(&snapshot_name(&noon(day)), &source));
    }
}
