//! The event that a fact becomes, by the notation of the body that it is read from.

use bytes::Bytes;
use partners::Json;
use partners::configured::Body;

use super::Draft;
use crate::ConnectionId;
use crate::action::Fact;
use crate::event::{Data, Only, Within};
use crate::identity::{self, Parts};

/// A body, and what it is read as.
pub(super) struct Source<'a> {
    pub(super) connection: &'a ConnectionId,
    pub(super) body: &'a Bytes,
    pub(super) notation: &'a Body,
}

impl Source<'_> {
    /// Its notation, for a sender.
    pub(super) const fn what(&self) -> &'static str {
        match self.notation {
            Body::Json => "JSON",
            Body::Xml => "XML",
            Body::Form(_) | Body::FormXml(_) => "form",
        }
    }

    /// Number of bytes that the events of these facts would keep besides their own parts.
    pub(super) fn bytes(&self, facts: &[Fact]) -> usize {
        let kept = |fact: &Fact| match (self.notation, &fact.array) {
            (Body::Json, None) => 0,
            (Body::Json, Some(array)) => self.body.len().saturating_sub(array.len()),
            (Body::Xml | Body::Form(_) | Body::FormXml(_), _) => self.body.len(),
        };
        if facts.len() > 1 { facts.iter().map(kept).sum() } else { 0 }
    }

    /// The draft of a fact in the JSON that the body is read as.
    pub(super) fn draft(&self, json: &Json<'_>, fact: Fact) -> Draft {
        let content = self.content(json, &fact);
        let (data, within, body) = match self.notation {
            Body::Xml => (Data::Opaque, Some(Within::Text), self.body.clone()),
            Body::FormXml(field) => (Data::Opaque, Some(Within::FormText { field: field.clone() }), self.body.clone()),
            Body::Form(field) => {
                // A form's document may have blanks around it, so that places are those of its text.
                let only = fact.element.then(|| only(json, &fact));
                (Data::Opaque, Some(Within::Form { field: field.clone(), only }), self.body.clone())
            }
            Body::Json if fact.array.is_some() => {
                let body = only(json, &fact).alone(self.body).unwrap_or_else(|| self.body.to_vec());
                (Data::Json(0..body.len()), None, body.into())
            }
            Body::Json if fact.element => (Data::Element, None, self.body.slice(fact.span)),
            Body::Json => (Data::Json(json.span()), None, self.body.clone()),
        };
        Draft {
            kind: fact.kind,
            subject: fact.subject,
            identity: fact.identity,
            content,
            aliases: fact.aliases,
            keys_left_out: u32::try_from(fact.left_out.len()).unwrap_or(u32::MAX),
            milestone: fact.milestone,
            occurred: fact.occurred,
            dated: fact.dated,
            data,
            within,
            malformed: None,
            pulled: None,
            encoding: None,
            body,
        }
    }

    /// Digest by which the fact's repetitions are recognised. One element alone is the same event as that element among others.
    fn content(&self, json: &Json<'_>, fact: &Fact) -> identity::Content {
        let payload = match json.elements() {
            Some([only]) => only,
            elements => {
                let elements = elements.unwrap_or_default();
                let place = elements.binary_search_by_key(&fact.span.start, |element| element.span().start);
                place.ok().and_then(|place| elements.get(place)).filter(|_| fact.element).unwrap_or(json)
            }
        };
        let only = fact.array.as_ref().map(|array| (array.start, fact.span.start));
        identity::content_of(self.connection, &fact.kind, payload, &Parts { without: &fact.without, only })
    }
}

/// The element that a fact is, in its array: the document itself where no array is named.
fn only(json: &Json<'_>, fact: &Fact) -> Only {
    Only { array: fact.array.clone().unwrap_or_else(|| json.span()), element: fact.span.clone() }
}
