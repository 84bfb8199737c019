//! The configuration and its credentials over a Secrets Manager in process.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::*;
use crate::settings::{CREDENTIALS_SECRET_ID, SECRET_ID};

const ID: &str = "tongguan/configuration";
const CREDENTIALS: &str = "tongguan/credentials";
const NOW: Utc = Utc(1_790_000_000_000_000);
const MINUTE: &str = "sweep_every = \"1m\"\n";
const TWO_MINUTES: &str = "sweep_every = \"2m\"\n";
/// An answer that does not come.
const NEVER: (u16, Value) = (0, Value::Null);

/// Secrets Manager in process: gives these answers in order, the last one again and again.
#[derive(Clone, Debug)]
struct Manager {
    answers: Arc<Vec<(u16, Value)>>,
    /// Those for the credentials.
    credentials: Arc<Vec<(u16, Value)>>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

impl HttpClient for Manager {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Manager {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        let mut seen = self.seen.lock().unwrap();
        let answers = if body["SecretId"] == CREDENTIALS { &self.credentials } else { &self.answers };
        let before = seen.iter().filter(|(_, other)| other["SecretId"] == body["SecretId"]).count();
        let (status, answer) = &answers[before.min(answers.len() - 1)];
        seen.push((target, body));
        if *status == NEVER.0 {
            return HttpConnectorFuture::new(std::future::pending());
        }
        let mut response = HttpResponse::new((*status).try_into().unwrap(), SdkBody::from(answer.to_string()));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.1");
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn manager(answers: Vec<(u16, Value)>) -> (SdkConfig, Manager) {
    manager_of_two(answers, vec![])
}

fn manager_of_two(answers: Vec<(u16, Value)>, credentials: Vec<(u16, Value)>) -> (SdkConfig, Manager) {
    let manager = Manager { answers: Arc::new(answers), credentials: Arc::new(credentials), seen: Arc::default() };
    let credentials = Credentials::new("id", "key", None, None, "tests");
    let aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("local"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(SharedHttpClient::new(manager.clone()))
        .build();
    (aws, manager)
}

async fn read(answers: Vec<(u16, Value)>) -> (Result<Arc<Config>, SetupError>, Vec<(String, Value)>) {
    let (aws, manager) = manager(answers);
    let kept = ConfigCache::read(&aws, Source::Secret(ID.to_owned()), Apart::Unread, NOW).await;
    let seen = manager.seen.lock().unwrap().clone();
    (kept.map(|kept| kept.current()), seen)
}

fn holds(text: &str) -> (u16, Value) {
    version("v1", text)
}

fn version(name: &str, text: &str) -> (u16, Value) {
    let arn = "arn:aws:secretsmanager:x:1:secret:t";
    (200, json!({"ARN": arn, "Name": ID, "VersionId": name, "SecretString": text}))
}

fn refuses(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"__type": code, "message": "told to"}))
}

#[tokio::test]
async fn the_text_of_the_secret_is_the_configuration() {
    let (config, seen) = read(vec![holds("sweep_every = \"1m\"\n")]).await;
    assert_eq!(config.unwrap().sweep_every, Duration::from_mins(1));
    assert_eq!(seen, [("secretsmanager.GetSecretValue".to_owned(), json!({"SecretId": ID}))]);
}

#[tokio::test]
async fn temporary_read_failure_is_retried_permanent_one_named() {
    let busy = refuses(500, "InternalServiceError");
    let (config, seen) = read(vec![busy.clone(), busy.clone(), holds(MINUTE)]).await;
    assert_eq!(config.unwrap().sweep_every, Duration::from_mins(1));
    assert_eq!(seen.len(), 3);
    let (config, seen) = read(vec![busy]).await;
    assert!(matches!(config, Err(SetupError::Secret { .. })));
    assert_eq!(seen.len(), 3, "INIT does not wait for ever");
    let (config, seen) = read(vec![refuses(400, "ResourceNotFoundException")]).await;
    let error = config.unwrap_err();
    let said = telemetry::logs::chain(&error);
    assert!(said.contains(ID) && said.contains(SECRET_ID) && said.contains("ResourceNotFound"), "{said}");
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_secret_without_text_is_named() {
    let (config, _) = read(vec![(200, json!({"Name": ID, "SecretBinary": "AAAA"}))]).await;
    let said = config.unwrap_err().to_string();
    assert!(said.contains(ID) && said.contains("text"), "{said}");
}

#[tokio::test]
async fn mistakes_are_named_without_what_is_secret() {
    let text = "[[connections]]\nid = \"x\"\npartner = \"xhq\"\nkeys = [\"too-short-hunter2\"]\n";
    let (config, _) = read(vec![holds(text)]).await;
    let said = telemetry::logs::chain(&config.unwrap_err());
    assert!(said.contains(ID) && said.contains("connections[0].keys[0]"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Reads again at that minute, where it is time to; then the minutes between sweeps.
async fn later(kept: &ConfigCache, minutes: u64) -> u64 {
    kept.refresh(NOW.after(Duration::from_mins(minutes))).await;
    kept.current().sweep_every.as_secs() / 60
}

async fn kept(answers: Vec<(u16, Value)>) -> (ConfigCache, Manager) {
    let (aws, manager) = manager(answers);
    (ConfigCache::read(&aws, Source::Secret(ID.to_owned()), Apart::Unread, NOW).await.unwrap(), manager)
}

#[tokio::test]
async fn changed_secret_is_read_after_five_minutes() {
    let (kept, manager) = kept(vec![version("v1", MINUTE), version("v2", TWO_MINUTES)]).await;
    let asked = || manager.seen.lock().unwrap().len();
    let known = kept.current();
    assert_eq!((later(&kept, 0).await, later(&kept, 4).await, asked()), (1, 1, 1));
    assert_eq!((later(&kept, 5).await, asked()), (2, 2));
    assert_eq!((later(&kept, 9).await, asked()), (2, 2));
    assert_eq!((later(&kept, 10).await, asked()), (2, 3));
    assert_eq!(known.sweep_every, Duration::from_mins(1), "a request keeps what it began with");
}

#[tokio::test]
async fn a_configuration_with_mistakes_is_refused_until_it_is_mended() {
    // One that was emptied is a mistake, too: with it every push would be turned away.
    let answers =
        vec![holds(MINUTE), version("v2", "sweep_every = 7"), version("v3", "\n"), version("v4", TWO_MINUTES)];
    let (kept, _) = kept(answers).await;
    assert_eq!((later(&kept, 5).await, later(&kept, 10).await, later(&kept, 15).await), (1, 1, 2));
}

#[tokio::test]
async fn a_reading_that_fails_is_repeated_after_a_minute() {
    let busy = refuses(500, "InternalServiceError");
    let (kept, manager) = kept(vec![holds(MINUTE), busy.clone(), busy.clone(), busy, version("v2", TWO_MINUTES)]).await;
    let asked = || manager.seen.lock().unwrap().len();
    assert_eq!((later(&kept, 5).await, asked()), (1, 4));
    assert_eq!((later(&kept, 5).await, asked()), (1, 4));
    assert_eq!((later(&kept, 6).await, asked()), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_does_not_come_holds_no_event_up_for_long() {
    let (kept, manager) = kept(vec![version("v1", MINUTE), NEVER]).await;
    let asked = || manager.seen.lock().unwrap().len();
    let begun = Instant::now();
    assert_eq!((later(&kept, 5).await, begun.elapsed()), (1, PATIENCE));
    let tried = asked();
    assert_eq!((later(&kept, 5).await, asked()), (1, tried), "not at every event");
    assert_eq!(later(&kept, 6).await, 1);
    assert!(asked() > tried);
}

#[tokio::test]
async fn a_file_is_not_read_again() {
    let path = std::env::temp_dir().join(format!("tongguan-{}.toml", std::process::id()));
    std::fs::write(&path, MINUTE).unwrap();
    let (aws, manager) = manager(vec![]);
    let kept = ConfigCache::read(&aws, Source::File(path.clone()), Apart::Nowhere, NOW).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(later(&kept, 60).await, 1);
    assert!(manager.seen.lock().unwrap().is_empty());
}

/// A configuration whose endpoint and connection have credentials in the other secret.
const APART: &str = r#"
[[connections]]
id = "xhq-sh"
partner = "xhq"
keys = ["0123456789abcdef0123456789abcdef"]
app_id = { secret = "app-id" }

[[endpoints]]
id = "erp"
url = "https://erp.example.com/events"
secrets = [{ secret = "erp" }]
"#;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_WHSEC: &str = "whsec_ZXhhbXBsZS1vbmx5LXNlY3JldC1vZi0zMi1ieXRlcyE=";

fn values(version: &str, whsec: &str) -> (u16, Value) {
    self::version(version, &json!({"app-id": "4711", "erp": whsec}).to_string())
}

async fn sender(
    answers: Vec<(u16, Value)>,
    credentials: Vec<(u16, Value)>,
) -> (Result<ConfigCache, SetupError>, Manager) {
    let (aws, manager) = manager_of_two(answers, credentials);
    let apart = Apart::Secret(CREDENTIALS.to_owned());
    (ConfigCache::read(&aws, Source::Secret(ID.to_owned()), apart, NOW).await, manager)
}

/// The key that an endpoint's deliveries are signed with.
fn signs_with(kept: &ConfigCache) -> String {
    kept.current().endpoints[&"erp".into()].keys.as_ref().unwrap()[0].expose().to_owned()
}

#[tokio::test]
async fn credentials_of_the_second_secret_are_in_use() {
    let (kept, manager) = sender(vec![holds(APART)], vec![values("c1", WHSEC)]).await;
    let kept = kept.unwrap();
    assert_eq!(signs_with(&kept), WHSEC);
    assert!(kept.current().connections[&"xhq-sh".into()].credentials["app_id"].matches("4711"));
    assert_eq!(manager.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn rotation_of_the_credentials_alone_is_noticed() {
    let (kept, manager) =
        sender(vec![holds(APART)], vec![values("c1", WHSEC), values("c2", OTHER_WHSEC), values("c3", WHSEC)]).await;
    let kept = kept.unwrap();
    let asked = || manager.seen.lock().unwrap().len();
    kept.refresh(NOW.after(Duration::from_mins(4))).await;
    assert_eq!((signs_with(&kept).as_str(), asked()), (WHSEC, 2));
    kept.refresh(NOW.after(Duration::from_mins(5))).await;
    assert_eq!((signs_with(&kept).as_str(), asked()), (OTHER_WHSEC, 4));
    // A refused request has both read again, too.
    let CacheState::Current(_) = kept.renew(NOW.after(Duration::from_mins(6)), PATIENCE).await else {
        panic!("unknown")
    };
    assert_eq!((signs_with(&kept).as_str(), asked()), (WHSEC, 6));
}

#[tokio::test]
async fn unread_credentials_are_never_asked_for() {
    let (aws, manager) = manager_of_two(vec![holds(APART)], vec![values("c1", WHSEC)]);
    let kept = ConfigCache::read(&aws, Source::Secret(ID.to_owned()), Apart::Unread, NOW).await.unwrap();
    later(&kept, 5).await;
    let seen = manager.seen.lock().unwrap();
    assert!(seen.len() == 2 && seen.iter().all(|(_, body)| body["SecretId"] == ID), "{seen:?}");
    let config = kept.current();
    assert!(config.endpoints[&"erp".into()].keys.is_none());
    assert!(config.connections[&"xhq-sh".into()].credentials.is_empty());
}

#[tokio::test]
async fn a_name_that_the_second_secret_lacks_is_a_mistake() {
    let (kept, _) = sender(vec![holds(APART)], vec![holds("{\"app-id\": \"hunter2\"}")]).await;
    let said = telemetry::logs::chain(&kept.unwrap_err());
    assert!(said.contains("endpoints[0].secrets[0]: the value erp") && said.contains("(line 11)"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    // Removed later: the known value stays.
    let (kept, _) = sender(vec![holds(APART)], vec![values("c1", WHSEC), version("c2", "{}")]).await;
    let kept = kept.unwrap();
    assert!(matches!(kept.renew(NOW.after(Duration::from_mins(1)), PATIENCE).await, CacheState::Unknown));
    assert_eq!(signs_with(&kept), WHSEC);
}

#[tokio::test]
async fn a_document_with_named_credentials_needs_their_secret() {
    let (aws, _) = manager(vec![holds(APART)]);
    let error =
        ConfigCache::read(&aws, Source::Secret(ID.to_owned()), Apart::Nowhere, NOW).await.unwrap_err().to_string();
    assert!(error.contains("connections[0].app_id: is in a credentials secret, and none is given"), "{error}");
}

#[tokio::test]
async fn a_credentials_secret_that_is_unreadable_is_named() {
    for (answer, told) in [
        (refuses(400, "AccessDeniedException"), "AccessDenied"),
        ((200, json!({"Name": CREDENTIALS, "SecretBinary": "AAAA"})), "holds no text"),
        (holds("app-id = \"hunter2\""), "must be a JSON object of texts"),
    ] {
        let (kept, _) = sender(vec![holds(APART)], vec![answer]).await;
        let said = telemetry::logs::chain(&kept.unwrap_err());
        assert!(said.contains(CREDENTIALS) && said.contains(CREDENTIALS_SECRET_ID) && said.contains(told), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_secrets_that_do_not_come_take_no_longer_than_one() {
    let (kept, _) = sender(vec![holds(APART), NEVER], vec![values("c1", WHSEC), NEVER]).await;
    let kept = kept.unwrap();
    let begun = Instant::now();
    kept.refresh(NOW.after(Duration::from_mins(5))).await;
    assert_eq!((signs_with(&kept).as_str(), begun.elapsed()), (WHSEC, PATIENCE));
}

#[tokio::test]
async fn credentials_secret_of_a_file_configuration_is_refreshed() {
    let path = std::env::temp_dir().join(format!("tongguan-apart-{}.toml", std::process::id()));
    std::fs::write(&path, APART).unwrap();
    let (aws, _) = manager_of_two(vec![], vec![values("c1", WHSEC), values("c2", OTHER_WHSEC)]);
    let apart = Apart::Secret(CREDENTIALS.to_owned());
    let kept = ConfigCache::read(&aws, Source::File(path.clone()), apart, NOW).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(signs_with(&kept), WHSEC);
    kept.refresh(NOW.after(Duration::from_mins(5))).await;
    assert_eq!(signs_with(&kept), OTHER_WHSEC);
}
