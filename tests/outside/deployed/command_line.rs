//! The operator's commands, which ask the deployed hub through its gateway.

use std::process::Command;

use callback::examples;
use serde_json::Value;
use simulators::partner::{Next, after};

use super::stage;
use crate::support::process::TONGGUAN;
use crate::support::until;

pub(super) async fn commands_show_what_was_pushed_and_where_it_went() {
    let stage = stage().await;
    let example = examples::find("single_receipt").unwrap();
    let answer = stage.push(example.partner, example.suffix, &stage.marked(&example)).await;
    assert_eq!(after(example.partner, 1, Some(&answer)), Next::Taken, "{answer:?}");
    until(async || (0..2).all(|erp| !stage.got(erp, &stage.mark).is_empty())).await;
    stage.settled().await;

    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("operator.key");
    std::fs::write(&key, stage.config.api_keys[0].key.expose()).unwrap();
    let says = |words: &str| {
        let mut command = Command::new(TONGGUAN);
        command.current_dir(folder.path()).args(words.split(' '));
        let output = command.args(["--hub", stage.url.as_str(), "--api-key-file"]).arg(&key).output().unwrap();
        assert!(output.status.success(), "{words}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let listed = says("events list --type xhq.single_receipt --since 1h --limit 200 --json");
    let ids: Vec<_> = listed.lines().map(|line| read(line)["id"].as_str().unwrap().to_owned()).collect();
    let mine = ids.iter().find(|id| says(&format!("events show {id} --body")).contains(&stage.mark));
    let shown = read(&says(&format!("events show {} --json", mine.expect("the event that was pushed"))));
    assert!(shown["deliveries"].as_array().unwrap().iter().all(|delivery| delivery["state"] == "delivered"), "{shown}");
    let subject = shown["event"]["subject"].as_str().unwrap();
    assert!(says(&format!("shipments {subject}")).contains(subject));
    assert!(says("ledger").lines().all(|line| read(line)["balanced"] == true));
}
