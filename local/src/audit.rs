//! `tongguan audit`.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use hub::audit::Action;
use hub::printable::Word;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::list::{self, Form, Span};
use crate::place::Place;
use crate::source::{Access, Asked};
use crate::times::Zone;

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// List only what touched this order, bill, declaration, container or other number, with its kind (order:S1, bl:...) or
    /// without
    number: Option<String>,
    /// List only what the API key of this id did, or `command-line`, `invocation` or `hub`
    #[arg(long)]
    key: Option<String>,
    /// List only actions of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(Action::ALL.map(Action::name)))]
    action: Option<String>,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    form: Form,
}

#[derive(Deserialize)]
struct Entry {
    at: String,
    key: String,
    action: String,
    #[serde(default)]
    request: Map<String, Value>,
    #[serde(default)]
    result: Option<Ended>,
    touched: Vec<Touched>,
}

#[derive(Deserialize)]
struct Ended {
    status: u16,
    #[serde(default)]
    problem: Option<String>,
    #[serde(default)]
    changed: Option<usize>,
}

#[derive(Deserialize)]
struct Touched {
    subject: String,
}

impl Entry {
    /// Time, key, action, result, what was asked for, and what it touched.
    fn line(&self, zone: Zone) -> String {
        let Self { at, key, action, request, result, touched } = self;
        let mut words = vec![zone.reprint(at), Word(key).to_string(), Word(action).to_string()];
        match result {
            None => words.push("unknown".to_owned()),
            Some(Ended { status, problem, changed }) => {
                words.push(status.to_string());
                words.extend(problem.as_ref().map(|problem| Word(problem).to_string()));
                words.extend(changed.map(|changed| format!("changed={changed}")));
            }
        }
        words.extend(request.iter().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            format!("{}={}", Word(name), Word(value))
        }));
        if let Some(first) = touched.first() {
            words.push(Word(&first.subject).to_string());
            words.extend((touched.len() > 1).then(|| format!("+{}", touched.len() - 1)));
        }
        words.join(" ")
    }
}

/// Lists the audit trail, latest first.
pub(crate) async fn run(place: &Place, audit: Audit) -> anyhow::Result<ExitCode> {
    let (source, zone) = (place.source(Access::Read).await?, place.times());
    let asked = Asked::get(&["audit"]).with("number", audit.number).with("key", audit.key).with("action", audit.action);
    let asked = audit.span.of(asked, zone);
    list::print(&source, asked, audit.form, |entry: &Entry| entry.line(zone), "the audit trail has no such entry")
        .await?;
    Ok(ExitCode::SUCCESS)
}
