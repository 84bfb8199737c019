//! Files, noted, fetched, listed and served within the permissions of the roles.

use std::sync::Arc;

use archive::{Archive as _, Folder, Opened, Whole};
use courier::Courier;
use futures::FutureExt as _;
use hub::files::FileHash;
use outbound::Sent;
use serde_json::Value;

use super::{NOW, asked, courier, deployed, may, push, request, sample, warm};

const PDF: &[u8] = b"%PDF-1.4";

#[tokio::test]
async fn files_are_fetched_and_served_within_the_permissions() {
    let (mut context, emulator) = deployed().await;
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::open(data.path()).unwrap();
    let config = Arc::make_mut(&mut context.config);
    config.connections.values_mut().for_each(|connection| connection.files = true);
    context = context.with_archive(Arc::new(folder.clone()));
    push(&context, "single_receipt").await;
    asked("single_receipt", &emulator);
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&courier(&context), hint).await.unwrap();
    asked("deliver", &emulator);

    warm(&context).await;
    let list = async |state: &str| {
        let mut sent = request(&sample("files"));
        *sent.uri_mut() = format!("/files?state={state}").parse().unwrap();
        let found = ::files::router().handle(&context, sent).await;
        assert_eq!(found.status(), 200);
        serde_json::from_slice::<Value>(found.body()).unwrap()["items"].as_array().unwrap().len()
    };
    assert_eq!((list("waiting").await, list("lost").await), (3, 0));
    let listing = asked("files", &emulator);

    let wire: courier::Wire = Arc::new(|_| async { Sent::answer(200, PDF.into()) }.boxed());
    let sweeper = Courier { wire, ..courier(&context) };
    courier::fetch(&sweeper).await.unwrap();
    courier::tidy(&sweeper).await.unwrap();
    asked("sweep", &emulator);
    assert_eq!(folder.open(&FileHash::of(PDF), NOW).await.unwrap(), Some(Opened::Here(PDF.len() as u64)));

    let mut sent = request(&sample("files"));
    *sent.uri_mut() = format!("/files/{}", FileHash::of(PDF)).parse().unwrap();
    let served = ::files::router().handle(&context, sent).await;
    let whole = served.extensions().get::<Whole>().unwrap();
    assert_eq!((served.status().as_u16(), whole.hash, whole.length), (200, FileHash::of(PDF), PDF.len() as u64));
    let needed = listing.union(&asked("files", &emulator)).cloned().collect();
    assert_eq!(may("files"), needed, "it may do no more than it does");
}
