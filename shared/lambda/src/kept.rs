//! The configuration a function works by: read during INIT, a secret again between events and for a request that would
//! be refused.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_config::SdkConfig;
use hub::Utc;
use runtime::config::Config;
use runtime::metrics::{self, Metric, Sample};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::SetupError;
use crate::secret::Secret;
use crate::settings::Source;

/// Maximum age of the known configuration until the secret is read again.
const FRESH: Duration = Duration::from_mins(5);

/// Pause after a reading that failed.
const RETRY: Duration = Duration::from_mins(1);

/// Time limit of one reading. A function asks for its next event no later than that.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pause between two readings for refused requests: a flood of wrong keys reads the secret no more often. For as long a
/// key that has just been put in may be refused.
const REST: Duration = Duration::from_secs(3);

/// The same pause after a reading that failed or found mistakes: whatever fails is not asked at every request.
const LONG_REST: Duration = Duration::from_secs(15);

/// The configuration, which may change between two requests and never within one, unless it would refuse that.
#[derive(Clone, Debug)]
pub struct Kept {
    current: Arc<RwLock<Version>>,
    /// A file is deployed with the function and does not change.
    secret: Option<Secret>,
    /// Locked while the secret is read, so that one reading serves all that wait for it.
    readings: Arc<Mutex<Readings>>,
}

#[derive(Debug)]
struct Version {
    config: Arc<Config>,
    /// The secret's; empty for a file.
    name: String,
}

/// The last reading of the secret, and when another may be made.
#[derive(Debug)]
struct Readings {
    last: Reading,
    /// The time of the next reading between two events.
    due: Utc,
    /// The earliest time of the next reading for a refused request.
    rested: Utc,
}

/// The result of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// What is known is what the secret held.
    Current,
    /// The secret held a text with mistakes. What is known is what it held before.
    Mistaken,
    /// The secret could not be read in time.
    Failed,
}

/// What is known after a request that the known configuration refuses.
#[derive(Clone, Debug)]
pub enum Renewed {
    /// The configuration in the secret, as it was seconds ago at the most.
    Current(Arc<Config>),
    /// The secret could not be read in time, or has mistakes: it may hold what the request needs.
    Unknown,
}

impl Readings {
    /// After a reading that began at `now` and took so long.
    fn after(last: Reading, now: Utc, took: Duration) -> Self {
        let (due, rest) = match last {
            Reading::Current => (FRESH, REST),
            Reading::Mistaken => (FRESH, LONG_REST),
            Reading::Failed => (RETRY, LONG_REST),
        };
        Self { last, due: now.after(due), rested: now.after(took + rest) }
    }
}

impl Kept {
    /// Reads and checks the configuration.
    pub async fn read(aws: &SdkConfig, source: Source, now: Utc) -> Result<Self, SetupError> {
        let (bytes, name, secret) = match &source {
            Source::File(path) => (file(path)?, String::new(), None),
            Source::Secret(id) => {
                let secret = Secret::new(aws, id.clone());
                let held = secret.read().await?;
                tracing::info!(secret = id, version = held.version, "configuration read");
                (held.text.into_bytes(), held.version, Some(secret))
            }
        };
        let config =
            Config::parse_bytes(&bytes).map_err(|mistakes| SetupError::Mistaken { place: source.clone(), mistakes })?;
        warn(&config);
        let current = Arc::new(RwLock::new(Version { config: Arc::new(config), name }));
        let readings = Readings::after(Reading::Current, now, Duration::ZERO);
        Ok(Self { current, secret, readings: Arc::new(Mutex::new(readings)) })
    }

    /// The configuration as it is known now.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the secret again where the known configuration is old. A reading that a refused request began is waited for.
    pub async fn refresh(&self, now: Utc) {
        let Some(secret) = &self.secret else { return };
        let Ok(mut readings) = timeout(PATIENCE, self.readings.lock()).await else { return };
        if now >= readings.due {
            *readings = self.read_again(secret, now).await;
        }
    }

    /// The configuration for a request that the known one refuses: the secret is read again first, where the last reading
    /// is some seconds old. The caller waits for that no longer than `within`; the reading goes on and serves the next.
    pub async fn renew(&self, now: Utc, within: Duration) -> Renewed {
        let Some(secret) = self.secret.clone() else { return Renewed::Current(self.current()) };
        let kept = self.clone();
        let reading = async move {
            let mut readings = kept.readings.lock().await;
            if now >= readings.rested {
                *readings = kept.read_again(&secret, now).await;
            }
            readings.last
        };
        match timeout(within, tokio::spawn(reading.in_current_span())).await {
            Ok(Ok(Reading::Current)) => Renewed::Current(self.current()),
            Ok(Ok(Reading::Mistaken | Reading::Failed) | Err(_)) | Err(_) => Renewed::Unknown,
        }
    }

    /// Takes over what the secret holds now, if it comes in time. What does not is tried again later.
    async fn read_again(&self, secret: &Secret, now: Utc) -> Readings {
        let began = Instant::now();
        let last = timeout(PATIENCE, self.take_over(secret, now)).await.unwrap_or_else(|_| {
            tracing::warn!(secret = secret.id(), "the secret does not come in time; the known configuration stays");
            Reading::Failed
        });
        Readings::after(last, now, began.elapsed())
    }

    async fn take_over(&self, secret: &Secret, now: Utc) -> Reading {
        let id = secret.id();
        let held = match secret.read().await {
            Ok(held) => held,
            Err(error) => {
                let error = runtime::logs::chain(&error);
                tracing::warn!(secret = id, error, "the secret cannot be read again; the known configuration stays");
                return Reading::Failed;
            }
        };
        let version = held.version.as_str();
        if !version.is_empty() && self.current.read().unwrap_or_else(PoisonError::into_inner).name == version {
            return Reading::Current;
        }
        match Config::parse(&held.text) {
            Ok(config) => {
                warn(&config);
                let next = Version { config: Arc::new(config), name: held.version.clone() };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
                tracing::info!(secret = id, version, "configuration refreshed");
                Reading::Current
            }
            Err(mistakes) => {
                let place = Source::Secret(id.to_owned());
                let error = SetupError::Mistaken { place, mistakes }.to_string();
                tracing::error!(version, error, "the configuration is refused; the one before it stays");
                metrics::emit(now, &Sample { values: vec![(Metric::ConfigurationRefused, 1.0)], ..Sample::default() });
                Reading::Mistaken
            }
        }
    }
}

fn warn(config: &Config) {
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
}

fn file(path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|source| SetupError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
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
    use crate::settings::{CONFIG_FILE, SECRET_ID};

    const ID: &str = "tongguan/configuration";
    const NOW: Utc = Utc(1_790_000_000_000_000);
    const MINUTE: &str = "sweep_every = \"1m\"\n";
    const TWO_MINUTES: &str = "sweep_every = \"2m\"\n";
    /// An answer that does not come.
    const NEVER: (u16, Value) = (0, Value::Null);

    /// Secrets Manager in process: gives these answers in order, the last one again and again.
    #[derive(Clone, Debug)]
    struct Manager {
        answers: Arc<Vec<(u16, Value)>>,
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
            let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
            let mut seen = self.seen.lock().unwrap();
            let (status, answer) = &self.answers[seen.len().min(self.answers.len() - 1)];
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
        let manager = Manager { answers: Arc::new(answers), seen: Arc::default() };
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
        let kept = Kept::read(&aws, Source::Secret(ID.to_owned()), NOW).await;
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
    async fn what_passes_is_tried_again_and_what_does_not_is_named() {
        let busy = refuses(500, "InternalServiceError");
        let (config, seen) = read(vec![busy.clone(), busy.clone(), holds(MINUTE)]).await;
        assert_eq!(config.unwrap().sweep_every, Duration::from_mins(1));
        assert_eq!(seen.len(), 3);
        let (config, seen) = read(vec![busy]).await;
        assert!(matches!(config, Err(SetupError::Secret { .. })));
        assert_eq!(seen.len(), 3, "INIT does not wait for ever");
        let (config, seen) = read(vec![refuses(400, "ResourceNotFoundException")]).await;
        let error = config.unwrap_err();
        let said = runtime::logs::chain(&error);
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
        let said = runtime::logs::chain(&config.unwrap_err());
        assert!(said.contains(ID) && said.contains("connections[0].keys[0]"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let said = file(Path::new("/nowhere/c.toml")).unwrap_err().to_string();
        assert!(said.contains("/nowhere/c.toml") && said.contains(CONFIG_FILE), "{said}");
    }

    /// Reads again at that minute, where it is time to; then the minutes between sweeps.
    async fn later(kept: &Kept, minutes: u64) -> u64 {
        kept.refresh(NOW.after(Duration::from_mins(minutes))).await;
        kept.current().sweep_every.as_secs() / 60
    }

    async fn kept(answers: Vec<(u16, Value)>) -> (Kept, Manager) {
        let (aws, manager) = manager(answers);
        (Kept::read(&aws, Source::Secret(ID.to_owned()), NOW).await.unwrap(), manager)
    }

    #[tokio::test]
    async fn a_changed_secret_is_in_use_after_five_minutes_and_not_read_before() {
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
        let (kept, manager) =
            kept(vec![holds(MINUTE), busy.clone(), busy.clone(), busy, version("v2", TWO_MINUTES)]).await;
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
        let kept = Kept::read(&aws, Source::File(path.clone()), NOW).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(later(&kept, 60).await, 1);
        assert!(manager.seen.lock().unwrap().is_empty());
    }
}
