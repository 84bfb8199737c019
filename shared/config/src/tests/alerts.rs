//! `[[alerts]]`.

use std::time::Duration;

use hub::Secret;
use hub::alert::{Cause, Kind, Language};

use super::*;
use crate::{Alert, AlertSecret};

const WECOM: &str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=key-that-nobody-may-see";

/// A document with one connection and an alert.
fn document(alert: &str) -> String {
    format!("{}[[alerts]]\n{alert}\n", with("", ""))
}

fn only(alert: &str) -> Alert {
    let mut config = read(&document(alert)).unwrap_or_else(|mistakes| panic!("{alert}\n{mistakes:#?}"));
    config.alerts.remove(0)
}

#[test]
fn defaults_tell_everything_in_chinese_every_five_minutes() {
    let alert = only(&format!("id = \"ops\"\nkind = \"wecom\"\nurl = \"{WECOM}\""));
    assert_eq!((alert.kind, alert.language, alert.console.is_none()), (Kind::Wecom, Language::Chinese, true));
    assert_eq!((&alert.rule.causes[..], alert.rule.every), (&Cause::ALL[..], Duration::from_mins(5)));
    assert_eq!(alert.url.unwrap().as_str(), WECOM);
}

#[test]
fn url_and_secret_are_never_printed() {
    let config = read(FULL).unwrap();
    let printed = format!("{:?}", config.alerts);
    assert!(!printed.contains("nobody-may-see"), "{printed}");
    assert!(config.holds_secrets);
}

#[test]
fn url_and_secret_may_be_in_the_credentials_secret() {
    let text = document("id = \"ops\"\nkind = \"feishu\"\nurl = { secret = \"url\" }\nsecret = { secret = \"sign\" }")
        .replace("@KEY", KEY)
        .replace("@WHSEC", WHSEC);
    let with = |credentials| Config::parse_with(&text, &Sources { credentials, ..sources() });
    let unread = with(Credentials::Unread).unwrap();
    assert_eq!(unread.unread(), ["url of alert ops", "secret of alert ops"]);
    assert!(unread.alerts[0].url.is_none());
    let hook = "https://open.feishu.cn/open-apis/bot/v2/hook/h".to_owned();
    let values = BTreeMap::from([
        ("url".to_owned(), Secret::new(hook.clone())),
        ("sign".to_owned(), Secret::new("s".to_owned())),
    ]);
    let read = with(Credentials::Read(values)).unwrap();
    assert_eq!(read.alerts[0].url.as_ref().unwrap().as_str(), hook);
    assert!(matches!(read.alerts[0].secret, AlertSecret::Robot(_)) && read.unread().is_empty());
}

#[test]
fn each_rule_of_an_alert_has_its_mistake() {
    let cases = [
        ("", "id: is missing: add id = \"ops\""),
        ("", "kind: is missing: add kind = \"wecom\""),
        ("", "url: is missing: add url = { env = \"NAME\" }"),
        ("kind = \"wecon\"", "kind: is no kind of alert: did you mean wecom?"),
        ("kind = \"mail\"", "kind: must be one of wecom, dingtalk, feishu, webhook"),
        ("kind = \"wecom\"\nurl = \"key\"", "url: must be the robot's whole URL"),
        ("kind = \"webhook\"\nurl = \"http://a.example/\"", "url: must begin with https://"),
        ("kind = \"webhook\"\nurl = \"https://a.example/\"", "secret: is missing: add secret = \"whsec_...\""),
        ("kind = \"webhook\"\nurl = \"https://u:p@a.example/\"", "url: must hold no user name or password"),
        ("kind = \"webhook\"\nsecret = \"x\"", "secret: must be \"whsec_\""),
        ("@\nsecret = \"x\"", "secret: must be left out"),
        ("kind = \"dingtalk\"\nsecret = \"x\"", "secret: must be the robot's 加签 secret, which begins with SEC"),
        (
            "kind = \"feishu\"\nurl = \"https://oapi.dingtalk.com/robot/send\"",
            "url: is an address of another kind: set kind = \"dingtalk\"",
        ),
        ("@\ncauses = [\"silense\"]", "causes[0]: is no cause of alerts: did you mean silence?"),
        ("@\ncauses = [\"x\"]", "causes[0]: must be one of circuit_opened, circuit_closed"),
        ("@\ncauses = []", "causes: must hold at least one"),
        ("@\nconnections = [\"xhq-sg\"]", "connections[0]: is no connection: did you mean xhq-sh?"),
        ("@\nlanguage = \"de\"", "language: must be \"zh\" or \"en\""),
        ("@\nevery = \"1s\"", "every: must be between 1m and 1d"),
        ("@\nconsole_url = \"https://a.example/console\"", "console_url: must be the hub's address without /console"),
        ("@\nconsole_url = \"https://a.example/#/x\"", "console_url: must be the hub's address alone"),
        ("@\nid = \"a\"\n[[alerts]]\nid = \"a\"", "id: is given twice"),
        ("@\nevry = 1", "evry: is not a known key: did you mean every?"),
    ];
    for (alert, told) in cases {
        let whole = format!("kind = \"wecom\"\nurl = \"{WECOM}\"");
        let alert = alert.strip_prefix('@').map_or_else(|| alert.to_owned(), |rest| format!("{whole}{rest}"));
        let mistakes = mistakes(&document(&alert));
        let place = |mistake: &String| {
            mistake.contains(&format!("alerts[0].{told}")) || mistake.contains(&format!("alerts[1].{told}"))
        };
        assert!(mistakes.iter().any(place), "{alert}: {mistakes:?}");
        assert!(!mistakes.iter().any(|mistake| mistake.contains("nobody-may-see")), "{mistakes:?}");
    }
}
