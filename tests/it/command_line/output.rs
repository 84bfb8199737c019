//! Output of commands: one row per item, whatever its keys contain, and no error at a closed pipe.

use std::io::Read as _;
use std::process::Stdio;

use deliveries::change::MOST;
use futures::future::try_join_all;
use hub::printable::is_hidden;
use partners::Partner;
use serde_json::Value;
use simulators::erp::{Behaviour, Reply};
use store::Store as _;

use super::Operator;
use crate::flows::lists::{NOW, failed};
use crate::support::{APP_ID, Plan, attempted, erp, events, status, taken};

impl Operator {
    /// The exit code and the errors of a command whose reader goes away at its first word.
    fn unread(&self, words: &str) -> (Option<i32>, String) {
        let mut child = self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        assert_eq!(out.read(&mut [0]).unwrap(), 1, "{words} prints nothing");
        drop(out);
        let mut errors = String::new();
        child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (child.wait().unwrap().code(), errors)
    }
}

/// More than a pipe holds, so that the command is still printing when its reader is gone.
///
/// Regression: `events list | head -1` and `ledger | true` panicked.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_ends_a_command_quietly() {
    let many = (0..500).map(|n| format!("[[connections]]\nid = \"connection-{n}\"\npartner = \"yanwen\""));
    let plan = Plan::new().table(&many.collect::<Vec<_>>().join("\n")).endpoint("erp", &erp().await, "");
    let (hub, operator) = Operator::start(&plan).await;
    hub.stop().await;
    let store = plan.store();
    let events: Vec<_> = (0..MOST + 50).map(|n| failed(&format!("order:{n}"), "erp", NOW)).collect();
    try_join_all(events.iter().map(|(event, work)| store.admit(event, work, None))).await.unwrap();
    for words in [
        "ledger",
        "events list --state failed --limit 2000",
        "events list --state failed --limit 2000 --json",
        "replay --endpoint erp",
    ] {
        let (code, errors) = operator.unread(words);
        assert!(code == Some(0) && !errors.contains("panicked") && !errors.contains("tongguan:"), "{words}: {errors}");
    }
    // The command is carried out to its end all the same.
    assert_eq!(operator.unread("replay --endpoint erp --go").0, Some(0));
    let said = operator.says("replay --endpoint erp");
    assert!(said.out.starts_with("no delivery to erp starts over"), "{said:?}");
}

/// Regression: an order number with a line break and terminal controls forged rows of `events list`.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_one_line_whatever_its_keys_hold() {
    let receiver = erp().await;
    receiver.behave(Behaviour::Answers(Reply::of(400)));
    let plan = Plan::new().endpoint("erp", &receiver, "retry = []");
    let (hub, operator) = Operator::start(&plan).await;
    let body = r#"{"action":"single_receipt","orderOutNo":"a\n2026-11-28T00:00:00Z ERROR fake: forged\u001b[31m\u0000\u009b\u202e","paramJson":{"note":"HIDDEN"}}"#;
    let body = body.replace("HIDDEN", "\u{202e}");
    taken(&hub, Partner::Xhq, "single_receipt", body.clone()).await;
    let id = events(&hub.context().store).await[0].key.id;
    let subject = events(&hub.context().store).await[0].key.subject.to_string();
    attempted(&hub, &subject, "erp", 1).await;

    let one_row = ["events list", "events list --json", &format!("replay --endpoint erp {id}")].map(str::to_owned);
    for words in one_row {
        let said = operator.says(&words);
        let rows = said.out.lines().filter(|line| line.contains(&id.to_string())).count();
        assert_eq!(rows, 1, "{said:?}");
        assert!(!said.out.chars().any(|c| c != '\n' && is_hidden(c)), "{said:?}");
    }
    let row = operator.says("events list").out;
    assert!(
        row.contains(r#" xhq.single_receipt "order:a\n2026-11-28T00:00:00Z ERROR fake: forged\u{1b}[31m"#),
        "{row}"
    );
    let json: Value = serde_json::from_str(&operator.says("events list --json").out).unwrap();
    assert_eq!(json["subject"], subject.as_str());
    let shown = operator.says(&format!("events show {id}")).out;
    assert!(shown.contains("\\u202e\"") && !shown.chars().any(|c| c != '\n' && is_hidden(c)), "{shown}");
    assert_eq!(operator.says(&format!("events show {id} --body")).out, body, "byte for byte");
    let error = operator.says("call xhq-sh a\u{1b}[31m");
    assert!(!error.fine && error.errors.contains("a\\u{1b}[31m"), "{error:?}");
}

/// Regression: `events list --type nonsense` was an empty list, and so was an unknown connection.
#[tokio::test(flavor = "multi_thread")]
async fn filter_without_matches_is_reported() {
    let plan = Plan::new();
    let (hub, operator) = Operator::start(&plan).await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    for (words, told) in [
        ("events list --type nonsense", "--type: no event has the type \"nonsense\""),
        ("events list --type xhq.syn_statsu", "did you mean xhq.syn_status?"),
        ("events follow --type xgq.*", "--type: no event has the type \"xgq.*\""),
        ("events list --connection xhq-hs", "--connection: there is no connection \"xhq-hs\" (did you mean xhq-sh?)"),
        (
            "calls --connection nobody",
            "--connection: there is no connection \"nobody\" for command-line: it sees eyes, rates, xhq-sh",
        ),
        ("shipments container:S2", "nothing is known about container:S2"),
    ] {
        let said = operator.says(words);
        assert!(said.code == Some(1) && said.out.is_empty() && said.errors.contains(told), "{words}: {said:?}");
    }
    for (words, told) in [
        ("events list container:S1", "nothing is known about container:S1\n"),
        ("events list S2", "nothing is known about S2\n"),
        ("events list --type xhq.single_receipt", "no event matches"),
        ("calls", "no call matches"),
    ] {
        let said = operator.says(words);
        assert!(said.fine && said.out.is_empty() && said.errors.contains(told), "{words}: {said:?}");
    }
    assert!(operator.says("events list --type xhq.*").out.contains("order:S1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_local_unless_utc_is_asked_for() {
    let plan = Plan::new();
    let (hub, operator) = Operator::start(&plan).await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    let row = |words: &str| {
        let output = operator.command(words).env("TZ", "CST-8").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split(' ').next().unwrap().to_owned()
    };
    let (local, utc) = (row("events list"), row("events list --utc"));
    assert!(local.ends_with("+08:00") && utc.ends_with('Z'), "{local} {utc}");
    let read = |text: &str| hub::Utc::parse(text).unwrap();
    assert_eq!(read(&local), read(&utc));
}

/// Regression: of a delivery that was on its way, `replay` said "0 deliveries start over".
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_does_nothing_says_why() {
    let receiver = erp().await;
    receiver.behave(Behaviour::Answers(Reply::of(500)));
    let plan = Plan::new().endpoint("erp", &receiver, "retry = [\"1h\"]");
    let (hub, operator) = Operator::start(&plan).await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    attempted(&hub, "order:S1", "erp", 1).await;
    let id = events(&hub.context().store).await[0].key.id;
    let said = operator.says(&format!("replay --endpoint erp {id} --go"));
    assert!(said.fine && said.out.contains("it is on its way already, its next attempt due at 20"), "{said:?}");
    assert!(said.out.contains("no delivery to erp starts over") && said.out.contains("--now sends"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_config_has_text_and_exit_code() {
    let plan = Plan::new();
    let (_hub, operator) = Operator::start(&plan).await;
    let warned = operator.says("check-config");
    assert!(warned.fine && warned.out.contains("warning: connection xhq-sh has no bgh_id: "), "{warned:?}");
    assert!(
        warned.out.ends_with("warnings") && warned.out.contains("sound: 3 connections, 0 endpoints; "),
        "{warned:?}"
    );
    let gbk = [plan.text().as_bytes(), b"# ", &[0xd0, 0xc5, 0xba, 0xc5, 0xc6, 0xec], b"\n"].concat();
    for (bytes, told) in [
        (gbk, "encoding: the file is in GBK (GB 18030), not UTF-8: save it as UTF-8"),
        (vec![], "1 mistake in "),
        (b"listen = \"localhost:8901\"\n".to_vec(), "\"127.0.0.1:8901\": localhost is a name"),
    ] {
        std::fs::write(&operator.config, bytes).unwrap();
        let said = operator.says("check-config");
        assert!(said.code == Some(1) && said.errors.contains(told), "{said:?}");
    }
    std::fs::write(&operator.config, format!("\u{feff}{}", plan.text().replace('\n', "\r\n"))).unwrap();
    assert!(operator.says("check-config").fine);
}

/// Regression: nobody was told that others on the machine could read the keys.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn files_readable_by_others_give_warnings() {
    use std::os::unix::fs::PermissionsExt;
    let plan = Plan::new();
    let (_hub, operator) = Operator::start(&plan).await;
    let data = plan.config().data_dir;
    for (mode, folder, warns) in [(0o644, 0o755, true), (0o600, 0o700, false), (0o640, 0o750, false)] {
        std::fs::set_permissions(&operator.config, PermissionsExt::from_mode(mode)).unwrap();
        std::fs::set_permissions(&data, PermissionsExt::from_mode(folder)).unwrap();
        let said = operator.says("check-config").out;
        for (told, path) in [("can read the configuration", &operator.config), ("can look into the data folder", &data)]
        {
            assert_eq!(said.contains(&format!("{told} {}", path.display())), warns, "{said}");
        }
    }
}

/// Checked here, a configuration for AWS names values of a secret that is there.
#[tokio::test(flavor = "multi_thread")]
async fn aws_configuration_is_checked_with_or_without_credentials() {
    let plan = Plan::new();
    let (_hub, operator) = Operator::start(&plan).await;
    let apart = plan.changed(&format!("app_id = \"{APP_ID}\""), "app_id = { secret = \"xhq-app-id\" }");
    std::fs::write(&operator.config, apart.text()).unwrap();
    let said = operator.says("check-config");
    let told =
        "warning: the credentials secret is not checked, which is on AWS and holds app_id of connection xhq-sh: ";
    assert!(said.fine && said.out.contains(told), "{said:?}");
    let said = operator.says("ledger");
    assert!(!said.fine && said.errors.contains("app_id: is in a credentials secret, and none is given"), "{said:?}");

    let credentials = operator.config.with_file_name("credentials.json");
    let check = format!("check-config --credentials {}", credentials.display());
    for (text, fine, told) in [
        (r#"{"xhq-app-id": "4711"}"#, true, "the configuration is sound"),
        (r#"{"xhq-appid": "4711"}"#, false, "is not there: did you mean xhq-appid?"),
        (r#"{"xhq-app-id": 4711}"#, false, "the value of xhq-app-id must be a text in quotes"),
    ] {
        std::fs::write(&credentials, text).unwrap();
        let said = operator.says(&check);
        assert!(said.fine == fine && format!("{}{}", said.out, said.errors).contains(told), "{said:?}");
        assert!(!said.out.contains("is not checked"), "{said:?}");
    }
    std::fs::write(&credentials, r#"{"xhq-app-id": "4711"}"#).unwrap();
    let said = operator.says(&format!("ledger --credentials {}", credentials.display()));
    assert!(said.fine, "{said:?}");
}
