//! Business keys by their strength: the one table of which key may stand for another.

use crate::Subject;

/// Strength of a business key: how much of the goods it names. A weaker key belongs to the stronger keys that it is seen with;
/// several of them may share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Many shipments have it, one after another or at once.
    Shared,
    /// One paper, declaration or subscription.
    Paper,
    /// A bill of lading.
    Bill,
    /// The customer's own order.
    Order,
}

/// Every kind of business key with its strength. A value without a kind is tried in this order.
pub const KINDS: [(&str, Strength); 12] = [
    ("order", Strength::Order),
    ("bl", Strength::Bill),
    ("entry", Strength::Paper),
    ("ciq", Strength::Paper),
    ("waybill", Strength::Paper),
    ("serial", Strength::Paper),
    ("mawb", Strength::Paper),
    ("port", Strength::Paper),
    ("batch", Strength::Paper),
    ("container", Strength::Shared),
    // 电子底账, which may cover several declarations.
    ("ledger", Strength::Shared),
    // The customer's own text at a subscription (TrackingEyes `localKey`), whatever it means.
    ("key", Strength::Shared),
];

/// The strength of a key; none for a subject that is no business key, such as a call or the digest of a push.
#[must_use]
pub fn strength(key: &Subject) -> Option<Strength> {
    of_kind(key).map(|(_, strength)| strength)
}

fn of_kind(key: &Subject) -> Option<(&'static str, Strength)> {
    let (kind, _) = key.as_str().split_once(':')?;
    KINDS.into_iter().find(|(known, _)| *known == kind)
}

/// The place of a key's kind among [`KINDS`], the strongest first; behind them all for a subject that is no business key.
pub(super) fn rank(key: &Subject) -> usize {
    let kind = of_kind(key).map(|(kind, _)| kind);
    KINDS.iter().take_while(|(known, _)| Some(*known) != kind).count()
}

/// Whether a key belongs to another that it is seen with: it is weaker, or as strong and of another kind, as the two numbers
/// of one declaration are (`entry`, `ciq`).
#[must_use]
pub fn covers(key: &Subject, other: &Subject) -> bool {
    match (of_kind(key), of_kind(other)) {
        (Some((kind, strength)), Some((other_kind, other))) => {
            other < strength || (other == strength && kind != other_kind)
        }
        (None, _) | (_, None) => false,
    }
}

/// The keys that a text may mean: itself where it begins with a known kind, else its value as each kind. An order number
/// with a colon in it (`SO:2026:1`) is a value, unless it happens to begin with a kind: then it is written `order:bl:7`.
#[must_use]
pub fn meant(text: &str) -> Vec<Subject> {
    let key = Subject::named(text);
    if strength(&key).is_some() {
        return vec![key];
    }
    KINDS.into_iter().map(|(kind, _)| Subject::new(kind, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_covers_weaker_ones_and_others_of_its_strength() {
        let covers = |key: &str, other: &str| super::covers(&key.into(), &other.into());
        for (key, other) in [
            ("order:1", "bl:1"),
            ("bl:1", "port:CNTAO:1:1"),
            ("bl:1", "entry:1"),
            ("entry:1", "ciq:1"),
            ("ciq:1", "entry:1"),
            ("port:CNTAO:1:1", "container:1"),
        ] {
            assert!(covers(key, other), "{key} {other}");
        }
        for (key, other) in [
            ("bl:1", "order:1"),
            ("order:1", "order:2"),
            ("bl:1", "bl:2"),
            ("entry:1", "entry:2"),
            ("container:1", "bl:1"),
            ("order:1", "call:1"),
            ("push:1", "container:1"),
        ] {
            assert!(!covers(key, other), "{key} {other}");
        }
    }

    #[test]
    fn text_without_kind_is_tried_as_each_kind() {
        assert_eq!(meant("order:SO:1"), [Subject::from("order:SO:1")]);
        let bare = meant("SO:2026:1");
        assert_eq!((bare.len(), bare[0].as_str(), bare[9].as_str()), (12, "order:SO:2026:1", "container:SO:2026:1"));
        assert_eq!(meant("call:00")[1].as_str(), "bl:call:00");
        let long = "长".repeat(1000);
        assert_eq!(meant(&long)[0], Subject::new("order", &long));
    }
}
