//! Yanwen's signature, times and fields.

use std::time::Duration;

use md5::{Digest as _, Md5};
use simulators::api::{Fault, Yanwen};

use super::support::{ANY_PORT, Ask, Hands, Told};

const TOKEN: &str = "E33A3973221DB08128F8FF436EFDB8F4";

/// A body that is right: the document's own, compact.
const MAWB: &str = r#"{"mawbNo":"test10000001","version":"1","channelId":"1646","importPort":"CDG","exportPort":"CAN","weight":"20000","chargeableWeight":"21000","country":"FR","transportType":"1","flightNo":"ANA962","scacBill":"","vesselName":"","voyageNumber":"","containerNumber":"","sealNumber":"","etdTimeZone":"+08:00","etd":"2023-05-17 10:10:00","eta":"2023-05-17 16:00:00","etaTimeZone":"+08:00","bagQuantity":"50","parcelQuantity":"1000","bagList":[{"bagNo":"bagNo001"},{"bagNo":"bagNo002"}]}"#;

async fn start(hands: &Hands) -> Yanwen {
    Yanwen::start(ANY_PORT, hands.clock(), "99000015", TOKEN).await.unwrap()
}

/// A request whose signature covers that body.
fn signed(hands: &Hands, method: &str, body: &str) -> Ask {
    let timestamp = hands.now().0 / 1000;
    let text = format!("{TOKEN}99000015{body}json{method}{timestamp}V1.0{TOKEN}");
    let sign = Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let query = format!("user_id=99000015&method={method}&format=json&timestamp={timestamp}&sign={sign}&version=V1.0");
    Ask::json(format!("/api/order?{query}"), body)
}

async fn call(yanwen: &Yanwen, ask: Ask) -> Told {
    ask.ask(yanwen).await.unwrap()
}

#[tokio::test]
async fn published_signatures_are_right() {
    // Signatures that the partner's own pages print, at the time they print.
    let hands = Hands::new();
    let at = Duration::from_millis(1_655_798_809_414).as_micros();
    let clock = std::sync::Arc::new(move || hub::Utc(i64::try_from(at).unwrap()));
    let new = Yanwen::start(ANY_PORT, clock.clone(), "99000015", TOKEN).await.unwrap();
    let old = Yanwen::start(ANY_PORT, clock, "100000", "D6140AA383FD8515B09028C586493DDB").await.unwrap();
    for (api, user, method, body, sign) in [
        (&new, "99000015", "express.order.create", "{}", "1a4187d5e55337e2383b041bfb5a532f"),
        (&new, "99000015", "express.overseas.manifest.create", "{}", "b5846d9240e0d649266d3cc3d7ed81a2"),
        (&old, "100000", "common.country.getlist", "{}", "bc5f1792e30936c72fa2a35efead8d73"),
        (&new, "99000015", "s3.mawb.create", MAWB, "7b7f457a96c3790b194458dd425e314e"),
    ] {
        let query =
            format!("user_id={user}&method={method}&format=json&timestamp=1655798809414&sign={sign}&version=V1.0");
        let told = call(api, Ask::json(format!("/api/order?{query}"), body)).await;
        assert_eq!((told.status, told.code().as_str()), (200, "\"0\""), "{method}: {told:?}");
    }
    // The one that the partner prints wrong.
    let printed = signed(&hands, "s3.mawb.create", "{}");
    let query = "user_id=99000015&method=s3.mawb.create&format=json&timestamp=1655798809414&version=V1.0&sign=";
    for (sign, status) in [("553c7b9f65638ab8309cd38e4d9aa7f1", 401), ("39af098ea888e8ea4f5f7f9a4934da32", 200)] {
        let ask = Ask { target: format!("/api/order?{query}{sign}"), ..printed.clone() };
        assert_eq!(call(&new, ask).await.status, status);
    }
}

#[tokio::test]
async fn unknown_caller_is_refused_in_plain_text() {
    let hands = Hands::new();
    let yanwen = start(&hands).await;
    let right = signed(&hands, "s3.mawb.create", MAWB);
    assert_eq!(call(&yanwen, right.clone()).await.code(), "\"0\"");
    let sign_at = right.target.find("sign=").unwrap() + 5;
    let upper = right.target[..sign_at].to_owned() + &right.target[sign_at..].to_uppercase();
    let targets = [
        right.target.replace("99000015", "99000016"),
        right.target.replace("format=json", "format=xml"),
        right.target.replace("&version=V1.0", ""),
        right.target.replace("&timestamp=", "&time="),
        right.target.replace("s3.mawb", "s3.bag"),
        right.target.clone() + "&version=V1.0",
        right.target.clone() + "&data=%7B%7D",
        right.target.clone() + "&apitoken=" + TOKEN,
        upper,
    ];
    for target in targets {
        let told = call(&yanwen, Ask { target: target.clone(), ..right.clone() }).await;
        assert!(told.status == 401 && told.head.contains("text/plain"), "{target}: {told:?}");
    }
    let other = Ask { body: MAWB.replace("test1", "test2").into(), ..right.clone() };
    assert_eq!((call(&yanwen, other).await.body.as_str(), yanwen.count()), ("签名错误,请检查apitoken及签名规则", 11));
    let shown = signed(&hands, "s3.bag.create", &format!(r#"{{"apitoken":"{TOKEN}"}}"#));
    assert_eq!(call(&yanwen, shown).await.status, 401);
    let target = right.target.replace("/api/order", "/api");
    for (ask, status) in [
        (Ask { target, ..right.clone() }, 404),
        (Ask { method: "PUT", ..right.clone() }, 405),
        (Ask { headers: vec![], ..right.clone() }, 415),
    ] {
        assert_eq!(call(&yanwen, ask).await.status, status);
    }
    assert_eq!(yanwen.processed_count(), 1);
}

#[tokio::test]
async fn a_timestamp_is_good_for_five_minutes() {
    let hands = Hands::new();
    let yanwen = start(&hands).await;
    let ask = signed(&hands, "s3.mawb.create", MAWB);
    hands.forward(Duration::from_mins(5));
    assert_eq!(call(&yanwen, ask.clone()).await.status, 200);
    hands.forward(Duration::from_millis(1));
    let late = call(&yanwen, ask).await;
    assert_eq!((late.status, late.body.as_str()), (401, "时间戳已过期"));
    assert_eq!(call(&yanwen, signed(&hands, "s3.mawb.create", MAWB)).await.status, 200);
    let ahead = Hands::new();
    ahead.forward(Duration::from_mins(11));
    assert_eq!(call(&yanwen, signed(&ahead, "s3.mawb.create", MAWB)).await.status, 401);
    // The same waybill twice, whatever timestamp and signature say.
    assert_eq!((yanwen.times_processed("s3.mawb.create", MAWB.as_bytes()), yanwen.most_processed()), (2, 2));
}

#[tokio::test]
async fn a_master_waybill_is_held_to_its_field_table() {
    let hands = Hands::new();
    let yanwen = start(&hands).await;
    let sea = MAWB
        .replace(r#""transportType":"1","flightNo":"ANA962""#, r#""transportType":"2","flightNo":"""#)
        .replace(
            r#""scacBill":"","vesselName":"","voyageNumber":"""#,
            r#""scacBill":"M","vesselName":"圣","voyageNumber":"1""#,
        )
        .replace(r#""containerNumber":"","sealNumber":"""#, r#""containerNumber":"C","sealNumber":"S""#);
    let truck = MAWB.replace(r#""transportType":"1","flightNo":"ANA962""#, r#""transportType":"3""#);
    for body in [MAWB, &sea, &truck] {
        assert_eq!(call(&yanwen, signed(&hands, "s3.mawb.create", body)).await.code(), "\"0\"", "{body}");
    }
    let long = format!("\"mawbNo\":\"{}\"", "燕".repeat(65));
    let wrong = [
        (MAWB, r#""mawbNo":"test10000001""#, long.as_str()),
        (MAWB, r#""mawbNo":"test10000001","#, ""),
        (MAWB, r#""version":"1""#, r#""version":1"#),
        (MAWB, r#""weight":"20000""#, r#""weight":"20.5""#),
        (MAWB, r#""country":"FR""#, r#""country":"FRANCE""#),
        (MAWB, r#""transportType":"1""#, r#""transportType":"4""#),
        (MAWB, r#""flightNo":"ANA962""#, r#""flightNo":"""#),
        (MAWB, r#""etdTimeZone":"+08:00""#, r#""etdTimeZone":"GMT+8""#),
        (MAWB, "2023-05-17 10:10:00", "2023-05-17T10:10:00"),
        (MAWB, r#""eta":"2023-05-17 16:00:00","#, ""),
        (MAWB, r#""bagQuantity":"50""#, r#""bagQuantity":"""#),
        (MAWB, r#"[{"bagNo":"bagNo001"},{"bagNo":"bagNo002"}]"#, "[]"),
        (MAWB, r#""bagNo":"bagNo002""#, r#""bagNo":"""#),
        (&sea, r#""scacBill":"M""#, r#""scacBill":"""#),
        (&sea, r#""vesselName":"圣""#, r#""vesselName":"""#),
        (&sea, r#""voyageNumber":"1","#, ""),
        (&sea, r#""containerNumber":"C""#, r#""containerNumber":null"#),
        (&sea, r#""sealNumber":"S""#, r#""sealNumber":"""#),
        (MAWB, "\",\"", "\", \""),
        (MAWB, "]}", "]"),
    ];
    let kept = yanwen.processed_count();
    for (body, piece, other) in wrong {
        assert!(body.contains(piece), "{piece}");
        let told = call(&yanwen, signed(&hands, "s3.mawb.create", &body.replacen(piece, other, 1))).await;
        assert_eq!((told.status, told.code().as_str()), (200, "\"1\""), "{piece} -> {other}: {told:?}");
        assert_eq!(told.json()["success"], false);
    }
    let fields: serde_json::Value = serde_json::from_str(MAWB).unwrap();
    let optional = ["scacBill", "vesselName", "voyageNumber", "containerNumber", "sealNumber"];
    for (name, value) in fields.as_object().unwrap() {
        let mut less = fields.clone();
        less.as_object_mut().unwrap().remove(name);
        let mut typed = fields.clone();
        typed[name] = serde_json::json!(value.as_str().and_then(|text| text.parse::<u32>().ok()).unwrap_or(1));
        let may_miss = optional.contains(&name.as_str());
        let codes = if may_miss { ["\"0\"", "\"1\""] } else { ["\"1\"", "\"1\""] };
        for (body, code) in [less, typed].iter().zip(codes) {
            let told = call(&yanwen, signed(&hands, "s3.mawb.create", &body.to_string())).await;
            assert_eq!(told.code(), code, "{name}: {body}");
        }
    }
    assert_eq!(yanwen.processed_count(), kept + optional.len());
}

#[tokio::test]
async fn other_methods_take_any_json_and_codes_are_switched() {
    let hands = Hands::new();
    let yanwen = start(&hands).await;
    let bag = || signed(&hands, "s3.bag.create", r#"{"any":["thing \" , "]}"#);
    assert_eq!(call(&yanwen, bag()).await.body, r#"{"code":"0","data":null,"message":"操作成功","success":true}"#);
    assert_eq!(call(&yanwen, signed(&hands, "s4.bag.create", "{}")).await.code(), "\"1\"");
    yanwen.behave(Fault::Busy);
    assert_eq!(call(&yanwen, bag()).await.status, 503);
    yanwen.behave(Fault::Refuses.first(1));
    assert_eq!(call(&yanwen, bag()).await.code(), "\"1\"");
    yanwen.numeric_codes(true);
    assert_eq!(call(&yanwen, bag()).await.code(), "0");
    yanwen.behave(Fault::Code(-7, "系统异常"));
    let told = call(&yanwen, bag()).await;
    assert_eq!((told.code().as_str(), &told.json()["message"]), ("-7", &serde_json::json!("系统异常")));
    assert_eq!(yanwen.processed_count(), 2);
}
