//! Messages about alerts: their texts in both languages, and the formats, signatures and answers of the receivers' documents.
//!
//! Pure: the time comes in as an argument, and the caller sends. Whether there is anything to tell is decided in `hub::alert`.
//! Texts of partners, such as order numbers, stand in messages as text: no mark-up, link or mention in them takes effect.

mod message;
mod receiver;
mod texts;

pub use message::{Message, Part};
pub use receiver::{Fault, Post, Receiver};
pub use texts::{Text, text};
