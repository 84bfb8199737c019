//! Repairs of deliveries, and tests of connections and endpoints, by hand.

use serde_json::json;
use simulators::erp::{Behaviour, Reply};

use super::Scene;
use super::browser::Language;
use crate::support::until;

/// The box that chooses a shipment's delivery.
fn choice(language: Language, about: &str) -> String {
    format!("[aria-label='{} {about}']", language.pick("选择", "Choose"))
}

/// The whole way of a bill of lading that has not reached the ERP: found by its number, understood, repaired, seen to arrive.
async fn lost_bill_is_found_understood_and_repaired(language: Language) {
    let scene = Scene::new().await;
    let receipt = r#"{"action":"single_receipt","orderOutNo":"SO-7","billNo":"BL-7","paramJson":{"channel":"P"}}"#;
    scene.also.behave(Behaviour::Answers(Reply { status: 422, body: "订单不存在".into(), retry_after: None }));
    scene.pushed("single_receipt", receipt).await;
    let browser = scene.browser(language, "#/today").await;
    browser.reads(language.pick("个投递失败", "failed deliveries")).await;
    browser.fill("#search", "BL-7\n").await;
    browser.reads(language.pick("海关回执没有送达 also", "Customs receipt has not reached also")).await;
    browser.reads_in(".attention", "HTTP 422").await;
    browser.reads_in(".attention", "订单不存在").await;
    scene.mend();
    browser.click(".attention [data-do=replay]").await;
    browser.reads_in("[data-would]", "1").await;
    assert_eq!(scene.failed().await, 1, "a dry run changes nothing");
    browser.picture("dry-run").await;
    browser.click("dialog [data-do=agree]").await;
    browser.reads_in("[data-done]", language.pick("已重投 1 个", "1 replayed")).await;
    browser.click("[data-do=finish]").await;
    // Without a reload.
    browser.lacks(".attention").await;
    browser.reads_in(".lanes", language.pick("已送达", "Delivered")).await;
    assert_eq!(scene.arrived()[0]["data"]["billNo"], "BL-7");
    browser.close().await;
}

async fn chosen_deliveries_are_replayed_and_others_confirmed(language: Language) {
    let scene = Scene::new().await;
    for order in ["SO-1", "SO-2", "SO-3"] {
        scene.status(order, 43).await;
    }
    scene.mend();
    let browser = scene.browser(language, "#/deliveries").await;
    browser.click(&choice(language, "order:SO-2")).await;
    browser.reads_in(".dock", language.pick("已选 1 个", "1 chosen")).await;
    browser.click(".dock [data-do=replay]").await;
    browser.click("dialog [data-do=agree]").await;
    browser.click("[data-do=finish]").await;
    browser
        .holds("it has left the list", "return !document.querySelector('main').innerText.includes('SO-2')", vec![])
        .await;
    until(async || scene.arrived().len() == 1).await;
    browser.click(&choice(language, "order:SO-1")).await;
    browser.click(".dock [data-do=confirm]").await;
    browser.reads(language.pick("不再列出", "no longer listed")).await;
    browser.click("dialog [data-do=agree]").await;
    browser.click("[data-do=finish]").await;
    browser
        .holds("it has left the list", "return !document.querySelector('main').innerText.includes('SO-1')", vec![])
        .await;
    browser.go("#/deliveries?state=confirmed").await;
    browser.reads_in("main", "SO-1").await;
    assert_eq!((scene.failed().await, scene.arrived().len()), (1, 1));
    browser.close().await;
}

/// Many deliveries of one cause are replayed in pieces, with progress.
async fn group_of_one_cause_and_whole_endpoint_are_replayed(language: Language) {
    let scene = Scene::new().await;
    for order in 0..4 {
        scene.status(&format!("SO-{order}"), 43).await;
    }
    let browser = scene.browser(language, "#/deliveries").await;
    browser.reads_in(".group summary", "HTTP 422").await;
    browser.click("[data-do=replay-group]").await;
    browser.reads_in("[data-would]", "4").await;
    browser.click("dialog [data-do=agree]").await;
    browser.reads_in("[data-done]", language.pick("已重投 4 个", "4 replayed")).await;
    browser.click("[data-do=finish]").await;
    // The endpoint still refuses them.
    until(async || scene.failed().await == 4).await;
    scene.mend();
    browser.choose("[name=endpoint]", "also").await;
    browser.click("[data-do=replay-all]").await;
    browser.reads_in("[data-would]", "4").await;
    browser.click("dialog [data-do=agree]").await;
    browser.click("[data-do=finish]").await;
    browser.reads(language.pick("没有符合条件的记录", "Nothing found")).await;
    assert_eq!(scene.arrived().len(), 4);
    browser.close().await;
}

async fn pending_delivery_is_sent_now(language: Language) {
    let scene = Scene::new().await;
    scene.desk.erp.behave(Behaviour::Answers(Reply::of(503).retry_after(3_600)));
    let path = simulators::pushes::path(partners::Partner::Xhq, "xhq", &super::support::key("xhq"), "syn_status");
    let mut sender = super::support::sender(&scene.desk.hub, partners::Partner::Xhq);
    super::support::answered(&mut sender, &path, "application/json", super::support::status("SO-1", 43).as_bytes())
        .await;
    until(async || scene.desk.erp.count() == 1).await;
    let browser = scene.browser(language, "#/deliveries?state=pending").await;
    browser.reads_in("main", "SO-1").await;
    scene.desk.erp.behave(Behaviour::Takes);
    browser.click(&choice(language, "order:SO-1")).await;
    browser.click(".dock [data-do=now]").await;
    browser.click("dialog [data-do=agree]").await;
    browser.click("[data-do=finish]").await;
    until(async || scene.desk.erp.deliveries().iter().any(|delivery| delivery.answered == Some(200))).await;
    browser.close().await;
}

async fn urls_are_hidden_until_asked_and_tests_are_played(language: Language) {
    let scene = Scene::new().await;
    let browser = scene.browser(language, "#/partners").await;
    let xhq = "[data-connection=xhq]";
    browser.exists(xhq).await;
    let shown = browser.run("return document.documentElement.outerHTML", vec![]).await;
    let key = super::support::key("xhq");
    assert!(!shown.as_str().unwrap().contains(&key), "the key is in the page before it is asked for");
    browser.click(&format!("{xhq} [data-do=urls]")).await;
    browser.reads_in(xhq, &format!("{}/hooks/xhq/xhq/{key}", scene.base())).await;
    browser.click(&format!("{xhq} [data-do=urls]")).await;
    browser.lacks(&format!("{xhq} .urls")).await;

    browser.click(&format!("{xhq} [data-do=test-push]")).await;
    browser.choose("#action", "syn_status").await;
    browser.fill("#payload", r#"{"action":"syn_status","orderOutNo":"SO-TEST","code":43,"msg":"x"}"#).await;
    browser.click("dialog [data-do=agree]").await;
    browser.reads_in("[data-answer]", "HTTP 200").await;
    browser.click("[data-answer] a").await;
    browser.reads_in("main", "SO-TEST").await;

    browser.go("#/partners").await;
    browser.click("[data-endpoint=also] [data-do=test-delivery]").await;
    browser.reads_in("[data-endpoint=also]", language.pick("测试未被接受", "The test was not accepted")).await;
    scene.mend();
    browser.click("[data-endpoint=also] [data-do=test-delivery]").await;
    browser.reads_in("[data-endpoint=also]", language.pick("测试已被接受", "The test was accepted")).await;
    assert_eq!(scene.arrived().last().unwrap()["type"], json!("tongguan.test"));
    browser.close().await;
}

in_both_languages! {
    lost_bill_is_found_understood_and_repaired
    chosen_deliveries_are_replayed_and_others_confirmed
    group_of_one_cause_and_whole_endpoint_are_replayed
    pending_delivery_is_sent_now
    urls_are_hidden_until_asked_and_tests_are_played
}
