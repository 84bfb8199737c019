//! Partners by configuration: what a built-in partner's folder says, as data.
//!
//! A [`Definition`] is read from the configuration and becomes a [`Partner`] once for each distinct content: the handle lives as long as
//! the process, so that a partner is `Copy` whichever it is. Nothing is found by what was made before: a configured partner is
//! known where a configuration names it.

mod answers;
mod body;
mod pointer;
mod push;
mod sample;
mod verify;

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub use answers::{Answers, Notation, Reply};
pub use body::{NotOfNotation, field, json};
pub use pointer::Pointer;
pub use push::{ALL_ACTIONS, ActionRow, Body, KeyAt, Milestones, PushExample, PushTable, RowIdentity, When};
pub use sample::SamplePush;
pub use verify::{Signed, SignedPart, Timestamp, Unsigned, Verify};

use crate::operation::{Operation, OperationTable};
use crate::profile::{Calls, Envelope, Following, Pushes, Question, Telling};
use crate::recipe::TokenRequest;
use crate::{Partner, Profile};

/// Deadline of a partner that pushes nothing.
const NO_DEADLINE: Duration = Duration::from_secs(10);

/// A partner as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its id.
    pub id: String,
    /// Its names, for people.
    pub names: Vec<String>,
    /// A sentence about it.
    pub about: String,
    /// Its document.
    pub source: String,
    /// The names of its credentials.
    pub credentials: Vec<String>,
    /// The base URL of its production system.
    pub production: Option<String>,
    /// The base URL of its test system.
    pub test: Option<String>,
    /// Time within which it must have the answer to a push.
    pub deadline: Duration,
    /// Time that the store may take.
    pub budget: Duration,
    /// Its pushes; nothing where it is only called.
    pub push: Option<PushTable>,
    /// The operations that it offers.
    pub operations: Vec<OperationTable>,
    /// How its tokens are asked for; nothing where calls carry none.
    pub token: Option<TokenRequest>,
}

impl Default for Definition {
    fn default() -> Self {
        Self {
            id: String::new(),
            names: Vec::new(),
            about: String::new(),
            source: String::new(),
            credentials: Vec::new(),
            production: None,
            test: None,
            deadline: NO_DEADLINE,
            budget: NO_DEADLINE / 2,
            push: None,
            operations: Vec::new(),
            token: None,
        }
    }
}

/// A handle on a configured partner.
#[derive(Clone, Copy)]
pub struct Configured(&'static Made);

/// A definition and the profile made of it.
struct Made {
    definition: &'static Definition,
    profile: Profile,
    /// Its operations, once they are asked for: each row has the handle in it.
    operations: OnceLock<Vec<Operation<'static>>>,
}

impl Configured {
    /// Its profile.
    pub(crate) const fn profile(self) -> &'static Profile {
        &self.0.profile
    }

    /// The rows of its operations.
    pub(crate) fn operations(self) -> &'static [Operation<'static>] {
        let row = |table: &OperationTable| table.row(Partner::Configured(self));
        self.0.operations.get_or_init(|| self.0.definition.operations.iter().map(row).collect())
    }

    /// The definition that it was made of.
    #[must_use]
    pub const fn definition(self) -> &'static Definition {
        self.0.definition
    }
}

/// Every handle of the process.
static MADE: Mutex<Vec<&'static Made>> = Mutex::new(Vec::new());

impl Partner {
    /// The partner of a definition. Its handle is kept for the life of the process, once for each distinct definition.
    #[must_use]
    pub fn configured(definition: Definition) -> Self {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.iter().find(|known| *known.definition == definition) {
            return Self::Configured(Configured(known));
        }
        let definition: &'static Definition = Box::leak(Box::new(definition));
        let new: &'static Made =
            Box::leak(Box::new(Made { profile: profile(definition), definition, operations: OnceLock::new() }));
        made.push(new);
        Self::Configured(Configured(new))
    }

    /// The handle of a configured one.
    #[must_use]
    pub const fn described(self) -> Option<Configured> {
        if let Self::Configured(own) = self { Some(own) } else { None }
    }

    /// The table of its pushes, where it is a configured one that pushes.
    #[must_use]
    pub fn push_table(self) -> Option<&'static PushTable> {
        match self.profile().pushes?.action {
            Telling::Table(table) => Some(table),
            Telling::Code(_) => None,
        }
    }
}

fn kept<T>(values: Vec<T>) -> &'static [T] {
    Vec::leak(values)
}

fn names(names: &'static [String]) -> &'static [&'static str] {
    kept(names.iter().map(String::as_str).collect())
}

/// The operations by which a shipment can be asked for: each brings one of its pushes, and asks for it by one key alone.
fn following(own: &'static Definition) -> Vec<Following> {
    let actions = own.push.as_ref().map(|push| &*push.actions).unwrap_or_default();
    let asks = own.operations.iter().filter_map(|table| {
        let key = table.asked_by()?;
        let brings = &table.brings.as_ref()?.action;
        let news = actions.iter().find(|row| row.name == *brings)?;
        Some(Following {
            ask: &table.name,
            key: &key.kind,
            spellings: |value| vec![value.to_owned()],
            body: Question::Field(&key.at),
            news: &news.event_type,
            is_last: |_| false,
            complete: "",
            until: &[],
        })
    });
    asks.collect()
}

fn profile(own: &'static Definition) -> Profile {
    let pushes = own.push.as_ref().map(|table| {
        let more = ["unknown", "malformed"].map(|end| &*String::leak(format!("{}.{end}", own.id)));
        let mut types: Vec<&'static str> = Vec::new();
        let mut subjects: Vec<&'static str> = Vec::new();
        for action in &table.actions {
            if !types.contains(&action.event_type.as_str()) {
                types.push(&action.event_type);
            }
            for key in &action.keys {
                if !subjects.contains(&key.kind.as_str()) {
                    subjects.push(&key.kind);
                }
            }
        }
        types.extend(more);
        Pushes {
            envelope: Envelope::Table(&table.answers),
            action: Telling::Table(table),
            types: kept(types),
            imports: &[],
            subjects: kept(subjects),
            keys: &[],
            common: &[],
            links: &[],
        }
    });
    Profile {
        id: &own.id,
        names: names(&own.names),
        about: &own.about,
        deadline: own.deadline,
        budget: own.budget,
        pushes,
        calls: Calls {
            production: own.production.as_deref(),
            test: own.test.as_deref(),
            credentials: names(&own.credentials),
            following: kept(following(own)),
            ..Calls::PLAIN
        },
        settings: &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_definitions_are_one_handle() {
        let definition = |about: &str| Definition { id: "acme".into(), about: about.into(), ..Definition::default() };
        let [one, same, other] = ["a", "a", "b"].map(|about| Partner::configured(definition(about)));
        let profile = |partner: Partner| std::ptr::from_ref(partner.profile());
        assert_eq!(profile(one), profile(same));
        assert_ne!(profile(one), profile(other));
        assert_eq!((one, one.id(), Partner::from_id("acme")), (other, "acme", None), "known by its id, found by none");
    }
}
