//! Pushes of partners on their way to the ERP, and replays that the ERP asks for.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use callback::examples;
use partners::Partner;
use serde_json::{Value, json};
use simulators::partner::{Next, after};

use super::stage;
use crate::support::pushing::is_answer;
use crate::support::{PUSHING, until};

pub(super) async fn every_example_is_taken_and_arrives_once_signed_and_untouched() {
    let stage = stage().await;
    let before = stage.ledger().await;
    let examples = examples::all();
    let bodies: Vec<String> = examples.iter().map(|example| stage.marked(example)).collect();
    for (example, body) in examples.iter().zip(&bodies) {
        for resent in [false, true] {
            let answer = stage.push(example.partner, example.suffix, body).await;
            let name = example.name;
            assert_eq!(after(example.partner, 1, Some(&answer)), Next::Taken, "{name}, {resent}: {answer:?}");
        }
    }
    until(async || (0..2).all(|erp| stage.got(erp, &stage.mark).len() >= bodies.len())).await;
    let ledger = stage.settled().await;
    let both = 2 * bodies.len() as u64;
    assert_eq!((ledger.accepted - before.accepted, ledger.delivered - before.delivered), (both, both));
    for erp in 0..2 {
        let got = stage.got(erp, &stage.mark);
        assert_eq!(got.len(), bodies.len(), "nothing came twice");
        assert!(got.iter().all(|delivery| delivery.signed));
        for (example, body) in examples.iter().zip(&bodies) {
            let data = format!(",\"data\":{body}}}");
            let times = got.iter().filter(|delivery| delivery.body.ends_with(data.as_bytes())).count();
            assert_eq!(times, 1, "{}", example.name);
        }
    }
}

pub(super) async fn a_wrong_key_is_refused_in_the_partners_words_and_nothing_is_kept() {
    let stage = stage().await;
    let before = stage.ledger().await;
    for partner in PUSHING {
        let example = examples::all().into_iter().find(|example| example.partner == partner).unwrap();
        let path = stage.hook_by(partner, &"0".repeat(48), example.suffix);
        let body = stage.marked(&example);
        let answer = crate::support::in_time(&mut stage.sender(partner), &path, &body).await;
        assert!(is_answer(partner, 404, (answer.status, &answer.body)), "{partner}: {answer:?}");
        assert_ne!(after(partner, 4, Some(&answer)), Next::Taken, "{partner}: {answer:?}");
    }
    assert_eq!(stage.settled().await.accepted, before.accepted);
}

pub(super) async fn what_the_erp_asks_for_again_comes_again_to_that_endpoint_alone() {
    let stage = stage().await;
    let example = examples::find("single_receipt").unwrap();
    let body = stage.marked(&example);
    stage.push(example.partner, example.suffix, &body).await;
    until(async || (0..2).all(|erp| !stage.got(erp, &stage.mark).is_empty())).await;
    stage.settled().await;
    let event: Value = serde_json::from_slice(&stage.got(0, &stage.mark)[0].body).unwrap();
    let endpoint = stage.config.endpoints.keys().next().unwrap().as_str();
    let again = |dry_run: bool| {
        let one = json!({"connection": event["source"], "subject": event["subject"], "id": event["id"]});
        json!({"endpoint": endpoint, "dry_run": dry_run, "events": [one]}).to_string()
    };
    for dry_run in [true, false] {
        let reply = stage.ask("POST", "/deliveries/replay", "", &again(dry_run)).await;
        let reply = (reply.status, reply.json());
        assert_eq!((reply.0, &reply.1["dry_run"], &reply.1["events"][0]["id"]), (200, &dry_run.into(), &event["id"]));
    }
    until(async || stage.got(0, &stage.mark).len() >= 2).await;
    stage.settled().await;
    let got = stage.got(0, &stage.mark);
    assert_eq!((got.len(), stage.got(1, &stage.mark).len()), (2, 1));
    assert_eq!((&got[0].id, &got[0].body), (&got[1].id, &got[1].body));
}

pub(super) async fn evidence_comes_through_the_gateway_and_is_whole() {
    let stage = stage().await;
    let mark = stage.mark.clone();
    let body = format!(r#"{{"action":"syn_status","orderOutNo":"{mark}","code":43,"msg":"已接单"}}"#);
    stage.push(Partner::Xhq, "syn_status", &body).await;
    // AWS gives bytes to who accepts a type; its stand-in does not know the pattern `*~1*`, and gives their base64.
    let accept = "accept: application/zip\r\n";
    let reply = stage.ask("GET", &format!("/shipments/order:{mark}/evidence"), accept, "").await;
    assert!(reply.status == 200 && reply.head.contains("content-type: application/zip"), "{}", reply.head);
    let decoded = BASE64_STANDARD.decode(&reply.body);
    let part = evidence::Part::read(decoded.as_deref().unwrap_or(&reply.body)).unwrap();
    assert!(part.findings.is_empty() && part.about.is_some_and(|about| about.events == 1 && about.last));
    stage.settled().await;
}
