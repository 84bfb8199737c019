//! The examples of described partners: what is found by them before any push comes.

use super::described::{PARTNER, after};
use super::*;

/// Regression: a place that leads nowhere was found out by the first push, whose event lacked its time, milestone or key.
#[test]
fn place_that_no_example_has_is_told() {
    let action = "partners[0].push.actions[0]";
    for (from, to, key) in [
        (
            "identity = { without = [\"/sent\"] }",
            "identity = { without = [\"/snt\"] }",
            "identity.without[0]: finds nothing",
        ),
        (
            "milestones = { at = \"/code\"",
            "milestones = { at = \"/cod\"",
            "milestones.at: finds nothing: no example of its action has a code at \"/cod\"",
        ),
        (
            "{ at = \"/code\", of",
            "{ each = \"/rows\", at = \"/code\", of",
            "milestones.each: finds nothing: no example of its action has a row",
        ),
        (
            "{ at = \"/code\", of",
            "{ each = \"\", at = \"/code\", time = \"/when\", of",
            "milestones.time: finds nothing",
        ),
        ("{ at = \"/code\", of", "{ each = \"\", at = \"/code\", per = \"/of\", of", "milestones.per: finds nothing"),
        (
            "identity =",
            "occurred = [\"/never\"]\nidentity =",
            "occurred[0]: finds nothing: no example of its action has a time at \"/never\"",
        ),
        (
            "identity =",
            "occurred = [\"/type\"]\nidentity =",
            "occurred[0]: finds \"status\", which is no time that is read",
        ),
        (
            "identity =",
            "each = \"/rows\"\nidentity =",
            "each: finds nothing: no example of its action has an array or an object at \"/rows\"",
        ),
        ("at = \"/type\"", "at = \"/typ\"", "when.at: finds nothing: actions[0].example has no value at \"/typ\""),
        ("\"bill\":\"B1\"", "\"bill\":\"B1\",\"data\":\"{\\\"t\\\":1}\"", ""),
    ] {
        let all = after(from, to);
        let told = format!("{action}.{key}");
        if key.is_empty() {
            assert_eq!(all, Vec::<String>::new());
        } else {
            assert!(all.len() == 1 && all[0].starts_with(&told) && all[0].contains("(line "), "{to}: {all:#?}");
        }
    }
    let in_text = PARTNER.replace("\"sent\":1", "\"data\":\"{\\\"t\\\":1}\"").replace("[\"/sent\"]", "[\"/data/t\"]");
    assert!(
        mistakes(&in_text)[0].starts_with(&format!("{action}.identity.without[0]: leads into a text that is JSON"))
    );
}

/// A document may call a part optional that its examples lack, so it is told and taken.
#[test]
fn place_beside_one_that_is_found_is_warned_of() {
    for (from, to, key) in [
        ("\"/bill\" }", "\"/bill\" }, { kind = \"entry\", at = \"/entry\" }", "keys[1].at: finds nothing"),
        ("[\"/sent\"]", "[\"/sent\", \"/at\"]", "identity.without[1]: finds nothing"),
        ("identity =", "occurred = [\"/a\", \"/time\"]\nidentity =", "occurred[0]: finds nothing"),
        ("\"3\" = ", "\"4\" = ", "milestones.of: has none of the codes that the examples have, such as \"3\""),
    ] {
        let text = PARTNER.replacen(from, to, 1).replace("\"sent\":1", "\"sent\":1,\"time\":\"2026-01-31 08:00:00\"");
        let noted = read(&text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).noted;
        let told = format!("partners[0].push.actions[0].{key}");
        assert!(noted.len() == 1 && noted[0].to_string().starts_with(&told), "{to}: {noted:#?}");
    }
    let examples = "example = '{\"type\":\"status\",\"bill\":\"1\"}'\n[[partners.push.actions.examples]]\nname = \"two\"\nbody = '";
    let text = PARTNER.replace("example = '", examples);
    assert!(read(&text).unwrap().noted.is_empty(), "what one of several examples has is found");
}

/// Regression: its pushes came as the first action's, and the file was refused at the example of the other.
#[test]
fn action_behind_one_that_takes_its_pushes_is_told_there() {
    let second = "\n[[partners.push.actions]]\nname = \"other\"\nwhen = { at = \"/bill\" }\nkeys = [{ kind = \"bl\", at = \"/bill\" }]\nexample = '{\"type\":\"status\",\"bill\":\"B2\"}'\n\n[[connections]]";
    let text = PARTNER.replace("\n[[connections]]", second);
    let told = "partners[0].push.actions[0].when: takes actions[1].example too, so that no push comes to other: narrow it, or put other before status (line 18)";
    assert_eq!(mistakes(&text), [told]);
    let always = text.replace("when = { at = \"/type\", is = [\"status\"] }", "");
    let told = "partners[0].push.actions[0].when: is missing, so that status takes every push at .../push, also those of other: add when, or put it last";
    assert!(mistakes(&always).len() == 1 && mistakes(&always)[0].starts_with(told), "{:#?}", mistakes(&always));
}

#[test]
fn operation_is_held_to_its_example_and_its_answer() {
    let operation = "[[partners.operations]]\nname = \"query\"\neffect = \"query\"\npath = \"/q\"\nkeys = [{ kind = \"bl\", at = \"bill\" }]\nsuccess = { at = \"/code\", is = [\"200\"] }\nbrings = { action = \"status\", at = \"/data\" }\nexample = '{\"bill\":\"B1\"}'\nanswer = '{\"code\":200,\"data\":{\"bill\":\"B1\"}}'\n\n[[connections]]";
    let text = PARTNER.replace("[[connections]]", operation);
    assert_eq!(mistakes(&text), Vec::<String>::new());
    for (from, to, told) in [
        ("at = \"bill\"", "at = \"bil\"", "keys[0].at: finds nothing: example has no \"bil\""),
        ("\"/data\"", "\"/dat\"", "brings.at: finds nothing: answer has no data at \"/dat\""),
        (
            "at = \"/code\", is = [\"200",
            "at = \"/cod\", is = [\"200",
            "success.at: finds nothing: answer has no value at \"/cod\"",
        ),
        ("is = [\"200\"]", "is = [\"0\"]", "success.is: has not \"200\", which answer has at \"/code\""),
        ("{ at = \"/code\", is = [\"200\"] }", "{ http = [201] }", "success.http: has not 200, which answer has"),
        ("'{\"code\":200", "'\"code\":200", "answer: is neither JSON nor XML"),
        (
            "effect = \"query\"",
            "effect = \"querry\"",
            "effect: must be one of \"query\", \"command\": did you mean \"query\"?",
        ),
        (
            "effect = \"query\"",
            "effect = \"query\"\nencodng = \"form\"",
            "encodng: is not a known key: did you mean encoding?",
        ),
    ] {
        assert!(text.contains(from), "{from}");
        let all = mistakes(&text.replacen(from, to, 1));
        let told = format!("partners[0].operations[0].{told}");
        assert!(all.len() == 1 && all[0].starts_with(&told) && all[0].contains("(line "), "{to}: {all:#?}");
    }
    let optional = text.replace("at = \"bill\" }", "at = \"bill\" }, { kind = \"entry\", at = \"no\" }");
    assert!(
        read(&optional).unwrap().noted[0]
            .to_string()
            .starts_with("partners[0].operations[0].keys[1].at: finds nothing")
    );
}

/// A signed header, query parameter or further field of a form stands in no example, and is made up.
#[test]
fn signed_part_beside_the_document_needs_no_example() {
    for parts in ["{ header = \"x-id\" }", "{ query = \"id\" }"] {
        assert_eq!(after("parts = [\"body\"]", &format!("parts = [\"body\", {parts}]")), Vec::<String>::new());
    }
    let form = PARTNER
        .replace("deadline = \"1s\"", "body = { form = \"param\" }")
        .replace("parts = [\"body\"]", "parts = [{ field = \"param\" }, { field = \"app\" }]");
    assert_eq!(mistakes(&form), Vec::<String>::new());
    let partner = read(&form.replace("\"app\" }", "\"secret\" }")).unwrap().partners[0];
    let push = partner.push_table().unwrap().sample("{}", &|_| Some("s3cret"), 0).unwrap();
    let body = String::from_utf8(push.body).unwrap();
    assert!(body.starts_with("param=%7B%7D&secret=s3cret"), "the credential of its name: {body}");
    let whole = form
        .replace("{ field = \"param\" }, { field = \"app\" }", "\"body\"")
        .replace("header = \"x-signature\"", "field = \"sign\"");
    let told = "partners[0].push.verify.parts[0]: holds the signature itself, so that it cannot be signed as a whole: name what is signed, such as { field = \"param\" } (line 8)";
    assert_eq!(mistakes(&whole), [told]);
}

/// Regression: the signature of XML that stands in it was never put there, so that the trial called a right recipe wrong.
#[test]
fn signature_within_the_document_is_put_where_it_stands() {
    let parts = "parts = [{ pointer = \"/bill\" }]";
    let json = PARTNER.replace("parts = [\"body\"]", parts).replace("header = \"x-signature\"", "pointer = \"/sign\"");
    let json = json.replace("\"sent\":1", "\"sent\":1,\"sign\":\"\"");
    assert_eq!(mistakes(&json), Vec::<String>::new());
    let xml = json.replace("deadline = \"1s\"", "body = \"xml\"").replace(
        "'{\"type\":\"status\",\"bill\":\"B1\",\"code\":3,\"sent\":1,\"sign\":\"\"}'",
        "'<r><type>status</type><bill>B1</bill><code>3</code><sent>1</sent><sign/></r>'",
    );
    let xml = ["/bill", "/sign", "/type", "/sent", "/code"]
        .into_iter()
        .fold(xml, |text, at| text.replace(&format!("\"{at}\""), &format!("\"/r{at}\"")));
    assert_eq!(mistakes(&xml), Vec::<String>::new(), "{xml}");
}

/// Mistakes of a newcomer in a form that is signed, and in an operation with a token.
#[test]
fn mistake_of_a_newcomer_is_told_once_with_its_remedy() {
    const FORM: &str = include_str!("../../../../tests/fixtures/described_haiyun.toml");
    let mut noted = read(FORM).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).noted;
    noted.retain(|note| note.key.starts_with("partners"));
    assert!(noted.is_empty(), "{noted:#?}");
    for (from, to, told) in [
        (
            "body = { form = \"data\" }",
            "body = \"json\"",
            "push.verify.parts[0]: is a field of a form, and body is none",
        ),
        (
            "{ field = \"data\" }",
            "{ field = \"date\" }",
            "push.verify.parts: has nothing of the body in it, so that a signature could be used for another push: add { field = \"data\" }",
        ),
        (
            "signature = { field = \"sign\" }",
            "signature = { header = \"X Sign\" }",
            "push.verify.signature.header: must be the name of a header",
        ),
        ("{ field = \"app_key\" }", "{ header = \"\" }", "push.verify.parts[0]: must be the name of a header"),
        (
            "{ field = \"app_key\" }",
            "\"app_key\"",
            "push.verify.parts[0]: must be one of \"body\", \"timestamp\", or a table such as { credential = \"name\" }",
        ),
        ("[partners.token]", "[partners.tokn]", "tokn: is not a known key: did you mean token?"),
        (
            "{ credential = \"app_key\" }, appS",
            "{ credential = \"appkey\" }, appS",
            "token.body.appKey: \"appkey\" is none of the partner's credentials",
        ),
        ("at = \"/data\" }", "at = \"\" }", "operations[0].brings: makes of answer a push of node without its keys"),
        (
            "at = \"/data\" }",
            "at = \"/data/code\" }",
            "operations[0].brings: makes of answer what is no push of node: ",
        ),
        ("is = [\"0\"]", "is = [0]", "operations[0].success.is[0]: must be a text in quotes"),
        ("token = true", "token = \"true\"", "operations[0].credentials[0].token: must be true or false"),
        (
            "[[partners.operations]]",
            "[partners.operations]",
            "operations: must be a list of tables: write [[partners.operations]]",
        ),
        (
            "at = \"/blNo\" }]\noccurred = [\"/rel",
            "at = \"/bl\" }]\noccurred = [\"/rel",
            "push.actions[1].keys[0].at: finds nothing: actions[1].example has no value at \"/bl\"",
        ),
        (
            "keys = [{ kind = \"bl\", at = \"/blNo\" }, {",
            "each = \"/containers\"\nkeys = [{ kind = \"bl\", at = \"/blNo\" }, {",
            "push.actions[0].keys[0].at: finds nothing in the element of each, and a value in actions[0].example: write \"$/blNo\"",
        ),
        ("is = [\"NODE\"] }", "}", "push.actions[0].when: takes actions[1].example too"),
        ("\"gate_in\"", "\"gatein\"", "push.actions[0].milestones.of.GITM: is no milestone: did you mean gate_in?"),
        ("\"/opTime\"", "\"/code\"", "push.actions[0].occurred[0]: finds \"GITM\", which is no time that is read"),
    ] {
        assert!(FORM.contains(from), "{from}");
        let all = mistakes(&FORM.replacen(from, to, 1));
        let told = format!("partners[0].{told}");
        assert!(all.len() == 1 && all[0].starts_with(&told) && all[0].contains("(line "), "{to}: {all:#?}");
    }
    for (from, to, told) in [
        (
            "hash = \"md5\"",
            "hash = \"md5\"\nhash = \"md5\"",
            "syntax: hash is given twice: remove one of them, or write [[ ]]",
        ),
        (
            "[[partners.push.actions]]\nname = \"release\"",
            "[partners.push.actions]\nname = \"release\"",
            "syntax: actions is given twice",
        ),
        ("[[partners]]", "[partners]", "partners: must be a list of tables: write [[partners]]"),
    ] {
        assert!(FORM.contains(from), "{from}");
        let all = mistakes(&FORM.replacen(from, to, 1));
        assert!(all.len() == 1 && all[0].starts_with(told) && all[0].contains("(line "), "{to}: {all:#?}");
    }
}
