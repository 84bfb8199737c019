//! The document as it may be shown: without secrets, and without what stands behind the host in URLs, which may be one.
//!
//! The reader decides: a value that was read as a secret or as a URL is hidden. No list of names does, so that a key that is added
//! later and holds a secret is hidden because it is read as one.

use std::collections::BTreeMap;
use std::fmt;

use hub::Secret;
use partners::Hex;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use toml::de::{DeTable, DeValue};
use url::Url;

use super::values::origin;

/// Stands for what is not shown.
const REDACTED: &str = "[REDACTED]";

/// Digits of a secret's digest. A change of the secret is missed once in 65,536 times; more digits would help to guess a weak one.
const SECRET_BYTES: usize = 2;

/// Bytes of a digest of what is no secret.
const BYTES: usize = 8;

/// A value that is not shown as it stands.
#[derive(Clone, Debug)]
pub(super) enum Hidden {
    /// A secret; without its value where this process does not read it.
    Secret(Option<Secret>),
    /// A URL.
    Address(Url),
}

/// The hidden values of a document, by the reader's paths.
pub(super) type HiddenValues = BTreeMap<String, Hidden>;

/// A document without its secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// The document, with `[REDACTED]` in the place of each secret. Keys that are left out are left out.
    pub file: Value,
    /// A digest of each key's value, secrets included, by the key's name: tables of a list go by their `id`.
    keys: BTreeMap<String, String>,
    /// Digest of the files of partners that the document names; empty where it names none.
    files: String,
}

impl fmt::Debug for Shown {
    /// Nothing: its content is in the other fields of a configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Shown {
    pub(super) fn of(document: &DeTable<'_>, hidden: &HiddenValues) -> Self {
        let mut walk = Walk { hidden, keys: BTreeMap::new() };
        let file = walk.table(document, "", "");
        Self { file, keys: walk.keys, files: String::new() }
    }

    /// With files whose content is a part of the document: their digests by their paths, each a key of its own.
    pub(super) fn with_files(mut self, files: &BTreeMap<String, String>) -> Self {
        let named = files.iter().map(|(path, digest)| (format!("partner_files.{path}"), digest.clone()));
        self.files = files.values().map(String::as_str).collect();
        self.keys.extend(named);
        self
    }

    /// Name of this document as it is shown, with the files of partners: another where anything but a secret differs.
    #[must_use]
    pub fn version(&self) -> String {
        digest(format!("{}{}", self.file, self.files).as_bytes(), BYTES)
    }

    /// A digest of each key's value.
    #[must_use]
    pub const fn keys(&self) -> &BTreeMap<String, String> {
        &self.keys
    }

    /// Digest of everything, secrets included.
    #[must_use]
    pub fn digest(&self) -> String {
        let keys = self.keys.iter().flat_map(|(name, value)| [name.as_str(), "\0", value, "\0"]);
        digest(keys.collect::<String>().as_bytes(), BYTES)
    }

    /// The names of keys whose values differ from those with these digests, in their order.
    #[must_use]
    pub fn changed_since(&self, before: &BTreeMap<String, String>) -> Vec<String> {
        let names = self.keys.keys().chain(before.keys().filter(|name| !self.keys.contains_key(*name)));
        let mut changed: Vec<_> = names.filter(|name| self.keys.get(*name) != before.get(*name)).cloned().collect();
        changed.sort();
        changed
    }
}

fn digest(bytes: &[u8], length: usize) -> String {
    let digest = Sha256::digest(bytes);
    Hex(digest.get(..length).unwrap_or(&digest)).to_string()
}

struct Walk<'h> {
    hidden: &'h HiddenValues,
    keys: BTreeMap<String, String>,
}

impl Walk<'_> {
    /// A table at the reader's path, whose keys have that name.
    fn table(&mut self, table: &DeTable<'_>, path: &str, name: &str) -> Value {
        let mut shown = Map::new();
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            let (path, name) = (below(path, key), below(name, key));
            shown.insert(key.to_owned(), self.value(value.get_ref(), &path, &name));
        }
        Value::Object(shown)
    }

    fn value(&mut self, value: &DeValue<'_>, path: &str, name: &str) -> Value {
        match value {
            DeValue::Table(table) if !self.hidden.contains_key(path) => self.table(table, path, name),
            DeValue::Array(items) if items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    let at = format!("{path}[{index}]");
                    let id = match item.get_ref() {
                        DeValue::Table(table) => table.get("id").and_then(|id| id.get_ref().as_str()),
                        DeValue::String(_)
                        | DeValue::Integer(_)
                        | DeValue::Float(_)
                        | DeValue::Boolean(_)
                        | DeValue::Datetime(_)
                        | DeValue::Array(_) => None,
                    };
                    let name = id.map_or_else(|| format!("{name}[{index}]"), |id| below(name, id));
                    self.value(item.get_ref(), &at, &name)
                });
                Value::Array(items.collect())
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let mut secrets = String::new();
                let shown = self.leaf(value, path, name, &mut secrets);
                self.keys.insert(name.to_owned(), digest(format!("{shown}\0{secrets}").as_bytes(), BYTES));
                shown
            }
        }
    }

    /// A value without keys of its own. Digests of what it hides are put behind `secrets`.
    fn leaf(&self, value: &DeValue<'_>, path: &str, name: &str, secrets: &mut String) -> Value {
        match (self.hidden.get(path), value) {
            (Some(Hidden::Secret(secret)), _) => {
                let known = secret.as_ref().map_or("", Secret::expose);
                secrets.push_str(&digest(format!("{name}\0{known}").as_bytes(), SECRET_BYTES));
                REDACTED.into()
            }
            (Some(Hidden::Address(url)), _) => {
                secrets.push_str(&digest(format!("{name}\0{url}").as_bytes(), SECRET_BYTES));
                let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
                let rest = if plain { "/".to_owned() } else { format!("/{REDACTED}") };
                format!("{}{rest}", origin(url)).into()
            }
            (None, DeValue::Array(items)) => {
                let leaf = |(index, item): (usize, &toml::Spanned<DeValue<'_>>)| {
                    self.leaf(item.get_ref(), &format!("{path}[{index}]"), name, secrets)
                };
                items.iter().enumerate().map(leaf).collect::<Vec<_>>().into()
            }
            (None, DeValue::String(text)) => text.as_ref().into(),
            (None, DeValue::Boolean(flag)) => (*flag).into(),
            (None, DeValue::Integer(integer)) => {
                let read = i64::from_str_radix(integer.as_str(), integer.radix());
                read.map_or_else(|_| integer.as_str().into(), Value::from)
            }
            (None, DeValue::Float(float)) => {
                let read = float.as_str().parse::<f64>().ok().and_then(serde_json::Number::from_f64);
                read.map_or_else(|| float.as_str().into(), Value::Number)
            }
            (None, DeValue::Datetime(time)) => time.to_string().into(),
            // A table within a list of other values, which no key takes.
            (None, DeValue::Table(_)) => REDACTED.into(),
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
