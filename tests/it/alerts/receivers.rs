//! Each kind of receiver takes the hub's messages, with and without a signature, and refuses what is not by its document.

use simulators::robots::Behaviour;

use super::*;

const DINGTALK: &str = "SEC0123456789abcdef";
const FEISHU: &str = "feishu-secret";

/// A failed delivery is told to a robot with these keys; the messages that it has taken.
async fn told(time: &Hand, kind: &str, robot: &Receiver, more: &str) -> Vec<String> {
    let side = Side::new(crate::dynamodb::emulated().await.0, time, &alert("ops", kind, robot, more));
    side.sweep().await;
    side.push("SO-1", REFUSED).await;
    side.sweep().await;
    robot.messages()
}

#[tokio::test]
async fn each_kind_takes_a_message() {
    let time = Hand::new();
    let webhook = secret(9);
    for (kind, own, more) in [
        ("wecom", Robot::Wecom("k"), String::new()),
        ("dingtalk", Robot::Dingtalk("t", None), String::new()),
        ("dingtalk", Robot::Dingtalk("t", Some(DINGTALK)), format!("secret = \"{DINGTALK}\"")),
        ("feishu", Robot::Feishu("h", None), String::new()),
        ("feishu", Robot::Feishu("h", Some(FEISHU)), format!("secret = \"{FEISHU}\"")),
        ("webhook", Robot::Webhook(webhook.clone()), format!("secret = \"{webhook}\"")),
    ] {
        let robot = robot(&time, own.clone()).await;
        for (language, words) in [("zh", "投递失败 1 条"), ("en", "Deliveries failed: 1")] {
            let more = format!("{more}\nlanguage = \"{language}\"");
            let messages = told(&time, kind, &robot, &more).await;
            let last = messages.last().unwrap_or_else(|| panic!("{own:?} takes nothing"));
            assert!(last.contains(words) && last.contains("order:SO-1"), "{own:?}: {last}");
        }
    }
}

#[tokio::test]
async fn webhook_gets_the_news_as_json() {
    let (time, key) = (Hand::new(), secret(9));
    let robot = robot(&time, Robot::Webhook(key.clone())).await;
    let more = format!("secret = \"{key}\"\nconsole_url = \"https://hub.example.com\"\nlanguage = \"en\"");
    let messages = told(&time, "webhook", &robot, &more).await;
    let body: serde_json::Value = serde_json::from_str(&messages[0]).unwrap();
    assert_eq!((&body["alert"], &body["console"]), (&"ops".into(), &"https://hub.example.com/console".into()));
    let cause = &body["causes"][0];
    assert_eq!((&cause["cause"], &cause["count"]), (&"delivery_failed".into(), &1.into()));
    assert_eq!((&cause["places"]["erp"], &cause["about"][0]), (&1.into(), &"order:SO-1".into()));
    assert!(body["text"].as_str().unwrap().starts_with("Tongguan: Deliveries failed: 1"), "{body}");
}

#[tokio::test]
async fn wrong_secrets_are_refused() {
    let (time, other) = (Hand::new(), secret(8));
    for (kind, own, more) in [
        ("dingtalk", Robot::Dingtalk("t", Some(DINGTALK)), "secret = \"SECother\"".to_owned()),
        ("dingtalk", Robot::Dingtalk("t", Some(DINGTALK)), String::new()),
        ("feishu", Robot::Feishu("h", Some(FEISHU)), "secret = \"other\"".to_owned()),
        ("feishu", Robot::Feishu("h", Some(FEISHU)), String::new()),
        ("webhook", Robot::Webhook(secret(9)), format!("secret = \"{other}\"")),
    ] {
        let robot = robot(&time, own.clone()).await;
        let messages = told(&time, kind, &robot, &more).await;
        assert_eq!((messages.len(), robot.count()), (0, 1), "{own:?} {more}");
    }
}

#[tokio::test]
async fn robot_whose_clock_is_an_hour_off_refuses_signatures() {
    for (kind, own, key) in [
        ("dingtalk", Robot::Dingtalk("t", Some(DINGTALK)), DINGTALK),
        ("feishu", Robot::Feishu("h", Some(FEISHU)), FEISHU),
    ] {
        let (time, theirs) = (Hand::new(), Hand::new());
        theirs.pass(61 * MINUTE);
        let robot = robot(&theirs, own).await;
        assert_eq!(told(&time, kind, &robot, &format!("secret = \"{key}\"")).await.len(), 0, "{kind}");
    }
}

/// The least pause keeps any robot within its 20 messages a minute; the robot is played strictly.
#[tokio::test]
async fn twentieth_message_within_a_minute_is_the_last() {
    let time = Hand::new();
    let robot = wecom(&time).await;
    for _ in 0..20 {
        told(&time, "wecom", &robot, "").await;
    }
    assert_eq!(told(&time, "wecom", &robot, "").await.len(), 20);
    time.pass(MINUTE);
    assert_eq!(told(&time, "wecom", &robot, "").await.len(), 21);
}

#[tokio::test]
async fn answer_that_is_no_robots_is_no_success() {
    let time = Hand::new();
    for (status, body) in [(200, "<html>"), (302, ""), (500, r#"{"errcode":0}"#), (200, r#"{"code":0}"#)] {
        let robot = wecom(&time).await;
        robot.behave(Behaviour::Answers(status, body.to_owned()));
        let side = Side::new(crate::dynamodb::emulated().await.0, &time, &alert("ops", "wecom", &robot, ""));
        side.sweep().await;
        side.push("SO-1", REFUSED).await;
        side.sweep().await;
        robot.behave(Behaviour::Works);
        time.pass(5 * MINUTE);
        side.sweep().await;
        assert_eq!(robot.messages().len(), 1, "{status} {body}: it was told again");
    }
}

/// A private address is refused as for endpoints, unless it is permitted.
#[tokio::test]
async fn private_address_is_not_called_unless_permitted() {
    let time = Hand::new();
    let robot = wecom(&time).await;
    let port = robot.url().split(':').nth(2).unwrap().split('/').next().unwrap().to_owned();
    let table = format!(
        "[[alerts]]\nid = \"ops\"\nkind = \"wecom\"\nurl = \"https://127.0.0.1:{port}/cgi-bin/webhook/send?key=k\"\n"
    );
    let side = Side::new(crate::dynamodb::emulated().await.0, &time, &table);
    side.sweep().await;
    side.push("SO-1", REFUSED).await;
    let log = crate::lambda::logs::Log::default();
    let logging = log.begin("warn");
    side.sweep().await;
    drop(logging);
    let lines = log.lines();
    let line = lines.iter().find(|line| line["alert"] == "ops").unwrap();
    assert!(line["why"].as_str().unwrap().contains("private"), "{line}");
    assert_eq!(robot.count(), 0);
}
