//! A changed configuration is taken while the hub runs, or refused as a whole, and no request is lost by it.

use partners::Partner;
use serde_json::Value;

use super::{command, done};
use crate::support::http::{api, exchange, request};
use crate::support::load::Load;
use crate::support::process::{LISTENING, Process};
use crate::support::pushing::{DESCRIBED, described};
use crate::support::{API_KEY, Plan, erp, erp_with, hook, key, ledger, secret, status, until, within};

/// A hub whose configuration is the file that the commands read, too.
async fn start(plan: &Plan) -> Process {
    let file = plan.folder().join("operator.toml");
    std::fs::write(&file, plan.text()).unwrap();
    Process::start_by(&file, plan.folder().join("hub.log"), &[], LISTENING).await.unwrap()
}

async fn push(process: &Process, path: &str, order: &str) -> u16 {
    exchange(process.address(), request("POST", path, "", status(order, 61).as_bytes())).await.unwrap().status
}

fn reload(plan: &Plan) -> (bool, String) {
    let output = command(plan, &["reload"]).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reload_takes_new_keys_endpoints_and_secrets() {
    let (first, second) = (erp().await, erp_with(2).await);
    let plan = Plan::new().endpoint("erp", &first, "");
    let process = start(&plan).await;
    let path = hook(Partner::Xhq, "syn_status");
    let other = "another-inbound-key-that-nobody-may-see";
    let new = path.replace(&key("xhq-sh"), other);
    assert_eq!((push(&process, &path, "S1").await, push(&process, &new, "S2").await), (200, 404));
    within(first.received(1)).await;

    let secrets = plan.folder().join("secret");
    std::fs::write(&secrets, secret(2)).unwrap();
    let more = format!("secrets = [{{ file = \"{}\" }}]", secrets.display());
    let changed = plan.clone().changed(&key("xhq-sh"), other).endpoint("more", &second, &more);
    let (taken, said) = reload(&changed);
    assert!(taken && said.contains("uses the configuration"), "{said}");
    assert_eq!((push(&process, &path, "S3").await, push(&process, &new, "S2").await), (404, 200));
    within(first.received(2)).await;
    within(second.received(1)).await;
    assert!(second.deliveries().iter().all(|got| got.signed), "by the secret in the file");

    // Another secret in the same file.
    std::fs::write(&secrets, secret(1)).unwrap();
    assert!(reload(&changed).0);
    assert_eq!(push(&process, &new, "S4").await, 200);
    until(async || second.deliveries().iter().any(|got| !got.signed)).await;
    process.kill();
}

/// A file of partners is a part of the configuration that names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reload_takes_a_changed_file_of_partners() {
    let receiver = erp().await;
    let (partner, connection) = DESCRIBED.split_once("[[connections]]").unwrap();
    let plan = Plan::new().table(&format!("[[connections]]{connection}")).endpoint("erp", &receiver, "");
    let file = plan.folder().join("acme.toml");
    std::fs::write(&file, partner).unwrap();
    let plan = plan.top(&format!("partner_files = [\"{}\"]", file.display()));
    let process = start(&plan).await;
    let push = async |suffix: &str| {
        let push = request("POST", &hook(described(), suffix), "", br#"{"no":"A1","code":3}"#);
        exchange(process.address(), push).await.unwrap().status
    };
    let version = async || {
        api(process.address(), "GET", "/configuration", API_KEY, "").await.json()["version"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = version().await;
    assert_eq!((push("status").await, push("state").await), (200, 404), "by its file");
    std::fs::write(&file, partner.replace("suffix = \"status\"", "suffix = \"state\"")).unwrap();
    let (taken, said) = reload(&plan);
    assert!(taken && said.contains("uses the configuration"), "{said}");
    assert_eq!((push("status").await, push("state").await), (404, 200));
    assert_ne!(version().await, before);
    std::fs::write(&file, partner.replace("identity", "identy").replace("suffix", "sufix")).unwrap();
    let (taken, said) = reload(&plan);
    assert!(!taken && said.contains("acme.toml: partners[0].push.actions[0].sufix"), "{said}");
    assert_eq!(push("state").await, 200, "what was read before stays");
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_configuration_leaves_the_one_before_in_use() {
    let first = erp().await;
    let plan = Plan::new().endpoint("erp", &first, "");
    let process = start(&plan).await;
    let path = hook(Partner::Xhq, "syn_status");
    let wrong = plan.clone().top("retention_days = 0");
    let (taken, said) = reload(&wrong);
    assert!(!taken && said.contains("retention_days: must be between 1 and 3650"), "{said}");
    // Nobody has checked it before the hub does.
    process.signal("HUP");
    until(async || process.log().contains("the configuration was refused")).await;
    assert!(process.log().contains("retention_days: must be between 1 and 3650"), "{}", process.log());
    assert_eq!(push(&process, &path, "S1").await, 200, "the hub goes on");
    within(first.received(1)).await;

    let moved = plan.clone().top("sweep_every = \"7s\"");
    let said: Value = serde_json::from_str(&done(&moved, &["reload", "--json"])).unwrap();
    assert_eq!(said["at_next_start"], serde_json::json!(["sweep_every"]));
    process.kill();
    let (taken, said) = reload(&plan);
    assert!(!taken && said.contains("no hub uses the data folder"), "{said}");
}

/// While partners push, reload after reload.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_nothing() {
    let erp = erp().await;
    let plan = Plan::new().endpoint("erp", &erp, "");
    let process = start(&plan).await;
    let load = Load::new();
    let mut senders = load.begin(process.address());
    for round in 1..=8 {
        load.promised(load.count() + 10).await;
        let (taken, said) = reload(&plan.clone().top(&format!("retention_days = {round}")));
        assert!(taken, "{said}");
    }
    load.promised(load.count() + 10).await;
    process.terminate();
    let mut process = process;
    assert!(process.ended().await.success(), "{}", process.log());
    assert!(!process.log().contains("ERROR"), "{}", process.log());
    while senders.join_next().await.is_some() {}
    assert_eq!(load.lost(&plan.config().data_dir), 0);
    ledger(&plan.store()).await;
}
