//! The ERP, played: endpoints that take, refuse, ask for patience, are slow, do not answer, or are down, and events that
//! they choke on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Endpoint;
use courier::{DeliveryResult, Parcel};
use futures::future::BoxFuture;
use hub::call::is_subject;
use hub::delivery::Outcome;
use hub::envelope::{self, Format};
use hub::order::Order;
use hub::{ConnectionId, EndpointId, EventId, EventKey, Subject, Utc};
use serde_json::Value;
use tokio::time::sleep;

use super::checker::StoredEvent;
use super::random::Random;
use super::world::World;

/// Largest age of a signature: receivers allow five minutes (Standard Webhooks 1.0), and their clocks differ.
const FRESH: Duration = Duration::from_mins(1);

/// Behaviour of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// It answers soon.
    Well,
    /// It answers after that long.
    Slow(Duration),
    /// Connections are refused.
    Down,
    /// It takes the connection and never answers.
    Hangs,
    /// It answers everything with that status, and a `Retry-After`.
    Refuses(u16, Option<Duration>),
}

/// Reaction of the ERP to one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Take,
    /// The answer is lost.
    TakeInSilence,
    Answer(u16, Option<Duration>),
    Silence,
}

/// The ERP of a history.
pub(super) struct Erp {
    world: Arc<World>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    moods: Vec<(EndpointId, Utc, Utc, Mood)>,
    /// Events that an endpoint chokes on, and how.
    poison: BTreeMap<(EndpointId, String), Option<Act>>,
    poison_chance: u64,
    /// The kinds of events that an endpoint chokes on, and how.
    refused: Vec<(EndpointId, &'static str, Act)>,
    /// It does so no longer.
    well: bool,
    /// The subjects of which an endpoint takes nothing.
    stuck: Vec<(EndpointId, Subject)>,
    under_way: BTreeMap<EndpointId, usize>,
    /// Deliveries under way in the order of their subject.
    in_order: BTreeMap<(EndpointId, ConnectionId, Subject), EventId>,
    attempts: Vec<(EndpointId, Utc)>,
    taken: Vec<(EndpointId, String)>,
}

/// One attempt under way.
struct UnderWay<'a>(&'a Erp, EndpointId);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0.state.lock().unwrap().under_way.get_mut(&self.1) {
            *count -= 1;
        }
    }
}

/// One attempt under way in the order of its subject.
struct Alone<'a>(&'a Erp, (EndpointId, ConnectionId, Subject));

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().in_order.remove(&self.1);
    }
}

impl Erp {
    /// An ERP that is well but at the times given, and for so many events in a thousand that are poison to it.
    pub(super) fn new(world: &Arc<World>, moods: Vec<(EndpointId, Utc, Utc, Mood)>, poison_chance: u64) -> Arc<Self> {
        let state = State { moods, poison_chance, ..State::default() };
        Arc::new(Self { world: Arc::clone(world), state: Mutex::new(state) })
    }

    /// The function with which the hub sends to it.
    pub(super) fn send(self: &Arc<Self>) -> courier::Send {
        let erp = Arc::clone(self);
        Arc::new(move |endpoint, parcel| -> BoxFuture<'_, DeliveryResult> {
            let erp = Arc::clone(&erp);
            Box::pin(async move { erp.attempt(endpoint, parcel).await })
        })
    }

    /// An endpoint chokes on every event of a kind: it errs, or does not answer.
    pub(super) fn refuse(&self, endpoint: EndpointId, kind: &'static str, hangs: bool) {
        let act = if hangs { Act::Silence } else { Act::Answer(500, None) };
        self.state.lock().unwrap().refused.push((endpoint, kind, act));
    }

    /// An endpoint takes nothing of a subject any more.
    pub(super) fn stick(&self, endpoint: EndpointId, subject: &str) {
        self.state.lock().unwrap().stuck.push((endpoint, subject.into()));
    }

    /// The events that an endpoint took, in that order.
    pub(super) fn taken(&self, endpoint: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.taken.iter().filter(|(own, _)| own.as_str() == endpoint).map(|(_, id)| id.clone()).collect()
    }

    /// Whether an endpoint chokes on events of a kind.
    pub(super) fn refuses(&self, endpoint: &EndpointId, kind: &str) -> bool {
        self.state.lock().unwrap().refused.iter().any(|(own, refused, _)| own == endpoint && *refused == kind)
    }

    /// Everything is well from now on; `cured` too is what was poison.
    pub(super) fn heal(&self, cured: bool) {
        let mut state = self.state.lock().unwrap();
        state.moods.clear();
        state.stuck.clear();
        state.well = true;
        if cured {
            state.poison.clear();
            state.poison_chance = 0;
        }
    }

    /// Whether an event is poison to an endpoint.
    pub(super) fn is_poison(&self, endpoint: &EndpointId, id: &str) -> bool {
        matches!(self.state.lock().unwrap().poison.get(&(endpoint.clone(), id.to_owned())), Some(Some(_)))
    }

    /// Beginnings of the attempts at an endpoint.
    pub(super) fn attempts(&self, endpoint: &str) -> Vec<Utc> {
        let state = self.state.lock().unwrap();
        state.attempts.iter().filter(|(own, _)| own.as_str() == endpoint).map(|(_, at)| *at).collect()
    }

    async fn attempt(&self, endpoint: &Endpoint, parcel: Parcel) -> DeliveryResult {
        let now = self.world.now();
        let under_way = self.begin(endpoint, now);
        let (mut kind, mut alone) = (String::new(), None);
        let kept = self.world.checker().attempted(&parcel.id, &endpoint.id, now).map(|kept| {
            kept.kind.clone_into(&mut kind);
            alone = Some(kept.key.clone()).filter(|key| endpoint.order == Order::Subject && !is_subject(&key.subject));
            check(kept, endpoint, &parcel, now)
        });
        self.world.hold(kept.and_then(|held| held));
        let subject = alone.as_ref().map(|key| key.subject.clone());
        let alone = alone.map(|key| self.alone(endpoint, key));
        let stuck = subject.is_some_and(|subject| self.is_stuck(&endpoint.id, &subject));
        let (act, pause) = self.meets(endpoint, (&parcel.id, &kind), now);
        let act = if stuck { Act::Answer(500, None) } else { act };
        self.world.tell(&format!("attempt of {} at {}: {act:?}", parcel.id, endpoint.id));
        sleep(pause.min(endpoint.timeout)).await;
        let act = if pause >= endpoint.timeout { Act::Silence } else { act };
        if matches!(act, Act::Take | Act::TakeInSilence) {
            self.world.checker().taken(&parcel.id, &endpoint.id);
            self.state.lock().unwrap().taken.push((endpoint.id.clone(), parcel.id.clone()));
        }
        if let Act::Answer(_, Some(after)) = act {
            self.world.checker().asked(&parcel.id, &endpoint.id, self.world.now().after(after));
        }
        if act == Act::TakeInSilence {
            self.world.checker().blemish_id(&parcel.id);
            let rest = self.world.draw(|random, _| random.ms(0..=4_000));
            sleep(rest.min(endpoint.timeout.saturating_sub(pause))).await;
        }
        drop((under_way, alone));
        let judged = |status, retry_after, body: &[u8]| DeliveryResult {
            outcome: envelope::judge(endpoint.format, status, retry_after, Some(body)),
            status: Some(status),
            detail: String::new(),
        };
        match act {
            Act::Take => judged(200, None, br#"{"state":true}"#),
            Act::Answer(200, after) => judged(200, after, br#"{"state":false,"msg":"busy"}"#),
            Act::Answer(status, after) => judged(status, after, b""),
            Act::Silence | Act::TakeInSilence => {
                DeliveryResult { outcome: Outcome::NoAnswer, status: None, detail: "no answer".to_owned() }
            }
        }
    }

    fn is_stuck(&self, endpoint: &EndpointId, subject: &Subject) -> bool {
        self.state.lock().unwrap().stuck.iter().any(|(own, stuck)| (own, stuck) == (endpoint, subject))
    }

    /// Begins an attempt in the order of its subject: none other may be under way.
    fn alone(&self, endpoint: &Endpoint, key: EventKey) -> Alone<'_> {
        let place = (endpoint.id.clone(), key.connection, key.subject);
        let other = self.state.lock().unwrap().in_order.insert(place.clone(), key.id);
        if let Some(other) = other {
            self.world.broken(&format!("{} and {other} were under way at once to {}", key.id, endpoint.id));
        }
        Alone(self, place)
    }

    fn begin(&self, endpoint: &Endpoint, now: Utc) -> UnderWay<'_> {
        let mut state = self.state.lock().unwrap();
        state.attempts.push((endpoint.id.clone(), now));
        let count = state.under_way.entry(endpoint.id.clone()).or_default();
        *count += 1;
        let over = *count > endpoint.concurrency;
        drop(state);
        if over {
            self.world.broken(&format!("more than {} attempts under way at {}", endpoint.concurrency, endpoint.id));
        }
        UnderWay(self, endpoint.id.clone())
    }

    fn meets(&self, endpoint: &Endpoint, (id, kind): (&str, &str), now: Utc) -> (Act, Duration) {
        let state = &mut *self.state.lock().unwrap();
        let chance = state.poison_chance;
        let draw = |random: &mut Random| random.chance(chance).then(|| poison(random, endpoint.format));
        let place = (endpoint.id.clone(), id.to_owned());
        let refused = state.refused.iter().find(|(own, refused, _)| *own == endpoint.id && *refused == kind);
        let refused = refused.map(|(_, _, act)| *act).filter(|_| !state.well);
        let poison = *state.poison.entry(place).or_insert_with(|| self.world.draw(|random, _| draw(random)));
        let mood = state.moods.iter().find(|(own, from, until, _)| *own == endpoint.id && *from <= now && now < *until);
        let (soon, error) = self.world.draw(|random, weather| {
            let acts = [
                Act::TakeInSilence,
                Act::Silence,
                Act::Answer(503, None),
                Act::Answer(429, Some(random.ms(1_000..=90_000))),
                Act::Answer(if endpoint.format == Format::Raw { 200 } else { 409 }, None),
            ];
            (random.ms(1..=40), random.chance(weather.erp_errors).then_some(acts[random.place(acts.len())]))
        });
        let whole = endpoint.timeout;
        match (refused.or(poison), mood.map_or(Mood::Well, |mood| mood.3)) {
            (Some(Act::Silence), _) | (_, Mood::Hangs) => (Act::Silence, whole),
            (_, Mood::Down) => (Act::Silence, soon),
            (_, Mood::Refuses(status, after)) => (Act::Answer(status, after), soon),
            (Some(act), _) => (act, soon),
            (None, Mood::Slow(pause)) => (error.unwrap_or(Act::Take), pause),
            (None, Mood::Well) => (error.unwrap_or(Act::Take), soon),
        }
    }
}

/// Failure of an endpoint over an event that it chokes on.
fn poison(random: &mut Random, format: Format) -> Act {
    match random.within(0..=3) {
        0 => Act::Silence,
        1 => Act::Answer(500, None),
        _ if format == Format::Raw => Act::Answer(200, None),
        _ => Act::Answer(422, None),
    }
}

/// Every attempt carries the event's id, a signature of its very bytes at this time, and the partner's bytes.
fn check(kept: &StoredEvent, endpoint: &Endpoint, parcel: &Parcel, now: Utc) -> Result<(), String> {
    let id = &parcel.id;
    let signed =
        endpoint.keys.iter().flatten().map(|key| key.sign(id, Utc(parcel.timestamp * 1_000_000), &parcel.body));
    if signed.collect::<Vec<_>>().join(" ") != parcel.signature || now.since(Utc(parcel.timestamp * 1_000_000)) > FRESH
    {
        return Err(format!("{id} is not signed, or was a while ago: {} at {now}", parcel.timestamp));
    }
    let data = match endpoint.format {
        Format::Raw => parcel.body.trim_ascii(),
        Format::CloudEvents => {
            let event: Value = serde_json::from_slice(&parcel.body).map_err(|error| error.to_string())?;
            let attributes = ["id", "type", "subject", "source"].map(|name| event[name].as_str().unwrap_or_default());
            let (subject, source) = (kept.subject.as_str(), kept.key.connection.as_str());
            if attributes != [id.as_str(), kept.kind.as_str(), subject, source] {
                return Err(format!("{id} came as {attributes:?}"));
            }
            let tail = parcel.body.strip_suffix(b"}").and_then(|body| body.strip_suffix(&kept.data[..]));
            if tail.is_some_and(|body| body.ends_with(b",\"data\":")) { &kept.data[..] } else { &parcel.body[..] }
        }
    };
    if data == kept.data.trim_ascii() { Ok(()) } else { Err(format!("{id} came with other bytes than were pushed")) }
}
