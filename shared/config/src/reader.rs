//! Walks a TOML document and notes every mistake on the way, each with its key and line.
//!
//! A value that cannot be used reads as nothing and leaves a mistake behind, so the reader goes on to the next one. No
//! mistake quotes a value unless its reader knows that it is no secret.

mod reading;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use hub::slip::slip_of;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::described::Described;
use super::keys::{Key, Kind};
use super::shown::{Hidden, HiddenValues};
use super::values;
use super::{KEYS, Mistake, Sources, places};

/// A document being read.
pub(super) struct Reading<'d> {
    text: &'d str,
    sources: &'d Sources<'d>,
    pub(super) mistakes: RefCell<Vec<Mistake>>,
    pub(super) warnings: RefCell<Vec<Mistake>>,
    holds_secrets: Cell<bool>,
    /// The key and line of each credential whose value stands in the document.
    written_out: RefCell<Vec<(String, usize)>>,
    /// Whether a credential's value is in the credentials secret.
    kept_apart: Cell<bool>,
    /// The values that are not shown.
    hidden: RefCell<HiddenValues>,
    /// Digests of the files of partners, by their paths.
    pub(super) files: RefCell<BTreeMap<String, String>>,
    /// The partners that the document describes, as far as it has been read.
    pub(super) partners: RefCell<Described>,
}

/// A table whose keys are read one by one; [`Table::close`] reports the unknown ones, which were not read. A key that its list
/// lacks cannot be read.
pub(super) struct Table<'d> {
    reading: &'d Reading<'d>,
    path: String,
    offset: usize,
    entries: &'d DeTable<'d>,
    keys: &'static [Key],
    /// Form of the values of names that are not listed.
    each: &'static Kind,
    asked: Vec<&'static str>,
}

impl<'d> Table<'d> {
    pub(super) const fn root(reading: &'d Reading<'d>, entries: &'d DeTable<'d>) -> Self {
        Self { reading, path: String::new(), offset: 0, entries, keys: KEYS, each: &Kind::Plain, asked: Vec::new() }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a key that may be left out.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Item<'d>> {
        let key = self.keys.iter().find(|key| key.name == name)?;
        self.item(name, &key.kind)
    }

    /// The value of a credential, which is named by the partner's profile and may be left out.
    pub(super) fn credential(&mut self, name: &'static str) -> Option<Item<'d>> {
        self.item(name, &Kind::Plain)
    }

    fn item(&mut self, name: &'static str, kind: &'static Kind) -> Option<Item<'d>> {
        self.asked.push(name);
        let value = self.entries.get(name)?;
        let (key, offset) = (self.key(name), value.span().start);
        Some(Item { reading: self.reading, key, offset, value: value.get_ref(), kind })
    }

    /// The value of a key that may not be left out.
    pub(super) fn need(&mut self, name: &'static str, example: &str) -> Option<Item<'d>> {
        let item = self.get(name);
        if item.is_none() {
            self.missing(name, format!("is missing: add {name} = {example}"));
        }
        item
    }

    /// Notes the lack of a key, unless a near-miss of it is there, which is noted as such.
    pub(super) fn missing(&self, name: &'static str, what: String) {
        if !self.has_slip(name) {
            self.mistake(name, what);
        }
    }

    /// Whether there is a near-miss of a key.
    pub(super) fn has_slip(&self, name: &str) -> bool {
        let is_slip = |own: &str| slip_of(own, &[name]).is_some() && !self.keys.iter().any(|key| key.name == own);
        self.entries.iter().any(|(own, _)| is_slip(own.get_ref().as_ref()))
    }

    /// The value of a key as `read` takes it, or what stands for it where it is left out.
    pub(super) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&Item<'d>) -> Option<T>,
    ) -> Option<T> {
        self.get(name).map_or(Some(default), |item| read(&item))
    }

    /// The tables of `[[name]]`.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Self> {
        let Some(item) = self.get(name) else { return Vec::new() };
        let Some(items) = item.items() else { return Vec::new() };
        let tables = items.iter().enumerate().filter_map(|(index, value)| {
            let item = item.element(index, value);
            let DeValue::Table(entries) = item.value else {
                return item.wrong(format!("must be a table: write [[{}]]", plain(&self.key(name))));
            };
            Some(item.of(entries))
        });
        tables.collect()
    }

    /// Notes a mistake that concerns a key of this table or below it (`paths.unfreeze`, `signature.send[0]`), present or
    /// not.
    pub(super) fn mistake(&self, path: &str, what: String) {
        let offset = places::offset_of(self.entries, path).unwrap_or(self.offset);
        self.reading.note(self.key(path), offset, what);
    }

    /// Notes what its operator should know of a key below this table, which is taken all the same.
    pub(super) fn warn(&self, path: &str, what: String) {
        let offset = places::offset_of(self.entries, path).unwrap_or(self.offset);
        let (line, _) = self.reading.position(offset);
        self.reading.warnings.borrow_mut().push(Mistake { key: self.key(path), what, line });
    }

    /// The document it is in.
    pub(super) const fn reading(&self) -> &'d Reading<'d> {
        self.reading
    }

    /// Whether there is a key.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Whether there is no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a key is one that was asked for.
    pub(super) fn is_asked(&self, name: &str) -> bool {
        self.asked.contains(&name)
    }

    /// Values of unknown keys that are no near-misses of a known one, by name.
    pub(super) fn rest(&mut self) -> Vec<(String, Item<'d>)> {
        let mut rest = Vec::new();
        for (name, value) in self.entries {
            let name = name.get_ref().as_ref();
            if self.asked.contains(&name) || slip_of(name, &self.asked).is_some() {
                continue;
            }
            let (key, offset) = (self.key(name), value.span().start);
            let item = Item { reading: self.reading, key, offset, value: value.get_ref(), kind: self.each };
            rest.push((name.to_owned(), item));
        }
        rest
    }

    /// Reports the unknown keys that are near-misses of a known one; others may belong here.
    pub(super) fn close_slips(self) {
        let rest: Vec<String> = {
            let names = self.entries.iter().map(|(name, _)| name.get_ref().as_ref());
            names.filter(|name| slip_of(name, &self.asked).is_none()).map(str::to_owned).collect()
        };
        self.close(&rest);
    }

    /// Reports every unknown key. `but` are those taken as the [`Table::rest`].
    pub(super) fn close(self, but: &[String]) {
        for (name, _) in self.entries {
            let (offset, name) = (name.span().start, name.get_ref().as_ref());
            if self.asked.contains(&name) || but.iter().any(|taken| taken == name) {
                continue;
            }
            self.reading.note(self.key(name), offset, unknown(name, &self.asked));
        }
    }
}

/// A key as a heading has it: without the places of the tables around it.
fn plain(key: &str) -> String {
    key.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

/// Mistake of an unknown key.
pub(super) fn unknown(name: &str, known: &[&str]) -> String {
    match slip_of(name, known) {
        Some(known) => format!("is not a known key: did you mean {known}?"),
        None => format!("is not a known key: remove it (known here: {})", known.join(", ")),
    }
}

/// A value, and where it is.
pub(super) struct Item<'d> {
    reading: &'d Reading<'d>,
    key: String,
    offset: usize,
    pub(super) value: &'d DeValue<'d>,
    kind: &'static Kind,
}

impl<'d> Item<'d> {
    /// Notes what is wrong with the value; reads as nothing.
    pub(super) fn wrong<T>(&self, what: impl Into<String>) -> Option<T> {
        self.reading.note(self.key.clone(), self.offset, what.into());
        None
    }

    /// Notes what its operator should know of a value that is taken all the same.
    pub(super) fn warn(&self, what: impl Into<String>) {
        let line = self.line();
        self.reading.warnings.borrow_mut().push(Mistake { key: self.key.clone(), what: what.into(), line });
    }

    /// Notes that the value is a credential and stands in the document.
    pub(super) fn note_written_out(&self) {
        self.reading.written_out.borrow_mut().push((self.key.clone(), self.line()));
    }

    /// Notes that the value is a credential and is in the credentials secret.
    pub(super) fn note_kept_apart(&self) {
        self.reading.kept_apart.set(true);
    }

    /// Notes that the value is not shown as it stands.
    pub(super) fn hide(&self, hidden: Hidden) {
        self.reading.hidden.borrow_mut().insert(self.key.clone(), hidden);
    }

    /// The document it is in.
    pub(super) const fn reading(&self) -> &'d Reading<'d> {
        self.reading
    }

    pub(super) fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("must be {wanted}, not {found}"))
    }

    /// The line it is on, from 1.
    pub(super) fn line(&self) -> usize {
        self.reading.position(self.offset).0
    }

    /// The elements of a list of tables.
    pub(super) fn items(&self) -> Option<&'d [Spanned<DeValue<'d>>]> {
        let DeValue::Array(items) = self.value else {
            return self.wrong(format!("must be a list of tables: write [[{}]]", plain(&self.key)));
        };
        Some(items)
    }

    fn element(&self, index: usize, value: &'d Spanned<DeValue<'d>>) -> Self {
        let key = format!("{}[{index}]", self.key);
        Self { reading: self.reading, key, offset: value.span().start, value: value.get_ref(), kind: self.kind }
    }

    /// The table that this is; `wanted` says which it should be.
    pub(super) fn table(&self, wanted: &str) -> Option<Table<'d>> {
        let DeValue::Table(entries) = self.value else { return self.wrong_type(wanted) };
        Some(self.of(entries))
    }

    fn of(&self, entries: &'d DeTable<'d>) -> Table<'d> {
        let (keys, each): (&[Key], &Kind) =
            if let Kind::Each(each) = self.kind { (&[], each) } else { (self.kind.keys(), &Kind::Plain) };
        let path = self.key.clone();
        Table { reading: self.reading, path, offset: self.offset, entries, keys, each, asked: Vec::new() }
    }

    /// The value as `T` reads it. Of several mistakes in its form only the first is noted, where it is.
    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Option<T> {
        let value = Spanned::new(self.offset..self.offset, self.value.clone());
        T::deserialize(ValueDeserializer::from(value))
            .map_err(|error| {
                let offset = error.span().map_or(self.offset, |span| span.start);
                let key = places::path_at(self.value, &self.key, offset).unwrap_or_else(|| self.key.clone());
                let (key, what) = places::mistake(key, error.message());
                self.reading.note(key, offset, what);
            })
            .ok()
    }

    pub(super) fn text(&self) -> Option<&'d str> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => self.wrong_type("a text in quotes"),
            DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => self.wrong_type("a text"),
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => self.wrong_type("true or false"),
        }
    }

    /// An integer within the bounds that the list of keys sets.
    pub(super) fn integer(&self) -> Option<u32> {
        let DeValue::Integer(integer) = self.value else { return self.wrong_type("an integer") };
        let read = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = if let Kind::Integer(within) = self.kind { within.clone() } else { 0..=u32::MAX };
        let allowed = || format!("must be between {} and {}", within.start(), within.end());
        read.filter(|integer| within.contains(integer)).or_else(|| self.wrong(allowed()))
    }

    /// A duration within the bounds that the list of keys sets: `"500ms"`, `"5s"`, `"2m"`, `"1h"`, `"1d"`.
    pub(super) fn duration(&self) -> Option<Duration> {
        let text = self.text()?;
        let Some(duration) = values::duration(text) else {
            return self.wrong("must be a duration such as \"500ms\", \"5s\", \"2m\", \"1h\" or \"1d\"");
        };
        let within =
            if let Kind::Duration(within) = self.kind { within.clone() } else { Duration::ZERO..=Duration::MAX };
        let (least, most) = (values::print(*within.start()), values::print(*within.end()));
        let allowed = || format!("must be between {least} and {most}");
        within.contains(&duration).then_some(duration).or_else(|| self.wrong(allowed()))
    }

    pub(super) fn list(&self) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.value else { return self.wrong_type("a list in [ ]") };
        Some(items.iter().enumerate().map(|(index, value)| self.element(index, value)).collect())
    }

    /// Every element as `read` takes it; nothing where one cannot be used, but all are looked at.
    pub(super) fn each<T>(&self, mut read: impl FnMut(&Self) -> Option<T>) -> Option<Vec<T>> {
        let read: Vec<_> = self.list()?.iter().map(&mut read).collect();
        read.into_iter().collect()
    }
}
