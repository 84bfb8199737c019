//! The partners' APIs, played: [`Xhq`], [`Yanwen`], [`OneData`] and [`TrackingEyes`] are HTTP servers that hold their
//! callers to the rules of the partners' documents, remember everything, and behave as well or as badly as told.
//!
//! What all four have in common is [`Api`]: each of them is one, with its own rules and switches on top. The rules are
//! written from the documents once more and share nothing with the hub's own, so that a mistake in one of them shows.
//! What a document does not say is not checked, unless the caller would otherwise not be known at all.

mod behaviour;
mod body;
mod message;
mod onedata;
mod server;
mod tokens;
mod trackingeyes;
mod xhq;
mod yanwen;

use std::sync::Arc;

use hub::Utc;

pub use behaviour::{Behaviour, Fault};
pub use body::Part;
pub use message::Received;
pub use onedata::{OneData, OneDataRules, Signed};
pub use server::Api;
pub use trackingeyes::TrackingEyes;
pub use xhq::Xhq;
pub use yanwen::Yanwen;

/// What tells a partner the time: a function, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> Utc + Send + Sync>;

/// The operation under which a request for a token is recorded.
pub const TOKEN: &str = "token";
