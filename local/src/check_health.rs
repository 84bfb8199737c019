//! `tongguan health`: asks a hub whether it can receive pushes, as the health check of a container or of a monitor does.
//!
//! It needs no key, and of the configuration the address alone: a check that reads more would fail with it.

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use outbound::{Client, KeepAlive, Request, Sent, Trust};
use serde::Deserialize;
use url::Url;

use crate::place::Place;

/// Timeout of the request: the hub tries its store for 2 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes.
const LONGEST: usize = 16 * 1024;

/// Asks the hub and prints a line. Exits with 1 where it is not healthy or does not answer.
pub(crate) async fn run(place: &Place) -> anyhow::Result<ExitCode> {
    let url = place.address()?.join("health")?;
    let sent = Client::new(KeepAlive::Never)?.send(request(&url)).await;
    Ok(match judged(&sent) {
        Ok(()) => {
            say!("the hub at {} is healthy", origin(&url))?;
            ExitCode::SUCCESS
        }
        Err(reason) => {
            tell!("tongguan: the hub at {} is not healthy: {reason}", origin(&url));
            ExitCode::FAILURE
        }
    })
}

fn request(url: &Url) -> Request {
    Request {
        method: Method::GET,
        url: url.clone(),
        headers: Vec::new(),
        body: Bytes::new(),
        timeout: PATIENCE,
        allow_private: true,
        trust: Trust::default(),
        repeatable: true,
        limit: LONGEST,
        attached: None,
        sink: None,
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Health by an answer, otherwise the reason.
fn judged(sent: &Sent) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Told {
        reason: String,
    }
    match sent {
        Sent::Answered { status: 200, .. } => Ok(()),
        Sent::Answered { status, body, .. } => match serde_json::from_slice::<Told>(body) {
            Ok(Told { reason }) => Err(reason),
            Err(_) => Err(format!("it answers {status}; perhaps another program listens there")),
        },
        Sent::Failed { text, .. } => Err(text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_of_a_sick_hub_gives_its_reason() {
        let sick = Sent::answer(503, Bytes::from_static(br#"{"status":"unavailable","reason":"the disk is full"}"#));
        assert_eq!(judged(&sick), Err("the disk is full".to_owned()));
        let other = Sent::answer(404, Bytes::from_static(b"<html>"));
        assert!(judged(&other).unwrap_err().contains("404"));
        assert_eq!(judged(&Sent::answer(200, Bytes::from_static(b"{}"))), Ok(()));
    }
}
