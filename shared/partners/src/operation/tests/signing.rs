use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../../../tests/fixtures/yanwen_sign_vectors.json");
const MAWB: &str = include_str!("../../../../../tests/fixtures/yanwen_mawb_create.json");

fn vectors() -> Vec<Value> {
    serde_json::from_str(VECTORS).unwrap()
}

fn field<'v>(vector: &'v Value, name: &str) -> &'v str {
    vector[name].as_str().unwrap()
}

#[test]
fn every_vector_signs_as_it_says() {
    for vector in vectors() {
        let of = |name| field(&vector, name);
        let sign = yanwen::sign(of("apitoken"), of("user_id"), of("method"), of("timestamp"), of("data"));
        assert_eq!(sign, of("sign"), "{}", of("name"));
        assert_eq!((of("format"), of("version")), ("json", "V1.0"));
        if vector["matches_published"] == true {
            assert_eq!(sign, of("published_sign"));
        }
    }
}

#[test]
fn the_hash_that_the_page_misprints_is_not_ours() {
    let printed = "553c7b9f65638ab8309cd38e4d9aa7f1";
    let wrong: Vec<_> = vectors().into_iter().filter(|vector| vector["published_sign"] == printed).collect();
    assert_eq!(wrong.len(), 1);
    let of = |name| field(&wrong[0], name);
    assert_ne!(yanwen::sign(of("apitoken"), of("user_id"), of("method"), of("timestamp"), of("data")), printed);
}

/// The request of a vector goes out with its data, its address and its signature.
#[test]
fn every_vector_is_sent_as_it_signs() {
    let settings = Settings::default();
    for vector in vectors() {
        let of = |name: &str| field(&vector, name).to_owned();
        let (user_id, api_token, method, data) = (of("user_id"), of("apitoken"), of("method"), of("data"));
        let credentials = |name: &str| match name {
            "user_id" => Some(user_id.as_str()),
            "api_token" => Some(api_token.as_str()),
            _ => None,
        };
        let at = |now_ms| Attempt {
            now_ms,
            credentials: &credentials,
            settings: &settings,
            token: None,
            nonce: "",
            boundary: "",
            file: None,
        };
        // The fields of the master waybill are beside the point here.
        let row = Operation { name: method.as_str(), ..find(Partner::Yanwen, "express.order.get").unwrap() };
        let json = Json::parse(data.as_bytes()).unwrap();
        let sent = prepare(&row, &json, &at(1_655_798_809_414)).unwrap();
        assert_eq!((text(&sent), value(&sent.query, "sign")), (data.as_str(), of("sign").as_str()));
        let names: Vec<_> = sent.query.iter().map(|pair| pair.name.as_ref()).collect();
        assert_eq!(names, ["user_id", "method", "format", "timestamp", "sign", "version"]);
        assert_eq!(value(&sent.query, "timestamp"), of("timestamp"));
        let later = prepare(&row, &json, &at(1_655_799_169_414)).unwrap();
        assert_eq!(value(&later.query, "timestamp"), "1655799169414");
        assert_ne!(value(&later.query, "sign"), value(&sent.query, "sign"));
    }
}

#[test]
fn a_printed_body_is_sent_compact_and_the_address_is_the_base() {
    let compact = vectors().into_iter().find(|vector| vector["name"] == "computed_mawb_seed_body").unwrap();
    let settings = Settings::default();
    let now = Attempt { now_ms: 1_655_798_809_414, ..attempt(&settings) };
    let sent = send_by("s3.mawb.create", MAWB, &now).unwrap();
    assert_eq!(text(&sent), field(&compact, "data"));
    let base = "https://ejf-fat.yw56.com.cn/api/order";
    let query = format!(
        "user_id=99000015&method=s3.mawb.create&format=json&timestamp=1655798809414&sign={}&version=V1.0",
        field(&compact, "sign")
    );
    assert_eq!(sent.url(base), format!("{base}?{query}"));
    assert!(!format!("{sent:?}").contains(field(&compact, "sign")));
}

#[test]
fn whole_numbers_become_their_text_and_nothing_else_changes() {
    let body = row("s3.mawb.create").example;
    let body =
        body.replace(r#""version":"1""#, r#""version": 1"#).replace(r#""weight":"20000""#, r#""weight" : 020000"#);
    assert!(Json::parse(body.as_bytes()).is_err());
    let body = body.replace("020000", "20000").replace(r#""parcelQuantity":"1000""#, r#""parcelQuantity":1000 "#);
    let body = body.replace(r#""mawbNo":"test10000001""#, r#""mawbNo": "燕文 \u4e2d \"x\\" , "price" : 1.10"#);
    let sent = send("s3.mawb.create", &body);
    let expected = row("s3.mawb.create").example;
    let expected = expected.replace(r#""mawbNo":"test10000001""#, r#""mawbNo":"燕文 \u4e2d \"x\\","price":1.10"#);
    assert_eq!(text(&sent), expected);
    for (printed, quoted) in [("1646.0", "1646"), ("1.646e3", "1646"), ("9007199254740993.0", "9007199254740993")] {
        let body = row("s3.mawb.create").example;
        let sent = send("s3.mawb.create", &body.replace(r#""1646""#, printed));
        assert_eq!(text(&sent), body.replace("1646", quoted), "{printed}");
    }
    // No number is rounded into one.
    for wrong in ["1.5", "1e-3", "-1", "\"1.0\"", "1e400"] {
        let body = row("s3.mawb.create").example.replace(r#""1646""#, wrong);
        assert_eq!(faults("s3.mawb.create", &body), ["channelId"], "{wrong}");
    }
}

#[test]
fn unused_fields_of_another_transport_are_sent_blank() {
    let body = row("s3.mawb.create").example;
    let blanks = r#""scacBill":"","vesselName":"","voyageNumber":"","containerNumber":"","sealNumber":"","#;
    let sent = send("s3.mawb.create", &body.replace(blanks, ""));
    let expected =
        format!("{},{}}}", body.replace(blanks, "").strip_suffix('}').unwrap(), blanks.trim_end_matches(','));
    assert_eq!(text(&sent), expected);
    assert_eq!(
        value(&sent.query, "sign"),
        yanwen::sign(known("api_token").unwrap(), "99000015", "s3.mawb.create", "1700000000000", &expected)
    );
}

#[test]
fn any_method_of_the_families_goes_by_the_same_envelope() {
    let sent = send("s3.express.create", "[ 1.10 , \"a b\" ]");
    assert_eq!((text(&sent), value(&sent.query, "method")), (r#"[1.10,"a b"]"#, "s3.express.create"));
    for name in ["s3.", "s4.x", "S3.mawb.create", "s3.a b", "s3.a&b", "mawb.create", ""] {
        assert!(find(Partner::Yanwen, name).is_none(), "{name}");
    }
    assert!(!find(Partner::Yanwen, "s3.anything.get").unwrap().effect.repeatable());
    assert_eq!(find(Partner::Yanwen, "express.order.get").unwrap().effect, Effect::Query);
}
