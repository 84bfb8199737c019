//! Why there was no answer.

use std::error::Error;

use crate::guard::Forbidden;

/// At which step it ended. What matters to the caller: whether the request may have been acted upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing was sent and never will be: the URL is no http(s) URL or a header cannot be written.
    Unsendable,
    /// Nothing was sent: the address is private or reserved.
    Refused,
    /// Nothing was sent: the host's name has no address.
    Resolve,
    /// Nothing was sent: no connection, no TLS.
    Connect,
    /// It may have been acted upon: the answer did not come in time.
    Timeout,
    /// It may have been acted upon: the connection ended, or what came was no HTTP.
    Broken,
}

/// An attempt without an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) const fn new(kind: Kind, text: String) -> Self {
        Self { kind, text }
    }

    /// What the client's error says. Its own text is left out, because that is where the URL is; what caused it is told
    /// from the outermost cause to the innermost.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let causes = || std::iter::successors(error.source(), |&cause| cause.source());
        if let Some(forbidden) = causes().find_map(|cause| cause.downcast_ref::<Forbidden>()) {
            return Self::new(Kind::Refused, forbidden.to_string());
        }
        let (kind, what) = if error.is_builder() {
            (Kind::Unsendable, "the request cannot be sent")
        } else if error.is_dns() {
            (Kind::Resolve, "the host's name could not be resolved")
        } else if error.is_connect() {
            (Kind::Connect, "no connection")
        } else if error.is_timeout() {
            (Kind::Timeout, "no answer in time")
        } else {
            (Kind::Broken, "the connection broke")
        };
        let cause = causes().last().map(ToString::to_string).filter(|_| kind != Kind::Timeout);
        Self::new(kind, cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}")))
    }
}
