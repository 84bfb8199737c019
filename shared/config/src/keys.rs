//! Keys of the configuration: the one list that the reader goes by and that the tables in the documents are made of.
//!
//! The reader knows no key that is not listed, and takes the bounds of numbers and durations from here. A key that is
//! listed and never read is refused as unknown. The names of credentials are the partners' own: their profiles list them.

mod list;

use std::ops::RangeInclusive;
use std::time::Duration;

use partners::Partner;

use super::values::print;

pub use list::KEYS;
pub(super) use list::of_connections;

/// A key of a table of the configuration.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name. [`Kind::Credentials`] stands for several keys and has none of its own.
    pub name: &'static str,
    /// The value that counts where it is left out.
    pub absent: Absent,
    /// The form of its value.
    pub kind: Kind,
    /// The names that a partner gives it, an empty list for most keys; nothing where connections of the partner do not have
    /// the key.
    pub partners: fn(Partner) -> Option<Vec<&'static str>>,
    /// Whether its value is a secret, or a list of such, which is never shown. Credentials are without saying so.
    pub is_secret: bool,
    /// Its meaning, in Markdown. `{partners}` stands for the names of all partners.
    pub text: Text,
}

/// A text in both languages of the documents.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// In English.
    pub english: &'static str,
    /// In Chinese.
    pub chinese: &'static str,
}

/// The value of a key that is left out.
#[derive(Clone, Copy, Debug)]
pub enum Absent {
    /// There is none: leaving it out is a mistake.
    Required,
    /// This one, as it would stand in the document.
    Value(&'static str),
    /// None, or one that other keys decide.
    Other(Text),
}

/// The form of a value.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The key's text says it.
    Plain,
    /// An integer within these bounds.
    Integer(RangeInclusive<u32>),
    /// A duration within these bounds, or a list of such.
    Duration(RangeInclusive<Duration>),
    /// A table of these keys.
    Table(&'static [Key]),
    /// Any number of tables of these keys.
    Tables(&'static [Key]),
    /// A table of names that are not listed, such as operations, each with a value of this form.
    Each(&'static Kind),
    /// The credentials of a connection, each a key of its own.
    Credentials,
}

impl Kind {
    /// The least and the greatest value, as the document has them.
    #[must_use]
    pub fn bounds(&self) -> Option<RangeInclusive<String>> {
        match self {
            Self::Integer(within) => Some(within.start().to_string()..=within.end().to_string()),
            Self::Duration(within) => Some(print(*within.start())..=print(*within.end())),
            Self::Plain | Self::Table(_) | Self::Tables(_) | Self::Each(_) | Self::Credentials => None,
        }
    }

    /// The keys of the tables that the value is.
    #[must_use]
    pub const fn keys(&self) -> &'static [Key] {
        match self {
            Self::Table(keys) | Self::Tables(keys) => keys,
            Self::Each(kind) => kind.keys(),
            Self::Plain | Self::Integer(_) | Self::Duration(_) | Self::Credentials => &[],
        }
    }
}
