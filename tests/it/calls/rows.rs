//! Every row of the tables of operations through the hub, against its simulated partner: what is right arrives as the
//! partner's document says, what is wrong does not leave the hub, and what the partner says comes back as it printed it.
//!
//! The rows are written here once more from the documents, and held against the tables.

mod exchange;
mod onedata;
mod trackingeyes;
mod uploads;
mod xhq;
mod yanwen;

use std::collections::BTreeSet;

use partners::Partner;
use partners::operation::{Effect, Encoding, Field, Format, Kind, Need, Operation, Rule, Shape, all, find};
use simulators::api::Fault;
use simulators::erp::Reply as Says;

use self::exchange::{arrived, ask, call, edited, given, got, invalid, problem, shown, succeeded, with};
use crate::calls::{API_TOKEN, APP_ID, BGH_ID, Desk, SECRET};

/// A row as its partner's document has it.
struct Row {
    connection: &'static str,
    operation: &'static str,
    /// Path at which it arrives.
    path: &'static str,
    encoding: Encoding,
    /// The names of the address's parameters, in their order.
    query: &'static [&'static str],
    /// Body of the ERP, where the partner wants more than the table's example.
    body: Option<&'static str>,
    /// Fields that the hub adds to that.
    adds: &'static [(&'static str, &'static str)],
    /// Fields that must be given.
    required: &'static [&'static str],
    /// Further bodies that are refused.
    wrong: &'static [Wrong],
}

/// A field and a value for it in JSON, the field that is named for it, and a part of the remedy.
type Wrong = (&'static str, &'static str, &'static str, &'static str);

const APP: (&str, &str) = ("appId", APP_ID);
const BGH: (&str, &str) = ("bghId", BGH_ID);

/// Fields that no document shows, printed so that a re-serialisation changes them.
const LOST: &str = r#""lostId":1906651379888427008,"lostFee":"700.00","lostRate":1.10,"lostBlank":"","lostNull":null,"lostList":[1.0,{"a":1e2,"b":"\u4e2d/"}]"#;

/// The same as fields of a form.
const LOST_FIELDS: [(&str, &str); 6] = [
    ("lostId", "1906651379888427008"),
    ("lostFee", "700.00"),
    ("lostRate", "1.10"),
    ("lostBlank", ""),
    ("lostNull", ""),
    ("lostList", r#"[1.0,{"a":1e2,"b":"\u4e2d/"}]"#),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    [xhq::ROWS, trackingeyes::ROWS, onedata::ROWS, yanwen::ROWS].into_iter().flatten()
}

impl Row {
    const fn new(connection: &'static str, operation: &'static str, path: &'static str) -> Self {
        Self {
            connection,
            operation,
            path,
            encoding: Encoding::Json,
            query: &[],
            body: None,
            adds: &[],
            required: &[],
            wrong: &[],
        }
    }

    fn partner(&self) -> Partner {
        match self.connection {
            "xhq" => Partner::Xhq,
            "eyes" => Partner::TrackingEyes,
            "onedata" => Partner::OneData,
            _ => Partner::Yanwen,
        }
    }

    fn table(&self) -> Operation<'static> {
        find(self.partner(), self.operation).unwrap()
    }

    fn body(&self) -> &'static str {
        self.body.unwrap_or(self.table().example)
    }

    fn is_query(&self) -> bool {
        self.table().effect == Effect::Query
    }

    /// Refused bodies: the body, the field that is named, a part of the remedy.
    fn refused(&self) -> Vec<(String, &'static str, &'static str)> {
        let (body, shape) = (self.body(), self.table().shape);
        let mut all = vec![(r#"{"orderOutNo":"#.to_owned(), "body", "")];
        all.extend((shape == Shape::Object).then(|| ("[]".to_owned(), "body", "must be one JSON object")));
        all.extend((shape == Shape::Array).then(|| ("{}".to_owned(), "body", "must be a JSON array of objects")));
        all.extend(self.required.iter().map(|field| (edited(body, field, None), *field, "must be")));
        all.extend(self.wrong.iter().map(|(path, value, field, remedy)| {
            (edited(body, path, Some(serde_json::from_str(value).unwrap())), *field, *remedy)
        }));
        let credentials = self.adds.iter().filter(|(_, value)| [APP_ID, BGH_ID].contains(value));
        all.extend(credentials.map(|(field, _)| {
            (edited(body, field, Some("x".into())), *field, "leave it out: it comes from the connection")
        }));
        all
    }

    /// An answer of that partner, in its own envelope, with data that must be passed on byte for byte.
    fn answer(&self, success: bool) -> &'static str {
        match (self.partner(), success) {
            (Partner::Xhq, true) => {
                r#"{ "code":200,"msg":"\u6210功","data":{"id":1906651379888427008,"fee":"700.00","rate":1.10,"none":null,"blank":""}}"#
            }
            (Partner::Xhq, false) => {
                r#"{ "code":4711,"msg":"不行 \"1\"","data":{"id":1906651379888427008,"rate":1.10,"none":null,"blank":""}}"#
            }
            (Partner::Yanwen, true) => {
                r#"{ "success":true,"code":"0","message":"\u6210功","data":{"id":1906651379888427008,"fee":"700.00","rate":1.10}}"#
            }
            (Partner::Yanwen, false) => {
                r#"{ "success":false,"code":"4711","message":"不行 \"1\"","data":{"id":1906651379888427008,"rate":1.10}}"#
            }
            (Partner::OneData, true) => {
                r#"{ "success":true,"code":200,"message":"\u6210功","data":{"id":1906651379888427008,"fee":"700.00","rate":1.10}}"#
            }
            (Partner::OneData, false) => {
                r#"{ "success":false,"code":4711,"message":"不行 \"1\"","data":{"id":1906651379888427008,"rate":1.10}}"#
            }
            (Partner::TrackingEyes, true) => {
                r#"{ "code":200,"message":"\u6210功","result":[{"id":1906651379888427008,"rate":1.10,"none":null,"blank":""}]}"#
            }
            (Partner::Configured(_), _) => panic!("no row of a built-in partner"),
            (Partner::TrackingEyes, false) => {
                r#"{ "code":4711,"codeDesc":"failure","message":"不行 \"1\"","result":{"id":1906651379888427008,"rate":1.10}}"#
            }
        }
    }
}

/// Rules of the table for a body: required paths, and the paths of values that have a rule.
fn held(table: &Operation<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut required, mut ruled) = (BTreeSet::new(), BTreeSet::new());
    let mut look = |prefix: &str, field: &Field| {
        let path = format!("{prefix}{}", field.name);
        if matches!(field.need, Need::Required | Need::Present) {
            required.insert(path.clone());
        }
        let formed = field.format != Format::Any || matches!(field.kind, Kind::Whole | Kind::WholeText);
        if formed || field.max > 0 || field.need == Need::Filled {
            ruled.insert(path);
        }
    };
    let start = if table.shape == Shape::Array { "[0]." } else { "" };
    for field in table.fields.iter().filter(|field| !field.inferred) {
        look(start, field);
        match field.kind {
            Kind::Object(fields) => fields.iter().for_each(|one| look(&format!("{start}{}.", field.name), one)),
            Kind::List(fields) => fields.iter().for_each(|one| look(&format!("{start}{}[0].", field.name), one)),
            Kind::Text | Kind::Whole | Kind::WholeText | Kind::Json | Kind::Texts | Kind::Commas => {}
        }
    }
    for rule in table.rules {
        match rule {
            Rule::Either(names) => ruled.extend(names.first().map(|name| format!("{start}{name}"))),
            Rule::When(_, _, names) => ruled.extend(names.iter().map(|name| format!("{start}{name}"))),
        }
    }
    (required, ruled)
}

#[test]
fn each_row_of_the_tables_and_each_of_its_rules_is_among_these() {
    let names = |row: &Operation<'_>| (row.partner.to_string(), row.name.to_owned());
    let tables: Vec<_> = all().map(names).collect();
    let here: Vec<_> = rows().map(|row| names(&row.table())).collect();
    assert_eq!(tables, here);
    for row in rows() {
        let (required, ruled) = held(&row.table());
        assert_eq!(required, row.required.iter().map(|&name| name.to_owned()).collect(), "{}", row.operation);
        for path in ruled {
            assert!(row.wrong.iter().any(|(_, _, named, _)| *named == path), "{}: {path}", row.operation);
        }
    }
}

#[tokio::test]
async fn each_row_arrives_as_its_document_says_and_succeeds() {
    let desk = Desk::new().await;
    for row in rows() {
        let (name, before) = (row.operation, desk.partner(row.connection).count());
        let reply = ask(&desk, row, row.body()).await;
        succeeded(row, &reply);
        let got = got(&desk, row, before);
        let [sent] = got.as_slice() else { panic!("{name} was sent {} times", got.len()) };
        assert_eq!((&sent.wrong, sent.processed), (&None, true), "{name}");
        let (method, kind) = match row.encoding {
            Encoding::Json => ("POST", "application/json"),
            Encoding::Form => ("POST", "application/x-www-form-urlencoded; charset=UTF-8"),
            Encoding::Multipart => ("POST", "multipart/form-data; boundary="),
            Encoding::Query => ("GET", ""),
            Encoding::Xml => panic!("no built-in partner takes XML"),
        };
        assert_eq!((sent.method.as_str(), sent.path.as_str()), (method, row.path), "{name}");
        let content_type = sent.header("content-type");
        assert!(content_type.starts_with(kind) && content_type.is_empty() == kind.is_empty(), "{name}: {content_type}");
        assert_eq!(sent.query.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), row.query, "{name}");

        let mut expected = given(row, row.body());
        for (field, value) in row.adds {
            assert!(expected.insert((*field).to_owned(), (*value).into()).is_none(), "{name}: {field}");
        }
        assert_eq!(arrived(row, sent), expected, "{name}");
        // Credentials of the connection are only where the document has them.
        for secret in [APP_ID, BGH_ID, API_TOKEN, SECRET, "demo-secret"] {
            let places = row.adds.iter().filter(|(_, value)| *value == secret).count();
            assert_eq!(shown(sent).matches(secret).count(), places, "{name}: {secret}");
        }
    }
    desk.calls().await;
}

#[tokio::test]
async fn each_violation_is_named_and_reaches_no_partner() {
    let desk = Desk::new().await;
    for row in rows() {
        for (body, field, remedy) in row.refused() {
            println!("{}: {field}", row.operation);
            invalid(&ask(&desk, row, &body).await, field, remedy);
        }
        let partner = desk.partner(row.connection);
        assert_eq!((partner.count(), partner.token_requests()), (0, 0), "{}", row.operation);
    }
    assert!(desk.calls().await.is_empty());
}

#[tokio::test]
async fn refusal_has_partners_code_text_and_unchanged_answer() {
    let desk = Desk::new().await;
    for row in rows() {
        let (partner, before) = (desk.partner(row.connection), desk.partner(row.connection).count());
        partner.behave(Fault::Http(Says::saying(row.answer(false))));
        let reply = ask(&desk, row, row.body()).await;
        let (name, said) = (row.operation, String::from_utf8_lossy(&reply.body).into_owned());
        assert!(said.contains(row.answer(false).trim()), "{name}: {said}");
        if row.is_query() {
            let problem = problem(&reply, 422, "partner-refused");
            assert_eq!((&problem["code"], &problem["text"]), (&"4711".into(), &"不行 \"1\"".into()), "{name}");
            assert_eq!(problem["partner_status"], 200, "{name}");
        } else {
            let call = reply.json();
            assert_eq!((reply.status, &call["state"]), (200, &"failed".into()), "{name}: {said}");
            let [attempt] = call["attempts"].as_array().unwrap().as_slice() else { panic!("{name}: {said}") };
            let detail = attempt["detail"].as_str().unwrap();
            assert!(detail.starts_with("refused: 4711 不行 \"1\""), "{name}: {detail}");
            assert_eq!(call["answer"]["status"], 200, "{name}");
        }
        assert_eq!(partner.count(), before + 1, "{name} is sent once");
    }
    desk.calls().await;
}

#[tokio::test]
async fn undocumented_fields_and_answers_pass_unchanged() {
    let desk = Desk::new().await;
    for row in rows() {
        let (name, partner) = (row.operation, desk.partner(row.connection));
        let before = partner.count();
        let body = with(row.body(), LOST);
        partner.recover();
        succeeded(row, &ask(&desk, row, &body).await);
        partner.behave(Fault::Http(Says::saying(row.answer(true))));
        let reply = ask(&desk, row, &body).await;
        succeeded(row, &reply);
        let said = String::from_utf8_lossy(&reply.body);
        if row.is_query() {
            assert_eq!(said, row.answer(true), "{name}");
        } else {
            assert!(said.contains(row.answer(true)), "{name}: {said}");
        }
        for sent in got(&desk, row, before) {
            assert_eq!(sent.wrong, None, "{name}");
            if row.encoding == Encoding::Json {
                assert!(String::from_utf8_lossy(&sent.body).contains(LOST), "{name}");
            } else {
                let arrived = arrived(row, &sent);
                for (field, text) in LOST_FIELDS {
                    assert_eq!(arrived[field], text, "{name}: {field}");
                }
            }
        }
    }
    desk.calls().await;
}

#[tokio::test]
async fn an_operation_is_its_own_partners_alone() {
    let desk = Desk::new().await;
    for row in rows() {
        for other in ["xhq", "yanwen", "onedata", "eyes"].into_iter().filter(|other| *other != row.connection) {
            let reply = call(&desk, other, row.operation, row.body()).await;
            let problem = problem(&reply, 404, "unknown-operation");
            let first = rows().find(|row| row.connection == other).unwrap().operation;
            assert!(problem["detail"].as_str().unwrap().contains(first), "{problem}");
            assert_eq!(desk.partner(other).count(), 0);
        }
    }
    assert!(desk.calls().await.is_empty());
}
