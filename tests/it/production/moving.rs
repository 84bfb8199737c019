//! A hub that moves: from its machine to a table of DynamoDB and to another machine, with its open work.

use std::path::Path;
use std::process::Stdio;

use partners::Partner;
use simulators::api::Xhq;
use simulators::erp::Behaviour;
use tongguan::{Hub, StartError};

use super::backup::{busy, nobody, path, plan};
use super::{command, done, refused};
use crate::calls::BGH_ID;
use crate::dynamodb::emulated;
use crate::support::process::Process;
use crate::support::{APP_ID, erp, ledger, push, status, until, within};

/// The program `tongguan-aws` is these two, with a client of AWS.
async fn through_a_table(from: &str, to: &str) {
    let (table, _) = emulated().await;
    let now = telemetry::system_clock()();
    let mut opened = transfer::open(Path::new(from), now).unwrap();
    transfer::import(&table, &mut opened.file, &opened.checked).await.unwrap();
    transfer::export_to(&table, Path::new(to), now, "0").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_work_moves_through_a_table_and_is_sent_once() {
    let (first_erp, second_erp) = (erp().await, erp().await);
    let xhq = Xhq::start(([127, 0, 0, 1], 0).into(), telemetry::system_clock(), APP_ID, BGH_ID).await.unwrap();
    let original = plan(&first_erp, &nobody());
    let hub = busy(&original, &first_erp).await;
    let (file, back) = (path(&original, "export.jsonl"), path(&original, "back.jsonl"));
    let said = refused(&original, &["export", &file]);
    assert!(said.contains("stop it first") && !Path::new(&file).exists(), "{said}");
    let before = ledger(&hub.context().store).await;
    assert_eq!((before.delivered, before.pending, before.calls.queued), (1, 1, 1));
    hub.stop().await;
    let said = done(&original, &["export", &file]);
    assert!(said.contains("3 events and calls") && said.contains("files are not in it"), "{said}");
    let said = refused(&original, &["export", &file]);
    assert!(said.contains("name another one"), "{said}");
    through_a_table(&file, &back).await;

    let copy = plan(&second_erp, &xhq.url());
    let said = done(&copy, &["import", &back]);
    assert!(said.contains("starts on hold"), "{said}");
    assert_eq!(ledger(&copy.store()).await, before, "the ledgers are the same");
    let process = Process::start(&copy, &[]).await.unwrap();
    assert_eq!((xhq.count(), second_erp.count()), (0, 0), "nothing has gone out");
    assert!(done(&copy, &["release"]).contains("the hold is over"));
    within(second_erp.received(1)).await;
    within(xhq.received(1)).await;
    let store = copy.store();
    until(async || {
        let now = ledger(&store).await;
        (now.pending, now.calls.queued) == (0, 0)
    })
    .await;
    assert_eq!(xhq.count(), 1, "once");
    process.kill();
    let last = ledger(&store).await;
    assert!(done(&copy, &["import", &back]).contains("nothing is changed"));
    assert_eq!(ledger(&store).await, last);
    assert!(refused(&copy, &["import", &file]).contains("not of this export"));
    assert!(!copy.config().data_dir.join("hold").exists(), "a repetition puts nothing on hold");
}

/// At whatever moment an import is killed, no hub goes on with a part of it, and a repetition completes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_import_leaves_nothing_that_a_hub_starts_with() {
    let erp = erp().await;
    erp.behave(Behaviour::Down);
    let original = plan(&erp, &nobody());
    let hub = busy_or_down(&original).await;
    let before = ledger(&hub.context().store).await;
    hub.stop().await;
    let file = path(&original, "export.jsonl");
    done(&original, &["export", &file]);
    for (n, moment) in
        ["hold", "restoring", "restoring/tongguan.db", "restoring/tongguan.db-wal"].into_iter().enumerate()
    {
        let data = original.folder().join(format!("copy-{n}"));
        let words = ["import", &file, "--data", data.to_str().unwrap()];
        let mut child = command(&original, &words).stdout(Stdio::null()).spawn().unwrap();
        until(async || data.join(moment).exists() || child.try_wait().unwrap().is_some()).await;
        let _ = child.kill();
        child.wait().unwrap();
        if data.join("restoring").exists() {
            let config = config::Config { data_dir: data.clone(), ..original.config() };
            let error = Hub::start(config).await.err().unwrap();
            assert!(matches!(error, StartError::Unrestored(_)) && error.to_string().contains("import"), "{error}");
        }
        done(&original, &words);
        let store = store_sqlite::SqliteStore::existing(&data).unwrap();
        assert_eq!(ledger(&store).await, before);
        assert!(data.join("hold").exists() && !data.join("restoring").exists());
    }
}

async fn busy_or_down(plan: &crate::support::Plan) -> Hub {
    let hub = plan.start().await;
    for n in 0..300 {
        push(&hub, Partner::Xhq, "syn_status", status(&format!("K{n}"), 61)).await;
    }
    hub
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_of_another_kind_changes_no_data_folder() {
    let erp = erp().await;
    let original = plan(&erp, &nobody());
    let file = path(&original, "export.jsonl");
    std::fs::write(&file, "{\"export\":\"tongguan\",\"version\":1,\"at\":0,\"program\":\"0\"}\n").unwrap();
    let said = refused(&original, &["import", &file]);
    assert!(said.contains("breaks off after 1 lines"), "{said}");
    std::fs::write(&file, b"\x1f\x8b\x08").unwrap();
    let said = refused(&original, &["import", &file]);
    assert!(said.contains("unpack it first"), "{said}");
    assert!(!original.config().data_dir.join("restoring").exists());
    let said = refused(&original, &["export", &path(&original, "other.jsonl")]);
    assert!(said.contains("there is no store"), "{said}");
}
