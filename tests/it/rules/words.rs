//! Rules of words and length that a machine can check.

use super::{files, root};

/// Heads that turn a definition into a riddle, "What is known of it", in place of its noun.
const HEADS: [&str; 8] = ["What ", "Who ", "Whoever ", "Whose ", "Nobody ", "Somebody ", "How many ", "How often "];

const MOST_LINES: usize = 400;

/// Path and text of each source file.
fn sources() -> impl Iterator<Item = (String, String)> {
    let root = root();
    files(&root, "rs").into_iter().map(move |path| {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        (name, std::fs::read_to_string(path).unwrap())
    })
}

/// The text of a line of documentation.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start)
}

#[test]
fn documentation_begins_with_a_noun_or_an_imperative() {
    let mut riddles = Vec::new();
    for (name, text) in sources() {
        let mut before = None;
        for (line, number) in text.lines().zip(1..) {
            let now = documentation(line);
            let is_head = before.is_none();
            riddles.extend(
                now.filter(|now| is_head && HEADS.iter().any(|head| now.starts_with(head)))
                    .map(|now| format!("{name}:{number}: {now}")),
            );
            before = now;
        }
    }
    assert!(riddles.is_empty(), "name the thing first:\n{}", riddles.join("\n"));
}

#[test]
fn no_source_file_is_longer_than_four_hundred_lines() {
    let long = sources().map(|(name, text)| (text.lines().count(), name)).filter(|(lines, _)| *lines > MOST_LINES);
    assert_eq!(long.collect::<Vec<_>>(), []);
}
