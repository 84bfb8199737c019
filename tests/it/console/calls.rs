//! Calls by hand: made by a form, decided about, cancelled and sent at once.

use serde_json::json;
use simulators::api::Fault;

use super::Scene;
use super::browser::Language;
use crate::calls::upload;
use crate::configured::calls::play;
use crate::configured::{credentials, path};
use crate::support::key;

async fn command_is_made_by_its_form_and_sent_once(language: Language) {
    let scene = Scene::new().await;
    let browser = scene.browser(language, "#/calls").await;
    browser.click("[data-do=new-call]").await;
    browser.choose("#connection", "xhq").await;
    browser.choose("#operation", "recall").await;
    browser.fill("[name=orderOutNo]", "SO-9").await;
    browser.click("[data-do=send]").await;
    browser.reads_in("dialog", "SO-9").await;
    assert_eq!(scene.desk.xhq.count(), 0, "nothing is sent before it is agreed to");
    browser.click("dialog [data-do=agree]").await;
    browser.reads_in("main", language.pick("成功", "Succeeded")).await;
    browser.reads_in("h1", language.pick("撤回", "Recall")).await;
    assert_eq!(scene.desk.xhq.requests_for("recall").len(), 1);
    browser.close().await;
}

async fn query_is_answered_in_place_and_mistake_is_told_at_its_field(language: Language) {
    let scene = Scene::new().await;
    let browser = scene.browser(language, "#/calls/new?connection=xhq&operation=getReleaseNotice").await;
    browser.fill("[name=orderOutNo]", " ").await;
    browser.click("[data-do=send]").await;
    browser.reads_in(".failure", "orderOutNo").await;
    browser.fill("[name=orderOutNo]", "SO-1").await;
    browser.click("[data-do=send]").await;
    browser.exists(".payload").await;
    browser.lacks(".failure").await;
    assert_eq!(scene.desk.xhq.requests_for("getReleaseNotice").len(), 1);
    browser.close().await;
}

async fn body_is_written_as_json_where_no_schema_tells_its_fields(language: Language) {
    let scene = Scene::new().await;
    let browser = scene.browser(language, "#/calls/new?connection=eyes&operation=subscribe").await;
    browser.fill("#json", "[{").await;
    browser.click("[data-do=send]").await;
    browser.reads(language.pick("不是有效的 JSON", "no valid JSON")).await;
    browser.fill("#json", r#"[{"blNo":"BL-5","n":1.10}]"#).await;
    browser.click("[data-do=send]").await;
    browser.click("dialog [data-do=agree]").await;
    browser.reads_in("h1", language.pick("订阅", "Subscribe")).await;
    let sent = || scene.desk.eyes.requests_for("subscribe");
    crate::support::until(async || !sent().is_empty()).await;
    assert!(String::from_utf8_lossy(&sent()[0].body).contains("1.10"), "digits stay as they were written");
    browser.close().await;
}

async fn ambiguous_call_is_resolved_either_way(language: Language) {
    for (decision, state) in [("done", "succeeded"), ("retry", "succeeded")] {
        let scene = Scene::new().await;
        scene.desk.xhq.behave(Fault::DropsAnswer);
        let id = scene.desk.command("xhq", "upload", "k-1", &upload("SO-1")).await;
        scene.desk.stands(&id, "ambiguous").await;
        scene.desk.xhq.recover();
        let browser = scene.browser(language, "#/today").await;
        browser.click("[data-need=ambiguous] h2 a").await;
        browser.click("[data-row] a").await;
        browser
            .reads_in(
                "[data-ambiguous]",
                language.pick("此后没有收到关于这票货的消息", "Nothing was heard of this shipment since"),
            )
            .await;
        browser.click(&format!("[data-do=resolve-{decision}]")).await;
        browser.click("dialog [data-do=agree]").await;
        browser.lacks("[data-ambiguous]").await;
        let call = scene.desk.stands(&id, state).await;
        assert_eq!((&call["decisions"][0]["decision"], &call["decisions"][0]["by"]), (&json!(decision), &json!("all")));
        assert_eq!(scene.desk.xhq.requests_for("upload").len(), if decision == "done" { 1 } else { 2 });
        browser.reads_in("main", language.pick("成功", "Succeeded")).await;
        browser.close().await;
    }
}

async fn queued_call_is_sent_now_or_cancelled(language: Language) {
    let scene = Scene::new().await;
    scene.desk.xhq.behave(Fault::Busy);
    let first = scene.desk.command("xhq", "upload", "k-1", &upload("SO-1")).await;
    let second = scene.desk.command("xhq", "upload", "k-2", &upload("SO-2")).await;
    for id in [&first, &second] {
        scene.desk.attempted(id, 1).await;
    }
    scene.desk.xhq.recover();
    let browser = scene.browser(language, &format!("#/calls/{first}")).await;
    browser.click("[data-do=now]").await;
    browser.click("dialog [data-do=agree]").await;
    scene.desk.stands(&first, "succeeded").await;
    browser.reads_in("main", language.pick("成功", "Succeeded")).await;
    browser.go(&format!("#/calls/{second}")).await;
    browser.click("[data-do=cancel]").await;
    browser.click("dialog [data-do=agree]").await;
    browser.reads_in("main", language.pick("已取消", "Cancelled")).await;
    scene.desk.stands(&second, "cancelled").await;
    browser.close().await;
}

/// Regression: of a described partner the ids were shown, and it could not be called.
async fn described_partner_is_named_and_called_by_its_form(language: Language) {
    let own = credentials("kuaidi100");
    let played = play("kuaidi100", own).await;
    let top = format!("partner_files = [\"{}\"]", path("kuaidi100"));
    let account = format!(
        "[[connections]]\nid = \"kd\"\npartner = \"kuaidi100\"\nkeys = [\"{}\"]\nbase_url = \"{}\"\nallow_private = true\n{own}",
        key("kd"),
        played.url
    );
    let scene = Scene::made("", &top, &account).await;
    let browser = scene.browser(language, "#/partners").await;
    browser.reads_in("[data-connection=kd]", language.pick("快递100", "kuaidi100")).await;
    browser.go("#/calls/new?connection=kd&operation=query").await;
    browser.reads_in("#operation", language.pick("实时快递查询 (query)", "state of a waybill now (query)")).await;
    browser.reads_in("label[for=field-num]", language.pick("快递单号", "the waybill")).await;
    browser.fill("[name=num]", "em263999513jp").await;
    browser.click("[data-do=send]").await;
    browser.reads_in(".payload", "上海分拨中心出库").await;
    assert_eq!((played.requests_for("query").len(), played.wrongs()), (1, Vec::<String>::new()));
    browser.go("#/shipments/waybill%3Aem263999513jp").await;
    browser.reads_in("main", language.pick("快递状态", "state of a waybill")).await;
    browser.go("#/calls/new?connection=kd&operation=subscribe").await;
    browser.reads_in("#operation", language.pick("订阅 (subscribe)", "subscribe a waybill (subscribe)")).await;
    browser.close().await;
}

in_both_languages! {
    described_partner_is_named_and_called_by_its_form
    command_is_made_by_its_form_and_sent_once
    query_is_answered_in_place_and_mistake_is_told_at_its_field
    body_is_written_as_json_where_no_schema_tells_its_fields
    ambiguous_call_is_resolved_either_way
    queued_call_is_sent_now_or_cancelled
}
