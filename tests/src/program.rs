//! The `hardsnap` program under test.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The ordinary user and group that root runs the program as.
pub const NOBODY: u32 = 65_534;

/// Returns the program to test: `HARDSNAP_BIN`, or what cargo builds from
/// this workspace with the profile of the tests.
///
/// # Panics
///
/// If it cannot be built.
pub fn hardsnap_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        std::env::var_os("HARDSNAP_BIN").map_or_else(build, |path| {
            // Each run has a working folder of its own.
            std::path::absolute(path).expect("the path of the program")
        })
    })
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    let output = Command::new(&cargo)
        .args(["build", "--package", "hardsnap-cli", "--bin", "hardsnap"])
        .args([
            "--profile",
            profile,
            "--message-format",
            "json-render-diagnostics",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", Path::new(&cargo).display()));
    assert!(
        output.status.success(),
        "the hardsnap program does not build"
    );
    let messages = String::from_utf8_lossy(&output.stdout);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "hardsnap")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the program that it built")
}

/// Returns whether any user may run the program at `path`.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    let mode = |path: &Path| {
        path.metadata()
            .map_or(0, |metadata| metadata.permissions().mode())
    };
    mode(path) & 0o005 == 0o005
        && path
            .ancestors()
            .skip(1)
            .all(|above| mode(above) & 0o001 != 0)
}
