//! A text with places in it: a partner's XML, filled with what the ERP gives.

use std::borrow::Cow;

use super::super::{Attempt, Fault, credential};
use crate::Json;

/// A text, cut at its places. `{name}` is a member of the ERP's body, `{credential.name}` a credential of the connection; a brace
/// that is meant is written twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
    Credential(String),
}

impl Template {
    /// The template of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text.trim());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            let twice = ["{{", "}}"].into_iter().find(|twice| brace.starts_with(twice));
            let named = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            rest = match (twice, named) {
                (Some(twice), _) => {
                    plain.push_str(twice.get(1..).unwrap_or_default());
                    brace.get(2..).unwrap_or_default()
                }
                (None, Some((name, rest))) if is_name(name) => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(match name.strip_prefix("credential.") {
                        Some(name) => Part::Credential(name.to_owned()),
                        None => Part::Field(name.to_owned()),
                    });
                    rest
                }
                (None, _) => {
                    plain.push_str(brace.get(..1).unwrap_or_default());
                    brace.get(1..).unwrap_or_default()
                }
            };
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Self { parts }
    }

    /// The names of the ERP's members in it.
    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(name) => Some(name.as_str()),
            Part::Text(_) | Part::Credential(_) => None,
        })
    }

    /// The names of the credentials in it.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Credential(name) => Some(name.as_str()),
            Part::Text(_) | Part::Field(_) => None,
        })
    }

    /// The text with everything in its place, as XML text. A member that is not there is blank; `behind` are those that the
    /// hub gives for the ERP.
    pub(crate) fn fill(
        &self,
        body: &Json<'_>,
        behind: &[(&str, Cow<'_, str>)],
        attempt: &Attempt<'_>,
    ) -> Result<String, Fault> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Field(name) => {
                    let given = || behind.iter().find(|(given, _)| given == name).map_or("", |(_, text)| text);
                    let own = body.get(name).map(|value| value.scalar().unwrap_or(value.text()));
                    escape(own.unwrap_or_else(given), &mut text);
                }
                Part::Credential(name) => escape(credential(attempt, name)?, &mut text),
            }
        }
        Ok(text)
    }
}

/// Whether it may be the name of a member. `{"a": 1}` in a template is text.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Text as XML has it between tags and in attributes. Characters that XML cannot have are left out.
fn escape(text: &str, to: &mut String) {
    for char in text.chars() {
        match char {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\'' => to.push_str("&apos;"),
            '\t' | '\n' | '\r' => to.extend(["&#", &u32::from(char).to_string(), ";"]),
            _ if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => {}
            _ => to.push(char),
        }
    }
}
