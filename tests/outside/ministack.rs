//! The store and the queue on ministack, over the wire: the contract suite and the queue's promises on another reading of
//! DynamoDB and SQS than the emulators' in process.
//!
//! They run where `TONGGUAN_MINISTACK` says where it is; `infra/local-stack up` starts one.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use store_dynamodb::{DynamoStore, schema};

use libtest_mimic::Trial;

use crate::sqs;
use crate::switch::{Switch, trials};

/// Says where ministack is: `http://127.0.0.1:24566`.
pub(crate) const MINISTACK: Switch = Switch { variable: "TONGGUAN_MINISTACK", names: "ministack's address" };

/// The store's and the queue's promises.
pub(crate) fn trials() -> Vec<Trial> {
    let switches = &[&MINISTACK];
    let queue = trials!(switches, queue:
        hints_arrive
        calls_and_deliveries_are_hinted_at_apart
        a_hint_can_wait
        a_hint_can_wait_for_long
        warming_is_harmless
        missing_queue_is_reported
    );
    let mut store = Vec::new();
    macro_rules! contract {
        ($($case:ident)*) => {
            $(store.push(Switch::trial(switches, concat!("ministack::contract::", stringify!($case)), || async {
                store::contract::$case(make_store().await).await;
            }));)*
        };
    }
    store::contract_cases!(contract);
    queue.into_iter().chain(store).collect()
}

fn config() -> SdkConfig {
    host::sdk_config(lambda::http_client()).into_builder().endpoint_url(MINISTACK.needed()).build()
}

/// A table of its own. The contract's tests live in a time of their own, so nothing may expire by the machine's clock.
async fn make_store() -> DynamoStore {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let client = store_dynamodb::client(&config());
    let table = format!("contract-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    store_dynamodb::create_table(&client, &table).await.unwrap();
    let off = TimeToLiveSpecification::builder().attribute_name(schema::EXPIRES).enabled(false).build().unwrap();
    client.update_time_to_live().table_name(&table).time_to_live_specification(off).send().await.unwrap();
    DynamoStore::new(client, table)
}

mod queue {
    use super::{config, sqs};

    pub(super) async fn hints_arrive() {
        sqs::hints_arrive_however_many_there_are(queue_sqs::client(&config())).await;
    }

    pub(super) async fn calls_and_deliveries_are_hinted_at_apart() {
        sqs::calls_have_a_queue_of_their_own(queue_sqs::client(&config())).await;
    }

    pub(super) async fn a_hint_can_wait() {
        sqs::a_hint_for_later_arrives_no_earlier(queue_sqs::client(&config())).await;
    }

    pub(super) async fn a_hint_can_wait_for_long() {
        sqs::the_longest_delay_is_taken(queue_sqs::client(&config())).await;
    }

    pub(super) async fn warming_is_harmless() {
        sqs::warming_sends_nothing(queue_sqs::client(&config())).await;
    }

    pub(super) async fn missing_queue_is_reported() {
        sqs::a_queue_that_is_missing_is_unavailable(queue_sqs::client(&config())).await;
    }
}
