//! `tongguan replay` and `tongguan confirm`: deliveries start over, or what failed is confirmed.
//!
//! One request changes a thousand deliveries at the most, and says where to go on. Without `--go` nothing changes.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use hub::printable::Word;
use hub::{EventId, EventKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::place::Place;
use crate::progress::Progress;
use crate::source::{Access, Asked, Pages, Source};
use crate::times::{Moment, Zone, moment, now};
use crate::{find, out};

/// Most events that one request names.
const MOST: usize = api::contract::MOST_EVENTS;

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    which: Which,
    /// Send waiting deliveries now, whether they wait for a retry, an open circuit or the endpoint's Retry-After
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    #[command(flatten)]
    which: Which,
    /// Confirm only what failed up to this time: so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (RFC 3339) [default:
    /// half a minute ago, because what has just failed may not be listed yet]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    cutoff: Option<Moment>,
}

#[derive(Debug, Args)]
struct Which {
    /// Endpoint whose deliveries to change
    #[arg(long)]
    endpoint: String,
    /// Ids of the events; without any, every failed one of the endpoint, or with `replay --now` every pending one
    ids: Vec<EventId>,
    /// Only those about this order, bill, declaration, container or other number
    #[arg(long, value_name = "NUMBER")]
    about: Option<String>,
    /// Change the deliveries; without --go, only print which
    #[arg(long)]
    go: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Replay,
    SendNow,
    Confirm,
}

impl Kind {
    /// The last part of the path.
    const fn path(self) -> &'static str {
        match self {
            Self::Replay | Self::SendNow => "replay",
            Self::Confirm => "confirm",
        }
    }

    /// The member of the answer that has the number of changed deliveries.
    const fn done(self) -> &'static str {
        match self {
            Self::Replay | Self::SendNow => "replayed",
            Self::Confirm => "confirmed",
        }
    }
}

/// One request for it.
#[derive(Serialize)]
struct Request<'a> {
    endpoint: &'a str,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cutoff: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<&'a [EventKey]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

/// The answer to one request for it.
#[derive(Deserialize)]
struct Changed {
    events: Vec<EventKey>,
    #[serde(default)]
    unwanted: Vec<EventKey>,
    next: Option<String>,
}

/// All of a change.
#[derive(Default)]
struct Total {
    events: Vec<EventKey>,
    unwanted: Vec<EventKey>,
    /// Further named events whose deliveries are left as they are.
    left: Vec<Left>,
}

/// A named event whose delivery is left as it is, and the reason.
#[derive(Serialize)]
struct Left {
    #[serde(flatten)]
    key: EventKey,
    reason: String,
}

/// Starts deliveries over, or sends those that wait.
pub(crate) async fn replay(place: &Place, replay: Replay) -> anyhow::Result<ExitCode> {
    let kind = if replay.now { Kind::SendNow } else { Kind::Replay };
    change(place, &replay.which, kind, None).await
}

/// Confirms what failed and was seen.
pub(crate) async fn confirm(place: &Place, confirm: Confirm) -> anyhow::Result<ExitCode> {
    change(place, &confirm.which, Kind::Confirm, confirm.cutoff).await
}

async fn change(place: &Place, which: &Which, kind: Kind, cutoff: Option<Moment>) -> anyhow::Result<ExitCode> {
    let (source, zone) = (place.source(Access::Change).await?, place.times());
    let cutoff = match cutoff {
        Some(cutoff) => Some(zone.time(cutoff, now()).to_string()),
        None if kind == Kind::Confirm && which.ids.is_empty() => Some(as_of(&source, which).await?),
        None => None,
    };
    let keys = keys(&source, which, kind).await?;
    let mut total = made(&source, which, kind, cutoff.as_deref(), keys.as_deref()).await?;
    let done: BTreeSet<_> = total.events.iter().chain(&total.unwanted).collect();
    for key in keys.iter().flatten().filter(|key| !done.contains(key)) {
        let reason = why_not(&source, key, which, kind, zone).await?;
        total.left.push(Left { key: key.clone(), reason });
    }
    let Total { events, unwanted, left } = total;
    if which.json {
        let (count, name) = (if which.go { events.len() } else { 0 }, kind.done());
        let told = json!({"dry_run": !which.go, name: count, "events": events, "unwanted": unwanted, "left": left});
        out::unless_closed(out::json(&told.to_string()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let endpoint = &which.endpoint;
    for key in &unwanted {
        let reason = format_args!("{endpoint} does not want it by its connections and types, and never had it");
        out::unless_closed(say!("{}: {reason}", name(key)))?;
    }
    for Left { key, reason } in &left {
        out::unless_closed(say!("{}: {reason}", name(key)))?;
    }
    out::unless_closed(say!("{}", told(&source, which, kind, events.len(), cutoff.as_deref())))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the change, request by request, and prints the events that it is of.
async fn made(
    source: &Source,
    which: &Which,
    kind: Kind,
    cutoff: Option<&str>,
    keys: Option<&[EventKey]>,
) -> anyhow::Result<Total> {
    let mut total = Total::default();
    let progress = Progress::of("deliveries", keys.map(<[_]>::len));
    // Without names one request after another is of everything that is listed.
    let parts: Vec<_> = keys.map_or_else(|| vec![None], |keys| keys.chunks(MOST).map(Some).collect());
    for part in parts {
        let mut from = None;
        loop {
            let now = (kind == Kind::SendNow).then_some(true);
            let (endpoint, dry_run) = (&which.endpoint, !which.go);
            let request = Request { endpoint, dry_run, now, cutoff, events: part, from };
            let asked = Asked::post(&["deliveries", kind.path()], serde_json::to_vec(&request)?);
            let done = total.events.len();
            let answer: anyhow::Result<Changed> = progress.during(source.get(&asked)).await;
            let answer = if done == 0 { answer } else { answer.with_context(|| format!("after {done} deliveries")) };
            let Changed { events, unwanted, next } = answer?;
            progress.add(events.len() + unwanted.len());
            if !which.json {
                progress.aside(|| events.iter().try_for_each(|key| out::unless_closed(say!("{}", name(key)))))?;
            }
            total.events.extend(events);
            total.unwanted.extend(unwanted);
            from = next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(total)
}

fn name(key: &EventKey) -> String {
    format!("{} {} {}", Word(&key.connection), Word(&key.subject), key.id)
}

/// The time up to which the failed deliveries that are listed now can be confirmed.
async fn as_of(source: &Source, which: &Which) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Failed {
        as_of: String,
    }
    let asked = Asked::get(&["deliveries", "failed"]).with("endpoint", Some(&which.endpoint)).with("limit", Some(1));
    let Failed { as_of } = source.get(&asked).await?;
    Ok(as_of)
}

/// The events that are named, by their ids or by what they are about; nothing where all that are listed are meant.
async fn keys(source: &Source, which: &Which, kind: Kind) -> anyhow::Result<Option<Vec<EventKey>>> {
    #[derive(Deserialize)]
    struct Listed {
        event: EventKey,
    }
    if !which.ids.is_empty() {
        let progress = Progress::of("events searched", None);
        return find::events(source, &which.ids, which.about.as_deref(), &progress).await.map(Some);
    }
    let Some(number) = &which.about else { return Ok(None) };
    let asked = Asked::get(&["deliveries"])
        .with("number", Some(number))
        .with("endpoint", Some(&which.endpoint))
        .with("state", Some(if kind == Kind::SendNow { "pending" } else { "failed" }));
    let progress = Progress::of("deliveries found", None);
    let found = Pages::new(source, asked, usize::MAX).rest(&progress).await?;
    let key = |item: &RawValue| serde_json::from_str(item.get()).map(|Listed { event }| event);
    Ok(Some(found.iter().map(|item| key(item)).collect::<Result<_, _>>()?))
}

/// Reason why the delivery of a named event is left as it is.
async fn why_not(source: &Source, key: &EventKey, which: &Which, kind: Kind, zone: Zone) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Shown {
        deliveries: Vec<Delivery>,
        event: Event,
    }
    #[derive(Deserialize)]
    struct Delivery {
        endpoint: String,
        state: String,
        #[serde(default)]
        due: Option<String>,
    }
    #[derive(Deserialize)]
    struct Event {
        #[serde(rename = "type")]
        kind: String,
    }
    let answer = match source.answer(&find::asked(key)).await? {
        Err(problem) if problem.is_missing() => return Ok("it has expired".to_owned()),
        answer => answer?,
    };
    let Shown { deliveries, event } = serde_json::from_slice(&answer)?;
    let delivery = deliveries.into_iter().find(|delivery| delivery.endpoint == which.endpoint);
    Ok(match (kind, delivery) {
        (Kind::Confirm, Some(delivery)) => format!("it is {}, and only what failed can be confirmed", delivery.state),
        (_, None) if hub::event_types::own().all(|own| own != event.kind) && hub::call::is_subject(&key.subject) => {
            "the call has not ended, so there is nothing to tell".to_owned()
        }
        (Kind::Confirm | Kind::SendNow, None) => format!("{} has no delivery of it", which.endpoint),
        (Kind::SendNow, Some(Delivery { due: Some(_), .. })) => "it is being sent, or is about to be".to_owned(),
        (Kind::SendNow, Some(_)) => "no delivery waits; without --now what has ended starts over".to_owned(),
        (Kind::Replay, Some(Delivery { due: Some(due), .. })) => {
            format!("it is on its way already, its next attempt due at {}; --now sends it now", zone.reprint(&due))
        }
        (Kind::Replay, _) => "another change was faster; try again".to_owned(),
    })
}

/// The sentence at the end: how many deliveries changed, or would.
fn told(source: &Source, which: &Which, kind: Kind, count: usize, cutoff: Option<&str>) -> String {
    let endpoint = &which.endpoint;
    // A hub that is asked sends at once; of what is changed in its database it hears at its next sweep.
    let then = match source {
        Source::Database(database) => format!("; the hub takes them up within {:?}", database.config().sweep_every),
        Source::Hub(_) => String::new(),
    };
    match (kind, which.go, count) {
        (Kind::SendNow, _, 0) => format!("no delivery to {endpoint} waits"),
        (Kind::SendNow, true, n) => format!("{n} deliveries are sent now{then}"),
        (Kind::SendNow, false, n) => format!("{n} deliveries would be sent now; add --go to do it"),
        (Kind::Replay, _, 0) => format!(
            "no delivery to {endpoint} starts over: replay is for those that have ended; --now sends at once those that wait"
        ),
        (Kind::Replay, true, n) => format!("{n} deliveries start over{then}"),
        (Kind::Replay, false, n) => format!("{n} deliveries would start over; add --go to do it"),
        (Kind::Confirm, _, 0) => format!("no failed delivery to {endpoint} is to be confirmed"),
        (Kind::Confirm, true, n) => format!("{n} deliveries are confirmed"),
        (Kind::Confirm, false, n) => match cutoff {
            Some(cutoff) => format!(
                "{n} deliveries would be confirmed; add --go --cutoff {cutoff} to confirm these, and none that fail later"
            ),
            None => format!("{n} deliveries would be confirmed; add --go to do it"),
        },
    }
}
