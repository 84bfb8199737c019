//! Payloads of bodies that are no JSON documents, as configured partners send them.
//!
//! [`Data`](super::Data) has such a body as [`Opaque`](super::Data::Opaque), by which a version that does not know this one delivers its
//! bytes.

use std::ops::Range;

use partners::configured;
use serde::{Deserialize, Serialize};

/// Payload of a body. Stored as JSON: variants and fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// The body is text, such as XML, and its own payload.
    Text,
    /// The text, such as XML, in a field of a form.
    FormText {
        /// Name of the field.
        field: String,
    },
    /// The JSON document in a field of a form.
    Form {
        /// Name of the field.
        field: String,
        /// The element that the event is, of an array with several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only: Option<Only>,
    },
}

/// One element of an array in a document, by their places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Only {
    /// The array.
    pub array: Range<usize>,
    /// The element.
    pub element: Range<usize>,
}

impl Within {
    /// The payload, where it is another than the body.
    pub(crate) fn of(&self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Text => None,
            Self::FormText { field } => configured::field(body, field).map(String::into_bytes),
            Self::Form { field, only } => {
                let text = configured::field(body, field)?.into_bytes();
                match only {
                    Some(only) => only.alone(&text),
                    None => Some(text),
                }
            }
        }
    }
}

impl Only {
    /// The document with an array of that element alone.
    pub(crate) fn alone(&self, text: &[u8]) -> Option<Vec<u8>> {
        let (before, behind) = (text.get(..self.array.start)?, text.get(self.array.end..)?);
        Some([before, b"[", text.get(self.element.clone())?, b"]", behind].concat())
    }
}
