//! The parts of an operation that a file tells beyond its row: how a request is put together, and how its answer is read.

use serde::Deserialize;

use super::{Template, TextPlace};
use crate::Json;
use crate::operation::Judgement;
use crate::pulled::{Answered, Finding, is_empty, object};
use crate::recipe::Signature;

/// The parts of an operation that a row refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// See [`super::OperationTable::wrap`].
    pub wrap: Option<String>,
    /// See [`super::OperationTable::template`].
    pub template: Option<Template>,
    /// See [`super::OperationTable::content_type`].
    pub content_type: Option<String>,
    /// Fixed texts and their places.
    pub texts: Vec<(TextPlace, String)>,
    /// Name of the part or field that holds its file.
    pub file: Option<String>,
    /// Signature of its requests.
    pub signature: Option<Signature>,
    /// How its answers are read.
    pub success: Success,
    /// The push that its answer stands for.
    pub brings: Option<Bringing>,
    /// An answer, for the simulation: status and body.
    pub answer: Option<(u16, String)>,
}

/// How an answer says that the partner did it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Success {
    /// Place of a value in the answer, which is JSON or XML.
    pub at: Option<String>,
    /// The values there that say yes.
    #[serde(default)]
    pub is: Vec<String>,
    /// The HTTP statuses that say yes, where there is no such place.
    #[serde(default)]
    pub http: Vec<u16>,
    /// Place of the partner's code of a refusal; the value at [`Success::at`] where it is left out.
    pub code: Option<String>,
    /// Place of the partner's text of a refusal.
    pub text: Option<String>,
    /// Codes of refusals that are for now: asking again later may help.
    #[serde(default)]
    pub busy: Vec<String>,
}

/// The push that a successful answer stands for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bringing {
    /// The action of that push.
    pub action: String,
    /// Place of the data in the answer; the whole answer where it is left out.
    #[serde(default)]
    pub at: String,
    /// The member that the push has around it.
    #[serde(rename = "in")]
    pub within: Option<String>,
    /// It is a state of now: equal to the latest event of its subject and type it is the same event.
    #[serde(default)]
    pub state: bool,
}

impl Success {
    /// Judges an answer that is JSON, or XML as JSON. Nothing where it has neither a value at the place nor a code, or no place is
    /// given: the HTTP status decides then.
    pub(crate) fn judge(&self, answer: &Json<'_>) -> Option<Judgement> {
        let value = |place: &Option<String>| place.as_deref().and_then(|place| value(answer, place));
        let told = value(&self.at);
        let (code, text) = (value(&self.code), value(&self.text));
        if self.at.is_some() && told.as_ref().is_some_and(|told| self.is.iter().any(|yes| yes == told)) {
            return Some(Judgement::Success);
        }
        let code = code.or_else(|| told.filter(|_| self.code.is_none()));
        // A refusal is told by the place or by a code; an answer with neither may be a page of a proxy.
        let code = match (code, self.at.is_some()) {
            (Some(code), _) => code,
            (None, true) if text.is_some() => String::new(),
            (None, _) => return None,
        };
        let text = text.unwrap_or_default();
        Some(if self.busy.contains(&code) { Judgement::Busy { code, text } } else { Judgement::Refused { code, text } })
    }

    /// Whether the HTTP status says yes, where the answer itself has no say.
    pub(crate) fn says_yes(&self, status: u16) -> bool {
        self.http.contains(&status)
    }

    /// The text of a refusal that the HTTP status says.
    pub(crate) fn text(&self, answer: &Json<'_>) -> Option<String> {
        self.text.as_deref().and_then(|place| value(answer, place))
    }
}

/// The text at a place of an answer.
pub(super) fn value(answer: &Json<'_>, place: &str) -> Option<String> {
    let found = if place.is_empty() { Some(answer) } else { answer.pointer(place) };
    // An element of XML that has attributes too keeps its text beside them.
    let found = found.map(|found| found.get("#text").unwrap_or(found));
    found?.value().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Bringing {
    /// The body of the push that the answer stands for; none where the place leads nowhere or says nothing.
    pub(crate) fn find(&'static self, answered: &Answered<'_>) -> Vec<Finding> {
        let answer = answered.answer;
        let found = if self.at.is_empty() { Some(answer) } else { answer.pointer(&self.at) };
        let Some(found) = found.filter(|found| !is_empty(found)) else { return Vec::new() };
        let body = match &self.within {
            Some(name) => object([(name.as_str(), found.text())]),
            None => found.text().to_owned(),
        };
        vec![Finding { is_state: self.state, action: Some(&self.action), ..Finding::new(body) }]
    }
}
