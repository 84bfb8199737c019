//! Files that several processes fetch, that several events name, and that nobody names or wants any more.

use std::sync::Arc;
use std::time::Duration;

use ::partners::Partner;
use archive::Archive as _;
use bytes::Bytes;
use config::Config;
use courier::{Fetched, fetch};
use futures::FutureExt as _;
use hub::files::{FileHash, State};
use store::Store;

use super::engines::{DAY, MINUTE, PDF, Side, configuration, notice, on_both_engines};

on_both_engines! {
    content_that_many_name_is_stored_once_and_goes_with_the_last
    content_without_an_owner_goes_after_a_day
    content_named_while_it_is_removed_stays
    files_that_are_no_longer_wanted_are_given_up
    archive_that_fails_keeps_the_file_waiting
    answer_that_names_files_has_them_fetched
    one_of_two_processes_fetches
    process_that_dies_leaves_the_file_to_the_next
}

async fn content_that_many_name_is_stored_once_and_goes_with_the_last<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", PDF);
    side.has("http://b.example/again.pdf", PDF);
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    side.push("b", &notice("S2", "http://b.example/again.pdf")).await;
    assert_eq!(side.fetch().await.kept, 2);
    assert_eq!(side.folder.list(None, 9).await.unwrap().len(), 1);
    // Kept for ten days, and for twenty.
    for (days, removed) in [(9, 0), (2, 0), (8, 0), (2, 1), (1, 0)] {
        side.pass(DAY * days);
        assert_eq!(side.tidy().await, removed, "{days}");
        assert_eq!(side.kept(PDF).await, removed == 0 && days != 1);
    }
}

/// As a process leaves it that dies before it names it.
async fn content_without_an_owner_goes_after_a_day<S: Store>(side: Side<S>) {
    side.folder.put(FileHash::of(PDF), Bytes::from_static(PDF), side.now()).await.unwrap();
    for (hours, removed) in [(1, 0), (22, 0), (7, 1)] {
        side.pass(Duration::from_hours(hours));
        assert_eq!(side.tidy().await, removed, "{hours}");
    }
    assert!(!side.kept(PDF).await);
}

/// An event names it again between the look at its owners and its removal, and at any moment before.
async fn content_named_while_it_is_removed_stays<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", PDF);
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    assert_eq!(side.fetch().await.kept, 1);
    side.pass(DAY * 11);
    let listed = side.folder.list(None, 9).await.unwrap().remove(0);
    side.push("b", &notice("S2", "http://a.example/1.pdf")).await;
    assert_eq!(side.fetch().await.kept, 1);
    assert!(!side.folder.remove(&listed).await.unwrap(), "what was seen before is not what is there");
    assert_eq!(side.tidy().await, 0);
    assert!(side.kept(PDF).await);
}

async fn files_that_are_no_longer_wanted_are_given_up<S: Store>(side: Side<S>) {
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    let mut changed = side.another();
    let text = configuration().replace("files = true", "files = false");
    changed.courier.context.config = Arc::new(Config::parse(&text).unwrap());
    for hours in [0, 4] {
        changed.pass(Duration::from_hours(hours));
        assert_eq!(changed.fetch().await, Fetched::default());
    }
    assert_eq!(side.fetch().await.tried, 0, "another process has put it off");
    for _ in 0..8 {
        changed.pass(Duration::from_hours(4));
        changed.fetch().await;
    }
    let file = side.file("a", "S1").await;
    assert!(file.state == State::Refused && file.detail.contains("files = true"), "{file:?}");
    assert_eq!(side.asked(), Vec::<String>::new());
}

/// A full disk is no fault of the partner's.
async fn archive_that_fails_keeps_the_file_waiting<S: Store>(side: Side<S>) {
    side.has("http://a.example/1.pdf", PDF);
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    let path = side.data.path().join(archive::FOLDER);
    std::fs::write(&path, b"in its place").unwrap();
    for _ in 0..20 {
        assert_eq!(side.fetch().await, Fetched { tried: 1, kept: 0, lost: 0 });
        side.pass(MINUTE * 2);
    }
    let file = side.file("a", "S1").await;
    assert_eq!((file.state, file.tries), (State::Waiting, 0));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(side.fetch().await.kept, 1);
}

/// 三.4: the answer goes to the ERP as it came, and its files are the shipment's.
async fn answer_that_names_files_has_them_fetched<S: Store>(side: Side<S>) {
    let base = "http://api.platform.codeflagai.com/api/docking/getReleaseNotice";
    side.has(base, br#"{"code":200,"msg":"","data":[{"pdf":"http://a.example/1.pdf"}]}"#);
    side.has("http://a.example/1.pdf", PDF);
    let context = &side.courier.context;
    let row = ::partners::operation::find(Partner::Xhq, "getReleaseNotice").unwrap();
    let body = ::partners::Json::parse(br#"{"orderOutNo":"S1"}"#).unwrap();
    for connection in ["a", "off"] {
        let connection = &context.config.connections[&connection.into()];
        for _ in 0..2 {
            courier::call::ask(&side.courier, connection, &row, &body, None).await.unwrap();
        }
    }
    assert_eq!(side.fetch().await, Fetched { tried: 1, kept: 1, lost: 0 });
    let found = store::files_of(&context.store, vec![("a".into(), "order:S1".into())], side.now()).await.unwrap();
    let [record] = found.as_slice() else { panic!("{found:?}") };
    let files = record.work.files.as_ref().unwrap();
    assert_eq!(
        (files.by.as_str(), files.event, files.entries[0].field.as_str()),
        ("xhq.getReleaseNotice", None, "pdf")
    );
    assert_eq!(files.entries[0].state, State::Kept);
}

/// It claims the files before it fetches them.
async fn one_of_two_processes_fetches<S: Store>(side: Side<S>) {
    let other = side.another();
    for n in 0..9 {
        let url = format!("http://a.example/{n}.pdf");
        side.has(&url, PDF);
        side.push("a", &notice(&format!("S{n}"), &url)).await;
    }
    let (one, two) = tokio::join!(side.fetch(), other.fetch());
    assert_eq!((one.tried + two.tried, side.asked().len()), (9, 9), "{one:?} {two:?}");
}

/// Between the claim and the end: at the end of the lease another one fetches.
async fn process_that_dies_leaves_the_file_to_the_next<S: Store>(side: Side<S>) {
    side.push("a", &notice("S1", "http://a.example/1.pdf")).await;
    let mut dying = side.another();
    dying.courier.wire = Arc::new(|_| std::future::pending().boxed());
    let cut = tokio::time::timeout(Duration::from_millis(300), fetch(&dying.courier)).await;
    assert!(cut.is_err());
    side.has("http://a.example/1.pdf", PDF);
    assert_eq!(side.fetch().await, Fetched::default(), "it is claimed");
    side.pass(MINUTE * 5);
    assert_eq!(side.fetch().await.kept, 1);
    assert!(side.kept(PDF).await);
}
