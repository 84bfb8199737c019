//! One `GET` of a file: through the guard, with limits on size and time, and its content to this machine's disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use archive::{Archive, Draft, Drafted};
use bytes::Bytes;
use futures::FutureExt as _;
use http::Method;
use outbound::{Request, Sent, Sink, Trust};
use tokio::sync::Mutex;
use url::Url;

/// Limits of a fetch.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Longest duration, without the transfer of the content.
    pub(crate) timeout: Duration,
    /// Whether the address may be private or reserved.
    pub(crate) allow_private: bool,
    /// Accepted certificate authorities.
    pub(crate) trust: Trust,
    /// Size of the largest content in bytes.
    pub(crate) largest: u64,
}

/// The answer to a `GET`.
pub(crate) struct Answer {
    /// Everything of it but the content.
    pub(crate) sent: Sent,
    /// The content of a success that can be read; of one that is too large its beginning.
    pub(crate) content: Option<Drafted>,
}

impl Bounds {
    /// Whether content is larger than what is taken, in words.
    pub(crate) fn objection(&self, content: &Drafted) -> Option<String> {
        (content.bytes > self.largest).then(|| format!("is larger than {} MiB", self.largest >> 20))
    }
}

/// Content on its way, and why no more of it is taken.
struct Receiving {
    draft: Option<Draft>,
    failure: Option<io::Error>,
}

impl Receiving {
    async fn take(&mut self, piece: Bytes) -> io::Result<()> {
        let Some(draft) = &mut self.draft else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let taken = draft.write(&piece).await;
        taken.map_err(|error| {
            let kind = error.kind();
            self.failure = Some(error);
            kind.into()
        })
    }
}

/// Gets what is at an address, by `wire`, which is called once. An error is this machine's: nothing can be written to its disk.
pub(crate) async fn get<F, S>(url: Url, bounds: &Bounds, archive: Option<&dyn Archive>, wire: F) -> io::Result<Answer>
where
    F: FnOnce(Request) -> S,
    S: Future<Output = Sent>,
{
    let draft = match archive {
        Some(archive) => archive.draft().await.map_err(io::Error::other)?,
        None => Draft::begin(&std::env::temp_dir())?,
    };
    let receiving = Arc::new(Mutex::new(Receiving { draft: Some(draft), failure: None }));
    let taker = Arc::clone(&receiving);
    let sink = Sink::new(move |piece| {
        let taker = Arc::clone(&taker);
        async move { taker.lock().await.take(piece).await }.boxed()
    });
    let Bounds { timeout, allow_private, trust, largest } = bounds.clone();
    let request = Request {
        method: Method::GET,
        url,
        headers: vec![("accept".into(), "*/*".to_owned())],
        body: Bytes::new(),
        attached: None,
        sink: Some(sink),
        timeout,
        allow_private,
        trust,
        repeatable: true,
        // One byte more than the limit, so that a file of exactly that size is accepted.
        limit: usize::try_from(largest.saturating_add(1)).unwrap_or(usize::MAX),
    };
    let sent = wire(request).await;
    let mut receiving = receiving.lock().await;
    // A wire that takes no sink answers with the body.
    if let Sent::Answered { status: 200, unreadable: None, body, .. } = &sent
        && !body.is_empty()
    {
        let _ = receiving.take(body.clone()).await;
    }
    if let Some(failure) = receiving.failure.take() {
        return Err(failure);
    }
    let is_whole = matches!(sent, Sent::Answered { status: 200, unreadable: None, .. });
    let content = match receiving.draft.take().filter(|_| is_whole) {
        Some(draft) => Some(draft.finish().await?),
        None => None,
    };
    Ok(Answer { sent, content })
}
