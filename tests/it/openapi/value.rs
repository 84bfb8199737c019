//! A value held against a schema: the part of JSON Schema 2020-12 that the document uses, and a panic at any other.

use serde_json::Value;

/// Says something of a value and refuses none.
const NOTES: &[&str] =
    &["description", "title", "default", "examples", "format", "contentEncoding", "contentMediaType"];

/// What the schema holds against the value.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let Some(keywords) = target(document, schema).as_object() else { panic!("no schema: {schema}") };
    let none = Value::Null;
    for (keyword, wanted) in keywords {
        let ok = |schema: &Value| faults(document, schema, value).is_empty();
        let number = || wanted.as_u64().unwrap();
        let length = || value.as_str().map(|text| text.chars().count() as u64);
        let good = match keyword.as_str() {
            name if NOTES.contains(&name) => true,
            "type" => wanted.as_array().map_or_else(|| is(wanted, value), |all| all.iter().any(|kind| is(kind, value))),
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "minLength" => length().is_none_or(|length| length >= number()),
            "maxLength" => length().is_none_or(|length| length <= number()),
            "pattern" => value.as_str().is_none_or(|text| fits(wanted.as_str().unwrap(), text)),
            "minimum" => value.as_u64().is_none_or(|value| value >= number()),
            "maximum" => value.as_u64().is_none_or(|value| value <= number()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= number()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= number()),
            "required" => {
                let missing = |name: &&Value| value.get(name.as_str().unwrap()).is_none();
                !value.is_object() || !wanted.as_array().unwrap().iter().any(|name| missing(&name))
            }
            "properties" => {
                let given =
                    wanted.as_object().unwrap().iter().filter_map(|(name, of)| Some((name, of, value.get(name)?)));
                for (name, schema, value) in given {
                    found.extend(faults(document, schema, value).into_iter().map(|fault| format!("{name}.{fault}")));
                }
                true
            }
            "additionalProperties" if *wanted == Value::Bool(false) => {
                let known = keywords.get("properties").unwrap_or(&none);
                value.as_object().is_none_or(|members| members.keys().all(|name| known.get(name).is_some()))
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(document, wanted, item).into_iter().map(|fault| format!("[{at}].{fault}")));
                }
                true
            }
            "allOf" => wanted.as_array().unwrap().iter().all(ok),
            "anyOf" => wanted.as_array().unwrap().iter().any(ok),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|one| ok(one)).count() == 1,
            "if" => !ok(wanted) || ok(&keywords["then"]),
            "then" => true,
            other => panic!("the schema has a keyword that is not known here: {other}"),
        };
        if !good {
            found.push(format!("{keyword} {wanted}"));
        }
    }
    found
}

/// What a reference stands for; anything else stands for itself.
pub(super) fn target<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("a type that is not known here: {other}"),
    }
}

/// Classes and single characters, each once, `{n}` times or `+`; all of it optional within `(...)?`.
fn fits(pattern: &str, text: &str) -> bool {
    let pattern = pattern.strip_prefix('^').and_then(|pattern| pattern.strip_suffix('$')).unwrap();
    if let Some(inner) = pattern.strip_prefix('(').and_then(|pattern| pattern.strip_suffix(")?")) {
        return text.is_empty() || fits(&format!("^{inner}$"), text);
    }
    let (mut pattern, mut text) = (pattern, text);
    while !pattern.is_empty() {
        let (class, rest) = match pattern.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap(),
            None => pattern.split_at(1),
        };
        let (least, most, rest) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((count, rest)) => (count.parse().unwrap(), count.parse().unwrap(), rest),
            None => rest.strip_prefix('+').map_or((1, 1, rest), |rest| (1, usize::MAX, rest)),
        };
        let taken = text.chars().take(most).take_while(|char| within(class, *char)).count();
        if taken < least {
            return false;
        }
        // Nothing that a class takes follows it in a pattern of ours, so that taking the most is right.
        (pattern, text) = (rest, text.get(taken..).unwrap());
    }
    text.is_empty()
}

fn within(class: &str, char: char) -> bool {
    let chars: Vec<_> = class.chars().collect();
    let mut at = 0;
    while let Some(first) = chars.get(at) {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(last)) if (*first..=*last).contains(&char) => return true,
            (Some('-'), Some(_)) => at += 3,
            _ if *first == char => return true,
            _ => at += 1,
        }
    }
    false
}

#[test]
fn patterns_mean_what_they_say() {
    let time = "^([0-9]{4}-[0-9]{2} [0-9]{2}:[0-9]{2})?$";
    assert!(fits(time, "") && fits(time, "2023-05 10:10"));
    assert!(!fits(time, "2023-05 10:1") && !fits(time, "2023-05 10:101") && !fits(time, "2023-0510:10"));
    assert!(fits("^[+-][0-9]+$", "+8") && fits("^[+-][0-9]+$", "-10") && !fits("^[+-][0-9]+$", "8"));
    assert!(fits("^[a-z0-9-]+$", "xhq-sh") && !fits("^[a-z0-9-]+$", "XHQ") && !fits("^[a-z0-9-]+$", ""));
}
