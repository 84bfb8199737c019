//! A sweep that looks at watches, within the permissions of its role.

use std::sync::Arc;
use std::time::Duration;

use courier::Courier;
use futures::FutureExt as _;
use outbound::Sent;
use store::Store as _;

use super::{NOW, asked, courier, deployed, push};

#[tokio::test]
async fn sweep_looks_at_watches_by_its_role() {
    let (mut context, emulator) = deployed().await;
    push(&context, "single_receipt").await;
    let hint = context.queue.0.lock().unwrap()[0].clone();
    deliver::handle(&courier(&context), hint).await.unwrap();
    assert_eq!(context.store.ledger(NOW).await.unwrap()[&"xhq-sh".into()].watches, 1);
    let later = NOW.after(Duration::from_hours(24));
    context.clock = Arc::new(move || later);
    emulator.seen();
    let wire: courier::Wire =
        Arc::new(|_| async { Sent::answer(200, r#"{"code":200,"msg":"","data":[]}"#.into()) }.boxed());
    sweep::handle(&Courier { wire, ..courier(&context) }).await.unwrap();
    assert!(asked("sweep", &emulator).contains("dynamodb:Query"));
    let told = context.queue.0.lock().unwrap().iter().any(|hint| hint.key.subject.as_str().starts_with("order:"));
    assert!(told, "its silence is told");
}
