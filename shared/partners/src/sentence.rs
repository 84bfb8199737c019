//! Texts that repeat something of what a sender gave.

/// The longest such text in an answer, a log line or a stored reason, in characters.
pub const LONGEST: usize = 255;

/// A text of at most [`LONGEST`] characters, without control characters. What is cut off ends in `...`.
#[must_use]
pub fn sentence(text: &str) -> String {
    shortened(text, LONGEST)
}

/// A text of at most so many characters, without control characters. What is cut off ends in `...`.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    const CUT: &str = "...";
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().nth(most).is_none() {
        return text.chars().map(clean).collect();
    }
    text.chars().take(most.saturating_sub(CUT.len())).map(clean).chain(CUT.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(sentence("放行\u{1b}[31m\n"), "放行 [31m ");
        assert_eq!(sentence(&"长".repeat(LONGEST)), "长".repeat(LONGEST));
        let cut = sentence(&"长".repeat(200_000));
        assert!(cut.chars().count() == LONGEST && cut.ends_with("长..."));
    }
}
