//! The tables of the configuration's keys in `docs/configuration.md` and its Chinese mirror.

use config::{Absent, KEYS, Key, Kind, Text};
use partners::Partner;

use crate::tables::{code, list, table};

/// A language of the documents: which half of a text it reads, and its own words and marks.
pub(crate) struct Language {
    read: fn(Text) -> &'static str,
    head: [&'static str; 3],
    required: &'static str,
    credentials: &'static str,
    comma: &'static str,
    colon: &'static str,
    semicolon: &'static str,
    to: &'static str,
    brackets: [&'static str; 2],
}

pub(crate) const ENGLISH: Language = Language {
    read: |text| text.english,
    head: ["key", "default", "bounds and meaning"],
    required: "required",
    credentials: "credentials",
    comma: ", ",
    colon: ": ",
    semicolon: "; ",
    to: " to ",
    brackets: [" (", ")"],
};

pub(crate) const CHINESE: Language = Language {
    read: |text| text.chinese,
    head: ["配置项", "默认值", "取值范围与含义"],
    required: "必填",
    credentials: "凭证",
    comma: "、",
    colon: "：",
    semicolon: "；",
    to: "~",
    brackets: ["（", "）"],
};

/// The keys of the document, then those of each of its tables.
pub(crate) fn keys(language: &Language) -> String {
    let mut rows = Vec::new();
    add_rows("", KEYS, language, &mut rows);
    for key in KEYS.iter().filter(|key| !key.kind.keys().is_empty()) {
        let name = if let Kind::Tables(_) = key.kind { format!("[[{}]]", key.name) } else { format!("[{}]", key.name) };
        rows.push([format!("**{}**", code(name)), String::new(), (language.read)(key.text).to_owned()]);
        add_rows("", key.kind.keys(), language, &mut rows);
    }
    table(language.head, rows)
}

fn add_rows(path: &str, keys: &[Key], language: &Language, rows: &mut Vec<[String; 3]>) {
    let is_top = std::ptr::eq(keys, KEYS);
    for key in keys.iter().filter(|key| !is_top || key.kind.keys().is_empty()) {
        let name = if let Kind::Credentials = key.kind {
            language.credentials.to_owned()
        } else {
            code(format_args!("{path}{}", key.name))
        };
        let absent = match key.absent {
            Absent::Required => language.required.to_owned(),
            Absent::Value(value) => code(value),
            Absent::Other(text) => (language.read)(text).to_owned(),
        };
        rows.push([name, absent, meaning(key, language)]);
        let inner = if let Kind::Each(_) = key.kind { format!("{}.*.", key.name) } else { format!("{}.", key.name) };
        add_rows(&inner, key.kind.keys(), language, rows);
    }
}

/// The partners that have the key, its bounds, its text, and the names that the partners give it.
fn meaning(key: &Key, language: &Language) -> String {
    let Language { read, comma, colon, semicolon, to, brackets: [open, close], .. } = language;
    let all = list(Partner::ALL.into_iter().map(|partner| code(format_args!("\"{partner}\""))), comma);
    let mut meaning = read(key.text).replace("{partners}", &all);
    if let Some(bounds) = key.kind.bounds() {
        let of_duration = matches!(key.kind, Kind::Duration(_));
        let quoted = |bound: &str| if of_duration { code(format_args!("\"{bound}\"")) } else { bound.to_owned() };
        meaning = format!("{}{to}{}{semicolon}{meaning}", quoted(bounds.start()), quoted(bounds.end()));
    }
    let having = || Partner::ALL.into_iter().filter_map(|partner| Some((partner, (key.partners)(partner)?)));
    if having().any(|(_, names)| !names.is_empty()) {
        let named = having()
            .map(|(partner, names)| format!("{}{colon}{}", code(partner), list(names.into_iter().map(code), comma)));
        format!("{meaning}{open}{}{close}", list(named, semicolon))
    } else if having().count() < Partner::ALL.len() {
        format!("{}{colon}{meaning}", list(having().map(|(partner, _)| code(partner)), comma))
    } else {
        meaning
    }
}
