//! Dependencies of a function, built once during INIT with open connections.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use archive_s3::Bucket;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use config::Context;
use config::Mistake;
use hub::Clock;
use queue_sqs::SqsQueue;
use store::Store as _;
use store_dynamodb::DynamoStore;
use tokio::time::timeout;

use crate::config_cache::ConfigCache;
use crate::settings::{self, Apart, CONFIG_FILE, CREDENTIALS_SECRET_ID, FILES_BUCKET, SECRET_ID, Settings, Source};

/// Context of the deployed functions.
pub type Deployed = Context<DynamoStore, SqsQueue>;

/// Lambda's variable with the name of the function.
const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Time for which INIT waits for the first answers, because a push may be waiting and its deadline approaches. Slower ones
/// continue during the first event.
const WARM: Duration = Duration::from_millis(100);

/// Longest time for which statistics may keep a function from its next event: a push of a partner that waits for half a second
/// may be next.
const FLUSHING: Duration = Duration::from_millis(50);

/// Longest time for the first answers.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reason why a function cannot start. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A variable is missing or empty.
    #[error("the environment variable {0} is not set")]
    NotSet(&'static str),
    /// A variable is empty that must have a value or not be there.
    #[error("the environment variable {0} is empty; leave it out instead")]
    Empty(&'static str),
    /// Nothing says where the configuration is.
    #[error("there is no configuration: set {SECRET_ID} to a secret's name or {CONFIG_FILE} to a file's")]
    NoConfiguration,
    /// Two places are named for the configuration.
    #[error("there are two configurations: set {SECRET_ID} or {CONFIG_FILE}, not both")]
    TwoConfigurations,
    /// The file of the configuration cannot be read.
    #[error("the configuration {} that {CONFIG_FILE} names cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The secret of the configuration or of the credentials cannot be read: it is not there, must not be read, or does
    /// not come.
    #[error("the secret {id} that {variable} names cannot be read")]
    Secret {
        /// The secret's name or ARN.
        id: String,
        /// The variable that names it.
        variable: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The secret of the configuration or of the credentials is binary.
    #[error("the secret {id} that {variable} names holds no text")]
    NoText {
        /// The secret's name or ARN.
        id: String,
        /// The variable that names it.
        variable: &'static str,
    },
    /// The bucket of files cannot be used.
    #[error("the bucket {id} that {FILES_BUCKET} names cannot be used")]
    Bucket {
        /// The bucket's name.
        id: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The text of the credentials secret is not of its form.
    #[error("the text of the secret {id} that {CREDENTIALS_SECRET_ID} names {} (line {})", mistake.what, mistake.line)]
    Credentials {
        /// The secret's name or ARN.
        id: String,
        /// The mistake.
        mistake: Box<Mistake>,
    },
    /// The configuration has mistakes.
    #[error("the configuration in {place} has mistakes: {}", list(mistakes))]
    Mistaken {
        /// The place of the configuration.
        place: Source,
        /// All of them.
        mistakes: Vec<Mistake>,
    },
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A function as it is deployed: started once, and given a context for each invocation.
#[derive(Clone)]
pub struct Function {
    context: Deployed,
    cache: ConfigCache,
    aws: SdkConfig,
    bucket: Option<String>,
}

impl Function {
    /// The function with the archive of files, for those that fetch or serve any.
    pub fn with_archive(self) -> Result<Self, SetupError> {
        let bucket = self.bucket();
        let bucket =
            bucket.inspect_err(|error| tracing::error!(error = telemetry::logs::chain(error), "cannot start"))?;
        Ok(Self { context: self.context.with_archive(Arc::new(bucket)), ..self })
    }

    fn bucket(&self) -> Result<Bucket, SetupError> {
        let name = self.bucket.as_deref().ok_or(SetupError::NotSet(FILES_BUCKET))?;
        let bucket = Bucket::new(&self.aws, name, Arc::clone(&self.context.clock));
        bucket.map_err(|error| SetupError::Bucket { id: name.to_owned(), source: error.into() })
    }

    /// Context of one invocation: the cached configuration, and the store and queue that all invocations share.
    #[must_use]
    pub fn context(&self) -> Deployed {
        let (config, context) = (self.cache.current(), self.context.clone());
        let store = context.store.listing_recent(config.recent_events);
        Context { config, store, ..context }
    }

    /// The configuration, which is read again now and then.
    pub(crate) const fn cache(&self) -> &ConfigCache {
        &self.cache
    }

    /// Sees to it that what is known of the configuration is not older than minutes, where the secret can be read soon.
    pub(crate) async fn refresh(&self) {
        self.cache.refresh(self.context.now()).await;
    }

    /// Adds the statistics of this process to the store's where that was not done within the last minute. They stay with the
    /// process where the store does not take them soon.
    pub(crate) async fn flush(&self) {
        let (context, now) = (&self.context, self.context.now());
        if !context.counters.are_due(now) {
            return;
        }
        let failure = match timeout(FLUSHING, store::flush(&context.store, &context.counters, now)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => telemetry::logs::chain(&error),
            Err(_) => format!("the store did not answer within {FLUSHING:?}"),
        };
        tracing::warn!(error = failure, "the statistics of this process are not stored yet; they are added later");
    }

    /// Context of an asynchronous invocation (SQS, schedule): refreshes the configuration first, because no caller waits.
    pub(crate) async fn fresh(&self) -> Deployed {
        self.refresh().await;
        self.context()
    }
}

/// Starts logging and counting.
pub(crate) fn begin() {
    telemetry::logs::init(telemetry::logs::Form::Json);
    // The place alone: what a panic says may quote a body.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(place = panic.location().map(ToString::to_string), "panic");
    }));
    if let Ok(name) = std::env::var(FUNCTION) {
        telemetry::metrics::start(&name);
    }
}

/// Starts logging and builds what a function works with that calls partners or endpoints, from the
/// [`VARIABLES`](crate::VARIABLES) and what the SDK reads. To be called once, before the first event: the connections it
/// opens are what the first event would wait for.
pub async fn start() -> Result<Function, SetupError> {
    start_with(|id| id.map_or(Apart::Nowhere, Apart::Secret), true).await
}

/// The [`start`] of a function that only receives. It reads no credentials secret, which its role does not allow: what
/// the configuration says to be in that is unknown to it.
pub async fn start_without_credentials() -> Result<Function, SetupError> {
    start_with(|_| Apart::Unread, true).await
}

/// The [`start_without_credentials`] of a function that only reads: it sends no hint, which its role does not allow.
pub async fn start_reading() -> Result<Function, SetupError> {
    start_with(|_| Apart::Unread, false).await
}

/// The [`start`] of a function that shows what the credentials must not be in: it calls nobody and sends no hint, which its role does
/// not allow.
pub async fn start_showing() -> Result<Function, SetupError> {
    start_with(|id| id.map_or(Apart::Nowhere, Apart::Secret), false).await
}

async fn start_with(credentials: fn(Option<String>) -> Apart, hints: bool) -> Result<Function, SetupError> {
    begin();
    let built = build(credentials, hints).await;
    built.inspect_err(|error| tracing::error!(error = telemetry::logs::chain(error), "cannot start"))
}

/// The table, for a function that needs nothing else.
#[derive(Clone)]
pub struct Table {
    pub(crate) store: DynamoStore,
    pub(crate) clock: Clock,
}

/// Start of a function that needs only the table: it reads no configuration and uses no queue, and its role allows neither. It
/// has no waiting caller, so that no connection is opened ahead.
pub async fn start_with_table() -> Result<Table, SetupError> {
    begin();
    let table = settings::table(|name| std::env::var(name).ok());
    let table = table.inspect_err(|error| tracing::error!(error = telemetry::logs::chain(error), "cannot start"))?;
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client()).load().await;
    Ok(Table { store: DynamoStore::new(store_dynamodb::client(&aws), table), clock: telemetry::system_clock() })
}

/// Longest idle time of a reusable connection: longer than the interval between the events of a busy function. The store's
/// first attempt, which is short, detects one that died earlier, while the function was frozen.
const IDLE: Duration = Duration::from_mins(1);

/// The HTTP client that all services share: one set of roots, one pool, one TLS provider in the binary.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    Builder::new().pool_idle_timeout(IDLE).tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

async fn build(credentials: fn(Option<String>) -> Apart, hints: bool) -> Result<Function, SetupError> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    if let Some(revision) = &settings.revision {
        tracing::info!(revision, "starting");
    }
    let aws = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client()).load().await;
    let store = DynamoStore::new(store_dynamodb::client(&aws), settings.table);
    let queue = SqsQueue::new(queue_sqs::client(&aws), settings.queue, settings.calls);
    let clock = telemetry::system_clock();
    // Beside one another: each opens a connection of its own.
    let cache = Box::pin(ConfigCache::read(&aws, settings.config, credentials(settings.credentials), clock()));
    let warm = tokio::spawn(warm(store.clone(), hints.then(|| queue.clone())));
    let (cache, _) = tokio::join!(cache, timeout(WARM, warm));
    let cache = cache?;
    Ok(Function { context: Context::new(cache.current(), store, queue, clock), cache, aws, bucket: settings.files })
}

/// A failure is no reason not to start: the functions answer for an outage in their partner's words.
async fn warm(store: DynamoStore, queue: Option<SqsQueue>) {
    let queued = async {
        match &queue {
            Some(queue) => queue.warm().await,
            None => Ok(()),
        }
    };
    let (stored, queued) = tokio::join!(timeout(PATIENCE, store.note("warm")), timeout(PATIENCE, queued));
    match stored {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(error = telemetry::logs::chain(&error), "the store does not answer yet"),
        Err(_) => tracing::warn!("the store does not answer in time yet"),
    }
    match queued {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = telemetry::logs::chain(&error), "the queue does not answer yet"),
        Err(_) => tracing::warn!("the queue does not answer in time yet"),
    }
}
