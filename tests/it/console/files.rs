//! Files of a shipment: seen with their state, and saved through the API with the reader's key.

use std::time::Duration;

use serde_json::json;
use simulators::api::{FILE, Fault, Xhq};
use simulators::erp::Reply;

use super::Scene;
use super::browser::Language;
use crate::support::{courier, within};

/// Notes what the page saves, in place of the browser's folder for downloads.
const NOTE: &str = "window.saved = []; const click = HTMLAnchorElement.prototype.click;
    HTMLAnchorElement.prototype.click = function () { if (!this.download) click.call(this); };
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => { blob.text().then((text) => window.saved.push([blob.type, text])); return make.call(URL, blob); };";

#[cfg_attr(not(has_browser), ignore = "no chromedriver")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_file_is_saved_after_its_link_died() {
    for language in Language::BOTH {
        let scene = Scene::with("files = true").await;
        let (xhq, hub) = (&scene.desk.xhq, &scene.desk.hub);
        let links =
            format!(r#""releaseNotice":"{}","examinePdf":"http://127.0.0.1:1/gone.pdf""#, xhq.file("SO-7", "notice"));
        let body =
            format!(r#"{{"action":"single_receipt","orderOutNo":"SO-7","paramJson":{{"channel":"P",{links}}}}}"#);
        scene.pushed("single_receipt", &body).await;
        let courier = courier(hub);
        crate::support::until(async || within(courier::fetch(&courier)).await.unwrap().kept == 1).await;
        xhq.behave(Fault::Http(Reply::of(404)).always().on(FILE));
        scene.desk.time.pass(Duration::from_secs(1));

        let browser = scene.browser(language, "#/shipments/order%3ASO-7").await;
        browser.reads_in("[data-files]", language.pick("放行通知书", "Release notice")).await;
        browser.reads_in("[data-files]", language.pick("已保存", "Kept")).await;
        browser.reads_in("[data-files]", language.pick("待下载", "To be fetched")).await;
        browser.run(NOTE, vec![]).await;
        browser.click("[data-do=save-file]").await;
        let content = String::from_utf8(Xhq::content("SO-7", "notice").to_vec()).unwrap();
        let saved =
            "return window.saved.some(([type, text]) => type === 'application/octet-stream' && text === arguments[0])";
        browser.holds("the content is saved", saved, vec![json!(content)]).await;
        browser.lacks("[data-files] [role=alert]").await;

        browser.go(&scene.event("SO-7").await).await;
        browser.reads_in("[data-files]", "notice.pdf").await;
        std::fs::remove_dir_all(scene.desk.plan.config().data_dir.join(archive::FOLDER)).unwrap();
        browser.click("[data-do=save-file]").await;
        browser.exists("[data-files] [role=alert]").await;
        assert_eq!(browser.faults().await, Vec::<String>::new());
        browser.close().await;
    }
}
