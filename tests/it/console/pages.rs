//! Each page in both languages, with work on it and without.

use serde_json::json;
use simulators::api::Fault;

use super::browser::{Browser, Language};
use super::{Scene, support};
use crate::calls::upload;
use crate::support::API_KEY;

/// Names of the elements that assistive technology could not name, more than one head line, and a page wider than the window.
const LAPSES: &str = "const named = (one) => (one.getAttribute('aria-label') || one.innerText || one.title || '').trim() !== '';
    const shown = (one) => one.checkVisibility({ visibilityProperty: true });
    const labelled = (one) => (one.labels && one.labels.length > 0) || one.getAttribute('aria-label');
    const all = (css) => [...document.querySelectorAll(css)].filter(shown);
    const lapses = [...all('button, a[href]:not([aria-hidden])').filter((one) => !named(one)), ...all('input, select, textarea').filter((one) => !labelled(one)),
      ...all('table').filter((one) => !one.querySelector('th[scope]')), ...all('img').filter((one) => !one.hasAttribute('alt'))].map((one) => one.outerHTML.slice(0, 120));
    if (document.querySelectorAll('h1').length !== 1) lapses.push('not one h1');
    for (const word of ['NaN', 'undefined', '[object', 'Invalid']) if (document.body.innerText.includes(word)) lapses.push(`says ${word}`);
    if (document.documentElement.scrollWidth > innerWidth) lapses.push(`wider than the window: ${document.documentElement.scrollWidth}`);
    return lapses;";

async fn assert_flawless(browser: &Browser, page: &str) {
    assert_eq!(browser.run(LAPSES, vec![]).await, json!([]), "{page}");
}

/// A page: its address, what it shows in Chinese and in English.
type Page<'p> = (&'p str, &'p [&'p str], &'p [&'p str]);

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_shows_what_there_is_in_both_languages() {
    let scene = Scene::new().await;
    scene.status("SO-1", 63).await;
    scene.status("SO-2", 43).await;
    let receipt = r#"{"action":"single_receipt","orderOutNo":"SO-1","billNo":"BL-1","paramJson":{"channel":"P","note":"海关已放行",
        "noticeDate":"2024-04-22 16:47:56","entryId":"223320240000762118"}}"#;
    scene.pushed("single_receipt", receipt).await;
    scene.desk.xhq.behave(Fault::DropsAnswer);
    let call = scene.desk.command("xhq", "upload", "k-1", &upload("SO-2")).await;
    scene.desk.stands(&call, "ambiguous").await;
    let event = scene.event("SO-2").await;
    let call = format!("#/calls/{call}");
    let pages: [Page<'_>; 15] = [
        (
            "#/today",
            &["今日", "个投递失败", "个调用结果不明", "各合作方的推送"],
            &["Today", "failed deliveries", "calls of unknown outcome", "Pushes by partner"],
        ),
        ("#/shipments", &["货物", "SO-1", "海关回执", "失败"], &["Shipments", "SO-1", "Customs receipt", "Failed"]),
        ("#/shipments?state=failed", &["SO-2"], &["SO-2"]),
        (
            "#/shipments/order%3ASO-1",
            &["需要处理", "已放行", "可能漏推", "信号旗", "BL-1"],
            &["Needs attention", "Released", "May be lost", "XHQ", "BL-1"],
        ),
        ("#/shipments/BL-1", &["SO-1"], &["SO-1"]),
        ("#/shipments/none", &["没有找到 none"], &["none was not found"]),
        (
            &event,
            &["同步单证状态", "已接单", "信号旗订单状态", "422"],
            &["Document status", "Order accepted", "XHQ order status", "422"],
        ),
        ("#/deliveries", &["投递", "HTTP 422", "SO-1"], &["Deliveries", "HTTP 422", "SO-1"]),
        ("#/deliveries?state=delivered", &["已送达", "SO-2", "erp"], &["Delivered", "SO-2", "erp"]),
        ("#/calls", &["调用", "文件上传", "结果不明"], &["Calls", "Upload by URL", "Unknown outcome"]),
        (
            &call,
            &["结果不明，等待决定", "此后的消息", "外部订单号"],
            &["The outcome is not known", "Heard since", "SO-2"],
        ),
        (
            "#/calls/new?connection=xhq&operation=recall",
            &["新建调用", "操作人名称", "幂等键"],
            &["New call", "hdUserName", "Idempotency key"],
        ),
        (
            "#/partners",
            &["合作方账号", "信号旗", "also", "测试推送"],
            &["Accounts at partners", "XHQ", "also", "Test push"],
        ),
        ("#/ledger", &["账目平衡", "xhq"], &["Balanced", "xhq"]),
        ("#/nowhere", &["没有这个页面"], &["There is no such page"]),
    ];
    for language in Language::BOTH {
        let browser = scene.browser(language, "#/today").await;
        assert_eq!(browser.run("return document.documentElement.lang", vec![]).await, language.pick("zh-CN", "en"));
        for (size, (width, height)) in [("wide", (1440, 900)), ("narrow", (375, 812))] {
            browser.client.set_window_size(width, height).await.unwrap();
            for (at, (address, chinese, english)) in pages.iter().enumerate() {
                browser.go(address).await;
                for text in *language.pick_of(chinese, english) {
                    browser.reads(text).await;
                }
                if !address.contains("nowhere") {
                    assert_flawless(&browser, &format!("{language:?} {size} {address}")).await;
                }
                browser.picture(&format!("{}-{size}-{at}", language.pick("zh", "en"))).await;
            }
        }
        browser.close().await;
    }
}

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hub_without_events_has_pages_that_say_so() {
    let scene = Scene::new().await;
    for language in Language::BOTH {
        let browser = scene.browser(language, "#/today").await;
        for (address, chinese, english) in [
            ("#/today", "没有需要处理的事项", "Nothing needs you now"),
            ("#/shipments", "还没有收到推送", "No push was received yet"),
            ("#/shipments?state=quiet", "没有失去消息的货物", "No shipment is quiet"),
            ("#/deliveries", "没有失败的投递", "No delivery has failed"),
            ("#/deliveries?number=none", "没有符合条件的记录", "Nothing found"),
            ("#/calls?state=ambiguous", "没有结果不明的调用", "No call of unknown outcome"),
        ] {
            browser.go(address).await;
            browser.reads(language.pick(chinese, english)).await;
            assert_flawless(&browser, address).await;
        }
        browser.close().await;
    }
}

/// The search and the filters find an event by any of its numbers, its type and its time.
#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_and_their_filters_are_in_the_address() {
    let scene = Scene::new().await;
    for order in ["SO-1", "SO-2"] {
        scene.status(order, 43).await;
    }
    let browser = scene.browser(Language::Chinese, "#/deliveries").await;
    browser.reads("SO-1").await;
    browser.fill("[name=number]", "SO-2\n").await;
    browser.holds("one is left", "return !document.querySelector('main').innerText.includes('SO-1')", vec![]).await;
    browser.reads_in("main", "SO-2").await;
    browser.choose("[name=endpoint]", "also").await;
    browser.choose("[name=period]", "1h").await;
    browser.reads_in("main", "SO-2").await;
    let address = browser.client.current_url().await.unwrap();
    for part in ["number=SO-2", "endpoint=also", "period=1h"] {
        assert!(address.as_str().contains(part), "{address}");
    }
    browser.fill("[name=type]", "xhq.single_receipt\n").await;
    browser.reads("没有符合条件的记录").await;
    browser.click(".filters .quiet").await;
    browser.reads_in("main", "SO-1").await;
    browser.fill("#search", "SO-2\n").await;
    browser.reads_in("h1", "SO-2").await;
    browser.close().await;
}

/// A page of the list has fewer deliveries than there are: all are there by `more`.
#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_list_is_read_by_pages() {
    let scene = Scene::new().await;
    let path = simulators::pushes::path(partners::Partner::Xhq, "xhq", &support::key("xhq"), "syn_status");
    let mut sender = support::sender(&scene.desk.hub, partners::Partner::Xhq);
    for n in 0..130 {
        let body = support::status(&format!("SO-{n}"), 43);
        support::answered(&mut sender, &path, "application/json", body.as_bytes()).await;
    }
    support::until(async || scene.failed().await == 130).await;
    let browser = Browser::start(scene.base(), Language::English).await;
    browser.sign_in("#/deliveries?group=none", API_KEY).await;
    let rows = |count: usize| format!("return document.querySelectorAll('[data-row]').length === {count}");
    browser.holds("the first page", &rows(100), vec![]).await;
    browser.click("[data-do=more]").await;
    browser.holds("all", &rows(130), vec![]).await;
    browser.close().await;
}

/// The page of the trail names who changed something and leads to it; the configuration is shown without its secrets.
#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audit_and_configuration_are_shown() {
    let scene = Scene::new().await;
    scene.status("SO-1", 43).await;
    scene.mend();
    let body = r#"{"endpoint":"also","dry_run":false}"#;
    support::http::api(scene.desk.hub.address(), "POST", "/deliveries/replay", API_KEY, body).await;
    for language in Language::BOTH {
        let browser = scene.browser(language, "#/audit").await;
        browser.reads_in("[data-row]", language.pick("重投", "Replay")).await;
        browser.reads_in("[data-row]", "all").await;
        assert_flawless(&browser, "audit").await;
        browser.click("[data-row] .chip").await;
        browser.reads_in("main", language.pick("已送达", "Delivered")).await;
        browser.reads_in("main", language.pick("审计", "Audit")).await;
        browser.go("#/configuration").await;
        browser.reads(language.pick("当前配置", "The configuration")).await;
        browser.reads_in(".payload", "[REDACTED]").await;
        assert_flawless(&browser, "configuration").await;
        let text = browser.run("return document.body.innerText", vec![]).await;
        assert!(!text.to_string().contains(API_KEY));
        browser.close().await;
    }
}
