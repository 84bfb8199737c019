//! `kill -9` while files are fetched and kept.

use std::time::Duration;

use archive::{Archive as _, Folder, Opened};
use hub::files::State;
use partners::Partner;
use simulators::Sender;
use simulators::api::Xhq;
use store::Store as _;

use crate::support::load::Seeded;
use crate::support::process::Process;
use crate::support::{Plan, Time, hook, until};

const KILLS: usize = 6;
const ORDERS: usize = 40;

/// Each file is kept whole or not at all, and in the end all are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_hub_keeps_each_file_whole_or_not_at_all() {
    let xhq = Xhq::start(([127, 0, 0, 1], 0).into(), telemetry::system_clock(), "app", "bgh").await.unwrap();
    let files = "partner = \"xhq\"\nfiles = true\nallow_private_files = true\n";
    let plan = Plan::new().top("sweep_every = \"1s\"").changed("partner = \"xhq\"\n", files);
    let data = plan.config().data_dir;
    let mut moments = Seeded(0xf11e);
    let mut pushed = 0;
    for kill in 0..KILLS {
        let process = Process::start(&plan, &[]).await.unwrap();
        let mut sender = Sender::new(Partner::Xhq, &format!("http://{}", process.address())).unwrap();
        for _ in 0..ORDERS / KILLS {
            let url = xhq.file(&format!("S{pushed}"), "a");
            let body = format!(
                r#"{{"action":"single_receipt","orderOutNo":"S{pushed}","paramJson":{{"releaseNotice":"{url}"}}}}"#
            );
            let answer =
                sender.push(&hook(Partner::Xhq, "single_receipt"), "application/json", body).await.answered.unwrap();
            assert_eq!(answer.status, 200);
            pushed += 1;
        }
        let wanted = xhq.count() + 1 + moments.below(3);
        let _ = tokio::time::timeout(Duration::from_secs(5), xhq.received(wanted)).await;
        process.kill();
        whole(&data, kill).await;
    }
    // The leases of all those that were killed are over.
    let time = Time::now();
    time.pass(Duration::from_mins(10));
    let hub = plan.start_at(&time).await;
    let courier = crate::support::courier(&hub);
    until(async || {
        courier::fetch(&courier).await.unwrap();
        time.pass(Duration::from_mins(1));
        let waiting = hub.context().store.pending(&store::Pending::Files, None, 1, hub.context().now()).await.unwrap();
        waiting.items.is_empty()
    })
    .await;
    for order in 0..pushed {
        let subject = vec![("xhq-sh".into(), format!("order:S{order}").as_str().into())];
        let found = store::files_of(&hub.context().store, subject, hub.context().now()).await.unwrap();
        let file = &found[0].work.files.as_ref().unwrap().entries[0];
        assert_eq!(file.state, State::Kept, "{file:?}");
        let opened =
            Folder::open(&data).unwrap().open(&file.kept.as_ref().unwrap().hash, hub.context().now()).await.unwrap();
        assert_eq!(opened, Some(Opened::Here(Xhq::content(&format!("S{order}"), "a").len() as u64)));
    }
    hub.stop().await;
}

/// Checks that the content under each hash is that of the hash.
async fn whole(data: &std::path::Path, kill: usize) {
    let folder = Folder::open(data).unwrap();
    for stored in folder.list(None, 1_000).await.unwrap() {
        let opened = folder.open(&stored.hash, hub::Utc(0)).await;
        assert!(matches!(opened, Ok(Some(_))), "{opened:?} at kill {kill}");
    }
}
