//! Values in the credentials secret: looked up, left unread, or not there.

use super::super::Connection;
use super::*;

const DOCUMENT: &str = r#"
[[connections]]
id = "xhq-sh"
partner = "xhq"
keys = ["@KEY"]
app_id = { secret = "xhq-app-id" }
bgh_id = "b"

[[connections]]
id = "rates"
partner = "onedata"
keys = ["@OTHER"]
app_secret = { secret = "rates-secret" }

[[endpoints]]
id = "erp"
url = "https://erp.example.com/events"
secrets = ["@WHSEC2", { secret = "erp-whsec" }]
"#;

const VALUES: &str = r#"{"xhq-app-id": " 4711\n", "rates-secret": "s3", "erp-whsec": "@WHSEC", "unused": "u"}"#;

fn given(text: &str, credentials: Credentials) -> Result<Config, Vec<String>> {
    let filled = |text: &str| {
        let text = text.replace("@KEY", KEY).replace("@OTHER", OTHER_KEY);
        text.replace("@WHSEC2", OTHER_WHSEC).replace("@WHSEC", WHSEC)
    };
    let credentials = match credentials {
        Credentials::Read(values) => {
            let filled = |value: hub::Secret| hub::Secret::new(filled(value.expose()));
            Credentials::Read(values.into_iter().map(|(name, value)| (name, filled(value))).collect())
        }
        other @ (Credentials::Absent | Credentials::Unread) => other,
    };
    Config::parse_with(&filled(text), &Sources { credentials, ..sources() })
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn values(text: &str) -> Credentials {
    Credentials::parse(text).unwrap()
}

fn connection(config: &Config, id: &str) -> Connection {
    config.connections[&id.into()].clone()
}

#[test]
fn named_credentials_are_looked_up() {
    let config = given(DOCUMENT, values(VALUES)).unwrap();
    let xhq = connection(&config, "xhq-sh");
    assert!(xhq.credentials["app_id"].matches("4711") && xhq.credentials["bgh_id"].matches("b"));
    assert!(connection(&config, "rates").credentials["app_secret"].matches("s3"));
    let keys = config.endpoints[&"erp".into()].keys.clone().unwrap();
    assert_eq!(keys.iter().map(hub::signature::SigningKey::expose).collect::<Vec<_>>(), [OTHER_WHSEC, WHSEC]);
    assert!(config.unread().is_empty() && xhq.unread.is_empty());
}

#[test]
fn unread_credentials_count_as_given_and_have_no_value() {
    let config = given(DOCUMENT, Credentials::Unread).unwrap();
    let xhq = connection(&config, "xhq-sh");
    assert_eq!(xhq.credentials.keys().collect::<Vec<_>>(), ["bgh_id"]);
    assert_eq!(config.endpoints[&"erp".into()].keys.as_ref().map(Vec::len), None, "one of two is no set of keys");
    let unread = ["app_secret of connection rates", "app_id of connection xhq-sh", "secrets of endpoint erp"];
    assert_eq!(config.unread(), unread);
    let warnings = config.warnings();
    assert!(!warnings.iter().any(|warning| warning.contains("has no app_id")), "{warnings:#?}");
}

#[test]
fn a_value_that_cannot_be_looked_up_is_a_mistake_with_its_line() {
    let absent = given(DOCUMENT, Credentials::Absent).unwrap_err();
    assert_eq!(absent.len(), 3);
    assert!(
        absent[0].starts_with("connections[0].app_id: is in a credentials secret, and none is given"),
        "{absent:?}"
    );
    assert!(absent[0].ends_with("(line 6)") && absent[0].contains("on AWS set"), "{absent:?}");
    for (text, told) in [
        ("{}", "the value xhq-app-id of the credentials secret is not there: put it in (line 6)"),
        (r#"{"xhq-appid": "1"}"#, "is not there: did you mean xhq-appid? (line 6)"),
        (r#"{"xhq-app-id": " \n"}"#, "the value xhq-app-id of the credentials secret is empty"),
        (r#"{"xhq-app-id": "hunter2\n2"}"#, "holds a line break as its character 8: set it to the secret alone"),
    ] {
        let mistakes = given(DOCUMENT, values(text)).unwrap_err();
        assert!(mistakes[0].starts_with("connections[0].app_id: ") && mistakes[0].contains(told), "{mistakes:?}");
        assert!(!mistakes.concat().contains("hunter"), "{mistakes:?}");
    }
    let bad = VALUES.replace("@WHSEC", "whsec_short");
    let mistakes = given(DOCUMENT, values(&bad)).unwrap_err();
    assert!(mistakes[0].starts_with("endpoints[0].secrets[1]: must be \"whsec_\""), "{mistakes:?}");
}

#[test]
fn keys_that_functions_check_cannot_be_kept_apart() {
    let text = DOCUMENT.replace("\"@KEY\"", "{ secret = \"key\" }")
        + "[[api_keys]]\nid = \"erp\"\nkey = { secret = \"key\" }\n";
    for credentials in [values(&VALUES.replace("unused", "key")), Credentials::Unread] {
        let mistakes = given(&text, credentials).unwrap_err();
        assert_eq!(mistakes.len(), 2);
        for (mistake, key) in mistakes.iter().zip(["connections[0].keys[0]", "api_keys[0].key"]) {
            assert!(mistake.starts_with(&format!("{key}: cannot be in the credentials secret")), "{mistake}");
        }
    }
}

#[test]
fn credentials_outside_their_secret_give_one_warning() {
    let warned = |text: &str, credentials| {
        let warnings = given(text, credentials).unwrap().warnings();
        warnings.into_iter().filter(|warning| warning.contains("every webhook reads")).collect::<Vec<_>>()
    };
    let expected =
        "connections[0].bgh_id: stands in the document, which every webhook reads, as does 1 more credential";
    for credentials in [values(VALUES), Credentials::Unread] {
        let warnings = warned(DOCUMENT, credentials);
        assert!(warnings.len() == 1 && warnings[0].starts_with(expected), "{warnings:?}");
    }
    let whole = "[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"@WHSEC\"]\n";
    assert_eq!(warned(whole, values("{}")).len(), 1, "there is a place for it");
    assert!(warned(whole, Credentials::Absent).is_empty() && warned(whole, Credentials::Unread).is_empty());
    let apart = DOCUMENT.replace("\"b\"", "{ env = \"GOOD\" }").replace("\"@WHSEC2\", ", "");
    assert!(warned(&apart, values(VALUES)).is_empty());
}
