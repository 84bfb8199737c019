//! The end of a hub, and the limit of one hub per data folder.

use std::collections::HashMap;
#[cfg(target_os = "linux")]
use std::process::Stdio;
use std::time::Duration;

use partners::Partner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::http::request;
use crate::support::load::{Load, bodies};
use crate::support::process::Process;
#[cfg(target_os = "linux")]
use crate::support::process::TONGGUAN;
use crate::support::{Plan, Time, erp, hook, ledger, settled, status, until, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_under_load_loses_and_repeats_nothing() {
    let erp = erp().await;
    let plan = Plan::new().endpoint("erp", &erp, "");
    let load = Load::new();
    for round in 1..=4 {
        let mut process = Process::start(&plan, &[]).await.unwrap();
        let mut senders = load.begin(process.address());
        load.promised(load.count() + 30 * round).await;
        process.terminate();
        assert!(process.ended().await.success(), "{}", process.log());
        let log = process.log();
        assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
        while senders.join_next().await.is_some() {}
        assert_eq!(load.lost(&plan.config().data_dir), 0, "round {round}");
        ledger(&plan.store()).await;
    }
    let time = Time::now();
    time.pass(Duration::from_mins(2));
    let hub = plan.start_at(&time).await;
    let stored = bodies(&plan.config().data_dir).len();
    assert_eq!(settled(&hub).await.delivered, stored as u64);
    hub.stop().await;
    let came = erp.deliveries().into_iter().fold(HashMap::new(), |mut came, got| {
        *came.entry(got.id).or_insert(0) += 1;
        came
    });
    assert_eq!(came.len(), stored);
    assert!(came.values().all(|count| *count == 1), "what was under way at the end was finished and settled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_in_progress_at_the_stop_is_stored_and_answered() {
    let plan = Plan::new();
    let (mut process, mut stream, rest) = stopping(&plan, &["TERM"]).await;
    stream.write_all(&rest).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""state":true"#), "{answer}");
    assert!(process.ended().await.success());
    assert!(bodies(&plan.config().data_dir).contains(status("S1", 61).as_bytes()));
}

/// A hub that is asked to end while the last bytes of a push are missing, with the connection and the rest of the push.
async fn stopping(plan: &Plan, signals: &[&str]) -> (Process, TcpStream, Vec<u8>) {
    let process = Process::start(plan, &[]).await.unwrap();
    let bytes = request("POST", &hook(Partner::Xhq, "syn_status"), "", status("S1", 61).as_bytes());
    let (begin, rest) = bytes.split_at(bytes.len() - 10);
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    stream.write_all(begin).await.unwrap();
    // Another push after it is answered, so this one is being read.
    let mut sender = simulators::Sender::new(Partner::Xhq, &format!("http://{}", process.address())).unwrap();
    sender.push(&hook(Partner::Xhq, "syn_status"), "application/json", status("S2", 61)).await.answered.unwrap();
    for signal in signals {
        process.signal(signal);
        until(async || process.log().contains("stopping")).await;
    }
    (process, stream, rest.to_vec())
}

/// Regression: a hangup cut off what was under way. A hub without a terminal reads its configuration again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hangups_of_a_service_break_nothing_off() {
    let plan = Plan::new();
    let process = Process::start(&plan, &[]).await.unwrap();
    process.signal("HUP");
    until(async || process.log().contains("the changed configuration is in use")).await;
    process.kill();
    let (mut process, mut stream, rest) = stopping(&plan, &["TERM"]).await;
    process.signal("HUP");
    stream.write_all(&rest).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(process.ended().await.success(), "{}", process.log());
}

/// As a terminal that closes sends it.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hangup_of_a_terminal_ends_the_hub() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let input = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
    let plan = Plan::new();
    let mut process = Process::start_at_terminal(&plan, input).await.unwrap();
    process.signal("HUP");
    assert!(process.ended().await.success(), "{}", process.log());
    assert!(process.log().contains("its terminal or session has closed"), "{}", process.log());
}

/// Regression: a second interrupt did nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_to_end_is_obeyed_at_once_and_explained() {
    for (first, second, code) in [("INT", "INT", 130), ("TERM", "TERM", 143), ("INT", "TERM", 143)] {
        let plan = Plan::new();
        let (mut process, _stream, _) = stopping(&plan, &[first, second]).await;
        assert_eq!(process.ended().await.code(), Some(code), "{}", process.log());
        let log = process.log();
        assert!(log.contains("ended at once") && log.contains("partners send them again"), "{log}");
    }
}

/// Regression: while a hub started, nobody read the signals that were listened for.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_interrupts_end_a_hub_that_is_starting() {
    let plan = Plan::new();
    drop(store_sqlite::SqliteStore::open(&plan.config().data_dir).unwrap());
    // This lock on the file keeps a hub from opening it for seconds.
    let other = rusqlite::Connection::open(plan.config().data_dir.join("tongguan.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let config = plan.folder().join("starting.toml");
    std::fs::write(&config, plan.text()).unwrap();
    let mut command = std::process::Command::new(TONGGUAN);
    let mut child = command.arg("serve").arg("--config").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let caught = |status: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
        u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 0b10 != 0)
    };
    until(async || caught(&std::fs::read_to_string(&status).unwrap_or_default())).await;
    let kill = format!("kill -INT {}", child.id());
    let mut ended = None;
    // Two that come close together may be one.
    until(async || {
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        ended = child.try_wait().unwrap();
        ended.is_some()
    })
    .await;
    assert_eq!(ended.unwrap().code(), Some(130));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_hub_on_a_data_folder_is_refused() {
    let plan = Plan::new();
    let first = Process::start(&plan, &[]).await.unwrap();
    let refused = Process::start(&plan, &[]).await.err().expect("a second hub runs");
    let folder = plan.config().data_dir.display().to_string();
    assert!(refused.contains(&format!("{folder} is in use by another hub")), "{refused}");
    let mut sender = simulators::Sender::new(Partner::Xhq, &format!("http://{}", first.address())).unwrap();
    let done = sender.push(&hook(Partner::Xhq, "syn_status"), "application/json", status("T1", 61)).await;
    assert_eq!(done.verdict, simulators::partner::Next::Taken);
    first.kill();
    // A killed hub leaves no lock behind.
    Process::start(&plan, &[]).await.unwrap().kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_with_mistakes_starts_nothing_and_names_them() {
    let plan = Plan::new().top("sweep_evry = \"1s\"");
    let said = Process::start(&plan, &[]).await.err().expect("a hub runs");
    assert!(said.contains("sweep_evry") && !said.contains(crate::support::APP_ID), "{said}");
}
