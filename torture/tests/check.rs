//! The program's own check of a directory: its exit status is what a script goes by.

use std::{fs, io, path::Path, process::Command};

use flate2::read::GzDecoder;

const SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/small");

/// Unpacks the recorded run.
fn unpack(directory: &Path) {
    for entry in fs::read_dir(SMALL).expect("the recorded run") {
        let path = entry.expect("a file").path();
        let name = path.file_stem().expect("a name before .gz");
        let mut file = fs::File::create(directory.join(name)).expect("a file");
        let packed = fs::File::open(&path).expect("a file");
        io::copy(&mut GzDecoder::new(packed), &mut file).expect("a whole file");
    }
}

/// Whether the check is good, and what it says.
fn checked(directory: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradespine-torture"));
    let output = command.arg("--check").arg("--directory").arg(directory).output();
    let output = output.expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_good_run_succeeds_and_a_lost_row_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    unpack(directory.path());
    let (is_good, text) = checked(directory.path());
    assert!(is_good && !text.contains("FAILED"), "{text}");

    let trades = directory.path().join("trades.rows");
    let rows = fs::read_to_string(&trades).expect("rows");
    let lost = rows.lines().nth(3).expect("some trades");
    fs::write(&trades, rows.replacen(&format!("{lost}\n"), "", 1)).expect("written");
    let (is_good, text) = checked(directory.path());
    assert!(!is_good, "{text}");
    assert!(text.contains(&format!("trades misses: {}", lost.replace('\t', " "))), "{text}");
}
