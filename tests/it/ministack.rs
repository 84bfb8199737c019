//! The store and the queue on ministack, over the wire: the contract suite and the queue's promises on another reading of
//! DynamoDB and SQS than the emulators' in process.
//!
//! They run where `TONGGUAN_MINISTACK` says where it is; `infra/local-stack up` starts one.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::TimeToLiveSpecification;
use store_dynamodb::{DynamoStore, schema};

use crate::{sqs, support};

/// Says where ministack is: `http://127.0.0.1:24566`.
const MINISTACK: &str = "TONGGUAN_MINISTACK";

fn config() -> Option<SdkConfig> {
    let address = support::switch::named(MINISTACK, "store and queue on ministack")?;
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "tests")))
        .http_client(lambda::http_client())
        .endpoint_url(address);
    Some(config.build())
}

/// A table of its own. The contract's tests live in a time of their own, so nothing may expire by the machine's clock.
async fn make_store() -> Option<DynamoStore> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let client = store_dynamodb::client(&config()?);
    let table = format!("contract-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    store_dynamodb::create_table(&client, &table).await.unwrap();
    let off = TimeToLiveSpecification::builder().attribute_name(schema::EXPIRES).enabled(false).build().unwrap();
    client.update_time_to_live().table_name(&table).time_to_live_specification(off).send().await.unwrap();
    Some(DynamoStore::new(client, table))
}

mod contract {
    store::contract_tests!(if super::make_store);
}

#[tokio::test]
async fn hints_arrive() {
    let Some(config) = config() else { return };
    sqs::hints_arrive_however_many_there_are(queue_sqs::client(&config)).await;
}

#[tokio::test]
async fn calls_and_deliveries_are_hinted_at_apart() {
    let Some(config) = config() else { return };
    sqs::calls_have_a_queue_of_their_own(queue_sqs::client(&config)).await;
}

#[tokio::test]
async fn a_hint_can_wait() {
    let Some(config) = config() else { return };
    sqs::a_hint_for_later_arrives_no_earlier(queue_sqs::client(&config)).await;
}

#[tokio::test]
async fn a_hint_can_wait_for_long() {
    let Some(config) = config() else { return };
    sqs::the_longest_delay_is_taken(queue_sqs::client(&config)).await;
}

#[tokio::test]
async fn warming_is_harmless() {
    let Some(config) = config() else { return };
    sqs::warming_sends_nothing(queue_sqs::client(&config)).await;
}

#[tokio::test]
async fn a_missing_queue_is_told() {
    let Some(config) = config() else { return };
    sqs::a_queue_that_is_missing_is_unavailable(queue_sqs::client(&config)).await;
}
