//! The DynamoDB engine, on an emulator in process: the contract suite, and faults under the SDK's client.

mod connector;
mod cost;
mod counts;
mod failed;
mod faults;
mod problems;
mod sizes;
mod wire;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use store_dynamodb::DynamoStore;

pub(crate) use connector::{Emulator, Fault};
pub(crate) use faults::{NOW, event};
pub(crate) use sizes::noise;

const TABLE: &str = "tongguan";

/// A client of the SDK as the functions build it, on another HTTP client.
pub(crate) fn client(http: SharedHttpClient) -> aws_sdk_dynamodb::Client {
    store_dynamodb::client(&host::sdk_config(http))
}

/// A store on a fresh table, and the emulator below it.
pub(crate) async fn emulated() -> (DynamoStore, Emulator) {
    let emulator = Emulator::new();
    let client = client(emulator.http_client());
    store_dynamodb::create_table(&client, TABLE).await.unwrap();
    (DynamoStore::new(client, TABLE.to_owned()), emulator)
}

async fn make_store() -> DynamoStore {
    emulated().await.0
}

mod contract {
    store::contract_tests!(super::make_store);
}
