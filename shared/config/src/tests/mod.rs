mod alerts;
mod calls;
mod credentials;
mod described;
mod examples;
mod keys;
mod mistakes;
mod recover;
mod shown;
mod taken;
mod traces;
mod trust;
mod watches;

use std::collections::BTreeMap;
use std::io;

use super::{Config, Credentials, Mistake, Sources};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
const OTHER_WHSEC: &str = "whsec_ZXhhbXBsZS1vbmx5LXNlY3JldC1vZi0zMi1ieXRlcyE=";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Sources that hold `GOOD`, an empty `EMPTY` and the files of the same names. The other names tell what is odd.
fn sources() -> Sources<'static> {
    let texts = BTreeMap::from([
        ("good", format!("  {OTHER_KEY}\n").into_bytes()),
        ("marked", format!("\u{feff}{KEY}\r\n").into_bytes()),
        ("empty", b" \n".to_vec()),
        ("mark", "\u{feff}\r\n".as_bytes().to_vec()),
        ("broken", b"a\nb".to_vec()),
        ("nul", b"a\0b".to_vec()),
        ("gbk", vec![0xd0, 0xc5, 0xba, 0xc5]),
        ("utf16", "\u{feff}abcd".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("bytes", vec![0xff, b'a']),
        ("ca", trust::CA.into()),
        ("ca with a mark", format!("\u{feff}{}", trust::CA.replace('\n', "\r\n")).into_bytes()),
        ("cut", trust::CA[..100].into()),
        ("no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
        ("partner", described::FILE.into()),
        ("partner with mistakes", b"\n[[partners]]\nid = \"acme\"\n[partners.push]\nbody = \"yaml\"\n".to_vec()),
        ("no partner", b"[[connections]]\nid = \"x\"\n".to_vec()),
        ("no toml", b"a = 1\nb =\n".to_vec()),
        ("der", vec![0x30, 0x82, 0x01, 0x0a]),
    ]);
    let mut known: BTreeMap<_, _> = texts.iter().map(|(name, bytes)| (name.to_uppercase(), bytes.clone())).collect();
    known.insert("GOOD".to_owned(), KEY.into());
    Sources {
        env: Box::new(move |name| known.get(name).cloned()),
        file: Box::new(move |path| match path.to_str().unwrap() {
            "folder" => Err(io::ErrorKind::IsADirectory.into()),
            "closed" => Err(io::ErrorKind::PermissionDenied.into()),
            name => texts.get(name).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file")),
        }),
        credentials: Credentials::Absent,
    }
}

/// Reads a document in which `@KEY`, `@OTHER` and `@WHSEC` stand for good secrets, and `@CA` for a certificate.
fn read(text: &str) -> Result<Config, Vec<Mistake>> {
    let text = text.replace("@KEY", KEY).replace("@OTHER", OTHER_KEY);
    let text =
        text.replace("@WHSEC2", OTHER_WHSEC).replace("@WHSEC", WHSEC).replace("@CA", &trust::CA.replace('\n', "\\n"));
    Config::parse_with(&text, &sources())
}

fn mistakes(text: &str) -> Vec<String> {
    match read(text) {
        Ok(_) => vec![],
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// Every key there is.
const FULL: &str = r#"
listen = "[::1]:9000"
inbox = "127.0.0.1:9001"
data_dir = "/var/lib/tongguan"
retention_days = 30
sweep_every = "1m"
system_roots = true
public_url = "https://hub.example.com/base"
statistics = false
recent_events = false
partner_files = ["partner"]
metrics_listen = "127.0.0.1:9002"
log_format = "json"

[traces]
endpoint = "https://collector.example.com/otlp/"
headers = { Authorization = "Bearer s3", X-Tenant = { file = "good" } }
sample = 0.25
ca_file = "ca"
ca_pem = "@CA"

[disk]
warn_below_mb = 4096
refuse_below_mb = 512

[server]
idle_timeout = "2m"
connections = 2048
connections_per_address = 2048
body_budget_mb = 8
requests_per_key = 7
writes_waiting = 99

[hub]
url = "https://hub.example.com/prod"
api_key = { file = "good" }
ca_file = "ca"
ca_pem = "@CA"

[[partners]]
id = "kuaidi100"
names = ["快递100"]
about = "Express tracking."
source = "https://example.com/document"
credentials = ["customer", "salt"]
production = "https://poll.example.com"
test = "http://test.example.com"

[partners.push]
body = { form = "param", holds = "json" }
deadline = "8s"
budget = "5s"
repeats = ["30m", "30m", "30m"]

[partners.push.verify]
parts = [{ field = "param" }, "timestamp", { credential = "salt" }]
separator = "&"
hash = "hmac-sha256"
key = { credential = "salt" }
digits = "hex"
case = "upper"
signature = { field = "sign", prefix = "v1=" }
unless_missing = "salt"
timestamp = { query = "t", unit = "ms", window = "1m" }

[partners.push.answers]
accepted = { status = 200, content_type = "text/plain", body = "accepted", repeated = false }
duplicate = { status = 200, content_type = "text/plain", body = "duplicate", repeated = false }
malformed = { status = 200, content_type = "text/plain", body = "malformed", repeated = false }
unauthorized = { status = 403, content_type = "text/plain", body = "unauthorized", repeated = false }
not_post = { status = 405, content_type = "text/plain", body = "not_post", repeated = false }
too_large = { status = 413, content_type = "text/plain", body = "too_large", repeated = false }
unavailable = { status = 500, content_type = "text/plain", body = "unavailable", repeated = true }

[[partners.push.actions]]
name = "subscription"
about = "物流轨迹"
suffix = "subscription"
when = { at = "/status", is = ["polling", "shutdown"] }
each = "/items"
keys = [{ kind = "waybill", at = "/nu", unless_has = "*" }, { kind = "order", at = "$/order" }]
occurred = ["/ftime"]
identity = { without = ["$/sent"] }
milestones = { each = "/data", at = "/state", time = "/ftime", per = "/part", of = { "12" = "cleared" } }
example = '{"status":"polling","sent":1,"items":[{"nu":"A1","ftime":"2026-01-01 00:00:00","data":[{"state":"12","part":"1","ftime":"2026-01-01 00:00:00"}]}]}'

[[partners.push.actions.examples]]
name = "two"
body = '{"status":"shutdown","order":"SO-1","items":[{"nu":"A1"},{"nu":"A2"}]}'

[partners.token]
path = "/token"
token = "/token"
life_seconds = 60

[[partners.operations]]
name = "query"
effect = "query"
path = "/query"
credentials = [{ header = "Authorization", prefix = "Bearer ", token = true }]
success = { at = "/ok", is = ["true"] }
answer = '{"ok":true}'
example = '{"no":"A1"}'

[[partners]]
id = "beta"
credentials = ["s"]
push.verify = { parts = ["body", { credential = "s" }], hash = "md5", signature = { header = "a" }, timestamp = { header = "b" } }
push.answers = { accepted = { body = "1" }, unavailable = { body = "2" } }
push.actions = [{ name = "a", keys = [{ kind = "bl", at = "/b" }], example = '{"b":1}' }]

[[partners]]
id = "gamma"
credentials = ["s"]
push.body = { form = "f" }
push.verify = { parts = ["body", { credential = "s" }], hash = "md5", signature = { query = "a" }, timestamp = { field = "b" } }
push.answers = { accepted = { body = "1" }, unavailable = { body = "2" } }
push.actions = [{ name = "a", keys = [{ kind = "bl", at = "/b" }], example = '{"b":1}' }]

[[partners]]
id = "delta"
credentials = ["s"]
push.verify = { parts = [{ pointer = "/b" }, { credential = "s" }], hash = "md5", signature = { pointer = "/a" }, timestamp = { pointer = "/b" } }
push.answers = { accepted = { body = "1" }, unavailable = { body = "2" } }
push.actions = [{ name = "a", keys = [{ kind = "bl", at = "/b" }], example = '{"b":1,"a":""}' }]

[[connections]]
id = "xhq-sh"
partner = "xhq"
keys = ["@KEY", { file = "good" }]
allow_ips = ["203.0.113.7", "198.51.100.9/24", "2001:db8::/32"]
retention_days = 0x10
repeat_window = "1h"
evidence = true
environment = "test"
fee_actions = ["fee_push", "费用"]
app_id = "a"
bgh_id = { env = "GOOD" }
timeout = "20s"
concurrency = 1024
retry = ["1s"]
rate = { calls = 10_000, per = "1d" }
allow_private = true
allow_private_files = true
files = true
push_answers = { bonded_list = { accepted = { status = 200, content_type = "text/plain", body = "1", repeated = false }, duplicate = { status = 200, content_type = "text/plain", body = "1", repeated = false }, malformed = { status = 200, content_type = "text/plain", body = "1", repeated = false }, too_large = { status = 413, content_type = "text/plain", body = "1", repeated = false }, unavailable = { status = 500, content_type = "text/plain", body = "1", repeated = true } } }
ca_file = "ca"
ca_pem = "@CA"
required = { feeConfirm = ["feeId"] }
answers = { actionDataRow = { rows = "/data/list", action = "single_receipt" } }
encodings = { package = "multipart", sendMsg = "form" }
file_part = "upload"
base64_field = "content"
recover = { every = "1d", rows = "", serial = "/a", order = "/o", cutoff = "/b", query = { type = "BGH" }, confirm = { c = "d" } }

[connections.paths]
unfreeze = "unfreeze"

[[connections]]
id = "te"
partner = "trackingeyes"
keys = [{ env = "GOOD" }]
company_code = "c"
secret = "s"

[[connections]]
id = "rates"
partner = "onedata"
keys = ["@KEY"]
base_url = "http://127.0.0.1:9100/one"
app_secret = "s3"
app_key = { env = "GOOD" }

[connections.token]
path = "/auth/token"
body = { appKey = { credential = "app_key" } }
token = "/data/accessToken"
life_seconds = 7200

[connections.signature]
parts = [{ credential = "app_secret" }, "nonce", "timestamp", "token", "body"]
hash = "md5"
send = [
    { part = "token", header = "accessToken" },
    { part = "signature", header = "sign" },
]

[[connections]]
id = "yw"
partner = "yanwen"
environment = "test"
user_id = "99000015"
api_token = "t"

[[endpoints]]
id = "z"
url = "http://127.0.0.1:9000/events"
secrets = ["@WHSEC", "@WHSEC2"]
format = "raw"
connections = ["xhq-*", "te"]
types = ["xhq.*", "trackingeyes.customs_status", "call.failed"]
retry = ["500ms", "5s", "2m", "1h", "1d"]
allow_private = true
ca_file = "ca"
ca_pem = "@CA"
timeout = "25s"
concurrency = 1024
order = "subject"

[[endpoints]]
id = "a"
url = "https://erp.example.com"
secrets = ["@WHSEC"]
retry = []

[[endpoints]]
id = "zz"
pull = true
lease = "5m"

[[watches]]
connection = "xhq-sh"
types = ["xhq.*"]
silence = "1d"
ask = "actionDataRow"
every = "6h"
until = ["cleared"]
for = "80d"

[[alerts]]
id = "ops"
kind = "dingtalk"
url = "https://oapi.dingtalk.com/robot/send?access_token=token-that-nobody-may-see"
secret = "SEC-that-nobody-may-see"
causes = ["delivery_failed", "silence"]
connections = ["xhq-*"]
language = "en"
every = "10m"
console_url = "https://hub.example.com"
allow_private = true
ca_file = "ca"
ca_pem = "@CA"

[[api_keys]]
id = "erp"
key = "@KEY"
connections = ["te"]
role = "operator"
"#;

/// A sound connection and endpoint, each with more lines.
fn with(connection: &str, endpoint: &str) -> String {
    format!(
        "[[connections]]\nid = \"xhq-sh\"\npartner = \"xhq\"\nkeys = [\"@KEY\"]\n{connection}\n\
         [[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/events\"\nsecrets = [\"@WHSEC\"]\n{endpoint}\n"
    )
}
