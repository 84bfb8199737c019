//! A push of a configured partner, and the configuration that describes it.

use base64::Engine as _;
use serde_json::{Value, json};

const KEY: &str = "inbound-key-of-a-described-partner-01";

/// A partner whose pushes carry neither time nor id, so that they are compared with what is stored of their subject.
pub(super) const TABLES: &str = r#"
[[partners]]
id = "acme"
[partners.push.answers]
accepted = { body = '{"ok":true}' }
unavailable = { body = '{"ok":false,"why":"{message}"}' }
[[partners.push.actions]]
name = "status"
suffix = "status"
keys = [{ kind = "bl", at = "/bill" }]
identity = "message"
example = '{"bill":"B1"}'

[[connections]]
id = "acme"
partner = "acme"
keys = ["inbound-key-of-a-described-partner-01"]
"#;

/// The event that the gateway calls the function with.
pub(super) fn sample() -> String {
    let mut event: Value = host::sample("customs_status").unwrap();
    let path = format!("/hooks/acme/acme/{KEY}/status");
    let resource = "/hooks/{partner}/{connection}/{key}/{action}";
    (event["path"], event["resource"]) = (json!(path), json!(resource));
    event["requestContext"]["path"] = json!(format!("/production{path}"));
    event["requestContext"]["resourcePath"] = json!(resource);
    event["body"] = json!(base64::prelude::BASE64_STANDARD.encode(r#"{"bill":"B1"}"#));
    event.to_string()
}
