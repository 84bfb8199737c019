//! The content of a file.

use std::sync::Arc;

use api::contract::FileAddress;
use api::{Problem, Routed};
use archive::{ArchiveError, Opened, Whole};
use bytes::Bytes;
use config::Context;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use hub::files::{BEGINNING, FileHash, kind, record};
use store::Store;

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    asked: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let hash: FileHash = asked.named("hash").parse().map_err(|_| absent())?;
    let now = context.now();
    let owners = context.store.resolve(&record::content(&hash), now).await.map_err(|error| Problem::store(&error))?;
    if !owners.iter().any(|(connection, _)| asked.caller.sees(connection)) {
        return Err(absent());
    }
    let Some(archive) = &context.archive else { return Err(absent()) };
    match archive.open(&hash, now).await.map_err(|error| failed(&error))? {
        Some(Opened::Here(length)) => {
            let beginning = archive.read(&hash, 0..u64::try_from(BEGINNING).unwrap_or_default()).await;
            let beginning = beginning.map_err(|error| failed(&error))?.ok_or_else(absent)?;
            let mut response = attached(&hash, &beginning.bytes);
            response.extensions_mut().insert(Whole { archive: Arc::clone(archive), hash, length });
            Ok(response)
        }
        Some(Opened::At(address)) => {
            let accepts = asked.request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
            moved(address, accepts.is_some_and(|accepts| accepts.contains("application/json")))
        }
        None => {
            tracing::error!(%hash, "a file that events name is not in the archive: restore it from a backup");
            Err(absent())
        }
    }
}

/// One answer for a file that is not there and one that the key may not see.
fn absent() -> Problem {
    Problem::missing("there is no such file, or it has expired")
}

fn failed(error: &ArchiveError) -> Problem {
    tracing::error!(error = telemetry::logs::chain(error), "a file cannot be served");
    match error {
        ArchiveError::Unavailable { .. } => Problem::no_archive(),
        ArchiveError::Damaged(_) => {
            let detail = "the stored bytes of this file are not those that were fetched; they are not served";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "damaged", detail)
        }
    }
}

/// The head of an answer that a browser saves and neither shows nor runs, whatever it holds. Its body is a [`Whole`], which the host
/// reads piece by piece.
fn attached(hash: &FileHash, beginning: &[u8]) -> Response<Bytes> {
    let kind = kind(beginning);
    let short: String = hash.to_string().chars().take(16).collect();
    let name = format!("attachment; filename=\"{short}.{}\"", kind.extension);
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.media_type));
    // Digits and the extension of a table.
    headers.extend(HeaderValue::from_str(&name).map(|name| (CONTENT_DISPOSITION, name)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// The address at which the content is for a few minutes. A page of another origin cannot follow a redirect, and asks for it as JSON.
fn moved(address: String, as_json: bool) -> Result<Response<Bytes>, Problem> {
    if as_json {
        return api::json(StatusCode::OK, &FileAddress { location: address });
    }
    let location = HeaderValue::from_str(&address).map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "the answer could not be written")
    })?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}
