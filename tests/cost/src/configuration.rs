//! The configuration of the counted deployment.

/// Key of the partners.
pub(crate) const KEY: &str = "a-key-of-the-partner-0123456789-abcdef";

/// Key of the ERP.
pub(crate) const API_KEY: &str = "a-key-of-the-erp-0123456789-abcdefghij";

/// The connections, and the endpoint that takes everything.
pub(crate) const CONFIGURATION: &str = r#"
sweep_every = "1m"
[[connections]]
id = "xhq"
partner = "xhq"
keys = ["a-key-of-the-partner-0123456789-abcdef"]
app_id = "app"
bgh_id = "bgh"
base_url = "https://xhq.example.com/"
[[connections]]
id = "onedata"
partner = "onedata"
keys = ["a-key-of-the-partner-0123456789-abcdef"]
base_url = "https://onedata.example.com/"
app_secret = "secret"
[connections.signature]
parts = [{ credential = "app_secret" }, "nonce", "timestamp", "token", "body"]
hash = "md5"
[connections.token]
path = "/token"
token = "/token"
life = "/life"
[[endpoints]]
id = "erp"
url = "https://erp.example.com/events"
secrets = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
[[api_keys]]
id = "erp"
key = "a-key-of-the-erp-0123456789-abcdefghij"
"#;

/// Another endpoint.
pub(crate) const SECOND_ENDPOINT: &str = r#"
[[endpoints]]
id = "warehouse"
url = "https://warehouse.example.com/events"
secrets = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="]
"#;

/// A watch of every shipment at XHQ.
pub(crate) const WATCH: &str = r#"
[[watches]]
connection = "xhq"
silence = "1h"
"#;
