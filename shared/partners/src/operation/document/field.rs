//! A documented field of a partner's operation as a JSON schema.
//!
//! The schema is what the partner documents. The hub takes more: a number for a text, a text for a number, an array for
//! a comma list. Each schema has one type all the same, for the sake of the code that is generated from it.

use serde_json::{Map, Value, json};

use super::super::{Field, Format, Kind, Need, Rule};

/// A text that is not blank. It says the same to clients that hold a pattern against the beginning, or the whole.
pub const SOMETHING: &str = r"^\s*\S[\s\S]*$";

/// Texts with commas between them, of which one at least is not blank.
const SOME: &str = r"^[\s,]*[^\s,][\s\S]*$";

/// `yyyy-MM-dd`, a day that exists.
const DATE: &str = "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)\
                    |02-(0[1-9]|1[0-9]|2[0-8]))\
                    |([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)";

/// `HH:mm:ss`, a time that exists.
const TIME: &str = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";

/// An `http` or `https` address: a host, perhaps behind a user's name, and nothing in it that no address has.
pub const ADDRESS: &str = concat!(
    r"[Hh][Tt][Tt][Pp][Ss]?://([^\s\x00-\x1f\x7f-\x9f/?#\\]*@)?",
    r"[^\s\x00-\x2f:-@\\-`{-\x9f][^\s\x00-\x1f\x7f-\x9f/?#\\@]*([/?#\\][^\s\x00-\x1f\x7f-\x9f]*)?",
);

/// An object of these fields. Others pass, too.
pub(super) fn object(fields: &[Field], rules: &[Rule]) -> Map<String, Value> {
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), schema(field).into())).collect();
    let needed = fields.iter().filter(|field| !field.inferred && matches!(field.need, Need::Required | Need::Present));
    let needed: Vec<_> = needed.map(|field| field.name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    if !properties.is_empty() {
        object.insert("properties".to_owned(), properties.into());
    }
    if !needed.is_empty() {
        object.insert("required".to_owned(), needed.into());
    }
    if !rules.is_empty() {
        object.insert("allOf".to_owned(), rules.iter().map(|rule| together(*rule, fields)).collect());
    }
    object
}

/// The rule as a sentence, for readers and for tools that ignore conditional schemas.
pub(super) fn words(rule: Rule) -> String {
    match rule {
        Rule::Either(names) => format!("At least one of {} must have a value.", listed(names)),
        Rule::When(name, value, needed) => format!("Where `{name}` is {value}, {} must have a value.", listed(needed)),
    }
}

/// Names between backticks and commas.
pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn together(rule: Rule, fields: &[Field]) -> Value {
    let given = |names: &[&str]| {
        let valued = names.iter().filter_map(|name| {
            let kind = fields.iter().find(|field| field.name == *name)?.kind;
            Some(((*name).to_owned(), valued(kind).into()))
        });
        json!({"required": names, "properties": valued.collect::<Map<_, _>>()})
    };
    match rule {
        Rule::Either(names) => json!({"anyOf": names.iter().map(|name| given(&[name])).collect::<Vec<_>>()}),
        Rule::When(name, value, needed) => json!({
            "if": {"required": [name], "properties": {name: {"const": value}}},
            "then": given(needed),
        }),
    }
}

/// Constraints on a value of that kind that counts as given: `""`, blanks and `[]` do not.
fn valued(kind: Kind) -> Map<String, Value> {
    let (least, pattern) = match kind {
        Kind::Text | Kind::WholeText => ("minLength", Some(SOMETHING)),
        Kind::Commas => ("minLength", Some(SOME)),
        Kind::List(_) | Kind::Texts => ("minItems", None),
        Kind::Whole | Kind::Json | Kind::Object(_) => return Map::new(),
    };
    // Generators take a pattern of what has a type for one alone.
    let texts = pattern.map(|pattern| [("type".to_owned(), "string".into()), ("pattern".to_owned(), pattern.into())]);
    texts.into_iter().flatten().chain([(least.to_owned(), 1.into())]).collect()
}

fn schema(field: &Field) -> Map<String, Value> {
    let (mut schema, also) = match field.kind {
        Kind::Text | Kind::WholeText => (of("string"), ""),
        Kind::Whole => (of("integer"), ""),
        Kind::Json => (Map::new(), ""),
        Kind::Object(fields) => (object(fields, &[]), "; or a JSON string that holds the object"),
        Kind::List(fields) => {
            let mut list = of("array");
            list.insert("items".to_owned(), object(fields, &[]).into());
            (list, "")
        }
        Kind::Texts => {
            let mut list = of("array");
            list.insert("items".to_owned(), of("string").into());
            (list, "")
        }
        Kind::Commas => (of("string"), "; an array of strings is accepted, too"),
    };
    let doubt = if field.inferred { " (known by analogy: this table is missing from the document)" } else { "" };
    // Not as a `default`: some generators make what has one a member that must be given.
    let filled_in = match field.need {
        Need::Default(text) => format!("; sent as \"{text}\" where it is left out"),
        Need::Blank => "; sent as \"\" where it is left out".to_owned(),
        Need::Required | Need::Present | Need::Optional | Need::Filled => String::new(),
    };
    schema.insert("description".to_owned(), format!("{}{also}{filled_in}{doubt}", field.about).into());
    if field.inferred {
        // An inferred field is checked by its type alone, and a number has bounds of its own.
        if matches!(field.kind, Kind::Whole) {
            number(field, &mut schema);
        }
        return schema;
    }
    let filled = matches!(field.need, Need::Required | Need::Filled);
    if filled {
        schema.extend(valued(field.kind));
    }
    if field.max > 0 {
        schema.insert("maxLength".to_owned(), field.max.into());
    }
    match field.kind {
        Kind::Whole => number(field, &mut schema),
        Kind::Text | Kind::WholeText | Kind::Commas => text(field, filled, &mut schema),
        Kind::Json | Kind::Object(_) | Kind::List(_) | Kind::Texts => {}
    }
    schema
}

fn number(field: &Field, schema: &mut Map<String, Value>) {
    match field.format {
        Format::OneOf(values) => {
            let values: Vec<u64> = values.iter().filter_map(|value| value.parse().ok()).collect();
            schema.insert("enum".to_owned(), values.into());
        }
        Format::Within(least, most) => {
            schema.insert("minimum".to_owned(), least.into());
            schema.insert("maximum".to_owned(), most.into());
        }
        Format::Any | Format::Time | Format::Date | Format::Zone | Format::Url => {
            schema.insert("minimum".to_owned(), 0.into());
            schema.insert("maximum".to_owned(), Format::MOST_WHOLE.into());
        }
    }
}

/// `""` is no value of what may be left out, and is not looked at.
fn text(field: &Field, filled: bool, schema: &mut Map<String, Value>) {
    let pattern = match field.format {
        // That it is more than blanks, where it must be, is said already.
        Format::Any => return,
        Format::OneOf(values) => {
            let blank = if filled { None } else { Some("") };
            let values: Vec<_> = values.iter().copied().chain(blank).collect();
            schema.insert("enum".to_owned(), values.into());
            schema.remove("pattern");
            return;
        }
        Format::Time => format!("{DATE} {TIME}"),
        Format::Date => DATE.to_owned(),
        Format::Zone => "[+-](0[0-9]|1[0-4]):[0-5][0-9]".to_owned(),
        Format::Url => ADDRESS.to_owned(),
        Format::Within(_, most) => format!("[0-9]{{1,{}}}", most.to_string().len()),
    };
    let pattern = if filled { format!("^{pattern}$") } else { format!("^({pattern})?$") };
    schema.insert("pattern".to_owned(), pattern.into());
}

fn of(kind: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), kind.into())])
}
