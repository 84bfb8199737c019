//! XHQ 信号旗: its document, chapters 一, 三, 四 and 六.

use partners::operation::Encoding;
use serde_json::json;
use simulators::api::Xhq;

use super::exchange::{arrived, ask, call, call_at, given, invalid, lonely, problem, succeeded};
use super::{APP, BGH, Row};
use crate::calls::{APP_ID, BGH_ID, Desk, Making};
use crate::support::Time;

const FILE: &str = r#"{"orderOutNo":"SO-1","file":{"name":"a.zip","base64":"UEsDBAo="}}"#;

/// 类型, what chapter 六 knows a broker by.
const BROKER: [(&str, &str); 2] = [BGH, ("type", "BGH")];

const fn row(operation: &'static str, path: &'static str) -> Row {
    Row::new("xhq", operation, path)
}

/// A query about one order.
const fn about_order(operation: &'static str, path: &'static str, required: &'static [&'static str]) -> Row {
    Row { adds: &[APP], required, ..row(operation, path) }
}

/// A row for each operation, in the order of the document.
pub(super) const ROWS: &[Row] = &[
    Row {
        adds: &[APP, BGH],
        required: &["fileUrl", "orderOutNo", "isReload"],
        wrong: &[
            ("orderOutNo", r#"{"no":1}"#, "orderOutNo", "must be a text"),
            ("fileUrl", r#""not a url""#, "fileUrl", "must be an http or https address"),
        ],
        ..row("upload", "/api/docking/upload")
    },
    Row {
        encoding: Encoding::Multipart,
        body: Some(FILE),
        adds: &[APP, BGH],
        wrong: &[("file", "null", "file", "must be an object"), ("file", "{}", "file", "must have base64")],
        ..row("fileUpload", "/api/docking/fileUpload")
    },
    Row {
        body: Some(FILE),
        adds: &[APP, BGH, ("fileBase64", "UEsDBAo=")],
        wrong: &[("file.base64", r#""*""#, "file.base64", "must be the file in base64")],
        ..row("fileBase64Upload", "/api/docking/fileBase64Upload")
    },
    Row { adds: &[APP, BGH], ..row("uploadImport", "/api/docking/uploadImport") },
    // 入参 has no appId.
    Row { required: &["orderOutNo"], ..row("receiptsea", "/api/docking/receiptsea") },
    Row {
        required: &["orderOutNo", "paramJson"],
        wrong: &[
            ("paramJson", r#""text""#, "paramJson", "must be a JSON object"),
            ("paramJson.noticeDate", r#""2024-04-22""#, "paramJson.noticeDate", "yyyy-MM-dd HH:mm:ss"),
            ("paramJson.dDate", r#""22.04.2024""#, "paramJson.dDate", "yyyy-MM-dd"),
            ("paramJson.ieDate", r#""2024-02-30""#, "paramJson.ieDate", "yyyy-MM-dd"),
        ],
        ..row("receiptsingle", "/api/docking/receiptsingle")
    },
    Row {
        required: &[
            "outNo",
            "shipName",
            "voyage",
            "iEPort",
            "containerId",
            "containerMd",
            "packNo",
            "grossWet",
            "clcList",
        ],
        wrong: &[("clcList", "{}", "clcList", "must be a JSON array of objects")],
        ..row("lcl", "/api/docking/lcl")
    },
    Row {
        // Optional texts are sent as "", but taskId only with a value.
        adds: &[
            APP,
            BGH,
            ("fileUrl", ""),
            ("outNo", ""),
            ("declarationPort", ""),
            ("declarationPortCode", ""),
            ("entyPort", ""),
            ("entyPortCode", ""),
            ("distinatePort", ""),
            ("distinatePortCode", ""),
            ("containerId", ""),
            ("containerMd", ""),
            ("containerWt", ""),
            ("containerMdCode", ""),
        ],
        required: &["billNo", "shipName", "voyage", "orders[0].orderOutNo"],
        wrong: &[
            ("orders", "[]", "fileUrl", "fileUrl or orders must be given"),
            ("taskId", r#""""#, "taskId", "must have a value or be left out"),
            ("lclFlagCode", r#""2""#, "lclFlagCode", "must be one of 1, 0"),
            ("fileUrl", r#""1.zip""#, "fileUrl", "must be an http or https address"),
        ],
        ..row("lcl_task", "/api/docking/lcl_task")
    },
    Row { adds: &[APP], ..row("bghList", "/api/docking/bghList") },
    Row { adds: &[APP], required: &["orderOutNo", "hdUserName"], ..row("recall", "/api/docking/recall") },
    // The configuration says where.
    Row { adds: &[APP], ..row("unfreeze", "/api/docking/unfreeze") },
    Row { adds: &[APP], ..row("feeConfirm", "/api/docking/feeConfirm") },
    about_order("actionDataRow", "/api/docking/actionDataRow", &[]),
    about_order("getCheckDraft", "/api/docking/getCheckDraft", &["orderOutNo"]),
    about_order("getCustomsClearance", "/api/docking/getCustomsClearance", &["orderOutNo"]),
    about_order("getReleaseNotice", "/api/docking/getReleaseNotice", &["orderOutNo"]),
    about_order("getCheckRows", "/api/docking/getCheckRows", &[]),
    about_order("getAuthorizationLetter", "/api/docking/getAuthorizationLetter", &[]),
    Row { encoding: Encoding::Form, adds: &[APP], ..row("package", "/api/docking/package") },
    Row {
        encoding: Encoding::Form,
        adds: &[APP, ("sessionType", "20")],
        wrong: &[
            ("orderOutNo", "[1]", "orderOutNo", "must be a text"),
            ("messageType", "{}", "messageType", "must be"),
        ],
        ..row("sendMsg", "/api/docking/sendMsg")
    },
    Row { adds: &BROKER, ..row("failedPushQuery", "/api/docking/failedPushQuery") },
    Row { adds: &BROKER, ..row("queryFailedPush", "/api/docking/queryFailedPush") },
    Row { adds: &BROKER, ..row("queryBatchFailedPush", "/api/docking/queryBatchFailedPush") },
    Row {
        adds: &[BGH],
        required: &["orderNos"],
        wrong: &[
            ("orderNos", r#""A22060714485586949""#, "orderNos", "must be a JSON array of texts"),
            ("cutoffTime", r#""2022-06-07T14:49:50""#, "cutoffTime", "yyyy-MM-dd HH:mm:ss"),
        ],
        ..row("failedPushConfirm", "/api/docking/failedPushConfirm")
    },
];

#[tokio::test]
async fn partial_unfreeze_fails_with_a_partial_warning() {
    let desk = Desk::new().await;
    desk.xhq.cannot_unfreeze(&["SO-2"]);
    let reply = call(&desk, "xhq", "unfreeze", r#"{"orderOutNos":["SO-1","SO-2"]}"#).await;
    let failed = reply.json();
    assert_eq!((reply.status, &failed["state"]), (200, &"failed".into()), "{failed}");
    let detail = failed["attempts"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("以下订单无法解冻:SO-2") && detail.contains("may have half succeeded"), "{detail}");
    let answer = json!({"code": 500, "msg": "以下订单无法解冻:SO-2", "data": null});
    assert_eq!(failed["answer"]["body"], answer);
    let told = desk.hears("call.failed", 1).await;
    assert_eq!(told[0]["data"]["attempts"], failed["attempts"]);
    // Those that can be unfrozen all can.
    let reply = call(&desk, "xhq", "unfreeze", r#"{"orderOutNos":["SO-1","SO-3"]}"#).await;
    assert_eq!(reply.json()["state"], "succeeded");
}

/// 图片地址和订单列表必填一个,不能两者都为空.
#[tokio::test]
async fn lcl_task_is_created_by_picture_or_orders_changed_by_id() {
    const HEAD: &str = r#""billNo":"B-1","shipName":"SAN FELIX","voyage":"307S""#;
    let desk = Desk::new().await;
    let task_of = async |more: &str| call(&desk, "xhq", "lcl_task", &format!("{{{HEAD}{more}}}")).await;
    for more in ["", r#","fileUrl":"","orders":[]"#, r#","fileUrl":null"#] {
        invalid(&task_of(more).await, "fileUrl", "fileUrl or orders must be given");
    }
    assert_eq!(desk.xhq.count(), 0);
    let made = task_of(r#","fileUrl":"http://files/1.png""#).await.json();
    assert_eq!(made["state"], "succeeded", "{made}");
    let task = made["answer"]["body"]["data"]["taskId"].as_str().unwrap().to_owned();
    let changed = task_of(&format!(r#","taskId":"{task}","orders":[{{"orderOutNo":"SO-1"}}]"#)).await.json();
    assert_eq!(changed["answer"]["body"]["data"]["taskId"], task, "{changed}");
    let sent = desk.xhq.requests();
    assert_eq!(desk.xhq.wrongs(), Vec::<String>::new());
    assert_eq!((sent[0].json().get("taskId"), &sent[1].json()["taskId"]), (None, &task.into()));
    assert_eq!((&sent[0].json()["orders"], &sent[1].json()["fileUrl"]), (&json!(null), &"".into()));
}

#[tokio::test]
async fn receipt_as_text_follows_the_same_rules() {
    let desk = Desk::new().await;
    let body = r#"{"orderOutNo":"SO-1","paramJson":"{\"dDate\": \"2024-04-22\",\"entryId\":223320231000000762}"}"#;
    let done = call(&desk, "xhq", "receiptsingle", body).await.json();
    assert_eq!(done["aliases"], json!(["order:SO-1", "entry:223320231000000762"]), "{done}");
    let wrong = body.replace("2024-04-22", "2024-04-31");
    invalid(&call(&desk, "xhq", "receiptsingle", &wrong).await, "paramJson.dDate", "yyyy-MM-dd");
    let sent = desk.xhq.requests();
    assert_eq!((sent.len(), &sent[0].body[..], sent[0].wrong.as_ref()), (1, body.as_bytes(), None));
}

#[tokio::test]
async fn unpushed_data_is_found_and_cleared() {
    let desk = Desk::new().await;
    desk.xhq.failed_pushes(&["A1", "A2"]);
    let rows = async || call(&desk, "xhq", "failedPushQuery", "{}").await.json()["data"].as_array().unwrap().len();
    assert_eq!(rows().await, 2);
    let body = r#"{"orderNos":["A1"],"cutoffTime":"2022-06-07 14:49:50"}"#;
    let cleared = call(&desk, "xhq", "failedPushConfirm", body).await.json();
    assert_eq!((&cleared["state"], &cleared["subject"]), (&"succeeded".into(), &"serial:A1".into()), "{cleared}");
    assert_eq!(cleared["answer"]["body"]["data"], 1);
    assert_eq!(rows().await, 1);
}

#[tokio::test]
async fn a_form_may_be_sent_as_the_other_kind_of_form() {
    let xhq = r#"encodings = { sendMsg = "multipart", package = "multipart" }"#;
    let desk = Desk::with(Making { xhq, ..Making::default() }).await;
    for row in ROWS.iter().filter(|row| row.encoding == Encoding::Form) {
        let row = Row { encoding: Encoding::Multipart, ..*row };
        succeeded(&row, &ask(&desk, &row, row.body()).await);
        let sent = desk.xhq.requests_for(row.operation);
        assert!(sent[0].header("content-type").starts_with("multipart/form-data"), "{}", row.operation);
        let mut expected = given(&row, row.body());
        expected.extend(row.adds.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        assert_eq!((arrived(&row, &sent[0]), &sent[0].wrong), (expected, &None), "{}", row.operation);
    }
}

#[tokio::test]
async fn missing_path_without_configuration_is_named_by_its_key() {
    let xhq = Xhq::start(([127, 0, 0, 1], 0).into(), Time::now().clock(), APP_ID, BGH_ID).await.unwrap();
    let connection = format!(
        "[[connections]]\nid = \"xhq\"\npartner = \"xhq\"\nkeys = [\"{}\"]\nbase_url = \"{}\"\nallow_private = true\n\
         app_id = \"{APP_ID}\"",
        crate::support::key("xhq"),
        xhq.url()
    );
    let (_plan, hub) = lonely(&connection).await;
    for (operation, body, key) in [
        ("unfreeze", "{}", "paths.unfreeze"),
        ("fileBase64Upload", FILE, "base64_field"),
        // The account at a broker is a credential that this connection does not have.
        ("upload", r#"{"fileUrl":"http://files/1.zip","orderOutNo":"SO-1","isReload":""}"#, "bgh_id"),
        ("failedPushConfirm", r#"{"orderNos":["A1"]}"#, "bgh_id"),
    ] {
        let problem =
            problem(&call_at(&hub, &format!("/calls/xhq/{operation}"), body).await, 500, "connection-incomplete");
        assert_eq!(problem["errors"][0]["field"], key, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(key), "{problem}");
    }
    assert_eq!(xhq.count(), 0);
    // Where only analogy knows a credential, it is not missed.
    assert_eq!(call_at(&hub, "/calls/xhq/uploadImport", r#"{"orderOutNo":"SO-1"}"#).await.json()["state"], "succeeded");
    assert_eq!(xhq.requests()[0].json(), json!({"appId": APP_ID, "orderOutNo": "SO-1"}));
}
