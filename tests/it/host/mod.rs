//! The functions' own binaries, run as Lambda runs them: started cold, killed, stopped, short of an answer.
//!
//! They are those in the folder that `TONGGUAN_BOOTSTRAPS` names, such as `.aws-sam/build`, else those of the profile
//! that the tests are built with.

mod failures;
mod queue;
mod starts;

use std::sync::OnceLock;

use hub::ledger::Tally;
use partners::Partner;
use serde_json::Value;
use simulators::Sender;
use simulators::partner::{Answer, Next, Try};
use store_dynamodb::DynamoStore;

use ::host::{Bootstraps, Plan, STAGE, Stack, TABLE, sdk_config};

use crate::support::{self, hook};

/// Every function that runs here.
const FUNCTIONS: [&str; 4] = ["syn_status", "rate_push", "deliver", "sweep"];

/// Paths of the binaries; built once where none are named.
fn bootstraps() -> Bootstraps {
    static FOUND: OnceLock<Bootstraps> = OnceLock::new();
    let found = || Bootstraps::named().unwrap_or_else(|| Bootstraps::built(&FUNCTIONS).unwrap());
    FOUND.get_or_init(found).clone()
}

/// A deployment with that configuration.
async fn plan(configuration: support::Plan) -> Plan {
    // Building blocks, and would hold up what else runs.
    let bootstraps = tokio::task::spawn_blocking(bootstraps).await.unwrap();
    Plan::new(configuration.text(), bootstraps, &FUNCTIONS)
}

async fn start(configuration: support::Plan) -> Stack {
    plan(configuration).await.start().await.unwrap()
}

/// The store behind a deployment.
fn store(stack: &Stack) -> DynamoStore {
    let config = sdk_config(lambda::http_client()).into_builder().endpoint_url(stack.table.endpoint()).build();
    DynamoStore::new(store_dynamodb::client(&config), TABLE.to_owned())
}

/// The sum over all connections, each of which balances.
async fn ledger(stack: &Stack) -> Tally {
    support::ledger(&store(stack)).await
}

/// A partner with a connection to the gateway.
fn sender(stack: &Stack, partner: Partner) -> Sender {
    Sender::new(partner, &format!("http://{}", stack.gateway.address())).unwrap()
}

/// The path of a partner's push at the gateway.
fn path(partner: Partner) -> String {
    let suffix = if partner == Partner::Xhq { "syn_status" } else { support::pushing::suffix(partner) };
    format!("/{STAGE}{}", hook(partner, suffix))
}

/// One push of a partner, on a connection of its own.
async fn push(stack: &Stack, partner: Partner, body: &str) -> Try {
    sender(stack, partner).push(&path(partner), "application/json", body.to_owned()).await
}

/// Pushes, and the partner takes it as delivered.
async fn taken(stack: &Stack, partner: Partner, body: &str) {
    let (mut sender, path) = (sender(stack, partner), path(partner));
    let answer = support::answered(&mut sender, &path, "application/json", body.as_bytes()).await;
    assert_eq!(simulators::partner::after(partner, 1, Some(&answer)), Next::Taken, "{answer:?}");
}

/// Pushes one batch of rates after the other until so many hints wait for `deliver`, and gives the last one. On a busy
/// machine a function may have no time left to hint.
async fn hinted(stack: &Stack, hints: usize) -> String {
    for number in 0..100 {
        let body = format!(r#"{{"batchNo":"B{number}"}}"#);
        taken(stack, Partner::OneData, &body).await;
        if stack.queue("deliver").unwrap().waiting() >= hints {
            return body;
        }
    }
    panic!("hardly any push is hinted at");
}

/// It is what the gateway answers for a function that does not: our fault, in words that every partner reads.
fn is_the_gateways_negative(answer: &Answer) {
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &said["state"], &said["code"]), (503, &false.into(), &500.into()), "{said}");
    assert_eq!((&said["success"], &said["msg"]), (&false.into(), &said["message"]));
}
