//! Types of stored and queued data in the last version: copies of its own, and none of the present ones. With each release they
//! become those of the released version.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(super) version: u64,
    pub(crate) accepted: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) index_by: Option<i64>,
    pub(crate) deliveries: Vec<Delivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) call: Option<Call>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Pending,
    Delivered,
    Failed,
    Confirmed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(super) endpoint: String,
    pub(super) state: State,
    pub(super) due: i64,
    since: i64,
    #[serde(default)]
    pub(super) turn: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    in_hand: bool,
    #[serde(default)]
    tries: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attempts: Vec<Attempt>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    at: i64,
    ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
}

/// Fields that the last version requires of a call. It never made any itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    operation: String,
    digest: String,
    standing: String,
    due: i64,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what it has is that it can be read")]
pub(crate) struct Meta {
    #[serde(rename = "type")]
    pub(super) kind: String,
    received: i64,
    expires: i64,
    #[serde(default)]
    content_type: String,
    pub(super) data: Data,
    #[serde(default)]
    milestone: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    malformed: Option<String>,
    #[serde(default)]
    possible_repeat: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Data {
    Json(std::ops::Range<usize>),
    Element,
    Opaque,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what it has is that it can be read")]
pub(super) struct Head {
    pub(super) event: String,
    content: [u8; 16],
    received: i64,
    recent: Vec<([u8; 16], i64)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Health {
    failures: u32,
    since: i64,
    last: Option<String>,
    pub(super) open_until: Option<i64>,
    openings: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) v: u32,
    pub(super) connection: String,
    pub(super) subject: String,
    pub(super) id: String,
    /// Without it the job is to write the subject's aliases.
    #[serde(default)]
    pub(super) deliver: Option<Deliver>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deliver {
    pub(super) endpoint: String,
    pub(super) turn: u32,
}

/// Bytes of an item of DynamoDB: a byte that names the codec, then the bytes.
pub(super) fn unpack(packed: &[u8]) -> Vec<u8> {
    let (codec, bytes) = packed.split_first().unwrap();
    let mut unpacked = Vec::new();
    match codec {
        0 => unpacked.extend(bytes),
        1 => assert!(DeflateDecoder::new(bytes).read_to_end(&mut unpacked).unwrap() > 0),
        other => panic!("codec {other} is not known to the last version"),
    }
    unpacked
}

/// An event's bytes: what is known of it on one line, then its body unless that is large.
pub(super) fn event(packed: &[u8]) -> (Meta, Vec<u8>) {
    let data = unpack(packed);
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (read(&data[..end]), data.get(end + 1..).unwrap_or_default().to_vec())
}

pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> T {
    serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(json)))
}
