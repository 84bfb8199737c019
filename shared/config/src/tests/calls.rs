//! Settings of the calls to a connection's partner.

use std::time::Duration;

use hub::schedule::Schedule;
use partners::operation::{Encoding, Settings};

use super::*;
use crate::{Connection, Rate};

/// A signature's recipe that is sound and needs no token.
const SIGNATURE: &str = "[connections.signature]\nparts = [\"nonce\", { credential = \"app_secret\" }, \"body\"]\nhash = \"md5\"\n\
                         send = [{ part = \"signature\", header = \"sign\" }]\n";

/// A connection to a partner, and more lines of it.
fn connection(partner: &str, more: &str) -> String {
    let keys = if partner == "yanwen" { "" } else { "keys = [\"@KEY\"]\n" };
    format!("[[connections]]\nid = \"c\"\npartner = \"{partner}\"\n{keys}{more}\n")
}

fn only(text: &str) -> Connection {
    let config = read(text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"));
    config.connections.into_values().next().unwrap()
}

fn warnings(text: &str) -> Vec<String> {
    let of_connection = |warning: &String| warning.contains("connection c ");
    read(text).unwrap().warnings().into_iter().filter(of_connection).collect()
}

#[test]
fn defaults_are_as_documented() {
    let connection = only(&with("", ""));
    assert_eq!((connection.timeout, connection.concurrency), (Duration::from_secs(15), 8));
    assert_eq!((connection.schedule, connection.rate), (Schedule::default(), None));
    assert!(!connection.allow_private && !connection.allow_private_files);
    assert_eq!(connection.settings, Settings::default());
    let often = only(&format!("sweep_every = \"20s\"\n{}", with("", "")));
    assert_eq!(often.timeout, Duration::from_secs(10), "a claim outlives its attempt");
}

#[test]
fn everything_that_is_given_is_taken() {
    let config = read(FULL).unwrap();
    let xhq = &config.connections[&"xhq-sh".into()];
    assert_eq!((xhq.timeout, xhq.concurrency), (Duration::from_secs(20), 1024));
    assert_eq!(xhq.schedule, Schedule::new(vec![Duration::from_secs(1)]));
    assert_eq!(xhq.rate, Some(Rate { calls: 10_000, per: Duration::from_hours(24) }));
    assert!(xhq.allow_private && xhq.allow_private_files);
    let settings = &xhq.settings;
    assert_eq!(settings.paths["unfreeze"], "unfreeze");
    assert_eq!((settings.encodings["package"], settings.encodings["sendMsg"]), (Encoding::Multipart, Encoding::Form));
    assert_eq!((settings.file_part.as_str(), settings.base64_field.as_deref()), ("upload", Some("content")));
    let rates = &config.connections[&"rates".into()];
    assert_eq!(rates.settings.credentials(), ["app_key", "app_secret"]);
    assert_eq!(rates.credentials.len(), 2, "a recipe is no credential");
}

/// Each alone makes exactly this mistake, in this line of the connection.
#[test]
fn each_rule_has_its_mistake() {
    let cases = [
        ("xhq", "timeout = \"26s\"", "timeout: must be between 1ms and 25s (line 5)"),
        (
            "xhq",
            "timeout = \"20s\"",
            "timeout: must be at most half of sweep_every (30s): lower it, or raise that to 40s (line 5)",
        ),
        ("xhq", "concurrency = 0", "concurrency: must be between 1 and 1024 (line 5)"),
        ("xhq", "retry = [\"0s\"]", "retry[0]: must be between 1ms and 7d (line 5)"),
        ("xhq", "rate = 10", "rate: must be a table such as { calls = 10, per = \"1s\" }, not an integer (line 5)"),
        ("xhq", "rate = { calls = 10 }", "rate.per: is missing: add per = \"1s\" (line 5)"),
        ("xhq", "rate = { calls = 0, per = \"1s\" }", "rate.calls: must be between 1 and 10000 (line 5)"),
        ("xhq", "rate = { calls = 1, per = \"99ms\" }", "rate.per: must be between 100ms and 1d (line 5)"),
        ("xhq", "rate = { call = 1, per = \"1s\" }", "rate.call: is not a known key: did you mean calls? (line 5)"),
        ("xhq", "allow_private = 1", "allow_private: must be true or false, not an integer (line 5)"),
        ("xhq", "allow_private_files = 1", "allow_private_files: must be true or false, not an integer (line 5)"),
        ("xhq", "paths = { unfreeze = 1 }", "paths.unfreeze: must be a text in quotes, not an integer (line 5)"),
        ("xhq", "paths = { unfreeze = \"/a?b\" }", "paths.unfreeze: must be a path behind the base URL"),
        ("xhq", "[connections.paths]\nfreeze = \"a\"", "paths.freeze: xhq has no operation whose path"),
        ("xhq", "[connections.paths]\n\nfreeze = \"a\"", "(line 7)"),
        ("xhq", "encodings = { package = \"xml\" }", "encodings.package: must be \"json\", \"form\" or \"multipart\""),
        ("xhq", "encodings.upload2 = \"form\"", "encodings.upload2: is not an operation whose encoding is open"),
        ("yanwen", "encodings = { \"s3.mawb.create\" = \"form\" }", "encodings.s3.mawb.create: is not an operation"),
        ("xhq", "file_part = \"\"", "file_part: must not be empty (line 5)"),
        ("xhq", "base64_field = 1", "base64_field: must be a text in quotes, not an integer (line 5)"),
        ("xhq", "filepart = \"x\"", "filepart: is not a known key: did you mean file_part? (line 5)"),
        ("trackingeyes", "subscribe = \"/x\"", "subscribe: is not a known key: remove it"),
        ("onedata", "token = \"t\"", "token: must be a table that is a recipe (a credential needs another name)"),
    ];
    for (partner, more, mistake) in cases {
        let found = mistakes(&connection(partner, more));
        let told = found.iter().any(|found| found.contains(mistake));
        assert!(told && found.iter().all(|found| found.starts_with("connections[0].")), "{more}\n{found:#?}");
        assert_eq!(found.len(), 1, "{more}\n{found:#?}");
    }
}

/// Each mistake of a recipe is reported at the part of it that is wrong.
#[test]
fn each_part_of_a_recipe_has_its_mistake() {
    let good = format!("app_secret = \"s\"\n{SIGNATURE}");
    assert_eq!(mistakes(&connection("onedata", &good)), Vec::<String>::new());
    let cases = [
        ("hash = \"md5\"", "", "signature.hash: is missing (line 6)"),
        (
            "\"md5\"",
            "\"md4\"",
            "signature.hash: must be one of \"md5\", \"sha1\", \"sha256\", \"hmac-md5\", \"hmac-sha1\", \"hmac-sha256\": did you mean \"md5\"? (line 8)",
        ),
        ("\"nonce\"", "\"once\"", "signature.parts[0]: must be one of \"nonce\", \"timestamp\", \"token\""),
        ("\"nonce\"", "5", "signature.parts[0]: must be a text or a table (line 7)"),
        ("\"nonce\"", "\"text\"", "signature.parts[0]: must be a table such as { credential = \"name\" }"),
        ("\"nonce\"", "{ txt = \"a\" }", "signature.parts[0].txt: must be one of \"nonce\""),
        ("hash =", "separtor = 1\nhash =", "signature.separtor: is not a known key: did you mean separator? (line 8)"),
        ("\"nonce\"", "{}", "signature.parts[0]: must be a table with exactly one key (line 7)"),
        ("hash =", "salt = 1\nhash =", "signature.salt: is not a known key: remove it (known here: parts, separator,"),
        ("part =", "prat =", "signature.send[0].prat: is not a known key: did you mean part? (line 9)"),
        ("header", "hader", "signature.send[0].hader: is not a known key: did you mean header? (line 9)"),
        (", header = \"sign\"", "", "signature.send[0]: must have one place: a header, a query or a field (line 9)"),
        ("\"sign\"", "\"a b\"", "signature.send[0]: must be the name of a header (line 9)"),
        (
            "hash =",
            "key = \"nonce\"\nhash =",
            "signature.key: is for hmac-md5, hmac-sha1 and hmac-sha256: remove it (line 8)",
        ),
        ("\"nonce\"", "\"token\"", "token: must be given: the signature's recipe has a token in it (line 1)"),
        ("app_secret = \"s\"", "", "app_secret: is missing: a recipe names this credential (line 1)"),
        ("\"nonce\"", "{ credential = \"app_key\" }", "app_key: is missing: a recipe names this credential (line 1)"),
        ("\"nonce\"", "{ credential = \"timeout\" }", "timeout: is no credential, but a recipe names it as one"),
    ];
    for (part, by, mistake) in cases {
        let text = connection("onedata", &good.replacen(part, by, 1));
        let found = mistakes(&text);
        let mistake = format!("connections[0].{mistake}");
        assert!(found.len() == 1 && found[0].contains(&mistake), "{text}\n{found:#?}");
    }
    let token = "[connections.token]\npath = \"/t\"\ntoken = \"/t\"\n";
    assert_eq!(
        mistakes(&connection("onedata", token)),
        ["connections[0].token.life: must be given, or life_seconds: a token is refreshed ahead of its end (line 5)"]
    );
    // Two recipes with a mistake each make two mistakes, and none that follows from them.
    let both =
        format!("{}{token}life_seconds = \"1h\"\n", good.replace("\"md5\"", "5").replace("\"nonce\"", "\"token\""));
    let found = mistakes(&connection("onedata", &both));
    assert!(found.len() == 2 && found[0].contains("signature.hash") && found[1].contains("life_seconds"), "{found:#?}");
    let unread = format!("{}{token}life_seconds = \"1h\"\n", good.replace("\"nonce\"", "\"token\""));
    let found = mistakes(&connection("onedata", &unread));
    assert!(found.len() == 1 && found[0].contains("token.life_seconds: must be"), "{found:#?}");
    let apart = format!("timeout = \"1d\"\n{SIGNATURE}");
    assert_eq!(mistakes(&connection("onedata", &apart)).len(), 2, "one mistake hides no other");
    for partner in ["xhq", "trackingeyes", "yanwen"] {
        let found = mistakes(&connection(partner, SIGNATURE));
        assert!(
            found[0].contains(&format!("signature: is 1datatech's alone: {partner} documents its own")),
            "{found:#?}"
        );
    }
}

#[test]
fn a_recipe_repeats_no_secret() {
    let good = format!("app_secret = \"hunter2\"\n{SIGNATURE}");
    for (part, by) in [
        ("\"nonce\"", "\"hunter2\""),
        ("\"nonce\"", "{ credential = [\"hunter2, expected \"] }"),
        ("\"nonce\"", "{ text = { env = \"hunter2\" } }"),
        ("\"md5\"", "\"hunter2\""),
        ("\"md5\"", "[\"hunter2\"]"),
        ("parts =", "separator = [\"hunter2\"]\nparts ="),
        ("\"signature\"", "\"hunter2\""),
        ("\"sign\"", "\"hunter2 \""),
    ] {
        let found = read(&connection("onedata", &good.replacen(part, by, 1))).unwrap_err();
        assert!(!format!("{found:?}").contains("hunter2"), "{by}\n{found:#?}");
    }
    for more in ["token = \"hunter2\"", "paths = { subscribe = \"hunter2 ?\" }", "base64_field = [\"hunter2\"]"] {
        let found = read(&connection("onedata", more)).unwrap_err();
        assert!(!format!("{found:?}").contains("hunter2"), "{more}\n{found:#?}");
    }
    let printed = format!("{:?}", only(&connection("onedata", &good)));
    assert!(printed.contains("app_secret") && !printed.contains("hunter2"), "{printed}");
}

#[test]
fn a_credential_may_be_named_freely_but_for_the_keys_there_are() {
    let free = only(&connection("onedata", "access_token = \"t\"\napp_sign = \"s\""));
    assert_eq!(free.credentials.keys().collect::<Vec<_>>(), ["access_token", "app_sign"]);
    // Settings of calls may be missing: such a connection only receives, and its TLS settings do not matter.
    for (partner, lacking) in [
        ("trackingeyes", "no company_code and no secret: none of trackingeyes's operations can be called"),
        ("onedata", "no signature recipe: it receives, but onedata cannot be called"),
        ("yanwen", "no api_token and no user_id: none of yanwen's operations can be called"),
    ] {
        let told = warnings(&connection(partner, "base_url = \"http://example.com\""));
        assert_eq!(told, [format!("connection c has {lacking}")]);
    }
}

#[test]
fn risky_settings_give_warnings() {
    let warned = |partner: &str, more: &str, parts: &[&str]| {
        let credentials = if partner == "xhq" { "app_id = \"app\"\nbgh_id = \"b\"\n" } else { "" };
        let warnings = warnings(&connection(partner, &format!("{credentials}{more}")));
        let told = warnings.iter().zip(parts).all(|(warning, part)| warning.contains(part));
        assert!(warnings.len() == parts.len() && told, "{partner} {more}\n{warnings:#?}");
    };
    let open = "connection c calls http://api.platform.codeflagai.com without TLS";
    warned("xhq", "", &[open]);
    // Some of XHQ's operations need no credential.
    let bare = warnings(&connection("xhq", ""));
    assert!(bare.len() == 2 && bare[1].contains(open), "{bare:#?}");
    warned("xhq", "base_url = \"https://example.com\"", &[]);
    warned("yanwen", "user_id = \"1\"\napi_token = \"t\"\nbase_url = \"http://example.com\"", &["without TLS"]);
    let signed = format!("base_url = \"http://example.com\"\napp_secret = \"s\"\n{SIGNATURE}");
    warned("onedata", &signed, &["without TLS"]);
    for private in ["localhost", "10.1.2.3", "[::1]", "169.254.169.254"] {
        let at_home = format!("base_url = \"https://{private}/\"\n");
        warned("xhq", &at_home, &["every call fails: set allow_private = true"]);
        warned("xhq", &format!("{at_home}allow_private = true"), &[]);
    }
    let anywhere = "base_url = \"https://example.com\"\nallow_private = true";
    warned("xhq", anywhere, &["at private and loopback addresses (allow_private)"]);
    let files = "base_url = \"https://example.com\"\nallow_private_files = true";
    warned("xhq", files, &["(allow_private_files)"]);
}

/// The example says what its keys do; with every line of it that is switched off switched on, it is still sound.
#[test]
fn the_example_is_sound() {
    let example = include_str!("../../../../examples/tongguan.toml");
    let mut switched_on = 0;
    let lines = example.lines().map(|line| {
        let setting = line.strip_prefix("# ").filter(|rest| {
            let key = rest.split_once(" = ").map_or("", |(key, _)| key);
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            rest.starts_with('[') || (!key.is_empty() && key.bytes().all(plain))
        });
        switched_on += u32::from(setting.is_some());
        setting.unwrap_or(line)
    });
    let whole = lines.collect::<Vec<_>>().join("\n");
    assert!(switched_on > 10, "{switched_on}");
    Config::parse(example).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let config = Config::parse(&whole).unwrap_or_else(|mistakes| panic!("{whole}\n{mistakes:#?}"));
    let settings = |id: &str| &config.connections[&id.into()].settings;
    assert!(settings("xhq-sh").paths.contains_key("unfreeze") && settings("xhq-sh").base64_field.is_some());
    assert!(settings("onedata").token.is_some() && settings("onedata").signature.is_some());
    assert!(config.inbox.is_some() && config.connections.values().any(|connection| connection.rate.is_some()));
}
