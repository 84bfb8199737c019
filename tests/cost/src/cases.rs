//! Cases whose cost is counted.

use std::time::Duration;

use hub::delivery::Outcome;

use crate::deployment::Deployment;
use crate::usage::Usage;

/// Something that happens, and what it takes.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name of the case.
    pub name: &'static str,
    /// Usage of it, once.
    pub usage: Usage,
}

/// Usage of the hub when nothing happens.
#[derive(Clone, Debug)]
pub struct Standing {
    /// One sweep with nothing to do.
    pub sweep: Usage,
    /// The same with events stored that are done.
    pub sweep_over_stored: Usage,
    /// One reading of the ledger over those events.
    pub ledger: Usage,
    /// Number of the stored items.
    pub items: usize,
    /// Bytes that DynamoDB stores for them.
    pub bytes: usize,
}

/// An event of a kilobyte.
pub const EVENT: &str = "1 KB event, accepted and delivered to one endpoint";
/// The same where events cannot be listed by time.
pub const UNLISTED: &str = "the same with `recent_events = false`";
/// The same at a connection that keeps headers and answers.
pub const KEPT: &str = "the same with `evidence = true`";
/// The same once more.
pub const DUPLICATE: &str = "the same push again";
/// An event of a chain, which is compared with its predecessor.
pub const CHAINED: &str = "order status (`syn_status`), accepted and delivered";
/// An event by which a subject is known under other keys.
pub const ALIASES: &str = "1 KB event that brings another key of its subject";
/// An event that begins the watch of its shipment.
pub const BEGINS_WATCH: &str = "1 KB event that begins the watch of its shipment";
/// An event of a shipment that is watched.
pub const WATCHED: &str = "each further 1 KB event of a watched shipment";
/// A look at a watch.
pub const LOOK: &str = "each look at a watch that finds news (part of a sweep)";
/// A silence.
pub const SILENCE: &str = "each silence that is reported at once, delivered";
/// An event that names a file.
pub const NAMES_FILE: &str = "1 KB event that names a file, with `files = true`";
/// A file.
pub const FETCHED: &str = "each file that is fetched at once and kept (part of a sweep, beside S3)";
/// One more delivery.
pub const FURTHER: &str = "each further endpoint that an event goes to";
/// One more attempt.
pub const RETRY: &str = "each attempt that fails and is repeated";
/// The addition of a subject's order.
pub const ORDERED: &str = "each delivery with `order = \"subject\"`, of a subject with ten such events";
/// The addition of a wait for an earlier event.
pub const WAITED: &str = "each of these that waits for an earlier one";
/// A query.
pub const QUERY: &str = "query";
/// A command that must not be repeated blindly.
pub const COMMAND: &str = "command about an order, its end delivered";
/// A command about an order that another one was about before.
pub const FOLLOWING: &str = "command about an order that an earlier one was about, its end delivered";
/// A command that may be repeated.
pub const SAFE: &str = "command that may be repeated (`port_query_v2`), its end delivered";

/// An event that a consumer leases and acknowledges.
pub const PULLED: &str = "1 KB event at a pull endpoint, accepted, leased and acknowledged by itself";
/// The same in a batch, without its acceptance.
pub const BATCH: &str = "batch of 10 events of 1 KB, leased by one request and acknowledged by another";
/// The addition of a subject's order.
pub const PULLED_IN_ORDER: &str = "each of these with `order = \"subject\"`, of a subject with ten such events";
/// A request of a consumer that finds nothing.
pub const NOTHING: &str = "request of a consumer that finds nothing";

/// A reading of everything under three keys.
pub const SHIPMENT: &str = "shipment of 50 events of 1 KB under an order, a bill and a declaration, read by its bill";

/// An evidence file of the same shipment.
pub const EVIDENCE: &str = "evidence file of the same shipment";

/// The statistics of a process.
pub const STATISTICS: &str = "the statistics of a connection that a process adds, once a minute at the most";
/// A reading of the statistics.
pub const DAY: &str = "`GET /stats` of a day, for each connection that is never idle";

/// A page of the list of events.
pub const LISTED: &str = "page of 50 events of 1 KB, the newest of two connections (`GET /events`)";

const TROUBLE: Outcome = Outcome::Refused { retry_after: None, trouble: true };

/// A kilobyte of XHQ's, known by its order number, and perhaps by `keys`.
fn receipt(order: &str, keys: &str) -> String {
    let notes: Vec<_> = (0..7)
        .map(|n| {
            format!(
                r#"{{"noticeDate":"2026-05-{:02} 14:2{n}:07","channel":"{}","note":"报关单审结 {}","seqNo":"I20260000{}"}}"#,
                11 + n,
                n * 17 + 3,
                7919 * (n + 3),
                65_537 * (n + 1),
            )
        })
        .collect();
    let notes = notes.join(",");
    format!(
        r#"{{"action":"single_receipt","orderOutNo":"{order}"{keys},"paramJson":{{"channel":"P","note":"海关已放行","noticeDate":"2026-05-18 16:47:56","customMaster":"2248","releaseNotice":"https://files.example.com/A24042208465575164/releaseNotice.pdf","examinePdf":"","receipts":[{notes}]}}}}"#
    )
}

fn status(code: u32) -> String {
    format!(r#"{{"action":"syn_status","orderOutNo":"SO2026110700012","code":{code},"msg":"预录完成"}}"#)
}

/// An event, accepted and delivered at the last of so many attempts.
async fn delivered(hub: &Deployment, order: &str, keys: &str, attempts: usize) -> anyhow::Result<Usage> {
    let mut usage = hub.push("single_receipt", &receipt(order, keys)).await?;
    for _ in 1..attempts {
        usage = usage + hub.work_once(TROUBLE).await?;
        hub.pass(Duration::from_secs(10));
    }
    Ok(usage + hub.work(Outcome::Delivered, "").await?)
}

/// The `n`th event of one order.
async fn nth(hub: &Deployment, n: usize) -> anyhow::Result<Usage> {
    hub.push("single_receipt", &receipt("SO2026110700012", &format!(r#","remark":"{n}""#))).await
}

/// Two events of one order, whose hints come in their order or in the other one.
async fn two(reversed: bool) -> anyhow::Result<Usage> {
    let hub = Deployment::ordered().await?;
    let pushed = nth(&hub, 1).await? + nth(&hub, 2).await?;
    if reversed {
        hub.reverse();
    }
    Ok(pushed + hub.work(Outcome::Delivered, "").await?)
}

/// Counts what consumers ask for.
async fn pulls(case: &mut impl FnMut(&'static str, Usage)) -> anyhow::Result<()> {
    let hub = Deployment::pulled("none").await?;
    let one = hub.push("single_receipt", &receipt("SO2026110700012", "")).await?;
    case(PULLED, one + hub.pull(50).await?);
    case(NOTHING, hub.pull(50).await?);
    for n in 100..110 {
        hub.push("single_receipt", &receipt(&format!("SO20261107{n:05}"), "")).await?;
    }
    case(BATCH, hub.pull(50).await?);
    let (mut tenth, hub) = (Usage::default(), Deployment::pulled("subject").await?);
    for n in 0..10 {
        nth(&hub, n).await?;
        tenth = hub.pull(50).await?;
    }
    let hub = Deployment::pulled("none").await?;
    for n in 0..9 {
        nth(&hub, n).await?;
        hub.pull(50).await?;
    }
    nth(&hub, 9).await?;
    case(PULLED_IN_ORDER, tenth - hub.pull(50).await?);
    Ok(())
}

/// Counts every case, each on a table of its own.
pub async fn all() -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut case = |name, usage| cases.push(Case { name, usage });

    let hub = Deployment::new().await?;
    let plain = delivered(&hub, "SO2026110700012", "", 1).await?;
    case(EVENT, plain.clone());
    let unlisted = Deployment::without_recent().await?;
    case(UNLISTED, delivered(&unlisted, "SO2026110700012", "", 1).await?);
    let keeping = Deployment::with_evidence().await?;
    case(KEPT, delivered(&keeping, "SO2026110700012", "", 1).await?);
    case(DUPLICATE, hub.push("single_receipt", &receipt("SO2026110700012", "")).await?);

    let hub = Deployment::new().await?;
    delivered(&hub, "SO2026110700012", "", 1).await?;
    let (one, day) = hub.statistics().await?;
    case(STATISTICS, one);
    case(DAY, day);

    let hub = Deployment::new().await?;
    hub.push("syn_status", &status(61)).await?;
    hub.work(Outcome::Delivered, "").await?;
    let chained = hub.push("syn_status", &status(63)).await?;
    case(CHAINED, chained + hub.work(Outcome::Delivered, "").await?);

    let hub = Deployment::new().await?;
    let keys = r#","billNo":"OOLU2764910530""#;
    case(ALIASES, delivered(&hub, "SO2026110700012", keys, 1).await?);

    let hub = Deployment::with_a_watch().await?;
    // The first of a process looks for what no configuration has.
    hub.sweep().await?;
    case(BEGINS_WATCH, delivered(&hub, "SO2026110700012", "", 1).await?);
    hub.pass(Duration::from_mins(40));
    case(WATCHED, delivered(&hub, "SO2026110700012", r#","billNo":"""#, 1).await?);
    hub.pass(Duration::from_mins(25));
    let look = hub.sweep().await?;
    hub.pass(Duration::from_mins(1));
    let idle = hub.sweep().await?;
    case(LOOK, look - idle.clone());
    hub.pass(Duration::from_hours(2));
    let told = hub.sweep().await? - idle;
    case(SILENCE, told + hub.work(Outcome::Delivered, "").await?);

    let hub = Deployment::with_files().await?;
    hub.sweep().await?;
    case(NAMES_FILE, delivered(&hub, "SO2026110700012", "", 1).await?);
    let fetched = hub.sweep_of("%PDF-1.4").await?;
    case(FETCHED, fetched - hub.sweep().await?);

    let hub = Deployment::with_two_endpoints().await?;
    case(FURTHER, delivered(&hub, "SO2026110700012", "", 1).await? - plain.clone());

    let hub = Deployment::new().await?;
    case(RETRY, delivered(&hub, "SO2026110700012", "", 2).await? - plain.clone());

    let hub = Deployment::ordered().await?;
    for n in 1..10 {
        nth(&hub, n).await?;
        hub.work(Outcome::Delivered, "").await?;
    }
    let tenth = nth(&hub, 10).await?;
    case(ORDERED, tenth + hub.work(Outcome::Delivered, "").await? - plain);
    case(WAITED, two(true).await? - two(false).await?);

    pulls(&mut case).await?;

    let hub = Deployment::new().await?;
    case(QUERY, hub.call("xhq/bghList", "k", "{}", r#"{"code":200,"data":[]}"#).await?);

    let hub = Deployment::new().await?;
    let body = r#"{"action":"single_receipt","orderOutNo":"SO2026110700012"}"#;
    let called = hub.call("xhq/sendMsg", "order-1", body, "").await?;
    case(COMMAND, called + hub.work(Outcome::Delivered, r#"{"code":200,"msg":""}"#).await?);
    let called = hub.call("xhq/sendMsg", "order-2", body, "").await?;
    case(FOLLOWING, called + hub.work(Outcome::Delivered, r#"{"code":200,"msg":""}"#).await?);

    let hub = Deployment::new().await?;
    let ports =
        |number| format!(r#"[{{"subType":1,"carrierCd":"CNTAO","subNo":"{number}","importAndExportFlag":"E"}}]"#);
    let answer = r#"{"success":true,"code":200,"token":"t","life":"7200","data":[{"resultCode":1}]}"#;
    // The first fetches the token, which lasts for many.
    hub.call("onedata/port_query_v2", "first", &ports(225_201_001), "").await?;
    hub.work(Outcome::Delivered, answer).await?;
    let called = hub.call("onedata/port_query_v2", "second", &ports(225_201_002), "").await?;
    case(SAFE, called + hub.work(Outcome::Delivered, answer).await?);

    let hub = Deployment::new().await?;
    let (order, bill) = ("SO2026110700012", r#","billNo":"OOLU2764910530""#);
    let declaration = r#","entryId":"223320240000762118""#;
    for number in 0..50 {
        let receipt = match number % 5 {
            0 => receipt("", &format!("{bill},\"n\":{number}")),
            _ => receipt(order, &format!("{bill},\"n\":{number}")),
        };
        let entry = format!("\"paramJson\":{{{}", &declaration[1..]);
        let receipt = receipt.replacen("\"paramJson\":{", &format!("{entry},"), 1);
        hub.push("single_receipt", &receipt).await?;
        hub.work(Outcome::Delivered, "").await?;
    }
    case(SHIPMENT, hub.shipment("bl:OOLU2764910530").await?);
    case(EVIDENCE, hub.evidence("bl:OOLU2764910530").await?);
    case(LISTED, hub.events("limit=50").await?);
    Ok(cases)
}

/// Counts what the hub takes by being there, with so many events of a kilobyte stored.
pub async fn standing(events: usize) -> anyhow::Result<Standing> {
    let hub = Deployment::new().await?;
    // The first of a process also looks for watches that no configuration has.
    hub.sweep().await?;
    let sweep = hub.sweep().await?;
    for number in 0..events {
        delivered(&hub, &format!("SO20261107{number:05}"), "", 1).await?;
    }
    hub.pass(Duration::from_hours(24 * 30));
    hub.sweep().await?;
    let sweep_over_stored = hub.sweep().await?;
    // The ledger leaves a note.
    let (items, bytes) = hub.stored()?;
    let ledger = hub.ledger().await?;
    Ok(Standing { sweep, sweep_over_stored, ledger, items, bytes })
}
