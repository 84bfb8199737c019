//! Round trip of one call, from the ERP's request to the event of its end.

use crate::calls::Desk;

const UPLOAD: &str = r#"{"fileUrl":"http://files/1.zip","orderOutNo":"SO-1","isReload":""}"#;

#[tokio::test]
async fn command_is_accepted_sent_and_its_end_delivered() {
    let desk = Desk::new().await;
    let reply = desk.call("xhq", "upload", "idempotency-key: k-1\r\n", UPLOAD).await;
    assert_eq!(reply.status, 202, "{}", reply.json());
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    assert!(reply.head.contains(&format!("location: ../{id}")), "{}", reply.head);

    let call = desk.stands(&id, "succeeded").await;
    let sent = desk.xhq.requests();
    assert_eq!((sent.len(), sent[0].wrong.clone()), (1, None));
    assert_eq!((&call["subject"], &call["answer"]["body"]["code"]), (&"order:SO-1".into(), &200.into()));
    let told = desk.hears("call.succeeded", 1).await;
    assert_eq!((&told[0]["subject"], &told[0]["source"]), (&"order:SO-1".into(), &"xhq".into()));
    assert_eq!((&told[0]["data"]["id"], &told[0]["data"]["state"]), (&id.as_str().into(), &"succeeded".into()));
    desk.calls().await;
}

#[tokio::test]
async fn a_result_in_time_is_the_answer() {
    let desk = Desk::new().await;
    let reply = desk.call("xhq", "upload", "idempotency-key: k-1\r\nprefer: wait=20\r\n", UPLOAD).await;
    assert_eq!((reply.status, &reply.json()["state"]), (200, &"succeeded".into()));
    assert!(reply.head.contains("preference-applied: wait=20"), "{}", reply.head);
}

#[tokio::test]
async fn a_query_is_answered_with_what_the_partner_says() {
    let desk = Desk::new().await;
    let reply = desk.call("xhq", "bghList", "", "").await;
    assert_eq!((reply.status, &reply.json()["code"]), (200, &200.into()), "{reply:?}");
    assert!(desk.calls().await.is_empty());
}
