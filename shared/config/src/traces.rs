//! `[traces]`: the collector that is sent spans, and which traces are recorded.

use std::fmt;

use hub::Secret;
use hub::trace::Sampling;
use toml::de::DeValue;
use url::Url;

use super::profile::{base, is_readable_on_the_way};
use super::reader::Item;
use super::secrets::Availability;
use super::{Trust, trust};

/// Path of traces below the collector's URL.
const PATH: [&str; 2] = ["v1", "traces"];

/// The port at which collectors take gRPC and no HTTP.
const GRPC: u16 = 4317;

/// Headers that are the exporter's own.
const OWN: [&str; 8] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
];

/// How pushes, deliveries and calls are traced.
#[derive(Clone)]
pub struct Traces {
    /// URL that spans are posted to; nothing where they are not exported.
    pub url: Option<Url>,
    /// Further headers for the collector.
    pub headers: Vec<(String, Secret)>,
    /// Which traces are recorded.
    pub sampling: Sampling,
    /// Accepted certificate authorities.
    pub trust: Trust,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces")
            .field("url", &self.url.as_ref().map(super::values::origin))
            .field("headers", &self.headers)
            .field("sampling", &self.sampling)
            .finish_non_exhaustive()
    }
}

pub(super) fn read(item: &Item<'_>, system_roots: bool) -> Option<Traces> {
    let mut table = item.table("a table: write [traces]")?;
    let url = table.or("endpoint", None, |item| endpoint(item).map(Some));
    let headers = table.or("headers", vec![], headers);
    let sampling = table.or("sample", Sampling::EVERY, sampling);
    let trust = trust::read(&mut table, system_roots);
    let (url, headers) = (url?, headers?);
    match &url {
        None if !headers.is_empty() => {
            table.mistake("headers", "are sent to the endpoint: add endpoint = \"http://127.0.0.1:4318\"".to_owned());
            return None;
        }
        Some(url) if !headers.is_empty() && is_readable_on_the_way(url) => {
            table.mistake(
                "endpoint",
                "must begin with https://: without TLS its headers could be read on the way".to_owned(),
            );
            return None;
        }
        Some(_) | None => {}
    }
    table.close(&[]);
    Some(Traces { url, headers, sampling: sampling?, trust: trust? })
}

/// The URL of traces at a collector.
fn endpoint(item: &Item<'_>) -> Option<Url> {
    let mut url = base(item)?;
    if url.path().trim_end_matches('/').ends_with("/v1/traces") {
        return item.wrong("must be the collector's address without /v1/traces, which is added");
    }
    if url.port() == Some(GRPC) {
        item.warn("is the port of gRPC: spans are sent by HTTP, which collectors take at port 4318");
    }
    // A URL with a host has segments.
    url.path_segments_mut().ok()?.pop_if_empty().extend(PATH);
    Some(url)
}

/// Headers by their names. Those in a secret that this process does not read are left out: it exports nothing.
fn headers(item: &Item<'_>) -> Option<Vec<(String, Secret)>> {
    let mut table = item.table("a table: { Authorization = { file = \"collector.key\" } }")?;
    let (mut names, mut headers, mut is_sound) = (Vec::new(), Vec::new(), true);
    for (name, item) in table.rest() {
        match header(&name, &item) {
            Some(Availability::Known(value)) => headers.push((name.clone(), value)),
            Some(Availability::Unread) => {}
            None => is_sound = false,
        }
        names.push(name);
    }
    table.close(&names);
    is_sound.then_some(headers)
}

/// The value of a header of that name.
fn header(name: &str, item: &Item<'_>) -> Option<Availability<Secret>> {
    let value = item.credential()?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !is_name || name.is_empty() {
        return item.wrong("is no name of a header: it may hold letters, digits and - alone");
    }
    if OWN.contains(&name.to_ascii_lowercase().as_str()) {
        return item.wrong("is set by the hub: remove it");
    }
    if let Availability::Known(secret) = &value
        && !secret.expose().bytes().all(|byte| matches!(byte, b' '..=b'~'))
    {
        return item.wrong("cannot be sent as a header: it may hold visible ASCII characters and blanks alone");
    }
    Some(value)
}

/// A share from 0 to 1.
fn sampling(item: &Item<'_>) -> Option<Sampling> {
    let share = match item.value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) => integer.as_str().parse().ok(),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            return item.wrong_type("a number from 0 to 1");
        }
    };
    share.and_then(Sampling::of).or_else(|| item.wrong("must be between 0.0, no trace, and 1.0, every trace"))
}
