//! The same output from a hub over HTTP and from its database.

use deliveries::change::MOST;
use futures::future::try_join_all;
use partners::Partner;
use serde_json::Value;
use simulators::erp::{Behaviour, Reply};
use store::Store as _;

use super::hub::Laptop;
use super::{CommandOutput, Operator};
use crate::flows::lists::{NOW, failed};
use crate::support::{API_KEY, Plan, attempted, erp, events, status, taken};

/// The lines of JSON of an output.
fn lines(said: &CommandOutput) -> Vec<Value> {
    said.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said:?}")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hub_and_database_print_the_same() {
    let receiver = erp().await;
    receiver.behave(Behaviour::Answers(Reply::of(400)));
    let plan = Plan::new().endpoint("erp", &receiver, "retry = []");
    let (hub, operator) = Operator::start(&plan).await;
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    for order in ["S1", "S2"] {
        taken(&hub, Partner::Xhq, "syn_status", status(order, 61)).await;
        attempted(&hub, &format!("order:{order}"), "erp", 1).await;
    }
    assert!(laptop.says("confirm --endpoint erp --about S2 --cutoff 0s --go").fine);
    let id = events(&hub.context().store).await[0].key.id;
    let commands = [
        "events list".to_owned(),
        "events list --json".to_owned(),
        "events list S1 --json".to_owned(),
        "events list bl:S1".to_owned(),
        "events list --state confirmed --connection xhq-sh --type xhq.* --since 1h --limit 1".to_owned(),
        "events list --limit 0".to_owned(),
        "events list --state failed --utc".to_owned(),
        format!("events show {id}"),
        format!("events show {id} --about S1 --json"),
        format!("events show {id} --body"),
        format!("events show {}", "00".repeat(24)),
        "shipments S1".to_owned(),
        "shipments show order:S1 --json".to_owned(),
        "shipments S1 --limit 1".to_owned(),
        "shipments S3".to_owned(),
        "shipments list".to_owned(),
        "shipments list --state failed --json".to_owned(),
        "shipments list --state quiet".to_owned(),
        "ledger".to_owned(),
        "calls --json".to_owned(),
        "calls --state queued".to_owned(),
        "audit".to_owned(),
        "audit --json --key all --since 1h".to_owned(),
        "audit S2 --action confirm".to_owned(),
        "replay --endpoint erp".to_owned(),
        format!("replay --endpoint erp {id} --json"),
        "replay --endpoint nobody".to_owned(),
        "confirm --endpoint erp --cutoff 0s --json".to_owned(),
        "confirm --endpoint erp --cutoff 2026-01-01".to_owned(),
    ];
    let ask = |says: &dyn Fn(&str) -> CommandOutput| commands.iter().map(|words| says(words)).collect::<Vec<_>>();
    let over_http = ask(&|words| laptop.says(words));
    let beside_hub = ask(&|words| operator.says(words));
    hub.stop().await;
    let without_hub = ask(&|words| operator.says(words));
    for (at, words) in commands.iter().enumerate() {
        let (one, other, third) = (&over_http[at], &beside_hub[at], &without_hub[at]);
        assert_eq!((one.code, &one.out), (other.code, &other.out), "{words}: {one:?} {other:?}");
        assert_eq!((other.code, &other.out), (third.code, &third.out), "{words}: {other:?} {third:?}");
        if words.contains("--json") {
            lines(one);
        }
    }
    assert!(over_http[0].out.lines().count() == 2 && over_http[11].out.contains("keys: order:S1"), "{over_http:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_goes_on_over_pages() {
    let plan = Plan::new().endpoint("erp", &erp().await, "");
    let (hub, operator) = Operator::start(&plan).await;
    let store = &hub.context().store;
    let events: Vec<_> = (0..MOST + 50).map(|n| failed(&format!("order:{n}"), "erp", NOW)).collect();
    try_join_all(events.iter().map(|(event, work)| store.admit(event, work, None))).await.unwrap();
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    for says in [&(|words: &str| laptop.says(words)) as &dyn Fn(&str) -> CommandOutput, &|words| operator.says(words)] {
        let ids = |words: &str| {
            let mut ids: Vec<_> = lines(&says(words)).iter().map(|event| event["id"].to_string()).collect();
            ids.sort();
            ids.dedup();
            ids.len()
        };
        assert_eq!(ids("events list --state failed --limit 5000 --json"), MOST + 50);
        assert_eq!(ids("events list --state failed --limit 1010 --json"), 1_010);
        let replayed = says("replay --endpoint erp");
        assert!(replayed.out.ends_with(&format!("{} deliveries would start over; add --go to do it", MOST + 50)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn since_and_until_bound_a_list() {
    let plan = Plan::new();
    let (hub, operator) = Operator::start(&plan).await;
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    let received = events(&hub.context().store).await[0].meta.received;
    let after = hub::Utc(received.0 + 1);
    for says in [&(|words: &str| laptop.says(words)) as &dyn Fn(&str) -> CommandOutput, &|words| operator.says(words)] {
        for (words, found) in [
            (format!("--since {received}"), true),
            (format!("--since {after}"), false),
            (format!("--until {after}"), true),
            (format!("--until {received}"), false),
            (format!("--since {received} --until {after}"), true),
            ("--since 1h".to_owned(), true),
            ("--until 1h".to_owned(), false),
            ("--since 2026-11-01 --until 2200-01-01".to_owned(), true),
        ] {
            let said = says(&format!("events list {words}"));
            assert!(said.fine && said.out.contains("order:S1") == found, "{words}: {said:?}");
        }
        let wrong = says("events list --since 1h --until 2h");
        assert!(!wrong.fine && wrong.errors.contains("--until: must be later than since"), "{wrong:?}");
        let unread = says("events list --since yesterday");
        assert!(unread.code == Some(2) && unread.errors.contains("so long ago (30m, 2h, 3d)"), "{unread:?}");
    }
}

/// The hub lists configured connections alone; whoever reads the database sees what is in it.
#[tokio::test(flavor = "multi_thread")]
async fn database_shows_events_of_removed_connections() {
    let plan = Plan::new().top("recent_events = false");
    let (hub, mut operator) = Operator::start(&plan).await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    let rest = plan.text().replace("id = \"xhq-sh\"", "id = \"xhq-bj\"");
    operator.config = plan.folder().join("removed.toml");
    std::fs::write(&operator.config, rest).unwrap();
    for words in ["events list", "events list --connection xhq-sh", "events list S1", "shipments S1", "ledger"] {
        let said = operator.says(words);
        assert!(said.fine && said.out.contains("xhq-sh"), "{words}: {said:?}");
    }
    let listed = Laptop::new(format!("http://{}", hub.address()), API_KEY).says("events list");
    assert!(!listed.fine && listed.errors.contains("recent_events"), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn shipment_is_shown_with_all_its_pages() {
    let plan = Plan::new();
    let (hub, operator) = Operator::start(&plan).await;
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    let store = &hub.context().store;
    let events = (0..MOST + 5).map(|n| {
        let (mut event, work) = failed("order:LONG", "erp", NOW);
        event.key.id.0[16..].copy_from_slice(&n.to_be_bytes());
        (event, work)
    });
    let events: Vec<_> = events.collect();
    try_join_all(events.iter().map(|(event, work)| store.admit(event, work, None))).await.unwrap();
    for says in [&(|words: &str| laptop.says(words)) as &dyn Fn(&str) -> CommandOutput, &|words| operator.says(words)] {
        let whole = lines(&says("shipments LONG --limit 5000 --json"));
        assert_eq!((whole.len(), whole[0]["items"].as_array().unwrap().len()), (1, MOST + 5));
        assert!(whole[0]["next"].is_null() && whole[0]["complete"] == true);
        let some = says("shipments LONG --limit 7");
        assert!(some.errors.contains("more of them with --limit") && some.out.lines().count() < 12, "{some:?}");
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    let laptop = Laptop::new("", API_KEY);
    for (shell, told) in
        [("bash", "complete -F _tongguan"), ("zsh", "#compdef tongguan"), ("fish", "complete -c tongguan")]
    {
        let said = super::said(laptop.plain(&format!("completions {shell}")));
        assert!(said.fine && said.out.contains(told) && said.out.contains("shipments"), "{shell}");
    }
}
