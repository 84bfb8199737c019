//! The operators' console through the gateway: its files, and the way of a shipment that has not reached the ERP.

use partners::Partner;
use simulators::erp::{Behaviour, Reply};

use super::{address, stage};
use crate::browser::{Browser, Language};
use crate::support::http::{exchange, request};
use crate::support::until;

pub(super) async fn files_come_as_text_and_without_a_key() {
    let stage = stage().await;
    for (file, kind) in
        [("/console", "text/html"), ("/console/app.js", "text/javascript"), ("/console/style.css", "text/css")]
    {
        let path = format!("{}{file}", stage.url.path().trim_end_matches('/'));
        let reply =
            exchange(address(&stage.url), request("GET", &path, "accept-encoding: gzip\r\n", b"")).await.unwrap();
        let head = reply.head.to_lowercase();
        assert_eq!(reply.status, 200, "{file}: {head}");
        for header in [&format!("content-type: {kind}"), "content-security-policy: default-src 'none'"] {
            assert!(head.contains(header), "{file}: {head}");
        }
        assert!(!head.contains("content-encoding"), "{file}: {head}");
        assert!(reply.body.contains(&b'{') || reply.body.starts_with(b"<"), "{file} is text, and not base64");
    }
}

pub(super) async fn shipment_is_found_understood_and_repaired() {
    let stage = stage().await;
    let mark = stage.mark.clone();
    stage.erps[0].behave(Behaviour::Answers(Reply::of(503).retry_after(3_600)));
    let body = format!(r#"{{"action":"syn_status","orderOutNo":"{mark}","code":43,"msg":"已接单"}}"#);
    stage.push(Partner::Xhq, "syn_status", &body).await;
    until(async || !stage.got(0, &mark).is_empty()).await;
    let browser = Browser::start(stage.url.as_str().trim_end_matches('/').to_owned(), Language::Chinese).await;
    browser.sign_in("#/today", stage.config.api_keys[0].key.expose()).await;
    browser.fill("#search", &format!("{mark}\n")).await;
    browser.reads_in("h1", &mark).await;
    browser.click(".lanes a").await;
    browser.reads_in(".attempts", "503").await;
    stage.erps[0].behave(Behaviour::Takes);
    browser.click("[data-do=now]").await;
    browser.click("dialog [data-do=agree]").await;
    browser.click("[data-do=finish]").await;
    until(async || stage.got(0, &mark).iter().any(|delivery| delivery.answered == Some(200))).await;
    browser.lacks("[data-do=now]").await;
    browser.close().await;
    stage.settled().await;
}
