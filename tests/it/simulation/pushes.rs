//! Pushes of the partners in a history, and the events that they must become.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use config::Config;
use partners::Partner;
use serde_json::Value;

use super::random::Random;
use crate::calls::RECIPE;

/// A business fact: connection, type, subject, and its payload without its layout.
pub(super) type Fact = (&'static str, &'static str, String, String);

/// One fact in a push, and the bytes of its payload as the ERP must get them.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) fact: Fact,
    pub(super) data: Vec<u8>,
}

/// One push.
#[derive(Clone, Debug)]
pub(super) struct Push {
    pub(super) partner: Partner,
    pub(super) connection: &'static str,
    /// The last segment of its path.
    pub(super) suffix: &'static str,
    pub(super) body: Bytes,
    pub(super) claims: Vec<Claim>,
}

/// Time within which an equal of the latest status of an order is a repetition of it.
pub(super) const REPEAT_WINDOW: Duration = Duration::from_mins(2);

/// Time without news of an order that is not yet a silence.
pub(super) const SILENCE: Duration = Duration::from_mins(5);

/// The type whose repetitions are recognised by the latest event alone.
pub(super) const CHAINED: &str = "xhq.syn_status";

/// The type of the events of pushes that XHQ gave up.
pub(super) const RECOVERED: &str = "xhq.failed_push";

/// The ERP's key.
pub(super) const API_KEY: &str = "api-key-of-the-erp-0123456789-0123456789";

/// Settings of the calls to partners in every history.
const CALLED: &str = r#"timeout = "5s"
concurrency = 2
retry = ["5s", "30s", "2m", "10m"]
"#;

/// A partner that the configuration describes, with a connection of it.
const DESCRIBED: &str = r#"
[[partners]]
id = "acme"
[partners.push]
repeats = ["1m", "5m", "30m"]
[partners.push.answers]
accepted = { status = 200, body = '{"ok":true}' }
unavailable = { status = 503, body = '{"ok":false,"why":"{message}"}', repeated = true }
[[partners.push.actions]]
name = "status"
suffix = "status"
keys = [{ kind = "waybill", at = "/no" }]
example = '{"no":"A1","code":3}'

[[connections]]
id = "acme"
partner = "acme"
"#;

static ACME: LazyLock<Partner> =
    LazyLock::new(|| Config::parse(&format!("{DESCRIBED}keys = [\"{}\"]", "k".repeat(32))).unwrap().partners[0]);

/// The configuration of every history; the schedule and the places of the endpoints differ.
pub(super) fn document(retry: &str, concurrency: u32) -> String {
    let key = "k".repeat(32);
    let secret = hub::signature::SigningKey::secret(&[7; 32]);
    let connection = |id: &str, partner: &str| {
        format!("[[connections]]\nid = \"{id}\"\npartner = \"{partner}\"\nkeys = [\"{key}\"]\n")
    };
    let endpoint = |id: &str, rest: &str| {
        format!(
            "[[endpoints]]\nid = \"{id}\"\nurl = \"https://{id}.example.com/\"\nsecrets = [\"{secret}\"]\n\
             timeout = \"5s\"\nconcurrency = {concurrency}\n{retry}\n{rest}\n"
        )
    };
    [
        format!("[[api_keys]]\nid = \"erp\"\nkey = \"{API_KEY}\"\n"),
        connection("xhq-sh", "xhq"),
        format!("repeat_window = \"{}s\"\n", REPEAT_WINDOW.as_secs()),
        format!("{CALLED}app_id = \"a\"\nbgh_id = \"b\"\nbase_url = \"https://xhq.example.com/\"\n"),
        connection("te", "trackingeyes"),
        format!("{DESCRIBED}keys = [\"{key}\"]\n"),
        connection("od", "onedata"),
        format!("{CALLED}base_url = \"https://od.example.com\"\n{RECIPE}"),
        format!("[[watches]]\nconnection = \"xhq-sh\"\ntypes = [\"xhq.*\"]\nsilence = \"{}s\"\n", SILENCE.as_secs()),
        endpoint("erp", "types = [\"xhq.*\", \"trackingeyes.*\", \"acme.*\", \"call.*\", \"watch.*\"]"),
        endpoint("wms", "format = \"raw\"\ntypes = [\"xhq.single_receipt\", \"onedata.rates\"]"),
        endpoint("tms", "connections = [\"te\"]"),
    ]
    .concat()
}

/// The same with a list of failed pushes at XHQ that is worked off.
pub(super) fn recovering(document: &str) -> String {
    let recover = r#"recover = { every = "2m", rows = "/data", serial = "/serial", cutoff = "/foot/time" }"#;
    document.replace("app_id = ", &format!("{recover}\napp_id = "))
}

/// The same with endpoints that get the events of one subject in order.
pub(super) fn ordered(document: &str, endpoints: &[&str]) -> String {
    endpoints.iter().fold(document.to_owned(), |document, id| {
        let url = format!("url = \"https://{id}.example.com/\"");
        document.replace(&url, &format!("order = \"subject\"\n{url}"))
    })
}

/// Endpoints of events of a type, by [`document`].
pub(super) fn wanted(kind: &str) -> &'static [&'static str] {
    match kind {
        CHAINED => &["erp"],
        "xhq.single_receipt" => &["erp", "wms"],
        "trackingeyes.customs_status" => &["erp", "tms"],
        "onedata.rates" => &["wms"],
        "onedata.ports" => &[],
        RECOVERED | hub::watch::SILENT | "acme.status" => &["erp"],
        _ => panic!("{kind} is pushed by nobody"),
    }
}

/// A payload without its layout.
pub(super) fn canonical(data: &[u8]) -> String {
    serde_json::from_slice::<Value>(data).map_or_else(|error| error.to_string(), |value| value.to_string())
}

fn claim(connection: &'static str, kind: &'static str, subject: String, data: &str) -> Claim {
    let data = data.as_bytes().to_vec();
    Claim { fact: (connection, kind, subject, canonical(&data)), data }
}

/// Blanks that mean nothing.
fn blanks(random: &mut Random) -> (&'static str, &'static str) {
    let inner = ["", " ", "\r\n  "];
    (inner[random.place(inner.len())], ["", "\n", "  "][random.place(3)])
}

/// A push of something; equal numbers are equal facts, in one of several layouts.
pub(super) fn push(random: &mut Random, breadth: u64) -> Push {
    let n = random.within(1..=breadth);
    match random.within(0..=9) {
        0..=3 => {
            let code = [61, 63, 61, 81][random.place(4)];
            status(random, n.min(3), code)
        }
        4 => receipt_of(random, n, Named::Order),
        5 => receipt_of(random, n, if n.is_multiple_of(3) { Named::Declaration } else { Named::Bill }),
        6 | 7 => waybills(random, n),
        8 => rates(random, n),
        _ if n.is_multiple_of(2) => described(random, n),
        _ => ports(random, n),
    }
}

/// XHQ: an order moved on.
pub(super) fn status(random: &mut Random, order: u64, code: u64) -> Push {
    let (inner, outer) = blanks(random);
    let data = format!(r#"{{{inner}"action":"syn_status","orderOutNo":"SO-{order}","code":{code},"msg":"待审核"}}"#);
    let suffix = if random.chance(500) { "syn_status" } else { "" };
    let claims = vec![claim("xhq-sh", CHAINED, format!("order:SO-{order}"), &data)];
    Push { partner: Partner::Xhq, connection: "xhq-sh", suffix, body: format!("{outer}{data}{outer}").into(), claims }
}

/// The strongest key that a receipt names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Order,
    Bill,
    Declaration,
}

/// XHQ: a customs receipt of an order, without or with its release notice, its members in one of two orders.
pub(super) fn receipt(random: &mut Random, n: u64) -> Push {
    receipted(random, n, Named::Order, "P")
}

/// XHQ: what customs said of a declaration; the order's, the bill's or nobody's.
fn receipt_of(random: &mut Random, n: u64, named: Named) -> Push {
    let channels = ["L", "P", "R", "C", "E"];
    let channel = channels[random.place(channels.len())];
    receipted(random, n, named, channel)
}

fn receipted(random: &mut Random, n: u64, named: Named, channel: &str) -> Push {
    let (inner, outer) = blanks(random);
    let notice = if random.chance(300) { r#","releaseNotice":"https://files.example.com/1.pdf""# } else { "" };
    // Two orders on a bill.
    let bill = n.div_ceil(2);
    let entry = format!("1906651379888427{n:03}");
    let (subject, keys) = match named {
        Named::Order => (format!("order:SO-{n}"), format!(r#""orderOutNo":"SO-{n}","billNo":"CULV{bill}""#)),
        Named::Bill => (format!("bl:CULV{bill}"), format!(r#""orderOutNo":"","billNo":"CULV{bill}""#)),
        Named::Declaration => (format!("entry:{entry}"), r#""orderOutNo":null"#.to_owned()),
    };
    let param = format!(r#""paramJson":{{"channel":"{channel}","entryId":{entry},"price":"700.00","x":null{notice}}}"#);
    let (first, second) = if random.chance(500) { (&keys, &param) } else { (&param, &keys) };
    let data = format!(r#"{{{inner}"action":"single_receipt",{first},{inner}{second},"future":[1.10,""]}}"#);
    let claims = vec![claim("xhq-sh", "xhq.single_receipt", subject, &data)];
    let body = format!("{data}{outer}").into();
    Push { partner: Partner::Xhq, connection: "xhq-sh", suffix: "single_receipt", body, claims }
}

/// TrackingEyes: one waybill or several, each a snapshot.
fn waybills(random: &mut Random, n: u64) -> Push {
    let (inner, outer) = blanks(random);
    let count = random.within(1..=3);
    let mut elements = Vec::new();
    let mut claims = Vec::new();
    for bill in n..n + count {
        let status = ["放行", "查验"][random.place(2)];
        let receipt = format!(r#"{{"statusCd":"{status}","noticeDate":"2026-11-01T08:00:00"}}"#);
        // As the document prints it, or with something of the customer's: then it is compared with answers.
        let own = if bill.is_multiple_of(2) { "ours" } else { "" };
        let element = format!(
            r#"{{{inner}"id":19066513798884270{bill:02},"blNo":"CULV{bill}","entryId":"E{bill}","extendNo":"{own}","endId":"0","customsStatus":[{receipt}]}}"#
        );
        let data = if count == 1 { format!("[{inner}{element}]") } else { format!("[{element}]") };
        claims.push(claim("te", "trackingeyes.customs_status", format!("bl:CULV{bill}"), &data));
        elements.push(element);
    }
    let body = format!("{outer}[{inner}{}]", elements.join(&format!(",{inner}"))).into();
    Push { partner: Partner::TrackingEyes, connection: "te", suffix: "customs_status", body, claims }
}

/// 1datatech: rates of a batch, due within 500 ms.
fn rates(random: &mut Random, n: u64) -> Push {
    let (inner, outer) = blanks(random);
    let data = format!(r#"{{{inner}"batchNo":"B{n}","data":[{{"price":1.10,"ccy":"USD"}}]}}"#);
    let claims = vec![claim("od", "onedata.rates", format!("batch:B{n}"), &data)];
    Push { partner: Partner::OneData, connection: "od", suffix: "rates", body: format!("{data}{outer}").into(), claims }
}

/// A described partner: a waybill moved on.
fn described(random: &mut Random, n: u64) -> Push {
    let (inner, outer) = blanks(random);
    let data = format!(r#"{{{inner}"no":"W{n}","code":{n},"future":[1.10,""]}}"#);
    let claims = vec![claim("acme", "acme.status", format!("waybill:W{n}"), &data)];
    Push { partner: *ACME, connection: "acme", suffix: "status", body: format!("{data}{outer}").into(), claims }
}

/// 1datatech's answer about a port, and the event that it must become: each time the same.
pub(super) fn found(number: &str) -> (String, Claim) {
    let item = format!(
        r#"{{"carrierCd":"CNTAO","subType":1,"subNo":"{number}","resultCode":2,"resultData":{{"blNo":"{number}","x":1.10}}}}"#
    );
    let data = format!("{{\"data\":[{item}]}}");
    (item, claim("od", "onedata.ports", format!("port:CNTAO:1:{number}"), &data))
}

/// 1datatech: port data, which no endpoint wants.
fn ports(random: &mut Random, n: u64) -> Push {
    let (inner, outer) = blanks(random);
    let data = format!(r#"{{{inner}"dataType":2,"data":{{"carrierCd":"CNTAO","subType":1,"subNo":"P{n}"}}}}"#);
    let claims = vec![claim("od", "onedata.ports", format!("port:CNTAO:1:P{n}"), &data)];
    Push { partner: Partner::OneData, connection: "od", suffix: "ports", body: format!("{data}{outer}").into(), claims }
}
