//! Refresh of the cached configuration before a refusal: added keys, connections and API keys are accepted.

use lambda::{Apart, ConfigCache, Source};

use super::*;

const API_KEY: &str = "an-api-key-0123456789abcdef0123456789";

/// Secrets Manager in process.
#[derive(Clone, Debug)]
struct Manager(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    text: String,
    version: u32,
    reads: usize,
    takes: Duration,
    refuses: bool,
}

impl Manager {
    async fn answer(self) -> host::Answered {
        let (answer, takes) = {
            let mut held = self.0.lock().unwrap();
            held.reads += 1;
            let version = format!("v{}", held.version);
            let secret = json!({"ARN": "a", "Name": "s", "VersionId": version, "SecretString": held.text});
            let refused = (400, json!({"__type": "AccessDeniedException"}));
            (if held.refuses { refused } else { (200, secret) }, held.takes)
        };
        tokio::time::sleep(takes).await;
        Ok((answer.0, answer.1.to_string()))
    }

    fn put(&self, text: &str) {
        let mut held = self.0.lock().unwrap();
        text.clone_into(&mut held.text);
        held.version += 1;
    }

    fn takes(&self, time: Duration) {
        self.0.lock().unwrap().takes = time;
    }

    fn refuses(&self, refuses: bool) {
        self.0.lock().unwrap().refuses = refuses;
    }

    /// Number of requests since the last reading.
    fn reads(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().reads)
    }
}

/// A warm function in virtual time, whose configuration is in the secret.
struct Warm {
    base: Context<DynamoStore, Forgetful>,
    kept: ConfigCache,
    manager: Manager,
}

impl Warm {
    /// It started a minute ago.
    async fn new() -> Self {
        let held = Held { text: configuration(), version: 1, reads: 0, takes: Duration::ZERO, refuses: false };
        let manager = Manager(Arc::new(Mutex::new(held)));
        let asked = manager.clone();
        let aws = host::sdk_config(host::in_process(move |_, _| asked.clone().answer()));
        let kept = ConfigCache::read(&aws, Source::Secret("s".to_owned()), Apart::Unread, NOW).await.unwrap();
        let (mut base, _) = deployed().await;
        let began = Instant::now();
        base.clock = Arc::new(move || NOW.after(Duration::from_mins(1) + began.elapsed()));
        manager.reads();
        Self { base, kept, manager }
    }

    fn context(&self) -> Context<DynamoStore, Forgetful> {
        Context { config: self.kept.current(), ..self.base.clone() }
    }

    async fn push(&self, action: &Action, path: &str, body: &str) -> (u16, Value) {
        let request = lambda_http::request::from_str(&rest(path, body).to_string()).unwrap();
        said(&lambda::answer(&self.context(), Some(&self.kept), action, request).await)
    }

    async fn status(&self, key: &str, order: u32) -> u16 {
        let body = json!({"action": "syn_status", "orderOutNo": format!("S{order}"), "code": 61}).to_string();
        self.push(&syn_status::ACTION, &format!("/hooks/xhq/{key}/syn_status"), &body).await.0
    }

    /// A rate of 1datatech, and how long its answer took.
    async fn rate(&self, key: &str) -> (u16, Duration) {
        let began = Instant::now();
        let path = format!("/hooks/onedata/rates/{key}/rates");
        (self.push(&rate_push::ACTION, &path, r#"{"batchNo":"B1"}"#).await.0, began.elapsed())
    }

    /// An answer to the ERP, which asks what a replay at an endpoint would do.
    async fn ask(&self, endpoint: &str) -> u16 {
        self.asks("/deliveries/replay", &json!({"endpoint": endpoint}).to_string()).await
    }

    async fn asks(&self, path: &str, body: &str) -> u16 {
        let context = self.context();
        let handle = |context: Context<_, _>| async move {
            let request = http::Request::post(path).header("authorization", format!("Bearer {API_KEY}"));
            deliveries::router().handle(&context, request.body(bytes::Bytes::from(body.to_owned())).unwrap()).await
        };
        lambda::handled(&context, &self.kept, Duration::from_secs(20), handle).await.status().as_u16()
    }
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// The configuration with another key of XHQ's connection, and another connection.
fn more() -> String {
    let keys = format!("keys = [\"{KEY}\", \"{KEY}new\"]");
    let more = format!("[[connections]]\nid = \"xhq-bj\"\npartner = \"xhq\"\nkeys = [\"{KEY}bj\"]\n");
    configuration().replacen(&format!("keys = [\"{KEY}\"]"), &keys, 1) + &more
}

/// Regression: a key that had been added to the secret was refused for up to five minutes.
#[tokio::test(start_paused = true)]
async fn added_key_and_connection_are_accepted_at_once() {
    for key in [format!("xhq-sh/{KEY}new"), format!("xhq-bj/{KEY}bj")] {
        let warm = Warm::new().await;
        assert_eq!((warm.status(&key, 1).await, warm.manager.reads()), (404, 1), "not there yet");
        pass(4).await;
        warm.manager.put(&more());
        assert_eq!((warm.status(&key, 2).await, warm.manager.reads()), (200, 1), "{key}");
        assert_eq!((warm.status(&key, 3).await, warm.manager.reads()), (200, 0), "it is known now");
        assert_eq!(warm.base.store.ledger(warm.base.now()).await.unwrap().len(), 1);
    }
}

/// The same of what else a refusal may be for: the addresses that a connection is pushed from.
#[tokio::test(start_paused = true)]
async fn added_address_is_accepted_at_once() {
    let warm = Warm::new().await;
    warm.manager.put(&configuration().replace("10.1.0.0/16", "192.0.2.0/24"));
    let mut event = rest(&format!("/hooks/xhq/xhq-lan/{KEY}lan/syn_status"), BODY);
    event["requestContext"]["identity"]["sourceIp"] = "192.0.2.1".into();
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let answer = lambda::answer(&warm.context(), Some(&warm.kept), &syn_status::ACTION, request).await;
    assert_eq!(said(&answer).0, 200);
}

#[tokio::test(start_paused = true)]
async fn flood_of_wrong_keys_reads_the_secret_every_few_seconds() {
    let warm = Warm::new().await;
    let wrong = format!("xhq-sh/{KEY}wrong");
    for order in 0..100 {
        assert_eq!(warm.status(&wrong, order).await, 404);
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let reads = warm.manager.reads();
    assert!((2..=4).contains(&reads), "{reads} reads in ten seconds");
    // One reading serves all that come while it lasts.
    pass(4).await;
    warm.manager.takes(Duration::from_millis(200));
    warm.manager.put(&more());
    let several: Vec<_> = (0..9).map(|order| format!("xhq-sh/{KEY}new {order}")).collect();
    let several = several.iter().map(|name| {
        let (key, order) = name.split_once(' ').unwrap();
        warm.status(key, 500 + order.parse::<u32>().unwrap())
    });
    assert_eq!(futures::future::join_all(several).await, [200; 9]);
    assert_eq!(warm.manager.reads(), 1);
}

/// A request that no configuration allows is refused without a refresh: an unknown partner, another function's path.
#[tokio::test(start_paused = true)]
async fn wrong_path_and_method_read_nothing() {
    let warm = Warm::new().await;
    for path in
        [format!("/hooks/nobody/x/{KEY}/syn_status"), format!("/hooks/xhq/xhq-sh/{KEY}/send_data"), "/".to_owned()]
    {
        assert_eq!(warm.push(&syn_status::ACTION, &path, BODY).await.0, 404, "{path}");
    }
    assert_eq!(warm.manager.reads(), 0);
}

/// 1datatech counts a push as failed after 500 ms. What the reading finds after the answer serves the next push.
#[tokio::test(start_paused = true)]
async fn slow_secret_gives_the_retryable_negative_in_time() {
    let warm = Warm::new().await;
    warm.manager.put(&configuration().replace(&format!("{KEY}od"), &format!("{KEY}new")));
    warm.manager.takes(Duration::from_millis(1_500));
    let (status, took) = warm.rate(&format!("{KEY}new")).await;
    assert_eq!(status, 503);
    assert!(took <= Partner::OneData.budget(), "{took:?}");
    // The answer is out; the function waits for what was begun before it asks for the next event.
    warm.kept.refresh(warm.base.now()).await;
    let (status, took) = warm.rate(&format!("{KEY}new")).await;
    assert_eq!((status, warm.manager.reads()), (200, 1));
    assert!(took <= Partner::OneData.budget(), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn unreadable_secret_refuses_nothing_for_good() {
    let warm = Warm::new().await;
    let wrong = format!("xhq-sh/{KEY}wrong");
    warm.manager.refuses(true);
    for order in 0..50 {
        assert_eq!(warm.status(&wrong, order).await, 503);
        assert_eq!(warm.status(&format!("xhq-sh/{KEY}"), order).await, 200, "what is known goes on");
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert_eq!(warm.manager.reads(), 1, "what fails is not asked at every push");
    warm.manager.refuses(false);
    pass(20).await;
    assert_eq!(warm.status(&wrong, 99).await, 404);
    // A text with mistakes may hold the key.
    pass(4).await;
    warm.manager.put("sweep_every = 7");
    assert_eq!(warm.status(&wrong, 99).await, 503);
}

/// A key that was taken away is good until the instance reads the secret by itself.
#[tokio::test(start_paused = true)]
async fn removed_key_is_good_for_five_minutes_at_most() {
    let warm = Warm::new().await;
    let key = format!("xhq-sh/{KEY}");
    warm.manager.put(&configuration().replacen(&format!("\"{KEY}\""), &format!("\"{KEY}new\""), 1));
    assert_eq!((warm.status(&key, 1).await, warm.manager.reads()), (200, 0));
    pass(240).await;
    warm.kept.refresh(warm.base.now()).await;
    assert_eq!((warm.status(&key, 2).await, warm.manager.reads()), (404, 1));
}

fn endpoint(id: &str) -> String {
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    format!("[[endpoints]]\nid = \"{id}\"\nurl = \"http://192.0.2.1/\"\nsecrets = [\"{secret}\"]\n")
}

/// Regression: an API key that had just been added was answered 401, and an endpoint 400.
#[tokio::test(start_paused = true)]
async fn added_api_key_and_endpoint_are_known_to_the_erp_at_once() {
    let warm = Warm::new().await;
    assert_eq!((warm.ask("erp").await, warm.manager.reads()), (401, 1));
    pass(4).await;
    let key = format!("[[api_keys]]\nid = \"erp\"\nkey = \"{API_KEY}\"\n");
    warm.manager.put(&(configuration() + &endpoint("erp") + &key));
    assert_eq!((warm.ask("erp").await, warm.manager.reads()), (200, 1));
    assert_eq!((warm.ask("erp").await, warm.manager.reads()), (200, 0));
    assert_eq!((warm.ask("wms").await, warm.manager.reads()), (400, 0), "not more often than every three seconds");
    pass(4).await;
    warm.manager.put(&(configuration() + &endpoint("erp") + &endpoint("wms") + &key));
    assert_eq!((warm.ask("wms").await, warm.manager.reads()), (200, 1));
    pass(4).await;
    warm.manager.refuses(true);
    assert_eq!(warm.ask("tms").await, 503);
    warm.manager.reads();
    assert_eq!((warm.asks("/deliveries/replay", "no JSON").await, warm.manager.reads()), (400, 0));
}
