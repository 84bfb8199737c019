//! The documented fields of an operation, as a file writes them.

use serde::Deserialize;

use super::super::{Fault, Field, Format, Kind, Need};
use super::kept;

/// One documented field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldTable {
    /// Its name on the wire, as the partner spells it.
    pub name: String,
    /// Kind of its value.
    #[serde(default)]
    pub kind: KindName,
    /// Whether it must be given.
    #[serde(default)]
    pub need: NeedName,
    /// Text that is sent where it is left out, with `need = "default"`.
    pub default: Option<String>,
    /// The most characters it may have.
    #[serde(default)]
    pub max: u16,
    /// Form of its value.
    pub format: Option<FormatName>,
    /// The values it may have.
    pub one_of: Option<Vec<String>>,
    /// The least and the most whole number it may be.
    pub within: Option<(u64, u64)>,
    /// Meaning: the partner's words, then English.
    #[serde(default)]
    pub about: String,
    /// The fields of an object, or of each object of a list.
    #[serde(default)]
    pub fields: Vec<Self>,
}

impl FieldTable {
    /// Whether a body without it is refused.
    pub(super) const fn is_needed(&self) -> bool {
        matches!(self.need, NeedName::Required | NeedName::Present)
    }
}

/// A kind by its name: see [`Kind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// [`Kind::Text`].
    #[default]
    Text,
    /// [`Kind::Whole`].
    Whole,
    /// [`Kind::WholeText`].
    WholeText,
    /// [`Kind::Json`].
    Json,
    /// [`Kind::Object`].
    Object,
    /// [`Kind::List`].
    List,
    /// [`Kind::Texts`].
    Texts,
    /// [`Kind::Commas`].
    Commas,
}

/// A need by its name: see [`Need`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NeedName {
    /// [`Need::Required`].
    Required,
    /// [`Need::Present`].
    Present,
    /// [`Need::Optional`].
    #[default]
    Optional,
    /// [`Need::Blank`].
    Blank,
    /// [`Need::Filled`].
    Filled,
    /// [`Need::Default`].
    Default,
}

/// A format by its name: see [`Format`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FormatName {
    /// [`Format::Any`]; `text` says the same.
    #[serde(alias = "text")]
    Any,
    /// [`Format::Time`].
    Time,
    /// [`Format::Date`].
    Date,
    /// [`Format::Zone`].
    Zone,
    /// [`Format::Url`].
    Url,
}

/// Rows of the fields, kept for the life of the process.
pub(super) fn rows(tables: &[FieldTable]) -> &'static [Field] {
    tables.iter().map(FieldTable::row).collect::<Vec<_>>().leak()
}

impl FieldTable {
    fn row(&self) -> Field {
        let kind = match self.kind {
            KindName::Text => Kind::Text,
            KindName::Whole => Kind::Whole,
            KindName::WholeText => Kind::WholeText,
            KindName::Json => Kind::Json,
            KindName::Object => Kind::Object(rows(&self.fields)),
            KindName::List => Kind::List(rows(&self.fields)),
            KindName::Texts => Kind::Texts,
            KindName::Commas => Kind::Commas,
        };
        let need = match self.need {
            NeedName::Required => Need::Required,
            NeedName::Present => Need::Present,
            NeedName::Optional => Need::Optional,
            NeedName::Blank => Need::Blank,
            NeedName::Filled => Need::Filled,
            NeedName::Default => Need::Default(kept(self.default.as_deref().unwrap_or_default())),
        };
        let named = match self.format {
            Some(FormatName::Time) => Format::Time,
            Some(FormatName::Date) => Format::Date,
            Some(FormatName::Zone) => Format::Zone,
            Some(FormatName::Url) => Format::Url,
            Some(FormatName::Any) | None if self.kind == KindName::WholeText => Format::WHOLE,
            Some(FormatName::Any) | None => Format::Any,
        };
        let format = match (&self.one_of, self.within) {
            (Some(values), _) => {
                let values: Vec<&'static str> = values.iter().map(|value| kept(value)).collect();
                Format::OneOf(values.leak())
            }
            (None, Some((least, most))) => Format::Within(least, most),
            (None, None) => named,
        };
        Field { name: kept(&self.name), kind, need, max: self.max, format, about: kept(&self.about), inferred: false }
    }

    /// Mistakes of the field, below `key`.
    pub(super) fn validate(&self, key: &str, faults: &mut Vec<Fault>) {
        let mut wrong = |at: &str, remedy: &str| faults.push(Fault::new(format!("{key}.{at}"), remedy));
        if self.name.is_empty() {
            wrong("name", "must not be empty");
        }
        match (self.need, &self.default) {
            (NeedName::Default, None) => wrong("default", "must be given: need says that it is sent"),
            (NeedName::Default, Some(_)) | (_, None) => {}
            (_, Some(_)) => wrong("default", "is for need = \"default\": remove one of them"),
        }
        let nests = matches!(self.kind, KindName::Object | KindName::List);
        if !self.fields.is_empty() && !nests {
            wrong("fields", "are of an object or a list: give kind = \"object\" or \"list\"");
        }
        let forms = [self.format.is_some(), self.one_of.is_some(), self.within.is_some()];
        if forms.iter().filter(|given| **given).count() > 1 {
            wrong("format", "stands beside one_of or within: keep one of them");
        }
        if self.one_of.as_ref().is_some_and(Vec::is_empty) {
            wrong("one_of", "must hold at least one value");
        }
        if self.within.is_some_and(|(least, most)| least > most || most > Format::MOST_WHOLE) {
            wrong("within", "must be the least and the most, such as [1, 100]");
        }
        each(&self.fields, key, faults);
    }
}

/// Mistakes of fields in a table of that key.
pub(super) fn each(fields: &[FieldTable], key: &str, faults: &mut Vec<Fault>) {
    for (at, field) in fields.iter().enumerate() {
        field.validate(&format!("{key}.fields[{at}]"), faults);
        if fields.iter().take(at).any(|other| other.name == field.name) {
            faults.push(Fault::new(format!("{key}.fields[{at}].name"), "is there twice"));
        }
    }
}
