//! XHQ's list of the pushes that it could not deliver (六): what is on it, and what a confirmation clears.

use hub::Utc;
use serde_json::{Map, Value, json};

use super::answers::clock_time;

/// Names of the members of a row. The document lost them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedNames {
    /// XHQ's serial number of the order.
    pub serial: String,
    /// The time of the failure; without a name, no row tells it.
    pub time: Option<String>,
    /// The pushed body; without a name, no row has it.
    pub body: Option<String>,
}

impl Default for FailedNames {
    fn default() -> Self {
        Self { serial: "orderNo".to_owned(), time: None, body: None }
    }
}

/// A push that failed.
struct FailedPush {
    serial: String,
    /// As the document prints times, so that they compare as texts.
    time: String,
    body: Value,
}

/// The pushes that failed and are not confirmed.
#[derive(Default)]
pub(super) struct FailedPushes {
    pub(super) names: FailedNames,
    list: Vec<FailedPush>,
}

impl FailedPushes {
    /// As in the document's example.
    pub(super) fn example() -> Self {
        let mut failed = Self::default();
        failed.list_old(&["A22060714485586949"]);
        failed
    }

    /// These serials instead of all others, as of long ago.
    pub(super) fn list_old(&mut self, serials: &[&str]) {
        self.list.clear();
        for serial in serials {
            self.add(serial, Utc(0), "null");
        }
    }

    pub(super) fn add(&mut self, serial: &str, at: Utc, body: &str) {
        let body = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
        self.list.push(FailedPush { serial: serial.to_owned(), time: clock_time(at), body });
    }

    pub(super) fn serials(&self) -> Vec<String> {
        self.list.iter().map(|push| push.serial.clone()).collect()
    }

    /// Pushes that failed until then.
    pub(super) fn rows(&self, until: &str) -> Value {
        let FailedNames { serial, time, body } = &self.names;
        let row = |push: &FailedPush| {
            let mut row = Map::from_iter([(serial.clone(), json!(push.serial)), ("msg".to_owned(), json!("推送失败"))]);
            row.extend(time.iter().map(|name| (name.clone(), json!(push.time))));
            row.extend(body.iter().map(|name| (name.clone(), push.body.clone())));
            Value::Object(row)
        };
        self.list.iter().filter(|push| push.time.as_str() <= until).map(row).collect()
    }

    /// Clears what failed of these orders until then; how many that were.
    pub(super) fn clear(&mut self, serials: &[&str], until: &str) -> usize {
        let before = self.list.len();
        self.list.retain(|push| !serials.contains(&push.serial.as_str()) || push.time.as_str() > until);
        before - self.list.len()
    }
}
