//! Problems (RFC 9457) as one line of text.

use std::fmt;

use serde::Deserialize;

use super::Remote;

/// The parameters of requests that the command line has as options of the same name.
const OPTIONS: [&str; 10] =
    ["connection", "type", "state", "since", "until", "endpoint", "limit", "action", "key", "cutoff"];

/// Beginning of the `type` of a hub's problems.
const KINDS: &str = "urn:tongguan:problem:";

/// Most characters that are repeated of an answer that is no problem.
const REPEATED: usize = 200;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    told: Told,
    /// The beginning of the sentence: who refuses what.
    about: String,
}

/// The members of a problem that are printed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    detail: String,
    field: Option<String>,
    errors: Vec<Mistake>,
}

#[derive(Debug, Deserialize)]
struct Mistake {
    field: String,
    remedy: String,
}

impl Problem {
    /// The problem of an answer, of a hub where one was asked.
    pub(crate) fn read(status: u16, body: &[u8], hub: Option<&Remote>) -> Self {
        let told: Told = serde_json::from_slice(body).unwrap_or_default();
        let is_problem = told.kind.starts_with(KINDS);
        let about = match hub {
            Some(hub) if !is_problem => {
                let text: String = String::from_utf8_lossy(body).trim().chars().take(REPEATED).collect();
                let text = if text.is_empty() { String::new() } else { format!(": {text}") };
                let remedy = match status {
                    300..=399 => "it redirects, which is not followed: name the URL that it leads to",
                    429 | 500..=599 => "try again later",
                    _ => "name the hub's URL with the path before /events, on AWS with the stage, such as .../prod",
                };
                format!("{} gave the answer {status}, which is not a hub's{text}; {remedy}", hub.url)
            }
            Some(hub) if status == 401 => format!("{} does not know the key of {}: ", hub.url, hub.key.place),
            Some(hub) if status == 403 => format!("{} does not let the key of {} do this: ", hub.url, hub.key.place),
            Some(_) | None => String::new(),
        };
        Self { status, told, about }
    }

    /// Whether a hub says it.
    pub(crate) fn is_of_hub(&self) -> bool {
        self.told.kind.starts_with(KINDS)
    }

    /// Whether the request was right, and what it asks for is not there.
    pub(crate) fn is_missing(&self) -> bool {
        self.status == 404 && self.is_of_hub()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Told { title, detail, field, errors, .. } = &self.told;
        f.write_str(&self.about)?;
        if !self.is_of_hub() {
            return Ok(());
        }
        write!(f, "{title}: ")?;
        if let Some(field) = field {
            let dashes = if OPTIONS.contains(&field.as_str()) { "--" } else { "" };
            write!(f, "{dashes}{field}: ")?;
        }
        f.write_str(detail)?;
        errors.iter().try_for_each(|Mistake { field, remedy }| write!(f, "; {field}: {remedy}"))
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_is_one_line_with_its_field_and_errors() {
        let body = br#"{"type":"urn:tongguan:problem:invalid-request","title":"Bad Request","status":400,"detail":"is wrong",
            "field":"state","errors":[{"field":"orders[0].id","remedy":"is missing"},{"field":"b","remedy":"too long"}]}"#;
        let problem = Problem::read(400, body, None);
        assert_eq!(problem.to_string(), "Bad Request: --state: is wrong; orders[0].id: is missing; b: too long");
        let body = br#"{"type":"urn:tongguan:problem:not-found","title":"Not Found","detail":"gone","field":null}"#;
        let problem = Problem::read(404, body, None);
        assert!(problem.is_missing() && problem.to_string() == "Not Found: gone", "{problem}");
    }
}
