//! Slips of the pen: the word that a text was meant to be.

/// The word that a text becomes by one letter more, less or other, or by two swapped.
#[must_use]
pub fn slip_of<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    words.iter().copied().find(|word| *word != text && distance(text, word) == 1)
}

/// The word nearest to a text, in whatever case: a letter may be wrong for each four there are.
pub fn nearest<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let lower = text.to_lowercase();
    let most = (lower.chars().count() / 4).max(1);
    let near = words.into_iter().filter(|word| *word != text);
    let near = near.map(|word| (distance(&lower, &word.to_lowercase()), word));
    near.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Edit distance of two texts: letters to insert, delete, change or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, letter) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX - 1);
            let mut fewest =
                (at(&last, j) + usize::from(letter != *other)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let neighbour = j.checked_sub(1).and_then(|place| Some((place, b.get(place)?)));
            if let Some((place, neighbour)) = neighbour
                && previous == Some(*other)
                && letter == *neighbour
            {
                fewest = fewest.min(at(&before_last, place) + 1);
            }
            row.push(fewest);
        }
        previous = Some(letter);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_edit() {
        let words = ["keys", "base_url", "retry"];
        for (text, word) in
            [("key", "keys"), ("keyss", "keys"), ("kyes", "keys"), ("base-url", "base_url"), ("retyr", "retry")]
        {
            assert_eq!(slip_of(text, &words), Some(word), "{text}");
        }
        for text in ["keys", "ky", "url", "", "retries"] {
            assert_eq!(slip_of(text, &words), None, "{text}");
        }
    }

    #[test]
    fn the_nearest_word_is_found_in_any_case() {
        let words = ["xhq.single_receipt", "xhq.syn_status", "xhq.sendBgh_data", "xhq.send_data", "te"];
        for (text, word) in [
            ("xhq.single_reciept", Some("xhq.single_receipt")),
            ("xhq.signle_reciept", Some("xhq.single_receipt")),
            ("xhq.synstatus", Some("xhq.syn_status")),
            ("XHQ.SYN_STATUS", Some("xhq.syn_status")),
            ("xhq.sendbgh_data", Some("xhq.sendBgh_data")),
            ("et", Some("te")),
            ("xhq.customs", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, words), word, "{text}");
        }
    }
}
