//! Clients of the SDK for an AWS that is played.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// Configuration of clients that send their requests by this HTTP client.
#[must_use]
pub fn sdk_config(http: SharedHttpClient) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "tests")))
        .http_client(http)
        .build()
}

/// Status and JSON body of a response, or a connection that failed.
pub type Answered = Result<(u16, String), ConnectorError>;

type Answering = dyn Fn(String, String) -> Pin<Box<dyn Future<Output = Answered> + Send>> + Send + Sync;

/// An HTTP client whose requests are answered in this process, by their target (`DynamoDB_20120810.PutItem`) and their
/// body.
pub fn in_process<F, A>(answer: F) -> SharedHttpClient
where
    F: Fn(String, String) -> A + Send + Sync + 'static,
    A: Future<Output = Answered> + Send + 'static,
{
    SharedHttpClient::new(InProcess(Arc::new(move |target, body| Box::pin(answer(target, body)))))
}

#[derive(Clone)]
struct InProcess(Arc<Answering>);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let answer = (self.0)(target, body);
        HttpConnectorFuture::new(async move {
            let (status, body) = answer.await?;
            let status = status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        })
    }
}
