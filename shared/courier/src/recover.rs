//! Recovery of failed pushes: the partner's list of them is read, each row is kept as an event, and what is kept is confirmed
//! with the time of the list, so that the partner clears nothing that was not listed.
//!
//! A cycle that breaks off anywhere is repeated as a whole: a row that is kept already is a duplicate, and one that was not
//! kept is not confirmed. One process at a time runs it for a connection, by a lease and a note of the latest cycle.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use config::{Connection, Recover};
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use hub::{Alias, Utc, admission};
use inbound::keep;
use partners::operation;
use partners::profile::Recovery;
use partners::{Json, json};
use queue::Queue;
use serde::{Deserialize, Serialize};
use store::{Note, Store, StoreError};
use tokio::time::{Instant, sleep};

use crate::Courier;
use crate::call::{LONGEST, Unanswered, ask_aside};
use crate::times::MARGIN;

/// For how long a process has a connection's cycle for itself, from its beginning and from each confirmation on.
const LEASE: Duration = Duration::from_mins(2);

/// Number of rows that are stored at once.
const STORERS: usize = 16;

/// Longest wait of a confirmation for the connection's limits, and how often they are looked at.
const CONFIRMING: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(500);

/// Largest number of serials in one confirmation.
const CONFIRMED_AT_ONCE: usize = 200;

/// The latest cycle of a connection, as the store shares it. Stored as JSON: fields may be added, never renamed.
#[derive(Serialize, Deserialize)]
struct LatestCycle {
    began: Utc,
}

/// Why a cycle is not complete.
enum Broken {
    /// The partner did not answer with success.
    Unanswered(Unanswered),
    /// The answer is not as the configuration says.
    Unlike(String),
    /// The store failed.
    Store(StoreError),
    /// Another process has taken the cycle over, or the time of this one is over.
    Over,
}

/// Result of a cycle.
#[derive(Debug, Default)]
struct Recovered {
    rows: usize,
    lost: usize,
    /// Rows without a serial: they cannot be confirmed.
    unnamed: usize,
    confirmed: usize,
}

/// Recovers the failed pushes of each connection whose time for it has come. Failures are logged; the next cycle repeats what
/// one leaves.
pub async fn recover<S: Store, Q: Queue>(courier: &Courier<S, Q>) {
    let connections = courier.context.config.connections.values();
    let cycles = connections.filter_map(|connection| {
        let (settings, recovery) = (connection.recover.as_ref()?, connection.partner.profile().calls.recovery?);
        Some(Cycle { courier, connection, settings, recovery })
    });
    join_all(cycles.map(|cycle| async move { cycle.run().await })).await;
}

/// The cycle of one connection.
struct Cycle<'a, S, Q> {
    courier: &'a Courier<S, Q>,
    connection: &'a Connection,
    settings: &'a Recover,
    recovery: Recovery,
}

impl<S: Store, Q: Queue> Cycle<'_, S, Q> {
    async fn run(&self) {
        let id = &self.connection.id;
        match self.in_turn().await {
            Ok(None) | Err(Broken::Over) => {}
            Ok(Some(Recovered { rows: 0, .. })) => {
                tracing::debug!(connection = %id, "there is no failed push to recover");
            }
            Ok(Some(Recovered { rows, lost, unnamed, confirmed })) => {
                tracing::info!(connection = %id, rows, lost, confirmed, "failed pushes were recovered");
                if unnamed > 0 {
                    tracing::warn!(
                        connection = %id, rows = unnamed,
                        "failed pushes without a serial are kept but cannot be confirmed: check recover.serial"
                    );
                }
            }
            Err(Broken::Unanswered(why)) if !why.is_sent() => {
                let why = why.reason();
                tracing::debug!(connection = %id, why, "failed pushes were not asked for; the next sweep repeats it");
            }
            Err(Broken::Unanswered(why)) => {
                let why = why.reason();
                tracing::warn!(connection = %id, why, "failed pushes could not be recovered; the next cycle repeats it");
            }
            Err(Broken::Unlike(why)) => {
                tracing::error!(connection = %id, why, "the answer about failed pushes is not as recover says: nothing is confirmed");
            }
            Err(Broken::Store(error)) => {
                let error = telemetry::logs::chain(&error);
                tracing::error!(connection = %id, error, "failed pushes were not recovered; the next sweep repeats it");
            }
        }
    }

    /// The cycle, where it is due and no other process runs it.
    async fn in_turn(&self) -> Result<Option<Recovered>, Broken> {
        let store = &self.courier.context.store;
        let name = format!("recover#{}", self.connection.id);
        // Two requests, and what is stored between them.
        let in_time = || self.courier.patience((LONGEST + MARGIN) * 2 + MARGIN).is_some();
        if !in_time() || !self.is_due(store.note(&name).await?.as_ref()) {
            return Ok(None);
        }
        let holder = self.courier.nonce().map_err(|none| Broken::Unanswered(Unanswered::Here(none.to_string())))?;
        if !self.lease(&name, &holder, LEASE).await? {
            return Ok(None);
        }
        // Read after the lease was taken: its previous holder has noted its cycle.
        let note = store.note(&name).await?;
        let result = if self.is_due(note.as_ref()) {
            let began = self.courier.now();
            let result = self.cycle(&name, &holder).await.map(Some);
            if !matches!(&result, Err(Broken::Unanswered(why)) if !why.is_sent()) {
                let value = serde_json::to_string(&LatestCycle { began }).unwrap_or_default();
                store.put_note(&name, &value, note.map_or(0, |note| note.version)).await?;
            }
            result
        } else {
            Ok(None)
        };
        self.lease(&name, &holder, Duration::ZERO).await?;
        result
    }

    fn is_due(&self, note: Option<&Note>) -> bool {
        let latest = note.and_then(|note| serde_json::from_str::<LatestCycle>(&note.value).ok());
        latest.is_none_or(|latest| !self.courier.now().is_within(self.settings.every, latest.began))
    }

    async fn lease(&self, name: &str, holder: &str, span: Duration) -> Result<bool, Broken> {
        let now = self.courier.now();
        Ok(self.courier.context.store.lease(name, holder, now, now.after(span)).await?)
    }

    /// Asks for the list, keeps its rows and confirms those that are kept.
    async fn cycle(&self, name: &str, holder: &str) -> Result<Recovered, Broken> {
        let answer = self.ask(self.recovery.query, &self.settings.query_body()).await?;
        let unlike = |what: &str| Broken::Unlike(what.to_owned());
        let answer = Json::parse(&answer).map_err(|error| Broken::Unlike(error.to_string()))?;
        let list = at(&answer, &self.settings.rows).ok_or_else(|| unlike("there is nothing at recover.rows"))?;
        let rows = match list.kind() {
            json::Kind::Array(rows) => rows.as_slice(),
            json::Kind::Null => &[],
            json::Kind::Bool(_) | json::Kind::Number(_) | json::Kind::String(_) | json::Kind::Object(_) => {
                return Err(unlike("there is no array at recover.rows"));
            }
        };
        let Kept { serials, mut recovered } = self.keep(rows).await;
        if serials.is_empty() {
            return Ok(recovered);
        }
        let cutoff = at(&answer, &self.settings.cutoff).and_then(Json::scalar).filter(|text| !text.trim().is_empty());
        let cutoff = cutoff.ok_or_else(|| unlike("there is no time at recover.cutoff"))?;
        for serials in serials.chunks(CONFIRMED_AT_ONCE) {
            if self.courier.patience(LONGEST + MARGIN).is_none() || !self.lease(name, holder, LEASE).await? {
                return Err(Broken::Over);
            }
            let serials: Vec<_> = serials.iter().map(String::as_str).collect();
            self.confirm(&self.settings.confirm_body(&self.recovery, &serials, cutoff)).await?;
            recovered.confirmed += serials.len();
        }
        Ok(recovered)
    }

    /// Confirms, as soon as the connection's limits allow it: the query may have used them up.
    async fn confirm(&self, body: &str) -> Result<(), Broken> {
        let until = Instant::now() + CONFIRMING;
        loop {
            match self.ask(self.recovery.confirm, body).await {
                Err(Broken::Unanswered(Unanswered::Paced(_)))
                    if Instant::now() < until && self.courier.patience(LONGEST + MARGIN).is_some() =>
                {
                    sleep(LOOK).await;
                }
                answer => return answer.map(drop),
            }
        }
    }

    /// The partner's answer to one of the two operations.
    async fn ask(&self, name: &str, body: &str) -> Result<Bytes, Broken> {
        let faulty = || Broken::Unlike(format!("{name} cannot be asked"));
        let operation = operation::find(self.connection.partner, name).ok_or_else(faulty)?;
        let body = Json::parse(body.as_bytes()).map_err(|_| faulty())?;
        let answer = ask_aside(self.courier, self.connection, &operation, &body).await;
        Ok(answer.map_err(Broken::Unanswered)?.body)
    }

    /// Keeps every row as an event.
    async fn keep(&self, rows: &[Json<'_>]) -> Kept {
        let each: Vec<_> = rows.iter().map(|row| self.keep_one(row)).collect();
        let kept: Vec<_> = stream::iter(each).buffer_unordered(STORERS).collect().await;
        let mut recovered = Recovered { rows: rows.len(), ..Recovered::default() };
        // An order may have several rows: one that is lost keeps it from being confirmed.
        let mut whole: BTreeMap<String, bool> = BTreeMap::new();
        for Row { serial, is_kept } in kept {
            recovered.lost += usize::from(!is_kept);
            match serial {
                Some(serial) => *whole.entry(serial).or_insert(true) &= is_kept,
                None => recovered.unnamed += 1,
            }
        }
        let serials = whole.into_iter().filter_map(|(serial, is_whole)| is_whole.then_some(serial)).collect();
        Kept { serials, recovered }
    }

    /// The number of the only order of the connection that is known by a serial, which the answer to its upload told.
    async fn order_of(&self, serial: &str) -> Option<String> {
        let Self { courier: Courier { context, .. }, connection, .. } = self;
        let known = context.store.resolve(&Alias::new("serial", serial), context.now()).await;
        let known = known.inspect_err(|error| {
            let error = telemetry::logs::chain(error);
            tracing::warn!(connection = %connection.id, serial, error, "the order of a failed push could not be looked up");
        });
        let own = known.unwrap_or_default().into_iter().filter(|(at, _)| *at == connection.id);
        let mut orders = own.filter_map(|(_, subject)| subject.as_str().strip_prefix("order:").map(str::to_owned));
        orders.next().filter(|_| orders.next().is_none())
    }

    /// Keeps a row as an event.
    async fn keep_one(&self, row: &Json<'_>) -> Row {
        let Self { courier, connection, recovery, .. } = self;
        let text =
            |pointer: &str| at(row, pointer).and_then(Json::scalar).map(str::trim).filter(|text| !text.is_empty());
        let serial = text(&self.settings.serial);
        let named = self.settings.order.as_deref().and_then(text).map(str::to_owned);
        let order = match (named, serial) {
            (None, Some(serial)) => self.order_of(serial).await,
            (named, _) => named,
        };
        let draft = admission::recovered(&connection.id, recovery.event_type, row.text(), serial, order.as_deref());
        let is_kept = match draft {
            Some(draft) => match Box::pin(keep::keep_draft(&courier.context, connection, draft)).await {
                Ok(()) => true,
                Err(error) => {
                    let error = telemetry::logs::chain(&error);
                    tracing::error!(connection = %connection.id, serial, error, "a failed push is not kept and stays on the partner's list");
                    false
                }
            },
            None => false,
        };
        Row { serial: serial.map(str::to_owned), is_kept }
    }
}

/// The value at a JSON pointer; the whole at an empty one.
fn at<'j>(json: &'j Json<'j>, pointer: &str) -> Option<&'j Json<'j>> {
    if pointer.is_empty() { Some(json) } else { json.pointer(pointer) }
}

/// A row of the list.
struct Row {
    serial: Option<String>,
    is_kept: bool,
}

/// The serials all of whose rows are kept.
struct Kept {
    serials: Vec<String>,
    recovered: Recovered,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
