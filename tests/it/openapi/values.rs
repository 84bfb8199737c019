//! Values that the schema of a partner's operation allows, made from the schema itself: each is taken by the check behind it.
//! Of what looks like them, the check takes what the schema allows and nothing else.

use partners::operation::{self, Operation, Shape};
use regex_syntax::Parser;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Value, json};

use super::value::{faults, target};
use super::{body, sendable};
use crate::simulation::random::Random;

/// Number of texts that are made from a pattern.
const TEXTS: usize = 60;

/// Texts that one field or another takes, and some that look like them.
const ALIKE: &[&str] = &[
    "",
    " ",
    "\t",
    ",",
    " , ",
    ",,a",
    "a,b",
    "x",
    "长",
    "0",
    "1",
    " 1",
    "1 ",
    "00",
    "999999999999999999",
    "1000000000000000000",
    "0000000000000000001",
    "18446744073709551616",
    "-1",
    "1.0",
    "2023-05-17 10:10:00",
    "2023-99-99 99:99:99",
    "2023-05-17 24:00:00",
    "2023-05-17T10:10:00",
    " 2023-05-17 10:10:00",
    "2024-02-29",
    "2023-02-29",
    "1900-02-29",
    "2000-02-29",
    "2023-04-31",
    "2023-13-01",
    "2023-00-10",
    "2023-1-1",
    "+08:00",
    "-14:59",
    "+15:00",
    "+99:99",
    "+08:60",
    "08:00",
    "http://files/1.zip",
    "HTTPS://user:pass@files.example.com:8443/a?b=c#d",
    "http://文件/1.zip",
    "http://[::1]/1.zip",
    "http://@",
    "http://-x",
    "http://a@-x",
    "http://a@b@-x/",
    "http://-x@a/",
    "http://a/@-x",
    "http://a b",
    "http://a\u{85}",
    "http://",
    "https:///1.zip",
    "ftp://files/1.zip",
    "I",
    "E",
    "i",
    "a.zip",
    "a/b",
    "a\\b",
    "..",
    ". .",
    "...zip",
    "a\u{0}",
    "application/zip",
    "text/plain; charset=utf-8",
    "zip",
    "application/zip\r\nx: y",
];

struct Maker {
    random: Random,
}

impl Maker {
    /// Values of a schema and others of its type. `given` is one that is allowed.
    fn values(&mut self, schema: &Value, given: Option<&Value>) -> Vec<Value> {
        let schema = target(schema).clone();
        if let Some(either) = schema["oneOf"].as_array() {
            return either.iter().flat_map(|one| self.values(one, None)).collect();
        }
        let mut made: Vec<Value> = schema["enum"].as_array().cloned().unwrap_or_default();
        match schema["type"].as_str() {
            Some("string") => made.extend(self.texts(&schema).into_iter().map(Value::from)),
            Some("integer") => {
                let bound = |name: &str| schema[name].as_u64();
                let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(u64::MAX));
                made.extend([json!(least), json!(most), json!(most / 2), json!(1.0), json!(1.5), json!(-1)]);
                made.extend([most.checked_add(1), Some(u64::MAX)].into_iter().flatten().map(Value::from));
                made.push(json!(1e30));
            }
            Some("array") if schema["items"]["type"] == "string" => {
                made.extend([json!([]), json!([""]), json!(["", " "]), json!(["a", "b"])]);
            }
            Some("array") => {
                made.push(json!([]));
                let first = given.and_then(|given| given.get(0));
                made.extend(self.values(&schema["items"], first).into_iter().map(|one| json!([one])));
            }
            Some("object") => made.extend(self.objects(&schema, given)),
            None => made.extend([json!(null), json!(false), json!(1.5), json!(""), json!([null]), json!({"a": {}})]),
            Some(other) => panic!("a type of which nothing is made: {other}"),
        }
        made
    }

    /// An object with each of its members in turn left out, or of each value.
    fn objects(&mut self, schema: &Value, given: Option<&Value>) -> Vec<Value> {
        let mut base = given.and_then(Value::as_object).cloned().unwrap_or_default();
        let properties = schema["properties"].as_object().cloned().unwrap_or_default();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !base.contains_key(name) {
                let values = self.values(&properties[name], None);
                let fits = |value: &Value| faults(&properties[name], value).is_empty();
                base.insert(name.to_owned(), values.into_iter().find(fits).unwrap());
            }
        }
        let mut made = vec![Value::Object(base.clone())];
        for (name, property) in &properties {
            let mut without = base.clone();
            without.remove(name);
            made.push(without.into());
            for value in self.values(property, base.get(name)) {
                let mut with = base.clone();
                with.insert(name.clone(), value);
                made.push(with.into());
            }
        }
        made
    }

    fn texts(&mut self, schema: &Value) -> Vec<String> {
        if schema["contentEncoding"] == "base64" {
            // The pattern says less than the encoding, which JSON Schema does not look into.
            return ["YQ==", "YQ", "UEsDBA==", " UEsD\r\nBP/7\n", "", " ", "@", "==="].map(str::to_owned).into();
        }
        let mut texts: Vec<String> = ALIKE.iter().map(|text| (*text).to_owned()).collect();
        if let Some(pattern) = schema["pattern"].as_str() {
            let hir = Parser::new().parse(pattern).unwrap();
            texts.extend((0..TEXTS).map(|_| text(&hir, &mut self.random)));
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            let most = usize::try_from(most).unwrap();
            texts.extend(["x".repeat(most), "长".repeat(most), "长".repeat(most + 1), " ".repeat(most + 1)]);
        }
        texts
    }
}

/// A text that a pattern matches.
fn text(hir: &Hir, random: &mut Random) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).unwrap(),
        HirKind::Class(Class::Unicode(class)) => {
            // The first ranges as often as all the others: there the field's own characters are.
            let ranges = class.ranges();
            let shown = if random.chance(500) { ranges.len().min(3) } else { ranges.len() };
            let range = ranges[random.place(shown)];
            let (first, last) = (u32::from(range.start()), u32::from(range.end()));
            let within = u32::try_from(random.within(first.into()..=last.into())).unwrap();
            char::from_u32(within).unwrap_or(range.start()).to_string()
        }
        HirKind::Class(Class::Bytes(_)) => panic!("a pattern of bytes"),
        HirKind::Repetition(repeated) => {
            let most = repeated.max.unwrap_or(repeated.min + 4).min(repeated.min + 20);
            let count = random.within(repeated.min.into()..=most.into());
            (0..count).map(|_| text(&repeated.sub, random)).collect()
        }
        HirKind::Capture(capture) => text(&capture.sub, random),
        HirKind::Concat(all) => all.iter().map(|one| text(one, random)).collect(),
        HirKind::Alternation(either) => text(&either[random.place(either.len())], random),
    }
}

/// Whether the address of a file gives no name for it, which the document tells in words.
fn is_nameless(body: &Value) -> bool {
    let file = &body["file"];
    file["url"].is_string() && file["name"].as_str().is_none_or(str::is_empty)
}

fn bodies(row: &Operation<'_>) -> (Value, Vec<Value>) {
    let (schema, example) = body(row);
    let mut maker = Maker { random: Random::new(7) };
    let bodies = maker.values(&schema, Some(&example));
    (schema, bodies)
}

/// Regression: `2023-99-99 99:99:99`, `http://-x`, 2^64 and a file named `a/b` were in the schema, and a 400; blanks for a
/// choice and a comma list of nothing were not, and sent.
#[test]
fn check_takes_what_the_schema_allows_and_nothing_else() {
    let (mut allowed, mut refused) = (0, 0);
    for row in operation::all().filter(|row| row.shape != Shape::Any) {
        let (schema, bodies) = bodies(row);
        for body in bodies {
            let broken = faults(&schema, &body);
            if broken.is_empty() && is_nameless(&body) {
                continue;
            }
            assert_eq!(broken.is_empty(), sendable(row, &body), "{}: {body}: {broken:?}", row.name);
            *(if broken.is_empty() { &mut allowed } else { &mut refused }) += 1;
        }
    }
    assert!(allowed > 2_000 && refused > 1_000, "{allowed} {refused}");
}

#[test]
fn texts_are_made_from_a_pattern() {
    let mut random = Random::new(1);
    for pattern in ["^(a|b[0-9]{2})$", r"^\s*\S[\s\S]*$", "^[^/]+$", "^(x{1,3})?$"] {
        let (hir, schema) = (Parser::new().parse(pattern).unwrap(), json!({"type": "string", "pattern": pattern}));
        assert!((0..100).all(|_| faults(&schema, &text(&hir, &mut random).into()).is_empty()), "{pattern}");
    }
}
