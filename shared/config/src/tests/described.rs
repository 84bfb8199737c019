//! Partners that a configuration describes.

use std::time::Duration;

use partners::Verdict;
use partners::answer::answer;

use super::*;

/// A file of partners.
pub(super) const FILE: &str = r#"
[[partners]]
id = "acme"

[partners.push.answers]
accepted = { body = '{"ok":true}' }
unavailable = { body = '{"ok":false,"why":"{message}"}' }

[[partners.push.actions]]
name = "status"
keys = [{ kind = "bl", at = "/bill" }]
example = '{"bill":"B1"}'
"#;

/// A sound partner, with a connection of it.
pub(super) const PARTNER: &str = r#"
[[partners]]
id = "acme"
credentials = ["secret"]
[partners.push]
deadline = "1s"
[partners.push.verify]
parts = ["body"]
hash = "hmac-sha256"
key = { credential = "secret" }
signature = { header = "x-signature" }
[partners.push.answers]
accepted = { status = 200, body = '{"ok":true}' }
unavailable = { status = 500, body = '{"ok":false,"why":"{message}"}' }
[[partners.push.actions]]
name = "status"
suffix = "status"
when = { at = "/type", is = ["status"] }
keys = [{ kind = "bl", at = "/bill" }]
identity = { without = ["/sent"] }
milestones = { at = "/code", of = { "3" = "released" } }
example = '{"type":"status","bill":"B1","code":3,"sent":1}'

[[connections]]
id = "acme-1"
partner = "acme"
keys = ["@KEY"]
secret = "s"
"#;

pub(super) fn after(from: &str, to: &str) -> Vec<String> {
    assert!(PARTNER.contains(from), "{from}");
    mistakes(&PARTNER.replacen(from, to, 1))
}

#[test]
fn described_partner_is_known_by_its_connections() {
    let config = read(PARTNER).unwrap();
    let partner = config.connections.values().next().unwrap().partner;
    assert_eq!((partner.id(), config.partner("acme"), config.partner("none")), ("acme", Some(partner), None));
    assert_eq!((partner.deadline(), partner.budget()), (Duration::from_secs(1), Duration::from_millis(800)));
    let types = partner.profile().pushes.unwrap().types;
    assert_eq!(types, ["acme.status", "acme.unknown", "acme.malformed"]);
    assert_eq!(partner.profile().pushes.unwrap().subjects, ["bl"]);
}

#[test]
fn verdict_without_an_answer_gets_the_negative_one() {
    let partner = read(PARTNER).unwrap().partner("acme").unwrap();
    let of = |verdict| answer(partner, verdict, "a\"b");
    assert_eq!((of(Verdict::Duplicate).status, of(Verdict::Duplicate).body.as_str()), (200, r#"{"ok":true}"#));
    for (verdict, status) in [
        (Verdict::Malformed, 400),
        (Verdict::Unauthorized, 404),
        (Verdict::NotPost, 405),
        (Verdict::TooLarge, 413),
        (Verdict::Unavailable, 500),
    ] {
        let answer = of(verdict);
        assert_eq!((answer.status, answer.body.as_str()), (status, r#"{"ok":false,"why":"a\"b"}"#), "{verdict:?}");
    }
}

#[test]
fn usual_status_of_each_verdict_is_documented() {
    let find = |keys: &'static [crate::keys::Key], name: &str| keys.iter().find(|key| key.name == name).unwrap();
    let mut keys = crate::KEYS;
    for name in ["partners", "push", "answers"] {
        keys = find(keys, name).kind.keys();
    }
    for verdict in [
        Verdict::Accepted,
        Verdict::Malformed,
        Verdict::Unauthorized,
        Verdict::NotPost,
        Verdict::TooLarge,
        Verdict::Unavailable,
    ] {
        let key = find(keys, verdict.name());
        let shown = format!("{:?}{:?}", key.absent, key.text);
        assert!(shown.contains(&verdict.status().to_string()), "{shown}");
        let shown = format!("{:?}", find(key.kind.keys(), "status").absent);
        assert!(shown.matches(&verdict.status().to_string()).count() >= 2, "in both languages: {shown}");
    }
}

#[test]
fn file_of_partners_is_read_as_if_it_stood_there() {
    let text = "partner_files = [\"partner\"]\n[[connections]]\nid = \"a\"\npartner = \"acme\"\nkeys = [\"@KEY\"]\n";
    assert_eq!(read(text).unwrap().connections.len(), 1);
    for (file, told) in [
        ("partner with mistakes", "partner with mistakes: partners[0].push.body: must be \"json\", \"xml\" or"),
        ("no partner", "no partner: connections: is not a known key: remove it (known here: partners)"),
        ("no toml", "no toml: syntax: "),
        ("gone", "partner_files[0]: the file gone cannot be read"),
    ] {
        let told_all = mistakes(&text.replace("[\"partner\"]", &format!("[\"{file}\"]")));
        assert!(told_all.iter().any(|one| one.starts_with(told)), "{file}: {told_all:#?}");
    }
}

/// Replaced text of [`PARTNER`], its replacement, and the beginning of the mistake.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("id = \"acme\"", "id = \"Acme\"", "partners[0].id: must be 2 to 24 of the characters a-z and 0-9 (line 3)"),
    ("id = \"acme\"", "id = \"xhq\"", "partners[0].id: is a built-in partner"),
    ("id = \"acme\"", "id = \"call\"", "partners[0].id: is the beginning of the hub's own events"),
    ("[\"secret\"]", "[\"keys\"]", "partners[0].credentials[0]: is a key of every connection"),
    ("\"1s\"", "\"1ms\"", "partners[0].push.deadline: must be between 300ms and 30s (line 6)"),
    ("deadline = \"1s\"", "budget = \"9950ms\"", "partners[0].push.budget: must be between 100ms and 7s"),
    ("parts = [\"body\"]", "parts = []", "partners[0].push.verify.parts: must name at least one part (line 8)"),
    (
        "parts = [\"body\"]",
        "part = [\"body\"]",
        "partners[0].push.verify.part: is not a known key: did you mean parts?",
    ),
    (
        "\"hmac-sha256\"",
        "\"hmac_sha256\"",
        "partners[0].push.verify.hash: must be one of \"md5\", \"sha1\", \"sha256\", \"hmac-md5\", \"hmac-sha1\", \"hmac-sha256\": did you mean \"hmac-sha256\"? (line 9)",
    ),
    (
        "{ header = \"x-signature\" }",
        "{ pointer = \"/type\" }",
        "partners[0].push.verify.parts[0]: holds the signature itself, so that it cannot be signed as a whole: name what is \
         signed, such as { pointer = \"/data\" } (line 8)",
    ),
    (
        "parts = [\"body\"]",
        "parts = [\"body\", { pointer = \"/none\" }]",
        "partners[0].push.verify.parts[1]: finds nothing: actions[0].example has no value at \"/none\"; correct it, or give \
         the example as the partner sends it (line 8)",
    ),
    ("parts = [\"body\"]", "parts = [\"bdy\"]", "partners[0].push.verify.parts[0]: must be one of \"body\""),
    ("parts = [\"body\"]", "parts = [{ text = \"a\" }]", "partners[0].push.verify.parts: has nothing of the body"),
    ("parts = [\"body\"]", "parts = [\"body\", \"timestamp\"]", "partners[0].push.verify.timestamp: must be given"),
    ("parts = [\"body\"]", "parts = [{ field = \"a\" }]", "partners[0].push.verify.parts[0]: is a field of a form"),
    ("parts = [\"body\"]", "parts = [{ pointer = \"a\" }]", "partners[0].push.verify.parts[0]: must be a JSON pointer"),
    ("\"hmac-sha256\"", "\"md6\"", "partners[0].push.verify.hash: must be one of \"md5\""),
    ("\"hmac-sha256\"", "\"sha256\"", "partners[0].push.verify.key: is for hmac-md5"),
    ("key = { credential = \"secret\" }", "", "partners[0].push.verify.key: must be given"),
    (
        "{ credential = \"secret\" }",
        "{ credential = \"scret\" }",
        "partners[0].push.verify.key: names the credential scret",
    ),
    ("{ credential = \"secret\" }", "{ text = \"s\" }", "partners[0].push.verify.key: has no credential in it"),
    (
        "{ header = \"x-signature\" }",
        "{ heder = \"x\" }",
        "partners[0].push.verify.signature.heder: is not a known key",
    ),
    ("accepted = {", "acepted = {", "partners[0].push.answers.acepted: is not a known key: did you mean accepted?"),
    ("{\"ok\":true}'", "{\"ok\":true'", "partners[0].push.answers.accepted.body: is no JSON"),
    ("\"{message}\"", "{message}", "partners[0].push.answers.unavailable.body: is no JSON once the text is filled in"),
    ("{message}", "{reason}", "partners[0].push.answers.unavailable.body: has {reason}, which is no placeholder"),
    (
        "status = 500, body = '{\"ok\":false,\"why\":\"{message}\"}'",
        "status = 200, body = '{\"ok\":true}'",
        "partners[0].push.answers.unavailable: is the answer to a push that is kept",
    ),
    ("status = 500", "status = 99", "partners[0].push.answers.unavailable.status: must be between 200 and 599"),
    (
        "suffix = \"status\"",
        "suffix = \"rates\"",
        "partners[0].push.actions[0].suffix: is the end of a built-in partner's URLs",
    ),
    ("suffix = \"status\"", "suffix = \"push\"", "partners[0].push.actions[0].suffix: is the URL of all actions"),
    ("suffix = \"status\"", "suffix = \"a/b\"", "partners[0].push.actions[0].suffix: must be 1 to 64"),
    ("name = \"status\"", "name = \"unknown\"", "partners[0].push.actions[0].name: is what events are called"),
    ("at = \"/type\"", "at = \"type\"", "partners[0].push.actions[0].when.at: must be a JSON pointer"),
    (
        "kind = \"bl\"",
        "kind = \"bil\"",
        "partners[0].push.actions[0].keys[0].kind: is no kind of business key: did you mean bl?",
    ),
    ("keys = [{ kind = \"bl\", at = \"/bill\" }]", "", "partners[0].push.actions[0].keys: must be given"),
    ("at = \"/bill\"", "at = \"/\"", "partners[0].push.actions[0].keys[0].at: has a step without a name"),
    ("[\"/sent\"]", "[\"\"]", "partners[0].push.actions[0].identity.without[0]: leads to everything"),
    (
        "\"released\"",
        "\"relesed\"",
        "partners[0].push.actions[0].milestones.of.3: is no milestone: did you mean released?",
    ),
    ("example = '", "exampl = '", "partners[0].push.actions[0].exampl: is not a known key: did you mean example?"),
    ("example = '", "about = '", "partners[0].push.actions[0].example: is missing"),
    (
        "{\"type\":\"status\",\"bill\"",
        "{\"type\":\"state\",\"bill\"",
        "partners[0].push.actions[0].when.is: has not \"state\", which actions[0].example has at \"/type\": add it",
    ),
    (
        "\"bill\":\"B1\"",
        "\"bil\":\"B1\"",
        "partners[0].push.actions[0].keys[0].at: finds nothing: actions[0].example has no value at \"/bill\"",
    ),
    ("\"sent\":1}'", "\"sent\":1'", "partners[0].push.actions[0].example: is not read: the body is not JSON"),
    ("\nsecret = \"s\"", "", "connections[0].secret: is missing: the pushes of acme are checked by it"),
    (
        "\"acme\"\nkeys = [\"@KEY\"]\nsecret = \"s\"",
        "\"acme\"\nkeys = [\"@KEY\"]\nsecret = { secret = \"s\" }",
        "connections[0].secret: is in a credentials secret, and none is given",
    ),
    ("partner = \"acme\"", "partner = \"acm\"", "connections[0].partner: is not a known partner: did you mean acme?"),
];

#[test]
fn mistake_in_a_partner_is_told_with_key_and_line() {
    assert_eq!(mistakes(PARTNER), Vec::<String>::new());
    for (from, to, told) in MISTAKES {
        let all = after(from, to);
        assert!(all.iter().any(|one| one.starts_with(told)), "{to}: {all:#?}");
        assert!(all.iter().all(|one| one.contains("(line ")), "{to}: {all:#?}");
    }
}

/// Webhooks do not read the credentials secret, so that they could check no signature by what is in it.
#[test]
fn credential_of_a_signature_is_not_kept_apart() {
    let text = PARTNER.replace("@KEY", KEY).replace("\nsecret = \"s\"", "\nsecret = { secret = \"s\" }");
    let read = BTreeMap::from([("s".to_owned(), hub::Secret::new("v".to_owned()))]);
    for credentials in [Credentials::Unread, Credentials::Read(read)] {
        let mistakes = Config::parse_with(&text, &Sources { credentials, ..sources() }).unwrap_err();
        assert!(mistakes[0].to_string().starts_with("connections[0].secret: cannot be in the credentials secret"));
    }
}

/// Regression: each of these was followed by mistakes of whatever named the partner, its credentials or its keys.
#[test]
fn mistake_is_told_without_those_that_follow_from_it() {
    let endpoint = "[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"@WHSEC\"]\ntypes = [\"acme.status\"]\n";
    let watch = "[[watches]]\nconnection = \"acme-1\"\ntypes = [\"acme.status\"]\nsilence = \"1h\"\n";
    let text = format!("{PARTNER}{endpoint}{watch}");
    assert_eq!(mistakes(&text), Vec::<String>::new());
    for (from, to, told) in [
        ("id = \"acme\"", "id = \"Acme\"", "partners[0].id: must be 2 to 24"),
        ("id = \"acme\"", "", "partners[0].id: is missing"),
        ("id = \"acme\"", "idd = \"acme\"", "partners[0].idd: is not a known key: did you mean id?"),
        ("[\"secret\"]", "[\"Secret\"]", "partners[0].credentials[0]: must be of the characters"),
        ("parts = [", "part = [", "partners[0].push.verify.part: is not a known key"),
        ("id = \"acme\"\n", "id = \"acme\"\nproduction = \"ftp://a\"\n", "partners[0].production: "),
        (
            "partner = \"acme\"",
            "partner = \"acm\"",
            "connections[0].partner: is not a known partner: did you mean acme?",
        ),
        ("partner = \"acme\"", "partner = \"other\"", "connections[0].partner: must be one of"),
    ] {
        assert!(text.contains(from), "{from}");
        let all = mistakes(&text.replacen(from, to, 1));
        assert!(all.len() == 1 && all[0].starts_with(told), "{to}: {all:#?}");
    }
    let own = format!(
        "[[connections]]\nid = \"acme-1\"\npartner = \"acme\"\nkeys = [\"@KEY\"]\nsecret = \"s\"\n{endpoint}{watch}"
    );
    for (file, told) in [("gone", "partner_files[0]: the file gone cannot be read"), ("no toml", "no toml: syntax: ")] {
        let all = mistakes(&format!("partner_files = [\"{file}\"]\n{own}"));
        assert!(all.len() == 1 && all[0].starts_with(told), "{file}: {all:#?}");
    }
}

/// A mistake of a partner is told once, and not at its connections and endpoints again.
#[test]
fn connection_of_a_mistaken_partner_is_no_mistake() {
    let endpoint = "[[endpoints]]\nid = \"erp\"\nurl = \"https://erp.example.com/\"\nsecrets = [\"@WHSEC\"]\ntypes = [\"acme.status\"]\n";
    let text = format!("{}{endpoint}", PARTNER.replace("\"1s\"", "\"1ms\""));
    assert_eq!(mistakes(&text).len(), 1, "{:#?}", mistakes(&text));
    assert!(read(&format!("{PARTNER}{endpoint}")).unwrap().noted.is_empty());
}
