//! Traces: the names of traces and spans, the header that carries them, and which traces are recorded.
//!
//! The trace of an event is derived from the event's id, and its spans from the trace. So nothing of it is stored, and all attempts
//! belong to one trace: after a restart, days later, in another process. The formats are those of W3C Trace Context.

mod span;
mod spans;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::identity::cut;
use crate::{EventId, Hex, Utc};

pub use span::{Field, Kind, Span};
pub use spans::{MOST_SPANS, Spans};

/// Name of the header that carries a span to those who are called by it.
pub const TRACEPARENT: &str = "traceparent";

/// Field of log lines with the name of the trace. Where a span has no such field, its lines say nothing of it.
pub const TRACE_ID: &str = "trace_id";

/// Name of a trace: 16 bytes, printed as 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// Name of a span: 8 bytes, printed as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// A span as those know it who are called by it. Prints as the value of [`TRACEPARENT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The trace.
    pub trace: TraceId,
    /// The span in it.
    pub span: SpanId,
    /// Whether the trace is recorded.
    pub is_sampled: bool,
}

impl TraceId {
    /// The trace of an event or of a call: the beginning of the SHA-256 digest of its id as it is printed, so that everybody who has
    /// the id (`webhook-id`) has the trace.
    #[must_use]
    pub fn of(id: &EventId) -> Self {
        Self::of_parts(&[id.to_string().as_bytes()])
    }

    /// The trace of something without an id, named by what tells it apart.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        Self(digest(parts))
    }
}

impl SpanId {
    /// The span of a trace that these parts tell apart from its others.
    #[must_use]
    pub fn of_parts(trace: TraceId, parts: &[&[u8]]) -> Self {
        let all: Vec<&[u8]> = std::iter::once(&trace.0[..]).chain(parts.iter().copied()).collect();
        Self(digest(&all))
    }

    /// The reception of the push that brought an event, with which its trace begins.
    #[must_use]
    pub fn reception(trace: TraceId) -> Self {
        Self::of_parts(trace, &[b"reception"])
    }

    /// A further push that brought it, begun then.
    #[must_use]
    pub fn repetition(trace: TraceId, began: Utc) -> Self {
        Self::of_parts(trace, &[b"repetition", &began.0.to_be_bytes()])
    }

    /// The request for a call, with which its part of a trace begins.
    #[must_use]
    pub fn request(trace: TraceId, call: &EventId) -> Self {
        Self::of_parts(trace, &[b"request", &call.0])
    }

    /// An attempt at an event's delivery to that endpoint, or at a call (no endpoint), under a claim and begun then.
    #[must_use]
    pub fn attempt(trace: TraceId, event: &EventId, endpoint: &str, (claim, began): (u32, Utc)) -> Self {
        let (claim, began) = (claim.to_be_bytes(), began.0.to_be_bytes());
        Self::of_parts(trace, &[b"attempt", &event.0, endpoint.as_bytes(), &claim, &began])
    }
}

/// The first bytes of the digest of some parts. What precedes the last part is of a fixed length or has no byte of zero.
fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut digest = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            digest.update([0]);
        }
        digest.update(part);
    }
    cut(digest)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, is_sampled } = self;
        write!(f, "00-{trace}-{span}-{:02x}", u8::from(*is_sampled))
    }
}

/// The text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a traceparent is 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case and not all zeros")]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    /// Reads any version: a later one may have more behind the flags.
    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let mut parts = text.splitn(5, '-');
        let mut next = || parts.next().ok_or(NotAPlace);
        let ([version], trace, span, [flags]) =
            (bytes::<1>(next()?)?, bytes::<16>(next()?)?, bytes::<8>(next()?)?, bytes::<1>(next()?)?);
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) || trace == [0; 16] || span == [0; 8] {
            return Err(NotAPlace);
        }
        Ok(Self { trace: TraceId(trace), span: SpanId(span), is_sampled: flags & 1 == 1 })
    }
}

/// The bytes of so many hex digits in lower case.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NotAPlace> {
    let digit = |digit: &u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotAPlace),
    };
    if text.len() != 2 * N {
        return Err(NotAPlace);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        for half in pair {
            *byte = (*byte << 4) | digit(half)?;
        }
    }
    Ok(bytes)
}

/// Which traces are recorded: a share of all, told by the trace id alone, so that every process decides alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling(u64);

/// Number of values of the 56 bits by which it is decided, the last of the trace id, as OpenTelemetry's samplers do.
const ALL: u64 = 1 << 56;

impl Sampling {
    /// All traces.
    pub const EVERY: Self = Self(ALL);

    /// A share of the traces, from 0 for none to 1 for all; nothing of another number.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "2^56 is a float without loss, and the product lies between 0 and it"
    )]
    pub fn of(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * ALL as f64).round() as u64))
    }

    /// Whether a trace is recorded. One that begins at a caller's span is where the caller's is.
    #[must_use]
    pub fn takes(self, trace: TraceId, caller: Option<&Place>) -> bool {
        let number = trace.0.iter().skip(9).fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
        caller.map_or(number >= ALL - self.0, |caller| caller.is_sampled)
    }
}
