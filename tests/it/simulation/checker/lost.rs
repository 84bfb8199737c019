//! Pushes that XHQ gave up: it lists each until it is confirmed, and each is to be kept as one event before.

use bytes::Bytes;
use hub::{Event, Work};
use serde_json::{Value, json};

use super::{Checker, StoredEvent, Verdict};
use crate::simulation::pushes::{RECOVERED, wanted};

/// A row of the list.
#[derive(Debug)]
struct Row {
    serial: String,
    text: String,
    /// Place of its failure among all that happened.
    at: u64,
    is_listed: bool,
    is_kept: bool,
}

/// XHQ's list of failed pushes.
#[derive(Debug, Default)]
pub(in crate::simulation) struct Lost {
    rows: Vec<Row>,
}

impl Lost {
    /// A push was given up.
    pub(in crate::simulation) fn add(&mut self, body: &Bytes, at: u64) {
        let number = self.rows.len();
        // Several rows have one serial.
        let serial = format!("S{}", number % 3);
        let text = json!({"serial": serial, "row": number, "content": String::from_utf8_lossy(body)}).to_string();
        self.rows.push(Row { serial, text, at, is_listed: true, is_kept: false });
    }

    /// The partner's answer with the list as it is `now`.
    pub(in crate::simulation) fn listed(&self, now: u64) -> String {
        let rows: Vec<_> = self.rows.iter().filter(|row| row.is_listed).map(|row| row.text.as_str()).collect();
        format!(r#"{{"code":200,"success":true,"data":[{}],"foot":{{"time":"{now}"}}}}"#, rows.join(","))
    }

    /// The partner clears what it had listed of some serials by a time: each row must be kept.
    pub(in crate::simulation) fn confirmed(&mut self, body: &Value) -> Verdict {
        let serials: Vec<_> = body["orderNos"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let cutoff = body["cutoffTime"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        let confirmed = |row: &&mut Row| row.is_listed && row.at <= cutoff && serials.contains(&row.serial.as_str());
        for row in self.rows.iter_mut().filter(confirmed) {
            if !row.is_kept {
                return Err(format!("{} is confirmed and not kept", row.text));
            }
            row.is_listed = false;
        }
        Ok(())
    }

    /// Rows that are still listed.
    pub(in crate::simulation) fn open(&self) -> usize {
        self.rows.iter().filter(|row| row.is_listed).count()
    }

    /// The end: each row was kept, and the list is empty.
    pub(super) fn closed(&self) -> Verdict {
        let open = self.rows.iter().find(|row| row.is_listed || !row.is_kept);
        open.map_or(Ok(()), |row| Err(format!("a failed push was not recovered: {row:?}")))
    }
}

impl Checker {
    /// The store took the event of a failed push: each row once.
    pub(super) fn recovered(&mut self, event: &Event, work: &Work, data: Vec<u8>) -> Verdict {
        self.tally += work.tally();
        let row = self.lost.rows.iter_mut().find(|row| row.text.as_bytes() == data);
        let row = row.ok_or_else(|| format!("{} is no failed push of the partner's", event.key.id))?;
        if std::mem::replace(&mut row.is_kept, true) {
            return Err(format!("{} is kept twice", row.text));
        }
        let endpoints: Vec<_> = work.deliveries.iter().map(|delivery| delivery.endpoint.as_str()).collect();
        if endpoints != wanted(RECOVERED) {
            return Err(format!("{RECOVERED} goes to {endpoints:?}"));
        }
        let (key, subject, kind) = (event.key.clone(), event.key.subject.clone(), event.meta.kind.to_string());
        self.keep(event.key.id.to_string(), StoredEvent { key, subject, kind, data })?;
        self.balanced()
    }
}
