//! Messages without a time or a number in XHQ's answers: equal ones are counted.

use std::time::Duration;

use serde_json::{Value, json};

use super::pulled::{events, history, push, stop};
use crate::calls::Desk;

const STATUS: &str = "xhq.syn_status";

fn status(code: u32) -> Value {
    json!({"action": "syn_status", "orderOutNo": "S1", "code": code, "msg": "m"})
}

/// The codes of the events, once the answer with these codes has come three times within a day.
async fn told(desk: &Desk, answer: &[u32]) -> Vec<u64> {
    let mut told = Vec::new();
    for _ in 0..3 {
        history(desk, answer.iter().copied().map(status).collect()).await;
        let events = events(desk, STATUS).await;
        let mut codes: Vec<_> = events.iter().map(|event| event["data"]["code"].as_u64().unwrap()).collect();
        codes.sort_unstable();
        assert!(told.is_empty() || told == codes, "the same answer brings nothing more: {told:?}, {codes:?}");
        told = codes;
        desk.time.pass(Duration::from_hours(8));
    }
    told
}

/// Regression: a status that returned in one answer was taken for its first, and no event said so.
#[tokio::test]
async fn status_that_returns_in_an_answer_is_an_event_again() {
    for (pushed, answer, expected) in [
        (None, &[61, 63, 61][..], &[61, 61, 63][..]),
        (None, &[61, 63, 61, 63], &[61, 61, 63, 63]),
        (Some(61), &[61, 63, 61], &[61, 61, 63]),
    ] {
        let desk = Desk::new().await;
        if let Some(code) = pushed {
            push(&desk, "xhq/xhq/syn_status", &status(code)).await;
        }
        assert_eq!(told(&desk, answer).await, expected, "{pushed:?} {answer:?}");
        stop(desk).await;
    }
}

#[tokio::test]
async fn equal_statuses_in_succession_are_one_event() {
    let desk = Desk::new().await;
    assert_eq!(told(&desk, &[61, 61, 63, 63]).await, [61, 63]);
    stop(desk).await;
}
