//! The address that a URL names outright.

use std::net::IpAddr;

pub use hub::address::is_public;
use url::{Host, Url};

/// The address a URL names outright, in whatever notation: `http://2130706433/` is `127.0.0.1`. Nothing for a name.
#[must_use]
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(v4) => Some(v4.into()),
        Host::Ipv6(v6) => Some(v6.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_seen_in_every_notation() {
        let cases = [
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://0177.0.0.1/", "127.0.0.1"),
            ("http://127.1/", "127.0.0.1"),
            ("http://127.0.0.1./", "127.0.0.1"),
            ("http://127。0。0。1/", "127.0.0.1"),
            ("http://①②⑦.0.0.1/", "127.0.0.1"),
            ("http://%31%32%37.0.0.1/", "127.0.0.1"),
            ("http://2852039166/", "169.254.169.254"),
            ("http://0/", "0.0.0.0"),
            ("http://[::1]/", "::1"),
            ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("http://[0:0:0:0:0:ffff:7f00:1]/", "::ffff:127.0.0.1"),
        ];
        for (url, address) in cases {
            let named = literal(&Url::parse(url).unwrap());
            assert_eq!(named, Some(address.parse().unwrap()), "{url}");
            assert!(!named.is_some_and(is_public), "{url}");
        }
        assert_eq!(literal(&Url::parse("http://localhost/").unwrap()), None);
        assert_eq!(literal(&Url::parse("http://127.0.0.1.nip.io/").unwrap()), None);
    }
}
