//! The credentials secret of a deployment: values that a configuration names and that not every process may read.

use std::collections::BTreeMap;
use std::fmt;

use hub::Secret;
use hub::printable::Word;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::Mistake;
use super::encoding::BOM;

/// The credentials secret, in which `{ secret = "name" }` is looked up, as far as this process reads it.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// There is none: a value that is said to be in it is a mistake.
    Absent,
    /// There is one, which this process does not read. Its values count as given and cannot be used.
    Unread,
    /// Its values by name.
    Read(BTreeMap<String, Secret>),
}

impl Credentials {
    /// The values in the secret's text: a JSON object of texts, which is what the console of Secrets Manager makes of
    /// key/value pairs. Its mistakes are reported without any value, as the rest of a sentence that begins with what
    /// holds the text.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        let mistake = |what: &str, line| Mistake { key: "credentials".to_owned(), what: what.to_owned(), line };
        let text = text.strip_prefix(BOM).unwrap_or(text);
        if !text.trim_start().starts_with('{') {
            return Err(mistake("must be a JSON object of texts: { \"name\": \"value\" }", 1));
        }
        serde_json::from_str(text).map(|Values(values)| Self::Read(values)).map_err(|error| {
            let told = error.to_string();
            let told = told.split(" at line ").next().unwrap_or_default();
            mistake(&format!("is no JSON object of texts: {told}"), error.line().max(1))
        })
    }
}

/// The values of the object, none of them twice.
struct Values(BTreeMap<String, Secret>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Values, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(name) = pairs.next_key::<String>()? {
            // serde's message about a value that is no text quotes the value.
            let Value::String(value) = pairs.next_value()? else {
                return Err(A::Error::custom(format_args!("the value of {} must be a text in quotes", Word(&name))));
            };
            if values.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{} is given twice", Word(&name))));
            }
            values.insert(name, Secret::new(value));
        }
        Ok(Values(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        Credentials::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_object_of_texts_is_read() {
        let Credentials::Read(values) = Credentials::parse("\u{feff}\n{\"a\": \"1\", \"b c\": \"\\u4e8c\"}\n").unwrap()
        else {
            panic!("not read");
        };
        assert_eq!(values.keys().collect::<Vec<_>>(), ["a", "b c"]);
        assert!(values["a"].matches("1") && values["b c"].matches("二"));
        assert!(matches!(Credentials::parse("{}").unwrap(), Credentials::Read(values) if values.is_empty()));
    }

    #[test]
    fn mistake_in_an_object_quotes_no_value() {
        for (text, told) in [
            ("", "must be a JSON object of texts"),
            ("\"hunter2\"", "must be a JSON object of texts"),
            ("app_id = \"hunter2\"", "must be a JSON object of texts"),
            ("{\n\"a\": 70012\n}", "the value of a must be a text in quotes"),
            ("{\"a\": {\"b\": \"hunter2\"}}", "the value of a must be a text in quotes"),
            ("{\"a\": \"x\",\n \"a\": \"hunter2\"}", "a is given twice"),
            ("{\"a\": \"hunter2\",\n}", "(line 2)"),
            ("{\"a\": \"hunter2\"} x", "trailing characters"),
            ("{\"a\": hunter2}", "expected value"),
            ("{\"a\": 1e999}", "number out of range"),
        ] {
            let mistake = mistake(text);
            assert!(mistake.contains(told), "{text}: {mistake}");
            assert!(!mistake.contains("hunter") && !mistake.contains("70012"), "{mistake}");
        }
    }
}
