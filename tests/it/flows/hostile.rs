//! Invalid and hostile requests: each partner gets a clear answer in its own envelope, storable bodies are stored, and the
//! hub goes on.

use partners::Partner;
use serde_json::Value;
use simulators::Erp;
use simulators::erp::Delivery;
use tongguan::Hub;

use crate::support::http::{Reply, chunked, exchange, hang_up, request};
use crate::support::pushing::{Envelope, envelope, every, is_answer, push_with, row, suffix};
use crate::support::{Plan, connection, erp, events, hook, key, ledger, settled, taken, within};

/// The largest body that is taken.
const LIMIT: usize = 6 * 1024 * 1024;

/// A good push, the `n`th, of as many bytes as wanted at least.
fn good(partner: Partner, n: usize, size: usize) -> Vec<u8> {
    let text = |pad: &str| push_with(partner, &format!("G{n}"), &format!(",\"pad\":\"{pad}\""));
    text(&"x".repeat(size.saturating_sub(text("").len()))).into_bytes()
}

/// Answer that a partner must get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Yes,
    /// It is not what the document describes.
    Malformed,
    Unauthorized,
    NotPost,
    TooLarge,
}

/// The answer is of the right status and in the partner's envelope, its reason included.
fn check(partner: Partner, told: Told, reply: &Reply, name: &str) {
    let status = match told {
        Told::Yes => 200,
        Told::Malformed => 400,
        Told::Unauthorized => 404,
        Told::NotPost => 405,
        Told::TooLarge => 413,
    };
    let Envelope { status, told: (member, value), reason } = envelope(partner, status);
    let said = reply.json();
    assert_eq!(reply.status, status, "{partner}, {name}: {said}");
    assert!(reply.head.contains("content-type: application/json"), "{partner}, {name}: {}", reply.head);
    assert_eq!(said[member], value, "{partner}, {name}");
    let (yes, reason) = (told == Told::Yes, &said[reason]);
    let reason = reason.as_str().unwrap();
    assert!(yes || reason.len() > 5, "{partner}, {name}: {reason:?} is no reason");
}

/// A hub whose raw endpoint gets what is kept, byte for byte.
struct Scene {
    hub: Hub,
    erp: Erp,
    kept: usize,
    plan: Plan,
}

impl Scene {
    async fn new() -> Self {
        let erp = erp().await;
        let plan = Plan::described().endpoint("erp", &erp, "format = \"raw\"");
        Self { hub: plan.start().await, erp, kept: 0, plan }
    }

    /// Sends until the answer is not "later", which a busy machine may give to 1datatech at any time.
    async fn send(&self, bytes: Vec<u8>) -> Reply {
        within(async {
            loop {
                let reply = exchange(self.hub.address(), bytes.clone()).await.expect("an answer");
                // TrackingEyes is asked to push again in the body. An answer to HEAD has none.
                let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                if reply.status != 503 && said["code"] != 500 {
                    return reply;
                }
            }
        })
        .await
    }

    /// Nothing more is kept than before.
    async fn nothing_kept(&self, name: &str) {
        assert_eq!(events(&self.hub.context().store).await.len(), self.kept, "{name}");
    }

    /// One event more is kept and arrives.
    async fn one_kept(&mut self, name: &str) -> Delivery {
        self.kept += 1;
        self.nothing_kept(name).await;
        within(self.erp.received(self.kept)).await.pop().unwrap()
    }

    /// The hub still serves; then everything is at the ERP and the ledger balances.
    async fn end(mut self) {
        for partner in every() {
            taken(&self.hub, partner, suffix(partner), good(partner, 999, 0)).await;
            self.one_kept("afterwards").await;
        }
        assert_eq!(settled(&self.hub).await.delivered, self.kept as u64);
        self.hub.stop().await;
        let tally = ledger(&self.plan.store()).await;
        assert_eq!((tally.accepted, self.erp.count()), (self.kept as u64, self.kept));
        assert!(self.erp.deliveries().iter().all(|got| got.signed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undocumented_bodies_are_stored_unchanged() {
    let mut scene = Scene::new().await;
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    // 放行 in GBK.
    let gbk = b"{\"orderOutNo\":\"\xb7\xc5\xd0\xd0\"}".to_vec();
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], b"whatever a deflater makes of it"].concat();
    let bodies: [(&str, &str, Vec<u8>); 11] = [
        ("no body", "", vec![]),
        ("blanks", "", b" \r\n\t".to_vec()),
        ("half a JSON document", "", br#"{"action":"single_receipt","orderOutNo":"H1","par"#.to_vec()),
        ("more than one document", "", b"{} {}".to_vec()),
        ("invalid UTF-8", "", b"{\"orderOutNo\":\"\xff\xfe\"}".to_vec()),
        ("GBK", "content-type: application/json; charset=gbk\r\n", gbk),
        ("10,000 deep", "", deep),
        (
            "a form",
            "content-type: application/x-www-form-urlencoded\r\n",
            b"action=single_receipt&orderOutNo=F1".to_vec(),
        ),
        ("gzip", "content-encoding: gzip\r\ncontent-type: application/json\r\n", gzip),
        ("nothing but a number", "", b"12".to_vec()),
        ("binary", "content-type: application/octet-stream\r\n", (0..=255).collect()),
    ];
    for partner in every() {
        for (name, headers, body) in &bodies {
            let path = hook(partner, suffix(partner));
            let reply = scene.send(request("POST", &path, headers, body)).await;
            check(partner, Told::Malformed, &reply, name);
            let got = scene.one_kept(name).await;
            assert!(got.body == body[..], "{partner}, {name}: it has changed");
            let encoded = got.headers.get("content-encoding").map(|value| value.to_str().unwrap());
            assert_eq!(encoded, headers.contains("content-encoding: gzip").then_some("gzip"), "{partner}, {name}");
            // Again is the same, and answered the same.
            let again = scene.send(request("POST", &path, headers, body)).await;
            assert_eq!((again.status, again.body), (reply.status, reply.body), "{partner}, {name}");
            scene.nothing_kept(name).await;
        }
    }
    let kept = events(&scene.hub.context().store).await;
    for (item, n) in kept.iter().zip(0..) {
        let partner = every()[n / bodies.len()];
        assert_eq!(item.meta.kind.as_str(), format!("{partner}.malformed"));
        assert!(item.meta.malformed.is_some());
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_is_strange_but_sound_is_taken_and_stays_as_it_is() {
    let mut scene = Scene::new().await;
    let strange = |partner| {
        let name = row(partner).subject;
        [
            ("repeated names", format!(r#"{{"{name}":"D1","a":1,"a":2,"{name}":"D1"}}"#)),
            ("1e400", format!(r#"{{"{name}":"D2","price":1e400,"less":-1e-400}}"#)),
            ("ids beyond a double", format!(r#"{{"{name}":1906651379888427008,"n":123456789012345678901234567890}}"#)),
            ("a lone surrogate", format!(r#"{{"{name}":"D4","note":"\ud800"}}"#)),
            ("a byte order mark", format!("\u{feff}{{\"{name}\":\"D5\"}}")),
            ("blanks around it", format!(" \r\n{{\"{name}\" : \"D6\"}}\n ")),
            ("null where a key belongs", format!(r#"{{"{name}":null,"price":"700.00","none":""}}"#)),
        ]
    };
    for partner in every() {
        for (name, body) in strange(partner) {
            let path = hook(partner, suffix(partner));
            let reply = scene.send(request("POST", &path, "content-type: text/plain\r\n", body.as_bytes())).await;
            check(partner, Told::Yes, &reply, name);
            let got = scene.one_kept(name).await;
            assert!(got.body == body.as_bytes(), "{partner}, {name}: it has changed");
            assert_eq!(got.headers["content-type"], "text/plain");
        }
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_to_the_wrong_address_are_refused_and_nothing_is_kept() {
    let scene = Scene::new().await;
    for partner in every() {
        let (id, suffix) = (connection(partner), suffix(partner));
        let key = key(id);
        let other = every().into_iter().find(|other| *other != partner).unwrap();
        let paths = [
            ("wrong key", format!("/hooks/{partner}/{id}/{}/{suffix}", key.replace("inbound", "outbound"))),
            ("a beginning of the key", format!("/hooks/{partner}/{id}/{}/{suffix}", &key[..key.len() - 1])),
            ("no key", format!("/hooks/{partner}/{id}//{suffix}")),
            ("unknown connection", format!("/hooks/{partner}/nobody/{key}/{suffix}")),
            ("another partner's connection", hook(other, "").replace(other.id(), partner.id())),
            ("a suffix that is none", format!("/hooks/{partner}/{id}/{key}/nothing")),
            ("a longer path", format!("/hooks/{partner}/{id}/{key}/{suffix}/more")),
            ("a step up", format!("/hooks/{partner}/{id}/{key}/x/../{suffix}")),
            ("an encoded slash", format!("/hooks/{partner}/{id}/{key}%2F{suffix}")),
            ("a partner alone", format!("/hooks/{partner}")),
        ];
        for (name, path) in &paths {
            let reply = scene.send(request("POST", path, "", &good(partner, 1, 0))).await;
            check(partner, Told::Unauthorized, &reply, name);
        }
        for method in ["GET", "PUT", "DELETE", "HEAD"] {
            let reply = scene.send(request(method, &hook(partner, suffix), "", b"")).await;
            if method == "HEAD" {
                assert_eq!(reply.status, 405);
            } else {
                check(partner, Told::NotPost, &reply, method);
            }
        }
    }
    for path in ["/", "/hooks", "/hooks/", "/hooks/nobody/x/y", "/favicon.ico", "/hooks/yanwen/x/y"] {
        let reply = scene.send(request("POST", path, "", b"{}")).await;
        let said = reply.json();
        assert_eq!((reply.status, &said["state"], &said["code"]), (404, &Value::Bool(false), &404.into()), "{path}");
    }
    scene.nothing_kept("wrong addresses").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_of_another_partner_is_no_address() {
    let scene = Scene::new().await;
    for (partner, suffix) in
        [(Partner::Xhq, "customs_status"), (Partner::TrackingEyes, "syn_status"), (Partner::OneData, "fee_push")]
    {
        let reply = scene.send(request("POST", &hook(partner, suffix), "", &good(partner, 1, 0))).await;
        check(partner, Told::Unauthorized, &reply, suffix);
    }
    scene.nothing_kept("actions of others").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_over_6_mb_are_refused_and_bodies_of_6_mb_are_taken() {
    let mut scene = Scene::new().await;
    for partner in every() {
        let path = hook(partner, suffix(partner));
        for size in [LIMIT + 1, 7_000_000] {
            let body = good(partner, size, size);
            let whole = scene.send(request("POST", &path, "", &body)).await;
            check(partner, Told::TooLarge, &whole, "with a length");
            let parts = request("POST", &path, "transfer-encoding: chunked\r\n", &chunked(&body));
            check(partner, Told::TooLarge, &scene.send(parts).await, "in chunks");
            scene.nothing_kept("too large").await;
        }
        if partner == Partner::OneData {
            // Its third of a second is too short for so much in a build that is not optimised.
            continue;
        }
        let body = good(partner, LIMIT, LIMIT);
        assert_eq!(body.len(), LIMIT);
        let parts = request("POST", &path, "transfer-encoding: chunked\r\n", &chunked(&body));
        check(partner, Told::Yes, &scene.send(parts).await, "6 MB");
        assert!(scene.one_kept("6 MB").await.body == body[..], "{partner}: 6 MB have changed");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_push_stores_nothing_and_its_resend_is_accepted() {
    let mut scene = Scene::new().await;
    for partner in every() {
        let whole = request("POST", &hook(partner, suffix(partner)), "", &good(partner, 5, 2_000));
        let long =
            request("POST", &hook(partner, suffix(partner)), "content-length: 1000000\r\n", &good(partner, 6, 900));
        for broken in [&whole[..10], &whole[..whole.len() - 1], &long] {
            hang_up(scene.hub.address(), broken).await;
        }
        check(partner, Told::Yes, &scene.send(whole).await, "the resend");
        scene.one_kept("the resend").await;
    }
    for nonsense in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"POST\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        hang_up(scene.hub.address(), nonsense).await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_not_waited_for_for_good() {
    let scene = Scene::new().await;
    let answers = every().map(|partner| {
        let push = request("POST", &hook(partner, suffix(partner)), "content-length: 1000\r\n", b"{");
        exchange(scene.hub.address(), push)
    });
    for (partner, reply) in every().into_iter().zip(futures::future::join_all(answers).await) {
        // Only a resend brings it, so the partner is asked for one.
        let reply = reply.unwrap();
        assert!(is_answer(partner, 503, (reply.status, &reply.body)), "{partner}: {}", reply.json());
    }
    scene.nothing_kept("bodies that did not come").await;
    scene.end().await;
}
