//! The entries of an evidence file: the one place where they are made, and where those of other things belong.
//!
//! | entry | content |
//! |---|---|
//! | `events/<n>_<time>_<type>/about.json` | key, type, times, deliveries with their attempts |
//! | `.../push.json` or `push.bin` | the bytes as they arrived; `pulled.…` where an answer brought them, `event.…` for the hub's own |
//! | `.../headers.json`, `.../answer.json` | headers of the push and the answer to it, where they are kept |
//! | `calls/<n>_<time>_<type>/about.json` | the same of a call, whose deliveries are those of its end |
//! | `.../call.json` | attempts, answer, decisions, and the beginning of the request |
//! | `.../request.json` | the ERP's request as it came, without secrets |
//! | `.../answer.json` or `answer.txt` | the partner's latest answer as it came, the beginning of a long one |
//! | `files.json` | the files that events and answers name, with the reason of each that is lost |
//! | `files/<sha256>.<extension>` | the content of one that is kept, in slices where it is longer than a part |
//!
//! Names are ASCII without characters that a system forbids, so that every program unpacks them.

use api::Problem;
use api::contract::{KnownEvent, ListedFile};
use evidence::{File, contents};
use http::StatusCode;
use hub::call::{self, Account, Call};
use hub::event::{Data, Exchange, Meta, Within};
use hub::files::FileHash;
use hub::{Record, Utc, event_types};
use serde::Serialize;
use serde::de::IgnoredAny;
use store::{Listed, StoreError};

/// Longest part of a type in a name, in bytes.
const LONGEST_TYPE: usize = 48;

/// The first file of an event's or call's folder.
#[derive(Serialize)]
struct AboutEvent<'a> {
    #[serde(flatten)]
    known: KnownEvent<'a>,
    /// Whether the bytes are one element of the array that was pushed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    element_of_array: bool,
    /// Status and type of the answer to the push, whose body is a file of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Head<'a>>,
    /// The reason why there are no bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'static str>,
}

/// Status and type of an answer.
#[derive(Serialize)]
struct Head<'a> {
    status: u16,
    content_type: &'a str,
}

/// The headers of a push.
#[derive(Serialize)]
struct Headers<'a> {
    /// Names and values, in their order.
    headers: &'a [(String, String)],
    /// Number of those that were too long to be kept.
    left_out: u32,
}

/// The list of files.
#[derive(Serialize)]
struct Files<'a> {
    files: Vec<ListedFile<'a>>,
    /// Number of links that were not followed.
    left_out: u32,
}

/// The folder of an event or call, the `number`th of the shipment, as it was listed and then read. What cannot be read says so.
pub(super) fn of_event(
    number: u32,
    item: &Listed,
    read: store::Result<Option<Record>>,
    account: &Account<'_>,
) -> Result<Vec<File>, Problem> {
    let (record, unreadable) = match read {
        Ok(Some(record)) => (Some(record), None),
        Ok(None) => (None, Some("it expired while the file was made")),
        Err(StoreError::Damaged { .. }) => (None, Some("the stored bytes are not those that were received")),
        Err(StoreError::Corrupt { .. }) => (None, Some("the stored item cannot be read")),
        Err(error) => return Err(Problem::store(&error)),
    };
    let (key, at) = (&item.key, item.meta.received);
    let (meta, work) = record.as_ref().map_or((&item.meta, &item.work), |record| (&record.event.meta, &record.work));
    let kind = if work.call.is_some() { "calls" } else { "events" };
    let folder = format!("{kind}/{number:05}_{}_{}", compact(at), plain(meta.kind.as_str()));
    let exchange = meta.exchange.as_deref();
    let about = AboutEvent {
        known: KnownEvent::of(key, meta, work, record.as_ref().map(|record| record.event.body.len())),
        element_of_array: meta.data == Data::Element,
        answer: exchange.map(|kept| Head { status: kept.answer.status, content_type: &kept.answer.content_type }),
        unreadable,
    };
    let mut files = vec![json(format!("{folder}/about.json"), at, &about)?];
    let Some(record) = &record else { return Ok(files) };
    if let Some(call) = &record.work.call {
        files.extend(of_call(&folder, record, call, account)?);
        return Ok(files);
    }
    let extension = match (&meta.within, &meta.data) {
        (Some(Within::Text), _) => "xml",
        (Some(Within::Form { .. } | Within::FormText { .. }), _) => "txt",
        (None, Data::Opaque) => "bin",
        (None, Data::Json(_) | Data::Element) => "json",
    };
    files.push(bytes(format!("{folder}/{}.{extension}", origin(meta)), at, &record.event.body));
    if let Some(Exchange { headers, left_out, answer }) = exchange {
        files.push(json(format!("{folder}/headers.json"), at, &Headers { headers, left_out: *left_out })?);
        files.push(bytes(format!("{folder}/answer.json"), at, answer.body.as_bytes()));
    }
    Ok(files)
}

/// The files of a call, besides the first.
fn of_call(folder: &str, record: &Record, call: &Call, account: &Account<'_>) -> Result<Vec<File>, Problem> {
    let at = record.event.meta.received;
    let view = call::whole(record, account).map(|view| json(format!("{folder}/call.json"), at, &view)).transpose()?;
    // What is shown of a long request is its beginning.
    let asked = call::asked(record, account);
    let asked = asked.map(|asked| bytes(format!("{folder}/request.json"), at, asked.as_bytes()));
    let answer = call.answer.as_ref().map(|answer| {
        let is_json = !answer.truncated && serde_json::from_str::<IgnoredAny>(&answer.body).is_ok();
        let name = if is_json { "answer.json" } else { "answer.txt" };
        bytes(format!("{folder}/{name}"), at, answer.body.as_bytes())
    });
    Ok(view.into_iter().chain(asked).chain(answer).collect())
}

/// The list of the shipment's files.
pub(super) fn of_files(records: &[Listed], now: Utc) -> Result<File, Problem> {
    let files: Vec<_> = records.iter().flat_map(ListedFile::all).collect();
    // Of links that were too many or too long there is no more than their number.
    let left_out: u32 =
        records.iter().filter_map(|record| record.work.files.as_ref()).map(|files| files.left_out).sum();
    json(contents::FILES.to_owned(), now, &Files { files, left_out })
}

/// Content that cannot be read, with the reason.
pub(super) fn without_content(hash: &FileHash, at: Utc, why: &str) -> Result<File, Problem> {
    json(contents::unreadable(hash), at, &serde_json::json!({"hash": hash, "unreadable": why}))
}

/// Name of the file with an event's bytes, by where they come from.
fn origin(meta: &Meta) -> &'static str {
    match meta.pulled {
        Some(_) => "pulled",
        None if event_types::own().any(|own| own == meta.kind.as_str()) => "event",
        None => "push",
    }
}

/// A file of JSON.
pub(super) fn json(path: String, at: Utc, value: &impl Serialize) -> Result<File, Problem> {
    let data = serde_json::to_vec_pretty(value);
    let data = data.map_err(|_| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "the answer could not be written")
    })?;
    Ok(File { path, time: at.seconds(), data })
}

/// A file of these bytes.
pub(super) fn bytes(path: String, at: Utc, data: &[u8]) -> File {
    File { path, time: at.seconds(), data: data.to_vec() }
}

/// A time as a part of a name, to the second.
fn compact(at: Utc) -> String {
    let text = at.to_string().replace([':', '-'], "");
    format!("{}Z", text.split('.').next().unwrap_or_default())
}

/// A type as a part of a name: a partner may spell its actions with any characters.
fn plain(kind: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
    let mut plain = kind.replace(|character| !is_plain(character), "_");
    plain.truncate(LONGEST_TYPE);
    plain.truncate(plain.trim_end_matches('.').len());
    plain
}

#[cfg(test)]
mod tests {
    use hub::{EventId, EventKey, Work};

    use super::*;

    #[test]
    fn event_that_cannot_be_read_is_an_entry_that_says_so() {
        let key = EventKey { connection: "c".into(), subject: "order:1".into(), id: EventId([7; 24]) };
        let meta = Meta::json("xhq.syn_status".into(), Utc(1_790_000_000_000_000), Utc(i64::MAX), 2);
        let item = Listed { key: key.clone(), meta, work: Work::default() };
        let damaged = StoreError::Damaged { verb: "load", event: key.id, work: None };
        for (read, told) in [
            (Ok(None), "expired"),
            (Err(damaged), "not those that were received"),
            (Err(StoreError::Corrupt { verb: "load", what: String::new() }), "cannot be read"),
        ] {
            let files = of_event(7, &item, read, &Account::default()).unwrap();
            let [about] = &files[..] else { panic!("{files:?}") };
            assert_eq!(about.path, "events/00007_20260921T141320Z_xhq.syn_status/about.json");
            let about: serde_json::Value = serde_json::from_slice(&about.data).unwrap();
            assert!(about["unreadable"].as_str().unwrap().contains(told) && about.get("bytes").is_none(), "{about}");
        }
    }

    #[test]
    fn names_have_no_character_that_a_system_forbids() {
        assert_eq!(plain("xhq.sendBgh_data"), "xhq.sendBgh_data");
        assert_eq!(plain("xhq.费用/../../x:y\\z. "), "xhq.___.._.._x_y_z._");
        assert_eq!(plain(&format!("xhq.{}", "..".repeat(99))), "xhq");
        assert_eq!(compact(Utc(1_790_000_000_123_456)), "20260921T141320Z");
    }
}
