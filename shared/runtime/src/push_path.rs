//! The path of a push, read in one way on both hosts.

use std::fmt;

use partners::Partner;

use crate::receive::Address;

/// The parts of `/hooks/<partner>/<connection>/<key>[/<action>]`.
pub struct PushPath {
    segments: Vec<String>,
}

impl PushPath {
    /// The path of a push, whatever stands after `hooks`; nothing where it begins otherwise.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let segments = hub::path::segments(path);
        segments.first().is_some_and(|root| root == "hooks").then_some(Self { segments })
    }

    /// Whose envelope the answer is to be in, as far as the path tells.
    #[must_use]
    pub fn partner(&self) -> Option<Partner> {
        self.segments.get(1).and_then(|id| Partner::from_id(id))
    }

    /// The address and the suffix that names the action; nothing where there is too little or too much for both.
    #[must_use]
    pub fn address(&self) -> Option<(Address<'_>, &str)> {
        match self.segments.as_slice() {
            [_, partner, connection, key] => Some((Address { partner, connection, key }, "")),
            [_, partner, connection, key, suffix] => Some((Address { partner, connection, key }, suffix)),
            _ => None,
        }
    }
}

impl fmt::Debug for PushPath {
    /// Without the segments: one of them is a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushPath").field("partner", &self.partner()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Option<(String, String, String, String)> {
        let path = PushPath::parse(path)?;
        let (Address { partner, connection, key }, suffix) = path.address()?;
        Some((partner.to_owned(), connection.to_owned(), key.to_owned(), suffix.to_owned()))
    }

    #[test]
    fn one_address_is_read_in_every_spelling() {
        let own = |suffix: &str| Some(("xhq".to_owned(), "xhq-sh".to_owned(), "k_1".to_owned(), suffix.to_owned()));
        for (path, suffix) in [
            ("/hooks/xhq/xhq-sh/k_1", ""),
            ("/hooks/xhq/xhq-sh/k_1/", ""),
            ("//hooks/xhq//xhq-sh/k_1/syn_status//", "syn_status"),
            ("/prod/hooks/xhq/xhq-sh/k_1/send_data", "send_data"),
            ("/hooks/%78hq/xhq%2dsh/k%5F1/send%5Fdata", "send_data"),
        ] {
            assert_eq!(read(path), own(suffix), "{path}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for path in [
            "",
            "/",
            "/hooks",
            "/hooks/xhq/xhq-sh",
            "/hooks/xhq/xhq-sh//",
            "/hook/xhq/xhq-sh/k",
            "/hooks/xhq/xhq-sh/k/a/b",
            "/hooks%2Fxhq/xhq-sh/k/a",
            "/hooks/xhq/../xhq/xhq-sh/k",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
        // An encoded slash is part of the key, which has none.
        assert_eq!(read("/hooks/xhq/xhq-sh%2Fk/a").map(|(_, connection, ..)| connection).unwrap(), "xhq-sh/k");
    }

    #[test]
    fn the_key_is_not_printed() {
        assert!(!format!("{:?}", PushPath::parse("/hooks/xhq/c/hunter2")).contains("hunter2"));
    }
}
