//! Bodies of the answers about files.

use hub::files::record::shipment;
use hub::files::{File, FileHash, State};
use hub::time::Rfc3339;
use hub::{ConnectionId, EventId, EventType, Subject};
use serde::Serialize;
use store::Listed;

use super::Next;
use crate::answer::Printed;

/// A file that an event or an answer names by a link.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedFile<'a> {
    /// The name of the member that holds the link, such as `releaseNotice`.
    field: &'a str,
    /// The link.
    url: &'a str,
    /// `waiting`: it is fetched at `due`. `kept`: `GET /files/{hash}` has it. Otherwise it was given up, and `detail` says why.
    state: State,
    /// The hash of a kept file's content: SHA-256 as 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    hash: Option<FileHash>,
    /// The size of a kept file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// The media type of a kept file, told by its first bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
    /// A name to save a kept file under.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// The time of the next attempt, while it is waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Rfc3339>,
    /// The time of the latest attempt, or that at which the link was seen.
    at: Rfc3339,
    /// The number of attempts.
    tries: u32,
    /// The reason why it could not be fetched at the latest attempt.
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl<'a> NamedFile<'a> {
    /// The file as it is shown.
    #[must_use]
    pub fn of(file: &'a File) -> Self {
        let File { field, url, state, due, tries, at, detail, kept } = file;
        Self {
            field,
            url,
            state: *state,
            hash: kept.as_ref().map(|kept| kept.hash),
            size: kept.as_ref().map(|kept| kept.size),
            media_type: kept.as_ref().map(|kept| kept.media_type.as_str()),
            name: kept.as_ref().map(|kept| kept.name.as_str()),
            due: due.map(Rfc3339),
            at: Rfc3339(*at),
            tries: *tries,
            detail,
        }
    }

    /// The files of a record.
    pub fn all(record: &'a Listed) -> impl Iterator<Item = Self> {
        record.work.files.iter().flat_map(|files| &files.entries).map(Self::of)
    }
}

/// A file of a shipment, with the event or the operation that names it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListedFile<'a> {
    connection: &'a ConnectionId,
    /// The business key that the file belongs to.
    subject: Subject,
    /// The event that names it; absent where an answer does.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventId>,
    /// The type of the event, or `<partner>.<operation>` of the answer.
    by: &'a EventType,
    /// The time at which the link was received.
    received: Rfc3339,
    #[serde(flatten)]
    file: NamedFile<'a>,
}

impl<'a> ListedFile<'a> {
    /// The files of a record.
    pub fn all(record: &'a Listed) -> impl Iterator<Item = Self> {
        let Listed { key, meta, work } = record;
        work.files.iter().flat_map(move |files| {
            files.entries.iter().map(move |file| Self {
                connection: &key.connection,
                subject: shipment(meta).unwrap_or_else(|| key.subject.clone()),
                event: files.event,
                by: &files.by,
                received: Rfc3339(meta.received),
                file: NamedFile::of(file),
            })
        })
    }
}

/// A page of files.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct FilesPage {
    /// The files: those of `limit` events or answers at most.
    pub items: Vec<Printed<ListedFile<'static>>>,
    /// The cursor of the next page. A page may be empty and not the last.
    pub next: Next,
}

/// The address of a file's content, on AWS.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct FileAddress {
    /// The address, good for five minutes. It needs no key.
    pub location: String,
}
