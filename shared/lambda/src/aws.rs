//! What a function works with: built once, during INIT, with its connections open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use queue_sqs::SqsQueue;
use runtime::Context;
use runtime::config::{Config, Mistake};
use store::Store as _;
use store_dynamodb::DynamoStore;
use tokio::time::timeout;

/// What the deployed functions work with.
pub type Deployed = Context<DynamoStore, SqsQueue>;

/// The variable that names the configuration's file.
const CONFIG_FILE: &str = "TONGGUAN_CONFIG_FILE";
/// The variable that names the table.
const TABLE: &str = "TONGGUAN_TABLE";
/// The variable that names the queue.
const QUEUE_URL: &str = "TONGGUAN_QUEUE_URL";

/// What the SDK reads, and takes an empty value of for an address.
const ENDPOINTS: [&str; 4] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_STS"];

/// How long INIT waits for the first answers. A store that is slow now may be well when the first push comes.
const WARM: Duration = Duration::from_secs(3);

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A variable is missing or empty.
    #[error("the environment variable {0} is not set")]
    NotSet(&'static str),
    /// A variable is empty that must have a value or not be there.
    #[error("the environment variable {0} is empty; leave it out instead")]
    Empty(&'static str),
    /// The file of the configuration cannot be read.
    #[error("the configuration {} that {CONFIG_FILE} names cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration has mistakes.
    #[error("the configuration {} has mistakes: {}", path.display(), list(mistakes))]
    Mistaken {
        /// The file.
        path: PathBuf,
        /// All of them.
        mistakes: Vec<Mistake>,
    },
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What the environment says.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    config: PathBuf,
    table: String,
    queue: String,
}

impl Settings {
    fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self, SetupError> {
        let needed = |name| env(name).filter(|value| !value.trim().is_empty()).ok_or(SetupError::NotSet(name));
        if let Some(empty) = ENDPOINTS.into_iter().find(|name| env(name).is_some_and(|value| value.is_empty())) {
            return Err(SetupError::Empty(empty));
        }
        Ok(Self { config: needed(CONFIG_FILE)?.into(), table: needed(TABLE)?, queue: needed(QUEUE_URL)? })
    }
}

fn configuration(path: PathBuf) -> Result<Config, SetupError> {
    match std::fs::read_to_string(&path) {
        Err(source) => Err(SetupError::Unreadable { path, source }),
        Ok(text) => Config::parse(&text).map_err(|mistakes| SetupError::Mistaken { path, mistakes }),
    }
}

/// Starts logging and builds what a function works with, from `TONGGUAN_CONFIG_FILE`, `TONGGUAN_TABLE`,
/// `TONGGUAN_QUEUE_URL` and what the SDK reads. To be called once, before the first event: the connections it opens are
/// what the first push would wait for.
pub async fn context() -> Result<Deployed, SetupError> {
    runtime::logs::init(true);
    build().await.inspect_err(|error| tracing::error!(error = runtime::logs::chain(error), "cannot start"))
}

/// The HTTP client that both services share: one set of roots, one pool, one TLS provider in the binary.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

async fn build() -> Result<Deployed, SetupError> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let config = configuration(settings.config)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client()).load().await;
    let store = DynamoStore::new(store_dynamodb::client(&aws), settings.table);
    let queue = SqsQueue::new(queue_sqs::client(&aws), settings.queue);
    warm(&store, &queue).await;
    Ok(Context { config: Arc::new(config), store, queue, clock: runtime::system_clock() })
}

/// A failure is no reason not to start: the functions answer for an outage in their partner's words.
async fn warm(store: &DynamoStore, queue: &SqsQueue) {
    let (stored, queued) = tokio::join!(timeout(WARM, store.note("warm")), timeout(WARM, queue.warm()));
    match stored {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(error = runtime::logs::chain(&error), "the store does not answer yet"),
        Err(_) => tracing::warn!("the store does not answer in time yet"),
    }
    match queued {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = runtime::logs::chain(&error), "the queue does not answer yet"),
        Err(_) => tracing::warn!("the queue does not answer in time yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Settings, String> {
        let value = |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        Settings::read(value).map_err(|error| error.to_string())
    }

    const ALL: [(&str, &str); 3] = [(CONFIG_FILE, "c.toml"), (TABLE, "t"), (QUEUE_URL, "https://q")];

    #[test]
    fn a_missing_variable_is_named() {
        let settings = Settings { config: "c.toml".into(), table: "t".to_owned(), queue: "https://q".to_owned() };
        assert_eq!(read(&ALL), Ok(settings));
        for (place, (name, _)) in ALL.into_iter().enumerate() {
            for value in [None, Some(""), Some(" ")] {
                let mut set = ALL.to_vec();
                set.remove(place);
                set.extend(value.map(|value| (name, value)));
                assert_eq!(read(&set), Err(format!("the environment variable {name} is not set")));
            }
        }
    }

    #[test]
    fn an_empty_endpoint_is_named_before_the_sdk_meets_it() {
        let empty = [&ALL[..], &[("AWS_ENDPOINT_URL_SQS", "")]].concat();
        assert!(read(&empty).unwrap_err().contains("AWS_ENDPOINT_URL_SQS is empty"));
        assert!(read(&[&ALL[..], &[("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")]].concat()).is_ok());
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_named() {
        let error = configuration("/nowhere/c.toml".into()).unwrap_err();
        assert!(error.to_string().contains("/nowhere/c.toml") && error.to_string().contains(CONFIG_FILE), "{error}");
    }
}
