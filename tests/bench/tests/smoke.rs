//! The measuring processes find each other, and every push that is accepted reaches the ERP once.

use std::process::Command;

#[test]
fn a_point_is_measured_from_push_to_erp() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["point", "--system", "bare", "--runs", "1", "--seconds", "0.3", "--connections", "4"])
        .args(["--rate", "200", "--deliver", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let (table, progress) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{progress}");
    assert!(table.contains("| bare receiver | 4 connections, 200/s | "), "{table}");
    assert!(table.trim_end().ends_with(" | 0 |"), "some were refused: {table}\n{progress}");
    for trouble in ["never reached", "twice"] {
        assert!(!progress.contains(trouble), "{progress}");
    }
}
