//! The operator's commands, as a person types them, while a hub runs.

mod calls;
mod deployed;
mod hub;
mod output;
mod sources;
mod verify;

use std::path::PathBuf;
use std::process::Command;

use deliveries::change::MOST;
use futures::future::try_join_all;
use partners::Partner;
use serde_json::Value;
use simulators::erp::{Behaviour, Reply};
use store::Store as _;
use tongguan::Hub;

use crate::flows::lists::{NOW, failed};
use crate::support::http::api;
use crate::support::process::TONGGUAN;
use crate::support::{API_KEY, Plan, erp, settled, status, taken, until};

/// A configuration file and the words that every command begins with.
pub(crate) struct Operator {
    config: PathBuf,
    address: String,
}

/// Output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) fine: bool,
    code: Option<i32>,
    pub(crate) out: String,
    errors: String,
}

impl Operator {
    pub(crate) fn of(plan: &Plan, hub: &Hub) -> Self {
        let config = plan.folder().join("operator.toml");
        std::fs::write(&config, plan.text()).unwrap();
        Self { config, address: hub.address().to_string() }
    }

    /// A hub of the plan, and an operator beside it.
    pub(crate) async fn start(plan: &Plan) -> (Hub, Self) {
        let hub = plan.start().await;
        let operator = Self::of(plan, &hub);
        (hub, operator)
    }

    /// The command of those words, to be run in a process of its own.
    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(TONGGUAN);
        command.arg("--config").arg(&self.config).args(["--listen", &self.address]).args(words.split(' '));
        command
    }

    pub(crate) fn says(&self, words: &str) -> CommandOutput {
        said(self.command(words))
    }
}

/// Runs a command to its end.
fn said(mut command: Command) -> CommandOutput {
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let errors = String::from_utf8(output.stderr).unwrap();
    CommandOutput { fine: output.status.success(), code: output.status.code(), out, errors }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pushed_example_is_an_event_and_ledger_balances() {
    let receiver = erp().await;
    let plan = Plan::new().endpoint("erp", &receiver, "");
    let (hub, operator) = Operator::start(&plan).await;

    let said = operator.says("push all --fast");
    assert!(said.fine, "{said:?}");
    let examples = callback::examples::all().len();
    assert_eq!(said.out.matches("takes it as delivered").count(), examples);
    settled(&hub).await;

    let said = operator.says("ledger");
    assert!(said.fine, "{said:?}");
    let lines: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "one for each connection");
    assert_eq!(lines.iter().map(|line| line["delivered"].as_u64().unwrap()).sum::<u64>(), examples as u64);
    assert!(lines.iter().all(|line| line["balanced"] == true && line["connection"].is_string()));

    let listed = operator.says("events list --limit 100").out;
    assert_eq!(listed.lines().count(), examples);
    let id = listed.lines().find(|line| line.contains("onedata.rates")).unwrap().rsplit(' ').next().unwrap();
    let shown = operator.says(&format!("events show {id}")).out;
    assert!(shown.contains("\"totalCost\": \"714.00\"") && shown.contains("\"state\": \"delivered\""), "{shown}");
    let about = operator.says("events list --json container:MMAU1429062").out;
    let about: Value = serde_json::from_str(&about).expect("one event, found by a container of its port data");
    assert_eq!(about["type"], "onedata.ports");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_of_a_hub_is_asked_without_a_key() {
    let plan = Plan::new();
    let (hub, operator) = Operator::start(&plan).await;
    let healthy = operator.says("health");
    assert!(healthy.fine && healthy.out.ends_with("is healthy"), "{healthy:?}");

    // Neither a configuration nor a key is needed where the address is given.
    let mut stranger = Command::new(TONGGUAN);
    stranger.current_dir(plan.folder()).args(["--listen", &hub.address().to_string(), "health"]);
    assert!(said(stranger).fine);
    hub.stop().await;
    let gone = operator.says("health");
    assert!(gone.code == Some(1) && gone.errors.contains("is not healthy"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unbalanced_ledger_sets_the_exit_code() {
    let plan = Plan::new();
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    let operator = Operator::of(&plan, &hub);
    assert!(operator.says("ledger").fine);
    let folder = plan.config().data_dir;
    let file = rusqlite::Connection::open(folder.join("tongguan.db")).unwrap();
    file.execute("DELETE FROM work", []).unwrap();
    let said = operator.says("ledger");
    assert!(!said.fine && said.out.contains("\"balanced\":false"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_is_a_dry_run_without_go() {
    let receiver = erp().await;
    receiver.behave(Behaviour::Answers(Reply::of(400)));
    let plan = Plan::new().top("sweep_every = \"1s\"").endpoint("erp", &receiver, "retry = []");
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    receiver.received(1).await;
    until(async || settled(&hub).await.failed == 1).await;
    let operator = Operator::of(&plan, &hub);
    receiver.behave(Behaviour::Takes);

    let dry = operator.says("replay --endpoint erp");
    assert!(dry.fine && dry.out.contains("order:S1") && dry.out.contains("add --go"), "{dry:?}");
    assert_eq!(settled(&hub).await.failed, 1);
    let done = operator.says("replay --endpoint erp --go");
    assert!(done.fine, "{done:?}");
    receiver.received(2).await;
    until(async || settled(&hub).await.delivered == 1).await;
    // It writes into the store itself, so it tells that itself; a dry run changes nothing.
    let trail = api(hub.address(), "GET", "/audit", API_KEY, "").await.json();
    let [entry] = &trail["entries"].as_array().unwrap()[..] else { panic!("{trail}") };
    assert_eq!((&entry["key"], &entry["action"], entry.get("role")), (&"command-line".into(), &"replay".into(), None));
    assert_eq!((&entry["result"]["changed"], &entry["touched"][0]["subject"]), (&1.into(), &"order:S1".into()));

    let wrong = operator.says("replay --endpoint nobody");
    assert!(!wrong.fine && wrong.errors.contains("--endpoint: there is no endpoint \"nobody\""), "{wrong:?}");
}

/// Regression: an event was sent to any endpoint that was named, whatever its `connections` say.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_an_endpoint_that_does_not_want_it_says_so() {
    let plan = Plan::new().endpoint("rates-only", &erp().await, "connections = [\"rates\"]");
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    let id = crate::support::events(&hub.context().store).await[0].key.id;
    let said = Operator::of(&plan, &hub).says(&format!("replay --endpoint rates-only {id} --go"));
    assert!(!said.fine && said.errors.contains("--endpoint: takes none of these events"), "{said:?}");
    assert_eq!(settled(&hub).await.unrouted, 1);
}

/// The changes of one request are bounded; the operator's command repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_many_goes_on_until_all_start_over() {
    let plan = Plan::new().endpoint("erp", &erp().await, "");
    let (hub, operator) = Operator::start(&plan).await;
    hub.stop().await;
    let store = plan.store();
    let events: Vec<_> = (0..MOST + 50).map(|n| failed(&format!("order:{n}"), "erp", NOW)).collect();
    try_join_all(events.iter().map(|(event, work)| store.admit(event, work, None))).await.unwrap();
    let count = events.len();
    let dry = operator.says("replay --endpoint erp");
    assert!(dry.out.contains(&format!("{count} deliveries would start over")), "{}", dry.errors);
    let done = operator.says("replay --endpoint erp --go");
    assert!(done.out.contains(&format!("{count} deliveries start over")), "{}", done.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named() {
    let plan = Plan::new();
    let (_hub, operator) = Operator::start(&plan).await;
    assert!(operator.says("check-config").out.contains("the configuration is sound"));
    for (words, told) in [
        ("push nothing", "there is no example \"nothing\""),
        ("push syn_status --connection nobody", "--connection: nobody"),
        ("push syn_status --file /nowhere", "cannot read /nowhere"),
        ("events show 00", "48 hex digits"),
        (&format!("events show {}", "00".repeat(24)), "does not exist"),
    ] {
        let said = operator.says(words);
        assert!(!said.fine && said.errors.contains(told), "{words}: {said:?}");
    }
    std::fs::write(&operator.config, format!("listn = 1\n{}", plan.text())).unwrap();
    let said = operator.says("check-config");
    assert!(!said.fine && said.errors.contains("listn"), "{said:?}");
}
