use super::*;
use onedata::{State, items};

fn verdict(name: &str, status: u16, body: &str) -> Judgement {
    read(&row(name), &Settings::default(), status, body.as_bytes())
}

fn refused(code: &str, text: &str) -> Judgement {
    Judgement::Refused { code: code.to_owned(), text: text.to_owned() }
}

fn busy(code: &str, text: &str) -> Judgement {
    Judgement::Busy { code: code.to_owned(), text: text.to_owned() }
}

fn exception(code: &str, text: &str) -> Judgement {
    Judgement::Exception { code: code.to_owned(), text: text.to_owned() }
}

fn unreadable(text: &str) -> Judgement {
    Judgement::Unreadable { text: text.to_owned() }
}

#[test]
fn xhq_is_read_by_its_code() {
    for (status, body, expected) in [
        (200, r#"{"code":200,"msg":null,"data":true}"#, Judgement::Success),
        (
            500,
            r#"{"code":"200","msg":"成功","data":1,"foot":{"operationTime":"2022-06-07 19:33:28"}}"#,
            Judgement::Success,
        ),
        (200, r#"{"code":500,"msg":"订单不存在","data":null}"#, refused("500", "订单不存在")),
        (200, r#"{"code":"-1","msg":null}"#, refused("-1", "")),
        (404, "no such page", refused("404", "no such page")),
        (200, "<html>hello</html>", unreadable("<html>hello</html>")),
        (200, r#"{"msg":"?"}"#, unreadable(r#"{"msg":"?"}"#)),
        (200, "", unreadable("HTTP 200 without a body")),
        (200, "[]", unreadable("[]")),
        (502, "", unreadable("HTTP 502 without a body")),
        (503, "later", busy("503", "later")),
        (429, r#"{"message":"slow down"}"#, busy("429", r#"{"message":"slow down"}"#)),
    ] {
        assert_eq!(verdict("upload", status, body), expected, "{status} {body}");
    }
}

/// Regression: only the shortest print of a number was its code, so that a success printed as `200.0` was refused.
#[test]
fn codes_are_compared_by_value() {
    for (name, body, expected) in [
        ("upload", r#"{"code":200.0,"msg":"ok","data":"A1"}"#, Judgement::Success),
        ("upload", r#"{"code":2e2}"#, Judgement::Success),
        ("upload", r#"{"code":500.0,"msg":"no"}"#, refused("500", "no")),
        ("upload", r#"{"code":200.5}"#, refused("200.5", "")),
        ("upload", r#"{"code":"200.0"}"#, refused("200.0", "")),
        ("s3.mawb.create", r#"{"success":true,"code":0.0}"#, Judgement::Success),
        ("s3.mawb.create", r#"{"success":true,"code":-0}"#, Judgement::Success),
        ("s3.mawb.create", r#"{"success":true,"code":"00"}"#, Judgement::Success),
        ("s3.mawb.create", r#"{"success":false,"code":-1.0,"message":"系统异常"}"#, exception("-1", "系统异常")),
        ("s3.mawb.create", r#"{"code":-0.5}"#, exception("-0.5", "")),
        ("s3.mawb.create", r#"{"code":-1e30}"#, exception("-1000000000000000000000000000000", "")),
        ("s3.mawb.create", r#"{"code":"-99999999999999999999"}"#, exception("-99999999999999999999", "")),
        ("s3.mawb.create", r#"{"success":true,"code":1.0}"#, refused("1", "")),
        ("s3.mawb.create", r#"{"success":true,"code":"+1"}"#, refused("+1", "")),
        ("port_query_v2", r#"{"success":true,"code":2.00e2,"data":[]}"#, Judgement::Success),
        ("port_query_v2", r#"{"success":true,"code":500.0}"#, refused("500", "")),
        ("customs_status_download", r#"{"code":200.0}"#, Judgement::Success),
    ] {
        assert_eq!(verdict(name, 200, body), expected, "{name} {body}");
    }
    let expired = verdict("customs_status_download", 200, r#"{"code":401.0}"#);
    assert_eq!(expired, Judgement::TokenExpired { code: "401".to_owned(), text: String::new() });
    let answer =
        Json::parse(br#"{"data":[{"resultCode":2.0,"carrierCd":"CNTAO","subType":1.0,"subNo":2e1}]}"#).unwrap();
    let found = items(&answer).remove(0);
    assert_eq!((found.state, found.port.as_deref()), (State::Found, Some("CNTAO:1:20")));
}

/// Regression: whether a command had been done was not known after a redirect, which nobody had looked at.
#[test]
fn redirect_says_that_nothing_was_done() {
    for name in ["upload", "s3.mawb.create", "port_query_v2", "subscribe"] {
        for status in [301, 302, 307, 308] {
            assert_eq!(verdict(name, status, "<html>moved</html>"), refused(&status.to_string(), "<html>moved</html>"));
        }
        for status in [300, 303, 304] {
            assert!(matches!(verdict(name, status, "x"), Judgement::Unreadable { .. }), "{name} {status}");
        }
    }
}

/// Regression: a business code in the page of a redirect was believed: done, not known, or refused without the address.
#[test]
fn code_in_a_redirect_is_not_believed() {
    for (name, body) in [
        ("upload", r#"{"code":200}"#),
        ("upload", r#"{"code":300,"msg":"x"}"#),
        ("s3.mawb.create", r#"{"success":false,"code":-1}"#),
        ("port_query_v2", r#"{"success":true,"code":200}"#),
        ("subscribe", r#"{"code":401}"#),
    ] {
        for status in [301, 302, 307, 308] {
            assert_eq!(verdict(name, status, body), refused(&status.to_string(), body), "{name}");
        }
    }
    assert_eq!(verdict("upload", 303, r#"{"code":200}"#), Judgement::Success, "what was done may be told there");
    let settings: Settings = toml::from_str("[token]\npath = \"/t\"\ntoken = \"/t\"\nexpired = [\"302\"]").unwrap();
    let expired = read(&row("port_query_v2"), &settings, 302, br#"{"code":200}"#);
    assert!(matches!(expired, Judgement::TokenExpired { .. }), "the operator says so: {expired:?}");
}

/// A refusal for now was taken for one for good, because a code stood beside it.
#[test]
fn unprocessed_request_is_not_a_refusal() {
    for (name, code, body) in [
        ("upload", "503", r#"{"code":503,"msg":"系统繁忙","data":null}"#),
        ("port_query_v2", "503", r#"{"success":false,"code":503,"message":"系统繁忙"}"#),
        ("s3.mawb.create", "1", r#"{"success":false,"code":"1","message":"系统繁忙"}"#),
    ] {
        assert_eq!(verdict(name, 503, body), busy(code, "系统繁忙"), "{name}");
        assert_eq!(verdict(name, 429, body), busy(code, "系统繁忙"), "{name}");
        assert_eq!(verdict(name, 200, body), refused(code, "系统繁忙"), "{name}");
    }
    assert_eq!(verdict("upload", 503, r#"{"code":200}"#), Judgement::Success, "what was done was done");
}

#[test]
fn a_failed_unfreeze_says_that_it_may_have_half_succeeded() {
    let Judgement::Refused { code, text } = verdict("unfreeze", 200, r#"{"code":300,"msg":"SO-2 不能解冻"}"#)
    else {
        panic!()
    };
    assert!(code == "300" && text.starts_with("SO-2 不能解冻 (it may have half succeeded"), "{text}");
    assert_eq!(verdict("unfreeze", 200, r#"{"code":200}"#), Judgement::Success);
}

#[test]
fn yanwen_is_read_by_both_of_its_signs() {
    let answer = include_str!("../../../../../tests/fixtures/yanwen_mawb_create_response.json");
    for (status, body, expected) in [
        (200, answer, Judgement::Success),
        (500, r#"{"success":"true","code":0}"#, Judgement::Success),
        (200, r#"{"success":true,"code":"1001","message":"重复"}"#, refused("1001", "重复")),
        (200, r#"{"success":false,"code":7,"message":null}"#, refused("7", "")),
        (200, r#"{"success":false,"code":0,"message":"no"}"#, refused("0", "no")),
        (200, r#"{"success":false,"code":"-1","message":"系统异常"}"#, exception("-1", "系统异常")),
        (200, r#"{"success":true,"code":-2,"data":null}"#, exception("-2", "")),
        (503, r#"{"success":false,"code":"-1","message":"系统异常"}"#, busy("-1", "系统异常")),
        (200, r#"{"success":false,"code":"E1","message":"no"}"#, refused("E1", "no")),
        (200, r#"{"code":"E1","message":"no"}"#, refused("E1", "no")),
        (200, r#"{"code":0}"#, unreadable(r#"{"code":0}"#)),
        (200, r#"{"success":true}"#, unreadable(r#"{"success":true}"#)),
        (401, "签名错误,请检查", refused("401", "签名错误,请检查")),
        (200, "签名错误", refused("200", "签名错误")),
        (200, "<!doctype html>", unreadable("<!doctype html>")),
        (200, "", unreadable("HTTP 200 without a body")),
        (500, "系统错误", unreadable("系统错误")),
    ] {
        assert_eq!(verdict("s3.mawb.create", status, body), expected, "{status} {body}");
    }
}

#[test]
fn onedata_is_read_by_success_and_code() {
    let settings: Settings =
        toml::from_str("[token]\npath = \"/t\"\ntoken = \"/t\"\nexpired = [\"40101\", \"401\"]").unwrap();
    let expired = |code: &str, text: &str| Judgement::TokenExpired { code: code.to_owned(), text: text.to_owned() };
    for (status, body, expected) in [
        (200, r#"{"success":true,"code":200,"message":"请求成功","data":[]}"#, Judgement::Success),
        (200, r#"{"success":true,"code":"200","data":null}"#, Judgement::Success),
        (200, r#"{"batchNo":"b","total":0,"resultData":[]}"#, Judgement::Success),
        (200, r#"{"success":false,"code":500,"message":"no"}"#, refused("500", "no")),
        (200, r#"{"success":false,"message":"no"}"#, refused("", "no")),
        (200, r#"{"success":false,"code":40101,"message":"token过期"}"#, expired("40101", "token过期")),
        (200, r#"{"success":false,"code":"401"}"#, expired("401", "")),
        (401, "", expired("401", "HTTP 401 without a body")),
        (403, "", refused("403", "HTTP 403 without a body")),
        (200, "{}", unreadable("{}")),
    ] {
        assert_eq!(read(&row("port_query_v2"), &settings, status, body.as_bytes()), expected, "{status} {body}");
    }
}

#[test]
fn trackingeyes_is_read_by_its_code() {
    for (status, body, expected) in [
        (200, r#"{"code":200,"codeDesc":"success","message":"","result":[]}"#, Judgement::Success),
        (200, r#"{"code":"200","result":null}"#, Judgement::Success),
        (200, r#"{"code":400,"message":"no"}"#, refused("400", "no")),
        (200, r#"{"code":"401","message":"x"}"#, Judgement::TokenExpired { code: "401".into(), text: "x".into() }),
        (401, "no", Judgement::TokenExpired { code: "401".into(), text: "no".into() }),
        (504, "", unreadable("HTTP 504 without a body")),
    ] {
        assert_eq!(verdict("customs_status_download", status, body), expected, "{status} {body}");
    }
    let Judgement::Refused { text, .. } = verdict("subscribe", 200, r#"{"code":300,"message":"2 of 3"}"#) else {
        panic!()
    };
    assert!(text.starts_with("2 of 3 (it may have half succeeded"), "{text}");
}

#[test]
fn a_long_page_is_cut_between_characters() {
    let Judgement::Unreadable { text } = verdict("upload", 200, &"页".repeat(5_000)) else { panic!() };
    assert_eq!(text.chars().count(), LONGEST_TEXT);
    assert!(matches!(
        read(&row("upload"), &Settings::default(), 200, b"\xb4\xed\xce\xf3"),
        Judgement::Unreadable { .. }
    ));
}

#[test]
fn port_results_are_distinguished() {
    let answer = |name| match name {
        2 => include_str!("../../../../../tests/fixtures/1datatech_port_query_found.json"),
        3 => include_str!("../../../../../tests/fixtures/1datatech_port_query_not_found.json"),
        _ => include_str!("../../../../../tests/fixtures/1datatech_port_query_subscribed.json"),
    };
    for (code, state) in [(1, State::Subscribed), (2, State::Found), (3, State::Nothing)] {
        assert_eq!(verdict("port_query_v2", 200, answer(code)), Judgement::Success);
        let json = Json::parse(answer(code).as_bytes()).unwrap();
        let items = items(&json);
        assert_eq!((items.len(), &items[0].state), (1, &state));
        assert_eq!(items[0].port.as_deref(), Some("CNTAO:1:225201002:E"));
        assert!(!items[0].text.is_empty() && answer(code)[items[0].json.span()].starts_with('{'));
    }
    let json = Json::parse(br#"{"data":[{"resultCode":"2","subNo":"1"},{"resultCode":9},{}]}"#).unwrap();
    let states: Vec<_> = items(&json).into_iter().map(|item| (item.port, item.state)).collect();
    assert_eq!(states, [(None, State::Found), (None, State::Other("9".into())), (None, State::Other(String::new()))]);
    for none in [r#"{"data":null}"#, "{}", "[]"] {
        assert!(items(&Json::parse(none.as_bytes()).unwrap()).is_empty());
    }
}

fn keys(name: &str, body: &str) -> Vec<String> {
    let json = Json::parse(body.as_bytes()).unwrap();
    subject(&row(name), &json).into_iter().map(|(kind, value)| format!("{kind}:{value}")).collect()
}

#[test]
fn a_call_is_about_the_keys_of_its_events() {
    for (name, body, expected) in [
        ("upload", r#"{"orderOutNo":" SO-1 "}"#, vec!["order:SO-1"]),
        ("sendMsg", r#"{"orderOutNo":7}"#, vec!["order:7"]),
        ("recall", r#"{"orderOutNo":""}"#, vec![]),
        ("bghList", "{}", vec![]),
        (
            "lcl_task",
            r#"{"billNo":"B","orders":[{"orderOutNo":"1","newBillNo":"B1"},{"orderOutNo":"2"},{"orderOutNo":"1"}]}"#,
            vec!["bl:B", "order:1", "order:2", "bl:B1"],
        ),
        ("lcl", r#"{"outNo":"L","clcList":[{"orderOutNo":"1","billNo":"B1"}]}"#, vec!["order:1", "bl:B1"]),
        (
            "receiptsingle",
            r#"{"orderOutNo":"1","paramJson":{"entryId":"223320231000000762","cusCiqNo":"E20200000410351727"}}"#,
            vec!["order:1", "entry:223320231000000762", "ciq:E20200000410351727"],
        ),
        (
            "receiptsingle",
            r#"{"orderOutNo":"1","paramJson":"{\"entryId\":\"E2\",\"cusCiqNo\":\"E2\"}"}"#,
            vec!["order:1", "ciq:E2"],
        ),
        ("failedPushConfirm", r#"{"orderNos":["A1","A2",null]}"#, vec!["serial:A1", "serial:A2"]),
        ("s3.mawb.create", r#"{"mawbNo":"M1"}"#, vec!["mawb:M1"]),
        ("result_query", r#"{"batchNo":"b1"}"#, vec!["batch:b1"]),
        ("customs_status_download", r#"{"billId":"1, 2,"}"#, vec!["waybill:1", "waybill:2"]),
        ("customs_status_download", r#"{"billId":[1906651379888427008]}"#, vec!["waybill:1906651379888427008"]),
        (
            "port_query_v2",
            r#"[{"subType":1,"carrierCd":"CNTAO","subNo":"B1","importAndExportFlag":"I"},{"subType":"2","carrierCd":"CNSHK","subNo":"C1"}]"#,
            vec!["port:CNTAO:1:B1:I", "port:CNSHK:2:C1", "bl:B1", "container:C1"],
        ),
        ("port_query_v2", r#"[{"carrierCd":"CNTAO"}]"#, vec![]),
        ("subscribe", "[]", vec![]),
    ] {
        assert_eq!(keys(name, body), expected, "{name} {body}");
    }
}

#[test]
fn an_upload_teaches_the_partners_serial() {
    let serial = "A19080108465575164";
    for (answer, found) in [
        (format!(r#"{{"code":200,"data":"{serial}"}}"#), Some(serial)),
        (r#"{"code":200,"data":"X-100200"}"#.to_owned(), Some("X-100200")),
        (format!(r#"{{"code":200,"data":{{"id":1,"orderNo":"{serial}","name":"张三"}}}}"#), Some(serial)),
        (format!(r#"{{"code":200,"data":{{"a":["{serial}"],"b":{{"c":"{serial}"}}}}}}"#), Some(serial)),
        (format!(r#"{{"code":200,"data":"{{\"orderNo\":\"{serial}\"}}"}}"#), Some(serial)),
        (format!(r#"{{"code":200,"data":{{"a":"{serial}","b":"A22060714485586949"}}}}"#), None),
        (r#"{"code":200,"data":{"orderNo":"A1"}}"#.to_owned(), None),
        (r#"{"code":200,"data":null}"#.to_owned(), None),
        (r#"{"code":200,"data":true}"#.to_owned(), None),
        (r#"{"code":200,"data":20240422}"#.to_owned(), None),
        (r#"{"code":200,"data":"success"}"#.to_owned(), None),
        (r#"{"code":200,"data":""}"#.to_owned(), None),
        (r#"{"code":200}"#.to_owned(), None),
    ] {
        let json = Json::parse(answer.as_bytes()).unwrap();
        let expected: Vec<_> = found.map(|serial| ("serial", serial.to_owned())).into_iter().collect();
        for name in ["upload", "fileUpload", "fileBase64Upload", "uploadImport"] {
            assert_eq!(learned(&row(name), &json), expected, "{answer}");
        }
        assert!(learned(&row("lcl_task"), &json).is_empty());
    }
}
