//! Pushes of a configured partner, as a table.

use std::time::Duration;

use super::{Answers, Pointer, Verify};

/// How a partner pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTable {
    /// Notation of the bodies.
    pub body: Body,
    /// Pauses before the partner's own repetitions.
    pub repeats: Vec<Duration>,
    /// Check of the signature, besides the key in the URL.
    pub verify: Option<Verify>,
    /// The answers.
    pub answers: Answers,
    /// The actions, in the order in which they are tried.
    pub actions: Vec<ActionRow>,
}

/// Notation of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A JSON document.
    Json,
    /// An XML document.
    Xml,
    /// A form, one of whose fields holds a JSON document.
    Form(String),
    /// A form, one of whose fields holds an XML document.
    FormXml(String),
}

impl Body {
    /// The field of a form that holds the document.
    #[must_use]
    pub fn field(&self) -> Option<&String> {
        match self {
            Self::Form(name) | Self::FormXml(name) => Some(name),
            Self::Json | Self::Xml => None,
        }
    }
}

/// One action: what a push is, and where its parts stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRow {
    /// Its name, the end of the event's type.
    pub name: String,
    /// The event's type, in full.
    pub event_type: String,
    /// Its name for people.
    pub about: String,
    /// The last segment of its own URL; none where its pushes come to the URL of all actions alone.
    pub suffix: Option<String>,
    /// Condition by which it is told at the URL of all actions.
    pub when: Option<When>,
    /// The array each of whose elements is an event.
    pub each: Option<Pointer>,
    /// Business keys: the first that has a value is the subject.
    pub keys: Vec<KeyAt>,
    /// Times of the partner's, the latest of which counts.
    pub occurred: Vec<Pointer>,
    /// Rule by which repetitions are recognised.
    pub identity: RowIdentity,
    /// Milestones by codes.
    pub milestones: Option<Milestones>,
    /// Examples, one at least.
    pub examples: Vec<PushExample>,
}

/// A condition: one of these values, or any where the list is empty, stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Place of the value.
    pub at: Pointer,
    /// The values that fit.
    pub is: Vec<String>,
}

/// Place of a business key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAt {
    /// Kind of the key.
    pub kind: String,
    /// Place of its values.
    pub at: Pointer,
    /// A text that makes a value with it no key, such as the `*` of a masked number.
    pub unless_has: Option<String>,
}

/// Rule by which repetitions are recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowIdentity {
    /// Equal content but for the values at these places.
    Content {
        /// Places of values that do not count.
        without: Vec<Pointer>,
    },
    /// Equal to the latest event of its subject and type within the connection's repeat window.
    Message,
}

/// Milestones by codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestones {
    /// The array of rows that each have a code; without one the push, or its element, has one.
    pub each: Option<Pointer>,
    /// Place of the code, in a row.
    pub at: Pointer,
    /// Place of the time at which a row's milestone was reached.
    pub time: Option<Pointer>,
    /// Place of what a row is about where a push is about several, such as a declaration: the milestone is one that all are at.
    pub per: Option<Pointer>,
    /// Names of milestones by codes.
    pub of: Vec<(String, String)>,
}

/// An example of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushExample {
    /// Its name.
    pub name: String,
    /// The body as it is sent: of a form, the value of its field.
    pub body: String,
}

/// The last segment of the URL that takes all pushes of a configured partner.
pub const ALL_ACTIONS: &str = "push";

impl PushTable {
    /// Every example, with its action.
    pub fn examples(&self) -> impl Iterator<Item = (&ActionRow, &PushExample)> {
        self.actions.iter().flat_map(|row| row.examples.iter().map(move |example| (row, example)))
    }

    /// The actions with an URL of their own of that last segment.
    pub fn own<'t>(&'t self, suffix: &'t str) -> impl Iterator<Item = &'t ActionRow> {
        self.actions.iter().filter(move |action| action.suffix.as_deref() == Some(suffix))
    }

    /// The segment as the table has it, which lives as long as the process.
    #[must_use]
    pub fn suffix(&'static self, suffix: &str) -> Option<&'static str> {
        if suffix == ALL_ACTIONS {
            return Some(ALL_ACTIONS);
        }
        self.actions.iter().find_map(|action| action.suffix.as_deref().filter(|own| *own == suffix))
    }
}
