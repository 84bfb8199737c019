//! JSON laid out for a person, every value as it was printed.

use std::io;

use crate::out;

/// Prints a text, laid out where it is JSON.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match indented(text) {
        Some(json) => out::json(&json),
        None => out::block(text),
    }
}

/// The text with line breaks and indentation where it is JSON.
fn indented(text: &str) -> Option<String> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return None;
    }
    let (mut out, mut depth, mut quoted, mut escaped) = (String::with_capacity(text.len() * 2), 0, false, false);
    let mut chars = text.trim().chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(char) = chars.next() {
        if quoted {
            out.push(char);
            quoted = escaped || char != '"';
            escaped = !escaped && char == '\\';
            continue;
        }
        match char {
            '{' | '[' => {
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                out.push(char);
                if let Some(close) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(char);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            char if char.is_ascii_whitespace() => {}
            char => {
                quoted = char == '"';
                out.push(char);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_as_they_were_printed() {
        let text = r#" {"n":1.10 ,"n":[ ], "id":1906651379888427008,"t":"a\\\"{:,","o":{"x":null,"y":[1,2]}} "#;
        let laid_out = "{\n  \"n\": 1.10,\n  \"n\": [],\n  \"id\": 1906651379888427008,\n  \"t\": \"a\\\\\\\"{:,\",\n  \
                        \"o\": {\n    \"x\": null,\n    \"y\": [\n      1,\n      2\n    ]\n  }\n}";
        assert_eq!(indented(text).as_deref(), Some(laid_out));
        assert_eq!(indented(laid_out).as_deref(), Some(laid_out));
        assert_eq!(indented("验签失败 {"), None);
    }
}
