//! Calls to the partners of `examples/partners`, each played by its file.

use std::collections::BTreeMap;

use hub::Secret;
use partners::Partner;
use serde_json::Value;
use simulators::api::{self, Account, Fault, Running};

use super::{Desk, FILES, credentials, partner, text};
use crate::support::{Time, http, until};

/// A partner that runs, for the account of those credentials.
pub(crate) async fn play(id: &str, credentials: &str) -> Running {
    started(partner(id), credentials, &Time::now()).await
}

/// The same of another partner than those of the examples, by that time.
pub(super) async fn started(partner: Partner, credentials: &str, time: &Time) -> Running {
    let given = credentials.lines().filter_map(|line| line.split_once(" = "));
    let credentials: BTreeMap<String, Secret> =
        given.map(|(name, value)| (name.to_owned(), Secret::new(value.trim_matches('"').to_owned()))).collect();
    start(partner, &credentials, time).await
}

async fn start(partner: Partner, credentials: &BTreeMap<String, Secret>, time: &Time) -> Running {
    let account = Account { credentials, paths: &BTreeMap::new() };
    api::start(partner, ([127, 0, 0, 1], 0).into(), time.clock(), account).await.unwrap()
}

/// A hub beside that partner.
pub(crate) async fn beside(id: &str, own: &str, played: &Running) -> Desk {
    Desk::with(id, own, &format!("base_url = \"{}\"\nallow_private = true\n", played.url)).await
}

/// Calls an operation to its end: the partner's answer, as text.
async fn done(desk: &Desk, operation: &str, body: &str) -> String {
    let reply = desk.call(operation, "idempotency-key: k-1\r\n", body).await;
    assert!(matches!(reply.status, 200 | 202), "{operation}: {} {}", reply.status, text(&reply));
    if reply.status == 200 {
        let kind = if text(&reply).starts_with('<') { "application/xml" } else { "application/json" };
        assert!(reply.head.contains(&format!("content-type: {kind}")), "{}", reply.head);
        return text(&reply).to_owned();
    }
    let path = format!("/calls/{}", reply.json()["id"].as_str().unwrap());
    let get = async || http::api(desk.hub.address(), "GET", &path, crate::support::API_KEY, "").await.json();
    until(async || get().await["state"] != "queued").await;
    let call = get().await;
    assert_eq!(call["state"], "succeeded", "{operation}: {call}");
    call["answer"]["body"].to_string()
}

#[tokio::test]
async fn each_operation_is_called_as_its_file_says() {
    for (id, own) in FILES {
        let played = play(id, own).await;
        let desk = beside(id, own, &played).await;
        let mut calls = 0;
        for row in partners::operation::of(partner(id)) {
            let answer = done(&desk, row.name, row.example).await;
            calls += 1;
            assert_eq!(played.wrongs(), Vec::<String>::new(), "{id} {}", row.name);
            assert_eq!(played.processed_count(), calls, "{id} {}", row.name);
            let (_, expected) = row.told.unwrap().answer.as_ref().unwrap();
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
            assert_eq!(read(&answer), read(expected), "{id} {}", row.name);
        }
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_the_partners_words() {
    for (id, operation, wrong) in [
        ("kuaidi100", "query", "customer = \"CUSTOMER\"\nkey = \"OTHER\"\n"),
        ("sf", "route", "client_code = \"CLIENT\"\ncheckword = \"OTHER\"\n"),
    ] {
        let played = play(id, credentials(id)).await;
        let desk = beside(id, wrong, &played).await;
        let row = partners::operation::find(partner(id), operation).unwrap();
        let reply = desk.call(operation, "", row.example).await;
        assert!(!(200..300).contains(&reply.status), "{}", text(&reply));
        assert!(text(&reply).contains("the signature in"), "{id}: {}", text(&reply));
        assert_eq!((played.processed_count(), played.wrongs().len()), (0, 1), "{id}");
    }
}

/// Regression: whatever asked for a token got one, and an answer that nobody had described was shown as the partner's.
#[tokio::test]
async fn wrong_request_for_a_token_is_refused_and_said_to_be_made_up() {
    let file = format!("{}/fixtures/described_haiyun.toml", env!("CARGO_MANIFEST_DIR"));
    let config = config::Config::parse(&format!("partner_files = [\"{file}\"]\n")).unwrap();
    let secret = |value: &str| Secret::new(value.to_owned());
    let credentials =
        [("app_key", "KEY"), ("app_secret", "SECRET")].map(|(name, value)| (name.to_owned(), secret(value)));
    let row = partners::operation::of(config.partners[0]).next().unwrap();
    for (own, wrongs) in [
        ("SECRET", vec![]),
        (
            "OTHER",
            vec!["appSecret is missing or another (the answer is made up: how a token is refused is not in the file)"],
        ),
    ] {
        let played = start(config.partners[0], &credentials.clone().into(), &Time::now()).await;
        let own = format!("app_key = \"KEY\"\napp_secret = \"{own}\"\n");
        let more = format!("base_url = \"{}\"\nallow_private = true\n", played.url);
        let desk = Desk::by("haiyun", &file, &own, &more).await;
        let reply = desk.call(row.name, "", row.example).await;
        assert_eq!(reply.status == 200, wrongs.is_empty(), "{}", text(&reply));
        assert_eq!(played.wrongs(), wrongs);
    }
}

#[tokio::test]
async fn what_an_answer_brings_is_an_event_once() {
    let played = play("kuaidi100", credentials("kuaidi100")).await;
    let desk = beside("kuaidi100", credentials("kuaidi100"), &played).await;
    let row = partners::operation::find(partner("kuaidi100"), "query").unwrap();
    for _ in 0..2 {
        let reply = desk.call("query", "", row.example).await;
        assert_eq!(reply.status, 200, "{}", text(&reply));
    }
    let told = desk.told(1).await;
    let event = &told[0];
    assert_eq!(
        (&event["type"], &event["subject"]),
        (&"kuaidi100.subscription".into(), &"waybill:em263999513jp".into())
    );
    assert_eq!((&event["origin"], &event["data"]["lastResult"]["nu"]), (&"pulled".into(), &"em263999513jp".into()));
    assert_eq!(desk.stored().await, 1, "the same state again is no news");
}

/// Its document does not say that a subscription may be repeated, so the hub does not.
#[tokio::test]
async fn command_without_an_answer_is_ambiguous_and_sent_once() {
    let played = play("kuaidi100", credentials("kuaidi100")).await;
    played.behave(Fault::DropsAnswer);
    let desk = beside("kuaidi100", credentials("kuaidi100"), &played).await;
    let row = partners::operation::find(partner("kuaidi100"), "subscribe").unwrap();
    let id =
        desk.call("subscribe", "idempotency-key: k-1\r\n", row.example).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/calls/{id}");
    let get = async || http::api(desk.hub.address(), "GET", &path, crate::support::API_KEY, "").await.json();
    until(async || get().await["state"] == "ambiguous").await;
    assert_eq!(played.processed_count(), 1);
}
