//! Commands that ask a hub over HTTP, from a folder where there is no hub.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use partners::Partner;
use serde_json::Value;
use simulators::api::Fault;
use simulators::erp::{Behaviour, Reply};
use simulators::serve::Server;
use tempfile::TempDir;

use super::{CommandOutput, said};
use crate::calls::Desk;
use crate::flows::tls;
use crate::support::process::TONGGUAN;
use crate::support::{API_KEY, Plan, Time, attempted, erp, events, settled, status, taken, until};

const VIEWER: &str = "api-key-of-a-viewer-0123456789-0123456789";

/// An operator's machine: a key in a file, and the URL of a hub.
pub(super) struct Laptop {
    pub(super) folder: TempDir,
    pub(super) url: String,
}

impl Laptop {
    pub(super) fn new(url: impl Into<String>, key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder, url: url.into() };
        this.write("operator.key", &format!("{key}\n"));
        this
    }

    /// Writes a file that its owner alone can read.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// A command there, without any option.
    pub(super) fn plain(&self, words: &str) -> Command {
        let mut command = Command::new(TONGGUAN);
        command.current_dir(self.folder.path()).args(words.split(' ')).env("LC_ALL", "C");
        command
    }

    pub(super) fn command(&self, words: &str) -> Command {
        let mut command = self.plain(words);
        command.args(["--hub", &self.url, "--api-key-file", "operator.key"]);
        command
    }

    /// The output of a command, which never has the key in it.
    pub(super) fn says(&self, words: &str) -> CommandOutput {
        let said = said(self.command(words));
        for key in [API_KEY, VIEWER] {
            assert!(!said.out.contains(key) && !said.errors.contains(key), "{words}: {said:?}");
        }
        said
    }
}

/// A server that answers everything alike.
async fn answering(status: u16, body: &'static str) -> Server {
    let answer = move |_| async move {
        let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        Ok(response)
    };
    Server::start(([127, 0, 0, 1], 0).into(), || true, answer).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_hub_from_answering_is_named() {
    let viewer = format!("[[api_keys]]\nid = \"looks\"\nkey = \"{VIEWER}\"\nrole = \"viewer\"");
    let plan = Plan::new().endpoint("erp", &erp().await, "").table(&viewer);
    let hub = plan.start().await;
    let url = format!("http://{}", hub.address());
    let refused = |laptop: &Laptop, words: &str, told: &[&str]| {
        let said = laptop.says(words);
        let lines = said.errors.lines().count();
        assert!(said.code == Some(1) && said.out.is_empty() && lines == 1, "{words}: {said:?}");
        assert!(told.iter().all(|told| said.errors.contains(told)), "{words}: {told:?} {said:?}");
    };

    let wrong = Laptop::new(&url, "0123456789-0123456789-0123456789-wrong");
    for words in ["events list", "ledger", "audit", "calls", "call", "shipments S1", "replay --endpoint erp"] {
        refused(&wrong, words, &[&url, "does not know the key of the file operator.key", "api_keys"]);
    }
    let looks = Laptop::new(&url, VIEWER);
    assert!(looks.says("events list").fine);
    for words in ["replay --endpoint erp", "confirm --endpoint erp", &format!("calls cancel {}", "00".repeat(24))] {
        refused(&looks, words, &["operator.key do this", "needs the role operator; looks is a viewer"]);
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(
        &Laptop::new(format!("http://{free}"), API_KEY),
        "events list",
        &["cannot be asked: no connection", "look at its URL"],
    );
    refused(&Laptop::new(format!("https://{}", hub.address()), API_KEY), "events list", &["cannot be asked"]);
    let page = answering(200, "<html>").await;
    refused(&Laptop::new(format!("http://{}", page.address()), API_KEY), "ledger", &["not of the form"]);
    let gateway = answering(403, r#"{"message":"Missing Authentication Token"}"#).await;
    let gateway = Laptop::new(format!("http://{}/prdo", gateway.address()), API_KEY);
    for words in ["events list", "call"] {
        refused(&gateway, words, &["/prdo gave the answer 403", "Missing Authentication Token", "with the stage"]);
    }
    let moved = answering(302, "").await;
    refused(&Laptop::new(format!("http://{}", moved.address()), API_KEY), "events list", &["302", "redirects"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_file_and_url_are_checked() {
    let laptop = Laptop::new("http://127.0.0.1:9", API_KEY);
    for (text, told) in [("", "is empty"), (" \n", "is empty"), ("one-key\nanother\n", "holds a line break")] {
        laptop.write("operator.key", text);
        let said = laptop.says("events list");
        assert!(said.code == Some(1) && said.errors.contains(&format!("operator.key {told}")), "{said:?}");
        assert!(!said.errors.contains("one-key"), "{said:?}");
    }
    for (words, told) in [
        ("ledger --hub http://127.0.0.1:9", "--hub needs --api-key-file"),
        ("ledger --hub http://127.0.0.1:9 --api-key-file nowhere", "the file nowhere cannot be read"),
        ("ledger --api-key-file operator.key", "holds a line break"),
        ("ledger --hub 127.0.0.1:9", "must be a URL"),
        ("ledger --hub https://u:secret-word@x", "no user name or password"),
        ("ledger", "name a hub with --hub URL"),
    ] {
        let said = said(laptop.plain(words));
        assert!(!said.fine && said.errors.contains(told), "{words}: {said:?}");
    }
    laptop.write("operator.key", API_KEY);
    for (words, told) in [
        ("ledger --api-key-file operator.key", "name that with --hub URL"),
        ("push --hub http://127.0.0.1:9", "for commands that ask a hub"),
        (
            "ledger --api-key-file operator.key --hub http://127.0.0.1:9 --data data",
            "--data and --listen this machine's",
        ),
    ] {
        let said = said(laptop.plain(words));
        assert!(!said.fine && said.errors.contains(told), "{words}: {said:?}");
    }
    let far = said(laptop.plain("ledger --api-key-file operator.key --hub http://hub.invalid"));
    assert!(far.errors.contains("warning: http://hub.invalid is asked without TLS") && !far.fine, "{far:?}");
    assert!(!laptop.says("ledger").errors.contains("TLS"), "this machine is not warned of");
    #[cfg(unix)]
    {
        let path = laptop.folder.path().join("operator.key");
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(laptop.says("ledger").errors.contains("others on this machine can read the key in operator.key"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_over_http_are_made_by_the_key() {
    let receiver = erp().await;
    receiver.behave(Behaviour::Answers(Reply::of(400)));
    let plan = Plan::new().endpoint("erp", &receiver, "retry = []");
    let hub = plan.start().await;
    for order in ["S1", "S2"] {
        taken(&hub, Partner::Xhq, "syn_status", status(order, 61)).await;
        attempted(&hub, &format!("order:{order}"), "erp", 1).await;
    }
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    let id = events(&hub.context().store).await[0].key.id;
    receiver.behave(Behaviour::Takes);

    let dry = laptop.says("replay --endpoint erp");
    assert!(dry.out.ends_with("2 deliveries would start over; add --go to do it"), "{dry:?}");
    let of_one: Value = serde_json::from_str(&laptop.says("replay --endpoint erp --about S1 --json").out).unwrap();
    assert_eq!((&of_one["dry_run"], &of_one["replayed"]), (&true.into(), &0.into()));
    assert_eq!(of_one["events"][0]["id"], id.to_string());
    assert_eq!(settled(&hub).await.failed, 2, "nothing has changed");

    let one = laptop.says(&format!("replay --endpoint erp {id} --go"));
    assert!(one.out.contains("order:S1") && one.out.ends_with("1 deliveries start over"), "{one:?}");
    receiver.received(3).await;
    let done = laptop.says(&format!("replay --endpoint erp {id} --now --go"));
    assert!(
        done.out.contains("no delivery waits; without --now") && done.out.contains("no delivery to erp waits"),
        "{done:?}"
    );
    let listed = laptop.says("confirm --endpoint erp");
    assert!(listed.fine, "{listed:?}");
    let confirmed = laptop.says("confirm --endpoint erp --cutoff 0s --go");
    assert!(
        confirmed.out.contains("order:S2") && confirmed.out.ends_with("1 deliveries are confirmed"),
        "{confirmed:?}"
    );
    assert_eq!(laptop.says("confirm --endpoint erp --cutoff 0s").out, "no failed delivery to erp is to be confirmed");
    let audit: Vec<Value> =
        laptop.says("audit --json").out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<_> = audit.iter().map(|entry| (&entry["key"], &entry["action"])).collect();
    assert_eq!(actions[0], (&"all".into(), &"confirm".into()), "{actions:?}");
    assert!(actions[1..].iter().all(|action| *action == (&"all".into(), &"replay".into())) && actions.len() > 1);
    let line = laptop.says("audit order:S2 --action confirm").out;
    assert!(line.contains(" all confirm 200 changed=1 ") && line.ends_with(" order:S2"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_made_and_decided_about_over_http() {
    let desk = Desk::new().await;
    let laptop = Laptop::new(format!("http://{}", desk.hub.address()), API_KEY);
    laptop.write("body.json", &crate::calls::upload("SO-1"));
    let json = |said: &CommandOutput| serde_json::from_str::<Value>(&said.out).unwrap();

    let all = laptop.says("call");
    assert!(all.out.contains("xhq (xhq)") && all.out.contains("bghList"), "{all:?}");
    assert!(laptop.says("call yanwen s3.mawb.create --example").out.contains("test10000001"));
    let query = laptop.says("call xhq bghList --json");
    assert_eq!((query.code, query.out.lines().count(), &json(&query)["code"]), (Some(0), 1, &200.into()));
    desk.xhq.behave(Fault::DropsAnswer.first(1));
    let said = laptop.says("call xhq upload --file body.json --key k-1");
    assert_eq!((said.code, &json(&said)["state"]), (Some(2), &"ambiguous".into()), "{said:?}");
    let id = json(&said)["id"].as_str().unwrap().to_owned();
    for words in ["calls", "calls SO-1", "calls --state ambiguous --since 1h", "calls --operation upload"] {
        assert!(laptop.says(words).out.ends_with(&format!("xhq upload order:SO-1 ambiguous {id}")), "{words}");
    }
    assert_eq!(laptop.says(&format!("calls show {id} --json")).code, Some(2));
    let done = laptop.says(&format!("calls resolve {id} done"));
    assert_eq!((done.code, &json(&done)["state"]), (Some(0), &"succeeded".into()), "{done:?}");
    let again = laptop.says(&format!("calls resolve {id} retry"));
    assert!(again.code == Some(1) && again.errors.contains("Conflict: "), "{again:?}");
    let unknown = laptop.says(&format!("calls show {}", "00".repeat(24)));
    assert!(unknown.code == Some(1) && unknown.errors.contains("does not exist"), "{unknown:?}");
    let refused = laptop.says("call xhq upload");
    assert_eq!((refused.code, &json(&refused)["field"]), (Some(1), &"fileUrl".into()), "for programs, as before");
    assert!(laptop.says("call nobody upload").errors.contains("no connection nobody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn profile_suffices_on_an_operators_machine() {
    let plan = Plan::new();
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    let laptop = Laptop::new("", API_KEY);
    let profile = |url: &str| format!("[hub]\nurl = \"{url}\"\napi_key = {{ file = \"operator.key\" }}\n");
    let url = format!("http://{}", hub.address());
    laptop.write("tongguan.toml", &profile(&url));
    let says = |words: &str| said(laptop.plain(words));

    assert!(says("events list S1").out.contains("order:S1"));
    assert!(says("ledger").out.contains("\"accepted\":1"));
    let checked = says("check-config");
    assert!(checked.fine && !checked.out.contains("warning"), "{checked:?}");
    assert!(says("check-config --json").out.contains("\"sound\":true"));
    let serving = says("serve");
    assert!(!serving.fine && serving.errors.contains("[hub] alone"), "{serving:?}");
    // The command line comes first; and the profile's key goes to the profile's hub alone.
    let other = answering(200, r#"{"connections":{},"balanced":true}"#).await;
    let other = format!("http://{}", other.address());
    let elsewhere = says(&format!("ledger --hub {other}"));
    assert!(!elsewhere.fine && elsewhere.errors.contains("--hub needs --api-key-file"), "{elsewhere:?}");
    assert_eq!(says(&format!("ledger --hub {other} --api-key-file operator.key")).out, "");
    assert!(says(&format!("ledger --hub {url}/stage")).out.contains("\"accepted\":1"), "the same host");
    let here = says("ledger --data nowhere");
    assert!(!here.fine && here.errors.contains("no store in nowhere"), "{here:?}");

    laptop.write("tongguan.toml", &profile("ftp://x").replace("api_key", "apikey"));
    let wrong = says("ledger");
    for told in [
        "2 mistakes in tongguan.toml",
        "hub.url: must begin with http",
        "hub.apikey: is not a known key: did you mean api_key?",
    ] {
        assert!(!wrong.fine && wrong.errors.contains(told), "{told}: {wrong:?}");
    }
    laptop.write("tongguan.toml", &profile("http://hub.invalid"));
    let open = says("check-config");
    assert!(open.out.contains("warning: hub is at http://hub.invalid without TLS: its api_key"), "{open:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hub_of_a_private_authority_needs_its_ca_file() {
    let issuer = tls::authority();
    let laptop = Laptop::new(tls::server(&issuer).await, API_KEY);
    let unknown = laptop.says("ledger");
    assert!(!unknown.fine && unknown.errors.contains("is of an unknown authority"), "{unknown:?}");
    laptop.write("ca.pem", &issuer.pem());
    let profile = format!("[hub]\nurl = \"{}\"\napi_key = \"k\"\nca_file = \"ca.pem\"\n", laptop.url);
    laptop.write("tongguan.toml", &profile);
    let known = said(laptop.plain("ledger"));
    // The server answers, although not as a hub.
    assert!(known.errors.contains("the answer to /ledger is not of the form"), "{known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_are_in_the_language_of_the_locale() {
    let plan = Plan::new();
    let (hub, operator) = super::Operator::start(&plan).await;
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    for mut command in [laptop.command("events list --type nonsense"), operator.command("events list --type nonsense")]
    {
        command.env("LC_ALL", "zh_CN.UTF-8");
        let chinese = said(command);
        assert!(chinese.errors.contains("--type: ") && chinese.errors.chars().any(|c| c >= '\u{4e00}'), "{chinese:?}");
    }
}

/// The hub's clock is an hour ahead: what is new is so by the hub's time.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed_over_http() {
    use std::io::{BufRead as _, BufReader};
    let (plan, time) = (Plan::new(), Time::now());
    time.pass(Duration::from_hours(1));
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("S0", 61)).await;
    time.pass(Duration::from_secs(1));
    let laptop = Laptop::new(format!("http://{}", hub.address()), API_KEY);
    let mut child = laptop.command("events follow --type xhq.* --json").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen = tokio::task::spawn_blocking(move || lines.map_while(Result::ok).take(2).collect::<Vec<_>>());
    let (mut order, mut before) = (0, Instant::now());
    // The first look comes some time after the process has begun.
    until(async || {
        order += 1;
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("S{order}"), 61)).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        time.pass(before.elapsed());
        before = Instant::now();
        seen.is_finished()
    })
    .await;
    let seen: Vec<Value> = seen.await.unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let order =
        |event: &Value| event["subject"].as_str().unwrap().trim_start_matches("order:S").parse::<usize>().unwrap();
    let orders: Vec<_> = seen.iter().map(order).collect();
    assert!(orders[0] > 0 && orders[1] == orders[0] + 1, "{orders:?}: in their order, from now on");
    child.kill().unwrap();
    child.wait().unwrap();
}
