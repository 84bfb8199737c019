//! API Gateway: HTTP on one side, events of a REST API on the other, and an answer of its own where a function gives
//! none.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use crate::event::{self, Came};
use crate::failure::Failure;
use crate::function::Function;
use crate::serve::{Server, json, serve};
use crate::template::{Route, Template};

/// The stage that stands first in every path.
pub const STAGE: &str = "local";

/// The longest that the gateway waits.
const WAIT: Duration = Duration::from_secs(29);

/// The largest body that the gateway takes.
const BODY: usize = 10 << 20;

/// The largest event that Lambda takes.
const EVENT: usize = 6 << 20;

/// The gateway in front of some functions.
#[derive(Debug)]
pub struct Gateway {
    server: Server,
}

struct Shared {
    routes: Vec<(Route, Function)>,
    own: BTreeMap<Own, (u16, String)>,
}

/// Answers of the gateway itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Own {
    NoSuchRoute,
    TooLarge,
    Failed,
    TimedOut,
}

impl Own {
    const ALL: [Self; 4] = [Self::NoSuchRoute, Self::TooLarge, Self::Failed, Self::TimedOut];

    /// As API Gateway calls it.
    const fn kind(self) -> &'static str {
        match self {
            Self::NoSuchRoute => "MISSING_AUTHENTICATION_TOKEN",
            Self::TooLarge => "REQUEST_TOO_LARGE",
            Self::Failed => "INTEGRATION_FAILURE",
            Self::TimedOut => "INTEGRATION_TIMEOUT",
        }
    }
}

impl Gateway {
    /// Serves these routes; the gateway's own answers are the template's.
    pub(crate) async fn start(template: &Template, routes: Vec<(Route, Function)>) -> anyhow::Result<Self> {
        let own = Own::ALL.into_iter().map(|own| Ok((own, template.gateway_answer(own.kind())?)));
        let shared = Arc::new(Shared { routes, own: own.collect::<anyhow::Result<_>>()? });
        let server = serve(move |request| {
            let shared = Arc::clone(&shared);
            async move { Some(answer(&shared, request).await) }
        });
        Ok(Self { server: server.await? })
    }

    /// Address at which it listens. Every path begins with [`STAGE`].
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match integrate(shared, request).await {
        Ok(response) => response,
        Err(own) => {
            let (status, body) = shared.own.get(&own).cloned().unwrap_or_default();
            json(status, "application/json", body)
        }
    }
}

async fn integrate(shared: &Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Own> {
    let at = event::now();
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(STAGE)).ok_or(Own::NoSuchRoute)?;
    let method = head.method.as_str();
    let (route, function) =
        shared.routes.iter().find(|(route, _)| route.takes(method, path)).ok_or(Own::NoSuchRoute)?;
    let body = Limited::new(body, BODY).collect().await.map_err(|_| Own::TooLarge)?.to_bytes();
    let event = event::rest(&Came {
        method,
        path,
        uri: &head.uri,
        headers: &head.headers,
        body: &body,
        from: IpAddr::V4(Ipv4Addr::LOCALHOST),
        at,
        stage: STAGE,
        resource: &route.path,
    });
    let event = event.to_string();
    if event.len() > EVENT {
        return Err(Own::TooLarge);
    }
    match tokio::time::timeout(WAIT, function.invoke(event)).await {
        Ok(Ok(answer)) => proxied(&answer.body).ok_or(Own::Failed),
        Ok(Err(
            Failure::Throttled | Failure::Init(_) | Failure::Ended(_) | Failure::TimedOut | Failure::Reported(_),
        )) => Err(Own::Failed),
        Err(_) => Err(Own::TimedOut),
    }
}

/// The function's answer as HTTP; nothing where it is not of the form that API Gateway wants.
fn proxied(answer: &[u8]) -> Option<Response<Full<Bytes>>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true { BASE64_STANDARD.decode(text).ok()? } else { text.into() };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(answer["statusCode"].as_u64()?).ok()?).ok()?;
    let single = answer["headers"].as_object().into_iter().flatten().map(|(name, value)| (name, vec![value.clone()]));
    let several = answer["multiValueHeaders"].as_object().into_iter().flatten();
    let several = several.map(|(name, values)| (name, values.as_array().cloned().unwrap_or_default()));
    for (name, values) in single.chain(several) {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        response.headers_mut().remove(&name);
        for value in values {
            response.headers_mut().append(&name, HeaderValue::from_str(value.as_str()?).ok()?);
        }
    }
    Some(response)
}
