//! `recover`: how failed pushes are worked off.

use std::time::Duration;

use partners::Partner;

use super::*;
use crate::Connection;

fn only(recover: &str) -> Connection {
    let text = with(&format!("bgh_id = \"b\"\nrecover = {{ {recover} }}"), "");
    let config = read(&text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"));
    config.connections.into_values().next().unwrap()
}

const NAMES: &str = r#"rows = "/data", serial = "/orderNo", cutoff = "/foot/operationTime""#;

#[test]
fn names_and_further_fields_are_taken() {
    let recover = only(NAMES).recover.unwrap();
    assert_eq!((recover.every, recover.query_body().as_str()), (Duration::from_mins(5), "{}"));
    let more = format!("{NAMES}, every = \"10s\", query = {{ type = \"BGH\" }}, confirm = {{ by = \"erp\" }}");
    let recover = only(&more).recover.unwrap();
    assert_eq!((recover.every, recover.query_body().as_str()), (Duration::from_secs(10), r#"{"type":"BGH"}"#));
    let recovery = Partner::Xhq.profile().calls.recovery.unwrap();
    assert_eq!(
        recover.confirm_body(&recovery, &["A1", "A2"], "2022-06-07 14:49:50"),
        r#"{"by":"erp","cutoffTime":"2022-06-07 14:49:50","orderNos":["A1","A2"]}"#
    );
    assert_eq!(recover.order, None);
    let named = only(&format!("{NAMES}, order = \"/orderOutNo\"")).recover.unwrap();
    assert_eq!(named.order.as_deref(), Some("/orderOutNo"));
    assert_eq!(only(&NAMES.replace("/orderNo", "")).recover.unwrap().serial, "", "the row is the serial");
    assert_eq!(read(&with("", "")).unwrap().connections[&"xhq-sh".into()].recover, None);
}

#[test]
fn each_rule_of_the_recovery_has_its_mistake() {
    let cases = [
        ("recover = true", "recover: must be a table such as { rows = "),
        ("recover = {}", "recover.rows: is missing: add rows = \"/data\""),
        ("recover = {}", "recover.serial: is missing: add serial = \"/orderNo\""),
        ("recover = {}", "recover.cutoff: is missing: add cutoff = \"/foot/operationTime\""),
        ("recover = { @, every = \"9s\" }", "recover.every: must be between 10s and 1d"),
        ("recover = { @, rwos = \"x\" }", "recover.rwos: is not a known key: did you mean rows?"),
        ("recover = { @, order = \"orderOutNo\" }", "recover.order: must be a JSON pointer such as \"/data\""),
        ("recover = { rows = \"data\" }", "recover.rows: must be a JSON pointer such as \"/data\""),
        ("recover = { @, query = { type = 1 } }", "recover.query.type: must be a text in quotes"),
        (
            "recover = { @, query = { bghId = \"b\" } }",
            "recover.query.bghId: leave it out: it comes from the connection",
        ),
        ("recover = { @, confirm = { orderNos = \"A\" } }", "recover.confirm.orderNos: must be left out"),
        ("recover = { @, confirm = { cutoffTime = \"\" } }", "recover.confirm.cutoffTime: must be left out"),
    ];
    for (line, told) in cases {
        let text = with(&format!("bgh_id = \"b\"\n{}", line.replace('@', NAMES)), "");
        let mistakes = mistakes(&text);
        assert!(
            mistakes.iter().any(|mistake| mistake.contains(&format!("connections[0].{told}"))),
            "{line}: {mistakes:?}"
        );
    }
}

#[test]
fn recovery_needs_the_credentials_of_its_operations() {
    let text = with(&format!("recover = {{ {NAMES} }}"), "");
    assert_eq!(
        mistakes(&text),
        ["connections[0].recover: needs bgh_id, which the connection lacks: add bgh_id = \"...\" (line 5)"]
    );
}

#[test]
fn recovery_belongs_to_a_partner_that_lists_its_failed_pushes() {
    let text =
        format!("[[connections]]\nid = \"o\"\npartner = \"trackingeyes\"\nkeys = [\"@KEY\"]\nrecover = {{ {NAMES} }}");
    let mistakes = mistakes(&text);
    assert!(mistakes[0].starts_with("connections[0].recover: is not a known key"), "{mistakes:?}");
}

#[test]
fn recovered_pushes_that_no_endpoint_wants_are_warned_of() {
    let warned = |types: &str| {
        let text = with(&format!("bgh_id = \"b\"\nrecover = {{ {NAMES} }}"), &format!("types = [\"{types}\"]"));
        read(&text).unwrap().warnings().iter().any(|warning| warning.contains("no endpoint wants xhq.failed_push"))
    };
    assert!(warned("xhq.syn_status") && !warned("xhq.*") && !warned("xhq.failed_push"));
}
