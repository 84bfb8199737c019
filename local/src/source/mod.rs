//! The source that an operator's command works with: a hub over HTTP, or the database beside this process.
//!
//! Both are asked the requests of the HTTP API, and answer alike: the database through the functions themselves, which run in this
//! process. So a command is written once, and prints the same from both.

mod database;
mod page;
mod problem;
mod remote;

pub(crate) use database::{Access, Database};
pub(crate) use page::{Members, Pages};
pub(crate) use problem::Problem;
pub(crate) use remote::{Key, Remote, reachable};

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;

use crate::{indent, out};

/// A hub, or the database.
pub(crate) enum Source {
    Database(Box<Database>),
    Hub(Remote),
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// The segments of the path, without percent-encoding.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Asked {
    fn new(method: Method, path: &[&str], body: Bytes) -> Self {
        let path = path.iter().map(|segment| (*segment).to_owned()).collect();
        Self { method, path, query: Vec::new(), headers: Vec::new(), body }
    }

    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path, Bytes::new())
    }

    /// A request that changes something, with a body of JSON.
    pub(crate) fn post(path: &[&str], body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path, body.into()).header("content-type", "application/json".to_owned())
    }

    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value));
        self
    }

    /// With a query parameter, where it has a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

impl Source {
    /// Asks for something. The inner error is the answer's problem.
    pub(crate) async fn answer(&self, asked: &Asked) -> anyhow::Result<Result<Bytes, Problem>> {
        let Reply { status, body } = match self {
            Self::Database(database) => database.ask(asked).await?,
            Self::Hub(hub) => hub.ask(asked).await?,
        };
        if (200..300).contains(&status) {
            return Ok(Ok(body));
        }
        let asked = if let Self::Hub(hub) = self { Some(hub) } else { None };
        Ok(Err(Problem::read(status, &body, asked)))
    }

    /// Asks for something. A problem is an error.
    pub(crate) async fn get<T: DeserializeOwned>(&self, asked: &Asked) -> anyhow::Result<T> {
        let body = self.answer(asked).await??;
        serde_json::from_slice(&body).with_context(|| {
            format!("the answer to /{} is not of the form that this version knows", asked.path.join("/"))
        })
    }
}

/// Prints one object: indented, or in one line. The exit code has the result, even if the output's reader has gone.
pub(crate) fn print_object(json: &[u8], in_one_line: bool) -> std::io::Result<()> {
    let text = String::from_utf8_lossy(json);
    out::unless_closed(if in_one_line { out::json(text.trim()) } else { indent::print(&text) })
}
