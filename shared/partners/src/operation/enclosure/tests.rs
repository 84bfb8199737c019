use super::*;
use crate::Partner;
use crate::operation::find;

const ZIP: &str = r#"{"name":"a.zip","base64":"UEsDBA=="}"#;

fn row(name: &str) -> Operation<'_> {
    find(Partner::Xhq, name).unwrap()
}

fn taken(name: &str, body: &str) -> Result<(String, Option<Enclosure>), Vec<String>> {
    let body = Json::parse(body.as_bytes()).unwrap();
    take(&row(name), &body).map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
}

/// The fields at fault where the body is nothing but this file.
fn faults(file: &str) -> Vec<String> {
    taken("fileUpload", &format!(r#"{{"file":{file}}}"#)).err().unwrap_or_default()
}

#[test]
fn the_rest_of_the_body_stays_byte_for_byte() {
    let cases = [
        (r#"{"a" : 1.10,"file":F, "b":"\u4e2d\/" }"#, r#"{"a" : 1.10, "b":"\u4e2d\/" }"#),
        ("{ \"file\" :F\n ,\t\"a\":1,\"a\":2}", "{\t\"a\":1,\"a\":2}"),
        (r#"{"a":{"file":1} , "file":F }"#, r#"{"a":{"file":1} }"#),
        (r#"{ "file":F }"#, "{ }"),
        (r#"{"a":",\"file\":{","fi\u006ce":F,"b":[]}"#, r#"{"a":",\"file\":{","b":[]}"#),
        ("\u{feff} {\"a\":\"单\",\"file\":F,\"b\":1}\n", "{\"a\":\"单\",\"b\":1}"),
    ];
    for (body, rest) in cases {
        let (text, enclosure) = taken("fileUpload", &body.replace('F', ZIP)).unwrap();
        assert_eq!(text, rest);
        Json::parse(text.as_bytes()).unwrap();
        assert_eq!(enclosure, Some(serde_json::from_str(ZIP).unwrap()), "{body}");
    }
}

#[test]
fn where_no_file_is_taken_the_member_is_the_partners() {
    for (name, body) in [
        ("upload", format!(r#"{{ "file":{ZIP} }}"#)),
        ("fileBase64Upload", r#"{"file":"UEsDBA=="}"#.to_owned()),
        ("fileUpload", r#"{"files":1}"#.to_owned()),
        ("fileUpload", "[1]".to_owned()),
    ] {
        assert_eq!(taken(name, &body), Ok((body, None)));
    }
    assert_eq!(taken("fileUpload", r#"{"file":"UEsDBA=="}"#).unwrap_err(), ["file"]);
    assert_eq!(taken("fileUpload", &format!(r#"{{"file":{ZIP},"file":{ZIP}}}"#)).unwrap_err(), ["file"]);
}

#[test]
fn file_violation_is_named() {
    let cases: [(&str, &[&str]); 12] = [
        ("{}", &["file"]),
        (r#"{"name":"a.zip","base64":"","url":null}"#, &["file.url"]),
        (r#"{"name":"a.zip","base64":"UEsDBA==","url":"https://h/a.zip"}"#, &["file.url"]),
        (r#"{"base64":"UEsDBA=="}"#, &["file.name"]),
        (r#"{"name":7,"base64":["UEsDBA=="],"size":4}"#, &["file.name", "file.base64", "file.size"]),
        (r#"{"name":"../a.zip","base64":"@"}"#, &["file.name", "file.base64"]),
        (r#"{"name":"a.zip","base64":"UEsDBA==","content_type":"application/zip\r\nx: y"}"#, &["file.content_type"]),
        (r#"{"name":"a.zip","base64":"UEsDBA==","content_type":"zip"}"#, &["file.content_type"]),
        (r#"{"url":"https://h/"}"#, &["file.name"]),
        (r#"{"url":"ftp://h/a.zip","name":"a.zip"}"#, &["file.url"]),
        (r#"{"url":"https:///a.zip","name":"a.zip"}"#, &["file.url"]),
        (r#"{"url":"https://h/a b.zip","name":"a.zip"}"#, &["file.url"]),
    ];
    for (file, fields) in cases {
        assert_eq!(faults(file), fields, "{file}");
    }
    for sound in [
        r#"{"url":"HTTPS://h/download?id=7","name":"单证.RAR","content_type":"application/zip; x=\"1\""}"#,
        r#"{"url":"https://h/download?id=7"}"#,
        // The document limits sea freight's `fileUrl` to zip and rar, and no file that is uploaded.
        r#"{"name":"a.pdf","base64":"UEsDBA=="}"#,
    ] {
        assert_eq!(faults(sound), [""; 0], "{sound}");
    }
}

/// Regression: `false` and 12 stood for the file, where the connection names the partner's own field.
#[test]
fn partners_own_field_holds_a_text() {
    let settings = Settings { base64_field: Some("fileBase64".to_owned()), ..Settings::default() };
    let fault = |body: &str| {
        let body = Json::parse(body.as_bytes()).unwrap();
        missing(&row("fileBase64Upload"), &body, &settings).map(|fault| fault.field)
    };
    for (body, field) in [
        (r#"{"fileBase64":false}"#, Some("fileBase64")),
        (r#"{"fileBase64":12}"#, Some("fileBase64")),
        (r#"{"fileBase64":{}}"#, Some("fileBase64")),
        (r#"{"fileBase64":" "}"#, Some("file")),
        (r#"{"fileBase64":null}"#, Some("file")),
        ("{}", Some("file")),
        (r#"{"fileBase64":"UEsDBA=="}"#, None),
        (r#"{"file":"UEsDBA=="}"#, None),
    ] {
        assert_eq!(fault(body).as_deref(), field, "{body}");
    }
}

#[test]
fn a_file_names_no_place() {
    for name in ["a/b.zip", "a\\b.zip", "a\0.zip", "a\r\n.zip", "a\u{85}.zip", "..", " ", ". .", &"长".repeat(256)] {
        assert!(!is_name(name), "{name:?}");
    }
    assert!(["单证 1.zip", "...zip", "a", &"长".repeat(255)].into_iter().all(is_name));
}

#[test]
fn an_address_gives_the_name_where_the_erp_does_not() {
    let name =
        |url: &str| Enclosure::At { name: None, content_type: None, url: url.to_owned() }.name().map(Cow::into_owned);
    for (url, expected) in [
        ("https://u:p@h:8443/a/%E5%8D%95.zip?sign=/x.rar#/y.rar", Some("单.zip")),
        ("https://h/a.zip/", None),
        ("https://h", None),
        ("https://h/..%2Fa.zip", None),
        ("https://h/a%0A.zip", None),
        ("https://h/%FF.zip", None),
        ("https://h/100%.zip", None),
    ] {
        assert_eq!(name(url).as_deref(), expected, "{url}");
    }
}

#[test]
fn base64_is_taken_as_encoders_print_it() {
    for text in ["UEsDBP/7", "UEsD\r\nBP/7\r\n", " UEsD BP/7"] {
        assert_eq!(decode(text).as_deref(), Ok(&b"PK\x03\x04\xff\xfb"[..]), "{text:?}");
    }
    assert_eq!((decode("UEs=").unwrap(), decode("UEs").unwrap()), (b"PK".to_vec(), b"PK".to_vec()));
    let Enclosure::Inline { base64, .. } = Enclosure::inline("a".to_owned(), None, b"PK") else { unreachable!() };
    assert_eq!(base64, "UEs=");
    for text in ["UEsDBP_7", "data:application/zip;base64,UEsDBP/7", "UEsDB", "UE=s", "", "\n"] {
        assert_eq!(decode(text).unwrap_err().field, "file.base64", "{text:?}");
    }
}

#[test]
fn media_type_follows_the_file_name() {
    assert_eq!((media_type("A.ZIP"), media_type("a.b.jpeg")), ("application/zip", "image/jpeg"));
    assert_eq!((media_type("zip"), media_type("a.")), ("application/octet-stream", "application/octet-stream"));
}

#[test]
fn enclosure_is_stored_unchanged_and_printed_redacted() {
    let at = r#"{"name":"a.zip","content_type":"x/y","url":"https://u:hunter2@h/hunter2?sign=hunter2"}"#;
    for text in [ZIP, at, r#"{"url":"https://h/a.zip"}"#] {
        let enclosure: Enclosure = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&enclosure).unwrap(), text);
        let printed = format!("{enclosure:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("UEsDBA"), "{printed}");
    }
    for text in [r#"{"name":"a.zip"}"#, r#"{"url":"https://h/a.zip","size":1}"#, r#"{"base64":"UEs="}"#] {
        assert!(serde_json::from_str::<Enclosure>(text).is_err(), "{text}");
    }
}
