//! The text of a secret, wherever it is kept: without what editors, shells and secret stores put around it.

use std::io;
use std::path::Path;

use hub::Secret;
use hub::printable::{Word, is_hidden};
use hub::slip::nearest;
use toml::de::{DeTable, DeValue};

use super::encoding::decode;
use super::reader::Item;
use super::shown::Hidden;
use super::{Credentials, Sources};

/// Forms of a secret that every process reads.
const FORMS: &str = "must be a text, { env = \"NAME\" } or { file = \"path\" }";

/// Forms of a credential.
const CREDENTIAL_FORMS: &str = "must be a text, { env = \"NAME\" }, { file = \"path\" } or { secret = \"name\" }";

/// A value made of credentials, or the fact that this process does not read their secret.
pub(super) enum Availability<T> {
    Known(T),
    Unread,
}

impl<'d> Item<'d> {
    /// A secret that is checked where a request comes in, wherever it is kept: without blanks, line breaks and byte order
    /// marks around it. Never empty, and without any hidden character. It may not be in the credentials secret, which
    /// whoever checks requests does not read.
    pub(super) fn secret(&self) -> Option<Secret> {
        // Also where it cannot be used.
        self.hide(Hidden::Secret(None));
        if self.name_of_credential().is_some() {
            return self.wrong(
                "cannot be in the credentials secret: the functions that check it do not read that. Write it here, as \
                 { env = \"NAME\" } or as { file = \"path\" }",
            );
        }
        self.text_of_secret(FORMS).inspect(|secret| self.hide(Hidden::Secret(Some(secret.clone()))))
    }

    /// Whether it is in the credentials secret.
    pub(super) fn is_kept_apart(&self) -> bool {
        self.name_of_credential().is_some()
    }

    /// A secret that only those need who call others: like [`Item::secret`], or in the credentials secret.
    pub(super) fn credential(&self) -> Option<Availability<Secret>> {
        self.hide(Hidden::Secret(None));
        let found = self.read_credential();
        if let Some(Availability::Known(secret)) = &found {
            self.hide(Hidden::Secret(Some(secret.clone())));
        }
        found
    }

    fn read_credential(&self) -> Option<Availability<Secret>> {
        let Some(name) = self.name_of_credential() else {
            if matches!(self.value, DeValue::String(_)) {
                self.note_written_out();
            }
            return self.text_of_secret(CREDENTIAL_FORMS).map(Availability::Known);
        };
        self.note_kept_apart();
        let values = match &self.reading().sources().credentials {
            Credentials::Read(values) => values,
            Credentials::Unread => return Some(Availability::Unread),
            Credentials::Absent => {
                return self.wrong(
                    "is in a credentials secret, and none is given: on AWS set TONGGUAN_CREDENTIALS_SECRET_ID; elsewhere \
                     write { env = \"NAME\" } or { file = \"path\" } here, or give a file with --credentials",
                );
            }
        };
        let place = format!("the value {} of the credentials secret", Word(name));
        match values.get(name).map(|value| clean(value.expose())) {
            Some(Ok(text)) => Some(Availability::Known(Secret::new(text.to_owned()))),
            Some(Err(Unfit::Empty)) => self.wrong(format!("{place} is empty: put the secret in it")),
            Some(Err(Unfit::Hidden(what))) => self.wrong(format!("{place} holds {what}: set it to the secret alone")),
            None => match nearest(name, values.keys().map(String::as_str)) {
                Some(meant) => self.wrong(format!("{place} is not there: did you mean {}?", Word(meant))),
                None => self.wrong(format!("{place} is not there: put it in")),
            },
        }
    }

    /// The name in `{ secret = "name" }`.
    fn name_of_credential(&self) -> Option<&'d str> {
        let DeValue::Table(source) = self.value else { return None };
        let mut entries = source.iter().map(|(name, value)| (name.get_ref().as_ref(), value.get_ref()));
        match (entries.next(), entries.next()) {
            (Some(("secret", DeValue::String(name))), None) => Some(name.as_ref()),
            (Some(_) | None, _) => None,
        }
    }

    fn text_of_secret(&self, forms: &str) -> Option<Secret> {
        let text = match self.value {
            DeValue::Table(source) => self.fetch(source, forms)?,
            DeValue::String(text) => match clean(text) {
                Ok(text) => {
                    self.reading().note_secret();
                    text.to_owned()
                }
                Err(Unfit::Empty) => return self.wrong("must not be empty"),
                Err(Unfit::Hidden(what)) => return self.wrong(format!("holds {what}: remove it")),
            },
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => {
                return self.wrong_type(&forms.replacen("must be a text", "a text in quotes", 1));
            }
        };
        Some(Secret::new(text))
    }

    fn fetch(&self, source: &'d DeTable<'d>, forms: &str) -> Option<String> {
        let mut entries = source.iter().map(|(name, value)| (name.get_ref().as_ref(), value.get_ref()));
        let (Some((name, DeValue::String(at))), None) = (entries.next(), entries.next()) else {
            return self.wrong(forms);
        };
        match name {
            "env" => {
                let place = format!("the environment variable {}", Word(at));
                let bytes = (self.reading().sources().env)(at).unwrap_or_default();
                match decode(&bytes).map(clean) {
                    Ok(Ok(text)) => Some(text.to_owned()),
                    Ok(Err(Unfit::Empty)) => self.wrong(format!("{place} is not set or empty: set it")),
                    Ok(Err(Unfit::Hidden(what))) => {
                        self.wrong(format!("{place} holds {what}: set it to the secret alone"))
                    }
                    Err(error) => self.wrong(format!("{place} {error}")),
                }
            }
            "file" => match text_of_file(Path::new(at.as_ref()), self.reading().sources()) {
                Ok(text) => Some(text),
                Err(what) => self.wrong(what),
            },
            _ => self.wrong(forms),
        }
    }
}

/// The secret in a file. The error is a sentence that begins with the file's name.
pub(super) fn text_of_file(path: &Path, sources: &Sources<'_>) -> Result<String, String> {
    let place = format!("the file {}", Word(path.display()));
    let bytes = (sources.file)(path).map_err(|error| format!("{place} {}", unreadable(&error)))?;
    match decode(&bytes).map(clean) {
        Ok(Ok(text)) => Ok(text.to_owned()),
        Ok(Err(Unfit::Empty)) => Err(format!("{place} is empty: put the secret in it")),
        Ok(Err(Unfit::Hidden(what))) => Err(format!("{place} holds {what}: put the secret alone in it")),
        Err(error) => Err(format!("{place} {error}")),
    }
}

/// Reason why a file cannot be read, to be printed behind its name.
pub(super) fn unreadable(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::IsADirectory {
        return "is a folder: name the file in it".to_owned();
    }
    if kind == io::ErrorKind::FileTooLarge {
        return "is larger than 64 KB: put in it what belongs there alone".to_owned();
    }
    let remedy = if kind == io::ErrorKind::PermissionDenied { "; let the hub's user read it" } else { "" };
    format!("cannot be read: {error}{remedy}")
}

/// Reason why a text is no secret. Holds nothing of the text.
#[derive(Debug, PartialEq, Eq)]
enum Unfit {
    Empty,
    /// It has such a character within.
    Hidden(String),
}

/// The secret in a text.
fn clean(text: &str) -> Result<&str, Unfit> {
    let around = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200d}' | '\u{2060}');
    let secret = text.trim_matches(around);
    if secret.is_empty() {
        return Err(Unfit::Empty);
    }
    let hidden = secret.chars().enumerate().find(|(_, character)| is_hidden(*character));
    hidden.map_or(Ok(secret), |(at, character)| {
        let what = match character {
            '\0' => "a NUL".to_owned(),
            '\n' | '\r' => "a line break".to_owned(),
            '\t' => "a tab".to_owned(),
            c if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
            c => format!("the invisible character U+{:04X}", u32::from(c)),
        };
        Err(Unfit::Hidden(format!("{what} as its character {}", at + 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_around_a_secret_are_trimmed() {
        for text in ["s 3", " s 3\r\n", "\u{feff}s 3\r", "\n\ts 3\u{a0}\u{3000}", "\u{feff}\r\n s 3 \u{200b}\n\n"] {
            assert_eq!(clean(text), Ok("s 3"), "{text:?}");
        }
    }

    #[test]
    fn invalid_secret_is_reported_without_its_value() {
        for (text, what) in [
            ("ab\ncd", "a line break as its character 3"),
            ("a\rb", "a line break as its character 2"),
            ("信\0b", "a NUL as its character 2"),
            ("ab\0", "a NUL as its character 3"),
            ("a\tb", "a tab as its character 2"),
            ("a\u{1b}b", "the control character U+001B as its character 2"),
            ("a\u{200b}b", "the invisible character U+200B as its character 2"),
            ("a\u{feff}b", "the invisible character U+FEFF as its character 2"),
        ] {
            assert_eq!(clean(text), Err(Unfit::Hidden(what.to_owned())), "{text:?}");
        }
        for text in ["", " ", "\r\n", "\u{feff}", "\u{feff} \n"] {
            assert_eq!(clean(text), Err(Unfit::Empty), "{text:?}");
        }
    }
}
