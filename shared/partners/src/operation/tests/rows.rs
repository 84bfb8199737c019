use serde_json::{Value, json};

use super::*;

const FILE: File<'_> = File { name: "a.zip", content_type: "application/zip" };

fn file_of(row: &Operation<'_>) -> Option<File<'static>> {
    row.file.filter(|place| *place == FilePlace::Part).map(|_| FILE)
}

fn example(row: &Operation<'_>) -> Value {
    serde_json::from_str(row.example).unwrap()
}

fn found(row: &Operation<'_>, body: &Value) -> Vec<Fault> {
    check(row, &Json::parse(body.to_string().as_bytes()).unwrap())
}

/// The object that has the top fields, of an array the first.
fn top<'v>(row: &Operation<'_>, body: &'v mut Value) -> &'v mut Value {
    if row.shape == Shape::Array { &mut body[0] } else { body }
}

/// Every enforced field with the path of its object in a body: `""`, `orders[0].`, `paramJson.`, `[0].`.
fn enforced(row: &Operation<'_>) -> Vec<(String, Field)> {
    let start = if row.shape == Shape::Array { "[0]." } else { "" };
    let mut all = Vec::new();
    for field in row.fields.iter().filter(|field| !field.inferred) {
        all.push((start.to_owned(), *field));
        let (prefix, fields) = match field.kind {
            Kind::Object(fields) => (format!("{start}{}.", field.name), fields),
            Kind::List(fields) => (format!("{start}{}[0].", field.name), fields),
            Kind::Text | Kind::Whole | Kind::WholeText | Kind::Json | Kind::Texts | Kind::Commas => continue,
        };
        all.extend(fields.iter().map(|field| (prefix.clone(), *field)));
    }
    all
}

/// The row's example with one field replaced, or taken out.
fn with(row: &Operation<'_>, (prefix, field): &(String, Field), value: Option<Value>) -> Value {
    let mut body = example(row);
    let mut place = top(row, &mut body);
    for part in prefix.split('.').filter(|part| !part.is_empty() && !part.starts_with('[')) {
        place = match part.strip_suffix("[0]") {
            Some(name) => &mut place[name][0],
            None => &mut place[part],
        };
    }
    match value {
        Some(value) => place[field.name] = value,
        None => drop(place.as_object_mut().unwrap().remove(field.name)),
    }
    body
}

/// Regression: a list of nothing was sent as `,`, and blanks for a choice as they are.
#[test]
fn blanks_are_no_value() {
    for wrong in [r#"["",""]"#, r#"[" "]"#, "[]", r#"",""#, r#"" , ""#, r#"" ""#] {
        assert_eq!(faults("customs_status_download", &format!(r#"{{"billId":{wrong}}}"#)), ["billId"], "{wrong}");
    }
    for sound in [r#"["","1"]"#, "[1]", r#""1,2""#, "1906651379888427008"] {
        assert_eq!(faults("customs_status_download", &format!(r#"{{"billId":{sound}}}"#)), [""; 0], "{sound}");
    }
}

#[test]
fn each_operation_has_one_row() {
    for row in all() {
        assert_eq!(of(row.partner).filter(|other| other.name == row.name).count(), 1, "{}", row.name);
    }
    assert!(find(Partner::Xhq, "s3.mawb.create").is_none() && find(Partner::Xhq, "Upload").is_none());
}

#[test]
fn every_example_is_documented_valid_and_sent_by_its_row() {
    let settings = settings();
    for row in all() {
        let body = example(row);
        let first = if row.shape == Shape::Array { &body[0] } else { &body };
        for name in first.as_object().unwrap().keys() {
            assert!(row.fields.iter().any(|field| field.name == name), "{}: {name} is not documented", row.name);
        }
        let attempt = Attempt { file: file_of(row), ..attempt(&settings) };
        let prepared =
            send_by(row.name, row.example, &attempt).unwrap_or_else(|faults| panic!("{}: {faults:?}", row.name));
        let kind = prepared.content_type.as_deref().unwrap_or_default();
        let expected = match row.encoding {
            Encoding::Json => "application/json",
            Encoding::Form => "application/x-www-form-urlencoded",
            Encoding::Multipart => "multipart/form-data; boundary=b0",
            Encoding::Query => "",
            Encoding::Xml => panic!("no built-in partner takes XML"),
        };
        assert!(kind.starts_with(expected) && (kind.is_empty() == expected.is_empty()), "{}: {kind}", row.name);
        assert_eq!(prepared.method, row.method);
        if row.encoding == Encoding::Json {
            let sent: Value = serde_json::from_slice(&prepared.body).unwrap();
            let sent = if row.shape == Shape::Array { &sent[0] } else { &sent };
            for (name, value) in first.as_object().unwrap() {
                assert_eq!(&sent[name], value, "{}: {name}", row.name);
            }
            for credential in row.credentials.iter().filter(|credential| credential.place == Place::Body) {
                assert_eq!(sent[credential.field].as_str(), known(credential.name), "{}", row.name);
            }
        }
        assert!(!row.source.is_empty());
    }
}

#[test]
fn each_required_field_that_is_missing_is_named() {
    let mut required = 0;
    for row in all() {
        for place in enforced(row).into_iter().filter(|(_, field)| matches!(field.need, Need::Required | Need::Present))
        {
            let path = format!("{}{}", place.0, place.1.name);
            let mut worthless = vec![None, Some(Value::Null)];
            if place.1.need == Need::Required {
                worthless.extend([Some(json!("")), Some(json!(" ")), Some(json!([]))]);
            }
            for value in worthless {
                let faults = found(row, &with(row, &place, value.clone()));
                assert!(faults.iter().any(|fault| fault.field == path), "{} {path} {value:?}: {faults:?}", row.name);
            }
            required += 1;
        }
    }
    assert_eq!(required, 43);
}

#[test]
fn each_limit_counts_characters() {
    let mut limits = 0;
    for row in all() {
        for place in enforced(row).into_iter().filter(|(_, field)| field.max > 0) {
            let most = usize::from(place.1.max);
            for (length, fits) in [(most, true), (most + 1, false)] {
                let faults = found(row, &with(row, &place, Some(json!("单".repeat(length)))));
                assert_eq!(faults.is_empty(), fits, "{} {} {length}: {faults:?}", row.name, place.1.name);
            }
            limits += 1;
        }
    }
    assert_eq!(limits, 11);
}

#[test]
fn each_format_is_held() {
    for row in all() {
        for place in enforced(row) {
            let (good, bad): (&[&str], &[&str]) = match place.1.format {
                Format::Any => continue,
                Format::Time => (
                    &["2024-02-29 23:59:59"],
                    &[
                        "2023-02-29 00:00:00",
                        "2024-04-22",
                        "2024-04-22T10:00:00",
                        "2024-04-22 24:00:00",
                        "2024-4-22 1:00:00",
                    ],
                ),
                Format::Date => (&["2024-12-31"], &["2024-13-01", "2024-04-31", "20240422", "2024-04-22 10:00:00"]),
                Format::Zone => (&["+08:00", "-03:30"], &["08:00", "+8", "+0800", "Asia/Shanghai", "+15:00"]),
                Format::Within(..) => (&["1", "020"], &["1.5", "-1", "1e3", "x", "18446744073709551616"]),
                Format::OneOf(values) => (values, &["9", "x"]),
                Format::Url => (
                    &["http://h", "HTTPS://u:p@h:1/单证.zip?a=b#c"],
                    &["not a url", "u", "ftp://h/a", "http://", "https:///a", "//h/a", "http://h/a b", "http:h"],
                ),
            };
            for good in good {
                let faults = found(row, &with(row, &place, Some(json!(good))));
                assert!(!faults.iter().any(|fault| fault.remedy.starts_with("must be one of")), "{good}: {faults:?}");
                assert!(place.1.format.fits(good), "{} {good}", place.1.name);
            }
            for bad in bad {
                let faults = found(row, &with(row, &place, Some(json!(bad))));
                let path = format!("{}{}", place.0, place.1.name);
                assert!(faults.iter().any(|fault| fault.field == path), "{} {path} {bad}", row.name);
            }
        }
    }
}

#[test]
fn no_fault_repeats_what_the_erp_sent() {
    for row in all() {
        for place in enforced(row) {
            let value = "Qx7".repeat(50);
            let faults = found(row, &with(row, &place, Some(json!(value))));
            assert!(!faults.iter().any(|fault| fault.to_string().contains("Qx7")), "{faults:?}");
        }
    }
}

#[test]
fn a_credential_from_the_erp_is_refused() {
    for row in all().filter(|row| row.shape == Shape::Object) {
        let beside = |place| place == Place::Body || row.encoding == Encoding::Query;
        for credential in row.credentials.iter().filter(|credential| beside(credential.place)) {
            let mut body = example(row);
            body[credential.field] = json!("x");
            let faults = found(row, &body);
            assert_eq!(faults.len(), 1, "{}: {faults:?}", row.name);
            assert_eq!(
                faults[0].to_string(),
                format!("{}: leave it out: it comes from the connection", credential.field)
            );
        }
    }
    // An escape does not hide it.
    assert_eq!(faults("bghList", r#"{"app\u0049d":"x"}"#), ["appId"]);
}

#[test]
fn credentials_go_where_the_document_has_them_and_nowhere_else() {
    let fields = |name| row(name).credentials.iter().map(|credential| credential.field).collect::<Vec<_>>();
    for name in ["receiptsea", "receiptsingle", "lcl"] {
        assert!(fields(name).is_empty(), "{name}");
    }
    for name in ["failedPushQuery", "queryFailedPush", "queryBatchFailedPush", "failedPushConfirm"] {
        assert_eq!(fields(name), ["bghId"]);
    }
    assert_eq!(fields("upload"), ["appId", "bghId"]);
    // Yanwen's token is signed with and never sent; what the ERP calls `sign` in an opaque body is its own.
    assert!(faults("s3.bag.create", r#"{"sign":"x","user_id":"y"}"#).is_empty());
}

#[test]
fn fields_that_no_document_names_pass() {
    for row in all().filter(|row| row.shape == Shape::Object) {
        let mut body = example(row);
        body["noSuchField"] = json!({"a": [1, null]});
        assert!(found(row, &body).is_empty(), "{}", row.name);
    }
    // By analogy alone nothing is refused.
    assert!(
        faults("getAuthorizationLetter", "{}").is_empty()
            && faults("failedPushQuery", r#"{"cutoffTime":"x"}"#).is_empty()
    );
}

/// Regression: a boolean, an object or null went to the partner in the place of a text.
#[test]
fn known_type_is_held_where_analogy_alone_knows_the_field() {
    for value in ["false", "{}", "[]", "null"] {
        assert_eq!(faults("getCheckRows", &format!(r#"{{"orderOutNo":{value}}}"#)), ["orderOutNo"], "{value}");
        assert_eq!(faults("recall", &format!(r#"{{"orderOutNo":"1","hdUserName":"x","phone":{value}}}"#)), ["phone"]);
    }
    assert_eq!(faults("getCheckRows", r#"{"orderOutNo":""}"#), [""; 0]);
    assert_eq!(faults("getCheckRows", r#"{"orderOutNo":12,"type":"x"}"#), [""; 0]);
    assert_eq!(faults("queryBatchFailedPush", r#"{"orderNos":[true]}"#), ["orderNos[0]"]);
    assert_eq!(faults("port_query_v2", r#"[{"subNo":"1"},{}]"#), ["[1].carrierCd"]);
}

#[test]
fn fields_are_held_together() {
    let task = r#""billNo":"B","shipName":"S","voyage":"1""#;
    for (more, expected) in [
        (r"", vec!["fileUrl"]),
        (r#","fileUrl":"","orders":[]"#, vec!["fileUrl"]),
        (r#","fileUrl":"http://x/a.jpg""#, vec![]),
        (r#","orders":[{"orderOutNo":"SO-1"}]"#, vec![]),
        (r#","orders":[{"orderOutNo":"SO-1"},{"newBillNo":"B2"},7]"#, vec!["orders[1].orderOutNo", "orders[2]"]),
        (r#","orders":{"orderOutNo":"SO-1"}"#, vec!["orders"]),
        (r#","fileUrl":"http://u","taskId":"""#, vec!["taskId"]),
        (r#","fileUrl":"http://u","taskId":77"#, vec![]),
        (r#","fileUrl":"http://u","lclFlagCode":1"#, vec![]),
        (r#","fileUrl":"http://u","lclFlagCode":"是""#, vec!["lclFlagCode"]),
        (r#","fileUrl":["u"]"#, vec!["fileUrl"]),
    ] {
        assert_eq!(faults("lcl_task", &format!("{{{task}{more}}}")), expected, "{more}");
    }

    let mawb = |kind: &str, flight: &str| {
        row("s3.mawb.create")
            .example
            .replace(r#""1","flightNo":"ANA962""#, &format!("{kind},\"flightNo\":\"{flight}\""))
    };
    assert_eq!(faults("s3.mawb.create", &mawb("1", "")), ["flightNo"]);
    assert_eq!(faults("s3.mawb.create", &mawb("\"3\"", "")), [""; 0]);
    let sea = ["scacBill", "vesselName", "voyageNumber", "containerNumber", "sealNumber"];
    assert_eq!(faults("s3.mawb.create", &mawb("2", "")), sea);
}

#[test]
fn body_of_another_shape_is_reported() {
    for (name, body, field) in [
        ("upload", "[]", ""),
        ("upload", "null", ""),
        ("port_query_v2", "{}", ""),
        ("port_query_v2", "[]", ""),
        ("port_query_v2", r#"[{"subType":1},2]"#, "[1]"),
        ("receiptsingle", r#"{"orderOutNo":"1","paramJson":"text"}"#, "paramJson"),
        ("receiptsingle", r#"{"orderOutNo":"1","paramJson":"{\"dDate\":\"22.4.2024\"}"}"#, "paramJson.dDate"),
        ("failedPushConfirm", r#"{"orderNos":["A1",{}]}"#, "orderNos[1]"),
        ("failedPushConfirm", r#"{"orderNos":"A1"}"#, "orderNos"),
        ("result_query", r#"{"batchNo":"b","pageSize":501}"#, "pageSize"),
        ("customs_status_download", "{}", "billId"),
    ] {
        assert_eq!(faults(name, body), [field], "{name} {body}");
    }
}

#[test]
fn a_path_that_is_lost_is_configuration() {
    for (name, key) in [("unfreeze", "paths.unfreeze"), ("subscribe", "paths.subscribe")] {
        let faults = send_by(name, "{}", &attempt(&Settings::default())).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [key]);
    }
    assert_eq!(send("unfreeze", "{}").url("http://h/api/docking/"), "http://h/api/docking/batchThaw");
}

#[test]
fn only_a_documented_repetition_is_safe() {
    let safe = all().filter(|row| matches!(row.effect, Effect::Command { repeatable: true })).map(|row| row.name);
    assert_eq!(safe.collect::<Vec<_>>(), ["port_query_v2"]);
    assert!(row("bghList").effect.repeatable() && !row("upload").effect.repeatable());
    assert!(row("lcl").deprecated.is_some() && all().filter(|row| row.deprecated.is_some()).count() == 1);
}

#[test]
fn every_mistake_in_settings_is_reported() {
    let wrong = |partner: Partner, text: &str| {
        let settings: Settings = toml::from_str(text).unwrap();
        settings.validate(partner).into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    let text = r#"
        file_part = ""
        base64_field = ""
        [paths]
        unfreeze = "http://elsewhere/"
        subscribe = "x"
        upload = "x"
        [encodings]
        package = "multipart"
        fileUpload = "json"
        nothing = "form"
        sendMsg = "query"
    "#;
    assert_eq!(
        wrong(Partner::Xhq, text),
        [
            "paths.subscribe",
            "paths.unfreeze",
            "paths.upload",
            "encodings.fileUpload",
            "encodings.nothing",
            "encodings.sendMsg",
            "file_part",
            "base64_field"
        ]
    );
    for path in ["", "a b", "../up", "a?b", "a#b", "//host/a"] {
        let settings = Settings { paths: [("unfreeze".to_owned(), path.to_owned())].into(), ..Settings::default() };
        assert_eq!(settings.validate(Partner::Xhq).len(), 1, "{path}");
    }
    assert_eq!(wrong(Partner::Yanwen, "[signature]\nparts = [\"body\"]\nhash = \"md5\""), ["signature"]);
    assert!(toml::from_str::<Settings>("pathes = {}").is_err());
    for partner in Partner::ALL {
        assert!(Settings::default().validate(partner).is_empty(), "{partner}");
    }
}
