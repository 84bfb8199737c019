//! Names of a described partner, its actions and its operations in both languages: as its file has them, whose texts are
//! `中文名 English name: and more`.

use serde::Serialize;

/// Longest name that is made of a sentence, in characters.
const LONGEST: usize = 60;

/// A name in each language, as far as it is known. In Chinese it may be the English one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Title<'t> {
    /// The name for readers of Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zh: Option<&'t str>,
    /// The name for readers of English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub en: Option<&'t str>,
}

impl<'t> Title<'t> {
    /// Of a partner's names: the first of each language.
    #[must_use]
    pub fn of_names(names: &[&'t str]) -> Self {
        let first = |chinese: bool| names.iter().find(|name| is_chinese(name) == chinese).copied();
        Self { zh: first(true).or_else(|| first(false)), en: first(false) }
    }

    /// Of a sentence about it: the Chinese words that it begins with, and what follows them up to the first `:`, `;` or `.`.
    #[must_use]
    pub fn of_about(about: &'t str) -> Self {
        let about = about.trim();
        // A Chinese name may have spaces in it.
        let words = about.split_inclusive(' ').take_while(|word| is_chinese(word));
        let (zh, en) = about.split_at(words.map(str::len).sum());
        let en = en.split([':', ';', '.']).next();
        let [zh, en] = [Some(zh), en].map(|text| {
            text.map(|text| text.trim_matches([' ', ':', ';', '.', ',', '：', '；', '。', '，']))
                .filter(|text| !text.is_empty() && text.chars().count() <= LONGEST)
        });
        Self { zh: zh.or(en), en }
    }
}

/// Whether there is a Chinese character in it.
fn is_chinese(text: &str) -> bool {
    text.chars().any(|char| matches!(char, '\u{3400}'..='\u{9fff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_each_language() {
        for (about, zh, en) in [
            (
                "实时快递查询 state of a waybill now. Ask rarely: more locks it.",
                Some("实时快递查询"),
                Some("state of a waybill now"),
            ),
            ("顺丰 丰桥 routes: asked for", Some("顺丰 丰桥"), Some("routes")),
            ("订阅。", Some("订阅"), None),
            (
                "List requests to track, the latest first.",
                Some("List requests to track, the latest first"),
                Some("List requests to track, the latest first"),
            ),
            ("a sentence that goes on and on and on and tells so much that it can be no name", None, None),
            ("  ", None, None),
        ] {
            assert_eq!(Title::of_about(about), Title { zh, en }, "{about}");
        }
        let of = |names: &[&'static str]| Title::of_names(names);
        assert_eq!(of(&["SF Express", "顺丰", "丰桥"]), Title { zh: Some("顺丰"), en: Some("SF Express") });
        assert_eq!(of(&["快递100"]), Title { zh: Some("快递100"), en: None });
        assert_eq!(of(&["Easy Post"]), Title { zh: Some("Easy Post"), en: Some("Easy Post") });
        assert_eq!(of(&[]), Title::default());
    }
}
