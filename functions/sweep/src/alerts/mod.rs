//! Alerts: what the sweep finds is told to the operators.
//!
//! The facts are read once for all alerts, and `hub::alert` decides what is news and which messages are due. The state that is
//! kept is stored before a message is sent, over the version that it was read from: of several processes one sends. A message
//! that could not be sent is told with the next.

mod facts;

use std::time::Duration;

use ::alerts::{Fault, Message, Post, Receiver};
use bytes::Bytes;
use config::{Alert, AlertSecret};
use courier::Courier;
use futures::future::join_all;
use http::Method;
use hub::Secret;
use hub::alert::{Due, NOTE, Rule, State};
use outbound::{RECEIPT, Request, Sent};
use queue::Queue;
use store::{Store, StoreError};
use tokio::time::timeout;

use crate::NAME;
use crate::backlog::Backlog;

/// Longest time for sending one message.
const SENDING: Duration = Duration::from_secs(10);

/// Longest time for reading the facts.
const READING: Duration = Duration::from_secs(10);

/// Times that the state is read again because another process has changed it meanwhile.
const RACES: usize = 5;

/// Tells the news to the receivers of alerts. `measured` is the backlog, where it is known already.
pub(crate) async fn tell<S: Store, Q: Queue>(courier: &Courier<S, Q>, measured: Option<Backlog>) {
    let config = &courier.context.config;
    if config.alerts.is_empty() || courier.patience(READING + SENDING * 2).is_none() {
        return;
    }
    let rules: Vec<Rule> = config.alerts.iter().map(|alert| alert.rule.clone()).collect();
    let due = match look(courier, &rules, measured).await {
        Ok(due) => due,
        Err(error) => {
            let error = telemetry::logs::chain(&error);
            tracing::error!(
                function = NAME,
                error,
                "the state of the alerts could not be changed; the next sweep repeats it"
            );
            return;
        }
    };
    if due.is_empty() {
        return;
    }
    let sent = join_all(due.iter().map(|due| send(courier, due))).await;
    let results: Vec<(&Due, bool)> = due.iter().zip(sent).collect();
    if let Err(error) = change(courier, None, |state| (state.sent(results.iter().copied()), ())).await {
        let error = telemetry::logs::chain(&error);
        tracing::error!(function = NAME, error, "it could not be stored that alerts were sent; they may be sent again");
    }
}

/// Looks at the facts and stores the state; the messages that are due.
async fn look<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    rules: &[Rule],
    measured: Option<Backlog>,
) -> Result<Vec<Due>, StoreError> {
    let known = state(courier).await?;
    let since = known.0.counts_from(courier.context.now());
    let facts = facts::read(courier, rules, since, measured, READING).await;
    let looked = change(courier, Some(known), |state| state.look(&facts, rules, courier.context.now())).await;
    if looked.is_err() {
        // Everything else is found again.
        facts.reported.into_iter().for_each(|finding| courier.lines.keep_finding(finding));
    }
    looked
}

/// The state and the version of its note, 0 where there is none.
async fn state<S: Store, Q>(courier: &Courier<S, Q>) -> Result<(State, u64), StoreError> {
    let Some(note) = courier.context.store.note(NOTE).await? else { return Ok((State::default(), 0)) };
    let state = serde_json::from_str(&note.value).unwrap_or_else(|error| {
        tracing::error!(function = NAME, %error, "the state of the alerts cannot be read; it begins anew");
        State::default()
    });
    Ok((state, note.version))
}

/// Changes the state, as it is known or is read; again where another process has changed it meanwhile. A state that stays as it is
/// writes nothing.
async fn change<S: Store, Q, T>(
    courier: &Courier<S, Q>,
    mut known: Option<(State, u64)>,
    changed: impl Fn(&State) -> (State, T),
) -> Result<T, StoreError> {
    let store = &courier.context.store;
    for _ in 0..RACES {
        let (state, version) = match known.take() {
            Some(known) => known,
            None => state(courier).await?,
        };
        let (next, result) = changed(&state);
        if next == state && version > 0 {
            return Ok(result);
        }
        let unwritable = |source: serde_json::Error| StoreError::Corrupt { verb: "put_note", what: source.to_string() };
        let text = serde_json::to_string(&next).map_err(unwritable)?;
        if store.put_note(NOTE, &text, version).await? {
            return Ok(result);
        }
    }
    Err(StoreError::Unavailable { verb: "put_note", source: "other processes change it again and again".into() })
}

/// Sends a message; whether its receiver has taken it.
async fn send<S: Store, Q>(courier: &Courier<S, Q>, due: &Due) -> bool {
    let Some(alert) = courier.context.config.alerts.iter().find(|alert| alert.rule.id == due.alert) else {
        return false;
    };
    let (id, kind) = (&due.alert, alert.kind.name());
    let Some(receiver) = receiver(alert) else {
        tracing::error!(
            function = NAME,
            alert = id,
            kind,
            "an alert could not be sent: its url or secret is in a secret that this function does not read"
        );
        return false;
    };
    let at = courier.context.now();
    let message =
        Message { alert: id, groups: &due.groups, language: alert.language, console: alert.console.as_ref(), at };
    let causes: Vec<_> = due.groups.keys().map(|cause| cause.name()).collect();
    let result = timeout(SENDING, (courier.wire)(request(alert, receiver.post(&message)))).await;
    match result.map_err(|_| "it did not answer in time".to_owned()).and_then(|sent| judged(&receiver, &sent)) {
        Ok(()) => {
            tracing::info!(function = NAME, alert = id, kind, causes = causes.join(" "), "an alert was sent");
            true
        }
        Err(why) => {
            tracing::warn!(
                function = NAME,
                alert = id,
                kind,
                causes = causes.join(" "),
                why,
                "an alert could not be sent; the next message tells its news"
            );
            false
        }
    }
}

/// The receiver of an alert; nothing where its secrets are not read.
fn receiver(alert: &Alert) -> Option<Receiver> {
    let url = alert.url.clone()?;
    let robot = |secret: &AlertSecret| match secret {
        AlertSecret::None => Some(None),
        AlertSecret::Robot(secret) => Some(Some(Secret::new(secret.expose().to_owned()))),
        AlertSecret::Unread | AlertSecret::Webhook(_) => None,
    };
    match (alert.kind, &alert.secret) {
        (hub::alert::Kind::Wecom, _) => Some(Receiver::Wecom(url)),
        (hub::alert::Kind::Dingtalk, secret) => Some(Receiver::Dingtalk(url, robot(secret)?)),
        (hub::alert::Kind::Feishu, secret) => Some(Receiver::Feishu(url, robot(secret)?)),
        (hub::alert::Kind::Webhook, AlertSecret::Webhook(key)) => Some(Receiver::Webhook(url, key.clone())),
        (hub::alert::Kind::Webhook, AlertSecret::None | AlertSecret::Unread | AlertSecret::Robot(_)) => None,
    }
}

fn request(alert: &Alert, Post { url, headers, body }: Post) -> Request {
    let headers = headers.into_iter().map(|(name, value)| (name.into(), value));
    Request {
        method: Method::POST,
        url,
        headers: std::iter::once(("content-type".into(), "application/json".to_owned())).chain(headers).collect(),
        body: Bytes::from(body),
        attached: None,
        sink: None,
        timeout: SENDING,
        allow_private: alert.allow_private,
        trust: courier::trust(&alert.trust),
        // It may come twice, but a message that is sent once is better.
        repeatable: false,
        limit: RECEIPT,
    }
}

/// Judgement of an answer. The reason of a refusal holds no secret: not the address of a redirect, which may have the robot's.
fn judged(receiver: &Receiver, sent: &Sent) -> Result<(), String> {
    match sent {
        Sent::Answered { status, body, .. } => {
            receiver.read(*status, body).map_err(|Fault { text, remedy }| match remedy {
                Some(remedy) => format!("{text}: {remedy}"),
                None => text,
            })
        }
        Sent::Failed { text, .. } => Err(text.clone()),
    }
}
