//! XHQ's operations.

use serde_json::{Value, json};
use simulators::api::Xhq;

use super::support::{ANY_PORT, Ask, Hands, Told};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=xyz";

async fn start() -> Xhq {
    let xhq = Xhq::start(ANY_PORT, Hands::new().clock(), "APP", "BGH").await.unwrap();
    xhq.unfreeze_at("thaw");
    xhq
}

async fn call(xhq: &Xhq, path: &str, kind: &str, body: &str) -> Told {
    let told = Ask::post(format!("/api/docking/{path}"), kind, body).ask(xhq).await.unwrap();
    assert_eq!(told.status, 200, "{told:?}");
    told
}

/// A path, a media type, a body that is right, and pieces of it that make it wrong when replaced.
type Operation = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Every operation of the document.
#[rustfmt::skip]
const OPERATIONS: [Operation; 24] = [
    ("upload", JSON,
        r#"{"appId":"APP","bghId":"BGH","fileUrl":"http://files/1.zip","orderOutNo":"SO1","isReload":"","parameter":{"billNo":""}}"#,
        &[(r#""APP""#, r#""APQ""#), (r#""appId":"APP","#, ""), (r#""BGH""#, r#""""#), ("http://files/1.zip", "1.zip"),
          (r#""SO1""#, "null"), (r#","isReload":"""#, ""), (r#"{"billNo":""}"#, r#""x""#)]),
    ("fileUpload", MULTIPART,
        "--xyz\r\nContent-Disposition: form-data; name=\"appId\"\r\n\r\nAPP\r\n--xyz\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"1.zip\"\r\nContent-Type: application/zip\r\n\r\nPK\r\n--xyz--\r\n",
        &[("APP", "APQ"), ("; filename=\"1.zip\"", ""), ("\r\nPK", "\r\n"), ("--xyz--", "--xyz"), ("name=\"file\"", "")]),
    ("fileBase64Upload", JSON, r#"{"appId":"APP","x":"UEs="}"#, &[("APP", "APQ"), ("}", "")]),
    ("uploadImport", JSON, r#"{"bghId":"BGH","x":"1"}"#, &[("BGH", "BGI"), (r#"{"bghId":"BGH","x":"1"}"#, "[]")]),
    ("receiptsea", JSON, r#"{"orderOutNo":"SO1","dataJson":{"entryId":"1"}}"#,
        &[("SO1", ""), (r#"{"entryId":"1"}"#, "1"), (r#","dataJson":{"entryId":"1"}"#, "")]),
    ("receiptsingle", JSON,
        r#"{"orderOutNo":"SO1","paramJson":{"channel":"P","noticeDate":"2024-04-22 16:47:56","dDate":"2024-04-22","ieDate":""}}"#,
        &[("SO1", ""), ("paramJson", "param"), ("16:47:56", "16:47"), (r#""2024-04-22","ie"#, r#""2024-13-22","ie"#),
          (r#""ieDate":"""#, r#""ieDate":"22.4.2024""#)]),
    ("lcl", JSON,
        r#"{"outNo":"1","shipName":"S","voyage":"V","iEPort":"2248","containerId":"C","containerMd":"20GP","packNo":"1","grossWet":"2","clcList":[{"orderOutNo":"SO1"}]}"#,
        &[(r#""outNo":"1","#, ""), ("iEPort", "IEPort"), ("clcList", "lclList"), (r#"{"orderOutNo":"SO1"}"#, ""),
          (r#"{"orderOutNo":"SO1"}"#, "1"), (r#""20GP""#, "{}")]),
    ("lcl_task", JSON,
        r#"{"appId":"APP","bghId":"BGH","fileUrl":"","billNo":"B","shipName":"S","voyage":"V","lclFlagCode":"1","orders":[{"orderOutNo":"SO1"}]}"#,
        &[("APP", "APQ"), ("bghId", "bghID"), (r#""B""#, r#""""#), (r#""lclFlagCode":"1""#, r#""lclFlagCode":"2""#),
          (r#"[{"orderOutNo":"SO1"}]"#, "[]"), ("SO1", ""), (r#""SO1"}]"#, r#""SO1"},1]"#)]),
    ("bghList", JSON, r#"{"appId":"APP"}"#, &[("APP", "APQ"), ("appId", "appID")]),
    ("recall", JSON, r#"{"appId":"APP","orderOutNo":"SO1","phone":"","hdUserName":"王"}"#,
        &[("APP", ""), ("SO1", ""), ("王", ""), ("hdUserName", "userName")]),
    ("thaw", JSON, r#"{"appId":"APP","x":["SO1"]}"#, &[("APP", "APQ"), ("}", "")]),
    ("feeConfirm", JSON, r#"{"appId":"APP","x":"1"}"#, &[("APP", "APQ"), ("}", "")]),
    ("actionDataRow", JSON, r#"{"appId":"APP","action":"single_receipt","orderOutNo":"SO1"}"#,
        &[("APP", ""), ("SO1", ""), ("single_receipt", "send_data")]),
    ("getCheckDraft", JSON, r#"{"appId":"APP","orderOutNo":"SO1"}"#,
        &[(r#""appId":"APP","#, ""), ("SO1", ""), (r#""appId":"APP""#, r#""bghId":"BGI""#)]),
    ("getCustomsClearance", JSON, r#"{"appId":"APP","orderOutNo":"SO1"}"#, &[("APP", ""), ("SO1", "")]),
    ("getReleaseNotice", JSON, r#"{"appId":"APP","orderOutNo":"SO1"}"#, &[("APP", ""), ("SO1", "")]),
    ("getCheckRows", JSON, r#"{"appId":"APP","orderOutNo":"SO1","type":"check"}"#,
        &[("APP", ""), ("SO1", ""), (r#""check""#, r#""other""#)]),
    ("getAuthorizationLetter", JSON, r#"{"appId":"APP","orderOutNo":"SO1"}"#, &[("APP", ""), ("SO1", "")]),
    ("package", FORM, "appId=APP&voyage=307S&containerWt=2%2C000", &[("APP", "APQ"), ("appId=APP&voyage=307S&containerWt=2%2C000", "")]),
    ("sendMsg", FORM, "appId=APP&msg=%5B%7B%22containerId%22%3A%22C1%22%7D%5D&sessionType=20&messageType=1706&orderOutNo=SO1",
        &[("appId=APP&", ""), ("%5D", ""), ("1706", ""), ("SO1", "")]),
    ("failedPushQuery", JSON, r#"{"bghId":"BGH","type":"BGH","cutoffTime":"2022-06-07 16:33:28"}"#,
        &[(r#""bghId":"BGH""#, r#""appId":"APP""#), (r#""type":"BGH""#, r#""type":"HD""#), ("16:33:28", "")]),
    ("queryFailedPush", JSON, r#"{"bghId":"BGH","type":"BGH","orderNo":"A22060714485586949"}"#, &[(r#""type":"BGH","#, "")]),
    ("queryBatchFailedPush", JSON, r#"{"bghId":"BGH","type":"BGH","orderNos":["A1"]}"#, &[(r#""bghId":"BGH","#, "")]),
    ("failedPushConfirm", JSON, r#"{"type":"BGH","bghId":"BGH","orderNos":["A22060714485586949","A22051713521716668"],"cutoffTime":""}"#,
        &[(r#""bghId":"BGH","#, ""), (r#""type":"BGH","#, ""), (r#""cutoffTime":"""#, r#""cutoffTime":"now""#),
          (r#"["A22060714485586949","A22051713521716668"]"#, "[]"), (r#""A22051713521716668""#, "1"),
          (r#"["A22060714485586949","A22051713521716668"]"#, r#""A1""#)]),
];

#[tokio::test]
async fn every_operation_is_taken_as_the_document_has_it() {
    let xhq = start().await;
    for (path, kind, body, _) in OPERATIONS {
        let told = call(&xhq, path, kind, body).await;
        assert_eq!(told.code(), "200", "{path}: {told:?}");
        assert!(told.json().get("data").is_some() && told.json().get("msg").is_some(), "{told:?}");
    }
    assert_eq!(xhq.wrongs(), Vec::<String>::new());
    let done = xhq.processed(OPERATIONS.len()).await;
    assert_eq!(done.iter().filter(|one| one.operation == "unfreeze" || one.path.ends_with(&one.operation)).count(), 24);
}

#[tokio::test]
async fn every_rule_that_is_broken_fails_with_http_200() {
    let xhq = start().await;
    let mut broken = 0;
    for (path, kind, body, pieces) in OPERATIONS {
        for (piece, other) in pieces {
            assert!(body.contains(piece), "{path}: {piece}");
            let told = call(&xhq, path, kind, &body.replacen(piece, other, 1)).await;
            assert!(told.code() == "500" && told.json()["msg"] != "", "{path}, {piece} -> {other}: {told:?}");
            broken += 1;
        }
    }
    assert_eq!((xhq.wrongs().len(), xhq.processed_count(), xhq.count()), (broken, 0, broken));
}

#[tokio::test]
async fn every_required_field_is_missed() {
    let xhq = start().await;
    let required: [(usize, &[&str]); 10] = [
        (0, &["appId", "bghId", "fileUrl", "orderOutNo", "isReload"]),
        (4, &["orderOutNo", "dataJson"]),
        (5, &["orderOutNo", "paramJson"]),
        (6, &["outNo", "shipName", "voyage", "iEPort", "containerId", "containerMd", "packNo", "grossWet", "clcList"]),
        (7, &["appId", "bghId", "billNo", "shipName", "voyage", "orders"]),
        (9, &["appId", "orderOutNo", "hdUserName"]),
        (14, &["appId", "orderOutNo"]),
        (15, &["appId", "orderOutNo"]),
        (16, &["appId", "orderOutNo"]),
        (23, &["bghId", "type", "orderNos"]),
    ];
    for (operation, names) in required {
        let (path, kind, body, _) = OPERATIONS[operation];
        let body: Value = serde_json::from_str(body).unwrap();
        for name in names {
            let mut body = body.clone();
            body.as_object_mut().unwrap().remove(*name).unwrap();
            assert_eq!(call(&xhq, path, kind, &body.to_string()).await.code(), "500", "{path} without {name}");
        }
    }
    assert_eq!(xhq.processed_count(), 0);
}

#[tokio::test]
async fn a_body_in_the_wrong_encoding_fails() {
    let xhq = start().await;
    for (path, kind, body, _) in OPERATIONS {
        let other = if kind == JSON { FORM } else { JSON };
        let told = call(&xhq, path, other, body).await;
        assert!(told.code() == "500" && told.body.contains("not supported"), "{path}: {told:?}");
        let told = call(&xhq, path, "text/plain", body).await;
        assert_eq!(told.code(), "500", "{path}");
    }
    // The document says "DataForm": a multipart form is one too.
    let form = "--xyz\r\ncontent-disposition: form-data; name=\"voyage\"\r\n\r\n307S\r\n--xyz--\r\n";
    assert_eq!(call(&xhq, "package", MULTIPART, form).await.code(), "200");
}

#[tokio::test]
async fn undocumented_path_does_not_exist() {
    let xhq = Xhq::start(ANY_PORT, Hands::new().clock(), "APP", "BGH").await.unwrap();
    for path in ["/api/docking/unfreeze", "/api/docking/thaw", "/api/docking/", "/upload"] {
        assert_eq!(Ask::json(path, "{}").ask(&xhq).await.unwrap().status, 404, "{path}");
    }
    assert_eq!(Ask::get("/api/docking/bghList?appId=APP").ask(&xhq).await.unwrap().status, 405);
    assert_eq!((xhq.url().ends_with("/api/docking/"), xhq.wrongs().len()), (true, 5));
}

#[tokio::test]
async fn uploads_are_given_serial_numbers() {
    let xhq = start().await;
    let (_, _, body, _) = OPERATIONS[0];
    let mut serials = vec![];
    for _ in 0..2 {
        serials.push(call(&xhq, "upload", JSON, body).await.json()["data"].clone());
    }
    assert_eq!(serials, ["A26013116000000001", "A26013116000000002"]);
    xhq.serial_within("orderNo");
    let told = call(&xhq, "fileBase64Upload", JSON, "{}").await;
    assert_eq!(told.json()["data"], json!({"orderNo": "A26013116000000003"}));
}

#[tokio::test]
async fn documented_data_is_answered() {
    let xhq = start().await;
    let list = call(&xhq, "bghList", JSON, r#"{"appId":"APP"}"#).await.json();
    assert_eq!((list["data"][0]["bghID"].as_str(), list["data"][0]["bghName"].is_string()), (Some("BGH"), true));
    let order = r#"{"appId":"APP","orderOutNo":"SO9"}"#;
    assert!(call(&xhq, "getCheckRows", JSON, order).await.json()["data"][0].is_string());
    let rows = call(&xhq, "actionDataRow", JSON, order).await.json();
    assert_eq!(
        (&rows["data"][0]["orderOutNo"], &rows["data"][0]["paramJson"]["channel"]),
        (&json!("SO9"), &json!("P"))
    );
    let (_, _, form, _) = OPERATIONS[19];
    assert_eq!(call(&xhq, "sendMsg", FORM, form).await.body, r#"{"code":200,"data":true,"msg":null}"#);
    // A new task is given an id; a change keeps its own; a picture will do instead of orders.
    let task = r#"{"appId":"APP","bghId":"BGH","billNo":"B","shipName":"S","voyage":"V","fileUrl":"http://x/1.png","taskId":""}"#;
    assert_eq!(call(&xhq, "lcl_task", JSON, task).await.json()["data"]["taskId"], "000001");
    let changed = task.replace(r#""taskId":"""#, r#""taskId":"7""#);
    assert_eq!(call(&xhq, "lcl_task", JSON, &changed).await.json()["data"]["taskId"], "7");
}

#[tokio::test]
async fn confirmed_failed_pushes_are_gone() {
    let xhq = start().await;
    let query = r#"{"bghId":"BGH","type":"BGH"}"#;
    assert_eq!(call(&xhq, "failedPushQuery", JSON, query).await.json()["data"].as_array().map(Vec::len), Some(1));
    let confirm = r#"{"type":"BGH","bghId":"BGH","orderNos":["A22060714485586949","A22051713521716668"]}"#;
    let told = call(&xhq, "failedPushConfirm", JSON, confirm).await.json();
    assert_eq!(told, json!({"code":200,"msg":"成功","data":1,"foot":{"operationTime":"2026-01-31 16:00:00"}}));
    assert_eq!(call(&xhq, "failedPushQuery", JSON, query).await.json()["data"], Value::Array(vec![]));
    xhq.failed_pushes(&["A1", "A2"]);
    assert_eq!(call(&xhq, "failedPushQuery", JSON, query).await.json()["data"][1]["orderNo"], "A2");
}

#[tokio::test]
async fn thawing_may_half_succeed() {
    let xhq = start().await;
    xhq.cannot_unfreeze(&["SO2", "SO3"]);
    let told = call(&xhq, "thaw", JSON, r#"{"appId":"APP","orders":["SO1","SO2"]}"#).await;
    assert_eq!((told.code().as_str(), &told.json()["msg"]), ("500", &json!("以下订单无法解冻:SO2")));
    let [done] = &xhq.processed(1).await[..] else { panic!("not processed once") };
    assert_eq!((done.operation.as_str(), done.processed, &done.wrong), ("unfreeze", true, &None));
    assert_eq!(call(&xhq, "thaw", JSON, r#"{"orders":["SO1"]}"#).await.code(), "200");
}

#[tokio::test]
async fn a_multipart_body_is_the_same_whatever_its_boundary() {
    let xhq = start().await;
    let (path, kind, body, _) = OPERATIONS[1];
    call(&xhq, path, kind, body).await;
    let quoted = r#"multipart/form-data; charset=utf-8; boundary="a b c""#;
    let body = body.replace("xyz", "a b c").replace("filename=\"1.zip\"", "filename=\"_\"; filename*=UTF-8''1%2Ezip");
    call(&xhq, path, quoted, &body).await;
    let other = body.replace("PK", "PK2");
    call(&xhq, path, quoted, &other).await;
    let mut times: Vec<_> = xhq.processed_by_body().into_iter().map(|(_, _, times)| times).collect();
    times.sort_unstable();
    assert_eq!((times, xhq.most_processed()), (vec![1, 2], 2));
    let parts = xhq.requests_for("fileUpload")[2].parts();
    assert_eq!((parts[0].name.as_str(), &parts[0].content[..]), ("appId", &b"APP"[..]));
    assert_eq!((parts[1].filename.as_deref(), &parts[1].content[..]), (Some("1.zip"), &b"PK2"[..]));
    assert_eq!(parts[1].content_type.as_deref(), Some("application/zip"));
}
