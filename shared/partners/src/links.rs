//! Links to files in a partner's JSON: where its documents put them ([`Linked`]), and the links of a payload or an answer.

use std::collections::BTreeSet;

use crate::Json;
use crate::json::Kind;
use crate::operation::Operation;

/// Most links of one payload or answer. XHQ's receipt has four.
pub const MOST: usize = 16;

/// Longest link, in bytes. Stores of files sign their links with a few hundred.
const LONGEST: usize = 4096;

/// Deepest level of an answer that is searched.
const DEEPEST: usize = 8;

/// Members of a push that hold links to files.
#[derive(Clone, Copy, Debug)]
pub struct Linked {
    /// The type of the event, in full.
    pub event_type: &'static str,
    /// Their parent: an object, or a JSON string that holds one.
    pub within: &'static str,
    /// Their names.
    pub fields: &'static [&'static str],
}

/// A link to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Name of the member that holds it.
    pub field: String,
    /// The address, `http` or `https`.
    pub url: String,
}

/// Links of one payload or answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The links, each address once.
    pub links: Vec<Link>,
    /// Number of links that are left out: there are too many, or they are too long.
    pub left_out: u32,
}

/// Links in the payload of an event of that type.
#[must_use]
pub fn of_payload(linked: &[Linked], kind: &str, payload: &Json<'_>) -> Links {
    let mut found = Found::default();
    for Linked { within, fields, .. } in linked.iter().filter(|linked| linked.event_type == kind) {
        payload.within(within, |inner| {
            for field in *fields {
                if let Some(value) = inner.get(field) {
                    found.search(field, value, 0);
                }
            }
        });
    }
    found.links
}

/// Links in the answer of an operation that names files; none of other operations. The shape of such answers is not
/// documented, so every text of `data` that is a link counts (inferred), named by its member.
#[must_use]
pub fn of_answer(operation: &Operation<'_>, answer: &Json<'_>) -> Links {
    let mut found = Found::default();
    if let Some(data) = answer.get("data").filter(|_| operation.links) {
        found.search(operation.name, data, 0);
    }
    found.links
}

#[derive(Default)]
struct Found {
    known: BTreeSet<String>,
    links: Links,
}

impl Found {
    fn search(&mut self, field: &str, value: &Json<'_>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match value.kind() {
            Kind::String(text) => addresses(text).for_each(|url| self.add(field, url)),
            Kind::Array(elements) => elements.iter().for_each(|element| self.search(field, element, depth + 1)),
            Kind::Object(members) => members.iter().for_each(|(name, value)| self.search(name, value, depth + 1)),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
        }
    }

    fn add(&mut self, field: &str, url: &str) {
        if self.known.contains(url) {
            return;
        }
        if url.len() > LONGEST || self.known.len() >= MOST {
            self.links.left_out = self.links.left_out.saturating_add(1);
            return;
        }
        self.known.insert(url.to_owned());
        self.links.links.push(Link { field: field.chars().take(64).collect(), url: url.to_owned() });
    }
}

/// The addresses of a text: one, or several with separators between them, as it is not documented whether a member holds more
/// than one. An address within another one's query stands behind no separator and is a part of it.
fn addresses(text: &str) -> impl Iterator<Item = &str> {
    const fn separates(c: char) -> bool {
        matches!(c, ',' | ';' | '|' | '，' | '；' | '、') || c.is_ascii_whitespace()
    }
    let begins = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let begin = |scheme: &str| rest.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        let is_first = text.get(..at).unwrap_or_default().chars().next_back().is_none_or(separates);
        is_first && (begin("http://") || begin("https://"))
    };
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).filter(|at| begins(*at)).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]).collect::<Vec<_>>();
    // A text that is not a link from its beginning is a sentence.
    let is_link = starts.first().is_some_and(|first| text.get(..*first).unwrap_or_default().chars().all(separates));
    let parts = starts.into_iter().zip(ends).filter(move |_| is_link);
    parts.map(|(start, end)| text.get(start..end).unwrap_or_default().trim_end_matches(separates))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Partner, operation};

    fn receipt(param: &str) -> Vec<(String, String)> {
        let body = format!(r#"{{"action":"single_receipt","paramJson":{param}}}"#);
        let linked = Partner::Xhq.profile().pushes.unwrap().links;
        let links = of_payload(linked, "xhq.single_receipt", &Json::parse(body.as_bytes()).unwrap());
        links.links.into_iter().map(|link| (link.field, link.url)).collect()
    }

    fn urls(param: &str) -> Vec<String> {
        receipt(param).into_iter().map(|(_, url)| url).collect()
    }

    #[test]
    fn receipt_names_files_by_its_four_fields() {
        let param = r#"{"releaseNotice":"http://a/1.pdf","customsDeclaration":"https://a/2.pdf","authorizationLetter":"",
            "examinePdf":null,"note":"http://a/no"}"#;
        let expected = [("releaseNotice", "http://a/1.pdf"), ("customsDeclaration", "https://a/2.pdf")];
        let expected = expected.map(|(field, url)| (field.to_owned(), url.to_owned()));
        assert_eq!(receipt(param), expected);
        assert_eq!(receipt(&serde_json::Value::from(param).to_string()), expected, "as a text, too");
    }

    #[test]
    fn field_may_hold_several_links_each_once() {
        assert_eq!(
            urls(r#"{"examinePdf":"http://a/1.pdf,HTTPS://a/2.pdf； http://a/1.pdf;"}"#),
            ["http://a/1.pdf", "HTTPS://a/2.pdf"]
        );
        assert_eq!(
            urls(r#"{"examinePdf":["http://a/1.pdf",{"url":"http://a/2.pdf"}]}"#),
            ["http://a/1.pdf", "http://a/2.pdf"]
        );
        assert_eq!(urls(r#"{"examinePdf":"http://a/1?next=http://b/2,3"}"#), ["http://a/1?next=http://b/2,3"]);
        for no in ["\"see http://a/1.pdf\"", "\"ftp://a/1.pdf\"", "\"file:///etc/passwd\"", "17", "\"1.pdf\""] {
            assert!(urls(&format!(r#"{{"examinePdf":{no}}}"#)).is_empty(), "{no}");
        }
    }

    #[test]
    fn too_many_or_too_long_links_are_counted() {
        let many: Vec<_> = (0..MOST + 2).map(|n| format!("http://a/{n}")).collect();
        let body = serde_json::json!({"paramJson": {"examinePdf": many, "releaseNotice": format!("http://a/{}", "x".repeat(LONGEST))}});
        let linked = Partner::Xhq.profile().pushes.unwrap().links;
        let found = of_payload(linked, "xhq.single_receipt", &Json::parse(body.to_string().as_bytes()).unwrap());
        assert_eq!((found.links.len(), found.left_out), (MOST, 3));
        let other = of_payload(linked, "xhq.syn_status", &Json::parse(body.to_string().as_bytes()).unwrap());
        assert_eq!(other, Links::default());
    }

    #[test]
    fn answer_names_files_anywhere_in_its_data() {
        let links = |name: &str, answer: &str| {
            let operation = operation::find(Partner::Xhq, name).unwrap();
            of_answer(&operation, &Json::parse(answer.as_bytes()).unwrap()).links
        };
        let link = |field: &str, url: &str| Link { field: field.to_owned(), url: url.to_owned() };
        let bare = r#"{"code":200,"data":"http://a/1.pdf"}"#;
        assert_eq!(links("getReleaseNotice", bare), [link("getReleaseNotice", "http://a/1.pdf")]);
        let rows =
            r#"{"code":200,"msg":"http://a/no","data":[{"pdfUrl":"http://a/1.pdf"},{"pdfUrl":"http://a/2.pdf"}]}"#;
        assert_eq!(links("getCheckRows", rows), [link("pdfUrl", "http://a/1.pdf"), link("pdfUrl", "http://a/2.pdf")]);
        assert!(links("bghList", bare).is_empty());
    }
}
