//! The configuration and the credentials as secrets of Secrets Manager. The only place that names `aws-sdk-secretsmanager`.
//!
//! It is read during INIT and behind requests, never for one: a first connection costs hundreds of milliseconds on a
//! small Lambda.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;

use crate::SetupError;

/// Timeout for a new connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Timeout of one attempt.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Largest number of attempts, which together fit into Lambda's ten seconds for INIT.
const ATTEMPTS: u32 = 3;

/// A secret.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    client: Client,
    id: String,
    /// The environment variable that names it.
    variable: &'static str,
}

/// A secret's text and version.
pub(crate) struct SecretText {
    pub(crate) text: String,
    /// Version id in Secrets Manager; empty where the answer has none.
    pub(crate) version: String,
}

impl Secret {
    pub(crate) fn new(aws: &SdkConfig, id: String, variable: &'static str) -> Self {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
        let config = aws_sdk_secretsmanager::config::Builder::from(aws)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .build();
        Self { client: Client::from_conf(config), id, variable }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The text of its current version.
    pub(crate) async fn read(&self) -> Result<SecretText, SetupError> {
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await;
        let answer = answer.map_err(|error| SetupError::Secret {
            id: self.id.clone(),
            variable: self.variable,
            // `SdkError` says only "service error"; this says which, and never what the secret holds.
            source: Box::new(aws_sdk_secretsmanager::Error::from(error)),
        })?;
        let text =
            answer.secret_string.ok_or_else(|| SetupError::NoText { id: self.id.clone(), variable: self.variable })?;
        Ok(SecretText { text, version: answer.version_id.unwrap_or_default() })
    }
}
