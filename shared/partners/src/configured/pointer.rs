//! Pointers into a push: JSON pointers (RFC 6901) with `*` for each element, which also look into text that is JSON.

use std::fmt;
use std::ops::Range;

use crate::Json;
use crate::json::Kind;

/// Most steps of a pointer.
const MOST_STEPS: usize = 16;

/// A checked pointer. With `each`, it begins at the element; one that begins with `$` begins at the push as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    is_of_whole: bool,
    steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq)]
enum Step {
    /// The member of that name, or the element at that place.
    Name(String),
    /// Every element of an array; of what is no array, itself.
    Each,
}

impl Pointer {
    /// The pointer of a text. The error is the rest of a sentence that begins with its key.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (is_of_whole, path) = text.strip_prefix('$').map_or((false, text), |path| (true, path));
        if path.is_empty() {
            return Ok(Self { text: text.to_owned(), is_of_whole, steps: Vec::new() });
        }
        let Some(path) = path.strip_prefix('/') else {
            return Err("must be a JSON pointer such as \"/data/list/*/no\": it begins with /");
        };
        let step = |part: &str| match part {
            "*" => Step::Each,
            name => Step::Name(name.replace("~1", "/").replace("~0", "~")),
        };
        let steps: Vec<_> = path.split('/').map(step).collect();
        if steps.len() > MOST_STEPS {
            return Err("has more than 16 steps");
        }
        if steps.iter().any(|step| matches!(step, Step::Name(name) if name.is_empty())) {
            return Err("has a step without a name: write no / at its end and no // in it");
        }
        Ok(Self { text: text.to_owned(), is_of_whole, steps })
    }

    /// The pointer as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it begins at the push as a whole, also where there is an element.
    #[must_use]
    pub const fn is_of_whole(&self) -> bool {
        self.is_of_whole
    }

    /// Whether it leads to all that it begins at.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.steps.is_empty()
    }

    /// Looks at each value that it leads to from there.
    pub fn visit(&self, json: &Json<'_>, look: &mut dyn FnMut(&Json<'_>)) {
        visit(&self.steps, json, look);
    }

    /// Takes the text of each scalar that it leads to, by value and without the blanks around it. `""` and `null` are none.
    pub fn values(&self, json: &Json<'_>, take: &mut dyn FnMut(&str)) {
        self.visit(json, &mut |found| {
            if let Some(text) = found.value().map(str::trim).filter(|text| !text.is_empty()) {
                take(text);
            }
        });
    }

    /// The first text of [`Pointer::values`].
    #[must_use]
    pub fn value(&self, json: &Json<'_>) -> Option<String> {
        let mut first = None;
        self.values(json, &mut |text| {
            first.get_or_insert_with(|| text.to_owned());
        });
        first
    }

    /// The first scalar that it leads to, as printed.
    #[must_use]
    pub fn scalar(&self, json: &Json<'_>) -> Option<String> {
        let mut first = None;
        self.visit(json, &mut |found| {
            first = first.take().or_else(|| found.scalar().map(str::to_owned));
        });
        first
    }

    /// The names of its steps, where no step is each element.
    pub(super) fn names(&self) -> Option<Vec<&str>> {
        let mut names = Vec::new();
        for step in &self.steps {
            let Step::Name(name) = step else { return None };
            names.push(name.as_str());
        }
        Some(names)
    }

    /// Adds the place of each value that it leads to in the document itself, and not in text that is JSON.
    pub fn spans(&self, json: &Json<'_>, found: &mut Vec<Range<usize>>) {
        spans(&self.steps, json, found);
    }

    /// The value that it leads to within the document itself, without `*`.
    #[must_use]
    pub fn place<'j, 'a>(&self, json: &'j Json<'a>) -> Option<&'j Json<'a>> {
        let step = |json: &'j Json<'a>, step: &Step| match step {
            Step::Name(name) => json.step(name),
            Step::Each => None,
        };
        self.steps.iter().try_fold(json, step)
    }
}

fn visit(steps: &[Step], json: &Json<'_>, look: &mut dyn FnMut(&Json<'_>)) {
    let Some((step, rest)) = steps.split_first() else { return look(json) };
    match (step, json.kind()) {
        (Step::Name(name), Kind::Object(_) | Kind::Array(_)) => {
            json.step(name).into_iter().for_each(|found| visit(rest, found, look));
        }
        (Step::Each, Kind::Array(elements)) => elements.iter().for_each(|element| visit(rest, element, look)),
        (_, Kind::String(text)) if text.trim_start().starts_with(['{', '[']) => {
            if let Ok(inner) = Json::parse(text.as_bytes()) {
                visit(steps, &inner, look);
            }
        }
        (Step::Each, Kind::Object(_) | Kind::String(_) | Kind::Number(_) | Kind::Bool(_)) => visit(rest, json, look),
        (Step::Each | Step::Name(_), Kind::Null)
        | (Step::Name(_), Kind::Bool(_) | Kind::Number(_) | Kind::String(_)) => {}
    }
}

fn spans(steps: &[Step], json: &Json<'_>, found: &mut Vec<Range<usize>>) {
    let Some((step, rest)) = steps.split_first() else { return found.push(json.span()) };
    match (step, json.kind()) {
        (Step::Name(name), Kind::Object(_) | Kind::Array(_)) => {
            json.step(name).into_iter().for_each(|one| spans(rest, one, found));
        }
        (Step::Each, Kind::Array(elements)) => elements.iter().for_each(|one| spans(rest, one, found)),
        (Step::Each, Kind::Object(_)) => spans(rest, json, found),
        (Step::Each | Step::Name(_), Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_)) => {}
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pointer: &str, json: &str) -> Vec<String> {
        let mut found = Vec::new();
        let json = Json::parse(json.as_bytes()).unwrap();
        Pointer::parse(pointer).unwrap().values(&json, &mut |text| found.push(text.to_owned()));
        found
    }

    #[test]
    fn pointer_finds_each_value_also_in_text_that_is_json() {
        let json = r#"{"a":{"b/c":[{"n":" 1 "},{"n":2.0},{"n":""},{"n":null},7]},"s":"{\"n\":\"x\",\"l\":[{\"n\":9}]}","l":{"n":3}}"#;
        for (pointer, expected) in [
            ("/a/b~1c/*/n", &["1", "2"][..]),
            ("/a/b~1c/1/n", &["2"]),
            ("/s/n", &["x"]),
            ("/s/l/*/n", &["9"]),
            ("/l/*/n", &["3"]),
            ("$/l/n", &["3"]),
            ("/a", &[]),
            ("/none/*/n", &[]),
        ] {
            assert_eq!(values(pointer, json), expected, "{pointer}");
        }
        assert_eq!(values("", "7"), ["7"]);
        assert_eq!(values("/*", r#"["a","b"]"#), ["a", "b"]);
    }

    #[test]
    fn text_that_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "/", "/a/", "/a//b", "$a", &"/a".repeat(17)] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn array_is_found_in_the_document_alone() {
        let json = Json::parse(br#"{"a":[[1],2],"s":"[1]"}"#).unwrap();
        let array = |pointer: &str| {
            Pointer::parse(pointer)
                .unwrap()
                .place(&json)
                .filter(|found| found.elements().is_some())
                .map(|found| found.text().to_owned())
        };
        assert_eq!(array("/a").as_deref(), Some("[[1],2]"));
        assert_eq!(array("/a/0").as_deref(), Some("[1]"));
        assert_eq!((array("/s"), array(""), array("/a/1")), (None, None, None));
    }
}
