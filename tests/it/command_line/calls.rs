//! Calls by hand: made, looked at and decided about.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use simulators::api::Fault;

use super::hub::Laptop;
use super::{CommandOutput, Operator};
use crate::calls::{Desk, Making};
use crate::configured::calls::{beside, play};
use crate::configured::credentials;
use crate::support::process::TONGGUAN;
use crate::support::{API_KEY, Plan, until};

const UPLOAD: &str = r#"{"fileUrl":"http://files/1.zip","orderOutNo":"SO-1","isReload":"","n":1.10}"#;

/// Output of a command, as JSON.
fn json(said: &CommandOutput) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

impl Operator {
    /// Writes a file into the configuration's folder and returns the arguments that name it.
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.config.with_file_name(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_hand_is_the_call_that_the_erp_would_make() {
    let desk = Desk::new().await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let body = operator.file("body.json", UPLOAD.as_bytes());

    let said = operator.says(&format!("call xhq upload --file {body} --key k-1"));
    assert_eq!((said.code, said.errors.contains("idempotency key: k-1")), (Some(0), true), "{said:?}");
    let call = json(&said);
    assert_eq!((&call["state"], &call["subject"]), (&"succeeded".into(), &"order:SO-1".into()));
    let id = call["id"].as_str().unwrap().to_owned();
    // The key is the ERP's, and so is the call.
    assert_eq!(json(&operator.says(&format!("call xhq upload --file {body} --key k-1")))["id"], id.as_str());
    assert_eq!(desk.command("xhq", "upload", "k-1", UPLOAD).await, id);
    assert_eq!(desk.xhq.count(), 1);
    let fresh = json(&operator.says(&format!("call xhq upload --file {body}")));
    assert_ne!(fresh["idempotency_key"], "k-1");

    let query = operator.says("call xhq bghList");
    assert_eq!((query.code, &json(&query)["code"]), (Some(0), &200.into()));
    assert!(!query.errors.contains("idempotency key"), "{query:?}");
}

/// Regression: of a hub that was asked by its URL, operations of described partners were not known.
#[tokio::test(flavor = "multi_thread")]
async fn described_partner_is_called_through_a_hub_as_beside_it() {
    let own = credentials("kuaidi100");
    let played = play("kuaidi100", own).await;
    let desk = beside("kuaidi100", own, &played).await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let laptop = Laptop::new(format!("http://{}", desk.hub.address()), API_KEY);
    for words in ["call", "call kuaidi100", "call kuaidi100 query --example"] {
        let (here, there) = (operator.says(words), laptop.says(words));
        assert!(here.fine && here.out == there.out, "{words}: {here:?} {there:?}");
    }
    assert!(laptop.says("call").out.contains("kuaidi100 (kuaidi100)\n  query "), "{:?}", laptop.says("call"));
    laptop.write("query.json", &laptop.says("call kuaidi100 query --example").out);
    let query = laptop.says("call kuaidi100 query --file query.json");
    assert_eq!((query.code, &json(&query)["status"]), (Some(0), &"200".into()), "{query:?}");
    assert!(laptop.says("call kuaidi100 query").errors.is_empty(), "its refusal is the answer");
    assert!(laptop.says("call kuaidi100 none").errors.contains("kuaidi100 has no operation none"));
    assert_eq!((played.processed_count(), played.wrongs()), (1, Vec::<String>::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_call_has_text_and_exit_code() {
    let desk = Desk::new().await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let refused = operator.says("call xhq upload");
    assert_eq!((refused.code, &json(&refused)["field"]), (Some(1), &"fileUrl".into()));
    desk.xhq.behave(Fault::Refuses);
    let body = operator.file("body.json", UPLOAD.as_bytes());
    let failed = operator.says(&format!("call xhq upload --file {body}"));
    assert_eq!((failed.code, &json(&failed)["state"]), (Some(1), &"failed".into()));
    assert_eq!(operator.says("call xhq bghList").code, Some(1));
    for (words, told) in [
        ("call nobody upload", "has no connection nobody"),
        ("call xhq uplaod", "`tongguan call xhq` lists its operations"),
        ("call xhq upload --file /nowhere", "cannot read /nowhere"),
        ("call xhq fileUpload --enclose /nowhere", "cannot read /nowhere"),
        (&format!("calls show {}", "00".repeat(24)), "does not exist"),
        (&format!("calls resolve {} done", "00".repeat(24)), "there is no call"),
        (&format!("calls cancel {}", "00".repeat(24)), "there is no call"),
    ] {
        let said = operator.says(words);
        assert!(said.code == Some(1) && said.errors.contains(told), "{words}: {said:?}");
    }
    desk.hub.stop().await;
    let said = operator.says("call xhq bghList");
    assert!(said.code == Some(1) && said.errors.contains("no hub is running"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_call_is_found_and_decided_about_by_hand() {
    let desk = Desk::new().await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let body = operator.file("body.json", UPLOAD.as_bytes());
    desk.xhq.behave(Fault::DropsAnswer.first(1));
    let said = operator.says(&format!("call xhq upload --file {body}"));
    assert_eq!((said.code, &json(&said)["state"]), (Some(2), &"ambiguous".into()));
    let id = json(&said)["id"].as_str().unwrap().to_owned();

    for words in ["calls", "calls --state ambiguous", "calls --connection xhq", "calls order:SO-1"] {
        let listed = operator.says(words).out;
        assert!(listed.ends_with(&format!("xhq upload order:SO-1 ambiguous {id}")), "{words}: {listed}");
    }
    for words in ["calls --state queued", "calls --connection eyes", "calls order:SO-2"] {
        assert_eq!(operator.says(words).out, "", "{words}");
    }
    let shown = operator.says(&format!("calls show {id}"));
    assert!(shown.code == Some(2) && shown.out.contains("\"n\": 1.10"), "{shown:?}");

    let done = operator.says(&format!("calls resolve {id} done"));
    assert_eq!((done.code, &json(&done)["state"]), (Some(0), &"succeeded".into()), "{done:?}");
    assert_eq!(operator.says(&format!("calls resolve {id} retry")).code, Some(1), "there is nothing left to decide");
    assert_eq!(desk.xhq.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_call_is_cancelled_by_hand() {
    let desk = Desk::with(Making { every: r#"retry = ["1h"]"#, ..Making::default() }).await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    desk.xhq.behave(Fault::Busy.first(1));
    let first = desk.command("xhq", "upload", "k-1", UPLOAD).await;
    desk.attempted(&first, 1).await;
    let second = desk.command("xhq", "recall", "k-2", r#"{"orderOutNo":"SO-1","hdUserName":"A"}"#).await;
    let shown = operator.says(&format!("calls show {second}"));
    assert!(shown.fine && shown.out.contains(&format!("\"waits_for\": \"{first}\"")), "{shown:?}");
    let said = operator.says(&format!("calls cancel {first}"));
    assert_eq!((said.code, &json(&said)["state"]), (Some(0), &"cancelled".into()), "{said:?}");
    assert_eq!(operator.says(&format!("calls cancel {first}")).code, Some(1), "it has ended");
    desk.stands(&second, "succeeded").await;
    assert!(operator.says("calls --state cancelled").out.ends_with(&format!("order:SO-1 cancelled {first}")));
    assert_eq!(operator.says(&format!("calls show {first}")).code, Some(1));
    desk.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_ledger_tell_a_call_from_an_event() {
    let desk = Desk::new().await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let id = desk.command("xhq", "upload", "k-1", UPLOAD).await;
    desk.hears("call.succeeded", 1).await;
    let listed = async || operator.says("events list").out;
    until(async || listed().await.contains("erp:delivered")).await;
    let line = listed().await;
    assert!(line.ends_with(&format!("xhq xhq.upload order:SO-1 - call:succeeded erp:delivered {id}")), "{line}");
    let line: Value = serde_json::from_str(&operator.says("events list --json").out).unwrap();
    assert_eq!((&line["call"]["state"], &line["deliveries"][0]["state"]), (&"succeeded".into(), &"delivered".into()));
    let shown = operator.says(&format!("events show {id}")).out;
    assert!(shown.contains("\"type\": \"call.succeeded\"") && shown.contains("\"n\": 1.10"), "{shown}");

    // The key from the answer leads to the order, and the order to its calls.
    let serial = desk.status(&id).await["aliases"][1].as_str().unwrap().to_owned();
    assert!(serial.starts_with("serial:"), "{serial}");
    for words in [format!("events list {serial}"), format!("calls {serial}")] {
        assert!(operator.says(&words).out.ends_with(&id), "{words}");
    }
    let subject = line["subject"].as_str().unwrap();
    let told = desk.get(&format!("/events/xhq/{subject}/{id}")).await.json();
    assert_eq!((&told["event"]["type"], &told["event"]["data"]["id"]), (&"call.succeeded".into(), &id.as_str().into()));
    let of_order = desk.get("/events/xhq/order:SO-1").await.json();
    assert_eq!(of_order["items"][0]["call"], "succeeded");

    let ledger = operator.says("ledger");
    let of_xhq = ledger.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_xhq = of_xhq.into_iter().find(|line| line["connection"] == "xhq").unwrap();
    assert_eq!((&of_xhq["accepted"], &of_xhq["calls"]["succeeded"], ledger.fine), (&2.into(), &1.into(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_with_a_call_as_it_is() {
    let desk = Desk::new().await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let bytes = [b"PK\x03\x04".as_slice(), &[0, 13, 10, 255, 45, 45]].concat();
    let file = operator.file("单证-1.zip", &bytes);
    let body = operator.file("body.json", br#"{"note":1.10}"#);
    let said = operator.says(&format!("call xhq fileUpload --file {body} --enclose {file}"));
    assert_eq!((said.code, &json(&said)["state"]), (Some(0), &"succeeded".into()), "{said:?}");
    let parts = desk.xhq.requests()[0].parts();
    let sent = parts.iter().find(|part| part.filename.is_some()).unwrap();
    assert_eq!((sent.filename.as_deref(), &sent.content[..]), (Some("单证-1.zip"), &bytes[..]));
    assert!(parts.iter().any(|part| part.name == "note" && &part.content[..] == b"1.10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_listed_with_valid_examples() {
    let desk = Desk::new().await;
    let operator = Operator::of(&desk.plan, &desk.hub);
    let all = operator.says("call").out;
    for row in partners::operation::all() {
        assert!(all.lines().any(|line| line.contains(row.name) && line.contains(row.source)), "{}", row.name);
    }
    let of_yanwen = operator.says("call yanwen").out;
    assert!(of_yanwen.contains("s3.mawb.create") && !of_yanwen.contains("bghList"), "{of_yanwen}");
    let example = operator.says("call yanwen s3.mawb.create --example").out;
    let body = operator.file("body.json", example.as_bytes());
    let said = operator.says(&format!("call yanwen s3.mawb.create --file {body}"));
    assert_eq!((said.code, desk.yanwen.processed_count()), (Some(0), 1), "{said:?}");
}

/// The connections of a configuration to play partners with, at ports that were free a moment ago.
fn played() -> (Plan, Vec<SocketAddr>) {
    let free = || TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let held = [free(), free()];
    let [xhq, onedata] = held.each_ref().map(|listener| listener.local_addr().unwrap());
    let every = format!("allow_private = true\nkeys = [\"{}\"]", "k".repeat(32));
    let plan = Plan::bare()
        .table(&format!(
            "[[connections]]\nid = \"xhq\"\npartner = \"xhq\"\nbase_url = \"http://{xhq}/api/docking/\"\n{every}\n\
             app_id = \"demo-app\"\nbgh_id = \"demo-broker\""
        ))
        .table(&format!(
            "[[connections]]\nid = \"onedata\"\npartner = \"onedata\"\nbase_url = \"http://{onedata}\"\n{every}\n{}",
            crate::calls::RECIPE
        ))
        .table("[[connections]]\nid = \"real\"\npartner = \"yanwen\"\nuser_id = \"1\"\napi_token = \"t\"");
    (plan, vec![xhq, onedata])
}

/// A command that runs until the value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_are_played_where_the_configuration_calls_them() {
    let (plan, addresses) = played();
    let (_hub, operator) = Operator::start(&plan).await;
    let real = operator.says("partner real");
    assert!(real.code == Some(1) && real.errors.contains("real: its base_url"), "{real:?}");

    let _partners = Running(operator.command("partner").stdout(Stdio::null()).spawn().unwrap());
    until(async || addresses.iter().all(|address| TcpStream::connect(address).is_ok())).await;
    let query = operator.says("call xhq bghList");
    let example = operator.says("call onedata port_query_v2 --example").out;
    let body = operator.file("body.json", example.as_bytes());
    let results = [(); 2].map(|()| operator.says(&format!("call onedata port_query_v2 --file {body}")));
    assert_eq!((query.code, &json(&query)["data"][0]["bghID"]), (Some(0), &"demo-broker".into()));
    let codes = results.map(|said| json(&said)["answer"]["body"]["data"][0]["resultCode"].clone());
    assert_eq!(codes, [1, 2], "subscribed, then found");
}

#[test]
fn file_of_a_partner_is_tried_and_its_mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = include_str!("../../../examples/partners/kuaidi100.toml");
    let tried = |text: &str| {
        let path = folder.path().join("kuaidi100.toml");
        std::fs::write(&path, text).unwrap();
        let output = Command::new(TONGGUAN).args(["partner", "try"]).arg(path).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, errors) = tried(good);
    assert!(code == Some(0) && errors.is_empty() && out.ends_with("\nno mistakes\n"), "{out}{errors}");
    for line in ["subject    waybill:V030344422", "answer     200 is a success", "event      kuaidi100.subscription"] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let (code, _, errors) = tried(&good.replace("/*/ftime\"]", "/*/time_\"]"));
    let told = "partners[0].push.actions[0].occurred[0]: finds nothing: no example of its action has a time";
    assert!(code == Some(1) && errors.contains(told) && errors.contains("(line "), "{errors}");
    let (code, out, _) = tried(&good.replace("[\"/billstatus\"]", "[\"/billstatus\", \"/sent\"]"));
    let told = "kuaidi100.toml: partners[0].push.actions[0].identity.without[1]: finds nothing";
    assert!(code == Some(0) && out.contains(told) && out.ends_with("\nno mistakes, 1 note\n"), "{out}");
}
