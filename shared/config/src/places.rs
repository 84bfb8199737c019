//! Between the paths of a document (`signature.send[0]`) and where they are in its text, and what serde's errors say
//! there.

use hub::slip::nearest;
use toml::de::{DeTable, DeValue};

use super::reader::unknown;

/// Offset of the deepest part of a path that is present; nothing where not even its first part is.
pub(super) fn offset_of(entries: &DeTable<'_>, path: &str) -> Option<usize> {
    entries.iter().find_map(|(name, value)| {
        let rest = path.strip_prefix(name.get_ref().as_ref())?;
        if rest.is_empty() || rest.starts_with(['.', '[']) {
            return Some(below(value.get_ref(), rest).unwrap_or(value.span().start));
        }
        None
    })
}

fn below(value: &DeValue<'_>, path: &str) -> Option<usize> {
    if let Some(path) = path.strip_prefix('.') {
        return offset_of(value.as_table()?, path);
    }
    let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
    let element = value.as_array()?.get(index.parse::<usize>().ok()?)?;
    Some(below(element.get_ref(), rest).unwrap_or(element.span().start))
}

/// The path of whatever begins at an offset within a value whose own path is `path`: a key or a value, the deepest.
pub(super) fn path_at(value: &DeValue<'_>, path: &str, offset: usize) -> Option<String> {
    match value {
        DeValue::Table(entries) => entries.iter().find_map(|(name, value)| {
            let path = format!("{path}.{}", name.get_ref());
            let here = name.span().start == offset || value.span().start == offset;
            path_at(value.get_ref(), &path, offset).or_else(|| here.then_some(path))
        }),
        DeValue::Array(elements) => elements.iter().enumerate().find_map(|(index, element)| {
            let path = format!("{path}[{index}]");
            path_at(element.get_ref(), &path, offset).or_else(|| (element.span().start == offset).then_some(path))
        }),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    }
}

/// The key and the text of a mistake, from the key that serde's error is at and what it says.
///
/// Its messages quote what was found, which may be a secret in the wrong place. What was expected is the last thing they
/// say and comes from the code, so that alone is repeated.
pub(super) fn mistake(key: String, message: &str) -> (String, String) {
    if let Some(missing) = message.strip_prefix("missing field ") {
        return (format!("{key}.{}", missing.trim_matches('`')), "is missing".to_owned());
    }
    let expected = message.rsplit_once("expected ").or_else(|| message.rsplit_once("wanted "));
    let expected = expected.map_or("", |(_, expected)| expected);
    if message.starts_with("unknown field ") {
        let name = key.rsplit_once('.').map_or(key.as_str(), |(_, name)| name);
        let known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        return (key.clone(), unknown(name, &known));
    }
    if message.starts_with("unknown variant ") {
        let quoted = |text: &'_ str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let (found, known) = (quoted(message), quoted(expected));
        let words = || known.iter().map(String::as_str);
        // The word that was found is compared, and not repeated.
        if let Some(meant) = found.first().and_then(|found| nearest(found, words())) {
            let known: Vec<_> = words().map(|word| format!("{word:?}")).collect();
            return (key, format!("must be one of {}: did you mean {meant:?}?", known.join(", ")));
        }
    }
    let wanted = match expected.trim_start_matches("one of ") {
        "" => return (key, "is not of the form it must have".to_owned()),
        "newtype variant" => "a table such as { credential = \"name\" } or { text = \"...\" }".to_owned(),
        "unit variant" | "a string" => "a text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list in [ ]".to_owned(),
        "a map" => "a table".to_owned(),
        "string or table" => "a text or a table".to_owned(),
        wanted if wanted.starts_with("exactly 1 element") => "a table with exactly one key".to_owned(),
        wanted if wanted.starts_with("struct ") => "a table".to_owned(),
        wanted if wanted.contains("`credential`") => {
            // Some are words, and others tables of a name.
            let is_word =
                |word: &&str| !matches!(*word, "field" | "header" | "query" | "pointer" | "credential" | "text");
            let words = wanted.split('`').skip(1).step_by(2).filter(is_word).map(|word| format!("{word:?}"));
            let words: Vec<_> = words.collect();
            format!(
                "one of {}, or a table such as {{ credential = \"name\" }} or {{ text = \"...\" }}",
                words.join(", ")
            )
        }
        wanted => {
            let of = if expected.starts_with("one of ") { "one of " } else { "" };
            format!("{of}{}", wanted.replace('`', "\""))
        }
    };
    (key, format!("must be {wanted}"))
}
