//! The configuration a function works by: read during INIT, its secrets again between events and for a request that
//! would be refused.

#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_config::SdkConfig;
use config::Config;
use hub::Utc;
use telemetry::metrics::{self, Metric, Sample};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use crate::SetupError;
use crate::origin::{Origin, Version};
use crate::settings::{Apart, Source};

/// Maximum age of the known configuration until its secrets are read again.
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
pub struct ConfigCache {
    current: Arc<RwLock<Known>>,
    origin: Arc<Origin>,
    /// Locked while the secrets are read, so that one reading serves all that wait for it.
    readings: Arc<Mutex<Readings>>,
}

#[derive(Debug)]
struct Known {
    config: Arc<Config>,
    version: Version,
}

/// The last reading of the secrets, and when another may be made.
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
    /// The cached configuration is that of the secrets.
    Current,
    /// The secrets hold an invalid configuration; the cached one is that before it.
    Mistaken,
    /// A secret could not be read in time.
    Failed,
}

/// State of the cache after a request that the cached configuration refuses.
#[derive(Clone, Debug)]
pub enum CacheState {
    /// The configuration in the secrets, as it was seconds ago at the most.
    Current(Arc<Config>),
    /// A secret could not be read in time, or has mistakes: it may hold what the request needs.
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

impl ConfigCache {
    /// Reads and checks the configuration, with its credentials where the function reads them.
    pub async fn read(aws: &SdkConfig, source: Source, credentials: Apart, now: Utc) -> Result<Self, SetupError> {
        let origin = Origin::new(aws, source, credentials)?;
        let texts = origin.read().await?;
        let version = texts.version.clone();
        if !origin.is_fixed() {
            let (secret, credentials) = (origin.document(), origin.credentials());
            let (document, apart) = (version.document.as_deref(), version.credentials.as_deref());
            tracing::info!(secret, version = document, credentials, credentials_version = apart, "configuration read");
        }
        let config = origin.parse(&texts)?;
        warn(&config);
        let current = Arc::new(RwLock::new(Known { config: Arc::new(config), version }));
        let readings = Readings::after(Reading::Current, now, Duration::ZERO);
        Ok(Self { current, origin: Arc::new(origin), readings: Arc::new(Mutex::new(readings)) })
    }

    /// The configuration as it is known now.
    #[must_use]
    pub fn current(&self) -> Arc<Config> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the secrets again where the known configuration is old. A reading that a refused request began is waited for.
    pub async fn refresh(&self, now: Utc) {
        if self.origin.is_fixed() {
            return;
        }
        let Ok(mut readings) = timeout(PATIENCE, self.readings.lock()).await else { return };
        if now >= readings.due {
            *readings = self.read_again(now).await;
        }
    }

    /// The configuration for a request that the known one refuses: the secrets are read again first, where the last
    /// reading is some seconds old. The caller waits for that no longer than `within`; the reading goes on and serves the
    /// next.
    pub async fn renew(&self, now: Utc, within: Duration) -> CacheState {
        if self.origin.is_fixed() {
            return CacheState::Current(self.current());
        }
        let kept = self.clone();
        let reading = async move {
            let mut readings = kept.readings.lock().await;
            if now >= readings.rested {
                *readings = kept.read_again(now).await;
            }
            readings.last
        };
        match timeout(within, tokio::spawn(reading.in_current_span())).await {
            Ok(Ok(Reading::Current)) => CacheState::Current(self.current()),
            Ok(Ok(Reading::Mistaken | Reading::Failed) | Err(_)) | Err(_) => CacheState::Unknown,
        }
    }

    /// Takes over what the secrets hold now, if they come in time. What does not is tried again later.
    async fn read_again(&self, now: Utc) -> Readings {
        let began = Instant::now();
        let last = timeout(PATIENCE, self.take_over(now)).await.unwrap_or_else(|_| {
            let (secret, credentials) = (self.origin.document(), self.origin.credentials());
            tracing::warn!(
                secret,
                credentials,
                "the secrets could not be read in time; the cached configuration stays"
            );
            Reading::Failed
        });
        Readings::after(last, now, began.elapsed())
    }

    async fn take_over(&self, now: Utc) -> Reading {
        let texts = match self.origin.read().await {
            Ok(texts) => texts,
            Err(error) => {
                let error = telemetry::logs::chain(&error);
                tracing::warn!(error, "a secret could not be read; the cached configuration stays");
                return Reading::Failed;
            }
        };
        if self.current.read().unwrap_or_else(PoisonError::into_inner).version.is(&texts.version) {
            return Reading::Current;
        }
        let (version, credentials) = (texts.version.document.as_deref(), texts.version.credentials.as_deref());
        match self.origin.parse(&texts) {
            Ok(config) => {
                warn(&config);
                let next = Known { config: Arc::new(config), version: texts.version.clone() };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
                let secret = self.origin.document();
                tracing::info!(secret, version, credentials_version = credentials, "configuration refreshed");
                Reading::Current
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(
                    version,
                    credentials_version = credentials,
                    error,
                    "the configuration is refused; the one before it stays"
                );
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
