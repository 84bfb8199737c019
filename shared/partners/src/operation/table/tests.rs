use serde::Deserialize;

use super::super::{
    Attempt, File, Judgement, Operation, Prepared, Settings, as_json, check, find, prepare, read, subject,
};
use super::{Around, OperationTable};
use crate::configured::Definition;
use crate::pulled::Answered;
use crate::{Json, Partner};

#[derive(Deserialize)]
struct Document {
    partners: [Written; 1],
}

/// The parts of a partner's file that its operations are held against.
#[derive(Deserialize)]
struct Written {
    id: String,
    credentials: Vec<String>,
    operations: Vec<OperationTable>,
}

fn file(text: &str) -> Written {
    let Document { partners: [written] } = toml::from_str(text).unwrap();
    written
}

fn partner(text: &str) -> Partner {
    let Written { id, credentials, operations } = file(text);
    Partner::configured(Definition { id, credentials, operations, ..Definition::default() })
}

const KUAIDI100: &str = include_str!("../../../../../examples/partners/kuaidi100.toml");
const TERMINAL49: &str = include_str!("../../../../../examples/partners/terminal49.toml");
const EASYPOST: &str = include_str!("../../../../../examples/partners/easypost.toml");
const SF: &str = include_str!("../../../../../examples/partners/sf.toml");

fn row(text: &str, name: &str) -> Operation<'static> {
    let partner = partner(text);
    super::super::of(partner).find(|row| row.name == name).copied().unwrap()
}

fn sent(operation: &Operation<'_>, body: &str) -> Prepared {
    let settings = Settings::default();
    let credentials = |name: &str| match name {
        "customer" => Some("CUSTOMER"),
        "key" => Some("KEY"),
        "api_key" => Some("EZTK1"),
        "client_code" => Some("QXH<1"),
        "checkword" => Some("CHECK"),
        _ => None,
    };
    let attempt = Attempt {
        settings: &settings,
        credentials: &credentials,
        token: Some("t0"),
        now_ms: 1_700_000_000_000,
        nonce: "n0",
        boundary: "b0",
        file: None::<File<'_>>,
    };
    prepare(operation, &Json::parse(body.as_bytes()).unwrap(), &attempt).unwrap()
}

fn text(prepared: &Prepared) -> &str {
    std::str::from_utf8(&prepared.body).unwrap()
}

/// The value of a field of a form.
fn field(prepared: &Prepared, name: &str) -> String {
    crate::configured::field(&prepared.body, name).unwrap()
}

#[test]
fn operations_of_the_example_files_are_sound() {
    for text in [KUAIDI100, TERMINAL49, EASYPOST, SF] {
        let written = file(text);
        let around = Around {
            credentials: Some(&written.credentials),
            actions: Some(&["subscription", "tracker"]),
            kinds: &["waybill", "bl"],
            has_token: false,
        };
        for table in &written.operations {
            assert_eq!(table.validate(around), [], "{} {}", written.id, table.name);
        }
        for row in super::super::of(partner(text)) {
            assert_eq!(row.trial(), [], "{} {}", row.partner, row.name);
        }
    }
}

#[test]
fn form_holds_the_body_and_its_signature_covers_it_as_sent() {
    let query = row(KUAIDI100, "query");
    let body = r#"{"com":"ems", "num":"em263999513jp","from":"广东省"}"#;
    let prepared = sent(&query, body);
    assert_eq!(prepared.path, "/poll/query.do");
    assert_eq!(prepared.content_type.as_deref(), Some("application/x-www-form-urlencoded; charset=UTF-8"));
    assert_eq!((field(&prepared, "customer").as_str(), field(&prepared, "param").as_str()), ("CUSTOMER", body));
    // MD5 of `{"com":"ems", "num":"em263999513jp","from":"广东省"}KEYCUSTOMER`.
    assert_eq!(field(&prepared, "sign"), "B33D904E5D5033B551C285C09A1402C2");
    let subscribe = row(KUAIDI100, "subscribe");
    let body = r#"{"company":"ems","number":"1","parameters":{"callbackurl":"https://h.example.com/x"}}"#;
    let prepared = sent(&subscribe, body);
    assert_eq!(field(&prepared, "schema"), "json");
    let param = field(&prepared, "param");
    assert_eq!(param, format!("{{\"key\":\"KEY\",{}", &body[1..]));
    assert!(!text(&prepared).contains("sign="), "{}", text(&prepared));
}

#[test]
fn template_is_filled_as_xml_and_signed_in_base64() {
    let route = row(SF, "route");
    let prepared = sent(&route, r#"{"tracking_number":"4\"<&>'4"}"#);
    let xml = "<Request service=\"RouteService\" lang=\"zh-CN\"><Head>QXH&lt;1</Head><Body><RouteRequest tracking_type=\"1\" \
               method_type=\"1\" tracking_number=\"4&quot;&lt;&amp;&gt;&apos;4\"/></Body></Request>";
    assert_eq!(field(&prepared, "xml"), xml);
    assert_eq!(field(&prepared, "verifyCode"), "hLGnmzZioRjKm1nc71JcXw==");
    assert_eq!(
        (prepared.url("https://sf.example.com/x"), prepared.query.len()),
        ("https://sf.example.com/x".into(), 0)
    );
}

#[test]
fn credentials_go_into_headers_and_never_into_a_log() {
    let track = sent(&row(EASYPOST, "track"), r#"{"tracker":{"tracking_code":"1"}}"#);
    assert_eq!(track.headers[0].value, "Basic RVpUSzE6", "EZTK1: in base64");
    assert_eq!(text(&track), r#"{"tracker":{"tracking_code":"1"}}"#);
    let list = sent(&row(TERMINAL49, "tracking_requests"), r#"{"filter[request_number]":"A B","page[size]":5}"#);
    assert_eq!(list.headers[0].value, "Token EZTK1");
    assert!(!format!("{list:?}").contains("EZTK1"), "{list:?}");
    let url = "https://h/tracking_requests?filter%5Brequest_number%5D=A%20B&page%5Bsize%5D=5";
    assert_eq!((list.url("https://h"), list.content_type, list.body.len()), (url.into(), None, 0));
    let made = sent(&row(TERMINAL49, "track"), r#"{"data":{}}"#);
    assert_eq!(made.content_type.as_deref(), Some("application/vnd.api+json"));
}

#[test]
fn body_is_checked_by_the_fields_of_the_file() {
    let faults = |operation: &Operation<'_>, body: &str| {
        let found = check(operation, &Json::parse(body.as_bytes()).unwrap());
        found.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    let query = row(KUAIDI100, "query");
    assert_eq!(faults(&query, r#"{"num":"1","order":"up","customer":"x"}"#), ["com", "order", "customer"]);
    let subscribe = row(KUAIDI100, "subscribe");
    let body = r#"{"company":"c","number":"1","key":"k","parameters":{"callbackurl":"no"}}"#;
    assert_eq!(faults(&subscribe, body), ["parameters.callbackurl", "key"]);
    let keys = subject(
        &row(TERMINAL49, "track"),
        &Json::parse(br#"{"data":{"attributes":{"request_number":" M1 "}}}"#).unwrap(),
    );
    assert_eq!(keys, [("bl", "M1".to_owned())]);
}

#[test]
fn answer_is_read_by_the_place_then_by_the_status() {
    let refused = |code: &str, text: &str| Judgement::Refused { code: code.into(), text: text.into() };
    let busy = |code: &str, text: &str| Judgement::Busy { code: code.into(), text: text.into() };
    let cases: [(&str, &str, u16, &str, Judgement); 14] = [
        (KUAIDI100, "query", 200, r#"{"status":"200","message":"ok"}"#, Judgement::Success),
        (KUAIDI100, "query", 200, r#"{"status":200}"#, Judgement::Success),
        (
            KUAIDI100,
            "query",
            200,
            r#"{"result":false,"returnCode":"500","message":"查询无结果"}"#,
            refused("500", "查询无结果"),
        ),
        (KUAIDI100, "subscribe", 200, r#"{"result":true,"returnCode":"200","message":"提交成功"}"#, Judgement::Success),
        (KUAIDI100, "subscribe", 503, r#"{"result":false,"returnCode":"601"}"#, busy("601", "")),
        (KUAIDI100, "query", 502, "<html>", Judgement::Unreadable { text: "<html>".into() }),
        (KUAIDI100, "query", 307, r#"{"status":"200"}"#, refused("307", r#"{"status":"200"}"#)),
        (TERMINAL49, "track", 201, "{}", Judgement::Success),
        (TERMINAL49, "track", 200, "{}", Judgement::Unreadable { text: "{}".into() }),
        (
            TERMINAL49,
            "track",
            422,
            r#"{"errors":[{"detail":"Scac can't be blank"}]}"#,
            refused("422", "Scac can't be blank"),
        ),
        (TERMINAL49, "track", 429, "", busy("429", "HTTP 429 without a body")),
        (SF, "route", 200, "\u{feff}<?xml version='1.0'?><Response><Head>OK</Head></Response>", Judgement::Success),
        (
            SF,
            "route",
            200,
            "<Response service=\"RouteService\"><Head>ERR</Head><ERROR code=\"8014\">校验码错误</ERROR></Response>",
            refused("8014", "校验码错误"),
        ),
        (SF, "route", 200, "<Response>", Judgement::Unreadable { text: "<Response>".into() }),
    ];
    for (file, name, status, answer, expected) in cases {
        let judged = read(&row(file, name), &Settings::default(), status, answer.as_bytes());
        assert_eq!(judged, expected, "{name} {status} {answer}");
    }
}

#[test]
fn answer_stands_for_a_push() {
    let (query, settings) = (row(KUAIDI100, "query"), Settings::default());
    let asked = Json::parse(b"{}").unwrap();
    let brought = |answer: &str| {
        let answer = as_json(answer.as_bytes()).into_owned();
        let answer = Json::parse(&answer).unwrap();
        query.brought(&Answered { asked: &asked, answer: &answer, settings: &settings })
    };
    let found = brought(r#"{"nu":"1", "state":"12"}"#);
    assert_eq!((found[0].body.as_str(), found[0].is_state), (r#"{"lastResult":{"nu":"1", "state":"12"}}"#, true));
    assert_eq!(brought("{}").len(), 0);
    assert!(query.brings_events() && !row(SF, "route").brings_events());
}

#[test]
fn mistake_of_a_table_is_named_by_its_key() {
    let around = Around {
        credentials: Some(&["key".to_owned()]),
        actions: Some(&["status"]),
        kinds: &["order"],
        has_token: false,
    };
    let usual = "name = \"q\"\neffect = \"query\"\npath = \"/q\"\nsuccess = { http = [200] }\nexample = \"{}\"\n";
    for (line, key) in [
        ("name = \"a b\"", "name"),
        ("path = \"../x\"", "path"),
        ("repeatable = true", "repeatable"),
        ("method = \"GET\"", "encoding"),
        ("wrap = \"param\"", "wrap"),
        ("template = \"<a/>\"", "template"),
        ("encoding = \"xml\"", "template"),
        ("encoding = \"xml\"\ntemplate = \"<a>{no}{credential.key}</a>\"", "template"),
        ("encoding = \"xml\"\ntemplate = \"<a>{credential.no}</a>\"", "template"),
        ("content_type = \"json\"", "content_type"),
        ("credentials = [{ credential = \"key\" }]", "credentials[0]"),
        ("credentials = [{ field = \"a\", header = \"b\", credential = \"key\" }]", "credentials[0]"),
        ("credentials = [{ field = \"a\" }]", "credentials[0]"),
        ("credentials = [{ inside = \"a\", credential = \"key\" }]", "credentials[0]"),
        ("credentials = [{ header = \"A\", token = true }]", "credentials[0]"),
        ("credentials = [{ field = \"a\", credential = \"key\", prefix = \"x\" }]", "credentials[0]"),
        ("credentials = [{ header = \"a b\", credential = \"key\" }]", "credentials[0]"),
        ("credentials = [{ field = \"a\", credential = \"no\" }]", "credentials[0].credential"),
        ("fields = [{ name = \"\" }]", "fields[0].name"),
        ("fields = [{ name = \"a\" }, { name = \"a\" }]", "fields[1].name"),
        ("fields = [{ name = \"a\", need = \"default\" }]", "fields[0].default"),
        ("fields = [{ name = \"a\", fields = [{ name = \"b\" }] }]", "fields[0].fields"),
        (
            "fields = [{ name = \"a\", kind = \"list\", fields = [{ name = \"b\", one_of = [] }] }]",
            "fields[0].fields[0].one_of",
        ),
        ("fields = [{ name = \"a\", format = \"url\", one_of = [\"b\"] }]", "fields[0].format"),
        ("fields = [{ name = \"a\", within = [5, 1] }]", "fields[0].within"),
        ("keys = [{ kind = \"none\", at = \"a\" }]", "keys[0].kind"),
        ("keys = [{ kind = \"order\", at = \"/a\" }]", "keys[0].at"),
        ("signature = { parts = [\"body\"], hash = \"md5\" }", "signature.send"),
        (
            "signature = { parts = [{ field = \"no\" }], hash = \"md5\", send = [{ part = \"signature\", header = \"s\" }] }",
            "signature.parts[0]",
        ),
        (
            "signature = { parts = [\"body\"], hash = \"md5\", send = [{ part = \"signature\", field = \"s\" }] }",
            "signature.parts",
        ),
        (
            "signature = { parts = [{ credential = \"no\" }], hash = \"md5\", send = [{ part = \"signature\", header = \"s\" }] }",
            "signature.parts[0]",
        ),
        (
            "signature = { parts = [\"token\"], hash = \"md5\", send = [{ part = \"signature\", header = \"s\" }] }",
            "signature",
        ),
        ("success = { at = \"/code\" }", "success.is"),
        ("success = { is = [\"1\"] }", "success.at"),
        ("success = {}", "success"),
        ("success = { at = \"code\", is = [\"1\"] }", "success.at"),
        ("success = { http = [404] }", "success.http"),
        ("brings = { action = \"none\" }", "brings.action"),
        ("brings = { action = \"status\", at = \"data\" }", "brings.at"),
    ] {
        let mut text = String::new();
        let given: Vec<_> = line.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
        for usual in usual.lines().filter(|usual| !given.iter().any(|name| usual.starts_with(&format!("{name} =")))) {
            text.push_str(usual);
            text.push('\n');
        }
        let table: OperationTable =
            toml::from_str(&format!("{text}{line}\n")).unwrap_or_else(|error| panic!("{line}: {error}"));
        let found = table.validate(around);
        assert!(found.iter().any(|fault| fault.field == key), "{line}: {found:?}");
    }
    let sound: OperationTable = toml::from_str(usual).unwrap();
    assert_eq!(sound.validate(around), []);
}

#[test]
fn example_that_cannot_be_sent_is_a_mistake() {
    let usual = "name = \"q\"\neffect = \"query\"\npath = \"/q\"\nsuccess = { at = \"/c\", is = [\"0\"] }\n";
    for (rest, key) in [
        ("example = \"{\"", "example"),
        ("example = \"{}\"\nfields = [{ name = \"a\", need = \"required\" }]", "example"),
        (
            "example = \"{}\"\nsignature = { parts = [{ field = \"a\" }], hash = \"md5\", send = [{ part = \"signature\", header = \"s\" }] }\nfields = [{ name = \"a\" }]",
            "example",
        ),
        ("example = \"{}\"\nanswer = '{\"c\":1}'", "success.is"),
        ("example = \"{}\"\nanswer = '{\"code\":0}'", "success.at"),
        ("example = \"{}\"\nanswer = { status = 500, body = \"\" }", "answer"),
    ] {
        let table: OperationTable = toml::from_str(&format!("{usual}{rest}\n")).unwrap();
        let found = table.row(Partner::Xhq).trial();
        assert_eq!(found.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [key], "{rest}");
    }
}

#[test]
fn unknown_operation_is_not_found() {
    let partner = partner(KUAIDI100);
    assert!(find(partner, "query").is_some() && find(partner, "route").is_none());
}
