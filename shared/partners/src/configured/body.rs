//! Bodies of pushes as JSON, by which they are read: a form's field as it is, and an XML document as the JSON of its elements.
//! The bytes that came are kept and delivered.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::percent_decode;
use roxmltree::{Document, Node, ParsingOptions};

use super::{Body, Notation, Pointer};
use crate::json::MAX_DEPTH;

/// Most elements, attributes and texts of an XML document.
const MOST_NODES: u32 = 300_000;

/// Reason why a body is not of its partner's notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOfNotation {
    /// The form lacks the field that holds the document.
    #[error("the form has no field {0}, which holds the document; send it as application/x-www-form-urlencoded")]
    NoField(String),
    /// The bytes are not UTF-8.
    #[error("the XML is not UTF-8 (byte {0} is the first that is not); send it in UTF-8")]
    Encoding(usize),
    /// It is no XML.
    #[error("the body is not XML (line {line}, column {column}); send one complete XML document")]
    Syntax {
        /// Line of the first fault, from 1.
        line: u32,
        /// Column of the first fault, from 1.
        column: u32,
    },
    /// It has a document type, which may define entities.
    #[error("the XML has a DOCTYPE, which is not taken; send it without")]
    Doctype,
    /// It is too large for what it says.
    #[error("the XML has more than {MOST_NODES} parts; send it in several")]
    TooMany,
    /// It nests too deep.
    #[error("the XML nests deeper than {MAX_DEPTH} levels; send it flatter")]
    TooDeep,
}

/// The JSON that a body is read as.
pub fn json<'b>(kind: &Body, body: &'b [u8]) -> Result<Cow<'b, [u8]>, NotOfNotation> {
    match kind {
        Body::Json => Ok(body.into()),
        Body::Form(name) => {
            let text = field(body, name).ok_or_else(|| NotOfNotation::NoField(name.clone()))?;
            Ok(text.into_bytes().into())
        }
        Body::FormXml(name) => {
            let text = field(body, name).ok_or_else(|| NotOfNotation::NoField(name.clone()))?;
            of_xml(text.trim_start_matches('\u{feff}').as_bytes()).map(|text| text.into_bytes().into())
        }
        Body::Xml => of_xml(body).map(|text| text.into_bytes().into()),
    }
}

/// The field of a form, or of a query, decoded; the first of that name.
#[must_use]
pub fn field(form: &[u8], name: &str) -> Option<String> {
    let decoded = |text: &[u8]| {
        let blanks: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&blanks).decode_utf8().ok().map(Cow::into_owned)
    };
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (own, value) = pair.split_at_checked(at)?;
        let value = value.strip_prefix(b"=").unwrap_or(value);
        (decoded(own).as_deref() == Some(name)).then(|| decoded(value)).flatten()
    })
}

/// The XML document with a text at a place of it, which is an element's text or an attribute's; nothing where it has no such place.
pub(super) fn replaced(document: &str, pointer: &Pointer, text: &str) -> Option<String> {
    let read = Document::parse(document).ok()?;
    let names = pointer.names()?;
    let ((root, path), text) = (names.split_first()?, Notation::Xml.escaped(text));
    let mut node = Some(read.root_element()).filter(|own| own.tag_name().name() == *root)?;
    for name in path {
        if let Some(name) = name.strip_prefix('@') {
            let place = node.attributes().find(|own| own.name() == name)?.range_value();
            return with(document, place, &text);
        }
        node = node.children().filter(Node::is_element).find(|own| own.tag_name().name() == *name)?;
    }
    if let Some(own) = node.children().find(Node::is_text) {
        return with(document, own.range(), &text);
    }
    // An element without a text: <sign></sign> or <sign/>.
    let element = document.get(node.range())?;
    let opening = element.find('>')?;
    let opened = element.get(..opening)?.trim_end_matches('/');
    let name = opened.trim_start_matches('<').split_whitespace().next()?;
    with(document, node.range(), &format!("{opened}>{text}</{name}>"))
}

/// The document with a text in a place of it.
pub(super) fn with(document: &str, place: Range<usize>, text: &str) -> Option<String> {
    Some([document.get(..place.start)?, text, document.get(place.end..)?].concat())
}

/// An XML document as JSON: an element is its text, or an object of its attributes (`@name`), its elements by their local names
/// and its text (`#text`); elements of one name are an array.
fn of_xml(body: &[u8]) -> Result<String, NotOfNotation> {
    let text = std::str::from_utf8(body).map_err(|error| NotOfNotation::Encoding(error.valid_up_to()))?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        if matches!(error, roxmltree::Error::DtdDetected) {
            NotOfNotation::Doctype
        } else if matches!(error, roxmltree::Error::NodesLimitReached) {
            NotOfNotation::TooMany
        } else {
            NotOfNotation::Syntax { line: error.pos().row, column: error.pos().col }
        }
    })?;
    let root = document.root_element();
    let mut json = String::with_capacity(text.len());
    json.push('{');
    string(root.tag_name().name(), &mut json);
    json.push(':');
    element(root, 1, &mut json)?;
    json.push('}');
    Ok(json)
}

fn element(node: Node<'_, '_>, depth: usize, json: &mut String) -> Result<(), NotOfNotation> {
    // An array and an object around each.
    if depth * 2 >= MAX_DEPTH {
        return Err(NotOfNotation::TooDeep);
    }
    let mut names: Vec<&str> = Vec::new();
    let mut groups: Vec<Vec<Node<'_, '_>>> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let place = *known.entry(name).or_insert_with(|| {
            names.push(name);
            groups.push(Vec::new());
            names.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.push(child);
        }
    }
    let text: Cow<'_, str> = {
        let mut texts = node.children().filter(Node::is_text).filter_map(|child| child.text());
        match (texts.next(), texts.next()) {
            (None, _) => "".into(),
            (Some(only), None) => only.into(),
            (Some(first), Some(second)) => [first, second].into_iter().chain(texts).collect::<String>().into(),
        }
    };
    if names.is_empty() && node.attributes().next().is_none() {
        string(&text, json);
        return Ok(());
    }
    let mut first = true;
    let mut member = |name: &str, json: &mut String| {
        json.push(if std::mem::take(&mut first) { '{' } else { ',' });
        string(name, json);
        json.push(':');
    };
    for attribute in node.attributes() {
        member(&format!("@{}", attribute.name()), json);
        string(attribute.value(), json);
    }
    for (name, group) in names.into_iter().zip(groups) {
        member(name, json);
        if let [only] = group.as_slice() {
            element(*only, depth + 1, json)?;
            continue;
        }
        for (place, one) in group.into_iter().enumerate() {
            json.push(if place == 0 { '[' } else { ',' });
            element(one, depth + 1, json)?;
        }
        json.push(']');
    }
    if !text.trim().is_empty() {
        member("#text", json);
        string(text.trim(), json);
    }
    json.push('}');
    Ok(())
}

fn string(text: &str, json: &mut String) {
    json.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(xml: &str) -> Result<String, NotOfNotation> {
        of_xml(xml.as_bytes())
    }

    #[test]
    fn xml_is_read_as_the_json_of_its_elements() {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<n:R xmlns:n=\"u\" v=\"1\"><!-- c --><No>  A&amp;1 </No>\
                   <I><n:S c=\"x\">放</n:S></I><I/><T><![CDATA[<b>]]></T>\n</n:R>";
        assert_eq!(
            of(xml).unwrap(),
            r##"{"R":{"@v":"1","No":"  A&1 ","I":[{"S":{"@c":"x","#text":"放"}},""],"T":"<b>"}}"##
        );
        assert_eq!(of("<r/>").unwrap(), r#"{"r":""}"#);
    }

    #[test]
    fn hostile_xml_is_refused_without_being_followed() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>";
        assert_eq!(of(bomb), Err(NotOfNotation::Doctype));
        assert!(matches!(of("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), Err(NotOfNotation::Doctype)));
        assert!(matches!(of("<a>&b;</a>"), Err(NotOfNotation::Syntax { .. })));
        assert_eq!(of(&"<a/>".repeat(2)).map_err(|error| matches!(error, NotOfNotation::Syntax { .. })), Err(true));
        let many = format!("<a>{}</a>", "<b/>".repeat(300_001));
        assert_eq!(of(&many), Err(NotOfNotation::TooMany));
        for deep in [40, 100_000] {
            let deep = format!("{}x{}", "<a>".repeat(deep), "</a>".repeat(deep));
            assert_eq!(of(&deep), Err(NotOfNotation::TooDeep));
        }
        assert_eq!(of_xml(b"<a>\xb7\xc5</a>"), Err(NotOfNotation::Encoding(3)));
        for text in ["", "{}", "<a>", "<a></b>", "a=b"] {
            assert!(matches!(of(text), Err(NotOfNotation::Syntax { .. })), "{text}");
        }
    }

    #[test]
    fn text_is_put_into_xml_where_the_pointer_leads() {
        let put = |xml: &str, pointer: &str| replaced(xml, &Pointer::parse(pointer).unwrap(), "<1>");
        for (xml, pointer, expected) in [
            ("<r><a>x</a><s>old</s></r>", "/r/s", "<r><a>x</a><s>&lt;1&gt;</s></r>"),
            ("<r><s></s></r>", "/r/s", "<r><s>&lt;1&gt;</s></r>"),
            (
                "<n:r xmlns:n=\"u\"><n:s a=\"1\"/></n:r>",
                "/r/s",
                "<n:r xmlns:n=\"u\"><n:s a=\"1\">&lt;1&gt;</n:s></n:r>",
            ),
            ("<r s=\"old\"/>", "/r/@s", "<r s=\"&lt;1&gt;\"/>"),
        ] {
            assert_eq!(put(xml, pointer).as_deref(), Some(expected), "{pointer}");
        }
        for pointer in ["/r/none", "/x/s", "/r/@none", "/r/*/s", ""] {
            assert_eq!(put("<r><s>1</s></r>", pointer), None, "{pointer}");
        }
    }

    #[test]
    fn form_field_is_decoded() {
        let form = b"sign=AB&param=%7B%22a%22%3A%22%E6%94%BE+x%2B%22%7D&param=2&e&bad=%ff";
        assert_eq!(field(form, "param").as_deref(), Some("{\"a\":\"放 x+\"}"));
        assert_eq!(field(form, "sign").as_deref(), Some("AB"));
        assert_eq!((field(form, "e").as_deref(), field(form, "none"), field(form, "bad")), (Some(""), None, None));
    }
}
