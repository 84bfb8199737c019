//! The evidence of a shipment, saved by the browser.

use evidence::{Part, together};
use serde_json::Value;

use super::Scene;
use super::browser::Language;

/// Keeps what the page saves, and has the hub give parts of one event each.
const CATCH: &str = "window.saved = [];
    const make = URL.createObjectURL;
    URL.createObjectURL = (file) => { window.saved.push(file); return make.call(URL, file); };
    const ask = window.fetch;
    window.fetch = (url, more) => ask(String(url).endsWith('/evidence') ? `${url}?limit=1` : url, more);";

/// The bytes of a file that was saved.
const BYTES: &str = "return window.saved[arguments[0]].arrayBuffer().then((bytes) => [...new Uint8Array(bytes)])";

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn evidence_is_saved_in_all_its_parts_in_both_languages() {
    let scene = Scene::new().await;
    scene.status("SO-1", 43).await;
    scene.status("SO-1", 63).await;
    for language in Language::BOTH {
        let browser = scene.browser(language, "#/shipments/order%3ASO-1").await;
        browser.reads_in("[data-do=evidence]", language.pick("证据", "Evidence")).await;
        browser.run(CATCH, vec![]).await;
        browser.click("[data-do=evidence]").await;
        browser.reads_in("[data-saved]", language.pick("已保存 2 个文件", "Files saved: 2")).await;
        let mut parts = Vec::new();
        for number in [0, 1] {
            let bytes: Vec<u8> = serde_json::from_value(browser.run(BYTES, vec![number.into()]).await).unwrap();
            parts.push(Part::read(&bytes).unwrap());
        }
        assert!(parts.iter().all(|part| part.findings.is_empty()), "{parts:?}");
        assert_eq!(together(&parts), []);
        browser.picture(&format!("evidence-{}", language.pick("zh", "en"))).await;
        browser.go("#/audit").await;
        browser.reads_in("main", "order:SO-1").await;
        let texts = browser.run("return document.querySelector('main').innerText", vec![]).await;
        assert!(matches!(&texts, Value::String(text) if text.contains(language.pick("证据", "Evidence"))), "{texts}");
        browser.close().await;
    }
}
