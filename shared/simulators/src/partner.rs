//! A partner at work: it pushes, waits no longer than it says, reads the answer by its own rule and tries again by its
//! own rule.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use partners::configured::{PushTable, Reply};
use partners::{Json, Partner};
use tokio::net::TcpStream;

use crate::api::script;

/// Answer of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, a megabyte of it at most.
    pub body: Bytes,
}

/// Next step of the partner after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its push was taken; it is done.
    Taken,
    /// It pushes again after that long.
    Again(Duration),
    /// It will not push this again; why it does not count as taken.
    GivenUp(&'static str),
}

/// Reads an answer as the partner does, by the rule in its module of [`crate::api`], or by its table where it is a configured one;
/// `tries` counts the pushes so far, this one included, and `answer` is `None` where none came within the partner's deadline.
#[must_use]
pub fn after(partner: Partner, tries: u32, answer: Option<&Answer>) -> Next {
    match (script(partner), partner.push_table()) {
        (Some(script), _) => (script.after)(tries, answer),
        (None, Some(table)) => by_table(table, tries, answer),
        (None, None) => Next::GivenUp("the partner pushes nothing"),
    }
}

/// Takes the answers to a push that is kept for such, and repeats after any other as often as the table says.
fn by_table(table: &PushTable, tries: u32, answer: Option<&Answer>) -> Next {
    let is = |reply: &Reply, answer: &Answer| reply.status == answer.status && reply.body.as_bytes() == answer.body;
    let is_kept = |answer: &Answer| is(&table.answers.accepted, answer) || is(&table.answers.duplicate, answer);
    if answer.is_some_and(is_kept) {
        return Next::Taken;
    }
    let pause = usize::try_from(tries).ok().and_then(|tries| table.repeats.get(tries.checked_sub(1)?));
    pause.map_or(Next::GivenUp("another answer than to a push that is kept, and the retries are made"), |pause| {
        Next::Again(*pause)
    })
}

/// Three more pushes, each after that long; then none for the reason.
pub(crate) const fn again(tries: u32, interval: Duration, reason: &'static str) -> Next {
    if tries <= 3 { Next::Again(interval) } else { Next::GivenUp(reason) }
}

/// A member of the answer as printed, so that `"200"` is not 200 and `"true"` is not true.
pub(crate) fn member(body: &[u8], name: &str) -> Option<String> {
    Some(Json::parse(body).ok()?.get(name)?.text().to_owned())
}

/// One push and what became of it.
#[derive(Debug)]
pub struct Try {
    /// Its answer, or why there is none.
    pub answered: Result<Answer, Silence>,
    /// From the first byte sent, a new connection included, to the last byte of the answer.
    pub took: Duration,
    /// The partner's next step.
    pub verdict: Next,
}

/// Reason for the lack of an answer.
#[derive(Debug)]
pub enum Silence {
    /// No server listens there.
    Unreachable(std::io::Error),
    /// The connection broke before the answer was complete.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The partner's deadline passed.
    Late(Duration),
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => f.write_str("cannot connect"),
            Self::Broken(_) => f.write_str("the connection broke"),
            Self::Late(limit) => write!(f, "no answer within {} ms", limit.as_millis()),
        }
    }
}

impl std::error::Error for Silence {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::Broken(error) => Some(error.as_ref()),
            Self::Late(_) => None,
        }
    }
}

/// The text is no `http://host:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotABase;

impl fmt::Display for NotABase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be \"http://host:port\"; a partner is played over plain HTTP only")
    }
}

impl std::error::Error for NotABase {}

/// The longest body of an answer that is read.
const LONGEST_ANSWER: usize = 1 << 20;

/// A partner with one connection to the hub, kept alive from push to push. Several make a partner that pushes at once.
#[derive(Debug)]
pub struct Sender {
    partner: Partner,
    authority: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    headers: Vec<(String, String)>,
}

impl Sender {
    /// A partner that pushes to `base`, `http://host:port`.
    pub fn new(partner: Partner, base: &str) -> Result<Self, NotABase> {
        let authority = base.strip_prefix("http://").ok_or(NotABase)?.trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or(NotABase)?;
        if host.is_empty() || host.contains('/') || port.parse::<u16>().is_err() {
            return Err(NotABase);
        }
        Ok(Self { partner, authority: authority.to_owned(), connection: None, headers: Vec::new() })
    }

    /// The partner, with these headers in each of its pushes.
    #[must_use]
    pub fn with_headers(self, headers: Vec<(String, String)>) -> Self {
        Self { headers, ..self }
    }

    /// Pushes once, as the first try.
    pub async fn push(&mut self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Try {
        self.attempt(1, path, content_type, body.into()).await
    }

    /// Pushes until it is taken or given up. `wait` lets the time between two tries pass; `seen` is shown every try with
    /// its number, from 1. The last try, which is never [`Next::Again`], is the result.
    pub async fn play(
        &mut self,
        path: &str,
        content_type: &str,
        body: impl Into<Bytes>,
        wait: impl AsyncFn(Duration),
        mut seen: impl FnMut(u32, &Try),
    ) -> Try {
        let body = body.into();
        let mut tries = 1;
        loop {
            let done = self.attempt(tries, path, content_type, body.clone()).await;
            seen(tries, &done);
            match done.verdict {
                Next::Again(interval) => wait(interval).await,
                Next::Taken | Next::GivenUp(_) => return done,
            }
            tries += 1;
        }
    }

    async fn attempt(&mut self, tries: u32, path: &str, content_type: &str, body: Bytes) -> Try {
        let limit = self.partner.deadline();
        let begun = Instant::now();
        let exchange = self.exchange(path, content_type, body);
        let answered = match tokio::time::timeout(limit, exchange).await {
            Ok(answered) => answered,
            Err(_) => Err(Silence::Late(limit)),
        };
        let verdict = after(self.partner, tries, answered.as_ref().ok());
        Try { answered, took: begun.elapsed(), verdict }
    }

    /// The connection goes back only after a complete answer, so a try that was cut short leaves none behind.
    async fn exchange(&mut self, path: &str, content_type: &str, body: Bytes) -> Result<Answer, Silence> {
        let request = Request::post(path).header(HOST, &self.authority).header(CONTENT_TYPE, content_type);
        let with = |request: http::request::Builder, (name, value): &(String, String)| request.header(name, value);
        let request = self
            .headers
            .iter()
            .fold(request, with)
            .body(Full::new(body))
            .map_err(|error| Silence::Broken(error.into()))?;
        let mut connection = match self.connection.take() {
            Some(kept) if !kept.is_closed() => kept,
            _ => self.connect().await?,
        };
        if connection.ready().await.is_err() {
            connection = self.connect().await?;
        }
        let response = connection.send_request(request).await.map_err(|error| Silence::Broken(error.into()))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await.map_err(Silence::Broken)?;
        self.connection = Some(connection);
        Ok(Answer { status, body: body.to_bytes() })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Silence> {
        let stream = TcpStream::connect(&self.authority).await.map_err(Silence::Unreachable)?;
        stream.set_nodelay(true).map_err(Silence::Unreachable)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| Silence::Broken(error.into()))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn onedata_reads_the_status_alone_and_tries_four_times() {
        let two_minutes = Next::Again(Duration::from_mins(2));
        assert_eq!(after(Partner::OneData, 1, Some(&answer(200, "<html>"))), Next::Taken);
        for lost in [None, Some(&answer(503, r#"{"code":200}"#)), Some(&answer(202, ""))] {
            for tries in 1..=3 {
                assert_eq!(after(Partner::OneData, tries, lost), two_minutes);
            }
            assert!(matches!(after(Partner::OneData, 4, lost), Next::GivenUp(_)));
        }
    }

    #[test]
    fn trackingeyes_repeats_a_push_by_the_code_alone() {
        let after = |answer: Option<&Answer>| after(Partner::TrackingEyes, 1, answer);
        assert_eq!(after(Some(&answer(500, r#"{"code":200,"message":"success"}"#))), Next::Taken);
        assert!(matches!(after(Some(&answer(200, r#"{"code":500}"#))), Next::Again(_)));
        // Its document types `code` an integer.
        assert!(matches!(after(Some(&answer(200, r#"{"code":"200"}"#))), Next::Again(_)));
        for lost in [None, Some(&answer(200, r#"{"message":"x"}"#)), Some(&answer(502, "<html>"))] {
            assert!(matches!(after(lost), Next::GivenUp(_)));
        }
    }

    #[test]
    fn xhq_reads_the_state_alone_and_never_tries_again() {
        let after = |answer: Option<&Answer>| after(Partner::Xhq, 1, answer);
        assert_eq!(after(Some(&answer(500, r#"{"state":true,"msg":""}"#))), Next::Taken);
        for lost in [None, Some(&answer(200, r#"{"state":false}"#)), Some(&answer(200, r#"{"state":"true"}"#))] {
            assert!(matches!(after(lost), Next::GivenUp(_)));
        }
    }

    #[test]
    fn hubs_answers_are_read_by_the_partners_rules() {
        for partner in [Partner::Xhq, Partner::TrackingEyes, Partner::OneData] {
            let read = |verdict| {
                let partners::Answer { status, body, .. } = partners::answer::answer(partner, verdict, "busy");
                after(partner, 1, Some(&Answer { status, body: body.into() }))
            };
            for kept in [partners::Verdict::Accepted, partners::Verdict::Duplicate] {
                assert_eq!(read(kept), Next::Taken, "{partner}");
            }
            assert_ne!(read(partners::Verdict::Unavailable), Next::Taken, "{partner}");
        }
    }

    #[test]
    fn only_a_plain_base_is_taken() {
        for base in ["https://127.0.0.1:1", "127.0.0.1:1", "http://127.0.0.1", "http://:80", "http://a/b:80"] {
            assert_eq!(Sender::new(Partner::Xhq, base).unwrap_err(), NotABase, "{base}");
        }
        assert!(Sender::new(Partner::Xhq, "http://127.0.0.1:8787/").is_ok());
    }
}
