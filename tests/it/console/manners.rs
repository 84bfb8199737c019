//! Manners of the whole console: keys, languages, rights, addresses, outages, and text that stays text.

use serde_json::json;

use super::browser::{Browser, Language};
use super::{Scene, VIEWER};
use crate::support::API_KEY;

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_key_is_told_and_right_one_stays_in_its_tab_alone() {
    let scene = Scene::new().await;
    for language in Language::BOTH {
        let browser = Browser::start(scene.base(), language).await;
        browser.open("").await;
        browser.fill("#key", "not-a-key-of-this-hub-0123456789").await;
        browser.click("[data-do=sign-in]").await;
        browser.reads(language.pick("没有这个密钥", "There is no such key")).await;
        browser.fill("#key", API_KEY).await;
        browser.click("[data-do=sign-in]").await;
        browser.reads_in("h1", language.pick("今日", "Today")).await;
        let kept = browser.run("return [JSON.stringify(localStorage), document.cookie]", vec![]).await;
        assert!(!kept.to_string().contains(API_KEY), "{kept}");
        browser.client.refresh().await.unwrap();
        browser.reads_in("h1", language.pick("今日", "Today")).await;
        browser.client.new_window(true).await.map(|tab| tab.handle).unwrap();
        let windows = browser.client.windows().await.unwrap();
        browser.client.switch_to_window(windows[1].clone()).await.unwrap();
        browser.open("").await;
        browser.exists("#key").await;
        browser.client.switch_to_window(windows[0].clone()).await.unwrap();
        browser.click("[data-do=sign-out]").await;
        browser.exists("#key").await;
        assert_eq!(browser.run("return JSON.stringify(sessionStorage)", vec![]).await, "{}");
        browser.close().await;
    }
}

/// An alert links into the console: the page is there after the key is asked for.
#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn link_leads_to_its_page_by_way_of_the_key() {
    let scene = Scene::new().await;
    scene.status("SO-1", 43).await;
    let browser = scene.browser(Language::Chinese, "#/shipments/order%3ASO-1").await;
    browser.reads_in("h1", "SO-1").await;
    browser.click("[data-trouble]").await;
    browser.reads_in("h1", "同步单证状态").await;
    browser.client.back().await.unwrap();
    browser.reads_in("h1", "SO-1").await;
    browser.close().await;
}

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyboard_searches_moves_opens_chooses_and_helps() {
    let scene = Scene::new().await;
    for order in ["SO-1", "SO-2"] {
        scene.status(order, 43).await;
    }
    let browser = scene.browser(Language::Chinese, "#/deliveries?group=none").await;
    browser.exists("[data-row]").await;
    let focused = "return document.activeElement === document.querySelectorAll('[data-row]')[arguments[0]]";
    browser.run("document.activeElement.blur()", vec![]).await;
    browser.press("j").await;
    browser.holds("the first row", focused, vec![json!(0)]).await;
    browser.press("j").await;
    browser.holds("the second row", focused, vec![json!(1)]).await;
    browser.press("k").await;
    browser.press("x").await;
    browser.reads_in(".dock", "已选 1 个").await;
    browser.run("document.querySelector('[data-row]').focus()", vec![]).await;
    browser.enter().await;
    browser.reads_in("h1", "同步单证状态").await;
    browser.run("document.activeElement.blur()", vec![]).await;
    browser.press("?").await;
    browser.reads_in("dialog", "搜索单号").await;
    browser.press(&fantoccini::key::Key::Escape.to_string()).await;
    browser.lacks("dialog").await;
    browser.run("document.activeElement.blur()", vec![]).await;
    browser.press("/").await;
    browser.holds("the search has the focus", "return document.activeElement.id === 'search'", vec![]).await;
    browser.press("SO-1").await;
    browser.enter().await;
    browser.reads_in("h1", "SO-1").await;
    browser.run("document.activeElement.blur()", vec![]).await;
    browser.press("g").await;
    browser.press("l").await;
    browser.reads_in("h1", "账本").await;
    browser.close().await;
}

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn language_and_colours_are_chosen_and_kept() {
    let scene = Scene::new().await;
    let browser = scene.browser(Language::English, "#/ledger").await;
    browser.reads_in("h1", "Ledger").await;
    browser.click("[data-do=language]").await;
    browser.reads_in("h1", "账本").await;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let light = browser.run(ground, vec![]).await;
    browser.click("[data-do=theme]").await;
    browser.click("[data-do=theme]").await;
    browser.holds("dark", "return document.documentElement.dataset.theme === 'dark'", vec![]).await;
    assert_ne!(browser.run(ground, vec![]).await, light);
    browser.client.refresh().await.unwrap();
    browser.reads_in("h1", "账本").await;
    assert_ne!(browser.run(ground, vec![]).await, light);
    browser.close().await;
}

/// Elements that change something.
const CHANGING: &str = "[data-do=replay], [data-do=replay-group], [data-do=replay-all], [data-do=confirm], [data-do=now], [data-do=cancel], \
                        [data-do=new-call], [data-do=send], [data-do=urls], [data-do=test-push], [data-do=test-delivery], \
                        [data-do=resolve-done], [data-do=resolve-retry], .pick";

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewer_sees_everything_and_can_change_nothing() {
    let scene = Scene::new().await;
    scene.status("SO-1", 43).await;
    scene.desk.xhq.behave(simulators::api::Fault::DropsAnswer);
    let call = scene.desk.command("xhq", "upload", "k-1", &crate::calls::upload("SO-1")).await;
    scene.desk.stands(&call, "ambiguous").await;
    let (call, event) = (format!("#/calls/{call}"), scene.event("SO-1").await);
    let pages = [
        ("#/deliveries", "HTTP 422"),
        ("#/deliveries?endpoint=also&group=none", "SO-1"),
        ("#/shipments/order%3ASO-1", "没有送达"),
        (&*event, "422"),
        (&*call, "等待决定"),
        ("#/calls", "文件上传"),
        ("#/calls/new", "不能发起调用"),
        ("#/partners", "信号旗"),
    ];
    let browser = Browser::start(scene.base(), Language::Chinese).await;
    browser.sign_in("#/today", VIEWER).await;
    for (address, text) in pages {
        browser.go(address).await;
        browser.reads(text).await;
        let found = browser.run("return document.querySelectorAll(arguments[0]).length", vec![json!(CHANGING)]).await;
        assert_eq!(found, 0, "{address}");
    }
    browser.close().await;
    let browser = scene.browser(Language::Chinese, "#/deliveries").await;
    browser.exists("[data-do=replay-group]").await;
    browser.close().await;
}

/// Texts of partners and of the ERP are shown as they are, wherever they stand.
#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_in_payloads_numbers_and_answers_stay_text() {
    const EVIL: &str = "<img src=x onerror=\"window.caught=1\"><script>window.caught=1</script>";
    let scene = Scene::new().await;
    let answer = simulators::erp::Reply { status: 422, body: EVIL.into(), retry_after: None };
    scene.also.behave(simulators::erp::Behaviour::Answers(answer));
    let body = json!({"action": "syn_status", "orderOutNo": EVIL, "code": 43, "msg": EVIL, "link": "javascript:window.caught=1"});
    scene.pushed("syn_status", &body.to_string()).await;
    let browser = scene.browser(Language::Chinese, "#/today").await;
    for address in ["#/today", "#/shipments", "#/deliveries", "#/deliveries?state=delivered"] {
        browser.go(address).await;
        browser.reads(EVIL).await;
    }
    browser.go("#/deliveries?group=none").await;
    browser.click("[data-row] a.key").await;
    browser.reads_in(".payload", EVIL).await;
    browser.reads_in(".attempts", "onerror").await;
    browser.reads_in(".payload", "javascript:window.caught=1").await;
    let caught = browser.run("return [window.caught ?? null, document.querySelectorAll('main script, main img, a[href^=javascript]').length]", vec![]);
    assert_eq!(caught.await, json!([null, 0]));
    browser.close().await;
}

/// An outage is told with what is still known, and ends without a reload.
#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_comes_and_outage_is_told_without_a_reload() {
    let scene = Scene::new().await;
    let browser = scene.browser(Language::Chinese, "#/shipments").await;
    browser.reads("还没有收到推送").await;
    scene.status("SO-1", 43).await;
    browser.reads_in("main", "SO-1").await;
    scene.desk.hub.stop().await;
    browser.reads("无法连接系统").await;
    browser.reads_in("main", "SO-1").await;
    browser.close().await;
}
