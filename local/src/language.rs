//! The language of the hub's texts: that of the user, as the locale says.

/// The language that problems are asked in: Chinese where the user's locale is, else English.
pub(crate) fn of_user() -> &'static str {
    of(|name| std::env::var(name).ok())
}

/// By the variables that say the language of messages: the first that is set counts.
fn of(variable: impl Fn(&str) -> Option<String>) -> &'static str {
    let named = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|name| !name.is_empty());
    if named.is_some_and(|name| name.to_ascii_lowercase().starts_with("zh")) { "zh-CN" } else { "en" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_variable_that_is_set_says_the_language() {
        let of = |all: &str, lang: &str| {
            of(|name| match name {
                "LC_ALL" => Some(all.to_owned()),
                "LANG" => Some(lang.to_owned()),
                _ => None,
            })
        };
        for (all, lang, language) in
            [("", "zh_CN.UTF-8", "zh-CN"), ("C", "zh_CN.UTF-8", "en"), ("zh_TW", "C", "zh-CN"), ("", "", "en")]
        {
            assert_eq!(of(all, lang), language, "{all} {lang}");
        }
    }
}
