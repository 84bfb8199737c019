//! The document without its secrets.

use serde_json::{Value, json};

use super::*;
use crate::{KEYS, Key, Kind, Shown};

fn shown(text: &str) -> Shown {
    read(text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}")).shown
}

/// The keys of the document with every key, each with its value as shown and whether the list says that it is a secret.
fn listed(keys: &'static [Key], tables: &[&Value], found: &mut Vec<(&'static str, Value, bool)>) {
    for key in keys {
        let values: Vec<_> = tables.iter().filter_map(|table| table.get(key.name)).collect();
        let below: Vec<_> =
            values.iter().flat_map(|value| value.as_array().map_or(vec![*value], |all| all.iter().collect())).collect();
        match key.kind {
            Kind::Table(keys) | Kind::Tables(keys) => listed(keys, &below, found),
            Kind::Credentials | Kind::Each(_) => {}
            Kind::Plain | Kind::Integer(_) | Kind::Duration(_) => {
                found.extend(values.into_iter().map(|value| (key.name, value.clone(), key.is_secret)));
            }
        }
    }
}

/// The reader and the list agree on what a secret is, and nothing of one is left.
#[test]
fn each_secret_of_the_list_is_hidden_and_nothing_else() {
    let file = shown(FULL).file;
    let mut found = Vec::new();
    listed(KEYS, &[&file], &mut found);
    assert!(found.len() > 40, "{found:?}");
    for (name, value, is_secret) in found {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        assert_eq!(
            !values.is_empty() && values.iter().all(|value| value == "[REDACTED]"),
            is_secret,
            "{name}: {value}"
        );
    }
    let connections = file["connections"].as_array().unwrap();
    for (at, name) in [
        (0, "app_id"),
        (0, "bgh_id"),
        (1, "company_code"),
        (1, "secret"),
        (2, "app_secret"),
        (2, "app_key"),
        (3, "user_id"),
        (3, "api_token"),
    ] {
        assert_eq!(connections[at][name], "[REDACTED]", "{name}");
    }
    let text = file.to_string();
    for secret in [KEY, OTHER_KEY, WHSEC, OTHER_WHSEC, "GOOD", "s3\""] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

/// Some receivers keep a token there.
#[test]
fn address_is_shown_without_its_path() {
    let file = shown(FULL).file;
    assert_eq!(file["endpoints"][0]["url"], "http://127.0.0.1:9000/[REDACTED]");
    assert_eq!(file["endpoints"][1]["url"], "https://erp.example.com/");
    assert_eq!(file["connections"][2]["base_url"], "http://127.0.0.1:9100/[REDACTED]");
    let file = shown(&with("", "").replace("/events", "/?key=hunter2")).file;
    assert_eq!(file["endpoints"][0]["url"], "https://erp.example.com/[REDACTED]");
}

#[test]
fn other_values_are_shown_as_they_stand() {
    let file = shown(FULL).file;
    assert_eq!(
        (&file["listen"], &file["retention_days"], &file["system_roots"]),
        (&json!("[::1]:9000"), &json!(30), &json!(true))
    );
    assert_eq!(file["server"]["connections"], 2048);
    let xhq = &file["connections"][0];
    assert_eq!((&xhq["retention_days"], &xhq["rate"]), (&json!(16), &json!({"calls": 10_000, "per": "1d"})));
    assert_eq!(xhq["paths"], json!({"unfreeze": "unfreeze"}));
    assert_eq!(file["connections"][2]["token"]["body"], json!({"appKey": {"credential": "app_key"}}));
    assert_eq!(file["api_keys"][0]["role"], "operator");
}

#[test]
fn change_is_told_by_the_names_of_its_keys() {
    let text = with("app_id = \"a\"", "timeout = \"5s\"");
    let before = shown(&text);
    let changed = |text: &str| {
        let after = shown(text);
        (after.changed_since(before.keys()), after.version() != before.version(), after.digest() != before.digest())
    };
    assert_eq!(changed(&text), (vec![], false, false));
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    // A secret is another one, and the document as it is shown is the same.
    assert_eq!(changed(&text.replace("\"a\"", "\"b\"")), (of(&["connections.xhq-sh.app_id"]), false, true));
    assert_eq!(changed(&text.replace("@WHSEC", "@WHSEC2")), (of(&["endpoints.erp.secrets"]), false, true));
    assert_eq!(changed(&text.replace("/events", "/other")), (of(&["endpoints.erp.url"]), false, true));
    assert_eq!(changed(&text.replace("5s", "6s")), (of(&["endpoints.erp.timeout"]), true, true));
    let (renamed, ..) = changed(&text.replace("xhq-sh", "xhq-bj"));
    assert_eq!(renamed.len(), 8, "{renamed:?}");
    assert!(
        renamed.contains(&"connections.xhq-bj.keys".to_owned())
            && renamed.contains(&"connections.xhq-sh.keys".to_owned())
    );
    // The order of tables says nothing.
    let (first, second) = text.split_once("[[endpoints]]").unwrap();
    assert_eq!(changed(&format!("[[endpoints]]{second}\n{first}")).0, of(&[]));
}

/// Regression: a changed file of partners was no change.
#[test]
fn changed_file_of_partners_is_a_changed_configuration() {
    let shown = |partner: &str| {
        let bytes = partner.as_bytes().to_vec();
        let read = |_: &std::path::Path| Ok(bytes.clone());
        let sources = Sources { file: Box::new(read), ..Sources::system() };
        let text = "partner_files = [\"acme.toml\"]\n";
        Config::parse_with(text, &sources).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).shown
    };
    let text = "[[partners]]\nid = \"acme\"\nabout = \"one\"\n";
    let (before, same) = (shown(text), shown(&format!("# A comment.\n{text}")));
    assert_eq!((same.version(), same.digest()), (before.version(), before.digest()));
    let after = shown(&text.replace("one", "two"));
    assert_eq!(after.changed_since(before.keys()), ["partner_files.acme.toml"]);
    assert!(after.version() != before.version() && after.digest() != before.digest());
}

/// More of it would help to guess a weak secret.
#[test]
fn digest_of_a_secret_is_short() {
    let digests = |n: u32| shown(&with(&format!("app_id = \"{n}\""), "")).keys()["connections.xhq-sh.app_id"].clone();
    let different: std::collections::BTreeSet<_> = (0..600).map(digests).collect();
    assert!(different.len() > 590, "{}", different.len());
}
