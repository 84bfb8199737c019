//! `tongguan verify`: evidence files from a hub's port, checked in a folder that has nothing else.

use std::path::Path;
use std::process::Command;

use evidence::Part;
use partners::Partner;
use serde_json::Value;

use crate::support::http::api;
use crate::support::process::TONGGUAN;
use crate::support::{API_KEY, Plan, status, taken};

/// Exit code and output of a check.
fn verify(folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(TONGGUAN).arg("verify").args(words).current_dir(folder).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

fn assert_says(folder: &Path, words: &[&str], code: i32, told: &[&str]) {
    let (exit, said) = verify(folder, words);
    assert!(exit == Some(code) && told.iter().all(|told| said.contains(told)), "{words:?}: {exit:?} {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_from_a_hub_is_checked_without_it() {
    let hub = Plan::new().start().await;
    for code in [61, 63] {
        taken(&hub, Partner::Xhq, "syn_status", status("S1", code)).await;
    }
    let get = async |path: &str| api(hub.address(), "GET", path, API_KEY, "").await;
    let whole = get("/shipments/S1/evidence").await;
    assert!(whole.head.contains("content-type: application/zip"), "{}", whole.head);
    let first = get("/shipments/S1/evidence?limit=1").await;
    assert!(first.head.contains("rel=\"next\"") && !whole.head.contains("rel=\"next\""), "{}", first.head);
    let trail = get("/audit?action=evidence").await.json();
    let head = |entry: usize| trail["entries"][entry]["request"]["head"].as_str().map(str::to_owned).unwrap();
    drop(hub);

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    store("whole.zip", &whole.body);
    store("first.zip", &first.body);
    let mut changed = whole.body.clone();
    let at = changed.windows(9).position(|name| name == b"push.json").unwrap() + 40;
    changed[at] ^= 1;
    store("changed.zip", &changed);
    store("cut.zip", &whole.body[..whole.body.len() / 2]);

    let own = Part::read(&whole.body).unwrap().head.to_string();
    assert_eq!(head(1), own);
    assert_says(
        folder,
        &["whole.zip"],
        0,
        &["whole.zip: whole: part 1, the last", "order:S1", &own, "the evidence is whole\n"],
    );
    assert_says(folder, &["--head", &head(1), "whole.zip"], 0, &["the evidence is whole"]);
    assert_says(folder, &["--head", &head(0), "whole.zip"], 1, &["another head", "NOT whole"]);
    assert_says(folder, &["changed.zip"], 1, &["changed.zip: NOT whole", "changed: events/00001_", "/push.json", &own]);
    assert_says(folder, &["first.zip"], 1, &["first.zip: whole: part 1,", "part missing: part 1 is not the last"]);
    assert_says(folder, &["whole.zip", "first.zip"], 1, &["part twice"]);
    assert_says(folder, &["cut.zip", "whole.zip"], 1, &["cut.zip: not checked", "no whole zip", "whole.zip: whole"]);
    assert_says(folder, &["none.zip"], 1, &["none.zip: not checked", "No such file"]);
    assert_says(folder, &[], 2, &["FILE"]);
    assert_says(folder, &["--head", "x", "whole.zip"], 2, &["64 hex digits"]);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 4, "it writes nothing, and reads no configuration");
    assert!(trail["entries"].as_array().is_some_and(|entries: &Vec<Value>| entries.len() == 2));
}
