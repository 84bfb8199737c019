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
