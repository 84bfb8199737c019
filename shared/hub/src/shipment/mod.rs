//! A shipment (一票货): everything that belongs to one business key, over all connections. It is found, not stored: these are
//! the rules by which keys lead to each other, events are put in order, and milestones are read.
//!
//! Nothing is looked up here: the caller asks the store and hands in the results.

mod direction;
mod key;
mod ladder;
mod place;
mod resolution;

pub use direction::{Direction, direction};
pub use key::{KINDS, Strength, covers, meant, strength};
pub use ladder::{Milestones, Rung, Sign, ladder, milestones};
pub use place::{Place, moment};
pub use resolution::{MOST_KEYS, MOST_RELATED, Resolution};
