//! Texts of others, made fit for a line of a log and for a terminal.
//!
//! Business keys, answers and error texts come from outside. Printed unchanged, line breaks forge lines and rows, blanks forge
//! columns, terminal controls forge anything, and format characters hide or reverse the text next to them.

use std::fmt::{self, Write as _};

/// Whether a character changes how its surroundings are shown: a control (C0, DEL, C1), a line or paragraph separator, or
/// one of Unicode's format characters (category Cf: bidirectional controls, zero-width characters, tags).
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text as one line: hidden characters are escaped as in Rust (`\n`, `\u{1b}`).
#[derive(Clone, Copy, Debug)]
pub struct Line<T>(pub T);

/// A text of several lines: hidden characters but line feeds and tabs are escaped as in Rust.
#[derive(Clone, Copy, Debug)]
pub struct Block<T>(pub T);

/// A text as one word of a line: as it is where it is one, else in quotes, with hidden characters, `"` and `\` escaped.
#[derive(Clone, Copy, Debug)]
pub struct Word<T>(pub T);

impl<T: fmt::Display> fmt::Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { to: f, kept: &[] }, "{}", self.0)
    }
}

impl<T: fmt::Display> fmt::Display for Block<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { to: f, kept: &['\n', '\t'] }, "{}", self.0)
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let splits = |character: char| character.is_whitespace() || is_hidden(character);
        if !text.is_empty() && !text.starts_with('"') && !text.contains(splits) {
            return f.write_str(&text);
        }
        f.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                _ => escape(f, character)?,
            }
        }
        f.write_char('"')
    }
}

/// A JSON text with the hidden characters of its strings as `\uXXXX`: the same values, fit for a terminal.
#[must_use]
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) && !matches!(character, '\n' | '\r' | '\t') {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Escapes what is written to it on its way.
struct Escaping<'a, W> {
    to: &'a mut W,
    kept: &'a [char],
}

impl<W: fmt::Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.kept.contains(&character) {
                self.to.write_char(character)?;
            } else {
                escape(self.to, character)?;
            }
        }
        Ok(())
    }
}

fn escape(to: &mut impl fmt::Write, character: char) -> fmt::Result {
    match character {
        '\n' => to.write_str("\\n"),
        '\r' => to.write_str("\\r"),
        '\t' => to.write_str("\\t"),
        hidden if is_hidden(hidden) => write!(to, "{}", hidden.escape_unicode()),
        shown => to.write_char(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_and_shows_what_is_hidden() {
        let forged =
            "a\n2026 ERROR fake\u{1b}[31m\0\r\t\u{7f}\u{9b}2J\u{202e}x\u{2066}\u{200b}\u{feff}\u{2028}\u{e0041}";
        let line = Line(forged).to_string();
        assert!(!line.chars().any(is_hidden), "{line}");
        assert!(line.starts_with("a\\n2026 ERROR fake\\u{1b}[31m\\u{0}\\r\\t\\u{7f}\\u{9b}2J\\u{202e}x"), "{line}");
        assert_eq!(Line("订单 SO-1 “é” \\n").to_string(), "订单 SO-1 “é” \\n", "what is seen stays");
    }

    #[test]
    fn a_block_keeps_its_lines_alone() {
        assert_eq!(Block("a\n\tb\r\n\u{1b}").to_string(), "a\n\tb\\r\n\\u{1b}");
    }

    #[test]
    fn a_word_is_one_column_whatever_it_holds() {
        for (text, word) in [
            ("order:SO-1", "order:SO-1"),
            ("order:单证\\1", "order:单证\\1"),
            ("order:a b", "\"order:a b\""),
            ("order:a\nb", "\"order:a\\nb\""),
            ("order:a\u{3000}\\\"b", "\"order:a\u{3000}\\\\\\\"b\""),
            ("\"", "\"\\\"\""),
            ("", "\"\""),
        ] {
            assert_eq!(Word(text).to_string(), word);
        }
    }

    #[test]
    fn json_keeps_its_values() {
        let text = "{\n  \"a\": \"x\u{202e}\u{7f}\u{9b}\u{e0041}\"\n}";
        let shown = json(text);
        assert_eq!(shown, "{\n  \"a\": \"x\\u202e\\u007f\\u009b\\udb40\\udc41\"\n}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
    }
}
