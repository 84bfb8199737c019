//! The table: its keys, its index, its attributes. The deployment's table must be as [`create_table`] makes it.
//!
//! | item | PK | SK | attributes |
//! |---|---|---|---|
//! | event | `<connection>#<subject>` | `E#<event id>` | `d` `b` `w` `v` `x` `n`, `g` `h` while there is work, `k` `p` while it is open |
//! | part of a large body | same | `B#<event id>#<digest of the body>#<n>` | `d` `x` |
//! | head of a chain | same | `H#<event type>` | `d` `e` `x` |
//! | alias | `K#<alias>` | `<connection>#<subject>` | `x` |
//! | lease | `S#<name>` | `L` | `o` `u` |
//! | note | `S#<name>` | `N` | `d` `v` `n` |
//! | counts | `T#<connection>` | beginning of the step, in seconds | `+<name>` `@<name>` `n` `x` |
//!
//! Names are one letter because they are paid for with every write: an event of a kilobyte is to cost one write unit.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TableStatus, TimeToLiveSpecification,
};

/// Partition key.
pub const PK: &str = "PK";
/// Sort key.
pub const SK: &str = "SK";
/// The sparse index: events with pending or failed deliveries, by shard and time. Projects [`EXPIRES`] besides the keys.
pub const INDEX: &str = "work";
/// Partition key of the index: a digit below [`SHARDS`].
pub const SHARD: &str = "g";
/// Sort key of the index: `D#`, `E#`, `F#`, `G#` or `W#` and a time (see `item::place`).
pub const PLACE: &str = "h";
/// Time after which the item counts as absent, in seconds since 1970: the table's TTL attribute. For open work it lies far
/// ahead, so that neither TTL nor a version that filters by it removes the item.
pub const EXPIRES: &str = "x";
/// Time at which the item of open work expires once that is settled.
pub(crate) const KEPT: &str = "k";
/// The parts of the body are kept for as long as the item: its work has been open for long, or may stay so.
pub(crate) const PARTS_KEPT: &str = "p";
/// Metadata of an event, with its body unless that is large; part of a body; a head; the value of a note.
pub(crate) const DATA: &str = "d";
/// Reference to a large body: `<digest>.<parts>`.
pub(crate) const BODY: &str = "b";
/// The work of an event.
pub(crate) const WORK: &str = "w";
/// The version of the work or the note.
pub(crate) const VERSION: &str = "v";
/// Tells whose write it was.
pub(crate) const NONCE: &str = "n";
/// The latest event of a chain.
pub(crate) const HEAD: &str = "e";
/// The holder of a lease.
pub(crate) const OWNER: &str = "o";
/// End of a lease, in microseconds.
pub(crate) const UNTIL: &str = "u";

/// Before the names of numbers that are added up.
pub(crate) const COUNTED: &str = "+";
/// Before the names of latest times, in microseconds.
pub(crate) const LATEST: &str = "@";

/// Number of partitions of the index. One accepts 1,000 writes a second. Changing the number hides work that is listed under
/// other shards.
pub const SHARDS: u8 = 8;

/// Number of checks until a new table is ready.
const READY_CHECKS: usize = 120;

/// Pause between the checks.
const READY_PAUSE: Duration = Duration::from_millis(500);

/// Reason why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// DynamoDB refused or did not answer.
    #[error("DynamoDB does not create the table")]
    Dynamo(#[from] Box<aws_sdk_dynamodb::Error>),
    /// The request is incomplete: a defect of this crate.
    #[error("the request for the table is incomplete")]
    Incomplete(#[from] BuildError),
    /// It was created but did not become ready in a minute.
    #[error("the table is not ready yet")]
    NotReady,
}

fn dynamo(error: impl Into<aws_sdk_dynamodb::Error>) -> CreateError {
    CreateError::Dynamo(Box::new(error.into()))
}

/// Creates the table with its index and TTL, and waits until it can be used. For tests and local stacks: a deployment's
/// table is part of its template.
pub async fn create_table(client: &Client, table: &str) -> Result<(), CreateError> {
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let text =
        |name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let projection = Projection::builder().projection_type(ProjectionType::Include).non_key_attributes(EXPIRES).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(INDEX)
        .key_schema(key(SHARD, KeyType::Hash)?)
        .key_schema(key(PLACE, KeyType::Range)?)
        .projection(projection)
        .build()?;
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(PK, KeyType::Hash)?)
        .key_schema(key(SK, KeyType::Range)?)
        .set_attribute_definitions(Some(vec![text(PK)?, text(SK)?, text(SHARD)?, text(PLACE)?]))
        .global_secondary_indexes(index)
        .send()
        .await
        .map_err(dynamo)?;
    wait_until_ready(client, table).await?;
    let ttl = TimeToLiveSpecification::builder().attribute_name(EXPIRES).enabled(true).build()?;
    client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await.map_err(dynamo)?;
    Ok(())
}

async fn wait_until_ready(client: &Client, table: &str) -> Result<(), CreateError> {
    for _ in 0..READY_CHECKS {
        let described = client.describe_table().table_name(table).send().await.map_err(dynamo)?;
        if described.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(READY_PAUSE).await;
    }
    Err(CreateError::NotReady)
}
