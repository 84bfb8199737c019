//! A URL that takes JSON, signed by Standard Webhooks like a delivery.
//!
//! `{"alert", "at", "text", "console", "causes": [{"cause", "count", "since", "until", "places": {"<id>": <count>}, "about": [...],
//! "text", "advice", "console"}]}`. `places` has the first ten, and `about` the first five subjects. `webhook-id` differs with each message.

use hub::alert::{Cause, Group};
use hub::signature::{SigningKey, signatures};
use serde_json::{Value, json};
use url::Url;

use super::{LONGEST, Post};
use crate::{Message, text};

pub(super) fn post(url: &Url, key: &SigningKey, message: &Message<'_>) -> Post {
    let cause = |(cause, group): (&Cause, &Group)| {
        let own = text(*cause, message.language);
        json!({
            "cause": cause,
            "count": group.count,
            "since": group.since.to_string(),
            "until": group.until.to_string(),
            "places": group.places,
            "about": group.about,
            "text": own.name,
            "advice": own.advice,
            "console": message.link(*cause, group),
        })
    };
    let console = message.console.map(|console| format!("{}/console", console.as_str().trim_end_matches('/')));
    let body = json!({
        "alert": message.alert,
        "at": message.at.to_string(),
        "text": message.plain(LONGEST),
        "console": console,
        "causes": message.groups.iter().map(cause).collect::<Vec<Value>>(),
    });
    let body = super::json(&body);
    let id = format!("alert-{}-{}", message.alert, message.at.milliseconds());
    let signature = signatures(std::slice::from_ref(key), &id, message.at, &body);
    let headers = vec![
        ("webhook-id", id),
        ("webhook-timestamp", message.at.seconds().to_string()),
        ("webhook-signature", signature),
    ];
    Post { url: url.clone(), headers, body }
}
