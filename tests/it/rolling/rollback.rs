//! Rollback: data that this version stores and queues is read by the last one.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hub::breaker;
use hub::delivery::Outcome;
use partners::Partner;
use partners::operation;
use queue::{Hint, Job};
use serde_json::Value;

use super::last_version::{Data, Head, Health, Message, State, Work, event, read, unpack};
use super::version::{NOW, Version, notice, receipt, status, to};
use crate::dynamodb::emulated;

const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: false };

fn bytes(item: &Value, name: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(item[name]["B"].as_str().unwrap()).unwrap()
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap()
}

#[tokio::test]
async fn last_version_reads_items_and_messages_of_pushes() {
    let (store, emulator) = emulated().await;
    let side = Version::new(store);
    let xhq = async |function: &str, body: &str| side.push("xhq-sh", function, body).await;
    let mut hints = xhq("single_receipt", &receipt("PENDING")).await;
    let waiting = xhq("single_receipt", &receipt("WAITING")).await;
    deliver::handle(&side.courier(REFUSED), to(&waiting, "erp")).await.unwrap();
    deliver::handle(&side.courier(Outcome::Impossible), to(&waiting, "bi")).await.unwrap();
    let delivered = xhq("syn_status", &status("DELIVERED", 61)).await;
    deliver::handle(&side.courier(Outcome::Delivered), to(&delivered, "erp")).await.unwrap();
    let down = side.courier(Outcome::NoAnswer);
    for n in 0..11 {
        let next = xhq("msg_notice", &notice(&format!("DOWN{n}"))).await;
        deliver::handle(&down, to(&next, "down")).await.unwrap();
        hints.extend(side.context.queue.take());
    }
    hints.extend(side.push("onedata", "rate_push", "no JSON at all").await);
    hints.extend(side.push("onedata", "rate_push", &noisy()).await);

    for hint in &hints {
        let Message { v, connection, subject, id, deliver } = read(hint.encode().as_bytes());
        let key = (hint.key.connection.as_str(), hint.key.subject.as_str(), hint.key.id.to_string());
        assert_eq!((v, connection.as_str(), subject.as_str(), id), (1, key.0, key.1, key.2));
        let Job::Deliver { endpoint, claim } = &hint.job else { panic!("{hint:?}") };
        let deliver = deliver.unwrap();
        assert_eq!((deliver.endpoint.as_str(), deliver.turn), (endpoint.as_str(), *claim));
    }

    let (mut events, mut heads, mut parts, mut states) = (0, 0, 0, Vec::new());
    for item in emulator.items() {
        match text(&item, "SK").split('#').next().unwrap() {
            "E" => {
                let work: Work = read(&unpack(&bytes(&item, "w")));
                assert_eq!(item["v"]["N"].as_str().unwrap(), work.version.to_string());
                let pending = work.deliveries.iter().filter(|delivery| delivery.state == State::Pending);
                let due = pending.map(|delivery| delivery.due).chain(work.index_by).min();
                let open = due.is_some() || work.deliveries.iter().any(|delivery| delivery.state == State::Failed);
                assert_eq!(item.get("h").is_some(), open, "{work:?}");
                if let Some(due) = due {
                    assert!(text(&item, "h").ends_with(&format!("#{due:020}")), "{item}");
                }
                assert_eq!(usize::try_from(work.accepted).unwrap(), work.deliveries.len());
                states.extend(work.deliveries.iter().map(|delivery| (delivery.state, delivery.attempts.len())));
                let (meta, body) = event(&bytes(&item, "d"));
                match meta.data {
                    Data::Json(span) if item.get("b").is_none() => assert_eq!(span, 0..body.len(), "{}", meta.kind),
                    Data::Json(_) => assert_eq!(text(&item, "b").split_once('.').unwrap().1, "1"),
                    Data::Opaque | Data::Element => assert_eq!(body, b"no JSON at all"),
                }
                events += 1;
            }
            "H" => {
                let head: Head = read(&unpack(&bytes(&item, "d")));
                assert_eq!(text(&item, "e"), head.event);
                heads += 1;
            }
            "B" => {
                assert_eq!(unpack(&bytes(&item, "d")), noisy().as_bytes());
                parts += 1;
            }
            "N" => {
                assert_eq!(text(&item, "PK"), format!("S#{}", breaker::note("down")));
                let health: Health = read(text(&item, "d").as_bytes());
                assert!(health.open_until.is_some_and(|until| until > NOW.0));
            }
            // Aliases, told by their keys.
            _ => assert!(text(&item, "PK").starts_with("K#"), "{item}"),
        }
    }
    assert_eq!((events, heads, parts), (16, 12, 1));
    for state in [(State::Pending, 0), (State::Pending, 1), (State::Delivered, 1), (State::Failed, 1)] {
        assert!(states.contains(&state), "{state:?} is not among {states:?}");
    }
}

/// JSON of some kilobytes that no compression makes small.
fn noisy() -> String {
    let noise = crate::dynamodb::noise(9_000).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!(r#"{{"noise":"{noise}"}}"#)
}

/// The last version has no calls to partners. Read as an event, a call would be delivered to the ERP and written back
/// without its unknown members. Refused, it waits for this version, which claims it at the latest when its lease is over.
#[test]
fn the_last_version_refuses_a_call() {
    let upload = operation::find(Partner::Xhq, "upload").unwrap();
    let connection = "xhq-sh".into();
    let body = r#"{"orderOutNo":"S1"}"#;
    let asked = hub::call::Request { connection: &connection, operation: &upload, key: "k", body, file: None };
    let minute = std::time::Duration::from_mins(1);
    let record = hub::call::accepted(&asked, NOW, minute, minute).unwrap();
    let stored = serde_json::to_vec(&record.work).unwrap();
    let refusal = serde_json::from_slice::<Work>(&stored).unwrap_err();
    assert!(refusal.to_string().contains("missing field `digest`"), "{refusal}");

    // Hints to calls have a queue of their own, which the last version does not know. If one got in its way, it would be
    // for aliases, and end at the item.
    let hint = Hint { key: record.event.key, job: Job::Call { claim: 0 } };
    let message: Message = read(hint.encode().as_bytes());
    assert!(message.deliver.is_none());
}
