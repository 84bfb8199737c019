//! The audit trail by pages: all of it, or what touched the subjects of a business number.

use std::collections::BTreeSet;

use api::contract::{Audit, Next};
use api::{MOST_BYTES, Parameters, Problem, Routed, moment};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::audit::{Action, Entry, EntryView, Place};
use hub::call::is_subject;
use hub::shipment::meant;
use hub::{Alias, Utc};
use inbound::trail::earliest;
use store::{AuditFilter, AuditPage, Store, audit_of_all, next_in_view};

/// Most entries of a page that may be asked for.
const MOST: usize = 1_000;

/// Most entries that are read at once: one may name a thousand events.
const AT_ONCE: usize = 100;

/// Most pages of the store that are read for one of the list, which may show none of them.
const LOOKS: usize = 8;

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let limit = asked.limit(MOST)?;
    let filter = filter(context, &asked)?;
    let number = asked.get("number");
    let now = context.now();
    // The earliest entry that is kept moves with the time; a span that was asked for does not.
    let span = (asked.get("since"), asked.get("until"));
    let seal = caller.seal(&("GET /audit", span, &filter.key, filter.action.map(Action::name), number));
    let mut from = seal.opened(asked.get("from"), now)?;
    let view = |entry: Entry| Some((entry.place(), caller.audited(entry)?));
    let mut entries: Vec<(Place, EntryView)> = Vec::new();
    if let Some(number) = number {
        let place = from.as_deref().map(str::parse::<Place>).transpose().map_err(|()| Problem::bad_cursor())?;
        let found = of_number(context, number).await?;
        let later = found.into_iter().filter(|entry| place.is_none_or(|place| entry.place() < place));
        entries.extend(later.filter(|entry| filter.holds(entry)).filter_map(view));
        from = (entries.len() > limit).then(|| entries.get(limit - 1)).flatten().map(|(last, _)| last.to_string());
        entries.truncate(limit);
    } else {
        let (mut looks, most) = (LOOKS, limit.min(AT_ONCE));
        while looks > 0 {
            looks -= 1;
            let page = context.store.audit(&filter, from.as_deref(), most, now).await;
            let AuditPage { entries: found, next } = page.map_err(|error| Problem::store(&error))?;
            entries.extend(found.into_iter().filter_map(view));
            from = next;
            if from.is_none() || !entries.is_empty() {
                break;
            }
        }
        if caller.is_limited() {
            let filter = &filter;
            let seen = |from: String| async move {
                let page = context.store.audit(filter, Some(&from), most, now).await?;
                Ok((page.entries.into_iter().any(|entry| view(entry).is_some()), page.next))
            };
            from = next_in_view(from, looks, seen).await.map_err(|error| Problem::store(&error))?;
        }
    }
    let (places, entries): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
    let mut printed = api::printed(entries)?;
    // An entry is no larger than what the store takes for an item, so that one always fits.
    let fits = api::fitting(&printed, MOST_BYTES).max(1);
    if fits < printed.len() {
        printed.truncate(fits);
        from = places.get(fits - 1).map(Place::to_string);
    }
    api::json(StatusCode::OK, &Audit { entries: printed, next: Next(seal.sealed(from, now)?) })
}

fn filter<S, Q>(context: &Context<S, Q>, asked: &Parameters) -> Result<AuditFilter, Problem> {
    let time = |name: &'static str| asked.get(name).map(|text| moment(name, text)).transpose();
    let kept = earliest(context);
    let (since, until) = (time("since")?.unwrap_or(kept).max(kept), time("until")?.unwrap_or(Utc(i64::MAX)));
    let action = asked.get("action").map(action).transpose()?;
    Ok(AuditFilter { since, until, key: asked.get("key").map(ToOwned::to_owned), action })
}

fn action(text: &str) -> Result<Action, Problem> {
    let known = Action::ALL.map(Action::name);
    let found = Action::ALL.into_iter().find(|action| action.name() == text);
    found.ok_or_else(|| Problem::field("action", format!("must be one of {}", known.join(", "))))
}

/// The entries about whatever is known under a number, of one kind or of each: its own subjects, those that have it as an
/// alias, and the calls about them.
async fn of_number<S: Store, Q>(context: &Context<S, Q>, number: &str) -> Result<Vec<Entry>, Problem> {
    let (store, now) = (&context.store, context.now());
    let failed = |error| Problem::store(&error);
    let mut subjects = BTreeSet::new();
    let mut keys: BTreeSet<_> = meant(number).into_iter().collect();
    for step in 0..2 {
        let mut further = BTreeSet::new();
        for key in &keys {
            subjects.extend(context.config.connections.keys().map(|id| (id.clone(), key.clone())));
            for (connection, subject) in store.resolve(&Alias::from(key.as_str()), now).await.map_err(failed)? {
                // The calls of a shipment are known under its own key.
                if step == 0 && !is_subject(&subject) && !keys.contains(&subject) {
                    further.insert(subject.clone());
                }
                subjects.insert((connection, subject));
            }
        }
        keys = further;
    }
    audit_of_all(store, subjects.into_iter().collect(), now).await.map_err(failed)
}
