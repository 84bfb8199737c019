//! Data that a partner's answer brings, in terms of the pushes that would bring it as well.
//!
//! An answer's data is found here ([`Brings`]) and read by the webhook of its push, so that its event has the same type, keys
//! and milestone. Where the two shapes differ, [`Common`] says what both tell, by which one is recognised in the other.

use serde::{Deserialize, Serialize};

use crate::Json;
use crate::json::Kind;
use crate::operation::Settings;

/// A successful answer, with the request that it answers.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The ERP's body.
    pub asked: &'a Json<'a>,
    /// The partner's body.
    pub answer: &'a Json<'a>,
    /// Settings of the connection that complement the partner's documents.
    pub settings: &'a Settings,
}

/// Finds the data in an answer that a push would bring as well. It must not fail on anything that JSON can say, and leaves
/// out only what says nothing.
pub type Brings = fn(&Answered<'_>) -> Vec<Finding>;

/// Data in an answer, as the push that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The body of that push: the part of the answer as it came, in the members that the push has around it.
    pub body: String,
    /// It is a state of now, and neither it nor the answer says since when.
    pub is_state: bool,
    /// The rows of a batch that it is.
    pub page: Option<Page>,
    /// The action of a configured partner that it is, by its name; one of a built-in partner is told by its shape.
    pub action: Option<&'static str>,
}

impl Finding {
    /// A push of that body.
    pub(crate) fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), is_state: false, page: None, action: None }
    }
}

/// A page of a batch whose answer says how many rows there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The partner's name for the batch's number, and the number.
    pub batch: (&'static str, String),
    /// The type of the event that says that all rows of the batch are there, in full.
    pub completes: &'static str,
    /// Its rows.
    pub rows: Rows,
}

/// Consecutive rows of a batch. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Number of rows before them.
    pub before: u64,
    /// Number of these rows.
    pub count: u64,
    /// Number of rows of the batch, when it was asked for them.
    pub total: u64,
}

impl Rows {
    /// Number of rows up to the last of these.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.before.saturating_add(self.count)
    }

    /// Whether they are all there are.
    #[must_use]
    pub const fn are_all(&self) -> bool {
        self.before == 0 && self.count == self.total
    }
}

/// Facts that pushes and answers have in common, of one type of event.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// The type, in full.
    pub event_type: &'static str,
    /// The facts of a payload, each as JSON that is the same in a push and in an answer. None where it is of another shape.
    pub facts: fn(&Json<'_>) -> Vec<String>,
    /// A push is held against an answer that came before it: its deadline leaves the time to read that.
    pub push_looks: bool,
}

/// Whether a value says nothing: `null`, or a text, array or object with nothing in it.
pub(crate) fn is_empty(json: &Json<'_>) -> bool {
    match json.kind() {
        Kind::Null => true,
        Kind::String(text) => text.trim().is_empty(),
        Kind::Array(elements) => elements.is_empty(),
        Kind::Object(members) => members.is_empty(),
        Kind::Bool(_) | Kind::Number(_) => false,
    }
}

/// An object of these members: names and JSON texts.
pub(crate) fn object<'t>(members: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
    let named = |(name, text)| format!("{}:{text}", serde_json::Value::from(name));
    let members: Vec<String> = members.into_iter().map(named).collect();
    format!("{{{}}}", members.join(","))
}

/// The members of an object, by name and text.
pub(crate) fn members<'a>(json: &'a Json<'_>) -> Vec<(&'a str, &'a str)> {
    match json.kind() {
        Kind::Object(members) => members.iter().map(|(name, value)| (name.as_ref(), value.text())).collect(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Array(_) => Vec::new(),
    }
}
