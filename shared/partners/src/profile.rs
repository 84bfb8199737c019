//! A partner as one value.
//!
//! Each partner's folder ends in a `PROFILE`, and [`crate::Partner::profile`] finds it. Whatever differs from partner to
//! partner is a field here; the steps in [`crate::operation`] and the other crates read it and know no partner by its name.
//! It is a value and not a trait: another one needs no further type.

use std::time::Duration;

use crate::answer::Verdict;
use crate::configured::{Answers, PushTable};
use crate::links::Linked;
use crate::operation::{Attempt, Fault, Judgement, Operation, Prepared, Settings, Token};
use crate::pulled::Common;
use crate::{Answer, Json};

/// Everything the hub knows of one partner.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// The name in URLs, event types and the configuration, in lower case.
    pub id: &'static str,
    /// Its other names, as [`crate::Partner::meant_by`] compares them: letters and digits, in lower case.
    pub names: &'static [&'static str],
    /// One sentence or two about its operations, for the readers of the API's document.
    pub about: &'static str,
    /// The time within which the partner must have our answer, as far as it says.
    pub deadline: Duration,
    /// The time the store may take before the partner is given its retryable negative: the deadline less what the
    /// network and the gateway need on the way out.
    pub budget: Duration,
    /// Its pushes; nothing where it documents none, and its connections have no keys then.
    pub pushes: Option<Pushes>,
    /// Its calls.
    pub calls: Calls,
    /// The keys of a connection that this partner has and not every partner.
    pub settings: &'static [Setting],
}

impl Profile {
    /// Whether a connection of this partner has the key.
    #[must_use]
    pub fn has(&self, setting: Setting) -> bool {
        self.settings.contains(&setting)
    }

    /// The members of its pushes that hold links to files; none where it pushes none.
    #[must_use]
    pub fn links(&self) -> &'static [Linked] {
        self.pushes.map(|pushes| pushes.links).unwrap_or_default()
    }
}

/// A key, or a pair of keys, that a connection of some partners has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// [`Settings::encodings`]: its document leaves encodings open.
    Encodings,
    /// [`Settings::fee_actions`]: its document lost the names of the fee push.
    FeeActions,
    /// [`Settings::answers`]: its document lost what the rows of its answers look like.
    Answers,
    /// [`Settings::token`] and [`Settings::signature`]: it does not publish how calls are authenticated.
    Recipes,
}

/// Answers to pushes in a partner's envelope.
#[derive(Clone, Copy, Debug)]
pub enum Envelope {
    /// Of a built-in partner: an answer by verdict and a text that says what is wrong and how to mend it. The text is cut already, and
    /// not for a positive answer.
    Code(fn(Verdict, &str) -> Answer),
    /// Of a configured one.
    Table(&'static Answers),
}

impl Envelope {
    /// The answer for a verdict, with that text.
    #[must_use]
    pub fn answer(self, verdict: Verdict, text: &str) -> Answer {
        match self {
            Self::Code(answer) => answer(verdict, text),
            Self::Table(answers) => answers.answer(verdict, text),
        }
    }
}

/// The rule by which pushes are told apart.
#[derive(Clone, Copy, Debug)]
pub enum Telling {
    /// Of a built-in partner: the webhook action of a push, by its function's name; nothing where it is none that is known.
    Code(fn(&Json<'_>, &Settings) -> Option<&'static str>),
    /// Of a configured one, whose table also says how its pushes are read.
    Table(&'static PushTable),
}

/// The pushes of a partner. The built-in ones post JSON and sign nothing: the key in the URL is the proof of the sender.
#[derive(Clone, Copy, Debug)]
pub struct Pushes {
    /// The answers to pushes in the partner's envelope.
    pub envelope: Envelope,
    /// The rule by which the URL that takes everything tells its pushes apart.
    pub action: Telling,
    /// The types of the events that its pushes become, in full.
    pub types: &'static [&'static str],
    /// Those of them that its document has for imports alone.
    pub imports: &'static [&'static str],
    /// The kinds of the subjects that its pushes are about.
    pub subjects: &'static [&'static str],
    /// The business keys that a push without a documented schema may have at its top level (inferred): kind and name.
    pub keys: &'static [(&'static str, &'static str)],
    /// The facts that its pushes and its answers tell in different shapes.
    pub common: &'static [Common],
    /// The members of its pushes that hold links to files.
    pub links: &'static [Linked],
}

/// The calls to a partner.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// The base URL of its production system, as it prints it.
    pub production: Option<&'static str>,
    /// The base URL of its test system, as it prints it.
    pub test: Option<&'static str>,
    /// The names of its credentials in the configuration.
    pub credentials: &'static [&'static str],
    /// Any other key of the connection is a credential: its public pages do not name them.
    pub any_credential: bool,
    /// The operations it offers, in tables by chapters of its document.
    pub operations: &'static [&'static [Operation<'static>]],
    /// The operation of a name that has no row of its own.
    pub family: Option<Family>,
    /// Puts the signature on a request that is otherwise complete; nothing where calls are not signed.
    pub seal: Option<Seal>,
    /// Its tokens; nothing where calls carry none.
    pub tokens: Option<Tokens>,
    /// Judges an answer by its own code; nothing where it has none.
    pub judge: fn(&Json<'_>) -> Option<Judgement>,
    /// Refusals may come as plain text that is no JSON, with a status of success.
    pub refuses_in_text: bool,
    /// A word in the text of each refusal that is about the connection's credentials, where no code tells.
    pub credentials_word: Option<&'static str>,
    /// Business keys of a call that stand at no path of [`Operation::keys`], before those that do not.
    pub keys: Option<Keys>,
    /// Business keys that an answer adds, where [`Operation::gives_serial`] says that it does.
    pub learned: Option<fn(&Json<'_>) -> Option<Key>>,
    /// The types of the events that only its answers become, in full.
    pub types: &'static [&'static str],
    /// Its list of the pushes that it could not deliver; nothing where it documents none.
    pub recovery: Option<Recovery>,
    /// How shipments that it tells about are asked for, and when its documents have them end.
    pub following: &'static [Following],
}

/// A partner's documented way of following a shipment: how it is asked for, and when no more news of it comes.
#[derive(Clone, Copy, Debug)]
pub struct Following {
    /// The operation that asks for it.
    pub ask: &'static str,
    /// The kind of business key that it is asked for by.
    pub key: &'static str,
    /// The spellings of one value of that key, the one that it is watched under first.
    pub spellings: fn(&str) -> Vec<String>,
    /// The body that asks for it.
    pub body: Question,
    /// The type of the event that news of it is, in full.
    pub news: &'static str,
    /// Whether the payload of the latest news says that it was the last.
    pub is_last: fn(&Json<'_>) -> bool,
    /// The type of an event that says that all has come, in full; empty where there is none.
    pub complete: &'static str,
    /// Milestones after which no news is expected, by their names.
    pub until: &'static [&'static str],
}

/// The body that asks for shipments.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// Of a built-in partner: for these keys, and of a batch for the page after so many rows; nothing where none of the keys is such
    /// as the operation takes.
    Code(fn(&[&str], u64) -> Option<String>),
    /// Of a configured one: this field with the key.
    Field(&'static str),
}

impl Question {
    /// The body for these keys, and of a batch for the page after so many rows; nothing where none of the keys can be asked for.
    #[must_use]
    pub fn of(self, keys: &[&str], before: u64) -> Option<String> {
        match self {
            Self::Code(body) => body(keys, before),
            Self::Field(name) => Some(serde_json::json!({ name: keys.first()? }).to_string()),
        }
    }
}

/// A partner's list of the pushes that it could not deliver, and how it is worked off: listed, then confirmed.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// The operation that lists them.
    pub query: &'static str,
    /// The operation that confirms those of some serials.
    pub confirm: &'static str,
    /// Its field for the serials.
    pub serials: &'static str,
    /// Its field for the time of the list: what failed after that is not confirmed.
    pub cutoff: &'static str,
    /// The type of the event that a row of the list becomes, in full.
    pub event_type: &'static str,
}

impl Calls {
    /// Calls without a signature, a token or anything else that is particular to a partner.
    pub(crate) const PLAIN: Self = Self {
        production: None,
        test: None,
        credentials: &[],
        any_credential: false,
        operations: &[],
        family: None,
        seal: None,
        tokens: None,
        judge: |_| None,
        refuses_in_text: false,
        credentials_word: None,
        keys: None,
        learned: None,
        types: &[],
        recovery: None,
        following: &[],
    };
}

/// A business key: its kind as events have it, and its value.
pub type Key = (&'static str, String);

/// Finds the business keys of a call's body.
pub type Keys = fn(&Operation<'_>, &Json<'_>) -> Vec<Key>;

/// Makes a row of a name.
pub type Family = for<'n> fn(&'n str) -> Option<Operation<'n>>;

/// Signs a request.
pub type Seal = fn(&Operation<'_>, Prepared, &Attempt<'_>) -> Result<Prepared, Fault>;

/// The tokens of a partner.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    /// Whether calls by these settings carry one.
    pub needed: fn(&Settings) -> bool,
    /// The request that asks for one; nothing where [`Tokens::needed`] says no.
    pub request: fn(&Attempt<'_>) -> Result<Option<Prepared>, Fault>,
    /// The token in the answer.
    pub read: fn(&Json<'_>, &Settings) -> Option<Token>,
    /// Whether a code of the partner's, or an HTTP status where there is no code, means that the token is no longer good.
    pub expired: fn(&Settings, &str) -> bool,
}
