//! Pushes of configured partners, read by the tables of their profiles.

mod unfound;

use partners::configured::{ALL_ACTIONS, ActionRow, KeyAt, Milestones, Pointer, PushTable, RowIdentity, When};
use partners::{Json, Partner};

use crate::action::{Action, Fact, Push, Reading, elements, object_of, undocumented};
use crate::identity::{self, Identity, Parts};
use crate::milestone::listed::{self, Listed};
use crate::milestone::{DatedMilestone, Milestone};
use crate::{EventType, Subject, Utc};

pub use unfound::{Unfound, unfound};

/// The action of configured partners, at the URL of that last segment.
#[must_use]
pub const fn action(suffix: &'static str) -> Action {
    Action {
        name: "partner",
        partners: &[],
        suffix,
        about: "pushes of the partners that the configuration describes",
        subjects: &[],
        examples: &[],
        read: read_by_content,
    }
}

/// Reads a push by what it says. One at an action's own URL is read before it comes here ([`crate::admission::read`]).
fn read_by_content(push: &Push<'_>) -> Reading {
    match push.partner.push_table() {
        Some(table) => read(table, push.partner, "", push.body),
        None => undocumented(push, format!("{}.unknown", push.partner)).alone(),
    }
}

/// Reads a push that came to the URL of that last segment; without one, or at the URL of all actions, by what it says.
#[must_use]
pub fn read(table: &PushTable, partner: Partner, suffix: &str, body: &Json<'_>) -> Reading {
    let row = if suffix.is_empty() || suffix == ALL_ACTIONS {
        table.actions.iter().find(|row| row.when.as_ref().is_none_or(|when| is_met(when, body)))
    } else {
        // The path implies the action of a push that does not say another.
        table.own(suffix).find(|row| row.when.as_ref().is_none_or(|when| fits(when, body) != Some(false)))
    };
    let is_empty = body.elements().is_some_and(<[_]>::is_empty);
    let is_of_elements = |row: &&ActionRow| row.each.as_ref().is_some_and(Pointer::is_everything);
    // An array without an element says nothing that an action could be told by.
    row.filter(|row| !is_empty || !is_of_elements(row))
        .map_or_else(|| unknown(table, partner, body), |row| events(row, body))
}

/// Reads the JSON of a push of that action, wherever it came from.
#[must_use]
pub fn events(row: &ActionRow, body: &Json<'_>) -> Reading {
    match &row.each {
        None => object_of(body, |body| fact(row, body, body).alone()),
        Some(each) if each.as_str().is_empty() => elements(body, |element| fact(row, body, element)),
        Some(each) => object_of(body, |body| {
            let array = each.place(body);
            match array.and_then(Json::elements) {
                // One alone may stand without an array, as it does in XML.
                None if array.is_some_and(Json::is_object) => {
                    let only = array.unwrap_or(body);
                    Fact { span: body.span(), ..fact(row, body, only) }.alone()
                }
                None | Some([]) => fact(row, body, body).alone(),
                Some([only]) => Fact { span: body.span(), ..fact(row, body, only) }.alone(),
                Some(several) => {
                    let array = array.map(Json::span);
                    let part = |element| Fact { element: true, array: array.clone(), ..fact(row, body, element) };
                    Reading::Facts(several.iter().map(part).collect())
                }
            }
        }),
    }
}

/// Whether a condition is met.
#[must_use]
pub fn is_met(when: &When, body: &Json<'_>) -> bool {
    fits(when, body) == Some(true)
}

/// Whether a condition is met; nothing where its place has no value.
fn fits(when: &When, body: &Json<'_>) -> Option<bool> {
    let mut fits = None;
    when.at.values(body, &mut |value| {
        let fit = when.is.is_empty() || when.is.iter().any(|is| is == value);
        fits = Some(fits.unwrap_or(false) || fit);
    });
    if when.is.is_empty() {
        // Whatever stands there may be an array or an object.
        when.at.visit(body, &mut |found| {
            fits = fits.or((found.is_object() || found.elements().is_some()).then_some(true));
        });
    }
    fits
}

/// A push that is no action of the table, under the keys of its actions.
fn unknown(table: &PushTable, partner: Partner, body: &Json<'_>) -> Reading {
    let mut keys = Keys::default();
    for row in &table.actions {
        keys.add(&row.keys, body, body);
    }
    keys.fact(EventType::from(format!("{partner}.unknown")), body).alone()
}

fn fact(row: &ActionRow, whole: &Json<'_>, element: &Json<'_>) -> Fact {
    let mut keys = Keys::default();
    keys.add(&row.keys, whole, element);
    let has_keys = !keys.0.is_empty();
    let mut fact = keys.fact(EventType::from(row.event_type.as_str()), element);
    let mut latest: Option<Utc> = None;
    for at in &row.occurred {
        at.values(base(at, whole, element), &mut |text| latest = latest.max(time(text)));
    }
    fact.occurred = latest;
    match &row.identity {
        RowIdentity::Message => fact.identity = Identity::Message,
        RowIdentity::Content { without } => {
            let mut places = Vec::new();
            for at in without {
                at.spans(base(at, whole, element), &mut places);
            }
            fact.without = places.into_iter().map(|place| place.start).collect();
            fact.without.sort_unstable();
            if !has_keys && !fact.without.is_empty() {
                let parts = Parts { without: &fact.without, only: None };
                fact.subject = Subject::new("push", &identity::digest_of_parts(element, &parts));
            }
        }
    }
    if let Some(milestones) = &row.milestones {
        (fact.milestone, fact.dated) = reached(milestones, whole, element);
    }
    fact
}

fn base<'j, 'a>(at: &Pointer, whole: &'j Json<'a>, element: &'j Json<'a>) -> &'j Json<'a> {
    if at.is_of_whole() { whole } else { element }
}

/// Business keys in the order of a table: kind and value.
#[derive(Default)]
struct Keys<'t>(Vec<(&'t str, String)>);

impl<'t> Keys<'t> {
    fn add(&mut self, keys: &'t [KeyAt], whole: &Json<'_>, element: &Json<'_>) {
        for KeyAt { kind, at, unless_has } in keys {
            at.values(base(at, whole, element), &mut |value| {
                if !unless_has.as_ref().is_some_and(|text| value.contains(text)) {
                    self.0.push((kind, value.to_owned()));
                }
            });
        }
    }

    fn fact(&self, kind: EventType, payload: &Json<'_>) -> Fact {
        Fact::new(kind, payload, self.0.iter().map(|(kind, value)| (*kind, Some(value.as_str()))))
    }
}

/// The time of a text, which may be seconds or milliseconds since 1970.
fn time(text: &str) -> Option<Utc> {
    let digits = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    match text.len() {
        10 => digits().map(|seconds| Utc(seconds.saturating_mul(1_000_000))).or_else(|| Utc::parse(text)),
        13 => digits().map(|millis| Utc(millis.saturating_mul(1_000))),
        _ => Utc::parse(text),
    }
}

/// A row of a snapshot: part, milestone, time.
type Row = (Option<String>, Milestone, Option<String>);

fn reached(table: &Milestones, whole: &Json<'_>, element: &Json<'_>) -> (Option<Milestone>, Vec<DatedMilestone>) {
    let mut rows: Vec<Row> = Vec::new();
    let mut take = |row: &Json<'_>| {
        let Some(code) = table.at.value(base(&table.at, whole, row)) else { return };
        let of = table.of.iter().find(|(known, _)| *known == code);
        let Some(milestone) = of.and_then(|(_, name)| Milestone::named(name)) else { return };
        let text = |at: &Option<Pointer>| at.as_ref().and_then(|at| at.value(base(at, whole, row)));
        rows.push((text(&table.per), milestone, text(&table.time).map(comparable)));
    };
    match &table.each {
        Some(each) => each.visit(base(each, whole, element), &mut |found| match found.elements() {
            Some(elements) => elements.iter().for_each(&mut take),
            None => take(found),
        }),
        None => take(element),
    }
    let all = || {
        rows.iter().map(|(part, milestone, time)| Listed {
            part: part.as_deref(),
            milestone: *milestone,
            time: time.as_deref(),
        })
    };
    let dated = if table.each.is_some() && table.time.is_some() { listed::dated(all()) } else { Vec::new() };
    (listed::reached(all()), dated)
}

/// A time in a form whose order as text is that of the times.
fn comparable(text: String) -> String {
    time(&text).map_or(text, |time| time.to_string())
}
