//! Credentials that a partner refuses: logged once for each connection and problem, across all processes.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use config::Connection;
use hub::Utc;
use serde::{Deserialize, Serialize};
use store::Store;
use telemetry::metrics::{self, Metric, Sample};
use url::Url;

use crate::{Courier, lock};

/// Time for which a logged problem is not logged again.
const TOLD: Duration = Duration::from_hours(24);

/// A logged problem, as the store shares it. Stored as JSON: fields may be added, never renamed.
#[derive(Serialize, Deserialize)]
struct LogState {
    problem: String,
    at: Utc,
}

/// This process's knowledge of whether a partner refuses a connection's credentials.
#[derive(Debug, Default)]
pub(super) struct Complaint(Mutex<Known>);

#[derive(Clone, Debug, Default)]
struct Known {
    /// The logged problem.
    told: Option<String>,
    /// Time at which the partner last accepted them: a problem logged before that is another one.
    accepted: Utc,
}

impl Complaint {
    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.0)
    }
}

/// A digest of where a connection asks for its token and with what. The token of the account that a connection was
/// configured with before is good for hours, and calls with it would be done in that account's name.
pub(super) fn account(connection: &Connection) -> String {
    let base_url = connection.base_url.as_ref().map(Url::as_str);
    let credentials = connection.credentials.iter().map(|(name, secret)| (name, secret.expose()));
    let told = serde_json::to_string(&(base_url, credentials.collect::<Vec<_>>())).unwrap_or_default();
    hub::identity::digest(told.as_bytes())
}

/// Remedy that names the configuration's keys of the credentials to check, never their values.
pub(super) fn advice(connection: &Connection) -> String {
    let names: Vec<_> = connection.credentials.keys().map(String::as_str).collect();
    let names = if names.is_empty() { "the credentials".to_owned() } else { names.join(", ") };
    format!("check {names} of connection {} in the configuration", connection.id)
}

/// Logs and counts that the partner refuses the credentials with that code, unless that was done.
pub(super) async fn refused<S: Store, Q>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    complaint: &Complaint,
    code: &str,
) {
    let problem = hub::identity::digest(format!("{} {code}", account(connection)).as_bytes());
    let Known { told, accepted } = complaint.known().clone();
    if told.as_deref() == Some(&problem) {
        return;
    }
    complaint.known().told = Some(problem.clone());
    let (store, now, name) = (&courier.context.store, courier.now(), note(connection));
    // Where the store does not answer, each process logs it.
    if let Ok(note) = store.note(&name).await {
        let told = note.as_ref().and_then(|note| serde_json::from_str::<LogState>(&note.value).ok());
        let is_known = |told: LogState| told.problem == problem && accepted < told.at && now.since(told.at) < TOLD;
        if told.is_some_and(is_known) {
            return;
        }
        let value = serde_json::to_string(&LogState { problem, at: now }).unwrap_or_default();
        if let Ok(false) = store.put_note(&name, &value, note.map_or(0, |note| note.version)).await {
            return;
        }
    }
    let remedy = advice(connection);
    tracing::error!(connection = %connection.id, code, remedy, "the partner refuses the credentials: calls of this connection fail");
    metrics::emit(
        now,
        &Sample {
            values: vec![(Metric::CredentialsRefused, 1.0)],
            notes: vec![("connection", connection.id.to_string())],
            ..Sample::default()
        },
    );
}

/// Records that the partner accepts the credentials, so that a later refusal is logged again.
pub(super) async fn accepted<S: Store, Q>(courier: &Courier<S, Q>, connection: &Connection, complaint: &Complaint) {
    let known = Known { told: None, accepted: courier.now() };
    if std::mem::replace(&mut *complaint.known(), known).told.is_none() {
        return;
    }
    let (store, name) = (&courier.context.store, note(connection));
    if let Ok(Some(note)) = store.note(&name).await {
        let _ = store.put_note(&name, "", note.version).await;
    }
    tracing::info!(connection = %connection.id, "the partner accepts the credentials again");
}

fn note(connection: &Connection) -> String {
    format!("credentials#{}", connection.id)
}
