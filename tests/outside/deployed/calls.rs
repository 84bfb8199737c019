//! A call of the ERP, through the queue of calls to the partner, and its end to the ERP.

use partners::Partner;
use serde_json::Value;

use super::stage;
use crate::support::until;

pub(super) async fn a_command_reaches_the_partner_once_and_its_end_the_erp() {
    let stage = stage().await;
    let xhq = stage.xhq().await;
    let connection = stage.connection(Partner::Xhq);
    let (path, mark) = (format!("/calls/{}/upload", connection.id), &stage.mark);
    let body = format!(r#"{{"fileUrl":"http://files/1.zip","orderOutNo":"{mark}","isReload":""}}"#);
    let key = format!("idempotency-key: {mark}\r\n");
    let accepted = stage.ask("POST", &path, &key, &body).await;
    assert_eq!(accepted.status, 202, "{}", accepted.json());
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    let asked = async || stage.ask("GET", &format!("/calls/{id}"), "", "").await.json();
    until(async || asked().await["state"] == "succeeded").await;

    let again = stage.ask("POST", &path, &key, &body).await;
    assert_eq!(again.json()["id"], id.as_str(), "the same key is the same call");
    until(async || (0..2).all(|erp| !stage.got(erp, &id).is_empty())).await;
    stage.settled().await;
    let sent = xhq.requests();
    assert_eq!((sent.len(), sent[0].wrong.clone()), (1, None));
    for erp in 0..2 {
        let got = stage.got(erp, &id);
        assert_eq!((got.len(), got[0].signed, got[0].kind.as_deref()), (1, true, Some("call.succeeded")));
        let event: Value = serde_json::from_slice(&got[0].body).unwrap();
        assert_eq!((&event["data"]["id"], &event["data"]["state"]), (&id.as_str().into(), &"succeeded".into()));
    }
}

pub(super) async fn a_query_is_answered_with_what_the_partner_says() {
    let stage = stage().await;
    let _xhq = stage.xhq().await;
    let reply = stage.ask("POST", &format!("/calls/{}/bghList", stage.connection(Partner::Xhq).id), "", "").await;
    assert_eq!((reply.status, &reply.json()["code"]), (200, &200.into()));
}
