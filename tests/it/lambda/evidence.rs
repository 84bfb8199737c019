//! An evidence file on its way through the gateway and out of a direct invocation: bytes, in base64.

use ::evidence::{Part, together};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;

/// A configuration that keeps the headers of pushes.
async fn keeping() -> Context<DynamoStore, Forgetful> {
    let (context, _) = deployed().await;
    let text = configuration().replacen("partner = \"xhq\"\n", "partner = \"xhq\"\nevidence = true\n", 1);
    Context { config: Arc::new(Config::parse(&text).unwrap()), ..context }
}

#[tokio::test]
async fn gateway_gives_evidence_as_bytes_and_invocation_in_base64() {
    let context = keeping().await;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}/syn_status");
    for code in [61, 63] {
        push(&context, &syn_status::ACTION, &rest(&path, &BODY.replace("61", &code.to_string()))).await;
    }
    let ask = |query: &str| format!(r#"{{"path":"/shipments/S1/evidence{query}"}}"#);
    let given = async |query: &str| shipments::router().invoke(&context, ask(query).as_bytes()).await;

    let response = lambda::answer_api(Duration::MAX, lambda::Accepts::default(), given("")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"application/zip".parse().unwrap())
    );
    let Body::Binary(zip) = response.body() else { panic!("the gateway would take it for text") };
    let part = Part::read(zip).unwrap();
    assert!(part.findings.is_empty() && part.about.as_ref().unwrap().by == "invocation", "{part:?}");

    let told: Value = serde_json::from_str(&lambda::invoked(&given("?limit=1").await)).unwrap();
    assert_eq!((&told["status"], &told["encoding"]), (&200.into(), &"base64".into()));
    let first = Part::read(&BASE64_STANDARD.decode(told["body"].as_str().unwrap()).unwrap()).unwrap();
    let link = told["link"].as_str().unwrap();
    let query = &link[1..link.find('>').unwrap()];
    let second: Value = serde_json::from_str(&lambda::invoked(&given(query).await)).unwrap();
    let second = Part::read(&BASE64_STANDARD.decode(second["body"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(together(&[first, second]), []);
}

/// As large as the gateway takes: a third more in base64, and no character of it escaped.
#[tokio::test]
async fn largest_file_is_given_and_larger_is_a_problem() {
    let file = |bytes: usize| async move { api::zip("x.zip", vec![0xff; bytes]) };
    let fits = lambda::answer_api(Duration::MAX, lambda::Accepts::default(), file(4_700_000)).await;
    assert_eq!(fits.status(), 200);
    let large = lambda::answer_api(Duration::MAX, lambda::Accepts::default(), file(4_710_000)).await;
    assert_eq!(large.status(), 500, "over six million characters of base64");
}

#[tokio::test]
async fn headers_of_both_gateways_are_kept_without_secrets() {
    let context = keeping().await;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}/syn_status");
    let mut event = rest(&path, BODY);
    event["multiValueHeaders"] = json!({"Content-Type": ["application/json"], "X-Forwarded-For": ["203.0.113.9"],
        "Authorization": ["hunter2"], "X-Original-Url": [path]});
    let (status, answered) = said(&push(&context, &syn_status::ACTION, &event).await);
    let kept = stored(&context, "order:S1").await.unwrap().event.meta.exchange.unwrap();
    let value = |name: &str| kept.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    assert_eq!(value("x-forwarded-for"), Some("203.0.113.9"));
    assert_eq!((value("authorization"), value("x-original-url")), (Some("[REDACTED]"), Some("[REDACTED]")));
    let kept = kept.answer;
    assert_eq!((kept.status, serde_json::from_str::<Value>(&kept.body).unwrap()), (status, answered));
}
