mod answers;
mod recipes;
mod rows;
mod sending;
mod signing;

use super::*;
use crate::{Json, yanwen};
use crate::{onedata, recipe};

/// Every credential of every partner, each told from the others.
fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "app_id" => "APP-\"1\"",
        "bgh_id" => "BGH-2",
        "user_id" => "99000015",
        "api_token" => "E33A3973221DB08128F8FF436EFDB8F4",
        "company_code" => "COMPANY-3",
        "secret" => "hunter2&",
        "app_key" => "AK",
        "app_secret" => "s3cret",
        _ => return None,
    })
}

fn attempt(settings: &Settings) -> Attempt<'_> {
    Attempt {
        settings,
        credentials: &|name| known(name),
        token: Some("t0"),
        now_ms: 1_700_000_000_000,
        nonce: "n0",
        boundary: "b0",
        file: None,
    }
}

/// Settings that leave no operation without what its document lost.
fn settings() -> Settings {
    Settings {
        paths: [("unfreeze", "batchThaw"), ("subscribe", "/api/customs/subscription")]
            .map(|(name, path)| (name.to_owned(), path.to_owned()))
            .into(),
        signature: Some(toml::from_str("parts = [\"body\"]\nhash = \"md5\"").unwrap()),
        ..Settings::default()
    }
}

fn row(name: &str) -> Operation<'_> {
    Partner::ALL.into_iter().find_map(|partner| find(partner, name)).unwrap()
}

fn faults(name: &str, body: &str) -> Vec<String> {
    let json = Json::parse(body.as_bytes()).unwrap();
    check(&row(name), &json).into_iter().map(|fault| fault.field).collect()
}

fn send_by(name: &str, body: &str, attempt: &Attempt<'_>) -> Result<Prepared, Vec<Fault>> {
    prepare(&row(name), &Json::parse(body.as_bytes()).unwrap(), attempt)
}

fn send(name: &str, body: &str) -> Prepared {
    send_by(name, body, &attempt(&settings())).unwrap()
}

fn text(prepared: &Prepared) -> &str {
    std::str::from_utf8(&prepared.body).unwrap()
}

fn value<'p>(pairs: &'p [Pair], name: &str) -> &'p str {
    &pairs.iter().find(|pair| pair.name == name).unwrap().value
}
