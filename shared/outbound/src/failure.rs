//! Reasons for the lack of an answer.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::client::NoClient;
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
    /// Nothing was sent: this machine has no file descriptor left. That says nothing of whom it goes to.
    Exhausted,
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

    /// No answer within the time of the attempt.
    pub(crate) fn late() -> Self {
        Self::new(Kind::Timeout, "no answer in time".to_owned())
    }

    fn exhausted() -> Self {
        let text = "this machine has no file descriptor left: raise the hub's limit (ulimit -n), or the system's";
        Self::new(Kind::Exhausted, text.to_owned())
    }

    /// A client that could not be made for a connection.
    pub(crate) fn of_client(error: &NoClient) -> Self {
        let causes = std::iter::successors(Some(error as &(dyn Error + 'static)), |&cause| cause.source());
        let causes: Vec<_> = causes.collect();
        if causes.iter().any(|cause| is_exhaustion(*cause)) {
            return Self::exhausted();
        }
        let texts: Vec<_> = causes.iter().map(ToString::to_string).collect();
        Self::new(Kind::Connect, texts.join(": "))
    }

    /// The failure of a client's error: its causes, from the outermost to the innermost. Its own text is left out, because it
    /// contains the URL.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        let causes = || std::iter::successors(error.source(), |&cause| cause.source());
        if let Some(forbidden) = causes().find_map(|cause| cause.downcast_ref::<Forbidden>()) {
            return Self::new(Kind::Refused, forbidden.to_string());
        }
        if let Some(refused) = causes().find_map(certificate) {
            return Self::new(Kind::Connect, refused);
        }
        if causes().any(is_exhaustion) {
            return Self::exhausted();
        }
        let (kind, what) = if error.is_builder() {
            (Kind::Unsendable, "the request cannot be sent")
        } else if error.is_dns() {
            (Kind::Resolve, "the host's name could not be resolved")
        } else if error.is_connect() {
            (Kind::Connect, "no connection")
        } else if error.is_timeout() {
            return Self::late();
        } else {
            (Kind::Broken, "the connection broke")
        };
        // The system's resolver does not say why it has found nothing.
        if kind == Kind::Resolve && has_no_descriptor() {
            return Self::exhausted();
        }
        let cause = causes().last().map(ToString::to_string);
        Self::new(kind, cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}")))
    }
}

/// Reason why the server's certificate is not accepted, and the remedy; nothing where the error is not about a certificate.
fn certificate(cause: &(dyn Error + 'static)) -> Option<String> {
    // The error within one of input and output is not among its causes.
    if let Some(within) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return certificate(within);
    }
    let rustls::Error::InvalidCertificate(why) = cause.downcast_ref::<rustls::Error>()? else { return None };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not exhaustive, and most of it is told alike")]
    let why = match why {
        CertificateError::UnknownIssuer => {
            "is of an unknown authority: name that authority's certificate in ca_file".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired: its owner must renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: compare the clocks".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name: use a name of the certificate in the URL".to_owned()
        }
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is an authority's own: the server needs one that the authority has signed".to_owned()
        }
        other => format!("is not accepted: {other}"),
    };
    Some(format!("no connection: the server's certificate {why}"))
}

/// Whether a file or a socket could not be opened now.
fn has_no_descriptor() -> bool {
    std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).is_err_and(|error| is_exhaustion(&error))
}

/// Whether the system had no descriptor left, for the process or in all (`EMFILE`, `ENFILE`).
pub(crate) fn is_exhaustion(cause: &(dyn Error + 'static)) -> bool {
    const EXHAUSTED: [i32; 2] = [23, 24];
    let code = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
    cfg!(unix) && code.is_some_and(|code| EXHAUSTED.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lack_of_descriptors_differs_from_refused_connection() {
        for (code, is_ours) in [(23, true), (24, true), (111, false), (13, false)] {
            assert_eq!(is_exhaustion(&std::io::Error::from_raw_os_error(code)), is_ours && cfg!(unix), "{code}");
        }
    }
}
