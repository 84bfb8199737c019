//! Answers to a configured partner's pushes, one for each verdict.

use crate::Answer;
use crate::answer::Verdict;

/// Stands for the text that says what is wrong.
const MESSAGE: &str = "{message}";

/// The answers for all verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Stored just now.
    pub accepted: Reply,
    /// Stored before.
    pub duplicate: Reply,
    /// Stored, and not as described.
    pub malformed: Reply,
    /// Wrong key, signature, address, or no such path.
    pub unauthorized: Reply,
    /// The method is not POST.
    pub not_post: Reply,
    /// The body is over the limit.
    pub too_large: Reply,
    /// Not stored, and worth repeating.
    pub unavailable: Reply,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body. `{message}` stands for a text, escaped by the content type.
    pub body: String,
    /// Whether the partner repeats a push that is answered so.
    pub repeated: bool,
}

/// Notation of a body, by which a text in it is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// Within a JSON string.
    Json,
    /// XML or HTML text, or an attribute's value.
    Xml,
    /// Text without a notation.
    Plain,
}

impl Answers {
    /// The answer for a verdict.
    #[must_use]
    pub const fn of(&self, verdict: Verdict) -> &Reply {
        match verdict {
            Verdict::Accepted => &self.accepted,
            Verdict::Duplicate => &self.duplicate,
            Verdict::Malformed => &self.malformed,
            Verdict::Unauthorized => &self.unauthorized,
            Verdict::NotPost => &self.not_post,
            Verdict::TooLarge => &self.too_large,
            Verdict::Unavailable => &self.unavailable,
        }
    }

    /// The answer for a verdict, with that text.
    #[must_use]
    pub fn answer(&self, verdict: Verdict, text: &str) -> Answer {
        self.of(verdict).answer(verdict, text)
    }
}

impl Reply {
    /// The answer of that verdict, with that text.
    #[must_use]
    pub fn answer(&self, verdict: Verdict, text: &str) -> Answer {
        let content_type = self.content_type.clone().into();
        Answer { verdict, status: self.status, content_type, body: self.filled(text) }
    }

    /// The body with a text in its place.
    #[must_use]
    pub fn filled(&self, text: &str) -> String {
        if !self.body.contains(MESSAGE) {
            return self.body.clone();
        }
        self.body.replace(MESSAGE, &self.notation().escaped(text))
    }

    /// Notation of the body.
    #[must_use]
    pub fn notation(&self) -> Notation {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            json if json.ends_with("/json") || json.ends_with("+json") => Notation::Json,
            xml if xml.ends_with("/xml") || xml.ends_with("+xml") || xml == "text/html" => Notation::Xml,
            _ => Notation::Plain,
        }
    }

    /// A word in braces that is no placeholder, if there is one.
    #[must_use]
    pub fn unknown_placeholder(&self) -> Option<&str> {
        let mut rest = self.body.as_str();
        while let Some((_, behind)) = rest.split_once('{') {
            let end = behind.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(behind.len());
            let word = behind.get(..end).unwrap_or_default();
            if !word.is_empty() && word != "message" && behind.get(end..).is_some_and(|tail| tail.starts_with('}')) {
                return Some(word);
            }
            rest = behind;
        }
        None
    }
}

impl Notation {
    pub(super) fn escaped(self, text: &str) -> String {
        match self {
            Self::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
            Self::Xml => text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
                match c {
                    '&' => escaped.push_str("&amp;"),
                    '<' => escaped.push_str("&lt;"),
                    '>' => escaped.push_str("&gt;"),
                    '"' => escaped.push_str("&quot;"),
                    '\'' => escaped.push_str("&apos;"),
                    // XML 1.0 has no such character, escaped or not.
                    c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
                    c => escaped.push(c),
                }
                escaped
            }),
            Self::Plain => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(content_type: &str, body: &str) -> Reply {
        Reply { status: 200, content_type: content_type.to_owned(), body: body.to_owned(), repeated: false }
    }

    #[test]
    fn text_is_escaped_by_the_content_type() {
        let hostile = "a\"b\\c\n<d>&'e{message}";
        let json = reply("application/json; charset=utf-8", r#"{"ok":false,"m":"{message}","n":{"a":1}}"#);
        let read: serde_json::Value = serde_json::from_str(&json.filled(hostile)).unwrap();
        assert_eq!((read["m"].as_str(), read["n"]["a"].as_i64()), (Some(hostile), Some(1)));
        let xml = reply("text/xml", "<r m=\"{message}\">{message}</r>").filled(hostile);
        assert_eq!(xml.matches("a&quot;b\\c &lt;d&gt;&amp;&apos;e{message}").count(), 2, "{xml}");
        assert_eq!(reply("text/plain", "no: {message}").filled("<a>"), "no: <a>");
        assert_eq!(reply("text/plain", "success").filled("<a>"), "success");
    }

    #[test]
    fn word_in_braces_that_is_no_placeholder_is_found() {
        for (body, word) in [
            (r#"{"a":"{message}","b":{}}"#, None),
            (r#"{"a":"{mesage}"}"#, Some("mesage")),
            ("{message} {code}", Some("code")),
            ("{Message} { code } {a b}", None),
        ] {
            assert_eq!(reply("text/plain", body).unknown_placeholder(), word, "{body}");
        }
    }
}
