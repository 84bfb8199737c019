//! The operators' console, in a browser, against a hub with its partners and its ERP: each page, each action, both languages.
//!
//! On a machine without Chromium and its driver these tests are ignored, which the harness says by their names.

/// Each scene is played in both languages.
macro_rules! in_both_languages {
    ($($name:ident)+) => { $(
        mod $name {
            use super::Language;

            #[cfg_attr(not(has_browser), ignore = "no chromedriver")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn chinese() {
                super::$name(Language::Chinese).await;
            }

            #[cfg_attr(not(has_browser), ignore = "no chromedriver")]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn english() {
                super::$name(Language::English).await;
            }
        }
    )+ };
}

mod actions;
mod browser;
mod calls;
mod evidence;
mod files;
mod manners;
mod pages;

use hub::Subject;
use partners::Partner;
use serde_json::Value;
use simulators::erp::{Behaviour, Reply};
use simulators::{Erp, pushes};

use self::browser::{Browser, Language};
use crate::calls::{Desk, Making};
use crate::support::{self, API_KEY, answered, ledger, until};

/// A key that may only read.
const VIEWER: &str = "viewer-key-that-nobody-may-see-0123456789";

/// A hub that has work for an operator: an endpoint `also` that refuses all it gets, at the first attempt.
struct Scene {
    desk: Desk,
    also: Erp,
}

impl Scene {
    async fn new() -> Self {
        Self::with("").await
    }

    /// The same with further settings of XHQ's connection.
    async fn with(xhq: &str) -> Self {
        Self::made(xhq, "", "").await
    }

    /// The same with further settings at the top, and further tables.
    async fn made(xhq: &str, top: &str, tables: &str) -> Self {
        let also = support::erp().await;
        also.behave(Behaviour::Answers(Reply::of(422)));
        let last = format!("[[api_keys]]\nid = \"reader\"\nkey = \"{VIEWER}\"\nrole = \"viewer\"\n{tables}");
        let making =
            Making { also: Some((&also, "retry = []\norder = \"none\"")), last: &last, xhq, top, ..Making::default() };
        Self { desk: Desk::with(making).await, also }
    }

    fn base(&self) -> String {
        format!("http://{}", self.desk.hub.address())
    }

    /// A browser whose reader has signed in.
    async fn browser(&self, language: Language, address: &str) -> Browser {
        let browser = Browser::start(self.base(), language).await;
        browser.sign_in(address, API_KEY).await;
        browser
    }

    /// A push of XHQ's, and nothing pending after it.
    async fn pushed(&self, suffix: &str, body: &str) {
        let path = pushes::path(Partner::Xhq, "xhq", &support::key("xhq"), suffix);
        let mut sender = support::sender(&self.desk.hub, Partner::Xhq);
        let answer = answered(&mut sender, &path, "application/json", body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        until(async || ledger(&self.desk.hub.context().store).await.pending == 0).await;
    }

    /// A status of an order, which `erp` takes and `also` refuses.
    async fn status(&self, order: &str, code: u32) {
        self.pushed("syn_status", &support::status(order, code)).await;
    }

    /// The only event of an order: its address in the console.
    async fn event(&self, order: &str) -> String {
        let store = &self.desk.hub.context().store;
        let subject = Subject::new("order", order);
        let items =
            store::Store::timeline(store, &"xhq".into(), &subject, self.desk.hub.context().now()).await.unwrap();
        format!("#/events/xhq/order%3A{order}/{}", items[0].key.id)
    }

    async fn failed(&self) -> u64 {
        ledger(&self.desk.hub.context().store).await.failed
    }

    /// Lets the endpoint take what it is sent from now on.
    fn mend(&self) {
        self.also.behave(Behaviour::Takes);
    }

    /// The payloads that the mended endpoint has accepted.
    fn arrived(&self) -> Vec<Value> {
        let taken = self.also.deliveries().into_iter().filter(|delivery| delivery.answered == Some(200));
        taken.map(|delivery| serde_json::from_slice(&delivery.body).unwrap()).collect()
    }
}
