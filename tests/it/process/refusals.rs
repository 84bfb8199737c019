//! Pushes that are turned away: one answer for the sender, and its reason in the hub's log.

use partners::Partner;

use crate::support::http::{exchange, request};
use crate::support::process::Process;
use crate::support::{Plan, hook, key};

/// Regression: a wrong key, a wrong address and a wrong path were one line, "push refused".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusal_reason_is_in_the_log_and_not_in_the_answer() {
    let listed = "[[connections]]\nid = \"listed\"\npartner = \"xhq\"\nallow_ips = [\"203.0.113.7\"]\n";
    let plan = Plan::new().table(&format!("{listed}keys = [\"{}\"]", key("listed")));
    let mut process = Process::start(&plan, &[]).await.unwrap();
    let right = hook(Partner::Xhq, "");
    let mut answers = Vec::new();
    let cases = [
        (right.replace(&key("xhq-sh"), &key("eyes")), "wrong key ", "connection=\"xhq-sh\""),
        (right.replace("/xhq-sh/", "/xhq-hs/"), "no such connection ", "peer=127.0.0.1"),
        (right.replace("/xhq-sh/", "/eyes/"), "the connection is another partner's ", "connection=\"eyes\""),
        (
            right.replace("xhq-sh", "listed"),
            "right key, but allow_ips does not list the address ",
            "connection=\"listed\"",
        ),
        (format!("{right}/syn_statsu"), "no such action of the partner ", "check=\"compare the end of the URL"),
        (format!("{right}/customs_status"), "no such action of the partner ", "connection=\"xhq-sh\""),
        (format!("{right}/a/b"), "no such path ", "/hooks/<partner>/<connection>/<key>"),
        (right.replace("/hooks/", "/hook/"), "no such path ", "peer=127.0.0.1"),
        (
            right.replace("/hooks/xhq/", "/hooks/xqh/"),
            "no such partner ",
            "is xhq, trackingeyes, onedata or the id of one of",
        ),
    ];
    for (path, _, _) in &cases {
        let answer = exchange(process.address(), request("POST", path, "", b"{}")).await.unwrap();
        assert_eq!(answer.status, 404, "{path}");
        if path.starts_with("/hooks/xhq/") {
            answers.push(answer.body);
        }
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    process.terminate();
    assert!(process.ended().await.success());
    let log = process.log();
    let refused: Vec<_> = log.lines().filter(|line| line.contains("push refused: ")).collect();
    assert_eq!(refused.len(), cases.len(), "{log}");
    for (line, (path, what, more)) in refused.iter().zip(&cases) {
        assert!(line.contains(&format!("push refused: {what}")) && line.contains(more), "{path}: {line}");
    }
}
