//! Credentials that a partner refuses: calls fail at once, name the configuration's keys, and log one error.

use std::time::Duration;

use simulators::api::{Fault, TOKEN};
use simulators::erp::Reply;
use store::Store as _;

use super::tokens::LIFE;
use crate::calls::{API_TOKEN, Desk, Making, SECRET, upload, waybill};
use crate::support::API_KEY;
use crate::support::http::{exchange, request};
use crate::support::process::Process;

/// A credential that every partner refuses.
const WRONG: &str = "wrong-credential-that-nobody-may-see";

/// A desk whose hub has wrong credentials at every partner that checks them.
async fn wrong() -> Desk {
    let mut desk = Desk::new().await;
    desk.hub.stop().await;
    for right in [SECRET, "demo-secret", API_TOKEN] {
        desk.plan = desk.plan.changed(right, WRONG);
    }
    desk.hub = desk.plan.start_at(&desk.time).await;
    desk
}

/// Regression: a wrong secret had a command retried for three days, and a query was told that nobody had answered.
#[tokio::test]
async fn refused_credentials_fail_at_once_and_name_their_keys() {
    let desk = wrong().await;
    let download = ("customs_status_download", r#"{"billId":"1"}"#);
    let by_status = |status| Fault::Http(Reply::of(status)).always().on(TOKEN);
    for (n, (fault, connection, command, body, query, keys)) in [
        (None, "eyes", "subscribe", r#"[{"blNo":"B"}]"#, Some(download), "check company_code, secret"),
        (Some(by_status(401)), "eyes", "subscribe", r#"[{"blNo":"C"}]"#, Some(download), "check company_code, secret"),
        (Some(by_status(403)), "eyes", "subscribe", r#"[{"blNo":"D"}]"#, Some(download), "check company_code, secret"),
        (Some(by_status(404)), "eyes", "subscribe", r#"[{"blNo":"E"}]"#, None, "check base_url"),
        (None, "yanwen", "s3.mawb.create", &waybill("M"), None, "check api_token, user_id"),
        (
            Some(Fault::Http(Reply::of(403)).into()),
            "xhq",
            "upload",
            &upload("F"),
            Some(("bghList", "")),
            "check app_id, bgh_id",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        // A refusal is believed for a second.
        desk.time.pass(Duration::from_secs(2));
        let partner = desk.partner(connection);
        if let Some(fault) = fault {
            partner.behave(fault);
        }
        let id = desk.command(connection, command, &format!("k-{n}"), body).await;
        let call = desk.stands(&id, "failed").await;
        let detail = call["attempts"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(keys) && !detail.contains(WRONG), "{detail}");
        assert_eq!(partner.processed_count(), 0);
        let Some((query, body)) = query else { continue };
        let reply = desk.call(connection, query, "", body).await;
        let problem = reply.json();
        assert_eq!((reply.status, &problem["type"]), (502, &"urn:tongguan:problem:credentials-refused".into()));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(keys) && !detail.contains(WRONG), "{detail}");
    }
    // The circuit is not open: with the right credentials it goes on at once.
    for partner in ["eyes", "xhq"] {
        desk.partner(partner).recover();
    }
    assert_eq!(desk.call("xhq", "bghList", "", "").await.status, 200);
}

/// Regression: what an earlier process had told was never told again within a day, whatever had been well in between.
#[tokio::test]
async fn refusal_after_a_success_is_logged_again_after_a_restart() {
    let mut desk = Desk::new().await;
    let told = async |desk: &Desk| desk.hub.context().store.note("credentials#eyes").await.unwrap().unwrap().value;
    let asked = async |desk: &Desk, refuses: bool| {
        desk.time.pass(LIFE);
        desk.eyes.recover();
        if refuses {
            desk.eyes.behave(Fault::Http(Reply::of(401)).always().on(TOKEN));
        }
        let query = desk.call("eyes", "customs_status_download", "", r#"{"billId":"1"}"#).await;
        assert_eq!(query.status, if refuses { 502 } else { 200 });
    };
    asked(&desk, true).await;
    let first = told(&desk).await;
    assert!(first.contains("problem"), "{first}");
    desk.hub.stop().await;
    desk.hub = desk.plan.start_at(&desk.time).await;
    asked(&desk, true).await;
    assert_eq!(told(&desk).await, first, "it was told");
    desk.hub.stop().await;
    desk.hub = desk.plan.start_at(&desk.time).await;
    asked(&desk, false).await;
    asked(&desk, true).await;
    assert_ne!(told(&desk).await, first);
}

/// A token endpoint that fails, is busy or gone is none that refuses.
#[tokio::test]
async fn failing_token_endpoint_is_no_refusal() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    for (n, fault) in
        [Fault::Http(Reply::of(500)), Fault::Busy, Fault::Code(429, "slow"), Fault::Drops].into_iter().enumerate()
    {
        desk.eyes.behave(fault.always().on(TOKEN));
        let id = desk.command("eyes", "subscribe", &format!("k-{n}"), r#"[{"blNo":"B"}]"#).await;
        assert_eq!(desk.attempted(&id, 1).await["state"], "queued", "{n}");
        desk.time.pass(Duration::from_secs(2));
    }
}

/// Regression: commands were tried again for days while the partner refused the secret by a code of its own.
#[tokio::test]
async fn token_refused_by_any_code_fails_the_command() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.eyes.behave(Fault::Code(500, "secret error").always().on(TOKEN));
    let id = desk.command("eyes", "subscribe", "k", r#"[{"blNo":"B"}]"#).await;
    let failed = desk.attempted(&id, 1).await;
    let detail = failed["attempts"][0]["detail"].as_str().unwrap();
    assert_eq!(failed["state"], "failed");
    assert!(detail.contains("500 secret error") && detail.contains("company_code, secret"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_credentials_are_one_error_in_the_log() {
    let Desk { hub, eyes, plan, .. } = wrong().await;
    hub.stop().await;
    let process = Process::start(&plan, &[]).await.unwrap();
    for n in 0..3 {
        for (operation, body) in [("subscribe", r#"[{"blNo":"B"}]"#), ("customs_status_download", r#"{"billId":"1"}"#)]
        {
            let headers = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: {n}\r\nprefer: wait=20\r\n");
            let bytes = request("POST", &format!("/calls/eyes/{operation}"), &headers, body.as_bytes());
            let reply = exchange(process.address(), bytes).await.unwrap();
            assert!(reply.status == 502 || reply.json()["state"] == "failed", "{}", reply.json());
        }
    }
    let log = process.log();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("refuses the credentials")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("ERROR") && errors[0].contains("company_code, secret"), "{errors:?}");
    assert!(!log.contains(WRONG) && eyes.processed_count() == 0);
    process.kill();
}
