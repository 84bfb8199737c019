//! Secrets Manager over HTTP, with one secret: the configuration.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::serve::{self, Server, serve};

/// Its name.
pub(crate) const SECRET: &str = "tongguan";

/// The secret whose text is the configuration.
#[derive(Debug)]
pub struct Secret {
    server: Server,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug)]
struct Held {
    text: String,
    version: u32,
}

impl Secret {
    pub(crate) async fn start(text: String) -> anyhow::Result<Self> {
        let held = Arc::new(Mutex::new(Held { text, version: 1 }));
        let server = serve({
            let held = Arc::clone(&held);
            move |request| answer(Arc::clone(&held), request)
        });
        Ok(Self { server: server.await?, held })
    }

    /// What the SDK is to take for Secrets Manager.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Puts another text in, as a new version.
    pub fn put(&self, text: impl Into<String>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Held { text: text.into(), version: held.version + 1 };
    }
}

async fn answer(held: Arc<Mutex<Held>>, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    const JSON: &str = "application/x-amz-json-1.1";
    let target = request.headers().get("x-amz-target")?.to_str().ok()?.to_owned();
    let body: Value = serde_json::from_slice(&request.into_body().collect().await.ok()?.to_bytes()).ok()?;
    if target != "secretsmanager.GetSecretValue" || body["SecretId"] != SECRET {
        return Some(serve::json(400, JSON, r#"{"__type":"ResourceNotFoundException","message":"no such secret"}"#));
    }
    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
    let version = format!("00000000-0000-4000-8000-{:012}", held.version);
    let secret = json!({"ARN": SECRET, "Name": SECRET, "VersionId": version, "SecretString": held.text});
    Some(serve::json(200, JSON, secret.to_string()))
}
