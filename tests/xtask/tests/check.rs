//! The committed files against the code they are made of.

use std::process::Command;

#[test]
fn committed_files_are_what_is_generated() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["generate", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
