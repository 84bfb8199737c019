//! One span, as a collector gets it.

use std::borrow::Cow;

use super::{Place, SpanId, TraceId};
use crate::Utc;

/// Role of a span between two parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Work of the hub alone.
    Internal,
    /// A request to the hub.
    Server,
    /// A request of the hub to another.
    Client,
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A text. Never a key, a secret, a credential or something of a payload.
    Text(Cow<'static, str>),
    /// An integer.
    Integer(i64),
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// The span that it is part of.
    pub parent: Option<SpanId>,
    /// A span elsewhere that it has to do with.
    pub link: Option<Place>,
    /// Its name, of which there are few.
    pub name: Cow<'static, str>,
    /// Its role.
    pub kind: Kind,
    /// When it began.
    pub began: Utc,
    /// When it ended.
    pub ended: Utc,
    /// Its attributes.
    pub attributes: Vec<(&'static str, Field)>,
    /// Why it failed, where it did.
    pub failure: Option<Cow<'static, str>>,
}

impl Span {
    /// A span at its place in a trace, from when it began until it ended.
    #[must_use]
    pub fn new(place: &Place, kind: Kind, name: impl Into<Cow<'static, str>>, (began, ended): (Utc, Utc)) -> Self {
        let (trace, id, name, attributes) = (place.trace, place.span, name.into(), Vec::new());
        Self { trace, id, parent: None, link: None, name, kind, began, ended, attributes, failure: None }
    }

    /// The span as a part of another.
    #[must_use]
    pub fn within(self, parent: Option<SpanId>) -> Self {
        Self { parent, ..self }
    }

    /// The span with a link to one elsewhere.
    #[must_use]
    pub fn linked(self, link: Option<Place>) -> Self {
        Self { link, ..self }
    }

    /// The span with an attribute more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// The span with an attribute more, where there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Field>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The span as one that failed, where there is a reason.
    #[must_use]
    pub fn failed(self, why: Option<impl Into<Cow<'static, str>>>) -> Self {
        Self { failure: why.map(Into::into), ..self }
    }
}

impl From<&'static str> for Field {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u16> for Field {
    fn from(number: u16) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for Field {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<usize> for Field {
    fn from(number: usize) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
