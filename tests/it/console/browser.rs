//! A browser that a test drives: Chromium without a window, by way of its driver.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::within;

/// Folder for the pictures of pages that a test has failed on, and of those that are asked for.
const PICTURES: &str = "TONGGUAN_PICTURES";

/// Notes each error of a script and each breach of the content security policy.
const LISTEN: &str = "window.noted = [];
    addEventListener('error', (event) => window.noted.push(String(event.message)));
    addEventListener('unhandledrejection', (event) => window.noted.push(String(event.reason)));
    document.addEventListener('securitypolicyviolation', (event) => window.noted.push(`policy: ${event.violatedDirective}`));";

/// A language of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Chinese,
    English,
}

impl Language {
    pub(crate) const BOTH: [Self; 2] = [Self::Chinese, Self::English];

    /// The one of two that is of this language.
    pub(crate) const fn pick_of<'t, T: ?Sized>(self, chinese: &'t T, english: &'t T) -> &'t T {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// The text of this language.
    pub(crate) const fn pick<'t>(self, chinese: &'t str, english: &'t str) -> &'t str {
        self.pick_of(chinese, english)
    }
}

/// A driver and the browser that it has started. Both end with this.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    base: String,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ended = self.driver.kill();
        let _reaped = self.driver.wait();
    }
}

impl Browser {
    /// A browser of that language, at no page yet.
    pub(crate) async fn start(base: String, language: Language) -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            line.split_once("started successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("the driver tells its port");
        let profile = tempfile::tempdir().unwrap();
        let tongue = language.pick("zh-CN", "en-US");
        let options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                format!("--user-data-dir={}", profile.path().display()), format!("--lang={tongue}"),
                format!("--accept-lang={tongue}"), "--window-size=1440,900",
            ],
        });
        let capabilities = json!({ "goog:chromeOptions": options });
        let Value::Object(capabilities) = capabilities else { unreachable!("an object was written") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = within(builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}"))).await;
        Self { client: client.unwrap(), driver, base, _profile: profile }
    }

    /// Opens the console at an address within it, with the page loaded anew.
    pub(crate) async fn open(&self, address: &str) {
        self.client.goto("about:blank").await.unwrap();
        self.client.goto(&format!("{}/console{address}", self.base)).await.unwrap();
        self.run(LISTEN, vec![]).await;
    }

    /// Goes to another address without loading the page.
    pub(crate) async fn go(&self, address: &str) {
        self.run("location.hash = arguments[0]", vec![json!(address)]).await;
    }

    /// Opens the console and signs in.
    pub(crate) async fn sign_in(&self, address: &str, key: &str) {
        self.open(address).await;
        self.fill("#key", key).await;
        self.click("[data-do=sign-in]").await;
        self.exists("#search").await;
    }

    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// Waits until a script says so.
    pub(crate) async fn holds(&self, what: &str, script: &str, arguments: Vec<Value>) {
        let asked = async {
            while self.run(script, arguments.clone()).await != json!(true) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(Duration::from_mins(1), asked).await.is_err() {
            self.picture("failure").await;
            let text = self.run("return document.body.innerText", vec![]).await;
            panic!("{what}: never so. The page says:\n{}", text.as_str().unwrap_or_default());
        }
    }

    /// Waits until there is such an element.
    pub(crate) async fn exists(&self, css: &str) {
        self.holds(css, "return document.querySelector(arguments[0]) !== null", vec![json!(css)]).await;
    }

    /// Waits until there is no such element.
    pub(crate) async fn lacks(&self, css: &str) {
        let script = "return document.querySelector(arguments[0]) === null";
        self.holds(&format!("no {css}"), script, vec![json!(css)]).await;
    }

    /// Waits until a text is to be read.
    pub(crate) async fn reads(&self, text: &str) {
        self.holds(text, "return document.body.innerText.includes(arguments[0])", vec![json!(text)]).await;
    }

    /// Waits until a text is to be read within such an element.
    pub(crate) async fn reads_in(&self, css: &str, text: &str) {
        let script =
            "return [...document.querySelectorAll(arguments[0])].some((one) => one.innerText.includes(arguments[1]))";
        self.holds(&format!("{css}: {text}"), script, vec![json!(css), json!(text)]).await;
    }

    /// Clicks on the first such element that can be.
    pub(crate) async fn click(&self, css: &str) {
        let ready = "const found = document.querySelector(arguments[0]); return found !== null && !found.disabled";
        self.holds(&format!("{css} can be clicked"), ready, vec![json!(css)]).await;
        within(async {
            loop {
                let element = self.client.find(Locator::Css(css)).await;
                // The page may have drawn it anew in between.
                match element {
                    Ok(element) if element.click().await.is_ok() => return,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await;
    }

    /// Writes into an input, over what it has.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        self.exists(css).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.click().await.unwrap();
        self.run("document.querySelector(arguments[0]).select?.()", vec![json!(css)]).await;
        element.send_keys(text).await.unwrap();
    }

    /// Chooses an option by its value.
    pub(crate) async fn choose(&self, css: &str, value: &str) {
        self.exists(&format!("{css} option[value='{value}']")).await;
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.select_by_value(value).await.unwrap();
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let active = self.client.active_element().await.unwrap();
        active.send_keys(keys).await.unwrap();
    }

    pub(crate) async fn enter(&self) {
        let active = self.client.active_element().await.unwrap();
        active.send_keys(&Key::Enter.to_string()).await.unwrap();
    }

    /// The errors since the page was opened.
    pub(crate) async fn faults(&self) -> Vec<String> {
        let noted = self.run("return window.noted || []", vec![]).await;
        serde_json::from_value(noted).unwrap()
    }

    /// A picture of the page, where a folder for them is given.
    pub(crate) async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os(PICTURES) {
            let bytes = self.client.screenshot().await.unwrap();
            std::fs::create_dir_all(&folder).unwrap();
            let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
            std::fs::write(std::path::Path::new(&folder).join(format!("{test}-{name}.png")), bytes).unwrap();
        }
    }

    /// Ends the browser in order. One that a failed test leaves ends with its driver.
    pub(crate) async fn close(self) {
        assert_eq!(self.faults().await, Vec::<String>::new(), "errors of scripts, or breaches of the policy");
        self.client.clone().close().await.unwrap();
    }
}
