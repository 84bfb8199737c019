//! `[hub]`: the hub that the operator's commands ask, and the key that they ask it with.
//!
//! It is read by itself too: on an operator's machine the rest of a document may be missing, or its secrets elsewhere.

use std::path::Path;

use hub::Secret;
use hub::address::is_public;
use toml::de::DeTable;
use url::{Host, Url};

use super::connections::http_url;
use super::encoding::{self, BOM};
use super::reader::{Item, Reading, Table};
use super::secrets::text_of_file;
use super::{Mistake, Sources, Trust, trust};

/// A hub as the operator's commands ask it.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its URL. Paths are appended to it.
    pub url: Url,
    /// An API key of it.
    pub api_key: Secret,
    /// Accepted certificate authorities.
    pub trust: Trust,
}

impl Profile {
    /// The profile of a document, whatever else is in that; none where it has no `[hub]`.
    pub fn of(bytes: &[u8], sources: &Sources<'_>) -> Result<Option<Self>, Vec<Mistake>> {
        let text = encoding::decode(bytes).map_err(|error| vec![Mistake::of_encoding(&error)])?;
        let text = text.strip_prefix(BOM).unwrap_or(text);
        // A document that is no TOML has no profile; whoever reads all of it names its mistakes.
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Ok(None);
        }
        let reading = Reading::new(text, sources);
        let mut root = Table::root(&reading, table.get_ref());
        let system = root.or("system_roots", false, Item::flag).unwrap_or_default();
        let profile = root.get("hub").map(|item| read(&item, system));
        let (mistakes, _) = reading.into_notes();
        if mistakes.is_empty() { Ok(profile.flatten()) } else { Err(mistakes) }
    }
}

/// Whether others on the network can read what is sent to a URL: over plain HTTP, unless to this machine or a private address.
#[must_use]
pub fn is_readable_on_the_way(url: &Url) -> bool {
    let is_near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => !is_public(ip.into()),
        Some(Host::Ipv6(ip)) => !is_public(ip.into()),
        None => false,
    };
    url.scheme() == "http" && !is_near
}

/// The API key in a file: its only line. The error is a sentence that begins with the file.
pub fn api_key_in(path: &Path) -> Result<Secret, String> {
    text_of_file(path, &Sources::system()).map(Secret::new)
}

pub(super) fn read(item: &Item<'_>, system: bool) -> Option<Profile> {
    let mut table = item.table("a table: write [hub]")?;
    let url = table.need("url", "\"https://hub.example.com\"").and_then(|item| base(&item));
    let api_key = table.need("api_key", "{ file = \"operator.key\" }").and_then(|item| item.secret());
    let trust = trust::read(&mut table, system);
    table.close(&[]);
    Some(Profile { url: url?, api_key: api_key?, trust: trust? })
}

/// A URL that paths are appended to.
pub(super) fn base(item: &Item<'_>) -> Option<Url> {
    let url = http_url(item)?;
    if url.query().is_some() || url.fragment().is_some() {
        return item.wrong("must end with its host or path: paths are appended to it");
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Result<Option<Profile>, Vec<String>> {
        let env = |name: &str| (name == "KEY").then(|| b"the-key\n".to_vec());
        let file = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        let sources =
            Sources { env: Box::new(env), file: Box::new(file), credentials: super::super::Credentials::Absent };
        let read = Profile::of(text.as_bytes(), &sources);
        read.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn profile_is_read_whatever_else_is_in_the_document() {
        let hub = "[hub]\nurl = \"https://hub.example.com/prod\"\napi_key = { env = \"KEY\" }\n";
        for rest in ["", "listen = 5\n", "[[connections]]\nid = \"x\"\napp_id = { file = \"gone\" }\n"] {
            let text = if rest.starts_with('[') { format!("{hub}{rest}") } else { format!("{rest}{hub}") };
            let found = profile(&text).unwrap().unwrap();
            assert_eq!((found.url.as_str(), found.api_key.expose()), ("https://hub.example.com/prod", "the-key"));
        }
        for none in ["", "listen = \"127.0.0.1:1\"", "no toml ["] {
            assert!(profile(none).unwrap().is_none(), "{none}");
        }
    }

    #[test]
    fn mistake_in_a_profile_is_named() {
        for (hub, told) in [
            ("url = \"https://x\"", "hub.api_key: is missing"),
            ("api_key = \"k\"", "hub.url: is missing"),
            ("url = \"x.example.com\"\napi_key = \"k\"", "hub.url: must be a URL"),
            ("url = \"https://x?a=1\"\napi_key = \"k\"", "hub.url: must end with its host or path"),
            ("url = \"https://x\"\napi_key = { secret = \"k\" }", "hub.api_key: cannot be in the credentials secret"),
            ("url = \"https://x\"\napi_key = \"k\"\nca_file = \"gone\"", "hub.ca_file: the file gone cannot be read"),
        ] {
            let mistakes = profile(&format!("[hub]\n{hub}")).unwrap_err();
            assert!(mistakes.iter().any(|mistake| mistake.starts_with(told)), "{hub}: {mistakes:?}");
        }
        assert!(profile("hub = 5").unwrap_err()[0].starts_with("hub: must be a table: write [hub]"));
    }

    #[test]
    fn key_over_plain_http_is_readable_unless_it_stays_near() {
        for (url, readable) in [
            ("http://hub.example.com", true),
            ("http://8.8.8.8:8787", true),
            ("http://[2606:4700::1]/", true),
            ("https://hub.example.com", false),
            ("http://127.0.0.1:8787", false),
            ("http://10.0.0.1", false),
            ("http://[::1]:8787", false),
            ("http://localhost:8787", false),
        ] {
            assert_eq!(is_readable_on_the_way(&url.parse().unwrap()), readable, "{url}");
        }
    }
}
