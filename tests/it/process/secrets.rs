//! Keys, secrets and credentials appear nowhere: in no log however detailed, no answer, no event, no attempt.

use partners::Partner;
use simulators::erp::{Behaviour, Reply};

use crate::support::http::{api, exchange, request};
use crate::support::process::Process;
use crate::support::{API_KEY, APP_ID, PUSHING, Plan, connection, erp, events, hook, key, secret, status, until};

/// A token in the address of an endpoint, where some receivers keep theirs.
const URL_TOKEN: &str = "url-token-that-nobody-may-see";

fn secrets() -> Vec<String> {
    let keys = PUSHING.map(|partner| key(connection(partner)));
    // Of a signing secret, what is behind the prefix is the secret.
    let signing = secret(1).trim_start_matches("whsec_").trim_end_matches('=').to_owned();
    keys.into_iter().chain([APP_ID.to_owned(), API_KEY.to_owned(), URL_TOKEN.to_owned(), signing]).collect()
}

fn holds_none(what: &str, text: &str) {
    for secret in secrets() {
        let place = text.find(&secret);
        let near = place.map(|at| &text[text[..at].rfind('\n').map_or(0, |line| line + 1)..at]);
        assert_eq!(near, None, "{what} holds {secret:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_log_answer_event_or_attempt() {
    let (good, bad) = (erp().await, erp().await);
    bad.behave(Behaviour::Answers(Reply::of(500)));
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let at = |id: &str, origin: &str, more: &str| {
        let secret = secret(1);
        format!(
            "[[endpoints]]\nid = \"{id}\"\nurl = \"{origin}/{URL_TOKEN}?token={URL_TOKEN}\"\nsecrets = [\"{secret}\"]\n{more}"
        )
    };
    let allowed = "allow_private = true\nretry = [\"1ms\"]\n";
    let plan = Plan::new()
        .top("sweep_every = \"1s\"")
        .table(&at("good", &format!("http://{}", good.address()), allowed))
        .table(&at("bad", &format!("http://{}", bad.address()), allowed))
        .table(&at("closed", &format!("http://{closed}"), allowed))
        .table(&at("private", &format!("http://{closed}"), "retry = []"))
        .table(&at("nowhere", "http://erp.invalid", "retry = []"))
        .table(&at("plain", &format!("https://{}", good.address()), "allow_private = true\nretry = []"));
    let mut process = Process::start(&plan, &[(telemetry::logs::FILTER, "trace".into())]).await.unwrap();

    let mut said = String::new();
    let mut send = async |bytes: Vec<u8>| {
        let answer = exchange(process.address(), bytes).await.unwrap();
        said.extend([answer.head.as_str(), "\n", &String::from_utf8_lossy(&answer.body), "\n"]);
        answer.status
    };
    for partner in PUSHING {
        for (body, headers) in [("{}", ""), ("{", ""), ("", ""), ("\u{0}", "content-encoding: gzip\r\n")] {
            send(request("POST", &hook(partner, ""), headers, body.as_bytes())).await;
        }
        let large = vec![b' '; 7_000_000];
        assert_eq!(send(request("POST", &hook(partner, ""), "", &large)).await, 413);
        assert_eq!(send(request("GET", &hook(partner, ""), "", b"")).await, 405);
        // Good keys in the wrong places.
        let key = key(connection(partner));
        for path in [
            format!("/hooks/{partner}/other/{key}"),
            format!("/hooks/{partner}/{key}/{key}"),
            format!("/hooks/{key}/x/y"),
            format!("/{key}"),
            hook(partner, &key),
        ] {
            assert_eq!(send(request("POST", &path, "", b"{}")).await, 404, "{partner}");
        }
    }
    assert_eq!(send(request("POST", &hook(Partner::Xhq, ""), "", status("S1", 61).as_bytes())).await, 200);
    for (token, path) in [
        (API_KEY, "/deliveries/failed"),
        (API_KEY, "/deliveries/failed?limit=x"),
        (API_KEY, "/events/xhq-sh/order:S1"),
        (&format!("{API_KEY}x"), "/deliveries/failed"),
    ] {
        let answer = api(process.address(), "GET", path, token, "").await;
        said.extend([answer.head.as_str(), "\n", &String::from_utf8_lossy(&answer.body), "\n"]);
    }
    let answer = api(process.address(), "POST", "/deliveries/replay", API_KEY, API_KEY).await;
    holds_none("a problem", &String::from_utf8_lossy(&answer.body));

    // Until every endpoint was tried, all but one in vain.
    let store = plan.store();
    let endpoints = plan.config().endpoints;
    until(async || {
        let items = events(&store).await;
        endpoints.keys().all(|endpoint| {
            items
                .iter()
                .any(|item| !item.work.delivery(endpoint).is_none_or(|delivery| delivery.progress.attempts.is_empty()))
        })
    })
    .await;
    process.terminate();
    assert!(process.ended().await.success());
    holds_none("an answer", &said);
    for got in good.deliveries().iter().chain(&bad.deliveries()) {
        holds_none("an event", &String::from_utf8_lossy(&got.body));
        let headers = format!("{:?}", got.headers);
        holds_none("a header", &headers);
    }
    for item in events(&store).await {
        holds_none("what is stored", &format!("{item:?}"));
    }
    let log = process.log();
    for expected in ["push refused", "malformed push stored", "a delivery has not succeeded yet", "delivered"] {
        assert!(log.contains(expected), "{expected:?} was not logged, so this proves little");
    }
    holds_none("the log", &log);
    // Nor in what stays on disk, with all its free pages.
    for file in std::fs::read_dir(plan.config().data_dir).unwrap() {
        let path = file.unwrap().path();
        holds_none(&path.display().to_string(), &String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
    }
}
