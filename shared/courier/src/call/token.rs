//! A partner's token: requested once, shared by all processes, replaced before it expires.
//!
//! Within a process, attempts that need a token wait for the one that requests it. Between processes, a lease allows one
//! request at a time, and a note in the store holds the token.

use std::sync::Mutex;
use std::time::Duration;

use config::Connection;
use hub::call::PartnerMessage;
use hub::clock::CLOCKS;
use hub::delivery::Outcome;
use hub::{ConnectionId, Secret, Utc};
use outbound::{Kind, Sent};
use partners::operation::{self, Attempt, Judgement};
use serde::{Deserialize, Serialize};
use store::{Note, Store, StoreError};
use tokio::time::sleep;

use super::credentials::{self, Complaint, account};
use super::wire::{DETAIL, list, read, request, summary, wired};
use crate::entropy::NoEntropy;
use crate::{Courier, lock};

/// A token is replaced when that part of its life is left.
const AHEAD: u32 = 10;

/// Interval at which a process checks whether another process's token request has ended.
const LOOK: Duration = Duration::from_millis(50);

/// For how long a refusal is believed, before the partner is asked again. Of those who wait for the same token each would
/// ask anew otherwise.
const BELIEVED: Duration = Duration::from_secs(1);

/// This process's cache of a connection's token.
#[derive(Debug, Default)]
pub(super) struct Slot {
    known: Mutex<TokenState>,
    /// Held by the request in progress in this process, with the name under which the process takes the lease: the same for
    /// all its requests, so that an abandoned one blocks no other.
    asking: tokio::sync::Mutex<Option<String>>,
}

#[derive(Clone, Debug, Default)]
struct TokenState {
    held: Option<CachedToken>,
    refused: Option<(Utc, NoToken)>,
}

/// A token and its times.
#[derive(Clone, Debug)]
struct CachedToken {
    token: Secret,
    /// Digest of the account that it belongs to (see [`account`]).
    account: String,
    /// Time of the token request. Where that lies ahead, the clock was set back, and the other times do not hold.
    asked: Utc,
    /// Time from which it is replaced.
    replace: Utc,
    /// Time from which it is no longer valid.
    until: Utc,
}

/// A token as the store shares it. Stored as JSON: fields may be added, never renamed.
#[derive(Serialize, Deserialize)]
struct Shared {
    token: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    asked: Utc,
    replace: Utc,
    until: Utc,
}

/// Times of a token that processes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    /// Time at which it was requested.
    pub obtained: Utc,
    /// Time from which it is no longer valid.
    pub expires: Utc,
}

impl TokenTimes {
    /// The times of the token in a note of the name [`token_note`], where it is still valid.
    #[must_use]
    pub fn of(note: &Note, now: Utc) -> Option<Self> {
        let held = CachedToken::of(note)?;
        (now < held.until).then_some(Self { obtained: held.asked, expires: held.until })
    }
}

/// The name of the note with a connection's token.
#[must_use]
pub fn token_note(connection: &ConnectionId) -> String {
    format!("token#{connection}")
}

/// Reason why there is no token.
#[derive(Clone, Debug)]
pub(super) struct NoToken {
    /// For the operator.
    pub(super) text: String,
    /// Outcome for the circuit of the partner.
    pub(super) outcome: Outcome,
    /// The partner's refusal, where it answered with one: another request would not help.
    pub(super) refused: Option<Refusal>,
    /// The partner's own code and text.
    pub(super) said: Option<Box<PartnerMessage>>,
    /// Resource that this process lacks for the request; neither the partner nor the connection has failed.
    pub(super) lack: Option<Lack>,
}

/// Resource that a process may lack for a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Random bytes.
    Entropy,
    /// A file descriptor.
    Descriptors,
}

impl NoToken {
    /// There is none for this reason, which says nothing of the partner.
    const fn of(text: String) -> Self {
        Self { text, outcome: Outcome::Impossible, refused: None, said: None, lack: None }
    }
}

impl From<NoEntropy> for NoToken {
    fn from(none: NoEntropy) -> Self {
        Self { lack: Some(Lack::Entropy), ..Self::of(none.to_string()) }
    }
}

/// A partner's refusal to give a token.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Its code as printed; the HTTP status where there is none.
    pub(super) code: String,
    /// The HTTP status.
    pub(super) status: u16,
}

impl Slot {
    fn known(&self) -> TokenState {
        lock(&self.known).clone()
    }

    fn hold(&self, held: CachedToken) -> Secret {
        let token = held.token.clone();
        *lock(&self.known) = TokenState { held: Some(held), refused: None };
        token
    }

    fn refuse(&self, now: Utc, why: NoToken) -> NoToken {
        lock(&self.known).refused = Some((now, why.clone()));
        why
    }
}

impl CachedToken {
    /// Whether it may be sent: it is that account's, in its life, and not the one that the partner has turned away.
    fn is_good(&self, account: &str, now: Utc, spent: Option<&Secret>) -> bool {
        let believed = self.asked <= now.after(CLOCKS) && now < self.until;
        self.account == account && believed && spent.is_none_or(|spent| !spent.matches(self.token.expose()))
    }

    fn of(note: &Note) -> Option<Self> {
        let Shared { token, account, asked, replace, until } = serde_json::from_str(&note.value).ok()?;
        Some(Self { token: Secret::new(token), account, asked, replace, until })
    }
}

/// Has tokens of one connection.
pub(super) struct Issuer<'a, S, Q> {
    pub(super) courier: &'a Courier<S, Q>,
    pub(super) connection: &'a Connection,
    pub(super) slot: &'a Slot,
    pub(super) complaint: &'a Complaint,
}

impl<S: Store, Q> Issuer<'_, S, Q> {
    /// The token to send. `spent` is one that the partner has just turned away.
    pub(super) async fn token(&self, spent: Option<&Secret>) -> Result<Secret, NoToken> {
        let Self { courier, connection, slot, .. } = self;
        let account = account(connection);
        let good = |now: Utc| slot.known().held.filter(|held| held.is_good(&account, now, spent));
        let mut asking = match good(courier.now()) {
            Some(held) if courier.now() < held.replace => return Ok(held.token),
            // It is still good: one replaces it, and the others go on with it.
            Some(held) => match slot.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(held.token),
            },
            None => slot.asking.lock().await,
        };
        let now = courier.now();
        let held = good(now);
        if let Some(held) = held.as_ref().filter(|held| now < held.replace) {
            return Ok(held.token.clone());
        }
        if let Some((at, why)) = slot.known().refused
            && now.is_within(BELIEVED, at)
        {
            return held.map(|held| held.token).ok_or(why);
        }
        let holder = match asking.as_ref() {
            Some(holder) => Ok(holder.clone()),
            None => courier.nonce().map(|new| asking.insert(new).clone()),
        };
        let replaced = match holder {
            Ok(holder) => self.replace(&account, &holder, spent).await,
            Err(none) => Err(none.into()),
        };
        drop(asking);
        // One that is good a while longer serves while the partner gives no other.
        replaced.or_else(|why| held.map(|held| held.token).ok_or(why))
    }

    /// Has the token replaced: by this process, or by another one that is asking already.
    async fn replace(&self, account: &str, holder: &str, spent: Option<&Secret>) -> Result<Secret, NoToken> {
        let Self { courier, connection, slot, .. } = self;
        let store = &courier.context.store;
        let name = token_note(&connection.id);
        let patience = connection.timeout * 2;
        let began = courier.now();
        loop {
            let now = courier.now();
            let until = now.after(connection.timeout * 2);
            let taken = store.lease(&name, holder, now, until).await.map_err(|error| unshared(&error))?;
            // Read after the lease was requested: its previous holder has stored its token.
            let note = store.note(&name).await.map_err(|error| unshared(&error))?;
            let shared = note
                .as_ref()
                .and_then(CachedToken::of)
                .filter(|held| held.is_good(account, now, spent) && now < held.replace);
            let result = match shared {
                Some(held) => Ok(slot.hold(held)),
                None if taken => match self.ask(account).await {
                    Ok(held) => {
                        keep(store, &name, note.map_or(0, |note| note.version), &held).await;
                        Ok(slot.hold(held))
                    }
                    Err(why) => Err(slot.refuse(courier.now(), why)),
                },
                None if now.since(began) > patience => {
                    Err(NoToken::of("another process has been asking for a token for too long".to_owned()))
                }
                None => {
                    sleep(LOOK).await;
                    continue;
                }
            };
            if taken {
                let now = courier.now();
                let _ = store.lease(&name, holder, now, now).await;
            }
            return result;
        }
    }

    /// Asks the partner.
    async fn ask(&self, account: &str) -> Result<CachedToken, NoToken> {
        let Self { courier, connection, .. } = self;
        let asked = courier.now();
        let (own, boundary) = (courier.nonce()?, courier.nonce()?);
        let attempt = Attempt {
            settings: &connection.settings,
            credentials: &|name| connection.credentials.get(name).map(Secret::expose),
            token: None,
            now_ms: asked.milliseconds(),
            nonce: &own,
            boundary: &boundary,
            file: None,
        };
        let prepared = operation::token_request(connection.partner, &attempt)
            .map_err(|faults| NoToken::of(format!("no token can be requested: {}", list(&faults))))?
            .ok_or_else(|| NoToken::of("the partner gives no tokens".to_owned()))?;
        // One that was asked for twice is good as well.
        let request = request(connection, prepared, true).map_err(NoToken::of)?;
        tracing::debug!(connection = %connection.id, "requesting a token");
        let sent = wired(courier, request).await;
        if let Sent::Failed { kind: Kind::Exhausted, text, .. } = sent {
            return Err(NoToken { lack: Some(Lack::Descriptors), ..NoToken::of(text) });
        }
        let mut found = None;
        let verdict = read(&sent, |status, body| {
            match operation::read_token(connection.partner, &connection.settings, status, body) {
                Ok(token) => {
                    found = Some(token);
                    Judgement::Success
                }
                Err(verdict) => verdict,
            }
        });
        if let Some(token) = found {
            let life = token.life;
            let token = Secret::new(token.expose().to_owned());
            let (account, until) = (account.to_owned(), asked.after(life));
            let replace = asked.after(life.saturating_sub(life / AHEAD));
            return Ok(CachedToken { token, account, asked, replace, until });
        }
        let trouble = sent.status().is_some_and(|status| status == 429 || status >= 500);
        let outcome = match &verdict {
            None => Outcome::NoAnswer,
            Some(Judgement::Refused { .. }) => Outcome::Delivered,
            Some(_) if trouble => Outcome::Refused { retry_after: None, trouble },
            Some(_) => Outcome::Delivered,
        };
        let said = verdict.as_ref().and_then(PartnerMessage::of);
        let text = verdict.as_ref().map_or_else(|| sent.detail(DETAIL), summary);
        let text = format!("the partner gave no token: {text}");
        let Some(Judgement::Refused { code, .. }) = verdict else {
            tracing::warn!(connection = %connection.id, "the partner gave no token");
            return Err(NoToken { text, outcome, refused: None, said, lack: None });
        };
        // Nothing but the credentials is in the request, unless it did not get there.
        let is_elsewhere = matches!(sent.status(), Some(300..=399 | 404 | 405));
        let remedy = if is_elsewhere {
            format!("check base_url of connection {} in the configuration", connection.id)
        } else {
            credentials::refused(courier, connection, self.complaint, &code).await;
            credentials::advice(connection)
        };
        let refused = Some(Refusal { code, status: sent.status().unwrap_or_default() });
        Err(NoToken { text: format!("{text}; {remedy}"), outcome, refused, said, lack: None })
    }
}

fn unshared(error: &StoreError) -> NoToken {
    NoToken::of(format!("the token could not be shared: {}", telemetry::logs::chain(error)))
}

/// Shares a token. One that cannot be shared still serves this process.
async fn keep<S: Store>(store: &S, name: &str, version: u64, held: &CachedToken) {
    let CachedToken { token, account, asked, replace, until } = held.clone();
    let shared = Shared { token: token.expose().to_owned(), account, asked, replace, until };
    let value = serde_json::to_string(&shared).unwrap_or_default();
    if let Err(error) = store.put_note(name, &value, version).await {
        tracing::warn!(
            name,
            error = telemetry::logs::chain(&error),
            "the token could not be stored for other processes"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: a token from a clock two days ahead was good for two days beyond its life.
    #[test]
    fn a_token_asked_for_in_a_false_future_is_not_good() {
        let day = Duration::from_hours(24);
        let held = |asked: Utc| {
            let (token, account) = (Secret::new("t".to_owned()), "a".to_owned());
            CachedToken { token, account, asked, replace: asked.after(day), until: asked.after(day) }
        };
        let now = Utc(1_790_000_000_000_000);
        assert!(held(now).is_good("a", now, None) && held(now.after(CLOCKS)).is_good("a", now, None));
        assert!(!held(now.after(2 * day)).is_good("a", now, None) && !held(now).is_good("a", now.after(day), None));
    }
}
