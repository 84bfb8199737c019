//! Files that are sent ahead of the call that names them: `POST /uploads` gives an id and an address, the content goes to the address,
//! and the call names the id.
//!
//! Nothing is stored of an upload but its content. The id says what it stands for, sealed for the API key that began it, so that no
//! other key can name it.

use std::time::Duration;

use api::contract::{BegunUpload, NewUpload, Put};
use api::{Caller, Problem, Routed, Seal};
use archive::{ArchiveError, BEGINS_WITHIN, GOOD_FOR, Upload};
use bytes::Bytes;
use config::{Connection, Context};
use http::{Response, StatusCode};
use hub::files::{FileHash, LARGEST, record};
use hub::time::Rfc3339;
use hub::{Record, Subject, Utc};
use partners::Hex;
use partners::operation::enclosure::{Enclosure, is_media_type, is_name};
use serde::{Deserialize, Serialize};
use store::Store;

/// Time for which the file of a call is kept at least: a call may be sent again after a decision.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// Purpose of the seal of ids.
const SEALED: &str = "POST /uploads";

/// An upload that was announced. Sealed as JSON, it is the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    id: String,
    hash: FileHash,
    bytes: u64,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Its beginning, in microseconds since 1970 UTC.
    at: i64,
}

fn seal(caller: &Caller<'_>) -> Seal {
    caller.seal(&SEALED)
}

impl Begun {
    /// An upload that begins now.
    pub fn new(
        (hash, bytes): (FileHash, u64),
        name: String,
        content_type: Option<String>,
        now: Utc,
    ) -> Result<Self, Problem> {
        let mut own = [0; 16];
        getrandom::fill(&mut own).map_err(|_| no_entropy())?;
        let id = Hex(&own).to_string();
        Ok(Self { id, hash, bytes, name, content_type, at: now.0 })
    }

    /// The upload that an id of this key stands for.
    #[must_use]
    pub fn of(caller: &Caller<'_>, id: &str) -> Option<Self> {
        serde_json::from_str(&seal(caller).opened_at_any_age(id)?).ok()
    }

    /// Its id, for this key.
    pub fn sealed(&self, caller: &Caller<'_>, now: Utc) -> Result<String, Problem> {
        let text = serde_json::to_string(self).map_err(|_| no_entropy())?;
        seal(caller).sealed(Some(text), now)?.ok_or_else(no_entropy)
    }

    /// Its content in the archive.
    #[must_use]
    pub fn upload(&self) -> Upload {
        Upload { id: self.id.clone(), hash: self.hash, bytes: self.bytes }
    }

    /// Whether its content may still begin to come.
    #[must_use]
    pub fn may_begin(&self, now: Utc) -> bool {
        now < Utc(self.at).after(BEGINS_WITHIN)
    }

    /// The file as a call is kept with it.
    fn kept(&self, name: Option<&str>, content_type: Option<&str>) -> Enclosure {
        Enclosure::Kept {
            name: name.unwrap_or(&self.name).to_owned(),
            content_type: content_type.map(str::to_owned).or_else(|| self.content_type.clone()),
            sha256: self.hash.to_string(),
            bytes: self.bytes,
        }
    }
}

fn no_entropy() -> Problem {
    tracing::error!("the system gives no random bytes for an upload");
    Problem::no_entropy()
}

fn no_archive(error: Option<&ArchiveError>) -> Problem {
    tracing::error!(error = error.map(|error| telemetry::logs::chain(error)), "the archive does not take an upload");
    Problem::no_archive()
}

/// Answers `POST /uploads`.
pub(crate) async fn begin<S, Q>(context: &Context<S, Q>, routed: Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let NewUpload { name, content_type, bytes, sha256 } = api::body(&routed.request)?;
    if !is_name(&name) {
        let remedy = "must be a name alone: no folder, at most 255 characters, all printable";
        return Err(Problem::field("name", remedy));
    }
    if content_type.as_deref().is_some_and(|text| !is_media_type(text)) {
        return Err(Problem::field("content_type", "must be a media type such as application/zip"));
    }
    if !(1..=LARGEST).contains(&bytes) {
        let remedy = format!("must be from 1 to {LARGEST}: a file may have 100 MiB");
        return Err(Problem::field("bytes", remedy));
    }
    let hash = sha256.to_ascii_lowercase().parse();
    let hash = hash.map_err(|_| Problem::field("sha256", "must be the SHA-256 of the content, as 64 hex digits"))?;
    let now = context.now();
    let begun = Begun::new((hash, bytes), name, content_type, now)?;
    let id = begun.sealed(&routed.caller, now)?;
    let archive = context.archive.as_ref().ok_or_else(|| no_archive(None))?;
    let address = archive.address(&begun.upload()).await.map_err(|error| no_archive(Some(&error)))?;
    let (url, headers) = if let Some(address) = address {
        (address.url, address.headers)
    } else {
        // Behind a proxy a base path may stand before the path: only the client knows its whole.
        let path = routed.request.uri().path();
        let up = path.len() - path.trim_end_matches('/').len();
        (format!("{}uploads/{id}", "../".repeat(up)), vec![("content-length", bytes.to_string())])
    };
    let until = |time| Rfc3339(now.after(time));
    let put = Put { method: "PUT", url, headers: headers.into_iter().collect(), expires: until(BEGINS_WITHIN) };
    api::json(StatusCode::CREATED, &BegunUpload { id, put, expires: until(GOOD_FOR) })
}

/// The file that a call is kept with in place of what its request describes, and the upload that its content is to be taken from.
pub(crate) fn named(caller: &Caller<'_>, file: Enclosure) -> Result<(Enclosure, Option<Begun>), Problem> {
    match file {
        Enclosure::Upload { name, content_type, upload } => {
            let unknown = "is no upload of this key: POST /uploads gives one, which the same key may name";
            let begun = Begun::of(caller, &upload).ok_or_else(|| Problem::field("file.upload", unknown))?;
            Ok((begun.kept(name.as_deref(), content_type.as_deref()), Some(begun)))
        }
        Enclosure::Kept { .. } => {
            let remedy = "is not known here: name, content_type, base64, url and upload are";
            Err(Problem::field("file.sha256", remedy))
        }
        file @ (Enclosure::Inline { .. } | Enclosure::At { .. }) => Ok((file, None)),
    }
}

/// Keeps the content of an upload for a call, before that is accepted: the archive keeps what an alias names.
pub(crate) async fn keep<S: Store, Q>(
    context: &Context<S, Q>,
    begun: &Begun,
    connection: &Connection,
    record: &Record,
) -> Result<(), Problem> {
    let now = context.now();
    if now >= Utc(begun.at).after(GOOD_FOR) {
        let remedy = "has expired: POST /uploads again, send the file, and name the new id";
        return Err(Problem::field("file.upload", remedy));
    }
    let archive = context.archive.as_ref().ok_or_else(|| no_archive(None))?;
    if !archive.adopt(&begun.upload(), now).await.map_err(|error| no_archive(Some(&error)))? {
        let remedy = "has not come: send the whole file to the url of its put, then repeat the call";
        return Err(Problem::field("file.upload", remedy));
    }
    let event = &record.event;
    let shipment = event.meta.aliases.first().map(|alias| Subject::from(alias.as_str()));
    let (subject, until) =
        (shipment.as_ref().unwrap_or(&event.key.subject), now.after(connection.retention.max(KEPT_FOR)));
    let named = context.store.alias(&[record::content(&begun.hash)], &connection.id, subject, until).await;
    named.map_err(|error| Problem::store(&error))
}
