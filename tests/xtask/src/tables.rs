//! The tables of `docs/partners.md`, from the actions, the partners' profiles and their operations.

use std::fmt::Write as _;

use hub::EventType;
use hub::action::{Action, Push, Reading};
use partners::operation::{self, Address, Effect, Operation, Settings};
use partners::{Json, Partner, Verdict, answer};

/// Every table, by the name in its markers.
pub(crate) fn all() -> [(&'static str, String); 4] {
    [("actions", actions()), ("answers", answers()), ("deadlines", deadlines()), ("operations", operations())]
}

/// A table of Markdown.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

pub(crate) fn code(text: impl std::fmt::Display) -> String {
    format!("`{text}`")
}

pub(crate) fn list(texts: impl IntoIterator<Item = String>, between: &str) -> String {
    texts.into_iter().collect::<Vec<_>>().join(between)
}

fn pushing() -> impl Iterator<Item = Partner> {
    Partner::ALL.into_iter().filter(|partner| partner.profile().pushes.is_some())
}

fn actions() -> String {
    let rows = callback::ACTIONS.into_iter().map(|action| {
        let partners = list(action.partners.iter().map(code), ", ");
        let about = action.about.to_owned();
        if action.suffix.is_empty() {
            return [partners, "(none)".to_owned(), about, "by its action".to_owned(), "by its action".to_owned()];
        }
        let subjects = list(action.subjects.iter().map(|kind| code(format_args!("{kind}:"))), " ");
        [partners, code(action.suffix), about, list(types(&action).iter().map(code), ", "), subjects]
    });
    table(["partner", "`<action>`", "content", "event type", "subject: the first key present"], rows)
}

/// The types of the events that its examples become, each once.
fn types(action: &Action) -> Vec<EventType> {
    let settings = Settings::default();
    let read = |partner, body: &[u8]| {
        let Ok(json) = Json::parse(body) else { return Vec::new() };
        match (action.read)(&Push { partner, body: &json, settings: &settings }) {
            Reading::Facts(facts) => facts.into_iter().map(|fact| fact.kind).collect(),
            Reading::Malformed(_) => Vec::new(),
        }
    };
    let Some(partner) = action.partners.first().copied() else { return Vec::new() };
    let mut types: Vec<_> = action.examples.iter().flat_map(|example| read(partner, example.body)).collect();
    types.dedup();
    types
}

fn answers() -> String {
    let rows = OUTCOMES.map(|(verdict, outcome, stored)| {
        let answers = pushing().map(|partner| {
            let answer = answer::answer(partner, verdict, "…");
            format!("{} `{}`", answer.status, answer.body)
        });
        [outcome.to_owned(), stored.to_owned(), list(answers, " | ")]
    });
    let partners = list(pushing().map(code), " | ");
    let text = table(["outcome", "stored", &partners], rows);
    // The partners are one column to `table`.
    text.replacen("|---|---|---|", &format!("|---|---|{}", "---|".repeat(pushing().count())), 1)
}

/// Verdicts, when each is reached, and whether the push is stored then.
const OUTCOMES: [(Verdict, &str, &str); 6] = [
    (Verdict::Accepted, "accepted, duplicate", "yes"),
    (Verdict::Malformed, "malformed", "yes"),
    (Verdict::Unauthorized, "wrong key, connection, path or address", "no"),
    (Verdict::NotPost, "not POST", "no"),
    (Verdict::TooLarge, "over 6 MB", "no"),
    (Verdict::Unavailable, "could not be stored: please repeat", "no, or in part"),
];

fn deadlines() -> String {
    let rows = pushing().map(|partner| {
        let (deadline, budget) = (partner.deadline(), partner.budget());
        [code(partner), format!("{deadline:?}"), format!("{budget:?}")]
    });
    table(["partner", "answered within", "time of the store"], rows)
}

fn operations() -> String {
    let row = |row: &Operation<'_>| {
        let effect = match row.effect {
            Effect::Query => "query",
            Effect::Command { repeatable: true } => "command, safe to repeat",
            Effect::Command { repeatable: false } => "command",
        };
        let deprecated = if row.deprecated.is_some() { " (deprecated)" } else { "" };
        let path = match row.address {
            Address::Fixed("") => "the base URL".to_owned(),
            Address::Fixed(path) => code(path),
            Address::Configured(name) => format!("`paths.{name}` of the connection"),
        };
        let brings = if row.brings.is_some() { "yes" } else { "" };
        let name = format!("`{}`{deprecated}", row.name);
        [code(row.partner), name, effect.to_owned(), brings.to_owned(), path, row.source.to_owned()]
    };
    table(["partner", "operation", "effect", "brings events", "path", "source"], operation::all().map(row))
}
