//! The configuration, from a file or from Secrets Manager. The only place that names `aws-sdk-secretsmanager`.
//!
//! It is read during INIT and never in a request: a first connection costs hundreds of milliseconds on a small Lambda.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::Client;
use runtime::config::Config;

use crate::SetupError;
use crate::settings::Source;

/// How long a new connection may take.
const CONNECT: Duration = Duration::from_secs(1);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// How often it is asked at the most: together within the ten seconds that Lambda gives INIT.
const ATTEMPTS: u32 = 3;

/// Reads and checks the configuration.
pub(crate) async fn configuration(aws: &SdkConfig, source: Source) -> Result<Config, SetupError> {
    let text = match &source {
        Source::File(path) => file(path.clone())?,
        Source::Secret(id) => secret(aws, id).await?,
    };
    Config::parse(&text).map_err(|mistakes| SetupError::Mistaken { place: source, mistakes })
}

fn file(path: PathBuf) -> Result<String, SetupError> {
    std::fs::read_to_string(&path).map_err(|source| SetupError::Unreadable { path, source })
}

/// The text of a secret's current version.
async fn secret(aws: &SdkConfig, id: &str) -> Result<String, SetupError> {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    let config = aws_sdk_secretsmanager::config::Builder::from(aws)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .build();
    let answer = Client::from_conf(config).get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| SetupError::Secret {
        id: id.to_owned(),
        // `SdkError` says only "service error"; this says which, and never what the secret holds.
        source: Box::new(aws_sdk_secretsmanager::Error::from(error)),
    })?;
    let version = answer.version_id.unwrap_or_default();
    let text = answer.secret_string.ok_or_else(|| SetupError::NoText(id.to_owned()))?;
    tracing::info!(secret = id, version, "configuration read");
    Ok(text)
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
            let mut response = HttpResponse::new((*status).try_into().unwrap(), SdkBody::from(answer.to_string()));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.1");
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    async fn read(answers: Vec<(u16, Value)>) -> (Result<Config, SetupError>, Vec<(String, Value)>) {
        let manager = Manager { answers: Arc::new(answers), seen: Arc::default() };
        let credentials = Credentials::new("id", "key", None, None, "tests");
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("local"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(SharedHttpClient::new(manager.clone()))
            .build();
        let config = configuration(&aws, Source::Secret(ID.to_owned())).await;
        let seen = manager.seen.lock().unwrap().clone();
        (config, seen)
    }

    fn holds(text: &str) -> (u16, Value) {
        (
            200,
            json!({"ARN": "arn:aws:secretsmanager:x:1:secret:t", "Name": ID, "VersionId": "v1", "SecretString": text}),
        )
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
        let (config, seen) = read(vec![busy.clone(), busy.clone(), holds("")]).await;
        assert!(config.unwrap().connections.is_empty());
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
        let said = file("/nowhere/c.toml".into()).unwrap_err().to_string();
        assert!(said.contains("/nowhere/c.toml") && said.contains(CONFIG_FILE), "{said}");
    }
}
