//! Files of which a part is generated: in a document what is between `<!-- generated: name -->` and `<!-- end -->`, in a
//! webhook's sample event the body.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use hub::action::Action;

use crate::Generated;

/// The document with each named table between its markers.
pub(crate) fn with_tables(root: &Path, path: &str, tables: &[(&str, String)]) -> anyhow::Result<Generated> {
    let text = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    let text = tables.iter().try_fold(text, |text, (name, table)| {
        replace(&text, name, table).with_context(|| format!("{path} lacks the markers of the table {name}"))
    })?;
    Ok(Generated { path: path.to_owned(), text })
}

/// The sample event of a webhook, whose body is the action's first example; nothing for a webhook without a sample of its
/// own.
pub(crate) fn with_body(root: &Path, action: &Action) -> anyhow::Result<Option<Generated>> {
    const START: &str = "\"body\": \"";
    let path = format!("infra/events/{}.json", action.name);
    let (true, Some(example)) = (root.join(&path).exists(), action.examples.first()) else { return Ok(None) };
    let text = fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
    let (before, rest) = text.split_once(START).with_context(|| format!("{path} lacks a body"))?;
    let (_, after) = rest.split_once('"').with_context(|| format!("{path} lacks the end of its body"))?;
    let body = BASE64_STANDARD.encode(example.body);
    Ok(Some(Generated { path, text: format!("{before}{START}{body}\"{after}") }))
}

/// The text with a table between its markers; nothing where they are missing.
fn replace(text: &str, name: &str, table: &str) -> Option<String> {
    let start = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&start)?;
    let end = rest.find("<!-- end -->")?;
    Some(format!("{before}{start}\n{table}\n{}", rest.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_between_the_named_markers_changes() {
        let text = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n<!-- generated: y -->\n<!-- end -->\n";
        let new = replace(text, "x", "new\n").unwrap();
        let expected = "a\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\nb\n<!-- generated: y -->\n<!-- end -->\n";
        assert_eq!(new, expected);
        assert_eq!(replace(&new, "x", "new\n").as_deref(), Some(expected), "a second time changes nothing");
    }

    #[test]
    fn missing_marker_is_reported() {
        assert_eq!(replace("a\n<!-- generated: x -->\n", "x", ""), None);
        assert_eq!(replace("a\n<!-- end -->\n", "x", ""), None);
    }
}
