//! The store on DynamoDB: one table, one partition per subject, one sparse index of work and one of recent
//! events.
//!
//! The only crate that names `aws-sdk-dynamodb`. It stores and answers; what is stored is decided elsewhere. Every
//! condition is on a key, a version, an expiry or a nonce, never on a rule of the hub.

mod admit;
mod audit;
mod call;
mod chunks;
mod codec;
mod counts;
mod earliest;
mod item;
mod ledger;
mod names;
mod read;
mod recent;
pub mod schema;
mod settle;
mod stored;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use hub::audit::Entry;
use hub::identity::Head;
use hub::ledger::Tally;
use hub::statistics::Counts;
use hub::{Alias, ConnectionId, EndpointId, Event, EventKey, EventType, Record, Subject, Utc, Work};
use store::{
    Admitted, Aside, AuditFilter, AuditPage, Failed, LOOK_AGAIN, Link, Listed, Note, Page, Pending, Placed, Received,
    Result, Sequence, Settled, Store, Stored, StoredPage,
};
use tokio::sync::Semaphore;

pub use schema::create_table;

/// Timeout for a new connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Number of concurrent requests. Each uses a connection of its own, and a push of fifty events must not open fifty while its
/// partner waits.
const IN_FLIGHT: usize = 16;

/// A client for [`DynamoStore`]. Its own retries are off: the store repeats what may be repeated and counts it, and
/// bounds each attempt.
#[must_use]
pub fn client(config: &SdkConfig) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .build();
    Client::from_conf(config)
}

/// The store in one table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
    in_flight: Arc<Semaphore>,
    lists_recent: bool,
}

impl DynamoStore {
    /// The store in that table, by a client as [`client`] makes it.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, in_flight: Arc::new(Semaphore::new(IN_FLIGHT)), lists_recent: true }
    }

    /// The same store, which gives the events that it admits a place in [`Store::recent`], or none: then each costs one write
    /// less.
    #[must_use]
    pub fn listing_recent(self, lists_recent: bool) -> Self {
        Self { lists_recent, ..self }
    }
}

impl Store for DynamoStore {
    async fn admit(&self, event: &Event, work: &Work, link: Option<&Link>) -> Result<Admitted> {
        admit::admit(self, event, work, link).await
    }

    async fn head(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        kind: &EventType,
        now: Utc,
    ) -> Result<Option<Head>> {
        read::head(self, connection, subject, kind, now).await
    }

    async fn load(&self, key: &EventKey, now: Utc) -> Result<Option<Record>> {
        read::load(self, key, now).await
    }

    async fn inspect(&self, key: &EventKey, now: Utc) -> Result<Option<Listed>> {
        read::inspect(self, key, now).await
    }

    async fn settle(&self, key: &EventKey, work: &Work) -> Result<Settled> {
        settle::settle(self, key, work).await
    }

    async fn due(&self, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        work::due(self, now, limit).await
    }

    async fn due_pullable(&self, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        work::due_pullable(self, now, limit).await
    }

    async fn pullable(&self, _: Option<&EndpointId>, limit: usize) -> Result<Vec<EventKey>> {
        work::pullable(self, limit).await
    }

    async fn more_pullable(&self, _: &EndpointId, _: u64, at_most: Duration) -> bool {
        tokio::time::sleep(at_most.min(LOOK_AGAIN)).await;
        true
    }

    async fn due_aside(&self, of: Aside, now: Utc, limit: usize) -> Result<Vec<EventKey>> {
        work::due_aside(self, of, now, limit).await
    }

    async fn ahead(&self, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        work::ahead(self, after, limit).await
    }

    async fn ahead_aside(&self, of: Aside, after: Utc, limit: usize) -> Result<Vec<EventKey>> {
        work::ahead_aside(self, of, after, limit).await
    }

    async fn failed(&self, which: &Failed, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        work::failed(self, which, from, limit, now).await
    }

    async fn pending(&self, which: &Pending, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        work::pending(self, which, from, limit, now).await
    }

    async fn recent(&self, which: &Received, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        recent::recent(self, which, from, limit, now).await
    }

    async fn timeline(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Listed>> {
        read::timeline(self, connection, subject, now).await
    }

    async fn history(
        &self,
        connection: &ConnectionId,
        subject: &Subject,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> Result<Page> {
        read::history(self, connection, subject, (from, limit), now).await
    }

    async fn earliest(&self, of: &Sequence, limit: usize) -> Result<Vec<Listed>> {
        earliest::earliest(self, of, limit).await
    }

    async fn alias(&self, aliases: &[Alias], connection: &ConnectionId, subject: &Subject, expires: Utc) -> Result<()> {
        names::alias(self, aliases, connection, subject, expires).await
    }

    async fn resolve(&self, alias: &Alias, now: Utc) -> Result<Vec<(ConnectionId, Subject)>> {
        names::resolve(self, alias, now).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Utc, until: Utc) -> Result<bool> {
        names::lease(self, name, holder, now, until).await
    }

    async fn note(&self, name: &str) -> Result<Option<Note>> {
        names::note(self, name).await
    }

    async fn put_note(&self, name: &str, value: &str, over: u64) -> Result<bool> {
        names::put_note(self, name, value, over).await
    }

    async fn put_audit(&self, entry: &Entry) -> Result<()> {
        audit::put(self, entry).await
    }

    async fn audit(&self, filter: &AuditFilter, from: Option<&str>, limit: usize, now: Utc) -> Result<AuditPage> {
        audit::page(self, filter, from, limit, now).await
    }

    async fn audit_of(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Result<Vec<Entry>> {
        audit::of(self, connection, subject, now).await
    }

    async fn ledger(&self, now: Utc) -> Result<BTreeMap<ConnectionId, Tally>> {
        ledger::ledger(self, now).await
    }

    async fn add_counts(&self, connection: &ConnectionId, step: Utc, counts: &Counts, expires: Utc) -> Result<()> {
        counts::add(self, connection, step, counts, expires).await
    }

    async fn counts(&self, connection: &ConnectionId, since: Utc, until: Utc, now: Utc) -> Result<Vec<(Utc, Counts)>> {
        counts::read(self, connection, (since, until), now).await
    }

    async fn stored(&self, from: Option<&str>, limit: usize, now: Utc) -> Result<StoredPage> {
        stored::page(self, from, limit, now).await
    }

    async fn put_stored(&self, what: &Stored) -> Result<Placed> {
        stored::put(self, what).await
    }
}
