//! Problems in Chinese, for who asks with `Accept-Language: zh`. Types, fields and members that programs read stay as they are.
//!
//! Texts are made in English where the problem is; the table here has the Chinese of each, by its pattern. A text that it lacks
//! stays in English, and a test over all problems that the tests meet finds it.

mod texts;

use http::header::ACCEPT_LANGUAGE;
use http::{HeaderMap, StatusCode};

/// Language of a problem's texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language that a request prefers: the first of the known ones by their weights (RFC 9110, section 12.5.4).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
        let known = lines.flat_map(|line| line.split(',')).filter_map(weighed);
        // Of equal weights the first counts.
        let best = known.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }

    /// Its tag, for `Content-Language`.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The title of a status.
    pub(crate) fn title(self, status: StatusCode) -> &'static str {
        let english = status.canonical_reason().unwrap_or_default();
        match self {
            Self::English => english,
            Self::Chinese => {
                texts::TITLES.iter().find(|(known, _)| *known == status.as_u16()).map_or(english, |(_, title)| title)
            }
        }
    }

    /// A text that says what is wrong, or the remedy.
    pub(crate) fn text(self, english: &str) -> String {
        match self {
            Self::English => english.to_owned(),
            Self::Chinese => chinese(english).unwrap_or_else(|| english.to_owned()),
        }
    }
}

/// A language of a header and its weight in thousandths; nothing for those that are not known or not wanted.
fn weighed(range: &str) -> Option<(Language, u32)> {
    let mut parts = range.split(';').map(str::trim);
    let tag = parts.next()?.to_ascii_lowercase();
    let language = match tag.split('-').next()? {
        "zh" => Language::Chinese,
        "en" | "*" => Language::English,
        _ => return None,
    };
    let weight = match parts.find_map(|part| part.strip_prefix("q=")) {
        Some(text) => {
            let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
            let thousandths: u32 = format!("{rest:0<3}").get(..3)?.parse().ok()?;
            whole.parse::<u32>().ok()?.min(1) * 1000 + thousandths
        }
        None => 1000,
    };
    (weight > 0).then_some((language, weight))
}

/// The Chinese of a text, where the table has its pattern.
#[must_use]
pub fn chinese(english: &str) -> Option<String> {
    let found =
        texts::TEXTS.iter().filter_map(|(pattern, chinese)| Some((pattern, chinese, captured(pattern, english)?)));
    // The pattern that says most itself.
    let best = found.max_by_key(|(pattern, _, held)| pattern.len() - 2 * held.len());
    let (_, chinese, held) = best?;
    let mut told = String::with_capacity(chinese.len() * 2);
    let mut rest = *chinese;
    while let Some((before, behind)) = rest.split_once('{') {
        let (number, after) = behind.split_once('}')?;
        told.push_str(before);
        let (number, is_ours) = number.strip_suffix('!').map_or((number, false), |number| (number, true));
        let part = *held.get(number.parse::<usize>().ok()?)?;
        let ours = is_ours.then(|| self::chinese(part)).flatten();
        told.push_str(ours.as_deref().unwrap_or(part));
        rest = after;
    }
    told.push_str(rest);
    Some(told)
}

/// The parts of a text in the places `{}` of a pattern; nothing where it is of another pattern.
fn captured<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let mut pieces = pattern.split("{}");
    let mut rest = text.strip_prefix(pieces.next()?)?;
    let mut held = Vec::new();
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let at = match pieces.peek() {
            // The last piece ends the text.
            None => rest.len().checked_sub(piece.len()).filter(|_| rest.ends_with(piece))?,
            Some(_) => rest.find(piece)?,
        };
        let (part, behind) = (rest.get(..at)?, rest.get(at + piece.len()..)?);
        if part.is_empty() {
            return None;
        }
        held.push(part);
        rest = behind;
    }
    rest.is_empty().then_some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, header.parse().unwrap());
        Language::of(&headers)
    }

    #[test]
    fn the_language_of_the_greatest_weight_counts() {
        for header in ["zh", "zh-CN", "ZH-cn,zh;q=0.9,en;q=0.8", "fr, zh;q=0.5", "en;q=0.2, zh;q=0.25", "zh, en"] {
            assert_eq!(of(header), Language::Chinese, "{header}");
        }
        for header in ["", "en", "en, zh", "*", "fr", "zh;q=0", "zh;q=0.000, en;q=0.1", "zh;q=x", "en-GB,zh;q=0.9"] {
            assert_eq!(of(header), Language::English, "{header}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }

    #[test]
    fn a_text_keeps_what_it_names() {
        let chinese = |text| chinese(text).unwrap();
        assert_eq!(chinese("must be a whole number from 1 to 1000"), "须为 1 到 1000 之间的整数");
        assert_eq!(
            chinese(r#"there is no connection "xhqq" (did you mean xhq?) for erp: it sees xhq, te"#),
            r#"没有连接 "xhqq"（是不是 xhq？）；密钥 erp 能看到的有：xhq, te"#
        );
        assert_eq!(chinese("must be given: order {} number"), "必填：order {} number");
        assert_eq!(chinese("XHQ refused: null"), "XHQ 拒绝：null", "the partner's own words stay");
        assert_eq!(
            chinese("state: invalid type: null, expected a string at line 1 column 9"),
            "state：类型不对，给的是 空值 null，应为 文本（第 1 行第 9 列）"
        );
        assert!(super::chinese("nothing like it").is_none());
    }

    #[test]
    fn each_pattern_has_a_chinese_text_with_its_own_places() {
        for (at, (pattern, chinese)) in texts::TEXTS.iter().enumerate() {
            let places = pattern.matches("{}").count();
            for place in 0..places {
                let has = |mark| chinese.contains(&format!("{{{place}{mark}}}"));
                assert!(has("") || has("!"), "{pattern}: place {place}");
            }
            assert_eq!(chinese.matches('{').count(), places, "{pattern}");
            assert!(!chinese.is_ascii(), "{pattern}");
            assert!(!pattern.contains("{}{}"), "{pattern}: two places without anything between");
            assert!(texts::TEXTS[..at].iter().all(|(other, _)| other != pattern), "{pattern} is there twice");
        }
    }
}
