use super::*;

#[test]
fn erps_values_are_sent_unchanged() {
    let body = "\u{feff} { \"orderOutNo\" : \"\\u4e2d\\/1\",\t\"isReload\":2, \"fileUrl\":\"http://x/中.zip\",\r\n \"price\": 1.10,\
                \"id\":1906651379888427008, \"twice\":1, \"twice\":1e400,\"no\":null } ";
    let sent = send("upload", body);
    let own = body.trim().trim_start_matches('\u{feff}').trim().strip_prefix('{').unwrap();
    assert_eq!(text(&sent), format!(r#"{{"appId":"APP-\"1\"","bghId":"BGH-2",{own}"#));
    assert_eq!(sent.url("http://h/api/docking/"), "http://h/api/docking/upload");

    // Where nothing is put in, nothing is changed.
    let body = "{ \"orderOutNo\" :\t\"SO-1\" }";
    assert_eq!(text(&send("receiptsea", body)), body);
    let body = "[ { \"subNo\" : 1.0 } ]";
    assert_eq!(text(&send("port_query_v2", body)), body);
}

#[test]
fn an_empty_body_takes_credentials_too() {
    assert_eq!(text(&send("bghList", " { } ")), r#"{"appId":"APP-\"1\""}"#);
}

#[test]
fn optional_texts_are_sent_blank_as_in_the_example() {
    let sent = send(
        "lcl_task",
        r#"{"billNo":"B","shipName":"S","voyage":"1","orders":[{"orderOutNo":"SO-1"}],"packNo":null}"#,
    );
    let expected = concat!(
        r#"{"appId":"APP-\"1\"","bghId":"BGH-2","#,
        r#""billNo":"B","shipName":"S","voyage":"1","orders":[{"orderOutNo":"SO-1"}],"packNo":null,"#,
        r#""fileUrl":"","outNo":"","iEPort":"","iEPortCode":"","declarationPort":"","declarationPortCode":"","#,
        r#""entyPort":"","entyPortCode":"","distinatePort":"","distinatePortCode":"","containerId":"","containerMd":"","#,
        r#""containerWt":"","containerMdCode":"","lclFlagCode":"","grossWet":""}"#,
    );
    assert_eq!(text(&sent), expected);
    assert!(!text(&send("recall", row("recall").example)).contains("phone"));
}

#[test]
fn documented_defaults_are_sent() {
    assert_eq!(
        text(&send("failedPushConfirm", r#"{"orderNos":["A1"]}"#)),
        r#"{"bghId":"BGH-2","orderNos":["A1"],"type":"BGH"}"#
    );
    assert_eq!(
        text(&send("failedPushConfirm", r#"{"orderNos":["A1"],"type":"FWD"}"#)),
        r#"{"bghId":"BGH-2","orderNos":["A1"],"type":"FWD"}"#
    );
}

#[test]
fn a_form_holds_scalars_as_text_and_json_as_its_text() {
    let sent =
        send("sendMsg", r#"{"msg":[{"containerId":"箱 1&2","lclFlag":0}],"messageType":1706,"orderOutNo":null}"#);
    let expected = concat!(
        "appId=APP-%221%22",
        "&msg=%5B%7B%22containerId%22%3A%22%E7%AE%B1%201%262%22%2C%22lclFlag%22%3A0%7D%5D",
        "&messageType=1706&orderOutNo=&sessionType=20",
    );
    assert_eq!(text(&sent), expected);
    // A message that is a string already is that string, not a JSON string.
    assert!(
        text(&send("sendMsg", r#"{"msg":"[\"a\"]","sessionType":"0"}"#)).ends_with("&msg=%5B%22a%22%5D&sessionType=0")
    );
}

#[test]
fn a_form_may_be_configured_to_be_multipart() {
    let settings = Settings { encodings: [("package".to_owned(), Encoding::Multipart)].into(), ..Settings::default() };
    let sent = send_by("package", r#"{"voyage":"307S"}"#, &attempt(&settings)).unwrap();
    assert_eq!(sent.content_type.as_deref(), Some("multipart/form-data; boundary=b0"));
    let expected = "--b0\r\nContent-Disposition: form-data; name=\"appId\"\r\n\r\nAPP-\"1\"\r\n\
                    --b0\r\nContent-Disposition: form-data; name=\"voyage\"\r\n\r\n307S\r\n--b0--\r\n";
    assert_eq!(text(&sent), expected);
}

#[test]
fn a_file_is_a_part_of_a_configured_name() {
    let file = Some(File { name: "单\"证\r\n.zip", content_type: "application/zip\r\nX: y" });
    for (part, settings) in [
        ("file", Settings::default()),
        ("attachment", Settings { file_part: "attachment".to_owned(), ..Settings::default() }),
    ] {
        let attempt = Attempt { file, ..attempt(&settings) };
        let sent = send_by("fileUpload", r#"{"orderOutNo":"SO-1"}"#, &attempt).unwrap();
        let mut expected = format!(
            "--b0\r\nContent-Disposition: form-data; name=\"appId\"\r\n\r\nAPP-\"1\"\r\n\
             --b0\r\nContent-Disposition: form-data; name=\"bghId\"\r\n\r\nBGH-2\r\n\
             --b0\r\nContent-Disposition: form-data; name=\"orderOutNo\"\r\n\r\nSO-1\r\n\
             --b0\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"单%22证%0D%0A.zip\"\r\n\
             Content-Type: application/zipX: y\r\n\r\n"
        )
        .into_bytes();
        assert_eq!(sent.file, Some(Slot { at: expected.len(), written: Written::Plain }));
        expected.extend_from_slice(b"\r\n--b0--\r\n");
        assert_eq!(sent.body, expected);
    }
}

#[test]
fn a_file_as_base64_needs_the_name_of_its_field() {
    let file = Some(File { name: "a.zip", content_type: "application/zip" });
    let field = |attempt: &Attempt<'_>, body| {
        send_by("fileBase64Upload", body, attempt).map_err(|faults| faults[0].field.clone())
    };
    assert_eq!(field(&Attempt { file, ..attempt(&Settings::default()) }, "{}").unwrap_err(), "base64_field");
    let settings = Settings { base64_field: Some("content".to_owned()), ..Settings::default() };
    let sent = field(&Attempt { file, ..attempt(&settings) }, r#"{"orderOutNo":"SO-1"}"#).unwrap();
    let whole = r#"{"appId":"APP-\"1\"","bghId":"BGH-2","orderOutNo":"SO-1","content":""}"#;
    assert_eq!((text(&sent), sent.file), (whole, Some(Slot { at: whole.len() - 2, written: Written::Base64 })));
    for (encoding, end, written) in [
        (Encoding::Form, "&content=", Written::FormBase64),
        (Encoding::Multipart, "name=\"content\"\r\n\r\n", Written::Base64),
    ] {
        let encodings = [("fileBase64Upload".to_owned(), encoding)].into();
        let settings = Settings { encodings, ..settings.clone() };
        let sent = field(&Attempt { file, ..attempt(&settings) }, r#"{"orderOutNo":"SO-1"}"#).unwrap();
        let slot = sent.file.unwrap();
        assert!(text(&sent)[..slot.at].ends_with(end) && slot.written == written, "{}", text(&sent));
    }
    assert_eq!(field(&Attempt { file, ..attempt(&settings) }, r#"{"content":"x"}"#).unwrap_err(), "content");
    // Without a file the ERP's own fields go as they are.
    assert!(field(&attempt(&settings), r#"{"content":"UEs="}"#).is_ok());
}

#[test]
fn a_file_has_its_operations() {
    let file = Some(File { name: "a", content_type: "text/plain" });
    let settings = Settings::default();
    assert_eq!(send_by("bghList", "{}", &Attempt { file, ..attempt(&settings) }).unwrap_err()[0].field, "file");
    assert_eq!(send_by("fileUpload", "{}", &attempt(&settings)).unwrap_err()[0].field, "file");
}

#[test]
fn missing_credential_is_named() {
    let settings = settings();
    let bare = Attempt { credentials: &|_| None, token: None, ..attempt(&settings) };
    let missing = |name: &str, body: &str| match send_by(name, body, &bare) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| fault.field).collect(),
    };
    assert_eq!(missing("upload", row("upload").example), ["app_id", "bgh_id"]);
    assert_eq!(missing("common.country.getlist", "{}"), ["user_id"]);
    assert_eq!(missing("customs_status_download", r#"{"billId":"1"}"#), ["company_code", "token"]);
    assert_eq!(missing("port_query_v2", "[{}]"), ["token"]);
    // Credentials that are inferred by analogy are optional.
    assert_eq!(missing("feeConfirm", "{}"), [""; 0]);
    assert_eq!(missing("receiptsea", row("receiptsea").example), [""; 0]);
}

#[test]
fn secrets_of_an_address_are_not_printed() {
    let sent = send("customs_status_download", r#"{"billId":["1906651379888427008",2],"orgCode":"上海"}"#);
    let base = "https://api.trackingeyes.com";
    let path = "https://api.trackingeyes.com/api/customsStatus/download";
    let own = "billId=1906651379888427008%2C2&orgCode=%E4%B8%8A%E6%B5%B7";
    assert_eq!(sent.url(base), format!("{path}?companyCode=COMPANY-3&token=t0&{own}"));
    let printed = "[companyCode=[REDACTED], token=[REDACTED], billId=1906651379888427008,2, orgCode=上海]";
    assert_eq!(format!("{:?}", sent.query), printed);
    assert!(sent.body.is_empty() && sent.content_type.is_none() && sent.method == Method::Get);

    let sent = send("subscribe", "[ 1.10 ]");
    assert_eq!(sent.url(base), format!("{base}/api/customs/subscription?companyCode=COMPANY-3&token=t0"));
    assert_eq!(text(&sent), "[ 1.10 ]");
}

#[test]
fn no_secret_is_ever_printed() {
    let settings = settings();
    for row in all() {
        let file = row.file.map(|_| File { name: "a", content_type: "b" });
        let settings = Settings { base64_field: Some("content".to_owned()), ..settings.clone() };
        let sent = send_by(row.name, row.example, &Attempt { file, ..attempt(&settings) }).unwrap();
        let printed = format!("{sent:?}");
        let secrets =
            ["app_id", "bgh_id", "user_id", "api_token", "company_code", "secret"].map(|name| known(name).unwrap());
        for secret in secrets.into_iter().chain(["t0"]) {
            assert!(!printed.contains(secret), "{}: {printed}", row.name);
        }
    }
    let token = token_of("t0xyz");
    assert!(!format!("{token:?}").contains("t0xyz") && token.expose() == "t0xyz");
}

fn token_of(text: &str) -> Token {
    let answer = format!(r#"{{"code":200,"result":"{text}"}}"#);
    read_token(Partner::TrackingEyes, &Settings::default(), 200, answer.as_bytes()).unwrap()
}

#[test]
fn settings_name_required_fields_of_known_operations() {
    let settings = |name: &str, fields: &[&str]| Settings {
        required: [(name.to_owned(), fields.iter().map(|&field| field.to_owned()).collect())].into(),
        ..Settings::default()
    };
    let wrong = |name: &str, fields: &[&str], partner| {
        settings(name, fields).validate(partner).into_iter().map(|fault| fault.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(wrong("feeConfirm", &["feeId", "a.b"], Partner::Xhq), [""; 0]);
    assert_eq!(wrong("s3.bag.create", &["bagNo"], Partner::Yanwen), [""; 0], "any method of its families");
    let unknown = wrong("feeConfirms", &["feeId"], Partner::Xhq);
    assert!(unknown[0].starts_with("required.feeConfirms: is no operation of") && unknown[0].contains("feeConfirm"));
    for (fields, said) in [(&[][..], "must be names"), (&["a."], "must be names"), (&["appId"], "holds appId")] {
        assert!(wrong("feeConfirm", fields, Partner::Xhq)[0].contains(said), "{fields:?}");
    }
    let missing = |body: &str| {
        let body = Json::parse(body.as_bytes()).unwrap();
        let missing = settings("port_query_v2", &["carrierCd"]).missing(&row("port_query_v2"), &body);
        missing.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
    };
    assert_eq!(missing(r#"[{"carrierCd":"CNTAO"},{"carrierCd":""}]"#), ["[1].carrierCd"]);
}
