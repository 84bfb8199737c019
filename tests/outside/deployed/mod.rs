//! The deployed stack from outside: pushes, deliveries and calls through its gateway, its queues and its workers.
//!
//! They run where `TONGGUAN_DEPLOYED` names the file that `infra/local-stack up` leaves, with two ERPs and XHQ at
//! addresses of this machine, which are played here. They may run again on the same stack: what they push is new each
//! time.

mod calls;
mod command_line;
mod console;
mod containers;
mod pushes;
mod workers;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::Command;
use std::time::Duration;

use aws_config::Region;
use aws_sdk_sqs::types::QueueAttributeName;
use callback::examples::Example;
use config::{Config, Connection, Sources};
use futures::FutureExt as _;
use hub::ledger::Tally;
use libtest_mimic::Trial;
use partners::Partner;
use serde::Deserialize;
use simulators::api::Xhq;
use simulators::erp::Delivery;
use simulators::partner::Answer;
use simulators::{Erp, Sender};
use store::Store as _;
use store_dynamodb::DynamoStore;
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use crate::support::http::{Reply, exchange, request};
use crate::support::{answered, until, within};
use crate::switch::{Switch, trials};

/// Names the file that says where everything is.
pub(crate) const STACK: Switch =
    Switch { variable: "TONGGUAN_DEPLOYED", names: "the file that `infra/local-stack up` leaves" };

/// Names the gateway of the functions in containers.
pub(crate) const CONTAINERS: Switch =
    Switch { variable: "TONGGUAN_CONTAINERS", names: "the address where `infra/local-stack containers` listens" };

/// The stack from outside.
pub(crate) fn trials() -> Vec<Trial> {
    let switches = &[&STACK];
    let pushes = trials!(switches, pushes:
        every_example_is_taken_and_arrives_once_signed_and_untouched
        a_wrong_key_is_refused_in_the_partners_words_and_nothing_is_kept
        what_the_erp_asks_for_again_comes_again_to_that_endpoint_alone
        evidence_comes_through_the_gateway_and_is_whole
    );
    let calls = trials!(switches, calls:
        a_command_reaches_the_partner_once_and_its_end_the_erp
        a_query_is_answered_with_what_the_partner_says
    );
    let commands = trials!(switches, command_line:
        commands_show_what_was_pushed_and_where_it_went
    );
    let workers = trials!(switches, workers:
        killed_worker_repeats_only_unrecorded_messages
        what_is_no_hint_ends_as_a_dead_letter_and_what_comes_behind_it_arrives_once
    );
    let containers = trials!(&[&STACK, &CONTAINERS], containers:
        every_webhook_answers_in_its_container_and_what_it_took_arrives
    );
    let console = trials!(switches, console:
        files_come_as_text_and_without_a_key
        shipment_is_found_understood_and_repaired
    );
    // `.ci/run` installs the browser; without one a trial that needs it is ignored, and says so.
    let without = |trial: Trial| if cfg!(has_browser) { trial } else { trial.with_ignored_flag(true) };
    [pushes, calls, commands, workers, containers, console.into_iter().map(without).collect()]
        .into_iter()
        .flatten()
        .collect()
}

/// Between two tries at an address that is in use.
const PAUSE: Duration = Duration::from_millis(3);

/// The stack is one, and so are the addresses of the ERPs.
static TURN: Mutex<()> = Mutex::const_new(());

/// Content of the file.
#[derive(Deserialize)]
struct Deployed {
    /// The gateway, with whatever stands before the routes.
    url: String,
    /// URL of the stand-in for AWS.
    aws: String,
    region: String,
    stack: String,
    /// The process whose children the functions are.
    process: u32,
    configuration: String,
    /// The file with the text of the credentials secret.
    credentials: String,
    table: String,
    queue: String,
    calls: String,
    dead_letters: String,
}

/// The stack, and the ends of it that are played here.
struct Stage {
    deployed: Deployed,
    url: Url,
    config: Config,
    /// The ERPs, in the order of their endpoints.
    erps: [Erp; 2],
    store: DynamoStore,
    sqs: aws_sdk_sqs::Client,
    /// Text in everything that is pushed.
    mark: String,
    _turn: MutexGuard<'static, ()>,
}

/// The stack with nothing on its way.
async fn stage() -> Stage {
    let turn = TURN.lock().await;
    let deployed: Deployed = serde_json::from_slice(&std::fs::read(STACK.needed()).unwrap()).unwrap();
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let credentials = config::Credentials::parse(&read(&deployed.credentials)).unwrap();
    let config = Config::parse_with(&read(&deployed.configuration), &Sources::system_with(credentials)).unwrap();
    let mut erps = Vec::new();
    for endpoint in config.endpoints.values() {
        erps.push(opened(async || Erp::start(address(&endpoint.url), endpoint.keys.clone().unwrap()).await).await);
    }
    let Ok(erps) = erps.try_into() else { panic!("the configuration has two endpoints") };
    let aws = host::sdk_config(lambda::http_client()).into_builder();
    let aws = aws.region(Region::new(deployed.region.clone())).endpoint_url(&deployed.aws).build();
    let store = DynamoStore::new(store_dynamodb::client(&aws), deployed.table.clone());
    let mark = format!("mark-{}", telemetry::system_clock()().0);
    let url = deployed.url.parse().unwrap();
    let stage = Stage { deployed, url, config, erps, store, sqs: queue_sqs::client(&aws), mark, _turn: turn };
    Box::pin(stage.settled()).await;
    stage
}

fn address(url: &Url) -> SocketAddr {
    url.socket_addrs(|| None).unwrap()[0]
}

/// Listens as soon as the server that listened there before has gone: its port is closed a little after its end.
async fn opened<T>(open: impl AsyncFn() -> io::Result<T>) -> T {
    within(async {
        loop {
            match open().await {
                Ok(opened) => return opened,
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => tokio::time::sleep(PAUSE).await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}

impl Stage {
    /// XHQ, where the configuration calls it.
    async fn xhq(&self) -> Xhq {
        let connection = self.connection(Partner::Xhq);
        let there = address(connection.base_url.as_ref().unwrap());
        let [app_id, bgh_id] = ["app_id", "bgh_id"].map(|name| connection.credentials[name].expose());
        opened(async || Xhq::start(there, telemetry::system_clock(), app_id, bgh_id).await).await
    }

    /// The connection of a partner.
    fn connection(&self, partner: Partner) -> &Connection {
        self.config.connections.values().find(|connection| connection.partner == partner).unwrap()
    }

    /// The path of a partner's push at the gateway.
    fn hook(&self, partner: Partner, suffix: &str) -> String {
        let connection = self.connection(partner);
        self.hook_by(partner, connection.keys[0].expose(), suffix)
    }

    fn hook_by(&self, partner: Partner, key: &str, suffix: &str) -> String {
        let path = simulators::pushes::path(partner, self.connection(partner).id.as_str(), key, suffix);
        format!("{}{path}", self.url.path())
    }

    fn sender(&self, partner: Partner) -> Sender {
        Sender::new(partner, &format!("http://{}", address(&self.url))).unwrap()
    }

    /// Pushes until there is an answer in the partner's time that is not "later".
    async fn push(&self, partner: Partner, suffix: &str, body: &str) -> Answer {
        let path = self.hook(partner, suffix);
        answered(&mut self.sender(partner), &path, "application/json", body.as_bytes()).await
    }

    /// The body of an example as neither another run nor another example has it: unknown members are kept.
    fn marked(&self, example: &Example) -> String {
        let body = std::str::from_utf8(example.body).unwrap().trim();
        body.replacen('{', &format!("{{\"mark\":\"{} {}\",", self.mark, example.name), 1)
    }

    /// A request of the ERP; `headers` are whole lines.
    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let path = format!("{}{path}", self.url.path());
        let key = self.config.api_keys[0].key.expose();
        let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n{headers}");
        let reply = exchange(address(&self.url), request(method, &path, &headers, body.as_bytes())).await;
        reply.expect("an answer")
    }

    /// Deliveries to an ERP that hold that text.
    fn got(&self, erp: usize, text: &str) -> Vec<Delivery> {
        let holds = |delivery: &Delivery| String::from_utf8_lossy(&delivery.body).contains(text);
        self.erps[erp].deliveries().into_iter().filter(holds).collect()
    }

    /// The sum over all connections, each of which balances.
    async fn ledger(&self) -> Tally {
        let mut sum = Tally::default();
        for (connection, tally) in self.store.ledger(telemetry::system_clock()()).await.unwrap() {
            assert!(tally.balanced(), "{connection}: {tally:?}");
            sum += tally;
        }
        sum
    }

    /// Waits until no hint and no delivery is on its way; the ledger then.
    async fn settled(&self) -> Tally {
        until(async || self.waiting().await == (0, 0) && self.ledger().await.pending == 0).await;
        self.ledger().await
    }

    /// Number of delivery hints that wait, and of those in work.
    async fn waiting(&self) -> (u32, u32) {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let asked = self.sqs.get_queue_attributes().queue_url(&self.deployed.queue);
        let asked = asked.attribute_names(ApproximateNumberOfMessages);
        let told = asked.attribute_names(ApproximateNumberOfMessagesNotVisible).send().await.unwrap();
        let number = |name| told.attributes().unwrap()[&name].parse().unwrap();
        (number(ApproximateNumberOfMessages), number(ApproximateNumberOfMessagesNotVisible))
    }

    /// Sets the visibility timeout of a queue's received messages, and returns the one before.
    async fn visible_again_after(&self, queue: &str, seconds: &str) -> String {
        let name = QueueAttributeName::VisibilityTimeout;
        let asked = self.sqs.get_queue_attributes().queue_url(queue).attribute_names(name.clone());
        let before = asked.send().await.unwrap().attributes().unwrap()[&name].clone();
        self.sqs.set_queue_attributes().queue_url(queue).attributes(name, seconds).send().await.unwrap();
        before
    }

    /// Runs something while the visibility timeout of these queues is so many seconds, and restores their own timeout in any
    /// case.
    async fn while_visible_again_after(&self, queues: &[&str], seconds: &str, work: impl Future<Output = ()>) {
        let mut usual = Vec::new();
        for queue in queues {
            usual.push(self.visible_again_after(queue, seconds).await);
        }
        let done = AssertUnwindSafe(work).catch_unwind().await;
        for (queue, usual) in queues.iter().zip(&usual) {
            self.visible_again_after(queue, usual).await;
        }
        done.unwrap_or_else(|panic| resume_unwind(panic));
    }

    /// The processes of a function.
    fn processes(&self, function: &str) -> BTreeSet<u32> {
        let name = format!("AWS_LAMBDA_FUNCTION_NAME={}-{function}", self.deployed.stack);
        let ours = |pid: &u32| {
            let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
            let parent = format!("PPid:\t{}\n", self.deployed.process);
            read("status").contains(&parent) && read("environ").split('\0').any(|variable| variable == name)
        };
        let entries = std::fs::read_dir("/proc").unwrap();
        entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok()).filter(ours).collect()
    }

    /// Kills every process of a function, as Lambda does with one that has no memory left.
    fn kill(&self, function: &str) {
        let processes = self.processes(function);
        assert!(!processes.is_empty(), "{function} does not run");
        for pid in processes {
            assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
        }
    }
}
