use std::time::Duration;

use super::*;
use recipe::{Signature, TokenRequest};

/// The example of the module's documentation, as it is printed there.
fn documented() -> Settings {
    let source = include_str!("../../recipe/mod.rs");
    let example = source.split("//! ```").nth(1).unwrap().strip_prefix("toml\n").unwrap();
    toml::from_str(&example.replace("//!", "")).unwrap()
}

fn signature(text: &str) -> Signature {
    toml::from_str(text).unwrap()
}

fn signed(recipe: &str, body: &str) -> Prepared {
    let settings = Settings { signature: Some(signature(recipe)), ..Settings::default() };
    send_by("port_query_v2", body, &attempt(&settings)).unwrap()
}

#[test]
fn the_documented_example_works() {
    let settings = documented();
    assert!(settings.validate(Partner::OneData).is_empty());
    assert_eq!(settings.credentials(), ["app_key", "app_secret"]);
    assert!(needs_token(Partner::OneData, &settings) && !needs_token(Partner::OneData, &Settings::default()));

    let request = token_request(Partner::OneData, &attempt(&settings)).unwrap().unwrap();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/auth/token"));
    assert_eq!(text(&request), r#"{"appKey":"AK","appSecret":"s3cret"}"#);
    assert!(!format!("{request:?}").contains("s3cret"));
    let answer = br#"{"success":true,"code":200,"data":{"accessToken":"t0","expiresIn":7200}}"#;
    let token = read_token(Partner::OneData, &settings, 200, answer).unwrap();
    assert_eq!((token.expose(), token.life), ("t0", Duration::from_hours(2)));

    let source = include_str!("../../recipe/mod.rs");
    let sign = source.split("`sign: ").nth(1).unwrap().split('`').next().unwrap();
    let recipe = settings.signature.as_ref().unwrap();
    assert_eq!(recipe.sign(&attempt(&settings), "[]").unwrap(), sign);
}

#[test]
fn the_four_documented_headers_are_what_is_sent() {
    let sent = signed("parts = [\"body\"]\nhash = \"md5\"", "[{}]");
    let headers: Vec<_> =
        sent.headers.iter().map(|pair| (pair.name.as_ref(), pair.value.as_str(), pair.secret)).collect();
    let expected = [("accessToken", "t0", true), ("nonce", "n0", false), ("timestamp", "1700000000000", false)];
    assert_eq!(headers[..3], expected);
    assert_eq!(headers[3..], [("sign", "a21cafb4c405e6997671a02e578b9b1e", true)]);
    assert_eq!(sent.url("https://openapi.1datatech.net"), "https://openapi.1datatech.net/ocean/api/port/query/v2");
}

#[test]
fn every_hash_writes_as_the_recipe_says() {
    let parts = r#"parts = [{ credential = "app_secret" }, "nonce", "timestamp", "token", "body"]
        separator = "|"
        timestamp = "s"
        "#;
    let keyed = r#"parts = [{ text = "壹沓" }, "nonce", "timestamp", "body"]
        key = { credential = "app_secret" }
        hash = "hmac-sha256"
        "#;
    let settings = Settings::default();
    for (recipe, expected) in [
        (format!("{parts} hash = \"sha1\""), "aadc429d19b3405a684832e9db91d4f0bf1925e2"),
        (format!("{parts} hash = \"sha256\""), "0d3c27ba15c919b8f78b7306d033fa9c1597654a5d4025afe652a226cb7f6c21"),
        (keyed.to_owned(), "e41f2ca1a4f4e290b5c566981af19c411659c358d2138c5a8e0fe0fb3c9830a1"),
        (format!("{keyed} digits = \"base64\""), "5B8soaT04pC1xWaYGvGcQRZZw1jSE4xajg/g+zyYMKE="),
    ] {
        assert_eq!(signature(&recipe).sign(&attempt(&settings), "[]").unwrap(), expected, "{recipe}");
    }
}

#[test]
fn recipe_places_each_part() {
    let sent = signed(
        r#"parts = ["body"]
        hash = "md5"
        send = [
            { part = "signature", query = "sig n" },
            { part = { credential = "app_key" }, header = "X-App-Key" },
            { part = { text = "v2" }, header = "X-Version" },
        ]"#,
        "[{}]",
    );
    assert!(sent.url("http://h").contains("/v2?sig%20n="));
    assert_eq!(format!("{:?}", sent.query), "[sig n=[REDACTED]]");
    assert_eq!(format!("{:?}", sent.headers), "[X-App-Key=[REDACTED], X-Version=v2]");
}

#[test]
fn without_a_recipe_a_call_says_that_one_is_needed() {
    let faults = send_by("result_query", "{}", &attempt(&Settings::default())).unwrap_err();
    assert_eq!(faults[0].field, "signature");
    assert_eq!(token_request(Partner::OneData, &attempt(&Settings::default())), Ok(None));
}

#[test]
fn recipe_mistakes_are_reported() {
    let hash = "hash = \"md5\"";
    for (recipe, key) in [
        (format!("parts = []\n{hash}"), "parts"),
        (format!("parts = [\"signature\"]\n{hash}"), "parts"),
        (format!("parts = [\"body\"]\n{hash}\nkey = \"nonce\""), "key"),
        ("parts = [\"body\"]\nhash = \"hmac-sha256\"".to_owned(), "key"),
        ("parts = [\"body\"]\nhash = \"hmac-sha256\"\nkey = \"signature\"".to_owned(), "key"),
        (format!("parts = [\"body\"]\n{hash}\ndigits = \"base64\"\ncase = \"upper\""), "case"),
        (format!("parts = [\"body\"]\n{hash}\nsend = []"), "send"),
        (format!("parts = [\"body\"]\n{hash}\nsend = [{{ part = \"signature\" }}]"), "send[0]"),
        (
            format!("parts = [\"body\"]\n{hash}\nsend = [{{ part = \"signature\", header = \"a\", query = \"b\" }}]"),
            "send[0]",
        ),
        (format!("parts = [\"body\"]\n{hash}\nsend = [{{ part = \"signature\", header = \"a b\" }}]"), "send[0]"),
        (
            format!(
                "parts = [\"body\"]\n{hash}\nsend = [{{ part = \"signature\", header = \"a\" }}, {{ part = \"nonce\", header = \"A\" }}]"
            ),
            "send[1]",
        ),
        (
            format!(
                "parts = [\"body\"]\n{hash}\nsend = [{{ part = \"signature\", query = \"a\" }}, {{ part = \"body\", query = \"b\" }}]"
            ),
            "send[1]",
        ),
    ] {
        let faults = signature(&recipe).validate("signature", false);
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, [format!("signature.{key}")], "{recipe}");
    }
    for unknown in [
        "parts = [\"body\"]\nhash = \"md4\"",
        "parts = [\"cookie\"]\nhash = \"md5\"",
        "parts = [\"body\"]\nhash = \"md5\"\nsalt = 1",
    ] {
        assert!(toml::from_str::<Signature>(unknown).is_err(), "{unknown}");
    }
    let lonely = Settings { signature: Some(signature("parts = [\"token\"]\nhash = \"md5\"")), ..Settings::default() };
    assert_eq!(lonely.validate(Partner::OneData)[0].field, "token");
}

#[test]
fn token_request_mistakes_are_reported() {
    let good = "path = \"/t\"\ntoken = \"/data\"\nlife_seconds = 60\n";
    for (recipe, keys) in [
        (good.to_owned(), vec![]),
        (good.replace("/t", "http://h/t"), vec!["path"]),
        (good.replace("/data", "data"), vec!["token"]),
        (good.replace("60", "0"), vec!["life_seconds"]),
        (good.replace("life_seconds = 60", ""), vec!["life"]),
        (format!("{good}life = \"x\""), vec!["life"]),
        (format!("{good}method = \"GET\"\nbody = {{ a = \"nonce\" }}"), vec!["body"]),
        (
            format!("{good}body = {{ a = \"token\", b = \"body\", c = \"signature\" }}"),
            vec!["body.a", "body.b", "body.c"],
        ),
        (format!("{good}[signature]\nparts = [\"nonce\"]\nhash = \"md5\""), vec!["signature"]),
        (
            format!("{good}query = {{ s = \"signature\" }}\n[signature]\nparts = [\"token\"]\nhash = \"md5\""),
            vec!["signature.parts"],
        ),
        (
            format!("{good}body = {{ s = \"signature\" }}\n[signature]\nparts = [\"body\"]\nhash = \"md5\""),
            vec!["signature.parts"],
        ),
    ] {
        let faults = toml::from_str::<TokenRequest>(&recipe).unwrap().validate("token");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.clone()).collect();
        assert_eq!(fields, keys.iter().map(|key| format!("token.{key}")).collect::<Vec<_>>(), "{recipe}");
    }
}

#[test]
fn a_token_request_may_be_signed_itself() {
    let recipe = r#"
        [token]
        path = "/token"
        body = { appKey = { credential = "app_key" }, sign = "signature", ts = "timestamp" }
        token = "/data/0/a~1b"
        life_seconds = 60
        [token.signature]
        parts = [{ text = "appKey" }, { credential = "app_key" }, "timestamp", { credential = "app_secret" }]
        hash = "md5"
    "#;
    let settings: Settings = toml::from_str(recipe).unwrap();
    assert!(settings.validate(Partner::OneData).is_empty());
    // No token is needed to ask for one.
    let request = token_request(Partner::OneData, &Attempt { token: None, ..attempt(&settings) }).unwrap().unwrap();
    assert_eq!(text(&request), r#"{"appKey":"AK","sign":"5346dca4f9f9436f18a2411d43ed0b70","ts":"1700000000000"}"#);
    let token = read_token(Partner::OneData, &settings, 200, br#"{"data":[{"a/b":"t1"}]}"#).unwrap();
    assert_eq!((token.expose(), token.life.as_secs()), ("t1", 60));

    // A signature over the body stands beside it.
    let beside = recipe.replace(r#"sign = "signature", "#, "").replace(
        r"parts = [",
        r#"send = [{ part = "signature", header = "sign" }]
        parts = ["body", "#,
    );
    let settings: Settings = toml::from_str(&beside).unwrap();
    let request = token_request(Partner::OneData, &attempt(&settings)).unwrap().unwrap();
    let over =
        settings.token.as_ref().unwrap().signature.as_ref().unwrap().sign(&attempt(&settings), text(&request)).unwrap();
    assert_eq!(value(&request.headers, "sign"), over);
}

#[test]
fn trackingeyes_gives_its_token_by_its_own_document() {
    let settings = Settings::default();
    let request = token_request(Partner::TrackingEyes, &attempt(&settings)).unwrap().unwrap();
    assert_eq!(request.url("https://api.trackingeyes.com"), "https://api.trackingeyes.com/api/auth/authorization");
    assert_eq!(text(&request), r#"{"companyCode":"COMPANY-3","secret":"hunter2&"}"#);
    for code in ["200", "\"200\""] {
        let answer = format!(r#"{{"code":{code},"message":"success","result":"tok"}}"#);
        let token = read_token(Partner::TrackingEyes, &settings, 200, answer.as_bytes()).unwrap();
        assert_eq!((token.expose(), token.life), ("tok", Duration::from_hours(2)));
    }
    for (status, answer, refused) in [
        (200, r#"{"code":"401","message":"no","result":null}"#, true),
        (401, "", true),
        (200, r#"{"code":200,"result":""}"#, false),
        (502, "<html>", false),
        // Regression: a wrong secret that was answered so was "not now" for as long as a schedule lasts.
        (200, r#"{"code":500,"message":"secret error"}"#, true),
        (500, r#"{"code":500,"message":"error"}"#, false),
        (500, r#"{"code":400,"message":"no"}"#, true),
        (200, r#"{"code":"429","message":"slow down"}"#, false),
    ] {
        let verdict = read_token(Partner::TrackingEyes, &settings, status, answer.as_bytes()).unwrap_err();
        assert_eq!(matches!(verdict, Judgement::Refused { .. }), refused, "{answer}: {verdict:?}");
        assert!(!matches!(verdict, Judgement::TokenExpired { .. } | Judgement::Success));
    }
    for partner in [Partner::Xhq, Partner::Yanwen] {
        assert_eq!(token_request(partner, &attempt(&settings)), Ok(None));
        assert!(!needs_token(partner, &settings));
    }
}

#[test]
fn a_life_has_its_unit() {
    for (unit, seconds) in [("milliseconds", 7), ("seconds", 7_200), ("minutes", 432_000), ("hours", 25_920_000)] {
        let recipe =
            format!("[token]\npath = \"/t\"\ntoken = \"/t\"\nlife = \"/l\"\nlife_unit = \"{unit}\"\nlife_seconds = 9");
        let settings: Settings = toml::from_str(&recipe).unwrap();
        for life in ["7200", "\"7200\"", "7200.0", "7.2e3"] {
            let answer = format!(r#"{{"t":"x","l":{life}}}"#);
            let token = read_token(Partner::OneData, &settings, 200, answer.as_bytes()).unwrap();
            assert_eq!(token.life.as_secs(), seconds, "{unit}");
        }
        assert_eq!(read_token(Partner::OneData, &settings, 200, br#"{"t":"x"}"#).unwrap().life.as_secs(), 9);
    }
}
