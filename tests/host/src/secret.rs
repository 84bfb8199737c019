//! Secrets Manager over HTTP, with two secrets: the configuration and its credentials.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::serve::{self, Server, serve};

/// The name of the secret whose text is the configuration.
pub(crate) const CONFIGURATION: &str = "tongguan";

/// The name of the secret of the credentials.
pub(crate) const CREDENTIALS: &str = "tongguan-credentials";

/// The secrets.
#[derive(Debug)]
pub struct Secrets {
    server: Server,
    held: Arc<Mutex<BTreeMap<&'static str, Held>>>,
}

#[derive(Debug)]
struct Held {
    text: String,
    version: u32,
}

impl Secrets {
    pub(crate) async fn start(configuration: String, credentials: String) -> anyhow::Result<Self> {
        let texts = [(CONFIGURATION, configuration), (CREDENTIALS, credentials)];
        let held = texts.map(|(name, text)| (name, Held { text, version: 1 }));
        let held = Arc::new(Mutex::new(BTreeMap::from(held)));
        let server = serve({
            let held = Arc::clone(&held);
            move |request| answer(Arc::clone(&held), request)
        });
        Ok(Self { server: server.await?, held })
    }

    /// Endpoint that the SDK uses as Secrets Manager.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Puts another configuration in, as a new version.
    pub fn put(&self, text: impl Into<String>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let version = held.get(CONFIGURATION).map_or(1, |held| held.version + 1);
        held.insert(CONFIGURATION, Held { text: text.into(), version });
    }
}

async fn answer(
    held: Arc<Mutex<BTreeMap<&'static str, Held>>>,
    request: Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    const JSON: &str = "application/x-amz-json-1.1";
    let target = request.headers().get("x-amz-target")?.to_str().ok()?.to_owned();
    let body: Value = serde_json::from_slice(&request.into_body().collect().await.ok()?.to_bytes()).ok()?;
    let name = body["SecretId"].as_str()?;
    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(held) = held.get(name).filter(|_| target == "secretsmanager.GetSecretValue") else {
        return Some(serve::json(400, JSON, r#"{"__type":"ResourceNotFoundException","message":"no such secret"}"#));
    };
    let version = format!("00000000-0000-4000-8000-{:012}", held.version);
    let secret = json!({"ARN": name, "Name": name, "VersionId": version, "SecretString": held.text});
    Some(serve::json(200, JSON, secret.to_string()))
}
