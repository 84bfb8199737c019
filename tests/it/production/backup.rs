//! The drill: a hub is copied while it works, and the copy is restored beside it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use archive::{Archive as _, Folder};
use hub::files::FileHash;
use hub::ledger::Tally;
use partners::Partner;
use rusqlite::Connection;
use serde_json::Value;
use simulators::Erp;
use simulators::api::Xhq;
use simulators::erp::Behaviour;
use tongguan::{Hub, StartError};

use super::{command, done, refused};
use crate::calls::{BGH_ID, upload};
use crate::support::http::{exchange, request};
use crate::support::process::Process;
use crate::support::{API_KEY, APP_ID, Plan, erp, ledger, push, status, taken, until, within};

const FILE: &[u8] = b"%PDF-1.4 a file";

/// A plan with an ERP, and XHQ at a URL.
pub(super) fn plan(erp: &Erp, xhq: &str) -> Plan {
    let partner = format!("partner = \"xhq\"\nbase_url = \"{xhq}\"\nallow_private = true\nbgh_id = \"{BGH_ID}\"\n");
    Plan::new().top("sweep_every = \"1s\"").endpoint("erp", erp, "").changed("partner = \"xhq\"\n", &partner)
}

/// A URL where nobody answers.
pub(super) fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/api/docking/", listener.local_addr().unwrap())
}

async fn ask(address: std::net::SocketAddr, method: &str, path: &str, more: &str, body: &str) -> (u16, String) {
    let headers = format!("authorization: Bearer {API_KEY}\r\ncontent-type: application/json\r\n{more}");
    let reply = exchange(address, request(method, path, &headers, body.as_bytes())).await.unwrap();
    (reply.status, String::from_utf8_lossy(&reply.body).into_owned())
}

/// A hub with a delivered event, one that waits, a queued upload and a file.
pub(super) async fn busy(plan: &Plan, erp: &Erp) -> Hub {
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    within(erp.received(1)).await;
    until(async || ledger(&hub.context().store).await.delivered == 1).await;
    erp.behave(Behaviour::Down);
    taken(&hub, Partner::Xhq, "syn_status", status("S2", 61)).await;
    let key = "idempotency-key: k1\r\n";
    let (code, text) = ask(hub.address(), "POST", "/calls/xhq-sh/upload", key, &upload("O1")).await;
    assert_eq!(code, 202, "{text}");
    let folder = Folder::open(&plan.config().data_dir).unwrap();
    folder.put(FileHash::of(FILE), FILE.into(), hub.context().now()).await.unwrap();
    hub
}

pub(super) fn path(plan: &Plan, name: &str) -> String {
    plan.folder().join(name).to_str().unwrap().to_owned()
}

fn backups(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries.filter(|path| path.join("backup.json").exists()).collect();
    found.sort();
    found
}

/// Regression: a copy that was restored beside the original sent queued uploads a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restored_copy_balances_and_sends_nothing_until_released() {
    let (first_erp, second_erp) = (erp().await, erp().await);
    let xhq = Xhq::start(([127, 0, 0, 1], 0).into(), telemetry::system_clock(), APP_ID, BGH_ID).await.unwrap();
    let original = plan(&first_erp, &nobody());
    let hub = busy(&original, &first_erp).await;
    let folder = path(&original, "backups");
    let told: Value = serde_json::from_str(&done(&original, &["backup", &folder, "--json"])).unwrap();
    assert_eq!((told["files_new"].as_u64(), told["balanced"].as_bool()), (Some(1), Some(true)), "{told}");
    let before: Tally = ledger(&hub.context().store).await;
    assert_eq!((before.delivered, before.pending, before.calls.queued), (1, 1, 1));

    let copy = plan(&second_erp, &xhq.url());
    let said = done(&copy, &["restore", &folder]);
    assert!(said.contains("starts on hold"), "{said}");
    let process = Process::start(&copy, &[]).await.unwrap();
    assert_eq!(ledger(&copy.store()).await, before, "the ledgers are the same");
    let kept = std::fs::read(copy.config().data_dir.join("files").join(FileHash::of(FILE).to_string())).unwrap();
    assert_eq!(kept, FILE);
    let (code, text) = ask(process.address(), "GET", "/ready", "", "").await;
    assert!(code == 200 && text.contains("on hold"), "{text}");
    let mut sender = simulators::Sender::new(Partner::Xhq, &format!("http://{}", process.address())).unwrap();
    let hook = crate::support::hook(Partner::Xhq, "syn_status");
    until(async || {
        let pushed = sender.push(&hook, "application/json", status("S3", 61)).await;
        pushed.verdict == simulators::partner::Next::Taken
    })
    .await;
    let (code, text) =
        ask(process.address(), "POST", "/calls/xhq-sh/actionDataRow", "", r#"{"orderOutNo":"O1"}"#).await;
    assert!(code == 503 && text.contains("cannot send anything"), "{code} {text}");
    let (_, text) = ask(process.address(), "POST", "/endpoints/erp/test", "", "").await;
    assert!(text.contains("on hold"), "{text}");
    assert_eq!((xhq.count(), second_erp.count()), (0, 0), "nothing has gone out");

    assert!(done(&copy, &["release"]).contains("the hold is over"));
    within(second_erp.received(2)).await;
    within(xhq.received(1)).await;
    let store = copy.store();
    until(async || {
        let now = ledger(&store).await;
        (now.pending, now.calls.queued) == (0, 0)
    })
    .await;
    assert_eq!(xhq.count(), 1, "once");
    assert!(done(&copy, &["release"]).contains("there is no hold"));
    process.kill();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_backups_share_files_and_early_ones_go() {
    let erp = erp().await;
    let original = plan(&erp, &nobody());
    let hub = busy(&original, &erp).await;
    let folder = path(&original, "backups");
    done(&original, &["backup", &folder]);
    let other = b"%PDF-1.4 another";
    let archive = Folder::open(&original.config().data_dir).unwrap();
    archive.put(FileHash::of(other), other[..].into(), hub.context().now()).await.unwrap();
    let told: Value = serde_json::from_str(&done(&original, &["backup", &folder, "--json"])).unwrap();
    assert_eq!((told["files"].as_u64(), told["files_new"].as_u64()), (Some(2), Some(1)), "{told}");
    assert_eq!(backups(&folder).len(), 2);
    for stored in archive.list(None, 10).await.unwrap() {
        archive.remove(&stored).await.unwrap();
    }
    done(&original, &["backup", &folder, "--keep", "2"]);
    assert_eq!(backups(&folder).len(), 2, "the earliest is gone");
    let files = || std::fs::read_dir(Path::new(&folder).join("files")).unwrap().count();
    assert_eq!(files(), 2, "a backup names them");
    done(&original, &["backup", &folder, "--keep", "1"]);
    assert_eq!((backups(&folder).len(), files()), (1, 0));
    hub.stop().await;
}

/// At whatever moment it is killed, what looks like a backup is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_backup_leaves_none_that_looks_whole() {
    let erp = erp().await;
    let original = plan(&erp, &nobody());
    let hub = busy(&original, &erp).await;
    for n in 0..200 {
        push(&hub, Partner::Xhq, "syn_status", status(&format!("K{n}"), 61)).await;
    }
    let folder = path(&original, "backups");
    let has = |name: &str| {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut partial = entries.filter(|entry| entry.path().to_string_lossy().ends_with(".partial"));
        partial.any(|entry| entry.path().join(name).exists())
    };
    for (kill, moment) in ["", "tongguan.db", "tongguan.db-journal", "backup.json"].into_iter().enumerate() {
        let mut child = command(&original, &["backup", &folder]).stdout(Stdio::null()).spawn().unwrap();
        until(async || has(moment) || child.try_wait().unwrap().is_some()).await;
        let _ = child.kill();
        child.wait().unwrap();
        if Path::new(&folder).exists() {
            for (n, backup) in backups(&folder).iter().enumerate() {
                if !backup.to_string_lossy().ends_with(".partial") {
                    let place = path(&original, &format!("restored-{kill}-{n}"));
                    done(&original, &["restore", backup.to_str().unwrap(), "--data", &place]);
                }
            }
        }
    }
    done(&original, &["backup", &folder]);
    assert!(!has(""), "the next one removes what is left");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restoration_refuses_what_would_lose_or_mix_data() {
    let erp = erp().await;
    let original = plan(&erp, &nobody());
    let hub = busy(&original, &erp).await;
    let folder = path(&original, "backups");
    done(&original, &["backup", &folder]);
    let said = refused(&original, &["restore", &folder]);
    assert!(said.contains("in use by another hub"), "{said}");
    hub.stop().await;
    let said = refused(&original, &["restore", &folder]);
    assert!(said.contains("there is a database"), "{said}");

    let copy = plan(&erp, &nobody());
    let data = copy.config().data_dir;
    std::fs::create_dir_all(data.join("restoring")).unwrap();
    let error = Hub::start(copy.config()).await.err().unwrap();
    assert!(matches!(error, StartError::Unrestored(_)) && error.to_string().contains("tongguan restore"), "{error}");
    let backup = backups(&folder).pop().unwrap();
    let whole = std::fs::read(backup.join("tongguan.db")).unwrap();
    let changed = Connection::open(backup.join("tongguan.db")).unwrap();
    changed.execute("DELETE FROM work", []).unwrap();
    drop(changed);
    let said = refused(&copy, &["restore", &folder]);
    assert!(said.contains("was changed"), "{said}");
    std::fs::write(backup.join("tongguan.db"), &whole[..whole.len() - 4096]).unwrap();
    refused(&copy, &["restore", &folder]);
    assert!(!data.join("tongguan.db").exists(), "nothing is restored");
    std::fs::write(backup.join("tongguan.db"), &whole).unwrap();
    done(&copy, &["restore", &folder, "--no-hold"]);
    assert!(!data.join("restoring").exists() && !data.join("hold").exists());
    let said = refused(&copy, &["restore", &path(&original, "data")]);
    assert!(said.contains("no whole backup"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let erp = erp().await;
    let original = plan(&erp, &nobody());
    busy(&original, &erp).await.stop().await;
    let folder = path(&original, "backups");
    done(&original, &["backup", &folder]);
    let backup = backups(&folder).pop().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(Path::new(&folder)) | mode(&backup) | mode(&backup.join("tongguan.db")), 0);
    assert_eq!(mode(&Path::new(&folder).join("files").join(FileHash::of(FILE).to_string())), 0);
}
