//! TrackingEyes' token, downloads and subscriptions.

use std::time::Duration;

use serde_json::json;
use simulators::api::TrackingEyes;

use super::support::{ANY_PORT, Ask, Hands, Told};

const AUTHORIZATION: &str = "/api/auth/authorization";

async fn start(hands: &Hands) -> TrackingEyes {
    TrackingEyes::start(ANY_PORT, hands.clock(), "ACME", "s3cret").await.unwrap()
}

async fn call(eyes: &TrackingEyes, ask: Ask) -> Told {
    ask.ask(eyes).await.unwrap()
}

/// A token, as it must stand in a query.
async fn token(eyes: &TrackingEyes) -> String {
    let told = call(eyes, Ask::json(AUTHORIZATION, r#"{"companyCode":"ACME","secret":"s3cret"}"#)).await;
    assert_eq!(told.code(), "\"200\"");
    let token = told.json()["result"].as_str().unwrap().to_owned();
    token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn download(token: &str, ids: &str) -> Ask {
    Ask::get(format!("/api/customsStatus/download?companyCode=ACME&token={token}&orgCode=&billId={ids}"))
}

#[tokio::test]
async fn waybills_are_downloaded_with_a_token_in_the_query() {
    let hands = Hands::new();
    let eyes = start(&hands).await;
    let token = token(&eyes).await;
    let told = call(&eyes, download(&token, "1906651379888427008,2")).await.json();
    assert_eq!(
        (&told["code"], &told["codeDesc"], &told["message"]),
        (&json!(200), &json!("success"), &json!("success"))
    );
    let waybills = told["result"].as_array().unwrap();
    assert_eq!((&waybills[0]["id"], &waybills[1]["id"]), (&json!("1906651379888427008"), &json!("2")));
    assert_eq!((waybills[0].as_object().unwrap().len(), waybills[0].get("endId")), (19, None));
    for wrong in ["", "1,", "1,x"] {
        assert_eq!(call(&eyes, download(&token, wrong)).await.code(), "400", "{wrong}");
    }
    let plus = token.replace("%2B", "+");
    assert_eq!(call(&eyes, download(&plus, "1")).await.code(), "401");
    let other = Ask::get(download(&token, "1").target.replace("ACME", "ACNE"));
    assert_eq!(call(&eyes, other).await.code(), "401");
    let header = Ask::get("/api/customsStatus/download?companyCode=ACME&billId=1").with("token", token.clone());
    assert_eq!(call(&eyes, header).await.code(), "401");
    let posted = Ask { method: "POST", ..download(&token, "1") };
    assert_eq!(call(&eyes, posted).await.code(), "400");
    assert_eq!((eyes.processed_count(), eyes.times_processed("download", b"1906651379888427008,2")), (1, 1));
}

#[tokio::test]
async fn a_token_is_good_for_two_hours() {
    let hands = Hands::new();
    let eyes = start(&hands).await;
    let first = token(&eyes).await;
    hands.forward(Duration::from_mins(119));
    assert_eq!(call(&eyes, download(&first, "1")).await.code(), "200");
    hands.forward(Duration::from_mins(1));
    let late = call(&eyes, download(&first, "1")).await;
    assert_eq!((late.status, late.code().as_str()), (200, "401"));
    let second = token(&eyes).await;
    assert_eq!(call(&eyes, download(&second, "1")).await.code(), "200");
    eyes.expire_tokens();
    assert_eq!(call(&eyes, download(&second, "1")).await.code(), "401");
    eyes.token_life(Duration::from_secs(1));
    let third = token(&eyes).await;
    hands.forward(Duration::from_secs(1));
    assert_eq!((call(&eyes, download(&third, "1")).await.code().as_str(), eyes.token_requests()), ("401", 3));
}

#[tokio::test]
async fn a_token_is_given_for_the_right_secret_only() {
    let hands = Hands::new();
    let eyes = start(&hands).await;
    let right = r#"{"companyCode":"ACME","secret":"s3cret"}"#;
    for (kind, body, code) in [
        ("application/json", right.replace("s3cret", "guess"), "401"),
        ("application/json", right.replace("ACME", "ACNE"), "401"),
        ("application/json", "companyCode=ACME&secret=s3cret".to_owned(), "401"),
        ("application/x-www-form-urlencoded", right.to_owned(), "400"),
    ] {
        assert_eq!(call(&eyes, Ask::post(AUTHORIZATION, kind, body.as_str())).await.code(), code, "{body}");
    }
    assert_eq!((eyes.token_requests(), eyes.wrongs().len()), (4, 4));
}

#[tokio::test]
async fn subscriptions_are_taken_where_the_test_says() {
    let hands = Hands::new();
    let eyes = start(&hands).await;
    let token = token(&eyes).await;
    let subscribe = |body: &str| Ask::json(format!("/api/sub?companyCode=ACME&token={token}"), body);
    assert_eq!(call(&eyes, subscribe("[]")).await.status, 404);
    eyes.subscribe_at("/api/sub");
    let told = call(&eyes, subscribe(r#"[{"blNo":"B1","localKey":"k"},{"blNo":"B2"}]"#)).await.json();
    assert_eq!((&told["code"], &told["result"][0]["localKey"]), (&json!(200), &json!("k")));
    assert!(told["result"][1]["id"].is_string());
    let told = call(&eyes, subscribe(r#"[{"blNo":"B2"},{"blNo":"B3"}]"#)).await.json();
    assert_eq!((&told["code"], &told["result"][0]["itemCode"]), (&json!(300), &json!(300)));
    assert_eq!(told["result"][1]["itemCode"], 200);
    let many = format!("[{}{{}}]", "{},".repeat(30));
    for wrong in ["[]", "{}", "[1]", many.as_str()] {
        assert_eq!(call(&eyes, subscribe(wrong)).await.code(), "400", "{wrong}");
    }
    eyes.expire_tokens();
    assert_eq!(call(&eyes, subscribe(r#"[{"blNo":"B1"}]"#)).await.code(), "401");
    assert_eq!(eyes.requests_for("subscribe").len(), 7);
}
