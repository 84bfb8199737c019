//! Reading of a request: its path, its query, its body.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use hub::slip::slip_of;
use hub::{Alias, Subject, Utc};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::Problem;

/// The longest subject that may be asked for, in bytes: no stored one is longer.
pub const LONGEST_SUBJECT: usize = 1_024;

/// Parameter for the place at which a page begins.
const FROM: &str = "from";

/// Most characters of the caller's own text that a detail repeats.
const REPEATED: usize = 64;

/// Beginning of the caller's own text, printable, between quotes.
pub(crate) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(REPEATED).collect();
    if cut.len() < text.len() { format!("{cut:?}...") } else { format!("{cut:?}") }
}

/// The parameters of a query: each is known, is given once, and has a value; only `from` may be empty.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The query of a request to a path that takes these parameters. Any other is a problem that names those that are
    /// known: a filter that is ignored would answer another question.
    pub(crate) fn of(uri: &Uri, known: &[&'static str]) -> Result<Self, Problem> {
        let mut read: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                return Err(unknown_parameter(&name, known));
            }
            if read.iter().any(|(other, _)| *other == name) {
                return Err(Problem::field(name.into_owned(), "must be given once"));
            }
            // The first page begins nowhere: a loop over pages starts with an empty place.
            if value.is_empty() && name != FROM {
                return Err(Problem::field(name.into_owned(), "has no value: give one, or leave the parameter out"));
            }
            read.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(read))
    }

    /// The value of a parameter, where it is given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Number of items of a page: `limit`, from 1 to `most`, 100 where it is not given.
    pub fn limit(&self, most: usize) -> Result<usize, Problem> {
        self.limit_or(100, most)
    }

    /// Number of items of a page: `limit`, from 1 to `most`, or `otherwise` where it is not given.
    pub fn limit_or(&self, otherwise: usize, most: usize) -> Result<usize, Problem> {
        let limit = self.get("limit").map_or(Some(otherwise), whole);
        let limit = limit.filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| Problem::field("limit", format!("must be a whole number from 1 to {most}")))
    }

    /// A time in whole seconds, from 0 to `most`; 0 where it is not given.
    pub fn seconds(&self, name: &'static str, most: usize) -> Result<Duration, Problem> {
        let seconds = self.get(name).map_or(Some(0), whole).filter(|seconds| *seconds <= most);
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        seconds.ok_or_else(|| Problem::field(name, format!("must be a whole number of seconds from 0 to {most}")))
    }
}

/// A whole number, as JSON Schema has it: `1.0` is one.
fn whole(text: &str) -> Option<usize> {
    let (digits, zeros) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let even = plain(digits) && plain(zeros) && zeros.bytes().all(|byte| byte == b'0');
    even.then(|| digits.parse().ok()).flatten()
}

fn unknown_parameter(name: &str, known: &[&'static str]) -> Problem {
    let takes = if known.is_empty() {
        "this path takes no query parameters".to_owned()
    } else {
        format!("this path takes {}", known.join(", "))
    };
    let meant = slip_of(name, known).map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default();
    let field: String = name.chars().take(REPEATED).collect();
    Problem::field(field, format!("{} is no parameter here{meant}: {takes}", quoted(name)))
}

/// The body as JSON of exactly that shape, where the type denies unknown fields. The problem is of the field `body`; which
/// member of it is wrong, the detail says by its path.
pub fn body<'a, T: Deserialize<'a>>(request: &'a Request<Bytes>) -> Result<T, Problem> {
    read(request.body(), "body")
}

/// One JSON object of exactly that shape; `whole` is what the problem calls all of it.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8], whole: &'static str) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(read) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let at = if matches!(path.as_str(), "." | "?") { String::new() } else { format!("{path}: ") };
        Problem::field(whole, format!("{at}{}", error.into_inner()))
    })?;
    json.end().map_err(|error| Problem::field(whole, error.to_string()))?;
    Ok(read)
}

/// A value that is read from a JSON object alone. A derived `Deserialize` takes an array of the members' values too, in the
/// order of the code, which is no part of the contract.
#[derive(Clone, Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Object)
            }
        }

        from.deserialize_map(Members(PhantomData))
    }
}

/// A member that is one of a list of names, as a text: to be named in `deserialize_with`. A derived `Deserialize` takes an
/// object with the name as its member, too.
pub fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let name = String::deserialize(from)?;
    T::deserialize(StrDeserializer::new(&name))
}

/// A member that may be left out and is not null, as the document has it: to be named in `deserialize_with`, beside
/// `default`.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A whole number of JSON, which may be printed with zeros behind a point: to be named in `deserialize_with`.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let even = |number: f64| {
        let fits = number.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&number);
        // A whole number prints without a point.
        fits.then(|| format!("{number:.0}").parse().ok()).flatten()
    };
    let read = number.as_u64().or_else(|| number.as_f64().and_then(even));
    read.ok_or_else(|| D::Error::custom("must be a whole number, 0 or more"))
}

/// A subject that is asked for in that field, as it is stored.
pub fn subject(field: &'static str, text: &str) -> Result<Subject, Problem> {
    let subject = Subject::named(text);
    if subject.as_str().len() <= LONGEST_SUBJECT {
        return Ok(subject);
    }
    Err(Problem::field(field, "must be <kind>:<value>, such as order:SO-1: no kind is as long as this one"))
}

/// The same text as a key that a subject may be known under.
#[must_use]
pub fn alias(subject: &Subject) -> Alias {
    Alias::from(subject.as_str())
}

/// A time in that field.
pub fn moment(field: impl Into<Cow<'static, str>>, text: &str) -> Result<Utc, Problem> {
    Utc::parse(text).ok_or_else(|| Problem::field(field, "must be a time like 2026-01-31T08:00:00Z"))
}

/// Some names with commas between them, and how many more there are.
pub(crate) fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Result<Parameters, String> {
        let uri = format!("/calls?{query}").parse().unwrap();
        let read = Parameters::of(&uri, &["subject", "from", "limit"]);
        read.map_err(|problem| serde_json::to_string(&problem).unwrap())
    }

    /// Regression: a misspelt parameter was ignored, so that a list was of everything.
    #[test]
    fn unknown_parameter_is_refused_with_known_names() {
        let refused = parameters("limt=5").unwrap_err();
        assert!(refused.contains(r#""field":"limt""#) && refused.contains("did you mean limit?"), "{refused}");
        assert!(parameters("operation=x").unwrap_err().contains("subject, from, limit"));
        assert!(parameters(&"x".repeat(5_000)).unwrap_err().len() < 500);
        assert!(Parameters::of(&Uri::from_static("/x?a=1"), &[]).is_err());
    }

    #[test]
    fn parameter_is_given_once_and_with_a_value() {
        for query in ["from=a&from=b", "from=a&from=a", "from=&from=a"] {
            assert!(parameters(query).unwrap_err().contains(r#""field":"from""#), "{query}");
        }
        for query in ["subject=", "subject", "limit=5&subject="] {
            assert!(parameters(query).unwrap_err().contains(r#""field":"subject""#), "{query}");
        }
        assert_eq!(parameters("from=&limit=5").unwrap().get("from"), None);
        let read = parameters("subject=order%3AF+1").unwrap();
        assert_eq!((read.get("subject"), read.get("from")), (Some("order:F 1"), None));
    }

    #[test]
    fn limit_is_a_whole_number_within_bounds() {
        for (query, limit) in [("", 100), ("limit=7", 7), ("limit=7.0", 7), ("limit=007", 7), ("limit=1000", 1000)] {
            assert_eq!(parameters(query).unwrap().limit(1000).unwrap(), limit, "{query}");
        }
        for query in
            ["limit=0", "limit=1001", "limit=-1", "limit=1.5", "limit=x", "limit=%2B7", "limit=1e1", "limit=7."]
        {
            assert!(parameters(query).unwrap().limit(1000).is_err(), "{query}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default, deserialize_with = "given")]
        from: Option<String>,
        #[serde(default, deserialize_with = "number")]
        wait: u64,
    }

    /// Regression: an array was read as an object's values in the order of the code, and `["erp"]` confirmed everything.
    #[test]
    fn array_is_no_object() {
        #[derive(Debug, Deserialize)]
        struct Outer {
            #[serde(default, deserialize_with = "given")]
            inner: Option<Vec<Object<Asked>>>,
        }
        for text in [r#"["x"]"#, "[]", r#" ["x",1]"#] {
            let problem = serde_json::to_value(read::<Asked>(text.as_bytes(), "body").unwrap_err()).unwrap();
            assert!(problem["detail"].as_str().unwrap().contains("a JSON object"), "{text}: {problem}");
        }
        let problem = read::<Outer>(br#"{"inner":[{},["x"]]}"#, "body").unwrap_err();
        let problem = serde_json::to_value(problem).unwrap();
        assert!(problem["detail"].as_str().unwrap().starts_with("inner[1]: "), "{problem}");
        assert_eq!(read::<Outer>(br#"{"inner":[{"wait":1}]}"#, "body").unwrap().inner.unwrap()[0].0.wait, 1);
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        Done,
    }

    #[derive(Debug, Deserialize)]
    struct Chosen {
        #[serde(deserialize_with = "named")]
        choice: Choice,
    }

    /// Regression: `{"decision":{"done":null}}` was a decision.
    #[test]
    fn name_is_a_text() {
        assert_eq!(read::<Chosen>(br#"{"choice":"done"}"#, "body").unwrap().choice, Choice::Done);
        for text in [r#"{"choice":{"done":null}}"#, r#"{"choice":"other"}"#, r#"{"choice":0}"#, "{}"] {
            let problem = serde_json::to_value(read::<Chosen>(text.as_bytes(), "body").unwrap_err()).unwrap();
            assert!(problem["detail"].as_str().unwrap().contains("choice"), "{text}: {problem}");
        }
    }

    /// Regression: `null` and `1.0` were taken or refused other than the document says.
    #[test]
    fn body_is_read_as_json_schema_has_it() {
        for (text, wait) in [(r#"{"wait":1.0}"#, 1), (r#"{"wait":3}"#, 3), (r#"{"wait":2e1,"from":"x"}"#, 20)] {
            assert_eq!(read::<Asked>(text.as_bytes(), "body").unwrap().wait, wait, "{text}");
        }
        for (text, field) in [
            (r#"{"from":null}"#, "from: "),
            (r#"{"from":1}"#, "from: "),
            (r#"{"wait":1.5}"#, "wait: "),
            (r#"{"wait":-1}"#, "wait: "),
            (r#"{"wait":"1"}"#, "wait: "),
            (r#"{"wat":1}"#, "wat: "),
            ("5", ""),
            ("{} {}", ""),
            ("", ""),
        ] {
            let problem = serde_json::to_value(read::<Asked>(text.as_bytes(), "body").unwrap_err()).unwrap();
            let detail = problem["detail"].as_str().unwrap();
            assert!(problem["field"] == "body" && detail.starts_with(field), "{text}: {problem}");
        }
        assert_eq!(read::<Asked>(b"{}", "body").unwrap().from, None);
    }

    #[test]
    fn subject_that_is_too_long_is_found_as_it_was_stored() {
        let long = "长".repeat(1000);
        let stored = Subject::new("order", &long);
        assert_eq!(subject("subject", &format!("order:{long}")).unwrap(), stored);
        assert_eq!(subject("subject", stored.as_str()).unwrap(), stored);
        assert!(subject("subject", &long).is_err());
    }
}
