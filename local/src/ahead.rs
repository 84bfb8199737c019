//! A call's file that is larger than the body of a call: sent ahead, piece by piece, and named in the call.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ::hub::files::{Hashing, LARGEST};
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures::TryStreamExt as _;
use outbound::Attached;
use serde::Deserialize;
use serde_json::json;

use crate::source::{Asked, Problem, Remote};

/// An upload that the hub takes.
#[derive(Deserialize)]
struct Begun {
    id: String,
    put: Put,
}

#[derive(Deserialize)]
struct Put {
    url: String,
    headers: BTreeMap<String, String>,
}

/// Whether a file is too large for the body of a call.
pub(crate) fn goes_ahead(path: &Path) -> anyhow::Result<bool> {
    // Fields and the form around it take a little more.
    const ROOM: u64 = 64 * 1024;
    let most = u64::try_from(call::MAX_BODY)?.saturating_sub(ROOM);
    Ok(length(path)? > most)
}

fn length(path: &Path) -> anyhow::Result<u64> {
    Ok(std::fs::metadata(path).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?.len())
}

/// Sends a file ahead. The id of its upload.
pub(crate) async fn send(hub: &Remote, path: &Path, name: &str) -> anyhow::Result<Result<String, Problem>> {
    let length = length(path)?;
    ensure!(length <= LARGEST, "--enclose: {} is larger than {} MiB", path.display(), LARGEST >> 20);
    let content = || archive::content_of(path.to_owned(), length);
    let hashing = content().try_fold(Hashing::default(), |mut hashing, piece| async move {
        hashing.update(&piece);
        Ok(hashing)
    });
    let hash = hashing.await.with_context(|| format!("cannot read {}", path.display()))?.done();
    let asked = json!({"name": name, "bytes": length, "sha256": hash}).to_string();
    let reply = hub.ask_for(&Asked::post(&["uploads"], asked), super::call::PATIENCE).await?;
    if !(200..300).contains(&reply.status) {
        return Ok(Err(Problem::read(reply.status, &reply.body, Some(hub))));
    }
    let Begun { id, put: Put { url, headers } } =
        serde_json::from_slice(&reply.body).context("the hub's answer to /uploads is not of the known form")?;
    let own = path.to_owned();
    let content = Arc::new(move || archive::content_of(own.clone(), length));
    let reply = hub.put(&url, headers, Attached { at: 0, length, content }).await?;
    match reply.status {
        200..300 => Ok(Ok(id)),
        _ if reply.body.starts_with(b"{") => Ok(Err(Problem::read(reply.status, &reply.body, Some(hub)))),
        status => bail!("the file was not taken: {status} {}", String::from_utf8_lossy(&reply.body)),
    }
}

/// The body of a call with that upload as its file.
pub(crate) fn named(json: &[u8], id: &str) -> anyhow::Result<Bytes> {
    let text = std::str::from_utf8(json).context("--file: is not UTF-8")?.trim();
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inner = inner.context("--file: a call with a file has a JSON object as its body")?.trim();
    let comma = if inner.is_empty() { "" } else { "," };
    Ok(format!("{{{inner}{comma}\"file\":{}}}", json!({"upload": id})).into())
}
