//! Lists of patterns: which connections, which event types. A slip in one delivers nothing and says nothing, so each is
//! held against what there is.

use hub::event_types;
use hub::routes::Pattern;
use hub::slip::nearest;
use partners::Partner;
use partners::operation;

use super::document::Ids;
use super::reader::Item;

pub(super) fn everything() -> Pattern {
    Pattern::new("*".to_owned())
}

/// Patterns of a list, at least one, with `*` at the end if anywhere.
fn patterns(item: &Item<'_>, mut fits: impl FnMut(&Item<'_>, &str) -> Option<()>) -> Option<Vec<Pattern>> {
    let mut seen = Vec::new();
    let patterns = item.each(|item| {
        let text = item.text()?;
        if text.is_empty() || text.strip_suffix('*').unwrap_or(text).contains('*') {
            return item.wrong("must be a name, or the beginning of one and *");
        }
        warn_of_duplicate(item, &mut seen, text);
        fits(item, text)?;
        Some(Pattern::new(text.to_owned()))
    })?;
    if patterns.is_empty() { item.wrong("must hold at least one: leave it out for all") } else { Some(patterns) }
}

/// Warns of a value that its list has already.
pub(super) fn warn_of_duplicate<T: PartialEq>(item: &Item<'_>, seen: &mut Vec<T>, value: T) {
    if seen.contains(&value) {
        item.warn("stands in the list already: remove it");
    }
    seen.push(value);
}

pub(super) fn connections(item: &Item<'_>, connections: &Ids) -> Option<Vec<Pattern>> {
    patterns(item, |item, text| {
        if let Some(prefix) = text.strip_suffix('*') {
            let mut known = connections.iter().peekable();
            if known.peek().is_some() && !known.any(|id| id.starts_with(prefix)) {
                item.warn("fits no connection that is configured");
            }
            return Some(());
        }
        if connections.contains(text) {
            return Some(());
        }
        match nearest(text, connections.iter()) {
            Some(meant) => item.wrong(format!("is no connection: did you mean {meant}?")),
            None => item.wrong("is no connection: name one that is configured, or end it with *"),
        }
    })
}

/// Patterns of event types. A partner may invent an action, so a type of a known partner is at most warned of; what can
/// never be a type is wrong.
pub(super) fn types(item: &Item<'_>) -> Option<Vec<Pattern>> {
    patterns(item, |item, text| {
        let fits = |known: &str| text.strip_suffix('*').map_or(text == known, |prefix| known.starts_with(prefix));
        let described = item.reading().described();
        if event_types::all().any(fits) || described.sound.iter().copied().flat_map(event_types::of).any(fits) {
            return Some(());
        }
        let (partner, action) = text.split_once('.').unwrap_or((text, ""));
        if item.reading().partner(partner).is_none() && described.may_be_mistaken(partner) {
            return Some(());
        }
        match item.reading().partner(partner) {
            Some(partner) if !action.is_empty() => {
                item.warn(unknown(partner, text));
                Some(())
            }
            Some(partner) => item.wrong(format!("matches no event: did you mean {partner}.*?")),
            None => item.wrong(impossible(partner, action, text)),
        }
    })
}

/// Patterns of what begins a watch: types of partners' events, and their commands as `<partner>.<operation>`.
pub(super) fn watched(item: &Item<'_>) -> Option<Vec<Pattern>> {
    patterns(item, |item, text| {
        let begin = text.strip_suffix('*').unwrap_or(text);
        let fits = |known: &str| if begin == text { known == text } else { known.starts_with(begin) };
        let commands = operation::all().map(|row| format!("{}.{}", row.partner, row.name));
        let is_own = event_types::own().any(fits) && !begin.is_empty();
        let described = item.reading().described();
        let is_described = || {
            let commands = described.sound.iter().flat_map(|partner| operation::of(*partner));
            let mut commands = commands.map(|row| format!("{}.{}", row.partner, row.name));
            described.sound.iter().copied().flat_map(event_types::of).any(fits) || commands.any(|name| fits(&name))
        };
        if !is_own && (event_types::all().any(fits) || commands.into_iter().any(|name| fits(&name)) || is_described()) {
            return Some(());
        }
        let name = text.split_once('.').map_or(text, |(partner, _)| partner);
        match item.reading().partner(name).filter(|_| text != name) {
            None if !is_own && described.may_be_mistaken(name) => Some(()),
            Some(partner) => {
                item.warn(unknown(partner, text));
                Some(())
            }
            None => item.wrong(if is_own {
                "is the hub's own event and no news of a shipment"
            } else {
                "matches no event and no command"
            }),
        }
    })
}

/// Warning about a type with a partner's prefix that the partner does not have.
fn unknown(partner: Partner, text: &str) -> String {
    let known: Vec<_> = event_types::of(partner).collect();
    let name = text.trim_end_matches('*');
    if known.is_empty() {
        return format!("matches no event: {partner} pushes nothing, and how calls to it end is call.*");
    }
    if let Some(meant) = nearest(name, known.iter().copied()) {
        return format!("is no event type that is known: did you mean {meant}?");
    }
    if operation::of(partner).any(|row| name == format!("{partner}.{}", row.name)) {
        return "is a call and no event: how calls end is call.succeeded, call.failed, call.ambiguous and call.cancelled".to_owned();
    }
    let begins = |known: &&&str| text.ends_with('*') && known.get(..name.len()).is_some_and(|head| nears(head, name));
    if let Some(meant) = known.iter().find(begins) {
        return format!("is the beginning of no event type that is known: did you mean that of {meant}?");
    }
    format!("is no event type that is known; those of {partner} are {}", known.join(", "))
}

fn nears(head: &str, name: &str) -> bool {
    head.eq_ignore_ascii_case(name) || nearest(name, [head]).is_some()
}

/// Warning about a type that no event has.
fn impossible(partner: &str, action: &str, text: &str) -> String {
    let partners = Partner::ALL.map(Partner::id);
    let meant = nearest(partner, partners).and_then(Partner::from_id).or_else(|| Partner::meant_by(partner));
    let whole = event_types::all().find(|known| known.split_once('.').is_some_and(|(_, own)| own == text));
    let suggestion = match meant {
        Some(partner) => {
            let full = format!("{partner}.{action}");
            let known = event_types::of(partner).find(|known| *known == full);
            Some(known.map_or_else(|| format!("{partner}.*"), str::to_owned))
        }
        None => whole.or_else(|| nearest(text, event_types::all())).map(str::to_owned),
    };
    suggestion.map_or_else(
        || {
            let (partners, own) = (partners.join(", "), event_types::own().collect::<Vec<_>>().join(", "));
            format!("matches no event: types are <partner>.<action>, of {partners}; and {own}")
        },
        |suggestion| format!("matches no event: did you mean {suggestion}?"),
    )
}
